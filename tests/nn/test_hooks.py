"""Hooks of modules: calls, derivatives, states; eagerly and in compiled functions."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn.modules.module import (
    register_module_backward_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
)

X = bs.tensor([[1.0, 2.0, 3.0]])


def double(module: nn.Module, args: Any, output: Any) -> Any:
    return output * 2


def test_forward_hooks_in_order() -> None:
    layer, seen = nn.Linear(3, 2), []
    plain = layer(X)
    layer.register_forward_hook(lambda m, args, out: seen.append(("b", args[0] is X)))
    handle = layer.register_forward_hook(double)
    layer.register_forward_hook(lambda m, args, out: seen.append("a"), prepend=True)
    layer.register_forward_pre_hook(lambda m, args: seen.append("pre"))
    np.testing.assert_array_equal(layer(X).detach().numpy(), 2 * plain.detach().numpy())
    assert seen == ["pre", "a", ("b", True)]
    handle.remove()
    handle.remove()
    assert bs.equal(layer(X).detach(), plain.detach())
    assert len(layer._forward_hooks) == 2 and len(layer._forward_pre_hooks) == 1
    layer._forward_hooks.clear()
    layer(X)
    assert seen[3:] == ["pre", "a", ("b", True), "pre"]
    with layer.register_forward_hook(double):
        assert bs.equal(layer(X).detach(), 2 * plain.detach())
    assert bs.equal(layer(X).detach(), plain.detach())
    with pytest.raises(TypeError, match="hook"):
        layer.register_forward_hook(3)  # type: ignore[arg-type]


def test_hooks_change_arguments() -> None:
    class Add(nn.Module):
        def forward(self, x: Any, *, y: Any = 0) -> Any:
            return x + y

    add = Add()
    add.register_forward_pre_hook(lambda m, args: args[0] * 10)
    assert add(X, y=1).tolist() == [[11.0, 21.0, 31.0]]
    add.register_forward_pre_hook(lambda m, args, kwargs: (args, {"y": kwargs["y"] + 1}), with_kwargs=True)
    assert add(X, y=1).tolist() == [[12.0, 22.0, 32.0]]
    add.register_forward_hook(lambda m, args, kwargs, out: out * kwargs["y"], with_kwargs=True)
    assert add(X, y=1).tolist() == [[24.0, 44.0, 64.0]]
    add.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    with pytest.raises(RuntimeError, match="args, kwargs"):
        add(X, y=1)


def test_always_called() -> None:
    class Fails(nn.Module):
        def forward(self, x: Any) -> Any:
            raise ArithmeticError("no")

    seen: list[Any] = []
    module = Fails()
    module.register_forward_hook(lambda m, args, out: seen.append(out))
    module.register_forward_hook(lambda m, args, out: seen.append("always"), always_call=True)
    with pytest.raises(ArithmeticError):
        module(X)
    assert seen == ["always"]
    module.register_forward_hook(lambda m, args, out: 1 / 0, always_call=True)
    with pytest.warns(UserWarning, match="always_call"), pytest.raises(ArithmeticError):
        module(X)


def test_errors_name_the_path_through_hooks() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(2, 2))
    net[1].register_forward_hook(double)
    with pytest.raises(bs.ShapeError, match=r"^\[linear\] 1: "):
        net(X)


def test_backward_hooks() -> None:
    seen: list[Any] = []
    layer = nn.Linear(3, 2, bias=False)
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    layer.register_full_backward_pre_hook(lambda m, go: seen.append("pre"))
    x = X.clone().requires_grad_()
    (layer(x) * bs.tensor([1.0, -2.0])).sum().backward()
    assert seen[0] == "pre" and len(seen) == 2
    (grad_input,), (grad_output,) = seen[1]
    assert grad_output.tolist() == [[1.0, -2.0]]
    want = layer.weight.detach()[0] - 2 * layer.weight.detach()[1]
    np.testing.assert_allclose(grad_input.detach().numpy()[0], want.numpy(), 1e-6)
    assert x.grad is not None and layer.weight.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), grad_input.detach().numpy())
    seen.clear()
    layer(X).sum().backward()  # an input that needs no gradient
    assert seen[0] == "pre" and seen[1][0] == (None,)
    with bs.no_grad():
        layer(x)
    assert len(seen) == 2 and len(layer._backward_hooks) == 1


def test_backward_hooks_change_gradients() -> None:
    layer = nn.Linear(3, 2, bias=False)
    x = X.clone().requires_grad_()
    layer(x).sum().backward()
    assert x.grad is not None and layer.weight.grad is not None
    plain, plain_weight = x.grad.clone(), layer.weight.grad.clone()
    layer.register_full_backward_pre_hook(lambda m, go: (go[0] * 10,))
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * go[0].sum(),))

    def gradients() -> Any:
        return bs.autograd.grad(layer(x).sum(), (x, layer.weight))

    for run in (gradients, bs.compile(gradients)):
        of_x, of_weight = run()
        np.testing.assert_allclose(of_x.detach().numpy(), 200 * plain.numpy(), 1e-5)
        np.testing.assert_allclose(of_weight.detach().numpy(), 10 * plain_weight.numpy(), 1e-5)
    layer.register_full_backward_hook(lambda m, gi, go: (None, None))
    with pytest.raises(RuntimeError, match="2 gradients"):
        gradients()


def test_backward_hooks_of_several_results() -> None:
    class Two(nn.Module):
        def forward(self, x: Any, n: int, y: Any) -> Any:
            return x * n, y * n

    seen: list[Any] = []
    two = Two()
    two.register_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    x, y = X.clone().requires_grad_(), X.clone().requires_grad_()
    a, _ = two(x, 3, y)
    a.sum().backward()
    (grad_input, grad_output) = seen[0]
    assert grad_input[0].tolist() == [[3.0] * 3] and grad_input[1] is None
    assert grad_output[0].tolist() == [[1.0] * 3] and grad_output[1] is None


def test_second_derivatives_go_through() -> None:
    layer = nn.Tanh()
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,))
    x = bs.tensor([0.5], dtype=bs.float64, requires_grad=True)
    first = bs.autograd.grad(layer(x).sum(), x, create_graph=True)[0]
    second = bs.autograd.grad(first.sum(), x)[0]
    t = np.tanh(0.5)
    np.testing.assert_allclose(first.detach().numpy(), 2 * (1 - t * t))
    assert np.isfinite(second.detach().numpy()).all() and float(second) != 0.0


def test_hooks_of_every_module() -> None:
    net, seen = nn.Sequential(nn.Linear(3, 2), nn.ReLU()), []
    plain = net(X)
    net[1].register_forward_hook(lambda m, args, out: seen.append("own"))
    handles = [
        register_module_forward_pre_hook(lambda m, args: seen.append(f"pre {type(m).__name__}")),
        register_module_forward_hook(lambda m, args, out: seen.append(type(m).__name__)),
        register_module_full_backward_pre_hook(lambda m, go: seen.append(f"before {type(m).__name__}")),
        register_module_full_backward_hook(lambda m, gi, go: seen.append(f"back {type(m).__name__}")),
    ]
    try:
        net(X).sum().backward()
    finally:
        for handle in handles:
            handle.remove()
    assert seen[:6] == ["pre Sequential", "pre Linear", "Linear", "pre ReLU", "ReLU", "own"]
    backward = [s for s in seen[7:] if s.startswith("b")]
    assert sorted(backward) == sorted(
        f"{a} {b}" for a in ("before", "back") for b in ("Sequential", "Linear", "ReLU")
    )
    with register_module_backward_hook(lambda m, gi, go: seen.append("old")):
        net(X).sum().backward()
    assert seen.count("old") == 3
    n = len(seen)
    assert bs.equal(net(X).detach(), plain.detach()) and len(seen) == n + 1


def test_compiled_modules_see_their_hooks() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    run = bs.compile(net)
    plain = run(X).detach().numpy().copy()
    handle = net[1].register_forward_hook(double)
    np.testing.assert_allclose(run(X).detach().numpy(), 2 * plain, 1e-6)
    second = net[1].register_forward_hook(double)
    np.testing.assert_allclose(run(X).detach().numpy(), 4 * plain, 1e-6)
    second.remove()
    handle.remove()
    np.testing.assert_allclose(run(X).detach().numpy(), plain, 1e-6)
    with register_module_forward_hook(double):
        np.testing.assert_allclose(run(X).detach().numpy(), net(X).detach().numpy(), 1e-6)
    np.testing.assert_allclose(run(X).detach().numpy(), plain, 1e-6)
    net[0].register_forward_hook(lambda m, args, out: float(out.sum()))
    with pytest.raises(bs.GraphError, match="test_hooks"):
        run(X)


def test_activations_are_collected_in_compiled_functions() -> None:
    net, kept = nn.Sequential(nn.Linear(3, 2), nn.Tanh()), {"tanh": None}

    def keep(module: Any, args: Any, output: Any) -> None:
        kept["tanh"] = output

    net[1].register_forward_hook(keep)
    run = bs.compile(net)
    for x in (X, 2 * X):
        out = run(x)
        np.testing.assert_array_equal(kept["tanh"].detach().numpy(), out.detach().numpy())


def test_copies_have_hooks_of_their_own() -> None:
    layer = nn.Tanh()
    handle = layer.register_forward_hook(double)
    for twin in (copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert bs.equal(twin(X), layer(X))
        twin._forward_hooks.clear()
        assert bs.equal(layer(X), 2 * twin(X))
    handle.remove()
    assert bs.equal(layer(X), bs.tanh(X))
