"""What other programs read and write."""

from backsweep.interop import einops
from backsweep.interop.safetensors import load, read_metadata, save

__all__ = ["einops", "load", "read_metadata", "save"]
