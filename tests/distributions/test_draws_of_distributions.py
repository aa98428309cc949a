"""Samples follow their distributions, are the same eager and compiled, and have every shape."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

import backsweep as bs
from backsweep import distributions as D
from distributions.families import SHAPED, UNIVARIATE

N = 20_000


def bits(t: bs.Tensor) -> bytes:
    return t.numpy().tobytes()


@pytest.mark.parametrize("dtype", [bs.float32, bs.float64])
@pytest.mark.parametrize("name", UNIVARIATE)
def test_samples_follow_the_distribution(name: str, dtype: bs.DType) -> None:
    family = UNIVARIATE[name]
    bs.manual_seed(3)
    made = family.made(dtype)
    samples = made.sample((N,))
    assert samples.dtype == dtype and samples.shape == (N, 3) and not samples.requires_grad
    for i, drawn in enumerate(samples.numpy().astype(np.float64).T):
        one = family.oracle(**{k: np.asarray(v)[i] for k, v in family.parameters.items()})
        if family.discrete:
            values = np.arange(one.ppf(1e-4), one.ppf(1 - 1e-4) + 1)
            # Cells of at least five expected draws, and one on each side.
            cells = [values[0] - 1]
            for v in values:
                if N * (one.cdf(v) - one.cdf(cells[-1])) >= 5 and N * one.sf(v) >= 5:
                    cells.append(v)
            bounds = [-np.inf, *cells[1:], np.inf]
            expected = N * np.diff([one.cdf(b) if np.isfinite(b) else float(b > 0) for b in bounds])
            observed = np.histogram(drawn, [b + 0.5 for b in bounds])[0]
            assert stats.chisquare(observed, expected).pvalue > 1e-4, (name, i)
        elif name == "beta" and dtype == bs.float32:
            assert abs(drawn.mean() - one.mean()) < 5 * one.std() / math.sqrt(N)  # many round to 1
        else:
            assert stats.kstest(drawn, one.cdf).pvalue > 1e-4, (name, i)


@pytest.mark.parametrize("alpha", [0.003, 0.5, 1.0, 1.3, 30.0, 1e6])
def test_the_logarithm_of_gamma_draws(alpha: float) -> None:
    bs.manual_seed(5)
    drawn = D._gamma.log_standard_gamma(bs.full((N,), alpha, dtype=bs.float64)).numpy()
    assert np.isfinite(drawn).all()
    # P(log g < t) = (e^t)^α / Γ(α + 1) where g is tiny, which SciPy's function underflows for.
    small = np.exp(alpha * np.minimum(drawn, -30) - math.lgamma(alpha + 1))
    p = np.where(drawn < -30, small, stats.gamma(alpha).cdf(np.exp(drawn)))
    assert stats.kstest(p, "uniform").pvalue > 1e-4


def test_binomials_of_many_trials() -> None:
    bs.manual_seed(1)
    for n, p in ((33, 0.5), (1000, 0.01), (10**6, 0.3), (10**9, 0.999), (70, 0.0), (70, 1.0)):
        drawn = D.Binomial(n, bs.tensor(p, dtype=bs.float64)).sample((4000,)).numpy()
        one = stats.binom(n, p)
        if p in (0, 1):
            assert (drawn == n * p).all()
            continue
        at = one.cdf(drawn) - np.random.default_rng(0).random(4000) * one.pmf(drawn)
        assert stats.kstest(at, "uniform").pvalue > 1e-4, (n, p)
    mixed = D.Binomial(bs.tensor([0.0, 1.0, 500.0]), bs.tensor(0.5)).sample((2000,)).numpy()
    assert (mixed[:, 0] == 0).all() and set(mixed[:, 1]) == {0, 1}
    assert abs(mixed[:, 2].mean() - 250) < 5 * math.sqrt(125 / 2000)


def test_categories_are_drawn_by_their_probabilities() -> None:
    bs.manual_seed(2)
    p = np.array([[0.1, 0.2, 0.0, 0.7], [0.25, 0.25, 0.25, 0.25]])
    made = D.Categorical(bs.tensor(p))
    drawn = made.sample((N, 2)).numpy()
    assert drawn.shape == (N, 2, 2) and drawn.dtype == np.int64
    for i in range(2):
        observed = np.bincount(drawn[:, :, i].ravel(), minlength=4)
        some = p[i] > 0
        assert observed[~some].sum() == 0
        assert stats.chisquare(observed[some], 2 * N * p[i][some]).pvalue > 1e-4
    assert np.abs(D.OneHotCategorical(bs.tensor(p)).sample((N,)).numpy().mean(0) - p).max() < 0.02
    counts = D.Multinomial(9, bs.tensor(p)).sample((N,)).numpy()
    assert (counts.sum(-1) == 9).all() and np.abs(counts.mean(0) - 9 * p).max() < 0.1
    assert np.abs(counts.var(0) - 9 * p * (1 - p)).max() < 0.1


def test_vectors() -> None:
    bs.manual_seed(4)
    alpha = np.array([0.3, 2.0, 5.0])
    drawn = D.Dirichlet(bs.tensor(alpha)).sample((N,)).numpy()
    np.testing.assert_allclose(drawn.sum(-1), 1, rtol=1e-12)
    for k in range(3):
        assert stats.kstest(drawn[:, k], stats.beta(alpha[k], alpha.sum() - alpha[k]).cdf).pvalue > 1e-4
    root = np.array([[1.0, 0.0], [-2.0, 0.5]])
    normal = D.MultivariateNormal(bs.tensor([1.0, 2.0], dtype=bs.float64), scale_tril=bs.tensor(root))
    drawn = normal.sample((N,)).numpy()
    assert np.abs(drawn.mean(0) - [1, 2]).max() < 0.08
    assert np.abs(np.cov(drawn.T) - root @ root.T).max() < 0.15
    mixture = D.MixtureSameFamily(
        D.Categorical(bs.tensor([0.3, 0.7])), D.Normal(bs.tensor([-1.0, 2.0]), bs.tensor([0.5, 1.5]))
    )
    drawn = mixture.sample((N,)).numpy()
    assert stats.kstest(drawn, lambda x: mixture.cdf(bs.tensor(x)).numpy()).pvalue > 1e-4


@pytest.mark.parametrize("name", SHAPED)
def test_shapes_of_samples_and_what_is_computed_of_them(name: str) -> None:
    made = SHAPED[name]()
    assert made.batch_shape == (2, 3)
    event = made.event_shape
    for lead in ((), (4,), (4, 1)):
        value = made.sample(lead)
        assert value.shape == (*lead, 2, 3, *event) and made.log_prob(value).shape == (*lead, 2, 3)
    many = made.expand((5, 2, 3))
    assert type(many) is type(made) and many.batch_shape == (5, 2, 3) and many.event_shape == event
    assert made.batch_shape == (2, 3)
    value = many.sample((7,))
    assert value.shape == (7, 5, 2, 3, *event)
    one = made.log_prob(value).numpy()
    np.testing.assert_allclose(many.log_prob(value).numpy(), one, rtol=1e-5, atol=1e-5)
    if made.has_rsample:
        assert many.rsample((2,)).shape == (2, 5, 2, 3, *event)
    if made.has_enumerate_support and name != "binomial":
        values = many.enumerate_support()
        assert values.shape[1:] == (5, 2, 3, *event)
        np.testing.assert_allclose(many.log_prob(values).exp().sum(0).numpy(), 1, rtol=1e-5)
        assert many.enumerate_support(expand=False).shape == (len(values), 1, 1, 1, *event)


@pytest.mark.parametrize("name", SHAPED)
def test_eager_and_compiled_draw_the_same(name: str) -> None:
    made = SHAPED[name]()

    def drawn() -> tuple[bs.Tensor, bs.Tensor]:
        value = made.sample((3,))
        return value, made.log_prob(value)

    compiled = bs.compile(drawn)
    runs = []
    for run in (drawn, compiled, compiled):
        bs.manual_seed(11)
        first, log_prob = run()
        second, _ = run()
        assert bits(first) != bits(second) or (bs.equal(first, second) and name in ("bernoulli", "one_hot"))
        runs.append((bits(first), bits(second), log_prob.numpy()))
    assert runs[0][:2] == runs[1][:2] == runs[2][:2]
    for run in runs[1:]:
        np.testing.assert_allclose(run[2], runs[0][2], rtol=1e-6, atol=1e-6)


def test_relaxed_samples() -> None:
    """At any temperature the largest category, or the side of 1/2, is as likely as by the probabilities."""
    bs.manual_seed(8)
    p = np.array([0.1, 0.2, 0.7])
    for t in (0.1, 1.0, 5.0):
        drawn = D.RelaxedOneHotCategorical(t, bs.tensor(p)).sample((N,)).numpy()
        np.testing.assert_allclose(drawn.sum(-1), 1, rtol=1e-12)
        assert stats.chisquare(np.bincount(drawn.argmax(-1), minlength=3), N * p).pvalue > 1e-4
        one = D.RelaxedBernoulli(t, bs.tensor(0.3, dtype=bs.float64))
        assert abs((one.sample((N,)).numpy() > 0.5).mean() - 0.3) < 5 * math.sqrt(0.21 / N)
        # The density integrates to 1.
        x = bs.tensor((np.arange(N) + 0.5) / N)
        if t >= 1:
            assert abs(one.log_prob(x).exp().mean().item() - 1) < 2e-3


POLICIES: dict[str, Callable[[bs.Tensor], D.Distribution]] = {
    "categorical": lambda x: D.Categorical(logits=x),
    "normal": lambda x: D.Independent(D.Normal(x, x.exp()), 1),
    "bernoulli": lambda x: D.Bernoulli(logits=x),
    "beta": lambda x: D.Beta(x.exp(), 2.0),
    "student": lambda x: D.StudentT(x.exp() + 2, x),
    "squashed": lambda x: D.TransformedDistribution(D.Normal(x, 1.0), D.TanhTransform(cache_size=1)),
    "gaussian": lambda x: D.MultivariateNormal(x, covariance_matrix=bs.eye(5) * x.exp().sum()),
    "binomial": lambda x: D.Binomial(50, logits=x),
}


@pytest.mark.parametrize("name", POLICIES)
def test_made_inside_a_compiled_step(name: str) -> None:
    def step(x: bs.Tensor) -> tuple[bs.Tensor, bs.Tensor]:
        made = POLICIES[name](x)
        value = made.rsample() if made.has_rsample else made.sample()
        loss = made.log_prob(value).sum() + (value.sum() if made.has_rsample else 0.0)
        if name in ("categorical", "normal", "bernoulli", "beta"):
            loss = loss + made.entropy().sum()
        return loss.detach(), bs.grad(loss, x)

    x = bs.linspace(-1, 1, 5).requires_grad_()
    compiled = bs.compile(step)
    for run in range(2):
        bs.manual_seed(run)
        loss, grad = step(x)
        bs.manual_seed(run)
        same_loss, same_grad = compiled(x)
        np.testing.assert_allclose(same_loss.numpy(), loss.numpy(), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(same_grad.numpy(), grad.numpy(), rtol=1e-4, atol=1e-5)


def test_seeds_and_generators() -> None:
    made = D.Gamma(bs.tensor([0.5, 3.0]), 1.0)
    bs.manual_seed(7)
    first = made.sample((3,))
    bs.manual_seed(7)
    assert bits(made.sample((3,))) == bits(first)
    assert bits(made.sample((3,))) != bits(first)
