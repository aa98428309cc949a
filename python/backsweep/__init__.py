"""Neural networks on CPUs: a C++ core with derivatives of any order behind a thin Python API.

`bs.tensor` and the functions of this namespace work as PyTorch's do; `bs.nn` has layers, `bs.optim`
optimizers, `bs.compile` makes static programs, `bs.fit` trains.
"""

from typing import TYPE_CHECKING

from backsweep import _core, autograd, func, linalg, nn, optim, utils
from backsweep._compile import compile
from backsweep._core import (
    Buffer,
    CompiledFunction,
    DType,
    DTypeError,
    GraphError,
    Parameter,
    Program,
    ShapeError,
    Tensor,
    arange,
    asarray,
    bfloat16,
    bool_,
    default_generator,
    enable_grad,
    eye,
    float16,
    float32,
    float64,
    from_numpy,
    full,
    full_like,
    get_num_threads,
    grad,
    info,
    int8,
    int16,
    int32,
    int64,
    is_grad_enabled,
    manual_seed,
    no_grad,
    ones,
    ones_like,
    set_num_threads,
    tensor,
    uint8,
    zeros,
    zeros_like,
)
from backsweep._products import einsum, tensordot
from backsweep._selection import index_put, nonzero, unique, unique_consecutive
from backsweep._version import __version__
from backsweep.autograd import Function, inference_mode, set_grad_enabled
from backsweep.autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled
from backsweep.autograd.grad_mode import is_inference_mode_enabled
from backsweep.data import Batches
from backsweep.func import vmap
from backsweep.inspect import summary
from backsweep.interop.safetensors import load, save
from backsweep.linalg._factor import lu_unpack
from backsweep.linalg._names import (
    chain_matmul,
    cholesky,
    det,
    geqrf,
    inverse,
    lu,
    lu_solve,
    matrix_exp,
    matrix_power,
    orgqr,
    ormqr,
    pinverse,
    qr,
    slogdet,
    svd,
    triangular_solve,
)
from backsweep.linalg._solve import cholesky_inverse, cholesky_solve, logdet
from backsweep.train import evaluate, fit, predict
from backsweep.transforms import value_and_grad

__all__ = [
    "Batches",
    "Buffer",
    "CompiledFunction",
    "DType",
    "DTypeError",
    "Function",
    "GraphError",
    "Parameter",
    "Program",
    "ShapeError",
    "Tensor",
    "__version__",
    "arange",
    "asarray",
    "autograd",
    "bfloat16",
    "bool_",
    "chain_matmul",
    "cholesky",
    "cholesky_inverse",
    "cholesky_solve",
    "compile",
    "default_generator",
    "det",
    "double",
    "einsum",
    "enable_grad",
    "evaluate",
    "eye",
    "fit",
    "float16",
    "float32",
    "float64",
    "from_numpy",
    "full",
    "full_like",
    "func",
    "geqrf",
    "get_num_threads",
    "grad",
    "half",
    "index_put",
    "inference_mode",
    "info",
    "int8",
    "int16",
    "int32",
    "int64",
    "inverse",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "linalg",
    "load",
    "logdet",
    "long",
    "lu",
    "lu_solve",
    "lu_unpack",
    "manual_seed",
    "matrix_exp",
    "matrix_power",
    "nn",
    "no_grad",
    "nonzero",
    "ones",
    "ones_like",
    "optim",
    "orgqr",
    "ormqr",
    "pinverse",
    "predict",
    "qr",
    "save",
    "set_grad_enabled",
    "set_num_threads",
    "short",
    "slogdet",
    "summary",
    "svd",
    "tensor",
    "tensordot",
    "triangular_solve",
    "uint8",
    "unique",
    "unique_consecutive",
    "utils",
    "value_and_grad",
    "vmap",
    "zeros",
    "zeros_like",
]

# PyTorch's second names. Those that Python has for types of its own are not for `from backsweep import *`.
half, double, short, long = float16, float64, int16, int64
float, int, bool = float32, int32, bool_

# The public ops of the registry, which names them.
if TYPE_CHECKING:
    from backsweep._core import *  # noqa: F403
else:
    _ops = {name: value for name, value in vars(_core).items() if isinstance(value, _core.OpFunction)}
    globals().update(_ops)
    __all__ += sorted(_ops)
    del _ops
