"""Loaders: batches, workers, seeds, errors, and what is left of a loop that was left."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backsweep as bs
from backsweep.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    StackDataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    get_worker_info,
    random_split,
)
from backsweep.utils.data._utils.fetch import gatherer


class Samples(Dataset[Any]):
    """Pairs of an array and a number, made in Python."""

    def __init__(self, n: int, seconds: float = 0) -> None:
        self.n, self.seconds = n, seconds

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> Any:
        time.sleep(self.seconds)
        return np.full(3, i, np.float32), i


class Shards(IterableDataset[int]):
    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(first, self.n, step))

    def __len__(self) -> int:
        return self.n


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("DataLoader")]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    gc.collect()
    assert threads() == []


def lists(batch: Any) -> Any:
    if isinstance(batch, bs.Tensor):
        return (batch.dtype.name, batch.tolist())
    if isinstance(batch, dict):
        return {name: lists(part) for name, part in batch.items()}
    return [lists(part) for part in batch] if isinstance(batch, (list, tuple)) else batch


# ---- Batches -----------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    n=st.integers(1, 25),
    size=st.integers(1, 9),
    drop_last=st.booleans(),
    shuffle=st.booleans(),
    workers=st.integers(0, 3),
    seed=st.integers(0, 9),
)
def test_batches(n: int, size: int, drop_last: bool, shuffle: bool, workers: int, seed: int) -> None:
    """Of any number of workers, gathered or not, for two epochs: the same."""

    def epochs(dataset: Any, num_workers: int, **more: Any) -> Any:
        g = bs.Generator().manual_seed(seed)
        loader = DataLoader(
            dataset,
            size,
            shuffle=shuffle,
            drop_last=drop_last,
            num_workers=num_workers,
            generator=g,
            **more,
        )
        made = [[lists(batch) for batch in loader] for _ in range(2)]
        assert len(loader) == len(made[0])
        return made, g.get_state().tolist()

    want, state = epochs(Samples(n), 0)
    sizes = [len(batch[1][1]) for batch in want[0]]
    assert sizes == [size] * (n // size) + ([n % size] if n % size and not drop_last else [])
    order = [i for batch in want[0] for i in batch[1][1]]
    assert len(set(order)) == len(order) and (shuffle or order == list(range(len(order))))
    rows = TensorDataset(np.repeat(np.arange(n, dtype=np.float32)[:, None], 3, 1), np.arange(n))
    assert epochs(Samples(n), workers) == (want, state)
    assert epochs(Samples(n), workers, persistent_workers=workers > 0) == (want, state)
    assert epochs(rows, workers) == (want, state)
    assert epochs(rows, workers, worker_init_fn=lambda i: None) == (want, state)


def test_the_order_is_that_of_batches_and_fit() -> None:
    x = np.arange(50)
    bs.manual_seed(4)
    want = [b[0].tolist() for _ in range(2) for b in bs.Batches(x, batch_size=8, shuffle=True)]
    for workers in (0, 2):
        bs.manual_seed(4)
        loader = DataLoader(TensorDataset(x), 8, shuffle=True, num_workers=workers)
        assert [b[0].tolist() for _ in range(2) for b in loader] == want


@given(st.data())
def test_gathered_batches_are_those_of_collated_samples(data: Any) -> None:
    n = data.draw(st.integers(1, 12))
    dtype = data.draw(st.sampled_from(["float32", "float64", "int64", "uint8", "bool", "float16"]))
    shape = data.draw(st.lists(st.integers(0, 3), max_size=2))
    array = np.arange(n * int(np.prod(shape, dtype=int))).reshape(n, *shape).astype(dtype)
    dataset: Any = data.draw(
        st.sampled_from(
            [
                array,
                bs.tensor(array),
                TensorDataset(array),
                TensorDataset(array, array[::-1].copy()),
                Subset(TensorDataset(array), [n - 1, 0, n // 2, -1]),
                Subset(array, np.arange(n)[::2]),
                StackDataset(array, TensorDataset(array)),
                StackDataset(a=array, b=Subset(array, list(range(n)))),
                *(random_split(TensorDataset(array, array), [n // 2, n - n // 2]) if n > 1 else []),
            ]
        )
    )
    gather = gatherer(dataset)
    assert gather is not None
    m = len(dataset)
    indices = data.draw(st.lists(st.integers(-m, m - 1), min_size=1, max_size=5)) if m else []
    if not indices:
        return
    want = lists(default_collate([dataset[i] for i in indices]))
    assert lists(gather(bs.tensor(indices))) == want
    assert [lists(batch) for batch in DataLoader(dataset, batch_sampler=[indices])] == [want]


def test_what_a_class_says_itself_is_not_gathered() -> None:
    class Twice(TensorDataset):
        def __getitem__(self, index: Any) -> Any:
            return tuple(2 * x for x in super().__getitem__(index))

    class AtOnce(TensorDataset):
        def __getitems__(self, indices: Any) -> Any:
            return [(i,) for i in indices]

    x = np.arange(4)
    for dataset, want in ((Twice(x), [0, 2, 4, 6]), (AtOnce(x + 9), [0, 1, 2, 3])):
        for data in (dataset, Subset(dataset, range(4)), StackDataset(dataset)):
            assert gatherer(data) is None
        assert [b[0].tolist() for b in DataLoader(dataset, 4)] == [want]
        assert [b[0].tolist() for b in DataLoader(Subset(dataset, [3, 1]), 4)] == [[want[3], want[1]]]
    assert gatherer(np.array(["a"])) is None and gatherer([1, 2]) is None
    assert gatherer(Subset(x, ["a"])) is None
    assert list(DataLoader(TensorDataset(x), 4, collate_fn=len)) == [4]
    assert DataLoader(["a", "b"], 2).__iter__().__next__() == ["a", "b"]


def test_a_batch_is_memory_of_its_own() -> None:
    x = bs.arange(4)
    for batch in (*DataLoader(x, 4), DataLoader(TensorDataset(x), 4).__iter__().__next__()[0]):
        batch.add_(1)
    assert x.tolist() == [0, 1, 2, 3]


def test_samplers_of_all_kinds() -> None:
    x = np.arange(6)

    class Down(RandomSampler):
        def __iter__(self) -> Iterator[int]:
            return iter(range(5, -1, -1))

    for sampler in (Down(x), range(5, -1, -1), [bs.tensor(i) for i in range(5, -1, -1)]):
        for dataset in (TensorDataset(x), Samples(6)):
            got = [b[-1].tolist() for b in DataLoader(dataset, 4, sampler=sampler)]
            assert got == [[5, 4, 3, 2], [1, 0]]
    batches = DataLoader(TensorDataset(x), batch_sampler=BatchSampler(Down(x), 4, True))
    assert [b[0].tolist() for b in batches] == [[5, 4, 3, 2]] and len(batches) == 1
    drawn = DataLoader(TensorDataset(x), 3, sampler=WeightedRandomSampler([0, 0, 1, 0, 0, 0], 4))
    assert [b[0].tolist() for b in drawn] == [[2, 2, 2], [2]]
    with pytest.raises(IndexError):
        list(DataLoader(TensorDataset(x), sampler=[6]))


@pytest.mark.parametrize("workers", [0, 2])
def test_single_samples(workers: int) -> None:
    got = list(DataLoader(Samples(3), batch_size=None, num_workers=workers))
    assert [(x.tolist(), i) for x, i in got] == [([0] * 3, 0), ([1] * 3, 1), ([2] * 3, 2)]
    assert list(DataLoader(Shards(5), batch_size=None, num_workers=workers)) == [0, 1, 2, 3, 4]


def test_streams() -> None:
    loader = DataLoader(Shards(7), 3)
    assert [b.tolist() for b in loader] == [[0, 1, 2], [3, 4, 5], [6]] and len(loader) == 3
    loader = DataLoader(Shards(7), 3, drop_last=True)
    assert [b.tolist() for b in loader] == [[0, 1, 2], [3, 4, 5]] and len(loader) == 2

    class Endless(Shards):
        __len__ = None  # type: ignore[assignment]

    for data in (Shards(7), Endless(7)):
        two = DataLoader(data, 2, num_workers=2, persistent_workers=True)
        for _ in range(2):
            assert [b.tolist() for b in two] == [[0, 2], [1, 3], [4, 6], [5]]
    assert list(DataLoader([], num_workers=1, persistent_workers=True)) == []


def test_loaders_nest_and_have_lengths() -> None:
    loader = DataLoader(Samples(4), 2, num_workers=1)
    assert len([1 for _ in loader for _ in loader]) == 4
    for epoch in (iter(loader), iter(DataLoader(Samples(4), 2))):
        assert len(epoch) == 2  # type: ignore[arg-type]
        del epoch


# ---- Workers -----------------------------------------------------------------------------------------------


def test_workers_know_themselves() -> None:
    class Who(Samples):
        def __getitem__(self, i: int) -> Any:
            info = get_worker_info()
            assert info is not None and info.dataset is self and info.worker_method == "thread"
            return info.id, info.num_workers, info.seed

    assert get_worker_info() is None
    started: list[int] = []
    g = bs.Generator().manual_seed(5)
    loader = DataLoader(Who(12), 2, num_workers=3, generator=g, worker_init_fn=started.append)
    epochs = [list(loader) for _ in range(2)]
    for epoch in epochs:
        assert [b[0].tolist() for b in epoch] == [[0, 0], [1, 1], [2, 2]] * 2
        seeds = [int(b[2][0]) for b in epoch]
        assert seeds[:3] == [seeds[0] + i for i in range(3)]
    assert sorted(started) == [0, 0, 1, 1, 2, 2]
    assert int(epochs[0][0][2][0]) != int(epochs[1][0][2][0])
    assert get_worker_info() is None


def test_each_worker_has_a_copy_of_the_dataset() -> None:
    """PyTorch's idiom: each worker sets its part in worker_init_fn."""

    class Range(IterableDataset[int]):
        def __init__(self, start: int, end: int) -> None:
            self.start, self.end = start, end

        def __iter__(self) -> Iterator[int]:
            return iter(range(self.start, self.end))

    def take_part(worker: int) -> None:
        info = get_worker_info()
        assert info is not None
        data = info.dataset
        each = -(-(data.end - data.start) // info.num_workers)
        data.start, data.end = data.start + worker * each, min(data.start + (worker + 1) * each, data.end)

    data = Range(3, 7)
    loader = DataLoader(data, num_workers=2, worker_init_fn=take_part)
    for _ in range(2):
        assert [int(b) for b in loader] == [3, 5, 4, 6]
    assert (data.start, data.end) == (3, 7)
    array = np.zeros(1)

    class Holds(Dataset[Any]):
        def __init__(self) -> None:
            self.array, self.opened = array, False

        def __len__(self) -> int:
            return 4

        def __getitem__(self, i: int) -> Any:
            assert self.array is array
            self.opened = True
            return i

    inner = Holds()
    for whole in (Subset(inner, [0, 1, 2]), inner + inner, StackDataset(inner), StackDataset(a=inner)):
        assert len(list(DataLoader(whole, num_workers=2))) == len(whole) and not inner.opened


@settings(max_examples=10)
@given(workers=st.integers(1, 4), persistent=st.booleans(), seed=st.integers(0, 5))
def test_draws_of_workers_repeat(workers: int, persistent: bool, seed: int) -> None:
    class Noisy(Samples):
        def __getitem__(self, i: int) -> Any:
            info = get_worker_info()
            assert info is not None
            rng = info.rng
            return (
                bs.rand(2, generator=rng.torch_generator),
                rng.numpy_generator.random(),
                rng.random_generator.random(),
            )

    def epochs(n: int, persistent: bool) -> Any:
        g = bs.Generator().manual_seed(seed)
        loader = DataLoader(Noisy(7), 3, num_workers=n, generator=g, persistent_workers=persistent)
        return [[lists(batch) for batch in loader] for _ in range(2)]

    want = epochs(2, False)
    assert epochs(workers, persistent) == want
    flat = [value for epoch in want for batch in epoch for value in batch[1][1]]
    assert len(set(flat)) == 14


def test_batches_come_as_they_are_ready_out_of_order() -> None:
    class First(Samples):
        def __getitem__(self, i: int) -> Any:
            time.sleep(0.2 if i == 0 else 0)
            return i

    loader = DataLoader(First(8), num_workers=2, in_order=False)
    got = [int(b) for b in loader]
    assert sorted(got) == list(range(8)) and got[0] != 0
    assert [int(b) for b in DataLoader(First(8), num_workers=2)] == list(range(8))


def test_workers_fetch_ahead_no_further_than_told() -> None:
    fetched: list[int] = []

    class Counts(Samples):
        def __getitem__(self, i: int) -> Any:
            fetched.append(i)
            return i

    epoch = iter(DataLoader(Counts(50), num_workers=2, prefetch_factor=3))
    deadline = time.monotonic() + 5
    while len(fetched) < 6 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert sorted(fetched) == list(range(6))
    next(epoch)


def test_persistent_workers_stay_with_their_loader() -> None:
    started: list[int] = []
    loader = DataLoader(Samples(6), 2, num_workers=2, persistent_workers=True, worker_init_fn=started.append)
    list(loader)
    names = threads()
    assert len(names) == 2
    for batch in loader:  # left early, then begun again
        assert batch[1].tolist() == [0, 1]
        break
    assert [b[1].tolist() for b in loader] == [[0, 1], [2, 3], [4, 5]]
    assert threads() == names and sorted(started) == [0, 1]
    del loader
    assert threads() == []


def test_workers_beside_a_compiled_step() -> None:
    """A capture on the caller's thread sees nothing of what workers compute meanwhile."""

    class Ops(Samples):
        def __getitem__(self, i: int) -> Any:
            return (bs.full((4,), float(i)) * 2).sin().sum(), bs.ones(4) * i

    weight = bs.ones(4, requires_grad=True)

    @bs.compile
    def step(x: bs.Tensor) -> bs.Tensor:
        return bs.grad((x * weight).sin().sum(), weight)

    for _, x in DataLoader(Ops(60), 7, num_workers=3):
        rows = x.numpy()
        np.testing.assert_allclose(step(x).numpy(), (rows * np.cos(rows)).sum(0), rtol=1e-4, atol=1e-4)


# ---- Errors ------------------------------------------------------------------------------------------------


class Broken(Samples):
    def __getitem__(self, i: int) -> Any:
        if i == 3:
            raise LookupError("sample three")
        return i


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_errors_of_a_sample_reach_the_caller(workers: int) -> None:
    epoch = iter(DataLoader(Broken(6), 2, num_workers=workers))
    assert next(epoch).tolist() == [0, 1]
    with pytest.raises(LookupError, match=r"^sample three$") as caught:
        next(epoch)
    lines = "".join(traceback.format_tb(caught.value.__traceback__))
    assert 'raise LookupError("sample three")' in lines  # where it was raised
    assert next(epoch).tolist() == [4, 5]  # the next batch
    del caught


def test_errors_in_worker_init_fn_and_streams() -> None:
    def fails(worker: int) -> None:
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        list(DataLoader(Samples(4), num_workers=2, worker_init_fn=fails))

    class Stops(IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            yield 1
            raise LookupError("torn")

    for workers in (0, 1):
        with pytest.raises(LookupError, match="torn"):
            list(DataLoader(Stops(), num_workers=workers))
    with pytest.raises(IndexError):
        list(DataLoader(Samples(3), sampler=Failing(), num_workers=2))


class Failing:
    def __iter__(self) -> Iterator[int]:
        raise IndexError("sampler")


def test_timeout() -> None:
    loader = DataLoader(Samples(2, seconds=0.3), num_workers=1, timeout=0.02)
    with pytest.raises(RuntimeError, match=r"no batch for 0\.02 seconds"):
        next(iter(loader))


def test_a_loop_that_is_left_leaves_no_thread() -> None:
    for _ in DataLoader(Samples(1000, seconds=0.01), 10, num_workers=3):
        break
    assert threads() == []
    start = time.perf_counter()
    epoch = iter(DataLoader(Samples(10_000, seconds=0.01), 1000, num_workers=2))  # 10 s a batch
    assert len(threads()) == 2
    del epoch
    assert threads() == [] and time.perf_counter() - start < 4

    def fails() -> None:
        for _ in DataLoader(Samples(100), 5, num_workers=2):
            raise ValueError("loop")

    with pytest.raises(ValueError, match="loop"):
        fails()


def test_interrupt_while_waiting() -> None:
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        start = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            for _ in DataLoader(Samples(4, seconds=0.4), 4, num_workers=1):
                pass
        timer.join()
        assert time.perf_counter() - start < 5
    finally:
        signal.signal(signal.SIGINT, previous)


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (ValueError, {"num_workers": -1}),
        (TypeError, {"num_workers": "2"}),
        (ValueError, {"timeout": -1}),
        (ValueError, {"prefetch_factor": 2}),
        (ValueError, {"prefetch_factor": -2, "num_workers": 1}),
        (ValueError, {"persistent_workers": True}),
        (ValueError, {"shuffle": True, "sampler": [0]}),
        (ValueError, {"batch_sampler": [[0]], "batch_size": 2}),
        (ValueError, {"batch_sampler": [[0]], "shuffle": True}),
        (ValueError, {"batch_sampler": [[0]], "sampler": [0]}),
        (ValueError, {"batch_sampler": [[0]], "drop_last": True}),
        (ValueError, {"batch_size": None, "drop_last": True}),
        (ValueError, {"batch_size": 0}),
        (ValueError, {"batch_size": 1.5}),
        (ValueError, {"multiprocessing_context": "fork"}),
        (ValueError, {"multiprocessing_context": "thread", "num_workers": 1}),
        (TypeError, {"multiprocessing_context": 3, "num_workers": 1}),
    ],
)
def test_bad_arguments(error: type[Exception], arguments: dict[str, Any]) -> None:
    with pytest.raises(error, match=r"^\[(DataLoader|BatchSampler)\]"):
        DataLoader(range(3), **arguments)


