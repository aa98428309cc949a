"""A positive definite matrix that is given as itself, as its inverse, or as its Cholesky factor."""

from __future__ import annotations

from typing import Any

from backsweep import _core
from backsweep._arguments import floats
from backsweep._core import ShapeError, Tensor
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import lazy_property
from backsweep.linalg import cholesky, solve_triangular
from backsweep.linalg._solve import cholesky_inverse

__all__ = ["Factored", "factor_of", "given_matrix"]


def given_matrix(
    op: str, covariance_matrix: Any, precision_matrix: Any, scale_tril: Any
) -> tuple[str, Tensor]:
    """Give the name of the one matrix that was given, and the matrix, or raise."""
    matrices = {
        "covariance_matrix": covariance_matrix,
        "precision_matrix": precision_matrix,
        "scale_tril": scale_tril,
    }
    given = [(name, matrix) for name, matrix in matrices.items() if matrix is not None]
    if len(given) != 1:
        raise ValueError(
            f"[{op}] Exactly one of covariance_matrix or precision_matrix or scale_tril may "
            f"be specified, not {len(given)}."
        )
    ((name, matrix),) = given
    matrix = floats(op, name, matrix)
    if matrix.ndim < 2:
        raise ShapeError(f"[{op}] {name} is {matrix.shape}; it must have two axes or more")
    return name, matrix


def factor_of(name: str, matrix: Tensor) -> Tensor:
    """Give the Cholesky factor by what `given_matrix` gave."""
    if name == "covariance_matrix":
        return cholesky(matrix)
    return _inverse_factor(matrix) if name == "precision_matrix" else matrix


class Factored(Distribution):
    """A distribution with a matrix Σ = L Lᵀ. `_factor` is L, before it was expanded to the batch."""

    _factor: Tensor

    @lazy_property
    def scale_tril(self) -> Tensor:
        """L."""
        return self._factor.expand((*self._batch_shape, *self._factor.shape[-2:]))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """Σ = L Lᵀ."""
        matrix = self._factor @ self._factor.mT
        return matrix.expand((*self._batch_shape, *matrix.shape[-2:]))

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """Σ⁻¹."""
        matrix = cholesky_inverse(self._factor)
        return matrix.expand((*self._batch_shape, *matrix.shape[-2:]))


def _inverse_factor(precision: Tensor) -> Tensor:
    """Give L of Σ⁻¹: with J the exchange matrix and J Σ⁻¹ J = K Kᵀ, it is (J K J)⁻ᵀ."""
    upper = cholesky(precision.flip((-2, -1))).flip((-2, -1))  # Σ⁻¹ = U Uᵀ, U upper triangular
    identity = _core.eye(precision.shape[-1], dtype=precision.dtype)
    return solve_triangular(upper.mT, identity.expand(upper.shape), upper=False)
