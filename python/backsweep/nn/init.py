"""First values of parameters, under the names of `torch.nn.init`.

Each function writes into its tensor, whether it requires a gradient or not, and returns it. Random ones draw
from `generator`, by default from the one that `bs.manual_seed` makes repeatable.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from math import erf, prod, sqrt
from typing import Any, Literal, ParamSpec, TypeVar

import numpy as np

from backsweep import _core
from backsweep._arguments import number, one_of, whole
from backsweep._core import ShapeError, Tensor

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

S = TypeVar("S", bound=Tensor)
P = ParamSpec("P")
R = TypeVar("R")
Mode = Literal["fan_in", "fan_out"]


def uniform_(tensor: S, a: float = 0.0, b: float = 1.0, generator: Any = None) -> S:
    """Fill with draws from the uniform distribution on [a, b)."""
    with _core.no_grad():
        tensor.uniform_(a, b, generator=generator)
    return tensor


def normal_(tensor: S, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> S:
    """Fill with draws from the normal distribution N(mean, std²)."""
    with _core.no_grad():
        tensor.normal_(mean, std, generator=generator)
    return tensor


def trunc_normal_(
    tensor: S, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None
) -> S:
    """Fill with draws from the normal distribution N(mean, std²) that lie in [a, b].

    By inversion: mean + std Φ⁻¹(u), u uniform between Φ of the two ends.
    """
    mean, std = number("init", "mean", mean), number("init", "std", std)
    low, high = (erf((end - mean) / std / sqrt(2.0)) for end in (a, b))
    with _core.no_grad():
        tensor.uniform_(low, high, generator=generator)
        tensor.copy_(_core.clamp(mean + std * sqrt(2.0) * _core.erfinv(tensor.detach()), a, b))
    return tensor


def constant_(tensor: S, val: float) -> S:
    """Fill with one value."""
    with _core.no_grad():
        tensor.fill_(val)
    return tensor


def zeros_(tensor: S) -> S:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: S) -> S:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def eye_(tensor: S) -> S:
    """Make a matrix the identity, or as much of it as there is.

    Raises
    ------
    ShapeError
        If the tensor has not two axes.
    """
    if tensor.ndim != 2:
        raise ShapeError(f"[init] the tensor is {tensor.shape}: the identity has two axes")
    return _written(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def dirac_(tensor: S, groups: int = 1) -> S:
    """Make the weight of a convolution one that keeps its input, as far as there are channels.

    Parameters
    ----------
    tensor : Tensor, shape (out, in, ...) of three to five axes
    groups : int, default 1
        Into so many the outputs are divided; each keeps the inputs.

    Raises
    ------
    ShapeError
        If the number of axes is another.
    ValueError
        If the outputs are not divisible by `groups`.
    """
    shape, groups = tensor.shape, whole("init", "groups", groups)
    if len(shape) not in (3, 4, 5):
        raise ShapeError(f"[init] the tensor is {shape}: dirac_ is for convolutions, of 3 to 5 axes")
    if shape[0] % groups:
        raise ValueError(f"[init] the tensor is {shape}: groups, {groups}, must divide {shape[0]}")
    outputs = shape[0] // groups
    values = np.zeros(shape)
    middle: Any = (slice(None), *(size // 2 for size in shape[2:]))
    for i in range(min(outputs, shape[1])):
        values[i::outputs, i][middle] = 1.0
    return _written(tensor, values)


def _written(tensor: S, values: Any) -> S:
    with _core.no_grad():
        tensor.copy_(_core.cast(_core.tensor(values), tensor.dtype))
    return tensor


# ---- By the sizes of a layer -------------------------------------------------------------------------------

_GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d"), 1.0),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid"), 1.0),
    "tanh": 5.0 / 3.0,
    "relu": sqrt(2.0),
    "selu": 3.0 / 4.0,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Give the factor that keeps the variance through a nonlinearity.

    1 for "linear", the names of convolutions and "sigmoid", sqrt(2) for "relu", sqrt(2 / (1 + param²)) for
    "leaky_relu" (param defaults to 0.01), 5/3 for "tanh", 3/4 for "selu".

    Raises
    ------
    ValueError
        If the nonlinearity is none of these.
    """
    if nonlinearity == "leaky_relu":
        return sqrt(2.0 / (1.0 + (0.01 if param is None else number("init", "param", param)) ** 2))
    if nonlinearity not in _GAINS:
        raise ValueError(
            f"[init] nonlinearity is {nonlinearity!r}; it must be one of {[*_GAINS, 'leaky_relu']}"
        )
    return _GAINS[nonlinearity]


def xavier_uniform_(tensor: S, gain: float = 1.0, generator: Any = None) -> S:
    """Fill from U(-a, a), a = gain sqrt(6 / (fan_in + fan_out)).

    The tensor is (out, in, ...); fan_in = in times the sizes that follow, fan_out = out times those. Source:
    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks,
    AISTATS.

    Raises
    ------
    ShapeError
        If the tensor has fewer than two axes.
    """
    bound = sqrt(3.0) * _glorot(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: S, gain: float = 1.0, generator: Any = None) -> S:
    """Fill from N(0, s²), s = gain sqrt(2 / (fan_in + fan_out)); else as `xavier_uniform_`."""
    return normal_(tensor, 0.0, _glorot(tensor, gain), generator)


