"""Updates of optimizers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from oracles.base import Array, Case, Draw, I, Oracle, Wrong, Z
from oracles.indexing import index_rows_backward


def sgd(p: Array, grad: Array, lr: Array, weight_decay: Array, maximize: bool = False) -> Array:
    return p - lr * ((-grad if maximize else grad) + weight_decay * p)


def sgd_rows(
    p: Array, g: Array, index: Array, lr: Array, weight_decay: Array, maximize: bool = False
) -> Array:
    return sgd(p, index_rows_backward(g, index, len(p)), lr, weight_decay, maximize)


def sgd_rows_cases(d: Draw) -> list[Case]:
    sizes = [((5, 3), (4,)), ((5,), ()), ((5, 2), (2, 3)), ((5, 2, 2), (0,)), ((1, 3), (17,)), ((4, 0), (3,))]
    made = []
    for k, (table, index) in enumerate([*sizes, ((900, 401), (700,))]):
        numbers = np.array(0.1), np.array(0.3 if k & 1 else 0.0)
        inputs = d(*table), d(*index, *table[1:]), d.index(*index, below=table[0]), *numbers
        made.append(Case(inputs, {"maximize": bool(k & 2)}, large=table[0] == 900))
    return made


def sgd_momentum(
    p: Array,
    grad: Array,
    buffer: Array,
    lr: Array,
    weight_decay: Array,
    momentum: Array,
    dampening: Array,
    started: Array | float = 1.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> tuple[Array, Array]:
    g = (-grad if maximize else grad) + weight_decay * p
    b = momentum * buffer + (1 - dampening * started) * g
    return p - lr * (g + momentum * b if nesterov else b), b


def adam(
    p: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    step: Array,
    lr: Array,
    beta1: Array,
    beta2: Array,
    eps: Array,
    weight_decay: Array,
    max_exp_avg_sq: Array | None = None,
    decoupled: bool = False,
    maximize: bool = False,
) -> tuple[Array, ...]:
    g = -grad if maximize else grad
    if decoupled:
        p = p * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * p
    m, v, t = beta1 * exp_avg + (1 - beta1) * g, beta2 * exp_avg_sq + (1 - beta2) * g * g, step + 1
    u = v if max_exp_avg_sq is None else np.maximum(max_exp_avg_sq, v)
    new = p - lr / (1 - beta1**t) * m / (np.sqrt(u / (1 - beta2**t)) + eps)
    return (new, m, v, t) if max_exp_avg_sq is None else (new, m, v, t, u)


def update_cases(arrays: str, numbers: Sequence[float], flags: Sequence[str]) -> Callable[[Draw], list[Case]]:
    """`arrays` lists the inputs: "a" of the parameter's shape, "+" the same above 0, "." all the numbers."""

    def cases(d: Draw) -> list[Case]:
        made = []
        for i, shape in enumerate([(), (0,), (1,), (17,), (3, 5), (33, 31), (600, 701)]):
            inputs: list[Array] = []
            for kind in arrays:
                if kind == ".":
                    inputs += [np.array(x) for x in numbers]
                else:
                    inputs.append(d(*shape, low=0.1 if kind == "+" else -2.0))
            attrs = {flag: bool(i >> k & 1) for k, flag in enumerate(flags)}
            made.append(Case(tuple(inputs), attrs, large=i == 6))
        return made

    return cases


ORACLES: dict[str, Oracle] = {
    "sgd": Oracle(
        sgd,
        update_cases("aa.", (0.1, 0.3), ("maximize",)),
        ulp=8,
        wrong=[
            Wrong((Z(2), Z(3), Z(()), Z(())), {}, "ShapeError", ("grad", "(3,)", "(2,)")),
            Wrong((Z(2), Z(2), Z(1), Z(())), {}, "ShapeError", ("lr", "(1,)", "()")),
            Wrong((Z(2), Z(2, np.float32), Z(()), Z(())), {}, "DTypeError", ("grad", "float32", "float64")),
            Wrong((Z(2), Z(2), Z((), I), Z(())), {}, "DTypeError", ("lr", "int64")),
        ],
    ),
    "sgd_rows": Oracle(
        sgd_rows,
        sgd_rows_cases,
        ulp=32,
        wrong=[
            Wrong((Z(()), Z(()), Z((), I), Z(()), Z(())), {}, "ShapeError", ("()",)),
            Wrong(
                (Z((4, 3)), Z((2, 2)), Z(2, I), Z(()), Z(())), {}, "ShapeError", ("(4, 3)", "(2, 2)", "(2,)")
            ),
            Wrong((Z((4, 3)), Z((2, 3)), Z(2, I), Z(2), Z(())), {}, "ShapeError", ("lr",)),
            Wrong((Z((4, 3)), Z((2, 3), np.float32), Z(2, I), Z(()), Z(())), {}, "DTypeError", ("float32",)),
            Wrong((Z((4, 3)), Z((2, 3)), Z(2), Z(()), Z(())), {}, "DTypeError", ("index", "float64")),
        ],
    ),
    "sgd_momentum": Oracle(
        sgd_momentum,
        lambda d: [
            *update_cases("aaa.", (0.1, 0.3, 0.9, 0.5), ("nesterov", "maximize"))(d),
            *update_cases("aaa.", (0.1, 0.0, 0.9, 0.5, 0.0), ("maximize", "nesterov"))(d),
        ],
        ulp=8,
        wrong=[
            Wrong((Z(2), Z(2), Z(3), *[Z(())] * 4), {}, "ShapeError", ("buffer", "(3,)", "(2,)")),
            Wrong((Z(2), Z(2), Z(2), *[Z(())] * 3, Z(2)), {}, "ShapeError", ("dampening", "(2,)", "()")),
        ],
    ),
    "adam": Oracle(
        adam,
        update_cases("aaa+.", (4.0, 0.1, 0.9, 0.99, 1e-3, 0.3), ("decoupled", "maximize")),
        ulp=32,
        wrong=[
            Wrong((Z(2), Z(2), Z(2), Z(3), *[Z(())] * 6), {}, "ShapeError", ("exp_avg_sq", "(3,)", "(2,)")),
            Wrong((*[Z(2)] * 5, *[Z(())] * 5), {}, "ShapeError", ("step", "(2,)", "()")),
            Wrong((*[Z(2)] * 4, Z((), I), *[Z(())] * 5), {}, "DTypeError", ("step", "int64")),
        ],
    ),
    "amsgrad": Oracle(
        adam,
        update_cases("aaa+.+", (0.0, 0.1, 0.9, 0.99, 1e-3, 0.3), ("decoupled", "maximize")),
        ulp=32,
        wrong=[
            Wrong((*[Z(2)] * 4, *[Z(())] * 6, Z(3)), {}, "ShapeError", ("max_exp_avg_sq", "(3,)", "(2,)")),
        ],
    ),
    "finite_norm": Oracle(
        lambda x: x,
        lambda d: [Case((d(),))],
        ulp=0,
        wrong=[
            Wrong((Z(2),), {}, "ShapeError", ("(2,)",)),
            Wrong((np.array(np.nan),), {}, "GraphError", ("nan",)),
            Wrong((np.array(-np.inf),), {}, "GraphError", ("inf",)),
        ],
    ),
}
