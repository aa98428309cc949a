"""Tensors of random numbers, and methods that fill a tensor with them."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from numbers import Integral
from typing import Any

from backsweep import _core
from backsweep._arguments import flag, number, shown, whole
from backsweep._core import DType, DTypeError, ShapeError, Tensor
from backsweep._device import DeviceLike, check_device, check_layout
from backsweep._methods import method

__all__ = [
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]


def _shape(op: str, given: Sequence[Any], size: Any) -> Any:
    """Give the sizes of f(2, 3), f((2, 3)) or f(size=(2, 3))."""
    if size is not None:
        if given:
            raise TypeError(f"[{op}] got two values for 'size'")
        return size
    return given[0] if len(given) == 1 else given


def _made(
    op: str, value: Tensor, layout: Any, device: DeviceLike, requires_grad: bool, out: Tensor | None = None
) -> Tensor:
    """Give the value as the arguments that all of these functions take ask for it."""
    check_layout(op, layout)
    check_device(op, device)
    if out is not None:
        if out.shape != value.shape:
            raise ShapeError(f"[{op}] out is {out.shape}, the result {value.shape}")
        return out.copy_(value)
    return value.requires_grad_() if flag(op, "requires_grad", requires_grad) else value


def _floats(op: str, dtype: Any, otherwise: DType | None = None) -> DType:
    """Give the floating-point dtype that is asked for."""
    if dtype is None:
        dtype = otherwise or _core.get_default_dtype()
    wanted = _core.zeros(0, dtype=dtype).dtype
    if not wanted.is_floating_point:
        raise DTypeError(f"[{op}] random floats have no dtype {wanted.name}: bs.randint draws integers")
    return wanted


def _uniform(shape: Any, dtype: DType, generator: Any) -> Tensor:
    """Draw from [0, 1); of float16 and bfloat16 multiples of 2^-11 and 2^-8, which are all below 1."""
    wide = dtype == _core.float64
    u = _core.uniform(shape, dtype=_core.float64 if wide else _core.float32, generator=generator)
    if dtype.itemsize > 2:
        return u
    steps = 2**11 if dtype == _core.float16 else 2**8
    return (u * steps).to(_core.int32).to(_core.float32).mul(1 / steps).to(dtype)


def _gaussian(shape: Any, dtype: DType, generator: Any) -> Tensor:
    """Draw from the normal distribution with mean 0 and deviation 1."""
    wide = dtype == _core.float64
    z = _core.ops.gaussian(shape, dtype=_core.float64 if wide else _core.float32, generator=generator)
    return z.to(dtype)


def rand(
    *args: Any,
    size: Any = None,
    generator: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Give random numbers, uniform in [0, 1).

    Parameters
    ----------
    *args : int, or one sequence of ints
        The shape, also as `size`.
    generator : Generator, optional
        Where the numbers come from; by default the generator that `bs.manual_seed` seeds.
    out : Tensor, optional
        What is written instead of a new tensor.
    dtype : dtype, optional
        A floating-point one; by default `get_default_dtype()`.
    layout, device, pin_memory
        Words of PyTorch; the device is the CPU.
    requires_grad : bool
        Whether gradients by the result are recorded.

    Raises
    ------
    DTypeError
        If the dtype is not floating-point.
    ShapeError
        If a size is negative, or `out` has another shape.
    """
    value = _uniform(_shape("rand", args, size), _floats("rand", dtype), generator)
    return _made("rand", value, layout, device, requires_grad, out)


