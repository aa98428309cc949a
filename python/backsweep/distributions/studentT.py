"""Student's t distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, log, nan, pi
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep._draws import randn
from backsweep.distributions import constraints
from backsweep.distributions._gamma import log_standard_gamma
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import broadcast_all

__all__ = ["StudentT"]


class StudentT(Distribution):
    """Student's t: density Γ((ν+1)/2) / (Γ(ν/2) √(π ν) σ) (1 + z²/ν)^(-(ν+1)/2), z = (x - μ) / σ.

    Parameters
    ----------
    df : float or Tensor
        Degrees of freedom ν.
    loc, scale : float or Tensor
        μ and σ; all broadcast.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If ν or σ is not positive.
    """

    arg_constraints = {  # noqa: RUF012
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """μ where ν > 1, else NaN."""
        return _core.where(self.df > 1, self.loc, nan)

    @property
    def mode(self) -> Tensor:
        """μ."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """σ² ν / (ν - 2) where ν > 2, infinite down to 1, then NaN."""
        finite = self.df > 2
        value = self.scale.square() * self.df / _core.where(finite, self.df - 2, 1.0)
        return _core.where(finite, value, _core.where(self.df > 1, inf, nan).to(value.dtype))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw μ + σ z / √(g / (ν/2)), z standard normal, g a gamma number of ν/2."""
        shape = self._extended_shape(sample_shape)
        half = 0.5 * self.df.expand(shape).to(_core.float64)
        z = randn(shape, dtype=_core.float64)
        t = z * (0.5 * (half.log() - log_standard_gamma(half))).exp()
        return self.loc + self.scale * t.to(self.loc.dtype)

    def log_prob(self, value: Any) -> Tensor:
        """Give the logarithm of the density."""
        z = (self._value(value) - self.loc) / self.scale
        return -0.5 * (self.df + 1) * (z.square() / self.df).log1p() - self._log_normaliser()

    def _log_normaliser(self) -> Tensor:
        half = 0.5 * self.df
        return self.scale.log() + 0.5 * self.df.log() + 0.5 * log(pi) + half.lgamma() - (half + 0.5).lgamma()

    def entropy(self) -> Tensor:
        """Give (ν+1)/2 (ψ((ν+1)/2) - ψ(ν/2)) + log(√ν B(ν/2, 1/2) σ)."""
        half = 0.5 * self.df
        return (half + 0.5) * ((half + 0.5).digamma() - half.digamma()) + self._log_normaliser()
