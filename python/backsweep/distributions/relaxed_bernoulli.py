"""Trials whose samples lie between 0 and 1 and have derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions._open import open_uniform
from backsweep.distributions.distribution import Distribution, one_of_two
from backsweep.distributions.transformed_distribution import TransformedDistribution
from backsweep.distributions.transforms import SigmoidTransform
from backsweep.distributions.utils import OfProbability, broadcast_all

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(OfProbability, Distribution):
    """The logit of a `RelaxedBernoulli`: (l + log u - log(1 - u)) / t, l the logit of p, u uniform in (0, 1).

    Source: Maddison, Mnih and Teh (2017), The Concrete Distribution, arXiv:1611.00712.

    Parameters
    ----------
    temperature : float or Tensor
        How soft: t, near 0 for samples near 0 and 1.
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
    support = constraints.real
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of_two(self, "probs", probs, "logits", logits)
        if logits is None:
            (self.probs,) = broadcast_all(probs)
        else:
            (self.logits,) = broadcast_all(logits)
        given = self.probs if logits is None else self.logits
        self.temperature = _core.as_tensor(temperature, dtype=given.dtype)
        super().__init__(given.shape, validate_args=validate_args)

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of p."""
        return self._batch_shape

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw (l + log u - log(1 - u)) / t, u uniform in (0, 1)."""
        u = open_uniform(self._extended_shape(sample_shape))
        noise = (u.log() - (-u).log1p()).to(self.logits.dtype)
        return (self.logits + noise) / self.temperature

    def log_prob(self, value: Any) -> Tensor:
        """Give log t + d - 2 log(1 + e^d), d = l - t x."""
        d = self.logits - self._value(value) * self.temperature
        return self.temperature.log() + d - 2 * _core.ops.softplus(d)


class RelaxedBernoulli(TransformedDistribution):
    """Numbers in (0, 1) which tend to those of `Bernoulli` as the temperature tends to 0.

    Parameters
    ----------
    temperature, probs, logits, validate_args
        As of `LogitRelaxedBernoulli`.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}  # noqa: RUF012
    support = constraints.unit_interval
    has_rsample = True
    base_dist: LogitRelaxedBernoulli

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits, validate_args)
        super().__init__(base, SigmoidTransform(), validate_args)

    @property
    def temperature(self) -> Tensor:
        """How soft."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """The logit, log p - log(1 - p)."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """The probability p."""
        return self.base_dist.probs
