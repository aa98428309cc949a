"""Whole quotients, what they leave, and rounding: exact, with PyTorch's signs and dtypes; integers by 0."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from driver import array
from programs import steps

FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("int32", "int64", "uint8", "int8", "int16")
ENDS = [
    0.0,
    1.0,
    0.1,
    0.3,
    0.5,
    1.5,
    2.5,
    3.0,
    7.0,
    1e-3,
    255.0,
    1e4,
    8388609.0,
    16777216.0,
    1e-40,
    1e30,
    3e38,
]
ENDS = [*ENDS, 65504.0, 5e-324, 1e-45, 1e300, 1.7e308, 4503599627370497.0, math.inf, math.nan]
Function = Callable[..., Any]
QUOTIENTS: dict[str, Function] = {
    "floor_divide": lambda lib, x, y: lib.floor_divide(x, y),
    "div(floor)": lambda lib, x, y: lib.div(x, y, rounding_mode="floor"),
    "div(trunc)": lambda lib, x, y: lib.div(x, y, rounding_mode="trunc"),
    "div(None)": lambda lib, x, y: lib.div(x, y, rounding_mode=None),
    "remainder": lambda lib, x, y: lib.remainder(x, y),
    "fmod": lambda lib, x, y: lib.fmod(x, y),
    "x // y": lambda _, x, y: x // y,
    "x % y": lambda _, x, y: x % y,
}


def rounding(name: str, **keywords: int) -> Function:
    return lambda lib, x: getattr(lib, name)(x, **keywords)


ROUNDED = {name: rounding(name) for name in ("floor", "ceil", "trunc", "fix", "round", "frac")}
DECIMALS = {f"round({n})": rounding("round", decimals=n) for n in (-2, -1, 0, 1, 3)}
BY_ZERO = ["floor_divide", "div(floor)", "div(trunc)", "remainder", "fmod", "x // y", "x % y"]


def pairs(values: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.array(values), np.array(values), indexing="ij")
    return x.ravel(), y.ravel()


def ends_of(dtype: str) -> list[int]:
    info = np.iinfo(dtype)
    near = [n for n in (0, 1, 2, 3, 7, 100, -1, -2, -3, -7) if n >= info.min]
    return [*near, int(info.min), int(info.min) + 1, int(info.max) // 2, int(info.max) - 1, int(info.max)]


def same(mine: np.ndarray, want: np.ndarray, text: str) -> None:
    """To the bit, also the sign of 0; any NaN is NaN."""
    assert mine.dtype == want.dtype and mine.shape == want.shape, text
    np.testing.assert_array_equal(mine, want, text)
    if want.dtype.kind == "f":
        number = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(mine[number]), np.signbit(want[number]), text)


# ---- Beside PyTorch ----------------------------------------------------------------------------------------


def both(fn: Function, dtype: str, *operands: np.ndarray, once: bool = False) -> None:
    """Beside PyTorch's function of single numbers: that of vectors gives NaN where a quotient overflows."""
    torch = pytest.importorskip("torch")
    mine = fn(bs, *(bs.tensor(x).to(getattr(bs, dtype)) for x in operands))
    theirs = [torch.tensor(np.stack([x, x], -1)).to(getattr(torch, dtype))[..., 0] for x in operands]
    if once:  # rounded once, at the end
        want = fn(torch, *(x.float() for x in theirs)).to(getattr(torch, dtype))
    else:
        want = fn(torch, *theirs)
    assert mine.dtype.name == str(want.dtype).removeprefix("torch.")
    if want.dtype.is_floating_point:
        mine, want = mine.double(), want.double()
    same(array(mine), want.numpy(), dtype)


@pytest.mark.peers
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", QUOTIENTS)
def test_quotients_of_floats(name: str, dtype: str) -> None:
    x, y = pairs([s * v for v in ENDS for s in (1.0, -1.0)])
    once = "16" in dtype and name not in ("remainder", "fmod", "x % y")
    both(QUOTIENTS[name], dtype, x, y, once=once)
    for k in range(0, len(ENDS), 3):
        both(QUOTIENTS[name], dtype, x, np.array(ENDS[k]), once=once)
        both(QUOTIENTS[name], dtype, np.array(ENDS[k]), y, once=once)


@pytest.mark.peers
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", QUOTIENTS)
def test_quotients_of_integers(name: str, dtype: str) -> None:
    x, y = pairs(ends_of(dtype))
    stops = (y == 0) | ((y == -1) & (x == x.min()))  # PyTorch's process, by the latter
    both(QUOTIENTS[name], dtype, x[~stops], y[~stops])


