"""The generalized Pareto distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions._open import open_uniform
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """The generalized Pareto distribution, of what exceeds a high bound.

    The density is (1 + ξ z)^(-1/ξ - 1) / σ, z = (x - μ) / σ >= 0, and e^-z / σ where ξ is 0. For negative ξ
    it ends at μ - σ / ξ.

    Parameters
    ----------
    loc, scale, concentration : float or Tensor
        μ, σ and ξ, which broadcast.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If σ is not positive.
    """

    arg_constraints = {  # noqa: RUF012
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """Give the numbers from μ on, for negative ξ up to the end."""
        ends = self.concentration < 0
        end = self.loc - self.scale / _core.where(ends, self.concentration, -1.0)
        return constraints.interval(self.loc, _core.where(ends, end, inf))

    @property
    def mean(self) -> Tensor:
        """μ + σ / (1 - ξ) where ξ < 1, else NaN."""
        there = self.concentration < 1
        left = 1 - _core.where(there, self.concentration, 0.5)
        return _core.where(there, self.loc + self.scale / left, nan)

    @property
    def mode(self) -> Tensor:
        """μ."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """σ² / ((1 - ξ)² (1 - 2 ξ)) where ξ < 1/2, else NaN."""
        there = self.concentration < 0.5
        shape = _core.where(there, self.concentration, 0.25)
        return _core.where(there, self.scale.square() / ((1 - shape).square() * (1 - 2 * shape)), nan)

    def _shape(self) -> tuple[Tensor, Tensor]:
        """Give where ξ is 0, and ξ, there as 1."""
        zero = self.concentration == 0
        return zero, _core.where(zero, 1.0, self.concentration)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw the quantile of a uniform number."""
        log_u = open_uniform(self._extended_shape(sample_shape)).log()
        return self._quantile(-log_u).to(self.loc.dtype)

    def _quantile(self, t: Tensor) -> Tensor:
        """Give μ + σ (e^(ξ t) - 1) / ξ, t of the exponential distribution."""
        zero, shape = self._shape()
        # At 0 the first two terms, so that the derivative by ξ is right there.
        z = _core.where(zero, t * (1 + 0.5 * self.concentration * t), (shape * t).expm1() / shape)
        return self.loc + self.scale * z

    def log_prob(self, value: Any) -> Tensor:
        """Give -(1/ξ + 1) log(1 + ξ z) - log σ."""
        z = (self._value(value) - self.loc) / self.scale
        zero, shape = self._shape()
        at_zero = z + self.concentration * z * (1 - 0.5 * z)
        power = _core.ops.special_xlog1py(1 / shape + 1, shape * z)
        return -_core.where(zero, at_zero, power) - self.scale.log()

    def log_survival_function(self, value: Any) -> Tensor:
        """Give the logarithm of the probability of greater values: -log(1 + ξ z) / ξ."""
        z = (self._value(value) - self.loc) / self.scale
        zero, shape = self._shape()
        return -_core.where(zero, z * (1 - 0.5 * self.concentration * z), (shape * z).log1p() / shape)

    def log_cdf(self, value: Any) -> Tensor:
        """Give the logarithm of `cdf`."""
        return self.cdf(value).log()

    def cdf(self, value: Any) -> Tensor:
        """Give 1 - (1 + ξ z)^(-1/ξ)."""
        return -self.log_survival_function(value).expm1()

    def icdf(self, value: Any) -> Tensor:
        """Give μ + σ ((1 - p)^-ξ - 1) / ξ."""
        return self._quantile(-(-_core.as_tensor(value)).log1p())

    def entropy(self) -> Tensor:
        """Give log σ + ξ + 1."""
        return self.scale.log() + self.concentration + 1
