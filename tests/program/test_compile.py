"""bs.compile: the same bits as eager calls, slots that change only as a whole, signatures, errors."""

from __future__ import annotations

import gc
import inspect
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core, nn
from backsweep.nn import functional as F
from driver import array, bits
from programs import RandomProgram


def text(fn: Any, number: int = 0) -> str:
    return fn.programs[number]["text"]


def steps(fn: Any, number: int = 0) -> list[str]:
    """The ops of a program's steps; fused ones joined by +."""
    lines = [line for line in text(fn, number).splitlines() if line.startswith("  ")]
    return [line.split(" = ")[1].split("(")[0] for line in lines]


def equal(a: Any, b: Any) -> None:
    assert bits(a) == bits(b)


def model_and_optimizer(momentum: float = 0.9, p: float = 0.0) -> tuple[nn.Module, bs.optim.SGD]:
    bs.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 16), nn.LayerNorm(16), nn.ReLU(), nn.Dropout(p), nn.Linear(16, 3))
    return model, bs.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)


def batch(n: int = 8, seed: int = 0) -> tuple[bs.Tensor, bs.Tensor]:
    rng = np.random.default_rng(seed)
    return bs.tensor(rng.normal(size=(n, 6)).astype(np.float32)), bs.tensor(rng.integers(0, 3, n))


