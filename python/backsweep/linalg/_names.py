"""What PyTorch has of `linalg` under the names that it had before, as functions and methods of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._arguments import tensor
from backsweep._core import DType, ShapeError, Tensor
from backsweep._methods import method
from backsweep.linalg import _factor, _least, _norms, _powers, _solve, _types
from backsweep.linalg._units import Array, broadcast, each, matrices, scipy_linalg, turned, unit


def chain_matmul(*matrices: Any) -> Tensor:
    """Multiply matrices in the order that costs least: `linalg.multi_dot`."""
    return _powers.multi_dot(matrices)


@method
def cholesky(input: Any, upper: bool = False) -> Tensor:
    """Factor: `linalg.cholesky`."""
    return _factor.cholesky(input, upper=upper)


@method
def det(input: Any) -> Tensor:
    """Give determinants: `linalg.det`."""
    return _solve.det(input)


@method
def geqrf(input: Any) -> _types.geqrf:
    """Give the vectors, R above them, and factors tau from which `orgqr` makes the Q of `qr`.

    Not differentiable. Needs SciPy.
    """
    a = matrices("geqrf", "input", input)
    linalg = scipy_linalg("geqrf")
    k = min(a.shape[-2:])

    def forward(x: Array) -> list[Array]:
        if x.size == 0:
            return [x, np.zeros((*x.shape[:-2], k), x.dtype)]
        (function,) = linalg.get_lapack_funcs(("geqrf",), (x,))
        return each(lambda m: function(m)[:2], [x], [2])

    with _core.no_grad():
        made = unit(forward, None, [a], [(a.shape, a.dtype), ((*a.shape[:-2], k), a.dtype)])
    return _types.geqrf(*made)


@method
def inverse(input: Any) -> Tensor:
    """Invert matrices: `linalg.inv`."""
    return _solve.inv(input)


@method
def lu(A: Any, pivot: bool = True, get_infos: bool = False) -> tuple[Tensor, ...]:
    """Give `linalg.lu_factor` as a tuple; with `get_infos` `linalg.lu_factor_ex`."""
    made = _factor.lu_factor_ex(A, pivot=pivot)
    return (made.LU, made.pivots, made.info) if get_infos else (made.LU, made.pivots)


@method
def lu_solve(b: Any, LU_data: Any, LU_pivots: Any) -> Tensor:
    """Solve A X = b: `linalg.lu_solve`."""
    return _solve.lu_solve(LU_data, LU_pivots, b)


@method
def matrix_exp(input: Any) -> Tensor:
    """Give Σ Aⁿ / n!: `linalg.matrix_exp`."""
    return _powers.matrix_exp(input)


@method
def matrix_power(input: Any, n: int) -> Tensor:
    """Give Aⁿ: `linalg.matrix_power`."""
    return _powers.matrix_power(input, n)


@method
def norm(
    input: Tensor,
    p: float | str | None = "fro",
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    out: Tensor | None = None,
    dtype: DType | None = None,
    *,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
) -> Tensor:
    """Give (Σ |x|^p)^(1/p) over the axes dim (None: all), of all elements of several axes as of one vector.

    Parameters
    ----------
    input : Tensor
        Floats; squares are summed in float64.
    p : float, "fro" or "nuc"
        inf, -inf: the largest, the least |x|; 0: how many are not 0. "fro", None: 2. "nuc": the sum of the
        singular values of the matrices that two axes make (`linalg.matrix_norm`).
    dim : int or tuple of int, optional
    keepdim : bool
    out : Tensor, optional
        Where the result goes.
    dtype : dtype, optional
        The input is cast to it before.
    axis, keepdims
        Other names of `dim` and `keepdim`.

    Raises
    ------
    ShapeError
        If "nuc" is given for other than two axes.
    """
    dim, keepdim = _norms.either("norm", dim, axis), keepdim or keepdims
    ops: Any = _core.ops  # `out` and overloads are not in their stubs
    if p != "nuc":
        made: Tensor = ops.norm(input, "fro" if p is None else p, dim, keepdim, dtype=dtype, out=out)
        return made
    x = tensor("norm", "input", input)
    axes = tuple(range(x.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if len(axes) != 2:
        raise ShapeError(f'[norm] input is {x.shape}, dim is {dim}: "nuc" is of the matrices of two axes')
    made = _norms.matrix_norm(x, "nuc", axes, keepdim, dtype=dtype)
    return made if out is None else ops.contiguous(made, out=out)


@method
def orgqr(input: Any, tau: Any) -> Tensor:
    """Give Q: `linalg.householder_product`."""
    return _powers.householder_product(input, tau)


@method
def ormqr(input: Any, input2: Any, input3: Any, left: bool = True, transpose: bool = False) -> Tensor:
    """Multiply input3 by the whole (m, m) Q of `geqrf`: from the left or the right, Qᵀ if `transpose`."""
    a = matrices("ormqr", "input", input)
    t, c = tensor("ormqr", "input2", input2), tensor("ormqr", "input3", input3)
    m, k = a.shape[-2], t.shape[-1]
    wide = _core.cat([a.narrow(-1, 0, k), _core.zeros((*a.shape[:-1], m - k), dtype=a.dtype)], -1)
    q = _powers.householder_product(wide, t)
    q = turned(q) if transpose else q
    return q @ c if left else c @ q


@method
def pinverse(input: Any, rcond: float = 1e-15) -> Tensor:
    """Give pseudo-inverses: `linalg.pinv`."""
    return _least.pinv(input, rcond)


@method
def qr(input: Any, some: bool = True) -> _types.qr:
    """Factor: `linalg.qr`, reduced if `some`, else complete."""
    return _types.qr(*_factor.qr(input, "reduced" if some else "complete"))


@method
def slogdet(input: Any) -> _types.slogdet:
    """Give signs and logarithms of determinants: `linalg.slogdet`."""
    return _types.slogdet(*_solve.slogdet(input))


@method
def svd(input: Any, some: bool = True, compute_uv: bool = True) -> _types.svd:
    """Give singular values and vectors, A = U diag(S) Vᵀ: `linalg.svd`, but V and not Vh.

    Without `compute_uv` U and V are zeros.
    """
    if compute_uv:
        u, s, vh = _factor.svd(input, not some)
        return _types.svd(u, s, turned(vh))
    s = _factor.svdvals(input)
    a = matrices("svd", "input", input)
    m, n = a.shape[-2:]
    zeros = [_core.zeros((*a.shape[:-2], d, d), dtype=a.dtype) for d in (m, n)]
    return _types.svd(zeros[0], s, zeros[1])


@method
def triangular_solve(
    input: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> _types.triangular_solve:
    """Solve A X = input (Aᵀ X = input if `transpose`): `linalg.solve_triangular`. Also gives A."""
    a = matrices("triangular_solve", "A", A, square=True)
    if transpose:
        made = _solve.solve_triangular(turned(a), input, upper=not upper, unitriangular=unitriangular)
    else:
        made = _solve.solve_triangular(a, input, upper=upper, unitriangular=unitriangular)
    keep = broadcast("triangular_solve", a, made)[0]
    return _types.triangular_solve(made, keep)
