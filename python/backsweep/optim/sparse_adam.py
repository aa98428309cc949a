"""Adam for gradients of a few rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backsweep import _core
from backsweep.optim.groups import ParamGroup
from backsweep.optim.one_pass import OnePass, as_dtype
from backsweep.optim.optimizer import Params

__all__ = ["SparseAdam"]


class SparseAdam(OnePass):
    """Adam that leaves rows alone whose gradient is zero, and their running means: for embeddings.

    With gradient g (negated if `maximize`), in step t = 1, 2, ..., for each row of a parameter p in which g
    is not all 0::

        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g^2
        p = p - lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps)

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups.
    lr : float, default 1e-3
    betas : (float, float), default (0.9, 0.999)
        beta1 and beta2, each in [0, 1).
    eps : float, default 1e-8
    maximize : bool, default False

    Raises
    ------
    ValueError
        If lr or eps is not above 0, or a beta outside [0, 1).

    Notes
    -----
    State, with PyTorch's names: `step` (t), `exp_avg` (m) and `exp_avg_sq` (v). Gradients are dense here, and
    a row that a batch reads, but with a gradient of exactly 0, counts as one that it does not read.
    """

    numbers = ("lr", "betas", "eps")
    pairs = ("betas",)
    flags = ("maximize",)
    counters = ("step",)
    saved = ("step", "exp_avg", "exp_avg_sq")
    required = saved

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})

    def _check(self, values: Mapping[str, Any]) -> None:
        for name in ("lr", "eps"):
            if not values[name] > 0.0:
                raise ValueError(f"[SparseAdam] {name} is {values[name]}; it must be a number above 0")
        self._below_one(values, "betas")

    def _update(self, group: ParamGroup) -> None:
        lr, beta1, beta2, eps = group.slots()
        for p in group.values_now.params:
            g = p._grad
            if g is None:
                continue
            state = self._buffers[p]
            g = -g if group.values_now.maximize else g
            m, v = as_dtype(state["exp_avg"], p), as_dtype(state["exp_avg_sq"], p)
            step = state["step"] + 1
            t = step.to(_core.float64)
            rows = (g != 0).reshape(len(g), -1).any(1) if g.ndim else g != 0
            rows = rows.reshape(rows.shape + (1,) * (g.ndim - rows.ndim))
            m = m + _core.ops.where(rows, g - m, 0.0) * (1 - beta1)
            v = v + _core.ops.where(rows, g * g - v, 0.0) * (1 - beta2)
            size = lr * (1 - beta2**t).sqrt() / (1 - beta1**t)
            p.copy_(p - _core.ops.where(rows, m / (v.sqrt() + eps), 0.0) * size)
            for name, value in (("step", step), ("exp_avg", m), ("exp_avg_sq", v)):
                state[name].copy_(value)
