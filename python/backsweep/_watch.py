"""What a capture sees of Python: attributes, closures and globals that the captured code has read.

A program holds what they were. While a function is captured, classes of modules, and those of users' objects
that the code reaches, note which attributes are read; of users' functions that run, the globals and closures
are taken from their code. `Watch.seen` is what the core compares before it runs the program again
(bindings/guard.h). Code and classes of the library, of NumPy and of Python's own are left out: what they hold
is compared by identity.
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Set
from enum import Enum
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._changes import (
    Assigned,
    Others,
    Seen,
    assigned_items,
    container_of,
    copied,
    never,
    of_item,
    undo,
)
from backsweep._code import library_module, of_library, reads_of, watchable
from backsweep._core import Tensor
from backsweep._recompute import Recomputing
from backsweep._structure import ABSENT, EVERY_MODULE, Structure

__all__ = ["Watch", "watch_modules", "watching"]

# Larger ones are told apart by identity alone: they would be compared at each call.
_MOST_ITEMS, _MOST_ITEMS_IN_ALL = 256, 1024
_MOST_BYTES, _MOST_BYTES_IN_ALL = 1 << 16, 1 << 18
_MOST_BYTES_COPIED = 1 << 24  # of larger arrays no change is seen
_NAMES = {"list": "a list", "dict": "a dict", "set": "a set", "array": "an array"}
_CONSTANTS = (int, float, complex, str, bytes, type(None), Tensor, np.generic, np.dtype, Enum, BaseException)
_HOOKS = ("__getattribute__", "__setattr__")
_STRUCTURAL = {"training", "_parameters", "_buffers", "_modules", "_transient", "__dict__"}


class _Local(threading.local):
    watch: Watch | None = None


_local = _Local()


class Watch:
    """What one capture has seen."""

    undo = staticmethod(undo)

    def __init__(self, fn: Any, constants: Iterable[Any]) -> None:
        self.seen: list[Seen] = []  # compared at each call
        self.structure: list[Seen] = []  # compared when the structure epoch has moved
        self._noted: set[tuple[int, str]] = set()  # read, or written by the captured code
        self._met: dict[int, Any] = {}  # what the code can reach, by id; held, so that ids stay
        self._types: dict[type, dict[str, Any]] = {}
        self._classes: set[type] = set()  # of objects that were met
        self._functions: dict[CodeType, list[FunctionType]] = {}
        self._ran: set[CodeType] = set()
        self._owners: list[Any] = []  # modules, classes and functions of users
        self._loaded: frozenset[str] = frozenset()  # names of attributes that the code reads
        self._stored: frozenset[str] = frozenset()  # and sets
        self._found: dict[tuple[type, str], tuple[Any, bool]] = {}  # attributes of classes
        # Attributes that the code has set, and globals that it may set: what they were, by table and name.
        self._set: dict[tuple[int, str], tuple[Any, Any, Structure | None]] = {}
        self._kept: set[int] = set()  # the tables among them that the library keeps
        self._items_left, self._bytes_left = _MOST_ITEMS_IN_ALL, _MOST_BYTES_IN_ALL
        self._large: list[Seen] = []  # looked at for changes by the code alone
        self._path = ""  # where it has found what it meets
        self._every_module = False  # whether a module was met, and with it what concerns all of them
        self.busy = False  # looking itself
        self._before = _local.watch
        _local.watch = self
        _begin()
        try:
            for thing in (fn, *constants):
                self.meet(thing)
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Stop watching."""
        _local.watch = self._before
        _end()
        for cls, names in self._types.items():
            # What the code counts in a class is its own.
            for name in self._stored.intersection(names):
                del names[name]
            self.seen.append(Seen("type", cls, "", names, f"an attribute of the class {cls.__name__}"))

    # ---- What the code has set -----------------------------------------------------------------------------

    def assigned(self) -> list[Assigned]:
        """Give attributes, globals, variables of closures, items and contents that are others than before."""
        read = {(id(s.object), s.name): s for s in self.seen if s.kind in ("item", "cell")}
        read |= {(id(s.object), s.name): s for s in self.structure if s.kind == "item"}
        made: list[Assigned] = []
        done = {(id(table), name) for (_, name), (table, _, _) in self._set.items()}

        def note(
            kind: str, table: Any, name: Any, value: Any, before: Any, read: bool, of: Structure | None
        ) -> None:
            if value is not before and value is not ABSENT:
                made.append(of_item(Assigned(kind, table, name, value, before, read, of), self._met))

        for (_, name), (table, before, structure) in self._set.items():
            seen = (id(table), name) in read or (structure and (id(structure.watched), name) in read)
            kind = "kept" if id(table) in self._kept else "item"
            note(kind, table, name, table.get(name, ABSENT), before, bool(seen), structure)
        for s in self.seen:
            if s.kind == "item" and (id(s.object), s.name) not in done:
                done.add((id(s.object), s.name))
                note("item", s.object, s.name, s.object.get(s.name, ABSENT), s.value, True, None)
            elif s.kind == "cell":
                note("cell", s.object, s.name, _content(s.object), s.value, True, None)
        for s in (*self.seen, *self._large):
            if s.kind in ("list", "dict", "set", "array"):
                made += [
                    a
                    for a in assigned_items(s, self._met)
                    if a.kind == "contents" or (id(s.object), a.name) not in done
                ]
        return made

    def given(self, inputs: Iterable[Assigned], stored: Iterable[Assigned]) -> None:
        """Do not compare what a program reads anew at each call."""
        names = {(id(a.object), a.name) for a in inputs}
        names |= {(id(a.structure.watched), a.name) for a in inputs if a.structure is not None}
        parts: dict[int, set[Any]] = {}
        for a in inputs:
            if a.kind != "cell":
                parts.setdefault(id(a.object), set()).add(a.name)
            if a.structure is not None:
                a.structure.watched.pop(a.name, None)
        for i, s in enumerate(self.seen):
            # Of a dict of this kind the core does not see the order.
            if s.kind in ("list", "dict") and (id(s.object) in parts or isinstance(s.object, OrderedDict)):
                others = Others(s.object, parts.get(id(s.object), ()))
                self.seen[i] = Seen("member", others, "items", others.items, s.where + ", its ")
        for seen in (self.seen, self.structure):
            seen[:] = [s for s in seen if (id(s.object), s.name) not in names]
        changed = {id(container_of(a.object)) for a in stored}
        self.seen += [never(s) for s in self._large if id(s.object) in changed]

    # ---- What the code can reach ---------------------------------------------------------------------------

    def meet(self, value: Any) -> None:
        """Take in a value that the code has got from outside."""
        if id(value) in self._met:
            return
        if type(value) is Tensor:  # a constant, unless it is written, or begins to collect gradients
            self._met[id(value)] = value
            self.seen.append(Seen("tensor", value, "", None, "the value of a tensor"))
        if isinstance(value, _CONSTANTS):
            return
        self._met[id(value)] = value
        if isinstance(value, FunctionType):
            self._meet_function(value)
        elif isinstance(value, MethodType):
            self.meet(value.__func__)
            self.meet(value.__self__)
        elif isinstance(value, (staticmethod, classmethod, _core.CompiledFunction, Recomputing)):
            self.meet(value.__wrapped__)
        elif isinstance(value, functools.partial):
            for part in (value.func, *value.args, *value.keywords.values()):
                self.meet(part)
        elif isinstance(value, np.ndarray):
            if value.nbytes <= _MOST_BYTES_COPIED and not value.dtype.hasobject:
                small = value.nbytes <= min(_MOST_BYTES, self._bytes_left)
                self._bytes_left -= value.nbytes if small else 0
                self._compare(value, small)
        elif isinstance(value, SimpleNamespace):
            self._meet_items(vars(value))
        elif isinstance(value, ModuleType):
            if not library_module(value):
                self._meet_owner(value)
        elif isinstance(value, type):
            if watchable(value):
                self._meet_owner(value)
        else:
            if isinstance(value, (list, tuple, dict, set, frozenset)):
                self._meet_items(value)
            elif getattr(type(value), "_compared", False):  # a class of ours whose objects are as users'
                self._meet_items(vars(value))
            if type(value) not in self._classes and watchable(type(value)):
                self._meet_class(type(value))

    def _meet_function(self, fn: FunctionType) -> None:
        if of_library(fn.__code__.co_filename):  # it holds functions of users, as value_and_grad does
            for held in map(_content, fn.__closure__ or ()):
                if callable(held):
                    self.meet(held)
            return
        for held in (*(fn.__defaults__ or ()), *(fn.__kwdefaults__ or {}).values()):
            self.meet(held)
        if vars(fn):
            self._meet_owner(fn)
        self._functions.setdefault(fn.__code__, []).append(fn)
        if fn.__code__ in self._ran:
            self._note_closure(fn)

    def _meet_class(self, cls: type) -> None:
        self._classes.add(cls)
        _hook(cls)
        for base in filter(watchable, cls.__mro__):  # super() reads of a base
            self.meet(base)
            for name, value in vars(base).items():
                if isinstance(value, (FunctionType, staticmethod, classmethod)):
                    self.meet(value)
                    if name.startswith("__") and name not in _HOOKS:  # what syntax calls: x(), x[i], +
                        self._types.setdefault(base, {})[name] = value

    def _meet_items(self, value: Any) -> None:
        self._met[id(value)] = value
        small = len(value) <= min(_MOST_ITEMS, self._items_left)
        if isinstance(value, (list, dict, set)):
            self._compare(value, small)
        if small:
            self._items_left -= len(value)
            for item in list(dict.values(value) if isinstance(value, dict) else value):
                self.meet(item)

    def _compare(self, value: Any, small: bool) -> None:
        kind, copy = copied(value)
        seen = Seen(kind, value, "", copy, _NAMES[kind] + self._path)
        (self.seen if small else self._large).append(seen)

    def _meet_at(self, where: str, value: Any) -> None:
        before, self._path = self._path, " in " + where
        self.meet(value)
        self._path = before

    # ---- Globals and closures ------------------------------------------------------------------------------

    def ran(self, frame: FrameType) -> None:
        """Note what a function that is about to run reads by name; called once for each code."""
        code = frame.f_code
        self._ran.add(code)
        if of_library(code.co_filename) or str(frame.f_globals.get("__name__")).startswith("namedtuple_"):
            return
        self.busy = True
        reads = reads_of(code)
        for name in reads.names:
            value = frame.f_globals.get(name, ABSENT)
            if isinstance(value, ModuleType):
                self.meet(value)
            elif value is not ABSENT:
                self._note_item(frame.f_globals, name, value, "the global ")
        for name in reads.globals_stored:
            table = frame.f_globals
            self._met.setdefault(id(table), table)
            self._set.setdefault((id(table), name), (table, table.get(name, ABSENT), None))
        for fn in self._functions.get(code, ()):
            self._note_closure(fn)
        self._stored |= reads.stored
        new = reads.loaded - self._loaded
        self._loaded |= new
        for owner in tuple(self._owners):
            self._note_attributes(owner, new)
        self.busy = False

    def _note_closure(self, fn: FunctionType) -> None:
        for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
            value = _content(cell)
            if name == "__class__" or (id(cell), "") in self._noted:
                continue
            self._noted.add((id(cell), ""))
            if isinstance(value, ModuleType):
                self.meet(value)
                continue
            self._met[id(cell)] = cell
            self.seen.append(Seen("cell", cell, name, value, "the enclosing function's "))
            self._meet_at("the enclosing function's " + name, value)

    def _meet_owner(self, owner: Any) -> None:
        """Take in a module, a class or a function of users: code reads its attributes without our notice."""
        self._owners.append(owner)
        self._note_attributes(owner, self._loaded)

    def _note_attributes(self, owner: Any, names: Set[str]) -> None:
        """Note attributes of an owner that have a name which the code reads, of whatever it is."""
        if isinstance(owner, type):
            for name in names:
                found = _class_attribute(owner, name, watchable)
                if found is not ABSENT and name not in self._types.get(owner, ()):
                    self._types.setdefault(owner, {})[name] = found
                    self.meet(found)
            return
        table = vars(owner)
        for name in names & table.keys() if table else ():
            value = table[name]
            if isinstance(value, ModuleType):
                self.meet(value)
            else:
                self._note_item(table, name, value, owner.__name__ + ".")

    def _note_item(self, table: dict[str, Any], name: str, value: Any, where: str) -> None:
        if (id(table), name) not in self._noted:
            self._noted.add((id(table), name))
            self._met.setdefault(id(table), table)
            self.seen.append(Seen("item", table, name, value, where))
            if value is not ABSENT:
                self._meet_at(where + name, value)

    # ---- Attributes ----------------------------------------------------------------------------------------

    def note(self, owner: Any, name: str, value: Any) -> None:
        """Note that the code has read an attribute; `value` is ABSENT where there is none."""
        if (id(owner), name) not in self._noted:
            self.busy = True
            self._read(owner, name, value)
            self.busy = False

    def _read(self, owner: Any, name: str, value: Any) -> None:
        table: dict[str, Any] | None = _instance_dict(owner)
        kept = None if table is None else dict.get(table, "_structure")
        structure = kept if isinstance(kept, Structure) else None  # of a module
        if structure is None and id(owner) not in self._met:
            return  # made by the captured code
        self._noted.add((id(owner), name))
        self._met.setdefault(id(owner), owner)
        if structure is not None and not self._every_module:
            self._every_module = True
            _core.guard(EVERY_MODULE, "key")
        if name in _STRUCTURAL:
            if structure is not None:
                _core.guard(structure, "key")
            elif table is not None:
                self._meet_at(f"{type(owner).__name__}.{name}", table)
            return
        cls = type(owner)
        known = self._found.get((cls, name))
        if known is None:
            found = _class_attribute(cls, name)
            known = found, hasattr(type(found), "__set__") or hasattr(type(found), "__delete__")
            self._found[cls, name] = known
        found, first = known  # whether it comes before what the object has
        if first:
            self._types.setdefault(cls, {})[name] = found
            if isinstance(found, property):
                self.meet(found.fget)
            elif value is not ABSENT:
                self.seen.append(Seen("member", owner, name, value, cls.__name__ + "."))
                self.meet(value)
            return
        here = ABSENT if table is None else dict.get(table, name, ABSENT)
        if structure is not None:
            self.structure.append(Seen("item", structure.watch(name, here), name, here, cls.__name__ + "."))
        elif table is not None:
            self.seen.append(Seen("item", table, name, here, cls.__name__ + "."))
        if here is ABSENT:
            self._types.setdefault(cls, {})[name] = found
        if structure is not None and cls not in self._classes:
            self._meet_class(cls)
        if value is not ABSENT:
            self._meet_at(f"{cls.__name__}.{name}", value)

    def write(self, owner: Any, name: str) -> None:
        """Note that the captured code sets an attribute: what it reads there later is its own."""
        table = _instance_dict(owner)
        kept = None if table is None else dict.get(table, "_structure")
        structure = kept if isinstance(kept, Structure) else None
        if table is not None and (structure is not None or id(owner) in self._met):
            before = dict.get(table, name, ABSENT)
            self._set.setdefault((id(table), name), (table, before, structure))
            self._met.setdefault(id(table), table)
        self._noted.add((id(owner), name))
        self._met.setdefault(id(owner), owner)

    # ---- Items of dicts that the library keeps for users ---------------------------------------------------

    def saw_item(self, table: dict[str, Any], name: str, where: str) -> None:
        """Note that the code has read an item, or that there is none."""
        self.busy = True
        self._note_item(table, name, table.get(name, ABSENT), where)
        self.busy = False

    def saw_names(self, owner: Any, name: str) -> None:
        """Note that the code has read which items there are: the attribute gives them."""
        if (id(owner), name) not in self._noted:
            self._noted.add((id(owner), name))
            self._met.setdefault(id(owner), owner)
            self.seen.append(Seen("attribute", owner, name, getattr(owner, name), "the "))

    def set_item(self, table: dict[str, Any], name: str) -> None:
        """Note that the code is about to set an item: what it reads there later is its own."""
        self._set.setdefault((id(table), name), (table, table.get(name, ABSENT), None))
        self._kept.add(id(table))
        self._noted.add((id(table), name))
        self._met.setdefault(id(table), table)


