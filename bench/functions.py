"""Nanoseconds per element of each elementwise function, beside NumPy and PyTorch.

usage: python bench/functions.py [--elements N] [--seconds S] [name ...]

Ours is a compiled program of one function, so that the call counts little; an array of 16384 elements stays
in the second-level cache. One thread, results in fresh memory. Above 1 a ratio says that we are faster.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from steps import installed, measure, pin

# The interval of the inputs, and the peers' names where they differ (None: they have none).
FUNCTIONS: dict[str, tuple[float, float, str | None, str | None]] = {
    "exp": (-10, 10, "exp", "exp"),
    "expm1": (-3, 3, "expm1", "expm1"),
    "log": (0.01, 10, "log", "log"),
    "log1p": (-0.9, 3, "log1p", "log1p"),
    "sqrt": (0, 10, "sqrt", "sqrt"),
    "rsqrt": (0.1, 10, None, "rsqrt"),
    "sin": (-10, 10, "sin", "sin"),
    "cos": (-10, 10, "cos", "cos"),
    "pow": (0.1, 5, "power", "pow"),
    "tanh": (-3, 3, "tanh", "tanh"),
    "sigmoid": (-10, 10, None, "sigmoid"),
    "softplus": (-10, 10, None, "nn.functional.softplus"),
    "erf": (-3, 3, None, "erf"),
    "gelu": (-5, 5, None, "nn.functional.gelu"),
}


def named(module: Any, path: str) -> Callable[..., Any]:
    for part in path.split("."):
        module = getattr(module, part)
    return module  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(FUNCTIONS))
    parser.add_argument("--elements", type=int, default=16384)
    parser.add_argument("--seconds", type=float, default=0.2, help="for each function and package")
    options = parser.parse_args()
    if unknown := set(options.names) - set(FUNCTIONS):
        parser.error(f"no function {', '.join(sorted(unknown))}: there are {', '.join(FUNCTIONS)}")
    pin(1)

    import numpy as np

    import backsweep as bs

    bs.set_num_threads(1)
    torch = __import__("torch") if installed("torch") else None
    if torch:
        torch.set_num_threads(1)
    print(f"{'ns/element':18}{'backsweep':>10}{'NumPy':>10}{'ratio':>8}{'PyTorch':>10}{'ratio':>8}")
    rng = np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        for name in options.names or FUNCTIONS:
            low, high, in_numpy, in_torch = FUNCTIONS[name]
            n_inputs = 2 if name == "pow" else 1
            arrays = [rng.uniform(low, high, options.elements).astype(dtype) for _ in range(n_inputs)]
            ours = bs.compile(getattr(bs, name))
            tensors = [bs.tensor(a) for a in arrays]
            calls: dict[str, tuple[Callable[[], Any], int]] = {"ours": (partial(ours, *tensors), 1)}
            if in_numpy:
                calls["numpy"] = (partial(named(np, in_numpy), *arrays), 1)
            if torch and in_torch:
                calls["torch"] = (partial(named(torch, in_torch), *map(torch.tensor, arrays)), 1)
            times = {
                k: t.least / options.elements * 1e9 for k, t in measure(calls, options.seconds, 20).items()
            }
            line = f"{name:10}{dtype:8}{times['ours']:10.3f}"
            for peer in ("numpy", "torch"):
                t = times.get(peer, math.nan)
                line += f"{t:10.3f}{t / times['ours']:8.2f}" if peer in times else f"{'':18}"
            print(line.rstrip(), flush=True)


if __name__ == "__main__":
    main()
