"""What compiled code has read from elsewhere: a change of it leads to a new capture, all else does not."""

from __future__ import annotations

import argparse
import copy
import functools
import types
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn

X = bs.tensor([1.0, -2.0, 3.0])


class Shape(Enum):
    ROUND = 1
    SQUARE = 2


@dataclass
class Settings:
    scale: float = 1.0
    on: bool = True


class Slotted:
    __slots__ = ("scale",)

    def __init__(self) -> None:
        self.scale = 1.0


class Table(dict):  # type: ignore[type-arg]
    """Its items are its attributes."""

    def __init__(self, **items: Any) -> None:
        super().__init__(**items)
        self.__dict__ = self

    def __deepcopy__(self, memo: Any) -> Any:
        return Table(**self)


class Items(dict):  # type: ignore[type-arg]
    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(name)


class Proxy:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.inner, name)


class Halved:
    def __init__(self) -> None:
        self.whole = 2.0

    @property
    def scale(self) -> float:
        return self.whole / 2.0


class Reading(nn.Module):
    """Multiplies by what `how` reads of `self.it`."""

    kind = 1.0

    def __init__(self, it: Any, how: Callable[[Any], Any]) -> None:
        super().__init__()
        self.it = it
        self.how = how

    def helper(self, x: bs.Tensor) -> Any:
        return x * self.how(self.it)

    def forward(self, x: bs.Tensor) -> Any:
        return self.helper(x) + self.kind


def attribute(value: Any) -> Callable[[Any], None]:
    return lambda it: setattr(it, "scale", value)


def grow(it: Any) -> None:
    it.scale += 1.0


def replace(model: Any, value: Any) -> None:
    model.it = value


# What the module holds, how it is read, and changes.
READS: dict[str, tuple[Any, Callable[[Any], Any], list[Callable[[Any], Any]]]] = {
    "float": (1.0, lambda it: it, [lambda m: replace(m, 2.0), lambda m: replace(m, -0.0)]),
    "bool": (True, lambda it: 2.0 if it else 3.0, [lambda m: replace(m, False)]),
    "type": (1, lambda it: 2.0 if it is True else 3.0, [lambda m: replace(m, True)]),
    "string": ("a", lambda it: 2.0 if it == "a" else 3.0, [lambda m: replace(m, "b")]),
    "none": (None, lambda it: 2.0 if it is None else it, [lambda m: replace(m, 5.0)]),
    "enum": (Shape.ROUND, lambda it: float(it.value), [lambda m: replace(m, Shape.SQUARE)]),
    "tensor": (bs.ones(3), lambda it: it, [lambda m: replace(m, bs.ones(3) * 2.0)]),
    "array": (
        np.ones(3, np.float32),
        lambda it: bs.tensor(it),
        [lambda m: m.it.__setitem__(1, 7.0), lambda m: replace(m, np.full(3, 9, np.float32))],
    ),
    "strided array": (
        np.ones((3, 2), np.float32)[:, 0],
        lambda it: bs.tensor(it),
        [lambda m: m.it.__setitem__(1, 7.0)],
    ),
    "tuple": ((1.0, 2.0), lambda it: sum(it), [lambda m: replace(m, (1.0, 3.0))]),
    "list": (
        [1.0, 2.0],
        lambda it: sum(it),
        [lambda m: m.it.append(3.0), lambda m: m.it.__setitem__(0, 5.0), lambda m: m.it.clear()],
    ),
    "nested": ({"a": [1.0, {"b": 2.0}]}, lambda it: it["a"][1]["b"], [lambda m: m.it["a"][1].update(b=3.0)]),
    "dict": (
        {"a": 1.0, "b": 2.0},
        lambda it: next(iter(it.values())),
        [lambda m: m.it.update(a=4.0), lambda m: m.it.update(a=m.it.pop("a"))],
    ),
    "set": ({1, 2}, lambda it: float(3 in it), [lambda m: m.it.add(3)]),
    "namespace": (types.SimpleNamespace(scale=1.0), lambda it: it.scale, [lambda m: attribute(2.0)(m.it)]),
    "arguments": (argparse.Namespace(scale=1.0), lambda it: it.scale, [lambda m: attribute(2.0)(m.it)]),
    "dataclass": (
        Settings(),
        lambda it: it.scale if it.on else 0.0,
        [lambda m: attribute(2.0)(m.it), lambda m: setattr(m.it, "on", False)],
    ),
    "within a list": ([Settings()], lambda it: it[0].scale, [lambda m: attribute(2.0)(m.it[0])]),
    "slots": (Slotted(), lambda it: it.scale, [lambda m: attribute(2.0)(m.it)]),
    "property": (Halved(), lambda it: it.scale, [lambda m: setattr(m.it, "whole", 5.0)]),
    "vars": (Settings(), lambda it: vars(it)["scale"], [lambda m: attribute(2.0)(m.it)]),
    "getattr": (Settings(), lambda it: getattr(it, "sca" + "le"), [lambda m: attribute(2.0)(m.it)]),
    "missing": (Settings(), lambda it: getattr(it, "more", 4.0), [lambda m: setattr(m.it, "more", 2.0)]),
    "method": (
        Settings(),
        lambda it: it.scale,
        [
            lambda m: setattr(m, "helper", lambda x: x * 7.0),
            lambda m: setattr(m, "forward", lambda x: x + 8.0),
        ],
    ),
    "class attribute": (1.0, lambda it: it, [lambda m: setattr(m, "kind", 3.0)]),
    "function": (lambda x: x + 1.0, lambda it: it(1.0), [lambda m: replace(m, lambda x: x + 5.0)]),
    "partial": (
        functools.partial(lambda c, x: c.scale * x, Settings()),
        lambda it: it(3.0),
        [lambda m: attribute(2.0)(m.it.args[0])],
    ),
    "items as attributes": (Table(scale=1.0), lambda it: it.scale, [lambda m: m.it.update(scale=2.0)]),
    "items by __getattr__": (Items(scale=1.0), lambda it: it.scale, [lambda m: m.it.update(scale=2.0)]),
    "proxy": (Proxy(Settings()), lambda it: it.scale, [lambda m: attribute(2.0)(m.it.inner)]),
    "class": (type("Scales", (), {"scale": 1.0}), lambda it: it.scale, [lambda m: grow(m.it)]),
    "class of an object": (
        type("Scaled", (), {"scale": 1.0})(),
        lambda it: type(it).scale * it.__class__.scale,
        [lambda m: grow(type(m.it))],
    ),
    "getattr of a class": (
        [type("Scales", (), {"scale": 1.0})],
        lambda it: getattr(it[0], "scale"),  # noqa: B009
        [lambda m: grow(m.it[0])],
    ),
    "call of an object": (
        type("Called", (), {"__call__": lambda self, x: x})(),
        lambda it: it(3.0),
        [lambda m: setattr(type(m.it), "__call__", lambda self, x: x + 2.0)],
    ),
    "item of an object": (
        type("Indexed", (), {"__getitem__": lambda self, i: i})(),
        lambda it: it[3],
        [lambda m: setattr(type(m.it), "__getitem__", lambda self, i: i + 2)],
    ),
    "set of members": ({Shape.ROUND}, lambda it: float(Shape.ROUND in it), [lambda m: m.it.clear()]),
    "NumPy's numbers": (np.float64(1.5), lambda it: float(it), [lambda m: replace(m, np.float64(2.5))]),
    "removed": (
        Settings(),
        lambda it: it.scale,
        [lambda m: setattr(m.it, "scale", 3.0), lambda m: delattr(m.it, "scale")],
    ),
}


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("way", ["module", "function", "method"])
def test_what_is_read_is_never_stale(name: str, way: str) -> None:
    it, how, changes = READS[name]
    it = copy.deepcopy(it)
    model = Reading(it, how)
    f = {
        "module": lambda: bs.compile(model),
        "function": lambda: bs.compile(lambda x: model(x)),
        "method": lambda: bs.compile(model.forward),
    }[way]()
    if name == "method" and way == "method":
        changes = changes[:1]  # bs.compile(model.forward) means the one that was there
    for change in (lambda m: None, *changes):
        change(model)
        for _ in range(2):
            assert np.asarray(f(X)).tobytes() == np.asarray(model(X)).tobytes()
        programs = len(f.programs)
        f(X)
        assert len(f.programs) == programs


