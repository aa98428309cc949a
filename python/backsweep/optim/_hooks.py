"""Functions that are called before and after what an optimizer does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from backsweep._handles import RemovableHandle, insert

__all__ = ["Hooks", "in_use"]

in_use: list[None] = []  # empty as long as nobody has added any: then a step need not look for its own


class Hooks:
    """Functions in the order in which they are called, each with a handle that removes it."""

    def __init__(self) -> None:
        self.functions: dict[int, Callable[..., Any]] = {}  # by what their handles know them

    def add(self, function: Callable[..., Any], *, first: bool = False) -> RemovableHandle:
        """Add a function at the end, or before those that are there."""
        if not callable(function):
            raise TypeError(f"[optim] hook is {type(function).__name__}; it must be a function")
        in_use[:] = [None]
        return insert(self.functions, function, first)

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        return iter(tuple(self.functions.values()))
