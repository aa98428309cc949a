"""What the rows of all families are made of: a function in float64, inputs to try it on, calls that fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Case(NamedTuple):
    """Inputs in the order of the op's schema (floats as float64), and attributes."""

    inputs: tuple[Array, ...]
    attrs: dict[str, Any] = {}  # noqa: RUF012  (never changed)
    large: bool = False  # for several threads; too large for differences
    smooth: bool = True  # differences make sense


class Draw:
    """Numbers for cases."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def __call__(self, *shape: int, low: float = -2.0, high: float = 2.0) -> Array:
        return np.asarray(self.rng.uniform(low, high, shape))

    def index(self, *shape: int, below: int) -> Array:
        return np.asarray(self.rng.integers(0, below, shape))


class Wrong(NamedTuple):
    """A call that must fail, and what its text must say besides the op's name."""

    inputs: tuple[Any, ...]
    attrs: dict[str, Any]
    error: str
    says: tuple[str, ...] = ()


@dataclass(frozen=True)
class Oracle:
    """What an op computes.

    `value` takes the inputs and the attributes and gives an array, or a tuple of them. `ints` says what
    integers become: "float" (float32), "same", "bool", "int64" or "refuse" (DTypeError); `of_bools` what
    bools become where they do not go the same way, `of_floats` whether floats are refused. Float results lie
    within `ulp` units in the last place: of each number for elementwise ops, of the largest for others.
    """

    value: Callable[..., Any]
    cases: Callable[[Draw], Sequence[Case]] | None = None
    ints: str = "refuse"
    of_bools: str = ""
    of_floats: str = ""
    ulp: float = 4.0
    bools: tuple[int, ...] = ()  # elementwise: inputs that are conditions
    flat: bool = False  # nothing differentiable comes out of it, or steps alone
    integers: bool = False  # elementwise, of integers alone
    wrong: Sequence[Wrong] = field(default=())


Z = np.zeros
I = np.int64  # noqa: E741
