"""A unit of your own: state an output and its derivative, use it anywhere.

The unit is swish(x) = x σ(x), with derivative σ(x) + swish(x) (1 - σ(x)). Written in bs ops it can be
differentiated again and is traced into compiled programs. The same in NumPy works too: as a call-back, and
without a second derivative. Both are compared with differences, then trained.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from tqdm import trange

import backsweep as bs
from backsweep import nn


class Swish(bs.Function):
    """x σ(x)."""

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        """Give the output."""
        return x * bs.sigmoid(x)

    def backward(self, grad: bs.Tensor, x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        """Give the gradient of x for `grad`, the gradient of y."""
        s = bs.sigmoid(x)
        return grad * (s + y * (1 - s))


class NumpySwish(bs.Function):
    """x σ(x), computed outside backsweep."""

    numpy = True

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Give the output."""
        return x / (1 + np.exp(-x))

    def backward(self, grad: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Give the gradient of x for `grad`, the gradient of y."""
        s = 1 / (1 + np.exp(-x))
        return grad * (s + y * (1 - s))


def difference(f: Callable[[bs.Tensor], bs.Tensor], x: bs.Tensor, h: float = 1e-5) -> np.ndarray:
    """Give (f(x + h) - f(x - h)) / 2h."""
    return ((f(x + h) - f(x - h)) / (2 * h)).detach().numpy()


def derivative(f: Callable[[bs.Tensor], bs.Tensor], x: bs.Tensor) -> bs.Tensor:
    """Give f'(x) of each element, as a graph that can be differentiated again."""
    return bs.grad(f(x).sum(), x, create_graph=True)


def train(unit: type[bs.Function], steps: int) -> float:
    """Fit sin(3x) with one hidden layer of the unit; give the last mean squared error."""
    bs.manual_seed(0)
    inner, outer = nn.Linear(1, 32), nn.Linear(32, 1)
    optimizer = bs.optim.SGD([*inner.parameters(), *outer.parameters()], lr=0.05, momentum=0.9)
    x = bs.tensor(np.linspace(-1, 1, 128, dtype=np.float32)[:, None])
    y = bs.tensor(np.sin(3 * x.numpy()))

    @bs.compile
    def step(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(outer(unit.apply(inner(x))), y)
        loss.backward()
        optimizer.step()
        return loss

    bar = trange(steps, desc=unit.__name__)
    for i in bar:
        loss = step(x, y)
        if i % 500 == 499:
            bar.set_postfix(loss=f"{float(loss):.1e}")
    return float(loss)


def main(steps: int = 3000) -> dict[str, float]:
    x = bs.tensor(np.linspace(-4, 4, 17), requires_grad=True)
    results = {}
    for unit in (Swish, NumpySwish):
        swept = bs.grad(unit.apply(x).sum(), x).numpy()
        results[f"{unit.__name__} first"] = float(abs(swept - difference(unit.apply, x)).max())
    second = bs.grad(derivative(Swish.apply, x).sum(), x).numpy()
    by_differences = difference(lambda t: derivative(Swish.apply, t), x)
    results["Swish second"] = float(abs(second - by_differences).max())
    for name, error in results.items():
        print(f"{name} derivative, against differences: {error:.1e}")
    for unit in (Swish, NumpySwish):
        results[f"{unit.__name__} loss"] = loss = train(unit, steps)
        print(f"{unit.__name__}: mean squared error {loss:.2e} after {steps} compiled steps")
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    main(**vars(parser.parse_args()))
