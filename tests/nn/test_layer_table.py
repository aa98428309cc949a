"""Layers give what the functions of their names give, eagerly and compiled, and show PyTorch's texts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn import functional as F

rng = np.random.default_rng(0)
X = bs.tensor(rng.standard_normal((2, 4, 6)))
WEIGHT = bs.tensor(rng.uniform(0.5, 1.5, 4))

LAYERS: list[tuple[nn.Module, Callable[[bs.Tensor], bs.Tensor], str]] = [
    (nn.ReLU(), F.relu, "ReLU()"),
    (nn.ReLU6(), F.relu6, "ReLU6()"),
    (nn.Hardtanh(-2, 0.5), lambda x: F.hardtanh(x, -2.0, 0.5), "Hardtanh(min_val=-2, max_val=0.5)"),
    (nn.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2), "LeakyReLU(negative_slope=0.2)"),
    (
        nn.PReLU(4, 0.3, dtype=bs.float64),
        lambda x: F.prelu(x, bs.full((4,), 0.3, dtype=bs.float64)),
        "PReLU(num_parameters=4)",
    ),
    (
        nn.RReLU(0.1, 0.3).eval(),
        lambda x: F.rrelu(x, 0.1, 0.3),
        "RReLU(lower=0.1, upper=0.3)",
    ),
    (nn.Threshold(0.1, 20), lambda x: F.threshold(x, 0.1, 20), "Threshold(threshold=0.1, value=20)"),
    (nn.Hardsigmoid(), F.hardsigmoid, "Hardsigmoid()"),
    (nn.Hardswish(), F.hardswish, "Hardswish()"),
    (nn.Hardshrink(), F.hardshrink, "Hardshrink(0.5)"),
    (nn.Softshrink(0.2), lambda x: F.softshrink(x, 0.2), "Softshrink(0.2)"),
    (nn.Tanhshrink(), F.tanhshrink, "Tanhshrink()"),
    (nn.LogSigmoid(), F.logsigmoid, "LogSigmoid()"),
    (nn.Softsign(), F.softsign, "Softsign()"),
    (nn.SiLU(), F.silu, "SiLU()"),
    (nn.Mish(), F.mish, "Mish()"),
    (nn.ELU(2), lambda x: F.elu(x, 2.0), "ELU(alpha=2)"),
    (nn.CELU(0.7), lambda x: F.celu(x, 0.7), "CELU(alpha=0.7)"),
    (nn.SELU(), F.selu, "SELU()"),
    (nn.Softplus(2), lambda x: F.softplus(x, 2.0), "Softplus(beta=2, threshold=20.0)"),
    (nn.GLU(), F.glu, "GLU(dim=-1)"),
    (nn.Softmin(1), lambda x: F.softmin(x, 1), "Softmin(dim=1)"),
    (nn.LogSoftmax(dim=1), lambda x: F.log_softmax(x, 1), "LogSoftmax(dim=1)"),
    (nn.Softmax2d(), lambda x: F.softmax(x, 0), "Softmax2d()"),
    (
        nn.RMSNorm(6, dtype=bs.float64),
        lambda x: F.rms_norm(x, (6,)),
        "RMSNorm((6,), eps=None, elementwise_affine=True)",
    ),
    (nn.Dropout1d(0.3).eval(), lambda x: x, "Dropout1d(p=0.3, inplace=False)"),
    (nn.AlphaDropout().eval(), lambda x: x, "AlphaDropout(p=0.5, inplace=False)"),
    (nn.FeatureAlphaDropout().eval(), lambda x: x, "FeatureAlphaDropout(p=0.5, inplace=False)"),
    (nn.Unflatten(1, (2, 2)), lambda x: x.reshape(2, 2, 2, 6), "Unflatten(dim=1, unflattened_size=(2, 2))"),
    (nn.Identity(3), lambda x: x, "Identity()"),
]  # fmt: skip


def name_of(case: Any) -> str:
    return type(case[0]).__name__


def values(t: bs.Tensor) -> np.ndarray:
    return t.detach().numpy()


@pytest.mark.parametrize("case", LAYERS, ids=name_of)
def test_layers(case: Any) -> None:
    layer, function, text = case
    assert repr(layer) == text
    x = X.clone().requires_grad_()
    want, got = function(x), layer(x)
    np.testing.assert_array_equal(values(got), values(want))
    if want is not x:
        np.testing.assert_array_equal(values(bs.grad(got.sum(), x)), values(bs.grad(want.sum(), x)))
    np.testing.assert_allclose(values(bs.compile(layer)(X)), values(want), 1e-12, 1e-14)


IN_PLACE = [
    nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.LeakyReLU, nn.RReLU, nn.Hardsigmoid, nn.Hardswish, nn.SiLU, nn.Mish,
    nn.ELU, nn.CELU, nn.SELU, nn.Dropout,
]  # fmt: skip


@pytest.mark.parametrize("layer", IN_PLACE, ids=lambda cls: cls.__name__)
def test_in_place(layer: Any) -> None:
    x = X.clone()
    bs.manual_seed(1)
    want = values(layer()(x))
    np.testing.assert_array_equal(values(x), values(X))
    bs.manual_seed(1)
    made = layer(inplace=True)
    assert made(x) is x
    np.testing.assert_array_equal(values(x), want)
    assert made.inplace
    y = X.clone() * 1.0
    bs.manual_seed(1)
    np.testing.assert_allclose(values(bs.compile(lambda t: made(t * 1.0))(y)), want, 1e-12)
    np.testing.assert_array_equal(values(y), values(X))


def test_functions_in_place() -> None:
    for name in ("relu", "hardtanh", "leaky_relu", "rrelu", "elu", "selu", "celu"):
        x = X.clone()
        want = values(getattr(F, name)(X))
        assert getattr(F, f"{name}_")(x) is x
        np.testing.assert_array_equal(values(x), want)
    x = X.clone()
    F.threshold_(x, 0.0, -1.0)
    np.testing.assert_array_equal(values(x), np.where(values(X) > 0, values(X), -1.0))


def test_dropout_of_channels() -> None:
    bs.manual_seed(0)
    for layer, shape in (
        (nn.Dropout1d(), (50, 40, 3)),
        (nn.Dropout2d(), (50, 40, 3, 2)),
        (nn.Dropout3d(), (50, 40, 3, 2, 2)),
    ):
        y = values(layer(bs.ones(shape))).reshape(50, 40, -1)
        assert (y == y[:, :, :1]).all()
        assert set(np.unique(y)) == {0.0, 2.0}
        x = bs.ones(shape)
        assert layer.eval()(x) is x
    for layer in (nn.AlphaDropout(0.2), nn.FeatureAlphaDropout(0.2)):
        y = values(layer(bs.randn(300, 200)))
        assert abs(y.mean()) < 0.05 and abs(y.std() - 1) < 0.05


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"^\[Hardtanh\] max_val is 0.0; it must be above 1"):
        nn.Hardtanh(1, 0.0)
    with pytest.warns(FutureWarning, match="min_value"):
        assert nn.Hardtanh(min_value=-3).min_val == -3
    with pytest.raises(TypeError, match=r"^\[ReLU\] inplace"):
        nn.ReLU(inplace="yes")  # type: ignore[arg-type]
    with pytest.raises(bs.ShapeError, match=r"^\[Softmax2d\]"):
        nn.Softmax2d()(bs.ones(3, 4))
    with pytest.raises(TypeError, match=r"^\[Unflatten\]"):
        nn.Unflatten(1, 6)  # type: ignore[arg-type]
    with pytest.raises(bs.ShapeError, match=r"^\[rms_norm\]"):
        nn.RMSNorm(4)(bs.ones(2, 3))
    with pytest.warns(UserWarning, match="softmax"):
        assert nn.Softmax()(bs.ones(2, 3)).tolist() == F.softmax(bs.ones(2, 3), 1).tolist()


# ---- Losses ------------------------------------------------------------------------------------------------

P = bs.tensor(rng.uniform(0.1, 0.9, (5, 4)))
Y = bs.tensor(rng.uniform(0.1, 0.9, (5, 4)))
A, B = (bs.tensor(rng.standard_normal((5, 4))) for _ in range(2))
LABELS = bs.tensor([0, 3, 1, 1, 2])
SIGNS = bs.tensor(np.sign(rng.standard_normal(5)))
SIGNS2 = bs.tensor(np.sign(rng.standard_normal((5, 4))))

LOSSES: list[tuple[Callable[..., nn.Module], Callable[..., bs.Tensor], tuple[Any, ...]]] = [
    (nn.L1Loss, F.l1_loss, (A, B)),
    (nn.MSELoss, F.mse_loss, (A, B)),
    (nn.SmoothL1Loss, F.smooth_l1_loss, (A, B)),
    (nn.HuberLoss, F.huber_loss, (A, B)),
    (nn.NLLLoss, F.nll_loss, (A, LABELS)),
    (nn.CrossEntropyLoss, F.cross_entropy, (A, LABELS)),
    (nn.KLDivLoss, F.kl_div, (P.log(), Y)),
    (nn.BCELoss, F.binary_cross_entropy, (P, Y)),
    (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits, (A, Y)),
    (nn.PoissonNLLLoss, F.poisson_nll_loss, (A, 3 * Y)),
    (nn.GaussianNLLLoss, F.gaussian_nll_loss, (A, B, P)),
    (nn.HingeEmbeddingLoss, F.hinge_embedding_loss, (A, SIGNS2)),
    (nn.MarginRankingLoss, F.margin_ranking_loss, (A, B, SIGNS2)),
    (nn.CosineEmbeddingLoss, F.cosine_embedding_loss, (A, B, SIGNS)),
    (nn.SoftMarginLoss, F.soft_margin_loss, (A, SIGNS2)),
    (nn.MultiLabelMarginLoss, F.multilabel_margin_loss, (A, bs.tensor([[2, 0, -1, 1]] * 5))),
    (nn.MultiLabelSoftMarginLoss, F.multilabel_soft_margin_loss, (A, (SIGNS2 > 0).double())),
    (nn.MultiMarginLoss, F.multi_margin_loss, (A, LABELS)),
    (nn.TripletMarginLoss, F.triplet_margin_loss, (A, B, P)),
    (nn.TripletMarginWithDistanceLoss, F.triplet_margin_with_distance_loss, (A, B, P)),
]  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "SmoothL1Loss": {"beta": 0.3},
    "HuberLoss": {"delta": 0.3},
    "NLLLoss": {"ignore_index": 1},
    "CrossEntropyLoss": {"label_smoothing": 0.1},
    "PoissonNLLLoss": {"full": True, "eps": 1e-4},
    "GaussianNLLLoss": {"full": True, "eps": 1e-3},
    "HingeEmbeddingLoss": {"margin": 0.4},
    "MarginRankingLoss": {"margin": 0.4},
    "CosineEmbeddingLoss": {"margin": 0.4},
    "MultiMarginLoss": {"p": 2, "margin": 0.4},
    "TripletMarginLoss": {"margin": 0.4, "p": 1.0, "swap": True},
    "TripletMarginWithDistanceLoss": {"distance_function": lambda a, b: (a - b).abs().sum(-1), "swap": True},
}
OLD = {"GaussianNLLLoss", "HuberLoss", "TripletMarginWithDistanceLoss"}  # without the old words


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case[0].__name__)
def test_losses(case: Any) -> None:
    loss, function, given = case
    name = loss.__name__
    assert repr(loss()) == f"{name}()"
    for options in ({}, OPTIONS.get(name, {})):
        for reduction in ("mean", "sum", "none"):
            made = loss(**options, reduction=reduction)
            want = function(*given, **options, reduction=reduction)
            np.testing.assert_array_equal(values(made(*given)), values(want))
    np.testing.assert_allclose(values(bs.compile(loss())(*given)), values(function(*given)), 1e-12)
    if name not in OLD:
        with pytest.warns(UserWarning, match="deprecated"):
            assert loss(size_average=False).reduction == "sum"
        with pytest.warns(UserWarning, match="deprecated"):
            assert loss(reduce=False).reduction == "none"
    with pytest.raises(ValueError, match=rf"^\[{name}\] reduction"):
        loss(reduction="average")


def test_weights_of_losses_are_state() -> None:
    for loss, function, given in (
        (nn.NLLLoss, F.nll_loss, (A, LABELS)),
        (nn.CrossEntropyLoss, F.cross_entropy, (A, LABELS)),
        (nn.BCELoss, F.binary_cross_entropy, (P, Y)),
        (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits, (A, Y)),
        (nn.MultiLabelSoftMarginLoss, F.multilabel_soft_margin_loss, (A, Y)),
        (nn.MultiMarginLoss, F.multi_margin_loss, (A, LABELS)),
    ):
        made: Any = loss(weight=WEIGHT)
        assert list(made.state_dict()) == ["weight"]
        np.testing.assert_array_equal(values(made(*given)), values(function(*given, weight=WEIGHT)))  # type: ignore[operator]
    both = nn.BCEWithLogitsLoss(pos_weight=WEIGHT)
    assert list(both.state_dict()) == ["pos_weight"]
    want = F.binary_cross_entropy_with_logits(A, Y, pos_weight=WEIGHT)
    assert float(both(A, Y)) == float(want)


def test_other_losses() -> None:
    kl = nn.KLDivLoss(reduction="batchmean", log_target=True)
    want = F.kl_div(P.log(), Y.log(), reduction="batchmean", log_target=True)
    assert float(kl(P.log(), Y.log())) == float(want)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        assert float(nn.NLLLoss2d()(A, LABELS)) == float(F.nll_loss(A, LABELS))
    x = bs.tensor(rng.standard_normal((6, 2, 4))).log_softmax(-1)
    given = (x, bs.tensor([[1, 2], [3, 3]]), (6, 5), (2, 2))
    assert float(nn.CTCLoss(blank=0)(*given)) == float(F.ctc_loss(*given))
    late = nn.CTCLoss(reduction="none", zero_infinity=True)
    assert late(x, bs.tensor([[1, 2], [3, 3]]), (6, 2), (2, 2)).tolist()[1] == 0.0
    for loss in (nn.TripletMarginLoss, nn.TripletMarginWithDistanceLoss):
        with pytest.raises(ValueError, match="margin"):
            loss(margin=0.0)  # type: ignore[operator]
    with pytest.raises(ValueError, match="p is 3"):
        nn.MultiMarginLoss(p=3)


def test_distances() -> None:
    np.testing.assert_array_equal(values(nn.CosineSimilarity()(A, B)), values(F.cosine_similarity(A, B)))
    made = nn.PairwiseDistance(1, keepdim=True)
    np.testing.assert_array_equal(values(made(A, B)), values(F.pairwise_distance(A, B, 1, keepdim=True)))
    assert repr(made) == "PairwiseDistance()"
