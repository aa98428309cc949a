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


def written(program: Any, refused: set[int]) -> list[dict[str, Any]]:
    return [
        step for number, (kind, step) in enumerate(program[1:]) if kind == "write" and number not in refused
    ]


def aside(program: Any) -> bool:
    """Whether something may be written without being recorded."""
    return any(
        (kind == "write" and step["no_grad"]) or (kind == "view" and step["how"] in ("detach", "data"))
        for kind, step in program[1:]
    )


def spoiled(program: Any, refused: set[int]) -> bool:
    """Whether PyTorch's derivative of tanh_ may read a result that was written aside since then."""
    return aside(program) and "tanh_" in {step["how"] for step in written(program, refused)}


def differ(eager: list[Any], captured: list[Any]) -> bool:
    """Whether a compiled function gives other values or derivatives.

    What depends on no leaf since it was overwritten requires a gradient, which is 0, only eagerly.
    """
    if len(eager) != len(captured):
        return True
    flags = [(a, b) for a, b in zip(eager, captured, strict=True) if isinstance(a, bool)]
    rest = [(a, b) for a, b in zip(eager, captured, strict=True) if not isinstance(a, bool)]
    return any(b and not a for a, b in flags) or not all(close(a, b) for a, b in rest)


def test_random_programs() -> None:
    """What PyTorch refuses is left out here; where it has no derivative, values alone are compared."""
    wrong = []
    for seed in range(PROGRAMS):
        program = make(seed)
        theirs, refused = run(torch, torch.autograd.grad, program)
        ours, _ = run(bs, bs.grad, program, refused)
        if isinstance(theirs[-1], str):
            theirs.pop()
        elif spoiled(program, refused):  # docs/differences.md
            del theirs[-2 if program[0][0] == "leaf" else -1 :]
        if not all(map(close, theirs, ours)):
            wrong.append(seed)
        captured, _ = run(bs, bs.grad, program, refused, bs.compile)
        if differ(ours, captured):
            wrong.append(seed)
    assert not wrong
