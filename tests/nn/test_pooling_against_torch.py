"""Pooling and what moves pixels beside PyTorch's, over options that hypothesis draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backsweep as bs
from backsweep.nn import functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional

drawn = settings(max_examples=25, deadline=None, derandomize=True)


def compare(name: str, x: Any, *args: Any, **kwargs: Any) -> None:
    """Values, places and derivatives are PyTorch's, or both refuse."""
    theirs = torch.tensor(x, requires_grad=True)
    mine = bs.tensor(x).requires_grad_()
    try:
        want = getattr(TF, name)(theirs, *args, **kwargs)
    except RuntimeError as error:
        if "smaller than kernel size" in str(error):
            return  # of volumes also where ceil_mode lets a window end beyond them, which is no reason here
        with pytest.raises((ValueError, bs.ShapeError)):
            getattr(F, name)(mine, *args, **kwargs)
        return
    got = getattr(F, name)(mine, *args, **kwargs)
    if isinstance(want, tuple):
        np.testing.assert_array_equal(got[1].numpy(), want[1].numpy())
        got, want = got[0], want[0]
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), rtol=1e-12, atol=1e-14)
    w = np.cos(np.arange(want.numel())).reshape(want.shape)
    (a,) = bs.autograd.grad((got * bs.tensor(w)).sum(), [mine])
    (b,) = torch.autograd.grad((want * torch.tensor(w)).sum(), [theirs])
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-14)


@st.composite
def planes(draw: Any, most: int = 9) -> tuple[int, Any]:
    axes = draw(st.integers(1, 3))
    lead = draw(st.sampled_from([(2,), (1, 3), (2, 1), (0, 2)]))
    shape = (*lead, *(draw(st.integers(1, most if axes < 3 else 5)) for _ in range(axes)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.standard_normal(shape)
    if draw(st.booleans()):  # equal ones
        x = np.round(x)
    return axes, x


def per_axis(draw: Any, axes: int, least: int, most: int) -> Any:
    if draw(st.booleans()):
        return draw(st.integers(least, most))
    return tuple(draw(st.integers(least, most)) for _ in range(axes))


@drawn
@given(st.data())
def test_max_pool(data: st.DataObject) -> None:
    axes, x = data.draw(planes())
    compare(
        f"max_pool{axes}d",
        x,
        per_axis(data.draw, axes, 1, 4),
        data.draw(st.one_of(st.none(), st.just(per_axis(data.draw, axes, 1, 3)))),
        per_axis(data.draw, axes, 0, 2),
        per_axis(data.draw, axes, 1, 2),
        ceil_mode=data.draw(st.booleans()),
        return_indices=data.draw(st.booleans()),
    )


@drawn
@given(st.data())
def test_avg_pool(data: st.DataObject) -> None:
    axes, x = data.draw(planes())
    more = {} if axes == 1 else {"divisor_override": data.draw(st.sampled_from([None, 3, -2]))}
    compare(
        f"avg_pool{axes}d",
        x,
        per_axis(data.draw, axes, 1, 4),
        data.draw(st.one_of(st.none(), st.just(per_axis(data.draw, axes, 1, 3)))),
        per_axis(data.draw, axes, 0, 2),
        data.draw(st.booleans()),
        data.draw(st.booleans()),
        **more,
    )


@drawn
@given(st.data())
def test_adaptive(data: st.DataObject) -> None:
    axes, x = data.draw(planes())
    size = per_axis(data.draw, axes, 1, 6)
    compare(f"adaptive_avg_pool{axes}d", x, size)
    compare(f"adaptive_max_pool{axes}d", x, size, return_indices=data.draw(st.booleans()))


@drawn
@given(st.data())
def test_lp_pool(data: st.DataObject) -> None:
    axes, x = data.draw(planes())
    p = data.draw(st.sampled_from([1, 2.0, 3, float("inf"), -float("inf")]))
    stride = data.draw(st.one_of(st.none(), st.integers(1, 3)))
    compare(
        f"lp_pool{axes}d", np.abs(x) + 0.1, p, data.draw(st.integers(1, 3)), stride, data.draw(st.booleans())
    )


@drawn
@given(st.data())
def test_unpool(data: st.DataObject) -> None:
    axes, x = data.draw(planes())
    kernel = data.draw(st.integers(1, 3))
    try:
        _, at = getattr(TF, f"max_pool{axes}d")(torch.tensor(x), kernel, return_indices=True)
    except RuntimeError:
        return
    y = np.random.default_rng(1).standard_normal(at.shape)
    mine, theirs = bs.tensor(y).requires_grad_(), torch.tensor(y, requires_grad=True)
    name = f"max_unpool{axes}d"
    size = list(x.shape[-axes:])
    got = getattr(F, name)(mine, bs.tensor(at.numpy()), kernel, output_size=size)
    want = getattr(TF, name)(theirs, at, kernel, output_size=size)
    np.testing.assert_array_equal(got.detach().numpy(), want.detach().numpy())
    (a,) = bs.autograd.grad(got.square().sum(), [mine])
    (b,) = torch.autograd.grad(want.square().sum(), [theirs])
    np.testing.assert_array_equal(a.numpy(), b.numpy())


@drawn
@given(st.data())
def test_unfold_and_fold(data: st.DataObject) -> None:
    shape = (
        *data.draw(st.sampled_from([(2,), (1, 3), (2, 1)])),
        *(data.draw(st.integers(1, 7)) for _ in "HW"),
    )
    x = np.random.default_rng(0).standard_normal(shape)
    options = (
        per_axis(data.draw, 2, 1, 3),
        per_axis(data.draw, 2, 1, 2),
        per_axis(data.draw, 2, 0, 2),
        per_axis(data.draw, 2, 1, 3),
    )
    compare("unfold", x, *options)
    try:
        columns = TF.unfold(torch.tensor(x), *options)
    except RuntimeError:
        return
    compare("fold", np.random.default_rng(1).standard_normal(columns.shape), shape[-2:], *options)


@pytest.mark.parametrize(
    ("name", "shape", "number"),
    [
        ("pixel_shuffle", (2, 8, 3, 4), 2),
        ("pixel_shuffle", (9, 1, 2), 3),
        ("pixel_unshuffle", (2, 3, 6, 4), 2),
        ("channel_shuffle", (2, 6, 3, 4), 3),
        ("channel_shuffle", (2, 6, 3), 2),
    ],
)
def test_shuffles(name: str, shape: tuple[int, ...], number: int) -> None:
    compare(name, np.random.default_rng(0).standard_normal(shape), number)


def test_nan_and_infinities() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        x = rng.choice([np.nan, np.inf, -np.inf, 0.0, 1.0], (2, 2, 6, 7), p=[0.1, 0.1, 0.5, 0.2, 0.1])
        compare("max_pool2d", x, 3, 2, 1, return_indices=True)
        compare("adaptive_max_pool2d", x, (4, 3), return_indices=True)
        compare("avg_pool2d", x, 3, 2, 1)
        compare("adaptive_avg_pool2d", x, (4, 3))


def test_power_of_zeros_has_no_derivative() -> None:
    compare("lp_pool2d", np.zeros((1, 1, 4, 4)), 2, 2)
