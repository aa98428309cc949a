"""Neural networks on CPUs: a C++ core with derivatives of any order behind a thin Python API.

`bs.tensor` and the functions of this namespace work as PyTorch's do; `bs.nn` has layers, `bs.optim`
optimizers, `bs.compile` makes static programs, `bs.fit` trains.
"""

from typing import TYPE_CHECKING

from backsweep import _core, nn, optim
from backsweep._core import (
    Buffer,
    CompiledFunction,
    DType,
    DTypeError,
    GraphError,
    Parameter,
    ShapeError,
    Tensor,
    arange,
    asarray,
    bool_,
    compile,
    default_generator,
    enable_grad,
    eye,
    float32,
    float64,
    from_numpy,
    full,
    full_like,
    get_num_threads,
    grad,
    info,
    int32,
    int64,
    is_grad_enabled,
    manual_seed,
    no_grad,
    ones,
    ones_like,
    set_num_threads,
    tensor,
    zeros,
    zeros_like,
)
from backsweep._version import __version__
from backsweep.data import Batches
from backsweep.function import Function
from backsweep.inspect import summary
from backsweep.interop.safetensors import load, save
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
    "ShapeError",
    "Tensor",
    "__version__",
    "arange",
    "asarray",
    "bool_",
    "compile",
    "default_generator",
    "enable_grad",
    "evaluate",
    "eye",
    "fit",
    "float32",
    "float64",
    "from_numpy",
    "full",
    "full_like",
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
    "ones",
    "ones_like",
    "optim",
    "predict",
    "save",
    "set_num_threads",
    "summary",
    "tensor",
    "value_and_grad",
    "zeros",
    "zeros_like",
]

# The public ops of the registry, which names them.
if TYPE_CHECKING:
    from backsweep._core import *  # noqa: F403
else:
    _ops = {name: value for name, value in vars(_core).items() if isinstance(value, _core.OpFunction)}
    globals().update(_ops)
    __all__ += sorted(_ops)
    del _ops
