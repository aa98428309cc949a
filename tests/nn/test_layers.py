"""Layers against NumPy."""

from __future__ import annotations

import inspect
from math import erfc, sqrt

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core, nn
from backsweep.nn import functional as F

rng = np.random.default_rng(0)


def values(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def numbers(tensor: bs.Tensor) -> np.ndarray:
    return np.asarray(tensor.detach())


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), (0, 4)])
def test_linear(shape: tuple[int, ...]) -> None:
    layer = nn.Linear(4, 5, dtype=bs.float64)
    x = values(*shape)
    want = x @ numbers(layer.weight).T + numbers(layer.bias)
    np.testing.assert_allclose(numbers(layer(bs.tensor(x))), want, rtol=1e-12, atol=1e-14)


def test_linear_without_bias() -> None:
    layer = nn.Linear(4, 5, bias=False)
    assert layer.bias is None
    assert list(layer.state_dict()) == ["weight"]
    assert layer(bs.ones((2, 4))).shape == (2, 5)


def test_linear_first_values() -> None:
    bs.manual_seed(3)
    layer = nn.Linear(100, 200)
    for parameter in (layer.weight, layer.bias):
        p = numbers(parameter)
        assert np.abs(p).max() <= 0.1
        assert np.abs(p).max() > 0.09
        assert abs(p.mean()) < 0.02
    bs.manual_seed(3)
    np.testing.assert_array_equal(numbers(nn.Linear(100, 200).weight), numbers(layer.weight))
    assert not np.array_equal(numbers(nn.Linear(100, 200).weight), numbers(layer.weight))
    with pytest.raises(bs.ShapeError):
        nn.Linear(-1, 2)


def test_flatten_and_identity() -> None:
    x = bs.ones((2, 3, 4, 5))
    assert nn.Flatten()(x).shape == (2, 60)
    assert nn.Flatten(1, 2)(x).shape == (2, 12, 5)
    assert nn.Flatten(0)(x).shape == (120,)
    with pytest.raises(bs.ShapeError, match="flatten"):
        nn.Flatten(2)(bs.ones(3))
    assert nn.Identity(54, anything=True)(x) is x


def test_activations() -> None:
    x = np.array([-1000.0, -2.0, -0.0, 0.0, 0.5, 30.0, 1000.0])
    t = bs.tensor(x)
    np.testing.assert_array_equal(numbers(nn.ReLU(inplace=True)(t.clone())), np.maximum(x, 0))
    want = np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))
    np.testing.assert_allclose(numbers(nn.Sigmoid()(t)), want, rtol=1e-14)
    np.testing.assert_allclose(numbers(nn.Softplus()(t)), np.logaddexp(0, x), rtol=1e-14)
    np.testing.assert_allclose(
        numbers(nn.Softplus(2.0, threshold=1.0)(t)), np.logaddexp(0, 2 * x) / 2, rtol=1e-14
    )


def test_smooth_activations() -> None:
    x = np.array([-1000.0, -2.0, -0.5, -0.0, 0.0, 0.5, 3.0, 1000.0])
    t = bs.tensor(x)
    phi = np.array([0.5 * erfc(-v / sqrt(2)) for v in x])
    np.testing.assert_allclose(numbers(nn.Tanh()(t)), np.tanh(x), rtol=1e-14)
    np.testing.assert_allclose(numbers(F.tanh(t)), np.tanh(x), rtol=1e-14)
    np.testing.assert_allclose(numbers(nn.GELU()(t)), x * phi, rtol=1e-14)
    inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    want = 0.5 * x * (1 + np.tanh(inner))
    np.testing.assert_allclose(numbers(nn.GELU("tanh")(t)), want, rtol=1e-13, atol=1e-15)
    with pytest.raises(ValueError, match=r"^\[gelu\].*'erf'"):
        F.gelu(t, approximate="erf")  # type: ignore[arg-type]
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(numbers(nn.SiLU()(t)), x / (1 + np.exp(-x)), rtol=1e-14)
    np.testing.assert_allclose(numbers(nn.LeakyReLU(0.1)(t)), np.where(x > 0, x, 0.1 * x), rtol=1e-14)
    want = np.where(x > 0, x, 2.0 * np.expm1(np.minimum(x, 0)))
    np.testing.assert_allclose(numbers(nn.ELU(2.0)(t)), want, rtol=1e-14)
    assert repr(nn.LeakyReLU(0.1)) == "LeakyReLU(negative_slope=0.1)"
    assert repr(nn.GELU()) == "GELU(approximate='none')"


