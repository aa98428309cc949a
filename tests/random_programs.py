"""Random functions whose ops come from the registry: a new op meets the compiler without a line here.

Half of a function's statements call an op of the registry: an elementwise one on operands that broadcast, any
other one on the inputs of one of its oracle's cases, cut out of values at hand. The rest is what no op says:
slots written in the middle, chosen forms of broadcasting, views, products.

Every value of the pool is (n, n) and lies within LIMIT, so that no NaN hides what went before it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

import backsweep as bs
from backsweep import _core, nn
from driver import ELEMENTWISE, OPS, REGISTRY, bits, call, cases, is_float, value
from oracles import ORACLES, Array

LIMIT = 3.0


# ---- Ops of the registry -----------------------------------------------------------------------------------


class Recipe(NamedTuple):
    """How to call an op: constants, or intervals and shapes of operands; attributes; the largest output."""

    inputs: tuple[Array | tuple[float, float, tuple[int, ...]], ...]
    attrs: dict[str, Any]
    largest: float


@cache
def largest_of(name: str) -> float:
    """What an elementwise op gives at most on the interval of its row."""
    low, high = REGISTRY[name]["interval"]
    grid = np.meshgrid(*[np.linspace(low, high, 25)] * len(REGISTRY[name]["inputs"]))
    grid = [g > 0 if i in ORACLES[name].bools else g for i, g in enumerate(grid)]
    return float(np.abs(value(name, grid, {})[0]).max())


@cache
def recipes(name: str, large: bool) -> tuple[Recipe, ...]:
    """Of the cases of an op that is not elementwise, those whose outputs are finite."""
    made = []
    for case in cases(name):
        outputs = [np.asarray(y, float) for y in value(name, case.inputs, case.attrs)]
        if (case.large and not large) or not all(np.isfinite(y).all() for y in outputs):
            continue
        inputs = [
            # One number is a rate, a count or the like: as it is.
            x if x.dtype.kind != "f" or x.size == 1 else (x.min(initial=9), x.max(initial=-9), x.shape)
            for x in case.inputs
        ]
        largest = max([float(np.abs(y).max(initial=0)) for y in outputs])
        made.append(Recipe(tuple(inputs), case.attrs, largest))
    return tuple(made)


FLOATING = [name for name in ELEMENTWISE if not ORACLES[name].integers]
CALLED = [name for name in OPS if name not in ELEMENTWISE and recipes(name, False)]
# The first ops of a program come in turn, so that 200 programs of seeds in a row call them all.
IN_TURN = 3
assert max(len(CALLED) / IN_TURN, len(FLOATING)) <= 200


def into(x: bs.Tensor, low: float, high: float) -> bs.Tensor:
    """Values of [-LIMIT, LIMIT] in another interval."""
    if low <= -LIMIT and high >= LIMIT:
        return x
    return x * ((high - low) / (2 * LIMIT)) + (low + high) / 2


def within(x: bs.Tensor, largest: float) -> bs.Tensor:
    return x if largest <= LIMIT else x * (LIMIT / largest)


# ---- The functions -----------------------------------------------------------------------------------------


class RandomProgram:
    """A function of two tensors, a parameter and a buffer, all (n, n): the same for the same seed.

    It gives a loss, values, and first derivatives; with `second`, derivatives of those as well. `large` adds
    the cases of ops that are worth several threads. `called` holds the ops of the registry that it has met.
    """

    def __init__(
        self,
        seed: int,
        n: int,
        length: int,
        dtype: str = "float32",
        second: bool = False,
        large: bool = False,
    ) -> None:
        self.seed, self.n, self.length, self.dtype = seed, n, length, dtype
        self.second, self.large = second, large
        self.called: set[str] = set()
        rng = np.random.default_rng(seed)
        self.arrays = [rng.uniform(-1, 1, (n, n)).astype(dtype) for _ in range(4)]
        self.index = rng.integers(0, n, n)
        self.reset()

    def reset(self) -> None:
        bs.manual_seed(self.seed)
        self.parameter = nn.Parameter(bs.tensor(self.arrays[2]))
        self.buffer = nn.Buffer(bs.tensor(self.arrays[3]))

    def inputs(self) -> list[bs.Tensor]:
        return [bs.tensor(a, requires_grad=True) for a in self.arrays[:2]]

    def run(self, fn: Callable[..., Any], times: int = 3) -> list[Any]:
        """Bits of the outputs of some calls, and of the slots after each."""
        self.reset()
        made = []
        for _ in range(times):
            made.append([bits(t) for t in fn(*self.inputs())])
            made.append([bits(self.parameter), bits(self.buffer), bits(_core.default_generator)])
        return made

    def __call__(self, *inputs: bs.Tensor) -> list[bs.Tensor]:
        return self.sweep(self.forward(*inputs), *inputs)

    def forward(self, *inputs: bs.Tensor) -> list[bs.Tensor]:
        """The loss and two values."""
        choose = self.choose = random.Random(self.seed)
        self.pool = [*inputs, self.parameter * 1.0]
        for i in range(self.length):
            kind = choose.random()
            if i < IN_TURN:
                x = self.other(CALLED[(self.seed * IN_TURN + i) % len(CALLED)])
            elif i == IN_TURN:
                x = self.elementwise(FLOATING[self.seed % len(FLOATING)])
            elif kind < 0.3:
                x = self.elementwise(choose.choice(FLOATING))
            elif kind < 0.45:
                x = self.other(choose.choice(CALLED))
            else:
                x = choose.choice(self.statements())()
            # Sums of relu and the like drift to one side.
            self.pool.append(bs.sigmoid(x) - 0.5 if choose.random() < 0.2 else x)
        labels = bs.tensor(self.index)
        loss = nn.functional.cross_entropy(self.pool[-1], labels) + self.pool[-2].square().mean()
        loss = loss + inputs[0].mean()  # else there may be no history
        values = [self.pool[-1], self.pool[len(self.pool) // 2]]
        self.pool = []
        return [loss, *values]

    def sweep(self, made: list[bs.Tensor], *inputs: bs.Tensor) -> list[bs.Tensor]:
        """What forward() gave, and derivatives of the loss; a step along one of them."""
        sources = [*inputs, self.parameter]
        firsts = bs.grad(made[0], sources, allow_unused=True, create_graph=self.second)
        step = firsts[2]
        outputs = [*made, *(g for g in firsts if g is not None)]
        self.n_first = len(outputs)  # what comes behind are second derivatives
        if self.second:
            outputs += self.derivatives(outputs[3:], sources)
        with bs.no_grad():
            if step is not None:
                self.parameter.assign(bs.tanh(self.parameter - step.detach() * 0.1))
        return outputs

    def derivatives(self, firsts: Sequence[bs.Tensor], sources: Sequence[bs.Tensor]) -> Iterator[bs.Tensor]:
        total = sum((bs.tanh(g).square().sum() for g in firsts if g.requires_grad), bs.zeros(()))
        if not total.requires_grad:
            return iter(())
        made = bs.grad(total, sources, allow_unused=True)
        return (g for g in made if g is not None)

    def any(self) -> bs.Tensor:
        """Far links too: what is fused must not close a cycle around what lies between."""
        near = self.pool[-4:] if self.choose.random() < 0.3 else self.pool
        return self.choose.choice(near)

    # ---- Ops of the registry

    def elementwise(self, name: str) -> bs.Tensor:
        """On a value and others that broadcast to it, in any order."""
        self.called.add(name)
        choose, oracle = self.choose, ORACLES[name]
        low, high = REGISTRY[name]["interval"]
        first = self.any()
        others = REGISTRY[name]["inputs"][1:]
        operands = [first, *(choose.choice(self.parts())(self.any()) for _ in others)]
        choose.shuffle(operands)
        given = [x > 0.0 if i in oracle.bools else into(x, low, high) for i, x in enumerate(operands)]
        (y,) = call(name, given, {})
        if y.dtype == bs.bool_:
            return bs.where(y, first, operands[0]) if choose.random() < 0.5 else y.to(first.dtype)
        return within(y, largest_of(name))

    def parts(self) -> list[Callable[[bs.Tensor], bs.Tensor]]:
        """What broadcasts to (n, n): twice as often the whole."""
        i = self.choose.randrange(self.n)
        whole = [lambda x: x] * 4
        return [*whole, lambda x: x[i], lambda x: x[:, i : i + 1], lambda x: x[i, 0], lambda x: x[i : i + 1]]

    def other(self, name: str) -> bs.Tensor:
        """On the inputs of one of the oracle's cases; all its outputs go on."""
        self.called.add(name)
        recipe = self.choose.choice(recipes(name, self.large))
        given = []
        for x in recipe.inputs:
            if isinstance(x, tuple):
                low, high, shape = x
                part = self.cut(self.any(), shape)
                given.append(part if REGISTRY[name]["view"] else into(part, low, high))
            else:
                given.append(bs.tensor(x.astype(self.dtype) if x.dtype.kind == "f" else x))
        made = list(call(name, given, recipe.attrs))
        if not REGISTRY[name]["view"]:
            # Not bounded by the largest of a case: sums of what has one sign are larger.
            scale = 1 / max(recipe.largest, 1.0)
            made = [bs.tanh(y * scale) if is_float(y) else y for y in made]
        total = self.whole(made[0])
        for y in made[1:]:
            total = total + self.whole(y)
        return within(total, len(made) * LIMIT)

    def cut(self, x: bs.Tensor, shape: tuple[int, ...]) -> bs.Tensor:
        """A part of a value in another shape: of its elements in order, or a view with strides."""
        n, count = self.n, math.prod(shape)
        if self.choose.random() < 0.4 and len(shape) in (1, 2) and max(shape) <= n:
            i = self.choose.randrange(n - shape[0] + 1)
            x = x.T if self.choose.random() < 0.5 else x
            return x[i : i + shape[0], 0] if len(shape) == 1 else x[i : i + shape[0], : shape[1]]
        flat = x.reshape(n * n)
        if count > n * n:
            times = -(-count // (n * n))
            flat = bs.expand(flat, (times, n * n)).reshape(times * n * n)
        first = self.choose.randrange(flat.shape[0] - count + 1)
        return flat[first : first + count].reshape(shape)

    def whole(self, y: bs.Tensor) -> bs.Tensor:
        """The elements of any tensor, repeated or cut to (n, n)."""
        n, count = self.n, y.numel()
        if not is_float(y):
            y = bs.sin(y.to(bs.float64))
        y = y.to(getattr(bs, self.dtype))
        if y.shape == (n, n):
            return y
        if count == 0:
            return self.any() + y.sum()
        flat, times = y.reshape(1, count), -(-n * n // count)
        return bs.expand(flat, (times, count)).reshape(times * count)[: n * n].reshape(n, n)

    # ---- What no op says

    def statements(self) -> list[Callable[[], bs.Tensor]]:
        x, y, n, choose = self.any(), self.choose.choice(self.pool), self.n, self.choose
        dim = choose.choice((0, 1))
        return [
            lambda: bs.relu(x),
            lambda: bs.exp(-x.square()) * LIMIT,
            lambda: bs.log(x.square() + 1.0),
            lambda: x.T,
            lambda: _core.ops.slice(x, dim=dim, step=-1),
            lambda: x.reshape(n * n).reshape(n, n),
            lambda: (x - x.mean(dim, keepdim=True)) * 0.5,
            lambda: x * bs.sum(x, 0) * (1 / (LIMIT * n)),
            lambda: (bs.amax(x, 1, True) - x) * 0.5,
            lambda: _core.ops.layer_norm(x)[0] * (LIMIT / math.sqrt(n)),
            lambda: bs.index_rows(x, bs.tensor(self.index)),
            lambda: _core.ops.dropout(x, p=0.3) * 0.7,
            lambda: x.to(bs.float64).sigmoid().to(x.dtype),
            lambda: (x + (x > 0.1)) * 0.75,
            lambda: bs.expand(x.sum(1, keepdim=True) * (1.0 / n), (n, n)),
            lambda: x * bs.arange(n).reshape(-1, 1) * (1.0 / n),
            lambda: (x.detach() * 0.5 + x) * 0.5,
            lambda: (x + self.buffer) * 0.5,
            lambda: self.write(x) * 0.5,
            lambda: (x + y) * 0.5,
            lambda: (x - y * 0.5) * 0.5,
            lambda: x * y * (1 / LIMIT),
            lambda: x / (y.square() + 1.0),
            lambda: bs.maximum(x, y),
            lambda: bs.where(x > y, x, y * 0.5),
            lambda: (x @ y) * (1 / (LIMIT * n)),
            lambda: (x @ y.T) * (1 / (LIMIT * n)),
            lambda: bs.linear(x, y, x[0]) * (1 / (LIMIT * n + 1)),
            lambda: _core.ops.mul_mask(x, y > 0.0),
        ]

    def write(self, x: bs.Tensor) -> bs.Tensor:
        """The buffer takes part of x; its old value goes on."""
        old = self.buffer.detach()
        with bs.no_grad():
            self.buffer.assign(self.buffer * 0.5 + x.detach() * 0.25)
        return x + old
