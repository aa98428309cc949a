"""Pooling: windows of the last axes, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z


def along(n: int, axis: int, attrs: dict[str, Any]) -> list[tuple[range, int]]:
    """Positions of the windows along an axis, and how many count with the padding."""
    if attrs.get("kernel_size") is None:
        m = attrs["output_size"][axis]
        return [(r, len(r)) for r in (range(i * n // m, -(-(i + 1) * n // m)) for i in range(m))]
    k = attrs["kernel_size"][axis]
    s, p, d = (
        (attrs.get(name) or other)[axis]
        for name, other in (
            ("stride", attrs["kernel_size"]),
            ("padding", [0] * 3),
            ("dilation", [1] * 3),
        )
    )
    found = []
    room = n + 2 * p - d * (k - 1) - 1
    count = (-(-room // s) if attrs.get("ceil_mode") else room // s) + 1
    for start in range(-p, count * s - p, s):
        taps = range(start, start + d * k, d)
        inside = [t for t in taps if 0 <= t < n]
        if start < n:  # a last window must not begin beyond the input
            found.append((range(inside[0], inside[-1] + 1, d), sum(t < n + p for t in taps)))
    return found


def windows(shape: tuple[int, ...], attrs: dict[str, Any]) -> Iterator[tuple[tuple[int, ...], Any, int]]:
    """Give each output's place, the positions of its window, and how many count with the padding."""
    axes = len(attrs.get("kernel_size") or attrs["output_size"])
    per_axis = [along(n, axis, attrs) for axis, n in enumerate(shape[-axes:])]
    for at in product(*(range(len(w)) for w in per_axis)):
        chosen = [per_axis[axis][i] for axis, i in enumerate(at)]
        yield at, np.ix_(*(r for r, _ in chosen)), prod(n for _, n in chosen)


def flat(x: Array, attrs: dict[str, Any]) -> tuple[Array, int]:
    axes = len(attrs.get("kernel_size") or attrs["output_size"])
    return x.reshape(-1, *x.shape[-axes:]) if x.size else x.reshape(0, *x.shape[-axes:]), axes


def pooled(x: Array, attrs: dict[str, Any]) -> tuple[int, ...]:
    _, axes = flat(x, attrs)
    return x.shape[:-axes] + tuple(len(along(n, a, attrs)) for a, n in enumerate(x.shape[-axes:]))


def places(x: Array, **attrs: Any) -> Array:
    made = np.zeros(pooled(x, attrs), np.int64)
    rows, axes = flat(x, attrs)
    out = made.reshape(len(rows), *made.shape[made.ndim - axes :])
    numbers = np.arange(prod(x.shape[-axes:])).reshape(x.shape[-axes:])
    for at, window, _ in windows(x.shape, attrs):
        for row, to in zip(rows, out, strict=True):
            to[at] = numbers[window].reshape(-1)[np.argmax(row[window])]
    return made


def taken(x: Array, at: Array, axes: int) -> Array:
    lead = x.shape[: x.ndim - axes]
    n, m = prod(x.shape[x.ndim - axes :]), prod(at.shape[at.ndim - axes :])
    rows = np.take_along_axis(x.reshape(prod(lead), n), at.reshape(prod(lead), m), 1)
    return rows.reshape(at.shape)


def max_pool(x: Array, **attrs: Any) -> Array:
    return taken(x, places(x, **attrs), flat(x, attrs)[1])


def max_pool_places(x: Array, **attrs: Any) -> tuple[Array, Array]:
    return max_pool(x, **attrs), places(x, **attrs)


def max_pool_backward(g: Array, x: Array, **attrs: Any) -> Array:
    made, at, axes = np.zeros(x.shape), places(x, **attrs), flat(x, attrs)[1]
    lead = prod(x.shape[:-axes])
    rows = made.reshape(lead, prod(x.shape[-axes:]))
    outputs = (lead, prod(at.shape[-axes:]))
    for row, where, share in zip(rows, at.reshape(outputs), g.reshape(outputs), strict=True):
        np.add.at(row, where, share)
    return made


def divisor(x: Any, padded: int, attrs: dict[str, Any]) -> int:
    given = attrs.get("divisor_override")
    return given or (padded if attrs.get("count_include_pad", True) else int(np.size(x)))


def avg_pool(x: Array, **attrs: Any) -> Array:
    made = np.zeros(pooled(x, attrs))
    rows, axes = flat(x, attrs)
    out = made.reshape(len(rows), *made.shape[made.ndim - axes :])
    for at, window, padded in windows(x.shape, attrs):
        for row, to in zip(rows, out, strict=True):
            to[at] = row[window].sum() / divisor(row[window], padded, attrs)
    return made


def avg_pool_backward(g: Array, input_size: tuple[int, ...], **attrs: Any) -> Array:
    axes = len(input_size)
    lead = g.shape[: g.ndim - axes]
    made = np.zeros((prod(lead), *input_size))
    for at, window, padded in windows(input_size, attrs):
        for row, share in zip(made, g.reshape(prod(lead), *g.shape[-axes:]), strict=True):
            row[window] += share[at] / divisor(row[window], padded, attrs)
    return made.reshape(*lead, *input_size)


