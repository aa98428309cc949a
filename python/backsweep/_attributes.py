"""What a tensor says of itself beside its shape and dtype: where it is, how it lies, how large it is.

No number is complex: what PyTorch has for such gives the tensor, or refuses.
"""

from __future__ import annotations

from math import pi
from typing import Any, NoReturn

from backsweep import _core, _device
from backsweep._arguments import tensor
from backsweep._core import Tensor
from backsweep._methods import attribute, method

__all__ = [
    "angle",
    "clone",
    "conj",
    "conj_physical",
    "is_complex",
    "is_conj",
    "is_floating_point",
    "is_neg",
    "is_nonzero",
    "is_same_size",
    "is_tensor",
    "isreal",
    "numel",
    "real",
    "resolve_conj",
    "resolve_neg",
]


@attribute
def device(input: Tensor) -> _device.device:
    """Give the place of the elements: the CPU."""
    return _device.CPU


@attribute
def layout(input: Tensor) -> _device.Word:
    """Give how elements lie: `bs.strided`."""
    return _device.strided


@attribute
def is_cpu(input: Tensor) -> bool:
    """Give True."""
    return True


@attribute
def is_cuda(input: Tensor) -> bool:
    """Give False: there is no GPU."""
    return False


@attribute
def is_mps(input: Tensor) -> bool:
    """Give False: there is no GPU."""
    return False


@attribute
def is_sparse(input: Tensor) -> bool:
    """Give False: all elements are stored."""
    return False


@attribute
def is_quantized(input: Tensor) -> bool:
    """Give False."""
    return False


@attribute
def itemsize(input: Tensor) -> int:
    """Give the bytes per element."""
    return input.dtype.itemsize


@attribute
def nbytes(input: Tensor) -> int:
    """Give the bytes of all elements."""
    return input.numel() * input.dtype.itemsize


@method
def get_device(input: Tensor) -> int:
    """Give -1, the number of the CPU."""
    return -1


@method
def element_size(input: Tensor) -> int:
    """Give the bytes per element."""
    return input.dtype.itemsize


@method
def nelement(input: Tensor) -> int:
    """Give the number of elements."""
    return input.numel()


def numel(input: Tensor) -> int:
    """Give the number of elements."""
    return input.numel()


@method
def ndimension(input: Tensor) -> int:
    """Give the number of axes."""
    return input.ndim


@method
def is_floating_point(input: Tensor) -> bool:
    """Say whether the elements are floating-point numbers."""
    return input.dtype.is_floating_point


@method
def is_complex(input: Tensor) -> bool:
    """Say whether the elements are complex numbers: never."""
    return False


@method
def is_signed(input: Tensor) -> bool:
    """Say whether the dtype has negative numbers."""
    return input.dtype.is_signed


@method
def is_nonzero(input: Tensor) -> bool:
    """Say whether the only element is not 0. RuntimeError unless there is exactly one."""
    if input.numel() != 1:
        raise RuntimeError(f"[is_nonzero] input is {tuple(input.shape)}: it must have one element")
    return bool(input)


@method
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Say whether the shapes are the same."""
    return input.shape == other.shape


def is_tensor(obj: Any) -> bool:
    """Say whether obj is a Tensor."""
    return isinstance(obj, Tensor)


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """Give a copy with the history, as `Tensor.clone`."""
    return tensor("clone", "input", input).clone(memory_format=memory_format)


@method
def cpu(input: Tensor, memory_format: Any = None) -> Tensor:
    """Give the tensor itself: it is on the CPU."""
    _device.check_layout("cpu", None, memory_format)
    return input


@method
def cuda(
    input: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None
) -> NoReturn:
    """Raise RuntimeError: there is no GPU."""
    _device.no_cuda("cuda")


@method
def pin_memory(input: Tensor, device: Any = None) -> Tensor:
    """Give the tensor itself: there is no GPU to copy it to."""
    return input


@method
def is_shared(input: Tensor) -> bool:
    """Give False: processes share no memory."""
    return False


@method
def share_memory_(input: Tensor) -> NoReturn:
    """Raise RuntimeError: processes share no memory."""
    _device.no_sharing("share_memory_")


@method
def is_pinned(input: Tensor, device: Any = None) -> bool:
    """Give False."""
    return False


@attribute
def mT(input: Tensor) -> Tensor:
    """Give the matrices of the last two axes transposed, a view."""
    return input.transpose(-2, -1)


@attribute
def mH(input: Tensor) -> Tensor:
    """Give `mT`: no number is complex."""
    return input.transpose(-2, -1)


@attribute
def H(input: Tensor) -> Tensor:
    """Give a matrix transposed, a view: no number is complex."""
    return input.t()


@method
def conj(input: Tensor) -> Tensor:
    """Give the tensor itself: no number is complex."""
    return input


@method
def conj_physical(input: Tensor) -> Tensor:
    """Give the tensor itself: no number is complex."""
    return input


@method
def resolve_conj(input: Tensor) -> Tensor:
    """Give the tensor itself: no number is complex."""
    return input


@method
def resolve_neg(input: Tensor) -> Tensor:
    """Give the tensor itself: no negation is put off."""
    return input


@method
def is_conj(input: Tensor) -> bool:
    """Give False: no number is complex."""
    return False


@method
def is_neg(input: Tensor) -> bool:
    """Give False: no negation is put off."""
    return False


@attribute
def real(input: Tensor) -> Tensor:
    """Give the tensor itself: no number is complex."""
    return input


@method
def isreal(input: Tensor) -> Tensor:
    """Give True for each element: no number is complex."""
    return _core.ones_like(input, dtype=_core.bool_)


@method
def angle(input: Tensor) -> Tensor:
    """Give the angle of each number: pi where it is below 0, 0 elsewhere, NaN of NaN."""
    x = input if input.dtype.is_floating_point else input.to(_core.float32)
    return _core.where(x != x, x, _core.where(x < 0, pi, 0.0).to(x.dtype))
