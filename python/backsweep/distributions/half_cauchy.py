"""The distribution of the size of a Cauchy number."""

from __future__ import annotations

from math import inf, log, pi
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions.cauchy import Cauchy
from backsweep.distributions.transformed_distribution import TransformedDistribution
from backsweep.distributions.transforms import AbsTransform

__all__ = ["HalfCauchy"]


class HalfCauchy(TransformedDistribution):
    """|x|, x of the Cauchy distribution about 0: density 2 / (π γ (1 + (x / γ)²)), x >= 0.

    Parameters
    ----------
    scale : float or Tensor
        The median γ.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If γ is not positive.
    """

    arg_constraints = {"scale": constraints.positive}  # noqa: RUF012
    support = constraints.nonnegative
    has_rsample = True
    base_dist: Cauchy

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args)

    @property
    def scale(self) -> Tensor:
        """γ."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        """Infinite."""
        return self.base_dist.variance

    @property
    def mode(self) -> Tensor:
        """0."""
        return _core.zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        """Infinite."""
        return self.base_dist.variance

    def log_prob(self, value: Any) -> Tensor:
        """Give the Cauchy density's logarithm + log 2; -inf below 0."""
        x = self._value(value)
        return _core.where(x >= 0, self.base_dist.log_prob(x) + log(2), -inf)

    def cdf(self, value: Any) -> Tensor:
        """Give 2 atan(x / γ) / π."""
        return 2 / pi * (self._value(value) / self.scale).atan()

    def icdf(self, value: Any) -> Tensor:
        """Give γ tan(π p / 2)."""
        return self.scale * (pi / 2 * _core.as_tensor(value)).tan()

    def entropy(self) -> Tensor:
        """Give log(2 π γ)."""
        return self.base_dist.entropy() - log(2)
