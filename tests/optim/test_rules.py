"""The optimizers of one op: formulas from their papers, groups, state, compiled steps, threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn, optim
from driver import REGISTRY

STEPS = 12
Array = np.ndarray[Any, Any]


def averages(g: Array, m: Array, v: Array, betas: tuple[float, float]) -> tuple[Array, Array]:
    return betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g * g


def nadam(
    p: Array,
    gradients: list[Array],
    lr: float,
    momentum_decay: float = 4e-3,
    betas: Any = (0.9, 0.999),
    eps: float = 1e-8,
) -> Any:
    m = v = np.zeros_like(p)
    mu = [betas[0] * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in range(len(gradients) + 2)]
    for t, grad in enumerate(gradients, 1):
        g, p = yield p, grad
        m, v = averages(g, m, v, betas)
        h = mu[t + 1] * m / (1 - np.prod(mu[1 : t + 2])) + (1 - mu[t]) * g / (1 - np.prod(mu[1 : t + 1]))
        p = p - lr * h / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    yield p, None


def radam(p: Array, gradients: list[Array], lr: float, betas: Any = (0.9, 0.999), eps: float = 1e-8) -> Any:
    m = v = np.zeros_like(p)
    most = 2 / (1 - betas[1]) - 1
    for t, grad in enumerate(gradients, 1):
        g, p = yield p, grad
        m, v = averages(g, m, v, betas)
        r = most - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
        h = m / (1 - betas[0] ** t)
        if r > 5:
            h = h * np.sqrt((r - 4) * (r - 2) * most / ((most - 4) * (most - 2) * r))
            h = h * np.sqrt(1 - betas[1] ** t) / (np.sqrt(v) + eps)
        p = p - lr * h
    yield p, None


def rmsprop(
    p: Array,
    gradients: list[Array],
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    centered: bool = False,
) -> Any:
    v = a = b = np.zeros_like(p)
    for grad in gradients:
        g, p = yield p, grad
        v = alpha * v + (1 - alpha) * g * g
        if centered:
            a = alpha * a + (1 - alpha) * g
        b = momentum * b + g / (np.sqrt(v - a * a) + eps)
        p = p - lr * b
    yield p, None


def rprop(
    p: Array, gradients: list[Array], lr: float, etas: Any = (0.5, 1.2), step_sizes: Any = (1e-6, 50)
) -> Any:
    s, last = np.full_like(p, lr), np.zeros_like(p)
    for grad in gradients:
        g, p = yield p, grad
        turn = np.sign(g * last)
        s = np.clip(s * np.where(turn > 0, etas[1], np.where(turn < 0, etas[0], 1.0)), *step_sizes)
        last = np.where(turn < 0, 0.0, g)
        p = p - np.sign(last) * s
    yield p, None


def adagrad(
    p: Array,
    gradients: list[Array],
    lr: float,
    lr_decay: float = 0.0,
    initial_accumulator_value: float = 0.0,
    eps: float = 1e-10,
) -> Any:
    s = np.full_like(p, initial_accumulator_value)
    for t, grad in enumerate(gradients):
        g, p = yield p, grad
        s = s + g * g
        p = p - lr / (1 + t * lr_decay) * g / (np.sqrt(s) + eps)
    yield p, None


def adadelta(p: Array, gradients: list[Array], lr: float, rho: float = 0.9, eps: float = 1e-6) -> Any:
    v = u = np.zeros_like(p)
    for grad in gradients:
        g, p = yield p, grad
        v = rho * v + (1 - rho) * g * g
        d = np.sqrt(u + eps) / np.sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d * d
        p = p - lr * d
    yield p, None


def adamax(p: Array, gradients: list[Array], lr: float, betas: Any = (0.9, 0.999), eps: float = 1e-8) -> Any:
    m = u = np.zeros_like(p)
    for t, grad in enumerate(gradients, 1):
        g, p = yield p, grad
        m = betas[0] * m + (1 - betas[0]) * g
        u = np.maximum(betas[1] * u, np.abs(g) + eps)
        p = p - lr / (1 - betas[0] ** t) * m / u
    yield p, None


def asgd(
    p: Array, gradients: list[Array], lr: float, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6
) -> Any:
    eta = lr
    for t, grad in enumerate(gradients, 1):
        g, p = yield p, grad
        p = p - lambd * eta * p - eta * g
        eta = lr / (1 + lambd * lr * t) ** alpha
    yield p, None


def lion(p: Array, gradients: list[Array], lr: float, betas: Any = (0.9, 0.99)) -> Any:
    m = np.zeros_like(p)
    for grad in gradients:
        g, p = yield p, grad
        p = p - lr * np.sign(betas[0] * m + (1 - betas[0]) * g)
        m = betas[1] * m + (1 - betas[1]) * g
    yield p, None


def reference(
    rule: Any,
    p: Array,
    gradients: list[Array],
    lr: float = 0.01,
    weight_decay: float = 0.0,
    decoupled_weight_decay: bool = False,
    maximize: bool = False,
    **config: Any,
) -> Array:
    """Run a rule in float64, with the weight decay in the gradient or beside it."""
    steps = rule(p, gradients, lr, **config)
    p, grad = next(steps)
    while grad is not None:
        g = -grad if maximize else grad
        if decoupled_weight_decay or rule is lion:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        p, grad = steps.send((g, p))
    return p


CASES: list[tuple[str, Any, dict[str, Any]]] = [
    ("NAdam", nadam, {}),
    ("NAdam", nadam, {"momentum_decay": 0.5, "betas": (0.8, 0.9), "weight_decay": 0.1, "eps": 1e-3}),
    ("NAdam", nadam, {"decoupled_weight_decay": True, "weight_decay": 0.1, "maximize": True}),
    ("RAdam", radam, {}),
    ("RAdam", radam, {"betas": (0.5, 0.8), "weight_decay": 0.1, "maximize": True}),
    ("RAdam", radam, {"decoupled_weight_decay": True, "weight_decay": 0.1, "eps": 1e-3}),
    ("RMSprop", rmsprop, {}),
    ("RMSprop", rmsprop, {"momentum": 0.9, "weight_decay": 0.1, "alpha": 0.9}),
    ("RMSprop", rmsprop, {"centered": True, "maximize": True, "eps": 1e-3}),
    ("RMSprop", rmsprop, {"centered": True, "momentum": 0.5, "eps": 1e-3}),
    ("Rprop", rprop, {}),
    ("Rprop", rprop, {"etas": (0.3, 1.5), "step_sizes": (0.008, 0.02), "maximize": True}),
    ("Adagrad", adagrad, {}),
    ("Adagrad", adagrad, {"lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1}),
    ("Adagrad", adagrad, {"eps": 0.1, "maximize": True}),
    ("Adadelta", adadelta, {}),
    ("Adadelta", adadelta, {"rho": 0.5, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("Adamax", adamax, {}),
    ("Adamax", adamax, {"betas": (0.5, 0.6), "eps": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("ASGD", asgd, {}),
    ("ASGD", asgd, {"lambd": 0.5, "alpha": 0.3, "t0": 3, "weight_decay": 0.1, "maximize": True}),
    ("Lion", lion, {}),
    ("Lion", lion, {"betas": (0.5, 0.6), "weight_decay": 0.1, "maximize": True}),
]
EACH = pytest.mark.parametrize(
    ("name", "rule", "config"), CASES, ids=[f"{name}{i}" for i, (name, _, _) in enumerate(CASES)]
)
NAMES = list(dict.fromkeys(name for name, _, _ in CASES))


def draws(shape: tuple[int, ...], steps: int = STEPS) -> tuple[Array, list[Array]]:
    rng = np.random.default_rng(0)
    gradients = [rng.standard_normal(shape) for _ in range(steps)]
    if gradients[0].size:
        gradients[3].flat[0] = 0.0  # signs of zero
    return rng.standard_normal(shape), gradients


def trained(opt: Any, parameter: nn.Parameter, gradients: list[Array]) -> Array:
    for g in gradients:
        parameter.grad = bs.tensor(g, dtype=parameter.dtype)
        opt.step()
    return np.array(parameter.detach())


@EACH
def test_rules(name: str, rule: Any, config: dict[str, Any]) -> None:
    for shape in ((), (0,), (17,), (3, 5)):
        start, gradients = draws(shape)
        want = reference(rule, start, gradients, **config)
        for dtype, tolerance in ((bs.float64, 2e-7), (bs.float32, 1e-4)):  # counters are float32
            p = nn.Parameter(bs.tensor(start, dtype=dtype))
            opt = getattr(optim, name)([p], **{"lr": 0.01, **config})
            got = trained(opt, p, gradients)
            assert got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def test_the_average_of_asgd() -> None:
    start, gradients = draws((5,))
    p = nn.Parameter(bs.tensor(start))
    opt = optim.ASGD([p], lr=0.1, t0=3)
    seen: list[Array] = []
    for g in gradients:
        trained(opt, p, [g])
        seen.append(np.array(p.detach()))
    # mu is 1 up to step t0 + 2, then 1/2, 1/3, ...: the mean of the points from there on.
    np.testing.assert_allclose(np.asarray(opt.state[p]["ax"]), np.mean(seen[4:], 0), rtol=1e-6)
    assert float(opt.state[p]["mu"]) == pytest.approx(1 / (STEPS - 3))


@pytest.mark.parametrize("name", NAMES)
def test_training_goes_down(name: str) -> None:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((6, 6)) / 3
    a = bs.tensor(root @ root.T + np.eye(6))
    p = nn.Parameter(bs.tensor(rng.standard_normal(6)))
    opt = getattr(optim, name)([p], lr=1.0 if name == "Adadelta" else 0.02)
    losses = []
    for _ in range(300):
        opt.zero_grad()
        loss = p @ a @ p
        loss.backward()
        opt.step()
        losses.append(float(loss))
    assert losses[-1] < (0.9 if name == "Adadelta" else 0.3) * losses[0]


@EACH
def test_state_dict_resumes(name: str, rule: Any, config: dict[str, Any]) -> None:
    start, gradients = draws((3,))
    cls = getattr(optim, name)
    p = nn.Parameter(bs.tensor(start))
    whole = trained(cls([p], **config), p, gradients)
    q = nn.Parameter(bs.tensor(start))
    first = cls([q], **config)
    assert first.state_dict()["state"] == {}
    trained(first, q, gradients[:7])
    saved = first.state_dict()
    second = cls([q], **config)
    second.load_state_dict(saved)
    np.testing.assert_array_equal(trained(second, q, gradients[7:]), whole)
    missing = {**saved, "state": {0: {n: v for n, v in saved["state"][0].items() if n != cls.required[0]}}}
    if len(cls.required) > 1:
        with pytest.raises(
            ValueError, match=rf"^\[{name}\] the state of parameter 0 has no {cls.required[0]}"
        ):
            second.load_state_dict(missing)
    del second.state[q]
    assert second.state_dict()["state"] == {}
    q.copy_(bs.tensor(start))
    np.testing.assert_array_equal(trained(second, q, gradients), whole)


@EACH
def test_compiled_and_threads_change_no_bit(
    name: str, rule: Any, config: dict[str, Any], threads: None
) -> None:
    def run(compiled: bool) -> list[Array]:
        sizes = ((), (0,), (17,), (70_001,))
        ps = [nn.Parameter(bs.tensor(draws(s, 4)[0].astype(np.float32))) for s in sizes]
        opt = getattr(optim, name)(ps, **config)
        captures: deque[int] = deque()

        def step(*gradients: bs.Tensor) -> None:
            captures.append(1)
            for p, g in zip(ps, gradients, strict=True):
                p.grad = g
            opt.step()
            opt.zero_grad()

        called = bs.compile(step) if compiled else step
        for i in range(4):
            called(*(bs.tensor(draws(s, 4)[1][i].astype(np.float32)) for s in sizes))
            opt.param_groups[0]["lr"] *= 0.5
        assert len(captures) == (1 if compiled else 4)
        return [np.array(t.detach()) for p in ps for t in (p, *opt.state[p].values())]

    bs.set_num_threads(1)
    want = run(False)
    for n in (1, 3):
        bs.set_num_threads(n)
        for got, expected in zip(run(True), want, strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.fixture
def threads() -> Iterator[None]:
    before = bs.get_num_threads()
    yield
    bs.set_num_threads(before)


@pytest.mark.parametrize("name", NAMES)
def test_compiled_steps_write_in_place(name: str) -> None:
    p = nn.Parameter(bs.zeros(1000))
    opt = getattr(optim, name)([p])

    @bs.compile
    def step(g: bs.Tensor) -> None:
        p.grad = g
        opt.step()
        opt.zero_grad()

    def addresses() -> list[int]:
        return [np.asarray(t).ctypes.data for t in (p.detach(), *opt.state[p].values())]

    step(bs.ones(1000))
    before = addresses()
    step(bs.ones(1000))
    assert addresses() == before


def test_structure_leads_to_a_new_capture() -> None:
    p = nn.Parameter(bs.ones(2))
    opt = optim.RMSprop([p], lr=0.1)
    captures: deque[int] = deque()

    @bs.compile
    def step(g: bs.Tensor) -> None:
        captures.append(1)
        p.grad = g
        opt.step()

    step(bs.ones(2))
    opt.param_groups[0]["lr"] = 0.2
    step(bs.ones(2))
    assert len(captures) == 1
    opt.param_groups[0]["momentum"] = 0.9
    step(bs.ones(2))
    assert len(captures) == 2
    assert "momentum_buffer" in opt.state[p]


def test_wrong_arguments() -> None:
    p = nn.Parameter(bs.ones(1))
    wrong: list[tuple[str, dict[str, Any]]] = [
        *((name, {"lr": -1.0}) for name in NAMES),
        *((name, {"weight_decay": -1.0}) for name in NAMES if name != "Rprop"),
        *((name, {"betas": (0.9, 1.0)}) for name in ("NAdam", "RAdam", "Adamax", "Lion")),
        *((name, {"eps": float("nan")}) for name in NAMES if name not in ("Rprop", "ASGD", "Lion")),
        ("NAdam", {"momentum_decay": -1.0}),
        ("RMSprop", {"alpha": -1.0}),
        ("RMSprop", {"momentum": -1.0}),
        ("Rprop", {"etas": (1.5, 2.0)}),
        ("Rprop", {"etas": (0.5, 0.9)}),
        ("Adagrad", {"lr_decay": -1.0}),
        ("Adagrad", {"initial_accumulator_value": -1.0}),
        ("Adadelta", {"rho": 1.1}),
        ("Adadelta", {"rho": -0.1}),
    ]
    for name, config in wrong:
        with pytest.raises(ValueError, match=rf"^\[{name}\] {next(iter(config))}"):
            getattr(optim, name)([p], **config)
    for name in NAMES:
        opt = getattr(optim, name)([p])
        other = optim.SGD([nn.Parameter(bs.ones(1)), p], lr=0.1).state_dict()
        with pytest.raises(ValueError, match=rf"^\[{name}\] groups of \[1\] parameters"):
            opt.load_state_dict(other)


@pytest.mark.parametrize(
    "op", ["sgd", "sgd_momentum", "adam", "amsgrad", "nadam", "radam", "rprop", "adagrad", "asgd", "adamax"]
)
def test_numbers_updated_by_hand(op: str) -> None:
    """Of a parameter that is a number any output may lie over any input that the program has made."""
    names = [i["name"] for i in REGISTRY[op]["inputs"]]
    given = {name: bs.tensor(0.1 + 0.05 * k, dtype=bs.float64) for k, name in enumerate(names)}
    given["step"] = bs.tensor(3.0, dtype=bs.float64)
    values = [given[name] for name in names]

    def step(values: list[bs.Tensor], made_here: set[int]) -> Any:
        made = getattr(bs._core.ops, op)(*[v * 1.0 if k in made_here else v for k, v in enumerate(values)])
        return [m * 1.0 for m in (made if isinstance(made, tuple) else (made,))]

    want = [float(x) for x in step(values, set())]
    for made_here in (*({k} for k in range(len(names))), set(range(len(names)))):
        got = bs.compile(lambda values, made_here=made_here: step(values, made_here))(values)
        assert [float(x) for x in got] == want, [names[k] for k in made_here]


def test_rows_updated_by_hand() -> None:
    """The index has the parameter's shape, and elements of its size: the result must not lie over it."""

    def step(p: bs.Tensor, g: bs.Tensor, index: bs.Tensor) -> Any:
        zero = bs.tensor(0.0, dtype=bs.float64)
        return bs._core.ops.sgd_rows(p, g, index + 0, zero + 0.5, zero) * 1.0

    p, g, index = (bs.tensor(v) for v in (np.ones(4), np.arange(4.0), np.array([3, 3, 1, 0])))
    for f in (step, bs.compile(step)):
        assert f(p, g, index).tolist() == [-0.5, 0.0, 1.0, 0.5]
