"""Checkpoints: what is computed again is the same to the bit, and only where it begins is kept."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core, nn
from backsweep.nn import functional as F
from backsweep.utils.checkpoint import checkpoint, checkpoint_sequential
from driver import bits
from programs import equal, steps

MODES = [(False, False), (True, False), (False, True), (True, True)]  # a checkpoint, compiled


def tensor(*shape: int, seed: int = 0, requires_grad: bool = True) -> bs.Tensor:
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return bs.tensor(values, requires_grad=requires_grad)


class Normed(nn.Module):
    """Counts its calls in a buffer, as batch norm does."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(bs.ones(width))
        self.running = nn.Buffer(bs.zeros(width))

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        with bs.no_grad():
            self.running.copy_(self.running * 0.9 + x.mean(0) * 0.1)
        return x * self.scale - self.running


def network() -> nn.Sequential:
    bs.manual_seed(0)
    layers = [nn.Linear(8, 32), nn.GELU(), nn.Dropout(0.5), Normed(32), nn.LayerNorm(32), nn.Linear(32, 8)]
    return nn.Sequential(*layers)


def called(checkpoints: bool, f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return checkpoint(f, *args, **kwargs) if checkpoints else f(*args, **kwargs)


def all_alike(run: Callable[[bool, bool], list[Any]]) -> None:
    """Bits of what run(checkpoints, compiled) gives, and of the generator after it."""
    found = []
    for mode in MODES:
        bs.manual_seed(1)
        found.append([*map(bits, run(*mode)), bits(_core.default_generator)])
    for other in found[1:]:
        assert other == found[0]


# ---- The same bits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
def test_a_training_step(threads: int) -> None:
    def run(checkpoints: bool, compiled: bool) -> list[Any]:
        model = network()
        optimizer = bs.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def step(x: bs.Tensor) -> bs.Tensor:
            optimizer.zero_grad()
            h = called(checkpoints, model[:4], x)
            loss = called(checkpoints, model[4:], h).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        step = bs.compile(step) if compiled else step
        losses = [step(tensor(16, 8, requires_grad=False)) for _ in range(3)]
        return [*losses, *model.parameters(), *model.buffers()]

    bs.set_num_threads(threads)
    all_alike(run)


def test_a_compiled_forward_under_an_eager_loss() -> None:
    def run(checkpoints: bool, compiled: bool) -> list[Any]:
        model = network()
        x = tensor(16, 8)

        def forward(x: bs.Tensor) -> bs.Tensor:
            return called(checkpoints, model, x)

        forward = bs.compile(forward) if compiled else forward
        y = forward(x)
        forward(x + 1)  # draws anew before the derivative
        return [y, *bs.grad(y.square().sum(), [x, *model.parameters()]), *model.buffers()]

    all_alike(run)


def test_second_derivatives() -> None:
    def run(checkpoints: bool, compiled: bool) -> list[Any]:
        w = tensor(8, 8, seed=1)

        def penalty(x: bs.Tensor) -> bs.Tensor:
            y = called(checkpoints, lambda x: F.dropout(bs.matmul(x, w)).tanh(), x)
            (g,) = bs.grad(y.sum(), [x], create_graph=True)
            return bs.grad(g.square().sum(), x)

        x = tensor(4, 8)
        return [(bs.compile(penalty) if compiled else penalty)(x)]

    all_alike(run)


def test_a_weight_that_is_used_inside_and_outside() -> None:
    """Parts of its gradient from inside are added up first: the same up to rounding, compiled to the bit."""

    def run(checkpoints: bool, compiled: bool) -> bs.Tensor:
        w = tensor(8, 8, seed=1)

        def gradient(x: bs.Tensor) -> bs.Tensor:
            h = called(checkpoints, lambda h: bs.tanh(h @ w) @ w, x @ w)
            return bs.grad(bs.tanh(h @ w).sum(), w)

        return (bs.compile(gradient) if compiled else gradient)(tensor(9, 8))

    found = [run(*mode) for mode in MODES]
    assert bits(found[0]) == bits(found[2])
    assert bits(found[1]) == bits(found[3])
    np.testing.assert_allclose(found[1].numpy(), found[0].numpy(), rtol=1e-5, atol=1e-5)


def test_checkpoints_in_checkpoints() -> None:
    def run(checkpoints: bool, compiled: bool) -> list[Any]:
        w = [tensor(8, 8, seed=k) for k in range(3)]

        def inner(x: bs.Tensor, k: int) -> bs.Tensor:
            return F.dropout(bs.matmul(x, w[k]), 0.3).sigmoid()

        def outer(x: bs.Tensor) -> bs.Tensor:
            for k in range(3):
                x = called(checkpoints, inner, x, k)
            return x

        def gradient(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
            return bs.grad(called(checkpoints, outer, x).sum(), [x, *w])

        return list((bs.compile(gradient) if compiled else gradient)(tensor(4, 8)))

    all_alike(run)


def test_arguments_and_results_are_nested() -> None:
    """Of several outputs one gets no gradient, one needs none, one is an argument."""

    def f(pair: tuple[bs.Tensor, dict[str, bs.Tensor]], *, scale: float) -> dict[str, Any]:
        x, more = pair
        return {
            "a": (x * more["y"] * scale, [x.exp(), more["y"]]),
            "n": 3,
            "mask": x > 0,
            "none": None,
        }

    def run(checkpoints: bool, compiled: bool) -> list[Any]:
        def gradient(x: bs.Tensor, y: bs.Tensor) -> tuple[bs.Tensor, ...]:
            made = called(checkpoints, f, (x, {"y": y}), scale=2.0)
            assert made["n"] == 3 and made["none"] is None and not made["mask"].requires_grad
            product, (_, same) = made["a"]
            return made["mask"], *bs.grad((product + same).sum(), [x, y])

        return list((bs.compile(gradient) if compiled else gradient)(tensor(3), tensor(3, seed=1)))

    all_alike(run)


def test_tensors_that_a_function_finds_elsewhere() -> None:
    def run(checkpoints: bool, compiled: bool) -> list[Any]:
        def gradient(x: bs.Tensor, z: bs.Tensor) -> tuple[bs.Tensor, ...]:
            h = x.exp()  # has a history that the sweep goes on through
            y = called(checkpoints, lambda: (h * z.T).sum(0))
            return bs.grad((y * h).sum(), [x, z])

        return list((bs.compile(gradient) if compiled else gradient)(tensor(3, 3), tensor(3, 3, seed=1)))

    all_alike(run)


def test_values_are_those_of_the_first_run() -> None:
    """Also where a parameter, a buffer and the generator have changed before the sweep."""

    def run(checkpoints: bool, _: bool) -> list[Any]:
        model = network()
        x = tensor(16, 8)
        y = called(checkpoints, model, x)
        with bs.no_grad():
            for p in model.parameters():
                p.mul_(0.5)
        model[3].running.copy_(bs.ones(32))
        bs.manual_seed(77)
        return [*bs.grad(y.sum(), [x, *model.parameters()]), *model.buffers()]

    all_alike(run)


def test_a_parameter_written_inside() -> None:
    def run(checkpoints: bool, compiled: bool) -> list[Any]:
        p = nn.Parameter(bs.ones(3))

        def f(x: bs.Tensor) -> bs.Tensor:
            y = x * p
            with bs.no_grad():
                p.copy_(p * 2)
            return y * p

        def gradient(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
            return bs.grad(called(checkpoints, f, x).sum(), [x, p])

        return [*(bs.compile(gradient) if compiled else gradient)(tensor(3)), p]

    all_alike(run)


@pytest.mark.parametrize("segments", [1, 2, 3, 6])
def test_sequential(segments: int) -> None:
    def run(checkpoints: bool, compiled: bool) -> list[Any]:
        model = network()

        def gradient(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
            y = checkpoint_sequential(model, segments, x) if checkpoints else model(x)
            return bs.grad(y.square().sum(), [x, *model.parameters()])

        return list((bs.compile(gradient) if compiled else gradient)(tensor(16, 8)))

    all_alike(run)


def test_batches_of_several_sizes() -> None:
    def run(checkpoints: bool, compiled: bool) -> list[Any]:
        model = network()

        def gradient(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
            y = called(checkpoints, model, x)
            return bs.grad(y.square().mean(), [x, *model.parameters()])

        gradient = bs.compile(gradient) if compiled else gradient
        return [g for n in (16, 4, 7, 16) for g in gradient(tensor(n, 8))]

    all_alike(run)


def test_a_compiled_function_inside_draws_the_same_again() -> None:
    def run(checkpoints: bool, compiled: bool) -> list[Any]:
        model = network()
        f = bs.compile(model) if compiled else model
        x = tensor(16, 8)
        y = called(checkpoints, f, x)
        return [y, bs.grad(y.sum(), x), *model.buffers()]

    all_alike(run)


# ---- What is kept ------------------------------------------------------------------------------------------


def test_a_checkpoint_keeps_where_it_begins() -> None:
    x = tensor(64, 1024)
    w = tensor(64, 1024, seed=1)

    def f(x: bs.Tensor) -> bs.Tensor:
        for _ in range(8):
            x = (x * w).tanh()
        return x

    kept = {}
    for checkpoints in (False, True):
        before = _core.allocated_bytes()
        y = called(checkpoints, f, x)
        kept[checkpoints] = (_core.allocated_bytes() - before) / (64 * 1024 * 4)
        y.sum().backward()
        del y
    assert kept[False] > 8 and kept[True] < 1.3


def test_a_kept_loss_keeps_no_values() -> None:
    """Once it has been swept."""
    losses = []
    w = nn.Parameter(tensor(256, 256).detach())
    sizes = []
    for _ in range(4):
        x = tensor(64, 256, requires_grad=False)
        loss = checkpoint(lambda x: bs.matmul(x, w).tanh().sum(), x)
        loss.backward()
        w.grad = None
        losses.append(loss)
        del x, loss
        sizes.append(_core.allocated_bytes())
    assert sizes[-1] - sizes[0] < 16 * 1024


def test_a_program_keeps_where_a_checkpoint_begins() -> None:
    arenas = {}
    for checkpoints, threads in itertools.product((False, True), (1, 2)):
        w = [tensor(128, 128, seed=k) for k in range(8)]

        def block(x: bs.Tensor, k: int, w: list[bs.Tensor] = w) -> bs.Tensor:
            h = F.softmax(bs.matmul(x, w[k]), -1)
            return bs.matmul(h.tanh(), w[k])

        def gradient(x: bs.Tensor, on: bool = checkpoints, w: list[bs.Tensor] = w) -> tuple[bs.Tensor, ...]:
            for k in range(8):
                x = called(on, block, x, k)
            return bs.grad(x.sum(), w)

        bs.set_num_threads(threads)
        f = bs.compile(gradient)
        arenas[checkpoints, threads] = f.program(tensor(2048, 128)).memory.arena / (2048 * 128 * 4)
        softmaxes = sum("softmax_rows" in s and "backward" not in s for s in steps(f))
        assert softmaxes == (15 if checkpoints else 8)  # the last block runs only for its derivative
    # Per block its input, softmax and tanh; or its input, and one block's values.
    assert arenas[False, 1] > 20 and arenas[False, 2] > 20
    assert arenas[True, 1] < 15 and arenas[True, 2] < 16


def test_a_graph_is_swept_once_unless_it_is_retained() -> None:
    x = tensor(3)
    y = checkpoint(lambda x: x.exp(), x)
    first = bs.grad(y.sum(), x, retain_graph=True)
    equal(first, bs.grad(y.sum(), x))
    with pytest.raises(bs.GraphError, match=r"\[checkpoint\].*retain_graph"):
        bs.grad(y.sum(), x)


# ---- Ends and errors ---------------------------------------------------------------------------------------


def test_without_recording_it_is_a_call() -> None:
    x = tensor(3)
    with bs.no_grad():
        assert not checkpoint(lambda x: x * 2, x).requires_grad
    y = checkpoint(lambda x: x * 2, x.detach())
    assert not y.requires_grad


def test_a_function_that_gives_something_else_again() -> None:
    calls: list[int] = []

    def f(x: bs.Tensor) -> bs.Tensor:
        calls.append(1)
        return x * 2 if len(calls) == 1 else (x * 2)[:2]

    y = checkpoint(f, tensor(3))
    with pytest.raises(bs.GraphError, match=r"\[checkpoint\].*other results"):
        y.sum().backward()


def test_an_error_in_the_second_run_passes_through() -> None:
    calls: list[int] = []

    def f(x: bs.Tensor) -> bs.Tensor:
        calls.append(1)
        if len(calls) == 2:
            raise KeyError("again")
        return x * 2

    x = tensor(3)
    y = checkpoint(f, x, use_reentrant=False, preserve_rng_state=True)
    with pytest.raises(KeyError, match="again"):
        y.sum().backward()
    y.sum().backward()  # nothing is spent
    equal(x.grad, bs.full(3, 2.0))


def test_segments_must_be_there() -> None:
    with pytest.raises(ValueError, match=r"\[checkpoint_sequential\]"):
        checkpoint_sequential(network(), 7, tensor(4, 8))


# ---- recompute= of bs.compile ------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.up, self.down = (
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.Linear(2 * width, width),
        )
        self.drop = nn.Dropout(0.2)

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        return x + self.drop(self.down(F.gelu(self.up(self.norm(x)))))


def trained(recompute: Callable[[nn.Sequential], Any] | None) -> tuple[list[Any], int]:
    """Losses and parameters, and the bytes of the arena."""
    bs.manual_seed(0)
    model = nn.Sequential(*(Block(32) for _ in range(6)))
    optimizer = bs.optim.Adam(model.parameters())

    def step(x: bs.Tensor) -> bs.Tensor:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    step = bs.compile(step, recompute=recompute(model)) if recompute else bs.compile(step)
    x = tensor(512, 32, requires_grad=False)
    found = [bits(step(x)) for _ in range(3)] + [bits(p) for p in model.parameters()]
    return found, step.programs[0].memory.arena


@pytest.mark.parametrize(
    "recompute", [lambda model: Block, lambda model: list(model), lambda model: [model[0], nn.Linear]]
)
def test_modules_that_a_program_computes_again(recompute: Callable[[nn.Sequential], Any]) -> None:
    want, most = trained(None)
    found, arena = trained(recompute)
    assert found == want and arena < 0.9 * most


def test_blocks_computed_again_need_less_than_half() -> None:
    assert trained(lambda model: Block)[1] < 0.5 * trained(None)[1]


def test_a_compiled_module_computes_again() -> None:
    def run(checkpoints: bool, compiled: bool) -> list[Any]:
        bs.manual_seed(0)
        model: Any = nn.Sequential(*(Block(8) for _ in range(3)))
        if compiled:
            model = bs.compile(model, recompute=Block if checkpoints else ())
        x = tensor(4, 8)
        y = model(x)
        return [y, *bs.grad(y.square().sum(), [x, *model.parameters()])]

    all_alike(run)


def test_what_is_computed_again_goes_with_copies() -> None:
    model = nn.Sequential(*(Block(8) for _ in range(3)))
    f = bs.compile(model, recompute=Block)
    x = tensor(4, 8, requires_grad=False)
    for other in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert other.options["recompute"] == (Block,)
        equal(other.eval()(x), f.eval()(x))
    calls = Block.__call__
    assert calls is nn.Module.__call__ and calls.__module__ == "backsweep.nn.module"  # as it was


@pytest.mark.parametrize("wrong", [True, 1e6, "Block", [int], [1000], [bs.ones(3)]])
def test_only_modules_are_computed_again(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"\[compile\] recompute"):
        bs.compile(lambda x: x, recompute=wrong)
