"""What compiled programs may rely on: the structure of modules and optimizers, as cheap comparable keys."""

from __future__ import annotations

from typing import ClassVar

from backsweep import _core

__all__ = ["Structure"]


class Structure:
    """The part of a module that a compiled program depends on, as `key`.

    Programs hold this object and not the module, so that a program kept beside its module is no reference
    cycle.
    """

    __slots__ = ("training", "version")
    # Replacing or removing what was registered must also reach programs that entered the module by another
    # method than `__call__`, so it counts for all of them: rare, and a new capture takes milliseconds.
    replacements: ClassVar[int] = 0

    def __init__(self) -> None:
        self.training = True
        self.version = 0

    @property
    def key(self) -> tuple[bool, int, int]:
        """Equal as long as nothing has changed; train, eval, train comes back to an equal value."""
        return self.training, self.version, Structure.replacements

    def changed(self, *, replaced: bool = False) -> None:
        """Note a change of what is registered."""
        self.version += 1
        Structure.replacements += replaced
        _core.bump_structure_epoch()

    def train(self, mode: bool) -> None:
        """Note the training flag."""
        if mode != self.training:
            self.training = mode
            _core.bump_structure_epoch()
