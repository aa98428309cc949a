"""Sixty ways in which PyTorch programs write in place: here as there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backsweep as bs
import names.more_idioms  # noqa: F401
from names.idioms import EXPECTED, IDIOMS, run

# What is right here and refused there; see docs/differences.md.
ACCEPTED = {"double_grad", "mul_by_view"}


@pytest.mark.parametrize("name", list(IDIOMS))
def test_idiom(name: str) -> None:
    if name in ACCEPTED:
        assert EXPECTED[name] == "refused"
        assert run(bs, name) != "refused"
    else:
        same(run(bs, name), EXPECTED[name])


def same(got: Any, wanted: Any) -> None:
    """Compare nested lists, their numbers to a few ulp of float32."""
    if isinstance(wanted, list) and isinstance(got, list) and len(got) == len(wanted):
        for a, b in zip(got, wanted, strict=True):
            same(a, b)
    elif isinstance(wanted, float) and isinstance(got, float):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
    else:
        assert got == wanted


@pytest.mark.peers
@pytest.mark.parametrize("name", list(IDIOMS))
def test_what_is_expected_is_what_pytorch_gives(name: str) -> None:
    torch: Any = pytest.importorskip("torch")
    same(run(torch, name), EXPECTED[name])
