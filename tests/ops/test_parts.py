"""A tensor with a part replaced, and what names sizes: functions in Python; derivatives, compiled too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import backsweep as bs

X = bs.tensor(np.random.default_rng(0).normal(size=(4, 5)), dtype=bs.float64)
PARTS: dict[str, tuple[Callable[..., bs.Tensor], Callable[[bs.Tensor], bs.Tensor]]] = {
    "select": (lambda x, s: x.select_scatter(s, 1, -2), lambda x: x[:, -2]),
    "slice": (lambda x, s: x.slice_scatter(s, 1, 1, None, 2), lambda x: x[:, 1::2]),
    "diagonal": (lambda x, s: x.diagonal_scatter(s, 1), lambda x: x.diagonal(1)),
}


@pytest.mark.parametrize("name", PARTS)
def test_replaced(name: str) -> None:
    put, part = PARTS[name]
    src = bs.rand(part(X).shape, dtype=bs.float64)
    made = put(X, src)
    want = X.clone()
    part(want).copy_(src)
    assert bs.equal(made, want) and not bs.equal(made, X)
    assert bs.equal(bs.compile(put)(X, src), made)
    assert bs.autograd.gradcheck(put, (X.clone().requires_grad_(), src.clone().requires_grad_()))
    with pytest.raises(bs.ShapeError, match=rf"\[{name}_scatter\] src is \(1, 1, 1\)"):
        put(X, bs.zeros(1, 1, 1, dtype=bs.float64))


def test_positions() -> None:
    flat = bs.tensor([[0, 7], [23, -1]])
    got = bs.unravel_index(flat, (2, 3, 4))
    want = np.unravel_index(np.array([[0, 7], [23, 23]]), (2, 3, 4))
    assert [g.tolist() for g in got] == [w.tolist() for w in want]
    with pytest.raises(bs.DTypeError, match=r"\[unravel_index\] indices are bs.float32"):
        bs.unravel_index(bs.zeros(2), 3)


def test_sizes() -> None:
    assert [p.shape for p in bs.split_with_sizes(X, [1, 3])] == [(1, 5), (3, 5)]
    copy = X.narrow_copy(1, 1, 2)
    assert bs.equal(copy, X[:, 1:3]) and copy.is_contiguous()
    assert bs.equal(X.sum_to_size(4, 1), X.sum(1, keepdim=True))
    assert bs.equal(X.sum_to_size((5,)), X.sum(0)) and bs.equal(X.sum_to_size(4, 5), X)
    with pytest.raises(bs.ShapeError, match=r"\[sum_to_size\] \(3, 5\) does not broadcast"):
        X.sum_to_size(3, 5)


@pytest.mark.parametrize("p", [1, 2, 3.5, float("inf")])
def test_renorm(p: float) -> None:
    made = X.renorm(p, 0, 1.5)
    norms = np.linalg.norm(np.asarray(X), p, axis=1)
    for row, before, norm in zip(np.asarray(made), np.asarray(X), norms, strict=True):
        np.testing.assert_allclose(row, before * (1.5 / (norm + 1e-7) if norm > 1.5 else 1), 1e-12)
    assert bs.autograd.gradcheck(lambda x: x.renorm(p, 1, 0.7), (X.clone().requires_grad_(),))
    with pytest.raises(bs.ShapeError, match=r"\[renorm\] input is \(3,\)"):
        bs.zeros(3).renorm(p, 0, 1)
    with pytest.raises(ValueError, match=r"\[renorm\] p is 0"):
        X.renorm(0, 0, 1)
