"""Adam and AdamW: the formula, PyTorch's steps, groups, state, compiled steps, threads."""

from __future__ import annotations

import copy
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.optim import SGD, Adam, AdamW, Optimizer

CONFIGS: list[dict[str, Any]] = [
    {},
    {"weight_decay": 0.1},
    {"weight_decay": 0.0},
    {"betas": (0.5, 0.9), "eps": 1e-3, "maximize": True},
    {"amsgrad": True},
    {"amsgrad": True, "weight_decay": 0.1, "maximize": True, "betas": (0.0, 0.0)},
]
BOTH = pytest.mark.parametrize("cls", [Adam, AdamW], ids=lambda cls: cls.__name__)
STEPS = 20

Array = np.ndarray[Any, Any]


def reference(cls: type, p: Array, gradients: list[Array], lr: float, **config: Any) -> Array:
    """PyTorch's rule in float64."""
    beta1, beta2 = config.get("betas", (0.9, 0.999))
    decay = config.get("weight_decay", 0.01 if cls is AdamW else 0.0)
    m = v = u = np.zeros_like(p)
    for t, grad in enumerate(gradients, 1):
        g = -grad if config.get("maximize") else grad
        if cls is AdamW:
            p = p - lr * decay * p
        else:
            g = g + decay * p
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        u = np.maximum(u, v) if config.get("amsgrad") else v
        p = p - lr * (m / (1 - beta1**t)) / (np.sqrt(u / (1 - beta2**t)) + config.get("eps", 1e-8))
    return p


def draws(shape: tuple[int, ...], steps: int = STEPS) -> tuple[Array, list[Array]]:
    rng = np.random.default_rng(0)
    # Later gradients are smaller: amsgrad differs.
    return rng.standard_normal(shape), [rng.standard_normal(shape) / (1 + i) for i in range(steps)]


def trained(optimizer: Optimizer, parameter: nn.Parameter, gradients: list[Array]) -> Array:
    for g in gradients:
        parameter.grad = bs.tensor(g, dtype=parameter.dtype)
        optimizer.step()
    return np.array(parameter.detach())


@BOTH
@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (17,), (3, 5)], ids=str)
def test_rule(cls: type, config: dict[str, Any], shape: tuple[int, ...]) -> None:
    start, gradients = draws(shape)
    want = reference(cls, start, gradients, 0.01, **config)
    for dtype, tolerance in ((bs.float64, 1e-12), (bs.float32, 2e-5)):
        parameter = nn.Parameter(bs.tensor(start, dtype=dtype))
        got = trained(cls([parameter], lr=0.01, **config), parameter, gradients)
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.peers
@BOTH
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_rule_is_pytorchs(cls: type, config: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    start, gradients = draws((17,))
    theirs = torch.nn.Parameter(torch.tensor(start))
    optimizer = getattr(torch.optim, cls.__name__)([theirs], lr=0.01, **config)
    for g in gradients:
        theirs.grad = torch.tensor(g)
        optimizer.step()
    ours = nn.Parameter(bs.tensor(start))
    got = trained(cls([ours], lr=0.01, **config), ours, gradients)
    np.testing.assert_allclose(got, theirs.detach().numpy(), rtol=1e-12)


def test_the_first_step_has_the_size_of_the_learning_rate() -> None:
    """Also where the gradient is tiny or huge: the corrections cancel what beta leaves."""
    for size in (1e-12, 1.0, 1e12):
        p = nn.Parameter(bs.zeros(3))
        got = trained(Adam([p], lr=0.5, eps=0.0), p, [np.full(3, size)])
        np.testing.assert_allclose(got, -0.5, rtol=1e-6)


@BOTH
def test_pytorchs_defaults(cls: type) -> None:
    group = cls([nn.Parameter(bs.zeros(1))]).param_groups[0]
    assert (group["lr"], group["betas"], group["eps"]) == (1e-3, (0.9, 0.999), 1e-8)
    assert group["weight_decay"] == (0.01 if cls is AdamW else 0.0)
    assert not group["amsgrad"] and not group["maximize"]


@BOTH
def test_wrong_arguments(cls: type) -> None:
    p = nn.Parameter(bs.ones(1))
    for bad in (
        {"lr": -1.0},
        {"eps": -1.0},
        {"weight_decay": float("nan")},
        {"betas": (1.0, 0.9)},
        {"betas": (0.9, -0.1)},
        {"betas": (0.9,)},
    ):
        with pytest.raises(ValueError, match=rf"^\[{cls.__name__}\] {next(iter(bad))}"):
            cls([p], **bad)
    for bad in (
        {"lr": "abc"},
        {"lr": None},
        {"eps": "1"},
        {"betas": 0.9},
        {"betas": "ab"},
        {"betas": (0.9, None)},
        {"amsgrad": "yes"},
    ):
        with pytest.raises(TypeError, match=rf"^\[{cls.__name__}\] {next(iter(bad))}.*must be"):
            cls([p], **bad)
    with pytest.raises(ValueError, match="lr is nan; it must be a number, not negative"):
        cls([p], lr=float("nan"))
    optimizer = cls([p])
    with pytest.raises(ValueError, match="betas"):
        optimizer.param_groups[0]["betas"] = (0.9, 2.0)
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.999)


