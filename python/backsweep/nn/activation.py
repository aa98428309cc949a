"""Elementwise nonlinearities."""

from __future__ import annotations

from typing import Literal

from backsweep import _core
from backsweep._arguments import number, one_of, whole
from backsweep._core import Tensor
from backsweep.nn import functional as F
from backsweep.nn.module import Module

__all__ = [
    "ELU",
    "GELU",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


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


class Tanh(Module):
    """tanh(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x))."""

    def forward(self, x: Tensor) -> Tensor:
        """Give tanh(x)."""
        return _core.tanh(x)


class GELU(Module):
    """x Phi(x), Phi the distribution function of the standard normal distribution.

    Parameters
    ----------
    approximate : {"none", "tanh"}, default "none"
        See `functional.gelu`.
    """

    __constants__ = ("approximate",)

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        super().__init__()
        self.approximate = one_of("GELU", "approximate", approximate, ("none", "tanh"))

    def forward(self, x: Tensor) -> Tensor:
        """Give x Phi(x)."""
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """Give approximate."""
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x sigmoid(x).

    Parameters
    ----------
    inplace : bool
        Taken for PyTorch's sake; changes nothing.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Give x sigmoid(x)."""
        return F.silu(x)


class LeakyReLU(Module):
    """x for x > 0, else negative_slope x.

    Parameters
    ----------
    negative_slope : float, default 0.01
    inplace : bool
        Taken for PyTorch's sake; changes nothing.
    """

    __constants__ = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = number("LeakyReLU", "negative_slope", negative_slope)

    def forward(self, x: Tensor) -> Tensor:
        """Give x for x > 0, else negative_slope x."""
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """Give negative_slope."""
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """x for x > 0, else alpha (exp(x) - 1).

    Parameters
    ----------
    alpha : float, default 1
    inplace : bool
        Taken for PyTorch's sake; changes nothing.
    """

    __constants__ = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = number("ELU", "alpha", alpha)

    def forward(self, x: Tensor) -> Tensor:
        """Give x for x > 0, else alpha (exp(x) - 1)."""
        return F.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """Give alpha."""
        return f"alpha={self.alpha}"


class Softplus(Module):
    """log(1 + exp(beta x)) / beta, and x where beta x is above the threshold.

    Parameters
    ----------
    beta : float, default 1
    threshold : float, default 20
    """

    __constants__ = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = number("Softplus", "beta", beta)
        self.threshold = number("Softplus", "threshold", threshold)

    def forward(self, x: Tensor) -> Tensor:
        """Give log(1 + exp(beta x)) / beta."""
        return F.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Give beta and threshold."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    """exp(x) / sum(exp(x)) along an axis.

    Parameters
    ----------
    dim : int
        The axis; -1 is the last.
    """

    __constants__ = ("dim",)

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = whole("Softmax", "dim", dim, None)

    def forward(self, x: Tensor) -> Tensor:
        """Give exp(x) / sum(exp(x))."""
        return F.softmax(x, self.dim)

    def extra_repr(self) -> str:
        """Give the axis."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """x - log(sum(exp(x))) along an axis.

    Parameters
    ----------
    dim : int
        The axis; -1 is the last.
    """

    __constants__ = ("dim",)

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = whole("LogSoftmax", "dim", dim, None)

    def forward(self, x: Tensor) -> Tensor:
        """Give x - log(sum(exp(x)))."""
        return F.log_softmax(x, self.dim)

    def extra_repr(self) -> str:
        """Give the axis."""
        return f"dim={self.dim}"
