"""The command line: `backsweep train` and `backsweep info`."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import backsweep as bs
from backsweep import nn
from backsweep._files import check_writable
from backsweep.datasets import load_digits

__all__ = ["main"]

LR = 0.1


def digits_network(hidden: int) -> nn.Sequential:
    """Give the network that `backsweep train` trains: 64 pixels, one hidden layer, 10 scores."""
    return nn.Sequential(
        nn.Dropout(0.1), nn.Linear(64, hidden), nn.ReLU(), nn.Dropout(0.3), nn.Linear(hidden, 10)
    )


def train(args: argparse.Namespace) -> int:
    """Train on the digits, test on the quarter held out, write the model."""
    output: Path = args.output
    try:
        check_writable(output)  # now, and not after the training
    except OSError as error:
        return _fail(f"cannot write the model: {error}")
    bs.manual_seed(args.seed)
    X, y = load_digits("train")
    X_test, y_test = load_digits("test")
    try:
        model = digits_network(args.hidden)
    except (MemoryError, ValueError):  # ValueError: not even the number of weights fits
        return _fail(f"a hidden layer of {args.hidden} does not fit into memory")
    optimizer = bs.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=1e-4)

    def cosine(epoch: int, record: Mapping[str, float]) -> None:  # from LR to 0 along half a cosine
        optimizer.param_groups[0]["lr"] = LR * (1 + math.cos(math.pi * (epoch + 1) / args.epochs)) / 2

    start = time.perf_counter()
    bs.fit(
        model, X / 16, y, optimizer=optimizer, epochs=args.epochs, progress=args.progress, callbacks=[cosine]
    )
    seconds = time.perf_counter() - start
    accuracy = bs.evaluate(model, X_test / 16, y_test)["accuracy"]
    try:
        bs.save(
            model, output, metadata={"model": f"backsweep digits 64-{args.hidden}-10", "seed": str(args.seed)}
        )
    except OSError as error:
        return _fail(f"cannot write the model: {error}")
    print(f"trained {args.epochs} epochs of {len(X)} images in {seconds:.1f} s, seed {args.seed}")
    print(f"model written to {output}")
    print(f"test accuracy: {accuracy:.4f}")
    return 0


def info(args: argparse.Namespace) -> int:
    """Print what `bs.info()` tells."""
    facts = {"version": bs.__version__, **bs.info()}
    width = max(map(len, facts))
    for name, fact in facts.items():
        shown = ", ".join(map(str, fact)) if isinstance(fact, (list, tuple)) else fact
        print(f"{name.replace('_', ' '):{width}}  {shown}")
    return 0


def _fail(message: str) -> int:
    print(f"backsweep: error: {message}", file=sys.stderr)
    return 1


def _at_least(least: int) -> type[int]:
    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is below {least}")
        return value

    number.__name__ = "int"  # argparse names it in its messages
    return number  # type: ignore[return-value]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="backsweep", description="Neural networks on CPUs.")
    parser.add_argument("--version", action="version", version=f"backsweep {bs.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")

    one = commands.add_parser(
        "train", help="train a network on handwritten digits", description=train.__doc__
    )
    one.add_argument(
        "--epochs", type=_at_least(1), default=60, help="how often to see each image (default 60)"
    )
    one.add_argument("--seed", type=_at_least(0), default=0, help="of all random numbers (default 0)")
    one.add_argument(
        "--hidden", type=_at_least(1), default=128, help="size of the hidden layer (default 128)"
    )
    one.add_argument(
        "--output", type=Path, default=Path("model.safetensors"), metavar="FILE", help="where the model goes"
    )
    one.add_argument("--no-progress", dest="progress", action="store_false", help="show no progress bar")
    one.set_defaults(run=train)

    two = commands.add_parser("info", help="version, instruction set, threads", description=info.__doc__)
    two.set_defaults(run=info)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 1 for a failure, 2 for wrong arguments, 130 for Ctrl-C."""
    try:
        try:
            args = _parser().parse_args(argv)
            return int(args.run(args))
        finally:
            if sys.stdout is not None:  # closed by the shell, as in `backsweep info >&-`
                sys.stdout.flush()
    except KeyboardInterrupt:
        print("backsweep: interrupted", file=sys.stderr)
        return 130
    except MemoryError:
        return _fail("there is not enough memory")
    except OSError as error:  # of print and flush; the commands report those of files
        # For the flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # whoever read the output has gone
            return 1
        return _fail(f"cannot write the output: {error.strerror}")


if __name__ == "__main__":
    sys.exit(main())
