"""Nonlinearities made of pieces: rectifiers, thresholds, shrinkage."""

from __future__ import annotations

import warnings

from backsweep import _core
from backsweep._arguments import flag, kept, number, whole
from backsweep._core import DType, Parameter, Tensor
from backsweep._device import DeviceLike
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn.module import Module

__all__ = [
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Softshrink",
    "Tanhshrink",
    "Threshold",
]


class InPlace(Module):
    """What may write its result into its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = flag(type(self).__name__, "inplace", inplace)

    def extra_repr(self) -> str:
        """Give inplace, if it is True."""
        return "inplace=True" if self.inplace else ""

    def _and_in_place(self, text: str) -> str:
        return f"{text}, inplace=True" if self.inplace else text


@formula(_core.relu)
class ReLU(InPlace):
    """The rectifier.

    Parameters
    ----------
    inplace : bool, default False
        The input becomes the result.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.relu(input, True) if self.inplace else _core.relu(input)


@formula(F.hardtanh)
class Hardtanh(InPlace):
    """Keeps each element in an interval: `functional.hardtanh`.

    Parameters
    ----------
    min_val : float, default -1
    max_val : float, default 1
    inplace : bool, default False
        The input becomes the result.
    min_value, max_value : float, optional
        PyTorch's abandoned words for `min_val` and `max_val`.

    Raises
    ------
    ValueError
        If the interval is empty.
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__(inplace)
        for name, new, given in (
            ("min_value", "min_val", min_value),
            ("max_value", "max_val", max_value),
        ):
            if given is not None:
                text = f"[Hardtanh] {name} is deprecated: say {new}"
                warnings.warn(text, FutureWarning, stacklevel=2)
        name = type(self).__name__
        self.min_val = kept(name, "min_val", min_val if min_value is None else min_value)
        self.max_val = kept(name, "max_val", max_val if max_value is None else max_value)
        if not self.max_val > self.min_val:
            raise ValueError(f"[{name}] max_val is {self.max_val}; it must be above {self.min_val}")

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return self._and_in_place(f"min_val={self.min_val}, max_val={self.max_val}")


class ReLU6(Hardtanh):
    """Keeps each element x in [0, 6]: min(max(x, 0), 6).

    Parameters
    ----------
    inplace : bool, default False
        The input becomes the result.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        """Give inplace, if it is True."""
        return InPlace.extra_repr(self)


@formula(F.leaky_relu)
class LeakyReLU(InPlace):
    """The rectifier with a slope for negative numbers: `functional.leaky_relu`.

    Parameters
    ----------
    negative_slope : float, default 0.01
    inplace : bool, default False
        The input becomes the result.
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = kept("LeakyReLU", "negative_slope", negative_slope)

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return self._and_in_place(f"negative_slope={self.negative_slope}")


@formula(F.prelu)
class PReLU(Module):
    """The rectifier whose leak is learned: `functional.prelu`.

    Parameters
    ----------
    num_parameters : int, default 1
        One leak for all channels, or one for each; channels lie on axis 1.
    init : float, default 0.25
        What the leaks start from.
    device : device, optional
        The CPU.
    dtype : DType, optional
        float32 or float64.

    Attributes
    ----------
    weight : Parameter, shape (num_parameters,)
    """

    weight: Parameter

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: DeviceLike = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.num_parameters = whole("PReLU", "num_parameters", num_parameters)
        self.init = number("PReLU", "init", init)
        self.weight = Parameter(_core.zeros((self.num_parameters,), device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the leaks to `init`."""
        self.weight.fill_(self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Give the number of leaks."""
        return f"num_parameters={self.num_parameters}"


@formula(F.rrelu)
class RReLU(InPlace):
    """The rectifier whose leak is drawn while training: `functional.rrelu`.

    Parameters
    ----------
    lower : float, default 1/8
    upper : float, default 1/3
    inplace : bool, default False
        The input becomes the result.
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.lower = kept("RReLU", "lower", lower)
        self.upper = kept("RReLU", "upper", upper)

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return self._and_in_place(f"lower={self.lower}, upper={self.upper}")


@formula(F.threshold)
class Threshold(InPlace):
    """Replaces what is not above a threshold: `functional.threshold`.

    Parameters
    ----------
    threshold : float
    value : float
        What it is replaced by.
    inplace : bool, default False
        The input becomes the result.
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold = kept("Threshold", "threshold", threshold)
        self.value = kept("Threshold", "value", value)

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return self._and_in_place(f"threshold={self.threshold}, value={self.value}")


@formula(F.hardsigmoid)
class Hardsigmoid(InPlace):
    """Three lines that resemble the logistic function: `functional.hardsigmoid`.

    Parameters
    ----------
    inplace : bool, default False
        The input becomes the result.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        """Give nothing, as PyTorch does."""
        return ""


@formula(F.hardswish)
class Hardswish(InPlace):
    """Elements weighed by `Hardsigmoid`: `functional.hardswish`.

    Parameters
    ----------
    inplace : bool, default False
        The input becomes the result.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        """Give nothing, as PyTorch does."""
        return ""


class _Shrink(Module):
    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = kept(type(self).__name__, "lambd", lambd)

    def extra_repr(self) -> str:
        """Give lambd."""
        return str(self.lambd)


@formula(F.hardshrink)
class Hardshrink(_Shrink):
    """Small elements become 0: `functional.hardshrink`.

    Parameters
    ----------
    lambd : float, default 0.5
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.hardshrink(input, self.lambd)


@formula(F.softshrink)
class Softshrink(_Shrink):
    """Elements come nearer to 0 by `lambd`, small ones become 0: `functional.softshrink`.

    Parameters
    ----------
    lambd : float, default 0.5
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.softshrink(input, self.lambd)


@formula(F.tanhshrink)
class Tanhshrink(Module):
    """Elements less their hyperbolic tangent: `functional.tanhshrink`."""

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return F.tanhshrink(input)
