"""Residual networks: those of ImageNet by torchvision's keys, and the small ones of CIFAR.

Source: K. He, X. Zhang, S. Ren, J. Sun (2015), Deep Residual Learning for Image Recognition,
https://arxiv.org/abs/1512.03385.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from backsweep._arguments import whole
from backsweep._core import Tensor
from backsweep.models._weights import begin, no_weights
from backsweep.nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    init,
)

__all__ = [
    "BasicBlock",
    "Bottleneck",
    "ResNet",
    "SmallResNet",
    "resnet8",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet44",
    "resnet50",
    "resnet56",
]

Norm = Callable[[int], Module]


def _conv3x3(inputs: int, outputs: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> Conv2d:
    return Conv2d(inputs, outputs, 3, stride, dilation, dilation, groups, bias=False)


class BasicBlock(Module):
    """Two 3 x 3 convolutions, and what came in added to what comes out.

    Parameters
    ----------
    inplanes, planes : int
        Channels that come in and go out.
    stride : int, default 1
    downsample : Module, optional
        What brings the sum's other side to the same shape.
    groups, base_width, dilation : int
        Words of torchvision, which `Bottleneck` takes: 1, 64 and 1 here.
    norm_layer : callable, optional
        From the number of channels to a layer; `BatchNorm2d` by default.

    Raises
    ------
    ValueError
        If `groups`, `base_width` or `dilation` is another number.
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        if (groups, base_width, dilation) != (1, 64, 1):
            raise ValueError("[BasicBlock] groups, base_width and dilation are 1, 64 and 1: use Bottleneck")
        norm = norm_layer or BatchNorm2d
        self.conv1 = _conv3x3(inplanes, planes, stride)
        self.bn1 = norm(planes)
        self.relu = ReLU(inplace=True)
        self.conv2 = _conv3x3(planes, planes)
        self.bn2 = norm(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Give the block's output."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        added: Tensor = self.relu(out + (x if self.downsample is None else self.downsample(x)))
        return added


class Bottleneck(Module):
    """A 1 x 1, a 3 x 3 and a 1 x 1 convolution, and what came in added to what comes out.

    Parameters are those of `BasicBlock`; the output has 4 · planes channels, the middle
    planes · base_width / 64 · groups.
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or BatchNorm2d
        width = int(planes * (base_width / 64)) * groups
        self.conv1 = Conv2d(inplanes, width, 1, bias=False)
        self.bn1 = norm(width)
        self.conv2 = _conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm(width)
        self.conv3 = Conv2d(width, planes * self.expansion, 1, bias=False)
        self.bn3 = norm(planes * self.expansion)
        self.relu = ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Give the block's output."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        added: Tensor = self.relu(out + (x if self.downsample is None else self.downsample(x)))
        return added


class ResNet(Module):
    """A residual network for images of about 224 x 224 pixels, with torchvision's arguments and keys.

    Parameters
    ----------
    block : BasicBlock or Bottleneck
        The class of the blocks.
    layers : sequence of int
        How many blocks each of the four stages has.
    num_classes : int, default 1000
    zero_init_residual : bool, default False
        Whether the last norm of each block begins at 0, so that blocks begin as the identity.
    groups, width_per_group : int
        Of the 3 x 3 convolutions of bottlenecks.
    replace_stride_with_dilation : sequence of bool, optional
        Of the last three stages, whether they dilate instead of halving the image.
    norm_layer : callable, optional
        From the number of channels to a layer; `BatchNorm2d` by default.

    Raises
    ------
    ValueError
        If `layers` does not have four numbers, or `replace_stride_with_dilation` three.
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        if len(layers) != 4:
            raise ValueError(f"[ResNet] layers has {len(layers)} numbers; there are four stages")
        dilate = replace_stride_with_dilation or (False, False, False)
        if len(dilate) != 3:
            raise ValueError(f"[ResNet] replace_stride_with_dilation has {len(dilate)} elements, not 3")
        self._norm_layer = norm_layer or BatchNorm2d
        self.inplanes, self.dilation = 64, 1
        self.groups, self.base_width = groups, width_per_group
        self.conv1 = Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = self._norm_layer(64)
        self.relu = ReLU(inplace=True)
        self.maxpool = MaxPool2d(3, 2, 1)
        self.layer1 = self._stage(block, 64, layers[0])
        self.layer2 = self._stage(block, 128, layers[1], 2, dilate[0])
        self.layer3 = self._stage(block, 256, layers[2], 2, dilate[1])
        self.layer4 = self._stage(block, 512, layers[3], 2, dilate[2])
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.fc = Linear(512 * block.expansion, num_classes)
        begin(self)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, (BasicBlock, Bottleneck)):
                    last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    init.zeros_(last.weight)

    def _stage(
        self,
        block: type[BasicBlock | Bottleneck],
        planes: int,
        blocks: int,
        stride: int = 1,
        dilate: bool = False,
    ) -> Sequential:
        before = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        outputs = planes * block.expansion
        downsample = None
        if stride != 1 or self.inplanes != outputs:
            downsample = Sequential(
                Conv2d(self.inplanes, outputs, 1, stride, bias=False), self._norm_layer(outputs)
            )
        shared = (self.groups, self.base_width)
        made: list[Module] = [
            block(self.inplanes, planes, stride, downsample, *shared, before, self._norm_layer)
        ]
        self.inplanes = outputs
        later = (1, None, *shared, self.dilation, self._norm_layer)
        made += [block(outputs, planes, *later) for _ in range(1, blocks)]
        return Sequential(*made)

    def forward(self, x: Tensor) -> Tensor:
        """Give the scores (N, num_classes) of images (N, 3, H, W)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        scores: Tensor = self.fc(self.avgpool(x).flatten(1))
        return scores


def _made(name: str, block: type[Any], layers: Sequence[int], weights: Any, arguments: Any) -> ResNet:
    no_weights(name, weights, arguments)
    return ResNet(block, layers, **arguments)


def resnet18(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """Make a `ResNet` of 18 layers; `weights` must be None, and `progress` is of their download."""
    return _made("resnet18", BasicBlock, [2, 2, 2, 2], weights, kwargs)


def resnet34(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """Make a `ResNet` of 34 layers; `weights` must be None, and `progress` is of their download."""
    return _made("resnet34", BasicBlock, [3, 4, 6, 3], weights, kwargs)


def resnet50(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """Make a `ResNet` of 50 layers; `weights` must be None, and `progress` is of their download."""
    return _made("resnet50", Bottleneck, [3, 4, 6, 3], weights, kwargs)


# ---- Small images --------------------------------------------------------------------------------------


class SmallResNet(Module):
    """A residual network of 6n + 2 layers for small images: section 4.2 of the source.

    A 3 x 3 convolution, three stages of n blocks with 16, 32 and 64 channels (times `width` / 16), of which
    the second and third halve the image, the mean over the image, and the scores. Where shapes change the
    shortcut is a 1 x 1 convolution with its norm.

    Parameters
    ----------
    depth : int
        6n + 2.
    num_classes : int, default 10
    in_channels : int, default 3
    width : int, default 16
        Channels of the first stage.

    Raises
    ------
    ValueError
        If `depth` is not 6n + 2.
    """

    def __init__(self, depth: int, num_classes: int = 10, in_channels: int = 3, width: int = 16) -> None:
        super().__init__()
        blocks, rest = divmod(whole("SmallResNet", "depth", depth) - 2, 6)
        if rest or blocks < 1:
            raise ValueError(f"[SmallResNet] depth is {depth}; it must be 6n + 2: 8, 14, 20, 26, 32, ...")
        self.conv1 = _conv3x3(in_channels, width)
        self.bn1 = BatchNorm2d(width)
        self.relu = ReLU(inplace=True)
        self.layer1 = _small_stage(width, width, blocks, 1)
        self.layer2 = _small_stage(width, 2 * width, blocks, 2)
        self.layer3 = _small_stage(2 * width, 4 * width, blocks, 2)
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.fc = Linear(4 * width, num_classes)
        begin(self)

    def forward(self, x: Tensor) -> Tensor:
        """Give the scores (N, num_classes) of images (N, in_channels, H, W)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        scores: Tensor = self.fc(self.avgpool(x).flatten(1))
        return scores


