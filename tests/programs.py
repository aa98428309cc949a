"""What tests of compiled functions share: their text, a model and its step, and random functions.

The random functions compare eager with compiled, and threads with each other.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

import backsweep as bs
from backsweep import _core, nn
from backsweep.nn import functional as F
from driver import array, bits


def text(fn: Any, number: int = 0) -> str:
    return fn.programs[number]["text"]


def steps(fn: Any, number: int = 0) -> list[str]:
    """The ops of a program's steps; fused ones joined by +."""
    lines = [line for line in text(fn, number).splitlines() if line.startswith("  ")]
    return [line.split(" = ")[1].split("(")[0] for line in lines]


def equal(a: Any, b: Any) -> None:
    assert bits(a) == bits(b)


def model_and_optimizer(momentum: float = 0.9, p: float = 0.0) -> tuple[nn.Module, bs.optim.SGD]:
    bs.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 16), nn.LayerNorm(16), nn.ReLU(), nn.Dropout(p), nn.Linear(16, 3))
    return model, bs.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)


def batch(n: int = 8, seed: int = 0) -> tuple[bs.Tensor, bs.Tensor]:
    rng = np.random.default_rng(seed)
    return bs.tensor(rng.normal(size=(n, 6)).astype(np.float32)), bs.tensor(rng.integers(0, 3, n))


def training_step(model: nn.Module, optimizer: bs.optim.SGD) -> Callable[..., bs.Tensor]:
    def step(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def everything(model: nn.Module, optimizer: bs.optim.SGD) -> list[Any]:
    """Bits of all that a step may change."""
    buffers = [b for state in optimizer.state.values() for b in state.values()]
    return [bits(t) for t in (*model.parameters(), *buffers, _core.default_generator)]


# ---- Random functions --------------------------------------------------------------------------------------


class RandomProgram:
    """A function of two tensors, a parameter and a buffer, all (n, n): the same for the same seed.

    It mixes elementwise ops, broadcasting, views, reductions, products, normalisation, rows by index, random
    numbers, conditions, gradients and writes to slots in the middle.
    """

    def __init__(self, seed: int, n: int, length: int, dtype: str = "float32") -> None:
        self.seed, self.n, self.length, self.dtype = seed, n, length, dtype
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

    def __call__(self, *inputs: bs.Tensor) -> list[bs.Tensor]:
        choose = random.Random(self.seed)
        n = self.n
        pool: list[bs.Tensor] = [*inputs, self.parameter * 1.0]
        column = lambda: bs.arange(n).reshape(-1, 1)  # noqa: E731
        unary: list[Callable[[bs.Tensor], bs.Tensor]] = [
            bs.sigmoid,
            bs.relu,
            lambda x: bs.exp(-x.square()),
            lambda x: bs.log(x.square() + 1.0),
            lambda x: bs.softplus(x) * 0.5,
            lambda x: x.T,
            lambda x: _core.ops.slice(x, dim=choose.choice((0, 1)), step=-1),
            lambda x: x.reshape(n * n).reshape(n, n),
            lambda x: x - x.mean(choose.choice((0, 1)), keepdim=True),
            lambda x: x * bs.sum(x, 0) * (1.0 / n),
            lambda x: bs.amax(x, 1, True) - x,
            lambda x: _core.ops.layer_norm(x)[0],
            lambda x: bs.index_rows(x, bs.tensor(self.index)),
            lambda x: _core.ops.dropout(x, p=0.3),
            lambda x: x.to(bs.float64).sigmoid().to(x.dtype),
            lambda x: x + (x > 0.1),
            lambda x: bs.expand(x.sum(1, keepdim=True) * (1.0 / n), (n, n)),
            lambda x: x * column(),
            lambda x: x.detach() * 0.5 + x,
            lambda x: x + self.buffer,
            lambda x: self.write(x),
        ]
        binary: list[Callable[[bs.Tensor, bs.Tensor], bs.Tensor]] = [
            lambda x, y: x + y,
            lambda x, y: x - y * 0.5,
            lambda x, y: x * y,
            lambda x, y: x / (y.square() + 1.0),
            bs.maximum,
            lambda x, y: bs.where(x > y, x, y * 0.5),
            lambda x, y: (x @ y) * (1.0 / n),
            lambda x, y: _core.linear(x, y, x[0]) * (1.0 / n),
            lambda x, y: _core.ops.mul_mask(x, y > 0.0),
        ]
        for _ in range(self.length):
            # Far links too: what is fused must not close a cycle around what lies between.
            near = pool[-4:] if choose.random() < 0.3 else pool
            if choose.random() < 0.5:
                x = choose.choice(unary)(choose.choice(near))
            else:
                x = choose.choice(binary)(choose.choice(near), choose.choice(pool))
            # Keeps numbers within bounds now and then.
            pool.append(bs.sigmoid(x) - 0.5 if choose.random() < 0.3 else x)
        labels = bs.tensor(self.index)
        loss = nn.functional.cross_entropy(pool[-1], labels) + pool[-2].square().mean()
        sources = [*inputs, self.parameter]
        made = bs.grad(loss, sources, allow_unused=True)
        step = made[2]
        outputs = [loss, pool[-1], pool[len(pool) // 2], *(g for g in made if g is not None)]
        with bs.no_grad():
            if step is not None:
                self.parameter.assign(self.parameter - step * 0.1)
        return outputs

    def write(self, x: bs.Tensor) -> bs.Tensor:
        """The buffer takes part of x; its old value goes on."""
        old = self.buffer.detach()
        with bs.no_grad():
            self.buffer.assign(self.buffer * 0.5 + x.detach() * 0.25)
        return x + old

    def run(self, fn: Callable[..., Any], times: int = 3) -> list[Any]:
        """Bits of the outputs of some calls, and of the slots after each."""
        self.reset()
        made = []
        for _ in range(times):
            made.append([bits(t) for t in fn(*self.inputs())])
            made.append([bits(self.parameter), bits(self.buffer), bits(_core.default_generator)])
        return made


def state(*slots: bs.Tensor) -> list[Any]:
    return [array(s) for s in slots]
