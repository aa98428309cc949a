"""float64 oracles in NumPy: one row per op of the registry, from which every test of ops is driven.

An elementwise op needs its function and nothing else: the tests draw inputs of many shapes from the
registry's interval. Another op also gives cases: inputs and attributes. oracles.py holds the functions of
those ops and what draws their cases.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from oracles import (
    Array,
    Case,
    Draw,
    adam,
    advance_key,
    arg,
    arg_cases,
    cast_cases,
    copies,
    cross_entropy,
    cross_entropy_backward,
    cross_entropy_backward_cases,
    cross_entropy_cases,
    dropout,
    expand,
    expand_cases,
    index_rows_backward,
    index_rows_backward_cases,
    index_rows_cases,
    layer_norm,
    layer_norm_backward,
    layer_norm_backward_cases,
    layer_norm_cases,
    linear,
    linear_cases,
    log_softmax,
    log_softmax_rows_backward,
    logsumexp,
    matmul_cases,
    permute_cases,
    random_cases,
    reduction,
    reductions,
    reshape_cases,
    sgd,
    sgd_momentum,
    slice_,
    slice_backward,
    slice_backward_cases,
    slice_cases,
    softmax,
    softmax_cases,
    softmax_rows_backward,
    softmax_rows_backward_cases,
    softmax_rows_cases,
    transpose_cases,
    uniform,
    update_cases,
)


class Wrong(NamedTuple):
    """A call that must fail, and what its text must say besides the op's name."""

    inputs: tuple[Any, ...]
    attrs: dict[str, Any]
    error: str
    says: tuple[str, ...] = ()


@dataclass(frozen=True)
class Oracle:
    """What an op computes.

    `value` takes the inputs and the attributes and gives an array, or a tuple of them. `ints` says what
    integers (and bools) become: "float" (float32), "same", "bool", "index" (int64) or "refuse" (DTypeError);
    `takes_bool` whether bools go the same way. Float results lie within `ulp` units in the last place: of
    each number for elementwise ops, of the largest for others.
    """

    value: Callable[..., Any]
    cases: Callable[[Draw], Sequence[Case]] | None = None
    ints: str = "refuse"
    takes_bool: bool = True
    ulp: float = 4.0
    bools: tuple[int, ...] = ()  # elementwise: inputs that are conditions
    wrong: Sequence[Wrong] = field(default=())


# ---- The table ---------------------------------------------------------------------------------------------


def sigmoid(x: Array) -> Array:
    u = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, u) / (1 + u)


erf = np.vectorize(math.erf, otypes=[np.float64])
erfc = np.vectorize(math.erfc, otypes=[np.float64])


def gelu(x: Array) -> Array:
    return np.where(x == -np.inf, 0.0, 0.5 * x * erfc(-x / math.sqrt(2)))


def gelu_slope(x: Array) -> Array:
    density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return np.where(np.isinf(x), x > 0, 0.5 * erfc(-x / math.sqrt(2)) + x * density)


Z = np.zeros
I = np.int64  # noqa: E741

