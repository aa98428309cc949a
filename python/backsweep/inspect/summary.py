"""A table of a model's layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any, NamedTuple

from backsweep import _core
from backsweep._core import DType, Tensor
from backsweep.nn import Module

__all__ = ["Row", "Summary", "summary"]


class Row(NamedTuple):
    """One layer: path, type, the output's shape if it was run, how many numbers its own parameters hold."""

    path: str
    type: str
    output_shape: str
    parameters: int


class Summary:
    """What `summary` gives; `str` and `repr` are the table.

    Attributes
    ----------
    rows : list of Row
        In the order of `named_modules`.
    parameters, trainable : int
        How many numbers the parameters hold, each counted once, and those that collect gradients.
    """

    def __init__(self, rows: list[Row], parameters: int, trainable: int) -> None:
        self.rows, self.parameters, self.trainable = rows, parameters, trainable

    def __repr__(self) -> str:
        table = [("layer", "type", "output", "parameters")]
        table += [
            (row.path or "(model)", row.type, row.output_shape, f"{row.parameters:,}") for row in self.rows
        ]
        widths = [max(len(row[i]) for row in table) for i in range(4)]
        lines = [
            f"{path:{widths[0]}}  {kind:{widths[1]}}  {shape:{widths[2]}}  {count:>{widths[3]}}"
            for path, kind, shape, count in table
        ]
        rule = "-" * len(lines[0])
        total = f"{self.parameters:,} parameters, {self.trainable:,} of them trained"
        return "\n".join([lines[0], rule, *lines[1:], rule, total])


def summary(model: Module, input_shape: tuple[int, ...] | None = None, dtype: DType | None = None) -> Summary:
    """List a model's layers, with output shapes and numbers of parameters.

    Parameters
    ----------
    model : Module
    input_shape : tuple of int, optional
        The shape of an input with its batch axis. If given, the model is run once on zeros in evaluation mode
        without gradients, and the table has the output shapes.
    dtype : DType, optional
        The input's dtype; that of the first parameter if left out.

    Returns
    -------
    Summary

    Raises
    ------
    ShapeError
        If the input does not fit the model.
    """
    shapes: dict[str, str] = {}
    if input_shape is not None:
        dtype = dtype or next((p.dtype for p in model.parameters()), _core.float32)
        _run(model, _core.zeros(input_shape, dtype=dtype), shapes)
    rows = []
    for path, module in model.named_modules():
        own = sum(_size(p) for p in module.parameters(recurse=False))
        rows.append(Row(path, type(module).__name__, shapes.get(path, ""), own))
    total = sum(_size(p) for p in model.parameters())
    return Summary(rows, total, sum(_size(p) for p in model.parameters() if p.requires_grad))


def _size(tensor: Tensor) -> int:
    return prod(tensor.shape)


def _run(model: Module, x: Tensor, shapes: dict[str, str]) -> None:
    """Run the model with forwards, set as attributes of the instances, that note their outputs' shapes."""

    def noting(path: str, forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        shapes[path] = _shape_text(output)
        return output

    modules = [(module, module.training) for module in model.modules()]
    model.eval()
    before = {path: (module, module.__dict__.get("forward")) for path, module in model.named_modules()}
    try:
        for path, (module, _) in before.items():
            module.__dict__["forward"] = partial(noting, path, module.forward)
        with _core.no_grad():
            model(x)
    finally:
        for module, own in before.values():
            if own is None:
                module.__dict__.pop("forward", None)
            else:
                module.__dict__["forward"] = own
        for module, mode in modules:
            module.training = mode


def _shape_text(output: Any) -> str:
    if isinstance(output, Tensor):
        return str(output.shape)
    if isinstance(output, (tuple, list)):
        return ", ".join(map(_shape_text, output))
    return type(output).__name__
