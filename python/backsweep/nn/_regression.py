"""Losses of numbers against numbers; `backsweep.nn.functional` has them among its names."""

from __future__ import annotations

from math import log, pi

from backsweep import _core
from backsweep._arguments import flag, floats, number, tensor
from backsweep._core import ShapeError, Tensor
from backsweep.nn._reduction import Reduction, operands, reduced, same_shape, word

__all__ = [
    "gaussian_nll_loss",
    "huber_loss",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


def _weighted(op: str, loss: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """Reduce with a weight of each element; the mean divides by the sum of the weights."""
    if weight is None:
        return reduced(loss, reduction)
    weight = tensor(op, "weight", weight)
    same_shape(op, input=loss, weight=weight)
    total = reduced(loss * weight, "sum" if reduction == "mean" else reduction)
    return total / _core.sum(weight) if reduction == "mean" else total


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Squared error (x - y)² of each element; the gradient is 2 (x - y).

    Parameters
    ----------
    input : Tensor, float32 or float64, any shape
    target : Tensor, the same shape
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
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
    op = "mse_loss"
    reduction_word = word(op, size_average, reduce, reduction)
    input, target = operands(op, input, target)
    return _weighted(op, _core.square(input - target), weight, reduction_word)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Absolute error |x - y| of each element; its arguments are those of `mse_loss`."""
    op = "l1_loss"
    reduction_word = word(op, size_average, reduce, reduction)
    input, target = operands(op, input, target)
    return _weighted(op, _core.abs(input - target), weight, reduction_word)


def _rounded(off: Tensor, width: float) -> Tensor:
    """Give d² / 2 for d = |off| below a width w, else w (d - w / 2)."""
    d = _core.abs(off)
    near = _core.clamp_max(d, width)
    return near * (d - 0.5 * near)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
    beta: float = 1.0,
) -> Tensor:
    """(x - y)² / (2 beta) where |x - y| < beta, else |x - y| - beta / 2.

    Parameters
    ----------
    input, target, size_average, reduce, reduction
        As those of `mse_loss`.
    beta : float, default 1
        Where the square ends; with 0 this is `l1_loss`.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ValueError
        If beta is negative.

    Notes
    -----
    Source: Girshick (2015), Fast R-CNN, arXiv:1504.08083.
    """
    op = "smooth_l1_loss"
    reduction_word = word(op, size_average, reduce, reduction)
    beta = number(op, "beta", beta)
    if beta < 0:
        raise ValueError(f"[{op}] beta is {beta}; it must be 0 or more")
    input, target = operands(op, input, target)
    off = input - target
    loss = _rounded(off, beta) / beta if beta > 0 else _core.abs(off)
    return reduced(loss, reduction_word)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: Reduction = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """(x - y)² / 2 where |x - y| < delta, else delta (|x - y| - delta / 2).

    Parameters
    ----------
    input, target, reduction
        As those of `mse_loss`.
    delta : float, default 1
    weight : Tensor, the same shape, optional
        Multiplies the loss of each element, whose mean is then taken as it is.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ValueError
        If delta is not positive.

    Notes
    -----
    Source: Huber (1964), Annals of Mathematical Statistics 35.
    """
    op = "huber_loss"
    reduction_word = word(op, None, None, reduction)
    delta = number(op, "delta", delta)
    if not delta > 0:
        raise ValueError(f"[{op}] delta is {delta}; it must be above 0")
    input, target = operands(op, input, target)
    loss = _rounded(input - target, delta)
    if weight is not None:
        weight = tensor(op, "weight", weight)
        same_shape(op, input=input, weight=weight)
        loss = loss * weight
    return reduced(loss, reduction_word)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Negative log-likelihood of counts y: exp(x) - y x, or x - y log(x + eps) without `log_input`.

    Parameters
    ----------
    input : Tensor, floats, any shape
        The logarithm of the expected count, or the count.
    target : Tensor, the same shape
    log_input : bool, default True
    full : bool, default False
        Add Stirling's approximation of log(y!): y log y - y + log(2 pi y) / 2 where y > 1.
    size_average, reduce, reduction
        As those of `mse_loss`.
    eps : float, default 1e-8

    Raises
    ------
    ShapeError
        If the shapes differ.
    """
    op = "poisson_nll_loss"
    reduction_word = word(op, size_average, reduce, reduction)
    input, target = operands(op, input, target)
    if flag(op, "log_input", log_input):
        loss = _core.exp(input) - target * input
    else:
        loss = input - target * _core.log(input + number(op, "eps", eps))
    if flag(op, "full", full):
        counts = _core.where(target > 1, target, 1.0)
        stirling = counts * _core.log(counts) - counts + 0.5 * _core.log(2 * pi * counts)
        loss = loss + _core.where(target > 1, stirling, 0.0)
    return reduced(loss, reduction_word)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> Tensor:
    """Negative log-likelihood of y under the normal distribution: (log v + (x - y)² / v) / 2.

    Parameters
    ----------
    input : Tensor, floats, shape (..., n)
        The expected values x.
    target : Tensor, the same shape
    var : Tensor or float
        The variances v, of the input's shape, or without its last axis, or of size 1 on one
        axis.
    full : bool, default False
        Add log(2 pi) / 2.
    eps : float, default 1e-6
        The least variance that is counted; the derivative passes it.
    reduction : {"mean", "sum", "none"}, default "mean"

    Raises
    ------
    ShapeError
        If the shapes do not go together.
    ValueError
        If eps is not positive, or the number `var` is negative.

    Notes
    -----
    Source: Nix and Weigend (1994), ICNN.
    """
    op = "gaussian_nll_loss"
    reduction_word = word(op, None, None, reduction)
    eps = number(op, "eps", eps)
    if not eps > 0:
        raise ValueError(f"[{op}] eps is {eps}; it must be above 0")
    input, target = operands(op, input, target)
    if not isinstance(var, Tensor):
        value = number(op, "var", var)
        if value < 0:
            raise ValueError(f"[{op}] var is {value}; it must be 0 or more")
        var = _core.full(input.shape, value, dtype=input.dtype)
    var = floats(op, "var", var)
    if var.shape != input.shape:
        if var.shape == input.shape[:-1]:
            var = _core.reshape(var, (*var.shape, 1))
        elif var.ndim != input.ndim or _others(var.shape, input.shape) != [1]:
            raise ShapeError(
                f"[{op}] input is {input.shape}, var is {var.shape}: var has the input's shape, that "
                "without its last axis, or that with one axis of size 1"
            )
    fixed = var.detach()
    var = var + (_core.clamp_min(fixed, eps) - fixed)
    loss = 0.5 * (_core.log(var) + _core.square(input - target) / var)
    if flag(op, "full", full):
        loss = loss + 0.5 * log(2 * pi)
    return reduced(loss, reduction_word)


def _others(shape: tuple[int, ...], wanted: tuple[int, ...]) -> list[int]:
    """Give the sizes that differ from those that are wanted."""
    return [size for size, other in zip(shape, wanted, strict=True) if size != other]
