"""Automatic casts to 16 bits, which are not made: `autocast` is a block in which nothing is different."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from backsweep._arguments import flag, shown
from backsweep._core import DType
from backsweep._device import device

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

F = TypeVar("F", bound=Callable[..., Any])


def is_autocast_available(device_type: str) -> bool:
    """Say whether `autocast` casts on such a device: never."""
    device(device_type)  # or it raises
    return False


def without_gpu(what: str, stacklevel: int = 3) -> None:
    """Warn that what is asked of a GPU is not done, as PyTorch does where there is none."""
    warnings.warn(
        f"[{what}] CUDA is not available, so nothing is cast or scaled: pass enabled=False, or leave it out",
        UserWarning,
        stacklevel=stacklevel,
    )


class autocast:
    """A block, or a decorator, that in PyTorch runs products in 16 bits. Here it changes nothing.

    Products are computed in float32 and float64 alone, so results inside are those outside: more exact than
    PyTorch's, and of the dtype of the operands.

    Parameters
    ----------
    device_type : str
        "cpu", or the name of another device, of which a warning says that it is not there.
    dtype : DType, optional
        What PyTorch would cast to; without effect.
    enabled : bool, default True
        False takes back the warning.
    cache_enabled : bool, optional
        Without effect.

    Raises
    ------
    RuntimeError
        If there is no such kind of device.
    TypeError
        If an argument has the wrong type.
    """

    def __init__(
        self,
        device_type: str,
        dtype: DType | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        given: Any = device_type
        if not isinstance(given, str):
            raise TypeError(f"[autocast] device_type is {shown(given)}; it must be a str, such as 'cpu'")
        self.device = device(device_type).type
        if dtype is not None and not isinstance(dtype, DType):
            raise TypeError(f"[autocast] dtype is {shown(dtype)}; it must be a dtype, such as bs.bfloat16")
        if flag("autocast", "enabled", enabled) and self.device != "cpu":
            without_gpu("autocast")

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def __call__(self, func: F) -> F:
        """Give func: a function in such a block is the function."""
        return func


def custom_fwd(fwd: Any = None, *, device_type: str = "cpu", cast_inputs: DType | None = None) -> Any:
    """Give the `forward` of a Function as it is: its inputs are not cast by `autocast`.

    Parameters
    ----------
    fwd : callable, optional
        Left out, this gives a decorator.
    device_type, cast_inputs
        PyTorch's; without effect, as outside of `autocast` there.
    """
    return (lambda f: f) if fwd is None else fwd


def custom_bwd(bwd: Any = None, *, device_type: str = "cpu") -> Any:
    """Give the `backward` of a Function as it is: it runs as `forward` does.

    Parameters
    ----------
    bwd : callable, optional
        Left out, this gives a decorator.
    device_type
        PyTorch's; without effect.
    """
    return (lambda f: f) if bwd is None else bwd
