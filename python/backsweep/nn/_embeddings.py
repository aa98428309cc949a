"""Rows of tables by their numbers; `backsweep.nn.functional` has them among its names."""

from __future__ import annotations

from typing import Literal

from backsweep import _core
from backsweep._arguments import flag, floats, number, one_of, tensor, whole
from backsweep._core import DTypeError, ShapeError, Tensor
from backsweep.nn._distances import length

__all__ = ["embedding", "embedding_bag", "padding_row"]

Mode = Literal["sum", "mean", "max"]


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Give the rows of a table at some numbers: weight[input].

    Parameters
    ----------
    input : Tensor, integers, any shape
    weight : Tensor, shape (rows, ...)
    padding_idx : int, optional
        A row whose gradient is 0.
    max_norm : float, optional
        Rows that are looked up and longer are made so short first, in place.
    norm_type : float, default 2
        The p of that norm.
    scale_grad_by_freq : bool, default False
        Divide the gradient of each row by how often it is looked up.
    sparse : bool, default False
        Taken for PyTorch's sake: gradients are dense here, and optimizers update a table row by row where
        that pays.

    Returns
    -------
    Tensor, shape input.shape + weight.shape[1:]

    Raises
    ------
    DTypeError
        If the input is no integers.
    IndexError
        If a number is not among the rows.
    ValueError
        If `padding_idx` is not.
    """
    op = "embedding"
    input, weight = _table(op, input, weight, max_norm, norm_type)
    flag(op, "sparse", sparse)
    made = _looked_up(op, input, weight, scale_grad_by_freq)
    if padding_idx is None:
        return made
    row = padding_row(op, padding_idx, weight.shape[0])
    padding = _core.reshape(input == row, (*input.shape, *[1] * (weight.ndim - 1)))
    return _core.where(padding, made.detach(), made)


def padding_row(op: str, padding_idx: int, rows: int) -> int:
    """Give the row that `padding_idx` means, or raise."""
    row = whole(op, "padding_idx", padding_idx, None)
    if not -rows <= row < rows:
        raise ValueError(f"[{op}] padding_idx is {row}, weight has {rows} rows")
    return row % rows


def _table(
    op: str, input: Tensor, weight: Tensor, max_norm: float | None, norm_type: float
) -> tuple[Tensor, Tensor]:
    """Give numbers as int64, and the table, whose rows are shortened where that is asked for."""
    input, weight = tensor(op, "input", input), tensor(op, "weight", weight)
    if input.dtype.is_floating_point or input.dtype == _core.bool_:
        raise DTypeError(
            f"[{op}] input is {input.dtype.name}: numbers of rows are integers, as of x.to(bs.int64)"
        )
    input = input if input.dtype == _core.int64 else _core.cast(input, _core.int64)
    if max_norm is not None:
        _shorten(input, weight, number(op, "max_norm", max_norm), number(op, "norm_type", norm_type))
    return input, weight


def _looked_up(op: str, input: Tensor, weight: Tensor, by_frequency: bool) -> Tensor:
    made = _core.index_rows(weight, input)
    if flag(op, "scale_grad_by_freq", by_frequency) and made.requires_grad:
        flat = _core.reshape(input, (-1,))
        ones = _core.ones(flat.shape, dtype=weight.dtype)
        often = _core.index_add(_core.zeros(weight.shape[0], dtype=weight.dtype), 0, flat, ones)
        share = _core.reshape(1 / _core.index_rows(often, input), (*input.shape, *[1] * (weight.ndim - 1)))
        made.register_hook(lambda g: g * share)
    return made


def _shorten(input: Tensor, weight: Tensor, most: float, p: float) -> None:
    """Shorten those rows of a table that are looked up and longer."""
    with _core.no_grad():
        norm = length(weight, p, 1, True)
        unused = _core.zeros(weight.shape[0], dtype=_core.bool_)
        used = _core.index_fill(unused, 0, _core.reshape(input, (-1,)), True)
        long = (norm > most) & _core.reshape(used, (-1, 1))
        weight.copy_(_core.where(long, weight * (most / (norm + 1e-7)), weight))


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: Mode = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Give the sums, means or maxima of bags of rows of a table: sum_j weight[input[i, j]].

    Parameters
    ----------
    input : Tensor, integers, shape (B, N) or (n,)
        B bags of N numbers, or bags one after the other.
    weight : Tensor, floats, shape (rows, D)
    offsets : Tensor, integers, shape (B,)
        Where each bag of an input (n,) begins, the first at 0. Offsets that fall or lead outside of the input
        raise; in a compiled function, which computes them, the results are NaN.
    max_norm, norm_type, scale_grad_by_freq, sparse
        As those of `embedding`; `scale_grad_by_freq` is not for "max".
    mode : {"mean", "sum", "max"}, default "mean"
    per_sample_weights : Tensor, floats, the input's shape, optional
        What each row is multiplied by, for "sum" alone.
    include_last_offset : bool, default False
        Whether `offsets` ends with the end of the last bag: it has B + 1 numbers then. What comes after that
        end is in no bag.
    padding_idx : int, optional
        A row that no bag counts, and whose gradient is 0.

    Returns
    -------
    Tensor, shape (B, D)
        Zeros for bags without rows.

    Raises
    ------
    DTypeError
        If the input or offsets are no integers.
    IndexError
        If a number is not among the rows.
    ShapeError
        If the shapes do not go together.
    ValueError
        If `padding_idx` is no row, offsets are not those of the input, or the mode does not allow an
        argument.
    """
    op = "embedding_bag"
    mode = one_of(op, "mode", mode, ("sum", "mean", "max"))
    if flag(op, "scale_grad_by_freq", scale_grad_by_freq) and mode == "max":
        raise ValueError(f'[{op}] scale_grad_by_freq has no meaning for mode="max"')
    flag(op, "sparse", sparse)
    if per_sample_weights is not None and mode != "sum":
        raise ValueError(f'[{op}] per_sample_weights is for mode="sum", not "{mode}"')
    input, weight = _table(op, input, weight, max_norm, norm_type)
    if weight.ndim != 2 or input.ndim not in (1, 2):
        raise ShapeError(
            f"[{op}] input is {input.shape}, weight is {weight.shape}: they are (B, N) or (n,), and (rows, D)"
        )
    rows = _looked_up(op, input, weight, scale_grad_by_freq)
    counted = None
    if padding_idx is not None:
        counted = _core.reshape(input != padding_row(op, padding_idx, weight.shape[0]), (*input.shape, 1))
    if per_sample_weights is not None:
        given = floats(op, "per_sample_weights", per_sample_weights)
        if given.shape != input.shape:
            raise ShapeError(
                f"[{op}] input is {input.shape}, per_sample_weights is {given.shape}: must be equal"
            )
        rows = rows * _core.reshape(given, (*input.shape, 1))
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(f"[{op}] offsets is for an input (n,); {input.shape} has one bag a row")
        return _of_equal_bags(rows, counted, mode)
    if offsets is None:
        raise ValueError(f"[{op}] input is {input.shape}: offsets must say where its bags begin")
    with_end = flag(op, "include_last_offset", include_last_offset)
    bags, bag, valid = _bags(op, input, offsets, with_end)
    made = _of_bags(rows, counted, mode, bags + with_end, bag)
    made = made[:bags] if with_end else made
    return made if valid is None else _core.where(valid, made, float("nan"))


