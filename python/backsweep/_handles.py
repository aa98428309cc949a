"""What registering a hook of a module or an optimizer gives."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TypeVar

__all__ = ["RemovableHandle", "insert"]

H = TypeVar("H")

_ids = itertools.count()


class RemovableHandle:
    """What registering a hook gives: `remove` takes the hook away, as leaving a with statement does."""

    def __init__(self, hooks: dict[int, H], changed: Callable[[], None] | None = None) -> None:
        self.id = next(_ids)
        self._hooks, self._changed = hooks, changed

    def remove(self) -> None:
        """Take the hook away; nothing happens if it is gone."""
        if self._hooks.pop(self.id, None) is not None and self._changed is not None:
            self._changed()

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def insert(
    hooks: dict[int, H], hook: H, first: bool, changed: Callable[[], None] | None = None
) -> RemovableHandle:
    """Add a hook behind the others, or before them; `changed` is called when it is removed."""
    handle = RemovableHandle(hooks, changed)
    before = dict(hooks) if first else {}
    if first:
        hooks.clear()
    hooks[handle.id] = hook
    hooks.update(before)
    return handle
