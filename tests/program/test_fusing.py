"""What a program is made of: steps merged, dropped and joined; memory planned once and used again."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

import backsweep as bs
from driver import array, bits
from programs import equal, steps


def test_common_subexpressions() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        return bs.matmul(x, x) + bs.matmul(x, x) + (x + 1.0).sum() * (x + 1.0).sum()

    x = bs.tensor(np.arange(9.0).reshape(3, 3))
    equal(f(x), f.__wrapped__(x))
    made = [op for step in steps(f) for op in step.split("+")]
    assert made.count("matmul") == made.count("sum") == 1


def test_equal_calls_with_other_attributes_are_not_merged() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
        return bs.sum(x, 0), bs.sum(x, 1), bs.sum(x, 0, keepdim=True), x.to(bs.float64), x.to(bs.int32)

    x = bs.tensor(np.arange(9, dtype=np.float32).reshape(3, 3))
    for a, b in zip(f(x), f.__wrapped__(x), strict=True):
        equal(a, b)


def test_dead_code() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        bs.matmul(x, x)
        bs.exp(x).sum()
        return x + 1.0

    f(bs.ones(3, 3))
    assert steps(f) == ["add"]


def test_elementwise_chains_are_one_step() -> None:
    @bs.compile
    def f(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        return bs.relu(x * y + 1.0) * bs.sigmoid(x)

    x, y = bs.tensor([1.0, -2.0]), bs.tensor([3.0, 4.0])
    equal(f(x, y), f.__wrapped__(x, y))
    assert len(steps(f)) == 1
    assert set(steps(f)[0].split("+")) == {"mul", "add", "relu", "sigmoid"}


def test_long_chains_are_cut_into_lists() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        for i in range(300):
            x = x * 0.99 + float(i)
        return x

    x = bs.tensor(np.linspace(-1, 1, 1000, dtype=np.float32))
    equal(f(x), f.__wrapped__(x))
    assert len(steps(f)) < 100


def test_many_operands() -> None:
    """More inputs and outputs than one list takes."""

    @bs.compile
    def f(*xs: bs.Tensor) -> list[bs.Tensor]:
        total = xs[0]
        made = []
        for x in xs:
            total = total + x
            made.append(total * 2.0)
        return made

    xs = [bs.full((5,), float(i)) for i in range(70)]
    for a, b in zip(f(*xs), f.__wrapped__(*xs), strict=True):
        equal(a, b)


def test_joining_closes_no_cycle() -> None:
    """a and b must not be one step: between them lies the step of e and t, which is split by m and s."""

    @bs.compile
    def f(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
        e = bs.exp(x)
        m = bs.matmul(e, e)
        a = bs.sigmoid(x)
        s = bs.matmul(a, a)
        t = e * s
        b = a + m
        return t, b

    got = f(bs.ones(2, 2))  # first: memory that eager calls have freed may hold their results
    want = f.__wrapped__(bs.ones(2, 2))
    assert [bits(y) for y in got] == [bits(y) for y in want]
    made = [op for step in steps(f) for op in step.split("+")]
    assert sorted(made) == ["add", "exp", "matmul", "matmul", "mul", "sigmoid"]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("rows", [1, 5, 16, 700])
def test_a_list_is_the_epilogue_of_a_product(rows: int, threads: int) -> None:
    rng = np.random.default_rng(0)
    x, r = (bs.tensor(rng.normal(size=(rows, 40)).astype(np.float32)) for _ in range(2))
    w = bs.tensor(rng.normal(size=(40, 40)).astype(np.float32))
    b = bs.tensor(rng.normal(size=40).astype(np.float32))

    @bs.compile
    def f(x: bs.Tensor, r: bs.Tensor) -> tuple[bs.Tensor, ...]:
        inside = bs.relu(bs.linear(x, w, b)) * b + r  # nothing else needs the product
        kept = bs.matmul(x, w)
        return inside, kept, bs.sigmoid(kept), bs.matmul(r, w) > 0.0, bs.exp(x) @ w - r

    bs.set_num_threads(threads)
    for a, b_ in zip(f(x, r), f.__wrapped__(x, r), strict=True):
        equal(a, b_)
    if rows not in (5,):  # cut by columns: a part of the result is no run of elements
        assert sorted(steps(f)) == ["exp", "linear+relu+mul+add", "matmul+gt", "matmul+sigmoid", "matmul+sub"]


def test_epilogues_of_other_ops() -> None:
    x = bs.tensor(np.random.default_rng(0).normal(size=(300, 33)).astype(np.float32))

    @bs.compile
    def f(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
        y, mean, rstd = bs._core.ops.layer_norm(x, None, None)
        return bs.relu(y) + 1.0, mean, rstd, x.sum(1) * 2.0, x.sum() * 2.0

    for a, b in zip(f(x), f.__wrapped__(x), strict=True):
        equal(a, b)
    assert "layer_norm+relu+add" in steps(f)
    assert "sum+mul" in steps(f)


def test_no_epilogue_closes_a_cycle_or_reads_what_is_not_there() -> None:
    rng = np.random.default_rng(0)
    x = bs.tensor(rng.normal(size=(24, 24)).astype(np.float32))

    @bs.compile
    def f(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
        y = bs.matmul(x, x)
        around = bs.relu(y) + bs.matmul(y, x)  # the list needs a step that needs y
        z = bs.matmul(x, y)
        turned = bs.relu(z) + z.T  # and here all of z
        return around, turned

    for a, b in zip(f(x), f.__wrapped__(x), strict=True):
        equal(a, b)


def test_an_epilogue_writes_no_slot() -> None:
    """Its parts run at different times; the product may still read the old value."""
    w = bs.nn.Parameter(bs.tensor(np.random.default_rng(0).normal(size=(600, 600)).astype(np.float32) / 25))
    before = bs.tensor(np.array(w))

    @bs.compile
    def f() -> None:
        w.assign(w.detach() - bs.matmul(w.detach(), w.detach()))

    bs.set_num_threads(2)
    f()
    equal(w.detach(), before - bs.matmul(before, before))


def test_a_plan_is_known_before_the_second_run() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        for _ in range(20):
            x = bs.matmul(x, x)
        return x

    f(bs.zeros(64, 64))
    plan = f.programs[0]
    # Blocks are used again: two of 20 intermediate values at a time, and scratch of the product.
    assert 0 < plan.memory.arena < 8 * 64 * 64 * 4
    assert plan.nanoseconds > 0


def test_outputs_are_not_the_arena() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
        y = bs.matmul(x, x)
        return y, y.T, y[0], x, x.T, y

    first = f(bs.ones(4, 4))
    kept = [array(t) for t in first]
    views = [np.asarray(t) for t in first]
    f(bs.ones(4, 4) * 7.0)
    for tensor, view, k in zip(first, views, kept, strict=True):
        np.testing.assert_array_equal(array(tensor), k)
        np.testing.assert_array_equal(view, k)


def test_arguments_may_change_after_the_call() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
        return x, x + 0.0, x.T, x.reshape(-1)

    a = np.arange(6.0).reshape(2, 3)
    made = f(a)
    a[:] = -1
    for t in made:
        np.testing.assert_array_equal(np.sort(array(t).ravel()), np.arange(6.0))
    again = f(a)
    assert all((array(t) == -1).all() for t in again)
    assert len(f.programs) == 1


def test_a_truth_value_is_zero_or_one_inside_a_list() -> None:
    """A cast to bool joins no list that would read its operand instead of 0 or 1."""
    functions = [
        lambda x: x.to(bs.bool_).to(bs.float32).sum(),
        lambda x: x.to(bs.bool_) + x,
        lambda x: x.to(bs.bool_) == x,
        lambda x: (x > 0).to(bs.float32) + x,
    ]
    for f in functions:
        x = bs.tensor([2.0, 0.0, 3.0])
        equal(bs.compile(f)(x), f(x))


def test_what_only_the_reverse_sweep_needs_is_made_there() -> None:
    """Slopes are joined to what multiplies by them: the forward path stores nothing but what both need."""
    rng = np.random.default_rng(0)
    x, w = (bs.tensor(rng.normal(size=(9, 9)).astype(np.float32)) for _ in range(2))

    @bs.compile
    def f(x: bs.Tensor, w: bs.Tensor) -> bs.Tensor:
        h = x
        for _ in range(3):
            z = bs.matmul(h, w)
            h = bs.tanh(z) * bs.sigmoid(z) + h
        return bs.grad(h.square().sum(), w)

    w.requires_grad_()
    equal(f(x, w), f.__wrapped__(x, w))
    lines = [line for line in f.programs[0].text.splitlines() if "tanh" in line]
    assert len(lines) == 3
    for line in lines:
        made = line.split(" = ")[0].count("t")
        assert made <= 3, line  # h, tanh and sigmoid; no slope


def test_the_first_call_grows_as_the_program() -> None:
    def seconds(steps: int) -> float:
        w = bs.nn.Parameter(bs.tensor(np.eye(4, dtype=np.float32)))

        @bs.compile
        def f(x: bs.Tensor) -> bs.Tensor:
            h, c = x, x
            for _ in range(steps):
                z = bs.linear(h, w)
                c = bs.sigmoid(z + 1.0) * c + bs.sigmoid(z) * bs.tanh(z)
                h = bs.sigmoid(z - 1.0) * bs.tanh(c)
            return bs.grad(h.sum(), w)

        x = bs.ones(2, 4)
        began = time.process_time()
        f(x)
        return time.process_time() - began

    short, long = (min(seconds(n) for _ in range(2)) for n in (50, 400))
    assert long < 2.5 * 8 * short, (short, long)  # 50 times when joins looked at all that lies between


def test_a_reshaped_result_is_made_where_it_is_returned() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
        y = x * 2.0
        return y.reshape(-1), (x + 1.0).sum((0, 1)), y[1:], y.transpose(0, 1), y.detach()

    x = bs.tensor(np.arange(6, dtype=np.float32).reshape(2, 3))
    for a, want in zip(f(x), f.__wrapped__(x), strict=True):
        equal(a, want)
    made = [op for step in steps(f) for op in step.split("+")]
    # All of y is made as the first result; a part of it, its transpose, and all of it again are copies.
    assert made.count("contiguous") + made.count("copy") == 3, made


def test_the_mean_of_one_element_is_that_element() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> tuple[bs.Tensor, bs.Tensor]:
        loss = (x * x).mean()
        return loss, bs.grad(loss, x)

    for value in (3.0, -0.0, np.nan, np.inf):
        x = bs.tensor(np.array([[value]], np.float32), requires_grad=True)
        for a, want in zip(f(x), f.__wrapped__(x), strict=True):
            equal(a, want)
        assert bits(bs.mean(x)) == bits(bs.tensor(value, dtype=bs.float32))
    assert "div" not in "+".join(steps(f))


def test_what_is_made_last_takes_the_place_of_a_product() -> None:
    """Of two results of an epilogue only the later one may overwrite what the product gave."""
    rng = np.random.default_rng(0)
    x, w = (bs.tensor(rng.normal(size=(9, 9)).astype(np.float32)) for _ in range(2))

    @bs.compile
    def f(x: bs.Tensor, w: bs.Tensor) -> bs.Tensor:
        z = bs.matmul(x, w)
        early = z + 1.0
        late = early * z
        return bs.matmul(early, late)

    equal(f(x, w), f.__wrapped__(x, w))
    first, second = (step for step in f.programs[0].text.splitlines() if "matmul" in step)
    assert "matmul+add+mul(" in first
    made, read = (re.findall(r"\bt\d+", text) for text in (first.split("=")[0], second.split("=")[1]))
    assert made == read[::-1]  # what takes the product's place is named first
