"""Activations and losses beside PyTorch's: values, first and second derivatives, dtypes, abandoned words."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep.nn import functional as F

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

ACTIVATIONS = [
    "F.relu(x)",
    "F.relu6(4 * x)",
    "F.leaky_relu(x)",
    "F.leaky_relu(x, negative_slope=0.3)",
    "F.prelu(x, w[:1])",
    "F.prelu(x, w)",
    "F.rrelu(x)",
    "F.threshold(x, 0.5, -1.0)",
    "F.hardtanh(x)",
    "F.hardtanh(x, min_val=-0.5, max_val=0.25)",
    "F.hardsigmoid(3 * x)",
    "F.hardswish(3 * x)",
    "F.hardshrink(x)",
    "F.softshrink(x, lambd=0.3)",
    "F.tanhshrink(x)",
    "F.softsign(x)",
    "F.logsigmoid(x)",
    "F.softplus(x, beta=2, threshold=1.5)",
    "F.elu(x, alpha=0.7)",
    "F.selu(x)",
    "F.celu(x, alpha=0.5)",
    "F.gelu(x)",
    "F.gelu(x, approximate='tanh')",
    "F.silu(x)",
    "F.mish(x)",
    "F.glu(x, dim=0)",
    "F.softmin(x, dim=1)",
    "F.normalize(x)",
    "F.normalize(x, p=3.0, dim=0)",
    "F.normalize(x, p=float('inf'), dim=-1)",
    "F.cosine_similarity(x, y)",
    "F.cosine_similarity(x, w, dim=-1)",
    "F.pairwise_distance(x, y)",
    "F.pairwise_distance(x, y, p=1, keepdim=True)",
    "F.pdist(x)",
    "L.selu(x)",
    "L.celu(x)",
    "L.threshold(x, 0.1, 2.0)",
    "x.hardshrink(0.2)",
    "x.prelu(w)",
]
LOSSES = [
    "F.mse_loss(x, y)",
    "F.l1_loss(x, y)",
    "F.l1_loss(x, y, weight=p)",
    "F.smooth_l1_loss(x, y, beta=0.4)",
    "F.smooth_l1_loss(x, y, beta=0)",
    "F.huber_loss(x, y, delta=0.3)",
    "F.huber_loss(x, y, weight=q)",
    "F.kl_div(p.log(), q)",
    "F.kl_div(p.log(), q.log(), log_target=True)",
    "F.binary_cross_entropy(p, q)",
    "F.binary_cross_entropy(p, q, weight=w)",
    "F.binary_cross_entropy_with_logits(x, q, pos_weight=w)",
    "F.nll_loss(x, k)",
    "F.nll_loss(x, k, weight=w, ignore_index=1)",
    "F.nll_loss(x[:, :, None], k[:, None])",
    "F.cross_entropy(x, k)",
    "F.cross_entropy(x, k, weight=w, label_smoothing=0.1)",
    "F.poisson_nll_loss(x, 3 * q)",
    "F.poisson_nll_loss(p, 3 * q, log_input=False, full=True)",
    "F.gaussian_nll_loss(x, y, p)",
    "F.gaussian_nll_loss(x, y, p[:, :1], full=True)",
    "F.gaussian_nll_loss(x, y, 0.5)",
    "F.hinge_embedding_loss(x, sign)",
    "F.margin_ranking_loss(x, y, sign, margin=0.2)",
    "F.cosine_embedding_loss(x, y, sign[:, 0], margin=0.1)",
    "F.soft_margin_loss(x, sign)",
    "F.multilabel_soft_margin_loss(x, label)",
    "F.multilabel_soft_margin_loss(x, label, weight=w)",
    "F.multi_margin_loss(x, k)",
    "F.multi_margin_loss(x, k, p=2, margin=0.7, weight=w)",
    "F.multi_margin_loss(x[0], k[0])",
    "F.multi_margin_loss(x[0, 0], k[0] * 0)",
    "F.multilabel_margin_loss(x[0, 0], k[0] * 0)",
    "F.multilabel_margin_loss(x, several)",
    "F.triplet_margin_loss(x, y, p)",
    "F.triplet_margin_loss(x, y, p, swap=True)",
    "F.triplet_margin_with_distance_loss(x, y, p, margin=0.5)",
]


def operands() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shape = (4, 5)
    return {
        "x": rng.standard_normal(shape),
        "y": rng.standard_normal(shape),
        "p": rng.uniform(0.1, 0.9, shape),
        "q": rng.uniform(0.1, 0.9, shape),
        "w": rng.uniform(0.5, 1.5, 5),
        "k": rng.integers(0, 5, 4),
        "sign": np.where(rng.random(shape) < 0.5, -1.0, 1.0),
        "label": (rng.random(shape) < 0.5).astype(float),
        "several": np.array([[1, 3, -1, 2, 0], [0, -1, 1, 2, 3], [4, 2, 1, 3, 0], [-1, 0, 1, 2, 3]]),
    }


def evaluated(library: Any, functional: Any, expression: str, dtype: str) -> list[np.ndarray]:
    """The value, its derivatives by x and p along a direction, and theirs by x."""
    given = {
        name: library.tensor(a.astype(dtype) if a.dtype.kind == "f" else a) for name, a in operands().items()
    }
    for name in ("x", "p"):
        given[name].requires_grad_(True)
    made = eval(expression, {"L": library, "F": functional, **given})
    grad = bs.grad if library is bs else torch.autograd.grad
    total, by = (made * made).sum(), given["x" if re.search(r"\bx\b", expression) else "p"]
    (first,) = grad(total, [by], create_graph=True)
    second = (first * first).sum()
    results = [made, first]
    if second.requires_grad and not any(
        name in expression for name in ("pdist", "multi_margin", "multilabel_m", "hardsi")
    ):
        # PyTorch has no second derivative of those.
        (again,) = grad(second, [by], allow_unused=True)
        results.append(first * 0 if again is None else again)
    return [np.asarray(t.detach().numpy()) for t in results]


@pytest.mark.filterwarnings("ignore:reduction")  # of kl_div's mean
@pytest.mark.parametrize("expression", ACTIVATIONS + LOSSES)
def test_values_and_derivatives(expression: str) -> None:
    for dtype, tolerance in (("float64", 1e-9), ("float32", 2e-5)):
        mine = evaluated(bs, F, expression, dtype)
        want = evaluated(torch, torch.nn.functional, expression, dtype)
        if "hardsigmoid" in expression:  # PyTorch has 1/6 as a float32
            tolerance = max(tolerance, 1e-7)
        for a, b in zip(mine, want, strict=False):
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_allclose(a, b, tolerance, tolerance * 10)


@pytest.mark.parametrize("reduction", ["none", "sum"])
@pytest.mark.parametrize("expression", [e for e in LOSSES if "beta=0)" not in e])
def test_reductions(expression: str, reduction: str) -> None:
    expression = f'{expression[:-1]}, reduction="{reduction}")'
    mine = evaluated(bs, F, expression, "float64")[0]
    want = evaluated(torch, torch.nn.functional, expression, "float64")[0]
    np.testing.assert_allclose(mine, want, 1e-12)


@pytest.mark.parametrize(
    "name", ["mse_loss", "l1_loss", "binary_cross_entropy_with_logits", "soft_margin_loss"]
)
def test_abandoned_words(name: str) -> None:
    x, y = bs.tensor([0.5, -1.0]), bs.tensor([1.0, 0.0])
    for words, reduction in (
        ({"size_average": False}, "sum"),
        ({"size_average": True}, "mean"),
        ({"reduce": False}, "none"),
    ):
        with pytest.warns(UserWarning, match=rf"\[{name}\].*{reduction}"):
            got = getattr(F, name)(x, y, **words)
        assert got.tolist() == getattr(F, name)(x, y, reduction=reduction).tolist()


@pytest.mark.parametrize(
    "call",
    [
        "F.relu(x, inplace=True)",
        "F.leaky_relu(x, 0.2, inplace=True)",
        "F.elu(x, inplace=True)",
        "F.silu(x, inplace=True)",
        "F.hardswish(x, inplace=True)",
        "F.threshold(x, 0.1, 0.0, inplace=True)",
        "x.clamp_(-0.5, 0.5)",
    ],
)
def test_in_place(call: str) -> None:
    """The input becomes the result, and keeps its history."""

    def run(library: Any, functional: Any, grad: Any) -> tuple[Any, Any]:
        leaf = library.tensor([-1.0, 0.25, 2.0], requires_grad=True)
        x = leaf * 1.0
        made = eval(call, {"F": functional, "x": x})
        (slope,) = grad(((x + made) * x).sum(), [leaf])
        return x.tolist(), slope.tolist()

    for mine, want in zip(
        run(bs, F, bs.grad), run(torch, torch.nn.functional, torch.autograd.grad), strict=True
    ):
        np.testing.assert_allclose(mine, want, 1e-6)


@pytest.mark.parametrize(
    "expression",
    [
        "L.fmax(x, y)",
        "L.fmin(x, y)",
        "L.nan_to_num(x)",
        "L.nan_to_num(x, 2.0, 3.0, -3.0)",
        "L.isclose(x, y)",
        "L.isclose(x, y, equal_nan=True)",
        "L.nextafter(x, y)",
        "L.logaddexp(x, y)",
        "L.xlogy(x, y)",
        "L.clamp(x, -1.0, 1.0)",
        "L.signbit(x)",
        "L.copysign(x, y)",
        "L.hypot(x, y)",
        "L.atan2(x, y)",
        "L.logical_xor(x, y)",
        "L.isposinf(x)",
        "L.digamma(x)",
        "L.lgamma(x)",
        "L.special.entr(x)",
        "L.special.ndtr(x)",
        "L.special.xlog1py(x, y)",
    ],
)
def test_ends(expression: str) -> None:
    """NaN, infinities and zeros in all pairs."""
    ends = np.array([1.5, -0.75, 0.0, -0.0, np.nan, np.inf, -np.inf, 2.0])
    x, y = np.meshgrid(ends, ends)
    mine, want = (
        eval(expression, {"L": library, "x": library.tensor(x.ravel()), "y": library.tensor(y.ravel())})
        for library in (bs, torch)
    )
    np.testing.assert_allclose(mine.numpy(), want.numpy(), 1e-12)


def test_polygamma() -> None:
    """PyTorch's trigamma is right to 5e-10 alone."""
    x = np.array([0.5, 1.0, 1.5, -0.75, 12.0, -3000.25])
    for n in range(4):
        want = torch.polygamma(n, torch.tensor(x)).numpy()
        np.testing.assert_allclose(np.asarray(bs.polygamma(n, bs.tensor(x))), want, 1e-8)


