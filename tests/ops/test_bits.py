"""`~ & | ^` of masks and integers; tensors of one number as text."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from driver import array
from programs import steps

SIGNS: dict[str, Callable[..., Any]] = {"&": operator.and_, "|": operator.or_, "^": operator.xor}
INTEGERS = ("int32", "int64", "uint8", "int8", "int16")


@pytest.mark.parametrize("sign", SIGNS)
def test_masks(sign: str) -> None:
    """Bools give bools, in a table of truth."""
    fn = SIGNS[sign]
    x, y = np.array([False, False, True, True]), np.array([False, True, False, True])
    for made in (fn(bs.tensor(x), bs.tensor(y)), fn(bs.tensor(x), y), fn(x, bs.tensor(y))):
        assert type(made) is bs.Tensor
        assert made.dtype == bs.bool_
        assert array(made).tolist() == fn(x, y).tolist()
    assert fn(bs.tensor(x), True).tolist() == fn(True, bs.tensor(x)).tolist() == fn(x, True).tolist()
    # A byte of a bool may be any but 0.
    raw = bs.from_numpy(np.array([0, 2, 255, 1], np.uint8).view(bool))
    assert (
        array(fn(raw, bs.tensor([True] * 4))).view(np.uint8).tolist()
        == fn(np.array([0, 1, 1, 1]), np.ones(4, int)).tolist()
    )
    assert array(~raw).view(np.uint8).tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("sign", SIGNS)
def test_integers(sign: str, dtype: str) -> None:
    fn, info = SIGNS[sign], np.iinfo(dtype)
    rng = np.random.default_rng(0)
    x, y = (rng.integers(info.min, info.max, (3, 37), dtype, endpoint=True) for _ in range(2))
    np.testing.assert_array_equal(array(fn(bs.tensor(x), bs.tensor(y))), fn(x, y), strict=True)
    np.testing.assert_array_equal(array(fn(bs.tensor(x), 5)), fn(x, np.array(5, dtype)), strict=True)
    np.testing.assert_array_equal(array(fn(5, bs.tensor(x).T)), fn(x, np.array(5, dtype)).T, strict=True)
    np.testing.assert_array_equal(array(~bs.tensor(x)), ~x, strict=True)
    mixed = fn(bs.tensor(x), bs.tensor(y > 0))
    np.testing.assert_array_equal(array(mixed), fn(x, (y > 0).astype(dtype)), strict=True)
    assert (bs.tensor([True, False]) & 1).dtype == bs.int64


def test_floats_have_no_bits() -> None:
    f, i = bs.ones(2), bs.tensor([1, 2])
    for call, name in [
        (lambda: f & i, "bitwise_and"),
        (lambda: i | f, "bitwise_or"),
        (lambda: i ^ 1.5, "bitwise_xor"),
        (lambda: ~f, "bitwise_not"),
        (lambda: ~f.half(), "bitwise_not"),
    ]:
        with pytest.raises(bs.DTypeError, match=rf"^\[{name}\] (input|other) is float"):
            call()


def test_compiled_masks() -> None:
    @bs.compile
    def f(x: bs.Tensor, y: bs.Tensor, n: bs.Tensor) -> tuple[bs.Tensor, ...]:
        mask = (x > 0) & ~(y > x) | (x < -1) ^ (y > 0)
        return bs.where(mask, x * 2, y), mask, bs.logical_not(mask), (n & 6) ^ ~n

    rng = np.random.default_rng(0)
    given = [bs.tensor(rng.normal(size=999)) for _ in range(2)] + [bs.tensor(rng.integers(-99, 99, 999))]
    for mine, want in zip(f(*given), f.__wrapped__(*given), strict=True):
        np.testing.assert_array_equal(array(mine), array(want), strict=True)
    assert any("bitwise_" in step for step in steps(f))


def test_numbers_as_text() -> None:
    """As PyTorch: tensors without axes by the rules of their number."""
    loss = bs.tensor(1.5, requires_grad=True)
    assert f"{loss:.4f} {loss * 2:8.1e} {loss}" == "1.5000  3.0e+00 1.5"
    assert f"{bs.tensor(7):04d} {bs.tensor(True)} {bs.tensor(2.5).half():.2f}" == "0007 True 2.50"
    assert f"{bs.Parameter(bs.tensor(0.25)):.1%}" == "25.0%"
    x = bs.tensor([1.0, 2.0])
    assert f"{x}" == str(x)
    assert f"{x!r:>30}" == repr(x).rjust(30)
    with pytest.raises(TypeError, match=r"^\[format\] a tensor of shape \(2,\) .* '\.3f' .* x\.item\(\)"):
        f"{x:.3f}"
    with pytest.raises(ValueError, match="format code 'd'"):
        f"{loss:d}"


def test_numbers_as_text_in_capture() -> None:
    seen = []

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        seen.append(f"{x}")
        return x + 1

    f(bs.tensor(1.0))
    assert "symbolic" in seen[0]
    with pytest.raises(bs.GraphError):
        bs.compile(lambda x: x + len(f"{x:.3f}"))(bs.tensor(1.0))
