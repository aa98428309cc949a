"""Schedules made of schedules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from backsweep.optim.lr_scheduler.base import LRScheduler, set_lr
from backsweep.optim.lr_scheduler.plateau import ReduceLROnPlateau
from backsweep.optim.optimizer import Optimizer

__all__ = ["ChainedScheduler", "SequentialLR"]


class _OfSchedulers(LRScheduler):
    _schedulers: Sequence[LRScheduler]

    def _of_one_optimizer(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> Optimizer:
        """Give the optimizer of all of them, or raise."""
        if not schedulers:
            raise ValueError(f"[{self._name}] schedulers is empty; give at least one")
        for i, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(
                    f"[{self._name}] schedulers[{i}] is {type(scheduler).__name__}; it must be a schedule"
                )
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"[{self._name}] schedulers[{i}] is ReduceLROnPlateau, whose step takes a metric: "
                    "step it by itself"
                )
            optimizer = optimizer or scheduler.optimizer
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"[{self._name}] schedulers[{i}] is of another optimizer: give those of one")
        assert optimizer is not None
        return optimizer

    def state_dict(self) -> dict[str, Any]:
        """Give all of it but the optimizer, with the state dicts of the schedules."""
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        super().load_state_dict({**state_dict, "_schedulers": self._schedulers})
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)


class SequentialLR(_OfSchedulers):
    """One schedule after the other, each from its `milestones` on.

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : list of LRScheduler
        All of this optimizer.
    milestones : list of int
        Epochs at which the second one begins, the third, ...
    last_epoch : int, default -1

    Raises
    ------
    ValueError
        If there are no schedules, not one milestone less, or they are of different optimizers.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        self._of_one_optimizer(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"[SequentialLR] there are {len(schedulers)} schedules and {len(milestones)} milestones: "
                "give one milestone for each schedule but the first"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        # Each of them has made its first step; all but the first are yet to begin.
        for group in optimizer.param_groups:
            set_lr(group, group["initial_lr"])
        self.recursive_undo()
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def recursive_undo(self, sched: LRScheduler | None = None) -> None:
        """Take back one step of a schedule, or of those that it is made of."""
        scheduler = self if sched is None else sched
        if isinstance(scheduler, _OfSchedulers):
            for inner in scheduler._schedulers:
                self.recursive_undo(inner)
        elif hasattr(scheduler, "last_epoch"):
            scheduler.last_epoch -= 1

    def step(self) -> None:  # type: ignore[override]
        """Go on by one epoch."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_OfSchedulers):
    """All of several schedules, one after the other, in each step: their factors multiply.

    Parameters
    ----------
    schedulers : sequence of LRScheduler
        All of one optimizer.
    optimizer : Optimizer, optional
        That one.

    Raises
    ------
    ValueError
        If there are none, or they are of different optimizers.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self.optimizer = self._of_one_optimizer(schedulers, optimizer)
        self._schedulers = schedulers
        self._last_lr = self._now()

    def step(self) -> None:  # type: ignore[override]
        """Go on by one epoch."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._now()
