"""Powers and products of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._arguments import tensor
from backsweep._core import ShapeError, Tensor
from backsweep.linalg._solve import inv, solve
from backsweep.linalg._units import Array, identity, matrices, scipy_linalg, turned, unit


def matrix_power(A: Any, n: int) -> Tensor:
    """Give Aⁿ of matrices (..., m, m) by repeated squaring; for n < 0 the power of the inverse.

    Raises
    ------
    ShapeError
        If A is not (..., m, m).
    """
    a = tensor("linalg.matrix_power", "A", A)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"[linalg.matrix_power] A is {a.shape}: it must be (..., m, m)")
    if n < 0:
        return matrix_power(inv(a), -n)
    if n == 0:
        return identity(a, a.shape[-1]).expand(*a.shape).contiguous()
    made: Tensor | None = None
    while True:
        if n & 1:
            made = a if made is None else made @ a
        n >>= 1
        if n == 0:
            assert made is not None
            return made
        a = a @ a


def matrix_exp(A: Any) -> Tensor:
    """Give Σ Aⁿ / n! of matrices (..., n, n).

    The derivative is the upper right part of the exponential of [[Aᵀ, G], [0, Aᵀ]] (C. Van Loan, *Computing
    integrals involving the matrix exponential*, 1978). Needs SciPy: ``pip install 'backsweep[linalg]'``.
    """
    name = "linalg.matrix_exp"
    a = matrices(name, "A", A, square=True)
    linalg = scipy_linalg(name)

    def forward(x: Array) -> list[Array]:
        return [np.asarray(linalg.expm(x), x.dtype) if x.size else x]

    def rule(g: Sequence[Any], given: Sequence[Tensor], made: Sequence[Tensor]) -> list[Tensor | None]:
        up = turned(given[0])
        upper = _core.cat([up, g[0]], -1)
        both = _core.cat([upper, _core.cat([_core.zeros_like(up), up], -1)], -2)
        n = up.shape[-1]
        return [matrix_exp(both).narrow(-2, 0, n).narrow(-1, n, n)]

    return unit(forward, rule, [a], [(a.shape, a.dtype)])[0]


def multi_dot(tensors: Sequence[Any]) -> Tensor:
    """Multiply two or more matrices in the order that costs least.

    Parameters
    ----------
    tensors : sequence of Tensor
        Matrices; the first and the last may be vectors, a row and a column.

    Raises
    ------
    ValueError
        If there are less than two tensors.
    ShapeError
        If one in the middle is no matrix.

    Notes
    -----
    The order is found by dynamic programming (T. Cormen et al., *Introduction to algorithms*, 15.2).
    """
    given = [tensor("linalg.multi_dot", f"tensors[{i}]", t) for i, t in enumerate(tensors)]
    if len(given) < 2:
        raise ValueError(f"[linalg.multi_dot] there are {len(given)} tensors: it takes two or more")
    first, last = given[0].ndim == 1, given[-1].ndim == 1
    all_ = list(given)
    if first:
        all_[0] = all_[0][None]
    if last:
        all_[-1] = all_[-1][:, None]
    for i, t in enumerate(all_):
        if t.ndim != 2:
            raise ShapeError(
                f"[linalg.multi_dot] tensor {i} is {given[i].shape}: "
                "they are matrices, the first and the last may be vectors"
            )
        if i and all_[i - 1].shape[1] != t.shape[0]:
            raise ShapeError(
                f"[linalg.multi_dot] tensors {i - 1} and {i} are {given[i - 1].shape} and {given[i].shape}: "
                f"sizes {all_[i - 1].shape[1]} and {t.shape[0]} differ"
            )
    sizes = [int(t.shape[0]) for t in all_] + [int(all_[-1].shape[1])]
    n = len(all_)
    cost = {(i, i): 0 for i in range(n)}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i, j], cut[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )

    def product(i: int, j: int) -> Tensor:
        return all_[i] if i == j else product(i, cut[i, j]) @ product(cut[i, j] + 1, j)

    made = product(0, n - 1)
    shape = [d for d, left_out in zip(made.shape, (first, last), strict=True) if not left_out]
    return made.reshape(shape) if first or last else made


def vecdot(x: Any, y: Any, *, dim: int = -1) -> Tensor:
    """Give Σ x y along the axis dim; others broadcast.

    Raises
    ------
    ShapeError
        If the sizes of the axis differ.
    """
    a, b = tensor("linalg.vecdot", "x", x), tensor("linalg.vecdot", "y", y)
    product = a * b
    if a.ndim == 0 or b.ndim == 0 or a.shape[dim] != b.shape[dim]:
        raise ShapeError(f"[linalg.vecdot] x is {a.shape}, y is {b.shape}: sizes of axis {dim} differ")
    made = product.sum(dim)
    return made if made.dtype == product.dtype else made.to(product.dtype)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Give the diagonals of matrices, a view: element i is A[..., i, i + offset]."""
    return tensor("linalg.diagonal", "A", A).diagonal(offset, dim1, dim2)


