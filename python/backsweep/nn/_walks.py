"""Walks over what a module holds: modules, parameters and buffers, with their paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from backsweep._core import Buffer, Parameter

if TYPE_CHECKING:
    from backsweep.nn.module import Module

__all__ = ["Walks"]


class Walks:
    """The part of a module that walks over what it holds."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Buffer | None]
    _modules: dict[str, Module | None]

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Give each child module once, with its name."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """Give each child module once."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Give this module and all below it, parents first, with their paths."""
        memo = set() if memo is None else memo
        this: Any = self
        if this in memo:
            return
        if remove_duplicate:
            memo.add(this)
        yield prefix, this
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """Give this module and all below it, parents first."""
        if not remove_duplicate:
            yield from (module for _, module in self.named_modules(remove_duplicate=False))
            return
        seen: set[Module] = set()
        to_visit: list[Any] = [self]
        while to_visit:
            module = to_visit.pop()
            if module is not None and module not in seen:
                seen.add(module)
                yield module
                to_visit.extend(reversed(module._modules.values()))

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Give each parameter once, with its path."""
        return self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Give each parameter once."""
        seen: set[int] = set()
        for module in self.modules() if recurse else (self,):
            for parameter in module._parameters.values():
                if parameter is not None and id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Buffer]]:
        """Give each buffer once, with its path."""
        return self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Buffer]:
        """Give each buffer once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named(self, table: str, prefix: str, recurse: bool, once: bool) -> Iterator[tuple[str, Any]]:
        modules = self.named_modules(prefix=prefix, remove_duplicate=once) if recurse else [(prefix, self)]
        seen: set[int] = set()
        for path, module in modules:
            for name, value in module.__dict__[table].items():
                if value is not None and not (once and id(value) in seen):
                    seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def get_submodule(self, target: str) -> Module:
        """Give the module at a path such as "encoder.layers.0"; "" is this module."""
        module: Any = self
        for name in target.split(".") if target else []:
            module = module._modules.get(name) if module is not None else None
        if module is None:
            raise AttributeError(f"[{type(self).__name__}] has no module at {target!r}")
        return module  # type: ignore[no-any-return]

    def get_parameter(self, target: str) -> Parameter:
        """Give the parameter at a path such as "encoder.layers.0.weight"."""
        return self._at(target, "_parameters")  # type: ignore[no-any-return]

    def get_buffer(self, target: str) -> Buffer:
        """Give the buffer at a path such as "encoder.norm.running_mean"."""
        return self._at(target, "_buffers")  # type: ignore[no-any-return]

    def _at(self, target: str, table: str) -> Any:
        path, _, name = target.rpartition(".")
        found = self.get_submodule(path).__dict__[table].get(name)
        if found is None:
            raise AttributeError(f"[{type(self).__name__}] has no {table[1:-1]} at {target!r}")
        return found

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a path such as "encoder.layers.0".

        Parameters
        ----------
        target : str
        module : Module
        strict : bool, default False
            Whether there must be a module already. The one that holds it must be there in any case.

        Raises
        ------
        AttributeError
            If there is none.
        ValueError
            If the path is empty.
        """
        path, _, name = target.rpartition(".")
        if not name:
            raise ValueError(f"[set_submodule] target is {target!r}; it must name a module below this one")
        holder = self.get_submodule(path)
        if strict and holder._modules.get(name) is None:
            raise AttributeError(f"[{type(self).__name__}] has no module at {target!r}")
        holder.register_module(name, module)
