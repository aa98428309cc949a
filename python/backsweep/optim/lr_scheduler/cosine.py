"""Schedules along half a period of a cosine."""

from __future__ import annotations

import math
from typing import Any

from backsweep._arguments import shown
from backsweep.optim.lr_scheduler.base import LRScheduler
from backsweep.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (initial lr - eta_min) (1 + cos(pi epoch / T_max)) / 2.

    Computed from one epoch to the next, so that changes by others stay; beyond `T_max` it rises again.

    Parameters
    ----------
    optimizer : Optimizer
    T_max : int
        Epochs until eta_min.
    eta_min : float, default 0
    last_epoch : int, default -1

    Notes
    -----
    Source: Loshchilov & Hutter (2017), SGDR: Stochastic gradient descent with warm restarts, ICLR.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Give the learning rates for `last_epoch`, one per group."""
        self._asked()
        if self._is_initial:
            return self._now()
        t, low = self.last_epoch, self.eta_min
        if self._step_count == 1 and t > 0:
            return self._get_closed_form_lr()
        if (t - 1 - self.T_max) % (2 * self.T_max) == 0:  # the factor below would be of nothing
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [lr + (base - low) * rise for lr, base in zip(self._now(), self.base_lrs, strict=True)]
        factor = (1 + math.cos(math.pi * t / self.T_max)) / (1 + math.cos(math.pi * (t - 1) / self.T_max))
        return [factor * (lr - low) + low for lr in self._now()]

    def _get_closed_form_lr(self) -> list[Any]:
        half = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * half for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + (initial lr - eta_min) (1 + cos(pi t / T)) / 2, again and again.

    t counts epochs since the last restart; the first run has T = `T_0` epochs, each next one `T_mult` times
    as many.

    Parameters
    ----------
    optimizer : Optimizer
    T_0 : int
    T_mult : int, default 1
    eta_min : float, default 0
    last_epoch : int, default -1

    Raises
    ------
    ValueError
        If `T_0` or `T_mult` is no positive whole number, or `eta_min` no number.

    Notes
    -----
    Source: Loshchilov & Hutter (2017), SGDR: Stochastic gradient descent with warm restarts, ICLR.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:  # type: ignore[redundant-expr]
                raise ValueError(
                    f"[{self._name}] {name} is {shown(value)}; it must be a whole number, at least 1"
                )
        if not isinstance(eta_min, (float, int)):
            raise ValueError(f"[{self._name}] eta_min is {shown(eta_min)}; it must be a number")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Give the learning rates for `last_epoch`, one per group."""
        self._asked()
        half = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * half for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on by one epoch, or to one, which may be a fraction (of a batch: epoch + i / batches)."""
        if epoch is None and self.last_epoch >= 0:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            epoch = 0 if epoch is None else epoch
            if epoch < 0:
                raise ValueError(f"[{self._name}] epoch is {epoch}; it must not be negative")
            self._restart(epoch)
        self.last_epoch = math.floor(epoch)
        with self._within_step():
            self._set(self.get_lr())

    def _restart(self, epoch: float) -> None:
        """Find the run in which an epoch lies, and how far it is in there."""
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**n
