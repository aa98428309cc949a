"""Handwritten digits, with a training loop of your own.

`backsweep train` does this in one call of `bs.fit`. Here every part is in sight: batches, the step (forward
path, backward path, update), evaluation. `@bs.compile` records the step at its first call and runs it without
Python from then on; leave it out, and the same lines run op by op, for printing and debugging.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from tqdm import trange

import backsweep as bs
from backsweep import nn
from backsweep.datasets import load_digits


def main(
    hidden: int = 128, epochs: int = 30, batch: int = 32, seed: int = 0, plot: Path | None = None
) -> float:
    bs.manual_seed(seed)
    X, y = load_digits("train")
    X_test, y_test = load_digits("test")
    model = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, 10))
    optimizer = bs.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    print(bs.summary(model))

    @bs.compile
    def step(x: bs.Tensor, labels: bs.Tensor) -> bs.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x / 16), labels)
        loss.backward()
        optimizer.step()
        return loss

    @bs.compile
    def scores(x: bs.Tensor) -> bs.Tensor:
        return model(x / 16)

    def answers(images: np.ndarray) -> np.ndarray:
        model.eval()  # no dropout; the compiled function notices
        with bs.no_grad():
            result = scores(bs.tensor(images)).numpy().argmax(1)
        model.train()
        return result

    start = time.perf_counter()
    bar = trange(epochs, unit="epoch")
    for epoch in bar:
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - epoch / epochs)  # compiled steps read it at each call
        losses = [step(*rows) for rows in bs.Batches(X, y, batch_size=batch, shuffle=True)]
        accuracy = (answers(X_test) == y_test).mean()
        bar.set_postfix(loss=f"{np.mean([float(v) for v in losses]):.4f}", test=f"{accuracy:.3f}")
    print(f"trained in {time.perf_counter() - start:.1f} s")

    given = answers(X_test)
    wrong = np.flatnonzero(given != y_test)
    accuracy = 1 - wrong.size / y_test.size
    print(f"{wrong.size} of {y_test.size} images wrong, test accuracy: {accuracy:.4f}")
    if plot:
        draw(plot, X_test[wrong], y_test[wrong], given[wrong])
    return float(accuracy)


def draw(path: Path, images: np.ndarray, labels: np.ndarray, given: np.ndarray) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    shown = min(16, len(images))
    columns = min(8, max(1, shown))
    rows = max(1, -(-shown // columns))
    figure = Figure(figsize=(1.2 * columns, 1.5 * rows + 0.4), layout="constrained")
    figure.suptitle("Wrong answers", fontsize=10)
    for k in range(shown):
        axes = figure.add_subplot(rows, columns, k + 1)
        axes.imshow(images[k].reshape(8, 8), cmap="gray_r")
        axes.set_title(f"{labels[k]}, not {given[k]}", fontsize=9)
        axes.axis("off")
    figure.savefig(path, dpi=120)
    print(f"picture written to {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, default=Path("digits.png"), metavar="FILE")
    main(**vars(parser.parse_args()))