def watching() -> Watch | None:
    """Give what the capture sees that runs on this thread, if one does."""
    return _local.watch


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return ABSENT


def _instance_dict(owner: Any) -> dict[str, Any] | None:
    try:
        table: dict[str, Any] = object.__getattribute__(owner, "__dict__")
    except AttributeError:
        return None
    return table


def _class_attribute(cls: type, name: str, of: Callable[[type], bool] | None = None) -> Any:
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name] if of is None or of(base) else ABSENT
    return ABSENT


# ---- Classes that note what is read ------------------------------------------------------------------------

_lock = threading.RLock()
_captures = 0
_always: list[type] = []
_hooked: dict[type, dict[str, Any]] = {}  # what their __dict__ had under our names


def watch_modules(cls: type) -> None:
    """Note reads of this class's objects in every capture, however the code comes by them."""
    _always.append(cls)


def _begin() -> None:
    global _captures
    with _lock:
        _captures += 1
        for cls in _always:
            _hook(cls)


def _end() -> None:
    global _captures
    with _lock:
        _captures -= 1
        if _captures:
            return
        while _hooked:
            cls, own = _hooked.popitem()
            for name in _HOOKS:
                if name in own:
                    type.__setattr__(cls, name, own[name])
                else:
                    type.__delattr__(cls, name)


def _hook(cls: type) -> None:
    with _lock:
        own = {name: vars(cls)[name] for name in _HOOKS if name in vars(cls)}
        if cls in _hooked or (not own and any(base in _hooked for base in cls.__mro__)):
            return
        attributes: Any = cls
        getter, setter = _noting(attributes.__getattribute__, attributes.__setattr__)
        type.__setattr__(cls, "__getattribute__", getter)
        type.__setattr__(cls, "__setattr__", setter)
        _hooked[cls] = own


def _noting(read: Callable[[Any, str], Any], write: Callable[[Any, str, Any], None]) -> tuple[Any, Any]:
    def __getattribute__(self: Any, name: str) -> Any:
        watch = _local.watch
        if watch is None or watch.busy or (name not in _STRUCTURAL and name.startswith("__")):
            return read(self, name)
        try:
            value = read(self, name)
        except AttributeError:
            watch.note(self, name, ABSENT)
            raise
        watch.note(self, name, value)
        return value

    def __setattr__(self: Any, name: str, value: Any) -> None:
        watch = _local.watch
        if watch is not None:
            watch.write(self, name)
        write(self, name, value)

    return __getattribute__, __setattr__