def randn(
    *args: Any,
    size: Any = None,
    generator: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Give random numbers of the normal distribution with mean 0 and deviation 1.

    Arguments and errors are those of `rand`. Source: Box and Muller (1958), A Note on the Generation of
    Random Normal Deviates.
    """
    value = _gaussian(_shape("randn", args, size), _floats("randn", dtype), generator)
    return _made("randn", value, layout, device, requires_grad, out)


def rand_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    generator: Any = None,
) -> Tensor:
    """Give numbers uniform in [0, 1) of the shape, and by default the dtype, of input. See `rand`."""
    check_layout("rand_like", layout, memory_format)
    value = _uniform(input.shape, _floats("rand_like", dtype, input.dtype), generator)
    return _made("rand_like", value, None, device, requires_grad)


def randn_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    generator: Any = None,
) -> Tensor:
    """Give normal numbers of the shape, and by default the dtype, of input. See `randn`."""
    check_layout("randn_like", layout, memory_format)
    value = _gaussian(input.shape, _floats("randn_like", dtype, input.dtype), generator)
    return _made("randn_like", value, None, device, requires_grad)


def randint(
    low: Any = None,
    high: Any = None,
    size: Any = None,
    *,
    generator: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Give random whole numbers from low to high - 1: randint(high, size) or randint(low, high, size).

    Parameters
    ----------
    low : int, default 0
    high : int
    size : sequence of int
        The shape.
    dtype : dtype, optional
        By default int64.
    generator, out, layout, device, requires_grad, pin_memory
        As of `rand`.

    Raises
    ------
    ValueError
        If low is not below high.
    """
    if size is None:
        low, high, size = 0, (low if low is not None else high), (high if low is not None else None)
    if size is None or isinstance(size, Integral):
        raise TypeError(
            f"[randint] size is {shown(size)}; it must be a sequence of ints, as in randint(10, (2, 3))"
        )
    return _made(
        "randint", _integers("randint", low, high, size, dtype, generator), layout, device, requires_grad, out
    )


def randint_like(
    input: Tensor,
    low: Any,
    high: Any = None,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    generator: Any = None,
) -> Tensor:
    """Give numbers from low (or 0) to high - 1 of the shape, and by default the dtype, of input."""
    check_layout("randint_like", layout, memory_format)
    low, high = (0, low) if high is None else (low, high)
    value = _integers("randint_like", low, high, input.shape, dtype or input.dtype, generator)
    return _made("randint_like", value, None, device, requires_grad)


def _integers(op: str, low: Any, high: Any, size: Any, dtype: Any, generator: Any) -> Tensor:
    first, end = (
        whole(op, name, int(value) if isinstance(value, Tensor) else value, None)
        for name, value in (("low", 0 if low is None else low), ("high", high))
    )
    if first >= end:
        raise ValueError(f"[{op}] low is {first} and high {end}: low must be below high")
    value = _core.ops.random_integers(size, first, end, generator=generator)
    return value if dtype is None else value.to(dtype)


def randperm(
    n: int,
    *,
    generator: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Give the numbers from 0 to n - 1 in an order drawn at random, int64 by default.

    Arguments are as of `rand`. Source: Fisher and Yates (1938), Statistical Tables.

    Raises
    ------
    ValueError
        If n is negative.
    """
    order = _core.ops.random_order(n, generator=generator)
    return _made("randperm", order if dtype is None else order.to(dtype), layout, device, requires_grad, out)


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Give random numbers of normal distributions.

    Parameters
    ----------
    mean, std : float or Tensor
        The mean and the deviation, each of every number or of each; no derivative goes through them.
    size : sequence of int
        The shape, where both are numbers.
    generator, out, dtype, layout, device, requires_grad, pin_memory
        As of `rand`.

    Raises
    ------
    ValueError
        If a deviation is negative; one that a compiled function computes gives NaN.
    """
    tensors = [x.detach() for x in (mean, std) if isinstance(x, Tensor)]
    if not tensors:
        if size is None:
            raise TypeError("[normal] size is missing: it is the shape where mean and std are numbers")
        value = _normal("normal", size, _floats("normal", dtype), mean, std, generator)
        return _made("normal", value, layout, device, requires_grad, out)
    if size is not None:
        raise TypeError("[normal] size is for numbers: the shape is that of mean and std")
    shape = (tensors[0] + tensors[-1]).shape if len(tensors) > 1 else tensors[0].shape
    kind = _floats("normal", None, tensors[0].dtype)
    mean, std = (x.detach() if isinstance(x, Tensor) else x for x in (mean, std))
    value = _normal("normal", shape, kind, mean, std, generator)
    return _made("normal", value, layout, device, requires_grad, out)


def _normal(op: str, shape: Any, dtype: DType, mean: Any, std: Any, generator: Any) -> Tensor:
    if not isinstance(std, Tensor):
        if not number(op, "std", std) >= 0:
            raise ValueError(f"[{op}] std is {std}; it must not be negative")
    elif std.is_symbolic:
        std = _core.where(std >= 0, std, float("nan"))  # its values are a run's
    elif bool((std < 0).sum()):
        raise ValueError(f"[{op}] std has negative elements")
    value: Tensor = mean + std * _gaussian(shape, dtype, generator)
    return value.to(dtype)


# ---- Filling a tensor --------------------------------------------------------------------------------------


@method
def normal_(input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with random numbers of the normal distribution."""
    value = _normal("normal_", input.shape, _floats("normal_", input.dtype), mean, std, generator)
    return input.copy_(value)


@method
def uniform_(input: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with random numbers, uniform in [from_, to)."""
    dtype = _floats("uniform_", input.dtype)
    wide = dtype == _core.float64
    kind = _core.float64 if wide else _core.float32
    return input.copy_(_core.uniform(input.shape, from_, to, dtype=kind, generator=generator))


@method
def random_(input: Tensor, from_: Any = None, to: Any = None, *, generator: Any = None) -> Tensor:
    """Fill with whole numbers below `to`, from `from_` or 0 on; by default with all that the dtype holds."""
    dtype = input.dtype
    if to is None and from_ is None:
        bits = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53, "bool": 1}.get(dtype.name)
        low, high = 0, (2**bits + (bits > 1) if bits else 2 ** (8 * dtype.itemsize - dtype.is_signed))
        high = min(high, 2**63 - 1)
    else:
        low, high = (0, from_) if to is None else (from_, to)
    return input.copy_(_integers("random_", low, high, input.shape, None, generator))


@method
def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Fill with 1 at the probability p, a number or a tensor of them, else 0."""
    if isinstance(p, Tensor):
        chance = p.detach() if p.dtype.is_floating_point else p.to(_core.float32)
        return input.copy_(_core.bernoulli(chance.expand(input.shape), generator=generator))
    if not 0 <= number("bernoulli_", "p", p) <= 1:
        raise ValueError(f"[bernoulli_] p is {p}; it must be a probability in [0, 1]")
    u = _core.uniform(input.shape, dtype=_core.float64, generator=generator)
    return input.copy_(u < p)


@method
def exponential_(input: Tensor, lambd: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with numbers of the exponential distribution: -log(u) / lambd, u uniform in (0, 1]."""
    if not number("exponential_", "lambd", lambd) > 0:
        raise ValueError(f"[exponential_] lambd is {lambd}; it must be above 0")
    return input.copy_((1 - _wide("exponential_", input, generator)).log() / -lambd)


@method
def cauchy_(input: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with random numbers of the Cauchy distribution: median + sigma tan(pi (u - 1/2)), u uniform."""
    if not number("cauchy_", "sigma", sigma) > 0:
        raise ValueError(f"[cauchy_] sigma is {sigma}; it must be above 0")
    angle = (_wide("cauchy_", input, generator) - 0.5) * pi
    return input.copy_(median + sigma * (angle.sin() / angle.cos()))


@method
def log_normal_(input: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Any = None) -> Tensor:
    """Fill with exp(z), z of the normal distribution."""
    dtype = _floats("log_normal_", input.dtype)
    if not number("log_normal_", "std", std) > 0:
        raise ValueError(f"[log_normal_] std is {std}; it must be above 0")
    return input.copy_(_normal("log_normal_", input.shape, dtype, mean, std, generator).exp())


@method
def geometric_(input: Tensor, p: float, *, generator: Any = None) -> Tensor:
    """Fill with how many trials of probability p the first success takes: 1 + floor(log(u) / log(1 - p))."""
    if not 0 < number("geometric_", "p", p) < 1:
        raise ValueError(f"[geometric_] p is {p}; it must be between 0 and 1")
    u = 1 - _core.uniform(input.shape, dtype=_core.float64, generator=generator)
    base = _core.tensor(1 - p, dtype=_core.float64).log()
    return input.copy_((u.log() / base).to(_core.int64) + 1)


def _wide(op: str, input: Tensor, generator: Any) -> Tensor:
    """Draw from [0, 1) for the transformation of a float tensor: in float64, so that tails are long."""
    _floats(op, input.dtype)
    return _core.uniform(input.shape, dtype=_core.float64, generator=generator)
