"""What helps around training: data loaders, checkpoints (computing again instead of keeping), TensorBoard."""

from typing import Any

from backsweep.utils import checkpoint

__all__ = ["checkpoint", "data", "tensorboard"]


def __getattr__(name: str) -> Any:
    if name in ("data", "tensorboard"):  # imported when they are asked for
        from importlib import import_module

        return import_module(f"backsweep.utils.{name}")
    raise AttributeError(f"module 'backsweep.utils' has no attribute {name!r}")
