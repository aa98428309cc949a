"""From one kind of image to another: Pillow's, arrays and tensors, and tensors of another range."""

from __future__ import annotations

from typing import Any

import numpy as np

from backsweep import _core
from backsweep._arguments import shown
from backsweep._core import DType, DTypeError, ShapeError, Tensor
from backsweep.transforms.base import is_pillow, on_images

__all__ = [
    "convert_image_dtype",
    "get_dimensions",
    "get_image_size",
    "normalize",
    "pil_to_tensor",
    "to_pil_image",
    "to_tensor",
]

_OF_MODES = {"1": np.uint8, "I": np.int32, "I;16": np.int16, "F": np.float32}


def get_dimensions(img: Any) -> list[int]:
    """Give [channels, height, width] of the image `img`."""
    if isinstance(img, Tensor) and img.ndim > 1:
        return [1 if img.ndim == 2 else img.shape[-3], img.shape[-2], img.shape[-1]]
    if is_pillow(img):
        return [len(img.getbands()), img.height, img.width]
    if isinstance(img, np.ndarray) and img.ndim in (2, 3):
        return [1 if img.ndim == 2 else img.shape[2], img.shape[0], img.shape[1]]
    return on_images("get_dimensions", img, lambda x: x)  # type: ignore[no-any-return]  # which raises


def get_image_size(img: Any) -> list[int]:
    """Give [width, height] of the image `img`."""
    return get_dimensions(img)[:0:-1]


def _pixels(op: str, pic: Any) -> Tensor:
    """Give a Pillow image or an array as a tensor (C, H, W) of its own dtype."""
    if is_pillow(pic):
        array = np.array(pic, _OF_MODES.get(pic.mode), copy=None)
        if pic.mode == "1":
            array = array * np.uint8(255)
    elif isinstance(pic, np.ndarray):
        array = pic
    else:
        raise TypeError(f"[{op}] pic is {shown(pic)}; it must be a Pillow image or an array")
    if array.ndim not in (2, 3):
        raise ShapeError(f"[{op}] pic is an array {array.shape}; it must be (H, W) or (H, W, C)")
    planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return _core.from_numpy(np.array(planes, order="C"))  # a copy: the image may change


def pil_to_tensor(pic: Any) -> Tensor:
    """Give a Pillow image, or array (H, W, C), `pic` as a tensor (C, H, W) of the same dtype."""
    return _pixels("pil_to_tensor", pic)


def to_tensor(pic: Any) -> Tensor:
    """Give an image as a tensor (C, H, W), uint8 divided by 255.

    Parameters
    ----------
    pic : Pillow image, ndarray (H, W) or (H, W, C), or uint8 Tensor
        Of tensors, whose axes stay as they are, also a batch.

    Returns
    -------
    Tensor
        Of the default dtype in [0, 1] if pic is uint8; of other dtypes with the same values.

    Raises
    ------
    TypeError
        If pic is no image.
    """
    x = pic if isinstance(pic, Tensor) else _pixels("to_tensor", pic)
    return x.to(_core.get_default_dtype()).div(255) if x.dtype == _core.uint8 else x


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """Give a tensor (C, H, W) or (H, W), or an array (H, W, C), as a Pillow image.

    Parameters
    ----------
    pic : Tensor or ndarray
        Floats of a tensor from 0 to 1, or uint8.
    mode : str, optional
        Pillow's mode; by default by the number of channels and the dtype.

    Raises
    ------
    ShapeError
        If it has another number of axes, or more than 4 channels.
    ValueError
        If the mode is not one of such images.
    """
    from PIL import Image

    if not isinstance(pic, (Tensor, np.ndarray)):
        raise TypeError(f"[to_pil_image] pic is {shown(pic)}; it must be a tensor or an array")
    if pic.ndim not in (2, 3):
        raise ShapeError(f"[to_pil_image] pic is {tuple(pic.shape)}; it must have 2 or 3 axes")
    if isinstance(pic, Tensor):
        if pic.dtype.is_floating_point and mode != "F":
            pic = (pic.detach() * 255).to(_core.uint8)
        array = np.asarray(pic.detach())
        array = array[:, :, None] if array.ndim == 2 else array.transpose(1, 2, 0)
    else:
        array = pic[:, :, None] if pic.ndim == 2 else pic
    kind = array.dtype.name
    modes = {
        1: {"uint8": ("L", "1"), "int16": ("I;16",), "int32": ("I",), "float32": ("F",)}.get(kind),
        2: ("LA",) if kind == "uint8" else None,
        3: ("RGB", "YCbCr", "HSV") if kind == "uint8" else None,
        4: ("RGBA", "CMYK", "RGBX") if kind == "uint8" else None,
    }
    if array.shape[2] not in modes:
        raise ShapeError(f"[to_pil_image] pic has {array.shape[2]} channels; images have 1 to 4")
    known = modes[array.shape[2]]
    if known is None:
        raise TypeError(f"[to_pil_image] images of {array.shape[2]} channels have no dtype {array.dtype}")
    if mode is not None and mode not in known:
        raise ValueError(f"[to_pil_image] mode is {mode!r}; such an image is one of {list(known)}")
    image = Image.fromarray(np.ascontiguousarray(array[:, :, 0] if array.shape[2] == 1 else array))
    return image if mode in (None, image.mode) else _as_mode(array, image, mode)


