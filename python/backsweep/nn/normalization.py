"""Normalisation."""

from __future__ import annotations

from collections.abc import Sequence

from backsweep import _core
from backsweep._arguments import number, sizes
from backsweep._core import DType, Parameter, Tensor
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn import init
from backsweep.nn.module import Module

__all__ = ["LayerNorm"]


@formula(F.layer_norm)
class LayerNorm(Module):
    """Normalises the last axes, which count as one.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The last axes.
    eps : float, default 1e-5
    elementwise_affine : bool, default True
        Whether there are weight and bias.
    bias : bool, default True
        Whether there is a bias beside the weight.
    dtype : DType, default float32
        float32 or float64.

    Attributes
    ----------
    weight, bias : Parameter, shape normalized_shape, or None
        They start as 1 and 0.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DType = _core.float32,
    ) -> None:
        super().__init__()
        shape = sizes("LayerNorm", "normalized_shape", normalized_shape)
        self.normalized_shape, self.eps = shape, number("LayerNorm", "eps", eps)
        self.elementwise_affine = elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            self.register_parameter(name, Parameter(_core.zeros(shape, dtype=dtype)) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight to 1 and bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Give x normalised."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
