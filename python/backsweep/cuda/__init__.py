"""What programs ask of `torch.cuda` before they use it: there is no GPU, and whatever needs one says so."""

from __future__ import annotations

from typing import Any, NoReturn

from backsweep._device import no_cuda
from backsweep.cuda import amp

__all__ = [
    "amp",
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_rng_state",
    "synchronize",
]


def is_available() -> bool:
    """Say whether there is a GPU: never."""
    return False


def is_initialized() -> bool:
    """Give False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Give False."""
    return False


def device_count() -> int:
    """Give 0: there is no GPU."""
    return 0


def manual_seed(seed: int) -> None:
    """Set the seed of the GPU, which is not there: nothing happens. `bs.manual_seed` sets that of the CPU."""


def manual_seed_all(seed: int) -> None:
    """Set the seed of all GPUs, of which there are none: nothing happens."""


def seed() -> None:
    """Set a seed of the GPU, which is not there: nothing happens."""


def seed_all() -> None:
    """Set a seed of all GPUs, of which there are none: nothing happens."""


def empty_cache() -> None:
    """Free memory of GPUs: nothing happens."""


def memory_allocated(device: Any = None) -> int:
    """Give 0, the bytes that tensors take on GPUs."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """Give 0, the most bytes that tensors have taken on GPUs."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Give 0, the bytes that are held on GPUs."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """Give 0, the most bytes that were held on GPUs."""
    return 0


def reset_peak_memory_stats(device: Any = None) -> None:
    """Begin a new count of the most bytes: nothing happens."""


def current_device() -> NoReturn:
    """Raise RuntimeError: there is no GPU."""
    no_cuda("cuda.current_device")


def set_device(device: Any) -> NoReturn:
    """Raise RuntimeError: there is no GPU."""
    no_cuda("cuda.set_device")


def synchronize(device: Any = None) -> NoReturn:
    """Raise RuntimeError: there is no GPU."""
    no_cuda("cuda.synchronize")


def get_device_name(device: Any = None) -> NoReturn:
    """Raise RuntimeError: there is no GPU."""
    no_cuda("cuda.get_device_name")


def get_device_capability(device: Any = None) -> NoReturn:
    """Raise RuntimeError: there is no GPU."""
    no_cuda("cuda.get_device_capability")


def get_device_properties(device: Any = None) -> NoReturn:
    """Raise RuntimeError: there is no GPU."""
    no_cuda("cuda.get_device_properties")


def get_rng_state(device: Any = "cuda") -> NoReturn:
    """Raise RuntimeError: there is no GPU. `bs.get_rng_state` is for the CPU."""
    no_cuda("cuda.get_rng_state")


def set_rng_state(new_state: Any, device: Any = "cuda") -> NoReturn:
    """Raise RuntimeError: there is no GPU. `bs.set_rng_state` is for the CPU."""
    no_cuda("cuda.set_rng_state")


class _Absent(type):
    """The type of what lies on GPUs: nothing is an instance of it, and none can be made."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        no_cuda(f"cuda.{cls.__name__}")

    def __instancecheck__(cls, instance: Any) -> bool:
        return False


def _absent(name: str) -> _Absent:
    return _Absent(name, (), {"__doc__": "What GPUs have: nothing is one.", "__module__": __name__})


FloatTensor, DoubleTensor, HalfTensor = _absent("FloatTensor"), _absent("DoubleTensor"), _absent("HalfTensor")
BFloat16Tensor, BoolTensor, ByteTensor = (
    _absent("BFloat16Tensor"),
    _absent("BoolTensor"),
    _absent("ByteTensor"),
)
CharTensor, ShortTensor, IntTensor = _absent("CharTensor"), _absent("ShortTensor"), _absent("IntTensor")
LongTensor = _absent("LongTensor")
Event, Stream, device = _absent("Event"), _absent("Stream"), _absent("device")
