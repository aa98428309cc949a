"""Normalisation of the last axes, of groups of channels, and by neighbouring channels."""

from __future__ import annotations

from collections.abc import Sequence

from backsweep import _core
from backsweep._arguments import flag, kept, sizes, whole
from backsweep._core import DType, Parameter, ShapeError, Tensor
from backsweep._device import DeviceLike
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn import init
from backsweep.nn.module import Module

__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


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
    device : device, optional
        The CPU.
    dtype : DType, optional
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
        device: DeviceLike = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        shape = sizes("LayerNorm", "normalized_shape", normalized_shape)
        self.normalized_shape, self.eps = shape, kept("LayerNorm", "eps", eps)
        self.elementwise_affine = flag("LayerNorm", "elementwise_affine", elementwise_affine)
        has_bias = flag("LayerNorm", "bias", bias) and self.elementwise_affine
        for name, wanted in (("weight", self.elementwise_affine), ("bias", has_bias)):
            made = Parameter(_core.zeros(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight to 1 and bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Give the input normalised."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


@formula(F.rms_norm)
class RMSNorm(Module):
    """Divides the last axes, which count as one, by the root of their mean square.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The last axes.
    eps : float, optional
        If left out, what separates 1 from the next number of the input's dtype.
    elementwise_affine : bool, default True
        Whether there is a weight.
    device : device, optional
        The CPU.
    dtype : DType, optional
        float32 or float64.

    Attributes
    ----------
    weight : Parameter, shape normalized_shape, or None
        It starts as 1.
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: DeviceLike = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = sizes("RMSNorm", "normalized_shape", normalized_shape)
        self.eps = None if eps is None else kept("RMSNorm", "eps", eps)
        self.elementwise_affine = flag("RMSNorm", "elementwise_affine", elementwise_affine)
        made = None
        if self.elementwise_affine:
            made = Parameter(_core.zeros(self.normalized_shape, device=device, dtype=dtype))
        self.register_parameter("weight", made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Give x normalised."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


@formula(F.group_norm)
class GroupNorm(Module):
    """Normalises groups of channels (axis 1) of each sample: `functional.group_norm`.

    Parameters
    ----------
    num_groups : int
    num_channels : int
        A multiple of the number of groups.
    eps : float, default 1e-5
    affine : bool, default True
        Whether there are weight and bias.
    device : device, optional
        The CPU.
    dtype : DType, optional
        float32 or float64.
    bias : bool, default True
        Whether there is a bias beside the weight.

    Attributes
    ----------
    weight, bias : Parameter, shape (num_channels,), or None
        They start as 1 and 0.

    Raises
    ------
    ValueError
        If the channels are not divisible by the groups.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: DeviceLike = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        name = "GroupNorm"
        self.num_groups = whole(name, "num_groups", num_groups)
        self.num_channels = whole(name, "num_channels", num_channels)
        if self.num_channels % self.num_groups:
            raise ValueError(f"[{name}] {num_channels} channels are not divisible by {num_groups} groups")
        self.eps, self.affine = kept(name, "eps", eps), flag(name, "affine", affine)
        has_bias = flag(name, "bias", bias) and self.affine
        for which, wanted in (("weight", self.affine), ("bias", has_bias)):
            made = Parameter(_core.zeros((num_channels,), device=device, dtype=dtype)) if wanted else None
            self.register_parameter(which, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set weight to 1 and bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Give the input normalised."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


@formula(F.local_response_norm)
class LocalResponseNorm(Module):
    """Divides each channel (axis 1) by what its neighbours have: `functional.local_response_norm`.

    Parameters
    ----------
    size : int
        How many neighbouring channels count.
    alpha : float, default 1e-4
    beta : float, default 0.75
    k : float, default 1

    Raises
    ------
    ShapeError
        If an input has less than three axes.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        name = type(self).__name__
        self.size, self.alpha = whole(name, "size", size), kept(name, "alpha", alpha)
        self.beta, self.k = kept(name, "beta", beta), kept(name, "k", k)

    def forward(self, input: Tensor) -> Tensor:
        """Give the input normalised."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


@formula(F.local_response_norm)
class CrossMapLRN2d(LocalResponseNorm):
    """Divides each channel of images (N, C, H, W) by what (size - 1) // 2 neighbours on either side have.

    Its parameters are those of `LocalResponseNorm`; where size is odd, so is what it gives.

    Raises
    ------
    ShapeError
        If an input has another number of axes.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Tensor) -> Tensor:
        """Give the input normalised."""
        if input.ndim != 4:
            raise ShapeError(f"[CrossMapLRN2d] input is {input.shape}; it must be (N, C, H, W)")
        count = (self.size - 1) // 2 * 2 + 1
        return F.local_response_norm(input, count, self.alpha * count / self.size, self.beta, self.k)
