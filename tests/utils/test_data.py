"""Data sets, samplers and collating: what `utils.data` gives without a loop of its own."""

from __future__ import annotations

import warnings
from collections import OrderedDict, namedtuple
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backsweep as bs
from backsweep.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)
from backsweep.utils.data._utils.collate import collate, default_collate_fn_map


class Squares(Dataset[int]):
    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> int:
        if not -self.n <= index < self.n:
            raise IndexError(index)
        return int(index) ** 2


class Stream(IterableDataset[int]):
    def __init__(self, *values: int) -> None:
        self.values = values

    def __iter__(self) -> Any:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)


# ---- Data sets ---------------------------------------------------------------------------------------------


def test_tensor_dataset() -> None:
    x = np.arange(6.0).reshape(3, 2)
    data = TensorDataset(x, bs.arange(3))
    assert len(data) == 3 and len(data[1]) == 2
    assert data[-1][0].tolist() == [4.0, 5.0] and data[-1][0].dtype == bs.float64
    assert int(data[2][1]) == 2
    x[0] = 7  # shared
    assert data[0][0].tolist() == [7, 7]
    with pytest.raises(bs.ShapeError, match=r"\[TensorDataset\].*\(3, 2\).*\(4,\)"):
        TensorDataset(x, bs.zeros(4))
    with pytest.raises(bs.ShapeError):
        TensorDataset()
    with pytest.raises(IndexError):
        data[3]


def test_joined_datasets() -> None:
    joined = Squares(2) + Squares(3)
    assert isinstance(joined, ConcatDataset) and joined.cumulative_sizes == [2, 5]
    assert [joined[i] for i in range(5)] == [0, 1, 0, 1, 4] and joined[-1] == 4 and joined[-4] == 1
    for index, error in ((5, IndexError), (-6, ValueError)):
        with pytest.raises(error, match="ConcatDataset"):
            joined[index]
    with pytest.raises(ValueError, match="ConcatDataset"):
        ConcatDataset([])
    with pytest.raises(TypeError, match="ChainDataset joins such"):
        ConcatDataset([Squares(2), Stream(1)])
    chained = Stream(1, 2) + Stream(3)
    assert isinstance(chained, ChainDataset) and list(chained) == [1, 2, 3] and len(chained) == 3
    with pytest.raises(TypeError, match="Squares is no IterableDataset"):
        list(ChainDataset([Stream(1), Squares(2)]))


def test_stacked_datasets() -> None:
    pairs = StackDataset(Squares(3), TensorDataset(bs.arange(3)))
    assert len(pairs) == 3 and pairs[2][0] == 4 and int(pairs[2][1][0]) == 2
    named = StackDataset(a=Squares(3), b=[5, 6, 7])
    assert named[1] == {"a": 1, "b": 6}
    assert named.__getitems__([2, 0]) == [{"a": 4, "b": 7}, {"a": 0, "b": 5}]
    assert StackDataset(Squares(3), [5, 6, 7]).__getitems__([1]) == [(1, 6)]
    for wrong in (lambda: StackDataset(), lambda: StackDataset(Squares(2), b=Squares(2))):
        with pytest.raises(ValueError, match="by position"):
            wrong()
    with pytest.raises(ValueError, match=r"\[2, 3\] samples"):
        StackDataset(Squares(2), Squares(3))

    class Short(Squares):
        def __getitems__(self, indices: list[int]) -> list[int]:
            return [0]

    with pytest.raises(ValueError, match="gives 1 samples for 2 indices"):
        StackDataset(Short(3)).__getitems__([0, 1])


def test_subset() -> None:
    part = Subset(Squares(10), [9, 3, 5])
    assert len(part) == 3 and part[0] == 81 and part.__getitems__([2, 1]) == [25, 9]
    rows = Subset(TensorDataset(bs.arange(10)), [4, 2])
    assert rows[[1, 0]][0].tolist() == [2, 4]

    class AtOnce(Squares):
        def __getitems__(self, indices: list[int]) -> list[int]:
            return [-i for i in indices]

    assert Subset(AtOnce(10), [9, 3, 5]).__getitems__([0, 2]) == [-9, -5]

    class Half(Subset[int]):
        def __getitem__(self, idx: Any) -> int:
            return 1

    with pytest.raises(NotImplementedError, match=r"Half.*__getitems__"):
        Half(Squares(2), [0])


def test_what_a_subclass_must_have_is_named() -> None:
    for call in (
        lambda: Dataset()[0],
        lambda: iter(IterableDataset()),
        lambda: iter(Sampler()),
    ):
        with pytest.raises(NotImplementedError, match=r"has no __(getitem|iter)__\(self"):
            call()


