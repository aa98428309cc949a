"""LBFGS: quadratics, the line search, PyTorch's iterations, state, refusals."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.optim import LBFGS

CONFIGS: list[dict[str, Any]] = [
    {},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "history_size": 3, "max_iter": 5},
    {"lr": 0.1, "max_iter": 7, "history_size": 2},
    {"line_search_fn": "strong_wolfe", "max_eval": 3},
]


def net_and_data(lib: Any) -> tuple[list[Any], Any]:
    """Parameters of a small network with a smooth loss, and that loss."""
    rng = np.random.default_rng(0)
    x, y = lib.tensor(rng.standard_normal((30, 4))), lib.tensor(rng.standard_normal((30, 2)))
    ps = [lib.nn.Parameter(lib.tensor(rng.standard_normal(s) * 0.5)) for s in ((4, 5), (5,), (5, 2))]

    def loss() -> Any:
        hidden = lib.tanh(x @ ps[0] + ps[1])
        return ((hidden @ ps[2] - y) ** 2).mean() + 0.05 * sum((p * p).sum() for p in ps)

    return ps, loss


def run(lib: Any, config: dict[str, Any], steps: int) -> tuple[list[Any], Any]:
    ps, loss = net_and_data(lib)
    opt = lib.optim.LBFGS(ps, **config)
    calls = []

    def closure() -> Any:
        calls.append(1)
        opt.zero_grad()
        value = loss()
        value.backward()
        return value

    seen = []
    for _ in range(steps):
        seen += [float(opt.step(closure).detach()), float(len(calls))]
        seen += [x for p in ps for x in p.detach().reshape(-1).tolist()]
    return seen, opt


def test_a_quadratic_ends_at_its_minimum() -> None:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((8, 8))
    a, b = root @ root.T + np.eye(8), rng.standard_normal(8)
    for search in (None, "strong_wolfe"):
        p = nn.Parameter(bs.zeros(8, dtype=bs.float64))
        opt = LBFGS([p], max_iter=60, line_search_fn=search, tolerance_change=0.0, tolerance_grad=1e-12)

        def closure(p: Any = p, opt: Any = opt) -> bs.Tensor:
            opt.zero_grad()
            loss = 0.5 * (p @ bs.tensor(a) @ p) - (bs.tensor(b) * p).sum()
            loss.backward()
            return loss

        first = opt.step(closure)
        assert float(first) == 0.0  # the loss before
        np.testing.assert_allclose(np.asarray(p), np.linalg.solve(a, b), rtol=1e-5)


def test_steps_of_the_line_search_satisfy_strong_wolfe() -> None:
    """From one iteration to the next: a part of the slope is gained, and the slope becomes flatter."""
    ps, loss = net_and_data(bs)
    opt = LBFGS(ps, max_iter=1, max_eval=30, line_search_fn="strong_wolfe")

    def closure() -> bs.Tensor:
        opt.zero_grad()
        value = loss()
        value.backward()
        return value

    def gradient() -> Any:
        closure()
        return np.concatenate([np.asarray(p.grad).ravel() for p in ps])

    for _ in range(8):
        before = gradient()
        first = float(opt.step(closure))
        state = opt.state[ps[0]]
        d, t = np.asarray(state["d"]), state["t"]
        slope = before @ d
        assert slope < 0
        assert float(loss()) <= first + 1e-4 * t * slope
        assert abs(gradient() @ d) <= 0.9 * abs(slope)


@pytest.mark.peers
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_iterations_are_pytorchs(config: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    steps = 4 if config.get("max_iter", 20) == 20 else 12
    theirs, their_opt = run(torch, config, steps)
    ours, our_opt = run(bs, config, steps)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    want, got = their_opt.state_dict()["state"][0], our_opt.state_dict()["state"][0]
    assert got.keys() == want.keys() - {"al"}  # which is scratch
    assert [got[n] for n in ("n_iter", "func_evals")] == [want[n] for n in ("n_iter", "func_evals")]
    assert len(got["old_dirs"]) == len(want["old_dirs"])


def test_state_dict_resumes() -> None:
    config = {"max_iter": 3, "line_search_fn": "strong_wolfe"}
    whole, _ = run(bs, config, 6)
    ps, loss = net_and_data(bs)

    def closure() -> bs.Tensor:
        opt.zero_grad()
        value = loss()
        value.backward()
        return value

    opt = LBFGS(ps, **config)
    for _ in range(3):
        opt.step(closure)
    saved = opt.state_dict()
    pairs = len(saved["state"][0]["old_dirs"])
    opt = LBFGS(ps, **config)
    opt.load_state_dict(saved)
    for _ in range(3):
        opt.step(closure)
    got = [x for p in ps for x in p.detach().reshape(-1).tolist()]
    np.testing.assert_allclose(got, whole[-len(got) :], rtol=1e-12)
    assert len(saved["state"][0]["old_dirs"]) == pairs  # a copy was taken
    copy.deepcopy(opt)


def test_what_it_refuses() -> None:
    p, q = nn.Parameter(bs.ones(2)), nn.Parameter(bs.ones(2))
    with pytest.raises(ValueError, match=r"^\[LBFGS\] there is one parameter group"):
        LBFGS([{"params": [p]}, {"params": [q]}])
    with pytest.raises(ValueError, match=r"^\[LBFGS\] lr is -1"):
        LBFGS([p], lr=-1.0)
    with pytest.raises(ValueError, match=r"^\[LBFGS\] line_search_fn is 'armijo'; it must be"):
        LBFGS([p], line_search_fn="armijo")
    opt = LBFGS([p])
    with pytest.raises(TypeError, match=r"^\[LBFGS\] step needs a closure"):
        opt.step()

    def closure() -> bs.Tensor:
        opt.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with pytest.raises(bs.GraphError, match=r"\[LBFGS\] a step decides by values"):
        bs.compile(lambda: opt.step(closure))()
    compiled = bs.compile(lambda: (p * p).sum())

    def through_compiled() -> bs.Tensor:
        opt.zero_grad()
        loss = compiled()
        loss.backward()
        return loss

    assert float(opt.step(through_compiled)) == 2.0
    np.testing.assert_allclose(np.asarray(p), 0.0, atol=1e-6)
