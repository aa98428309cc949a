"""`python -m backsweep._stubs` writes `_core.pyi`; `--check` compares it and exits with 1 if it differs."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from backsweep._stubs.render import render

PATH = Path(__file__).parents[1] / "_core.pyi"


def main(argv: list[str] | None = None) -> int:
    """Write or check the stubs of the C++ core."""
    parser = argparse.ArgumentParser(prog="python -m backsweep._stubs", description=main.__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--write", action="store_true", help="write _core.pyi (the default)")
    choice.add_argument(
        "--check", action="store_true", help="compare it; exit with 1 and a diff if it differs"
    )
    args = parser.parse_args(argv)
    made = render()
    if not args.check:
        PATH.write_text(made, encoding="utf-8")
        return 0
    there = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
    diff = list(
        difflib.unified_diff(there.splitlines(), made.splitlines(), PATH.name, "generated", lineterm="")
    )
    for line in diff:
        print(line)
    return 1 if diff else 0


if __name__ == "__main__":
    sys.exit(main())
