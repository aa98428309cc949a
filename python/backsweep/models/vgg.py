"""VGG networks, by torchvision's keys.

Source: K. Simonyan, A. Zisserman (2014), Very Deep Convolutional Networks for Large-Scale Image Recognition,
https://arxiv.org/abs/1409.1556.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backsweep._core import Tensor
from backsweep.models._weights import begin, no_weights
from backsweep.nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)

__all__ = ["VGG", "make_layers", "vgg11", "vgg11_bn", "vgg16", "vgg16_bn", "vgg19"]

# Channels of the convolutions; "M" is a pooling. The letters are those of the source's table 1.
_PLANS: dict[str, list[int | str]] = {
    "A": [64, "M", 128, "M", *[256] * 2, "M", *[512] * 2, "M", *[512] * 2, "M"],
    "D": [*[64] * 2, "M", *[128] * 2, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M"],
    "E": [*[64] * 2, "M", *[128] * 2, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"],
}


class VGG(Module):
    """Convolutions of 3 x 3 pixels with poolings between, and three dense layers.

    Parameters
    ----------
    features : Module
        The convolutions, which give 512 channels.
    num_classes : int, default 1000
    init_weights : bool, default True
        Whether the weights are drawn for ReLU.
    dropout : float, default 0.5
    """

    def __init__(
        self, features: Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = AdaptiveAvgPool2d((7, 7))
        self.classifier = Sequential(
            Linear(512 * 7 * 7, 4096),
            ReLU(True),
            Dropout(dropout),
            Linear(4096, 4096),
            ReLU(True),
            Dropout(dropout),
            Linear(4096, num_classes),
        )
        if init_weights:
            begin(self, 0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Give the scores (N, num_classes) of images (N, 3, H, W), from 32 pixels on a side on."""
        scores: Tensor = self.classifier(self.avgpool(self.features(x)).flatten(1))
        return scores


def make_layers(cfg: Sequence[int | str], batch_norm: bool = False) -> Sequential:
    """Make the convolutions of a plan.

    Parameters
    ----------
    cfg : sequence
        Channels of convolutions, and "M" for poolings.
    batch_norm : bool, default False
        Whether norms follow the convolutions.
    """
    layers: list[Module] = []
    channels = 3
    for step in cfg:
        if isinstance(step, str):
            layers.append(MaxPool2d(2, 2))
            continue
        layers.append(Conv2d(channels, step, 3, padding=1))
        layers += [BatchNorm2d(step), ReLU(True)] if batch_norm else [ReLU(True)]
        channels = step
    return Sequential(*layers)


def _made(name: str, plan: str, batch_norm: bool, weights: Any, arguments: Any) -> VGG:
    no_weights(name, weights, arguments)
    return VGG(make_layers(_PLANS[plan], batch_norm), **arguments)


def vgg11(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """Make a `VGG` of 11 layers; `weights` must be None, and `progress` is of their download."""
    return _made("vgg11", "A", False, weights, kwargs)


def vgg11_bn(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """Make a `VGG` of 11 layers with batch norm; `weights` and `progress` are as of `vgg11`."""
    return _made("vgg11_bn", "A", True, weights, kwargs)


def vgg16(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """Make a `VGG` of 16 layers; `weights` must be None, and `progress` is of their download."""
    return _made("vgg16", "D", False, weights, kwargs)


def vgg16_bn(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """Make a `VGG` of 16 layers with batch norm; `weights` and `progress` are as of `vgg11`."""
    return _made("vgg16_bn", "D", True, weights, kwargs)


def vgg19(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """Make a `VGG` of 19 layers; `weights` must be None, and `progress` is of their download."""
    return _made("vgg19", "E", False, weights, kwargs)
