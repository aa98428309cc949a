"""Uniform numbers for transformations whose ends are infinite."""

from __future__ import annotations

from backsweep import _core
from backsweep._core import Tensor
from backsweep._draws import rand

__all__ = ["open_uniform"]


def open_uniform(shape: tuple[int, ...]) -> Tensor:
    """Draw from (0, 1), float64, so that tails are long; what depends on it is cast afterwards."""
    return rand(shape, dtype=_core.float64).clamp_min(2.0**-54)
