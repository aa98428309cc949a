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


def test_normal_draws() -> None:
    bs.manual_seed(0)
    weight = nn.Parameter(bs.zeros((200, 300)))
    for fill, mean, std in (
        (lambda p: init.normal_(p, 1.0, 3.0), 1.0, 3.0),
        (lambda p: init.xavier_normal_(p, 2.0), 0.0, 2.0 * sqrt(2 / 500)),
        (lambda p: init.kaiming_normal_(p, mode="fan_out", nonlinearity="relu"), 0.0, sqrt(2 / 200)),
        (lambda p: init.trunc_normal_(p, 1.0, 2.0, -100.0, 100.0), 1.0, 2.0),
    ):
        assert fill(weight) is weight
        values = np.asarray(weight.detach())
        assert abs(values.mean() - mean) < 0.02 * std and abs(values.std() - std) < 0.01 * std
    init.trunc_normal_(weight, 0.0, 1.0, -0.5, 1.5)
    values = np.asarray(weight.detach())
    assert -0.5 <= values.min() < -0.49 and 1.49 < values.max() <= 1.5
    assert abs(values.mean() - 0.3563) < 0.01  # (φ(-0.5) - φ(1.5)) / (Φ(1.5) - Φ(-0.5))


def test_generators_and_leaves() -> None:
    leaf = bs.zeros(3, 4, dtype=bs.float64).requires_grad_()
    for fill in (init.uniform_, init.normal_, init.xavier_uniform_, init.kaiming_normal_, init.orthogonal_):
        made = [
            np.asarray(fill(leaf, generator=bs.Generator().manual_seed(3)).detach()).copy() for _ in range(2)
        ]
        np.testing.assert_array_equal(made[0], made[1])
        assert np.abs(made[0]).max() > 0
    assert leaf.is_leaf and leaf.requires_grad and leaf.grad is None


def test_of_structure() -> None:
    bs.manual_seed(0)
    for shape in ((4, 6), (6, 4), (4, 2, 3)):
        q = np.asarray(init.orthogonal_(nn.Parameter(bs.zeros(shape)), 2.0).detach()).reshape(shape[0], -1)
        small = q @ q.T if shape[0] == 4 else q.T @ q
        np.testing.assert_allclose(small, 4 * np.eye(4), atol=1e-5)
    assert init.eye_(bs.zeros(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    weight = np.asarray(init.sparse_(nn.Parameter(bs.zeros(10, 50)), 0.25, 2.0).detach())
    assert ((weight == 0).sum(0) == 3).all() and 1.5 < weight[weight != 0].std() < 2.5
    kernel = np.asarray(init.dirac_(bs.zeros(4, 2, 3), 2))
    assert kernel.sum() == 4 and [kernel[i, i % 2, 1] for i in range(4)] == [1.0] * 4
    assert np.asarray(init.dirac_(bs.zeros(2, 3, 3, 5)))[1, 1, 1, 2] == 1.0
    for wrong in (
        lambda: init.eye_(bs.zeros(3)),
        lambda: init.sparse_(bs.zeros(3), 0.1),
        lambda: init.orthogonal_(bs.zeros(3)),
        lambda: init.dirac_(bs.zeros(3, 3)),
        lambda: init.dirac_(bs.zeros(3, 3, 3), 2),
    ):
        with pytest.raises(ValueError, match="init"):
            wrong()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("uniform", (1.0, 2.0)),
        ("normal", ()),
        ("constant", (3.0,)),
        ("eye", ()),
        ("xavier_uniform", ()),
        ("xavier_normal", ()),
        ("kaiming_uniform", ()),
        ("kaiming_normal", ()),
        ("orthogonal", ()),
        ("sparse", (0.5,)),
        ("dirac", ()),
    ],
)
def test_abandoned_names(name: str, arguments: tuple[float, ...]) -> None:
    shape = (3, 3, 3) if name == "dirac" else (3, 3)
    made = []
    for function in (getattr(init, name), getattr(init, f"{name}_")):
        bs.manual_seed(5)
        if function.__name__ == name:
            with pytest.warns(FutureWarning, match=f"say {name}_"):
                made.append(function(bs.zeros(shape), *arguments).tolist())
        else:
            made.append(function(bs.zeros(shape), *arguments).tolist())
    assert made[0] == made[1]


def test_init_inside_compile() -> None:
    layer = nn.Linear(3, 2)

    @bs.compile
    def again() -> None:
        init.constant_(layer.weight, 2.0)
        init.uniform_(layer.bias, 5.0, 6.0)

    again()
    assert layer.weight.tolist() == [[2.0] * 3] * 2
    first = layer.bias.tolist()
    again()
    assert min(first) >= 5.0 and layer.bias.tolist() != first
