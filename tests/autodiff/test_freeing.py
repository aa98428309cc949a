"""What a sweep frees, by what it finds parameters, and results of programs that were swept inside."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core, nn


def leaf(*values: float) -> bs.Tensor:
    return bs.tensor(np.array(values), requires_grad=True)


SPENT = r"were given up by an earlier backward\(\) or grad\(\).*retain_graph=True"


# ---- Freeing -----------------------------------------------------------------------------------------------


def test_losses_that_are_kept_keep_no_activations() -> None:
    model = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.LayerNorm(256), nn.Linear(256, 1))
    x = bs.ones(512, 256)
    losses, sizes = [], []
    for _ in range(8):
        loss = (model(x) ** 2).mean()
        loss.backward()
        losses.append(loss)
        sizes.append(_core.allocated_bytes())
    assert sizes[-1] - sizes[1] < 6 * 20_000, "bytes of nodes, not of activations"


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x * x).sum(),
        lambda x: bs.exp(x).sum(),
        lambda x: bs.softmax(x, 0).square().sum(),
        lambda x: _core.ops.layer_norm(x)[1].sum(),
        lambda x: bs.cat([x, x]).square().sum(),
    ],
)
def test_a_second_sweep_says_what_to_do(f: Callable[[bs.Tensor], bs.Tensor]) -> None:
    x = leaf(1.0, 2.0, 4.0)
    y = f(x)
    y.backward(retain_graph=True)
    first = np.array(x.grad)
    y.backward()
    np.testing.assert_array_equal(np.array(x.grad), 2 * first)
    with pytest.raises(bs.GraphError, match=SPENT):
        y.backward()
    with pytest.raises(bs.GraphError, match=SPENT):
        bs.grad(y, x)
    np.testing.assert_array_equal(np.array(x.grad), 2 * first)


def test_what_reads_no_values_may_be_swept_again() -> None:
    x = leaf(1.0, 2.0)
    y = (x + x).sum() - x.reshape(1, 2).sum()
    for _ in range(2):
        y.backward()
    assert np.array(x.grad).tolist() == [2.0, 2.0]


def test_shared_parts_are_spent_others_are_not() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    h = x * x
    a, b = (h * h).sum(), (h + w * w).sum()
    a.backward()
    with pytest.raises(bs.GraphError, match=r"^\[mul\].*" + SPENT):
        b.backward()
    assert w.grad is None  # nothing of a sweep that is refused
    assert np.array(bs.grad(b, w)).tolist() == [6.0, 8.0]


def test_only_what_the_inputs_need_is_spent() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = (bs.exp(x) * w).sum()
    np.testing.assert_allclose(np.array(bs.grad(y, w)), np.exp([1.0, 2.0]))
    z = (bs.exp(x) + w * 2.0).sum()
    bs.grad(z, w)
    np.testing.assert_allclose(np.array(bs.grad(z, x)), np.exp([1.0, 2.0]))


def test_create_graph_keeps() -> None:
    x = leaf(1.0, 2.0)
    y = (x**3).sum()
    g = bs.grad(y, x, create_graph=True)
    bs.grad(y, x, create_graph=True)
    h = bs.grad(g.sum(), x, create_graph=True)
    assert np.array(bs.grad(h.sum(), x)).tolist() == [6.0, 6.0]
    with pytest.raises(bs.GraphError, match=SPENT):
        bs.grad(h.sum(), x)


def test_an_error_inside_leaves_what_was_not_reached() -> None:
    class Fails(bs.Function):
        def forward(self, x: bs.Tensor) -> bs.Tensor:
            return x + 1.0

        def backward(self, grad: bs.Tensor, x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
            raise RuntimeError("no")

    x = leaf(1.0, 2.0)
    h = x * x
    with pytest.raises(RuntimeError, match="no"):
        Fails()(h).sum().backward()
    h.sum().backward()
    assert np.array(x.grad).tolist() == [2.0, 4.0]


@pytest.mark.parametrize("fails", [False, True])
def test_what_another_sweep_still_reads_goes_with_that_sweep(fails: bool) -> None:
    """A sweep that keeps values is under way while one that gives them up has its turn."""

    class Meanwhile(bs.Function):
        def forward(self, x: bs.Tensor) -> bs.Tensor:
            return x + 1.0

        def backward(self, grad: bs.Tensor, x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
            second.backward()
            if fails:
                raise RuntimeError("no")
            return grad

    x = bs.ones(500, 500).requires_grad_()
    y = x.exp()  # which reads its result
    first, second = Meanwhile()(y.sum()), y.sum()
    before = _core.allocated_bytes()
    del y
    if fails:
        with pytest.raises(RuntimeError, match="no"):
            bs.grad(first, x, retain_graph=True)
    else:
        np.testing.assert_array_equal(np.array(bs.grad(first, x, retain_graph=True)), np.array(x.grad))
    x.grad = None
    assert _core.allocated_bytes() < before - 900_000
    for spent in (first, second):
        with pytest.raises(bs.GraphError, match=SPENT):
            bs.grad(spent, x)


def test_inside_a_program_too() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        y = (x * x).sum()
        return bs.grad(y, x) + bs.grad(y, x)

    with pytest.raises(bs.GraphError, match=SPENT):
        f(leaf(1.0))


def test_sweeps_of_several_threads_over_one_graph() -> None:
    x = leaf(*np.linspace(0.1, 1.0, 50))
    h = bs.exp(x)
    for _ in range(40):
        h = h * bs.tanh(h)
    y = h.sum()
    want = np.array(bs.grad(y, x, retain_graph=True))

    def one(k: int) -> Any:
        try:
            return np.array(bs.grad(y, x, retain_graph=k < 6))
        except bs.GraphError as e:
            return str(e)

    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(one, range(8)):
            if isinstance(got, str):
                assert "retain_graph=True" in got
            else:
                np.testing.assert_array_equal(got, want)


# ---- Parameters by their cell ------------------------------------------------------------------------------


def test_a_parameter_that_has_changed_since() -> None:
    p = nn.Parameter(bs.tensor([1.0, 2.0]))
    loss = (p * p).sum()
    p.fill_(9.0)
    assert np.array(bs.grad(loss, p, allow_unused=True)).tolist() == [2.0, 4.0]


def test_two_losses_of_one_pass_with_a_step_between() -> None:
    model = nn.Linear(3, 2)
    opt = bs.optim.SGD(model.parameters(), lr=0.5)
    x = bs.tensor(np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32))
    h = model(x)
    a, b = h.sum(), (h * h).sum()
    want = [np.array(g) for g in bs.grad(b, list(model.parameters()), retain_graph=True)]
    a.backward(retain_graph=True)
    opt.step()
    opt.zero_grad()
    for got, w in zip(bs.grad(b, list(model.parameters()), retain_graph=True), want, strict=True):
        np.testing.assert_array_equal(np.array(got), w)
    b.backward()
    for p, w in zip(model.parameters(), want, strict=True):
        np.testing.assert_array_equal(np.array(p.grad), w)


def test_old_and_new_values_in_one_graph_add_up() -> None:
    p = nn.Parameter(bs.tensor([1.0, 2.0]))
    old = p * 3.0
    p.fill_(5.0)
    loss = (old * p).sum()
    want = [5.0 * 3 + 3.0, 5.0 * 3 + 6.0]
    assert np.array(bs.grad(loss, p, retain_graph=True)).tolist() == want
    loss.backward()
    assert np.array(p.grad).tolist() == want


def test_by_a_parameter_written_inside_a_program() -> None:
    p = nn.Parameter(bs.tensor([1.0, 2.0]))

    @bs.compile
    def f() -> bs.Tensor:
        loss = (p * p).sum()
        with bs.no_grad():
            p.copy_(p * 10.0)
        return bs.grad(loss, p)

    assert np.array(f()).tolist() == [2.0, 4.0]
    assert np.array(p).tolist() == [10.0, 20.0]


# ---- Results of programs -----------------------------------------------------------------------------------

LOST = "result of a compiled function"


def swept(a: bs.Tensor) -> bs.Tensor:
    y = a * a
    bs.grad(y.sum(), a)
    return y


def test_results_that_were_swept_inside_are_refused() -> None:
    f = bs.compile(swept)
    x = leaf(1.0, 2.0)
    y = f(x)
    assert y.requires_grad
    assert not y.is_leaf
    for use in [
        lambda: y + x,
        lambda: y * 2.0,
        lambda: bs.cat([x, y]),
        lambda: y[0],
        lambda: y.reshape(2, 1),
        lambda: y.sum().backward(),
        lambda: y.backward(bs.ones(2, dtype=bs.float64)),
        lambda: bs.grad(y, x, bs.ones(2, dtype=bs.float64)),
        lambda: f(y),
    ]:
        with pytest.raises(bs.GraphError, match=LOST):
            use()
    with pytest.raises(bs.GraphError, match=r"compiled function.*retain_graph=True.*outside"):
        nn.functional.cross_entropy(y.reshape(1, 2), bs.tensor([0]))


def test_only_what_was_swept_is_refused() -> None:
    @bs.compile
    def f(a: bs.Tensor, b: bs.Tensor) -> tuple[bs.Tensor, ...]:
        y, z, kept = a * a, b * b, a * b
        bs.grad((y * 2.0).sum(), a)
        bs.grad(kept.sum(), a, retain_graph=True)
        return y, z, kept, (y + z), y.detach()

    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    for _ in range(3):
        y, z, kept, both, plain = f(a, b)
        for t in (y, both):
            with pytest.raises(bs.GraphError, match=LOST):
                t.sum().backward()
        assert not plain.requires_grad
        assert np.array(bs.grad((z + kept).sum(), b)).tolist() == [7.0, 10.0]


def test_results_that_lose_nothing_are_plain() -> None:
    model = nn.Linear(2, 2)
    f = bs.compile(lambda a: model(a))
    x = bs.ones(1, 2)
    with bs.no_grad():
        target = f(x)  # a target network
    assert not target.requires_grad
    loss = ((model(x) - target) ** 2).sum()
    loss.backward()
    y = f(x)
    assert float(y.sum().detach() if not y.requires_grad else y.detach().sum()) == pytest.approx(
        float(target.sum())
    )
    y.numpy(), y.tolist(), repr(y), y.argmax()
    (y.detach() + model(x)).sum().backward()
    with bs.no_grad():
        f(y + 1.0)
    constant = bs.compile(lambda a: a * 2.0)(x)
    assert (constant + model(x)).requires_grad
    model.weight.assign(bs.zeros(2, 2))
    ones = bs.compile(lambda a: (a.detach() * 2.0, a * 2.0))(leaf(1.0))
    assert [t.requires_grad for t in ones] == [False, True]
