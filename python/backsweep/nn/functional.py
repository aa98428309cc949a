"""Layers and losses as functions, under the names of `torch.nn.functional`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from backsweep import _core
from backsweep._absent import absent
from backsweep._arguments import floats, number, sizes, tensor, whole
from backsweep._core import ShapeError, Tensor
from backsweep._dtypes import finfo
from backsweep._formula import formula
from backsweep.nn._activations import (
    celu,
    celu_,
    elu,
    elu_,
    gelu,
    glu,
    gumbel_softmax,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    relu_,
    rrelu,
    rrelu_,
    selu,
    selu_,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
    threshold_,
)
from backsweep.nn._convolutions import (
    conv1d,
    conv2d,
    conv3d,
    conv_tbc,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from backsweep.nn._ctc import ctc_loss
from backsweep.nn._distances import (
    cosine_similarity,
    normalize,
    pairwise_distance,
    pdist,
)
from backsweep.nn._dropouts import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from backsweep.nn._embeddings import embedding, embedding_bag
from backsweep.nn._losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    kl_div,
    logistic_loss,
    nll_loss,
)
from backsweep.nn._margins import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from backsweep.nn._reduction import Reduction
from backsweep.nn._regression import (
    gaussian_nll_loss,
    huber_loss,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)

__all__ = [
    "Reduction",
    "alpha_dropout",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "embedding",
    "embedding_bag",
    "feature_alpha_dropout",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "log_softmax",
    "logistic_loss",
    "logsigmoid",
    "margin_ranking_loss",
    "mish",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]

_layer_norm = _core.ops.layer_norm


@formula(_core.linear)
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Apply an affine map to the last axis.

    Parameters
    ----------
    input : Tensor, shape (..., in)
    weight : Tensor, shape (out, in)
    bias : Tensor, shape (out,), optional

    Returns
    -------
    Tensor, shape (..., out)

    Raises
    ------
    ShapeError
        If the inner sizes differ.
    """
    return _core.linear(input, weight, bias)


@formula(_core.bilinear)
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Apply a map that is linear in each of two vectors.

    Parameters
    ----------
    input1 : Tensor, shape (..., in1)
    input2 : Tensor, shape (..., in2)
    weight : Tensor, shape (out, in1, in2)
    bias : Tensor, shape (out,), optional

    Returns
    -------
    Tensor, shape (..., out)

    Raises
    ------
    ShapeError
        If the shapes do not go together.
    """
    return _core.bilinear(input1, input2, weight, bias)


@formula(_core.ops.one_hot)
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Turn classes into vectors.

    Parameters
    ----------
    tensor : Tensor, int64 or int32
    num_classes : int, default -1
        -1 stands for the largest class and one more, which a capture cannot know.

    Returns
    -------
    Tensor, shape (*tensor.shape, num_classes), int64

    Raises
    ------
    IndexError
        If an element is no class.
    """
    if num_classes == -1:
        if tensor.numel() == 0:
            raise ValueError("[one_hot] num_classes is to be given where tensor has no elements")
        num_classes = int(_core.amax(tensor)) + 1
    return _core.ops.one_hot(tensor, num_classes)


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


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise groups of channels of each sample, (x - mean) / sqrt(var + eps), then scale channels.

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

    Notes
    -----
    Source: Wu and He (2018), arXiv:1803.08494.
    """
    op = "group_norm"
    input, groups = floats(op, "input", input), whole(op, "num_groups", num_groups)
    shape = input.shape
    if len(shape) < 2 or shape[1] % groups:
        raise ShapeError(f"[{op}] input is {shape}; axis 1 must be divisible into {groups} groups")
    made = _layer_norm(
        _core.reshape(input, (shape[0] * groups, prod(shape[1:]) // groups)), None, None, eps=eps
    )
    result = _core.reshape(made[0], shape)
    for name, factor, apply in (("weight", weight, _core.mul), ("bias", bias, _core.add)):
        if factor is not None:
            if tensor(op, name, factor).shape != shape[1:2]:
                raise ShapeError(
                    f"[{op}] {name} is {factor.shape}, input is {shape}: it must be ({shape[1]},)"
                )
            result = apply(result, _core.reshape(factor, (shape[1], *[1] * (len(shape) - 2))))
    return result


@formula(_core.ops.pad)
def pad(
    input: Tensor,
    pad: Sequence[int],
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant",
    value: float | None = None,
) -> Tensor:
    """Put a border around a tensor.

    Parameters
    ----------
    input : Tensor
    pad : ints
        Sizes before and after, two for each axis from the last one on; below 0 they take away.
    mode : str
    value : float, optional
        Of a constant border; 0 if left out.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If an axis is too short for a border that is made of it.
    """
    return _core.ops.pad(input, pad, mode, value)


if not TYPE_CHECKING:  # checkers of types know what is there

    def __getattr__(name: str) -> Any:
        raise absent("backsweep.nn.functional", name)
