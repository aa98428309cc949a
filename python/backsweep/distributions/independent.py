"""Batches of distributions as one distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep._arguments import whole
from backsweep._core import ShapeError, Tensor
from backsweep.distributions import constraints
from backsweep.distributions.distribution import Distribution

__all__ = ["Independent"]


class Independent(Distribution):
    """A distribution whose last axes of the batch become axes of one event: log_prob is summed over them.

    Parameters
    ----------
    base_distribution : Distribution
    reinterpreted_batch_ndims : int
        How many axes.
    validate_args : bool, optional

    Raises
    ------
    ShapeError
        If the batch has fewer axes.

    Examples
    --------
    >>> Independent(Normal(bs.zeros(2, 3), 1.0), 1)  # batch_shape (2,), event_shape (3,)
    Independent(Normal(loc: (2, 3), scale: (2, 3)), 1)
    """

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        n = whole("Independent", "reinterpreted_batch_ndims", reinterpreted_batch_ndims, 0)
        batch = base_distribution.batch_shape
        if n > len(batch):
            raise ShapeError(f"[Independent] reinterpreted_batch_ndims is {n}, but batch_shape is {batch}")
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = n
        shape = batch + base_distribution.event_shape
        events = n + len(base_distribution.event_shape)
        super().__init__(shape[: len(shape) - events], shape[len(shape) - events :], validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Independent:
        """Give the distribution with another batch_shape."""
        shape = tuple(batch_shape)
        made = self._like(shape)
        made.base_dist = self.base_dist.expand(shape + self._event_shape[: self.reinterpreted_batch_ndims])
        return made

    @property
    def has_rsample(self) -> bool:
        """That of the base."""
        return bool(self.base_dist.has_rsample)

    @property
    def has_enumerate_support(self) -> bool:
        """That of the base, without axes of the batch."""
        return self.reinterpreted_batch_ndims == 0 and bool(self.base_dist.has_enumerate_support)

    @constraints.dependent_property
    def support(self) -> Any:
        """Give the region of the base, for the larger event."""
        inner = self.base_dist.support
        n = self.reinterpreted_batch_ndims
        return constraints.independent(inner, n) if n else inner

    @property
    def mean(self) -> Tensor:
        """That of the base."""
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        """That of the base."""
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        """That of the base."""
        return self.base_dist.variance

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples of the base."""
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples of the base with derivatives."""
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        """Give the sum over the axes of the event."""
        return sum_last(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        """Give the sum over the axes of the event."""
        return sum_last(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Give the values of the base, where no axis of the batch was taken."""
        if self.reinterpreted_batch_ndims > 0:
            raise NotImplementedError(
                "[Independent] the values of a product of distributions are too many to list"
            )
        return self.base_dist.enumerate_support(expand=expand)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist!r}, {self.reinterpreted_batch_ndims})"


def sum_last(value: Tensor, n: int) -> Tensor:
    """Sum over the last n axes."""
    return value.sum(tuple(range(-n, 0))) if n else value
