"""Convolutions and their transposes, of signals, images and volumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any, ClassVar, Literal

from backsweep import _core
from backsweep._arguments import flag, one_of, shown, sizes, whole
from backsweep._core import DType, Parameter, Tensor
from backsweep._device import DeviceLike
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn import init
from backsweep.nn._convolutions import (
    Ints,
    Padding,
    per_axis,
    reversed_border,
    same_border,
)
from backsweep.nn.module import Module

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


class _ConvNd(Module):
    """What convolutions and their transposes share; a subclass states its function and its number of axes.

    Its arguments are those of `Conv2d` and `ConvTranspose2d`, which say what they must be. A user's class
    with a `forward` of its own need not state the axes: it gives `kernel_size` once for each.
    """

    weight: Parameter
    bias: Parameter | None
    _function: ClassVar[Callable[..., Tensor]]
    _axes: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints,
        padding: Padding,
        dilation: Ints,
        transposed: bool,
        output_padding: Ints,
        groups: int,
        bias: bool,
        padding_mode: PaddingMode,
        device: DeviceLike = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if not hasattr(self, "_axes"):
            self._axes = len(sizes(name, "kernel_size", kernel_size))
        self.groups = whole(name, "groups", groups)
        self.in_channels = self._divided("in_channels", in_channels)
        self.out_channels = self._divided("out_channels", out_channels)
        self.kernel_size = per_axis(name, "kernel_size", kernel_size, self._axes)
        self.stride = per_axis(name, "stride", stride, self._axes)
        self.dilation = per_axis(name, "dilation", dilation, self._axes)
        self.output_padding = per_axis(name, "output_padding", output_padding, self._axes)
        self.padding: str | tuple[int, ...]
        if isinstance(padding, str):
            self.padding = one_of(name, "padding", padding, ("same", "valid"))
            if padding == "same" and any(step != 1 for step in self.stride):
                raise ValueError(
                    f'[{name}] padding is "same" and stride {self.stride}: only stride 1 keeps the size; '
                    "give padding in numbers"
                )
            border = same_border(self.kernel_size, self.dilation) if padding == "same" else []
        else:
            self.padding = per_axis(name, "padding", padding, self._axes)
            border = [(size, size) for size in self.padding]
        self.padding_mode = one_of(
            name, "padding_mode", padding_mode, ("zeros", "reflect", "replicate", "circular")
        )
        self.transposed = transposed
        self._reversed_padding_repeated_twice = tuple(reversed_border(border))  # PyTorch's name
        shape = self._weight_shape()
        self.weight = Parameter(_core.zeros(shape, device=device, dtype=dtype))
        has_bias = flag(name, "bias", bias)
        self.register_parameter(
            "bias", Parameter(_core.zeros(self.out_channels, dtype=dtype)) if has_bias else None
        )
        self.reset_parameters()

    def _divided(self, name: str, channels: int) -> int:
        """Give a number of channels, which the groups must divide."""
        given, op = whole(type(self).__name__, name, channels, 0), type(self).__name__
        if given % self.groups:
            raise ValueError(f"[{op}] {name} is {given}; groups, {self.groups}, must divide it")
        return given

    def _weight_shape(self) -> tuple[int, ...]:
        channels = (self.in_channels, self.out_channels)
        first, second = channels if self.transposed else channels[::-1]
        return first, second // self.groups, *self.kernel_size

    def reset_parameters(self) -> None:
        """Draw new first values."""
        init.kaiming_uniform_(self.weight, a=sqrt(5.0))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1.0 / sqrt(max(fan_in, 1))
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        """Give the arguments that are not those by default."""
        parts = [f"{self.in_channels}, {self.out_channels}"]
        parts += [f"kernel_size={self.kernel_size}", f"stride={self.stride}"]
        usual = {"padding": 0, "dilation": 1, "output_padding": 0}
        parts += [
            f"{name}={getattr(self, name)}"
            for name, size in usual.items()
            if getattr(self, name) != (size,) * self._axes
        ]
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Conv(_ConvNd):
    def __init__(
        self,
        in_channels: int,
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
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            False,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, self.padding_mode)
            padding = (0,) * self._axes
        return type(self)._function(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return self._conv_forward(input, self.weight, self.bias)


@formula(F.conv1d)
class Conv1d(_Conv):
    """A convolution of signals.

    Parameters
    ----------
    in_channels, out_channels : int
        Sizes of axis 1 before and after.
    kernel_size : int or sequence of one int
        The size of the filters.
    stride, dilation : int or sequence of one int, default 1
        From one place of the filters to the next; from one element of a filter to the next.
    padding : int, sequence of one int, "same" or "valid", default 0
        The border before and after each axis; "same", with stride 1, keeps the size.
    groups : int, default 1
        Into so many the channels are divided; the filters of one see its channels alone.
    bias : bool, default True
        Whether there is a bias.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What the border is made of.
    device : device, optional
        The CPU.
    dtype : DType, optional
        float32 or float64; the default dtype if left out.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, *kernel_size)
    bias : Parameter, shape (out_channels,), or None

    Raises
    ------
    ValueError
        If a number is out of range, or groups does not divide the channels.

    Notes
    -----
    Input (N, in_channels, L) or (in_channels, L). Both parameters start from U(-k, k), k = sqrt(groups /
    (in_channels prod(kernel_size))), as PyTorch's.
    """

    _function, _axes = F.conv1d, 1


@formula(F.conv2d)
class Conv2d(_Conv):
    """A convolution of images.

    Input (N, in_channels, H, W) or (in_channels, H, W). The parameters `in_channels`, `out_channels`,
    `kernel_size`, `stride`, `padding`, `dilation`, `groups`, `bias` and `padding_mode` are those of `Conv1d`,
    sizes one for both axes or one for each; so are first values and errors.
    """

    _function, _axes = F.conv2d, 2


@formula(F.conv3d)
class Conv3d(_Conv):
    """A convolution of volumes.

    Input (N, in_channels, D, H, W) or (in_channels, D, H, W). The parameters `in_channels`, `out_channels`,
    `kernel_size`, `stride`, `padding`, `dilation`, `groups`, `bias` and `padding_mode` are those of `Conv1d`,
    sizes one for all axes or one for each; so are first values and errors.
    """

    _function, _axes = F.conv3d, 3


class _ConvTransposeNd(_ConvNd):
    def __init__(
        self,
        in_channels: int,
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
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(f'[{name}] padding_mode is {shown(padding_mode)}; a transpose has "zeros" alone')
        given: object = padding
        if isinstance(given, str):
            raise TypeError(f"[{name}] padding is {given!r}; of a transpose it is in numbers")
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            True,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Give the result for the input; `output_size` stands for `output_padding`."""
        extra = self.output_padding if output_size is None else self._output_padding(input, output_size)
        return type(self)._function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

    def _output_padding(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        name, n = type(self).__name__, self._axes
        if len(output_size) not in (n, input.ndim):
            raise ValueError(
                f"[{name}] output_size is {tuple(output_size)}; it must have {n} numbers, or {input.ndim} as "
                "input"
            )
        wanted, given = output_size[-n:], input.shape[-n:]
        border: Any = self.padding  # of a transpose no word
        least = [
            (size - 1) * step - 2 * cut + dilation * (kernel - 1) + 1
            for size, step, cut, dilation, kernel in zip(
                given, self.stride, border, self.dilation, self.kernel_size, strict=True
            )
        ]
        extra = tuple(size - low for size, low in zip(wanted, least, strict=True))
        if not all(0 <= more < step for more, step in zip(extra, self.stride, strict=True)):
            most = [low + step - 1 for low, step in zip(least, self.stride, strict=True)]
            raise ValueError(
                f"[{name}] output_size is {tuple(wanted)}; for an input of {given} it lies between "
                f"{tuple(least)} and {tuple(most)}"
            )
        return extra


@formula(F.conv_transpose1d)
class ConvTranspose1d(_ConvTransposeNd):
    """A transposed convolution of signals.

    Parameters
    ----------
    in_channels, out_channels : int
        Sizes of axis 1 before and after.
    kernel_size : int or sequence of one int
        The size of the filters.
    stride, dilation : int or sequence of one int, default 1
        From the place of one filter to that of the next; from one element of a filter to the next.
    padding : int or sequence of one int, default 0
        So much is cut away before and after each axis.
    output_padding : int or sequence of one int, default 0
        So much comes back after each axis.
    groups : int, default 1
        Into so many the channels are divided; the filters of one see its channels alone.
    bias : bool, default True
        Whether there is a bias.
    padding_mode : "zeros"
        No other is taken.
    device : device, optional
        The CPU.
    dtype : DType, optional
        float32 or float64; the default dtype if left out.

    Attributes
    ----------
    weight : Parameter, shape (in_channels, out_channels / groups, *kernel_size)
    bias : Parameter, shape (out_channels,), or None

    Raises
    ------
    ValueError
        If a number is out of range, groups does not divide the channels, or there is another padding_mode.

    Notes
    -----
    Input (N, in_channels, L) or (in_channels, L). `forward` also takes `output_size`, in place of
    output_padding. Both parameters start from U(-k, k), k = sqrt(groups / (out_channels
    prod(kernel_size))), as PyTorch's.
    """

    _function, _axes = F.conv_transpose1d, 1


@formula(F.conv_transpose2d)
class ConvTranspose2d(_ConvTransposeNd):
    """A transposed convolution of images.

    Input (N, in_channels, H, W) or (in_channels, H, W). The parameters `in_channels`, `out_channels`,
    `kernel_size`, `stride`, `padding`, `output_padding`, `groups`, `bias`, `dilation` and `padding_mode` are
    those of `ConvTranspose1d`, sizes one for both axes or one for each; so are first values and errors.
    """

    _function, _axes = F.conv_transpose2d, 2


@formula(F.conv_transpose3d)
class ConvTranspose3d(_ConvTransposeNd):
    """A transposed convolution of volumes.

    Input (N, in_channels, D, H, W) or (in_channels, D, H, W). The parameters `in_channels`, `out_channels`,
    `kernel_size`, `stride`, `padding`, `output_padding`, `groups`, `bias`, `dilation` and `padding_mode` are
    those of `ConvTranspose1d`, sizes one for all axes or one for each; so are first values and errors.
    """

    _function, _axes = F.conv_transpose3d, 3
