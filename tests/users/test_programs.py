"""Programs for PyTorch with the import changed: they end at the losses that they end at there."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import backsweep

# The first loss and the last, as PyTorch 2.13 gives them.
LOSSES = {
    "activations_by_hook": (1.17748, 15.6804),
    "backward_by_hand": (1.82645, 0.364179),
    "csv_dataset": (1.14399, 0.583181),
    "gan": (2.09809, 2.06995),
    "ngram": (3.00554, 2.00802),
    "pinn": (29.67, 0.00541085),
    "policy_gradient": (-1.23677, -1.17051),
    "resumed": (1.13437, 0.66791),
    "transformer_block": (3.13222, 1.64339),
    "word2vec": (14.983, 12.2771),
}


def run(library: Any, name: str) -> list[float]:
    generator = np.random.default_rng(0)

    def draw(*sizes: int) -> npt.NDArray[np.float32]:
        return generator.standard_normal(sizes, dtype=np.float32)

    losses: list[float] = importlib.import_module(f"ported.{name}").run(library, draw)
    return losses


@pytest.mark.parametrize("name", LOSSES)
def test_program(name: str) -> None:
    losses = run(backsweep, name)
    assert (losses[0], losses[-1]) == pytest.approx(LOSSES[name], rel=2e-4)


@pytest.mark.peers
@pytest.mark.parametrize("name", LOSSES)
def test_program_as_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(run(backsweep, name), run(torch, name), rtol=1e-5)
