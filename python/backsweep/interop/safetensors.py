"""Files of named tensors in the safetensors format: no code in them, and read by PyTorch and others alike.

Source of the format: https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from backsweep import _core
from backsweep._core import Tensor
from backsweep._device import check_device, device
from backsweep.interop._structure import OWN_NOTES, flattened, nested

__all__ = ["check_writable", "load", "read_metadata", "save"]

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

_FILE = "it must be a path (str, bytes or os.PathLike) or a binary file"

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


def save(obj: Any, f: Path | IO[bytes], metadata: Mapping[str, str] | None = None) -> None:
    """Write a model's state, named tensors, or a checkpoint, to a safetensors file.

    The file appears whole or not at all: it is written beside its place under another name, flushed to the
    disk and then renamed, so that a crash leaves the old file. There is no code in it: `load` gives of a
    module its `state_dict`. What nests, as a checkpoint of several state_dicts and numbers, is a file of its
    tensors, under their paths, for other readers.

    Parameters
    ----------
    obj : Module, Tensor, or dict
        A module stands for its `state_dict`. Dicts, lists and tuples may nest; in them are modules, tensors,
        NumPy arrays, numbers, strings and None.
    f : str, bytes, os.PathLike or binary file
        The file; its folder must exist. If it is there already, it must be a regular file.
    metadata : mapping of str to str, optional
        Notes for `read_metadata`.

    Raises
    ------
    TypeError
        If values or metadata have other types, or an array's dtype is none of backsweep's.
    ValueError
        If a name is the format's own, "__metadata__".
    OSError
        If the file cannot be written.
    """
    tensors, own = flattened(obj)
    arrays: dict[str, tuple[str, npt.NDArray[Any]]] = {}
    for name, value in tensors.items():
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
    notes = {**notes, **own}
    if not isinstance(f, (str, bytes, os.PathLike)):
        if not hasattr(f, "write"):
            raise TypeError(f"[save] f is of type {type(f).__name__}; {_FILE}")
        _write(f, arrays, dict(notes))
        return
    target, draft = _start(f)
    try:
        try:
            with open(draft, "wb") as file:
                _write(file, arrays, dict(notes))
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


def _write(
    file: IO[bytes], arrays: Mapping[str, tuple[str, npt.NDArray[Any]]], notes: dict[str, str]
) -> None:
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


def load(
    f: Path | IO[bytes], map_location: Any = None, *, weights_only: bool = True, mmap: bool | None = None
) -> Any:
    """Read what `save` has written; of a module its state, which `Module.load_state_dict` takes.

    Parameters
    ----------
    f : str, bytes, os.PathLike or binary file
        A safetensors file, of whatever program.
    map_location
        "cpu", as PyTorch has it; tensors are there in any case.
    weights_only, mmap
        Taken for PyTorch's sake: there is never code in these files.

    Returns
    -------
    dict of str to Tensor, or what was saved if it nested

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
    if isinstance(map_location, (str, device)):
        check_device("load", map_location)
    if not isinstance(f, (str, bytes, os.PathLike)):
        if not hasattr(f, "read"):
            raise TypeError(f"[load] f is of type {type(f).__name__}; {_FILE}")
        content = f.read()
        return nested(*_from_bytes(content, "the file"))
    place = os.fsdecode(f)
    with _open(place, "load") as file:
        kinds = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118 (no mapping)
        _check_kinds(kinds, place)
        if "BF16" not in kinds.values():
            tensors = {name: _core.from_numpy(file.get_tensor(name)) for name in kinds}
            return nested(tensors, dict(file.metadata() or {}))
    with open(place, "rb") as plain:
        return nested(*_from_bytes(plain.read(), place))


def read_metadata(path: Path) -> dict[str, str]:
    """Read the notes of a safetensors file, without its tensors. Raises as `load`."""
    with _open(os.fsdecode(path), "read_metadata") as file:
        return {key: note for key, note in (file.metadata() or {}).items() if key not in OWN_NOTES}


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
        with open(path, "rb") as file:
            _refuse_pickle(file.read(4), path)
        raise ValueError(f"[{op}] {path} is not a whole safetensors file: {error}") from error


def _refuse_pickle(start: bytes, place: str) -> None:
    """Raise ValueError if a file begins as those of `torch.save` do."""
    if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
        raise ValueError(
            f"[load] {place} was written by torch.save, as pickled code, which is not run: in PyTorch, "
            "safetensors.torch.save_file(state_dict, path) writes a file to load"
        )


def _check_kinds(kinds: Mapping[str, str], place: str) -> None:
    for name, kind in kinds.items():
        if kind not in _DTYPES:
            raise _core.DTypeError(f"[load] {place}: {name} is {kind}, which backsweep does not have")


def _from_bytes(content: bytes, place: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a file's tensors and notes; also bfloat16, for which the package makes no array: by its bytes."""
    from safetensors import SafetensorError, deserialize

    try:
        found = deserialize(content)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        _refuse_pickle(content[:4], place)
        raise ValueError(f"[load] {place} is not a whole safetensors file: {error}") from error
    _check_kinds({name: entry["dtype"] for name, entry in found}, place)
    tensors = {}
    for name, entry in found:
        dtype = _DTYPES[entry["dtype"]]
        shown = _core.int16 if dtype == _core.bfloat16 else dtype
        array = np.frombuffer(entry["data"], shown.dtype).reshape(entry["shape"])
        tensors[name] = _core.ops.bitcast(_core.from_numpy(array), dtype=dtype).detach()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return tensors, header.get("__metadata__", {})


def _flush(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
