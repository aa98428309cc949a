"""Files of named tensors in the safetensors format: no code in them, and read by PyTorch and others alike.

Source of the format: https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cached_property
from io import BytesIO
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from backsweep import _core
from backsweep._core import Tensor
from backsweep._device import check_device, device
from backsweep._files import Path, regular, replaced
from backsweep.interop._layouts import NAMES, Refused, as_tensor, strided
from backsweep.interop._structure import OWN_NOTES, flattened, nested

__all__ = ["load", "read_metadata", "save"]

_FILE = "it must be a path (str, bytes or os.PathLike) or a binary file"
_SHARED = "backsweep.shared"


def save(obj: Any, f: Path | IO[bytes], metadata: Mapping[str, str] | None = None) -> None:
    """Write a model's state, named tensors, or a checkpoint, to a safetensors file.

    The file appears whole or not at all: it is written beside its place under another name, flushed to the
    disk and then renamed, so that a crash leaves the old file. There is no code in it: `load` gives of a
    module its `state_dict`. What nests, as a checkpoint of several state_dicts and numbers, is a file of its
    tensors, under their paths, for other readers. Tensors that share memory are written each, and share it
    again when loaded if one of them covers the others.

    Parameters
    ----------
    obj : Module, Tensor, or dict
        A module stands for its `state_dict`. Dicts (also OrderedDict, Counter, defaultdict of a built-in
        type), lists, tuples and sets may nest; in them are modules, tensors, parameters, NumPy arrays,
        numbers, strings, bytes, dtypes, devices and None. NumPy's numbers become Python's.
    f : str, bytes, os.PathLike or binary file
        The file; its folder must exist. If it is there already, it must be a regular file.
    metadata : mapping of str to str, optional
        Notes for `read_metadata`.

    Raises
    ------
    TypeError
        If there are objects of other types, or an array's dtype is none of the format's.
    ValueError
        If a container holds itself.
    OSError
        If the file cannot be written.
    """
    tensors, own = flattened(obj)
    kinds: dict[str, str] = {}
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, value in tensors.items():
        kind = value.dtype.name
        if kind not in NAMES:
            raise _core.DTypeError(f"[save] {name!r} is {kind}; it must be one of {', '.join(NAMES)}")
        if kind == "bfloat16":  # which NumPy does not have: its bits
            value = _core.ops.bitcast(_core.asarray(value), dtype=_core.int16)
        kinds[name], arrays[name] = NAMES[kind], np.asarray(value)
    notes: Mapping[Any, Any] = metadata or {}
    for key, note in notes.items():
        if not isinstance(key, str) or not isinstance(note, str):
            raise TypeError(f"[save] metadata must be str to str, not {key!r}: {note!r}")
    own[_SHARED] = json.dumps(
        _shared(kinds, {n: a for n, a in arrays.items() if isinstance(tensors[n], Tensor)})
    )
    content = dict(notes) | own
    if isinstance(f, (str, bytes, os.PathLike)):
        with replaced(f) as file:
            _write(file, kinds, arrays, content)
    elif hasattr(f, "write"):
        _write(f, kinds, arrays, content)
    else:
        raise TypeError(f"[save] f is of type {type(f).__name__}; {_FILE}")


def _shared(kinds: Mapping[str, str], arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """Give which tensors are views of another one that is whole: [its name, offset, strides], in elements."""

    def start(name: str) -> int:
        return int(arrays[name].__array_interface__["data"][0])

    def fit(name: str) -> bool:
        return arrays[name].flags.c_contiguous

    found: dict[str, Any] = {}
    owner = None
    names = [name for name in arrays if arrays[name].size]
    for name in sorted(names, key=lambda name: (start(name), not fit(name), -arrays[name].nbytes)):
        array = arrays[name]
        size = array.itemsize
        steps = [step // size if n > 1 else 0 for step, n in zip(array.strides, array.shape, strict=True)]
        reach = 1 + sum(step * (n - 1) for step, n in zip(steps, array.shape, strict=True))
        begin = start(name) - start(owner) if owner else 0
        if owner and kinds[name] == kinds[owner] and begin + reach * size <= arrays[owner].nbytes:
            found[name] = [owner, begin // size, steps]
        elif fit(name):
            owner = name
    return found


def _write(
    file: IO[bytes],
    kinds: Mapping[str, str],
    arrays: Mapping[str, npt.NDArray[Any]],
    notes: Mapping[str, str],
) -> None:
    """Write the header's length, the header, then the arrays, the widest first: so all are aligned."""
    header: dict[str, Any] = {"__metadata__": notes}
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    end = 0
    for name in order:
        begin, end = end, end + arrays[name].nbytes
        header[name] = {"dtype": kinds[name], "shape": arrays[name].shape, "data_offsets": (begin, end)}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in order:
        array = arrays[name]
        file.write(np.asarray(array, array.dtype.newbyteorder("<"), order="C").data)


