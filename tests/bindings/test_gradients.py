"""backward, grad and the recording flag; parameters and buffers."""

import threading

import numpy as np
import pytest

from backsweep import _core, compile


def leaf(*shape, dtype=np.float32, seed=0):
    a = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return _core.tensor(a, requires_grad=True)


# ---- gradients --------------------------------------------------------------------------------------------


def test_backward_and_grad_attribute():
    x = leaf(3)
    assert x.is_leaf
    assert x.grad is None
    y = (x * x).sum()
    assert not y.is_leaf
    assert y.requires_grad
    assert y.grad is None
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.numpy(), rtol=1e-6)
    (x * 1.0).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.numpy() + 1, rtol=1e-6)
    x.grad = None
    assert x.grad is None
    x.grad = _core.ones(3)
    assert x.grad.tolist() == [1, 1, 1]
    with pytest.raises(_core.ShapeError, match=r"^\[grad\]"):
        x.grad = _core.ones(4)
    with pytest.raises(_core.DTypeError, match=r"^\[grad\]"):
        x.grad = _core.ones(3, dtype="float64")
    with pytest.raises(TypeError, match=r"^\[grad\]"):
        x.grad = 1.0
    with pytest.raises(_core.GraphError):
        _core.ones(3).grad = _core.ones(3)
    (x * 2).backward(_core.ones(3))
    assert x.grad.tolist() == [3, 3, 3]
    (x * 2).backward(gradient=np.ones(3, np.float32), retain_graph=True)
    assert x.grad.tolist() == [5, 5, 5]


def test_grad_function():
    x, w = leaf(3, seed=1), leaf(3, seed=2)
    z = x * w
    y = (z * z).sum()
    (g,) = _core.grad(y, [x], retain_graph=True)
    np.testing.assert_allclose(g.numpy(), 2 * x.numpy() * w.numpy() ** 2, rtol=1e-5)
    gz = _core.grad(y, z, retain_graph=True)  # a node inside; one tensor for one tensor
    np.testing.assert_allclose(gz.numpy(), 2 * z.numpy(), rtol=1e-6)
    assert not gz.requires_grad
    assert x.grad is None
    first = _core.grad(y, x, create_graph=True)
    second = _core.grad(first.sum(), x, retain_graph=True)
    np.testing.assert_allclose(second.numpy(), 2 * w.numpy() ** 2, rtol=1e-5)
    other = leaf(2)
    with pytest.raises(_core.GraphError, match=r"^\[grad\] inputs\[1\] is not used"):
        _core.grad(y, [x, other], retain_graph=True)
    assert _core.grad(y, [other], allow_unused=True) == (None,)
    (g,) = _core.grad([z, z], [x], [_core.ones(3), np.ones(3)] if False else [_core.ones(3), _core.ones(3)])
    np.testing.assert_allclose(g.numpy(), 2 * w.numpy(), rtol=1e-6)
    for args in [(3, x), (y, "x"), (y, [1.0]), ([y, 2], x)]:
        with pytest.raises(TypeError, match=r"^\[grad\]"):
            _core.grad(*args)
    with pytest.raises(ValueError, match="grad_outputs"):
        _core.grad([z, z], [x], [_core.ones(3)])


def test_requires_grad_flag():
    x = _core.ones(2)
    assert x.requires_grad_() is x
    assert x.requires_grad
    x.requires_grad = False
    assert not (x * 2).requires_grad
    x.requires_grad_(True)
    y = x * 2
    with pytest.raises(_core.GraphError, match="detach"):
        y.requires_grad = False
    y.requires_grad = True  # as it is
    with pytest.raises(_core.DTypeError):
        _core.ones(2, dtype="int64").requires_grad_()
    with pytest.raises(TypeError):
        x.requires_grad = 1
    d = y.detach()
    assert not d.requires_grad
    assert d.is_leaf
    assert d.numpy().ctypes.data == y.numpy().ctypes.data


def test_no_grad():
    x = leaf(2)
    with _core.no_grad():
        assert not _core.is_grad_enabled()
        assert not (x * 2).requires_grad
        with _core.enable_grad():
            assert (x * 2).requires_grad
        assert not _core.is_grad_enabled()
    assert _core.is_grad_enabled()
    with pytest.raises(ZeroDivisionError), _core.no_grad():
        raise ZeroDivisionError
    assert _core.is_grad_enabled()
    mode = _core.no_grad()
    with mode, mode:
        pass
    assert _core.is_grad_enabled()

    @_core.no_grad()
    def double(t, *, by=2):
        """Doc."""
        return t * by

    @_core.no_grad
    def triple(t):
        return t * 3

    class Model:
        @_core.no_grad()
        def run(self, t):
            return t * 4

    assert not double(x).requires_grad
    assert not double(x, by=3).requires_grad
    assert (double.__name__, double.__doc__) == ("double", "Doc.")
    assert not triple(x).requires_grad
    assert not Model().run(x).requires_grad
    assert _core.is_grad_enabled()
    with pytest.raises(TypeError):
        _core.no_grad(3)
    seen = []
    with _core.no_grad():
        worker = threading.Thread(target=lambda: seen.append(_core.is_grad_enabled()))
        worker.start()
        worker.join()
    assert seen == [True]


# ---- parameters and buffers -------------------------------------------------------------------------------