@pytest.mark.parametrize("cls", [SGD, Adam, AdamW])
def test_what_only_pytorch_needs_is_without_effect(cls: type) -> None:
    start, gradients = draws((3,))
    a, b = nn.Parameter(bs.tensor(start)), nn.Parameter(bs.tensor(start))
    extra: dict[str, Any] = {"foreach": True, "fused": None, "differentiable": False}
    if cls is not SGD:
        extra["capturable"] = True
    with_them = trained(cls([a], lr=0.1, **extra), a, gradients)
    np.testing.assert_array_equal(with_them, trained(cls([{"params": [b], **extra}], lr=0.1), b, gradients))


@pytest.mark.peers
@pytest.mark.parametrize("cls", [SGD, Adam, AdamW])
def test_groups_of_pytorch_make_an_optimizer(cls: type) -> None:
    torch = pytest.importorskip("torch")
    p = nn.Parameter(bs.ones(2))
    optimizer = cls([p])
    theirs = getattr(torch.optim, cls.__name__)([torch.nn.Parameter(torch.ones(2))], lr=0.5, foreach=True)
    optimizer.load_state_dict(theirs.state_dict())
    again = cls([dict(group) for group in optimizer.param_groups])
    assert again.param_groups[0]["lr"] == 0.5
    assert again.param_groups[0]["foreach"]


def test_groups() -> None:
    start, gradients = draws((5,))
    ps = [nn.Parameter(bs.tensor(start)) for _ in range(3)]
    settings: list[dict[str, Any]] = [{}, {"lr": 0.1, "betas": (0.5, 0.6)}, {"amsgrad": True}]
    optimizer = Adam([{"params": [p], **s} for p, s in zip(ps, settings, strict=True)], lr=0.01)
    for g in gradients:
        for p in ps:
            p.grad = bs.tensor(g)
        optimizer.step()
    for p, s in zip(ps, settings, strict=True):
        want = reference(Adam, start, gradients, **{"lr": 0.01, **s})
        np.testing.assert_allclose(np.asarray(p), want, rtol=1e-12)


def test_parameters_without_gradients_do_not_step() -> None:
    a, b = nn.Parameter(bs.ones(2)), nn.Parameter(bs.ones(2))
    optimizer = AdamW([a, b])
    a.grad = bs.ones(2)
    optimizer.step()
    assert b.tolist() == [1.0, 1.0]
    assert [float(optimizer.state[p]["step"]) for p in (a, b)] == [1.0, 0.0]


# ---- State -------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_state_dict_resumes(cls: type, config: dict[str, Any]) -> None:
    start, gradients = draws((3,))
    a, b = nn.Parameter(bs.tensor(start)), nn.Parameter(bs.tensor(start))
    whole = trained(cls([a], **config), a, gradients)
    first = cls([b], **config)
    trained(first, b, gradients[:7])
    state = first.state_dict()
    assert set(state["state"][0]) == {"step", "exp_avg", "exp_avg_sq"} | (
        {"max_exp_avg_sq"} if config.get("amsgrad") else set()
    )
    c = nn.Parameter(bs.tensor(start))
    c.copy_(b)
    second = cls([c], lr=0.7)
    second.load_state_dict(state)
    assert second.param_groups[0]["betas"] == config.get("betas", (0.9, 0.999))
    np.testing.assert_array_equal(trained(second, c, gradients[7:]), whole)
    np.testing.assert_array_equal(trained(first, b, gradients[7:]), whole)  # the state dict is a snapshot


