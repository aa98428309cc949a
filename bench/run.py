#!/usr/bin/env python3
"""Builds the C++ benchmarks, runs them and prints their tables.

    python bench/run.py                          all of them
    python bench/run.py gemm rows --isa v4,v3    some programs, some instruction sets
    python bench/run.py --out after.json         keeps the results for bench/compare.py

Needs CMake, a C++ compiler and Google Benchmark (Debian, Ubuntu: libbenchmark-dev).

The product table has OpenBLAS and MKL beside ours, held to the same instruction set, each set in a process of
its own. OpenBLAS comes from SciPy or the wheel `scipy-openblas32`, MKL from PyTorch, where they are
installed; BACKSWEEP_OPENBLAS and BACKSWEEP_MKL name other libraries. A ratio is our rate over that of the
faster one. (On AMD's processors MKL takes AVX2 kernels at most.) A whole table is kept in
bench/results/<processor>.json, with how each product is blocked: tests/kernels/test_fuzz.py holds what is
blocked how on every processor there, so what is chosen anew is measured again on all that are at hand.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from compare import Rows, best, geometric_mean, run_program, time_text

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = sorted({path.stem for path in (ROOT / "bench").glob("*.cpp")} - {"counts", "layout"})
# counts.py runs counts; layout is a program for each instruction set, which says itself how to run it.
ISAS = ["v4", "v3", "v2", "neon"]
# What holds OpenBLAS and MKL to an instruction set.
LIKE = {
    "v4": {"OPENBLAS_CORETYPE": "SkylakeX", "MKL_ENABLE_INSTRUCTIONS": "AVX512"},
    "v3": {"OPENBLAS_CORETYPE": "Haswell", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "v2": {"OPENBLAS_CORETYPE": "Nehalem", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}
LIBRARIES = {"openblas": "OpenBLAS", "mkl": "MKL"}
RESULTS = ROOT / "bench" / "results"
# What csrc/kernels/gemm_blocking.h says of a product.
BLOCKING = ["copy_a", "copy_b", "ahead", "rows", "strips"]


def library(package: str, pattern: str) -> str | None:
    """A library beside or in a package, if that is installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parents[1].glob(pattern))
    return str(found[0]) if found else None


def find_libraries() -> None:
    """Name them to the programs, unless the user has."""
    blas = library("scipy_openblas32", "scipy_openblas32/lib/libscipy_openblas*.so")
    blas = blas or library("scipy", "scipy.libs/libscipy_openblas-*.so")
    for name, path in (
        ("BACKSWEEP_OPENBLAS", blas),
        ("BACKSWEEP_MKL", library("torch", "torch/lib/libtorch_cpu.so")),
    ):
        if path is not None:
            os.environ.setdefault(name, path)
    os.environ["MKL_NUM_THREADS"] = "1"
    # As it comes, whatever the environment says of its kernels and caches.
    for name in [name for name in os.environ if name.startswith("OPENBLAS_")]:
        del os.environ[name]


def build(folder: Path, programs: list[str]) -> None:
    if not (folder / "CMakeCache.txt").is_file():
        options = ["-DBACKSWEEP_PYTHON=OFF", "-DBACKSWEEP_BENCH=ON", "-DCMAKE_BUILD_TYPE=Release"]
        subprocess.run(["cmake", "-S", str(ROOT), "-B", str(folder), *options], check=True)
    targets = [f"bench_{program}" for program in programs]
    jobs = str(len(os.sched_getaffinity(0)))
    subprocess.run(["cmake", "--build", str(folder), "--parallel", jobs, "--target", *targets], check=True)


def products(program: Path, isas: list[str], pattern: str, options: argparse.Namespace) -> dict[str, Any]:
    """Results of each instruction set and of its peers, whose rows then carry its name: "openblas v3"."""
    listed = subprocess.run(
        [program, "--benchmark_list_tests"], env={"PATH": ""}, capture_output=True, text=True, check=True
    )
    kept: dict[str, Any] = {"context": {}, "benchmarks": []}
    for isa in isas:
        if f"gemm/{isa}/" not in listed.stdout:
            continue
        os.environ.update(LIKE.get(isa, {}))
        wanted = f"gemm/({'|'.join([isa, *LIBRARIES])})/{pattern}"
        results = run_program(program, wanted, options.repetitions, options.min_time, interleaved=True)
        for key, value in results["context"].items():
            kept["context"][f"{key}_{isa}" if key == "openblas_core" else key] = value
        for row in results["benchmarks"]:
            for key in ("name", "run_name"):
                row[key] = re.sub(f"^gemm/({'|'.join(LIBRARIES)})/", rf"gemm/\1 {isa}/", row[key])
            kept["benchmarks"].append(row)
    # Interleaved rows come in any order.
    order = [name.split("/", 2)[2] for name in listed.stdout.splitlines()]
    kept["benchmarks"].sort(key=lambda row: order.index(row["run_name"].split("/", 2)[2]))
    return kept


