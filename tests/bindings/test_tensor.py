"""Tensors as Python sees them: dtypes, making and reading them, NumPy without copies."""

import copy
import gc
import inspect
import operator
import os
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core

DTYPES = [np.float32, np.float64, np.int32, np.int64, np.bool_]


def leaf(*shape, dtype=np.float32, seed=0):
    a = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return _core.tensor(a, requires_grad=True)


# ---- dtypes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["float32", "float64", "int32", "int64", "bool"])
def test_dtype_object(name):
    d = getattr(_core, name if name != "bool" else "bool_")
    assert repr(d) == ("bs." + name if name != "bool" else "bs.bool_")
    assert d.name == name
    assert d == name
    assert d == np.dtype(name)
    assert d != "complex64"
    assert d != None  # noqa: E711
    assert hash(d) == hash(name)
    assert np.dtype(d) == np.dtype(name)
    assert d.itemsize == np.dtype(name).itemsize
    assert d.is_floating_point == name.startswith("float")
    assert pickle.loads(pickle.dumps(d)) is d
    assert copy.deepcopy(d) is d
    assert np.zeros(2, dtype=d).dtype == name


def test_dtype_names_in_arguments():
    x = _core.tensor([1.5, 0.0])
    for given, want in [
        (_core.float64, "float64"),
        ("int32", "int32"),
        (np.int64, "int64"),
        (np.dtype("f8"), "float64"),
        (float, "float64"),
        (int, "int64"),
        (bool, "bool"),
        (np.bool_, "bool"),
    ]:
        assert x.to(given).dtype == want
        assert _core.cast(x, dtype=given).dtype == want
    for bad in [np.uint16, object, np.dtype("U3"), list]:
        with pytest.raises(TypeError, match=r"^\[to\] dtype "):
            x.to(bad)
    for bad in ["float8", 3]:  # as names of devices
        with pytest.raises(RuntimeError, match="device"):
            x.to(bad)
    with pytest.raises(TypeError):
        _core.DType()


# ---- making tensors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensor_keeps_numpy_dtype_and_copies(dtype):
    a = np.arange(6).reshape(2, 3).astype(dtype)
    t = _core.tensor(a)
    assert t.dtype == np.dtype(dtype)
    assert t.shape == (2, 3)
    before = a.copy()
    a[:] = 0
    np.testing.assert_array_equal(t.numpy(), before)


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "float32"),
        (3, "int64"),
        (True, "bool"),
        ([1.0, 2.0], "float32"),
        ([[1, 2], [3, 4]], "int64"),
        ([True, False], "bool"),
        ((1, 2.5), "float32"),
        ([], "float32"),
        ([np.float32(1)], "float32"),
        ([np.ones(2)], "float64"),
        (np.float64(2), "float64"),
        (np.float32(2), "float32"),
        (np.int32(2), "int32"),
    ],
)
def test_tensor_of_python_data(data, dtype):
    t = _core.tensor(data)
    assert t.dtype == dtype
    np.testing.assert_array_equal(t.numpy(), np.asarray(data, dtype=dtype))


def test_tensor_of_odd_arrays():
    base = np.arange(24.0).reshape(2, 3, 4)
    for a in [
        base[:, ::-1],
        base.T,
        base[1:, :, ::2],
        base.astype(">f8"),
        np.zeros((0, 3)),
        np.broadcast_to(1.0, (3, 2)),
    ]:
        np.testing.assert_array_equal(_core.tensor(a).numpy(), a)
        np.testing.assert_array_equal(_core.asarray(a).numpy(), a)
    np.testing.assert_array_equal(
        _core.tensor(np.arange(3, dtype=np.uint8), dtype="float32").numpy(), [0, 1, 2]
    )
    raw = np.zeros(17, np.uint8)[1:].view(np.float32)  # not aligned to its items
    assert _core.asarray(raw).shape == (4,)


