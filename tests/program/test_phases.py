"""Phases: chains of steps that hand parts on, through views too, with one result on any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from driver import bits
from programs import equal

B, T, H, D = 16, 24, 4, 16
C = H * D


def normal(*shape: int, seed: int = 0) -> bs.Tensor:
    return bs.tensor(np.random.default_rng(seed).normal(size=shape).astype(np.float32) * 0.2)


def heads(x: bs.Tensor) -> bs.Tensor:
    return x.reshape(B, T, H, D).transpose(1, 2)


def attention(x: bs.Tensor) -> bs.Tensor:
    w, u = normal(3 * C, C), normal(C, C, seed=1)
    qkv = bs.linear(x, w)
    q, k, v = (heads(qkv[:, :, i * C : (i + 1) * C]) for i in range(3))
    y = (q @ k.transpose(2, 3)).softmax(-1) @ v
    return bs.linear(y.transpose(1, 2).reshape(B, T, C), u)


def gates(x: bs.Tensor) -> bs.Tensor:
    w, u = normal(4 * C, C), normal(4 * C, C, seed=1)
    z = bs.linear(x, w)
    h = c = x[:, 0] * 0.0
    for t in range(T):
        y = bs.linear(h, u)
        i, f, g, o = (y[:, k * C : (k + 1) * C] + z[:, t, k * C : (k + 1) * C] for k in range(4))
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    return h


def rows_of_pairs(x: bs.Tensor) -> bs.Tensor:
    """Every second row of pairs, broadcast columns, a part of each row."""
    y = bs.exp(x * 0.1)
    halves = y.reshape(B, T // 2, 2, C)[:, :, 1]
    return (halves * y.mean((1, 2), keepdim=True))[:, 2:, ::3] * 2.0


def normalised(x: bs.Tensor) -> bs.Tensor:
    y = nn.functional.layer_norm(x, (C,), normal(C), normal(C, seed=1))
    return nn.functional.layer_norm(bs.linear(y, normal(C, C)) + x, (C,))


CHAINS = {f.__name__: f for f in (attention, gates, rows_of_pairs, normalised)}


def on_threads(f: Callable[..., Any], *inputs: bs.Tensor) -> Any:
    """A program made on two threads; its results are those of eager calls on any number of threads."""
    bs.set_num_threads(2)
    compiled = bs.compile(f)
    compiled(*inputs)
    want = f(*inputs)
    for threads in (1, 3, 7, 2):  # the last plan is for two
        bs.set_num_threads(threads)
        for program in (compiled, bs.compile(f)):  # made on two, planned anew; and made on so many
            got = program(*inputs)
            for a, b in zip(*((r if isinstance(r, tuple) else (r,)) for r in (got, want)), strict=True):
                equal(a, b)
    return compiled


@pytest.mark.parametrize("name", CHAINS)
def test_another_number_of_threads_means_another_plan(name: str) -> None:
    """The one that a program made on so many threads has, whatever was before."""

    def f(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
        y = CHAINS[name](x)
        return y, bs.grad(y.square().sum(), x)

    x = bs.tensor(normal(B, T, C, seed=2), requires_grad=True)
    compiled = bs.compile(f)
    plans = set()
    for threads in (2, 7, 1, 3, 2, 31):
        bs.set_num_threads(threads)
        fresh = bs.compile(f)
        for a, b in zip(compiled(x), fresh(x), strict=True):
            equal(a, b)
        plan = compiled.programs[0]
        if threads > 1:  # one thread runs any plan
            assert plan.text == fresh.programs[0].text
            assert plan.memory.peak == fresh.programs[0].memory.peak
        plans.add(plan.text)
    if name == "attention":
        assert len(plans) > 1  # what leaves parts enough for two does not for 31


def phases(f: Any) -> list[dict[str, Any]]:
    return [p for p in f.programs[0].phases if p.nanoseconds > 2e3]


@pytest.mark.parametrize("name", CHAINS)
def test_views_that_keep_their_leading_axes_hand_parts_on(name: str) -> None:
    f = on_threads(CHAINS[name], normal(B, T, C, seed=2))
    panels = name == "gates"  # a weight is turned first, for products to read
    assert [p.parallel for p in phases(f)] == [True] * (1 + panels), f.programs[0].text


@pytest.mark.parametrize("name", CHAINS)
def test_gradients_are_the_same_on_any_number_of_threads(name: str) -> None:
    def f(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
        loss = CHAINS[name](x).square().sum()
        return loss, bs.grad(loss, x)

    on_threads(f, bs.tensor(normal(B, T, C, seed=2), requires_grad=True))


@pytest.mark.parametrize(
    "view",
    [
        lambda y: y.transpose(0, 1),  # mixes rows
        lambda y: bs._core.ops.slice(y, dim=0, step=-1),
        lambda y: y[3:],
        lambda y: y.reshape(B * T, C).T,
        lambda y: bs.expand(y[:1], (B, T, C)),
    ],
)
def test_views_that_mix_leading_axes_wait(view: Callable[[bs.Tensor], bs.Tensor]) -> None:
    def f(x: bs.Tensor) -> bs.Tensor:
        y = bs.linear(x, normal(C, C))
        z = view(y)
        return bs.linear(bs.exp(z), normal(8, z.shape[-1]))

    compiled = on_threads(f, normal(B, T, C, seed=2))
    assert len(compiled.programs[0].phases) > 1


def test_a_batch_of_few_keeps_its_parts() -> None:
    """Where a chain would leave too few parts for the threads it is cut in two instead."""

    def f(x: bs.Tensor) -> bs.Tensor:
        q = bs.linear(x, normal(C, C)).reshape(3, 128, 1, C).transpose(1, 2)
        return (q @ q.transpose(2, 3)).softmax(-1)

    compiled = on_threads(f, normal(3, 128, C))
    assert [p.parallel for p in phases(compiled)] == [True, True]


@pytest.mark.parametrize("axes", [(0, 2, 3), (0, 2), (1, 3), (0, 3)])
@pytest.mark.parametrize("name", ["sum", "amax", "amin"])
def test_sums_over_several_runs_of_axes_are_cut(name: str, axes: tuple[int, ...]) -> None:
    f = on_threads(lambda x: getattr(bs, name)(x, axes), normal(16, 12, 30, 31))
    assert f.programs[0].phases[0].parallel
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 6))
    numpy = {"sum": np.sum, "amax": np.max, "amin": np.min}[name]
    np.testing.assert_allclose(getattr(bs, name)(bs.tensor(x), axes).numpy(), numpy(x, axis=axes), rtol=1e-12)


@pytest.mark.parametrize("name", ["sum", "amax", "sum_squares"])
def test_axes_of_size_1_are_no_pass(name: str) -> None:
    """Channels of images of one pixel are summed at once, in parts: nothing lies between two passes."""
    op = getattr(bs, name, None) or getattr(bs._core.ops, name)
    x = normal(2048, 96, 1, 1)
    f = on_threads(lambda x: op(x, (0, 2, 3)), x)
    assert f.programs[0].memory.arena == 0
    assert bits(f(x)) == bits(op(x.reshape(2048, 96), (0,)))


@pytest.mark.parametrize("shape", [(4096, 33), (4096, 16), (3, 4096, 17), (7, 4096, 5)])
def test_sums_of_columns_are_cut_between_cache_lines(shape: tuple[int, ...]) -> None:
    """Whatever the parts, ragged ones too, the bits are those of one call."""
    for dtype in (bs.float32, bs.float64):
        x = normal(*shape).to(dtype)
        on_threads(lambda x: (bs.sum(x, -2), bs.amax(x, -2)), x)


@pytest.mark.parametrize("shape", [(512, 1, 64), (2, 3, 64), (1, 7, 1, 64)])
def test_a_product_of_rows_is_one_product(shape: tuple[int, ...]) -> None:
    """Of x with leading axes and a matrix: the bits, and the derivatives, of the rows of x."""
    y = bs.tensor(normal(64, 32), requires_grad=True)
    x = bs.tensor(normal(*shape, seed=1), requires_grad=True)
    rows = bs.tensor(x.detach().reshape(-1, 64), requires_grad=True)
    g = normal(*shape[:-1], 32, seed=2)
    together, apart = bs.matmul(x, y), bs.matmul(rows, y)
    assert bits(together.reshape(-1, 32)) == bits(apart)
    dx, dy = bs.grad((together * g).sum(), [x, y])
    dx2, dy2 = bs.grad((apart * g.reshape(-1, 32)).sum(), [rows, y])
    assert bits(dx.reshape(-1, 64)) == bits(dx2)
    assert bits(dy) == bits(dy2)
