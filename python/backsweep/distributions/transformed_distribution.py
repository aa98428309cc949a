"""What a function makes of a distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._core import ShapeError, Tensor
from backsweep.distributions import constraints
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.independent import Independent, sum_last
from backsweep.distributions.transforms import ComposeTransform, Transform

__all__ = ["TransformedDistribution"]


class TransformedDistribution(Distribution):
    """The distribution of y = f(x), x of a base distribution: log p(y) = log p(x) - log |det df/dx|.

    Parameters
    ----------
    base_distribution : Distribution
    transforms : Transform or sequence of Transform
        f, or functions applied one after the other.
    validate_args : bool, optional

    Raises
    ------
    ShapeError
        If the base has fewer axes than f takes.

    Examples
    --------
    >>> squashed = TransformedDistribution(Normal(mean, std), TanhTransform())
    """

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        for transform in self.transforms:
            if not isinstance(transform, Transform):
                raise TypeError(
                    f"[TransformedDistribution] transforms are Transforms, not {type(transform).__name__}"
                )
        shape = base_distribution.batch_shape + base_distribution.event_shape
        base_events = len(base_distribution.event_shape)
        whole = ComposeTransform(self.transforms)
        if len(shape) < whole.domain.event_dim:
            raise ShapeError(
                f"[TransformedDistribution] the base's samples are {shape}; transforms take "
                f"{whole.domain.event_dim} axes or more"
            )
        forward = whole.forward_shape(shape)
        expanded = whole.inverse_shape(forward)
        if expanded != shape:
            base_distribution = base_distribution.expand(expanded[: len(expanded) - base_events])
        more = whole.domain.event_dim - base_events
        if more > 0:
            base_distribution = Independent(base_distribution, more)
        self.base_dist: Any = base_distribution
        events = whole.codomain.event_dim + max(base_events - whole.domain.event_dim, 0)
        cut = len(forward) - events
        super().__init__(forward[:cut], forward[cut:], validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> TransformedDistribution:
        """Give the distribution with another batch_shape."""
        shape = tuple(batch_shape)
        made = self._like(shape)
        inner = ComposeTransform(self.transforms).inverse_shape(shape + self._event_shape)
        made.base_dist = self.base_dist.expand(inner[: len(inner) - len(self.base_dist.event_shape)])
        return made

    @property
    def has_rsample(self) -> bool:
        """That of the base."""
        return bool(self.base_dist.has_rsample)

    @constraints.dependent_property
    def support(self) -> Any:
        """Give the region that the last transform maps to, or the base's without transforms."""
        if not self.transforms:
            return self.base_dist.support
        region = self.transforms[-1].codomain
        more = len(self._event_shape) - region.event_dim
        return constraints.independent(region, more) if more > 0 else region

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw f(x), x drawn of the base."""
        with _core.no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw f(x), x drawn of the base with derivatives."""
        return self._forward(self.base_dist.rsample(sample_shape))

    def _forward(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            y = transform.inv(y)
        return y

    def log_prob(self, value: Any) -> Tensor:
        """Give log p(x) - log |det df/dx| at x = f⁻¹(y)."""
        y = self._value(value)
        events = len(self._event_shape)
        volume: Any = 0.0
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            events += transform.domain.event_dim - transform.codomain.event_dim
            change = transform.log_abs_det_jacobian(x, y)
            volume = volume - sum_last(change, events - transform.domain.event_dim)
            y = x
        density = self.base_dist.log_prob(y)
        result: Tensor = volume + sum_last(density, events - len(self.base_dist.event_shape))
        return result

    def cdf(self, value: Any) -> Tensor:
        """Give the base's cdf at x, or 1 - it where f decreases."""
        p = self.base_dist.cdf(self._inverse(self._value(value)))
        return self._turned(p)

    def icdf(self, value: Any) -> Tensor:
        """Give f of the base's quantile."""
        return self._forward(self.base_dist.icdf(self._turned(_core.as_tensor(value))))

    def _turned(self, p: Tensor) -> Tensor:
        """Give p, or 1 - p where the transforms decrease."""
        sign = ComposeTransform(self.transforms).sign
        if isinstance(sign, Tensor):
            return _core.where(sign > 0, p, 1 - p)
        return p if sign == 1 else 1 - p

    def __repr__(self) -> str:
        if self.arg_constraints:
            return super().__repr__()
        return f"{type(self).__name__}({self.base_dist!r}, {self.transforms!r})"
