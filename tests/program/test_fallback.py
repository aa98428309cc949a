"""Calls that cannot be captured run op by op, where that is asked for; and how many programs are kept."""

from __future__ import annotations

import inspect
import random
import warnings
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core, nn
from backsweep.nn import functional as F
from driver import bits
from programs import batch, equal, everything, model_and_optimizer

X = bs.tensor([1.0, -2.0, 3.0])


def test_a_value_that_is_read_is_an_error_unless_asked() -> None:
    def fn(x: bs.Tensor) -> bs.Tensor:
        return x * 2.0 if float(x.sum()) > 0.0 else x - 1.0

    with pytest.raises(bs.GraphError, match="test_fallback"):
        bs.compile(fn)(X)
    f = bs.compile(fn, fallback=True)
    line = inspect.getsourcelines(fn)[1] + 1
    with pytest.warns(RuntimeWarning, match=rf"^\[compile\] fn runs .*test_fallback\.py:{line} .*ran twice"):
        equal(f(X), fn(X))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once per line
        equal(f(-X), fn(-X))
        equal(f(x=X), fn(X))
        equal(f(bs.ones(2)), fn(bs.ones(2)))
    assert f.programs == []
    info = f.cache_info()
    assert (info.hits, info.misses, info.currsize) == (1, 3, 3)
    with pytest.raises(bs.GraphError, match=r"^\[program\]"):
        f.program(X)


def test_only_what_cannot_be_captured_runs_eagerly() -> None:
    @bs.compile(fallback=True)
    def f(x: bs.Tensor, look: bool) -> Any:
        return x * x.sum().item() if look else x * 3.0

    with pytest.warns(RuntimeWarning, match="item|reads"):
        equal(f(X, True), X * 2.0)
    for _ in range(2):
        equal(f(X, False), X * 3.0)
        equal(f(X, True), X * 2.0)
    assert len(f.programs) == 1


def test_errors_of_the_function_are_its_own() -> None:
    f = bs.compile(lambda x: x @ bs.ones(5), fallback=True)
    for _ in range(2):
        with pytest.raises(bs.ShapeError):
            f(X)
    with pytest.raises(ZeroDivisionError):
        bs.compile(lambda x: x / (1 // 0), fallback=True)(X)


def test_a_training_step_that_falls_back_equals_eager() -> None:
    def made(compiled: bool) -> list[Any]:
        model, optimizer = model_and_optimizer(p=0.3)
        losses = []

        def step(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
            loss = F.cross_entropy(model(x + random.random() + np.random.rand()), y)  # noqa: NPY002
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
            return loss

        run = bs.compile(step, fallback=True) if compiled else step
        bs.manual_seed(5)
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        for i in range(4):
            run(*batch(seed=i))
        return [losses, random.random(), np.random.rand(), *everything(model, optimizer)]  # noqa: NPY002

    with pytest.warns(RuntimeWarning, match="ran twice"):
        assert made(True) == made(False)


def test_random_draws_do_not_advance_twice() -> None:
    def fn(x: bs.Tensor) -> bs.Tensor:
        y = F.dropout(x, 0.5)
        return y * float(y.sum())

    f = bs.compile(fn, fallback=True)
    bs.manual_seed(3)
    with pytest.warns(RuntimeWarning, match="ran twice"):
        got = [bits(f(bs.ones(50))) for _ in range(3)]
    state = bits(_core.default_generator)
    bs.manual_seed(3)
    assert got == [bits(fn(bs.ones(50))) for _ in range(3)]
    assert bits(_core.default_generator) == state


def test_a_module_that_falls_back() -> None:
    class Gated(nn.Linear):
        def forward(self, x: bs.Tensor) -> Any:
            y = super().forward(x)
            return y if bool(y.detach().sum() > 0.0) else y * 2.0

    for in_place in (False, True):
        bs.manual_seed(0)
        net = Gated(3, 3)
        x = bs.ones(2, 3)
        want = net(x)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if in_place:
                net.compile(fallback=True)
            else:
                net = bs.compile(net, fallback=True)
            got = net(x)
        assert bits(got.detach()) == bits(want.detach())
        got.sum().backward()
        assert net.weight.grad is not None


# ---- How many programs are kept ----------------------------------------------------------------------------


def test_the_cache_is_bounded_and_its_size_shows() -> None:
    @bs.compile(cache_size=3)
    def f(x: bs.Tensor) -> bs.Tensor:
        return x.relu()

    assert f.cache_info() == (0, 0, 0, 3, 0)
    for dtype in (bs.float32, bs.float64):
        for rank in range(3):
            x = bs.ones([2] * rank, dtype=dtype)
            for _ in range(2):
                equal(f(x), x)
    info = f.cache_info()
    assert (info.hits, info.misses, info.maxsize, info.currsize) == (6, 6, 3, 3)
    assert len(f.programs) == 3
    f(bs.ones([2] * 2, dtype=bs.float64))
    assert f.cache_info().hits == 7
    f(bs.ones(()))  # gone meanwhile
    assert f.cache_info().misses == 7
    f.cache_clear()
    assert f.cache_info() == (0, 0, 0, 3, 0) and f.programs == []
    equal(f(X), X.relu())


def test_cache_sizes_that_are_none() -> None:
    for size in (0, -1):
        with pytest.raises(ValueError, match=r"^\[compile\] cache_size"):
            bs.compile(lambda x: x, cache_size=size)
    with pytest.raises(TypeError, match=r"^\[compile\] cache_size"):
        bs.compile(lambda x: x, cache_size="many")
