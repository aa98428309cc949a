"""What a function with an inverse and a Jacobian must state, and what is made of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions.independent import sum_last

__all__ = ["ComposeTransform", "IndependentTransform", "Pointwise", "Transform", "identity_transform"]

Shape = tuple[int, ...]


class Transform:
    """A function y = f(x), with what a distribution must know of it.

    A subclass states `_call(x)`, `_inverse(y)` and `log_abs_det_jacobian(x, y)`, and the attributes.

    Attributes
    ----------
    domain, codomain : Constraint
        The regions of x and of y.
    bijective : bool
        Whether f has an inverse; of others `inv` gives one of the x.
    sign : int or Tensor
        1 where f increases, -1 where it decreases.
    """

    bijective: Any = False
    domain: Any
    codomain: Any
    _compared = True  # captures rely on what attributes hold (_watch.py)

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ValueError(f"[{type(self).__name__}] cache_size is {cache_size}; it must be 0 or 1")
        self._cache_size = cache_size
        self._last = _Last()

    @property
    def event_dim(self) -> int:
        """How many axes one x has, where one y has as many."""
        if self.domain.event_dim != self.codomain.event_dim:
            raise ValueError(f"[{type(self).__name__}] x and y have different axes: use domain and codomain")
        return int(self.domain.event_dim)

    @property
    def inv(self) -> Transform:
        """The inverse."""
        return _InverseTransform(self)

    @property
    def sign(self) -> Any:
        """1 or -1, or a tensor of these."""
        raise NotImplementedError(f"[{type(self).__name__}] neither increases nor decreases everywhere")

    def with_cache(self, cache_size: int = 1) -> Transform:
        """Give the transform with a cache of that size."""
        if cache_size == self._cache_size:
            return self
        made = object.__new__(type(self))
        vars(made).update(vars(self), _cache_size=cache_size, _last=_Last())
        return made

    def __call__(self, x: Tensor) -> Tensor:
        """Give f(x); with a cache of 1 the inverse of that very tensor is x, exactly."""
        last = self._last
        if last.y is not None and last.x is x:
            return last.y
        y = self._call(x)
        if self._cache_size and not y.is_symbolic:  # what a capture made is of that program alone
            last.x, last.y = x, y
        return y

    def _inv_call(self, y: Tensor) -> Tensor:
        last = self._last
        return last.x if last.x is not None and last.y is y else self._inverse(y)

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"[{type(self).__name__}] has no _call")

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(f"[{type(self).__name__}] has no inverse")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give log |det dy/dx| of each event."""
        raise NotImplementedError(f"[{type(self).__name__}] has no log_abs_det_jacobian")

    def forward_shape(self, shape: Shape) -> Shape:
        """Give the shape of y for that of x."""
        return shape

    def inverse_shape(self, shape: Shape) -> Shape:
        """Give the shape of x for that of y."""
        return shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Last:
    """The last x and y of a transform with a cache: an object of its own, which captures do not compare."""

    __slots__ = ("x", "y")

    def __init__(self) -> None:
        self.x: Tensor | None = None
        self.y: Tensor | None = None


class _InverseTransform(Transform):
    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self._inv = transform

    @property
    def domain(self) -> Any:
        return self._inv.codomain

    @property
    def codomain(self) -> Any:
        return self._inv.domain

    @property
    def bijective(self) -> Any:
        return self._inv.bijective

    @property
    def sign(self) -> Any:
        return self._inv.sign

    @property
    def inv(self) -> Transform:
        return self._inv

    def with_cache(self, cache_size: int = 1) -> Transform:
        return self._inv.with_cache(cache_size).inv

    def __call__(self, x: Tensor) -> Tensor:
        return self._inv._inv_call(x)

    def _inv_call(self, y: Tensor) -> Tensor:
        return self._inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Shape) -> Shape:
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Shape) -> Shape:
        return self._inv.forward_shape(shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _InverseTransform) and self._inv == other._inv

    def __hash__(self) -> int:
        return hash((_InverseTransform, self._inv))

    def __repr__(self) -> str:
        return f"{self._inv!r}.inv"


