"""Variable: what tensors were called before PyTorch 0.4."""

from __future__ import annotations

import warnings
from typing import Any

from backsweep import _core
from backsweep._core import Tensor

__all__ = ["Variable"]


class _TensorsAreVariables(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_TensorsAreVariables):
    """Give a tensor of the same value, a leaf; every Tensor is an instance.

    Parameters
    ----------
    data : Tensor
        The value, which is shared.
    requires_grad : bool, default False
        Whether gradients by it are recorded.
    volatile : bool, optional
        Has had no effect since PyTorch 0.4: use ``with bs.no_grad():``.
    """

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: bool | None = None) -> Any:
        """Give the tensor."""
        if volatile:
            warnings.warn(
                "[Variable] volatile was removed and now has no effect. Use `with bs.no_grad():` instead.",
                stacklevel=2,
            )
        if data is None:
            data = _core.zeros(0)
        if not isinstance(data, Tensor):
            raise TypeError(f"[Variable] Variable data has to be a tensor, but got {type(data).__name__}")
        made = data.detach()
        return made.requires_grad_() if requires_grad else made
