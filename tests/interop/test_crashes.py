"""Saves that are cut off: by a kill at any moment, and by a full disk."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import backsweep as bs

SAVE = """
import itertools, sys
import backsweep as bs
for number in itertools.count(1):
    tensors = {"a": bs.full((300_000,), float(number)), "b": bs.full((5,), number)}
    bs.save({"number": number, **tensors}, sys.argv[1])
    print(flush=True)
"""


def killed(path: Path, seed: int) -> None:
    """Kill a process that saves in a loop, and look at what is there."""
    with subprocess.Popen([sys.executable, "-c", SAVE, path], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()  # the first one is there
        time.sleep(random.Random(seed).random() * 0.05)
        child.send_signal(signal.SIGKILL)
    found = bs.load(path)
    assert bool((found["a"] == found["number"]).all()) and bool((found["b"] == found["number"]).all())
    assert found["number"] >= 1


def test_a_kill_leaves_a_whole_file(tmp_path: Path) -> None:
    for seed in range(3):
        killed(tmp_path / "x", seed)


@pytest.mark.sweep
def test_many_kills(tmp_path: Path) -> None:
    for seed in range(100):
        killed(tmp_path / "x", 1000 + seed)


FULL = """
import resource, sys
import backsweep as bs
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    bs.save({"a": bs.zeros(300_000)}, sys.argv[1])
except OSError as error:
    print(type(error).__name__, error)
bs.save({"b": bs.ones(3)}, sys.argv[2])
"""


def test_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "x"
    bs.save({"a": bs.ones(2)}, path)
    os.chmod(path, 0o640)
    done = subprocess.run(
        [sys.executable, "-c", FULL, path, tmp_path / "small"], capture_output=True, text=True, check=True
    )
    assert f"[save] {path} cannot be written: File too large" in done.stdout
    assert sorted(os.listdir(tmp_path)) == ["small", "x"]
    assert bs.load(path)["a"].tolist() == [1, 1]
    bs.save({"a": bs.zeros(2)}, path)
    assert path.stat().st_mode & 0o777 == 0o640  # who may read it stays
