"""The text of `_core.pyi`, from the registry and the objects of the core."""

from __future__ import annotations

import inspect
import re
from typing import Any

from backsweep import _core
from backsweep._stubs.ops import named_lines, op_lines
from backsweep._stubs.tables import (
    ARGUMENTS,
    ATTRIBUTES,
    BASES,
    CLASSES,
    CONSTRUCTORS,
    FUNCTIONS,
    HEAD,
    OPERATORS,
    OVERRIDES,
    RETURNS,
    SKIPPED,
)
from backsweep._stubs.text import overloads, split, unhidden, wrapped

__all__ = ["render"]

missing: list[str] = []


def render() -> str:
    """Give the text of `_core.pyi`."""
    missing.clear()
    # Ops with an object among their attributes are for C++ callers.
    ops = {op["name"]: op for op in _core.registry() if all(attr["type"] != "object" for attr in op["attrs"])}
    errors: list[str] = [""]
    classes: list[str] = []
    values: list[str] = []
    functions: list[str] = []
    for name in sorted(_core.__all__):
        value = getattr(_core, name)
        if name in CLASSES:
            classes += ["", *CLASSES[name].splitlines()]
        elif name in BASES:
            errors.append(f"class {name}({BASES[name]}): ...")
        elif isinstance(value, type):
            classes += ["", *_class(value, ops)]
        elif isinstance(value, (_core.DType, _core.Tensor)):
            values.append(f"{name}: {type(value).__name__}")
        elif isinstance(value, _core.OpFunction):
            op = ops[value.__name__]
            functions += op_lines(op, "", value.__formula__, name=name, overloaded=_overloads_of(op, ops))
        elif callable(value):
            functions += _function(name, value)
        elif name not in ("ops", "return_types"):
            missing.append(name)
    hidden = [line for name in sorted(ops) for line in op_lines(ops[name], "    ", None, static=True)]
    # ruff's order: constants, classes, the rest; int8 before int16
    order = sorted(
        _core.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), _natural(name))
    )
    names = [f'    "{name}",' for name in order]
    if missing:
        raise LookupError(f"_stubs/tables.py has no types for {', '.join(missing)}")
    named = _named(ops)
    blocks = [
        (HEAD if named else HEAD.replace("NamedTuple, ", "")).splitlines(),
        errors,
        classes,
        ["", "class return_types:", *(named or ["    pass"]), ""],
        ["", "class ops:", *hidden, ""],
        values,
        ["", *functions, ""],
    ]
    lines = [line for block in blocks for line in block]
    lines = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join([*lines, "__all__ = [", *names, "]", ""])


