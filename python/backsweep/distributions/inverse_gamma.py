"""The inverse gamma distribution."""

from __future__ import annotations

from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions.gamma import Gamma
from backsweep.distributions.pareto import _above
from backsweep.distributions.transformed_distribution import TransformedDistribution
from backsweep.distributions.transforms import PowerTransform

__all__ = ["InverseGamma"]


class InverseGamma(TransformedDistribution):
    """One over a gamma number: density β^α x^(-α-1) e^(-β/x) / Γ(α), x > 0.

    Parameters
    ----------
    concentration : float or Tensor
        The shape α.
    rate : float or Tensor
        β, the scale.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If one of them is not positive.
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}  # noqa: RUF012
    support = constraints.positive
    has_rsample = True
    base_dist: Gamma

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args=False)
        super().__init__(base, PowerTransform(-1.0), validate_args)

    @property
    def concentration(self) -> Tensor:
        """α."""
        return self.base_dist.concentration

    @property
    def rate(self) -> Tensor:
        """β."""
        return self.base_dist.rate

    @property
    def mean(self) -> Tensor:
        """β / (α - 1) where α > 1, else infinite."""
        return _above(self.concentration, 1, lambda a: self.rate / (a - 1))

    @property
    def mode(self) -> Tensor:
        """β / (α + 1)."""
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        """β² / ((α - 1)² (α - 2)) where α > 2, else infinite."""
        return _above(self.concentration, 2, lambda a: self.rate.square() / ((a - 1).square() * (a - 2)))

    def log_prob(self, value: Any) -> Tensor:
        """Give α log β - (α + 1) log x - β / x - log Γ(α)."""
        x = self._value(value)
        alpha, rate = self.concentration, self.rate
        return alpha.xlogy(rate) - (alpha + 1) * x.log() - rate / x - alpha.lgamma()

    def cdf(self, value: Any) -> Tensor:
        """Give Q(α, β / x), the incomplete gamma function, whose derivative by α is refused."""
        return _core.igammac(self.concentration, self.rate / self._value(value))

    def entropy(self) -> Tensor:
        """Give α + log β + log Γ(α) - (1 + α) ψ(α)."""
        alpha = self.concentration
        return alpha + self.rate.log() + alpha.lgamma() - (1 + alpha) * alpha.digamma()
