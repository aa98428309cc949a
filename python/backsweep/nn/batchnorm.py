"""Batch norm: layers with running statistics."""

from __future__ import annotations

from typing import Any, ClassVar

from backsweep import _core
from backsweep._arguments import flag, kept, whole
from backsweep._core import Buffer, DType, Parameter, ShapeError, Tensor
from backsweep._device import DeviceLike
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn import init
from backsweep.nn._normalization import by_channel
from backsweep.nn.lazy import LazyModuleMixin
from backsweep.nn.module import Module
from backsweep.nn.parameter import UninitializedBuffer, UninitializedParameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "SyncBatchNorm",
]

_SHAPES = {2: "(N, C)", 3: "(N, C, L)", 4: "(N, C, H, W)", 5: "(N, C, D, H, W)"}


class _NormBase(Module):
    """What layers have that normalise channels and keep running statistics.

    Its arguments are those of `BatchNorm2d`.
    """

    _version = 2  # since PyTorch's 2 there is num_batches_tracked
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Buffer | None
    running_var: Buffer | None
    num_batches_tracked: Buffer | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: DeviceLike = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.num_features = whole(name, "num_features", num_features, 0)
        self.eps = kept(name, "eps", eps)
        self.momentum = None if momentum is None else kept(name, "momentum", momentum)
        self.affine = flag(name, "affine", affine)
        self.track_running_stats = flag(name, "track_running_stats", track_running_stats)
        has_bias = flag(name, "bias", bias) and self.affine
        shape = (self.num_features,)
        for which, wanted in (("weight", self.affine), ("bias", has_bias)):
            made = Parameter(_core.zeros(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(which, made)
        for which in ("running_mean", "running_var"):
            kept_there = (
                Buffer(_core.zeros(shape, device=device, dtype=dtype)) if track_running_stats else None
            )
            self.register_buffer(which, kept_there)
        self.register_buffer("num_batches_tracked", _core.tensor(0) if self.track_running_stats else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the variance to 1, and the number of batches to 0."""
        for buffer, value in ((self.running_mean, 0), (self.running_var, 1), (self.num_batches_tracked, 0)):
            if buffer is not None:
                buffer.fill_(value)

    def reset_parameters(self) -> None:
        """Set weight to 1 and bias to 0, and begin running statistics anew."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *others: Any) -> None:
        key = prefix + "num_batches_tracked"
        if (local_metadata.get("version") or 0) < 2 and self.num_batches_tracked is not None:
            state_dict.setdefault(key, self.num_batches_tracked)  # older states have none
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *others)


class _BatchNorm(_NormBase):
    """What batch norms share; arguments, and what an input must be, are those of `BatchNorm2d`."""

    _axes: ClassVar[tuple[int, ...]] = ()

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in self._axes:
            shapes = " or ".join(_SHAPES[n] for n in self._axes)
            raise ShapeError(f"[{type(self).__name__}] input is {input.shape}; it must be {shapes}")

    def forward(self, input: Tensor) -> Tensor:
        """Give the input normalised; while training, also move the running statistics."""
        self._check_input_dim(input)
        momentum: float | Tensor = 0.0 if self.momentum is None else self.momentum
        mean, var = self.running_mean, self.running_var
        training = self.training or (mean is None and var is None)
        if self.training and not self.track_running_stats:
            mean = var = None
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None and mean is not None:  # the mean of all batches so far
                momentum = _core.reciprocal(_core.cast(self.num_batches_tracked, mean.dtype))
        return by_channel(input, mean, var, self.weight, self.bias, training, momentum, self.eps)


@formula(F.batch_norm)
class BatchNorm1d(_BatchNorm):
    """Normalises each channel (axis 1) of (N, C) or (N, C, L): over the batch while training.

    After `eval` the running statistics take the place of mean and var.

    Parameters
    ----------
    num_features : int
        The number of channels.
    eps : float, default 1e-5
    momentum : float or None, default 0.1
        By how much each batch moves the running statistics, running += momentum (found - running), where the
        variance is divided by one less than the count; None: they are means over all batches.
    affine : bool, default True
        Whether there are weight and bias.
    track_running_stats : bool, default True
        Whether there are running statistics. Without, those of the batch serve after `eval` too.
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

    Raises
    ------
    ShapeError
        If an input has another number of axes or of channels.
    ValueError
        If while training a channel has one value.
    """

    _axes = (2, 3)


@formula(F.batch_norm)
class BatchNorm2d(_BatchNorm):
    """Normalises each channel (axis 1) of images (N, C, H, W): over batch and pixels while training.

    Its parameters, attributes and errors are those of `BatchNorm1d`.
    """

    _axes = (4,)


@formula(F.batch_norm)
class BatchNorm3d(_BatchNorm):
    """Normalises each channel (axis 1) of volumes (N, C, D, H, W): over batch and voxels while training.

    Its parameters, attributes and errors are those of `BatchNorm1d`.
    """

    _axes = (5,)


@formula(F.batch_norm)
class SyncBatchNorm(_BatchNorm):
    """Normalises each channel (axis 1) of (N, C, ...). There is one process, so it is a batch norm.

    Its parameters are those of `BatchNorm1d` and, behind the fifth, `process_group`, which is kept.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: DeviceLike = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ShapeError(f"[SyncBatchNorm] input is {input.shape}; it must be (N, C, ...)")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """Put a layer of this class, with the same tensors, in the place of every batch norm in a module.

        Parameters
        ----------
        module : Module
        process_group : object, optional
            What the layers keep.

        Returns
        -------
        Module
            The module, or if it is a batch norm itself the layer that stands for it.
        """
        made = module
        if isinstance(module, _BatchNorm):
            made = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            for table in (module._parameters, module._buffers):
                for name, slot in table.items():
                    setattr(made, name, slot)
            made.training = module.training
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made


class _LazyNormBase(LazyModuleMixin, _NormBase):
    """Learns the number of channels from its first input: `num_features` is left out."""

    weight: Any
    bias: Any
    running_mean: Any
    running_var: Any

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
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        for name, slot in (*self._parameters.items(), *self._buffers.items()):
            if slot is not None and name != "num_batches_tracked":
                stands = UninitializedParameter if name in self._parameters else UninitializedBuffer
                setattr(self, name, stands(device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        """Give first values, once there are parameters."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Make parameters and buffers for the channels of an input, unless they were loaded."""
        if not self.has_uninitialized_params():
            return
        self.num_features = input.shape[1]
        for name in (*self._parameters, *self._buffers):
            self.materialize(name, (self.num_features,))
        self.reset_parameters()


class LazyBatchNorm1d(_LazyNormBase, _BatchNorm):
    """A `BatchNorm1d` that learns the number of channels from its first input.

    Its parameters are those of `BatchNorm1d` without the first. The first call, outside of `bs.compile`,
    makes what it holds.
    """

    _axes = BatchNorm1d._axes
    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNormBase, _BatchNorm):
    """A `BatchNorm2d` that learns the number of channels from its first input; see `LazyBatchNorm1d`."""

    _axes = BatchNorm2d._axes
    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNormBase, _BatchNorm):
    """A `BatchNorm3d` that learns the number of channels from its first input; see `LazyBatchNorm1d`."""

    _axes = BatchNorm3d._axes
    cls_to_become = BatchNorm3d
