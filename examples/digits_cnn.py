"""Handwritten digits by convolutions, and a look at what they have learned.

A LeNet or a small residual network is trained on the embedded digits (8 x 8 pixels), or with --data on the
IDX files of MNIST in a folder. Each batch is moved and turned a little inside the compiled step. The picture
shows the first filters, and for some units of the last convolution what they see: the test images that excite
each most, the pixels that its output depends on (its derivative by the image), and an image made for it by
climbing that derivative from their mean.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import backsweep as bs
from backsweep import models, nn
from backsweep import transforms as T
from backsweep.datasets import MNIST, load_digits

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def load(folder: Path | None) -> Data:
    """Give images (n, 1, H, W), uint8, and labels, for training and for tests."""
    if folder is not None:
        parts = [MNIST(folder, train=train) for train in (True, False)]
        (X, y), (X_test, y_test) = ((part.data[:, None].numpy(), part.targets.numpy()) for part in parts)
        return X, y, X_test, y_test
    (X, y), (X_test, y_test) = (load_digits(part) for part in ("train", "test"))
    X, X_test = (np.round(x * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8) for x in (X, X_test))
    return X, y, X_test, y_test


def main(
    model: str = "cnn",
    epochs: int = 30,
    batch: int = 32,
    seed: int = 0,
    data: Path | None = None,
    plot: Path | None = None,
) -> float:
    bs.manual_seed(seed)
    X, y, X_test, y_test = load(data)
    size = X.shape[-1]
    net = models.LeNet(size=size, dropout=0.3) if model == "cnn" else models.resnet8(in_channels=1)
    print(bs.summary(net))
    prepare = T.ToTensor()
    moved = T.RandomCrop(size, padding=1 if size == 8 else 2)
    augment = T.Compose([moved, T.RandomRotation(10, T.InterpolationMode.BILINEAR), prepare])
    lr = 0.05
    optimizer = bs.optim.SGD(net.parameters(), lr=lr, momentum=0.9, nesterov=True, weight_decay=5e-4)

    def cosine(epoch: int, record: Mapping[str, float]) -> None:
        optimizer.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * (epoch + 1) / epochs)) / 2

    start = time.perf_counter()
    bs.fit(
        net,
        X,
        y,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch,
        transform=augment,
        validation=(X_test, y_test),
        validation_transform=prepare,
        callbacks=[cosine],
    )
    accuracy = bs.evaluate(net, X_test, y_test, transform=prepare)["accuracy"]
    print(f"{model} trained in {time.perf_counter() - start:.1f} s, test accuracy: {accuracy:.4f}")
    if plot:
        draw(plot, net.eval(), X_test[:2000])
    return accuracy


def units(net: nn.Module, x: bs.Tensor) -> bs.Tensor:
    """Give the outputs (n, units, h, w) of the last convolution."""
    if isinstance(net, models.LeNet):
        return net.features[:4](x)  # before ReLU, whose derivative is 0 where a unit is silent
    inner = net.relu(net.bn1(net.conv1(x)))
    return net.layer3(net.layer2(net.layer1(inner)))


def by_image(net: nn.Module, x: np.ndarray, unit: int) -> tuple[float, np.ndarray]:
    """Give the largest output of a unit for an image (H, W), and its derivative by the pixels."""
    image = bs.tensor(x[None, None], requires_grad=True)
    output = units(net, image)[0, unit].amax()
    return float(output), bs.grad(output, image).numpy()[0, 0]


def made_for(net: nn.Module, unit: int, x: np.ndarray, steps: int = 30) -> np.ndarray:
    """Climb from an image to one that excites a unit more, kept smooth by a blur after each step."""
    size = len(x)
    for _ in range(steps):
        slope = by_image(net, x, unit)[1]
        x = x + 0.15 * slope / (np.abs(slope).max() + 1e-8)
        around = np.pad(x, 1, mode="edge")
        blurred = sum(around[i : i + size, j : j + size] for i in range(3) for j in range(3)) / 9
        x = np.clip(0.8 * x + 0.2 * blurred, 0, 1).astype(np.float32)
    return x


def draw(path: Path, net: nn.Module, images: np.ndarray) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    pixels = images[:, 0].astype(np.float32) / 255
    with bs.no_grad():
        outputs = units(net, bs.tensor(pixels[:, None])).amax((2, 3)).numpy()
    first = next(module for module in net.modules() if isinstance(module, nn.Conv2d))
    filters = first.weight.detach().numpy()[:16, 0]
    chosen = np.argsort(-outputs.std(0))[:8]  # units that tell images apart
    rows, columns = len(chosen) + 2, 9
    figure = Figure(figsize=(columns, rows + 0.6), layout="constrained")
    figure.suptitle("Filters of the first convolution (above), and what units of the last one see")
    extent = np.abs(filters).max()

    def show(row: int, column: int, picture: np.ndarray, cmap: str, limit: float, title: str = "") -> None:
        axes = figure.add_subplot(rows, columns, row * columns + column + 1)
        axes.imshow(picture, cmap=cmap, vmin=-limit if cmap == "RdBu_r" else 0, vmax=limit)
        axes.set_title(title, fontsize=7)
        axes.axis("off")

    for k, one in enumerate(filters):
        show(k // 8, k % 8, one, "RdBu_r", extent)
    for row, unit in enumerate(chosen, 2):
        best = np.argsort(-outputs[:, unit])[:4]
        for k, place in enumerate(best):
            show(
                row,
                k,
                pixels[place],
                "gray_r",
                1,
                f"unit {unit}: {outputs[place, unit]:.1f}" if k == 0 else "",
            )
            slope = by_image(net, pixels[place], unit)[1]
            show(row, 4 + k, slope, "RdBu_r", np.abs(slope).max() + 1e-8, "its derivative" if k == 0 else "")
        show(row, 8, made_for(net, unit, pixels[best].mean(0)), "gray_r", 1, "made for it")
    figure.savefig(path, dpi=110)
    print(f"picture written to {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", choices=["cnn", "resnet"], default="cnn")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="with MNIST's IDX files")
    parser.add_argument("--plot", type=Path, default=Path("digits_cnn.png"), metavar="FILE")
    main(**vars(parser.parse_args()))