@given(n=st.integers(2, 40), cuts=st.lists(st.integers(0, 40), max_size=4), seed=st.integers(0, 99))
def test_random_split_parts_are_disjoint(n: int, cuts: list[int], seed: int) -> None:
    edges = [0, *sorted(min(cut, n) for cut in cuts), n]
    lengths = [b - a for a, b in pairwise(edges)]
    parts = [
        random_split(range(n), lengths, generator=bs.Generator().manual_seed(seed)) for _ in range(2)
    ]  # a seed, a split
    assert [p.indices for p in parts[0]] == [p.indices for p in parts[1]]
    assert [len(p) for p in parts[0]] == lengths
    assert sorted(i for p in parts[0] for i in p.indices) == list(range(n))


def test_random_split_of_fractions() -> None:
    assert [len(p) for p in random_split(range(10), [0.35, 0.35, 0.3])] == [4, 3, 3]
    with pytest.warns(UserWarning, match="part 1 of 3 samples is empty"):
        assert [len(p) for p in random_split(range(3), [0.999, 0.001])] == [3, 0]
    for lengths in ([3, 4], [0.5, 0.6], [1.5, -0.5], [0.2, 0.2]):
        with pytest.raises(ValueError, match="random_split"):
            random_split(range(10), lengths)


# ---- Samplers ----------------------------------------------------------------------------------------------


def test_shuffles_are_one() -> None:
    """`Batches`, `randperm` and the samplers draw one order from one seed."""
    bs.manual_seed(3)
    want = [bs.randperm(20).tolist() for _ in range(2)]
    bs.manual_seed(3)
    sampler = RandomSampler(range(20))
    assert [list(sampler) for _ in range(2)] == want
    bs.manual_seed(3)
    batches = bs.Batches(np.arange(20), batch_size=6, shuffle=True)
    assert [[i for (x,) in batches for i in x.tolist()] for _ in range(2)] == want
    g = bs.Generator().manual_seed(3)
    assert list(SubsetRandomSampler(list("abcdefghijklmnopqrst"), generator=g)) == [
        "abcdefghijklmnopqrst"[i] for i in want[0]
    ]


def test_random_sampler() -> None:
    g = bs.Generator().manual_seed(1)
    long = list(RandomSampler(range(5), num_samples=13, generator=g))
    assert len(long) == 13 and sorted(long[:5]) == sorted(long[5:10]) == list(range(5))
    assert len(set(long[10:])) == 3 and long[:5] != long[5:10]
    drawn = list(RandomSampler(range(5), replacement=True, num_samples=1000, generator=g))
    assert len(drawn) == 1000 and set(drawn) == set(range(5))
    assert np.bincount(drawn).min() > 150
    assert len(RandomSampler(range(7))) == 7 and len(RandomSampler(range(7), num_samples=3)) == 3
    growing = [1, 2]
    sampler = RandomSampler(growing)
    growing.append(3)
    assert len(sampler) == 3
    with pytest.raises(ValueError, match="num_samples is 0"):
        RandomSampler([])
    with pytest.raises(TypeError, match="replacement is 1"):
        RandomSampler([1], replacement=1)  # type: ignore[arg-type]


def test_an_order_is_drawn_when_an_epoch_begins() -> None:
    """Whatever is drawn while its indices are taken."""
    bs.manual_seed(0)
    want = list(RandomSampler(range(9)))
    bs.manual_seed(0)
    indices = iter(RandomSampler(range(9)))
    bs.rand(3)
    assert list(indices) == want


def test_weighted_sampler() -> None:
    g = bs.Generator().manual_seed(0)
    drawn = list(WeightedRandomSampler([0.0, 1.0, 3.0], 4000, generator=g))
    counts = np.bincount(drawn, minlength=3)
    assert counts[0] == 0 and 0.2 < counts[1] / 4000 < 0.3
    once = list(WeightedRandomSampler([1, 0, 2, 4], 3, replacement=False, generator=g))
    assert sorted(once) == [0, 2, 3]
    with pytest.raises(ValueError):  # only when drawn, as in PyTorch
        list(WeightedRandomSampler([1, 0], 2, replacement=False))
    for wrong in (
        lambda: WeightedRandomSampler([1.0], 0),
        lambda: WeightedRandomSampler([1.0], True),
        lambda: WeightedRandomSampler([1.0], 1, replacement=0),  # type: ignore[arg-type]
        lambda: WeightedRandomSampler([[1.0]], 1),
    ):
        with pytest.raises(ValueError, match="WeightedRandomSampler"):
            wrong()


@given(n=st.integers(0, 20), size=st.integers(1, 7), drop_last=st.booleans())
def test_batch_sampler(n: int, size: int, drop_last: bool) -> None:
    sampler = BatchSampler(SequentialSampler(range(n)), size, drop_last)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    want = [list(range(i, min(i + size, n))) for i in range(0, n, size)]
    assert batches == [b for b in want if len(b) == size or not drop_last]
    assert list(BatchSampler(iter(range(n)), size, drop_last)) == batches


@pytest.mark.parametrize("size", [0, -1, 2.0, True, None, "2"])
def test_batch_sampler_refuses(size: Any) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        BatchSampler(range(3), size, False)
    with pytest.raises(ValueError, match="drop_last is 1"):
        BatchSampler(range(3), 2, 1)  # type: ignore[arg-type]


