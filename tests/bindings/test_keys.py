"""x[key] by every kind of key, and index_put, against PyTorch."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from driver import array

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning"),
]


def key_of(rng: random.Random, shape: tuple[int, ...]) -> list[Any]:
    """Ints, slices, None, Ellipsis, bools, and arrays that broadcast together."""
    draw = np.random.default_rng(rng.randrange(10**6))
    common = rng.choice([(2,), (3,), (2, 2), (1,), ()])
    items: list[Any] = []
    axis = 0
    while axis < len(shape) and rng.random() < 0.85:
        n, kind = shape[axis], rng.random()
        left = len(shape) - axis
        if kind < 0.3 and n > 0:
            part = common[rng.randint(0, len(common)) :] if common else ()
            items.append(draw.integers(-n, n, part, rng.choice([np.int64, np.int32])))
        elif kind < 0.4 and n > 0 and not any(isinstance(i, np.ndarray) and i.ndim for i in items):
            axes = min(rng.choice([1, 2]), left)
            mask = np.zeros(shape[axis : axis + axes], bool)
            many = common[-1] if common and len(common) == 1 else 1
            mask.reshape(-1)[draw.permutation(mask.size)[:many]] = True
            items.append(mask)
            axis += axes - 1
        elif kind < 0.5 and n > 0:
            items.append(rng.randint(-n, n - 1))
        elif kind < 0.55 and n > 0:
            items.append([rng.randint(-n, n - 1) for _ in range(common[-1] if common else 1)])
        else:
            pick = lambda n=n: rng.choice([None, rng.randint(-n - 1, n + 1)])  # noqa: E731
            items.append(slice(pick(), pick(), rng.choice([None, 1, 2])))
        axis += 1
    if rng.random() < 0.3:
        items.insert(rng.randint(0, len(items)), Ellipsis)
    if rng.random() < 0.3:
        items.insert(rng.randint(0, len(items)), None)
    if rng.random() < 0.15:
        items.insert(rng.randint(0, len(items)), rng.choice([True, False]))
    return items


def both(items: list[Any], tensors: bool) -> tuple[Any, Any]:
    """The key here and there."""
    mine = tuple(bs.tensor(i) if isinstance(i, np.ndarray) and tensors else i for i in items)
    theirs = tuple(torch.tensor(i) if isinstance(i, np.ndarray) else i for i in items)
    return (mine[0], theirs[0]) if len(items) == 1 else (mine, theirs)


@pytest.mark.parametrize("seed", range(12))
def test_keys(seed: int) -> None:
    rng = random.Random(seed)
    tried = 0
    for _ in range(60):
        shape = tuple(rng.choice([1, 2, 3, 4]) for _ in range(rng.randint(1, 4)))
        a = np.arange(float(np.prod(shape))).reshape(shape)
        items = key_of(rng, shape)
        mine, theirs = both(items, rng.random() < 0.5)
        x, t = bs.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
        if rng.random() < 0.3:
            x, t = x.detach().T.requires_grad_(), t.detach().T.requires_grad_()
        try:
            want = t[theirs]
        except IndexError:
            with pytest.raises(IndexError):
                x[mine]
            continue
        if want.numel() == 0:  # PyTorch then checks no positions
            with contextlib.suppress(IndexError):
                assert x[mine].shape == tuple(want.shape), (shape, items)
            continue
        got = x[mine]
        assert got.shape == tuple(want.shape), (shape, items)
        np.testing.assert_array_equal(array(got), want.detach().numpy(), err_msg=f"{shape} {items}")
        weights = np.arange(1.0, got.numel() + 1).reshape(got.shape)
        (g,) = bs.grad((got * got * bs.tensor(weights)).sum(), [x], create_graph=True)
        (h,) = torch.autograd.grad((want * want * torch.tensor(weights)).sum(), [t], create_graph=True)
        np.testing.assert_array_equal(array(g), h.detach().numpy(), err_msg=f"{shape} {items}")
        if h.requires_grad:
            (g2,) = bs.grad((g * g).sum(), [x])
            (h2,) = torch.autograd.grad((h * h).sum(), [t])
            np.testing.assert_allclose(array(g2), h2.numpy(), 1e-12, err_msg=f"{shape} {items}")
        tried += 1
    assert tried > 30


def put_case(rng: random.Random) -> tuple[np.ndarray, tuple[np.ndarray, ...], np.ndarray]:
    draw = np.random.default_rng(rng.randrange(10**6))
    shape = tuple(rng.choice([2, 3, 4]) for _ in range(rng.randint(1, 3)))
    a = draw.normal(size=shape)
    n = rng.randint(1, len(shape))
    if rng.random() < 0.3:
        indices: tuple[np.ndarray, ...] = (draw.random(shape[:n]) < 0.5,)
        many: tuple[int, ...] = (int(indices[0].sum()),)
    else:
        many = (rng.randint(1, 2),)
        # Without repetitions, where PyTorch promises nothing.
        indices = tuple(draw.permutation(m)[: many[0]] - rng.choice([0, m]) for m in shape[:n])
    values = rng.choice([(*many, *shape[n:]), shape[n:], (), (1,) * (len(shape) - n + 1)])
    return a, indices, draw.normal(size=values)


@pytest.mark.parametrize("accumulate", [False, True])
def test_index_put(accumulate: bool) -> None:
    rng = random.Random(3)
    for _ in range(60):
        a, indices, values = put_case(rng)
        x, v = (bs.tensor(q, requires_grad=True) for q in (a, values))
        t, w = (torch.tensor(q, requires_grad=True) for q in (a, values))
        got = bs.index_put(x, tuple(map(bs.tensor, indices)), v, accumulate)
        want = t.index_put(tuple(map(torch.tensor, indices)), w, accumulate)
        np.testing.assert_array_equal(array(got), want.detach().numpy())
        for g, h in zip(
            bs.grad((got * got).sum(), [x, v]), torch.autograd.grad((want * want).sum(), [t, w]), strict=True
        ):
            np.testing.assert_allclose(array(g), h.numpy(), 1e-12)
        x = bs.tensor(a)
        assert x.index_put_(tuple(map(bs.tensor, indices)), bs.tensor(values), accumulate) is x
        np.testing.assert_array_equal(array(x), want.detach().numpy())


def test_positions_that_repeat() -> None:
    """Added in order; else the last one stays, and alone has a derivative."""
    x, i = bs.zeros(3, requires_grad=True), bs.tensor([1, 1, 0, 1])
    v = bs.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    assert x.index_put((i,), v, accumulate=True).tolist() == [3, 7, 0]
    y = x.index_put((i,), v)
    assert y.tolist() == [3, 4, 0]
    assert [g.tolist() for g in bs.grad((y * bs.tensor([1.0, 10.0, 100.0])).sum(), [x, v])] == [
        [0, 0, 100],
        [0, 0, 1, 10],
    ]


KEYS: list[Any] = [
    [[0, 1], [1, 0]],
    [[0, 1], [1]],
    [0, slice(None)],
    range(2),
    [],
    [[]],
    [True, False],
    ((0, 1), [1, 2]),
    np.array(1),
    np.int64(1),
    np.array([1, 0], np.uint8),
    (np.array([True, False]), 0),
    (True, 0),
    (slice(None), True),
    False,
    ([0, 1], True),
    ([0, 1], None, [0, 1]),
    (0, slice(None), [0, 1]),
    ([0, 1], slice(None), [0, 1]),
    (),
    # What is refused.
    1.5,
    np.array([1], np.int8),
    5,
    [5],
    ([0, 1], [0, 1, 2]),
    [True, False, True],
    (0, 0, 0, 0),
    (np.zeros((2, 3, 5), bool),),
    {"a": 1},
    np.bool_(True),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_unusual_keys(key: Any) -> None:
    a = np.arange(24.0).reshape(2, 3, 4)
    try:
        want = torch.tensor(a)[key]
    except (IndexError, TypeError) as error:
        with pytest.raises(type(error), match=r"^\[(getitem|index|index_of|index_rows)\] "):
            bs.tensor(a)[key]
        return
    got = bs.tensor(a)[key]
    assert got.shape == tuple(want.shape)
    np.testing.assert_array_equal(array(got), want.numpy())


def test_index_tensors_of_other_dtypes() -> None:
    a = np.arange(12.0).reshape(4, 3)
    x, t = bs.tensor(a), torch.tensor(a)
    for dtype in ("int32", "int64", "uint8"):
        index = np.array([1, 0, 0, 1], dtype)
        want = t[torch.tensor(index)].numpy()
        np.testing.assert_array_equal(array(x[bs.tensor(index)]), want)
    assert x[bs.tensor(True)].shape == (1, 4, 3) and x[bs.tensor(False)].shape == (0, 4, 3)
    assert x[bs.tensor(2)].shape == (3,)


def test_captured_keys() -> None:
    """Keys of tensors are captured, and played again for other sizes."""
    i, j = bs.tensor([0, -1, 1]), bs.tensor([[0], [2]])

    @bs.compile
    def f(x: bs.Tensor, at: bs.Tensor, mask: bs.Tensor) -> tuple[bs.Tensor, ...]:
        y = x[at, :, j].sum() * x[-1, None, [0, 1]]
        z = x.index_put((at, j), x[0, 0, 0]) + x.index_put((mask,), x[1, 0, 0])
        return y, z, bs.grad((z * z).sum() + (y * y).sum(), [x])[0]

    for n in (3, 5, 4, 7):
        x = bs.tensor(np.random.default_rng(n).normal(size=(n, n, 4)), requires_grad=True)
        given = x, i[None, : 2 + n % 2], x.detach()[..., 0] > 0
        for got, want in zip(f(*given), f.__wrapped__(*given), strict=True):
            np.testing.assert_array_equal(array(got), array(want))
    assert len(f.programs) <= 4


def test_sizes_that_depend_on_values() -> None:
    x = bs.tensor([1.0, -1.0, 2.0])
    calls = [
        lambda x: x[x > 0],
        lambda x: bs.masked_select(x, x > 0),
        lambda x: bs.nonzero(x),
        lambda x: bs.nonzero(x, as_tuple=True),
        lambda x: bs.where(x > 0),
        lambda x: bs.argwhere(x),
        lambda x: bs.unique(x),
        lambda x: bs.bincount(x.long() + 1),
    ]
    for call in calls:
        call(x)
        with pytest.raises(bs.GraphError, match=r"depends on values|known only when"):
            bs.compile(call)(x)
