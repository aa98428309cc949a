"""Arguments that must be numbers of a kind."""

from __future__ import annotations

from operator import index
from typing import Any

__all__ = ["number", "whole"]


def whole(op: str, name: str, value: int, least: int = 1) -> int:
    """Give an argument that must be a whole number, as an int, or raise."""
    try:
        given = index(value)
    except TypeError:
        raise TypeError(f"[{op}] {name} is {value!r}; it must be a whole number") from None
    if given < least:
        raise ValueError(f"[{op}] {name} is {given}; it must be at least {least}")
    return given


def number(op: str, name: str, value: Any) -> float:
    """Give an argument that must be a number, or a tensor or array of one, as a float, or raise."""
    try:
        if not isinstance(value, str):
            return float(value)
    except (TypeError, ValueError, RuntimeError):
        pass
    raise TypeError(f"[{op}] {name} is {value!r}; it must be a number")
