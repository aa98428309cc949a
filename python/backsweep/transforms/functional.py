"""Functions of images: tensors (C, H, W), batches (N, C, H, W), arrays (H, W, C) and Pillow's images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep._arguments import number, one_of, shown, whole
from backsweep._core import Tensor
from backsweep.transforms import _batches, _pillow
from backsweep.transforms._kinds import (
    convert_image_dtype,
    get_dimensions,
    get_image_size,
    normalize,
    pil_to_tensor,
    to_pil_image,
    to_tensor,
)
from backsweep.transforms.base import InterpolationMode, interpolation_of, on_images

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "erase",
    "get_dimensions",
    "get_image_size",
    "hflip",
    "normalize",
    "pad",
    "pil_to_tensor",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]

PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


# ---- Cutting and padding -------------------------------------------------------------------------------


def pair(op: str, name: str, value: Any, hint: str = "") -> tuple[int, int]:
    """Give one size as both, or two sizes, as ints, or raise."""
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(values) not in (1, 2):
        raise ValueError(f"[{op}] {name} has {len(values)} numbers; it must be one size, or (height, width)")
    made = [whole(op, name, one) for one in values]
    return made[0], made[-1]


def sides(op: str, padding: Any) -> tuple[int, int, int, int]:
    """Give a padding as left, top, right, bottom, or raise."""
    values = list(padding) if isinstance(padding, (list, tuple)) else [padding]
    if len(values) not in (1, 2, 4):
        raise ValueError(
            f"[{op}] padding has {len(values)} numbers; it must be one, (left and right, top and bottom), or "
            "(left, top, right, bottom)"
        )
    made = [whole(op, "padding", one, 0) for one in values]
    left, top, right, bottom = made if len(made) == 4 else (made * 4)[:4]
    return left, top, right, bottom


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """Cut a box out of the image `img`: `height` rows from `top` on, `width` columns from `left` on.

    What lies outside of the image is 0.
    """
    return on_images(
        "crop",
        img,
        lambda x: _batches.crop(x, top, left, height, width),
        lambda image: _pillow.crop(image, top, left, height, width),
    )


def center_crop(img: Any, output_size: Any) -> Any:
    """Cut the middle out of the image `img`, of `output_size`: one number, or (height, width).

    What lies outside of the image is 0.
    """
    height, width = pair("center_crop", "output_size", output_size)
    _, rows, columns = get_dimensions(img)
    if height > rows or width > columns:
        left, top = max(0, (width - columns) // 2), max(0, (height - rows) // 2)
        right, bottom = max(0, (width - columns + 1) // 2), max(0, (height - rows + 1) // 2)
        img = pad(img, [left, top, right, bottom])
        _, rows, columns = get_dimensions(img)
    return crop(img, round((rows - height) / 2), round((columns - width) / 2), height, width)


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """Put pixels around an image.

    Parameters
    ----------
    img : image
    padding : int or sequence of int
        One number for all sides, two for left and right and for top and bottom, or left, top, right, bottom.
    fill : number or sequence, default 0
        The colour of "constant", one number or one for each channel.
    padding_mode : {"constant", "edge", "reflect", "symmetric"}
        A colour, the border's pixels, or the mirrored image without or with its border.

    Raises
    ------
    ValueError
        If a number is negative, or the mode another.
    ShapeError
        If there are not enough pixels to mirror.
    """
    around, mode = sides("pad", padding), one_of("pad", "padding_mode", padding_mode, PADDING_MODES)
    return on_images(
        "pad",
        img,
        lambda x: _batches.pad(x, around, fill, mode),
        lambda image: _pillow.pad(image, around, fill, mode),
    )


def hflip(img: Any) -> Any:
    """Mirror the image `img`: left becomes right."""
    return on_images("hflip", img, lambda x: x.flip(3), lambda image: _pillow.flip(image, True))


def vflip(img: Any) -> Any:
    """Mirror the image `img`: top becomes bottom."""
    return on_images("vflip", img, lambda x: x.flip(2), lambda image: _pillow.flip(image, False))


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Tensor:
    """Put a value into a box of a tensor.

    Parameters
    ----------
    img : Tensor, shape (..., C, H, W)
    i, j, h, w : int
        The box: top, left, height, width.
    v : Tensor or number
        The value, or what broadcasts to the box.
    inplace : bool, default False
        Whether to write into the tensor.

    Raises
    ------
    TypeError
        If it is no tensor.
    """
    if not isinstance(img, Tensor):
        raise TypeError(f"[erase] img is {shown(img)}: make it a tensor by ToTensor() before")
    made = img if inplace else img.clone()
    made[..., i : i + h, j : j + w] = v
    return made


# ---- Other sizes ---------------------------------------------------------------------------------------


def size_for(op: str, img: Any, size: Any, max_size: int | None = None) -> tuple[int, int]:
    """Give (height, width) that an image gets: a single size is that of its shorter side."""
    values = list(size) if isinstance(size, (list, tuple)) else [size]
    if len(values) == 2 or size is None:
        if max_size is not None and size is not None:
            raise ValueError(f"[{op}] max_size is for one size, that of the shorter side; size is {size}")
        if size is not None:
            return pair(op, "size", size)
    _, height, width = get_dimensions(img)
    short, long = sorted((int(height), int(width)))
    if size is None:
        if max_size is None:
            raise ValueError(f"[{op}] give size or max_size")
        new_short, new_long = int(max_size * short / long), max_size
    else:
        new_short = pair(op, "size", size)[0]
        new_long = int(new_short * long / short)
        if max_size is not None:
            if max_size <= new_short:
                raise ValueError(f"[{op}] max_size is {max_size}; it must be above size, {new_short}")
            if new_long > max_size:
                new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_short, new_long) if height <= width else (new_long, new_short)


def resize(
    img: Any,
    size: Any,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """Bring an image to another size.

    Parameters
    ----------
    img : image
    size : int, (height, width) or None
        One number is the new size of the shorter side; the other keeps the proportions. None takes `max_size`
        as that of the longer side.
    interpolation : InterpolationMode, default BILINEAR
        Of tensors NEAREST, NEAREST_EXACT, BILINEAR or BICUBIC.
    max_size : int, optional
        The most that the longer side gets, for one number as size.
    antialias : bool, default True
        Whether pixels are averaged where tensors shrink, as Pillow always does.

    Raises
    ------
    ValueError
        If a size is below 1, or the sizes do not go together.
    """
    mode = interpolation_of("resize", interpolation)
    wanted = size_for("resize", img, size, max_size)
    _, height, width = get_dimensions(img)
    if (height, width) == wanted:
        return img
    return on_images(
        "resize",
        img,
        lambda x: _batches.resize(x, wanted, mode, antialias is not False),
        lambda image: _pillow.resize(image, wanted, mode),
    )


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """Cut out a box as `crop` does and bring it to a size as `resize` does."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def rotate(
    img: Any,
    angle: float,
    interpolation: InterpolationMode = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = None,
) -> Any:
    """Turn an image counterclockwise.

    Parameters
    ----------
    img : image
    angle : float
        In degrees.
    interpolation : InterpolationMode, default NEAREST
        Of tensors NEAREST or BILINEAR.
    expand : bool, default False
        Whether the image grows so that it holds all that is turned.
    center : (x, y), optional
        What stays in its place, from the left upper corner; by default the middle.
    fill : number or sequence, optional
        The colour of what comes from outside, by default 0.

    Raises
    ------
    ValueError
        If tensors have no such interpolation.
    """
    mode = interpolation_of("rotate", interpolation)
    turn = number("rotate", "angle", angle)
    return on_images(
        "rotate",
        img,
        lambda x: _batches.rotate(x, turn, mode, expand, center, fill),
        lambda image: _pillow.rotate(image, turn, mode, expand, center, fill),
    )


