"""Paths and open files: a file that appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TypeAlias

__all__ = ["Path", "check_writable", "regular", "replaced"]

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]


@contextmanager
def replaced(path: Path, op: str = "save") -> Iterator[IO[bytes]]:
    """Give a new file beside a path's; at the end it is flushed to the disk and takes that one's place.

    Whatever ends the program before leaves the old file as it is, and an error removes the new one.
    """
    target, draft = _start(path, op)
    try:
        try:
            with open(draft, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileNotFoundError):
                os.chmod(draft, os.stat(target).st_mode & 0o7777)
            os.replace(draft, target)
        except OSError as error:
            raise type(error)(
                error.errno, f"[{op}] {target} cannot be written: {error.strerror or error}"
            ) from error
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
    with suppress(OSError):  # some file systems cannot flush folders
        _flush(os.path.dirname(target))


def check_writable(path: Path) -> None:
    """Raise the OSError that `save` would raise for this path now; a file that is there stays as it is."""
    os.unlink(_start(path, "save")[1])


def regular(path: Path, op: str) -> str:
    """Give a path's name if a regular file is there, or raise."""
    place = os.fsdecode(path)
    if not os.path.exists(place):
        raise FileNotFoundError(f"[{op}] there is no file {place}")
    if os.path.isdir(place):
        raise IsADirectoryError(f"[{op}] {place} is a folder")
    if not os.path.isfile(place):
        raise OSError(f"[{op}] {place} is not a regular file")
    return place


def _start(path: Path, op: str) -> tuple[str, str]:
    """Give the file that is meant and a new empty file beside it."""
    place = os.fsdecode(path)
    target = os.path.realpath(place)
    folder = os.path.dirname(target)
    if os.path.isdir(target):
        raise IsADirectoryError(f"[{op}] {target} is a folder")
    if os.path.islink(target) or (os.path.exists(place) and not os.path.isfile(place)):
        raise OSError(f"[{op}] {place} is not a regular file")
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"[{op}] there is no folder {folder}")
    draft = os.path.join(folder, f".{os.urandom(6).hex()}.tmp")
    try:
        with suppress(FileNotFoundError):
            os.lstat(target)  # raises if the name is too long
        open(draft, "xb").close()
    except OSError as error:
        raise OSError(error.errno, f"[{op}] {target} cannot be written: {error.strerror}") from error
    return target, draft


def _flush(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
