"""vmap: a function of one sample on a batch of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep._tree import flatten, map_tree

__all__ = ["vmap"]

_WORDS = ("error", "different", "same")


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Give a function that does for a batch what `func` does for one sample.

    `func` runs once, on tensors that stand for any sample; each op that it has recorded is then applied to
    the
    whole batch: a product of one sample becomes one product of all. So it must not read values (`if x > 0`):
    `bs.where` chooses. vmaps nest, are differentiated, differentiate inside (`vmap(grad(f))` gives the
    gradients of samples), and are part of what `bs.compile` records.

    Parameters
    ----------
    func : callable
        Takes and gives tensors, also in nested lists, tuples and dicts. It may use tensors from elsewhere,
        parameters among them: these are the same for all samples.
    in_dims : int, None or a nesting of these, default 0
        Which axis of each argument is the batch; None where all samples have the same. A nesting follows that
        of the arguments.
    out_dims : int, None or a nesting of these, default 0
        Where results have the batch; None where a result is the same for all samples.
    randomness : {'error', 'different', 'same'}, default 'error'
        What random numbers inside are: refused, drawn for each sample, or drawn once.
    chunk_size : int, optional
        At most so many samples at a time.

    Returns
    -------
    callable
        With the arguments of `func`. Keyword arguments are the same for all samples.

    Raises
    ------
    ValueError
        If axes are not there or differ in size, or nothing has a batch.
    GraphError
        If `func` reads a value, or writes one into a parameter or buffer.

    Examples
    --------
    >>> gradients = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, inputs, targets)
    """
    if randomness not in _WORDS:
        raise RuntimeError(
            f"[vmap] Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"
        )
    if chunk_size is not None and not (chunk_size > 0):
        raise ValueError(f"[vmap] vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def on_batch(*args: Any, **kwargs: Any) -> Any:
        given, build = flatten(args)
        dims = _axes_of_arguments(in_dims, args, func)
        axes = [
            _axis(value, dim, "in_dims") if dim is not None else None
            for value, dim in zip(given, dims, strict=True)
        ]
        sizes = {value.shape[axis] for value, axis in zip(given, axes, strict=True) if axis is not None}
        if not sizes:
            raise ValueError(
                f"[vmap] vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): at least one input must have "
                "a batch: all in_dims are None"
            )
        if len(sizes) > 1:
            raise ValueError(
                f"[vmap] vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
                f"{sorted(sizes)} for the mapped dimension"
            )
        (size,) = sizes
        batches = [
            _moved(value, axis, 0) if axis is not None else None
            for value, axis in zip(given, axes, strict=True)
        ]
        shape: list[Any] = []

        def call(samples: list[Tensor]) -> list[Tensor | None]:
            each = iter(samples)
            values = [value if axis is None else next(each) for value, axis in zip(given, axes, strict=True)]
            result = func(*build(values), **kwargs)
            found, rebuild = flatten(result)
            for value in found:
                if not isinstance(value, Tensor):
                    raise ValueError(
                        f"[vmap] vmap({_name(func)}, ...): `{_name(func)}` must only return Tensors, got "
                        f"type {type(value)}"
                    )
            shape[:] = [result, rebuild]
            return found

        def run(parts: list[Tensor], n: int) -> list[Tensor]:
            return _core.batch(call, parts, n, randomness)

        mapped = [b for b in batches if b is not None]
        if chunk_size is None or chunk_size >= size:
            made = run(mapped, size)
        else:
            pieces = [
                run([b[k : k + chunk_size] for b in mapped], min(chunk_size, size - k))
                for k in range(0, size, chunk_size)
            ]
            made = [_core.cat(list(parts)) for parts in zip(*pieces, strict=True)]
        result, rebuild = shape
        places = _axes_of_results(out_dims, result, func)
        return rebuild(
            made_k[0] if place is None else made_k if place == 0 else _moved(made_k, 0, place)
            for made_k, place in zip(made, places, strict=True)
        )

    return on_batch


def _moved(t: Tensor, source: int, to: int) -> Tensor:
    order = [d for d in range(t.ndim) if d != source]
    order.insert(to % t.ndim, source)
    return t if source == to else t.permute(order)


def _name(func: Callable[..., Any]) -> str:
    return getattr(func, "__name__", repr(func))


def _axis(value: Any, dim: Any, argument: str) -> int:
    if not isinstance(value, Tensor):
        raise ValueError(
            f"[vmap] Got {argument}={dim} for an input but the input is of type {type(value)}. We cannot "
            "vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    if value.ndim == 0:
        raise ValueError(
            f"[vmap] Got {argument}={dim} for some input, but that input is a Tensor of dimensionality 0: it "
            "has no axis that could be the batch"
        )
    if not -value.ndim <= dim < value.ndim:
        raise ValueError(
            f"[vmap] Got {argument}={dim} for some input, but that input is a Tensor of dimensionality "
            f"{value.ndim}, so expected {argument} to be in range [-{value.ndim}, {value.ndim})"
        )
    return int(dim) % value.ndim


def _is_axis(dims: Any) -> bool:
    return dims is None or (isinstance(dims, int) and not isinstance(dims, bool))


def _spread(dims: Any, tree: Any, refuse: Callable[[], Exception]) -> list[int | None]:
    """Give one axis for each leaf of the tree, of a nesting that may end above the leaves."""
    if _is_axis(dims):
        return [dims for _ in flatten(tree)[0]]
    if isinstance(dims, dict) and isinstance(tree, dict) and dims.keys() == tree.keys():
        return [axis for name, part in tree.items() for axis in _spread(dims[name], part, refuse)]
    both = (list, tuple)
    if isinstance(dims, both) and isinstance(tree, both) and len(dims) == len(tree):
        return [axis for d, part in zip(dims, tree, strict=True) for axis in _spread(d, part, refuse)]
    raise refuse()


def _axes_of_arguments(in_dims: Any, args: tuple[Any, ...], func: Callable[..., Any]) -> list[int | None]:
    def refuse() -> Exception:
        return ValueError(
            f"[vmap] vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): in_dims is not compatible with "
            "the structure of inputs: it is an int, None, or a nesting like that of the arguments"
        )

    if isinstance(in_dims, list):
        in_dims = tuple(in_dims)
    if not (isinstance(in_dims, tuple) or (isinstance(in_dims, int) and not isinstance(in_dims, bool))):
        raise refuse()
    dims = _spread(in_dims, args, refuse)
    if isinstance(in_dims, int):  # for all tensors
        return [
            axis if isinstance(v, Tensor) else None for axis, v in zip(dims, flatten(args)[0], strict=True)
        ]
    return dims


def _axes_of_results(out_dims: Any, result: Any, func: Callable[..., Any]) -> list[int | None]:
    def refuse() -> Exception:
        return ValueError(
            f"[vmap] vmap({_name(func)}, ..., out_dims={out_dims}): out_dims is not compatible with the "
            f"structure of the outputs: {map_tree(lambda _: '*', result)}"
        )

    if isinstance(result, Tensor) and isinstance(out_dims, tuple) and len(out_dims) == 1:
        (out_dims,) = out_dims
    return _spread(out_dims, result, refuse)
