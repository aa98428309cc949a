"""What one op, one node and one import cost.

usage: python bench/eager.py [--json FILE]

Times ops on 8 floats with gradient recording, beside PyTorch's; builds, sweeps and frees chains and diamonds
of up to a million nodes; measures the import and the package. One thread. Each graph and each import gets a
process of its own.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import io
import json
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from steps import installed, measure, micro, pin

SHAPES = ("chain", "diamond")


# ---- One op ----------------------------------------------------------------------------------------------


def ops(package: str) -> dict[str, tuple[Callable[[], Any], int]]:
    """Give calls of ops on 8 floats that record for the reverse sweep."""
    lib = __import__(package)
    x = lib.tensor([0.5] * 8, requires_grad=True)
    y = lib.tensor([1.5] * 8, requires_grad=True)
    W = lib.ones(8, 8)
    repeat = range(100)

    def hundred(op: Callable[..., Any], *args: Any) -> tuple[Callable[[], Any], int]:
        def run() -> None:
            for _ in repeat:
                op(*args)

        return run, 100

    linear = (__import__(f"{package}.nn.functional", fromlist=["linear"])).linear

    def gradient() -> None:
        for _ in repeat:
            (x * y).sum().backward()

    return {
        "x * y": hundred(type(x).__mul__, x, y),
        "x + 1": hundred(type(x).__add__, x, 1.0),
        "relu(x)": hundred(lib.relu, x),
        "x.sum()": hundred(type(x).sum, x),
        "linear(x, W)": hundred(linear, x, W),
        "(x * y).sum().backward()": (gradient, 100),
    }


def compare_ops() -> dict[str, dict[str, float]]:
    packages = [p for p in ("backsweep", "torch") if installed(p)]
    if "torch" in packages:
        import torch

        torch.set_num_threads(1)
    made = {p: ops(p) for p in packages}
    print("| op on 8 floats, recorded | backsweep | PyTorch | ratio |\n|---|---:|---:|---:|")
    result = {}
    for name in made["backsweep"]:
        times = measure({p: made[p][name] for p in packages}, seconds=0.7, rounds=9)
        ns = {p: t.median * 1e9 for p, t in times.items()}
        torch_ns = (
            f"{ns['torch']:,.0f} ns | {ns['torch'] / ns['backsweep']:.1f}" if "torch" in ns else "– | –"
        )
        print(f"| `{name}` | {ns['backsweep']:,.0f} ns | {torch_ns} |", flush=True)
        result[name] = ns
    return result


# ---- Long graphs -----------------------------------------------------------------------------------------


def resident() -> int:
    """Give the bytes of memory that the process holds (Linux)."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def graph(package: str, shape: str, nodes: int) -> dict[str, float]:
    """Build a graph of small tensors, take the gradient of its end by its start, free it."""
    lib = __import__(package)
    gradient = lib.grad if package == "backsweep" else lib.autograd.grad
    x = lib.tensor([1.0] * 8, requires_grad=True)
    gradient((-x).sum(), x)
    gc.disable()
    before = resident()
    start = time.perf_counter()
    y = x
    if shape == "chain":
        for _ in range(nodes):
            y = -y
    else:
        for _ in range(nodes // 3):
            y = (-y) + lib.relu(y)
    end = y.sum()
    built = time.perf_counter()
    held = resident() - before
    g = gradient(end, x)
    swept = time.perf_counter()
    del y, end, g
    freed = time.perf_counter()
    return {
        "build": built - start,
        "sweep": swept - built,
        "free": freed - swept,
        "bytes_per_node": held / nodes,
    }


def graphs() -> dict[str, dict[str, float]]:
    print("\n| graph | nodes | | build | sweep | free | bytes per node |\n|---|---:|---|---:|---:|---:|---:|")
    result = {}
    for shape in SHAPES:
        for nodes in (100_000, 1_000_000):
            for package in ("backsweep", "torch"):
                if not installed(package):
                    continue
                key = f"{shape} {nodes} {package}"
                runs = [
                    json.loads(output([__file__, "--graph", package, shape, str(nodes)])) for _ in range(3)
                ]
                best = {k: statistics.median(r[k] for r in runs) for k in runs[0]}
                result[key] = best
                ms = " | ".join(f"{best[k] * 1e3:,.0f} ms" for k in ("build", "sweep", "free"))
                name = {"backsweep": "backsweep", "torch": "PyTorch"}[package]
                print(f"| {shape} | {nodes:,} | {name} | {ms} | {best['bytes_per_node']:.0f} |", flush=True)
    return result


# ---- Import and size -------------------------------------------------------------------------------------


def output(arguments: list[str]) -> str:
    run = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True)
    return run.stdout.strip()


def import_seconds(package: str, rounds: int = 9) -> float:
    """Give the median time of an import, NumPy's apart."""
    code = f"import numpy, time; t = time.perf_counter(); import {package}; print(time.perf_counter() - t)"
    return statistics.median(float(output(["-c", code])) for _ in range(rounds))


def package_bytes() -> tuple[int, int]:
    """Give the size of the package's files, and packed as a wheel packs them."""
    spec = importlib.util.find_spec("backsweep")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    packed, size = io.BytesIO(), 0
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in folder.rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                wheel.write(path, path.relative_to(folder.parent))
                size += path.stat().st_size
    return size, len(packed.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", default="", metavar="FILE")
    parser.add_argument("--graph", nargs=3, metavar=("PACKAGE", "SHAPE", "NODES"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    pin(1)
    if args.graph:
        package, shape, nodes = args.graph
        print(json.dumps(graph(package, shape, int(nodes))))
        return
    record: dict[str, Any] = {"ops": compare_ops(), "graphs": graphs(), "import": {}}
    print()
    for package in ("backsweep", "torch", "jax"):
        if version := installed(package):
            record["import"][package] = seconds = import_seconds(package)
            print(f"import {package} {version}, NumPy's part not counted: {micro(seconds * 1e-3)} ms")
    record["installed_bytes"], record["wheel_bytes"] = size, packed = package_bytes()
    print(f"backsweep on disk: {size / 1e6:.1f} MB, as a wheel: {packed / 1e6:.1f} MB")
    if args.json:
        Path(args.json).write_text(json.dumps(record, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
