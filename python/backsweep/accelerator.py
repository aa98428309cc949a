"""What programs ask of `torch.accelerator`: there is none beside the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

__all__ = [
    "current_accelerator",
    "current_device_index",
    "device_count",
    "device_index",
    "is_available",
    "set_device_index",
    "synchronize",
]


def is_available() -> bool:
    """Give False."""
    return False


def device_count() -> int:
    """Give 0: there is no accelerator."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """Give None."""
    return


def _none(word: str) -> NoReturn:
    raise RuntimeError(f"[{word}] there is no accelerator: ask accelerator.is_available() before")


def current_device_index() -> int:
    """Raise RuntimeError, as PyTorch does where there is no accelerator."""
    _none("current_device_index")


def set_device_index(device: object) -> None:
    """Raise RuntimeError, as PyTorch does where there is no accelerator."""
    _none("set_device_index")


@contextmanager
def device_index(device: int | None) -> Iterator[None]:
    """Do nothing for None; raise RuntimeError for a device, as PyTorch does where there is no accelerator."""
    if device is not None:
        _none("device_index")
    yield


def synchronize(device: object = None) -> None:
    """Raise RuntimeError, as PyTorch does where there is no accelerator."""
    _none("synchronize")
