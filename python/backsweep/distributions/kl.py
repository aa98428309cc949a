"""Divergences of distributions from each other."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from math import inf, log, pi, sqrt
from typing import Any, TypeVar

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions.bernoulli import Bernoulli
from backsweep.distributions.beta import Beta
from backsweep.distributions.binomial import Binomial
from backsweep.distributions.categorical import Categorical
from backsweep.distributions.cauchy import Cauchy
from backsweep.distributions.continuous_bernoulli import ContinuousBernoulli
from backsweep.distributions.dirichlet import Dirichlet
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.exp_family import ExponentialFamily
from backsweep.distributions.exponential import Exponential
from backsweep.distributions.gamma import Gamma
from backsweep.distributions.geometric import Geometric
from backsweep.distributions.gumbel import EULER, Gumbel
from backsweep.distributions.half_normal import HalfNormal
from backsweep.distributions.independent import Independent, sum_last
from backsweep.distributions.laplace import Laplace
from backsweep.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from backsweep.distributions.multivariate_normal import MultivariateNormal, half_log_det, squared_distance
from backsweep.distributions.normal import Normal
from backsweep.distributions.one_hot_categorical import OneHotCategorical
from backsweep.distributions.pareto import Pareto
from backsweep.distributions.poisson import Poisson
from backsweep.distributions.transformed_distribution import TransformedDistribution
from backsweep.distributions.uniform import Uniform
from backsweep.linalg import solve_triangular

__all__ = ["kl_divergence", "register_kl"]

Rule = Callable[[Any, Any], Tensor]
R = TypeVar("R", bound=Rule)
RULES: dict[tuple[type, type], Rule] = {}


def register_kl(type_p: type[Distribution], type_q: type[Distribution]) -> Callable[[R], R]:
    """Make a function of p and q the rule of `kl_divergence` for two classes and those that inherit.

    Raises
    ------
    TypeError
        If one of them is no class of distributions.

    Examples
    --------
    >>> @register_kl(Normal, MyDistribution)
    ... def kl_normal_mine(p, q): ...
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        given: object = kind
        if not (isinstance(given, type) and issubclass(given, Distribution)):
            raise TypeError(f"[register_kl] {name} is {kind!r}; it must be a class of distributions")

    def decorator(fn: R) -> R:
        RULES[type_p, type_q] = fn
        _rule.cache_clear()
        return fn

    return decorator


@cache
def _rule(type_p: type, type_q: type) -> Rule | None:
    """Give the rule of the nearest classes, p's before q's."""
    found = [
        (type_p.__mro__.index(a), type_q.__mro__.index(b), rule)
        for (a, b), rule in RULES.items()
        if issubclass(type_p, a) and issubclass(type_q, b)
    ]
    if not found:
        return None
    by_p = min(found, key=lambda f: f[:2])[2]
    if by_p is not min(found, key=lambda f: (f[1], f[0]))[2]:
        warnings.warn(
            f"[kl_divergence] two rules fit {type_p.__name__} and {type_q.__name__}: register one for both",
            RuntimeWarning,
            stacklevel=3,
        )
    return by_p


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """Give the Kullback-Leibler divergence ∫ p log(p / q), of the shape of the batch.

    Raises
    ------
    NotImplementedError
        If no rule is registered for the two: see `register_kl`.
    """
    kinds: tuple[Any, Any] = type(p), type(q)
    rule = _rule(*kinds)
    if rule is None:
        raise NotImplementedError(
            f"[kl_divergence] there is no rule for {type(p).__name__} and {type(q).__name__}: register one "
            "by register_kl, or take the mean of p.log_prob(x) - q.log_prob(x) over samples x of p"
        )
    return rule(p, q)


def _log_ratio(weight: Tensor, other: Tensor) -> Tensor:
    """Give w log(w / v): 0 where w is 0, infinite where only v is."""
    value = weight.xlogy(weight) - weight.xlogy(other)
    return _core.where((other == 0) & (weight != 0), inf, value)


