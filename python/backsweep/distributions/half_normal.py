"""The distribution of the size of a normal number."""

from __future__ import annotations

from math import inf, log, pi, sqrt
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions.normal import Normal
from backsweep.distributions.transformed_distribution import TransformedDistribution
from backsweep.distributions.transforms import AbsTransform

__all__ = ["HalfNormal"]


class HalfNormal(TransformedDistribution):
    """|x|, x normal with mean 0 and deviation σ: density √(2/π) exp(-x² / (2 σ²)) / σ, x >= 0.

    Parameters
    ----------
    scale : float or Tensor
        σ.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If σ is not positive.
    """

    arg_constraints = {"scale": constraints.positive}  # noqa: RUF012
    support = constraints.nonnegative
    has_rsample = True
    base_dist: Normal

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(0, scale, validate_args=False), AbsTransform(), validate_args)

    @property
    def scale(self) -> Tensor:
        """σ."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        """σ √(2/π)."""
        return self.scale * sqrt(2 / pi)

    @property
    def mode(self) -> Tensor:
        """0."""
        return _core.zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        """σ² (1 - 2/π)."""
        return self.scale.square() * (1 - 2 / pi)

    def log_prob(self, value: Any) -> Tensor:
        """Give the normal density's logarithm + log 2; -inf below 0."""
        x = self._value(value)
        return _core.where(x >= 0, self.base_dist.log_prob(x) + log(2), -inf)

    def cdf(self, value: Any) -> Tensor:
        """Give erf(x / (√2 σ))."""
        return (self._value(value) / (sqrt(2) * self.scale)).erf()

    def icdf(self, value: Any) -> Tensor:
        """Give √2 σ erfinv(p)."""
        return sqrt(2) * self.scale * _core.as_tensor(value).erfinv()

    def entropy(self) -> Tensor:
        """Give the normal entropy - log 2."""
        return self.base_dist.entropy() - log(2)