def test_bad_arguments_of_streams() -> None:
    for arguments in ({"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}):
        with pytest.raises(ValueError, match="orders its samples itself"):
            DataLoader(Shards(3), **arguments)  # type: ignore[arg-type]
    assert len(DataLoader(Shards(3), shuffle=False)) == 3


def test_attributes() -> None:
    loader = DataLoader(
        Samples(3),
        2,
        num_workers=1,
        pin_memory=True,
        multiprocessing_context="spawn",
        pin_memory_device="cpu",
    )
    assert loader.batch_size == 2 and loader.prefetch_factor == 2 and not loader.drop_last
    assert loader.collate_fn is default_collate and isinstance(loader.batch_sampler, BatchSampler)
    loader.num_workers = 0
    assert [b[1].tolist() for b in loader] == [[0, 1], [2]]
    for name in ("batch_size", "sampler", "batch_sampler", "dataset", "drop_last", "persistent_workers"):
        with pytest.raises(ValueError, match=f"{name} is fixed"):
            setattr(loader, name, 1)
    with pytest.raises(TypeError, match="len"):
        len(DataLoader(IterableDataset()))


# ---- Beside training ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loop_over_a_loader_trains_as_fit_does(workers: int) -> None:
    """The same batches in the same order, and so the same bits."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 6)).astype(np.float32), rng.integers(0, 3, 50)
    weights = []
    for by_hand in (False, True):
        bs.manual_seed(7)
        model = bs.nn.Linear(6, 3)
        opt = bs.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        if not by_hand:
            bs.fit(model, x, y, optimizer=opt, epochs=3, batch_size=8, progress=False)
        else:

            @bs.compile
            def step(rows: bs.Tensor, labels: bs.Tensor) -> bs.Tensor:
                opt.zero_grad()  # noqa: B023
                loss = bs.nn.functional.cross_entropy(model(rows), labels)  # noqa: B023
                loss.backward()
                opt.step()  # noqa: B023
                return loss

            loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True, num_workers=workers)
            for _ in range(3):
                for rows, labels in loader:
                    step(rows, labels)
        weights.append(model.weight.tolist())
    assert weights[0] == weights[1]


def test_collating_inside_a_compiled_function() -> None:
    def joined(a: bs.Tensor) -> Any:
        batch = default_collate([(a, 1), (a * 2, 2)])
        return batch[0].sum() * batch[1].sum(), TensorDataset(a, a)[1][0]

    a = bs.tensor([1.0, 2.0, 3.0])
    assert [x.tolist() for x in bs.compile(joined)(a)] == [x.tolist() for x in joined(a)] == [54, 2]
