#!/usr/bin/env python3
"""The ratio of two runs of the benchmarks, row by row.

    python bench/compare.py before.json after.json
    python bench/compare.py build/before/bench/bench_gemm build/after/bench/bench_gemm --filter v4

Each side is a file that bench/run.py or a program wrote (--benchmark_out), or a program, which is then run.
Two programs run in turns, so that the moods of a shared machine hit both. A row's time is the best of its
repetitions, in CPU time.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

Rows = dict[str, dict[str, Any]]


def best(results: dict[str, Any], rows: Rows | None = None) -> Rows:
    """The fastest repetition of each benchmark, by name, with its time in ns; merged into `rows`."""
    rows = {} if rows is None else rows
    units = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
    for row in results["benchmarks"]:
        if row.get("run_type") == "aggregate" or row.get("error_occurred"):
            continue
        name = row["run_name"]
        row = {**row, "ns": row["cpu_time"] * units[row["time_unit"]]}
        if name not in rows or row["ns"] < rows[name]["ns"]:
            rows[name] = row
    return rows


def run_program(
    program: Path, pattern: str, repetitions: int, min_time: float, interleaved: bool = False
) -> dict[str, Any]:
    """What one program of bench/ writes. Interleaved, the repetitions of all rows come in random order."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = [
            str(program),
            f"--benchmark_filter={pattern}",
            f"--benchmark_repetitions={repetitions}",
            f"--benchmark_min_time={min_time}",
            f"--benchmark_enable_random_interleaving={str(interleaved).lower()}",
            f"--benchmark_out={out}",
            "--benchmark_out_format=json",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{program}: exit code {done.returncode}\n{done.stderr}")
        # A filter that matches nothing leaves the file empty.
        text = out.read_text(encoding="utf-8")
    results: dict[str, Any] = json.loads(text) if text.strip() else {"context": {}, "benchmarks": []}
    return results


def time_text(ns: float) -> str:
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def geometric_mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--filter", default=".*", help="regular expression: which rows")
    parser.add_argument("--repetitions", type=int, default=5, help="of each program, in turns (default 5)")
    parser.add_argument("--min-time", type=float, default=0.05, help="seconds of each repetition")
    parser.add_argument("--limit", type=float, help="exit with 1 if a row takes more than this times as long")
    options = parser.parse_args()

    sides: list[Rows] = [{}, {}]
    paths = [options.before, options.after]
    is_file = [path.suffix == ".json" for path in paths]
    for side, path in enumerate(paths):
        if is_file[side]:
            best(json.loads(path.read_text(encoding="utf-8")), sides[side])
    for _ in range(0 if all(is_file) else options.repetitions):
        for side, path in enumerate(paths):
            if not is_file[side]:
                best(run_program(path, options.filter, 1, options.min_time), sides[side])

    before, after = sides
    names = [name for name in before if name in after]
    names = [name for name in names if re.search(options.filter, name)]
    if not names:
        sys.exit("no row is in both")
    width = max(map(len, names))
    ratios = []
    print(f"{'':{width}}  {'before':>10}  {'after':>10}  after/before")
    for name in names:
        a, b = before[name]["ns"], after[name]["ns"]
        ratios.append(b / a)
        print(f"{name:{width}}  {time_text(a):>10}  {time_text(b):>10}  {b / a:.3f}")
    print(f"{'geometric mean':{width}}  {'':>10}  {'':>10}  {geometric_mean(ratios):.3f}")
    if options.limit and max(ratios) > options.limit:
        sys.exit(f"{names[ratios.index(max(ratios))]} takes {max(ratios):.2f} times as long")


if __name__ == "__main__":
    main()
