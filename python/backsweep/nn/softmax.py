"""Softmax and its kin as modules."""

from __future__ import annotations

from backsweep import _core
from backsweep._arguments import whole
from backsweep._core import ShapeError, Tensor
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn.module import Module

__all__ = ["LogSoftmax", "Softmax", "Softmax2d", "Softmin"]


class _AlongAxis(Module):
    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = None if dim is None else whole(type(self).__name__, "dim", dim, None)

    def extra_repr(self) -> str:
        """Give the axis."""
        return f"dim={self.dim}"


@formula(_core.softmax)
class Softmax(_AlongAxis):
    """Scores along an axis as positive numbers whose sum is 1: `functional.softmax`.

    Parameters
    ----------
    dim : int
        The axis; -1 is the last. Left out, each call warns, as `functional.softmax` does.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.softmax(input, self.dim, 5)


@formula(_core.log_softmax)
class LogSoftmax(_AlongAxis):
    """The logarithm of softmax along an axis: `functional.log_softmax`.

    Parameters
    ----------
    dim : int
        The axis; -1 is the last. Left out, each call warns, as `functional.log_softmax` does.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.log_softmax(input, self.dim, 5)


@formula(F.softmin)
class Softmin(_AlongAxis):
    """Softmax of the negated input along an axis: `functional.softmin`.

    Parameters
    ----------
    dim : int
        The axis; -1 is the last. Left out, each call warns, as `functional.softmin` does.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.softmin(input, self.dim, 5)


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W): `functional.softmax` with dim=-3.

    Raises
    ------
    ShapeError
        If the input has another number of axes.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        if input.ndim not in (3, 4):
            raise ShapeError(f"[Softmax2d] input is {input.shape}; it must be (N, C, H, W) or (C, H, W)")
        return F.softmax(input, -3)
