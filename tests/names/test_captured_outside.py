"""Tensors of outside that a compiled function writes, or that are written between and during its calls."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn


def numbers(t: bs.Tensor) -> np.ndarray:
    return t.detach().numpy()


class Running(nn.Module):
    """A running mean in a plain attribute, as code has it that knows no buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = bs.zeros(3)
        self.count = bs.zeros(1)

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        with bs.no_grad():
            self.mean.mul_(0.9).add_(x.mean(0) * 0.1)
            self.count += 1
        return x - self.mean


@pytest.mark.parametrize("read_first", [False, True])
def test_a_tensor_of_outside_is_written_at_each_run(read_first: bool) -> None:
    eager, compiled = Running(), Running()

    def run(m: Running, x: bs.Tensor) -> Any:
        before = m.mean * 2 if read_first else x
        return m(x), before

    f = bs.compile(lambda x: run(compiled, x))
    view = compiled.mean[1:]
    for i in range(4):
        x = bs.tensor(np.random.default_rng(i).normal(size=(5, 3)).astype(np.float32))
        for g, w in zip(f(x), run(eager, x), strict=True):
            np.testing.assert_allclose(numbers(g), numbers(w), rtol=1e-6)
        np.testing.assert_allclose(numbers(compiled.mean), numbers(eager.mean), rtol=1e-6)
        np.testing.assert_array_equal(numbers(view), numbers(compiled.mean)[1:])
        assert float(compiled.count.sum()) == i + 1
    assert f.cache_info().misses == 1
    compiled.mean.zero_()  # outside of it, by another name
    view += 1
    np.testing.assert_array_equal(numbers(compiled.mean), [0, 1, 1])


def test_a_constant_that_is_written_later_is_read_anew() -> None:
    scale = bs.ones(3)
    f = bs.compile(lambda x: x * (scale * 2))
    x = bs.ones(3)
    for i in range(1, 6):
        np.testing.assert_array_equal(numbers(f(x)), np.full(3, 2.0 * i))
        scale += 1
    assert f.cache_info().misses == 2


def test_a_part_of_a_constant_that_is_written() -> None:
    table = bs.zeros(4, 3)
    row = table[1]
    f = bs.compile(lambda x: table.sum(0) + row + x)
    x = bs.zeros(3)
    for i in range(1, 4):
        table[1] = float(i)
        np.testing.assert_array_equal(numbers(f(x)), np.full(3, 2.0 * i))
        row[0] = 0.0
        np.testing.assert_array_equal(numbers(f(x)), [0, 2 * i, 2 * i])
    assert f.cache_info().misses <= 3


def test_a_leaf_is_moved_by_hand() -> None:
    def train(w: bs.Tensor, compile_it: bool) -> None:
        def step(x: bs.Tensor) -> bs.Tensor:
            loss = ((x @ w) ** 2).sum()
            (g,) = bs.grad(loss, [w])
            with bs.no_grad():
                w.sub_(g * 0.01)
            return loss

        run = bs.compile(step) if compile_it else step
        for i in range(4):
            run(bs.full((2, 3), 0.1 * i))

    weights = [bs.ones(3, 2).requires_grad_() for _ in range(2)]
    for w, compile_it in zip(weights, (False, True), strict=True):
        train(w, compile_it)
    np.testing.assert_allclose(numbers(weights[1]), numbers(weights[0]), rtol=1e-6)
    assert weights[1].is_leaf
    assert weights[1].requires_grad


def test_a_parameter_is_moved_through_data() -> None:
    p, q = nn.Parameter(bs.ones(3)), nn.Parameter(bs.ones(3))

    def move(p: nn.Parameter, x: bs.Tensor) -> None:
        p.data.add_(x)
        p.data[0] = 0.5
        with bs.no_grad():
            p[1:].mul_(2)

    f = bs.compile(move)
    for i in range(3):
        x = bs.full((3,), float(i))
        f(p, x)
        move(q, x)
        np.testing.assert_array_equal(numbers(p), numbers(q))


def test_one_tensor_given_twice() -> None:
    def add(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        x += y
        y *= 2
        return x - y

    f = bs.compile(add)
    for twice in (True, False, True, False):
        made = []
        for g in (add, f):
            x, y = bs.ones(3), bs.full((3,), 5.0)
            made.append([numbers(t) for t in (g(x, x if twice else y), x, y)])
        for a, b in zip(*made, strict=True):
            np.testing.assert_array_equal(a, b)
    assert f.cache_info().misses == 2


def test_an_argument_that_is_part_of_another_is_not_written() -> None:
    def fill(x: bs.Tensor, row: bs.Tensor) -> None:
        row += 1

    x = bs.zeros(3, 2)
    with pytest.raises(bs.GraphError, match="shares its memory"):
        bs.compile(fill)(x, x[0])
    with pytest.raises(bs.GraphError, match="NumPy array"):
        bs.compile(fill)(x, np.zeros(2, np.float32))


def test_arguments_with_strides_are_written_where_they_lie() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> None:
        x += 1
        x[0] = 7.0

    base = bs.zeros(4, 6)
    f(base.T[1:3])
    want = np.zeros((4, 6))
    want.T[1:3] += 1
    want.T[1] = 7
    np.testing.assert_array_equal(numbers(base), want)


def test_a_thread_writes_the_argument_of_a_run() -> None:
    """Each run sees the argument as it was at one time."""
    f = bs.compile(lambda x: ((x - x[0, 0]) ** 2 @ bs.ones(400, 400)).sum())
    x = bs.zeros(400, 400)
    f(x)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            x.add_(1)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        sums = {float(f(x)) for _ in range(30)}
    finally:
        stop.set()
        thread.join()
    assert sums == {0.0}


def through_data(t: bs.Tensor) -> bs.Tensor:
    t.data.add_(1.0)
    return t


def through_detach(t: bs.Tensor) -> bs.Tensor:
    t.detach().mul_(2.0)
    return t


def kept_by_data(t: bs.Tensor) -> bs.Tensor:
    before = t.data * 1.0
    t.fill_(7.0)
    return before


@pytest.mark.parametrize("f", [through_data, through_detach, kept_by_data])
def test_what_is_written_by_another_name_at_each_run(f: Any) -> None:
    t, u = bs.ones(2), bs.ones(2)
    g = bs.compile(lambda x: f(t) * x)
    for _ in range(3):
        assert g(bs.ones(2)).tolist() == f(u).tolist()
        assert t.tolist() == u.tolist()


@pytest.mark.parametrize("read", [float, bs.Tensor.item, bs.Tensor.tolist, bs.Tensor.numpy])
def test_a_number_that_is_read_and_then_written_is_refused(read: Any) -> None:
    t = bs.tensor(1.0)

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        before = float(read(t))
        t.fill_(before + 1.0)
        return x * before

    with pytest.raises(bs.GraphError, match="reads the value of a tensor"):
        f(bs.ones(2))
    assert float(t) == 1.0
