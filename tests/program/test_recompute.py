"""A budget for what a program needs: steps are repeated until it needs no more, and no bit changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn import functional as F
from driver import bits
from programs import bench_phases
from random_programs import RandomProgram

bench = bench_phases()


@pytest.fixture(autouse=True)
def threads_again() -> Iterator[None]:
    threads = bs.get_num_threads()
    yield
    bs.set_num_threads(threads)


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.up = nn.LayerNorm(width), nn.Linear(width, 2 * width)
        self.down, self.drop = nn.Linear(2 * width, width), nn.Dropout(0.2)

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        y: bs.Tensor = x + self.drop(self.down(F.gelu(self.up(self.norm(x)))))
        return y


def rows(n: int, width: int) -> bs.Tensor:
    return bs.tensor(np.random.default_rng(0).standard_normal((n, width)).astype(np.float32))


def relus() -> nn.Module:
    return nn.Sequential(*(m for _ in range(10) for m in (nn.Linear(32, 32), nn.ReLU())))


def blocks(n: int = 6) -> nn.Module:
    return nn.Sequential(*(Block(32) for _ in range(n)))


def mean_square(model: nn.Module, x: bs.Tensor) -> bs.Tensor:
    loss: bs.Tensor = model(x).square().mean()
    return loss


def cross_entropy(model: nn.Module, ids: bs.Tensor, targets: bs.Tensor) -> bs.Tensor:
    return F.cross_entropy(model(ids).reshape(-1, 65), targets.reshape(-1))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Any, Any]] = {
    "relus": (relus, lambda: (rows(256, 32),), mean_square),
    "blocks": (blocks, lambda: (rows(256, 32),), mean_square),
    "gpt": (bench.Block, lambda: bench.batch(4, 64), cross_entropy),
    "lstm": (lambda: bench.Recurrent(4, 32), lambda: bench.batch(8, 24), cross_entropy),
}


def training(name: str, **how: Any) -> tuple[Any, nn.Module, Any]:
    make, data, loss_of = NETWORKS[name]
    bs.manual_seed(0)
    model = make()
    optimizer = bs.optim.Adam(model.parameters())

    def step(*batch: bs.Tensor) -> bs.Tensor:
        optimizer.zero_grad()
        loss: bs.Tensor = loss_of(model, *batch)
        loss.backward()
        optimizer.step()
        return loss

    return bs.compile(step, keep_grads=True, **how), model, data()


def trained(name: str, **how: Any) -> tuple[list[Any], int]:
    """Losses, gradients and parameters, and the planned peak."""
    step, model, data = training(name, **how)
    peak = step.program(*data).memory.peak
    found = [bits(step(*data)) for _ in range(2)]
    return found + [bits(t) for p in model.parameters() for t in (p, p.grad)], peak


def least(name: str) -> int:
    """What the error of a budget that nothing can keep tells."""
    step, _, data = training(name, recompute=1)
    full = training(name)[0].program(*data).memory.peak
    with pytest.raises(ValueError, match=r"^\[compile\] recompute is 1 bytes") as error:
        step.program(*data)
    told, all_of_it = map(int, re.findall(r"(\d{3,})", str(error.value)))
    assert told < full <= all_of_it
    return told


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_budget_is_kept_to_the_bit(name: str, threads: int) -> None:
    bs.set_num_threads(threads)
    want, full = trained(name)
    few = least(name)
    for budget in (few + (full - few) * 3 // 4, (few + full) // 2, few):
        found, peak = trained(name, recompute=budget)
        assert found == want
        assert peak <= budget


@pytest.mark.parametrize("name", ["relus", "blocks"])
def test_deep_networks_need_much_less(name: str) -> None:
    bs.set_num_threads(1)
    step, _, data = training(name)
    memory = step.program(*data).memory
    assert least(name) <= memory.peak - 0.4 * memory.arena


def test_a_plan_for_one_thread_serves_two() -> None:
    bs.set_num_threads(1)
    want, _ = trained("blocks")
    few = least("blocks")
    step, model, data = training("blocks", recompute=few)
    step(*data)
    bs.set_num_threads(2)
    step(*data)
    assert step.programs[0].memory.peak <= few
    assert [bits(t) for p in model.parameters() for t in (p, p.grad)] == want[2:]


def test_what_fits_is_planned_as_ever_and_plans_are_the_same_each_time() -> None:
    step, _, data = training("blocks")
    full = step.program(*data)
    assert training("blocks", recompute=full.memory.peak * 2)[0].program(*data).text == full.text
    budget = int(full.memory.peak - 0.3 * full.memory.arena)
    texts = {training("blocks", recompute=budget)[0].program(*data).text for _ in range(2)}
    assert len(texts) == 1
    assert full.text not in texts


def test_the_call_raises_too_and_says_what_to_do() -> None:
    step, model, data = training("blocks", recompute=1000)
    before = [bits(p) for p in model.parameters()]
    for _ in range(2):
        with pytest.raises(ValueError, match=r"needs at least .* nothing is computed again: give more"):
            step(*data)
    assert [bits(p) for p in model.parameters()] == before


def test_draws_are_drawn_again_the_same() -> None:
    w = bs.tensor(np.ones((64, 64), np.float32), requires_grad=True)

    def f(x: bs.Tensor) -> bs.Tensor:
        for _ in range(6):
            x = F.dropout(bs.tanh(x @ w), 0.5)
        return bs.grad(x.square().sum(), w)

    def run(**how: Any) -> list[Any]:
        bs.manual_seed(1)
        g = bs.compile(f, **how)
        return [bits(g(x)) for _ in range(2)]

    x = rows(256, 64)
    memory = bs.compile(f).program(x).memory
    assert run() == run(recompute=int(memory.peak - 0.3 * memory.arena))


@pytest.mark.parametrize("seed", range(36))
def test_random_programs_with_the_least_budget(seed: int) -> None:
    """To the bit; every sixth is large enough to be cut."""
    large = seed % 6 == 0
    bs.set_num_threads(1 + seed % 3)

    def program() -> RandomProgram:
        n, dtype = (97 if large else 5 + seed), ("float64" if seed % 5 == 0 else "float32")
        return RandomProgram(seed, n, length=4 + 2 * seed, dtype=dtype, second=seed % 4 == 0, large=large)

    plain = program()
    want = plain.run(bs.compile(plain.__call__), 2)
    again = program()
    with pytest.raises(ValueError, match="at least") as error:
        again.run(bs.compile(again.__call__, recompute=1), 1)
    few = int(re.findall(r"at least (\d+)", str(error.value))[0])
    f = bs.compile(again.__call__, recompute=few)
    assert again.run(f, 2) == want
    assert f.programs[0].memory.peak <= few


# ---- Derivatives that are taken outside ----------------------------------------------------------------


def outside(threads: int, **how: Any) -> tuple[list[Any], Any]:
    """Results and gradients of two calls, the second of which could keep values for its derivative."""
    bs.set_num_threads(threads)
    bs.manual_seed(0)
    model = blocks()
    f = bs.compile(model, **how) if how else model
    x = rows(256, 32)
    x.requires_grad_()
    found = []
    for _ in range(3):
        y = f(x)
        found += [bits(t) for t in (y, *bs.grad(y.square().mean(), [x, *model.parameters()]))]
    return found, f.program(x).memory if how else None


@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_derivative_outside_reads_is_not_kept_where_it_is_too_much(threads: int) -> None:
    want, _ = outside(threads)
    found, keeps = outside(threads, recompute=1 << 40)
    assert found == want
    budget = keeps.peak * 9 // 10
    found, memory = outside(threads, recompute=budget)
    assert found == want
    assert memory.peak <= budget
    assert memory.outputs < keeps.outputs


def test_the_derivative_has_the_budget_too() -> None:
    def f(x: bs.Tensor) -> bs.Tensor:
        for _ in range(20):
            x = bs.softmax(x.tanh(), 1)
        return x

    x = rows(256, 32)
    x.requires_grad_()
    y = bs.compile(f, recompute=bs.compile(f).program(x).memory.peak)(x).sum()
    with pytest.raises(ValueError, match=r"^\[compile\] recompute is \d+ bytes, but the program needs"):
        y.backward()


def test_what_a_call_back_gave_is_kept() -> None:
    calls = []

    class Twice(bs.Function):
        numpy = True

        def forward(self, x: np.ndarray) -> np.ndarray:
            calls.append(1)
            return 2 * x

        def backward(self, grad: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
            return 2 * grad

    def f(x: bs.Tensor) -> bs.Tensor:
        for _ in range(4):
            x = bs.tanh(Twice()(bs.tanh(x)))
        return x

    def run(f: Any) -> list[Any]:
        calls.clear()
        found = [bits(bs.grad(f(x).sum(), x)) for _ in range(3)]
        assert len(calls) == 12
        return found

    x = rows(256, 32)
    x.requires_grad_()
    keeps = bs.compile(f, recompute=1 << 30)
    assert run(keeps) == run(f)
    keeps_less = bs.compile(f, recompute=keeps.program(x).memory.peak * 9 // 10)
    assert run(keeps_less) == run(f)
    assert keeps_less.program(x).memory.outputs < keeps.program(x).memory.outputs


def test_new_sizes_and_copies_have_the_budget() -> None:
    f = bs.compile(lambda x: x.tanh().exp().sum(), recompute=1 << 20)
    f(rows(4, 4))
    f(rows(8, 4))
    assert f.cache_info().reshaped == 1
    with pytest.raises(ValueError, match="recompute is 1048576 bytes"):
        f(rows(1 << 12, 128))
    model = bs.compile(nn.Linear(4, 4), recompute=np.int64(1 << 20))
    assert model.options["recompute"] == 1 << 20


@pytest.mark.parametrize("wrong", [0, -5])
def test_budgets_are_positive(wrong: int) -> None:
    with pytest.raises(ValueError, match=r"\[compile\] recompute is"):
        bs.compile(lambda x: x, recompute=wrong)
