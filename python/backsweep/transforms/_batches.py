"""Transforms of batches (N, C, H, W): index gathers and products, each sample by numbers of its own.

Where a parameter may be one for each sample it is a tensor (N,). All of it is ops, so it runs inside
`bs.compile` too, and there is nothing that depends on the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._core import DTypeError, ShapeError, Tensor
from backsweep.nn.functional import pad as padded
from backsweep.transforms.base import InterpolationMode

__all__ = [
    "chosen",
    "crop",
    "erase",
    "pad",
    "resize",
    "rotate",
]


def chosen(mask: Tensor, these: Tensor, others: Tensor) -> Tensor:
    """Give `these` for the samples where the mask (N,) holds, and `others` for the rest."""
    return _core.where(mask.reshape(-1, 1, 1, 1), these, others)


def _gathered(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Give x[n, :, rows[n], columns[n]]; rows and columns broadcast to (N or 1, h, w)."""
    n, c, height, width = x.shape
    places = rows * width + columns
    h, w = places.shape[1:]
    index = places.reshape(places.shape[0], 1, h * w).expand(n, c, h * w)
    return x.reshape(n, c, height * width).gather(2, index).reshape(n, c, h, w)


def crop(x: Tensor, top: Any, left: Any, height: int, width: int) -> Tensor:
    """Cut out (height, width) from (top, left) on; what lies outside is 0 where these are numbers."""
    if isinstance(top, Tensor):
        rows = top.reshape(-1, 1, 1) + _core.arange(height).reshape(1, -1, 1)
        columns = left.reshape(-1, 1, 1) + _core.arange(width).reshape(1, 1, -1)
        return _gathered(x, rows, columns)
    below, right = top + height - x.shape[2], left + width - x.shape[3]
    around = [max(0, -left), max(0, right), max(0, -top), max(0, below)]
    if any(around):
        x = padded(x, around)
    top, left = max(0, top), max(0, left)
    return x[:, :, top : top + height, left : left + width]


def pad(x: Tensor, sides: Sequence[int], fill: Any = 0, mode: str = "constant") -> Tensor:
    """Put pixels around: left, top, right, bottom."""
    left, top, right, bottom = sides
    if mode == "constant":
        around = [left, right, top, bottom]
        if not isinstance(fill, (list, tuple)):
            return padded(x, around, value=fill)
        inside = padded(_core.ones((1, 1, x.shape[2], x.shape[3]), dtype=_core.bool_), around)
        return _core.where(inside, padded(x, around), colours(x, fill))
    rows = _places(int(x.shape[2]), top, bottom, mode)
    columns = _places(int(x.shape[3]), left, right, mode)
    return x.index_select(2, rows).index_select(3, columns)


def _places(size: int, before: int, after: int, mode: str) -> Tensor:
    """Give from where along an axis the pixels of the padded image come."""
    if mode == "reflect" and max(before, after) >= size:
        raise ShapeError(
            f"[pad] {max(before, after)} reflected pixels are to come from {size}; at most {size - 1} can"
        )
    at = np.arange(-before, size + after)
    if mode == "edge":
        at = at.clip(0, size - 1)
    elif mode == "reflect":
        at = np.abs(at)
        at = (size - 1) - np.abs((size - 1) - at)
    else:  # symmetric, as often as need be
        at = at % (2 * size)
        at = np.minimum(at, 2 * size - 1 - at)
    return _core.tensor(at)


def colours(x: Tensor, fill: Any) -> Tensor:
    """Give a colour, one number or one for each channel, as (1, 1 or C, 1, 1) of x's dtype."""
    values = list(fill) if isinstance(fill, (list, tuple)) else [fill]
    if len(values) not in (1, int(x.shape[1])):
        raise ShapeError(f"[fill] there are {len(values)} numbers for {int(x.shape[1])} channels")
    return _core.tensor(values).to(x.dtype).reshape(1, -1, 1, 1)


