"""Files of named tensors in the safetensors format: no code in them, and read by PyTorch and others alike.

Source of the format: https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from backsweep import _core
from backsweep._core import Tensor
from backsweep.nn import Module

__all__ = ["check_writable", "load", "read_metadata", "save"]

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

# The format's names of our dtypes.
_DTYPES = {
    "F64": _core.float64,
    "F32": _core.float32,
    "F16": _core.float16,
    "BF16": _core.bfloat16,
    "I64": _core.int64,
    "I32": _core.int32,
    "I16": _core.int16,
    "I8": _core.int8,
    "U8": _core.uint8,
    "BOOL": _core.bool_,
}
_NAMES = {dtype.name: name for name, dtype in _DTYPES.items()}


def save(obj: Module | Mapping[str, Any], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a model's state, or named tensors, to a safetensors file.

    The file appears whole or not at all: it is written beside its place under another name, flushed to the
    disk and then renamed, so that a crash leaves the old file.

    Parameters
    ----------
    obj : Module or mapping of str to Tensor or numpy.ndarray
        A module stands for its `state_dict`.
    path : str, bytes or os.PathLike
        The file; its folder must exist. If it is there already, it must be a regular file.
    metadata : mapping of str to str, optional
        Notes for `read_metadata`.

    Raises
    ------
    TypeError
        If names, values or metadata have other types, or an array's dtype is none of backsweep's.
    ValueError
        If a name is the format's own, "__metadata__".
    OSError
        If the file cannot be written.
    """
    tensors: Any = obj.state_dict() if isinstance(obj, Module) else obj
    if not isinstance(tensors, Mapping):
        raise TypeError(f"[save] takes a Module or a mapping of names to tensors, not {type(obj).__name__}")
    arrays: dict[str, tuple[str, npt.NDArray[Any]]] = {}
    for name, value in tensors.items():
        if not isinstance(name, str):
            raise TypeError(f"[save] the name {name!r} is {type(name).__name__}; names must be str")
        if not isinstance(value, (Tensor, np.ndarray)):
            kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
            foreign = hasattr(value, "__array__")
            fix = (
                " (np.asarray(value) gives one)"
                if foreign
                else "; other things belong into metadata, as text"
            )
            raise TypeError(f"[save] {name!r} is a {kind}; it must be a bs.Tensor or a NumPy array{fix}")
        if name == "__metadata__":
            raise ValueError("[save] the name '__metadata__' is the format's own")
        kind = value.dtype.name
        if kind not in _NAMES:
            raise _core.DTypeError(f"[save] {name!r} is {kind}; it must be one of {', '.join(_NAMES)}")
        if kind == "bfloat16":  # which NumPy does not have: its bits
            value = _core.ops.bitcast(_core.asarray(value), dtype=_core.int16)
        array = np.asarray(value)
        arrays[name] = _NAMES[kind], np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    notes: Mapping[Any, Any] = metadata or {}
    for key, note in notes.items():
        if not isinstance(key, str) or not isinstance(note, str):
            raise TypeError(f"[save] metadata must be str to str, not {key!r}: {note!r}")
    target, draft = _start(path)
    try:
        try:
            _write(draft, arrays, dict(notes))
        except OSError as error:
            raise OSError(error.errno, f"[save] {target} cannot be written: {error.strerror}") from error
        _flush(draft)
        os.replace(draft, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
    with suppress(OSError):  # some file systems cannot flush folders
        _flush(os.path.dirname(target))


def _write(path: str, arrays: Mapping[str, tuple[str, npt.NDArray[Any]]], notes: dict[str, str]) -> None:
    """Write the header's length, the header, then the arrays, the widest first: so all are aligned."""
    header: dict[str, Any] = {"__metadata__": notes} if notes else {}
    order = sorted(arrays, key=lambda name: (-arrays[name][1].itemsize, name))
    end = 0
    for name in order:
        kind, array = arrays[name]
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": (begin, end)}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            file.write(arrays[name][1].data)


def check_writable(path: Path) -> None:
    """Raise the OSError that `save` would raise for this path now; a file that is there stays as it is."""
    os.unlink(_start(path)[1])


def _start(path: Path) -> tuple[str, str]:
    """Give the file that is meant and a new empty file beside it."""
    place = os.fsdecode(path)
    target = os.path.realpath(place)
    folder = os.path.dirname(target)
    if os.path.isdir(target):
        raise IsADirectoryError(f"[save] {target} is a folder")
    if os.path.islink(target) or (os.path.exists(place) and not os.path.isfile(place)):
        raise OSError(f"[save] {place} is not a regular file")
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"[save] there is no folder {folder}")
    draft = os.path.join(folder, f".{os.urandom(6).hex()}.tmp")
    try:
        with suppress(FileNotFoundError):
            os.lstat(target)  # raises if the name is too long
        open(draft, "xb").close()
    except OSError as error:
        raise OSError(error.errno, f"[save] {target} cannot be written: {error.strerror}") from error
    return target, draft


def load(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file; `Module.load_state_dict` takes them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it cannot be read, as a folder.
    ValueError
        If it is not a whole safetensors file.
    DTypeError
        If it holds tensors of a dtype that backsweep does not have.
    """
    place = os.fsdecode(path)
    with _open(place, "load") as file:
        kinds = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118 (no mapping)
        for name, kind in kinds.items():
            if kind not in _DTYPES:
                raise _core.DTypeError(f"[load] {place}: {name} is {kind}, which backsweep does not have")
        if "BF16" not in kinds.values():
            return {name: _core.from_numpy(file.get_tensor(name)) for name in kinds}
    return _load_bits(place)


def read_metadata(path: Path) -> dict[str, str]:
    """Read the notes of a safetensors file, without its tensors. Raises as `load`."""
    with _open(os.fsdecode(path), "read_metadata") as file:
        return dict(file.metadata() or {})


def _open(path: str, op: str) -> Any:
    from safetensors import SafetensorError, safe_open

    if not os.path.exists(path):
        raise FileNotFoundError(f"[{op}] there is no file {path}")
    if os.path.isdir(path):
        raise IsADirectoryError(f"[{op}] {path} is a folder")
    if not os.path.isfile(path):
        raise OSError(f"[{op}] {path} is not a regular file")
    try:
        return safe_open(path, framework="numpy")
    except OSError as error:
        raise type(error)(f"[{op}] {path} cannot be read: {error}") from error
    except SafetensorError as error:
        raise ValueError(f"[{op}] {path} is not a whole safetensors file: {error}") from error


def _load_bits(path: str) -> dict[str, Tensor]:
    """Read a file with bfloat16 in it, for which the package makes no array: by its bytes."""
    from safetensors import deserialize

    with open(path, "rb") as file:
        found = deserialize(file.read())  # type: ignore[no-untyped-call]
    tensors = {}
    for name, entry in found:
        dtype = _DTYPES[entry["dtype"]]
        shown = _core.int16 if dtype == _core.bfloat16 else dtype
        array = np.frombuffer(entry["data"], shown.dtype).reshape(entry["shape"])
        tensors[name] = _core.ops.bitcast(_core.from_numpy(array), dtype=dtype).detach()
    return tensors


def _flush(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
