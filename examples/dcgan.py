"""New handwritten digits by a DCGAN: a generator and a discriminator that learn from each other.

The discriminator learns to tell real images from made ones, the generator to make images that pass for real.
Both updates of a batch are one compiled step. On the embedded digits (8 x 8 pixels), or with --data on the
IDX files of MNIST in a folder, at 32 x 32 pixels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tqdm import trange

import backsweep as bs
from backsweep import models, nn
from backsweep.datasets import MNIST, load_digits
from backsweep.transforms import functional as tF

F = nn.functional


def load(folder: Path | None) -> np.ndarray:
    """Give images (n, 1, size, size) between -1 and 1."""
    if folder is not None:
        return tF.resize(MNIST(folder).data[:, None], 32).numpy().astype(np.float32) / 127.5 - 1
    return load_digits()[0].reshape(-1, 1, 8, 8) / 8 - 1


def main(
    epochs: int = 60,
    batch: int = 64,
    latent: int = 32,
    width: int = 32,
    seed: int = 0,
    data: Path | None = None,
    plot: Path | None = None,
) -> dict[str, float]:
    bs.manual_seed(seed)
    X = load(data)
    generator = models.Generator(latent, width, 1, X.shape[-1])
    discriminator = models.Discriminator(width, 1, X.shape[-1])
    # Moments of the source, section 4; the rate is five times its, as images are small.
    for_generator = bs.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
    for_discriminator = bs.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999))

    @bs.compile
    def step(real: bs.Tensor) -> tuple[bs.Tensor, bs.Tensor]:
        n = real.shape[0]
        made = generator(bs.randn(n, latent))

        for_discriminator.zero_grad()
        told = discriminator(real), discriminator(made.detach())
        # Labels of 0.9 keep the discriminator from being too sure (Salimans et al., 2016).
        loss_d = F.binary_cross_entropy_with_logits(told[0], bs.full((n,), 0.9))
        loss_d = loss_d + F.binary_cross_entropy_with_logits(told[1], bs.zeros(n))
        loss_d.backward()
        for_discriminator.step()

        for_generator.zero_grad()
        loss_g = F.binary_cross_entropy_with_logits(discriminator(made), bs.ones(n))
        loss_g.backward()
        for_generator.step()
        return loss_d.detach(), loss_g.detach()

    @bs.compile
    def images(noise: bs.Tensor) -> bs.Tensor:
        return generator(
            noise
        ).detach()  # in training mode: by the statistics of the batch, as it has learned

    fixed = bs.randn(batch, latent)  # the same noise all along, for the picture
    history, pictures = [], []
    bar = trange(epochs, unit="epoch")
    for epoch in bar:
        losses = [step(x) for (x,) in bs.Batches(X, batch_size=batch, shuffle=True, drop_last=True)]
        history.append(np.mean([[float(d), float(g)] for d, g in losses], 0))
        bar.set_postfix(discriminator=f"{history[-1][0]:.2f}", generator=f"{history[-1][1]:.2f}")
        if epoch in {0, epochs // 8, epochs // 4, epochs // 2}:
            pictures.append((f"epoch {epoch + 1}", images(fixed).numpy()))
    pictures.append((f"epoch {epochs}", images(fixed).numpy()))
    drawn = images(bs.randn(400, latent)).numpy()
    results = {
        "discriminator": float(history[-1][0]),
        "generator": float(history[-1][1]),
        # How far apart made images are, over how far apart real ones are: near 0 all of them look alike.
        "variety": float(drawn.std(0).mean() / X[:400].std(0).mean()),
        "ink": float(drawn.mean() - X.mean()),
    }
    print(", ".join(f"{name} {value:.2f}" for name, value in results.items()))
    if plot:
        draw(plot, pictures, drawn[:20], X)
    return results


def draw(path: Path, epochs: list[tuple[str, np.ndarray]], more: np.ndarray, real: np.ndarray) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    rows = [*epochs, ("more", more[:10]), ("more", more[10:]), ("real ones", real[:10])]
    figure = Figure(figsize=(10, len(rows)), layout="constrained")
    for row, (name, pictures) in enumerate(rows):
        for column in range(10):
            axes = figure.add_subplot(len(rows), 10, row * 10 + column + 1)
            axes.imshow(pictures[column, 0], cmap="gray_r", vmin=-1, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([])
            if column == 0:
                axes.set_ylabel(name, fontsize=9)
    figure.savefig(path, dpi=100)
    print(f"picture written to {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--latent", type=int, default=32)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="with MNIST's IDX files")
    parser.add_argument("--plot", type=Path, default=Path("dcgan.png"), metavar="FILE")
    main(**vars(parser.parse_args()))
