"""Joining tensors, and taking them apart: any number of inputs or of outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z

Shape = tuple[int, ...]


def cat(*tensors: Array, dim: int = 0) -> Array:
    axes = max(t.ndim for t in tensors)
    return np.concatenate([t for t in tensors if t.ndim == axes], dim)  # others are empty vectors


def join(*tensors: Array, dim: int, stacked: bool) -> Array:
    return np.stack(tensors, dim) if stacked else np.concatenate(tensors, dim)


def split(x: Array, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Array, ...]:
    size, n = split_size_or_sections, x.shape[dim]
    ends = np.cumsum(size)[:-1] if isinstance(size, Sequence) else range(size, n, size) if n else []
    return tuple(np.split(x, ends, dim))


def chunk(x: Array, chunks: int, dim: int = 0) -> tuple[Array, ...]:
    n = x.shape[dim]
    return split(x, -(-n // chunks), dim) if n else (x,) * chunks


def unbind(x: Array, dim: int = 0) -> tuple[Array, ...]:
    return tuple(np.moveaxis(x, dim, 0))


def narrow(x: Array, dim: int, start: int, length: int) -> Array:
    return np.take(x, np.arange(length) + start + (x.shape[dim] if start < 0 else 0), dim)


def add_slices(*tensors: Array, shape: Shape, slices: Sequence[int]) -> Array:
    out = np.zeros(shape)
    for t, (dim, start, step, count) in zip(tensors, np.reshape(slices, (-1, 4)), strict=True):
        np.moveaxis(out, dim, 0)[start + step * np.arange(count)] += np.moveaxis(t, dim, 0)
    return out


def many(d: Draw, dim: int, sizes: Sequence[int], rest: Shape) -> tuple[Array, ...]:
    """Tensors that fit each other along an axis."""
    axis = dim % (len(rest) + 1)
    return tuple(d(*rest[:axis], n, *rest[axis:]) for n in sizes)


def cat_cases(d: Draw) -> list[Case]:
    rows: list[tuple[int, tuple[int, ...], Shape]] = [
        (0, (3,), ()),
        (0, (2, 0, 5), ()),
        (0, (1, 4), (3,)),
        (1, (2, 1, 3), (5,)),
        (-1, (7, 9), (2, 3)),
        (1, (1,) * 12, (2, 2)),
        (0, (0, 0), (3,)),
    ]
    made = [Case(many(d, dim, sizes, rest), {"dim": dim}) for dim, sizes, rest in rows]
    return [
        *made,
        Case((d(0), d(2, 3), d(0))),
        Case(many(d, 0, (300, 301), (501,)), large=True),
        Case(many(d, 1, (250, 251), (601,)), {"dim": 1}, large=True),
    ]


def stack_cases(d: Draw) -> list[Case]:
    rows: list[tuple[int, int, Shape]] = [
        (0, 3, ()),
        (0, 2, (5,)),
        (1, 4, (3,)),
        (-1, 3, (2, 3)),
        (-2, 1, (4,)),
    ]
    made = [Case(tuple(d(*shape) for _ in range(n)), {"dim": dim}) for dim, n, shape in rows]
    large = Case(tuple(d(200, 500) for _ in range(3)), {"dim": 1}, large=True)
    return [*made, Case((d(0, 3), d(0, 3))), large]


def join_cases(d: Draw) -> list[Case]:
    """Those of `cat` and `stack` but for what these make of their arguments."""
    made = [(c, stacked) for stacked, cases in ((False, cat_cases(d)), (True, stack_cases(d))) for c in cases]
    return [
        Case(c.inputs, {"dim": dim, "stacked": stacked}, large=c.large)
        for c, stacked in made
        if (dim := c.attrs.get("dim", 0)) >= 0 and len({x.ndim for x in c.inputs}) == 1
    ]


def parts_cases(d: Draw, *attrs: dict[str, Any]) -> list[Case]:
    made = [Case((d(*shape),), a) for a in attrs for shape in ((6, 4), (7, 1), (5, 3, 2))]
    return [*made, Case((d(0, 3),), attrs[0]), Case((d(17),), attrs[0])]


def sections(sizes: Sequence[int], dim: int, *rest: int) -> tuple[Shape, dict[str, Any]]:
    axis = dim % (len(rest) + 1)
    return (*rest[:axis], sum(sizes), *rest[axis:]), {"split_size_or_sections": list(sizes), "dim": dim}


def split_cases(d: Draw) -> list[Case]:
    rows = [
        sections((2, 0, 3), 0),
        sections((1, 4), 1, 3),
        sections((5,), -1, 2, 2),
        sections((0, 2, 2), 0, 3),
    ]
    return [
        *(Case((d(*shape),), a) for shape, a in rows),
        *parts_cases(d, {"split_size_or_sections": 2}, {"split_size_or_sections": 3, "dim": 1}),
    ]


def slices_cases(d: Draw) -> list[Case]:
    rows: list[tuple[Shape, list[int]]] = [
        ((6,), [0, 1, 2, 3]),
        ((6,), [0, 5, -1, 6, 0, 0, 1, 2]),
        ((5, 4), [0, 3, -3, 2, 1, 1, 2, 2, 0, 0, 1, 5]),
        ((3, 2, 4), [2, 3, -1, 2, 1, 0, 1, 1, 0, 2, 1, 1]),
        ((3, 0), [0, 1, 1, 2]),
        ((4, 2), [0, 0, 1, 0]),
        ((700, 400), [0, 10, 2, 300, 1, 399, -1, 200, 0, 0, 1, 700]),
    ]
    made = []
    for shape, slices in rows:
        sizes = [(*shape[:dim], count, *shape[dim + 1 :]) for dim, _, _, count in np.reshape(slices, (-1, 4))]
        tensors = tuple(d(*size) for size in sizes)
        made.append(Case(tensors, {"shape": shape, "slices": slices}, large=shape[0] > 100))
    return made


def cases_of(*rows: tuple[Shape, dict[str, int]]) -> Any:
    return lambda d: [Case((d(*shape),), attrs) for shape, attrs in rows]


ORACLES: dict[str, Oracle] = {
    "cat": Oracle(
        cat,
        cat_cases,
        ints="same",
        wrong=[
            Wrong((Z((2, 3)), Z((2, 4))), {}, "ShapeError", ("(2, 3)", "(2, 4)")),
            Wrong((Z(2), Z(())), {}, "ShapeError"),
            Wrong((Z(2),), {"dim": 1}, "IndexError", ("1",)),
            Wrong((), {}, "ValueError", ("empty",)),
        ],
    ),
    "stack": Oracle(
        lambda *tensors, dim=0: np.stack(tensors, dim),
        stack_cases,
        ints="same",
        wrong=[
            Wrong((Z(2), Z(3)), {}, "ShapeError", ("(2,)", "(3,)")),
            Wrong((Z(2),), {"dim": 2}, "IndexError", ("2",)),
        ],
    ),
    "join": Oracle(
        join,
        join_cases,
        ints="same",
        wrong=[
            Wrong((Z((2, 3)), Z((2, 4))), {"dim": 0, "stacked": False}, "ShapeError", ("(2, 3)", "(2, 4)")),
            Wrong((Z(2), Z(2, int)), {"dim": 0, "stacked": True}, "DTypeError", ("float64", "int64")),
        ],
    ),
    "split": Oracle(
        split,
        split_cases,
        ints="same",
        wrong=[
            Wrong((Z(5),), {"split_size_or_sections": [2, 2]}, "ValueError", ("5",)),
            Wrong((Z(5),), {"split_size_or_sections": 0}, "ValueError", ("0",)),
            Wrong((Z(()),), {"split_size_or_sections": 1}, "ShapeError"),
        ],
    ),
    "chunk": Oracle(
        chunk,
        lambda d: parts_cases(d, {"chunks": 2}, {"chunks": 4, "dim": 1}, {"chunks": 9, "dim": -1}),
        ints="same",
        wrong=[
            Wrong((Z(5),), {"chunks": 0}, "ValueError", ("0",)),
            Wrong((Z(0),), {"chunks": 2**40}, "ValueError", ("parts are too many",)),
        ],
    ),
    "unbind": Oracle(
        unbind,
        cases_of(((3,), {"dim": 0}), ((2, 3), {"dim": 1}), ((0, 2), {"dim": -1}), ((2, 3, 4), {"dim": 1})),
        ints="same",
        wrong=[Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",))],
    ),
    "select": Oracle(
        lambda x, dim, index: np.take(x, index, dim),
        cases_of(
            ((3,), {"dim": 0, "index": 1}),
            ((2, 3), {"dim": 1, "index": -1}),
            ((0, 2), {"dim": -1, "index": 0}),
            ((2, 3, 4), {"dim": 1, "index": 2}),
        ),
        ints="same",
        wrong=[Wrong((Z(5),), {"dim": 0, "index": 5}, "IndexError", ("5",))],
    ),
    "narrow": Oracle(
        narrow,
        cases_of(
            ((5,), {"dim": 0, "start": 1, "length": 3}),
            ((2, 3), {"dim": 1, "start": -2, "length": 2}),
            ((3, 2), {"dim": -1, "start": 0, "length": 0}),
            ((2, 3, 4), {"dim": 2, "start": 3, "length": 1}),
        ),
        ints="same",
        wrong=[
            Wrong((Z(5),), {"dim": 0, "start": 3, "length": 3}, "ValueError", ("3",)),
            Wrong((Z(5),), {"dim": 0, "start": 6, "length": 0}, "IndexError", ("6",)),
        ],
    ),
    "add_slices": Oracle(
        add_slices,
        slices_cases,
        wrong=[
            Wrong((Z(3),), {"shape": (5,), "slices": [0, 0, 1]}, "ValueError"),
            Wrong((Z(3),), {"shape": (5,), "slices": [0, 3, 1, 3]}, "ShapeError", ("(3,)", "(5,)")),
            Wrong((Z(3),), {"shape": (5,), "slices": [0, 0, 2**62, 3]}, "ShapeError"),
            Wrong((Z(3),), {"shape": (-5,), "slices": [0, 0, 1, 3]}, "ShapeError"),
        ],
    ),
}
