"""Parameter groups: hyperparameters that compiled steps read when they run."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, MutableMapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from backsweep import _core
from backsweep._core import Buffer, GraphError
from backsweep._watch import watching

if TYPE_CHECKING:
    from backsweep.optim.optimizer import Optimizer

__all__ = ["ParamGroup"]

_is_capturing = _core.is_capturing


class ParamGroup(MutableMapping[str, Any]):
    """Parameters that share hyperparameters; behaves as a dict.

    Numbers such as `lr` live in buffers that steps read when they run: writing `group["lr"] = 0.01` reaches
    compiled programs too, without a new capture. What decides which work a step does (the parameters, flags,
    whether a momentum is zero) is structure: a change of it leads to a new capture.
    """

    rows: list[tuple[Any, ...]]  # what the optimizer's update walks over; made by its _prepare

    def __init__(self, values: Mapping[str, Any], owner: Optimizer) -> None:
        self.values_now = SimpleNamespace(**values)
        self._kind = type(owner)
        self._adopt(owner)
        self._slots: list[Buffer] = []
        self.structure = SimpleNamespace(key=self._key())
        owner._prepare(self)

    def _adopt(self, owner: Optimizer) -> None:
        # Weak, so that an optimizer and its state go when nothing refers to it.
        self._owner_ref: weakref.ref[Optimizer] | None = weakref.ref(owner)

    @property
    def _owner(self) -> Optimizer:
        owner = self._owner_ref() if self._owner_ref else None
        if owner is None:
            raise GraphError(
                f"[{self._kind.__name__}] the optimizer of this parameter group is gone: keep it"
            )
        return owner

    def __getstate__(self) -> dict[str, Any]:
        """Give what a copy takes over; the copy's owner adopts it."""
        return {**vars(self), "_owner_ref": None}

    def _key(self) -> tuple[Any, ...]:
        values = vars(self.values_now)
        deciding = (*self._kind.deciding, *self._kind.flags)
        return (*map(id, values["params"]), *(bool(values[name]) for name in deciding))

    def slots(self) -> list[Buffer]:
        """Give the 0-d float64 buffers that hold the optimizer's `numbers`, pairs as two."""
        if not self._slots:
            self._slots = [Buffer(_core.tensor(x, dtype=_core.float64)) for x in self._flat()]
        return self._slots

    def _flat(self) -> list[float]:
        values = [vars(self.values_now)[name] for name in self._kind.numbers]
        return [x for value in values for x in (value if isinstance(value, tuple) else (value,))]

    def __getitem__(self, name: str) -> Any:
        values = vars(self.values_now)
        if watch := watching():  # the program depends on this very value from now on
            watch.saw_item(values, name, "the group's ")
        return values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.write(self.checked({name: value}))

    def schedule(self, name: str, value: float) -> None:
        """Set a number as schedules do: whatever it is, as rounding may take it just below 0."""
        self.write(self._kept({name: value}))

    def checked(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Give what `write` takes, or raise if the group would not be valid with these changes."""
        made = self._kept(changes)
        if "params" in made:
            made["params"], _ = self._owner._own(made["params"], self)
        self._owner._check({**vars(self.values_now), **made})
        return made

    def _kept(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        if _is_capturing():
            names = ", ".join(changes)
            raise GraphError(f"[optim] {names} of a group is set while capturing: do it between the steps")
        return {n: self._owner._as_kept(n, value) for n, value in changes.items()}

    def write(self, changes: Mapping[str, Any]) -> None:
        """Take over changes that `checked` gave."""
        vars(self.values_now).update(changes)
        if self._slots and not changes.keys().isdisjoint(self._kind.numbers):
            for slot, value in zip(self._slots, self._flat(), strict=True):
                slot.fill_(value)
        key = self._key()
        if key != self.structure.key:
            self.structure.key = key
            self._owner._prepare(self)
            _core.bump_structure_epoch()

    def __delitem__(self, name: str) -> None:
        raise TypeError(f'[optim] group["{name}"] cannot be removed')

    def __iter__(self) -> Iterator[str]:
        return iter(vars(self.values_now))

    def __len__(self) -> int:
        return len(vars(self.values_now))

    def __repr__(self) -> str:
        shown = {name: value for name, value in self.items() if name != "params"}
        return f"ParamGroup({shown}, {len(vars(self.values_now)['params'])} parameters)"
