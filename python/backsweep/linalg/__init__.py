"""Linear algebra: PyTorch's torch.linalg.

LAPACK computes, through NumPy, and through SciPy where NumPy has no such function (the extra `linalg`). All
takes float32 and float64 and batches of matrices along leading axes. Derivatives are written in ops, so
they have any order, also in compiled programs, where LAPACK is called back at each run. Complex numbers do
not exist here: what needs them refuses.
"""

from backsweep._core import matmul
from backsweep.linalg._factor import (
    cholesky,
    cholesky_ex,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    lu,
    lu_factor,
    lu_factor_ex,
    qr,
    svd,
    svdvals,
)
from backsweep.linalg._least import lstsq, matrix_rank, pinv
from backsweep.linalg._norms import cond, matrix_norm, norm, vector_norm
from backsweep.linalg._powers import (
    cross,
    diagonal,
    householder_product,
    matrix_exp,
    matrix_power,
    multi_dot,
    tensorinv,
    tensorsolve,
    vander,
    vecdot,
)
from backsweep.linalg._solve import (
    det,
    inv,
    inv_ex,
    lu_solve,
    slogdet,
    solve,
    solve_ex,
    solve_triangular,
)
from backsweep.linalg._symmetric import ldl_factor, ldl_factor_ex, ldl_solve
from backsweep.linalg._units import LinAlgError

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]
