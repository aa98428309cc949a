"""Bytes of files as tensors: their dtypes, also those that are none here, and strides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from backsweep import _core
from backsweep._core import DType, Tensor

__all__ = ["DTYPES", "NAMES", "Refused", "as_array", "as_tensor", "itemsize", "strided"]

# The safetensors format's names of our dtypes.
DTYPES: dict[str, DType] = {
    "F64": _core.float64,
    "F32": _core.float32,
    "F16": _core.float16,
    "BF16": _core.bfloat16,
    "I64": _core.int64,
    "I32": _core.int32,
    "I16": _core.int16,
    "I8": _core.int8,
    "U8": _core.uint8,
    "BOOL": _core.bool_,
}
# NumPy's dtypes that can be in files, by their names; bfloat16 is none.
NAMES = {dtype.name: name for name, dtype in DTYPES.items()} | {
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
}
# Unsigned integers, and the dtype here that holds their values.
_WIDER = {"U16": np.int32, "U32": np.int64, "U64": np.int64}
# Floats of one byte: bits of the fraction, the exponent's bias, and whether there is an infinity. "FNUZ": the
# only NaN stands where -0 would. https://arxiv.org/abs/2209.05433, https://onnx.ai/onnx/technical/float8.html
_BYTES = {
    "F8_E4M3": (3, 7, False),
    "F8_E5M2": (2, 15, True),
    "F8_E4M3FNUZ": (3, 8, False),
    "F8_E5M2FNUZ": (2, 16, False),
}


class Refused(ValueError):
    """What is wrong with a file, or cannot be read: a sentence without its subject, the file."""


def itemsize(kind: str) -> int:
    """Give the bytes of an element, or raise DTypeError if there is no dtype here that holds its values."""
    if kind in DTYPES:
        return DTYPES[kind].itemsize
    if kind in _WIDER:
        return int(kind[1:]) // 8
    if kind in _BYTES or kind == "F8_E8M0":
        return 1
    raise _core.DTypeError(f"{kind}, which backsweep does not have")


def as_array(raw: npt.NDArray[np.uint8], kind: str, order: Literal["<", ">"] = "<") -> npt.NDArray[Any]:
    """Give bytes as an array of their dtype, of bfloat16 as int16, or of the one that holds its values.

    Floats of one byte become float32, which is exact; uint16 and uint32 become int32 and int64, and so does
    uint64 unless a value is too large: Refused.
    """
    itemsize(kind)  # raises if there is no such dtype
    if kind in _BYTES or kind == "F8_E8M0":
        values: npt.NDArray[np.float32] = _values_of_bytes(kind)[raw]
        return values
    if kind == "BOOL":  # of which other bytes than 0 and 1 are no values
        truth: npt.NDArray[np.bool_] = raw != 0
        return truth
    if kind in _WIDER:
        array = raw.view(f"{order}u{itemsize(kind)}")
        if kind == "U64" and array.size and array.max() > np.iinfo(np.int64).max:
            raise Refused("has a uint64 beyond the largest int64")
        wider: npt.NDArray[Any] = array.astype(_WIDER[kind])
        return wider
    name = "int16" if kind == "BF16" else DTYPES[kind].name
    dtype = np.dtype(name)
    plain: npt.NDArray[Any] = raw.view(dtype.newbyteorder(order)).astype(dtype, copy=False)
    return plain


def as_tensor(raw: npt.NDArray[np.uint8], kind: str, order: Literal["<", ">"] = "<") -> Tensor:
    """Give bytes as a tensor with one axis, as `as_array` does."""
    made = _core.from_numpy(as_array(raw, kind, order))
    return _core.ops.bitcast(made, dtype=_core.bfloat16).detach() if kind == "BF16" else made


def _values_of_bytes(kind: str) -> npt.NDArray[np.float32]:
    """Give the values of all 256 bytes."""
    code = np.arange(256)
    if kind == "F8_E8M0":  # powers of 2
        return np.where(code < 255, np.ldexp(1.0, code - 127), np.nan).astype(np.float32)
    fraction, bias, infinite = _BYTES[kind]
    rest, exponent = code & (2**fraction - 1), (code & 127) >> fraction
    values = np.ldexp(rest + (exponent > 0) * 2.0**fraction, np.maximum(exponent, 1) - bias - fraction)
    values = np.where(code < 128, values, -values)
    if infinite:
        top = exponent == exponent.max()
        values[top] = np.where(rest == 0, np.copysign(np.inf, values), np.nan)[top]
    else:
        values[128 if kind.endswith("FNUZ") else [127, 255]] = np.nan
    made: npt.NDArray[np.float32] = values.astype(np.float32)
    return made


def strided(flat: Tensor, offset: int, shape: Sequence[int], strides: Sequence[int]) -> Tensor:
    """Give the view of a tensor with one axis whose element i stands at `offset` + Σ i_d strides_d.

    Raises Refused if that leaves the tensor. An axis of stride s is `unfold` with that step.
    """
    numbers = [offset, *shape, *strides]
    if len(shape) != len(strides) or any(type(n) is not int or n < 0 for n in numbers):
        raise Refused(f"has a tensor of shape {shape}, strides {strides} and offset {offset}")
    if 0 in shape:
        return flat[:0].view(tuple(shape))
    reach = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if offset + reach > flat.numel():
        raise Refused(f"has a tensor that needs {offset + reach} elements of {flat.numel()}")
    part = flat[offset : offset + reach] if reach != flat.numel() else flat
    if all(
        n == 1 or s == math.prod(shape[d + 1 :]) for d, (n, s) in enumerate(zip(shape, strides, strict=True))
    ):
        return part.view(tuple(shape))
    axes = [d for d, (n, s) in enumerate(zip(shape, strides, strict=True)) if n > 1 and s > 0]
    axes.sort(key=lambda d: -strides[d])
    for d in axes:
        reach -= (shape[d] - 1) * strides[d]
        part = part.unfold(-1, reach, strides[d])
    # One axis of the last elements is left; put in the ones that are short or repeated.
    key = (..., *[None] * (len(shape) - len(axes)))
    part = part.squeeze(-1)[key]
    order = axes + [d for d in range(len(shape)) if d not in axes]
    return part.permute(*(order.index(d) for d in range(len(shape)))).expand(tuple(shape))
