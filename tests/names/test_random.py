"""Random programs of views, writes and modes against PyTorch."""

from __future__ import annotations

import math
import os
from typing import Any

import pytest

import backsweep as bs
from names.random_writes import make, run

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

PROGRAMS = int(os.environ.get("BACKSWEEP_NAMES", "200"))  # 20000 by hand


def close(a: Any, b: Any) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) or (a != a and b != b)
    return bool(a == b)


def test_random_programs() -> None:
    """What PyTorch refuses is left out here; where it has no derivative, values alone are compared."""
    wrong = []
    for seed in range(PROGRAMS):
        program = make(seed)
        theirs, refused = run(torch, torch.autograd.grad, program)
        ours, _ = run(bs, bs.grad, program, refused)
        if isinstance(theirs[-1], str):
            theirs.pop()
        if not all(map(close, theirs, ours)):
            wrong.append(seed)
    assert not wrong