def test_tensor_refuses():
    with pytest.raises(_core.DTypeError, match=r"^\[tensor\] NumPy's uint16"):
        _core.tensor(np.zeros(3, np.uint16))
    with pytest.raises(TypeError, match=r"^\[tensor\] data is a tensor, an array"):
        _core.tensor("abc")
    with pytest.raises(TypeError, match=r"^\[tensor\]"):
        _core.tensor(None)
    with pytest.raises(TypeError, match=r"^\[tensor\]"):
        _core.tensor([1.0, None])
    with pytest.raises(_core.ShapeError, match=r"^\[tensor\] the rows"):
        _core.tensor([[1.0], [1.0, 2.0]])
    with pytest.raises(_core.DTypeError, match="only float tensors"):
        _core.tensor([1, 2], requires_grad=True)
    with pytest.raises(ValueError, match="does not fit"):
        _core.tensor(2**63)
    with pytest.raises(_core.ShapeError, match="8"):
        _core.tensor(np.zeros((1,) * 9))
    with pytest.raises(TypeError, match="complex"):
        _core.tensor(np.zeros(2, complex), dtype="float32")


def test_int64_is_exact():
    assert _core.tensor(2**62 + 1).item() == 2**62 + 1
    x = _core.tensor(np.array([2**62], np.int64))
    assert (x + 1).tolist() == [2**62 + 1]


def test_creation_functions():
    np.testing.assert_array_equal(_core.zeros(2, 3).numpy(), np.zeros((2, 3), "f"))
    np.testing.assert_array_equal(_core.ones((2, 3), dtype=_core.int32).numpy(), np.ones((2, 3), np.int32))
    assert _core.ones(2, requires_grad=True).requires_grad
    assert _core.zeros().shape == ()
    assert _core.full((2,), 3).dtype == "int64"
    np.testing.assert_array_equal(_core.full((2,), 2.5).numpy(), np.full(2, 2.5, "f"))
    assert _core.full_like(_core.zeros(2, dtype="float64"), 1).dtype == "float64"
    assert _core.zeros_like(leaf(2, 3)).shape == (2, 3)
    np.testing.assert_array_equal(_core.arange(5).numpy(), np.arange(5))
    np.testing.assert_array_equal(_core.arange(2, 11, 3).numpy(), np.arange(2, 11, 3))
    np.testing.assert_array_equal(_core.arange(5, 0, -2).numpy(), np.arange(5, 0, -2))
    np.testing.assert_allclose(_core.arange(0.0, 1.0, 0.25).numpy(), np.arange(0, 1, 0.25, dtype="f"))
    assert _core.arange(0.0, 1.0, 0.25).dtype == "float32"
    np.testing.assert_array_equal(_core.eye(3, 2).numpy(), np.eye(3, 2))
    with pytest.raises(_core.ShapeError):
        _core.zeros(-1)
    with pytest.raises(_core.ShapeError):
        _core.zeros(2**40, 2**40)
    with pytest.raises(ValueError):
        _core.arange(0, 1, 0)


# ---- NumPy without copies ---------------------------------------------------------------------------------


def test_numpy_view_outlives_tensor():
    t = _core.tensor(np.arange(100000.0))
    v = t.numpy()
    assert v.base is not None
    assert not v.flags.writeable
    assert t.numpy().ctypes.data == v.ctypes.data
    del t
    gc.collect()
    junk = [_core.zeros(100000, dtype="float64") for _ in range(4)]  # would take the memory if it were free
    np.testing.assert_array_equal(v, np.arange(100000.0))
    del junk


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_of_strided_views(dtype):
    a = np.arange(24).reshape(2, 3, 4).astype(dtype)
    t = _core.tensor(a)
    np.testing.assert_array_equal(t.T.numpy(), a.T)
    np.testing.assert_array_equal(t[:, 1:, ::2].numpy(), a[:, 1:, ::2])
    np.testing.assert_array_equal(t.transpose(0, 2).numpy(), a.transpose(2, 1, 0))
    assert t.numpy().dtype == dtype


def test_array_protocol():
    t = _core.tensor([1.0, 2.0])
    assert np.asarray(t).ctypes.data == t.numpy().ctypes.data
    fresh = np.array(t)
    assert fresh.flags.writeable
    assert fresh.ctypes.data != t.numpy().ctypes.data
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert t.__array__(np.int64).tolist() == [1, 2]
    assert np.concatenate([t, t]).tolist() == [1, 2, 1, 2]


