"""Logistic regression: the smallest network, with labels -1 and +1.

The loss of weights w on samples (x, y) is L(w) = Σ log(1 + exp(-y wᵀx)). Its gradient, by hand, is
-Σ y x / (1 + exp(y wᵀx)). The example writes L in bs ops, compares the sweep's gradient with that
formula, then minimises L by stochastic gradient descent and draws the line that separates the classes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tqdm import trange

import backsweep as bs


def two_clouds(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Give n points of two Gaussian clouds, with a constant 1 as third coordinate, and labels -1 and +1."""
    rng = np.random.default_rng(seed)
    y = rng.choice([-1.0, 1.0], n)
    points = rng.standard_normal((n, 2)) + 1.2 * y[:, None] * np.array([1.0, 0.6])
    return np.column_stack([points, np.ones(n)]), y


def loss(w: bs.Tensor, x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
    """L(w) = Σ log(1 + exp(-y wᵀx)); softplus(z) is log(1 + exp(z)), written so that nothing overflows."""
    return bs.softplus(-y * (x @ w)).sum()


def gradient_by_hand(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return -((y / (1 + np.exp(y * (x @ w))))[:, None] * x).sum(0)


def main(
    samples: int = 400, epochs: int = 20, batch: int = 8, lr: float = 0.05, plot: Path | None = None
) -> dict[str, float]:
    X, Y = two_clouds(samples, seed=0)

    # 1. The sweep's gradient and the closed formula agree.
    w0 = np.array([0.3, -0.2, 0.1])
    w = bs.tensor(w0, requires_grad=True)
    swept = bs.grad(loss(w, bs.tensor(X), bs.tensor(Y)), w).numpy()
    closed = gradient_by_hand(w0, X, Y)
    difference = float(abs(swept - closed).max())
    print("gradient of the sweep   ", swept)
    print("-Σ y x / (1 + exp(y wᵀx))", closed)

    # 2. Stochastic gradient descent: w ← w - lr ∇ of the mean over a small batch.
    w = bs.Parameter(bs.zeros(3, dtype=bs.float64))

    @bs.compile
    def step(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        mean = loss(w, x, y) / len(y)
        w.assign(w - lr * bs.grad(mean, w))
        return mean

    bs.manual_seed(0)
    bar = trange(epochs, desc="SGD", unit="epoch")
    for _ in bar:
        losses = [float(step(x, y)) for x, y in bs.Batches(X, Y, batch_size=batch, shuffle=True)]
        bar.set_postfix(loss=f"{np.mean(losses):.4f}")

    weights = np.array(w.detach())
    accuracy = float((np.sign(X @ weights) == Y).mean())
    slope = float(np.linalg.norm(gradient_by_hand(weights, X, Y)) / samples)
    print(f"w = {weights.round(3)}, accuracy {accuracy:.3f}, |∇L| / n = {slope:.4f}")
    if plot:
        draw(plot, X, Y, weights)
    return {"difference": difference, "accuracy": accuracy, "slope": slope}


def draw(path: Path, X: np.ndarray, Y: np.ndarray, w: np.ndarray) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    figure = Figure(figsize=(5, 4.4), layout="constrained")
    axes = figure.add_subplot()
    side = np.linspace(-5, 5, 200)
    grid = np.stack(np.meshgrid(side, side), -1)
    probability = 1 / (1 + np.exp(-(grid @ w[:2] + w[2])))
    colours = axes.contourf(side, side, probability, levels=np.linspace(0, 1, 11), cmap="RdBu", alpha=0.6)
    axes.contour(side, side, probability, levels=[0.5], colors="black")
    for label, colour in ((-1, "darkred"), (1, "navy")):
        axes.scatter(*X[label == Y, :2].T, s=8, color=colour, label=f"y = {label:+d}")
    axes.set(title="Logistic regression", xlabel="x₁", ylabel="x₂", xlim=(-5, 5), ylim=(-5, 5))
    figure.colorbar(colours, label="probability of y = +1")
    axes.legend(loc="upper left")
    figure.savefig(path, dpi=120)
    print(f"picture written to {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--plot", type=Path, default=Path("logistic_regression.png"), metavar="FILE")
    main(**vars(parser.parse_args()))
