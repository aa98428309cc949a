#!/usr/bin/env python3
"""Builds the C++ benchmarks, runs them and prints their tables.

    python bench/run.py                          all of them
    python bench/run.py gemm rows --isa v4,v3    some programs, some instruction sets
    python bench/run.py --out after.json         keeps the results for bench/compare.py

Needs CMake, a C++ compiler and Google Benchmark (Debian, Ubuntu: libbenchmark-dev). The product table shows
OpenBLAS beside ours where the wheel `scipy-openblas32` is installed, or BACKSWEEP_OPENBLAS names its library.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from compare import Rows, best, geometric_mean, run_program, time_text

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = sorted({path.stem for path in (ROOT / "bench").glob("*.cpp")} - {"counts"})  # counts.py runs it
ISAS = ["v4", "v3", "v2", "neon"]


def openblas() -> str | None:
    """The library of the wheel, if it is installed."""
    spec = importlib.util.find_spec("scipy_openblas32")
    if spec is None or spec.origin is None:
        return None
    found = sorted((Path(spec.origin).parent / "lib").glob("libscipy_openblas*.so"))
    return str(found[0]) if found else None


def build(folder: Path, programs: list[str]) -> None:
    if not (folder / "CMakeCache.txt").is_file():
        options = ["-DBACKSWEEP_PYTHON=OFF", "-DBACKSWEEP_BENCH=ON", "-DCMAKE_BUILD_TYPE=Release"]
        subprocess.run(["cmake", "-S", str(ROOT), "-B", str(folder), *options], check=True)
    targets = [f"bench_{program}" for program in programs]
    jobs = str(len(os.sched_getaffinity(0)))
    subprocess.run(["cmake", "--build", str(folder), "--parallel", jobs, "--target", *targets], check=True)


def product_table(rows: Rows) -> None:
    """Ours beside OpenBLAS, one row per shape and form."""
    cells: dict[str, dict[str, Any]] = {}
    for name, row in rows.items():
        _, who, cell = name.split("/", 2)
        cells.setdefault(cell, {})[who] = row
    ours = [isa for isa in ISAS if any(isa in cell for cell in cells.values())]
    blas = any("openblas" in cell for cell in cells.values())
    head = "".join(f"  {isa + ' GFLOP/s':>11} {'of peak':>7}" for isa in ours)
    print(f"{'m x k x n':22}{head}" + (f"  {'OpenBLAS':>8}  ratio {ours[0]}" if blas and ours else ""))
    ratios = []
    for cell, found in cells.items():
        line = f"{cell:22}"
        for isa in ours:
            mine = found.get(isa)
            line += f"  {mine['GFLOP/s']:11.1f} {mine['of_peak']:7.0%}" if mine else " " * 21
        if "openblas" in found:
            line += f"  {found['openblas']['GFLOP/s']:8.1f}"
            if ours and ours[0] in found:
                ratios.append(found[ours[0]]["GFLOP/s"] / found["openblas"]["GFLOP/s"])
                line += f"  {ratios[-1]:8.2f}"
        print(line)
    if ratios:
        print(f"geometric mean {geometric_mean(ratios):.3f}, least {min(ratios):.2f}")


def plain_table(rows: Rows) -> None:
    width = max(map(len, rows))
    units = ["ns/el", "ns/node", "ns/step", "GB/s", "of_peak"]
    units = [unit for unit in units if any(unit in row for row in rows.values())]
    print(f"{'':{width}}  {'time':>9}" + "".join(f"  {unit:>8}" for unit in units))
    for name, row in rows.items():
        line = f"{name:{width}}  {time_text(row['ns']):>9}"
        for unit in units:
            text = f"{row[unit]:.0%}" if unit == "of_peak" and unit in row else f"{row.get(unit, 0):.3g}"
            line += f"  {text if unit in row else '':>8}"
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("programs", nargs="*", metavar="program", help=f"some of {', '.join(PROGRAMS)}")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "bench", help="build folder")
    parser.add_argument("--isa", help="instruction sets, separated by commas (default: all of this machine)")
    parser.add_argument("--filter", default=".*", help="regular expression: which rows")
    parser.add_argument("--repetitions", type=int, default=5, help="the best counts (default 5)")
    parser.add_argument("--min-time", type=float, default=0.02, help="seconds of each repetition")
    parser.add_argument("--out", type=Path, help="write all results to this JSON file")
    options = parser.parse_args()
    programs = options.programs or PROGRAMS
    if unknown := set(programs) - set(PROGRAMS):
        parser.error(f"no program {', '.join(sorted(unknown))}: there are {', '.join(PROGRAMS)}")
    left_out = set(ISAS) - set(options.isa.split(",")) if options.isa else set()

    build(options.build, programs)
    if (library := openblas()) is not None:
        os.environ.setdefault("BACKSWEEP_OPENBLAS", library)
    # Like with like, whatever the environment says: kernels of its own choice, or of the first set asked for.
    os.environ.pop("OPENBLAS_CORETYPE", None)
    if options.isa and (core := {"v4": "SkylakeX", "v3": "Haswell"}.get(options.isa.split(",")[0])):
        os.environ["OPENBLAS_CORETYPE"] = core

    kept: dict[str, Any] = {"context": {}, "benchmarks": []}
    for program in programs:
        # The second part of a name.
        pattern = options.filter
        if left_out and program != "graph":
            wanted = "|".join([isa for isa in ISAS if isa not in left_out] + ["openblas"])
            if pattern != ".*":
                sys.exit("give --isa or --filter, not both: the filter can name an instruction set")
            pattern = f"/({wanted})/"
        results = run_program(
            options.build / "bench" / f"bench_{program}", pattern, options.repetitions, options.min_time
        )
        kept["context"].update(results["context"])
        kept["benchmarks"] += results["benchmarks"]
        rows = best(results)
        if not rows:
            continue
        peaks = {k: v for k, v in results["context"].items() if re.match("peak|stream|openblas", k)}
        print(f"\n== {program}: " + ", ".join(f"{k} {v}" for k, v in peaks.items()))
        (product_table if program == "gemm" else plain_table)(rows)
    if options.out:
        options.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
