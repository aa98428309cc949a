"""Axes at other sizes: the matrix of each map, written down."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z


def cubic(x: float, a: float) -> float:
    x = abs(x)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


FILTERS: dict[str, tuple[int, Any]] = {
    "linear": (1, lambda x: max(0.0, 1 - abs(x))),
    "cubic": (2, lambda x: cubic(x, -0.5)),
    "lanczos": (3, lambda x: np.sinc(x) * np.sinc(x / 3) if abs(x) < 3 else 0.0),
}


def matrix(mode: str, old: int, new: int, step: float, corners: bool) -> Array:
    m = np.zeros((new, old))
    for i in range(new):
        at = step * i if corners else step * (i + 0.5) - 0.5
        if mode.startswith("nearest"):
            m[i, min(int(np.float32(step) * np.float32(i + 0.5 * (mode != "nearest"))), old - 1)] = 1
        elif mode == "linear":
            at = min(max(at, 0), old - 1)
            for j in range(old):
                m[i, j] = max(0.0, 1 - abs(at - j))
        elif mode == "cubic":
            for j in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
                m[i, min(max(j, 0), old - 1)] += cubic(at - j, -0.75)
        elif mode == "area":
            lo, hi = i * old // new, -(-(i + 1) * old // new)
            m[i, lo:hi] = 1 / (hi - lo)
        else:
            half, weigh = FILTERS[mode.removeprefix("smooth-")]
            wide, center = max(step, 1.0), step * (i + 0.5)
            lo, hi = (max(int(center - half * wide + 0.5), 0), min(int(center + half * wide + 0.5), old))
            for j in range(lo, hi):
                m[i, j] = weigh((j + 0.5 - center) / wide)
            m[i] /= m[i].sum()
    return m


def resample(
    x: Array,
    dim: int,
    mode: str,
    from_size: int,
    to_size: int,
    step: float,
    align_corners: bool = False,
    transposed: bool = False,
) -> Array:
    m = matrix(mode, from_size, to_size, step, align_corners)
    return np.asarray(np.moveaxis(np.tensordot(m.T if transposed else m, x, (1, dim)), 0, dim))


def resample_cases(d: Draw) -> list[Case]:
    made = []
    for mode in ("nearest", "nearest-exact", "linear", "cubic", "area", *(f"smooth-{f}" for f in FILTERS)):
        for shape, dim, new in (
            ((2, 3, 5), -1, 8),
            ((7, 2, 2), 0, 3),
            ((2, 4, 3), 1, 9),
            ((40, 90, 17), 1, 50),
        ):
            old = shape[dim]
            given = {"dim": dim, "mode": mode, "from_size": old, "to_size": new, "step": old / new}
            large = old == 90
            made.append(Case((d(*shape),), given, large=large))
            back = list(shape)
            back[dim] = new
            made.append(Case((d(*back),), {**given, "transposed": True}, large=large))
        if mode in ("linear", "cubic"):
            corners = {
                "dim": 1,
                "mode": mode,
                "from_size": 5,
                "to_size": 9,
                "step": 0.5,
                "align_corners": True,
            }
            made.append(Case((d(2, 5),), corners))
    return made


SIZES = {"dim": 1, "mode": "linear", "from_size": 3, "to_size": 4, "step": 0.75}
ORACLES: dict[str, Oracle] = {
    "resample": Oracle(
        resample,
        resample_cases,
        ulp=64,
        wrong=[
            Wrong((Z((2, 4)),), SIZES, "ShapeError", ("(2, 4)", "of size 3")),
            Wrong((Z((2, 3)),), {**SIZES, "transposed": True}, "ShapeError", ("(2, 3)", "of size 4")),
            Wrong((Z((2, 3)),), {**SIZES, "to_size": 0}, "ShapeError", ("at least 1",)),
            Wrong((Z((2, 3)),), {**SIZES, "step": -1.0}, "ValueError", ("step is -1",)),
            Wrong((Z((2, 3)),), {**SIZES, "dim": 2}, "IndexError"),
        ],
    )
}
