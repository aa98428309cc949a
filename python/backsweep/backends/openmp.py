"""Questions about OpenMP, whose threads are used."""

from __future__ import annotations

__all__ = ["is_available"]


def is_available() -> bool:
    """Give True."""
    return True
