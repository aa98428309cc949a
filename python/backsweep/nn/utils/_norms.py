"""Norms of the slices of a weight, and its matrix, for normalised weights."""

from __future__ import annotations

from backsweep import _core
from backsweep._arguments import whole
from backsweep._core import ShapeError, Tensor
from backsweep.linalg import vector_norm

__all__ = ["axis_of", "matrix_of", "norm_except", "rows_axis"]


def axis_of(op: str, weight: Tensor, dim: int) -> int:
    """Give an axis of a weight, counted from the front, or raise."""
    n = weight.ndim
    if not -n <= dim < n:
        raise ShapeError(f"[{op}] dim is {dim}: the weight is {tuple(weight.shape)}")
    return dim % n


def norm_except(weight: Tensor, axis: int | None) -> Tensor:
    """Give the 2-norm over all axes but one, which are kept as 1; over all, 0-d, if it is None."""
    if axis is None:
        return vector_norm(weight)
    others = [d for d in range(weight.ndim) if d != axis]
    return vector_norm(weight, dim=others, keepdim=True) if others else _core.abs(weight)


def matrix_of(weight: Tensor, axis: int) -> Tensor:
    """Give the weight as a matrix whose rows go along an axis."""
    order = [axis, *(d for d in range(weight.ndim) if d != axis)]
    turned = _core.permute(weight, order) if axis else weight
    return _core.reshape(turned, (weight.shape[axis], -1))


def rows_axis(op: str, module: object, dim: int | None) -> int:
    """Give the axis of a weight along which outputs go."""
    if dim is None:
        return int(type(module).__name__.startswith("ConvTranspose"))
    return whole(op, "dim", dim, None)