class ComposeTransform(Transform):
    """Functions applied one after the other, the first one first."""

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = [part.with_cache(cache_size) for part in parts] if cache_size else list(parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    __hash__ = None  # type: ignore[assignment]

    @property
    def domain(self) -> Any:
        """What the first one takes, with as many axes as a later one needs."""
        if not self.parts:
            return constraints.real
        region = self.parts[0].domain
        axes = self.parts[-1].codomain.event_dim
        for part in reversed(self.parts):
            axes = max(axes + part.domain.event_dim - part.codomain.event_dim, part.domain.event_dim)
        return constraints.independent(region, axes - region.event_dim) if axes > region.event_dim else region

    @property
    def codomain(self) -> Any:
        """What the last one gives, with as many axes as an earlier one needs."""
        if not self.parts:
            return constraints.real
        region = self.parts[-1].codomain
        axes = self.parts[0].domain.event_dim
        for part in self.parts:
            axes = max(axes + part.codomain.event_dim - part.domain.event_dim, part.codomain.event_dim)
        return constraints.independent(region, axes - region.event_dim) if axes > region.event_dim else region

    @property
    def bijective(self) -> bool:
        """Whether all are."""
        return all(part.bijective for part in self.parts)

    @property
    def sign(self) -> Any:
        """The product of the signs."""
        sign: Any = 1
        for part in self.parts:
            sign = sign * part.sign
        return sign

    @property
    def inv(self) -> Transform:
        """The inverses, the last one first."""
        return ComposeTransform([part.inv for part in reversed(self.parts)])

    def with_cache(self, cache_size: int = 1) -> Transform:
        """Give the same functions, each with a cache."""
        return ComposeTransform(self.parts, cache_size)

    def __call__(self, x: Tensor) -> Tensor:
        """Give f(x)."""
        for part in self.parts:
            x = part(x)
        return x

    def _inv_call(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part._inv_call(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give the sum of those of the parts."""
        if not self.parts:
            return _core.zeros_like(x)
        between = [x]
        for part in self.parts[:-1]:
            between.append(part(between[-1]))
        between.append(y)
        axes = self.domain.event_dim
        total = _core.zeros((), dtype=x.dtype)
        for part, start, end in zip(self.parts, between, between[1:], strict=False):
            total = total + sum_last(part.log_abs_det_jacobian(start, end), axes - part.domain.event_dim)
            axes += part.codomain.event_dim - part.domain.event_dim
        return total

    def forward_shape(self, shape: Shape) -> Shape:
        """Give the shape of y for that of x."""
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape: Shape) -> Shape:
        """Give the shape of x for that of y."""
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    def __repr__(self) -> str:
        return f"ComposeTransform({self.parts!r})"


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """A function whose last axes of a batch become axes of one event."""

    def __init__(
        self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size)
        self.base_transform = base_transform.with_cache(cache_size) if cache_size else base_transform
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def domain(self) -> Any:
        """That of the base, for the larger event."""
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @property
    def codomain(self) -> Any:
        """That of the base, for the larger event."""
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def bijective(self) -> Any:
        """That of the base."""
        return self.base_transform.bijective

    @property
    def sign(self) -> Any:
        """That of the base."""
        return self.base_transform.sign

    def with_cache(self, cache_size: int = 1) -> Transform:
        """Give the same function with a cache."""
        return IndependentTransform(self.base_transform, self.reinterpreted_batch_ndims, cache_size)

    def _call(self, x: Tensor) -> Tensor:
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.base_transform._inv_call(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give the sum over the axes of the event."""
        return sum_last(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Shape) -> Shape:
        """Give the shape of y for that of x."""
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Shape) -> Shape:
        """Give the shape of x for that of y."""
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"IndependentTransform({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


class Pointwise(Transform):
    """A function of numbers without settings: all of a class are equal."""

    domain = constraints.real
    bijective = True
    sign = 1

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))
