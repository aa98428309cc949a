"""Layers that learn sizes from their first input."""

from __future__ import annotations

from typing import Any, ClassVar

from backsweep._core import GraphError, Tensor
from backsweep.nn.module import Module
from backsweep.nn.parameter import is_lazy

__all__ = ["LazyModuleMixin"]


class LazyModuleMixin(Module):
    """What a layer inherits from, before its own class, whose parameters the first call makes.

    A subclass states `initialize_parameters` and the class that it becomes.
    """

    cls_to_become: ClassVar[type[Any] | None] = None

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Make the parameters, by `materialize`, for the arguments of the first call."""
        raise NotImplementedError(f"[{type(self).__name__}] has no initialize_parameters method")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(map(is_lazy, (*self._parameters.values(), *self._buffers.values())))

    def materialize(self, name: str, shape: tuple[int, ...]) -> None:
        """Put a parameter or buffer of zeros in the place of what stands for it, if that still does."""
        standing: Any = getattr(self, name)
        if is_lazy(standing):
            setattr(self, name, standing.made(shape))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the parameters if there are none, become the layer, and give what it gives."""
        if any(isinstance(x, Tensor) and x.is_symbolic for x in args):
            raise GraphError(
                f"[{type(self).__name__}] its parameters are made by the first call: call the network once "
                "outside of bs.compile"
            )
        self.initialize_parameters(*args, **kwargs)
        if self.has_uninitialized_params():
            raise RuntimeError(
                f"[{type(self).__name__}] initialize_parameters left a parameter without shape"
            )
        if self.cls_to_become is not None:
            self.__class__ = self.cls_to_become
            return self(*args, **kwargs)
        return super().__call__(*args, **kwargs)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *others: Any) -> None:
        for name, standing in (*self._parameters.items(), *self._buffers.items()):
            value = state_dict.get(prefix + name)
            if is_lazy(standing) and value is not None and not is_lazy(value):
                self.materialize(name, tuple(value.shape))
        super()._load_from_state_dict(state_dict, prefix, *others)
