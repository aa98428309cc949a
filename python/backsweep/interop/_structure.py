"""What nests as named tensors and a note: how `bs.save` writes checkpoints, and states of modules."""

from __future__ import annotations

import binascii
import json
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Protocol

import numpy as np
import numpy.typing as npt

from backsweep import _core
from backsweep._core import DType, Parameter, Tensor
from backsweep._device import device
from backsweep.interop._layouts import Refused
from backsweep.nn import Module

__all__ = ["OWN_NOTES", "State", "flattened", "nested"]

_MODULE, _STRUCTURE = "backsweep.module", "backsweep.structure"
OWN_NOTES = (_MODULE, _STRUCTURE, "backsweep.shared")

# Words of the note for containers of items, and for what a defaultdict makes.
_CONTAINERS: dict[str, Callable[..., Any]] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
}
_MAPPINGS: dict[str, Callable[..., Any]] = {"dict": dict, "ordered": OrderedDict, "counter": Counter}
_FACTORIES = {kind.__name__: kind for kind in (list, dict, set, tuple, int, float, str, bool)}


class Found(Protocol):
    """The tensors of a file, by name."""

    def names(self) -> list[str]: ...
    def tensor(self, name: str) -> Tensor: ...
    def array(self, name: str) -> npt.NDArray[Any]: ...


class State(dict[str, Tensor]):
    """The state of a module that was saved: a dict for `load_state_dict`, and no more, as its errors say."""

    def __init__(self, tensors: Mapping[str, Tensor], module: str) -> None:
        super().__init__(tensors)
        self.__dict__["module"] = module

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"[load] the file holds the state of a {self.__dict__.get('module', 'module')}, not the module, "
            f"so there is no {name!r}: make the module and give the state to its load_state_dict()"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return State, (dict(self), self.__dict__["module"])


