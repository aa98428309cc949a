"""What losses share: their operands and how their values are reduced."""

from __future__ import annotations

import warnings
from math import prod
from typing import Any, Literal

from backsweep import _core
from backsweep._arguments import floats, one_of, tensor
from backsweep._core import ShapeError, Tensor

__all__ = ["Reduction", "operands", "picked", "reduced", "same_shape", "word"]

Reduction = Literal["none", "mean", "sum"]
_WORDS: tuple[Reduction, ...] = ("mean", "sum", "none")


def word(op: str, size_average: bool | None, reduce: bool | None, reduction: Reduction) -> Reduction:
    """Give the reduction, which PyTorch's abandoned arguments replace where they are given."""
    if size_average is None and reduce is None:
        given: object = reduction
        if type(given) is str and given in _WORDS:
            return reduction
        return one_of(op, "reduction", reduction, _WORDS)
    old: Reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(f'[{op}] size_average and reduce are deprecated: say reduction="{old}"', stacklevel=3)
    return old


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """Give all values, their mean or their sum."""
    return loss if reduction == "none" else _core.mean(loss) if reduction == "mean" else _core.sum(loss)


def same_shape(op: str, **given: Tensor) -> None:
    """Raise unless all shapes are equal."""
    (first, x), *rest = given.items()
    for name, other in rest:
        if other.shape == x.shape:
            continue
        same = prod(x.shape) == prod(other.shape)
        fix = f"; did you mean {name}.reshape({x.shape})?" if same else ""
        raise ShapeError(
            f"[{op}] {first} is {x.shape}, {name} is {other.shape}: the shapes must be equal{fix}"
        )


def operands(op: str, input: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Give input and target of equal shapes as tensors, or raise."""
    input = floats(op, "input", input)
    if not isinstance(target, Tensor):
        target = tensor(op, "target", target)
    if input.shape != target.shape:
        same_shape(op, input=input, target=target)
    return input, target


def picked(op: str, rows: Tensor, labels: Tensor) -> Tensor:
    """Give rows[i, labels[i, j]], of rows (n, C) and labels (n, m), or raise where there is no such class."""
    try:
        return _core.gather(rows, 1, labels)
    except IndexError:
        raise IndexError(f"[{op}] a target is not among the {rows.shape[1]} classes of the input") from None
