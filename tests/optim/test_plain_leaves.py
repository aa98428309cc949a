"""Optimizers over plain leaf tensors: as over parameters with the same values, eager and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda w: bs.optim.SGD([w], lr=0.1),
    "momentum": lambda w: bs.optim.SGD([w], lr=0.1, momentum=0.9, weight_decay=0.01),
    "adam": lambda w: bs.optim.Adam([w], lr=0.1),
}


def run(w: Any, make: Callable[[Any], Any], compiled: bool) -> list[Any]:
    opt = make(w)

    def step() -> bs.Tensor:
        loss = (w * w).sum()
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    called = bs.compile(step) if compiled else step
    losses = [float(called()) for _ in range(5)]
    return [*losses, *w.tolist()]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_leaves_train_as_parameters(name: str, compiled: bool) -> None:
    want = run(bs.nn.Parameter(bs.tensor([1.0, -2.0])), OPTIMIZERS[name], False)
    w = bs.tensor([1.0, -2.0], requires_grad=True)
    alias = w.detach()
    np.testing.assert_array_equal(run(w, OPTIMIZERS[name], compiled), want)
    assert w.is_leaf and w.requires_grad
    assert alias.tolist() == w.tolist()


def test_results_of_ops_are_refused() -> None:
    w = bs.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match=r"^\[SGD\] can't optimize a non-leaf Tensor"):
        bs.optim.SGD([w * 2], lr=0.1)
    with pytest.raises(TypeError, match=r"^\[Adam\] can only optimize tensors"):
        bs.optim.Adam([1.0], lr=0.1)
