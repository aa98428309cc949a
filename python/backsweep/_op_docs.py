"""Docstrings of ops: the registry's text, and what its schema and a trial on small tensors say of arguments.

What an op takes and gives stands nowhere but in its `infer`. So which dtypes it takes, and which it gives for
them, is asked of the op itself when its docstring is read.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._core import DTypeError, Tensor

__all__ = ["docstring"]

_DTYPES = ("bool_", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")
_SHAPES = ((2, 2), (2,), ())
_TYPES = {"dims": "int or tuple of int", "sizes": "tuple of int", "word": "str", "float": "number"}
# What a required attribute is in a trial.
_TRIED = {"int": 0, "float": 0.5, "bool": False, "dims": (0,), "sizes": (2,), "word": ""}
_SAID = {
    "dim": "Of which axis; negative numbers count from the last one.",
    "dims": "Of which axes; negative numbers count from the last one.",
    "keepdim": "Whether the axis stays in the result, with size 1.",
    "alpha": "A factor of what is added.",
    "correction": "The sum of squares is divided by the number of elements less this.",
    "generator": "Where the random numbers come from; by default that of `bs.manual_seed`.",
}


def docstring(fn: Callable[..., Any], in_place: bool) -> str:
    """Give the docstring of an op's function.

    Parameters
    ----------
    fn : function
        That of an op; one that stands for several ops is described by its text alone.
    in_place : bool
        Whether it is the method `f_` of the op `f`.
    """
    op = _ops()[fn.__name__.removesuffix("_") if in_place else fn.__name__]
    text = [fn.__formula__]  # type: ignore[attr-defined]
    if fn.__text_signature__ is not None:  # type: ignore[attr-defined]
        given = {} if in_place else _dtypes(fn, op)
        text += [_parameters(op), _returns(op, given, in_place), _raises(op, given)]
    text.append(
        "Notes\n-----\n"
        + ("It has derivatives of any order." if op["differentiable"] else "It has no derivative.")
    )
    return "\n\n".join(filter(None, text))


@functools.cache
def _ops() -> dict[str, dict[str, Any]]:
    return {name: op for op in _core.registry() for name in (op["name"], *op["also"])}


def _section(title: str, entries: Mapping[str, str]) -> str:
    lines = [f"{head}\n    {said}" if said else head for head, said in entries.items()]
    return "\n".join([title, "-" * len(title), *lines]) if lines else ""


def _parameters(op: Mapping[str, Any]) -> str:
    entries = {}
    broadcast = op["elementwise"] >= 0 and len(op["inputs"]) > 1
    for i in op["inputs"]:
        kind = "sequence of Tensor" if i["many"] else "Tensor or number" if i["weak"] else "Tensor"
        if i["drawn"]:
            entries["generator : Generator, optional"] = _SAID["generator"]
        else:
            shape = "Of any shape that broadcasts with the others'." if broadcast else ""
            entries[f"{i['name']} : {kind}{', optional' if i['optional'] else ''}"] = shape
    for a in op["attrs"]:
        kind = " or ".join(f'"{w}"' for w in a["words"]) or _TYPES.get(a["type"], a["type"])
        default = "" if a["required"] else f", default {a['default']!r}"
        entries[f"{a['name']} : {kind}{default}"] = _SAID.get(a["name"], "")
    if op["keyword"] == "alpha":
        entries["alpha : number, default 1"] = _SAID["alpha"]
    elif op["keyword"]:
        entries["dtype : dtype, optional"] = "The input is cast to it first."
    return _section("Parameters", entries)


def _returns(op: Mapping[str, Any], given: Mapping[str, str], in_place: bool) -> str:
    if in_place:
        return _section("Returns", {"Tensor": "The tensor itself."})
    others: dict[str, list[str]] = {}
    for t, made in given.items():
        if t != made:
            others.setdefault(made, []).append(t)
    said = [f"{made} for {', '.join(taken)}" for made, taken in others.items()]
    if sum(map(len, others.values())) < len(given):
        said.append("else that of the input" if said else "that of the input")
    dtypes = f"Its dtype is {', '.join(said)}." if said else ""
    shape = ""
    if op["elementwise"] >= 0:
        several = len(op["inputs"]) > 1
        shape = "Of the shape to which the inputs broadcast." if several else "Of the input's shape."
    if op["counts_outputs"]:
        return _section("Returns", {"tuple of Tensor": dtypes})
    if len(op["outputs"]) > 1:
        names = ", ".join(op["outputs"])
        return _section("Returns", {f"{names} : Tensor": dtypes.replace("Its", "The first one's")})
    return _section("Returns", {"Tensor": f"{shape} {dtypes}".strip()})


def _raises(op: Mapping[str, Any], given: Mapping[str, str]) -> str:
    entries = {}
    if op["elementwise"] >= 0 and len(op["inputs"]) > 1:
        entries["ShapeError"] = "The shapes do not broadcast."
    elif len(op["inputs"]) > 1 or op["view"]:
        entries["ShapeError"] = "The shapes do not fit together."
    if 0 < len(given) < len(_DTYPES):
        entries["DTypeError"] = f"The input has another dtype than {', '.join(given)}."
    if any(a["name"].startswith("dim") for a in op["attrs"]):
        entries["IndexError"] = "There is no such axis."
    return _section("Raises", entries)


def _name(x: Tensor) -> str:
    return str(x.dtype).rpartition(".")[2].rstrip("_")


def _dtypes(fn: Callable[..., Any], op: Mapping[str, Any]) -> dict[str, str]:
    """Give the dtypes that an op takes if all inputs have one, and what it gives; none if that is unknown."""
    inputs = [i for i in op["inputs"] if not i["optional"]]
    required = [a for a in op["attrs"] if a["required"]]
    tried = all(a["type"] in _TRIED for a in required) and not any(i["drawn"] for i in op["inputs"])
    if not inputs or not tried or op["host"] or op["effect"] or _core.is_capturing():
        return {}
    attributes = {a["name"]: a["words"][0] if a["words"] else _TRIED[a["type"]] for a in required}
    given = {}
    for dtype in _DTYPES:
        for shape in _SHAPES:
            x = _core.tensor(np.ones(shape, bool)).to(getattr(_core, dtype))
            try:
                with _core.no_grad():
                    made = fn(*([x, x] if i["many"] else x for i in inputs), **attributes)
            except DTypeError:
                break
            except (TypeError, ValueError, IndexError):
                continue  # as another shape
            first = made if isinstance(made, Tensor) else made[0]
            given[_name(x)] = _name(first)
            break
    return given
