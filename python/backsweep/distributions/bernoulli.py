"""The distribution of one trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions.distribution import Distribution, one_of_two
from backsweep.distributions.utils import OfProbability, broadcast_all

__all__ = ["Bernoulli"]

logsigmoid = _core.ops.logsigmoid


class Bernoulli(OfProbability, Distribution):
    """1 with probability p, else 0.

    Parameters
    ----------
    probs : float or Tensor, optional
        p.
    logits : float or Tensor, optional
        log p - log(1 - p); either these or `probs`.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If both or neither are given, or p is outside [0, 1].
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}  # noqa: RUF012
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        one_of_two(self, "probs", probs, "logits", logits)
        self._of_logits = logits is not None
        if logits is None:
            (self.probs,) = broadcast_all(probs)
        else:
            (self.logits,) = broadcast_all(logits)
        super().__init__(self._param.shape, validate_args=validate_args)

    @property
    def _param(self) -> Tensor:
        return vars(self).get("probs", vars(self).get("logits"))  # type: ignore[return-value]

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of p."""
        return self._param.shape

    @property
    def mean(self) -> Tensor:
        """The probability p."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """1 where p > 1/2, 0 where p < 1/2, NaN where both are as likely."""
        likely = (self.probs >= 0.5).to(self.probs.dtype)
        return _core.where(self.probs == 0.5, float("nan"), likely)

    @property
    def variance(self) -> Tensor:
        """The product p (1 - p)."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw zeros and ones of the dtype of p."""
        shape = self._extended_shape(sample_shape)
        with _core.no_grad():
            return _core.bernoulli(self.probs.expand(shape))

    def log_prob(self, value: Any) -> Tensor:
        """Give x log p + (1 - x) log(1 - p)."""
        return expected_log(self.logits, self._value(value))

    def entropy(self) -> Tensor:
        """Give -p log p - (1 - p) log(1 - p)."""
        if self._of_logits:  # 1 - p may be too small for a difference
            return -self.probs * logsigmoid(self.logits) - (-self.logits).sigmoid() * logsigmoid(-self.logits)
        return -expected_log(self.logits, self.probs)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Give 0 and 1 of shape (2, 1, ...), or (2, *batch_shape) if `expand`."""
        values = _core.arange(2, dtype=self._param.dtype).reshape(-1, *([1] * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values


def expected_log(logits: Tensor, y: Tensor) -> Tensor:
    """Give y log σ(logits) + (1 - y) log σ(-logits), each right where it is tiny."""
    return y * logsigmoid(logits) + (1 - y) * logsigmoid(-logits)
