"""CIFAR-10 and CIFAR-100, from their binary version.

A file is a sequence of records: one label byte (of CIFAR-100 two: coarse and fine), then 3072 pixels, the red
ones row by row, the green ones and the blue ones. Source: A. Krizhevsky (2009), Learning Multiple Layers of
Features from Tiny Images, https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from backsweep.datasets.utils import download_and_extract_archive
from backsweep.datasets.vision import ImagesInMemory, not_found

__all__ = ["CIFAR10", "CIFAR100"]

_SIDE = 32
_PIXELS = 3 * _SIDE * _SIDE


class CIFAR10(ImagesInMemory):
    """60,000 colour images of ten kinds, 32 x 32 pixels.

    Parameters
    ----------
    root : path
        The folder that holds `cifar-10-batches-bin`: the binary version, which runs no code as pickles do.
    train : bool, default True
        Whether to read the 50,000 images for training, or the 10,000 for tests.
    transform : callable, optional
        From an image (Pillow's, or without Pillow a uint8 array (32, 32, 3)) to what a sample has in its
        place.
    target_transform : callable, optional
        The same for labels.
    download : bool, default False
        Whether to fetch the archive, which is checked, where files are missing.

    Attributes
    ----------
    data : numpy.ndarray, uint8, shape (n, 32, 32, 3)
    targets : list of int
    classes : list of str
    class_to_idx : dict

    Raises
    ------
    RuntimeError
        If files are missing, or cannot be fetched; the text says where to put them.
    ValueError
        If a file is broken.

    Examples
    --------
    >>> photos = CIFAR10("data", train=True, download=True)
    >>> X = photos.data.transpose(0, 3, 1, 2)  # (50000, 3, 32, 32), for bs.fit
    """

    base_folder = "cifar-10-batches-bin"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    filename = "cifar-10-binary.tar.gz"
    tgz_md5 = "c32a1d4ab5d03f1284b67883e8d87530"
    train_list: tuple[str, ...] = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
    test_list: tuple[str, ...] = ("test_batch.bin",)
    names = "batches.meta.txt"
    label_bytes = 1
    data: npt.NDArray[np.uint8]
    targets: list[int]

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        with open(self._place(self.names), encoding="ascii", errors="replace") as file:
            self.classes = [line.strip() for line in file if line.strip()]
        records = [self._records(name) for name in (self.train_list if train else self.test_list)]
        joined = np.concatenate(records)
        images = joined[:, self.label_bytes :].reshape(-1, 3, _SIDE, _SIDE)
        self.data = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        self.targets = joined[:, self.label_bytes - 1].tolist()
        if max(self.targets) >= len(self.classes):
            raise ValueError(
                f"[{type(self).__name__}] a label is {max(self.targets)}, of {len(self.classes)} classes"
            )

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: i for i, name in enumerate(self.classes)}

    def download(self) -> None:
        """Fetch the archive, if files are missing."""
        names = (self.names, *self.train_list, *self.test_list)
        if not all(os.path.isfile(os.path.join(self.root, self.base_folder, name)) for name in names):
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.tgz_md5)

    def _place(self, name: str) -> str:
        place = os.path.join(self.root, self.base_folder, name)
        if not os.path.isfile(place):
            raise not_found(
                type(self).__name__,
                [place],
                f"download=True fetches it, or extract {self.url} in {self.root} (the binary version, and "
                "not that of pickles)",
            )
        return place

    def _records(self, name: str) -> npt.NDArray[np.uint8]:
        place, record = self._place(name), self.label_bytes + _PIXELS
        size = os.path.getsize(place)
        if size == 0 or size % record:
            raise ValueError(
                f"[{type(self).__name__}] {place} has {size} bytes: no whole number of records of {record}"
            )
        return np.fromfile(place, np.uint8).reshape(-1, record)

    def extra_repr(self) -> str:
        """Say which part it is."""
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """60,000 colour images of a hundred kinds, 32 x 32 pixels, with their fine labels.

    Arguments and attributes are those of `CIFAR10`; the folder is `cifar-100-binary`.
    """

    base_folder = "cifar-100-binary"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"
    filename = "cifar-100-binary.tar.gz"
    tgz_md5 = "03b5dce01913d631647c71ecec9e9cb8"
    train_list = ("train.bin",)
    test_list = ("test.bin",)
    names = "fine_label_names.txt"
    label_bytes = 2
