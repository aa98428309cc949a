"""SGD: the formula, PyTorch's first steps, hyperparameters as inputs, structure, state."""

from __future__ import annotations

import copy
import gc
import pickle
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core, nn
from backsweep.optim import SGD

CONFIGS: list[dict[str, Any]] = [
    {},
    {"momentum": 0.9},
    {"weight_decay": 0.1},
    {"momentum": 0.9, "weight_decay": 0.1, "maximize": True},
    {"momentum": 0.9, "dampening": 0.5},
    {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
]


def reference(p: np.ndarray, gradients: list[np.ndarray], lr: float, **config: Any) -> np.ndarray:
    """PyTorch's rule in float64."""
    momentum, dampening = config.get("momentum", 0.0), config.get("dampening", 0.0)
    buffer = None
    for g in gradients:
        g = -g if config.get("maximize") else g
        g = g + config.get("weight_decay", 0.0) * p
        if momentum:
            buffer = g if buffer is None else momentum * buffer + (1 - dampening) * g
            g = g + momentum * buffer if config.get("nesterov") else buffer
        p = p - lr * g
    return p


def trained(optimizer: SGD, parameter: nn.Parameter, gradients: list[np.ndarray]) -> np.ndarray:
    for g in gradients:
        parameter.grad = bs.tensor(g, dtype=parameter.dtype)
        optimizer.step()
    return np.asarray(parameter.detach())


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("dtype", [bs.float64, bs.float32], ids=["float64", "float32"])
def test_rule(config: dict[str, Any], dtype: bs.DType) -> None:
    rng = np.random.default_rng(0)
    start, gradients = rng.standard_normal((3, 2)), [rng.standard_normal((3, 2)) for _ in range(4)]
    parameter = nn.Parameter(bs.tensor(start, dtype=dtype))
    got = trained(SGD([parameter], lr=0.1, **config), parameter, gradients)
    tolerance = 1e-13 if dtype == bs.float64 else 1e-5
    np.testing.assert_allclose(
        got, reference(start, gradients, 0.1, **config), rtol=tolerance, atol=tolerance
    )


@pytest.mark.peers
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_rule_is_pytorchs(config: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    start, gradients = rng.standard_normal(5), [rng.standard_normal(5) for _ in range(4)]
    theirs = torch.nn.Parameter(torch.tensor(start))
    optimizer = torch.optim.SGD([theirs], lr=0.1, **config)
    for g in gradients:
        theirs.grad = torch.tensor(g)
        optimizer.step()
    ours = nn.Parameter(bs.tensor(start))
    got = trained(SGD([ours], lr=0.1, **config), ours, gradients)
    np.testing.assert_allclose(got, theirs.detach().numpy(), rtol=1e-13)


def test_parameters_without_gradients_stay() -> None:
    a, b = nn.Parameter(bs.ones(2)), nn.Parameter(bs.ones(2))
    optimizer = SGD([a, b], lr=1.0, momentum=0.9, weight_decay=0.1)
    a.grad = bs.ones(2)
    optimizer.step()
    assert b.tolist() == [1.0, 1.0]
    assert a.tolist() != [1.0, 1.0]
    optimizer.zero_grad(set_to_none=False)
    assert a.grad is not None
    assert a.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert a.grad is None


def test_a_view_taken_before_a_step_is_unchanged() -> None:
    p = nn.Parameter(bs.ones(3))
    view = np.asarray(p)
    p.grad = bs.ones(3)
    SGD([p], lr=0.5).step()
    assert view.tolist() == [1.0] * 3
    assert p.tolist() == [0.5] * 3


def test_groups_and_hyperparameters() -> None:
    a, b = nn.Parameter(bs.zeros(1)), nn.Parameter(bs.zeros(1))
    optimizer = SGD([{"params": [a]}, {"params": b, "lr": 1.0}], lr=0.1)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 1.0]
    assert dict(optimizer.param_groups[0])["momentum"] == 0.0
    optimizer.param_groups[0]["lr"] = 0.01
    a.grad, b.grad = bs.ones(1), bs.ones(1)
    optimizer.step()
    assert a.tolist() == [pytest.approx(-0.01)]
    assert b.tolist() == [-1.0]
    optimizer.param_groups[0].update(lr=0.5, momentum=0.9)
    assert optimizer.param_groups[0]["lr"] == 0.5
    optimizer.step()
    assert a.tolist() == [pytest.approx(-0.51)]
    c = nn.Parameter(bs.zeros(1))
    optimizer.add_param_group({"params": [c], "lr": 2.0})
    c.grad = bs.ones(1)
    optimizer.step()
    assert c.tolist() == [-2.0]


def step_of(model: nn.Module, optimizer: SGD) -> Any:
    captures: deque[int] = deque()

    def step(x: bs.Tensor) -> bs.Tensor:
        captures.append(1)
        loss = model(x).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step, captures


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_compiled_equals_eager(config: dict[str, Any]) -> None:
    bs.manual_seed(0)
    model = nn.Linear(3, 2)
    twin = copy.deepcopy(model)
    eager, _ = step_of(model, SGD(model.parameters(), lr=0.1, **config))
    step, _ = step_of(twin, SGD(twin.parameters(), lr=0.1, **config))
    compiled = bs.compile(step)
    x = bs.ones((4, 3))
    for _ in range(4):
        eager(x)
        compiled(x)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(np.asarray(p), np.asarray(q), rtol=1e-5, atol=1e-6)


def test_hyperparameters_reach_compiled_steps() -> None:
    bs.manual_seed(0)
    model = nn.Linear(3, 1, bias=False)
    optimizer = SGD(model.parameters(), lr=0.5)
    step, captures = step_of(model, optimizer)
    compiled = bs.compile(step)
    x = bs.ones((1, 3))

    def change() -> float:
        before = np.array(model.weight)
        compiled(x)
        return float((before - np.asarray(model.weight))[0, 0])

    assert change() == pytest.approx(0.5)
    optimizer.param_groups[0]["lr"] = 0.25
    assert change() == pytest.approx(0.25)
    assert len(captures) == 1
    optimizer.param_groups[0]["momentum"] = 0.5  # structure: a new capture
    assert change() == pytest.approx(0.25)
    assert change() == pytest.approx(0.375)
    assert len(captures) == 2
    optimizer.param_groups[0]["momentum"] = 0.0
    assert change() == pytest.approx(0.25)


def test_hyperparameters_read_while_capturing_are_guarded() -> None:
    p = nn.Parameter(bs.ones(1))
    optimizer = SGD([p], lr=0.5)

    @bs.compile
    def scaled(x: bs.Tensor) -> bs.Tensor:
        return x * optimizer.param_groups[0]["lr"]

    x = bs.ones(1)
    assert scaled(x).tolist() == [0.5]
    optimizer.param_groups[0]["lr"] = 0.25
    assert scaled(x).tolist() == [0.25]


def test_setting_while_capturing_is_an_error() -> None:
    p = nn.Parameter(bs.ones(1))
    optimizer = SGD([p], lr=0.5)

    @bs.compile
    def step(x: bs.Tensor) -> bs.Tensor:
        optimizer.param_groups[0]["lr"] = 0.1
        return x + 1

    with pytest.raises(bs.GraphError, match="lr"):
        step(bs.ones(1))
    assert optimizer.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_state_dict_resumes(config: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    gradients = [rng.standard_normal(3).astype(np.float32) for _ in range(4)]
    a, b = nn.Parameter(bs.ones(3)), nn.Parameter(bs.ones(3))
    whole = trained(SGD([a], lr=0.1, **config), a, gradients)
    first = SGD([b], lr=0.1, **config)
    trained(first, b, gradients[:2])
    state = first.state_dict()
    c = nn.Parameter(bs.ones(3))
    c.copy_(b)
    second = SGD([c], lr=0.7)
    second.load_state_dict(state)
    assert second.param_groups[0]["lr"] == 0.1
    np.testing.assert_array_equal(trained(second, c, gradients[2:]), whole)
    assert np.array_equal(trained(first, b, gradients[2:]), whole)  # the state dict is a snapshot


@pytest.mark.peers
def test_state_dict_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([theirs], lr=0.1, momentum=0.9, dampening=0.5)
    ours = nn.Parameter(bs.ones(3))
    mine = SGD([ours], lr=0.5)
    for i in range(4):
        theirs.grad = torch.full((3,), float(i + 1))
        optimizer.step()
        if i == 1:
            ours.copy_(theirs.detach().numpy())
            mine.load_state_dict(optimizer.state_dict())
        elif i > 1:
            ours.grad = bs.tensor(np.full(3, i + 1, np.float32))
            mine.step()
    np.testing.assert_allclose(np.asarray(ours), theirs.detach().numpy(), rtol=1e-6)


@pytest.mark.peers
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_state_goes_to_pytorch_and_back(config: dict[str, Any]) -> None:
    """Of two parameters one makes its first step only after each of the ways."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    start, gradients = rng.standard_normal((3, 2)), rng.standard_normal((9, 3, 2))
    ours = [nn.Parameter(bs.tensor(a)) for a in start]
    theirs = [torch.nn.Parameter(torch.tensor(a)) for a in start]
    mine, other = SGD(ours, lr=0.1, **config), torch.optim.SGD(theirs, lr=0.1, **config)
    want = [nn.Parameter(bs.tensor(a)) for a in start]
    reference_steps = SGD(want, lr=0.1, **config)
    for i, row in enumerate(gradients):
        if i == 3:
            state = mine.state_dict()
            assert set(state["state"]) == ({0} if config.get("momentum") else set())
            made = {
                k: {n: torch.tensor(np.asarray(x)) for n, x in values.items()}
                for k, values in state["state"].items()
            }
            other.load_state_dict({**state, "state": made})
            with torch.no_grad():
                for q, p in zip(theirs, ours, strict=True):
                    q.copy_(torch.tensor(np.asarray(p)))
        if i == 6:
            mine = SGD(ours, lr=0.7, momentum=0.1, dampening=0.3)
            mine.load_state_dict(other.state_dict())
            for q, p in zip(theirs, ours, strict=True):
                p.copy_(q.detach().numpy())
        for k, g in enumerate(row):
            if i < 3 * k + k // 2:  # the second steps from 3 on, the third from 7 on
                continue
            want[k].grad, ours[k].grad, theirs[k].grad = bs.tensor(g), bs.tensor(g), torch.tensor(g)
        (other if 3 <= i < 6 else mine).step()
        reference_steps.step()
    for p, q in zip(ours, want, strict=True):
        np.testing.assert_allclose(np.asarray(p), np.asarray(q), rtol=1e-12)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_parameter_that_has_not_stepped_has_no_saved_state(config: dict[str, Any]) -> None:
    a, b = nn.Parameter(bs.ones(2)), nn.Parameter(bs.ones(2))
    optimizer = SGD([a, b], lr=0.1, **config)
    assert optimizer.state_dict()["state"] == {}
    trained(optimizer, b, [np.zeros(2)])
    # Without dampening a buffer of zeros goes on as none does.
    known = config.get("momentum") and (config.get("weight_decay") or config.get("dampening"))
    saved = {k: set(v) for k, v in optimizer.state_dict()["state"].items()}
    assert saved == ({1: {"momentum_buffer"}} if known else {})


def test_dampening_that_comes_later_knows_earlier_steps() -> None:
    config: dict[str, Any] = {"lr": 0.1, "momentum": 0.5}
    p = nn.Parameter(bs.zeros(1, dtype=bs.float64))
    optimizer = SGD([p], dampening=0.5, **config)
    group = optimizer.param_groups[0]
    group["dampening"] = 0.0
    trained(optimizer, p, [np.ones(1)])
    group["dampening"] = 0.5
    trained(optimizer, p, [np.ones(1)])
    assert p.tolist() == [pytest.approx(-0.1 * (1 + 0.5 + 0.5))]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_state_that_is_deleted_starts_anew(config: dict[str, Any], compiled: bool) -> None:
    a, b = nn.Parameter(bs.ones(2)), nn.Parameter(bs.ones(2))
    optimizer = SGD([a, b], lr=0.1, **config)

    def step(g: bs.Tensor) -> None:
        a.grad, b.grad = g, g
        optimizer.step()
        optimizer.zero_grad()

    run = bs.compile(step) if compiled else step
    g = bs.tensor(np.array([1.0, 2.0], np.float32))
    run(g)
    run(g)
    del optimizer.state[a]
    assert set(optimizer.state_dict()["state"]) == ({1} if config.get("momentum") else set())
    run(g)
    optimizer.state.clear()
    assert optimizer.state_dict()["state"] == {}
    c = nn.Parameter(a.detach())
    run(g)
    trained(SGD([c], lr=0.1, **config), c, [np.asarray(g)])
    np.testing.assert_allclose(np.asarray(a), np.asarray(c), rtol=1e-6)
    if config.get("momentum"):
        optimizer.state[a]["momentum_buffer"] = g
        assert optimizer.state[a]["momentum_buffer"].tolist() == [1.0, 2.0]
    else:
        with pytest.raises(KeyError, match="is no state of this optimizer"):
            optimizer.state[a]["momentum_buffer"] = g
    with pytest.raises(KeyError):
        del optimizer.state[c]


def test_closure() -> None:
    p = nn.Parameter(bs.ones(1))
    optimizer = SGD([p], lr=0.5)

    def closure() -> bs.Tensor:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with bs.no_grad():
        assert float(optimizer.step(closure)) == 1.0
    assert p.tolist() == [0.0]


def test_wrong_arguments() -> None:
    p = nn.Parameter(bs.ones(1))
    with pytest.raises(ValueError, match="no parameters"):
        SGD([])
    with pytest.raises(TypeError, match="list"):
        SGD(p)
    with pytest.raises(ValueError, match="non-leaf"):
        SGD([p * 2])
    with pytest.raises(ValueError, match="twice"):
        SGD([p, p])
    with pytest.raises(ValueError, match="twice"):
        SGD([{"params": [p]}, {"params": [p]}])
    with pytest.raises(ValueError, match=r'^\[SGD\] a parameter group has no "params"'):
        SGD([{"lr": 1.0}])  # type: ignore[list-item]
    for wrong in (3, nn.Linear(1, 1), nn.Sequential(nn.Linear(1, 1)), ["weight"], [{"params": 3}], [p, 3]):
        with pytest.raises(TypeError, match=r"^\[SGD\] .*model.parameters\(\)"):
            SGD(wrong)  # type: ignore[arg-type]
    assert SGD([{"params": [p], "rate": 1.0}]).param_groups[0]["rate"] == 1.0  # kept for users
    for bad in ({"lr": -1.0}, {"momentum": -1.0}, {"weight_decay": float("nan")}, {"nesterov": True}):
        with pytest.raises(ValueError, match="SGD"):
            SGD([p], **bad)
    optimizer = SGD([p], lr=0.1)
    with pytest.raises(ValueError, match="lr"):
        optimizer.param_groups[0]["lr"] = -1
    assert optimizer.param_groups[0]["lr"] == 0.1
    with pytest.raises(TypeError, match="removed"):
        del optimizer.param_groups[0]["lr"]
    with pytest.raises(ValueError, match="state dict"):
        optimizer.load_state_dict(SGD([nn.Parameter(bs.ones(1)) for _ in range(2)]).state_dict())


def test_optimizers_are_no_cycles() -> None:
    """Models made and dropped go at once, with the state of their optimizers."""

    def train(optimizer: Callable[..., bs.optim.Optimizer]) -> None:
        model = nn.Sequential(nn.Linear(300, 300), nn.ReLU(), nn.Linear(300, 1))
        opt = optimizer(model.parameters())
        opt.add_param_group({"params": [nn.Parameter(bs.zeros(10))]})
        for _ in range(2):
            opt.zero_grad()
            model(bs.ones(4, 300)).sum().backward()
            opt.step()
        copy.deepcopy(opt)
        opt.load_state_dict(opt.state_dict())

    makers: list[Callable[..., bs.optim.Optimizer]] = [
        lambda p: bs.optim.SGD(p, lr=0.1, momentum=0.9),
        lambda p: bs.optim.Adam(p, amsgrad=True),
        bs.optim.AdamW,
    ]
    for make in makers:
        train(make)
    gc.collect()
    gc.disable()
    try:
        before = _core.allocated_bytes()
        for make in makers:
            train(make)
        assert _core.allocated_bytes() <= before + 1000
    finally:
        gc.enable()


def test_a_group_outlives_its_optimizer_to_be_read() -> None:
    group = bs.optim.SGD([nn.Parameter(bs.zeros(2))], lr=0.5).param_groups[0]
    assert group["lr"] == 0.5
    assert "lr" in repr(group)
    with pytest.raises(bs.GraphError, match=r"^\[SGD\] the optimizer of this parameter group is gone"):
        group["lr"] = 0.1
    twin = pickle.loads(pickle.dumps(bs.optim.SGD([nn.Parameter(bs.zeros(2))], lr=0.5)))
    twin.param_groups[0]["lr"] = 0.25
    assert twin.param_groups[0]["lr"] == 0.25


def test_deepcopy_is_independent() -> None:
    p = nn.Parameter(bs.ones(1))
    optimizer = SGD([p], lr=0.5, momentum=0.9)
    twin = copy.deepcopy(optimizer)
    twin.param_groups[0]["lr"] = 0.1
    p.grad = bs.ones(1)
    optimizer.step()
    assert p.tolist() == [0.5]
    assert twin.param_groups[0]["params"][0].tolist() == [1.0]


@pytest.mark.parametrize("compiled", [False, True])
def test_the_optimizer_goes_on_after_a_change_of_dtype(compiled: bool) -> None:
    bs.manual_seed(0)
    model = nn.Linear(3, 2)
    twin = copy.deepcopy(model).double()
    config: dict[str, Any] = {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}
    optimizer, other = SGD(model.parameters(), **config), SGD(twin.parameters(), **config)
    run = step_of(model, optimizer)[0]
    want = step_of(twin, other)[0]
    run = bs.compile(run) if compiled else run
    for model_dtype in (bs.float32, bs.float64):
        model.to(model_dtype)
        for _ in range(2):
            run(bs.ones((4, 3), dtype=model_dtype))
            want(bs.ones((4, 3), dtype=bs.float64))
    assert model.weight.dtype == bs.float64
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(np.asarray(p), np.asarray(q), rtol=1e-5, atol=1e-6)


def test_nothing_is_half_loaded() -> None:
    a, b = nn.Parameter(bs.zeros(1)), nn.Parameter(bs.zeros(2))
    optimizer = SGD([{"params": [a]}, {"params": [b]}], lr=0.1, momentum=0.9)
    state = optimizer.state_dict()
    good = {"momentum_buffer": np.full(1, 5.0)}
    for broken in (
        {"param_groups": [{**state["param_groups"][0], "lr": 0.7}, {**state["param_groups"][1], "lr": -1.0}]},
        {"param_groups": [{**state["param_groups"][0], "lr": 0.7}, {"params": [1], "lr": "high"}]},
        {"state": {0: good, 1: {"momentum_buffer": np.zeros(7)}}},
        {"state": {0: good, 1: {"momentum_buffer": "none"}}},
    ):
        with pytest.raises((ValueError, TypeError)):
            optimizer.load_state_dict({**state, **broken})
        assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.1]
        assert optimizer.state[a]["momentum_buffer"].tolist() == [0.0]
    # Each group is checked with all its new values at once.
    nesterov = SGD([a], lr=0.1, momentum=0.9, nesterov=True)
    nesterov.load_state_dict(SGD([a], lr=0.1).state_dict())
    assert not nesterov.param_groups[0]["nesterov"]
    nesterov.load_state_dict(SGD([a], lr=0.1, momentum=0.5, nesterov=True).state_dict())
    assert nesterov.param_groups[0]["momentum"] == 0.5


def test_what_pytorch_puts_into_groups() -> None:
    p = nn.Parameter(bs.zeros(1))
    optimizer = SGD([{"params": [p], "initial_lr": 0.5}], lr=0.1)
    state = optimizer.state_dict()
    state["param_groups"][0] |= {"initial_lr": 0.7, "foreach": None}
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["initial_lr"] == 0.7
    assert optimizer.state_dict()["param_groups"][0]["foreach"] is None
    model = nn.Linear(2, 1)
    for named in (model.named_parameters(), [{"params": model.named_parameters()}]):
        assert SGD(named).param_groups[0]["params"] == tuple(model.parameters())  # by identity: of the tuples


def test_parameters_of_a_group_come_once() -> None:
    v, w = nn.Parameter(bs.zeros(1)), nn.Parameter(bs.zeros(1))
    optimizer = SGD([{"params": [v]}, {"params": [w]}], lr=0.1)
    for twice in ([w, w], [v]):
        with pytest.raises(ValueError, match="twice"):
            optimizer.param_groups[1]["params"] = twice
    optimizer.param_groups[1]["params"] = [w]
    assert len(optimizer.param_groups[1]["params"]) == 1
