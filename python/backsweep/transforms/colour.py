"""Transforms of colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from backsweep._arguments import number
from backsweep._core import Tensor
from backsweep.nn import Module
from backsweep.transforms import _batches
from backsweep.transforms import functional as F
from backsweep.transforms.base import draw, is_batch, number_of, probability

__all__ = ["ColorJitter", "Grayscale", "RandomGrayscale"]

Range = tuple[float, float] | None


class Grayscale(Module):
    """Give the luma of images.

    Parameters
    ----------
    num_output_channels : {1, 3}
        With 3 all of them are equal.
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        """Give the grey image."""
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self) -> str:
        return f"Grayscale(num_output_channels={self.num_output_channels})"


class RandomGrayscale(Module):
    """Give the luma of each image, in as many channels, at probability p.

    Parameters
    ----------
    p : float, default 0.1
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.p = probability("RandomGrayscale", p)

    def forward(self, img: Any) -> Any:
        """Give the image, or the grey one."""
        grey = draw(number_of(img)) < self.p
        channels = F.get_dimensions(img)[0]
        if is_batch(img):
            return _batches.chosen(grey, F.rgb_to_grayscale(img, int(channels)), img)
        return F.rgb_to_grayscale(img, int(channels)) if bool(grey) else img

    def __repr__(self) -> str:
        return f"RandomGrayscale(p={self.p})"


class ColorJitter(Module):
    """Change brightness, contrast, saturation and hue of each image by factors drawn for each.

    Parameters
    ----------
    brightness, contrast, saturation : float or (float, float), default 0
        Between which factors; one number v is from max(0, 1 - v) to 1 + v.
    hue : float or (float, float), default 0
        Between which parts of the circle, within -0.5 and 0.5; one number v is from -v to v.

    Raises
    ------
    ValueError
        If a range is empty or out of bounds.

    Notes
    -----
    Of an image by itself the order of the four is drawn too; a batch gets them in the order above.
    """

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0) -> None:
        super().__init__()
        self.brightness = _range("brightness", brightness)
        self.contrast = _range("contrast", contrast)
        self.saturation = _range("saturation", saturation)
        self.hue = _range("hue", hue, middle=0.0, bounds=(-0.5, 0.5))

    def _ranges(self) -> list[Range]:
        return [self.brightness, self.contrast, self.saturation, self.hue]

    @staticmethod
    def get_params(
        brightness: Sequence[float] | None,
        contrast: Sequence[float] | None,
        saturation: Sequence[float] | None,
        hue: Sequence[float] | None,
    ) -> tuple[Tensor, float | None, float | None, float | None, float | None]:
        """Draw the order of the four, and the factor of each that has a range."""
        order = draw(4).argsort()
        made = [
            None if of is None else float(draw(1, of[0], of[1]))
            for of in (brightness, contrast, saturation, hue)
        ]
        return order, made[0], made[1], made[2], made[3]

    def forward(self, img: Any) -> Any:
        """Give the image in other colours."""
        if is_batch(img):
            for change, bounds in zip(_OF_BATCHES, self._ranges(), strict=True):
                if bounds is not None:
                    img = change(img, draw(img.shape[0], *bounds))
            return img
        order, *factors = self.get_params(*self._ranges())
        for i in order.tolist():
            if factors[i] is not None:
                img = _OF_IMAGES[i](img, factors[i])
        return img

    def __repr__(self) -> str:
        return (
            f"ColorJitter(brightness={self.brightness}, contrast={self.contrast}, "
            f"saturation={self.saturation}, hue={self.hue})"
        )


_OF_BATCHES: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    *(_batches.brightness, _batches.contrast, _batches.saturation, _batches.hue),
)
_OF_IMAGES: tuple[Callable[[Any, Any], Any], ...] = (
    *(F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue),
)


def _range(
    name: str, value: Any, middle: float = 1.0, bounds: tuple[float, float] = (0.0, float("inf"))
) -> Range:
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise ValueError(f"[ColorJitter] {name} has {len(value)} numbers; it must be one, or two")
        low, high = (number("ColorJitter", name, one) for one in value)
    else:
        width = number("ColorJitter", name, value)
        if width < 0:
            raise ValueError(f"[ColorJitter] {name} is {width}; one number must not be negative")
        low, high = middle - width, middle + width
        low = max(low, 0.0) if name != "hue" else low
    if not bounds[0] <= low <= high <= bounds[1]:
        raise ValueError(f"[ColorJitter] {name} is from {low} to {high}; it must be within {bounds}")
    return None if low == high == middle else (low, high)
