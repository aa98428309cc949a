"""Device words, for what they are on a CPU: every tensor is there, and no other place exists."""

from __future__ import annotations

from typing import Any, NoReturn, TypeAlias

__all__ = [
    "CPU",
    "DeviceLike",
    "Word",
    "channels_last",
    "channels_last_3d",
    "check_device",
    "check_layout",
    "contiguous_format",
    "device",
    "get_default_device",
    "no_cuda",
    "preserve_format",
    "set_default_device",
    "strided",
]

# What PyTorch knows; programs may name them before they ask whether they are there.
_TYPES = ("cpu", "cuda", "mps", "xpu", "hpu", "mtia", "xla", "meta", "ipu", "vulkan")


class device:
    """A place for tensors. Only "cpu" can be used; others can be named, as programs name them.

    Parameters
    ----------
    type : str, device or int
        "cpu", "cuda", "cuda:1", ...; an int is the number of a GPU.
    index : int, optional
        The number among devices of the type.

    Raises
    ------
    RuntimeError
        If there is no such type of device.

    Examples
    --------
    >>> bs.zeros(2, device=bs.device("cuda" if bs.cuda.is_available() else "cpu"))
    tensor([0., 0.])
    """

    __slots__ = ("_before", "index", "type")

    type: str
    index: int | None

    def __init__(self, type: str | device | int, index: int | None = None) -> None:
        name: object = type
        if isinstance(name, device):
            kind, index = name.type, name.index
        elif isinstance(name, int) and not isinstance(name, bool):
            kind, index = "cuda", name
        elif isinstance(name, str):
            kind, colon, number = name.partition(":")
            if kind not in _TYPES or (colon and (index is not None or not number.isdecimal())):
                raise RuntimeError(f"[device] there is no device {name!r}: types are {', '.join(_TYPES)}")
            index = int(number) if colon else index
        else:
            raise TypeError(f"[device] type is a str or an int, not {name.__class__.__name__}")
        object.__setattr__(self, "type", kind)
        object.__setattr__(self, "index", index)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"[device] {name} cannot be set: make another device")

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        check_device("device", self)
        return self

    def __exit__(self, *error: object) -> None:
        return None


DeviceLike: TypeAlias = "device | str | int | None"
CPU = device("cpu")


def no_cuda(op: str) -> NoReturn:
    """Raise the error of whoever asks for a GPU."""
    raise RuntimeError(
        f"[{op}] there is no GPU: backsweep computes on the CPU. Leave the call out, or make it only if "
        "bs.cuda.is_available(), which is False here"
    )


def no_sharing(op: str) -> NoReturn:
    """Raise the error of whoever asks for memory that several processes write to."""
    raise RuntimeError(
        f"[{op}] processes share no memory: what one trains stays in it. Leave the call out where processes "
        "only read (multiprocessing.spawn hands them copies), or train in one process: steps use all cores"
    )


def check_device(op: str, given: DeviceLike) -> None:
    """Raise unless a device= argument is None or the CPU."""
    if given is None or (isinstance(given, str) and given == "cpu"):
        return
    given_type: type = type(given)
    if given_type not in (str, int, device):
        raise TypeError(f"[{op}] device is a bs.device or a str, not {given_type.__name__}")
    place = device(given)
    if place.type != "cpu" or place.index not in (None, 0):
        raise RuntimeError(
            f'[{op}] device is "{place}", and there is only "cpu": choose "cuda" and the like only if '
            "bs.cuda.is_available(), which is False here"
        )


def set_default_device(device: DeviceLike) -> None:
    """Take "cpu", the only place; RuntimeError for any other."""
    check_device("set_default_device", device)


def get_default_device() -> device:
    """Give the CPU."""
    return CPU


class Word:
    """A name that some arguments take: a layout, or a memory format."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"bs.{self._name}"

    def __reduce__(self) -> str:
        return self._name


strided = Word("strided")
contiguous_format = Word("contiguous_format")
preserve_format = Word("preserve_format")
channels_last = Word("channels_last")
channels_last_3d = Word("channels_last_3d")
_FORMATS = (None, contiguous_format, preserve_format, channels_last, channels_last_3d)


def check_layout(op: str, layout: Any, memory_format: Any = None) -> None:
    """Raise unless the layout is strided, and the memory format is one."""
    if layout is not None and layout is not strided:
        raise TypeError(f"[{op}] layout is {layout!r}: tensors are bs.strided")
    if memory_format not in _FORMATS:
        raise TypeError(f"[{op}] memory_format is {memory_format!r}, which is none")
