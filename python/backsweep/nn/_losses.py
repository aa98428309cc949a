"""Losses of classes and probabilities; `backsweep.nn.functional` has them among its names."""

from __future__ import annotations

from math import prod
from typing import Literal

import numpy.typing as npt

from backsweep import _core
from backsweep._arguments import flag, floats, number, tensor, whole
from backsweep._core import DTypeError, ShapeError, Tensor
from backsweep._formula import formula
from backsweep.nn._reduction import Reduction, operands, picked, reduced, word

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "kl_div",
    "linear_cross_entropy",
    "logistic_loss",
    "nll_loss",
]

_cross_entropy = _core.ops.cross_entropy
_linear = _core.ops.linear


@formula(_cross_entropy)
def cross_entropy(
    input: Tensor,
    target: Tensor | npt.ArrayLike,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
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
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
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
    return _cross_entropy_of(
        op, input, target, weight, ignore_index, word(op, size_average, reduce, reduction), label_smoothing
    )


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor | npt.ArrayLike,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: Reduction = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: None = None,
) -> Tensor:
    """Softmax cross entropy of the scores of a linear layer: cross_entropy(linear(input, W, b), target).

    Parameters
    ----------
    input : Tensor, float32 or float64, shape (N, in) or (in,)
    linear_weight : Tensor, shape (C, in), or (C, d1, ..., dk, in) with an input of (N, in)
    target : Tensor or array_like
        Class numbers, int64, of shape (N,), () or (N, d1, ..., dk); or the probability of each class, floats
        of shape (N, C), (C,) or (N, C, d1, ..., dk).
    linear_bias : Tensor, shape (C,) or (C, d1, ..., dk), optional
    weight : Tensor, shape (C,), optional
        Multiplies the loss of the samples of each class.
    reduction : {"mean", "sum", "none"}, default "mean"
    ignore_index : int, optional
        Samples with this target count as none; by default -100. Not with probabilities.
    label_smoothing : float, default 0
    options : None
        PyTorch's way to compute parts of the batch one after another, which is not here.

    Returns
    -------
    Tensor
        A scalar, or the shape of the class numbers with "none".

    Raises
    ------
    ShapeError
        If the shapes do not go together.
    ValueError
        If `ignore_index` is given with probabilities.
    NotImplementedError
        If `options` is given; `bs.compile(fn, recompute=BYTES)` lets a function keep to a budget.

    Notes
    -----
    The other arguments, derivatives and errors are those of `cross_entropy`.
    """
    op = "linear_cross_entropy"
    if options is not None:
        raise NotImplementedError(
            f"[{op}] options must be None; for less memory: bs.compile(fn, recompute=BYTES)"
        )
    x, w = floats(op, "input", input), floats(op, "linear_weight", linear_weight)
    if x.ndim not in (1, 2) or w.ndim < 2 or x.shape[-1] != w.shape[-1] or (w.ndim > 2 and x.ndim == 1):
        raise ShapeError(
            f"[{op}] input is {x.shape}, linear_weight is {w.shape}: they are (N, in) or (in,) and (C, in), "
            "or (N, in) and (C, d1, ..., in)"
        )
    outputs = w.shape[:-1]
    if linear_bias is not None and linear_bias.shape != outputs:
        raise ShapeError(
            f"[{op}] linear_bias is {linear_bias.shape}, linear_weight is {w.shape}: it is {outputs}"
        )
    target = tensor(op, "target", target)
    if target.dtype.is_floating_point and ignore_index is not None:
        raise ValueError(f"[{op}] ignore_index is {ignore_index}; with probabilities it must be None")
    rows = _core.reshape(w, (prod(outputs), w.shape[-1]))
    bias = None if linear_bias is None else _core.reshape(linear_bias, (prod(outputs),))
    scores = _core.reshape(_linear(x, rows, bias), (*x.shape[:-1], *outputs))
    ignored = -100 if ignore_index is None else ignore_index
    return _cross_entropy_of(op, scores, target, weight, ignored, reduction, label_smoothing)


def _cross_entropy_of(
    op: str,
    input: Tensor,
    target: Tensor | npt.ArrayLike,
    weight: Tensor | None,
    ignore_index: int,
    reduction: Reduction,
    label_smoothing: float,
) -> Tensor:
    input = tensor(op, "input", input)
    if not isinstance(target, Tensor):
        target = tensor(op, "target", target)
    smoothing = number(op, "label_smoothing", label_smoothing)
    if not 0.0 <= smoothing <= 1.0:
        raise ValueError(f"[{op}] label_smoothing is {smoothing}; it must be between 0 and 1")
    if target.dtype.is_floating_point:
        weight = None if weight is None else _class_weight(op, input, weight)
        return _soft_cross_entropy(input, target, weight, reduction, smoothing)
    if target.dtype != _core.int64:
        raise DTypeError(
            f"[{op}] target is {target.dtype.name}: class numbers are int64; use target.to(bs.int64)"
        )
    if input.ndim == 2 and weight is None and smoothing == 0.0:
        return _cross_entropy(input, target, ignore_index=ignore_index, reduction=reduction)[0]
    wanted = target.shape
    _check_classes(op, input, wanted)
    rows, labels = _classes_last(input), _core.reshape(target, (prod(wanted),))
    if weight is None and smoothing == 0.0:
        loss = _cross_entropy(rows, labels, ignore_index=ignore_index, reduction=reduction)[0]
    else:
        weight = None if weight is None else _class_weight(op, input, weight)
        loss = _weighted_cross_entropy(rows, labels, weight, ignore_index, reduction, smoothing)
    return _core.reshape(loss, wanted) if reduction == "none" else loss