def flattened(obj: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Give the tensors and arrays of what is saved, by name, and the notes that `nested` needs."""
    encoder = _Encoder()
    notes = {_STRUCTURE: json.dumps(encoder.encoded(obj, ()), separators=(",", ":"))}
    if isinstance(obj, Module):
        notes[_MODULE] = type(obj).__name__
    return encoder.tensors, notes


def nested(found: Found, notes: Mapping[str, str]) -> Any:
    """Give back what `flattened` has taken apart; ValueError if the notes are none of its."""
    try:
        if _STRUCTURE in notes:
            made = _Decoder(found).decoded(json.loads(notes[_STRUCTURE]))
        else:
            made = {name: found.tensor(name) for name in found.names()}
        return State(made, notes[_MODULE]) if _MODULE in notes else made
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        if isinstance(error, (Refused, _core.DTypeError)):
            raise
        raise Refused(f"has a note {_STRUCTURE!r} that save has not written ({error})") from error


class _Encoder:
    """Makes values for JSON, a word and its content or a plain one, and gathers their tensors."""

    def __init__(self) -> None:
        self.tensors: dict[str, Any] = {}
        self._first: dict[int, str] = {}
        self._around: set[int] = set()

    def encoded(self, value: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(value, Module):
            value = value.state_dict()
        if isinstance(value, Parameter):
            return ["parameter", self._name(value, path), value.requires_grad]
        if isinstance(value, Tensor):
            return ["leaf" if value.requires_grad else "tensor", self._name(value, path)]
        if isinstance(value, np.ndarray):
            return ["array", self._name(value, path)]
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, (bytes, bytearray)):
            return ["bytes" if isinstance(value, bytes) else "bytearray", _words(value)]
        if isinstance(value, complex):
            return ["complex", [value.real, value.imag]]
        if isinstance(value, DType):
            return ["dtype", value.name]
        if isinstance(value, device):
            return ["device", str(value)]
        if id(value) in self._around:
            raise ValueError(f"[save] {_place(path)} holds itself, which a file cannot")
        self._around.add(id(value))
        try:
            return self._container(value, path)
        except RecursionError:
            raise ValueError(f"[save] {_place(path[:3])}... nests too deeply") from None
        finally:
            self._around.discard(id(value))

    def _container(self, value: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(value, Mapping):
            items = [[self._key(key, path), self.encoded(v, (*path, key))] for key, v in value.items()]
            if isinstance(value, defaultdict):
                factory = value.default_factory
                if factory is not None and _FACTORIES.get(getattr(factory, "__name__", "")) is not factory:
                    raise TypeError(
                        f"[save] {_place(path)} is a defaultdict of {factory!r}, and code is not saved: one "
                        f"of {', '.join(_FACTORIES)} is, or dict(value)"
                    )
                return ["default", [factory and factory.__name__, items]]
            word = "counter" if isinstance(value, Counter) else "dict"
            return ["ordered" if isinstance(value, OrderedDict) else word, items]
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            raise TypeError(
                f"[save] {_place(path)} is a {type(value).__name__}, a class, and code is not saved: give "
                "value._asdict() or tuple(value)"
            )
        for word, kind in _CONTAINERS.items():
            if isinstance(value, kind):  # type: ignore[arg-type]
                if word in ("set", "frozenset"):
                    return [word, [self._key(v, path) for v in value]]
                return [word, [self.encoded(v, (*path, i)) for i, v in enumerate(value)]]
        kind_of = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
        fix = " (np.asarray(value) gives one)" if hasattr(value, "__array__") else ""
        raise TypeError(
            f"[save] {_place(path)} is a {kind_of}; it must be a bs.Tensor or a NumPy array{fix}, a Module, "
            "a number, a str, bytes, or a dict, list, tuple or set of such: code is not saved"
        )

    def _key(self, key: Any, path: tuple[Any, ...]) -> Any:
        """Encode what is hashed: plain values, and tuples of them."""
        if isinstance(key, tuple) and not hasattr(key, "_fields"):
            return ["tuple", [self._key(k, path) for k in key]]
        if key is None or isinstance(key, (bool, int, float, str, bytes, np.generic, DType, device)):
            return self.encoded(key, path)
        raise TypeError(
            f"[save] {_place(path)} has the key {key!r}: keys, and what is in sets, are strings or numbers, "
            "or tuples of them"
        )

    def _name(self, value: Any, path: tuple[Any, ...]) -> str:
        """Put a tensor in, under its path; give the first path of the same object."""
        name = ".".join(map(str, path)) or "tensor"
        while name in self.tensors or name == "__metadata__":
            name += "_"
        self.tensors[name] = value
        return self._first.setdefault(id(value), name)


def _words(value: bytes | bytearray) -> str:
    return binascii.b2a_base64(value, newline=False).decode()


def _place(path: tuple[Any, ...]) -> str:
    return repr(path[0]) + "".join(f"[{key!r}]" for key in path[1:]) if path else "what is saved"


class _Decoder:
    """Makes what an `_Encoder` has encoded; a name of a tensor that comes twice is one object."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._made: dict[str, Any] = {}

    def decoded(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        word, content, *more = value
        if word in ("tensor", "leaf", "parameter", "array"):
            if content not in self._made:
                self._made[content] = self._tensor(word, content, more == [True])
            return self._made[content]
        if word in ("bytes", "bytearray"):
            made = binascii.a2b_base64(content)
            return made if word == "bytes" else bytearray(made)
        if word == "complex":
            return complex(*content)
        if word == "dtype":
            return _core.zeros(0, dtype=content).dtype
        if word == "device":
            return device(content)
        if word == "default":
            factory, content = content
            return defaultdict(factory and _FACTORIES[factory], self._items(content))
        if word in _MAPPINGS:
            return _MAPPINGS[word](self._items(content))
        return _CONTAINERS[word](self.decoded(v) for v in content)

    def _tensor(self, word: str, name: str, requires_grad: bool) -> Any:
        if word == "array":
            return self._found.array(name)
        tensor = self._found.tensor(name)
        if word == "parameter":
            return Parameter(tensor, requires_grad=requires_grad)
        return tensor.requires_grad_() if word == "leaf" else tensor

    def _items(self, content: Any) -> dict[Any, Any]:
        return {self.decoded(key): self.decoded(v) for key, v in content}
