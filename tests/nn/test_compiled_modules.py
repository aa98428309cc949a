"""Compiled functions notice what changes in modules, and only that."""

from __future__ import annotations

from typing import Any

import numpy as np

import backsweep as bs
from backsweep import nn


class Counting(nn.Linear):
    captures = 0

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        Counting.captures += 1
        return super().forward(x)


def captures(fn: Any, *args: Any) -> int:
    before = Counting.captures
    fn(*args)
    return Counting.captures - before


def test_train_eval_train_captures_twice() -> None:
    model = nn.Sequential(Counting(3, 3), nn.Dropout(0.5))
    compiled = bs.compile(model)
    x = bs.ones((4, 3))
    assert captures(compiled, x) == 1
    assert captures(compiled, x) == 0
    model.eval()
    assert captures(compiled, x) == 1
    np.testing.assert_array_equal(np.asarray(compiled(x).detach()), np.asarray(model(x).detach()))
    model.train()
    assert captures(compiled, x) == 0
    model.eval()
    assert captures(compiled, x) == 0


def test_other_models_do_not_matter() -> None:
    model = Counting(3, 3)
    compiled = bs.compile(model)
    x = bs.ones((4, 3))
    compiled(x)
    other = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    other.append(nn.ReLU())
    other.eval()
    assert captures(compiled, x) == 0


def test_replacing_registering_and_constants() -> None:
    model = nn.Sequential(Counting(3, 3), nn.Dropout(0.0))
    compiled = bs.compile(model)
    x = bs.ones((1, 3))
    compiled(x)
    model[0].weight.fill_(0.0)  # a value is no structure
    assert captures(compiled, x) == 0
    model[0].bias = nn.Parameter(bs.tensor([1.0, 2.0, 3.0]))
    assert compiled(x).tolist() == [[1.0, 2.0, 3.0]]
    model[0].bias = None
    assert compiled(x).tolist() == [[0.0, 0.0, 0.0]]
    model[0].bias = nn.Parameter(bs.ones(3))
    model[1].p = 1.0
    assert compiled(x).tolist() == [[0.0, 0.0, 0.0]]
    model[1] = nn.Identity()
    assert compiled(x).tolist() == [[1.0, 1.0, 1.0]]
    model.append(nn.Linear(3, 1))
    assert compiled(x).shape == (1, 1)


def test_replacing_below_a_method_that_is_not_call() -> None:
    class Coder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def encode(self, x: bs.Tensor) -> Any:
            return self.layer(x)

    model = Coder()
    compiled = bs.compile(model.encode)
    x = bs.ones((1, 2))
    compiled(x)
    model.layer = nn.Linear(2, 5)
    assert compiled(x).shape == (1, 5)


def test_buffers_are_state() -> None:
    class Counter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", bs.zeros(()))

        def forward(self, x: bs.Tensor) -> Any:
            self.count = self.count + 1.0
            return x * self.count

    model = Counter()
    compiled = bs.compile(model)
    assert [compiled(bs.ones(1)).tolist() for _ in range(3)] == [[1.0], [2.0], [3.0]]
    assert float(model.count) == 3.0
    assert isinstance(model.count, nn.Buffer)
