"""Transforms that move pixels: crops, mirrors, sizes, rotations, boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._arguments import number, one_of
from backsweep._core import ShapeError, Tensor
from backsweep.nn import Module
from backsweep.transforms import _batches, _pillow
from backsweep.transforms import functional as F
from backsweep.transforms.base import (
    InterpolationMode,
    draw,
    interpolation_of,
    number_of,
    on_images,
    probability,
)

__all__ = [
    "CenterCrop",
    "Pad",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "places",
]


class Resize(Module):
    """Bring images to another size.

    Parameters
    ----------
    size : int or (height, width)
        One number is the new size of the shorter side; the other keeps the proportions.
    interpolation, max_size, antialias
        As of `functional.resize`.
    """

    def __init__(
        self,
        size: Any,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = interpolation_of("Resize", interpolation)
        if size is not None:
            F.pair("Resize", "size", size)

    def forward(self, img: Any) -> Any:
        """Give the image in that size."""
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        return (
            f"Resize(size={self.size}, interpolation={self.interpolation.value}, max_size={self.max_size}, "
            f"antialias={self.antialias})"
        )


class CenterCrop(Module):
    """Cut the middle out of images; what lies outside of them is 0.

    Parameters
    ----------
    size : int or (height, width)
    """

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = F.pair("CenterCrop", "size", size)

    def forward(self, img: Any) -> Any:
        """Give the middle."""
        return F.center_crop(img, self.size)

    def __repr__(self) -> str:
        return f"CenterCrop(size={self.size})"


class Pad(Module):
    """Put pixels around images.

    Parameters
    ----------
    padding, fill, padding_mode
        As of `functional.pad`.
    """

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        F.sides("Pad", padding)
        self.padding, self.fill = padding, fill
        self.padding_mode = one_of("Pad", "padding_mode", padding_mode, F.PADDING_MODES)

    def forward(self, img: Any) -> Any:
        """Give the larger image."""
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return f"Pad(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode})"


class RandomCrop(Module):
    """Cut a box out of each image, at a place drawn for each.

    Parameters
    ----------
    size : int or (height, width)
    padding : int or sequence of int, optional
        What is put around the images before, as of `Pad`.
    pad_if_needed : bool, default False
        Whether images smaller than the box are padded until they are not.
    fill, padding_mode
        As of `Pad`.

    Raises
    ------
    ShapeError
        When called, if an image is smaller than the box.
    """

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = F.pair("RandomCrop", "size", size)
        if padding is not None:
            F.sides("RandomCrop", padding)
        self.padding, self.pad_if_needed, self.fill = padding, pad_if_needed, fill
        self.padding_mode = one_of("RandomCrop", "padding_mode", padding_mode, F.PADDING_MODES)

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Draw a box of a size in an image: top, left, height, width."""
        top, left = _corner(img, output_size, 1)
        return int(top), int(left), *output_size

    def forward(self, img: Any) -> Any:
        """Give the box."""
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        height, width = self.size
        if self.pad_if_needed:
            _, rows, columns = F.get_dimensions(img)
            around = [max(0, width - int(columns)), max(0, height - int(rows))]
            if any(around):
                img = F.pad(img, around, self.fill, self.padding_mode)
        top, left = _corner(img, self.size, number_of(img))
        return on_images(
            "RandomCrop",
            img,
            lambda x: _batches.crop(x, top, left, height, width),
            lambda image: _pillow.crop(image, int(top), int(left), height, width),
        )

    def __repr__(self) -> str:
        return f"RandomCrop(size={self.size}, padding={self.padding})"


def _corner(img: Any, size: tuple[int, int], n: Any) -> tuple[Tensor, Tensor]:
    _, height, width = F.get_dimensions(img)
    if size[0] > height or size[1] > width:
        raise ShapeError(
            f"[RandomCrop] the box {size} is larger than the image, {(int(height), int(width))}: give "
            "padding, or pad_if_needed=True"
        )
    return places(n, height - size[0]), places(n, width - size[1])


def places(n: Any, last: Any) -> Tensor:
    """Draw n whole numbers from 0 to last, one number or a tensor."""
    drawn: Tensor = draw(n) * (last + 1)
    return drawn.floor().to(_core.int64)


class _Flip(Module):
    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = probability(type(self).__name__, p)

    def _flipped(self, img: Any, axis: int) -> Any:
        mirrored = draw(number_of(img)) < self.p
        return on_images(
            type(self).__name__,
            img,
            lambda x: _batches.chosen(mirrored, x.flip(axis), x),
            lambda image: _pillow.flip(image, axis == 3) if bool(mirrored) else image,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(_Flip):
    """Mirror each image at probability p: left becomes right.

    Parameters
    ----------
    p : float, default 0.5
    """

    def forward(self, img: Any) -> Any:
        """Give the image, or its mirror."""
        return self._flipped(img, 3)


class RandomVerticalFlip(_Flip):
    """Mirror each image at probability p: top becomes bottom.

    Parameters
    ----------
    p : float, default 0.5
    """

    def forward(self, img: Any) -> Any:
        """Give the image, or its mirror."""
        return self._flipped(img, 2)


class RandomRotation(Module):
    """Turn each image by an angle drawn for each.

    Parameters
    ----------
    degrees : float or (float, float)
        Between which angles, counterclockwise; one number is from minus to plus it.
    interpolation, expand, center, fill
        As of `functional.rotate`. With `expand` each image has a size of its own, so a batch is refused.

    Raises
    ------
    ValueError
        If one number is negative, or there are not two.
    """

    def __init__(
        self,
        degrees: Any,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        if isinstance(degrees, (list, tuple)):
            if len(degrees) != 2:
                raise ValueError(f"[RandomRotation] degrees has {len(degrees)} numbers; it must have 2")
            self.degrees = [number("RandomRotation", "degrees", value) for value in degrees]
        else:
            most = number("RandomRotation", "degrees", degrees)
            if most < 0:
                raise ValueError(f"[RandomRotation] degrees is {most}; one number must not be negative")
            self.degrees = [-most, most]
        self.interpolation = interpolation_of("RandomRotation", interpolation)
        self.expand, self.center, self.fill = expand, center, fill

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """Draw an angle."""
        return float(draw(1, degrees[0], degrees[1]))

    def forward(self, img: Any) -> Any:
        """Give the image, turned."""
        angle = draw(number_of(img), self.degrees[0], self.degrees[1])
        mode, fill = self.interpolation, self.fill
        return on_images(
            "RandomRotation",
            img,
            lambda x: _batches.rotate(x, angle, mode, self.expand, self.center, fill),
            lambda image: _pillow.rotate(image, float(angle), mode, self.expand, self.center, fill),
        )

    def __repr__(self) -> str:
        text = f"RandomRotation(degrees={self.degrees}, interpolation={self.interpolation.value}"
        text += f", expand={self.expand}"
        text += "" if self.center is None else f", center={self.center}"
        return f"{text}, fill={self.fill})"
