"""The multinomial distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._arguments import whole
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions.binomial import Binomial
from backsweep.distributions.categorical import Categorical
from backsweep.distributions.distribution import Distribution

__all__ = ["Multinomial"]


class Multinomial(Distribution):
    """How often each of K categories is drawn in n draws: n! Π p_k^(x_k) / Π x_k!.

    Parameters
    ----------
    total_count : int, default 1
        n.
    probs, logits, validate_args
        As of `Categorical`.

    Raises
    ------
    TypeError
        If n is not a whole number: it is the same for the whole batch.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}  # noqa: RUF012

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.total_count = whole("Multinomial", "total_count", total_count, 0)
        self._categorical = Categorical(probs, logits, validate_args)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args=False)
        self._validate_args = self._categorical._validate_args

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Multinomial:
        """Give the distribution with another batch_shape."""
        made = self._like(tuple(batch_shape))
        made._categorical = self._categorical.expand(batch_shape)
        return made

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Give counts whose sum is at most n."""
        return constraints.multinomial(self.total_count)

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
        """The product n p."""
        return self.total_count * self.probs

    @property
    def variance(self) -> Tensor:
        """The product n p (1 - p)."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw n categories and count them, in the dtype of the probabilities."""
        shape = self._extended_shape(sample_shape)
        drawn = self._categorical.sample((self.total_count, *sample_shape)).movedim(0, -1)
        ones = _core.ones(drawn.shape, dtype=self._categorical._param.dtype)
        return _core.zeros(shape, dtype=ones.dtype).scatter_add(-1, drawn, ones)

    def log_prob(self, value: Any) -> Tensor:
        """Give log(Σ x)! - Σ log x! + Σ x log p."""
        x = self._value(value)
        powers = _core.where(x == 0, 0.0, x * self.logits)
        return (x.sum(-1) + 1).lgamma() + (powers - (x + 1).lgamma()).sum(-1)

    def entropy(self) -> Tensor:
        """Give -log n! + n H + Σ E log x!, H the entropy of one draw, x binomial."""
        n = self.total_count
        counts = Binomial(n, probs=self.probs)
        values = counts.enumerate_support(expand=False)
        logs = counts.log_prob(values).exp() * (values + 1).lgamma()
        factorial = _core.tensor(float(n + 1), dtype=self._categorical._param.dtype).lgamma()
        return n * self._categorical.entropy() - factorial + logs.sum(0).sum(-1)

    def __repr__(self) -> str:
        return repr(self._categorical).replace("Categorical", type(self).__name__, 1)
