"""Time optimizer updates and the norm of gradients beside PyTorch's, on one thread.

usage: python bench/updates.py [--seconds S] [--json FILE]

Each case works on a million float32 parameters, in one tensor and in a thousand. Of PyTorch the fastest of
its settings counts (fused, foreach and its default). "copy" is the time in which NumPy copies as many bytes
as the case must read and write, within as much memory. Contenders take turns, and the shortest time of each
counts: on a machine that others use, only ratios within one run mean anything.
"""

from __future__ import annotations

import argparse
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from steps import installed, measure, micro, pin

SIZES = ((1_000_000, 1), (1_000, 1_000))
LR = 1e-3
# Bytes that one parameter makes an update read and write, and the arrays that this touches.
OPTIMIZERS: dict[str, tuple[str, dict[str, Any], int, int]] = {
    "SGD": ("SGD", {}, 12, 2),
    "SGD, momentum": ("SGD", {"momentum": 0.9}, 20, 3),
    "SGD, Nesterov, decay": ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}, 20, 3),
    "Adam": ("Adam", {}, 28, 4),
    "NAdam": ("NAdam", {}, 28, 4),
    "RAdam": ("RAdam", {}, 28, 4),
    "Adamax": ("Adamax", {}, 28, 4),
    "RMSprop": ("RMSprop", {}, 20, 3),
    "RMSprop, centered, momentum": ("RMSprop", {"centered": True, "momentum": 0.9}, 36, 5),
    "Rprop": ("Rprop", {}, 28, 4),
    "Adagrad": ("Adagrad", {}, 20, 3),
    "Adadelta": ("Adadelta", {}, 28, 4),
    "ASGD": ("ASGD", {}, 20, 3),
    "AdamW": ("AdamW", {}, 28, 4),
    "AdamW, amsgrad": ("AdamW", {"amsgrad": True}, 36, 5),
}
Calls = dict[str, tuple[Callable[[], Any], int]]


def gradients(n: int, count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(n).astype(np.float32) for _ in range(count)]


def copying(n_bytes: int, arrays: int, elements: int) -> Callable[[], Any]:
    """Give copies of n_bytes in all, within `arrays` arrays of float32."""
    half = np.ones(arrays * elements // 2, np.float32)
    other = np.zeros_like(half)
    whole, rest = divmod(n_bytes, 2 * half.nbytes)
    part = rest // 8

    def run() -> None:
        for _ in range(whole):
            np.copyto(other, half)
        np.copyto(other[:part], half[:part])

    return run


def ours(kind: str, options: dict[str, Any], n: int, count: int) -> Calls:
    import backsweep as bs

    calls: Calls = {}
    for how in ("compiled", "eager"):
        parameters = [bs.Parameter(bs.zeros(n)) for _ in range(count)]
        held = [bs.Buffer(bs.tensor(g)) for g in gradients(n, count)]
        optimizer = getattr(bs.optim, kind)(parameters, lr=LR, **options)

        def step(parameters: Any = parameters, held: Any = held, optimizer: Any = optimizer) -> None:
            for p, g in zip(parameters, held, strict=True):
                p.grad = g.detach()
            optimizer.step()
            optimizer.zero_grad()

        if how == "compiled":
            calls[how] = (bs.compile(step), 1)
        else:
            for p, g in zip(parameters, held, strict=True):
                p.grad = g.detach()
            calls[how] = (optimizer.step, 1)
    return calls


def torchs(kind: str, options: dict[str, Any], n: int, count: int) -> Calls:
    import torch

    calls: Calls = {}
    known = inspect.signature(getattr(torch.optim, kind)).parameters
    for name, setting in (("fused", {"fused": True}), ("foreach", {"foreach": True}), ("default", {})):
        if not setting.keys() <= known.keys():
            continue
        parameters = [torch.zeros(n, requires_grad=True) for _ in range(count)]
        for p, g in zip(parameters, gradients(n, count), strict=True):
            p.grad = torch.tensor(g)
        optimizer = getattr(torch.optim, kind)(parameters, lr=LR, **options, **setting)
        calls[name] = (optimizer.step, 1)
    return calls


def our_norm(clip: bool, n: int, count: int) -> Calls:
    import backsweep as bs

    utils = bs.nn.utils
    parameters = [bs.Parameter(bs.zeros(n)) for _ in range(count)]
    held = [bs.Buffer(bs.tensor(g)) for g in gradients(n, count)]
    values = [g.detach() for g in held]

    def step() -> Any:
        if not clip:
            return utils.get_total_norm(g.detach() for g in held)
        for p, g in zip(parameters, held, strict=True):
            p.grad = g.detach()
        norm = utils.clip_grad_norm_(parameters, 1.0)
        for p, g in zip(parameters, held, strict=True):
            g.copy_(p.grad)
            p.grad = None
        return norm

    if clip:
        return {"compiled": (bs.compile(step), 1)}
    return {"compiled": (bs.compile(step), 1), "eager": (lambda: utils.get_total_norm(values), 1)}


def torchs_norm(clip: bool, n: int, count: int) -> Calls:
    import torch

    utils = torch.nn.utils
    parameters = [torch.zeros(n, requires_grad=True) for _ in range(count)]
    for p, g in zip(parameters, gradients(n, count), strict=True):
        p.grad = torch.tensor(g)
    values = [p.grad for p in parameters]
    calls: Calls = {}
    for name, foreach in (("foreach", True), ("loop", False)):
        if clip:
            calls[name] = (lambda f=foreach: utils.clip_grad_norm_(parameters, 1.0, foreach=f), 1)
        else:
            calls[name] = (lambda f=foreach: utils.get_total_norm(values, foreach=f), 1)
    return calls


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=0.6, help="of each contender in each case")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pin(1)
    import backsweep as bs

    bs.set_num_threads(1)
    peer = installed("torch")
    if peer:
        import torch

        torch.set_num_threads(1)
    print(f"backsweep {bs.__version__}, PyTorch {peer or '–'}, one thread, us\n")
    print("| case | tensors | compiled | eager | PyTorch | its setting | ratio | copy |")
    print("|---|---:|---:|---:|---:|---|---:|---:|")
    results = []
    for n, count in SIZES:
        cases: dict[str, tuple[Calls, Calls, Callable[[], Any]]] = {}
        for name, (kind, settings, per_parameter, arrays) in OPTIMIZERS.items():
            theirs = torchs(kind, settings, n, count) if peer else {}
            copies = copying(per_parameter * n * count, arrays, n * count)
            cases[name] = (ours(kind, settings, n, count), theirs, copies)
        for name, clip, per_parameter in (("norm", False, 4), ("clip by norm", True, 12)):
            theirs = torchs_norm(clip, n, count) if peer else {}
            cases[name] = (our_norm(clip, n, count), theirs, copying(per_parameter * n * count, 1, n * count))
        for name, (mine, theirs, copies) in cases.items():
            times = measure({**mine, **theirs, "copy": (copies, 1)}, seconds=options.seconds, rounds=15)
            least = {key: time.least for key, time in times.items()}
            best = min(theirs, key=least.__getitem__, default=None)
            cells = [micro(least[k]) if k in least else "–" for k in ("compiled", "eager", best)]
            ratio = f"{least[best] / least['compiled']:.2f}" if best else "–"
            cells += [best or "–", ratio, micro(least["copy"])]
            print(f"| {name} | {count} | {' | '.join(cells)} |", flush=True)
            results.append({"case": name, "tensors": count, "seconds": least})
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
