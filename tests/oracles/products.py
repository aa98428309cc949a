"""Products that are compositions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z


def drawn(
    *sizes: Sequence[tuple[int, ...]], attrs: Sequence[dict[str, Any]] = ()
) -> Callable[[Draw], list[Case]]:
    """Cases of these shapes; the first one with each of the attributes besides."""

    def cases(d: Draw) -> list[Case]:
        made = [Case(tuple(d(*s) for s in shapes)) for shapes in sizes]
        return made + [Case(tuple(d(*s) for s in sizes[0]), a) for a in attrs]

    return cases


SCALES = ({"beta": 3.0, "alpha": -2.0}, {"beta": 0.0})


def added(product: Callable[..., Array]) -> Callable[..., Array]:
    def value(x: Array, a: Array, b: Array, beta: float = 1.0, alpha: float = 1.0) -> Array:
        return np.asarray(beta * x + alpha * product(a, b))

    return value


def outer(a: Array, b: Array) -> Array:
    return a[:, None] * b


def bilinear(x: Array, y: Array, w: Array, bias: Array | None = None) -> Array:
    z = np.einsum("...i,oij,...j->...o", x, w, y)
    return z if bias is None else z + bias


def cross(a: Array, b: Array, dim: int | None = None) -> Array:
    axis = (
        next(d for d, n in enumerate(np.broadcast_shapes(a.shape, b.shape)) if n == 3) if dim is None else dim
    )
    return np.cross(a, b, axis=axis)


def einsum(*operands: Array, labels: list[int], out: list[int]) -> Array:
    given: list[Any] = []
    at = 0
    for x in operands:
        given += [x, labels[at : at + x.ndim]]
        at += x.ndim
    return np.einsum(*given, out)


def einsum_cases(d: Draw) -> list[Case]:
    sizes: list[tuple[list[tuple[int, ...]], list[int], list[int]]] = [
        ([(3, 4), (4, 5)], [0, 1, 1, 2], [2, 0]),
        ([(2, 3, 4), (2, 4, 5)], [0, 1, 2, 0, 2, 3], [0, 1, 3]),
        ([(2, 3, 4, 5), (3, 5, 6)], [0, 1, 2, 3, 1, 3, 4], [4, 2, 0, 1]),
        ([(3, 3)], [0, 0], []),
        ([(2, 3, 2, 3)], [0, 1, 0, 1], [1, 0]),
        ([(3,), (4,)], [0, 1], [1, 0]),
        ([(3, 4), (4, 5), (5, 2), (2,)], [0, 1, 1, 2, 2, 3, 3], [0]),
        ([(3, 4), (3, 4)], [0, 1, 0, 1], []),
        ([(2, 0), (0, 3)], [0, 1, 1, 2], [0, 2]),
        ([(), (2, 3)], [0, 1], [1]),
    ]
    return [
        Case(tuple(d(*s) for s in shapes), {"labels": labels, "out": out}) for shapes, labels, out in sizes
    ]


I = np.int64  # noqa: E741
ORACLES: dict[str, Oracle] = {
    "mm": Oracle(
        np.matmul,
        drawn([(3, 4), (4, 5)], [(3, 0), (0, 2)]),
        ints="same",
        of_bools="refuse",
        ulp=32,
        wrong=[
            Wrong(
                (Z((2, 3)), Z((2, 3))),
                {},
                "ShapeError",
                ("input is (2, 3), mat2 is (2, 3)", "3 and 2 differ"),
            ),
            Wrong((Z((2, 3)), Z(3)), {}, "ShapeError", ("mat2 is (3,)", "a matrix")),
        ],
    ),
    "bmm": Oracle(
        np.matmul,
        drawn([(2, 3, 4), (2, 4, 5)], [(0, 3, 4), (0, 4, 5)]),
        ints="same",
        of_bools="refuse",
        ulp=32,
        wrong=[
            Wrong((Z((2, 3, 4)), Z((1, 4, 3))), {}, "ShapeError", ("(1, 4, 3)", "2 and 1 matrices")),
            Wrong((Z((3, 4)), Z((4, 3))), {}, "ShapeError", ("(3, 4)",)),
        ],
    ),
    "mv": Oracle(np.matmul, drawn([(3, 4), (4,)]), ints="same", of_bools="refuse", ulp=32),
    "dot": Oracle(
        np.dot,
        drawn([(5,), (5,)], [(0,), (0,)]),
        ints="same",
        of_bools="refuse",
        ulp=32,
        wrong=[Wrong((Z(2), Z(3)), {}, "ShapeError", ("input is (2,), tensor is (3,)",))],
    ),
    "vdot": Oracle(np.dot, drawn([(5,), (5,)]), ints="same", of_bools="refuse", ulp=32),
    "inner": Oracle(
        np.inner,
        drawn([(2, 3, 4), (5, 4)], [(4,), (4,)]),
        ints="same",
        of_bools="refuse",
        ulp=32,
        wrong=[Wrong((Z((2, 3)), Z(2)), {}, "ShapeError", ("3 and 2 differ",))],
    ),
    "outer": Oracle(
        outer,
        drawn([(3,), (4,)], [(0,), (2,)]),
        ints="same",
        wrong=[Wrong((Z((2, 3)), Z(2)), {}, "ShapeError", ("input is (2, 3)", "a vector"))],
    ),
    "addmm": Oracle(
        added(np.matmul),
        drawn([(3, 5), (3, 4), (4, 5)], [(5,), (3, 4), (4, 5)], attrs=SCALES[1:]),
        ints="same",
        of_bools="refuse",
        ulp=32,
        wrong=[
            Wrong((Z((2, 2)), Z((3, 4)), Z((4, 5))), {}, "ShapeError", ("input is (2, 2)", "(3, 5)")),
            Wrong((Z((3, 5)), Z((3, 4)), Z((3, 5))), {}, "ShapeError", ("mat1 is (3, 4), mat2 is (3, 5)",)),
            Wrong(
                (Z(2, I), Z((2, 2), I), Z((2, 2), I)), {"alpha": 0.5}, "DTypeError", ("alpha is 0.5", "int64")
            ),
        ],
    ),
    "addmv": Oracle(
        added(np.matmul),
        drawn([(3,), (3, 4), (4,)], [(), (3, 4), (4,)]),
        ints="same",
        of_bools="refuse",
        ulp=32,
    ),
    "addr": Oracle(added(outer), drawn([(3, 4), (3,), (4,)], attrs=SCALES[1:]), ints="same"),
    "baddbmm": Oracle(
        added(np.matmul),
        drawn([(2, 3, 5), (2, 3, 4), (2, 4, 5)], [(3, 5), (2, 3, 4), (2, 4, 5)], attrs=SCALES),
        ints="same",
        of_bools="refuse",
        ulp=32,
    ),
    "addbmm": Oracle(
        added(lambda a, b: np.matmul(a, b).sum(0)),
        drawn([(3, 5), (2, 3, 4), (2, 4, 5)], [(1,), (2, 3, 4), (2, 4, 5)]),
        of_bools="refuse",
        ints="same",
        ulp=32,
    ),
    "bilinear": Oracle(
        bilinear,
        drawn([(6, 3), (6, 4), (5, 3, 4), (5,)], [(3,), (4,), (5, 3, 4)], [(2, 2, 3), (2, 2, 4), (1, 3, 4)]),
        ints="same",
        of_bools="refuse",
        ulp=64,
        wrong=[
            Wrong((Z((2, 3)), Z((2, 4)), Z((5, 4, 3))), {}, "ShapeError", ("weight must be (out, 3, 4)",)),
            Wrong((Z((2, 3)), Z((3, 4)), Z((5, 3, 4))), {}, "ShapeError", ("(2, 3)", "(3, 4)")),
        ],
    ),
    "trace": Oracle(
        np.trace,
        drawn([(3, 3)], [(2, 5)], [(5, 2)], [(0, 3)]),
        ints="int64",
        wrong=[Wrong((Z(3),), {}, "ShapeError", ("(3,)", "a matrix"))],
    ),
    "kron": Oracle(
        np.kron,
        drawn([(2, 3), (4, 1)], [(3,), (2, 2)], [(), (2, 3)], [(2, 1, 3), (2, 2)]),
        ints="same",
        wrong=[Wrong((Z((1,) * 5), Z(1)), {}, "ShapeError", ("at most 4 axes",))],
    ),
    "cross": Oracle(
        cross,
        drawn([(4, 3), (4, 3)], [(3, 3), (3, 3)], [(1, 3, 2), (4, 3, 1)], attrs=({"dim": -1},)),
        ints="same",
        of_bools="refuse",
        wrong=[
            Wrong((Z((2, 4)), Z((2, 4))), {}, "ShapeError", ("no axis has size 3",)),
            Wrong((Z((2, 3)), Z(3)), {}, "ShapeError", ("(2, 3)", "(3,)")),
            Wrong((Z((3, 2)), Z((3, 2))), {"dim": 1}, "ShapeError", ("axis 1",)),
        ],
    ),
    "einsum": Oracle(
        einsum,
        einsum_cases,
        ints="same",
        of_bools="refuse",
        ulp=1024,
        wrong=[
            Wrong(
                (Z((2, 3)), Z((4, 5))),
                {"labels": [0, 1, 1, 2], "out": [0, 2]},
                "ShapeError",
                ("(4, 5)", "size 3"),
            ),
            Wrong((Z((2, 3)),), {"labels": [0, 1], "out": [2]}, "ValueError", ("in no operand",)),
            Wrong((Z((2, 3)),), {"labels": [0, 1], "out": [0, 0]}, "ValueError", ("twice",)),
            Wrong((Z((2, 3)),), {"labels": [0], "out": [0]}, "ValueError", ("fewer labels",)),
            Wrong((Z(2),), {"labels": [0, 1], "out": [0]}, "ValueError", ("more labels",)),
            Wrong(
                (Z(2), Z(2, np.float32)), {"labels": [0, 0], "out": []}, "DTypeError", ("float64", "float32")
            ),
        ],
    ),
}
