"""Tensors for other libraries, and theirs: PyTorch's torch.utils.dlpack."""

from __future__ import annotations

from typing import Any

from backsweep._core import Tensor, from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """Give a DLPack capsule, which one reader takes. Without a version, so its elements are a copy."""
    return tensor.__dlpack__()