# ---- Of the same kind --------------------------------------------------------------------------------------


@register_kl(Bernoulli, Bernoulli)
def _bernoulli_bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    return _log_ratio(p.probs, q.probs) + _log_ratio(1 - p.probs, 1 - q.probs)


@register_kl(Beta, Beta)
def _beta_beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet_dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Binomial, Binomial)
def _binomial_binomial(p: Binomial, q: Binomial) -> Tensor:
    fewer = p.total_count < q.total_count
    if not fewer.is_symbolic and bool(fewer.any()):
        raise NotImplementedError(
            "[kl_divergence] of Binomials is there where total_count of p is not below that of q"
        )
    one = _log_ratio(p.probs, q.probs) + _log_ratio(1 - p.probs, 1 - q.probs)
    return _core.where(p.total_count > q.total_count, inf, p.total_count * one)


@register_kl(Categorical, Categorical)
def _categorical_categorical(p: Categorical, q: Categorical) -> Tensor:
    value = p.probs * (p.logits - q.logits)
    value = _core.where((q.probs == 0).expand_as(value), inf, value)
    return _core.where((p.probs == 0).expand_as(value), 0.0, value).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot_one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical_categorical(p._categorical, q._categorical)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet_dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    normaliser = total.lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return normaliser + ((a - b) * (a.digamma() - total.digamma().unsqueeze(-1))).sum(-1)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    return -p.entropy() - q._mean_log_prob(p.mean)


@register_kl(ExponentialFamily, ExponentialFamily)
def _family_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    if type(p) is not type(q):
        raise NotImplementedError(
            f"[kl_divergence] there is no rule for {type(p).__name__} and {type(q).__name__}, which are "
            "different exponential families: register one by register_kl"
        )
    theta, value, slopes = p._at_natural_params()
    result = q._log_normalizer(*q._natural_params) - value
    for a, b, slope in zip(theta, q._natural_params, slopes, strict=True):
        result = result - sum_last((b - a) * slope, len(q.event_shape))
    return result


@register_kl(Exponential, Exponential)
def _exponential_exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Gamma, Gamma)
def _gamma_gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    ratio = q.rate / p.rate
    return -b * ratio.log() + b.lgamma() - a.lgamma() + (a - b) * a.digamma() + a * (ratio - 1)


@register_kl(Gumbel, Gumbel)
def _gumbel_gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio = p.scale / q.scale
    off = (q.loc - p.loc) / q.scale
    return -ratio.log() - off + ratio * EULER + (off + (1 + ratio).lgamma()).exp() - (1 + EULER)


@register_kl(Geometric, Geometric)
def _geometric_geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(HalfNormal, HalfNormal)
def _half_normal_half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal_normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace_laplace(p: Laplace, q: Laplace) -> Tensor:
    off = (p.loc - q.loc).abs()
    ratio = p.scale / q.scale
    return -ratio.log() + off / q.scale + ratio * (-off / p.scale).exp() - 1


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    _same_vectors(p, q)
    return _normal_vectors(p, q, p._factor, half_log_det(p._factor))


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _low_rank_full(p: LowRankMultivariateNormal, q: MultivariateNormal) -> Tensor:
    _same_vectors(p, q)
    columns = _core.cat([p.cov_factor, p.cov_diag.sqrt().diag_embed()], -1)  # R, R Rᵀ being p's covariance
    return _normal_vectors(p, q, columns, p._half())


def _same_vectors(p: Distribution, q: Distribution) -> None:
    if p.event_shape != q.event_shape:
        raise ValueError(f"[kl_divergence] vectors of {p.event_shape} against vectors of {q.event_shape}")


