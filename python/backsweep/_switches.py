"""PyTorch's switches of the whole process that are taken and change nothing, as results always are so."""

from __future__ import annotations

from typing import Literal

from backsweep._arguments import flag, one_of, whole

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "is_deterministic_algorithms_warn_only_enabled",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "use_deterministic_algorithms",
]

_deterministic, _warn_only = False, False
_precision = "highest"
_interop = 1


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for results that can be repeated, which they always are: the same bits on any number of threads.

    Parameters
    ----------
    mode : bool
        What `are_deterministic_algorithms_enabled` gives from now on.
    warn_only : bool, default False
        As `is_deterministic_algorithms_warn_only_enabled` gives it.
    """
    global _deterministic, _warn_only
    op = "use_deterministic_algorithms"
    _deterministic, _warn_only = flag(op, "mode", mode), flag(op, "warn_only", warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """Say what `use_deterministic_algorithms` was told last."""
    return _deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Say whether `use_deterministic_algorithms` was told to warn only."""
    return _warn_only


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Take 0, 1 or 2, or "default", "warn" or "error": `use_deterministic_algorithms` in other words.

    Raises
    ------
    RuntimeError
        If it is another word or number.
    """
    words = ("default", "warn", "error")
    given: object = debug_mode
    if isinstance(given, str):
        level = words.index(one_of("set_deterministic_debug_mode", "debug_mode", given, words))
    elif given in (0, 1, 2):
        level = whole("set_deterministic_debug_mode", "debug_mode", debug_mode, 0)  # type: ignore[arg-type]
    else:
        raise RuntimeError(f"[set_deterministic_debug_mode] debug_mode is {given!r}; it must be 0, 1 or 2")
    use_deterministic_algorithms(level > 0, warn_only=level == 1)


def get_deterministic_debug_mode() -> int:
    """Give 0, 1 or 2, as `set_deterministic_debug_mode` takes it."""
    return (1 if _warn_only else 2) if _deterministic else 0


def set_float32_matmul_precision(precision: Literal["highest", "high", "medium"]) -> None:
    """Say how exact products of float32 must be: they are computed in float32, whatever is said."""
    global _precision
    words: tuple[Literal["highest", "high", "medium"], ...] = ("highest", "high", "medium")
    _precision = one_of("set_float32_matmul_precision", "precision", precision, words)


def get_float32_matmul_precision() -> str:
    """Give what `set_float32_matmul_precision` was told last."""
    return _precision


def set_num_interop_threads(num_threads: int) -> None:
    """Say how many calls may run beside each other: each thread of Python runs its own."""
    global _interop
    _interop = whole("set_num_interop_threads", "num_threads", num_threads)


def get_num_interop_threads() -> int:
    """Give what `set_num_interop_threads` was told last."""
    return _interop


def set_flush_denormal(mode: bool) -> bool:
    """Give False: numbers near 0 are never rounded to it."""
    flag("set_flush_denormal", "mode", mode)
    return False


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Give False: see `bs.amp.autocast`."""
    return False


def is_autocast_cpu_enabled() -> bool:
    """Give False: see `bs.amp.autocast`."""
    return False
