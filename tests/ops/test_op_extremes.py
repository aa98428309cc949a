"""Where numbers end: overflow, zero gradients at poles, NaN, infinities, denormals, equal maxima."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core
from backsweep.nn import functional as F
from driver import ELEMENTWISE, REGISTRY, array, bits, call, gradients, value
from oracles import ORACLES

DTYPES = ("float32", "float64")
BIG = {
    "float32": [0.0, 1.0, 30.0, 88.0, 104.0, 1e4, 3e38],
    "float64": [0.0, 1.0, 30.0, 709.0, 745.0, 1e4, 3e38, 1.7e308],
}


def both_signs(dtype: str) -> np.ndarray:
    return np.array([s * v for v in BIG[dtype] for s in (1, -1)], dtype)


def slope(fn: Callable[[bs.Tensor], bs.Tensor], x: np.ndarray) -> np.ndarray:
    leaf = bs.tensor(x, requires_grad=True)
    return array(bs.grad(fn(leaf).sum(), leaf))


SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("dtype", DTYPES)
# The difference in lerp overflows as PyTorch's does.
@pytest.mark.parametrize("name", [n for n in ELEMENTWISE if not ORACLES[n].integers and n != "lerp"])
def test_special_values(name: str, dtype: str) -> None:
    """Every combination of ±0, ±inf, NaN, denormals and the largest numbers, as IEEE arithmetic has it."""
    info = np.finfo(dtype)
    one = np.array(
        [*SPECIAL, info.max, info.min, info.tiny, info.smallest_subnormal, -info.smallest_subnormal], dtype
    )
    n = len(REGISTRY[name]["inputs"])
    inputs = list(np.meshgrid(*[one] * n, indexing="ij"))
    for i in ORACLES[name].bools:
        inputs[i] = inputs[i] > 0
    (got,) = call(name, [bs.tensor(x) for x in inputs], {})
    wide = [x.astype(np.float64) if dtype == "float32" and x.dtype.kind == "f" else x for x in inputs]
    with np.errstate(all="ignore"):
        (want,) = (w.astype(array(got).dtype) for w in value(name, wide, {}))
    eps = 4 * info.eps
    np.testing.assert_allclose(
        array(got), want, rtol=eps if want.dtype.kind == "f" else 0, atol=4 * info.smallest_subnormal
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_overflows(dtype: str) -> None:
    """softplus, the logistic losses, their derivatives: finite for finite scores, exact at the ends."""
    x = both_signs(dtype)
    y = array(F.softplus(bs.tensor(x)))
    assert np.isfinite(y).all()
    np.testing.assert_array_equal(y[np.abs(x) >= 1e4], np.maximum(x, 0)[np.abs(x) >= 1e4])
    d = slope(F.softplus, x)
    assert ((d >= 0) & (d <= 1)).all()

    for label in (-1.0, 1.0):
        target = bs.tensor(np.full_like(x, label))
        loss = array(F.logistic_loss(bs.tensor(x), target, reduction="none"))
        assert np.isfinite(loss).all()
        np.testing.assert_array_equal(loss[np.abs(x) >= 1e4], np.maximum(-label * x, 0)[np.abs(x) >= 1e4])
        assert (np.abs(slope(lambda t, y=target: F.logistic_loss(t, y, reduction="sum"), x)) <= 1).all()
    for label in (0.0, 0.3, 1.0):
        target = bs.tensor(np.full_like(x, label))
        loss = array(F.binary_cross_entropy_with_logits(bs.tensor(x), target, reduction="none"))
        assert np.isfinite(loss).all()
        want = np.maximum(x, 0).astype(float) - x.astype(float) * np.dtype(dtype).type(label)
        far = np.abs(x) >= 1e4
        np.testing.assert_allclose(loss[far], want[far], rtol=1e-6)
        d = slope(lambda t, y=target: F.binary_cross_entropy_with_logits(t, y, reduction="sum"), x)
        assert (np.abs(d) <= 1).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("big", [1e4, 3e38])
def test_cross_entropy_does_not_overflow(dtype: str, big: float) -> None:
    rows = np.array([[big, 0, -big], [big, big, big], [-big, -big, -big], [0, big, 0], [-big, 0, 0]], dtype)
    for target in range(3):
        leaf = bs.tensor(rows, requires_grad=True)
        loss = F.cross_entropy(leaf, bs.tensor(np.full(5, target)), reduction="none")
        # Scores differ by at most 2 * 3e38, which only float64 can hold.
        picked = rows[:, target].astype(float)
        want = rows.max(1).astype(float) - picked + np.log((rows == rows.max(1, keepdims=True)).sum(1))
        with np.errstate(over="ignore"):
            np.testing.assert_allclose(array(loss), want.astype(dtype), rtol=1e-6)
        g = array(bs.grad(loss.sum(), leaf))
        soft = (rows == rows.max(1, keepdims=True)) / (rows == rows.max(1, keepdims=True)).sum(
            1, keepdims=True
        )
        np.testing.assert_allclose(g, soft - (np.arange(3) == target), atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy_of_excluded_classes(dtype: str) -> None:
    """A score of -inf rules a class out: its probability and its derivative are 0."""
    leaf = bs.tensor(np.array([[1.0, -np.inf, 1.0]], dtype), requires_grad=True)
    loss = F.cross_entropy(leaf, bs.tensor([0]))
    assert float(loss) == pytest.approx(np.log(2), rel=1e-6)
    np.testing.assert_allclose(array(bs.grad(loss, leaf)), [[-0.5, 0, 0.5]], atol=1e-6)
    assert float(F.cross_entropy(leaf, bs.tensor([1]))) == np.inf


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_at_the_ends(dtype: str) -> None:
    """Large scores overflow nothing, -inf gives 0; a row of -inf, or with +inf or NaN, has no softmax."""
    big, inf = 3e38, np.inf
    rows = np.array([[big, 0, -big], [big, big, big], [1e4, 1e4 - 1, -1e4], [1, -inf, 1]], dtype)
    e = np.exp(-1)
    want = np.array([[1, 0, 0], [1 / 3] * 3, [1 / (1 + e), e / (1 + e), 0], [0.5, 0, 0.5]])
    for dim, x in ((1, rows), (0, rows.T.copy())):
        got = array(bs.softmax(bs.tensor(x), dim))
        np.testing.assert_allclose(got if dim == 1 else got.T, want, rtol=2e-6)
        logs = array(bs.log_softmax(bs.tensor(x), dim))
        there = want > 0
        np.testing.assert_allclose((logs if dim == 1 else logs.T)[there], np.log(want[there]), atol=2e-6)
    np.testing.assert_array_equal(array(bs.log_softmax(bs.tensor(rows[3:]), 1))[0, 1], -inf)
    leaf = bs.tensor(rows, requires_grad=True)
    for fn in (bs.softmax, bs.log_softmax):
        assert np.isfinite(array(bs.grad(fn(leaf, 1)[:, 0].sum(), leaf))).all()
    for row in ([-inf] * 3, [inf, 0, 1], [np.nan, 0, 1]):
        for fn in (bs.softmax, bs.log_softmax):
            assert np.isnan(array(fn(bs.tensor(np.array(row, dtype)), 0))).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_logsumexp_at_the_ends(dtype: str) -> None:
    inf = np.inf
    rows = np.array([[3e38, 0, -3e38], [-inf, -inf, -inf], [inf, 0, 1], [np.nan, 0, 1], [1, -inf, 1]], dtype)
    got = array(bs.logsumexp(bs.tensor(rows), 1))
    np.testing.assert_allclose(got, np.array([3e38, -inf, inf, np.nan, 1 + np.log(2)], dtype), rtol=1e-6)
    d = slope(lambda t: bs.logsumexp(t, 1), rows[[0, 4]])
    np.testing.assert_allclose(d, [[1, 0, 0], [0.5, 0, 0.5]], rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_positions_of_extremes(dtype: str) -> None:
    """The first of equal ones; NaN before every number; infinities."""
    inf, nan = np.inf, np.nan
    rows = np.array([[1, 3, 3, 1], [nan, 3, nan, 1], [3, 5, nan, nan], [-inf] * 4, [inf] * 4], dtype)
    for dim, x in ((1, rows), (0, rows.T.copy())):
        assert array(bs.argmax(bs.tensor(x), dim)).tolist() == [1, 0, 2, 0, 0]
        assert array(bs.argmin(bs.tensor(x), dim)).tolist() == [0, 0, 2, 0, 0]
    assert int(bs.argmax(bs.tensor(rows))) == 4
    for at in (0, 15, 16, 4095, 4096, 70_000, 99_999):  # lanes and blocks
        x = np.zeros(100_000, dtype)
        x[at] = x[-1] = 1
        assert int(bs.argmax(bs.tensor(x))) == int(bs.argmin(bs.tensor(-x))) == at
        x[at] = nan
        assert int(bs.argmax(bs.tensor(x))) == int(bs.argmin(bs.tensor(x))) == at


def test_bools_are_counted() -> None:
    x = np.random.default_rng(0).integers(0, 2, (300, 70, 3)).astype(bool)
    for dim in (None, 0, 1, (0, 2), (1, 2)):
        got = array(bs.sum(bs.tensor(x), dim))
        assert got.dtype == np.int64
        np.testing.assert_array_equal(got, x.sum(dim))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("f", "pole"),
    [
        (bs.log, 0),
        (bs.log1p, -1),
        (bs.sqrt, 0),
        (bs.rsqrt, 0),
        (bs.reciprocal, 0),
        (lambda t: t**0.3, 0),
        (lambda t: t**-2, 0),
    ],
    ids=["log", "log1p", "sqrt", "rsqrt", "reciprocal", "pow0.3", "pow-2"],
)
def test_zero_gradient_stays_zero_at_the_pole(
    f: Callable[[bs.Tensor], bs.Tensor], pole: float, dtype: str
) -> None:
    x = np.array([pole, pole, 4.0], dtype)
    weight = bs.tensor(np.array([0.0, 1.0, 1.0], dtype))
    d = slope(lambda t: f(t) * weight, x)
    assert d[0] == 0
    assert np.isinf(d[1])
    assert np.isfinite(d[2]) and d[2] != 0
    # As it comes about in practice: the branch that was not chosen.
    d = slope(lambda t: bs.where(t > 1.0, f(t), 0.0), x)
    np.testing.assert_array_equal(d[:2], 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_derivatives_of_powers_at_zero(dtype: str) -> None:
    """By x: y x^(y - 1), 0 for y = 0; by y: 0 at x = 0 for y >= 0, as in PyTorch."""
    x = bs.tensor(np.array([0.0, 0.0, 0.0, 0.0, -2.0, 2.0], dtype), requires_grad=True)
    y = bs.tensor(np.array([0.0, 1.0, 2.0, 0.5, 3.0, -1.0], dtype), requires_grad=True)
    by_x, by_y = (array(g) for g in gradients(bs.pow(x, y).sum(), [x, y]))
    np.testing.assert_allclose(by_x, [0, 1, 0, np.inf, 12, -0.25])
    np.testing.assert_allclose(by_y[[0, 1, 2, 3, 5]], [0, 0, 0, 0, np.log(2) / 2], rtol=1e-6)
    np.testing.assert_array_equal(slope(lambda t: t**3.0, np.array([-2.0, 0.0], dtype)), [12, 0])
    np.testing.assert_array_equal(slope(lambda t: t**5, np.array([-2.0, 0.0], dtype)), [80, 0])


def test_powers_of_integers() -> None:
    x = np.array([-3, -2, -1, 0, 1, 2, 3, 7], np.int64)
    for y in range(9):
        np.testing.assert_array_equal(array(bs.pow(bs.tensor(x), y)), x**y)
        np.testing.assert_array_equal(array(bs.tensor(x.astype(np.int32)) ** y), x.astype(np.int32) ** y)
    np.testing.assert_array_equal(array(bs.pow(bs.tensor(x), bs.tensor(-3))), [0, 0, -1, 0, 1, 0, 0, 0])
    np.testing.assert_array_equal(array(bs.pow(bs.tensor(x), bs.tensor(-2))), [0, 0, 1, 0, 1, 0, 0, 0])
    assert int(bs.pow(bs.tensor(3), 50)) == (3**50 + 2**63) % 2**64 - 2**63  # wraps, as NumPy's do


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_propagates(dtype: str) -> None:
    nan, one = np.array([np.nan], dtype), np.array([1.0], dtype)
    assert np.isnan(array(bs.relu(bs.tensor(nan))))
    for x, y in (
        (nan, one),
        (one, nan),
        (nan, nan),
        (nan, np.array([np.inf], dtype)),
        (np.array([np.inf], dtype), nan),
    ):
        for choice in (bs.maximum, bs.minimum):
            assert np.isnan(array(choice(bs.tensor(x), bs.tensor(y))))
    for at in range(40):  # in each lane
        x = np.arange(40).astype(dtype)
        x[at] = np.nan
        for extreme in (bs.amax, bs.amin):
            assert np.isnan(array(extreme(bs.tensor(x))))
            over_rows = np.isnan(array(extreme(bs.tensor(x.reshape(8, 5)), 0)))
            assert over_rows.nonzero()[0].tolist() == [at % 5]
        assert np.isnan(array(bs.relu(bs.tensor(x)))).nonzero()[0].tolist() == [at]
    loss = F.cross_entropy(
        bs.tensor(np.array([[np.nan, 0, 0], [0, 0, 0]], dtype)), bs.tensor([1, 1]), reduction="none"
    )
    np.testing.assert_array_equal(np.isnan(array(loss)), [True, False])


@pytest.mark.parametrize("shapes", [((130,), (130,)), ((3, 130), (130,)), ((3, 130), (3, 1)), ((7,), ())])
def test_a_nan_is_a_nan_whichever_operand_it_came_from(shapes: tuple[tuple[int, ...], ...]) -> None:
    """Of sqrt(-1) and its absolute value, of another sign, a list may hand on the other one."""
    given = [bs.full(shape, -1.0) for shape in shapes]
    for combine in (bs.add, bs.mul, bs.maximum, bs.sub):

        def fn(x: bs.Tensor, y: bs.Tensor, combine: Callable[..., bs.Tensor] = combine) -> list[bs.Tensor]:
            root, size = bs.sqrt(x), abs(bs.sqrt(y))
            return [combine(root * 1.0, size * 1.0), combine(size * 1.0, root * 1.0)]

        for eager, compiled in zip(fn(*given), bs.compile(fn)(*given), strict=True):
            assert bits(eager) == bits(compiled)
            assert np.isnan(array(eager)).all()


def test_derivatives_at_kinks() -> None:
    np.testing.assert_array_equal(slope(bs.relu, np.array([-1.0, -0.0, 0.0, 5e-324, 1.0])), [0, 0, 0, 1, 1])
    x, y = bs.tensor([1.0, 2.0, 3.0], requires_grad=True), bs.tensor([2.0, 2.0, 2.0], requires_grad=True)
    gx, gy = gradients(bs.maximum(x, y).sum(), [x, y])
    np.testing.assert_array_equal(array(gx), [0, 0.5, 1])
    np.testing.assert_array_equal(array(gy), [1, 0.5, 0])
    gx, gy = gradients(bs.minimum(x, y).sum(), [x, y])
    np.testing.assert_array_equal(array(gx), [1, 0.5, 0])
    np.testing.assert_array_equal(array(gy), [0, 0.5, 1])
    np.testing.assert_array_equal(slope(bs.amax, np.array([1.0, 3.0, 3.0])), [0, 0.5, 0.5])
    np.testing.assert_array_equal(slope(bs.amin, np.array([1.0, 3.0, 1.0])), [0.5, 0, 0.5])


def test_derivatives_at_nan() -> None:
    """As PyTorch's: a NaN that a choice passes on passes its derivative on; what is constant beside it, 0."""
    x = np.array([np.nan, 1.0, -2.0])
    np.testing.assert_array_equal(slope(bs.relu, x), [1, 1, 0])
    np.testing.assert_array_equal(slope(bs.abs, x), [0, 1, -1])
    np.testing.assert_array_equal(slope(bs.sign, x), [0, 0, 0])
    np.testing.assert_array_equal(slope(F.leaky_relu, x), [0.01, 1, 0.01])
    for fn in (bs.amax, bs.amin):
        np.testing.assert_array_equal(slope(fn, x), [np.nan] * 3)
    a, b = bs.tensor([np.nan, 1.0, np.nan], requires_grad=True), bs.tensor([1.0, np.nan, np.nan])
    b.requires_grad_()
    for choice in (bs.maximum, bs.minimum):
        for g in gradients(choice(a, b).sum(), [a, b]):
            np.testing.assert_array_equal(array(g), [1, 1, 1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_derivatives_do_not_cancel(dtype: str) -> None:
    """expm1'(x) is e^x to a few ulp also where e^x - 1 + 1 has lost it; so elu's, at any order."""
    x = np.array([-60.0, -20.0, -10.0, -1e-3, 0.0, 1e-3, 3.0], dtype)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(slope(bs.expm1, x), np.exp(x.astype(float)), rtol=4 * eps)
    leaf = bs.tensor(x, requires_grad=True)
    first = bs.grad(bs.expm1(leaf).sum(), leaf, create_graph=True)
    np.testing.assert_allclose(array(bs.grad(first.sum(), leaf)), np.exp(x.astype(float)), rtol=4 * eps)
    np.testing.assert_allclose(slope(F.elu, x), np.minimum(np.exp(x.astype(float)), 1), rtol=4 * eps)
    np.testing.assert_allclose(slope(F.softplus, x), 1 / (1 + np.exp(-x.astype(float))), rtol=4 * eps)


def test_masks_hide_what_is_not_finite() -> None:
    bad = np.array([np.inf, -np.inf, np.nan, 1.0])
    np.testing.assert_array_equal(array(_core.ops.mul_mask(bs.tensor(bad), bs.tensor([False] * 4))), 0)
    np.testing.assert_array_equal(array(_core.ops.mul_zero(bs.zeros(4, dtype=bs.float64), bs.tensor(bad))), 0)
    np.testing.assert_array_equal(array(bs.where(bs.tensor([False] * 4), bs.tensor(bad), 2.0)), 2)


def test_sums_of_large_and_small() -> None:
    """Blocked sums lose far less than adding in order."""
    n = 1_000_000
    x = np.random.default_rng(0).uniform(0, 1, n).astype(np.float32)
    assert float(bs.sum(bs.tensor(x))) == pytest.approx(x.astype(float).sum(), rel=1e-6)
    assert float(bs.mean(bs.tensor(x))) == pytest.approx(x.astype(float).mean(), rel=1e-6)


def test_layer_norm_of_a_large_offset() -> None:
    """The variance is that of the differences from the mean, not a difference of large squares."""
    x = np.random.default_rng(0).normal(size=(4, 64))
    got = array(F.layer_norm(bs.tensor((x + 1e4).astype(np.float32)), 64, eps=0.0))
    np.testing.assert_allclose(got, (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True), atol=2e-2)
    constant = array(F.layer_norm(bs.full((2, 5), 7.0), 5))
    np.testing.assert_array_equal(constant, 0)


def test_means_of_equal_numbers_are_exact() -> None:
    for n in range(1, 70):
        assert float(bs.mean(bs.full((n,), 5.0))) == 5.0


def test_no_named_axis_means_all() -> None:
    x = bs.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert float(bs.sum(x, [])) == 10.0
    assert float(bs.mean(x, ())) == 2.5


@pytest.mark.parametrize("dtype", DTYPES)
def test_abs_of_zero_is_positive(dtype: str) -> None:
    zeros = np.array([0.0, -0.0] * 20, dtype)
    assert not np.signbit(array(bs.abs(bs.tensor(zeros)))).any()


def test_bools_stay_bools_in_fused_lists() -> None:
    """True + True is True, not 2, also where a list keeps it in a register."""

    def run(a: bs.Tensor, b: bs.Tensor) -> list[bs.Tensor]:
        either = a + b
        return [either, either.to(bs.int64) * 10, (either * a).to(bs.float32) - 0.5, bs.sum(either + either)]

    a, b = bs.tensor([True, True, False, False]), bs.tensor([True, False, True, False])
    want = ([True, True, True, False], [10, 10, 10, 0], [0.5, 0.5, -0.5, -0.5], 3)
    for fn in (run, bs.compile(run)):
        for got, expected in zip(fn(a, b), want, strict=True):
            np.testing.assert_array_equal(array(got), expected)


def test_derivatives_beside_bools() -> None:
    """Rules that do arithmetic on a bool operand count it as a number."""
    b = bs.tensor([True, False])
    for fn, want in (
        (lambda x: x**b, [1.0, 0.0]),
        (lambda x: b**x, [0.0, 0.0]),
        (lambda x: x * b, [1.0, 0.0]),
        (lambda x: x / (b + 1), [0.5, 1.0]),
        (lambda x: bs.maximum(x, b), [1.0, 1.0]),
    ):
        np.testing.assert_array_equal(slope(fn, np.array([2.0, 3.0])), want)
