"""Functions of functions: derivatives of a whole structure of tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from backsweep._core import Tensor
from backsweep.func.derivatives import gradient_and_value

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
    both = gradient_and_value("value_and_grad", f)

    @wraps(f)
    def swapped(*args: Any, **kwargs: Any) -> tuple[Tensor, Any]:
        gradients, value = both(*args, **kwargs)
        return value, gradients

    return swapped
