"""What schedules share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from backsweep._arguments import number, shown
from backsweep._core import Tensor
from backsweep.optim.optimizer import Optimizer, ParamGroup

__all__ = ["LRScheduler", "_LRScheduler", "checked", "for_groups", "functions_without_code", "with_functions"]


class LRScheduler:
    """The base class of schedules.

    One's own says what the learning rates are::

        class Halving(bs.optim.lr_scheduler.LRScheduler):
            def get_lr(self):
                if self.last_epoch == 0:
                    return [group["lr"] for group in self.optimizer.param_groups]
                return [group["lr"] / 2 for group in self.optimizer.param_groups]

    Parameters
    ----------
    optimizer : Optimizer
        Whose groups' "lr" it sets, at once and by each `step()`.
    last_epoch : int, default -1
        The last one that was, to go on from there: groups must then have an "initial_lr". -1: begin.

    Raises
    ------
    TypeError
        If `optimizer` is none.
    KeyError
        If `last_epoch` says to go on and a group has no "initial_lr".

    Attributes
    ----------
    last_epoch : int
    base_lrs : list of float
        The groups' "initial_lr".
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked(self, optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _value(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"[{self._name}] param_groups[{i}] has no 'initial_lr', which last_epoch={last_epoch} "
                    "needs: load the optimizer's state dict first"
                )
        self.base_lrs = [_value(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """Give all of it but the optimizer."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave; the optimizer has a state dict of its own."""
        vars(self).update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """Give the learning rates that were last set, one per group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """Give the learning rates for `last_epoch`, one per group; a subclass says which."""
        raise NotImplementedError(f"[{self._name}] has no get_lr method: define one")

    def step(self, epoch: int | None = None) -> None:
        """Go on by one epoch and set the learning rates; to be called after the optimizer's steps.

        Parameters
        ----------
        epoch : int, optional
            Which one to go to, as in old programs: by the closed form, where there is one.
        """
        if self._step_count == 1 and not self.optimizer._stepped:
            warnings.warn(
                f"[{self._name}] a step of the schedule comes before the optimizer's first: the first "
                "learning rate is never used; call optimizer.step() before scheduler.step()",
                stacklevel=2,
            )
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        closed_form = getattr(self, "_get_closed_form_lr", None)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        with self._within_step():
            self._set(self.get_lr() if epoch is None or closed_form is None else closed_form())

    @contextmanager
    def _within_step(self) -> Iterator[None]:
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _asked(self) -> None:
        """Say so if `get_lr` is called by others than `step`: it gives the next ones after those now."""
        if not self._get_lr_called_within_step:
            warnings.warn(
                f"[{self._name}] get_lr() computes new rates: get_last_lr() gives those that are set",
                stacklevel=3,
            )

    def _now(self) -> list[Any]:
        return [_value(group["lr"]) for group in self.optimizer.param_groups]

    def _times(self, factor: float) -> list[Any]:
        return [_value(group["lr"] * factor) for group in self.optimizer.param_groups]

    def _set(self, values: Sequence[Any]) -> None:
        for group, lr in zip(self.optimizer.param_groups, values, strict=True):
            set_lr(group, lr)
        self._last_lr = self._now()


class _LRScheduler(LRScheduler):
    """The name that old programs derive from."""


def checked(scheduler: LRScheduler, optimizer: Any) -> Optimizer:
    """Give an argument that must be an optimizer, or raise."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"[{scheduler._name}] optimizer is {shown(optimizer)}; it must be a bs.optim.Optimizer"
        )
    return optimizer


def for_groups(scheduler: LRScheduler, name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """Give one number for each group, of one for all or of a list, or raise."""
    n = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [number(scheduler._name, name, value)] * n
    if len(value) != n:
        raise ValueError(f"[{scheduler._name}] {name} has {len(value)} values, the optimizer {n} groups")
    return [number(scheduler._name, f"{name}[{i}]", x) for i, x in enumerate(value)]


def functions_without_code(functions: Sequence[Any]) -> list[Any]:
    """Give what a state dict holds of functions: attributes of objects, nothing of plain functions."""
    return [None if isinstance(f, FunctionType) or f is None else dict(vars(f)) for f in functions]


def with_functions(functions: Sequence[Callable[..., Any] | None], saved: Sequence[Any]) -> None:
    """Give the attributes back."""
    for function, attributes in zip(functions, saved, strict=True):
        if attributes is not None:
            vars(function).update(attributes)


def set_lr(group: ParamGroup, lr: Any) -> None:
    """Set a learning rate, in place where it is a tensor."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(lr)
    else:
        group.schedule("lr", lr)


def _value(lr: Any) -> Any:
    """Give a learning rate that nobody writes: one that is a tensor is copied."""
    return lr.clone() if isinstance(lr, Tensor) else lr
