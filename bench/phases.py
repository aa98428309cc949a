"""What programs are made of: phases, the second thread, and the time of first calls.

usage: python bench/phases.py [--check] [--first 500|1000|2000|4000]

A GPT block and an LSTM are written in plain operations, with chunk, unbind and stack as users write them,
at the sizes of the rows gpt_4x128_t64_b12 (one block) and lstm_128_t64_b32: forward path, reverse sweep and
update. For each: phases, the part of the planned cost that lies in phases of all threads, the arena of one
thread and of two, microseconds per step on one and two threads, taken in turns, and whether parameters are
the same on 1, 2, 3 and 7 threads to the bit. Then the first call (capture, sweep, plan and one run) of
recurrent layers of growing length, and the time that x[t] for all t takes, eager, forwards and backwards:
both must grow as the length does. --check fails where a target is missed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import backsweep as bs
from backsweep import _core, nn
from backsweep.nn import functional as F

Batch = tuple[bs.Tensor, bs.Tensor]

# Phases at most; planned cost in parallel phases and speed on two threads at least.
TARGETS = {"gpt block": (8, 0.95, 1.6), "lstm, 64 steps": (40, 0.95, 1.6)}
MEMORY = 1.01  # at most, of two threads' arena over that of one
FIRST_CALL = {("rnn", 2000): 0.5, ("lstm", 500): 0.5}  # seconds at most
LENGTHS = (500, 1000, 2000, 4000)
# At most, of the time per step from the least length to the greatest. Quadratic is 8; caches end in between.
GROWTH = 2.0


class Block(nn.Module):
    """One transformer block between an embedding and scores: causal attention, GELU."""

    def __init__(self, vocab: int = 65, dim: int = 128, heads: int = 4, length: int = 64) -> None:
        super().__init__()
        self.heads = heads
        self.tokens = nn.Parameter(bs.tensor(0.02 * rng().standard_normal((vocab, dim)).astype(np.float32)))
        self.places = nn.Parameter(bs.zeros(1, length, dim))
        self.norm_1, self.norm_2, self.norm_3 = nn.LayerNorm(dim), nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.up, self.down, self.out = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim), nn.Linear(dim, vocab)
        self.later = bs.tensor(np.triu(np.ones((length, length), bool), 1))

    def attend(self, x: bs.Tensor) -> bs.Tensor:
        batch, length, dim = x.shape
        q, k, v = (
            part.reshape(batch, length, self.heads, -1).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        scores = (q @ k.transpose(2, 3)) * (dim // self.heads) ** -0.5
        mixed = bs.where(self.later, -np.inf, scores).softmax(-1) @ v
        out: bs.Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, length, dim))
        return out

    def forward(self, ids: bs.Tensor) -> bs.Tensor:
        x = bs.index_rows(self.tokens, ids.reshape(-1)).reshape(*ids.shape, -1) + self.places
        x = x + self.attend(self.norm_1(x))
        x = x + self.down(F.gelu(self.up(self.norm_2(x))))
        scores: bs.Tensor = self.out(self.norm_3(x))
        return scores


class Recurrent(nn.Module):
    """Scores from a recurrent layer over an embedding, unrolled: `gates` 1 is tanh, 4 an LSTM."""

    def __init__(self, gates: int, width: int, vocab: int = 65) -> None:
        super().__init__()
        self.gates = gates
        self.tokens = nn.Parameter(bs.tensor(0.1 * rng().standard_normal((vocab, width)).astype(np.float32)))
        self.input = nn.Linear(width, gates * width)
        self.hidden = nn.Linear(width, gates * width, bias=False)
        self.out = nn.Linear(width, vocab)

    def forward(self, ids: bs.Tensor) -> bs.Tensor:
        batch, length = ids.shape
        width = self.tokens.shape[1]
        x = self.input(bs.index_rows(self.tokens, ids.reshape(-1))).reshape(batch, length, -1)
        h = c = bs.zeros(batch, width)
        states = []
        for x_t in x.unbind(1):
            z = x_t + self.hidden(h)
            if self.gates == 1:
                h = z.tanh()
            else:
                i, f, g, o = z.chunk(4, dim=1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
            states.append(h)
        scores: bs.Tensor = self.out(bs.stack(states, dim=1))
        return scores


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def training(model: nn.Module) -> Any:
    optimizer = bs.optim.SGD(model.parameters(), lr=0.01)

    def step(ids: bs.Tensor, targets: bs.Tensor) -> bs.Tensor:
        optimizer.zero_grad()
        scores = model(ids)
        loss = F.cross_entropy(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1))
        loss.backward()
        optimizer.step()
        return loss

    return bs.compile(step)


def batch(rows: int, length: int, vocab: int = 65) -> Batch:
    ids = rng().integers(0, vocab, (2, rows, length))
    return bs.tensor(ids[0]), bs.tensor(ids[1])


NETWORKS: dict[str, Callable[[], tuple[nn.Module, Batch]]] = {
    "gpt block": lambda: (Block(), batch(12, 64)),
    "lstm, 64 steps": lambda: (Recurrent(4, 128), batch(32, 64)),
}


def trained(name: str, threads: int, steps: int = 2) -> list[bytes]:
    """The parameters of a network, planned and trained on so many threads."""
    bs.manual_seed(0)
    bs.set_num_threads(threads)
    model, data = NETWORKS[name]()
    step = training(model)
    for _ in range(steps):
        step(*data)
    return [p.detach().numpy().tobytes() for p in model.parameters()]


def parallel_part(phases: list[_core.ProgramPhase]) -> float:
    """How much of the planned cost lies in phases of all threads."""
    parallel = sum(p.nanoseconds for p in phases if p.parallel)
    return float(parallel / sum(p.nanoseconds for p in phases))


def describe(name: str) -> list[str]:
    """Print the row of a network; give what is wrong with it."""
    bs.set_num_threads(2)
    model, data = NETWORKS[name]()
    step = training(model)
    arena = {}
    rounds: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(12):
        for threads in rounds:
            bs.set_num_threads(threads)
            step(*data)
            arena[threads] = step.programs[0].memory.arena
            begin = time.perf_counter()
            for _ in range(3):
                step(*data)
            if turn:
                rounds[threads].append((time.perf_counter() - begin) / 3)
    phases = step.programs[0].phases
    cost, part = sum(p.nanoseconds for p in phases), parallel_part(phases)
    same = len({tuple(trained(name, threads)) for threads in (1, 2, 3, 7)}) == 1
    one, two = (min(rounds[threads]) for threads in (1, 2))
    print(
        f"{name:16} {len(phases):4} phases, {part:6.1%} of {cost / 1e3:.0f} us planned in parallel ones;"
        f" arena {arena[1] / 2**20:.1f} MiB, two threads {arena[2] / 2**20:.1f};"
        f" {one * 1e6:.0f} us, two threads {two * 1e6:.0f}: {one / two:.2f}x;"
        f" bits {'the same' if same else 'DIFFER'} on 1, 2, 3, 7 threads"
    )
    most, least, gain = TARGETS[name]
    wrong = []
    if len(phases) > most:
        wrong.append(f"{name}: {len(phases)} phases, wanted {most}")
    if part < least:
        wrong.append(f"{name}: {part:.1%} of the cost in parallel phases, wanted {least:.0%}")
    if one / two < gain:
        wrong.append(f"{name}: {one / two:.2f}x from the second thread, wanted {gain}")
    if arena[2] > MEMORY * arena[1]:
        wrong.append(f"{name}: two threads need {arena[2] / arena[1]:.2f} times the memory of one")
    if not same:
        wrong.append(f"{name}: the number of threads changes bits")
    return wrong


def row_of(name: str, seconds: list[float]) -> list[str]:
    """Print times for doubling lengths; give what is wrong with their growth."""
    print(f"{name:20}" + "".join(f"{s:9.4f}" for s in seconds))
    lengths = LENGTHS[: len(seconds)]
    growth = seconds[-1] / seconds[0] * lengths[0] / lengths[-1]
    return [f"{name}: {growth:.1f} times the time per step at {lengths[-1]}"] if growth > GROWTH else []


def first_calls(most: int) -> list[str]:
    """Print the table of first calls in CPU seconds; give what is wrong."""
    wrong = []
    lengths = [n for n in LENGTHS if n <= most]
    print("first call, CPU s   " + "".join(f"{n:>9}" for n in lengths))
    for name, gates in (("rnn", 1), ("lstm", 4)):
        row = []
        for n in lengths:
            step, data = training(Recurrent(gates, 8)), batch(2, n)
            begin = time.process_time()
            step(*data)
            row.append(time.process_time() - begin)
            if row[-1] > FIRST_CALL.get((name, n), np.inf):
                wrong.append(
                    f"{name}: first call of {n} steps takes {row[-1]:.2f} s, wanted {FIRST_CALL[name, n]}"
                )
        wrong += row_of(name, row)
    return wrong


def reading() -> list[str]:
    """Print what reading a tensor row by row takes in CPU seconds; give what is wrong."""
    print("x[t] for all t, CPU s" + "".join(f"{n:>{8 if n == LENGTHS[0] else 9}}" for n in LENGTHS))
    rows: dict[str, list[float]] = {"forwards": [], "backwards": []}
    for n in LENGTHS:
        x = bs.zeros(n, 64, requires_grad=True)
        forwards, backwards = [], []
        for _ in range(5):
            begin = time.process_time()
            total = sum((x[t] for t in range(n)), bs.zeros(64)).sum()
            middle = time.process_time()
            bs.grad(total, x)
            forwards.append(middle - begin)
            backwards.append(time.process_time() - middle)
        rows["forwards"].append(min(forwards))
        rows["backwards"].append(min(backwards))
    return [w for name, row in rows.items() for w in row_of(name, row)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="fail where a target is missed")
    parser.add_argument(
        "--first", type=int, default=LENGTHS[-1], choices=LENGTHS, help="steps of the longest first call"
    )
    args = parser.parse_args()
    wrong = [w for name in NETWORKS for w in describe(name)] + first_calls(args.first) + reading()
    print(*wrong, sep="\n")
    if args.check and wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
