"""Derivatives of compiled calls: what they hold and free, units of one's own, threads, errors."""

from __future__ import annotations

import contextlib
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core, nn
from backsweep.nn import functional as F
from driver import array, bits
from programs import batch, leaf, model_and_optimizer, same, training_step

# ---- Freed and spent ---------------------------------------------------------------------------------------

SPENT = r"^\[compile\] the values that its derivative reads were given up.*retain_graph=True"


def test_a_second_sweep_says_what_to_do() -> None:
    f = bs.compile(lambda a: a * a)
    for _ in range(2):
        x = leaf(1.0, 2.0)
        y = f(x).sum()
        y.backward(retain_graph=True)
        y.backward()
        assert array(x.grad).tolist() == [4.0, 8.0]
        with pytest.raises(bs.GraphError, match=SPENT):
            y.backward()


def test_results_that_share_nothing_are_swept_one_by_one() -> None:
    """As the losses of an actor and a critic. What two of them read is spent by the first sweep."""

    def apart(a: bs.Tensor, b: bs.Tensor) -> tuple[bs.Tensor, ...]:
        return a.exp(), a + b * b, a * 2.0 + 1.0, b.sin()

    def shared(a: bs.Tensor, b: bs.Tensor) -> tuple[bs.Tensor, ...]:
        h = a * b
        return h.exp(), a * a, h + 1.0, b.sin()

    def run(f: Callable[..., Any], order: tuple[int, ...]) -> list[Any]:
        a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
        outputs, made = f(a, b), []  # made: what was not spent
        for k in order:
            with contextlib.suppress(bs.GraphError):
                outputs[k].sum().backward()
                made.append(k)
        return [*made, *(None if t.grad is None else bits(t.grad) for t in (a, b))]

    for fn in (apart, shared):
        f = bs.compile(fn)
        for order in ((0, 1, 2, 3), (3, 1, 0, 2), (2, 0, 1)):
            assert run(f, order) == run(fn, order)
    assert run(bs.compile(shared), (0, 2, 1)) == run(shared, (0, 2, 1))
    x = leaf(1.0, 2.0)
    f = bs.compile(lambda a, b: (a * b, a))
    gx, gw = bs.grad(f(x, x.exp())[0].sum(), [x, x], create_graph=True)
    gx.sum().backward(retain_graph=True)
    gw.sum().backward()


def test_two_passes_before_one_sweep() -> None:
    """As a GAN's discriminator has it: real and fake, then one backward()."""
    model, _ = model_and_optimizer()
    net = bs.compile(lambda x: model(x))

    def run(net: Callable[..., bs.Tensor]) -> list[Any]:
        for p in model.parameters():
            p.grad = None
        (real, y), (fake, _) = batch(seed=1), batch(seed=2)
        loss = F.cross_entropy(net(real), y) + net(fake).square().mean()
        loss.backward()
        return [bits(p.grad) for p in model.parameters()]

    want = run(model)
    assert [run(net) for _ in range(3)] == [want] * 3


def test_a_frozen_teacher() -> None:
    teacher, _ = model_and_optimizer()
    model, _ = model_and_optimizer()
    frozen, net = bs.compile(lambda x: teacher(x)), bs.compile(lambda x: model(x))
    x, _ = batch()
    for _ in range(2):
        with bs.no_grad():
            target = frozen(x)
        assert not target.requires_grad
        (net(x) - target).square().sum().backward()
        assert all(p.grad is None for p in teacher.parameters())
        assert all(p.grad is not None for p in model.parameters())


def test_a_parameter_written_between_the_call_and_the_sweep() -> None:
    p = nn.Parameter(bs.tensor([1.0, 2.0]))
    f = bs.compile(lambda x: p * p * x)
    for _ in range(3):
        p.grad = None
        p.assign(bs.tensor([1.0, 2.0]))
        y = f(bs.ones(2))
        p.fill_(9.0)
        y.sum().backward()
        assert array(p.grad).tolist() == [2.0, 4.0]


