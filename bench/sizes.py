"""What a new size costs: a stream of batch sizes through one compiled step, and the planning of a long graph.

    python bench/sizes.py [--sizes 1000]

Per 200 sizes: the median time of a call with a size that is new (planning and the step itself), of one that
is known, and the growth of the process. Then the time in which graphs of 100,000 nodes are captured and
planned.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import backsweep as bs
from backsweep import Tensor, nn

NODES = 100_000


def resident() -> float:
    """MiB of the process that lie in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def seconds(call: Callable[..., object], *args: object) -> float:
    begin = time.perf_counter()
    call(*args)
    return time.perf_counter() - begin


def stream(sizes: int) -> None:
    """mlp_64 with Adam, batches of 1, 2, 3, ... samples."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = bs.optim.Adam(model.parameters(), lr=1e-3)

    @bs.compile
    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def batch(n: int) -> tuple[Tensor, Tensor]:
        return bs.from_numpy(rng.standard_normal((n, 64), np.float32)), bs.from_numpy(rng.integers(0, 10, n))

    first = seconds(step, *batch(sizes + 1))
    print(f"first call: {first * 1e3:.2f} ms")
    begin = resident()
    new, known = [], []
    for n in range(1, sizes + 1):
        data = batch(n)
        new.append(seconds(step, *data))
        known.append(seconds(step, *data))
        if n % 200 == 0 or n == sizes:
            a, b = statistics.median(new) * 1e6, statistics.median(known) * 1e6
            print(f"to {n}: new {a:.0f} us, known {b:.0f} us, grown by {resident() - begin:.0f} MiB")
            new, known = [], []
    print(step.cache_info())


def chain(x: Tensor) -> Tensor:
    """Elementwise, joined to lists as long as they may be."""
    for _ in range(NODES // 2):
        x = x * 1.001 + 0.5
    return x


def sums(x: Tensor) -> Tensor:
    """Steps that nothing joins."""
    total = bs.sum(x)
    for k in range(NODES // 3):
        total = total + bs.sum(x * float(k))
    return total


def layers(x: Tensor) -> Tensor:
    """Products and their derivatives."""
    weight = bs.tensor(np.eye(4, dtype=np.float32), requires_grad=True)
    y = x
    for _ in range(NODES // 10):
        y = bs.relu(bs.linear(y, weight))
    (gradient,) = bs.grad(y.sum(), [weight])
    return gradient


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, default=1000)
    args = parser.parse_args()
    bs.set_num_threads(1)
    stream(args.sizes)
    for graph in (chain, sums, layers):
        print(f"{graph.__name__}: {NODES} nodes in {seconds(bs.compile(graph), bs.ones(3, 4)):.2f} s")


if __name__ == "__main__":
    main()
