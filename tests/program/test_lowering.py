"""What ops become in a program by rules of their own (Op::lower)."""

from __future__ import annotations

import numpy as np
import pytest

import backsweep as bs
from driver import array
from programs import equal, steps


@pytest.mark.parametrize("threads", [1, 3])
def test_a_weight_that_several_products_read_is_turned_once(threads: int) -> None:
    rng = np.random.default_rng(0)
    w, u = (bs.nn.Parameter(bs.tensor(rng.normal(size=(33, 33)).astype(np.float32) / 6)) for _ in range(2))
    b = bs.nn.Parameter(bs.tensor(rng.normal(size=33).astype(np.float32)))
    x = bs.tensor(rng.normal(size=(7, 5, 33)).astype(np.float32))

    @bs.compile
    def f(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
        h = x
        for _ in range(8):  # as a recurrent layer does
            h = bs.relu(bs.linear(h, w, b))
        loss = bs.linear(h, u).sum()
        return h, loss, *bs.grad(loss, [w, u, b])

    bs.set_num_threads(threads)
    for a, want in zip(f(x), f.__wrapped__(x), strict=True):
        equal(a, want)
    made = [op for step in steps(f) for op in step.split("+")]
    assert made.count("linear") == 9
    assert made.count("copy") == 1  # of w; u is read once


def test_a_matrix_that_many_products_read_transposed() -> None:
    w, x = (
        bs.tensor(np.random.default_rng(0).normal(size=s).astype(np.float32)) for s in ((33, 33), (7, 33))
    )

    def f(x: bs.Tensor, w: bs.Tensor) -> bs.Tensor:
        for _ in range(8):
            x = bs.tanh(x @ w.T)
        return x

    compiled = bs.compile(f)
    equal(compiled(x, w), f(x, w))
    made = [op for step in steps(compiled) for op in step.split("+")]
    assert (made.count("copy"), made.count("matmul")) == (1, 8)


def test_a_constant_weight_is_turned_once_too() -> None:
    rng = np.random.default_rng(0)
    x, w = (bs.tensor(rng.normal(size=s).astype(np.float32)) for s in ((7, 33), (33, 33)))

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        for _ in range(8):
            x = bs.linear(x, w)
        return x

    equal(f(x), f.__wrapped__(x))
    assert sorted(steps(f)) == ["copy", *["linear"] * 8]


@pytest.mark.parametrize(("times", "n"), [(7, 33), (8, 1024)])
def test_what_turning_does_not_repay(times: int, n: int) -> None:
    """Few products, and rows that would lie so far apart that each product copied them again."""
    w = bs.ones(n, n)

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        for _ in range(times):
            x = bs.linear(x, w)
        return x

    f(bs.ones(2, n))
    assert steps(f) == ["linear"] * times


# ---- Updates of few rows -----------------------------------------------------------------------------------

ROWS = 60


def indices(*shape: int, seed: int = 1) -> bs.Tensor:
    return bs.tensor(np.random.default_rng(seed).integers(0, ROWS, shape))


class Embedding:
    """A table whose rows are looked up, by a loss that is linear in them; and a plain parameter."""

    def __init__(self, **options: float) -> None:
        rng = np.random.default_rng(0)
        self.table = bs.nn.Parameter(bs.tensor(rng.normal(size=(ROWS, 5)).astype(np.float32)))
        self.table.assign(bs.where(self.table > 1.0, self.table * -0.0, self.table.detach()))
        self.scale = bs.nn.Parameter(bs.tensor(rng.normal(size=5).astype(np.float32)))
        self.optimizer = bs.optim.SGD([self.table, self.scale], **{"lr": 0.1, **options})

    def step(self, index: bs.Tensor) -> bs.Tensor:
        self.optimizer.zero_grad()
        loss = (bs.index_rows(self.table, index) * self.scale).square().sum()
        loss.backward()
        self.optimizer.step()
        return loss


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.1},
        {"maximize": True},
        {"lr": float("inf")},
        {"lr": 0.0},
        {"lr": -0.0},
        {"lr": 1e39},
    ],
)
@pytest.mark.parametrize("threads", [1, 3])
def test_sgd_of_few_rows_leaves_the_others(options: dict[str, float], threads: int) -> None:
    """The same bits as the whole gradient gives, also where rows are looked up twice, and of -0."""
    bs.set_num_threads(threads)
    eager, compiled = Embedding(**options), Embedding(**options)
    step = bs.compile(compiled.step)
    for seed in range(4):
        index = indices(2, 7, seed=seed)
        equal(step(index), eager.step(index))
        equal(compiled.table, eager.table)
    assert "sgd_rows" in steps(step) and "index_rows_backward" not in steps(step)


def test_a_table_that_is_held_stays_as_it_was() -> None:
    model = Embedding()
    step = bs.compile(model.step)
    held = model.table._snapshot()
    before = array(held)
    step(indices(3))
    np.testing.assert_array_equal(array(held), before)
    changed = (array(model.table) != before).any(1)
    assert set(np.flatnonzero(changed)) == set(array(indices(3)))


def test_a_wrong_row_changes_nothing() -> None:
    model = Embedding()

    @bs.compile
    def step(index: bs.Tensor, g: bs.Tensor) -> None:
        whole = bs._core.ops.index_rows_backward(g, index, rows=ROWS)
        model.table.assign(bs._core.ops.sgd(model.table.detach(), whole, bs.tensor(0.1), bs.tensor(0.0)))

    g = bs.ones(3, 5)
    step(indices(3), g)
    assert "sgd_rows" in steps(step)
    before = array(model.table)
    for bad in (-1, ROWS, 2**62):
        with pytest.raises(IndexError, match=f"^\\[valid_rows\\] index {bad} "):
            step(bs.tensor([0, 1, bad]), g)
        np.testing.assert_array_equal(array(model.table), before)


def test_many_rows_take_the_whole_gradient() -> None:
    model = Embedding()
    step = bs.compile(model.step)
    step(indices(ROWS // 2))
    assert "index_rows_backward" in steps(step)


def test_a_gradient_that_is_also_returned() -> None:
    eager, compiled = Embedding(), Embedding()

    def step(model: Embedding, index: bs.Tensor) -> bs.Tensor:
        model.step(index)
        return model.table.grad * 2.0

    once = bs.compile(lambda index: step(compiled, index))
    for seed in range(3):
        equal(once(indices(4, seed=seed)), step(eager, indices(4, seed=seed)))
        equal(compiled.table, eager.table)
    assert {"sgd_rows", "index_rows_backward"} <= {op for s in steps(once) for op in s.split("+")}
