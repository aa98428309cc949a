"""Checks of arguments where they come in: what is wrong, and what it should be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index
from typing import Any, TypeVar

import numpy as np

from backsweep import _core
from backsweep._core import DTypeError, Tensor

__all__ = ["entries", "flag", "floats", "kept", "number", "one_of", "shown", "sizes", "tensor", "whole"]


W = TypeVar("W", bound=str)


def whole(op: str, name: str, value: int, least: int | None = 1) -> int:
    """Give an argument that must be a whole number, as an int, or raise."""
    try:
        given = index(value)
    except TypeError:
        raise TypeError(f"[{op}] {name} is {shown(value)}; it must be a whole number") from None
    if least is not None and given < least:
        raise ValueError(f"[{op}] {name} is {shown(given)}; it must be at least {least}")
    return given


def number(op: str, name: str, value: Any) -> float:
    """Give an argument that must be a number, or a tensor or array of one, as a float, or raise."""
    if type(value) is float:
        return value
    try:
        if not isinstance(value, str):
            return float(value)
    except OverflowError:
        raise ValueError(f"[{op}] {name} is {shown(value)}, which does not fit a float") from None
    except (TypeError, ValueError, RuntimeError):
        pass
    raise TypeError(f"[{op}] {name} is {shown(value)}; it must be a number")


def kept(op: str, name: str, value: Any) -> float:
    """Give an argument that must be a number as `number` does, but an int as it is: texts show it so."""
    given = number(op, name, value)
    return value if type(value) is int else given


def flag(op: str, name: str, value: Any) -> bool:
    """Give an argument that must be True or False, or raise; 0 and 1 count."""
    if isinstance(value, (bool, np.bool_)) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise TypeError(f"[{op}] {name} is {shown(value)}; it must be True or False")


def one_of(op: str, name: str, value: W, allowed: Sequence[W]) -> W:
    """Give an argument that must be one of some words, or raise."""
    given: object = value
    if isinstance(given, str) and given in allowed:
        return value
    words = ", ".join(f'"{word}"' for word in allowed[:-1])
    raise ValueError(f'[{op}] {name} is {shown(value)}; it must be {words} or "{allowed[-1]}"')


def entries(op: str, name: str, value: Any) -> list[tuple[Any, Any]]:
    """Give an argument that must be a dict, or what has `items`, or pairs, as pairs, or raise."""
    given = value.items() if hasattr(value, "items") and not isinstance(value, type) else value
    if isinstance(given, Iterable) and not isinstance(given, (str, Tensor)):
        pairs = list(given)
        if all(isinstance(pair, Sequence) and len(pair) == 2 for pair in pairs):
            return [(key, item) for key, item in pairs]
    raise TypeError(f"[{op}] {name} is {shown(value)}; it must be a dict, or pairs of names and values")


def sizes(op: str, name: str, value: Any) -> tuple[int, ...]:
    """Give an argument that must be a size or a sequence of sizes, as a tuple, or raise."""
    single = not isinstance(value, Sequence) or isinstance(value, str)
    return tuple(whole(op, name, size, 0) for size in ([value] if single else value))


def tensor(op: str, name: str, value: Any) -> Tensor:
    """Give an argument that must be a tensor, or what `bs.tensor` makes one of, or raise."""
    if isinstance(value, Tensor):
        return value
    try:
        return _core.tensor(value)
    except (TypeError, ValueError):
        kind = shown(value) if isinstance(value, type) else type(value).__name__
        raise TypeError(f"[{op}] {name} is {kind}; it must be a tensor, or an array of numbers") from None


def floats(op: str, name: str, value: Any) -> Tensor:
    """Give an argument that must be a tensor of floats, or raise."""
    given = value if isinstance(value, Tensor) else tensor(op, name, value)
    if given.dtype.is_floating_point:
        return given
    raise DTypeError(f"[{op}] {name} is {given.dtype.name}: cast it to a float first, as in x.to(bs.float32)")


def shown(value: Any) -> str:
    """Give a wrong value as an error's text shows it: short, and a class as a class."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, int) and value.bit_length() > 128:  # Python itself prints none above 4300 digits
        return f"an int of {value.bit_length()} bits"
    if value is None or isinstance(value, (bool, int, float, complex, str)):
        return repr(value)
    return f"of type {type(value).__name__}"
