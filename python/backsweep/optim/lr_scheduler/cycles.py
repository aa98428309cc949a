"""Schedules that go up and down, and move momentum against the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from backsweep._arguments import number, shown
from backsweep.optim.lr_scheduler.base import (
    LRScheduler,
    checked,
    for_groups,
    functions_without_code,
    set_lr,
    with_functions,
)
from backsweep.optim.optimizer import Optimizer, ParamGroup

__all__ = ["CyclicLR", "OneCycleLR"]


class _WithMomentum(LRScheduler):
    """Schedules that set the momentum, or the first beta, as well."""

    cycle_momentum: bool
    use_beta1: bool

    def _begin_momentum(self, optimizer: Optimizer, base: Any, most: Any, last_epoch: int) -> tuple[Any, Any]:
        """Give base and largest momentum of each group, and note them there."""
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise ValueError(
                f"[{self._name}] the optimizer has neither momentum nor betas: give cycle_momentum=False"
            )
        self.use_beta1 = "betas" in optimizer.defaults
        largest = for_groups(self, "max_momentum", most, optimizer)
        smallest = for_groups(self, "base_momentum", base, optimizer)
        if last_epoch == -1:
            for group, high, low in zip(optimizer.param_groups, largest, smallest, strict=True):
                self._set_momentum(group, high)
                group["max_momentum"] = high
                group["base_momentum"] = low
        return smallest, largest

    def _set_momentum(self, group: ParamGroup, value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class CyclicLR(_WithMomentum):
    """lr goes from `base_lr` to `max_lr` and back in straight lines, over and over.

    The height of the rise is multiplied by a scale: 1 ("triangular"), 2^-(cycle - 1) ("triangular2"),
    gamma^epoch ("exp_range"), or what `scale_fn` gives. Momentum, or the first beta, goes the other way.

    Parameters
    ----------
    optimizer : Optimizer
    base_lr, max_lr : float or list of float
        For all groups or one for each.
    step_size_up : int, default 2000
        Steps up; `step_size_down`, by default as many, are those down.
    step_size_down : int, optional
    mode : {"triangular", "triangular2", "exp_range"}, default "triangular"
    gamma : float, default 1
    scale_fn : function, optional
        Instead of what `mode` says: of the cycle (from 1), or with `scale_mode` "iterations" of the step.
    scale_mode : {"cycle", "iterations"}, default "cycle"
    cycle_momentum : bool, default True
    base_momentum, max_momentum : float or list of float, default 0.8, 0.9
    last_epoch : int, default -1

    Raises
    ------
    ValueError
        If `mode` is unknown, lists do not fit the groups, or the optimizer has no momentum to cycle.

    Notes
    -----
    To be stepped after each batch. Source: Smith (2017), Cyclical learning rates for training neural
    networks, WACV.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = checked(self, optimizer)
        base_lrs = for_groups(self, "base_lr", base_lr, optimizer)
        self.max_lrs = for_groups(self, "max_lr", max_lr, optimizer)
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up) + float(down)
        self.step_ratio = float(step_size_up) / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(
                f'[CyclicLR] mode is {shown(mode)}; it must be "triangular", "triangular2" or "exp_range"'
            )
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs, strict=True):
                set_lr(group, lr)
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._begin_momentum(
                optimizer, base_momentum, max_momentum, last_epoch
            )
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """Give the scale of cycle or step x."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return float(1 / 2.0 ** (x - 1) if self.mode == "triangular2" else self.gamma**x)

    def get_lr(self) -> list[Any]:
        """Give the learning rates for `last_epoch`, one per group, and set the momenta."""
        self._asked()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        rise = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            limits = zip(self.base_momentums, self.max_momentums, strict=True)
            for group, (low, high) in zip(self.optimizer.param_groups, limits, strict=True):
                self._set_momentum(group, high - (high - low) * rise * scale)
        return [
            low + (high - low) * rise * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """Give all of it but the optimizer; of `scale_fn` the attributes, if it is an object."""
        (custom,) = functions_without_code([self._scale_fn_custom])
        return {**super().state_dict(), "_scale_fn_custom": custom}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave; `scale_fn` stays the one that there is."""
        super().load_state_dict({**state_dict, "_scale_fn_custom": self._scale_fn_custom})
        with_functions([self._scale_fn_custom], [state_dict["_scale_fn_custom"]])


