"""Linear maps and what only changes shapes."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

from backsweep import _core
from backsweep._arguments import flag, shown, whole
from backsweep._core import DType, Parameter, ShapeError, Tensor
from backsweep._formula import formula
from backsweep.nn import init
from backsweep.nn.module import Module

__all__ = ["Flatten", "Identity", "Linear"]


@formula(_core.linear)
class Linear(Module):
    """An affine map of the last axis.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the last axis before and after.
    bias : bool, default True
        Whether there is a b.
    dtype : DType, default float32
        float32 or float64.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features)
    bias : Parameter, shape (out_features,), or None

    Notes
    -----
    Input (..., in_features), output (..., out_features). Both parameters start from U(-k, k), k = 1 /
    sqrt(in_features), as PyTorch's.
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, dtype: DType = _core.float32
    ) -> None:
        super().__init__()
        self.in_features = whole("Linear", "in_features", in_features, None)
        self.out_features = whole("Linear", "out_features", out_features, None)
        if in_features < 0 or out_features < 0:
            raise ShapeError(
                f"[Linear] sizes must not be negative: {shown(in_features)}, {shown(out_features)}"
            )
        self.weight = Parameter(_core.zeros((self.out_features, self.in_features), dtype=dtype))
        has_bias = flag("Linear", "bias", bias)
        self.register_parameter(
            "bias", Parameter(_core.zeros((self.out_features,), dtype=dtype)) if has_bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new first values."""
        bound = 1.0 / sqrt(max(self.in_features, 1))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Give the result for x."""
        return _core.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Give the sizes."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        )


class Identity(Module):
    """Gives its input back; takes and ignores any arguments, to stand in for another layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Give x."""
        return x


class Flatten(Module):
    """Joins the axes from start_dim to end_dim (both included) into one.

    Parameters
    ----------
    start_dim : int, default 1
    end_dim : int, default -1
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = whole("Flatten", "start_dim", start_dim, None)
        self.end_dim = whole("Flatten", "end_dim", end_dim, None)

    def forward(self, x: Tensor) -> Tensor:
        """Give x in its new shape."""
        shape = x.shape
        n = len(shape)
        first, last = (d + n if d < 0 else d for d in (self.start_dim, self.end_dim))
        if not 0 <= first <= last < n:
            raise ShapeError(f"[flatten] x is {shape}: it has no axes {self.start_dim} to {self.end_dim}")
        return _core.reshape(x, (*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :]))

    def extra_repr(self) -> str:
        """Give the axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
