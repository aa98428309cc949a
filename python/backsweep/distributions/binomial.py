"""The binomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._core import GraphError, Tensor
from backsweep._draws import rand
from backsweep._dtypes import finfo
from backsweep.distributions import constraints
from backsweep.distributions._gamma import log_standard_gamma
from backsweep.distributions.distribution import Distribution, one_of_two
from backsweep.distributions.utils import OfProbability, broadcast_all

__all__ = ["Binomial"]

FEW = 32  # so many trials are drawn one by one


class Binomial(OfProbability, Distribution):
    """How many of n trials succeed: k with probability C(n, k) p^k (1 - p)^(n - k).

    Parameters
    ----------
    total_count : int or Tensor, default 1
        n.
    probs : float or Tensor, optional
        p; broadcasts with n.
    logits : float or Tensor, optional
        log p - log(1 - p); either these or `probs`.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If both or neither are given, p is outside [0, 1], or n is negative or not whole.
    """

    arg_constraints = {  # noqa: RUF012
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of_two(self, "probs", probs, "logits", logits)
        self._given_count = total_count
        if logits is None:
            total_count, self.probs = _like_second(total_count, probs)
        else:
            total_count, self.logits = _like_second(total_count, logits)
        self.total_count: Tensor = total_count
        super().__init__(total_count.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """Give 0, ..., n."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of p."""
        return self._batch_shape

    @property
    def mean(self) -> Tensor:
        """The product n p."""
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        """(n + 1) p rounded down, at most n."""
        return ((self.total_count + 1) * self.probs).floor().minimum(self.total_count)

    @property
    def variance(self) -> Tensor:
        """The product n p (1 - p)."""
        return self.total_count * self.probs * (1 - self.probs)

    def _most(self) -> int:
        """Give the largest n, which says how many draws are needed."""
        given = self._given_count
        if not isinstance(given, Tensor):
            return int(given)
        if given.is_symbolic:
            raise GraphError(
                "[Binomial] total_count is computed inside bs.compile, but how much is drawn depends on its "
                "value: give an int, or a tensor made outside"
            )
        return int(given.max()) if given.numel() else 0

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw counts of the dtype of p.

        Trials are drawn one by one; of many, first the place of a middle one among sorted uniform numbers, a
        beta number, which says how many of one half succeed (Relles 1972, A Simple Algorithm for Generating
        Binomial Random Variables when N is Large).
        """
        shape = self._extended_shape(sample_shape)
        most = self._most()
        with _core.no_grad():
            n = self.total_count.expand(shape).to(_core.float64)
            p = self.probs.expand(shape).to(_core.float64)
            count = _core.zeros(shape, dtype=_core.float64)
            while most > FEW:
                middle = (n / 2).floor() + 1
                above = (n + 1 - middle).clamp_min(1.0)
                odds = log_standard_gamma(_core.stack([middle, above])).softmax(0)
                at, rest = odds[0], odds[1]
                below = at <= p
                many = n >= 1
                count = _core.where(many & below, count + middle, count)
                inner = _core.where(below, (p - at) / rest, p / at)
                n = _core.where(many, _core.where(below, n - middle, middle - 1), n)
                p = inner.clamp(0.0, 1.0)
                most //= 2
            if most > 0:
                trial = _core.arange(most, dtype=_core.float64).reshape(most, *([1] * len(shape)))
                count = count + ((rand((most, *shape), dtype=_core.float64) < p) & (trial < n)).sum(0)
            return count.to(self.probs.dtype)

    def log_prob(self, value: Any) -> Tensor:
        """Give log C(n, k) + k log p + (n - k) log(1 - p)."""
        k = self._value(value)
        n, rest = self.total_count, self.total_count - k
        choices = (n + 1).lgamma() - (k + 1).lgamma() - (rest + 1).lgamma()
        if "probs" in vars(self):
            return choices + k.xlogy(self.probs) + _core.ops.special_xlog1py(rest, -self.probs)
        logsigmoid = _core.ops.logsigmoid
        return choices + k * logsigmoid(self.logits) + rest * logsigmoid(-self.logits)

    def entropy(self) -> Tensor:
        """Give the entropy, a sum over all values, those of probability 0 left out; all n must be equal."""
        logs = self.log_prob(self.enumerate_support(False)).clamp_min(finfo(self.total_count.dtype).min)
        return -(logs.exp() * logs).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Give 0, ..., n, which must be the same for the whole batch."""
        most = self._most()
        if isinstance(self._given_count, Tensor) and not bool((self._given_count == most).all()):
            raise NotImplementedError(
                "[Binomial] the values can be listed only where total_count is the same for all"
            )
        values = _core.arange(most + 1, dtype=self.total_count.dtype)
        values = values.reshape(-1, *([1] * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values


def _like_second(count: Any, other: Any) -> tuple[Tensor, ...]:
    """Broadcast a count with probabilities or logits, whose dtype it takes."""
    (other,) = broadcast_all(other)
    if isinstance(count, Tensor):
        return broadcast_all(count.to(other.dtype), other)
    return broadcast_all(_core.tensor(count, dtype=other.dtype), other)
