"""`recompute=` of bs.compile: modules whose calls are checkpoints in a capture, or bytes, for the core."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any

from backsweep import _core
from backsweep._arguments import whole
from backsweep._structure import Structure

__all__ = ["Recomputing", "chosen", "recompute_calls_of"]


class _Local(threading.local):
    modules: tuple[Any, ...] = ()  # that are computed again, and classes of such, on this thread


_local = _Local()
_lock = threading.Lock()
_captures = 0
_of: list[tuple[type, Any]] = []  # the class of modules and its __call__


def recompute_calls_of(cls: type) -> None:
    """Name the class of modules."""
    _of.append((cls, vars(cls)["__call__"]))


def chosen(modules: Any) -> int | tuple[Any, ...]:
    """Check the argument; TypeError for what is no budget, and neither module nor class of modules."""
    if not isinstance(modules, bool) and isinstance(modules, Integral):
        return whole("compile", "recompute", int(modules))
    found = tuple(modules) if isinstance(modules, Iterable) and not _is_module(modules) else (modules,)
    for module in found:
        if not _is_module(module):
            raise TypeError(
                "[compile] recompute takes modules and classes of modules, or a list of them, or a number of "
                f"bytes, not {type(module).__name__}"
            )
    return found


def _is_module(x: Any) -> bool:
    if isinstance(x, type):
        return any(issubclass(x, cls) for cls, _ in _of)
    return isinstance(getattr(x, "_structure", None), Structure)


class Recomputing:
    """A function that runs only to be captured, with calls of these modules as checkpoints."""

    def __init__(self, fn: Callable[..., Any], modules: tuple[Any, ...]) -> None:
        self.modules = modules
        self.__name__ = getattr(fn, "__name__", type(fn).__name__)
        functools.update_wrapper(self, fn, updated=())
        self.__wrapped__ = fn

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        fn = self.__wrapped__
        before = _local.modules
        _local.modules = (*before, *self.modules)
        _hook(1)
        try:
            return fn(*args, **kwargs)
        finally:
            _hook(-1)
            _local.modules = before


def _hook(change: int) -> None:
    """Let calls of modules look for themselves among those that are computed again, while a capture asks."""
    global _captures
    with _lock:
        before, _captures = _captures, _captures + change
        if bool(before) == bool(_captures):
            return
        for cls, call in _of:
            type.__setattr__(cls, "__call__", _checkpointing(call) if _captures else call)


def _checkpointing(call: Callable[..., Any]) -> Callable[..., Any]:
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        if any(m is self or (isinstance(m, type) and isinstance(self, m)) for m in _local.modules):
            return _core.checkpoint(functools.partial(call, self), args, kwargs)
        return call(self, *args, **kwargs)

    return __call__
