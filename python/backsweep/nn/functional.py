"""Layers and losses as functions, under the names of `torch.nn.functional`."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, prod, sqrt
from typing import Literal

from backsweep import _core
from backsweep._arguments import flag, floats, number, one_of, sizes, tensor
from backsweep._core import DType, ShapeError, Tensor
from backsweep._formula import formula
from backsweep.nn._losses import (
    Reduction,
    binary_cross_entropy_with_logits,
    cross_entropy,
    logistic_loss,
    mse_loss,
)

__all__ = [
    "Reduction",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "elu",
    "gelu",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logistic_loss",
    "mse_loss",
    "one_hot",
    "pad",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]

_dropout = _core.ops.dropout
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


@formula(_core.relu)
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Apply the rectifier to each element x.

    `inplace` is taken for PyTorch's sake and changes nothing: values never change once computed.
    """
    return _core.relu(input)


@formula(_core.sigmoid)
def sigmoid(input: Tensor) -> Tensor:
    """Apply the logistic function to each element x."""
    return _core.sigmoid(input)


@formula(_core.tanh)
def tanh(input: Tensor) -> Tensor:
    """Apply the hyperbolic tangent to each element x."""
    return _core.tanh(input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Give log(1 + exp(beta x)) / beta for each element, and x where beta x is above the threshold.

    Nothing overflows where beta x is finite: the threshold is there for PyTorch's results alone.
    """
    input = floats("softplus", "input", input)
    beta, threshold = number("softplus", "beta", beta), number("softplus", "threshold", threshold)
    scaled = input if beta == 1.0 else input * beta
    soft = _core.softplus(scaled)
    if beta != 1.0:
        soft = soft / beta
    if threshold >= 20.0 and input.dtype == _core.float32:
        return soft  # rounds to x there
    return _core.where(scaled > threshold, input, soft)


@formula(_core.gelu)
def gelu(input: Tensor, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """Weigh each element x by Phi(x), the distribution function of the standard normal distribution.

    Parameters
    ----------
    input : Tensor, float32 or float64, any shape
    approximate : {"none", "tanh"}, default "none"
        "none": as above. "tanh": x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³))), which
        is off by up to 5e-4 and slower here; for networks that were trained with it.

    Raises
    ------
    ValueError
        If `approximate` is neither.
    """
    if one_of("gelu", "approximate", approximate, ("none", "tanh")) == "none":
        return _core.gelu(input)
    input = floats("gelu", "input", input)
    inner = input * (1.0 + 0.044715 * _core.square(input)) * sqrt(2 / pi)
    return input * (0.5 + 0.5 * _core.tanh(inner))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Give x sigmoid(x) for each element.

    `inplace` is taken for PyTorch's sake and changes nothing. Source: Elfwing, Uchibe and Doya
    (2018), Neural Networks 107, arXiv:1702.03118.
    """
    input = floats("silu", "input", input)
    return input * _core.sigmoid(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Give x for x > 0, else `negative_slope` x.

    `inplace` is taken for PyTorch's sake and changes nothing.
    """
    input, slope = (
        floats("leaky_relu", "input", input),
        number("leaky_relu", "negative_slope", negative_slope),
    )
    return _core.where(input > 0, input, input * slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Give x for x > 0, else alpha (exp(x) - 1).

    `inplace` is taken for PyTorch's sake and changes nothing. Source: Clevert, Unterthiner and
    Hochreiter (2016), Exponential Linear Units, arXiv:1511.07289.
    """
    input, alpha = floats("elu", "input", input), number("elu", "alpha", alpha)
    positive = input > 0
    # exp of what is not positive: a large x must not give inf, which times a zero gradient is NaN.
    return _core.where(positive, input, alpha * _core.expm1(_core.where(positive, 0.0, input)))


@formula(_core.softmax)
def softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """Turn scores along an axis into positive numbers whose sum is 1.

    Parameters
    ----------
    input : Tensor, float32 or float64, any shape
    dim : int
        The axis; -1 is the last.
    dtype : DType, optional
        What the input is cast to before.

    Returns
    -------
    Tensor, the input's shape

    Raises
    ------
    DTypeError
        If the input is not a float.
    IndexError
        If there is no such axis.

    Notes
    -----
    The gradient is y (g - sum(g y)). A loss wants `cross_entropy` or `log_softmax`: the logarithm of what is
    0 here is lost.
    """
    return _core.softmax(input, dim, dtype=dtype)


@formula(_core.log_softmax)
def log_softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """Give the logarithm of `softmax` along an axis, exact where that is small.

    Parameters
    ----------
    input : Tensor, float32 or float64, any shape
    dim : int
        The axis; -1 is the last.
    dtype : DType, optional
        What the input is cast to before.

    Returns
    -------
    Tensor, the input's shape

    Raises
    ------
    DTypeError
        If the input is not a float.
    IndexError
        If there is no such axis.

    Notes
    -----
    The gradient is g - exp(y) sum(g).
    """
    return _core.log_softmax(input, dim, dtype=dtype)


@formula(_dropout)
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each element to 0 with probability p.

    Parameters
    ----------
    input : Tensor, float32 or float64, any shape
    p : float, default 0.5
        The probability, from 0 to 1.
    training : bool, default True
        If False the input comes back as it is.
    inplace : bool
        Taken for PyTorch's sake; changes nothing.

    Raises
    ------
    ValueError
        If p is not between 0 and 1.

    Notes
    -----
    The random bits come from the default generator: `bs.manual_seed` makes them repeatable.
    """
    p = probability("dropout", p)
    if not flag("dropout", "training", training) or p == 0.0:
        return input
    return _dropout(input, p)


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
