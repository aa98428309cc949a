"""Folders of files, one folder for each class."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from backsweep.datasets.vision import VisionDataset

__all__ = [
    "IMG_EXTENSIONS",
    "DatasetFolder",
    "ImageFolder",
    "default_loader",
    "is_image_file",
    "make_dataset",
]

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")

Loader = Callable[[str], Any]


def is_image_file(filename: str) -> bool:
    """Say whether the name `filename` ends as those of images do."""
    return filename.lower().endswith(IMG_EXTENSIONS)


def default_loader(path: str) -> Any:
    """Read the image file at `path` by Pillow, as RGB.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    OSError
        If there is no such file, or Pillow cannot read it; the text names it.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise ImportError(
            f"[ImageFolder] Pillow, which reads {os.path.basename(path)}, is not installed: "
            "pip install 'backsweep[images]', or give a loader"
        ) from None
    with open(path, "rb") as file:
        try:
            with Image.open(file) as image:
                return image.convert("RGB")
        except MemoryError:
            raise
        except Exception as error:  # decoders raise SyntaxError, ValueError, IndexError, ... and name no file
            what = "of no kind that it knows" if isinstance(error, UnidentifiedImageError) else str(error)
            raise OSError(f"[ImageFolder] Pillow cannot read {path}: {what}") from error


def make_dataset(
    directory: str | os.PathLike[str],
    class_to_idx: dict[str, int] | None = None,
    extensions: str | Sequence[str] | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> list[tuple[str, int]]:
    """Give (path, class) of each file in the folders of classes, in the order of their names.

    Parameters
    ----------
    directory : path
        Holds a folder for each class, whose files may lie deeper.
    class_to_idx : dict, optional
        The number of each class; the folders in the order of their names if left out.
    extensions : str or sequence of str, optional
        How names of files end that count, in lower case.
    is_valid_file : callable, optional
        Says of a path whether it counts, instead of `extensions`.
    allow_empty : bool, default False
        Whether a class may have no file.

    Raises
    ------
    ValueError
        If both or none of `extensions` and `is_valid_file` are given.
    FileNotFoundError
        If there is no folder, or a class has no file.
    """
    root = os.path.expanduser(os.fspath(directory))
    if class_to_idx is None:
        class_to_idx = _classes(root)[1]
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("[make_dataset] give either extensions or is_valid_file")
    ends = (extensions,) if isinstance(extensions, str) else tuple(extensions or ())
    counts = is_valid_file or (lambda path: path.lower().endswith(ends))
    found: list[tuple[str, int]] = []
    empty = []
    for name in sorted(class_to_idx):
        before = len(found)
        for folder, _, files in sorted(os.walk(os.path.join(root, name), followlinks=True)):
            paths = (os.path.join(folder, file) for file in sorted(files))
            found += [(path, class_to_idx[name]) for path in paths if counts(path)]
        if len(found) == before:
            empty.append(name)
    if empty and not allow_empty:
        what = f" that ends with {', '.join(ends)}" if ends else " that counts"
        raise FileNotFoundError(
            f"[make_dataset] no file{what} in {root} for {', '.join(map(repr, empty))}: leave the folder "
            "out, or give allow_empty=True"
        )
    return found


def _classes(directory: str) -> tuple[list[str], dict[str, int]]:
    if not os.path.isdir(directory):
        raise FileNotFoundError(
            f"[ImageFolder] there is no folder {directory}; it must hold one folder of images for each class"
        )
    names = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not names:
        raise FileNotFoundError(
            f"[ImageFolder] {directory} holds no folder; it must hold one folder of images for each class"
        )
    return names, {name: i for i, name in enumerate(names)}


class DatasetFolder(VisionDataset):
    """Files in one folder for each class: `root/dog/one.ext`, `root/cat/more/two.ext`.

    Parameters
    ----------
    root : path
        The folder of folders.
    loader : callable
        From a path to a sample.
    extensions : sequence of str, optional
        How names of files end that count.
    transform, target_transform : callable, optional
        From a sample, and from a class number, to what is given in their place.
    is_valid_file : callable, optional
        Says of a path whether it counts, instead of `extensions`.
    allow_empty : bool, default False
        Whether a class may have no file.

    Attributes
    ----------
    classes : list of str
        The names of the folders, in their order.
    class_to_idx : dict
    samples : list of (str, int)
    targets : list of int

    Raises
    ------
    FileNotFoundError
        If there is no folder, or a class has no file.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        loader: Loader,
        extensions: Sequence[str] | None = None,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = make_dataset(self.root, self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.loader, self.extensions = loader, extensions
        self.targets = [target for _, target in self.samples]

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        """Give the names of the classes in `directory` and their numbers; a subclass may state others."""
        return _classes(directory)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._sample(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images in one folder for each class: `root/dog/one.png`, `root/cat/more/two.jpg`.

    Parameters
    ----------
    root : path
        The folder of folders.
    transform, target_transform : callable, optional
        From an image (Pillow's, RGB), and from a class number, to what is given in their place.
    loader : callable, optional
        From a path to an image; by default Pillow (`pip install 'backsweep[images]'`).
    is_valid_file : callable, optional
        Says of a path whether it counts; by default what ends as names of images do.
    allow_empty : bool, default False
        Whether a class may have no image.

    Attributes
    ----------
    classes : list of str
        The names of the folders, in their order.
    class_to_idx : dict
    samples, imgs : list of (str, int)
    targets : list of int

    Raises
    ------
    FileNotFoundError
        If there is no folder, or a class has no image.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        loader: Loader = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples
