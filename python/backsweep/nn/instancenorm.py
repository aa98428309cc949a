"""Instance norm: each channel of each sample by itself."""

from __future__ import annotations

import warnings
from typing import ClassVar

from backsweep import _core
from backsweep._core import DType, ShapeError, Tensor
from backsweep._device import DeviceLike
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn.batchnorm import _SHAPES, _LazyNormBase, _NormBase

__all__ = [
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]


class _InstanceNorm(_NormBase):
    _axes: ClassVar[int] = 0  # of a batch; a sample alone has one less

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: DeviceLike = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """Give the input normalised; while training, also move the running statistics if there are any."""
        name, shape = type(self).__name__, input.shape
        batched = len(shape) == self._axes
        if not batched and len(shape) != self._axes - 1:
            batch = _SHAPES[self._axes]
            raise ShapeError(f"[{name}] input is {shape}; it must be {batch} or {batch.replace('N, ', '')}")
        channels = shape[1 if batched else 0]
        if channels != self.num_features:
            text = f"[{name}] input is {shape}, of {channels} channels; num_features is {self.num_features}"
            if self.affine:
                raise ShapeError(text)
            warnings.warn(f"{text}, which is not used without affine", stacklevel=2)
        made = F.instance_norm(
            input if batched else _core.unsqueeze(input, 0),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return made if batched else _core.squeeze(made, 0)


@formula(F.instance_norm)
class InstanceNorm1d(_InstanceNorm):
    """Normalises each channel of each sample of (N, C, L), or of a sample (C, L), over its last axis.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float, default 1e-5
    momentum : float or None, default 0.1
        By how much each batch moves the running statistics, as in `BatchNorm1d`; None: not at all.
    affine : bool, default False
        Whether there are weight and bias.
    track_running_stats : bool, default False
        Whether there are running statistics, which after `eval` take the place of mean and var.
    device : device, optional
        The CPU.
    dtype : DType, optional
        float32 or float64.
    bias : bool, default True
        Whether there is a bias beside the weight.

    Attributes
    ----------
    weight, bias : Parameter, shape (num_features,), or None
        They start as 1 and 0.
    running_mean, running_var : Buffer, shape (num_features,), or None
        They start as 0 and 1.
    num_batches_tracked : Buffer, int64, or None
        0: as in PyTorch nothing counts here.

    Raises
    ------
    ShapeError
        If an input has another number of axes, or with `affine` of channels.
    ValueError
        If a channel of a sample is one value.
    """

    _axes = 3


@formula(F.instance_norm)
class InstanceNorm2d(_InstanceNorm):
    """Normalises each channel of each image of (N, C, H, W), or of one image (C, H, W), over its pixels.

    Its parameters, attributes and errors are those of `InstanceNorm1d`.
    """

    _axes = 4


@formula(F.instance_norm)
class InstanceNorm3d(_InstanceNorm):
    """Normalises each channel of each volume of (N, C, D, H, W), or of one (C, D, H, W), over its voxels.

    Its parameters, attributes and errors are those of `InstanceNorm1d`.
    """

    _axes = 5


class _LazyInstanceNorm(_LazyNormBase, _InstanceNorm):
    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: DeviceLike = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def initialize_parameters(self, input: Tensor) -> None:
        """Make parameters and buffers for the channels of an input, which may be a sample alone."""
        super().initialize_parameters(input if input.ndim == self._axes else _core.unsqueeze(input, 0))


class LazyInstanceNorm1d(_LazyInstanceNorm):
    """An `InstanceNorm1d` that learns the number of channels from its first input.

    Its parameters are those of `InstanceNorm1d` without the first, but as in PyTorch there are weight, bias
    and running statistics unless they are refused. The first call, outside of `bs.compile`, makes them.
    """

    _axes = InstanceNorm1d._axes
    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstanceNorm):
    """An `InstanceNorm2d` that learns the channels from its first input; see `LazyInstanceNorm1d`."""

    _axes = InstanceNorm2d._axes
    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstanceNorm):
    """An `InstanceNorm3d` that learns the channels from its first input; see `LazyInstanceNorm1d`."""

    _axes = InstanceNorm3d._axes
    cls_to_become = InstanceNorm3d
