"""Identity, copies, pickles, memory; the generator and what the module tells of itself."""

import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core


def leaf(*shape, dtype=np.float32, seed=0):
    a = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return _core.tensor(a, requires_grad=True)


# ---- identity, copies, pickles ----------------------------------------------------------------------------


class Named(_core.Parameter):
    def __init__(self, data, name="none"):
        self.name = name

    def __new__(cls, data, name="none"):
        return super().__new__(cls, data)


class Plain(_core.Tensor):
    pass


def test_hash_weakref_subclass():
    x = _core.ones(2)
    assert len({x, x, _core.ones(2)}) == 2
    ref = weakref.ref(x)
    assert ref() is x
    del x
    assert ref() is None
    n = Named([1.0], name="w")
    n.note = [1]
    ref = weakref.ref(n)
    assert (n.name, n.tolist()) == ("w", [1])
    n.cycle = n
    del n
    gc.collect()
    assert ref() is None
    assert type(Plain([1.0]) + 1) is _core.Tensor
    assert isinstance(Plain([1.0]), _core.Tensor)
    assert _core.Tensor.__module__ == "backsweep"


@pytest.mark.parametrize("how", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x)), copy.copy])
def test_copies(how):
    for x in [leaf(2, 3), _core.tensor([1, 2]), _core.tensor(True), leaf(2, 3).detach().T, _core.zeros(0, 2)]:
        y = how(x)
        assert type(y) is _core.Tensor
        assert y is not x
        assert (y.dtype, y.shape, y.requires_grad) == (x.dtype, x.shape, x.requires_grad)
        np.testing.assert_array_equal(y.numpy(), x.numpy())
    p = Named([1.0, 2.0], name="w")
    p.extra = [p.name]
    q = how(p)
    assert type(q) is Named
    assert q.name == "w"
    assert q.extra == ["w"]
    assert q.requires_grad
    q.add_(1)
    assert p.tolist() == [1, 2]
    assert q.tolist() == [2, 3]
    b = how(_core.Buffer([1.0]))
    assert type(b) is _core.Buffer


def test_deepcopy_memo_grad_and_history():
    p = _core.Parameter([1.0])
    (p * 3).sum().backward()
    a, b = copy.deepcopy([p, p])
    assert a is b
    assert a.grad.tolist() == [3]
    (a * 1).sum().backward()
    assert a.grad.tolist() == [4]
    assert p.grad.tolist() == [3]
    with pytest.raises(_core.GraphError, match="detach"):
        copy.deepcopy(p * 2)


# ---- memory -----------------------------------------------------------------------------------------------


def test_nothing_leaks():
    def work():
        x = leaf(4, 3)
        p = _core.Parameter(np.ones((3, 2), np.float32))
        y = _core.ops.layer_norm((x @ p).relu() + 1.0)[0]
        z = y[1:, 0].sum() * np.float32(2)
        z.backward(retain_graph=True)
        _core.grad(z, [x, p], create_graph=True)
        p.sub_(p.grad, alpha=0.1)
        copy.deepcopy(p)
        pickle.loads(pickle.dumps(x))
        repr(z), float(z), z.numpy(), x.tolist(), list(x), x.grad, x.shape, x == x
        for bad in [
            lambda: x + _core.ones(7),
            lambda: x.sum("a"),
            lambda: x.add_(1),
            lambda: x[9],
            lambda: float(x),
        ]:
            with pytest.raises((ValueError, TypeError, RuntimeError, IndexError)):
                bad()

    work()
    gc.collect()
    nodes, memory, objects = _core.live_nodes(), _core.allocated_bytes(), len(gc.get_objects())
    types = [sys.getrefcount(t) for t in (_core.Tensor, _core.Parameter, _core.float32, None)]
    for _ in range(50):
        work()
    gc.collect()
    assert _core.live_nodes() == nodes
    assert _core.allocated_bytes() == memory
    assert len(gc.get_objects()) - objects < 40
    after = [sys.getrefcount(t) for t in (_core.Tensor, _core.Parameter, _core.float32, None)]
    assert all(b - a < 40 for a, b in zip(types, after, strict=True)), (types, after)


def test_long_chain_is_freed():
    x = leaf(1)
    y = x
    for _ in range(200000):
        y = y + 1.0
    before = _core.live_nodes()
    del y
    assert before - _core.live_nodes() >= 200000


def test_other_threads_run_during_long_work():
    a = _core.ones(1024, 1024)
    ticks = []
    stop = threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(1)
            stop.wait(0.0005)

    worker = threading.Thread(target=tick)
    worker.start()
    for _ in range(4):
        (a @ a).numpy()
    stop.set()
    worker.join()
    assert ticks


# ---- random, info -----------------------------------------------------------------------------------------


def test_generator():
    _core.manual_seed(7)
    assert _core.default_generator.tolist() == [7, 0]
    x = _core.ones(1000)
    first = _core.ops.dropout(x, 0.5)
    assert _core.default_generator.tolist() == [7, 1]
    second = _core.ops.dropout(x, 0.5)
    assert first.tolist() != second.tolist()
    _core.manual_seed(7)
    assert _core.ops.dropout(x, p=0.5).tolist() == first.tolist()
    assert _core.ops.dropout(x, p=0.5, key=_core.tensor([7, 1])).tolist() == second.tolist()
    assert _core.default_generator.tolist() == [7, 1]
    with pytest.raises(TypeError):
        _core.ops.dropout(x, "a")
    assert _core.default_generator.tolist() == [7, 1]  # a wrong call draws nothing
    _core.manual_seed(-1)
    assert _core.default_generator.tolist() == [-1, 0]
    _core.manual_seed(2**64 + 5)
    assert _core.default_generator.tolist() == [5, 0]
    with pytest.raises(TypeError):
        _core.manual_seed(1.5)
    assert _core.uniform((2, 3)).shape == (2, 3)


def test_info():
    info = _core.info()
    assert info["isa"] in info["available_isas"]
    assert info["threads"] == _core.get_num_threads()
    assert info["version"] == bs.__version__
    before = _core.get_num_threads()
    _core.set_num_threads(3)
    assert _core.get_num_threads() == 3
    _core.set_num_threads(before)
    with pytest.raises(ValueError):
        _core.set_num_threads(0)
    with pytest.raises(ValueError):
        _core._use_isa("mmx")
    for isa in info["available_isas"]:
        _core._use_isa(isa)
        assert _core.info()["isa"] == isa
    _core._use_isa(info["isa"])
    epoch = _core.structure_epoch()
    _core.bump_structure_epoch()
    assert _core.structure_epoch() == epoch + 1
    assert _core.node_bytes(2, 1) > 0


def test_process_ends_well():
    """Tensors on NumPy memory and pending graphs at exit: nothing is touched after the interpreter."""
    code = (
        "import numpy as np; from backsweep import _core as c; a = np.ones(10000, 'f'); t = c.asarray(a)\n"
        "p = c.Parameter(t); y = (p * t).sum(); y.backward(); import builtins; builtins.keep = [y, t, p]"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
