"""Products of matrices."""

from __future__ import annotations

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z


def matmul_cases(d: Draw) -> list[Case]:
    sizes = [
        ((3, 4), (4, 5)),
        ((4,), (4,)),
        ((4,), (4, 5)),
        ((3, 4), (4,)),
        ((1, 1), (1, 1)),
        ((17, 33), (33, 9)),
    ]
    sizes += [((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (3, 4, 2)), ((4,), (2, 4, 3))]
    sizes += [((2, 3, 4), (4,)), ((0, 4), (4, 5)), ((3, 0), (0, 5)), ((3, 4), (4, 0)), ((0, 3, 4), (4, 2))]
    sizes += [((65, 64), (64, 63)), ((1, 100), (100, 37)), ((3, 5000), (5000, 2)), ((8, 16), (16, 48))]
    large = [
        ((257, 129), (129, 130)),
        ((3, 700), (700, 1000)),
        ((6, 50, 60), (60, 70)),
        ((200, 5000), (5000, 2)),
    ]
    return [*(Case((d(*a), d(*b))) for a, b in sizes), *(Case((d(*a), d(*b)), large=True) for a, b in large)]


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    y = x @ weight.T
    return y if bias is None else y + bias


def linear_cases(d: Draw) -> list[Case]:
    sizes = [
        ((2, 3), 4),
        ((3,), 4),
        ((2, 2, 3), 1),
        ((0, 3), 4),
        ((3, 0), 4),
        ((3, 4), 0),
        ((17, 65), 33),
        ((1, 64), 10),
    ]
    large = [((256, 300), 130), ((3, 900), 1000)]
    made = []
    for x, out in sizes + large:
        case = (d(*x), d(out, x[-1]), d(out))
        is_large = (x, out) in large
        made += [Case(case, large=is_large), Case(case[:2], large=is_large)]
    return made


ORACLES: dict[str, Oracle] = {
    "matmul": Oracle(
        np.matmul,
        matmul_cases,
        ints="same",
        of_bools="refuse",
        ulp=32,
        wrong=[
            Wrong((Z((2, 3)), Z((2, 3))), {}, "ShapeError", ("(2, 3)",)),
            Wrong((Z((2, 3)), Z(2)), {}, "ShapeError", ("(2, 3)", "(2,)")),
            Wrong((Z(()), Z(2)), {}, "ShapeError", ("()", "(2,)")),
            Wrong((Z((2, 1, 3)), Z((3, 3, 1))), {}, "ShapeError", ("(2, 1, 3)", "(3, 3, 1)")),
            Wrong((Z((2, 3)), Z((3, 2), np.float32)), {}, "DTypeError", ("float64", "float32")),
        ],
    ),
    "linear": Oracle(
        linear,
        linear_cases,
        ulp=32,
        wrong=[
            Wrong((Z((2, 3)), Z((4, 2))), {}, "ShapeError", ("(2, 3)", "(4, 2)")),
            Wrong((Z(()), Z((4, 2))), {}, "ShapeError", ("()", "(4, 2)")),
            Wrong((Z((2, 3)), Z(3)), {}, "ShapeError", ("(2, 3)", "(3,)")),
            Wrong((Z((2, 3)), Z((4, 3)), Z(3)), {}, "ShapeError", ("(4, 3)", "(3,)")),
            Wrong((Z((2, 3)), Z((4, 3)), Z((4, 1))), {}, "ShapeError", ("(4, 3)", "(4, 1)")),
            Wrong((Z((2, 3)), Z((4, 3), np.float32)), {}, "DTypeError", ("float64", "float32")),
        ],
    ),
}
