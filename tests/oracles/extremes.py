"""Extremes and order statistics with their places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z

SHAPES: list[tuple[tuple[int, ...], int]] = [((), 0), ((7,), -1), ((3, 5), 0), ((2, 4, 3), 1)]
Place = Callable[[Array], int]


def apart(d: Draw, *shape: int) -> Array:
    """No two elements close, so that differences make sense."""
    n = int(np.prod(shape))
    return np.asarray(d.rng.permutation(n) - n / 2 + d(n) / 8).reshape(shape) / 2


def along(d: Draw, **attrs: Any) -> list[Case]:
    return [
        Case((apart(d, *s),), {"dim": a, "keepdim": k} | attrs, smooth=0 not in s)
        for s, a in SHAPES
        for k in (False, True)
    ]


def whole(d: Draw) -> list[Case]:
    equal = np.array([2.0, 1.0, 2.0, 1.0, 1.5])
    return [*(Case((apart(d, *s),)) for s in ((), (7,), (3, 4))), Case((equal,), smooth=False)]


def taken(place: Callable[..., Place]) -> Callable[..., tuple[Array, Array]]:
    """Values and places along an axis, of what `place` says of a row."""

    def value(x: Array, dim: int = -1, keepdim: bool = False, **attrs: Any) -> tuple[Array, Array]:
        if x.ndim == 0:
            return x, np.zeros((), np.int64)
        at = np.expand_dims(np.apply_along_axis(place(**attrs), dim, x).astype(np.int64), dim)
        made = np.take_along_axis(x, at, dim), at
        return made if keepdim else (made[0].squeeze(dim), at.squeeze(dim))

    return value


def median() -> Place:
    return lambda row: int(np.argsort(row, kind="stable")[(len(row) - 1) // 2])


def mode() -> Place:
    def place(row: Array) -> int:
        values, counts = np.unique(row, return_counts=True)
        return int(np.flatnonzero(row == values[np.argmax(counts)])[-1])

    return place


def place_of_rank(x: Array, dim: int, rank: str) -> Array:
    place = {"median": median, "nanmedian": median, "mode": mode}[rank]
    return taken(place)(x, dim, True)[1]


def ranks(d: Draw) -> list[Case]:
    some = [
        Case((np.rint(d(*s)),), {"dim": a, "rank": r})
        for s, a in (((7,), 0), ((3, 5), 0), ((2, 4, 3), 1), ((), 0))
        for r in ("median", "nanmedian", "mode")
    ]
    return [*some, Case((d(301, 40),), {"dim": 1, "rank": "median"}, large=True)]


def empty() -> list[Wrong]:
    return [
        Wrong((Z((2, 0)),), {"dim": 1}, "IndexError", ("(2, 0)",)),
        Wrong((Z(2),), {"dim": 1}, "IndexError", ("1",)),
    ]


def of_all(fn: Callable[[Array], Any]) -> Oracle:
    return Oracle(lambda x: np.asarray(fn(x)), whole, ints="same", ulp=0)


def large(d: Draw) -> list[Case]:
    return [*whole(d), Case((d(30_001),), large=True)]


def lower(x: Array) -> Array:
    return np.asarray(np.sort(x, axis=None)[(x.size - 1) // 2])


ORACLES: dict[str, Oracle] = {
    "max": of_all(np.max),
    "min": of_all(np.min),
    **{
        name: Oracle(
            taken(lambda fn=fn: fn),
            along,
            ints="same",
            ulp=0,
            wrong=[
                Wrong((Z((2, 0)),), {"dim": 1}, "ShapeError", ("(2, 0)",)),
                Wrong((Z(2),), {"dim": 1}, "IndexError", ("1",)),
            ],
        )
        for name, fn in (("max_dim", np.argmax), ("min_dim", np.argmin))
    },
    "aminmax": Oracle(
        lambda x, dim=None, keepdim=False: (
            np.asarray(np.min(x, dim, keepdims=keepdim)),
            np.asarray(np.max(x, dim, keepdims=keepdim)),
        ),
        lambda d: [
            Case((apart(d, 3, 4),), {"dim": a, "keepdim": k})
            for a, k in ((None, False), (1, True), (0, False))
        ],
        ints="same",
        ulp=0,
    ),
    "place_of_rank": Oracle(
        place_of_rank,
        ranks,
        ints="int64",
        of_bools="refuse",
        wrong=[Wrong((Z((2, 3)),), {"dim": 2, "rank": "median"}, "IndexError", ("2",))],
    ),
    "median": Oracle(lower, large, ints="same", of_bools="refuse", ulp=0),
    "nanmedian": Oracle(lower, large, ints="same", of_bools="refuse", ulp=0),
    "median_dim": Oracle(taken(median), along, ints="same", of_bools="refuse", ulp=0, wrong=empty()),
    "nanmedian_dim": Oracle(taken(median), along, ints="same", of_bools="refuse", ulp=0, wrong=empty()),
    "mode": Oracle(taken(mode), along, ints="same", of_bools="refuse", ulp=0, wrong=empty()),
}
