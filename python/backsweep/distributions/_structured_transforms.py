"""Functions of vectors and matrices, and of parts of a tensor, for `transforms`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isqrt, log, prod
from typing import Any

from backsweep import _core
from backsweep._core import ShapeError, Tensor
from backsweep._dtypes import finfo
from backsweep.distributions import constraints
from backsweep.distributions._transform import Transform
from backsweep.distributions.independent import sum_last
from backsweep.distributions.utils import tril_matrix_to_vec, vec_to_tril_matrix
from backsweep.linalg import cholesky

__all__ = [
    "CatTransform",
    "CorrCholeskyTransform",
    "CumulativeDistributionTransform",
    "LowerCholeskyTransform",
    "PositiveDefiniteTransform",
    "ReshapeTransform",
    "SoftmaxTransform",
    "StackTransform",
    "StickBreakingTransform",
]

Shape = tuple[int, ...]
pad, softplus = _core.ops.pad, _core.ops.softplus


class _Structured(Transform):
    """A function of vectors or matrices without settings: all of a class are equal."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    def _axes(self, shape: Shape, least: int) -> None:
        if len(shape) < least:
            axes = "an axis" if least == 1 else f"{least} axes"
            raise ShapeError(f"[{type(self).__name__}] a value is {shape}; it must have {axes}")


class SoftmaxTransform(_Structured):
    """y = softmax(x), which is the same for x + c; `inv` gives log y."""

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        return x.softmax(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Shape) -> Shape:
        """Give the same shape."""
        self._axes(shape, 1)
        return shape

    inverse_shape = forward_shape


class StickBreakingTransform(_Structured):
    """K numbers as K + 1 probabilities: y_k = z_k Π_{j<k} (1 - z_j), z_k = sigmoid(x_k - log(K + 1 - k)).

    x = 0 gives equal probabilities. The first one is broken off a stick of length 1, the next off what is
    left.
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def _scores(self, x: Tensor) -> Tensor:
        return x - _core.arange(x.shape[-1], 0, -1).to(x.dtype).log()

    def _call(self, x: Tensor) -> Tensor:
        info = finfo(x.dtype)
        z = self._scores(x).sigmoid().clamp(info.tiny, 1 - info.eps)
        return pad(z, (0, 1), value=1) * pad((1 - z).cumprod(-1), (1, 0), value=1)

    def _inverse(self, y: Tensor) -> Tensor:
        # What is left behind each, summed from the last one, which keeps its digits.
        left = y.flip(-1).cumsum(-1).flip(-1)[..., 1:].clamp_min(finfo(y.dtype).tiny)
        broken = y[..., :-1]
        return broken.log() - left.log() + _core.arange(broken.shape[-1], 0, -1).to(y.dtype).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give Σ log(y_k (1 - z_k)), over all but the last y."""
        return (y[..., :-1].log() - softplus(self._scores(x))).sum(-1)

    def forward_shape(self, shape: Shape) -> Shape:
        """Give the shape with one element more."""
        self._axes(shape, 1)
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Shape) -> Shape:
        """Give the shape with one element less."""
        self._axes(shape, 1)
        return (*shape[:-1], shape[-1] - 1)


class LowerCholeskyTransform(_Structured):
    """The lower triangle of x, with e^x on the diagonal."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(_Structured):
    """L Lᵀ, L being what `LowerCholeskyTransform` makes of x."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(cholesky(y))