def training_step(model: nn.Module, optimizer: bs.optim.SGD) -> Callable[..., bs.Tensor]:
    def step(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def everything(model: nn.Module, optimizer: bs.optim.SGD) -> list[Any]:
    """Bits of all that a step may change."""
    buffers = [b for state in optimizer.state.values() for b in state.values()]
    return [bits(t) for t in (*model.parameters(), *buffers, _core.default_generator)]


# ---- The same bits as eager --------------------------------------------------------------------------------


def random_program(seed: int) -> RandomProgram:
    dtype = "float64" if seed % 5 == 0 else "float32"
    return RandomProgram(seed, n=5 + seed % 9, length=4 + seed % 60, dtype=dtype)


@pytest.mark.parametrize("block", range(12))
def test_random_functions(block: int) -> None:
    wrong = []
    for seed in range(200 * block, 200 * (block + 1)):
        program = random_program(seed)
        # Compiled first: memory that eager calls have freed may hold their results.
        got = program.run(bs.compile(program.__call__), 2)
        if got != program.run(program, 2):
            wrong.append(seed)
    assert wrong == []


def test_training_equals_eager() -> None:
    runs = []
    for compiled in (False, True):
        model, optimizer = model_and_optimizer(p=0.3)
        step = training_step(model, optimizer)
        step = bs.compile(step) if compiled else step
        bs.manual_seed(5)
        losses = [bits(step(*batch(seed=i))) for i in range(10)]
        runs.append((losses, everything(model, optimizer)))
    assert runs[0] == runs[1]


def test_the_first_momentum_step_equals_eager() -> None:
    for nesterov in (False, True):
        made = []
        for compiled in (False, True):
            p = nn.Parameter(bs.tensor([1.0, 2.0]))
            optimizer = bs.optim.SGD([p], lr=0.1, momentum=0.9, nesterov=nesterov, weight_decay=0.01)

            def step(p: nn.Parameter = p, optimizer: bs.optim.SGD = optimizer) -> None:
                optimizer.zero_grad()
                p.square().sum().backward()
                optimizer.step()

            (bs.compile(step) if compiled else step)()
            made.append(bits(p))
        assert made[0] == made[1]


def test_random_numbers_are_those_of_eager_calls() -> None:
    x = bs.ones(100)

    def draw(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
        return F.dropout(x), F.dropout(x), bs.uniform((7,))

    compiled = bs.compile(draw)
    bs.manual_seed(3)
    want = [bits(t) for _ in range(3) for t in draw(x)]
    state = bits(_core.default_generator)
    bs.manual_seed(3)
    assert [bits(t) for _ in range(3) for t in compiled(x)] == want
    assert bits(_core.default_generator) == state
    assert len(set(want)) == 9  # each call draws anew
    bs.manual_seed(3)
    mixed = [bits(t) for fn in (compiled, draw, compiled) for t in fn(x)]
    assert mixed == want


# ---- Programs ----------------------------------------------------------------------------------------------


def test_common_subexpressions() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        return bs.matmul(x, x) + bs.matmul(x, x) + (x + 1.0).sum() * (x + 1.0).sum()

    x = bs.tensor(np.arange(9.0).reshape(3, 3))
    equal(f(x), f.__wrapped__(x))
    assert steps(f).count("matmul") == 1
    assert steps(f).count("sum") == 1


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


def test_a_plan_is_known_before_the_second_run() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        for _ in range(20):
            x = bs.matmul(x, x)
        return x

    f(bs.zeros(64, 64))
    plan = f.programs[0]
    # Blocks are used again: two of 20 intermediate values at a time, and scratch of the product.
    assert 0 < plan["arena_bytes"] < 8 * 64 * 64 * 4
    assert plan["nanoseconds"] > 0


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


# ---- Slots -------------------------------------------------------------------------------------------------


def test_a_numpy_view_keeps_the_value_from_before_the_step() -> None:
    model, optimizer = model_and_optimizer()
    step = bs.compile(training_step(model, optimizer))
    x, y = batch()
    for _ in range(3):
        views = [np.asarray(p.detach()) for p in model.parameters()]
        copies = [v.copy() for v in views]
        handles = [p.detach() for p in model.parameters()]
        step(x, y)
        for p, v, c, h in zip(model.parameters(), views, copies, handles, strict=True):
            np.testing.assert_array_equal(v, c)
            np.testing.assert_array_equal(array(h), c)
            assert not np.array_equal(array(p), c)


@pytest.mark.parametrize("size", [3, 300])
@pytest.mark.parametrize("threads", [1, 3])
def test_writes_that_read_the_old_value_elsewhere(size: int, threads: int) -> None:
    """In place only where element i alone decides element i."""
    bs.set_num_threads(threads)
    start = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32) / size
    index = bs.tensor(np.arange(size)[::-1].copy())
    rules: dict[str, Callable[[Any], bs.Tensor]] = {
        "itself": lambda p: p * 2.0 + 1.0,
        "transposed": lambda p: p.T,
        "plus transposed": lambda p: p + p.T,
        "reversed": lambda p: _core.ops.slice(p, dim=0, step=-1) + 0.0,
        "shifted": lambda p: p + p[0],
        "centred": lambda p: p - p.mean(0),
        "product": lambda p: p @ p,
        "rows": lambda p: bs.index_rows(p, index),
        "softened": lambda p: _core.ops.layer_norm(p)[0],
        "unchanged": lambda p: p.detach(),
        "reshaped": lambda p: p.reshape(-1).reshape(size, size) * 0.5,
    }
    for name, rule in rules.items():
        made = []
        for compiled in (False, True):
            p = nn.Parameter(bs.tensor(start))

            def update(p: nn.Parameter = p, rule: Callable[[Any], bs.Tensor] = rule) -> tuple[bs.Tensor, ...]:
                old = p.detach() * 1.0
                with bs.no_grad():
                    p.assign(rule(p))
                return old, p.detach().sum()

            run = bs.compile(update) if compiled else update
            made.append([bits(t) for _ in range(3) for t in (*run(), p)])
        assert made[0] == made[1], name


def test_slots_may_be_swapped() -> None:
    a, b = nn.Buffer(bs.tensor([1.0, 2.0])), nn.Buffer(bs.tensor([3.0, 4.0]))

    @bs.compile
    def swap() -> None:
        old = a.detach()
        a.assign(b)
        b.assign(old)

    swap()
    assert array(a).tolist() == [3.0, 4.0] and array(b).tolist() == [1.0, 2.0]
    swap()
    assert array(a).tolist() == [1.0, 2.0] and array(b).tolist() == [3.0, 4.0]

    @bs.compile
    def copy() -> None:
        a.assign(b)
        b.assign(a)  # the new one

    copy()
    assert array(a).tolist() == array(b).tolist() == [3.0, 4.0]


def test_old_and_new_values_of_a_parameter() -> None:
    p = nn.Parameter(bs.zeros(3))

    @bs.compile
    def count() -> tuple[Any, ...]:
        old, plus = p.detach(), p + 10.0
        with bs.no_grad():
            p.assign(p + 1.0)
            middle = p.detach()
            p.assign(p + 1.0)
        return old, plus, middle, p.detach(), p

    for i in range(3):
        old, plus, middle, new, itself = count()
        assert array(old).tolist() == [2.0 * i] * 3
        assert array(plus).tolist() == [2.0 * i + 10] * 3
        assert array(middle).tolist() == [2.0 * i + 1] * 3
        assert array(new).tolist() == [2.0 * i + 2] * 3
        assert itself is p


def test_two_steps_in_one_program() -> None:
    runs = []
    for compiled in (False, True):
        model, optimizer = model_and_optimizer(p=0.2)
        step = training_step(model, optimizer)

        def both(x: bs.Tensor, y: bs.Tensor, step: Callable[..., bs.Tensor] = step) -> tuple[bs.Tensor, ...]:
            return step(x, y), step(x * 0.5, y)

        run = bs.compile(both) if compiled else both
        bs.manual_seed(2)
        losses = [bits(t) for i in range(4) for t in run(*batch(seed=i))]
        runs.append((losses, everything(model, optimizer)))
    assert runs[0] == runs[1]


def test_a_target_network() -> None:
    """Averages of weights, written inside the program."""
    runs = []
    for compiled in (False, True):
        model, optimizer = model_and_optimizer()
        target, _ = model_and_optimizer()
        step = training_step(model, optimizer)

        def run(
            x: bs.Tensor,
            y: bs.Tensor,
            step: Callable[..., bs.Tensor] = step,
            model: nn.Module = model,
            target: nn.Module = target,
        ) -> bs.Tensor:
            loss = step(x, y)
            with bs.no_grad():
                for t, p in zip(target.parameters(), model.parameters(), strict=True):
                    t.assign(t * 0.9 + p * 0.1)
                return loss + target(x).mean()

        run = bs.compile(run) if compiled else run
        results = [bits(run(*batch(seed=i))) for i in range(4)]
        runs.append((results, everything(model, optimizer), [bits(p) for p in target.parameters()]))
    assert runs[0] == runs[1]


def test_in_place_methods_inside() -> None:
    runs = []
    for compiled in (False, True):
        p = nn.Parameter(bs.tensor([1.0, 2.0]))

        def f(x: bs.Tensor, p: nn.Parameter = p) -> bs.Tensor:
            with bs.no_grad():
                p.mul_(2.0)
                p.add_(x, alpha=0.5)
                p.sub_(1.0)
            return p * x

        run = bs.compile(f) if compiled else f
        runs.append([bits(run(bs.tensor([3.0, 4.0]))) for _ in range(3)] + [bits(p)])
    assert runs[0] == runs[1]


# ---- A step that raises changes nothing --------------------------------------------------------------------


class Fragile(bs.Function):
    """A call-back that fails on demand, forward or backward."""

    numpy = True
    fails = ""

    def forward(self, x: np.ndarray) -> np.ndarray:
        if Fragile.fails == "forward":
            raise RuntimeError("boom")
        return x.copy()

    def backward(self, grad: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if Fragile.fails == "backward":
            raise RuntimeError("boom")
        return grad.copy()


@pytest.mark.parametrize("where", ["forward", "backward"])
def test_a_call_back_that_raises_changes_nothing(where: str) -> None:
    model, optimizer = model_and_optimizer(p=0.5)
    counter = nn.Buffer(bs.tensor(0.0))

    @bs.compile
    def step(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        counter.assign(counter + 1.0)
        x = F.dropout(x, 0.2)
        loss = F.cross_entropy(Fragile()(model(x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss + F.dropout(loss, 0.5)

    x, y = batch()
    step(x, y)
    before = [*everything(model, optimizer), bits(counter)]
    Fragile.fails = where
    try:
        for _ in range(3):
            with pytest.raises(RuntimeError, match=r"^boom$"):
                step(x, y)
            assert [*everything(model, optimizer), bits(counter)] == before
    finally:
        Fragile.fails = ""
    step(x, y)
    assert float(counter) == 2.0


def test_a_target_out_of_range_changes_nothing() -> None:
    model, optimizer = model_and_optimizer(p=0.5)
    step = bs.compile(training_step(model, optimizer))
    x, y = batch()
    step(x, y)
    before = everything(model, optimizer)
    for bad in (3, -1, 2**40):
        wrong = array(y)
        wrong[5] = bad
        with pytest.raises(IndexError, match=rf"^\[cross_entropy\] target\[5\] is {bad}"):
            step(x, bs.tensor(wrong))
        assert everything(model, optimizer) == before
    step(x, y)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_error_in_one_threads_part_changes_nothing(threads: int) -> None:
    """A thread that is done with its part of a failing step must not go on to write slots."""
    bs.set_num_threads(threads)
    p = nn.Buffer(bs.zeros(400_000))

    @bs.compile
    def step(table: bs.Tensor, index: bs.Tensor) -> bs.Tensor:
        rows = bs.index_rows(table, index)
        p.assign(p + 1.0)
        return rows

    table, index = bs.ones(10, 2), np.zeros(300_000, np.int64)
    step(table, bs.tensor(index))
    index[-1] = 10
    for _ in range(40):
        with pytest.raises(IndexError, match=r"^\[index_rows\] index 10 \(element 299999\)"):
            step(table, bs.tensor(index))
        assert (array(p) == 1.0).all()


def test_an_error_while_capturing_changes_nothing() -> None:
    p = nn.Parameter(bs.zeros(2))
    fail = [True]

    @bs.compile
    def step() -> bs.Tensor:
        with bs.no_grad():
            p.assign(p + 1.0)
        p.grad = bs.ones(2)
        F.dropout(p)
        if fail[0]:
            raise KeyError("mine")
        return p.detach()

    generator = bits(_core.default_generator)
    with pytest.raises(KeyError, match="mine"):
        step()
    assert not _core.is_capturing()
    assert bs.is_grad_enabled()
    assert array(p).tolist() == [0.0, 0.0]
    assert p.grad is None
    assert bits(_core.default_generator) == generator
    assert len(step.programs) == 0
    fail[0] = False
    assert array(step()).tolist() == [1.0, 1.0]


# ---- Reading values while capturing ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "read",
    [
        lambda x: float(x.sum()),
        lambda x: int(x.sum()),
        lambda x: x.sum().item(),
        lambda x: x.numpy(),
        lambda x: np.asarray(x),
        lambda x: x.tolist(),
        lambda x: 1 if x.sum() > 0.0 else 2,
        lambda x: np.sin(np.array(x)),
        lambda x: bs.tensor([float(x[0]), 1.0]),
        lambda x: f"{float(x[0]):.2f}",
        lambda x: [1, 2][int(x[0])],
    ],
)
def test_reading_a_value_names_this_line(read: Callable[[bs.Tensor], object]) -> None:
    line = inspect.getsourcelines(read)[1]

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        read(x)
        return x

    with pytest.raises(bs.GraphError) as caught:
        f(bs.ones(3))
    assert str(caught.value).startswith("[compile] ")
    assert f"{__file__}:{line}" in str(caught.value)
    assert "bs.where" in str(caught.value) or "return" in str(caught.value)
    assert not _core.is_capturing()


def test_reading_a_parameter_or_a_gradient_is_an_error_too() -> None:
    p = nn.Parameter(bs.ones(()))

    @bs.compile
    def by_parameter() -> bs.Tensor:
        return p * 2.0 if p > 0.0 else p

    @bs.compile
    def by_gradient() -> bs.Tensor:
        p.grad = None
        (p * p).backward()
        return p * float(p.grad)

    for f in (by_parameter, by_gradient):
        with pytest.raises(bs.GraphError, match=r"test_compile\.py"):
            f()


def test_shapes_and_printing_are_allowed() -> None:
    seen = []

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        seen.append((x.shape, x.ndim, x.numel(), x.dtype, len(x), repr(x)))
        return x.reshape(x.shape[1], -1)

    f(bs.ones(2, 3))
    assert seen[0][:5] == ((2, 3), 2, 6, bs.float32, 2)
    assert "symbolic" in seen[0][5]


def test_symbols_do_not_leave_the_function() -> None:
    kept: list[bs.Tensor] = []

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        kept.append(x * 2.0)
        return x

    f(bs.ones(2))
    p = nn.Parameter(bs.ones(2))
    acts: list[Callable[[], object]] = [
        lambda: float(kept[0].sum()),
        lambda: np.asarray(kept[0]),
        lambda: f(kept[0]),
        lambda: bs.compile(lambda x: x + kept[0])(bs.ones(2)),
        lambda: p.assign(kept[0]),
        lambda: p.copy_(kept[0]),
        lambda: nn.Parameter(kept[0]),
        lambda: setattr(p, "grad", kept[0]),
    ]
    for number, act in enumerate(acts):
        try:
            act()
        except bs.GraphError as error:
            raised = str(error)
        else:
            raised = f"act {number} raises nothing"
        assert raised.startswith("["), raised


# ---- Signatures --------------------------------------------------------------------------------------------


def test_shapes_dtypes_and_gradients_make_signatures() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        return x + 1.0

    made = [
        bs.ones(2),
        bs.ones(3),
        bs.ones(2, 1),
        bs.ones(()),
        bs.ones(2, dtype=bs.float64),
        bs.tensor([1, 2]),
    ]
    made.append(bs.ones(2, requires_grad=True))
    for _ in range(3):
        for x in made:
            equal(f(x), x + 1.0)
    assert len(f.programs) == len(made)
    f(bs.ones(2, 2).T)  # memory order is no part of it
    f(bs.ones(2, 2))
    assert len(f.programs) == len(made) + 1


def test_static_arguments() -> None:
    calls = []

    @bs.compile
    def f(x: bs.Tensor, k: Any) -> bs.Tensor:
        calls.append(k)
        return x * (2.0 if k is True else 3.0 if k == 1 else 5.0)

    x = bs.ones(1)
    statics = [1, True, 1.0, "1", None, (1, 2), (1, 3), [1, 2], {"a": 1}, {"b": 1}, {"a": 2}, 2**70, -0.5]
    for _ in range(2):
        for k in statics:
            equal(f(x, k), f.__wrapped__(x, k))
    assert len(f.programs) == len(statics)
    f(x, (1, True))
    f(x, (1.0, 2))
    assert len(f.programs) == len(statics) + 2


def test_keyword_arguments_and_defaults() -> None:
    @bs.compile
    def f(x: bs.Tensor, y: bs.Tensor | None = None, *, scale: float = 1.0, **rest: Any) -> bs.Tensor:
        z = x if y is None else x + y
        for value in rest.values():
            z = z * value
        return z * scale

    x, y = bs.tensor([1.0]), bs.tensor([10.0])
    assert array(f(x)).tolist() == [1.0]
    assert array(f(x, y)).tolist() == [11.0]
    assert array(f(x, y=y)).tolist() == [11.0]
    assert array(f(y=x, x=y, scale=2.0)).tolist() == [22.0]
    assert array(f(x, scale=3.0, k=bs.tensor([4.0]))).tolist() == [12.0]
    assert array(f(x, scale=3.0, k=bs.tensor([5.0]))).tolist() == [15.0]
    n = len(f.programs)
    f(x, scale=3.0, k=bs.tensor([6.0]))
    assert len(f.programs) == n
    with pytest.raises(TypeError):
        f()


def test_nested_arguments_and_results() -> None:
    @bs.compile
    def f(data: dict[str, Any]) -> dict[str, Any]:
        a, (b, n) = data["a"], data["pair"]
        return {
            "sum": a + b,
            "list": [a, (b * float(n),)],
            "number": 7,
            "none": None,
            "text": "t",
            "twice": a + b,
        }

    data = {"a": bs.tensor([1.0]), "pair": (bs.tensor([2.0]), 3)}
    for _ in range(2):
        made = f(data)
        assert list(made) == ["sum", "list", "number", "none", "text", "twice"]
        assert array(made["sum"]).tolist() == array(made["twice"]).tolist() == [3.0]
        assert array(made["list"][0]).tolist() == [1.0]
        assert isinstance(made["list"][1], tuple) and array(made["list"][1][0]).tolist() == [6.0]
        assert (made["number"], made["none"], made["text"]) == (7, None, "t")
        made["list"].append("mine")  # a result is the caller's own
    assert bs.compile(lambda: None)() is None
    assert bs.compile(lambda x: ())(bs.ones(1)) == ()


def test_numpy_arguments() -> None:
    @bs.compile
    def f(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        assert isinstance(x, bs.Tensor)
        return x * 2.0 + y

    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    for x in (a, np.asfortranarray(a), a[:, ::-1], a[::-1], np.broadcast_to(a[:1], (2, 3))):
        np.testing.assert_array_equal(array(f(x, a)), x * 2 + a)
        np.testing.assert_array_equal(array(f(x, bs.tensor(a))), x * 2 + a)
    assert len(f.programs) == 1
    np.testing.assert_array_equal(array(f(a.astype(np.float64), a)), a * 3.0)
    with pytest.raises(TypeError, match=r"^\["):
        f(np.array(["text"]), a)


def test_no_grad_is_part_of_the_signature() -> None:
    p = nn.Parameter(bs.ones(2))

    @bs.compile
    def f(x: bs.Tensor) -> list[bool]:
        return [(p * x).requires_grad]

    x = bs.ones(2)
    assert f(x) == [True]
    with bs.no_grad():
        assert f(x) == [False]
        assert f(x) == [False]
    assert f(x) == [True]
    assert len(f.programs) == 2


def test_train_and_eval() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    f = bs.compile(lambda x: model(x))
    x = bs.ones(3, 4)
    for _ in range(2):
        model.train()
        bs.manual_seed(0)
        got = f(x)
        bs.manual_seed(0)
        equal(got, model(x))
        model.eval()
        equal(f(x), model(x))
    assert len(f.programs) == 2
    model[1].train()  # a part of it alone
    bs.manual_seed(0)
    got = f(x)
    bs.manual_seed(0)
    equal(got, model(x))


def test_changes_of_structure() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    f = bs.compile(lambda x: model(x))
    x = bs.ones(3, 4)
    f(x)
    model[0] = nn.Linear(4, 4)
    equal(f(x), model(x))
    model[2].weight = nn.Parameter(bs.ones(2, 4))
    equal(f(x), model(x))
    model[2].bias = None
    equal(f(x), model(x))
    model.append(nn.Sigmoid())
    equal(f(x), model(x))
    n = len(f.programs)
    model[0].weight.copy_(bs.zeros(4, 4))  # a value is no structure
    equal(f(x), model(x))
    assert len(f.programs) == n


def test_freezing_a_parameter() -> None:
    model, optimizer = model_and_optimizer(momentum=0.0)
    step = bs.compile(training_step(model, optimizer))
    x, y = batch()
    step(x, y)
    frozen = model[0].weight
    frozen.requires_grad_(False)
    before, other = bits(frozen), bits(model[0].bias)
    step(x, y)
    assert bits(frozen) == before
    assert bits(model[0].bias) != other
    frozen.requires_grad_(True)
    step(x, y)
    assert bits(frozen) != before


def test_learning_rate_reaches_programs() -> None:
    runs = []
    for compiled in (False, True):
        model, optimizer = model_and_optimizer()
        step = training_step(model, optimizer)
        step = bs.compile(step) if compiled else step
        for lr, momentum in ((0.1, 0.9), (0.01, 0.9), (0.5, 0.5), (0.0, 0.1)):
            optimizer.param_groups[0]["lr"] = lr
            optimizer.param_groups[0]["momentum"] = momentum
            step(*batch())
        runs.append(everything(model, optimizer))
        if compiled:
            assert len(step.programs) == 1
    assert runs[0] == runs[1]


def test_a_call_of_many_signatures_stays_right() -> None:
    """More than are kept."""
    f = bs.compile(lambda x: (x * 2.0).sum())
    for _ in range(2):
        for n in range(150):
            assert float(f(bs.ones(n))) == 2.0 * n


# ---- Gradients ---------------------------------------------------------------------------------------------


def test_gradients_of_arguments() -> None:
    @bs.compile
    def f(x: bs.Tensor, y: bs.Tensor) -> tuple[bs.Tensor, ...]:
        loss = (x * x * y).sum()
        return loss, *bs.grad(loss, [x, y])

    x, y = bs.tensor([1.0, 2.0], requires_grad=True), bs.tensor([3.0, 4.0], requires_grad=True)
    loss, gx, gy = f(x, y)
    assert (float(loss), array(gx).tolist(), array(gy).tolist()) == (19.0, [6.0, 16.0], [1.0, 4.0])
    assert x.grad is None
    with pytest.raises(bs.GraphError, match="no history"):
        loss.backward()

    @bs.compile
    def backward(x: bs.Tensor) -> None:
        (x * x).sum().backward()

    with pytest.raises(bs.GraphError, match=r"^\[compile\].*bs\.grad"):
        backward(x)


def test_second_derivatives_inside() -> None:
    def f(x: bs.Tensor) -> bs.Tensor:
        first = bs.grad(bs.exp(x * x).sum(), x, create_graph=True)
        return bs.grad((first * first).sum(), x)

    x = bs.tensor([0.5, -0.25], requires_grad=True)
    equal(bs.compile(f)(x), f(x))


def test_a_stale_gradient_raises() -> None:
    model, optimizer = model_and_optimizer()
    step = bs.compile(training_step(model, optimizer))
    x, y = batch()
    F.cross_entropy(model(x), y).backward()
    optimizer.zero_grad()
    step(x, y)
    for p in model.parameters():
        with pytest.raises(bs.GraphError, match=r"^\[grad\].*return them"):
            _ = p.grad
    optimizer.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    F.cross_entropy(model(x), y).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_keep_grads() -> None:
    runs = []
    for compiled in (False, True):
        model, optimizer = model_and_optimizer()
        step = training_step(model, optimizer)
        step = bs.compile(keep_grads=True)(step) if compiled else step
        for i in range(3):
            step(*batch(seed=i))
        runs.append([bits(p.grad) for p in model.parameters()])
        kept = next(iter(model.parameters())).grad
        before = bits(kept)
        step(*batch(seed=9))
        assert bits(kept) == before
    assert runs[0] == runs[1]


def test_gradients_from_before_the_call_are_refused() -> None:
    p = nn.Parameter(bs.ones(2))
    (p * p).sum().backward()

    @bs.compile
    def accumulate() -> None:
        (p * p).sum().backward()

    with pytest.raises(bs.GraphError, match=r"^\[compile\].*\.grad.*zero_grad"):
        accumulate()
    assert array(p.grad).tolist() == [2.0, 2.0]
    p.grad = None
    accumulate()


def test_accumulation_inside_one_program() -> None:
    p = nn.Parameter(bs.tensor([1.0, 2.0]))

    @bs.compile
    def f(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        p.grad = None
        (p * x).sum().backward()
        (p * p * y).sum().backward()
        return p.grad

    for i in (1.0, 2.0):
        assert array(f(bs.full((2,), i), bs.full((2,), 10.0))).tolist() == [i + 20, i + 40]


# ---- Functions of all kinds --------------------------------------------------------------------------------


def test_a_compiled_function_inside_another() -> None:
    inner_calls = []

    @bs.compile
    def inner(x: bs.Tensor) -> bs.Tensor:
        inner_calls.append(1)
        return bs.exp(x)

    @bs.compile
    def outer(x: bs.Tensor) -> bs.Tensor:
        return inner(x) + inner(x)

    x = bs.ones(2)
    equal(outer(x), bs.exp(x) + bs.exp(x))
    assert len(outer.programs) == 1 and len(inner.programs) == 0
    assert len(inner_calls) == 2
    assert "exp" in text(outer)
    outer(x)
    assert len(inner_calls) == 2
    equal(inner(x), bs.exp(x))


def test_methods_and_decorators() -> None:
    class Counter:
        def __init__(self, by: float) -> None:
            self.by = by
            self.value = nn.Buffer(bs.tensor(0.0))

        @bs.compile
        def add(self, x: bs.Tensor) -> bs.Tensor:
            """Adds."""
            self.value.assign(self.value + x * self.by)
            return self.value.detach()

    a, b = Counter(1.0), Counter(10.0)
    assert [float(c.add(bs.tensor(2.0))) for c in (a, b, a, b)] == [2.0, 20.0, 4.0, 40.0]
    assert Counter.add.__name__ == "add" and Counter.add.__doc__ == "Adds."
    with pytest.raises(TypeError, match=r"^\[compile\]"):
        bs.compile(3)


def test_functions_through_call_backs() -> None:
    """A bs.Function on NumPy arrays runs at each call of the program, in order."""
    seen: list[float] = []

    class Seen(bs.Function):
        numpy = True

        def forward(self, x: np.ndarray) -> np.ndarray:
            seen.append(float(x.sum()))
            return x * 2

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        Seen()(x * 10.0)  # its result is not used, but it may do something
        return Seen()(x) + 1.0

    for i in (1.0, 2.0):
        assert array(f(bs.tensor([i]))).tolist() == [2 * i + 1]
    assert seen == [10.0, 1.0, 20.0, 2.0]


CALLS_ITSELF = """
import numpy as np, backsweep as bs

class Again(bs.Function):
    numpy = True
    def forward(self, x):
        return np.asarray(f(bs.tensor(x * 0))) if x[0] > 0 else x

f = bs.compile(lambda x: Again()(x) + 1.0)
f(bs.zeros(3))
try:
    print(np.asarray(f(bs.ones(3))))
except bs.GraphError as error:
    assert str(error).startswith("["), error
    print(error)
"""


def test_a_call_back_that_calls_its_own_program() -> None:
    """It gives the result, or says that it cannot; it does not wait for itself."""
    done = subprocess.run([sys.executable, "-c", CALLS_ITSELF], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


# ---- Threads -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [4, 200])
def test_threads_may_call_one_program(size: int) -> None:
    """Results are each thread's own; writes to a slot are never lost."""
    counter = nn.Buffer(bs.tensor(0.0))

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        counter.assign(counter + 1.0)
        return bs.matmul(x, x) + 1.0

    calls = 60
    failures: list[int] = []
    f(bs.zeros(size, size))

    def work(k: int) -> None:
        x = bs.eye(size) * float(k)
        want = array(bs.eye(size) * float(k * k) + 1.0)
        failures.extend(k for _ in range(calls) if not np.array_equal(array(f(x)), want))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    assert float(counter) == 1 + 5 * calls
    assert len(f.programs) == 1


def test_threads_may_capture_at_once() -> None:
    """Captures of several threads do not see each other."""
    barrier = threading.Barrier(4)
    failures: list[object] = []

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        y = x
        for _ in range(50):
            y = y + x
        return y

    def work(n: int) -> None:
        x = bs.ones(n)
        barrier.wait()
        for _ in range(20):
            y = x + x  # eager, while others capture
            if array(f(x)).tolist() != [51.0] * n or array(y).tolist() != [2.0] * n:
                failures.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2, 3, 4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


# ---- Memory ------------------------------------------------------------------------------------------------


def resident() -> int:
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_memory_stays_flat() -> None:
    """20,000 compiled steps and 2,000 eager ones, with dropout, add no node and no byte."""
    model, optimizer = model_and_optimizer(p=0.1)
    eager = training_step(model, optimizer)
    step = bs.compile(eager)
    x, y = batch()
    for fn, n in ((step, 20_000), (eager, 2_000)):
        for _ in range(300):
            fn(x, y)
        gc.collect()
        nodes, used, rss = _core.live_nodes(), _core.allocated_bytes(), resident()
        for _ in range(n):
            fn(x, y)
        assert _core.live_nodes() == nodes
        assert _core.allocated_bytes() == used
        assert resident() - rss < 2 << 20


def test_programs_go_with_their_function() -> None:
    gc.collect()
    nodes, used = _core.live_nodes(), _core.allocated_bytes()
    for _ in range(20):
        model, optimizer = model_and_optimizer()
        step = bs.compile(training_step(model, optimizer))
        step(*batch())
        del model, optimizer, step
    gc.collect()
    assert _core.live_nodes() <= nodes + 2
    assert _core.allocated_bytes() <= used + 4096
