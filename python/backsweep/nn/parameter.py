"""Parameters, buffers, and what stands for a parameter whose shape is not known yet."""

from __future__ import annotations

from typing import Any

from backsweep import _core
from backsweep._core import Buffer, DType, Parameter
from backsweep._device import DeviceLike, check_device

__all__ = ["Buffer", "Parameter", "UninitializedParameter", "is_lazy"]


class UninitializedParameter:
    """Stands for a parameter whose shape the first call of its module will tell.

    It has a dtype and `requires_grad`, which the parameter takes over. All else is refused, by optimizers
    too: call the network once before they are made.

    Parameters
    ----------
    requires_grad : bool, default True
    device : device, optional
        The CPU.
    dtype : DType, optional
        The default dtype if left out.
    """

    grad: None = None

    def __init__(
        self, requires_grad: bool = True, device: DeviceLike = None, dtype: DType | None = None
    ) -> None:
        check_device("UninitializedParameter", device)
        self.requires_grad = requires_grad
        self.dtype = _core.get_default_dtype() if dtype is None else dtype

    def made(self, shape: tuple[int, ...]) -> Parameter:
        """Give the parameter, of zeros."""
        return Parameter(_core.zeros(shape, dtype=self.dtype), requires_grad=self.requires_grad)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copy and pickle look for
            raise AttributeError(name)
        raise AttributeError(
            f"[UninitializedParameter] a parameter without a shape has no {name!r}: call the network once "
            "first, so that its lazy layers see their input"
        )

    def __repr__(self) -> str:
        return "<UninitializedParameter>"


def is_lazy(param: Any) -> bool:
    """Whether it stands for a parameter whose shape is not known yet."""
    return isinstance(param, UninitializedParameter)
