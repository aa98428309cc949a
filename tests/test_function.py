"""bs.Function: derivatives of one's own, eager, compiled, on NumPy arrays, of any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn

X = np.array([0.5, -1.0, 2.0])


class Square(bs.Function):
    def forward(self, x: bs.Tensor) -> bs.Tensor:
        return x * x

    def backward(self, grad: bs.Tensor, x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        return 2.0 * x * grad


class Exp(bs.Function):
    """Its derivative is stated by its output."""

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        return x.exp()

    def backward(self, grad: bs.Tensor, x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        return grad * y


class SumAndProduct(bs.Function):
    def forward(self, x: bs.Tensor, y: bs.Tensor) -> tuple[bs.Tensor, bs.Tensor]:
        return x + y, x * y

    def backward(self, *args: bs.Tensor) -> tuple[bs.Tensor, bs.Tensor]:
        g, h, x, y, _, _ = args
        return g + h * y, g + h * x


class Half(bs.Function):
    """Its stated derivative is not the real one, so tests see which is used."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        return x * 0.5

    def backward(self, grad: bs.Tensor, x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        return grad * self.factor


class NumpySine(bs.Function):
    numpy = True

    def forward(self, x: np.ndarray) -> np.ndarray:
        assert isinstance(x, np.ndarray)
        return np.sin(x)

    def backward(self, grad: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return grad * np.cos(x)


class NumpyOuter(bs.Function):
    numpy = True

    def shapes(self, *input_shapes: tuple[int, ...]) -> list[tuple[int, ...]]:
        (n,), (m,) = input_shapes
        return [(n, m), ()]

    def forward(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, Any]:
        return np.outer(x, y), x.sum()

    def backward(self, *args: np.ndarray) -> tuple[Any, None]:
        g, h, _, y, _, _ = args
        return g @ y + h, None


def numbers(tensor: bs.Tensor) -> np.ndarray:
    return np.asarray(tensor.detach())


def leaf(values: np.ndarray = X) -> bs.Tensor:
    return bs.tensor(values).requires_grad_()


def test_square() -> None:
    x = leaf()
    y = Square()(x)
    np.testing.assert_array_equal(numbers(y), X * X)
    np.testing.assert_array_equal(numbers(bs.grad(y.sum(), x)), 2 * X)
    np.testing.assert_array_equal(numbers(bs.grad(Square.apply(x).sum(), x)), 2 * X)


@pytest.mark.parametrize("function", [Square, Exp])
def test_second_derivative(function: type[bs.Function]) -> None:
    x = leaf()
    first = bs.grad(function()(x).sum(), x, create_graph=True)
    second = bs.grad(first.sum(), x, create_graph=True)
    want = np.full(3, 2.0) if function is Square else np.exp(X)
    np.testing.assert_allclose(numbers(second), want, rtol=1e-15)
    if function is Exp:
        np.testing.assert_allclose(numbers(bs.grad(second.sum(), x)), np.exp(X), rtol=1e-15)


def test_several_inputs_and_outputs() -> None:
    x, y = leaf(), leaf(X + 3)
    s, p = SumAndProduct()(x, y)
    gx, gy = bs.grad((s + 3.0 * p).sum(), [x, y])
    np.testing.assert_allclose(numbers(gx), 1 + 3 * (X + 3))
    np.testing.assert_allclose(numbers(gy), 1 + 3 * X)
    _, p = SumAndProduct()(x, y)  # nothing depends on the first output
    np.testing.assert_allclose(numbers(bs.grad(p.sum(), x)), X + 3)


def test_the_stated_derivative_counts() -> None:
    x = leaf()
    np.testing.assert_array_equal(numbers(bs.grad(Half(7.0)(x).sum(), x)), np.full(3, 7.0))
    with bs.no_grad():
        assert not Half(7.0)(x).requires_grad


@pytest.mark.parametrize("function", [Square, Exp, NumpySine])
def test_compiled_equals_eager(function: type[bs.Function]) -> None:
    parameter = nn.Parameter(bs.tensor(X))

    def step(x: bs.Tensor) -> tuple[bs.Tensor, bs.Tensor]:
        y = function()(x * parameter)
        return y, bs.grad(y.sum(), parameter)

    compiled = bs.compile(step)
    for scale in (1.0, 2.0):
        for a, b in zip(step(bs.tensor(X * scale)), compiled(bs.tensor(X * scale)), strict=True):
            np.testing.assert_allclose(numbers(a), numbers(b), rtol=1e-14)


def test_numpy() -> None:
    x = leaf()
    y = NumpySine()(x)
    np.testing.assert_allclose(numbers(y), np.sin(X))
    np.testing.assert_allclose(numbers(bs.grad(y.sum(), x)), np.cos(X))
    first = bs.grad(NumpySine()(x).sum(), x, create_graph=True)
    with pytest.raises(bs.GraphError):
        bs.grad(first.sum(), x)


def test_numpy_shapes_and_missing_gradients() -> None:
    x, y = leaf(), leaf(np.array([1.0, 2.0]))
    outer, total = NumpyOuter()(x, y)
    assert outer.shape == (3, 2)
    assert total.shape == ()
    gx, gy = bs.grad(outer.sum() + 5.0 * total, [x, y], allow_unused=True)
    np.testing.assert_allclose(numbers(gx), np.full(3, 8.0))
    assert gy is None or not numbers(gy).any()


def test_an_error_in_a_call_back_changes_nothing() -> None:
    class Fails(bs.Function):
        numpy = True
        fail = False

        def forward(self, x: np.ndarray) -> np.ndarray:
            return x

        def backward(self, grad: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
            if Fails.fail:
                raise RuntimeError("boom")
            return grad

    model = nn.Linear(3, 1)
    optimizer = bs.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    @bs.compile
    def step(x: bs.Tensor) -> bs.Tensor:
        loss = Fails()(model(x)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x = bs.ones((2, 3))
    step(x)
    before = [np.array(value) for value in (*model.parameters(), *optimizer.state[model.weight].values())]
    Fails.fail = True
    with pytest.raises(RuntimeError, match="boom"):
        step(x)
    after = [np.array(value) for value in (*model.parameters(), *optimizer.state[model.weight].values())]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    Fails.fail = False
    step(x)


def test_wrong_functions() -> None:
    class NoBackward(bs.Function):
        def forward(self, x: bs.Tensor) -> bs.Tensor:
            return x

    class TooMany(NoBackward):
        def backward(self, grad: bs.Tensor, x: bs.Tensor, y: bs.Tensor) -> Any:
            return grad, grad

    class NoTensor(bs.Function):
        def forward(self, x: bs.Tensor) -> Any:
            return 3.0, x

    x = leaf()
    with pytest.raises(bs.GraphError, match="NoBackward"):
        NoBackward()(x).sum().backward()
    with pytest.raises(bs.GraphError, match=r"TooMany.* 2 gradients for 1 inputs"):
        TooMany()(x).sum().backward()
    with pytest.raises(TypeError, match="NoTensor"):
        NoTensor()(x)
    with pytest.raises(TypeError, match="at least one"):
        NoTensor()()
    with pytest.raises(NotImplementedError):
        bs.Function()(x)


def test_results_that_are_no_arrays() -> None:
    with pytest.raises(TypeError, match=r"^\[host_call\]"):
        bs._core.host_call(lambda a: ([[1], [1, 2]],), [bs.ones(1)], [[1]], ["float32"])


def test_a_gradient_of_another_dtype_is_refused() -> None:
    class Wide(bs.Function):
        def forward(self, x: bs.Tensor) -> bs.Tensor:
            return x * 2.0

        def backward(self, grad: bs.Tensor, x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
            return grad.to(bs.float64)

    with pytest.raises(bs.DTypeError, match=r"^\[custom\].*float64.*float32"):
        Wide()(bs.ones(2).requires_grad_()).sum().backward()
