"""A tensor filled part by part: by ops that replace a part of it, whose gradients share one buffer."""

from __future__ import annotations

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core

write, part = _core.ops.write_strided, _core.ops.as_strided


def filled(x: bs.Tensor, w: bs.Tensor, strided: bool) -> bs.Tensor:
    """Each row of what is filled is made of the row before it, which is read as a view or by its strides."""
    n, m = x.shape
    h = bs.zeros(n, m, dtype=x.dtype)
    row = bs.zeros(m, dtype=x.dtype)
    for i in range(n):
        if i > 0:
            row = part(h, (m,), (1,), (i - 1) * m) if strided else h[i - 1]
        h = write(h, bs.tanh(x[i] + row @ w), (1,), i * m)
    return h


def stacked(x: bs.Tensor, w: bs.Tensor) -> bs.Tensor:
    row, rows = bs.zeros(x.shape[1], dtype=x.dtype), []
    for i in range(x.shape[0]):
        row = bs.tanh(x[i] + row @ w)
        rows.append(row)
    return bs.stack(rows)


@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_filled_rows_have_the_derivatives_of_stacked_ones(strided: bool, compiled: bool) -> None:
    rng = np.random.default_rng(3)
    x = bs.tensor(rng.normal(size=(7, 3)), requires_grad=True)
    w = bs.tensor(rng.normal(size=(3, 3)), requires_grad=True)

    def derivatives(fill: object) -> list[np.ndarray]:
        def run(x: bs.Tensor, w: bs.Tensor) -> list[bs.Tensor]:
            first = bs.grad((fill(x, w) ** 2).sum(), [x, w], create_graph=True)  # type: ignore[operator]
            return [*first, *bs.grad(sum((g**2).sum() for g in first), [x, w])]

        return [g.detach().numpy() for g in (bs.compile(run) if compiled else run)(x, w)]

    got, want = derivatives(lambda x, w: filled(x, w, strided)), derivatives(stacked)
    for g, e in zip(got, want, strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-9)


def test_the_sweep_writes_over_what_it_alone_holds() -> None:
    """The gradient by what is filled in n rows, and read in between, is one buffer."""
    n, m = 40, 10_000
    x = bs.ones(n, m, requires_grad=True)
    h, s = bs.zeros(n, m), bs.tensor(0.0)
    for i, row in enumerate(x.unbind()):
        h = write(h, row, (1,), i * m)
        s = s + h[i].sum() * 2
    (s + h.sum()).backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), np.full((n, m), 3))


def test_what_others_hold_stays() -> None:
    g = bs.ones(3, 4)
    x = bs.tensor(np.arange(12.0, dtype=np.float32).reshape(3, 4), requires_grad=True)
    v = bs.tensor([1.0, 2, 3, 4], requires_grad=True)
    y = write(x, v, (1,), 4)
    by_x, by_v = bs.grad(y, [x, v], g)
    np.testing.assert_array_equal(g.numpy(), np.ones((3, 4)))
    np.testing.assert_array_equal(by_x.numpy(), [[1] * 4, [0] * 4, [1] * 4])
    np.testing.assert_array_equal(by_v.numpy(), [1] * 4)
    np.testing.assert_array_equal(x.detach().numpy(), np.arange(12).reshape(3, 4))


@pytest.mark.parametrize("n", [50, 400])
def test_a_program_writes_over_the_buffer_that_it_fills(n: int) -> None:
    """What is filled lies once in a program, however many rows it has."""

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        h = bs.zeros(n, 64)
        for i in range(n):
            h = write(h, x[i] * 2, (1,), i * 64)
        return h

    x = bs.tensor(np.random.default_rng(1).normal(size=(n, 64)).astype(np.float32))
    np.testing.assert_array_equal(f(x).numpy(), 2 * x.numpy())
    whole = n * 64 * 4
    assert f.programs[0].memory.arena <= 2.2 * whole  # the rows besides


def test_as_strided_is_a_view() -> None:
    def windows(x: bs.Tensor) -> bs.Tensor:
        return x.as_strided((3, 3), (3, 2), 1)

    x = bs.arange(12.0).view(3, 4)
    want = [[1 + 3 * i + 2 * j for j in range(3)] for i in range(3)]
    assert windows(x).tolist() == bs.compile(windows)(x).tolist() == want
    assert bs.as_strided(x[1:], (2,), (1,)).tolist() == [4.0, 5.0]
    bs.as_strided(x, (3,), (5,)).fill_(-1)
    assert [x[i, i].item() for i in range(3)] == [-1.0, -1.0, -1.0]
    leaf = bs.tensor(np.arange(12.0), requires_grad=True)
    assert bs.autograd.gradcheck(lambda t: windows(t) ** 2, (leaf,))
    assert bs.autograd.gradgradcheck(lambda t: windows(t) ** 2, (leaf,))
    for wrong, text in (
        (lambda: x.t().as_strided((2,), (1,)), r"\[as_strided\] input is \(4, 3\) with strides \(1, 4\)"),
        (lambda: x.as_strided((4, 4), (3, 2)), r"\[as_strided\]"),
        (lambda: x.as_strided((2,), (1,), -1), r"\[as_strided\]"),
    ):
        with pytest.raises(ValueError, match=text):
            wrong()
