"""Threads that fetch batches ahead of the loop which takes them.

They are threads and no processes: nothing is forked while other threads compute, arrays are shared instead of
pickled, and reading, decoding and computing in C or C++ runs without the interpreter's lock. What is left for
it is Python code sample by sample, which several workers do one after the other.
"""

from __future__ import annotations

import copy
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import numpy as np

from backsweep.random import Generator
from backsweep.utils.data._utils.fetch import Fetch, Stream, fetcher
from backsweep.utils.data.dataset import ChainDataset, ConcatDataset, Dataset, StackDataset, Subset

__all__ = ["Epoch", "Plan", "WorkerInfo", "WorkerRNG", "get_worker_info"]

_SECONDS_TO_END = 5.0  # for the samples that workers are in when nobody wants them any more


class WorkerRNG:
    """Generators that begin anew with each batch, from its number and the seed of the epoch.

    So what is drawn from them does not depend on which worker makes a batch, or on how many there are.
    """

    def __init__(self, base_seed: int) -> None:
        self._base_seed = self._seed = base_seed
        self._made: dict[str, Any] = {}

    def begin(self, number: int) -> None:
        """Begin with a batch."""
        self._seed = (self._base_seed + 0x9E3779B97F4A7C15 * (number + 1)) % 2**64
        self._made.clear()

    def _generator(self, name: str, make: Callable[[int], Any]) -> Any:
        if name not in self._made:
            self._made[name] = make(self._seed)
        return self._made[name]

    @property
    def random_generator(self) -> random.Random:
        """Python's."""
        made: random.Random = self._generator("random", random.Random)
        return made

    @property
    def torch_generator(self) -> Generator:
        """The library's, for `generator=`."""
        made: Generator = self._generator("torch", lambda seed: Generator().manual_seed(seed))
        return made

    @property
    def numpy_generator(self) -> np.random.Generator:
        """NumPy's."""
        made: np.random.Generator = self._generator("numpy", np.random.default_rng)
        return made


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker is: `id` from 0 to `num_workers` - 1, its seed, data set and generators."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: WorkerRNG
    worker_method: str = "thread"


_here = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """Give what the worker is in which this is called, or None outside of workers.

    Its `dataset` is the worker's own copy, but for what its attributes refer to; `rng` has generators
    (`random_generator`, `torch_generator`, `numpy_generator`) that begin anew with each batch, so what is
    drawn from them is the same for any number of workers. The generators of the process (`bs.manual_seed`,
    `np.random.seed`) are shared by all threads, in the order in which they come.
    """
    info: WorkerInfo | None = getattr(_here, "info", None)
    return info


def own_copy(dataset: Any) -> Any:
    """Give a data set whose attributes a worker may set: a shallow copy, through data sets made of others."""
    if not isinstance(dataset, Dataset):
        return dataset
    try:
        made: Any = copy.copy(dataset)
    except TypeError:  # some cannot be copied
        return dataset
    if isinstance(made, Subset):
        made.dataset = own_copy(made.dataset)
    elif isinstance(made, (ChainDataset, ConcatDataset, StackDataset)):
        parts = made.datasets
        if isinstance(parts, dict):
            made.datasets = {name: own_copy(part) for name, part in parts.items()}
        elif isinstance(parts, (list, tuple)):
            made.datasets = type(parts)(map(own_copy, parts))
    return made


class Plan(NamedTuple):
    """What workers must know of a loader."""

    dataset: Any
    batched: bool
    collate_fn: Callable[[Any], Any]
    drop_last: bool
    num_workers: int
    worker_init_fn: Callable[[int], object] | None


class _Task(NamedTuple):
    epoch: int
    base_seed: int
    number: int
    indices: Any


class _Answer(NamedTuple):
    epoch: int
    number: int
    worker: int
    batch: Any = None
    error: BaseException | None = None
    end: bool = False  # of the worker's part of a stream


class _Shared:
    """The number of the epoch that is wanted; -1 at the end."""

    epoch = 0


