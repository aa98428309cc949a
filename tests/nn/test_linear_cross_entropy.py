"""The cross entropy of a linear layer's scores: function, module, PyTorch's."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn import functional as F

rng = np.random.default_rng(0)


def cases() -> list[Any]:
    made = []
    for out, bias, reduction, soft, weighted, smoothing, ignored, batch in product(
        [(), (3,), (2, 3)],
        [False, True],
        ["mean", "sum", "none"],
        [0, 1],
        [0, 1],
        [0.0, 0.2],
        [None, 1],
        [0, 6],
    ):
        if (soft and ignored is not None) or (out and not batch):
            continue
        rows = (batch,) if batch else ()
        values = [rng.standard_normal((*rows, 5)), rng.standard_normal((4, *out, 5))]
        target: Any = rng.integers(0, 4, (*rows, *out))
        if soft:
            target = np.abs(rng.standard_normal((*rows, 4, *out)))
        words = {"reduction": reduction, "ignore_index": ignored, "label_smoothing": smoothing}
        weight = np.abs(rng.standard_normal(4)) if weighted else None
        made.append((values, rng.standard_normal((4, *out)) if bias else None, weight, target, words))
    return made


def loss_and_gradients(lib: Any, case: Any, how: Any = None) -> list[Any]:
    values, bias, weight, target, words = case
    x, w = (lib.tensor(v, requires_grad=True) for v in values)
    b = None if bias is None else lib.tensor(bias, requires_grad=True)
    scale = None if weight is None else lib.tensor(weight)

    def loss(x: Any, w: Any, b: Any) -> Any:
        fn = lib.nn.functional.linear_cross_entropy
        return fn(x, w, lib.tensor(target), linear_bias=b, weight=scale, **words)

    made = (how or (lambda f: f))(loss)(x, w, b)
    made.sum().backward()
    return [made.detach().numpy(), *(v.grad.numpy() for v in (x, w, b) if v is not None)]


@pytest.mark.peers
def test_losses_and_gradients_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    for case in cases():
        for a, b in zip(loss_and_gradients(torch, case), loss_and_gradients(bs, case), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-12)


def test_it_is_the_cross_entropy_of_a_linear_layer() -> None:
    for case in cases()[::17]:
        values, bias, weight, target, words = case
        ignored = -100 if words["ignore_index"] is None else words["ignore_index"]
        x, w = (bs.tensor(v) for v in values)
        scores = np.tensordot(values[0], values[1], (-1, -1)) + (0.0 if bias is None else bias)
        want = F.cross_entropy(
            bs.tensor(scores),
            bs.tensor(target),
            None if weight is None else bs.tensor(weight),
            **{**words, "ignore_index": ignored},
        )
        b = None if bias is None else bs.tensor(bias)
        scale = None if weight is None else bs.tensor(weight)
        got = F.linear_cross_entropy(x, w, bs.tensor(target), linear_bias=b, weight=scale, **words)
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-12)
        eager, compiled = loss_and_gradients(bs, case), loss_and_gradients(bs, case, bs.compile)
        for one, other in zip(eager, compiled, strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-14)


def test_the_module() -> None:
    loss = nn.LinearCrossEntropyLoss(5, 10, out_features=(4, 3), bias=True, weight=bs.ones(10))
    assert list(loss.state_dict()) == ["weight", "linear.weight", "linear.bias"]
    assert loss.linear.weight.shape == (120, 5)
    assert "in_features=5, num_classes=10, out_features=(4, 3), bias=True, reduction=mean" in repr(loss)
    x, target = bs.randn(2, 5), bs.zeros(2, 4, 3, dtype=bs.int64)
    scores = loss.linear(x).reshape(2, 10, 4, 3)
    np.testing.assert_allclose(
        loss(x, target).detach().numpy(), F.cross_entropy(scores, target).detach().numpy(), rtol=1e-6
    )
    loss(x, target).backward()
    assert loss.linear.weight.grad is not None


def test_what_is_refused() -> None:
    x, w, t = bs.ones(2, 5), bs.ones(4, 5), bs.zeros(2, dtype=bs.int64)
    for args, words, text in (
        ((bs.ones(2, 3, 5), w, t), {}, r"input is \(2, 3, 5\), linear_weight is \(4, 5\)"),
        ((x, bs.ones(4, 6), t), {}, r"input is \(2, 5\), linear_weight is \(4, 6\)"),
        ((bs.ones(5), bs.ones(4, 3, 5), t), {}, r"input is \(5,\), linear_weight is \(4, 3, 5\)"),
        ((x, w, t), {"linear_bias": bs.ones(3)}, r"linear_bias is \(3,\)"),
        ((x, w, bs.ones(2, 4)), {"ignore_index": 1}, "ignore_index is 1; with probabilities"),
    ):
        with pytest.raises(ValueError, match=rf"^\[linear_cross_entropy\] {text}"):
            F.linear_cross_entropy(*args, **words)
    with pytest.raises(NotImplementedError, match="options must be None"):
        F.linear_cross_entropy(x, w, t, options=object())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^\[LinearCrossEntropyLoss\] weight is \(3,\)"):
        nn.LinearCrossEntropyLoss(5, 10, weight=bs.ones(3))
