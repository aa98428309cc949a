"""Optimizers of one's own, in PyTorch's manner: eager and compiled, state, hooks."""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from collections import deque
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.optim import SGD, Adam, Optimizer
from backsweep.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
    required,
)

STEPS = 6


class Plain(Optimizer):
    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr})

    @bs.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None
        if closure is not None:
            with bs.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.add_(p.grad, alpha=-group["lr"])
        return loss


class Momentum(Plain):
    """With a buffer that is made in the first step and written in place."""

    @bs.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if "momentum_buffer" not in state:
                    buffer = state["momentum_buffer"] = bs.clone(p.grad).detach()
                else:
                    buffer = state["momentum_buffer"]
                    buffer.mul_(0.9).add_(p.grad)
                p.data.add_(buffer, alpha=-group["lr"])


class Replacing(Plain):
    """With state that is replaced rather than written."""

    @bs.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                old = state.get("average", 0.0)
                state["average"] = 0.9 * old + p.grad
                p.sub_(group["lr"] * state["average"])


class CountingInPython(Plain):
    """Adam as old programs wrote it: a number counts the steps."""

    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                grad, state = p.grad.data, self.state[p]
                if len(state) == 0:
                    state["step"] = 0
                    state["exp_avg"] = bs.zeros_like(p.data)
                    state["exp_avg_sq"] = bs.zeros_like(p.data)
                state["step"] += 1
                m, v = state["exp_avg"], state["exp_avg_sq"]
                m.mul_(0.9).add_(grad, alpha=0.1)
                v.mul_(0.99).addcmul_(grad, grad, value=0.01)
                size = group["lr"] * math.sqrt(1 - 0.99 ** state["step"]) / (1 - 0.9 ** state["step"])
                p.data.addcdiv_(m, v.sqrt().add_(1e-8), value=-size)


class CountingInTensors(Plain):
    """The same with a tensor that counts."""

    @bs.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["step"] = bs.tensor(0.0)
                    state["exp_avg"] = bs.zeros_like(p)
                    state["exp_avg_sq"] = bs.zeros_like(p)
                state["step"] += 1
                m, v, t = state["exp_avg"], state["exp_avg_sq"], state["step"]
                m.lerp_(p.grad, 0.1)
                v.mul_(0.99).addcmul_(p.grad, p.grad, value=0.01)
                size = group["lr"] * bs.sqrt(1 - 0.99**t) / (1 - 0.9**t)
                p.sub_(size * m / (v.sqrt() + 1e-8))


class OverAdam(Adam):
    """A step around that of the package's."""

    def step(self, closure: Any = None) -> Any:
        with bs.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p.mul_(0.99)
        return super().step(closure)


OWN: list[tuple[type[Any], int]] = [  # and captures in six steps, of which one follows a change of lr
    (Plain, 2),
    (Momentum, 4),
    (Replacing, 5),
    (CountingInPython, STEPS),
    (CountingInTensors, 4),
    (OverAdam, 1),
]


def run(cls: type[Any], compiled: bool, plan: bool = False) -> tuple[list[Any], int, Any]:
    p = nn.Parameter(bs.tensor([1.0, 2.0]))
    frozen = nn.Parameter(bs.ones(1))
    opt, calls = cls([p], lr=0.1), deque[int]()

    def step() -> bs.Tensor:
        calls.append(1)
        opt.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        opt.step()
        return loss

    called = bs.compile(step) if compiled else step
    if plan:
        called.program()  # type: ignore[attr-defined]
    seen = []
    for i in range(STEPS):
        if i == 4:
            opt.param_groups[0]["lr"] = 0.05
        seen += [float(called()), *p.tolist()]
    assert frozen.tolist() == [1.0]
    return seen, len(calls), opt


