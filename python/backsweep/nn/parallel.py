"""Replicas of a module on several devices, of which there is one: the module itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from backsweep._arguments import shown
from backsweep.nn.module import Module

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel"]


class DataParallel(Module):
    """A module that calls another one, as PyTorch's does where there is no GPU.

    One call uses all cores, so there is nothing to divide. Keys of `state_dict` begin with "module.", as
    those of files that were written with it.

    Parameters
    ----------
    module : Module
    device_ids, output_device, dim
        Without effect.

    Attributes
    ----------
    module : Module
        The module that is called.

    Raises
    ------
    TypeError
        If module is no Module.
    """

    module: Module

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        given: Any = module
        if not isinstance(given, Module):
            raise TypeError(f"[DataParallel] module is {shown(given)}; it must be a Module")
        self.module = module
        self.device_ids: list[Any] = []  # that are used
        self.dim = dim

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """Give what the module gives."""
        return self.module(*inputs, **kwargs)


class DistributedDataParallel(Module):
    """PyTorch's module for several processes: no object can be made, and none is an instance.

    Raises
    ------
    RuntimeError
        Always: there is one process.
    """

    def __init__(self, module: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            "[DistributedDataParallel] there is one process: use the module itself, whose steps use all "
            "cores, or nn.DataParallel(module), whose keys begin with 'module.' as well"
        )


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence[Any] | None = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """Give ``module(*inputs, **module_kwargs)``.

    Parameters
    ----------
    module : Module
    inputs : tuple, or one argument
    device_ids, output_device, dim
        Without effect.
    module_kwargs : dict, optional
    """
    return module(*(inputs if isinstance(inputs, tuple) else (inputs,)), **(module_kwargs or {}))