def test_dropout_of_channels() -> None:
    bs.manual_seed(0)
    x = bs.ones(50, 20, 3)
    for f in (F.dropout1d, F.dropout2d, F.feature_alpha_dropout):
        made = np.asarray(f(x, 0.3, training=True))
        assert (made == made[:, :, :1]).all() and len(np.unique(made)) == 2
    made = np.asarray(
        F.alpha_dropout(bs.tensor(np.random.default_rng(0).standard_normal((200, 300))), 0.4, True)
    )
    assert abs(made.mean()) < 0.02 and abs(made.std() - 1) < 0.02
    assert F.alpha_dropout(x, 0.4) is x
    rows = np.asarray(F.dropout2d(bs.ones(400, 20), 0.3))  # as programs do behind dense layers
    assert set(np.unique(rows)) == {np.float32(0), np.float32(1 / 0.7)} and abs(rows.mean() - 1) < 0.05
    assert bs.nn.Dropout2d().eval()(x[:, :, 0]).shape == (50, 20)
    with pytest.raises(bs.ShapeError, match=r"\[dropout3d\]"):
        F.dropout3d(x)


def test_draws() -> None:
    bs.manual_seed(0)
    logits = bs.tensor(np.log([[0.2, 0.5, 0.3]] * 4000), requires_grad=True)
    hard = F.gumbel_softmax(logits, hard=True)
    np.testing.assert_allclose(np.asarray(hard.detach()).mean(0), [0.2, 0.5, 0.3], atol=0.03)
    soft = F.gumbel_softmax(logits, tau=0.5)
    np.testing.assert_allclose(np.asarray(soft.detach()).sum(1), 1, rtol=1e-6)
    assert np.abs(np.asarray(bs.grad(hard[:, 0].sum(), logits))).sum() > 0
    leak = F.rrelu(bs.full((1000,), -1.0), training=True)
    assert -1 / 3 <= float(bs.amin(leak)) < -0.3 and -0.15 < float(bs.amax(leak)) <= -0.125


