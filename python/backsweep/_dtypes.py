"""What a dtype can hold, and which one two of them become."""

from __future__ import annotations

from typing import Any

import numpy as np

from backsweep import _core
from backsweep._arguments import shown
from backsweep._core import DType, Tensor

__all__ = ["can_cast", "finfo", "iinfo", "promote_types", "result_type"]

# Of floats: bits, and those of the fraction and the exponent.
_FLOATS = {"float16": (16, 10, 5), "bfloat16": (16, 7, 8), "float32": (32, 23, 8), "float64": (64, 52, 11)}
_INTEGERS = ("uint8", "int8", "int16", "int32", "int64")


def _dtype(op: str, value: Any) -> DType:
    """Give what names a dtype as one, or raise."""
    try:
        return _core.zeros(0, dtype=value).dtype
    except TypeError:
        raise TypeError(f"[{op}] {shown(value)} is no dtype") from None


class finfo:
    """What a floating-point dtype can hold: `bits`, `eps`, `max`, `min`, `tiny`, `resolution`.

    Parameters
    ----------
    type : dtype, optional
        By default `get_default_dtype()`.

    Raises
    ------
    TypeError
        If the dtype is not floating-point.
    """

    def __init__(self, type: Any = None) -> None:
        dtype = _core.get_default_dtype() if type is None else _dtype("finfo", type)
        if not dtype.is_floating_point:
            raise TypeError(f"[finfo] {dtype.name} is no floating-point dtype: bs.iinfo is for integers")
        self.dtype: str = dtype.name
        self.bits, fraction, exponent = _FLOATS[dtype.name]
        self.eps: float = 2.0**-fraction
        top = 2 ** (exponent - 1) - 1
        self.max: float = (2.0 - self.eps) * 2.0**top
        self.min: float = -self.max
        self.tiny: float = 2.0 ** (1 - top)
        self.smallest_normal = self.tiny
        self.resolution: float = 10.0 ** -int(fraction * np.log10(2.0))

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """What an integer dtype can hold: `bits`, `max`, `min`.

    Parameters
    ----------
    type : dtype

    Raises
    ------
    TypeError
        If the dtype is none of integers.
    """

    def __init__(self, type: Any) -> None:
        dtype = _dtype("iinfo", type)
        if dtype.name not in _INTEGERS:
            raise TypeError(f"[iinfo] {dtype.name} is no integer dtype: bs.finfo is for floats")
        self.dtype: str = dtype.name
        self.bits: int = 8 * dtype.itemsize
        self.max: int = 2 ** (self.bits - dtype.is_signed) - 1
        self.min: int = -self.max - 1 if dtype.is_signed else 0

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def _kind(dtype: DType) -> int:
    return 2 if dtype.is_floating_point else int(dtype != _core.bool_)


def promote_types(type1: Any, type2: Any) -> DType:
    """Give the dtype that operations of two dtypes give: bool < integers < floats, then the wider."""
    a, b = _dtype("promote_types", type1), _dtype("promote_types", type2)
    if _kind(a) != _kind(b):
        return max(a, b, key=_kind)
    if a == b:
        return a
    if a.itemsize == b.itemsize:  # uint8 and int8, float16 and bfloat16: what holds both
        return _core.float32 if a.is_floating_point else _core.int16
    return max(a, b, key=lambda t: t.itemsize)


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """Give the dtype of what an operation of two operands gives.

    A tensor without axes counts beside one with axes only where its kind (bool < integer < float) is
    higher, a Python number beside any tensor likewise.
    """
    a, b = (_operand(x) for x in (tensor1, tensor2))
    (rank_a, type_a), (rank_b, type_b) = a, b
    if rank_a == rank_b:
        return promote_types(type_a, type_b)
    (_, strong), (_, weak) = (a, b) if rank_a > rank_b else (b, a)
    return strong if _kind(strong) >= _kind(weak) else weak


def _operand(x: Any) -> tuple[int, DType]:
    """Give how much an operand has to say, and its dtype."""
    if isinstance(x, Tensor):
        return 2 if x.ndim else 1, x.dtype
    if isinstance(x, (bool, int, float)):
        return 0, _core.tensor(x).dtype
    raise TypeError(f"[result_type] an operand is {shown(x)}; it must be a tensor or a number")


def can_cast(from_: Any, to: Any) -> bool:
    """Say whether a result of one dtype may be stored as another, of no lower kind."""
    a, b = _dtype("can_cast", from_), _dtype("can_cast", to)
    return _kind(a) <= _kind(b)
