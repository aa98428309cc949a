"""The C++ test programs: kernels against their naive references, and csrc/base.

BACKSWEEP_BUILD names a build folder that holds them (cmake -DBACKSWEEP_TESTS=ON); without it they are built
in a temporary one, in about a minute.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEED = 1

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the programs."""
    if build := os.environ.get("BACKSWEEP_BUILD"):
        return Path(build).absolute() / "tests"
    if shutil.which("cmake") is None:
        pytest.skip("needs CMake to build the test programs, or BACKSWEEP_BUILD")
    compiler = os.environ.get("CXX", "").split() or ["c++"]
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"needs a C++ compiler ({compiler[0]}) to build the test programs, or BACKSWEEP_BUILD")
    folder = tmp_path_factory.mktemp("programs")
    jobs = str(len(os.sched_getaffinity(0)))
    run("cmake", "-S", ROOT, "-B", folder, "-DBACKSWEEP_PYTHON=OFF", "-DBACKSWEEP_TESTS=ON")
    run("cmake", "--build", folder, "--target", "test_programs", "--parallel", jobs)
    return folder / "tests"


def run(*command: str | Path) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, "\n".join([" ".join(map(str, command)), result.stdout, result.stderr])
    return result.stdout


@pytest.mark.parametrize(
    ("program", "rounds"),
    [
        ("fuzz_gemm", 400),
        ("fuzz_elementwise", 3000),
        ("fuzz_rows", 800),
        ("fuzz_reductions", 600),
        ("fuzz_update", 2000),
    ],
)
def test_kernels_equal_their_references(programs: Path, program: str, rounds: int) -> None:
    """On every instruction set of this machine; a failing case is printed with how to run it again."""
    assert run(programs / program, str(rounds), str(SEED)).startswith("ok")


def test_functions_are_within_their_ulps(programs: Path) -> None:
    """A sample of the inputs of each vector function; ulp.cpp says how to run all of them."""
    assert run(programs / "ulp").endswith("ok\n")


def test_base(programs: Path) -> None:
    assert run(programs / "test_base") == "ok\n"
