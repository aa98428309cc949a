"""Pooling as functions; `backsweep.nn.functional` has them among its names.

Each family is one op, which pools the last one, two or three axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from backsweep import _core
from backsweep._arguments import flag, floats, number, shown, sizes, whole
from backsweep._core import ShapeError, Tensor
from backsweep._formula import formula

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
]

_max_pool, _max_pool_places = _core.ops.max_pool, _core.ops.max_pool_places
_avg_pool = _core.ops.avg_pool

Sizes = int | Sequence[int]
Parts = int | Sequence[int | None] | None
Windows = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], None, bool]


def of_axes(op: str, name: str, value: Sizes, axes: int) -> tuple[int, ...]:
    """Give a number for all axes, or one for each, as one for each, or raise."""
    given = sizes(op, name, value)
    if len(given) == 1:
        return given * axes
    if len(given) != axes:
        raise ValueError(f"[{op}] {name} is {given}; it must be a number, or {axes}")
    return given


def planes(op: str, input: Tensor, axes: int) -> Tensor:
    """Give an input that must be (N, C, ...) or (C, ...) with so many axes behind, or raise."""
    input = floats(op, "input", input)
    shape = input.shape
    if not axes + 1 <= len(shape) <= axes + 2 or 0 in shape[-axes - 1 :]:
        rest = ", ".join("DHW"[3 - axes :])
        raise ShapeError(f"[{op}] input is {shape}; it must be (N, C, {rest}) or (C, {rest}); only N is 0")
    return input


def _windows(
    op: str, axes: int, kernel_size: Sizes, stride: Sizes | None, padding: Sizes, ceil_mode: bool
) -> Windows:
    """Give the attributes that ops of windows begin with."""
    kernel = of_axes(op, "kernel_size", kernel_size, axes)
    none = stride is None or (isinstance(stride, Sequence) and len(stride) == 0)
    step = kernel if stride is None or none else of_axes(op, "stride", stride, axes)
    return kernel, step, of_axes(op, "padding", padding, axes), None, flag(op, "ceil_mode", ceil_mode)


def _parts(op: str, input: Tensor, axes: int, output_size: Parts) -> tuple[int, ...]:
    """Give the numbers of parts of the last axes: None stands for as many as there are elements."""
    given: Any = output_size if isinstance(output_size, Sequence) else [output_size] * axes
    if isinstance(given, str) or len(given) not in (1, axes):
        raise ValueError(f"[{op}] output_size is {shown(output_size)}; it must be a number, or {axes}")
    given = given if len(given) == axes else [given[0]] * axes
    now = input.shape[-axes:]
    return tuple(
        n if part is None else whole(op, "output_size", part, 0) for n, part in zip(now, given, strict=True)
    )


def _max(
    op: str,
    axes: int,
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    places: bool,
) -> Any:
    windows = _windows(op, axes, kernel_size, stride, padding, ceil_mode)
    pool = _max_pool_places if flag(op, "return_indices", places) else _max_pool
    return pool(planes(op, input, axes), *windows, of_axes(op, "dilation", dilation, axes))


def _mean(
    op: str,
    axes: int,
    input: Tensor,
    windows: Windows,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    if divisor_override is not None:
        divisor_override = whole(op, "divisor_override", divisor_override, None)
    counts = flag(op, "count_include_pad", count_include_pad)
    return _avg_pool(planes(op, input, axes), *windows, counts, divisor_override)


def _max_of_parts(op: str, axes: int, input: Tensor, output_size: Any, places: bool) -> Any:
    input = planes(op, input, axes)
    pool = _max_pool_places if flag(op, "return_indices", places) else _max_pool
    return pool(input, None, None, None, _parts(op, input, axes, output_size))


def _mean_of_parts(op: str, axes: int, input: Tensor, output_size: Any) -> Tensor:
    input = planes(op, input, axes)
    parts = _parts(op, input, axes, output_size)
    if all(part == 1 for part in parts):
        return _core.mean(input, tuple(range(-axes, 0)), keepdim=True)
    return _avg_pool(input, None, None, None, parts)


def _power(
    op: str,
    axes: int,
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None,
    ceil_mode: bool,
) -> Tensor:
    """Give the p-norm of each window: for p infinite the largest or least of what is in it."""
    input, p = floats(op, "input", input), number(op, "norm_type", norm_type)
    windows = _windows(op, axes, kernel_size, stride, 0, ceil_mode)
    if p in (float("inf"), -float("inf")):
        size, ones = _core.abs(planes(op, input, axes)), (1,) * axes
        return _max_pool(size, *windows, ones) if p > 0 else -_max_pool(-size, *windows, ones)
    if p == 0:
        raise ValueError(f"[{op}] norm_type is 0; it must be another number")
    mean = _mean(op, axes, input**p, windows)
    return (_core.sign(mean) * _core.relu(_core.abs(mean)) * prod(windows[0])) ** (1.0 / p)


# ---- the largest -------------------------------------------------------------------------------------------


@formula(_max_pool)
def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Give the largest element of each window of planes.

    Parameters
    ----------
    input : Tensor, floats, shape (N, C, H, W) or (C, H, W)
    kernel_size : int or two ints
        Rows and columns of a window.
    stride : int or two ints, optional
        From one window to the next; kernel_size if left out.
    padding : int or two ints, default 0
        Rows and columns of -inf around the planes, at most half of kernel_size.
    dilation : int or two ints, default 1
        From one element of a window to the next.
    ceil_mode : bool, default False
        Whether a last window may end beyond the padding. It begins before the end of the input.
    return_indices : bool, default False
        Whether to give also where in its plane each of them is, row by row, as `max_unpool2d` takes it.

    Returns
    -------
    Tensor, or a tuple of it and of indices, int64
        Of shape (N, C, H', W') or (C, H', W') with H' = floor((H + 2 padding - dilation (kernel_size - 1) -
        1) / stride) + 1, or the ceiling of the quotient in ceil_mode.

    Raises
    ------
    ShapeError
        If the input has other axes, or is smaller than a window.
    ValueError
        If padding is more than half of kernel_size, or what must be positive is not.
    """
    return _max("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@formula(_max_pool)
def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Give the largest element of each window of (N, C, L) or (C, L); see `max_pool2d`."""
    return _max("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@formula(_max_pool)
def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Give the largest element of each window of (N, C, D, H, W) or (C, D, H, W); see `max_pool2d`."""
    return _max("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """Give what `max_pool1d` gives with `return_indices=True`, whatever is given here."""
    made: tuple[Tensor, Tensor] = max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)
    return made


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """Give what `max_pool2d` gives with `return_indices=True`, whatever is given here."""
    made: tuple[Tensor, Tensor] = max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)
    return made


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """Give what `max_pool3d` gives with `return_indices=True`, whatever is given here."""
    made: tuple[Tensor, Tensor] = max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)
    return made


# ---- the mean ----------------------------------------------------------------------------------------------


@formula(_avg_pool)
def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Give the mean of each window of planes.

    Parameters
    ----------
    input : Tensor, floats, shape (N, C, H, W) or (C, H, W)
    kernel_size, stride, padding, ceil_mode
        As those of `max_pool2d`; but the padding is of zeros.
    count_include_pad : bool, default True
        Whether elements of the padding count in the mean.
    divisor_override : int, optional
        What sums are divided by instead of the number of elements.

    Returns
    -------
    Tensor, of the shape that `max_pool2d` gives

    Raises
    ------
    ShapeError
        If the input has other axes, or is smaller than a window.
    ValueError
        If padding is more than half of kernel_size, what must be positive is not, or divisor_override is 0.
    """
    windows = _windows("avg_pool2d", 2, kernel_size, stride, padding, ceil_mode)
    return _mean("avg_pool2d", 2, input, windows, count_include_pad, divisor_override)


@formula(_avg_pool)
def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Give the mean of each window of (N, C, L) or (C, L); see `avg_pool2d`."""
    windows = _windows("avg_pool1d", 1, kernel_size, stride, padding, ceil_mode)
    return _mean("avg_pool1d", 1, input, windows, count_include_pad)


@formula(_avg_pool)
def avg_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Give the mean of each window of (N, C, D, H, W) or (C, D, H, W); see `avg_pool2d`."""
    windows = _windows("avg_pool3d", 3, kernel_size, stride, padding, ceil_mode)
    return _mean("avg_pool3d", 3, input, windows, count_include_pad, divisor_override)


# ---- of parts ----------------------------------------------------------------------------------------------


def adaptive_avg_pool2d(input: Tensor, output_size: Parts) -> Tensor:
    """Give the mean of each of m parts of n, from floor(i n / m) to ceil((i + 1) n / m), along both axes.

    Parameters
    ----------
    input : Tensor, floats, shape (N, C, H, W) or (C, H, W)
    output_size : int or two ints
        m of rows and of columns; None stands for as many as there are.

    Returns
    -------
    Tensor, shape (N, C, *output_size) or (C, *output_size)

    Raises
    ------
    ShapeError
        If the input has other axes, or planes are empty.
    ValueError
        If output_size is not a number, or two.
    """
    return _mean_of_parts("adaptive_avg_pool2d", 2, input, output_size)


@formula(adaptive_avg_pool2d)
def adaptive_avg_pool1d(input: Tensor, output_size: Parts) -> Tensor:
    """Give the mean of each of output_size parts of (N, C, L) or (C, L); see `adaptive_avg_pool2d`."""
    return _mean_of_parts("adaptive_avg_pool1d", 1, input, output_size)


@formula(adaptive_avg_pool2d)
def adaptive_avg_pool3d(input: Tensor, output_size: Parts) -> Tensor:
    """Give the mean of each of output_size parts of (N, C, D, H, W); see `adaptive_avg_pool2d`."""
    return _mean_of_parts("adaptive_avg_pool3d", 3, input, output_size)


def adaptive_max_pool2d(input: Tensor, output_size: Parts, return_indices: bool = False) -> Any:
    """Give the largest element of each of the parts of planes that `adaptive_avg_pool2d` describes.

    Parameters
    ----------
    input : Tensor, floats, shape (N, C, H, W) or (C, H, W)
    output_size : int or two ints
        m of rows and of columns; None stands for as many as there are.
    return_indices : bool, default False
        Whether to give also where in its plane each of them is, row by row.

    Returns
    -------
    Tensor, shape (N, C, *output_size) or (C, *output_size), or a tuple of it and of indices, int64

    Raises
    ------
    ShapeError
        If the input has other axes, or planes are empty.
    ValueError
        If output_size is not a number, or two.
    """
    return _max_of_parts("adaptive_max_pool2d", 2, input, output_size, return_indices)


def adaptive_max_pool1d(input: Tensor, output_size: Parts, return_indices: bool = False) -> Any:
    """Give the largest element of each of output_size parts of (N, C, L); see `adaptive_max_pool2d`."""
    return _max_of_parts("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Parts, return_indices: bool = False) -> Any:
    """Give the largest of each of output_size parts of (N, C, D, H, W); see `adaptive_max_pool2d`."""
    return _max_of_parts("adaptive_max_pool3d", 3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Parts, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Give what `adaptive_max_pool1d` gives with `return_indices=True`, whatever is given here."""
    made: tuple[Tensor, Tensor] = adaptive_max_pool1d(input, output_size, True)
    return made


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Parts, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Give what `adaptive_max_pool2d` gives with `return_indices=True`, whatever is given here."""
    made: tuple[Tensor, Tensor] = adaptive_max_pool2d(input, output_size, True)
    return made


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Parts, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Give what `adaptive_max_pool3d` gives with `return_indices=True`, whatever is given here."""
    made: tuple[Tensor, Tensor] = adaptive_max_pool3d(input, output_size, True)
    return made


# ---- the power ---------------------------------------------------------------------------------------------


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Give the p-norm of each window of planes: (sum x^p)^(1/p), the largest or least |x| for infinite p.

    Parameters
    ----------
    input : Tensor, floats, shape (N, C, H, W) or (C, H, W)
    norm_type : float
        p.
    kernel_size, stride, ceil_mode
        As those of `max_pool2d`. A window that ends beyond the input counts as if it were whole.

    Returns
    -------
    Tensor, of the shape that `max_pool2d` gives

    Raises
    ------
    ShapeError
        If the input has other axes, or is smaller than a window.
    ValueError
        If kernel_size or stride are not positive.
    """
    return _power("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


@formula(lp_pool2d)
def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """Give the p-norm of each window of (N, C, L) or (C, L); see `lp_pool2d`."""
    return _power("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


@formula(lp_pool2d)
def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
) -> Tensor:
    """Give the p-norm of each window of (N, C, D, H, W) or (C, D, H, W); see `lp_pool2d`."""
    return _power("lp_pool3d", 3, input, norm_type, kernel_size, stride, ceil_mode)
