"""What compiled programs may rely on: the structure of modules and optimizers, as cheap comparable keys."""

from __future__ import annotations

from typing import Any

from backsweep import _core

__all__ = ["ABSENT", "EVERY_MODULE", "Structure"]

ABSENT: Any = object()  # stands for the value of what is not there


class Structure:
    """The part of a module that compiled programs depend on.

    `key` is equal as long as nothing is registered and the training flag is the same; `watched` holds the
    attributes that captured code has read. Programs hold this object and not the module, so that a program
    kept beside its module is no reference cycle.
    """

    __slots__ = ("training", "version", "watched")

    def __init__(self, training: bool = True) -> None:
        self.training = training
        self.version = 0
        self.watched: dict[str, Any] = {}

    @property
    def key(self) -> tuple[bool, int]:
        """Equal as long as nothing has changed; train, eval, train comes back to an equal value."""
        return self.training, self.version

    def changed(self) -> None:
        """Note a change of what is registered."""
        self.version += 1
        _core.bump_structure_epoch()

    def train(self, mode: bool) -> None:
        """Note the training flag."""
        if mode != self.training:
            self.training = mode
            _core.bump_structure_epoch()

    def watch(self, name: str, value: Any) -> dict[str, Any]:
        """From now on `watched` holds what the module's attribute is."""
        self.watched[name] = value
        return self.watched

    def note(self, name: str, value: Any = ABSENT) -> None:
        """Note that an attribute is set or, without a value, removed."""
        if self.watched.get(name, value) is not value:
            self.watched[name] = value
            _core.bump_structure_epoch()

    def __reduce__(self) -> tuple[type[Structure], tuple[bool]]:
        """Make copies that no program watches."""
        return Structure, (self.training,)


EVERY_MODULE = Structure()  # changes with what concerns all modules: hooks of every one
