"""Normalisation, as functions; `backsweep.nn.functional` has them among its names."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from backsweep import _core
from backsweep._arguments import flag, floats, number, sizes, tensor, whole
from backsweep._core import DTypeError, ShapeError, Tensor
from backsweep._dtypes import finfo
from backsweep._formula import formula

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm"]

_layer_norm = _core.ops.layer_norm
_batch_norm = _core.ops.batch_norm
_scale_channels = _core.ops.scale_channels


@formula(_batch_norm)
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel over images and pixels.

    Parameters
    ----------
    input : Tensor, float32 or float64, shape (N, C, ...)
    running_mean, running_var : Tensor, shape (C,), or None
        While training they move towards what the input has, running += momentum (found - running), where the
        variance is divided by one less than the count. Else they take the place of mean and var.
    weight, bias : Tensor, shape (C,), optional
        1 and 0 if left out.
    training : bool, default False
        Whether mean and var are those of the input.
    momentum : float, default 0.1
    eps : float, default 1e-5

    Raises
    ------
    ShapeError
        If there are no channels on axis 1, or another argument has another number of them.
    ValueError
        If there is one value per channel while training, eps is negative (while training also 0), or there
        are no running statistics where they are to be used.
    """
    op = "batch_norm"
    input, training = floats(op, "input", input), flag(op, "training", training)
    momentum, eps = number(op, "momentum", momentum), number(op, "eps", eps)
    return by_channel(input, running_mean, running_var, weight, bias, training, momentum, eps)


