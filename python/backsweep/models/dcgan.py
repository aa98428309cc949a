"""DCGAN: a generator of images and a discriminator that tells them from real ones.

Source: A. Radford, L. Metz, S. Chintala (2015), Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks, https://arxiv.org/abs/1511.06434.
"""

from __future__ import annotations

from backsweep._arguments import whole
from backsweep._core import Tensor
from backsweep.nn import (
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    LeakyReLU,
    Module,
    ReLU,
    Sequential,
    Tanh,
    init,
)

__all__ = ["Discriminator", "Generator"]


def _levels(op: str, size: int) -> int:
    """Give how often 4 x 4 pixels are doubled."""
    levels = whole(op, "size", size).bit_length() - 3
    if size < 8 or size != 4 << levels:
        raise ValueError(f"[{op}] size is {size}; it must be a power of two from 8 on")
    return levels


def _begin(model: Module) -> None:
    """Draw the weights as in the source, section 4: normal with a deviation of 0.02."""
    for module in model.modules():
        if isinstance(module, (Conv2d, ConvTranspose2d)):
            init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, BatchNorm2d) and module.weight is not None and module.bias is not None:
            init.normal_(module.weight, 1.0, 0.02)
            init.zeros_(module.bias)


class Generator(Module):
    """From noise to images between -1 and 1: transposed convolutions with batch norm and ReLU.

    Parameters
    ----------
    latent : int, default 100
        Numbers of noise for one image.
    width : int, default 64
        Channels before the last layer; each layer before has twice as many.
    channels : int, default 3
    size : int, default 64
        Height and width of the images, a power of two from 8 on.

    Raises
    ------
    ValueError
        If `size` is another.
    """

    def __init__(self, latent: int = 100, width: int = 64, channels: int = 3, size: int = 64) -> None:
        super().__init__()
        levels = _levels("Generator", size)
        self.latent = latent
        planes = width << (levels - 1)
        layers: list[Module] = [
            ConvTranspose2d(latent, planes, 4, 1, 0, bias=False),
            BatchNorm2d(planes),
            ReLU(True),
        ]
        for _ in range(levels - 1):
            layers += [
                ConvTranspose2d(planes, planes // 2, 4, 2, 1, bias=False),
                BatchNorm2d(planes // 2),
                ReLU(True),
            ]
            planes //= 2
        layers += [ConvTranspose2d(width, channels, 4, 2, 1, bias=False), Tanh()]
        self.main = Sequential(*layers)
        _begin(self)

    def forward(self, input: Tensor) -> Tensor:
        """Give images (N, channels, size, size) of noise (N, latent) or (N, latent, 1, 1)."""
        images: Tensor = self.main(input.reshape(-1, self.latent, 1, 1))
        return images


class Discriminator(Module):
    """From images to one score each, positive for real ones: strided convolutions with LeakyReLU.

    Parameters
    ----------
    width : int, default 64
        Channels of the first layer; each layer after has twice as many.
    channels : int, default 3
    size : int, default 64
        Height and width of the images, a power of two from 8 on.

    Raises
    ------
    ValueError
        If `size` is another.

    Notes
    -----
    The scores are logits, for `binary_cross_entropy_with_logits`: without the sigmoid of the source.
    """

    def __init__(self, width: int = 64, channels: int = 3, size: int = 64) -> None:
        super().__init__()
        levels = _levels("Discriminator", size)
        layers: list[Module] = [Conv2d(channels, width, 4, 2, 1, bias=False), LeakyReLU(0.2, inplace=True)]
        planes = width
        for _ in range(levels - 1):
            layers += [
                Conv2d(planes, 2 * planes, 4, 2, 1, bias=False),
                BatchNorm2d(2 * planes),
                LeakyReLU(0.2, inplace=True),
            ]
            planes *= 2
        layers.append(Conv2d(planes, 1, 4, 1, 0, bias=False))
        self.main = Sequential(*layers)
        _begin(self)

    def forward(self, input: Tensor) -> Tensor:
        """Give the scores (N,) of images (N, channels, size, size)."""
        scores: Tensor = self.main(input).flatten()
        return scores
