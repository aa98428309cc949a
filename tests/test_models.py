"""The ready networks: derivatives, capture, and steps that lower the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import models, nn

SMALL: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "MLP": (lambda: models.MLP(48, [16, 16], 4, dropout=0.1), (4, 3, 4, 4)),
    "Discriminator": (lambda: Several(models.Discriminator(4, 1, 16)), (4, 1, 16, 16)),
}


class Several(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        return self.inner(x)[:, None] * bs.arange(4.0)


def made(name: str) -> tuple[nn.Module, bs.Tensor, bs.Tensor]:
    bs.manual_seed(0)
    make, shape = SMALL[name]
    rng = np.random.default_rng(1)
    x = bs.tensor(rng.standard_normal(shape).astype(np.float32))
    return make(), x, bs.tensor(np.arange(shape[0]) % 4)


def trainer(model: nn.Module) -> Callable[[bs.Tensor, bs.Tensor], bs.Tensor]:
    optimizer = bs.optim.SGD(model.parameters(), lr=0.02)

    def step(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


@pytest.mark.parametrize("name", SMALL)
def test_training(name: str) -> None:
    """Steps lower the loss, every parameter gets a gradient, and compiled steps are the eager ones."""
    losses, states = [], []
    for wrap in (lambda f: f, bs.compile):
        model, x, y = made(name)
        step = wrap(trainer(model))
        bs.manual_seed(2)  # of dropout
        losses.append([float(step(x, y)) for _ in range(6)])
        states.append({key: value.numpy() for key, value in model.state_dict().items()})
    assert losses[0][-1] < losses[0][0]
    np.testing.assert_allclose(losses[1], losses[0], rtol=2e-4)
    for key, value in states[0].items():
        np.testing.assert_allclose(states[1][key], value, rtol=1e-2, atol=1e-4, err_msg=key)
    model, x, y = made(name)
    nn.functional.cross_entropy(model(x), y).backward()
    assert all(p.grad is not None for p in model.parameters())
    model.eval()
    with bs.no_grad():
        want = model(x).numpy()
    np.testing.assert_allclose(bs.compile(model)(x).detach().numpy(), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [8, 32])
def test_generator(size: int) -> None:
    generator = models.Generator(10, 4, 2, size)
    images = generator(bs.randn(3, 10))
    assert images.shape == (3, 2, size, size) and float(images.abs().max()) <= 1
    assert generator(bs.randn(3, 10, 1, 1)).shape == images.shape
    scores = models.Discriminator(4, 2, size)(images)
    assert scores.shape == (3,)
    scores.sum().backward()
    assert all(p.grad is not None for p in generator.parameters())


def test_autoencoder() -> None:
    losses = []
    for wrap in (lambda f: f, bs.compile):
        bs.manual_seed(0)
        vae = models.ConvVAE(4, 4, size=8)
        optimizer = bs.optim.Adam(vae.parameters(), lr=1e-2)
        x = bs.tensor((np.random.default_rng(0).random((6, 1, 8, 8)) < 0.5).astype(np.float32))

        def step(x: bs.Tensor, vae: Any = vae, optimizer: Any = optimizer) -> bs.Tensor:
            optimizer.zero_grad()
            loss = vae.loss(x)
            loss.backward()
            optimizer.step()
            return loss

        run = wrap(step)
        losses.append([float(run(x)) for _ in range(20)])
    assert losses[0][-1] < losses[0][0]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3)
    vae.eval()
    logits, mean, _ = vae(x)
    assert logits.shape == x.shape and mean.shape == (6, 4)
    np.testing.assert_array_equal(logits.detach().numpy(), vae(x)[0].detach().numpy())  # no noise
    images = vae.sample(5)
    assert images.shape == (5, 1, 8, 8) and 0 <= float(images.min()) <= float(images.max()) <= 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: models.Generator(size=12),
        lambda: models.Discriminator(size=4),
        lambda: models.ConvVAE(size=6),
    ],
)
def test_wrong_arguments_are_named(make: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r"^\[\w+\] "):
        make()
