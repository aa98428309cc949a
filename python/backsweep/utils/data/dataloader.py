"""A loader: batches of a data set in an order, one loop over it after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import repeat
from typing import Any, Generic, TypeVar

from backsweep._arguments import number, shown, whole
from backsweep._core import Tensor
from backsweep._draws import randint
from backsweep.random import default_generator
from backsweep.utils.data._utils.collate import default_collate, default_convert
from backsweep.utils.data._utils.fetch import Fetch, Gathered, fetcher
from backsweep.utils.data._utils.worker import Epoch, Plan, get_worker_info
from backsweep.utils.data.dataset import IterableDataset
from backsweep.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler, order_of

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

T_co = TypeVar("T_co", covariant=True)
_FIXED = {"batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"}
_START_METHODS = ("fork", "spawn", "forkserver")


class DataLoader(Generic[T_co]):
    """Batches of a data set; each loop over it is one epoch.

    Rows of tables (a `TensorDataset`, an array or a tensor, also by `Subset`, `random_split` or
    `StackDataset`) are gathered at once, where `collate_fn` is the default. All else is fetched sample by
    sample (by ``__getitems__`` where a data set has it) and collated.

    Parameters
    ----------
    dataset : Dataset
        What has ``dataset[i]`` and ``len(dataset)``, or an `IterableDataset`.
    batch_size : int or None, default 1
        None gives single samples, converted by `default_convert`.
    shuffle : bool, default False
        Whether each epoch takes the samples in a new order, that of `bs.randperm`: with the same seed it is
        the order of `bs.Batches` and `bs.fit`.
    sampler : Sampler or iterable, optional
        Gives the indices of an epoch, instead of `shuffle`.
    batch_sampler : Sampler or iterable, optional
        Gives lists of indices, instead of `batch_size`, `shuffle`, `sampler` and `drop_last`.
    num_workers : int, default 0
        How many threads fetch batches ahead; 0 fetches them when they are asked for. Threads share arrays,
        and each has a shallow copy of the data set. Rows of tables need no workers, and get none unless there
        is a `worker_init_fn`.
    collate_fn : callable, optional
        From the list of samples to the batch; by default `default_collate`.
    pin_memory, pin_memory_device
        Words of PyTorch: there is no other device to copy to.
    drop_last : bool, default False
        Whether to leave out a last batch that is not full.
    timeout : float, default 0
        After how many seconds without a batch of the workers a RuntimeError is raised; 0 waits.
    worker_init_fn : callable, optional
        Called with its number in each worker before it begins.
    multiprocessing_context
        A word of PyTorch: workers are threads.
    generator : Generator, optional
        Draws the order of `shuffle` and the seed of the workers: one key each epoch, with workers or without.
        By default that of `bs.manual_seed`.
    prefetch_factor : int, optional
        How many batches each worker fetches ahead, by default 2.
    persistent_workers : bool, default False
        Whether the threads stay between epochs.
    in_order : bool, default True
        Whether batches of workers come in the order of the sampler, and not as they are ready.

    Raises
    ------
    ValueError
        If an argument is out of range, or two of them exclude each other.

    Examples
    --------
    >>> loader = DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True)
    >>> for x, y in loader:
    ...     step(x, y)
    """

    _initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], object] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        self.num_workers = whole("DataLoader", "num_workers", num_workers, 0)
        self.timeout = number("DataLoader", "timeout", timeout)
        if self.timeout < 0:
            raise ValueError(f"[DataLoader] timeout is {shown(timeout)}; it must not be negative")
        if self.num_workers == 0:
            for name, value in (
                ("prefetch_factor", prefetch_factor),
                ("persistent_workers", persistent_workers),
            ):
                if value:
                    raise ValueError(f"[DataLoader] {name} is for workers: give num_workers, too")
        if prefetch_factor is not None:
            prefetch_factor = whole("DataLoader", "prefetch_factor", prefetch_factor)
        self.prefetch_factor = 2 if self.num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = _checked_context(multiprocessing_context, self.num_workers)
        self.in_order = in_order
        self.dataset = dataset
        self._stream = isinstance(dataset, IterableDataset)
        _check_exclusions(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        # Drawn from the key that the loader takes from its generator in each epoch.
        self._shuffles = bool(shuffle) and not self._stream
        if sampler is None:
            if self._stream:
                sampler = repeat(None)  # samples of a stream have no indices
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        # Known to iterators, which do not know the loader: those whose workers stay belong to it.
        self._length: Callable[[], int] = partial(
            _steps_of, dataset, sampler, batch_sampler, batch_size, drop_last
        )
        self._epoch: Epoch | None = None  # of workers that stay
        self._initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in _FIXED:
            raise ValueError(f"[DataLoader] {name} is fixed when a loader is made: make another one")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        base_seed, fetch = self._base_seed(), None
        if not self.num_workers or not (self._stream or self.worker_init_fn):
            fetch = fetcher(self.dataset, self.batch_sampler is not None, self.collate_fn, self.drop_last)
        indices = self._indices(tables=isinstance(fetch, Gathered))
        if fetch is not None and (not self.num_workers or isinstance(fetch, Gathered)):
            return _Here(fetch, indices, self._length)
        epoch = self._workers() if self._epoch is None else self._epoch
        epoch.begin(indices, base_seed)
        if self.persistent_workers:
            self._epoch = epoch
        return epoch

    def _base_seed(self) -> int:
        """Give the seed of an epoch's workers, by the key of its order, or else by a key of their own."""
        generator = default_generator if self.generator is None else self.generator
        source = generator.clone_state() if self._shuffles else generator
        return int(randint(2**62, (1,), generator=source))

    def _indices(self, tables: bool) -> Iterator[Any]:
        sampler = self.sampler if self.batch_sampler is None else self.batch_sampler
        if tables and type(sampler) is BatchSampler:
            order = order_of(sampler.sampler)
            if order is not None:
                return _parts(order, sampler.batch_size, sampler.drop_last)
        return iter(sampler)

    def _workers(self) -> Epoch:
        plan = Plan(
            self.dataset,
            self.batch_sampler is not None,
            self.collate_fn,
            self.drop_last,
            self.num_workers,
            self.worker_init_fn,
        )
        return Epoch(
            plan,
            self.prefetch_factor or 2,
            self.timeout,
            self.in_order,
            self.persistent_workers,
            self._length,
        )

    def __len__(self) -> int:
        return self._length()


