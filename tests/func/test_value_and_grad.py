"""value_and_grad."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn


def loss(weights: dict[str, Any], x: bs.Tensor, *, scale: float = 1.0) -> bs.Tensor:
    hidden = bs.linear(x, weights["layers"][0])
    return (hidden * weights["factors"][1]).square().sum() * scale


def given(dtype: Any = np.float64) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    w, a, b = (bs.tensor(rng.standard_normal(shape).astype(dtype)) for shape in ((3, 2), 3, 3))
    return {"layers": [w], "factors": (a, b)}


@pytest.mark.parametrize("wrap", [lambda f: f, bs.compile], ids=["eager", "compiled"])
def test_nested_structures(wrap: Callable[..., Any]) -> None:
    weights = given()
    x = bs.ones((4, 2), dtype=bs.float64)
    w, b = weights["layers"][0].detach().requires_grad_(), weights["factors"][1].detach().requires_grad_()
    want = loss({"layers": [w], "factors": (None, b)}, x, scale=2.0)
    by_w, by_b = bs.grad(want, [w, b])

    def flat(w: bs.Tensor, a: bs.Tensor, b: bs.Tensor, x: bs.Tensor) -> Any:
        value, slopes = bs.value_and_grad(loss)({"layers": [w], "factors": (a, b)}, x, scale=2.0)
        assert type(slopes["layers"]) is list
        assert type(slopes["factors"]) is tuple
        return value, slopes["layers"][0], *slopes["factors"]

    value, *slopes = wrap(flat)(weights["layers"][0], *weights["factors"], x)
    assert not value.requires_grad
    np.testing.assert_allclose(np.asarray(value), np.asarray(want.detach()))
    for got, slope in zip(slopes, (by_w, bs.zeros(3, dtype=bs.float64), by_b), strict=True):
        np.testing.assert_allclose(np.asarray(got), np.asarray(slope))


def test_of_parameters_and_without_recording() -> None:
    p = nn.Parameter(bs.tensor([1.0, 2.0]))
    with bs.no_grad():
        value, slope = bs.value_and_grad(lambda w: (w * w).sum())(p)
    assert float(value) == 5.0
    assert slope.tolist() == [2.0, 4.0]
    assert not slope.requires_grad
    assert p.grad is None
    # One tensor at two places has one gradient at each.
    assert [float(g) for g in bs.value_and_grad(lambda ab: ab[0] * ab[0] * ab[1])([p[0], p[0]])[1]] == [2, 1]


def test_derivatives_of_derivatives() -> None:
    def cube(x: bs.Tensor) -> bs.Tensor:
        return (x * x * x).sum()

    x = bs.tensor([2.0, 3.0])
    _, second = bs.value_and_grad(lambda x: bs.value_and_grad(cube)(x)[1].sum())(x)
    assert second.tolist() == [12.0, 18.0]


def test_what_is_no_tensor_is_named() -> None:
    with pytest.raises(TypeError, match=r"\[value_and_grad\].*float"):
        bs.value_and_grad(lambda x: x)([1.0])
