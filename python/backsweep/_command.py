"""What `backsweep train` trains: images from the package, from IDX files or from folders, and networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import backsweep as bs
from backsweep import nn
from backsweep.datasets import KMNIST, MNIST, FashionMNIST, ImageFolder, load_digits, stratified_split

__all__ = ["MODELS", "Images", "Recipe", "cosine", "digits_network", "images", "network", "recipe", "rows"]

MODELS = ("mlp", "cnn", "resnet")
_TESTS = ("test", "val")  # names of the folder beside "train"


class Images(NamedTuple):
    """Images (n, C, H, W), uint8 or floats from 0 to 1, and their classes, for training and for tests."""

    X: npt.NDArray[Any]
    y: npt.NDArray[np.int64]
    X_test: npt.NDArray[Any]
    y_test: npt.NDArray[np.int64]
    classes: int
    name: str


class Recipe(NamedTuple):
    """How a network is trained on images."""

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    transform: Callable[[bs.Tensor], bs.Tensor] | None
    test_transform: Callable[[bs.Tensor], bs.Tensor] | None


# ---- Images --------------------------------------------------------------------------------------------


def images(folder: Path | None, size: int) -> Images:
    """Read images: the digits of the package, MNIST's IDX files, or folders of classes, brought to a size.

    Raises
    ------
    OSError
        If there is no folder, or nothing in it that is known.
    RuntimeError, ValueError
        If files are missing or broken, or there is one class.
    """
    if folder is None:
        X, y = load_digits("train")
        X_test, y_test = load_digits("test")
        pictures = [x.reshape(-1, 1, 8, 8) / 16 for x in (X, X_test)]
        return Images(pictures[0], y, pictures[1], y_test, 10, "digits")
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    kept_apart = next((kind for kind in (MNIST, FashionMNIST, KMNIST) if _raw(folder, kind).is_dir()), None)
    if kept_apart is not None or any(folder.glob("*-ubyte*")):
        return _checked(_idx(folder, kept_apart or MNIST), folder)
    if not any(path.is_dir() for path in folder.iterdir()):
        raise FileNotFoundError(
            f"{folder} holds neither IDX files (train-images-idx3-ubyte, ...) nor folders of images, one for "
            "each class"
        )
    return _checked(_folders(folder, size), folder)


def _checked(data: Images, folder: Path) -> Images:
    """Give images from which a network can learn to tell classes, or raise."""
    for part, what in ((data.X, "training"), (data.X_test, "tests")):
        if part.size == 0:
            raise ValueError(f"{folder} has no images for {what}: they are {part.shape}")
    if len(np.unique(data.y)) < 2:
        raise ValueError(f"{folder} has images of one class for training; there must be two classes or more")
    return data


def _raw(folder: Path, kind: type[MNIST]) -> Path:
    """Give where torchvision puts the files of a data set into a folder."""
    return folder / kind.__name__ / "raw"


def _idx(folder: Path, kind: type[MNIST]) -> Images:
    train, test = kind(folder), kind(folder, train=False)
    labels = [part.targets.numpy() for part in (train, test)]
    pictures = [part.data[:, None].numpy() for part in (train, test)]
    classes = 1 + max((int(part.max()) for part in labels if part.size), default=0)
    return Images(pictures[0], labels[0], pictures[1], labels[1], classes, folder.name)


def _folders(folder: Path, size: int) -> Images:
    from backsweep.transforms import CenterCrop, Compose, Resize

    def read(place: Path) -> tuple[list[str], npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        found = ImageFolder(place, transform=Compose([Resize(size), CenterCrop(size)]))
        pictures = np.empty((len(found), size, size, 3), np.uint8)
        for i in range(len(found)):
            pictures[i] = np.asarray(found[i][0])
        return found.classes, np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)), np.array(found.targets)

    tests = next((name for name in _TESTS if (folder / name).is_dir()), None)
    if tests is not None and (folder / "train").is_dir():
        (names, X, y), (others, X_test, y_test) = read(folder / "train"), read(folder / tests)
        if names != others:
            raise ValueError(f"the classes in {folder / 'train'} are {names}, those in {tests} are {others}")
    else:
        names, pictures, labels = read(folder)
        rows, held_out = stratified_split(labels)
        few = set(range(len(names))).difference(labels[rows].tolist())
        if few:
            alone = ", ".join(repr(names[i]) for i in sorted(few))
            raise ValueError(
                f"{folder} has one image of {alone}, which is held out for the test: give more, or a folder "
                "train and a folder test of such folders"
            )
        X, y, X_test, y_test = pictures[rows], labels[rows], pictures[held_out], labels[held_out]
    return Images(X, y, X_test, y_test, len(names), folder.name)


# ---- Networks ------------------------------------------------------------------------------------------


def digits_network(hidden: int, inputs: int = 64, classes: int = 10) -> nn.Sequential:
    """Give the dense network: pixels, one hidden layer, scores."""
    return nn.Sequential(
        nn.Dropout(0.1), nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(0.3), nn.Linear(hidden, classes)
    )


def network(model: str, data: Images, hidden: int) -> nn.Module:
    """Give a network for images.

    Raises
    ------
    ValueError
        If images are too small for a convolutional one, or no squares.
    """
    channels, height, width = data.X.shape[1:]
    if model == "mlp":
        return digits_network(hidden, channels * height * width, data.classes)
    from backsweep import models

    if model == "resnet":
        return models.resnet8(data.classes, channels)
    if height != width:
        raise ValueError(f"images of {height} x {width} pixels: cnn takes squares; mlp and resnet take them")
    return models.LeNet(data.classes, channels, height, dropout=0.3)


def recipe(model: str, data: Images) -> Recipe:
    """Give how to train: convolutional networks see images moved and turned a little."""
    if model == "mlp" and data.name == "digits":
        return Recipe(60, 32, 0.1, 1e-4, None, None)
    from backsweep import transforms as T

    whole = data.X.dtype == np.uint8
    scale = [T.ToTensor()] if whole else []
    prepare = T.Compose(scale)
    if model == "mlp":
        return Recipe(5, 64, 0.1, 1e-4, prepare, prepare)
    moved = T.RandomCrop(data.X.shape[2:], padding=2 if whole else 1)
    augment = T.Compose([moved, *scale, T.RandomRotation(10, T.InterpolationMode.BILINEAR)])
    lr = 0.1 if model == "resnet" else 0.05
    return Recipe(5 if whole else 30, 64 if whole else 32, lr, 5e-4, augment, prepare)


def rows(pictures: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give each image as a row of numbers, for the dense network."""
    return pictures.reshape(len(pictures), -1)


def cosine(
    optimizer: bs.optim.Optimizer, lr: float, epochs: int
) -> Callable[[int, Mapping[str, float]], None]:
    """Give the callback that lowers the rate from `lr` to 0 along half a cosine."""

    def lower(epoch: int, record: Mapping[str, float]) -> None:
        optimizer.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * (epoch + 1) / epochs)) / 2

    return lower
