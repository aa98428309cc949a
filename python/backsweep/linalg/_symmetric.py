"""Factors of symmetric matrices that need not be positive definite."""

from __future__ import annotations

from typing import Any

import numpy as np

from backsweep import _core
from backsweep._arguments import tensor
from backsweep._core import DTypeError, ShapeError, Tensor
from backsweep.linalg import _types
from backsweep.linalg._units import (
    Array,
    LinAlgError,
    broadcast,
    each,
    matrices,
    one_dtype,
    scipy_linalg,
    unit,
)

__all__ = ["ldl_factor", "ldl_factor_ex", "ldl_solve"]


def ldl_factor(A: Any, *, hermitian: bool = False) -> _types.linalg_ldl_factor:
    """Factor symmetric matrices as `ldl_solve` takes them: P A Pᵀ = L D Lᵀ, D with blocks of one or two rows.

    Parameters
    ----------
    A : Tensor
        (..., n, n), float32 or float64; what is above the diagonal is not looked at.
    hermitian : bool, default False
        The same here: numbers are real.

    Returns
    -------
    LD : Tensor
        As A: D, and L below it, without its ones.
    pivots : Tensor
        (..., n), int32: the rows that were exchanged, as LAPACK's ``sytrf`` says it.

    Raises
    ------
    LinAlgError
        If a block of D is zero: solving would divide by it.

    Notes
    -----
    Not differentiable. Needs SciPy. Source: J. R. Bunch, L. Kaufman, *Some stable methods for calculating
    inertia and solving symmetric linear systems*, 1977.
    """
    return _types.linalg_ldl_factor(*_factored("linalg.ldl_factor", A, True)[:2])


def ldl_factor_ex(
    A: Any, *, hermitian: bool = False, check_errors: bool = False
) -> _types.linalg_ldl_factor_ex:
    """Give `ldl_factor`, and for each matrix 0 or the first place, from 1 on, where D is zero.

    Raises
    ------
    LinAlgError
        If that is so anywhere, and `check_errors` is set.
    """
    return _types.linalg_ldl_factor_ex(*_factored("linalg.ldl_factor_ex", A, check_errors))


def _factored(name: str, A: Any, check: bool) -> list[Tensor]:
    a = matrices(name, "A", A, square=True)
    linalg = scipy_linalg(name)
    batch, n = a.shape[:-2], a.shape[-1]

    def forward(x: Array) -> list[Array]:
        if x.size == 0:
            return [x, np.zeros((*batch, n), np.int32), np.zeros(batch, np.int32)]
        (sytrf,) = linalg.get_lapack_funcs(("sytrf",), (x,))

        def one(m: Array) -> list[Array]:
            ld, pivots, info = sytrf(m, lower=1)
            return [np.tril(ld), np.asarray(pivots, np.int32), np.int32(info)]

        made = each(one, [x], [2])
        if check and made[2].any():
            i = tuple(int(j) for j in np.argwhere(made[2])[0])
            where = f"(Batch element {', '.join(map(str, i))}): " if i else ""
            k = made[2][i]
            raise LinAlgError(f"[{name}] {where}D[{k}, {k}] is zero: solving would divide by it")
        return made

    return unit(forward, None, [a], [(a.shape, a.dtype), ((*batch, n), _core.int32), (batch, _core.int32)])


def ldl_solve(LD: Any, pivots: Any, B: Any, *, hermitian: bool = False) -> Tensor:
    """Solve A X = B, A being given by `ldl_factor`.

    Parameters
    ----------
    LD, pivots : Tensor
        (..., n, n) and (..., n), int32.
    B : Tensor
        (..., n, k), of LD's dtype. Leading axes broadcast.
    hermitian : bool, default False
        The same here: numbers are real.

    Returns
    -------
    Tensor
        (..., n, k). Not differentiable.

    Raises
    ------
    ValueError
        If pivots are none that `ldl_factor` could have given.
    """
    name = "linalg.ldl_solve"
    ld, b = matrices(name, "LD", LD, square=True), matrices(name, "B", B)
    p = tensor(name, "pivots", pivots)
    one_dtype(name, ld, b)
    if p.dtype != _core.int32:
        raise DTypeError(f"[{name}] pivots is {p.dtype}: it must be int32, as ldl_factor gives it")
    if p.shape != ld.shape[:-1] or b.shape[-2] != ld.shape[-1]:
        raise ShapeError(
            f"[{name}] LD is {ld.shape}, pivots is {p.shape}, B is {b.shape}: they must be (..., n, n), "
            "(..., n) and (..., n, k)"
        )
    ld, p, b = broadcast(name, ld, p.unsqueeze(-1), b)

    def forward(factors: Array, exchanged: Array, right: Array) -> list[Array]:
        if right.size == 0:
            return [right]
        return each(lambda f, e, r: [_solved(f, e[:, 0], r)], [factors, exchanged, right], [2, 2, 2])

    return unit(forward, None, [ld, p, b], [(b.shape, b.dtype)])[0]


def _blocks(pivots: Array) -> list[tuple[slice, list[int]]]:
    """Give the rows of each block of D, and which two rows were exchanged for it."""
    made: list[tuple[slice, list[int]]] = []
    k, n = 0, len(pivots)
    while k < n:
        size = 1 if pivots[k] > 0 else 2  # a pair says it twice, below 0
        last, other = k + size - 1, abs(int(pivots[k])) - 1
        if last >= n or not k <= other < n or (size == 2 and pivots[last] != pivots[k]):
            raise ValueError(f"[linalg.ldl_solve] pivots {pivots.tolist()} are none of ldl_factor")
        made.append((slice(k, k + size), [last, other]))
        k += size
    return made


def _over(d: Array, x: Array) -> Array:
    """Divide by a block of D, given by its lower half."""
    if len(d) == 1:
        return x / d
    side = d[1, 0]
    first, last = d[0, 0] / side, d[1, 1] / side
    u, v = x / side
    made: Array = np.stack([last * u - v, first * v - u]) / (first * last - 1)
    return made


def _solved(ld: Array, pivots: Array, right: Array) -> Array:
    """Solve for one matrix, block by block: LAPACK's ``sytrs``, which not every SciPy has."""
    x: Array = right.copy()
    blocks = _blocks(pivots)
    with np.errstate(all="ignore"):  # where D is zero
        for rows, exchanged in blocks:
            x[exchanged] = x[exchanged[::-1]]
            x[rows.stop :] -= ld[rows.stop :, rows] @ x[rows]
            x[rows] = _over(ld[rows, rows], x[rows])
        for rows, exchanged in reversed(blocks):
            x[rows] -= ld[rows.stop :, rows].T @ x[rows.stop :]
            x[exchanged] = x[exchanged[::-1]]
    return x
