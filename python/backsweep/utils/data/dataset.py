"""Data sets: samples by index, or one after the other."""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

from backsweep._core import ShapeError, Tensor
from backsweep._draws import randperm
from backsweep._gather import table
from backsweep.random import Generator, default_generator

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Samples by index: a subclass gives ``self[index]``, and mostly ``len(self)``.

    A subclass that reads many samples at once faster than one by one has ``__getitems__(indices)`` too, which
    gives their list: loaders call it with the indices of a batch.
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(
            f"[{type(self).__name__}] has no __getitem__(self, index), which gives a sample"
        )

    def __add__(self, other: Dataset[Any]) -> ConcatDataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """Samples one after the other: a subclass gives an iterator of them by `__iter__`.

    With workers each of them iterates over a copy of its own: `get_worker_info` tells which part to give.
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(
            f"[{type(self).__name__}] has no __iter__(self), which gives an iterator of samples"
        )

    def __add__(self, other: Dataset[Any]) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """The rows of tensors: sample i is ``(tensors[0][i], tensors[1][i], ...)``.

    A `DataLoader` gathers batches of it at once.

    Parameters
    ----------
    *tensors : Tensor or ndarray, shape (n, ...)
        Of equal first size. An array is taken as a tensor that shares its memory.

    Raises
    ------
    ShapeError
        If the first sizes differ.
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Any) -> None:
        self.tensors = tuple(map(table, tensors))
        shapes = [tensor.shape for tensor in self.tensors]
        if not shapes or not all(shapes) or len({shape[0] for shape in shapes}) != 1:
            raise ShapeError(
                f"[TensorDataset] the tensors are {shapes}: the first sizes, the samples, must be equal"
            )

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])


