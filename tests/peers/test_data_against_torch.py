"""Data sets, samplers, collating and loaders of both libraries give the same, and refuse the same."""

from __future__ import annotations

import math
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backsweep as bs
import backsweep.utils.data as ours

torch: Any = pytest.importorskip("torch")
theirs: Any = pytest.importorskip("torch.utils.data")
pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore::UserWarning")]

LIBRARIES: tuple[tuple[Any, Any], ...] = ((bs, ours), (torch, theirs))
Pair = namedtuple("Pair", "left right")


def plain(value: Any) -> Any:
    """Give values as both libraries have them: containers by type, tensors by dtype, shape and elements."""
    if isinstance(value, (bs.Tensor, torch.Tensor)):
        dtype = str(value.dtype).split(".")[-1].rstrip("_")
        return dtype, tuple(value.shape), value.tolist()
    if isinstance(value, np.ndarray):
        return "array", value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(part) for part in value]
    return value


def outcome(call: Callable[[Any, Any], Any], library: Any, data: Any) -> Any:
    """Give what a call gives, or the kind of its error, by our rule where PyTorch asserts."""
    try:
        value = call(library, data)
        return plain(value)
    except (AssertionError, RuntimeError, ValueError):
        return ValueError
    except (TypeError, IndexError, KeyError, NotImplementedError) as error:
        return type(error) if type(error) in (TypeError, IndexError, KeyError) else type(error).__mro__[1]


def same(call: Callable[[Any, Any], Any]) -> Any:
    mine, other = (outcome(call, *libraries) for libraries in LIBRARIES)
    assert mine == other
    return mine


# ---- Collating ---------------------------------------------------------------------------------------------

LEAVES = st.one_of(
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, width=32),
    st.booleans(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.builds(
        lambda kind, shape: np.arange(math.prod(shape)).reshape(shape).astype(kind),
        st.sampled_from(
            ["float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"]
        ),
        st.lists(st.integers(0, 2), max_size=2),
    ),
    st.sampled_from([np.float32(1.5), np.float64(2), np.int16(3), np.bool_(True), np.uint8(7)]),
)
SAMPLES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(OrderedDict),
        st.builds(Pair, inner, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=60)
@given(sample=SAMPLES, n=st.integers(1, 3))
def test_collate(sample: Any, n: int) -> None:
    same(lambda library, data: data.default_collate([sample] * n))
    same(lambda library, data: data.default_convert(sample))


@pytest.mark.parametrize(
    "make",
    [
        lambda library: [],
        lambda library: [None],
        lambda library: [object()],
        lambda library: [[1], [1, 2]],
        lambda library: [{"a": 1}, {"b": 1}],
        lambda library: [np.array(["a"])],
        lambda library: [np.array([None])],
        lambda library: [library.ones(2), library.ones(3)],
        lambda library: [library.ones(2), library.ones(2, dtype=library.float64)],
        lambda library: [library.tensor(1), library.tensor(2)],
        lambda library: [1, 2.5],
        lambda library: [1.5, 2],
        lambda library: [True, 3],
        lambda library: [range(3), range(3)],
        lambda library: ["a", "b"],
        lambda library: [(), ()],
        lambda library: [1, "a"],
        lambda library: [{1}],
    ],
)
def test_collate_of_odd_batches(make: Callable[[Any], Any]) -> None:
    same(lambda library, data: data.default_collate(make(library)))


# ---- Data sets and samplers --------------------------------------------------------------------------------


def rows(library: Any, data: Any, n: int) -> Any:
    return data.TensorDataset(library.arange(2 * n).reshape(n, 2), library.arange(n))


