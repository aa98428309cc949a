"""Borders around the last one, two or three axes."""

from __future__ import annotations

from backsweep._core import ShapeError, Tensor
from backsweep.nn import functional as F
from backsweep.nn._pooling import Sizes
from backsweep.nn.module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _Pad(Module):
    axes: int

    def __init__(self, padding: Sizes) -> None:
        super().__init__()
        self.padding = around(type(self).__name__, padding, self.axes)

    def extra_repr(self) -> str:
        """Give the sizes."""
        return f"{self.padding}"


def around(name: str, padding: Sizes, axes: int) -> tuple[int, ...]:
    """Give a number for all sides, or one for each, as one for each; below 0 they take away."""
    given = (padding,) * (2 * axes) if isinstance(padding, int) else tuple(padding)
    if len(given) != 2 * axes or not all(isinstance(size, int) for size in given):
        raise ValueError(f"[{name}] padding is {padding}; it must be a number, or {2 * axes}")
    return given


# ---- of one value ------------------------------------------------------------------------------------------


class _ConstantPad(_Pad):
    def __init__(self, padding: Sizes, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Give the input with its border."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Puts a border of one value around the last axis.

    Parameters
    ----------
    padding : int or two ints
        Sizes on the left and on the right; below 0 they take away. (Of planes left, right, top, bottom; of
        volumes front and back too.)
    value : float

    Raises
    ------
    ValueError
        If padding is neither one number nor one for each side.
    """

    axes = 1


class ConstantPad2d(_ConstantPad):
    """Puts a border of one value around planes; see `ConstantPad1d`."""

    axes = 2


class ConstantPad3d(_ConstantPad):
    """Puts a border of one value around volumes; see `ConstantPad1d`."""

    axes = 3


class _ZeroPad(_Pad):
    value = 0.0

    def forward(self, input: Tensor) -> Tensor:
        """Give the input with its border."""
        return F.pad(input, self.padding, "constant", self.value)


class ZeroPad1d(_ZeroPad):
    """Puts zeros around the last axis; padding is as that of `ConstantPad1d`."""

    axes = 1


class ZeroPad2d(_ZeroPad):
    """Puts zeros around planes; padding is as that of `ConstantPad1d`."""

    axes = 2


class ZeroPad3d(_ZeroPad):
    """Puts zeros around volumes; padding is as that of `ConstantPad1d`."""

    axes = 3


# ---- of what is there --------------------------------------------------------------------------------------


class _ReflectionPad(_Pad):
    def forward(self, input: Tensor) -> Tensor:
        """Give the input with its border, which must be shorter than it."""
        return F.pad(input, self.padding, "reflect")


class ReflectionPad1d(_ReflectionPad):
    """Continues the last axis by its mirror image; padding is as that of `ConstantPad1d`."""

    axes = 1


class ReflectionPad2d(_ReflectionPad):
    """Continues planes by their mirror image; padding is as that of `ConstantPad1d`."""

    axes = 2


class ReflectionPad3d(_ReflectionPad):
    """Continues volumes by their mirror image; padding is as that of `ConstantPad1d`."""

    axes = 3


class _ReplicationPad(_Pad):
    def forward(self, input: Tensor) -> Tensor:
        """Give the input with its border."""
        return F.pad(input, self.padding, "replicate")


class ReplicationPad1d(_ReplicationPad):
    """Continues the last axis by its first and last elements; padding is as that of `ConstantPad1d`."""

    axes = 1


class ReplicationPad2d(_ReplicationPad):
    """Continues planes by their edges; padding is as that of `ConstantPad1d`."""

    axes = 2


class ReplicationPad3d(_ReplicationPad):
    """Continues volumes by their faces; padding is as that of `ConstantPad1d`."""

    axes = 3


class _CircularPad(_Pad):
    def forward(self, input: Tensor) -> Tensor:
        """Give the input with its border, which must not be longer than it."""
        if input.ndim not in (self.axes + 1, self.axes + 2):
            raise ShapeError(
                f"[{type(self).__name__}] input is {input.shape}; it must have {self.axes + 1} or "
                f"{self.axes + 2} axes"
            )
        return F.pad(input, self.padding, "circular")


class CircularPad1d(_CircularPad):
    """Continues (N, C, L) or (C, L) from the other end; padding is as that of `ConstantPad1d`."""

    axes = 1


class CircularPad2d(_CircularPad):
    """Continues (N, C, H, W) or (C, H, W) from the other sides; padding is as that of `ConstantPad1d`."""

    axes = 2


class CircularPad3d(_CircularPad):
    """Continues (N, C, D, H, W) from the other sides; padding is as that of `ConstantPad1d`."""

    axes = 3
