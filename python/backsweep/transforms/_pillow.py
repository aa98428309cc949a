"""Transforms of Pillow's images, by Pillow, which is imported when there is such an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backsweep.transforms.base import InterpolationMode

__all__: list[str] = []


def _resample(mode: InterpolationMode) -> Any:
    from PIL import Image

    if mode is InterpolationMode.NEAREST_EXACT:
        mode = InterpolationMode.NEAREST
    return getattr(Image.Resampling, mode.name)


def fill_of(image: Any, fill: Any) -> Any:
    """Give a colour as Pillow takes it: a number for one band, else a tuple of one for each."""
    bands = len(image.getbands())
    values = list(fill) if isinstance(fill, (list, tuple)) else [0 if fill is None else fill]
    values = values * bands if len(values) == 1 else values
    if len(values) != bands:
        raise ValueError(f"[fill] there are {len(values)} numbers for {bands} bands of the image")
    if image.mode != "F":
        values = [int(value) for value in values]
    return values[0] if bands == 1 else tuple(values)


def crop(image: Any, top: int, left: int, height: int, width: int) -> Any:
    """Cut out; what lies outside is 0."""
    return image.crop((left, top, left + width, top + height))


def flip(image: Any, across: bool) -> Any:
    """Mirror left and right if `across`, else top and bottom."""
    from PIL import Image

    kind = Image.Transpose.FLIP_LEFT_RIGHT if across else Image.Transpose.FLIP_TOP_BOTTOM
    return image.transpose(kind)


def pad(image: Any, sides: Sequence[int], fill: Any, mode: str) -> Any:
    """Put pixels around: left, top, right, bottom."""
    from PIL import Image, ImageOps

    left, top, right, bottom = sides
    if mode == "constant":
        return ImageOps.expand(image, border=(left, top, right, bottom), fill=fill_of(image, fill))
    pixels = np.asarray(image)
    around = [(top, bottom), (left, right), (0, 0)][: pixels.ndim]
    made = Image.fromarray(np.pad(pixels, around, mode=mode))  # type: ignore[call-overload]
    if image.mode == "P":
        made.putpalette(image.getpalette())
    return made


def resize(image: Any, size: tuple[int, int], mode: InterpolationMode) -> Any:
    """Bring to a size (height, width)."""
    return image.resize(size[::-1], _resample(mode))


def rotate(
    image: Any,
    angle: float,
    mode: InterpolationMode,
    expand: bool,
    centre: Sequence[float] | None,
    fill: Any,
) -> Any:
    """Turn counterclockwise by degrees."""
    return image.rotate(angle, _resample(mode), expand=expand, center=centre, fillcolor=fill_of(image, fill))


def grey(image: Any, channels: int) -> Any:
    """Give the luma, in one band or in three equal ones."""
    from PIL import Image

    luma = image.convert("L")
    return luma if channels == 1 else Image.merge("RGB", [luma] * 3)


def enhanced(image: Any, what: str, factor: float) -> Any:
    """Blend as Pillow's ImageEnhance does: by "Brightness", "Contrast" or "Color"."""
    from PIL import ImageEnhance

    return getattr(ImageEnhance, what)(image).enhance(factor)


def hue(image: Any, factor: float) -> Any:
    """Turn the hue by a part of the circle."""
    from PIL import Image

    if image.mode in ("L", "1", "I", "F"):
        return image
    h, s, v = image.convert("HSV").split()
    turned = (np.asarray(h).astype(np.int16) + math.trunc(factor * 255)).astype(np.uint8)
    return Image.merge("HSV", (Image.fromarray(turned), s, v)).convert(image.mode)
