"""Gradients in compiled functions: of arguments, kept, stale, summed, of second order."""

from __future__ import annotations

import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn import functional as F
from driver import array, bits
from programs import batch, equal, model_and_optimizer, training_step


def test_gradients_of_arguments() -> None:
    @bs.compile
    def f(x: bs.Tensor, y: bs.Tensor) -> tuple[bs.Tensor, ...]:
        loss = (x * x * y).sum()
        return loss, *bs.grad(loss, [x, y])

    x, y = bs.tensor([1.0, 2.0], requires_grad=True), bs.tensor([3.0, 4.0], requires_grad=True)
    loss, gx, gy = f(x, y)
    assert (float(loss), array(gx).tolist(), array(gy).tolist()) == (19.0, [6.0, 16.0], [1.0, 4.0])
    assert x.grad is None
    with pytest.raises(bs.GraphError, match="result of a compiled function"):
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


def test_an_optimizer_over_a_part_of_the_model() -> None:
    """backward() reaches parameters that nobody clears and whose gradients nobody looks at."""
    want: list[object] = []
    for compiled in (False, True):
        bs.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
        optimizer = bs.optim.SGD(model[1].parameters(), lr=0.1)
        step = training_step(model, optimizer)
        step = bs.compile(step) if compiled else step
        x, y = bs.ones(5, 4), bs.tensor([0, 1, 2, 0, 1])
        losses = [bits(step(x, y)) for _ in range(3)]
        if compiled:
            assert losses == want
            with pytest.raises(bs.GraphError, match=r"^\[grad\]"):
                _ = model[0].weight.grad
        want = losses


def test_leaves_made_inside_collect_gradients() -> None:
    """Whether detach() made them, which records in a capture, or nothing that is recorded."""

    def detached(x: bs.Tensor) -> bs.Tensor:
        return x.detach().requires_grad_()

    def flagged(x: bs.Tensor) -> bs.Tensor:
        z = bs.exp(x).detach()
        z.requires_grad = True
        return z

    def created(x: bs.Tensor) -> bs.Tensor:
        return bs.zeros(*x.shape, requires_grad=True)

    def run(leaf: bs.Tensor, x: bs.Tensor) -> bs.Tensor | None:
        assert leaf.is_leaf
        assert leaf.grad is None
        for _ in range(2):
            bs.square(leaf * x + leaf).mean().backward()
        return leaf.grad

    for make in (detached, flagged, created):
        compiled = bs.compile(lambda x, make=make: run(make(x), x))
        for n in (3, 5):
            for x in (bs.arange(n) * 0.5, bs.arange(n) * 0.25):  # the leaf is another one at each call
                assert bits(compiled(x)) == bits(run(make(x), x))


def test_loops_keep_no_gradients() -> None:
    p = nn.Parameter(bs.ones(2))

    @bs.compile(keep_grads=True)
    def step(x: bs.Tensor) -> bs.Tensor:
        p.grad = None
        loss = (p * x).sum()
        loss.backward()
        return loss

    step(bs.ones(2))
    assert array(p.grad).tolist() == [1.0, 1.0]
    with pytest.raises(bs.ShapeError, match=r"^\[Trainer\].*keep_grads"):
        bs._core.Trainer(step, [bs.ones(4) * 3.0], 2, False, False)
