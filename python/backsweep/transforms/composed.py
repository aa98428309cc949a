"""Transforms made of others, and those between kinds of images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from backsweep._arguments import shown
from backsweep._core import DType, Tensor
from backsweep.nn import Module, ModuleList
from backsweep.transforms import _batches
from backsweep.transforms import functional as F
from backsweep.transforms.base import draw, is_batch, number_of, probability
from backsweep.transforms.boxes import RandomErasing
from backsweep.transforms.geometry import (
    CenterCrop,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomVerticalFlip,
)

__all__ = [
    "Compose",
    "ConvertImageDtype",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "RandomApply",
    "RandomChoice",
    "ToPILImage",
    "ToTensor",
    "takes_batches",
]


class Compose:
    """Transforms one after the other.

    Parameters
    ----------
    transforms : sequence of callable

    Examples
    --------
    >>> augment = Compose([RandomCrop(32, padding=4), RandomHorizontalFlip(), ToTensor()])
    >>> augment(photos)  # uint8 (N, 3, 32, 32): each photo by random numbers of its own
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        """Give the image, transformed."""
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}(", *(f"    {one}" for one in self.transforms), ")"])


class ToTensor:
    """Give a Pillow image, or array (H, W, C), as a tensor (C, H, W), uint8 divided by 255.

    uint8 tensors, also batches, are divided too; other dtypes stay as they are.
    """

    def __call__(self, pic: Any) -> Tensor:
        """Give the image, transformed."""
        return F.to_tensor(pic)

    def __repr__(self) -> str:
        return "ToTensor()"


class PILToTensor:
    """Give a Pillow image, or array (H, W, C), as a tensor (C, H, W) of the same dtype."""

    def __call__(self, pic: Any) -> Tensor:
        """Give the image, transformed."""
        return pic if isinstance(pic, Tensor) else F.pil_to_tensor(pic)

    def __repr__(self) -> str:
        return "PILToTensor()"


class ToPILImage:
    """Give a tensor (C, H, W), or array (H, W, C), as a Pillow image.

    Parameters
    ----------
    mode : str, optional
        Pillow's mode; by default by the number of channels and the dtype.
    """

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        """Give the image, transformed."""
        return F.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"ToPILImage({'' if self.mode is None else f'mode={self.mode}'})"


class ConvertImageDtype(Module):
    """Give a tensor in another dtype, with its range: of floats 0 to 1, of integers 0 to their largest.

    Parameters
    ----------
    dtype : dtype
    """

    def __init__(self, dtype: DType) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        """Give the tensor in the dtype."""
        return F.convert_image_dtype(image, self.dtype)


class Normalize(Module):
    """Give (x - mean) / std, for each channel.

    Parameters
    ----------
    mean, std : sequence of float
        One number for each channel.
    inplace : bool, default False
        Whether to write into the tensor.

    Examples
    --------
    >>> Normalize((0.1307,), (0.3081,))  # MNIST
    """

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, tensor: Tensor) -> Tensor:
        """Give the tensor (..., C, H, W), float, so."""
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"


class Lambda:
    """A function as a transform.

    Parameters
    ----------
    lambd : callable

    Raises
    ------
    TypeError
        If it is no function.
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"[Lambda] lambd is {shown(lambd)}; it must be a function")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        """Give the image, transformed."""
        return self.lambd(img)

    def __repr__(self) -> str:
        return "Lambda()"


class RandomApply(Module):
    """Transforms one after the other at probability p, or none of them.

    Parameters
    ----------
    transforms : sequence of callable, or ModuleList
        For batches they must keep the shape and the dtype.
    p : float, default 0.5
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]] | ModuleList, p: float = 0.5) -> None:
        super().__init__()
        self.transforms, self.p = transforms, probability("RandomApply", p)

    def forward(self, img: Any) -> Any:
        """Give the image as it is, or transformed."""
        apply = draw(number_of(img)) < self.p
        if not is_batch(img) and not bool(apply):
            return img
        made = img
        for transform in self.transforms:
            made = transform(made)
        return _batches.chosen(apply, made, img) if is_batch(img) else made

    def __repr__(self) -> str:
        return "\n".join(["RandomApply(", f"    p={self.p}", *(f"    {t}" for t in self.transforms), ")"])


class RandomChoice:
    """One of some transforms.

    Parameters
    ----------
    transforms : sequence of callable
        For batches they must give tensors of one shape and dtype.
    p : sequence of float, optional
        How probable each is, up to a factor; all alike if left out.

    Raises
    ------
    ValueError
        If there are not as many numbers as transforms.
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]], p: Sequence[float] | None = None) -> None:
        if p is not None and len(p) != len(transforms):
            raise ValueError(f"[RandomChoice] p has {len(p)} numbers for {len(transforms)} transforms")
        self.transforms, self.p = transforms, p

    def _ends(self) -> Iterator[float]:
        shares = [1.0] * len(self.transforms) if self.p is None else [float(p) for p in self.p]
        end = 0.0
        for share in shares:
            end += share / sum(shares)
            yield end

    def __call__(self, img: Any) -> Any:
        """Give the image, transformed."""
        u = draw(number_of(img))
        if not is_batch(img):
            place = float(u)
            which = next((i for i, end in enumerate(self._ends()) if place < end), -1)
            return self.transforms[which](img)
        made = None
        for transform, end in reversed(list(zip(self.transforms, self._ends(), strict=True))):
            one = transform(img)
            made = one if made is None else _batches.chosen(u < end, one, made)
        return made

    def __repr__(self) -> str:
        return "\n".join(["RandomChoice(", *(f"    {one}" for one in self.transforms), f")(p={self.p})"])


# Those that make of a batch of tensors what they make of its images, Pillow's too, one by one.
_ALIKE = (
    *(CenterCrop, Pad, RandomCrop, RandomErasing, RandomHorizontalFlip, RandomVerticalFlip),
    *(ToTensor, PILToTensor, ConvertImageDtype, Normalize),
)


def takes_batches(transform: Any) -> bool:
    """Say whether `transform` gives tensors, and for a batch what it gives for single images."""
    each = list(transform.transforms) if type(transform) is Compose else [transform]
    known = all(type(one) in _ALIKE for one in each)
    return known and any(type(one) in (ToTensor, PILToTensor) for one in each)
