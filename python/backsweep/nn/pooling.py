"""Pooling: the largest elements, means and norms of windows, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep._arguments import flag
from backsweep._core import Tensor
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn._pooling import Parts, Sizes, of_axes
from backsweep.nn.module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class _Windows(Module):
    """Keeps sizes as they were given: texts show them so."""

    axes: int

    def _set_windows(self, kernel_size: Sizes, stride: Sizes | None, **more: Sizes) -> None:
        name = type(self).__name__
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        for key, value in (("kernel_size", kernel_size), ("stride", self.stride), *more.items()):
            of_axes(name, key, value, self.axes)


# ---- the largest -------------------------------------------------------------------------------------------


class _MaxPool(_Windows):
    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self._set_windows(kernel_size, stride, padding=padding, dilation=dilation)
        self.padding, self.dilation = padding, dilation
        name = type(self).__name__
        self.return_indices = flag(name, "return_indices", return_indices)
        self.ceil_mode = flag(name, "ceil_mode", ceil_mode)

    def _arguments(self) -> tuple[Any, ...]:
        return (
            *(self.kernel_size, self.stride, self.padding, self.dilation),
            *(self.ceil_mode, self.return_indices),
        )

    def extra_repr(self) -> str:
        """Give the arguments."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


@formula(F.max_pool2d)
class MaxPool2d(_MaxPool):
    """Gives the largest element of each window of planes.

    Parameters
    ----------
    kernel_size : int or two ints
        Rows and columns of a window.
    stride : int or two ints, optional
        From one window to the next; kernel_size if left out.
    padding : int or two ints, default 0
        Rows and columns of -inf around the planes, at most half of kernel_size.
    dilation : int or two ints, default 1
        From one element of a window to the next.
    return_indices : bool, default False
        Whether to give also where in its plane each of them is, as `MaxUnpool2d` takes it.
    ceil_mode : bool, default False
        Whether a last window may end beyond the padding.

    Raises
    ------
    ValueError
        If padding is more than half of kernel_size, or what must be positive is not.
    """

    axes = 2

    def forward(self, input: Tensor) -> Any:
        """Give what `functional.max_pool2d` gives."""
        return F.max_pool2d(input, *self._arguments())


@formula(F.max_pool1d)
class MaxPool1d(_MaxPool):
    """Gives the largest element of each window of (N, C, L) or (C, L); see `MaxPool2d`."""

    axes = 1

    def forward(self, input: Tensor) -> Any:
        """Give what `functional.max_pool1d` gives."""
        return F.max_pool1d(input, *self._arguments())


@formula(F.max_pool3d)
class MaxPool3d(_MaxPool):
    """Gives the largest element of each window of (N, C, D, H, W) or (C, D, H, W); see `MaxPool2d`."""

    axes = 3

    def forward(self, input: Tensor) -> Any:
        """Give what `functional.max_pool3d` gives."""
        return F.max_pool3d(input, *self._arguments())


class _MaxUnpool(_Windows):
    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        name = type(self).__name__
        self.kernel_size = of_axes(name, "kernel_size", kernel_size, self.axes)
        self.stride = self.kernel_size if stride is None else of_axes(name, "stride", stride, self.axes)
        self.padding = of_axes(name, "padding", padding, self.axes)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool2d(_MaxUnpool):
    """Puts the largest elements of windows back where they were, with zeros elsewhere.

    Parameters
    ----------
    kernel_size : int or two ints
    stride : int or two ints, optional
        kernel_size if left out.
    padding : int or two ints, default 0

    Raises
    ------
    ValueError
        If the arguments are not one number or two.
    """

    axes = 2

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Give planes of output_size, or of the least size that pooling makes these windows of."""
        return F.max_unpool2d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool1d(_MaxUnpool):
    """Puts the largest of windows of (N, C, L) or (C, L) back where they were; see `MaxUnpool2d`."""

    axes = 1

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Give rows of output_size, or of the least size that pooling makes these windows of."""
        return F.max_unpool1d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool3d(_MaxUnpool):
    """Puts the largest of windows of (N, C, D, H, W) back where they were; see `MaxUnpool2d`."""

    axes = 3

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Give planes of output_size, or of the least size that pooling makes these windows of."""
        return F.max_unpool3d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


# ---- the mean ----------------------------------------------------------------------------------------------


class _AvgPool(_Windows):
    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self._set_windows(kernel_size, stride, padding=padding)
        name = type(self).__name__
        self.padding = padding
        self.ceil_mode = flag(name, "ceil_mode", ceil_mode)
        self.count_include_pad = flag(name, "count_include_pad", count_include_pad)
        self.divisor_override = divisor_override

    def _arguments(self) -> tuple[Sizes, Sizes, Sizes, bool, bool]:
        return self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad

    def extra_repr(self) -> str:
        """Give the arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


@formula(F.avg_pool2d)
class AvgPool2d(_AvgPool):
    """Gives the mean of each window of planes.

    Parameters
    ----------
    kernel_size : int or two ints
        Rows and columns of a window.
    stride : int or two ints, optional
        From one window to the next; kernel_size if left out.
    padding : int or two ints, default 0
        Rows and columns of zeros around the planes, at most half of kernel_size.
    ceil_mode : bool, default False
        Whether a last window may end beyond the padding.
    count_include_pad : bool, default True
        Whether elements of the padding count in the mean.
    divisor_override : int, optional
        What sums are divided by instead of the number of elements.

    Raises
    ------
    ValueError
        If padding is more than half of kernel_size, or what must be positive is not.
    """

    axes = 2

    def forward(self, input: Tensor) -> Tensor:
        """Give what `functional.avg_pool2d` gives."""
        return F.avg_pool2d(input, *self._arguments(), self.divisor_override)


