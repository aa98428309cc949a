"""Muon."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from backsweep import _core
from backsweep._arguments import number, shown
from backsweep._core import Tensor
from backsweep.optim.groups import ParamGroup
from backsweep.optim.one_pass import OnePass, as_dtype
from backsweep.optim.optimizer import Params

__all__ = ["Muon"]

_addmm = _core.ops.addmm

_MOST_STEPS = 100
_SIZES = (None, "original", "match_rms_adamw")


class Muon(OnePass):
    """Momentum, made orthogonal, for matrices: all directions of an update are about equally long.

    With gradient g, for each n x m matrix p::

        b = b + (1 - momentum) (g - b)
        h = g + momentum (b - g)  if nesterov, else b
        x = h / max(|h|, eps), in bfloat16, transposed if n > m; ns_steps times:
            s = x x^T,  x = c1 x + (c2 s + c3 s s) x
        p = p - lr weight_decay p
        p = p - lr sqrt(max(1, n / m)) x         (if "match_rms_adamw": lr 0.2 sqrt(max(n, m)) x)

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups: matrices, such as the weights of hidden linear layers.
    lr : float, default 1e-3
    weight_decay : float, default 0.1
    momentum : float, default 0.95
    nesterov : bool, default True
    ns_coefficients : (float, float, float), default (3.4445, -4.775, 2.0315)
        c1, c2 and c3.
    eps : float, default 1e-7
    ns_steps : int, default 5
        Below 100.
    adjust_lr_fn : {None, "original", "match_rms_adamw"}, default None
        How the step depends on the shape; None is "original".

    Raises
    ------
    ValueError
        If a parameter is no matrix, a number is negative, or adjust_lr_fn is unknown.

    Notes
    -----
    State, with PyTorch's name: `momentum_buffer` (b). Source: Jordan et al. (2024), Muon: an optimizer for
    hidden layers in neural networks, https://kellerjordan.github.io/posts/muon/.
    """

    numbers = ("lr", "weight_decay", "momentum")
    flags = ("nesterov",)
    saved = ("momentum_buffer",)
    required = saved

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def _as_kept(self, name: str, value: Any) -> Any:
        if name == "eps":
            return number("Muon", name, value)
        if name == "ns_coefficients":
            if not isinstance(value, (tuple, list)) or len(value) != 3:
                raise ValueError(f"[Muon] ns_coefficients is {value!r}; it must be three numbers")
            return tuple(number("Muon", f"ns_coefficients[{i}]", c) for i, c in enumerate(value))
        return super()._as_kept(name, value)

    def _check(self, values: Mapping[str, Any]) -> None:
        self._not_negative(values, "lr", "weight_decay", "momentum", "eps")
        if not 0 <= values["ns_steps"] < _MOST_STEPS:
            raise ValueError(f"[Muon] ns_steps is {values['ns_steps']}; it must be below {_MOST_STEPS}")
        if values["adjust_lr_fn"] not in _SIZES:
            raise ValueError(
                f"[Muon] adjust_lr_fn is {shown(values['adjust_lr_fn'])}; it must be one of {_SIZES}"
            )
        for p in values["params"]:
            if p.ndim != 2:
                raise ValueError(
                    f"[Muon] a parameter is of shape {tuple(p.shape)}; it must be a matrix: give biases, "
                    "norms and the like to another optimizer, as AdamW"
                )

    def _update(self, group: ParamGroup) -> None:
        lr, weight_decay, momentum = group.slots()
        coefficients, eps, steps = group["ns_coefficients"], group["eps"], group["ns_steps"]
        wide = group["adjust_lr_fn"] == "match_rms_adamw"
        for p in group.values_now.params:
            g = p._grad
            if g is None:
                continue
            buffer = self._buffers[p]["momentum_buffer"]
            b = as_dtype(buffer, p)
            b = b + (1 - momentum) * (g - b)
            h = g + momentum * (b - g) if group.values_now.nesterov else b
            n, m = p.shape
            size = 0.2 * math.sqrt(max(n, m)) if wide else math.sqrt(max(1.0, n / m))
            x = _orthogonal(h, coefficients, steps, eps).to(p.dtype)
            p.copy_(p * (1 - lr * weight_decay) - lr * size * x)
            buffer.copy_(b)


def _orthogonal(h: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Give about U V^T of h = U S V^T, by a few steps of Newton and Schulz.

    Values are those of bfloat16, as PyTorch has them; what is computed of them is float32.
    """
    c1, c2, c3 = coefficients
    tall = h.shape[0] > h.shape[1]
    x = _rounded(h.T if tall else h)
    x = _rounded(x / _rounded((x * x).sum().sqrt()).clamp(min=eps))
    for _ in range(steps):
        s = _rounded(x @ x.T)
        x = _rounded(_addmm(x, _rounded(_addmm(s, s, s, beta=c2, alpha=c3)), x, beta=c1))
    return x.T if tall else x


def _rounded(x: Tensor) -> Tensor:
    return x.to(_core.bfloat16).to(_core.float32)
