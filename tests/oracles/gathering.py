"""Elements by index along an axis, and what is put there."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, I, Oracle, Wrong, Z


def gather(x: Array, index: Array, dim: int, sparse_grad: bool = False) -> Array:
    if x.ndim == 0:
        return x
    places: list[Array] = list(np.indices(index.shape))
    places[dim] = index
    return np.asarray(x[tuple(places)])


STEPS: dict[str, Any] = {
    "set": lambda a, b: b,
    "sum": np.add,
    "prod": np.multiply,
    "amax": np.maximum,
    "amin": np.minimum,
}


def scatter(x: Array, index: Array, src: Array, dim: int, how: str = "set", own: bool = True) -> Array:
    """One by one, in the order of index."""
    out, many = np.array(x), np.ones(x.shape, x.dtype if x.dtype.kind == "f" else int)
    met = np.zeros(x.shape, bool)
    for at in np.ndindex(index.shape):
        to = (*at[:dim], index[at], *at[dim + 1 :]) if x.ndim else ()
        if x.ndim and dim == -1:
            to = (*at[:-1], index[at])
        first = not own and not met[to]
        step = STEPS["sum" if how == "mean" else how]
        out[to] = src[at] if first else step(out[to], src[at])
        many[to] = 1 if first else many[to] + 1
        met[to] = True
    if how == "mean":
        return out / many if x.dtype.kind == "f" else np.asarray(out // many)
    return out


def scatter_sum(x: Array | None, index: Array, src: Array, dim: int, shape: Any = None) -> Array:
    return scatter(np.zeros(shape, src.dtype) if x is None else x, index, src, dim, "sum")


def places(d: Draw) -> list[tuple[Array, Array, int]]:
    """Tensors, indices into them, and axes."""
    rows = [((5,), (7,), 0), ((4, 3), (2, 3), 0), ((4, 3), (4, 5), 1), ((2, 3, 4), (2, 6, 3), 1)]
    made = [(d(*x), d.index(*i, below=x[dim]), dim) for x, i, dim in rows]
    return [
        *made,
        (d(), np.zeros((), I), 0),
        (d(3, 2), np.zeros((0, 2), I), 0),
        (d(17), d.index(1, below=17), -1),
    ]


def gather_cases(d: Draw) -> list[Case]:
    made = [Case((x, index), {"dim": dim}) for x, index, dim in places(d)]
    return [*made, Case((d(70, 300), d.index(70, 2000, below=300)), {"dim": 1}, large=True)]


def scatter_cases(d: Draw) -> list[Case]:
    made = [Case((x, index, d(*index.shape)), {"dim": dim}) for x, index, dim in places(d)]
    large = d(300, 70), d.index(2000, 70, below=300), d(2000, 70)
    return [*made, Case(large, {"dim": 0}, large=True)]


def larger(d: Draw) -> list[Case]:
    """src may have more than index."""
    return [*scatter_cases(d)[:4], Case((d(4, 3), d.index(2, 2, below=4), d(3, 4)), {"dim": 0})]


def with_words(d: Draw, *words: str) -> list[Case]:
    return [
        Case(case.inputs, {**case.attrs, "reduce": word, "include_self": own})
        for case in scatter_cases(d)[1:4]
        for word in words
        for own in (True, False)
    ]


def row_places(d: Draw) -> list[tuple[Array, Array, int]]:
    rows = [((5,), 3, 0), ((4, 3), 6, 0), ((4, 3), 2, 1), ((2, 3, 4), 4, 1)]
    return [(d(*x), d.index(n, below=x[dim]), dim) for x, n, dim in rows]


def of_rows(x: Array, index: Array, dim: int, n: int) -> Array:
    shape = [1] * x.ndim
    shape[dim] = n
    return np.broadcast_to(index.reshape(shape), (*x.shape[:dim], n, *x.shape[dim + 1 :]))


def index_with(x: Array, index: Array, source: Array, dim: int, how: str = "set", own: bool = True) -> Array:
    return scatter(x, of_rows(x, index, dim, index.size), source, dim, how, own)


def source_cases(d: Draw, **attrs: Any) -> list[Case]:
    made = []
    for x, index, dim in row_places(d):
        source = d(*x.shape[:dim], index.size, *x.shape[dim + 1 :])
        made.append(Case((x, index, source), {"dim": dim, **attrs}))
    return made


def take_along_dim(x: Array, indices: Array, dim: int | None = None) -> Array:
    if dim is None:
        return x.ravel()[indices.ravel()]
    return np.take_along_axis(x, indices, dim)


def masked_put(x: Array, mask: Array, source: Array) -> Array:
    out = np.broadcast_to(x, np.broadcast_shapes(x.shape, mask.shape)).copy()
    mask = np.broadcast_to(mask, out.shape)
    out[mask] = source.ravel()[: mask.sum()]
    return out


def masked_take(x: Array, mask: Array, shape: tuple[int, ...]) -> Array:
    out = np.zeros(shape, x.dtype)
    out.reshape(-1)[: mask.sum()] = x[mask]
    return out


def masks(d: Draw) -> list[tuple[Array, Array]]:
    return [(d(*s), d.index(*s, below=2).astype(bool)) for s in ((), (7,), (3, 5), (0, 2))]


def put(x: Array, index: Array, source: Array, accumulate: bool = False) -> Array:
    out = x.copy().ravel()
    for i, v in zip(index.ravel(), source.ravel(), strict=True):
        out[i] = out[i] + v if accumulate else v
    return out.reshape(x.shape)


def index_of(*tensors: Array, sizes: list[int], axis: int = 0) -> Array:
    return np.ravel_multi_index([t % n for t, n in zip(tensors, sizes, strict=True)], sizes)


OUTSIDE = ("outside axis", "size 3")
ORACLES: dict[str, Oracle] = {
    "gather_axis": Oracle(
        gather,
        gather_cases,
        ints="same",
        wrong=[
            Wrong((Z((3, 2)), Z((2, 2), I) + 3), {"dim": 0}, "IndexError", OUTSIDE),
            Wrong((Z((3, 2)), Z((2, 2), I) - 1), {"dim": 0}, "IndexError", OUTSIDE),
            Wrong((Z((3, 2)), Z(2, I)), {"dim": 0}, "ShapeError", ("(2,)", "(3, 2)")),
            Wrong((Z((3, 2)), Z((2, 3), I)), {"dim": 0}, "ShapeError", ("(2, 3)", "(3, 2)")),
            Wrong((Z((3, 2)), Z((2, 2))), {"dim": 0}, "DTypeError", ("float64", "int64")),
            Wrong((Z((3, 2)), Z((2, 2), I)), {"dim": 2}, "IndexError"),
        ],
    ),
    "gather": Oracle(
        gather,
        lambda d: gather_cases(d)[:4],
        ints="same",
        wrong=[
            Wrong((Z((3, 2)), Z((2, 2), I) + 3), {"dim": 0}, "IndexError", OUTSIDE),
            Wrong((Z((3, 2)), Z((2, 2))), {"dim": 0}, "DTypeError", ("float64",)),
        ],
    ),
    "scatter_set": Oracle(
        scatter,
        scatter_cases,
        ints="same",
        wrong=[
            Wrong((Z((3, 2)), Z((2, 2), I) + 3, Z((2, 2))), {"dim": 0}, "IndexError", OUTSIDE),
            Wrong((Z((3, 2)), Z((2, 2), I), Z((2, 1))), {"dim": 0}, "ShapeError", ("(2, 1)",)),
            Wrong((Z((3, 2)), Z((2, 2), I), Z((2, 2), I)), {"dim": 0}, "DTypeError", ("float64", "int64")),
        ],
    ),
    "scatter_sum": Oracle(
        scatter_sum,
        scatter_cases,
        ints="same",
        ulp=32,
        wrong=[Wrong((Z((3, 2)), Z((2, 2), I) - 4, Z((2, 2))), {"dim": 0}, "IndexError", OUTSIDE)],
    ),
    "scatter_mul": Oracle(
        lambda *a, dim: scatter(*a, dim=dim, how="prod"),
        lambda d: [*scatter_cases(d)[:5], scatter_cases(d)[-1]],
        ints="same",
        ulp=32,
    ),
    "scatter_max": Oracle(
        lambda *a, dim: scatter(*a, dim=dim, how="amax"),
        lambda d: [*scatter_cases(d)[:5], scatter_cases(d)[-1]],
        ints="same",
    ),
    "scatter_min": Oracle(
        lambda *a, dim: scatter(*a, dim=dim, how="amin"),
        lambda d: [*scatter_cases(d)[:5], scatter_cases(d)[-1]],
        ints="same",
    ),
    "scatter": Oracle(
        lambda x, index, src, dim, reduce=None: scatter(
            x, index, src, dim, {None: "set", "add": "sum", "multiply": "prod"}[reduce]
        ),
        lambda d: [
            *larger(d),
            *(Case(larger(d)[2].inputs, {"dim": 1, "reduce": r}) for r in ("add", "multiply")),
        ],
        ints="same",
        ulp=32,
        wrong=[Wrong((Z((3, 2)), Z((2, 2), I), Z((1, 2))), {"dim": 0}, "ShapeError", ("(1, 2)",))],
    ),
    "scatter_value": Oracle(
        lambda x, index, value, dim, reduce=None: scatter(
            x, index, np.broadcast_to(value, index.shape), dim, "sum" if reduce else "set"
        ),
        lambda d: [
            Case((d(4, 3), d.index(2, 3, below=4), d()), {"dim": 0}),
            Case((d(4, 3), d.index(2, 3, below=4), d()), {"dim": 0, "reduce": "add"}),
        ],
        ints="same",
    ),
    "scatter_add": Oracle(
        lambda x, index, src, dim: scatter(x, index, src, dim, "sum"), larger, ints="same", ulp=32
    ),
    "scatter_reduce": Oracle(
        lambda x, index, src, dim, reduce, include_self=True: scatter(
            x, index, src, dim, reduce, include_self
        ),
        lambda d: with_words(d, "sum", "prod", "mean", "amax", "amin"),
        ints="same",
        of_bools="refuse",
        ulp=64,
    ),
    "index_select": Oracle(
        lambda x, index, dim: np.take(x, index, dim),
        lambda d: [Case((x, index), {"dim": dim}) for x, index, dim in row_places(d)],
        ints="same",
        wrong=[Wrong((Z((3, 2)), Z(2, I) + 3), {"dim": 0}, "IndexError", ("3", "(3, 2)"))],
    ),
    "index_add": Oracle(
        lambda x, index, source, dim: index_with(x, index, source, dim, "sum"),
        source_cases,
        ints="same",
        ulp=32,
        wrong=[Wrong((Z((3, 2)), Z(2, I), Z((2, 1))), {"dim": 0}, "ShapeError", ("(2, 1)", "(2, 2)"))],
    ),
    "index_copy": Oracle(index_with, source_cases, ints="same"),
    "index_fill": Oracle(
        lambda x, index, value, dim: index_with(
            x, index, np.full(of_rows(x, index, dim, index.size).shape, value), dim
        ),
        lambda d: [Case((x, index, d()), {"dim": dim}) for x, index, dim in row_places(d)],
        ints="same",
    ),
    "index_reduce": Oracle(
        lambda x, index, source, dim, reduce, include_self=True: index_with(
            x, index, source, dim, reduce, include_self
        ),
        lambda d: [c for r in ("prod", "mean", "amax", "amin") for c in source_cases(d, reduce=r)[1:3]],
        ints="same",
        of_bools="refuse",
        ulp=64,
    ),
    "take": Oracle(
        lambda x, index: x.ravel()[index],
        lambda d: [Case((d(3, 4), d.index(2, 5, below=12) - 4))],
        ints="same",
        wrong=[Wrong((Z((3, 2)), Z(2, I) + 6), {}, "IndexError", ("6",))],
    ),
    "put": Oracle(
        put,
        lambda d: [
            Case((d(3, 4), d.index(2, 5, below=12) - 4, d(10)), {"accumulate": a}) for a in (True, False)
        ],
        ints="same",
        ulp=32,
    ),
    "take_along_dim": Oracle(
        take_along_dim,
        lambda d: [
            Case((d(3, 4), d.index(1, 4, below=3)), {"dim": 0}),
            Case((d(3, 1), d.index(1, 5, below=1)), {"dim": 1}),
            Case((d(3, 4), d.index(6, below=12)), {}),
        ],
        ints="same",
    ),
    "masked_fill": Oracle(
        lambda x, mask, value: np.where(mask, value, x),
        lambda d: [Case((x, m, d())) for x, m in masks(d)] + [Case((d(3, 2), np.array([True, False]), d()))],
        ints="same",
        wrong=[
            Wrong((Z(3), Z(3, bool), Z(1)), {}, "ShapeError", ("(1,)",)),
            Wrong((Z(3), Z(3), Z(())), {}, "DTypeError", ("float64",)),
        ],
    ),
    "masked_put": Oracle(
        masked_put,
        lambda d: [
            *(Case((x, m, d(x.size + 2))) for x, m in masks(d)),
            Case((d(300, 301), d.index(300, 301, below=2).astype(bool), d(95_000)), large=True),
        ],
        ints="same",
        wrong=[
            Wrong((Z(3), ~Z(3, bool), Z(2)), {}, "ValueError", ("3", "2")),
            Wrong((Z(3), Z(2, bool), Z(2)), {}, "ShapeError", ("(3,)", "(2,)")),
            Wrong((Z(3), Z(3, I), Z(2)), {}, "DTypeError", ("int64",)),
        ],
    ),
    "masked_take": Oracle(
        masked_take,
        lambda d: [
            *(Case((x, m), {"shape": (x.size, 2)}) for x, m in masks(d)),
            Case((d(300, 301), d.index(300, 301, below=2).astype(bool)), {"shape": (95_000,)}, large=True),
        ],
        ints="same",
        wrong=[
            Wrong((Z(3), ~Z(3, bool)), {"shape": (2,)}, "ValueError", ("3", "2")),
            Wrong((Z(3), Z(2, bool)), {"shape": (3,)}, "ShapeError", ("(3,)", "(2,)")),
            Wrong((Z(3), Z(3)), {"shape": (3,)}, "DTypeError", ("float64",)),
        ],
    ),
    "masked_scatter": Oracle(
        masked_put, lambda d: [Case((d(3, 2), np.array([True, False]), d(2, 3)))], ints="same"
    ),
    "index_of": Oracle(
        index_of,
        lambda d: [
            Case((d.index(7, below=5) - 2,), {"sizes": [5]}),
            Case((d.index(2, 3, below=5), d.index(2, 3, below=4) - 4), {"sizes": [5, 4]}),
        ],
        wrong=[
            Wrong((np.array([0, 3]),), {"sizes": [3]}, "IndexError", OUTSIDE),
            Wrong((np.array([0, -4]),), {"sizes": [3]}, "IndexError", OUTSIDE),
            Wrong((Z(2, I), Z(3, I)), {"sizes": [3, 3]}, "ShapeError", ("(3,)", "(2,)")),
            Wrong((Z(2),), {"sizes": [3]}, "DTypeError", ("float64",)),
            Wrong((Z(2, I), Z(2, I)), {"sizes": [2**40, 2**40]}, "ShapeError"),
            Wrong((Z(2, I),), {"sizes": []}, "ValueError"),
        ],
    ),
}