def _normal_vectors(p: Any, q: MultivariateNormal, columns: Tensor, half: Tensor) -> Tensor:
    """Give that of normal vectors, p's covariance being R Rᵀ, and half the logarithm of its determinant."""
    n, m = columns.shape[-2:]
    batch = (p.loc + q.loc).shape[:-1]
    factor = q._factor.expand((*batch, n, n))
    spread = solve_triangular(factor, columns.expand((*batch, n, m)), upper=False).square().sum((-2, -1))
    distance = squared_distance(factor, q.loc - p.loc)
    return half_log_det(factor) - half + 0.5 * (spread + distance - n)


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _full_low_rank(p: MultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    _same_vectors(p, q)
    return q._divergence_from(p.loc, p._factor, half_log_det(p._factor))


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _low_rank_low_rank(p: LowRankMultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    _same_vectors(p, q)
    return q._divergence_from(p.loc, p.cov_factor, p._half(), p.cov_diag)


@register_kl(Normal, Normal)
def _normal_normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).square()
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log())


@register_kl(Pareto, Pareto)
def _pareto_pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    value = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return _core.where(p.scale < q.scale, inf, value)


@register_kl(Poisson, Poisson)
def _poisson_poisson(p: Poisson, q: Poisson) -> Tensor:
    return _log_ratio(p.rate, q.rate) - (p.rate - q.rate)


@register_kl(Uniform, Uniform)
def _uniform_uniform(p: Uniform, q: Uniform) -> Tensor:
    value = ((q.high - q.low) / (p.high - p.low)).log()
    return _core.where((q.low > p.low) | (q.high < p.high), inf, value)


@register_kl(Cauchy, Cauchy)
def _cauchy_cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    # Source: Chyzak and Nielsen (2019), arXiv:1905.10965.
    total = (p.scale + q.scale).square() + (p.loc - q.loc).square()
    return total.log() - (4 * p.scale * q.scale).log()


@register_kl(Independent, Independent)
def _independent_independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError(
            f"[kl_divergence] of {p!r} and {q!r}: reinterpreted_batch_ndims must be the same"
        )
    return sum_last(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed_transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError(
            "[kl_divergence] of transformed distributions needs the same transforms and events"
        )
    return kl_divergence(p.base_dist, q.base_dist)


# ---- Of two kinds ------------------------------------------------------------------------------------------


def _expected_square(p: Distribution, about: Tensor) -> Tensor:
    return p.variance + (p.mean - about).square()


def _against_normal(p: Distribution, q: Normal) -> Tensor:
    """Give -H(p) - E log q, which takes the first two moments of p."""
    square = _expected_square(p, q.loc) / q.scale.square()
    return -p.entropy() + 0.5 * square + q.scale.log() + 0.5 * log(2 * pi)


for _kind in (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Pareto, Uniform):
    register_kl(_kind, Normal)(_against_normal)


def _against_exponential(p: Distribution, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


for _kind in (Beta, ContinuousBernoulli, Gamma, Pareto):
    register_kl(_kind, Exponential)(_against_exponential)


def _gamma_terms(q: Gamma, mean: Tensor, mean_of_log: Tensor) -> Tensor:
    """Give -E log q of a gamma distribution."""
    b = q.concentration
    return -b * q.rate.log() + b.lgamma() - (b - 1) * mean_of_log + q.rate * mean


@register_kl(Beta, Gamma)
def _beta_gamma(p: Beta, q: Gamma) -> Tensor:
    mean_of_log = p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    return -p.entropy() + _gamma_terms(q, p.mean, mean_of_log)


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    return -p.entropy() + _gamma_terms(q, p.mean, -EULER - p.rate.log())


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Pareto, q: Gamma) -> Tensor:
    return -p.entropy() + _gamma_terms(q, p.mean, p.scale.log() + 1 / p.alpha)


def _mean_of_log(p: Uniform) -> Tensor:
    return (p.high.xlogy(p.high) - p.low.xlogy(p.low)) / (p.high - p.low) - 1


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    mean_of_log = _mean_of_log(p)
    return _core.where(p.low < 0, inf, -p.entropy() + _gamma_terms(q, p.mean, mean_of_log))


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    return _core.where(p.low < 0, inf, _against_exponential(p, q))


def _outside(p: Uniform, low: float, high: float) -> Tensor:
    return (p.low < low) | (p.high > high)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    terms = (q.alpha + 1) * _mean_of_log(p) - q.alpha.log() - q.alpha * q.scale.log()
    return _core.where(p.low < q.scale, inf, terms - p.entropy())


def _within_uniform(p: Distribution, q: Uniform) -> Tensor:
    """Give that of what has values from 0 to 1."""
    return _core.where((q.low > 0) | (q.high < 1), inf, (q.high - q.low).log() - p.entropy())


for _kind in (Beta, ContinuousBernoulli):
    register_kl(_kind, Uniform)(_within_uniform)


@register_kl(Beta, ContinuousBernoulli)
def _beta_continuous_bernoulli(p: Beta, q: ContinuousBernoulli) -> Tensor:
    return -p.entropy() - q._mean_log_prob(p.mean)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Uniform, q: ContinuousBernoulli) -> Tensor:
    return _core.where(_outside(p, 0, 1), inf, -p.entropy() - q._mean_log_prob(p.mean))


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Tensor:
    width = p.high - p.low
    a, b = q.concentration1, q.concentration0
    low, high = 1 - p.low, 1 - p.high
    of_x = _mean_of_log(p)
    of_rest = (low.xlogy(low) - high.xlogy(high)) / width - 1
    normaliser = a.lgamma() + b.lgamma() - (a + b).lgamma()
    value = -p.entropy() - (a - 1) * of_x - (b - 1) * of_rest + normaliser
    return _core.where(_outside(p, 0, 1), inf, value)


