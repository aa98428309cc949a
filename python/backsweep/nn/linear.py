"""Linear and bilinear maps."""

from __future__ import annotations

from math import sqrt
from typing import Any

from backsweep import _core
from backsweep._arguments import flag, shown, whole
from backsweep._core import DType, Parameter, ShapeError, Tensor
from backsweep._device import DeviceLike
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn import init
from backsweep.nn.lazy import LazyModuleMixin
from backsweep.nn.module import Module
from backsweep.nn.parameter import UninitializedParameter

__all__ = ["Bilinear", "Identity", "LazyLinear", "Linear"]


@formula(_core.linear)
class Linear(Module):
    """An affine map of the last axis.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the last axis before and after.
    bias : bool, default True
        Whether there is a b.
    device : device, optional
        The CPU.
    dtype : DType, optional
        float32 or float64; the default dtype if left out.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features)
    bias : Parameter, shape (out_features,), or None

    Raises
    ------
    ShapeError
        If a size is negative.

    Notes
    -----
    Input (..., in_features), output (..., out_features). Both parameters start from U(-k, k), k = 1 /
    sqrt(in_features), as PyTorch's.
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.in_features = whole("Linear", "in_features", in_features, None)
        self.out_features = whole("Linear", "out_features", out_features, None)
        if in_features < 0 or out_features < 0:
            raise ShapeError(
                f"[Linear] sizes must not be negative: {shown(in_features)}, {shown(out_features)}"
            )
        shape = (self.out_features, self.in_features)
        self.weight = Parameter(_core.zeros(shape, device=device, dtype=dtype))
        has_bias = flag("Linear", "bias", bias)
        self.register_parameter("bias", Parameter(_core.zeros(shape[:1], dtype=dtype)) if has_bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new first values."""
        bound = 1.0 / sqrt(max(self.in_features, 1))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Give the result for the input."""
        return _core.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Give the sizes."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        )


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` whose in_features is the size that its first input has; it is a `Linear` from then on.

    Parameters
    ----------
    out_features : int
    bias : bool, default True
    device : device, optional
        The CPU.
    dtype : DType, optional
        float32 or float64.

    Notes
    -----
    The first call makes the parameters: call the network once, outside of `bs.compile`, before an optimizer
    is made.
    """

    cls_to_become = Linear
    weight: Any
    bias: Any

    def __init__(
        self, out_features: int, bias: bool = True, device: DeviceLike = None, dtype: DType | None = None
    ) -> None:
        super().__init__(0, 0, False, device, dtype)
        self.out_features = whole("LazyLinear", "out_features", out_features, 0)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if flag("LazyLinear", "bias", bias):
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new first values, once there are parameters."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Make the parameters for the size of an input, unless they were loaded."""
        if not self.has_uninitialized_params():
            self.in_features = self.weight.shape[-1]
            return
        self.in_features = input.shape[-1]
        self.materialize("weight", (self.out_features, self.in_features))
        if self.bias is not None:
            self.materialize("bias", (self.out_features,))
        self.reset_parameters()


@formula(F.bilinear)
class Bilinear(Module):
    """A map that is linear in each of two vectors: `functional.bilinear`.

    Parameters
    ----------
    in1_features, in2_features, out_features : int
        Sizes of the last axes.
    bias : bool, default True
        Whether there is a bias.
    device : device, optional
        The CPU.
    dtype : DType, optional
        float32 or float64.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in1_features, in2_features)
    bias : Parameter, shape (out_features,), or None

    Notes
    -----
    Both start from U(-k, k), k = 1 / sqrt(in1_features), as PyTorch's.
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.in1_features = whole("Bilinear", "in1_features", in1_features)
        self.in2_features = whole("Bilinear", "in2_features", in2_features, 0)
        self.out_features = whole("Bilinear", "out_features", out_features, 0)
        shape = (self.out_features, self.in1_features, self.in2_features)
        self.weight = Parameter(_core.zeros(shape, device=device, dtype=dtype))
        has_bias = flag("Bilinear", "bias", bias)
        self.register_parameter("bias", Parameter(_core.zeros(shape[:1], dtype=dtype)) if has_bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new first values."""
        bound = 1.0 / sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Give the result for two inputs."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Give the sizes."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class Identity(Module):
    """Gives its input back; takes and ignores any arguments, to stand in for another layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Give the input."""
        return input