def test_asarray_shares_and_keeps_the_array_alive():
    a = np.arange(1000, dtype=np.float32)
    refs = sys.getrefcount(a)
    t = _core.asarray(a)
    assert sys.getrefcount(a) == refs + 1
    assert t.numpy().ctypes.data == a.ctypes.data
    y = t.reshape(10, 100)
    del t
    assert sys.getrefcount(a) == refs + 1
    del y
    assert sys.getrefcount(a) == refs
    assert _core.from_numpy(a).numpy().ctypes.data == a.ctypes.data
    alive = weakref.ref(a)
    t = _core.from_numpy(a)
    del a
    gc.collect()
    assert alive() is not None
    assert t.sum().item() == 499500.0
    del t
    assert alive() is None


def test_shared_array_freed_by_a_thread():
    a = np.arange(10.0)
    refs = sys.getrefcount(a)
    held = [_core.asarray(a) for _ in range(100)]
    worker = threading.Thread(target=held.clear)
    worker.start()
    worker.join()
    assert sys.getrefcount(a) == refs


# ---- reading values ---------------------------------------------------------------------------------------


def test_scalars():
    assert float(_core.tensor(2.5)) == 2.5
    assert int(_core.tensor([[7.9]])) == 7
    assert bool(_core.tensor(0.0)) is False
    assert operator.index(_core.tensor(3)) == 3
    assert [10, 20, 30][_core.tensor(1)] == 20
    assert _core.tensor(True).item() is True
    assert isinstance(_core.tensor(3).item(), int)
    assert _core.tensor([[1, 2]]).tolist() == [[1, 2]]
    assert _core.tensor(4.0).tolist() == 4.0
    with pytest.raises(_core.ShapeError, match=r"^\[float\] a tensor of shape \(2,\)"):
        float(_core.tensor([1.0, 2.0]))
    with pytest.raises(ValueError, match=r"^\[bool\].*ambiguous"):
        bool(_core.tensor([1.0, 2.0]))
    with pytest.raises(TypeError, match=r"^\[index\]"):
        operator.index(_core.tensor(1.0))
    with pytest.raises(OverflowError):
        int(_core.tensor(np.inf))


def test_sizes():
    x = _core.zeros(2, 3)
    assert (x.ndim, x.dim(), x.numel(), len(x)) == (2, 2, 6, 2)
    assert x.size() == (2, 3)
    assert x.size(-1) == x.size(dim=1) == 3
    with pytest.raises(IndexError):
        x.size(2)
    with pytest.raises(TypeError):
        len(_core.tensor(1.0))
    assert [r.tolist() for r in _core.tensor([[1], [2]])] == [[1], [2]]
    with pytest.raises(TypeError, match="0-d"):
        iter(_core.tensor(1.0))


