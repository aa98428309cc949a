"""Ready networks: dense ones, and those that make images."""

from backsweep.models.dcgan import Discriminator, Generator
from backsweep.models.mlp import MLP
from backsweep.models.vae import ConvVAE

__all__ = ["MLP", "ConvVAE", "Discriminator", "Generator"]
