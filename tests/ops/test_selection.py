"""Results whose sizes depend on values, sorting and scattering, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from driver import array

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

DTYPES = ("float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")


def values(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    a = np.random.default_rng(seed).integers(-3, 4, shape)
    if dtype == "uint8":
        a = np.abs(a)
    made = a.astype(dtype)
    if dtype.startswith("float") and made.size > 9:
        made.reshape(-1)[[2, 5, 9]] = np.nan, np.inf, -0.0
    return made


def same(got: Any, want: Any) -> None:
    if isinstance(want, tuple):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            same(g, w)
        return
    assert array(got).dtype == want.numpy().dtype
    np.testing.assert_array_equal(array(got), want.numpy(), strict=True)


CALLS: list[Callable[[Any, Any], Any]] = [
    lambda lib, x: lib.nonzero(x),
    lambda lib, x: x.nonzero(as_tuple=True),
    lambda lib, x: lib.argwhere(x),
    lambda lib, x: lib.where(x > 0),
    lambda lib, x: lib.masked_select(x, x > 0),
    lambda lib, x: x[x != 0],
    lambda lib, x: lib.unique(x, return_inverse=True, return_counts=True),
    lambda lib, x: x.unique(),
    lambda lib, x: x.long().unique(return_counts=True, dim=0),
    lambda lib, x: lib.unique(x.long(), dim=-1, return_inverse=True),
    lambda lib, x: lib.unique_consecutive(x, return_inverse=True, return_counts=True),
    lambda lib, x: x.unique_consecutive(dim=0),
    lambda lib, x: tuple(lib.sort(x, stable=True)),
    lambda lib, x: tuple(x.sort(dim=0, descending=True, stable=True)),
    lambda lib, x: lib.argsort(x, dim=0, stable=True),
    lambda lib, x: lib.msort(x),
    lambda lib, x: x.topk(2, 0).values,
    lambda lib, x: lib.topk(x, 1, largest=False)[0],
    lambda lib, x: lib.kthvalue(x, 2, 0)[0],
]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_against_pytorch(number: int) -> None:
    for dtype in DTYPES:
        for shape in ((3, 4), (5, 2, 3)):
            a = values(shape, dtype)
            try:
                want = CALLS[number](torch, torch.tensor(a))
            except (RuntimeError, NotImplementedError):
                continue  # dtypes that PyTorch leaves out
            same(CALLS[number](bs, bs.tensor(a)), want)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "float16"])
def test_sort_by_radix(dtype: str) -> None:
    """Many elements, with ties: stable, as a comparison says."""
    for a in (values((5000,), dtype), np.random.default_rng(1).normal(0, 9, 5000).astype(dtype)):
        for descending in (False, True):
            want = torch.sort(torch.tensor(a), stable=True, descending=descending)
            got = bs.sort(bs.tensor(a), descending=descending)
            same(got.values, want.values)
            same(got.indices, want.indices)
        for k in (3, 700):
            same(bs.topk(bs.tensor(a), k).values, torch.topk(torch.tensor(a), k).values)


def test_without_axes_or_elements() -> None:
    for a in (np.array(2.0), np.zeros(0), np.zeros((0, 3))):
        x, t = bs.tensor(a), torch.tensor(a)
        same(bs.nonzero(x), torch.nonzero(t))
        same(bs.nonzero(x, as_tuple=True), torch.nonzero(t, as_tuple=True))
        same(tuple(bs.sort(x)), tuple(torch.sort(t)))
        same(bs.masked_select(x, x > 0), torch.masked_select(t, t > 0))
        same(bs.unique(x), torch.unique(t))


def test_counts() -> None:
    i = np.array([1, 5, 1, 2])
    same(bs.bincount(bs.tensor(i)), torch.bincount(torch.tensor(i)))
    same(bs.bincount(bs.tensor(i), minlength=9), torch.bincount(torch.tensor(i), minlength=9))
    for dtype in ("float32", "float64", "int64"):
        w = np.arange(4).astype(dtype)
        same(bs.tensor(i).bincount(bs.tensor(w)), torch.tensor(i).bincount(torch.tensor(w)))
    same(bs.bincount(bs.tensor([], dtype=bs.int64)), torch.bincount(torch.tensor([], dtype=torch.int64)))
    for wrong in (np.array([-1]), np.zeros((2, 2), np.int64), np.zeros(2)):
        with pytest.raises(ValueError, match=r"^\[bincount\]"):
            bs.bincount(bs.tensor(wrong))
    x = np.random.default_rng(0).normal(size=99).astype(np.float32)
    same(bs.histc(bs.tensor(x), 7), torch.histc(torch.tensor(x), 7))
    same(bs.tensor(x).histc(5, -1, 1), torch.tensor(x).histc(5, -1, 1))


def test_searches() -> None:
    edges, x = np.array([1, 3, 5, 7, 9]), np.array([[3, 6, 9], [0, 5, 10]])
    for right in (False, True):
        for dtype in ("float32", "int64", "int32", "float16"):
            b, v = edges.astype(dtype), x.astype(dtype)
            same(
                bs.bucketize(bs.tensor(v), bs.tensor(b), right=right),
                torch.bucketize(torch.tensor(v), torch.tensor(b), right=right),
            )
        same(
            bs.searchsorted(bs.tensor(edges), 4.5, right=right, out_int32=True),
            torch.searchsorted(torch.tensor(edges), 4.5, right=right, out_int32=True),
        )
    same(bs.isin(bs.tensor(x), 5), torch.isin(torch.tensor(x), 5))
    same(
        bs.isin(bs.tensor(x), bs.tensor(edges), invert=True),
        torch.isin(torch.tensor(x), torch.tensor(edges), invert=True),
    )


def test_nan() -> None:
    """Above all where numbers are ordered, and equal to nothing."""
    nan, edges = float("nan"), [1.0, 2.0]
    for lib in (bs, torch):
        x = lib.tensor([nan, 1.0, nan])
        found = [lib.searchsorted(lib.tensor(edges), x), lib.isin(x, x), lib.unique(x), lib.sort(x)[1]]
        assert [str(t.tolist()) for t in found] == [
            "[2, 0, 2]",
            "[False, True, False]",
            "[1.0, nan, nan]",
            "[1, 0, 2]",
        ]


def test_named_results() -> None:
    x = bs.tensor([[3.0, 1.0], [2.0, 4.0]])
    for made in (bs.sort(x), bs.topk(x, 1), bs.kthvalue(x, 1)):
        assert type(made)._fields == ("values", "indices")
        assert made.values is made[0]


def test_in_place() -> None:
    """f_ writes what f gives."""
    index, src = [[0, 1, 1]], [[5.0, 6.0, 7.0]]
    for lib in (bs, torch):
        x = lib.zeros((2, 3))
        x.scatter_(0, lib.tensor(index), lib.tensor(src))
        x.scatter_(1, lib.tensor([[2], [0]]), 9.0)
        x.scatter_add_(0, lib.tensor(index), lib.tensor(src))
        x.scatter_reduce_(0, lib.tensor(index), lib.tensor(src), "amax")
        x.index_add_(1, lib.tensor([0, 2]), lib.ones((2, 2)), alpha=2)
        x.index_fill_(0, lib.tensor([1]), 3.0)
        x.index_copy_(1, lib.tensor([1]), lib.ones((2, 1)))
        x.masked_fill_(x > 12, -1.0)
        x.masked_scatter_(x == 3, lib.tensor([11.0, 12.0, 13.0]))
        x.put_(lib.tensor([-1]), lib.tensor([42.0]))
        if lib is bs:
            got = x.tolist()
    assert got == x.tolist()


def test_gradients_of_choices() -> None:
    a = np.random.default_rng(0).normal(size=(4, 6))

    def run(lib: Any) -> list[Any]:
        x = lib.tensor(a, requires_grad=True)
        y = x[x > 0].sum() * 2 + lib.masked_select(x, x < 0.5).sum()
        y = y + (x.sort(1)[0] * lib.tensor(a[::-1].copy())).sum() + (x.topk(2, 0)[0] ** 2).sum()
        y = y + lib.kthvalue(x, 3, 1)[0].sum() * 3 + (x.take(lib.tensor([0, 5, 5])) ** 2).sum()
        y.backward()
        return x.grad.tolist()

    np.testing.assert_allclose(run(bs), run(torch), 1e-12)
