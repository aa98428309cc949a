"""Modules that hold modules; parameters.py has those that hold parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from backsweep._arguments import entries, shown, whole
from backsweep.nn.module import Module, in_brackets

__all__ = ["ModuleDict", "ModuleList", "Residual", "Sequential"]

N = TypeVar("N", bound="_Numbered")


class _Numbered(Module):
    """Child modules under the names "0", "1", ..."""

    def _items(self) -> list[Any]:
        return list(self._modules.values())

    def _key(self, index: int) -> str:
        keys = list(self._modules)
        index = whole(type(self).__name__, "index", index, None)
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
            return self._part(index)
        return self._modules[self._key(index)]

    def _part(self, index: slice) -> Module:
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        self.register_module(self._key(index), module)

    def __delitem__(self, index: int | slice) -> None:
        gone = list(self._modules)[index] if isinstance(index, slice) else [self._key(index)]
        left = [module for name, module in self._modules.items() if name not in gone]
        self._become(left)

    def _become(self, modules: Iterable[Any]) -> None:
        """Hold these modules, numbered anew."""
        for name in list(self._modules):
            delattr(self, name)
        for i, module in enumerate(modules):
            self.register_module(str(i), module)

    def append(self: N, module: Module) -> N:
        """Add a module at the end; gives the container back."""
        self.register_module(str(len(self)), module)
        return self

    def extend(self: N, modules: Iterable[Module]) -> N:
        """Add modules at the end; gives the container back."""
        given: object = modules
        if not isinstance(given, Iterable):
            raise TypeError(
                f"[{type(self).__name__}] modules is {shown(given)}; it must be a list of modules"
            )
        for module in list(modules):
            self.append(module)
        return self

    def insert(self: N, index: int, module: Module) -> N:
        """Put a module before the one at an index; gives the container back."""
        given: object = module
        if not isinstance(given, Module):
            raise TypeError(f"[{type(self).__name__}] module is {shown(given)}; it must be a Module")
        items = self._items()
        items.insert(whole(type(self).__name__, "index", index, None), module)
        self._become(items)
        return self

    def pop(self, key: int | slice = -1) -> Any:
        """Take a module, or a part, away; gives it."""
        found = self[key]
        del self[key]
        return found

    def __iadd__(self: N, other: Iterable[Module]) -> N:
        return self.extend(other)


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

    def _part(self, index: slice) -> Module:
        return type(self)(dict(list(self._modules.items())[index]))  # type: ignore[arg-type]

    def forward(self, input: Any) -> Any:
        """Apply the modules in order."""
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]  # None cannot be registered here
        return input

    def __add__(self, other: Sequential) -> Sequential:
        given: object = other
        if not isinstance(given, Sequential):
            raise ValueError(f"[Sequential] + joins it to another Sequential, not {shown(given)}")
        return Sequential(*self, *other)

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*self._items() * whole("Sequential", "times", other))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Sequential:
        return self.extend(self._items() * (whole("Sequential", "times", other) - 1))


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

    def _part(self, index: slice) -> Module:
        return type(self)(self._items()[index])

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        runs: list[list[Any]] = []  # of equal texts: first, last, text
        for i, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][2] == text:
                runs[-1][1] = i
            else:
                runs.append([i, i, text])
        if not runs:
            return f"{self._get_name()}()"
        lines = [
            f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}"
            for first, last, text in runs
        ]
        return in_brackets(self._get_name(), lines)


class ModuleDict(Module):
    """A dict of modules; its parameters belong to the module that holds it.

    Parameters
    ----------
    modules : mapping of str to Module, or iterable of pairs, optional
        The first entries. A name must not be that of an attribute of this class.
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        self.update({} if modules is None else modules)

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

    def clear(self) -> None:
        """Take all away."""
        for key in list(self):
            del self[key]

    def pop(self, key: str) -> Any:
        """Take a module away; gives it."""
        found = self[key]
        del self[key]
        return found

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace entries."""
        for key, module in entries("ModuleDict", "modules", modules):
            self[key] = module


class Residual(Module):
    """A way around a module: z + f(z).

    The derivative by z has the identity as a part, however deep f is: that is what lets networks of many
    layers learn. Source: He et al. (2016), Deep Residual Learning for Image Recognition, CVPR.

    Parameters
    ----------
    module : Module
        f; its result has the shape of its input, or broadcasts to it.

    Examples
    --------
    >>> block = Residual(Sequential(Linear(64, 64), ReLU()))
    """

    def __init__(self, module: Module) -> None:
        super().__init__()
        self.register_module("module", module)

    def forward(self, input: Any) -> Any:
        """Give z + f(z)."""
        return input + self.module(input)
