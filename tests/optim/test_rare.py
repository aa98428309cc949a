"""Adafactor, Muon and SparseAdam: formulas, PyTorch's steps, compiled steps, state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn, optim

STEPS = 12
SHAPES: dict[str, list[tuple[int, ...]]] = {
    "Adafactor": [(4, 3), (5,), (2, 3, 4), (), (7, 1)],
    "Muon": [(8, 8), (5, 16), (40, 7)],
    "SparseAdam": [(7, 3), (7,), (7, 2, 2)],
}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("Adafactor", {}),
    ("Adafactor", {"lr": 0.1, "weight_decay": 0.1}),
    ("Adafactor", {"maximize": True, "d": 1.5, "eps": (1e-3, 1e-2), "beta2_decay": -0.5}),
    ("Muon", {}),
    ("Muon", {"lr": 0.02, "nesterov": False, "weight_decay": 0.0}),
    ("Muon", {"adjust_lr_fn": "match_rms_adamw", "momentum": 0.5}),
    ("SparseAdam", {}),
    ("SparseAdam", {"lr": 0.1, "betas": (0.8, 0.9), "maximize": True}),
]


def steps(lib: Any, name: str, config: dict[str, Any], dtype: Any, compiled: bool = False) -> Any:
    """Twelve steps by drawn gradients, half the rate from the seventh on; of SparseAdam some rows are 0."""
    rng = np.random.default_rng(1)
    ps = [lib.nn.Parameter(lib.tensor(rng.standard_normal(s).astype(dtype))) for s in SHAPES[name]]
    opt = getattr(lib.optim, name)(ps, **config)

    def step(*gradients: Any) -> None:
        for p, g in zip(ps, gradients, strict=True):
            p.grad = g
        opt.step()

    run = bs.compile(step) if compiled else step
    for i in range(STEPS):
        if i == 6:
            opt.param_groups[0]["lr"] *= 0.5
        gradients = [rng.standard_normal(s).astype(dtype) for s in SHAPES[name]]
        if name == "SparseAdam":
            for g in gradients:
                g[np.setdiff1d(np.arange(7), rng.integers(0, 7, 3))] = 0.0
        given = [lib.tensor(g) for g in gradients]
        run(*(g.to_sparse(1) for g in given) if lib is not bs and name == "SparseAdam" else given)
    return ps, opt, run


def values(ps: Any) -> list[Any]:
    return [p.detach().numpy() for p in ps]


@pytest.mark.peers
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize(("name", "config"), CASES)
def test_steps_are_pytorchs(name: str, config: dict[str, Any], compiled: bool) -> None:
    torch = pytest.importorskip("torch")
    for dtype, bound in ((np.float64, 1e-12), (np.float32, 1e-6)):
        theirs, mine = steps(torch, name, config, dtype), steps(bs, name, config, dtype, compiled)
        for a, b in zip(values(theirs[0]), values(mine[0]), strict=True):
            np.testing.assert_allclose(b, a, rtol=bound, atol=bound)
        for p, q in zip(theirs[0], mine[0], strict=True):
            for key, value in theirs[1].state[p].items():
                np.testing.assert_allclose(
                    np.asarray(mine[1].state[q][key]), np.asarray(value), rtol=bound, atol=bound
                )
        assert theirs[1].state_dict()["state"].keys() == mine[1].state_dict()["state"].keys()


@pytest.mark.parametrize(("name", "config"), CASES)
def test_compiled_steps_and_loaded_state(name: str, config: dict[str, Any]) -> None:
    """One program for all steps, the bits of eager ones; and what is saved goes on as it was."""
    ps, opt, _ = steps(bs, name, config, np.float32)
    again, _, run = steps(bs, name, config, np.float32, True)
    assert len(run.programs) == 1
    for a, b in zip(values(ps), values(again), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-6, atol=1e-7)
    copies = [nn.Parameter(p.detach().clone()) for p in ps]
    other = getattr(optim, name)(copies, **config)
    other.load_state_dict(opt.state_dict())
    for p, q in zip(ps, copies, strict=True):
        p.grad = q.grad = bs.ones(p.shape)
    opt.step()
    other.step()
    for a, b in zip(values(ps), values(copies), strict=True):
        assert a.tobytes() == b.tobytes()


def test_adafactor_by_its_formula() -> None:
    rng = np.random.default_rng(2)
    p = rng.standard_normal((4, 3))
    x = nn.Parameter(bs.tensor(p))
    opt = optim.Adafactor([x], lr=0.3, weight_decay=0.1)
    r, k, eps = np.zeros((4, 1)), np.zeros((1, 3)), np.finfo(p.dtype).eps
    for t in range(1, STEPS + 1):
        g = rng.standard_normal((4, 3))
        x.grad = bs.tensor(g)
        opt.step()
        a = max(1e-3, np.sqrt(np.mean(p * p))) * min(0.3, t**-0.5)
        r += t**-0.8 * (np.mean(g * g, 1, keepdims=True) - r)
        k += t**-0.8 * (np.mean(g * g, 0, keepdims=True) - k)
        u = g / np.sqrt(np.maximum(r * k / max(r.mean(), eps), eps**2))
        p = p * (1 - 0.3 * 0.1) - a * u / max(1.0, np.sqrt(np.mean(u * u)))
        np.testing.assert_allclose(x.detach().numpy(), p, rtol=1e-12)


def test_muon_makes_updates_orthogonal() -> None:
    x = nn.Parameter(bs.zeros(16, 48))
    x.grad = bs.tensor(np.random.default_rng(3).standard_normal((16, 48)).astype(np.float32))
    optim.Muon([x], lr=1.0).step()
    sizes = np.linalg.svd(x.detach().numpy(), compute_uv=False)
    assert sizes.min() > 0.6 and sizes.max() < 1.3


def test_sparse_adam_leaves_other_rows_alone() -> None:
    bs.manual_seed(0)
    embedding = nn.Embedding(6, 3, sparse=True)
    before = embedding.weight.detach().clone().numpy()
    opt = optim.SparseAdam(embedding.parameters(), lr=0.1)
    for rows in ([1, 4], [4, 4], [0]):
        opt.zero_grad()
        (embedding(bs.tensor(rows)) ** 2).sum().backward()
        opt.step()
    after = embedding.weight.detach().numpy()
    assert [bool((a == b).all()) for a, b in zip(before, after, strict=True)] == [
        row not in (0, 1, 4) for row in range(6)
    ]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda p: optim.Adafactor(p, beta2_decay=0.5), r"\[Adafactor\] beta2_decay is 0.5"),
        (lambda p: optim.Adafactor(p, d=0.5), r"\[Adafactor\] d is 0.5"),
        (lambda p: optim.Adafactor(p, eps=(-1.0, 1.0)), r"\[Adafactor\] eps\[0\] is -1.0"),
        (lambda p: optim.Adafactor(p, eps=1.0), r"\[Adafactor\] eps is 1.0"),
        (lambda p: optim.Muon(p, adjust_lr_fn="x"), r"\[Muon\] adjust_lr_fn is 'x'"),
        (lambda p: optim.Muon(p, ns_steps=100), r"\[Muon\] ns_steps is 100"),
        (lambda p: optim.Muon([nn.Parameter(bs.ones(3))]), r"\[Muon\] a parameter is of shape \(3,\)"),
        (lambda p: optim.Muon(p, ns_coefficients=(1.0,)), r"\[Muon\] ns_coefficients is \(1.0,\)"),
        (lambda p: optim.SparseAdam(p, lr=0.0), r"\[SparseAdam\] lr is 0.0"),
        (lambda p: optim.SparseAdam(p, betas=(0.9, 1.0)), r"\[SparseAdam\] betas\[1\] is 1.0"),
    ],
)
def test_what_is_refused(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make([nn.Parameter(bs.ones(2, 2))])
