"""Elementwise nonlinearities."""

from __future__ import annotations

from typing import Literal

from backsweep import _core
from backsweep._arguments import number, one_of, whole
from backsweep._core import Tensor
from backsweep._formula import formula
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


@formula(_core.relu)
class ReLU(Module):
    """The rectifier.

    Parameters
    ----------
    inplace : bool
        Taken for PyTorch's sake; changes nothing, as values never change once computed.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Give the result for x."""
        return _core.relu(x)


@formula(_core.sigmoid)
class Sigmoid(Module):
    """The logistic function."""

    def forward(self, x: Tensor) -> Tensor:
        """Give the result for x."""
        return _core.sigmoid(x)


@formula(_core.tanh)
class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Tensor) -> Tensor:
        """Give the result for x."""
        return _core.tanh(x)


@formula(_core.gelu)
class GELU(Module):
    """Gaussian error linear units: `functional.gelu`.

    Parameters
    ----------
    approximate : {"none", "tanh"}, default "none"
        See `functional.gelu`.
    """

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        super().__init__()
        self.approximate = one_of("GELU", "approximate", approximate, ("none", "tanh"))

    def forward(self, x: Tensor) -> Tensor:
        """Give the result for x."""
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """Give approximate."""
        return f"approximate={self.approximate!r}"


@formula(F.silu)
class SiLU(Module):
    """Sigmoid linear units: `functional.silu`.

    Parameters
    ----------
    inplace : bool
        Taken for PyTorch's sake; changes nothing.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Give the result for x."""
        return F.silu(x)


@formula(F.leaky_relu)
class LeakyReLU(Module):
    """The rectifier with a slope for negative numbers: `functional.leaky_relu`.

    Parameters
    ----------
    negative_slope : float, default 0.01
    inplace : bool
        Taken for PyTorch's sake; changes nothing.
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = number("LeakyReLU", "negative_slope", negative_slope)

    def forward(self, x: Tensor) -> Tensor:
        """Give the result for x."""
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """Give negative_slope."""
        return f"negative_slope={self.negative_slope}"


@formula(F.elu)
class ELU(Module):
    """Exponential linear units: `functional.elu`.

    Parameters
    ----------
    alpha : float, default 1
    inplace : bool
        Taken for PyTorch's sake; changes nothing.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = number("ELU", "alpha", alpha)

    def forward(self, x: Tensor) -> Tensor:
        """Give the result for x."""
        return F.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """Give alpha."""
        return f"alpha={self.alpha}"


@formula(F.softplus)
class Softplus(Module):
    """The smooth rectifier: `functional.softplus`.

    Parameters
    ----------
    beta : float, default 1
    threshold : float, default 20
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = number("Softplus", "beta", beta)
        self.threshold = number("Softplus", "threshold", threshold)

    def forward(self, x: Tensor) -> Tensor:
        """Give the result for x."""
        return F.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Give beta and threshold."""
        return f"beta={self.beta}, threshold={self.threshold}"


@formula(_core.softmax)
class Softmax(Module):
    """Scores along an axis as positive numbers whose sum is 1: `functional.softmax`.

    Parameters
    ----------
    dim : int
        The axis; -1 is the last.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = whole("Softmax", "dim", dim, None)

    def forward(self, x: Tensor) -> Tensor:
        """Give the result for x."""
        return F.softmax(x, self.dim)

    def extra_repr(self) -> str:
        """Give the axis."""
        return f"dim={self.dim}"


@formula(_core.log_softmax)
class LogSoftmax(Module):
    """The logarithm of softmax along an axis: `functional.log_softmax`.

    Parameters
    ----------
    dim : int
        The axis; -1 is the last.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = whole("LogSoftmax", "dim", dim, None)

    def forward(self, x: Tensor) -> Tensor:
        """Give the result for x."""
        return F.log_softmax(x, self.dim)

    def extra_repr(self) -> str:
        """Give the axis."""
        return f"dim={self.dim}"
