"""The χ² distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep._core import Tensor
from backsweep.distributions import constraints
from backsweep.distributions.gamma import Gamma
from backsweep.distributions.utils import broadcast_all

__all__ = ["Chi2"]


class Chi2(Gamma):
    """The χ² distribution: the sum of n squares of standard normal numbers, Gamma(n / 2, 1 / 2).

    Parameters
    ----------
    df : float or Tensor
        n, which need not be whole.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If n is not positive.
    """

    arg_constraints = {"df": constraints.positive}  # noqa: RUF012

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        (df,) = broadcast_all(df)
        super().__init__(0.5 * df, 0.5, validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Chi2:
        """Give the distribution with another batch_shape."""
        made = self._like(tuple(batch_shape))
        made.concentration, made.rate = (p.expand(batch_shape) for p in (self.concentration, self.rate))
        return made

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2
