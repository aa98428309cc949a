"""The functions and methods of ops, from the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._stubs.text import overloads

__all__ = ["named_lines", "op_lines"]

TYPES = {
    "int": "int",
    "float": "float",
    "bool": "bool",
    "dims": "Size",
    "ints": "Sequence[int]",
    "sizes": "Size",
    "dtype": "DTypeLike",
}
KEYWORDS = {
    "dtype": "dtype: DTypeLike | None = None",
    "last_dtype": "dtype: DTypeLike | None = None",
    "alpha": "alpha: float = 1",
}


def op_lines(
    op: dict[str, Any],
    indent: str,
    doc: str | None,
    *,
    name: str | None = None,
    overloaded: Sequence[dict[str, Any]] = (),
    method: bool = False,
    static: bool = False,
) -> list[str]:
    """Give the definition of an op, as a function or as a method, under its name or another.

    `overloaded` are the other ops that the name stands for. A method `f_` gives the tensor itself.
    """
    into_self = method and name is not None and name.endswith("_")
    signatures = [line for one in (op, *overloaded) for line in _signatures(one, method, into_self)]
    return overloads(name or op["name"], list(dict.fromkeys(signatures)), indent, doc, static=static)


def named_lines(op: dict[str, Any]) -> list[str]:
    """Give the class of an op's results."""
    return [f"    class {op['name']}(NamedTuple):", *(f"        {field}: Tensor" for field in op["outputs"])]


def _signatures(op: dict[str, Any], method: bool, into_self: bool) -> list[str]:
    parameters, by_name, variadic = _parameters(op, method)
    n_out = len(op["outputs"])
    if into_self:
        result, parameters[0] = "Self", "self: Self"
    elif op["counts_outputs"]:
        result = "tuple[Tensor, ...]"
    elif op["named"]:
        result = f"return_types.{op['name']}"
    else:
        result = "Tensor" if n_out == 1 else f"tuple[{', '.join(['Tensor'] * n_out)}]"
    star = ["*", *by_name] if by_name else []
    signatures = [f"({', '.join([*parameters, *star])}) -> {result}"]
    if variadic:
        parts = [*parameters[:-1], f"*{variadic}: int", *by_name]
        signatures.append(f"({', '.join(parts)}) -> {result}")
    return signatures


def _parameters(op: dict[str, Any], method: bool) -> tuple[list[str], list[str], str | None]:
    """Give the parameters, those by name only, and which one also takes its sizes singly."""
    parameters = ["self"] if method else []
    by_name: list[str] = []
    variadic: str | None = None
    optional = False
    for i, entry in enumerate(op["inputs"]):
        optional |= entry["optional"]
        if entry["drawn"]:
            by_name.append("generator: Any = None")
        elif entry["many"]:
            parameters.append(f"{entry['name']}: Sequence[Tensor]")
        elif not (method and i == op["self"]):
            parameters.append(f"{entry['name']}: TensorLike" + (" | None = None" if optional else ""))
    for attr in op["attrs"]:
        name, default = attr["name"], attr["default"]
        words = ", ".join(f'"{word}"' for word in attr["words"])
        kind = f"Literal[{words}]" if words else TYPES[attr["type"]]
        if not attr["required"] and default is None:
            kind += " | None"
        has_aliases = attr["aliases"] and not attr["variadic"]
        shown = "..." if attr["required"] or isinstance(default, _core.DType) else repr(default)
        if words:
            shown = shown.replace("'", '"')
        if attr["by_name"]:
            by_name.append(f"{name}: {kind} = {shown}")
        else:
            optional |= not attr["required"] or bool(has_aliases)
            parameters.append(f"{name}: {kind}" + (f" = {shown}" if optional else ""))
        if has_aliases:
            by_name += [f"{alias}: {kind} = ..." for alias in attr["aliases"]]
        if attr["variadic"]:
            variadic = name
    _axis_before_index(parameters)
    if op["keyword"] == "last_dtype":
        parameters.append(KEYWORDS["last_dtype"])
    elif op["keyword"]:
        by_name.append(KEYWORDS[op["keyword"]])
    return parameters, by_name, variadic


def _axis_before_index(parameters: list[str]) -> None:
    """As in PyTorch, an index comes after the axis that it counts along."""
    names = [p.split(":")[0] for p in parameters]
    if "dim" not in names or "index" not in names[: names.index("dim")]:
        return
    at = names.index("index")
    parameters.insert(at, parameters.pop(names.index("dim")))
    if "=" in parameters[at]:  # it has a second name
        parameters[at + 1 :] = [p if "=" in p else f"{p} = ..." for p in parameters[at + 1 :]]
