"""Distributions of probability: draws, densities, entropies, divergences, under PyTorch's names."""

from __future__ import annotations

from backsweep.distributions import constraints, transforms
from backsweep.distributions.bernoulli import Bernoulli
from backsweep.distributions.beta import Beta
from backsweep.distributions.binomial import Binomial
from backsweep.distributions.categorical import Categorical
from backsweep.distributions.cauchy import Cauchy
from backsweep.distributions.chi2 import Chi2
from backsweep.distributions.constraint_registry import biject_to, transform_to
from backsweep.distributions.continuous_bernoulli import ContinuousBernoulli
from backsweep.distributions.dirichlet import Dirichlet
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.exp_family import ExponentialFamily
from backsweep.distributions.exponential import Exponential
from backsweep.distributions.fishersnedecor import FisherSnedecor
from backsweep.distributions.gamma import Gamma
from backsweep.distributions.generalized_pareto import GeneralizedPareto
from backsweep.distributions.geometric import Geometric
from backsweep.distributions.gumbel import Gumbel
from backsweep.distributions.half_cauchy import HalfCauchy
from backsweep.distributions.half_normal import HalfNormal
from backsweep.distributions.independent import Independent
from backsweep.distributions.inverse_gamma import InverseGamma
from backsweep.distributions.kl import kl_divergence, register_kl
from backsweep.distributions.kumaraswamy import Kumaraswamy
from backsweep.distributions.laplace import Laplace
from backsweep.distributions.lkj_cholesky import LKJCholesky
from backsweep.distributions.log_normal import LogNormal
from backsweep.distributions.logistic_normal import LogisticNormal
from backsweep.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from backsweep.distributions.mixture_same_family import MixtureSameFamily
from backsweep.distributions.multinomial import Multinomial
from backsweep.distributions.multivariate_normal import MultivariateNormal
from backsweep.distributions.negative_binomial import NegativeBinomial
from backsweep.distributions.normal import Normal
from backsweep.distributions.one_hot_categorical import OneHotCategorical, OneHotCategoricalStraightThrough
from backsweep.distributions.pareto import Pareto
from backsweep.distributions.poisson import Poisson
from backsweep.distributions.relaxed_bernoulli import RelaxedBernoulli
from backsweep.distributions.relaxed_categorical import RelaxedOneHotCategorical
from backsweep.distributions.studentT import StudentT
from backsweep.distributions.transformed_distribution import TransformedDistribution
from backsweep.distributions.transforms import (
    AbsTransform,
    AffineTransform,
    CatTransform,
    ComposeTransform,
    CorrCholeskyTransform,
    CumulativeDistributionTransform,
    ExpTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    PowerTransform,
    ReshapeTransform,
    SigmoidTransform,
    SoftmaxTransform,
    SoftplusTransform,
    StackTransform,
    StickBreakingTransform,
    TanhTransform,
    Transform,
    identity_transform,
)
from backsweep.distributions.uniform import Uniform
from backsweep.distributions.von_mises import VonMises
from backsweep.distributions.weibull import Weibull
from backsweep.distributions.wishart import Wishart

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "Bernoulli",
    "Beta",
    "Binomial",
    "CatTransform",
    "Categorical",
    "Cauchy",
    "Chi2",
    "ComposeTransform",
    "ContinuousBernoulli",
    "CorrCholeskyTransform",
    "CumulativeDistributionTransform",
    "Dirichlet",
    "Distribution",
    "ExpTransform",
    "Exponential",
    "ExponentialFamily",
    "FisherSnedecor",
    "Gamma",
    "GeneralizedPareto",
    "Geometric",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "Independent",
    "IndependentTransform",
    "InverseGamma",
    "Kumaraswamy",
    "LKJCholesky",
    "Laplace",
    "LogNormal",
    "LogisticNormal",
    "LowRankMultivariateNormal",
    "LowerCholeskyTransform",
    "MixtureSameFamily",
    "Multinomial",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "Pareto",
    "Poisson",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StackTransform",
    "StickBreakingTransform",
    "StudentT",
    "TanhTransform",
    "Transform",
    "TransformedDistribution",
    "Uniform",
    "VonMises",
    "Weibull",
    "Wishart",
    "biject_to",
    "constraints",
    "identity_transform",
    "kl_divergence",
    "register_kl",
    "transform_to",
    "transforms",
]
