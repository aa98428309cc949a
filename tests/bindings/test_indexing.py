"""x[...] against NumPy."""

import random

import numpy as np
import pytest

from backsweep import _core


def leaf(*shape, dtype=np.float32, seed=0):
    a = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return _core.tensor(a, requires_grad=True)


def random_index(rng, shape):
    items, ints = [], 0
    for n in shape[: rng.randint(0, len(shape))]:
        kind = rng.random()
        if kind < 0.3 and n > 0:
            items.append(rng.randint(-n, n - 1))
            ints += 1
        elif kind < 0.9:
            pick = lambda: rng.choice([None, rng.randint(-n - 2, n + 2)])  # noqa: B023, E731
            items.append(slice(pick(), pick(), rng.choice([None, 1, 2, 3, -1, -2])))
        else:
            items.append(slice(None))
    if rng.random() < 0.4:
        items.insert(rng.randint(0, len(items)), Ellipsis)
    for _ in range(rng.randint(0, 2)):
        if len(shape) - ints + sum(i is None for i in items) < 7:
            items.insert(rng.randint(0, len(items)), None)
    return items[0] if len(items) == 1 and rng.random() < 0.5 else tuple(items)


@pytest.mark.parametrize("seed", range(20))
def test_indexing_against_numpy(seed):
    rng = random.Random(seed)
    for _ in range(50):
        shape = tuple(rng.choice([0, 1, 2, 3, 5]) for _ in range(rng.randint(0, 4)))
        a = np.arange(int(np.prod(shape)), dtype=np.float64).reshape(shape)
        key = random_index(rng, shape)
        try:
            want = a[key]
        except IndexError:
            with pytest.raises(IndexError):
                _core.tensor(a)[key]
            continue
        got = _core.tensor(a)[key]
        assert got.shape == want.shape, (shape, key)
        np.testing.assert_array_equal(got.numpy(), want, err_msg=f"{shape} {key}")


def test_indexing_derivative():
    x = leaf(4, 5)
    x[1:, ::-2][0].sum().backward()
    want = np.zeros((4, 5), np.float32)
    want[1, ::-2] = 1
    np.testing.assert_array_equal(x.grad.numpy(), want)


def test_index_by_rows():
    a = np.arange(12.0).reshape(4, 3)
    t = _core.tensor(a)
    for key in [[0, 2], [3, -1], np.array([1, 1]), np.array([[0, 1], [2, -4]]), np.array([1], np.int32)]:
        np.testing.assert_array_equal(t[key].numpy(), a[key])
    np.testing.assert_array_equal(t[_core.tensor([0, 3])].numpy(), a[[0, 3]])
    np.testing.assert_array_equal(t[_core.tensor([0, 3], dtype="int32")].numpy(), a[[0, 3]])
    np.testing.assert_array_equal(t[_core.tensor(2)].numpy(), a[2])
    assert t[[]].shape == (0, 3)


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        (4, IndexError, r"index 4 is outside axis 0 of size 4"),
        ((0, -4), IndexError, "outside axis 1"),
        ((0, 0, 0), IndexError, r"3 indices"),
        ((..., ...), IndexError, "Ellipsis"),
        (1.5, IndexError, "not float"),
        ("a", TypeError, "not str"),
        ([True, False, True], IndexError, r"mask of shape \(3,\) at axis 0 .* \(4, 3\)"),
        (np.zeros(4), IndexError, "float64"),
        (([0, 1], [0, 1, 2]), IndexError, r"\(2,\), \(3,\) do not broadcast"),
        ([9], IndexError, "9"),
        ([-5], IndexError, "-5"),
        (slice("a", None), TypeError, "ints or None"),
        (slice(None, None, 0), ValueError, "not 0"),
        (2**70, (IndexError, ValueError), "64 bits"),
    ],
)
def test_index_errors(key, error, text):
    with pytest.raises(error, match=text):
        _core.zeros(4, 3)[key]
