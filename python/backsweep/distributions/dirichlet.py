"""The Dirichlet distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._arguments import floats
from backsweep._core import ShapeError, Tensor
from backsweep._dtypes import finfo
from backsweep.distributions import constraints
from backsweep.distributions._gamma import log_standard_gamma
from backsweep.distributions.distribution import Distribution

__all__ = ["Dirichlet"]


class Dirichlet(Distribution):
    """The Dirichlet distribution of K probabilities: density Π x_k^(α_k - 1) Γ(Σ α) / Π Γ(α_k).

    Parameters
    ----------
    concentration : Tensor, floats (..., K)
        α.
    validate_args : bool, optional

    Raises
    ------
    ShapeError
        If α has no axis.
    ValueError
        If an α is not positive.

    Notes
    -----
    Samples are gamma draws over their sum, and derivatives go through these draws. For one sample they differ
    from PyTorch's, which come from the distribution of each x_k; their expected values are the same.
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}  # noqa: RUF012
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        self.concentration = floats("Dirichlet", "concentration", concentration)
        shape = self.concentration.shape
        if not shape:
            raise ShapeError("[Dirichlet] concentration is (); it must have an axis")
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        """α / Σ α."""
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        """(α - 1) / Σ (α - 1), each kept above 0; where no α is above 1, the corner of the largest."""
        above = (self.concentration - 1).clamp_min(0)
        total = above.sum(-1, keepdim=True)
        places = _core.arange(above.shape[-1])
        corner = (places == self.concentration.argmax(-1, keepdim=True)).to(above.dtype)
        corners = (total == 0) & (self.concentration < 1).any(-1, keepdim=True)
        return _core.where(corners, corner, above / total)

    @property
    def variance(self) -> Tensor:
        """α (A - α) / (A² (A + 1)), A = Σ α."""
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total.square() * (total + 1))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw gamma numbers of each α over their sum."""
        alpha = self.concentration.expand(self._extended_shape(sample_shape))
        made = log_standard_gamma(alpha.to(_core.float64)).softmax(-1).to(alpha.dtype)
        return made.clamp_min(finfo(made.dtype).tiny)

    def log_prob(self, value: Any) -> Tensor:
        """Give Σ (α - 1) log x + log Γ(Σ α) - Σ log Γ(α)."""
        alpha = self.concentration
        powers = (alpha - 1).xlogy(self._value(value)).sum(-1)
        return powers + alpha.sum(-1).lgamma() - alpha.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        """Give Σ log Γ(α) - log Γ(A) - (K - A) ψ(A) - Σ (α - 1) ψ(α), A = Σ α."""
        alpha = self.concentration
        total = alpha.sum(-1)
        normaliser = alpha.lgamma().sum(-1) - total.lgamma()
        slopes = ((alpha - 1) * alpha.digamma()).sum(-1)
        return normaliser - (alpha.shape[-1] - total) * total.digamma() - slopes
