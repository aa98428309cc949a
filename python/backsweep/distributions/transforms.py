"""Functions with an inverse and a known Jacobian, for `TransformedDistribution`."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._core import Tensor
from backsweep._dtypes import finfo
from backsweep._shapes import broadcast_shapes
from backsweep.distributions import constraints
from backsweep.distributions._structured_transforms import (
    CatTransform,
    CorrCholeskyTransform,
    CumulativeDistributionTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    ReshapeTransform,
    SoftmaxTransform,
    StackTransform,
    StickBreakingTransform,
)
from backsweep.distributions._transform import (
    ComposeTransform,
    IndependentTransform,
    Pointwise,
    Transform,
    identity_transform,
)
from backsweep.distributions.independent import sum_last

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "CatTransform",
    "ComposeTransform",
    "CorrCholeskyTransform",
    "CumulativeDistributionTransform",
    "ExpTransform",
    "IndependentTransform",
    "LowerCholeskyTransform",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StackTransform",
    "StickBreakingTransform",
    "TanhTransform",
    "Transform",
    "identity_transform",
]

Shape = tuple[int, ...]
softplus = _core.ops.softplus


class ExpTransform(Pointwise):
    """y = e^x."""

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give x."""
        return x


class SigmoidTransform(Pointwise):
    """y = 1 / (1 + e^-x)."""

    codomain = constraints.unit_interval

    def _call(self, x: Tensor) -> Tensor:
        info = finfo(x.dtype)
        return x.sigmoid().clamp(info.tiny, 1 - info.eps)

    def _inverse(self, y: Tensor) -> Tensor:
        info = finfo(y.dtype)
        y = y.clamp(info.tiny, 1 - info.eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give log y + log(1 - y)."""
        return -softplus(-x) - softplus(x)


class SoftplusTransform(Pointwise):
    """y = log(1 + e^x)."""

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-(-y).expm1()).log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give -log(1 + e^-x)."""
        return -softplus(-x)


class TanhTransform(Pointwise):
    """y = tanh x. With cache_size=1 the inverse of a y that it gave is exact also where y rounds to 1."""

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give log(1 - y²) = 2 (log 2 - x - log(1 + e^(-2 x)))."""
        return 2.0 * (log(2.0) - x - softplus(-2.0 * x))


class AbsTransform(Pointwise):
    """y = |x|, which has two x; `inv` gives the one that is not negative."""

    codomain = constraints.nonnegative
    bijective = False

    @property
    def sign(self) -> Any:  # type: ignore[override]
        """Neither."""
        return Transform.sign.__get__(self)

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class PowerTransform(Transform):
    """y = x^a of positive x."""

    domain = constraints.positive
    codomain = constraints.positive
    bijective = True

    def __init__(self, exponent: Tensor | float, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.exponent = exponent

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and np.array_equal(self.exponent, other.exponent)

    def __hash__(self) -> int:
        return hash(PowerTransform)

    @property
    def sign(self) -> Any:
        """The sign of the exponent."""
        return _sign(self.exponent)

    def _call(self, x: Tensor) -> Tensor:
        return x**self.exponent

    def _inverse(self, y: Tensor) -> Tensor:
        return y ** (1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give log |a y / x|."""
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Shape) -> Shape:
        """Give the shape of y for that of x."""
        return broadcast_shapes(shape, getattr(self.exponent, "shape", ()))

    inverse_shape = forward_shape


class AffineTransform(Transform):
    """y = loc + scale x.

    Parameters
    ----------
    loc, scale : float or Tensor
    event_dim : int, default 0
        How many axes make one event.
    cache_size : int, default 0
    """

    bijective = True

    def __init__(
        self, loc: Tensor | float, scale: Tensor | float, event_dim: int = 0, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size)
        self.loc = loc
        self.scale = scale
        self._event_dim = event_dim

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, AffineTransform)
            and np.array_equal(self.loc, other.loc)
            and np.array_equal(self.scale, other.scale)
        )

    def __hash__(self) -> int:
        return hash(AffineTransform)

    @property
    def event_dim(self) -> int:
        """How many axes make one event."""
        return self._event_dim

    @property
    def domain(self) -> Any:
        """All numbers."""
        return (
            constraints.independent(constraints.real, self._event_dim)
            if self._event_dim
            else constraints.real
        )

    @property
    def codomain(self) -> Any:
        """All numbers."""
        return self.domain

    @property
    def sign(self) -> Any:
        """The sign of the scale."""
        return _sign(self.scale)

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give log |scale|, summed over an event."""
        scale = self.scale if isinstance(self.scale, Tensor) else _core.full_like(x, self.scale)
        change = scale.abs().log().expand(broadcast_shapes(x.shape, scale.shape))
        return sum_last(change, self._event_dim)

    def forward_shape(self, shape: Shape) -> Shape:
        """Give the shape of y for that of x."""
        return broadcast_shapes(shape, *(getattr(p, "shape", ()) for p in (self.loc, self.scale)))

    inverse_shape = forward_shape


def _sign(value: Any) -> Any:
    return value.sign() if isinstance(value, Tensor) else (1 if value > 0 else -1)
