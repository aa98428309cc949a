"""Schedules that are factors of the learning rate."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from backsweep.optim.lr_scheduler.base import (
    LRScheduler,
    checked,
    functions_without_code,
    with_functions,
)
from backsweep.optim.optimizer import Optimizer

__all__ = [
    "ConstantLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "StepLR",
]

Factor = Callable[[int], float]


class _ByFunctions(LRScheduler):
    """Schedules by functions of the epoch, one for all groups or one for each."""

    lr_lambdas: list[Factor]

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | list[Factor], last_epoch: int = -1) -> None:
        groups = checked(self, optimizer).param_groups
        given = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * len(groups)
        if len(given) != len(groups):
            raise ValueError(
                f"[{self._name}] lr_lambda has {len(given)} functions, the optimizer {len(groups)} groups"
            )
        for function in given:
            if not callable(function):
                raise TypeError(
                    f"[{self._name}] lr_lambda is {type(function).__name__}; it must be a function"
                )
        self.lr_lambdas = given
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Give all of it but the optimizer; of functions the attributes of those that are objects."""
        return {**super().state_dict(), "lr_lambdas": functions_without_code(self.lr_lambdas)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave; functions stay those that there are."""
        super().load_state_dict({**state_dict, "lr_lambdas": self.lr_lambdas})
        with_functions(self.lr_lambdas, state_dict["lr_lambdas"])


class LambdaLR(_ByFunctions):
    """lr = initial lr * f(epoch).

    Parameters
    ----------
    optimizer : Optimizer
    lr_lambda : function of int, or list of such functions
        f, for all groups or one for each.
    last_epoch : int, default -1

    Raises
    ------
    ValueError
        If there are not as many functions as groups.
    """

    def get_lr(self) -> list[Any]:
        """Give the learning rates for `last_epoch`, one per group."""
        self._asked()
        return [base * f(self.last_epoch) for f, base in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(_ByFunctions):
    """lr = lr * f(epoch).

    Parameters
    ----------
    optimizer : Optimizer
    lr_lambda : function of int, or list of such functions
        f, for all groups or one for each.
    last_epoch : int, default -1

    Raises
    ------
    ValueError
        If there are not as many functions as groups.
    """

    def get_lr(self) -> list[Any]:
        """Give the learning rates for `last_epoch`, one per group."""
        self._asked()
        if self._is_initial:
            return self._now()
        return [lr * f(self.last_epoch) for f, lr in zip(self.lr_lambdas, self._now(), strict=True)]


class StepLR(LRScheduler):
    """lr = lr * gamma every `step_size` epochs.

    Parameters
    ----------
    optimizer : Optimizer
    step_size : int
    gamma : float, default 0.1
    last_epoch : int, default -1
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Give the learning rates for `last_epoch`, one per group."""
        self._asked()
        changes = self.last_epoch != 0 and self.last_epoch % self.step_size == 0
        return self._times(self.gamma) if changes else self._now()

    def _get_closed_form_lr(self) -> list[Any]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """lr = lr * gamma at each of the `milestones`.

    Parameters
    ----------
    optimizer : Optimizer
    milestones : iterable of int
        Epochs; one that comes twice counts twice.
    gamma : float, default 0.1
    last_epoch : int, default -1
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Give the learning rates for `last_epoch`, one per group."""
        self._asked()
        if self.last_epoch not in self.milestones:
            return self._now()
        return self._times(self.gamma ** self.milestones[self.last_epoch])

    def _get_closed_form_lr(self) -> list[Any]:
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]


class ConstantLR(LRScheduler):
    """lr = lr * factor, and back to lr after `total_iters` epochs.

    Parameters
    ----------
    optimizer : Optimizer
    factor : float, default 1/3
        In (0, 1].
    total_iters : int, default 5
    last_epoch : int, default -1

    Raises
    ------
    ValueError
        If `factor` is out of range.
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(f"[ConstantLR] factor is {factor}; it must lie in [0, 1]")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Give the learning rates for `last_epoch`, one per group."""
        self._asked()
        if self.last_epoch == 0:
            return self._times(self.factor)
        return self._times(1.0 / self.factor) if self.last_epoch == self.total_iters else self._now()

    def _get_closed_form_lr(self) -> list[Any]:
        factor = 1.0 if self.last_epoch >= self.total_iters else self.factor
        return [base * factor for base in self.base_lrs]


class LinearLR(LRScheduler):
    """lr = initial lr * factor, which goes from `start_factor` to `end_factor` in `total_iters` equal parts.

    Parameters
    ----------
    optimizer : Optimizer
    start_factor : float, default 1/3
        In (0, 1].
    end_factor : float, default 1
        In [0, 1].
    total_iters : int, default 5
    last_epoch : int, default -1

    Raises
    ------
    ValueError
        If a factor is out of range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(f"[LinearLR] start_factor is {start_factor}; it must lie in (0, 1]")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"[LinearLR] end_factor is {end_factor}; it must lie in [0, 1]")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Give the learning rates for `last_epoch`, one per group."""
        self._asked()
        if self.last_epoch == 0:
            return self._times(self.start_factor)
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._now()
        # From one epoch to the next: (a + t d) / (a + (t - 1) d), both times total_iters.
        change = self.end_factor - self.start_factor
        return self._times(
            1.0 + change / (self.total_iters * self.start_factor + (self.last_epoch - 1) * change)
        )

    def _get_closed_form_lr(self) -> list[Any]:
        part = min(self.total_iters, self.last_epoch) / self.total_iters
        factor = self.start_factor + (self.end_factor - self.start_factor) * part
        return [base * factor for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """lr = lr * gamma.

    Parameters
    ----------
    optimizer : Optimizer
    gamma : float
    last_epoch : int, default -1
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Give the learning rates for `last_epoch`, one per group."""
        self._asked()
        return self._now() if self._is_initial else self._times(self.gamma)

    def _get_closed_form_lr(self) -> list[Any]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class PolynomialLR(LRScheduler):
    """lr = initial lr * (1 - epoch / total_iters)^power, from `total_iters` on 0.

    Parameters
    ----------
    optimizer : Optimizer
    total_iters : int, default 5
    power : float, default 1
    last_epoch : int, default -1
    """

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Give the learning rates for `last_epoch`, one per group."""
        self._asked()
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._now()
        left, before = (1.0 - epoch / self.total_iters for epoch in (self.last_epoch, self.last_epoch - 1))
        return self._times((left / before) ** self.power)

    def _get_closed_form_lr(self) -> list[Any]:
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * left**self.power for base in self.base_lrs]