def _gumbel_terms(q: Gumbel, mean: Tensor, mean_of_exp: Tensor) -> Tensor:
    """Give -E log q of a Gumbel distribution; mean_of_exp is E exp(-x / β)."""
    return (mean - q.loc) / q.scale + (q.loc / q.scale).exp() * mean_of_exp + q.scale.log()


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Exponential, q: Gumbel) -> Tensor:
    scaled = p.rate * q.scale
    return -p.entropy() + _gumbel_terms(q, p.mean, scaled / (scaled + 1))


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Gamma, q: Gumbel) -> Tensor:
    mean_of_exp = (-p.concentration * (1 / (p.rate * q.scale)).log1p()).exp()
    return -p.entropy() + _gumbel_terms(q, p.mean, mean_of_exp)


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Normal, q: Gumbel) -> Tensor:
    mean_of_exp = (0.5 * (p.scale / q.scale).square() - p.loc / q.scale).exp()
    return -p.entropy() + _gumbel_terms(q, p.mean, mean_of_exp)


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Uniform, q: Gumbel) -> Tensor:
    mean_of_exp = q.scale * ((-p.low / q.scale).exp() - (-p.high / q.scale).exp()) / (p.high - p.low)
    return -p.entropy() + _gumbel_terms(q, p.mean, mean_of_exp)


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    z = (p.loc - q.loc) / (sqrt(2) * p.scale)
    size = p.scale * sqrt(2 / pi) * (-z.square()).exp() + (p.loc - q.loc) * z.erf()
    return -p.entropy() + (2 * q.scale).log() + size / q.scale


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs.xlogy(q.rate) - q.rate)


def _never(kind_p: type[Distribution], *kinds_q: type[Distribution]) -> None:
    """Register that p has values where q has none."""

    def rule(p: Distribution, q: Distribution) -> Tensor:
        infinite: Tensor = _core.full_like(p.mean + q.mean, inf)
        return infinite

    for kind in kinds_q:
        register_kl(kind_p, kind)(rule)


_never(Beta, Pareto)
_never(ContinuousBernoulli, Pareto)
_never(Exponential, Beta, ContinuousBernoulli, Pareto, Uniform)
_never(Gamma, Beta, ContinuousBernoulli, Pareto, Uniform)
_never(Gumbel, Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_never(Laplace, Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_never(Normal, Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_never(Pareto, Beta, ContinuousBernoulli, Uniform)
_never(Poisson, Bernoulli, Binomial)