def _check_classes(op: str, input: Tensor, wanted: tuple[int, ...]) -> None:
    shape = input.shape
    if not shape or shape[:1] * (len(shape) > 1) + shape[2:] != wanted:
        raise ShapeError(
            f"[{op}] input is {shape}, target is {wanted}: they are (N, C) and (N,), (C,) and (), "
            "or (N, C, d1, ...) and (N, d1, ...)"
        )


def _classes_last(x: Tensor) -> Tensor:
    """Give (C,), (N, C) or (N, C, d1, ...) as rows of C classes."""
    n = x.ndim
    if n > 2:
        x = _core.permute(x, (0, *range(2, n), 1))
    classes = x.shape[-1]
    return _core.reshape(x, (prod(x.shape[:-1]), classes))


def _class_weight(op: str, input: Tensor, weight: Tensor) -> Tensor:
    weight = floats(op, "weight", weight)
    classes = input.shape[:2][-1:]
    if weight.shape != classes:
        raise ShapeError(
            f"[{op}] weight is {weight.shape}, input is {input.shape}: it must have one number per "
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


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Negative log-likelihood of classes: -input[i, target_i].

    Parameters
    ----------
    input : Tensor, floats, shape (N, C), (C,) or (N, C, d1, ..., dk)
        Logarithms of probabilities, as `log_softmax` gives them.
    target : Tensor, int64, shape (N,), () or (N, d1, ..., dk)
        Class numbers from 0 to C - 1.
    weight, size_average, ignore_index, reduce, reduction
        As those of `cross_entropy`.

    Raises
    ------
    ShapeError
        If the shapes do not go together.
    DTypeError
        If the targets are not int64.
    IndexError
        If a class number is out of range.
    """
    op = "nll_loss"
    reduction_word = word(op, size_average, reduce, reduction)
    input, target = floats(op, "input", input), tensor(op, "target", target)
    if target.dtype != _core.int64:
        raise DTypeError(
            f"[{op}] target is {target.dtype.name}: class numbers are int64; use target.to(bs.int64)"
        )
    wanted = target.shape
    _check_classes(op, input, wanted)
    rows, labels = _classes_last(input), _core.reshape(target, (prod(wanted), 1))
    counts = labels != whole(op, "ignore_index", ignore_index, None)
    label = _core.where(counts, labels, 0)
    gain, share = picked(op, rows, label), counts
    if weight is not None:
        share = _core.where(counts, _core.index_rows(_class_weight(op, input, weight), label), 0.0)
        gain = gain * share
    loss = -_core.where(counts, gain, 0.0)
    if reduction_word == "none":
        return _core.reshape(loss, wanted)
    total = _core.sum(loss)
    return total / _core.sum(share) if reduction_word == "mean" else total


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Cross entropy of a probability p against a label y in [0, 1]: -(y log p + (1 - y) log(1 - p)).

    Parameters
    ----------
    input : Tensor, floats, any shape
        Probabilities; other numbers give NaN.
    target : Tensor, the same shape
    weight, size_average, reduce, reduction
        As those of `binary_cross_entropy_with_logits`, which loses less: prefer it.

    Raises
    ------
    ShapeError
        If the shapes differ: (N, 1) against (N,) is no broadcast but an error.

    Notes
    -----
    Logarithms below -100 count as -100.
    """
    op = "binary_cross_entropy"
    reduction_word = word(op, size_average, reduce, reduction)
    input, target = operands(op, input, target)
    there, rest = (_core.clamp_min(t, -100.0) for t in (_core.log(input), _core.log1p(-input)))
    loss = (target - 1) * rest - target * there
    if weight is not None:
        loss = loss * tensor(op, "weight", weight)
    return reduced(loss, reduction_word)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
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
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
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
    reduction_word = word(op, size_average, reduce, reduction)
    input, target = operands(op, input, target)
    tail = _core.softplus(-input)
    if pos_weight is not None:
        tail = tail * (1 + (floats(op, "pos_weight", pos_weight) - 1) * target)
    loss = (1 - target) * input + tail
    if weight is not None:
        loss = loss * tensor(op, "weight", weight)
    return reduced(loss, reduction_word)


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
    op = "logistic_loss"
    reduction_word = word(op, None, None, reduction)
    input, target = operands(op, input, target)
    return reduced(_core.softplus(-(target * input)), reduction_word)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Literal["none", "batchmean", "mean", "sum"] = "mean",
    log_target: bool = False,
) -> Tensor:
    """Kullback-Leibler divergence of distributions: y (log y - x), x the logarithm of a probability.

    Parameters
    ----------
    input : Tensor, floats, any shape
        Logarithms of probabilities.
    target : Tensor, the same shape
        Probabilities, or with `log_target` their logarithms.
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "batchmean", "sum", "none"}, default "mean"
        "batchmean" divides the sum by the first size: the divergence as it is defined.
    log_target : bool, default False

    Raises
    ------
    ShapeError
        If the shapes differ.
    """
    op = "kl_div"
    how = word(op, size_average, reduce, "sum" if reduction == "batchmean" else reduction)
    input, target = operands(op, input, target)
    if flag(op, "log_target", log_target):
        loss = _core.exp(target) * (target - input)
    else:
        loss = _core.xlogy(target, target) - target * input
    total = reduced(loss, how)
    return total / input.shape[0] if reduction == "batchmean" and input.ndim else total
