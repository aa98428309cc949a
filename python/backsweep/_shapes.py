"""Functions of several tensors, or of sizes that values say, that no op of the registry can be: PyTorch's."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal, cast

import numpy as np

from backsweep import _core
from backsweep._arguments import one_of, sizes, tensor, whole
from backsweep._core import DType, ShapeError, Tensor
from backsweep._methods import method

__all__ = [
    "as_strided",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "block_diag",
    "broadcast_shapes",
    "broadcast_tensors",
    "cartesian_prod",
    "column_stack",
    "combinations",
    "dsplit",
    "dstack",
    "hsplit",
    "hstack",
    "meshgrid",
    "narrow_copy",
    "repeat_interleave",
    "row_stack",
    "split_with_sizes",
    "tensor_split",
    "tril_indices",
    "triu_indices",
    "vsplit",
    "vstack",
]


def _all(op: str, tensors: Sequence[Tensor | Sequence[Tensor]]) -> list[Tensor]:
    """Give tensors that came singly or in one sequence."""
    single = len(tensors) == 1 and not isinstance(tensors[0], Tensor)
    items = cast(Sequence[Tensor], tensors[0] if single else tensors)
    return [tensor(op, f"tensors[{i}]", t) for i, t in enumerate(items)]


@method
def as_strided(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """Show the elements of a tensor, counted in row-major order, that lie `stride` apart along each axis.

    A view: what is written to it is seen in the input. Gradients of an element that it shows more than once
    add up.

    Parameters
    ----------
    input : Tensor
        Contiguous.
    size, stride : sequence of int
        Those of the result.
    storage_offset : int, default 0
        Which element comes first.

    Raises
    ------
    ShapeError
        If the input is not contiguous, or an element would lie outside of it.
    """
    x = tensor("as_strided", "input", input)
    if not x.is_contiguous():
        raise ShapeError(
            f"[as_strided] input is {tuple(x.shape)} with strides {x.stride()}: it must be contiguous, as "
            "x.contiguous() is"
        )
    return _core.ops.as_strided(x, tuple(size), tuple(stride), storage_offset or 0)


def broadcast_shapes(*shapes: Sequence[int] | int) -> tuple[int, ...]:
    """Give the shape to which shapes broadcast; ShapeError where they do not go together."""
    try:
        return np.broadcast_shapes(*(s if isinstance(s, int) else tuple(s) for s in shapes))
    except ValueError:
        text = " and ".join(str(s if isinstance(s, int) else tuple(s)) for s in shapes)
        raise ShapeError(f"[broadcast_shapes] {text} do not go together") from None


def broadcast_tensors(*tensors: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Give views of tensors, all expanded to the shape to which theirs broadcast."""
    given = _all("broadcast_tensors", tensors)
    shape = broadcast_shapes(*(t.shape for t in given))
    return tuple(t.expand(shape) for t in given)


def meshgrid(*tensors: Tensor | Sequence[Tensor], indexing: Literal["ij", "xy"] = "ij") -> tuple[Tensor, ...]:
    """Give the coordinates of a grid, one tensor for each axis.

    Parameters
    ----------
    *tensors : Tensor, shapes (n_k,) or ()
        The positions along each axis, singly or in one sequence.
    indexing : str
        "ij": axis k of the results is that of tensor k; "xy": the first two are exchanged.

    Returns
    -------
    tuple of Tensor, shape (n_0, n_1, ...)
        Views: element [i, j, ...] of result k is element i, j, ... of tensor k.

    Raises
    ------
    ShapeError
        If a tensor has more than one axis.
    """
    one_of("meshgrid", "indexing", indexing, ("ij", "xy"))
    given = _all("meshgrid", tensors)
    for t in given:
        if t.ndim > 1:
            raise ShapeError(f"[meshgrid] a tensor is {t.shape}: positions lie along one axis")
    n = len(given)
    swapped = indexing == "xy" and n > 1
    order = [1, 0, *range(2, n)] if swapped else [*range(n)]
    sizes = [t.numel() for t in given]
    made = []
    for k, t in enumerate(given):
        axis = order.index(k)
        shape = [1] * n
        shape[axis] = sizes[k]
        made.append(t.reshape(shape).expand([sizes[k] for k in order]))
    return tuple(made)


