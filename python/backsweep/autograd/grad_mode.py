"""Whether operations are recorded for derivatives."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from backsweep import _core
from backsweep._core import enable_grad, no_grad

__all__ = ["enable_grad", "inference_mode", "is_inference_mode_enabled", "no_grad", "set_grad_enabled"]


class set_grad_enabled:
    """Record operations, or not, from here on; as a context manager or decorator, inside.

    Parameters
    ----------
    mode : bool
        Whether they are recorded.
    """

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self.prev = _core.is_grad_enabled()
        _core.set_recording(self.mode)

    def __call__(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function."""
        _core.set_recording(self.prev)
        decorated: Callable[..., Any] = _core.decorate(self.clone, fn)
        return decorated

    def __enter__(self) -> None:
        _core.set_recording(self.mode)

    def __exit__(self, *_: object) -> None:
        _core.set_recording(self.prev)

    def clone(self) -> set_grad_enabled:
        """Give another of the same mode."""
        return type(self)(self.mode)


class _Inference(threading.local):
    on = False


_inference = _Inference()


class inference_mode:
    """Do not record operations inside, as `no_grad`; with ``mode=False`` record them.

    Tensors made inside are tensors like others: values never change here, so nothing is saved by marking
    them.
    Context manager and decorator.

    Parameters
    ----------
    mode : bool, default True
        Whether the mode is on.
    """

    def __new__(cls, mode: Any = True) -> Any:
        """Give the mode, or decorate a function that stands in its place."""
        if isinstance(mode, bool):
            return super().__new__(cls)
        return cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self._before: list[tuple[bool, bool]] = []

    def __call__(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function."""
        decorated: Callable[..., Any] = _core.decorate(self.clone, fn)
        return decorated

    def __enter__(self) -> None:
        self._before.append((_core.is_grad_enabled(), _inference.on))
        _core.set_recording(not self.mode)
        _inference.on = self.mode

    def __exit__(self, *_: object) -> None:
        recording, _inference.on = self._before.pop()
        _core.set_recording(recording)

    def clone(self) -> inference_mode:
        """Give another of the same mode."""
        return type(self)(self.mode)


def is_inference_mode_enabled() -> bool:
    """Say whether `inference_mode` is on, on this thread."""
    return _inference.on
