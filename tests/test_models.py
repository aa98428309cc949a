"""The ready networks: torchvision's keys and shapes, derivatives, capture, and steps that lower the loss."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import models, nn

# Of torchvision 0.28: how many numbers the parameters are, and the first digits of SHA-256 of the lines
# "key [shape]" of its state_dict.
PUBLISHED = {
    "resnet34": (21_797_672, "4aa3e2bbbdc5e2fd"),
    "resnet50": (25_557_032, "614cd53ddf849669"),
    "vgg11": (132_863_336, "ddb4b3f56e9755a6"),
    "mobilenet_v2": (3_504_872, "a18c560d82f6d01d"),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name == "vgg11" else name for name in PUBLISHED],
)  # VGG-11 takes half a gigabyte
def test_keys_and_shapes_are_torchvisions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.init, "kaiming_normal_", lambda *args, **kwargs: None)  # which takes its time
    monkeypatch.setattr(nn.init, "normal_", lambda *args, **kwargs: None)
    monkeypatch.setattr(nn.init, "kaiming_uniform_", lambda *args, **kwargs: None)
    model = getattr(models, name)()
    number, digest = PUBLISHED[name]
    assert sum(p.numel() for p in model.parameters()) == number
    lines = "\n".join(f"{key} {list(value.shape)}" for key, value in model.state_dict().items())
    assert hashlib.sha256(lines.encode()).hexdigest()[:16] == digest


def test_a_resnet18_is_torchvisions() -> None:
    """Key by key, in their order; see interop/files/README.md."""
    want = json.loads((Path(__file__).parent / "interop" / "files" / "resnet18.json").read_text("ascii"))
    state = models.resnet18().state_dict()
    assert {key: [value.dtype.name, list(value.shape)] for key, value in state.items()} == want
    assert list(state) == list(want) and len(want) == 122


def test_children_are_torchvisions() -> None:
    """Programs cut networks by `list(model.children())[:-1]`."""
    small = models.MobileNetV2(4, 0.25, [(1, 16, 1, 1)])
    assert [name for name, _ in small.named_children()] == ["features", "classifier"]
    assert nn.Sequential(*list(small.children())[:-1])(bs.zeros(1, 3, 32, 32)).ndim == 4


def test_blocks_of_ones_own() -> None:
    class Wide(models.mobilenetv2.InvertedResidual):
        pass

    made = models.MobileNetV2(4, 0.25, [(1, 16, 2, 1)], 8, Wide, None, 0.0)
    assert [type(layer) for layer in made.features][1:-1] == [Wide, Wide]


SMALL: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "MLP": (lambda: models.MLP(48, [16, 16], 4, dropout=0.1), (4, 3, 4, 4)),
    "LeNet": (lambda: models.LeNet(4, size=8, width=4), (4, 1, 8, 8)),
    "LeNet 28": (lambda: models.LeNet(4, 3, width=2), (4, 3, 28, 28)),
    "resnet8": (lambda: models.resnet8(4, width=4), (4, 3, 8, 8)),
    "resnet20": (lambda: models.resnet20(4, 1, width=2), (4, 1, 8, 8)),
    "ResNet": (lambda: models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], 4), (2, 3, 32, 32)),
    "bottlenecks": (
        lambda: models.ResNet(
            models.resnet.Bottleneck,
            [1, 1, 1, 1],
            4,
            True,
            groups=2,
            width_per_group=8,
            replace_stride_with_dilation=(False, False, True),
        ),
        (2, 3, 32, 32),
    ),
    "MobileNetV2": (
        lambda: models.MobileNetV2(4, 0.25, [(1, 16, 1, 1), (6, 24, 2, 2)], dropout=0.0),
        (3, 3, 16, 16),
    ),
    "VGG": (lambda: Features(models.vgg.make_layers([8, "M", 16, "M"], batch_norm=True)), (3, 3, 8, 8)),
    "UNet": (lambda: Mean(models.UNet(1, 4, width=4, depth=2)), (2, 1, 8, 12)),
    "Discriminator": (lambda: Several(models.Discriminator(4, 1, 16)), (4, 1, 16, 16)),
}


class Features(nn.Module):
    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features, self.head = features, nn.Linear(64, 4)

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        return self.head(self.features(x).flatten(1))


class Mean(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        return self.inner(x).mean((2, 3))


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
    again = []
    for mode in (True, False):  # the bound is one of numbers that are drawn
        bs.manual_seed(1)
        again.append(float(vae.train(mode).loss(x)))
    assert again[0] == again[1]
    images = vae.sample(5)
    assert images.shape == (5, 1, 8, 8) and 0 <= float(images.min()) <= float(images.max()) <= 1


def test_a_state_goes_to_a_file_and_back(tmp_path: Path) -> None:
    model, x, _ = made("ResNet")
    model(x)  # running statistics
    bs.save(model, tmp_path / "m.safetensors")
    other = SMALL["ResNet"][0]()
    other.load_state_dict(bs.load(tmp_path / "m.safetensors"))
    for a, b in zip(model.eval()(x).tolist(), other.eval()(x).tolist(), strict=True):
        assert a == b


@pytest.mark.parametrize(
    "make",
    [
        lambda: models.SmallResNet(9),
        lambda: models.SmallResNet(2),
        lambda: models.LeNet(size=3),
        lambda: models.Generator(size=12),
        lambda: models.Discriminator(size=4),
        lambda: models.ConvVAE(size=6),
        lambda: models.SmallResNet(8.0),  # type: ignore[arg-type]
        lambda: models.ResNet(models.resnet.BasicBlock, [1, 1]),
        lambda: models.MLP(4, [3.5], 2),  # type: ignore[list-item]
        lambda: models.Generator(size="8"),  # type: ignore[arg-type]
        lambda: models.UNet(1, 1, 2, 2)(bs.zeros(1, 8, 8)),
        lambda: models.UNet(1, 1, 2, 2)(bs.zeros(1, 1, 8, 6)),
        lambda: models.resnet.BasicBlock(4, 4, groups=2),
        lambda: models.mobilenetv2.InvertedResidual(4, 4, 3, 1),
        lambda: models.resnet18(weights="DEFAULT"),
        lambda: models.vgg11(pretrained=True),
    ],
)
def test_wrong_arguments_are_named(make: Callable[[], Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^\[\w+\] "):
        make()
