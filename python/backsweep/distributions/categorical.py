"""The categorical distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from backsweep import _core
from backsweep._arguments import tensor
from backsweep._core import ShapeError, Tensor
from backsweep._dtypes import finfo
from backsweep._shapes import broadcast_tensors
from backsweep.distributions import constraints
from backsweep.distributions.distribution import Distribution, one_of_two
from backsweep.distributions.utils import lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Categorical"]


class Categorical(Distribution):
    """One of K categories, k with probability p_k.

    Parameters
    ----------
    probs : Tensor, floats (..., K), optional
        Not negative; they are divided by their sum.
    logits : Tensor, floats (..., K), optional
        Logarithms of the probabilities, up to a constant; either these or `probs`.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If both or neither are given, or they are not probabilities.
    ShapeError
        If they have no axis.

    Examples
    --------
    >>> policy = Categorical(logits=net(state))
    >>> action = policy.sample()
    >>> loss = -policy.log_prob(action) * reward
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}  # noqa: RUF012
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        one_of_two(self, "probs", probs, "logits", logits)
        name = "probs" if logits is None else "logits"
        given = tensor("Categorical", name, probs if logits is None else logits)
        if given.ndim < 1:
            raise ShapeError(f"[Categorical] {name} is (); it must have an axis")
        if logits is None:
            self.probs = given / given.sum(-1, keepdim=True)
        else:
            self.logits = given - given.logsumexp(-1, keepdim=True)
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @property
    def _param(self) -> Tensor:
        return vars(self).get("probs", vars(self).get("logits"))  # type: ignore[return-value]

    @property
    def _num_events(self) -> int:
        return self._param.shape[-1]

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of the probabilities."""
        return self._param.shape

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """Give 0, ..., K - 1."""
        return constraints.integer_interval(0, self._num_events - 1)

    @lazy_property
    def logits(self) -> Tensor:
        """Give the logarithms log p, whose exponentials sum to 1."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> Tensor:
        """Give the probabilities p, whose sum is 1."""
        return logits_to_probs(self.logits)

    @property
    def mean(self) -> Tensor:
        """NaN: categories are no numbers."""
        return _core.full(self._batch_shape, float("nan"), dtype=self._param.dtype)

    @property
    def mode(self) -> Tensor:
        """The most probable category."""
        return self._param.argmax(-1)

    @property
    def variance(self) -> Tensor:
        """NaN: categories are no numbers."""
        return self.mean

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw categories, int64."""
        shape = self._extended_shape(sample_shape)
        with _core.no_grad():
            rows = self.probs.reshape(-1, self._num_events)
            return _core.multinomial(rows, prod(sample_shape), replacement=True).t().reshape(shape)

    def log_prob(self, value: Any) -> Tensor:
        """Give log p of each category."""
        index, logits = self._value(value).long().unsqueeze(-1), self.logits
        if index.ndim != logits.ndim or index.shape[:-1] != logits.shape[:-1]:
            index, logits = broadcast_tensors(index, logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        """Give -Σ p log p; categories of probability 0 add nothing."""
        logits = self.logits.clamp_min(finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Give 0, ..., K - 1 of shape (K, 1, ...), or (K, *batch_shape) if `expand`."""
        values = _core.arange(self._num_events).reshape(-1, *([1] * len(self._batch_shape)))
        return values.expand((-1, *self._batch_shape)) if expand else values
