"""What helps around training: data loaders, checkpoints (computing again), TensorBoard, DLPack."""

from typing import Any

from backsweep.utils import checkpoint, dlpack

__all__ = ["checkpoint", "data", "dlpack"]


def __getattr__(name: str) -> Any:
    if name == "data":  # imported when it is asked for; tensorboard, an extra, only by name, as PyTorch's
        from importlib import import_module

        return import_module("backsweep.utils.data")
    raise AttributeError(f"module 'backsweep.utils' has no attribute {name!r}")
