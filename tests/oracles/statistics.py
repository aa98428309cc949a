"""Reductions that are compositions: tests, sums without NaN, spread and norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z
from oracles.reduction import reduction

DIMS = (((), None), ((7,), 0), ((3, 4, 5), (0, 2)), ((3, 4), None), ((3, 4), -1))


def cases(*more: tuple[tuple[int, ...], Any], **attrs: Any) -> Callable[[Draw], list[Case]]:
    """Over some axes, kept or not."""
    return lambda d: [
        Case((d(*s),), attrs | {"dim": a, "keepdim": k}, smooth=0 not in s)
        for s, a in (*DIMS, *more)
        for k in (False, True)
    ]


def zeros(d: Draw) -> list[Case]:
    """Where some elements, or all of a row, are 0."""
    made = cases(((0,), None), ((2, 0), 1), ((0, 2), 1))(d)
    return [Case((c.inputs[0] * (np.abs(c.inputs[0]) > 1),), c.attrs) for c in made]


def axes(dim: Any) -> Any:
    return dim if dim is None or isinstance(dim, int) else tuple(dim)


def spread(*fns: Callable[..., Array]) -> Callable[..., Any]:
    """Of all if no axis is named."""

    def value(
        x: Array,
        dim: Any = None,
        correction: float = 1.0,
        keepdim: bool = False,
        unbiased: bool | None = None,
    ) -> Any:
        ddof = correction if unbiased is None else float(unbiased)
        options: dict[str, Any] = {"axis": axes(dim), "keepdims": keepdim}
        n = x.size / max(x.sum(**options).size, 1)
        made = [
            fn(x, **options)
            if fn is np.mean
            else fn(x, **options) * (n / np.float64(max(n - ddof, 0.0))) ** (0.5 if fn is np.std else 1)
            for fn in fns
        ]
        return tuple(made) if len(made) > 1 else made[0]

    return value


def spreads() -> dict[str, Oracle]:
    made = {}
    for name, fns in {
        "std": (np.std,),
        "var": (np.var,),
        "std_mean": (np.std, np.mean),
        "var_mean": (np.var, np.mean),
    }.items():
        value = spread(*fns)
        some = (((7,), 0), ((3, 4, 5), (0, 2)), ((3, 4), None))
        wrong = [Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",))]
        made[name] = Oracle(
            value,
            lambda d, some=some: [
                Case((d(*s),), {"dim": a, "keepdim": k, "correction": c})
                for (s, a), k, c in zip(some, (True, False, True), (1.0, 0.0, 1.5), strict=True)
            ],
            ulp=64,
            wrong=wrong,
        )
        made[f"{name}_unbiased"] = Oracle(
            value,
            lambda d: [Case((d(3, 4),), {"dim": 1, "unbiased": u, "keepdim": True}) for u in (False, True)],
            ulp=64,
            wrong=wrong,
        )
        made[f"{name}_of_all"] = Oracle(
            value, lambda d: [Case((d(3, 4),), {"unbiased": u}) for u in (False, True)], ulp=64
        )
    return made


def norm(x: Array, p: Any = "fro", dim: Any = None, keepdim: bool = False) -> Array:
    p, options = 2 if p == "fro" else p, {"axis": axes(dim), "keepdims": keepdim}
    if np.isinf(p):
        return np.asarray((np.max if p > 0 else np.min)(np.abs(x), **options))
    if p == 0:
        return np.asarray((x != 0).sum(**options), x.dtype)
    return np.asarray(np.sum(np.abs(x) ** p, **options) ** (1 / p))


def norms(d: Draw) -> list[Case]:
    ps = (1.0, 2.0, 3.0, 0.5, 0.0, np.inf, -np.inf)
    made = [Case((d(3, 4),), {"p": p, "dim": 1}) for p in ps]
    return [*made, Case((d(2, 3, 4),), {"p": 1.5, "dim": (0, 2), "keepdim": True}), Case((d(5),), {"p": 1})]


def cdist(x: Array, y: Array, p: float = 2.0, compute_mode: str = "") -> Array:
    return norm(x[..., :, None, :] - y[..., None, :, :], p, -1)


def cdists(d: Draw) -> list[Case]:
    made = [Case((d(3, 4), d(5, 4)), {"p": p}) for p in (2.0, 1.0, 3.0)]
    return [*made, Case((d(2, 3, 4), d(2, 27, 4)))]


ORACLES: dict[str, Oracle] = {
    "all": Oracle(reduction(np.all), zeros, ints="bool", flat=True),
    "any": Oracle(reduction(np.any), zeros, ints="bool", flat=True),
    "count_nonzero": Oracle(
        lambda x, dim=None: np.asarray(np.count_nonzero(x, axis=axes(dim))),
        lambda d: [Case(c.inputs, {"dim": c.attrs["dim"]}) for c in zeros(d)],
        ints="int64",
        flat=True,
    ),
    "nansum": Oracle(reduction(np.nansum), cases(((0,), None)), ints="int64", ulp=32),
    "nanmean": Oracle(reduction(np.nanmean), cases(), ulp=32),
    **spreads(),
    "norm": Oracle(norm, cases(((0,), None), p="fro"), ulp=32),
    "norm_p": Oracle(norm, norms, ulp=64, wrong=[Wrong((Z(0),), {"p": np.inf}, "ShapeError", ("(0,)",))]),
    "dist": Oracle(
        lambda x, y, p=2.0: norm(x - y, p),
        lambda d: [Case((d(3, 4), d(4)), {"p": p}) for p in (1.0, 2.0)],
        ulp=32,
    ),
    "cdist": Oracle(
        cdist,
        cdists,
        ulp=512,  # by squares
        wrong=[
            Wrong((Z((2, 3)), Z((2, 4))), {}, "ShapeError", ("(2, 3)", "(2, 4)")),
            Wrong((Z((2, 3)), Z((2, 3))), {"p": -1.0}, "ValueError", ("p is -1",)),
        ],
    ),
}
