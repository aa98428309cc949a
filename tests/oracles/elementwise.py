"""Elementwise ops: the function in NumPy; their inputs come from the interval of their row."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from oracles.base import Array, Oracle, Wrong, Z


def sigmoid(x: Array) -> Array:
    u = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, u) / (1 + u)


erf = np.vectorize(math.erf, otypes=[np.float64])
erfc = np.vectorize(math.erfc, otypes=[np.float64])


def sign(x: Array) -> Array:
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype) if x.dtype != bool else x


def density(x: Array) -> Array:
    """Of the normal distribution; an error of the exponent counts x² times."""
    wide = x.astype(np.longdouble)
    return np.asarray(np.exp(-0.5 * wide * wide) / math.sqrt(2 * math.pi), np.float64)


def below(x: Array) -> Array:
    """Phi(x), with what rounding x / sqrt(2) loses."""
    z = x * -math.sqrt(0.5)
    lost = np.asarray(x * -np.sqrt(np.longdouble(0.5)) - z, np.float64)
    return np.where(np.isinf(x), x > 0, 0.5 * erfc(z) - math.sqrt(2) * density(x) * lost)


def gelu(x: Array) -> Array:
    return np.where(x == -np.inf, 0.0, x * below(x))


def gelu_slope(x: Array) -> Array:
    return np.where(np.isinf(x), x > 0, below(x) + x * density(x))


def _erfinv(x: float) -> float:
    """By Newton's steps, of 1 - |x| = erfc(y) where erf is flat."""
    if not abs(x) < 1:
        return math.copysign(math.inf, x) if abs(x) == 1 else math.nan
    a = abs(x)
    y = -NormalDist().inv_cdf((1 - a) / 2) / math.sqrt(2) if a > 1e-3 else a * math.sqrt(math.pi) / 2
    for _ in range(3):
        off = math.erf(y) - a if a < 0.5 else (1 - a) - math.erfc(y)
        y -= off * math.sqrt(math.pi) / 2 * math.exp(y * y)
    return math.copysign(y, x)


erfinv = np.vectorize(_erfinv, otypes=[np.float64])


def xlogy(x: Array, y: Array) -> Array:
    return np.where((x == 0) & ~np.isnan(y), 0.0, x * np.log(y))


def lerp(x: Array, end: Array, weight: Array) -> Array:
    return np.where(np.abs(weight) < 0.5, x + weight * (end - x), end - (end - x) * (1 - weight))


def shift_left(x: Array, y: Array) -> Array:
    return np.where((y < 0) | (y >= 8 * x.itemsize), 0, x << np.clip(y, 0, 8 * x.itemsize - 1))


def shift_right(x: Array, y: Array) -> Array:
    most = 8 * x.itemsize - 1
    return x >> np.where(y < 0, most, np.minimum(y, most))


