"""The Cauchy distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, log, nan, pi
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions._open import open_uniform
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import broadcast_all

__all__ = ["Cauchy"]


class Cauchy(Distribution):
    """The Cauchy distribution: density 1 / (π γ (1 + z²)), z = (x - x₀) / γ.

    Parameters
    ----------
    loc, scale : float or Tensor
        The median x₀ and the half width γ, which broadcast.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If γ is not positive.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """NaN: there is none."""
        return _core.full_like(self.loc, nan)

    @property
    def mode(self) -> Tensor:
        """x₀."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """Infinite."""
        return _core.full_like(self.loc, inf)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw the quantile of u, uniform in (0, 1)."""
        u = open_uniform(self._extended_shape(sample_shape))
        return self.loc + self.scale * _standard_quantile(u).to(self.loc.dtype)

    def log_prob(self, value: Any) -> Tensor:
        """Give -log(π γ) - log(1 + z²)."""
        z = (self._value(value) - self.loc) / self.scale
        return -log(pi) - self.scale.log() - z.square().log1p()

    def cdf(self, value: Any) -> Tensor:
        """Give 1/2 + atan(z) / π."""
        return 0.5 + ((self._value(value) - self.loc) / self.scale).atan() / pi

    def icdf(self, value: Any) -> Tensor:
        """Give x₀ + γ tan(π (p - 1/2))."""
        return self.loc + self.scale * _standard_quantile(_core.as_tensor(value))

    def entropy(self) -> Tensor:
        """Give log(4 π γ)."""
        return log(4 * pi) + self.scale.log()


def _standard_quantile(p: Tensor) -> Tensor:
    return (pi * (p - 0.5)).tan()
