"""The geometric distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions._open import open_uniform
from backsweep.distributions.bernoulli import expected_log
from backsweep.distributions.distribution import Distribution, one_of_two
from backsweep.distributions.utils import OfProbability, broadcast_all

__all__ = ["Geometric"]


class Geometric(OfProbability, Distribution):
    """How many trials fail before the first success: k with probability (1 - p)^k p.

    Parameters
    ----------
    probs : float or Tensor, optional
        p, in (0, 1].
    logits : float or Tensor, optional
        log p - log(1 - p); either these or `probs`.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If both or neither are given, or p is not in (0, 1].
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}  # noqa: RUF012
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        one_of_two(self, "probs", probs, "logits", logits)
        if logits is None:
            (self.probs,) = broadcast_all(probs)
        else:
            (self.logits,) = broadcast_all(logits)
        given = self.probs if logits is None else self.logits
        super().__init__(given.shape, validate_args=validate_args)
        if self._validate_args and logits is None:
            self._check_parameter("probs", self.probs, constraints.positive)

    @property
    def mean(self) -> Tensor:
        """(1 - p) / p."""
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        """0."""
        return _core.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        """(1 - p) / p²."""
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw floor(log(u) / log(1 - p)), u uniform in (0, 1)."""
        shape = self._extended_shape(sample_shape)
        with _core.no_grad():
            p = self.probs.to(_core.float64)
            return (open_uniform(shape).log() / (-p).log1p()).floor().to(self.probs.dtype)

    def log_prob(self, value: Any) -> Tensor:
        """Give k log(1 - p) + log p."""
        return _core.ops.special_xlog1py(self._value(value), -self.probs) + self.probs.log()

    def entropy(self) -> Tensor:
        """Give -((1 - p) log(1 - p) + p log p) / p."""
        return -expected_log(self.logits, self.probs) / self.probs
