"""Losses."""

from __future__ import annotations

import numpy as np

from oracles.base import Array, Case, Draw, I, Oracle, Wrong, Z


def cross_entropy(
    input: Array, target: Array, ignore_index: int = -100, reduction: str = "mean"
) -> tuple[Array, Array, Array, Array]:
    top = input.max(axis=1, keepdims=True) if input.size else np.zeros((len(input), 1))
    log_sum = np.log(np.exp(input - top).sum(axis=1))
    counts = target != ignore_index
    picked = np.take_along_axis(input - top, np.where(counts, target, 0)[:, None], axis=1)[:, 0]
    loss = np.where(counts, log_sum - picked, 0.0)
    count = np.asarray(counts.sum(dtype=np.float64))
    total = loss if reduction == "none" else loss.sum() / (count if reduction == "mean" else 1.0)
    return np.asarray(total), top[:, 0], log_sum, count


def cross_entropy_backward(
    g: Array,
    input: Array,
    target: Array,
    top: Array,
    log_sum: Array,
    count: Array,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    scale = g[:, None] if reduction == "none" else g / (count if reduction == "mean" else 1.0)
    hot = np.arange(input.shape[1]) == target[:, None]
    p = np.exp(input - top[:, None] - log_sum[:, None])
    return np.where((target != ignore_index)[:, None], scale * (p - hot), 0.0)


def targets(d: Draw, n: int, classes: int, ignored: int) -> Array:
    target = d.index(n, below=classes)
    target[2::5] = ignored
    return target


def cross_entropy_cases(d: Draw) -> list[Case]:
    made = []
    for n, c in ((1, 1), (2, 3), (7, 17), (0, 4), (33, 10)):
        for r in ("none", "mean", "sum"):
            made.append(Case((d(n, c), targets(d, n, c, -100)), {"reduction": r}, smooth=n > 0))
            if c > 1:
                made.append(
                    Case((d(n, c), targets(d, n, c, 1)), {"reduction": r, "ignore_index": 1}, smooth=n > 0)
                )
    made.append(Case((d(3, 2), np.full(3, -100)), {}, smooth=False))  # nothing counts: the mean is NaN
    return made + [
        Case((d(5000, 65), targets(d, 5000, 65, -100)), {"reduction": r}, large=True)
        for r in ("none", "mean", "sum")
    ]


def cross_entropy_backward_cases(d: Draw) -> list[Case]:
    made = []
    for n, c, large in ((1, 1, False), (4, 3, False), (7, 17, False), (5000, 65, True)):
        for r in ("none", "mean", "sum"):
            g = d(n) if r == "none" else d()
            top, log_sum, count = d(n, low=2, high=3), d(n, low=0.5, high=1), np.asarray(float(n) + 0.5)
            operands = (g, d(n, c), targets(d, n, c, -100), top, log_sum, count)
            made.append(Case(operands, {"reduction": r}, large=large))
    return made


ORACLES: dict[str, Oracle] = {
    "cross_entropy": Oracle(
        cross_entropy,
        cross_entropy_cases,
        ulp=32,
        wrong=[
            Wrong((Z((2, 3)), Z((2, 1), I)), {}, "ShapeError", ("(2, 3)", "(2, 1)")),
            Wrong((Z((2, 3)), Z(3, I)), {}, "ShapeError", ("(2, 3)", "(3,)")),
            Wrong((Z(3), Z(3, I)), {}, "ShapeError", ("(3,)",)),
            Wrong((Z((2, 0)), Z(2, I)), {}, "ShapeError", ("(2, 0)",)),
            Wrong((Z((2, 3)), Z(2)), {}, "DTypeError", ("float64", "int64")),
            Wrong(
                (Z((2, 3)), Z(2, I)), {"reduction": "median"}, "ValueError", ("'median'", '"mean" or "sum"')
            ),
            Wrong((Z((2, 3)), np.array([0, 3])), {}, "IndexError", ("3", "target[1]")),
            Wrong((Z((2, 3)), np.array([-1, 0])), {}, "IndexError", ("-1", "target[0]")),
            Wrong((Z((2, 3)), np.array([-(2**63), 0])), {}, "IndexError", ("target[0]",)),
        ],
    ),
    "cross_entropy_backward": Oracle(
        cross_entropy_backward,
        cross_entropy_backward_cases,
        ulp=32,
        wrong=[
            Wrong((Z(2), Z((2, 3)), Z(2, I), Z(2), Z(2), Z(())), {}, "ShapeError", ("(2,)", "(2, 3)")),
            Wrong((Z(()), Z((2, 3)), Z(2, I), Z(3), Z(2), Z(())), {}, "ShapeError", ("(3,)", "(2, 3)")),
            Wrong((Z(()), Z((2, 3)), Z(2, I), Z(2), Z(3), Z(())), {}, "ShapeError", ("(3,)", "(2, 3)")),
            Wrong(
                (Z((), np.float32), Z((2, 3)), Z(2, I), Z(2), Z(2), Z(())),
                {},
                "DTypeError",
                ("float32", "float64"),
            ),
        ],
    ),
}
