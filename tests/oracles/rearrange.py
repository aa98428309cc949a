"""Copies of elements in another order or more than once, and borders."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.axes import axes, of
from oracles.base import Array, Oracle, Wrong, Z


def repeat(x: Array, repeats: tuple[int, ...]) -> Array:
    return np.tile(x, repeats)


def roll(x: Array, shifts: Any, dims: Any = ()) -> Array:
    return np.roll(x, shifts, dims if dims != () else None)


def pad(x: Array, pad: list[int], mode: str = "constant", value: float | None = None) -> Array:
    sides = [(0, 0)] * (x.ndim - len(pad) // 2) + [*zip(pad[::2], pad[1::2], strict=True)][::-1]
    if mode != "circular":  # NumPy takes nothing away
        cut = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(sides, x.shape, strict=True))
        x, sides = x[cut], [(max(a, 0), max(b, 0)) for a, b in sides]
    if x.ndim == 0:
        return x
    kind = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    return np.pad(x, sides, kind, **({"constant_values": value or 0} if mode == "constant" else {}))


ORACLES: dict[str, Oracle] = {
    "repeat": Oracle(
        repeat,
        of(
            ((3,), {"repeats": (2,)}),
            ((2, 3), {"repeats": (2, 3)}),
            ((2, 1), {"repeats": (2, 1, 4)}),
            ((), {"repeats": (2, 2)}),
            ((2, 3), {"repeats": (0, 2)}),
            ((1, 2, 1, 2, 1, 1, 2, 1), {"repeats": (1, 2, 1, 1, 3, 1, 2, 1)}),
        ),
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"repeats": (2,)}, "ShapeError", ("(2,)", "(2, 3)")),
            Wrong((Z(2),), {"repeats": (-1,)}, "ValueError", ("(-1,)",)),
        ],
    ),
    "tile": Oracle(
        lambda x, dims: np.tile(x, dims),
        of(((2, 3), {"dims": (2,)}), ((3,), {"dims": (2, 2)}), ((2, 3), {"dims": ()})),
        ints="same",
    ),
    "flip": Oracle(
        lambda x, dims: np.flip(x, axes(dims, x.ndim)),
        of(
            ((5,), {"dims": 0}),
            ((2, 3, 4), {"dims": (0, -1)}),
            ((2, 0), {"dims": (0, 1)}),
            ((3,), {"dims": ()}),
        ),
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"dims": (2,)}, "IndexError", ("2",)),
            Wrong((Z((2, 3)),), {"dims": (0, -2)}, "ValueError", ("0",)),
        ],
    ),
    "fliplr": Oracle(
        np.fliplr, of(((2, 3), {})), ints="same", wrong=[Wrong((Z(2),), {}, "ShapeError", ("(2,)",))]
    ),
    "flipud": Oracle(np.flipud, of(((2, 3), {}), ((3,), {})), ints="same"),
    "rot90": Oracle(
        lambda x, k=1, dims=(0, 1): np.rot90(x, k, dims),
        of(*(((2, 3), {"k": k}) for k in (1, -2, 3, 4)), ((2, 3, 4), {"k": 1, "dims": (2, 0)})),
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"dims": (0,)}, "ValueError", ("(0,)",)),
            Wrong((Z((2, 3)),), {"dims": (1, -1)}, "ValueError", ("(1, -1)",)),
        ],
    ),
    "roll": Oracle(
        roll,
        of(
            ((5,), {"shifts": 2}),
            ((2, 3), {"shifts": -4}),
            ((2, 3), {"shifts": 1, "dims": 1}),
            ((2, 3), {"shifts": (1, -1), "dims": (0, 1)}),
            ((0, 3), {"shifts": 1, "dims": 0}),
            ((), {"shifts": 1}),
        ),
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"shifts": (1, 2)}, "ValueError", ("(1, 2)", "()")),
            Wrong((Z((2, 3)),), {"shifts": 1, "dims": 2}, "IndexError", ("2",)),
        ],
    ),
    "pad": Oracle(
        pad,
        of(
            ((3, 4), {"pad": [1, 2]}),
            ((3, 4), {"pad": [0, 1, 2, 0], "value": 3.0}),
            ((3, 4), {"pad": [-1, 2, 1, -2]}),
            ((), {"pad": []}),
            ((0, 2), {"pad": [1, 1, 1, 0]}),
            *(((2, 3, 4), {"pad": [2, 1, 0, 2], "mode": m}) for m in ("reflect", "replicate", "circular")),
            ((2, 5), {"pad": [-1, 2], "mode": "reflect"}),
        ),
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"pad": [1]}, "ValueError", ("1",)),
            Wrong((Z((2, 3)),), {"pad": [1] * 6}, "ValueError", ("6",)),
            Wrong((Z((2, 3)),), {"pad": [-2, -2]}, "ShapeError", ("(2, 3)",)),
            Wrong((Z((2, 3)),), {"pad": [3, 0], "mode": "reflect"}, "ShapeError", ("at most 2",)),
            Wrong((Z((2, 3)),), {"pad": [1, 0], "mode": "circular", "value": 1.0}, "ValueError", ("value",)),
        ],
    ),
}
