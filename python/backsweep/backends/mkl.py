"""Questions about Intel's MKL, which is not used: products are backsweep's own."""

from __future__ import annotations

__all__ = ["is_available"]


def is_available() -> bool:
    """Give False."""
    return False