def vander(x: Any, *, N: int | None = None) -> Tensor:
    """Give the powers x⁰ to x^(N-1) along a new last axis; N is by default the size of the last one.

    Raises
    ------
    ValueError
        If x has no axes, or N is less than 1.
    """
    t = tensor("linalg.vander", "x", x)
    n = t.shape[-1] if N is None and t.ndim else N
    if n is None or n < 1 or t.ndim == 0:
        raise ValueError(f"[linalg.vander] x is {t.shape}, N is {N}: x has an axis, and N is 1 or more")
    powers = [_core.ones_like(t)]
    for _ in range(1, n):
        powers.append(powers[-1] * t)
    return _core.stack(powers, -1)


def tensorinv(A: Any, ind: int = 2) -> Tensor:
    """Invert A as a map: `tensordot(tensorinv(A, ind), B, B.ndim)` solves A X = B.

    It maps from its last axes to its first `ind` ones.

    Raises
    ------
    ValueError
        If ind is less than 1.
    ShapeError
        If A has not as many elements before axis `ind` as from it on.
    """
    a = tensor("linalg.tensorinv", "A", A)
    if ind <= 0:
        raise ValueError(f"[linalg.tensorinv] ind is {ind}: it must be 1 or more")
    n, m = math.prod(a.shape[ind:]), math.prod(a.shape[:ind])
    if n != m:
        raise ShapeError(f"[linalg.tensorinv] A is {a.shape}: {m} elements before axis {ind}, {n} from it on")
    return inv(a.reshape(m, n)).reshape(*a.shape[ind:], *a.shape[:ind])


def tensorsolve(A: Any, B: Any, dims: Sequence[int] | None = None) -> Tensor:
    """Solve tensordot(A, X, X.ndim) = B for X; the axes `dims` of A are moved to its end before.

    Raises
    ------
    ShapeError
        If A, as a matrix, is not square, or does not map to the shape of B.
    """
    a, b = tensor("linalg.tensorsolve", "A", A), tensor("linalg.tensorsolve", "B", B)
    if dims is not None:
        last = [d % a.ndim for d in dims]
        a = a.permute(*(d for d in range(a.ndim) if d not in last), *last)
    shape = a.shape[b.ndim :]
    n = math.prod(shape)
    if n != math.prod(a.shape[: b.ndim]) or n != b.numel():
        raise ShapeError(
            f"[linalg.tensorsolve] A is {a.shape}, B is {b.shape}: A must map {shape} to {b.shape}"
        )
    return solve(a.reshape(n, n), b.reshape(n)).reshape(shape)


def householder_product(A: Any, tau: Any) -> Tensor:
    """Give the first columns of Π (1 - tau_i v_i v_iᵀ), v_i column i of A below the diagonal, 1 on it.

    Parameters
    ----------
    A : Tensor
        (..., m, n), m ≥ n, as `geqrf` gives it; the result has its shape.
    tau : Tensor
        (..., k), k ≤ n.

    Raises
    ------
    ShapeError
        If A is not (..., m, n), m ≥ n, or tau not (..., k), k ≤ n.
    """
    name = "linalg.householder_product"
    a = matrices(name, "A", A)
    t = tensor(name, "tau", tau)
    m, n = a.shape[-2:]
    if m < n or t.ndim != a.ndim - 1 or t.shape[:-1] != a.shape[:-2] or t.shape[-1] > n:
        raise ShapeError(
            f"[{name}] A is {a.shape}, tau is {t.shape}: they must be (..., m, n), m ≥ n, and (..., k), k ≤ n"
        )
    v = _core.tril(a, -1) + _core.eye(m, n, dtype=a.dtype)
    made = _core.eye(m, n, dtype=a.dtype).expand(*a.shape)
    for i in reversed(range(t.shape[-1])):
        column = v.narrow(-1, i, 1)
        made = made - t.narrow(-1, i, 1)[..., None] * (column @ (turned(column) @ made))
    return made


def cross(input: Any, other: Any, *, dim: int = -1) -> Tensor:
    """Give the vector product along the axis dim of size 3; other axes broadcast."""
    return _core.cross(input, other, dim)
