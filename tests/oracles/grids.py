"""Images at places: the matrix from pixels to places, and its derivatives by coordinates, written down."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z

# Weight of a pixel x away, and its derivative.
FILTERS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "bilinear": (lambda x: max(0.0, 1 - abs(x)), lambda x: -np.sign(x) if abs(x) < 1 else 0.0),
    "nearest": (lambda x: float(abs(x) < 0.5), lambda x: 0.0),
    "bicubic": (lambda x: cubic(abs(x)), lambda x: cubic_slope(abs(x)) * np.sign(x)),
}


def cubic(x: float) -> float:
    if x <= 1:
        return 1.25 * x**3 - 2.25 * x**2 + 1
    return -0.75 * x**3 + 3.75 * x**2 - 6 * x + 3 if x < 2 else 0.0


def cubic_slope(x: float) -> float:
    if x <= 1:
        return 3.75 * x**2 - 4.5 * x
    return -2.25 * x**2 + 7.5 * x - 6 if x < 2 else 0.0


def seen(at: float, size: int, padding: str, corners: bool) -> tuple[float, float]:
    """Where a place lies in the image that it sees, and the derivative of that."""
    turn = 1.0
    if padding == "zeros":
        return at, turn
    if padding == "reflection":
        low, high = (0.0, size - 1.0) if corners else (-0.5, size - 0.5)
        while high > low and not low <= at <= high:
            at, turn = (2 * low if at < low else 2 * high) - at, -turn
    return min(max(at, 0.0), size - 1.0), turn if 0 < at < size - 1 else 0.0


def line(place: float, size: int, mode: str, padding: str, corners: bool) -> tuple[Array, Array]:
    """Weights of the pixels of an axis, and their derivatives by the coordinate."""
    at = (place + 1) / 2 * (size - 1) if corners else ((place + 1) * size - 1) / 2
    scale, turn = ((size - 1) if corners else size) / 2, 1.0
    if mode != "bicubic":
        at, turn = seen(at, size, padding, corners)
    weigh, slope = FILTERS[mode]
    weights, slopes = np.zeros(size), np.zeros(size)
    for j in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
        pixel = seen(float(j), size, padding, corners)[0] if mode == "bicubic" else float(j)
        if 0 <= pixel < size:
            weights[round(pixel)] += weigh(at - j)
            slopes[round(pixel)] += slope(at - j) * turn * scale
    return weights, slopes


def matrices(grid: Array, sizes: tuple[int, ...], by: int | None, **attrs: Any) -> Array:
    """(samples, places, pixels); by an axis the derivative."""
    how = (
        attrs.get("mode", "bilinear"),
        attrs.get("padding_mode", "zeros"),
        attrs.get("align_corners", False),
    )
    places = grid.reshape(len(grid), prod(grid.shape[1:-1]), len(sizes))
    made = np.zeros((*places.shape[:2], prod(sizes)))
    for at in np.ndindex(places.shape[:2]):
        row = np.ones(1)
        for axis, size in enumerate(sizes):
            row = np.kron(row, line(places[at][-1 - axis], size, *how)[axis == by])
        made[at] = row
    return made


def rows(x: Array) -> Array:
    return x.reshape(*x.shape[:2], prod(x.shape[2:]))


def grid_sample(x: Array, grid: Array, **attrs: Any) -> Array:
    made = np.einsum("nck,npk->ncp", rows(x), matrices(grid, x.shape[2:], None, **attrs))
    return made.reshape(*x.shape[:2], *grid.shape[1:-1])


def grid_sample_input(g: Array, grid: Array, input_size: tuple[int, ...], **attrs: Any) -> Array:
    made = np.einsum("ncp,npk->nck", rows(g), matrices(grid, tuple(input_size), None, **attrs))
    return made.reshape(*g.shape[:2], *input_size)


def grid_sample_grid(g: Array, x: Array, grid: Array, **attrs: Any) -> Array:
    axes = grid.shape[-1]
    parts = [matrices(grid, x.shape[2:], axes - 1 - c, **attrs) for c in range(axes)]
    return np.stack([np.einsum("ncp,nck,npk->np", rows(g), rows(x), m) for m in parts], -1).reshape(
        grid.shape
    )


CASES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 4, 5), (3, 2), {}),
    ((1, 1, 3, 4), (2, 9), {"padding_mode": "border", "align_corners": True}),
    ((1, 2, 3, 3), (20,), {"padding_mode": "reflection"}),
    ((2, 1, 5, 3), (3, 3), {"mode": "bicubic", "padding_mode": "reflection", "align_corners": True}),
    ((1, 2, 3, 4), (2, 2), {"mode": "bicubic"}),
    ((1, 2, 4, 3), (3, 1), {"mode": "nearest", "padding_mode": "border"}),
    ((1, 2, 2, 3, 2), (1, 2, 2), {"padding_mode": "reflection", "align_corners": True}),
    ((0, 2, 3, 3), (2, 2), {}),
    ((2, 2, 3, 3), (0, 2), {}),
    ((9, 8, 12, 12), (8, 16), {}),
]


def cases(kind: str) -> Callable[[Draw], list[Case]]:
    def draw(d: Draw) -> list[Case]:
        made = []
        for shape, places, attrs in CASES:
            sizes = (*places, 1)[: len(shape) - 2] if len(places) < len(shape) - 2 else places
            x, g = d(*shape), d(*shape[:2], *sizes)
            grid = d(shape[0], *sizes, len(shape) - 2, low=-1.4, high=1.4)
            inputs = {"value": (x, grid), "input": (g, grid), "grid": (g, x, grid)}[kind]
            given = {**attrs, "input_size": shape[2:]} if kind == "input" else attrs
            smooth = attrs.get("mode") != "nearest"
            made.append(Case(inputs, given, large=shape[0] == 9, smooth=smooth))
        return made

    return draw


X, G, P = Z((2, 3, 4, 5)), Z((2, 3, 6, 7)), Z((2, 6, 7, 2))
ORACLES: dict[str, Oracle] = {
    "grid_sample": Oracle(
        grid_sample,
        cases("value"),
        ulp=64,
        wrong=[
            Wrong((X, Z((2, 6, 7, 3))), {}, "ShapeError", ("(2, 6, 7, 3)",)),
            Wrong((X, Z((1, 6, 7, 2))), {}, "ShapeError", ("(1, 6, 7, 2)",)),
            Wrong((X[0], P), {}, "ShapeError", ("(3, 4, 5)",)),
            Wrong((X[:, :, :0], P), {}, "ShapeError", ("from 1 to 2^31 - 1",)),
            Wrong((X[:, :0], P), {}, "ShapeError", ("only the number of images",)),
            Wrong((X, P.astype(np.float32)), {}, "DTypeError", ("grid is float32",)),
        ],
    ),
    "grid_sample_input": Oracle(
        grid_sample_input,
        cases("input"),
        ulp=64,
        wrong=[
            Wrong((G, Z((2, 6, 6, 2))), {"input_size": (4, 5)}, "ShapeError", ("(2, 3, 6, 6)",)),
            Wrong((G, P), {"input_size": (4,)}, "ShapeError"),
        ],
    ),
    "grid_sample_grid": Oracle(
        grid_sample_grid,
        cases("grid"),
        ulp=256,
        wrong=[Wrong((G[:, :, 1:], X, P), {}, "ShapeError", ("(2, 3, 5, 7)",))],
    ),
}
