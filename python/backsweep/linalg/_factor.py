"""Factors: Cholesky, QR, LU, eigenvalues of symmetric matrices, singular values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._arguments import tensor
from backsweep._core import DTypeError, Tensor
from backsweep.linalg import _types
from backsweep.linalg._solve import triangular
from backsweep.linalg._units import (
    Array,
    LinAlgError,
    attempt,
    copied_down,
    each,
    identity,
    matrices,
    scipy_linalg,
    sum_of,
    turned,
    unit,
)

Grads = Sequence[Any]
Tensors = Sequence[Tensor]
Gradients = list[Tensor | None]


def _skew(x: Tensor) -> Tensor:
    return x - turned(x)


def _over(x: Tensor, r: Tensor) -> Tensor:
    """Give x r⁻ᵀ, r upper triangular."""
    return turned(triangular("linalg.qr", r, turned(x), True))


# ---- Cholesky ----------------------------------------------------------------------------------------------


def cholesky(A: Any, *, upper: bool = False) -> Tensor:
    """Factor symmetric positive definite matrices: A = L Lᵀ, L lower triangular; if `upper`, A = Lᵀ L.

    Parameters
    ----------
    A : Tensor
        (..., n, n), float32 or float64; only one triangle is read.

    Raises
    ------
    LinAlgError
        A matrix is not positive definite.

    Notes
    -----
    The derivative is ½ L⁻ᵀ (P + Pᵀ) L⁻¹, where P is the lower triangle of Lᵀ G, its diagonal halved twice
    over (I. Murray, *Differentiation of the Cholesky decomposition*, 2016). It needs SciPy.
    """
    return _cholesky("linalg.cholesky", A, upper)


def _cholesky(name: str, A: Any, upper: bool) -> Tensor:
    a = matrices(name, "A", A, square=True)
    if upper:
        return turned(_cholesky(name, turned(a), False))

    def forward(x: Array) -> list[Array]:
        return [attempt(name, "the matrix is not positive definite", np.linalg.cholesky, x)]

    return unit(forward, _cholesky_rule, [a], [(a.shape, a.dtype)])[0]


def _cholesky_rule(g: Grads, given: Tensors, made: Tensors) -> Gradients:
    if g[0] is None:
        return [None]
    up = turned(made[0])
    inner = copied_down(up @ g[0])
    left = triangular("linalg.cholesky", up, inner, True)
    return [0.5 * turned(triangular("linalg.cholesky", up, turned(left), True))]


def cholesky_ex(A: Any, *, upper: bool = False, check_errors: bool = False) -> _types.linalg_cholesky_ex:
    """Factor as `cholesky`, and say of each matrix whether that worked instead of raising.

    `info` is int32: 0, or the order of the first leading part that is not positive definite; L is then NaN.
    """
    name = "linalg.cholesky_ex"
    a = matrices(name, "A", A, square=True)
    if check_errors:
        return _types.linalg_cholesky_ex(_cholesky(name, a, upper), _no_error(a))
    if upper:
        ell, info = cholesky_ex(turned(a))
        return _types.linalg_cholesky_ex(turned(ell), info)

    def forward(x: Array) -> list[Array]:
        try:
            return [np.linalg.cholesky(x), np.zeros(x.shape[:-2], np.int32)]
        except np.linalg.LinAlgError:
            (potrf,) = scipy_linalg(name).get_lapack_funcs(("potrf",), (x,))

            def one(m: Array) -> list[Array]:
                ell, info = potrf(m, lower=True, clean=True)
                return [ell if info == 0 else np.full_like(m, np.nan), np.int32(info)]

            return each(one, [x], [2])

    outputs = [(a.shape, a.dtype), (a.shape[:-2], _core.int32)]
    return _types.linalg_cholesky_ex(*unit(forward, _cholesky_rule, [a], outputs))


def _no_error(a: Tensor) -> Tensor:
    return _core.zeros(a.shape[:-2], dtype=_core.int32)


# ---- QR ----------------------------------------------------------------------------------------------------


def qr(A: Any, mode: str = "reduced") -> _types.linalg_qr:
    """Factor matrices: A = Q R, Q with orthonormal columns, R upper triangular.

    Parameters
    ----------
    A : Tensor
        (..., m, n), float32 or float64.
    mode : {"reduced", "complete", "r"}
        Q is (m, min(m, n)), or (m, m), or left out (of size 0).

    Notes
    -----
    With M = R G_Rᵀ - G_Qᵀ Q, the derivative for m ≥ n is (G_Q + Q C) R⁻ᵀ, C symmetric with M's lower
    triangle; for m < n the columns beyond m follow from Q (S. Walter, L. Lehmann, *Algorithmic
    differentiation of linear algebra functions*, 2010). It needs SciPy. There is none in mode "r", nor in
    "complete" where m > n.
    """
    return _types.linalg_qr(*_qr("linalg.qr", A, mode))


def _qr(name: str, A: Any, mode: str) -> list[Tensor]:
    a = matrices(name, "A", A)
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f'[{name}] mode is "{mode}"; it must be "reduced", "complete" or "r"')
    m, n = a.shape[-2:]
    k = min(m, n)
    batch = a.shape[:-2]
    if mode == "r":
        with _core.no_grad():
            (r,) = unit(lambda x: [np.asarray(np.linalg.qr(x, "r"))], None, [a], [((*batch, k, n), a.dtype)])
        return [_core.zeros(0, dtype=a.dtype), r]
    rows = m if mode == "complete" else k
    differentiable = rows == k

    def rule(g: Grads, given: Tensors, made: Tensors) -> Gradients:
        if not differentiable:
            raise _core.GraphError(f'[{name}] mode "complete" has no derivative for more rows than columns')
        return [_qr_rule(g[0], g[1], given[0], made[0], made[1])]

    fn: Any = np.linalg.qr
    outputs = [((*batch, m, rows), a.dtype), ((*batch, rows, n), a.dtype)]
    return unit(lambda x: [*fn(x, mode)], rule, [a], outputs)


def _qr_rule(g_q: Any, g_r: Any, a: Tensor, q: Tensor, r: Tensor) -> Tensor | None:
    m, n = a.shape[-2:]
    if g_q is None and g_r is None:
        return None
    if m >= n:
        return _qr_tall(g_q, g_r, q, r)
    # A = [X Y], R = [U V], X = Q U and Y = Q V.
    y, u = _columns(a, m, n), _columns(r, 0, m)
    g_u = g_v = None
    if g_r is not None:
        g_u, g_v = _columns(g_r, 0, m), _columns(g_r, m, n)
        g_q = sum_of(g_q, y @ turned(g_v))
    g_x = _qr_tall(g_q, g_u, q, u)
    g_y = q @ g_v if g_v is not None else _core.zeros_like(y)
    return _core.cat([g_x, g_y], -1)


def _qr_tall(g_q: Any, g_r: Any, q: Tensor, r: Tensor) -> Tensor:
    inner = sum_of(None if g_r is None else r @ turned(g_r), None if g_q is None else -(turned(g_q) @ q))
    assert inner is not None
    slope = sum_of(g_q, q @ copied_down(inner))
    assert slope is not None
    return _over(slope, r)


def _columns(x: Tensor, start: int, stop: int) -> Tensor:
    return x.narrow(-1, start, stop - start)


# ---- Symmetric matrices ------------------------------------------------------------------------------------


def eigh(A: Any, UPLO: str = "L") -> _types.linalg_eigh:
    """Give eigenvalues, ascending, and eigenvectors of symmetric matrices: A = V diag(λ) Vᵀ.

    Parameters
    ----------
    A : Tensor
        (..., n, n), float32 or float64.
    UPLO : {"L", "U"}
        The triangle that is read.

    Notes
    -----
    The derivative is V (diag(G_λ) + ½ skew(Vᵀ G_V) / E) Vᵀ, skew(X) = X - Xᵀ, E_ij = λ_j - λ_i (Giles
    2008): of eigenvectors it is right only where eigenvalues differ. Signs of eigenvectors are free.
    """
    return _types.linalg_eigh(*_eigh("linalg.eigh", A, UPLO))


def _eigh(name: str, A: Any, UPLO: str) -> list[Tensor]:
    a = matrices(name, "A", A, square=True)
    if UPLO.upper() not in ("L", "U"):
        raise ValueError(f'[{name}] UPLO is "{UPLO}"; it must be "L" or "U"')

    fn: Any = np.linalg.eigh

    def forward(x: Array) -> list[Array]:
        return [*attempt(name, "the eigenvalues did not converge", lambda y: fn(y, UPLO.upper()), x)]

    return unit(forward, _eigh_rule, [a], [(a.shape[:-1], a.dtype), (a.shape, a.dtype)])


def _eigh_rule(g: Grads, given: Tensors, made: Tensors) -> Gradients:
    values, vectors = made
    inner = None if g[0] is None else _core.diag_embed(g[0])
    if g[1] is not None:
        distance = values[..., None, :] - values[..., None] + identity(values, values.shape[-1])
        inner = sum_of(inner, 0.5 * _skew(turned(vectors) @ g[1]) / distance)
    return [None if inner is None else vectors @ inner @ turned(vectors)]


def eigvalsh(A: Any, UPLO: str = "L") -> Tensor:
    """Give the eigenvalues of symmetric matrices, ascending: those of `eigh`."""
    return _eigh("linalg.eigvalsh", A, UPLO)[0]


def eig(A: Any) -> Any:
    """Refuse: eigenvalues of a general matrix are complex numbers, which do not exist here."""
    raise _complex("linalg.eig", "linalg.eigh")


def eigvals(A: Any) -> Any:
    """Refuse: eigenvalues of a general matrix are complex numbers, which do not exist here."""
    raise _complex("linalg.eigvals", "linalg.eigvalsh")


def _complex(name: str, instead: str) -> DTypeError:
    return DTypeError(
        f"[{name}] the result is complex, and there are no complex numbers here: "
        f"of symmetric matrices use bs.{instead}"
    )


# ---- Singular values ---------------------------------------------------------------------------------------


def svd(A: Any, full_matrices: bool = True, *, driver: str | None = None) -> _types.linalg_svd:
    """Give singular values, descending, and vectors of matrices: A = U diag(S) Vh.

    Parameters
    ----------
    A : Tensor
        (..., m, n), float32 or float64.
    full_matrices : bool
        U is (m, m) and Vh (n, n); else (m, k) and (k, n), k = min(m, n).
    driver : str, optional
        Taken for PyTorch's sake, which has it for GPUs.

    Notes
    -----
    The derivative is U [(skew(Uᵀ G_U) / E) S + S (skew(Vᵀ G_V) / E) + diag(G_S)] Vᵀ, E_ij = s_j² - s_i²,
    and what G_U and G_V have outside of U and V (J. Townsend, *Differentiating the singular value
    decomposition*, 2016): of vectors it is right only where singular values differ and are not 0. Columns
    beyond k have none. Signs are free.
    """
    return _types.linalg_svd(*_svd("linalg.svd", A, full_matrices))


def _svd(name: str, A: Any, full_matrices: bool) -> list[Tensor]:
    a = matrices(name, "A", A)
    m, n = a.shape[-2:]
    k = min(m, n)
    rows, columns = (m, n) if full_matrices else (k, k)

    def forward(x: Array) -> list[Array]:
        if k == 0:
            batch = x.shape[:-2]
            eyes = [
                np.broadcast_to(np.eye(p, q, dtype=x.dtype), (*batch, p, q))
                for p, q in ((m, rows), (columns, n))
            ]
            return [eyes[0], np.zeros((*batch, 0), x.dtype), eyes[1]]
        made = attempt(
            name, "the singular values did not converge", lambda y: np.linalg.svd(y, full_matrices), x
        )
        return [*made]

    def rule(g: Grads, given: Tensors, made: Tensors) -> Gradients:
        u, s, vh = made
        if not full_matrices:
            return [_svd_rule(g[0], g[1], g[2], u, s, vh)]
        g_u, g_s, g_vh = g
        g_u = None if g_u is None else _columns(g_u, 0, k)
        g_vh = None if g_vh is None else g_vh.narrow(-2, 0, k)
        return [_svd_rule(g_u, g_s, g_vh, _columns(u, 0, k), s, vh.narrow(-2, 0, k))]

    batch = a.shape[:-2]
    shapes = [(*batch, m, rows), (*batch, k), (*batch, columns, n)]
    return unit(forward, rule, [a], [(s, a.dtype) for s in shapes])


def _svd_rule(g_u: Any, g_s: Any, g_vh: Any, u: Tensor, s: Tensor, vh: Tensor) -> Tensor | None:
    m, n, k = u.shape[-2], vh.shape[-1], s.shape[-1]
    squares = s * s
    distance = squares[..., None, :] - squares[..., None] + identity(s, k)
    inner = None if g_s is None else _core.diag_embed(g_s)
    outside: Tensor | None = None
    if g_u is not None:
        along = turned(u) @ g_u
        inner = sum_of(inner, _skew(along) / distance * s[..., None, :])
        if m > k:
            outside = ((g_u - u @ along) / s[..., None, :]) @ vh
    if g_vh is not None:
        along = g_vh @ turned(vh)
        inner = sum_of(inner, s[..., None] * (_skew(turned(along)) / distance))
        if n > k:
            outside = sum_of(outside, u @ ((g_vh - along @ vh) / s[..., None]))
    return sum_of(None if inner is None else u @ inner @ vh, outside)


def svdvals(A: Any, *, driver: str | None = None) -> Tensor:
    """Give the singular values of matrices, descending: those of `svd`."""
    return _svd("linalg.svdvals", A, False)[1]


# ---- LU ----------------------------------------------------------------------------------------------------


def lu_factor(A: Any, *, pivot: bool = True) -> _types.linalg_lu_factor:
    """Factor matrices with exchanged rows, A = P L U, for `lu_solve`.

    Parameters
    ----------
    A : Tensor
        (..., m, n), float32 or float64.

    Returns
    -------
    LU, pivots
        L without its diagonal of ones and U in one matrix; the rows that were exchanged, int32, from 1 on.

    Notes
    -----
    For the derivative see `lu`. Needs SciPy: ``pip install 'backsweep[linalg]'``.

    Raises
    ------
    LinAlgError
        U has a zero on its diagonal.
    """
    lu, pivots, _ = _lu("linalg.lu_factor", A, pivot, True)
    return _types.linalg_lu_factor(lu, pivots)


def lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False) -> _types.linalg_lu_factor_ex:
    """Factor as `lu_factor`, and say in `info` (int32) where U has its first zero diagonal element, or 0."""
    return _types.linalg_lu_factor_ex(*_lu("linalg.lu_factor_ex", A, pivot, check_errors))


def _lu(name: str, A: Any, pivot: bool, check: bool) -> list[Tensor]:
    a = matrices(name, "A", A)
    if not pivot:
        raise ValueError(f"[{name}] pivot=False is not possible on a CPU")
    linalg = scipy_linalg(name)
    k = min(a.shape[-2:])
    batch = a.shape[:-2]

    def forward(x: Array) -> list[Array]:
        if x.size == 0:
            return [
                x,
                np.broadcast_to(np.arange(1, k + 1, dtype=np.int32), (*batch, k)),
                np.zeros(batch, np.int32),
            ]
        (getrf,) = linalg.get_lapack_funcs(("getrf",), (x,))

        def one(m: Array) -> list[Array]:
            lu, pivots, info = getrf(m)
            return [lu, np.asarray(pivots + 1, np.int32), np.int32(info)]

        made = each(one, [x], [2])
        if check and made[2].any():
            i = tuple(int(j) for j in np.argwhere(made[2])[0])
            where = f"(Batch element {', '.join(map(str, i))}): " if i else ""
            raise LinAlgError(
                f"[{name}] {where}U[{made[2][i]}, {made[2][i]}] is zero: solving would divide by it"
            )
        return made

    outputs = [(a.shape, a.dtype), ((*batch, k), _core.int32), (batch, _core.int32)]
    return unit(forward, _lu_rule, [a], outputs)


def _lu_rule(g: Grads, given: Tensors, made: Tensors) -> Gradients:
    if g[0] is None:
        return [None]
    lu = made[0]
    m, n = lu.shape[-2:]
    k = min(m, n)
    p = permutation(made[1], m, lu.dtype)
    square = _columns(lu.narrow(-2, 0, k), 0, k)
    ell, u = _core.tril(square, -1) + identity(lu, k), _core.triu(square)
    g_square = _columns(g[0].narrow(-2, 0, k), 0, k)
    low, high = turned(ell) @ _core.tril(g_square, -1), _core.triu(g_square) @ turned(u)
    if m > k:
        l_rest, g_rest = lu.narrow(-2, k, m - k), g[0].narrow(-2, k, m - k)
        high = high - turned(l_rest) @ g_rest
    if n > k:
        u_rest, g_right = _columns(lu, k, n), _columns(g[0], k, n)
        low = low - g_right @ turned(u_rest)
    made_g = _over(
        triangular("linalg.lu", turned(ell), _core.tril(low, -1) + _core.triu(high), True, True), u
    )
    if m > k:
        made_g = _core.cat([made_g, _over(g_rest, u)], -2)
    if n > k:
        made_g = _core.cat([made_g, triangular("linalg.lu", turned(ell), g_right, True, True)], -1)
    return [p @ made_g]


def permutation(pivots: Any, m: int, dtype: Any) -> Tensor:
    """Give P (..., m, m) of A = P L U, for the rows that were exchanged."""
    t = tensor("linalg.lu_unpack", "pivots", pivots)

    def forward(exchanged: Array) -> list[Array]:
        batch = exchanged.shape[:-1]
        made = np.zeros((*batch, m, m), dtype.name)
        for i in np.ndindex(*batch):
            order = np.arange(m)
            for j, other in enumerate(exchanged[i]):
                order[[j, other - 1]] = order[[other - 1, j]]
            made[i][order, np.arange(m)] = 1
        return [made]

    return unit(forward, None, [t], [((*t.shape[:-1], m, m), dtype)])[0]


def lu(A: Any, *, pivot: bool = True) -> _types.linalg_lu:
    """Factor matrices: A = P L U, P a permutation, L lower and U upper triangular, ones on L's diagonal.

    Parameters
    ----------
    A : Tensor
        (..., m, n), float32 or float64; L is (..., m, k) and U (..., k, n), k = min(m, n).
    pivot : bool, default True
        Whether rows change places; False is refused, as PyTorch does on a CPU.

    Notes
    -----
    For square A the derivative is P L⁻ᵀ [low(Lᵀ G_L) + up(G_U Uᵀ)] U⁻ᵀ, low without the diagonal (S.
    Walter, L. Lehmann, *Algorithmic differentiation of linear algebra functions*, 2010). Needs SciPy.
    """
    made = _lu("linalg.lu", A, pivot, False)
    return _types.linalg_lu(*lu_unpack(made[0], made[1]))


def lu_unpack(
    LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True
) -> _types.lu_unpack:
    """Give P, L and U of what `linalg.lu_factor` gives; what is not asked for has size 0."""
    t = matrices("lu_unpack", "LU_data", LU_data)
    m, n = t.shape[-2:]
    k = min(m, n)
    p = ell = u = _core.zeros(0, dtype=t.dtype)
    if unpack_pivots:
        p = permutation(LU_pivots, m, t.dtype)
    if unpack_data:
        ell = _core.tril(_columns(t, 0, k), -1) + _core.eye(m, k, dtype=t.dtype)
        u = _core.triu(t.narrow(-2, 0, k))
    return _types.lu_unpack(p, ell, u)
