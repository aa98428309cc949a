"""Adafactor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backsweep import _core
from backsweep._arguments import number
from backsweep._core import Tensor
from backsweep._dtypes import finfo
from backsweep.optim.groups import ParamGroup
from backsweep.optim.one_pass import OnePass, as_dtype
from backsweep.optim.optimizer import Params

__all__ = ["Adafactor"]


class Adafactor(OnePass):
    """Adam's running squares as a product of what rows and columns have: n + m numbers for n x m.

    With gradient g (negated if `maximize`), for each parameter p of N elements in its step t = 1, 2, ...::

        c = t^beta2_decay
        a = max(eps2, |p| / sqrt(N)) min(lr, 1 / sqrt(t))
        p = p - lr weight_decay p
        r = r + c (mean of g^2 over the last axis - r)             (of vectors: v = v + c (g^2 - v))
        k = k + c (mean of g^2 over the last axis but one - k)
        v = r k / max(mean of r, eps1)
        u = g / sqrt(max(v, eps1^2))
        p = p - a u / max(1, |u| / (sqrt(N) d))

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups.
    lr : float, default 1e-2
        The largest size of a step beside that of the parameter.
    beta2_decay : float, default -0.8
        How fast the running means forget: not above 0.
    eps : (float or None, float), default (None, 1e-3)
        eps1 and eps2; None is the dtype's machine epsilon.
    d : float, default 1
        From where on updates are clipped, at least 1.
    weight_decay : float, default 0
    foreach : bool, optional
        Taken for PyTorch's sake; without effect.
    maximize : bool, default False

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    State, with PyTorch's names: `step` (t), and `row_var` (r) and `col_var` (k), or `variance` (v). Source:
    Shazeer & Stern (2018), Adafactor: adaptive learning rates with sublinear memory cost, ICML.
    """

    numbers = ("lr", "beta2_decay", "d", "weight_decay")
    flags = ("maximize",)
    counters = ("step",)
    saved = ("step", "row_var", "col_var", "variance")
    required = ("step",)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _as_kept(self, name: str, value: Any) -> Any:
        if name != "eps":
            return super()._as_kept(name, value)
        if not isinstance(value, (tuple, list)) or len(value) != 2:
            raise ValueError(f"[Adafactor] eps is {value!r}; it must be two numbers, or None and a number")
        first, second = value
        kept = None if first is None else number("Adafactor", "eps[0]", first)
        return kept, number("Adafactor", "eps[1]", second)

    def _check(self, values: Mapping[str, Any]) -> None:
        self._not_negative(values, "lr", "weight_decay")
        for name, value in zip(("eps[0]", "eps[1]"), values["eps"], strict=True):
            if value is not None and not value >= 0.0:
                raise ValueError(f"[Adafactor] {name} is {value}; it must be a number, not negative")
        if not values["beta2_decay"] <= 0.0:
            raise ValueError(f"[Adafactor] beta2_decay is {values['beta2_decay']}; it must not be above 0")
        if not values["d"] >= 1.0:
            raise ValueError(f"[Adafactor] d is {values['d']}; it must be at least 1")

    def _shapes(self, p: Tensor) -> dict[str, tuple[int, ...]]:
        if p.ndim < 2:
            return {"variance": tuple(p.shape)}
        return {"row_var": (*p.shape[:-1], 1), "col_var": (*p.shape[:-2], 1, p.shape[-1])}

    def _state_names(self, p: Tensor) -> tuple[str, ...]:
        return ("step", *self._shapes(p))

    def _state_shape(self, name: str, p: Tensor) -> tuple[int, ...]:
        return self._shapes(p).get(name, ())

    def _update(self, group: ParamGroup) -> None:
        lr, beta2_decay, d, weight_decay = group.slots()
        first, second = group["eps"]
        for p in group.values_now.params:
            g = p._grad
            if g is None:
                continue
            state = self._buffers[p]
            eps = finfo(p.dtype).eps if first is None else first
            g = -g if group.values_now.maximize else g
            step = state["step"] + 1
            t = step.to(_core.float64)
            c, root = t**beta2_decay, p.numel() ** 0.5
            size = (p * p).sum().sqrt().to(_core.float64) / root
            a = size.clamp(min=second) * _core.ops.minimum(lr, t**-0.5)
            kept = p * (1 - lr * weight_decay)
            made = {"step": step}
            if p.ndim > 1:
                r, k = as_dtype(state["row_var"], p), as_dtype(state["col_var"], p)
                squares = g * g
                made["row_var"] = r = r + c * (squares.mean(-1, keepdim=True) - r)
                made["col_var"] = k = k + c * (squares.mean(-2, keepdim=True) - k)
                v = r * k / r.mean(-2, keepdim=True).clamp(min=eps)
            else:
                v = as_dtype(state["variance"], p)
                made["variance"] = v = v + c * (g * g - v)
            u = g / v.clamp(min=eps * eps).sqrt()
            clip = ((u * u).sum().sqrt().to(_core.float64) / (root * d)).clamp(min=1.0)
            p.copy_(kept - a / clip * u)
            for name, value in made.items():
                state[name].copy_(value)
