"""The Wishart distribution."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from math import log, nan
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep._draws import randn
from backsweep._dtypes import finfo
from backsweep._shapes import broadcast_shapes
from backsweep.distributions import constraints
from backsweep.distributions._factored import Factored, factor_of, given_matrix
from backsweep.distributions._gamma import log_standard_gamma
from backsweep.distributions.multivariate_normal import half_log_det
from backsweep.linalg import cholesky, solve_triangular

__all__ = ["Wishart"]


class Wishart(Factored):
    """The distribution of Σ x xᵀ over ν normal vectors x of n numbers with mean 0 and covariance Σ = L Lᵀ.

    The density is |X|^((ν-n-1)/2) exp(-tr(Σ⁻¹ X)/2) / (2^(ν n/2) |Σ|^(ν/2) Γ_n(ν/2)); ν need not be whole.

    Parameters
    ----------
    df : float or Tensor
        ν, above n - 1.
    covariance_matrix, precision_matrix, scale_tril : Tensor, floats (..., n, n)
        One of Σ, Σ⁻¹ and L, as of `MultivariateNormal`.
    validate_args : bool, optional

    Raises
    ------
    ShapeError
        If the matrix has not two axes.
    ValueError
        If not exactly one matrix is given, it is not positive definite, or ν is too small.

    Notes
    -----
    Samples are Bartlett's: of T Tᵀ, T triangular with roots of χ² numbers on its diagonal, whose derivatives
    by ν are those of gamma draws.
    """

    support = constraints.positive_definite
    has_rsample = True

    def __init__(
        self,
        df: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        name, matrix = given_matrix("Wishart", covariance_matrix, precision_matrix, scale_tril)
        self.df = _core.as_tensor(df, dtype=matrix.dtype)
        batch = broadcast_shapes(matrix.shape[:-2], self.df.shape)
        self.df = self.df.expand(batch)
        event = matrix.shape[-2:]
        if not self.df.is_symbolic:
            least = float(self.df.amin()) if self.df.numel() else float(event[0])
            if least <= event[0] - 1:
                raise ValueError(f"[Wishart] df is {df}; it must be above n - 1 = {event[0] - 1}")
            if least < event[0]:
                warnings.warn(
                    f"[Wishart] df below n = {event[0]}: many samples will be singular", stacklevel=2
                )
        vars(self)[name] = matrix.expand((*batch, *event))
        super().__init__(batch, event, validate_args)
        self._factor = factor_of(name, matrix)

    @property
    def arg_constraints(self) -> Mapping[str, Any]:  # type: ignore[override]
        """The region of each parameter."""
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._event_shape[-1] - 1),
        }

    @property
    def mean(self) -> Tensor:
        """ν Σ."""
        return self._df() * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        """(ν - n - 1) Σ where ν > n + 1, else NaN."""
        times = self._df() - self._event_shape[-1] - 1
        return _core.where(times > 0, times, nan) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        """ν (Σ_ij² + Σ_ii Σ_jj), of each element."""
        matrix = self.covariance_matrix
        diagonal = matrix.diagonal(dim1=-2, dim2=-1)
        return self._df() * (matrix.square() + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _df(self) -> Tensor:
        return self.df.reshape((*self.df.shape, 1, 1))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw L T (L T)ᵀ."""
        shape = self._extended_shape(sample_shape)
        places = _core.arange(shape[-1])
        half = 0.5 * (self.df.unsqueeze(-1) - places).expand(shape[:-1]).to(_core.float64)
        roots = (0.5 * (log_standard_gamma(half) + log(2.0))).exp().to(self.df.dtype)
        corner = randn(shape, dtype=self.df.dtype).tril(-1)
        factor = self._factor @ (corner + roots.clamp_min(finfo(roots.dtype).tiny).diag_embed())
        return factor @ factor.mT

    def log_prob(self, value: Any) -> Tensor:
        """Give the logarithm of the density."""
        x = self._value(value)
        n = self._event_shape[-1]
        # tr(Σ⁻¹ X) = |L⁻¹ K|², X = K Kᵀ.
        root = cholesky(x)
        batch = broadcast_shapes(root.shape[:-2], self._factor.shape[:-2])
        factor = self._factor.expand((*batch, n, n))
        trace = solve_triangular(factor, root.expand((*batch, n, n)), upper=False).square().sum((-2, -1))
        return (self.df - n - 1) * half_log_det(root) - 0.5 * trace - self._normaliser()

    def _normaliser(self) -> Tensor:
        """Give log(2^(ν n/2) |Σ|^(ν/2) Γ_n(ν/2))."""
        n, half = self._event_shape[-1], 0.5 * self.df
        return half * n * log(2.0) + self.df * half_log_det(self._factor) + half.mvlgamma(n)

    def entropy(self) -> Tensor:
        """Give the expected value of -log_prob, by the digamma functions of (ν - i)/2."""
        n = self._event_shape[-1]
        logs = (0.5 * (self.df.unsqueeze(-1) - _core.arange(n))).digamma().sum(-1)
        mean_log_det = logs + n * log(2.0) + 2 * half_log_det(self._factor)
        value = self._normaliser() - 0.5 * (self.df - n - 1) * mean_log_det + 0.5 * self.df * n
        return value.expand(self._batch_shape)
