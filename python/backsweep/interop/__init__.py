"""What other programs read and write."""

from backsweep.interop.safetensors import load, read_metadata, save

__all__ = ["load", "read_metadata", "save"]
