"""PyTorch's path to what every module shares; the layers themselves are in `backsweep.nn`."""

from backsweep.nn.modules import module

__all__ = ["module"]
