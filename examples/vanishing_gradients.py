"""Vanishing gradients: what depth does to the backward path, and what skip connections do about it.

The backward path multiplies by one factor per layer. For a sigmoid it is at most 1/4, so through 20 layers
almost nothing arrives. A ReLU's is 0 or 1, and with weights of the right size (He et al. 2015) the gradient
survives. A skip connection, x + f(x), has the derivative 1 + f'(x): one way through it has the factor 1.

Shown for each network: the size of the gradient in each layer before training, then the accuracy on
handwritten digits after a few epochs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import backsweep as bs
from backsweep import nn
from backsweep.datasets import load_digits


class Deep(nn.Module):
    """Equal layers one after the other, with or without skip connections."""

    def __init__(self, unit: nn.Module, depth: int, width: int, skip: bool) -> None:
        super().__init__()
        self.unit, self.skip = unit, skip
        self.inner = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.last = nn.Linear(width, 10)
        for layer in self.inner:
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
            if skip:  # each layer adds its part: parts of variance 1 / depth make a sum of 1
                layer.weight.mul_(depth**-0.5)

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        """Give the 10 scores of each image."""
        for layer in self.inner:
            y = self.unit(layer(x))
            x = x + y if self.skip else y
        return self.last(x)


def gradient_norms(model: Deep, x: bs.Tensor, y: bs.Tensor) -> np.ndarray:
    """Give |∂L/∂W| of each inner layer."""
    loss = nn.functional.cross_entropy(model(x), y)
    gradients = bs.grad(loss, [layer.weight for layer in model.inner])
    return np.array([np.linalg.norm(g.numpy()) for g in gradients])


def main(
    depth: int = 20, epochs: int = 15, seed: int = 0, plot: Path | None = None
) -> dict[str, tuple[float, float]]:
    X, y = load_digits("train")
    X_test, y_test = load_digits("test")
    X, X_test = X / 16, X_test / 16
    bs.manual_seed(seed)
    models = {
        "sigmoid": Deep(nn.Sigmoid(), depth, 64, skip=False),
        "ReLU": Deep(nn.ReLU(), depth, 64, skip=False),
        "ReLU with skip connections": Deep(nn.ReLU(), depth, 64, skip=True),
    }
    norms, results = {}, {}
    for name, model in models.items():
        norms[name] = gradient_norms(model, bs.tensor(X[:256]), bs.tensor(y[:256]))
        print(f"\n{name}: |∂L/∂W| by layer")
        for k in sorted({0, depth // 4, depth // 2, 3 * depth // 4, depth - 1}):
            size = np.log10(norms[name][k])
            print(f"  layer {k + 1:3d}  1e{size:+06.1f}  {'█' * max(0, round(24 + 1.2 * size))}")
        optimizer = bs.optim.SGD(model.parameters(), lr=0.003, momentum=0.9)
        bs.fit(model, X, y, optimizer=optimizer, epochs=epochs)
        accuracy = bs.evaluate(model, X_test, y_test)["accuracy"]
        print(f"  test accuracy after {epochs} epochs: {accuracy:.3f}")
        results[name] = (float(norms[name][0] / norms[name][-1]), accuracy)
    if plot:
        draw(plot, norms, results)
    return results


def draw(path: Path, norms: dict[str, np.ndarray], results: dict[str, tuple[float, float]]) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    axes = figure.add_subplot()
    for (name, values), marker in zip(norms.items(), "osv", strict=True):
        label = f"{name}: accuracy {results[name][1]:.2f}"
        axes.semilogy(np.arange(1, values.size + 1), values, marker=marker, markersize=4, label=label)
    axes.set(
        title="Size of the gradient before training",
        xlabel="layer (1 is next to the input)",
        ylabel="|∂L/∂W|",
    )
    axes.locator_params(axis="x", integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
    print(f"picture written to {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, default=Path("vanishing_gradients.png"), metavar="FILE")
    main(**vars(parser.parse_args()))
