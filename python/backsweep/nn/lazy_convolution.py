"""Convolutions that learn in_channels from their first input."""

from __future__ import annotations

from typing import Any

from backsweep._arguments import flag
from backsweep._core import DType, ShapeError, Tensor
from backsweep._device import DeviceLike
from backsweep.nn._convolutions import Ints, Padding
from backsweep.nn.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    PaddingMode,
    _Conv,
    _ConvNd,
    _ConvTransposeNd,
)
from backsweep.nn.lazy import LazyModuleMixin
from backsweep.nn.parameter import UninitializedParameter

__all__ = [
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]


class _Lazy(LazyModuleMixin, _ConvNd):
    weight: Any
    bias: Any

    def _stand_in(self, out_channels: int, bias: bool, device: DeviceLike, dtype: DType | None) -> None:
        self.out_channels = self._divided("out_channels", out_channels)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if flag(type(self).__name__, "bias", bias):
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new first values, once there are parameters."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Make the parameters for the size of an input, unless they were loaded."""
        name, n = type(self).__name__, self._axes
        if not self.has_uninitialized_params():
            self.in_channels = self.weight.shape[0 if self.transposed else 1] * (
                1 if self.transposed else self.groups
            )
            return
        if input.ndim not in (n + 1, n + 2):
            raise ShapeError(f"[{name}] input is {input.shape}; it must have {n + 1} or {n + 2} axes")
        self.in_channels = self._divided("in_channels", input.shape[-n - 1])
        self.materialize("weight", self._weight_shape())
        if self.bias is not None:
            self.materialize("bias", (self.out_channels,))
        self.reset_parameters()


class _LazyConv(_Lazy, _Conv):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Padding = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        device: DeviceLike = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device, dtype
        )
        self._stand_in(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """A `Conv1d` whose in_channels is what its first input has; it is a `Conv1d` from then on.

    The other parameters are those of `Conv1d`, with its errors. The first call makes weight and bias: call
    the network once, outside of `bs.compile`, before an optimizer is made.
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A `Conv2d` whose in_channels is what its first input has, as `LazyConv1d`."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A `Conv3d` whose in_channels is what its first input has, as `LazyConv1d`."""

    cls_to_become = Conv3d


class _LazyConvTranspose(_Lazy, _ConvTransposeNd):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        padding_mode: PaddingMode = "zeros",
        device: DeviceLike = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            0,
            0,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            False,
            dilation,
            padding_mode,
            device,
            dtype,
        )
        self._stand_in(out_channels, bias, device, dtype)


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A `ConvTranspose1d` whose in_channels is what its first input has, as `LazyConv1d`."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A `ConvTranspose2d` whose in_channels is what its first input has, as `LazyConv1d`."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A `ConvTranspose3d` whose in_channels is what its first input has, as `LazyConv1d`."""

    cls_to_become = ConvTranspose3d