def test_an_array_written_between_the_call_and_the_sweep() -> None:
    p = nn.Parameter(bs.tensor([1.0, 2.0]))
    f = bs.compile(lambda x, k: p * x * x[::-1] * k)
    for _ in range(3):
        p.grad = None
        x = np.array([3.0, 4.0], np.float32)
        y = f(x, 2)
        x[:] = 9.0
        y.sum().backward()
        assert array(p.grad).tolist() == [24.0, 24.0]


def test_parameters_frozen_and_trained_in_turn_find_their_programs() -> None:
    model = nn.Linear(2, 2)
    net = bs.compile(model)
    for i in range(6):
        model.requires_grad_(i % 2 == 0)
        assert all(p.grad is None for p in model.parameters())
        y = net(bs.ones(2)).sum()
        assert y.requires_grad == (i % 2 == 0)
        if y.requires_grad:
            y.backward()
            assert array(model.weight.grad).tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert net.cache_info().misses == 2


def test_parameters_frozen_after_a_sweep() -> None:
    """The program that gives what the derivative reads is made after the capture: it is as old as that."""
    for flags in (((0, 1, 0, 1), (1, 0, 1, 1)), ((1, 0, 1, 1), (0, 1, 0, 1), (1, 1, 1, 1), (0, 0, 0, 0))):
        model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))
        net = bs.compile(model)
        x = leaf(1.0, 2.0, 3.0, 4.0, 5.0).float()
        for now in flags:
            for p, flag in zip(model.parameters(), now, strict=True):
                p.requires_grad, p.grad = bool(flag), None
            want = bs.grad(model(x).exp().sum(), [x, *(p for p in model.parameters() if p.requires_grad)])
            got = bs.grad(net(x).exp().sum(), [x, *(p for p in model.parameters() if p.requires_grad)])
            assert [bits(g) for g in got] == [bits(g) for g in want]


def wide(n: int = 256) -> tuple[nn.Module, bs.Tensor]:
    bs.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(n, n), nn.GELU(), nn.LayerNorm(n), nn.Linear(n, n), nn.Tanh(), nn.Linear(n, 1)
    )
    return model, bs.ones(512, n)


def test_losses_that_are_kept_keep_no_activations() -> None:
    model, x = wide()
    net = bs.compile(lambda x: model(x))
    losses, sizes = [], []
    for _ in range(8):
        loss = net(x).square().mean()
        loss.backward()
        losses.append(loss)
        sizes.append(_core.allocated_bytes())
    assert sizes[-1] - sizes[3] < 4 * 20_000, "bytes of nodes, not of activations"


def test_losses_of_compiled_steps_hold_nothing() -> None:
    """What was swept inside has no node."""
    step = bs.compile(training_step(*model_and_optimizer()))
    x, y = batch()
    losses = [step(x, y) for _ in range(3)]
    nodes, held = _core.live_nodes(), _core.allocated_bytes()
    losses += [step(x, y) for _ in range(50)]
    assert _core.live_nodes() - nodes == 50
    assert _core.allocated_bytes() - held < 50 * 600


def test_what_is_kept_is_what_the_derivative_reads() -> None:
    """From the second call on; the operands of tanh and of gelu's product are not among it."""
    n = 1 << 16
    f = bs.compile(lambda x: bs.tanh(bs.tanh(bs.tanh(x) * 2.0) + 1.0))
    x = bs.zeros(n).requires_grad_()
    for _ in range(2):
        f(x).sum().backward()
        x.grad = None
    before = _core.allocated_bytes()
    block = bs.zeros(n)
    size = _core.allocated_bytes() - before
    del block
    y = f(x)
    assert 3 * size <= _core.allocated_bytes() - before < 3.1 * size
    (g,) = bs.grad(y.sum(), [x])
    assert g.shape == y.shape
    assert _core.allocated_bytes() - before < 2.1 * size


def test_everything_goes() -> None:
    gc.collect()
    nodes = _core.live_nodes()
    for _ in range(3):
        model, x = wide(16)
        net = bs.compile(lambda x, model=model: model(x))
        for _ in range(3):
            y = net(x).square().mean()
            (g,) = bs.grad(y, [next(iter(model.parameters()))], create_graph=True)
            g.square().sum().backward()
        watch = weakref.ref(model)
        del model, net, x, y, g
        gc.collect()
        assert watch() is None
    assert _core.live_nodes() == nodes