class CorrCholeskyTransform(_Structured):
    """D (D - 1) / 2 numbers as the Cholesky factor of a matrix of correlations.

    Row by row the tanh of the numbers break the squared length of 1, as in `StickBreakingTransform`, and keep
    their signs; the diagonal is what is left.
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        eps = finfo(x.dtype).eps
        r = vec_to_tril_matrix(x.tanh().clamp(-1 + eps, 1 - eps), diag=-1)
        left = (1 - r.square()).sqrt().cumprod(-1)
        r = r + _core.eye(r.shape[-1], dtype=r.dtype)
        return r * pad(left[..., :-1], (1, 0), value=1)

    def _left(self, y: Tensor) -> Tensor:
        """Give the squared length that is left behind each element of a row, summed from its end."""
        squares = y.square()
        return squares.flip(-1).cumsum(-1).flip(-1) - squares

    def _inverse(self, y: Tensor) -> Tensor:
        left = tril_matrix_to_vec(self._left(y), diag=-1)
        return (tril_matrix_to_vec(y, diag=-1) / left.sqrt()).asinh()  # atanh(y / √(y² + left))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give that of the elements below the diagonal."""
        lengths = tril_matrix_to_vec(self._left(y), diag=-2)
        slopes = 2 * (log(2.0) - x - softplus(-2 * x))
        return 0.5 * lengths.log().sum(-1) + slopes.sum(-1)

    def forward_shape(self, shape: Shape) -> Shape:
        """Give the shape (..., D, D)."""
        self._axes(shape, 1)
        n = shape[-1]
        d = (1 + isqrt(1 + 8 * n)) // 2
        if d * (d - 1) // 2 != n:
            raise ShapeError(f"[CorrCholeskyTransform] x is {shape}; its last size must be D (D - 1) / 2")
        return (*shape[:-1], d, d)

    def inverse_shape(self, shape: Shape) -> Shape:
        """Give the shape (..., D (D - 1) / 2)."""
        self._axes(shape, 2)
        if shape[-2] != shape[-1]:
            raise ShapeError(f"[CorrCholeskyTransform] y is {shape}; it must be square")
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)


