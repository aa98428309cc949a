"""Differences, integrals, covariances, norms of parts: compositions that no op of the registry can be."""

from __future__ import annotations

from backsweep import _core
from backsweep._arguments import whole
from backsweep._core import DTypeError, ShapeError, Tensor
from backsweep._methods import method

__all__ = ["corrcoef", "cov", "cumulative_trapezoid", "diff", "renorm", "trapezoid", "trapz"]


@method
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Give the differences x[k + 1] - x[k] along an axis, n times over.

    Parameters
    ----------
    input : Tensor
        Of bools: whether neighbours differ.
    n : int
    dim : int
    prepend, append : Tensor, optional
        Put before and after along the axis first.

    Returns
    -------
    Tensor
        n positions shorter.

    Raises
    ------
    ShapeError
        If input has no axes.
    """
    parts = [t for t in (prepend, input, append) if t is not None]
    x = _core.cat(parts, dim) if len(parts) > 1 and n != 0 else input
    if x.ndim == 0:
        raise ShapeError("[diff] input is 0-d: differences run along an axis")
    for _ in range(min(whole("diff", "n", n, 0), x.size(dim))):
        later, earlier = x.narrow(dim, 1, x.size(dim) - 1), x.narrow(dim, 0, x.size(dim) - 1)
        x = later != earlier if x.dtype == _core.bool_ else later - earlier
    return x


def _trapezoids(y: Tensor, x: Tensor | None, dx: float, dim: int) -> Tensor:
    """Give the integrals between neighbours along an axis."""
    n = y.size(dim)
    both = y.narrow(dim, 1, n - 1) + y.narrow(dim, 0, n - 1)
    if x is None:
        return both * (dx / 2)
    if x.ndim == 1:
        x = x.reshape([x.numel() if d == dim % y.ndim else 1 for d in range(y.ndim)])
    return diff(x, dim=dim) * both / 2


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1.0, dim: int = -1) -> Tensor:
    """Integrate along an axis: the sum of (x[k + 1] - x[k]) (y[k] + y[k + 1]) / 2.

    Parameters
    ----------
    y : Tensor
    x : Tensor, optional
        Where, a vector along the axis or of y's shape; else positions are `dx` apart.
    dx : float
    dim : int

    Returns
    -------
    Tensor
        Without the axis.
    """
    if y.size(dim) == 0:
        return y.sum(dim).to(y.dtype)
    return _trapezoids(y, x, dx, dim).sum(dim)


trapz = trapezoid


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1.0, dim: int = -1) -> Tensor:
    """Integrate along an axis up to each position after the first, as `trapezoid`.

    Parameters
    ----------
    y : Tensor
    x : Tensor, optional
        Where, a vector along the axis or of y's shape; else positions are `dx` apart.
    dx : float
    dim : int

    Returns
    -------
    Tensor
        One position shorter.
    """
    if y.size(dim) == 0:
        return y
    return _trapezoids(y, x, dx, dim).cumsum(dim)


@method
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """Estimate the covariances of variables (rows) from observations (columns).

    Parameters
    ----------
    input : Tensor, shape (variables, observations), or (observations,), or ()
    correction : int
        Taken from the number of observations: sum (x - mean) (y - mean) / (n - correction).
    fweights : Tensor of ints, shape (observations,), optional
        How often each was seen.
    aweights : Tensor, shape (observations,), optional
        What each counts.

    Returns
    -------
    Tensor, shape (variables, variables), or () of one variable

    Raises
    ------
    ShapeError
        If input has more than two axes, or there is not one weight for each observation.
    ValueError
        If a weight is negative.
    """
    if input.ndim > 2:
        raise ShapeError(f"[cov] input is {tuple(input.shape)}: variables are rows of a matrix")
    x = input if input.ndim == 2 else input.reshape(1, input.numel())
    x = x if x.dtype.is_floating_point else x.to(_core.float32)
    weights = None
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is not None:
            if w.shape != (x.size(1),):
                raise ShapeError(
                    f"[cov] {name} is {tuple(w.shape)}: one for each of {x.size(1)} observations"
                )
            if w.dtype.is_floating_point != (name == "aweights"):
                raise DTypeError(f"[cov] {name} is {w.dtype}: fweights are whole numbers, aweights floats")
            if not w.is_symbolic and bool((w < 0).any()):
                raise ValueError(
                    f"[cov] {name} has negative elements: no observation counts less than nothing"
                )
            weights = w.to(x.dtype) if weights is None else weights * w
    if weights is None:
        total = norm = _core.tensor(float(x.size(1)), dtype=x.dtype)
        weighed = x - x.mean(1, keepdim=True)
        centered = weighed
    else:
        total = norm = weights.sum()
        if aweights is not None and correction:
            norm = (weights * aweights.to(x.dtype)).sum() / total
            norm = total - correction * norm
        centered = x - (x * weights).sum(1, keepdim=True) / total
        weighed = centered * weights
    if weights is None or aweights is None or not correction:
        norm = norm - correction
    made = weighed @ centered.t() / _core.maximum(norm, 0.0)
    return made.squeeze()


@method
def corrcoef(input: Tensor) -> Tensor:
    """Give the correlations of variables (rows): covariances over the deviations of both."""
    c = cov(input)
    if c.ndim == 0:
        return c / c
    deviation = c.diagonal().sqrt()
    return _core.minimum(_core.maximum(c / deviation.unsqueeze(1) / deviation, -1.0), 1.0)


@method
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Shrink each part at a position of an axis whose p-norm is above `maxnorm` to that norm.

    Parameters
    ----------
    input : Tensor
        float32 or float64, of two axes or more.
    p : float
        Above 0.
    dim : int
    maxnorm : float

    Returns
    -------
    Tensor
        A part x with ‖x‖ > maxnorm as x maxnorm / (‖x‖ + 1e-7).

    Raises
    ------
    ShapeError
        The input has fewer than two axes.
    ValueError
        `p` is not above 0, or `maxnorm` below it.
    """
    if input.ndim < 2:
        raise ShapeError(f"[renorm] input is {tuple(input.shape)}: it must have two axes or more")
    if not p > 0 or maxnorm < 0:
        raise ValueError(f"[renorm] p is {p}, maxnorm {maxnorm}: p must be above 0, maxnorm not below")
    axes = [d for d in range(input.ndim) if d != dim % input.ndim]
    norms = input.norm(p, axes, True)
    return input * _core.where(norms > maxnorm, maxnorm / (norms + 1e-7), 1.0).to(input.dtype)
