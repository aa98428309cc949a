"""Neural networks on CPUs: a C++ core with derivatives of any order behind a thin Python API.

`bs.tensor` and the functions of this namespace work as PyTorch's do; `bs.nn` has layers, `bs.optim`
optimizers, `bs.compile` makes static programs, `bs.fit` trains.
"""

from backsweep import _core, nn, optim
from backsweep._core import *  # noqa: F403  (the public functions of the registry and of tensors)
from backsweep._core import (
    Buffer,
    CompiledFunction,
    DType,
    DTypeError,
    GraphError,
    Parameter,
    ShapeError,
    Tensor,
    bool_,
    compile,
    enable_grad,
    float32,
    float64,
    from_numpy,
    get_num_threads,
    grad,
    info,
    int32,
    int64,
    is_grad_enabled,
    manual_seed,
    no_grad,
    set_num_threads,
    tensor,
)
from backsweep._version import __version__
from backsweep.data import Batches
from backsweep.function import Function
from backsweep.inspect import summary
from backsweep.interop.safetensors import load, save
from backsweep.train import evaluate, fit, predict

__all__ = [
    "Batches",
    "Buffer",
    "CompiledFunction",
    "DType",
    "DTypeError",
    "Function",
    "GraphError",
    "Parameter",
    "ShapeError",
    "Tensor",
    "__version__",
    "bool_",
    "compile",
    "enable_grad",
    "evaluate",
    "fit",
    "float32",
    "float64",
    "from_numpy",
    "get_num_threads",
    "grad",
    "info",
    "int32",
    "int64",
    "is_grad_enabled",
    "load",
    "manual_seed",
    "nn",
    "no_grad",
    "optim",
    "predict",
    "save",
    "set_num_threads",
    "summary",
    "tensor",
]
__all__ += [name for name in _core.__all__ if name not in __all__]
