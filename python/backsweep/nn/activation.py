"""Smooth elementwise nonlinearities; piecewise.py has those of pieces, softmax.py those along an axis."""

from __future__ import annotations

from typing import Literal

from backsweep import _core
from backsweep._arguments import kept, one_of, whole
from backsweep._core import Tensor
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn.module import Module
from backsweep.nn.piecewise import InPlace

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "LogSigmoid",
    "Mish",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Tanh",
]


@formula(_core.sigmoid)
class Sigmoid(Module):
    """The logistic function."""

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return _core.sigmoid(input)


@formula(F.logsigmoid)
class LogSigmoid(Module):
    """The logarithm of the logistic function: `functional.logsigmoid`."""

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.logsigmoid(input)


@formula(_core.tanh)
class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return _core.tanh(input)


@formula(F.softsign)
class Softsign(Module):
    """Elements brought into (-1, 1): `functional.softsign`."""

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.softsign(input)


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

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        """Give approximate."""
        return f"approximate={self.approximate!r}"


@formula(F.silu)
class SiLU(InPlace):
    """Sigmoid linear units: `functional.silu`.

    Parameters
    ----------
    inplace : bool, default False
        The input becomes the result.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.silu(input, self.inplace)


@formula(F.mish)
class Mish(InPlace):
    """Elements weighed by the tanh of their softplus: `functional.mish`.

    Parameters
    ----------
    inplace : bool, default False
        The input becomes the result.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.mish(input, self.inplace)


class _Exponential(InPlace):
    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = kept(type(self).__name__, "alpha", alpha)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return self._and_in_place(f"alpha={self.alpha}")


@formula(F.elu)
class ELU(_Exponential):
    """Exponential linear units: `functional.elu`.

    Parameters
    ----------
    alpha : float, default 1
    inplace : bool, default False
        The input becomes the result.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.elu(input, self.alpha, self.inplace)


@formula(F.celu)
class CELU(_Exponential):
    """Exponential linear units whose derivative is continuous: `functional.celu`.

    Parameters
    ----------
    alpha : float, default 1
    inplace : bool, default False
        The input becomes the result.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.celu(input, self.alpha, self.inplace)


@formula(F.selu)
class SELU(InPlace):
    """The self-normalising rectifier: `functional.selu`.

    Parameters
    ----------
    inplace : bool, default False
        The input becomes the result.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.selu(input, self.inplace)


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
        self.beta = kept("Softplus", "beta", beta)
        self.threshold = kept("Softplus", "threshold", threshold)

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Give beta and threshold."""
        return f"beta={self.beta}, threshold={self.threshold}"


@formula(F.glu)
class GLU(Module):
    """One half of the input weighed by the logistic function of the other: `functional.glu`.

    Parameters
    ----------
    dim : int, default -1
        The axis that is halved.
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = whole("GLU", "dim", dim, None)

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        """Give the axis."""
        return f"dim={self.dim}"
