"""Norms of vectors and matrices, and condition numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from backsweep import _core
from backsweep._arguments import tensor
from backsweep._core import DType, ShapeError, Tensor
from backsweep.linalg._factor import svdvals
from backsweep.linalg._solve import inv_ex
from backsweep.linalg._units import floats, matrices

Dim = int | Sequence[int] | None
D = TypeVar("D", bound=Dim)


def either(name: str, dim: D, axis: D | None, default: D | None = None) -> D:
    """Give the axes that an argument names as `dim` or as `axis`."""
    if axis is None:
        return dim
    if dim != default:
        raise TypeError(f"[{name}] got two values for 'dim'")
    return axis


def vector_norm(
    x: Any,
    ord: float = 2,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: Dim = None,
    keepdims: bool = False,
) -> Tensor:
    """Give (Σ |x|^ord)^(1/ord) over the axes dim (None: all), of several axes as of one vector.

    Parameters
    ----------
    x : Tensor
        float32 or float64; squares are summed in float64.
    ord : float
        inf: the largest |x|; -inf: the least; 0: how many are not 0.
    dim : int or tuple of int, optional
    keepdim : bool
    dtype : dtype, optional
        x is cast to it before.
    axis, keepdims
        Other names of `dim` and `keepdim`.
    """
    t = tensor("linalg.vector_norm", "x", x)
    if dtype is not None:
        t = t.to(dtype)
    floats("linalg.vector_norm", "x", t)
    return _core.ops.norm_p(t, ord, either("linalg.vector_norm", dim, axis), keepdim or keepdims)


def matrix_norm(
    A: Any,
    ord: float | str = "fro",
    dim: tuple[int, int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: tuple[int, int] | None = None,
    keepdims: bool = False,
) -> Tensor:
    """Give norms of the matrices that two axes make.

    Parameters
    ----------
    A : Tensor
        float32 or float64.
    ord : {"fro", "nuc", inf, -inf, 1, -1, 2, -2}
        The root of the sum of squares; the sum of singular values; the largest or least sum |a| of rows, of
        columns; the largest or least singular value.
    dim : pair of int
    keepdim : bool
    dtype : dtype, optional
        A is cast to it before.
    axis, keepdims
        Other names of `dim` and `keepdim`.

    Raises
    ------
    ShapeError
        If dim does not name two axes.
    ValueError
        If the axes are the same, or there is no such norm.
    """
    name = "linalg.matrix_norm"
    x = tensor(name, "A", A)
    if dtype is not None:
        x = x.to(dtype)
    floats(name, "A", x)
    dim, keepdim = either(name, dim, axis, (-2, -1)), keepdim or keepdims
    if x.ndim < 2 or len(dim) != 2:
        raise ShapeError(f"[{name}] A is {x.shape}, dim is {dim}: a matrix has two axes")
    i, j = (_axis(name, d, x.ndim) for d in dim)
    if i == j:
        raise ValueError(f"[{name}] dim is {dim}: the axes must differ")
    if ord == "fro":
        return vector_norm(x, 2, (i, j), keepdim)
    if ord in (1, -1, float("inf"), -float("inf")):
        along, of = (i, j) if abs(float(ord)) == 1 else (j, i)
        sums = x.abs().sum(along, keepdim=True)
        made = sums.amax(of, keepdim=True) if float(ord) > 0 else sums.amin(of, keepdim=True)
        return made if keepdim else _without(made, i, j)
    if ord not in ("nuc", 2, -2):
        raise ValueError(f'[{name}] ord is {ord!r}; it must be "fro", "nuc", inf, -inf, 1, -1, 2 or -2')
    s = svdvals(x.permute(*(d for d in range(x.ndim) if d not in (i, j)), i, j))
    made = s.sum(-1) if ord == "nuc" else s.amax(-1) if ord == 2 else s.amin(-1)
    if keepdim:
        return made.reshape([1 if d in (i, j) else n for d, n in enumerate(x.shape)])
    return made


def _axis(name: str, dim: int, n: int) -> int:
    if not -n <= dim < n:
        raise IndexError(f"[{name}] dim {dim} is outside a tensor of {n} dimensions")
    return dim % n


def _without(x: Tensor, *axes: int) -> Tensor:
    return x.reshape([n for d, n in enumerate(x.shape) if d not in axes])


def norm(
    A: Any,
    ord: float | str | None = None,
    dim: Dim = None,
    keepdim: bool = False,
    *,
    dtype: DType | None = None,
    axis: Dim = None,
    keepdims: bool = False,
) -> Tensor:
    """Give `matrix_norm` where dim names two axes (or A is a matrix) and `ord` is given, else `vector_norm`.

    Without `ord` it is the root of the sum of all squares. `axis` and `keepdims` are other names of `dim` and
    `keepdim`.

    Raises
    ------
    ShapeError
        If `ord` is given for more than two axes, and dim is not.
    ValueError
        If `ord` is a norm of matrices, and dim names one axis.
    """
    dim, keepdim = either("linalg.norm", dim, axis), keepdim or keepdims
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    x = tensor("linalg.norm", "A", A)
    if dim is None:
        if x.ndim not in (1, 2):
            raise ShapeError(f"[linalg.norm] A is {x.shape}: with ord, dim says of which axes the norm is")
        dim = tuple(range(x.ndim))
    if isinstance(dim, int) or len(dim) == 1:
        if isinstance(ord, str):
            raise ValueError(f'[linalg.norm] ord is "{ord}", of matrices; dim names one axis')
        return vector_norm(x, ord, dim, keepdim, dtype=dtype)
    return matrix_norm(x, ord, (dim[0], dim[1]), keepdim, dtype=dtype)


def cond(A: Any, p: float | str | None = None) -> Tensor:
    """Give the condition ‖A‖ ‖A⁻¹‖ of matrices; without p, and for 2, by the extreme singular values.

    Parameters
    ----------
    A : Tensor
        (..., n, n); for p None, 2 and -2 (..., m, n).
    p : {None, "fro", "nuc", inf, -inf, 1, -1, 2, -2}
        Of `matrix_norm`. A singular matrix gives inf.
    """
    if p in (None, 2, -2):
        s = svdvals(matrices("linalg.cond", "A", A))
        first, last = s.select(-1, 0), s.select(-1, -1)
        return last / first if p == -2 else first / last
    a = matrices("linalg.cond", "A", A, square=True)
    inverse, info = inv_ex(a)
    made = matrix_norm(a, p or "fro") * matrix_norm(inverse, p or "fro")
    return _core.where(info > 0, float("inf"), made)
