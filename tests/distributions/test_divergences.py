"""Divergences beside sums and integrals over quantiles, their rules, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import distributions as D
from backsweep.distributions.kl import RULES
from distributions.families import UNIVARIATE

close = np.testing.assert_allclose

# Parameters of p and q for each class; the divergence is finite unless q's values are fewer.
FIRST: dict[type, D.Distribution] = {}
SECOND: dict[type, D.Distribution] = {}


def doubles(*values: float) -> Any:
    return [bs.tensor(v, dtype=bs.float64) for v in values]


for kind, first, second in (
    (D.Normal, (0.4, 0.7), (-0.2, 1.3)),
    (D.Uniform, (0.2, 0.7), (-0.5, 2.0)),
    (D.Laplace, (0.4, 0.7), (-0.2, 1.3)),
    (D.Cauchy, (0.4, 0.7), (-0.2, 1.3)),
    (D.Gumbel, (0.4, 0.7), (-0.2, 1.3)),
    (D.Exponential, (1.5,), (0.6,)),
    (D.HalfNormal, (0.7,), (1.3,)),
    (D.Gamma, (1.7, 2.0), (2.5, 0.8)),
    (D.Beta, (1.7, 2.0), (2.5, 1.2)),
    (D.ContinuousBernoulli, (0.3,), (0.6,)),
    (D.Pareto, (1.5, 3.3), (0.9, 2.1)),
    (D.Bernoulli, (0.3,), (0.6,)),
    (D.Geometric, (0.3,), (0.6,)),
    (D.Poisson, (1.3,), (2.6,)),
):
    FIRST[kind], SECOND[kind] = kind(*doubles(*first)), kind(*doubles(*second))
FIRST[D.Binomial] = D.Binomial(7, *doubles(0.3))
SECOND[D.Binomial] = D.Binomial(7, *doubles(0.6))
FIRST[D.TransformedDistribution] = D.LogNormal(*doubles(0.4, 0.7))
SECOND[D.TransformedDistribution] = D.LogNormal(*doubles(-0.2, 1.3))

PAIRS = [(p, q) for p, q in RULES if p in FIRST and q in SECOND]
UNIT = (D.Beta, D.ContinuousBernoulli)  # values from 0 to 1
NEVER = [
    (p, q)
    for p, q in PAIRS
    if (p in (D.Exponential, D.Gamma) and q in (*UNIT, D.Pareto, D.Uniform))
    or (p in (D.Gumbel, D.Laplace, D.Normal) and q in (*UNIT, D.Exponential, D.Gamma, D.Pareto, D.Uniform))
    or (p is D.Pareto and q in (*UNIT, D.Uniform))
    or (p in UNIT and q is D.Pareto)
    or (p, q) in ((D.Poisson, D.Bernoulli), (D.Poisson, D.Binomial))
]


def points(p: D.Distribution) -> tuple[Any, Any]:
    """Values of p and their weights: all of a discrete one, else quantiles, or those of SciPy."""
    if isinstance(p, (D.Bernoulli, D.Geometric, D.Poisson, D.Binomial)):
        values = np.arange({D.Bernoulli: 2, D.Binomial: 8}.get(type(p), 120), dtype=np.float64)
        return values, np.exp(p.log_prob(bs.tensor(values)).numpy())
    # Gauss and Legendre between quantiles that come closer to 0 and 1.
    ends = np.concatenate(
        [np.logspace(-13, -0.3010299956639812, 60), 1 - np.logspace(-13, -0.3010299956639812, 60)]
    )
    ends = np.unique(ends)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    u = (ends[:-1, None] + np.diff(ends)[:, None] * (0.5 + 0.5 * nodes)).ravel()
    if isinstance(p, (D.Gamma, D.Beta)):
        name = "gamma" if isinstance(p, D.Gamma) else "beta"
        values = UNIVARIATE[name].oracle(**{k: getattr(p, k).item() for k in p.arg_constraints}).ppf(u)
    else:
        values = p.icdf(bs.tensor(u)).numpy()
    return values, (np.diff(ends)[:, None] * 0.5 * weights).ravel()


@pytest.mark.parametrize(
    "pair", [pair for pair in PAIRS if pair not in NEVER], ids=lambda p: f"{p[0].__name__}-{p[1].__name__}"
)
def test_the_integral_of_log_ratios(pair: tuple[type, type]) -> None:
    p, q = FIRST[pair[0]], SECOND[pair[1]]
    if pair == (D.Uniform, D.Pareto):
        p = D.Uniform(*doubles(1.2, 2.5))
    values, weights = points(p)
    x = bs.tensor(values)
    expected = (weights * (p.log_prob(x) - q.log_prob(x)).numpy()).sum()
    found = D.kl_divergence(p, q)
    assert found.shape == () and found.dtype == bs.float64
    close(found.item(), expected, rtol=1e-4 if pair[1] is D.Laplace else 1e-5)  # its density has a corner
    if pair[0] is pair[1]:
        assert abs(D.kl_divergence(q, q).item()) < 1e-12


@pytest.mark.parametrize("pair", NEVER, ids=lambda p: f"{p[0].__name__}-{p[1].__name__}")
def test_values_that_q_has_not(pair: tuple[type, type]) -> None:
    wide = FIRST[pair[0]].expand((2, 1))
    assert D.kl_divergence(wide, SECOND[pair[1]].expand((3,))).tolist() == [[np.inf] * 3] * 2


def test_no_rule_is_left_out() -> None:
    vectors = {D.Categorical, D.OneHotCategorical, D.Dirichlet, D.Independent, D.ExponentialFamily}
    normal = {D.MultivariateNormal, D.LowRankMultivariateNormal}
    others = {(kind, kind) for kind in vectors} | {(p, q) for p in normal for q in normal}
    assert {pair for pair in RULES if pair not in PAIRS} == others
    assert len(PAIRS) == 78


def test_outside_of_an_interval() -> None:
    p = D.Uniform(bs.tensor([-1.0, 0.2]), bs.tensor([0.5, 0.9]))
    for q in (D.Uniform(0.0, 1.0), D.Beta(2.0, 2.0), D.Gamma(2.0, 2.0), D.Exponential(1.0)):
        value = D.kl_divergence(p, q)
        assert value[0].item() == np.inf and bool(value[1].isfinite())
    assert D.kl_divergence(D.Beta(2.0, 2.0), D.Uniform(bs.tensor([0.1, 0.0]), 1.0)).isinf().tolist() == [
        True,
        False,
    ]
    assert D.kl_divergence(D.Bernoulli(0.5), D.Bernoulli(bs.tensor([0.0, 0.5]))).tolist() == [np.inf, 0]


def test_categories() -> None:
    p, q = bs.tensor([[0.2, 0.8, 0.0], [0.1, 0.4, 0.5]]), bs.tensor([0.3, 0.7, 0.0])
    for kind in (D.Categorical, D.OneHotCategorical):
        value = D.kl_divergence(kind(p), kind(q))
        close(value[0].item(), 0.2 * np.log(2 / 3) + 0.8 * np.log(8 / 7), rtol=1e-5)
        assert value[1].item() == np.inf


def test_low_rank() -> None:
    """All four pairs of normal vectors give what the covariances as matrices give."""
    rng = np.random.default_rng(2)
    pair = []
    for _ in range(2):
        loc, factor = rng.normal(size=(2, 4)), rng.normal(size=(2, 4, 2))
        diag = rng.uniform(0.3, 2, size=(2, 4))
        low = D.LowRankMultivariateNormal(*map(bs.tensor, (loc, factor, diag)))
        pair.append((low, D.MultivariateNormal(low.loc, low.covariance_matrix)))
    (p, full_p), (q, full_q) = pair
    want = D.kl_divergence(full_p, full_q).numpy()
    for a in (p, full_p):
        for b in (q, full_q):
            close(D.kl_divergence(a, b).numpy(), want, rtol=1e-10)
            close(D.kl_divergence(a.expand((3, 2)), b).numpy(), np.stack([want] * 3), rtol=1e-10)
        with pytest.raises(ValueError, match="vectors of"):
            D.kl_divergence(a, D.LowRankMultivariateNormal(bs.zeros(3), bs.ones(3, 1), bs.ones(3)))


def test_vectors() -> None:
    rng = np.random.default_rng(1)
    roots = np.tril(rng.normal(size=(2, 3, 3)), -1) + np.eye(3) * [1.0, 0.5, 2.0]
    means = rng.normal(size=(2, 3))
    p, q = (
        D.MultivariateNormal(bs.tensor(m), scale_tril=bs.tensor(r)) for m, r in zip(means, roots, strict=True)
    )
    (s, t), d = (r @ r.T for r in roots), means[1] - means[0]
    inverse = np.linalg.inv(t)
    expected = 0.5 * (
        np.trace(inverse @ s) + d @ inverse @ d - 3 + np.log(np.linalg.det(t) / np.linalg.det(s))
    )
    close(D.kl_divergence(p, q).item(), expected, rtol=1e-10)
    close(D.kl_divergence(p.expand((4, 2)), q).numpy(), np.full((4, 2), expected), rtol=1e-10)
    bs.manual_seed(0)
    p, q = (D.Dirichlet(bs.tensor(a, dtype=bs.float64)) for a in ([0.7, 2.0, 3.0], [1.5, 1.0, 2.0]))
    x = p.sample((100_000,))
    ratio = (p.log_prob(x) - q.log_prob(x)).numpy()
    assert abs(D.kl_divergence(p, q).item() - ratio.mean()) < 4 * ratio.std() / np.sqrt(len(ratio))


def test_of_independent_and_transformed() -> None:
    p, q = D.Normal(bs.zeros(4, 3), 1.0), D.Normal(bs.ones(3), 2.0)
    plain = D.kl_divergence(p, q)
    joint = D.kl_divergence(D.Independent(p, 1), D.Independent(q.expand((4, 3)), 1))
    close(joint.numpy(), plain.sum(-1).numpy(), rtol=1e-6)
    squashed = [D.TransformedDistribution(d, [D.TanhTransform(), D.ExpTransform()]) for d in (p, q)]
    close(D.kl_divergence(*squashed).numpy(), plain.numpy(), rtol=1e-6)
    with pytest.raises(NotImplementedError, match="same transforms"):
        D.kl_divergence(squashed[0], D.TransformedDistribution(q, D.ExpTransform()))
    with pytest.raises(NotImplementedError, match="reinterpreted_batch_ndims"):
        D.kl_divergence(D.Independent(p, 1), D.Independent(p, 2))


def test_rules_of_ones_own() -> None:
    class Mine(D.Normal):
        pass

    class Other(Mine):
        pass

    close(D.kl_divergence(Mine(0.0, 1.0), D.Normal(1.0, 1.0)).item(), 0.5)
    with pytest.raises(NotImplementedError, match=r"no rule for Poisson and Cauchy: register one"):
        D.kl_divergence(D.Poisson(1.0), D.Cauchy(0.0, 1.0))
    with pytest.raises(TypeError, match="type_q is <class 'int'>; it must be a class of distributions"):
        D.register_kl(D.Normal, int)
    before = dict(RULES)
    try:

        @D.register_kl(Mine, D.Normal)
        def rule(p: Mine, q: D.Normal) -> bs.Tensor:
            return bs.tensor(7.0)

        assert D.kl_divergence(Other(0.0, 1.0), D.Normal(0.0, 1.0)).item() == 7
        assert D.kl_divergence(D.Normal(0.0, 1.0), Other(0.0, 1.0)).item() == 0
        D.register_kl(D.Normal, Mine)(lambda p, q: bs.tensor(8.0))
        with pytest.warns(RuntimeWarning, match="two rules fit Mine and Mine"):
            assert D.kl_divergence(Mine(0.0, 1.0), Mine(0.0, 1.0)).item() == 7
    finally:
        RULES.clear()
        RULES.update(before)
        D.kl._rule.cache_clear()


def test_derivatives_and_programs() -> None:
    loc = bs.tensor([0.3, -1.0], dtype=bs.float64).requires_grad_()
    scale = bs.tensor([0.7, 1.4], dtype=bs.float64).requires_grad_()
    prior = D.Normal(*doubles(0.0, 1.0))

    def divergence(m: bs.Tensor, s: bs.Tensor) -> bs.Tensor:
        return D.kl_divergence(D.Independent(D.Normal(m, s), 1), D.Independent(prior.expand((2,)), 1))

    assert bs.autograd.gradcheck(divergence, (loc, scale))
    close(bs.compile(divergence)(loc, scale).item(), divergence(loc, scale).item(), rtol=1e-12)
