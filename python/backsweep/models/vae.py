"""A convolutional variational autoencoder.

Source: D. P. Kingma, M. Welling (2013), Auto-Encoding Variational Bayes, https://arxiv.org/abs/1312.6114.
"""

from __future__ import annotations

from typing import Any

from backsweep._core import ShapeError, Tensor
from backsweep._draws import randn, randn_like
from backsweep.nn import Conv2d, ConvTranspose2d, Flatten, Linear, Module, ReLU, Sequential, Unflatten
from backsweep.nn.functional import binary_cross_entropy_with_logits

__all__ = ["ConvVAE"]


class ConvVAE(Module):
    """From images through a few numbers, drawn from a normal distribution, and back.

    Two strided convolutions and two linear layers give the mean m and the logarithm v of the variance of the
    latent numbers z = m + exp(v / 2) ε; a linear layer and two transposed convolutions give the logits of
    the pixels.

    Parameters
    ----------
    latent : int, default 16
        How many numbers.
    width : int, default 32
        Channels of the first convolution; the second has twice as many.
    channels : int, default 1
    size : int, default 28
        Height and width of the images, a multiple of 4.

    Raises
    ------
    ShapeError
        If `size` is no multiple of 4.

    Examples
    --------
    >>> vae = ConvVAE(latent=8, size=8)
    >>> logits, mean, log_variance = vae(images)
    >>> vae.loss(images).backward()
    """

    def __init__(self, latent: int = 16, width: int = 32, channels: int = 1, size: int = 28) -> None:
        super().__init__()
        if size < 4 or size % 4:
            raise ShapeError(f"[ConvVAE] size is {size}; it must be a multiple of 4")
        self.latent, small = latent, size // 4
        inner = 2 * width * small * small
        self.encoder = Sequential(
            Conv2d(channels, width, 3, 2, 1), ReLU(), Conv2d(width, 2 * width, 3, 2, 1), ReLU(), Flatten()
        )
        self.mean = Linear(inner, latent)
        self.log_variance = Linear(inner, latent)
        self.decoder = Sequential(
            Linear(latent, inner),
            ReLU(),
            Unflatten(1, (2 * width, small, small)),
            ConvTranspose2d(2 * width, width, 4, 2, 1),
            ReLU(),
            ConvTranspose2d(width, channels, 4, 2, 1),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give the logits of the pixels of images (N, C, H, W), the mean, the logarithm of the variance.

        The logits are of numbers that are drawn, and after `eval` of the mean.
        """
        mean, log_variance = self.encode(x)
        return self.decoder(_drawn(mean, log_variance) if self.training else mean), mean, log_variance

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give the mean and the logarithm of the variance, (N, latent) both, of images (N, C, H, W)."""
        inner = self.encoder(x)
        return self.mean(inner), self.log_variance(inner)

    def loss(self, x: Tensor) -> Tensor:
        """Give the negative evidence lower bound of images between 0 and 1, the mean over them.

        The cross-entropy of the pixels plus the divergence from the standard normal distribution,
        -½ Σ (1 + v - m² - eᵛ). The numbers are drawn after `eval`, too: else it would be no bound.
        """
        mean, log_variance = self.encode(x)
        logits = self.decoder(_drawn(mean, log_variance))
        pixels = binary_cross_entropy_with_logits(logits, x, reduction="sum")
        divergence = (1 + log_variance - mean.square() - log_variance.exp()).sum() / -2
        total: Tensor = (pixels + divergence) / x.shape[0]
        return total

    def decode(self, z: Tensor) -> Tensor:
        """Give images between 0 and 1 of latent numbers (N, latent)."""
        images: Tensor = self.decoder(z).sigmoid()
        return images

    def sample(self, n: int, generator: Any = None) -> Tensor:
        """Give `n` new images, of numbers that `generator` draws."""
        return self.decode(randn(n, self.latent, generator=generator))


def _drawn(mean: Tensor, log_variance: Tensor) -> Tensor:
    return mean + (log_variance / 2).exp() * randn_like(mean)