def _steps_of(dataset: Any, sampler: Any, batch_sampler: Any, batch_size: int | None, drop_last: bool) -> int:
    if not isinstance(dataset, IterableDataset):
        return len(sampler if batch_sampler is None else batch_sampler)
    n = len(dataset)  # type: ignore[arg-type]
    if batch_size is None:
        return n
    return n // batch_size if drop_last else -(-n // batch_size)


class _Here(Iterator[Any]):
    """An epoch whose batches are fetched when they are asked for."""

    def __init__(self, fetch: Fetch, indices: Iterator[Any], length: Callable[[], int]) -> None:
        self._fetch, self._indices, self._length = fetch, indices, length

    def __next__(self) -> Any:
        return self._fetch(next(self._indices))

    def __len__(self) -> int:
        return self._length()


def _parts(order: Tensor, size: int, drop_last: bool) -> Iterator[Tensor]:
    n = order.shape[0]
    for begin in range(0, n - size + 1 if drop_last else n, size):
        yield order[begin : begin + size]


def _checked_context(context: Any, num_workers: int) -> Any:
    if context is None:
        return None
    if num_workers == 0:
        raise ValueError("[DataLoader] multiprocessing_context is for workers: give num_workers, too")
    if isinstance(context, str):
        if context not in _START_METHODS:
            raise ValueError(
                f"[DataLoader] multiprocessing_context is {context!r}; there are {list(_START_METHODS)}"
            )
    elif not hasattr(context, "get_start_method"):
        raise TypeError(
            f"[DataLoader] multiprocessing_context is {shown(context)}; it must be a context of "
            "multiprocessing, or its name"
        )
    return context


def _check_exclusions(
    dataset: Any, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: Any
) -> None:
    if isinstance(dataset, IterableDataset):
        given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"[DataLoader] {name} is for data sets with indices: the IterableDataset "
                    f"{type(dataset).__name__} orders its samples itself"
                )
    if sampler is not None and shuffle:
        raise ValueError("[DataLoader] a sampler gives the order: leave shuffle out")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ValueError(
            "[DataLoader] a batch_sampler gives the batches: leave batch_size, shuffle, sampler and "
            "drop_last out"
        )
    if batch_sampler is None and batch_size is None and drop_last:
        raise ValueError("[DataLoader] batch_size=None gives single samples: leave drop_last out")
