"""Losses against NumPy: values, gradients, layouts, refused shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
import backsweep.nn.functional as F
from backsweep import nn

rng = np.random.default_rng(0)


def numbers(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.detach())


def log_softmax(z: np.ndarray) -> np.ndarray:
    z = z - z.max(1, keepdims=True)
    return z - np.log(np.exp(z).sum(1, keepdims=True))


def loss_and_gradient(loss: Callable[..., Any], z: np.ndarray, *rest: Any, **options: Any) -> tuple[Any, Any]:
    x = nn.Parameter(bs.tensor(z))
    value = loss(x, *rest, **options)
    value.backward()
    assert x.grad is not None
    return numbers(value), numbers(x.grad)


def test_cross_entropy() -> None:
    z, y = rng.standard_normal((6, 4)) * 3, rng.integers(0, 4, 6)
    rows = -log_softmax(z)[np.arange(6), y]
    probability = np.exp(log_softmax(z))
    onehot = np.eye(4)[y]
    t = bs.tensor(y)
    np.testing.assert_allclose(numbers(F.cross_entropy(bs.tensor(z), t, reduction="none")), rows, rtol=1e-12)
    np.testing.assert_allclose(numbers(F.cross_entropy(bs.tensor(z), t, reduction="sum")), rows.sum())
    value, gradient = loss_and_gradient(F.cross_entropy, z, t)
    np.testing.assert_allclose(value, rows.mean(), rtol=1e-12)
    np.testing.assert_allclose(gradient, (probability - onehot) / 6, rtol=1e-10, atol=1e-14)


def test_cross_entropy_ignores() -> None:
    z, y = rng.standard_normal((5, 3)), np.array([0, -100, 2, 1, -100])
    rows = -log_softmax(z)[[0, 2, 3], [0, 2, 1]]
    assert float(F.cross_entropy(bs.tensor(z), bs.tensor(y))) == pytest.approx(rows.mean())
    value, gradient = loss_and_gradient(
        nn.CrossEntropyLoss(ignore_index=2), z, bs.tensor(np.array([0, 2, 2, 1, 2]))
    )
    assert float(value) == pytest.approx(-log_softmax(z)[[0, 3], [0, 1]].mean())
    assert not gradient[[1, 2, 4]].any()


def test_cross_entropy_layouts() -> None:
    z, y = rng.standard_normal((2, 3, 4, 5)), rng.integers(0, 3, (2, 4, 5))
    rows = -log_softmax(z.transpose(0, 2, 3, 1).reshape(-1, 3))[np.arange(40), y.reshape(-1)].reshape(2, 4, 5)
    none = F.cross_entropy(bs.tensor(z), bs.tensor(y), reduction="none")
    assert none.shape == (2, 4, 5)
    np.testing.assert_allclose(numbers(none), rows, rtol=1e-12)
    value, gradient = loss_and_gradient(F.cross_entropy, z, bs.tensor(y))
    np.testing.assert_allclose(value, rows.mean())
    assert gradient.shape == z.shape
    one = F.cross_entropy(bs.tensor(z[0, :, 0, 0]), bs.tensor(y[0, 0, 0]), reduction="none")
    assert one.shape == ()
    np.testing.assert_allclose(numbers(one), rows[0, 0, 0])


def test_cross_entropy_takes_large_scores() -> None:
    z = np.array([[1e4, -1e4], [3e38, 0.0]], np.float32)
    value = F.cross_entropy(bs.tensor(z), bs.tensor([1, 0]), reduction="none")
    np.testing.assert_allclose(numbers(value), [2e4, 0.0])


@pytest.mark.parametrize(
    ("input", "target"),
    [((4, 3), (4, 1)), ((4, 3), (3,)), ((4, 3), ()), ((3,), (1,)), ((2, 3, 4), (2, 3)), ((), ())],
)
def test_cross_entropy_refuses_shapes(input: tuple[int, ...], target: tuple[int, ...]) -> None:
    with pytest.raises(bs.ShapeError, match="cross_entropy"):
        F.cross_entropy(bs.zeros(input), bs.zeros(target, dtype=bs.int64))


def test_cross_entropy_refuses_the_rest() -> None:
    with pytest.raises(bs.DTypeError, match="target"):
        F.cross_entropy(bs.zeros((4, 3)), bs.zeros(4))
    with pytest.raises(IndexError, match="3"):
        F.cross_entropy(bs.zeros((1, 3)), bs.tensor(np.array([3])))
    with pytest.raises(ValueError, match="reduction"):
        F.cross_entropy(bs.zeros((4, 3)), bs.zeros(4, dtype=bs.int64), reduction="avg")  # type: ignore[arg-type]


def test_binary_cross_entropy_with_logits() -> None:
    z, y = rng.standard_normal((5, 1)) * 4, rng.random((5, 1))
    rows = np.logaddexp(0, z) - y * z
    sigmoid = 1 / (1 + np.exp(-z))
    value, gradient = loss_and_gradient(F.binary_cross_entropy_with_logits, z, bs.tensor(y))
    np.testing.assert_allclose(value, rows.mean(), rtol=1e-12)
    np.testing.assert_allclose(gradient, (sigmoid - y) / 5, rtol=1e-10)
    none = F.binary_cross_entropy_with_logits(bs.tensor(z), bs.tensor(y), reduction="none")
    np.testing.assert_allclose(numbers(none), rows, rtol=1e-12)
    weight, positive = np.array(2.0), np.array([3.0])
    module = nn.BCEWithLogitsLoss(bs.tensor(weight), reduction="sum", pos_weight=bs.tensor(positive))
    want = 2 * ((1 - y) * z + (1 + 2 * y) * np.logaddexp(0, -z))
    np.testing.assert_allclose(numbers(module(bs.tensor(z), bs.tensor(y))), want.sum(), rtol=1e-12)


def test_binary_cross_entropy_does_not_overflow() -> None:
    z = bs.tensor(np.array([3e38, -3e38, 3e38, -3e38], np.float32))
    y = bs.tensor(np.array([1.0, 0.0, 0.0, 1.0], np.float32))
    got = numbers(F.binary_cross_entropy_with_logits(z, y, reduction="none"))
    np.testing.assert_allclose(got, [0, 0, 3e38, 3e38])


def test_logistic_loss_is_the_lectures() -> None:
    X, w = rng.standard_normal((8, 3)), rng.standard_normal(3)
    y = rng.choice([-1.0, 1.0], 8)
    parameter = nn.Parameter(bs.tensor(w))
    loss = F.logistic_loss(bs.tensor(X) @ parameter, bs.tensor(y), reduction="sum")
    loss.backward()
    assert parameter.grad is not None
    assert float(loss) == pytest.approx(np.log1p(np.exp(-y * (X @ w))).sum())
    np.testing.assert_allclose(
        numbers(parameter.grad), -((y / (1 + np.exp(y * (X @ w))))[:, None] * X).sum(0), rtol=1e-10
    )
    other = F.binary_cross_entropy_with_logits(bs.tensor(X @ w), bs.tensor((y + 1) / 2))
    assert float(nn.LogisticLoss()(bs.tensor(X @ w), bs.tensor(y))) == pytest.approx(float(other))


def test_mse_loss() -> None:
    a, b = rng.standard_normal((4, 2)), rng.standard_normal((4, 2))
    value, gradient = loss_and_gradient(nn.MSELoss(), a, bs.tensor(b))
    np.testing.assert_allclose(value, ((a - b) ** 2).mean())
    np.testing.assert_allclose(gradient, 2 * (a - b) / 8)


@pytest.mark.parametrize("loss", [F.binary_cross_entropy_with_logits, F.logistic_loss, F.mse_loss])
def test_losses_refuse_broadcasting(loss: Callable[..., Any]) -> None:
    with pytest.raises(bs.ShapeError, match=r"\(4, 1\), target is \(4,\).*target.reshape\(\(4, 1\)\)"):
        loss(bs.zeros((4, 1)), bs.zeros(4))
    with pytest.raises(bs.ShapeError, match=loss.__name__):
        loss(bs.zeros((4, 1)), bs.zeros((1, 1)))
    with pytest.raises(ValueError, match="reduction"):
        loss(bs.zeros(4), bs.zeros(4), reduction="avg")


@pytest.mark.peers
def test_losses_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    z, y = rng.standard_normal((6, 4)).astype(np.float32), rng.integers(0, 4, 6)
    p = rng.random((6, 4)).astype(np.float32)
    for reduction in ("none", "mean", "sum"):
        for name, target in (
            ("cross_entropy", y),
            ("binary_cross_entropy_with_logits", p),
            ("mse_loss", p),
        ):
            ours = getattr(F, name)(bs.tensor(z), bs.tensor(target), reduction=reduction)
            theirs = getattr(torch.nn.functional, name)(
                torch.tensor(z), torch.tensor(target), reduction=reduction
            )
            np.testing.assert_allclose(numbers(ours), theirs.numpy(), rtol=1e-5, atol=1e-6)


def test_cross_entropy_takes_a_list() -> None:
    scores = bs.tensor([[1.0, 2.0], [3.0, 1.0]])
    want = F.cross_entropy(scores, bs.tensor([1, 0]))
    assert float(F.cross_entropy(scores, [1, 0])) == float(want)
    with pytest.raises(bs.DTypeError, match="class numbers"):
        F.cross_entropy(scores, [0.5, 1.0])


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_with_weights_and_smoothing(smoothing: float, weighted: bool) -> None:
    z, y = rng.standard_normal((7, 4)), np.array([0, 3, -100, 1, 2, 2, 0])
    w = rng.uniform(0.5, 2, 4) if weighted else np.ones(4)
    logp, counts = log_softmax(z), y != -100
    label = np.where(counts, y, 0)
    each = -(1 - smoothing) * logp[np.arange(7), label] * w[label] - smoothing / 4 * (logp * w).sum(1)
    each = np.where(counts, each, 0)
    arguments = {"weight": bs.tensor(w) if weighted else None, "label_smoothing": smoothing}
    for reduction, want in (
        ("none", each),
        ("sum", each.sum()),
        ("mean", each.sum() / w[label][counts].sum()),
    ):
        ours = F.cross_entropy(bs.tensor(z), bs.tensor(y), reduction=reduction, **arguments)
        np.testing.assert_allclose(numbers(ours), want, rtol=1e-12)
        module = nn.CrossEntropyLoss(reduction=reduction, **arguments)
        np.testing.assert_array_equal(numbers(module(bs.tensor(z), bs.tensor(y))), numbers(ours))
    parts = np.exp(log_softmax(rng.standard_normal((7, 4))))
    smooth = (1 - smoothing) * parts + smoothing / 4
    ours = F.cross_entropy(bs.tensor(z), bs.tensor(parts), **arguments)
    np.testing.assert_allclose(float(ours), -(logp * w * smooth).sum() / 7, rtol=1e-12)


@pytest.mark.peers
def test_weighted_losses_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    z, y = rng.standard_normal((6, 4, 3)), rng.integers(0, 4, (6, 3))
    y[0, 1] = y[4, 2] = -100
    w, p = rng.uniform(0.5, 2, 4), rng.random((6, 4, 3))
    cases = [
        ("cross_entropy", y, {"weight": w}),
        ("cross_entropy", y, {"label_smoothing": 0.2}),
        ("cross_entropy", y, {"label_smoothing": 0.2, "weight": w}),
        ("cross_entropy", p, {}),
        ("cross_entropy", p, {"label_smoothing": 0.2}),
        ("mse_loss", p, {"weight": p}),
    ]
    for reduction in ("none", "mean", "sum"):
        for name, target, extra in cases:
            results = []
            for module, make in ((F, bs.tensor), (torch.nn.functional, torch.tensor)):
                given = {k: make(v) if isinstance(v, np.ndarray) else v for k, v in extra.items()}
                leaf = make(z, requires_grad=True)
                loss = getattr(module, name)(leaf, make(target), reduction=reduction, **given)
                loss.sum().backward()
                results.append((loss.detach().numpy(), leaf.grad.numpy()))
            for ours, theirs in zip(*results, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12, err_msg=f"{name} {extra}")


@pytest.mark.peers
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softplus_is_pytorchs(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    given = np.array([-50, -1, 0, 0.5, 2, 5, 19.9, 20.5, 40, 1000], dtype)
    for beta, threshold in ((1.0, 20.0), (2.0, 20.0), (1.0, 3.0), (0.5, 1.0)):
        x, t = bs.tensor(given, requires_grad=True), torch.tensor(given, requires_grad=True)
        ours = F.softplus(x, beta, threshold)
        theirs = torch.nn.functional.softplus(t, beta, threshold)
        ours.sum().backward()
        theirs.sum().backward()
        rtol = 1e-6 if dtype == "float32" else 1e-13
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=rtol, atol=1e-37)
        assert x.grad is not None
        np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=rtol, atol=1e-37)
        np.testing.assert_array_equal(nn.Softplus(beta, threshold)(x).numpy(), ours.numpy())
