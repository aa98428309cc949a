"""What chooses elements and cannot be one op: keys of any number of tensors, results of one or several."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backsweep import _core
from backsweep._arguments import sizes
from backsweep._core import DTypeError, ShapeError, Tensor
from backsweep._methods import method

__all__ = [
    "diagonal_scatter",
    "index_put",
    "nonzero",
    "select_scatter",
    "slice_scatter",
    "unique",
    "unique_consecutive",
    "unravel_index",
]

_unique_parts = _core.ops.unique_parts
_index_put: Callable[..., Tensor] = vars(_core)["_index_put"]  # not in the stubs


@method
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """Find the elements that are not 0.

    Parameters
    ----------
    input : Tensor
    as_tuple : bool, default False
        Give a vector for each axis, as `input[...]` takes them, instead of one matrix.

    Returns
    -------
    Tensor, shape (n, axes), int64, or a tuple of Tensor, shape (n,), int64
        Positions in row-major order.

    Raises
    ------
    GraphError
        In a capture, where n is not known.
    """
    return _core.ops.where_true(input) if as_tuple else _core.argwhere(input)


def _some(parts: tuple[Tensor, Tensor, Tensor], inverse: bool, counts: bool) -> Tensor | tuple[Tensor, ...]:
    made = [parts[0], *([parts[1]] if inverse else []), *([parts[2]] if counts else [])]
    return tuple(made) if len(made) > 1 else made[0]


@method
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Tensor | tuple[Tensor, ...]:
    """Find the distinct elements, ascending; NaN is equal to nothing.

    Parameters
    ----------
    input : Tensor
    sorted : bool, default True
        Taken for PyTorch's sake: the result is sorted in any case.
    return_inverse, return_counts : bool, default False
        Also give, for each element, which of the distinct ones it is, and how often each of these occurs.
    dim : int, optional
        Compare the rows along this axis instead of elements.

    Returns
    -------
    Tensor, or a tuple of Tensor
        The distinct elements, and what else was asked for (int64).

    Raises
    ------
    GraphError
        In a capture, where the size of the result is not known.
    """
    return _some(_unique_parts(input, dim=dim), return_inverse, return_counts)


@method
def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Tensor | tuple[Tensor, ...]:
    """Leave out elements that are equal to the one before them.

    Parameters
    ----------
    input : Tensor
    return_inverse, return_counts : bool, default False
        Also give, for each element, the number of the one that stands for it, and for how many each stands.
    dim : int, optional
        Compare the rows along this axis instead of elements.

    Returns
    -------
    Tensor, or a tuple of Tensor
        The elements that stay, and what else was asked for (int64).

    Raises
    ------
    GraphError
        In a capture, where the size of the result is not known.
    """
    return _some(_unique_parts(input, dim=dim, consecutive=True), return_inverse, return_counts)


@method
def index_put(input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> Tensor:
    """Give input with values at indices: what `input[indices] = values` leaves.

    Parameters
    ----------
    input : Tensor
    indices : sequence of Tensor
        Integers (int64, int32), which broadcast together, or masks (bool), for the first axes.
    values : Tensor
        Of input's dtype; broadcasts to `input[indices]`.
    accumulate : bool, default False
        Add to what is there, in the order of indices, also where positions repeat. Else the last one stays.

    Returns
    -------
    Tensor

    Raises
    ------
    IndexError
        If an index is outside its axis, or a mask does not fit.
    ShapeError, DTypeError
        If values do not fit.
    """
    return _index_put(input, tuple(indices), values, accumulate)


@method
def index_put_(input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False) -> Tensor:
    """Write values at indices, as index_put; gives the tensor."""
    return input.copy_(_index_put(input, tuple(indices), values, accumulate))


@method
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Give input with src in place of `input.select(dim, index)`, whose shape it has."""
    made = input.clone()
    made.select(dim, index).copy_(_of_part("select_scatter", src, made.select(dim, index)))
    return made


@method
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """Give input with src in place of `input[start:end:step]` along dim, whose shape it has."""
    made = input.clone()
    key = (slice(None),) * (dim % max(input.ndim, 1)) + (slice(start, end, step),)
    made[key] = _of_part("slice_scatter", src, made[key])
    return made


@method
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Give input with src in place of `input.diagonal(offset, dim1, dim2)`, whose shape it has."""
    made = input.clone()
    part = made.diagonal(offset, dim1, dim2)
    part.copy_(_of_part("diagonal_scatter", src, part))
    return made


def _of_part(op: str, src: Tensor, part: Tensor) -> Tensor:
    if src.shape != part.shape:
        raise ShapeError(f"[{op}] src is {tuple(src.shape)}: it must be {tuple(part.shape)}, as the part")
    return src


def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Give the positions along each axis of row-major positions in a tensor of a shape.

    Parameters
    ----------
    indices : Tensor
        int64 or int32, from -n to n - 1 of the n elements; elsewhere the result is not looked at.
    shape : int or ints

    Returns
    -------
    tuple of Tensor, int64
        One for each axis, of the shape of `indices`.

    Raises
    ------
    DTypeError
        The positions are no integers.
    """
    if indices.dtype not in (_core.int64, _core.int32):
        raise DTypeError(f"[unravel_index] indices are {indices.dtype}: cast them, as in x.to(bs.int64)")
    rest, made = indices.to(_core.int64), []
    for n in reversed(sizes("unravel_index", "shape", shape)):
        made.append(rest % n)
        rest = rest // n
    return tuple(reversed(made))
