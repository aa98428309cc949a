"""What the rows of reference.py are made of: each op's function in NumPy, and inputs to try it on.

An op that is not elementwise has here, under the heading of its kind, the function that its row names (unless
NumPy has it already) and the generator of its cases. Which op uses what, what integers become and which calls
must fail stands in the table alone: reference.ORACLES.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Case(NamedTuple):
    """Inputs in the order of the op's schema (floats as float64), and attributes."""

    inputs: tuple[Array, ...]
    attrs: dict[str, Any] = {}  # noqa: RUF012  (never changed)
    large: bool = False  # for several threads; too large for differences
    smooth: bool = True  # differences make sense


class Draw:
    """Numbers for cases."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def __call__(self, *shape: int, low: float = -2.0, high: float = 2.0) -> Array:
        return np.asarray(self.rng.uniform(low, high, shape))

    def index(self, *shape: int, below: int) -> Array:
        return np.asarray(self.rng.integers(0, below, shape))


# ---- Random bits -------------------------------------------------------------------------------------------


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


# ---- Shapes ------------------------------------------------------------------------------------------------


def slice_backward(
    g: Array, dim: int, shape: Any, start: Any = None, stop: Any = None, step: int = 1
) -> Array:
    whole = np.zeros(shape, dtype=g.dtype)
    np.moveaxis(whole, dim, 0)[start:stop:step] = np.moveaxis(g, dim, 0)
    return whole


def slice_(x: Array, dim: int, start: Any = None, stop: Any = None, step: int = 1) -> Array:
    return np.moveaxis(np.moveaxis(x, dim, 0)[start:stop:step], 0, dim)


def slices() -> list[dict[str, Any]]:
    ends = [None, 0, 2, -1, 100, -100]
    made = [{"dim": 0, "start": a, "stop": b, "step": c} for a in ends for b in ends for c in (1, 2, -1, -3)]
    return [*made, {"dim": -1, "start": 1}, {"dim": 1, "step": 2}]


def slice_cases(d: Draw) -> list[Case]:
    made = [Case((d(*s),), a) for a in slices() for s in ((5, 3), (1, 4))]
    return [
        *made,
        Case((d(0, 3),), {"dim": 0, "step": -1}),
        Case((d(17),), {"dim": 0, "start": 3, "step": 5}),
    ]


def slice_backward_cases(d: Draw) -> list[Case]:
    made = []
    for attrs in slices():
        g = slice_(d(5, 3), **attrs)
        made.append(Case((g,), {**attrs, "shape": (5, 3)}))
    return [*made, Case((d(300, 401),), {"dim": 0, "step": 2, "shape": (600, 401)}, large=True)]


def reshape_cases(d: Draw) -> list[Case]:
    pairs = [((), (1, 1)), ((0,), (3, 0)), ((6,), (2, -1)), ((4, 3), (3, 4)), ((1,), ()), ((2, 1, 9), (18,))]
    return [Case((d(*a),), {"shape": b}) for a, b in [*pairs, ((1000,), (8, 125)), ((5, 0), (0,))]]


def permute_cases(d: Draw) -> list[Case]:
    pairs = [((), ()), ((3,), (0,)), ((3, 4), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (-1, -3, -2))]
    return [Case((d(*a),), {"dims": b}) for a, b in [*pairs, ((0, 5, 1), (1, 2, 0))]]


def transpose_cases(d: Draw) -> list[Case]:
    triples = [
        ((3, 4), 0, 1),
        ((2, 3, 4), -1, 0),
        ((2, 3, 4), 1, 1),
        ((0, 5), 1, 0),
        ((17, 1), 0, 1),
        ((3,), 0, -1),
    ]
    return [Case((d(*a),), {"dim0": i, "dim1": j}) for a, i, j in triples]


def expand(x: Array, shape: tuple[int, ...]) -> Array:
    skip = len(shape) - x.ndim
    full = [x.shape[i - skip] if size == -1 else size for i, size in enumerate(shape)]
    return np.broadcast_to(x, full)


def expand_cases(d: Draw) -> list[Case]:
    pairs = [
        ((), (3, 2)),
        ((1,), (17,)),
        ((3, 1), (3, 4)),
        ((3, 1), (2, -1, 5)),
        ((1, 4), (0, 4)),
        ((5,), (5,)),
    ]
    return [Case((d(*a),), {"shape": b}) for a, b in pairs]


def copies(d: Draw) -> list[Case]:
    shapes = [(), (0,), (1,), (17,), (4, 5), (0, 3), (33, 31), (2, 3, 4)]
    return [*(Case((d(*s),)) for s in shapes), Case((d(600, 501),), {}, large=True)]


def cast_cases(d: Draw) -> list[Case]:
    made = [Case((d(*s),), {"dtype": "float64"}) for s in ((), (0,), (17,), (4, 5))]
    names = ("float32", "int32", "int64", "bool")
    made += [
        Case((d(*s, low=-9, high=9),), {"dtype": t}, smooth=False) for t in names for s in ((17,), (3, 5))
    ]
    return [*made, Case((d(600, 501),), {"dtype": "float64"}, large=True)]


# ---- Reductions --------------------------------------------------------------------------------------------


def reduction(fn: Callable[..., Array]) -> Callable[..., Array]:
    def value(x: Array, dim: Any = None, keepdim: bool = False) -> Array:
        axes = dim if dim is None or isinstance(dim, int) else tuple(dim)
        return np.asarray(fn(x, axis=axes, keepdims=keepdim))

    return value


def reductions(empty: bool) -> Callable[[Draw], list[Case]]:
    """Whether reducing an empty axis has a meaning."""

    def cases(d: Draw) -> list[Case]:
        dims = [
            ((), None),
            ((1,), None),
            ((17,), 0),
            ((1000,), -1),
            ((5, 7), 0),
            ((5, 7), 1),
            ((3, 4, 5), (0, 2)),
        ]
        dims += [((3, 4, 5), (1,)), ((2, 3, 2, 3), (1, 3)), ((3, 1, 4), (-2,)), ((33, 31), None), ((0, 4), 1)]
        if empty:
            dims += [((0,), None), ((0, 4), 0), ((3, 0, 2), (1,)), ((0, 4), None)]
        made = [
            Case((d(*s),), {"dim": a, "keepdim": keep}, smooth=0 not in s)
            for s, a in dims
            for keep in (False, True)
        ]
        shapes = [
            ((300_001,), None),
            ((700, 601), 0),
            ((700, 601), 1),
            ((100_000, 3), (0,)),
            ((30, 40, 301), (0, 2)),
        ]
        return made + [Case((d(*s),), {"dim": a}, large=True) for s, a in shapes]

    return cases


def arg(fn: Callable[..., Array]) -> Callable[..., Array]:
    def value(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
        return np.asarray(fn(x, axis=dim, keepdims=keepdim), dtype=np.int64)

    return value


def arg_cases(d: Draw) -> list[Case]:
    """Rounded, so that many elements are equal."""
    dims = [((), None), ((1,), 0), ((17,), -1), ((5000,), None), ((5, 7), 0), ((5, 7), 1), ((5, 7), None)]
    dims += [((3, 4, 5), 1), ((3, 1, 4), -2), ((33, 31), 0), ((130, 10), 1), ((4, 0), 0), ((2, 3, 70), 1)]
    made = [Case((np.rint(d(*s)),), {"dim": a, "keepdim": keep}) for s, a in dims for keep in (False, True)]
    shapes = [((300_001,), None), ((700, 601), 0), ((700, 601), 1)]
    return made + [Case((d(*s),), {"dim": a}, large=True) for s, a in shapes]


def logsumexp(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    top = x.max(axis=axis, keepdims=True)
    y = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return np.asarray(y if keepdims else np.squeeze(y, axis))


# ---- Softmax -----------------------------------------------------------------------------------------------


def log_softmax(x: Array, dim: int = -1) -> Array:
    below = x - x.max(axis=dim, keepdims=True) if x.size else x
    return np.asarray(below - np.log(np.exp(below).sum(axis=dim, keepdims=True)))


def softmax(x: Array, dim: int = -1) -> Array:
    return np.exp(log_softmax(x, dim))


def softmax_rows_backward(g: Array, y: Array) -> Array:
    return y * (g - (g * y).sum(axis=-1, keepdims=True))


def log_softmax_rows_backward(g: Array, y: Array) -> Array:
    return g - np.exp(y) * g.sum(axis=-1, keepdims=True)


ROWS = ((1,), (5,), (3, 4), (0, 3), (3, 0), (2, 3, 17), (33, 10))


def softmax_cases(d: Draw) -> list[Case]:
    dims = [
        ((5,), 0),
        ((3, 4), 0),
        ((3, 4), -1),
        ((2, 3, 17), 1),
        ((2, 3, 17), -3),
        ((0, 3), 0),
        ((33, 10), 1),
    ]
    large = [((900, 301), 1), ((900, 301), 0)]
    made = [Case((d(*s),), {"dim": a}) for s, a in dims]
    return made + [Case((d(*s),), {"dim": a}, large=True) for s, a in large]


def softmax_rows_cases(d: Draw) -> list[Case]:
    return [*(Case((d(*s),)) for s in ROWS), Case((d(900, 301),), large=True)]


def softmax_rows_backward_cases(d: Draw) -> list[Case]:
    return [
        *(Case((d(*s), d(*s, low=-2, high=0))) for s in ROWS),
        Case((d(900, 301), d(900, 301)), large=True),
    ]


# ---- Products ----------------------------------------------------------------------------------------------


def matmul_cases(d: Draw) -> list[Case]:
    sizes = [
        ((3, 4), (4, 5)),
        ((4,), (4,)),
        ((4,), (4, 5)),
        ((3, 4), (4,)),
        ((1, 1), (1, 1)),
        ((17, 33), (33, 9)),
    ]
    sizes += [((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (3, 4, 2)), ((4,), (2, 4, 3))]
    sizes += [((2, 3, 4), (4,)), ((0, 4), (4, 5)), ((3, 0), (0, 5)), ((3, 4), (4, 0)), ((0, 3, 4), (4, 2))]
    sizes += [((65, 64), (64, 63)), ((1, 100), (100, 37)), ((3, 5000), (5000, 2)), ((8, 16), (16, 48))]
    large = [
        ((257, 129), (129, 130)),
        ((3, 700), (700, 1000)),
        ((6, 50, 60), (60, 70)),
        ((200, 5000), (5000, 2)),
    ]
    return [*(Case((d(*a), d(*b))) for a, b in sizes), *(Case((d(*a), d(*b)), large=True) for a, b in large)]


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    y = x @ weight.T
    return y if bias is None else y + bias


def linear_cases(d: Draw) -> list[Case]:
    sizes = [
        ((2, 3), 4),
        ((3,), 4),
        ((2, 2, 3), 1),
        ((0, 3), 4),
        ((3, 0), 4),
        ((3, 4), 0),
        ((17, 65), 33),
        ((1, 64), 10),
    ]
    large = [((256, 300), 130), ((3, 900), 1000)]
    made = []
    for x, out in sizes + large:
        case = (d(*x), d(out, x[-1]), d(out))
        is_large = (x, out) in large
        made += [Case(case, large=is_large), Case(case[:2], large=is_large)]
    return made


# ---- Rows by index -----------------------------------------------------------------------------------------


def index_rows_backward(g: Array, index: Array, rows: int) -> Array:
    out = np.zeros((rows, *g.shape[index.ndim :]))
    np.add.at(out, index, g)
    return out


def index_rows_cases(d: Draw) -> list[Case]:
    sizes = [((5, 3), (4,)), ((5,), ()), ((5, 2), (2, 3)), ((5, 2, 2), (0,)), ((1, 3), (17,)), ((4, 0), (3,))]
    made = [Case((d(*x), d.index(*i, below=x[0]))) for x, i in sizes]
    return [
        *made,
        Case((d(0, 3), d.index(0, below=1))),
        Case((d(50, 61), d.index(9000, below=50)), large=True),
    ]


def index_rows_backward_cases(d: Draw) -> list[Case]:
    sizes = [
        ((4,), (3,), 5),
        ((), (), 5),
        ((2, 3), (2,), 4),
        ((0,), (3,), 2),
        ((17,), (1,), 1),
        ((3,), (0,), 2),
    ]
    made = [Case((d(*i, *row), d.index(*i, below=n)), {"rows": n}) for i, row, n in sizes]
    return [*made, Case((d(9000, 61), d.index(9000, below=50)), {"rows": 50}, large=True)]


# ---- Losses ------------------------------------------------------------------------------------------------


def cross_entropy(
    input: Array, target: Array, ignore_index: int = -100, reduction: int = 1
) -> tuple[Array, Array, Array, Array]:
    top = input.max(axis=1, keepdims=True) if input.size else np.zeros((len(input), 1))
    log_sum = np.log(np.exp(input - top).sum(axis=1))
    counts = target != ignore_index
    picked = np.take_along_axis(input - top, np.where(counts, target, 0)[:, None], axis=1)[:, 0]
    loss = np.where(counts, log_sum - picked, 0.0)
    count = np.asarray(counts.sum(dtype=np.float64))
    total = loss if reduction == 0 else loss.sum() / (count if reduction == 1 else 1.0)
    return np.asarray(total), top[:, 0], log_sum, count


def cross_entropy_backward(
    g: Array,
    input: Array,
    target: Array,
    top: Array,
    log_sum: Array,
    count: Array,
    ignore_index: int = -100,
    reduction: int = 1,
) -> Array:
    scale = g[:, None] if reduction == 0 else g / (count if reduction == 1 else 1.0)
    hot = np.arange(input.shape[1]) == target[:, None]
    p = np.exp(input - top[:, None] - log_sum[:, None])
    return np.where((target != ignore_index)[:, None], scale * (p - hot), 0.0)


def targets(d: Draw, n: int, classes: int, ignored: int) -> Array:
    target = d.index(n, below=classes)
    target[2::5] = ignored
    return target


def cross_entropy_cases(d: Draw) -> list[Case]:
    made = []
    for n, c in ((1, 1), (2, 3), (7, 17), (0, 4), (33, 10)):
        for r in (0, 1, 2):
            made.append(Case((d(n, c), targets(d, n, c, -100)), {"reduction": r}, smooth=n > 0))
            if c > 1:
                made.append(
                    Case((d(n, c), targets(d, n, c, 1)), {"reduction": r, "ignore_index": 1}, smooth=n > 0)
                )
    made.append(Case((d(3, 2), np.full(3, -100)), {}, smooth=False))  # nothing counts: the mean is NaN
    return made + [
        Case((d(5000, 65), targets(d, 5000, 65, -100)), {"reduction": r}, large=True) for r in (0, 1, 2)
    ]


def cross_entropy_backward_cases(d: Draw) -> list[Case]:
    made = []
    for n, c, large in ((1, 1, False), (4, 3, False), (7, 17, False), (5000, 65, True)):
        for r in (0, 1, 2):
            g = d(n) if r == 0 else d()
            top, log_sum, count = d(n, low=2, high=3), d(n, low=0.5, high=1), np.asarray(float(n) + 0.5)
            operands = (g, d(n, c), targets(d, n, c, -100), top, log_sum, count)
            made.append(Case(operands, {"reduction": r}, large=large))
    return made


# ---- Normalisation -----------------------------------------------------------------------------------------


def layer_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    mean = x.mean(axis=-1)
    rstd = 1 / np.sqrt(x.var(axis=-1) + eps)
    y = (x - mean[..., None]) * rstd[..., None]
    y = y if weight is None else y * weight
    return y if bias is None else y + bias, mean, rstd


def layer_norm_backward(
    g: Array, x: Array, mean: Array, rstd: Array, weight: Array | None = None
) -> tuple[Array, Array, Array]:
    xhat = (x - mean[..., None]) * rstd[..., None]
    h = g if weight is None else g * weight
    dx = rstd[..., None] * (h - h.mean(-1, keepdims=True) - xhat * (h * xhat).mean(-1, keepdims=True))
    rows = tuple(range(x.ndim - 1))
    return dx, (g * xhat).sum(rows), g.sum(rows)


NORMALISED = ((3, 4), (5,), (2, 3, 5), (1, 17), (0, 3), (33, 31))


def layer_norm_cases(d: Draw) -> list[Case]:
    made = []
    for shape in (*NORMALISED, (2, 1000), (900, 301)):
        inputs, large = (d(*shape), d(shape[-1]), d(shape[-1])), shape == (900, 301)
        made += [Case(inputs[:n], {"eps": e}, large=large) for n, e in ((1, 1e-5), (2, 1e-3), (3, 0.1))]
    return made


def layer_norm_backward_cases(d: Draw) -> list[Case]:
    made = []
    for shape in (*NORMALISED, (900, 301)):
        rows = shape[:-1]
        inputs = (d(*shape), d(*shape), d(*rows), d(*rows, low=0.5), d(shape[-1]))
        made += [Case(inputs[:n], large=shape == (900, 301)) for n in (4, 5)]
    return made


# ---- Updates of optimizers ---------------------------------------------------------------------------------


def sgd(p: Array, grad: Array, lr: Array, weight_decay: Array, maximize: bool = False) -> Array:
    return p - lr * ((-grad if maximize else grad) + weight_decay * p)


def sgd_momentum(
    p: Array,
    grad: Array,
    buffer: Array,
    lr: Array,
    weight_decay: Array,
    momentum: Array,
    dampening: Array,
    started: Array | float = 1.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> tuple[Array, Array]:
    g = (-grad if maximize else grad) + weight_decay * p
    b = momentum * buffer + (1 - dampening * started) * g
    return p - lr * (g + momentum * b if nesterov else b), b


def adam(
    p: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    step: Array,
    lr: Array,
    beta1: Array,
    beta2: Array,
    eps: Array,
    weight_decay: Array,
    max_exp_avg_sq: Array | None = None,
    decoupled: bool = False,
    maximize: bool = False,
) -> tuple[Array, ...]:
    g = -grad if maximize else grad
    if decoupled:
        p = p * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * p
    m, v, t = beta1 * exp_avg + (1 - beta1) * g, beta2 * exp_avg_sq + (1 - beta2) * g * g, step + 1
    u = v if max_exp_avg_sq is None else np.maximum(max_exp_avg_sq, v)
    new = p - lr / (1 - beta1**t) * m / (np.sqrt(u / (1 - beta2**t)) + eps)
    return (new, m, v, t) if max_exp_avg_sq is None else (new, m, v, t, u)


def update_cases(arrays: str, numbers: Sequence[float], flags: Sequence[str]) -> Callable[[Draw], list[Case]]:
    """`arrays` lists the inputs: "a" of the parameter's shape, "+" the same above 0, "." all the numbers."""

    def cases(d: Draw) -> list[Case]:
        made = []
        for i, shape in enumerate([(), (0,), (1,), (17,), (3, 5), (33, 31), (600, 701)]):
            inputs: list[Array] = []
            for kind in arrays:
                if kind == ".":
                    inputs += [np.array(x) for x in numbers]
                else:
                    inputs.append(d(*shape, low=0.1 if kind == "+" else -2.0))
            attrs = {flag: bool(i >> k & 1) for k, flag in enumerate(flags)}
            made.append(Case(tuple(inputs), attrs, large=i == 6))
        return made

    return cases
