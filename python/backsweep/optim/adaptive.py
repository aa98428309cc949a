"""Optimizers that divide by a gradient's running size: RMSprop, Adagrad, Adadelta; and Rprop, by signs."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from backsweep.optim.one_op import OneOp
from backsweep.optim.optimizer import Params

__all__ = ["Adadelta", "Adagrad", "RMSprop", "Rprop"]


class RMSprop(OneOp):
    """RMSprop: steps in units of the root of the gradient's running square.

    With gradient g (negated if `maximize`), for each parameter p::

        g = g + weight_decay p
        v = alpha v + (1 - alpha) g^2
        a = alpha a + (1 - alpha) g             (if `centered`, else a = 0)
        b = momentum b + g / (sqrt(v - a^2) + eps)
        p = p - lr b

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups.
    lr : float, default 1e-2
    alpha : float, default 0.99
    eps : float, default 1e-8
    weight_decay : float, default 0
    momentum : float, default 0
    centered : bool, default False
        Divide by the root of the variance.
    maximize : bool, default False
    capturable, foreach, differentiable : bool, optional
        Taken for PyTorch's sake; without effect.

    Raises
    ------
    ValueError
        If a number is negative.

    Notes
    -----
    State, with PyTorch's names: `step`, `square_avg` (v), `momentum_buffer` (b) if there is a momentum, and
    `grad_avg` (a) if `centered`. Sources: Tieleman & Hinton (2012), Lecture 6.5 of Neural networks for
    machine learning, Coursera; centered: Graves (2013), Generating sequences with recurrent neural networks,
    arXiv:1308.0850.
    """

    op = "rmsprop"
    numbers = ("lr", "alpha", "eps", "weight_decay", "momentum")
    flags = ("centered", "maximize")
    deciding = ("momentum",)
    counters = ("step",)
    saved = ("step", "square_avg", "momentum_buffer", "grad_avg")
    required = saved[:2]

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, values: Mapping[str, Any]) -> None:
        self._not_negative(values, *self.numbers)

    def _op_and_arrays(self, values: SimpleNamespace) -> tuple[str, tuple[str, ...]]:
        op, arrays = self.op, ["square_avg"]
        if values.centered:
            op += "_centered"
        if values.momentum:
            op += "_momentum"
            arrays.append("momentum_buffer")
        return op, (*arrays, "grad_avg") if values.centered else tuple(arrays)


class Rprop(OneOp):
    """Resilient backpropagation: steps by the gradient's sign, longer where it stays, shorter where it turns.

    With gradient g (negated if `maximize`), for each element of a parameter p, of step size s (lr at first)::

        s = etaplus s                           where g has the sign of the last g
        s = etaminus s, g = 0                   where it has the other one
        s = min(max(s, step_sizes[0]), step_sizes[1])
        p = p - sign(g) s

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups.
    lr : float, default 1e-2
    etas : (float, float), default (0.5, 1.2)
        etaminus in (0, 1), and etaplus, above 1.
    step_sizes : (float, float), default (1e-6, 50)
    maximize : bool, default False
    capturable, foreach, differentiable : bool, optional
        Taken for PyTorch's sake; without effect.

    Raises
    ------
    ValueError
        If lr is negative or an eta out of range.

    Notes
    -----
    For gradients of all samples. State, with PyTorch's names: `step`, `prev` (the last g), `step_size` (s).
    Source: Riedmiller & Braun (1993), A direct adaptive method for faster backpropagation learning, ICNN.
    """

    op = "rprop"
    arrays = ("prev", "step_size")
    numbers = ("lr", "etas", "step_sizes")
    flags = ("maximize",)
    pairs = ("etas", "step_sizes")
    counters = ("step",)
    saved = ("step", "prev", "step_size")
    required = saved

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize})

    def _check(self, values: Mapping[str, Any]) -> None:
        self._not_negative(values, "lr")
        minus, plus = values["etas"]
        if not 0.0 < minus < 1.0 < plus:
            raise ValueError(
                f"[{self._name}] etas is ({minus}, {plus}); it must be 0 < etas[0] < 1 < etas[1]"
            )


class Adagrad(OneOp):
    """Adagrad: divides by the root of the sum of all squared gradients.

    With gradient g (negated if `maximize`), for each parameter p in its step t = 1, 2, ...::

        g = g + weight_decay p
        s = s + g^2                             (s = initial_accumulator_value at first)
        p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups.
    lr : float, default 1e-2
    lr_decay : float, default 0
    weight_decay : float, default 0
    initial_accumulator_value : float, default 0
    eps : float, default 1e-10
    maximize : bool, default False
    foreach, differentiable, fused : bool, optional
        Taken for PyTorch's sake; without effect.

    Raises
    ------
    ValueError
        If a number is negative.

    Notes
    -----
    State, with PyTorch's names: `step` (t) and `sum` (s). Source: Duchi et al. (2011), Adaptive subgradient
    methods for online learning and stochastic optimization, JMLR 12.
    """

    op = "adagrad"
    arrays = ("sum",)
    numbers = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")
    flags = ("maximize",)
    counters = ("step",)
    saved = ("step", "sum")
    required = saved

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, values: Mapping[str, Any]) -> None:
        self._not_negative(values, *self.numbers)


class Adadelta(OneOp):
    """Adadelta: steps in units of the running size of steps.

    With gradient g (negated if `maximize`), for each parameter p::

        g = g + weight_decay p
        v = rho v + (1 - rho) g^2
        d = sqrt(u + eps) / sqrt(v + eps) g
        u = rho u + (1 - rho) d^2
        p = p - lr d

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of dict
        What to optimize, or parameter groups.
    lr : float, default 1
    rho : float, default 0.9
        In [0, 1].
    eps : float, default 1e-6
    weight_decay : float, default 0
    maximize : bool, default False
    foreach, capturable, differentiable : bool, optional
        Taken for PyTorch's sake; without effect.

    Raises
    ------
    ValueError
        If a number is negative, or rho above 1.

    Notes
    -----
    State, with PyTorch's names: `step`, `square_avg` (v) and `acc_delta` (u). Source: Zeiler (2012),
    ADADELTA: An adaptive learning rate method, arXiv:1212.5701.
    """

    op = "adadelta"
    arrays = ("square_avg", "acc_delta")
    numbers = ("lr", "rho", "eps", "weight_decay")
    flags = ("maximize",)
    counters = ("step",)
    saved = ("step", "square_avg", "acc_delta")
    required = saved

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)

    def _check(self, values: Mapping[str, Any]) -> None:
        self._not_negative(values, *self.numbers)
        if not values["rho"] <= 1.0:
            raise ValueError(f"[{self._name}] rho is {values['rho']}; it must lie in [0, 1]")