def rounded(x: Tensor, dtype: Any) -> Tensor:
    """Give floats as pixels of a dtype: integers are rounded and kept in range."""
    if dtype.is_floating_point:
        return x.to(dtype)
    top = {"uint8": 255, "int16": 2**15 - 1}.get(dtype.name, 2**31 - 1)
    return x.round().clamp(0, top).to(dtype)


# ---- Other sizes ---------------------------------------------------------------------------------------


def resize(
    x: Tensor,
    size: tuple[int, int],
    mode: InterpolationMode,
    antialias: bool = True,
    box: tuple[Any, Any, Any, Any] | None = None,
) -> Tensor:
    """Bring images, or in each the box (top, left, height, width), to a size.

    Bilinear and bicubic: weights of a triangle, or of Keys' cubic (a = -1/2), which grow with the scale where
    images shrink; without `antialias` those of the two or four pixels around (a = -3/4, as in PyTorch). Each
    axis is one product. Source: Keys (1981), Cubic Convolution Interpolation for Digital Image Processing.
    """
    top, left, height, width = (0, 0, x.shape[2], x.shape[3]) if box is None else box
    axes = ((top, height, size[0], x.shape[2]), (left, width, size[1], x.shape[3]))
    if mode in (InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT):
        shift = 0.5 if mode is InterpolationMode.NEAREST_EXACT else 0.0
        rows, columns = (_nearest(*axis, shift) for axis in axes)
        return _gathered(x, rows[:, :, None], columns[:, None, :])
    if mode not in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC):
        raise ValueError(f"[resize] tensors have no interpolation {mode.value!r}: it is Pillow's alone")
    wide = x.dtype == _core.float64
    down, across = (
        _weights(*axis, mode, antialias).to(_core.float64 if wide else _core.float32) for axis in axes
    )
    floats = x if wide else x.to(_core.float32)
    made: Tensor = down[:, None] @ (floats @ across[:, None].transpose(2, 3))
    return rounded(made, x.dtype)


def _each(value: Any) -> Any:
    """Give a parameter so that it broadcasts against (N, out, in)."""
    return value.to(_core.float64).reshape(-1, 1, 1) if isinstance(value, Tensor) else value


def _nearest(start: Any, length: Any, out: int, size: int, shift: float) -> Tensor:
    start, length = _each(start), _each(length)
    at = (_core.arange(out, dtype=_core.float64).reshape(1, -1, 1) + shift) * (length / out)
    rows: Tensor = at.floor().minimum(_core.as_tensor(length - 1, dtype=_core.float64)) + start
    return rows.to(_core.int64)[:, :, 0]


def _weights(
    start: Any, length: Any, out: int, size: int, mode: InterpolationMode, antialias: bool
) -> Tensor:
    """Give (N or 1, out, size): how much each pixel counts in each new one."""
    start, length = _each(start), _each(length)
    scale = length / out
    centre = (_core.arange(out, dtype=_core.float64).reshape(1, -1, 1) + 0.5) * scale + start
    at = _core.arange(size, dtype=_core.float64).reshape(1, 1, -1)
    if not antialias:
        return _taps(at, centre - 0.5, size, mode)
    wide = scale.clamp(min=1.0) if isinstance(scale, Tensor) else max(scale, 1.0)
    weight = _kernel(((at + 0.5 - centre) / wide).abs(), mode, -0.5)
    if isinstance(start, Tensor):
        weight = _core.where((at >= start) & (at < start + length), weight, 0.0)
    return weight / weight.sum(2, keepdim=True)


def _kernel(distance: Tensor, mode: InterpolationMode, a: float) -> Tensor:
    if mode is InterpolationMode.BILINEAR:
        return (1 - distance).clamp(min=0)
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = a * (((distance - 5) * distance + 8) * distance - 4)
    return _core.where(distance < 1, near, _core.where(distance < 2, far, 0.0))


