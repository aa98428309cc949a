#!/usr/bin/env python3
"""Instructions of small kernels and of training steps, counted by Callgrind: for drift that noise would hide.

    python bench/counts.py               counts, beside those of counts.json
    python bench/counts.py --check       exit code 1 if one is more than 5% above its entry in counts.json
    python bench/counts.py --write       makes these counts the entries

Kernels of x86-64-v3, since Valgrind knows no AVX-512. Needs Valgrind with its headers, CMake, a C++ compiler
and Google Benchmark; for the steps the package, as it is imported here. Counts depend on the compiler:
counts.json names the one that made its entries.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from run import ROOT, build

TABLE = ROOT / "bench" / "counts.json"
LIMIT = 1.05

# Steps inside bs.fit: layer sizes, rows of a batch, steps of an epoch. Sigmoid before one output, else relu.
NETWORKS = {
    "step in fit, MLP 64-128-10, batch 32": ([64, 128, 10], 32, 200),
    "step in fit, logistic regression 30, batch 1": ([30, 1], 1, 2000),
    "step in fit, XOR 2-8-1, batch 4": ([2, 8, 1], 4, 2000),
}


def callgrind(folder: Path, *command: str | Path) -> dict[str, int]:
    """The instructions of each dump, by what asked for it; the last, when the process ends, is "end"."""
    for old in folder.glob("out*"):
        old.unlink()
    environment = {
        **os.environ,
        "BACKSWEEP_ISA": "v3",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "OPENBLAS_NUM_THREADS": "1",
    }
    tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder / 'out'}", "-q"]
    done = subprocess.run(
        [*tool, *map(str, command)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{command[0]}: exit code {done.returncode}\n{done.stderr}")
    counts = {}
    # out.1, out.2, and out itself, written last.
    for path in sorted(folder.glob("out*"), key=lambda p: int(p.suffix[1:] or sys.maxsize)):
        text = path.read_text(encoding="utf-8")
        total = re.search(r"^totals: (\d+)", text, re.M)
        asked = re.search(r"^desc: Trigger: Client Request: (.*)", text, re.M)
        if total is not None:
            counts[asked.group(1) if asked else "end"] = int(total.group(1))
    return counts


def kernels(folder: Path, program: Path) -> dict[str, int]:
    return {name: n for name, n in callgrind(folder, program).items() if name != "end"}


def fit(name: str, epochs: int) -> None:
    """Run in a process of its own, under Callgrind."""
    import numpy as np

    import backsweep as bs
    from backsweep import nn

    sizes, batch, steps = NETWORKS[name]
    bs.set_num_threads(1)
    bs.manual_seed(0)
    classes = sizes[-1] > 1
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU() if classes else nn.Sigmoid()]
    model = nn.Sequential(*layers[:-1])
    rng = np.random.default_rng(0)
    x = rng.standard_normal((steps * batch, sizes[0])).astype(np.float32)
    y = rng.integers(0, sizes[-1], len(x)) if classes else rng.integers(0, 2, (len(x), 1)).astype(np.float32)
    bs.fit(
        model,
        x,
        y,
        loss="cross_entropy" if classes else "binary_cross_entropy_with_logits",
        optimizer=bs.optim.SGD(model.parameters(), lr=0.01),
        epochs=epochs,
        batch_size=batch,
        shuffle=False,
        progress=False,
    )


def training_steps(folder: Path) -> dict[str, int]:
    """Per step: the difference between one epoch and two."""
    counts = {}
    for name, (_, _, steps) in NETWORKS.items():
        one, two = (
            callgrind(folder, sys.executable, __file__, "--fit", name, epochs)["end"] for epochs in ("1", "2")
        )
        counts[name] = round((two - one) / steps)
    return counts


def compiler(folder: Path) -> str:
    cache = (folder / "CMakeCache.txt").read_text(encoding="utf-8")
    found = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache, re.M)
    path = found.group(1) if found else "c++"
    return subprocess.run(
        [path, "--version"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "bench", help="build folder")
    parser.add_argument("--kernels", action="store_true", help="leave out the steps in fit")
    parser.add_argument("--check", action="store_true", help=f"fail above {LIMIT:.0%}% of counts.json")
    parser.add_argument("--write", action="store_true", help="write counts.json")
    parser.add_argument("--fit", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fit:
        return fit(options.fit[0], int(options.fit[1]))

    if not options.kernels and importlib.util.find_spec("backsweep") is None:
        sys.exit("bench/counts.py needs backsweep for the steps in fit: install it, or give --kernels")
    build(options.build, ["counts"])
    with tempfile.TemporaryDirectory() as made:
        counts = kernels(Path(made), options.build / "bench" / "bench_counts")
        if not options.kernels:
            counts |= training_steps(Path(made))
    known = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {"counts": {}}
    width = max(map(len, counts))
    above = []
    for name, n in counts.items():
        line = f"{name:{width}}  {n:10,}"
        if before := known["counts"].get(name):
            line += f"  {n / before:6.3f}"
            if n > LIMIT * before:
                above.append(name)
        plain = name.removesuffix(", bias, relu")
        if plain != name:
            line += f"  {n / counts[plain] - 1:+.1%} of the product"
        print(line)
    if options.write:
        table = {"compiler": compiler(options.build), "counts": {**known["counts"], **counts}}
        TABLE.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    elif options.check and above:
        sys.exit(f"above {LIMIT:.0%} of counts.json: " + "; ".join(above))
    return None


if __name__ == "__main__":
    main()
