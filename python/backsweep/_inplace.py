"""In-place methods that are not an op's: other sizes, the diagonal."""

from __future__ import annotations

from typing import Any

from backsweep import _core, _device
from backsweep._arguments import sizes
from backsweep._core import GraphError, ShapeError, Tensor
from backsweep._methods import method

__all__ = ["resize_as_"]


@method
def resize_(input: Tensor, *size: Any, memory_format: Any = None) -> Tensor:
    """Give the tensor another size: its elements in row-major order as far as they go, then zeros.

    What has as many elements stays a view of what it was one of; else the value is one of its own, which no
    view shows. RuntimeError for a tensor that requires a gradient.
    """
    _device.check_layout("resize_", None, memory_format)
    if input.requires_grad:
        raise GraphError(
            "[resize_] a tensor that requires a gradient cannot be resized: use view(), or resize x.detach()"
        )
    shape = sizes("resize_", "size", size[0] if len(size) == 1 else size)
    more = _core.zeros(shape).numel() - input.numel()
    value = input
    if more:
        flat = input.flatten()
        value = flat.narrow(0, 0, flat.numel() + min(more, 0)).clone()
        if more > 0:
            value = _core.cat([value, _core.zeros(more, dtype=input.dtype)])
    input.data = value.reshape(shape)
    return input


@method
def resize_as_(input: Tensor, the_template: Tensor, memory_format: Any = None) -> Tensor:
    """Give the tensor the size of another, as `resize_`."""
    return resize_(input, the_template.shape, memory_format=memory_format)


@method
def fill_diagonal_(input: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Write a number to all [i, i, ...]; in tall matrices with `wrap` again from each (n + 2)-th row on."""
    if input.ndim < 2 or (input.ndim > 2 and len(set(input.shape)) > 1):
        raise ShapeError(
            f"[fill_diagonal_] input is {tuple(input.shape)}: it must be a matrix, or all its sizes equal"
        )
    if input.ndim > 2:
        places = _core.arange(input.shape[0])
        input[(places,) * input.ndim] = fill_value
        return input
    rows, columns = input.shape
    for first in range(0, rows, columns + 1) if wrap and columns else [0]:
        part = input[first:] if first else input
        part.diagonal().fill_(fill_value)
    return input
