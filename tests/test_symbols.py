"""Objects compiled for one instruction set hold no weak symbol.

A weak symbol (an inline function, a template's instance) has one copy per object, and the linker keeps any
one of them: perhaps the one with AVX-512, for every CPU. So kernels have internal linkage, save for their
table.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
KERNELS = ROOT / "csrc" / "kernels"
ISAS = {
    "x86_64": {"v2": ["-march=x86-64-v2"], "v3": ["-march=x86-64-v3"], "v4": ["-march=x86-64-v4"]},
    "aarch64": {"neon": []},
}
# nm's letters for weak and unique global definitions; weak references (w, v) define nothing.
WEAK = re.compile(r"\b([WVu]) (.+)$")


def kernel_sources() -> list[Path]:
    return sorted(
        path
        for path in KERNELS.glob("*.cpp")
        if path.name != "dispatch.cpp" and not path.name.startswith("reference")
    )


def weak_symbols(objects: list[Path]) -> list[str]:
    found = []
    for path in objects:
        listing = subprocess.run(["nm", "-C", path], check=True, capture_output=True, text=True).stdout
        found += [f"{path.name}: {match[0]}" for line in listing.splitlines() if (match := WEAK.search(line))]
    return found


def test_weak_symbols_are_seen(tmp_path: Path) -> None:
    """The check itself finds one."""
    compiler = find_tools()
    source = tmp_path / "weak.cpp"
    source.write_text("inline int f(int x) { return x + 1; }\nint (*pointer)(int) = f;\n")
    compile_object(compiler, source, tmp_path / "weak.o", [])
    assert len(weak_symbols([tmp_path / "weak.o"])) == 1


@pytest.mark.slow
def test_kernels_have_no_weak_symbols(tmp_path: Path) -> None:
    """Compiled without inlining, so that nothing hides: stricter than the build, and quick."""
    compiler = find_tools()
    isas = ISAS.get(platform.machine())
    if isas is None:
        pytest.skip(f"no kernels for {platform.machine()}")
    jobs = {
        tmp_path / f"{source.stem}_{isa}.o": (source, [f"-DBS_ISA={isa}", *flags])
        for source in kernel_sources()
        for isa, flags in isas.items()
    }
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(lambda job: compile_object(compiler, job[1][0], job[0], job[1][1]), jobs.items()))
    assert weak_symbols(list(jobs)) == []


def test_built_objects_have_no_weak_symbols() -> None:
    """The objects of the last build, where this checkout holds one."""
    objects = sorted((ROOT / "build").glob("**/kernels_*.dir/**/*.o"))
    if not objects or shutil.which("nm") is None:
        pytest.skip("no build tree here")
    assert weak_symbols(objects) == []


def find_tools() -> str:
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None or shutil.which("nm") is None:
        pytest.skip("needs a C++ compiler and nm")
    return compiler


def compile_object(compiler: str, source: Path, target: Path, flags: list[str]) -> None:
    command = [*compiler.split(), "-std=c++20", "-O0", "-fPIC", "-w", "-fno-exceptions"]
    command += [f"-I{ROOT / 'csrc'}", *flags]
    command += ["-c", str(source), "-o", str(target)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
