"""U-Net: down to few pixels and up again, with what was there on each level put beside.

Source: O. Ronneberger, P. Fischer, T. Brox (2015), U-Net: Convolutional Networks for Biomedical Image
Segmentation, https://arxiv.org/abs/1505.04597.
"""

from __future__ import annotations

from backsweep import _core
from backsweep._core import ShapeError, Tensor
from backsweep.nn import (
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    MaxPool2d,
    Module,
    ModuleList,
    ReLU,
    Sequential,
)

__all__ = ["UNet"]


class UNet(Module):
    """A network from images to images of the same size, as for segmentation or noise.

    Each level down is a 2 x 2 max pooling and two 3 x 3 convolutions with batch norm and ReLU, each level up
    a transposed 2 x 2 convolution, to which the output of the same level is joined, and two such
    convolutions. Unlike in the source, borders are padded.

    Parameters
    ----------
    in_channels : int, default 3
    out_channels : int, default 1
        The number of classes.
    width : int, default 64
        Channels of the first level; each level down has twice as many.
    depth : int, default 4
        How often the image is halved.

    Raises
    ------
    ShapeError
        When called, if images have another number of axes, or height or width is no multiple of 2^depth.
    """

    def __init__(self, in_channels: int = 3, out_channels: int = 1, width: int = 64, depth: int = 4) -> None:
        super().__init__()
        sizes = [width << level for level in range(depth + 1)]
        self.pool = MaxPool2d(2)
        self.down = ModuleList([_two(a, b) for a, b in zip([in_channels, *sizes], sizes, strict=False)])
        self.up = ModuleList([ConvTranspose2d(2 * size, size, 2, 2) for size in reversed(sizes[:-1])])
        self.join = ModuleList([_two(2 * size, size) for size in reversed(sizes[:-1])])
        self.head = Conv2d(width, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Give scores (N, out_channels, H, W) of images (N, in_channels, H, W)."""
        step = 2 ** len(self.up)
        if x.ndim != 4:
            raise ShapeError(f"[UNet] images are {x.shape}; they must be (N, channels, H, W)")
        if x.shape[2] % step or x.shape[3] % step:
            raise ShapeError(
                f"[UNet] images are {x.shape[2:]}: each side must be a multiple of {step}, as they are "
                f"halved {len(self.up)} times; pad them"
            )
        levels = []
        for i, block in enumerate(self.down):
            x = block(x if i == 0 else self.pool(x))
            levels.append(x)
        for up, join, beside in zip(self.up, self.join, reversed(levels[:-1]), strict=True):
            x = join(_core.cat([beside, up(x)], 1))
        scores: Tensor = self.head(x)
        return scores


def _two(inputs: int, outputs: int) -> Sequential:
    layers: list[Module] = []
    for channels in (inputs, outputs):
        convolution = Conv2d(channels, outputs, 3, padding=1, bias=False)
        layers += [convolution, BatchNorm2d(outputs), ReLU(inplace=True)]
    return Sequential(*layers)
