"""The normal distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi
from typing import Any

from backsweep import _core, special
from backsweep._core import Tensor
from backsweep._draws import randn
from backsweep.distributions import constraints
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import broadcast_all

__all__ = ["Normal"]


class Normal(Distribution):
    """The normal distribution: density exp(-(x - μ)² / (2 σ²)) / (σ √(2 π)).

    Parameters
    ----------
    loc : float or Tensor
        The mean μ.
    scale : float or Tensor
        The standard deviation σ; the two broadcast.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If σ is not positive, or μ is NaN.

    Examples
    --------
    >>> Normal(bs.tensor([0.0, 1.0]), 2.0).log_prob(bs.tensor([0.0, 1.0]))
    tensor([-1.6121, -1.6121])
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """μ."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """μ."""
        return self.loc

    @property
    def stddev(self) -> Tensor:
        """σ."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """σ²."""
        return self.scale.square()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw μ + σ z, z of the standard normal distribution."""
        z = randn(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + self.scale * z

    def log_prob(self, value: Any) -> Tensor:
        """Give -((x - μ) / σ)² / 2 - log σ - log √(2 π)."""
        z = (self._value(value) - self.loc) / self.scale
        return -0.5 * z.square() - self.scale.log() - 0.5 * log(2 * pi)

    def cdf(self, value: Any) -> Tensor:
        """Give Φ((x - μ) / σ), right also where it is tiny."""
        return special.ndtr((self._value(value) - self.loc) / self.scale)

    def icdf(self, value: Any) -> Tensor:
        """Give μ + σ Φ⁻¹(p)."""
        return self.loc + self.scale * special.ndtri(_core.as_tensor(value))

    def entropy(self) -> Tensor:
        """Give 1/2 + log √(2 π) + log σ."""
        return 0.5 + 0.5 * log(2 * pi) + self.scale.log()
