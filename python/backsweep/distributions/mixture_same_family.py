"""Mixtures of distributions of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._core import ShapeError, Tensor
from backsweep.distributions import constraints
from backsweep.distributions.categorical import Categorical
from backsweep.distributions.distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """A mixture: the density is Σ_k p_k f_k(x).

    Parameters
    ----------
    mixture_distribution : Categorical
        Its p_k; the batch_shape is that of the mixture.
    component_distribution : Distribution
        The f_k, along the last axis of its batch.
    validate_args : bool, optional

    Raises
    ------
    TypeError
        If mixture_distribution is no Categorical.
    ShapeError
        If the shapes do not fit.

    Examples
    --------
    >>> MixtureSameFamily(Categorical(bs.ones(5)), Normal(bs.randn(5), bs.rand(5)))
    """

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        given: object = mixture_distribution
        if not isinstance(given, Categorical):
            raise TypeError(
                f"[MixtureSameFamily] mixture_distribution is {type(given).__name__}; it must be Categorical"
            )
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        batch = component_distribution.batch_shape
        weights = mixture_distribution.param_shape
        if not batch or batch[-1] != weights[-1] or weights[:-1] not in ((), batch[:-1]):
            raise ShapeError(
                f"[MixtureSameFamily] the components' batch_shape is {batch}, the weights are {weights}: "
                "these are of the same shape, or of its last axis"
            )
        self._num_component = weights[-1]
        self._event_ndims = len(component_distribution.event_shape)
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> MixtureSameFamily:
        """Give the distribution with another batch_shape."""
        shape = tuple(batch_shape)
        made = self._like(shape)
        made._component_distribution = self._component_distribution.expand((*shape, self._num_component))
        made._mixture_distribution = self._mixture_distribution.expand(shape)
        return made

    @property
    def mixture_distribution(self) -> Categorical:
        """The distribution of the component."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component_distribution

    @constraints.dependent_property
    def support(self) -> Any:
        """Give the region of the components."""
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    def _weights(self) -> Tensor:
        probs: Tensor = self._mixture_distribution.probs
        return probs.reshape((*probs.shape, *([1] * self._event_ndims)))

    def _mean_of(self, values: Tensor) -> Tensor:
        return (self._weights() * values).sum(-1 - self._event_ndims)

    @property
    def mean(self) -> Tensor:
        """Σ p_k μ_k."""
        return self._mean_of(self._component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        """Σ p_k (σ_k² + (μ_k - μ)²)."""
        parts = self._component_distribution
        off = parts.mean - self.mean.unsqueeze(-1 - self._event_ndims)
        return self._mean_of(parts.variance + off.square())

    def _each(self, value: Any) -> Tensor:
        return self._value(value).unsqueeze(-1 - self._event_ndims)

    def log_prob(self, value: Any) -> Tensor:
        """Give log Σ p_k f_k(x)."""
        logs = self._component_distribution.log_prob(self._each(value))
        weights: Tensor = self._mixture_distribution.logits
        return (logs + weights).logsumexp(-1)

    def cdf(self, value: Any) -> Tensor:
        """Give Σ p_k F_k(x)."""
        parts = self._component_distribution.cdf(self._each(value))
        weights: Tensor = self._mixture_distribution.probs
        return (parts * weights).sum(-1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw of all components, and take one of each."""
        with _core.no_grad():
            samples = self._component_distribution.sample(sample_shape)
            chosen = self._mixture_distribution.expand(self._batch_shape).sample(sample_shape)
            dim = samples.ndim - 1 - self._event_ndims
            index = chosen.reshape((*chosen.shape, *([1] * (self._event_ndims + 1))))
            index = index.expand((*samples.shape[:dim], 1, *samples.shape[dim + 1 :]))
            return samples.gather(dim, index).squeeze(dim)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture_distribution!r},\n  {self._component_distribution!r})"
