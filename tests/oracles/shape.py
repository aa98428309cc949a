"""Views, copies and casts."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z


def slice_(x: Array, dim: int, start: Any = None, stop: Any = None, step: int = 1) -> Array:
    return np.moveaxis(np.moveaxis(x, dim, 0)[start:stop:step], 0, dim)


def slices() -> list[dict[str, Any]]:
    ends = [None, 0, 2, -1, 100, -100]
    made = [{"dim": 0, "start": a, "stop": b, "step": c} for a in ends for b in ends for c in (1, 2, -1, -3)]
    return [*made, {"dim": -1, "start": 1}, {"dim": 1, "step": 2}]


def slice_cases(d: Draw) -> list[Case]:
    made = [Case((d(*s),), a) for a in slices() for s in ((5, 3), (1, 4))]
    return [
        *made,
        Case((d(0, 3),), {"dim": 0, "step": -1}),
        Case((d(17),), {"dim": 0, "start": 3, "step": 5}),
    ]


def reshape_cases(d: Draw) -> list[Case]:
    pairs = [((), (1, 1)), ((0,), (3, 0)), ((6,), (2, -1)), ((4, 3), (3, 4)), ((1,), ()), ((2, 1, 9), (18,))]
    return [Case((d(*a),), {"shape": b}) for a, b in [*pairs, ((1000,), (8, 125)), ((5, 0), (0,))]]


def permute_cases(d: Draw) -> list[Case]:
    pairs = [((), ()), ((3,), (0,)), ((3, 4), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (-1, -3, -2))]
    return [Case((d(*a),), {"dims": b}) for a, b in [*pairs, ((0, 5, 1), (1, 2, 0))]]


def transpose_cases(d: Draw) -> list[Case]:
    triples = [
        ((3, 4), 0, 1),
        ((2, 3, 4), -1, 0),
        ((2, 3, 4), 1, 1),
        ((0, 5), 1, 0),
        ((17, 1), 0, 1),
        ((3,), 0, -1),
    ]
    return [Case((d(*a),), {"dim0": i, "dim1": j}) for a, i, j in triples]


def expand(x: Array, size: tuple[int, ...]) -> Array:
    skip = len(size) - x.ndim
    full = [x.shape[i - skip] if n == -1 else n for i, n in enumerate(size)]
    return np.broadcast_to(x, full)


def expand_cases(d: Draw) -> list[Case]:
    pairs = [
        ((), (3, 2)),
        ((1,), (17,)),
        ((3, 1), (3, 4)),
        ((3, 1), (2, -1, 5)),
        ((1, 4), (0, 4)),
        ((5,), (5,)),
    ]
    return [Case((d(*a),), {"size": b}) for a, b in pairs]


def copies(d: Draw) -> list[Case]:
    shapes = [(), (0,), (1,), (17,), (4, 5), (0, 3), (33, 31), (2, 3, 4)]
    return [*(Case((d(*s),)) for s in shapes), Case((d(600, 501),), {}, large=True)]


def cast_cases(d: Draw) -> list[Case]:
    made = [Case((d(*s),), {"dtype": "float64"}) for s in ((), (0,), (17,), (4, 5))]
    names = ("float32", "int32", "int64", "bool")
    made += [
        Case((d(*s, low=-9, high=9),), {"dtype": t}, smooth=False) for t in names for s in ((17,), (3, 5))
    ]
    return [*made, Case((d(600, 501),), {"dtype": "float64"}, large=True)]


ORACLES: dict[str, Oracle] = {
    "contiguous": Oracle(lambda x: x, copies, ints="same"),
    "detach": Oracle(lambda x: x, copies, ints="same"),
    "cast": Oracle(
        lambda x, dtype: x.astype(dtype),
        cast_cases,
        ints="same",
        wrong=[Wrong((Z(3),), {"dtype": "float8"}, "TypeError"), Wrong((Z(3),), {"dtype": 3}, "TypeError")],
    ),
    "bitcast": Oracle(
        lambda x, dtype: x.view(dtype),
        lambda d: [Case((np.arange(-8, 9),), {"dtype": "int64"}, smooth=False)],
        ints="same",
        wrong=[Wrong((np.arange(3),), {"dtype": "int32"}, "DTypeError", ("int64", "int32"))],
    ),
    "resplit": Oracle(
        lambda x, dtype: x.view(dtype),
        lambda d: [
            Case((np.arange(8).reshape(2, 4),), {"dtype": t}, smooth=False) for t in ("int32", "uint8")
        ],
        ints="same",
        wrong=[Wrong((Z((2, 3), np.int32),), {"dtype": "int64"}, "ShapeError", ("int32", "int64"))],
    ),
    "reshape": Oracle(
        lambda x, shape: x.reshape(shape),
        reshape_cases,
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"shape": (4,)}, "ShapeError", ("(2, 3)", "(4,)")),
            Wrong((Z((2, 3)),), {"shape": (-1, -1)}, "ShapeError", ("(-1, -1)",)),
            Wrong((Z((2, 3)),), {"shape": (-1, 4)}, "ShapeError", ("(2, 3)", "(-1, 4)")),
            Wrong((Z((2, 3)),), {"shape": (-2, 3)}, "ShapeError", ("(-2, 3)",)),
            Wrong((Z((0, 3)),), {"shape": (-1, 0)}, "ShapeError", ("(0, 3)",)),
            Wrong((Z(1),), {"shape": (2**62, 2**62)}, "ShapeError"),
            Wrong((Z(1),), {"shape": (1,) * 9}, "ShapeError"),
        ],
    ),
    "permute": Oracle(
        lambda x, dims: np.transpose(x, [a % x.ndim for a in dims] if dims else None),
        permute_cases,
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"dims": (0,)}, "ShapeError", ("(2, 3)", "(0,)")),
            Wrong((Z((2, 3)),), {"dims": (0, 0)}, "ShapeError", ("(0, 0)",)),
            Wrong((Z((2, 3)),), {"dims": (0, -2)}, "ShapeError", ("(0, -2)",)),
            Wrong((Z((2, 3)),), {"dims": (0, 2)}, "IndexError", ("2",)),
        ],
    ),
    "transpose": Oracle(
        lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1),
        transpose_cases,
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"dim0": 0, "dim1": 2}, "IndexError", ("2",)),
            Wrong((Z(()),), {"dim0": 0, "dim1": 1}, "IndexError", ("1",)),
        ],
    ),
    "expand": Oracle(
        expand,
        expand_cases,
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"size": (3,)}, "ShapeError", ("(2, 3)", "(3,)")),
            Wrong((Z((2, 3)),), {"size": (2, 4)}, "ShapeError", ("(2, 3)", "(2, 4)")),
            Wrong((Z((2,)),), {"size": (-1, 2)}, "ShapeError", ("(2,)", "(-1, 2)")),
            Wrong((Z(1),), {"size": (2**62, 2**62)}, "ShapeError"),
        ],
    ),
    "slice": Oracle(
        slice_,
        slice_cases,
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",)),
            Wrong((Z(()),), {"dim": 0}, "IndexError"),
            Wrong((Z((2, 3)),), {"dim": 0, "step": 0}, "ValueError", ("0",)),
        ],
    ),
}