def squares(data: Any, n: int, at_once: bool = False) -> Any:
    class Squares(data.Dataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return n

        def __getitem__(self, i: int) -> Any:
            if not -n <= i < n:
                raise IndexError(i)
            return {"value": np.full(2, i, np.float32), "square": i * i, "name": f"{i}"}

    class AtOnce(Squares):
        def __getitems__(self, indices: Any) -> Any:
            return [self[i] for i in indices]

    return AtOnce() if at_once else Squares()


def stream(data: Any, n: int) -> Any:
    class Stream(data.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Any:
            info = data.get_worker_info()
            first, step = (0, 1) if info is None else (info.id, info.num_workers)
            return iter(range(first, n, step))

        def __len__(self) -> int:
            return n

    return Stream()


@given(n=st.integers(1, 6), m=st.integers(1, 6), index=st.integers(-14, 14))
def test_datasets(n: int, m: int, index: int) -> None:
    def each(call: Callable[[Any, Any], Any]) -> None:
        same(lambda library, data: call(library, data)[index])
        same(lambda library, data: len(call(library, data)))

    each(lambda library, data: rows(library, data, n))
    each(lambda library, data: rows(library, data, n) + rows(library, data, m))
    each(lambda library, data: data.StackDataset(squares(data, n), squares(data, m)))
    each(lambda library, data: data.StackDataset(a=squares(data, n), b=rows(library, data, n)))
    each(lambda library, data: data.Subset(squares(data, n), list(range(0, n, 2))))
    each(lambda library, data: data.ConcatDataset([]))
    each(lambda library, data: data.StackDataset())
    same(lambda library, data: list(data.ChainDataset([stream(data, n), stream(data, m)])))
    same(lambda library, data: len(stream(data, n) + stream(data, m)))


@given(
    n=st.integers(1, 20),
    lengths=st.one_of(
        st.lists(st.integers(0, 20), min_size=1, max_size=3),
        st.lists(st.sampled_from([0.1, 0.25, 0.3, 0.5, 0.7, 1.0, -0.5]), min_size=1, max_size=4),
    ),
)
def test_lengths_of_random_split(n: int, lengths: list[Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(lambda library, data: [len(p) for p in data.random_split(range(n), lengths)])
        same(lambda library, data: sorted(i for p in data.random_split(range(n), lengths) for i in p.indices))


@given(
    n=st.integers(0, 12),
    replicas=st.integers(1, 4),
    rank=st.integers(-1, 4),
    drop_last=st.booleans(),
    size=st.integers(-1, 5),
)
def test_samplers(n: int, replicas: int, rank: int, drop_last: bool, size: int) -> None:
    def listed(make: Callable[[Any], Any]) -> None:
        same(lambda library, data: list(make(data)))
        same(lambda library, data: len(make(data)))

    listed(lambda data: data.SequentialSampler(range(n)))
    listed(lambda data: data.BatchSampler(range(n), size, drop_last))
    listed(lambda data: data.DistributedSampler(range(n), replicas, rank, shuffle=False, drop_last=drop_last))
    same(lambda library, data: sorted(data.RandomSampler(range(n))))
    same(lambda library, data: len(data.RandomSampler(range(n), num_samples=size)))
    same(lambda library, data: len(list(data.RandomSampler(range(n + 1), True, size))))
    same(lambda library, data: sorted(data.SubsetRandomSampler(range(5, n))))
    weights = [1.0 + i % 3 for i in range(n)]
    same(lambda library, data: len(list(data.WeightedRandomSampler(weights, size, n > 5))))


# ---- Loaders -----------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    n=st.integers(1, 20),
    size=st.one_of(st.none(), st.integers(1, 7)),
    drop_last=st.booleans(),
    kind=st.sampled_from(["rows", "subset", "squares", "at once", "stream", "chain", "stack"]),
    workers=st.sampled_from([0, 0, 1, 2, 3]),
)
def test_loaders(n: int, size: int | None, drop_last: bool, kind: str, workers: int) -> None:
    """Batches of ours with any number of workers are those of PyTorch (whose streams need as many)."""

    def loader(library: Any, data: Any) -> Any:
        dataset = {
            "rows": lambda: rows(library, data, n),
            "subset": lambda: data.Subset(rows(library, data, n), list(range(n - 1, -1, -2))),
            "squares": lambda: squares(data, n),
            "at once": lambda: squares(data, n, at_once=True),
            "stream": lambda: stream(data, n),
            "chain": lambda: stream(data, n) + stream(data, 3),
            "stack": lambda: data.StackDataset(x=rows(library, data, n), y=squares(data, n)),
        }[kind]()
        streams = kind in ("stream", "chain")
        count = workers if data is ours and not streams else 0
        return data.DataLoader(dataset, batch_size=size, drop_last=drop_last, num_workers=count)

    same(lambda library, data: list(loader(library, data)))
    same(lambda library, data: len(loader(library, data)))


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [None, 1, 3])
def test_streams_of_two_workers(size: int | None, drop_last: bool) -> None:
    """PyTorch's are processes."""
    if size is None and drop_last:
        return
    same(
        lambda library, data: list(
            data.DataLoader(stream(data, 11), size, drop_last=drop_last, num_workers=2)
        )
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"batch_size": 0},
        {"batch_size": 1.5},
        {"batch_size": True},
        {"batch_size": None, "drop_last": True},
        {"drop_last": 1},
        {"num_workers": -1},
        {"num_workers": "a"},
        {"timeout": -1},
        {"prefetch_factor": 2},
        {"prefetch_factor": -1, "num_workers": 1},
        {"persistent_workers": True},
        {"shuffle": True, "sampler": [0]},
        {"batch_sampler": [[0]], "batch_size": 2},
        {"batch_sampler": [[0]], "drop_last": True},
        {"batch_sampler": [[0]], "shuffle": True},
        {"multiprocessing_context": "fork"},
        {"multiprocessing_context": "never", "num_workers": 1},
        {"multiprocessing_context": 1, "num_workers": 1},
        {"sampler": [0, 2]},
        {"sampler": [3]},
        {"batch_sampler": [[0, 1], [2]]},
        {"batch_sampler": [[]]},
        {"collate_fn": len, "batch_size": 2},
    ],
)
@pytest.mark.parametrize("kind", ["rows", "stream"])
def test_arguments(kind: str, arguments: dict[str, Any]) -> None:
    def batches(library: Any, data: Any) -> Any:
        dataset = rows(library, data, 3) if kind == "rows" else stream(data, 3)
        loader = data.DataLoader(dataset, **arguments)
        return list(loader) if loader.num_workers == 0 else None

    same(batches)


def test_fixed_attributes() -> None:
    for name in ("batch_size", "sampler", "batch_sampler", "drop_last", "dataset", "persistent_workers"):
        assert (
            same(lambda library, data, name=name: setattr(data.DataLoader(range(3)), name, 2))  # type: ignore[misc]
            is ValueError
        )
