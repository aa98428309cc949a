"""A step length that satisfies the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from backsweep._core import Tensor

__all__ = ["Point", "strong_wolfe"]

_LESS, _FLATTER = (
    1e-4,
    0.9,
)  # of the slope at the start: how much is gained at least, how steep the end may be


class Point(NamedTuple):
    """Where a step of length t leads: the loss, the gradient, and the slope along the direction."""

    t: float
    loss: float
    gradient: Tensor
    slope: float


def _between(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Give where the cubic through both, with their slopes, is least; the middle where it has no minimum."""
    low, high = bounds or (min(a.t, b.t), max(a.t, b.t))
    if a.t > b.t:
        a, b = b, a
    mean = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = mean**2 - a.slope * b.slope
    root = math.sqrt(square) if square >= 0 else math.nan
    below = b.slope - a.slope + 2 * root
    if math.isnan(root) or below == 0:
        return (low + high) / 2
    return min(max(b.t - (b.t - a.t) * ((b.slope + root - mean) / below), low), high)


def strong_wolfe(
    at: Callable[[float], Point], start: Point, t: float, size: float, tolerance_change: float, most: int
) -> tuple[Point, int]:
    """Search along a direction for a loss that is low and flat enough.

    Parameters
    ----------
    at : function of float
        Evaluates a step length.
    start : Point
        That of length 0.
    t : float
        The first length to try.
    size : float
        The largest element of the direction.
    tolerance_change : float
        An interval in which no element moves by as much is not divided any more.
    most : int
        How many more lengths may be tried.

    Returns
    -------
    (Point, int)
        The best one, and how many were evaluated.

    Notes
    -----
    Source: Nocedal & Wright (2006), Numerical optimization, 2nd ed., algorithms 3.5 and 3.6, with cubic
    interpolation.
    """

    def enough(p: Point) -> bool:
        return abs(p.slope) <= -_FLATTER * start.slope

    def too_high(p: Point) -> bool:
        return p.loss > start.loss + _LESS * p.t * start.slope

    # Longer and longer, until there is a minimum in between.
    before, now, n = start, at(t), 0
    while n < most:
        if too_high(now) or (n > 1 and now.loss >= before.loss):
            break
        if enough(now):
            return now, n + 1
        if now.slope >= 0:
            break
        longer = _between(before, now, (now.t + 0.01 * (now.t - before.t), now.t * 10))
        before, now, n = now, at(longer), n + 1
    else:
        before = start
    ends = [before, now]
    low = 0 if before.loss <= now.loss else 1  # which of the ends is lower
    stuck = False
    while n < most and abs(ends[1].t - ends[0].t) * size >= tolerance_change:
        t = _between(ends[0], ends[1])
        left, right = sorted(end.t for end in ends)
        margin = 0.1 * (right - left)
        near = min(right - t, t - left) < margin
        if near and (stuck or t >= right or t <= left):  # so close to an end for the second time
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            near = False
        stuck = near
        now, n = at(t), n + 1
        if too_high(now) or now.loss >= ends[low].loss:
            ends[1 - low] = now
            low = 0 if ends[0].loss <= ends[1].loss else 1
        elif enough(now):
            return now, n + 1
        else:
            if now.slope * (ends[1 - low].t - ends[low].t) >= 0:
                ends[1 - low] = ends[low]
            ends[low] = now
    return ends[low], n + 1
