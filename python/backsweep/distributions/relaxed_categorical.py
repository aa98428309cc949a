"""Categories whose samples lie between the corners and have derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from math import lgamma
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions._open import open_uniform
from backsweep.distributions.categorical import Categorical
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.transformed_distribution import TransformedDistribution
from backsweep.distributions.transforms import ExpTransform

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(Distribution):
    """The logarithm of a `RelaxedOneHotCategorical`: log_softmax((log p + g) / t), g standard Gumbel.

    Sources: Maddison, Mnih and Teh (2017), The Concrete Distribution, arXiv:1611.00712; Jang, Gu and Poole
    (2017), Categorical Reparameterization with Gumbel-Softmax, arXiv:1611.01144.

    Parameters
    ----------
    temperature : float or Tensor
        How soft: t, near 0 for samples near the corners.
    probs, logits, validate_args
        As of `Categorical`.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}  # noqa: RUF012
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        self.temperature = _core.as_tensor(temperature, dtype=self._categorical._param.dtype)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args=False)
        self._validate_args = self._categorical._validate_args

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> ExpRelaxedCategorical:
        """Give the distribution with another batch_shape."""
        made = self._like(tuple(batch_shape))
        made._categorical = self._categorical.expand(batch_shape)
        return made

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of the probabilities."""
        return self._categorical.param_shape

    @property
    def logits(self) -> Tensor:
        """The logarithms log p, whose exponentials sum to 1."""
        return self._categorical.logits

    @property
    def probs(self) -> Tensor:
        """The probabilities p, whose sum is 1."""
        return self._categorical.probs

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw log_softmax((log p + g) / t), g of the Gumbel distribution."""
        u = open_uniform(self._extended_shape(sample_shape))
        gumbels = -(-u.log()).log().to(self.logits.dtype)
        return ((self.logits + gumbels) / self.temperature).log_softmax(-1)

    def log_prob(self, value: Any) -> Tensor:
        """Give log (K - 1)! + (K - 1) log t + Σ log_softmax(log p - t x)."""
        n = self._event_shape[0]
        score = (self.logits - self._value(value) * self.temperature).log_softmax(-1).sum(-1)
        return score + (lgamma(n) + (n - 1) * self.temperature.log())

    def __repr__(self) -> str:
        return repr(self._categorical).replace("Categorical", type(self).__name__, 1)


class RelaxedOneHotCategorical(TransformedDistribution):
    """Vectors of K positive numbers whose sum is 1, which tend to one-hot ones as the temperature tends to 0.

    Parameters
    ----------
    temperature, probs, logits, validate_args
        As of `ExpRelaxedCategorical`.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}  # noqa: RUF012
    support = constraints.simplex
    has_rsample = True
    base_dist: ExpRelaxedCategorical

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args)
        super().__init__(base, ExpTransform(), validate_args)

    @property
    def temperature(self) -> Tensor:
        """How soft."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """The logarithms log p, whose exponentials sum to 1."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """The probabilities p, whose sum is 1."""
        return self.base_dist.probs