def load(
    f: Path | IO[bytes], map_location: Any = None, *, weights_only: bool = True, mmap: bool | None = None
) -> Any:
    """Read what `save` or `torch.save` has written, or a safetensors file; of a module its state.

    Files of PyTorch, known by their first bytes, are those of version 0.1.10 and later, in both forms.
    Tensors, parameters, numbers, strings, NumPy's numbers and arrays, and plain containers of such are read,
    by a reader that can run nothing; whatever else is in them is refused by name. Tensors that share a
    storage share it here.

    Parameters
    ----------
    f : str, bytes, os.PathLike or binary file
        The file, of whatever program.
    map_location
        "cpu", or a function or dict, as PyTorch has it; all tensors come to the CPU in any case.
    weights_only, mmap
        Taken for PyTorch's sake: no code is ever run.

    Returns
    -------
    what was saved, or dict of str to Tensor
        Of a module its state, which `Module.load_state_dict` takes. Tensors of uint16, uint32 and uint64 have
        the dtype int32, int64 and int64, those of 8-bit floats float32, which hold their values.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it cannot be read, as a folder.
    ValueError
        If it is not a whole file of these forms, or holds code.
    DTypeError
        If it holds tensors of a dtype that backsweep does not have.
    """
    _check_location(map_location)
    if isinstance(f, (str, bytes, os.PathLike)):
        place = regular(f, "load")
        with open(place, "rb") as file:
            return _load(file, os.path.getsize(place), place)
    if not hasattr(f, "read"):
        raise TypeError(f"[load] f is of type {type(f).__name__}; {_FILE}")
    content = f.read()
    if not isinstance(content, bytes):
        raise TypeError(f"[load] f gives {type(content).__name__}, not bytes; {_FILE}")
    return _load(BytesIO(content), len(content), "the file")


def read_metadata(path: Path) -> dict[str, str]:
    """Read the notes of a safetensors file, without its tensors. Raises as `load`."""
    place = regular(path, "read_metadata")
    with open(place, "rb") as file:
        notes = _Safetensors(file, os.path.getsize(place), place, "read_metadata").notes
    return {key: note for key, note in notes.items() if key not in OWN_NOTES}


def _check_location(place: Any) -> None:
    """Raise unless `map_location` leads to the CPU, which it does if it is a function."""
    if isinstance(place, Mapping):
        for there in place.values():
            check_device("load", there)
    elif not callable(place):
        if not (place is None or isinstance(place, (str, int, device))):
            raise TypeError(
                f"[load] map_location is {place!r}; it is a device, a dict of them, or a function"
            )
        check_device("load", place)


def _load(file: IO[bytes], size: int, place: str) -> Any:
    start = file.read(512)
    file.seek(0)
    if start[8:9] != b"{":
        from backsweep.interop import _pytorch

        if read := _pytorch.reader(start):
            try:
                return read(file, size)
            except _core.DTypeError as error:
                raise _core.DTypeError(f"[load] {place} holds a tensor of {error}") from error
            except Refused as error:
                raise ValueError(f"[load] {place} {error}") from error
    found = _Safetensors(file, size, place, "load")
    try:
        return nested(found, found.notes)
    except _core.DTypeError as error:
        raise _core.DTypeError(f"[load] {place}: {error}") from error
    except Refused as error:
        raise ValueError(f"[load] {place} {error}") from error


class _Safetensors:
    """The tensors of an open file, each read when it is asked for."""

    def __init__(self, file: IO[bytes], size: int, place: str, op: str) -> None:
        from safetensors import SafetensorError, deserialize, safe_open

        self._file = file
        try:  # the format's own package checks the header
            if isinstance(file, BytesIO):
                deserialize(file.getvalue())  # type: ignore[no-untyped-call]
            else:
                safe_open(place, framework="numpy")
        except SafetensorError as error:
            raise ValueError(f"[{op}] {place} is not a whole safetensors file: {error}") from error
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        self.notes: dict[str, str] = header.pop("__metadata__", None) or {}
        self._entries: dict[str, Any] = header
        self._data = 8 + length
        self._flat: dict[str, Tensor] = {}

    def names(self) -> list[str]:
        return list(self._entries)

    def tensor(self, name: str) -> Tensor:
        owner, offset, strides = self._shared.get(name, (name, 0, None))
        kind, shape = self._entries[name]["dtype"], self._entries[name]["shape"]
        if kind != self._entries[owner]["dtype"]:
            raise Refused(f"has {name} as {kind} of another dtype's memory")
        if owner not in self._flat:
            try:
                self._flat[owner] = as_tensor(self._raw(owner), kind)
            except _core.DTypeError as error:
                raise _core.DTypeError(f"{name} is {error}") from error
            except Refused as error:
                raise Refused(f"holds {name}, which {error}") from error
        flat = self._flat[owner]
        return flat.view(tuple(shape)) if strides is None else strided(flat, offset, shape, strides)

    def array(self, name: str) -> npt.NDArray[Any]:
        entry = self._entries[name]
        dtype = next(numpy for numpy, kind in NAMES.items() if kind == entry["dtype"] and numpy != "bfloat16")
        raw = self._raw(name)
        array = raw != 0 if dtype == "bool" else raw.view(np.dtype(dtype).newbyteorder("<"))
        made: npt.NDArray[Any] = array.astype(dtype, copy=False).reshape(entry["shape"])
        return made

    @cached_property
    def _shared(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.notes.get(_SHARED, "{}"))
        return found

    def _raw(self, name: str) -> npt.NDArray[np.uint8]:
        begin, end = self._entries[name]["data_offsets"]
        raw = np.empty(end - begin, np.uint8)
        self._file.seek(self._data + begin)
        if self._file.readinto(raw) != raw.size:  # type: ignore[attr-defined]
            raise Refused("is shorter than its header says")
        return raw
