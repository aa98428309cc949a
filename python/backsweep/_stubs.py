"""Writes `_core.pyi`, the types of the C++ core, from its registry and its objects.

`python -m backsweep._stubs` writes the file, `--check` compares it and exits with 1 if it differs.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backsweep import _core

__all__ = ["main", "render"]

PATH = Path(__file__).with_name("_core.pyi")
WIDTH = 110

HEAD = '''\
"""The C++ core. Generated: `python -m backsweep._stubs` writes this file anew."""

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar, overload

import numpy as np
import numpy.typing as npt

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
Self = TypeVar("Self", bound="Tensor")

TensorLike: TypeAlias = Tensor | npt.ArrayLike
DTypeLike: TypeAlias = DType | npt.DTypeLike
Size: TypeAlias = int | Sequence[int]
_int: TypeAlias = int
_float: TypeAlias = float
_bool: TypeAlias = bool
'''

# What introspection does not show. A name that it finds and nobody describes here is an error: see `missing`.
CLASSES = {
    "DType": """\
class DType:
    @property
    def name(self) -> str: ...
    @property
    def itemsize(self) -> int: ...
    @property
    def is_floating_point(self) -> bool: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...""",
    "CompiledFunction": """\
class CompiledFunction(Generic[P, R]):
    __name__: str
    @property
    def __wrapped__(self) -> Callable[P, R]: ...
    @property
    def programs(self) -> list[dict[str, Any]]: ...
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...""",
    "OpFunction": """\
class OpFunction:
    __name__: str
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def compose(self, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]: ...""",
    "no_grad": """\
