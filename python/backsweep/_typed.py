"""PyTorch's oldest words: FloatTensor and its like, `x.type()`, what `Tensor(...)` makes, `x.new_zeros()`."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._arguments import shown
from backsweep._core import DType, Tensor
from backsweep._device import DeviceLike, check_device, no_cuda
from backsweep._methods import method

__all__ = [
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "make",
]


def make(op: str, dtype: DType, given: Sequence[Any]) -> Tensor:
    """Give what `Tensor(...)` gives: of sizes zeros to be written, of data its values as dtype."""
    if not given:
        return _core.zeros(0, dtype=dtype)
    if all(isinstance(size, Integral) and not isinstance(size, bool) for size in given):
        return _core.zeros(*given, dtype=dtype)
    if len(given) > 1:
        raise TypeError(f"[{op}] takes sizes, or one sequence, array or tensor, not {len(given)} arguments")
    (data,) = given
    if isinstance(data, Tensor):
        return data.to(dtype)
    if isinstance(data, tuple) and any(_tracked(size) for size in data):
        return _core.zeros(data, dtype=dtype)  # x.shape inside bs.compile
    if isinstance(data, (bool, float, complex, str)) or data is None:
        raise TypeError(
            f"[{op}] takes sizes or a sequence, not {shown(data)}: bs.tensor makes one of a number"
        )
    return _core.tensor(data, dtype=dtype)


def _tracked(size: Any) -> bool:
    """Say whether it is a size whose value a capture has not looked at."""
    return isinstance(size, Integral) and not isinstance(size, (int, np.integer))


class TensorType(type):
    """The type of FloatTensor and its like: a tensor is an instance of the one that names its dtype."""

    dtype: DType

    def __call__(cls, *data: Any, device: DeviceLike = None) -> Any:
        check_device(cls.__name__, device)
        return make(cls.__name__, cls.dtype, data)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype

    def __repr__(cls) -> str:
        return f"<class 'bs.{cls.__name__}'>"


def _typed(name: str, dtype: DType) -> TensorType:
    doc = (
        f"`{name}(2, 3)` is a {dtype.name} tensor of these sizes to be written, `{name}(data)` one of a "
        "sequence, array or tensor."
    )
    return TensorType(name, (), {"dtype": dtype, "__doc__": doc, "__module__": "backsweep"})


FloatTensor = _typed("FloatTensor", _core.float32)
DoubleTensor = _typed("DoubleTensor", _core.float64)
HalfTensor = _typed("HalfTensor", _core.float16)
BFloat16Tensor = _typed("BFloat16Tensor", _core.bfloat16)
ByteTensor = _typed("ByteTensor", _core.uint8)
CharTensor = _typed("CharTensor", _core.int8)
ShortTensor = _typed("ShortTensor", _core.int16)
IntTensor = _typed("IntTensor", _core.int32)
LongTensor = _typed("LongTensor", _core.int64)
BoolTensor = _typed("BoolTensor", _core.bool_)
_TYPES = {
    t.dtype.name: t
    for t in (
        *(FloatTensor, DoubleTensor, HalfTensor, BFloat16Tensor, ByteTensor),
        *(CharTensor, ShortTensor, IntTensor, LongTensor, BoolTensor),
    )
}


@method
def type(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Give the name of the type, "torch.FloatTensor" as in PyTorch; with dtype, the tensor as that.

    dtype is a dtype, FloatTensor or its like, or such a name.
    """
    if dtype is None:
        return f"torch.{_TYPES[input.dtype.name].__name__}"
    if isinstance(dtype, str) and dtype.endswith("Tensor"):
        module, _, name = dtype.rpartition(".")
        if module.endswith("cuda"):
            no_cuda("type")
        found = [t for t in _TYPES.values() if t.__name__ == name]
        if name == "Tensor":
            return input.to(_core.get_default_dtype())
        if not found or module not in ("", "torch", "backsweep", "bs"):
            raise ValueError(f"[type] there is no type {dtype!r}")
        return input.to(found[0].dtype)
    if dtype is Tensor:
        return input.to(_core.get_default_dtype())
    return input.to(dtype.dtype if isinstance(dtype, TensorType) else dtype)


@method
def new(input: Tensor, *data: Any, device: DeviceLike = None) -> Tensor:
    """Give what `Tensor(*data)` gives, with the tensor's dtype."""
    check_device("new", device)
    return make("new", input.dtype, data)


@method
def new_zeros(
    input: Tensor,
    *size: Any,
    dtype: Any = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Give zeros of a shape."""
    kind = input.dtype if dtype is None else dtype
    return _core.zeros(*size, dtype=kind, device=device, requires_grad=requires_grad, layout=layout)


@method
def new_ones(
    input: Tensor,
    *size: Any,
    dtype: Any = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Give ones of a shape."""
    kind = input.dtype if dtype is None else dtype
    return _core.ones(*size, dtype=kind, device=device, requires_grad=requires_grad, layout=layout)


@method
def new_empty(
    input: Tensor,
    *size: Any,
    dtype: Any = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Give a tensor of a shape, to be written; until then it holds zeros."""
    kind = input.dtype if dtype is None else dtype
    return _core.empty(*size, dtype=kind, device=device, requires_grad=requires_grad, layout=layout)


@method
def new_full(
    input: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Give a tensor of one number."""
    kind = input.dtype if dtype is None else dtype
    return _core.full(size, fill_value, dtype=kind, device=device, requires_grad=requires_grad, layout=layout)


@method
def new_tensor(
    input: Tensor,
    data: Any,
    *,
    dtype: Any = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    layout: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Give a tensor with a copy of data."""
    kind = input.dtype if dtype is None else dtype
    return _core.tensor(data, dtype=kind, device=device, requires_grad=requires_grad)
