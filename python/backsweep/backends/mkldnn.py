"""Questions about oneDNN, which is not used."""

from __future__ import annotations

__all__ = ["is_available"]


def is_available() -> bool:
    """Give False."""
    return False
