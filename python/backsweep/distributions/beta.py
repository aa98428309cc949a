"""The beta distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions.dirichlet import Dirichlet
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import broadcast_all

__all__ = ["Beta"]


class Beta(Distribution):
    """The beta distribution: density x^(α-1) (1 - x)^(β-1) Γ(α + β) / (Γ(α) Γ(β)), 0 < x < 1.

    Parameters
    ----------
    concentration1, concentration0 : float or Tensor
        α and β.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If one of them is not positive.

    Notes
    -----
    The derivatives of samples are those of `Dirichlet`.
    """

    arg_constraints = {  # noqa: RUF012
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        pair = broadcast_all(concentration1, concentration0)
        self._dirichlet = Dirichlet(_core.stack(pair, -1), validate_args=False)
        super().__init__(pair[0].shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Beta:
        """Give the distribution with another batch_shape."""
        made = self._like(tuple(batch_shape))
        made._dirichlet = self._dirichlet.expand(batch_shape)
        return made

    @property
    def concentration1(self) -> Tensor:
        """α."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Tensor:
        """β."""
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self) -> Tensor:
        """α / (α + β)."""
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        """(α - 1) / (α + β - 2), or the likelier end."""
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        """α β / ((α + β)² (α + β + 1))."""
        return self._dirichlet.variance[..., 0]

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw g / (g + h), gamma numbers of α and of β."""
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Any) -> Tensor:
        """Give (α - 1) log x + (β - 1) log(1 - x) + log Γ(α + β) - log Γ(α) - log Γ(β)."""
        x = self._value(value)
        a, b = self.concentration1, self.concentration0
        powers = (a - 1).xlogy(x) + _core.ops.special_xlog1py(b - 1, -x)
        return powers + (a + b).lgamma() - a.lgamma() - b.lgamma()

    def entropy(self) -> Tensor:
        """Give log B(α, β) - (α - 1) ψ(α) - (β - 1) ψ(β) + (α + β - 2) ψ(α + β)."""
        return self._dirichlet.entropy()
