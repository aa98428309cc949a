"""Ops of random shapes, layouts and dtypes against NumPy in float64, with bounds on the rounding.

BACKSWEEP_TEST_EXAMPLES sets the number of examples of each test. The slow test takes more of them, on every
instruction set.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backsweep as bs
from driver import ELEMENTWISE, LAYOUTS, REGISTRY, array, bits, call, value
from oracles import ORACLES, Array

EXAMPLES = int(os.environ.get("BACKSWEEP_TEST_EXAMPLES", "100"))
some = settings(max_examples=EXAMPLES)

FLOATS = st.sampled_from(("float32", "float64"))
# Around the lanes of vectors and their multiples, as well as small ones.
SIZES = st.one_of(st.integers(1, 9), st.sampled_from((1, 15, 16, 17, 31, 33, 64, 65, 100)))
SMALL = st.lists(st.integers(0, 5), max_size=3).map(tuple)
TESTS = ("eq", "ne", "lt", "le", "gt", "ge", "logical_not")


class Operands:
    """Random arrays, and tensors of the same values in random layouts."""

    def __init__(self, data: st.DataObject) -> None:
        self.draw = data.draw
        self.dtype = self.draw(FLOATS, label="dtype")
        self.rng = np.random.default_rng(self.draw(st.integers(0, 2**32 - 1), label="seed"))

    def numbers(self, shape: Sequence[int], low: float = -2.0, high: float = 2.0) -> Array:
        return self.rng.uniform(low, high, tuple(shape)).astype(self.dtype)

    def in_layout(self, a: Array) -> tuple[bs.Tensor, Array]:
        """A tensor, and its values: those of `a`, but all rows are the first one if it is expanded."""
        layout = self.draw(st.sampled_from(("contiguous", *LAYOUTS)), label="layout")
        if layout == "contiguous" or a.ndim == 0 or (layout == "expanded" and len(a) == 0):
            return bs.tensor(a), a
        if layout == "expanded":
            a = np.broadcast_to(a[:1], a.shape).copy()
        base, view = LAYOUTS[layout](a)
        return view(bs.tensor(base)), a

    def operand(self, shape: Sequence[int]) -> tuple[bs.Tensor, Array]:
        return self.in_layout(self.numbers(shape))

    def broadcasting(self, shape: Sequence[int]) -> tuple[int, ...]:
        """A shape that broadcasts to `shape`: some sizes 1, some leading axes left out."""
        ones = self.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
        first = self.draw(st.integers(0, len(shape)))
        return tuple(1 if one else n for one, n in zip(ones, shape, strict=True))[first:]


def within(got: bs.Tensor, want: Array, scale: Any, roundings: float) -> None:
    """|got - want| <= roundings * eps / 2 * scale for each element; infinities and NaN in the same places."""
    g = array(got)
    assert g.shape == want.shape
    with np.errstate(all="ignore"):
        limits = np.finfo(g.dtype)
        same = (g == want.astype(g.dtype)) | (np.isnan(g) & np.isnan(want))
        bound = roundings * limits.eps / 2 * scale + 4 * limits.smallest_subnormal
        wrong = ~(same | (np.abs(g.astype(float) - want) <= bound))
    assert not wrong.any(), f"{g[wrong][:5]} should be {want[wrong][:5]}"


# ---- Products ----------------------------------------------------------------------------------------------


@some
@given(st.data())
def test_matmul(data: st.DataObject) -> None:
    """Vectors, matrices, broadcast batches, in any layout; k = 0 too."""
    o = Operands(data)
    m, k, n = (
        data.draw(s, label=what) for s, what in ((SIZES, "m"), (st.just(0) | SIZES, "k"), (SIZES, "n"))
    )
    batch = data.draw(st.lists(st.integers(1, 3), max_size=2).map(tuple), label="batch")
    vector = data.draw(st.sampled_from(("neither", "x", "y")), label="vector")
    x, a = o.operand((k,) if vector == "x" else (*o.broadcasting(batch), m, k))
    y, b = o.operand((k,) if vector == "y" else (*o.broadcasting(batch), k, n))
    a, b = a.astype(float), b.astype(float)
    within(bs.matmul(x, y), np.matmul(a, b), np.matmul(np.abs(a), np.abs(b)), k + 2)


@some
@given(st.data())
def test_linear(data: st.DataObject) -> None:
    o = Operands(data)
    k, n = data.draw(SIZES, label="k"), data.draw(SIZES, label="n")
    x, a = o.operand((*data.draw(SMALL, label="batch"), k))
    weight, w = o.operand((n, k))
    bias, z = o.operand((n,)) if data.draw(st.booleans()) else (None, np.zeros(n))
    a, w, z = a.astype(float), w.astype(float), z.astype(float)
    within(bs.linear(x, weight, bias), a @ w.T + z, np.abs(a) @ np.abs(w).T + np.abs(z), k + 3)


# ---- Elementwise -------------------------------------------------------------------------------------------


# Whose error is a few units of the result: not that of lerp, which cancels.
BOUNDED = [op for op in ELEMENTWISE if not (ORACLES[op].bools or ORACLES[op].integers) and op != "lerp"]


@some
@given(st.data())
def test_elementwise(data: st.DataObject) -> None:
    """Each op of a random expression is right; all of it compiled gives the same bits."""
    o = Operands(data)
    shape = data.draw(
        st.lists(SIZES, max_size=3).map(tuple).filter(lambda s: np.prod(s) < 5000), label="shape"
    )
    leaves = [o.operand(shape if i == 0 else o.broadcasting(shape))[0] for i in range(3)]
    plan = []
    for i in range(data.draw(st.integers(1, 8), label="length")):
        name = data.draw(
            st.sampled_from(BOUNDED),
            label="op",
        )
        plan.append(
            (name, data.draw(st.tuples(*[st.integers(0, len(leaves) + i - 1)] * 3), label="operands"))
        )

    def run(*inputs: bs.Tensor, check: Callable[..., None] | None = None) -> list[bs.Tensor]:
        values = list(inputs)

        def apply(name: str, *operands: bs.Tensor) -> bs.Tensor:
            (made,) = call(name, operands, {})
            if check is not None:
                check(name, operands, made)
            return made

        for name, (i, j, k) in plan:
            made = apply(name, *[values[i], values[j], values[k]][: len(REGISTRY[name]["inputs"])])
            values.append(apply("where", made, values[i], values[k]) if name in TESTS else made)
        return values[len(inputs) :]

    def check(name: str, operands: Sequence[bs.Tensor], made: bs.Tensor) -> None:
        # A quotient that is cut has been rounded first.
        own = name == "trunc_divide"
        wide = [array(x) if own or x.dtype == bs.bool_ else array(x).astype(float) for x in operands]
        (want,) = value(name, wide, {})
        if made.dtype == bs.bool_:
            np.testing.assert_array_equal(array(made), want)
        else:
            assert made.dtype == getattr(bs, o.dtype)
            scale = np.abs(want)
            if name == "gelu_slope":  # it crosses 0 where it adds up to 1/8
                scale = np.maximum(scale, 1 / 8)
            within(made, want, scale, 2 * ORACLES[name].ulp)

    for eager, compiled in zip(run(*leaves, check=check), bs.compile(run)(*leaves), strict=True):
        assert bits(eager) == bits(compiled)


# ---- Rows --------------------------------------------------------------------------------------------------


@some
@given(st.data())
def test_reductions(data: st.DataObject) -> None:
    o = Operands(data)
    shape = data.draw(st.lists(SIZES, min_size=1, max_size=3).map(tuple).filter(lambda s: np.prod(s) < 20000))
    axes = tuple(data.draw(st.sets(st.integers(0, len(shape) - 1)), label="axes")) or None
    keep = data.draw(st.booleans(), label="keepdim")
    x, a = o.operand(shape)
    a = a.astype(float)
    terms = np.abs(a).sum(axes, keepdims=keep)
    count = a.size / max(terms.size, 1)
    within(bs.sum(x, dim=axes, keepdim=keep), a.sum(axes, keepdims=keep), terms, count)
    within(bs.mean(x, dim=axes, keepdim=keep), a.mean(axes, keepdims=keep), terms / count, count + 2)
    within(bs.amax(x, dim=axes, keepdim=keep), a.max(axes, keepdims=keep), 0, 0)
    squares = (a * a).sum(axes, keepdims=keep)
    within(call("sum_squares", [x], {"dim": axes, "keepdim": keep})[0], squares, squares, count + 1)


@some
@given(st.data())
def test_layer_norm(data: st.DataObject) -> None:
    o = Operands(data)
    rows, cols = data.draw(st.integers(0, 20), label="rows"), data.draw(SIZES, label="cols")
    x, a = o.operand((rows, cols))
    affine = [o.operand((cols,)) for _ in range(data.draw(st.integers(0, 2), label="weight, bias"))]
    y = call("layer_norm", [x, *(t for t, _ in affine)], {"eps": 1e-5})[0]
    a = a.astype(float)
    gamma = affine[0][1].astype(float) if affine else np.ones(cols)
    beta = affine[1][1].astype(float) if len(affine) == 2 else np.zeros(cols)
    mean = a.mean(1, keepdims=True)
    rstd = 1 / np.sqrt(((a - mean) ** 2).mean(1, keepdims=True) + 1e-5)
    xhat = (a - mean) * rstd
    # Rounding of the mean, and through it of rstd, counts in units of rstd.
    size = (1 + np.abs(xhat)) * (1 + np.abs(a).max(1, keepdims=True, initial=0) * rstd)
    within(y, xhat * gamma + beta, np.abs(gamma) * size + np.abs(beta), 32)


@some
@given(st.data())
def test_cross_entropy(data: st.DataObject) -> None:
    o = Operands(data)
    rows, classes = data.draw(st.integers(1, 20), label="rows"), data.draw(SIZES, label="classes")
    spread = data.draw(st.sampled_from((1.0, 30.0, 1e4)), label="spread")
    x, a = o.in_layout(o.numbers((rows, classes), -spread, spread))
    ignore = data.draw(st.sampled_from((-100, -1, 0)), label="ignore_index")
    target = np.where(o.rng.random(rows) < 0.2, ignore, o.rng.integers(0, classes, rows))
    a, counted = a.astype(float), target != ignore
    top = a.max(1)
    log_sum = np.log(np.exp(a - top[:, None]).sum(1))
    loss = np.where(counted, log_sum + top - a[np.arange(rows), np.where(counted, target, 0)], 0)
    size = np.where(counted, np.abs(a).max(1) + log_sum + 1, 0)
    for reduction, n in (("none", None), ("sum", 1), ("mean", counted.sum())):
        got = bs.nn.functional.cross_entropy(x, bs.tensor(target), ignore_index=ignore, reduction=reduction)
        if n is None:
            within(got, loss, size, 16)
        elif n > 0:
            within(got, loss.sum() / n, size.sum() / n, 16 + rows)
        else:
            assert np.isnan(array(got))


@some
@given(st.data())
def test_rows_by_index(data: st.DataObject) -> None:
    o = Operands(data)
    rows, n = data.draw(st.integers(1, 20), label="rows"), data.draw(st.integers(0, 40), label="n")
    rest = data.draw(SMALL, label="rest")
    index = o.rng.integers(0, rows, n)
    table, a = o.operand((rows, *rest))
    np.testing.assert_array_equal(array(bs.index_rows(table, bs.tensor(index))), a[index])
    g, b = o.operand((n, *rest))
    want, size = np.zeros((rows, *rest)), np.zeros((rows, *rest))
    np.add.at(want, index, b.astype(float))
    np.add.at(size, index, np.abs(b.astype(float)))
    within(call("index_rows_backward", [g, bs.tensor(index)], {"rows": rows})[0], want, size, n)


# ---- Updates -----------------------------------------------------------------------------------------------


@some
@given(st.data())
def test_optimizers(data: st.DataObject) -> None:
    """A few steps, eager and compiled to the bit, against the formulas in float64."""
    o = Operands(data)
    shape = data.draw(st.lists(SIZES, max_size=2).map(tuple), label="shape")
    rate = st.floats(0.01, 0.9)
    lr, decay, maximize = data.draw(rate), data.draw(st.just(0.0) | rate), data.draw(st.booleans())
    kind = data.draw(st.sampled_from(("SGD", "Adam", "AdamW")), label="kind")
    options: dict[str, Any] = {"lr": lr, "weight_decay": decay, "maximize": maximize}
    if kind == "SGD":
        momentum = data.draw(st.just(0.0) | rate, label="momentum")
        nesterov = momentum > 0 and data.draw(st.booleans(), label="nesterov")
        options |= {"momentum": momentum, "nesterov": nesterov}
    else:
        beta1, beta2 = data.draw(rate), data.draw(st.floats(0.5, 0.999))
        options |= {"betas": (beta1, beta2), "eps": 1e-3}
    start, gradients = o.numbers(shape), [o.numbers(shape) for _ in range(3)]

    p, first, second = start.astype(float), np.zeros(shape), np.zeros(shape)
    size = np.abs(p)  # of the terms that p is the sum of
    for t, g in enumerate(gradients, 1):
        g = -g.astype(float) if maximize else g.astype(float)
        if kind == "AdamW":
            p = p * (1 - lr * decay)
        else:
            g = g + decay * p
        if kind == "SGD":
            first = momentum * first + g if t > 1 else g
            move = g + momentum * first if nesterov else first if momentum else g
        else:
            first, second = beta1 * first + (1 - beta1) * g, beta2 * second + (1 - beta2) * g * g
            move = first / (1 - beta1**t) / (np.sqrt(second / (1 - beta2**t)) + 1e-3)
        p = p - lr * move
        size = (1 + lr * decay) * size + lr * (np.abs(move) + 4)

    def run(compiled: bool) -> bs.Tensor:
        parameter = bs.Parameter(bs.tensor(start))
        optimizer = getattr(bs.optim, kind)([parameter], **options)

        def step(g: bs.Tensor) -> None:
            optimizer.zero_grad()
            (parameter * g).sum().backward()
            optimizer.step()

        chosen = bs.compile(step) if compiled else step
        for g in gradients:
            chosen(bs.tensor(g))
        return parameter.detach()

    eager = run(False)
    assert bits(eager) == bits(run(True))
    within(eager, p, size, 200)


@pytest.mark.slow
@pytest.mark.parametrize("isa", bs.info()["available_isas"])
def test_every_instruction_set(isa: str) -> None:
    """More examples of all of the above, in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-m",
        "not slow",
        __file__,
    ]
    env = {**os.environ, "BACKSWEEP_ISA": isa, "BACKSWEEP_TEST_EXAMPLES": "1000"}
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