def test_attributes_that_are_not_read_do_not_matter() -> None:
    model = Reading(Settings(), lambda it: it.scale)
    f = bs.compile(model)
    f(X)
    model.other = 3.0
    model.it.other = 4.0
    model.it.on = False
    model.extra = nn.Linear(2, 2)
    nn.Linear(3, 3)
    f(X)
    assert len(f.programs) == 1


def test_values_that_come_back_find_their_program() -> None:
    model = Reading(Settings(), lambda it: it.scale)
    f = bs.compile(model)
    for scale in (1.0, 2.0, 1.0, 2.0, 1.0):
        model.it.scale = scale
        assert np.array_equal(np.asarray(f(X)), np.asarray(model(X)))
    assert len(f.programs) == 2


def test_a_method_replaced_on_the_class() -> None:
    class Base(nn.Module):
        def act(self, x: bs.Tensor) -> Any:
            return x * 2.0

    class Net(Base):
        def forward(self, x: bs.Tensor) -> Any:
            return self.act(x)

    net = Net()
    f = bs.compile(net)
    assert f(X).tolist() == [2.0, -4.0, 6.0]
    Base.act = lambda self, x: x * 3.0  # type: ignore[method-assign]
    assert f(X).tolist() == [3.0, -6.0, 9.0]
    Net.act = lambda self, x: x * 4.0  # type: ignore[method-assign]
    assert f(X).tolist() == [4.0, -8.0, 12.0]
    Net.forward = lambda self, x: x  # type: ignore[method-assign]
    assert f(X).tolist() == X.tolist()


def test_what_super_calls_reads() -> None:
    factor = 2.0

    class Base(nn.Module):
        def forward(self, x: bs.Tensor) -> Any:
            return x * factor * self.scale

    class Net(Base):
        def __init__(self) -> None:
            super().__init__()
            self.scale = 1.0

        def forward(self, x: bs.Tensor) -> Any:
            return super().forward(x)

    net = Net()
    f = bs.compile(net)
    assert f(X).tolist() == [2.0, -4.0, 6.0]
    factor = 3.0
    assert f(X).tolist() == [3.0, -6.0, 9.0]
    net.scale = 2.0
    assert f(X).tolist() == [6.0, -12.0, 18.0]
    Base.forward = lambda self, x: -x  # type: ignore[method-assign]
    assert f(X).tolist() == [-1.0, 2.0, -3.0]
