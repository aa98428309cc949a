"""Matrices of correlations, as Cholesky factors."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi
from typing import Any

from backsweep import _core
from backsweep._arguments import whole
from backsweep._core import Tensor
from backsweep._draws import randn
from backsweep._dtypes import finfo
from backsweep.distributions import constraints
from backsweep.distributions.beta import Beta
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """The Cholesky factor L of a matrix of correlations L Lᵀ whose density is proportional to |L Lᵀ|^(η - 1).

    With η = 1 all matrices of correlations are equally likely.

    Source: Lewandowski, Kurowicka and Joe (2009), Generating random correlation matrices based on vines and
    extended onion method, Journal of Multivariate Analysis 100.

    Parameters
    ----------
    dim : int
        How many rows n the matrices have.
    concentration : float or Tensor, default 1.0
        η.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If n is below 2, or η not positive.
    """

    arg_constraints = {"concentration": constraints.positive}  # noqa: RUF012
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        self.dim = whole("LKJCholesky", "dim", dim, 2)
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.shape, (self.dim, self.dim), validate_args)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw factors, row by row: the squared length below the diagonal is a beta number."""
        shape = self._extended_shape(sample_shape)
        eta = self.concentration.unsqueeze(-1)
        with _core.no_grad():
            places = _core.arange(1, self.dim).to(eta.dtype)
            below = Beta(0.5 * places, eta + 0.5 * (self.dim - 1 - places), validate_args=False)
            squared = below.sample(sample_shape).unsqueeze(-1)
            directions = randn(shape, dtype=eta.dtype).tril(-1)[..., 1:, :]
            rows = squared.sqrt() * directions / directions.square().sum(-1, keepdim=True).sqrt()
            factor = _core.ops.pad(rows, (0, 0, 1, 0))
            left = 1 - factor.square().sum(-1)
            return factor + left.clamp_min(finfo(eta.dtype).tiny).sqrt().diag_embed()

    def log_prob(self, value: Any) -> Tensor:
        """Give Σ (2 η - 2 + n - i) log L_ii, i from 2 to n, without the logarithm of the integral."""
        diagonal = self._value(value).diagonal(dim1=-2, dim2=-1)[..., 1:]
        n, eta = self.dim, self.concentration
        orders = 2 * (eta - 1).unsqueeze(-1) + n - _core.arange(2, n + 1).to(eta.dtype)
        alpha = eta + 0.5 * (n - 1)
        integral = 0.5 * (n - 1) * log(pi) + (alpha - 0.5).mvlgamma(n - 1) - (n - 1) * alpha.lgamma()
        return (orders * diagonal.log()).sum(-1) - integral
