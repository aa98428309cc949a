"""Pointwise functions that are compositions: the function in NumPy, and few inputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, I, Oracle, Wrong, Z
from oracles.elementwise import erfc, xlogy

SHAPES = ((), (0,), (7,), (3, 5))
PAIRS = (((), ()), ((6,), ()), ((5, 1), (1, 7)), ((2, 3), (2, 3)))


def of_one(value: Callable[..., Any], low: float = -3, high: float = 3, **options: Any) -> Oracle:
    """The oracle of a function of one operand, drawn from an interval; `attrs` are those of all cases."""
    attrs, large = options.pop("attrs", ({},)), options.pop("large", False)

    def cases(d: Draw) -> list[Case]:
        made = [Case((d(*s, low=low, high=high),), a) for a in attrs for s in SHAPES]
        return made + [Case((d(200, 300, low=low, high=high),), attrs[0], large=True)] * large

    return Oracle(value, cases, **options)


def of_two(value: Callable[..., Any], low: float = -3, high: float = 3, **options: Any) -> Oracle:
    """Of two."""

    def cases(d: Draw) -> list[Case]:
        return [Case(tuple(d(*s, low=low, high=high) for s in pair)) for pair in PAIRS]

    return Oracle(value, cases, **options)


def of_three(value: Callable[..., Any], low: float = 0.3, high: float = 3, **options: Any) -> Oracle:
    """Of three, and a number `value` by which the last two count."""

    def cases(d: Draw) -> list[Case]:
        sets = (((), (), ()), ((4,), (4,), (4,)), ((2, 3), (3,), (2, 1)))
        return [
            Case(tuple(d(*s, low=low, high=high) for s in shapes), {} if k == 0 else {"value": 2.0})
            for k, shapes in enumerate(sets)
        ]

    return Oracle(value, cases, **options)


def bits_of(x: Array) -> Array:
    return np.signbit(x) if x.dtype != bool else np.zeros(x.shape, bool)


def clamp(x: Array, least: Array | None = None, most: Array | None = None) -> Array:
    y = x if least is None else np.maximum(x, least)
    return y if most is None else np.minimum(y, most)


def clamp_cases(d: Draw) -> list[Case]:
    return [
        Case((d(7), np.asarray(-0.5), np.asarray(0.7))),
        Case((d(3, 5), d(5), d(3, 1))),
        Case((d(0), np.asarray(0.0))),
    ]


def bound_cases(d: Draw) -> list[Case]:
    return [Case((d(), d())), Case((d(7), np.asarray(0.2))), Case((d(3, 5), d(5)))]


def isclose_cases(d: Draw) -> list[Case]:
    x = d(7)
    y = np.where(np.arange(7) % 2, x * (1 + 1e-7), x + 0.1)
    return [
        Case((x, y)),
        Case((x, y), {"rtol": 0.0, "atol": 0.0}),
        Case((x, y[::-1].copy()), {"equal_nan": True}),
    ]


def heaviside_cases(d: Draw) -> list[Case]:
    x = np.array([-1.0, 0.0, 2.0, -0.0])
    return [Case((x, d(4))), Case((np.asarray(0.0), d())), Case((d(2, 3), d(3)))]


def nan_to_num(
    x: Array, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Array:
    # 3.4e38 stands for the largest float32, too large for nothing.
    return np.nan_to_num(x, nan=nan or 0.0, posinf=posinf, neginf=neginf)


def nan_cases(d: Draw) -> list[Case]:
    return [
        Case((d(3, 5),)),
        Case((d(4),), {"nan": 2.0, "posinf": 3.0, "neginf": -3.0}),
    ]


def logaddexp_cases(d: Draw) -> list[Case]:
    far = np.array([1e4, -1e4, 1e4])
    return [
        Case((d(), d())),
        Case((d(5, 1), d(1, 7))),
        Case((d(4), d(4))),
        Case((far, far[[1, 1, 2]]), smooth=False),
    ]


def logit(x: Array, eps: float | None = None) -> Array:
    z = x if eps is None else np.clip(x, eps, 1 - eps)
    return np.log(z / (1 - z))


def sinc(x: Array) -> Array:
    return np.sinc(x)


def entr(x: Array) -> Array:
    return np.where(x < 0, -np.inf, -xlogy(x, x))


lgamma = np.vectorize(lambda x: math.inf if x <= 0 and x == int(x) else math.lgamma(x), otypes=[np.float64])


def _zeta(s: float, q: float) -> float:
    """A sum of 400 terms and the first terms of what Euler and Maclaurin have for the rest."""
    n = 400
    rest = q + n
    total = math.fsum((q + k) ** -s for k in range(n))
    return (
        total
        + rest ** (1 - s) / (s - 1)
        + 0.5 * rest**-s
        + s / 12 * rest ** (-s - 1)
        - s * (s + 1) * (s + 2) / 720 * rest ** (-s - 3)
    )


zeta = np.vectorize(_zeta, otypes=[np.float64])


def _digamma(x: float) -> float:
    if x <= 0 and x == int(x):
        return math.copysign(math.inf, -x) if x == 0 else math.nan
    if x < 0:
        return digamma_above(1 - x) - math.pi / math.tan(math.pi * x)
    return digamma_above(x)


def digamma_above(x: float) -> float:
    far = x + 1000
    y = math.log(far) - 0.5 / far - 1 / (12 * far * far)
    return y - math.fsum(1 / (x + k) for k in range(1000))


digamma = np.vectorize(_digamma, otypes=[np.float64])


def polygamma(x: Array, n: int) -> Array:
    return digamma(x) if n == 0 else (-1) ** (n + 1) * math.factorial(n) * zeta(n + 1.0, x)


def mvlgamma(x: Array, p: int) -> Array:
    return p * (p - 1) / 4 * math.log(math.pi) + sum(lgamma(x - j / 2) for j in range(p))


def integer_cases(d: Draw) -> list[Case]:
    return [
        Case((d.index(7, below=60), d.index(7, below=60))),
        Case((np.array([0, -12, 12, 0]), np.array([0, 18, -18, 7]))),
    ]


ORACLES: dict[str, Oracle] = {
    "isnan": of_one(np.isnan, ints="bool", flat=True),
    "isinf": of_one(np.isinf, ints="bool", flat=True),
    "isfinite": of_one(np.isfinite, ints="bool", flat=True),
    "isposinf": of_one(lambda x: x == np.inf, ints="bool", flat=True),
    "isneginf": of_one(lambda x: x == -np.inf, ints="bool", flat=True),
    "signbit": of_one(bits_of, ints="bool", flat=True),
    "isclose": Oracle(
        lambda x, y, rtol=1e-5, atol=1e-8, equal_nan=False: np.isclose(x, y, rtol, atol, equal_nan),
        isclose_cases,
        ints="bool",
        flat=True,
        wrong=[Wrong((Z(2), Z(2, I)), {}, "DTypeError", ("float64", "int64"))],
    ),
    "logical_and": of_two(np.logical_and, ints="bool", flat=True),
    "logical_or": of_two(np.logical_or, ints="bool", flat=True),
    "logical_xor": of_two(np.logical_xor, ints="bool", flat=True),
    "deg2rad": of_one(np.deg2rad, ints="float"),
    "rad2deg": of_one(np.rad2deg, ints="float"),
    "sgn": of_one(lambda x: x if x.dtype == bool else np.sign(x), ints="same"),
    "positive": of_one(lambda x: x, ints="same", of_bools="refuse"),
    "rsub": of_two(lambda x, y: y - x, ints="same", of_bools="refuse"),
    "addcmul": of_three(lambda x, y, z, value=1.0: x + value * y * z, ints="same", of_bools="same"),
    "addcdiv": of_three(lambda x, y, z, value=1.0: x + value * y / z),
    "ldexp": of_two(lambda x, y: x * 2.0**y, ints="float"),
    "float_power": of_two(lambda x, y: np.float64(x) ** np.float64(y), 0.3, 3, ints="float64"),
    "copysign": of_two(np.copysign, ints="float"),
    "heaviside": Oracle(
        lambda x, v: np.where(x == 0, v, (x > 0).astype(x.dtype)), heaviside_cases, ints="same", flat=True
    ),
    "fmax": of_two(np.fmax, ints="same"),
    "fmin": of_two(np.fmin, ints="same"),
    "clamp": Oracle(clamp, clamp_cases, ints="same", of_bools="refuse"),
    "clamp_min": Oracle(np.maximum, bound_cases, ints="same", of_bools="refuse"),
    "clamp_max": Oracle(np.minimum, bound_cases, ints="same", of_bools="refuse"),
    "nan_to_num": Oracle(nan_to_num, nan_cases, ints="same"),
    "tan": of_one(np.tan, -1.4, 1.4, ints="float"),
    "sinc": of_one(sinc, -0.45, 0.45, ints="float", ulp=16),
    "logit": of_one(logit, 0.1, 0.9, ints="float", ulp=8, attrs=({}, {"eps": 0.2})),
    "logaddexp": Oracle(np.logaddexp, logaddexp_cases),
    "logaddexp2": Oracle(np.logaddexp2, logaddexp_cases, ulp=8),
    "special_entr": of_one(entr, 0.1, 3, ints="float", ulp=8),
    "special_ndtr": of_one(lambda x: 0.5 * erfc(-x * math.sqrt(0.5)), ints="float", ulp=8),
    "special_xlog1py": of_two(lambda x, y: x * np.log1p(y), 0.3, 3, ints="float"),
    "lgamma": of_one(lgamma, 2.5, 9, ints="float"),
    "lgamma_each": of_one(lgamma, 2.5, 9, large=True),
    "digamma": of_one(digamma, 2, 9, ints="float", ulp=32),
    "digamma_each": of_one(digamma, 2, 9, ulp=32, large=True),
    "special_polygamma": of_one(
        polygamma, 2, 9, ints="float", ulp=64, attrs=tuple({"n": n} for n in (0, 1, 3))
    ),
    "mvlgamma": of_one(mvlgamma, 3.5, 9, ints="float", ulp=32, attrs=({"p": 1}, {"p": 3})),
    "nextafter": of_two(np.nextafter, flat=True),
    "nextafter_each": Oracle(np.nextafter, lambda d: [Case((d(7), d(7)))], flat=True),
    "gcd": Oracle(np.gcd, integer_cases, flat=True),
    "gcd_each": Oracle(np.gcd, integer_cases, flat=True),
    "lcm": Oracle(np.lcm, integer_cases, flat=True),
    "lcm_each": Oracle(np.lcm, integer_cases, flat=True),
}
