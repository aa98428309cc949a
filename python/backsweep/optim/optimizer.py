"""What optimizers share: parameter groups, state, hyperparameters that compiled steps read when they run."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, MutableMapping
from types import MappingProxyType, SimpleNamespace
from typing import Any, ClassVar, TypeAlias

import numpy as np

from backsweep import _core
from backsweep._arguments import number
from backsweep._core import Buffer, GraphError, Parameter, ShapeError, Tensor

__all__ = ["Optimizer", "ParamGroup", "Params"]

Params: TypeAlias = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[Mapping[str, Any]]

# In the dict of a group, beside the hyperparameters: what PyTorch puts there. It has no effect here.
_NOTES = ("initial_lr", "param_names", "foreach", "capturable", "differentiable", "fused")

_is_capturing = _core.is_capturing
_guard = _core.guard
_no_grad = _core.no_grad


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
        self._read_by_programs: set[str] = set()
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
        value = vars(self.values_now)[name]
        if _is_capturing():  # the program now depends on this very value
            self._read_by_programs.add(name)
            _guard(self.values_now, name)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        self.write(self.checked({name: value}))

    def checked(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Give what `write` takes, or raise if the group would not be valid with these changes."""
        if _is_capturing():
            names = ", ".join(changes)
            raise GraphError(f"[optim] {names} of a group is set while capturing: do it between the steps")
        made = {n: self._owner._as_kept(n, value) for n, value in changes.items()}
        if "params" in made:
            made["params"] = self._owner._own(made["params"], self)
        self._owner._check({**vars(self.values_now), **made})
        return made

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
        elif not self._read_by_programs.isdisjoint(changes):
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


class States(Mapping[Tensor, Mapping[str, Buffer]]):
    """What an optimizer remembers of each parameter, by name.

    The buffers are there from the start, as zeros: compiled programs hold them. So `del state[p]` and
    `state.clear()` write zeros, after which the next step is a first one. To change state, write into the
    buffers: ``state[p][name].copy_(value)``.
    """

    def __init__(self, buffers: dict[Tensor, dict[str, Buffer]]) -> None:
        self._buffers = buffers

    def __getitem__(self, p: Tensor) -> Mapping[str, Buffer]:
        return MappingProxyType(self._buffers[p])

    def __delitem__(self, p: Tensor) -> None:
        for buffer in self._buffers[p].values():
            buffer.fill_(0.0)

    def clear(self) -> None:
        for p in self._buffers:
            del self[p]

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._buffers)

    def __len__(self) -> int:
        return len(self._buffers)

    def __repr__(self) -> str:
        return repr(self._buffers)