@pytest.mark.peers
@BOTH
def test_state_dict_is_pytorchs(cls: type) -> None:
    """There and back again."""
    torch = pytest.importorskip("torch")
    start, gradients = draws((4,))
    theirs = torch.nn.Parameter(torch.tensor(start))
    optimizer = getattr(torch.optim, cls.__name__)([theirs], amsgrad=True)
    ours = nn.Parameter(bs.zeros(4, dtype=bs.float64))
    mine = cls([ours], amsgrad=True)
    for i, g in enumerate(gradients):
        if i == 8:
            ours.copy_(theirs.detach().numpy())
            mine.load_state_dict(optimizer.state_dict())
        if i == 14:
            state = mine.state_dict()
            made = {n: torch.tensor(np.asarray(x)) for n, x in state["state"][0].items()}
            optimizer.load_state_dict({"state": {0: made}, "param_groups": state["param_groups"]})
            with torch.no_grad():
                theirs.copy_(torch.tensor(np.asarray(ours)))
        theirs.grad = torch.tensor(g)
        ours.grad = bs.tensor(g)
        if not 8 <= i < 14:
            optimizer.step()
        if i >= 8:
            mine.step()
    np.testing.assert_allclose(np.asarray(ours), theirs.detach().numpy(), rtol=1e-12)


def test_the_decay_of_adamw_stays_decoupled() -> None:
    p = nn.Parameter(bs.ones(2))
    optimizer = AdamW([p])
    optimizer.load_state_dict(Adam([nn.Parameter(bs.ones(2))], weight_decay=0.1).state_dict())
    assert optimizer.param_groups[0]["decoupled_weight_decay"]
    assert optimizer.param_groups[0]["weight_decay"] == 0.1


@BOTH
def test_state_that_is_deleted_starts_anew(cls: type) -> None:
    start, gradients = draws((3,))
    a, b = nn.Parameter(bs.tensor(start)), nn.Parameter(bs.tensor(start))
    first = cls([a, b], amsgrad=True)
    trained(first, a, gradients[:3])
    assert set(first.state_dict()["state"]) == {0}
    del first.state[a]
    assert first.state_dict()["state"] == {}
    a.copy_(b)
    whole = trained(cls([b], amsgrad=True), b, gradients)
    np.testing.assert_array_equal(trained(first, a, gradients), whole)


@BOTH
def test_state_that_is_assigned(cls: type) -> None:
    start, gradients = draws((3,))
    a, b = nn.Parameter(bs.tensor(start)), nn.Parameter(bs.tensor(start))
    first, second = cls([a]), cls([b])
    trained(first, a, gradients)
    for state in first.state.values():
        for name, value in state.items():
            state[name] = value.to("cpu")  # as programs move what they have loaded
    held = second.state[b]["exp_avg"]
    for name, value in first.state[a].items():
        second.state[b][name] = value.detach().clone()
    assert second.state[b]["exp_avg"] is held
    b.copy_(a)
    np.testing.assert_array_equal(trained(first, a, gradients), trained(second, b, gradients))
    with pytest.raises(bs.ShapeError, match=r"'exp_avg' is \(3,\), the value \(1,\)"):
        first.state[a]["exp_avg"] = bs.zeros(1)
    with pytest.raises(KeyError, match="'other' is no state of this optimizer"):
        first.state[a]["other"] = 1
    before = first.state_dict()["state"]
    first.state = first.state
    np.testing.assert_array_equal(first.state_dict()["state"][0]["exp_avg"], before[0]["exp_avg"])
    first.state = defaultdict(dict)
    assert first.state_dict()["state"] == {}


WRONG_STATE: list[tuple[Any, type[Exception], str]] = [
    (np.zeros(3), bs.ShapeError, r"is \(3,\); it must be"),
    (np.zeros((2, 1)), bs.ShapeError, r"is \(2, 1\); it must be"),
    ("none", TypeError, "is str, not an array of numbers"),
    ({"a": 1}, TypeError, "is dict, not an array of numbers"),
    (object(), TypeError, "is object, not an array of numbers"),
    ([[1.0], [1.0, 2.0]], TypeError, "is list, not an array of numbers"),
]


