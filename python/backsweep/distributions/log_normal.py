"""The log-normal distribution."""

from __future__ import annotations

from typing import Any

from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions.normal import Normal
from backsweep.distributions.transformed_distribution import TransformedDistribution
from backsweep.distributions.transforms import ExpTransform

__all__ = ["LogNormal"]


class LogNormal(TransformedDistribution):
    """e^x, x normal with mean μ and deviation σ.

    Parameters
    ----------
    loc, scale : float or Tensor
        μ and σ, which broadcast.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If σ is not positive.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    support = constraints.positive
    has_rsample = True
    base_dist: Normal

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(loc, scale, validate_args=False), ExpTransform(), validate_args)

    @property
    def loc(self) -> Tensor:
        """μ."""
        return self.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """σ."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        """exp(μ + σ²/2)."""
        return (self.loc + self.scale.square() / 2).exp()

    @property
    def mode(self) -> Tensor:
        """exp(μ - σ²)."""
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self) -> Tensor:
        """(exp(σ²) - 1) exp(2 μ + σ²)."""
        square = self.scale.square()
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self) -> Tensor:
        """Give the normal entropy + μ."""
        return self.base_dist.entropy() + self.loc