ORACLES: dict[str, Oracle] = {
    # Elementwise: the function.
    "add": Oracle(lambda x, y: x + y, ints="same"),
    "sub": Oracle(lambda x, y: x - y, ints="same"),
    "mul": Oracle(lambda x, y: x * y, ints="same"),
    "div": Oracle(lambda x, y: x / y, ints="float"),
    "maximum": Oracle(np.maximum, ints="same"),
    "abs": Oracle(np.abs, ints="same"),
    "sign": Oracle(np.sign, ints="same"),
    "neg": Oracle(lambda x: -x, ints="same"),
    "exp": Oracle(np.exp, ints="float"),
    "log": Oracle(np.log, ints="float"),
    "expm1": Oracle(np.expm1, ints="float"),
    "log1p": Oracle(np.log1p, ints="float"),
    "sqrt": Oracle(np.sqrt, ints="float"),
    "rsqrt": Oracle(lambda x: 1 / np.sqrt(x), ints="float"),
    "reciprocal": Oracle(lambda x: 1 / x, ints="float"),
    "square": Oracle(lambda x: x * x, ints="same"),
    "pow": Oracle(np.power, ints="same"),
    "sin": Oracle(np.sin, ints="float"),
    "cos": Oracle(np.cos, ints="float"),
    "relu": Oracle(lambda x: np.maximum(x, 0), ints="same"),
    "sigmoid": Oracle(sigmoid, ints="float"),
    "tanh": Oracle(np.tanh, ints="float"),
    "erf": Oracle(erf, ints="float"),
    # No better themselves: an error of x / sqrt(2) counts x² times. tests/kernels/ulp.cpp is exact.
    "gelu": Oracle(gelu, ints="float", ulp=16),
    "gelu_slope": Oracle(gelu_slope, ints="float", ulp=16),
    "softplus": Oracle(lambda x: np.logaddexp(x, 0.0), ints="float"),
    "eq": Oracle(lambda x, y: x == y, ints="bool"),
    "ne": Oracle(lambda x, y: x != y, ints="bool"),
    "lt": Oracle(lambda x, y: x < y, ints="bool"),
    "le": Oracle(lambda x, y: x <= y, ints="bool"),
    "gt": Oracle(lambda x, y: x > y, ints="bool"),
    "ge": Oracle(lambda x, y: x >= y, ints="bool"),
    "mul_mask": Oracle(lambda x, y: np.where(y != 0, x, 0), ints="same"),
    "mul_zero": Oracle(lambda x, y: np.where(x != 0, x * y, 0), ints="float"),
    "where": Oracle(
        np.where,
        ints="same",
        bools=(0,),
        wrong=[Wrong((Z(3), Z(3), Z(3)), {}, "DTypeError", ("float64", "bool"))],
    ),
    # Shapes.
    "contiguous": Oracle(lambda x: x, copies, ints="same"),
    "detach": Oracle(lambda x: x, copies, ints="same"),
    "cast": Oracle(
        lambda x, dtype: x.astype(dtype),
        cast_cases,
        ints="same",
        wrong=[Wrong((Z(3),), {"dtype": "float16"}, "TypeError"), Wrong((Z(3),), {"dtype": 3}, "TypeError")],
    ),
    "reshape": Oracle(
        lambda x, shape: x.reshape(shape),
        reshape_cases,
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"shape": (4,)}, "ShapeError", ("(2, 3)", "(4,)")),
            Wrong((Z((2, 3)),), {"shape": (-1, -1)}, "ShapeError", ("(-1, -1)",)),
            Wrong((Z((2, 3)),), {"shape": (-1, 4)}, "ShapeError", ("(2, 3)", "(-1, 4)")),
            Wrong((Z((2, 3)),), {"shape": (-2, 3)}, "ShapeError", ("(-2, 3)",)),
            Wrong((Z((0, 3)),), {"shape": (-1, 0)}, "ShapeError", ("(0, 3)",)),
            Wrong((Z(1),), {"shape": (2**62, 2**62)}, "ShapeError"),
            Wrong((Z(1),), {"shape": (1,) * 9}, "ShapeError"),
        ],
    ),
    "permute": Oracle(
        lambda x, dims: np.transpose(x, [a % x.ndim for a in dims] if dims else None),
        permute_cases,
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"dims": (0,)}, "ShapeError", ("(2, 3)", "(0,)")),
            Wrong((Z((2, 3)),), {"dims": (0, 0)}, "ShapeError", ("(0, 0)",)),
            Wrong((Z((2, 3)),), {"dims": (0, -2)}, "ShapeError", ("(0, -2)",)),
            Wrong((Z((2, 3)),), {"dims": (0, 2)}, "IndexError", ("2",)),
        ],
    ),
    "transpose": Oracle(
        lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1),
        transpose_cases,
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"dim0": 0, "dim1": 2}, "IndexError", ("2",)),
            Wrong((Z(()),), {"dim0": 0, "dim1": 0}, "IndexError"),
        ],
    ),
    "expand": Oracle(
        expand,
        expand_cases,
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"shape": (3,)}, "ShapeError", ("(2, 3)", "(3,)")),
            Wrong((Z((2, 3)),), {"shape": (2, 4)}, "ShapeError", ("(2, 3)", "(2, 4)")),
            Wrong((Z((2,)),), {"shape": (-1, 2)}, "ShapeError", ("(2,)", "(-1, 2)")),
            Wrong((Z(1),), {"shape": (2**62, 2**62)}, "ShapeError"),
        ],
    ),
    "slice": Oracle(
        slice_,
        slice_cases,
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",)),
            Wrong((Z(()),), {"dim": 0}, "IndexError"),
            Wrong((Z((2, 3)),), {"dim": 0, "step": 0}, "ValueError", ("0",)),
        ],
    ),
    "slice_backward": Oracle(
        slice_backward,
        slice_backward_cases,
        ints="same",
        wrong=[
            Wrong((Z((2, 3)),), {"dim": 0, "stop": 1, "shape": (4, 3)}, "ShapeError", ("(2, 3)", "(1, 3)")),
            Wrong((Z((2, 3)),), {"dim": 2, "shape": (4, 3)}, "IndexError", ("2",)),
            Wrong((Z((2, 3)),), {"dim": 0, "shape": (-4, 3)}, "ShapeError"),
        ],
    ),
    # Reductions.
    "sum": Oracle(
        reduction(np.sum),
        reductions(empty=True),
        ints="same",
        ulp=32,
        wrong=[
            Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",)),
            Wrong((Z((2, 3)),), {"dim": (0, -2)}, "ValueError", ("0",)),
        ],
    ),
    "sum_squares": Oracle(
        reduction(lambda x, **axes: np.sum(x * x, **axes)),
        reductions(empty=True),
        ulp=32,
        wrong=[
            Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",)),
            Wrong((Z((2, 3)),), {"dim": (0, -2)}, "ValueError", ("0",)),
        ],
    ),
    **{
        name: Oracle(
            reduction(fn),
            reductions(empty=False),
            ints="same",
            takes_bool=False,
            ulp=0,
            wrong=[
                Wrong((Z((2, 3)),), {"dim": -3}, "IndexError", ("-3",)),
                Wrong((Z((2, 3)),), {"dim": (1, 1)}, "ValueError", ("1",)),
                Wrong((Z((0, 3)),), {"dim": 0}, "ShapeError", ("(0, 3)",)),
                Wrong((Z(0),), {}, "ShapeError", ("(0,)",)),
            ],
        )
        for name, fn in (("amax", np.max), ("amin", np.min))
    },
    **{
        name: Oracle(
            arg(fn),
            arg_cases,
            ints="index",
            takes_bool=False,
            wrong=[
                Wrong((Z((2, 3)),), {"dim": -3}, "IndexError", ("-3",)),
                Wrong((Z((0, 3)),), {"dim": 0}, "ShapeError", ("(0, 3)",)),
                Wrong((Z(0),), {}, "ShapeError", ("(0,)",)),
            ],
        )
        for name, fn in (("argmax", np.argmax), ("argmin", np.argmin))
    },
    "logsumexp": Oracle(
        reduction(logsumexp),
        reductions(empty=False),
        ulp=32,
        wrong=[
            Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",)),
            Wrong((Z((0, 3)),), {"dim": 0}, "ShapeError", ("(0, 3)",)),
        ],
    ),
    "mean": Oracle(
        reduction(np.mean),
        reductions(empty=True),
        ulp=32,
        wrong=[
            Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",)),
            Wrong((Z((2, 3)),), {"dim": (0, 0)}, "ValueError", ("0",)),
        ],
    ),
    # Products.
    "matmul": Oracle(
        np.matmul,
        matmul_cases,
        ulp=32,
        wrong=[
            Wrong((Z((2, 3)), Z((2, 3))), {}, "ShapeError", ("(2, 3)",)),
            Wrong((Z((2, 3)), Z(2)), {}, "ShapeError", ("(2, 3)", "(2,)")),
            Wrong((Z(()), Z(2)), {}, "ShapeError", ("()", "(2,)")),
            Wrong((Z((2, 1, 3)), Z((3, 3, 1))), {}, "ShapeError", ("(2, 1, 3)", "(3, 3, 1)")),
            Wrong((Z((2, 3)), Z((3, 2), np.float32)), {}, "DTypeError", ("float64", "float32")),
        ],
    ),
    "linear": Oracle(
        linear,
        linear_cases,
        ulp=32,
        wrong=[
            Wrong((Z((2, 3)), Z((4, 2))), {}, "ShapeError", ("(2, 3)", "(4, 2)")),
            Wrong((Z(()), Z((4, 2))), {}, "ShapeError", ("()", "(4, 2)")),
            Wrong((Z((2, 3)), Z(3)), {}, "ShapeError", ("(2, 3)", "(3,)")),
            Wrong((Z((2, 3)), Z((4, 3)), Z(3)), {}, "ShapeError", ("(4, 3)", "(3,)")),
            Wrong((Z((2, 3)), Z((4, 3)), Z((4, 1))), {}, "ShapeError", ("(4, 3)", "(4, 1)")),
            Wrong((Z((2, 3)), Z((4, 3), np.float32)), {}, "DTypeError", ("float64", "float32")),
        ],
    ),
    # Rows by index.
    "index_rows": Oracle(
        lambda x, index: x[index],
        index_rows_cases,
        ints="same",
        wrong=[
            Wrong((Z(()), Z(2, I)), {}, "ShapeError"),
            Wrong((Z(3), Z(2)), {}, "DTypeError", ("float64", "int64")),
            Wrong((Z(3), Z(2, np.int32)), {}, "DTypeError", ("int32", "int64")),
            Wrong((Z((3, 2)), np.array([0, 3])), {}, "IndexError", ("3", "(3, 2)")),
            Wrong((Z((3, 2)), np.array([0, -1])), {}, "IndexError", ("-1", "(3, 2)")),
            Wrong((Z((3, 2)), np.array([2**62])), {}, "IndexError", ("(3, 2)",)),
            Wrong((Z((0, 2)), np.array([0])), {}, "IndexError", ("(0, 2)",)),
        ],
    ),
    "index_rows_backward": Oracle(
        index_rows_backward,
        index_rows_backward_cases,
        ulp=32,
        wrong=[
            Wrong((Z((2, 3)), Z(3, I)), {"rows": 4}, "ShapeError", ("(2, 3)", "(3,)")),
            Wrong((Z((2, 3)), Z(2, I)), {"rows": -1}, "ShapeError"),
            Wrong((Z((2, 3)), Z(2)), {"rows": 4}, "DTypeError", ("float64", "int64")),
            Wrong((Z((2, 3)), np.array([0, 4])), {"rows": 4}, "IndexError", ("4",)),
            Wrong((Z((2, 3)), np.array([0, -1])), {"rows": 4}, "IndexError", ("-1",)),
        ],
    ),
    # Softmax.
    **{
        name: Oracle(
            fn,
            softmax_cases,
            ulp=16,
            wrong=[
                Wrong((Z((2, 3)),), {"dim": 2}, "IndexError", ("2",)),
                Wrong((Z(()),), {"dim": 0}, "IndexError", ("0",)),
            ],
        )
        for name, fn in (("softmax", softmax), ("log_softmax", log_softmax))
    },
    **{
        name: Oracle(fn, softmax_rows_cases, ulp=16, wrong=[Wrong((Z(()),), {}, "ShapeError", ("()",))])
        for name, fn in (("softmax_rows", softmax), ("log_softmax_rows", log_softmax))
    },
    **{
        name: Oracle(
            fn,
            softmax_rows_backward_cases,
            ulp=32,
            wrong=[
                Wrong((Z((2, 3)), Z((2, 4))), {}, "ShapeError", ("(2, 3)", "(2, 4)")),
                Wrong((Z((2, 3)), Z((2, 3), np.float32)), {}, "DTypeError", ("float32", "float64")),
            ],
        )
        for name, fn in (
            ("softmax_rows_backward", softmax_rows_backward),
            ("log_softmax_rows_backward", log_softmax_rows_backward),
        )
    },
    # Losses.
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
            Wrong((Z((2, 3)), Z(2, I)), {"reduction": 3}, "ValueError", ("3",)),
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
    # Normalisation.
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
    # Updates of optimizers.
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
    # Random.
    "advance_key": Oracle(
        advance_key,
        lambda d: [Case((np.array(k),)) for k in ((0, 0), (-1, 5), (3, 2**63 - 1), (9, -1))],
        wrong=[
            Wrong((Z(2),), {}, "DTypeError", ("float64",)),
            Wrong((Z(3, I),), {}, "DTypeError", ("(3,)",)),
        ],
    ),
    "dropout": Oracle(
        dropout,
        random_cases,
        wrong=[
            Wrong((Z(3), Z(2, I)), {"p": p}, "ValueError") for p in (-0.1, 1.1, float("nan"), float("inf"))
        ]
        + [
            Wrong((Z(3), Z(3, I)), {}, "DTypeError", ("(3,)",)),
            Wrong((Z(3, I), Z(2, I)), {}, "DTypeError", ("int64",)),
        ],
    ),
    "uniform": Oracle(
        uniform,
        lambda d: [
            *(Case((np.array([5, 9]),), {"shape": s}) for s in ((), (0,), (1,), (17,), (33, 31))),
            Case((np.array([-5, 2**62]),), {"shape": (1000,), "low": -2.0, "high": 3.0}),
            Case((np.array([5, 9]),), {"shape": (600, 701)}, large=True),
        ],
        wrong=[
            Wrong((Z(2, I),), {"shape": (2, -1)}, "ShapeError", ("(2, -1)",)),
            Wrong((Z(2, I),), {"shape": (2**62, 2**62)}, "ShapeError"),
            Wrong((Z(2),), {"shape": (2,)}, "DTypeError", ("float64",)),
        ],
    ),
}

# These need a Python function to do anything: tests/test_function.py and tests/program/test_compile.py.
TESTED_ELSEWHERE = ("custom", "host_call")
