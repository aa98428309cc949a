"""Rows by index."""

from __future__ import annotations

import numpy as np

from oracles.base import Array, Case, Draw, I, Oracle, Wrong, Z


def index_rows_backward(g: Array, index: Array, rows: int) -> Array:
    out = np.zeros((rows, *g.shape[index.ndim :]))
    np.add.at(out, index, g)
    return out


def index_rows_cases(d: Draw) -> list[Case]:
    sizes = [((5, 3), (4,)), ((5,), ()), ((5, 2), (2, 3)), ((5, 2, 2), (0,)), ((1, 3), (17,)), ((4, 0), (3,))]
    made = [Case((d(*x), d.index(*i, below=x[0]))) for x, i in sizes]
    return [
        *made,
        Case((d(0, 3), d.index(0, below=1))),
        Case((d(50, 61), d.index(9000, below=50)), large=True),
    ]


def index_rows_backward_cases(d: Draw) -> list[Case]:
    sizes = [
        ((4,), (3,), 5),
        ((), (), 5),
        ((2, 3), (2,), 4),
        ((0,), (3,), 2),
        ((17,), (1,), 1),
        ((3,), (0,), 2),
    ]
    made = [Case((d(*i, *row), d.index(*i, below=n)), {"rows": n}) for i, row, n in sizes]
    return [*made, Case((d(9000, 61), d.index(9000, below=50)), {"rows": 50}, large=True)]


ORACLES: dict[str, Oracle] = {
    "index_rows": Oracle(
        lambda x, index: x[index],
        index_rows_cases,
        ints="same",
        wrong=[
            Wrong((Z(()), Z(2, I)), {}, "ShapeError"),
            Wrong((Z(3), Z(2)), {}, "DTypeError", ("float64", "int64")),
            Wrong((Z(3), Z(2, np.int32)), {}, "DTypeError", ("int32", "int64")),
            Wrong((Z((3, 2)), np.array([0, 3])), {}, "IndexError", ("3", "(3, 2)")),
            Wrong((Z((3, 2)), np.array([0, -1])), {}, "IndexError", ("-1", "(3, 2)")),
            Wrong((Z((3, 2)), np.array([2**62])), {}, "IndexError", ("(3, 2)",)),
            Wrong((Z((0, 2)), np.array([0])), {}, "IndexError", ("(0, 2)",)),
        ],
    ),
    "valid_rows": Oracle(
        lambda index, rows: index,
        lambda d: [Case((d.index(*s, below=5),), {"rows": 5}) for s in ((), (0,), (17,), (2, 3))],
        wrong=[
            Wrong((Z(2),), {"rows": 4}, "DTypeError", ("float64", "int64")),
            Wrong((np.array([0, 4]),), {"rows": 4}, "IndexError", ("4", "0 to 3")),
            Wrong((np.array([0, -1]),), {"rows": 4}, "IndexError", ("-1",)),
        ],
    ),
    "index_rows_backward": Oracle(
        index_rows_backward,
        index_rows_backward_cases,
        ulp=32,
        wrong=[
            Wrong((Z((2, 3)), Z(3, I)), {"rows": 4}, "ShapeError", ("(2, 3)", "(3,)")),
            Wrong((Z((2, 3)), Z(2, I)), {"rows": -1}, "ShapeError"),
            Wrong((Z((2, 3)), Z(2)), {"rows": 4}, "DTypeError", ("float64", "int64")),
            Wrong((Z((2, 3)), np.array([0, 4])), {"rows": 4}, "IndexError", ("4",)),
            Wrong((Z((2, 3)), np.array([0, -1])), {"rows": 4}, "IndexError", ("-1",)),
        ],
    ),
}
