"""Sorting, searching and counting."""

from __future__ import annotations

import numpy as np

from oracles.base import Array, Case, Draw, I, Oracle, Wrong, Z


def sort(x: Array, dim: int = -1, descending: bool = False, stable: bool = False) -> tuple[Array, Array]:
    if x.ndim == 0:
        return x, np.zeros((), I)
    order = np.argsort(-x.astype(float) if descending else x, dim, kind="stable")
    return np.take_along_axis(x, order, dim), order


def topk(x: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> tuple[Array, Array]:
    order = np.take(sort(x, dim, largest)[1], np.arange(k), dim)
    return np.take_along_axis(x, order, dim), order


def kthvalue(x: Array, k: int, dim: int = -1, keepdim: bool = False) -> tuple[Array, Array]:
    values, order = (np.take(t, [k - 1], dim) for t in sort(x, dim))
    return (values, order) if keepdim else (values.squeeze(dim), order.squeeze(dim))


def sort_cases(d: Draw) -> list[Case]:
    made = [
        Case((d(*s),), {"dim": dim})
        for s, dim in (((), 0), ((0,), 0), ((17,), -1), ((5, 3), 0), ((2, 3, 4), 1))
    ]
    ties = Case((np.repeat(d(4, 3), 5, 0),), {"dim": 0}, smooth=False)
    return [*made, ties, Case((d(3, 700),), {"descending": True}), Case((d(90, 900),), large=True)]


def topk_cases(d: Draw) -> list[Case]:
    rows = [((7,), 3, -1), ((5, 3), 2, 0), ((2, 600), 4, 1), ((2, 600), 300, 1), ((3,), 0, 0), ((4,), 4, 0)]
    made = [Case((d(*s),), {"k": k, "dim": dim, "largest": k != 2}) for s, k, dim in rows]
    return [*made, Case((d(90, 900),), {"k": 300}, large=True)]


def search(sorted_: Array, x: Array, right: bool) -> Array:
    side = "right" if right else "left"
    if sorted_.ndim == 1:
        return np.searchsorted(sorted_, x, side)
    flat = zip(sorted_.reshape(-1, sorted_.shape[-1]), x.reshape(-1, x.shape[-1]), strict=True)
    return np.array([np.searchsorted(a, b, side) for a, b in flat]).reshape(x.shape)


def boundaries(d: Draw) -> list[tuple[Array, Array]]:
    fixed = np.array([-1.0, 0.0, 0.0, 1.0]), np.array([[-2.0, -1.0, 0.0], [1.0, 2.0, 3.0]])
    return [
        fixed,
        (np.sort(d(3, 9)), d(3, 5)),
        (np.zeros(0), d(3)),
        (np.sort(d(100)), d(200)),
        (np.sort(d(4)), d()),
    ]


def searchsorted(
    sorted_sequence: Array,
    x: Array,
    sorter: Array | None = None,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
) -> Array:
    if sorter is not None:
        sorted_sequence = np.take_along_axis(sorted_sequence, sorter, -1)
    return search(sorted_sequence, x, right or side == "right")


def histc(x: Array, bins: int = 100, min: float = 0, max: float = 0) -> Array:
    low, high = (min, max) if min != max else (x.min(), x.max())
    return np.histogram(x, bins, (low, high))[0].astype(float)


def quantile(
    x: Array, q: Array, dim: int | None = None, keepdim: bool = False, interpolation: str = "linear"
) -> Array:
    return np.asarray(np.quantile(x, q, axis=dim, method=interpolation, keepdims=keepdim))  # type: ignore[call-overload]


def quantile_cases(d: Draw) -> list[Case]:
    q = np.array([0.21, 0.52, 0.97])
    ways = ("linear", "lower", "higher", "midpoint", "nearest")
    return [
        Case((d(7), np.asarray(0.3))),
        Case((d(3, 4), q)),
        Case((d(3, 4), q), {"keepdim": True}),
        *(Case((d(3, 9, 2), q), {"dim": 1, "interpolation": w, "keepdim": w > "l"}) for w in ways),
        Case((d(2, 6), np.asarray(0.7)), {"dim": -1}),
    ]


ORACLES: dict[str, Oracle] = {
    "quantile": Oracle(
        quantile,
        quantile_cases,
        wrong=[
            Wrong((Z(3), Z((1, 1))), {}, "ShapeError", ("(1, 1)", "vector")),
            Wrong((Z(0), Z(())), {}, "ShapeError", ("(0,)",)),
            Wrong((Z(3), np.asarray(1.5)), {}, "ValueError", ("1.5", "[0, 1]")),
        ],
    ),
    "nanquantile": Oracle(quantile, quantile_cases),
    "sort": Oracle(sort, sort_cases, ints="same", wrong=[Wrong((Z((3, 2)),), {"dim": 2}, "IndexError")]),
    "topk": Oracle(
        topk,
        topk_cases,
        ints="same",
        wrong=[Wrong((Z(3),), {"k": 4}, "ValueError", ("4", "3")), Wrong((Z(3),), {"k": -1}, "ValueError")],
    ),
    "argsort": Oracle(
        lambda x, dim=-1, descending=False, stable=False: sort(x, dim, descending)[1],
        lambda d: sort_cases(d)[2:6],
        ints="int64",
        flat=True,
    ),
    "msort": Oracle(lambda x: np.sort(x, 0), lambda d: [Case((d(5, 3),))], ints="same"),
    "kthvalue": Oracle(
        kthvalue,
        lambda d: [Case((d(5, 3),), {"k": 2, "dim": 0}), Case((d(7),), {"k": 7, "keepdim": True})],
        ints="same",
        wrong=[Wrong((Z(3),), {"k": 0}, "ValueError"), Wrong((Z(3),), {"k": 4}, "ValueError")],
    ),
    "search_sorted": Oracle(
        search,
        lambda d: [Case(pair, {"right": r}) for pair in boundaries(d) for r in (True, False)],
        ints="int64",
        of_bools="refuse",
        wrong=[
            Wrong((Z((2, 3)), Z((3, 3))), {"right": False}, "ShapeError", ("(2, 3)", "(3, 3)")),
            Wrong((Z(3), Z(3, I)), {"right": False}, "DTypeError", ("float64", "int64")),
        ],
    ),
    "searchsorted": Oracle(
        searchsorted,
        lambda d: [
            Case(boundaries(d)[0], {"side": "right"}),
            Case(boundaries(d)[1], {"right": True}),
            Case((np.array([3.0, 1.0, 2.0]), d(2, low=0, high=4), np.array([1, 2, 0]))),
        ],
        ints="int64",
        of_bools="refuse",
        flat=True,
    ),
    "bucketize": Oracle(
        lambda x, boundaries, out_int32=False, right=False: search(boundaries, x, right),
        lambda d: [Case((d(3, 2), np.sort(d(5))), {"right": r}) for r in (True, False)],
        ints="int64",
        of_bools="refuse",
        flat=True,
        wrong=[Wrong((Z(3), Z((2, 2))), {}, "ShapeError", ("(2, 2)",))],
    ),
    "isin": Oracle(
        lambda elements, test_elements, assume_unique=False, invert=False: np.isin(
            elements, test_elements, invert=invert
        ),
        lambda d: [
            Case((np.arange(6.0).reshape(2, 3), np.array([4.0, 1.0, 9.0]))),
            Case((np.arange(3.0), np.array([7.0, 1.0])), {"invert": True}),
            Case((np.arange(3.0), np.zeros(0))),
        ],
        ints="bool",
        flat=True,
    ),
    "one_hot": Oracle(
        lambda x, num_classes: np.eye(num_classes, dtype=I)[x],
        lambda d: [Case((d.index(*s, below=4),), {"num_classes": 4}) for s in ((), (3,), (2, 5), (0,))],
        flat=True,
        wrong=[Wrong((np.array([4]),), {"num_classes": 4}, "IndexError", ("4",))],
    ),
    "histc": Oracle(
        histc,
        lambda d: [
            Case((np.array([0.1, 0.9, 0.9, 3.3, -1.0, 9.0]),), {"bins": 4, "min": 0.0, "max": 4.0}),
            Case((np.array([[0.0, 0.6], [1.7, 4.0]]),), {"bins": 4}),
        ],
        wrong=[
            Wrong((Z(3),), {"bins": 0}, "ValueError"),
            Wrong((Z(3),), {"min": 2.0, "max": 1.0}, "ValueError"),
            Wrong((np.array([1.0, np.inf]),), {}, "ValueError", ("finite",)),
        ],
    ),
    "histogram_range": Oracle(
        lambda low, high: (low, high),
        lambda d: [Case((d(*s), d(*s))) for s in ((), (3,))],
        ulp=0,
        wrong=[
            Wrong((Z(2), Z(3)), {}, "ShapeError", ("(2,)", "(3,)")),
            Wrong((Z(()), Z((), I)), {}, "ShapeError", ("int64",)),
            Wrong((Z(()), np.array(np.nan)), {}, "ValueError", ("0 to nan", "finite")),
            Wrong((np.array(-1e308), np.array(1e308)), {}, "ValueError", ("finite",)),
        ],
    ),
}
