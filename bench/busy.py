"""Time training steps on one thread and on two, alone and while another process keeps one core busy.

usage: python bench/busy.py [--only ROW,..] [--peers] [--also FOLDER] [--seconds S] [--rounds N]

A row of bench/steps.py is timed in processes of its own, one per engine and number of threads, which take
turns; medians of the rounds. The other process is a loop in Python: *niced* (19), or *equal*. Two threads are
harmed where they take longer beside it than one thread does. `--also` times another checkout's package too.
Whatever else the machine does shows: look at the column of one thread first.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import steps

NEIGHBOURS = ("quiet", "niced", "equal")
ROWS = (
    "mlp_784_512_512_10_b128",
    "mlp_2048x4_b256",
    "resmlp_64x50_b64",
    "expm_4_32_16_4_b10000",
    "ppo_4_64_64_2_b64",
    "mlp_64_128_10_b32",
)


class Timer:
    """A process that times one engine on one row, a round whenever it is asked."""

    def __init__(self, row: str, engine: str, threads: int, folder: str) -> None:
        path = os.pathsep.join(p for p in (folder, os.environ.get("PYTHONPATH", "")) if p)
        env = {**os.environ, "OMP_NUM_THREADS": str(threads), **({"PYTHONPATH": path} if path else {})}
        command = [sys.executable, __file__, "--worker", row, engine, str(threads)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env)
        self.answer()

    def answer(self) -> float:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a worker failed")
        return float(json.loads(line))

    def round(self, seconds: float) -> float:
        assert self.process.stdin is not None
        print(seconds, file=self.process.stdin, flush=True)
        return self.answer()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def worker(row_name: str, engine_name: str, threads: int) -> None:
    engine = steps.ENGINES[engine_name]
    if engine.package == "jax":  # takes as many threads as it finds processors
        steps.pin(threads)
    call, count = engine.make(steps.ROWS[row_name], engine.how, threads)
    for _ in range(3):
        call()
    print(0, flush=True)
    for line in sys.stdin:
        end = time.perf_counter() + float(line)
        call()
        calls, start = 0, time.perf_counter()
        while calls == 0 or time.perf_counter() < end:
            call()
            calls += 1
        print((time.perf_counter() - start) / calls / count, flush=True)


@contextlib.contextmanager
def neighbour(kind: str) -> Iterator[None]:
    if kind == "quiet":
        yield
        return
    nice = ["nice", "-n", "19"] if kind == "niced" else []
    process = subprocess.Popen([*nice, sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.2)
        yield
    finally:
        process.kill()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", metavar="ROW,..", help=", ".join(steps.ROWS))
    parser.add_argument("--neighbours", default=",".join(NEIGHBOURS), metavar="KIND,..")
    parser.add_argument("--peers", action="store_true", help="PyTorch and JAX too")
    parser.add_argument("--also", default="", metavar="FOLDER", help="of another package, to compare with")
    parser.add_argument("--seconds", type=float, default=0.1, help="per round (default 0.1)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        worker(args.worker[0], args.worker[1], int(args.worker[2]))
        return
    rows = args.only.split(",") if args.only else list(ROWS)
    if unknown := set(rows) - set(steps.ROWS):
        parser.error(f"no row {', '.join(sorted(unknown))}: there are {', '.join(steps.ROWS)}")
    kinds = args.neighbours.split(",")
    engines = {"backsweep": ("compiled", "")}
    if args.also:
        engines["the other"] = ("compiled", str(Path(args.also).resolve()))
    if args.peers:
        engines |= {e.title: (name, "") for name, e in steps.ENGINES.items() if name in ("torch", "jax")}

    print("Microseconds per step, one thread / two, and in brackets two as a multiple of one.\n")
    print(f"| workload | engine | {' | '.join(kinds)} |")
    print("|---|---|" + "---:|" * len(kinds))
    for row in rows:
        timers = {
            (title, threads): Timer(row, name, threads, folder)
            for title, (name, folder) in engines.items()
            for threads in (1, 2)
        }
        cells: dict[str, list[str]] = {title: [] for title in engines}
        for kind in kinds:
            samples: dict[tuple[str, int], list[float]] = {key: [] for key in timers}
            with neighbour(kind):
                for _ in range(args.rounds):
                    for key, timer in timers.items():
                        samples[key].append(timer.round(args.seconds))
            for title, of_title in cells.items():
                one, two = (statistics.median(samples[title, threads]) for threads in (1, 2))
                of_title.append(f"{steps.micro(one)} / {steps.micro(two)} ({two / one:.2f})")
        for title, of_title in cells.items():
            print(f"| {row} | {title} | {' | '.join(of_title)} |", flush=True)
        for timer in timers.values():
            timer.end()


if __name__ == "__main__":
    main()
