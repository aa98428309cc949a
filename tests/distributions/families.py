"""Distributions of each kind beside SciPy's: what the tests of this folder run over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

import backsweep as bs
from backsweep import distributions as D


class Family(NamedTuple):
    kind: type[D.Distribution]
    parameters: dict[str, Any]  # arrays of one batch, float64
    oracle: Callable[..., Any]  # SciPy's distribution for these
    values: Any  # where densities are compared; the batch broadcasts
    discrete: bool = False

    def made(self, dtype: Any = bs.float64, requires_grad: bool = False) -> D.Distribution:
        return self.kind(**self.tensors(dtype, requires_grad))

    def tensors(self, dtype: Any = bs.float64, requires_grad: bool = False) -> dict[str, Any]:
        return {
            name: bs.tensor(np.asarray(value), dtype=dtype).requires_grad_(requires_grad)
            for name, value in self.parameters.items()
        }

    def theirs(self) -> Any:
        return self.oracle(**{name: np.asarray(value) for name, value in self.parameters.items()})


LOC, SCALE = [-1.0, 0.3, 20.0], [0.5, 1.0, 7.0]
REALS = np.array([[-9.0], [-1.0], [0.0], [0.7], [25.0]])
POSITIVE = np.array([[1e-4], [0.3], [1.0], [2.5], [40.0]])
INSIDE = np.array([[1e-5], [0.2], [0.5], [0.9], [0.9999]])
COUNTS = np.array([[0.0], [1.0], [2.0], [5.0]])
P = [0.03, 0.4, 0.8]
ALPHA = [0.2, 1.0, 7.5]

UNIVARIATE = {
    "normal": Family(D.Normal, {"loc": LOC, "scale": SCALE}, stats.norm, REALS),
    "uniform": Family(
        D.Uniform,
        {"low": [-30.0, -9.5, -20.0], "high": [26.0, 30.0, 25.5]},
        lambda low, high: stats.uniform(low, high - low),
        REALS,
    ),
    "laplace": Family(D.Laplace, {"loc": LOC, "scale": SCALE}, stats.laplace, REALS),
    "cauchy": Family(D.Cauchy, {"loc": LOC, "scale": SCALE}, stats.cauchy, REALS),
    "gumbel": Family(D.Gumbel, {"loc": [-1.0, 0.3, 2.0], "scale": [2.0, 1.0, 7.0]}, stats.gumbel_r, REALS),
    "student": Family(
        D.StudentT,
        {"df": [0.7, 2.5, 40.0], "loc": LOC, "scale": SCALE},
        lambda df, loc, scale: stats.t(df, loc, scale),
        REALS,
    ),
    "exponential": Family(D.Exponential, {"rate": SCALE}, lambda rate: stats.expon(scale=1 / rate), POSITIVE),
    "half_cauchy": Family(D.HalfCauchy, {"scale": SCALE}, stats.halfcauchy, POSITIVE),
    "weibull": Family(
        D.Weibull,
        {"scale": SCALE, "concentration": [0.6, 1.0, 3.5]},
        lambda scale, concentration: stats.weibull_min(concentration, scale=scale),
        POSITIVE,
    ),
    "half_normal": Family(
        D.HalfNormal, {"scale": SCALE}, lambda scale: stats.halfnorm(scale=scale), POSITIVE
    ),
    "log_normal": Family(
        D.LogNormal,
        {"loc": [-1.0, 0.3, 1.0], "scale": [0.5, 1.0, 0.7]},
        lambda loc, scale: stats.lognorm(scale, scale=np.exp(loc)),
        POSITIVE,
    ),
    "gamma": Family(
        D.Gamma,
        {"concentration": ALPHA, "rate": SCALE},
        lambda concentration, rate: stats.gamma(concentration, scale=1 / rate),
        POSITIVE,
    ),
    "chi2": Family(D.Chi2, {"df": ALPHA}, lambda df: stats.chi2(df), POSITIVE),
    "beta": Family(
        D.Beta,
        {"concentration1": ALPHA, "concentration0": [2.0, 0.4, 3.0]},
        lambda concentration1, concentration0: stats.beta(concentration1, concentration0),
        INSIDE,
    ),
    "pareto": Family(
        D.Pareto,
        {"scale": [0.5, 1.0, 2.0], "alpha": [0.7, 1.5, 5.0]},
        lambda scale, alpha: stats.pareto(alpha, scale=scale),
        np.array([[2.0], [3.5], [40.0]]),
    ),
    "generalized_pareto": Family(
        D.GeneralizedPareto,
        {"loc": [-1.0, 0.0, -2.0], "scale": [0.5, 1.0, 3.0], "concentration": [0.3, 0.0, -0.05]},
        lambda loc, scale, concentration: stats.genpareto(concentration, loc=loc, scale=scale),
        POSITIVE,
    ),
    "inverse_gamma": Family(
        D.InverseGamma,
        {"concentration": [0.7, 2.5, 7.5], "rate": SCALE},
        lambda concentration, rate: stats.invgamma(concentration, scale=rate),
        POSITIVE[1:],
    ),
    "fisher": Family(
        D.FisherSnedecor,
        {"df1": [1.0, 4.0, 7.5], "df2": [5.0, 8.0, 30.0]},
        lambda df1, df2: stats.f(df1, df2),
        POSITIVE,
    ),
    "bernoulli": Family(D.Bernoulli, {"probs": P}, lambda probs: stats.bernoulli(probs), COUNTS[:2], True),
    "geometric": Family(D.Geometric, {"probs": P}, lambda probs: stats.geom(probs, loc=-1), COUNTS, True),
    "negative_binomial": Family(
        D.NegativeBinomial,
        {"total_count": [0.5, 3.0, 20.0], "probs": P},
        lambda total_count, probs: stats.nbinom(total_count, 1 - probs),
        COUNTS,
        True,
    ),
    "poisson": Family(D.Poisson, {"rate": SCALE}, lambda rate: stats.poisson(rate), COUNTS, True),
    "binomial": Family(
        D.Binomial,
        {"total_count": [5.0, 40.0, 300.0], "probs": P},
        lambda total_count, probs: stats.binom(total_count, probs),
        COUNTS,
        True,
    ),
}

WITHOUT_ENTROPY = {"poisson", "binomial", "negative_binomial", "fisher"}

# Distributions of each class with a batch of (2, 3), or (3,) where the event takes an axis; float32.
SHAPED: dict[str, Callable[[], D.Distribution]] = {
    **{
        name: lambda family=family: family.made(bs.float32).expand((2, 3))  # type: ignore[misc]
        for name, family in UNIVARIATE.items()
    },
    "categorical": lambda: D.Categorical(logits=bs.linspace(-1, 1, 30).reshape(2, 3, 5)),
    "one_hot": lambda: D.OneHotCategorical(probs=bs.linspace(0.1, 1, 30).reshape(2, 3, 5)),
    "relaxed": lambda: D.RelaxedBernoulli(0.7, logits=bs.linspace(-1, 1, 6).reshape(2, 3)),
    "relaxed_one_hot": lambda: D.RelaxedOneHotCategorical(
        2.0, logits=bs.linspace(-1, 1, 30).reshape(2, 3, 5)
    ),
    "multinomial": lambda: D.Multinomial(7, probs=bs.linspace(0.1, 1, 30).reshape(2, 3, 5)),
    "dirichlet": lambda: D.Dirichlet(bs.linspace(0.5, 3, 30).reshape(2, 3, 5)),
    "independent": lambda: D.Independent(D.Normal(bs.zeros(2, 3, 4), 1.0), 1),
    "multivariate_normal": lambda: D.MultivariateNormal(
        bs.zeros(2, 3, 4), scale_tril=bs.eye(4) + 0.5 * bs.ones(4, 4).tril()
    ),
    "transformed": lambda: D.TransformedDistribution(
        D.Normal(bs.zeros(2, 3), 0.5), [D.TanhTransform(), D.AffineTransform(1.0, -2.0)]
    ),
    "kumaraswamy": lambda: D.Kumaraswamy(bs.linspace(0.5, 3, 6).reshape(2, 3), bs.tensor([0.7, 1.0, 2.0])),
    "continuous_bernoulli": lambda: D.ContinuousBernoulli(bs.linspace(0.1, 0.9, 6).reshape(2, 3)),
    "von_mises": lambda: D.VonMises(bs.linspace(-2, 2, 6).reshape(2, 3), bs.tensor([0.1, 2.0, 30.0])),
    "logistic_normal": lambda: D.LogisticNormal(bs.linspace(-1, 1, 24).reshape(2, 3, 4), 0.5),
    "low_rank": lambda: D.LowRankMultivariateNormal(
        bs.zeros(2, 3, 4), bs.linspace(-1, 1, 8).reshape(4, 2), bs.linspace(0.2, 1, 4)
    ),
    "wishart": lambda: D.Wishart(bs.full((2, 3), 6.5), scale_tril=bs.eye(4) + 0.5 * bs.ones(4, 4).tril()),
    "lkj": lambda: D.LKJCholesky(4, bs.linspace(0.5, 3, 6).reshape(2, 3)),
    "mixture": lambda: D.MixtureSameFamily(
        D.Categorical(bs.ones(2, 3, 4)), D.Normal(bs.linspace(-2, 2, 24).reshape(2, 3, 4), 0.3)
    ),
}
