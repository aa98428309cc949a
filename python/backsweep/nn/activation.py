"""Elementwise nonlinearities."""

from __future__ import annotations

from backsweep import _core
from backsweep._core import Tensor
from backsweep.nn import functional as F
from backsweep.nn.module import Module

__all__ = ["ReLU", "Sigmoid", "Softplus"]


class ReLU(Module):
    """max(x, 0); the derivative is 1 for x > 0, else 0.

    Parameters
    ----------
    inplace : bool
        Taken for PyTorch's sake; changes nothing, as values never change once computed.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Give max(x, 0)."""
        return _core.relu(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, x: Tensor) -> Tensor:
        """Give 1 / (1 + exp(-x))."""
        return _core.sigmoid(x)


class Softplus(Module):
    """log(1 + exp(beta x)) / beta.

    Parameters
    ----------
    beta : float, default 1
    """

    __constants__ = ("beta",)

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, x: Tensor) -> Tensor:
        """Give log(1 + exp(beta x)) / beta."""
        return F.softplus(x, self.beta)

    def extra_repr(self) -> str:
        """Give beta."""
        return f"beta={self.beta}"
