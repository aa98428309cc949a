"""What all optimizers share: parameter groups, state, hooks; and the base of one's own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, ClassVar, TypeAlias

from backsweep import _core
from backsweep._core import Parameter, Tensor
from backsweep._handles import RemovableHandle
from backsweep.optim._hooks import Hooks, in_use
from backsweep.optim.groups import ParamGroup
from backsweep.optim.states import ParamState, States

__all__ = [
    "Optimizer",
    "ParamGroup",
    "Params",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
    "required",
]

Params: TypeAlias = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[Mapping[str, Any]]

_is_capturing = _core.is_capturing
_guard = _core.guard

_before_steps, _after_steps = Hooks(), Hooks()  # of all optimizers


class _Required:
    """Stands for a hyperparameter that each group must state."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before each step of every optimizer; the result has `remove()`.

    A hook may return other (args, kwargs) for the step.
    """
    return _before_steps.add(hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after each step of every optimizer; the result has `remove()`."""
    return _after_steps.add(hook)


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """Give a step that calls the hooks, unless it is called by that of a subclass."""

    @functools.wraps(step)
    def with_hooks(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if not (args or kwargs or in_use or _is_capturing()):  # most steps
            self._stepped = True
            return step(self)
        if type(self).step is not with_hooks:
            return step(self, *args, **kwargs)
        self._stepped = True
        if _is_capturing():
            self._check_known()
        # A wrapper of another optimizer may not have called __init__.
        before = getattr(self, "_before_step", _before_steps)
        after = getattr(self, "_after_step", _after_steps)
        if _before_steps.functions or before.functions:
            args, kwargs = self._arguments_by_hooks(before, args, kwargs)
        result = step(self, *args, **kwargs)
        if after.functions or _after_steps.functions:
            for hook in after if after is _after_steps else (*after, *_after_steps):
                hook(self, args, kwargs)
        return result

    return with_hooks


class Optimizer:
    """The base class of optimizers.

    One's own says what a step does::

        class Plain(bs.optim.Optimizer):
            def __init__(self, params, lr=0.1):
                super().__init__(params, {"lr": lr})

            @bs.no_grad()
            def step(self, closure=None):
                for group in self.param_groups:
                    for p in group["params"]:
                        if p.grad is not None:
                            p.add_(p.grad, alpha=-group["lr"])

    Such a step runs eagerly and in compiled functions. `self.state[p]` is a dict for each parameter, empty at
    first. What a compiled step depends on, and has found other than before (a number of a group or a state),
    leads to a new capture.

    Parameters
    ----------
    params : iterable of Parameter or other leaves, of (name, Parameter), or of dict
        What to optimize. Dicts hold "params" and hyperparameters of their own: one parameter group each.
    defaults : dict
        The hyperparameters of groups that do not state their own.

    Attributes
    ----------
    param_groups : list of ParamGroup
    state : mapping of Parameter (or leaf) to mapping of str

    Raises
    ------
    TypeError
        If params is no collection of parameters, or of dicts of such.
    """

    # What ParamGroup asks of a class whose steps read numbers when they run (one_pass.py).
    numbers: ClassVar[tuple[str, ...]] = ()
    flags: ClassVar[tuple[str, ...]] = ()
    deciding: ClassVar[tuple[str, ...]] = ()

    _stepped = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _hooked(vars(cls)["step"])  # type: ignore[method-assign]

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[ParamGroup] = []
        self._structure = SimpleNamespace(key=0)  # of the list of groups; each group has its own
        self._before_step, self._after_step = Hooks(), Hooks()
        self._before_state_dict, self._after_state_dict = Hooks(), Hooks()
        self._before_load, self._after_load = Hooks(), Hooks()
        self._make_state()
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
    def in_slots(self) -> bool:
        """Whether all that a step changes lies in slots, where programs write it."""
        return False

    def _make_state(self) -> None:
        self.state: Any = States()

    # ---- Groups --------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add parameters with hyperparameters of their own.

        Parameters
        ----------
        param_group : dict
            "params", and the hyperparameters that differ from the defaults.

        Raises
        ------
        TypeError
            If something is no Parameter.
        ValueError
            If a parameter comes twice, or a hyperparameter is out of range.
        """
        given: object = param_group
        if not isinstance(given, Mapping):
            raise TypeError(f"[{self._name}] a parameter group must be a dict, not {type(given).__name__}")
        if "params" not in param_group:
            raise ValueError(f'[{self._name}] a parameter group has no "params": give a list of parameters')
        own, names = self._own(param_group["params"])
        values = {**self.defaults, **param_group, "params": own}
        if self.param_groups and (names is None) != ("param_names" not in self.param_groups[0]):
            raise ValueError(
                f"[{self._name}] some groups have named parameters: give all of them names, or none"
            )
        if names is not None:
            values["param_names"] = names
        missing = [name for name, value in values.items() if value is required]
        if missing:
            raise ValueError(
                f"[{self._name}] a parameter group has no {missing[0]!r}, and there is no default"
            )
        values = {name: self._as_kept(name, value) for name, value in values.items()}
        self._check(values)
        self.param_groups.append(ParamGroup(values, self))
        self._structure.key += 1
        _core.bump_structure_epoch()

    def _as_kept(self, name: str, value: Any) -> Any:
        """Give a hyperparameter as it is kept, or raise."""
        return value

    def _check(self, values: Mapping[str, Any]) -> None:
        """Raise ValueError if hyperparameters are out of range."""

    def _prepare(self, group: ParamGroup) -> None:
        """Make the state that the group's parameters need."""

    def _own(
        self, params: Any, group: ParamGroup | None = None
    ) -> tuple[tuple[Tensor, ...], list[str] | None]:
        """Give the parameters of a group and their names, if they have any, or raise if one comes twice."""
        own, names = self._as_parameters(params)
        seen = {id(p) for other in self.param_groups if other is not group for p in other.values_now.params}
        if len({id(p) for p in own} - seen) != len(own):
            raise ValueError(f"[{self._name}] a parameter is there twice")
        return own, names

    def _as_parameters(self, params: Any) -> tuple[tuple[Tensor, ...], list[str] | None]:
        if not isinstance(params, Iterable):
            raise TypeError(
                f"[{self._name}] params is {type(params).__name__}; give a list, such as model.parameters()"
            )
        if isinstance(params, (set, frozenset)):
            raise TypeError(f"[{self._name}] params is a set, which has no order: give a list")
        given = (params,) if isinstance(params, Tensor) else tuple(params)
        # Pairs are those of named_parameters().
        pairs = [p for p in given if isinstance(p, tuple) and len(p) == 2]
        if pairs and len(pairs) != len(given):
            raise ValueError(f"[{self._name}] some parameters have names: give all of them names, or none")
        own = tuple(p[1] for p in pairs) if pairs else given
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
        return own, [p[0] for p in pairs] if pairs else None

    def _check_known(self) -> None:
        """Raise if a capture would not see what is in `state`, for want of `__init__`."""
        if not hasattr(self, "_structure"):
            raise _core.GraphError(
                f"[{self._name}] Optimizer.__init__ was not called, so a compiled function cannot know this "
                "optimizer's state: call super().__init__(params, defaults), or step outside of bs.compile"
            )

    def _groups(self) -> list[ParamGroup]:
        if _is_capturing():
            self._check_known()
            _guard(self._structure, "key")
            for group in self.param_groups:
                _guard(group.structure, "key")
        return self.param_groups

    # ---- Steps ---------------------------------------------------------------------------------------------

    def _arguments_by_hooks(self, own: Hooks, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Call the hooks before a step; give its arguments, which they may replace."""
        for hook in own if own is _before_steps else (*_before_steps, *own):
            changed = hook(self, args, kwargs)
            if changed is not None:
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(
                        f"[{self._name}] a step_pre_hook gave {changed!r}: give None or new (args, kwargs)"
                    )
                args, kwargs = changed
        return args, kwargs

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change each parameter that has a gradient; a subclass says how.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss and its gradients; its result is returned.
        """
        raise NotImplementedError(f"[{self._name}] has no step method: define one")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters: to None, or to zeros (frozen ones: to None)."""
        for group in self._groups():
            for p in group.values_now.params:
                p.grad = None if set_to_none or not p.requires_grad else _core.zeros_like(p)

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; the result has `remove()`.

        A hook may return other (args, kwargs) for the step. In a compiled function hooks run at its capture.
        """
        return self._before_step.add(hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step; the result has `remove()`."""
        return self._after_step.add(hook)

    # ---- State dicts ---------------------------------------------------------------------------------------

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict`; with `prepend` before the other hooks."""
        return self._before_state_dict.add(hook, first=prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after `state_dict`; it may return another one."""
        return self._after_state_dict.add(hook, first=prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before `load_state_dict`; it may return another one."""
        return self._before_load.add(hook, first=prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` after `load_state_dict`."""
        return self._after_load.add(hook, first=prepend)

    def state_dict(self) -> dict[str, Any]:
        """Give state and hyperparameters, in PyTorch's layout: parameters are numbered over all groups.

        As in PyTorch, a parameter that has not stepped has no state.
        """
        for hook in self._before_state_dict:
            hook(self)
        numbers = {id(p): i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        groups = [
            {**group, "params": [numbers[id(p)] for p in group["params"]]} for group in self.param_groups
        ]
        made = {"state": self._saved_states(numbers), "param_groups": groups}
        for hook in self._after_state_dict:
            made = made_by_hook if (made_by_hook := hook(self, made)) is not None else made
        return made

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
        for hook in self._before_load:
            state_dict = changed if (changed := hook(self, state_dict)) is not None else state_dict
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
        numbers = {
            i: p
            for group, other in zip(self.param_groups, saved, strict=True)
            for p, i in zip(group["params"], other["params"], strict=True)
        }
        write = self._loaded_states(numbers, saved_states)
        for group, change in zip(self.param_groups, changes, strict=True):
            group.write(change)
        write()
        for hook in self._after_load:
            hook(self)

    def _saved_states(self, numbers: Mapping[int, int]) -> dict[Any, Any]:
        """Give what a state dict holds of each parameter; `numbers` by id of the parameter."""
        return {
            numbers.get(id(p), p): dict(state) if isinstance(state, ParamState) else state
            for p, state in self.state.items()
        }

    def _loaded_states(
        self, parameters: Mapping[Any, Tensor], saved: Mapping[Any, Any]
    ) -> Callable[[], None]:
        """Check what a state dict holds and give what writes it; `parameters` by number."""
        made = {
            parameters.get(i, i): {
                name: _like(value, parameters[i]) if name != "step" else value
                for name, value in state.items()
            }
            if i in parameters and isinstance(state, Mapping)
            else state
            for i, state in saved.items()
        }

        def write() -> None:
            self.state = States(made)

        return write

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

    def __repr__(self) -> str:
        text = f"{self._name} ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            text += "".join(f"    {name}: {group[name]}\n" for name in sorted(group) if name != "params")
        return text + ")"


def _like(value: Any, p: Tensor) -> Any:
    """Give a copy of state, tensors of floats in the parameter's dtype."""
    if isinstance(value, list):
        return [_like(v, p) for v in value]
    if not isinstance(value, Tensor):
        return value
    return value.to(p.dtype, copy=True) if value.dtype.is_floating_point else value.clone()
