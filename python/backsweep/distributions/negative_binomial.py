"""The negative binomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions._gamma import log_standard_gamma
from backsweep.distributions.binomial import _like_second
from backsweep.distributions.distribution import Distribution, one_of_two
from backsweep.distributions.utils import OfProbability

__all__ = ["NegativeBinomial"]


class NegativeBinomial(OfProbability, Distribution):
    """How many trials succeed before n fail: k with probability Γ(n + k) / (k! Γ(n)) p^k (1 - p)^n.

    Parameters
    ----------
    total_count : float or Tensor
        n, which need not be whole.
    probs : float or Tensor, optional
        p, the probability of success, in [0, 1); broadcasts with n.
    logits : float or Tensor, optional
        log p - log(1 - p); either these or `probs`.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If both or neither are given, p is not in [0, 1), or n is negative.
    """

    arg_constraints = {  # noqa: RUF012
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of_two(self, "probs", probs, "logits", logits)
        if logits is None:
            self.total_count, self.probs = _like_second(total_count, probs)
        else:
            self.total_count, self.logits = _like_second(total_count, logits)
        super().__init__(self.total_count.shape, validate_args=validate_args)

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of p."""
        return self._batch_shape

    @property
    def mean(self) -> Tensor:
        """The quotient n p / (1 - p)."""
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        """(n - 1) p / (1 - p) rounded down, or 0."""
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp_min(0)

    @property
    def variance(self) -> Tensor:
        """The quotient n p / (1 - p)²."""
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw Poisson counts whose expected values are gamma draws, in the dtype of p."""
        shape = self._extended_shape(sample_shape)
        with _core.no_grad():
            n = self.total_count.expand(shape).to(_core.float64)
            rate = (log_standard_gamma(n.clamp_min(1e-300)) + self.logits).exp()
            return _core.poisson(_core.where(n > 0, rate, 0.0)).to(self.logits.dtype)

    def log_prob(self, value: Any) -> Tensor:
        """Give log Γ(n + k) - log k! - log Γ(n) + k log p + n log(1 - p)."""
        k, n = self._value(value), self.total_count
        logsigmoid = _core.ops.logsigmoid
        some = n + k > 0  # with n = 0 all is at k = 0
        ways = _core.where(some, _core.where(some, n + k, 1.0).lgamma() - n.lgamma(), 0.0) - (k + 1).lgamma()
        return ways + k * logsigmoid(self.logits) + n * logsigmoid(-self.logits)
