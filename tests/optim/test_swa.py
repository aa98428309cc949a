"""Averages of models, and their schedule."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.optim import SGD
from backsweep.optim.swa_utils import (
    SWALR,
    AveragedModel,
    get_ema_avg_fn,
    get_ema_multi_avg_fn,
    get_swa_avg_fn,
    get_swa_multi_avg_fn,
    update_bn,
)

STEPS = 5
EQUAL: list[dict[str, Any]] = [{}, {"avg_fn": get_swa_avg_fn()}, {"multi_avg_fn": get_swa_multi_avg_fn()}]
MOVING: list[dict[str, Any]] = [
    {"avg_fn": get_ema_avg_fn(0.9)},
    {"multi_avg_fn": get_ema_multi_avg_fn(0.9)},
]


class Counting(nn.Module):
    """A linear layer with a buffer of floats and one of integers."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.register_buffer("mean", bs.zeros(2))
        self.register_buffer("count", bs.tensor(0))

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        return self.linear(x)


def moved(model: nn.Module, i: int) -> None:
    rng = np.random.default_rng(i)
    with bs.no_grad():
        for t in (*model.parameters(), model.mean):  # type: ignore[attr-defined]
            t.copy_(rng.standard_normal(t.shape).astype(np.float32))
        model.count += 1  # type: ignore[attr-defined,operator]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("kind", [*EQUAL, *MOVING], ids=lambda kind: "".join(kind) or "default")
def test_averages(kind: dict[str, Any], use_buffers: bool, compiled: bool) -> None:
    model = Counting()
    averaged = AveragedModel(model, use_buffers=use_buffers, **kind)
    take = bs.compile(averaged.update_parameters) if compiled else averaged.update_parameters
    values = []
    for i in range(STEPS):
        moved(model, i)
        take(model)
        values.append([np.array(t) for t in (*model.parameters(), model.mean)])
    got = [np.asarray(t) for t in (*averaged.module.parameters(), averaged.module.mean)]
    for j, mean in enumerate(got):
        series = [v[j] for v in values]
        want = np.mean(series, 0)
        if kind in MOVING:
            want = series[0]
            for x in series[1:]:
                want = 0.9 * want + 0.1 * x
        if j == 2 and not use_buffers:
            want = series[-1]
        np.testing.assert_allclose(mean, want, rtol=1e-5, atol=1e-6)
    assert int(averaged.n_averaged) == STEPS
    x = bs.ones((1, 3))
    np.testing.assert_array_equal(np.asarray(averaged(x)), np.asarray(averaged.module(x)))
    if not use_buffers:
        assert int(averaged.module.count) == STEPS


def test_state_dicts() -> None:
    model = Counting()
    averaged = AveragedModel(model, device="cpu")
    averaged.update_parameters(model)
    state = averaged.state_dict()
    assert set(state) == {"n_averaged", *(f"module.{name}" for name in model.state_dict())}
    again = AveragedModel(Counting())
    again.load_state_dict(state)
    assert int(again.n_averaged) == 1
    np.testing.assert_array_equal(np.asarray(again.module.linear.weight), np.asarray(model.linear.weight))
    assert copy.deepcopy(again).module is not again.module


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^\[AveragedModel\] avg_fn and multi_avg_fn"):
        AveragedModel(Counting(), avg_fn=get_swa_avg_fn(), multi_avg_fn=get_swa_multi_avg_fn())
    for make in (get_ema_avg_fn, get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match=rf"^\[{make.__name__}\] decay is 1.5; it must lie"):
            make(1.5)
    opt = SGD([nn.Parameter(bs.zeros(1))], lr=1.0)
    with pytest.raises(ValueError, match=r"^\[SWALR\] anneal_epochs is -1"):
        SWALR(opt, 0.1, anneal_epochs=-1)
    with pytest.raises(ValueError, match=r"^\[SWALR\] anneal_strategy is 'square'"):
        SWALR(opt, 0.1, anneal_strategy="square")


def test_running_statistics_are_computed_anew() -> None:
    class Norm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.momentum: float | None = 0.1
            self.register_buffer("running_mean", bs.ones(3))
            self.n = 0

        def reset_running_stats(self) -> None:
            self.running_mean.zero_()
            self.n = 0

        def forward(self, x: bs.Tensor) -> bs.Tensor:
            assert self.training
            assert self.momentum is None
            self.n += 1
            self.running_mean += (x.mean(0) - self.running_mean) / self.n
            return x - self.running_mean

    model = nn.Sequential(Norm()).eval()
    batches = [bs.full((2, 3), float(i)) for i in range(4)]
    for loader in (batches, [(x, 0) for x in batches]):
        update_bn(loader, model, device="cpu")
        assert model[0].running_mean.tolist() == [1.5] * 3
        assert model[0].momentum == 0.1
        assert not model.training
    update_bn(batches, nn.Linear(9, 9))  # has none: is not called


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 4])
def test_schedule(strategy: str, epochs: int) -> None:
    opt = SGD(
        [{"params": [nn.Parameter(bs.zeros(1))]}, {"params": [nn.Parameter(bs.zeros(1))], "lr": 0.3}], lr=1.0
    )
    schedule = SWALR(opt, [0.1, 0.2], epochs, strategy)
    for t in range(8):
        if epochs or t:
            part = min(t / epochs, 1.0) if epochs else 1.0
            part = (1 - math.cos(math.pi * part)) / 2 if strategy == "cos" else part
            want = [1.0 + (0.1 - 1.0) * part, 0.3 + (0.2 - 0.3) * part]
            np.testing.assert_allclose(schedule.get_last_lr(), want)
        opt.step()
        schedule.step()
    other = SWALR(SGD([nn.Parameter(bs.zeros(1))], lr=1.0), 0.5)
    other.load_state_dict(schedule.state_dict())
    assert other.last_epoch == 8


@pytest.mark.peers
@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 10])
def test_pytorchs_numbers(strategy: str, epochs: int) -> None:
    torch = pytest.importorskip("torch")
    seen = []
    for lib in (torch, bs):
        opt = lib.optim.SGD([lib.nn.Parameter(lib.zeros(1))], lr=1.0)
        warm = lib.optim.lr_scheduler.ExponentialLR(opt, 0.9)
        schedule = lib.optim.swa_utils.SWALR(opt, 0.05, epochs, strategy)
        for t in range(60):
            opt.step()
            (warm if t < 20 else schedule).step()
            seen.append(opt.param_groups[0]["lr"])
    assert seen[:60] == pytest.approx(seen[60:], rel=1e-12)