class _Worker:
    """What one thread does; it knows nothing of the loader, so that this can end."""

    def __init__(
        self, plan: Plan, worker: int, tasks: SimpleQueue[Any], answers: SimpleQueue[Any], shared: _Shared
    ) -> None:
        self._plan, self._id, self._tasks, self._answers, self._shared = plan, worker, tasks, answers, shared
        self._dataset = own_copy(plan.dataset)
        self._begun, self._epoch = False, 0
        self._fetch: Fetch | None = None

    def run(self) -> None:
        while (task := self._tasks.get()) is not None:
            if task.epoch == self._shared.epoch:
                self._answers.put(self._answer(task))
            del task  # no batch is kept while waiting

    def _answer(self, task: _Task) -> _Answer:
        try:
            fetch = self._fetch if task.epoch == self._epoch and self._fetch else self._begin(task)
            _here.info.rng.begin(task.number)
            return _Answer(task.epoch, task.number, self._id, fetch(task.indices))
        except StopIteration as stop:
            if isinstance(self._fetch, Stream):
                return _Answer(task.epoch, task.number, self._id, end=True)
            return _Answer(task.epoch, task.number, self._id, error=stop)
        except BaseException as error:  # the caller's
            return _Answer(task.epoch, task.number, self._id, error=error)

    def _begin(self, task: _Task) -> Fetch:
        plan, seed = self._plan, task.base_seed + self._id
        rng = WorkerRNG(task.base_seed)
        _here.info = WorkerInfo(self._id, plan.num_workers, seed, self._dataset, rng)
        self._fetch = None
        if plan.worker_init_fn is not None and not self._begun:
            plan.worker_init_fn(self._id)
        self._begun = True
        shared, epoch = self._shared, task.epoch
        made = fetcher(
            self._dataset, plan.batched, plan.collate_fn, plan.drop_last, lambda: shared.epoch == epoch
        )
        self._fetch, self._epoch = made, task.epoch
        return made


def _end(threads: list[threading.Thread], tasks: list[SimpleQueue[Any]], shared: _Shared) -> None:
    shared.epoch = -1
    for queue in tasks:
        queue.put(None)
    deadline = time.monotonic() + _SECONDS_TO_END
    for thread in threads:
        if thread is not threading.current_thread():  # where a worker collects garbage
            thread.join(max(0.0, deadline - time.monotonic()))


class Epoch(Iterator[Any]):
    """An epoch whose batches threads fetch; `begin` starts the next one on the same threads.

    Task i goes to the workers in turn, and its batch comes as the i-th, so all is as it would be without
    threads; with ``in_order=False`` batches come as they are ready.
    """

    def __init__(
        self,
        plan: Plan,
        prefetch: int,
        timeout: float,
        in_order: bool,
        persistent: bool,
        length: Callable[[], int],
    ) -> None:
        n = plan.num_workers
        self._length = length
        self._prefetch, self._timeout, self._in_order, self._persistent = (
            prefetch,
            timeout,
            in_order,
            persistent,
        )
        self._tasks: list[SimpleQueue[Any]] = [SimpleQueue() for _ in range(n)]
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._shared = _Shared()
        workers = [_Worker(plan, i, self._tasks[i], self._answers, self._shared) for i in range(n)]
        threads = [
            threading.Thread(target=worker.run, daemon=True, name=f"DataLoader worker {i}")
            for i, worker in enumerate(workers)
        ]
        self._end = weakref.finalize(self, _end, threads, self._tasks, self._shared)
        for thread in threads:
            thread.start()

    def begin(self, indices: Iterator[Any], base_seed: int) -> None:
        """Begin an epoch over what a sampler gives; what is left of the one before is dropped."""
        self._indices, self._base_seed = indices, base_seed
        self._shared.epoch += 1
        self._sent = self._received = self._turn = 0
        self._early: dict[int, _Answer] = {}
        self._going = [True] * len(self._tasks)
        for _ in range(self._prefetch * len(self._tasks)):
            self._send()

    def _send(self, free: int | None = None) -> None:
        """Give the next task to a worker: the one that is free, or the next in turn."""
        if not any(self._going):
            return
        while free is None or not self._going[free]:
            free, self._turn = self._turn, (self._turn + 1) % len(self._tasks)
        try:
            indices = next(self._indices)
        except StopIteration:
            return
        self._tasks[free].put(_Task(self._shared.epoch, self._base_seed, self._sent, indices))
        self._sent += 1

    def _next_answer(self) -> _Answer:
        while True:
            if self._received in self._early:
                return self._early.pop(self._received)
            try:
                answer: _Answer = self._answers.get(timeout=self._timeout or None)
            except Empty:
                raise RuntimeError(
                    f"[DataLoader] no batch for {self._timeout} seconds, which is the timeout: a sample "
                    "takes longer, or hangs"
                ) from None
            if answer.epoch != self._shared.epoch:
                continue
            if answer.number == self._received or not self._in_order:
                return answer
            self._early[answer.number] = answer

    def __next__(self) -> Any:
        while self._received < self._sent:
            answer = self._next_answer()
            self._received += 1
            if answer.end:
                self._going[answer.worker] = False
            self._send(None if self._in_order else answer.worker)
            if answer.end:
                continue
            if answer.error is None:
                return answer.batch
            try:
                raise answer.error
            finally:
                del answer  # the error's traceback refers to this frame
        if not self._persistent:
            self._end()
        raise StopIteration

    def __len__(self) -> int:
        return self._length()
