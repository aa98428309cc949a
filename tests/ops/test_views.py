"""Views: reshape copies only where no strides give the shape, and view refuses there."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backsweep as bs
from backsweep import _core
from driver import array, bits
from programs import steps

SIZES = st.lists(st.sampled_from((1, 2, 2, 3, 4, 6)), max_size=4)


def factors(data: st.DataObject, n: int) -> list[int]:
    """A shape of n elements."""
    shape = []
    while n > 1:
        size = data.draw(st.sampled_from([k for k in range(2, n + 1) if n % k == 0]))
        shape.append(size)
        n //= size
    for _ in range(data.draw(st.integers(0, 2))):
        shape.insert(data.draw(st.integers(0, len(shape))), 1)
    return shape[:8]


@given(st.data())
def test_reshape_copies_only_where_numpy_must(data: st.DataObject) -> None:
    a = np.arange(math.prod(sizes := data.draw(SIZES)), dtype=np.float32).reshape(sizes)
    x = bs.tensor(a)
    a = x.numpy()
    for _ in range(data.draw(st.integers(0, 3))):
        kind = data.draw(st.sampled_from(("permute", "slice", "expand")))
        if kind == "permute":
            order = data.draw(st.permutations(range(a.ndim)))
            x, a = x.permute(tuple(order)), a.transpose(order)
        elif kind == "slice" and a.ndim:
            dim = data.draw(st.integers(0, a.ndim - 1))
            start, step = data.draw(st.integers(0, a.shape[dim] - 1)), data.draw(st.sampled_from((1, 2, -1)))
            x = _core.ops.slice(x, dim=dim, start=start, step=step)
            a = np.moveaxis(np.moveaxis(a, dim, 0)[start::step], 0, dim)
        elif kind == "expand":
            shape = (2, *a.shape)
            x, a = bs.expand(x, shape), np.broadcast_to(a, shape)
    shape = factors(data, a.size)
    assert x.is_contiguous() == (a.flags.c_contiguous or a.size == 1)
    want = a.reshape(shape)
    y = x.reshape(shape)
    np.testing.assert_array_equal(array(y), want)
    shared = np.shares_memory(want, a)
    assert np.shares_memory(y.numpy(), x.numpy()) == shared, (a.shape, a.strides, shape)
    if shared:
        assert bits(x.view(shape)) == bits(y)
        if all(size > 1 for size in shape):
            assert y.stride() == tuple(s // a.itemsize for s in want.strides)
    else:
        with pytest.raises(bs.ShapeError, match=r"^\[view\] .*reshape copies"):
            x.view(shape)


def test_strides() -> None:
    x = bs.zeros(2, 3, 4)
    assert x.stride() == (12, 4, 1) and x.stride(-2) == 4 and x.is_contiguous()
    y = x.transpose(0, 2)
    assert y.stride() == (1, 4, 12) and not y.is_contiguous() and y.contiguous().is_contiguous()
    assert x[1:].is_contiguous() and not x[:, 1:].is_contiguous()
    assert bs.tensor(1.0).stride() == ()
    with pytest.raises(IndexError, match=r"^\[stride\] dim 3 "):
        x.stride(3)


def heads(x: bs.Tensor, n: int) -> bs.Tensor:
    """(B, T, C) to (B, n, T, C / n), as attention does."""
    b, t, c = x.shape
    return x.view(b, t, n, c // n).transpose(1, 2)


def test_splitting_heads_copies_nothing() -> None:
    """Nor does the first half of joining them."""
    x = bs.tensor(np.arange(2 * 5 * 12, dtype=np.float32).reshape(2, 5, 12))
    split = bs.compile(lambda x: heads(x * 2.0, 3).sum(-1))
    assert bits(split(x)) == bits(heads(x * 2.0, 3).sum(-1))
    before = _core.allocated_bytes()
    h = heads(x, 3)
    joined = h.transpose(1, 2)
    joined = joined.reshape(2, 5, 12)
    assert _core.allocated_bytes() - before < x.numel() * 4
    assert joined.is_contiguous() and np.shares_memory(joined.numpy(), x.numpy())
    there_and_back = bs.compile(lambda x: bs.exp(heads(x * 2.0, 3).transpose(1, 2).reshape(2, 5, 12)))
    assert "contiguous" not in "".join(steps_of(there_and_back, x))


def steps_of(fn: Any, *inputs: bs.Tensor) -> list[str]:
    fn(*inputs)
    return steps(fn)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_derivatives_flow_through_any_view(order: tuple[int, ...]) -> None:
    a = np.arange(24.0).reshape(2, 3, 4)
    weights = np.sin(np.arange(24.0))
    x = bs.tensor(a, requires_grad=True)

    def loss(x: bs.Tensor) -> bs.Tensor:
        flat = x.permute(order).reshape(-1)
        return (flat * flat * bs.tensor(weights)).sum()

    want = np.empty_like(a)
    want.transpose(order)[...] = (2 * a.transpose(order).ravel() * weights).reshape(a.transpose(order).shape)
    np.testing.assert_allclose(array(bs.grad(loss(x), x)), want)
    np.testing.assert_allclose(array(bs.compile(lambda x: bs.grad(loss(x), x))(x)), want)
