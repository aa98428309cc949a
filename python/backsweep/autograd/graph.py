"""The graph of recorded ops: PyTorch's torch.autograd.graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from backsweep._core import GraphError, Node

__all__ = ["Node", "disable_saved_tensors_hooks", "save_on_cpu", "saved_tensors_hooks"]


class saved_tensors_hooks:
    """Refused: values that derivatives read are kept as they are, and never go through Python.

    Raises
    ------
    GraphError
        It names `utils.checkpoint` and the memory budget of `bs.compile`, which keep less.
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        raise GraphError(
            "[saved_tensors_hooks] values that derivatives read do not go through Python: to keep fewer "
            "of them use bs.utils.checkpoint.checkpoint(f, x), or bs.compile(f, recompute=bytes)"
        )


@contextmanager
def save_on_cpu(pin_memory: bool = False, device_type: str = "cuda") -> Iterator[None]:
    """Do nothing: all values are on the CPU."""
    yield


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Do nothing: there are no such hooks."""
    yield
