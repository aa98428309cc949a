"""Parts of a tensor by strides: what a name is of its root."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z

# A whole, a row, a column, every other one, a diagonal, backwards, an empty part, one element.
PARTS: list[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int]] = [
    ((3, 4), (3, 4), (4, 1), 0),
    ((3, 4), (4,), (1,), 4),
    ((3, 4), (3,), (4,), 1),
    ((3, 4), (2, 2), (8, 2), 1),
    ((3, 4), (3,), (5,), 0),
    ((5,), (5,), (-1,), 4),
    ((0, 3), (2, 0), (3, 1), 0),
    ((3, 4), (), (), 7),
    ((2, 3, 4), (4, 2, 1), (1, 12, 4), 4),
]


def places(size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Array:
    at = np.full(size, offset)
    for d, (n, s) in enumerate(zip(size, stride, strict=True)):
        at += (np.arange(n) * s).reshape(n, *(1,) * (len(size) - d - 1))
    return at


def as_strided(x: Array, size: tuple[int, ...], stride: tuple[int, ...], storage_offset: int = 0) -> Array:
    return x.reshape(-1)[places(size, stride, storage_offset)]


def write_strided(x: Array, src: Array, stride: tuple[int, ...], storage_offset: int) -> Array:
    out = x.copy().reshape(-1)
    out[places(src.shape, stride, storage_offset)] = src
    return out.reshape(x.shape)


def add_strided(*tensors: Array, parts: list[int]) -> Array:
    base, *others = tensors
    out = base.copy().reshape(-1)
    for t in others:
        offset, stride, parts = parts[0], parts[1 : 1 + t.ndim], parts[1 + t.ndim :]
        np.add.at(out, places(t.shape, tuple(stride), offset), t)
    return out.reshape(base.shape)


def views(d: Draw) -> list[Case]:
    made = [Case((d(*s),), {"size": n, "stride": t, "storage_offset": o}) for s, n, t, o in PARTS]
    return [
        *made,
        Case((d(4),), {"size": (3, 2), "stride": (1, 1)}),
        Case((d(2),), {"size": (3,), "stride": (0,)}),
    ]


def writes(d: Draw) -> list[Case]:
    made = [Case((d(*s), d(*n)), {"stride": t, "storage_offset": o}) for s, n, t, o in PARTS]
    return [*made, Case((d(500, 401), d(400, 300)), {"stride": (401, 1), "storage_offset": 2}, large=True)]


def sums(d: Draw) -> list[Case]:
    made = [Case((d(*s), d(*n)), {"parts": [o, *t]}) for s, n, t, o in PARTS]
    return [
        *made,
        Case((d(2),), {"parts": []}),
        Case((d(3, 4), d(4), d(3), d()), {"parts": [4, 1, 1, 4, 11]}),
        Case((d(4), d(3, 2)), {"parts": [0, 1, 1]}),  # elements that meet
        Case((d(500, 401), d(400, 300)), {"parts": [2, 401, 1]}, large=True),
    ]


def wrong(name: str) -> list[Wrong]:
    """Parts that leave the tensor."""
    made = []
    for size, stride, offset in [
        ((4,), (2,), 0),
        ((2,), (-1,), 0),
        ((1,), (1,), 6),
        ((2,), (2**62,), 0),
        ((), (), -1),
    ]:
        attrs: dict[str, Any] = {"stride": stride, "storage_offset": offset}
        inputs: tuple[Array, ...] = (Z((2, 3)), Z(size))
        if name == "as_strided":
            attrs |= {"size": size}
            inputs = inputs[:1]
        elif name == "add_strided":
            attrs = {"parts": [offset, *stride]}
        made.append(Wrong(inputs, attrs, "ShapeError", ("6 elements",)))
    return made


ORACLES: dict[str, Oracle] = {
    "as_strided": Oracle(
        as_strided,
        views,
        ints="same",
        wrong=[
            *wrong("as_strided"),
            Wrong((Z(3),), {"size": (1, 1), "stride": (1,)}, "ShapeError", ("(1, 1)", "(1,)")),
            Wrong((Z(3),), {"size": (-1,), "stride": (1,)}, "ShapeError", ("(-1,)",)),
        ],
    ),
    "write_strided": Oracle(
        write_strided,
        writes,
        ints="same",
        wrong=[
            *wrong("write_strided"),
            Wrong((Z(3), Z(2)), {"stride": (0,), "storage_offset": 0}, "ValueError", ("(0,)",)),
            Wrong(
                (Z(3), np.zeros(2, np.int32)), {"stride": (1,), "storage_offset": 0}, "DTypeError", ("int32",)
            ),
        ],
    ),
    "add_strided": Oracle(
        add_strided,
        sums,
        wrong=[
            *wrong("add_strided"),
            Wrong((Z(3), Z(2)), {"parts": [0]}, "ValueError", ("1 numbers, not 2",)),
            Wrong((), {"parts": []}, "ValueError", ("empty",)),
        ],
    ),
}
