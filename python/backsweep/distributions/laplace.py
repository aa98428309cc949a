"""The Laplace distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions._open import open_uniform
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import broadcast_all

__all__ = ["Laplace"]


class Laplace(Distribution):
    """The Laplace distribution: density exp(-|x - μ| / b) / (2 b).

    Parameters
    ----------
    loc, scale : float or Tensor
        μ and b, which broadcast.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If b is not positive.
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
    def variance(self) -> Tensor:
        """2 b²."""
        return 2 * self.scale.square()

    @property
    def stddev(self) -> Tensor:
        """√2 b."""
        return 2**0.5 * self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw the quantile of u, uniform in (0, 1)."""
        u = open_uniform(self._extended_shape(sample_shape))
        return self.loc + self.scale * _standard_quantile(u).to(self.loc.dtype)

    def log_prob(self, value: Any) -> Tensor:
        """Give -log(2 b) - |x - μ| / b."""
        return -(2 * self.scale).log() - (self._value(value) - self.loc).abs() / self.scale

    def cdf(self, value: Any) -> Tensor:
        """Give e^z / 2 below μ, 1 - e^-z / 2 above, z = (x - μ) / b."""
        z = (self._value(value) - self.loc) / self.scale
        half = 0.5 * (-z.abs()).exp()
        return _core.where(z < 0, half, 1 - half)

    def icdf(self, value: Any) -> Tensor:
        """Give μ + b log(2 p) below 1/2, μ - b log(2 - 2 p) above."""
        return self.loc + self.scale * _standard_quantile(_core.as_tensor(value))

    def entropy(self) -> Tensor:
        """Give 1 + log(2 b)."""
        return 1 + log(2) + self.scale.log()


def _standard_quantile(p: Tensor) -> Tensor:
    low = (2 * p.minimum(1 - p)).log()
    return _core.where(p < 0.5, low, -low)