def by_channel(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float | Tensor,
    eps: float,
) -> Tensor:
    """Give what `batch_norm` does; momentum may be a tensor, whose value is then not looked at."""
    op = "batch_norm"
    shape = input.shape
    if shape == (0,) and weight is bias is None:  # as PyTorch
        return input
    if len(shape) < 2:
        raise ShapeError(f"[{op}] input is {shape}; it must be (N, C, ...), channels on axis 1")
    _check_channels(op, input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if eps < 0 or (training and eps == 0):
        raise ValueError(f"[{op}] eps is {eps}; it must be {'above 0' if training else 'at least 0'}")
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError(f"[{op}] without training, running_mean and running_var must be given")
        return _scale_channels(input, running_mean, _core.rsqrt(running_var + eps), weight, bias)
    if prod(shape) == 0:
        return input if weight is bias is None else _scale_channels(input, None, None, weight, bias)
    count = _values(op, shape, "channel", (shape[0], *shape[2:]))
    made, mean, var = _batch_norm(input, weight, bias, eps=eps)
    with _core.no_grad():
        if running_mean is not None:
            running_mean.lerp_(mean, momentum)
        if running_var is not None:
            running_var.lerp_(var * (count / (count - 1)), momentum)
    return made


def _values(op: str, shape: tuple[int, ...], of: str, axes: tuple[int, ...]) -> int:
    """Give how many values a statistic is of, which must be more than one, or raise."""
    count = prod(axes)
    if count == 1:
        raise ValueError(f"[{op}] input is {shape}, one value per {of}: while training there must be more")
    return count


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise channels of samples over pixels, (x - mean) / sqrt(var + eps), then scale channels.

    Parameters
    ----------
    input : Tensor, float32 or float64, shape (N, C, ...)
    running_mean, running_var : Tensor, shape (C,), optional
        They move towards the means, over the samples, of what these have, as in `batch_norm`; without
        `use_input_stats` they take the place of mean and var.
    weight, bias : Tensor, shape (C,), optional
        1 and 0 if left out.
    use_input_stats : bool, default True
        Whether mean and var are those of the input.
    momentum : float, default 0.1
    eps : float, default 1e-5

    Raises
    ------
    ShapeError
        If there are no channels on axis 1, or another argument has another number of them.
    ValueError
        If a channel of a sample is one value, or there are no running statistics where they are to be used.

    Notes
    -----
    Source: Ulyanov, Vedaldi and Lempitsky (2016), arXiv:1607.08022.
    """
    op = "instance_norm"
    input = floats(op, "input", input)
    momentum, eps = number(op, "momentum", momentum), number(op, "eps", eps)
    if not flag(op, "use_input_stats", use_input_stats):
        return by_channel(input, running_mean, running_var, weight, bias, False, momentum, eps)
    shape = input.shape
    if len(shape) < 2:
        raise ShapeError(f"[{op}] input is {shape}; it must be (N, C, ...), channels on axis 1")
    _check_channels(op, input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if (running_mean is None) != (running_var is None):
        raise ValueError(f"[{op}] running_mean and running_var must both be given, or neither")
    count = _values(op, shape, "channel of a sample", shape[2:])
    samples, channels = shape[:2]
    # Each channel of each sample is a channel of one image.
    weights, biases = (
        None if factor is None else _core.reshape(_core.expand(factor, (samples, channels)), (-1,))
        for factor in (weight, bias)
    )
    image = _core.reshape(input, (1, samples * channels, *shape[2:]))
    made, mean, var = _batch_norm(image, weights, biases, eps=eps)
    if running_mean is not None and running_var is not None:
        with _core.no_grad():
            mean, var = (_core.mean(_core.reshape(t, (samples, channels)), 0) for t in (mean, var))
            running_mean.lerp_(mean, momentum)
            running_var.lerp_(var * (count / (count - 1)), momentum)
    return _core.reshape(made, shape)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by what neighbouring channels have: x_c / (k + alpha / size sum_i x_i²)^beta.

    Parameters
    ----------
    input : Tensor, floats, shape (N, C, ...), of three axes or more
    size : int
        Of the neighbourhood that is summed over: size // 2 channels before, (size - 1) // 2 after.
    alpha, beta, k : float

    Raises
    ------
    ShapeError
        If the input has fewer axes.

    Notes
    -----
    Source: Krizhevsky, Sutskever and Hinton (2012), ImageNet Classification with Deep Convolutional Neural
    Networks.
    """
    op = "local_response_norm"
    input, size = floats(op, "input", input), whole(op, "size", size)
    alpha, beta, k = number(op, "alpha", alpha), number(op, "beta", beta), number(op, "k", k)
    shape = input.shape
    if len(shape) < 3:
        raise ShapeError(f"[{op}] input is {shape}; it must be (N, C, ...), of three axes or more")
    border = [0, 0] * (len(shape) - 2) + [size // 2, (size - 1) // 2]
    squares = _core.ops.pad(_core.square(input), border)
    total = squares[:, : shape[1]]
    for i in range(1, size):
        total = total + squares[:, i : i + shape[1]]
    return input / (total * (alpha / size) + k) ** beta


@formula(_layer_norm)
def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last axes, which count as one.

    Parameters
    ----------
    input : Tensor, float32 or float64, shape (..., *normalized_shape)
    normalized_shape : int or sequence of int
        The last axes.
    weight, bias : Tensor, shape normalized_shape, optional
        1 and 0 if left out.
    eps : float, default 1e-5

    Raises
    ------
    ShapeError
        If the input's last axes are not `normalized_shape`, or weight or bias have another shape.
    """
    input = tensor("layer_norm", "input", input)
    shape, axes = input.shape, _last_axes("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    if weight is None and bias is not None:
        weight = _core.ones(axes, dtype=input.dtype)
    if len(axes) == 1:
        return _layer_norm(input, weight, bias, eps=eps)[0]
    # Several axes count as one.
    n = (prod(axes),)
    rows = _core.reshape(input, shape[: -len(axes)] + n)
    weight, bias = (None if t is None else _core.reshape(t, n) for t in (weight, bias))
    return _core.reshape(_layer_norm(rows, weight, bias, eps=eps)[0], shape)


def _last_axes(
    op: str, input: Tensor, normalized_shape: int | Sequence[int], **given: Tensor | None
) -> tuple[int, ...]:
    """Give the sizes of the axes to normalise over, or raise."""
    axes, shape = sizes(op, "normalized_shape", normalized_shape), input.shape
    if not axes or shape[-len(axes) :] != axes:
        raise ShapeError(f"[{op}] input is {shape}, normalized_shape is {axes}: the last axes must be those")
    for name, factor in given.items():
        if factor is not None and tensor(op, name, factor).shape != axes:
            raise ShapeError(f"[{op}] {name} is {factor.shape}, normalized_shape is {axes}: must be equal")
    return axes


def rms_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divide by the root of the mean square over the last axes: x / sqrt(mean(x²) + eps) * weight.

    Parameters
    ----------
    input : Tensor, floats, shape (..., *normalized_shape)
    normalized_shape : int or sequence of int
        The last axes, which count as one.
    weight : Tensor, shape normalized_shape, optional
        1 if left out.
    eps : float, optional
        If left out, what separates 1 from the next number of the input's dtype.

    Raises
    ------
    ShapeError
        If the input's last axes are not `normalized_shape`, or weight has another shape.

    Notes
    -----
    Source: Zhang and Sennrich (2019), arXiv:1910.07467.
    """
    op = "rms_norm"
    input = floats(op, "input", input)
    axes = tuple(range(-len(_last_axes(op, input, normalized_shape, weight=weight)), 0))
    least = finfo(input.dtype).eps if eps is None else number(op, "eps", eps)
    made = input * _core.rsqrt(_core.mean(_core.square(input), axes, keepdim=True) + least)
    return made if weight is None else made * weight


@formula(_core.ops.group_norm)
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise groups of channels of each sample, then scale channels.

    Parameters
    ----------
    input : Tensor, float32 or float64, shape (N, C, ...)
    num_groups : int
        Into so many the channels are divided; each is one row with all that follows axis 1.
    weight, bias : Tensor, shape (C,), optional
        1 and 0 if left out.
    eps : float, default 1e-5

    Raises
    ------
    ShapeError
        If there are no channels, their number is not divisible, or weight or bias have another shape.
    """
    op = "group_norm"
    input, groups = floats(op, "input", input), whole(op, "num_groups", num_groups)
    return _core.ops.group_norm(input, weight, bias, groups, number(op, "eps", eps))[0]


def _check_channels(op: str, input: Tensor, **given: Tensor | None) -> None:
    """Raise unless what is given has one number per channel (axis 1) of the input, of its dtype."""
    for name, factor in given.items():
        if factor is None:
            continue
        if tensor(op, name, factor).shape != input.shape[1:2]:
            raise ShapeError(
                f"[{op}] {name} is {factor.shape}, input is {input.shape}: it must be ({input.shape[1]},)"
            )
        if factor.dtype != input.dtype:
            dtype = factor.dtype.name
            raise DTypeError(
                f"[{op}] input is {input.dtype.name}, {name} is {dtype}: cast input with .to(bs.{dtype}), "
                "or the layer"
            )
