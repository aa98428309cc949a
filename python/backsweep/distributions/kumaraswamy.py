"""The Kumaraswamy distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep._dtypes import finfo
from backsweep.distributions import constraints
from backsweep.distributions._open import open_uniform
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.gumbel import EULER
from backsweep.distributions.utils import broadcast_all

__all__ = ["Kumaraswamy"]


class Kumaraswamy(Distribution):
    """The Kumaraswamy distribution: density a b x^(a-1) (1 - x^a)^(b-1), 0 < x < 1.

    Parameters
    ----------
    concentration1, concentration0 : float or Tensor
        a and b, which broadcast.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If one of them is not positive.
    """

    arg_constraints = {  # noqa: RUF012
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        super().__init__(self.concentration1.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """B B(1 + 1/a, b)."""
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        """((a - 1) / (a b - 1))^(1/a) where a, b >= 1 and one is above 1, else NaN."""
        a, b = self.concentration1, self.concentration0
        inside = (a >= 1) & (b >= 1) & (a * b > 1)
        power = _core.where(inside, (a - 1) / _core.where(inside, a * b - 1, 1.0), 1.0) ** (1 / a)
        return _core.where(inside, power, nan)

    @property
    def variance(self) -> Tensor:
        """B B(1 + 2/a, b) - mean²."""
        return self._moment(2) - self._moment(1).square()

    def _moment(self, n: int) -> Tensor:
        a, b = self.concentration1, self.concentration0
        first = 1 + n / a
        return (b.log() + first.lgamma() + b.lgamma() - (first + b).lgamma()).exp()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw (1 - u^(1/b))^(1/a), u uniform in (0, 1)."""
        log_u = open_uniform(self._extended_shape(sample_shape)).log()
        a, b = self.concentration1, self.concentration0
        made = ((-(log_u / b).expm1()).log() / a).exp().to(a.dtype)
        info = finfo(made.dtype)
        return made.clamp(info.tiny, 1 - info.eps / 2)

    def log_prob(self, value: Any) -> Tensor:
        """Give log(a b) + (a - 1) log x + (b - 1) log(1 - x^a)."""
        log_x = self._value(value).log()
        a, b = self.concentration1, self.concentration0
        return (a * b).log() + (a - 1) * log_x + (b - 1) * (-(a * log_x).expm1()).log()

    def cdf(self, value: Any) -> Tensor:
        """Give 1 - (1 - x^a)^b."""
        power = self._value(value) ** self.concentration1
        return -(self.concentration0 * (-power).log1p()).expm1()

    def icdf(self, value: Any) -> Tensor:
        """Give (1 - (1 - p)^(1/b))^(1/a)."""
        left = (-_core.as_tensor(value)).log1p() / self.concentration0
        return (-left.expm1()) ** (1 / self.concentration1)

    def entropy(self) -> Tensor:
        """Give 1 - 1/b + (1 - 1/a) (ψ(b + 1) + γ) - log(a b), γ being Euler's constant."""
        a, b = self.concentration1, self.concentration0
        return 1 - 1 / b + (1 - 1 / a) * ((b + 1).digamma() + EULER) - (a * b).log()
