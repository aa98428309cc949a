"""The C++ test programs: kernels against their naive references, and csrc/base.

BACKSWEEP_BUILD names a build folder that holds them (cmake -DBACKSWEEP_TESTS=ON); without it they are built
in a temporary one, in about a minute. BACKSWEEP_BUILD_AARCH64 does so for aarch64 (aarch64.cmake).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEED = 1
QEMU = ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("programs")]  # which one process builds


def build(folder: Path, *options: str) -> Path:
    jobs = str(len(os.sched_getaffinity(0)))
    run("cmake", "-S", ROOT, "-B", folder, "-DBACKSWEEP_PYTHON=OFF", "-DBACKSWEEP_TESTS=ON", *options)
    run("cmake", "--build", folder, "--target", "test_programs", "--parallel", jobs)
    return folder / "tests"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the programs."""
    if built := os.environ.get("BACKSWEEP_BUILD"):
        return Path(built).absolute() / "tests"
    if shutil.which("cmake") is None:
        pytest.skip("needs CMake to build the test programs, or BACKSWEEP_BUILD")
    compiler = os.environ.get("CXX", "").split() or ["c++"]
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"needs a C++ compiler ({compiler[0]}) to build the test programs, or BACKSWEEP_BUILD")
    return build(tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="module")
def aarch64_programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs for aarch64; they run under QEMU."""
    if shutil.which(QEMU[0]) is None:
        pytest.skip("needs qemu-user")
    if built := os.environ.get("BACKSWEEP_BUILD_AARCH64"):
        return Path(built).absolute() / "tests"
    if shutil.which("cmake") is None or shutil.which("aarch64-linux-gnu-g++") is None:
        pytest.skip("needs CMake and g++-aarch64-linux-gnu, or BACKSWEEP_BUILD_AARCH64")
    toolchain = Path(__file__).with_name("aarch64.cmake")
    return build(tmp_path_factory.mktemp("aarch64"), f"-DCMAKE_TOOLCHAIN_FILE={toolchain}")


def run(*command: str | Path) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, "\n".join([" ".join(map(str, command)), result.stdout, result.stderr])
    return result.stdout


@pytest.mark.parametrize(
    ("program", "rounds"),
    [
        ("fuzz_gemm", 200),
        ("fuzz_convolution", 200),
        ("fuzz_elementwise", 3000),
        ("fuzz_rows", 800),
        ("fuzz_reductions", 600),
        ("fuzz_update", 2000),
        ("fuzz_pooling", 600),
        ("fuzz_grid_sample", 400),
        ("fuzz_batch_norm", 400),
    ],
)
def test_kernels_equal_their_references(programs: Path, program: str, rounds: int) -> None:
    """On every instruction set of this machine; a failing case is printed with how to run it again."""
    assert run(programs / program, str(rounds), str(SEED)).startswith("ok")


def test_functions_are_within_their_ulps(programs: Path) -> None:
    """A sample of the inputs of each vector function; ulp.cpp says how to run all of them."""
    assert run(programs / "ulp").endswith("ok\n")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "bench" / "results").glob("*.json")), ids=lambda path: path.stem
)
def test_products_are_blocked_as_measured(programs: Path, path: Path) -> None:
    """On every processor of bench/results. What is chosen anew wants bench/run.py gemm there, or a reason."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    wanted = {(isa, cell): how for isa, cells in kept["blocking"].items() for cell, how in cells.items()}
    assert wanted
    asked = "".join(
        f"{isa} {cell.split('/')[0].replace('x', ' ')} {cell.split('/')[1]}\n" for isa, cell in wanted
    )
    command = [programs / "blocking", str(kept["l1"]), str(kept["l2"])]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    made = [[int(number) for number in line.split()] for line in done.stdout.splitlines()]
    assert dict(zip(wanted, made, strict=True)) == wanted


@pytest.mark.parametrize("name", ["test_base", "test_run"])
def test_core(name: str, programs: Path) -> None:
    assert run(programs / name) == "ok\n"


@pytest.mark.parametrize(
    ("program", "rounds"),
    [
        ("fuzz_gemm", 101),
        ("fuzz_convolution", 40),
        ("fuzz_elementwise", 1000),
        ("fuzz_rows", 160),
        ("fuzz_reductions", 120),
        ("fuzz_update", 200),
        ("fuzz_pooling", 60),
        ("fuzz_grid_sample", 60),
        ("fuzz_batch_norm", 60),
    ],
)
def test_aarch64(programs: Path, aarch64_programs: Path, program: str, rounds: int) -> None:
    """NEON equals the references too, and gives the bits that this machine gives."""
    emulated = run(*QEMU, aarch64_programs / program, str(rounds), str(SEED))
    native = run(programs / program, str(rounds), str(SEED))
    assert "instruction sets neon; " in emulated
    if " v3" in native:
        assert emulated.split("checksum")[1] == native.split("checksum")[1]


def test_aarch64_base(aarch64_programs: Path) -> None:
    assert run(*QEMU, aarch64_programs / "test_base") == "ok\n"
