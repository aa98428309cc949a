"""Distributions of probability: draws, densities, entropies, divergences, under PyTorch's names."""

from __future__ import annotations

from backsweep.distributions import constraints, transforms
from backsweep.distributions.bernoulli import Bernoulli
from backsweep.distributions.beta import Beta
from backsweep.distributions.binomial import Binomial
from backsweep.distributions.categorical import Categorical
from backsweep.distributions.cauchy import Cauchy
from backsweep.distributions.chi2 import Chi2
from backsweep.distributions.dirichlet import Dirichlet
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.exponential import Exponential
from backsweep.distributions.gamma import Gamma
from backsweep.distributions.geometric import Geometric
from backsweep.distributions.gumbel import Gumbel
from backsweep.distributions.half_cauchy import HalfCauchy
from backsweep.distributions.half_normal import HalfNormal
from backsweep.distributions.independent import Independent
from backsweep.distributions.kl import kl_divergence, register_kl
from backsweep.distributions.laplace import Laplace
from backsweep.distributions.log_normal import LogNormal
from backsweep.distributions.mixture_same_family import MixtureSameFamily
from backsweep.distributions.multinomial import Multinomial
from backsweep.distributions.multivariate_normal import MultivariateNormal
from backsweep.distributions.negative_binomial import NegativeBinomial
from backsweep.distributions.normal import Normal
from backsweep.distributions.one_hot_categorical import OneHotCategorical, OneHotCategoricalStraightThrough
from backsweep.distributions.poisson import Poisson
from backsweep.distributions.relaxed_bernoulli import RelaxedBernoulli
from backsweep.distributions.relaxed_categorical import RelaxedOneHotCategorical
from backsweep.distributions.studentT import StudentT
from backsweep.distributions.transformed_distribution import TransformedDistribution
from backsweep.distributions.transforms import (
    AbsTransform,
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    IndependentTransform,
    PowerTransform,
    SigmoidTransform,
    SoftplusTransform,
    TanhTransform,
    Transform,
    identity_transform,
)
from backsweep.distributions.uniform import Uniform
from backsweep.distributions.weibull import Weibull

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "Cauchy",
    "Chi2",
    "ComposeTransform",
    "Dirichlet",
    "Distribution",
    "ExpTransform",
    "Exponential",
    "Gamma",
    "Geometric",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "Independent",
    "IndependentTransform",
    "Laplace",
    "LogNormal",
    "MixtureSameFamily",
    "Multinomial",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "Poisson",
    "PowerTransform",
    "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
    "SigmoidTransform",
    "SoftplusTransform",
    "StudentT",
    "TanhTransform",
    "Transform",
    "TransformedDistribution",
    "Uniform",
    "Weibull",
    "constraints",
    "identity_transform",
    "kl_divergence",
    "register_kl",
    "transforms",
]
