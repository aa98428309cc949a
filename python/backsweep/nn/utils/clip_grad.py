"""Norms of gradients and their limits, eagerly and inside compiled steps alike."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

from backsweep import _core
from backsweep._arguments import number, tensor
from backsweep._core import Tensor
from backsweep.nn.module import Module

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "tensors_of",
]


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Give the norm of all elements of all tensors, as if they were one vector.

    The norm p is ``(sum |x|^p)^(1/p)``, and ``max |x|`` for p = inf. Powers are summed in float64, where
    those of float32 neither overflow nor vanish; for p = 2 each tensor is read once, in the order of `sum`,
    and the sums of the tensors are added in pairs: the same bits on any number of threads.

    Parameters
    ----------
    tensors : Tensor or iterable of Tensor
        Of float dtypes and any shapes.
    norm_type : float, default 2.0
        p > 0, or inf.
    error_if_nonfinite : bool, default False
        Raise if the norm is NaN or infinite.
    foreach : bool, optional
        Taken for PyTorch's sake; without effect.

    Returns
    -------
    Tensor
        0-d; 0 if there are no tensors.

    Raises
    ------
    TypeError
        If something is no Tensor or no number.
    ValueError
        If norm_type is not positive.
    RuntimeError
        If the norm is not finite and `error_if_nonfinite`; in a compiled step nothing has then changed.
    """
    given = tensors_of("get_total_norm", "tensors", tensors)
    return _narrow(_norm("get_total_norm", given, norm_type, error_if_nonfinite), given)


def _narrow(norm: Tensor, given: list[Tensor]) -> Tensor:
    """Give a norm in the dtype of the tensors, as PyTorch does."""
    wide = any(x.dtype == _core.float64 for x in given)
    return norm if wide else _core.cast(norm, _core.float32)


def _norm(op: str, given: list[Tensor], norm_type: float, error_if_nonfinite: bool) -> Tensor:
    p = number(op, "norm_type", norm_type)
    if not p > 0.0:
        raise ValueError(f"[{op}] norm_type is {norm_type}; it must be positive")
    parts = [_part(x, p) for x in given if x.numel() > 0]
    if not parts:
        return _core.zeros((), dtype=_core.float64)
    join = _core.maximum if p == math.inf else _core.add
    while len(parts) > 1:
        pairs = [join(parts[i], parts[i + 1]) for i in range(0, len(parts) - 1, 2)]
        parts = pairs + parts[2 * len(pairs) :]
    total = parts[0]
    if p == 2.0:
        total = _core.sqrt(total)
    elif p not in (1.0, math.inf):
        total = _power(total, 1.0 / p)
    return _core.ops.finite_norm(total) if error_if_nonfinite else total


def _part(x: Tensor, p: float) -> Tensor:
    """One tensor's part of the norm: sum |x|^p, or max |x|."""
    if p == 2.0:
        return _core.ops.sum_squares(x)
    size = _core.abs(x)
    if p == math.inf:
        return _core.cast(_core.amax(size), _core.float64)
    size = _core.cast(size, _core.float64)
    return _core.sum(size if p == 1.0 else _power(size, p))


def _power(x: Tensor, exponent: float) -> Tensor:
    """x^exponent for x >= 0 and exponent > 0."""
    return _core.exp(_core.mul(_core.log(x), exponent))


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients so that their total norm is at most `max_norm`.

    With the norm n of all gradients, taken as one vector, each gradient g becomes
    ``g min(1, max_norm / (n + 1e-6))``.

    Parameters
    ----------
    parameters : Parameter or iterable of Parameter
        Those without a gradient are passed over.
    max_norm : float
    norm_type : float, default 2.0
        See `get_total_norm`.
    error_if_nonfinite : bool, default False
        Raise if the norm is NaN or infinite, before anything is changed.
    foreach : bool, optional
        Taken for PyTorch's sake; without effect.

    Returns
    -------
    Tensor
        The norm before, 0-d.

    Raises
    ------
    TypeError
        If something is no Tensor or no number.
    ValueError
        If norm_type is not positive.
    RuntimeError
        If the norm is not finite and `error_if_nonfinite`; in a compiled step nothing has then changed.

    Notes
    -----
    Source: Pascanu et al. (2013), On the difficulty of training recurrent neural networks, ICML.
    """
    op = "clip_grad_norm_"
    limit: Any = max_norm
    if not isinstance(limit, Tensor):  # a 0-d tensor will do
        limit = number(op, "max_norm", limit)
    with _core.no_grad():
        pairs = _with_gradients(op, parameters)
        norm = _norm(op, [g for _, g in pairs], norm_type, error_if_nonfinite)
        _scale(pairs, limit, norm)
        return _narrow(norm, [g for _, g in pairs])


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Do what `clip_grad_norm_` does, under its old name, with a FutureWarning."""
    warnings.warn(
        "[clip_grad_norm] the name is now clip_grad_norm_, with an underscore", FutureWarning, stacklevel=2
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients by ``min(1, max_norm / (total_norm + 1e-6))``.

    Parameters
    ----------
    parameters : Parameter or iterable of Parameter
        Those without a gradient are passed over.
    max_norm : float
    total_norm : Tensor
        0-d, such as `get_total_norm` gives.
    foreach : bool, optional
        Taken for PyTorch's sake; without effect.

    Raises
    ------
    TypeError
        If something is no Tensor or no number.
    """
    op = "clip_grads_with_norm_"
    limit = number(op, "max_norm", max_norm)
    with _core.no_grad():
        _scale(_with_gradients(op, parameters), limit, tensor(op, "total_norm", total_norm))


def _scale(pairs: list[tuple[Tensor, Tensor]], limit: Any, norm: Tensor) -> None:
    ratio = _core.div(limit, _core.add(norm, 1e-6))
    scale = _core.where(_core.gt(ratio, 1.0), 1.0, ratio)  # NaN stays
    for p, g in pairs:
        p._grad = _core.mul(g, _core.cast(scale, g.dtype))


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limit each element of the gradients to [-clip_value, clip_value]; NaN stays.

    Parameters
    ----------
    parameters : Parameter or iterable of Parameter
        Those without a gradient are passed over.
    clip_value : float
    foreach : bool, optional
        Taken for PyTorch's sake; without effect.

    Raises
    ------
    TypeError
        If something is no Tensor or no number.
    """
    op = "clip_grad_value_"
    high = number(op, "clip_value", clip_value)
    with _core.no_grad():
        for p, g in _with_gradients(op, parameters):
            # min(g, high) = -max(-g, -high)
            p._grad = _core.neg(_core.maximum(_core.neg(_core.maximum(g, -high)), -high))


def _with_gradients(op: str, parameters: Any) -> list[tuple[Tensor, Tensor]]:
    given = tensors_of(op, "parameters", parameters)
    return [(p, g) for p in given if (g := p._grad) is not None]


def tensors_of(op: str, name: str, given: Any) -> list[Tensor]:
    """Give one tensor or many as a list; TypeError of `op` for its argument `name` if `given` is neither."""
    if isinstance(given, Tensor):
        return [given]
    fix = "pass model.parameters()" if name == "parameters" else "pass a list of tensors"
    if isinstance(given, Module) or not isinstance(given, Iterable):
        raise TypeError(f"[{op}] {name} is {type(given).__name__}: {fix}")
    tensors = list(given)
    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise TypeError(f"[{op}] {name}[{i}] is {type(x).__name__}, not a Tensor: {fix}")
    return tensors
