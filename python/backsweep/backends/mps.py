"""Questions about Apple's GPUs, which are not used."""

from __future__ import annotations

__all__ = ["is_available", "is_built"]


def is_available() -> bool:
    """Give False."""
    return False


def is_built() -> bool:
    """Give False."""
    return False
