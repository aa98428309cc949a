"""Products whose form is text or lists: einsum, tensordot."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import EllipsisType
from typing import Any

from backsweep import _core
from backsweep._arguments import tensor
from backsweep._core import Tensor

__all__ = ["einsum", "tensordot"]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # in the order of PyTorch's numbers
Labels = tuple[int, ...]


def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sum products of tensors over the axes that the equation names.

    Letters name axes, operands stand between commas, the result behind ``->``: ``"bij,bjk->bik"`` is Σ_j
    x_bij y_bjk. A letter that the result lacks is summed over; one that an operand has twice takes its
    diagonal. Without ``->`` the result has the letters that occur once, in alphabetical order. ``...``
    stands for the axes without a letter; they broadcast, as do axes of size 1, and come first in a result
    that is not given. As in NumPy's other form, operands and lists of numbers below 52 may take turns:
    ``einsum(x, [0, 1], y, [1, 2], [0, 2])``, with Ellipsis for ``...``.

    Each pair of operands is one matrix product, a product of elements where nothing is summed over; of
    several, the pair comes first whose product is smallest.

    Parameters
    ----------
    equation : str
        Or the first operand, of the form with lists.
    *operands : Tensor
        Of one dtype; also one list of them.

    Raises
    ------
    ValueError
        An equation that says nothing, or not as many operands or axes as it names.
    ShapeError
        Axes of one letter differ in size.

    Examples
    --------
    >>> bs.einsum("ij,jk->ik", bs.ones(2, 3), bs.ones(3, 4)).shape
    (2, 4)
    """
    if not isinstance(equation, str):
        return _by_lists((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    tensors = [tensor("einsum", "an operand", x) for x in operands]
    labels, out = _parse(equation, tuple([x.ndim for x in tensors]))
    return _core.ops.einsum(tensors, labels, out)


@lru_cache(maxsize=1024)
def _parse(equation: str, ranks: tuple[int, ...]) -> tuple[Labels, Labels]:
    """Give the labels of all operands' axes and of the result's; axes of ``...`` have labels from 52 on."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise ValueError(f'[einsum] "{equation}" names {len(terms)} operands, {len(ranks)} are given')
    return _expand(
        [_letters(term, equation) for term in terms], _letters(right, equation) if arrow else None, ranks
    )


def _letters(term: str, equation: str) -> list[int]:
    """Give the numbers of letters, -1 for ``...``."""
    made, i = [], 0
    while i < len(term):
        dots = term.startswith("...", i)
        if not dots and term[i] not in LETTERS:
            raise ValueError(f'[einsum] "{equation}" has "{term[i]}": axes are letters, or ... for several')
        made.append(-1 if dots else LETTERS.index(term[i]))
        i += 3 if dots else 1
    return made


def _by_lists(given: Sequence[Any]) -> Tensor:
    tensors, terms, out = [], [], None
    for i in range(0, len(given), 2):
        if i + 1 == len(given):
            out = _numbers(given[i])
        else:
            tensors.append(tensor("einsum", "an operand", given[i]))
            terms.append(_numbers(given[i + 1]))
    labels, result = _expand(terms, out, tuple([x.ndim for x in tensors]))
    return _core.ops.einsum(tensors, labels, result)


def _numbers(axes: Sequence[int | EllipsisType]) -> list[int]:
    made = [-1 if a is Ellipsis else int(a) for a in axes]
    for a, given in zip(made, axes, strict=True):
        if given is not Ellipsis and not 0 <= a < len(LETTERS):
            raise ValueError(f"[einsum] an axis has the number {a}: they are 0 to {len(LETTERS) - 1}")
    return made


def _expand(terms: list[list[int]], out: list[int] | None, ranks: tuple[int, ...]) -> tuple[Labels, Labels]:
    """Put labels for what -1 stands for, aligned at the right, and find the result where none is given."""
    labels: list[int] = []
    most = 0
    for k, (term, rank) in enumerate(zip(terms, ranks, strict=True)):
        dots = term.count(-1)
        hidden = rank - (len(term) - dots)
        if dots > 1:
            raise ValueError(f"[einsum] operand {k} has ... more than once")
        if hidden < 0 or (hidden > 0 and not dots):
            raise ValueError(f"[einsum] operand {k} has {rank} axes, {len(term) - dots} are named")
        for label in term:
            labels += [label] if label >= 0 else range(52 + hidden - 1, 51, -1)
        most = max(most, hidden if dots else 0)
    several = range(52 + most - 1, 51, -1)
    if out is None:
        named = [label for label in labels if label < 52]
        return tuple(labels), (*several, *sorted(x for x in set(named) if named.count(x) == 1))
    if out.count(-1) > 1:
        raise ValueError("[einsum] the result has ... more than once")
    result: list[int] = []
    for label in out:
        result += [label] if label >= 0 else several
    return tuple(labels), tuple(result)


def tensordot(a: Any, b: Any, dims: Any = 2) -> Tensor:
    """Sum products of a and b over some axes of each: Σ a_...k b_k....

    The result has the other axes of a, then those of b.

    Parameters
    ----------
    a, b : Tensor
    dims : int or pair of lists of int
        How many of the last axes of a meet the first ones of b; or the axes of a and those of b.

    Raises
    ------
    ShapeError
        Axes that meet differ in size.
    """
    x = tensor("tensordot", "a", a)
    y = tensor("tensordot", "b", b)
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0 or dims > min(x.ndim, y.ndim):
            raise ValueError(f"[tensordot] dims is {dims}: a has {x.ndim} axes, b has {y.ndim}")
        dims = ([*range(x.ndim - dims, x.ndim)], [*range(dims)])
    of_x, of_y = (
        [_axis(d, t.ndim) for d in ([ds] if isinstance(ds, int) else ds)]
        for ds, t in zip(dims, (x, y), strict=True)
    )
    if len(of_x) != len(of_y) or len({*of_x}) < len(of_x) or len({*of_y}) < len(of_y):
        raise ValueError(f"[tensordot] dims is {dims}: it must name as many axes of a as of b, each once")
    of_b = list(range(x.ndim, x.ndim + y.ndim))
    for i, j in zip(of_x, of_y, strict=True):
        if x.shape[i] != y.shape[j] and 1 not in (x.shape[i], y.shape[j]):
            raise _core.ShapeError(
                f"[tensordot] a is {x.shape}, b is {y.shape}: "
                f"sizes {x.shape[i]} and {y.shape[j]} that meet differ"
            )
        of_b[j] = i
    out = [d for d in range(x.ndim) if d not in of_x] + [d for d in of_b if d >= x.ndim]
    return _core.ops.einsum([x, y], [*range(x.ndim), *of_b], out)


def _axis(dim: int, n: int) -> int:
    if not -n <= dim < n:
        raise IndexError(f"[tensordot] dim {dim} is outside a tensor of {n} dimensions")
    return dim % n
