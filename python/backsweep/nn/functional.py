"""Layers and losses as functions, under the names of `torch.nn.functional`."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, prod, sqrt
from operator import index
from typing import Literal

import numpy.typing as npt

from backsweep import _core
from backsweep._core import DTypeError, ShapeError, Tensor

__all__ = [
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
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]

Reduction = Literal["none", "mean", "sum"]

_REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}
_cross_entropy = _core.ops.cross_entropy
_dropout = _core.ops.dropout
_layer_norm = _core.ops.layer_norm


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Apply an affine map to the last axis: y = x Wᵀ + b.

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


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Give max(x, 0) for each element; the derivative is 1 for x > 0, else 0.

    `inplace` is taken for PyTorch's sake and changes nothing: values never change once computed.
    """
    return _core.relu(input)


def sigmoid(input: Tensor) -> Tensor:
    """Give 1 / (1 + exp(-x)) for each element."""
    return _core.sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """Give tanh(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x)) for each element."""
    return _core.tanh(input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Give log(1 + exp(beta x)) / beta for each element; nothing overflows where beta x is finite.

    `threshold` is taken for PyTorch's sake and changes nothing: no x is too large for the formula.
    """
    if beta == 1.0:
        return _core.softplus(input)
    return _core.softplus(input * beta) / beta


def gelu(input: Tensor, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """Give x Phi(x) for each element; Phi is the distribution function of the standard normal distribution.

    Parameters
    ----------
    input : Tensor, float32 or float64, any shape
    approximate : {"none", "tanh"}, default "none"
        "none": x / 2 (1 + erf(x / sqrt(2))). "tanh": x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³))), which
        is off by up to 5e-4 and slower here; for networks that were trained with it.

    Raises
    ------
    ValueError
        If `approximate` is neither.

    Notes
    -----
    Source: Hendrycks and Gimpel (2016), Gaussian Error Linear Units, arXiv:1606.08415.
    """
    if approximate == "none":
        return _core.gelu(input)
    if approximate != "tanh":
        raise ValueError(f'[gelu] approximate is {approximate!r}; it must be "none" or "tanh"')
    inner = input * (1.0 + 0.044715 * _core.square(input)) * sqrt(2 / pi)
    return input * (0.5 + 0.5 * _core.tanh(inner))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Give x sigmoid(x) for each element. `inplace` is taken for PyTorch's sake and changes nothing.

    Source: Elfwing, Uchibe and Doya (2018), Neural Networks 107, arXiv:1702.03118.
    """
    return input * _core.sigmoid(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Give x for x > 0, else `negative_slope` x.

    `inplace` is taken for PyTorch's sake and changes nothing.
    """
    return _core.where(input > 0, input, input * negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Give x for x > 0, else alpha (exp(x) - 1). `inplace` is taken for PyTorch's sake and changes nothing.

    Source: Clevert, Unterthiner and Hochreiter (2016), Exponential Linear Units, arXiv:1511.07289.
    """
    positive = input > 0
    # exp of what is not positive: a large x must not give inf, which times a zero gradient is NaN.
    return _core.where(positive, input, alpha * _core.expm1(_core.where(positive, 0.0, input)))


def softmax(input: Tensor, dim: int) -> Tensor:
    """Give exp(x) / sum(exp(x)) along an axis: positive numbers whose sum is 1.

    Parameters
    ----------
    input : Tensor, float32 or float64, any shape but ()
    dim : int
        The axis; -1 is the last.

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
    The gradient is y (g - sum(g y)). No finite input overflows; -inf gives 0, a slice of nothing but -inf
    gives NaN. A loss wants `cross_entropy` or `log_softmax`: the logarithm of what is 0 here is lost.
    """
    return _core.softmax(input, dim)


def log_softmax(input: Tensor, dim: int) -> Tensor:
    """Give x - log(sum(exp(x))) along an axis: the logarithm of `softmax`, exact where that is small.

    Parameters
    ----------
    input : Tensor, float32 or float64, any shape but ()
    dim : int
        The axis; -1 is the last.

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
    The gradient is g - exp(y) sum(g). No finite input overflows.
    """
    return _core.log_softmax(input, dim)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each element to 0 with probability p, and multiply the others by 1 / (1 - p).

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
    The random bits come from the default generator: `bs.manual_seed` makes them repeatable. Source:
    Srivastava et al. (2014), Dropout, JMLR 15.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"[dropout] p is {p}; it must be between 0 and 1")
    if not training or p == 0.0:
        return input
    return _dropout(input, p)


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last axes: y = (x - mean) / sqrt(var + eps) * weight + bias.

    mean and var (the biased one, divided by n) are those of the n = prod(normalized_shape) elements.

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

    Notes
    -----
    Source: Ba, Kiros and Hinton (2016), Layer Normalization, arXiv:1607.06450.
    """
    axes = normalized_shape if isinstance(normalized_shape, tuple) else as_axes(normalized_shape)
    shape = input.shape
    if not axes or shape[-len(axes) :] != axes:
        raise ShapeError(
            f"[layer_norm] x is {shape}, normalized_shape is {axes}: the last axes must be those"
        )
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and tensor.shape != axes:
            raise ShapeError(
                f"[layer_norm] {name} is {tensor.shape}, normalized_shape is {axes}: must be equal"
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


def as_axes(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """Give the sizes of the last axes; NumPy's integers count as Python's."""
    if isinstance(normalized_shape, Sequence):
        return tuple(map(index, normalized_shape))
    return (index(normalized_shape),)


def cross_entropy(
    input: Tensor, target: Tensor | npt.ArrayLike, *, ignore_index: int = -100, reduction: Reduction = "mean"
) -> Tensor:
    """Softmax cross entropy of class scores: log(sum_c exp(z_c)) - z_target for each sample.

    Parameters
    ----------
    input : Tensor, float32 or float64, shape (N, C), (C,) or (N, C, d1, ..., dk)
        Scores (logits) of C classes.
    target : Tensor or array_like, int64 or int32, shape (N,), () or (N, d1, ..., dk)
        Class numbers from 0 to C - 1.
    ignore_index : int, default -100
        Samples with this target count as none.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the number of samples that count.

    Returns
    -------
    Tensor
        A scalar, or the target's shape with "none".

    Raises
    ------
    ShapeError
        If the shapes do not go together; targets of shape (N, 1) are not taken for (N,).
    DTypeError
        If the targets are not whole numbers.
    IndexError
        If a class number is out of range.

    Notes
    -----
    The gradient is softmax(z) - onehot(target), times 1 / N for the mean. No finite input overflows.
    """
    code = _reduction("cross_entropy", reduction)
    if not isinstance(target, Tensor):
        target = _core.tensor(target)
    dtype = target.dtype
    if dtype != _core.int64:
        if dtype != _core.int32:
            raise DTypeError(f"[cross_entropy] target is {dtype}: it must be class numbers, int64")
        target = _core.cast(target, _core.int64)
    if input.ndim == 2:
        return _cross_entropy(input, target, ignore_index=ignore_index, reduction=code)[0]
    shape, wanted = input.shape, target.shape
    if not shape or shape[:1] * (len(shape) > 1) + shape[2:] != wanted:
        raise ShapeError(
            f"[cross_entropy] input is {shape}, target is {wanted}: they are (N, C) and (N,), (C,) and (), "
            "or (N, C, d1, ...) and (N, d1, ...)"
        )
    if len(shape) > 2:
        input = _core.permute(input, (0, *range(2, len(shape)), 1))
    classes = shape[1] if len(shape) > 1 else shape[0]
    rows = prod(wanted)
    loss = _cross_entropy(
        _core.reshape(input, (rows, classes)),
        _core.reshape(target, (rows,)),
        ignore_index=ignore_index,
        reduction=code,
    )[0]
    return _core.reshape(loss, wanted) if reduction == "none" else loss


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: Reduction = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Cross entropy of a score z against a label y in [0, 1]: (1 - y) z + log(1 + exp(-z)).

    Parameters
    ----------
    input : Tensor, float32 or float64, any shape
        Scores (logits); sigmoid(z) is the probability of label 1.
    target : Tensor, the same shape
        Labels or probabilities from 0 to 1.
    weight : Tensor, optional
        Multiplies the loss of each element; any shape that broadcasts.
    reduction : {"mean", "sum", "none"}, default "mean"
    pos_weight : Tensor, optional
        Multiplies the part of label 1: (1 - y) z + (1 + (pos_weight - 1) y) log(1 + exp(-z)).

    Returns
    -------
    Tensor
        A scalar, or the input's shape with "none".

    Raises
    ------
    ShapeError
        If input and target differ in shape: (N, 1) against (N,) is no broadcast but an error.

    Notes
    -----
    The gradient is sigmoid(z) - y. No finite input overflows. For labels -1 and +1 see `logistic_loss`.
    """
    _same_shape("binary_cross_entropy_with_logits", input, target)
    tail = _core.softplus(-input)
    if pos_weight is not None:
        tail = tail * (1 + (pos_weight - 1) * target)
    loss = (1 - target) * input + tail
    if weight is not None:
        loss = loss * weight
    return _reduce("binary_cross_entropy_with_logits", loss, reduction)