@pytest.mark.peers
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
@pytest.mark.parametrize("name", ROUNDED | DECIMALS)
def test_rounding(name: str, dtype: str) -> None:
    fn = (ROUNDED | DECIMALS)[name]
    if dtype in FLOATS:
        x = np.array([s * v for v in [*ENDS, 0.49999997, 1.25, 4.5, 123.456, 3.5] for s in (1.0, -1.0)])
        both(fn, dtype, x)
    elif name == "frac" or name in DECIMALS:
        if name != "round(0)":
            with pytest.raises(bs.DTypeError, match=rf"^\[{name[:4].rstrip('(')}.*{dtype}"):
                fn(bs, bs.tensor(ends_of(dtype)).to(getattr(bs, dtype)))
    else:
        both(fn, dtype, np.array(ends_of(dtype)))


@pytest.mark.peers
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_random_quotients(dtype: str) -> None:
    """Quotients of every size, near whole ones too."""
    rng = np.random.default_rng(3)
    n, most = 40_000, 120 if dtype == "float32" else 1000
    y = (rng.uniform(1, 2, n) * 2.0 ** rng.integers(-most, most, n)).astype(dtype)
    far = (rng.uniform(1, 2, n) * 2.0 ** rng.integers(-most, most, n)).astype(dtype)
    with np.errstate(over="ignore"):
        near = (y * rng.integers(1, 2**26, n)).astype(dtype)
        near = np.nextafter(near, rng.choice([-np.inf, np.inf], n).astype(dtype))
    for x in (far, near):
        x = np.where(np.isfinite(x), x, 1).astype(dtype) * rng.choice([-1, 1], n).astype(dtype)
        for name in ("fmod", "remainder", "floor_divide", "div(trunc)"):
            both(QUOTIENTS[name], dtype, x, y)


