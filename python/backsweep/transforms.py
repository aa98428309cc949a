"""Functions of functions: derivatives of a whole structure of tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from backsweep import _core
from backsweep._core import Tensor

__all__ = ["value_and_grad"]


def value_and_grad(f: Callable[..., Tensor]) -> Callable[..., tuple[Tensor, Any]]:
    """Give a function that computes f and the gradients by its first argument.

    The first argument is a tensor, or tensors in nested lists, tuples and dicts; the gradients come in the
    same nesting, zeros where f does not depend on a tensor. They can be differentiated again by what the
    argument was computed from. Works inside `bs.compile` too.

    Examples
    --------
    >>> loss, slopes = bs.value_and_grad(lambda w: (w["a"] * w["b"]).sum())({"a": a, "b": b})
    """

    @wraps(f)
    def both(first: Any, *args: Any, **kwargs: Any) -> tuple[Tensor, Any]:
        leaves: list[Tensor] = []
        again = []  # whether an outer derivative passes through here

        def leaf(x: Tensor) -> Tensor:
            again.append(_core.is_grad_enabled() and x.requires_grad)
            with _core.enable_grad():
                leaves.append(x.reshape(x.shape) if again[-1] else x.detach().requires_grad_())
            return leaves[-1]

        given = _map(leaf, first)
        with _core.enable_grad():
            value = f(given, *args, **kwargs)
            found = _core.grad(value, leaves, create_graph=any(again), allow_unused=True)
        grads = iter([_core.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)])
        return (value if any(again) else value.detach()), _map(lambda _: next(grads), first)

    return both


def _map(f: Callable[[Tensor], Tensor], tree: Any) -> Any:
    if isinstance(tree, Tensor):
        return f(tree)
    if isinstance(tree, (list, tuple)):
        return type(tree)([_map(f, part) for part in tree])
    if isinstance(tree, dict):
        return {name: _map(f, part) for name, part in tree.items()}
    raise TypeError(f"[value_and_grad] takes tensors in lists, tuples and dicts, not {type(tree).__name__}")