def test_derivatives_of_activations() -> None:
    """Finite everywhere; at 0 those from the left, as PyTorch has them."""
    x = np.array([-1000.0, -2.0, 0.0, 0.5, 1000.0])
    phi = np.array([0.5 * erfc(-v / sqrt(2)) for v in x])
    sigmoid = np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))
    for layer, want in (
        (nn.LeakyReLU(0.1), np.where(x > 0, 1, 0.1)),
        (nn.ELU(2.0), np.where(x > 0, 1, 2.0 * np.exp(np.minimum(x, 0)))),
        (nn.Tanh(), 1 - np.tanh(x) ** 2),
        (nn.GELU(), phi + x * np.exp(-0.5 * x * x) / sqrt(2 * np.pi)),
        (nn.SiLU(), sigmoid * (1 + x * (1 - sigmoid))),
    ):
        leaf = bs.tensor(x, requires_grad=True)
        np.testing.assert_allclose(numbers(bs.grad(layer(leaf).sum(), leaf)), want, rtol=1e-12, atol=1e-14)


def test_softmax() -> None:
    x = np.random.default_rng(0).standard_normal((4, 5, 3))
    for dim in (0, 1, -1):
        y = np.exp(x) / np.exp(x).sum(dim, keepdims=True)
        np.testing.assert_allclose(numbers(nn.Softmax(dim)(bs.tensor(x))), y, rtol=1e-13)
        np.testing.assert_allclose(numbers(nn.LogSoftmax(dim=dim)(bs.tensor(x))), np.log(y), rtol=1e-12)
    assert repr(nn.Softmax(dim=-1)) == "Softmax(dim=-1)"
    with pytest.raises(IndexError, match="softmax"):
        nn.Softmax(3)(bs.tensor(x))


def test_dropout() -> None:
    layer = nn.Dropout(0.25)
    x = bs.ones((400, 50))
    bs.manual_seed(0)
    first, second = numbers(layer(x)), numbers(layer(x))
    assert set(np.unique(first)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((first == 0).mean() - 0.25) < 0.01
    assert not np.array_equal(first, second)
    bs.manual_seed(0)
    np.testing.assert_array_equal(numbers(layer(x)), first)
    assert layer.eval()(x) is x
    assert nn.Dropout(0.0)(x) is x
    np.testing.assert_array_equal(numbers(nn.Dropout(1.0)(x)), np.zeros((400, 50), np.float32))
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"\[Dropout\]"):
            nn.Dropout(p)


def test_dropout_gradient_uses_the_same_mask() -> None:
    x = nn.Parameter(bs.ones(1000))
    y = nn.Dropout(0.5)(x)
    y.sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(numbers(x.grad), numbers(y))


@pytest.mark.parametrize("shape", [(5,), (3, 5)])
@pytest.mark.parametrize(("affine", "bias"), [(True, True), (True, False), (False, True)])
def test_layer_norm(shape: tuple[int, ...], affine: bool, bias: bool) -> None:
    x = values(4, *shape)
    layer = nn.LayerNorm(shape, elementwise_affine=affine, bias=bias, dtype=bs.float64)
    assert len(list(layer.parameters())) == (1 + bias) * affine
    axes = tuple(range(1, x.ndim))
    want = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    for parameter, value in zip(layer.parameters(), (values(*shape), values(*shape)), strict=False):
        parameter.copy_(value)
    if layer.weight is not None:
        want = want * numbers(layer.weight)
    if layer.bias is not None:
        want = want + numbers(layer.bias)
    np.testing.assert_allclose(numbers(layer(bs.tensor(x))), want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 6), (2, 6, 5), (2, 6, 3, 2)])
