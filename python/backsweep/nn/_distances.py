"""Distances and lengths as functions; `backsweep.nn.functional` has them among its names."""

from __future__ import annotations

import math

import numpy as np

from backsweep import _core
from backsweep._arguments import floats, number
from backsweep._core import ShapeError, Tensor

__all__ = ["cosine_similarity", "normalize", "pairwise_distance", "pdist"]


def length(x: Tensor, p: float, dim: int, keepdim: bool) -> Tensor:
    """Give the p-norm along an axis; its derivative is 0 where the norm is."""
    if p == 2:
        return _core.cast(_core.sqrt(_core.ops.sum_squares(x, dim, keepdim)), x.dtype)
    size = _core.abs(x)
    if p == 1:
        return _core.sum(size, dim, keepdim)
    if math.isinf(p):
        return (_core.amax if p > 0 else _core.amin)(size, dim, keepdim)
    if p == 0:
        return _core.cast(_core.sum(size != 0, dim, keepdim), x.dtype)
    return _core.sum(size**p, dim, keepdim) ** (1 / p)


def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Divide vectors by their length: x / max(|x|, eps), |x| the p-norm along an axis.

    Parameters
    ----------
    input : Tensor, floats, any shape
    p : float, default 2
    dim : int, default 1
        The axis of the vectors.
    eps : float, default 1e-12
        Stands for the length where that is less.
    out : Tensor, optional
        Becomes the result.

    Raises
    ------
    IndexError
        If there is no such axis.
    """
    op = "normalize"
    input = floats(op, "input", input)
    norm = length(input, number(op, "p", p), dim, True)
    made = input / _core.clamp_min(norm, number(op, "eps", eps))
    return made if out is None else out.copy_(made)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Cosine of the angle between vectors: sum(a b) / (max(|a|, eps) max(|b|, eps)).

    Parameters
    ----------
    x1, x2 : Tensor, floats
        They broadcast to one shape.
    dim : int, default 1
        The axis of the vectors, of that shape.
    eps : float, default 1e-8

    Returns
    -------
    Tensor, the shape without the axis

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.
    IndexError
        If there is no such axis.
    """
    op = "cosine_similarity"
    x1, x2 = floats(op, "x1", x1), floats(op, "x2", x2)
    if x1.shape != x2.shape:
        try:
            shape = np.broadcast_shapes(x1.shape, x2.shape)
        except ValueError:
            raise ShapeError(f"[{op}] x1 is {x1.shape}, x2 is {x2.shape}: they do not broadcast") from None
        x1, x2 = _core.expand(x1, shape), _core.expand(x2, shape)
    eps = number(op, "eps", eps)
    a, b = (_core.clamp_min(length(x, 2, dim, True), eps) for x in (x1, x2))
    return _core.sum((x1 / a) * (x2 / b), dim)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """Distance of vectors along the last axis: the p-norm of x1 - x2 + eps.

    Parameters
    ----------
    x1, x2 : Tensor, floats, shape (N, D) or (D,)
        They may broadcast.
    p : float, default 2
    eps : float, default 1e-6
        Keeps the derivative away from that of 0.
    keepdim : bool, default False

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.
    """
    op = "pairwise_distance"
    x1, x2 = floats(op, "x1", x1), floats(op, "x2", x2)
    return length(x1 - x2 + number(op, "eps", eps), number(op, "p", p), -1, keepdim)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Distances of all pairs of rows i < j, as p-norms.

    Parameters
    ----------
    input : Tensor, floats, shape (N, D)
    p : float, default 2

    Returns
    -------
    Tensor, shape (N (N - 1) / 2,)

    Raises
    ------
    ShapeError
        If the input has not two axes.
    ValueError
        If p is negative.
    """
    input = floats("pdist", "input", input)
    if input.ndim != 2:
        raise ShapeError(f"[pdist] input is {input.shape}; it must be (N, D)")
    if not number("pdist", "p", p) >= 0:
        raise ValueError(f"[pdist] p is {p}; it must not be negative")
    first, second = (_core.tensor(i.astype(np.int64)) for i in np.triu_indices(input.shape[0], 1))
    off = _core.index_rows(input, first) - _core.index_rows(input, second)
    return length(off, number("pdist", "p", p), -1, False)
