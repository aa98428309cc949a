"""Sums, extremes and where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z


def reduction(fn: Callable[..., Array]) -> Callable[..., Array]:
    def value(x: Array, dim: Any = None, keepdim: bool = False) -> Array:
        axes = dim if dim is None or isinstance(dim, int) else tuple(dim)
        return np.asarray(fn(x, axis=axes, keepdims=keepdim))

    return value


def reductions(empty: bool) -> Callable[[Draw], list[Case]]:
    """Whether reducing an empty axis has a meaning."""

    def cases(d: Draw) -> list[Case]:
        dims = [
            ((), None),
            ((1,), None),
            ((17,), 0),
            ((1000,), -1),
            ((5, 7), 0),
            ((5, 7), 1),
            ((3, 4, 5), (0, 2)),
        ]
        dims += [((3, 4, 5), (1,)), ((2, 3, 2, 3), (1, 3)), ((3, 1, 4), (-2,)), ((33, 31), None), ((0, 4), 1)]
        if empty:
            dims += [((0,), None), ((0, 4), 0), ((3, 0, 2), (1,)), ((0, 4), None)]
        made = [
            Case((d(*s),), {"dim": a, "keepdim": keep}, smooth=0 not in s)
            for s, a in dims
            for keep in (False, True)
        ]
        shapes = [
            ((300_001,), None),
            ((700, 601), 0),
            ((700, 601), 1),
            ((100_000, 3), (0,)),
            ((30, 40, 301), (0, 2)),
        ]
        return made + [Case((d(*s),), {"dim": a}, large=True) for s, a in shapes]

    return cases


def arg(fn: Callable[..., Array]) -> Callable[..., Array]:
    def value(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
        return np.asarray(fn(x, axis=dim, keepdims=keepdim), dtype=np.int64)

    return value


def arg_cases(d: Draw) -> list[Case]:
    """Rounded, so that many elements are equal."""
    dims = [((), None), ((1,), 0), ((17,), -1), ((5000,), None), ((5, 7), 0), ((5, 7), 1), ((5, 7), None)]
    dims += [((3, 4, 5), 1), ((3, 1, 4), -2), ((33, 31), 0), ((130, 10), 1), ((4, 0), 0), ((2, 3, 70), 1)]
    made = [Case((np.rint(d(*s)),), {"dim": a, "keepdim": keep}) for s, a in dims for keep in (False, True)]
    shapes = [((300_001,), None), ((700, 601), 0), ((700, 601), 1)]
    return made + [Case((d(*s),), {"dim": a}, large=True) for s, a in shapes]


def logsumexp(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    top = x.max(axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0.0)
    y = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return np.asarray(y if keepdims else np.squeeze(y, axis))


def cumsum(x: Array, dim: int, reverse: bool = False) -> Array:
    if x.ndim == 0:
        return x
    return np.flip(np.cumsum(np.flip(x, dim), dim), dim) if reverse else np.cumsum(x, dim)


def cumsum_cases(d: Draw) -> list[Case]:
    shapes = [((), 0), ((1,), 0), ((17,), -1), ((5, 7), 0), ((5, 7), 1), ((3, 4, 5), 1), ((9, 4, 2), 1)]
    shapes += [((0,), 0), ((0, 4), 0), ((3, 0, 2), 1), ((0, 4), 1), ((33, 31), -2)]
    made = [
        Case((d(*s),), {"dim": a, "reverse": reverse}, smooth=0 not in s)
        for s, a in shapes
        for reverse in (False, True)
    ]
    large = [((300_001,), 0), ((700, 601), 0), ((700, 601), 1), ((30, 40, 301), 1)]
    return made + [Case((d(*s),), {"dim": a}, large=True) for s, a in large]


ORACLES: dict[str, Oracle] = {
    "sum": Oracle(
        reduction(np.sum),
        reductions(empty=True),
        ints="int64",
        ulp=32,
        wrong=[
            Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",)),
            Wrong((Z((2, 3)),), {"dim": (0, -2)}, "ValueError", ("0",)),
        ],
    ),
    "sum_squares": Oracle(
        reduction(lambda x, **axes: np.sum(x * x, **axes)),
        reductions(empty=True),
        ulp=32,
        wrong=[
            Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",)),
            Wrong((Z((2, 3)),), {"dim": (0, -2)}, "ValueError", ("0",)),
        ],
    ),
    **{
        name: Oracle(
            reduction(fn),
            reductions(empty=False),
            ints="same",
            ulp=0,
            wrong=[
                Wrong((Z((2, 3)),), {"dim": -3}, "IndexError", ("-3",)),
                Wrong((Z((2, 3)),), {"dim": (1, 1)}, "ValueError", ("1",)),
                Wrong((Z((0, 3)),), {"dim": 0}, "ShapeError", ("(0, 3)",)),
                Wrong((Z(0),), {}, "ShapeError", ("(0,)",)),
            ],
        )
        for name, fn in (("amax", np.max), ("amin", np.min))
    },
    **{
        name: Oracle(
            arg(fn),
            arg_cases,
            ints="int64",
            of_bools="refuse",
            wrong=[
                Wrong((Z((2, 3)),), {"dim": -3}, "IndexError", ("-3",)),
                Wrong((Z((0, 3)),), {"dim": 0}, "ShapeError", ("(0, 3)",)),
                Wrong((Z(0),), {}, "ShapeError", ("(0,)",)),
            ],
        )
        for name, fn in (("argmax", np.argmax), ("argmin", np.argmin))
    },
    "cumsum": Oracle(
        cumsum,
        cumsum_cases,
        ints="int64",
        ulp=4000,  # one chain
        wrong=[
            Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",)),
            Wrong((Z(()),), {"dim": 1}, "IndexError", ("1",)),
        ],
    ),
    "logsumexp": Oracle(
        reduction(logsumexp),
        reductions(empty=True),
        ints="float",
        ulp=32,
        wrong=[Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",))],
    ),
    "mean": Oracle(
        reduction(np.mean),
        reductions(empty=True),
        ulp=32,
        wrong=[
            Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",)),
            Wrong((Z((2, 3)),), {"dim": (0, 0)}, "ValueError", ("0",)),
        ],
    ),
}