def cartesian_prod(*tensors: Tensor | Sequence[Tensor]) -> Tensor:
    """Give all tuples of an element of each tensor, as rows; of one tensor, itself."""
    given = _all("cartesian_prod", tensors)
    if len(given) == 1:
        return given[0]
    return _core.stack([g.flatten() for g in meshgrid(*given)], dim=1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Give all choices of r elements of a vector, in the order of their positions, as rows.

    Parameters
    ----------
    input : Tensor, shape (n,)
    r : int
    with_replacement : bool, default False
        Let an element be chosen again.

    Returns
    -------
    Tensor, shape (choices, r)

    Raises
    ------
    ShapeError
        If input has not one axis.
    """
    if input.ndim != 1:
        raise ShapeError(f"[combinations] input is {tuple(input.shape)}: elements are chosen of a vector")
    r = whole("combinations", "r", r, 0)
    if r == 0:
        return _core.zeros(0, dtype=input.dtype)
    n = input.numel()
    if r == 2:
        rows = np.stack(np.triu_indices(n, 0 if with_replacement else 1), 1)
    else:
        choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
        rows = np.array(list(choose(range(n), r)), np.int64).reshape(-1, r)
    return input.index_rows(_core.tensor(rows))


def block_diag(*tensors: Tensor | Sequence[Tensor]) -> Tensor:
    """Give a matrix with matrices along its diagonal and zeros elsewhere; vectors count as rows.

    Raises
    ------
    ShapeError
        If a tensor has more than two axes.
    """
    given = [_at_least(2, t) for t in _all("block_diag", tensors)]
    width = sum(t.shape[1] for t in given)
    rows, left = [], 0
    for t in given:
        if t.ndim != 2:
            raise ShapeError(f"[block_diag] a tensor is {t.shape}: give matrices")
        rows.append(_core.ops.pad(t, [left, width - left - t.shape[1]]))
        left += t.shape[1]
    return _core.cat(rows)


def _at_least(n: int, t: Tensor) -> Tensor:
    """Give t with n axes or more, as NumPy's functions of these names."""
    if n == 3 and t.ndim < 3:
        return _at_least(2, t).unsqueeze(-1)
    return t.reshape((1,) * (n - t.ndim) + tuple(t.shape)) if t.ndim < n else t


def atleast_1d(*tensors: Tensor | Sequence[Tensor]) -> Tensor | tuple[Tensor, ...]:
    """Give tensors with one axis or more: a view of one tensor, a tuple of several."""
    made = tuple(_at_least(1, t) for t in _all("atleast_1d", tensors))
    return made[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else made


def atleast_2d(*tensors: Tensor | Sequence[Tensor]) -> Tensor | tuple[Tensor, ...]:
    """Give tensors with two axes or more, new ones first: a view of one tensor, a tuple of several."""
    made = tuple(_at_least(2, t) for t in _all("atleast_2d", tensors))
    return made[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else made


def atleast_3d(*tensors: Tensor | Sequence[Tensor]) -> Tensor | tuple[Tensor, ...]:
    """Give tensors with three axes or more, (n,) as (1, n, 1), (m, n) as (m, n, 1)."""
    made = tuple(_at_least(3, t) for t in _all("atleast_3d", tensors))
    return made[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else made


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Give tensors one after another along axis 1, vectors along axis 0."""
    given = [_at_least(1, t) for t in _all("hstack", (tensors,))]
    return _core.cat(given, 0 if given and given[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Give tensors one below another, vectors as rows."""
    return _core.cat([_at_least(2, t) for t in _all("vstack", (tensors,))])


row_stack = vstack


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Give tensors one behind another along axis 2, of which those with fewer have one position."""
    return _core.cat([_at_least(3, t) for t in _all("dstack", (tensors,))], 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Give tensors side by side, vectors as columns."""
    given = _all("column_stack", (tensors,))
    return _core.cat([t.reshape(t.numel(), 1) if t.ndim < 2 else t for t in given], 1)


@method
def tensor_split(
    input: Tensor, indices_or_sections: int | Sequence[int] | Tensor, dim: int = 0
) -> tuple[Tensor, ...]:
    """Take an axis apart into equal parts, the first ones one longer, or before the given positions. Views.

    Parameters
    ----------
    input : Tensor
    indices_or_sections : int, or ints
        How many parts, or the positions (negative ones from the end) where they begin after the first.
    dim : int

    Returns
    -------
    tuple of Tensor

    Raises
    ------
    ShapeError
        If input has no axes.
    """
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = cast(int | list[int], indices_or_sections.tolist())
    if input.ndim == 0:
        raise ShapeError("[tensor_split] a 0-d tensor has no axis to take apart")
    n = input.size(dim)
    if isinstance(indices_or_sections, Sequence):
        ends = [whole("tensor_split", "a position", i, None) for i in indices_or_sections]
        ends = [max(i + n, 0) if i < 0 else min(i, n) for i in ends]
        return tuple(
            input.narrow(dim, min(a, b), max(b - a, 0)) for a, b in zip([0, *ends], [*ends, n], strict=True)
        )
    parts = whole("tensor_split", "indices_or_sections", indices_or_sections)
    return input.split([n // parts + (k < n % parts) for k in range(parts)], dim)


def _split_axis(
    op: str, input: Tensor, parts: int | Sequence[int] | Tensor, dim: int, least: int
) -> tuple[Tensor, ...]:
    if input.ndim < least:
        raise ShapeError(f"[{op}] input is {tuple(input.shape)}: it must have {least} axes or more")
    if isinstance(parts, int) and (parts < 1 or input.size(dim) % parts):
        raise ShapeError(
            f"[{op}] axis {dim} of {tuple(input.shape)} does not divide into {parts} equal parts"
        )
    return tensor_split(input, parts, dim)


@method
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Take an axis apart into parts of the given sizes. Views, as of `split`."""
    return input.split(list(split_sizes), dim)


@method
def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """Give a copy of `input.narrow(dim, start, length)`."""
    return input.narrow(dim, start, length).clone()


@method
def sum_to_size(input: Tensor, *size: int | Sequence[int]) -> Tensor:
    """Add up what broadcasting a tensor of that size to input's shape would repeat."""
    given = size[0] if len(size) == 1 else size
    shape = sizes("sum_to_size", "size", given)
    skip = input.ndim - len(shape)
    fits = skip >= 0 and all(n in (1, m) for n, m in zip(shape, input.shape[max(skip, 0) :], strict=True))
    if not fits:
        raise ShapeError(f"[sum_to_size] {shape} does not broadcast to input's {tuple(input.shape)}")
    axes = [d for d in range(input.ndim) if d < skip or (shape[d - skip] == 1 and input.shape[d] != 1)]
    return (input.sum(axes, keepdim=True) if axes else input).reshape(shape)


@method
def hsplit(input: Tensor, indices_or_sections: int | Sequence[int] | Tensor) -> tuple[Tensor, ...]:
    """Take axis 1 apart, of a vector axis 0, as `tensor_split`, but only into equal parts. Views."""
    return _split_axis("hsplit", input, indices_or_sections, 0 if input.ndim == 1 else 1, 1)


@method
def vsplit(input: Tensor, indices_or_sections: int | Sequence[int] | Tensor) -> tuple[Tensor, ...]:
    """Take axis 0 apart as `tensor_split`, but only into equal parts. Views."""
    return _split_axis("vsplit", input, indices_or_sections, 0, 2)


@method
def dsplit(input: Tensor, indices_or_sections: int | Sequence[int] | Tensor) -> tuple[Tensor, ...]:
    """Take axis 2 apart as `tensor_split`, but only into equal parts. Views."""
    return _split_axis("dsplit", input, indices_or_sections, 2, 3)


@method
def repeat_interleave(
    input: Tensor, repeats: int | Tensor, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Repeat each element along an axis, one after the other.

    Parameters
    ----------
    input : Tensor
    repeats : int, or Tensor of ints, shape () or (n,)
        How often, for all or for each position. A tensor's values are read: not inside `bs.compile`.
    dim : int, optional
        The axis; of all elements in a row if it is left out.
    output_size : int, optional
        The size that the axis gets; checked.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If there is neither one repeat nor one for each element of the axis.
    ValueError
        If a repeat is negative.
    """
    if dim is None:
        input, dim = input.flatten(), 0
    input = _at_least(1, input)
    n = input.size(dim)
    dim %= input.ndim
    counts = repeats.tolist() if isinstance(repeats, Tensor) else repeats
    if isinstance(counts, list) and len(counts) == 1:
        counts = counts[0]
    if isinstance(counts, list):
        if len(counts) != n:
            raise ShapeError(f"[repeat_interleave] repeats has {len(counts)} elements, axis {dim} has {n}")
        if min(counts, default=0) < 0:
            raise ValueError(f"[repeat_interleave] repeats has {min(counts)}: it must be 0 or more")
        places = _core.tensor(np.repeat(np.arange(n), counts))
        made = input.movedim(dim, 0).index_rows(places).movedim(0, dim).contiguous()
    else:
        times = whole("repeat_interleave", "repeats", cast(int, counts), 0)
        shape = tuple(input.shape)
        wide = input.unsqueeze(dim + 1).expand((*shape[: dim + 1], times, *shape[dim + 1 :]))
        made = wide.reshape((*shape[:dim], n * times, *shape[dim + 1 :])).contiguous()
    if output_size is not None and made.size(dim) != output_size:
        raise ValueError(f"[repeat_interleave] output_size is {output_size}, the result has {made.size(dim)}")
    return made


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: DType = _core.int64) -> Tensor:
    """Give the places (2, n) of the lower triangle of a (row, col) matrix, row by row."""
    row, col = (whole("tril_indices", name, n, 0) for name, n in (("row", row), ("col", col)))
    return _core.tensor(np.stack(np.tril_indices(row, offset, col)), dtype=dtype)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: DType = _core.int64) -> Tensor:
    """Give the places (2, n) of the upper triangle of a (row, col) matrix, row by row."""
    row, col = (whole("triu_indices", name, n, 0) for name, n in (("row", row), ("col", col)))
    return _core.tensor(np.stack(np.triu_indices(row, offset, col)), dtype=dtype)
