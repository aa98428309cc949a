"""The Pareto distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions.exponential import Exponential
from backsweep.distributions.transformed_distribution import TransformedDistribution
from backsweep.distributions.transforms import AffineTransform, ExpTransform
from backsweep.distributions.utils import broadcast_all

__all__ = ["Pareto"]


class Pareto(TransformedDistribution):
    """The Pareto distribution: density α σ^α / x^(α+1), x >= σ.

    Parameters
    ----------
    scale, alpha : float or Tensor
        σ and α, which broadcast.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If one of them is not positive.
    """

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}  # noqa: RUF012

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = broadcast_all(scale, alpha)
        base = Exponential(self.alpha, validate_args=False)
        super().__init__(base, self._chain(), validate_args)

    def _chain(self) -> list[Any]:
        return [ExpTransform(), AffineTransform(0, self.scale)]

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Pareto:
        """Give the distribution with another batch_shape."""
        made = self._like(tuple(batch_shape))
        made.scale, made.alpha = (p.expand(batch_shape) for p in (self.scale, self.alpha))
        made.base_dist, made.transforms = self.base_dist.expand(batch_shape), made._chain()
        return made

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """Give the numbers from σ on."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        """α σ / (α - 1) where α > 1, else infinite."""
        return _above(self.alpha, 1, lambda a: a * self.scale / (a - 1))

    @property
    def mode(self) -> Tensor:
        """σ."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """σ² α / ((α - 1)² (α - 2)) where α > 2, else infinite."""
        return _above(self.alpha, 2, lambda a: self.scale.square() * a / ((a - 1).square() * (a - 2)))

    def log_prob(self, value: Any) -> Tensor:
        """Give log α + α log σ - (α + 1) log x."""
        log_x = self._value(value).log()
        return self.alpha.log() - self.alpha * (log_x - self.scale.log()) - log_x

    def entropy(self) -> Tensor:
        """Give log(σ / α) + 1 + 1 / α."""
        return (self.scale / self.alpha).log() + 1 + self.alpha.reciprocal()


def _above(shape: Tensor, least: float, function: Any) -> Tensor:
    """Give a moment where the shape is above a bound, else infinity; its derivative stays finite."""
    finite = shape > least
    value: Tensor = _core.where(finite, function(_core.where(finite, shape, least + 1.0)), inf)
    return value
