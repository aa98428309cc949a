"""Histograms, quantiles, choices and running integrals, beside NumPy's."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import backsweep as bs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 2))


@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize(
    ("bins", "range"), [(7, None), (5, (-1.0, 0.5)), (np.array([-2.0, -0.3, 0.0, 2.5]), None)]
)
def test_histogram(bins: Any, range: tuple[float, float] | None, density: bool) -> None:
    weight = RNG.uniform(size=X.shape)
    given = bs.tensor(bins) if isinstance(bins, np.ndarray) else bins
    for w in (None, weight):
        want, edges = np.histogram(X, bins, range, density, w)
        t = None if w is None else bs.tensor(w)
        made = bs.histogram(bs.tensor(X), given, range=range, weight=t, density=density)
        np.testing.assert_allclose(np.asarray(made.hist), want, 1e-12)
        np.testing.assert_allclose(np.asarray(made.bin_edges), edges, 1e-12)
        again = bs.compile(lambda x, t=t: tuple(x.histogram(given, range=range, weight=t, density=density)))(
            bs.tensor(X)
        )
        assert bs.equal(again[0], made.hist)


def test_histogramdd() -> None:
    weight = RNG.uniform(size=30)
    for bins, span in (
        (4, None),
        ([3, 5], [-1.0, 1.0, -2.0, 0.5]),
        ([np.array([-1.0, 0.0, 1.0]), np.array([-3.0, 0.2, 0.5, 3.0])], None),
    ):
        pairs = None if span is None else [span[:2], span[2:]]
        want, edges = np.histogramdd(X, bins, pairs, weights=weight)
        given: Any = (
            bins if isinstance(bins, int) else [b if isinstance(b, int) else bs.tensor(b) for b in bins]
        )
        made = bs.histogramdd(bs.tensor(X), given, range=span, weight=bs.tensor(weight))
        np.testing.assert_allclose(np.asarray(made.hist), want, 1e-12)
        for e, w in zip(made.bin_edges, edges, strict=True):
            np.testing.assert_allclose(np.asarray(e), w, 1e-12)


def test_what_histograms_refuse() -> None:
    x = bs.zeros(3)
    with pytest.raises(bs.DTypeError, match=r"\[histogram\] input is int64"):
        bs.histogram(bs.tensor([1, 2]), 3)
    with pytest.raises(ValueError, match=r"\[histogram\] bins is 0"):
        bs.histogram(x, 0)
    with pytest.raises(ValueError, match=r"\[histogram\] the range is 2.0 to 1.0"):
        bs.histogram(x, 2, range=(2, 1))
    with pytest.raises(bs.ShapeError, match=r"\[histogram\] weight is \(2,\)"):
        bs.histogram(x, 2, weight=bs.zeros(2))
    with pytest.raises(bs.ShapeError, match=r"\[histogramdd\] input is \(3,\)"):
        bs.histogramdd(x, 2)
    with pytest.raises(bs.ShapeError, match=r"\[histogramdd\] bins has 3 items"):
        bs.histogramdd(bs.zeros(3, 2), [1, 2, 3])
    assert np.asarray(bs.histogram(x, 2).hist).tolist() == [0, 3]  # all equal: of a range of 1


@pytest.mark.parametrize("method", ["linear", "lower", "higher", "midpoint", "nearest"])
def test_quantiles_and_nan(method: str) -> None:
    x = X.copy()
    x[3, 0] = np.nan
    q = np.array([0.0, 0.35, 1.0])
    made = bs.quantile(bs.tensor(x), bs.tensor(q), dim=0, interpolation=method)
    assert np.isnan(np.asarray(made)[:, 0]).all() and not np.isnan(np.asarray(made)[:, 1]).any()
    made = bs.tensor(x).nanquantile(bs.tensor(q), dim=0, interpolation=method)
    np.testing.assert_allclose(np.asarray(made), np.nanquantile(x, q, axis=0, method=method), 1e-12)
    assert np.isnan(float(bs.nanquantile(bs.tensor([float("nan")] * 3), 0.5)))
    assert bs.quantile(bs.ones(3), 0.5).dtype == bs.float32
    compiled = bs.compile(lambda x, q: bs.quantile(x, q, 1, True))
    t = bs.tensor(X)
    assert bs.equal(compiled(t, bs.tensor(q)), bs.quantile(t, bs.tensor(q), 1, True))


def test_combinations() -> None:
    x = bs.tensor([3.0, 1.0, 2.0, 5.0], requires_grad=True)
    for r, again in itertools.product((1, 2, 3, 5), (False, True)):
        choose = itertools.combinations_with_replacement if again else itertools.combinations
        made = bs.combinations(x, r, with_replacement=again)
        assert made.tolist() == [list(c) for c in choose(x.tolist(), r)] and made.size(1) == r
    (g,) = bs.autograd.grad(bs.combinations(x).sum(), x)
    assert g.tolist() == [3.0] * 4
    assert bs.combinations(x, 0).shape == (0,)
    with pytest.raises(bs.ShapeError, match=r"\[combinations\] input is \(2, 2\)"):
        bs.combinations(bs.zeros(2, 2))


def test_cumulative_trapezoid() -> None:
    y, x = RNG.normal(size=(3, 5)), np.sort(RNG.normal(size=5))
    both = (y[:, 1:] + y[:, :-1]) / 2
    got = bs.cumulative_trapezoid(bs.tensor(y), bs.tensor(x))
    np.testing.assert_allclose(np.asarray(got), np.cumsum(both * np.diff(x), 1), 1e-12)
    got = bs.cumulative_trapezoid(bs.tensor(y), dx=0.5, dim=1)
    np.testing.assert_allclose(np.asarray(got), np.cumsum(both * 0.5, 1), 1e-12)
    assert bs.equal(bs.trapz(bs.tensor(y), bs.tensor(x)), bs.trapezoid(bs.tensor(y), bs.tensor(x)))
    assert bs.cumulative_trapezoid(bs.zeros(2, 0)).shape == (2, 0)


def test_frexp() -> None:
    x = np.array([1.0, -3.0, 0.0, 1e-310, np.inf, np.nan])
    made = bs.frexp(bs.tensor(x))
    np.testing.assert_array_equal(np.asarray(made.mantissa)[:4], np.frexp(x)[0][:4])
    assert made.exponent.dtype == bs.int32 and made.exponent.tolist() == [1, 2, 0, -1029, 0, 0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_quantiles_of_storage_types(name: str, dtype: str) -> None:
    x = bs.arange(9.0).to(getattr(bs, dtype))
    q = bs.tensor([0.0, 0.25, 1.0]).to(getattr(bs, dtype))
    made = getattr(bs, name)(x, q)
    assert made.dtype == x.dtype
    assert made.tolist() == [0.0, 2.0, 8.0]
    with pytest.raises(ValueError, match=r"q has 2"):
        getattr(bs, name)(x, q * 2.0)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_range_that_is_not_finite_is_refused(wrong: float) -> None:
    x = bs.tensor([1.0, wrong])
    with pytest.raises(ValueError, match=r"\[histogram_range\] the range is .*not finite"):
        bs.histogram(x, 3)
    with pytest.raises(ValueError, match=r"\[histogram_range\] the range is .*not finite"):
        bs.histogramdd(x.reshape(1, 2), 3)
    with pytest.raises(ValueError, match="not finite"):
        bs.histogram(bs.ones(2), 3, range=(0.0, float("inf")))
    assert bs.histogram(x, 2, range=(0.0, 2.0)).hist.tolist() == [0.0, 1.0]  # counted nowhere


def test_a_program_refuses_what_is_not_finite() -> None:
    for f in (
        bs.compile(lambda x: tuple(bs.histogram(x, 3))),
        bs.compile(lambda x: bs.histogramdd(x.reshape(-1, 2), 3).hist),
    ):
        f(bs.arange(4.0))
        for wrong in ([0.0, 1.0, np.nan, 2.0], [0.0, -np.inf, 1.0, 2.0], [-3e38, -3e38, 3e38, 3e38]):
            with pytest.raises(ValueError, match=r"\[histogram_range\] the range is .*, which is not finite"):
                f(bs.tensor(wrong, dtype=bs.float32))


def test_ranges_that_are_wide() -> None:
    x = bs.tensor([-3e38, 0.1e38, 1.5e38, 3e38], dtype=bs.float32)
    assert bs.histc(x, 6).tolist() == [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    assert bs.histc(x.double() * 1e-38, 6).tolist() == bs.histc(x, 6).tolist()


N = 2**24 + 4


def test_more_than_float32_counts() -> None:
    x = bs.zeros(N)
    assert int(bs.histc(x, 1, -1.0, 1.0)) == int(bs.histogram(x, 1, range=(-1.0, 1.0)).hist) == N
    x[-3:] = bs.arange(1.0, 4.0)
    q = bs.tensor([1.0, 1.0 - 2.0**-23])  # the last, and just below the last but two
    assert bs.quantile(x, q, interpolation="higher").tolist() == [3.0, 1.0]