def _small_stage(inputs: int, outputs: int, blocks: int, stride: int) -> Sequential:
    shortcut = None
    if stride != 1 or inputs != outputs:
        shortcut = Sequential(Conv2d(inputs, outputs, 1, stride, bias=False), BatchNorm2d(outputs))
    rest = [BasicBlock(outputs, outputs) for _ in range(1, blocks)]
    return Sequential(BasicBlock(inputs, outputs, stride, shortcut), *rest)


def resnet8(num_classes: int = 10, in_channels: int = 3, width: int = 16) -> SmallResNet:
    """Make a `SmallResNet` of 8 layers."""
    return SmallResNet(8, num_classes, in_channels, width)


def resnet20(num_classes: int = 10, in_channels: int = 3, width: int = 16) -> SmallResNet:
    """Make a `SmallResNet` of 20 layers."""
    return SmallResNet(20, num_classes, in_channels, width)


def resnet32(num_classes: int = 10, in_channels: int = 3, width: int = 16) -> SmallResNet:
    """Make a `SmallResNet` of 32 layers."""
    return SmallResNet(32, num_classes, in_channels, width)


def resnet44(num_classes: int = 10, in_channels: int = 3, width: int = 16) -> SmallResNet:
    """Make a `SmallResNet` of 44 layers."""
    return SmallResNet(44, num_classes, in_channels, width)


def resnet56(num_classes: int = 10, in_channels: int = 3, width: int = 16) -> SmallResNet:
    """Make a `SmallResNet` of 56 layers."""
    return SmallResNet(56, num_classes, in_channels, width)
