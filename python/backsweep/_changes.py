"""What captured code has changed of Python's state, for each run to do so again (`Store` in the core)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from types import CellType
from typing import Any, NamedTuple

import numpy as np

from backsweep._core import Tensor
from backsweep._structure import ABSENT, Structure

__all__ = [
    "Assigned",
    "Others",
    "Seen",
    "assigned_items",
    "container_of",
    "copied",
    "never",
    "of_item",
]


class Seen(NamedTuple):
    """What must be the same when the program runs again; see `Guard::Kind` in the core."""

    kind: str
    object: Any
    name: Any
    value: Any
    where: str  # and the name are its text in a warning


class Assigned(NamedTuple):
    """What the captured code has set; see `Store` in the core."""

    # "item": object[name], "kept": the same, for the library, "cell": what a closure holds, "contents": of
    # a whole container
    kind: str
    object: Any
    name: Any
    value: Any  # as the code left it
    before: Any  # as it was, or ABSENT
    read: bool  # before it was set
    structure: Structure | None  # of a module whose attribute it is


class _Same:
    """Stands in a value for a container from outside: runs set it itself, and not a copy."""

    __slots__ = ("container",)

    def __init__(self, container: Any) -> None:
        self.container = container


class _Items:
    """Stands for a container, or what a closure holds, that is set to what holds `_Same`s."""

    __slots__ = ("container", "structure")

    def __init__(self, container: Any, structure: Structure | None = None) -> None:
        self.container = container
        self.structure = structure

    def __setitem__(self, name: Any, value: Any) -> None:
        value = _plain(value)
        if isinstance(self.container, CellType):
            self.container.cell_contents = value
            return
        self.container[name] = value
        if self.structure is not None:
            self.structure.note(name, value)


class _Contents(_Items):
    """Stands for a container that is given other contents as a whole."""

    def __setitem__(self, _: Any, value: Any) -> None:
        _give(self.container, _plain(value))


class Others:
    """Stands for a container of which some items are inputs of a program: the others are compared."""

    __slots__ = ("container", "inputs")

    def __init__(self, container: Any, inputs: Collection[Any]) -> None:
        self.container = container
        self.inputs = inputs

    @property
    def items(self) -> tuple[Any, ...]:
        """What is there but for the inputs."""
        inputs = self.inputs
        if isinstance(self.container, dict):
            held = items_of(self.container)
            return (*held, *(value for key, value in held.items() if key not in inputs))
        return (
            len(self.container),
            *(value for i, value in enumerate(self.container) if i not in inputs),
        )


class _Changing:
    """Has other contents at each look."""

    @property
    def contents(self) -> object:
        return object()


_CHANGING = _Changing()


def never(seen: Seen) -> Seen:
    """Give what holds at no call, for a container too large to be compared that the captured code changes."""
    return Seen("member", _CHANGING, "contents", None, seen.where + ", its ")


def container_of(target: Any) -> Any:
    """Give the container that an object of `Assigned` is, or stands for."""
    return target.container if isinstance(target, _Items) else target


def items_of(container: dict[Any, Any]) -> dict[Any, Any]:
    """Give what a dict holds, in its order."""
    cls = OrderedDict if isinstance(container, OrderedDict) else dict
    return dict(cls.items(container))


def copied(container: Any) -> tuple[str, Any]:
    """Give the kind of a container, and what it holds now."""
    if isinstance(container, dict):
        return "dict", items_of(container)
    if isinstance(container, list):
        return "list", tuple(container)
    if isinstance(container, np.ndarray):
        return "array", container.tobytes()
    return "set", frozenset(container)


def _give(container: Any, contents: Any) -> None:
    """Let a container hold what a copy of it held."""
    if isinstance(container, np.ndarray):
        container[...] = np.frombuffer(contents, container.dtype).reshape(container.shape)
    elif isinstance(container, list):
        list.__setitem__(container, slice(None), contents)
    elif isinstance(container, set):
        set.clear(container)
        set.update(container, contents)
    else:
        cls = OrderedDict if isinstance(container, OrderedDict) else dict
        cls.clear(container)
        cls.update(container, contents)


def undo(assigned: Iterable[Assigned]) -> None:
    """Set back what the captured code has set."""
    for a in assigned:
        table = container_of(a.object)
        if a.kind == "cell":
            table.cell_contents = a.before
        elif a.kind == "contents":
            _give(table, a.before)
        elif a.before is ABSENT:
            table.pop(a.name, None)
        else:
            table[a.name] = a.before
        structure = a.object.structure if isinstance(a.object, _Items) else a.structure
        if structure is not None:
            structure.note(a.name, a.before)


def assigned_items(seen: Seen, outside: Collection[int]) -> Iterator[Assigned]:
    """Give what has been changed of a container; `outside` holds the ids of what was there before."""
    container, before = seen.object, seen.value
    if seen.kind == "list":
        if len(container) != len(before):
            yield _as_a_whole(container, tuple(container), before, outside)
            return
        pairs = list(zip(range(len(before)), before, container, strict=True))
    elif seen.kind == "dict":
        now = items_of(container)
        in_order = len(now) >= len(before) and all(a is b for a, b in zip(before, now, strict=False))
        changed = not in_order or any(before.get(key, ABSENT) is not value for key, value in now.items())
        if changed and (not in_order or isinstance(container, OrderedDict)):
            yield _as_a_whole(container, now, before, outside)
            return
        pairs = [(key, before.get(key, ABSENT), value) for key, value in now.items()]
    else:
        _, contents = copied(container)
        if contents != before:
            yield _as_a_whole(container, contents, before, outside)
        return
    for name, old, value in pairs:
        if value is not old:
            yield of_item(Assigned("item", container, name, value, old, True, None), outside)


def of_item(set_: Assigned, outside: Collection[int]) -> Assigned:
    """Give what has been set, so that runs set containers from outside and not copies of them."""
    value = set_.value
    if isinstance(value, (list, tuple, dict)) and not _holds_symbol(value):
        marked, found = _marked(value, outside)
        if found:
            by = _Items(set_.object, set_.structure)
            return set_._replace(object=by, value=marked, read=False, structure=None)
    return set_


def _as_a_whole(container: Any, now: Any, before: Any, outside: Collection[int]) -> Assigned:
    if isinstance(now, frozenset):
        now = tuple(now)
    value, _ = _marked(now, outside)
    return Assigned("contents", _Contents(container), None, value, before, False, None)


def _marked(value: Any, outside: Collection[int]) -> tuple[Any, bool]:
    """Give a value with `_Same`s for containers from outside, and whether there are any."""
    if not isinstance(value, (list, tuple, dict)):
        return value, False
    if id(value) in outside and not isinstance(value, tuple):
        return _Same(value), True
    if isinstance(value, dict):
        pairs = {key: _marked(item, outside) for key, item in value.items()}
        found = any(f for _, f in pairs.values())
        return ({key: item for key, (item, _) in pairs.items()} if found else value), found
    parts = [_marked(item, outside) for item in value]
    if not any(f for _, f in parts):
        return value, False
    items = [item for item, _ in parts]
    if isinstance(value, list):
        return items, True
    return (value._make(items) if hasattr(value, "_make") else tuple(items)), True


def _plain(value: Any) -> Any:
    if isinstance(value, _Same):
        return value.container
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        items = [_plain(item) for item in value]
        return value._make(items) if hasattr(value, "_make") else tuple(items)
    return value


def _holds_symbol(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_symbol, value))
    if isinstance(value, dict):
        return any(map(_holds_symbol, value.values()))
    return isinstance(value, Tensor) and value.is_symbolic
