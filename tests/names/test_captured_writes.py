"""What a compiled function writes in place: eager, captured and, as `peers`, PyTorch do the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs

Idiom = Callable[[Any, Any, Any], Any]  # of the package, x (4, 3) and v (3,)
IDIOMS: dict[str, Idiom] = {}


def idiom(fn: Idiom) -> Idiom:
    IDIOMS[fn.__name__] = fn
    return fn


# ---- What is made inside -----------------------------------------------------------------------------------


@idiom
def fills_rows(t: Any, x: Any, v: Any) -> Any:
    h = t.zeros(4, 3)
    for i in range(4):
        h[i] = x[i] * v
    return h


@idiom
def fills_rows_of_those_before(t: Any, x: Any, v: Any) -> Any:
    h = t.zeros(4, 3)
    h[0] = v
    for i in range(1, 4):
        h[i] = t.tanh(h[i - 1] + x[i])
    return h


@idiom
def fills_through_a_view(t: Any, x: Any, v: Any) -> Any:
    h = t.zeros(4, 3)
    flat = h.view(-1)
    for i in range(4):
        flat[3 * i : 3 * i + 3] = x[i] + v
    return h * 2, flat


@idiom
def writes_to_a_view_of_a_view(t: Any, x: Any, v: Any) -> Any:
    h = x * 1
    h[1:3][0][1:] = v[1:]
    h.T[0].zero_()
    return h


@idiom
def reads_a_view_after_its_base_is_written(t: Any, x: Any, v: Any) -> Any:
    h = x * 2
    row, column = h[1], h[:, 0]
    h *= 3
    h[1, 0] = 7.0
    return row + 1, column.sum(), h


@idiom
def writes_a_column(t: Any, x: Any, v: Any) -> Any:
    h = x + 0
    h[:, 1] = v.sum()
    h[::2] += v
    return h


@idiom
def in_place_methods(t: Any, x: Any, v: Any) -> Any:
    h = x.clone()
    h.add_(v).mul_(2).sub_(1)
    h.copy_(h * h)
    h[0].fill_(5.0)
    return h


@idiom
def operators(t: Any, x: Any, v: Any) -> Any:
    h = x * 1
    g = h
    h += v
    h *= x
    h -= 1
    h /= 2
    return g, h


@idiom
def through_detach(t: Any, x: Any, v: Any) -> Any:
    y = x * v
    y.detach().mul_(3)
    y.detach()[0] = 0.0
    return y


@idiom
def through_data(t: Any, x: Any, v: Any) -> Any:
    y = x * v
    y.data.add_(1)
    z = y * y
    y.data[1] = 0.0
    return y, z


@idiom
def without_grad(t: Any, x: Any, v: Any) -> Any:
    y = x * v
    with t.no_grad():
        y.mul_(3)
        y[0] = 1.0
    return y * v


@idiom
def what_was_read_stays(t: Any, x: Any, v: Any) -> Any:
    y = x * 1
    z = y * y
    y.zero_()
    return z + y


@idiom
def a_row_at_a_time(t: Any, x: Any, v: Any) -> Any:
    h = x * 1
    for row in h:
        row += v
        v = row
    return h, v


@idiom
def through_a_list(t: Any, x: Any, v: Any) -> Any:
    rows = list((x * 1).unbind(0))
    rows[0] += v
    rows[2].mul_(rows[0])
    return t.stack(rows)


@idiom
def parts(t: Any, x: Any, v: Any) -> Any:
    h = x * 1
    a, b = h.split(2)
    a.copy_(b)
    b *= 2
    return h, a


# ---- Arguments ---------------------------------------------------------------------------------------------


@idiom
def adds_to_an_argument(t: Any, x: Any, v: Any) -> Any:
    with t.no_grad():
        x += v
    return x.sum()


@idiom
def a_row_of_an_argument(t: Any, x: Any, v: Any) -> Any:
    with t.no_grad():
        x[2] = v
        v.zero_()
    return x * 2


@idiom
def a_view_of_an_argument(t: Any, x: Any, v: Any) -> Any:
    with t.no_grad():
        x.view(-1)[3:6].copy_(v)
        x.T[1] *= 2
    return x[1] + v


@idiom
def an_argument_that_is_returned(t: Any, x: Any, v: Any) -> Any:
    with t.no_grad():
        return x.mul_(2)


# Where PyTorch refuses the derivative: a value that it needs has been written (here that is kept), or one of
# several views.
REFUSED = {"in_place_methods", "what_was_read_stays", "a_row_at_a_time", "through_a_list", "parts"}


def numbers(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)


def outcome(t: Any, fn: Callable[..., Any], seed: int, gradients: bool) -> list[np.ndarray]:
    """Results, arguments afterwards, and the gradients by these."""
    x, v = (t.tensor(a).requires_grad_(gradients) for a in numbers(seed))
    made = fn(x, v)
    made = list(made) if isinstance(made, tuple) else [made]
    seen = [y.detach().numpy().copy() for y in (*made, x, v)]
    total = sum((y * y).sum() for y in made)
    if gradients and total.requires_grad:
        total.backward()
        seen += [np.zeros(a.shape, np.float32) if a.grad is None else a.grad.numpy() for a in (x, v)]
    return seen


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("name", IDIOMS)
def test_captured_as_eager(name: str, gradients: bool) -> None:
    fn = IDIOMS[name]
    compiled = bs.compile(lambda x, v: fn(bs, x, v))
    for seed in range(3):
        want = outcome(bs, lambda x, v: fn(bs, x, v), seed, gradients)
        got = outcome(bs, compiled, seed, gradients)
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            np.testing.assert_allclose(g, w, rtol=2e-6, atol=1e-6)
    assert compiled.cache_info().misses == 1


@pytest.mark.peers
@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("name", IDIOMS)
def test_captured_as_pytorch(name: str, gradients: bool) -> None:
    torch = pytest.importorskip("torch")
    fn = IDIOMS[name]
    compiled = bs.compile(lambda x, v: fn(bs, x, v))
    if gradients and name in REFUSED:
        with pytest.raises(RuntimeError, match=r"modified by an inplace|is being modified inplace"):
            outcome(torch, lambda x, v: fn(torch, x, v), 0, gradients)
        return
    if gradients and name == "through_data":
        pytest.skip("PyTorch's derivative reads what was written after it was saved")
    want = outcome(torch, lambda x, v: fn(torch, x, v), 0, gradients)
    for g, w in zip(outcome(bs, compiled, 0, gradients), want, strict=True):
        np.testing.assert_allclose(g, w, rtol=2e-6, atol=1e-6)


# ---- Sizes of their own, growth ----------------------------------------------------------------------------


def test_other_sizes_need_no_python() -> None:
    @bs.compile
    def f(x: Any, v: Any) -> Any:
        n = x.shape[0]
        h = bs.zeros(n + 1, x.shape[1])
        h[0] = v
        h[1:] = x
        h[: n // 2 + 1] *= 2
        h.view(-1)[0] = 9.0
        x += 1
        return h

    for n, m in ((4, 3), (2, 5), (7, 2)):
        x, v = bs.tensor(np.random.default_rng(n).normal(size=(n, m))).float(), bs.ones(m)
        want = np.concatenate([np.ones((1, m)), x.numpy()]).astype(np.float32)
        want[: n // 2 + 1] *= 2
        want[0, 0] = 9
        after = x.numpy() + 1
        np.testing.assert_array_equal(f(x, v).numpy(), want)
        np.testing.assert_array_equal(x.numpy(), after)
    assert (f.cache_info().misses, f.cache_info().reshaped) == (1, 2)


@pytest.mark.parametrize("derivative", [False, True])
def test_a_buffer_that_is_filled_lies_once_in_a_program(derivative: bool) -> None:
    def f(x: Any) -> Any:
        h = bs.zeros(*x.shape)
        for i in range(x.shape[0]):
            h[i] = bs.tanh(x[i] + (h[i - 1] if i else 0.0))
        return bs.grad(h.sum(), [x])[0] if derivative else h

    def arena(n: int) -> int:
        compiled = bs.compile(f)
        return int(compiled.program(bs.ones(n, 64).requires_grad_(derivative)).memory.arena)

    small, large = arena(20), arena(40)
    assert large <= 2.2 * small
    assert large <= 8 * 40 * 64 * 4


def test_what_a_filled_buffer_was_is_read_before_it_is_written_over() -> None:
    """The parts of a gradient are not added up in one list, which would need all that the buffer has been."""

    def f(v: Any) -> Any:
        h = bs.zeros(64, 64)
        for i in range(64):
            h[i] = v
        return bs.grad((h * h).sum(), [v])[0]

    v = bs.ones(64, requires_grad=True)
    compiled = bs.compile(f)
    assert compiled(v).tolist() == [128.0] * 64
    assert compiled.programs[0].memory.arena <= 2.2 * 64 * 64 * 4  # the rows besides


WHOLE = {
    "zero_": lambda b: b.zero_(),
    "fill_": lambda b: b.fill_(2.0),
    "copy_": lambda b: b.copy_(bs.tensor([1.0, 2.0, 3.0])),
    "of a key": lambda b: b.__setitem__(slice(None), 5.0),
    "of .data": lambda b: b.data.fill_(2.0),
    "of detach": lambda b: b.detach().copy_(b.detach() * 2.0),
}


@pytest.mark.parametrize("parameter", [False, True])
@pytest.mark.parametrize("name", WHOLE)
def test_a_leaf_that_is_written_whole_stays_a_leaf(name: str, parameter: bool) -> None:
    """With its derivative, also where what is written is a constant."""

    def run(compiled: bool) -> list[Any]:
        leaf = bs.Parameter(bs.ones(3)) if parameter else bs.ones(3).requires_grad_()

        def f(x: bs.Tensor, b: bs.Tensor) -> bs.Tensor:
            with bs.no_grad():
                WHOLE[name](leaf if parameter else b)
            return ((leaf if parameter else b) ** 2 * x).sum()

        made = []
        g = bs.compile(f) if compiled else f
        for _ in range(2):
            y = g(bs.tensor([1.0, 2.0, 3.0]), bs.ones(1) if parameter else leaf)
            leaf.grad = None
            y.backward()
            made += [y.item(), leaf.grad.tolist(), leaf.tolist()]
        return made

    assert run(True) == run(False)