ORACLES: dict[str, Oracle] = {
    "add": Oracle(lambda x, y: x + y, ints="same"),
    "sub": Oracle(lambda x, y: x - y, ints="same", of_bools="refuse"),
    "mul": Oracle(lambda x, y: x * y, ints="same"),
    "div": Oracle(lambda x, y: x / y, ints="float"),
    "floor_divide": Oracle(np.floor_divide, ints="same", of_bools="refuse"),
    "trunc_divide": Oracle(lambda x, y: np.trunc(x / y), ints="same", of_bools="refuse"),
    "remainder": Oracle(np.remainder, ints="same", of_bools="refuse"),
    "fmod": Oracle(np.fmod, ints="same", of_bools="refuse"),
    "maximum": Oracle(np.maximum, ints="same"),
    "minimum": Oracle(np.minimum, ints="same"),
    "abs": Oracle(np.abs, ints="same", of_bools="refuse"),
    "sign": Oracle(sign, ints="same"),
    "neg": Oracle(lambda x: -x, ints="same", of_bools="refuse"),
    "floor": Oracle(np.floor, ints="same", of_bools="refuse"),
    "ceil": Oracle(np.ceil, ints="same", of_bools="refuse"),
    "trunc": Oracle(np.trunc, ints="same", of_bools="refuse"),
    "round": Oracle(np.rint, ints="same", of_bools="refuse"),
    "frac": Oracle(lambda x: x - np.trunc(x)),
    "exp": Oracle(np.exp, ints="float"),
    "log": Oracle(np.log, ints="float"),
    "expm1": Oracle(np.expm1, ints="float"),
    "log1p": Oracle(np.log1p, ints="float"),
    "sqrt": Oracle(np.sqrt, ints="float"),
    "rsqrt": Oracle(lambda x: 1 / np.sqrt(x), ints="float"),
    "reciprocal": Oracle(lambda x: 1 / x, ints="float"),
    "square": Oracle(lambda x: x * x, ints="same", of_bools="int64"),
    "pow": Oracle(np.power, ints="same", of_bools="refuse"),
    "exp2": Oracle(np.exp2, ints="float"),
    "log2": Oracle(np.log2, ints="float"),
    "log10": Oracle(np.log10, ints="float"),
    "xlogy": Oracle(xlogy, ints="float"),
    "hypot": Oracle(np.hypot),
    "lerp": Oracle(lerp),
    "asin": Oracle(np.arcsin, ints="float"),
    "acos": Oracle(np.arccos, ints="float"),
    "atan": Oracle(np.arctan, ints="float"),
    "atan2": Oracle(np.arctan2, ints="float"),
    "sinh": Oracle(np.sinh, ints="float"),
    "cosh": Oracle(np.cosh, ints="float"),
    "asinh": Oracle(np.arcsinh, ints="float"),
    "acosh": Oracle(np.arccosh, ints="float"),
    "atanh": Oracle(np.arctanh, ints="float"),
    "erfc": Oracle(erfc, ints="float"),
    "erfinv": Oracle(erfinv, ints="float", ulp=6),
    "at_least": Oracle(np.maximum, ints="same"),
    "at_most": Oracle(np.minimum, ints="same"),
    "above": Oracle(np.maximum, ints="same"),
    "below": Oracle(np.minimum, ints="same"),
    "bitwise_left_shift": Oracle(
        shift_left, ints="same", of_bools="refuse", of_floats="refuse", integers=True
    ),
    "bitwise_right_shift": Oracle(
        shift_right, ints="same", of_bools="refuse", of_floats="refuse", integers=True
    ),
    "sin": Oracle(np.sin, ints="float"),
    "cos": Oracle(np.cos, ints="float"),
    "relu": Oracle(lambda x: np.maximum(x, 0), ints="same", of_bools="refuse"),
    "sigmoid": Oracle(sigmoid, ints="float"),
    "tanh": Oracle(np.tanh, ints="float"),
    "erf": Oracle(erf, ints="float"),
    "gelu": Oracle(gelu, ulp=6),
    "gelu_slope": Oracle(gelu_slope, ulp=16),  # of what cancels near its zero
    "softplus": Oracle(lambda x: np.logaddexp(x, 0.0)),
    "eq": Oracle(lambda x, y: x == y, ints="bool"),
    "ne": Oracle(lambda x, y: x != y, ints="bool"),
    "lt": Oracle(lambda x, y: x < y, ints="bool"),
    "le": Oracle(lambda x, y: x <= y, ints="bool"),
    "gt": Oracle(lambda x, y: x > y, ints="bool"),
    "ge": Oracle(lambda x, y: x >= y, ints="bool"),
    "logical_not": Oracle(np.logical_not, ints="bool"),
    "bitwise_not": Oracle(np.invert, ints="same", of_floats="refuse", bools=(0,)),
    "bitwise_and": Oracle(np.bitwise_and, ints="same", of_floats="refuse", bools=(0, 1)),
    "bitwise_or": Oracle(np.bitwise_or, ints="same", of_floats="refuse", bools=(0, 1)),
    "bitwise_xor": Oracle(np.bitwise_xor, ints="same", of_floats="refuse", bools=(0, 1)),
    "mul_mask": Oracle(lambda x, y: np.where(y != 0, x, 0), ints="same"),
    "share_max": Oracle(lambda x, y, z: np.where(y < z, 0, np.where(y == z, x / 2, x))),
    "mul_zero": Oracle(lambda x, y: np.where(x != 0, x * y, 0), ints="same"),
    "where": Oracle(
        np.where,
        ints="same",
        bools=(0,),
        wrong=[Wrong((Z(3), Z(3), Z(3)), {}, "DTypeError", ("float64", "bool"))],
    ),
}
