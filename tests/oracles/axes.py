"""Views that take axes away, add, join, split or move them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z


def of(*calls: tuple[tuple[int, ...], dict[str, Any]]) -> Callable[[Draw], list[Case]]:
    """Cases of one tensor, by its shape and the attributes."""
    return lambda d: [Case((d(*shape),), attrs) for shape, attrs in calls]


def pairs(*shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> Callable[[Draw], list[Case]]:
    """Cases of a tensor and one whose shape it takes."""
    return lambda d: [Case((d(*a), Z(b, np.int64))) for a, b in shapes]


def axes(dim: Any, n: int) -> tuple[int, ...]:
    return tuple(d % n for d in ((dim,) if isinstance(dim, int) else dim)) if n else ()


def squeeze(x: Array, dim: Any = None) -> Array:
    gone = range(x.ndim) if dim is None else axes(dim, x.ndim)
    return x.reshape([n for d, n in enumerate(x.shape) if n != 1 or d not in gone])


def flatten(x: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    if x.ndim == 0:
        return x.reshape(1)
    a, b = start_dim % x.ndim, end_dim % x.ndim
    return x.reshape(*x.shape[:a], int(np.prod(x.shape[a : b + 1])), *x.shape[b + 1 :])


def unflatten(x: Array, dim: int, sizes: tuple[int, ...]) -> Array:
    dim %= x.ndim
    return x.reshape(
        *x.shape[:dim],
        *np.zeros(x.shape[dim]).reshape(sizes).shape,
        *x.shape[dim + 1 :],
    )


ORACLES: dict[str, Oracle] = {
    "squeeze": Oracle(
        squeeze,
        of(
            ((), {}),
            ((1, 3, 1), {}),
            ((1, 3, 1), {"dim": 0}),
            ((1, 3, 1), {"dim": (-1, 1)}),
            ((2, 0), {"dim": 1}),
        ),
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",)),
            Wrong((Z((1, 1)),), {"dim": (0, -2)}, "ValueError", ("0",)),
        ],
    ),
    "unsqueeze": Oracle(
        lambda x, dim: np.expand_dims(x, dim),
        of(((), {"dim": 0}), ((2, 3), {"dim": 1}), ((2, 3), {"dim": -1}), ((0,), {"dim": -2})),
        ints="same",
        wrong=[
            Wrong((Z(2),), {"dim": 2}, "IndexError", ("2",)),
            Wrong((Z((1,) * 8),), {"dim": 0}, "ShapeError", ("8",)),
        ],
    ),
    "flatten": Oracle(
        flatten,
        of(
            ((), {}),
            ((2, 3, 4), {}),
            ((2, 3, 4), {"start_dim": 1}),
            ((2, 3, 4), {"start_dim": -3, "end_dim": 1}),
            ((2, 0), {}),
        ),
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"start_dim": 1, "end_dim": 0}, "ValueError", ("1", "0")),
            Wrong((Z((2, 3)),), {"end_dim": 2}, "IndexError", ("2",)),
        ],
    ),
    "ravel": Oracle(np.ravel, of(((), {}), ((2, 3), {}), ((0, 2), {})), ints="same"),
    "unflatten": Oracle(
        unflatten,
        of(((6, 2), {"dim": 0, "sizes": (2, 3)}), ((2, 6), {"dim": -1, "sizes": (-1, 2, 1)})),
        ints="same",
        wrong=[
            Wrong((Z((2, 6)),), {"dim": 1, "sizes": (4, 2)}, "ShapeError", ("(6,)", "(4, 2)")),
            Wrong((Z((2, 6)),), {"dim": 1, "sizes": ()}, "ValueError", ("empty",)),
        ],
    ),
    "movedim": Oracle(
        lambda x, source, destination: np.moveaxis(x, source, destination),
        of(
            ((2, 3, 4), {"source": 0, "destination": -1}),
            ((2, 3, 4), {"source": (2, 0), "destination": (0, 1)}),
            ((3,), {"source": (), "destination": ()}),
        ),
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"source": (0, 1), "destination": 0}, "ValueError", ("(0, 1)", "(0,)")),
            Wrong((Z((2, 3)),), {"source": (0, -2), "destination": (0, 1)}, "ValueError", ("twice",)),
            Wrong((Z((2, 3)),), {"source": 0, "destination": 2}, "IndexError", ("2",)),
        ],
    ),
    "t": Oracle(
        np.transpose,
        of(((), {}), ((3,), {}), ((2, 3), {})),
        ints="same",
        wrong=[Wrong((Z((2, 3, 4)),), {}, "ShapeError", ("(2, 3, 4)", "mT"))],
    ),
    "adjoint": Oracle(
        lambda x: np.swapaxes(x, -1, -2) if x.ndim else x,
        of(((), {}), ((2, 3), {}), ((4, 2, 3), {})),
        ints="same",
        wrong=[Wrong((Z(3),), {}, "ShapeError", ("(3,)",))],
    ),
    "broadcast_to": Oracle(
        lambda x, size: np.broadcast_to(x, size),
        lambda d: [Case((d(*a),), {"size": b}) for a, b in (((), (2, 3)), ((3, 1), (3, 4)), ((4,), (0, 4)))],
        ints="same",
        wrong=[Wrong((Z((2, 3)),), {"size": (2, 4)}, "ShapeError", ("(2, 3)", "(2, 4)"))],
    ),
    "expand_as": Oracle(
        lambda x, y: np.broadcast_to(x, y.shape),
        pairs(((), (3, 2)), ((3, 1), (3, 4)), ((5,), (5,))),
        ints="same",
        wrong=[Wrong((Z(2), Z(3)), {}, "ShapeError", ("(2,)", "(3,)"))],
    ),
    "view_as": Oracle(
        lambda x, y: x.reshape(y.shape),
        pairs(((4,), (2, 2)), ((), (1, 1))),
        ints="same",
        wrong=[Wrong((Z(2), Z(3)), {}, "ShapeError", ("(2,)", "(3,)"))],
    ),
    "reshape_as": Oracle(
        lambda x, y: x.reshape(y.shape),
        pairs(((6,), (3, 2)), ((3, 1), (3,)), ((0, 2), (0,))),
        ints="same",
        wrong=[Wrong((Z(2), Z(3)), {}, "ShapeError", ("(2,)", "(3,)"))],
    ),
}
