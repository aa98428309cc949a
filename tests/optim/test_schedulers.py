"""Schedules of learning rates: their formulas, PyTorch's numbers, state, compiled steps."""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.optim import SGD, Adam, lr_scheduler
from backsweep.optim.lr_scheduler import LRScheduler

STEPS = 60
BASE = (0.1, 0.3)  # learning rates of two groups


def optimizer(lib: Any = bs, name: str = "SGD") -> Any:
    a, b = lib.nn.Parameter(lib.zeros(2)), lib.nn.Parameter(lib.zeros(2))
    more = {"momentum": 0.9} if name == "SGD" else {}
    return getattr(lib.optim, name)([{"params": [a]}, {"params": [b], "lr": BASE[1]}], lr=BASE[0], **more)


def rates(make: Callable[[Any, Any], Any], lib: Any = bs, name: str = "SGD") -> tuple[list[Any], Any]:
    """What each of the steps sees, and the schedule."""
    opt = optimizer(lib, name)
    schedule = make(lib.optim.lr_scheduler, opt)
    seen = []
    for _ in range(STEPS):
        assert schedule.get_last_lr() == [group["lr"] for group in opt.param_groups]
        seen.append([(g["lr"], g.get("momentum"), g.get("betas")) for g in opt.param_groups])
        opt.step()
        schedule.step()
    return seen, schedule


def cosine(t: float, period: float, low: float = 0.0) -> Callable[[float], float]:
    return lambda base: low + (base - low) * (1 + math.cos(math.pi * t / period)) / 2


def restarts(t: int) -> Callable[[float], float]:
    period = 5
    while t >= period:
        t, period = t - period, period * 2
    return cosine(t, period, 1e-3)


def triangle(t: int, up: int = 7, down: int = 9) -> float:
    t %= up + down
    return t / up if t <= up else (up + down - t) / down


