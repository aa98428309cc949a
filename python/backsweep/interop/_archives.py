"""Where a file of PyTorch keeps its storages: entries of a zip archive, or behind its pickles."""

from __future__ import annotations

import struct
import zlib
from typing import IO, Any, Literal, Protocol
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
import numpy.typing as npt

from backsweep.interop._layouts import Refused

__all__ = ["Legacy", "Source", "Zip"]


class Source(Protocol):
    """Storages by their keys. Raises Refused where the file has not what it says."""

    order: Literal["<", ">"]
    """Of the bytes."""

    def check(self, key: str, size: int) -> None: ...
    def read(self, key: str) -> npt.NDArray[np.uint8]: ...


class Zip:
    """A zip archive, as PyTorch writes since version 1.6: nothing in it is compressed.

    No more is read than the file has bytes: entries may lie upon each other.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size, self._left = file, size, size
        try:
            with ZipFile(file) as archive:
                entries = archive.infolist()
        except (BadZipFile, LookupError, NotImplementedError, OSError, ValueError, struct.error) as error:
            raise Refused(f"is a broken zip archive: {error}") from error
        self._entries = {entry.filename: entry for entry in entries}
        if len(self._entries) != len(entries):
            raise Refused("is a broken zip archive: two entries have the same name")
        tops = [name.partition("/")[0] for name in self._entries if name.count("/") == 1]
        found = {top for top in tops if f"{top}/data.pkl" in self._entries}
        if len(found) != 1:
            raise Refused("is a zip archive, but not one of torch.save: there is no data.pkl in it")
        self._top = found.pop()
        if f"{self._top}/constants.pkl" in self._entries:
            raise Refused(
                "is a program of TorchScript, which is not run: in PyTorch, "
                "torch.save(torch.jit.load(path).state_dict(), path) writes what can be loaded"
            )
        order = "little"
        if f"{self._top}/byteorder" in self._entries:
            order = self._bytes("byteorder").decode("latin1")
        if order not in ("little", "big"):
            raise Refused(f"is broken: its byte order is {order!r}")
        self.order: Literal["<", ">"] = "<" if order == "little" else ">"
        self.pickle = self._bytes("data.pkl")

    def check(self, key: str, size: int) -> None:
        if self._entry(f"data/{key}").file_size != size:
            raise Refused(f"is broken: storage {key[:40]} has not the size that is written")

    def read(self, key: str) -> npt.NDArray[np.uint8]:
        return self._content(self._entry(f"data/{key}"))

    def _content(self, entry: ZipInfo) -> npt.NDArray[np.uint8]:
        self._left -= entry.file_size
        head = b""
        if entry.header_offset >= 0:
            self._file.seek(entry.header_offset)
            head = self._file.read(30)
        if len(head) != 30 or head[:4] != b"PK\x03\x04":
            raise Refused(f"is a broken zip archive: {entry.filename} is not where it should be")
        begin = entry.header_offset + 30 + sum(struct.unpack("<HH", head[26:]))
        if self._left < 0 or begin + entry.file_size > self._size:
            raise Refused(f"is a broken zip archive: {entry.filename} leaves the file")
        raw = np.empty(entry.file_size, np.uint8)
        self._file.seek(begin)
        if self._file.readinto(raw) != raw.size:  # type: ignore[attr-defined]
            raise Refused(f"is a broken zip archive: {entry.filename} leaves the file")
        # PyTorch writes 0 if it is told to compute none.
        if entry.CRC and zlib.crc32(raw.data) != entry.CRC:
            raise Refused(f"is broken: {entry.filename} has not the checksum that is written")
        return raw

    def _entry(self, name: str) -> ZipInfo:
        entry = self._entries.get(f"{self._top}/{name}")
        if entry is None:
            raise Refused(f"is broken: there is no {name[:40]} in it")
        if entry.compress_type or entry.flag_bits & 1 or entry.compress_size != entry.file_size:
            raise Refused(f"has {name[:40]} compressed or encrypted, as torch.save never writes it")
        return entry

    def _bytes(self, name: str) -> bytes:
        return self._content(self._entry(name)).tobytes()


class Legacy:
    """What stands behind the pickles, as PyTorch wrote it before version 1.6: sizes and storages by turns."""

    order: Literal["<", ">"] = "<"  # on machines of the other order too

    def __init__(self, data: bytes, at: int, keys: Any, sizes: dict[str, int]) -> None:
        if not isinstance(keys, list) or not all(isinstance(key, str) and key in sizes for key in keys):
            raise Refused("is broken: its list of storages is none")
        self._data, self._left = data, len(data)
        self._places: dict[str, tuple[int, int]] = {}
        for key in keys:
            if len(data) - at < 8:
                raise Refused("is broken: it ends before its storages")
            size = int.from_bytes(data[at : at + 8], "little", signed=True) * sizes[key]
            at += 8
            if not 0 <= size <= len(data) - at:
                raise Refused(f"is broken: it ends within its storage {key[:40]}")
            self._places[key] = at, size
            at += size

    def check(self, key: str, size: int) -> None:
        if self._place(key)[1] != size:
            raise Refused(f"is broken: storage {key[:40]} has not the size that is written")

    def read(self, key: str) -> npt.NDArray[np.uint8]:
        at, size = self._place(key)
        self._left -= size
        if self._left < 0:
            raise Refused("is broken: its storages are larger than the file")
        raw: npt.NDArray[np.uint8] = np.frombuffer(self._data, np.uint8, size, at).copy()
        return raw

    def _place(self, key: str) -> tuple[int, int]:
        if key not in self._places:
            raise Refused(f"is broken: there is no storage {key[:40]} in it")
        return self._places[key]
