"""The command line: `backsweep train` and `backsweep info`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import backsweep as bs
from backsweep._command import MODELS, cosine, images, network, recipe, rows
from backsweep._files import check_writable

__all__ = ["main"]


def train(args: argparse.Namespace) -> int:
    """Train a network on images, test it on those held out, write the model.

    Without --data these are the handwritten digits of the package, of which a quarter is held out. A folder
    holds MNIST's IDX files (or those of a data set like it), or a folder of images for each class, or such
    folders in "train" and "test".
    """
    output: Path = args.output
    try:
        check_writable(output)  # now, and not after the training
    except OSError as error:
        return _fail(f"cannot write the model: {error}")
    bs.manual_seed(args.seed)
    try:
        data = images(args.data, args.size)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        return _fail(str(error))
    try:
        model = network(args.model, data, args.hidden)
    except (MemoryError, ValueError) as error:  # ValueError: not even the number of weights fits
        dense = args.model == "mlp"
        return _fail(f"a hidden layer of {args.hidden} does not fit into memory" if dense else str(error))
    how = recipe(args.model, data)
    epochs = args.epochs or how.epochs
    optimizer = bs.optim.SGD(model.parameters(), lr=how.lr, momentum=0.9, weight_decay=how.weight_decay)
    X, X_test = (rows(x) if args.model == "mlp" else x for x in (data.X, data.X_test))
    start = time.perf_counter()
    bs.fit(
        model,
        X,
        data.y,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=how.batch_size,
        transform=how.transform,
        progress=args.progress,
        callbacks=[cosine(optimizer, how.lr, epochs)],
    )
    seconds = time.perf_counter() - start
    accuracy = bs.evaluate(model, X_test, data.y_test, transform=how.test_transform)["accuracy"]
    shape = " x ".join(map(str, data.X.shape[1:]))
    what = f"64-{args.hidden}-10" if args.model == "mlp" and args.data is None else f"{args.model}, {shape}"
    notes = {"model": f"backsweep {data.name} {what}", "seed": str(args.seed), "classes": str(data.classes)}
    try:
        bs.save(model, output, metadata=notes)
    except OSError as error:
        return _fail(f"cannot write the model: {error}")
    print(f"trained {epochs} epochs of {len(X)} images in {seconds:.1f} s, seed {args.seed}")
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

    one = commands.add_parser("train", help="train a network on images", description=train.__doc__)
    one.add_argument(
        "--model", choices=MODELS, default="mlp", help="dense, LeNet or an 8-layer ResNet (default mlp)"
    )
    one.add_argument("--data", type=Path, metavar="FOLDER", help="with IDX files, or folders of images")
    one.add_argument(
        "--epochs",
        type=_at_least(1),
        help="how often to see each image (of the digits 60, cnn and resnet 30; of --data 5)",
    )
    one.add_argument("--seed", type=_at_least(0), default=0, help="of all random numbers (default 0)")
    one.add_argument(
        "--hidden", type=_at_least(1), default=128, help="size of mlp's hidden layer (default 128)"
    )
    one.add_argument(
        "--size",
        type=_at_least(8),
        default=32,
        metavar="PIXELS",
        help="of images from folders: they are brought to such squares (default 32)",
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