def _of_equal_bags(rows: Tensor, counted: Tensor | None, mode: Mode) -> Tensor:
    """Reduce rows (B, N, D); `counted` is (B, N, 1)."""
    if rows.shape[1] == 0:
        return _core.sum(rows, 1)
    if mode == "max":
        if counted is None:
            return _core.amax(rows, 1)
        most = _core.amax(_core.where(counted, rows, -float("inf")), 1)
        return _core.where(_core.any(counted, 1), most, 0.0)
    if counted is None:
        return _core.sum(rows, 1) if mode == "sum" else _core.mean(rows, 1)
    total = _core.sum(_core.where(counted, rows, 0.0), 1)
    return total if mode == "sum" else total / _core.clamp_min(_core.sum(counted, 1), 1)


def _bags(op: str, input: Tensor, offsets: Tensor, with_end: bool) -> tuple[int, Tensor, Tensor | None]:
    """Give the number of bags, of each number its bag, and whether offsets are right where a run says it.

    Numbers past the end of the last bag have the number of bags.
    """
    begins, n = tensor(op, "offsets", offsets), input.shape[0]
    if begins.ndim != 1 or (with_end and begins.shape[0] == 0):
        raise ShapeError(f"[{op}] offsets is {begins.shape}; it must be (B,), or (B + 1,) with its end")
    if begins.dtype.is_floating_point or begins.dtype == _core.bool_:
        raise DTypeError(f"[{op}] offsets is {begins.dtype.name}: cast it, as in x.to(bs.int64)")
    bags, valid = begins.shape[0] - with_end, None
    if begins.shape[0]:
        valid = (begins[0] == 0) & (begins[-1] <= n) & _core.all(begins[1:] >= begins[:-1])
        if not valid.is_symbolic:
            if not valid:
                first, last = int(begins[0]), int(begins[-1])
                raise ValueError(
                    f"[{op}] offsets go from {first} to {last}: they must begin at 0, never fall, end within "
                    f"the {n} numbers of input"
                )
            valid = None
    return bags, _core.searchsorted(begins, _core.arange(n, dtype=begins.dtype), right=True) - 1, valid


def _of_bags(rows: Tensor, counted: Tensor | None, mode: Mode, bags: int, bag: Tensor) -> Tensor:
    """Reduce rows (n, D) by their bags; `counted` is (n, 1)."""
    empty = _core.zeros((bags, rows.shape[1]), dtype=rows.dtype)
    if mode == "sum":
        return _core.index_add(empty, 0, bag, rows if counted is None else _core.where(counted, rows, 0.0))
    ones = _core.ones((rows.shape[0], 1), dtype=rows.dtype)
    there = ones if counted is None else _core.cast(counted, rows.dtype)
    number = _core.index_add(_core.zeros((bags, 1), dtype=rows.dtype), 0, bag, there)
    if mode == "mean":
        rows = rows if counted is None else _core.where(counted, rows, 0.0)
        return _core.index_add(empty, 0, bag, rows) / _core.clamp_min(number, 1)
    rows = rows if counted is None else _core.where(counted, rows, -float("inf"))
    most = _core.index_reduce(empty, 0, bag, rows, "amax", include_self=False)
    return _core.where(number > 0, most, 0.0)
