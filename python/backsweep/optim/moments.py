"""Optimizers by running means of gradients, in the manner of Adam: NAdam, RAdam, Adamax, Lion; and ASGD."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backsweep.optim.one_op import OneOp
from backsweep.optim.optimizer import Params

__all__ = ["ASGD", "Adamax", "Lion", "NAdam", "RAdam"]


class NAdam(OneOp):
    """Adam with Nesterov's momentum.

    With gradient g (negated if `maximize`), for each parameter p in its step t = 1, 2, ...::

        g = g + weight_decay p                   (if decoupled_weight_decay: p = p - lr weight_decay p)
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g^2
        mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2),  M_t = mu_1 ... mu_t
        h = mu_(t+1) m / (1 - M_(t+1)) + (1 - mu_t) g / (1 - M_t)
        p = p - lr h / (sqrt(v / (1 - beta2^t)) + eps)

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups.
    lr : float, default 2e-3
    betas : (float, float), default (0.9, 0.999)
        beta1 and beta2, each in [0, 1).
    eps : float, default 1e-8
    weight_decay : float, default 0
    momentum_decay : float, default 4e-3
    decoupled_weight_decay : bool, default False
        Shrink p itself, and leave the gradient alone.
    maximize : bool, default False
    foreach, capturable, differentiable : bool, optional
        Taken for PyTorch's sake; without effect.

    Raises
    ------
    ValueError
        If a number is negative, or a beta outside [0, 1).

    Notes
    -----
    State, with PyTorch's names: `step` (t), `mu_product` (M_t), `exp_avg` (m) and `exp_avg_sq` (v). Source:
    Dozat (2016), Incorporating Nesterov momentum into Adam, ICLR workshop.
    """

    op = "nadam"
    arrays = ("exp_avg", "exp_avg_sq")
    numbers = ("lr", "betas", "eps", "weight_decay", "momentum_decay")
    flags = ("decoupled_weight_decay", "maximize")
    switches = flags
    pairs = ("betas",)
    counters = ("step", "mu_product")
    saved = ("step", "mu_product", "exp_avg", "exp_avg_sq")
    required = saved

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, values: Mapping[str, Any]) -> None:
        self._not_negative(values, "lr", "eps", "weight_decay", "momentum_decay")
        self._below_one(values, "betas")


class RAdam(OneOp):
    """Adam that divides by the running size only when this is known well enough.

    With gradient g (negated if `maximize`), for each parameter p in its step t = 1, 2, ...::

        g = g + weight_decay p                   (if decoupled_weight_decay: p = p - lr weight_decay p)
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g^2
        R = 2 / (1 - beta2) - 1,  r = R - 2 t beta2^t / (1 - beta2^t)
        h = m / (1 - beta1^t)
        if r > 5:  h = h sqrt((r - 4) (r - 2) R / ((R - 4) (R - 2) r)) sqrt(1 - beta2^t) / (sqrt(v) + eps)
        p = p - lr h

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups.
    lr : float, default 1e-3
    betas : (float, float), default (0.9, 0.999)
        beta1 and beta2, each in [0, 1).
    eps : float, default 1e-8
    weight_decay : float, default 0
    decoupled_weight_decay : bool, default False
        Shrink p itself, and leave the gradient alone.
    maximize : bool, default False
    foreach, capturable, differentiable : bool, optional
        Taken for PyTorch's sake; without effect.

    Raises
    ------
    ValueError
        If a number is negative, or a beta outside [0, 1).

    Notes
    -----
    State, with PyTorch's names: `step` (t), `exp_avg` (m) and `exp_avg_sq` (v). Source: Liu et al. (2020), On
    the variance of the adaptive learning rate and beyond, ICLR.
    """

    op = "radam"
    arrays = ("exp_avg", "exp_avg_sq")
    numbers = ("lr", "betas", "eps", "weight_decay")
    flags = ("decoupled_weight_decay", "maximize")
    switches = flags
    pairs = ("betas",)
    counters = ("step",)
    saved = ("step", "exp_avg", "exp_avg_sq")
    required = saved

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, values: Mapping[str, Any]) -> None:
        self._not_negative(values, "lr", "eps", "weight_decay")
        self._below_one(values, "betas")


class Adamax(OneOp):
    """Adam with the largest gradient in the place of the root of squares.

    With gradient g (negated if `maximize`), for each parameter p in its step t = 1, 2, ...::

        g = g + weight_decay p
        m = beta1 m + (1 - beta1) g
        u = max(beta2 u, |g| + eps)
        p = p - lr / (1 - beta1^t) m / u

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups.
    lr : float, default 2e-3
    betas : (float, float), default (0.9, 0.999)
        beta1 and beta2, each in [0, 1).
    eps : float, default 1e-8
    weight_decay : float, default 0
    maximize : bool, default False
    foreach, capturable, differentiable : bool, optional
        Taken for PyTorch's sake; without effect.

    Raises
    ------
    ValueError
        If a number is negative, or a beta outside [0, 1).

    Notes
    -----
    State, with PyTorch's names: `step` (t), `exp_avg` (m) and `exp_inf` (u). Source: Kingma & Ba (2015),
    Adam: A method for stochastic optimization, ICLR.
    """

    op = "adamax"
    arrays = ("exp_avg", "exp_inf")
    numbers = ("lr", "betas", "eps", "weight_decay")
    flags = ("maximize",)
    pairs = ("betas",)
    counters = ("step",)
    saved = ("step", "exp_avg", "exp_inf")
    required = saved

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)

    def _check(self, values: Mapping[str, Any]) -> None:
        self._not_negative(values, "lr", "eps", "weight_decay")
        self._below_one(values, "betas")


class Lion(OneOp):
    """Lion: steps by the sign of a running mean.

    With gradient g (negated if `maximize`), for each parameter p::

        p = p - lr weight_decay p - lr sign(beta1 m + (1 - beta1) g)
        m = beta2 m + (1 - beta2) g

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups.
    lr : float, default 1e-4
        Three to ten times less than for AdamW.
    betas : (float, float), default (0.9, 0.99)
        beta1 and beta2, each in [0, 1).
    weight_decay : float, default 0
        Three to ten times more than for AdamW.
    maximize : bool, default False

    Raises
    ------
    ValueError
        If a number is negative, or a beta outside [0, 1).

    Notes
    -----
    Not in PyTorch. State: `exp_avg` (m). Source: Chen et al. (2023), Symbolic discovery of optimization
    algorithms, NeurIPS.
    """

    op = "lion"
    arrays = ("exp_avg",)
    numbers = ("lr", "betas", "weight_decay")
    flags = ("maximize",)
    pairs = ("betas",)
    saved = ("exp_avg",)
    required = saved

    def __init__(
        self,
        params: Params,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize}
        )

    def _check(self, values: Mapping[str, Any]) -> None:
        self._not_negative(values, "lr", "weight_decay")
        self._below_one(values, "betas")


class ASGD(OneOp):
    """Averaged stochastic gradient descent.

    With gradient g (negated if `maximize`), for each parameter p in its step t = 1, 2, ...::

        g = g + weight_decay p
        p = p - lambd eta p - eta g
        a = a + mu (p - a)                      (the average; mu = 1 at first)
        eta = lr / (1 + lambd lr t)^alpha       (for the next step; lr at first)
        mu = 1 / max(1, t - t0)

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups.
    lr : float, default 1e-2
    lambd : float, default 1e-4
    alpha : float, default 0.75
    t0 : float, default 1e6
        The step at which to begin the average.
    weight_decay : float, default 0
    maximize : bool, default False
    foreach, differentiable, capturable : bool, optional
        Taken for PyTorch's sake; without effect.

    Raises
    ------
    ValueError
        If lr or weight_decay is negative.

    Notes
    -----
    State, with PyTorch's names: `step` (t), `eta`, `mu` and `ax` (a). Source: Polyak & Juditsky (1992),
    Acceleration of stochastic approximation by averaging, SIAM J. Control Optim. 30.
    """

    op = "asgd"
    arrays = ("ax",)
    numbers = ("lr", "lambd", "alpha", "t0", "weight_decay")
    flags = ("maximize",)
    counters = ("step", "eta", "mu")
    saved = ("step", "eta", "mu", "ax")
    required = saved

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, values: Mapping[str, Any]) -> None:
        self._not_negative(values, "lr", "weight_decay")
