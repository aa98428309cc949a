"""Switches of cuDNN, which is not there: programs may set them. Results can always be repeated."""

from __future__ import annotations

__all__ = ["allow_tf32", "benchmark", "deterministic", "enabled", "is_available", "version"]

enabled = True
benchmark = False
deterministic = True
allow_tf32 = False


def is_available() -> bool:
    """Give False."""
    return False


def version() -> None:
    """Give None."""
    return
