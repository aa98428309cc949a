"""The F distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep._dtypes import finfo
from backsweep.distributions import constraints
from backsweep.distributions._gamma import log_standard_gamma
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import broadcast_all

__all__ = ["FisherSnedecor"]


class FisherSnedecor(Distribution):
    """The F distribution: of the ratio of two χ² numbers, each over its degrees of freedom.

    Parameters
    ----------
    df1, df2 : float or Tensor
        The degrees of freedom m above and n below the line, which broadcast.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If one of them is not positive.
    """

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}  # noqa: RUF012
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self.df1, self.df2 = broadcast_all(df1, df2)
        super().__init__(self.df1.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """N / (n - 2) where n > 2, else NaN."""
        there = self.df2 > 2
        n = _core.where(there, self.df2, 3.0)
        return _core.where(there, n / (n - 2), nan)

    @property
    def mode(self) -> Tensor:
        """(m - 2) n / (m (n + 2)), or 0."""
        return ((self.df1 - 2) / self.df1).clamp_min(0) * self.df2 / (self.df2 + 2)

    @property
    def variance(self) -> Tensor:
        """2 n² (m + n - 2) / (m (n - 2)² (n - 4)) where n > 4, else NaN."""
        there = self.df2 > 4
        m, n = self.df1, _core.where(there, self.df2, 5.0)
        value = 2 * n.square() * (m + n - 2) / (m * (n - 2).square() * (n - 4))
        return _core.where(there, value, nan)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw g n / (h m), gamma numbers of m/2 and n/2."""
        shape = self._extended_shape(sample_shape)
        m, n = (df.expand(shape).to(_core.float64) for df in (self.df1, self.df2))
        log_ratio = log_standard_gamma(0.5 * m) - log_standard_gamma(0.5 * n)
        made = (log_ratio + n.log() - m.log()).exp().to(self.df1.dtype)
        return made.clamp_min(finfo(made.dtype).tiny)

    def log_prob(self, value: Any) -> Tensor:
        """Give (m/2) log(m/n) + (m/2 - 1) log x - (m+n)/2 log(1 + m x / n) - log B(m/2, n/2)."""
        x = self._value(value)
        m, n = 0.5 * self.df1, 0.5 * self.df2
        normaliser = m.lgamma() + n.lgamma() - (m + n).lgamma()
        powers = m * (m / n).log() + (m - 1) * x.log() - (m + n) * (m * x / n).log1p()
        return powers - normaliser
