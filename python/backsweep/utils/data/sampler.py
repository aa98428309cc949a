"""In which order a loader takes the samples of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from numbers import Integral
from typing import Any, Generic, TypeVar

from backsweep import _core
from backsweep._arguments import shown
from backsweep._core import ShapeError, Tensor
from backsweep._draws import randint, randperm

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
    "order_of",
]

T_co = TypeVar("T_co", covariant=True)


def _positive(op: str, name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value <= 0:
        raise ValueError(f"[{op}] {name} is {shown(value)}; it must be a whole number above 0")
    return int(value)


class Sampler(Generic[T_co]):
    """Gives indices of samples, or lists of them: a subclass has `__iter__`, and mostly `__len__`."""

    def __init__(self, data_source: Sized | None = None) -> None:
        pass

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"[{type(self).__name__}] has no __iter__(self), which gives indices")


class DrawnSampler(Sampler[int]):
    """One whose order is known when an epoch begins: drawn then, whenever its indices are taken."""

    def _order(self) -> Tensor:
        """Give the indices of an epoch, int64."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        return iter(self._order().tolist())


def order_of(sampler: Any) -> Tensor | None:
    """Draw the order of an epoch as one tensor, where a sampler has it as that."""
    if isinstance(sampler, DrawnSampler) and type(sampler).__iter__ is DrawnSampler.__iter__:
        return sampler._order()
    return None


class SequentialSampler(DrawnSampler):
    """0, 1, 2, ..., to the last sample.

    Parameters
    ----------
    data_source : Dataset
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def _order(self) -> Tensor:
        return _core.arange(len(self.data_source))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(DrawnSampler):
    """All samples in an order drawn at random, or samples drawn with replacement.

    Without replacement the order is that of `bs.randperm`, which `bs.fit` and `bs.Batches` take too.

    Parameters
    ----------
    data_source : Dataset
    replacement : bool, default False
    num_samples : int, optional
        By default as many as the data set has. Without replacement more than that are several orders in a
        row.
    generator : Generator, optional
        By default that of `bs.manual_seed`.

    Raises
    ------
    TypeError
        If `replacement` is no bool.
    ValueError
        If there are no samples to draw.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        given: object = replacement
        if not isinstance(given, bool):
            raise TypeError(f"[RandomSampler] replacement is {shown(given)}; it must be True or False")
        _positive("RandomSampler", "num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many are drawn: the length of the data set as it is now, unless one was given."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def _order(self) -> Tensor:
        n, wanted = len(self.data_source), self.num_samples
        if self.replacement:
            return randint(n, (wanted,), generator=self.generator)
        orders = [randperm(n, generator=self.generator) for _ in range(-(-wanted // n))]
        return orders[0][:wanted] if len(orders) == 1 else _core.cat(orders)[:wanted]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Some indices in an order drawn at random.

    Parameters
    ----------
    indices : sequence of int
    generator : Generator, optional
        By default that of `bs.manual_seed`.
    """

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = randperm(len(self.indices), generator=self.generator).tolist()
        return map(self.indices.__getitem__, order)

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(DrawnSampler):
    """Indices drawn with probabilities in proportion to their weights, by `bs.multinomial`.

    Parameters
    ----------
    weights : sequence of float
        One for each sample, not negative; they need no sum of 1.
    num_samples : int
        How many are drawn.
    replacement : bool, default True
        Whether one may be drawn several times.
    generator : Generator, optional
        By default that of `bs.manual_seed`.

    Raises
    ------
    ValueError
        If there are no samples to draw, or `replacement` is no bool.
    ShapeError
        If the weights are not one axis.
    """

    def __init__(
        self, weights: Any, num_samples: int, replacement: bool = True, generator: Any = None
    ) -> None:
        self.num_samples = _positive("WeightedRandomSampler", "num_samples", num_samples)
        given: object = replacement
        if not isinstance(given, bool):
            raise ValueError(
                f"[WeightedRandomSampler] replacement is {shown(given)}; it must be True or False"
            )
        self.weights = _core.as_tensor(weights, dtype=_core.float64)
        if self.weights.ndim != 1:
            raise ShapeError(
                f"[WeightedRandomSampler] weights is {self.weights.shape}: one weight for each sample, (n,)"
            )
        self.replacement = replacement
        self.generator = generator

    def _order(self) -> Tensor:
        drawn: Tensor = self.weights.multinomial(self.num_samples, self.replacement, generator=self.generator)
        return drawn

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of the indices that another sampler gives.

    Parameters
    ----------
    sampler : Sampler or iterable
    batch_size : int
    drop_last : bool
        Whether to leave out a last list that is not full.

    Raises
    ------
    ValueError
        If `batch_size` is no whole number above 0, or `drop_last` no bool.
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        self.sampler = sampler
        self.batch_size = _positive("BatchSampler", "batch_size", batch_size)
        given: object = drop_last
        if not isinstance(given, bool):
            raise ValueError(f"[BatchSampler] drop_last is {shown(given)}; it must be True or False")
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        return self._lists(indices)

    def _lists(self, indices: Iterator[int]) -> Iterator[list[int]]:
        least = self.batch_size if self.drop_last else 1
        while len(batch := list(islice(indices, self.batch_size))) >= least:
            yield batch

    def __len__(self) -> int:
        n, size = len(self.sampler), self.batch_size  # type: ignore[arg-type]
        return n // size if self.drop_last else -(-n // size)
