"""Switches of cuDNN, which is not there: programs may set them. Results can always be repeated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["allow_tf32", "benchmark", "deterministic", "enabled", "flags", "is_available", "version"]

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


@contextmanager
def flags(*args: Any, **kwargs: Any) -> Iterator[None]:
    """Set switches for a block: nothing happens."""
    yield
