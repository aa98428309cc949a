"""PyTorch's path to what modules share; the layers themselves are in `backsweep.nn`."""

from backsweep.nn.modules import batchnorm, conv, module, utils

__all__ = ["batchnorm", "conv", "module", "utils"]
