"""DLPack, to and from NumPy, and with the peers installed PyTorch and JAX."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import backsweep as bs

DTYPES = (bs.float32, bs.float64, bs.int64, bs.int32, bs.bool_, bs.uint8, bs.int8, bs.int16, bs.float16)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_numpy_both_ways(dtype: bs.DType) -> None:
    x = bs.arange(6).view(2, 3).to(dtype)
    a = np.from_dlpack(x)
    assert a.dtype == dtype
    assert not a.flags.writeable
    assert np.shares_memory(a, x.numpy())
    y = bs.from_dlpack(np.array(a))
    assert y.dtype == dtype
    assert y.tolist() == x.tolist()


def test_views_and_lifetimes() -> None:
    base = bs.arange(12.0).view(3, 4)
    for view in (base.T, base[1:, ::2], base[1], base[:0], base.expand(2, 3, 4)):
        a = np.from_dlpack(view)
        np.testing.assert_array_equal(a, view.numpy())
    array = np.arange(12.0).reshape(3, 4)
    for part in (array.T, array[1:, ::2], array[:, 1], array[:0], array[1, 2]):
        x = bs.from_dlpack(np.asarray(part))
        np.testing.assert_array_equal(x.numpy(), part)
        np.testing.assert_array_equal((x * 2).numpy(), part * 2)
    assert np.shares_memory(bs.from_dlpack(array).numpy(), array)
    assert not np.shares_memory(bs.from_dlpack(array, copy=True).numpy(), array)
    a = np.from_dlpack(bs.ones(1000))
    x = bs.from_dlpack(np.ones(1000))
    gc.collect()
    assert a.sum() == float(x.sum()) == 1000
    bytes_before = bs._core.allocated_bytes()
    for _ in range(3):
        np.from_dlpack(bs.ones(100_000))
        bs.ones(100_000).__dlpack__()
    assert bs._core.allocated_bytes() < bytes_before + 100_000


def test_what_is_written_later_is_not_seen() -> None:
    x = bs.zeros(3)
    a = np.from_dlpack(x)
    x += 1
    assert a.tolist() == [0, 0, 0]
    p = bs.Parameter(bs.zeros(3))
    b = np.from_dlpack(p.detach())
    p.requires_grad_(False)
    p.fill_(4.0)
    assert b.tolist() == [0, 0, 0]


def test_old_readers_get_a_copy() -> None:
    x = bs.ones(3)
    y = bs.from_dlpack(x.__dlpack__())
    assert not np.shares_memory(y.numpy(), x.numpy())
    z = bs.from_dlpack(x.__dlpack__(max_version=(1, 0)))
    assert np.shares_memory(z.numpy(), x.numpy())
    assert x.__dlpack_device__() == (1, 0)
    capsule = x.__dlpack__()
    bs.from_dlpack(capsule)
    with pytest.raises(ValueError, match="used already"):
        bs.from_dlpack(capsule)


def test_what_cannot_be() -> None:
    x: Any = bs.ones(3, requires_grad=True)
    with pytest.raises(BufferError, match=r"detach\(\)"):
        x.__dlpack__()
    x = bs.ones(3)
    with pytest.raises(BufferError, match="CPU"):
        x.__dlpack__(dl_device=(2, 0))
    with pytest.raises(TypeError, match="stream"):
        x.__dlpack__(stream=1)
    with pytest.raises(BufferError, match="copy"):
        x.__dlpack__(copy=False)
    with pytest.raises(TypeError, match="__dlpack__"):
        bs.from_dlpack([1.0])
    with pytest.raises(TypeError, match="cast"):
        bs.from_dlpack(np.ones(3, np.complex64))
    with pytest.raises(BufferError, match="backwards"):
        bs.from_dlpack(np.arange(3)[::-1])


@pytest.mark.peers
def test_torch_both_ways() -> None:
    torch = pytest.importorskip("torch")
    for dtype in (*DTYPES, bs.bfloat16):
        theirs = torch.from_dlpack(bs.arange(3).to(dtype))
        assert str(theirs.dtype) == f"torch.{dtype.name}"
        ours = bs.from_dlpack(theirs)
        assert ours.dtype == dtype
        assert ours.tolist() == [float(v) for v in theirs.tolist()]
    whole = torch.arange(12.0).reshape(3, 4)
    assert bs.from_dlpack(whole.T[1:]).tolist() == whole.T[1:].tolist()
    assert bs.from_dlpack(torch.utils.dlpack.to_dlpack(whole)).tolist() == whole.tolist()
    with pytest.raises((BufferError, RuntimeError)):
        bs.from_dlpack(torch.ones(2, requires_grad=True))


def test_capsules() -> None:
    x = bs.arange(3.0)
    assert bs.utils.dlpack.from_dlpack(bs.utils.dlpack.to_dlpack(x)).tolist() == [0, 1, 2]


@pytest.mark.peers
def test_jax_both_ways() -> None:
    jax = pytest.importorskip("jax")
    theirs = jax.numpy.from_dlpack(bs.arange(6.0).view(2, 3))
    assert theirs.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert bs.from_dlpack(theirs * 2).tolist() == [[0, 2, 4], [6, 8, 10]]
