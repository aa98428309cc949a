"""Networks with torchvision's names: its state_dicts load here, ours there, and the scores are equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import models

torch: Any = pytest.importorskip("torch")
theirs: Any = pytest.importorskip("torchvision.models")
pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore::UserWarning")]

IMAGES = np.random.default_rng(0).standard_normal((2, 3, 64, 64)).astype(np.float32)


def moved(state: Any) -> None:
    """Give running statistics that are no identity."""
    rng = np.random.default_rng(1)
    for key, value in state.items():
        if key.endswith("running_mean"):
            value.copy_(torch.from_numpy(rng.standard_normal(value.shape) / 10))
        elif key.endswith("running_var"):
            value.copy_(torch.from_numpy(rng.random(value.shape) + 0.5))


def scores(model: Any, other: Any) -> tuple[Any, Any]:
    with bs.no_grad(), torch.no_grad():
        return model.eval()(bs.tensor(IMAGES)).numpy(), other.eval()(torch.from_numpy(IMAGES)).numpy()


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "vgg11_bn", "mobilenet_v2"])
def test_states_go_both_ways(name: str, tmp_path: Path) -> None:
    model, other = getattr(models, name)(num_classes=7), getattr(theirs, name)(num_classes=7)
    shapes = [(key, tuple(value.shape)) for key, value in other.state_dict().items()]
    assert [(key, value.shape) for key, value in model.state_dict().items()] == shapes
    assert [key for key, _ in model.named_children()] == [key for key, _ in other.named_children()]

    moved(other.state_dict())
    torch.save(other.state_dict(), tmp_path / "there.pth")
    model.load_state_dict(bs.load(tmp_path / "there.pth"))
    ours, want = scores(model, other)
    np.testing.assert_allclose(ours, want, rtol=0, atol=1e-5 * np.abs(want).max())

    model, other = getattr(models, name)(num_classes=7), getattr(theirs, name)(num_classes=7)
    bs.save(model, tmp_path / "here.safetensors")
    saved = bs.load(tmp_path / "here.safetensors")
    other.load_state_dict({key: torch.from_numpy(value.numpy().copy()) for key, value in saved.items()})
    ours, want = scores(model, other)
    np.testing.assert_allclose(ours, want, rtol=0, atol=1e-5 * np.abs(want).max())
