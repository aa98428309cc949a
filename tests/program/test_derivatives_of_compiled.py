"""What a compiled call returns carries its derivative: the same bits as eager calls, of any order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import backsweep as bs
from backsweep import _core, nn
from backsweep.nn import functional as F
from driver import array, bits
from programs import batch, leaf, model_and_optimizer, same

# ---- First derivatives -------------------------------------------------------------------------------------


def test_the_derivative_does_not_die() -> None:
    f = bs.compile(lambda a: a * a)
    for _ in range(3):
        x = leaf(1.0, 2.0, 4.0)
        (f(x) + x).sum().backward()
        assert array(x.grad).tolist() == [3.0, 5.0, 9.0]
        y = f(x)
        assert y.requires_grad
        assert not y.is_leaf
        assert array(bs.grad(y[1], x)).tolist() == [0.0, 4.0, 0.0]


def gradients(net: Callable[..., bs.Tensor], model: nn.Module, seed: int) -> list[Any]:
    bs.manual_seed(seed)
    x, y = batch(seed=seed)
    for p in model.parameters():
        p.grad = None
    F.cross_entropy(net(x), y).backward()
    return [bits(p.grad) for p in model.parameters()] + [bits(_core.default_generator)]


def test_an_eager_loss_around_a_compiled_net() -> None:
    model, _ = model_and_optimizer(p=0.3)
    net = bs.compile(lambda x: model(x))
    for seed in range(4):
        assert gradients(net, model, seed) == gradients(model, model, seed)


def test_training_with_an_eager_loss_and_step() -> None:
    runs = []
    for compiled in (False, True):
        model, optimizer = model_and_optimizer(p=0.3)
        net = bs.compile(lambda x, model=model: model(x)) if compiled else model
        losses = []
        for i in range(6):
            x, y = batch(seed=i)
            loss = F.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(bits(loss))
        runs.append(losses + [bits(p) for p in model.parameters()])
    assert runs[0] == runs[1]


def test_a_compiled_module_with_all_else_around_it() -> None:
    runs = []
    for compiled in (False, True):
        model, optimizer = model_and_optimizer(p=0.3)
        net = bs.compile(model) if compiled else model
        made: list[Any] = []
        for i in range(8):
            net.train(i % 3 != 2)
            x, y = batch(8 - i % 2, seed=i)
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            made.append(bits(loss))
        runs.append(made + [bits(p) for p in net.parameters()])
    assert runs[0] == runs[1]


def test_checkpoints_inside() -> None:
    model, _ = model_and_optimizer(p=0.3)
    parameters = list(model.parameters())
    net = bs.compile(lambda x: bs.utils.checkpoint.checkpoint(lambda h: model(h), x * 2.0) * 0.5)
    x, y = batch()
    for seed in range(3):
        bs.manual_seed(seed)
        want = bs.grad(F.cross_entropy(model(x * 2.0) * 0.5, y), parameters)
        bs.manual_seed(seed)
        got = bs.grad(F.cross_entropy(net(x), y), parameters)
        assert [bits(g) for g in got] == [bits(g) for g in want]


def test_a_compiled_net_and_a_compiled_step() -> None:
    runs = []
    for compiled in (False, True):
        model, optimizer = model_and_optimizer()
        net, loss_of, step = model, F.cross_entropy, optimizer.step
        if compiled:
            net, loss_of = bs.compile(lambda x, model=model: model(x)), bs.compile(F.cross_entropy)
        for i in range(4):
            x, y = batch(seed=i)
            optimizer.zero_grad()
            loss_of(net(x), y).backward()
            step()
        runs.append([bits(p) for p in model.parameters()])
    assert runs[0] == runs[1]


def test_arguments_that_are_results_views_and_strided() -> None:
    def run(compile: Any) -> Iterator[bs.Tensor]:
        f = compile(lambda a, b: (a @ b).sin())
        x, w = bs.tensor(X, requires_grad=True), bs.tensor(X.T.copy(), requires_grad=True)
        h = x.exp()
        for a, b in [(h, w), (h[:2], w), (x, x.T), (w.T, h.T), (h[:, ::2], w[::2]), (h, h.T)]:
            y = f(a, b)
            yield y
            yield from (
                bs.grad((y * y).sum(), [x, w], allow_unused=True, retain_graph=True)
                if (a is not x and b is w)
                else bs.grad((y * y).sum(), [x if a is not w else w], allow_unused=True, retain_graph=True)
            )

    X = np.linspace(-1, 1, 12).reshape(3, 4)
    same(lambda compile: [t for t in run(compile) if t is not None])


def test_several_outputs_of_which_some_get_no_gradient() -> None:
    def run(compile: Any) -> list[bs.Tensor]:
        f = compile(lambda a, b: {"first": a * b, "rest": [a.exp(), b.detach() * 2.0, (a > 0), b.sin()]})
        made = []
        for pick in ("0", "1", "3", "01", "013"):
            x, w = leaf(1.0, -2.0), leaf(0.5, 4.0)
            out = f(x, w)
            assert not out["rest"][1].requires_grad
            assert out["rest"][2].dtype == bs.bool_
            terms = {"0": out["first"], "1": out["rest"][0], "3": out["rest"][3]}
            loss = sum(
                (terms[k].sum() * float(i + 1) for i, k in enumerate(pick)), bs.zeros((), dtype=bs.float64)
            )
            made += [g for g in bs.grad(loss, [x, w], allow_unused=True) if g is not None]
        return made

    same(run)


def test_by_what_the_results_do_not_depend_on() -> None:
    f = bs.compile(lambda a, b: (a * 2.0, b * b))
    x, w = leaf(1.0), leaf(3.0)
    for _ in range(2):
        a, _ = f(x, w)
        assert bs.grad(a.sum(), w, allow_unused=True, retain_graph=True) is None
        a.sum().backward()
        assert w.grad is None


def test_parameters_and_tensors_that_the_function_met() -> None:
    """Closures of any kind: parameters, leaves, and results of eager calls with a history."""

    def run(compile: Any) -> list[bs.Tensor]:
        p, w = nn.Parameter(bs.tensor([1.0, 2.0])), bs.tensor([0.5, -1.0], requires_grad=True)
        h = w * w
        f = compile(lambda x: x * p + w.exp() * h + p.square())
        made = []
        for i in range(3):
            y = f(bs.tensor([float(i), 2.0]))
            made += bs.grad((y * y).sum(), [p, w, h], retain_graph=True)
        return made

    # What comes by two ways is not added in the same order.
    for got, want in zip(run(bs.compile), run(lambda f: f), strict=True):
        np.testing.assert_allclose(array(got), array(want), rtol=3e-7)


def test_a_parameter_that_the_function_writes() -> None:
    """The gradient counts all of its values, as that of an eager call does."""

    def run(compile: Any) -> list[bs.Tensor]:
        p = nn.Parameter(bs.tensor([1.0, 2.0]))

        def f(x: bs.Tensor) -> bs.Tensor:
            y = p * x
            with bs.no_grad():
                p.assign(p * 2.0 + x.detach())
            return y * p

        g = compile(f)
        made = []
        for i in range(4):
            x = bs.tensor([1.0, float(i)], requires_grad=True)
            y = g(x)
            p.grad = None
            (y * y).sum().backward()
            made += [p.grad, x.grad, p.detach()]
        return made

    assert [bits(t) for t in run(bs.compile)] == [bits(t) for t in run(lambda f: f)]


def test_a_leaf_that_begins_to_collect_gradients() -> None:
    w, v = bs.tensor([1.0, 2.0]), bs.tensor([3.0, 4.0])
    twice = [v]
    f = bs.compile(lambda x: x * w * (twice[0] * 2.0))
    x = bs.tensor([5.0, 6.0], requires_grad=True)
    f(x)
    w.requires_grad_()
    f(x).sum().backward()
    assert array(w.grad).tolist() == [30.0, 48.0]
    v.requires_grad_()
    f(x).sum().backward()
    assert array(v.grad).tolist() == [10.0, 24.0]
    w.requires_grad_(False)
    v.requires_grad = False
    assert not f(x.detach()).requires_grad


def test_a_result_differentiated_inside_another_function() -> None:
    x = leaf(1.0, 2.0, 3.0)
    f = bs.compile(lambda a: a * a * a.exp())
    for _ in range(2):
        y, eager = f(x), x * x * x.exp()
        for of in (lambda y, s: (y * s).sum(), lambda y, s: (y * y).sum()):

            @bs.compile
            def inner(s: bs.Tensor, y: bs.Tensor = y, of: Any = of) -> bs.Tensor:
                g = bs.grad(of(y, s), x, retain_graph=True, create_graph=True)
                return g * s + bs.grad(g.sum(), x, retain_graph=True)

            for values in ((1.0, 2.0, 3.0), (3.0, -1.0, 0.5)):
                s = bs.tensor(np.array(values))
                g = bs.grad(of(eager, s), x, create_graph=True, retain_graph=True)
                want = g * s + bs.grad(g.sum(), x, retain_graph=True)
                np.testing.assert_allclose(array(inner(s)), array(want), rtol=1e-12)


def test_other_sizes() -> None:
    """A size that comes later has its derivatives at once, and the same bits."""
    model, _ = model_and_optimizer()
    net = bs.compile(lambda x: model(x))
    parameters = list(model.parameters())
    for n in (8, 5, 1, 13, 8):
        x, y = batch(n)
        for order in (False, True):

            def loss(net: Any, x: bs.Tensor = x, y: bs.Tensor = y, order: bool = order) -> bs.Tensor:
                made = F.cross_entropy(net(x), y)
                return (
                    sum(g.square().sum() for g in bs.grad(made, parameters, create_graph=True))
                    if order
                    else made
                )

            got, want = ([array(g) for g in bs.grad(loss(f), parameters)] for f in (net, model))
            for g, w in zip(got, want, strict=True):
                np.testing.assert_allclose(
                    g, w, rtol=1e-4, atol=1e-5
                ) if order else np.testing.assert_array_equal(g, w)


def test_a_value_that_was_written_is_all_that_is_read() -> None:
    p = nn.Parameter(bs.tensor([1.0, 2.0]))

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        with bs.no_grad():
            p.assign(x)
        return p * p

    for _ in range(3):
        p.grad = None
        f(bs.tensor([3.0, 4.0])).sum().backward()
        assert array(p.grad).tolist() == [6.0, 8.0]


def test_random_numbers_are_drawn_once() -> None:
    f = bs.compile(lambda x: F.dropout(x, 0.5) * bs.uniform(tuple(x.shape)))
    x = bs.ones(100).requires_grad_()
    draws = []
    bs.manual_seed(3)
    for _ in range(4):
        y = f(x)
        (g,) = bs.grad(y.sum(), [x])
        assert bits(g) == bits(y)  # of ones: what x is multiplied by
        draws.append(int(array(_core.default_generator)[1]))
    assert draws == [2, 4, 6, 8]


def test_an_input_and_a_constant_that_are_returned() -> None:
    w = leaf(2.0)
    f = bs.compile(lambda x: (x, x.reshape(1, 2), w))
    for _ in range(2):
        x = leaf(1.0, 2.0)
        same_x, view, same_w = f(x)
        (same_x * 3.0 + view[0] * 4.0 + same_w).sum().backward()
        assert array(x.grad).tolist() == [7.0, 7.0]
    assert array(w.grad).tolist() == [4.0]


def test_storage_types() -> None:
    def run(compile: Any) -> list[bs.Tensor]:
        x = leaf(1.5, -2.0).to(bs.float32).detach().requires_grad_()
        f = compile(lambda a: a.to(bs.bfloat16) * 2.0)
        y = f(x.to(bs.float16))
        assert y.dtype == bs.bfloat16
        return list(bs.grad((y.to(bs.float32) * x).sum(), [x]))

    same(run)


# ---- Higher orders -----------------------------------------------------------------------------------------


def test_derivatives_of_any_order() -> None:
    def run(compile: Any) -> list[bs.Tensor]:
        f = compile(lambda a: (a.sin() * a.exp()).sum())
        x = leaf(0.3, -1.0, 2.0)
        made, y = [], f(x)
        for _ in range(5):
            g = bs.grad(y, x, create_graph=True)
            made.append(g)
            y = g.sum()
        return made

    want, got = run(lambda f: f), [run(bs.compile) for _ in range(2)]
    for again in got:
        for g, w in zip(again, want, strict=True):
            np.testing.assert_allclose(array(g), array(w), rtol=1e-12)


def penalty(critic: Callable[[bs.Tensor], bs.Tensor], x: bs.Tensor) -> bs.Tensor:
    (g,) = bs.grad(critic(x).sum(), [x], create_graph=True)
    return ((g.square().sum(1) + 1e-12).sqrt() - 1.0).square().mean()


def test_a_gradient_penalty_across_the_border() -> None:
    bs.manual_seed(0)
    critic = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).to(bs.float64)
    net = bs.compile(lambda x: critic(x))
    x = bs.tensor(np.random.default_rng(0).normal(size=(5, 4)), requires_grad=True)
    parameters = list(critic.parameters())
    for whole in (False, True):
        for _ in range(3):
            loss = penalty(net, x) + (net(x).mean() if whole else 0.0)
            want = bs.grad(
                penalty(critic, x) + (critic(x).mean() if whole else 0.0), [x, *parameters], allow_unused=True
            )
            for g, w in zip(bs.grad(loss, [x, *parameters], allow_unused=True), want, strict=True):
                assert (g is None) == (w is None)
                if g is not None:
                    np.testing.assert_allclose(array(g), array(w), rtol=1e-10, atol=1e-14)


def test_a_compiled_penalty_of_weights() -> None:
    model, _ = model_and_optimizer()
    parameters = list(model.parameters())
    decay = bs.compile(lambda: sum(p.square().sum() for p in parameters))
    for _ in range(3):
        got = bs.grad(decay() * 0.5, parameters)
        for g, p in zip(got, parameters, strict=True):
            assert bits(g) == bits(p.detach())


def test_which_gradients_require_one() -> None:
    f = bs.compile(lambda a, b: a * b)
    x, w, c = leaf(1.0, 2.0), leaf(3.0, 4.0), bs.tensor(np.array([5.0, 6.0]))
    for _ in range(2):
        gx, gw = bs.grad(f(x, w).sum(), [x, w], create_graph=True)
        assert gx.requires_grad
        assert gw.requires_grad
        assert array(bs.grad(gx.sum(), w)).tolist() == [1.0, 1.0]
        assert not bs.grad(f(x, c).sum(), x, create_graph=True).requires_grad
        seed = leaf(1.0, 1.0)
        gx = bs.grad(f(x, c), x, seed, create_graph=True)
        assert array(bs.grad(gx.sum(), seed)).tolist() == [5.0, 6.0]
