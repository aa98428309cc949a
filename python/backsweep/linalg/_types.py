"""The named tuples that decompositions give; they are in `bs.return_types` too."""

from __future__ import annotations

from typing import NamedTuple

from backsweep import _core
from backsweep._core import Tensor


class linalg_slogdet(NamedTuple):
    sign: Tensor
    logabsdet: Tensor


class slogdet(NamedTuple):
    sign: Tensor
    logabsdet: Tensor


class linalg_qr(NamedTuple):
    Q: Tensor
    R: Tensor


class qr(NamedTuple):
    Q: Tensor
    R: Tensor


class linalg_eigh(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor


class linalg_svd(NamedTuple):
    U: Tensor
    S: Tensor
    Vh: Tensor


class svd(NamedTuple):
    U: Tensor
    S: Tensor
    V: Tensor


class linalg_cholesky_ex(NamedTuple):
    L: Tensor
    info: Tensor


class linalg_inv_ex(NamedTuple):
    inverse: Tensor
    info: Tensor


class linalg_solve_ex(NamedTuple):
    result: Tensor
    info: Tensor


class linalg_lu(NamedTuple):
    P: Tensor
    L: Tensor
    U: Tensor


class lu_unpack(NamedTuple):
    P: Tensor
    L: Tensor
    U: Tensor


class linalg_lu_factor(NamedTuple):
    LU: Tensor
    pivots: Tensor


class linalg_lu_factor_ex(NamedTuple):
    LU: Tensor
    pivots: Tensor
    info: Tensor


class linalg_ldl_factor(NamedTuple):
    LD: Tensor
    pivots: Tensor


class linalg_ldl_factor_ex(NamedTuple):
    LD: Tensor
    pivots: Tensor
    info: Tensor


class linalg_lstsq(NamedTuple):
    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


class triangular_solve(NamedTuple):
    solution: Tensor
    cloned_coefficient: Tensor


class geqrf(NamedTuple):
    a: Tensor
    tau: Tensor


for _made in list(vars().values()):
    if isinstance(_made, type) and issubclass(_made, tuple) and _made is not NamedTuple:
        _made.__module__ = "backsweep.return_types"
        setattr(_core.return_types, _made.__name__, _made)
