"""Activations."""

from __future__ import annotations

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z
from oracles.elementwise import sigmoid
from oracles.pointwise import of_one


def softplus(x: Array) -> Array:
    return np.logaddexp(x, 0.0)


def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    return np.where(x > 0, x, x * negative_slope)


def exponential_below(x: Array, alpha: float, width: float, scale: float) -> Array:
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / width))


def gelu_tanh(x: Array) -> Array:
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def glu(x: Array, dim: int = -1) -> Array:
    a, b = np.split(x, 2, dim)
    return a * sigmoid(b)


def prelu(x: Array, weight: Array) -> Array:
    if weight.size > 1:
        weight = weight.reshape([-1 if i == 1 else 1 for i in range(x.ndim)])
    return np.where(x > 0, x, weight * x)


def glu_cases(d: Draw) -> list[Case]:
    return [Case((d(4),)), Case((d(3, 6),)), Case((d(2, 4, 3),), {"dim": 1}), Case((d(0, 2),))]


def prelu_cases(d: Draw) -> list[Case]:
    return [Case((d(4), d(1))), Case((d(), d())), Case((d(2, 3), d(3))), Case((d(2, 3, 4), d(3)))]


ORACLES: dict[str, Oracle] = {
    "leaky_relu": of_one(leaky_relu, attrs=({}, {"negative_slope": 0.2})),
    "threshold": of_one(
        lambda x, threshold, value: np.where(x > threshold, x, np.asarray(value, x.dtype)),
        ints="same",
        attrs=({"threshold": 0.5, "value": 2.0},),
    ),
    "hardtanh": of_one(
        lambda x, min_val=-1.0, max_val=1.0: np.clip(x, min_val, max_val).astype(x.dtype),
        ints="same",
        of_bools="refuse",
        attrs=({}, {"min_val": -2.0, "max_val": 0.0}),
    ),
    "hardsigmoid": of_one(lambda x: np.clip(x + 3, 0, 6) / 6, -5, 5),
    "hardswish": of_one(lambda x: x * np.clip(x + 3, 0, 6) / 6, -5, 5),
    "hardshrink": of_one(
        lambda x, lambd=0.5: np.where(np.abs(x) > lambd, x, 0.0), attrs=({}, {"lambd": 1.0})
    ),
    "softshrink": of_one(
        lambda x, lambd=0.5: x - np.clip(x, -lambd, lambd),
        attrs=({}, {"lambd": 1.0}),
        wrong=[Wrong((Z(2),), {"lambd": -1.0}, "ValueError", ("-1",))],
    ),
    "tanhshrink": of_one(lambda x: x - np.tanh(x), ulp=16),
    "elu": of_one(lambda x, alpha=1.0: exponential_below(x, alpha, 1, 1), attrs=({}, {"alpha": 0.5})),
    "celu": of_one(lambda x, alpha=1.0: exponential_below(x, alpha, alpha, 1), attrs=({}, {"alpha": 0.5})),
    "selu": of_one(lambda x: exponential_below(x, 1.6732632423543772848, 1, 1.0507009873554804934)),
    "silu": of_one(lambda x: x * sigmoid(x)),
    "mish": of_one(lambda x: x * np.tanh(softplus(x)), ulp=8),
    "logsigmoid": of_one(lambda x: -softplus(-x)),
    "softsign": of_one(lambda x: x / (1 + np.abs(x))),
    "gelu_tanh": of_one(gelu_tanh, ulp=16),
    "glu": Oracle(
        glu,
        glu_cases,
        wrong=[
            Wrong((Z(3),), {}, "ShapeError", ("(3,)", "even")),
            Wrong((Z(2),), {"dim": 1}, "IndexError"),
        ],
    ),
    "prelu": Oracle(
        prelu,
        prelu_cases,
        wrong=[Wrong((Z((2, 3)), Z(2)), {}, "ShapeError", ("(2,)", "(2, 3)"))],
    ),
}