def _taps(at: Tensor, place: Tensor, size: int, mode: InterpolationMode) -> Tensor:
    """Give the weights of the two or four pixels around a place; those outside are the border's."""
    place = place.clamp(min=0) if mode is InterpolationMode.BILINEAR else place
    first = place.floor()
    weight: Any = 0.0
    for k in (0, 1) if mode is InterpolationMode.BILINEAR else (-1, 0, 1, 2):
        share = _kernel((first + k - place).abs(), mode, -0.75)
        weight = weight + _core.where(at == (first + k).clamp(0, size - 1), share, 0.0)
    made: Tensor = weight
    return made


# ---- Rotations -----------------------------------------------------------------------------------------


def rotate(
    x: Tensor,
    angle: Any,
    mode: InterpolationMode = InterpolationMode.NEAREST,
    expand: bool = False,
    centre: Sequence[float] | None = None,
    fill: Any = None,
) -> Tensor:
    """Turn images counterclockwise by degrees, one number or one for each, about the centre (x, y).

    Where pixels from outside count at bilinear's borders they are black, and blended with the fill then, as
    in torchvision.
    """
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        raise ValueError(
            f"[rotate] interpolation is {mode.value!r}; tensors are turned by nearest or bilinear"
        )
    height, width = int(x.shape[2]), int(x.shape[3])
    out = (height, width)
    if expand:
        if isinstance(angle, Tensor):
            if angle.numel() != 1:
                raise ValueError("[rotate] expand gives each image a size of its own: turn them one by one")
            angle = float(angle)
        out = _turned_size(height, width, angle)
    across, down = (0.0, 0.0) if centre is None else (centre[0] - width / 2, centre[1] - height / 2)
    angle = angle if isinstance(angle, Tensor) else _core.tensor([float(angle)], dtype=_core.float64)
    turn = (angle.to(_core.float64) * (math.pi / 180)).reshape(-1, 1, 1)
    cos, sin = turn.cos(), turn.sin()
    x_out = _core.arange(out[1], dtype=_core.float64).reshape(1, 1, -1) + (0.5 - out[1] / 2 - across)
    y_out = _core.arange(out[0], dtype=_core.float64).reshape(1, -1, 1) + (0.5 - out[0] / 2 - down)
    columns = cos * x_out - sin * y_out + (width / 2 - 0.5 + across)
    rows = sin * x_out + cos * y_out + (height / 2 - 0.5 + down)
    if mode is InterpolationMode.NEAREST:
        value, weight = _corner(x, rows.round(), columns.round())
        return _core.where(weight, value, colours(x, 0 if fill is None else fill))
    floats = x if x.dtype == _core.float64 else x.to(_core.float32)
    top, left = rows.floor(), columns.floor()
    made: Any = 0.0
    total: Any = 0.0
    for i in (0, 1):
        for j in (0, 1):
            share = (1 - (rows - (top + i)).abs()) * (1 - (columns - (left + j)).abs())
            value, inside = _corner(floats, top + i, left + j)
            part = _core.where(inside, share[:, None].to(floats.dtype), 0.0)
            made, total = made + value * part, total + part
    if fill is not None:
        made = made * total + (1 - total) * colours(floats, fill)
    return rounded(made, x.dtype)


