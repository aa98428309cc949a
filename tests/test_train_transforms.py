"""fit, evaluate and predict with a transform: whole batches, inside the compiled step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep import transforms as T
from backsweep.datasets import load_digits

X, Y = load_digits("train")
X = np.round(X * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
PLAIN = T.ToTensor()
AUGMENT = T.Compose(
    [T.RandomCrop(8, padding=1), T.RandomRotation(10, T.InterpolationMode.BILINEAR), T.ToTensor()]
)


def network() -> nn.Module:
    bs.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def trained(transform: Any, x: Any = X, **more: Any) -> tuple[dict[str, Any], list[np.ndarray]]:
    model = network()
    arguments = {"epochs": 2, "batch_size": 50, "progress": False, **more}
    history = bs.fit(model, x, Y, transform=transform, **arguments)
    return history, [p.detach().numpy() for p in model.parameters()]


def test_scaling_inside_is_scaling_before() -> None:
    history, inside = trained(PLAIN, validation=(X, Y), validation_transform=PLAIN)
    scaled = X.astype(np.float32) / np.float32(255)
    want, before = trained(None, scaled, validation=(scaled, Y))
    for p, q in zip(inside, before, strict=True):
        np.testing.assert_array_equal(p, q)
    assert history["val_accuracy"] == want["val_accuracy"]


@pytest.mark.parametrize("leaves", [1, 2])
def test_augmentation_repeats(leaves: int) -> None:
    """By the seed, on any number of threads; and it does something."""
    first, want = trained(AUGMENT, leaves=leaves)
    threads = bs.get_num_threads()
    for number in (1, 3):
        bs.set_num_threads(number)
        for p, q in zip(trained(AUGMENT, leaves=leaves)[1], want, strict=True):
            np.testing.assert_array_equal(p, q)
    bs.set_num_threads(threads)
    assert first["loss"][1] < first["loss"][0]
    assert trained(PLAIN)[0]["loss"] != first["loss"]
    eager = trained(AUGMENT, leaves=leaves, compile=False)[0]["loss"]
    np.testing.assert_allclose(eager, first["loss"], rtol=1e-4)


def test_predict_and_evaluate() -> None:
    model = network()
    scaled = X[:70].astype(np.float32) / np.float32(255)
    want = bs.predict(model, scaled)
    np.testing.assert_array_equal(bs.predict(model, X[:70], 32, transform=PLAIN), want)
    got = bs.evaluate(model, X[:70], Y[:70], transform=PLAIN)
    assert got == bs.evaluate(model, scaled, Y[:70])
    np.testing.assert_array_equal(bs.predict(model, bs.tensor(X[:70]), transform=PLAIN, compile=False), want)
    double = network().double()
    assert bs.predict(double, X[:3], transform=PLAIN).dtype == np.float64


def test_a_function_of_ones_own() -> None:
    history, _ = trained(lambda x: 1 - x.to(bs.float32) / 255)
    assert history["loss"][1] < history["loss"][0]


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(TypeError, match=r"\[fit\] transform gives .*must give a tensor"):
        trained(lambda x: None)
    batches = bs.Batches(X, Y)
    with pytest.raises(ValueError, match="transform is for arrays"):
        bs.fit(network(), batches, transform=PLAIN, progress=False)
    with pytest.raises(ValueError, match="validation_transform is for a pair"):
        trained(PLAIN, validation=batches, validation_transform=PLAIN)
    with pytest.raises(bs.GraphError):
        trained(lambda x: x * int(x.to(bs.float32).sum()))
