"""Parameters, buffers, and what stands for those whose shape is not known yet."""

from __future__ import annotations

from typing import Any, ClassVar

from backsweep import _core
from backsweep._core import Buffer, DType, Parameter
from backsweep._device import DeviceLike, check_device

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


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
    _kind: ClassVar[str] = "parameter"

    def __init__(
        self, requires_grad: bool = True, device: DeviceLike = None, dtype: DType | None = None
    ) -> None:
        check_device("UninitializedParameter", device)
        self.requires_grad = requires_grad
        self.dtype = _core.get_default_dtype() if dtype is None else dtype

    def made(self, shape: tuple[int, ...]) -> Parameter | Buffer:
        """Give the parameter, of zeros."""
        return Parameter(_core.zeros(shape, dtype=self.dtype), requires_grad=self.requires_grad)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copy and pickle look for
            raise AttributeError(name)
        raise AttributeError(
            f"[{type(self).__name__}] a {self._kind} without a shape has no {name!r}: call the network once "
            "first, so that its lazy layers see their input"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedBuffer(UninitializedParameter):
    """Stands for a buffer whose shape the first call of its module will tell.

    Parameters
    ----------
    requires_grad : bool, default False
    device : device, optional
        The CPU.
    dtype : DType, optional
        The default dtype if left out.
    """

    _kind = "buffer"

    def __init__(
        self, requires_grad: bool = False, device: DeviceLike = None, dtype: DType | None = None
    ) -> None:
        super().__init__(requires_grad, device, dtype)

    def made(self, shape: tuple[int, ...]) -> Buffer:
        """Give the buffer, of zeros."""
        return Buffer(_core.zeros(shape, dtype=self.dtype))


def is_lazy(param: Any) -> bool:
    """Whether it stands for a parameter or buffer whose shape is not known yet."""
    return isinstance(param, UninitializedParameter)