@pytest.mark.parametrize("lengths", [(12, 10, 7), (12, 3, 7), (12, 0, 7)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_ctc(lengths: tuple[int, ...], reduction: str) -> None:
    """Repeated labels, short targets, one that does not fit its input."""
    scores = np.random.default_rng(0).standard_normal((12, 3, 5))
    rows, flat = [[1, 2, 2, 4], [3, 3, 1, 1], [1, 2, 0, 0]], [1, 2, 2, 4, 3, 3, 1, 1, 2]

    def run(library: Any, functional: Any, targets: list[Any]) -> list[np.ndarray]:
        x = library.tensor(scores, requires_grad=True)
        loss = functional.ctc_loss(
            functional.log_softmax(x, 2),
            library.tensor(targets),
            library.tensor(lengths),
            library.tensor((4, 3, 2)),
            reduction=reduction,
            zero_infinity=True,
        )
        (loss * loss).sum().backward()
        return [loss.detach().numpy(), x.grad.numpy()]

    for targets in (rows, flat):
        for mine, want in zip(run(bs, F, targets), run(torch, torch.nn.functional, targets), strict=True):
            np.testing.assert_allclose(mine, want, 1e-9, 1e-12)


@pytest.mark.parametrize("options", [{}, {"padding_idx": 2}, {"padding_idx": -1}, {"max_norm": 0.5}])
def test_embedding(options: dict[str, Any]) -> None:
    table, index = np.random.default_rng(0).standard_normal((6, 3)), [[0, 2], [5, 2]]

    def run(library: Any, functional: Any) -> list[np.ndarray]:
        weight = library.tensor(table.copy(), requires_grad=True)
        made = functional.embedding(library.tensor(index), weight, **options)
        (made * made).sum().backward()
        return [made.detach().numpy(), weight.grad.numpy(), weight.detach().numpy()]

    for mine, want in zip(run(bs, F), run(torch, torch.nn.functional), strict=True):
        np.testing.assert_allclose(mine, want, 1e-6)


def test_softmax_without_an_axis() -> None:
    x = bs.ones(2, 3)
    with pytest.warns(UserWarning, match="softmax"):
        assert F.softmax(x).tolist() == F.softmax(x, 1).tolist()


def test_losses_refuse_to_broadcast() -> None:
    x, y = bs.ones(3, 1), bs.ones(3)
    for name in (
        "l1_loss",
        "smooth_l1_loss",
        "huber_loss",
        "kl_div",
        "binary_cross_entropy",
        "poisson_nll_loss",
    ):
        with warnings.catch_warnings(), pytest.raises(bs.ShapeError, match=rf"^\[{name}\].*reshape"):
            getattr(F, name)(x, y)
    with pytest.raises(IndexError, match=r"\[nll_loss\]"):
        F.nll_loss(bs.ones(2, 3), bs.tensor([0, 3]))
