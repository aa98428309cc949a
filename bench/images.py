"""Time LeNet and ResNet-8 on images of MNIST's size beside PyTorch: an epoch of training, and one answer.

usage: python bench/images.py [--threads N] [--images N] [--seconds S] [--keep]

Ours are an epoch of `bs.fit` over uint8 images, and a compiled module. PyTorch's epoch is the loop that its
tutorials have, channels last and with the fused optimizer; of its answers the faster layout counts. All take
turns, and the shortest time of each counts: on a machine that others use, only ratios within one run mean
anything. An epoch is over few images and counted as one over 60,000. --keep writes the table into
bench/results, for this processor.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from networks import ResNet
from run import commit_now, keep_results, kept_results
from steps import installed, measure, pin

BATCH, LR = 64, 0.01


def lenet(nn: Any) -> Any:
    """Give the network of `bs.models.LeNet`, of a library with PyTorch's names."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64 * 49, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU()),
        nn.Linear(84, 10),
    )


NETWORKS = {"lenet": lenet, "resnet8": lambda nn: ResNet(inputs=1).module(nn, nn.functional)}
Calls = dict[str, tuple[Callable[[], Any], int]]


def ours(network: Callable[[Any], Any], X: np.ndarray, y: np.ndarray, threads: int) -> Calls:
    import backsweep as bs
    from backsweep import nn, transforms

    bs.set_num_threads(threads)
    model, answering = network(nn), bs.compile(network(nn).eval())
    optimizer = bs.optim.SGD(model.parameters(), lr=LR, momentum=0.9)
    image = bs.tensor(X[:1].astype(np.float32) / 255)

    def epoch() -> None:
        options: dict[str, Any] = {"batch_size": BATCH, "transform": transforms.ToTensor(), "progress": False}
        bs.fit(model, X, y, optimizer=optimizer, epochs=1, **options)

    def answer() -> Any:
        with bs.no_grad():
            return answering(image)

    return {"epoch": (epoch, 1), "answer": (answer, 1)}


def peers(network: Callable[[Any], Any], X: np.ndarray, y: np.ndarray, threads: int) -> Calls:
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    last = torch.channels_last
    model = network(nn).to(memory_format=last)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, fused=True)
    images, labels = torch.from_numpy(X), torch.from_numpy(y)

    def epoch() -> None:
        order = torch.randperm(len(images))
        for start in range(0, len(images), BATCH):
            rows = order[start : start + BATCH]
            x = (images[rows].float() / 255).contiguous(memory_format=last)
            optimizer.zero_grad()
            loss: Any = nn.functional.cross_entropy(model(x), labels[rows])
            loss.backward()
            optimizer.step()

    def answering(layout: torch.memory_format) -> Callable[[], Any]:
        one = network(nn).eval().to(memory_format=layout)
        image = (images[:1].float() / 255).contiguous(memory_format=layout)

        def answer() -> Any:
            with torch.inference_mode():
                return one(image)

        return answer

    plain, other = answering(torch.contiguous_format), answering(last)
    return {"epoch": (epoch, 1), "answer": (plain, 1), "answer, channels last": (other, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", type=int, default=640, help="of an epoch (default 640)")
    parser.add_argument("--seconds", type=float, default=0.5, help="per case (default 0.5)")
    parser.add_argument("--keep", action="store_true", help="write the table into bench/results")
    args = parser.parse_args()
    pin(args.threads)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (args.images, 1, 28, 28), dtype=np.uint8)
    y = rng.integers(0, 10, args.images)
    engines = {"backsweep": ours} | ({"PyTorch": peers} if installed("torch") else {})
    table: dict[str, dict[str, float]] = {}
    for name, network in NETWORKS.items():
        calls = {
            f"{case}: {engine}": call
            for engine, make in engines.items()
            for case, call in make(network, X, y, args.threads).items()
        }
        for case, took in measure(calls, args.seconds, 3).items():
            epoch = case.startswith("epoch")
            value = took.least * 60_000 / args.images if epoch else took.least * 1e6
            table.setdefault(name, {})[case] = round(value, 1)
            print(f"{name:8} {case:34} {value:8.1f} {'s' if epoch else 'us'}")
    if args.keep:
        path, kept = kept_results()
        section = {"commit": commit_now(), "epoch in s, answer in us": table}
        kept.setdefault("images", {})[f"{args.threads} threads"] = section
        keep_results(path, kept)
        print(f"kept in {path}")


if __name__ == "__main__":
    main()
