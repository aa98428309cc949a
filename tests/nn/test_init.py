"""First values: bounds and means."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn import init


def spread(parameter: nn.Parameter) -> tuple[float, float]:
    values = np.asarray(parameter)
    assert abs(values.mean()) < 0.05 * np.abs(values).max()
    return float(values.min()), float(values.max())


def test_bounds() -> None:
    bs.manual_seed(0)
    weight = nn.Parameter(bs.zeros((200, 300)))
    for fill, bound in (
        (lambda p: init.uniform_(p, -2.0, 2.0), 2.0),
        (init.xavier_uniform_, sqrt(6 / 500)),
        (lambda p: init.kaiming_uniform_(p, nonlinearity="relu"), sqrt(6 / 300)),
        (lambda p: init.kaiming_uniform_(p, a=sqrt(5), mode="fan_out"), 1 / sqrt(200)),
    ):
        assert fill(weight) is weight
        low, high = spread(weight)
        assert -bound <= low < -0.99 * bound
        assert 0.99 * bound < high <= bound


def test_constants() -> None:
    p = nn.Parameter(bs.zeros(3, dtype=bs.float64))
    assert init.ones_(p).tolist() == [1.0] * 3
    assert init.constant_(p, 0.1).tolist() == [0.1] * 3
    assert init.zeros_(p).tolist() == [0.0] * 3
    assert p.requires_grad


def test_gain_and_errors() -> None:
    assert init.calculate_gain("relu") == sqrt(2)
    assert init.calculate_gain("leaky_relu", 2.0) == sqrt(2 / 5)
    with pytest.raises(ValueError, match="nonlinearity"):
        init.calculate_gain("wavy")
    with pytest.raises(bs.ShapeError, match="two axes"):
        init.xavier_uniform_(nn.Parameter(bs.zeros(3)))
    with pytest.raises(ValueError, match="mode"):
        init.kaiming_uniform_(nn.Parameter(bs.zeros((3, 3))), mode="fan")  # type: ignore[arg-type]
