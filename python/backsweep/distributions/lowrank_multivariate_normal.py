"""The normal distribution of vectors whose covariance has few factors."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi
from typing import Any

from backsweep import _core
from backsweep._arguments import floats
from backsweep._core import ShapeError, Tensor
from backsweep._draws import randn
from backsweep._shapes import broadcast_shapes
from backsweep.distributions import constraints
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.multivariate_normal import half_log_det, squared_distance
from backsweep.distributions.utils import lazy_property
from backsweep.linalg import cholesky, solve_triangular

__all__ = ["LowRankMultivariateNormal"]


class LowRankMultivariateNormal(Distribution):
    """The normal distribution of vectors of n numbers with mean μ and covariance W Wᵀ + diag(d).

    Only matrices of m columns are factored: C = 1 + Wᵀ diag(1/d) W of m rows, by the identities of Woodbury
    and of determinants.

    Parameters
    ----------
    loc : Tensor, floats (..., n)
        μ.
    cov_factor : Tensor, floats (..., n, m)
        W.
    cov_diag : Tensor, floats (..., n)
        d, positive.
    validate_args : bool, optional

    Raises
    ------
    ShapeError
        If the shapes do not fit each other.
    ValueError
        If a d is not positive.
    """

    arg_constraints = {  # noqa: RUF012
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Any, cov_factor: Any, cov_diag: Any, validate_args: bool | None = None) -> None:
        loc, factor, diag = (
            floats("LowRankMultivariateNormal", name, value)
            for name, value in (("loc", loc), ("cov_factor", cov_factor), ("cov_diag", cov_diag))
        )
        n = loc.shape[-1:]
        if not n or factor.ndim < 2 or factor.shape[-2:-1] != n or diag.shape[-1:] != n:
            raise ShapeError(
                f"[LowRankMultivariateNormal] loc is {loc.shape}, cov_factor {factor.shape}, cov_diag "
                f"{diag.shape}; they must be (..., n), (..., n, m), (..., n)"
            )
        batch = broadcast_shapes(loc.shape[:-1], factor.shape[:-2], diag.shape[:-1])
        self.loc: Tensor = loc.expand((*batch, *n))
        self.cov_factor: Tensor = factor.expand((*batch, *factor.shape[-2:]))
        self.cov_diag: Tensor = diag.expand((*batch, *n))
        super().__init__(batch, n, validate_args)
        # Of what was given before it was expanded.
        self._root: Tensor = diag.sqrt()  # √d
        self._scaled: Tensor = factor / self._root.unsqueeze(-1)  # diag(1/√d) W
        inner = self._scaled.mT @ self._scaled
        self._capacitance = cholesky(inner + _core.eye(inner.shape[-1], dtype=inner.dtype))  # of C

    @property
    def mean(self) -> Tensor:
        """μ."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """μ."""
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:
        """Give the diagonal of the covariance."""
        return self.cov_factor.square().sum(-1) + self.cov_diag

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """Give W Wᵀ + diag(d)."""
        return self.cov_factor @ self.cov_factor.mT + self.cov_diag.diag_embed()

    @lazy_property
    def scale_tril(self) -> Tensor:
        """Give the Cholesky factor of the covariance."""
        return cholesky(self.covariance_matrix)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """Give the inverse of the covariance: diag(1/√d) (1 - A Aᵀ) diag(1/√d), A = diag(1/√d) W C^(-1/2)."""
        rows = solve_triangular(self._capacitance, self._scaled.mT, upper=False)
        middle = _core.eye(rows.shape[-1], dtype=rows.dtype) - rows.mT @ rows
        matrix = middle / (self._root.unsqueeze(-1) * self._root.unsqueeze(-2))
        return matrix.expand((*self._batch_shape, *matrix.shape[-2:]))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw μ + W z + √d e, z and e of independent standard normal numbers."""
        shape = self._extended_shape(sample_shape)
        z = randn((*shape[:-1], self.cov_factor.shape[-1]), dtype=self.loc.dtype)
        e = randn(shape, dtype=self.loc.dtype)
        return self.loc + (self.cov_factor @ z.unsqueeze(-1)).squeeze(-1) + self._root * e

    def log_prob(self, value: Any) -> Tensor:
        """Give the logarithm of the density."""
        return -0.5 * (self._event_shape[0] * log(2 * pi) + self._distance(self._value(value))) - self._half()

    def _distance(self, value: Tensor) -> Tensor:
        """Give the squared distance from μ by the inverse of the covariance."""
        x = (value - self.loc) / self._root
        along = (self._scaled.mT @ x.unsqueeze(-1)).squeeze(-1)
        return x.square().sum(-1) - squared_distance(self._capacitance, along)

    def _half(self) -> Tensor:
        """Give half the logarithm of the determinant of the covariance."""
        return self._root.log().sum(-1) + half_log_det(self._capacitance)

    def entropy(self) -> Tensor:
        """Give n (1 + log(2 π)) / 2 + half the logarithm of the determinant."""
        return (0.5 * self._event_shape[0] * (1 + log(2 * pi)) + self._half()).expand(self._batch_shape)

    def _divergence_from(
        self, loc: Tensor, columns: Tensor, half: Tensor, diag: Tensor | None = None
    ) -> Tensor:
        """Give the divergence of normal vectors with covariance R Rᵀ + diag(d') from these.

        `half` is half the logarithm of that covariance's determinant.
        """
        batch = (loc + self.loc).shape[:-1]
        capacitance = self._capacitance.expand((*batch, *self._capacitance.shape[-2:]))

        def inside(rows: Tensor) -> Tensor:
            rows = rows.expand((*batch, *rows.shape[-2:]))
            return solve_triangular(capacitance, rows, upper=False).square().sum((-2, -1))

        scaled = columns / self._root.unsqueeze(-1)
        spread = scaled.square().sum((-2, -1)) - inside(self._scaled.mT @ scaled)
        if diag is not None:
            ratio = diag.sqrt() / self._root
            spread = spread + ratio.square().sum(-1) - inside(self._scaled.mT * ratio.unsqueeze(-2))
        return self._half() - half + 0.5 * (spread + self._distance(loc) - self._event_shape[0])
