"""Activations as functions; `backsweep.nn.functional` has them among its names."""

from __future__ import annotations

import warnings
from typing import Literal

from backsweep import _core
from backsweep._arguments import flag, floats, number, one_of, whole
from backsweep._core import DType, Tensor
from backsweep._formula import formula

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]

_ops = _core.ops


def in_place(op: str, input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    """Give the result, as the new value of the input if `inplace`."""
    return input.copy_(result) if inplace and flag(op, "inplace", inplace) else result


# ---- By pieces ---------------------------------------------------------------------------------------------


@formula(_core.relu)
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Apply the rectifier to each element x; with `inplace` the input becomes the result."""
    return in_place("relu", input, _core.relu(input), inplace)


@formula(_ops.hardtanh)
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Keep each element in an interval; with `inplace` the input becomes the result."""
    return in_place("hardtanh", input, _ops.hardtanh(input, min_val, max_val), inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Give min(max(x, 0), 6); with `inplace` the input becomes the result."""
    return in_place("relu6", input, _ops.hardtanh(input, 0.0, 6.0), inplace)


@formula(_ops.leaky_relu)
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Apply a rectifier that leaks; with `inplace` the input becomes the result."""
    slope = number("leaky_relu", "negative_slope", negative_slope)
    return in_place("leaky_relu", input, _ops.leaky_relu(input, slope), inplace)


@formula(_core.prelu)
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Apply a rectifier whose leak is learned.

    Parameters
    ----------
    input : Tensor, floats, any shape
        Channels lie on axis 1.
    weight : Tensor, shape (), (1,) or (channels,)
    """
    return _core.prelu(input, weight)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """Give x above 0, else a x with a drawn from [lower, upper) for each element.

    Without `training` a is the mean, (lower + upper) / 2. Source: Xu et al. (2015), arXiv:1505.00853.

    Raises
    ------
    ValueError
        If `lower` is above `upper`.
    """
    op = "rrelu"
    input = floats(op, "input", input)
    lower, upper = number(op, "lower", lower), number(op, "upper", upper)
    if lower > upper:
        raise ValueError(f"[{op}] lower is {lower}, upper is {upper}: lower must not be larger")
    if not flag(op, "training", training):
        return in_place(op, input, _ops.leaky_relu(input, (lower + upper) / 2), inplace)
    slope = _core.cast(_core.uniform(input.shape, lower, upper), input.dtype)
    return in_place(op, input, _core.where(input > 0, input, input * slope), inplace)


@formula(_core.threshold)
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Replace what is not above a threshold; with `inplace` the input becomes the result."""
    return in_place("threshold", input, _core.threshold(input, threshold, value), inplace)


@formula(_ops.hardsigmoid)
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """Apply three lines that resemble the logistic function; `inplace`: the input becomes the result."""
    return in_place("hardsigmoid", input, _ops.hardsigmoid(input), inplace)


@formula(_ops.hardswish)
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Weigh each element by `hardsigmoid`; with `inplace` the input becomes the result."""
    return in_place("hardswish", input, _ops.hardswish(input), inplace)


@formula(_core.hardshrink)
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Set small elements to 0."""
    return _core.hardshrink(input, lambd)


@formula(_ops.softshrink)
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Bring elements nearer to 0 by `lambd`, small ones to 0."""
    return _ops.softshrink(input, lambd)


@formula(_ops.tanhshrink)
def tanhshrink(input: Tensor) -> Tensor:
    """Take its hyperbolic tangent off each element."""
    return _ops.tanhshrink(input)


# ---- Smooth ones -------------------------------------------------------------------------------------------


@formula(_core.sigmoid)
def sigmoid(input: Tensor) -> Tensor:
    """Apply the logistic function to each element x."""
    return _core.sigmoid(input)


@formula(_core.tanh)
def tanh(input: Tensor) -> Tensor:
    """Apply the hyperbolic tangent to each element x."""
    return _core.tanh(input)


@formula(_ops.softsign)
def softsign(input: Tensor) -> Tensor:
    """Bring each element into (-1, 1)."""
    return _ops.softsign(input)


@formula(_ops.logsigmoid)
def logsigmoid(input: Tensor) -> Tensor:
    """Give the logarithm of `sigmoid`."""
    return _ops.logsigmoid(input)


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


@formula(_ops.elu)
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Apply a rectifier that is exponential below 0; with `inplace` the input becomes the result.

    Source: Clevert, Unterthiner and Hochreiter (2016), Exponential Linear Units, arXiv:1511.07289.
    """
    return in_place("elu", input, _ops.elu(input, number("elu", "alpha", alpha)), inplace)


@formula(_core.selu)
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Apply the self-normalising rectifier; with `inplace` the input becomes the result."""
    return in_place("selu", input, _core.selu(input), inplace)


@formula(_core.celu)
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Apply the `elu` whose derivative is continuous; with `inplace` the input becomes the result."""
    return in_place("celu", input, _core.celu(input, number("celu", "alpha", alpha)), inplace)


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
    return _ops.gelu_tanh(input)


@formula(_ops.silu)
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Weigh each element by its `sigmoid`; with `inplace` the input becomes the result.

    Source: Elfwing, Uchibe and Doya (2018), Neural Networks 107, arXiv:1702.03118.
    """
    return in_place("silu", input, _ops.silu(input), inplace)


@formula(_ops.mish)
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Weigh each element by the tanh of its `softplus`; with `inplace` the input becomes the result."""
    return in_place("mish", input, _ops.mish(input), inplace)


@formula(_ops.glu)
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Weigh one half of the input by the `sigmoid` of the other.

    Parameters
    ----------
    input : Tensor, floats
    dim : int, default -1
        The axis that is halved.

    Raises
    ------
    ShapeError
        If its size is odd.
    """
    return _ops.glu(input, dim)


# ---- In place ----------------------------------------------------------------------------------------------


def relu_(input: Tensor) -> Tensor:
    """Make the input its `relu`."""
    return relu(input, True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Make the input its `hardtanh`."""
    return hardtanh(input, min_val, max_val, True)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Make the input its `leaky_relu`."""
    return leaky_relu(input, negative_slope, True)


def rrelu_(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """Make the input its `rrelu`."""
    return rrelu(input, lower, upper, training, True)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """Make the input what the function `threshold` gives."""
    return in_place("threshold", input, _core.threshold(input, threshold, value), True)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Make the input its `elu`."""
    return elu(input, alpha, True)


def selu_(input: Tensor) -> Tensor:
    """Make the input its `selu`."""
    return selu(input, True)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Make the input its `celu`."""
    return celu(input, alpha, True)


# ---- Along an axis -----------------------------------------------------------------------------------------


def _axis(op: str, input: Tensor, dim: int | None, level: int) -> int:
    """Give the axis; without one PyTorch's old choice, with its warning."""
    if dim is not None:
        return dim
    warnings.warn(
        f"[{op}] no dim is given, and its choice by the number of axes is deprecated: say dim=-1 or another",
        stacklevel=level,
    )
    return 0 if input.ndim in (0, 1, 3) else 1


@formula(_core.softmax)
def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Turn scores along an axis into positive numbers whose sum is 1.

    Parameters
    ----------
    input : Tensor, float32 or float64, any shape
    dim : int
        The axis; -1 is the last. Left out (with a warning), axis 0 of one or three axes, else axis 1.
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
    return _core.softmax(input, _axis("softmax", input, dim, _stacklevel), dtype=dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Give the `softmax` of -x along an axis; its arguments are those of `softmax`."""
    return _core.softmax(-input, _axis("softmin", input, dim, _stacklevel), dtype=dtype)


@formula(_core.log_softmax)
def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Give the logarithm of `softmax` along an axis, exact where that is small.

    Parameters
    ----------
    input : Tensor, float32 or float64, any shape
    dim : int
        The axis; -1 is the last. Left out (with a warning), axis 0 of one or three axes, else axis 1.
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
    return _core.log_softmax(input, _axis("log_softmax", input, dim, _stacklevel), dtype=dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Draw from the categorical distribution of some scores, relaxed: softmax((logits + g) / tau).

    g are numbers of Gumbel's distribution, drawn from the default generator. Source: Jang, Gu and Poole
    (2017), arXiv:1611.01144; Maddison et al. (2017), arXiv:1611.00712.

    Parameters
    ----------
    logits : Tensor, floats
        Scores, not normalised.
    tau : float, default 1
        The temperature.
    hard : bool, default False
        Give exact ones and zeros, with the derivative of the relaxed draw.
    eps : float
        Taken for PyTorch's sake; changes nothing, as there.
    dim : int, default -1
        The axis of the categories.
    """
    op = "gumbel_softmax"
    logits = floats(op, "logits", logits)
    dim, hard = whole(op, "dim", dim, None), flag(op, "hard", hard)
    uniform = _core.cast(_core.uniform(logits.shape), logits.dtype)
    gumbel = -_core.log(-_core.log(uniform))
    soft = _core.softmax((logits + gumbel) / number(op, "tau", tau), dim)
    if not hard:
        return soft
    places = [1] * soft.ndim
    places[dim] = soft.shape[dim]
    chosen = _core.argmax(soft, dim, keepdim=True)
    one = _core.cast(_core.reshape(_core.arange(soft.shape[dim]), tuple(places)) == chosen, soft.dtype)
    return one - soft.detach() + soft
