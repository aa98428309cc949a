"""Distributions without a row in families.py: beside SciPy's, or beside integrals and what defines them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import integrate, special, stats

import backsweep as bs
from backsweep import distributions as D

close = np.testing.assert_allclose
N = 20_000


def double(value: Any) -> bs.Tensor:
    return bs.tensor(value, dtype=bs.float64)


BOUNDED: dict[str, Callable[[], D.Distribution]] = {
    "kumaraswamy": lambda: D.Kumaraswamy(double([0.6, 1.0, 4.0]), double([0.8, 2.0, 3.0])),
    "continuous_bernoulli": lambda: D.ContinuousBernoulli(double([0.01, 0.4992, 0.9])),
    "logits": lambda: D.ContinuousBernoulli(logits=double([-60.0, 0.0, 3.0])),
}


@pytest.mark.parametrize("name", BOUNDED)
def test_between_0_and_1(name: str) -> None:
    """Moments and entropies are integrals of the density, quantiles the inverse, samples follow."""
    made = BOUNDED[name]()
    bs.manual_seed(1)
    drawn = made.sample((N,)).numpy()
    for i in range(3):

        def at(x: float, what: str = "log_prob", i: int = i) -> float:
            return float(getattr(made, what)(double(x))[i])

        def integral(f: Callable[[float], float], at: Any = at) -> float:
            return sum(
                integrate.quad(lambda x: f(x) * math.exp(at(x)), a, b, limit=200, epsabs=1e-12)[0]
                for a, b in ((1e-300, 0.01), (0.01, 0.2), (0.2, 0.8), (0.8, 1 - 1e-16))
            )

        mean = made.mean[i].item()
        close(integral(lambda x: 1.0), 1, rtol=1e-6)
        close(mean, integral(lambda x: x), rtol=1e-6)
        close(made.variance[i].item(), integral(lambda x, m=mean: (x - m) ** 2), rtol=1e-5)
        close(made.entropy()[i].item(), integral(lambda x, at=at: -at(x)), rtol=1e-5, atol=1e-7)
        close(at(0.3, "cdf"), integral(lambda x: float(x < 0.3)), rtol=1e-3)
        for p in (1e-6, 0.1, 0.7, 0.999):
            close(at(at(p, "icdf"), "cdf"), p, rtol=1e-7)
        assert (
            stats.kstest(drawn[:, i], lambda x, i=i: made.cdf(double(x)[:, None])[:, i].numpy()).pvalue > 1e-4
        )


def test_modes_of_kumaraswamy() -> None:
    found = D.Kumaraswamy(double([2.0, 1.0, 0.5, 1.0]), double([3.0, 2.0, 2.0, 1.0])).mode.tolist()
    close(found[0], (1 / 5) ** 0.5)
    assert found[1] == 0 and math.isnan(found[2]) and math.isnan(found[3])


def test_von_mises() -> None:
    loc, kappa = np.array([-2.0, 0.3, 3.0, 0.0]), np.array([1e-6, 0.5, 8.0, 3000.0])
    made = D.VonMises(double(loc), double(kappa))
    x = np.array([[-3.0], [0.0], [1.0], [3.1]])
    expected = kappa * (np.cos(x - loc) - 1) - np.log(2 * np.pi * special.ive(0, kappa))
    close(made.log_prob(bs.tensor(x)).numpy(), expected, rtol=1e-10)
    close(made.variance.numpy(), 1 - special.ive(1, kappa) / special.ive(0, kappa), rtol=1e-9)
    assert made.mean.tolist() == made.mode.tolist() == loc.tolist()
    bs.manual_seed(0)
    drawn = made.sample((N,)).numpy()
    assert (np.abs(drawn) <= np.pi).all()
    for i in range(4):
        around = (drawn[:, i] - loc[i] + np.pi) % (2 * np.pi) - np.pi
        assert stats.kstest(around, stats.vonmises(kappa[i]).cdf).pvalue > 1e-4


def test_logistic_normal() -> None:
    made = D.LogisticNormal(double([0.3, -0.4]), double([0.5, 1.2]))
    assert (made.batch_shape, made.event_shape) == ((), (3,))
    assert made.loc.tolist() == [0.3, -0.4] and made.scale.tolist() == [0.5, 1.2]
    # The density over the first two probabilities integrates to 1.
    u = (np.arange(400) + 0.5) / 400
    x, y = np.meshgrid(u, u)
    inside = x + y < 1 - 1e-9
    points = np.stack([x[inside], y[inside], 1 - x[inside] - y[inside]], -1)
    close(np.exp(made.log_prob(bs.tensor(points)).numpy()).sum() / 400**2, 1, rtol=2e-3)
    bs.manual_seed(0)
    drawn = made.sample((N,)).numpy()
    close(drawn.sum(-1), 1, rtol=1e-12)
    odds = np.log(drawn[:, 0] / (1 - drawn[:, 0])) + np.log(2)
    assert stats.kstest(odds, stats.norm(0.3, 0.5).cdf).pvalue > 1e-4


def test_low_rank_multivariate_normal() -> None:
    rng = np.random.default_rng(0)
    loc, factor, diag = rng.normal(size=(2, 4)), rng.normal(size=(4, 2)), rng.uniform(0.3, 2, size=4)
    made = D.LowRankMultivariateNormal(*map(bs.tensor, (loc, factor, diag)))
    assert (made.batch_shape, made.event_shape) == ((2,), (4,))
    covariance = factor @ factor.T + np.diag(diag)
    oracles = [stats.multivariate_normal(m, covariance) for m in loc]
    x = rng.normal(size=(5, 2, 4))
    expected = np.stack([d.logpdf(x[:, i]) for i, d in enumerate(oracles)], -1)
    close(made.log_prob(bs.tensor(x)).numpy(), expected, rtol=1e-10)
    close(made.entropy().numpy(), [d.entropy() for d in oracles], rtol=1e-10)
    for name, value in (
        ("covariance_matrix", covariance),
        ("precision_matrix", np.linalg.inv(covariance)),
        ("scale_tril", np.linalg.cholesky(covariance)),
        ("variance", covariance.diagonal()),
    ):
        close(getattr(made, name).numpy(), np.stack([value] * 2), rtol=1e-9, atol=1e-12)
    bs.manual_seed(0)
    drawn = made.sample((N,)).numpy()[:, 0]
    assert np.abs(np.cov(drawn.T) - covariance).max() < 0.15
    assert np.abs(drawn.mean(0) - loc[0]).max() < 0.06
    with pytest.raises(bs.ShapeError, match=r"cov_factor \(3, 2\)"):
        D.LowRankMultivariateNormal(bs.zeros(4), bs.ones(3, 2), bs.ones(4))


@pytest.mark.parametrize("given", ["covariance_matrix", "precision_matrix", "scale_tril"])
def test_wishart(given: str) -> None:
    rng = np.random.default_rng(0)
    root = np.tril(rng.normal(size=(3, 3)), -1) + np.diag([1.0, 0.5, 2.0])
    covariance = root @ root.T
    matrix = {
        "covariance_matrix": covariance,
        "precision_matrix": np.linalg.inv(covariance),
        "scale_tril": root,
    }
    df = np.array([3.5, 7.0])
    made = D.Wishart(bs.tensor(df), **{given: bs.tensor(matrix[given])})
    assert (made.batch_shape, made.event_shape) == ((2,), (3, 3))
    oracles = [stats.wishart(nu, covariance) for nu in df]
    half = rng.normal(size=(4, 3, 5))
    x = half @ half.swapaxes(-1, -2)
    expected = np.stack([[d.logpdf(m) for d in oracles] for m in x])
    close(made.log_prob(bs.tensor(x[:, None])).numpy(), expected, rtol=1e-8)
    close(made.entropy().numpy(), [d.entropy() for d in oracles], rtol=1e-9)
    close(made.mean.numpy(), [d.mean() for d in oracles], rtol=1e-9)
    close(made.variance.numpy(), [d.var() for d in oracles], rtol=1e-9)
    assert bool(made.mode[0].isnan().all())
    close(made.mode[1].numpy(), oracles[1].mode(), rtol=1e-9)
    bs.manual_seed(0)
    drawn = made.sample((N,)).numpy()
    for i, nu in enumerate(df):
        # A diagonal element over its variance is of χ², and so is the Schur complement in the last place.
        for k in range(3):
            assert stats.kstest(drawn[:, i, k, k] / covariance[k, k], stats.chi2(nu).cdf).pvalue > 1e-4
        last = 1 / np.linalg.inv(drawn[:, i])[:, 2, 2] / root[2, 2] ** 2
        assert stats.kstest(last, stats.chi2(nu - 2).cdf).pvalue > 1e-4


def test_wrong_parameters() -> None:
    eye = bs.eye(3)
    with pytest.raises(ValueError, match=r"df is 2.0; it must be above n - 1 = 2"):
        D.Wishart(2.0, eye)
    with pytest.warns(UserWarning, match="singular"):
        D.Wishart(2.5, eye)
    with pytest.raises(ValueError, match=r"\[Wishart\] Exactly one of"):
        D.Wishart(5.0, eye, eye)
    with pytest.raises(ValueError, match=r"\[LKJCholesky\] dim is 1"):
        D.LKJCholesky(1)
    with pytest.raises(ValueError, match="probs"):
        D.ContinuousBernoulli(0.3, 0.2)
    with pytest.raises(ValueError, match="parameter probs"):
        D.ContinuousBernoulli(bs.tensor([1.2]))
    for wrong in (
        lambda: D.Pareto(-1.0, 1.0),
        lambda: D.VonMises(0.0, -1.0),
        lambda: D.Kumaraswamy(1.0, 0.0),
    ):
        with pytest.raises(ValueError, match="Expected parameter"):
            wrong()
    with pytest.raises(ValueError, match="within the support"):
        D.Pareto(2.0, 1.0).log_prob(1.0)
    with pytest.raises(ValueError, match="within the support"):
        D.GeneralizedPareto(0.0, 1.0, -0.5).log_prob(2.5)


@pytest.mark.parametrize("eta", [0.6, 1.0, 4.0])
def test_lkj(eta: float) -> None:
    """Each correlation is that of 2 b - 1, b of Beta(η + n/2 - 1, η + n/2 - 1); densities integrate to 1."""
    made = D.LKJCholesky(3, double(eta))
    bs.manual_seed(2)
    factors = made.sample((N,))
    assert bool(D.constraints.corr_cholesky.check(factors).all())
    matrices = (factors @ factors.mT).numpy()
    side = stats.beta(eta + 0.5, eta + 0.5, loc=-1, scale=2)
    for i, j in ((1, 0), (2, 0), (2, 1)):
        assert stats.kstest(matrices[:, i, j], side.cdf).pvalue > 1e-4
    # By importance: the mean of density over that of η = 1, drawn with η = 1, is 1.
    other = D.LKJCholesky(3, double(1.0))
    x = other.sample((N,))
    ratio = (made.log_prob(x) - other.log_prob(x)).exp().numpy()
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / math.sqrt(N) + 1e-12
    # Of two rows it is the density of one correlation r, whose factor has r and √(1 - r²).
    two = D.LKJCholesky(2, double(eta))
    r = np.array([-0.9, 0.1, 0.7])
    factor = np.zeros((3, 2, 2))
    factor[:, 0, 0], factor[:, 1, 0], factor[:, 1, 1] = 1, r, np.sqrt(1 - r**2)
    close(two.log_prob(bs.tensor(factor)).numpy(), stats.beta(eta, eta, loc=-1, scale=2).logpdf(r), rtol=1e-9)


def test_a_family_of_ones_own() -> None:
    """Entropy and divergence of an exponential distribution, by derivatives of its normalizer."""

    class Mine(D.ExponentialFamily):
        arg_constraints = {"rate": D.constraints.positive}  # noqa: RUF012
        support = D.constraints.nonnegative

        def __init__(self, rate: bs.Tensor) -> None:
            self.rate = rate
            super().__init__(rate.shape)

        @property
        def _natural_params(self) -> tuple[bs.Tensor, ...]:
            return (-self.rate,)

        def _log_normalizer(self, theta: bs.Tensor) -> bs.Tensor:  # type: ignore[override]
            return -(-theta).log()

    class Other(Mine):
        pass

    rate = double([0.5, 3.0]).requires_grad_()
    mine, theirs = Mine(rate), D.Exponential(rate)
    close(mine.entropy().detach().numpy(), theirs.entropy().detach().numpy(), rtol=1e-12)
    q = double([2.0, 1.0])
    found, want = D.kl_divergence(mine, Mine(q)), D.kl_divergence(theirs, D.Exponential(q))
    close(found.detach().numpy(), want.detach().numpy(), rtol=1e-12)
    for a, b in ((mine.entropy(), theirs.entropy()), (found, want)):
        close(bs.grad(a.sum(), rate).numpy(), bs.grad(b.sum(), rate).numpy(), rtol=1e-12)
    assert not Mine(q).entropy().requires_grad
    with pytest.raises(NotImplementedError, match="different exponential families"):
        D.kl_divergence(mine, Other(q))
    with pytest.raises(NotImplementedError, match=r"_log_normalizer|_natural_params"):
        D.ExponentialFamily((2,)).entropy()
