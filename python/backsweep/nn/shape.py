"""Modules that only change shapes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from backsweep import _core
from backsweep._arguments import sizes, whole
from backsweep._core import ShapeError, Tensor
from backsweep.nn.module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Joins the axes from start_dim to end_dim (both included) into one.

    Parameters
    ----------
    start_dim : int, default 1
    end_dim : int, default -1
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = whole("Flatten", "start_dim", start_dim, None)
        self.end_dim = whole("Flatten", "end_dim", end_dim, None)

    def forward(self, input: Tensor) -> Tensor:
        """Give the input in its new shape."""
        shape = input.shape
        n = len(shape)
        first, last = (d + n if d < 0 else d for d in (self.start_dim, self.end_dim))
        if not 0 <= first <= last < n:
            raise ShapeError(f"[flatten] input is {shape}: it has no axes {self.start_dim} to {self.end_dim}")
        return _core.reshape(input, (*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :]))

    def extra_repr(self) -> str:
        """Give the axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Divides an axis into several.

    Parameters
    ----------
    dim : int
        The axis. Names of axes are refused: there are none here.
    unflattened_size : sequence of int
        Their sizes; one may be -1.

    Raises
    ------
    ShapeError
        If the sizes do not multiply to that of the axis.
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim = whole("Unflatten", "dim", dim, None)
        given: object = unflattened_size
        if not isinstance(given, Sequence) or isinstance(given, str):
            raise TypeError(f"[Unflatten] unflattened_size is {given!r}; it must be a tuple of sizes")
        sizes("Unflatten", "unflattened_size", [0 if size == -1 else size for size in unflattened_size])
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """Give the input in its new shape."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
