"""Bits follow the logical order of axes, whatever order memory has: every op, eager, compiled, backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

import backsweep as bs
from driver import (
    LAYOUTS,
    OPS,
    REGISTRY,
    about,
    bits,
    call,
    gradients,
    is_float,
    laid_out,
    leaves,
    outputs_and_gradients,
    small,
)

# Orders of axes that a whole tensor may have in memory; the others of LAYOUTS have gaps, or repeat.
ORDERS = ("transposed", "channels_last")
Views = Sequence[Callable[[bs.Tensor], bs.Tensor]]


def backward_from_turned(name: str, inputs: Sequence[bs.Tensor], attrs: dict[str, Any]) -> list[Any]:
    """Gradients as outputs_and_gradients has them, but what comes from above lies in another order."""
    outputs = [y for y in call(name, inputs, attrs) if is_float(y) and y.requires_grad]
    turned = [y.permute(tuple(range(len(y.shape)))[::-1]) for y in outputs]
    total = sum(((y * y).sum() for y in turned), bs.zeros(()))
    return [g for g in gradients(total, inputs) if g is not None]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", OPS)
def test_layouts_change_no_bit(name: str, layout: str) -> None:
    """Views that are transposed, strided, reversed, shifted or expanded give what contiguous inputs give."""
    for case in small(name):
        inputs, bases, views = laid_out(case, layout, "float32")

        def run(*given: bs.Tensor, case: Any = case, views: Views = views) -> list[bs.Tensor]:
            return outputs_and_gradients(name, [v(t) for v, t in zip(views, given, strict=True)], case.attrs)

        want = [bits(t) for t in outputs_and_gradients(name, leaves(inputs), case.attrs)]
        got = run(*leaves(bases))
        assert [bits(t) for t in got] == want, about(name, case)
        outputs = got[: len(call(name, [bs.tensor(x) for x in inputs], case.attrs))]
        a_view = REGISTRY[name]["view"] or name in (
            "einsum",
            "narrow",
            "positive",
            "reshape",
        )  # by composition
        assert a_view or all(y.is_contiguous() for y in outputs)
        if layout not in ORDERS:
            continue
        assert [bits(t) for t in bs.compile(run)(*leaves(bases))] == want, about(name, case)
        turned = backward_from_turned(name, leaves(inputs), case.attrs)
        assert [bits(t) for t in turned] == want[len(outputs) :], about(name, case)


def test_gradients_of_leaves_are_contiguous() -> None:
    """Whatever they were made from: programs flatten them."""
    x, w = bs.ones(2, 3), bs.ones(4, 3).requires_grad_()
    for fn in (lambda: x @ w.T, lambda: w.permute((1, 0)).exp().sum(1), lambda: w):
        w.grad = None
        fn().sum().backward()
        assert w.grad.is_contiguous() and w.grad.view(-1).shape == (12,)


def test_features_of_an_image_are_a_view() -> None:
    """What a convolution gives is contiguous, and so is what follows it, whatever order its input had."""
    x = bs.ones(2, 5, 6, 3).permute((0, 3, 1, 2))
    assert not x.is_contiguous()
    y = bs.relu(x + 1.0)
    assert y.is_contiguous() and y.view(2, -1).shape == (2, 90)


@pytest.mark.parametrize("axes", [4, 5])
def test_memory_formats(axes: int) -> None:
    """Channels innermost is how one tensor lies: its values are the same, and results are row-major."""
    word = bs.channels_last if axes == 4 else bs.channels_last_3d
    x = bs.arange(2 * 3 * 4 * 5 ** (axes - 3)).reshape(2, 3, 4, *[5] * (axes - 3)).float().requires_grad_()
    back = (0, *range(2, axes), 1)
    for fn in (
        lambda x: x.contiguous(memory_format=word),
        lambda x: x.to(memory_format=word),
        lambda x: x.to(bs.float64, memory_format=word),
        lambda x: x.clone(memory_format=word),
        lambda x: bs.clone(x, memory_format=word),
    ):
        y = fn(x)
        assert bs.equal(y.to(x.dtype), x) and y.is_contiguous(memory_format=word) and not y.is_contiguous()
        assert y.permute(back).is_contiguous() and y.stride(1) == 1
        assert (
            y.to(memory_format=word) is y and y.contiguous(word) is y and y.clone(memory_format=word) is not y
        )
        assert y.contiguous().is_contiguous() and (y * 1.0).is_contiguous() and y.clone().is_contiguous()
        (gradient,) = bs.autograd.grad((y * y).sum(), (x,))
        assert bs.equal(gradient, 2 * x)
        assert bs.equal(bs.compile(lambda x, fn=fn: fn(x) + 1.0)(x), y + 1.0)
    assert not x.is_contiguous(memory_format=word) and x.is_contiguous(memory_format=bs.contiguous_format)
    one = bs.zeros(2, 1, *[5] * (axes - 2))  # in either order
    assert one.is_contiguous(memory_format=word) and one.is_contiguous()
    assert one.to(memory_format=word) is one
    assert not bs.zeros(2, 3).is_contiguous(memory_format=word)
    for name in ("contiguous", "to", "clone"):
        with pytest.raises(
            bs.ShapeError, match=rf"^\[{name}\] input is \(2, 3\): bs.channels_last.* {axes} axes"
        ):
            getattr(bs.zeros(2, 3), name)(memory_format=word)
        with pytest.raises(TypeError, match=rf"^\[{name}\] memory_format is 'nhwc'"):
            getattr(x, name)(memory_format="nhwc")
    assert bs.zeros_like(x, memory_format=word).is_contiguous()
    net = bs.nn.Conv2d(3, 4, 3)
    assert net.to(memory_format=word) is net and net.weight.is_contiguous()
    assert net.to(bs.float64, memory_format=word).weight.dtype == bs.float64
