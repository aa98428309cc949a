"""Docstrings of all public names: there, with their parameters by the right names, and their errors."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import backsweep as bs

# Arguments that mean the same wherever they are, as in PyTorch: tensors that are worked on, where and how a
# result is made, and those that are taken for PyTorch's sake.
USUAL = {
    *("input", "other", "target", "tensor", "tensors", "args", "kwargs", "A", "B", "size", "dim", "keepdim"),
    *("dtype", "device", "layout", "requires_grad", "pin_memory", "memory_format", "out", "generator"),
    *("training", "inplace", "reduction", "size_average", "reduce", "weight", "group", "fn", "func"),
    *("create_graph", "strict", "check_errors", "cache_size", "validate_args", "async_op"),
}
# Modules of the package's own, which PyTorch does not have.
INSIDE = {"backsweep.optim.lr_scheduler.base", "backsweep.optim.one_pass", "backsweep.optim.states"}


def public() -> Iterator[tuple[str, Any]]:
    """Give the functions and classes of the package that are in an `__all__`, each once, but for ops."""
    modules = [bs]
    for found in pkgutil.walk_packages(bs.__path__, "backsweep."):
        if not any(part.startswith("_") for part in found.name.split(".")) and found.name not in INSIDE:
            modules += [importlib.import_module(found.name)]
    seen = set()
    for module in modules:
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            own = str(getattr(value, "__module__", "")).startswith("backsweep")
            if (
                callable(value)
                and own
                and id(value) not in seen
                and not isinstance(value, bs._core.OpFunction)
            ):
                seen.add(id(value))
                yield f"{module.__name__}.{name}", value


def sections(text: str) -> dict[str, list[str]]:
    """Give the lines of a docstring by their titles, which are underlined; "" has those before."""
    lines = text.split("\n")
    found: dict[str, list[str]] = {"": []}
    title = ""
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if line.strip() and re.fullmatch(r"-{3,}", after):
            title = line
            found[title] = []
        elif not re.fullmatch(r"-{3,}", line):
            found[title].append(line)
    return found


def documented(lines: list[str]) -> set[str]:
    heads = [line.partition(" : ")[0] for line in lines if line and not line[0].isspace()]
    return {name.strip().lstrip("*") for head in heads for name in head.split(",")}


def parameters(value: Any) -> dict[str, inspect.Parameter]:
    try:
        found = dict(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        return {}
    return {name: p for name, p in found.items() if name != "self" and not name.startswith("_")}


def source(value: Any) -> str:
    """Give the lines of a function, or those that make an object; not those of an older name's function."""
    made = vars(value).get("__init__") if isinstance(value, type) else value
    try:
        return inspect.getsource(made) if made and not hasattr(made, "__wrapped__") else ""
    except (OSError, TypeError):
        return ""


def test_all_have_one() -> None:
    missing = [name for name, value in public() if len(value.__doc__ or "") < 8]
    missing += [name for name, value in public() if isinstance(value, type) and "__doc__" not in vars(value)]
    assert not missing


def test_parameters_have_their_names() -> None:
    wrong = {}
    for name, value in public():
        given = parameters(value)
        listed = documented(sections(inspect.getdoc(value) or "").get("Parameters", []))
        if not any(p.kind is p.VAR_KEYWORD for p in given.values()) and listed - given.keys():
            wrong[name] = listed - given.keys()
    assert not wrong


def test_parameters_are_spoken_of() -> None:
    """All in a section or by name; but for those that all know, one or two of a sentence, and another's."""
    wrong = {}
    for name, value in public():
        text = inspect.getdoc(value) or ""
        silent = [p for p in parameters(value) if p not in USUAL and not re.search(rf"\b{p}\b", text)]
        like_another = re.search(r"`[\w.]+`", text)
        short = "Parameters" not in sections(text) and len(silent) <= 2
        if silent and not (short or like_another or text.startswith("Raise ")):
            wrong[name] = silent
    assert not wrong


def test_errors_are_spoken_of() -> None:
    """Of what raises in its own lines the docstring says when."""
    wrong = [
        name
        for name, value in public()
        if re.search(r"\braise [\w.]*Error\b", source(value))
        and not re.search(r"Error|\b[Rr]aise|\brefuse|\bmust\b", value.__doc__ or "")
    ]
    assert not wrong


def test_titles_are_those_of_numpydoc() -> None:
    known = {"", "Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns", "See Also", "Notes"}
    known |= {"References", "Examples", "Methods", "Receives", "Other Parameters", "Warnings"}
    wrong = {name: set(sections(inspect.getdoc(v) or "")) - known for name, v in public()}
    assert not {name: titles for name, titles in wrong.items() if titles}


def test_ops_say_what_they_compute() -> None:
    """By a line of the registry, which the function shows."""
    ops = {name: value for name, value in vars(bs).items() if isinstance(value, bs._core.OpFunction)}
    assert len(ops) > 200
    assert not [name for name, value in ops.items() if len(value.__doc__ or "") < 2]


def ops() -> Iterator[tuple[str, Any]]:
    """Give the functions of ops, and methods that write in place, of the package and of its modules."""
    for owner in (bs, bs.nn.functional, bs.special, bs.linalg, bs.Tensor):
        for name in dir(owner):
            value = inspect.getattr_static(owner, name)
            if isinstance(value, bs._core.OpFunction):
                yield f"{owner.__name__}.{name}", value


def test_ops_say_what_they_take_and_give() -> None:
    """The formula is the registry's; the rest is made of the schema and of a trial."""
    assert len(dict(ops())) > 300
    for name, value in ops():
        found = sections(value.__doc__)
        assert value.__doc__.startswith(value.__formula__), name
        assert value.__formula__, name
        assert found["Notes"][0].startswith("It has "), name
        if given := parameters(value):
            listed = documented(found["Parameters"])
            assert listed - {"dtype", "alpha", "generator"} <= given.keys(), name
            assert found["Returns"], name


def test_dtypes_of_ops_are_those_that_they_take() -> None:
    said = {
        name: " ".join(bs._core.ops.__dict__[name].__doc__.split())
        for name in ("mul", "softmax", "mean", "div")
    }
    assert "Its dtype is that of the input." in said["mul"]
    assert "ShapeError The shapes do not broadcast." in said["mul"]
    assert "DTypeError The input has another dtype than float32, float64." in said["softmax"]
    assert "IndexError There is no such axis." in said["softmax"]
    assert "float32 for bool" in said["div"]


def test_docstrings_draw_nothing() -> None:
    """What is tried is no random op, in whatever mode the docstring is read."""
    state = bs.get_rng_state()
    for op in bs._core.registry():
        assert getattr(bs._core.ops, op["name"]).__doc__
    assert (bs.get_rng_state() == state).all()

    def read(x: bs.Tensor) -> bs.Tensor:
        return x * float(len(bs.exp.__doc__))

    assert bs.compile(read)(bs.ones(2)).shape == (2,)
