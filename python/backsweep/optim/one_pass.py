"""The optimizers of this package: one op per parameter, which reads its numbers when it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from backsweep import _core
from backsweep._arguments import number
from backsweep._core import Buffer, ShapeError, Tensor
from backsweep.optim.groups import ParamGroup
from backsweep.optim.optimizer import Optimizer
from backsweep.optim.states import BufferStates

__all__ = ["OnePass", "as_dtype"]

_no_grad = _core.no_grad


class OnePass(Optimizer):
    """What the optimizers of this package share.

    A subclass names its hyperparameters in `numbers` (floats, or pairs of them) and `flags` (booleans), and
    in `deciding` the numbers of which 0 means less state. Its state is made in `_prepare`; it states its
    update in `_update`, in ops on parameters and buffers. `saved` names the state that state dicts hold.

    Attributes
    ----------
    param_groups : list of ParamGroup
    state : mapping of Parameter (or leaf) to mapping of str to Buffer
        `del state[p]` and `state.clear()` let parameters start anew, in compiled steps too; values that are
        assigned are written into the buffers.
    """

    pairs: ClassVar[tuple[str, ...]] = ()  # those of `numbers` that are two
    saved: ClassVar[tuple[str, ...]] = ()  # names of state that state dicts hold
    required: ClassVar[tuple[str, ...]] = ()  # those of `saved` without which it is not whole
    counters: ClassVar[tuple[str, ...]] = ()  # those of `saved` that are 0-d; the others have p's shape

    def _make_state(self) -> None:
        self._buffers: dict[Tensor, dict[str, Buffer]] = {}  # all zeros until a parameter's first step

    @property
    def in_slots(self) -> bool:
        """Whether all that a step changes lies in slots: unless a subclass has a step of its own."""
        return type(self).step is OnePass.step

    @property
    def state(self) -> BufferStates:
        """What is remembered of each parameter."""
        return BufferStates(self._buffers)

    @state.setter
    def state(self, states: Mapping[Any, Any]) -> None:
        made = [(p, self._checked_state(p, i, states.get(p))) for i, p in enumerate(self._buffers)]
        for p, state in made:
            self._load_state(p, state)

    def _as_kept(self, name: str, value: Any) -> Any:
        """Give a hyperparameter as it is kept: numbers as float, pairs as tuple of two, flags as bool."""
        where = f"[{self._name}]"
        if name in self.flags:
            if not isinstance(value, (bool, int, np.bool_)):
                raise TypeError(f"{where} {name} is {value!r}; it must be True or False")
            return bool(value)
        if name not in self.numbers:
            return value
        if name not in self.pairs:
            return number(self._name, name, value)
        try:
            first, second = value
        except TypeError as e:
            raise TypeError(f"{where} {name} is {value!r}; it must be two numbers") from e
        except ValueError as e:
            raise ValueError(f"{where} {name} is {value!r}; it must be two numbers") from e
        return number(self._name, f"{name}[0]", first), number(self._name, f"{name}[1]", second)

    def _not_negative(self, values: Mapping[str, Any], *names: str) -> None:
        for name in names:
            if not values[name] >= 0.0:
                raise ValueError(
                    f"[{self._name}] {name} is {values[name]}; it must be a number, not negative"
                )

    def _below_one(self, values: Mapping[str, Any], name: str) -> None:
        for i, beta in enumerate(values[name]):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"[{self._name}] {name}[{i}] is {beta}; it must lie in [0, 1)")

    def _update(self, group: ParamGroup) -> None:
        """Change the group's parameters; called without gradient recording."""
        raise NotImplementedError(f"[{self._name}] has no _update method")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change each parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Called first, with gradient recording; its result is returned.
        """
        result = None
        if closure is not None:
            with _core.enable_grad():
                result = closure()
        with _no_grad():
            for group in self._groups():
                self._update(group)
        return result

    def _saved_states(self, numbers: Mapping[int, int]) -> dict[Any, Any]:
        return {
            numbers[id(p)]: {name: buffers[name]._snapshot() for name in self.saved if name in buffers}
            for p, buffers in self._buffers.items()
            if id(p) in numbers and any(np.any(np.asarray(b)) for b in buffers.values())
        }

    def _loaded_states(
        self, parameters: Mapping[Any, Tensor], saved: Mapping[Any, Any]
    ) -> Callable[[], None]:
        made = [(p, self._checked_state(p, i, saved.get(i))) for i, p in parameters.items()]

        def write() -> None:
            for p, state in made:
                self._load_state(p, state)

        return write

    def _checked_state(self, p: Tensor, i: Any, saved: Any) -> dict[str, Tensor]:
        """Give the saved state of p, parameter number i, as tensors that fit."""
        where = f"[{self._name}]"
        if saved is not None and not isinstance(saved, Mapping):
            raise TypeError(
                f"{where} the state of parameter {i} is {type(saved).__name__}; it must be a dict of arrays"
            )
        given = {name: value for name, value in (saved or {}).items() if value is not None}
        missing = [name for name in self.required if name not in given]
        if saved and missing:
            raise ValueError(
                f"{where} the state of parameter {i} has no {missing[0]}; was it another optimizer's?"
            )
        state = {}
        for name in (name for name in self.saved if name in given):
            try:
                value = _core.tensor(np.asarray(given[name]), dtype=p.dtype)
            except (TypeError, ValueError, RuntimeError) as e:
                kind = type(given[name]).__name__
                raise TypeError(
                    f"{where} {name} of parameter {i} is {kind}, not an array of numbers that NumPy has "
                    f"(bfloat16: convert it to float32 first): {e}"
                ) from e
            shape = self._state_shape(name, p)
            if value.shape != shape:
                raise ShapeError(f"{where} {name} of parameter {i} is {value.shape}; it must be {shape}")
            state[name] = value
        return state

    def _state_names(self, p: Tensor) -> tuple[str, ...]:
        """Give the names of what is remembered of p."""
        return self.saved

    def _prepare(self, group: ParamGroup) -> None:
        """Make the state of each parameter, zeros; steps in float32, as PyTorch keeps them."""
        for p in group.values_now.params:
            state = self._buffers.setdefault(p, {})
            for name in self._state_names(p):
                if name not in state:
                    dtype = _core.float32 if name in self.counters else p.dtype
                    state[name] = Buffer(_core.zeros(self._state_shape(name, p), dtype=dtype))

    def _state_shape(self, name: str, p: Tensor) -> tuple[int, ...]:
        """Give the shape of what is remembered of p by this name."""
        return () if name in self.counters else tuple(p.shape)

    def _load_state(self, p: Tensor, values: Mapping[str, Tensor]) -> None:
        """Write one parameter's saved state; what was not saved starts anew."""
        for name, buffer in self._buffers.get(p, {}).items():
            value = values.get(name)
            buffer.copy_(_core.zeros_like(buffer) if value is None else value)


def as_dtype(buffer: Tensor, p: Tensor) -> Tensor:
    """Give state in the parameter's dtype; it keeps its own when `Module.to` changes that, as in PyTorch."""
    return buffer if buffer.dtype is p.dtype else buffer.to(p.dtype)
