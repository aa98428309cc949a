"""Counts of elements by intervals: PyTorch's histogram and histogramdd, without derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from backsweep import _core
from backsweep._arguments import floats, tensor, whole
from backsweep._core import DTypeError, ShapeError, Tensor, no_grad
from backsweep._methods import method

__all__ = ["histogram", "histogramdd"]


class histogram_counts(NamedTuple):
    hist: Tensor
    bin_edges: Tensor


class histogramdd_counts(NamedTuple):
    hist: Tensor
    bin_edges: tuple[Tensor, ...]


for _made, _name in ((histogram_counts, "histogram"), (histogramdd_counts, "histogramdd")):
    _made.__name__ = _made.__qualname__ = _name
    _made.__module__ = "backsweep.return_types"
    setattr(_core.return_types, _name, _made)


def _bounds(op: str, x: Tensor, low: float, high: float, chosen: bool) -> tuple[Tensor, Tensor]:
    """Give the ends of a range, those of x unless `chosen`; 1 apart where they are equal."""
    if chosen and not low <= high:
        raise ValueError(f"[{op}] the range is {low} to {high}: its end must not be below its begin")
    if chosen or x.numel() == 0:
        lo, hi = _core.tensor(low, dtype=x.dtype), _core.tensor(high, dtype=x.dtype)
    else:
        lo, hi = x.amin(), x.amax()
    lo, hi = _core.ops.histogram_range(lo, hi)
    spread = _core.where(lo == hi, 0.5, 0.0).to(x.dtype)
    return lo - spread, hi + spread


def _edges(lo: Tensor, hi: Tensor, bins: int) -> Tensor:
    """Give bins + 1 edges, from both ends inwards, so that both are hit."""
    k = _core.arange(bins + 1, dtype=lo.dtype)
    step = (hi - lo) / bins
    return _core.where(k < (bins + 1) // 2, lo + step * k, hi - step * (bins - k))


def _places(x: Tensor, edges: Tensor) -> Tensor:
    """Give the interval of each element (the last is closed), the number of intervals where it is in none."""
    bins = edges.numel() - 1
    place = _core.bucketize(x, edges, right=True) - 1
    place = _core.where(x == edges[-1], bins - 1, place)
    return _core.where((place < 0) | (x != x), bins, place)


def _counted(place: Tensor, weight: Tensor, bins: int) -> Tensor:
    """Add up weights by places, of which `bins` is that of no interval. float32 would count to 2^24."""
    sums = _core.zeros(bins + 1, dtype=_core.float64).index_add(0, place, weight.to(_core.float64))
    return sums[:bins].to(weight.dtype)


@method
@no_grad()
def histogram(
    input: Tensor,
    bins: int | Tensor,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> tuple[Tensor, Tensor]:
    """Count elements by intervals.

    Parameters
    ----------
    input : Tensor
        float32 or float64.
    bins : int, or Tensor, shape (n + 1,)
        How many intervals of equal size; or their edges, ascending. All but the last are half open.
    range : (float, float), optional
        Where intervals of equal size begin and end; else at the least and the largest element.
    weight : Tensor, optional
        What each element counts, of input's shape and dtype; else 1.
    density : bool, default False
        Divide by the sum of all and the size of the interval, so that the integral is 1.

    Returns
    -------
    hist : Tensor, shape (n,)
    bin_edges : Tensor, shape (n + 1,)
        Both of input's dtype, as a named tuple.

    Raises
    ------
    ValueError
        If the range, or without one an element, is not finite, or the range's size is not.
    """
    x = floats("histogram", "input", input)
    made = _histogram(
        "histogram", x.reshape(x.numel(), 1), [bins], range, _weight("histogram", x, weight, x.shape), density
    )
    return histogram_counts(made[0], made[1][0])


@no_grad()
def histogramdd(
    input: Tensor,
    bins: int | Sequence[int] | Sequence[Tensor],
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Count points by boxes.

    Parameters
    ----------
    input : Tensor, shape (..., d)
        Points: float32 or float64.
    bins : int, d ints, or d Tensors
        As of `histogram`, one for all axes or one for each.
    range : 2 d floats, optional
        Begin and end along each axis.
    weight : Tensor, shape (...), optional
        What each point counts; else 1.
    density : bool, default False
        Divide by the sum of all and the size of the box.

    Returns
    -------
    hist : Tensor, shape (n_1, ..., n_d)
    bin_edges : tuple of Tensor
        As a named tuple.

    Raises
    ------
    ShapeError
        If input is not (..., d), or there is not one weight for each point.
    ValueError
        If the range, or without one a point, is not finite, or the range's size is not.
    """
    x = floats("histogramdd", "input", input)
    if x.ndim < 2:
        raise ShapeError(f"[histogramdd] input is {tuple(x.shape)}: it must be (..., d), points of d numbers")
    d = x.shape[-1]
    each: Sequence[int | Tensor] = [bins] * d if isinstance(bins, int) else list(bins)
    weight = _weight("histogramdd", x, weight, x.shape[:-1])
    made = _histogram("histogramdd", x.reshape(-1, d), each, range, weight, density)
    return histogramdd_counts(*made)


