"""Modules that hold modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from backsweep._arguments import shown
from backsweep.nn.module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Numbered(Module):
    """Child modules under the names "0", "1", ..."""

    def _items(self) -> list[Module]:
        return [module for module in self._modules.values() if module is not None]

    def _key(self, index: int) -> str:
        keys = list(self._modules)
        if not -len(keys) <= index < len(keys):
            raise IndexError(f"[{type(self).__name__}] index {index} is out of range for {len(keys)} modules")
        return keys[index]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items())

    # Any: the caller knows the class of the layer there.
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._part(self._items()[index])
        return self._modules[self._key(index)]

    def _part(self, modules: list[Module]) -> Module:
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        self.register_module(self._key(index), module)

    def append(self, module: Module) -> Any:
        """Add a module at the end; gives the container back."""
        self.register_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add modules at the end; gives the container back."""
        given: object = modules
        if not isinstance(given, Iterable):
            raise TypeError(
                f"[{type(self).__name__}] modules is {shown(given)}; it must be a list of modules"
            )
        for module in list(modules):
            self.append(module)
        return self


class Sequential(_Numbered):
    """Modules applied one after the other.

    Parameters
    ----------
    *modules : Module, or one mapping of str to Module
        Named "0", "1", ..., or as the mapping says.

    Examples
    --------
    >>> net = Sequential(Linear(64, 128), ReLU(), Linear(128, 10))
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named: Iterable[tuple[str, Any]] = modules[0].items()
        else:
            named = ((str(i), module) for i, module in enumerate(modules))
        for name, module in named:
            self.register_module(name, module)

    def _part(self, modules: list[Module]) -> Module:
        return Sequential(*modules)

    def forward(self, x: Any) -> Any:
        """Apply the modules in order."""
        for module in self._modules.values():
            x = module(x)  # type: ignore[misc]  # None cannot be registered here
        return x


class ModuleList(_Numbered):
    """A list of modules; its parameters belong to the module that holds it.

    Parameters
    ----------
    modules : iterable of Module, optional
        The first elements.
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(() if modules is None else modules)

    def _part(self, modules: list[Module]) -> Module:
        return ModuleList(modules)


class ModuleDict(Module):
    """A dict of modules; its parameters belong to the module that holds it.

    Parameters
    ----------
    modules : mapping of str to Module, optional
        The first entries. A name must not be that of an attribute of this class.
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.register_module(key, module)

    def __delitem__(self, key: str) -> None:
        if key not in self._modules:
            raise KeyError(key)
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def keys(self) -> Iterable[str]:
        """Give the names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """Give the modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Give names and modules."""
        return self._modules.items()

    def update(self, modules: Mapping[str, Module]) -> None:
        """Add or replace entries."""
        given: object = modules
        if not isinstance(given, Mapping):
            raise TypeError(f"[ModuleDict] modules is {shown(given)}; it must be a dict of modules")
        for key, module in modules.items():
            self[key] = module
