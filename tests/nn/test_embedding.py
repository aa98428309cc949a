"""Tables: Embedding and EmbeddingBag against NumPy."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn import functional as F

TABLE = np.random.default_rng(0).standard_normal((7, 3))
BAGS = [[1, 2, 2], [], [5], [4, 6, 1, 2]]
FLAT = np.concatenate(BAGS).astype(np.int64)
OFFSETS = np.cumsum([0, *(len(bag) for bag in BAGS)])


def values(t: Any) -> np.ndarray:
    return t.detach().numpy()


def test_embedding() -> None:
    layer = nn.Embedding(7, 3, padding_idx=-2, dtype=bs.float64)
    assert repr(layer) == "Embedding(7, 3, padding_idx=5)"
    assert values(layer.weight)[5].tolist() == [0.0] * 3
    assert (values(layer.weight)[[0, 1, 2, 3, 4, 6]] != 0).all()
    index = bs.tensor([[1, 5], [1, 2]])
    out = layer(index)
    np.testing.assert_array_equal(values(out), values(layer.weight)[values(index)])
    out.sum().backward()
    assert layer.weight.grad is not None
    assert values(layer.weight.grad)[:, 0].tolist() == [0, 2, 1, 0, 0, 0, 0]
    np.testing.assert_array_equal(values(bs.compile(layer)(index)), values(out))
    text = repr(nn.Embedding(7, 3, max_norm=2, norm_type=1.0, scale_grad_by_freq=True, sparse=True))
    assert text == "Embedding(7, 3, max_norm=2, norm_type=1.0, scale_grad_by_freq=True, sparse=True)"
    for bad in (7, -8):
        with pytest.raises(ValueError, match="padding_idx"):
            nn.Embedding(7, 3, padding_idx=bad)
    with pytest.raises(IndexError):
        layer(bs.tensor([7]))


def test_frequencies_and_norms() -> None:
    weight = bs.tensor(TABLE, requires_grad=True)
    index = bs.tensor([[1, 2], [1, 1]])

    def step(w: bs.Tensor) -> bs.Tensor:
        return bs.grad(F.embedding(index, w, scale_grad_by_freq=True).sum(), w)

    for run in (step, bs.compile(step)):
        assert values(run(weight))[:, 0].tolist() == [0, 1, 1, 0, 0, 0, 0]
    layer = nn.Embedding.from_pretrained(bs.tensor(TABLE), max_norm=0.5)
    layer(bs.tensor([0, 3]))
    norms = np.linalg.norm(values(layer.weight), axis=1)
    np.testing.assert_allclose(norms[[0, 3]], 0.5, 1e-6)
    np.testing.assert_array_equal(values(layer.weight)[[1, 2, 4]], TABLE[[1, 2, 4]])


def test_pretrained() -> None:
    layer = nn.Embedding.from_pretrained(bs.tensor(TABLE))
    assert not layer.weight.requires_grad and list(layer.state_dict()) == ["weight"]
    assert nn.Embedding.from_pretrained(bs.tensor(TABLE), freeze=False).weight.requires_grad
    bag = nn.EmbeddingBag.from_pretrained(bs.tensor(TABLE), mode="sum")
    assert not bag.weight.requires_grad
    with pytest.raises(bs.ShapeError, match="rows, D"):
        nn.Embedding.from_pretrained(bs.ones(3))
    with pytest.raises(bs.ShapeError, match="must be equal"):
        nn.Embedding(2, 3, _weight=bs.ones(3, 2))


def bag_of(rows: np.ndarray, mode: str) -> np.ndarray:
    if not len(rows):
        return np.zeros(3)
    return {"sum": rows.sum(0), "mean": rows.mean(0), "max": rows.max(0)}[mode]


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding_idx", [None, 2])
def test_bags(mode: Any, padding_idx: int | None) -> None:
    want = [bag_of(TABLE[[i for i in bag if i != padding_idx]], mode) for bag in BAGS]
    layer = nn.EmbeddingBag(
        7, 3, mode=mode, padding_idx=padding_idx, include_last_offset=True, dtype=bs.float64
    )
    layer.weight.copy_(bs.tensor(TABLE))
    flat, offsets = bs.tensor(FLAT), bs.tensor(OFFSETS)
    for run in (layer, bs.compile(layer)):
        np.testing.assert_allclose(values(run(flat, offsets)), want, 1e-12)
    again = F.embedding_bag(flat, layer.weight, offsets[:-1], mode=mode, padding_idx=padding_idx)
    np.testing.assert_allclose(values(again), want, 1e-12)
    rows = np.array([[1, 2, 4], [2, 2, 2], [6, 0, 0]])
    want = [bag_of(TABLE[[i for i in row if i != padding_idx]], mode) for row in rows]
    np.testing.assert_allclose(values(layer(bs.tensor(rows))), want, 1e-12)
    assert bs.autograd.gradcheck(
        lambda w: F.embedding_bag(flat, w, offsets[:-1], mode=mode, padding_idx=padding_idx),
        (bs.tensor(TABLE, requires_grad=True),),
    )


def test_weights_of_bags() -> None:
    share = np.random.default_rng(1).standard_normal(len(FLAT))
    given = bs.tensor(share, requires_grad=True)
    weight = bs.tensor(TABLE, requires_grad=True)
    flat, offsets = bs.tensor(FLAT), bs.tensor(OFFSETS[:-1])

    def bags(w: bs.Tensor, s: bs.Tensor) -> bs.Tensor:
        return F.embedding_bag(flat, w, offsets, mode="sum", per_sample_weights=s)

    parts = TABLE[FLAT] * share[:, None]
    want = [parts[a:b].sum(0) for a, b in pairwise(OFFSETS)]
    np.testing.assert_allclose(values(bags(weight, given)), want, 1e-12)
    assert bs.autograd.gradcheck(bags, (weight, given))
    two = F.embedding_bag(
        bs.tensor([[1, 2]]), weight, mode="sum", per_sample_weights=bs.tensor([[2.0, 0.5]]).double()
    )
    np.testing.assert_allclose(values(two)[0], 2 * TABLE[1] + 0.5 * TABLE[2])
    layer = nn.EmbeddingBag(7, 3, mode="sum", dtype=bs.float64)
    layer.weight.copy_(weight)
    np.testing.assert_allclose(values(layer(flat, offsets, given)), want, 1e-12)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_what_is_in_no_bag(mode: Any) -> None:
    """Numbers past the last bag's end count nowhere; wrong offsets that a run computes give NaN."""
    weight, flat = bs.tensor(TABLE), bs.tensor([0, 1, 2, 3])

    def bags(offsets: bs.Tensor) -> bs.Tensor:
        return F.embedding_bag(flat, weight, offsets, mode=mode, include_last_offset=True)

    want = [bag_of(TABLE[:2], mode), bag_of(TABLE[2:3], mode)]
    compiled = bs.compile(bags)
    for run in (bags, compiled):
        np.testing.assert_allclose(values(run(bs.tensor([0, 2, 3]))), want, 1e-12)
    for wrong in ([0, 3, 1], [0, 2, 9]):
        assert np.isnan(values(compiled(bs.tensor(wrong)))).all()


