"""Images at other sizes and places; `backsweep.nn.functional` has these among its names."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from math import floor, isfinite
from typing import Any, Literal

from backsweep import _core
from backsweep._arguments import flag, floats, number, one_of, shown, tensor, whole
from backsweep._core import ShapeError, Tensor

__all__ = [
    "affine_grid",
    "grid_sample",
    "interpolate",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

Mode = Literal["nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area", "lanczos"]
MODES: tuple[Mode, ...] = (
    "nearest",
    "nearest-exact",
    "linear",
    "bilinear",
    "trilinear",
    "bicubic",
    "area",
    "lanczos",
)
_ALIGNED = {"linear": 3, "bilinear": 4, "trilinear": 5, "bicubic": 4, "lanczos": 4}  # axes of inputs
_KINDS = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic", "lanczos": "lanczos"}

_resample = _core.ops.resample


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: Mode = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Give signals, images or volumes another size: y_i = sum_j w(s (i + 1/2) - 1/2 - j) x_j along each axis.

    Parameters
    ----------
    input : Tensor, floats, shape (N, C, L), (N, C, H, W) or (N, C, D, H, W)
        With "nearest" and "nearest-exact" of any dtype.
    size : int or sequence of int, optional
        Of the axes behind the channels.
    scale_factor : float or sequence of float, optional
        What is given instead of `size`: the new size is floor(size · factor), and s is 1 / factor.
    mode : str, default "nearest"
        What w is: "linear", "bilinear" and "trilinear" (of 3, 4 and 5 axes) take two neighbours, "bicubic"
        (of 4 axes) four, "area" the mean of what a new pixel covers; "nearest" takes pixel floor(s i),
        "nearest-exact" floor(s (i + 1/2)). "lanczos" needs `antialias`.
    align_corners : bool, optional
        For the modes that weigh neighbours: the corners' centres stay where they are, at s i with
        s = (size - 1) / (new size - 1).
    recompute_scale_factor : bool, optional
        Whether s is size / new size for a `scale_factor` too.
    antialias : bool, default False
        For "bilinear", "bicubic" and "lanczos" of 4 axes: where the size shrinks, w is as much wider. As in
        Pillow, "bicubic" then has another w.

    Raises
    ------
    ShapeError
        If the input has not the axes that the mode takes, or a size is below 1.
    ValueError
        If both or neither of `size` and `scale_factor` are given, or what else does not go with the mode.

    Notes
    -----
    Source of the cubic w: Keys (1981), Cubic convolution interpolation for digital image processing.
    """
    op = "interpolate"
    input, antialias = tensor(op, "input", input), flag(op, "antialias", antialias)
    axes, aligned = input.ndim - 2, mode in _ALIGNED
    one_of(op, "mode", mode, MODES)
    if input.ndim not in (3, 4, 5) or (aligned and input.ndim != _ALIGNED[mode]):
        takes = _ALIGNED.get(mode, "3, 4 or 5")
        raise ShapeError(f'[{op}] input is {input.shape}; mode="{mode}" takes {takes} axes, (N, C, ...)')
    if align_corners is not None and not aligned:
        raise ValueError(f'[{op}] align_corners is {align_corners}; mode="{mode}" knows none: leave it out')
    if antialias != (mode == "lanczos") and not (antialias and mode in ("bilinear", "bicubic")):
        raise ValueError(f'[{op}] antialias is {antialias}; mode="{mode}" needs {not antialias}')
    corners = align_corners is not None and flag(op, "align_corners", align_corners)
    if (size is None) == (scale_factor is None):
        raise ValueError(f"[{op}] give one of size and scale_factor")
    old = input.shape[2:]
    factors: list[float | None] = [None] * axes
    if size is not None:
        if recompute_scale_factor:
            raise ValueError(f"[{op}] recompute_scale_factor is for scale_factor; size is given")
        new = [whole(op, "size", n) for n in _each(op, "size", size, axes)]
    else:
        given = [number(op, "scale_factor", f) for f in _each(op, "scale_factor", scale_factor, axes)]
        if not all(map(isfinite, given)):
            raise ValueError(f"[{op}] scale_factor is {shown(scale_factor)}; it must be finite")
        new = [floor(n * f) for n, f in zip(old, given, strict=True)]
        if not recompute_scale_factor and mode != "area":
            factors = [f if f > 0 else None for f in given]
    if min((*old, *new), default=1) < 1:
        raise ShapeError(
            f"[{op}] input is {input.shape}, the new size {tuple(new)}: sizes must be at least 1"
        )
    kind = _KINDS.get(mode, mode)
    if antialias:
        kind = f"smooth-{kind}"
    # First the axes that shrink most; of equal ones the last, whose elements are moved one by one.
    for i in sorted(range(axes), key=lambda i: (new[i] / old[i], -i)):
        if corners:
            step = (old[i] - 1) / (new[i] - 1) if new[i] > 1 else 0.0
        else:
            factor = factors[i]
            step = old[i] / new[i] if factor is None else 1.0 / factor
        if (
            kind == "nearest" and axes == 2 and new[i] in (old[i], 2 * old[i])
        ):  # as PyTorch, whatever the factor
            step = old[i] / new[i]
        if new[i] != old[i] or (step != 1.0 and kind in ("nearest", "nearest-exact", "cubic")):
            input = _axis(op, input, i + 2, kind, new[i], step, corners)
    return input