WINDOWS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 6, 5), {"kernel_size": (2, 2)}),
    ((2, 7, 8), {"kernel_size": (3, 3), "stride": (2, 2), "padding": (1, 1)}),
    ((5, 9), {"kernel_size": (3, 2), "stride": (1, 3), "padding": (1, 0), "ceil_mode": True}),
    ((2, 11), {"kernel_size": (4,), "stride": (3,), "padding": (2,), "ceil_mode": True}),
    ((1, 4, 5, 6), {"kernel_size": (2, 2, 3), "stride": (2, 1, 2), "padding": (0, 1, 1)}),
    ((2, 7, 5), {"output_size": (3, 2)}),
    ((3, 6), {"output_size": (2,)}),
    ((2, 3), {"output_size": (5,)}),
    ((0, 4, 4), {"kernel_size": (2, 2)}),
    ((2, 4, 4), {"output_size": (0, 2)}),
]
LARGE = ((64, 8, 24, 24), {"kernel_size": (3, 3), "stride": (2, 2), "padding": (1, 1)})
DILATED = [
    ((2, 9, 8), {"kernel_size": (3, 2), "stride": (2, 1), "dilation": (2, 3)}),
    ((2, 9), {"kernel_size": (2,), "stride": (2,), "padding": (1,), "dilation": (3,)}),
]
COUNTS = [
    ((2, 7, 8), {**WINDOWS[1][1], "count_include_pad": False}),
    ((2, 11), {**WINDOWS[3][1], "divisor_override": -3}),
]


def of_inputs(cases: Any) -> Any:
    return lambda d: [Case((d(*shape),), attrs, large=shape == LARGE[0]) for shape, attrs in cases]


def max_backward(d: Draw) -> list[Case]:
    made = []
    for shape, attrs in (*WINDOWS, LARGE, *DILATED):
        x = d(*shape)
        made.append(Case((d(*pooled(x, attrs)), x), attrs, large=shape == LARGE[0]))
    return made


def avg_backward(d: Draw) -> list[Case]:
    made = []
    for shape, attrs in (*WINDOWS, LARGE, *COUNTS):
        axes = len(attrs.get("kernel_size") or attrs["output_size"])
        g = d(*pooled(np.zeros(shape), attrs))
        made.append(Case((g,), {**attrs, "input_size": shape[-axes:]}, large=shape == LARGE[0]))
    return made


def refused(*before: Array) -> list[Wrong]:
    """What no windows are; `before` the input."""

    def of(attrs: dict[str, Any], error: str, *says: str) -> Wrong:
        return Wrong((*before, Z((2, 4, 5))), attrs, error, says)

    return [
        of({}, "ValueError", "kernel_size", "output_size"),
        of({"kernel_size": (2, 2), "output_size": (2, 2)}, "ValueError"),
        of({"kernel_size": (5, 2)}, "ShapeError", "(2, 4, 5)", "5"),
        of({"kernel_size": (2, 2), "padding": (0, 2)}, "ValueError", "half", "2"),
        of({"kernel_size": (2, 2), "padding": (0, -1)}, "ValueError", "-1"),
        of({"kernel_size": (2, 2), "stride": (0, 1)}, "ValueError", "stride"),
        of({"kernel_size": (2, 0)}, "ValueError", "kernel_size"),
        of({"kernel_size": (2, 2), "stride": (1,)}, "ValueError", "(2, 2)", "(1,)"),
        of({"kernel_size": (1, 1, 1, 1)}, "ValueError", "4"),
        of({"kernel_size": (2**40, 2)}, "ValueError", "2^31"),
        Wrong((*before, Z(4)), {"kernel_size": (2, 2)}, "ShapeError", ("(4,)",)),
        Wrong((*before, Z((2, 0))), {"output_size": (2,)}, "ShapeError", ("(2, 0)",)),
    ]


BEYOND = Wrong((Z((2, 2)),), {"kernel_size": (2,), "padding": (2,), "dilation": (4,)}, "ValueError", ("4",))
MISSED = [
    Wrong((Z((2, 3)), Z((2, 4))), {"kernel_size": (2,)}, "ShapeError", ("(2, 3)", "(2, 2)")),
    *refused(Z(1)),
]
ORACLES: dict[str, Oracle] = {
    "max_pool": Oracle(max_pool, of_inputs([*WINDOWS, LARGE, *DILATED]), wrong=[*refused(), BEYOND]),
    "max_pool_places": Oracle(
        max_pool_places, of_inputs([*WINDOWS, LARGE, *DILATED]), wrong=[*refused(), BEYOND]
    ),
    "max_pool_backward": Oracle(max_pool_backward, max_backward, wrong=MISSED),
    "avg_pool": Oracle(
        avg_pool,
        of_inputs([*WINDOWS, LARGE, *COUNTS]),
        ulp=16,
        wrong=[
            *refused(),
            Wrong((Z((2, 3)),), {"kernel_size": (2,), "divisor_override": 0}, "ValueError", ("0",)),
        ],
    ),
    "avg_pool_backward": Oracle(
        avg_pool_backward,
        avg_backward,
        ulp=16,
        wrong=[
            Wrong(
                (Z((2, 3)),), {"kernel_size": (2,), "input_size": (4,)}, "ShapeError", ("(2, 3)", "(2, 2)")
            ),
            Wrong((Z((2, 3)),), {"kernel_size": (2,), "padding": (2,), "input_size": (4,)}, "ValueError"),
        ],
    ),
}
