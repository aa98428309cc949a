"""fit with batches cut into leaves: gradients leaf by leaf, joined by a fixed tree, then one update."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import backsweep as bs
import backsweep.nn.functional as F
from backsweep import nn
from driver import bits

rng = np.random.default_rng(0)
X = rng.standard_normal((75, 6)).astype(np.float32)
Y = (X[:, :3].argmax(1)).astype(np.int64)


def network(p: float = 0.0) -> nn.Sequential:
    bs.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(p), nn.Linear(16, 3))


def fitted(leaves: int, batch_size: int = 32, p: float = 0.0, **options: object) -> list[bytes]:
    model = network(p)
    optimizer = bs.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    bs.fit(
        model,
        X,
        Y,
        optimizer=optimizer,
        epochs=2,
        batch_size=batch_size,
        leaves=leaves,
        progress=False,
        **options,
    )
    return [bits(p) for p in model.parameters()]


def joined(trees: list[list[bs.Tensor]]) -> list[bs.Tensor]:
    """Neighbours first: ((0 1) (2 3)) (4)."""
    if len(trees) == 1:
        return trees[0]
    half = 1
    while 2 * half < len(trees):
        half *= 2
    return [a + b for a, b in zip(joined(trees[:half]), joined(trees[half:]), strict=True)]


@pytest.mark.parametrize("leaves", [2, 3, 5, 6, 8, 32, 40])
def test_leaves_are_gradients_joined_by_a_tree(leaves: int) -> None:
    model = network()
    optimizer = bs.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for start in [0, 32, 64, 0, 32, 64]:
        x, y = bs.tensor(X[start : start + 32]), bs.tensor(Y[start : start + 32])
        n = min(leaves, len(x))
        cuts = [i * len(x) // n for i in range(n + 1)]
        trees = []
        for lo, hi in pairwise(cuts):
            part = F.cross_entropy(model(x[lo:hi]), y[lo:hi])
            optimizer.zero_grad()
            part.backward(bs.tensor((hi - lo) / len(x), dtype=bs.float64))
            trees.append([p.grad for p in model.parameters()])
        for p, grad in zip(model.parameters(), joined(trees), strict=True):
            p.grad = grad
        optimizer.step()
    assert fitted(leaves, shuffle=False) == [bits(p) for p in model.parameters()]


def test_the_loss_is_that_of_the_batch() -> None:
    histories = []
    for leaves in (1, 4):
        model = network()
        histories.append(bs.fit(model, X, Y, batch_size=25, leaves=leaves, epochs=2, progress=False))
    np.testing.assert_allclose(histories[0]["loss"], histories[1]["loss"], rtol=1e-5)


def test_threads_change_no_bit() -> None:
    before = bs.get_num_threads()
    try:
        runs = []
        for threads in (1, 2, 3):
            bs.set_num_threads(threads)
            runs.append(fitted(4, p=0.3))
    finally:
        bs.set_num_threads(before)
    assert runs[0] == runs[1] == runs[2]


def test_each_leaf_draws_its_own_numbers() -> None:
    assert fitted(4, p=0.5) == fitted(4, p=0.5) != fitted(4)


def test_what_is_frozen_stays_and_what_thaws_moves() -> None:
    model = network()
    optimizer = bs.optim.SGD(model.parameters(), lr=0.1)
    first, _, last, _ = model.parameters()

    def moves() -> tuple[bool, bool]:
        before = bits(first), bits(last)
        bs.fit(model, X, Y, optimizer=optimizer, leaves=4, progress=False)
        return bits(first) != before[0], bits(last) != before[1]

    assert moves() == (True, True)
    first.requires_grad = False
    assert moves() == (False, True)
    first.requires_grad, last.requires_grad = True, False
    assert moves() == (True, False)
    last.requires_grad = True
    assert moves() == (True, True)


def test_an_error_in_a_leaf_changes_no_parameter() -> None:
    model = network()
    before = [bits(p) for p in model.parameters()]
    wrong = Y.copy()
    wrong[20] = 7
    with pytest.raises(IndexError, match="cross_entropy"):
        bs.fit(model, X, wrong, batch_size=75, leaves=4, shuffle=False, progress=False)
    assert [bits(p) for p in model.parameters()] == before


@pytest.mark.parametrize("leaves", [0, -1, 1.5, "2", None])
def test_leaves_must_be_a_number(leaves: object) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^\[fit\] leaves"):
        bs.fit(network(), X, Y, leaves=leaves, progress=False)  # type: ignore[arg-type]
