"""Data sets of images: what they have in common."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from backsweep import _core
from backsweep._core import Tensor
from backsweep._gather import table
from backsweep.utils.data import Dataset

__all__ = ["StandardTransform", "VisionDataset"]

Transform = Callable[[Any], Any]


class VisionDataset(Dataset[Any]):
    """A data set of images in a folder; a subclass gives samples and their number.

    Parameters
    ----------
    root : path
        The folder.
    transforms : callable, optional
        From an image and its target to both.
    transform : callable, optional
        From an image to what a sample has in its place.
    target_transform : callable, optional
        The same for targets.

    Raises
    ------
    ValueError
        If `transforms` is given beside one of the others.
    """

    _repr_indent = 4

    def __init__(
        self,
        root: str | os.PathLike[str],
        transforms: Callable[[Any, Any], Any] | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        self.root = os.path.expanduser(os.fspath(root))
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError(
                f"[{type(self).__name__}] transforms changes images and targets: leave transform and "
                "target_transform out"
            )
        self.transform, self.target_transform = transform, target_transform
        if transform is not None or target_transform is not None:
            transforms = StandardTransform(transform, target_transform)
        self.transforms = transforms

    def __len__(self) -> int:
        raise NotImplementedError(f"[{type(self).__name__}] has no __len__(self), the number of samples")

    def _sample(self, image: Any, target: Any) -> tuple[Any, Any]:
        """Give a sample as the transforms make it."""
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def extra_repr(self) -> str:
        """Give a subclass's own lines of the text."""
        return ""

    def __repr__(self) -> str:
        body = [f"Number of datapoints: {len(self)}", f"Root location: {self.root}"]
        body += self.extra_repr().splitlines()
        if self.transforms is not None:
            body += repr(self.transforms).splitlines()
        return "\n".join([f"Dataset {type(self).__name__}", *(" " * self._repr_indent + one for one in body)])


class StandardTransform:
    """A transform of images and one of targets, as one of both.

    Parameters
    ----------
    transform, target_transform : callable, optional
    """

    def __init__(self, transform: Transform | None = None, target_transform: Transform | None = None) -> None:
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        """Give both, transformed."""
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    def __repr__(self) -> str:
        body = ["StandardTransform"]
        for name, one in (("Transform", self.transform), ("Target transform", self.target_transform)):
            if one is not None:
                first, *rest = repr(one).splitlines()
                body += [f"{name}: {first}", *(" " * (len(name) + 2) + line for line in rest)]
        return "\n".join(body)


class ImagesInMemory(VisionDataset):
    """Images that lie in one array.

    A sample's image is a Pillow image or, without Pillow, the array. A `DataLoader` makes whole batches where
    the transform gives for them what it gives for single images, up to its random numbers.
    """

    data: Any
    targets: Any

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        return self._sample(as_image(np.asarray(self.data[index])), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    def _gatherer(self) -> Callable[[Tensor], Any] | None:
        """Give the function of an index tensor to a batch, or None where samples are made one by one."""
        from backsweep.transforms.composed import takes_batches  # whoever has a transform has imported it

        kind = type(self)
        own = kind.__getitem__ is ImagesInMemory.__getitem__ and not hasattr(kind, "__getitems__")
        if not (own and self.target_transform is None and takes_batches(self.transform)):
            return None
        images, targets = table(self.data), _core.as_tensor(self.targets, dtype=_core.int64)
        transform = self.transform
        assert transform is not None  # it takes batches

        def batch(index: Tensor) -> list[Tensor]:
            rows = images[index]
            return [transform(rows[:, None] if rows.ndim == 3 else rows.movedim(3, 1)), targets[index]]

        return batch


def as_image(pixels: npt.NDArray[np.uint8]) -> Any:
    """Give uint8 pixels, (H, W) or (H, W, 3), as a Pillow image, or as they are without Pillow."""
    try:
        from PIL import Image
    except ImportError:
        return pixels
    return Image.fromarray(pixels)


def not_found(name: str, places: list[str], how: str) -> RuntimeError:
    """Give the error of files that are missing."""
    return RuntimeError(f"[{name}] not found: {' or '.join(places)}; {how}")
