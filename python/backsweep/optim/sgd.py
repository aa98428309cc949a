"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._core import Buffer, Tensor
from backsweep.optim.groups import ParamGroup
from backsweep.optim.one_pass import OnePass, as_dtype
from backsweep.optim.optimizer import Params

__all__ = ["SGD"]

_sgd, _sgd_momentum = _core.ops.sgd, _core.ops.sgd_momentum


class SGD(OnePass):
    """Stochastic gradient descent, with momentum and weight decay as PyTorch has them.

    With gradient g (negated if `maximize`), for each parameter p::

        g = g + weight_decay p
        b = momentum b + (1 - dampening) g      (the first time b = g)
        g = g + momentum b  if nesterov else  b
        p = p - lr g

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups.
    lr : float, default 1e-3
    momentum : float, default 0
    dampening : float, default 0
    weight_decay : float, default 0
    nesterov : bool, default False
    maximize : bool, default False
    foreach, differentiable, fused : bool, optional
        Taken for PyTorch's sake; without effect.

    Raises
    ------
    ValueError
        If lr, momentum or weight_decay is negative, or nesterov stands without momentum or with dampening.

    Notes
    -----
    A momentum, dampening or weight decay of 0 costs nothing. Source: Sutskever et al. (2013), On the
    importance of initialization and momentum in deep learning, ICML.
    """

    numbers = ("lr", "momentum", "dampening", "weight_decay")
    flags = ("nesterov", "maximize")
    deciding = ("momentum", "dampening")
    saved = ("momentum_buffer",)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, values: Mapping[str, Any]) -> None:
        self._not_negative(values, "lr", "momentum", "weight_decay")
        if values["nesterov"] and (values["momentum"] <= 0.0 or values["dampening"] != 0.0):
            raise ValueError("[SGD] nesterov needs a momentum and no dampening")

    def _prepare(self, group: ParamGroup) -> None:
        """Make the momentum buffers, and the list of what `_update` reads for each parameter."""
        values = group.values_now
        rows = []
        for p in values.params:
            state = self._buffers.setdefault(p, {})
            if values.momentum and "momentum_buffer" not in state:
                state["momentum_buffer"] = Buffer(_core.zeros(p.shape, dtype=p.dtype))
            if values.momentum and values.dampening:
                # 0 before the first step, then 1. Without dampening b = momentum 0 + g is right from the
                # start, and `started` is not kept up.
                if "started" not in state:
                    state["started"] = Buffer(_core.tensor(0.0, dtype=p.dtype))
                if np.any(np.asarray(state["momentum_buffer"])):
                    state["started"].fill_(1.0)
            buffer = state["momentum_buffer"] if values.momentum else None
            rows.append((p, buffer, state["started"] if values.dampening and values.momentum else None))
        group.rows = rows

    def _load_state(self, p: Tensor, values: Mapping[str, Tensor]) -> None:
        # `started` is not saved: who has a momentum buffer there has started.
        started = _core.tensor(float("momentum_buffer" in values))
        super()._load_state(p, {**values, "started": started})

    def _update(self, group: ParamGroup) -> None:
        values = group.values_now
        lr, momentum, dampening, weight_decay = group.slots()
        maximize, nesterov = values.maximize, values.nesterov
        for p, buffer, started in group.rows:
            g = p._grad
            if g is None:
                continue
            if buffer is None:
                p.copy_(_sgd(p, g, lr, weight_decay, maximize))
                continue
            b = as_dtype(buffer, p)
            new, b = _sgd_momentum(
                p, g, b, lr, weight_decay, momentum, dampening, started, nesterov, maximize
            )
            p.copy_(new)
            buffer.copy_(b)
            if started is not None:
                started.fill_(1.0)