def _as_mode(array: Any, image: Any, mode: str) -> Any:
    """Give bands that mean another thing (HSV, and not RGB), or pixels of one bit."""
    from PIL import Image

    if array.shape[2] == 1:
        return image.convert(mode)
    return Image.frombytes(mode, image.size, image.tobytes())


def convert_image_dtype(image: Tensor, dtype: DType = _core.float32) -> Tensor:
    """Give a tensor in another dtype, with its range: of floats 0 to 1, of integers 0 to their largest.

    Parameters
    ----------
    image : Tensor
    dtype : dtype, default float32

    Raises
    ------
    DTypeError
        If a float dtype does not hold all of an integer one (int32 in float32).
    """
    source, wanted = image.dtype, _core.zeros(0, dtype=dtype).dtype
    if source == wanted:
        return image
    if source.is_floating_point:
        if wanted.is_floating_point:
            return image.to(wanted)
        if (source == _core.float32 and wanted in (_core.int32, _core.int64)) or wanted == _core.int64:
            raise DTypeError(
                f"[convert_image_dtype] {source.name} does not hold all of {wanted.name}: take a smaller one"
            )
        return image.mul(_top(wanted) + 1.0 - 1e-3).to(wanted)
    if wanted.is_floating_point:
        return image.to(wanted) / _top(source)
    ratio = (_top(source) + 1) // (_top(wanted) + 1)
    if ratio > 1:
        return (image.to(_core.int64) // ratio).to(wanted)
    return image.to(wanted) * ((_top(wanted) + 1) // (_top(source) + 1))


def _top(dtype: DType) -> int:
    return 1 if dtype == _core.bool_ else int(2 ** (8 * dtype.itemsize - dtype.is_signed) - 1)


def normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """Give (tensor - mean) / std, for each channel.

    Parameters
    ----------
    tensor : Tensor, float, shape (..., C, H, W)
    mean, std : sequence of float
        One number for each channel.
    inplace : bool, default False
        Whether to write into the tensor.

    Raises
    ------
    TypeError
        If it is no tensor of floats.
    ShapeError
        If it has less than 3 axes, or there are neither one number nor one for each channel.
    ValueError
        If a deviation is 0.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"[normalize] tensor is {shown(tensor)}: make it one by ToTensor() before")
    if not tensor.dtype.is_floating_point:
        raise DTypeError(f"[normalize] tensor is {tensor.dtype.name}: make floats of it by ToTensor() before")
    if tensor.ndim < 3:
        raise ShapeError(f"[normalize] tensor is {tensor.shape}; it must be (..., C, H, W)")
    middle, wide = (_core.as_tensor(value, dtype=tensor.dtype).reshape(-1, 1, 1) for value in (mean, std))
    for name, numbers in (("mean", middle), ("std", wide)):
        if numbers.numel() not in (1, tensor.shape[-3]):
            raise ShapeError(
                f"[normalize] {name} has {numbers.numel()} numbers, and the image has {tensor.shape[-3]} "
                "channels: give one number, or one for each"
            )
    if any(float(value) == 0 for value in np.asarray(std, np.float64).ravel()):
        raise ValueError(f"[normalize] std is {std}: none of them may be 0")
    return tensor.sub_(middle).div_(wide) if inplace else (tensor - middle) / wide