def _overloads_of(op: dict[str, Any], ops: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [ops[other] for other in op["overloads"]]


def _named(ops: dict[str, dict[str, Any]]) -> list[str]:
    return [line for name in sorted(ops) if ops[name]["named"] for line in named_lines(ops[name])]


def _natural(name: str) -> list[tuple[str, int]]:
    return [(word, int(digits or 0)) for word, digits in re.findall(r"(\D+)(\d*)", name)]


def _function(name: str, value: Any) -> list[str]:
    signatures = FUNCTIONS.get(name) or [_typed(name, _parameters(value))]
    return overloads(name, signatures, "", _doc(value))


def _class(cls: type, ops: dict[str, dict[str, Any]]) -> list[str]:
    bases = [base.__name__ for base in cls.__bases__ if issubclass(base, _core.Tensor)]
    lines = [f"class {cls.__name__}({bases[0]}):" if bases else f"class {cls.__name__}:"]
    if cls.__name__ in CONSTRUCTORS:
        lines += overloads("__init__", [CONSTRUCTORS[cls.__name__]], "    ", None)
    else:
        parameters = _parameters(cls.__dict__["__init__"])
        lines += overloads("__init__", [_typed(cls.__name__, parameters, "None")], "    ", None)
    for name, member in sorted(vars(cls).items()):
        private = name.startswith("_") and not name.startswith("__")
        if name in SKIPPED or (private and name not in OPERATORS and name not in ATTRIBUTES):
            continue
        if isinstance(member, _core.OpFunction):
            op = ops[member.__name__.removesuffix("_")]
            overloaded = _overloads_of(op, ops)
            lines += op_lines(op, "    ", member.__formula__, name=name, overloaded=overloaded, method=True)
        elif isinstance(member, property) and inspect.isfunction(member.fget):  # _methods.py
            kind = unhidden(member.fget.__annotations__["return"])
            lines += ["    @property", f"    def {name}(self) -> {kind}: ..."]
        elif inspect.isgetsetdescriptor(member) or isinstance(member, property):
            lines += _attribute(name)
        elif name in OPERATORS:
            ignored = "  # type: ignore[override]" if OPERATORS[name] in OVERRIDES else ""
            lines += wrapped(f"    def {name}{unhidden(OPERATORS[name])}: ...{ignored}", "    ")
        elif inspect.isfunction(member):  # _methods.py
            lines += overloads(name, [_written(member)], "    ", inspect.getdoc(member))
        elif callable(member) and not name.startswith("__"):
            parameters = ["self", *_parameters(member)[cls.__name__ == "Trainer" :]]
            lines += overloads(name, [_typed(name, parameters)], "    ", _doc(member))
        elif member is not None:
            missing.append(f"{cls.__name__}.{name}")
    return lines


def _attribute(name: str) -> list[str]:
    if name not in ATTRIBUTES:
        missing.append(name)
        return []
    kind, settable = ATTRIBUTES[name]
    kind = unhidden(kind)
    lines = ["    @property", f"    def {name}(self) -> {kind}: ..."]
    if settable:
        lines += [f"    @{name}.setter", f"    def {name}(self, value: {kind}) -> None: ..."]
    return lines


def _parameters(value: Any) -> list[str]:
    """Give "name" or "name=default" of each parameter, by the text signature or pybind11's docstring."""
    text = getattr(value, "__text_signature__", None)
    if text is None:
        text = (value.__doc__ or "").partition("\n")[0]
        text = text[text.find("(") :].rpartition(" -> ")[0]
    found = []
    for part in split(text.strip()[1:-1]):
        head, _, default = part.partition("=")
        name = head.partition(":")[0].strip()
        if name not in ("", "/", "$self", "**kwargs"):
            found.append(name + (f"={default.strip()}" if default else ""))
    return found


def _typed(function: str, parameters: list[str], result: str | None = None) -> str:
    typed = []
    for parameter in parameters:
        name, _, default = parameter.partition("=")
        result = result or RETURNS.get(function, "Tensor")
        if name == "*":
            typed.append(name)
        elif name == "self":
            typed.append("self: Self" if result == "Self" else name)
        else:
            bare = "size" if name == "*args" else name.lstrip("*")  # zeros(2, 3)
            kind = ARGUMENTS.get(f"{function}.{bare}", ARGUMENTS.get(bare))
            if kind is None:
                missing.append(f"{function}({bare})")
            typed.append(f"{'*' * name.startswith('*')}{bare}: {kind}" + (f" = {default}" if default else ""))
    return f"({', '.join(typed)}) -> {result or RETURNS.get(function, 'Tensor')}"


def _written(function: Any) -> str:
    """Give the signature of a method written in Python, as its annotations have it."""
    signature = inspect.signature(function)
    parts = ["self"]
    starred = False
    for parameter in [*signature.parameters.values()][1:]:
        by_name = parameter.kind is parameter.KEYWORD_ONLY
        if by_name and not starred:
            parts.append("*")
        starred |= by_name or parameter.kind is parameter.VAR_POSITIONAL
        stars = "*" * (
            2 * (parameter.kind is parameter.VAR_KEYWORD) + (parameter.kind is parameter.VAR_POSITIONAL)
        )
        default = parameter.default
        shown = "" if default is parameter.empty else f" = {default!r}"
        parts.append(f"{stars}{parameter.name}: {parameter.annotation}{shown}")
    return f"({', '.join(parts)}) -> {signature.return_annotation}".replace("'", '"')


def _doc(value: Any) -> str:
    doc = value.__doc__ or ""
    if doc.startswith(f"{value.__name__}("):  # pybind11's signature
        doc = doc.partition("\n")[2]
    return doc.strip()
