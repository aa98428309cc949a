"""Random bits, and what is made of them."""

from __future__ import annotations

import numpy as np

from oracles.base import Array, Case, Draw, I, Oracle, Wrong, Z


def philox(key: Array, n: int) -> Array:
    """Words 0 to n - 1 of Philox 4x32-10 for (seed, draw): Salmon et al., SC 2011."""
    mask = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    seed, draw = (np.uint64(int(k) % 2**64) for k in key)
    block = np.arange((n + 3) // 4, dtype=np.uint64)
    c = [block & mask, block >> half, np.full_like(block, draw & mask), np.full_like(block, draw >> half)]
    k0, k1 = int(seed & mask), int(seed >> half)
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(p1 >> half) ^ c[1] ^ np.uint64(k0), p1 & mask, (p0 >> half) ^ c[3] ^ np.uint64(k1), p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.stack(c, axis=1).reshape(-1)[:n]


def unit(key: Array, shape: tuple[int, ...]) -> Array:
    """Numbers in [0, 1), multiples of 2^-24."""
    n = int(np.prod(shape, dtype=np.int64))
    return ((philox(key, n) >> np.uint64(8)).astype(np.float64) * 2.0**-24).reshape(shape)


def dropout(x: Array, key: Array, p: float = 0.5) -> Array:
    return np.where(unit(key, x.shape) < 1 - p, x / (1 - p if p < 1 else 1.0), 0.0)


def uniform(key: Array, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Array:
    return low + (high - low) * unit(key, tuple(shape))


def advance_key(key: Array) -> Array:
    return np.array([key[0], (int(key[1]) + 1 + 2**63) % 2**64 - 2**63], dtype=np.int64)


def random_cases(d: Draw) -> list[Case]:
    key = np.array([7, 3])
    odd = np.array([-5, 2**62 + 1])
    shapes = [(), (0,), (1,), (17,), (3, 5), (33, 31)]
    made = [Case((d(*s), key), {"p": p}) for s in shapes for p in (0.5, 0.1)]
    made += [Case((d(9), odd), {"p": p}) for p in (0.0, 1.0, 0.999)]
    return [*made, Case((d(600, 701), key), {}, large=True)]


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
}