def test_repr():
    assert repr(_core.tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert repr(_core.tensor([1.0], dtype="float64", requires_grad=True)) == (
        "tensor([1.], dtype=bs.float64, requires_grad=True)"
    )
    assert repr(_core.tensor([[1, 2], [3, 4]])) == "tensor([[1, 2],\n        [3, 4]])"
    assert repr(_core.Parameter([1.0])) == "Parameter containing:\ntensor([1.], requires_grad=True)"
    assert repr(_core.zeros(0, 3)) == "tensor([], size=(0, 3))"
    assert repr(_core._symbolic(2, 3)) == "Tensor(symbolic, shape=(2, 3), dtype=bs.float32)"


@pytest.mark.parametrize(
    "read",
    [
        float,
        int,
        bool,
        np.asarray,
        lambda x: x.item(),
        lambda x: x.numpy(),
        lambda x: x.tolist(),
        lambda x: x.__array__(),
        lambda x: _core.tensor([x, x]),
        copy.deepcopy,
        pickle.dumps,
    ],
)
def test_reading_a_symbolic_value_names_the_line(read):
    x = _core._symbolic()
    with pytest.raises(_core.GraphError) as e:
        read(x)
    text = str(e.value)
    assert text.startswith("[compile] ")
    where = text.split(": ")[0].removeprefix("[compile] ")
    path, line = where.rsplit(":", 1)
    assert os.path.isabs(path)
    assert int(line) > 0
    assert "backsweep/_core" not in path
    assert issubclass(_core.GraphError, RuntimeError)


def test_symbolic_line_is_the_callers():
    line = inspect.currentframe().f_lineno + 2
    with pytest.raises(_core.GraphError, match=rf"{os.path.basename(__file__)}:{line}: "):
        float(_core._symbolic())


def test_symbolic_in_a_condition():
    x = _core._symbolic()
    y = x > 0
    assert y.is_symbolic
    assert y.dtype == "bool"
    assert (x * 2 + np.float32(1)).shape == ()
    with pytest.raises(_core.GraphError):
        bool(y)


def test_dtypes_beside_numpys_numbers():
    """As PyTorch's: NumPy's numbers have their dtype, Python's the default one of the highest kind."""
    f32, f64 = np.float32, np.float64
    for data, want in [
        (f64(1.5), "float64"),
        (f32(1.5), "float32"),
        (np.int32(1), "int32"),
        (np.bool_(True), "bool"),
        ([f32(1), 2], "float32"),
        ([1, f32(1)], "float32"),
        ([f32(1), 2.5], "float32"),
        ([[f32(1)], [2.0]], "float32"),
        ([f64(1), 2], "float64"),
        ([1.0, f64(1)], "float64"),
        ([f32(1), f64(1)], "float64"),
        ([True, f32(2)], "float32"),
        ([True, 2.0], "float32"),
        ([np.int32(1), 2.5], "float32"),
        ([np.int32(1), 2], "int64"),
        ([np.int32(1)], "int32"),
        ([bs.tensor(1.0), 2], "float32"),
        ([bs.tensor(1), 2.0], "float32"),
        ([bs.tensor(1.0, dtype=bs.float64), 2.0], "float64"),
        ([np.ones(2), np.ones(2)], "float64"),
        ([np.ones(2, f32), [1.0, 2.0]], "float32"),
    ]:
        assert bs.tensor(data).dtype == want, data
        assert bs.asarray(data).dtype == want, data
    assert (bs.ones(2) * f64(2)).dtype == bs.float32  # beside a tensor it counts as a number


def test_dtypes_are_numpys_too():
    for name in ("float32", "float64", "int32", "int64"):
        ours, theirs = getattr(bs, name), getattr(np, name)
        assert ours == theirs and ours == np.dtype(theirs) and theirs == ours
        assert (ours != theirs) is False
    assert bs.bool_ == np.bool_
    assert bs.float32 != np.float64
    for ours, python in ((bs.float64, float), (bs.int64, int), (bs.bool_, bool)):
        assert (ours == python) is False  # they name dtypes as arguments only


def test_ranges_the_wrong_way():
    for arguments in ((3, 0), (-2,), (0, 3, -1), (0.0, 1.0, -0.5)):
        with pytest.raises(ValueError, match=r"^\[arange\] .*wrong way"):
            bs.arange(*arguments)
    assert bs.arange(3, 3).shape == (0,) and bs.arange(0).shape == (0,)
    assert bs.arange(3, 0, -1).tolist() == [3, 2, 1]
    assert bs.arange(np.int64(3)).tolist() == [0, 1, 2] and bs.arange(np.int64(3)).dtype == bs.int64
    assert bs.arange(bs.tensor(2.0)).dtype == bs.float32
    assert bs.full((2,), np.float64(1)).dtype == bs.float32 and bs.full((1,), np.int32(1)).dtype == bs.int64


def test_axes_of_no_axes():
    """Axis 0 and -1 of a tensor without axes, as in PyTorch."""
    x = bs.tensor(3.0, requires_grad=True)
    for dim in (0, -1, (0,)):
        for fn in (bs.sum, bs.mean, bs.amax, bs.amin, bs.logsumexp):
            y = fn(x, dim, keepdim=True)
            assert y.shape == () and float(y) == 3.0
            assert float(bs.grad(y, x)) == 1.0
    for dim in (0, -1):
        assert int(bs.argmax(x, dim)) == 0
        assert float(bs.softmax(x, dim)) == 1.0 and float(bs.log_softmax(x, dim)) == 0.0
        assert x.transpose(0, dim).shape == ()
    for fn in (bs.sum, bs.softmax, bs.argmax):
        with pytest.raises(IndexError, match="use 0 or -1"):
            fn(x, 1)
    with pytest.raises(ValueError):
        bs.sum(x, (0, -1))
