"""PyTorch's path to how layers give a number once for each axis, for layers of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["_ntuple", "_pair", "_quadruple", "_single", "_triple"]


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """Give the function of a number to n of it, as a tuple; of a list or tuple a tuple as it is."""

    def repeated(x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, Iterable) else (x,) * n

    repeated.__name__ = name
    repeated.__doc__ = f"Give a number {n} times, as a tuple; of a list or tuple a tuple as it is."
    return repeated


_single, _pair, _triple, _quadruple = (
    _ntuple(n, name) for n, name in enumerate(("_single", "_pair", "_triple", "_quadruple"), 1)
)
