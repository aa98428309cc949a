"""What is written under x.view(another dtype), or seen there: the bits, as in NumPy, eager and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn


def whole(m: Any, w: Any) -> Any:
    z = w * 1
    bits = z.view(m.int64)
    bits += 1
    return z, bits


def part(m: Any, w: Any) -> Any:
    z = w * 1
    bits = z.view(m.int64)
    bits[0] += 1
    bits[:, 1] = 7
    return z, bits


def seen(m: Any, w: Any) -> Any:
    z = w * 1
    bits = z.view(m.int64)
    z[0] = 7.0
    z *= 2
    return bits, bits.view(m.float64), z


def back(m: Any, w: Any) -> Any:
    z = w * 1
    again = z.view(m.int64).view(m.float64)
    again[1, 1:] = 9.0
    return z, again


def argument(m: Any, w: Any) -> Any:
    bits = w.view(m.int64)
    bits[0] = 3
    w[1] = 5.0
    bits += 1
    return w * 1, bits, bits.view(m.float64)


def transposed(m: Any, w: Any) -> Any:
    z = w * 1
    bits = z.view(m.int64).T
    bits[1] = 2
    z[:, 2] = 4.0
    return z, bits * 1


def narrow(m: Any, w: Any) -> Any:
    z = (w * 1).astype(m.float16) if m is np else (w * 1).to(m.float16)
    bits = z.view(m.int16)
    bits[0] = 1
    z[1] = 3.0
    return z, bits


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("f", [whole, part, seen, back, argument, transposed, narrow])
def test_bits(f: Callable[[Any, Any], Any], compiled: bool) -> None:
    def run(w: bs.Tensor) -> Any:
        return f(bs, w)

    g = bs.compile(run) if compiled else run
    for rows in (2, 2, 5):  # captured, run, played again for another size
        a = np.arange(3.0 * rows).reshape(rows, 3)
        w = bs.tensor(a)
        made, want = g(w), f(np, a)
        for x, y in zip((*made, w), (*want, a), strict=True):
            assert x.numpy().dtype == y.dtype
            assert x.numpy().tobytes() == np.ascontiguousarray(y).tobytes()


def write_whole(p: bs.Tensor, held: bs.Tensor) -> None:
    p.data.view(bs.int64).add_(1)


def write_part(p: bs.Tensor, held: bs.Tensor) -> None:
    p.data.view(bs.int64)[0].add_(1)


def write_held(p: bs.Tensor, held: bs.Tensor) -> None:
    held[:, 1] = 4
    held.add_(1)


def write_values(p: bs.Tensor, held: bs.Tensor) -> None:
    p.mul_(3.0)
    p[0] = 1.0


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("kind", ["parameter", "buffer", "outside", "gradient"])
@pytest.mark.parametrize("write", [write_whole, write_part, write_held, write_values])
def test_bits_of_what_stays(write: Callable[[Any, Any], None], kind: str, compiled: bool) -> None:
    a = np.arange(6.0).reshape(2, 3)
    x: bs.Tensor = nn.Parameter(bs.tensor(a))
    if kind == "gradient":
        (x * bs.tensor(a)).sum().backward()
        assert x.grad is not None
        x = x.grad
    elif kind != "parameter":
        x = nn.Buffer(bs.tensor(a)) if kind == "buffer" else bs.tensor(a)
    held = x.data.view(bs.int64)
    bits = a.view(np.int64)

    def step(y: bs.Tensor) -> Any:
        with bs.no_grad():
            write(x, held)
            return x * y, held * 1

    f = bs.compile(step) if compiled else step
    if compiled and kind == "gradient":
        with pytest.raises(bs.GraphError, match=r"written inside bs\.compile before it has one there"):
            f(bs.tensor(2.0, dtype=bs.float64))
        return
    for _ in range(3):
        made = f(bs.tensor(2.0, dtype=bs.float64))
        if write is write_values:
            a *= 3.0
            a[0] = 1.0
        elif write is write_held:
            bits[:, 1] = 4
            bits += 1
        else:
            (bits[0] if write is write_part else bits)[...] += 1
        for got, want in zip((*made, x, held), (a * 2.0, bits, a, bits), strict=True):
            assert got.detach().numpy().tobytes() == want.tobytes()


def test_the_bits_of_a_gradient_in_a_program() -> None:
    p = nn.Parameter(bs.ones(2, 3))

    def step(x: bs.Tensor, write: bool) -> Any:
        p.grad = None
        (p * x).sum().backward()
        assert p.grad is not None
        if write:
            p.grad.view(bs.int32)[0].zero_()
        return p.grad * 1

    for f in (step, bs.compile(step)):
        assert f(bs.full((2, 3), 2.0), True).tolist() == [[0.0] * 3, [2.0] * 3]


def test_names_keep_their_dtype_when_a_parameter_gets_another() -> None:
    p = nn.Parameter(bs.ones(3))
    data, part = p.data, p.data[1:]
    p.data = bs.zeros(3, dtype=bs.float64)
    assert p.dtype == bs.float64 and data.dtype == part.dtype == bs.float32
    data[1] = 5.0
    assert (data.tolist(), part.tolist(), p.tolist()) == ([1.0, 5.0, 1.0], [5.0, 1.0], [0.0, 0.0, 0.0])


def test_bits_have_no_history() -> None:
    def f(w: bs.Tensor) -> tuple[bs.Tensor, bs.Tensor]:
        z = w * 3.0
        bits = z.view(bs.int32)
        z.mul_(2.0)
        bits.bitwise_or_(0)
        assert not bits.requires_grad
        return z, bits

    for g in (f, bs.compile(f)):
        w = bs.ones(3, requires_grad=True)
        z, bits = g(w)
        z.sum().backward()
        assert w.grad is not None and w.grad.tolist() == [6.0] * 3
        assert bits.tolist() == [np.float32(6.0).view(np.int32)] * 3
