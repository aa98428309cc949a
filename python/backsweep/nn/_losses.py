"""Losses as functions; `backsweep.nn.functional` has them among its names."""

from __future__ import annotations

from math import prod
from typing import Any, Literal

import numpy.typing as npt

from backsweep import _core
from backsweep._arguments import floats, number, one_of, tensor, whole
from backsweep._core import DTypeError, ShapeError, Tensor
from backsweep._formula import formula

__all__ = [
    "Reduction",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "logistic_loss",
    "mse_loss",
]

Reduction = Literal["none", "mean", "sum"]

_cross_entropy = _core.ops.cross_entropy


@formula(_cross_entropy)
def cross_entropy(
    input: Tensor,
    target: Tensor | npt.ArrayLike,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Softmax cross entropy of class scores.

    Parameters
    ----------
    input : Tensor, float32 or float64, shape (N, C), (C,) or (N, C, d1, ..., dk)
        Scores (logits) of C classes.
    target : Tensor or array_like
        Class numbers from 0 to C - 1, int64, of shape (N,), () or (N, d1, ..., dk); or the probability of
        each class, floats of the input's shape.
    weight : Tensor, shape (C,), optional
        Multiplies the loss of the samples of each class.
    ignore_index : int, default -100
        Samples with this target count as none.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the number of samples that count, or the sum of their weights; with probabilities
        by the number of samples.
    label_smoothing : float, default 0
        How much of each sample's probability, from 0 to 1, is spread evenly over all classes.

    Returns
    -------
    Tensor
        A scalar, or the shape of the class numbers with "none".

    Raises
    ------
    ShapeError
        If the shapes do not go together; targets of shape (N, 1) are not taken for (N,).
    DTypeError
        If the targets are neither int64 nor floats.
    IndexError
        If a class number is out of range.
    ValueError
        If `label_smoothing` is not between 0 and 1.

    Notes
    -----
    The gradient is softmax(input) - onehot(target), times 1 / N for the mean.
    """
    op = "cross_entropy"
    _check_reduction(op, reduction)
    input, target = tensor(op, "input", input), tensor(op, "target", target)
    smoothing = number(op, "label_smoothing", label_smoothing)
    if not 0.0 <= smoothing <= 1.0:
        raise ValueError(f"[{op}] label_smoothing is {smoothing}; it must be between 0 and 1")
    if target.dtype.is_floating_point:
        return _soft_cross_entropy(input, target, _class_weight(input, weight), reduction, smoothing)
    if target.dtype != _core.int64:
        raise DTypeError(
            f"[{op}] target is {target.dtype.name}: class numbers are int64; use target.to(bs.int64)"
        )
    if input.ndim == 2 and weight is None and smoothing == 0.0:
        return _cross_entropy(input, target, ignore_index=ignore_index, reduction=reduction)[0]
    shape, wanted = input.shape, target.shape
    if not shape or shape[:1] * (len(shape) > 1) + shape[2:] != wanted:
        raise ShapeError(
            f"[{op}] input is {shape}, target is {wanted}: they are (N, C) and (N,), (C,) and (), "
            "or (N, C, d1, ...) and (N, d1, ...)"
        )
    rows, labels = _classes_last(input), _core.reshape(target, (prod(wanted),))
    if weight is None and smoothing == 0.0:
        loss = _cross_entropy(rows, labels, ignore_index=ignore_index, reduction=reduction)[0]
    else:
        weight = _class_weight(input, weight)
        loss = _weighted_cross_entropy(rows, labels, weight, ignore_index, reduction, smoothing)
    return _core.reshape(loss, wanted) if reduction == "none" else loss


def _classes_last(x: Tensor) -> Tensor:
    """Give (C,), (N, C) or (N, C, d1, ...) as rows of C classes."""
    n = x.ndim
    if n > 2:
        x = _core.permute(x, (0, *range(2, n), 1))
    classes = x.shape[-1]
    return _core.reshape(x, (prod(x.shape[:-1]), classes))


def _class_weight(input: Tensor, weight: Tensor | None) -> Tensor | None:
    if weight is None:
        return None
    weight = floats("cross_entropy", "weight", weight)
    classes = input.shape[:2][-1:]
    if weight.shape != classes:
        raise ShapeError(
            f"[cross_entropy] weight is {weight.shape}, input is {input.shape}: it must have one number per "
            f"class, {classes}"
        )
    return weight


def _weighted_cross_entropy(
    rows: Tensor, labels: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, smoothing: float
) -> Tensor:
    """Give the loss with weights of classes or smoothed labels, of rows (n, C) and labels (n,)."""
    classes = rows.shape[1]
    loss = _cross_entropy(rows, labels, ignore_index=ignore_index, reduction="none")[0]  # checks the labels
    counts = labels != whole("cross_entropy", "ignore_index", ignore_index, None)
    share = _core.cast(counts, rows.dtype)
    if weight is not None:
        hot = _core.reshape(labels, (-1, 1)) == _core.arange(classes)
        share = share * _core.sum(_core.where(hot, weight, 0.0), 1)
        loss = loss * share
    if smoothing > 0.0:
        spread = -_core.log_softmax(rows, 1)
        spread = _core.sum(spread if weight is None else spread * weight, 1)
        loss = (1.0 - smoothing) * loss + smoothing / classes * _core.where(counts, spread, 0.0)
    if reduction == "none":
        return loss
    return _core.sum(loss) / _core.sum(share) if reduction == "mean" else _core.sum(loss)


def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    """Give the loss against probabilities of the classes."""
    shape = input.shape
    if target.shape != shape or not shape:
        raise DTypeError(
            f"[cross_entropy] target is {target.dtype.name} of shape {target.shape}, input is {shape}: class "
            "numbers are int64, probabilities have the input's shape"
        )
    rows, parts = _classes_last(input), _classes_last(target)
    if smoothing > 0.0:
        parts = (1.0 - smoothing) * parts + smoothing / rows.shape[1]
    terms = -_core.log_softmax(rows, 1) * parts
    loss = _core.sum(terms if weight is None else terms * weight, 1)
    if reduction == "none":
        return _core.reshape(loss, shape[:1] * (len(shape) > 1) + shape[2:])
    total = _core.sum(loss)
    return total / loss.numel() if reduction == "mean" else total


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
    op = "binary_cross_entropy_with_logits"
    input, target = _operands(op, input, target)
    tail = _core.softplus(-input)
    if pos_weight is not None:
        tail = tail * (1 + (floats(op, "pos_weight", pos_weight) - 1) * target)
    loss = (1 - target) * input + tail
    if weight is not None:
        loss = loss * tensor(op, "weight", weight)
    return _reduce(op, loss, reduction)


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
    input, target = _operands("logistic_loss", input, target)
    return _reduce("logistic_loss", _core.softplus(-(target * input)), reduction)


def mse_loss(
    input: Tensor, target: Tensor, *, reduction: Reduction = "mean", weight: Tensor | None = None
) -> Tensor:
    """Squared error (x - y)² of each element; the gradient is 2 (x - y).

    Parameters
    ----------
    input : Tensor, float32 or float64, any shape
    target : Tensor, the same shape
    reduction : {"mean", "sum", "none"}, default "mean"
    weight : Tensor, the same shape, optional
        Multiplies the loss of each element; "mean" then divides by the sum of the weights.

    Returns
    -------
    Tensor
        A scalar, or the input's shape with "none".

    Raises
    ------
    ShapeError
        If the shapes differ: (N, 1) against (N,) is no broadcast but an error.
    """
    input, target = _operands("mse_loss", input, target)
    loss = _core.square(input - target)
    if weight is None:
        return _reduce("mse_loss", loss, reduction)
    weight = tensor("mse_loss", "weight", weight)
    if weight.shape != input.shape:
        raise ShapeError(f"[mse_loss] weight is {weight.shape}, input is {input.shape}: must be equal")
    total = _reduce("mse_loss", loss * weight, "sum" if reduction == "mean" else reduction)
    return total / _core.sum(weight) if reduction == "mean" else total


def _check_reduction(op: str, reduction: str) -> None:
    one_of(op, "reduction", reduction, ("mean", "sum", "none"))


def _reduce(op: str, loss: Tensor, reduction: str) -> Tensor:
    _check_reduction(op, reduction)
    return loss if reduction == "none" else _core.mean(loss) if reduction == "mean" else _core.sum(loss)


def _operands(op: str, input: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Give input and target of equal shapes as tensors, or raise."""
    input, target = floats(op, "input", input), tensor(op, "target", target)
    shape, other = input.shape, target.shape
    if shape != other:
        fix = f"; did you mean target.reshape({shape})?" if prod(shape) == prod(other) else ""
        raise ShapeError(f"[{op}] input is {shape}, target is {other}: the shapes must be equal{fix}")
    return input, target
