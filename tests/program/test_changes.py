"""What compiled functions change of Python's state besides their result: at each call, as eager ones do."""

from __future__ import annotations

import copy
import warnings
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn

X = bs.tensor([1.0, -2.0])


class State:
    """What the functions below change."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.counts: Counter[Any] = Counter()
        self.by_key: defaultdict[Any, list[Any]] = defaultdict(list)
        self.recent: OrderedDict[Any, Any] = OrderedDict(a=1, b=2)
        self.plain: dict[Any, Any] = {"x": 1, "y": 2, "z": [1, [2]]}
        self.seen: set[Any] = set()
        self.array = np.zeros(3)
        self.large = list(range(2_000))
        self.flag = False
        self.last: Any = None
        self.space = SimpleNamespace(n=0, h=bs.zeros(2))


def append_number(s: State, x: bs.Tensor, n: int) -> Any:
    s.log.append(n)
    return x * float(len(s.log))


def append_tensors(s: State, x: bs.Tensor, n: int) -> Any:
    s.log.append({"loss": x * 2.0, "n": n})
    s.log.append(x)
    return x + s.log[0]["loss"]


def pop_from_list(s: State, x: bs.Tensor, n: int) -> Any:
    s.log += [n, n + 1]
    del s.log[0]
    return x + float(sum(s.log))


def clear_a_list(s: State, x: bs.Tensor, n: int) -> Any:
    if len(s.log) > 1:
        s.log.clear()
    s.log.append(x + n)
    return x


def count(s: State, x: bs.Tensor, n: int) -> Any:
    s.counts[n] += 1
    s.counts.update("ab")
    return x * float(s.counts[n])


def fill_default(s: State, x: bs.Tensor, n: int) -> Any:
    s.by_key[n].append(n)
    s.by_key["t"].append(x * float(n))
    return x * float(len(s.by_key))


def move_to_end(s: State, x: bs.Tensor, n: int) -> Any:
    first = next(iter(s.recent))
    s.recent.move_to_end(first)
    s.recent[n] = n + 1
    s.recent[-1] = [x + 1.0]
    return x * float(len(s.recent))


def remove_key(s: State, x: bs.Tensor, n: int) -> Any:
    y = s.plain.pop("x", 3)
    s.plain["x"] = y + 1
    s.plain["z"][1].append(n)
    return x * float(y)


def replace_in_dict(s: State, x: bs.Tensor, n: int) -> Any:
    s.plain["x"] += n
    s.plain["y"] = x * 2.0
    s.plain["new"] = (x, [n])
    return x * float(s.plain["x"])


def keep_a_set(s: State, x: bs.Tensor, n: int) -> Any:
    s.seen.add(n)
    s.seen.discard(n - 1)
    return x * float(len(s.seen))


def write_an_array(s: State, x: bs.Tensor, n: int) -> Any:
    s.array[n % 3] += 1.0
    return x + float(s.array.sum())


def change_a_large_list(s: State, x: bs.Tensor, n: int) -> Any:
    s.large.append(n)
    s.large[0] = 7
    return x + float(len(s.large))


def toggle(s: State, x: bs.Tensor, n: int) -> Any:
    s.flag = not s.flag
    return x * (2.0 if s.flag else 3.0)


def set_without_reading(s: State, x: bs.Tensor, n: int) -> Any:
    s.last = n
    return x


def set_to_a_list_from_outside(s: State, x: bs.Tensor, n: int) -> Any:
    s.last = s.log if n % 2 else [n, s.log]
    return x


def count_beside_a_tensor(s: State, x: bs.Tensor, n: int) -> Any:
    s.space.h = s.space.h + x
    s.space.n += n
    return s.space.h * float(s.space.n)


def reset(s: State, x: bs.Tensor, n: int) -> Any:
    if s.last is None:
        s.last = x + 1.0
        return x
    y = s.last * x
    s.last = None
    return y


def of_shape(s: State, x: bs.Tensor, n: int) -> Any:
    x = bs.cat([x] * (n + 1))
    s.last = x.shape
    s.log.append(x.shape[0])
    return x.sum()


FUNCTIONS: list[Callable[[State, bs.Tensor, int], Any]] = [
    append_number,
    append_tensors,
    pop_from_list,
    clear_a_list,
    count,
    fill_default,
    move_to_end,
    remove_key,
    replace_in_dict,
    keep_a_set,
    write_an_array,
    change_a_large_list,
    toggle,
    set_without_reading,
    set_to_a_list_from_outside,
    count_beside_a_tensor,
    reset,
    of_shape,
]


def told(value: Any) -> Any:
    """A value that can be compared."""
    if isinstance(value, bs.Tensor):
        return ["tensor", *value.tolist()] if value.ndim else float(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return [(key, told(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(told, value)]
    if isinstance(value, (State, SimpleNamespace)):
        return told(vars(value))
    return value


@pytest.mark.parametrize("fn", FUNCTIONS, ids=lambda f: str(f.__name__))
def test_state_is_that_of_eager_calls(fn: Callable[[State, bs.Tensor, int], Any]) -> None:
    """After each call, also where values come back, and where others change the state between calls."""
    eager, mine = State(), State()
    ids = {name: id(value) for name, value in vars(mine).items() if name != "last"}

    def step(x: bs.Tensor, n: int) -> Any:
        return fn(mine, x, n)

    compiled = bs.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what changes at every call
        for i, n in enumerate((0, 1, 2, 2, 0, 0, 1, 1, 2)):
            if i == 5:
                for s in (eager, mine):
                    s.log.clear()
                    s.flag, s.last = False, None
                    s.plain["z"] = [5, [6]]
            x = X * float(i + 1)
            assert told(compiled(x, n)) == told(fn(eager, x, n))
            assert told(mine) == told(eager)
    assert all(id(value) == ids[name] for name, value in vars(mine).items() if name in ids and name != "flag")


def test_programs_come_back_with_their_changes() -> None:
    """What toggles needs two programs; what is set without being read needs one for each argument."""
    s = State()
    for fn, wanted in ((toggle, 2), (set_without_reading, 1)):
        compiled = bs.compile(lambda x, fn=fn: fn(s, x, 3))
        for _ in range(6):
            compiled(X)
            s.last = None
        assert len(compiled.programs) <= wanted


def test_lists_from_outside_stay_themselves() -> None:
    """Also as values of attributes of modules, and of variables of enclosing functions."""
    lists, current, model = [[1], [2]], [0], nn.Identity()
    model.current = None

    def fn(x: bs.Tensor, n: int) -> bs.Tensor:
        nonlocal current
        current = lists[n]
        model.current = lists[n]
        return x

    f = bs.compile(fn)
    for n in (0, 1, 0, 0, 1, 1):
        f(X, n)
        assert current is lists[n] and model.current is lists[n]


def test_lists_that_are_made_inside_are_others_at_each_call() -> None:
    s = State()

    @bs.compile
    def fn(x: bs.Tensor) -> bs.Tensor:
        s.last = [1, {"a": [2]}]
        return x

    fn(X)
    first = s.last
    first[1]["a"].append(3)
    fn(X)
    assert s.last == [1, {"a": [2]}] and s.last is not first


def test_other_items_beside_an_input_are_compared() -> None:
    state: list[Any] = [bs.zeros(2), 2.0]
    table: dict[str, Any] = {"h": bs.zeros(2), "scale": 2.0}

    def fn(x: bs.Tensor) -> bs.Tensor:
        state[0] = state[0] + x * state[1]
        table["h"] = table["h"] + x * table["scale"] * float(len(table))
        total: bs.Tensor = state[0] + table["h"]
        return total

    f = bs.compile(fn)
    f(X)
    captured = len(f.programs)
    assert told(f(X)) == told(X * 12.0) and len(f.programs) == captured
    state[1] = table["scale"] = 3.0
    assert told(f(X)) == told(X * 21.0)
    table["more"] = 0
    assert told(f(X)) == told(X * 33.0)


def test_a_model_that_counts_its_calls() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0
            self.shapes: list[tuple[int, ...]] = []

        def forward(self, x: bs.Tensor) -> bs.Tensor:
            self.calls += 1
            self.shapes.append(tuple(x.shape))
            return x * float(self.calls)

    model = Counting()
    f = bs.compile(model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for k in range(1, 13):
            assert told(f(X)) == told(X * float(k))
    assert model.calls == 12 and model.shapes == [(2,)] * 12
    assert any("is captured anew at each call: Counting.calls" in str(w.message) for w in caught) or any(
        "a list in Counting.shapes" in str(w.message) for w in caught
    )


def test_the_warning_names_the_container() -> None:
    s = State()

    @bs.compile
    def fn(x: bs.Tensor) -> bs.Tensor:
        s.log.append(1)
        return x

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(12):
            fn(X)
    assert "captured anew at each call: a list in State.log has changed" in str(caught[0].message)


def test_planning_and_errors_leave_things_as_they_were() -> None:
    s = State()
    before = copy.deepcopy(told(s))

    @bs.compile
    def fn(x: bs.Tensor) -> bs.Tensor:
        s.log.append(1)
        s.counts["a"] += 1
        return x

    fn.program(X)
    assert told(s) == before

    @bs.compile
    def fails(x: bs.Tensor) -> bs.Tensor:
        s.log.append(x + 1.0)
        return x * float(x.sum())

    with pytest.raises(bs.GraphError):
        fails(X)
    assert told(s) == before  # and no symbol is left
    f = bs.compile(fails.__wrapped__, fallback=True)
    for k in range(1, 4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            f(X)
        assert len(s.log) == k
