"""Batches over arrays in memory, for loops of your own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy.typing as npt

from backsweep import _core
from backsweep._arguments import flag, whole
from backsweep._core import ShapeError, Tensor
from backsweep._gather import table

__all__ = ["Batches"]


class Batches:
    """Iterates over arrays in batches of rows; each loop over it is one epoch.

    Parameters
    ----------
    *arrays : Tensor or array_like, shape (n, ...)
        Arrays with the same number of rows.
    batch_size : int, default 32
    shuffle : bool, default False
        Whether each epoch takes the rows in a new order, drawn from the default generator (`bs.manual_seed`).
    drop_last : bool, default False
        Whether to leave out a last batch that is not full.

    Yields
    ------
    tuple of Tensor
        The same rows of each array, with its dtype.

    Raises
    ------
    ShapeError
        If the arrays differ in their number of rows.

    Examples
    --------
    >>> for x, y in Batches(X, labels, batch_size=64, shuffle=True):
    ...     step(x, y)
    """

    def __init__(
        self,
        *arrays: Tensor | npt.ArrayLike,
        batch_size: int = 32,
        shuffle: bool = False,
        drop_last: bool = False,
    ) -> None:
        batch_size = whole("Batches", "batch_size", batch_size)
        self.arrays: tuple[Tensor, ...] = tuple(table(array).detach() for array in arrays)
        shapes = [array.shape for array in self.arrays]
        if not shapes or not all(shapes) or len({shape[0] for shape in shapes}) != 1:
            raise ShapeError(f"[Batches] the arrays are {shapes}: the first sizes, the rows, must be equal")
        self.batch_size = batch_size
        self.shuffle = flag("Batches", "shuffle", shuffle)
        self.drop_last = flag("Batches", "drop_last", drop_last)

    def __len__(self) -> int:
        rows, size = self.arrays[0].shape[0], self.batch_size
        return rows // size if self.drop_last else -(-rows // size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        rows = self.arrays[0].shape[0]
        order = _core.shuffled(rows) if self.shuffle else _core.arange(rows)  # the order that fit draws
        for i in range(len(self)):
            part = order[i * self.batch_size : (i + 1) * self.batch_size]
            yield tuple(array[part] for array in self.arrays)
