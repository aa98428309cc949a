"""What code reads by name, and whether it, a module or a class is users' own."""

from __future__ import annotations

import dis
import functools
import sys
from enum import Enum
from types import CodeType, ModuleType
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from backsweep._core import Tensor

__all__ = ["Reads", "library_module", "of_library", "reads_of", "watchable"]


class Reads(NamedTuple):
    """What code, and code inside it, reads and writes by name."""

    names: frozenset[str]  # globals
    loaded: frozenset[str]  # attributes, and what may be names of some: getattr(settings, "scale")
    stored: frozenset[str]  # attributes
    globals_stored: frozenset[str]


@functools.lru_cache(maxsize=1024)
def reads_of(code: CodeType) -> Reads:
    """Give what code reads and writes by name."""
    names, loaded, stored, globals_stored = set(), set(), set(), set()
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_GLOBAL":
            names.add(step.argval)
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            loaded.add(step.argval)
        elif step.opname == "STORE_ATTR":
            stored.add(step.argval)
        elif step.opname == "STORE_GLOBAL":
            globals_stored.add(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, str) and constant.isidentifier():
            loaded.add(constant)
        elif isinstance(constant, CodeType):
            inside = reads_of(constant)
            names |= inside.names
            loaded |= inside.loaded
            stored |= inside.stored
            globals_stored |= inside.globals_stored
    return Reads(frozenset(names), frozenset(loaded), frozenset(stored), frozenset(globals_stored))


@functools.cache
def _libraries() -> tuple[str, ...]:
    """Give the folders of Python's own, of this package, and of NumPy; what is installed beside is users'."""
    # Imported by the first capture: with what they import they take 6 ms.
    import sysconfig
    from pathlib import Path

    folders = (
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("platstdlib"),
        Path(__file__).parent,
        Path(np.__file__).parent,
    )
    return tuple(f"{Path(folder)}{separator}" for folder in folders for separator in "/\\")


@functools.lru_cache(maxsize=4096)
def of_library(file: str) -> bool:
    """Whether a file of code is none of users'."""
    if file.startswith("<frozen") or not file.startswith(_libraries()):
        return file.startswith("<frozen")
    prefix = max((folder for folder in _libraries() if file.startswith(folder)), key=len)
    return not file[len(prefix) :].startswith(("site-packages", "dist-packages"))


def library_module(module: ModuleType) -> bool:
    """Whether it is not a module of users, or not written in Python."""
    file = getattr(module, "__file__", None)
    if file is None:
        return module.__name__ in sys.builtin_module_names
    return of_library(file) or not file.endswith(".py")


_known: WeakKeyDictionary[type, bool] = WeakKeyDictionary()


def watchable(cls: type) -> bool:
    """Whether attributes of this class's objects can be watched: a class of users, written in Python."""
    try:
        return _known[cls]
    except KeyError:
        pass
    if cls.__module__ == "argparse":
        known = cls.__name__ == "Namespace"
    else:
        module = sys.modules.get(cls.__module__)
        known = module is None or not library_module(module)
    known = known and not issubclass(cls, (type, tuple, Enum, BaseException, Tensor))
    _known[cls] = known
    return known
