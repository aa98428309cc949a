"""Optimizers: they change parameters by their gradients, eagerly and inside compiled steps alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from types import SimpleNamespace
from typing import Any, ClassVar, TypeAlias

import numpy as np

from backsweep import _core
from backsweep._core import Buffer, DType, GraphError, Parameter, ShapeError, Tensor

__all__ = ["SGD", "Optimizer", "ParamGroup"]

Params: TypeAlias = Iterable[Parameter] | Iterable[Mapping[str, Any]]

_add, _mul, _neg, _sub = _core.add, _core.mul, _core.neg, _core.sub
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
        self._owner = owner
        self._slots: dict[tuple[str, DType], Buffer] = {}
        self._read_by_programs: set[str] = set()
        self.structure = SimpleNamespace(key=self._key())
        owner._prepare(self)

    def _key(self) -> tuple[Any, ...]:
        values = vars(self.values_now)
        deciding = (*self._owner.numbers, *self._owner.flags)
        return (*map(id, values["params"]), *(bool(values[name]) for name in deciding if name != "lr"))

    def slot(self, name: str, dtype: DType) -> Buffer:
        """Give the 0-d buffer that holds a number, in the dtype of the parameters that it works on."""
        if (name, dtype) not in self._slots:
            self._slots[name, dtype] = Buffer(_core.tensor(vars(self.values_now)[name], dtype=dtype))
        return self._slots[name, dtype]

    def __getitem__(self, name: str) -> Any:
        value = vars(self.values_now)[name]
        if _is_capturing():  # the program now depends on this very value
            self._read_by_programs.add(name)
            _guard(self.values_now, name)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        if _is_capturing():
            raise GraphError(f'[optim] group["{name}"] is set while capturing: do it between the steps')
        if name in self._owner.numbers:
            value = float(value)
        elif name == "params":
            value = _as_parameters(value)
        self._owner._check({**vars(self.values_now), name: value})
        setattr(self.values_now, name, value)
        for (slot_name, dtype), slot in self._slots.items():
            if slot_name == name:
                slot.copy_(_core.tensor(value, dtype=dtype))
        key = self._key()
        if key != self.structure.key:
            self.structure.key = key
            self._owner._prepare(self)
            _core.bump_structure_epoch()
        elif name in self._read_by_programs:
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


class Optimizer:
    """The base class of optimizers.

    A subclass names its hyperparameters in `numbers` (floats) and `flags` (booleans), makes its state in
    `_prepare` and states its update in `_update`, in ops on parameters and buffers.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        What to optimize. Dicts hold "params" and hyperparameters of their own: one parameter group each.
    defaults : dict
        The hyperparameters of groups that do not state their own.

    Attributes
    ----------
    param_groups : list of ParamGroup
    state : dict of Parameter to dict of str to Buffer
    """

    numbers: ClassVar[tuple[str, ...]] = ()
    flags: ClassVar[tuple[str, ...]] = ()

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[ParamGroup] = []
        self.state: dict[Parameter, dict[str, Buffer]] = {}
        self._structure = SimpleNamespace(key=0)  # of the list of groups; each group has its own
        if isinstance(params, Parameter):
            raise TypeError(f"[{self._name}] params is one Parameter; put it into a list")
        groups = list(params)
        if not groups:
            raise ValueError(f"[{self._name}] there are no parameters to optimize")
        if not isinstance(groups[0], Mapping):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)  # type: ignore[arg-type]  # a mixture is refused there

    @property
    def _name(self) -> str:
        return type(self).__name__

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
        unknown = [name for name in param_group if name not in ("params", *self.numbers, *self.flags)]
        if unknown:
            raise TypeError(f"[{self._name}] unknown hyperparameters: {unknown}")
        values = {**self.defaults, **param_group, "params": _as_parameters(param_group["params"])}
        values.update({name: float(values[name]) for name in self.numbers})
        self._check(values)
        own = values["params"]
        seen = {id(p) for group in self.param_groups for p in group["params"]}
        if len({id(p) for p in own} - seen) != len(own):
            raise ValueError(f"[{self._name}] a parameter is there twice")
        self.param_groups.append(ParamGroup(values, self))
        self._structure.key += 1
        _core.bump_structure_epoch()

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
        """Clear the gradients of all parameters: to None, or to zeros."""
        for group in self._groups():
            for p in group.values_now.params:
                p.grad = None if set_to_none else _core.zeros_like(p)

    def state_dict(self) -> dict[str, Any]:
        """Give state and hyperparameters, in PyTorch's layout: parameters are numbered over all groups."""
        numbers = {id(p): i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        state = {
            numbers[id(p)]: {name: buffer.detach() for name, buffer in buffers.items()}
            for p, buffers in self.state.items()
            if id(p) in numbers and buffers
        }
        groups = [
            {**group, "params": [numbers[id(p)] for p in group["params"]]} for group in self.param_groups
        ]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over state and hyperparameters that `state_dict` (or PyTorch's) gave.

        Raises
        ------
        ValueError
            If the groups do not have the same numbers of parameters.
        ShapeError
            If a state's shape does not fit its parameter.
        """
        saved = state_dict["param_groups"]
        sizes = [len(group["params"]) for group in self.param_groups]
        others = [len(group["params"]) for group in saved]
        if sizes != others:
            raise ValueError(f"[{self._name}] groups of {sizes} parameters, but {others} in the state dict")
        pairs = [
            (p, state_dict["state"].get(i) or {})
            for group, other in zip(self.param_groups, saved, strict=True)
            for p, i in zip(group["params"], other["params"], strict=True)
        ]
        for p, values in pairs:
            for name, value in values.items():
                if value is not None and tuple(value.shape) not in (p.shape, ()):
                    shape = tuple(value.shape)
                    raise ShapeError(f"[{self._name}] {name} is {shape}, its parameter is {p.shape}")
        for group, other in zip(self.param_groups, saved, strict=True):
            for name in (*self.numbers, *self.flags):
                if name in other:
                    group[name] = other[name]
        for p, values in pairs:
            self._load_state(p, values)

    def _load_state(self, p: Parameter, values: Mapping[str, Any]) -> None:
        """Write one parameter's saved state; what was not saved starts anew."""
        for name, buffer in self.state[p].items():
            value = values.get(name)
            array = np.zeros(buffer.shape) if value is None else np.asarray(value)
            buffer.copy_(_core.tensor(array, dtype=buffer.dtype))

    def __repr__(self) -> str:
        return f"{self._name}({', '.join(map(repr, self.param_groups))})"


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum and weight decay as PyTorch has them.

    With gradient g (negated if `maximize`), for each parameter p::

        g = g + weight_decay p
        b = momentum b + (1 - dampening) g      (the first time b = g)
        g = g + momentum b  if nesterov else  b
        p = p - lr g

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        What to optimize, or parameter groups.
    lr : float, default 1e-3
    momentum : float, default 0
    dampening : float, default 0
    weight_decay : float, default 0
    nesterov : bool, default False
    maximize : bool, default False

    Raises
    ------
    ValueError
        If lr, momentum or weight_decay is negative, or nesterov stands without momentum or with dampening.

    Notes
    -----
    A momentum, dampening or weight decay of 0 costs nothing. Source: Sutskever et al. (2013), On the
    importance of initialization and momentum in deep learning, ICML.
    """

    numbers = ("lr", "momentum", "dampening", "weight_decay")
    flags = ("nesterov", "maximize")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, values: Mapping[str, Any]) -> None:
        for name in ("lr", "momentum", "weight_decay"):
            if not values[name] >= 0.0:
                raise ValueError(f"[SGD] {name} is {values[name]}; it must not be negative")
        if values["nesterov"] and (values["momentum"] <= 0.0 or values["dampening"] != 0.0):
            raise ValueError("[SGD] nesterov needs a momentum and no dampening")

    def _prepare(self, group: ParamGroup) -> None:
        """Make the momentum buffers, and the list of what `_update` reads for each parameter."""
        values = group.values_now
        rows = []
        for p in values.params:
            state = self.state.setdefault(p, {})
            if values.momentum and "momentum_buffer" not in state:
                state["momentum_buffer"] = Buffer(_core.zeros(p.shape, dtype=p.dtype))
            if values.momentum and values.dampening and "started" not in state:
                # 0 before the first step, then 1. Without dampening b = momentum 0 + g is right from the
                # start.
                used = np.any(np.asarray(state["momentum_buffer"]))
                state["started"] = Buffer(_core.tensor(float(used), dtype=p.dtype))
            slots = [group.slot(name, p.dtype) for name in self.numbers]
            rows.append((p, state.get("momentum_buffer"), state.get("started"), *slots))
        group.rows = rows

    def _load_state(self, p: Parameter, values: Mapping[str, Any]) -> None:
        # PyTorch does not save `started`.
        used = values.get("momentum_buffer") is not None
        super()._load_state(p, {"started": float(used), **values})

    def _update(self, group: ParamGroup) -> None:
        values = group.values_now
        maximize, nesterov = values.maximize, values.nesterov
        has_momentum, has_decay = values.momentum != 0.0, values.weight_decay != 0.0
        has_dampening = values.dampening != 0.0
        for p, buffer, started, lr, momentum, dampening, weight_decay in group.rows:
            g = p.grad
            if g is None:
                continue
            if maximize:
                g = _neg(g)
            if has_decay:
                g = _add(g, _mul(p, weight_decay))
            if has_momentum:
                step = g
                if has_dampening:
                    step = _mul(g, _sub(1.0, _mul(dampening, started)))
                    started.assign(_core.ones((), dtype=p.dtype))
                b = _add(_mul(buffer, momentum), step)
                buffer.assign(b)
                g = _add(g, _mul(b, momentum)) if nesterov else b
            p.assign(_sub(p, _mul(g, lr)))


def _as_parameters(params: Any) -> tuple[Parameter, ...]:
    parameters = (params,) if isinstance(params, Tensor) else tuple(params)
    for p in parameters:
        if not isinstance(p, Parameter):
            raise TypeError(f"[optim] can only optimize bs.nn.Parameter objects, not {type(p).__name__}")
    return parameters
