"""In-place methods after which a tensor has another shape: views of itself, other sizes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import backsweep as bs

VIEWS: list[tuple[str, Callable[[bs.Tensor], object], Callable[[bs.Tensor], bs.Tensor]]] = [
    ("squeeze", lambda x: x.squeeze_(), lambda x: x.squeeze()),
    ("squeeze dim", lambda x: x.squeeze_(0), lambda x: x.squeeze(0)),
    ("unsqueeze", lambda x: x.unsqueeze_(-1), lambda x: x.unsqueeze(-1)),
    ("transpose", lambda x: x.transpose_(0, 2), lambda x: x.transpose(0, 2)),
    ("swapaxes", lambda x: x.swapaxes_(1, 2), lambda x: x.swapaxes(1, 2)),
    ("swapdims", lambda x: x.swapdims_(0, 1), lambda x: x.swapdims(0, 1)),
    ("t", lambda x: x.squeeze_().t_(), lambda x: x.squeeze().t()),
]


def numbers() -> bs.Tensor:
    return bs.arange(6.0).view(1, 2, 3) * 1.0


@pytest.mark.parametrize(("name", "act", "view"), VIEWS, ids=[v[0] for v in VIEWS])
def test_becomes_a_view(
    name: str, act: Callable[[bs.Tensor], bs.Tensor], view: Callable[[bs.Tensor], bs.Tensor]
) -> None:
    x = numbers()
    assert act(x) is x
    assert bs.equal(x, view(numbers())) and x.stride() == view(numbers()).stride()

    # What it shares memory with stays, and writes are seen both ways.
    base = numbers()
    x = base[:]
    act(x)
    x += 1
    assert base.shape == (1, 2, 3) and bs.equal(base, numbers() + 1)
    base.mul_(2)
    assert bs.equal(x, view((numbers() + 1) * 2))

    # Of a tensor that has views.
    x = numbers()
    part = x[0, 1]
    act(x)
    x.zero_()
    assert bs.equal(part, bs.zeros(3))

    # With its history.
    w = numbers().requires_grad_()
    x = w * w
    act(x)
    (x * view(numbers())).sum().backward()
    assert bs.equal(w.grad, 2 * numbers() * numbers())


@pytest.mark.parametrize(("name", "act", "view"), VIEWS, ids=[v[0] for v in VIEWS])
def test_compiled(
    name: str, act: Callable[[bs.Tensor], bs.Tensor], view: Callable[[bs.Tensor], bs.Tensor]
) -> None:
    @bs.compile
    def inside(a: bs.Tensor) -> tuple[bs.Tensor, bs.Tensor]:
        x = a * 2
        part = x[0, 1]
        act(x)
        x += 1
        return x, part

    x, part = inside(numbers())
    assert bs.equal(x, view(numbers() * 2 + 1)) and bs.equal(part, (numbers() * 2 + 1)[0, 1])


def test_leaves_and_parameters_keep_their_shape() -> None:
    with pytest.raises(bs.GraphError, match=r"\[squeeze_\] a leaf Variable"):
        numbers().requires_grad_().squeeze_()
    layer = bs.nn.Linear(1, 3)
    with bs.no_grad(), pytest.raises(bs.GraphError, match=r"\[t_\] a parameter .* the view that t\(\) gives"):
        layer.weight.t_()


def test_resize() -> None:
    x = bs.arange(6.0)
    assert x.resize_(2, 3) is x and x.shape == (2, 3)
    base = bs.zeros(4, 2)
    part = base[:2]
    part.resize_(4)
    part += 1
    assert float(base.sum()) == 4
    assert x.resize_((2, 2)).tolist() == [[0, 1], [2, 3]]
    assert x.resize_(3, 2).tolist() == [[0, 1], [2, 3], [0, 0]]
    assert x.resize_as_(bs.zeros(0)).shape == (0,) and bs.resize_as_(x, bs.zeros(2, 1)).shape == (2, 1)
    with pytest.raises(bs.GraphError, match=r"\[resize_\] .* requires a gradient"):
        bs.zeros(3, requires_grad=True).resize_(4)
    with pytest.raises(ValueError, match=r"\[resize_\] size is -1"):
        x.resize_(-1)


def test_fill_diagonal() -> None:
    for shape, wrap in (
        ((3, 3), False),
        ((2, 4), False),
        ((7, 3), False),
        ((7, 3), True),
        ((3, 3, 3), False),
    ):
        want = np.zeros(shape, np.float32)
        np.fill_diagonal(want, 2, wrap=wrap)
        x = bs.zeros(shape)
        assert x.fill_diagonal_(2, wrap) is x
        np.testing.assert_array_equal(np.asarray(x), want)
    with pytest.raises(bs.ShapeError, match=r"\[fill_diagonal_\] input is \(2, 3, 3\)"):
        bs.zeros(2, 3, 3).fill_diagonal_(1)


@pytest.mark.parametrize(("dtype", "shape"), [(bs.int32, (2, 4)), (bs.float64, (2, 2)), (bs.uint8, (2, 16))])
def test_other_dtypes_of_the_same_bits(dtype: bs.DType, shape: tuple[int, ...]) -> None:
    x = bs.rand(2, 4)
    y = x.view(dtype)
    assert y.shape == shape and y.dtype == dtype
    np.testing.assert_array_equal(np.asarray(y), np.asarray(x).view(dtype.name))
    assert bs.equal(y.view(bs.float32), x)
    assert bs.equal(bs.compile(lambda x: x.view(dtype))(x), y)
    if dtype == bs.int32:  # a view
        y.zero_()
        assert float(x.sum()) == 0
    with pytest.raises(bs.ShapeError, match=r"\[view\] .*no whole number of float64"):
        bs.zeros(2, 3).view(bs.float64)


def test_numbers_are_real() -> None:
    x = bs.tensor([1.0, -2.0, float("nan")])
    assert x.conj() is x and bs.real(x) is x and x.real is x and bs.resolve_conj(x) is x
    assert not x.is_conj() and not x.is_neg() and bool(bs.isreal(x).all())
    np.testing.assert_allclose(np.asarray(bs.angle(x)), [0, np.pi, np.nan], 1e-6)
    assert bs.angle(bs.tensor([-1, 2])).dtype == bs.float32
