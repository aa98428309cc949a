"""States of modules: what state_dict gives and load_state_dict writes."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from backsweep import _core
from backsweep._arguments import flag
from backsweep._core import Buffer, Parameter, ShapeError, Tensor
from backsweep.nn._hooks import Hooked, RemovableHandle
from backsweep.nn.parameter import is_lazy

if TYPE_CHECKING:
    from backsweep.nn.module import Module

__all__ = ["IncompatibleKeys", "Stateful"]

_EXTRA = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """What `Module.load_state_dict` could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class _Loading(OrderedDict[str, Any]):
    """What is loaded, and what is written once all of it has been found to fit."""

    writes: list[Callable[[], Any]]
    wrong: list[str]  # shapes that do not fit
    assign: bool


class Stateful(Hooked):
    """The part of a module that gives and takes its state."""

    _version: ClassVar[int] = 1  # of what a class's state looks like; stands in state_dict()._metadata
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Buffer | None]
    _modules: dict[str, Module | None]
    _transient: set[str]

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> OrderedDict[str, Any]:
        """Give all parameters and persistent buffers under their paths, with PyTorch's keys.

        Parameters
        ----------
        destination : dict, optional
            Takes the entries.
        prefix : str
            Comes before each path.
        keep_vars : bool, default False
            Give the parameters and buffers themselves. Else the values are those of now: later training does
            not change them.

        Returns
        -------
        OrderedDict
            Of tensors, and of what `get_extra_state` gives where a class states it. Its attribute
            `_metadata` holds the versions of the classes.
        """
        if args:
            text = "[state_dict] arguments by position are deprecated: name them"
            warnings.warn(text, FutureWarning, stacklevel=2)
            given = (*args, *(destination, prefix, keep_vars)[len(args) :])
            destination, prefix, keep_vars = given
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local
        for hook in self._hooks_of("state_pre"):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._hooks_of("state"):
            made = hook(self, destination, prefix, local)
            destination = destination if made is None else made
        return destination  # type: ignore[no-any-return]

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put what this module itself holds into `destination`."""
        for name, slot in self._slots():
            destination[prefix + name] = slot if keep_vars or is_lazy(slot) else slot._snapshot()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + _EXTRA] = self.get_extra_state()

    def _slots(self) -> list[tuple[str, Any]]:
        """Give what this module's state holds."""
        held = (*self._parameters.items(), *self._buffers.items())
        return [(name, slot) for name, slot in held if slot is not None and name not in self._transient]

    def get_extra_state(self) -> Any:
        """Give what the state holds besides tensors; a class that states it also states `set_extra_state`."""
        raise RuntimeError(f"[{type(self).__name__}] has no get_extra_state method")

    def set_extra_state(self, state: Any) -> None:
        """Take what `get_extra_state` gave."""
        raise RuntimeError(f"[{type(self).__name__}] has no set_extra_state method")

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Write values into the parameters and buffers; nothing is written if anything does not fit.

        Parameters
        ----------
        state_dict : mapping of str to Tensor or numpy.ndarray
            As `state_dict`, `bs.load` or PyTorch gives it. Values are cast to the dtype of what they fill.
        strict : bool, default True
            Whether missing and unexpected keys are errors.
        assign : bool, default False
            Make new parameters and buffers of the values, of their dtypes, instead: an optimizer that was
            made before does not know them.

        Returns
        -------
        IncompatibleKeys
            `missing_keys` and `unexpected_keys`, both lists of str.

        Raises
        ------
        ShapeError
            If a value's shape is not that of the parameter.
        RuntimeError
            If keys are missing or unexpected, and `strict`.
        """
        where, strict = f"[load_state_dict] {type(self).__name__}", flag("load_state_dict", "strict", strict)
        given: object = state_dict
        if not isinstance(given, Mapping):
            raise TypeError(f"{where}: state_dict is a dict of tensors, not {type(given).__name__}")
        loading = _Loading(state_dict)
        loading.writes, loading.wrong = [], []
        loading.assign = flag("load_state_dict", "assign", assign)
        versions = getattr(state_dict, "_metadata", None) or {}
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        visited: list[Stateful] = []  # whose hooks may clear the lists, with all written

        def load(module: Stateful, part: _Loading, prefix: str) -> None:
            local = dict(versions.get(prefix[:-1], {}))
            if loading.assign:
                local["assign_to_params_buffers"] = True
            module._load_from_state_dict(part, prefix, local, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    path = f"{prefix}{name}."
                    below = _Loading((key, value) for key, value in part.items() if key.startswith(path))
                    below.writes, below.wrong, below.assign = part.writes, part.wrong, part.assign
                    load(child, below, path)
            if module._hooks_of("load"):
                visited.append(module)

        load(self, loading, "")
        if loading.wrong:
            raise ShapeError(f"{where}: {'; '.join(loading.wrong)}")
        if errors:
            raise RuntimeError(f"{where}: {'; '.join(errors)}")
        keys = IncompatibleKeys(missing, unexpected)
        if not visited:
            _check(where, keys, strict)
        for write in loading.writes:
            write()
        for module in visited:
            for hook in module._hooks_of("load"):
                hook(module, keys)
        _check(where, keys, strict)
        return keys

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take what this module itself holds; it is written when the whole state has been found to fit."""
        lists = (missing_keys, unexpected_keys, error_msgs)
        for hook in tuple((self._hooks or {}).get("load_pre", {}).values()):
            this = (self,) if hook.with_kwargs else ()
            hook.fn(*this, state_dict, prefix, local_metadata, strict, *lists)
        known = {prefix + _EXTRA} if type(self).set_extra_state is not Stateful.set_extra_state else set()
        for key in known:
            if key in state_dict:
                state_dict.writes.append(partial(self.set_extra_state, state_dict[key]))
            elif strict:
                missing_keys.append(key)
        for name, slot in self._slots():
            key = prefix + name
            known.add(key)
            if key not in state_dict:
                if strict:
                    missing_keys.append(key)
            elif not is_lazy(state_dict[key]):
                self._load_slot(state_dict, key, name, slot)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key not in known:
                    first, dot, _ = key[len(prefix) :].partition(".")
                    if not dot or first not in self._modules:
                        unexpected_keys.append(key)

    def _load_slot(self, loading: _Loading, key: str, name: str, slot: Any) -> None:
        given = loading[key]
        value = given if isinstance(given, Tensor) else _core.tensor(np.asarray(given))
        if value.shape != slot.shape:
            loading.wrong.append(f"{key} is {value.shape}, the model has {slot.shape}")
        elif not loading.assign:
            value = value if value.dtype == slot.dtype else _core.cast(value, slot.dtype)
            loading.writes.append(lambda: slot.copy_(value))
        elif isinstance(slot, Parameter):
            made = value if isinstance(value, Parameter) else Parameter(value)
            made.requires_grad = slot.requires_grad
            loading.writes.append(lambda: setattr(self, name, made))
        else:
            buffer = value if isinstance(value, Buffer) else Buffer(value)
            loading.writes.append(lambda: setattr(self, name, buffer))

    # ---- Hooks -----------------------------------------------------------------------------------------

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict` looks at this module."""
        return self._add_hook("state_pre", hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after; it may change the dict."""
        return self._add_hook("state", hook)

    _register_state_dict_hook = register_state_dict_post_hook

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, ...)` before `load_state_dict` looks at this module.

        Its other arguments are local_metadata, strict, missing_keys, unexpected_keys and error_msgs. It may
        change the dict, which is a copy of the one that is loaded.
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        return self._add_hook("load_pre", hook, with_kwargs=with_module)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after all is written; it may change the two lists."""
        return self._add_hook("load", hook)


def _check(where: str, keys: IncompatibleKeys, strict: bool) -> None:
    parts = [f"missing keys {keys.missing_keys}"] * bool(keys.missing_keys)
    parts += [f"unexpected keys {keys.unexpected_keys}"] * bool(keys.unexpected_keys)
    if strict and parts:
        raise RuntimeError(f"{where}: {' and '.join(parts)}; strict=False ignores them")