def _each(op: str, name: str, given: Any, axes: int) -> list[Any]:
    """Give what is one for each axis, or the same for all, as a list, or raise."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        return [given] * axes
    if len(given) != axes:
        raise ValueError(
            f"[{op}] {name} is {tuple(given)}; it must be a number, or one for each of {axes} axes"
        )
    return list(given)


def _axis(op: str, input: Tensor, dim: int, kind: Any, size: int, step: float, corners: bool) -> Tensor:
    at_size = partial(
        _resample, mode=kind, from_size=input.shape[dim], to_size=size, step=step, align_corners=corners
    )
    if input.dtype.is_floating_point:
        made: Tensor = at_size(input, dim)
        return made
    if not kind.startswith("nearest"):
        floats(op, "input", input)
    places = at_size(_core.arange(input.shape[dim], dtype=_core.float64), 0)
    return _core.index_select(input, dim, _core.cast(places, _core.int64))


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: Mode = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Call `interpolate`, as PyTorch's old name does, which is said in a warning."""
    warnings.warn("[upsample] is deprecated: use interpolate", UserWarning, stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """Call `interpolate` with mode="nearest", as PyTorch's old name does, which is said in a warning."""
    warnings.warn("[upsample_nearest] is deprecated: use interpolate", UserWarning, stacklevel=2)
    return interpolate(input, size, scale_factor)


def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """Call `interpolate` with mode="bilinear" and aligned corners, as PyTorch's old name does, and warn."""
    warnings.warn("[upsample_bilinear] is deprecated: use interpolate", UserWarning, stacklevel=2)
    return interpolate(input, size, scale_factor, "bilinear", True)


# ---- Sampling at given places ------------------------------------------------------------------------------


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Give the places theta_n (x, y, 1) of the pixels of an image, for `grid_sample`.

    Parameters
    ----------
    theta : Tensor, floats, shape (N, 2, 3), or (N, 3, 4) for volumes
        Affine maps.
    size : sequence of int
        Of what is to be sampled, (N, C, H, W) or (N, C, D, H, W).
    align_corners : bool, optional
        Whether -1 and 1 are the centres of the corner pixels, not their outer edges; False if left out.

    Returns
    -------
    Tensor, shape (N, H, W, 2) or (N, D, H, W, 3)

    Raises
    ------
    ShapeError
        If theta does not go with the size.

    Notes
    -----
    Source: Jaderberg et al. (2015), Spatial Transformer Networks, arXiv:1506.02025.
    """
    op = "affine_grid"
    theta = floats(op, "theta", theta)
    shape = tuple(whole(op, "size", n) for n in size)
    n = len(shape) - 2
    if n not in (2, 3) or theta.shape != (shape[0], n, n + 1):
        raise ShapeError(
            f"[{op}] theta is {theta.shape}, size is {shape}: they must be (N, 2, 3) and (N, C, H, W), or "
            "(N, 3, 4) and (N, C, D, H, W)"
        )
    corners = align_corners is not None and flag(op, "align_corners", align_corners)
    places = []
    for i, length in enumerate(reversed(shape[2:])):  # x is along the last axis
        line = _core.linspace(-1.0, 1.0, length, dtype=theta.dtype)
        if length == 1:
            line = _core.zeros(1, dtype=theta.dtype)
        elif not corners:
            line = line * ((length - 1) / length)
        along = [1] * n
        along[n - 1 - i] = length
        places.append(_core.expand(_core.reshape(line, along), shape[2:]))
    places.append(_core.ones(shape[2:], dtype=theta.dtype))
    base = _core.reshape(_core.stack(places, -1), (-1, n + 1))
    return _core.reshape(base @ theta.mT, (shape[0], *shape[2:], n))


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: Literal["bilinear", "nearest", "bicubic"] = "bilinear",
    padding_mode: Literal["zeros", "border", "reflection"] = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Give images at places: y_nc(p) = sum_q w(grid_n(p) - q) x_nc(q), over the pixels q near by.

    Parameters
    ----------
    input : Tensor, floats, shape (N, C, H, W) or (N, C, D, H, W)
    grid : Tensor, floats, shape (N, H', W', 2) or (N, D', H', W', 3)
        Places (x, y) or (x, y, z), of which -1 and 1 are the edges of the image.
    mode : {"bilinear", "nearest", "bicubic"}
        "bilinear" is trilinear for volumes, which know no "bicubic".
    padding_mode : {"zeros", "border", "reflection"}
        What lies outside the image.
    align_corners : bool, optional
        Whether -1 and 1 are the centres of the corner pixels, not their outer edges; False if left out.

    Returns
    -------
    Tensor, shape (N, C, H', W') or (N, C, D', H', W')

    Raises
    ------
    ShapeError
        If the shapes do not go together.
    DTypeError
        If input and grid are of two dtypes.

    Notes
    -----
    Source: Jaderberg et al. (2015), Spatial Transformer Networks, arXiv:1506.02025.
    """
    op = "grid_sample"
    input, grid = floats(op, "input", input), floats(op, "grid", grid)
    corners = align_corners is not None and flag(op, "align_corners", align_corners)
    made: Tensor = _core.ops.grid_sample(input, grid, mode, padding_mode, corners)
    return made