def _glorot(tensor: Tensor, gain: float) -> float:
    return number("init", "gain", gain) * sqrt(2.0 / max(sum(_calculate_fan_in_and_fan_out(tensor)), 1))


def kaiming_uniform_(
    tensor: S,
    a: float = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> S:
    """Fill from U(-b, b), b = gain sqrt(3 / fan).

    The tensor is (out, in, ...); fan is in (or out) times the sizes that follow; the gain is that of
    `calculate_gain`, with `a` as the leak. Source: He et al. (2015), Delving Deep into Rectifiers, ICCV.

    Raises
    ------
    ShapeError
        If the tensor has fewer than two axes.
    ValueError
        If mode or nonlinearity is unknown.
    """
    bound = sqrt(3.0) * _he(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: S,
    a: float = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> S:
    """Fill from N(0, s²), s = gain / sqrt(fan); else as `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _he(tensor, a, mode, nonlinearity), generator)


def _he(tensor: Tensor, a: float, mode: Mode, nonlinearity: str) -> float:
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    fan = fan_in if one_of("init", "mode", mode, ("fan_in", "fan_out")) == "fan_in" else fan_out
    return calculate_gain(nonlinearity, a) / sqrt(max(fan, 1))


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:  # PyTorch's name, which programs use
    shape = tensor.shape
    if len(shape) < 2:
        raise ShapeError(
            f"[init] the tensor is {shape}: fan_in and fan_out need at least two axes, (out, in, ...)"
        )
    return prod(shape[1:]), shape[0] * prod(shape[2:])


# ---- Of structure ------------------------------------------------------------------------------------------


def orthogonal_(tensor: S, gain: float = 1.0, generator: Any = None) -> S:
    """Fill with a random orthogonal matrix times `gain`: its rows, or its columns, are orthonormal.

    The axes behind the first count as one. Q of the QR decomposition of normal draws, with the signs that
    make R's diagonal positive. Source: Saxe et al. (2014), arXiv:1312.6120; Mezzadri (2007), Notices of the
    AMS 54.

    Raises
    ------
    ShapeError
        If the tensor has fewer than two axes.
    """
    _calculate_fan_in_and_fan_out(tensor)
    shape = tensor.shape
    rows, columns = shape[0], prod(shape[1:])
    drawn = _core.zeros((rows, columns), dtype=_core.float64).normal_(generator=generator).numpy()
    q, r = np.linalg.qr(drawn.T if rows < columns else drawn)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    values = (q.T if rows < columns else q).reshape(shape)
    return _written(tensor, number("init", "gain", gain) * values)


def sparse_(tensor: S, sparsity: float, std: float = 0.01, generator: Any = None) -> S:
    """Fill a matrix with draws from N(0, std²), of which a share in each column, drawn too, is 0.

    Source: Martens (2010), Deep learning via Hessian-free optimization, ICML.

    Parameters
    ----------
    tensor : Tensor, shape (rows, columns)
    sparsity : float
        The share; so many zeros there are, rounded up.
    std : float, default 0.01
    generator : Generator, optional

    Raises
    ------
    ShapeError
        If the tensor has not two axes.
    """
    if tensor.ndim != 2:
        raise ShapeError(f"[init] the tensor is {tensor.shape}: sparse_ is for matrices")
    zeros = int(np.ceil(number("init", "sparsity", sparsity) * tensor.shape[0]))
    normal_(tensor, 0.0, std, generator)
    order = _core.argsort(_core.uniform(tensor.shape, generator=generator), 0)
    with _core.no_grad():
        tensor.copy_(_core.where(_core.argsort(order, 0) < zeros, 0.0, tensor.detach()))
    return tensor


# ---- PyTorch's abandoned names -----------------------------------------------------------------------------


def _abandoned(function: Callable[P, R]) -> Callable[P, R]:
    name = function.__name__

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        text = f"[init] {name.removesuffix('_')} is deprecated: say {name}"
        warnings.warn(text, FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    call.__name__ = name.removesuffix("_")
    call.__doc__ = f"Do what `{name}` does, with a FutureWarning."
    return call


constant = _abandoned(constant_)
dirac = _abandoned(dirac_)
eye = _abandoned(eye_)
kaiming_normal = _abandoned(kaiming_normal_)
kaiming_uniform = _abandoned(kaiming_uniform_)
normal = _abandoned(normal_)
orthogonal = _abandoned(orthogonal_)
sparse = _abandoned(sparse_)
uniform = _abandoned(uniform_)
xavier_normal = _abandoned(xavier_normal_)
xavier_uniform = _abandoned(xavier_uniform_)
