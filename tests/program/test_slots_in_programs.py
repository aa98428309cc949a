"""Writes to slots inside programs: they change as a whole, or not at all where a step raises."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core, nn
from backsweep.nn import functional as F
from driver import array, bits
from programs import batch, everything, model_and_optimizer, training_step

# ---- Slots -------------------------------------------------------------------------------------------------


def test_a_numpy_view_keeps_the_value_from_before_the_step() -> None:
    model, optimizer = model_and_optimizer()
    step = bs.compile(training_step(model, optimizer))
    x, y = batch()
    for _ in range(3):
        views = [np.asarray(p.detach()) for p in model.parameters()]
        copies = [v.copy() for v in views]
        handles = [p._snapshot() for p in model.parameters()]
        step(x, y)
        for p, v, c, h in zip(model.parameters(), views, copies, handles, strict=True):
            np.testing.assert_array_equal(v, c)
            np.testing.assert_array_equal(array(h), c)
            assert not np.array_equal(array(p), c)


@pytest.mark.parametrize("size", [3, 300])
@pytest.mark.parametrize("threads", [1, 3])
def test_writes_that_read_the_old_value_elsewhere(size: int, threads: int) -> None:
    """In place only where element i alone decides element i."""
    bs.set_num_threads(threads)
    start = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32) / size
    index = bs.tensor(np.arange(size)[::-1].copy())
    rules: dict[str, Callable[[Any], bs.Tensor]] = {
        "itself": lambda p: p * 2.0 + 1.0,
        "transposed": lambda p: p.T,
        "plus transposed": lambda p: p + p.T,
        "reversed": lambda p: _core.ops.slice(p, dim=0, step=-1) + 0.0,
        "shifted": lambda p: p + p[0],
        "centred": lambda p: p - p.mean(0),
        "product": lambda p: p @ p,
        "rows": lambda p: bs.index_rows(p, index),
        "softened": lambda p: _core.ops.layer_norm(p)[0],
        "unchanged": lambda p: p.detach(),
        "reshaped": lambda p: p.reshape(-1).reshape(size, size) * 0.5,
    }
    for name, rule in rules.items():
        made = []
        for compiled in (False, True):
            p = nn.Parameter(bs.tensor(start))

            def update(p: nn.Parameter = p, rule: Callable[[Any], bs.Tensor] = rule) -> tuple[bs.Tensor, ...]:
                old = p.detach() * 1.0
                with bs.no_grad():
                    p.assign(rule(p))
                return old, p.detach().sum()

            run = bs.compile(update) if compiled else update
            made.append([bits(t) for _ in range(3) for t in (*run(), p)])
        assert made[0] == made[1], name


def test_slots_may_be_swapped() -> None:
    a, b = nn.Buffer(bs.tensor([1.0, 2.0])), nn.Buffer(bs.tensor([3.0, 4.0]))

    @bs.compile
    def swap() -> None:
        old = a.clone()
        a.assign(b)
        b.assign(old)

    swap()
    assert array(a).tolist() == [3.0, 4.0] and array(b).tolist() == [1.0, 2.0]
    swap()
    assert array(a).tolist() == [1.0, 2.0] and array(b).tolist() == [3.0, 4.0]

    @bs.compile
    def copy() -> None:
        a.assign(b)
        b.assign(a)  # the new one

    copy()
    assert array(a).tolist() == array(b).tolist() == [3.0, 4.0]


def test_old_and_new_values_of_a_parameter() -> None:
    p = nn.Parameter(bs.zeros(3))

    @bs.compile
    def count() -> tuple[Any, ...]:
        old, plus = p._snapshot(), p + 10.0
        with bs.no_grad():
            p.assign(p + 1.0)
            middle = p._snapshot()
            p.assign(p + 1.0)
        return old, plus, middle, p.detach(), p

    for i in range(3):
        old, plus, middle, new, itself = count()
        assert array(old).tolist() == [2.0 * i] * 3
        assert array(plus).tolist() == [2.0 * i + 10] * 3
        assert array(middle).tolist() == [2.0 * i + 1] * 3
        assert array(new).tolist() == [2.0 * i + 2] * 3
        assert itself is p


def test_two_steps_in_one_program() -> None:
    runs = []
    for compiled in (False, True):
        model, optimizer = model_and_optimizer(p=0.2)
        step = training_step(model, optimizer)

        def both(x: bs.Tensor, y: bs.Tensor, step: Callable[..., bs.Tensor] = step) -> tuple[bs.Tensor, ...]:
            return step(x, y), step(x * 0.5, y)

        run = bs.compile(both) if compiled else both
        bs.manual_seed(2)
        losses = [bits(t) for i in range(4) for t in run(*batch(seed=i))]
        runs.append((losses, everything(model, optimizer)))
    assert runs[0] == runs[1]


def test_a_target_network() -> None:
    """Averages of weights, written inside the program."""
    runs = []
    for compiled in (False, True):
        model, optimizer = model_and_optimizer()
        target, _ = model_and_optimizer()
        step = training_step(model, optimizer)

        def run(
            x: bs.Tensor,
            y: bs.Tensor,
            step: Callable[..., bs.Tensor] = step,
            model: nn.Module = model,
            target: nn.Module = target,
        ) -> bs.Tensor:
            loss = step(x, y)
            with bs.no_grad():
                for t, p in zip(target.parameters(), model.parameters(), strict=True):
                    t.assign(t * 0.9 + p * 0.1)
                return loss + target(x).mean()

        run = bs.compile(run) if compiled else run
        results = [bits(run(*batch(seed=i))) for i in range(4)]
        runs.append((results, everything(model, optimizer), [bits(p) for p in target.parameters()]))
    assert runs[0] == runs[1]


def test_in_place_methods_inside() -> None:
    runs = []
    for compiled in (False, True):
        p = nn.Parameter(bs.tensor([1.0, 2.0]))

        def f(x: bs.Tensor, p: nn.Parameter = p) -> bs.Tensor:
            with bs.no_grad():
                p.mul_(2.0)
                p.add_(x, alpha=0.5)
                p.sub_(1.0)
            return p * x

        run = bs.compile(f) if compiled else f
        runs.append([bits(run(bs.tensor([3.0, 4.0]))) for _ in range(3)] + [bits(p)])
    assert runs[0] == runs[1]


# ---- A step that raises changes nothing --------------------------------------------------------------------


class Fragile(bs.Function):
    """A call-back that fails on demand, forward or backward."""

    numpy = True
    fails = ""

    def forward(self, x: np.ndarray) -> np.ndarray:
        if Fragile.fails == "forward":
            raise RuntimeError("boom")
        return x.copy()

    def backward(self, grad: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if Fragile.fails == "backward":
            raise RuntimeError("boom")
        return grad.copy()


@pytest.mark.parametrize("where", ["forward", "backward"])
def test_a_call_back_that_raises_changes_nothing(where: str) -> None:
    model, optimizer = model_and_optimizer(p=0.5)
    counter = nn.Buffer(bs.tensor(0.0))

    @bs.compile
    def step(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        counter.assign(counter + 1.0)
        x = F.dropout(x, 0.2)
        loss = F.cross_entropy(Fragile()(model(x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss + F.dropout(loss, 0.5)

    x, y = batch()
    step(x, y)
    before = [*everything(model, optimizer), bits(counter)]
    Fragile.fails = where
    try:
        for _ in range(3):
            with pytest.raises(RuntimeError, match=r"^boom$"):
                step(x, y)
            assert [*everything(model, optimizer), bits(counter)] == before
    finally:
        Fragile.fails = ""
    step(x, y)
    assert float(counter) == 2.0


def test_a_target_out_of_range_changes_nothing() -> None:
    model, optimizer = model_and_optimizer(p=0.5)
    step = bs.compile(training_step(model, optimizer))
    x, y = batch()
    step(x, y)
    before = everything(model, optimizer)
    for bad in (3, -1, 2**40):
        wrong = array(y)
        wrong[5] = bad
        with pytest.raises(IndexError, match=rf"^\[cross_entropy\] target\[5\] is {bad}"):
            step(x, bs.tensor(wrong))
        assert everything(model, optimizer) == before
    step(x, y)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_error_in_one_threads_part_changes_nothing(threads: int) -> None:
    """A thread that is done with its part of a failing step must not go on to write slots."""
    bs.set_num_threads(threads)
    p = nn.Buffer(bs.zeros(400_000))

    @bs.compile
    def step(table: bs.Tensor, index: bs.Tensor) -> bs.Tensor:
        rows = bs.index_rows(table, index)
        p.assign(p + 1.0)
        return rows

    table, index = bs.ones(10, 2), np.zeros(300_000, np.int64)
    step(table, bs.tensor(index))
    index[-1] = 10
    for _ in range(40):
        with pytest.raises(IndexError, match=r"^\[index_rows\] index 10 \(element 299999\)"):
            step(table, bs.tensor(index))
        assert (array(p) == 1.0).all()


def test_an_error_while_capturing_changes_nothing() -> None:
    p = nn.Parameter(bs.zeros(2))
    fail = [True]

    @bs.compile
    def step() -> bs.Tensor:
        with bs.no_grad():
            p.assign(p + 1.0)
        p.grad = bs.ones(2)
        F.dropout(p)
        if fail[0]:
            raise KeyError("mine")
        return p.detach()

    generator = bits(_core.default_generator)
    with pytest.raises(KeyError, match="mine"):
        step()
    assert not _core.is_capturing()
    assert bs.is_grad_enabled()
    assert array(p).tolist() == [0.0, 0.0]
    assert p.grad is None
    assert bits(_core.default_generator) == generator
    assert len(step.programs) == 0
    fail[0] = False
    assert array(step()).tolist() == [1.0, 1.0]


def test_a_call_back_writes_what_the_program_reads() -> None:
    """The program goes on with the value it began with, never with memory that others have by now."""
    p = nn.Buffer(bs.ones(4))

    class Write(bs.Function):
        numpy = True

        def forward(self, x: np.ndarray) -> np.ndarray:
            p.assign(bs.full((4,), 5.0))
            self.kept = [bs.full((4,), 777.0) for _ in range(8)]  # takes memory that was freed
            return x

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        return p * Write()(x)

    assert array(f(bs.ones(4))).tolist() == [1.0] * 4


def test_a_view_that_a_call_back_takes_stays() -> None:
    p = nn.Buffer(bs.ones(4))
    views: list[np.ndarray] = []

    class Look(bs.Function):
        numpy = True

        def forward(self, x: np.ndarray) -> np.ndarray:
            views.append(np.asarray(p.detach()))
            return x

    @bs.compile
    def f(x: bs.Tensor) -> None:
        p.assign(p * 2.0 + Look()(x))

    f(bs.ones(4))
    assert views[0].tolist() == [1.0] * 4
    assert array(p).tolist() == [3.0] * 4


def test_a_call_back_on_constants_runs_at_each_call() -> None:
    seen: list[int] = []

    class Count(bs.Function):
        numpy = True

        def forward(self, x: np.ndarray) -> np.ndarray:
            seen.append(1)
            return x * float(len(seen))

    constant = bs.ones(2)

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        return x + Count()(constant)

    assert [float(array(f(bs.zeros(2)))[0]) for _ in range(3)] == [1.0, 2.0, 3.0]


def test_an_op_that_fails_writes_no_slot() -> None:
    """The one that makes the new value, too."""
    w = nn.Parameter(bs.zeros(3, 2))

    @bs.compile
    def f(x: bs.Tensor, i: bs.Tensor) -> bs.Tensor:
        w.assign(x[i])
        return x.sum()

    with pytest.raises(IndexError, match="9"):
        f(bs.ones(3, 2), bs.tensor([2, 1, 9]))
    assert not np.any(np.asarray(w.detach()))


def test_what_was_read_from_a_slot_during_a_run_stays() -> None:
    model = nn.Sequential(nn.Linear(4, 400), nn.ReLU(), nn.Linear(400, 400))
    optimizer = bs.optim.SGD(model.parameters(), lr=0.01)

    @bs.compile
    def step(x: bs.Tensor) -> bs.Tensor:
        loss = (model(x) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x = bs.ones(32, 4)
    step(x)
    stop = threading.Event()

    def train() -> None:
        while not stop.is_set():
            step(x)

    thread = threading.Thread(target=train)
    thread.start()
    try:
        for _ in range(20):
            seen = np.asarray(model[2].weight.detach())
            kept = seen.copy()
            time.sleep(0.002)
            np.testing.assert_array_equal(seen, kept)
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_forked_during_fit_reads_parameters() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    x, y = np.ones((200_000, 4), np.float32), np.zeros(200_000, np.int64)
    thread = threading.Thread(target=lambda: bs.fit(model, x, y, batch_size=8, progress=False))
    thread.start()
    while thread.is_alive():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads
            child = os.fork()
        if child == 0:
            np.asarray(model[0].weight.detach())
            os._exit(0)
        deadline = time.monotonic() + 10
        while os.waitpid(child, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                pytest.fail("the child waits for a lock that nobody holds")
            time.sleep(0.001)
    thread.join()
