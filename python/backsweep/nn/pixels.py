"""What moves pixels: blocks as columns and back, channels as pixels and back."""

from __future__ import annotations

from backsweep._arguments import whole
from backsweep._core import Tensor
from backsweep.nn import functional as F
from backsweep.nn._pooling import Sizes, of_axes
from backsweep.nn.module import Module

__all__ = ["ChannelShuffle", "Fold", "PixelShuffle", "PixelUnshuffle", "Unfold"]


class Unfold(Module):
    """Gives all blocks of planes as columns: `functional.unfold`.

    Parameters
    ----------
    kernel_size : int or two ints
        Rows and columns of a block.
    dilation : int or two ints, default 1
        From one element of a block to the next.
    padding : int or two ints, default 0
        Rows and columns of zeros around the planes.
    stride : int or two ints, default 1
        From one block to the next.

    Raises
    ------
    ValueError
        If an argument is not one number or two.
    """

    def __init__(
        self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride
        for key in ("kernel_size", "dilation", "padding", "stride"):
            of_axes(name, key, getattr(self, key), 2)

    def forward(self, input: Tensor) -> Tensor:
        """Give the columns."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Adds blocks that are columns up to planes: `functional.fold`, the transpose of `Unfold`.

    Parameters
    ----------
    output_size : int or two ints
        Rows and columns of the planes.
    kernel_size, dilation, padding, stride
        As those of `Unfold`.

    Raises
    ------
    ValueError
        If an argument is not one number or two.
    """

    def __init__(
        self,
        output_size: Sizes,
        kernel_size: Sizes,
        dilation: Sizes = 1,
        padding: Sizes = 0,
        stride: Sizes = 1,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride
        for key in ("output_size", "kernel_size", "dilation", "padding", "stride"):
            of_axes(name, key, getattr(self, key), 2)

    def forward(self, input: Tensor) -> Tensor:
        """Give the planes."""
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class PixelShuffle(Module):
    """Makes pixels of channels: `functional.pixel_shuffle`.

    Parameters
    ----------
    upscale_factor : int
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = whole("PixelShuffle", "upscale_factor", upscale_factor)

    def forward(self, input: Tensor) -> Tensor:
        """Give planes that are upscale_factor times as high and wide."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """Give the factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Makes channels of pixels: `functional.pixel_unshuffle`.

    Parameters
    ----------
    downscale_factor : int
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = whole("PixelUnshuffle", "downscale_factor", downscale_factor)

    def forward(self, input: Tensor) -> Tensor:
        """Give planes of a downscale_factor-th of the height and width."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """Give the factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Takes channels of groups in turn: `functional.channel_shuffle`.

    Parameters
    ----------
    groups : int
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = whole("ChannelShuffle", "groups", groups)

    def forward(self, input: Tensor) -> Tensor:
        """Give the channels in another order."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """Give the number of groups."""
        return f"groups={self.groups}"
