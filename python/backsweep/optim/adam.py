"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backsweep import _core
from backsweep._core import Buffer
from backsweep.optim.groups import ParamGroup
from backsweep.optim.one_pass import OnePass, as_dtype
from backsweep.optim.optimizer import Params

__all__ = ["Adam", "AdamW"]

_adam, _amsgrad = _core.ops.adam, _core.ops.amsgrad


class Adam(OnePass):
    """Adam: steps in units of the gradient's running size.

    With gradient g (negated if `maximize`), for each parameter p in its step t = 1, 2, ...::

        g = g + weight_decay p                   (if decoupled_weight_decay: p = p - lr weight_decay p)
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g^2
        u = max(u, v) if amsgrad else v
        p = p - lr (m / (1 - beta1^t)) / (sqrt(u / (1 - beta2^t)) + eps)

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups.
    lr : float, default 1e-3
    betas : (float, float), default (0.9, 0.999)
        beta1 and beta2, each in [0, 1).
    eps : float, default 1e-8
    weight_decay : float, default 0
    amsgrad : bool, default False
        Divide by the largest v so far.
    maximize : bool, default False
    decoupled_weight_decay : bool, default False
        Shrink p itself, as AdamW does, and leave the gradient alone.
    foreach, capturable, differentiable, fused : bool, optional
        Taken for PyTorch's sake; without effect.

    Raises
    ------
    ValueError
        If lr, eps or weight_decay is negative, or a beta is outside [0, 1).

    Notes
    -----
    State, with PyTorch's names: `step` (t), `exp_avg` (m), `exp_avg_sq` (v) and `max_exp_avg_sq` (u). What
    depends on hyperparameters alone is computed in float64, the rest in the parameter's dtype.
    Sources: Kingma & Ba (2015), Adam: A method for stochastic optimization, ICLR; Reddi et al. (2018), On the
    convergence of Adam and beyond, ICLR.
    """

    numbers = ("lr", "betas", "eps", "weight_decay")
    flags = ("amsgrad", "maximize", "decoupled_weight_decay")
    pairs = ("betas",)
    saved = ("step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    required = saved[:3]
    counters = ("step",)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _check(self, values: Mapping[str, Any]) -> None:
        self._not_negative(values, "lr", "eps", "weight_decay")
        self._below_one(values, "betas")

    def _prepare(self, group: ParamGroup) -> None:
        """Make steps and averages, and the list of what `_update` reads for each parameter."""
        values = group.values_now
        names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[: 3 if values.amsgrad else 2]
        rows = []
        for p in values.params:
            state = self._buffers.setdefault(p, {})
            if "step" not in state:
                # float32 counts to 2^24; as PyTorch keeps it.
                state["step"] = Buffer(_core.tensor(0.0, dtype=_core.float32))
            for name in names:
                if name not in state:
                    state[name] = Buffer(_core.zeros(p.shape, dtype=p.dtype))
            rows.append((p, state["step"], *(state[name] for name in names)))
        group.rows = rows

    def _update(self, group: ParamGroup) -> None:
        values = group.values_now
        lr, beta1, beta2, eps, decay = group.slots()
        decoupled, maximize = values.decoupled_weight_decay, values.maximize
        for p, step, mean, square, *most in group.rows:
            g = p._grad
            if g is None:
                continue
            m, v = as_dtype(mean, p), as_dtype(square, p)
            if most:
                u = as_dtype(most[0], p)
                new, m, v, t, u = _amsgrad(
                    p, g, m, v, step, lr, beta1, beta2, eps, decay, u, decoupled, maximize
                )
                most[0].copy_(u)
            else:
                new, m, v, t = _adam(p, g, m, v, step, lr, beta1, beta2, eps, decay, decoupled, maximize)
            p.copy_(new)
            mean.copy_(m)
            square.copy_(v)
            step.assign(t)


class AdamW(Adam):
    """Adam with decoupled weight decay.

    With gradient g (negated if `maximize`), for each parameter p in its step t = 1, 2, ...::

        p = p - lr weight_decay p
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g^2
        u = max(u, v) if amsgrad else v
        p = p - lr (m / (1 - beta1^t)) / (sqrt(u / (1 - beta2^t)) + eps)

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups.
    lr : float, default 1e-3
    betas : (float, float), default (0.9, 0.999)
        beta1 and beta2, each in [0, 1).
    eps : float, default 1e-8
    weight_decay : float, default 1e-2
    amsgrad : bool, default False
        Divide by the largest v so far.
    maximize : bool, default False
    foreach, capturable, differentiable, fused : bool, optional
        Taken for PyTorch's sake; without effect.

    Raises
    ------
    ValueError
        If lr, eps or weight_decay is negative, or a beta is outside [0, 1).

    Notes
    -----
    State as in Adam. Source: Loshchilov & Hutter (2019), Decoupled weight decay regularization, ICLR.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
        )

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` (or PyTorch's, or Adam's) gave; the decay stays decoupled."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
