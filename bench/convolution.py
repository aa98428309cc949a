"""Time layers of convolutional networks beside PyTorch's: forward, and the gradients by input and weights.

usage: python bench/convolution.py [--threads N] [--only TEXT,..] [--seconds S] [--json FILE] [--keep]

Ours are compiled programs of one op. PyTorch's are the very calls that autograd makes (`aten`), with
contiguous tensors and with channels last: the faster one counts. All take turns, and the shortest time of
each counts: on a machine that others use, only ratios within one run mean anything. --keep writes the rows
into bench/results, for this processor. bench/convolution.cpp has the kernels alone, as fractions of the
processor's peak.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from run import commit_now, keep_results, kept_results
from steps import installed, measure, micro, pin

# Samples, channels, size, channels out, size of the kernel, stride, padding, groups.
LAYERS = {
    "64x1x28_32k3": (64, 1, 28, 32, 3, 1, 0, 1),
    "64x32x26_64k3": (64, 32, 26, 64, 3, 1, 0, 1),
    "32x3x32_16k3": (32, 3, 32, 16, 3, 1, 1, 1),
    "32x16x32_16k3": (32, 16, 32, 16, 3, 1, 1, 1),
    "32x16x32_32k3s2": (32, 16, 32, 32, 3, 2, 1, 1),
    "32x16x32_32k1s2": (32, 16, 32, 32, 1, 2, 0, 1),
    "32x32x16_32k3": (32, 32, 16, 32, 3, 1, 1, 1),
    "32x32x16_64k3s2": (32, 32, 16, 64, 3, 2, 1, 1),
    "32x32x16_64k1s2": (32, 32, 16, 64, 1, 2, 0, 1),
    "32x64x8_64k3": (32, 64, 8, 64, 3, 1, 1, 1),
    "64x64x56_64k3": (64, 64, 56, 64, 3, 1, 1, 1),
    "32x128x28_128k3": (32, 128, 28, 128, 3, 1, 1, 1),
    "64x64x56_256k1": (64, 64, 56, 256, 1, 1, 0, 1),
    "32x3x224_64k7s2": (32, 3, 224, 64, 7, 2, 3, 1),
    "32x64x112_64k3dw": (32, 64, 112, 64, 3, 1, 1, 64),
    "1x64x56_64k3": (1, 64, 56, 64, 3, 1, 1, 1),
    "1x3x224_64k7s2": (1, 3, 224, 64, 7, 2, 3, 1),
    "1x128x28_128k3": (1, 128, 28, 128, 3, 1, 1, 1),
    "1x64x112_64k3dw": (1, 64, 112, 64, 3, 1, 1, 64),
    "1x512x7_512k3": (1, 512, 7, 512, 3, 1, 1, 1),
    "32x1x28_6k5": (32, 1, 28, 6, 5, 1, 2, 1),
    "32x6x14_16k5": (32, 6, 14, 16, 5, 1, 0, 1),
}
PARTS = ("y", "dx", "dw")
Calls = dict[str, Callable[[], Any]]


def arrays(layer: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Input, weight and gradient of the output."""
    n, channels, size, out, kernel, stride, padding, groups = layer
    made = (size + 2 * padding - kernel) // stride + 1
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    return (
        normal(n, channels, size, size),
        normal(out, channels // groups, kernel, kernel),
        normal(n, out, made, made),
    )


def ours(layer: tuple[int, ...]) -> Calls:
    import backsweep as bs

    x, w, dy = (bs.tensor(a, requires_grad=i < 2) for i, a in enumerate(arrays(layer)))
    *_, stride, padding, groups = layer

    def forward(x: Any, w: Any) -> Any:
        return bs.nn.functional.conv2d(x, w, None, stride, padding, 1, groups)

    value = bs.compile(forward)
    by_input = bs.compile(lambda x, w, dy: bs.grad(forward(x, w), (x,), dy))
    by_weight = bs.compile(lambda x, w, dy: bs.grad(forward(x, w), (w,), dy))
    return {
        "y": lambda: value(x, w),
        "dx": lambda: by_input(x, w, dy),
        "dw": lambda: by_weight(x, w, dy),
    }


def torchs(layer: tuple[int, ...], channels_last: bool) -> Calls:
    import torch

    order = torch.channels_last if channels_last else torch.contiguous_format
    x, w, dy = (torch.tensor(a).contiguous(memory_format=order) for a in arrays(layer))
    *_, stride, padding, groups = layer
    aten = torch.ops.aten
    options = ([stride] * 2, [padding] * 2, [1, 1], False, [0, 0], groups)

    def backward(*wanted: bool) -> Callable[[], Any]:
        return lambda: aten.convolution_backward(dy, x, w, None, *options, [*wanted, False])

    return {
        "y": lambda: aten.convolution(x, w, None, *options),
        "dx": backward(True, False),
        "dw": backward(False, True),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="layers whose names hold one of these, by commas")
    parser.add_argument("--seconds", type=float, default=0.3, help="for each time")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    if installed("torch") is None:
        parser.error("needs PyTorch: pip install torch")
    pin(options.threads)
    import torch

    import backsweep as bs

    torch.set_num_threads(options.threads)
    bs.set_num_threads(options.threads)
    wanted = [name for name in LAYERS if any(text in name for text in options.only.split(","))]
    rows: dict[str, dict[str, float]] = {}
    print(f"{'':28}{'GFLOP/s':>8}  {'ours, us':>9}{'PyTorch':>9}{'last':>9}  PyTorch / ours")
    for name in wanted:
        layer = LAYERS[name]
        contenders = {"ours": ours(layer), "PyTorch": torchs(layer, False), "last": torchs(layer, True)}
        _, w, dy = arrays(layer)
        flops = 2.0 * dy.size * w[0].size
        for part in PARTS:
            with torch.no_grad():
                times = measure(
                    {who: (calls[part], 1) for who, calls in contenders.items()}, options.seconds, 7
                )
            least = {who: time.least for who, time in times.items()}
            rows[f"{name} {part}"] = least
            text = "".join(f"{micro(least[who]):>9}" for who in contenders)
            ratio = min(least["PyTorch"], least["last"]) / least["ours"]
            print(
                f"{name + ' ' + part:28}{flops / least['ours'] * 1e-9:8.1f}  {text}  {ratio:.2f}", flush=True
            )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if options.keep:
        path, kept = kept_results()
        table = kept.setdefault("convolutions", {}).setdefault(f"{options.threads} threads", {})
        table["commit"] = commit_now()
        table["versions"] = {"backsweep": installed("backsweep"), "torch": installed("torch")}
        known = table.setdefault("us: ours, PyTorch, last", {})
        for name, least in rows.items():
            known[name] = [round(1e6 * least[who], 1) for who in ("ours", "PyTorch", "last")]
        keep_results(path, kept)
        print(f"kept in {path}")


if __name__ == "__main__":
    main()
