"""Modules that hold parameters: a list and a dict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, KeysView, Mapping
from operator import itemgetter
from typing import Any, TypeVar

from backsweep._arguments import entries, shown, whole
from backsweep._core import Parameter, Tensor
from backsweep.nn.module import Module

__all__ = ["ParameterDict", "ParameterList"]

L = TypeVar("L", bound="ParameterList")
D = TypeVar("D", bound="ParameterDict")


def _parameter(value: Any) -> Any:
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _line(key: object, value: Any, kind: object) -> str:
    if not isinstance(value, Tensor):
        return f"  ({key}): Object of type: {type(value).__name__}"
    size = "x".join(map(str, value.shape))
    return f"  ({key}): Parameter containing: [{kind} of size {size}]"


class ParameterList(Module):
    """A list of parameters, which belong to the module that holds it; of other values too.

    Parameters
    ----------
    values : iterable, optional
        The first elements. Tensors become parameters.
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        self.extend(() if values is None else values)

    def _key(self, index: int) -> str:
        index = whole("ParameterList", "index", index, None)
        if not -self._size <= index < self._size:
            raise IndexError(f"[ParameterList] index {index} is out of range for {self._size} parameters")
        return str(index % self._size)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(self[i] for i in range(*index.indices(self._size)))
        return getattr(self, self._key(index))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._key(index), _parameter(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self._size))

    def append(self: L, value: Any) -> L:
        """Add a value at the end; gives the list back."""
        self._size += 1
        self[-1] = value
        return self

    def extend(self: L, values: Iterable[Any]) -> L:
        """Add values at the end; gives the list back."""
        given: object = values
        if not isinstance(given, Iterable) or isinstance(given, Tensor):
            raise TypeError(f"[ParameterList] values is {shown(given)}; it must be a list of parameters")
        for value in list(given):
            self.append(value)
        return self

    def __iadd__(self: L, values: Iterable[Any]) -> L:
        return self.extend(values)

    def extra_repr(self) -> str:
        """Give dtypes and sizes."""
        return "\n".join(_line(i, value, getattr(value, "dtype", None)) for i, value in enumerate(self))


class ParameterDict(Module):
    """A dict of parameters, which belong to the module that holds it; of other values too.

    Parameters
    ----------
    parameters : mapping of str, or iterable of pairs, optional
        The first entries. Tensors become parameters. A name must not be that of an attribute of this class.
    """

    def __init__(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        self.update({} if parameters is None else parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        given: object = key
        if not isinstance(given, str):
            raise TypeError(f"[ParameterDict] a key is {shown(given)}; it must be a str")
        setattr(self, key, _parameter(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """Give another dict of the same parameters."""
        return ParameterDict(self.items())

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Give the value of a key, which becomes `default` where there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Take all away."""
        for key in list(self):
            del self[key]

    def pop(self, key: str) -> Any:
        """Take a value away; gives it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take the last entry away; gives its key and value."""
        if not self._keys:
            raise KeyError("[ParameterDict] it is empty")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Give the value of a key, or `default`."""
        return self[key] if key in self else default  # noqa: SIM401

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """Give a dict with these keys and one value."""
        return ParameterDict((key, default) for key in keys)

    def keys(self) -> KeysView[str]:
        """Give the keys."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Give keys and values."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterable[Any]:
        """Give the values."""
        return (self[key] for key in self._keys)

    def update(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | ParameterDict) -> None:
        """Add or replace entries; those of a plain dict in the order of their keys, as in PyTorch."""
        pairs = entries("ParameterDict", "parameters", parameters)
        given: object = parameters
        for key, value in sorted(pairs, key=itemgetter(0)) if type(given) is dict else pairs:
            self[key] = value

    def __or__(self, other: ParameterDict) -> ParameterDict:
        made = self.copy()
        made.update(other)
        return made

    def __ror__(self, other: ParameterDict) -> ParameterDict:
        made = other.copy()
        made.update(self)
        return made

    def __ior__(self: D, other: ParameterDict) -> D:
        self.update(other)
        return self

    def extra_repr(self) -> str:
        """Give types and sizes."""
        return "\n".join(
            _line(key, value, value.type() if isinstance(value, Tensor) else "")
            for key, value in self.items()
        )
