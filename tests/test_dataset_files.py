"""Data sets from files: IDX, CIFAR's binary version and folders of images, broken ones, and downloads."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import sys
import tarfile
import threading
import tracemalloc
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import datasets
from backsweep.datasets import utils
from backsweep.transforms import Compose, Normalize, RandomCrop, ToTensor
from backsweep.utils.data import DataLoader

RNG = np.random.default_rng(0)
NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
TYPES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


def idx(array: np.ndarray) -> bytes:
    kind = array.dtype.str.lstrip("|")
    return struct.pack(f">HBB{array.ndim}I", 0, TYPES[kind], array.ndim, *array.shape) + array.tobytes()


def digits(n: int) -> tuple[np.ndarray, np.ndarray]:
    return RNG.integers(0, 256, (n, 28, 28)).astype(np.uint8), (np.arange(n) % 10).astype(np.uint8)


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """Files as torchvision lays them out, some of them packed."""
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for pair, n in ((NAMES[:2], 20), (NAMES[2:], 7)):
        for name, array in zip(pair, digits(n), strict=True):
            (raw / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
    images = gzip.decompress((raw / f"{NAMES[0]}.gz").read_bytes())
    (raw / NAMES[0]).write_bytes(images)
    return tmp_path / "data"


# ---- IDX -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("packed", [False, True])
def test_idx_of_every_type(kind: str, packed: bool, tmp_path: Path) -> None:
    array = RNG.integers(0, 100, (3, 2, 4)).astype(kind)
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    got = datasets.read_idx(path)
    assert got.dtype.name == np.dtype(kind).name
    np.testing.assert_array_equal(got.numpy(), array)


def test_idx_without_elements(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(idx(np.zeros((0, 28, 28), np.uint8)))
    assert datasets.read_idx(tmp_path / "x").shape == (0, 28, 28)


WHOLE = idx(np.arange(12, dtype=np.uint8).reshape(3, 4))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "begins with nothing"),
        (b"\0\0\x08", "no IDX file"),
        (b"\0\1" + WHOLE[2:], "no IDX file"),
        (b"\0\0\x07" + WHOLE[3:], "no IDX file"),
        (b"\0\0\x08\x00" + WHOLE[4:], "no IDX file"),
        (b"\0\0\x08\xff" + WHOLE[4:], "no IDX file"),
        (b"<html>404</html>", "3c 68 74 6d"),
        (WHOLE[:9], "ends in its header"),
        (WHOLE[:-1], "which it cannot hold|holds 11 bytes"),
        (WHOLE + b"\0", "holds more"),
        (struct.pack(">HBB4I", 0, 8, 4, *[2**32 - 1] * 4), "which it cannot hold"),
        (struct.pack(">HBB3I", 0, 8, 3, 0, 2**32 - 1, 2**32 - 1), "sizes that no array has"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_broken_idx(content: bytes, text: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match=rf"\[read_idx\] .*({text})"):
        datasets.read_idx(path)


def test_broken_gzip(tmp_path: Path) -> None:
    path, packed = tmp_path / "x", gzip.compress(WHOLE)
    for content in (packed[:-3], packed[:12], packed[:10] + b"\xff" * 20, packed[:-8] + b"\0" * 8):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="broken"):
            datasets.read_idx(path)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        datasets.read_idx(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        datasets.read_idx(tmp_path)


def test_a_header_costs_no_memory(tmp_path: Path) -> None:
    """A file of some bytes that states a gigabyte, within what gzip could hold."""
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(struct.pack(">HBBI", 0, 8, 1, 10**9) + b"\0" * 100) + b"")
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"cannot hold|holds"):
        datasets.read_idx(path)
    path.write_bytes(gzip.compress(struct.pack(">HBBI", 0, 8, 1, 10**9) + RNG.bytes(10**6)))
    with pytest.raises(ValueError, match=r"cannot hold|holds"):
        datasets.read_idx(path)
    assert tracemalloc.get_traced_memory()[1] < 2e7
    tracemalloc.stop()


# ---- MNIST ---------------------------------------------------------------------------------------------


def test_mnist(mnist: Path) -> None:
    train, test = datasets.MNIST(mnist), datasets.MNIST(str(mnist), train=False)
    assert (len(train), len(test)) == (20, 7)
    assert (train.data.dtype, train.data.shape) == (bs.uint8, (20, 28, 28))
    assert (train.targets.dtype, train.targets.tolist()[:3]) == (bs.int64, [0, 1, 2])
    assert train.classes[3] == "3 - three" and train.class_to_idx["9 - nine"] == 9
    Image = pytest.importorskip("PIL.Image")
    image, label = train[4]
    assert isinstance(image, Image.Image) and image.mode == "L" and type(label) is int and label == 4
    np.testing.assert_array_equal(np.asarray(image), train.data[4].numpy())
    assert repr(datasets.MNIST(mnist, transform=Compose([ToTensor()]))).splitlines() == [
        "Dataset MNIST",
        "    Number of datapoints: 20",
        f"    Root location: {mnist}",
        "    Split: Train",
        "    StandardTransform",
        "    Transform: Compose(",
        "                   ToTensor()",
        "               )",
    ]


def test_files_in_the_folder_itself(mnist: Path) -> None:
    raw = mnist / "MNIST" / "raw"
    assert len(datasets.MNIST(raw, train=False)) == 7
    assert len(datasets.FashionMNIST(raw)) == 20
    assert datasets.FashionMNIST(raw).classes[0] == "T-shirt/top"


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_are_those_of_samples(mnist: Path, shuffle: bool) -> None:
    """A loader transforms whole batches of what lies in memory; one by one it gives the same."""
    transform = Compose([ToTensor(), Normalize((0.13,), (0.3,))])
    at_once = datasets.MNIST(mnist, transform=transform)
    one_by_one = datasets.MNIST(mnist, transform=lambda image: transform(image))
    epochs = []
    for dataset in (at_once, one_by_one):
        bs.manual_seed(0)
        epochs.append(list(DataLoader(dataset, batch_size=6, shuffle=shuffle)))
    for (x, y), (want, labels) in zip(*epochs, strict=True):
        assert y.dtype == labels.dtype == bs.int64
        np.testing.assert_array_equal(y.numpy(), labels.numpy())
        np.testing.assert_allclose(x.numpy(), want.numpy(), atol=1e-7)
    part = bs.utils.data.Subset(at_once, [3, 1])
    assert next(iter(DataLoader(part, batch_size=2)))[1].tolist() == [3, 1]

    class Marked(datasets.MNIST):
        def __getitem__(self, index: Any) -> Any:
            return super().__getitem__(index)[0], 7

    class MarkedAtOnce(datasets.MNIST):
        def __getitems__(self, indices: Any) -> Any:
            return [(self[i][0], 7) for i in indices]

    for kind in (Marked, MarkedAtOnce):
        marked = kind(mnist / "MNIST" / "raw", transform=transform)
        assert next(iter(DataLoader(marked, batch_size=2)))[1].tolist() == [7, 7]


def test_augmented_batches_repeat_by_their_seed(mnist: Path) -> None:
    dataset = datasets.MNIST(mnist, transform=Compose([RandomCrop(28, padding=4), ToTensor()]))
    seen = []
    for threads in (1, 3):
        before = bs.get_num_threads()
        bs.set_num_threads(threads)
        bs.manual_seed(3)
        seen.append([x.numpy() for x, _ in DataLoader(dataset, batch_size=8, shuffle=True)])
        bs.set_num_threads(before)
    for a, b in zip(*seen, strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_pillow(mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    dataset = datasets.MNIST(mnist)
    image, _ = dataset[3]
    assert isinstance(image, np.ndarray) and image.shape == (28, 28) and image.dtype == np.uint8
    x, _ = datasets.MNIST(mnist, transform=Compose([RandomCrop(28, padding=2), ToTensor()]))[3]
    assert x.shape == (1, 28, 28)
    (tmp_path / "images" / "a").mkdir(parents=True)
    (tmp_path / "images" / "a" / "x.png").write_bytes(b"")
    with pytest.raises(ImportError, match=r"Pillow.*backsweep\[images\]"):
        datasets.ImageFolder(tmp_path / "images")[0]


def test_missing_files_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"\[MNIST\] not found: .*train-images.*download=True"):
        datasets.MNIST(tmp_path)
    with pytest.raises(RuntimeError, match=r"\[CIFAR10\] not found: .*download=True.*cifar-10-binary"):
        datasets.CIFAR10(tmp_path)
    with pytest.raises(FileNotFoundError, match="one folder of images for each class"):
        datasets.ImageFolder(tmp_path / "none")


def test_images_and_labels_go_together(mnist: Path) -> None:
    labels = mnist / "MNIST" / "raw" / f"{NAMES[1]}.gz"
    labels.write_bytes(gzip.compress(idx(np.zeros(19, np.uint8))))
    with pytest.raises(ValueError, match=r"\[MNIST\] .*no label for each of the 20 images"):
        datasets.MNIST(mnist)
    labels.write_bytes(gzip.compress(idx(np.zeros((20, 2), np.uint8))))
    with pytest.raises(ValueError, match="no label"):
        datasets.MNIST(mnist)
    (mnist / "MNIST" / "raw" / NAMES[0]).write_bytes(idx(np.zeros(20, np.uint8)))
    with pytest.raises(ValueError, match="no images"):
        datasets.MNIST(mnist)


# ---- CIFAR ---------------------------------------------------------------------------------------------


def cifar(folder: Path, hundred: bool) -> tuple[np.ndarray, np.ndarray]:
    files = (
        ["train.bin", "test.bin"]
        if hundred
        else [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    )
    classes = 100 if hundred else 10
    folder.mkdir(parents=True)
    pixels = RNG.integers(0, 256, (len(files), 4, 3, 32, 32)).astype(np.uint8)
    labels = RNG.integers(0, classes, (len(files), 4)).astype(np.uint8)
    for name, x, y in zip(files, pixels, labels, strict=True):
        coarse = np.zeros((4, int(hundred)), np.uint8)
        (folder / name).write_bytes(np.hstack([coarse, y[:, None], x.reshape(4, -1)]).tobytes())
    names = "\n".join(f"kind {i}" for i in range(classes)) + "\n\n"
    (folder / ("fine_label_names.txt" if hundred else "batches.meta.txt")).write_text(names)
    return pixels, labels


@pytest.mark.parametrize("hundred", [False, True])
def test_cifar(hundred: bool, tmp_path: Path) -> None:
    kind: Any = datasets.CIFAR100 if hundred else datasets.CIFAR10
    pixels, labels = cifar(tmp_path / kind.base_folder, hundred)
    train, test = kind(tmp_path), kind(tmp_path, train=False)
    assert train.data.dtype == np.uint8 and train.data.shape == (4 * (len(pixels) - 1), 32, 32, 3)
    np.testing.assert_array_equal(train.data.transpose(0, 3, 1, 2), pixels[:-1].reshape(-1, 3, 32, 32))
    assert train.targets == labels[:-1].ravel().tolist()
    assert test.targets == labels[-1].tolist()
    assert train.classes[1] == "kind 1" and train.class_to_idx["kind 1"] == 1
    (x, y), *_ = DataLoader(kind(tmp_path, transform=ToTensor()), batch_size=3)
    assert x.dtype == bs.float32 and y.tolist() == train.targets[:3]
    np.testing.assert_allclose(x.numpy() * 255, pixels[0][:3], atol=1e-4)
    broken = tmp_path / kind.base_folder / kind.train_list[0]
    broken.write_bytes(broken.read_bytes()[:-1])
    with pytest.raises(ValueError, match="no whole number of records"):
        kind(tmp_path)


# ---- Folders -------------------------------------------------------------------------------------------


def test_image_folder(tmp_path: Path) -> None:
    Image = pytest.importorskip("PIL.Image")
    for name in ("b/two.PNG", "b/deep/er/one.png", "a/x.bmp"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 5), len(name), np.uint8)).save(path)
    (tmp_path / "a" / "notes.txt").write_text("none")
    data = datasets.ImageFolder(tmp_path, transform=ToTensor())
    assert data.classes == ["a", "b"] and data.class_to_idx == {"a": 0, "b": 1}
    assert [Path(path).name for path, _ in data.samples] == ["x.bmp", "two.PNG", "one.png"]
    assert data.targets == [0, 1, 1] and data.imgs is data.samples
    x, label = data[0]
    assert x.shape == (3, 4, 5) and label == 0
    assert [y.tolist() for _, y in DataLoader(data, batch_size=2)] == [[0, 1], [1]]
    (tmp_path / "c").mkdir()
    with pytest.raises(FileNotFoundError, match="'c'"):
        datasets.ImageFolder(tmp_path)
    assert len(datasets.ImageFolder(tmp_path, allow_empty=True)) == 3
    files = datasets.DatasetFolder(tmp_path, str.upper, ["txt"], allow_empty=True)
    assert [(Path(sample).name, label) for sample, label in files] == [("NOTES.TXT", 0)]


@pytest.mark.filterwarnings("ignore:Image size")
def test_images_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image = pytest.importorskip("PIL.Image")
    path = tmp_path / "a" / "x.png"
    path.parent.mkdir()
    Image.fromarray(RNG.integers(0, 256, (40, 50, 3)).astype(np.uint8)).save(path)
    data, whole = datasets.ImageFolder(tmp_path), path.read_bytes()
    for content in (b"", b"no image", whole[: len(whole) // 2], whole[:40] + bytes(200) + whole[240:]):
        path.write_bytes(content)
        with pytest.raises(OSError, match=rf"^\[ImageFolder\] Pillow cannot read {path}: "):
            data[0]
    path.write_bytes(whole)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    with pytest.raises(OSError, match=rf"Pillow cannot read {path}: .*pixels"):
        data[0]
    path.unlink()
    with pytest.raises(FileNotFoundError, match=str(path)):
        data[0]


# ---- Downloads, from a server of our own ---------------------------------------------------------------


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}/", folder
        made.shutdown()
        thread.join()


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def test_mnist_is_fetched_once(
    server: tuple[str, Path], mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = server
    resources = []
    for name in NAMES:
        content = (mnist / "MNIST" / "raw" / f"{name}.gz").read_bytes()
        (folder / f"{name}.gz").write_bytes(content)
        resources.append((f"{name}.gz", md5(content)))
    monkeypatch.setattr(datasets.MNIST, "mirrors", (f"{url}none/", url))  # the first has nothing
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    root = tmp_path / "fetched"
    assert len(datasets.MNIST(root, download=True)) == 20
    assert sorted(path.name for path in (root / "MNIST" / "raw").iterdir()) == sorted(n for n, _ in resources)
    for path in folder.iterdir():
        path.unlink()
    assert len(datasets.MNIST(root, train=False, download=True)) == 7  # nothing is asked for again


def test_names_that_are_no_files_are_refused(tmp_path: Path) -> None:
    for name in ("..", ".", "../x", "/x"):
        with pytest.raises(ValueError, match="the name of a file"):
            utils.download_url("http://127.0.0.1:9/y", tmp_path, name)
    with pytest.raises(ValueError, match="url is empty"):
        utils.download_url([], tmp_path)


def test_what_was_not_published_is_not_kept(server: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = server
    (folder / "x.gz").write_bytes(b"something else")
    with pytest.raises(RuntimeError, match=r"x\.gz could not be fetched .*MD5.*by hand"):
        utils.download_url(f"{url}x.gz", tmp_path / "root", md5="0" * 32)
    with pytest.raises(RuntimeError, match="404"):
        utils.download_url(f"{url}y.gz", tmp_path / "root")
    with pytest.raises(RuntimeError, match="refused"):
        utils.download_url("http://127.0.0.1:1/x.gz", tmp_path / "root")
    assert list((tmp_path / "root").iterdir()) == []
    with pytest.raises(ValueError, match="filename"):
        utils.download_url(url, tmp_path, filename="../x")


def test_a_connection_that_ends_early(tmp_path: Path) -> None:
    class Short(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 10)

    with ThreadingHTTPServer(("127.0.0.1", 0), Short) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        with pytest.raises(RuntimeError, match="could not be fetched"):
            utils.download_url(f"http://127.0.0.1:{made.server_port}/x.bin", tmp_path / "root")
        made.shutdown()
        thread.join()
    assert list((tmp_path / "root").iterdir()) == []


def test_cifar_is_fetched(server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, folder = server
    cifar(tmp_path / "made" / "cifar-10-batches-bin", False)
    with tarfile.open(folder / "c.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "made" / "cifar-10-batches-bin", "cifar-10-batches-bin")
    monkeypatch.setattr(datasets.CIFAR10, "url", f"{url}c.tar.gz")
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5((folder / "c.tar.gz").read_bytes()))
    assert len(datasets.CIFAR10(tmp_path / "root", download=True)) == 20


def test_archives_stay_in_their_folder(tmp_path: Path) -> None:
    for name in ("../evil", "/evil", "a/../../evil", "..\\evil"):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr("fine", "y")
            archive.writestr(name, "y")
        with tarfile.open(tmp_path / "x.tar", "w") as tar:
            member = tarfile.TarInfo(name)
            member.size = 1
            tar.addfile(member, io.BytesIO(b"y"))
        for kind in ("zip", "tar"):
            with pytest.raises(ValueError, match="would lie outside"):
                utils.extract_archive(tmp_path / f"x.{kind}", tmp_path / "out" / "in")
    with tarfile.open(tmp_path / "link.tar", "w") as tar:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(ValueError, match="no plain file"):
        utils.extract_archive(tmp_path / "link.tar", tmp_path / "out")
    assert not list(tmp_path.glob("**/*evil*"))
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 nothing")
    (tmp_path / "broken.tar").write_bytes(b"nothing")
    for name in ("broken.zip", "broken.tar"):
        with pytest.raises(ValueError, match="broken") as caught:
            utils.extract_archive(tmp_path / name)
        assert "\n" not in str(caught.value)
    with zipfile.ZipFile(tmp_path / "locked.zip", "w") as archive:
        archive.writestr("x", "y")
    packed = bytearray((tmp_path / "locked.zip").read_bytes())
    for change, place in ((1, 8), (96, 10)):  # encrypted; packed in a way that is not known
        content = bytearray(packed)
        content[packed.index(b"PK\1\2") + place] = content[place - 2] = change
        (tmp_path / "locked.zip").write_bytes(content)
        with pytest.raises(ValueError, match=r"locked\.zip cannot be read"):
            utils.extract_archive(tmp_path / "locked.zip")
    with pytest.raises(ValueError, match="no archive known"):
        utils.extract_archive(tmp_path / "x.rar")
