"""Tensors in einops, whichever of the two packages is imported first."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import backsweep as bs

einops = pytest.importorskip("einops")


@pytest.mark.parametrize("first", ["einops", "backsweep"])
def test_either_import_order(first: str) -> None:
    second = "backsweep" if first == "einops" else "einops"
    code = f"import {first}, {second}; import backsweep as bs; from einops import rearrange; "
    code += "print(rearrange(bs.arange(6).view(2, 3), 'a b -> b a').tolist())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert found.strip() == "[[0, 3], [1, 4], [2, 5]]"


@pytest.mark.parametrize(
    ("pattern", "sizes"),
    [
        ("a b c -> c a b", {}),
        ("a b c -> (a b) c", {}),
        ("a (b d) c -> a b (d c)", {"d": 2}),
        ("a b c -> a 1 (b c)", {}),
    ],
)
def test_rearrange(pattern: str, sizes: dict[str, int]) -> None:
    x = np.arange(24.0, dtype=np.float32).reshape(2, 4, 3)
    np.testing.assert_array_equal(
        einops.rearrange(bs.tensor(x), pattern, **sizes).numpy(), einops.rearrange(x, pattern, **sizes)
    )


@pytest.mark.parametrize("operation", ["sum", "mean", "max", "min"])
def test_reduce(operation: str) -> None:
    x = np.arange(24.0, dtype=np.float32).reshape(2, 4, 3)
    np.testing.assert_array_equal(
        einops.reduce(bs.tensor(x), "a (b d) c -> a b", operation, d=2).numpy(),
        einops.reduce(x, "a (b d) c -> a b", operation, d=2),
    )


def test_derivatives_and_captures() -> None:
    def loss(x: bs.Tensor) -> bs.Tensor:
        y: bs.Tensor = einops.rearrange(x, "(a b) c -> c a b", b=2)
        z: bs.Tensor = einops.repeat(y.sum(0), "a b -> a b r", r=3)
        return (z * z).sum()

    found = []
    for run in (loss, bs.compile(loss)):
        x = bs.arange(12.0).view(4, 3).detach().requires_grad_()
        run(x).backward()
        assert x.grad is not None
        found.append(x.grad.tolist())
    assert found[0] == found[1]


def test_lists_join() -> None:
    parts = [bs.ones(2, 3), bs.zeros(2, 3)]
    assert einops.rearrange(parts, "n a b -> a (n b)").shape == (2, 6)
    packed, shapes = einops.pack(parts, "a *")
    assert [tuple(part.shape) for part in einops.unpack(packed, shapes, "a *")] == [(2, 3), (2, 3)]
