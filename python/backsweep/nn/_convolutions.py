"""Convolutions, and their transposes; `backsweep.nn.functional` has them among its names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from backsweep import _core
from backsweep._arguments import flag, one_of, sizes, tensor
from backsweep._core import ShapeError, Tensor
from backsweep._formula import formula

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "convolution",
]

Ints: TypeAlias = "int | Sequence[int]"
Padding: TypeAlias = "Ints | Literal['same', 'valid']"

_conv1d, _conv2d, _conv3d = _core.ops.conv1d, _core.ops.conv2d, _core.ops.conv3d


def per_axis(op: str, name: str, value: Ints, axes: int) -> tuple[int, ...]:
    """Give an argument that is a whole number, for all axes of an image, or one for each, as a tuple."""
    given = sizes(op, name, value)
    if len(given) not in (1, axes):
        more = f", or {axes}, one for each axis" if axes > 1 else ""
        raise ValueError(f"[{op}] {name} is {given}; it must be one number{more}")
    return given * axes if len(given) == 1 else given


def same_border(kernel_size: Sequence[int], dilation: Sequence[int]) -> list[tuple[int, int]]:
    """Give the border before and after each axis that keeps an image's size: the odd one comes after."""
    total = [step * (size - 1) for size, step in zip(kernel_size, dilation, strict=True)]
    return [(n // 2, n - n // 2) for n in total]


def reversed_border(border: Sequence[tuple[int, int]]) -> list[int]:
    """Give a border as `pad` takes it, from the last axis on."""
    return [side for pair in reversed(border) for side in pair]


def _in_words(op: str, padding: str) -> bool:
    """Whether a padding in words keeps the size; ValueError for another word."""
    return one_of(op, "padding", padding, ("same", "valid")) == "same"


@formula(_conv1d)
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve signals with the filters of a weight.

    Parameters
    ----------
    input : Tensor, shape (N, C, L) or (C, L), float32 or float64
    weight : Tensor, shape (O, C / groups, K)
    bias : Tensor, shape (O,), optional
    stride : int or sequence of one int, default 1
        From one place of the filters to the next.
    padding : int, sequence of one int, "same" or "valid", default 0
        Zeros before and after each axis. "same", with stride 1, keeps the size; "valid" is 0.
    dilation : int or sequence of one int, default 1
        From one element of a filter to the next.
    groups : int, default 1
        Into so many the channels are divided; the filters of one see its channels alone.

    Returns
    -------
    Tensor, shape (N, O, (L + 2 padding - dilation (K - 1) - 1) / stride + 1), rounded down

    Raises
    ------
    ShapeError
        If shapes do not go together, or the filters are larger than the padded signal.
    DTypeError
        If the dtypes are not all float32 or all float64.
    ValueError
        If a number is out of range, or the padding a word that is none of these.
    """
    if isinstance(padding, str):
        return _conv1d(input, weight, bias, stride, 0, dilation, groups, _in_words("conv1d", padding))
    return _conv1d(input, weight, bias, stride, padding, dilation, groups)


@formula(_conv2d)
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve images with the filters of a weight.

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W) or (C, H, W), float32 or float64
    weight : Tensor, shape (O, C / groups, KH, KW)
    bias : Tensor, shape (O,), optional
    stride, padding, dilation : int or sequence of two ints
        As for `conv1d`: one for both axes, or one for each.
    groups : int, default 1
        As for `conv1d`; with C groups the convolution is depthwise.

    Returns
    -------
    Tensor, shape (N, O, H', W'), each as in `conv1d`

    Raises
    ------
    ShapeError, DTypeError, ValueError
        As `conv1d`.
    """
    if isinstance(padding, str):
        return _conv2d(input, weight, bias, stride, 0, dilation, groups, _in_words("conv2d", padding))
    return _conv2d(input, weight, bias, stride, padding, dilation, groups)


@formula(_conv3d)
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve volumes with the filters of a weight.

    Parameters
    ----------
    input : Tensor, shape (N, C, D, H, W) or (C, D, H, W), float32 or float64
    weight : Tensor, shape (O, C / groups, KD, KH, KW)
    bias : Tensor, shape (O,), optional
    stride, padding, dilation : int or sequence of three ints
        As for `conv1d`: one for all axes, or one for each.
    groups : int, default 1
        As for `conv1d`.

    Returns
    -------
    Tensor, shape (N, O, D', H', W'), each as in `conv1d`

    Raises
    ------
    ShapeError, DTypeError, ValueError
        As `conv1d`.
    """
    if isinstance(padding, str):
        return _conv3d(input, weight, bias, stride, 0, dilation, groups, _in_words("conv3d", padding))
    return _conv3d(input, weight, bias, stride, padding, dilation, groups)


@formula(_core.ops.conv_transpose1d)
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """Add up filters, each times an element of a signal: the derivative of `conv1d` by its input.

    Parameters
    ----------
    input : Tensor, shape (N, C, L) or (C, L), float32 or float64
    weight : Tensor, shape (C, O / groups, K)
    bias : Tensor, shape (O,), optional
    stride : int or sequence of one int, default 1
        From the place of one filter to that of the next.
    padding : int or sequence of one int, default 0
        So much is cut away before and after each axis.
    output_padding : int or sequence of one int, default 0
        So much comes back after each axis: a `conv1d` with a stride gives one size for several.
    groups : int, default 1
        As for `conv1d`.
    dilation : int or sequence of one int, default 1
        From one element of a filter to the next.

    Returns
    -------
    Tensor, shape (N, O, (L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1)

    Raises
    ------
    ShapeError
        If shapes do not go together, or nothing is left.
    DTypeError
        If the dtypes are not all float32 or all float64.
    ValueError
        If a number is out of range; output_padding must be below stride or dilation.
    """
    return _core.ops.conv_transpose1d(input, weight, bias, stride, padding, output_padding, groups, dilation)


@formula(_core.ops.conv_transpose2d)
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """Add up filters, each times an element of an image: the derivative of `conv2d` by its input.

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W) or (C, H, W), float32 or float64
    weight : Tensor, shape (C, O / groups, KH, KW)
    bias : Tensor, shape (O,), optional
    stride, padding, output_padding, dilation : int or sequence of two ints
        As for `conv_transpose1d`: one for both axes, or one for each.
    groups : int, default 1
        As for `conv1d`.

    Returns
    -------
    Tensor, shape (N, O, H', W'), each as in `conv_transpose1d`

    Raises
    ------
    ShapeError, DTypeError, ValueError
        As `conv_transpose1d`.
    """
    return _core.ops.conv_transpose2d(input, weight, bias, stride, padding, output_padding, groups, dilation)


@formula(_core.ops.conv_transpose3d)
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """Add up filters, each times an element of a volume: the derivative of `conv3d` by its input.

    Parameters
    ----------
    input : Tensor, shape (N, C, D, H, W) or (C, D, H, W), float32 or float64
    weight : Tensor, shape (C, O / groups, KD, KH, KW)
    bias : Tensor, shape (O,), optional
    stride, padding, output_padding, dilation : int or sequence of three ints
        As for `conv_transpose1d`: one for all axes, or one for each.
    groups : int, default 1
        As for `conv1d`.

    Returns
    -------
    Tensor, shape (N, O, D', H', W'), each as in `conv_transpose1d`

    Raises
    ------
    ShapeError, DTypeError, ValueError
        As `conv_transpose1d`.
    """
    return _core.ops.conv_transpose3d(input, weight, bias, stride, padding, output_padding, groups, dilation)


def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    transposed: bool,
    output_padding: Ints,
    groups: int,
) -> Tensor:
    """Give what `conv1d` to `conv3d` or, transposed, `conv_transpose1d` to `conv_transpose3d` give.

    Which of the three it is say the axes of the weight; the parameters are those of these functions.

    Raises
    ------
    ShapeError
        If the weight has not three to five axes.
    """
    axes = tensor("convolution", "weight", weight).ndim - 2
    if axes not in (1, 2, 3):
        raise ShapeError(f"[convolution] weight is {weight.shape}; it must have three to five axes")
    if flag("convolution", "transposed", transposed):
        op = (_core.ops.conv_transpose1d, _core.ops.conv_transpose2d, _core.ops.conv_transpose3d)[axes - 1]
        return op(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return (_conv1d, _conv2d, _conv3d)[axes - 1](input, weight, bias, stride, padding, dilation, groups)


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """Convolve signals whose axes are time, batch and channels.

    Parameters
    ----------
    input : Tensor, shape (L, N, C)
    weight : Tensor, shape (K, C, O)
    bias : Tensor, shape (O,)
    pad : int, default 0
        Zeros before and after each signal.

    Returns
    -------
    Tensor, shape (L + 2 pad - K + 1, N, O)

    Raises
    ------
    ShapeError
        If input or weight has not three axes, or their sizes do not go together.
    """
    input, weight = tensor("conv_tbc", "input", input), tensor("conv_tbc", "weight", weight)
    if input.ndim != 3 or weight.ndim != 3:
        raise ShapeError(
            f"[conv_tbc] input is {input.shape}, weight is {weight.shape}: both must have three axes"
        )
    return conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad).permute(2, 0, 1)