def test_results_outlive_the_function() -> None:
    p = nn.Parameter(bs.tensor([1.0, 2.0]))
    f = bs.compile(lambda x: p * p * x)
    y = f(bs.ones(2))
    del f
    gc.collect()
    (g,) = bs.grad(y.sum(), [p], create_graph=True)
    assert array(g).tolist() == [2.0, 4.0]
    assert array(bs.grad(g.sum(), p)).tolist() == [2.0, 2.0]


# ---- bs.Function -------------------------------------------------------------------------------------------


class Cube(bs.Function):
    def forward(self, x: bs.Tensor) -> bs.Tensor:
        return x * x * x

    def backward(self, grad: bs.Tensor, x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        return grad * 3.0 * x * x


class NumpySine(bs.Function):
    numpy = True
    calls = 0

    def forward(self, x: np.ndarray) -> np.ndarray:
        NumpySine.calls += 1
        return np.sin(x)

    def backward(self, grad: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return grad * np.cos(x)


def test_units_of_ones_own() -> None:
    def run(compile: Any) -> list[bs.Tensor]:
        f = compile(lambda x: Cube()(x.exp()) * x)
        x = leaf(0.5, -1.0)
        g = bs.grad(f(x).sum(), x, create_graph=True)
        return [g, bs.grad(g.sum(), x)]

    same(run)


def test_what_a_rule_reads_may_change() -> None:
    class Scaled(bs.Function):
        factor = 2.0

        def forward(self, x: bs.Tensor) -> bs.Tensor:
            return x * 1.0

        def backward(self, grad: bs.Tensor, x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
            return grad * self.factor * scales[0]

    scales = [1.0]
    unit = Scaled()
    f = bs.compile(lambda x: unit(x))
    x = leaf(1.0, 2.0)

    def gradient() -> Any:
        return array(bs.grad(f(x).sum(), x)).tolist()

    assert [gradient(), gradient()] == [[2.0, 2.0]] * 2
    unit.factor = 3.0
    assert [gradient(), gradient()] == [[3.0, 3.0]] * 2
    scales[0] = 2.0
    assert [gradient(), gradient()] == [[6.0, 6.0]] * 2


def test_a_unit_on_numpy_arrays_runs_once_a_call() -> None:
    f = bs.compile(lambda x: NumpySine()(x * 2.0))
    x = leaf(0.5, -1.0)
    f(x)
    for _ in range(3):
        NumpySine.calls = 0
        y = f(x)
        g = bs.grad(y.sum(), x, create_graph=True)
        assert NumpySine.calls == 1
        np.testing.assert_allclose(array(g), 2 * np.cos(2 * array(x)), rtol=1e-12)


# ---- Threads, errors ---------------------------------------------------------------------------------------


def test_threads_that_share_one() -> None:
    model, _ = model_and_optimizer()
    net = bs.compile(lambda x: model(x))
    parameters = list(model.parameters())
    x, y = batch()
    want = [bits(g) for g in bs.grad(F.cross_entropy(model(x), y), parameters)]
    wrong = []

    def work() -> None:
        for _ in range(20):
            got = [bits(g) for g in bs.grad(F.cross_entropy(net(x), y), parameters)]
            if got != want:
                wrong.append(got)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_a_derivative_that_raises() -> None:
    class Fails(bs.Function):
        numpy = True
        fail = True

        def forward(self, x: np.ndarray) -> np.ndarray:
            return x * 2.0

        def backward(self, grad: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
            if Fails.fail:
                raise RuntimeError("no")
            return grad * 2.0

    f = bs.compile(lambda x: Fails()(x * x))
    x = leaf(1.0, 2.0)
    for _ in range(3):
        y = f(x).sum()
        Fails.fail = True
        with pytest.raises(RuntimeError, match="no"):
            y.backward()
        Fails.fail = False
        y.backward()
        assert array(x.grad).tolist() == [4.0, 8.0]
        x.grad = None
