"""The Poisson distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import broadcast_all

__all__ = ["Poisson"]


class Poisson(Distribution):
    """The Poisson distribution of counts: probability λ^k e^-λ / k!.

    Parameters
    ----------
    rate : float or Tensor
        λ.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If λ is negative.
    """

    arg_constraints = {"rate": constraints.nonnegative}  # noqa: RUF012
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """λ."""
        return self.rate

    @property
    def mode(self) -> Tensor:
        """λ rounded down."""
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        """λ."""
        return self.rate

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw counts of the dtype of λ."""
        shape = self._extended_shape(sample_shape)
        with _core.no_grad():
            return _core.poisson(self.rate.expand(shape))

    def log_prob(self, value: Any) -> Tensor:
        """Give k log λ - λ - log k!."""
        k = self._value(value)
        return k.xlogy(self.rate) - self.rate - (k + 1).lgamma()