@BOTH
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("name", ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"])
def test_wrong_state_changes_nothing(cls: type, name: str, number: int) -> None:
    ps = [nn.Parameter(bs.ones(2)), nn.Parameter(bs.ones(()))]
    optimizer = cls(ps, amsgrad=True)

    def step() -> None:
        for p in ps:
            p.grad = bs.ones(p.shape)
        optimizer.step()

    def everything() -> list[Any]:
        buffers = [np.array(b) for p in ps for b in optimizer.state[p].values()]
        return [optimizer.param_groups[0]["lr"], *(b.tolist() for b in buffers)]

    step()
    before = everything()
    step()
    good = optimizer.state_dict()
    good["param_groups"][0]["lr"] = 0.5
    optimizer.load_state_dict(good)
    after = everything()
    assert after != before
    wrong = [*WRONG_STATE, (np.zeros(2) if name == "step" or number else 0.0, bs.ShapeError, "it must be")]
    for value, error, text in wrong:
        state = copy.deepcopy(good)
        state["param_groups"][0]["lr"] = 0.7
        state["state"][0] = {n: np.asarray(b) * 2 for n, b in state["state"][0].items()}
        state["state"][number][name] = value
        with pytest.raises(error, match=rf"^\[{cls.__name__}\] {name} of parameter {number} .*{text}"):
            optimizer.load_state_dict(state)
        assert everything() == after
    if name != "max_exp_avg_sq":
        del state["state"][number][name]
        with pytest.raises(ValueError, match=rf"the state of parameter {number} has no {name}"):
            optimizer.load_state_dict(state)
        assert everything() == after


def test_what_is_no_state_dict() -> None:
    p = nn.Parameter(bs.ones(2))
    optimizer = Adam([p])
    trained(optimizer, p, [np.ones(2)])
    good = optimizer.state_dict()
    group = {**good["param_groups"][0], "lr": 0.5}
    for bad, text in (
        (None, "is NoneType"),
        ([], "is list"),
        ({}, "has no 'state'"),
        ({"state": {}}, "has no 'param_groups'"),
        ({**good, "state": None}, "'state' is NoneType"),
        ({**good, "state": {0: 3}}, "the state of parameter 0 is int"),
        ({**good, "param_groups": None}, "list of dicts"),
        ({**good, "param_groups": [3]}, "list of dicts"),
        ({**good, "param_groups": [{"lr": 0.5}]}, "hold 'params'"),
        ({**good, "param_groups": [{**group, "params": None}]}, "hold 'params'"),
        ({**good, "param_groups": [{**group, "params": [[0]]}]}, "hold 'params'"),
        ({**good, "param_groups": [{**group, "eps": "small"}]}, "eps is 'small'; it must be a number"),
        ({**good, "param_groups": [{**group, "betas": None}]}, "betas is None; it must be two numbers"),
        ({**good, "param_groups": [{**group, "amsgrad": np.ones(2)}]}, "amsgrad is .*True or False"),
    ):
        with pytest.raises((TypeError, ValueError), match=rf"^\[Adam\] .*{text}"):
            optimizer.load_state_dict(bad)  # type: ignore[arg-type]
        assert optimizer.param_groups[0]["lr"] == 1e-3
        assert float(optimizer.state[p]["step"]) == 1.0


@pytest.mark.peers
def test_a_state_in_bfloat16_is_refused() -> None:
    torch = pytest.importorskip("torch")
    p = nn.Parameter(bs.ones(2))
    optimizer = Adam([p])
    trained(optimizer, p, [np.ones(2)])
    state = optimizer.state_dict()
    state["state"][0]["exp_avg"] = torch.zeros(2, dtype=torch.bfloat16)
    with pytest.raises(TypeError, match=r"^\[Adam\] exp_avg of parameter 0 is Tensor.*bfloat16"):
        optimizer.load_state_dict(state)


# ---- Compiled ----------------------------------------------------------------------------------------------

ALL: list[tuple[type, dict[str, Any]]] = [
    *((cls, config) for cls in (Adam, AdamW) for config in CONFIGS),
    (SGD, {}),
    (SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (SGD, {"momentum": 0.9, "dampening": 0.5, "maximize": True}),
]


@pytest.fixture
def threads() -> Iterator[None]:
    before = bs.get_num_threads()
    yield
    bs.set_num_threads(before)


def run(cls: type, config: dict[str, Any], sizes: tuple[tuple[int, ...], ...], compiled: bool) -> list[Array]:
    """Parameters and state after three steps on gradients that do not come from a network."""
    ps = [nn.Parameter(bs.tensor(draws(s)[0].astype(np.float32))) for s in sizes]
    optimizer = cls(ps, lr=0.01, **config)

    def step(*gradients: bs.Tensor) -> None:
        for p, g in zip(ps, gradients, strict=True):
            p.grad = g
        optimizer.step()
        optimizer.zero_grad()

    step_now = bs.compile(step) if compiled else step
    for i in range(3):
        step_now(*(bs.tensor(draws(s, 3)[1][i].astype(np.float32)) for s in sizes))
    return [
        *(np.array(p.detach()) for p in ps),
        *(np.array(b.detach()) for p in ps for b in optimizer.state[p].values()),
    ]


@pytest.mark.parametrize(("cls", "config"), ALL, ids=str)
def test_compiled_and_threads_change_no_bit(cls: type, config: dict[str, Any], threads: None) -> None:
    sizes = ((), (0,), (1,), (17,), (3, 5), (300, 500), (70_001,))
    bs.set_num_threads(1)
    want = run(cls, config, sizes, compiled=False)
    for n in (1, 2, 3):
        bs.set_num_threads(n)
        for compiled in (False, True):
            for got, expected in zip(run(cls, config, sizes, compiled), want, strict=True):
                np.testing.assert_array_equal(got, expected, f"{n} threads, compiled: {compiled}")


def test_compiled_steps_write_in_place() -> None:
    p = nn.Parameter(bs.zeros(1000))
    optimizer = AdamW([p], amsgrad=True)

    @bs.compile
    def step(g: bs.Tensor) -> None:
        p.grad = g
        optimizer.step()
        optimizer.zero_grad()

    def addresses() -> list[int]:
        return [np.asarray(t).ctypes.data for t in (p.detach(), *optimizer.state[p].values())]

    step(bs.ones(1000))
    before = addresses()
    step(bs.ones(1000))
    assert addresses() == before
    kept = p.numpy()  # but not under somebody's hands
    old = kept.tolist()
    step(bs.ones(1000))
    assert kept.tolist() == old
    assert p.tolist() != old


def test_hyperparameters_reach_compiled_steps() -> None:
    p = nn.Parameter(bs.zeros(1, dtype=bs.float64))
    optimizer = Adam([p], lr=0.5, eps=0.0)
    captures: deque[int] = deque()

    @bs.compile
    def step(g: bs.Tensor) -> None:
        captures.append(1)
        p.grad = g
        optimizer.step()
        optimizer.zero_grad()

    g = bs.ones(1, dtype=bs.float64)
    step(g)
    assert p.tolist() == [pytest.approx(-0.5)]
    optimizer.param_groups[0].update(lr=0.25, betas=(0.8, 0.7), weight_decay=0.0)
    step(g)
    m, v = 0.8 * 0.1 + 0.2, 0.7 * 0.001 + 0.3
    change = 0.25 * (m / (1 - 0.8**2)) / np.sqrt(v / (1 - 0.7**2))
    assert p.tolist() == [pytest.approx(-0.5 - change)]
    assert len(captures) == 1
    optimizer.param_groups[0]["amsgrad"] = True  # structure: a new capture
    step(g)
    assert len(captures) == 2
    assert "max_exp_avg_sq" in optimizer.state[p]


@pytest.mark.parametrize("compiled", [False, True])
def test_the_optimizer_goes_on_after_a_change_of_dtype(compiled: bool) -> None:
    bs.manual_seed(0)
    model = nn.Linear(3, 2)
    twin = copy.deepcopy(model).double()

    def step_of(net: nn.Linear) -> Any:
        optimizer = Adam(net.parameters(), lr=0.1, weight_decay=0.1, amsgrad=True)

        def step(x: bs.Tensor) -> None:
            optimizer.zero_grad()
            net(x).sum().backward()
            optimizer.step()

        return bs.compile(step) if compiled else step

    mine, want = step_of(model), step_of(twin)
    for dtype in (bs.float32, bs.float64):
        model.to(dtype)
        for _ in range(2):
            mine(bs.ones((4, 3), dtype=dtype))
            want(bs.ones((4, 3), dtype=bs.float64))
    assert model.weight.dtype == bs.float64
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(np.asarray(p), np.asarray(q), rtol=1e-5, atol=1e-6)


def test_fit_takes_adam() -> None:
    bs.manual_seed(0)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((256, 8)).astype(np.float32)
    y = (X @ rng.standard_normal((8, 3))).argmax(1)
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
    bs.fit(model, X, y, optimizer=AdamW(model.parameters(), lr=1e-2), epochs=20, progress=False)
    assert bs.evaluate(model, X, y)["accuracy"] > 0.9
