"""uint8, int8, int16, float16, bfloat16: stored, moved, cast; else by casts with PyTorch's result types."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core

INTEGERS = (bs.uint8, bs.int8, bs.int16)
FLOATS = (bs.float16, bs.bfloat16)
STORAGE = (*INTEGERS, *FLOATS)


def bits(t: bs.Tensor) -> Any:
    return _core.ops.bitcast(t, dtype=bs.int16).numpy()


def sample(dtype: bs.DType) -> bs.Tensor:
    return bs.tensor([[1.0, 2.5, 100.25], [0.0, 7.0, 3.0]]).to(dtype)


def test_every_half_survives_widening_and_narrowing() -> None:
    """All 65536 patterns, NaNs too; the values are NumPy's."""
    patterns = np.arange(65536, dtype=np.uint16).view(np.int16)
    for dtype in FLOATS:
        half = _core.ops.bitcast(bs.tensor(patterns), dtype=dtype)
        np.testing.assert_array_equal(bits(half.float().to(dtype)), patterns)
        # Processors make a signalling NaN a quiet one on the way to float64.
        np.testing.assert_array_equal(half.double().to(dtype).float().numpy(), half.float().numpy())
    np.testing.assert_array_equal(
        _core.ops.bitcast(bs.tensor(patterns), dtype=bs.float16).float().numpy(),
        patterns.view(np.float16).astype(np.float32),
    )
    wide = (patterns.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(
        _core.ops.bitcast(bs.tensor(patterns), dtype=bs.bfloat16).float().numpy(), wide
    )


def test_narrowing_rounds_to_nearest_even() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [
            rng.standard_normal(5000) * 2.0 ** rng.integers(-30, 20, 5000),
            [
                65504,
                65519.99,
                65520,
                1e6,
                2.0**-25,
                2.0**-25 * 1.01,
                2.0**-24,
                1 + 2.0**-11,
                1 + 3 * 2.0**-11,
            ],
            [np.inf, -np.inf, 0.0, -0.0],
        ]
    ).astype(np.float32)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(bs.tensor(x).half().numpy(), x.astype(np.float16))
    u = x.view(np.uint32).astype(np.uint64)
    want = ((u + 0x7FFF + ((u >> 16) & 1)) >> 16).astype(np.uint16).view(np.int16)
    np.testing.assert_array_equal(bits(bs.tensor(x).bfloat16()), want)
    assert np.isnan(float(bs.tensor(np.nan).half())) and np.isnan(float(bs.tensor(np.nan).bfloat16()))


@pytest.mark.parametrize("dtype", STORAGE, ids=str)
def test_casts_to_and_from_every_dtype(dtype: bs.DType) -> None:
    x = np.array([-3, -1, 0, 1, 2, 100])
    t = bs.tensor(x).to(dtype)
    assert t.dtype == dtype
    wrapped = x.astype(np.uint8) if dtype == bs.uint8 else x
    for other in (bs.float32, bs.float64, bs.int32, bs.int64, *STORAGE):
        want = wrapped.astype(np.uint8) if other == bs.uint8 else wrapped
        if other == bs.int8:
            want = wrapped.astype(np.int8)
        assert t.to(other).tolist() == want.tolist(), other
    assert t.bool().tolist() == [True, True, False, True, True, True]


@pytest.mark.parametrize("dtype", STORAGE, ids=str)
def test_moves(dtype: bs.DType) -> None:
    x = sample(dtype)
    want = x.float().numpy()
    for move in (
        lambda t: t.T,
        lambda t: t.reshape(3, 2)[1:],
        lambda t: t[::-1, 1],
        lambda t: t[np.array([1, 0, 1])],
        lambda t: t[None, ..., 2],
    ):
        got = move(x)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got.contiguous().float().numpy(), move(want))
    compiled = bs.compile(lambda t: t.T.contiguous().reshape(-1)[1:])
    np.testing.assert_array_equal(compiled(x).float().numpy(), want.T.reshape(-1)[1:])
    assert compiled(x).dtype == dtype


