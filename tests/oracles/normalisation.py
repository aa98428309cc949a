"""Normalisation."""

from __future__ import annotations

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z


def layer_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    mean = x.mean(axis=-1)
    rstd = 1 / np.sqrt(x.var(axis=-1) + eps)
    y = (x - mean[..., None]) * rstd[..., None]
    y = y if weight is None else y * weight
    return y if bias is None else y + bias, mean, rstd


def layer_norm_backward(g: Array, x: Array, mean: Array, rstd: Array, weight: Array | None = None) -> Array:
    xhat = (x - mean[..., None]) * rstd[..., None]
    h = g if weight is None else g * weight
    return rstd[..., None] * (h - h.mean(-1, keepdims=True) - xhat * (h * xhat).mean(-1, keepdims=True))


def layer_norm_backward_params(g: Array, x: Array, mean: Array, rstd: Array) -> tuple[Array, Array]:
    xhat = (x - mean[..., None]) * rstd[..., None]
    rows = tuple(range(x.ndim - 1))
    return (g * xhat).sum(rows), g.sum(rows)


NORMALISED = ((3, 4), (5,), (2, 3, 5), (1, 17), (0, 3), (33, 31))


def layer_norm_cases(d: Draw) -> list[Case]:
    made = []
    for shape in (*NORMALISED, (2, 1000), (900, 301)):
        inputs, large = (d(*shape), d(shape[-1]), d(shape[-1])), shape == (900, 301)
        made += [Case(inputs[:n], {"eps": e}, large=large) for n, e in ((1, 1e-5), (2, 1e-3), (3, 0.1))]
    return made


def layer_norm_backward_cases(d: Draw) -> list[Case]:
    made = []
    for shape in (*NORMALISED, (900, 301)):
        rows = shape[:-1]
        inputs = (d(*shape), d(*shape), d(*rows), d(*rows, low=0.5), d(shape[-1]))
        made += [Case(inputs[:n], large=shape == (900, 301)) for n in (4, 5)]
    return made


def layer_norm_backward_params_cases(d: Draw) -> list[Case]:
    return [case for case in layer_norm_backward_cases(d) if len(case.inputs) == 4]


ORACLES: dict[str, Oracle] = {
    "layer_norm": Oracle(
        layer_norm,
        layer_norm_cases,
        ulp=64,
        wrong=[
            Wrong((Z(()),), {}, "ShapeError", ("()",)),
            Wrong((Z((2, 0)),), {}, "ShapeError", ("(2, 0)",)),
            Wrong((Z((2, 3)), Z(2)), {}, "ShapeError", ("(2, 3)", "(2,)")),
            Wrong((Z((2, 3)), Z(3), Z(2)), {}, "ShapeError", ("(2, 3)", "(2,)")),
            Wrong((Z((2, 3)), Z(3, np.float32)), {}, "DTypeError", ("float64", "float32")),
        ],
    ),
    "layer_norm_backward": Oracle(
        layer_norm_backward,
        layer_norm_backward_cases,
        ulp=64,
        wrong=[
            Wrong((Z((2, 4)), Z((2, 3)), Z(2), Z(2)), {}, "ShapeError", ("(2, 4)", "(2, 3)")),
            Wrong((Z((2, 3)), Z((2, 3)), Z(3), Z(2)), {}, "ShapeError", ("(3,)", "(2, 3)")),
            Wrong((Z((2, 3)), Z((2, 3)), Z(2), Z(2), Z(2)), {}, "ShapeError", ("(2,)", "(2, 3)")),
            Wrong((Z((2, 3)), Z((2, 3)), Z(2, np.float32), Z(2)), {}, "DTypeError", ("float32", "float64")),
        ],
    ),
    "layer_norm_backward_params": Oracle(
        layer_norm_backward_params,
        layer_norm_backward_params_cases,
        ulp=64,
        wrong=[
            Wrong((Z((2, 4)), Z((2, 3)), Z(2), Z(2)), {}, "ShapeError", ("(2, 4)", "(2, 3)")),
            Wrong((Z((2, 3)), Z((2, 3)), Z(3), Z(2)), {}, "ShapeError", ("(3,)", "(2, 3)")),
            Wrong((Z((2, 3)), Z((2, 3)), Z(2, np.float32), Z(2)), {}, "DTypeError", ("float32", "float64")),
        ],
    ),
}
