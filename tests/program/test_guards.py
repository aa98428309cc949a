"""What compiled code has read from elsewhere: a change of it leads to a new capture, all else does not."""

from __future__ import annotations

import argparse
import copy
import functools
import gc
import sys
import threading
import types
import warnings
import weakref
from collections.abc import Callable, Iterator
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


# ---- Globals and closures ----------------------------------------------------------------------------------

FACTOR = 2.0
SETTINGS = {"shift": 0.0}


class Config:
    power = 1.0


def scaled(x: bs.Tensor) -> bs.Tensor:
    return x * FACTOR + SETTINGS["shift"]


@pytest.fixture
def globals_kept() -> Iterator[None]:
    kept = dict(globals())
    yield
    globals().update(kept)
    SETTINGS["shift"] = 0.0
    Config.power = 1.0


def check(f: Any, *args: Any) -> None:
    """Twice equal to the function itself."""
    for _ in range(2):
        assert np.asarray(f(*args)).tobytes() == np.asarray(f.__wrapped__(*args)).tobytes()


@pytest.mark.usefixtures("globals_kept")
def test_globals() -> None:
    global FACTOR, scaled
    f = bs.compile(lambda x: scaled(x) ** Config.power)
    check(f, X)
    FACTOR = 3.0
    check(f, X)
    SETTINGS["shift"] = 1.0
    check(f, X)
    Config.power = 2.0
    check(f, X)
    scaled = lambda x: x - 1.0  # noqa: E731
    check(f, X)
    assert len(f.programs) == 5
    globals()["unrelated"] = 1.0
    f(X)
    assert len(f.programs) == 5


def test_attributes_of_users_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("settings_of_user")
    module.SCALE = 2.0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "settings_of_user", module)
    space: dict[str, Any] = {"settings": module}
    exec("def fn(x):\n    return x * settings.SCALE", space)
    f = bs.compile(space["fn"])
    check(f, X)
    module.SCALE = 5.0  # type: ignore[attr-defined]
    check(f, X)
    assert f(X).tolist() == [5.0, -10.0, 15.0]


def test_names_of_attributes_are_no_globals() -> None:
    space: dict[str, Any] = {"net": types.SimpleNamespace(out=lambda x: x * 2.0), "out": 1.0}
    exec("def fn(x):\n    return net.out(x)", space)
    f = bs.compile(space["fn"])
    for _ in range(3):
        space["out"] = f(X)
    assert len(f.programs) == 1


