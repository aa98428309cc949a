"""Files of named tensors in the safetensors format: no code in them, and read by PyTorch and others alike.

Source of the format: https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._core import Tensor
from backsweep.nn import Module

__all__ = ["load", "read_metadata", "save"]


def save(
    obj: Module | Mapping[str, Any], path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a model's state, or named tensors, to a safetensors file.

    The file appears whole or not at all: it is written beside its place under another name, flushed to the
    disk and then renamed, so that a crash leaves the old file.

    Parameters
    ----------
    obj : Module or mapping of str to Tensor or numpy.ndarray
        A module stands for its `state_dict`.
    path : str or os.PathLike
        The file; its folder must exist.
    metadata : mapping of str to str, optional
        Notes for `read_metadata`.

    Raises
    ------
    TypeError
        If names, values or metadata have other types.
    OSError
        If the file cannot be written.
    """
    from safetensors.numpy import save_file

    tensors: Any = obj.state_dict() if isinstance(obj, Module) else obj
    if not isinstance(tensors, Mapping):
        raise TypeError(f"[save] takes a Module or a mapping of names to tensors, not {type(obj).__name__}")
    arrays = {}
    for name, value in tensors.items():
        if not isinstance(name, str) or not isinstance(value, (Tensor, np.ndarray)):
            raise TypeError(f"[save] {name!r}: {type(value).__name__} is not a name with a tensor")
        arrays[name] = np.asarray(value, order="C")  # safetensors writes the memory as it lies
    notes: Mapping[Any, Any] = metadata or {}
    for key, note in notes.items():
        if not isinstance(key, str) or not isinstance(note, str):
            raise TypeError(f"[save] metadata must be str to str, not {key!r}: {note!r}")
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"[save] there is no folder {folder}")
    if os.path.isdir(target):
        raise IsADirectoryError(f"[save] {target} is a folder")
    draft = os.path.join(folder, f".{name}.{os.urandom(6).hex()}.tmp")
    try:
        save_file(arrays, draft, metadata=dict(notes) or None)
        _flush(draft)
        os.replace(draft, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
    with suppress(OSError):  # some file systems cannot flush folders
        _flush(folder)


def load(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file; `Module.load_state_dict` takes them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a whole safetensors file.
    DTypeError
        If it holds tensors of a dtype that backsweep does not have.
    """
    with _open(path, "load") as file:
        return {name: _tensor(file, name, path) for name in file.keys()}  # noqa: SIM118 (no mapping)


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the notes of a safetensors file, without its tensors. Raises as `load`."""
    with _open(path, "read_metadata") as file:
        return dict(file.metadata() or {})


def _open(path: str | os.PathLike[str], op: str) -> Any:
    from safetensors import SafetensorError, safe_open

    if not os.path.exists(path):
        raise FileNotFoundError(f"[{op}] there is no file {os.fspath(path)}")
    try:
        return safe_open(os.fspath(path), framework="numpy")
    except SafetensorError as error:
        raise ValueError(f"[{op}] {os.fspath(path)} is not a whole safetensors file: {error}") from error


def _tensor(file: Any, name: str, path: str | os.PathLike[str]) -> Tensor:
    dtype = file.get_slice(name).get_dtype()
    if dtype not in ("F32", "F64", "I32", "I64", "BOOL"):
        raise _core.DTypeError(f"[load] {os.fspath(path)}: {name} is {dtype}, which backsweep does not have")
    return _core.from_numpy(file.get_tensor(name))


def _flush(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
