"""Objects compiled for one instruction set hold no weak symbol.

A weak symbol (an inline function, a template's instance) has one copy per object, and the linker keeps any
one of them: perhaps the one with AVX-512, for every CPU. So kernels have internal linkage, save for their
table.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# nm's letters for weak and unique global definitions; weak references (w, v) define nothing.
WEAK = re.compile(r"\b([WVu]) (.+)$")


def weak_symbols(objects: list[Path]) -> list[str]:
    found = []
    for path in objects:
        listing = subprocess.run(["nm", "-C", path], check=True, capture_output=True, text=True).stdout
        found += [f"{path.name}: {match[0]}" for line in listing.splitlines() if (match := WEAK.search(line))]
    return found


def test_weak_symbols_are_seen(tmp_path: Path) -> None:
    """The check itself finds one."""
    compiler = (os.environ.get("CXX") or shutil.which("c++") or shutil.which("clang++") or "").split()
    if not compiler or shutil.which("nm") is None:
        pytest.skip("needs a C++ compiler and nm")
    source, target = tmp_path / "weak.cpp", tmp_path / "weak.o"
    source.write_text("inline int f(int x) { return x + 1; }\nint (*pointer)(int) = f;\n")
    subprocess.run([*compiler, "-c", source, "-o", target], check=True)
    assert len(weak_symbols([target])) == 1


def test_built_objects_have_no_weak_symbols() -> None:
    """The objects of this checkout's builds: `pip install .` leaves one in build/."""
    objects = sorted((ROOT / "build").glob("**/kernels_*.dir/**/*.o"))
    if not objects or shutil.which("nm") is None:
        pytest.skip("no build tree here")
    assert weak_symbols(objects) == []
