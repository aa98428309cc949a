"""MobileNetV2: depthwise convolutions between narrow layers, by torchvision's keys.

Source: M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen (2018), MobileNetV2: Inverted Residuals and
Linear Bottlenecks, https://arxiv.org/abs/1801.04381.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from backsweep._core import Tensor
from backsweep.models._weights import begin, no_weights
from backsweep.nn import BatchNorm2d, Conv2d, Dropout, Linear, Module, ReLU6, Sequential
from backsweep.nn.functional import adaptive_avg_pool2d

__all__ = ["InvertedResidual", "MobileNetV2", "mobilenet_v2"]

Norm = Callable[[int], Module]

# Expansion, channels, blocks, stride: table 2 of the source.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _rounded(value: float, by: int) -> int:
    """Give the nearest multiple that is not more than a tenth below."""
    made = max(by, int(value + by / 2) // by * by)
    return made + by if made < 0.9 * value else made


def _conv_norm(
    inputs: int, outputs: int, norm: Norm, kernel: int = 3, stride: int = 1, groups: int = 1
) -> Sequential:
    conv = Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
    return Sequential(conv, norm(outputs), ReLU6(inplace=True))


class InvertedResidual(Module):
    """A 1 x 1 convolution to more channels, a depthwise 3 x 3 one, and a 1 x 1 one to few.

    Parameters
    ----------
    inp, oup : int
        Channels that come in and go out. Where they are equal and the stride is 1 what came in is added.
    stride : int
        1 or 2.
    expand_ratio : int
        How many times as many channels the middle has.
    norm_layer : callable, optional
        From the number of channels to a layer; `BatchNorm2d` by default.

    Raises
    ------
    ValueError
        If the stride is another.
    """

    def __init__(
        self, inp: int, oup: int, stride: int, expand_ratio: int, norm_layer: Norm | None = None
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"[InvertedResidual] stride is {stride}; it must be 1 or 2")
        norm, middle = norm_layer or BatchNorm2d, round(inp * expand_ratio)
        self.stride, self.out_channels = stride, oup
        self.use_res_connect = stride == 1 and inp == oup
        layers: list[Module] = [] if expand_ratio == 1 else [_conv_norm(inp, middle, norm, kernel=1)]
        layers += [
            _conv_norm(middle, middle, norm, stride=stride, groups=middle),
            Conv2d(middle, oup, 1, bias=False),
            norm(oup),
        ]
        self.conv = Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Give the block's output."""
        out: Tensor = self.conv(x)
        return x + out if self.use_res_connect else out


class MobileNetV2(Module):
    """A network of blocks as `InvertedResidual`, with torchvision's arguments and keys.

    Parameters
    ----------
    num_classes : int, default 1000
    width_mult : float, default 1
        A factor of all numbers of channels.
    inverted_residual_setting : sequence of (expansion, channels, blocks, stride), optional
        The stages; by default those of the source.
    round_nearest : int, default 8
        Of which numbers of channels are multiples.
    block : callable, optional
        What makes a block of the arguments of `InvertedResidual`, which is taken by default.
    norm_layer : callable, optional
        From the number of channels to a layer; `BatchNorm2d` by default.
    dropout : float, default 0.2
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Callable[..., Module] | None = None,
        norm_layer: Norm | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        norm, made = norm_layer or BatchNorm2d, block or InvertedResidual
        channels = _rounded(32 * width_mult, round_nearest)
        self.last_channel = _rounded(1280 * max(1.0, width_mult), round_nearest)
        features: list[Module] = [_conv_norm(3, channels, norm, stride=2)]
        for expansion, base, blocks, stride in inverted_residual_setting or _STAGES:
            outputs = _rounded(base * width_mult, round_nearest)
            for i in range(blocks):
                features.append(made(channels, outputs, stride if i == 0 else 1, expansion, norm))
                channels = outputs
        features.append(_conv_norm(channels, self.last_channel, norm, kernel=1))
        self.features = Sequential(*features)
        self.classifier = Sequential(Dropout(dropout), Linear(self.last_channel, num_classes))
        begin(self, 0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Give the scores (N, num_classes) of images (N, 3, H, W)."""
        scores: Tensor = self.classifier(adaptive_avg_pool2d(self.features(x), (1, 1)).flatten(1))
        return scores


def mobilenet_v2(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> MobileNetV2:
    """Make a `MobileNetV2`; `weights` must be None, and `progress` is of their download."""
    no_weights("mobilenet_v2", weights, kwargs)
    return MobileNetV2(**kwargs)
