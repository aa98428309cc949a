"""Special functions over their whole domain, beside SciPy's; those of which one derivative is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import backsweep as bs

EPS = np.finfo(np.float64).eps
WIDE = np.concatenate([np.linspace(-30, 30, 1201), [-700, 700, 1e-10, -1e-300, 0]])
POSITIVE = np.concatenate([np.linspace(1e-3, 60, 1201), np.geomspace(1e-300, 700, 200)])
FAR = np.concatenate([np.geomspace(1e-300, 0.49, 500), 1 - np.geomspace(1e-15, 0.4, 200), [0, 1]])

ROWS: dict[str, tuple[Callable[..., Any], np.ndarray[Any, Any], int]] = {
    "i0": (special.i0, WIDE, 8),
    "i0e": (special.i0e, WIDE, 8),
    "i1": (special.i1, WIDE, 8),
    "i1e": (special.i1e, WIDE, 8),
    "modified_bessel_k0": (special.k0, POSITIVE, 8),
    "modified_bessel_k1": (special.k1, POSITIVE, 8),
    "scaled_modified_bessel_k0": (special.k0e, POSITIVE, 8),
    "scaled_modified_bessel_k1": (special.k1e, POSITIVE, 8),
    "bessel_j0": (special.j0, np.linspace(-2, 2, 101), 8),
    "bessel_j1": (special.j1, np.linspace(-2, 2, 101), 8),
    "bessel_y0": (special.y0, np.linspace(1, 2, 101), 8),
    "bessel_y1": (special.y1, np.linspace(0.1, 1.8, 101), 16),
    "erfcx": (special.erfcx, np.concatenate([np.linspace(-4, 60, 1201), [1e10]]), 8),
    "log_ndtr": (special.log_ndtr, np.concatenate([np.linspace(-60, 30, 1201), [-1e10]]), 200),
    "ndtri": (special.ndtri, FAR, 8),
}


@pytest.mark.parametrize("name", ROWS)
def test_values(name: str) -> None:
    want, x, ulp = ROWS[name]
    fn = getattr(bs.special, name)
    got, right = np.asarray(fn(bs.tensor(x))), want(x)
    np.testing.assert_allclose(got, right, ulp * EPS, 1e-307)
    narrow = x.astype(np.float32)
    got = np.asarray(fn(bs.tensor(narrow)))
    with np.errstate(over="ignore"):
        right = want(narrow.astype(np.float64)).astype(np.float32)
    np.testing.assert_allclose(got, right, 2.0**-23, 1e-44)
    assert np.isnan(np.asarray(fn(bs.tensor(np.nan))))


@pytest.mark.parametrize(
    ("name", "x", "want"),
    [
        ("i0", np.inf, np.inf),
        ("i1", -np.inf, -np.inf),
        ("i0e", np.inf, 0),
        ("modified_bessel_k0", 0, np.inf),
        ("modified_bessel_k1", -1, np.nan),
        ("modified_bessel_k1", np.inf, 0),
        ("bessel_j0", np.inf, 0),
        ("bessel_y1", 0, -np.inf),
        ("bessel_y0", -1, np.nan),
        ("spherical_bessel_j0", 0, 1),
        ("spherical_bessel_j0", np.inf, 0),
        ("erfcx", -np.inf, np.inf),
        ("erfcx", np.inf, 0),
        ("log_ndtr", -np.inf, -np.inf),
        ("log_ndtr", np.inf, 0),
        ("ndtri", 1.5, np.nan),
    ],
)
def test_ends(name: str, x: float, want: float) -> None:
    got = float(getattr(bs.special, name)(bs.tensor(float(x))))
    assert got == want or (np.isnan(got) and np.isnan(want))


@pytest.mark.parametrize("x", [-40.0, -1.0, 0.0, 3.0, 40.0])
def test_log_ndtr_keeps_its_slopes(x: float) -> None:
    """phi / Phi and its derivative, also where Phi is 0 or 1."""
    at = bs.tensor(x, dtype=bs.float64, requires_grad=True)
    (slope,) = bs.autograd.grad(bs.special.log_ndtr(at), at, create_graph=True)
    (second,) = bs.autograd.grad(slope, at)
    ratio = np.exp(-(x**2) / 2 - 0.5 * np.log(2 * np.pi) - special.log_ndtr(x))
    np.testing.assert_allclose(float(slope), ratio, 1e-11, 1e-290)
    np.testing.assert_allclose(float(second), -ratio * (x + ratio), 1e-8, 1e-290)


def test_slopes_at_0() -> None:
    x = bs.zeros(1, dtype=bs.float64, requires_grad=True)
    for fn, want in ((bs.special.i1, 0.5), (bs.special.i1e, 0.5), (bs.special.bessel_j1, 0.5), (bs.i0, 0.0)):
        (g,) = bs.autograd.grad(fn(x).sum(), x)
        assert abs(float(g) - want) < 1e-15


# ---- Incomplete gamma, zeta --------------------------------------------------------------------------------


def gamma_pairs() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    a = np.exp(rng.uniform(np.log(1e-3), np.log(50), 400))
    return a, a * np.exp(rng.normal(0, 1, 400) * np.minimum(1, 2 / np.sqrt(a)))


def test_incomplete_gamma() -> None:
    a, x = gamma_pairs()
    for fn, want in ((bs.special.gammainc, special.gammainc), (bs.igammac, special.gammaincc)):
        got, right = np.asarray(fn(bs.tensor(a), bs.tensor(x))), want(a, x)
        near = (a < 20) & (right > 1e-3)
        np.testing.assert_allclose(got[near], right[near], 100 * EPS)
        np.testing.assert_allclose(got, right, 1e-11, 1e-300)
    big = np.array([2e5, 889032.4290617063]), np.array([2.005e5, 883832.4512565252])
    got = np.asarray(bs.igamma(bs.tensor(big[0]), bs.tensor(big[1])))
    np.testing.assert_allclose(got, [0.86818422325472296692, 1.6436824355614332331e-8], 1e-13)  # by 40 digits
    ends = [(0, 0), (0, 1), (1, 0), (1, np.inf), (np.inf, 1), (-1, 1), (1, -1)]
    e = np.array(ends, dtype=np.float64).T
    np.testing.assert_equal(
        np.asarray(bs.igamma(bs.tensor(e[0]), bs.tensor(e[1]))), [np.nan, 1, 0, 1, 0, np.nan, np.nan]
    )
    np.testing.assert_equal(
        np.asarray(bs.igammac(bs.tensor(e[0]), bs.tensor(e[1]))), [np.nan, 0, 1, 0, 1, np.nan, np.nan]
    )


def test_zeta() -> None:
    s, q = np.linspace(1.1, 30, 50), np.linspace(0.1, 20, 50)
    np.testing.assert_allclose(
        np.asarray(bs.special.zeta(bs.tensor(s), bs.tensor(q))), special.zeta(s, q), 1e-13
    )
    assert bs.special.zeta(2.0, bs.ones(3, dtype=bs.float64)).shape == (3,)


@pytest.mark.parametrize("fn", [bs.igamma, bs.igammac, bs.special.zeta])
def test_one_derivative(fn: Callable[..., bs.Tensor]) -> None:
    """By the second operand, of any order; by the first it is refused."""
    a = bs.tensor([1.5, 2.5, 3.5], dtype=bs.float64)
    x = bs.tensor([0.7, 2.0, 9.0], dtype=bs.float64, requires_grad=True)
    assert bs.autograd.gradcheck(lambda x: fn(a, x), (x,))
    assert bs.autograd.gradgradcheck(lambda x: fn(a, x), (x,))
    compiled = bs.compile(lambda a, x: fn(a, x))
    assert bs.equal(compiled(a, x), fn(a, x))
    with pytest.raises(bs.GraphError, match=r"derivative by input is not known: detach it"):
        fn(a.requires_grad_(), x).sum().backward()


def test_each_sample_alone() -> None:
    x = bs.rand(3, 4) + 1
    for fn in (bs.i0, bs.special.ndtri, bs.lgamma, lambda t: bs.igamma(t, 2 * t)):
        assert bs.equal(bs.vmap(fn)(x / 3), fn(x / 3))
