"""Files of data sets: their checksums, and how they come from the net to a folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import zlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeAlias, cast
from urllib.parse import urlsplit

from backsweep._files import replaced

__all__ = [
    "calculate_md5",
    "check_integrity",
    "download_and_extract_archive",
    "download_url",
    "extract_archive",
]

AnyPath: TypeAlias = str | os.PathLike[str]

_BLOCK = 1 << 20
_SECONDS_OF_SILENCE = 30.0  # of a server, after which another one is asked
_ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip", ".gz")


class ChecksumError(RuntimeError):
    """What was downloaded is not what was published."""


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)  # what the sources publish


def calculate_md5(fpath: AnyPath, chunk_size: int = _BLOCK) -> str:
    """Give the MD5 checksum of a file as 32 hexadecimal digits, read `chunk_size` bytes at a time."""
    digest = _md5()
    with open(fpath, "rb") as file:
        while block := file.read(chunk_size):
            digest.update(block)
    return str(digest.hexdigest())


def check_integrity(fpath: AnyPath, md5: str | None = None) -> bool:
    """Say whether a file `fpath` is there and, where `md5` is given, has this checksum."""
    return os.path.isfile(fpath) and (md5 is None or calculate_md5(fpath) == md5)


# ---- From the net --------------------------------------------------------------------------------------


def download_url(
    url: str | Sequence[str], root: AnyPath, filename: str | None = None, md5: str | None = None
) -> Path:
    """Fetch a file into a folder, unless it is there with the right checksum.

    It appears under its name when it is whole and has been checked, and not before.

    Parameters
    ----------
    url : str or sequence of str
        Where the file is; of several, which are asked in turn, the first that gives it.
    root : path
        The folder, which is made if need be.
    filename : str, optional
        The last part of the address if left out.
    md5 : str, optional
        The published checksum.

    Returns
    -------
    pathlib.Path
        Where the file lies.

    Raises
    ------
    RuntimeError
        If no address gives the file, or what came has another checksum; the text says what each gave.
    """
    urls = [url] if isinstance(url, str) else list(url)
    if not urls:
        raise ValueError("[download_url] url is empty; it must be an address, or several")
    name = filename or PurePosixPath(urlsplit(urls[0]).path).name
    if name in ("", ".", "..") or name != os.path.basename(name):
        raise ValueError(f"[download_url] filename is {name!r}; it must be the name of a file in root")
    folder = Path(root).expanduser()
    target = folder / name
    if check_integrity(target, md5):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for one in urls:
        error = _fetched(one, target, md5)
        if error is None:
            return target
        failed.append(f"{one}: {error}")
    raise RuntimeError(
        f"[download_url] {name} could not be fetched ({'; '.join(failed)}): put it into {folder} by hand"
    )


def _fetched(url: str, target: Path, md5: str | None) -> Exception | None:
    """Fetch a file, or give the error."""
    from http.client import HTTPException
    from urllib.error import HTTPError

    try:
        _fetch(url, target, md5)
    except HTTPError as error:  # which holds the connection
        error.close()
        return error
    except (OSError, ValueError, HTTPException, ChecksumError) as error:  # OSError: also urllib's
        return error
    return None


def _fetch(url: str, target: Path, md5: str | None) -> None:
    from urllib.request import Request, urlopen

    request = Request(url, headers={"User-Agent": "backsweep"})
    digest, length = _md5(), 0
    with closing(urlopen(request, timeout=_SECONDS_OF_SILENCE)) as answer:
        promised = answer.headers.get("Content-Length")
        with replaced(target, "download_url") as file, _bar(target.name, promised) as bar:
            while block := answer.read(_BLOCK):
                file.write(block)
                digest.update(block)
                length += len(block)
                bar.update(len(block))
            if promised is not None and promised.isdigit() and length != int(promised):
                raise ChecksumError(f"{length} of {promised} bytes came")
            if md5 is not None and digest.hexdigest() != md5:
                raise ChecksumError(f"its MD5 is {digest.hexdigest()}, published is {md5}")


def _bar(name: str, promised: str | None) -> Any:
    from tqdm import tqdm

    total = int(promised) if promised and promised.isdigit() else None
    return tqdm(
        total=total, desc=name, unit="B", unit_scale=True, disable=None, file=sys.stderr
    )  # None: silent where nobody looks on


# ---- Archives ------------------------------------------------------------------------------------------


def extract_archive(
    from_path: AnyPath, to_path: AnyPath | None = None, remove_finished: bool = False
) -> Path:
    """Extract an archive: .zip, .tar, .tar.gz or .tgz, or one file in .gz.

    Parameters
    ----------
    from_path : path
        The archive.
    to_path : path, optional
        The folder to extract into; that of the archive if left out.
    remove_finished : bool, default False
        Whether to delete the archive afterwards.

    Returns
    -------
    pathlib.Path
        The folder, or of .gz the file.

    Raises
    ------
    ValueError
        If the archive is broken or of another kind, or an entry would lie outside the folder or be no plain
        file.
    """
    import gzip  # these cost time to import
    import tarfile
    import zipfile

    source = Path(from_path)
    folder = source.parent if to_path is None else Path(to_path)
    kind = next((suffix for suffix in _ARCHIVES if source.name.endswith(suffix)), None)
    if kind is None:
        raise ValueError(f"[extract_archive] {source.name} is no archive known: {', '.join(_ARCHIVES)}")
    folder.mkdir(parents=True, exist_ok=True)
    made = folder
    try:
        if kind == ".zip":
            with zipfile.ZipFile(source) as archive:
                for entry in archive.infolist():
                    if not entry.is_dir():
                        with archive.open(entry) as part:
                            _extract(part, entry.filename, folder)
        elif kind == ".gz":
            made = folder / source.name.removesuffix(kind)
            with gzip.open(source) as packed:
                _extract(cast("IO[bytes]", packed), made.name, folder)
        else:
            with tarfile.open(source) as tar:
                for member in tar:
                    part_or_none = tar.extractfile(member) if member.isfile() else None
                    if part_or_none is not None:
                        _extract(part_or_none, member.name, folder)
                    elif not member.isdir():
                        raise ValueError(f"[extract_archive] {member.name} in {source} is no plain file")
    except (EOFError, tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error) as error:
        why = str(error).partition(":\n")[0]  # tarfile lists what it has tried
        raise ValueError(f"[extract_archive] {source} is broken: {why}") from error
    except RuntimeError as error:  # encrypted, or NotImplementedError: packed in a way that Python has not
        raise ValueError(f"[extract_archive] {source} cannot be read: {error}") from error
    if remove_finished:
        source.unlink()
    return made


def _extract(part: IO[bytes], name: str, folder: Path) -> None:
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts or "\\" in name:
        raise ValueError(f"[extract_archive] the entry {name!r} would lie outside of {folder}")
    target = folder / inside
    target.parent.mkdir(parents=True, exist_ok=True)
    with replaced(target, "extract_archive") as file:
        shutil.copyfileobj(part, file, _BLOCK)


def download_and_extract_archive(
    url: str | Sequence[str],
    download_root: AnyPath,
    extract_root: AnyPath | None = None,
    filename: str | None = None,
    md5: str | None = None,
    remove_finished: bool = False,
) -> None:
    """Fetch an archive by `download_url` and extract it by `extract_archive`, whose arguments it takes.

    `extract_root` is `download_root` if left out.
    """
    archive = download_url(url, download_root, filename, md5)
    extract_archive(archive, extract_root, remove_finished)