class no_grad:
    @overload
    def __new__(cls) -> no_grad: ...
    @overload
    def __new__(cls, fn: F, /) -> F: ...  # type: ignore[misc]
    def __enter__(self) -> no_grad: ...
    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None: ...
    def __call__(self, fn: F, /) -> F: ...""",
}
CLASSES["enable_grad"] = CLASSES["no_grad"].replace("no_grad", "enable_grad")
BASES = {"ShapeError": "ValueError", "DTypeError": "TypeError", "GraphError": "RuntimeError"}

FUNCTIONS = {
    "compile": [
        "(fn: Callable[P, R], *, keep_grads: bool = False) -> CompiledFunction[P, R]",
        "(fn: None = None, *, keep_grads: bool = False)"
        " -> Callable[[Callable[P, R]], CompiledFunction[P, R]]",
    ],
    "grad": [
        f"(outputs: Tensor | Sequence[Tensor], inputs: {inputs}, "
        "grad_outputs: Tensor | Sequence[Tensor | None] | None = None, "
        "retain_graph: bool | None = None, create_graph: bool = False, "
        f"allow_unused: {unused}) -> {result}"
        for inputs, unused, result in (
            ("Tensor", "Literal[False] = False", "Tensor"),
            ("Sequence[Tensor]", "Literal[False] = False", "tuple[Tensor, ...]"),
            ("Tensor | Sequence[Tensor]", "bool = False", "Any"),
        )
    ],
}
HEAD = HEAD.replace("Generic,", "Generic, Literal,")

ATTRIBUTES = {  # of tensors and the trainer; True: can be set
    "shape": ("tuple[int, ...]", False),
    "dtype": ("DType", False),
    "ndim": ("int", False),
    "requires_grad": ("bool", True),
    "is_leaf": ("bool", False),
    "is_symbolic": ("bool", False),
    "grad": ("Tensor | None", True),
    "T": ("Tensor", False),
    "steps_done": ("int", False),
    "steps_total": ("int", False),
    "loss": ("float", False),
}
# By "function.argument", else by "argument".
ARGUMENTS = {
    "data": "TensorLike",
    "dtype": "DTypeLike | None",
    "to.dtype": "DTypeLike | Tensor",
    "requires_grad": "bool",
    "size": "Size",
    "fill_value": "float",
    "x": "Tensor",
    "a": "npt.NDArray[Any]",
    "n": "int",
    "m": "int | None",
    "start": "float",
    "end": "float | None",
    "step": "float",
    "Trainer.step": "CompiledFunction[..., Any]",
    "Trainer.update": "CompiledFunction[..., Any] | None",
    "leaves": "int",
    "arrays": "Sequence[Tensor]",
    "batch_size": "int",
    "shuffle": "bool",
    "drop_last": "bool",
    "seconds": "float",
    "seed": "int",
    "n_inputs": "int",
    "n_outputs": "int",
    "object": "object",
    "name": "str",
    "backward": "Callable[..., Any]",
    "function": "Callable[..., Any]",
    "inputs": "Sequence[Tensor]",
    "outputs": "Sequence[Tensor]",
    "shapes": "Sequence[Sequence[int]]",
    "dtypes": "Sequence[DType]",
    "dim": "int | None",
    "gradient": "Tensor | None",
    "retain_graph": "bool | None",
    "create_graph": "bool",
    "condition": "Tensor",
    "other": "TensorLike",
    "alpha": "float",
    "source": "TensorLike",
    "value": "float | Tensor",
    "shape": "Size",
    "copy": "bool | None",
}
RETURNS = {
    "dim": "int",
    "is_contiguous": "bool",
    "numel": "int",
    "size": "Any",
    "stride": "Any",
    "item": "Any",
    "tolist": "Any",
    "numpy": "npt.NDArray[Any]",
    "backward": "None",
    "manual_seed": "Buffer",
    "is_grad_enabled": "bool",
    "is_capturing": "bool",
    "info": "dict[str, Any]",
    "registry": "list[dict[str, Any]]",
    "set_num_threads": "None",
    "get_num_threads": "int",
    "live_nodes": "int",
    "allocated_bytes": "int",
    "release_cached": "None",
    "node_bytes": "int",
    "structure_epoch": "int",
    "bump_structure_epoch": "None",
    "guard": "None",
    "custom": "list[Tensor]",
    "host_call": "list[Tensor]",
    "begin_epoch": "None",
    "run": "bool",
    "requires_grad_": "Self",
}
RETURNS |= dict.fromkeys(("add_", "sub_", "mul_", "div_", "copy_", "assign", "fill_", "zero_"), "Self")
CONSTRUCTORS = {
    "Tensor": "(self, data: TensorLike, requires_grad: bool = False) -> None",
    "Parameter": "(self, data: TensorLike, requires_grad: bool = True) -> None",
    "Buffer": "(self, data: TensorLike) -> None",
}
OPERATORS = {
    "__float__": "(self) -> float",
    "__int__": "(self) -> int",
    "__index__": "(self) -> int",
    "__bool__": "(self) -> bool",
    "__len__": "(self) -> int",
    "__iter__": "(self) -> Iterator[Tensor]",
    "__getitem__": "(self, key: Any, /) -> Tensor",
    "__hash__": "(self) -> int",
    "__array__": "(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]",
    "__deepcopy__": "(self: Self, memo: dict[int, Any], /) -> Self",
    "_replace": "(self: Self, value: TensorLike, /) -> Self",
}
OPERATORS |= dict.fromkeys(("__neg__", "__pos__", "__abs__"), "(self) -> Tensor")
OPERATORS |= {
    f"__{r}{name}__": "(self, other: TensorLike, /) -> Tensor"
    for name in ("add", "sub", "mul", "truediv", "matmul", "pow")
    for r in ("", "r")
} | {f"__{name}__": "(self, other: TensorLike, /) -> Tensor" for name in ("lt", "le", "gt", "ge")}
# Of parameters and buffers in place; other tensors get a new object.
OPERATORS |= {
    f"__i{name}__": "(self: Self, other: TensorLike, /) -> Self" for name in ("add", "sub", "mul", "truediv")
}
# Their result in object is bool.
OPERATORS |= dict.fromkeys(("__eq__", "__ne__"), "(self, other: object, /) -> Tensor")
OVERRIDES = {OPERATORS["__eq__"]}
SKIPPED = {  # what every class has, or what only the interpreter and copy, pickle and NumPy use
    *(
        "__new__",
        "__init__",
        "__doc__",
        "__module__",
        "__reduce__",
        "__repr__",
        "__dict__",
        "__weakref__",
        "__text_signature__",
    ),
    *("__array_ufunc__", "__array_priority__", "__getattribute__", "__weaklistoffset__"),
}

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
            functions += _op(ops[name], "", value.__doc__)
        elif callable(value):
            functions += _function(name, value)
        elif name != "ops":
            missing.append(name)
    hidden = [line for name in sorted(ops) for line in _op(ops[name], "    ", None, static=True)]
    # ruff's order: constants, classes, the rest; int8 before int16
    order = sorted(
        _core.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), _natural(name))
    )
    names = [f'    "{name}",' for name in order]
    if missing:
        raise LookupError(f"_stubs.py has no types for {', '.join(missing)}")
    blocks = [
        HEAD.splitlines(),
        errors,
        classes,
        ["", "class ops:", *hidden, ""],
        values,
        ["", *functions, ""],
    ]
    lines = [line for block in blocks for line in block]
    lines = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join([*lines, "__all__ = [", *names, "]", ""])


def _natural(name: str) -> list[tuple[str, int]]:
    return [(word, int(digits or 0)) for word, digits in re.findall(r"(\D+)(\d*)", name)]


# ---- Ops ---------------------------------------------------------------------------------------------------


def _op(
    op: dict[str, Any], indent: str, doc: str | None, *, method: bool = False, static: bool = False
) -> list[str]:
    parameters, keyword_only, variadic = _op_parameters(op, method)
    n_out = len(op["outputs"])
    result = (
        "tuple[Tensor, ...]"
        if op["counts_outputs"]
        else "Tensor"
        if n_out == 1
        else f"tuple[{', '.join(['Tensor'] * n_out)}]"
    )
    star = ["*", *keyword_only] if keyword_only else []
    signatures = [f"({', '.join([*parameters, *star])}) -> {result}"]
    if variadic:
        parts = [*parameters[:-1], f"*{variadic}: int", *keyword_only]
        signatures.append(f"({', '.join(parts)}) -> {result}")
    return _overloads(op["name"], signatures, indent, doc, static=static)


def _op_parameters(op: dict[str, Any], method: bool) -> tuple[list[str], list[str], str | None]:
    """Give the parameters, those by name only, and which one also takes its sizes singly."""
    parameters: list[str] = []
    keyword_only: list[str] = []
    optional = False
    for i, entry in enumerate(op["inputs"]):
        optional |= entry["optional"]
        if entry["name"] == "key" and "*, key=None" in op["signature"]:
            keyword_only.append("key: Tensor | None = None")
        elif method and i == 0:
            parameters.append("self")
        elif entry["many"]:
            parameters.append(f"{entry['name']}: Sequence[Tensor]")
        else:
            parameters.append(f"{entry['name']}: TensorLike" + (" | None = None" if optional else ""))
    aliases = {"dim": "axis", "keepdim": "keepdims"}
    kinds = {
        "int": "int",
        "float": "float",
        "bool": "bool",
        "dims": "Size",
        "sizes": "Size",
        "dtype": "DTypeLike",
    }
    for attr in op["attrs"]:
        name, kind, default = attr["name"], kinds[attr["type"]], attr["default"]
        if not attr["required"] and default is None:
            kind += " | None"
        optional |= not attr["required"] or name in aliases
        shown = "..." if attr["required"] or isinstance(default, _core.DType) else repr(default)
        parameters.append(f"{name}: {kind}" + (f" = {shown}" if optional else ""))
        if name in aliases:
            keyword_only.append(f"{aliases[name]}: {kind} = ...")
    if op["keyword"]:
        keyword_only.append(
            {"dtype": "dtype: DTypeLike | None = None", "alpha": "alpha: float = 1"}[op["keyword"]]
        )
    last = op["attrs"][-1] if op["attrs"] else {"type": "", "name": ""}
    variadic = last["type"] == "dims" and last["name"] in ("shape", "dims")
    return parameters, keyword_only, last["name"] if variadic else None


# ---- Functions and classes ---------------------------------------------------------------------------------


def _function(name: str, value: Any) -> list[str]:
    signatures = FUNCTIONS.get(name) or [_typed(name, _parameters(value))]
    return _overloads(name, signatures, "", _doc(value))


def _class(cls: type, ops: dict[str, dict[str, Any]]) -> list[str]:
    bases = [base.__name__ for base in cls.__bases__ if issubclass(base, _core.Tensor)]
    lines = [f"class {cls.__name__}({bases[0]}):" if bases else f"class {cls.__name__}:"]
    if cls.__name__ in CONSTRUCTORS:
        lines += _overloads("__init__", [CONSTRUCTORS[cls.__name__]], "    ", None)
    else:
        parameters = _parameters(cls.__dict__["__init__"])
        lines += _overloads("__init__", [_typed(cls.__name__, parameters, "None")], "    ", None)
    for name, member in sorted(vars(cls).items()):
        private = name.startswith("_") and not name.startswith("__")
        if name in SKIPPED or (private and name not in OPERATORS):
            continue
        if isinstance(member, _core.OpFunction):
            lines += _op(ops[name], "    ", member.__doc__, method=True)
        elif inspect.isgetsetdescriptor(member) or isinstance(member, property):
            lines += _attribute(name)
        elif name in OPERATORS:
            ignored = "  # type: ignore[override]" if OPERATORS[name] in OVERRIDES else ""
            lines += _wrapped(f"    def {name}{_unhidden(OPERATORS[name])}: ...{ignored}", "    ")
        elif callable(member) and not name.startswith("__"):
            parameters = ["self", *_parameters(member)[cls.__name__ == "Trainer" :]]
            lines += _overloads(name, [_typed(name, parameters)], "    ", _doc(member))
        elif member is not None:
            missing.append(f"{cls.__name__}.{name}")
    return lines


def _attribute(name: str) -> list[str]:
    if name not in ATTRIBUTES:
        missing.append(name)
        return []
    kind, settable = ATTRIBUTES[name]
    kind = _unhidden(kind)
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
    for part in _split(text.strip()[1:-1]):
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


def _doc(value: Any) -> str:
    doc = value.__doc__ or ""
    if doc.startswith(f"{value.__name__}("):  # pybind11's signature
        doc = doc.partition("\n")[2]
    return doc.strip()


def _unhidden(types: str) -> str:
    """Name types that methods of Tensor hide: int, float and bool."""
    return re.sub(r"\b(int|float|bool)\b", r"_\1", types)


# ---- Text, as ruff formats it ------------------------------------------------------------------------------


def _overloads(
    name: str, signatures: list[str], indent: str, doc: str | None, *, static: bool = False
) -> list[str]:
    lines = []
    for signature in signatures:
        if len(signatures) > 1:
            lines.append(f"{indent}@overload")
        if static:
            lines.append(f"{indent}@staticmethod")
        head = f"{indent}def {name}{_unhidden(signature) if indent and not static else signature}:"
        if doc and signature is signatures[-1]:
            lines += [*_wrapped(head, indent), *_docstring(doc, indent + "    "), ""]
        else:
            lines += _wrapped(head + " ...", indent)
    return lines


def _docstring(doc: str, indent: str) -> list[str]:
    doc = doc.replace("\\", "\\\\").replace('"', "'")
    lines = [f"{indent}{line}".rstrip() for line in f'"""{doc}'.splitlines()]
    if len(lines) == 1:
        return [f'{lines[0]}"""']
    return [*lines, f'{indent}"""']


