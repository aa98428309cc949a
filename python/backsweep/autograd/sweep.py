"""Sweeps: the gradients of tensors by tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._core import Tensor

__all__ = ["backward", "grad"]

Tensors = Tensor | Sequence[Tensor]


def _listed(tensors: Any) -> list[Any]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """Give the gradients of sum_k <outputs[k], grad_outputs[k]> by each of `inputs`, always as a tuple.

    Parameters
    ----------
    outputs, inputs : Tensor or sequence of Tensor
        Any results, and any tensors that they were computed from.
    grad_outputs : Tensor or sequence of Tensor or None, optional
        Of the shapes of `outputs`; None stands for 1 of an output of one element.
    retain_graph : bool, optional
        Whether the graph can be differentiated again; by default as `create_graph`.
    create_graph : bool, default False
        Whether the gradients can be differentiated.
    only_inputs : bool, default True
        PyTorch's; nothing else ever gets a gradient here.
    allow_unused : bool, optional
        Whether inputs that the outputs do not depend on get None; by default as `materialize_grads`.
    is_grads_batched : bool, default False
        Whether axis 0 of `grad_outputs`, and of the gradients, is a batch of them.
    materialize_grads : bool, default False
        Whether such inputs get zeros.

    Raises
    ------
    GraphError
        If an output has no history, or an input is not used and that is not allowed.
    ShapeError
        If a gradient has not the shape of its output.
    """
    del only_inputs
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "[grad] Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    unused = materialize_grads if allow_unused is None else allow_unused
    of, by = _listed(outputs), _listed(inputs)
    seeds = None if grad_outputs is None else _listed(grad_outputs)

    def sweep(given: Sequence[Tensor | None] | None) -> tuple[Tensor | None, ...]:
        made: tuple[Tensor | None, ...] = _core.grad(of, by, given, retain_graph, create_graph, unused)
        return made

    if is_grads_batched:
        if seeds is None or not any(g is not None for g in seeds):
            raise ValueError("[grad] is_grads_batched needs grad_outputs: a batch of them is axis 0")
        batches = [g for g in seeds if g is not None]

        def of_one(samples: list[Tensor]) -> list[Tensor | None]:
            each = iter(samples)
            return list(sweep([None if g is None else next(each) for g in seeds]))

        found: Sequence[Tensor | None] = _core.batch(of_one, batches, batches[0].shape[0], "same")
    else:
        found = sweep(seeds)
    if not materialize_grads:
        return tuple(found)
    return tuple(_core.zeros_like(x) if g is None else g for x, g in zip(by, found, strict=True))


def backward(
    tensors: Tensors,
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Tensor | Sequence[Tensor | None] | None = None,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradients of sum_k <tensors[k], grad_tensors[k]> to `.grad` of the leaves.

    Parameters
    ----------
    tensors : Tensor or sequence of Tensor
        Any results.
    grad_tensors, grad_variables : Tensor or sequence of Tensor or None, optional
        Of the shapes of `tensors`; None stands for 1 of a tensor of one element.
    retain_graph : bool, optional
        Whether the graph can be differentiated again; by default as `create_graph`.
    create_graph : bool, default False
        Whether the gradients can be differentiated.
    inputs : Tensor or sequence of Tensor, optional
        What gets its gradient, results too: all leaves by default.
    """
    weights = grad_variables if grad_tensors is None else grad_tensors
    _core.backward(tensors, weights, retain_graph, create_graph, inputs)