def _weight(op: str, x: Tensor, weight: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    if weight is None:
        return _core.ones(shape, dtype=x.dtype).flatten()
    w = tensor(op, "weight", weight)
    if w.shape != shape:
        raise ShapeError(f"[{op}] weight is {tuple(w.shape)}: one for each of {tuple(shape)}")
    if w.dtype != x.dtype:
        raise DTypeError(f"[{op}] weight is {w.dtype}, input is {x.dtype}: cast one")
    return w.flatten()


def _histogram(
    op: str,
    x: Tensor,
    bins: Sequence[int | Tensor],
    range: Sequence[float] | None,
    weight: Tensor,
    density: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Count the rows of x (n, d)."""
    d = x.shape[-1]
    if len(bins) != d:
        raise ShapeError(f"[{op}] bins has {len(bins)} items: one for each of {d} axes")
    if range is not None and len(range) != 2 * d:
        raise ShapeError(f"[{op}] range has {len(range)} numbers: begin and end of each of {d} axes")
    all_edges, place, outside, total = [], None, None, 1
    for k, b in enumerate(bins):
        column = x.select(1, k)
        if isinstance(b, Tensor):
            if b.ndim != 1 or b.numel() < 2:
                raise ShapeError(f"[{op}] bins is {tuple(b.shape)}: edges are a vector of two or more")
            if b.dtype != x.dtype:
                raise DTypeError(f"[{op}] bins is {b.dtype}, input is {x.dtype}: cast one")
            if range is not None:
                raise ValueError(f"[{op}] range is given beside edges: it is of intervals of equal size")
            edges = b
        else:
            low, high = (0.0, 1.0) if range is None else (float(range[2 * k]), float(range[2 * k + 1]))
            lo, hi = _bounds(op, column, low, high, range is not None)
            edges = _edges(lo, hi, whole(op, "bins", b))
        n = edges.numel() - 1
        at = _places(column, edges)
        beyond = at == n
        place = at if place is None else place * n + at
        outside = beyond if outside is None else outside | beyond
        total *= n
        all_edges.append(edges)
    if place is None or outside is None:
        raise ShapeError(f"[{op}] input is {tuple(x.shape)}: points have one number or more")
    hist = _counted(_core.where(outside, total, place), weight, total)
    hist = hist.reshape([e.numel() - 1 for e in all_edges])
    if density:
        hist = hist / hist.sum()
        for k, edges in enumerate(all_edges):
            sizes = edges[1:] - edges[:-1]
            hist = hist / sizes.reshape([-1 if j == k else 1 for j, _ in enumerate(all_edges)])
    return hist, tuple(all_edges)
