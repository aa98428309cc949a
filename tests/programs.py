"""What tests of compiled functions share: their text, a model and its step."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import backsweep as bs
from backsweep import _core, nn
from backsweep.nn import functional as F
from driver import bits


def text(fn: Any, number: int = 0) -> str:
    return fn.programs[number].text


def steps(fn: Any, number: int = 0) -> list[str]:
    """The ops of a program's steps; fused ones joined by +."""
    lines = [line for line in text(fn, number).splitlines() if line.startswith("  ")]
    return [line.split(" = ")[1].split("(")[0] for line in lines]


def equal(a: Any, b: Any) -> None:
    assert bits(a) == bits(b)


def model_and_optimizer(momentum: float = 0.9, p: float = 0.0) -> tuple[nn.Module, bs.optim.SGD]:
    bs.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 16), nn.LayerNorm(16), nn.ReLU(), nn.Dropout(p), nn.Linear(16, 3))
    return model, bs.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)


def batch(n: int = 8, seed: int = 0) -> tuple[bs.Tensor, bs.Tensor]:
    rng = np.random.default_rng(seed)
    return bs.tensor(rng.normal(size=(n, 6)).astype(np.float32)), bs.tensor(rng.integers(0, 3, n))


def training_step(model: nn.Module, optimizer: bs.optim.SGD) -> Callable[..., bs.Tensor]:
    def step(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def everything(model: nn.Module, optimizer: bs.optim.SGD) -> list[Any]:
    """Bits of all that a step may change."""
    buffers = [b for state in optimizer.state.values() for b in state.values()]
    return [bits(t) for t in (*model.parameters(), *buffers, _core.default_generator)]


def bench_phases() -> ModuleType:
    """bench/phases.py: a GPT block and recurrent layers in plain operations, and what is asked of them."""
    path = Path(__file__).resolve().parents[1] / "bench" / "phases.py"
    spec = importlib.util.spec_from_file_location("bench_phases", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def leaf(*values: float) -> bs.Tensor:
    return bs.tensor(np.array(values), requires_grad=True)


def same(fn: Callable[..., Any], *args: Any, calls: int = 3) -> None:
    """What fn gives for f, it gives for bs.compile(f); the first time without what later calls keep."""
    want = [bits(t) for t in fn(lambda f: f, *args)]
    compiled: dict[Any, Any] = {}
    for _ in range(calls):
        assert [bits(t) for t in fn(lambda f: compiled.setdefault(f.__code__, bs.compile(f)), *args)] == want
