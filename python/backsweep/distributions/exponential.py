"""The exponential distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions._open import open_uniform
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import broadcast_all

__all__ = ["Exponential"]


class Exponential(Distribution):
    """The exponential distribution: density λ e^(-λ x), x >= 0.

    Parameters
    ----------
    rate : float or Tensor
        λ.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If λ is not positive.
    """

    arg_constraints = {"rate": constraints.positive}  # noqa: RUF012
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """1 / λ."""
        return self.rate.reciprocal()

    @property
    def mode(self) -> Tensor:
        """0."""
        return _core.zeros_like(self.rate)

    @property
    def stddev(self) -> Tensor:
        """1 / λ."""
        return self.rate.reciprocal()

    @property
    def variance(self) -> Tensor:
        """1 / λ²."""
        return self.rate.square().reciprocal()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw -log(u) / λ, u uniform in (0, 1)."""
        u = open_uniform(self._extended_shape(sample_shape))
        return -u.log().to(self.rate.dtype) / self.rate

    def log_prob(self, value: Any) -> Tensor:
        """Give log λ - λ x."""
        return self.rate.log() - self.rate * self._value(value)

    def cdf(self, value: Any) -> Tensor:
        """Give 1 - e^(-λ x)."""
        return -(-self.rate * self._value(value)).expm1()

    def icdf(self, value: Any) -> Tensor:
        """Give -log(1 - p) / λ."""
        return -(-_core.as_tensor(value)).log1p() / self.rate

    def entropy(self) -> Tensor:
        """Give 1 - log λ."""
        return 1.0 - self.rate.log()
