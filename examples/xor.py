"""XOR: what one logistic regression cannot learn, and two stacked layers of them can.

No line separates {(0,0), (1,1)} from {(0,1), (1,0)}. The best that logistic regression can do is to answer
1/2 everywhere, with loss log 2. A hidden layer of logistic units gives the last one new coordinates in which
a line is enough.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np

import backsweep as bs
from backsweep import nn

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
Y = np.array([[0], [1], [1], [0]], dtype=np.float32)


def train(model: nn.Module, epochs: int) -> float:
    """Run full-batch gradient descent on the four points; give the last loss."""
    history = bs.fit(
        model,
        X,
        Y,
        loss="binary_cross_entropy_with_logits",
        optimizer=bs.optim.SGD(model.parameters(), lr=1.0, momentum=0.9),
        epochs=epochs,
        batch_size=4,
        progress=False,
    )
    return history["loss"][-1]


def probability(model: nn.Module, points: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-bs.predict(model, points)[:, 0]))


def main(
    hidden: int = 4, epochs: int = 1000, seed: int = 0, plot: Path | None = None
) -> dict[str, tuple[float, int]]:
    bs.manual_seed(seed)
    models = {
        "one logistic regression": nn.Linear(2, 1),
        f"{hidden} of them, then one": nn.Sequential(
            nn.Linear(2, hidden), nn.Sigmoid(), nn.Linear(hidden, 1)
        ),
    }
    results = {}
    for name, model in models.items():
        loss = train(model, epochs)
        p = probability(model, X)
        right = int(((p > 0.5) == (Y[:, 0] > 0.5)).sum())
        results[name] = (loss, right)
        print(f"{name:26s} loss {loss:.4f}  {right} of 4 right")
        for (a, b), target, q in zip(X, Y[:, 0], p, strict=True):
            print(f"    {a:.0f} xor {b:.0f} = {target:.0f}   p = {q:.3f} {'█' * round(20 * q)}")
    print(f"log 2 = {math.log(2):.4f}")
    if plot:
        draw(plot, models)
    return results


def draw(path: Path, models: dict[str, nn.Module]) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    side = np.linspace(-0.5, 1.5, 121, dtype=np.float32)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    for k, (name, model) in enumerate(models.items()):
        axes = figure.add_subplot(1, 2, k + 1)
        field = probability(model, grid).reshape(side.size, side.size)
        colours = axes.contourf(side, side, field, levels=np.linspace(0, 1, 11), cmap="RdBu")
        for label, marker in ((0, "o"), (1, "s")):
            points = X[Y[:, 0] == label]
            axes.scatter(*points.T, s=90, marker=marker, color="white", edgecolor="black", label=f"{label}")
        axes.set(title=name, xlabel="a", ylabel="b", aspect="equal", xticks=[0, 1], yticks=[0, 1])
    axes.legend(title="a xor b", loc="center left", bbox_to_anchor=(1.0, 0.85))
    figure.colorbar(colours, label="predicted probability of 1", ticks=[0, 0.5, 1], shrink=0.6, anchor=(0, 0))
    figure.savefig(path, dpi=120)
    print(f"picture written to {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hidden", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, default=Path("xor.png"), metavar="FILE")
    main(**vars(parser.parse_args()))
