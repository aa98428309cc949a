"""Guards of globals and closures; what a function changes itself; what a capture leaves behind."""

from __future__ import annotations

import copy
import functools
import gc
import sys
import threading
import timeit
import types
import warnings
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn

X = bs.tensor([1.0, -2.0, 3.0])


@dataclass
class Settings:
    scale: float = 1.0


class Reading(nn.Module):
    """Multiplies by what `how` reads of `self.it`."""

    def __init__(self, it: Any, how: Callable[[Any], Any]) -> None:
        super().__init__()
        self.it = it
        self.how = how

    def forward(self, x: bs.Tensor) -> Any:
        return x * self.how(self.it)


FACTOR = 2.0
SETTINGS = {"shift": 0.0}


class Config:
    power = 1.0


def same_bits(a: bs.Tensor, b: bs.Tensor) -> None:
    assert a.numpy().tobytes() == b.numpy().tobytes()


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


COLLECTIONS = 0


def count_collections(phase: str, info: dict[str, int]) -> None:
    global COLLECTIONS
    COLLECTIONS += 1


@pytest.mark.usefixtures("globals_kept")
def test_what_a_collection_runs_is_not_of_the_function() -> None:
    """Callbacks of the garbage collector, and finalizers, run whenever there are many objects."""

    def allocating(x: bs.Tensor) -> bs.Tensor:
        kept = [[] for _ in range(100)]  # type: ignore[var-annotated]
        return x * float(len(kept))

    f = bs.compile(allocating)
    threshold = gc.get_threshold()
    gc.callbacks.append(count_collections)
    try:
        gc.set_threshold(10)
        for _ in range(3):
            check(f, X)
            gc.collect()
    finally:
        gc.callbacks.remove(count_collections)
        gc.set_threshold(*threshold)
    assert COLLECTIONS > 0
    assert gc.isenabled()
    assert len(f.programs) == 1


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


def test_large_things_are_told_apart_by_identity() -> None:
    """They would be compared at each call."""
    rows, table = [[1.0] * 200 for _ in range(200)], dict.fromkeys(range(300), 1.0)
    image = np.ones((200, 200), np.float32)
    f = bs.compile(lambda x: x * rows[0][0] * table[0] * float(image[0, 0]))
    check(f, X)
    least = min(timeit.repeat(lambda: f(X), number=20, repeat=5)) / 20
    assert least < 1e-3
    rows, table, image = [[2.0]], {0: 3.0}, np.full((200, 200), 5.0)
    check(f, X)


# ---- What the function itself changes ----------------------------------------------------------------------


def test_containers_that_the_function_changes_are_changed_at_each_call() -> None:
    """Python runs each time: a program that would leave the change out is used for no call."""
    log: list[int] = []
    stats, seen, counts = {"calls": 0}, set[int](), np.zeros(1)

    def fn(x: bs.Tensor, n: int) -> bs.Tensor:
        log.append(n)
        stats["calls"] += 1
        seen.add(n)
        counts[0] += 1
        return x * float(len(log))

    f = bs.compile(fn)
    for n in range(3):
        same_bits(f(X, n), X * float(n + 1))
    assert (log, stats, seen, counts.tolist()) == ([0, 1, 2], {"calls": 3}, {0, 1, 2}, [3.0])
    log.clear()  # what a program was made for is there again
    same_bits(f(X, 7), X * 1.0)
    assert log == [7] and counts.tolist() == [4.0]


def test_a_cache_that_the_function_fills_leads_to_one_more_capture() -> None:
    made: list[int] = []
    scales: dict[Any, Any] = {"unused": None}

    def fn(x: bs.Tensor, n: int) -> bs.Tensor:
        if n not in scales:
            scales[n] = float(n)
            made.append(n)
        return x * scales[n]

    f = bs.compile(fn)
    for n in (3, 3, 3, 4, 4, 4, 3, 3):
        same_bits(f(X, n), X * float(n))
    assert made == [3, 4]
    programs = len(f.programs)
    f(X, 4)
    f(X, 3)
    assert len(f.programs) == programs
    scales[3] = 5.0
    same_bits(f(X, 3), X * 5.0)


def test_tensors_that_come_into_a_dict() -> None:
    """A new item is put there after the run, and read as the tensor that it is afterwards."""
    cache: dict[Any, Any] = {"n": 1}

    def fn(x: bs.Tensor) -> bs.Tensor:
        if 7 not in cache:
            cache[7] = x + 1.0
            cache["n"] += 1
        return x * cache[7]

    f = bs.compile(fn)
    same_bits(f(X), X * (X + 1.0))
    same_bits(cache[7], X + 1.0)
    for k in (2.0, 3.0):
        same_bits(f(X * k), X * k * (X + 1.0))
    del cache[7]
    same_bits(f(X * 2.0), X * 2.0 * (X * 2.0 + 1.0))
    assert cache["n"] == 3


def test_a_second_run_of_the_capture_adds_nothing_twice() -> None:
    state = SimpleNamespace(h=bs.zeros(2), log=[])

    def fn(x: bs.Tensor) -> bs.Tensor:
        state.log.append(1)
        state.h = state.h + x  # read and set: the capture runs once more
        return state.h

    f = bs.compile(fn)
    for k in range(1, 4):
        f(bs.ones(2))
        assert state.log == [1] * k and state.h.tolist() == [float(k)] * 2


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


def test_a_tensor_left_by_an_earlier_call_is_read_again() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.state: Any = None

        def forward(self, x: bs.Tensor) -> Any:
            self.state = x if self.state is None else x + self.state
            return self.state

    net = Net()
    f = bs.compile(net)
    for n in range(1, 5):
        np.testing.assert_array_equal(f(X).numpy(), n * X.numpy())
        assert net.state is X if n == 1 else not net.state.requires_grad
    assert f.cache_info().misses == 2  # without a state, and with one


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


class Key:
    """Equal to all others; whoever compares it may write elsewhere."""

    written: bs.Tensor | None = None

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        if self.written is not None:
            self.written.data = bs.full((3,), 5.0)
        return isinstance(other, Key)


KEYS = {Key()}


def test_a_comparison_may_write_to_an_argument() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        return x * float(len(KEYS))

    x = bs.ones(3)
    assert f(x).tolist() == [1.0] * 3
    KEYS.clear()
    KEYS.add(Key())
    Key.written = x
    try:
        assert f(x).tolist() == [5.0] * 3
    finally:
        Key.written = None
    assert f.cache_info().misses == 1


def test_a_tensor_turned_in_place() -> None:
    w = bs.tensor([[1.0, 2.0], [3.0, 4.0]])
    f = bs.compile(lambda x: x * w)
    assert f(bs.ones(2, 2)).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    w.t_()
    assert f(bs.ones(2, 2)).tolist() == [[1.0, 3.0], [2.0, 4.0]]