def test_bags_refuse() -> None:
    weight, flat = bs.tensor(TABLE), bs.tensor(FLAT)
    zero = bs.tensor([0])
    assert repr(nn.EmbeddingBag(7, 3)) == "EmbeddingBag(7, 3, mode='mean')"
    for error, match, call in (
        (ValueError, "offsets must say", lambda: F.embedding_bag(flat, weight)),
        (ValueError, "one bag a row", lambda: F.embedding_bag(bs.tensor([[1]]), weight, zero)),
        (ValueError, "begin at 0", lambda: F.embedding_bag(flat, weight, bs.tensor([1]))),
        (ValueError, "never fall", lambda: F.embedding_bag(flat, weight, bs.tensor([0, 3, 1]))),
        (ValueError, "from 0 to 1:", lambda: F.embedding_bag(flat, weight, bs.tensor([0, 99, 1]))),
        (ValueError, "from 0 to 99:", lambda: F.embedding_bag(flat, weight, bs.tensor([0, 99]))),
        (bs.DTypeError, "offsets is float32", lambda: F.embedding_bag(flat, weight, bs.tensor([0.0]))),
        (ValueError, "mode", lambda: F.embedding_bag(flat, weight, zero, mode="min")),  # type: ignore[arg-type]
        (ValueError, "per_sample", lambda: F.embedding_bag(flat, weight, zero, per_sample_weights=flat)),
        (ValueError, "max", lambda: F.embedding_bag(flat, weight, zero, mode="max", scale_grad_by_freq=True)),
        (bs.ShapeError, "offsets is", lambda: F.embedding_bag(flat, weight, bs.tensor(0))),
        (bs.ShapeError, "input is", lambda: F.embedding_bag(bs.tensor(1), weight, zero)),
    ):  # fmt: skip
        with pytest.raises(error, match=match):
            call()


@pytest.mark.parametrize("dtype", ["bool_", "float32", "float64"])
def test_numbers_of_rows_are_integers(dtype: str) -> None:
    """0.5 is no row, nor is False."""
    input = bs.tensor([0.5, 1.0]).to(getattr(bs._core, dtype))
    with pytest.raises(bs.DTypeError, match=r"\[embedding\] input is"):
        F.embedding(input, bs.ones(3, 2))
    with pytest.raises(bs.DTypeError, match=r"\[embedding_bag\] input is"):
        F.embedding_bag(input, bs.ones(3, 2), bs.tensor([0]))
