"""Tensors made of sizes, numbers and data: as PyTorch makes them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs


def test_sizes_in_all_forms() -> None:
    for make in (bs.zeros, bs.ones, bs.empty):
        assert (
            make(2, 3).shape == make((2, 3)).shape == make([2, 3]).shape == make(size=(2, 3)).shape == (2, 3)
        )
        assert make(()).shape == make().shape == ()
        assert make(4).shape == (4,)
        assert make(2, dtype=bs.int16).dtype == bs.int16
        assert make(2, requires_grad=True).requires_grad
        with pytest.raises(TypeError, match="two values"):
            make(2, size=(2,))
        with pytest.raises(bs.ShapeError, match="negative"):
            make(-1)
        with pytest.raises(TypeError, match="layout"):
            make(2, layout="sparse")
        with pytest.raises(TypeError, match="no argument 'shape'"):
            make(2, shape=3)
    assert bs.empty(3).tolist() == [0, 0, 0]  # the same at each run
    assert bs.empty_like(bs.ones(2, 3, dtype=bs.float16)).dtype == bs.float16
    assert bs.zeros_like(bs.ones(2), memory_format=bs.preserve_format).tolist() == [0, 0]


def test_out() -> None:
    x = bs.ones(2, 3)
    assert bs.zeros(2, 3, out=x) is x
    assert x.tolist() == [[0] * 3] * 2
    bs.linspace(0, 1, 3, out=x[0])
    bs.full((2, 3), 7.0, out=x)
    assert x.tolist() == [[7] * 3] * 2
    with pytest.raises(bs.ShapeError, match="out is"):
        bs.zeros(3, out=x)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: bs.linspace(0, 1, 5), np.linspace(0, 1, 5)),
        (lambda: bs.linspace(3, -2.5, steps=7), np.linspace(3, -2.5, 7)),
        (lambda: bs.linspace(1, 2, 1), np.array([1.0])),
        (lambda: bs.linspace(1, 2, 0), np.array([])),
        (lambda: bs.linspace(0, 10, 4, dtype=bs.int64), np.array([0, 3, 6, 10])),
        (lambda: bs.logspace(-2, 2, 5), np.logspace(-2, 2, 5)),
        (lambda: bs.logspace(0, 3, 4, base=2), np.array([1.0, 2, 4, 8])),
        (lambda: bs.eye(2, 3), np.eye(2, 3)),
        (lambda: bs.arange(2, 8, 3), np.arange(2, 8, 3)),
        (lambda: bs.arange(start=1, end=2, step=0.25), np.arange(1, 2, 0.25)),
        (lambda: bs.arange(end=3), np.arange(3)),
        (lambda: bs.full((2,), True), np.array([True, True])),
    ],
)
def test_values(made: Callable[[], bs.Tensor], expected: np.ndarray[Any, Any]) -> None:
    np.testing.assert_allclose(made().numpy(), expected, rtol=1e-6)


def test_the_constructor_takes_sizes_or_data() -> None:
    assert bs.Tensor(2, 3).shape == (2, 3)
    assert bs.Tensor(5).shape == (5,)
    assert bs.Tensor().shape == (0,)
    assert bs.Tensor([1, 2]).dtype == bs.float32
    assert bs.Tensor([1, 2]).tolist() == [1, 2]
    assert bs.Tensor((2, 3)).tolist() == [2, 3]
    assert bs.Tensor(np.array([1.5, 2.5])).dtype == bs.float32
    assert bs.Tensor(bs.ones(2, dtype=bs.int64)).dtype == bs.float32
    assert bs.Tensor([1.0], requires_grad=True).requires_grad
    for wrong in ((1.5,), (True,), ("a",), ([1], [2]), (None,)):
        with pytest.raises(TypeError, match=r"\[Tensor\]"):
            bs.Tensor(*wrong)

    class Own(bs.Tensor):
        pass

    assert type(Own(2, 3)) is Own
    assert type(Own([1.0])) is Own


def test_the_constructor_takes_sizes_that_a_capture_tracks() -> None:
    @bs.compile
    def like(x: bs.Tensor) -> bs.Tensor:
        return bs.Tensor(x.shape) + bs.Tensor(x.shape[0], 1) + x

    for rows in (2, 3):
        assert like(bs.ones(rows, 4)).shape == (rows, 4)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (bs.FloatTensor, bs.float32),
        (bs.DoubleTensor, bs.float64),
        (bs.HalfTensor, bs.float16),
        (bs.BFloat16Tensor, bs.bfloat16),
        (bs.ByteTensor, bs.uint8),
        (bs.CharTensor, bs.int8),
        (bs.ShortTensor, bs.int16),
        (bs.IntTensor, bs.int32),
        (bs.LongTensor, bs.int64),
        (bs.BoolTensor, bs.bool_),
    ],
)
def test_typed_tensors(kind: Any, dtype: bs.DType) -> None:
    x = kind(2, 3)
    assert x.dtype == dtype
    assert x.shape == (2, 3)
    assert isinstance(x, kind)
    assert isinstance(x, bs.Tensor)
    assert isinstance(x, bs.LongTensor) == (dtype == bs.int64)
    assert kind([1, 0]).tolist() == [1, 0]
    assert x.type() == f"torch.{kind.__name__}"
    for name in (kind, dtype, x.type(), kind.__name__, f"backsweep.{kind.__name__}"):
        assert bs.ones(2).type(name).dtype == dtype
    assert x.new([1]).dtype == x.new(3).dtype == dtype
    assert repr(kind) == f"<class 'bs.{kind.__name__}'>"


def test_large_integers_keep_their_digits() -> None:
    assert bs.LongTensor([2**60 + 1]).tolist() == [2**60 + 1]
    with pytest.raises(ValueError, match="no type"):
        bs.ones(2).type("torch.ComplexTensor")


def test_tensors_like_a_tensor() -> None:
    x = bs.ones(2, dtype=bs.float64)
    assert x.new_zeros(2, 3).dtype == bs.float64
    assert x.new_ones((3,), dtype=bs.int64).tolist() == [1, 1, 1]
    assert x.new_empty(2).shape == (2,)
    assert x.new_full((2,), 3).tolist() == [3, 3]
    assert x.new_tensor([1, 2], requires_grad=True).dtype == bs.float64


def test_as_tensor_shares_and_tensor_copies() -> None:
    a = np.ones(3, np.float32)
    x = bs.ones(2)
    assert bs.as_tensor(x) is x
    assert bs.asarray(x) is x
    assert bs.as_tensor(x, dtype=bs.float64).dtype == bs.float64
    assert np.shares_memory(bs.as_tensor(a).numpy(), a)
    assert not np.shares_memory(bs.asarray(a, copy=True).numpy(), a)
    assert not np.shares_memory(bs.tensor(a).numpy(), a)
    assert bs.as_tensor([1, 2], dtype=bs.float16).dtype == bs.float16
    assert bs.asarray([1.0], requires_grad=True).requires_grad


def test_default_dtype() -> None:
    assert bs.get_default_dtype() == bs.float32
    bs.set_default_dtype(bs.float64)
    try:
        made = [
            bs.zeros(1),
            bs.ones(1),
            bs.rand(1),
            bs.randn(1),
            bs.tensor([1.0]),
            bs.tensor(1.0),
            bs.Tensor([1]),
        ]
        made += [
            bs.linspace(0, 1, 2),
            bs.arange(0.0, 1.0),
            bs.eye(1),
            bs.full((1,), 1.0),
            bs.ones(1, dtype=bs.int64) + 0.5,
        ]
        assert {x.dtype for x in made} == {bs.float64}
        assert (bs.ones(1, dtype=bs.float32) + 0.5).dtype == bs.float32
        assert bs.finfo().bits == 64
        assert repr(bs.tensor([0.5])) == "tensor([0.5000])"
    finally:
        bs.set_default_dtype(bs.float32)
    with pytest.raises(TypeError, match="float32 or float64"):
        bs.set_default_dtype(bs.int64)


def test_attributes() -> None:
    x = bs.ones(2, 3, dtype=bs.float16)
    assert (x.itemsize, x.nbytes, x.element_size(), x.nelement(), x.ndimension()) == (2, 12, 2, 6, 2)
    assert x.is_floating_point()
    assert bs.is_floating_point(x)
    assert not bs.is_complex(x)
    assert x.is_signed()
    assert x.layout is bs.strided
    assert x.is_same_size(bs.zeros(2, 3))
    assert bs.is_tensor(x)
    assert not bs.is_tensor(1)
    assert x.pin_memory() is x
    assert not x.is_pinned()
    assert bs.is_nonzero(bs.tensor([3.0]))
    with pytest.raises(RuntimeError, match="one element"):
        bs.is_nonzero(x)
    assert isinstance(x.dtype, bs.dtype)
    assert isinstance(x.shape, bs.Size)
    assert bs.Size([2, 3]) == x.shape


def test_copies_and_pickles_of_views_are_their_own() -> None:
    base = bs.arange(12).view(3, 4)
    for view in (base[1], base.T, base[:, 1:3], base.expand(2, 3, 4)):
        for twin in (copy.deepcopy(view), copy.copy(view), pickle.loads(pickle.dumps(view))):
            assert twin.tolist() == view.tolist()
            assert twin.shape == view.shape


def test_numpy_takes_tensors() -> None:
    x = bs.tensor([0.0, 1.0])
    assert np.asarray(x).dtype == np.float32
    assert np.array(x, np.float64).dtype == np.float64
    np.testing.assert_allclose(np.exp(x).numpy(), np.exp([0, 1]), rtol=1e-6)
    np.testing.assert_allclose((np.ones(2) * x).numpy(), [0, 1])
