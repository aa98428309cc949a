"""What all transforms share: the kinds of images, and where random numbers come from."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._arguments import number, shown
from backsweep._core import ShapeError, Tensor
from backsweep.utils.data import get_worker_info

__all__ = [
    "InterpolationMode",
    "draw",
    "generator",
    "is_batch",
    "is_pillow",
    "number_of",
    "on_images",
    "probability",
]


class InterpolationMode(Enum):
    """How pixels between pixels are computed, as Pillow's `Resampling`; the last three are its alone."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_PILLOW_NUMBERS = {
    0: InterpolationMode.NEAREST,
    1: InterpolationMode.LANCZOS,
    2: InterpolationMode.BILINEAR,
    3: InterpolationMode.BICUBIC,
    4: InterpolationMode.BOX,
    5: InterpolationMode.HAMMING,
}


def interpolation_of(op: str, value: Any) -> InterpolationMode:
    """Give an argument that must be an InterpolationMode, or Pillow's number of one, or raise."""
    if isinstance(value, InterpolationMode):
        return value
    if isinstance(value, int) and value in _PILLOW_NUMBERS:
        return _PILLOW_NUMBERS[value]
    raise TypeError(f"[{op}] interpolation is {shown(value)}; it must be an InterpolationMode")


def probability(op: str, p: Any) -> float:
    """Give an argument that must be a probability, or raise."""
    value = number(op, "p", p)
    if not 0 <= value <= 1:
        raise ValueError(f"[{op}] p is {value}; it must be a probability, from 0 to 1")
    return value


def is_pillow(image: Any) -> bool:
    """Say whether `image` is one of Pillow's, which need not be installed."""
    return hasattr(image, "getbands") and hasattr(image, "tobytes")


def is_batch(image: Any) -> bool:
    """Say whether `image` is a tensor of several images, (N, C, H, W)."""
    return isinstance(image, Tensor) and image.ndim == 4


def number_of(image: Any) -> Any:
    """Give how many images `image` is, each of which has random numbers of its own."""
    return image.shape[0] if is_batch(image) else 1


def generator() -> Any:
    """Give the generator of the worker that makes the sample, or None: that of the process."""
    worker = get_worker_info()
    return None if worker is None else worker.rng.torch_generator


def draw(n: Any, low: float = 0.0, high: float = 1.0, tries: int | None = None) -> Tensor:
    """Draw n numbers uniform in [low, high), float64, and with `tries` as many rows of them.

    They come from `generator()`.
    """
    shape = (n,) if tries is None else (n, tries)
    return _core.uniform(shape, low, high, dtype=_core.float64, generator=generator())


def on_images(
    op: str,
    image: Any,
    of_tensors: Callable[[Tensor], Tensor],
    of_pillow: Callable[[Any], Any] | None = None,
) -> Any:
    """Give what a function of batches (N, C, H, W) makes of an image of any kind, as an image of that kind.

    Parameters
    ----------
    op : str
        Who asks, for errors.
    image : Tensor, ndarray or Pillow image
        A batch, (C, H, W) or (H, W); an array (H, W) or (H, W, C).
    of_tensors : callable
        The function.
    of_pillow : callable, optional
        The same function for Pillow's images.

    Raises
    ------
    TypeError
        If it is no image.
    ShapeError
        If its shape is that of no image.
    """
    if isinstance(image, Tensor):
        if image.ndim == 4:
            return of_tensors(image)
        if image.ndim == 3:
            return of_tensors(image[None])[0]
        if image.ndim == 2:
            return of_tensors(image[None, None])[0, 0]
        raise ShapeError(f"[{op}] the image is {image.shape}; it must be (C, H, W), (H, W) or (N, C, H, W)")
    if is_pillow(image):
        if of_pillow is not None:
            return of_pillow(image)
        from PIL import Image

        return Image.fromarray(_of_array(op, np.asarray(image), of_tensors))
    if isinstance(image, np.ndarray):
        return _of_array(op, image, of_tensors)
    raise TypeError(
        f"[{op}] the image is {shown(image)}; it must be a tensor (C, H, W), a batch of them, an array "
        "(H, W, C) or a Pillow image"
    )


def _of_array(op: str, array: Any, of_tensors: Callable[[Tensor], Tensor]) -> Any:
    if array.ndim not in (2, 3):
        raise ShapeError(f"[{op}] the image is an array {array.shape}; it must be (H, W) or (H, W, C)")
    planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    made = of_tensors(_core.from_numpy(np.ascontiguousarray(planes))[None])[0].numpy()
    return made[0] if array.ndim == 2 else np.ascontiguousarray(made.transpose(1, 2, 0))