class Optimizer:
    """The base class of optimizers.

    A subclass names its hyperparameters in `numbers` (floats, or pairs of them) and `flags` (booleans), and
    in `deciding` the numbers of which 0 means less state. It makes its state in `_prepare` and states its
    update in `_update`, in ops on parameters and buffers. `saved` names the state that state dicts hold.

    Parameters
    ----------
    params : iterable of Parameter or other leaves, of (name, Parameter), or of dict
        What to optimize. Dicts hold "params" and hyperparameters of their own: one parameter group each.
    defaults : dict
        The hyperparameters of groups that do not state their own.

    Attributes
    ----------
    param_groups : list of ParamGroup
    state : mapping of Parameter (or leaf) to mapping of str to Buffer
        `del state[p]` and `state.clear()` let parameters start anew, in compiled steps too.
    """

    numbers: ClassVar[tuple[str, ...]] = ()
    flags: ClassVar[tuple[str, ...]] = ()
    pairs: ClassVar[tuple[str, ...]] = ()  # those of `numbers` that are two
    deciding: ClassVar[tuple[str, ...]] = ()
    saved: ClassVar[tuple[str, ...]] = ()  # names of state that state dicts hold
    required: ClassVar[tuple[str, ...]] = ()  # those of `saved` without which it is not whole
    counters: ClassVar[tuple[str, ...]] = ()  # those of `saved` that are 0-d; the others have p's shape

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[ParamGroup] = []
        self._buffers: dict[Tensor, dict[str, Buffer]] = {}  # all zeros until a parameter's first step
        self._structure = SimpleNamespace(key=0)  # of the list of groups; each group has its own
        if isinstance(params, Parameter):
            raise TypeError(f"[{self._name}] params is one Parameter; put it into a list")
        given: object = params
        if not isinstance(given, Iterable):
            raise TypeError(
                f"[{self._name}] params is {type(given).__name__}; give a list, such as model.parameters()"
            )
        groups = list(params)
        if not groups:
            raise ValueError(f"[{self._name}] there are no parameters to optimize")
        if not isinstance(groups[0], Mapping):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)  # type: ignore[arg-type]  # a mixture is refused there

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what a copy is made of."""
        vars(self).update(state)
        for group in self.param_groups:
            if group._owner_ref is None:  # a shallow copy has the groups of the original
                group._adopt(self)

    @property
    def _name(self) -> str:
        return type(self).__name__

    @property
    def state(self) -> States:
        """What is remembered of each parameter."""
        return States(self._buffers)

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add parameters with hyperparameters of their own.

        Parameters
        ----------
        param_group : dict
            "params", and the hyperparameters that differ from the defaults.

        Raises
        ------
        TypeError
            If something is no Parameter, or a hyperparameter is unknown.
        ValueError
            If a parameter comes twice, or a hyperparameter is out of range.
        """
        given: object = param_group
        if not isinstance(given, Mapping):
            raise TypeError(f"[{self._name}] a parameter group must be a dict, not {type(given).__name__}")
        known = ("params", *self.numbers, *self.flags, *_NOTES)
        unknown = [name for name in param_group if name not in known]
        if unknown:
            raise TypeError(f"[{self._name}] unknown hyperparameters: {unknown}")
        if "params" not in param_group:
            raise ValueError(f'[{self._name}] a parameter group has no "params": give a list of parameters')
        values = {**self.defaults, **param_group, "params": self._own(param_group["params"])}
        values = {name: self._as_kept(name, value) for name, value in values.items()}
        self._check(values)
        self.param_groups.append(ParamGroup(values, self))
        self._structure.key += 1
        _core.bump_structure_epoch()

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

    def _own(self, params: Any, group: ParamGroup | None = None) -> tuple[Tensor, ...]:
        """Give the parameters of a group, or raise if one comes twice."""
        own = self._as_parameters(params)
        seen = {id(p) for other in self.param_groups if other is not group for p in other.values_now.params}
        if len({id(p) for p in own} - seen) != len(own):
            raise ValueError(f"[{self._name}] a parameter is there twice")
        return own

    def _as_parameters(self, params: Any) -> tuple[Tensor, ...]:
        if not isinstance(params, Iterable):
            raise TypeError(
                f"[{self._name}] params is {type(params).__name__}; give a list, such as model.parameters()"
            )
        given = (params,) if isinstance(params, Tensor) else tuple(params)
        # Pairs are those of named_parameters().
        own = tuple(p[1] if isinstance(p, tuple) and len(p) == 2 else p for p in given)
        for p in own:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"[{self._name}] can only optimize tensors, such as those of model.parameters(), "
                    f"not {type(p).__name__}"
                )
            if not p.is_leaf:
                raise ValueError(
                    f"[{self._name}] can't optimize a non-leaf Tensor, the result of an op: take x.detach()"
                )
        return own

    def _check(self, values: Mapping[str, Any]) -> None:
        """Raise ValueError if hyperparameters are out of range."""

    def _prepare(self, group: ParamGroup) -> None:
        """Make the state that the group's parameters need."""

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

    def _groups(self) -> list[ParamGroup]:
        if _is_capturing():
            _guard(self._structure, "key")
            for group in self.param_groups:
                _guard(group.structure, "key")
        return self.param_groups

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters: to None, or to zeros (frozen ones: to None)."""
        for group in self._groups():
            for p in group.values_now.params:
                p.grad = None if set_to_none or not p.requires_grad else _core.zeros_like(p)

    def state_dict(self) -> dict[str, Any]:
        """Give state and hyperparameters, in PyTorch's layout: parameters are numbered over all groups.

        As in PyTorch, a parameter that has not stepped has no state.
        """
        numbers = {id(p): i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        state = {
            numbers[id(p)]: {name: buffers[name]._snapshot() for name in self.saved if name in buffers}
            for p, buffers in self._buffers.items()
            if id(p) in numbers and any(np.any(np.asarray(b)) for b in buffers.values())
        }
        groups = [
            {**group, "params": [numbers[id(p)] for p in group["params"]]} for group in self.param_groups
        ]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over state and hyperparameters that `state_dict` (or PyTorch's) gave.

        Nothing is taken over if anything does not fit. What else stands in the saved groups is kept there.

        Raises
        ------
        TypeError
            If `state_dict` is not laid out as one, or a value is no number or array.
        ValueError
            If the groups do not have the same numbers of parameters, a hyperparameter is out of range, or a
            parameter's state is incomplete.
        ShapeError
            If a state's shape does not fit its parameter.
        """
        saved, saved_states = self._parts(state_dict)
        sizes = [len(group["params"]) for group in self.param_groups]
        others = [len(group["params"]) for group in saved]
        if sizes != others:
            raise ValueError(f"[{self._name}] groups of {sizes} parameters, but {others} in the state dict")
        # All is converted and checked before the first write.
        changes = [
            group.checked({name: value for name, value in other.items() if name != "params"})
            for group, other in zip(self.param_groups, saved, strict=True)
        ]
        states = [
            (p, self._checked_state(p, i, saved_states.get(i)))
            for group, other in zip(self.param_groups, saved, strict=True)
            for p, i in zip(group["params"], other["params"], strict=True)
        ]
        for group, change in zip(self.param_groups, changes, strict=True):
            group.write(change)
        for p, state in states:
            self._load_state(p, state)

    def _parts(self, state_dict: Any) -> tuple[list[Mapping[str, Any]], Mapping[Any, Any]]:
        """Give groups and states of a state dict, or raise if it is not laid out as one."""
        where = f"[{self._name}] the state dict"
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"{where} is {type(state_dict).__name__}; it must be a dict as `state_dict` gives it"
            )
        missing = [name for name in ("state", "param_groups") if name not in state_dict]
        if missing:
            raise ValueError(
                f"{where} has no {missing[0]!r}; it must be as an optimizer's `state_dict` gives it"
            )
        groups, states = state_dict["param_groups"], state_dict["state"]
        if not isinstance(states, Mapping):
            raise TypeError(f"{where}'s 'state' is {type(states).__name__}; it must be a dict")
        if not isinstance(groups, (list, tuple)) or not all(isinstance(group, Mapping) for group in groups):
            raise TypeError(f"{where}'s 'param_groups' must be a list of dicts")
        for group in groups:
            numbers = group.get("params")
            if not isinstance(numbers, (list, tuple)) or not all(isinstance(i, Hashable) for i in numbers):
                raise TypeError(f"{where}'s groups must each hold 'params', a list of parameter numbers")
        return list(groups), states

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
            shape = () if name in self.counters else p.shape
            if value.shape != shape:
                raise ShapeError(f"{where} {name} of parameter {i} is {value.shape}; it must be {shape}")
            state[name] = value
        return state

    def _load_state(self, p: Tensor, values: Mapping[str, Tensor]) -> None:
        """Write one parameter's saved state; what was not saved starts anew."""
        for name, buffer in self._buffers.get(p, {}).items():
            value = values.get(name)
            buffer.copy_(_core.zeros_like(buffer) if value is None else value)

    def __repr__(self) -> str:
        return f"{self._name}({', '.join(map(repr, self.param_groups))})"


def put(p: Tensor, value: Tensor) -> None:
    """Give a parameter, or another leaf, a value of its shape and dtype."""
    if isinstance(p, Parameter):
        p.assign(value)
    else:
        p.copy_(value)


def as_dtype(buffer: Tensor, p: Tensor) -> Tensor:
    """Give state in the parameter's dtype; it keeps its own when `Module.to` changes that, as in PyTorch."""
    return buffer if buffer.dtype is p.dtype else buffer.to(p.dtype)
