"""Layers and losses as functions, under the names of `torch.nn.functional`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from backsweep import _core
from backsweep._absent import absent
from backsweep._arguments import flag, number, sizes, tensor, whole
from backsweep._core import ShapeError, Tensor
from backsweep._formula import formula
from backsweep.nn._activations import (
    celu,
    elu,
    gelu,
    glu,
    gumbel_softmax,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    rrelu,
    selu,
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
)
from backsweep.nn._ctc import ctc_loss
from backsweep.nn._distances import (
    cosine_similarity,
    length,
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
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "embedding",
    "feature_alpha_dropout",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
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
    "rrelu",
    "selu",
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
    axes, shape = sizes("layer_norm", "normalized_shape", normalized_shape), input.shape
    if not axes or shape[-len(axes) :] != axes:
        raise ShapeError(
            f"[layer_norm] input is {shape}, normalized_shape is {axes}: the last axes must be those"
        )
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and tensor("layer_norm", name, given).shape != axes:
            raise ShapeError(
                f"[layer_norm] {name} is {given.shape}, normalized_shape is {axes}: must be equal"
            )
    if weight is None and bias is not None:
        weight = _core.ones(axes, dtype=input.dtype)
    if len(axes) == 1:
        return _layer_norm(input, weight, bias, eps=eps)[0]
    # Several axes count as one.
    n = (prod(axes),)
    rows = _core.reshape(input, shape[: -len(axes)] + n)
    weight, bias = (None if t is None else _core.reshape(t, n) for t in (weight, bias))
    return _core.reshape(_layer_norm(rows, weight, bias, eps=eps)[0], shape)


def probability(op: str, p: float) -> float:
    """Give an argument that must be a probability, or raise."""
    given = number(op, "p", p)
    if not 0.0 <= given <= 1.0:
        raise ValueError(f"[{op}] p is {given}; it must be between 0 and 1")
    return given


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


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Give the rows of a table at some numbers: weight[input].

    Parameters
    ----------
    input : Tensor, integers, any shape
    weight : Tensor, shape (rows, ...)
    padding_idx : int, optional
        A row whose gradient is 0.
    max_norm : float, optional
        Rows that are looked up and longer are made so short first, in place.
    norm_type : float, default 2
        The p of that norm.
    scale_grad_by_freq : bool
        Refused where it is True: divide the loss of each row instead.
    sparse : bool
        Taken for PyTorch's sake; gradients of tables are updated row by row where that pays.

    Returns
    -------
    Tensor, shape input.shape + weight.shape[1:]

    Raises
    ------
    IndexError
        If a number is not among the rows.
    ValueError
        If `padding_idx` is not, or `scale_grad_by_freq` is given.
    """
    op = "embedding"
    input, weight = tensor(op, "input", input), tensor(op, "weight", weight)
    if flag(op, "scale_grad_by_freq", scale_grad_by_freq):
        raise ValueError(f"[{op}] scale_grad_by_freq is not supported: divide the loss of each row instead")
    flag(op, "sparse", sparse)
    input = input if input.dtype == _core.int64 else _core.cast(input, _core.int64)
    if max_norm is not None:
        _shorten(input, weight, number(op, "max_norm", max_norm), number(op, "norm_type", norm_type))
    made = _core.index_rows(weight, input)
    if padding_idx is None:
        return made
    rows, row = weight.shape[0], whole(op, "padding_idx", padding_idx, None)
    if not -rows <= row < rows:
        raise ValueError(f"[{op}] padding_idx is {row}, weight has {rows} rows")
    padding = _core.reshape(input == row % rows, (*input.shape, *[1] * (weight.ndim - 1)))
    return _core.where(padding, made.detach(), made)


def _shorten(input: Tensor, weight: Tensor, most: float, p: float) -> None:
    """Shorten those rows of a table that are looked up and longer."""
    with _core.no_grad():
        norm = length(weight, p, 1, True)
        used = _core.sum(_core.reshape(input, (-1, 1)) == _core.arange(weight.shape[0]), 0) > 0
        long = (norm > most) & _core.reshape(used, (-1, 1))
        weight.copy_(_core.where(long, weight * (most / (norm + 1e-7)), weight))


if not TYPE_CHECKING:  # checkers of types know what is there

    def __getattr__(name: str) -> Any:
        raise absent("backsweep.nn.functional", name)
