"""The gamma distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep._dtypes import finfo
from backsweep.distributions import constraints
from backsweep.distributions._gamma import log_standard_gamma
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import broadcast_all

__all__ = ["Gamma"]


class Gamma(Distribution):
    """The gamma distribution: density β^α x^(α-1) e^(-β x) / Γ(α), x > 0.

    Parameters
    ----------
    concentration : float or Tensor
        The shape α.
    rate : float or Tensor
        β, one over the scale.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If one of them is not positive.
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}  # noqa: RUF012
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """α / β."""
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        """(α - 1) / β, or 0."""
        return ((self.concentration - 1) / self.rate).clamp_min(0)

    @property
    def variance(self) -> Tensor:
        """α / β²."""
        return self.concentration / self.rate.square()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples; the derivative by α is that of the quantile of what was drawn."""
        alpha = self.concentration.expand(self._extended_shape(sample_shape))
        made = log_standard_gamma(alpha.to(_core.float64)).exp().to(alpha.dtype) / self.rate
        return made.clamp_min(finfo(made.dtype).tiny)

    def log_prob(self, value: Any) -> Tensor:
        """Give α log β + (α - 1) log x - β x - log Γ(α)."""
        x = self._value(value)
        alpha, rate = self.concentration, self.rate
        return alpha.xlogy(rate) + (alpha - 1).xlogy(x) - rate * x - alpha.lgamma()

    def cdf(self, value: Any) -> Tensor:
        """Give P(α, β x), the incomplete gamma function, whose derivative by α is refused."""
        return _core.igamma(self.concentration, self.rate * self._value(value))

    def entropy(self) -> Tensor:
        """Give α - log β + log Γ(α) + (1 - α) ψ(α)."""
        alpha = self.concentration
        return alpha - self.rate.log() + alpha.lgamma() + (1 - alpha) * alpha.digamma()
