"""The Gumbel distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions._open import open_uniform
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import broadcast_all

__all__ = ["EULER", "Gumbel"]

EULER = 0.57721566490153286060651209008240243  # Euler's constant: -ψ(1)


class Gumbel(Distribution):
    """The Gumbel distribution: density exp(-z - e^-z) / β, z = (x - μ) / β.

    Parameters
    ----------
    loc, scale : float or Tensor
        μ and β, which broadcast.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If β is not positive.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """μ + γ β, γ being Euler's constant."""
        return self.loc + self.scale * EULER

    @property
    def mode(self) -> Tensor:
        """μ."""
        return self.loc

    @property
    def stddev(self) -> Tensor:
        """π β / √6."""
        return pi / 6**0.5 * self.scale

    @property
    def variance(self) -> Tensor:
        """π² β² / 6."""
        return self.stddev.square()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw μ - β log(-log u), u uniform in (0, 1)."""
        u = open_uniform(self._extended_shape(sample_shape))
        return self.loc - self.scale * (-u.log()).log().to(self.loc.dtype)

    def log_prob(self, value: Any) -> Tensor:
        """Give -z - e^-z - log β."""
        z = (self._value(value) - self.loc) / self.scale
        return -z - (-z).exp() - self.scale.log()

    def cdf(self, value: Any) -> Tensor:
        """Give exp(-e^-z)."""
        z = (self._value(value) - self.loc) / self.scale
        return (-(-z).exp()).exp()

    def icdf(self, value: Any) -> Tensor:
        """Give μ - β log(-log p)."""
        return self.loc - self.scale * (-_core.as_tensor(value).log()).log()

    def entropy(self) -> Tensor:
        """Give log β + 1 + γ."""
        return self.scale.log() + (1 + EULER)
