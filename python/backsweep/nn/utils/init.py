"""Modules made without drawing their first values."""

from __future__ import annotations

from typing import Any, TypeVar

from backsweep import _core
from backsweep._arguments import shown
from backsweep.nn.module import Module
from backsweep.random import get_rng_state, set_rng_state

__all__ = ["skip_init"]

M = TypeVar("M", bound=Module)


def skip_init(module_cls: type[M], *args: Any, **kwargs: Any) -> M:
    """Make a module whose parameters and buffers hold zeros, and leave the generator as it was.

    For modules whose values come from a file or a computation. PyTorch leaves what was in memory, as its
    `empty` does; `empty` gives zeros here.

    Parameters
    ----------
    module_cls : class of Module
    *args, **kwargs
        What it is made with.

    Returns
    -------
    Module

    Raises
    ------
    TypeError
        If `module_cls` is no class of modules.
    """
    given: Any = module_cls
    if not isinstance(given, type) or not issubclass(given, Module):
        raise TypeError(f"[skip_init] module_cls is {shown(given)}; it must be a class of modules")
    state = get_rng_state()
    try:
        module = module_cls(*args, **kwargs)
    finally:
        set_rng_state(state)
    with _core.no_grad():
        for slot in (*module.parameters(), *module.buffers()):
            slot.zero_()
    return module
