"""Densities, distribution functions, entropies and moments beside SciPy's, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import backsweep as bs
from backsweep import distributions as D
from distributions.families import UNIVARIATE, WITHOUT_ENTROPY

close = np.testing.assert_allclose
DISCRETE = {name for name, family in UNIVARIATE.items() if family.discrete}


@pytest.mark.parametrize("name", UNIVARIATE)
def test_log_prob(name: str) -> None:
    family = UNIVARIATE[name]
    found = family.made().log_prob(bs.tensor(family.values)).numpy()
    theirs = family.theirs()
    expected = theirs.logpmf(family.values) if family.discrete else theirs.logpdf(family.values)
    assert found.dtype == np.float64 and found.shape == expected.shape
    close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", UNIVARIATE)
def test_mean_variance_and_deviation(name: str) -> None:
    made, theirs = UNIVARIATE[name].made(), UNIVARIATE[name].theirs()
    mean, variance = theirs.stats("mv")
    if name == "cauchy":
        variance = np.full(3, np.inf)  # SciPy says NaN
    if name == "half_cauchy":
        mean = variance = np.full(3, np.inf)
    elif name == "inverse_gamma":
        variance = np.where(np.isnan(variance), np.inf, variance)
    elif name in ("cauchy", "student"):
        mean = np.where(np.isinf(mean), np.nan, mean)
    if name == "student":
        variance = np.where([True, False, False], np.nan, variance)
    close(made.mean.numpy(), mean, rtol=1e-12)
    close(made.variance.numpy(), variance, rtol=1e-12)
    close(made.stddev.numpy(), np.sqrt(variance), rtol=1e-12)


@pytest.mark.parametrize("name", sorted(UNIVARIATE.keys() - WITHOUT_ENTROPY))
def test_entropy(name: str) -> None:
    made, theirs = UNIVARIATE[name].made(), UNIVARIATE[name].theirs()
    close(made.entropy().numpy(), theirs.entropy(), rtol=1e-9, atol=1e-10)
    close(made.perplexity().numpy(), np.exp(theirs.entropy()), rtol=1e-8)


CDF = sorted(UNIVARIATE.keys() - DISCRETE - {"student", "gamma", "chi2", "inverse_gamma", "beta", "fisher"})


@pytest.mark.parametrize("name", ["gamma", "chi2", "inverse_gamma"])
def test_cdf_of_gamma(name: str) -> None:
    family = UNIVARIATE[name]
    got = family.made().cdf(bs.tensor(family.values))
    close(got.numpy(), family.theirs().cdf(family.values), rtol=1e-10, atol=1e-300)


@pytest.mark.parametrize("name", CDF)
def test_cdf_and_its_inverse(name: str) -> None:
    family = UNIVARIATE[name]
    made, theirs = family.made(), family.theirs()
    close(made.cdf(bs.tensor(family.values)).numpy(), theirs.cdf(family.values), rtol=1e-10, atol=1e-300)
    p = np.array([[1e-3], [0.1], [0.5], [0.8], [0.999]])
    close(made.icdf(bs.tensor(p)).numpy(), theirs.ppf(p), rtol=1e-9)


@pytest.mark.parametrize("name", sorted(UNIVARIATE))
def test_the_mode_has_the_highest_density(name: str) -> None:
    family = UNIVARIATE[name]
    made = family.made()
    if name == "uniform":
        assert bool(made.mode.isnan().all())
        return
    at = made.mode.clamp(1e-9, 1 - 1e-9) if name == "beta" else made.mode
    at = at.clamp_min(1e-9) if name in ("gamma", "chi2", "log_normal", "weibull", "fisher") else at
    best = made.log_prob(at).numpy()
    for value in family.values:
        assert (best >= made.log_prob(bs.tensor(value)).numpy() - 1e-12).all()


def test_means_and_modes_that_depend_on_where_they_are() -> None:
    assert D.Bernoulli(bs.tensor([0.2, 0.5, 0.7])).mode.tolist()[::2] == [0, 1]
    assert bool(D.Bernoulli(0.5).mode.isnan())
    close(D.Dirichlet(bs.tensor([2.0, 3.0, 1.0])).mode.numpy(), [1 / 3, 2 / 3, 0], rtol=1e-6)
    assert D.Dirichlet(bs.tensor([0.2, 0.9, 0.3])).mode.tolist() == [0, 1, 0]
    assert D.Binomial(10, bs.tensor([0.0, 0.33, 1.0])).mode.tolist() == [0, 3, 10]
    assert bool(D.Categorical(bs.ones(3)).mean.isnan())
    assert D.Categorical(bs.tensor([[1.0, 3.0], [2.0, 1.0]])).mode.tolist() == [1, 0]
    assert D.OneHotCategorical(bs.tensor([1.0, 3.0])).mode.tolist() == [0, 1]


# ---- Categories and vectors --------------------------------------------------------------------------------

LOGITS = np.array([[0.3, -2.0, 4.0], [0.0, 0.0, 50.0]])


def shares(logits: np.ndarray) -> Any:
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_categories() -> None:
    p = shares(LOGITS)
    for made in (D.Categorical(logits=bs.tensor(LOGITS)), D.Categorical(7 * bs.tensor(p))):
        assert made.batch_shape == (2,) and made.event_shape == () and made.param_shape == (2, 3)
        close(made.probs.numpy(), p, rtol=1e-12)
        logs = made.log_prob(made.enumerate_support()).numpy()
        close(logs.T[0], np.log(p)[0], rtol=1e-10)
        assert logs.T[1][0] < -36
        close(made.entropy().numpy(), stats.entropy(p, axis=-1), rtol=1e-9, atol=1e-15)
        assert made.log_prob(bs.tensor([[0], [2], [1]])).shape == (3, 2)
    logits = D.Categorical(logits=bs.tensor(LOGITS))
    close(logits.log_prob(0).numpy(), np.log(p[:, 0]), rtol=1e-12)
    impossible = D.Categorical(logits=bs.tensor([0.0, -np.inf, 0.0]))
    close(impossible.entropy().numpy(), np.log(2), rtol=1e-6)
    assert impossible.log_prob(1).item() == -np.inf


def test_one_hot_vectors() -> None:
    made = D.OneHotCategorical(logits=bs.tensor(LOGITS))
    p = shares(LOGITS)
    assert made.batch_shape == (2,) and made.event_shape == (3,)
    values = made.enumerate_support()
    assert values.shape == (3, 2, 3) and made.enumerate_support(expand=False).shape == (3, 1, 3)
    close(made.log_prob(values).numpy(), np.log(p).T, rtol=1e-12)
    close(made.mean.numpy(), p)
    close(made.variance.numpy(), p * (1 - p))
    close(made.entropy().numpy(), stats.entropy(p, axis=-1), rtol=1e-9)


def test_multinomial() -> None:
    p = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]])
    made = D.Multinomial(8, probs=bs.tensor(p))
    for counts in ([1.0, 2.0, 5.0], [4.0, 4.0, 0.0]):
        expected = stats.multinomial.logpmf(counts, 8, p)
        found = made.log_prob(bs.tensor(counts, dtype=bs.float64)).numpy()
        close(np.where(np.isinf(expected), -30, expected), np.maximum(found, -30), rtol=1e-10)
    close(made.entropy().numpy(), [stats.multinomial(8, row).entropy() for row in p], rtol=1e-9)
    close(made.mean.numpy(), 8 * p)
    close(made.variance.numpy(), 8 * p * (1 - p))


def test_dirichlet() -> None:
    alpha = np.array([[0.3, 2.0, 5.0], [1.0, 1.0, 1.0]])
    made = D.Dirichlet(bs.tensor(alpha))
    x = np.array([0.2, 0.5, 0.3])
    oracles = [stats.dirichlet(row) for row in alpha]
    close(made.log_prob(bs.tensor(x)).numpy(), [d.logpdf(x) for d in oracles], rtol=1e-10)
    close(made.entropy().numpy(), [d.entropy() for d in oracles], rtol=1e-10)
    close(made.mean.numpy(), [d.mean() for d in oracles], rtol=1e-12)
    close(made.variance.numpy(), [d.var() for d in oracles], rtol=1e-12)


@pytest.mark.parametrize("given", ["covariance_matrix", "precision_matrix", "scale_tril"])
def test_multivariate_normal(given: str) -> None:
    rng = np.random.default_rng(0)
    root = np.tril(rng.normal(size=(2, 3, 3)), -1) + np.eye(3) * [1.0, 0.5, 2.0]
    covariance = root @ root.swapaxes(-1, -2)
    matrices = {
        "covariance_matrix": covariance,
        "precision_matrix": np.linalg.inv(covariance),
        "scale_tril": root,
    }
    loc = np.array([1.0, -2.0, 0.5])
    made = D.MultivariateNormal(bs.tensor(loc), **{given: bs.tensor(matrices[given])})
    assert made.batch_shape == (2,) and made.event_shape == (3,)
    for name, expected in matrices.items():
        close(getattr(made, name).numpy(), expected, rtol=1e-8, atol=1e-10)
    oracles = [stats.multivariate_normal(loc, c) for c in covariance]
    x = rng.normal(size=(5, 4, 2, 3))
    expected = np.stack([d.logpdf(x[:, :, i]) for i, d in enumerate(oracles)], -1)
    close(made.log_prob(bs.tensor(x)).numpy(), expected, rtol=1e-8)
    close(made.log_prob(bs.tensor(x[0, 0, 0])).numpy(), [d.logpdf(x[0, 0, 0]) for d in oracles], rtol=1e-8)
    close(made.entropy().numpy(), [d.entropy() for d in oracles], rtol=1e-10)
    close(made.variance.numpy(), np.diagonal(covariance, axis1=1, axis2=2), rtol=1e-10)
    single = D.MultivariateNormal(bs.tensor(np.stack([loc, -loc])), **{given: bs.tensor(matrices[given][0])})
    far = [stats.multivariate_normal(m, covariance[0]).logpdf(x[0, :, 0]) for m in (loc, -loc)]
    close(single.log_prob(bs.tensor(x[0, :, :1])).numpy(), np.stack(far, -1), rtol=1e-8)


def test_mixture() -> None:
    weights, means, deviations = np.array([0.2, 0.8]), np.array([-1.0, 2.0]), np.array([0.5, 1.5])
    made = D.MixtureSameFamily(
        D.Categorical(bs.tensor(weights)), D.Normal(bs.tensor(means), bs.tensor(deviations))
    )
    x = np.linspace(-3, 5, 9)
    parts = [stats.norm(m, s) for m, s in zip(means, deviations, strict=True)]
    density = sum(w * d.pdf(x) for w, d in zip(weights, parts, strict=True))
    close(made.log_prob(bs.tensor(x)).numpy(), np.log(density), rtol=1e-10)
    close(made.cdf(bs.tensor(x)).numpy(), sum(w * d.cdf(x) for w, d in zip(weights, parts, strict=True)))
    mean = weights @ means
    close(made.mean.numpy(), mean)
    close(made.variance.numpy(), weights @ (deviations**2 + (means - mean) ** 2))


def test_numbers_far_out() -> None:
    """Where a formula that is written down plainly would cancel, overflow or give NaN."""
    normal = D.Normal(bs.tensor(0.0, dtype=bs.float64), 1.0)
    close(normal.cdf(-30.0).item(), stats.norm.cdf(-30), rtol=1e-9)
    tiny = bs.tensor([1e-300, 1e-18], dtype=bs.float64)
    close(normal.icdf(tiny).numpy(), stats.norm.ppf([1e-300, 1e-18]), rtol=1e-12)
    coin = D.Bernoulli(logits=bs.tensor([-80.0, 80.0], dtype=bs.float64))
    close(coin.log_prob(bs.tensor([0.0, 1.0])).numpy(), -np.exp([-80.0, -80.0]), rtol=1e-10)
    close(coin.entropy().numpy(), 81 * np.exp([-80.0, -80.0]), rtol=1e-10)
    assert D.Bernoulli(bs.tensor([0.0, 1.0])).entropy().max().item() < 1e-6
    assert D.Bernoulli(bs.tensor([0.0, 1.0])).log_prob(bs.tensor([0.0, 1.0])).abs().max().item() < 1e-6
    assert D.Binomial(10, bs.tensor([0.0, 1.0])).log_prob(bs.tensor([0.0, 10.0])).tolist() == [0, 0]
    assert D.Binomial(10, bs.tensor([0.0, 1.0])).entropy().tolist() == [0, 0]
    assert D.Geometric(bs.tensor(1.0)).log_prob(0).item() == 0
    assert D.Poisson(bs.tensor(0.0)).log_prob(0).item() == 0
    squashed = D.TransformedDistribution(D.Normal(bs.zeros(()), 10.0), D.TanhTransform(cache_size=1))
    bs.manual_seed(0)
    x = squashed.sample()
    assert bool(squashed.log_prob(x).isfinite())
