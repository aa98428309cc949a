"""Functions that are called before and after what an optimizer does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["HookHandle", "Hooks"]

_ids = itertools.count()


class Hooks:
    """Functions in the order in which they are called, each with a handle that removes it."""

    def __init__(self) -> None:
        self.functions: dict[int, Callable[..., Any]] = {}  # by what their handles know them

    def add(self, function: Callable[..., Any], *, first: bool = False) -> HookHandle:
        """Add a function at the end, or before those that are there."""
        if not callable(function):
            raise TypeError(f"[optim] hook is {type(function).__name__}; it must be a function")
        handle = HookHandle(self, next(_ids))
        own = {handle.id: function}
        self.functions = {**own, **self.functions} if first else {**self.functions, **own}
        return handle

    def discard(self, key: int) -> None:
        """Remove a function; it may be gone already."""
        self.functions.pop(key, None)

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        return iter(tuple(self.functions.values()))

    def __bool__(self) -> bool:
        return bool(self.functions)


class HookHandle:
    """What removes a hook: by `remove()`, or at the end of a `with`."""

    def __init__(self, hooks: Hooks, key: int) -> None:
        self._hooks, self.id = hooks, key

    def remove(self) -> None:
        """Remove the hook; again is no error."""
        self._hooks.discard(self.id)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()