@pytest.mark.parametrize(("cls", "captures"), OWN, ids=lambda x: getattr(x, "__name__", ""))
def test_compiled_is_eager(cls: type[Any], captures: int) -> None:
    want, _, eager = run(cls, False)
    for plan in (False, True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what changes at every call
            got, calls, opt = run(cls, True, plan)
        np.testing.assert_allclose(got, want, rtol=3e-6)
        assert calls <= captures + (2 if cls is CountingInPython else 0)  # it begins as one that writes
        state, expected = opt.state_dict(), eager.state_dict()
        assert state["param_groups"] == expected["param_groups"]
        for name, value in expected["state"].get(0, {}).items():
            np.testing.assert_allclose(np.asarray(state["state"][0][name]), np.asarray(value), rtol=3e-6)


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("cls", [Momentum, CountingInPython, OverAdam])
def test_fit_takes_them(cls: type[Any], compile: bool) -> None:
    x = np.random.default_rng(0).standard_normal((32, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    weights = []
    for manual in (False, True):
        bs.manual_seed(0)
        net = nn.Linear(4, 2)
        opt = cls(net.parameters(), lr=0.1)
        for _ in range(3 if manual else 0):
            opt.zero_grad()
            nn.functional.cross_entropy(net(bs.tensor(x)), bs.tensor(y)).backward()
            opt.step()
        if not manual:
            bs.fit(
                net,
                x,
                y,
                optimizer=opt,
                epochs=3,
                batch_size=32,
                shuffle=False,
                progress=False,
                compile=compile,
            )
        weights.append(np.array(net.weight.detach()))
    np.testing.assert_allclose(*weights, rtol=1e-5)


@pytest.mark.peers
def test_pytorchs_programs_step_alike() -> None:
    """The classes above are programs for PyTorch, too, but for the import."""
    torch = pytest.importorskip("torch")
    p = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    theirs = torch.optim.Adam([p], lr=0.1, betas=(0.9, 0.99))
    for i in range(STEPS):
        if i == 4:
            theirs.param_groups[0]["lr"] = 0.05
        theirs.zero_grad()
        (p * p).sum().backward()
        theirs.step()
    for cls in (CountingInPython, CountingInTensors):
        seen, _, _ = run(cls, True)
        np.testing.assert_allclose(seen[-2:], p.tolist(), rtol=1e-5)


def test_closures() -> None:
    p = nn.Parameter(bs.tensor([3.0]))
    opt = Plain([p], lr=0.5)

    def closure() -> bs.Tensor:
        opt.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert float(opt.step(closure)) == 9.0
    assert p.tolist() == [0.0]


# ---- State and groups --------------------------------------------------------------------------------------


def test_state_is_a_dict_for_each_parameter() -> None:
    p, q = nn.Parameter(bs.zeros(2)), nn.Parameter(bs.zeros(2))
    opt = Plain([p, q])
    assert p not in opt.state and len(opt.state) == 0
    opt.state[p]["step"] = 3
    opt.state[q] = {"a": bs.ones(2), "step": 1}
    assert opt.state[p].setdefault("step", 5) == 3
    assert p in opt.state and set(opt.state) == {p, q}
    assert dict(opt.state[p]) == {"step": 3}
    saved = opt.state_dict()
    assert saved["state"][0] == {"step": 3}
    assert saved["state"][1]["a"].tolist() == [1.0, 1.0]
    assert saved["param_groups"] == [{"lr": 0.1, "params": [0, 1]}]
    del opt.state[p]["step"]
    del opt.state[q]
    assert p not in opt.state and q not in opt.state
    opt.load_state_dict(saved)
    assert opt.state[q]["step"] == 1
    for again in (copy.deepcopy(opt), pickle.loads(pickle.dumps(opt))):
        (mine,) = (s for s in again.state.values() if "a" in s)
        assert mine["a"].tolist() == [1.0, 1.0]
        assert again.param_groups[0]["lr"] == 0.1


def test_state_comes_back_in_the_parameters_dtype() -> None:
    p = nn.Parameter(bs.zeros(2))
    opt = Momentum([p])
    p.grad = bs.ones(2)
    opt.step()
    double = nn.Parameter(bs.zeros(2, dtype=bs.float64))
    other = Momentum([double])
    other.load_state_dict(opt.state_dict())
    assert other.state[double]["momentum_buffer"].dtype == bs.float64
    double.grad = bs.ones(2, dtype=bs.float64)
    other.step()
    assert opt.state[p]["momentum_buffer"].tolist() == [1.0, 1.0]  # a copy
    with pytest.raises(ValueError, match=r"\[Momentum\] groups of \[1\] parameters, but \[2\]"):
        opt.load_state_dict(Momentum([p, nn.Parameter(bs.zeros(1))]).state_dict())


class Lookahead(Optimizer):
    """Steps of another optimizer, as public code has it: without a call of `Optimizer.__init__`."""

    def __init__(self, base: Optimizer, every: int = 2) -> None:
        self.base, self.every, self.count = base, every, 0
        self.param_groups = base.param_groups
        self.state = {}

    def step(self, closure: Any = None) -> Any:
        loss = self.base.step(closure)
        self.count += 1
        for group in self.param_groups:
            for p in group["params"]:
                slow = self.state.setdefault(p, {"slow": p.detach().clone()})["slow"]
                if self.count % self.every == 0:
                    slow += (p.data - slow) * 0.5
                    p.data.copy_(slow)
        return loss


def test_a_wrapper_around_another_optimizer() -> None:
    p = nn.Parameter(bs.tensor([1.0]))
    optimizer = Lookahead(SGD([p], lr=0.25))
    schedule = bs.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    for _ in range(2):
        optimizer.zero_grad()
        p.sum().backward()
        optimizer.step()
    assert p.item() == 0.625  # 0.75 after the first step, then half the way to 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schedule.step()
    assert optimizer.base.param_groups[0]["lr"] == 0.125

    @bs.compile
    def step() -> None:
        p.sum().backward()
        optimizer.step()

    p.grad = None
    with pytest.raises(bs.GraphError, match=r"^\[Lookahead\] Optimizer.__init__ was not called"):
        step()


def test_text_is_pytorchs() -> None:
    optimizer = Plain([{"params": [nn.Parameter(bs.zeros(2))], "lr": 0.5}])
    optimizer.add_param_group({"params": [nn.Parameter(bs.zeros(2))], "decay": 0})
    assert repr(optimizer) == (
        "Plain (\nParameter Group 0\n    lr: 0.5\n\nParameter Group 1\n    decay: 0\n    lr: 0.1\n)"
    )


def test_groups() -> None:
    a, b, c = (nn.Parameter(bs.zeros(1)) for _ in range(3))
    opt = Plain([{"params": [a], "name": "first"}, {"params": [b], "lr": 1.0}])
    opt.add_param_group({"params": c, "lr": 2.0})
    assert [(g["lr"], g.get("name")) for g in opt.param_groups] == [(0.1, "first"), (1.0, None), (2.0, None)]
    for p in (a, b, c):
        p.grad = bs.ones(1)
    opt.step()
    assert [p.tolist()[0] for p in (a, b, c)] == [pytest.approx(-0.1), -1.0, -2.0]
    with pytest.raises(ValueError, match=r"\[Plain\] a parameter group has no 'lr', and there is no default"):
        Plain([a], lr=required)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match=r"\[Optimizer\] has no step method"):
        Optimizer([a], {}).step()


def test_named_parameters() -> None:
    net = nn.Linear(2, 1)
    opt = SGD(net.named_parameters(), lr=0.1)
    assert opt.param_groups[0]["param_names"] == ["weight", "bias"]
    assert opt.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ValueError, match=r"^\[SGD\] some parameters have names: give all"):
        SGD([("weight", net.weight), net.bias], lr=0.1)  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"^\[SGD\] some groups have named parameters: give all"):
        SGD([{"params": [net.weight]}, {"params": [("bias", net.bias)]}], lr=0.1)
    with pytest.raises(TypeError, match=r"^\[SGD\] params is a set, which has no order"):
        SGD([{"params": {net.weight, net.bias}}], lr=0.1)


