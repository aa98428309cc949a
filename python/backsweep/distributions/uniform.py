"""The uniform distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep._draws import rand
from backsweep.distributions import constraints
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import broadcast_all

__all__ = ["Uniform"]


class Uniform(Distribution):
    """The uniform distribution on [a, b): density 1 / (b - a).

    Parameters
    ----------
    low, high : float or Tensor
        The bounds a and b, which broadcast.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If a is not below b.
    """

    arg_constraints = {  # noqa: RUF012
        "low": constraints.dependent(is_discrete=False, event_dim=0),
        "high": constraints.dependent(is_discrete=False, event_dim=0),
    }
    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = broadcast_all(low, high)
        super().__init__(self.low.shape, validate_args=validate_args)
        if self._validate_args:
            below = self.low < self.high
            if not below.is_symbolic and not bool(below.all()):
                raise ValueError(
                    f"[Uniform] is not defined when low >= high: low is {self.low}, high is {self.high}"
                )

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """Give [a, b]."""
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        """(a + b) / 2."""
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Tensor:
        """NaN: all values are as likely."""
        return _core.full_like(self.high, float("nan"))

    @property
    def stddev(self) -> Tensor:
        """(b - a) / √12."""
        return (self.high - self.low) / 12**0.5

    @property
    def variance(self) -> Tensor:
        """(b - a)² / 12."""
        return (self.high - self.low).square() / 12

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw a + (b - a) u, u uniform in [0, 1)."""
        u = rand(self._extended_shape(sample_shape), dtype=self.low.dtype)
        return self.low + u * (self.high - self.low)

    def log_prob(self, value: Any) -> Tensor:
        """Give -log(b - a) in [a, b), else -inf."""
        x = self._value(value)
        return _core.where((self.low <= x) & (x < self.high), -(self.high - self.low).log(), -inf)

    def cdf(self, value: Any) -> Tensor:
        """Give (x - a) / (b - a), kept in [0, 1]."""
        return ((self._value(value) - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Any) -> Tensor:
        """Give a + (b - a) p."""
        return _core.as_tensor(value) * (self.high - self.low) + self.low

    def entropy(self) -> Tensor:
        """Give log(b - a)."""
        return (self.high - self.low).log()
