"""Averages of models: stochastic weight averaging, and exponential moving averages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from backsweep import _core
from backsweep._arguments import one_of, shown
from backsweep._core import Tensor
from backsweep.nn import Module
from backsweep.optim.lr_scheduler.base import LRScheduler, checked, for_groups
from backsweep.optim.optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

_is_capturing = _core.is_capturing
_no_grad = _core.no_grad

Average = Callable[[Tensor, Tensor, Any], Tensor]
Averages = Callable[[list[Tensor], list[Tensor], Any], None]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """Give the `avg_fn` of an exponential moving average: decay average + (1 - decay) value."""
    _checked_decay("get_ema_avg_fn", decay)

    def average(averaged: Tensor, value: Tensor, n: Any) -> Tensor:
        with _no_grad():
            made: Tensor = decay * averaged + (1 - decay) * value
        return made

    return average


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """Give the `multi_avg_fn` of an exponential moving average: decay average + (1 - decay) value."""
    _checked_decay("get_ema_multi_avg_fn", decay)

    def average(averaged: list[Tensor], values: list[Tensor], n: Any) -> None:
        with _no_grad():
            for mean, value in zip(averaged, values, strict=True):
                if mean.dtype.is_floating_point:
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(mean * decay + value * (1 - decay))

    return average


def get_swa_avg_fn() -> Average:
    """Give the `avg_fn` of an equal average: average + (value - average) / (n + 1)."""

    def average(averaged: Tensor, value: Tensor, n: Any) -> Tensor:
        with _no_grad():
            made: Tensor = averaged + (value - averaged) / (n + 1)
        return made

    return average


def get_swa_multi_avg_fn() -> Averages:
    """Give the `multi_avg_fn` of an equal average: average + (value - average) / (n + 1)."""
    one = get_swa_avg_fn()

    def average(averaged: list[Tensor], values: list[Tensor], n: Any) -> None:
        with _no_grad():
            for mean, value in zip(averaged, values, strict=True):
                mean.copy_(one(mean, value, n))

    return average


def _checked_decay(name: str, decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"[{name}] decay is {decay}; it must lie in [0, 1]")


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of that model's.

    Called, it is that copy. Its state dict has the model's names below "module", and "n_averaged".

    Parameters
    ----------
    model : Module
    device : str or device, optional
        "cpu".
    avg_fn : function (average, value, n_averaged), optional
        Gives the new average of one parameter; by default the equal average of all values.
    multi_avg_fn : function (averages, values, n_averaged), optional
        Writes the new averages of a list of parameters instead.
    use_buffers : bool, default False
        Average the buffers, too; else they are copied.

    Raises
    ------
    ValueError
        If both functions are given.

    Notes
    -----
    Source: Izmailov et al. (2018), Averaging weights leads to wider optima and better generalization, UAI.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("[AveragedModel] avg_fn and multi_avg_fn are given: one says how to average")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", _core.tensor(0))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the averaged model."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's parameters, as they are now, into the average; the first ones are copied."""
        with _no_grad():
            mine, others = _tensors(self.module, self.use_buffers), _tensors(model, self.use_buffers)
            first = self.n_averaged == 0
            averages = [t.detach() for t in mine]
            if _is_capturing():  # which does not know the count
                self._average(averages, others)
                for mean, value in zip(averages, others, strict=True):
                    mean.copy_(_core.ops.where(first, value, mean))
            elif bool(first):
                for mean, value in zip(averages, others, strict=True):
                    mean.copy_(value)
            else:
                self._average(averages, others)
            if not self.use_buffers:
                for mine_now, value in zip(self.module.buffers(), model.buffers(), strict=True):
                    mine_now.detach().copy_(value.detach())
            self.n_averaged += 1

    def _average(self, averages: list[Tensor], values: list[Tensor]) -> None:
        if self.avg_fn is not None:
            for mean, value in zip(averages, values, strict=True):
                mean.copy_(self.avg_fn(mean, value, self.n_averaged))
            return
        average = self.multi_avg_fn or get_swa_multi_avg_fn()
        for dtype in dict.fromkeys(t.dtype for t in averages):
            same = [i for i, t in enumerate(averages) if t.dtype is dtype]
            average([averages[i] for i in same], [values[i] for i in same], self.n_averaged)


def _tensors(module: Module, buffers: bool) -> list[Tensor]:
    found: list[Tensor] = list(module.parameters())
    return [t.detach() for t in [*found, *(module.buffers() if buffers else ())]]


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute anew the running statistics of a model's batch normalisations, by one pass over data.

    Parameters
    ----------
    loader : iterable of Tensor, or of (Tensor, ...)
        Batches; of tuples and lists the first element is the input.
    model : Module
    device : str or device, optional
        "cpu".
    """
    layers = [m for m in model.modules() if hasattr(m, "reset_running_stats") and hasattr(m, "momentum")]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    training = model.training
    model.train()
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # equal weights
        with _no_grad():
            for batch in loader:
                x = batch[0] if isinstance(batch, (list, tuple)) else batch
                model(x if device is None else x.to(device))
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        model.train(training)


class SWALR(LRScheduler):
    """lr goes from where it is to `swa_lr` in `anneal_epochs` epochs, and stays there.

    Parameters
    ----------
    optimizer : Optimizer
    swa_lr : float or list of float
        For all groups or one for each.
    anneal_epochs : int, default 10
    anneal_strategy : {"cos", "linear"}, default "cos"
        Along half a period of a cosine, or a straight line.
    last_epoch : int, default -1

    Raises
    ------
    ValueError
        If `anneal_epochs` is no whole number, or negative, or a word is unknown.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        lrs = for_groups(self, "swa_lr", swa_lr, checked(self, optimizer))
        self._anneal_strategy = one_of("SWALR", "anneal_strategy", anneal_strategy, ("cos", "linear"))
        given: object = anneal_epochs
        if not isinstance(given, int) or given < 0:
            raise ValueError(
                f"[SWALR] anneal_epochs is {shown(anneal_epochs)}; it must be a whole number, not negative"
            )
        for group, lr in zip(optimizer.param_groups, lrs, strict=True):
            group["swa_lr"] = lr
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _part(self, step: int) -> float:
        """Give how much of the way is gone."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> list[Any]:
        """Give the learning rates for `last_epoch`, one per group."""
        self._asked()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._part(step - 1), self._part(step)
        made = []
        for group in self.optimizer.param_groups:
            end = group["swa_lr"]
            begin = end if before == 1 else (group["lr"] - before * end) / (1 - before)
            made.append(end * now + begin * (1 - now))
        return made
