"""Pointwise functions that are compositions: the function in NumPy, and few inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, Oracle

SHAPES = ((), (0,), (7,), (3, 5))
PAIRS = (((), ()), ((6,), ()), ((5, 1), (1, 7)), ((2, 3), (2, 3)))


def of_one(value: Callable[[Array], Any], low: float = -3, high: float = 3, **options: Any) -> Oracle:
    """The oracle of a function of one operand, drawn from an interval."""
    return Oracle(value, lambda d: [Case((d(*s, low=low, high=high),)) for s in SHAPES], **options)


def of_two(value: Callable[[Array, Array], Any], low: float = -3, high: float = 3, **options: Any) -> Oracle:
    """Of two."""

    def cases(d: Draw) -> list[Case]:
        return [Case(tuple(d(*s, low=low, high=high) for s in pair)) for pair in PAIRS]

    return Oracle(value, cases, **options)


ORACLES: dict[str, Oracle] = {
    "isnan": of_one(np.isnan, ints="bool", flat=True),
    "isinf": of_one(np.isinf, ints="bool", flat=True),
    "isfinite": of_one(np.isfinite, ints="bool", flat=True),
    "deg2rad": of_one(np.deg2rad, ints="float"),
    "rad2deg": of_one(np.rad2deg, ints="float"),
}
