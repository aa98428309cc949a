"""cat, stack, split, chunk, unbind: any number of tensors, any dtype; derivatives cost what they move."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core

RNG = np.random.default_rng(0)
DTYPES = [np.float32, np.float64, np.int32, np.int64, np.bool_]


def array(t: Any) -> np.ndarray:
    return np.asarray(t)


def leaf(*shape: int) -> bs.Tensor:
    return bs.tensor(RNG.normal(size=shape), requires_grad=True)


def both(fn: Callable[..., Any], *args: Any) -> Any:
    """Eager; a compiled run gives the same bits."""
    eager = fn(*args)
    compiled = bs.compile(fn)(*[a.detach() if isinstance(a, bs.Tensor) else a for a in args])
    pairs = zip(eager, compiled, strict=True) if isinstance(eager, tuple) else [(eager, compiled)]
    for e, c in pairs:
        np.testing.assert_array_equal(array(e), array(c))
    return eager


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_cat_and_split_are_numpys(dtype: Any, dim: int) -> None:
    parts = [np.moveaxis(RNG.integers(0, 2, (n, 3, 9)).astype(dtype), 0, dim) for n in (2, 0, 4, 1)]
    tensors = [bs.tensor(p) for p in parts]
    got = both(lambda *t: bs.cat(t, dim), *tensors)
    assert got.numpy().dtype == dtype
    np.testing.assert_array_equal(array(got), np.concatenate(parts, dim))
    back = both(lambda t: bs.split(t, [2, 0, 4, 1], dim), got)
    for b, p in zip(back, parts, strict=True):
        np.testing.assert_array_equal(array(b), p)


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -3])
def test_stack_and_unbind_are_numpys(dim: int) -> None:
    parts = [RNG.normal(size=(3, 4)) for _ in range(5)]
    got = both(lambda *t: bs.stack(t, dim=dim), *map(bs.tensor, parts))
    np.testing.assert_array_equal(array(got), np.stack(parts, dim))
    for b, p in zip(both(lambda t: bs.unbind(t, dim), got), parts, strict=True):
        np.testing.assert_array_equal(array(b), p)


def test_parts_are_views_of_one_buffer() -> None:
    x = bs.tensor(RNG.normal(size=(1000, 1000)))
    before = _core.allocated_bytes()
    parts = [*x.split(10), *x.chunk(7, 1), *x.unbind(1)]
    assert len(parts) == 100 + 7 + 1000
    assert _core.allocated_bytes() - before < 400_000
    del x
    np.testing.assert_array_equal(array(parts[99]), array(parts[99]))


@pytest.mark.parametrize(
    ("n", "size", "sizes"), [(7, 3, [3, 3, 1]), (6, 3, [3, 3]), (0, 3, [0]), (2, 5, [2])]
)
def test_sizes_of_split(n: int, size: int, sizes: list[int]) -> None:
    assert [p.shape[0] for p in bs.split(bs.zeros(n, 2), size)] == sizes


@pytest.mark.parametrize(
    ("n", "chunks", "sizes"), [(7, 3, [3, 3, 1]), (6, 4, [2, 2, 2]), (0, 2, [0, 0]), (5, 1, [5])]
)
def test_sizes_of_chunk(n: int, chunks: int, sizes: list[int]) -> None:
    assert [p.shape[0] for p in bs.zeros(n, 2).chunk(chunks)] == sizes


def test_promotion_and_empty_vectors() -> None:
    mixed = bs.cat([bs.tensor([1, 2]), bs.tensor([0.5]), bs.tensor([True])])
    assert mixed.dtype == bs.float32
    assert array(mixed).tolist() == [1.0, 2.0, 0.5, 1.0]
    assert bs.stack([bs.tensor(1), bs.tensor(2.5, dtype=bs.float64)]).dtype == bs.float64
    assert bs.cat([bs.zeros(0), bs.ones(2, 3)]).shape == (2, 3)
    assert bs.cat([bs.zeros(0), bs.zeros(0)]).shape == (0,)
    assert bs.unbind(bs.zeros(0, 3)) == ()
    assert bs.concat is bs.cat is bs.concatenate


MANY = bs.expand(bs.ones(1), (2**31,))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: bs.cat([]), ValueError, r"^\[cat\] tensors is empty"),
        (lambda: bs.cat(bs.ones(2)), TypeError, r"^\[cat\] tensors is a list or tuple"),
        (lambda: bs.cat([bs.ones(2), 3]), TypeError, r"^\[cat\] tensors\[1\] is int"),
        (
            lambda: bs.cat([bs.ones(2, 3), bs.ones(2, 4)]),
            bs.ShapeError,
            r"^\[cat\] tensors are \(2, 3\) and \(2, 4\)",
        ),
        (lambda: bs.cat([bs.ones(2), bs.ones(2, 1)]), bs.ShapeError, r"^\[cat\]"),
        (lambda: bs.cat([bs.tensor(1.0)]), bs.ShapeError, r"^\[cat\] tensors are 0-d.*stack"),
        (lambda: bs.cat([bs.ones(2)], 1), IndexError, r"^\[cat\] dim 1"),
        (
            lambda: bs.stack([bs.ones(2), bs.ones(3)]),
            bs.ShapeError,
            r"^\[stack\] tensors\[0\] is \(2,\), tensors\[1\]",
        ),
        (lambda: bs.stack([]), ValueError, r"^\[stack\] tensors is empty"),
        (lambda: bs.split(bs.ones(5), [2, 2]), ValueError, r"^\[split\] the sizes .* sum to 5"),
        (lambda: bs.split(bs.ones(5), [7, -2]), ValueError, r"^\[split\] the sizes"),
        (lambda: bs.split(bs.ones(5), 0), ValueError, r"^\[split\] the size of a part"),
        (lambda: bs.split(bs.ones(5), 2, 1), IndexError, r"^\[split\] dim 1"),
        (lambda: bs.split(bs.tensor(1.0), 1), bs.ShapeError, r"^\[split\] a 0-d tensor"),
        (lambda: bs.chunk(bs.ones(5), 0), ValueError, r"^\[chunk\] chunks is 1 or more"),
        (lambda: MANY.split(1), ValueError, r"^\[split\] 2147483648 parts are too many"),
        (lambda: MANY.chunk(2**31), ValueError, r"^\[chunk\] 2147483648 parts are too many"),
        (lambda: MANY.unbind(), ValueError, r"^\[unbind\] 2147483648 parts are too many"),
        (lambda: bs.unbind(bs.ones(5), 2), IndexError, r"^\[unbind\] dim 2"),
        (lambda: bs.ones(5).select(0, 5), IndexError, r"^\[select\] index 5"),
        (lambda: bs.ones(5).narrow(0, 3, 3), ValueError, r"^\[narrow\] length 3 from start 3"),
        (lambda: bs.ones(5).narrow(0, 6, 0), IndexError, r"^\[narrow\] start 6"),
    ],
)
def test_errors(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


# ---- Derivatives -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_first_and_second_derivatives(dim: int) -> None:
    x, y = leaf(3, 4, 2), leaf(3, 4, 2)
    tangent = bs.tensor(RNG.normal(size=(3, 4, 2)))

    def f(a: bs.Tensor, b: bs.Tensor) -> bs.Tensor:
        c = bs.cat([a * b, b, a], dim)
        parts = bs.split(c, [*[1] * (c.shape[dim] - 2), 2], dim)
        s = bs.stack(bs.unbind(bs.cat(parts[::-1], dim), dim), dim)
        first, *_, last = s.chunk(3, dim)
        return (s**3).sum() + (first * first * last[tuple(slice(n) for n in first.shape)]).sum()

    gx, gy = bs.grad(f(x, y), [x, y], create_graph=True)
    second = bs.grad((gx * tangent).sum() + (gy * tangent).sum(), [x, y])
    h = 1e-5
    for k in range(2):
        moved = [array(x), array(y)]

        def at(step: float, order: int, k: int = k, moved: list[np.ndarray] = moved) -> Any:
            values = [
                bs.tensor(v + step * array(tangent) * (order or i == k), requires_grad=True)
                for i, v in enumerate(moved)
            ]
            value = f(*values)
            return float(value) if order == 0 else array(bs.grad(value, values)[k])

        slope = (at(h, 0) - at(-h, 0)) / (2 * h)
        np.testing.assert_allclose((array((gx, gy)[k]) * array(tangent)).sum(), slope, rtol=1e-6)
        np.testing.assert_allclose(array(second[k]), (at(h, 1) - at(-h, 1)) / (2 * h), rtol=1e-5, atol=1e-6)


def test_parts_without_a_gradient_are_zero() -> None:
    x = leaf(6, 3)
    b = x.split([1, 3, 2])[1]
    g = bs.grad((b * b).sum(), x)
    want = np.zeros((6, 3))
    want[1:4] = 2 * array(x)[1:4]
    np.testing.assert_array_equal(array(g), want)
    rows = x.unbind(1)
    g = array(bs.grad(rows[0].sum() + 2.0 * rows[2].sum() + x[1].sum(), x))
    np.testing.assert_array_equal(g, np.tile([1.0, 0.0, 2.0], (6, 1)) + (np.arange(6) == 1)[:, None])


def test_slices_that_overlap_add_up() -> None:
    x = leaf(7, 5)
    keys: list[Any] = [
        2,
        -1,
        slice(None, None, 2),
        slice(5, 1, -3),
        (slice(None), 3),
        (4, slice(1, 4)),
        (Ellipsis, 0),
        slice(3, 3),
    ]
    weights = [RNG.normal(size=array(x)[k].shape) for k in keys]

    def f(t: bs.Tensor) -> bs.Tensor:
        total = (t * t).sum()
        for k, w in zip(keys, weights, strict=True):
            total = total + (t[k] * bs.tensor(w)).sum()
        return total

    want = 2 * array(x)
    for k, w in zip(keys, weights, strict=True):
        want[k] += w
    np.testing.assert_allclose(array(bs.grad(f(x), x)), want, atol=1e-12)
    inside = bs.compile(lambda t: bs.grad(f(t), t))
    np.testing.assert_array_equal(array(inside(x)), array(bs.grad(f(x), x)))


def test_slices_of_second_derivatives() -> None:
    x = leaf(4, 3)
    y = (x[0] * x[1]).sum() + (x[1:3] ** 3).sum() + x[3, 1] * x[0, 1]
    g = bs.grad(y, x, create_graph=True)
    h = array(bs.grad((g[1] * g[1]).sum() + g[0, 1], x))
    v = array(x)
    # g1 = x0 + 3 x1^2; g01 = x11 + x31
    want = np.zeros((4, 3))
    g1 = v[0] + 3 * v[1] ** 2
    want[0] = 2 * g1
    want[1] = 2 * g1 * 6 * v[1]
    want[1, 1] += 1
    want[3, 1] += 1
    np.testing.assert_allclose(h, want, atol=1e-12)


@pytest.mark.parametrize("n", [300, 70_000])
def test_any_number(n: int) -> None:
    x = leaf(n, 2)
    start = time.perf_counter()
    rows = bs.unbind(x)
    again = bs.cat([r.reshape(1, 2) for r in bs.unbind(bs.stack(rows))])
    pieces = bs.split(again, [1] * n)
    g = bs.grad((bs.cat(pieces) * x).sum(), x)
    seconds = time.perf_counter() - start
    np.testing.assert_array_equal(array(g), 2 * array(x))
    assert seconds < 30, "not linear"


def test_a_program_of_many() -> None:
    def f(x: bs.Tensor) -> bs.Tensor:
        rows = [x[i] * 2.0 for i in range(x.shape[0])]
        return bs.grad((bs.stack(rows) ** 2).sum(), x)

    x = leaf(300, 3)
    np.testing.assert_allclose(array(bs.compile(f)(x)), 8 * array(x))


def test_reading_all_rows_is_linear() -> None:
    """Each row once: one buffer for the gradient, not one per row."""
    x = leaf(2000, 100)
    total = x[0].sum()
    for t in range(1, 2000):
        total = total + x[t].sum()
    before = _core.allocated_bytes()
    start = time.perf_counter()
    g = bs.grad(total, x)
    assert time.perf_counter() - start < 0.5  # a zero tensor for each took 3 seconds
    assert array(g).min() == array(g).max() == 1.0
    del g
    assert _core.allocated_bytes() <= before


def test_absent_inputs_anywhere() -> None:
    x, bias = leaf(3, 4), leaf(4)
    ones = bs.ones(4, dtype=bs.float64)

    def f(weight: bs.Tensor | None) -> list[np.ndarray]:
        y, mean, rstd = _core.ops.layer_norm(x, weight, bias)
        value = (y**3).sum() + (mean * rstd).sum()
        return [array(y), *map(array, bs.grad(value, [x, bias]))]

    for got, want in zip(f(None), f(ones), strict=True):
        np.testing.assert_array_equal(got, want)
    inside = bs.compile(lambda a, b: _core.ops.layer_norm(a, None, b)[0])
    np.testing.assert_array_equal(array(inside(x.detach(), bias.detach())), f(None)[0])
