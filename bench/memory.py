"""Measure the memory of training steps, of backsweep and of PyTorch, and compare it with what programs tell.

usage: python bench/memory.py [--threads N] [--only ROW ..] [--check]

Each engine runs a row of bench/steps.py, or a network of bench/phases.py, in a process of its own: model,
data and a few steps. The growth is that of the process's peak of resident memory over what it was after the
import. What the program tells before its first run (`memory.peak`) is compared with the peak of steps after
that, over what the process had before there was a model and after a tiny one had run: code that is loaded
late is no memory of the program, nor is what a model is made with, given back by then. --check fails where
these two differ by more than a tenth (rows of 4 MiB or more), or where a row that takes over 5 ms needs more
than 0.7 times PyTorch's growth.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import phases
import steps

import backsweep as bs
from backsweep import _core

RUNS = 5
LEAST = 4 * 2**20  # below, the interpreter's own memory counts for more
TOLD, GROWTH, SECONDS = 0.1, 0.7, 5e-3
ENGINES = ("backsweep", "torch")


def resident(peak: bool = False) -> int:
    """Bytes of this process in memory now, or at most so far."""
    name = "VmHWM:" if peak else "VmRSS:"
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(name)[1].split()[0]) * 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def step_of(name: str, engine: str, threads: int) -> Any:
    if engine == "torch":
        return steps.torch_step(steps.ROWS[name], "eager", threads)[0]
    if name in steps.ROWS:
        return steps.backsweep_step(steps.ROWS[name], "compiled", threads)[0]
    bs.set_num_threads(threads)
    model, data = phases.NETWORKS[name]()
    return functools.partial(phases.training(model), *data)


def measured(name: str, engine: str, threads: int) -> dict[str, float]:
    """In a process of its own: bytes and seconds of a row."""
    if engine == "torch":
        import torch  # noqa: F401
    forget_peak()
    base = resident()
    tiny = step_of("xor_2_8_1_b4", engine, threads)
    tiny()
    before = resident()
    call = step_of(name, engine, threads)
    found: dict[str, float] = {}
    if engine == "backsweep":
        found["told"] = call.func.program(*call.args).memory.peak
    call()
    found["growth"] = resident(peak=True) - base
    if engine == "backsweep":
        _core.release_cached()
    forget_peak()
    for _ in range(RUNS):
        begin = time.perf_counter()
        call()
        found["seconds"] = min(found.get("seconds", 1e9), time.perf_counter() - begin)
    found["run"] = resident(peak=True) - before
    found["growth"] = max(found["growth"], resident(peak=True) - base)
    return found


def apart(name: str, engine: str, threads: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--threads", str(threads), "--one", name, engine]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(made.stdout)  # type: ignore[no-any-return]


def describe(name: str, threads: int) -> list[str]:
    """Print a row; give what is wrong with it."""
    ours = apart(name, "backsweep", threads)
    peer = apart(name, "torch", threads) if name in steps.ROWS and steps.installed("torch") else None
    told, run, growth = (ours[key] / 2**20 for key in ("told", "run", "growth"))
    line = f"{name:24} told {told:6.1f} MiB, run {run:6.1f}: {run / told:5.2f}; grown {growth:6.1f}"
    wrong = []
    if ours["told"] >= LEAST and abs(run / told - 1) > TOLD:
        wrong.append(f"{name}: steps take {run / told:.2f} of what the program told")
    if peer:
        ratio = ours["growth"] / peer["growth"]
        line += f", PyTorch {peer['growth'] / 2**20:6.1f}: {ratio:.2f}"
        if ours["seconds"] > SECONDS and ratio > GROWTH:
            wrong.append(f"{name}: {ratio:.2f} of PyTorch's growth, wanted {GROWTH}")
    print(f"{line}; {ours['seconds'] * 1e3:.2f} ms", flush=True)
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=1)
    names = [name for name, row in steps.ROWS.items() if not row.infer] + list(phases.NETWORKS)
    parser.add_argument("--only", nargs="+", default=names, metavar="ROW", help="rows, by name")
    parser.add_argument("--check", action="store_true", help="fail where a target is missed")
    parser.add_argument("--one", nargs=2, metavar=("ROW", "ENGINE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        name, engine = args.one
        print(json.dumps(measured(name, engine, args.threads)))
        return
    if unknown := set(args.only) - set(names):
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    wrong = [w for name in args.only for w in describe(name, args.threads)]
    print(*wrong, sep="\n")
    if args.check and wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
