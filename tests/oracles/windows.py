"""Diagonals, windows and triangles."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.axes import of
from oracles.base import Array, Case, Draw, Oracle, Wrong, Z


def diagonal(x: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    n, m = x.shape[dim1], x.shape[dim2]
    if not -n < offset < m:  # NumPy refuses some
        return (
            np.moveaxis(x, (dim1, dim2), (0, 1))[0, 0][..., None][..., :0]
            if n and m
            else np.zeros((0,), x.dtype)
        )
    return np.diagonal(x, offset, dim1, dim2)


def diag_embed(x: Array, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Array:
    n = x.shape[-1] + abs(offset)
    out = np.zeros((*x.shape[:-1], n, n), x.dtype)
    at = np.arange(x.shape[-1])
    out[..., at + max(-offset, 0), at + max(offset, 0)] = x
    return np.moveaxis(out, (-2, -1), (dim1, dim2))


def unfold(x: Array, dimension: int, size: int, step: int) -> Array:
    if x.ndim == 0:
        return x.reshape(1)[:size]
    return np.lib.stride_tricks.sliding_window_view(x, size, dimension)[
        (slice(None),) * (dimension % x.ndim) + (slice(None, None, step),)
    ]


def triangle_cases(d: Draw) -> list[Case]:
    made = [
        Case((d(*s),), {"diagonal": k})
        for s in ((3, 4), (2, 4, 3), (0, 3), (3, 0))
        for k in (0, 1, -2, 2**62, -(2**62))
    ]
    return [*made, Case((d(5, 5),)), Case((d(700, 301),), {"diagonal": 3}, large=True)]


def triangle(fn: Any) -> Oracle:
    return Oracle(
        lambda x, diagonal=0: fn(x, int(np.clip(diagonal, -999, 999))),
        triangle_cases,
        ints="same",
        wrong=[Wrong((Z(3),), {}, "ShapeError", ("(3,)",))],
    )


ORACLES: dict[str, Oracle] = {
    "diagonal": Oracle(
        diagonal,
        of(
            ((3, 4), {}),
            ((3, 4), {"offset": 2}),
            ((3, 4), {"offset": -1}),
            ((2, 3, 4), {"offset": 1, "dim1": -1, "dim2": 0}),
            ((3, 4), {"offset": 9}),
            ((0, 3), {}),
        ),
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"dim1": 1}, "ValueError", ("1",)),
            Wrong((Z((2, 3)),), {"dim1": 2}, "IndexError", ("2",)),
            Wrong((Z(3),), {}, "IndexError", ("1",)),
        ],
    ),
    "diag_embed": Oracle(
        diag_embed,
        of(
            ((3,), {}),
            ((2, 3), {"offset": 1}),
            ((2, 3), {"offset": -2, "dim1": 0, "dim2": 2}),
            ((2, 0), {}),
        ),
        ints="same",
        wrong=[
            Wrong((Z(()),), {}, "ShapeError", ("0-d",)),
            Wrong((Z(3),), {"dim1": -1}, "ValueError", ("dim1", "same axis")),
            Wrong((Z(3),), {"offset": 2**62}, "ShapeError"),
        ],
    ),
    "diag": Oracle(
        lambda x, diagonal=0: np.diag(x, diagonal),
        of(((3,), {}), ((3,), {"diagonal": -1}), ((3, 4), {}), ((3, 4), {"diagonal": 2}), ((0,), {})),
        ints="same",
        wrong=[Wrong((Z((2, 3, 4)),), {}, "ShapeError", ("(2, 3, 4)",))],
    ),
    "diagflat": Oracle(
        lambda x, offset=0: np.diagflat(x, offset),
        of(((), {}), ((3,), {"offset": 1}), ((2, 2), {"offset": -1})),
        ints="same",
    ),
    "unfold": Oracle(
        unfold,
        of(
            ((7,), {"dimension": 0, "size": 3, "step": 2}),
            ((3, 5), {"dimension": -1, "size": 2, "step": 1}),
            ((4, 3), {"dimension": 0, "size": 4, "step": 9}),
            ((), {"dimension": 0, "size": 1, "step": 1}),
        ),
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"dimension": 1, "size": 4, "step": 1}, "ValueError", ("4", "(2, 3)")),
            Wrong((Z((2, 3)),), {"dimension": 1, "size": 2, "step": 0}, "ValueError", ("0",)),
            Wrong((Z((2, 3)),), {"dimension": 2, "size": 2, "step": 1}, "IndexError", ("2",)),
        ],
    ),
    "tril": triangle(np.tril),
    "triu": triangle(np.triu),
}