def test_group_norm(shape: tuple[int, ...]) -> None:
    x = values(*shape)
    layer = nn.GroupNorm(2, 6, dtype=bs.float64)
    rows = x.reshape(shape[0], 2, -1)
    want = (rows - rows.mean(2, keepdims=True)) / np.sqrt(rows.var(2, keepdims=True) + 1e-5)
    scale, shift = values(6), values(6)
    for parameter, value in zip(layer.parameters(), (scale, shift), strict=True):
        parameter.copy_(value)
    axes = (6, *[1] * (len(shape) - 2))
    want = want.reshape(shape) * scale.reshape(axes) + shift.reshape(axes)
    for run in (layer, bs.compile(layer)):
        np.testing.assert_allclose(numbers(run(bs.tensor(x))), want, rtol=1e-10, atol=1e-12)
    assert repr(layer) == "GroupNorm(2, 6, eps=1e-05, affine=True, bias=True)"
    assert list(nn.GroupNorm(2, 6, bias=False).state_dict()) == ["weight"]
    with pytest.raises(ValueError, match="divisible"):
        nn.GroupNorm(4, 6)
    with pytest.raises(bs.ShapeError, match=r"\[group_norm\]"):
        layer(bs.ones((2, 5), dtype=bs.float64))
    with pytest.raises(bs.ShapeError, match="weight"):
        F.group_norm(bs.ones((2, 6)), 2, bs.ones(5))


def test_layer_norm_errors() -> None:
    with pytest.raises(bs.ShapeError, match="layer_norm"):
        nn.LayerNorm(4)(bs.ones((2, 5)))
    only_bias = nn.functional.layer_norm(bs.ones((2, 3)), 3, None, bs.tensor([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(numbers(only_bias), [[1, 2, 3]] * 2, atol=1e-6)
    with pytest.raises(bs.ShapeError, match="weight"):
        nn.functional.layer_norm(bs.ones((2, 3)), 3, bs.ones(2))


def test_layer_norm_takes_numpys_integers() -> None:
    layer = nn.LayerNorm(np.int64(8))
    assert layer.normalized_shape == (8,)
    assert nn.LayerNorm([np.int32(2), 3]).normalized_shape == (2, 3)
    assert layer(bs.ones((2, 8))).shape == (2, 8)
    assert F.layer_norm(bs.ones((2, 8)), np.int64(8)).shape == (2, 8)  # type: ignore[arg-type]


def test_formulas_are_those_of_the_registry() -> None:
    """What a function or a layer computes stands in one place."""

    def states(documented: object, source: object) -> bool:
        formula = (source.__doc__ or "").partition("\n\n")[0]
        return " ".join(formula.split()) in " ".join((documented.__doc__ or "").split())

    for name in (
        "linear",
        "relu",
        "sigmoid",
        "tanh",
        "gelu",
        "silu",
        "elu",
        "leaky_relu",
        "softmax",
        "log_softmax",
        "dropout",
        "layer_norm",
    ):
        assert states(getattr(F, name), getattr(_core.ops, name)), name
    layers: list[tuple[type[nn.Module], str]] = [
        (nn.Linear, "linear"),
        (nn.ReLU, "relu"),
        (nn.Sigmoid, "sigmoid"),
        (nn.Tanh, "tanh"),
        (nn.GELU, "gelu"),
        (nn.SiLU, "silu"),
        (nn.ELU, "elu"),
        (nn.LeakyReLU, "leaky_relu"),
        (nn.Softmax, "softmax"),
        (nn.LogSoftmax, "log_softmax"),
        (nn.Dropout, "dropout"),
        (nn.LayerNorm, "layer_norm"),
        (nn.CrossEntropyLoss, "cross_entropy"),
    ]
    for layer, name in layers:
        assert states(layer, getattr(_core.ops, name)), name
    assert (F.mse_loss.__doc__ or "").partition("\n\n")[0] in (nn.MSELoss.__doc__ or "")
    assert "0, 1 at NaN." in (F.relu.__doc__ or "")
    for documented in (F.layer_norm, nn.LayerNorm, F.cross_entropy):  # which give the first output alone
        assert "rstd." not in (documented.__doc__ or "") and "maximum" not in (documented.__doc__ or "")
    summary, _, rest = (inspect.getdoc(nn.LayerNorm) or "").split("\n\n", 2)
    assert summary == "Normalises the last axes, which count as one."
    assert rest.startswith("Parameters\n----------\nnormalized_shape")
