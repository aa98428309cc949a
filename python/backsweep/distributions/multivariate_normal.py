"""The normal distribution of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi
from typing import Any

from backsweep._arguments import floats
from backsweep._core import ShapeError, Tensor
from backsweep._draws import randn
from backsweep._shapes import broadcast_shapes
from backsweep.distributions import constraints
from backsweep.distributions._factored import Factored, factor_of, given_matrix
from backsweep.linalg import solve_triangular

__all__ = ["MultivariateNormal"]


class MultivariateNormal(Factored):
    """The normal distribution of vectors of n numbers with mean μ and covariance Σ = L Lᵀ.

    The density is exp(-|L⁻¹ (x - μ)|² / 2) / ((2 π)^(n/2) |L|).

    Parameters
    ----------
    loc : Tensor, floats (..., n)
        μ.
    covariance_matrix, precision_matrix, scale_tril : Tensor, floats (..., n, n)
        One of Σ, Σ⁻¹ and L, which is lower triangular with a positive diagonal. What is computed is by L.
    validate_args : bool, optional

    Raises
    ------
    ShapeError
        If μ has no axis, or the matrix not two.
    ValueError
        If not exactly one matrix is given, or it is not positive definite.
    """

    arg_constraints = {  # noqa: RUF012
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        loc = floats("MultivariateNormal", "loc", loc)
        if loc.ndim < 1:
            raise ShapeError("[MultivariateNormal] loc is (); it must have an axis")
        name, matrix = given_matrix("MultivariateNormal", covariance_matrix, precision_matrix, scale_tril)
        batch = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        self.loc: Tensor = loc.expand((*batch, loc.shape[-1]))
        vars(self)[name] = matrix.expand((*batch, *matrix.shape[-2:]))
        super().__init__(batch, self.loc.shape[-1:], validate_args)
        self._factor = factor_of(name, matrix)  # before it was expanded

    @property
    def mean(self) -> Tensor:
        """μ."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """μ."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The diagonal of Σ."""
        return self._factor.square().sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw μ + L z, z of independent standard normal numbers."""
        z = randn(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + (self._factor @ z.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Any) -> Tensor:
        """Give -|L⁻¹ (x - μ)|² / 2 - log |L| - n log √(2 π)."""
        distance = squared_distance(self._factor, self._value(value) - self.loc)
        return -0.5 * (self._event_shape[0] * log(2 * pi) + distance) - half_log_det(self._factor)

    def entropy(self) -> Tensor:
        """Give n (1 + log(2 π)) / 2 + log |L|."""
        value = 0.5 * self._event_shape[0] * (1 + log(2 * pi)) + half_log_det(self._factor)
        return value.expand(self._batch_shape)


def squared_distance(factor: Tensor, x: Tensor) -> Tensor:
    """Give |L⁻¹ x|² of vectors x (..., n) for L (..., n, n), whose leading axes broadcast.

    Each L is solved once for all vectors that it meets.
    """
    batch = factor.shape[:-2]
    n = x.shape[-1]
    if factor.ndim - 1 > x.ndim:
        x = x.expand((*batch, n))
    lead = x.ndim - 1 - len(batch)
    inner = broadcast_shapes(x.shape[lead:-1], batch)
    x = x.expand((*x.shape[:lead], *inner, n))
    count = x.shape[:lead]
    columns = x.reshape(-1, *inner, n).movedim(0, -1)  # (*inner, n, number of vectors)
    factor = factor.expand((*inner, n, n))
    return (
        solve_triangular(factor, columns, upper=False)
        .square()
        .sum(-2)
        .movedim(-1, 0)
        .reshape((*count, *inner))
    )


def half_log_det(factor: Tensor) -> Tensor:
    """Give log |L|."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