def _wrapped(line: str, indent: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    head, _, rest = line.partition("(")
    end = next(i for i, depth in enumerate(_depths(rest)) if depth < 0)
    inside, tail, inner = rest[:end], rest[end + 1 :], indent + "    "
    if len(inner + inside) <= WIDTH and "*" not in _split(inside):
        return [f"{head}(", inner + inside, f"{indent}){tail}"]
    return [f"{head}(", *(f"{inner}{part}," for part in _split(inside)), f"{indent}){tail}"]


def _depths(text: str) -> Iterator[int]:
    depth = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        yield depth


def _split(text: str) -> list[str]:
    """Split at the commas outside of brackets."""
    commas = [i for i, depth in enumerate(_depths(text)) if depth == 0 and text[i] == ","]
    return [text[a + 1 : b].strip() for a, b in zip([-1, *commas], [*commas, len(text)], strict=True)]


def main(argv: list[str] | None = None) -> int:
    """Write or check the stubs of the C++ core."""
    parser = argparse.ArgumentParser(prog="python -m backsweep._stubs", description=main.__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--write", action="store_true", help="write _core.pyi (the default)")
    choice.add_argument(
        "--check", action="store_true", help="compare it; exit with 1 and a diff if it differs"
    )
    args = parser.parse_args(argv)
    made = render()
    if not args.check:
        PATH.write_text(made, encoding="utf-8")
        return 0
    there = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
    diff = list(
        difflib.unified_diff(there.splitlines(), made.splitlines(), PATH.name, "generated", lineterm="")
    )
    for line in diff:
        print(line)
    return 1 if diff else 0


if __name__ == "__main__":
    sys.exit(main())
