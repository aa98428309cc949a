"""Hooks run in PyTorch's order with its gradients, and models print as there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backsweep as bs

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers


def numbers(t: Any) -> Any:
    return None if t is None else np.round(np.array(t.tolist()), 5).tolist()


def followed(library: Any, changes: bool) -> list[Any]:
    """All that hooks of all modules see of two sweeps."""
    nn, seen = library.nn, []
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 1)))
    for p in net.parameters():
        with library.no_grad():
            p.copy_(library.arange(p.numel()).reshape(p.shape).float() / 10 - 0.2)
    for name, module in net.named_modules():

        def before(m: Any, args: Any, name: str = name) -> None:
            seen.append(("before", name))

        def after(m: Any, args: Any, output: Any, name: str = name) -> Any:
            seen.append(("after", name, tuple(output.shape)))
            return output * 2 if changes else None

        def pre(m: Any, grads: Any, name: str = name) -> Any:
            seen.append(("pre", name, [numbers(g) for g in grads]))
            return tuple(g * 3 for g in grads) if changes else None

        def full(m: Any, inputs: Any, outputs: Any, name: str = name) -> Any:
            seen.append(("full", name, [numbers(g) for g in (*inputs, *outputs)]))
            return tuple(None if g is None else g * 0.5 for g in inputs) if changes else None

        module.register_forward_pre_hook(before)
        module.register_forward_hook(after)
        module.register_full_backward_pre_hook(pre)
        module.register_full_backward_hook(full)
    x = library.ones(2, 3)
    x.requires_grad_()
    net(x).sum().backward()
    net(library.ones(2, 3)).sum().backward()
    return [*seen, numbers(x.grad), *(numbers(p.grad) for p in net.parameters())]


@pytest.mark.parametrize("changes", [False, True])
@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_hooks(changes: bool) -> None:
    assert followed(bs, changes) == followed(torch, changes)


def test_texts() -> None:
    def model(library: Any) -> Any:
        nn = library.nn

        class Net(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(2, 2), nn.ReLU(True)) for _ in range(3)])
                self.heads = nn.ModuleDict({"a": nn.Bilinear(1, 2, 3), "b": nn.ModuleList()})
                self.scale = nn.ParameterDict({"w": library.ones(2, 3), "n": 3})
                self.norm = nn.LayerNorm(4, bias=False)
                self.lazy = nn.LazyLinear(3)
                self.none = None
                self.register_module("gap", None)
                self.rare = nn.AdaptiveLogSoftmaxWithLoss(4, 10, [2, 5], 2.0)

            def extra_repr(self) -> str:
                return "first line\nsecond line"

        return Net()

    assert repr(model(bs)) == repr(model(torch))
