"""What moves pixels, as functions: the way back from pooling, blocks as columns, channels as pixels.

`backsweep.nn.functional` has them among its names. All are compositions: of scatters, parts by strides and
permutations.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from backsweep import _core
from backsweep._arguments import floats, sizes, tensor, whole
from backsweep._core import DTypeError, ShapeError, Tensor
from backsweep.nn._pooling import Sizes, of_axes, planes

__all__ = [
    "channel_shuffle",
    "fold",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "native_channel_shuffle",
    "pixel_shuffle",
    "pixel_unshuffle",
    "unfold",
]


# ---- the way back from pooling -----------------------------------------------------------------------------


def _unpool(
    op: str,
    axes: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    output_size: Sequence[int] | None,
) -> Tensor:
    input, indices = planes(op, input, axes), tensor(op, "indices", indices)
    shape = input.shape
    if indices.shape != shape:
        raise ShapeError(f"[{op}] input is {shape}, indices is {indices.shape}: they must be of one shape")
    if indices.dtype != _core.int64:
        raise DTypeError(f"[{op}] indices is {indices.dtype.name}: what pooling gives is int64")
    kernel = of_axes(op, "kernel_size", kernel_size, axes)
    step = kernel if stride is None else of_axes(op, "stride", stride, axes)
    border = of_axes(op, "padding", padding, axes)
    lead = shape[:-axes]
    size: tuple[Any, ...] = tuple(
        (n - 1) * s + k - 2 * p for n, k, s, p in zip(shape[-axes:], kernel, step, border, strict=True)
    )
    if output_size is not None:
        wanted = sizes(op, "output_size", output_size)
        wanted = wanted[2:] if len(wanted) == axes + 2 else wanted
        if len(wanted) != axes or not all(
            n - s < w < n + s for n, s, w in zip(size, step, wanted, strict=True)
        ):
            raise ValueError(
                f"[{op}] output_size is {tuple(output_size)}; it must be {axes} or {axes + 2} numbers, the "
                f"last ones less than stride, {step}, from {size}"
            )
        size = wanted
    if any(n < 0 for n in size):
        raise ValueError(f"[{op}] input is {shape}: with padding {border} the result would be {size}")
    rows = prod(lead)
    places = _core.reshape(indices, (rows, prod(shape[-axes:])))
    empty = _core.zeros((rows, prod(size)), dtype=input.dtype)
    made = _core.scatter(empty, 1, places, _core.reshape(input, places.shape))
    return _core.reshape(made, lead + size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put the largest elements of windows back where they were, with zeros elsewhere.

    Parameters
    ----------
    input : Tensor, floats, shape (N, C, H, W) or (C, H, W)
    indices : Tensor, int64, the same shape
        Where in its plane each element goes, as `max_pool2d` gives it with `return_indices=True`. Of those
        that go to one place the last is there.
    kernel_size, stride, padding
        As those of `max_pool2d`.
    output_size : ints, optional
        The size of the planes, or of the result; (H - 1) stride + kernel_size - 2 padding, ... if left out.
        Less than stride away from that.

    Returns
    -------
    Tensor, shape (N, C, *output_size) or (C, *output_size)

    Raises
    ------
    ShapeError
        If the input has other axes, or indices another shape.
    DTypeError
        If indices is not int64.
    ValueError
        If output_size cannot be that of the planes that were pooled.
    IndexError
        If an index is not in the planes.
    """
    return _unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put the largest elements of windows of (N, C, L) or (C, L) back where they were; see `max_unpool2d`."""
    return _unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Put the largest of windows of (N, C, D, H, W) or (C, D, H, W) back; see `max_unpool2d`."""
    return _unpool("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


# ---- blocks as columns -------------------------------------------------------------------------------------


class _Blocks:
    """Blocks of planes: how many there are along each axis, and where they lie in planes with a border."""

    def __init__(
        self,
        op: str,
        size: tuple[int, ...],
        kernel_size: Sizes,
        dilation: Sizes,
        padding: Sizes,
        stride: Sizes,
    ) -> None:
        self.kernel = of_axes(op, "kernel_size", kernel_size, 2)
        dilated, self.border, step = (
            of_axes(op, name, value, 2)
            for name, value in (("dilation", dilation), ("padding", padding), ("stride", stride))
        )
        if 0 in (*self.kernel, *dilated, *step):
            raise ValueError(f"[{op}] kernel_size, dilation and stride must be at least 1")
        self.padded = tuple(n + 2 * p for n, p in zip(size, self.border, strict=True))
        reach = tuple(d * (k - 1) + 1 for d, k in zip(dilated, self.kernel, strict=True))
        if any(n < r for n, r in zip(self.padded, reach, strict=True)):
            raise ShapeError(f"[{op}] planes are {size}, padding is {self.border}: a block is {reach}")
        self.count = tuple((n - r) // s + 1 for n, r, s in zip(self.padded, reach, step, strict=True))
        row = self.padded[1]
        self.strides = (dilated[0] * row, dilated[1], step[0] * row, step[1])

    def part(self, lead: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Give the shape and the strides of all blocks, of planes with these axes before."""
        plane = prod(self.padded)
        before = tuple(plane * prod(lead[i + 1 :]) for i in range(len(lead)))
        return (*lead, *self.kernel, *self.count), (*before, *self.strides)


def unfold(
    input: Tensor, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Tensor:
    """Give all blocks of planes as columns (im2col).

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W) or (C, H, W)
    kernel_size : int or two ints
        Rows and columns of a block.
    dilation : int or two ints, default 1
        From one element of a block to the next.
    padding : int or two ints, default 0
        Rows and columns of zeros around the planes.
    stride : int or two ints, default 1
        From one block to the next.

    Returns
    -------
    Tensor, shape (N, C * rows * columns, L) or (C * rows * columns, L)
        L blocks, row by row; each has its elements of channel 0, row by row, then of channel 1, ...

    Raises
    ------
    ShapeError
        If the input has other axes, or is smaller than a block.
    ValueError
        If what must be positive is not.
    """
    op = "unfold"
    input = tensor(op, "input", input)
    shape = input.shape
    if len(shape) not in (3, 4) or 0 in shape[-3:]:
        raise ShapeError(f"[{op}] input is {shape}; it must be (N, C, H, W) or (C, H, W), only N may be 0")
    blocks = _Blocks(op, shape[-2:], kernel_size, dilation, padding, stride)
    high, wide = blocks.border
    if high or wide:
        input = _core.ops.pad(input, (wide, wide, high, high), "constant", 0.0)
    part = _core.ops.as_strided(input.contiguous(), *blocks.part(shape[:-2]))
    return _core.reshape(part, (*shape[:-3], shape[-3] * prod(blocks.kernel), prod(blocks.count)))


def fold(
    input: Tensor,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Tensor:
    """Add blocks that are columns up to planes (col2im): the transpose of `unfold`.

    Parameters
    ----------
    input : Tensor, floats, shape (N, C * rows * columns, L) or (C * rows * columns, L)
    output_size : int or two ints
        H and W.
    kernel_size, dilation, padding, stride
        As those of `unfold`.

    Returns
    -------
    Tensor, shape (N, C, H, W) or (C, H, W)

    Raises
    ------
    ShapeError
        If the input does not have as many blocks as planes of output_size, or these are not of kernel_size.
    ValueError
        If what must be positive is not.
    """
    op = "fold"
    input = floats(op, "input", input)
    shape, size = input.shape, of_axes(op, "output_size", output_size, 2)
    blocks = _Blocks(op, size, kernel_size, dilation, padding, stride)
    each, count = prod(blocks.kernel), prod(blocks.count)
    if len(shape) not in (2, 3) or 0 in shape[-2:] or shape[-2] % each or shape[-1] != count:
        raise ShapeError(
            f"[{op}] input is {shape}; it must be (N, C * {each}, {count}) or (C * {each}, {count}): planes "
            f"of {size} have {count} blocks of {each} elements"
        )
    lead = (*shape[:-2], shape[-2] // each)
    columns, strides = blocks.part(lead)
    empty = _core.zeros((*lead, *blocks.padded), dtype=input.dtype)
    made = _core.ops.add_strided([empty, _core.reshape(input, columns)], (0, *strides))
    high, wide = blocks.border
    return _core.ops.pad(made, (-wide, -wide, -high, -high), "constant", 0.0) if high or wide else made


# ---- channels as pixels ------------------------------------------------------------------------------------


def _pixels(op: str, input: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    input = tensor(op, "input", input)
    if input.ndim < 3:
        raise ShapeError(f"[{op}] input is {input.shape}; it must be (..., C, H, W)")
    return input, input.shape


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Make blocks of upscale_factor by upscale_factor pixels of as many channels.

    Parameters
    ----------
    input : Tensor, shape (..., C * upscale_factor², H, W)
    upscale_factor : int

    Returns
    -------
    Tensor, shape (..., C, H * upscale_factor, W * upscale_factor)

    Raises
    ------
    ShapeError
        If there are less than three axes, or the number of channels is not divisible.

    Notes
    -----
    Source: Shi et al. (2016), arXiv:1609.05158.
    """
    op = "pixel_shuffle"
    input, shape = _pixels(op, input)
    r = whole(op, "upscale_factor", upscale_factor)
    channels, high, wide = shape[-3:]
    if channels % (r * r):
        raise ShapeError(f"[{op}] input is {shape}: {channels} channels are not divisible by {r}²")
    made = _core.reshape(input, (prod(shape[:-3]), channels // (r * r), r, r, high, wide))
    made = _core.permute(made, (0, 1, 4, 2, 5, 3))
    return _core.reshape(made, (*shape[:-3], channels // (r * r), high * r, wide * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Make channels of blocks of downscale_factor by downscale_factor pixels: undoes `pixel_shuffle`.

    Parameters
    ----------
    input : Tensor, shape (..., C, H * downscale_factor, W * downscale_factor)
    downscale_factor : int

    Returns
    -------
    Tensor, shape (..., C * downscale_factor², H, W)

    Raises
    ------
    ShapeError
        If there are less than three axes, or the planes are not divisible.
    """
    op = "pixel_unshuffle"
    input, shape = _pixels(op, input)
    r = whole(op, "downscale_factor", downscale_factor)
    channels, high, wide = shape[-3:]
    if high % r or wide % r:
        raise ShapeError(f"[{op}] input is {shape}: {high} rows and {wide} columns must be divisible by {r}")
    made = _core.reshape(input, (prod(shape[:-3]), channels, high // r, r, wide // r, r))
    made = _core.permute(made, (0, 1, 3, 5, 2, 4))
    return _core.reshape(made, (*shape[:-3], channels * r * r, high // r, wide // r))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Take channels of groups in turn: the first of each, the second of each, ...

    Parameters
    ----------
    input : Tensor, shape (N, C, ...)
    groups : int
        Into so many the channels are divided.

    Raises
    ------
    ShapeError
        If there are less than three axes, or the number of channels is not divisible.

    Notes
    -----
    Source: Zhang et al. (2018), arXiv:1707.01083.
    """
    op = "channel_shuffle"
    input, groups = tensor(op, "input", input), whole(op, "groups", groups)
    shape = input.shape
    if len(shape) < 3 or shape[1] % groups:
        raise ShapeError(f"[{op}] input is {shape}; it must be (N, C, ...) with C divisible by {groups}")
    made = _core.reshape(input, (shape[0], groups, shape[1] // groups, prod(shape[2:])))
    return _core.reshape(_core.transpose(made, 1, 2), shape)


native_channel_shuffle = channel_shuffle
