"""MNIST and its kin, and the files that they come in: IDX, plain or in gzip.

An IDX file is two zero bytes, a byte for the type, one for the number of axes, the sizes as big-endian
32-bit numbers, and the elements. Source: http://yann.lecun.com/exdb/mnist (Y. LeCun, C. Cortes, C. Burges).
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar, cast

import numpy as np

from backsweep import _core
from backsweep._core import Tensor
from backsweep._files import regular
from backsweep.datasets.utils import download_url
from backsweep.datasets.vision import ImagesInMemory, not_found

__all__ = ["KMNIST", "MNIST", "FashionMNIST", "read_idx"]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_AXES = 8
_MOST_ELEMENTS = 2**48  # were none of the sizes 0; NumPy has a bound of its own
_DEFLATE = 1032  # the most bytes that one byte of gzip gives
_BLOCK = 1 << 20


def read_idx(path: str | os.PathLike[str]) -> Tensor:
    """Read an IDX file, plain or in gzip.

    Parameters
    ----------
    path : path
        The file; what it is in is seen from its first bytes.

    Returns
    -------
    Tensor
        Of the shape and type that the file states: uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no IDX file, ends too early, holds more than it states, or is broken. No more memory is used
        than what it really holds.

    Examples
    --------
    >>> read_idx("train-images-idx3-ubyte.gz").shape
    (60000, 28, 28)
    """
    place = regular(path, "read_idx")
    size = os.path.getsize(place)
    try:
        with open(place, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not packed:
                return _parse(raw, place, size)
            with gzip.GzipFile(fileobj=raw) as file:
                return _parse(cast("IO[bytes]", file), place, size * _DEFLATE)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"[read_idx] {place} is broken: {error}") from error


def _parse(file: IO[bytes], place: str, most: int) -> Tensor:
    """Read from the start; `most` bytes is what the file can hold at best."""
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES or not 0 < head[3] <= _MOST_AXES:
        raise ValueError(
            f"[read_idx] {place} is no IDX file: it begins with {head.hex(' ') or 'nothing'}, and not with "
            "00 00, a type and a number of axes"
        )
    dtype, axes = np.dtype(_TYPES[head[2]]), head[3]
    sizes = file.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise ValueError(f"[read_idx] {place} ends in its header")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > most:
        raise ValueError(f"[read_idx] {place} states {shape}, {wanted} bytes, which it cannot hold")
    if math.prod(max(1, size) for size in shape) > _MOST_ELEMENTS:
        raise ValueError(f"[read_idx] {place} states {shape}, sizes that no array has")
    data = bytearray()
    while len(data) < wanted and (block := file.read(min(_BLOCK, wanted - len(data)))):
        data += block
    if len(data) < wanted or file.read(1):
        what = f"{len(data)} bytes" if len(data) < wanted else "more"
        raise ValueError(f"[read_idx] {place} states {shape}, {wanted} bytes, and holds {what}")
    array = np.frombuffer(data, dtype).reshape(shape)
    return _core.from_numpy(array.astype(dtype.newbyteorder("="), copy=False))


class MNIST(ImagesInMemory):
    """70,000 grey images of handwritten digits, 28 x 28 pixels.

    Parameters
    ----------
    root : path
        The folder that holds `MNIST/raw`, as torchvision lays it out, or the files themselves: IDX files,
        plain or in gzip.
    train : bool, default True
        Whether to read the 60,000 images for training, or the 10,000 for tests.
    transform : callable, optional
        From an image (Pillow's, or without Pillow a uint8 array (28, 28)) to what a sample has in its place.
    target_transform : callable, optional
        The same for labels.
    download : bool, default False
        Whether to fetch the files, which are checked, where they are missing.

    Attributes
    ----------
    data : Tensor, uint8, shape (n, 28, 28)
        From 0 (paper) to 255 (ink).
    targets : Tensor, int64, shape (n,)
    classes : list of str
    class_to_idx : dict

    Raises
    ------
    RuntimeError
        If files are missing, or cannot be fetched; the text says where to put them.
    ValueError
        If a file is broken, or images and labels do not go together.

    Notes
    -----
    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998), Gradient-Based Learning Applied to Document
    Recognition, Proceedings of the IEEE 86.

    Examples
    --------
    >>> digits = MNIST("data", train=True, transform=ToTensor(), download=True)
    >>> bs.fit(model, digits.data[:, None], digits.targets, transform=ToTensor())
    """

    mirrors: tuple[str, ...] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    )
    resources = (
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    )
    classes: ClassVar[list[str]] = [
        *("0 - zero", "1 - one", "2 - two", "3 - three", "4 - four"),
        *("5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine"),
    ]
    data: Tensor
    targets: Tensor

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
        names = [Path(name).stem for name, _ in self.resources]
        images, labels = (self._place(name) for name in (names[:2] if train else names[2:]))
        self.data, targets = read_idx(images), read_idx(labels)
        if self.data.ndim != 3 or self.data.dtype != _core.uint8:
            raise ValueError(f"[{type(self).__name__}] {images} holds {_what(self.data)}, and no images")
        if targets.shape != self.data.shape[:1] or targets.dtype != _core.uint8:
            raise ValueError(
                f"[{type(self).__name__}] {labels} holds {_what(targets)}: no label for each of the "
                f"{self.data.shape[0]} images"
            )
        self.targets = targets.to(_core.int64)

    @property
    def raw_folder(self) -> str:
        """Where files are fetched to."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: i for i, name in enumerate(self.classes)}

    def download(self) -> None:
        """Fetch the files that are missing."""
        for name, md5 in self.resources:
            if self._found(Path(name).stem) is None:
                urls = [mirror + name for mirror in self.mirrors]
                download_url(urls, self.raw_folder, name, md5)

    def _found(self, name: str) -> str | None:
        places = (os.path.join(folder, name) for folder in (self.raw_folder, self.root))
        return next((p for place in places for p in (place, f"{place}.gz") if os.path.isfile(p)), None)

    def _place(self, name: str) -> str:
        found = self._found(name)
        if found is None:
            files = " and ".join(one for one, _ in self.resources)
            raise not_found(
                type(self).__name__,
                [os.path.join(folder, name) for folder in (self.raw_folder, self.root)],
                f"download=True fetches it, or put {files} from {self.mirrors[0]} there",
            )
        return found

    def extra_repr(self) -> str:
        """Say which part it is."""
        return f"Split: {'Train' if self.train else 'Test'}"


def _what(x: Tensor) -> str:
    return f"{x.dtype.name} {x.shape}"


class FashionMNIST(MNIST):
    """70,000 grey images of clothes, 28 x 28 pixels; arguments and attributes are those of `MNIST`.

    Source: H. Xiao, K. Rasul, R. Vollgraf (2017), Fashion-MNIST, https://arxiv.org/abs/1708.07747.
    """

    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    resources = (
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    )
    classes: ClassVar[list[str]] = [
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ]


class KMNIST(MNIST):
    """70,000 grey images of handwritten Kanji of ten kinds; arguments and attributes are those of `MNIST`.

    Source: T. Clanuwat et al. (2018), Deep Learning for Classical Japanese Literature,
    https://arxiv.org/abs/1812.01718.
    """

    mirrors = ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    resources = (
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    )
    classes: ClassVar[list[str]] = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