def cpu_id() -> str:
    """Vendor, family and model, as /proc/cpuinfo has them; elsewhere what the platform tells."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = dict(re.findall(r"^(vendor_id|cpu family|model)\s*: (.*)$", text, re.MULTILINE))
    return " ".join(found.values()) or platform.processor() or platform.machine()


def kept_results(name: str | None = None) -> tuple[Path, dict[str, Any]]:
    """The file of this processor in bench/results, and what it holds: its id, the sections written so far."""
    cpu = cpu_id()
    known = {json.loads(p.read_text(encoding="utf-8"))["cpu"]: p.stem for p in RESULTS.glob("*.json")}
    name = name or known.get(cpu) or re.sub("[^a-z0-9]+", "-", cpu.lower())
    path = RESULTS / f"{name}.json"
    return path, json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"cpu": cpu}


def keep_results(path: Path, kept: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(kept, indent=1)
    text = re.sub(r"\[\s+([\d.,\s]+?)\s+\]", lambda m: "[" + " ".join(m[1].split()) + "]", text)
    text = re.sub(r"\{\s+(\"run_name\"[^}]*?)\s+\}", lambda m: "{" + " ".join(m[1].split()) + "}", text)
    path.write_text(text + "\n", encoding="utf-8")


def commit_now() -> str:
    return subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()


def keep_products(results: dict[str, Any], name: str | None) -> Path:
    """Write the table of this processor to bench/results, under the name that it has there."""
    path, kept = kept_results(name)
    context = results["context"]
    blocking: dict[str, dict[str, list[int]]] = {}
    rows = []
    for run_name, row in best(results).items():
        _, isa, cell = run_name.split("/", 2)
        if isa in ISAS:
            blocking.setdefault(isa, {})[cell] = [int(row[key]) for key in BLOCKING]
        figures = {key: round(row[key], 4) for key in ("cpu_time", "GFLOP/s", "of_peak") if key in row}
        rows.append({"run_name": run_name, "time_unit": row["time_unit"], **figures})
    kept |= {
        "cpu": cpu_id(),
        "commit": commit_now(),
        "l1": int(context["l1"]),
        "l2": int(context["l2"]),
        "context": {k: context[k] for k in context if re.match("peak|stream|openblas", k)},
        "blocking": blocking,
        "benchmarks": rows,
    }
    keep_results(path, kept)
    return path


def product_table(rows: Rows) -> None:
    """Ours beside the others, one row per shape and form."""
    cells: dict[str, dict[str, Any]] = {}
    for name, row in rows.items():
        _, who, cell = name.split("/", 2)
        cells.setdefault(cell, {})[who] = row
    ours = [isa for isa in ISAS if any(isa in cell for cell in cells.values())]
    peers = {
        isa: [key for key in LIBRARIES if any(f"{key} {isa}" in c for c in cells.values())] for isa in ours
    }
    head = f"{'m x k x n':22}"
    for isa in ours:
        head += f"  {isa + ' GFLOP/s':>11} {'of peak':>7}"
        head += "".join(f" {LIBRARIES[key]:>8}" for key in peers[isa]) + (" ratio" if peers[isa] else "")
    print(head)
    ratios: dict[str, list[float]] = {isa: [] for isa in ours}
    for cell, found in cells.items():
        line = f"{cell:22}"
        for isa in ours:
            mine = found[isa]
            line += f"  {mine['GFLOP/s']:11.1f} {mine['of_peak']:7.0%}"
            theirs = [found[f"{key} {isa}"]["GFLOP/s"] for key in peers[isa]]
            if theirs:
                ratios[isa].append(mine["GFLOP/s"] / max(theirs))
                line += "".join(f" {rate:8.1f}" for rate in theirs) + f" {ratios[isa][-1]:5.2f}"
        print(line)
    for isa in ours:
        if made := ratios[isa]:
            print(f"{isa}: ratios' geometric mean {geometric_mean(made):.3f}, least {min(made):.2f}")


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
    parser.add_argument(
        "--isa",
        help="instruction sets, separated by commas (default: all of this machine; products v4, v3, neon)",
    )
    parser.add_argument(
        "--filter",
        default=".*",
        help="regular expression: which rows; of products, and with --isa, what follows the set",
    )
    parser.add_argument("--repetitions", type=int, default=5, help="the best counts (default 5)")
    parser.add_argument("--min-time", type=float, default=0.02, help="seconds of each repetition")
    parser.add_argument("--processor", help="the name of this processor in bench/results")
    parser.add_argument("--out", type=Path, help="write all results to this JSON file")
    options = parser.parse_args()
    programs = options.programs or PROGRAMS
    if unknown := set(programs) - set(PROGRAMS):
        parser.error(f"no program {', '.join(sorted(unknown))}: there are {', '.join(PROGRAMS)}")
    if options.isa and (unknown := set(options.isa.split(",")) - set(ISAS)):
        parser.error(f"no instruction set {', '.join(sorted(unknown))}: there are {', '.join(ISAS)}")

    build(options.build, programs)
    find_libraries()
    kept: dict[str, Any] = {"context": {}, "benchmarks": []}
    for program in programs:
        path = options.build / "bench" / f"bench_{program}"
        if program == "gemm":
            isas = options.isa.split(",") if options.isa else ["v4", "v3", "neon"]
            results = products(path, isas, options.filter, options)
        else:
            # The second part of a name.
            pattern = options.filter
            if options.isa and program != "graph":
                pattern = f"/({options.isa.replace(',', '|')})/{pattern}"
            results = run_program(path, pattern, options.repetitions, options.min_time)
        kept["context"].update(results["context"])
        kept["benchmarks"] += results["benchmarks"]
        rows = best(results)
        if not rows:
            continue
        peaks = {k: v for k, v in results["context"].items() if re.match("peak|stream|openblas", k)}
        print(f"\n== {program}: " + ", ".join(f"{k} {v}" for k, v in peaks.items()))
        (product_table if program == "gemm" else plain_table)(rows)
        if program == "gemm" and options.isa is None and options.filter == ".*":
            print(f"kept in {keep_products(results, options.processor)}")
    if options.out:
        options.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
