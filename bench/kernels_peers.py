"""Time single operations, forward and backward, beside PyTorch's.

usage: python bench/kernels_peers.py [--threads N] [--only TEXT,..] [--seconds S] [--json FILE]

Ours is one compiled program that gives the value and the gradients. PyTorch's is the faster of two ways: by
autograd, and by the very calls that autograd would make (`aten`), where the case names them. Both take turns
in one process, and the shortest round counts: on a machine that others use only ratios mean anything.

A new case is one function that gives a Case, in CASES.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from steps import Call, installed, measure, micro, pin

import backsweep as bs
import backsweep.nn.functional as F

try:
    import torch
    import torch.nn.functional as tF
except ImportError as e:  # main() says so
    torch = tF = None
    missing = str(e)

aten = torch and torch.ops.aten


@dataclass(frozen=True)
class Case:
    """Calls that compute the same, and the bytes that must at least be read and written."""

    title: str
    ours: Call
    peers: dict[str, Call]
    bytes: float = 0


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def whole(n: int, below: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, below, n)


def both(*arrays: np.ndarray) -> list[tuple[bs.Tensor, torch.Tensor]]:
    """The arrays as tensors of both, floats as leaves."""
    made = []
    for a in arrays:
        leaf = a.dtype == np.float32
        made.append((bs.tensor(a, requires_grad=leaf), torch.tensor(a, requires_grad=leaf)))
    return made


def with_gradients(
    function: Callable[..., Any], grad: Callable[..., Any], count: int
) -> Callable[..., tuple[Any, ...]]:
    """f(g, *inputs) that gives function(*inputs) and its gradients by the first `count`, weighted by g."""

    def run(g: Any, *inputs: Any) -> tuple[Any, ...]:
        y = function(*inputs)
        return y, grad(y, inputs[:count], g)

    return run


def value_and_gradients(
    title: str,
    ours: Callable[..., Any],
    peer: Callable[..., Any],
    arrays: list[np.ndarray],
    shape: tuple[int, ...],
    raw: Call | None = None,
    byte_count: float = 0,
) -> Case:
    """A function of floats and then indices: its value, and its gradients weighted by a g of `shape`."""
    count = sum(a.dtype == np.float32 for a in arrays)
    a, b = zip(*both(*arrays), strict=True)
    g = numbers(*shape) if shape else np.float32(1)
    ga, gb = bs.tensor(g), torch.tensor(g)
    program = bs.compile(with_gradients(ours, bs.grad, count))
    eager = with_gradients(peer, torch.autograd.grad, count)
    peers: dict[str, Call] = {"autograd": lambda: eager(gb, *b)}
    if raw:
        peers["aten"] = raw
    return Case(title, lambda: program(ga, *a), peers, byte_count)


# ---- Losses, softmax -------------------------------------------------------------------------------------


def cross_entropy(rows: int, cols: int) -> Case:
    x, t = numbers(rows, cols), whole(rows, cols)
    tx, tt, one = torch.tensor(x), torch.tensor(t), torch.tensor(1.0)

    def raw() -> Any:
        logs = aten._log_softmax(tx, 1, False)
        loss, total = aten.nll_loss_forward(logs, tt, None, 1, -100)
        g = aten.nll_loss_backward(one, logs, tt, None, 1, -100, total)
        return loss, aten._log_softmax_backward_data(g, logs, 1, torch.float32)

    title = f"cross entropy {rows}x{cols}"
    return value_and_gradients(title, F.cross_entropy, tF.cross_entropy, [x, t], (), raw, 12.0 * x.size)


def softmax(name: str, rows: int, cols: int) -> Case:
    x = numbers(rows, cols)
    tx, g = torch.tensor(x), torch.tensor(x)
    forward, backward = getattr(aten, f"_{name}"), getattr(aten, f"_{name}_backward_data")

    def raw() -> Any:
        y = forward(tx, 1, False)
        return y, backward(g, y, 1, torch.float32)

    ours, peer = partial(getattr(bs, name), dim=1), partial(getattr(torch, name), dim=1)
    return value_and_gradients(f"{name} {rows}x{cols}", ours, peer, [x], (rows, cols), raw, 20.0 * x.size)


# ---- Normalisation ---------------------------------------------------------------------------------------


def layer_norm(rows: int, cols: int) -> Case:
    x, w, b = numbers(rows, cols), numbers(cols), numbers(cols)
    tx, tw, tb, g = (torch.tensor(a) for a in (x, w, b, x))

    def raw() -> Any:
        y, mean, rstd = aten.native_layer_norm(tx, [cols], tw, tb, 1e-5)
        return y, aten.native_layer_norm_backward(g, tx, [cols], mean, rstd, tw, tb, [True, True, True])

    return value_and_gradients(
        f"layer norm {rows}x{cols}",
        lambda x, w, b: F.layer_norm(x, (cols,), w, b),
        lambda x, w, b: tF.layer_norm(x, (cols,), w, b),
        [x, w, b],
        (rows, cols),
        raw,
        20.0 * x.size,
    )


def dropout(n: int) -> Case:
    x = numbers(n)
    tx, g = torch.tensor(x), torch.tensor(x)

    def raw() -> Any:
        y, mask = aten.native_dropout(tx, 0.1, True)
        return y, aten.native_dropout_backward(g, mask, 1 / 0.9)

    ours, peer = partial(F.dropout, p=0.1), partial(tF.dropout, p=0.1)
    return value_and_gradients(f"dropout {n}", ours, peer, [x], (n,), raw, 16.0 * n)


# ---- Rows by index ---------------------------------------------------------------------------------------


def embedding(table: int, cols: int, n: int) -> Case:
    w, i = numbers(table, cols), whole(n, table)
    tw, ti, g = torch.tensor(w), torch.tensor(i), torch.tensor(numbers(n, cols))

    def raw() -> Any:
        return aten.embedding(tw, ti), aten.embedding_dense_backward(g, ti, table, -1, False)

    return value_and_gradients(
        f"rows {n} of {table}x{cols}",
        lambda w, i: w[i],
        lambda w, i: tF.embedding(i, w),
        [w, i],
        (n, cols),
        raw,
        4.0 * (4 * n * cols + table * cols),
    )


# ---- Reductions (values alone) ---------------------------------------------------------------------------


def value(title: str, ours: Callable[..., Any], peer: Callable[..., Any], array: np.ndarray) -> Case:
    a, b = bs.tensor(array), torch.tensor(array)
    program = bs.compile(ours)
    return Case(title, lambda: program(a), {"eager": lambda: peer(b)}, array.nbytes)


def reduction(name: str, shape: tuple[int, ...], dim: Any) -> Case:
    def ours(x: Any) -> Any:
        return getattr(bs, name)(x, dim)

    def peer(x: Any) -> Any:
        return getattr(torch, name)(x, dim)

    return value(f"{name} {'x'.join(map(str, shape))} dim {dim}", ours, peer, numbers(*shape))


CASES: list[Callable[[], Case]] = [
    *(partial(cross_entropy, *s) for s in ((128, 10), (768, 65), (4096, 1000))),
    *(
        partial(softmax, f, *s)
        for f in ("softmax", "log_softmax")
        for s in ((128, 10), (768, 64), (4096, 1000))
    ),
    *(partial(layer_norm, *s) for s in ((1568, 64), (768, 128))),
    *(partial(dropout, n) for n in (4096, 131_072, 1 << 22)),
    *(partial(embedding, *s) for s in ((65, 128, 768), (10_000, 64, 768), (50_000, 128, 4096))),
    *(partial(reduction, "sum", (64, 64, 64), d) for d in ((0,), (1,), (2,), (0, 2), (0, 1), (1, 2))),
    *(partial(reduction, "sum", (4096, 256), d) for d in ((0,), (1,), None)),
    *(partial(reduction, "amax", (4096, 256), d) for d in ((0,), (1,))),
    *(partial(reduction, "argmax", (4096, 256), d) for d in (0, 1, None)),
    partial(reduction, "argmax", (128, 10), 1),
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", metavar="TEXT,..", help="cases whose title has one of these")
    parser.add_argument("--seconds", type=float, default=1.0, help="per call and case (default 1)")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", default="", metavar="FILE")
    args = parser.parse_args()
    if torch is None:
        raise SystemExit(f"bench/kernels_peers.py compares with PyTorch, which cannot be imported: {missing}")
    pin(args.threads)
    bs.set_num_threads(args.threads)
    torch.set_num_threads(args.threads)

    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    known = ", ".join(f"{package} {installed(package)}" for package in ("backsweep", "torch"))
    print(f"{known}; {platform.machine()}, threads {args.threads}{load}")
    print(f"Microseconds, the shortest of {args.rounds} rounds. Ratio: PyTorch over backsweep.\n")
    record: dict[str, dict[str, float]] = {}
    titles = []
    for make in CASES:
        case = make()
        titles.append(case.title)
        if args.only and not any(text in case.title for text in args.only.split(",")):
            continue
        if not record:
            print("| case | ours | PyTorch | ratio | our GB/s |\n|---|---:|---:|---:|---:|")
        calls = {"ours": (case.ours, 1), **{name: (call, 1) for name, call in case.peers.items()}}
        times = {name: t.least for name, t in measure(calls, args.seconds, args.rounds).items()}
        name, peer = min(((k, t) for k, t in times.items() if k != "ours"), key=lambda p: p[1])
        rate = case.bytes / times["ours"] * 1e-9
        cells = [
            micro(times["ours"]),
            f"{micro(peer)} {name}",
            f"**{peer / times['ours']:.2f}**",
            f"{rate:.0f}",
        ]
        print(f"| {case.title} | {' | '.join(cells)} |", flush=True)
        record[case.title] = times
    if not record:
        parser.error(f"no case has {args.only} in its title: there are {', '.join(titles)}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)


if __name__ == "__main__":
    main()
