"""Transforms of a box in each image, drawn by its part of the area and its proportions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from backsweep import _core
from backsweep._arguments import number, shown
from backsweep._core import Tensor
from backsweep._draws import randn
from backsweep.nn import Module
from backsweep.transforms import _batches, _pillow
from backsweep.transforms import functional as F
from backsweep.transforms.base import (
    InterpolationMode,
    draw,
    generator,
    interpolation_of,
    number_of,
    on_images,
    probability,
)
from backsweep.transforms.geometry import places

__all__ = ["RandomErasing", "RandomResizedCrop"]

_TRIES = 10  # for a box that fits, as in torchvision


def _range(op: str, name: str, value: Any) -> Sequence[float]:
    """Give an argument that must be a range of parts or of proportions, or raise."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"[{op}] {name} is {shown(value)}; it must be two numbers, (least, most)")
    low, high = (number(op, name, one) for one in value)
    if not (0 <= low <= high < math.inf and (low > 0 or name == "scale")):
        raise ValueError(f"[{op}] {name} is {tuple(value)}; it must be (least, most), positive")
    given: Sequence[float] = value
    return given


def _boxes(
    n: Any, height: Any, width: Any, scale: Sequence[float], ratio: Sequence[float], below: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw boxes of a part of the area and of proportions, width to height: heights, widths, which fit.

    Of some tries the first counts that is smaller than the image by `below` or more.
    """
    area = draw(n, scale[0], scale[1], _TRIES) * float(height * width)
    proportion = draw(n, math.log(ratio[0]), math.log(ratio[1]), _TRIES).exp()
    widths, heights = (area * proportion).sqrt().round(), (area / proportion).sqrt().round()
    fits = (widths <= width - below) & (heights <= height - below) & (widths > 0) & (heights > 0)
    first = fits.to(_core.int64).argmax(1).reshape(-1, 1)
    picked = [of.gather(1, first).reshape(-1) for of in (heights, widths)]
    return picked[0], picked[1], fits.any(1)


class RandomResizedCrop(Module):
    """Cut a box of a random part of the area and random proportions out of each image, and give it a size.

    Parameters
    ----------
    size : int or (height, width)
    scale : (float, float), default (0.08, 1)
        Between which parts of the area the box is.
    ratio : (float, float), default (3/4, 4/3)
        Between which proportions, width to height, it is (uniform in the logarithm).
    interpolation, antialias
        As of `functional.resize`.

    Raises
    ------
    ValueError
        If a range is empty.

    Notes
    -----
    Source: C. Szegedy et al. (2015), Going Deeper with Convolutions, https://arxiv.org/abs/1409.4842.
    """

    def __init__(
        self,
        size: Any,
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = F.pair("RandomResizedCrop", "size", size)
        self.interpolation = interpolation_of("RandomResizedCrop", interpolation)
        self.scale, self.ratio = (
            _range("RandomResizedCrop", name, of) for name, of in (("scale", scale), ("ratio", ratio))
        )
        self.antialias = antialias

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """Draw a box in an image: top, left, height, width."""
        _, height, width = F.get_dimensions(img)
        top, left, rows, columns = map(int, _fitting(1, height, width, scale, ratio))
        return top, left, rows, columns

    def forward(self, img: Any) -> Any:
        """Give the box in that size."""
        _, height, width = F.get_dimensions(img)
        box = _fitting(number_of(img), height, width, self.scale, self.ratio)

        def of_pillow(image: Any) -> Any:
            top, left, rows, columns = map(int, box)
            part = _pillow.crop(image, top, left, rows, columns)
            return _pillow.resize(part, self.size, self.interpolation)

        return on_images(
            "RandomResizedCrop",
            img,
            lambda x: _batches.resize(x, self.size, self.interpolation, self.antialias is not False, box),
            of_pillow,
        )

    def __repr__(self) -> str:
        return (
            f"RandomResizedCrop(size={self.size}, scale={tuple(round(s, 4) for s in self.scale)}, "
            f"ratio={tuple(round(r, 4) for r in self.ratio)}, interpolation={self.interpolation.value}, "
            f"antialias={self.antialias})"
        )


def _fitting(
    n: Any, height: Any, width: Any, scale: Sequence[float], ratio: Sequence[float]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw boxes: top, left, height, width; of those of which no try fits the middle, of near proportions."""
    heights, widths, fit = _boxes(n, height, width, scale, ratio, 0)
    whole_height, whole_width = int(height), int(width)
    if whole_width / whole_height < min(ratio):
        whole_height = round(whole_width / min(ratio))
    elif whole_width / whole_height > max(ratio):
        whole_width = round(whole_height * max(ratio))
    top, left = (places(n, size - side) for size, side in ((height, heights), (width, widths)))
    rows, columns = heights.to(_core.int64), widths.to(_core.int64)
    return (
        _core.where(fit, top, (int(height) - whole_height) // 2),
        _core.where(fit, left, (int(width) - whole_width) // 2),
        _core.where(fit, rows, whole_height),
        _core.where(fit, columns, whole_width),
    )


def _erasing(
    n: Any, height: Any, width: Any, scale: Sequence[float], ratio: Sequence[float]
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Draw boxes smaller than the image, of proportions height to width: top, left, sizes, which fit."""
    heights, widths, fit = _boxes(n, height, width, scale, (1 / ratio[1], 1 / ratio[0]), 1)
    return places(n, height - heights), places(n, width - widths), heights, widths, fit


class RandomErasing(Module):
    """Put a value into a random box of each tensor at probability p.

    Parameters
    ----------
    p : float, default 0.5
    scale : (float, float), default (0.02, 0.33)
        Between which parts of the area the box is.
    ratio : (float, float), default (0.3, 3.3)
        Between which proportions, height to width, it is (uniform in the logarithm).
    value : number, sequence of one number for each channel, or "random"
        "random" are normal numbers.
    inplace : bool, default False
        Whether to write into the tensor.

    Raises
    ------
    TypeError
        If `value` is something else, or, when called, the image no tensor.
    ValueError
        If a range is empty.
    ShapeError
        When called, if there are neither one number nor one for each channel.

    Notes
    -----
    Source: Z. Zhong et al. (2017), Random Erasing Data Augmentation, https://arxiv.org/abs/1708.04896.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(value, (int, float, list, tuple)) and value != "random":
            raise TypeError(
                f'[RandomErasing] value is {shown(value)}; it must be a number, numbers or "random"'
            )
        self.p = probability("RandomErasing", p)
        self.scale, self.ratio = (
            _range("RandomErasing", name, of) for name, of in (("scale", scale), ("ratio", ratio))
        )
        self.value, self.inplace = value, inplace

    @staticmethod
    def get_params(
        img: Tensor, scale: Sequence[float], ratio: Sequence[float], value: Sequence[float] | None = None
    ) -> tuple[int, int, int, int, Tensor]:
        """Draw a box in a tensor (C, H, W), and give it with what is put there: normal numbers for None.

        It is top, left, height, width; where no try fits, the whole image and what it holds.
        """
        channels, height, width = F.get_dimensions(img)
        top, left, heights, widths, fit = _erasing(1, height, width, scale, ratio)
        if not bool(fit):
            return 0, 0, height, width, img
        rows, columns = int(heights), int(widths)
        if value is None:
            return int(top), int(left), rows, columns, randn(channels, rows, columns, generator=generator())
        return int(top), int(left), rows, columns, _core.tensor(list(value)).reshape(-1, 1, 1)

    def forward(self, img: Tensor) -> Tensor:
        """Give the tensor with the box."""
        given: object = img
        if not isinstance(given, Tensor):
            raise TypeError(
                f"[RandomErasing] the image is {shown(img)}; it must be a tensor: put ToTensor() before"
            )
        made: Tensor = on_images("RandomErasing", img, self._erased)
        return img.copy_(made) if self.inplace else made

    def _erased(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        top, left, heights, widths, fit = _erasing(n, height, width, self.scale, self.ratio)
        noise = self.value == "random"
        value = randn(x.shape, generator=generator()).to(x.dtype) if noise else self.value
        made = _batches.erase(x, top, left, heights, widths, value)
        return _batches.chosen(fit & (draw(n) < self.p), made, x)

    def __repr__(self) -> str:
        return (
            f"RandomErasing(p={self.p}, scale={self.scale}, ratio={self.ratio}, value={self.value}, "
            f"inplace={self.inplace})"
        )
