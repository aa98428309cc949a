"""The continuous Bernoulli distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep._dtypes import finfo
from backsweep.distributions import constraints
from backsweep.distributions._open import open_uniform
from backsweep.distributions.distribution import Distribution, one_of_two
from backsweep.distributions.utils import broadcast_all, clamp_probs, lazy_property, probs_to_logits

__all__ = ["ContinuousBernoulli"]

softplus = _core.ops.softplus


class ContinuousBernoulli(Distribution):
    """Numbers from 0 to 1 with a density proportional to p^x (1 - p)^(1 - x).

    With the logit l = log(p / (1 - p)) that is l e^(l x) / (e^l - 1).

    Source: Loaiza-Ganem and Cunningham (2019), The continuous Bernoulli: fixing a pervasive error in
    variational autoencoders, arXiv:1907.06845.

    Parameters
    ----------
    probs, logits : float or Tensor
        One of p and l.
    lims : (float, float), default (0.499, 0.501)
        Between these p moments are taken of series in l, where the formulas cancel.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If not exactly one of p and l is given, or p lies outside [0, 1].
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}  # noqa: RUF012
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        one_of_two(self, "probs", probs, "logits", logits)
        self._lims = lims
        name = "probs" if logits is None else "logits"
        (given,) = broadcast_all(probs if logits is None else logits)
        vars(self)[name] = given
        super().__init__(given.shape, validate_args=validate_args)
        vars(self)[name] = clamp_probs(given) if logits is None else given

    @lazy_property
    def logits(self) -> Tensor:
        """Give the logit l."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """Give the parameter p, which is not the mean."""
        return clamp_probs(self.logits.sigmoid())

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of the parameter."""
        return self.batch_shape

    def _by_series(self) -> tuple[Tensor, Tensor]:
        """Give where p lies between the limits, and l, there as 1."""
        near = (self.probs > self._lims[0]) & (self.probs <= self._lims[1])
        return near, _core.where(near, 1.0, self.logits)

    def _log_norm(self) -> Tensor:
        """Give log(l / tanh(l / 2)), what the density is multiplied by."""
        near, logit = self._by_series()
        square = self.logits.square()
        series = log(2.0) + square * (1 / 12 - 7 / 1440 * square)
        return _core.where(near, series, (logit / (0.5 * logit).tanh()).log())

    @property
    def mean(self) -> Tensor:
        """1/2 + 1 / (2 tanh(l / 2)) - 1 / l."""
        near, logit = self._by_series()
        series = 0.5 + self.logits * (1 / 12 - self.logits.square() / 720)
        return _core.where(near, series, 0.5 + 0.5 / (0.5 * logit).tanh() - 1 / logit)

    @property
    def variance(self) -> Tensor:
        """1 / l² - 1 / (4 sinh²(l / 2))."""
        near, logit = self._by_series()
        square = self.logits.square()
        series = 1 / 12 - square * (1 / 240 - square / 6048)
        return _core.where(near, series, logit.square().reciprocal() - 0.25 / (0.5 * logit).sinh().square())

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw the quantile of a uniform number."""
        u = open_uniform(self._extended_shape(sample_shape))
        return self.icdf(u).to(self.logits.dtype)

    def log_prob(self, value: Any) -> Tensor:
        """Give l x - log(1 + e^l) + log(l / tanh(l / 2))."""
        return self._mean_log_prob(self._value(value))

    def _mean_log_prob(self, mean: Tensor) -> Tensor:
        """Give the expected log_prob, which is linear, of values with this mean."""
        return self.logits * mean - softplus(self.logits) + self._log_norm()

    def cdf(self, value: Any) -> Tensor:
        """Give (e^(l x) - 1) / (e^l - 1)."""
        x = self._value(value).clamp(0.0, 1.0)
        small, falling, up = self._falling()
        part = (falling * _core.where(up, 1 - x, x)).expm1() / falling.expm1()
        series = x * (1 + self.logits * (x - 1) * (0.5 + self.logits * (2 * x - 1) / 12))
        return _core.where(small, series, _core.where(up, 1 - part, part))

    def icdf(self, value: Any) -> Tensor:
        """Give log(1 + p (e^l - 1)) / l."""
        p = _core.as_tensor(value)
        small, falling, up = self._falling()
        part = (_core.where(up, 1 - p, p) * falling.expm1()).log1p() / falling
        series = p * (1 + self.logits * (1 - p) * (0.5 + self.logits * (1 - 2 * p) / 6))
        return _core.where(small, series, _core.where(up, 1 - part, part))

    def _falling(self) -> tuple[Tensor, Tensor, Tensor]:
        """Give where three terms of a series do, and elsewhere -|l|, and whether l is above 0.

        Exponentials of -|l| do not overflow, and F(x; l) = 1 - F(1 - x; -l).
        """
        small = self.logits.abs() < finfo(self.logits.dtype).eps ** 0.25
        return small, -_core.where(small, 1.0, self.logits).abs(), self.logits > 0

    def entropy(self) -> Tensor:
        """Give log(1 + e^l) - l mean - log(l / tanh(l / 2))."""
        return -self._mean_log_prob(self.mean)
