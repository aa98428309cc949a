"""Running products and extremes, and the recurrence of which their derivatives are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z

SHAPES: list[tuple[tuple[int, ...], int]] = [
    ((), 0),
    ((1,), 0),
    ((7,), -1),
    ((3, 5), 0),
    ((9, 4, 2), 1),
    ((0,), 0),
    ((0, 3), 1),
]
LARGE = [((30_001,), 0), ((300, 201), 0), ((30, 40, 101), 1)]
WRONG = [Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",))]


def cases(low: float = -2, high: float = 2, large: bool = True, **attrs: Any) -> Callable[[Draw], list[Case]]:
    def made(d: Draw) -> list[Case]:
        some = [Case((d(*s, low=low, high=high),), {"dim": a} | attrs, smooth=0 not in s) for s, a in SHAPES]
        return some + [Case((d(*s, low=0.9, high=1.1),), {"dim": a}, large=True) for s, a in LARGE if large]

    return made


def cumprod(x: Array, dim: int, reverse: bool = False) -> Array:
    if x.ndim == 0:
        return x
    return np.flip(np.cumprod(np.flip(x, dim), dim), dim) if reverse else np.cumprod(x, dim)


def cumprods(d: Draw) -> list[Case]:
    x = d(3, 5)
    x[0, 2] = x[1, 1] = x[1, 3] = 0  # where the others' product is no quotient
    return [*cases()(d), Case((x,), {"dim": 1}), Case((d(3, 4),), {"dim": 0, "reverse": True})]


def prod(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    return np.asarray(np.prod(x, axis=dim, keepdims=keepdim))


def prods(d: Draw) -> list[Case]:
    x = d(3, 5)
    x[0, 2] = x[1, 1] = x[1, 3] = 0
    some = [
        Case((c.inputs[0],), c.attrs | {"keepdim": k}, c.large, c.smooth)
        for c in cases()(d)
        for k in (False, True)
    ]
    return [*some, Case((d(3, 4),)), Case((x,), {"dim": 1}), Case((d(40),)), Case((Z((0, 2)),), smooth=False)]


def scan(a: Array, b: Array, dim: int, reverse: bool) -> Array:
    if a.ndim == 0:
        return b
    a, b = (np.moveaxis(t, dim, 0)[:: -1 if reverse else 1] for t in (a, b))
    h, out = np.zeros_like(b[:1].sum(0)), []
    for x, y in zip(a, b, strict=True):
        h = x * h + y
        out.append(h)
    made = np.stack(out) if out else b
    return np.moveaxis(made[:: -1 if reverse else 1], 0, dim)


def scans(d: Draw) -> list[Case]:
    some = [
        Case((d(*s), d(*s)), {"dim": a % max(len(s), 1), "reverse": r}, smooth=0 not in s)
        for s, a in SHAPES
        for r in (False, True)
    ]
    return some + [
        Case((d(*s, low=-0.9, high=0.9), d(*s)), {"dim": a, "reverse": False}, large=True) for s, a in LARGE
    ]


def places(fn: Any) -> Callable[..., Array]:
    def value(x: Array, dim: int) -> Array:
        if x.ndim == 0:
            return np.zeros((), np.int64)
        y = np.moveaxis(x, dim, 0)
        at = np.zeros(y.shape, np.int64)
        for k in range(1, len(y)):
            best = np.take_along_axis(y, at[k - 1 : k], 0)[0]
            at[k] = np.where(fn(y[k], best), k, at[k - 1])
        return np.moveaxis(at, 0, dim)

    return value


def running(fn: Any) -> Callable[..., tuple[Array, Array]]:
    def value(x: Array, dim: int) -> tuple[Array, Array]:
        at = places(fn)(x, dim)
        return (np.take_along_axis(x, at, dim) if x.ndim else x), at

    return value


def logcumsumexp(x: Array, dim: int) -> Array:
    return np.logaddexp.accumulate(x, dim) if x.ndim else x


ORACLES: dict[str, Oracle] = {
    "cumprod": Oracle(cumprod, cumprods, ints="int64", ulp=4000, wrong=WRONG),
    "prod": Oracle(prod, prods, ints="int64", ulp=4000, wrong=WRONG),
    "scan": Oracle(
        scan,
        scans,
        ulp=4000,
        wrong=[
            Wrong((Z(2), Z(3)), {"dim": 0, "reverse": False}, "ShapeError", ("(2,)", "(3,)")),
            Wrong((Z(2), np.zeros(2, np.int64)), {"dim": 0, "reverse": False}, "DTypeError", ("int64",)),
        ],
    ),
    "cummax_index": Oracle(places(np.greater_equal), cases(), ints="int64", wrong=WRONG),
    "cummin_index": Oracle(places(np.less_equal), cases(), ints="int64", wrong=WRONG),
    "cummax": Oracle(running(np.greater_equal), cases(large=False), ints="same", ulp=0, wrong=WRONG),
    "cummin": Oracle(running(np.less_equal), cases(large=False), ints="same", ulp=0, wrong=WRONG),
    "logcumsumexp": Oracle(logcumsumexp, cases(-9, 9, large=False), ints="float", ulp=64, wrong=WRONG),
}
