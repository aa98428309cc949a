"""Losses of margins and pairs; `backsweep.nn.functional` has them among its names."""

from __future__ import annotations

from collections.abc import Callable

from backsweep import _core
from backsweep._arguments import flag, floats, number, tensor, whole
from backsweep._core import ShapeError, Tensor
from backsweep.nn._distances import pairwise_distance
from backsweep.nn._reduction import Reduction, operands, picked, reduced, same_shape, word

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def _above(x: Tensor) -> Tensor:
    """Give max(x, 0) with derivative 1 at 0, as PyTorch's losses have it."""
    return _core.clamp_min(x, 0.0)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """X for label 1, max(0, margin - x) for label -1.

    Parameters
    ----------
    input : Tensor, floats, any shape
        Distances x.
    target : Tensor, the same shape
        Labels 1 and -1.
    margin : float, default 1
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"

    Raises
    ------
    ShapeError
        If the shapes differ.
    """
    op = "hinge_embedding_loss"
    reduction_word = word(op, size_average, reduce, reduction)
    input, target = operands(op, input, target)
    apart = _above(number(op, "margin", margin) - input)
    loss = _core.where(target != 1, apart, 0.0) + _core.where(target != -1, input, 0.0)
    return reduced(loss, reduction_word)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """max(0, margin - y (a - b)): a should rank above b for label y = 1, below for -1.

    Parameters
    ----------
    input1, input2, target : Tensor, one shape
    margin, size_average, reduce, reduction
        As those of `hinge_embedding_loss`; `margin` is 0.

    Raises
    ------
    ShapeError
        If the shapes differ.
    """
    op = "margin_ranking_loss"
    reduction_word = word(op, size_average, reduce, reduction)
    input1, input2 = floats(op, "input1", input1), floats(op, "input2", input2)
    target = tensor(op, "target", target)
    same_shape(op, input1=input1, input2=input2, target=target)
    return reduced(_above(number(op, "margin", margin) - target * (input1 - input2)), reduction_word)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """1 - cos(a, b) for label 1, max(0, cos(a, b) - margin) for label -1.

    Parameters
    ----------
    input1, input2 : Tensor, floats, shape (N, D) or (D,)
    target : Tensor, shape (N,) or ()
    margin, size_average, reduce, reduction
        As those of `hinge_embedding_loss`; `margin` is 0.

    Raises
    ------
    ShapeError
        If the shapes do not go together.
    """
    op = "cosine_embedding_loss"
    reduction_word = word(op, size_average, reduce, reduction)
    input1, input2 = floats(op, "input1", input1), floats(op, "input2", input2)
    target = tensor(op, "target", target)
    same_shape(op, input1=input1, input2=input2)
    if input1.ndim not in (1, 2) or target.shape != input1.shape[:-1]:
        raise ShapeError(
            f"[{op}] inputs are {input1.shape}, target is {target.shape}: they are (N, D) and "
            "(N,), or (D,) and ()"
        )
    tiny = 1e-12  # PyTorch's
    squares = [_core.sum(_core.square(x), -1) + tiny for x in (input1, input2)]
    cosine = _core.sum(input1 * input2, -1) / _core.sqrt(squares[0] * squares[1])
    apart = _above(cosine - number(op, "margin", margin))
    loss = _core.where(target == 1, 1 - cosine, 0.0) + _core.where(target == -1, apart, 0.0)
    return reduced(loss, reduction_word)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """log(1 + exp(-y x)) for labels y of -1 and 1; its arguments are those of `hinge_embedding_loss`."""
    op = "soft_margin_loss"
    reduction_word = word(op, size_average, reduce, reduction)
    input, target = operands(op, input, target)
    return reduced(_core.softplus(-target * input), reduction_word)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Mean over the last axis of log(1 + exp(-x)) for label 1 and log(1 + exp(x)) for label 0.

    Parameters
    ----------
    input : Tensor, floats, shape (N, C) or (C,)
    target : Tensor, the same shape
        Labels 0 and 1.
    weight : Tensor, shape (C,), optional
        Multiplies the loss of each class.
    size_average, reduce, reduction
        As those of `hinge_embedding_loss`.

    Raises
    ------
    ShapeError
        If the shapes differ.
    """
    op = "multilabel_soft_margin_loss"
    reduction_word = word(op, size_average, reduce, reduction)
    input, target = operands(op, input, target)
    loss = target * _core.softplus(-input) + (1 - target) * _core.softplus(input)
    if weight is not None:
        loss = loss * tensor(op, "weight", weight)
    return reduced(_core.mean(loss, -1), reduction_word)


def _rows(op: str, input: Tensor, target: Tensor, axes: int) -> tuple[Tensor, Tensor]:
    """Give (C,) or (N, C) as (N, C), and its targets with a batch axis too; () is one class."""
    if input.ndim == 0:
        input, target = _core.reshape(input, (1,)), _core.reshape(target, (1,) * axes)
    if input.ndim not in (1, 2) or target.shape != input.shape[: input.ndim - 1 + axes]:
        wanted = "(N, C) or (C,)" if axes else "(N,) or ()"
        raise ShapeError(
            f"[{op}] input is {input.shape}, target is {target.shape}: input is (N, C) or (C,), target "
            f"{wanted}"
        )
    if input.ndim == 1:
        return _core.reshape(input, (1, *input.shape)), _core.reshape(target, (1, *target.shape))
    return input, target


def _hot(target: Tensor, classes: int) -> Tensor:
    """Give whether j is the target, one axis more."""
    return _core.reshape(target, (*target.shape, 1)) == _core.arange(classes)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Sum over the other classes i of max(0, margin - x_y + x_i)^p / C.

    Parameters
    ----------
    input : Tensor, floats, shape (N, C) or (C,)
    target : Tensor, int64, shape (N,) or ()
        The classes y.
    p : {1, 2}, default 1
    margin : float, default 1
    weight : Tensor, shape (C,), optional
        Multiplies the loss of the samples of each class.
    size_average, reduce, reduction
        As those of `hinge_embedding_loss`.

    Raises
    ------
    ShapeError
        If the shapes do not go together.
    ValueError
        If p is neither 1 nor 2.
    """
    op = "multi_margin_loss"
    reduction_word = word(op, size_average, reduce, reduction)
    if whole(op, "p", p) not in (1, 2):
        raise ValueError(f"[{op}] p is {p}; it must be 1 or 2")
    input, target = floats(op, "input", input), tensor(op, "target", target)
    single = input.ndim < 2
    rows, labels = _rows(op, input, target, 0)
    classes = rows.shape[1]
    hot = _hot(labels, classes)
    own = picked(op, rows, _core.reshape(labels, (-1, 1)))
    terms = _above(number(op, "margin", margin) - own + rows)
    terms = _core.where(hot, 0.0, terms if p == 1 else _core.square(terms))
    if weight is not None:
        terms = terms * _core.index_rows(floats(op, "weight", weight), _core.reshape(labels, (-1, 1)))
    loss = _core.sum(terms, 1) / classes
    return reduced(_core.reshape(loss, ()) if single else loss, reduction_word)


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Sum over the labels j and the other classes i of max(0, 1 - x_j + x_i) / C.

    Parameters
    ----------
    input : Tensor, floats, shape (N, C) or (C,)
    target : Tensor, int64, the same shape
        The labels of each sample; what follows the first -1 counts for nothing.
    size_average, reduce, reduction
        As those of `hinge_embedding_loss`.

    Raises
    ------
    ShapeError
        If the shapes differ.
    """
    op = "multilabel_margin_loss"
    reduction_word = word(op, size_average, reduce, reduction)
    input, target = floats(op, "input", input), tensor(op, "target", target)
    single = input.ndim < 2
    rows, labels = _rows(op, input, target, 1)
    classes = rows.shape[1]
    there = _core.cumsum(_core.cast(labels < 0, _core.int64), 1) == 0
    hot = _hot(labels, classes) & _core.reshape(there, (*there.shape, 1))  # (N, label, class)
    own = _core.reshape(picked(op, rows, _core.where(there, labels, 0)), (*there.shape, 1))
    is_label = _core.sum(hot, 1, True) > 0
    terms = _above(1 - own + _core.reshape(rows, (-1, 1, classes)))
    counts = _core.reshape(there, (*there.shape, 1)) & ~is_label
    loss = _core.sum(_core.where(counts, terms, 0.0), (1, 2)) / classes
    return reduced(_core.reshape(loss, ()) if single else loss, reduction_word)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """max(0, d(a, p) - d(a, n) + margin) with d the distance of vectors on the last axis.

    Parameters
    ----------
    anchor, positive, negative : Tensor, floats, shape (N, D) or (D,)
    margin : float, default 1
    p, eps : float
        As those of `pairwise_distance`.
    swap : bool, default False
        Take d(p, n) where it is less than d(a, n). Source: Balntas et al. (2016), BMVC.
    size_average, reduce, reduction
        As those of `hinge_embedding_loss`.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ValueError
        If the margin is not positive.
    """
    op = "triplet_margin_loss"
    reduction_word = word(op, size_average, reduce, reduction)
    return _triplet(
        op,
        (anchor, positive, negative),
        lambda x, y: pairwise_distance(x, y, p, eps),
        margin,
        swap,
        reduction_word,
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """Give `triplet_margin_loss` with a distance of one's own; without one `pairwise_distance`."""
    op = "triplet_margin_with_distance_loss"
    reduction_word = word(op, None, None, reduction)
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(op, (anchor, positive, negative), distance, margin, swap, reduction_word)


def _triplet(
    op: str,
    vectors: tuple[Tensor, Tensor, Tensor],
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    anchor, positive, negative = (
        floats(op, name, x) for name, x in zip(("anchor", "positive", "negative"), vectors, strict=True)
    )
    same_shape(op, anchor=anchor, positive=positive, negative=negative)
    margin = number(op, "margin", margin)
    if not margin > 0:
        raise ValueError(f"[{op}] margin is {margin}; it must be above 0")
    near, far = distance(anchor, positive), distance(anchor, negative)
    if flag(op, "swap", swap):
        far = _core.minimum(far, distance(positive, negative))
    return reduced(_above(near - far + margin), reduction)