@given(n=st.integers(0, 30), replicas=st.integers(1, 5), drop_last=st.booleans(), shuffle=st.booleans())
def test_distributed_sampler(n: int, replicas: int, drop_last: bool, shuffle: bool) -> None:
    samplers = [
        DistributedSampler(range(n), replicas, rank, shuffle=shuffle, drop_last=drop_last)
        for rank in range(replicas)
    ]
    parts = [list(sampler) for sampler in samplers]
    assert {len(p) for p in parts} == {len(s) for s in samplers}
    seen = [i for row in zip(*parts, strict=True) for i in row]
    assert set(seen[:n]) <= set(range(n)) and len(set(seen[:n])) == min(len(seen), n)
    assert len(seen) == (n // replicas * replicas if drop_last else -(-n // replicas) * replicas)
    if not shuffle and seen:
        assert seen == [i % n for i in range(len(seen))]


def test_distributed_sampler_epochs() -> None:
    sampler = DistributedSampler(range(50), num_replicas=1, rank=0, seed=4)
    first = list(sampler)
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first and sorted(sampler) == list(range(50))
    with pytest.raises(RuntimeError, match="give both"):
        DistributedSampler(range(3))
    for rank in (-1, 2):
        with pytest.raises(ValueError, match="rank"):
            DistributedSampler(range(3), 2, rank)


# ---- Collating ---------------------------------------------------------------------------------------------

Point = namedtuple("Point", "x y")


def test_collate_keeps_the_nesting() -> None:
    sample = {
        "tensor": bs.ones(2),
        "array": np.ones((1, 2), np.float32),
        "named": Point(1, 2.5),
        "tuple": (True, "text"),
        "list": [np.int16(3), b"bytes"],
        "empty": [],
    }
    batch = default_collate([sample, sample, sample])
    assert batch["tensor"].shape == (3, 2) and batch["array"].shape == (3, 1, 2)
    assert isinstance(batch["named"], Point) and batch["named"].x.tolist() == [1, 1, 1]
    dtypes = [batch["named"].x, batch["named"].y, batch["tuple"][0], batch["list"][0]]
    assert [x.dtype for x in dtypes] == [bs.int64, bs.float64, bs.bool_, bs.int16]
    assert isinstance(batch["tuple"], list) and list(batch["tuple"][1]) == ["text"] * 3
    assert isinstance(batch["list"], list) and list(batch["list"][1]) == [b"bytes"] * 3
    assert batch["empty"] == []
    ordered = default_collate([OrderedDict(b=1, a=2)] * 2)
    assert type(ordered) is OrderedDict and list(ordered) == ["b", "a"]
    assert default_collate([range(2), range(2)])[1].tolist() == [1, 1]


def test_collate_refuses() -> None:
    with pytest.raises(bs.ShapeError, match="shapes must be equal"):
        default_collate([bs.ones(2), bs.ones(3)])
    with pytest.raises(ValueError, match=r"sequences of \[1, 2\] elements"):
        default_collate([[1], [1, 2]])
    for leaf in (None, object(), {1}):
        with pytest.raises(TypeError, match=f"holds {type(leaf).__name__}"):
            default_collate([(1, leaf)])
    for array in (np.array(["a"]), np.array([None])):
        with pytest.raises(TypeError, match="NumPy's dtype"):
            default_collate([array])
    with pytest.raises(KeyError):
        default_collate([{"a": 1}, {"b": 1}])


def test_collate_by_types_of_your_own() -> None:
    class Graph:
        pass

    def count(batch: Any, *, collate_fn_map: Any = None) -> int:
        return len(batch)

    assert collate([Graph(), Graph()], collate_fn_map={Graph: count}) == 2
    assert collate([(1, Graph())], collate_fn_map={**default_collate_fn_map, Graph: count})[1] == 1
    assert collate([True, True], collate_fn_map={int: count}) == 2  # a subclass


def test_convert() -> None:
    made = default_convert({"a": np.ones(2, np.float32), "b": (np.float64(1), "s"), "c": Point(3, None)})
    assert made["a"].dtype == bs.float32 and made["b"][0].dtype == bs.float64 and made["b"][1] == "s"
    assert isinstance(made["b"], list) and made["c"] == Point(3, None)
    text = np.array(["a"])
    assert default_convert(text) is text


def test_module_names_of_pytorch() -> None:
    from backsweep.utils.data import dataloader, dataset, distributed, sampler

    assert dataloader.default_collate is default_collate and dataset.Subset is Subset
    assert sampler.SubsetRandomSampler is SubsetRandomSampler
    assert distributed.DistributedSampler is DistributedSampler
    assert bs.utils.data.TensorDataset is TensorDataset
    with warnings.catch_warnings(), pytest.raises(AttributeError, match="utils' has no attribute"):
        bs.utils.nothing  # noqa: B018