# ---- Colours -------------------------------------------------------------------------------------------


def _adjusted(op: str, img: Any, factor: Any, of_tensors: Any, what: str) -> Any:
    value = number(op, op.replace("adjust_", "") + "_factor", factor)
    if value < 0:
        raise ValueError(f"[{op}] the factor is {value}; it must not be negative")
    return on_images(
        op, img, lambda x: of_tensors(x, value), lambda image: _pillow.enhanced(image, what, value)
    )


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """Give `brightness_factor` times the image `img`; the factor must not be negative."""
    return _adjusted("adjust_brightness", img, brightness_factor, _batches.brightness, "Brightness")


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """Blend `img` with its mean grey, which counts 1 - `contrast_factor`; it must not be negative."""
    return _adjusted("adjust_contrast", img, contrast_factor, _batches.contrast, "Contrast")


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """Blend `img` with its grey image, which counts 1 - `saturation_factor`; it must not be negative."""
    return _adjusted("adjust_saturation", img, saturation_factor, _batches.saturation, "Color")


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Turn the hue of the image `img` by `hue_factor` of the circle; it must be from -0.5 to 0.5."""
    turn = number("adjust_hue", "hue_factor", hue_factor)
    if not -0.5 <= turn <= 0.5:
        raise ValueError(f"[adjust_hue] hue_factor is {turn}; it must be from -0.5 to 0.5")
    return on_images(
        "adjust_hue", img, lambda x: _batches.hue(x, turn), lambda image: _pillow.hue(image, turn)
    )


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """Give the luma of the image `img`, in `num_output_channels`, which must be 1 or 3."""
    if num_output_channels not in (1, 3):
        raise ValueError(
            f"[rgb_to_grayscale] num_output_channels is {num_output_channels}; it must be 1 or 3"
        )

    def of_tensors(x: Tensor) -> Tensor:
        luma = x if x.shape[1] == 1 else _batches.grey(x)
        return luma.repeat(1, num_output_channels, 1, 1) if num_output_channels > 1 else luma

    return on_images(
        "rgb_to_grayscale", img, of_tensors, lambda image: _pillow.grey(image, num_output_channels)
    )


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """Give the luma of a Pillow image, as `rgb_to_grayscale` does of every kind."""
    return rgb_to_grayscale(img, num_output_channels)