def _corner(x: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Give the pixels at whole places, and (N, 1, h, w) whether these lie inside."""
    height, width = x.shape[2], x.shape[3]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    rows, columns = rows.clamp(0, height - 1).to(_core.int64), columns.clamp(0, width - 1).to(_core.int64)
    return _gathered(x, rows, columns), inside[:, None]


def _turned_size(height: int, width: int, angle: float) -> tuple[int, int]:
    """Give the size that holds an image turned by degrees."""
    turn = math.radians(angle)
    corners = [(a * width / 2, b * height / 2) for a in (-1, 1) for b in (-1, 1)]
    spans = []
    for of in (
        [math.sin(turn) * a + math.cos(turn) * b + height / 2 for a, b in corners],
        [math.cos(turn) * a - math.sin(turn) * b + width / 2 for a, b in corners],
    ):
        tidy = [round(v, 4) for v in (min(of), max(of))]  # 1e-15 is no pixel
        spans.append(math.ceil(tidy[1]) - math.floor(tidy[0]))
    return spans[0], spans[1]


# ---- Boxes ---------------------------------------------------------------------------------------------


def erase(x: Tensor, top: Any, left: Any, height: Any, width: Any, value: Any) -> Tensor:
    """Put a value, or tensor that broadcasts to x, into a box."""
    top, left, height, width = (
        side.reshape(-1, 1, 1, 1) if isinstance(side, Tensor) else side for side in (top, left, height, width)
    )
    rows, columns = (
        _core.arange(x.shape[2]).reshape(1, 1, -1, 1),
        _core.arange(x.shape[3]).reshape(1, 1, 1, -1),
    )
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    return _core.where(inside, value if isinstance(value, Tensor) else colours(x, value), x)


# ---- Colours -------------------------------------------------------------------------------------------


def three_channels(op: str, x: Tensor) -> None:
    """Raise unless images have three channels."""
    if x.shape[1] != 3:
        raise ShapeError(f"[{op}] the image is {x.shape[1:]}; it must have 3 channels, red, green and blue")


def grey(x: Tensor) -> Tensor:
    """Give the luma of RGB, (N, 1, H, W): 0.2989 R + 0.587 G + 0.114 B (ITU-R BT.601)."""
    three_channels("rgb_to_grayscale", x)
    red, green, blue = (x[:, i : i + 1].to(_work(x)) for i in range(3))
    return (0.2989 * red + 0.587 * green + 0.114 * blue).to(x.dtype)


def _work(x: Tensor) -> Any:
    return _core.float64 if x.dtype == _core.float64 else _core.float32


def _blended(x: Tensor, other: Any, factor: Any) -> Tensor:
    """Give factor · x + (1 - factor) · other, within the range of pixels."""
    kind = _work(x)
    share = factor.to(kind).reshape(-1, 1, 1, 1) if isinstance(factor, Tensor) else factor
    if isinstance(other, Tensor):
        other = other.to(kind)
    mixed: Tensor = x.to(kind) * share + other * (1 - share)
    return mixed.clamp(0, 1 if x.dtype.is_floating_point else 255).to(x.dtype)


def brightness(x: Tensor, factor: Any) -> Tensor:
    """Blend with black."""
    return _blended(x, 0.0, factor)


def contrast(x: Tensor, factor: Any) -> Tensor:
    """Blend with the mean of the grey image."""
    luma = grey(x) if x.shape[1] == 3 else x
    return _blended(x, luma.to(_work(x)).mean((1, 2, 3), keepdim=True), factor)


def saturation(x: Tensor, factor: Any) -> Tensor:
    """Blend with the grey image."""
    return x if x.shape[1] == 1 else _blended(x, grey(x), factor)


def hue(x: Tensor, factor: Any) -> Tensor:
    """Turn the hue by a part of the circle, from -1/2 to 1/2: through HSV and back.

    Source: A. R. Smith (1978), Color Gamut Transform Pairs.
    """
    if x.shape[1] == 1:
        return x
    three_channels("adjust_hue", x)
    whole = not x.dtype.is_floating_point
    if whole and x.dtype != _core.uint8:
        raise DTypeError(f"[adjust_hue] the image is {x.dtype.name}; it must be uint8 or a float")
    rgb = x.to(_core.float32) / 255 if whole else x
    red, green, blue = rgb.unbind(1)
    most, least = rgb.amax(1), rgb.amin(1)
    spread = most - least
    flat = spread == 0
    by = _core.where(flat, 1.0, spread)
    angle = _core.where(
        most == red,
        (green - blue) / by,
        _core.where(most == green, 2 + (blue - red) / by, 4 + (red - green) / by),
    )
    turned = factor.to(rgb.dtype).reshape(-1, 1, 1) if isinstance(factor, Tensor) else factor
    sixths = (angle / 6 + 1 + turned) * 6
    planes = []
    for n in (5, 3, 1):
        k = (sixths + n) % 6
        planes.append(most - spread * k.minimum(4 - k).clamp(0, 1))
    made = _core.stack(planes, 1)
    return (made * 255.999).to(_core.uint8) if whole else made
