"""What programs need of memory: told before the first run, and kept small."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core
from backsweep.nn import functional as F
from driver import call, cases
from programs import batch, equal, everything, model_and_optimizer, training_step

MIB = 2**20


def test_a_program_is_planned_without_a_run() -> None:
    model, optimizer = model_and_optimizer(p=0.5)
    step = bs.compile(training_step(model, optimizer))
    before = everything(model, optimizer)
    program = step.program(*batch())
    assert everything(model, optimizer) == before
    assert "cross_entropy" in program.text and program.nanoseconds > 0
    assert sum(phase.steps for phase in program.phases) == program.text.count(" = ")
    loss = step(*batch())
    assert len(step.programs) == 1 and step.programs[0].text == program.text
    other, its_optimizer = model_and_optimizer(p=0.5)
    equal(loss, bs.compile(training_step(other, its_optimizer))(*batch()))


def test_memory_is_told_by_what_it_is_for() -> None:
    weight = bs.Parameter(bs.ones(64, 64))
    constant = bs.ones(32, 64)

    @bs.compile
    def f(x: bs.Tensor) -> tuple[bs.Tensor, bs.Tensor]:
        y = bs.matmul(x + constant, weight)
        with bs.no_grad():
            weight.copy_(weight.T * 2)
        return y, y.sum()

    memory = f.program(bs.ones(32, 64)).memory
    rows, square = 32 * 64 * 4, 64 * 64 * 4
    assert memory.arguments == rows and memory.constants == rows + 4
    # The transpose is read while the new value is written.
    assert memory.slots == square and memory.new_values == square
    assert memory.outputs == rows + 4
    assert memory.arena >= rows and 0 <= memory.scratch <= memory.arena
    assert memory.peak == memory.arena + 2 * rows + 4 + 2 * square + memory.outputs + memory.steps
    assert f"{memory.peak / MIB:.2f} MiB" in repr(memory)


def test_a_program_is_known_by_its_arguments() -> None:
    f = bs.compile(lambda x, *, n: x * n)
    assert f.program(bs.ones(3), n=2).memory.outputs == 12
    assert f.program(bs.ones(5), n=2).memory.outputs == 20
    assert len(f.programs) == 2
    with pytest.raises(TypeError):
        f.program(bs.ones(3))
    g = bs.compile(lambda x: f.program(x, n=2) and x)
    with pytest.raises(bs.GraphError, match=r"\[program\]"):
        g(bs.ones(3))


def test_what_is_told_is_what_a_run_takes() -> None:
    """Of a program whose memory is mostly the arena, all that is handed out in a run."""
    width = 256
    weight = bs.Parameter(bs.tensor(np.eye(width, dtype=np.float32)))

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        for _ in range(4):
            x = bs.matmul(x, weight).tanh()
        return bs.grad(x.square().sum(), weight)

    x = bs.ones(2048, width)
    before = _core.allocated_bytes() - 4 * (x.numel() + weight.numel())
    program = f.program(x)
    y = f(x)
    took = _core.allocated_bytes() - before
    assert y.shape == (width, width)
    assert abs(took / program.memory.peak - 1) < 0.1  # the allocator rounds up


# ---- In place where the input dies -------------------------------------------------------------------------


def joined_again(x: bs.Tensor, w: bs.Tensor) -> bs.Tensor:
    """A list that waits for a sum, and is the last to read what the sum is over."""
    a = bs.matmul(x, w)
    return bs.matmul((a - a.sum(0)).tanh(), w)


def scores(x: bs.Tensor, w: bs.Tensor) -> bs.Tensor:
    """Rows over rows."""
    return bs.matmul(bs.softmax(bs.matmul(x, w), -1), w)


def loss(x: bs.Tensor, w: bs.Tensor) -> bs.Tensor:
    """The gradient of scores over scores, and that of their norm over it."""
    y = F.layer_norm(bs.matmul(x, w), (256,), weight=w[0])
    return bs.grad(F.cross_entropy(y, bs.tensor(np.arange(1024) % 256)), x)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize(("f", "most"), [(joined_again, 1), (scores, 1), (loss, 2)])
def test_a_step_writes_over_what_it_is_the_last_to_read(f: Any, most: int, threads: int) -> None:
    rng = np.random.default_rng(0)
    x = bs.tensor(rng.standard_normal((1024, 256)).astype(np.float32), requires_grad=True)
    w = bs.tensor(rng.standard_normal((256, 256)).astype(np.float32))
    bs.set_num_threads(threads)
    compiled = bs.compile(f)
    memory = compiled.program(x, w).memory
    assert memory.arena - memory.scratch < (most + 0.2) * 1024 * 256 * 4, compiled.programs[0].text
    equal(compiled(x, w), f(x, w))


def test_what_is_read_again_is_not_written_over() -> None:
    """By another operand of the step, turned, or by a later step."""

    def f(x: bs.Tensor, w: bs.Tensor) -> tuple[bs.Tensor, ...]:
        a = bs.matmul(x, w)
        turned = (a - a.sum(0)).tanh() * a.T
        b = bs.matmul(x, w + 1)
        c = (b - b.sum(0)).exp()
        return bs.matmul(turned, w), bs.matmul(c, w), bs.matmul(b, w)

    rng = np.random.default_rng(0)
    x, w = (bs.tensor(rng.standard_normal((128, 128)).astype(np.float32)) for _ in range(2))
    for threads in (1, 2, 7):
        bs.set_num_threads(threads)
        for a, b in zip(bs.compile(f)(x, w), f(x, w), strict=True):
            equal(a, b)


def test_a_layer_norm_keeps_its_weight_for_all_rows() -> None:
    """Though the means of as many rows have its shape, and it dies there."""
    rng = np.random.default_rng(0)
    x, w = (bs.tensor(rng.standard_normal((32, 32)).astype(np.float32)) for _ in range(2))

    def f(x: bs.Tensor, w: bs.Tensor) -> tuple[bs.Tensor, ...]:
        y, mean, _ = _core.ops.layer_norm(x, weight=bs.matmul(x, w)[:, 0].contiguous())
        return bs.matmul(y, w), mean.sum(0)

    for a, b in zip(bs.compile(f)(x, w), f(x, w), strict=True):
        equal(a, b)


@pytest.mark.parametrize("name", ["sgd", "sgd_momentum", "adam", "amsgrad"])
def test_updates_write_over_any_of_their_inputs(name: str) -> None:
    """A moment may come to lie where the gradient or the largest squares were."""
    for case in cases(name):
        if case.inputs[0].ndim == 0 or case.large:
            continue
        given = [bs.tensor(x) for x in case.inputs]

        for dies in (lambda i: True, lambda i: i not in (2, 3), lambda i: i % 2 == 0):

            @bs.compile
            def f(*inputs: bs.Tensor, attrs: Any = case.attrs, dies: Any = dies) -> tuple[bs.Tensor, ...]:
                made = [x * 0.5 + 0.25 if x.ndim and dies(i) else x for i, x in enumerate(inputs)]
                return tuple(bs.tanh(y) for y in call(name, made, attrs))

            for mine, want in zip(f(*given), f.__wrapped__(*given), strict=True):
                equal(mine, want)


# ---- Flat --------------------------------------------------------------------------------------------------


def test_steps_and_kept_losses_are_flat() -> None:
    model, optimizer = model_and_optimizer()
    step = bs.compile(training_step(model, optimizer))
    data = batch()
    step(*data)
    nodes, held = _core.live_nodes(), _core.allocated_bytes()
    losses = [step(*data) for _ in range(2000)]
    assert _core.live_nodes() <= nodes + 2 * len(losses)
    assert _core.allocated_bytes() <= held + 1024 * len(losses)
    del losses
    assert _core.live_nodes() == nodes and _core.allocated_bytes() == held


def test_models_made_and_dropped_are_flat() -> None:
    def train() -> tuple[int, int]:
        model, optimizer = model_and_optimizer()
        step = bs.compile(training_step(model, optimizer))
        step(*batch())
        bs.compile(model)(batch()[0]).sum().backward()
        del model, optimizer, step
        gc.collect()
        return _core.live_nodes(), _core.allocated_bytes()

    first = train()
    assert [train() for _ in range(25)] == [first] * 25