@pytest.mark.parametrize("dtype", STORAGE, ids=str)
def test_made_copied_pickled_shown(dtype: bs.DType) -> None:
    for made in (
        bs.zeros(2, dtype=dtype),
        bs.full((2,), 3, dtype=dtype),
        bs.arange(2, dtype=dtype),
        bs.eye(2, dtype=dtype),
        bs.tensor([1, 0], dtype=dtype),
        bs.asarray(np.ones(3), dtype=dtype),
    ):
        assert made.dtype == dtype
    x = sample(dtype)
    for twin in (copy.deepcopy(x), pickle.loads(pickle.dumps(x)), bs.Buffer(x)):
        assert twin.dtype == dtype
        assert twin.tolist() == x.tolist()
    assert f"dtype=bs.{dtype.name}" in repr(x)
    assert float(x[0, 0]) == 1.0
    assert x[0, 0].item() == 1
    assert isinstance(x[0, 0].item(), float if dtype in FLOATS else int)
    assert pickle.loads(pickle.dumps(dtype)) is dtype


def test_numpy_arrays_keep_their_dtype() -> None:
    for dtype in (np.uint8, np.int8, np.int16, np.float16):
        a = np.arange(5).astype(dtype)
        for t in (bs.tensor(a), bs.from_numpy(a), bs.asarray(a)):
            assert t.dtype.name == np.dtype(dtype).name
            assert t.numpy().dtype == dtype
            np.testing.assert_array_equal(t.numpy(), a)


def test_bfloat16_and_numpy() -> None:
    x = bs.tensor([1.5, 2.0]).bfloat16()
    for read in (lambda: x.numpy(), lambda: np.asarray(x), lambda: bs.bfloat16.dtype):
        with pytest.raises(bs.DTypeError, match=r"NumPy has no bfloat16: cast first, as in x.float\(\)"):
            read()
    assert x.tolist() == [1.5, 2.0]
    ml_dtypes = pytest.importorskip("ml_dtypes")
    t = bs.tensor(np.array([1.5, -2.0], ml_dtypes.bfloat16))
    assert t.dtype == bs.bfloat16 and t.tolist() == [1.5, -2.0]


RESULTS = {  # as PyTorch has them
    (bs.uint8, bs.int8): bs.int16,
    (bs.uint8, bs.int16): bs.int16,
    (bs.int8, bs.int32): bs.int32,
    (bs.uint8, bs.bool_): bs.uint8,
    (bs.float16, bs.bfloat16): bs.float32,
    (bs.float16, bs.int64): bs.float16,
    (bs.bfloat16, bs.float32): bs.float32,
    (bs.float16, bs.float64): bs.float64,
    (bs.int16, bs.bfloat16): bs.bfloat16,
    (bs.int8, bs.int8): bs.int8,
    (bs.float16, bs.float16): bs.float16,
}


@pytest.mark.parametrize(("a", "b"), RESULTS, ids=str)
def test_promotion(a: bs.DType, b: bs.DType) -> None:
    x, y = bs.tensor([1, 2, 3]).to(a), bs.tensor([1, 0, 1]).to(b)
    for s in (x + y, y + x, bs.compile(lambda p, q: p + q)(x, y)):
        assert s.dtype == RESULTS[a, b]
        assert s.tolist() == [2, 2, 4]
    assert (x > y).tolist() == [False, True, True]
    assert bs.maximum(x, y).dtype == RESULTS[a, b]


def test_arithmetic_wraps_and_rounds() -> None:
    u = bs.tensor([250, 5], dtype=bs.uint8)
    assert (u + 10).tolist() == [4, 15]
    assert (u + 10).dtype == bs.uint8
    assert (-u).tolist() == [6, 251]
    assert (u > 249.5).tolist() == [True, False]
    assert (u / 2).dtype == bs.float32
    i = bs.tensor([-128, 100], dtype=bs.int8)
    assert (i * 2).tolist() == [0, -56]
    h = bs.tensor([2048.0, 1.0]).half()
    assert (h + 1).tolist() == [2048.0, 2.0]  # float16 has 11 bits
    assert (h * 0.1).dtype == bs.float16
    assert bs.exp(bs.tensor([1.0]).bfloat16()).dtype == bs.bfloat16
    program = bs.compile(lambda x: (x + 1) + 1)  # rounded between the two, fused or not
    assert program(h).tolist() == ((h + 1) + 1).tolist() == [2048.0, 3.0]