class StackDataset(Dataset[Any]):
    """Data sets side by side: sample i is the tuple, or by names the dict, of sample i of each.

    Parameters
    ----------
    *args : Dataset
        For tuples.
    **kwargs : Dataset
        For dicts.

    Raises
    ------
    ValueError
        If there are both or none, or their lengths differ.
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError(
                "[StackDataset] takes data sets by position, for tuples, or by name, for dicts: got "
                f"{len(args)} and {len(kwargs)}"
            )
        self.datasets = args or kwargs
        lengths = [len(dataset) for dataset in self._each()]
        if len(set(lengths)) != 1:
            raise ValueError(f"[StackDataset] the data sets have {lengths} samples: as many in each")
        self._length = lengths[0]

    def _each(self) -> Iterable[Any]:
        return self.datasets.values() if isinstance(self.datasets, dict) else self.datasets

    def _joined(self, parts: Iterable[Any]) -> Any:
        return dict(zip(self.datasets, parts, strict=True)) if isinstance(self.datasets, dict) else (*parts,)

    def __getitem__(self, index: Any) -> Any:
        return self._joined(dataset[index] for dataset in self._each())

    def __getitems__(self, indices: Sequence[Any]) -> list[Any]:
        columns = [samples_at(dataset, indices) for dataset in self._each()]
        for column in columns:
            if len(column) != len(indices):
                raise ValueError(
                    f"[StackDataset] __getitems__ of a data set gives {len(column)} samples for "
                    f"{len(indices)} indices"
                )
        return [self._joined(row) for row in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T_co]):
    """Data sets one after the other.

    Parameters
    ----------
    datasets : iterable of Dataset
        With lengths.

    Raises
    ------
    ValueError
        If there is none.
    TypeError
        If one is an `IterableDataset`, which `ChainDataset` takes.
    """

    datasets: list[Dataset[T_co]]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("[ConcatDataset] there is no data set to join")
        for i, dataset in enumerate(self.datasets):
            if isinstance(dataset, IterableDataset):
                raise TypeError(
                    f"[ConcatDataset] datasets[{i}] is the IterableDataset {type(dataset).__name__}, which "
                    "has no indices: ChainDataset joins such"
                )
        self.cumulative_sizes = list(accumulate(map(_length, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> T_co:
        place = idx + len(self) if idx < 0 else idx
        if place < 0:
            raise ValueError(f"[ConcatDataset] index {idx} of {len(self)} samples")
        which = bisect_right(self.cumulative_sizes, place)
        if which == len(self.datasets):
            raise IndexError(f"[ConcatDataset] index {idx} of {len(self)} samples")
        return self.datasets[which][place - self.cumulative_sizes[which - 1] if which else place]


class ChainDataset(IterableDataset[Any]):
    """Iterable data sets one after the other.

    Parameters
    ----------
    datasets : iterable of IterableDataset

    Raises
    ------
    TypeError
        While iterating, if one is no `IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        self.datasets = datasets

    def _each(self) -> Iterator[IterableDataset[Any]]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise TypeError(
                    f"[ChainDataset] {type(dataset).__name__} is no IterableDataset: ConcatDataset joins such"
                )
            yield dataset

    def __iter__(self) -> Iterator[Any]:
        for dataset in self._each():
            yield from dataset

    def __len__(self) -> int:
        return sum(map(_length, self._each()))


class Subset(Dataset[T_co]):
    """The samples of a data set at some indices.

    A subclass that overrides `__getitem__` must override `__getitems__`, which loaders call, too.

    Parameters
    ----------
    dataset : Dataset
    indices : sequence of int
        Sample i of the subset is ``dataset[indices[i]]``.
    """

    dataset: Dataset[T_co]
    indices: Sequence[int]

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"[{kind.__name__}] overrides __getitem__ but not __getitems__, which loaders call: add "
                "def __getitems__(self, indices): return [self[i] for i in indices]"
            )

    def __getitem__(self, idx: Any) -> T_co:
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices: Sequence[int]) -> Sequence[T_co]:
        return samples_at(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def samples_at(dataset: Any, indices: Sequence[Any]) -> Sequence[Any]:
    """Give the samples at some indices: at once if the data set can."""
    at_once = getattr(dataset, "__getitems__", None)
    given: Sequence[Any] = at_once(indices) if callable(at_once) else [dataset[i] for i in indices]
    return given


def _length(dataset: Any) -> int:
    return len(dataset)


def random_split(
    dataset: Dataset[T],
    lengths: Sequence[int | float],
    generator: Generator | None = default_generator,
) -> list[Subset[T]]:
    """Split a data set at random into parts without a common sample.

    Parameters
    ----------
    dataset : Dataset
        With a length.
    lengths : sequence of int, or of float
        The lengths of the parts, or fractions that sum to 1: floor(fraction · n) samples each, and those that
        are left one by one to the parts in turn.
    generator : Generator, optional
        Draws the order (`randperm`) that is cut into the parts.

    Raises
    ------
    ValueError
        If the lengths do not sum to that of the data set, or a fraction is negative.
    """
    n = _length(dataset)
    total = sum(lengths)
    if math.isclose(total, 1) and total <= 1:
        for i, fraction in enumerate(lengths):
            if fraction < 0:
                raise ValueError(f"[random_split] lengths[{i}] is {fraction}: fractions are from 0 to 1")
        sizes = [math.floor(n * fraction) for fraction in lengths]
        for i in range(n - sum(sizes)):
            sizes[i % len(sizes)] += 1
        for i, size in enumerate(sizes):
            if size == 0:
                warnings.warn(f"[random_split] part {i} of {n} samples is empty", stacklevel=2)
    else:
        sizes = [int(size) for size in lengths]
        if sum(sizes) != n or total != n:
            raise ValueError(f"[random_split] lengths sum to {total}; the data set has {n} samples")
    order = randperm(n, generator=generator).tolist()
    return [
        Subset(dataset, order[end - size : end]) for size, end in zip(sizes, accumulate(sizes), strict=True)
    ]
