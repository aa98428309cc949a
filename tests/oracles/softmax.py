"""Softmax and its logarithm."""

from __future__ import annotations

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z


def log_softmax(x: Array, dim: int = -1) -> Array:
    below = x - x.max(axis=dim, keepdims=True) if x.size else x
    return np.asarray(below - np.log(np.exp(below).sum(axis=dim, keepdims=True)))


def softmax(x: Array, dim: int = -1) -> Array:
    return np.exp(log_softmax(x, dim))


def softmax_rows_backward(g: Array, y: Array) -> Array:
    return y * (g - (g * y).sum(axis=-1, keepdims=True))


def log_softmax_rows_backward(g: Array, y: Array) -> Array:
    return g - np.exp(y) * g.sum(axis=-1, keepdims=True)


ROWS = ((1,), (5,), (3, 4), (0, 3), (3, 0), (2, 3, 17), (33, 10))


def softmax_cases(d: Draw) -> list[Case]:
    dims = [
        ((5,), 0),
        ((3, 4), 0),
        ((3, 4), -1),
        ((2, 3, 17), 1),
        ((2, 3, 17), -3),
        ((0, 3), 0),
        ((33, 10), 1),
    ]
    large = [((900, 301), 1), ((900, 301), 0)]
    made = [Case((d(*s),), {"dim": a}) for s, a in dims]
    return made + [Case((d(*s),), {"dim": a}, large=True) for s, a in large]


def softmax_rows_cases(d: Draw) -> list[Case]:
    return [*(Case((d(*s),)) for s in ROWS), Case((d(900, 301),), large=True)]


def softmax_rows_backward_cases(d: Draw) -> list[Case]:
    return [
        *(Case((d(*s), d(*s, low=-2, high=0))) for s in ROWS),
        Case((d(900, 301), d(900, 301)), large=True),
    ]


ORACLES: dict[str, Oracle] = {
    **{
        name: Oracle(
            fn,
            softmax_cases,
            ulp=16,
            wrong=[
                Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",)),
                Wrong((Z(()),), {"dim": 1}, "IndexError", ("1",)),
            ],
        )
        for name, fn in (("softmax", softmax), ("log_softmax", log_softmax))
    },
    **{
        name: Oracle(fn, softmax_rows_cases, ulp=16, wrong=[Wrong((Z(()),), {}, "ShapeError", ("()",))])
        for name, fn in (("softmax_rows", softmax), ("log_softmax_rows", log_softmax))
    },
    **{
        name: Oracle(
            fn,
            softmax_rows_backward_cases,
            ulp=32,
            wrong=[
                Wrong((Z((2, 3)), Z((2, 4))), {}, "ShapeError", ("(2, 3)", "(2, 4)")),
                Wrong((Z((2, 3)), Z((2, 3), np.float32)), {}, "DTypeError", ("float32", "float64")),
            ],
        )
        for name, fn in (
            ("softmax_rows_backward", softmax_rows_backward),
            ("log_softmax_rows_backward", log_softmax_rows_backward),
        )
    },
}
