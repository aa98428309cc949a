"""Equations: inverses, solutions, determinants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._arguments import tensor
from backsweep._core import ShapeError, Tensor
from backsweep._methods import method
from backsweep.linalg import _types
from backsweep.linalg._units import (
    Array,
    attempt,
    broadcast,
    each,
    floats,
    identity,
    matrices,
    one_dtype,
    scipy_linalg,
    turned,
    unit,
)

SINGULAR = "the matrix is singular"

# Below this square of the condition number cofactors are det(A) A⁻ᵀ to ten digits in float64.
_FAR_FROM_SINGULAR = 1e10


def inv(A: Any) -> Tensor:
    """Invert matrices: A⁻¹ of (..., n, n), float32 or float64.

    The derivative is -A⁻ᵀ G A⁻ᵀ (M. Giles, *Collected matrix derivative results for forward and reverse mode
    algorithmic differentiation*, 2008).

    Raises
    ------
    LinAlgError
        A matrix is singular.
    """
    return _inverse("linalg.inv", A)


def _inverse(name: str, A: Any) -> Tensor:
    a = matrices(name, "A", A, square=True)
    return unit(
        lambda x: [attempt(name, SINGULAR, np.linalg.inv, x)], _inverse_rule, [a], [(a.shape, a.dtype)]
    )[0]


def _inverse_rule(g: Sequence[Any], given: Sequence[Tensor], made: Sequence[Tensor]) -> list[Tensor | None]:
    if g[0] is None:
        return [None]
    y = turned(made[0])
    return [-(y @ g[0] @ y)]


def inv_ex(A: Any, *, check_errors: bool = False) -> _types.linalg_inv_ex:
    """Invert as `inv`, and say of each matrix whether that worked instead of raising.

    `info` is int32: 0, or which diagonal element of U in A = P L U is 0; the inverse is then NaN.
    """
    name = "linalg.inv_ex"
    a = matrices(name, "A", A, square=True)
    if check_errors:
        return _types.linalg_inv_ex(_inverse(name, a), _core.zeros(a.shape[:-2], dtype=_core.int32))

    def forward(x: Array) -> list[Array]:
        return _or_info(name, np.linalg.inv, x)

    outputs = [(a.shape, a.dtype), (a.shape[:-2], _core.int32)]
    return _types.linalg_inv_ex(*unit(forward, _inverse_rule, [a], outputs))


def _or_info(name: str, fn: Callable[..., Array], *arrays: Array) -> list[Array]:
    """Give fn(...) and zeros; where a matrix is singular, NaN and which diagonal element of U is 0."""
    try:
        return [fn(*arrays), np.zeros(arrays[0].shape[:-2], np.int32)]
    except np.linalg.LinAlgError:
        (getrf,) = scipy_linalg(name).get_lapack_funcs(("getrf",), arrays[:1])

        def one(*m: Array) -> list[Any]:
            info = getrf(m[0])[2]
            return [np.full_like(m[-1], np.nan) if info else fn(*m), np.int32(info)]

        return each(one, arrays, [2] * len(arrays))


def solve(A: Any, B: Any, *, left: bool = True) -> Tensor:
    """Solve A X = B (or X A = B, unless `left`) for X.

    Parameters
    ----------
    A : Tensor
        (..., n, n).
    B : Tensor
        (..., n, k), or (..., k, n) unless `left`; or vectors: (n,), or of A's shape without the last axis.
        Leading axes broadcast.

    Notes
    -----
    With Y = A⁻ᵀ G, the derivative by B is Y and that by A is -Y Xᵀ (Giles 2008).

    Raises
    ------
    LinAlgError
        A matrix is singular.
    """
    a, b = _pair("linalg.solve", A, B)
    if b.ndim == 1 or (a.ndim - 1 == b.ndim and a.shape[:-1] == b.shape):
        if not left:
            raise ShapeError(
                f"[linalg.solve] B is {b.shape}, vectors: these are solved for at the left alone"
            )
        return _solved("linalg.solve", *broadcast("linalg.solve", a, b[..., None]))[..., 0]
    if b.ndim < 2:
        raise ShapeError(f"[linalg.solve] A is {a.shape}, B is {b.shape}: B has no axes to solve for")
    a, b = broadcast("linalg.solve", a, b)
    return _solved("linalg.solve", a, b) if left else turned(_solved("linalg.solve", turned(a), turned(b)))


def solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False) -> _types.linalg_solve_ex:
    """Solve as `solve`, and say of each matrix whether that worked instead of raising.

    `info` is int32: 0, or which diagonal element of U in A = P L U is 0; the result is then NaN.
    """
    a = matrices("linalg.solve_ex", "A", A, square=True)
    if check_errors:
        return _types.linalg_solve_ex(solve(a, B, left=left), _core.zeros(a.shape[:-2], dtype=_core.int32))
    with _core.no_grad():
        info = inv_ex(a).info
    # A matrix that does not count here is solved for as the identity.
    regular = _core.where((info > 0)[..., None, None], identity(a, a.shape[-1]), a)
    made = solve(regular, B, left=left)
    singular = (info > 0).reshape(*a.shape[:-2], *([1] * (made.ndim - a.ndim + 2)))
    return _types.linalg_solve_ex(_core.where(singular, float("nan"), made), info)


def _pair(name: str, A: Any, B: Any) -> tuple[Tensor, Tensor]:
    a = matrices(name, "A", A, square=True)
    b = floats(name, "B", tensor(name, "B", B))
    one_dtype(name, a, b)
    return a, b


def _fits(name: str, a: Tensor, b: Tensor) -> None:
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            f"[{name}] A is {a.shape}, B is {b.shape}: sizes {a.shape[-1]} and {b.shape[-2]} differ"
        )


def _solved(name: str, a: Tensor, b: Tensor) -> Tensor:
    _fits(name, a, b)

    def rule(g: Sequence[Any], given: Sequence[Tensor], made: Sequence[Tensor]) -> list[Tensor | None]:
        y = _solved(name, turned(given[0]), g[0])
        return [-(y @ turned(made[0])), y]

    def forward(x: Array, y: Array) -> list[Array]:
        return [attempt(name, SINGULAR, np.linalg.solve, x, y)]

    return unit(forward, rule, [a, b], [(b.shape, b.dtype)])[0]


def solve_triangular(
    A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """Solve A X = B (or X A = B, unless `left`) for X, where A is triangular: its other half is not read.

    Parameters
    ----------
    A : Tensor
        (..., n, n).
    B : Tensor
        (..., n, k), or (..., k, n) unless `left`; leading axes broadcast.
    upper : bool
        Whether A is upper triangular, else lower.
    unitriangular : bool
        The diagonal of A counts as ones, and is not read.

    Raises
    ------
    ShapeError
        If B is not (..., n, k).

    Notes
    -----
    With Y = A⁻ᵀ G, the derivative by B is Y and that by A the triangle of -Y Xᵀ. A zero on the diagonal
    gives infinite or NaN numbers. Needs SciPy: ``pip install 'backsweep[linalg]'``.
    """
    name = "linalg.solve_triangular"
    a, b = _pair(name, A, B)
    if b.ndim < 2:
        raise ShapeError(f"[{name}] B is {b.shape}: it must be (..., n, k)")
    a, b = broadcast(name, a, b)
    if not left:
        return turned(triangular(name, turned(a), turned(b), not upper, unitriangular))
    return triangular(name, a, b, upper, unitriangular)


def triangular(name: str, a: Tensor, b: Tensor, upper: bool, unit_diagonal: bool = False) -> Tensor:
    """Solve a x = b for matrices of one batch."""
    _fits(name, a, b)
    linalg = scipy_linalg(name)

    def forward(x: Array, y: Array) -> list[Array]:
        if y.size == 0:
            return [y]
        (trsm,) = linalg.get_blas_funcs(("trsm",), (x, y))
        # Arrays in rows are their transposes in columns: zᵀ aᵀ = yᵀ is solved, and nothing is copied.
        return each(
            lambda p, q: [trsm(1, p.T, q.T, side=1, lower=upper, diag=unit_diagonal).T], [x, y], [2, 2]
        )

    def rule(g: Sequence[Any], given: Sequence[Tensor], made: Sequence[Tensor]) -> list[Tensor | None]:
        y = triangular(name, turned(given[0]), g[0], not upper, unit_diagonal)
        keep = _core.triu if upper else _core.tril
        return [-keep(y @ turned(made[0]), (1 if upper else -1) if unit_diagonal else 0), y]

    return unit(forward, rule, [a, b], [(b.shape, b.dtype)])[0]


# ---- Determinants ------------------------------------------------------------------------------------------


def det(A: Any) -> Tensor:
    """Give the determinants of matrices (..., n, n).

    The derivative is the cofactor matrix, det(A) A⁻ᵀ, computed from singular values where A is close to a
    singular matrix: so it is right, and has a derivative, there too. The third one needs A to be regular.
    """
    a = matrices("linalg.det", "A", A, square=True)

    def rule(g: Sequence[Any], given: Sequence[Tensor], made: Sequence[Tensor]) -> list[Tensor | None]:
        return [g[0][..., None, None] * _cofactors(given[0])]

    def forward(x: Array) -> list[Array]:
        with np.errstate(over="ignore"):
            return [np.linalg.det(x)]

    return unit(forward, rule, [a], [(a.shape[:-2], a.dtype)])[0]


def _cofactors(a: Tensor) -> Tensor:
    def rule(g: Sequence[Any], given: Sequence[Tensor], made: Sequence[Tensor]) -> list[Tensor | None]:
        return [_cofactors_of_cofactors(given[0], g[0])]

    return unit(lambda x: [_cofactors_of(x)], rule, [a], [(a.shape, a.dtype)])[0]


def _cofactors_of(a: Array) -> Array:
    """Give det(a) a⁻ᵀ, in float64, of what is far from singular; of the rest by singular values."""
    x = a.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # what is no finite number is not far from singular
        try:
            inverse, d = np.linalg.inv(x), np.linalg.det(x)
        except np.linalg.LinAlgError:
            return _with_svd(a)
        squares = np.einsum("...ij,...ij->...", x, x) * np.einsum("...ij,...ij->...", inverse, inverse)
        if not ((squares < _FAR_FROM_SINGULAR) & np.isfinite(d) & (d != 0)).all():
            return _with_svd(a)
        return np.asarray(d[..., None, None] * np.swapaxes(inverse, -1, -2), a.dtype)


def _cofactors_of_cofactors(a: Tensor, g: Tensor) -> Tensor:
    """Give the derivative of <g, cofactors of a>: det(a) (<g, Z> Z - Z gᵀ Z), Z = a⁻ᵀ.

    It is symmetric in g and the gradient of its own.
    """

    def rule(h: Sequence[Any], given: Sequence[Tensor], made: Sequence[Tensor]) -> list[Tensor | None]:
        a, y = given
        z = turned(inv(a))
        by_y, by_h = z @ turned(y) @ z, z @ turned(h[0]) @ z
        on_y, on_h = ((x * z).sum((-2, -1), keepdim=True) for x in (y, h[0]))
        slope = z * (on_y * on_h - (h[0] * by_y).sum((-2, -1), keepdim=True)) - on_h * by_y - on_y * by_h
        slope = slope + by_y @ turned(h[0]) @ z + by_h @ turned(y) @ z
        return [det(a)[..., None, None] * slope, _cofactors_of_cofactors(a, h[0])]

    return unit(lambda x, y: [_with_svd(x, y)], rule, [a, g], [(a.shape, a.dtype)])[0]


def _with_svd(a: Array, g: Array | None = None) -> Array:
    """Give det(U) det(V) U diag(Π_{k≠i} s_k) Vᵀ, or its derivative along g, which has Π_{k≠i,j} s_k."""
    if a.size == 0:
        return np.zeros_like(a)
    u, s, vh = np.linalg.svd(a)
    sign = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    n = s.shape[-1]
    rest = np.ones((*s.shape, n), a.dtype)  # [.., i, k]: s_k, but 1 where k is i
    rest[...] = s[..., None, :]
    rest[..., np.arange(n), np.arange(n)] = 1
    if g is None:
        made = u * rest.prod(-1)[..., None, :] @ vh
    else:
        two = np.repeat(rest[..., :, None, :], n, -2)
        two[..., :, np.arange(n), np.arange(n)] = 1
        products = two.prod(-1)
        products[..., np.arange(n), np.arange(n)] = 0
        inner = np.swapaxes(u, -1, -2) @ g @ np.swapaxes(vh, -1, -2)
        slope = -np.swapaxes(inner, -1, -2) * products
        diagonal_terms = (products * np.diagonal(inner, axis1=-2, axis2=-1)[..., None, :]).sum(-1)
        slope[..., np.arange(n), np.arange(n)] += diagonal_terms
        made = u @ slope @ vh
    return np.asarray(sign * made, a.dtype)


def slogdet(A: Any) -> _types.linalg_slogdet:
    """Give the signs of determinants and the logarithms of their absolute values, of matrices (..., n, n).

    Of a singular matrix these are 0 and -inf. The derivative of the logarithm is A⁻ᵀ (Giles 2008).
    """
    return _types.linalg_slogdet(*_slogdet("linalg.slogdet", A))


def _slogdet(name: str, A: Any) -> list[Tensor]:
    a = matrices(name, "A", A, square=True)

    def rule(g: Sequence[Any], given: Sequence[Tensor], made: Sequence[Tensor]) -> list[Tensor | None]:
        if g[1] is None:
            return [None]
        return [g[1][..., None, None] * turned(_inverse(name, given[0]))]

    shape = a.shape[:-2]
    return unit(lambda x: [*np.linalg.slogdet(x)], rule, [a], [(shape, a.dtype), (shape, a.dtype)])


@method
def logdet(input: Any) -> Tensor:
    """Give ln det of matrices (..., n, n): -inf of a determinant 0, NaN of a negative one.

    The derivative is A⁻ᵀ (Giles 2008).
    """
    sign, value = _slogdet("logdet", input)
    return _core.where(sign < 0, float("nan"), value)


# ---- By factors that are there -----------------------------------------------------------------------------


@method
def cholesky_solve(input: Any, input2: Any, upper: bool = False) -> Tensor:
    """Solve A X = input, where input2 is the factor: A = L Lᵀ (or Lᵀ L, if `upper`).

    Raises
    ------
    ShapeError
        If input is not (..., n, k).
    """
    ell, b = _pair("cholesky_solve", input2, input)
    if b.ndim < 2:
        raise ShapeError(f"[cholesky_solve] input is {b.shape}: it must be (..., n, k)")
    ell, b = broadcast("cholesky_solve", ell, b)
    first, second = (turned(ell), ell) if upper else (ell, turned(ell))
    return triangular("cholesky_solve", second, triangular("cholesky_solve", first, b, False), True)


@method
def cholesky_inverse(input: Any, upper: bool = False) -> Tensor:
    """Invert A = L Lᵀ (or Lᵀ L, if `upper`), given by its triangular factor."""
    ell = matrices("cholesky_inverse", "input", input, square=True)
    one = identity(ell, ell.shape[-1]).expand(*ell.shape)
    y = triangular("cholesky_inverse", turned(ell) if upper else ell, one, False)
    return turned(y) @ y


def lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """Solve A X = B (X A = B unless `left`; with Aᵀ if `adjoint`), A being given by `lu_factor`."""
    from backsweep.linalg._factor import permutation  # which imports from here

    name = "linalg.lu_solve"
    lu, b = _pair(name, LU, B)
    if not left:
        return turned(lu_solve(lu, pivots, turned(b), adjoint=not adjoint))
    p = permutation(pivots, lu.shape[-1], lu.dtype)
    lu, p, b = broadcast(name, lu, p, b)
    _fits(name, lu, b)
    if adjoint:  # (P L U)ᵀ = Uᵀ Lᵀ Pᵀ
        y = triangular(name, turned(lu), b, False)
        return p @ triangular(name, turned(lu), y, True, unit_diagonal=True)
    return triangular(name, lu, triangular(name, lu, turned(p) @ b, False, unit_diagonal=True), True)
