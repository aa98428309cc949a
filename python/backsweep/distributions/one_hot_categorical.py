"""The categorical distribution in one-hot code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions.categorical import Categorical
from backsweep.distributions.distribution import Distribution

__all__ = ["OneHotCategorical", "OneHotCategoricalStraightThrough"]


class OneHotCategorical(Distribution):
    """One of K categories as a vector of zeros with a one at k; p_k is the probability of k.

    Parameters
    ----------
    probs, logits, validate_args
        As of `Categorical`.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}  # noqa: RUF012
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args=False)
        self._validate_args = self._categorical._validate_args

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> OneHotCategorical:
        """Give the distribution with another batch_shape."""
        made = self._like(tuple(batch_shape))
        made._categorical = self._categorical.expand(batch_shape)
        return made

    @property
    def probs(self) -> Tensor:
        """The probabilities p, whose sum is 1."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """The logarithms log p, whose exponentials sum to 1."""
        return self._categorical.logits

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of the probabilities."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        """The probabilities p."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The one-hot vector of the most probable category."""
        return self._one_hot(self._categorical.mode)

    @property
    def variance(self) -> Tensor:
        """The product p (1 - p)."""
        return self.probs * (1 - self.probs)

    def _one_hot(self, index: Tensor) -> Tensor:
        categories = _core.arange(self._event_shape[0])
        return (index.unsqueeze(-1) == categories).to(self._categorical._param.dtype)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw one-hot vectors of the dtype of the probabilities."""
        return self._one_hot(self._categorical.sample(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        """Give log p of the category whose place holds a one."""
        return self._categorical.log_prob(self._value(value).argmax(-1))

    def entropy(self) -> Tensor:
        """Give -Σ p log p."""
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Give the rows of the identity, (K, 1, ..., K), or (K, *batch_shape, K) if `expand`."""
        n = self._event_shape[0]
        values = _core.eye(n, dtype=self._categorical._param.dtype)
        values = values.reshape(n, *([1] * len(self._batch_shape)), n)
        return values.expand((n, *self._batch_shape, n)) if expand else values

    def __repr__(self) -> str:
        return repr(self._categorical).replace("Categorical", type(self).__name__, 1)


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """OneHotCategorical whose samples have the derivative of the probabilities.

    Source: Bengio, Léonard and Courville (2013), Estimating or Propagating Gradients Through Stochastic
    Neurons, arXiv:1308.3432.
    """

    has_rsample = True

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw one-hot vectors with the derivative of the probabilities."""
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
