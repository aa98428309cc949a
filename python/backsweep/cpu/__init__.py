"""What programs ask of `torch.cpu`."""

from __future__ import annotations

from typing import Any

from backsweep.cpu import amp

__all__ = ["amp", "current_device", "device_count", "is_available", "synchronize"]


def is_available() -> bool:
    """Give True."""
    return True


def device_count() -> int:
    """Give 1: all processors are one device."""
    return 1


def current_device() -> str:
    """Give "cpu"."""
    return "cpu"


def synchronize(device: Any = None) -> None:
    """Wait for what has been begun: every call ends before it returns."""
