"""bs.autograd: grad and backward with all arguments, modes, hooks, retained gradients, grad_fn, anomalies."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import autograd, nn


def leaf(*values: float) -> bs.Tensor:
    return bs.tensor(list(values), dtype=bs.float64).requires_grad_()


# ---- grad and backward ---------------------------------------------------------------------------------


def test_grad_is_always_a_tuple() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * w
    (g,) = autograd.grad(y.sum(), x, retain_graph=True)
    assert g is not None
    assert g.tolist() == [3, 4]
    gx, gw = autograd.grad([y, y], (x, w), grad_outputs=[bs.ones_like(y), 2 * bs.ones_like(y)])
    assert gx is not None
    assert gw is not None
    assert gx.tolist() == [9, 12]
    assert gw.tolist() == [3, 6]
    (g,) = autograd.grad(outputs=(x**3).sum(), inputs=x, create_graph=True, only_inputs=True)
    assert g is not None
    (h,) = autograd.grad(g.sum(), x)
    assert h is not None
    assert h.tolist() == [6, 12]


def test_unused_inputs() -> None:
    x, other = leaf(1.0), leaf(2.0, 3.0)
    y = (x * x).sum()
    with pytest.raises(RuntimeError, match="One of the differentiated Tensors appears to not have been used"):
        autograd.grad(y, [x, other], retain_graph=True)
    assert autograd.grad(y, [x, other], retain_graph=True, allow_unused=True)[1] is None
    zero = autograd.grad(y, [x, other], retain_graph=True, materialize_grads=True)[1]
    assert zero is not None
    assert zero.tolist() == [0, 0]
    with pytest.raises(ValueError, match="Expected allow_unused to be True or not passed"):
        autograd.grad(y, x, materialize_grads=True, allow_unused=False)


def test_a_batch_of_gradients() -> None:
    x = leaf(1.0, 2.0, 3.0)
    y = x * x * x[0]
    (rows,) = autograd.grad(y, x, bs.eye(3, dtype=bs.float64), retain_graph=True, is_grads_batched=True)
    assert rows is not None
    for k in range(3):
        unit = bs.tensor(np.eye(3)[k])
        (row,) = autograd.grad(y, x, unit, retain_graph=True)
        assert row is not None
        assert rows[k].tolist() == row.tolist()


def test_backward_of_several_by_some() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * w
    autograd.backward([y, y.sum()], [bs.ones_like(y), None], retain_graph=True)
    assert x.grad is not None
    assert x.grad.tolist() == [6, 8]
    x.grad = w.grad = None
    y.backward(bs.ones_like(y), retain_graph=True, inputs=[w])
    assert x.grad is None
    assert w.grad is not None
    assert w.grad.tolist() == [1, 2]
    (y * y).sum().backward(inputs=y, retain_graph=True)
    assert y.grad is not None
    assert y.grad.tolist() == [6, 16]
    with pytest.raises(RuntimeError, match="cannot be empty"):
        y.sum().backward(inputs=[])
    with pytest.raises(RuntimeError, match="requires no gradient"):
        y.sum().backward(inputs=[bs.ones(2)])


def test_backward_by_some_of_a_network_compiled() -> None:
    model = nn.Linear(2, 2)

    def step(x: bs.Tensor) -> bs.Tensor:
        model.zero_grad()
        loss = model(x).sum()
        loss.backward(inputs=[model.bias])
        assert model.weight.grad is None
        assert model.bias.grad is not None
        return model.bias.grad

    assert bs.compile(step)(bs.ones((3, 2))).tolist() == step(bs.ones((3, 2))).tolist() == [3, 3]


def test_error_texts() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        (x * 2).backward()
    with pytest.raises(
        RuntimeError, match="element 0 of tensors does not require grad and does not have a grad_fn"
    ):
        bs.ones(1).backward()
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()
    with pytest.raises(bs.ShapeError, match="Mismatch in shape"):
        (x * 2).backward(bs.ones(3))


# ---- modes ---------------------------------------------------------------------------------------------


def test_set_grad_enabled() -> None:
    x = leaf(1.0)
    with bs.set_grad_enabled(False):
        assert not (x * 2).requires_grad
        with bs.set_grad_enabled(True):
            assert (x * 2).requires_grad
        assert not bs.is_grad_enabled()
    bs.set_grad_enabled(False)
    assert not bs.is_grad_enabled()
    bs.set_grad_enabled(mode=True)

    @bs.set_grad_enabled(False)
    def f(t: bs.Tensor) -> bs.Tensor:
        return t * 2

    assert bs.is_grad_enabled()
    assert not f(x).requires_grad
    assert bs.is_grad_enabled()


def test_inference_mode() -> None:
    x = leaf(1.0)
    with bs.inference_mode():
        assert bs.is_inference_mode_enabled()
        assert not (x * 2).requires_grad
        with bs.inference_mode(False):
            assert (x * 2).requires_grad
            assert not bs.is_inference_mode_enabled()
    assert not bs.is_inference_mode_enabled()
    assert not x.is_inference()

    @bs.inference_mode()
    def f(t: bs.Tensor) -> bs.Tensor:
        return t * 2

    @bs.inference_mode
    def g(t: bs.Tensor) -> bs.Tensor:
        return t * 2

    assert not f(x).requires_grad
    assert not g(x).requires_grad
    assert bs.is_grad_enabled()


def test_decorated_generators() -> None:
    x = leaf(1.0)

    @bs.no_grad()
    def parts() -> Any:
        got = yield (x * 2).requires_grad, bs.is_grad_enabled()
        try:
            yield got, bs.is_grad_enabled()
        except KeyError:
            yield "caught", bs.is_grad_enabled()
        return "end"

    made = parts()
    assert next(made) == (False, False)
    assert bs.is_grad_enabled()
    assert made.send(3) == (3, False)
    assert made.throw(KeyError()) == ("caught", False)
    with pytest.raises(StopIteration) as end:
        next(made)
    assert end.value.value == "end"
    left = parts()
    next(left)
    left.close()
    assert bs.is_grad_enabled()


def test_variable() -> None:
    x = bs.ones(2)
    v = autograd.Variable(x, requires_grad=True)
    assert isinstance(v, autograd.Variable)
    assert isinstance(x, autograd.Variable)
    assert isinstance(v, bs.Tensor)
    assert v.requires_grad
    assert v.is_leaf
    assert not x.requires_grad
    with pytest.warns(UserWarning, match="volatile was removed"):
        assert not autograd.Variable(x, volatile=True).requires_grad
    with pytest.raises(TypeError, match="Variable data has to be a tensor"):
        autograd.Variable([1.0])


# ---- hooks ---------------------------------------------------------------------------------------------


def test_hooks_of_leaves() -> None:
    x, seen = leaf(1.0, 2.0), []
    handle = x.register_hook(lambda g: seen.append(g.tolist()))
    double = x.register_hook(lambda g: g * 2)
    (x * x + x).sum().backward()  # two ways: the hook sees their sum, once
    assert seen == [[3, 5]]
    assert x.grad is not None
    assert x.grad.tolist() == [6, 10]
    handle.remove()
    handle.remove()
    x.grad = None
    (x * 3).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [6, 6]
    (g,) = autograd.grad((x * 3).sum(), x)
    assert g is not None
    assert g.tolist() == [6, 6]
    with double:
        pass
    assert bs.grad((x * 3).sum(), x).tolist() == [3, 3]
    assert len(seen) == 1


def test_hooks_of_results() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    z = (y * y).sum()  # made before the hook
    y.register_hook(lambda g: g + 1)
    z.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [10, 18]
    x = leaf(1.0, 2.0, 3.0)
    a, b = x.split([1, 2])
    a.register_hook(lambda g: g * 100)
    (a.sum() + b.sum()).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [100, 1, 1]


def test_hooks_under_create_graph() -> None:
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: g * g)
    (first,) = autograd.grad((y * y).sum(), x, create_graph=True)  # (2 y)^2 2 x, y = x^2: 8 x^5
    assert first is not None
    (second,) = autograd.grad(first.sum(), x)
    assert second is not None
    assert first.item() == 256
    # The second sweep meets y too: (8 y 2 x)^2 2 x by it, and 2 (2 y)^2 beside it.
    assert second.item() == 128**2 * 4 + 2 * 64


def test_hooks_of_parameters_in_programs() -> None:
    model = nn.Linear(2, 1)

    @bs.compile
    def step(x: bs.Tensor) -> bs.Tensor:
        model.zero_grad()
        model(x).sum().backward()
        assert model.weight.grad is not None
        return model.weight.grad

    x = bs.ones((3, 2))
    assert step(x).tolist() == [[3, 3]]
    handle = model.weight.register_hook(lambda g: g * bs.tensor([0.0, 1.0]))
    assert step(x).tolist() == [[0, 3]]
    assert step(x).tolist() == [[0, 3]]
    handle.remove()
    assert step(x).tolist() == [[3, 3]]


def test_hooks_inside_of_programs() -> None:
    @bs.compile
    def slope(x: bs.Tensor, k: bs.Tensor) -> bs.Tensor:
        x = x.detach().requires_grad_()
        y = x * 2
        y.register_hook(lambda g: g * k)
        y.retain_grad()
        (y * y).sum().backward()
        assert x.grad is not None
        assert y.grad is not None
        return bs.stack([x.grad, y.grad])

    for k in (1.0, 3.0):
        found = slope(bs.tensor([1.0, 2.0]), bs.tensor(k))
        assert found.tolist() == [[8 * k, 16 * k], [4 * k, 8 * k]]


def test_a_hook_goes_with_its_tensor() -> None:
    class Hook:
        def __call__(self, g: bs.Tensor) -> None: ...

    for make in (lambda: leaf(1.0) * 2, lambda: leaf(1.0), lambda: nn.Parameter(bs.ones(2))):
        hook = Hook()
        gone = weakref.ref(hook)
        t = make()
        t.register_hook(hook)
        del hook, t
        leaf(1.0).register_hook(lambda g: None)  # looks for leaves that have gone
        gc.collect()
        assert gone() is None


def test_hooks_that_are_wrong() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(
        RuntimeError, match="cannot register a hook on a tensor that doesn't require gradient"
    ):
        bs.ones(1).register_hook(print)
    with pytest.raises(TypeError, match="register_hook"):
        x.register_hook(3)  # type: ignore[arg-type]
    handle = x.register_hook(lambda g: 3)  # type: ignore[arg-type,return-value]
    with pytest.raises(TypeError, match="register_hook"):
        x.sum().backward()
    handle.remove()
    handle = x.register_hook(lambda g: g.sum())
    with pytest.raises(bs.ShapeError, match="register_hook"):
        x.sum().backward()
    handle.remove()

    def boom(g: bs.Tensor) -> None:
        raise ZeroDivisionError

    x.register_hook(boom)
    with pytest.raises(ZeroDivisionError):
        x.sum().backward()


def test_retain_grad() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    assert y.grad is None
    assert not y.retains_grad
    y.retain_grad()
    y.retain_grad()
    x.retain_grad()
    assert y.retains_grad
    assert not x.retains_grad
    (y * y).sum().backward(retain_graph=True)
    assert y.grad is not None
    assert y.grad.tolist() == [4, 8]
    y.register_hook(lambda g: g * 2)
    (y * 1).sum().backward()
    assert y.grad is not None
    assert y.grad.tolist() == [6, 10]
    with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=False"):
        bs.ones(1).retain_grad()


# ---- grad_fn -------------------------------------------------------------------------------------------


def test_grad_fn() -> None:
    x = leaf(1.0)
    y = x * 2
    z = y.exp() + x
    assert x.grad_fn is None
    assert bs.ones(1).grad_fn is None
    assert z.grad_fn is not None
    assert z.grad_fn.name() == "AddBackward0"
    assert z.grad_fn == z.grad_fn
    assert hash(z.grad_fn) == hash(z.grad_fn)
    assert "AddBackward0" in repr(z.grad_fn)
    (inner, k), (end, _) = z.grad_fn.next_functions
    assert inner is not None
    assert inner.name() == "ExpBackward0"
    assert k == 0
    assert inner.next_functions[0][0] == y.grad_fn
    assert end is not None
    assert end.name() == "AccumulateGrad"
    z.backward()
    assert end.variable.grad is not None
    assert end.variable.grad.tolist() == x.grad.tolist()  # type: ignore[union-attr]
    assert end.next_functions == ()
    with pytest.raises(AttributeError):
        _ = z.grad_fn.variable


# ---- anomalies -----------------------------------------------------------------------------------------


def test_detect_anomaly() -> None:
    x = leaf(0.0, 1.0)
    with autograd.detect_anomaly():
        assert bs.is_anomaly_enabled()
        y = (x * 0) / (x * 0)
        with pytest.raises(RuntimeError, match=r"returned nan values.*test_sweeps\.py:\d+") as error:
            y.sum().backward()
        assert "[div]" in str(error.value)
        (x * x).sum().backward()
    assert not bs.is_anomaly_enabled()
    ((x * 0) / (x * 0)).sum().backward()
    with autograd.detect_anomaly(check_nan=False):
        ((x * 0) / (x * 0)).sum().backward()
    with autograd.set_detect_anomaly(True), pytest.raises(RuntimeError, match="nan values"):
        ((x * 0) / (x * 0)).sum().backward()
    autograd.set_detect_anomaly(True)
    assert bs.is_anomaly_enabled()
    autograd.set_detect_anomaly(False)
    assert not bs.is_anomaly_enabled()


def test_hooks_of_saved_values() -> None:
    """Refused, and what is there to use instead is named; what moves values to the CPU has nothing to do."""
    with pytest.raises(bs.GraphError, match=r"\[saved_tensors_hooks\] .*checkpoint"):
        bs.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x)
    x = bs.ones(2, requires_grad=True)
    with bs.autograd.graph.save_on_cpu(), bs.autograd.graph.disable_saved_tensors_hooks("none"):
        (x * x).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [2, 2]
    assert isinstance((x * 2).grad_fn, bs.autograd.graph.Node)
