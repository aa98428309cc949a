"""PyTorch's own list of optimizers and of their arguments: 12 steps, and what it refuses."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import optim

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")
db = pytest.importorskip("torch.testing._internal.common_optimizers")

pytestmark = pytest.mark.peers

STEPS = 12
SHAPES = ((), (3,), (2, 3), (17, 5))
# Gradients that are sparse, or matrices alone: tests/optim/test_rare.py.
OTHER = {"SparseAdam", "Muon"}
INFOS = {info.optim_cls.__name__: info for info in db.optim_db}
PRESENT = sorted(INFOS.keys() - OTHER)


def test_none_is_missing() -> None:
    assert not {name for name in INFOS if not hasattr(optim, name)}


def ours(value: Any, made: dict[int, Any] | None = None) -> Any:
    """An argument for PyTorch's optimizer, for ours; one parameter given twice stays one."""
    made = {} if made is None else made
    if id(value) in made:
        return made[id(value)]
    if isinstance(value, torch.nn.Parameter):
        made[id(value)] = bs.nn.Parameter(bs.tensor(value.detach().numpy()))
        return made[id(value)]
    if isinstance(value, torch.Tensor):
        return bs.tensor(value.numpy())
    if isinstance(value, dict):
        return {name: ours(x, made) for name, x in value.items()}
    return type(value)(ours(x, made) for x in value) if isinstance(value, (list, tuple)) else value


def steps(lib: Any, name: str, kwargs: dict[str, Any], dtype: str) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    kind = getattr(lib, dtype)
    ps = [lib.nn.Parameter(lib.tensor(rng.standard_normal(shape), dtype=kind)) for shape in SHAPES]
    opt = getattr(lib.optim, name)(ps, **kwargs)
    targets = [lib.tensor(rng.standard_normal(shape), dtype=kind) for shape in SHAPES]
    gradients = [[rng.standard_normal(shape) for shape in SHAPES] for _ in range(STEPS)]

    def closure() -> Any:
        opt.zero_grad()
        loss = sum((((p - t) ** 2) * (1 + t * t)).sum() for p, t in zip(ps, targets, strict=True))
        loss.backward()
        return loss

    for each in gradients:
        for p, g in zip(ps, each, strict=True):
            p.grad = lib.tensor(g, dtype=kind)
        opt.step(closure) if INFOS[name].step_requires_closure else opt.step()
    return [np.array(p.detach().tolist()) for p in ps]


def inputs(name: str) -> list[Any]:
    return list(INFOS[name].optim_inputs_func(device="cpu"))


@pytest.mark.parametrize("name", PRESENT)
def test_steps(name: str) -> None:
    wrong = []
    for given in inputs(name):
        for dtype in ("float64", "float32"):
            want = steps(torch, name, given.kwargs, dtype)
            got = steps(bs, name, ours(given.kwargs), dtype)
            for w, g in zip(want, got, strict=True):
                if not np.allclose(g, w, rtol=1e-6, atol=1e-6 if dtype == "float64" else 2e-6):
                    wrong.append((given.desc, dtype, float(np.abs(g - w).max())))
    assert not wrong


def raises(lib: Any, name: str, error: Any) -> bool:
    """Whether the optimizer is refused, or its step."""
    given = error.optimizer_error_input
    params = given.params if lib is torch else ours(given.params)
    if params is None:
        params = [lib.nn.Parameter(lib.zeros((1, 1)))]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            opt = getattr(lib.optim, name)(params, **(given.kwargs if lib is torch else ours(given.kwargs)))
            if error.error_on == db.OptimizerErrorEnum.STEP_ERROR:
                opt.step()
    except Exception:
        return True
    return False


# What only some of PyTorch's implementations cannot: here there is one, and a tensor is a number.
LENIENT = ("betas must be either both", "as a Tensor is not supported", "lr as Tensor doesn't work")


def errors() -> Iterator[tuple[str, Any]]:
    for name in PRESENT:
        for error in INFOS[name].optim_error_inputs_func(device="cpu", dtype=torch.float32):
            params = error.optimizer_error_input.params
            if not (isinstance(params, list) and any(getattr(p, "is_complex", bool)() for p in params)):
                yield name, error


def test_errors_are_refused() -> None:
    assert all(hasattr(optim, name) for name in PRESENT)
    taken = [(name, e.optimizer_error_input.desc) for name, e in errors() if not raises(bs, name, e)]
    assert [(name, desc) for name, desc in taken if not any(text in desc for text in LENIENT)] == []
    assert len(taken) == 8
    assert sum(1 for _ in errors()) >= 95
