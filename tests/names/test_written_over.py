"""In-place operations compute over the memory of their operand, but only where nobody else looks at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs

RNG = np.random.default_rng(0)
A, B, C = (RNG.uniform(0.5, 2, (6, 40)).astype("float32") for _ in range(3))


def address(x: bs.Tensor) -> int:
    return int(x.numpy().ctypes.data)


Write = Callable[[bs.Tensor, bs.Tensor, bs.Tensor], Any]

# What is written, and the result by operators that write nothing.
WRITES: dict[str, tuple[Write, Write]] = {
    "mul_": (lambda a, b, c: a.mul_(b), lambda a, b, c: a * b),
    "mul_ number": (lambda a, b, c: a.mul_(0.9), lambda a, b, c: a * 0.9),
    "mul_ row": (lambda a, b, c: a.mul_(b[2]), lambda a, b, c: a * b[2]),
    "+=": (lambda a, b, c: a.__iadd__(b), lambda a, b, c: a + b),
    "-= number": (lambda a, b, c: a.__isub__(2.0), lambda a, b, c: a - 2.0),
    "div_": (lambda a, b, c: a.div_(b), lambda a, b, c: a / b),
    "exp_": (lambda a, b, c: a.exp_(), lambda a, b, c: a.exp()),
    "add_ itself": (lambda a, b, c: a.add_(a), lambda a, b, c: a + a),
    "add_ alpha": (lambda a, b, c: a.add_(b, alpha=0.1), lambda a, b, c: a + b * 0.1),
    "sub_ alpha, itself": (lambda a, b, c: a.sub_(a, alpha=0.25), lambda a, b, c: a - a * 0.25),
    "add_ alpha, column": (lambda a, b, c: a.add_(b[:, :1], alpha=3), lambda a, b, c: a + b[:, :1] * 3),
    "clamp_": (lambda a, b, c: a.clamp_(0.8, 1.5), lambda a, b, c: a.clamp(0.8, 1.5)),
    "clamp_ max": (lambda a, b, c: a.clamp_(max=b), lambda a, b, c: a.clamp(max=b)),
    "addcmul_": (lambda a, b, c: a.addcmul_(b, c, value=0.3), lambda a, b, c: a.addcmul(b, c, value=0.3)),
    "addcdiv_": (lambda a, b, c: a.addcdiv_(b, c), lambda a, b, c: a + b / c),
    "fill_": (lambda a, b, c: a.fill_(3), lambda a, b, c: bs.full_like(a, 3)),
    "zero_": (lambda a, b, c: a.zero_(), lambda a, b, c: bs.zeros_like(a)),
    "copy_": (lambda a, b, c: a.copy_(b), lambda a, b, c: b.clone()),
    "copy_ row": (lambda a, b, c: a.copy_(b[3]), lambda a, b, c: b[3].expand(6, 40)),
}


@pytest.mark.parametrize("name", list(WRITES))
def test_memory_stays(name: str) -> None:
    write, value = WRITES[name]
    a, b, c = bs.tensor(A), bs.tensor(B), bs.tensor(C)
    wanted = value(a, b, c).numpy().copy()
    before = address(a)
    write(a, b, c)
    assert address(a) == before
    np.testing.assert_array_equal(a.numpy(), wanted)


@pytest.mark.parametrize("name", list(WRITES))
def test_what_is_held_stays(name: str) -> None:
    write, value = WRITES[name]
    a, b, c = bs.tensor(A), bs.tensor(B), bs.tensor(C)
    wanted = value(a, b, c).numpy().copy()
    held, alias = a.numpy(), a.detach()
    write(a, b, c)
    np.testing.assert_array_equal(held, A)
    np.testing.assert_array_equal(a.numpy(), wanted)
    np.testing.assert_array_equal(alias.numpy(), wanted)


@pytest.mark.parametrize("name", list(WRITES))
def test_views_write_through(name: str) -> None:
    write, value = WRITES[name]
    base = bs.tensor(np.stack([A, A, A]))
    a, b, c = base[1], bs.tensor(B), bs.tensor(C)
    wanted = value(bs.tensor(A), b, c).numpy().copy()
    before, flat = address(base), base.view(-1)
    write(a, b, c)
    np.testing.assert_array_equal(base.numpy(), [A, wanted, A])
    np.testing.assert_array_equal(flat.numpy(), base.numpy().ravel())
    np.testing.assert_array_equal(a.numpy(), wanted)
    assert address(base) == before


def test_saved_values_stay() -> None:
    w = bs.tensor(A, requires_grad=True)
    a = bs.tensor(B)
    loss = (w * a).sum()
    a.mul_(2.0)
    loss.backward()
    assert w.grad is not None
    np.testing.assert_array_equal(w.grad.numpy(), B)
    np.testing.assert_array_equal(a.numpy(), 2 * B)


def test_leaf_by_hand() -> None:
    w = bs.tensor(A, requires_grad=True)
    before = address(w.detach())
    for _ in range(3):
        (w * w).sum().backward()
        assert w.grad is not None
        with bs.no_grad():
            w -= 0.1 * w.grad
        w.grad = None
    assert w.is_leaf
    assert w.requires_grad
    np.testing.assert_allclose(w.detach().numpy(), A * 0.8**3, rtol=1e-6)
    assert address(w.detach()) == before


def test_history_stays_where_nothing_is_recorded() -> None:
    w = bs.tensor(A, requires_grad=True)
    y = w * 3.0
    with bs.no_grad():
        y.add_(1.0)
    np.testing.assert_allclose(y.detach().numpy(), 3 * A + 1, rtol=1e-6)
    y.sum().backward()
    assert w.grad is not None
    np.testing.assert_array_equal(w.grad.numpy(), np.full_like(A, 3))


def test_recorded() -> None:
    w = bs.tensor(A, requires_grad=True)
    a = bs.tensor(B)
    a.add_(w, alpha=2.0).mul_(w)
    a.sum().backward()
    assert w.grad is not None
    np.testing.assert_allclose(w.grad.numpy(), B + 4 * A, rtol=1e-6)


def test_operands_in_the_same_memory() -> None:
    a = bs.tensor(A)
    a.mul_(a[1])  # each row by one of them
    np.testing.assert_array_equal(a.numpy(), A * A[1])
    a = bs.tensor(A)
    a[1:].add_(a[:-1])
    np.testing.assert_array_equal(a.numpy(), np.vstack([A[:1], A[1:] + A[:-1]]))
    a = bs.tensor(A)
    a.add_(a.flip(0), alpha=0.5)
    np.testing.assert_array_equal(a.numpy(), A + A[::-1] * np.float32(0.5))
    square = bs.tensor(A[:, :6])
    square.mul_(square.T)
    np.testing.assert_array_equal(square.numpy(), A[:, :6] * A[:, :6].T)


def test_what_raises_changes_nothing() -> None:
    a = bs.arange(1, 9)
    with pytest.raises(ValueError, match="divided by 0"):
        a.floor_divide_(bs.tensor([1, 1, 1, 1, 1, 1, 1, 0]))
    assert a.tolist() == list(range(1, 9))
    with pytest.raises(TypeError, match="float"):
        a.mul_(0.5)
    with pytest.raises(TypeError, match="float"):
        a.add_(a, alpha=0.5)
    with pytest.raises(ValueError, match="shape"):
        a.mul_(bs.ones(2, 8, dtype=bs.int64))
    assert a.tolist() == list(range(1, 9))


def test_compiled_constants() -> None:
    a = bs.tensor(A)
    f = bs.compile(lambda x: x + a)
    x = bs.tensor(B)
    np.testing.assert_array_equal(f(x).numpy(), A + B)
    a.mul_(2.0)
    np.testing.assert_array_equal(f(x).numpy(), 2 * A + B)
    a.add_(x, alpha=1.0)
    np.testing.assert_array_equal(f(x).numpy(), (2 * A + B) + B)
