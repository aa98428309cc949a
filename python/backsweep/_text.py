"""The text of a tensor, as PyTorch prints it: of a large one its corners, which is all that is looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from backsweep import _core
from backsweep._arguments import shown
from backsweep._core import Parameter, Tensor

__all__ = ["get_printoptions", "printoptions", "set_printoptions", "text"]

Array = npt.NDArray[Any]


class _Options:
    precision: int
    threshold: float
    edgeitems: int
    linewidth: int
    sci_mode: bool | None

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)


_DEFAULT: dict[str, Any] = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80}
_PROFILES = {
    "default": _DEFAULT,
    "short": _DEFAULT | {"precision": 2, "edgeitems": 2},
    "full": _DEFAULT | {"threshold": math.inf},
}
_options = _Options(**_DEFAULT, sci_mode=None)


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed.

    Parameters
    ----------
    precision : int, default 4
        Digits behind the point.
    threshold : float, default 1000
        The number of elements beyond which only corners are shown.
    edgeitems : int, default 3
        How many elements at each end of an axis these have.
    linewidth : int, default 80
    profile : {"default", "short", "full"}, optional
        Sets all of them, before those that are given.
    sci_mode : bool, optional
        Whether floats have exponents; by default where they differ much.

    Raises
    ------
    ValueError
        If the profile is none of these.
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(
                f"[set_printoptions] profile is {shown(profile)}; it must be one of {list(_PROFILES)}"
            )
        vars(_options).update(_PROFILES[profile])
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    vars(_options).update({name: value for name, value in given.items() if value is not None})
    _options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """Give what `set_printoptions` has set."""
    return dict(vars(_options))


@contextmanager
def printoptions(**kwargs: Any) -> Iterator[None]:
    """Print tensors with other options inside the block; arguments as of `set_printoptions`."""
    before = dict(vars(_options))
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        vars(_options).update(before)


class _Formatter:
    """How one element is written: all as wide as the widest of `values`."""

    def __init__(self, values: Array) -> None:
        self.floating = values.dtype.kind == "f"
        self.whole, self.exponents, self.width = True, False, 1
        if not self.floating:
            self.width = max(len(str(value)) for value in values.tolist())
            return
        finite = values[np.isfinite(values) & (values != 0)].astype(np.float64)
        if finite.size:
            sizes = np.abs(finite)
            largest, smallest = float(sizes.max()), float(sizes.min())
            self.whole = bool((finite == np.ceil(finite)).all())
            differ = largest / smallest > 1000 or largest > 1e8 or (not self.whole and smallest < 1e-4)
            self.exponents = differ if _options.sci_mode is None else _options.sci_mode
            kind = (
                f".{_options.precision}e"
                if self.exponents
                else ".0f"
                if self.whole
                else f".{_options.precision}f"
            )
            point = int(self.whole and not self.exponents)
            self.width = max(len(format(value, kind)) for value in finite.tolist()) + point

    def __call__(self, value: Any) -> str:
        if not self.floating:
            made = str(value)
        elif self.exponents:
            made = f"{value:.{_options.precision}e}"
        elif self.whole:
            made = f"{value:.0f}" + "." * math.isfinite(value)
        else:
            made = f"{value:.{_options.precision}f}"
        return made.rjust(self.width)


def text(input: Tensor) -> str:
    """Give the text of a tensor that has a value."""
    plain = type(input) in (Tensor, _core.Parameter, _core.Buffer)
    prefix = "tensor(" if plain else f"{type(input).__name__}("
    suffixes = []
    if input.numel() == 0:
        body = "[]"
        if input.ndim != 1:
            suffixes.append(f"size={tuple(input.shape)}")
    else:
        cut = input.numel() > _options.threshold
        values, axes = _corners(input, cut)
        body = _nested(values, axes, len(prefix), _Formatter(values.ravel()))
    usual = input.dtype == _core.get_default_dtype() or (
        input.numel() > 0 and input.dtype in (_core.int64, _core.bool_)
    )
    if not usual:
        suffixes.append(f"dtype={input.dtype!r}")
    if input.requires_grad:
        name = None if input.is_leaf else getattr(input, "grad_fn", None)
        suffixes.append("requires_grad=True" if name is None else f"grad_fn=<{name.name()}>")
    made = prefix + body
    width = len(made) - made.rfind("\n") + 1
    for suffix in suffixes:
        if width + len(suffix) + 2 > _options.linewidth:
            made += ",\n" + " " * len(prefix) + suffix
            width = len(prefix) + len(suffix)
        else:
            made += ", " + suffix
            width += len(suffix) + 2
    return "Parameter containing:\n" * isinstance(input, Parameter) + made + ")"


def _corners(input: Tensor, cut: bool) -> tuple[Array, list[bool]]:
    """Give the elements that are shown, and along which axes some are left out."""
    half = (
        input.dtype == _core.bfloat16
    )  # which NumPy does not have: its bits are the upper half of a float32's
    values: Array = (_core.ops.bitcast(input.detach(), dtype=_core.int16) if half else input).numpy()
    edge = _options.edgeitems
    axes = [cut and size > 2 * edge for size in values.shape]
    for axis, is_cut in enumerate(axes):
        if is_cut:
            ends = [values.take(range(edge), axis), values.take(range(-edge, 0), axis)]
            values = np.concatenate(ends, axis)
    if half:
        values = (values.astype(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return values, axes


def _nested(values: Array, axes: list[bool], indent: int, one: _Formatter) -> str:
    """Give nested brackets; `axes` says along which axes something is left out in the middle."""
    if values.ndim == 0:
        return one(values.item())
    if values.ndim == 1:
        parts = [one(value) for value in values.tolist()]
        separator = ", "
        gap = " ..."
    else:
        parts = [_nested(row, axes[1:], indent + 1, one) for row in values]
        separator = "," + "\n" * (values.ndim - 1) + " " * (indent + 1)
        gap = "..."
    if axes[0]:
        parts.insert(len(parts) // 2, gap)
    if values.ndim == 1:
        each = max(1, (_options.linewidth - indent) // (one.width + 2))
        lines = [separator.join(parts[i : i + each]) for i in range(0, len(parts), each)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    return "[" + separator.join(parts) + "]"