# ---- Exactness ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_remainders_are_exact(dtype: str) -> None:
    """Whatever the quotient: beside fractions of Python's integers."""
    rng = np.random.default_rng(0)
    most = 126 if dtype == "float32" else 1022
    x, y = (
        (rng.uniform(1, 2, 600) * 2.0 ** rng.integers(-most, most, 600) * rng.choice([-1, 1], 600)).astype(
            dtype
        )
        for _ in range(2)
    )
    got = array(bs.fmod(bs.tensor(x), bs.tensor(y)))
    for a, b, r in zip(x, y, got, strict=True):
        a, b = Fraction(float(a)), Fraction(float(b))
        assert Fraction(float(r)) == (abs(a) % abs(b)) * (1 if a > 0 else -1)
    # Multiples and their neighbours, where a quotient that is rounded is one too large.
    k = rng.integers(1, 2**22, 600).astype(dtype)
    with np.errstate(over="ignore"):
        below = np.nextafter(np.abs(y) * k, np.zeros_like(y))
    below = np.where(np.isfinite(below), below, 1).astype(dtype)
    got = array(bs.fmod(bs.tensor(below), bs.tensor(y)))
    for a, b, r in zip(below, y, got, strict=True):
        assert Fraction(float(r)) == Fraction(float(a)) % abs(Fraction(float(b)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_quotients_go_with_remainders(dtype: str) -> None:
    """x // y and x % y are those of Python's floats, in float64 to the bit; 1 // 0.1 is 9."""
    assert (bs.tensor(1.0) // 0.1).item() == 9
    assert (bs.tensor([1.0, -1.0], dtype=bs.float64) // 0.1).tolist() == [1.0 // 0.1, -1.0 // 0.1]
    rng = np.random.default_rng(1)
    x, y = rng.normal(0, 100, 500).astype(dtype), rng.normal(0, 3, 500).astype(dtype)
    q, r = array(bs.tensor(x) // bs.tensor(y)), array(bs.tensor(x) % bs.tensor(y))
    if dtype == "float64":
        assert q.tolist() == [a // b for a, b in zip(x.tolist(), y.tolist(), strict=True)]
        assert r.tolist() == [a % b for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    np.testing.assert_allclose(q * y + r, x, rtol=1e-5)
    assert ((r == 0) | (np.sign(r) == np.sign(y))).all()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_the_least_integer_by_minus_one(dtype: str) -> None:
    """Wraps around, where other programs end."""
    if dtype == "uint8":
        pytest.skip("has no sign")
    least = np.iinfo(dtype).min
    x, y = bs.tensor(np.full(40, least, dtype)), bs.tensor(np.full(40, -1, dtype))
    for op, want in ((operator.floordiv, least), (operator.mod, 0), (bs.fmod, 0)):
        assert array(op(x, y)).tolist() == [want] * 40
        assert array(op(x, -1)).tolist() == [want] * 40
    assert array(bs.div(x, y, rounding_mode="trunc")).tolist() == [least] * 40


# ---- Integers by 0 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*INTEGERS, "bool"])
@pytest.mark.parametrize("name", BY_ZERO)
def test_integers_by_zero_are_refused(name: str, dtype: str) -> None:
    fn = QUOTIENTS[name]
    x = bs.ones(3, 5, dtype=bs.int32)
    zeros = np.ones((3, 5), dtype)
    zeros[1, 4] = 0
    whole = bs.tensor(zeros)
    for y, place in [
        (whole, "(1, 4)"),
        (bs.tensor(zeros[1]), "(0, 4)"),
        (bs.tensor(zeros[:, 4:]), "(1, 0)"),
        (bs.tensor(zeros.T.copy()).T, "(1, 4)"),
        (bs.tensor(np.array(0, dtype)), "(0, 0)"),
    ]:
        with pytest.raises(ValueError, match=r"^\[\w+\] integers are divided by 0") as caught:
            fn(bs, x, y)
        assert f"element {place}" in str(caught.value)
    with pytest.raises(ValueError, match=r"^\[\w+\] integers are divided by 0: cast"):
        fn(bs, bs.tensor(7), bs.tensor(np.array(0, dtype)))
    assert fn(bs, bs.ones(0, dtype=bs.int32), bs.tensor(np.array(0, dtype))).shape == (0,)
    # Floats go on.
    assert not np.isfinite(array(fn(bs, x.float(), whole))[1, 4])


def test_integers_by_zero_on_threads() -> None:
    """The first place is named on any number of threads."""
    y = np.ones((600, 700), np.int64)
    y[[211, 500], [13, 0]] = 0
    before = bs.get_num_threads()
    try:
        for threads in (1, 2, 3):
            bs.set_num_threads(threads)
            with pytest.raises(ValueError, match=r"\(211, 13\)"):
                bs.ones(600, 700, dtype=bs.int64) % bs.tensor(y)
    finally:
        bs.set_num_threads(before)


# ---- Programs ----------------------------------------------------------------------------------------------


def test_floats_are_instructions_of_lists() -> None:
    @bs.compile
    def f(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        return bs.floor(x) * (x % y) + bs.div(x, y, rounding_mode="trunc") - (x // y).round() + bs.frac(x)

    rng = np.random.default_rng(0)
    x, y = bs.tensor(rng.normal(0, 9, 999).astype("f4")), bs.tensor(rng.normal(0, 1, 999).astype("f4"))
    same(array(f(x, y)), array(f.__wrapped__(x, y)), "compiled")
    assert len(steps(f)) == 1
    assert {"floor", "remainder", "trunc_divide", "floor_divide", "round", "frac"} <= set(
        steps(f)[0].split("+")
    )


def test_integers_are_checked_in_programs() -> None:
    """A step that meets a 0 raises as the plain call does, and changes nothing."""
    count = bs.Buffer(bs.tensor([0, 0], dtype=bs.int64))

    @bs.compile
    def f(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        count.assign(count + 1)
        return (x * 2) // y + x % 3

    x = bs.tensor([7, -7])
    assert f(x, bs.tensor([2, 2])).tolist() == [7 + 1, -7 + 2]
    assert count.tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"^\[floor_divide\] integers are divided by 0 \(element \(1,\) of"):
        f(x, bs.tensor([1, 0]))
    assert count.tolist() == [1, 1]
    assert f(x, bs.tensor([-2, 2])).tolist() == [-7 + 1, -7 + 2]


# ---- Calls -------------------------------------------------------------------------------------------------


def test_operators() -> None:
    t, f = bs.tensor([5, -7]), bs.tensor([0.5, -1.5])
    for made, want, dtype in [
        (t // 2, [2, -4], "int64"),
        (t % 4, [1, 1], "int64"),
        (7 // t, [1, -1], "int64"),
        (7 % t, [2, 0], "int64"),
        (t % 2.5, [0.0, 0.5], "float32"),
        (7.5 // f, [15.0, -5.0], "float32"),
        (True // t, [0, -1], "int64"),
        (t // True, [5, -7], "int64"),
        (t // np.array([2, 2]), [2, -4], "int64"),
        (np.array([7, 7]) // t, [1, -1], "int64"),
        (np.array([7, 7]) % t, [2, 0], "int64"),
        (np.int64(7) % t, [2, 0], "int64"),
        (bs.tensor([True, True]) // 2, [0, 0], "int64"),
        (np.floor(f), [0.0, -2.0], "float32"),
        (np.rint(f), [0.0, -2.0], "float32"),
        (np.fmod(t, 3), [2, -1], "int64"),
        (np.round(f * 1.26, 1), [np.float32(0.6), np.float32(-1.9)], "float32"),
    ]:
        assert type(made) is bs.Tensor
        assert made.tolist() == [float(w) if dtype == "float32" else w for w in want]
        assert made.dtype == dtype
    t //= 2
    assert t.tolist() == [2, -4]
    t %= 3
    assert t.tolist() == [2, 2]


def test_rounding_modes() -> None:
    x, y = bs.tensor([7, -7]), bs.tensor([2, 2])
    assert bs.div(x, y).tolist() == x.div(y, rounding_mode=None).tolist() == [3.5, -3.5]
    assert (
        x.div(y, rounding_mode="floor").tolist() == bs.divide(x, y, rounding_mode="floor").tolist() == [3, -4]
    )
    assert bs.div(input=x, other=y, rounding_mode="trunc").tolist() == [3, -3]
    assert bs.div(7, y, rounding_mode="floor").tolist() == [3, 3]
    with pytest.raises(
        ValueError, match=r'^\[div\] rounding_mode is \'ceil\'; it must be None, "floor" or "trunc"'
    ):
        bs.div(x, y, rounding_mode="ceil")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^\[div\] takes 2 arguments"):
        bs.div(x, y, "floor")  # type: ignore[call-arg]
    for mode in ("floor", "trunc"):
        with pytest.raises(bs.DTypeError, match=rf"^\[{mode}_divide\] input is bool"):
            bs.div(x > 0, y > 0, rounding_mode=mode)


def test_other_names() -> None:
    """PyTorch's second names are the same functions, and methods."""
    for name, others in {
        "div": ["divide", "true_divide"],
        "trunc": ["fix"],
        "sub": ["subtract"],
        "mul": ["multiply"],
        "neg": ["negative"],
        "abs": ["absolute"],
        "ne": ["not_equal"],
        "lt": ["less"],
        "le": ["less_equal"],
        "gt": ["greater"],
        "ge": ["greater_equal"],
    }.items():
        for other in others:
            assert getattr(bs, other) is getattr(bs, name)
            assert other in bs.__all__
            assert getattr(bs.Tensor, other) is getattr(bs.Tensor, name)
    assert bs.ones(2).subtract(3, alpha=2).tolist() == [-5, -5]


# ---- Derivatives -------------------------------------------------------------------------------------------


@pytest.mark.peers
@pytest.mark.parametrize("name", ["div(floor)", "div(trunc)", "remainder", "fmod", "x % y"])
def test_derivatives_of_quotients(name: str) -> None:
    torch = pytest.importorskip("torch")
    fn = QUOTIENTS[name]
    x, y = pairs([-3.0, -0.5, 0.0, 0.7, 2.0, 1e9, math.inf, math.nan])
    w = np.random.default_rng(0).normal(size=x.shape)
    made = []
    for lib in (bs, torch):
        leaves = [lib.tensor(a, requires_grad=True) for a in (x, y)]
        fn(lib, *leaves).backward(lib.tensor(w))
        made.append([leaf.grad.tolist() for leaf in leaves])
    for mine, want in zip(*made, strict=True):
        np.testing.assert_array_equal(mine, want)


@pytest.mark.peers
@pytest.mark.parametrize("name", ROUNDED | DECIMALS)
def test_derivatives_of_rounding(name: str) -> None:
    torch = pytest.importorskip("torch")
    fn, made = (ROUNDED | DECIMALS)[name], []
    for lib in (bs, torch):
        x = lib.tensor([-1.5, 0.0, 0.3, 2.0, math.inf, math.nan], requires_grad=True)
        fn(lib, x).backward(lib.tensor([1.0, 2.0, 3.0, 4.0, 5.0, math.inf]))
        made.append(x.grad.tolist())
    np.testing.assert_array_equal(made[0], made[1])


def test_derivatives_of_broadcast_and_mixed_operands() -> None:
    x, y = bs.tensor([[7, -5, 3]]), bs.tensor([[2.5], [-2.0]], requires_grad=True)
    (x % y).sum().backward()
    assert y.grad is not None
    assert y.grad.tolist() == [[-(2 - 2 + 1)], [-(-4 + 2 - 2)]]
    z = bs.tensor([1.5, 2.5], requires_grad=True)
    for flat in (z // 2, bs.floor(z), bs.round(z), z.div(0.7, rounding_mode="trunc")):
        assert flat.requires_grad
        (g,) = bs.grad([flat.sum()], [z])
        assert g.tolist() == [0, 0]
