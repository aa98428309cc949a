"""Files of `torch.save` made by hand, in both forms, and pickles of opcodes: without PyTorch.

Sources: the zip form as in torch/serialization.py (`_save`) and caffe2/serialize/inline_container.cc of
PyTorch, the older one as in torch/serialization.py (`_legacy_save`), opcodes as in Lib/pickletools.py.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import Any

import numpy as np

__all__ = ["STATE", "call", "legacy", "named", "parts", "pickled", "put", "tensor", "zipped"]

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STATE: dict[str, Any] = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "steps": np.array([3, -1]),
    "flags": np.array([True, False, True]),
}
STORAGES = {
    "f4": "Float",
    "f8": "Double",
    "f2": "Half",
    "i8": "Long",
    "i4": "Int",
    "i2": "Short",
    "i1": "Char",
}
STORAGES |= {"u1": "Byte", "b1": "Bool"}


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def put(value: Any) -> bytes:
    """Give the opcodes of a plain value; bytes are opcodes already."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        text = value.encode()
        return b"X" + len(text).to_bytes(4, "little") + text
    if isinstance(value, tuple):
        return b"(" + b"".join(map(put, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(put, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(put(k) + put(v) for k, v in value.items()) + b"u"
    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    return pickle.dumps(value, 2)[2:-1]


def call(function: bytes, *arguments: Any) -> bytes:
    return function + put(arguments) + b"R"


def pickled(value: Any) -> bytes:
    return b"\x80\x02" + put(value) + b"."


def storage(kind: str, key: str, count: int, legacy: bool) -> bytes:
    end: tuple[Any, ...] = (None,) if legacy else ()
    return put(("storage", named("torch", kind), key, "cpu", count, *end)) + b"Q"


def parts(kind: str, key: str, count: int, shape: Any, strides: Any, offset: int = 0, **more: Any) -> Any:
    """Give what a tensor is made of; `requires_grad` and `legacy` may be given."""
    of = storage(kind, key, count, more.get("legacy", False))
    hooks = call(named("collections", "OrderedDict"))
    return of, offset, tuple(shape), tuple(strides), more.get("requires_grad", False), hooks


def tensor(*given: Any, **more: Any) -> bytes:
    return call(named("torch._utils", "_rebuild_tensor_v2"), *parts(*given, **more))


def strides(array: Any) -> tuple[int, ...]:
    return tuple(s // array.itemsize for s in array.strides)


def _state(arrays: dict[str, Any], legacy: bool) -> tuple[bytes, dict[str, Any]]:
    """Give the pickle of a state_dict, and its storages by key."""
    items, storages = {}, {}
    for number, (name, array) in enumerate(arrays.items()):
        key = str(94000000000000 + number) if legacy else str(number)  # addresses, and numbers
        storages[key] = array
        kind = f"{STORAGES[array.dtype.str[1:]]}Storage"
        items[name] = tensor(kind, key, array.size, array.shape, strides(array), legacy=legacy)
    made = call(named("collections", "OrderedDict"))
    body = b"(" + b"".join(put(k) + v for k, v in items.items()) + b"u"
    state = put({"_metadata": call(named("collections", "OrderedDict"))}) + b"b"
    return b"\x80\x02" + made + body + state + b".", storages


def zipped(
    arrays: dict[str, Any] | None = None,
    *,
    pickle: bytes | None = None,
    order: str | None = "little",
    version: str = "3",
    storages: dict[str, Any] | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> bytes:
    """Give a file in the form of version 1.6 and later; before 2.1 there was no entry of the byte order."""
    if pickle is None:
        pickle, storages = _state(STATE if arrays is None else arrays, False)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickle)
        if order is not None:
            archive.writestr("archive/byteorder", order)
        for key, array in (storages or {}).items():
            data = array.astype(array.dtype.newbyteorder(">" if order == "big" else "<")).tobytes()
            entry = zipfile.ZipInfo(f"archive/data/{key}")
            entry.compress_type = compression
            room = -(file.tell() + 30 + len(entry.filename) + 4) % 64  # storages begin at multiples of 64
            entry.extra = b"FB" + room.to_bytes(2, "little") + b"Z" * room
            archive.writestr(entry, data)
        archive.writestr("archive/version", version + "\n")
    return file.getvalue()


def legacy(
    arrays: dict[str, Any] | None = None,
    *,
    pickle: bytes | None = None,
    storages: dict[str, Any] | None = None,
    protocol: int = PROTOCOL,
) -> bytes:
    """Give a file in the form of versions 0.1.10 to 1.5."""
    if pickle is None:
        pickle, storages = _state(STATE if arrays is None else arrays, True)
    kept = storages or {}
    sizes = {
        "protocol_version": protocol,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    head = pickled(MAGIC) + pickled(protocol) + pickled(sizes)
    data = b"".join(
        a.size.to_bytes(8, "little") + a.astype(a.dtype.newbyteorder("<")).tobytes() for a in kept.values()
    )
    return head + pickle + pickled(list(kept)) + data
