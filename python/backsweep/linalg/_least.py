"""Matrices that need not be regular: ranks, pseudo-inverses, least squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._arguments import tensor
from backsweep._core import ShapeError, Tensor
from backsweep.linalg import _types
from backsweep.linalg._factor import eigvalsh, svdvals
from backsweep.linalg._units import Array, attempt, broadcast, floats, matrices, one_dtype, turned, unit

# ---- Ranks ------------------------------------------------------------------------------------------------


def matrix_rank(
    A: Any,
    tol: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """Count the singular values above max(atol, rtol · the largest), int64.

    Parameters
    ----------
    A : Tensor
        (..., m, n), float32 or float64.
    tol : float or Tensor, optional
        An `atol` alone.
    hermitian : bool
        A is symmetric: eigenvalues serve.
    atol, rtol : float or Tensor, optional
        By default 0, and max(m, n) times the dtype's epsilon, or 0 where atol is above 0.
    """
    a = matrices("linalg.matrix_rank", "A", A, square=hermitian)
    with _core.no_grad():
        s = eigvalsh(a).abs() if hermitian else svdvals(a)
        if s.shape[-1] == 0:
            return _core.zeros(a.shape[:-2], dtype=_core.int64)
        if tol is not None:
            atol, rtol = tol, 0.0
        limit = _limit(a, s.amax(-1), atol, rtol)
        return (s > limit[..., None]).sum(-1)


def _limit(a: Tensor, largest: Tensor, atol: Any, rtol: Any) -> Tensor:
    """Give max(atol, rtol · largest) with PyTorch's defaults."""
    absolute = _like(0.0 if atol is None else atol, largest)
    if rtol is None:
        by_default = max(a.shape[-2:]) * float(np.finfo(a.dtype.name).eps)
        relative = (
            _core.where(absolute > 0, 0.0, by_default).to(a.dtype)
            if atol is not None
            else _like(by_default, largest)
        )
    else:
        relative = _like(rtol, largest)
    return _core.maximum(absolute, relative * largest)


def _like(number: Any, t: Tensor) -> Tensor:
    return number.to(t.dtype) if isinstance(number, Tensor) else _core.full((), float(number), dtype=t.dtype)


# ---- Pseudo-inverses and least squares ---------------------------------------------------------------------


def pinv(A: Any, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """Give the pseudo-inverses P of matrices (..., m, n), of Moore and Penrose: (..., n, m).

    Parameters
    ----------
    A : Tensor
        float32 or float64.
    rcond : float or Tensor, optional
        Another name of rtol.
    hermitian : bool
        A is symmetric: one triangle is read.
    atol, rtol : float or Tensor, optional
        Singular values up to max(atol, rtol · the largest) count as 0. By default 0, and max(m, n) times
        the dtype's epsilon, or 0 where atol is above 0.

    Notes
    -----
    The derivative, where the rank stays, is -Pᵀ G Pᵀ + (1 - A P) Gᵀ P Pᵀ + Pᵀ P Gᵀ (1 - P A) (G. Golub, V.
    Pereyra, *The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
    separate*, 1973).
    """
    return _pinv("linalg.pinv", A, atol, rcond if rtol is None else rtol, hermitian)


def _pinv(name: str, A: Any, atol: Any, rtol: Any, hermitian: bool = False) -> Tensor:
    a = matrices(name, "A", A, square=hermitian)
    m, n = a.shape[-2:]
    shape = (*a.shape[:-2], n, m)
    if a.numel() == 0:
        return _core.zeros(shape, dtype=a.dtype) + a.sum()
    with _core.no_grad():
        s = eigvalsh(a).abs() if hermitian else svdvals(a)
        limit = _limit(a, s.amax(-1), atol, rtol).expand(a.shape[:-2])

    def forward(x: Array, least: Array) -> list[Array]:
        if hermitian:
            s, v = attempt(name, "the eigenvalues did not converge", np.linalg.eigh, x)
            u, vh = v, np.swapaxes(v, -1, -2)
        else:
            u, s, vh = attempt(
                name, "the singular values did not converge", lambda y: np.linalg.svd(y, False), x
            )
        with np.errstate(divide="ignore"):
            inverse = np.where(np.abs(s) > least[..., None], 1 / s, 0).astype(s.dtype)
        return [np.swapaxes(vh, -1, -2) * inverse[..., None, :] @ np.swapaxes(u, -1, -2)]

    def rule(g: Sequence[Any], given: Sequence[Tensor], made: Sequence[Tensor]) -> list[Tensor | None]:
        x, p, up = given[0], made[0], turned(g[0])
        back = turned(p)
        outside, inside = up @ p @ back, back @ p @ up
        return [outside + inside - back @ g[0] @ back - x @ (p @ outside) - (inside @ p) @ x, None]

    return unit(forward, rule, [a, limit], [(shape, a.dtype)])[0]


def lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: str | None = None) -> _types.linalg_lstsq:
    """Find the X of least ‖A X - B‖, and of those the one of least ‖X‖: P B, P the pseudo-inverse of A.

    Parameters
    ----------
    A, B : Tensor
        (..., m, n) and (..., m, k), or vectors: of A's shape without the last axis. Leading axes broadcast.
    rcond : float, optional
        Singular values up to rcond · the largest count as 0; by default max(m, n) times the dtype's epsilon.
    driver : {"gelsy", "gels", "gelsd", "gelss"}
        LAPACK's, of which PyTorch has the choice: here they differ in what is given beside the solution.

    Returns
    -------
    solution, residuals, rank, singular_values
        ‖A X - B‖² of each column where m > n, all matrices have rank n, and the driver is not "gelsy", else
        nothing; the rank, int64, but for "gels"; singular values for "gelsd" and "gelss".

    Raises
    ------
    ValueError
        If the driver is none of LAPACK's.
    ShapeError
        If A and B have not as many rows.
    """
    name = "linalg.lstsq"
    if driver not in (None, "gelsy", "gels", "gelsd", "gelss"):
        raise ValueError(f'[{name}] driver is {driver!r}; it must be "gelsy", "gels", "gelsd" or "gelss"')
    a = matrices(name, "A", A)
    b = floats(name, "B", tensor(name, "B", B))
    one_dtype(name, a, b)
    vectors = b.ndim == 1 or (a.ndim - 1 == b.ndim and a.shape[:-1] == b.shape)
    if b.ndim == 0 or (b.ndim == 1 and a.ndim > 2) or a.shape[-2] != b.shape[-1 if vectors else -2]:
        raise ShapeError(f"[{name}] A is {a.shape}, B is {b.shape}: they must have as many rows")
    x, y = broadcast(name, a, b[..., None] if vectors else b)
    solution = _pinv(name, x, None, rcond) @ y
    m, n = x.shape[-2:]
    nothing = _core.zeros(0, dtype=a.dtype)
    rank, values = _core.zeros(0, dtype=_core.int64), nothing
    if driver != "gels":
        rank = matrix_rank(x, rtol=rcond)
    if driver in ("gelsd", "gelss"):
        values = svdvals(x).detach()
    residuals = nothing
    full = driver == "gels" or (
        driver in ("gelsd", "gelss") and m > n and bool((rank == n).sum() == rank.numel())
    )
    if m > n and full:
        residuals = ((x @ solution - y) ** 2).sum(-2)
    return _types.linalg_lstsq(solution[..., 0] if vectors else solution, residuals, rank, values)
