"""Two autoencoders of handwritten digits: one takes noise away, the other makes new digits.

The first is trained to give clean images for noisy ones. The second is variational: it learns a distribution
of a few numbers from which images come, so that drawn numbers give new digits, and a line between two gives
digits between. On the embedded digits (8 x 8 pixels), or with --data on the IDX files of MNIST in a folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import trange

import backsweep as bs
from backsweep import models, nn
from backsweep.datasets import MNIST, load_digits


def load(folder: Path | None, train: bool) -> np.ndarray:
    """Give images (n, 1, H, W) between 0 and 1."""
    if folder is not None:
        return MNIST(folder, train=train).data[:, None].numpy().astype(np.float32) / 255
    return load_digits("train" if train else "test")[0].reshape(-1, 1, 8, 8) / 16


def train(
    model: nn.Module,
    loss_of: Callable[[bs.Tensor], bs.Tensor],
    X: np.ndarray,
    epochs: int,
    batch: int,
    lr: float,
) -> float:
    """Train with a loss of a batch; give its mean in the last epoch."""
    optimizer = bs.optim.Adam(model.parameters(), lr=lr)

    @bs.compile
    def step(x: bs.Tensor) -> bs.Tensor:
        optimizer.zero_grad()
        loss = loss_of(x)
        loss.backward()
        optimizer.step()
        return loss

    bar = trange(epochs, desc=type(model).__name__, unit="epoch")
    for epoch in bar:
        optimizer.param_groups[0]["lr"] = lr * (1 - epoch / epochs)
        losses = [step(x) for (x,) in bs.Batches(X, batch_size=batch, shuffle=True, drop_last=True)]
        mean = float(np.mean([float(loss) for loss in losses]))
        bar.set_postfix(loss=f"{mean:.3f}")
    return mean


def main(
    epochs: int = 40,
    batch: int = 64,
    noise: float = 0.3,
    latent: int = 8,
    seed: int = 0,
    data: Path | None = None,
    plot: Path | None = None,
) -> dict[str, float]:
    bs.manual_seed(seed)
    X, X_test = load(data, True), load(data, False)[:1000]
    size = X.shape[-1]

    # Takes noise away: half the pixels on the way, so that it must know what digits look like.
    clean = nn.Sequential(
        nn.Conv2d(1, 32, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1),
        nn.ReLU(),
        nn.Conv2d(32, 1, 3, padding=1),
    )

    def noisy(x: bs.Tensor) -> bs.Tensor:
        return x + noise * bs.randn_like(x)

    train(clean, lambda x: nn.functional.mse_loss(clean(noisy(x)), x), X, epochs, batch, 3e-3)
    given = noisy(bs.tensor(X_test)).numpy()
    cleaned = bs.predict(clean, given)
    results = {
        "noise": float(((given - X_test) ** 2).mean()),
        "left": float(((cleaned - X_test) ** 2).mean()),
    }
    print(f"mean square error of the noisy images {results['noise']:.4f}, cleaned {results['left']:.4f}")

    vae = models.ConvVAE(latent, 32, size=size)
    results["bound"] = train(vae, vae.loss, X, 2 * epochs, batch, 3e-3)
    vae.eval()
    with bs.no_grad():
        results["test bound"] = float(vae.loss(bs.tensor(X_test)))
    print(
        f"negative evidence lower bound: {results['bound']:.2f}, on test images {results['test bound']:.2f}"
    )
    if plot:
        draw(plot, vae, X_test, given, cleaned)
    return results


def draw(path: Path, vae: models.ConvVAE, images: np.ndarray, given: np.ndarray, cleaned: np.ndarray) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    columns = 10
    with bs.no_grad():
        again, means, _ = vae(bs.tensor(images))
        between = np.linspace(0, 1, columns, dtype=np.float32)[:, None]
        line = (1 - between) * means.numpy()[0] + between * means.numpy()[1]
        rows = {
            "test images": images,
            "with noise": given,
            "cleaned": cleaned,
            "by the VAE": again.sigmoid().numpy(),
            "new": vae.sample(columns).numpy(),
            "new ": vae.sample(columns).numpy(),
            "between two": vae.decode(bs.tensor(line)).numpy(),
        }
    figure = Figure(figsize=(columns, len(rows)), layout="constrained")
    for row, (name, pictures) in enumerate(rows.items()):
        for column in range(columns):
            axes = figure.add_subplot(len(rows), columns, row * columns + column + 1)
            axes.imshow(pictures[column, 0], cmap="gray_r", vmin=0, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([])
            if column == 0:
                axes.set_ylabel(name, fontsize=9)
    figure.savefig(path, dpi=100)
    print(f"picture written to {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--noise", type=float, default=0.3)
    parser.add_argument("--latent", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="with MNIST's IDX files")
    parser.add_argument("--plot", type=Path, default=Path("autoencoders.png"), metavar="FILE")
    main(**vars(parser.parse_args()))
