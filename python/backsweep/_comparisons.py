"""Questions about two tensors that have one answer: functions and methods."""

from __future__ import annotations

from backsweep import _core
from backsweep._arguments import tensor
from backsweep._core import Tensor
from backsweep._methods import method

__all__ = ["allclose", "equal"]


def _all(x: Tensor) -> bool:
    return int(_core.sum(x)) == x.numel()


@method
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Say whether all elements are close: |a - b| <= atol + rtol |b|, or a = b.

    Parameters
    ----------
    input, other : Tensor, one dtype
        They broadcast.
    rtol, atol : float
    equal_nan : bool, default False
        Whether NaN is close to NaN.

    Raises
    ------
    DTypeError
        If the dtypes differ.
    ShapeError
        If the shapes do not broadcast.
    """
    return _all(_core.isclose(input, other, rtol, atol, equal_nan))


@method
def equal(input: Tensor, other: Tensor) -> bool:
    """Say whether two tensors have one shape and the same elements; NaN equals nothing.

    Raises
    ------
    TypeError
        If one of them is no tensor.
    """
    input, other = tensor("equal", "input", input), tensor("equal", "other", other)
    return input.shape == other.shape and _all(_core.eq(input, other))