@pytest.mark.parametrize("dtype", STORAGE, ids=str)
def test_reductions(dtype: bs.DType) -> None:
    x = bs.tensor(np.full((40, 3), 10)).to(dtype)
    total = bs.sum(x, 0)
    assert total.tolist() == [400.0] * 3 or dtype == bs.int8
    assert total.dtype == (dtype if dtype in FLOATS else total.dtype)
    assert bs.amax(x, 1).dtype == dtype
    assert bs.argmax(x, 1).dtype == bs.int64
    if dtype in FLOATS:
        assert bs.mean(x).dtype == dtype and float(bs.mean(x)) == 10


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_derivatives_pass_through(dtype: bs.DType) -> None:
    x = bs.tensor([1.0, 2.0], dtype=dtype, requires_grad=True)
    (x.float() * bs.tensor([3.0, 4.0])).sum().backward()
    assert x.grad is not None and x.grad.dtype == dtype
    assert x.grad.tolist() == [3.0, 4.0]
    (g,) = bs.grad((x * x).sum(), [x])
    assert g.dtype == dtype and g.tolist() == [2.0, 4.0]
    (g,) = bs.grad(x[bs.tensor([0, 0, 1])].float().sum(), [x])
    assert g.dtype == dtype and g.tolist() == [2.0, 1.0]


@pytest.mark.parametrize("dtype", STORAGE, ids=str)
def test_other_ops_name_the_cast(dtype: bs.DType) -> None:
    x, w = sample(dtype), bs.ones(4, 3)
    for refused in (
        lambda: bs.linear(x, w),
        lambda: bs.matmul(x, w.T),
        lambda: x @ w.T,
        lambda: bs.softmax(x, 1),
        lambda: bs.nn.functional.layer_norm(x, (3,)),
        lambda: bs.compile(lambda t: bs.linear(t, w))(x),
    ):
        with pytest.raises(
            bs.DTypeError, match=rf"{dtype.name}, .*cast it first, as in x.to\(bs.(float32|int32)\)"
        ):
            refused()


def test_numbers_must_fit() -> None:
    for dtype, good, bad in (
        (bs.uint8, (0, 255), (-1, 256)),
        (bs.int8, (-128, 127), (-129, 128)),
        (bs.int16, (-32768, 32767), (-32769, 32768)),
        (bs.int32, (-(2**31), 2**31 - 1), (2**31, -(2**31) - 1)),
        (bs.int64, (-(2**63), 2**63 - 1), (2**63, -(2**63) - 1)),
    ):
        for n in good:
            assert bs.tensor(n, dtype=dtype).item() == n
        for n in bad:
            with pytest.raises(ValueError, match="does not fit"):
                bs.tensor(n, dtype=dtype)


@pytest.mark.peers
@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "float16", "bfloat16"])
def test_as_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    values = [[-2.0, 3.5, 100.0], [0.0, 7.0, 1.0]]
    ours = bs.tensor(values).to(getattr(bs, name))
    theirs = torch.tensor(values).to(getattr(torch, name))
    assert ours.tolist() == theirs.tolist()
    for other in (
        "bool",
        "uint8",
        "int8",
        "int16",
        "int32",
        "int64",
        "float16",
        "bfloat16",
        "float32",
        "float64",
    ):
        a, b = ours.to(other), theirs.to(getattr(torch, other))
        assert a.tolist() == b.tolist(), other
        for fn in ("maximum", "mul"):
            x, y = getattr(bs, fn)(ours, a), getattr(torch, fn)(theirs, b)
            assert x.dtype.name == str(y.dtype).removeprefix("torch."), (fn, other)
            assert x.tolist() == y.tolist(), (fn, other)


@pytest.mark.parametrize("dtype", [bs.float16, bs.bfloat16], ids=lambda dtype: dtype.name)
def test_gradients_pass_through_parts(dtype: bs.DType) -> None:
    """Of slices that leave gaps, lie over each other, or are some of a split's."""
    cases = {
        (2.0, 1.0, 0.0): lambda y: y[0] * y[1],
        (0.0, 1.0, 1.0): lambda y: bs.split(y, [1, 2])[1],
        (1.0, 2.0, 1.0): lambda y: bs.cat([y[1:], y[:2]]),
        (1.0, 0.0, 1.0): lambda y: y[::2],
        (0.0, 0.0, 1.0): lambda y: bs.unbind(y)[2],
    }
    for want, fn in cases.items():
        x = bs.tensor([1.0, 2.0, 3.0], requires_grad=True)
        fn(x.to(dtype)).float().sum().backward()
        assert x.grad is not None
        np.testing.assert_array_equal(x.grad, want)
