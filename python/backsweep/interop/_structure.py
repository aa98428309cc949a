"""What nests as named tensors and a note: how `bs.save` writes checkpoints, and states of modules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from backsweep._core import Tensor
from backsweep.nn import Module

__all__ = ["OWN_NOTES", "State", "flattened", "nested"]

_MODULE, _STRUCTURE = "backsweep.module", "backsweep.structure"
OWN_NOTES = (_MODULE, _STRUCTURE)


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
    if isinstance(obj, Module):
        return dict(obj.state_dict()), {_MODULE: type(obj).__name__}
    if isinstance(obj, Mapping) and all(
        isinstance(key, str) and isinstance(value, (Tensor, np.ndarray)) for key, value in obj.items()
    ):
        return dict(obj), {}
    if not isinstance(obj, (Mapping, list, tuple, Tensor, np.ndarray)):
        raise TypeError(f"[save] takes a Module, a tensor, or a dict of such, not {type(obj).__name__}")
    tensors: dict[str, Any] = {}
    structure = _encoded(obj, (), tensors)
    return tensors, {_STRUCTURE: json.dumps(structure, separators=(",", ":"))}


def nested(tensors: dict[str, Tensor], notes: Mapping[str, str]) -> Any:
    """Give back what `flattened` has taken apart."""
    if _STRUCTURE in notes:
        return _decoded(json.loads(notes[_STRUCTURE]), tensors)
    return State(tensors, notes[_MODULE]) if _MODULE in notes else tensors


def _encoded(value: Any, path: tuple[Any, ...], tensors: dict[str, Any]) -> Any:
    """Give a value for JSON, a word and its content or a plain one; its tensors go into `tensors`."""
    if isinstance(value, Module):
        value = value.state_dict()
    if isinstance(value, (Tensor, np.ndarray)):
        name = ".".join(map(str, path)) or "tensor"
        while name in tensors or name == "__metadata__":
            name += "_"
        tensors[name] = value
        return ["tensor", name]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not (key is None or isinstance(key, (bool, int, float, str))):
                raise TypeError(f"[save] {_place(path)} has the key {key!r}: keys are strings or numbers")
        return ["dict", [[key, _encoded(v, (*path, key), tensors)] for key, v in value.items()]]
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return [kind, [_encoded(v, (*path, i), tensors) for i, v in enumerate(value)]]
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    fix = " (np.asarray(value) gives one)" if hasattr(value, "__array__") else ""
    raise TypeError(
        f"[save] {_place(path)} is a {kind}; it must be a bs.Tensor or a NumPy array{fix}, a Module, "
        "a number, a str, or a dict, list or tuple of such: code is not saved"
    )


def _place(path: tuple[Any, ...]) -> str:
    return repr(path[0]) + "".join(f"[{key!r}]" for key in path[1:]) if path else "what is saved"


def _decoded(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(value, list):
        return value
    word, content = value
    if word == "tensor":
        return tensors[content]
    if word == "dict":
        return {key: _decoded(v, tensors) for key, v in content}
    items = [_decoded(v, tensors) for v in content]
    return items if word == "list" else tuple(items)