def logistic_loss(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Logistic loss of a score z against a label y of -1 or +1: log(1 + exp(-y z)).

    Parameters
    ----------
    input : Tensor, float32 or float64, any shape
        Scores z; of a linear model z = wᵀx.
    target : Tensor, the same shape
        Labels -1 or +1.
    reduction : {"mean", "sum", "none"}, default "mean"

    Returns
    -------
    Tensor
        A scalar, or the input's shape with "none".

    Raises
    ------
    ShapeError
        If input and target differ in shape: (N, 1) against (N,) is no broadcast but an error.

    Notes
    -----
    With reduction "sum" and z = wᵀx this is L(w) = Σ log(1 + exp(-y wᵀx)), whose gradient is -Σ y x / (1 +
    exp(y wᵀx)). (The lecture notes print it without the minus sign and without y inside exp.) It equals
    `binary_cross_entropy_with_logits` with the label (y + 1) / 2. No finite input overflows.
    """
    _same_shape("logistic_loss", input, target)
    return _reduce("logistic_loss", _core.softplus(-(target * input)), reduction)


def mse_loss(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Squared error (x - y)² of each element; the gradient is 2 (x - y).

    Parameters
    ----------
    input : Tensor, float32 or float64, any shape
    target : Tensor, the same shape
    reduction : {"mean", "sum", "none"}, default "mean"

    Returns
    -------
    Tensor
        A scalar, or the input's shape with "none".

    Raises
    ------
    ShapeError
        If the shapes differ: (N, 1) against (N,) is no broadcast but an error.
    """
    _same_shape("mse_loss", input, target)
    return _reduce("mse_loss", _core.square(input - target), reduction)


def _reduction(op: str, reduction: str) -> int:
    try:
        return _REDUCTIONS[reduction]
    except (KeyError, TypeError):
        raise ValueError(f'[{op}] reduction is {reduction!r}; it must be "mean", "sum" or "none"') from None


def _reduce(op: str, loss: Tensor, reduction: str) -> Tensor:
    code = _reduction(op, reduction)
    return loss if code == 0 else _core.mean(loss) if code == 1 else _core.sum(loss)


def _same_shape(op: str, input: Tensor, target: Tensor) -> None:
    shape, other = input.shape, target.shape
    if shape != other:
        fix = f"; did you mean target.reshape({shape})?" if prod(shape) == prod(other) else ""
        raise ShapeError(f"[{op}] input is {shape}, target is {other}: the shapes must be equal{fix}")
