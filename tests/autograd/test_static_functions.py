"""Functions in PyTorch's form: static methods with a ctx; the same programs run in PyTorch (peers)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import autograd, nn
from backsweep.autograd.function import Function, FunctionCtx, once_differentiable

VALUES = np.array([0.5, -1.0, 2.0])


def leaf(values: Any = VALUES) -> bs.Tensor:
    return bs.tensor(values).requires_grad_()


class ScaledCube(Function):
    """Of a tensor and a number; saves an input, an intermediate and the output."""

    @staticmethod
    def forward(ctx: Any, x: bs.Tensor, factor: float = 2.0) -> bs.Tensor:
        square = x * x
        y = square * x * factor
        ctx.factor = factor
        ctx.save_for_backward(x, square, y, None)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: bs.Tensor) -> Any:
        x, square, y, nothing = ctx.saved_tensors
        assert nothing is None
        assert ctx.needs_input_grad in [(True,), (True, False)]  # a default is no argument
        return grads[0] * (2 * ctx.factor * square + y / x), None


class SinCos(Function):
    """Two outputs, without ctx in forward."""

    @staticmethod
    def forward(x: bs.Tensor, scale: bs.Tensor) -> Any:
        return x * scale, x + scale

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, scale = inputs
        assert len(output) == 2
        ctx.save_for_backward(x, scale)

    @staticmethod
    def backward(ctx: Any, *grads: bs.Tensor) -> Any:
        g, h = grads
        x, scale = ctx.saved_tensors
        return g * scale + h, g * x + h


def test_arguments_and_saved_tensors() -> None:
    x = leaf()
    y = ScaledCube.apply(x, 3.0)
    assert y.grad_fn.name() == "ScaledCubeBackward"
    np.testing.assert_allclose(y.tolist(), 3 * VALUES**3)
    np.testing.assert_allclose(bs.grad(y.sum(), x, retain_graph=True).tolist(), 9 * VALUES**2)
    np.testing.assert_allclose(bs.grad(y.sum(), x).tolist(), 9 * VALUES**2)
    with pytest.raises(RuntimeError, match="second time"):
        bs.grad(y.sum(), x)
    np.testing.assert_allclose(bs.grad(ScaledCube.apply(x).sum(), x).tolist(), 6 * VALUES**2)
    np.testing.assert_allclose(bs.grad(ScaledCube.apply(x, factor=4.0).sum(), x).tolist(), 12 * VALUES**2)
    with bs.no_grad():
        assert not ScaledCube.apply(x).requires_grad
    assert not ScaledCube.apply(bs.tensor(VALUES)).requires_grad
    assert autograd.gradcheck(lambda x: SinCos.apply(x, x * 2), leaf())


def test_several_outputs() -> None:
    x, s = leaf(), leaf(VALUES + 3)
    a, b = SinCos.apply(x, s)
    gx, gs = bs.grad((2 * a + 3 * b).sum(), [x, s])
    np.testing.assert_allclose(gx.tolist(), 2 * (VALUES + 3) + 3)
    np.testing.assert_allclose(gs.tolist(), 2 * VALUES + 3)
    _, b = SinCos.apply(x, s)  # the other has no gradient: zeros come
    np.testing.assert_allclose(bs.grad(b.sum(), x).tolist(), np.ones(3))
    assert autograd.gradcheck(SinCos.apply, (x, s))
    assert autograd.gradgradcheck(SinCos.apply, (x, s))


def test_second_derivatives() -> None:
    class Exp(Function):
        @staticmethod
        def forward(ctx: Any, x: bs.Tensor) -> bs.Tensor:
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx: Any, *grads: bs.Tensor) -> bs.Tensor:
            (y,) = ctx.saved_tensors
            return grads[0] * y

    x = leaf()
    assert autograd.gradgradcheck(Exp.apply, x)
    first = bs.grad(Exp.apply(x).sum(), x, create_graph=True)
    second = bs.grad(first.sum(), x, create_graph=True)
    np.testing.assert_allclose(bs.grad(second.sum(), x).tolist(), np.exp(VALUES))


@pytest.mark.parametrize("kind", ["number", "two outputs"])
def test_compiled(kind: str) -> None:
    w = nn.Parameter(bs.tensor(VALUES))

    def step(x: bs.Tensor) -> Any:
        if kind == "number":
            y = ScaledCube.apply(x * w, 2.0)
        else:
            a, b = SinCos.apply(x, w)
            y = a * b
        return y, bs.grad(y.sum(), w)

    compiled = bs.compile(step)
    for scale in (1.0, 2.0):
        for a, b in zip(step(bs.tensor(VALUES * scale)), compiled(bs.tensor(VALUES * scale)), strict=True):
            np.testing.assert_allclose(a.tolist(), b.tolist(), rtol=1e-14)
    x = leaf()
    f = bs.compile(lambda x: ScaledCube.apply(x, 2.0))  # differentiated from outside
    np.testing.assert_allclose(bs.grad(f(x).sum(), x).tolist(), 6 * VALUES**2)


def test_outputs_without_derivative() -> None:
    class Sorted(Function):
        @staticmethod
        def forward(ctx: Any, x: bs.Tensor) -> Any:
            mask = (x > 0).double()
            ctx.mark_non_differentiable(mask)
            ctx.save_for_backward(mask)
            return x * mask, mask, x.argmax(), "text"

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            assert len(grads) == 4
            assert grads[1].tolist() == [0, 0, 0]
            assert grads[3] is None
            return grads[0] * ctx.saved_tensors[0]

    x = leaf()
    y, mask, top, text = Sorted.apply(x)
    assert y.requires_grad
    assert not mask.requires_grad
    assert not top.requires_grad
    assert text == "text"
    assert bs.grad(y.sum(), x).tolist() == [1, 0, 1]


def test_gradients_that_are_not_there() -> None:
    class Two(Function):
        @staticmethod
        def forward(ctx: Any, x: bs.Tensor) -> Any:
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            a, b = grads
            assert a is None
            return 2 * b

    x = leaf()
    _, b = Two.apply(x)
    assert bs.grad(b.sum(), x).tolist() == [2, 2, 2]


def test_once_differentiable() -> None:
    class Square(Function):
        @staticmethod
        def forward(ctx: Any, x: bs.Tensor) -> bs.Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, *grads: bs.Tensor) -> bs.Tensor:
            (x,) = ctx.saved_tensors
            return 2 * x * grads[0]

    x = leaf()
    np.testing.assert_allclose(bs.grad(Square.apply(x).sum(), x).tolist(), 2 * VALUES)
    first = bs.grad(Square.apply(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="trying to differentiate twice"):
        bs.grad(first.sum(), x)


def test_written_arguments() -> None:
    class Twice(Function):
        @staticmethod
        def forward(ctx: Any, x: bs.Tensor) -> bs.Tensor:
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx: Any, *grads: bs.Tensor) -> bs.Tensor:
            return grads[0] * 20

    w = leaf()
    x = w * 1
    y = Twice.apply(x)
    assert y is x
    np.testing.assert_allclose(x.tolist(), 2 * VALUES)
    assert bs.grad(x.sum(), w).tolist() == [20, 20, 20]


def test_what_is_refused() -> None:
    class Wrong(Function):
        give: Any = None

        @staticmethod
        def forward(ctx: Any, x: bs.Tensor, k: int) -> bs.Tensor:
            return x * k

        @staticmethod
        def backward(ctx: Any, *grads: bs.Tensor) -> Any:
            return Wrong.give

    x = leaf()
    for give, match in [
        ((None,), r"Wrong.* incorrect number of gradients \(expected 2, got 1\)"),
        ((bs.ones(3), bs.ones(3)), r"Wrong.*gradient different than None at position 2"),
        ((3.0, None), r"Wrong.* gave float"),
        ((bs.ones(2).double(), None), r"\[custom\].*shape"),
    ]:
        Wrong.give = give
        with pytest.raises((bs.GraphError, TypeError, bs.ShapeError), match=match):
            Wrong.apply(x, 2).sum().backward()
    Wrong.give = (
        bs.ones(3),
        None,
        None,
        None,
    )  # cast to the input's dtype; what is None besides does no harm
    assert bs.grad(Wrong.apply(x, 2).sum(), x).tolist() == [1, 1, 1]
    with pytest.raises(bs.GraphError, match=r"call Wrong\.apply"):
        Wrong()(x)
    with pytest.raises(TypeError, match="save_for_backward"):
        FunctionCtx(()).save_for_backward(3)  # type: ignore[arg-type]

    with pytest.raises(TypeError, match=r"Legacy.*forward.*@staticmethod"):

        class Legacy(Function):
            def forward(ctx, x: Any) -> Any:
                return x

    class NoBackward(Function):
        @staticmethod
        def forward(ctx: Any, x: bs.Tensor) -> bs.Tensor:
            return x * 2

    with pytest.raises(bs.GraphError, match="no backward"):
        NoBackward.apply(x).sum().backward()


def test_what_is_saved_goes_with_the_graph() -> None:
    x = leaf(np.zeros(1000))
    ScaledCube.apply(x).sum()
    before = bs._core.live_nodes(), bs._core.allocated_bytes()
    ScaledCube.apply(x).sum()
    assert (bs._core.live_nodes(), bs._core.allocated_bytes()) == before


@pytest.mark.peers
def test_as_in_pytorch() -> None:
    import torch

    def define(lib: Any) -> Any:
        class Mix(lib.autograd.Function):  # type: ignore[misc]
            @staticmethod
            def forward(ctx: Any, x: Any, w: Any, power: int, flag: bool) -> Any:
                y = x**power * w
                ctx.save_for_backward(x, w, y)
                ctx.power, ctx.flag = power, flag
                return (y, x + w) if flag else y

            @staticmethod
            def backward(ctx: Any, *grads: Any) -> Any:
                x, w, y = ctx.saved_tensors
                gx = gw = None
                g = grads[0]
                if ctx.needs_input_grad[0]:
                    gx = g * ctx.power * x ** (ctx.power - 1) * w
                    gx = gx + grads[1] if ctx.flag else gx
                if ctx.needs_input_grad[1]:
                    gw = g * y / w
                    gw = gw + grads[1] if ctx.flag else gw
                return gx, gw, None, None

        return Mix

    for flag in (False, True):
        for of_x in (False, True):
            found = []
            for lib in (bs, torch):
                x = lib.tensor(VALUES, dtype=lib.float64, requires_grad=of_x)
                w = lib.tensor(VALUES + 2, dtype=lib.float64, requires_grad=True)
                made = define(lib).apply(x, w, 3, flag)
                total = sum((y * y).sum() for y in made) if flag else (made * made).sum()
                by = [x, w] if of_x else [w]
                first = lib.autograd.grad(total, by, create_graph=True)
                second = lib.autograd.grad(sum((g * g).sum() for g in first), by)
                found.append([np.asarray(g.detach()) for g in (*first, *second)])
            for a, b in zip(*found, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12)
