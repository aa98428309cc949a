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