@formula(F.avg_pool1d)
class AvgPool1d(_AvgPool):
    """Gives the mean of each window of (N, C, L) or (C, L); see `AvgPool2d`."""

    axes = 1

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        name = type(self).__name__
        self.kernel_size, self.stride, self.padding = (
            of_axes(name, key, getattr(self, key), 1) for key in ("kernel_size", "stride", "padding")
        )

    def forward(self, input: Tensor) -> Tensor:
        """Give what `functional.avg_pool1d` gives."""
        return F.avg_pool1d(input, *self._arguments())


@formula(F.avg_pool3d)
class AvgPool3d(_AvgPool):
    """Gives the mean of each window of (N, C, D, H, W) or (C, D, H, W); see `AvgPool2d`."""

    axes = 3

    def forward(self, input: Tensor) -> Tensor:
        """Give what `functional.avg_pool3d` gives."""
        return F.avg_pool3d(input, *self._arguments(), self.divisor_override)


# ---- of parts ----------------------------------------------------------------------------------------------


class _AdaptiveAvgPool(Module):
    def __init__(self, output_size: Parts) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        """Give the number of parts."""
        return f"output_size={self.output_size}"


@formula(F.adaptive_avg_pool2d)
class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Gives the mean of each of output_size parts of planes.

    Parameters
    ----------
    output_size : int or two ints
        Rows and columns of the result; None stands for as many as there are.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give what `functional.adaptive_avg_pool2d` gives."""
        return F.adaptive_avg_pool2d(input, self.output_size)


@formula(F.adaptive_avg_pool1d)
class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Gives the mean of each of output_size parts of (N, C, L); see `AdaptiveAvgPool2d`."""

    def forward(self, input: Tensor) -> Tensor:
        """Give what `functional.adaptive_avg_pool1d` gives."""
        return F.adaptive_avg_pool1d(input, self.output_size)


@formula(F.adaptive_avg_pool3d)
class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Gives the mean of each of output_size parts of (N, C, D, H, W); see `AdaptiveAvgPool2d`."""

    def forward(self, input: Tensor) -> Tensor:
        """Give what `functional.adaptive_avg_pool3d` gives."""
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMaxPool(_AdaptiveAvgPool):
    def __init__(self, output_size: Parts, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = flag(type(self).__name__, "return_indices", return_indices)


@formula(F.adaptive_max_pool2d)
class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Gives the largest element of each of output_size parts of planes.

    Parameters
    ----------
    output_size : int or two ints
        Rows and columns of the result; None stands for as many as there are.
    return_indices : bool, default False
        Whether to give also where in its plane each of them is.
    """

    def forward(self, input: Tensor) -> Any:
        """Give what `functional.adaptive_max_pool2d` gives."""
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


@formula(F.adaptive_max_pool1d)
class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Gives the largest element of each of output_size parts of (N, C, L); see `AdaptiveMaxPool2d`."""

    def forward(self, input: Tensor) -> Any:
        """Give what `functional.adaptive_max_pool1d` gives."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


@formula(F.adaptive_max_pool3d)
class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Gives the largest of each of output_size parts of (N, C, D, H, W); see `AdaptiveMaxPool2d`."""

    def forward(self, input: Tensor) -> Any:
        """Give what `functional.adaptive_max_pool3d` gives."""
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


# ---- the power ---------------------------------------------------------------------------------------------


class _LPPool(_Windows):
    def __init__(
        self, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self._set_windows(kernel_size, stride)
        self.norm_type, self.stride = norm_type, stride  # type: ignore[assignment]
        self.ceil_mode = flag(type(self).__name__, "ceil_mode", ceil_mode)

    def _arguments(self) -> tuple[Any, ...]:
        return self.norm_type, self.kernel_size, self.stride, self.ceil_mode

    def extra_repr(self) -> str:
        """Give the arguments."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


@formula(F.lp_pool2d)
class LPPool2d(_LPPool):
    """Gives the p-norm of each window of planes.

    Parameters
    ----------
    norm_type : float
        p.
    kernel_size : int or two ints
        Rows and columns of a window.
    stride : int or two ints, optional
        From one window to the next; kernel_size if left out.
    ceil_mode : bool, default False
        Whether a last window may end beyond the input.
    """

    axes = 2

    def forward(self, input: Tensor) -> Tensor:
        """Give what `functional.lp_pool2d` gives."""
        return F.lp_pool2d(input, *self._arguments())


@formula(F.lp_pool1d)
class LPPool1d(_LPPool):
    """Gives the p-norm of each window of (N, C, L) or (C, L); see `LPPool2d`."""

    axes = 1

    def forward(self, input: Tensor) -> Tensor:
        """Give what `functional.lp_pool1d` gives."""
        return F.lp_pool1d(input, *self._arguments())


@formula(F.lp_pool3d)
class LPPool3d(_LPPool):
    """Gives the p-norm of each window of (N, C, D, H, W) or (C, D, H, W); see `LPPool2d`."""

    axes = 3

    def forward(self, input: Tensor) -> Tensor:
        """Give what `functional.lp_pool3d` gives."""
        return F.lp_pool3d(input, *self._arguments())
