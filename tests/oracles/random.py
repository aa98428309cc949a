"""Random bits, and what is made of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from oracles.base import Array, Case, Draw, I, Oracle, Wrong, Z


def philox(key: Array, n: int) -> Array:
    """Words 0 to n - 1 of Philox 4x32-10 for (seed, draw)."""
    return blocks(key, np.arange((n + 3) // 4, dtype=np.uint64)).reshape(-1)[:n]


def blocks(key: Array, block: Array) -> Array:
    """The four words of each block: Salmon et al., SC 2011."""
    mask = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    seed, draw = (np.uint64(int(k) % 2**64) for k in key)
    c = [block & mask, block >> half, np.full_like(block, draw & mask), np.full_like(block, draw >> half)]
    k0, k1 = int(seed & mask), int(seed >> half)
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(p1 >> half) ^ c[1] ^ np.uint64(k0), p1 & mask, (p0 >> half) ^ c[3] ^ np.uint64(k1), p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.stack(c, axis=1)


def unit(key: Array, shape: tuple[int, ...]) -> Array:
    """Numbers in [0, 1), multiples of 2^-24."""
    n = int(np.prod(shape, dtype=np.int64))
    return ((philox(key, n) >> np.uint64(8)).astype(np.float64) * 2.0**-24).reshape(shape)


def wide(words: Array) -> Array:
    """Numbers in [0, 1), multiples of 2^-53, each of two words."""
    high, low = (words[i::2].astype(np.float64) for i in (0, 1))
    made: Array = (np.floor(high / 32) * 2.0**26 + np.floor(low / 64)) * 2.0**-53
    return made


def dropout(x: Array, key: Array, p: float = 0.5) -> Array:
    return np.where(unit(key, x.shape) < 1 - p, x / (1 - p if p < 1 else 1.0), 0.0)


def uniform(key: Array, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Array:
    return low + (high - low) * unit(key, tuple(shape))


def below(words: Array, n: int) -> Iterator[int]:
    """Numbers below n, each by the high half of a product with two words."""
    for high, low in words.reshape(-1, 2):
        yield ((int(high) << 32 | int(low)) * n) >> 64


def gaussian(key: Array, shape: tuple[int, ...], dtype: str = "float32") -> Array:
    n = int(np.prod(shape, dtype=np.int64))
    u, v = unit(key, (2, (n + 1) // 2))
    radius, angle = np.sqrt(-2 * np.log(1 - u)), 2 * np.pi * v
    z: Array = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return z[:n].reshape(shape)


def random_integers(key: Array, shape: tuple[int, ...], low: int, high: int) -> Array:
    n = int(np.prod(shape, dtype=np.int64))
    return np.array([low + k for k in below(philox(key, 2 * n), high - low)], np.int64).reshape(shape)


def random_order(key: Array, n: int) -> Array:
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        j = next(below(blocks(key, np.array([i], np.uint64))[0, :2], i + 1))
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.int64)


def bernoulli(x: Array, key: Array, p: float | None = None) -> Array:
    u = wide(philox(key, 2 * x.size)).reshape(x.shape)
    return (u < (x if p is None else p)).astype(np.float64)


def multinomial(x: Array, key: Array, num_samples: int, replacement: bool = False) -> Array:
    rows = np.atleast_2d(x)
    u = wide(philox(key, 2 * len(rows) * num_samples)).reshape(len(rows), num_samples)
    made = np.zeros((len(rows), num_samples), np.int64)
    for row, (weights, numbers) in enumerate(zip(rows.copy(), u, strict=True)):
        for j, number in enumerate(numbers):
            made[row, j] = np.searchsorted(np.cumsum(weights), number * weights.sum(), side="right")
            if not replacement:
                weights[made[row, j]] = 0
    return made.reshape(*x.shape[:-1], num_samples)


def poisson(x: Array, key: Array) -> Array:
    made = [poisson_of(rate, numbers(key, i)) for i, rate in enumerate(x.ravel().tolist())]
    return np.array(made, np.float64).reshape(x.shape)


def numbers(key: Array, element: int) -> Iterator[float]:
    for turn in range(1 << 20):
        yield from wide(blocks(key, np.array([element | turn << 40], np.uint64))[0]).tolist()


def poisson_of(rate: float, numbers: Iterator[float]) -> float:
    """Products below 10, else PTRS of Hörmann (1993)."""
    if rate < 10:
        product, k = next(numbers), 0
        while product > math.exp(-rate):
            product *= next(numbers)
            k += 1
        return k
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    while True:
        u, v = next(numbers) - 0.5, next(numbers)
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2):
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        left = math.log(v * (1.1239 + 1.1328 / (b - 3.4)) / (a / us**2 + b))
        if left <= k * math.log(rate) - rate - math.lgamma(k + 1):
            return k


def advance_key(key: Array) -> Array:
    return np.array([key[0], (int(key[1]) + 1 + 2**63) % 2**64 - 2**63], dtype=np.int64)


def random_cases(d: Draw) -> list[Case]:
    key = np.array([7, 3])
    odd = np.array([-5, 2**62 + 1])
    shapes = [(), (0,), (1,), (17,), (3, 5), (33, 31)]
    made = [Case((d(*s), key), {"p": p}) for s in shapes for p in (0.5, 0.1)]
    made += [Case((d(9), odd), {"p": p}) for p in (0.0, 1.0, 0.999)]
    return [*made, Case((d(600, 701), key), {}, large=True)]


KEY = np.array([5, 9])

ORACLES: dict[str, Oracle] = {
    "advance_key": Oracle(
        advance_key,
        lambda d: [Case((np.array(k),)) for k in ((0, 0), (-1, 5), (3, 2**63 - 1), (9, -1))],
        wrong=[
            Wrong((Z(2),), {}, "DTypeError", ("float64",)),
            Wrong((Z(3, I),), {}, "DTypeError", ("(3,)",)),
        ],
    ),
    "dropout": Oracle(
        dropout,
        random_cases,
        wrong=[
            Wrong((Z(3), Z(2, I)), {"p": p}, "ValueError") for p in (-0.1, 1.1, float("nan"), float("inf"))
        ]
        + [
            Wrong((Z(3), Z(3, I)), {}, "DTypeError", ("(3,)",)),
            Wrong((Z(3, I), Z(2, I)), {}, "DTypeError", ("int64",)),
        ],
    ),
    "uniform": Oracle(
        uniform,
        lambda d: [
            *(Case((np.array([5, 9]),), {"shape": s}) for s in ((), (0,), (1,), (17,), (33, 31))),
            Case((np.array([-5, 2**62]),), {"shape": (1000,), "low": -2.0, "high": 3.0}),
            Case((np.array([5, 9]),), {"shape": (600, 701)}, large=True),
        ],
        wrong=[
            Wrong((Z(2, I),), {"shape": (2, -1)}, "ShapeError", ("(2, -1)",)),
            Wrong((Z(2, I),), {"shape": (2**62, 2**62)}, "ShapeError"),
            Wrong((Z(2),), {"shape": (2,)}, "DTypeError", ("float64",)),
        ],
    ),
    "gaussian": Oracle(
        gaussian,
        lambda d: [Case((np.array([5, 9]),), {"shape": s}) for s in ((), (0,), (1,), (17,), (3, 4))],
        ulp=16,
        flat=True,
        wrong=[
            Wrong((Z(2, I),), {"shape": (2, -1)}, "ShapeError", ("(2, -1)",)),
            Wrong((Z(2),), {"shape": (2,)}, "DTypeError", ("float64",)),
        ],
    ),
    "random_integers": Oracle(
        random_integers,
        lambda d: [
            *(Case((KEY,), {"shape": s, "low": -3, "high": 9}) for s in ((), (0,), (17,), (33, 31))),
            Case((KEY,), {"shape": (50,), "low": -(2**63), "high": 2**63 - 1}),
        ],
        wrong=[
            Wrong((KEY,), {"shape": (2,), "low": 3, "high": 3}, "ValueError", ("below",)),
            Wrong((KEY,), {"shape": (-2,), "low": 0, "high": 3}, "ShapeError", ("(-2,)",)),
            Wrong((Z(3, I),), {"shape": (2,), "low": 0, "high": 3}, "DTypeError", ("(3,)",)),
        ],
    ),
    "random_order": Oracle(
        random_order,
        lambda d: [Case((KEY,), {"n": n}) for n in (0, 1, 2, 57)],
        wrong=[
            Wrong((KEY,), {"n": -1}, "ValueError", ("-1",)),
            Wrong((Z(2),), {"n": 3}, "DTypeError", ("float64",)),
        ],
    ),
    "bernoulli": Oracle(
        bernoulli,
        flat=True,
        cases=lambda d: [
            *(Case((d(*s, low=0, high=1), KEY)) for s in ((), (0,), (17,), (33, 31))),
            Case((d(20), KEY), {"p": 0.3}),
        ],
        wrong=[
            Wrong((Z(3), KEY), {"p": 1.5}, "ValueError", ("1.5",)),
            Wrong((np.array([0.5, -0.5]), KEY), {}, "ValueError", ("element 1",)),
            Wrong((np.array([np.nan]), KEY), {}, "ValueError", ("element 0",)),
            Wrong((Z(3), Z(3, I)), {}, "DTypeError", ("(3,)",)),
        ],
    ),
    "multinomial": Oracle(
        multinomial,
        lambda d: [
            Case((d(7, low=0, high=1), KEY), {"num_samples": 7}),
            Case((d(5, 9, low=0, high=1), KEY), {"num_samples": 3}),
            Case((d(3, 1, low=1, high=2), KEY), {"num_samples": 4, "replacement": True}),
            Case((np.array([[0.0, 1.0, 0.0, 2.0, 0.0]]), KEY), {"num_samples": 2}),
            Case((d(4, 33, low=0, high=1), KEY), {"num_samples": 50, "replacement": True}),
        ],
        wrong=[
            Wrong((Z(3), KEY), {"num_samples": 4}, "ValueError", ("replacement=True",)),
            Wrong((Z(3), KEY), {"num_samples": 0}, "ValueError", ("above 0",)),
            Wrong((Z(3), KEY), {"num_samples": 1}, "ValueError", ("row 0",)),
            Wrong((np.ones((2, 2, 2)), KEY), {"num_samples": 1}, "ShapeError", ("(2, 2, 2)",)),
            Wrong((np.array([[1.0, 2.0], [1.0, -1.0]]), KEY), {"num_samples": 1}, "ValueError", ("row 1",)),
        ],
    ),
    "poisson": Oracle(
        poisson,
        flat=True,
        cases=lambda d: [
            *(Case((d(*s, low=0, high=9), KEY)) for s in ((), (0,), (5, 7))),
            Case((d(40, low=10, high=1000), KEY)),
            Case((np.array([0.0, 1e6]), KEY)),
        ],
        wrong=[
            Wrong((np.array([1.0, -1.0]), KEY), {}, "ValueError", ("element 1",)),
            Wrong((np.array([np.inf]), KEY), {}, "ValueError", ("element 0",)),
            Wrong((Z(3), Z(3, I)), {}, "DTypeError", ("(3,)",)),
        ],
    ),
}
