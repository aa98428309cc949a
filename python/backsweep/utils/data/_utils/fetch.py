"""From indices to a batch: gathered at once where the samples are rows of tables, else sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._core import DTypeError, Tensor
from backsweep._gather import table
from backsweep.utils.data._utils.collate import default_collate
from backsweep.utils.data.dataset import IterableDataset, StackDataset, Subset, TensorDataset

__all__ = ["Fetch", "Gathered", "Stream", "fetcher", "gatherer"]

Fetch = Callable[[Any], Any]


def fetcher(
    dataset: Any,
    batched: bool,
    collate_fn: Callable[[Any], Any],
    drop_last: bool,
    wanted: Callable[[], bool] | None = None,
) -> Fetch:
    """Give the function of what a sampler gives, an index or the indices of a batch, to what a loop gets.

    A worker says by `wanted` whether somebody still waits for the batch: it is asked before each sample.
    """
    if isinstance(dataset, IterableDataset):
        return Stream(dataset, batched, collate_fn, drop_last, wanted)
    if not batched:
        return lambda index: collate_fn(dataset[index])
    gather = gatherer(dataset, collate_fn)
    if gather is not None:
        return Gathered(dataset, gather)
    if getattr(dataset, "__getitems__", None):
        return lambda indices: collate_fn(dataset.__getitems__(indices))
    if wanted is None:
        return lambda indices: collate_fn([dataset[i] for i in indices])
    return lambda indices: collate_fn([dataset[i] for i in indices if wanted()])


def gatherer(dataset: Any, collate_fn: Callable[[Any], Any] = default_collate) -> Fetch | None:
    """Give the function of an index tensor to what `default_collate` would make of the samples.

    None where a sample is more than rows of tables: where a class says itself what a sample is, or a batch.
    """
    kind = type(dataset)
    if collate_fn is not default_collate:
        return None
    own = getattr(dataset, "_gatherer", None)  # of images in memory, whose batches are transformed at once
    if own is not None:
        made: Fetch | None = own()
        return made
    if isinstance(dataset, Tensor) or kind is np.ndarray:
        return _rows_of((dataset,), one=True) if dataset.ndim else None
    if not isinstance(dataset, (TensorDataset, Subset, StackDataset)) or _overridden(kind):
        return None
    if isinstance(dataset, TensorDataset):
        return _rows_of(dataset.tensors)
    if isinstance(dataset, Subset):
        inner, chosen = gatherer(dataset.dataset), _whole_numbers(dataset.indices)
        return None if inner is None or chosen is None else lambda index: inner(chosen[index])
    parts = dataset.datasets
    gathers = [gatherer(part) for part in (parts.values() if isinstance(parts, dict) else parts)]
    each = [gather for gather in gathers if gather is not None]
    if len(each) < len(gathers):
        return None
    names = tuple(parts) if isinstance(parts, dict) else None

    def side_by_side(index: Tensor) -> Any:
        batch = [gather(index) for gather in each]
        return batch if names is None else dict(zip(names, batch, strict=True))

    return side_by_side


def _overridden(kind: type) -> bool:
    """Whether a class gives other samples than the class of this library that it comes from."""
    base = next(cls for cls in (TensorDataset, Subset, StackDataset) if issubclass(kind, cls))
    return any(
        getattr(kind, name, None) is not getattr(base, name, None) for name in ("__getitem__", "__getitems__")
    )


def _rows_of(arrays: Any, one: bool = False) -> Fetch | None:
    try:
        tables = tuple(map(table, arrays))
    except (DTypeError, TypeError, ValueError):  # of a dtype that only NumPy has
        return None
    if one:
        return tables[0].__getitem__
    return lambda index: [rows[index] for rows in tables]


def _whole_numbers(indices: Any) -> Tensor | None:
    """Give indices as a tensor, or None where they are something else, as keys or a mask."""
    if isinstance(indices, Tensor):
        given = indices
    else:
        try:
            given = _core.tensor(indices)
        except (TypeError, ValueError):
            return None
    whole = given.ndim == 1 and given.dtype in (_core.int64, _core.int32)
    return given.to(_core.int64) if whole else None


class Gathered:
    """Batches that are rows of tables, gathered at once on all threads."""

    def __init__(self, dataset: Any, gather: Fetch) -> None:
        self._dataset, self._gather = dataset, gather

    def __call__(self, indices: Any) -> Any:
        index = _whole_numbers(indices)
        if index is not None:
            return self._gather(index)
        return default_collate([self._dataset[i] for i in indices])


class Stream:
    """Batches of an iterable data set; StopIteration at its end."""

    def __init__(
        self,
        dataset: Any,
        batched: bool,
        collate_fn: Callable[[Any], Any],
        drop_last: bool,
        wanted: Callable[[], bool] | None,
    ) -> None:
        self._samples: Iterator[Any] = iter(dataset)
        self._wanted = wanted
        self._batched, self._collate, self._drop_last = batched, collate_fn, drop_last
        self._ended = False

    def __call__(self, places: Any) -> Any:
        if self._ended:
            raise StopIteration
        if not self._batched:
            return self._collate(next(self._samples))
        batch = []
        for _ in places:
            if self._wanted is not None and not self._wanted():
                raise StopIteration
            try:
                batch.append(next(self._samples))
            except StopIteration:
                self._ended = True
                break
        if not batch or (self._drop_last and len(batch) < len(places)):
            raise StopIteration
        return self._collate(batch)