def test_closures() -> None:
    factor, settings = 2.0, Settings()

    def inner(x: bs.Tensor) -> bs.Tensor:
        return x * factor

    def decorated(fn: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(fn)
        def call(x: bs.Tensor) -> Any:
            return fn(x) + settings.scale

        return call

    f = bs.compile(decorated(inner))
    check(f, X)
    factor = 3.0
    check(f, X)
    settings.scale = 4.0
    check(f, X)
    settings = Settings(7.0)
    check(f, X)
    assert len(f.programs) == 4


def test_defaults_and_attributes_of_functions() -> None:
    def fn(x: bs.Tensor, settings: Any = {"scale": 2.0}, *, more: Any = [1.0]) -> bs.Tensor:  # noqa: B006
        return x * settings["scale"] * more[0] * fn.factor  # type: ignore[attr-defined]

    fn.factor = 3.0  # type: ignore[attr-defined]
    f = bs.compile(fn)
    check(f, X)
    fn.__defaults__[0]["scale"] = 4.0  # type: ignore[index]
    check(f, X)
    fn.__kwdefaults__["more"][0] = 5.0
    check(f, X)
    fn.factor = 6.0  # type: ignore[attr-defined]
    check(f, X)
    assert len(f.programs) == 4


def test_functions_made_inside() -> None:
    factor = 2.0
    f = bs.compile(lambda x: sum((lambda y: y * factor * k)(x) for k in (1.0, 2.0)))
    check(f, X)
    factor = 5.0
    check(f, X)


def test_functions_behind_value_and_grad() -> None:
    factor = 2.0
    f = bs.compile(bs.value_and_grad(lambda x: (x * x * factor).sum()))
    assert f(X)[1].tolist() == [4.0, -8.0, 12.0]
    factor = 1.0
    assert f(X)[1].tolist() == [2.0, -4.0, 6.0]


def test_a_loss_with_an_attribute() -> None:
    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight_of = {"a": 1.0}

        def forward(self, x: bs.Tensor) -> Any:
            return (x * self.weight_of["a"]).sum()

    model, loss = nn.Linear(3, 3), Weighted()
    step = bs.compile(lambda x: loss(model(x)))
    first = float(step(bs.ones(1, 3)))
    loss.weight_of["a"] = 2.0
    assert float(step(bs.ones(1, 3))) == pytest.approx(2 * first)


# ---- What the function itself changes ----------------------------------------------------------------------


def test_a_list_that_the_function_changes_is_its_own() -> None:
    log: list[int] = []
    stats = {"calls": 0}

    def fn(x: bs.Tensor) -> bs.Tensor:
        log.append(1)
        stats["calls"] += 1
        return x * 2.0

    f = bs.compile(fn)
    for _ in range(3):
        f(X)
    assert len(log) == stats["calls"] == len(f.programs) == 1


def test_a_number_that_the_function_changes_is_right_and_warns() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        def forward(self, x: bs.Tensor) -> Any:
            self.calls += 1
            return x * float(self.calls)

    net = Counting()
    f = bs.compile(net)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(1, 13):
            assert float(f(bs.ones(()))) == i
    assert [w.category for w in caught] == [RuntimeWarning]
    assert "Counting.calls has changed" in str(caught[0].message)
    assert caught[0].filename == __file__


def test_attributes_that_the_function_sets_and_reads() -> None:
    class Net(nn.Module):
        def forward(self, x: bs.Tensor) -> Any:
            self.hidden = x * 2.0
            self.parts = [self.hidden, x]
            out = types.SimpleNamespace(value=self.hidden + self.parts[1])
            return Result(out.value).value

    class Result:
        def __init__(self, value: Any) -> None:
            self.value = value

    net = Net()
    f = bs.compile(net)
    for _ in range(3):
        assert f(X).tolist() == [3.0, -6.0, 9.0]
    assert len(f.programs) == 1


def test_numbers_kept_by_the_function() -> None:
    """A cache of masks, say, as many models have one."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cache: dict[int, np.ndarray] = {}

        def forward(self, x: bs.Tensor) -> Any:
            n = x.shape[0]
            if n not in self.cache:
                self.cache[n] = np.arange(n, dtype=np.float32)
            return x * bs.tensor(self.cache[n])

    f = bs.compile(Net())
    for x in (bs.ones(2), bs.ones(3), bs.ones(2), bs.ones(3)):
        assert f(x).tolist() == list(range(x.shape[0]))


# ---- What watching leaves behind ---------------------------------------------------------------------------


def test_classes_are_as_they_were() -> None:
    class Own:
        scale = 2.0

        def __setattr__(self, name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

    before = dict(vars(Own)), dict(vars(nn.Module)), dict(vars(Settings))
    own, settings = Own(), Settings()
    check(bs.compile(lambda x: x * own.scale * settings.scale), X)
    with pytest.raises(ZeroDivisionError):
        bs.compile(lambda x: x * own.scale * settings.scale / 0 if own.scale / 0 else x)(X)
    assert (dict(vars(Own)), dict(vars(nn.Module)), dict(vars(Settings))) == before
    assert sys.getprofile() is None


def test_a_profiler_goes_on() -> None:
    seen = []

    def helper(x: bs.Tensor) -> bs.Tensor:
        return x * 2.0

    def profile(frame: types.FrameType, event: str, _: Any) -> None:
        if event == "call":
            seen.append(frame.f_code.co_name)

    f = bs.compile(lambda x: helper(x))
    sys.setprofile(profile)
    try:
        f(X)
        assert sys.getprofile() is profile
    finally:
        sys.setprofile(None)
    assert "helper" in seen


def test_threads_capture_and_read_at_once() -> None:
    settings = Settings()
    model = nn.Sequential(*[nn.Linear(3, 3) for _ in range(5)])
    wrong = []

    def work(k: int) -> None:
        for i in range(10):
            f = bs.compile(lambda x: model(x) * settings.scale)
            y = f(X)
            if y.tolist() != (model(X) * settings.scale).tolist():
                wrong.append((k, i))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert "__getattribute__" not in vars(nn.Module) and "__getattribute__" not in vars(Settings)


def test_nothing_keeps_a_model_alive() -> None:
    gc.collect()
    gc.disable()
    try:
        model = nn.Sequential(nn.Linear(3, 3), Reading(Settings(), lambda it: it.scale))
        bs.predict(model, np.zeros((2, 3), np.float32))
        f = bs.compile(lambda x, model=model: model(x))
        f(bs.ones(1, 3))
        gone = weakref.ref(model)
        del model, f
        assert gone() is None
    finally:
        gc.enable()


def test_copies_of_a_module_are_apart() -> None:
    model = Reading(1.0, lambda it: it)
    f = bs.compile(model)
    f(X)
    for twin in (copy.copy(model), copy.deepcopy(model)):
        g = bs.compile(twin)
        twin.it = 2.0
        assert g(X).tolist() == twin(X).tolist()
        model.it = 3.0
        twin.it = 1.0
        assert f(X).tolist() == model(X).tolist()
        assert g(X).tolist() == twin(X).tolist()
        model.it = 1.0
        assert f(X).tolist() == model(X).tolist()
