"""Generators of random numbers, and their seeds.

A generator holds a key, (seed, draw): each call that draws takes the key and leaves the next one, and what it
draws depends on the key and on the place of each element alone (docs/design.md). So numbers are the same on
any number of threads, eager and compiled.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from backsweep import _core
from backsweep._core import Buffer, ShapeError, Tensor
from backsweep._device import CPU, DeviceLike, check_device, device

__all__ = [
    "Generator",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]

_FIRST_SEED = 67280421310721  # PyTorch's, of every generator that nobody has seeded


class Generator:
    """A source of random numbers of its own, for the argument `generator` of what draws.

    Parameters
    ----------
    device : device or str, optional
        "cpu".

    Examples
    --------
    >>> g = bs.Generator().manual_seed(1)
    >>> bs.rand(2, generator=g)
    tensor([0.3129, 0.8342])
    """

    def __init__(self, device: DeviceLike = None) -> None:
        check_device("Generator", device)
        self._state = Buffer(_core.tensor([_FIRST_SEED, 0], dtype=_core.int64))

    @property
    def device(self) -> device:
        """The CPU."""
        return CPU

    def manual_seed(self, seed: int) -> Generator:
        """Set the seed (its lowest 64 bits), from which draws start again; give the generator."""
        _core.manual_seed(seed, self._state)
        return self

    def seed(self) -> int:
        """Set a seed that nobody can foresee, and give it."""
        fresh = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(fresh)
        return fresh

    def initial_seed(self) -> int:
        """Give the seed."""
        return int(self._state[0]) % 2**64

    def get_state(self) -> Tensor:
        """Give the key, int64 (2,): the seed and the number of draws."""
        return _core.tensor(self._state)

    def set_state(self, new_state: Tensor) -> None:
        """Go on from a key that `get_state` has given."""
        if not isinstance(new_state, Tensor):
            raise TypeError(f"[set_state] new_state is a tensor, not {type(new_state).__name__}")
        if new_state.shape != (2,) or new_state.dtype != _core.int64:
            raise ShapeError(
                f"[set_state] new_state is {new_state.dtype.name} {new_state.shape}; "
                "get_state() gives int64 (2,)"
            )
        self._state.copy_(new_state)

    def clone_state(self) -> Generator:
        """Give a generator that goes on as this one would."""
        made = Generator()
        made.set_state(self._state)
        return made

    def __repr__(self) -> str:
        return f"<bs.Generator, seed {self.initial_seed()}, {int(self._state[1])} draws>"


def _of_process() -> Generator:
    generator = Generator()
    generator._state = _core.default_generator
    return generator


default_generator = _of_process()


def manual_seed(seed: int) -> Generator:
    """Set the seed of the default generator (its lowest 64 bits) and give the generator."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Set a seed of the default generator that nobody can foresee, as each process begins with; give it."""
    return default_generator.seed()


def initial_seed() -> int:
    """Give the seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Give the key of the default generator, for `set_rng_state`: int64 (2,), seed and number of draws."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Let the default generator go on from a key that `get_rng_state` has given."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, device_type: str = "cpu") -> Iterator[None]:
    """Give the default generator its key back at the end of the block; devices are none here."""
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