class OneCycleLR(_WithMomentum):
    """lr goes from `max_lr / div_factor` up to `max_lr`, then down to a part of where it began.

    Momentum, or the first beta, goes the other way: from `max_momentum` to `base_momentum` and back.

    Parameters
    ----------
    optimizer : Optimizer
    max_lr : float or list of float
        For all groups or one for each.
    total_steps : int, optional
        Steps of the whole; or epochs * steps_per_epoch.
    epochs, steps_per_epoch : int, optional
    pct_start : float, default 0.3
        The part of it that goes up.
    anneal_strategy : {"cos", "linear"}, default "cos"
        Along half a period of a cosine, or straight lines.
    cycle_momentum : bool, default True
    base_momentum, max_momentum : float or list of float, default 0.85, 0.95
    div_factor : float, default 25
    final_div_factor : float, default 1e4
        The end is `max_lr / div_factor / final_div_factor`.
    three_phase : bool, default False
        As long down to where it began as it went up, then to the end.
    last_epoch : int, default -1

    Raises
    ------
    ValueError
        If there are no steps, `pct_start` or `anneal_strategy` is out of range, lists do not fit the groups,
        the optimizer has no momentum to cycle, or more than `total_steps` steps are taken.

    Notes
    -----
    To be stepped after each batch. Source: Smith & Topin (2019), Super-convergence, SPIE.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = checked(self, optimizer)
        self.total_steps = self._steps(total_steps, epochs, steps_per_epoch)
        if not 0 <= number(self._name, "pct_start", pct_start) <= 1:
            raise ValueError(f"[OneCycleLR] pct_start is {shown(pct_start)}; it must lie in [0, 1]")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f'[OneCycleLR] anneal_strategy is {shown(anneal_strategy)}; it must be "cos" or "linear"'
            )
        self._anneal_func_type = anneal_strategy
        up = pct_start * self.total_steps
        lrs = ["initial_lr", "max_lr", *(["initial_lr"] if three_phase else []), "min_lr"]
        high, low = "max_momentum", "base_momentum"
        momenta = [high, low, *([high] if three_phase else []), high]
        ends = [up - 1, *([2 * up - 2] if three_phase else []), self.total_steps - 1]
        self._schedule_phases = [
            {
                "end_step": end,
                "start_lr": lrs[i],
                "end_lr": lrs[i + 1],
                "start_momentum": momenta[i],
                "end_momentum": momenta[i + 1],
            }
            for i, end in enumerate(ends)
        ]
        largest = for_groups(self, "max_lr", max_lr, optimizer)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, largest, strict=True):
                group["initial_lr"] = lr / div_factor
                group["max_lr"] = lr
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._begin_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _steps(self, total_steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
        product = total_steps is None
        if product and (epochs is None or steps_per_epoch is None):
            raise ValueError("[OneCycleLR] give total_steps, or epochs and steps_per_epoch")
        given = (
            {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
            if product
            else {"total_steps": total_steps}
        )
        for name, value in given.items():
            if not isinstance(value, int) or value <= 0:
                raise ValueError(
                    f"[OneCycleLR] {name} is {shown(value)}; it must be a whole number, at least 1"
                )
        return math.prod(given.values())

    def _anneal(self, start: float, end: float, part: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)

    def get_lr(self) -> list[Any]:
        """Give the learning rates for `last_epoch`, one per group, and set the momenta."""
        self._asked()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"[OneCycleLR] step {step} of {self.total_steps}: the schedule is over")
        start: Any = 0.0
        for phase in self._schedule_phases:
            end: Any = phase["end_step"]
            if step <= end or phase is self._schedule_phases[-1]:
                break
            start = end
        part = (step - start) / (end - start)

        def between(group: ParamGroup, what: str) -> float:
            return self._anneal(group[str(phase["start_" + what])], group[str(phase["end_" + what])], part)

        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                self._set_momentum(group, between(group, "momentum"))
        return [between(group, "lr") for group in self.optimizer.param_groups]
