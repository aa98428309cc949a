"""The Weibull distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions.exponential import Exponential
from backsweep.distributions.gumbel import EULER
from backsweep.distributions.transformed_distribution import TransformedDistribution
from backsweep.distributions.transforms import AffineTransform, PowerTransform
from backsweep.distributions.utils import broadcast_all

__all__ = ["Weibull"]


class Weibull(TransformedDistribution):
    """The Weibull distribution: density k / λ z^(k-1) exp(-z^k), z = x / λ > 0.

    Parameters
    ----------
    scale, concentration : float or Tensor
        λ and k, which broadcast.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If one of them is not positive.
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}  # noqa: RUF012
    support = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self._transform()
        unit = Exponential(self.scale / self.scale, validate_args=False)
        super().__init__(unit, self.transforms, validate_args)

    def _transform(self) -> None:
        self.concentration_reciprocal = self.concentration.reciprocal()
        self.transforms = [PowerTransform(self.concentration_reciprocal), AffineTransform(0, self.scale)]

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Weibull:
        """Give the distribution with another batch_shape."""
        made = self._like(tuple(batch_shape))
        made.scale, made.concentration = (p.expand(batch_shape) for p in (self.scale, self.concentration))
        made._transform()
        made.base_dist = self.base_dist.expand(batch_shape)
        return made

    @property
    def mean(self) -> Tensor:
        """λ Γ(1 + 1/k)."""
        return self.scale * (1 + self.concentration_reciprocal).lgamma().exp()

    @property
    def mode(self) -> Tensor:
        """λ ((k - 1) / k)^(1/k), or 0."""
        below = (1 - self.concentration_reciprocal).clamp_min(0)
        return self.scale * below**self.concentration_reciprocal

    @property
    def variance(self) -> Tensor:
        """λ² (Γ(1 + 2/k) - Γ(1 + 1/k)²)."""
        power = self.concentration_reciprocal
        return self.scale.square() * ((1 + 2 * power).lgamma().exp() - (2 * (1 + power).lgamma()).exp())

    def log_prob(self, value: Any) -> Tensor:
        """Give log k - log λ + (k - 1) log z - z^k."""
        k = self.concentration
        log_z = self._value(value).log() - self.scale.log()
        return k.log() - self.scale.log() + (k - 1) * log_z - (k * log_z).exp()

    def entropy(self) -> Tensor:
        """Give γ (1 - 1/k) + log(λ / k) + 1, γ being Euler's constant."""
        return EULER * (1 - self.concentration_reciprocal) + (self.scale / self.concentration).log() + 1
