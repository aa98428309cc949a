"""What programs ask of `torch.accelerator`: there is none beside the CPU."""

from __future__ import annotations

__all__ = ["current_accelerator", "device_count", "is_available"]


def is_available() -> bool:
    """Give False."""
    return False


def device_count() -> int:
    """Give 0: there is no accelerator."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """Give None."""
    return
