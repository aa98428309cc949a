"""First values of parameters, under the names of `torch.nn.init`.

Each function writes into its tensor and returns it. Random ones draw from the default generator:
`bs.manual_seed` makes them repeatable.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import Literal, TypeVar

from backsweep import _core
from backsweep._core import Buffer, Parameter, ShapeError

__all__ = [
    "calculate_gain",
    "constant_",
    "kaiming_uniform_",
    "ones_",
    "uniform_",
    "xavier_uniform_",
    "zeros_",
]

S = TypeVar("S", Parameter, Buffer)


def uniform_(tensor: S, a: float = 0.0, b: float = 1.0) -> S:
    """Fill with draws from the uniform distribution on [a, b)."""
    tensor.copy_(_core.uniform(tensor.shape, a, b))
    return tensor


def constant_(tensor: S, val: float) -> S:
    """Fill with one value."""
    tensor.fill_(val)
    return tensor


def zeros_(tensor: S) -> S:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: S) -> S:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Give the factor that keeps the variance through a nonlinearity.

    1 for "linear" and "sigmoid", sqrt(2) for "relu", sqrt(2 / (1 + param²)) for "leaky_relu" (param defaults
    to 0.01), 5/3 for "tanh".

    Raises
    ------
    ValueError
        If the nonlinearity is none of these.
    """
    gains = {"linear": 1.0, "sigmoid": 1.0, "relu": sqrt(2.0), "tanh": 5.0 / 3.0}
    if nonlinearity == "leaky_relu":
        return sqrt(2.0 / (1.0 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in gains:
        raise ValueError(
            f"[init] nonlinearity is {nonlinearity!r}; it must be one of {[*gains, 'leaky_relu']}"
        )
    return gains[nonlinearity]


def xavier_uniform_(tensor: S, gain: float = 1.0) -> S:
    """Fill from U(-a, a), a = gain sqrt(6 / (fan_in + fan_out)).

    The tensor is (out, in, ...); fan_in = in times the sizes that follow, fan_out = out times those. Source:
    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks,
    AISTATS.

    Raises
    ------
    ShapeError
        If the tensor has fewer than two axes.
    """
    fan_in, fan_out = _fans(tensor)
    bound = gain * sqrt(6.0 / max(fan_in + fan_out, 1))
    return uniform_(tensor, -bound, bound)


def kaiming_uniform_(
    tensor: S, a: float = 0.0, mode: Literal["fan_in", "fan_out"] = "fan_in", nonlinearity: str = "leaky_relu"
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
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f'[init] mode is {mode!r}; it must be "fan_in" or "fan_out"')
    fan = _fans(tensor)[mode == "fan_out"]
    bound = calculate_gain(nonlinearity, a) * sqrt(3.0 / max(fan, 1))
    return uniform_(tensor, -bound, bound)


def _fans(tensor: Parameter | Buffer) -> tuple[int, int]:
    shape = tensor.shape
    if len(shape) < 2:
        raise ShapeError(
            f"[init] the tensor is {shape}: fan_in and fan_out need at least two axes, (out, in, ...)"
        )
    return prod(shape[1:]), shape[0] * prod(shape[2:])