class CumulativeDistributionTransform(Transform):
    """y = the distribution function of a distribution at x.

    Parameters
    ----------
    distribution : Distribution
        One with `cdf` and `icdf`.
    cache_size : int, default 0

    Examples
    --------
    >>> copula = TransformedDistribution(correlated, [CumulativeDistributionTransform(Normal(0, 1))])
    """

    bijective = True
    codomain = constraints.unit_interval
    sign = 1

    def __init__(self, distribution: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Any:
        """The support of the distribution."""
        return self.distribution.support

    def _call(self, x: Tensor) -> Tensor:
        y: Tensor = self.distribution.cdf(x)
        return y

    def _inverse(self, y: Tensor) -> Tensor:
        x: Tensor = self.distribution.icdf(y)
        return x

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give the logarithm of the density at x."""
        density: Tensor = self.distribution.log_prob(x)
        return density


# ---- Of shapes and parts -----------------------------------------------------------------------------------


class ReshapeTransform(Transform):
    """The same numbers with other last axes.

    Parameters
    ----------
    in_shape, out_shape : sequence of int
        The shapes of one event, which must have as many elements.
    cache_size : int, default 0
    """

    bijective = True

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int], cache_size: int = 0) -> None:
        self.in_shape, self.out_shape = tuple(in_shape), tuple(out_shape)
        if prod(self.in_shape) != prod(self.out_shape):
            raise ShapeError(
                f"[ReshapeTransform] {self.in_shape} and {self.out_shape} have different numbers of elements"
            )
        super().__init__(cache_size)

    @constraints.dependent_property
    def domain(self) -> Any:
        """Give the region of all x."""
        return constraints.independent(constraints.real, len(self.in_shape))

    @constraints.dependent_property
    def codomain(self) -> Any:
        """Give the region of all y."""
        return constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(self.forward_shape(x.shape))

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(self.inverse_shape(y.shape))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give 0."""
        return _core.zeros(x.shape[: x.ndim - len(self.in_shape)], dtype=x.dtype)

    def forward_shape(self, shape: Shape) -> Shape:
        """Give the shape of y for that of x."""
        return self._exchanged(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Shape) -> Shape:
        """Give the shape of x for that of y."""
        return self._exchanged(shape, self.out_shape, self.in_shape)

    def _exchanged(self, shape: Shape, last: Shape, other: Shape) -> Shape:
        cut = len(shape) - len(last)
        if cut < 0 or shape[cut:] != last:
            raise ShapeError(f"[ReshapeTransform] a value is {shape}; its last axes must be {last}")
        return shape[:cut] + other


class _Parts(Transform):
    """Functions of parts along an axis."""

    transforms: list[Transform]
    dim: int

    def __init__(self, tseq: Sequence[Transform], dim: int, cache_size: int) -> None:
        super().__init__(cache_size)
        for part in tseq:
            given: object = part
            if not isinstance(given, Transform):
                raise TypeError(f"[{type(self).__name__}] tseq is of Transforms, not {type(part).__name__}")
        self.transforms = [part.with_cache(cache_size) if cache_size else part for part in tseq]
        self.dim = dim

    @property
    def bijective(self) -> bool:
        """Whether all are."""
        return all(part.bijective for part in self.transforms)

    def with_cache(self, cache_size: int = 1) -> Transform:
        """Give the same functions, each with a cache."""
        made = super().with_cache(cache_size)
        if isinstance(made, _Parts) and made is not self:
            made.transforms = [part.with_cache(cache_size) for part in self.transforms]
        return made

    def _check(self, x: Tensor, count: int) -> None:
        if not -x.ndim <= self.dim < x.ndim or x.shape[self.dim] != count:
            raise ShapeError(
                f"[{type(self).__name__}] a value is {x.shape}; along axis {self.dim} it must have {count} "
                "elements"
            )


class CatTransform(_Parts):
    """Functions of the parts that `bs.cat` would join.

    Parameters
    ----------
    tseq : sequence of Transform
    dim : int, default 0
        The axis.
    lengths : sequence of int, optional
        How many elements each part has, by default 1; there must be one for each part.
    cache_size : int, default 0
    """

    def __init__(
        self,
        tseq: Sequence[Transform],
        dim: int = 0,
        lengths: Sequence[int] | None = None,
        cache_size: int = 0,
    ) -> None:
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise ValueError(
                f"[CatTransform] there are {len(self.transforms)} transforms and {len(self.lengths)} lengths"
            )

    @property
    def event_dim(self) -> int:
        """How many axes one event has: as many as that of any part."""
        return max(part.event_dim for part in self.transforms)

    @property
    def length(self) -> int:
        """How many elements there are along the axis."""
        return sum(self.lengths)

    @constraints.dependent_property
    def domain(self) -> Any:
        """Give the regions of the parts of x."""
        return constraints.cat([part.domain for part in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Any:
        """Give the regions of the parts of y."""
        return constraints.cat([part.codomain for part in self.transforms], self.dim, self.lengths)

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        self._check(x, self.length)
        return x.split(self.lengths, self.dim)

    def _call(self, x: Tensor) -> Tensor:
        made = [part(x) for part, x in zip(self.transforms, self._parts(x), strict=True)]
        return _core.cat(made, self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        made = [part.inv(y) for part, y in zip(self.transforms, self._parts(y), strict=True)]
        return _core.cat(made, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give that of each element along the axis, or, where that is an event's, the sum over the parts."""
        axes = self.event_dim
        changes = [
            sum_last(part.log_abs_det_jacobian(x, y), axes - part.event_dim)
            for part, x, y in zip(self.transforms, self._parts(x), self._parts(y), strict=True)
        ]
        dim = (self.dim - x.ndim if self.dim >= 0 else self.dim) + axes
        return _core.cat(changes, dim) if dim < 0 else _sum(changes)


class StackTransform(_Parts):
    """Functions of the parts that `bs.stack` would put side by side.

    Parameters
    ----------
    tseq : sequence of Transform
    dim : int, default 0
        The axis.
    cache_size : int, default 0
    """

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(tseq, dim, cache_size)

    @constraints.dependent_property
    def domain(self) -> Any:
        """Give the regions of the parts of x."""
        return constraints.stack([part.domain for part in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Any:
        """Give the regions of the parts of y."""
        return constraints.stack([part.codomain for part in self.transforms], self.dim)

    def _each(self, function: Callable[..., Tensor], *values: Tensor) -> Tensor:
        for value in values:
            self._check(value, len(self.transforms))
        parts = zip(self.transforms, *(value.unbind(self.dim) for value in values), strict=True)
        return _core.stack([function(*part) for part in parts], self.dim)

    def _call(self, x: Tensor) -> Tensor:
        return self._each(lambda part, x: part(x), x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self._each(lambda part, y: part.inv(y), y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Give those of the parts side by side."""
        return self._each(lambda part, x, y: part.log_abs_det_jacobian(x, y), x, y)


def _sum(values: Sequence[Tensor]) -> Tensor:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total
