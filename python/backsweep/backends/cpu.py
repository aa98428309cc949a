"""Questions about the processor."""

from __future__ import annotations

from backsweep import _core

__all__ = ["get_cpu_capability"]

_WORDS = {"v4": "AVX512", "v3": "AVX2", "neon": "NEON"}


def get_cpu_capability() -> str:
    """Give PyTorch's word for the instruction set that is used: "AVX512", "AVX2", "NEON" or "DEFAULT".

    `bs.info()` tells more.
    """
    return _WORDS.get(str(_core.info()["isa"]), "DEFAULT")
