"""Dropout of elements and of channels; `backsweep.nn.functional` has it among its names.

The random bits come from the default generator: `bs.manual_seed` makes them repeatable.
"""

from __future__ import annotations

from math import sqrt

from backsweep import _core
from backsweep._arguments import flag, floats, number
from backsweep._core import ShapeError, Tensor
from backsweep._formula import formula
from backsweep.nn._activations import in_place

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]

_dropout = _core.ops.dropout


def probability(op: str, p: float) -> float:
    """Give an argument that must be a probability, or raise."""
    given = number(op, "p", p)
    if not 0.0 <= given <= 1.0:
        raise ValueError(f"[{op}] p is {given}; it must be between 0 and 1")
    return given


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
    inplace : bool, default False
        The input becomes the result.

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
    return in_place("dropout", input, _dropout(input, p), inplace)


def _of_channels(op: str, input: Tensor, batched: bool) -> Tensor:
    """Give ones, one for each channel of each sample."""
    shape = input.shape
    kept = 2 if batched else 1
    return _core.ones((*shape[:kept], *[1] * (len(shape) - kept)), dtype=floats(op, "input", input).dtype)


def _channels(
    op: str, axes: tuple[int, int], input: Tensor, p: float, training: bool, inplace: bool
) -> Tensor:
    p = probability(op, p)
    if input.ndim not in axes:
        raise ShapeError(f"[{op}] input is {input.shape}; it must have {axes[0]} or {axes[1]} axes")
    if not flag(op, "training", training) or p == 0.0:
        return input
    kept = _dropout(_of_channels(op, input, input.ndim == axes[1]), p)
    return in_place(op, input, input * kept, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set whole channels of (N, C, L) or (C, L) to 0 with probability p, the others to x / (1 - p).

    Its arguments are those of `dropout`. Source: Tompson et al. (2015), arXiv:1411.4280.

    Raises
    ------
    ShapeError
        If the input has another number of axes.
    ValueError
        If p is not between 0 and 1.
    """
    return _channels("dropout1d", (2, 3), input, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set whole channels of (N, C, H, W) to 0 with probability p, the others to x / (1 - p).

    Three axes are (N, C, L), and two are channels of one number, as in PyTorch. Its arguments and errors are
    those of `dropout1d`.
    """
    if input.ndim == 2:
        return dropout(input, p, training, inplace)
    return _channels("dropout2d", (3, 4) if input.ndim == 4 else (2, 3), input, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set whole channels of (N, C, D, H, W) or (C, D, H, W) to 0 with probability p, others to x / (1 - p).

    Its arguments and errors are those of `dropout1d`.
    """
    return _channels("dropout3d", (4, 5), input, p, training, inplace)


# What `selu` tends to for large negative x, -scale alpha, stands for what is dropped.
_LOW = -1.0507009873554804934 * 1.6732632423543772848


def _alpha(op: str, input: Tensor, ones: Tensor, p: float, inplace: bool) -> Tensor:
    if p == 1.0:
        return in_place(op, input, input * 0.0, inplace)
    scale = 1 / sqrt((1 - p) * (1 + p * _LOW**2))
    kept = _dropout(ones, p) != 0
    made = _core.where(kept, input, _LOW) * scale - scale * _LOW * p
    return in_place(op, input, made, inplace)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Set elements to the least value of `selu` with probability p, keeping mean 0 and variance 1.

    The result is a x + b, with l = -1.7581 in the place of what is dropped, where
    a = ((1 - p)(1 + p l²))^(-1/2) and b = -a p l. Its arguments and errors are those of `dropout`.
    Source: Klambauer et al. (2017), arXiv:1706.02515.
    """
    op = "alpha_dropout"
    p = probability(op, p)
    if not flag(op, "training", training) or p == 0.0:
        return input
    input = floats(op, "input", input)
    return _alpha(op, input, _core.ones(input.shape, dtype=input.dtype), p, inplace)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Apply `alpha_dropout` to whole channels (axis 1).

    Raises
    ------
    ShapeError
        If the input has less than two axes.
    """
    op = "feature_alpha_dropout"
    p = probability(op, p)
    if not flag(op, "training", training) or p == 0.0:
        return input
    if input.ndim < 2:
        raise ShapeError(f"[{op}] input is {input.shape}; it must have channels on axis 1")
    return _alpha(op, input, _of_channels(op, input, True), p, inplace)
