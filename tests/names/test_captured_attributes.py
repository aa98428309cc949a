"""Attributes, globals and items that a captured function sets: a run leaves there what it would have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn


class Box:
    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)

    def __getattr__(self, name: str) -> Any:  # for mypy: what is not there
        raise AttributeError(name)


def same(a: Any, b: Any) -> None:
    if isinstance(a, bs.Tensor):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    elif isinstance(a, (tuple, list)):
        assert type(a) is type(b) and len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for k in a:
            same(a[k], b[k])
    else:
        assert a == b


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.h: bs.Tensor | None = None
        self.seen = 0

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        y = self.linear(x)
        self.h = bs.tanh(y if self.h is None else y + self.h)
        return self.h * 2


def test_the_state_of_a_module_moves_on_with_each_run() -> None:
    eager, compiled = Recurrent(), Recurrent()
    compiled.load_state_dict(eager.state_dict())
    f = bs.compile(compiled)
    for i in range(5):
        x = bs.full((2, 3), float(i))
        same(f(x), eager(x))
        same(compiled.h, eager.h)
    assert f.cache_info().misses == 2  # without a state, and with one


def test_gradients_go_through_what_was_kept() -> None:
    eager, compiled = Recurrent(), Recurrent()
    compiled.load_state_dict(eager.state_dict())
    f = bs.compile(compiled)
    x = bs.ones(2, 3)
    for g in (eager, f):
        for _ in range(3):
            y = g(x)
        y.sum().backward()
    for p, q in zip(eager.parameters(), compiled.parameters(), strict=True):
        assert p.grad is not None and q.grad is not None
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-6)


def test_nested_state_is_put_back() -> None:
    def step(s: Any, x: bs.Tensor) -> bs.Tensor:
        h, (c, d) = s.state
        s.state = h + x, [c * 2, {"d": d["d"] - x}]
        s.last = x.sum()
        return h * c

    def state() -> Any:
        return Box(state=(bs.zeros(3), [bs.ones(3), {"d": bs.zeros(3)}]), last=None)

    eager, compiled, f = state(), state(), bs.compile(step)
    for i in range(4):
        x = bs.full((3,), float(i))
        same(f(compiled, x), step(eager, x))
        same(vars(compiled), vars(eager))
    assert f.cache_info().misses == 1


total = bs.zeros(3)


def test_globals_variables_of_closures_and_items() -> None:
    mean, table, rows = bs.zeros(3), {"a": bs.zeros(3), "scale": 2.0}, [bs.zeros(3), bs.ones(3)]

    def step(x: bs.Tensor) -> bs.Tensor:
        global total
        nonlocal mean
        total = total + x
        mean = mean * 0.5 + x
        table["a"] = table["a"] + x * table["scale"]
        rows[1] = rows[0] + rows[1] + x
        return total + mean

    f = bs.compile(step)
    for i in range(4):
        f(bs.full((3,), float(i)))
    same(total, bs.full((3,), 6.0))
    same(mean, bs.full((3,), 4.25))
    same(table["a"], bs.full((3,), 12.0))
    same(rows[1], bs.full((3,), 7.0))
    assert f.cache_info().misses == 1


def test_a_size_of_its_own_needs_no_python() -> None:
    box = Box(last=None)

    @bs.compile
    def f(x: bs.Tensor) -> None:
        box.last = x * 2

    for n in (3, 5, 4):
        f(bs.ones(n))
        same(box.last, bs.full((n,), 2.0))
    assert (f.cache_info().misses, f.cache_info().reshaped) == (1, 2)


def test_what_is_planned_or_fails_leaves_things_as_they_were() -> None:
    box = Box(h=bs.zeros(2), calls=0)

    def step(x: bs.Tensor) -> bs.Tensor:
        box.h = box.h + x
        return box.h.reshape(x.shape[0] // 2 * 2)

    f = bs.compile(step)
    before = box.h
    f.program(bs.ones(2))
    assert box.h is before
    with pytest.raises(bs.ShapeError):
        f(bs.ones(3))
    assert box.h is before
    same(f(bs.ones(2)), bs.ones(2))


def test_a_number_that_is_counted_is_counted_once() -> None:
    box = Box(h=bs.zeros(2), calls=0)

    def step(x: bs.Tensor) -> None:
        box.calls += 1
        box.h = box.h + x

    f = bs.compile(step)
    for i in range(3):
        f(bs.ones(2))
        assert box.calls == i + 1
        same(box.h, bs.full((2,), float(i + 1)))


def test_an_argument_that_is_returned_is_the_argument() -> None:
    @bs.compile
    def f(x: bs.Tensor, y: bs.Tensor) -> tuple[bs.Tensor, bs.Tensor]:
        return y, x + y

    x, y = bs.ones(2), bs.zeros(2)
    got, both = f(x, y)
    assert got is y
    same(both, x)
    array = np.ones(2, np.float32)
    got, _ = f(x, array)  # type: ignore[arg-type]
    same(got, x)