# Each with the learning rate of a group of rate `base` in epoch t.
FORMULAS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[int, float], float]]] = {
    "lambda": (lambda m, o: m.LambdaLR(o, lambda t: 1 / (1 + t)), lambda t, base: base / (1 + t)),
    "multiplicative": (
        lambda m, o: m.MultiplicativeLR(o, lambda t: t / (1 + t)),
        lambda t, base: base / (1 + t),
    ),
    "step": (lambda m, o: m.StepLR(o, 7, 0.5), lambda t, base: base * 0.5 ** (t // 7)),
    "multistep": (
        lambda m, o: m.MultiStepLR(o, [3, 10, 10, 40], 0.5),
        lambda t, base: base * 0.5 ** sum(t >= at for at in (3, 10, 10, 40)),
    ),
    "constant": (lambda m, o: m.ConstantLR(o, 0.5, 7), lambda t, base: base * (0.5 if t < 7 else 1)),
    "linear": (
        lambda m, o: m.LinearLR(o, 0.1, 0.9, 30),
        lambda t, base: base * (0.1 + 0.8 * min(t, 30) / 30),
    ),
    "exponential": (lambda m, o: m.ExponentialLR(o, 0.9), lambda t, base: base * 0.9**t),
    "polynomial": (
        lambda m, o: m.PolynomialLR(o, 50, 2.0),
        lambda t, base: base * max(0.0, 1 - t / 50) ** 2,
    ),
    "cosine": (lambda m, o: m.CosineAnnealingLR(o, 13, 1e-3), lambda t, base: cosine(t, 13, 1e-3)(base)),
    "restarts": (
        lambda m, o: m.CosineAnnealingWarmRestarts(o, 5, 2, 1e-3),
        lambda t, base: restarts(t)(base),
    ),
    "triangular": (
        lambda m, o: m.CyclicLR(o, 0.01, 0.2, 7, 9),
        lambda t, base: 0.01 + 0.19 * triangle(t),
    ),
    "triangular2": (
        lambda m, o: m.CyclicLR(o, 0.01, 0.2, 7, 9, "triangular2"),
        lambda t, base: 0.01 + 0.19 * triangle(t) / 2 ** (t // 16),
    ),
    "exp_range": (
        lambda m, o: m.CyclicLR(o, 0.01, 0.2, 7, 9, "exp_range", 0.99),
        lambda t, base: 0.01 + 0.19 * triangle(t) * 0.99**t,
    ),
    "scale_fn": (
        lambda m, o: m.CyclicLR(o, 0.01, 0.2, 7, 9, scale_fn=lambda cycle: 1 / cycle, cycle_momentum=False),
        lambda t, base: 0.01 + 0.19 * triangle(t) / (1 + t // 16),
    ),
    "onecycle": (
        lambda m, o: m.OneCycleLR(o, 0.5, total_steps=61, pct_start=21 / 61),
        lambda t, base: cosine(t, 20, 0.5)(0.02) if t <= 20 else cosine(t - 20, 40, 0.02 / 1e4)(0.5),
    ),
    "sequential": (
        lambda m, o: m.SequentialLR(o, [m.ConstantLR(o, 0.1, 99), m.ExponentialLR(o, 0.9)], [20]),
        lambda t, base: base * (0.1 if t < 20 else 0.9 ** (t - 20)),
    ),
    "chained": (
        lambda m, o: m.ChainedScheduler([m.ConstantLR(o, 0.5, 7), m.ExponentialLR(o, 0.9)]),
        lambda t, base: base * 0.9**t * (0.5 if t < 7 else 1),
    ),
}

# More for a comparison with PyTorch.
OTHERS: dict[str, Callable[[Any, Any], Any]] = {
    "lambdas": lambda m, o: m.LambdaLR(o, [lambda t: 0.95**t, lambda t: 1 / (1 + t)]),
    "restarts of one length": lambda m, o: m.CosineAnnealingWarmRestarts(o, 7),
    "cycles of groups": lambda m, o: m.CyclicLR(o, [0.01, 0.02], [0.1, 0.3], 7, mode="triangular2"),
    "three phases": lambda m, o: m.OneCycleLR(
        o, [0.5, 0.2], epochs=10, steps_per_epoch=6, three_phase=True, anneal_strategy="linear"
    ),
    "one cycle": lambda m, o: m.OneCycleLR(o, 0.5, total_steps=60),
    "warm-up": lambda m, o: m.SequentialLR(
        o, [m.LinearLR(o, 0.1, total_iters=10), m.CosineAnnealingLR(o, 30), m.StepLR(o, 5)], [10, 45]
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas(name: str) -> None:
    make, formula = FORMULAS[name]
    seen, _ = rates(make)
    got = [[lr for lr, _, _ in groups] for groups in seen]
    np.testing.assert_allclose(got, [[formula(t, base) for base in BASE] for t in range(STEPS)], rtol=1e-9)


@pytest.mark.parametrize(
    "name", [n for n, (make, _) in FORMULAS.items() if n not in ("sequential", "chained")]
)
def test_last_epoch_and_state_go_on(name: str) -> None:
    """From a state dict, and from the epoch alone where the schedule does not depend on what was before."""
    make, _ = FORMULAS[name]
    seen, _ = rates(make)
    opt = optimizer()
    schedule = make(lr_scheduler, opt)
    for _ in range(23):
        opt.step()
        schedule.step()
    again = optimizer()
    second = make(lr_scheduler, again)
    second.load_state_dict(schedule.state_dict())
    again.load_state_dict(opt.state_dict())
    for t in range(23, 40):
        assert [g["lr"] for g in again.param_groups] == [lr for lr, _, _ in seen[t]]
        assert second.last_epoch == t
        again.step()
        second.step()


def test_last_epoch_alone() -> None:
    opt = optimizer()
    with pytest.raises(KeyError, match=r"\[ExponentialLR\] param_groups\[0\] has no 'initial_lr'"):
        lr_scheduler.ExponentialLR(opt, 0.5, last_epoch=3)
    for group in opt.param_groups:
        group["initial_lr"] = group["lr"]
        group["lr"] = group["lr"] * 0.5**4
    schedule = lr_scheduler.ExponentialLR(opt, 0.5, last_epoch=3)
    assert schedule.last_epoch == 4
    opt.step()
    schedule.step()
    assert schedule.get_last_lr() == [base * 0.5**5 for base in BASE]
    cosine_schedule = lr_scheduler.CosineAnnealingLR(opt, 10, last_epoch=3)
    assert cosine_schedule.get_last_lr() == [base * 0.5**5 for base in BASE]


@pytest.mark.parametrize(
    "name", ["step", "multistep", "constant", "linear", "exponential", "polynomial", "cosine"]
)
def test_closed_forms(name: str) -> None:
    make, formula = FORMULAS[name]
    schedule = make(lr_scheduler, optimizer())
    for t in (17, 3, 49, 0):
        schedule.optimizer.step()
        schedule.step(t)
        np.testing.assert_allclose(
            schedule.get_last_lr(), [formula(t, base) for base in BASE], rtol=1e-12, atol=1e-15
        )


def test_momentum_goes_the_other_way() -> None:
    for name, least, most in (("SGD", 0.8, 0.9), ("Adam", 0.8, 0.9)):
        seen, _ = rates(lambda m, o: m.CyclicLR(o, 0.01, 0.2, 7, 9), name=name)
        for t, groups in enumerate(seen):
            got = groups[0][1] if name == "SGD" else groups[0][2][0]
            assert got == pytest.approx(most - (most - least) * triangle(t))
    plain = bs.optim.Optimizer([nn.Parameter(bs.zeros(1))], {"lr": 1.0})
    with pytest.raises(ValueError, match=r"\[OneCycleLR\] the optimizer has neither momentum nor betas"):
        lr_scheduler.OneCycleLR(plain, 0.1, 10)


def test_plateau() -> None:
    opt = optimizer()
    schedule = lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=2, cooldown=1, min_lr=[0.04, 0.0])
    #         better, within the threshold, worse, worse: down; cooled down, 3 worse: down, to the least
    metrics: list[Any] = [1.0, 0.99995, 2.0, bs.tensor(2.0), 2.0, 2.0, 2.0, 2.0, 2.0, 0.1]
    got = []
    for metric in metrics:
        schedule.step(metric)
        got.append(schedule.get_last_lr())
    want = [[0.1, 0.3]] * 3 + [[0.05, 0.15]] * 4 + [[0.04, 0.075]] * 3
    np.testing.assert_allclose(got, want)
    assert (schedule.best, schedule.last_epoch, schedule.in_cooldown) == (0.1, 10, False)
    most = lr_scheduler.ReduceLROnPlateau(optimizer(), "max", patience=0, threshold=0.5, threshold_mode="abs")
    for metric, count in ((1.0, 0), (1.4, 1)):
        most.step(metric)
        assert (most.get_last_lr()[0] < BASE[0]) == bool(count)
    again = lr_scheduler.ReduceLROnPlateau(optimizer())
    again.load_state_dict(most.state_dict())
    assert (again.mode, again.best, again.mode_worse) == ("max", 1.0, -math.inf)


def test_a_schedule_of_ones_own() -> None:
    class Halving(lr_scheduler._LRScheduler):
        def __init__(self, opt: Any, every: int, last_epoch: int = -1) -> None:
            self.every = every
            super().__init__(opt, last_epoch)

        def get_lr(self) -> list[Any]:
            return [base * 0.5 ** (self.last_epoch // self.every) for base in self.base_lrs]

    seen, schedule = rates(lambda m, o: Halving(o, 10))
    assert [groups[0][0] for groups in seen] == [0.1 * 0.5 ** (t // 10) for t in range(STEPS)]
    assert isinstance(schedule, LRScheduler)
    assert schedule.state_dict()["every"] == 10


def test_compiled_steps_read_the_rate_when_they_run() -> None:
    captures: deque[int] = deque()
    p = nn.Parameter(bs.zeros(1, dtype=bs.float64))
    opt = SGD([p], lr=1.0)
    schedule = lr_scheduler.StepLR(opt, 1, 0.5)

    @bs.compile
    def step(g: bs.Tensor) -> None:
        captures.append(1)
        p.grad = g
        opt.step()

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the optimizer has stepped, in its program
        for _ in range(5):
            step(bs.ones(1, dtype=bs.float64))
            schedule.step()
    assert p.tolist() == [-(1 + 0.5 + 0.25 + 0.125 + 0.0625)]
    assert len(captures) == 1
    with pytest.raises(bs.GraphError, match="set while capturing"):
        bs.compile(schedule.step)()


def test_warnings() -> None:
    schedule = lr_scheduler.StepLR(optimizer(), 1)
    with pytest.warns(UserWarning, match=r"\[StepLR\] a step of the schedule comes before"):
        schedule.step()
    with pytest.warns(UserWarning, match=r"get_last_lr\(\) gives those"):
        schedule.get_lr()


def test_wrong_arguments() -> None:
    opt, m = optimizer(), lr_scheduler
    other = m.StepLR(optimizer(), 1)
    cases: list[tuple[Callable[[], Any], type[Exception], str]] = [
        (lambda: m.StepLR(nn.Linear(1, 1), 1), TypeError, "optimizer is .*Optimizer"),  # type: ignore[arg-type]
        (lambda: m.LambdaLR(opt, [math.exp]), ValueError, "1 functions, the optimizer 2"),
        (lambda: m.MultiplicativeLR(opt, 0.5), TypeError, "must be a function"),  # type: ignore[arg-type]
        (lambda: m.ConstantLR(opt, 1.5), ValueError, "factor is 1.5"),
        (lambda: m.LinearLR(opt, 0.0), ValueError, "start_factor is 0.0"),
        (lambda: m.LinearLR(opt, 0.5, 2.0), ValueError, "end_factor is 2.0"),
        (lambda: m.CosineAnnealingWarmRestarts(opt, 0), ValueError, "T_0 is 0"),
        (lambda: m.CosineAnnealingWarmRestarts(opt, 1, 0), ValueError, "T_mult is 0"),
        (lambda: m.CosineAnnealingWarmRestarts(opt, 1).step(-1), ValueError, "epoch is -1"),
        (lambda: m.CyclicLR(opt, 0.1, 0.2, mode="square"), ValueError, "mode is 'square'"),
        (lambda: m.CyclicLR(opt, [0.1], 0.2), ValueError, "base_lr has 1 values, the optimizer 2"),
        (lambda: m.OneCycleLR(opt, 0.1), ValueError, "give total_steps"),
        (lambda: m.OneCycleLR(opt, 0.1, 0), ValueError, "total_steps is 0"),
        (lambda: m.OneCycleLR(opt, 0.1, epochs=1, steps_per_epoch=-1), ValueError, "steps_per_epoch is -1"),
        (lambda: m.OneCycleLR(opt, 0.1, 10, pct_start=2.0), ValueError, "pct_start is 2.0"),
        (lambda: m.OneCycleLR(opt, 0.1, 10, anneal_strategy="square"), ValueError, "anneal_strategy"),
        (lambda: m.ReduceLROnPlateau(opt, factor=1.0), ValueError, "factor is 1.0"),
        (lambda: m.ReduceLROnPlateau(opt, "less"), ValueError, "mode is 'less'"),
        (lambda: m.ReduceLROnPlateau(opt, min_lr=[0.1]), ValueError, "min_lr has 1"),
        (lambda: m.SequentialLR(opt, [m.StepLR(opt, 1)], [3]), ValueError, "1 schedules and 1 milestones"),
        (lambda: m.SequentialLR(opt, [other], []), ValueError, "another optimizer"),
        (lambda: m.ChainedScheduler([]), ValueError, "is empty"),
        (lambda: m.ChainedScheduler([m.ReduceLROnPlateau(opt)]), ValueError, "takes a metric"),
        (lambda: m.ChainedScheduler([m.StepLR(opt, 1), other]), ValueError, "another optimizer"),
        (lambda: LRScheduler(opt), NotImplementedError, "no get_lr"),
    ]
    for make, error, text in cases:
        with pytest.raises(error, match=rf"^\[\w+\] .*{text}"):
            make()
    cycle = m.OneCycleLR(Adam([nn.Parameter(bs.zeros(1))]), 0.1, 2)
    cycle.optimizer.step()
    cycle.step()
    cycle.step()
    with pytest.raises(ValueError, match="the schedule is over"):
        cycle.step()


@pytest.mark.peers
@pytest.mark.parametrize("name", ["SGD", "Adam"])
@pytest.mark.parametrize("case", [*FORMULAS, *OTHERS])
def test_pytorchs_numbers_to_the_bit(case: str, name: str) -> None:
    torch = pytest.importorskip("torch")
    make = FORMULAS[case][0] if case in FORMULAS else OTHERS[case]
    theirs, their_schedule = rates(make, torch, name)
    ours, our_schedule = rates(make, bs, name)
    assert ours == theirs
    want, got = their_schedule.state_dict(), our_schedule.state_dict()
    assert got.keys() == want.keys()
    assert {n: v for n, v in got.items() if n != "_schedulers"} == {
        n: v for n, v in want.items() if n != "_schedulers"
    }


@pytest.mark.peers
def test_pytorchs_plateau() -> None:
    torch = pytest.importorskip("torch")
    metrics = np.random.default_rng(0).standard_normal(STEPS).cumsum().tolist()
    for kind in (
        {},
        {"mode": "max", "threshold_mode": "abs"},
        {"threshold": 0.1, "cooldown": 2, "min_lr": 0.01},
    ):
        seen = []
        for lib in (torch, bs):
            schedule = lib.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer(lib), factor=0.7, patience=2, **kind
            )
            for metric in metrics:
                schedule.step(metric)
                seen.append((schedule.get_last_lr(), schedule.best, schedule.num_bad_epochs))
        assert seen[:STEPS] == seen[STEPS:]
        assert seen[0] != seen[STEPS - 1]
