"""Samples per second of `utils.data.DataLoader`, beside PyTorch's.

usage: python bench/data.py [--batch N] [--seconds S] [--workers N,..] [--keep] [row ...]

Each row is a data set; an epoch over it is timed as a program would loop over it. Workers are started and
ended within, or stay ("2+": persistent_workers). Libraries take turns, and the shortest epoch counts. Above 1
a ratio says that we are faster. --keep writes the rows into bench/results, for this processor.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from run import commit_now, keep_results, kept_results
from steps import installed, measure

ROWS = {
    "arrays": "a TensorDataset of 64 floats and a label, shuffled",
    "images": "a TensorDataset of 784 floats and a label, shuffled",
    "subset": "random_split of arrays, shuffled",
    "map, arrays": "a Dataset in Python: a row of 64 floats as NumPy's array and an int",
    "map, tensors": "the same with tensors",
    "map, decoded": "a row of 16384 floats, decompressed by zlib, which runs without the interpreter's lock",
    "stream": "an IterableDataset in Python: a row of 64 floats and an int",
}


def dataset(row: str, library: Any, data: Any, samples: int) -> Any:
    """Give the data set of a row, made with the classes of backsweep or of PyTorch."""
    rng = np.random.default_rng(0)
    width = 784 if row == "images" else 64
    x = rng.standard_normal((samples, width)).astype(np.float32)
    y = rng.integers(0, 10, samples)
    tensors = [library.tensor(x), library.tensor(y)]
    if row in ("arrays", "images"):
        return data.TensorDataset(*tensors)
    if row == "subset":
        return data.random_split(data.TensorDataset(*tensors), [samples // 2, samples - samples // 2])[0]
    packed = zlib.compress(rng.integers(0, 9, 16384).astype(np.float32).tobytes(), 1)

    class Rows(data.Dataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return samples

        def __getitem__(self, i: int) -> Any:
            if row == "map, tensors":
                return tensors[0][i], tensors[1][i]
            if row == "map, decoded":
                return np.frombuffer(bytearray(zlib.decompress(packed)), np.float32), int(y[i])
            return x[i], int(y[i])

    class Stream(data.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Any:
            info = data.get_worker_info()
            first, step = (0, 1) if info is None else (info.id, info.num_workers)
            return ((x[i], int(y[i])) for i in range(first, samples, step))

    return Stream() if row == "stream" else Rows()


def epoch(
    row: str, library: Any, data: Any, samples: int, batch: int, workers: int, stay: bool
) -> Callable[[], None]:
    shuffle = {"shuffle": True} if row in ("arrays", "images", "subset") else {}
    loader = data.DataLoader(
        dataset(row, library, data, samples),
        batch_size=batch,
        num_workers=workers,
        persistent_workers=stay,
        **shuffle,
    )

    def run() -> None:
        for _ in loader:
            pass

    return run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="row", help=", ".join(map(repr, ROWS)))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--samples", type=int, default=8192)
    parser.add_argument("--workers", default="0,2,2+", help="how many; a + keeps them between epochs")
    parser.add_argument("--seconds", type=float, default=0.2, help="for each row, library and workers")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"no row {', '.join(sorted(unknown))}: there are {', '.join(ROWS)}")

    import backsweep as bs
    from backsweep.utils import data

    libraries = {"backsweep": (bs, data)}
    if installed("torch"):
        import torch
        import torch.utils.data

        libraries["torch"] = (torch, torch.utils.data)
    print(
        f"{'samples/s':14}{'workers':>8}{'backsweep':>14}"
        + (f"{'PyTorch':>14}{'ratio':>8}" if "torch" in libraries else "")
    )
    table: dict[str, dict[str, int]] = {}
    for row in options.rows or ROWS:
        for words in options.workers.split(","):
            workers, stay = int(words.rstrip("+")), words.endswith("+")
            samples = options.samples // 8 if row == "map, decoded" else options.samples
            calls = {
                name: (epoch(row, *modules, samples, options.batch, workers, stay), 1)
                for name, modules in libraries.items()
            }
            seen = samples // 2 if row == "subset" else samples
            times = measure(calls, options.seconds, 3)
            rates = {name: round(seen / t.least) for name, t in times.items()}
            table[f"{row}, {words} workers"] = rates
            line = f"{row:14}{words:>8}{rates['backsweep']:14,}"
            if "torch" in rates:
                line += f"{rates['torch']:14,}{rates['backsweep'] / rates['torch']:8.2f}"
            print(line, flush=True)
    if options.keep:
        path, kept = kept_results()
        versions = {name: v for name in libraries if (v := installed(name))}
        before = kept.get("data", {}).get("samples/s", {})
        kept["data"] = {"commit": commit_now(), "versions": versions, "samples/s": before | table}
        keep_results(path, kept)
        print(f"kept in {path}")


if __name__ == "__main__":
    main()
