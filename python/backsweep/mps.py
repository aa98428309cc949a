"""What programs ask of `torch.mps`: Apple's GPUs are not used."""

from __future__ import annotations

__all__ = ["device_count", "empty_cache", "is_available", "manual_seed"]


def is_available() -> bool:
    """Give False."""
    return False


def device_count() -> int:
    """Give 0: there is no GPU."""
    return 0


def manual_seed(seed: int) -> None:
    """Set the seed of the GPU, which is not there: nothing happens. `bs.manual_seed` sets that of the CPU."""


def empty_cache() -> None:
    """Free memory of the GPU: nothing happens."""