def test_parameter():
    a = np.array([1.0, 2.0], np.float32)
    p = _core.Parameter(a)
    assert isinstance(p, _core.Tensor)
    assert p.requires_grad
    assert p.is_leaf
    a[:] = 0
    assert p.tolist() == [1, 2]
    (p * p).sum().backward()
    assert p.grad.tolist() == [2, 4]
    view, tensor, double = p.numpy(), p.detach(), p * 2
    assert p.sub_(p.grad, alpha=0.5) is p
    assert p.tolist() == [0, 0]
    assert view.tolist() == [1, 2]
    assert tensor.tolist() == [0, 0]  # it shares the storage
    assert double.tolist() == [2, 4]
    assert p.grad.tolist() == [2, 4]
    p.add_(1).mul_(3.0).add_([1.0, 2.0], alpha=2)
    assert p.tolist() == [5, 7]
    p.div_(_core.tensor([5.0, 7.0]))
    assert p.tolist() == [1, 1]
    assert p.zero_().tolist() == [0, 0]
    assert p.fill_(2).tolist() == [2, 2]
    p.copy_(np.array([[3]], np.int64)[0])
    assert p.tolist() == [3, 3]
    p.assign(_core.tensor([4.0, 5.0]))
    assert p.tolist() == [4, 5]
    assert p.dtype == "float32"
    p.requires_grad_(False)
    assert not (p * 2).requires_grad
    assert p.grad is None
    same = p
    p += 1  # a write, as add_ is; of a plain tensor it makes another
    assert p is same
    assert p.tolist() == [5, 6]


def test_parameter_refuses():
    p = _core.Parameter(np.zeros(2, np.float32))
    with pytest.raises(_core.ShapeError, match=r"^\[copy_\]"):
        p.copy_(np.zeros(3, np.float32))
    with pytest.raises(_core.ShapeError):
        p.copy_(np.zeros((2, 2), np.float32))
    with pytest.raises(_core.ShapeError):
        p.add_(np.zeros((2, 2), np.float32))
    with pytest.raises(_core.ShapeError):
        p.assign([1.0])
    with pytest.raises(_core.DTypeError):
        p.assign(np.zeros(2))
    with pytest.raises(_core.DTypeError, match="requires_grad=False"):
        _core.Parameter([1, 2])
    assert _core.Parameter([1, 2], requires_grad=False).dtype == "int64"
    with pytest.raises(TypeError):
        p.mul_(2, alpha=3)
    with pytest.raises(TypeError):
        p.add_()
    with pytest.raises(TypeError):
        p.add_("a")
    with pytest.raises(_core.GraphError, match="before the compiled call"):
        _core.Parameter(_core._symbolic(2))
    b = _core.Buffer([1, 2])
    with pytest.raises(_core.DTypeError, match=r"^\[add_\]"):
        b.add_(0.5)
    assert p.tolist() == [0, 0]
    assert b.tolist() == [1, 2]


def test_in_place_on_a_tensor():
    x = _core.ones(2)
    same = x
    assert x.add_(1).mul_(3) is x
    x -= 1
    assert same.tolist() == [5, 5]
    assert x.fill_(2).tolist() == [2, 2]
    assert x.copy_([1.0, 4.0]).pow_(2).tolist() == [1, 16]
    assert x.zero_().tolist() == [0, 0]
    with pytest.raises(_core.GraphError, match=r"^\[assign\].*copy_"):
        x.assign([1.0, 2.0])
    with pytest.raises(_core.DTypeError, match=r"^\[add_\]"):
        _core.arange(2).add_(0.5)
    leaf = _core.ones(2).requires_grad_()
    with pytest.raises(_core.GraphError, match=r"^\[mul_\] a leaf Variable that requires grad"):
        leaf.mul_(2)


def test_writes_are_not_recorded():
    p = _core.Parameter([1.0])
    q = _core.Parameter([2.0])
    p.copy_(q * 3)
    assert p.is_leaf
    assert p.tolist() == [6]
    (p * 2).sum().backward()
    assert q.grad is None
    q.copy_(p)
    p.zero_()
    assert q.tolist() == [6]


def test_buffer():
    b = _core.Buffer([1.0, 2.0])
    assert not b.requires_grad
    assert b.grad is None
    assert (b + 1).tolist() == [2, 3]
    assert b.add_(1).tolist() == [2, 3]
    assert type(b) is _core.Buffer


def test_a_gradient_stays_the_one_of_its_parameter():
    p = _core.Parameter(_core.ones(1, 3))

    def sweep():
        (p * p).sum().backward()

    sweep()
    grad = p.grad
    for method in ("squeeze_", "t_"):
        with pytest.raises(_core.GraphError, match=rf"\[{method}\] a gradient keeps its shape"):
            getattr(grad, method)()
    with pytest.raises(_core.ShapeError, match=r"\[data\] a gradient is \(1, 3\)"):
        grad.data = _core.zeros(3)
    with pytest.raises(_core.DTypeError, match=r"\[data\] a gradient is float32"):
        grad.data = grad.double()
    grad.squeeze_(1)  # which leaves it as it is
    grad.data = grad.data * 2.0
    sweep()
    assert p.grad is grad and grad.tolist() == [[6.0, 6.0, 6.0]]
    grad.detach().squeeze_().mul_(2.0)
    grad.detach().data = _core.zeros(3)
    assert p.grad.tolist() == [[12.0, 12.0, 12.0]]
    p.grad = None
    grad.squeeze_()  # it is no gradient any more
    assert grad.shape == (3,)

    @compile
    def step(x):
        p.grad = None
        (p * x).sum().backward()
        p.grad.data = p.grad.data * 2.0
        return p.grad * 1.0

    assert step(_core.ones(1, 3)).tolist() == [[2.0, 2.0, 2.0]]
