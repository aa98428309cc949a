"""Python functions that are methods of Tensor too: the one way to make them so.

What can be an op of the registry is one, and then a method by itself. What cannot (its arguments are text or
callables, its results' sizes depend on values, it needs SciPy) is a function in Python; `@method` makes it a
method under its own name, `@attribute` an attribute. The stub generator finds it there and reads its
annotations, whose names are those that the head of `_core.pyi` has: Tensor, TensorLike, DTypeLike, Size,
Sequence, Callable, Any, Literal, NoReturn, np, npt, _device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from backsweep._core import Tensor

__all__ = ["attribute", "method"]

F = TypeVar("F", bound=Callable[..., Any])


def method(fn: F) -> F:
    """Make fn, whose first parameter is a tensor, a method of Tensor as well."""
    _put(fn.__name__, fn)
    return fn


def attribute(fn: F) -> F:
    """Make fn, whose only parameter is a tensor, an attribute of Tensor that is read."""
    _put(fn.__name__, property(fn))
    return fn


def _put(name: str, member: Any) -> None:
    if name in vars(Tensor):
        raise TypeError(f"Tensor.{name} is there already: an op, or what is written in C++, has that name")
    setattr(Tensor, name, member)
