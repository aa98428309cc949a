"""Dropout."""

from __future__ import annotations

from backsweep._core import Tensor
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn._dropouts import probability
from backsweep.nn.module import Module

__all__ = ["Dropout"]


@formula(F.dropout)
class Dropout(Module):
    """While training, sets each element to 0 with probability p.

    Parameters
    ----------
    p : float, default 0.5
        The probability, from 0 to 1.
    inplace : bool
        Taken for PyTorch's sake; changes nothing.

    Raises
    ------
    ValueError
        If p is not between 0 and 1.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p = probability("dropout", p)

    def forward(self, x: Tensor) -> Tensor:
        """Give x with elements dropped, or x as it is after `eval`."""
        return F.dropout(x, self.p) if self.training else x

    def extra_repr(self) -> str:
        """Give p."""
        return f"p={self.p}"
