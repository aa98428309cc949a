"""The logistic normal distribution."""

from __future__ import annotations

from typing import Any

from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions.normal import Normal
from backsweep.distributions.transformed_distribution import TransformedDistribution
from backsweep.distributions.transforms import StickBreakingTransform

__all__ = ["LogisticNormal"]


class LogisticNormal(TransformedDistribution):
    """K + 1 probabilities that `StickBreakingTransform` makes of K normal numbers.

    Parameters
    ----------
    loc, scale : float or Tensor (..., K)
        Of the normal numbers.
    validate_args : bool, optional

    Raises
    ------
    ShapeError
        If they have no axis.
    ValueError
        If a scale is not positive.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(
            Normal(loc, scale, validate_args=validate_args), StickBreakingTransform(), validate_args
        )

    @property
    def loc(self) -> Tensor:
        """The means of the normal numbers."""
        loc: Tensor = self.base_dist.base_dist.loc
        return loc

    @property
    def scale(self) -> Tensor:
        """The deviations of the normal numbers."""
        scale: Tensor = self.base_dist.base_dist.scale
        return scale