# ---- Hooks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [Plain, SGD, OverAdam])
def test_hooks_around_steps(cls: type[Any]) -> None:
    p = nn.Parameter(bs.zeros(1))
    opt, seen = cls([p], lr=0.1), []
    handles = [
        opt.register_step_pre_hook(lambda o, args, kwargs: seen.append(("before", o is opt))),
        opt.register_step_post_hook(lambda o, args, kwargs: seen.append(("after", args))),
        register_optimizer_step_pre_hook(lambda o, args, kwargs: seen.append("before all")),
        register_optimizer_step_post_hook(lambda o, args, kwargs: seen.append("after all")),
    ]
    with opt.register_step_pre_hook(lambda o, args, kwargs: ((lambda: 7.0,), {})):
        assert opt.step() == 7.0
    assert seen[:2] == ["before all", ("before", True)]
    assert seen[2][0] == "after" and len(seen[2][1]) == 1 and seen[3:] == ["after all"]
    for handle in handles:
        handle.remove()
        handle.remove()
    assert opt.step() is None
    assert len(seen) == 4
    with pytest.raises(TypeError, match="hook is int; it must be a function"):
        opt.register_step_pre_hook(3)
    with (
        opt.register_step_pre_hook(lambda o, args, kwargs: 3),
        pytest.raises(RuntimeError, match=r"a step_pre_hook gave 3: give None or new"),
    ):
        opt.step()


def test_the_value_of_a_gradient_is_no_name_of_it() -> None:
    for p in (nn.Parameter(bs.ones(3)), bs.ones(3, requires_grad=True)):
        assert p._grad is None
        (2.0 * p).sum().backward()
        value = p._grad
        p.grad.mul_(3.0)
        assert value.tolist() == [2.0] * 3 and p._grad.tolist() == [6.0] * 3
        held = p.grad
        p._grad = value
        value.mul_(5.0)
        assert p.grad.tolist() == [2.0] * 3 and held.tolist() == [6.0] * 3
        with pytest.raises(bs.ShapeError, match=r"the gradient is \(2,\), the tensor is \(3,\)"):
            p._grad = bs.ones(2)
        p._grad = None
        assert p.grad is None and value.tolist() == [10.0] * 3


@pytest.mark.parametrize("cls", [Plain, SGD])
def test_hooks_around_state_dicts(cls: type[Any]) -> None:
    opt, seen = cls([nn.Parameter(bs.zeros(1))], lr=0.1), []
    opt.register_state_dict_pre_hook(lambda o: seen.append("second"))
    opt.register_state_dict_pre_hook(lambda o: seen.append("first"), prepend=True)
    opt.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    saved = opt.state_dict()
    assert (seen, saved["more"]) == (["first", "second"], 1)

    def other_rate(o: Any, state: Any) -> Any:
        return {**state, "param_groups": [{**state["param_groups"][0], "lr": 0.5}]}

    opt.register_load_state_dict_pre_hook(other_rate)
    opt.register_load_state_dict_post_hook(lambda o: seen.append(o.param_groups[0]["lr"]))
    opt.load_state_dict(saved)
    assert seen[2:] == [0.5]
