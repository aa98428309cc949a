"""Hooks of modules: functions of users that calls, derivatives and states pass through."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from backsweep import _core
from backsweep._core import Tensor
from backsweep._handles import RemovableHandle, insert
from backsweep._structure import EVERY_MODULE, Structure

if TYPE_CHECKING:
    from backsweep.nn.module import Module

__all__ = ["EVERYWHERE", "Hooked", "RemovableHandle", "call_with_hooks", "register_everywhere"]


class Hook(NamedTuple):
    """A function, and how it is called."""

    fn: Callable[..., Any]
    with_kwargs: bool = False
    always: bool = False  # also when forward raises


Hooks = dict[str, dict[int, Hook]]  # by kind, in the order of calls

EVERYWHERE: Hooks = {}  # of all modules; empty where there are none


def _add(kind: dict[int, Hook], hook: Hook, prepend: bool, changed: Any = None) -> RemovableHandle:
    if not callable(hook.fn):
        raise TypeError(f"[register_hook] a hook is a function, not {type(hook.fn).__name__}")
    return insert(kind, hook, prepend, changed)


def register_everywhere(kind: str, hook: Hook) -> RemovableHandle:
    """Add a hook of every module, which comes before its own."""
    table = EVERYWHERE.setdefault(kind, {})

    def changed() -> None:
        if not table:
            EVERYWHERE.pop(kind, None)
        EVERY_MODULE.changed()  # captured calls of modules are captured anew

    handle = _add(table, hook, False, changed)
    EVERY_MODULE.changed()
    return handle


class Hooked:
    """The part of a module that holds its hooks."""

    _hooks: Hooks | None  # None until there is one: calls look here first
    _structure: Structure

    def _add_hook(
        self,
        kind: str,
        fn: Callable[..., Any],
        prepend: bool = False,
        with_kwargs: bool = False,
        always: bool = False,
    ) -> RemovableHandle:
        if self._hooks is None:
            self.__dict__["_hooks"] = {}
            self._structure.note("_hooks", self._hooks)
        return _add(self._hooks.setdefault(kind, {}), Hook(fn, with_kwargs, always), prepend)  # type: ignore[union-attr]

    def _hooks_of(self, kind: str) -> list[Callable[..., Any]]:
        return [] if self._hooks is None else [hook.fn for hook in self._hooks.get(kind, {}).values()]

    # PyTorch's names of the tables, for programs that look whether there are hooks, or clear them.

    @property
    def _forward_hooks(self) -> dict[int, Hook]:
        return (self._hooks or {}).get("forward", {})

    @property
    def _forward_pre_hooks(self) -> dict[int, Hook]:
        return (self._hooks or {}).get("forward_pre", {})

    @property
    def _backward_hooks(self) -> dict[int, Hook]:
        return (self._hooks or {}).get("backward", {})

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before each call of `forward`.

        Parameters
        ----------
        hook : callable
            What it gives, unless None, are the new arguments: a tuple, or the only one.
        prepend : bool, default False
            Whether it comes before the hooks that are there.
        with_kwargs : bool, default False
            Call `hook(module, args, kwargs)`, which gives None or (args, kwargs).

        Returns
        -------
        RemovableHandle
        """
        return self._add_hook("forward_pre", hook, prepend, with_kwargs)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after each call of `forward`.

        Parameters
        ----------
        hook : callable
            What it gives, unless None, is the new output.
        prepend : bool, default False
            Whether it comes before the hooks that are there.
        with_kwargs : bool, default False
            Call `hook(module, args, kwargs, output)`.
        always_call : bool, default False
            Call it also where `forward` raises, with None as the output if there is none.

        Returns
        -------
        RemovableHandle
        """
        return self._add_hook("forward", hook, prepend, with_kwargs, always_call)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the derivatives of a call are computed.

        `grad_output` is a tuple of the gradients of the outputs, None for those that nothing depends on. What
        the hook gives, unless None, takes their place: a tuple, or the only one.
        """
        return self._add_hook("backward_pre", hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the derivatives of a call are computed.

        Both are tuples: the gradients of the positional arguments, None for those that need none, and of the
        outputs. What the hook gives, unless None, takes the place of `grad_input`: a tuple, or the only one.
        Arguments by keyword have no gradients here, as in PyTorch.
        """
        return self._add_hook("backward", hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Do what `register_full_backward_hook` does, under PyTorch's abandoned name."""
        return self._add_hook("backward", hook)


# ---- Calls -------------------------------------------------------------------------------------------------


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call `forward` with all hooks around it."""
    output, called = None, set()
    try:
        for _, hook in _all(module, "forward_pre"):
            args, kwargs = _before(module, hook, args, kwargs)
        derivatives = _Derivatives.of(module)
        if derivatives is not None:
            args = derivatives.of_inputs(args)
        output = module.forward(*args, **kwargs)
        for key, hook in _all(module, "forward"):
            called.add(key)
            made = _after(module, hook, args, kwargs, output)
            output = output if made is None else made
        return output if derivatives is None else derivatives.of_outputs(output)
    except BaseException:
        for key, hook in _all(module, "forward"):
            if hook.always and key not in called:
                try:
                    made = _after(module, hook, args, kwargs, output)
                    output = output if made is None else made
                except Exception as error:
                    warnings.warn(
                        f"[{type(module).__name__}] a forward hook with always_call=True raised, which is "
                        f"silenced, as forward did before: {error}",
                        stacklevel=3,
                    )
        raise


def _all(module: Module, kind: str) -> Iterator[tuple[int, Hook]]:
    """Give the hooks of a kind, those of every module first; they may change while they are called."""
    own = module._hooks or {}
    return iter([*EVERYWHERE.get(kind, {}).items(), *own.get(kind, {}).items()])


def _before(
    module: Module, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    made = hook.fn(module, args, kwargs) if hook.with_kwargs else hook.fn(module, args)
    if made is None:
        return args, kwargs
    if not hook.with_kwargs:
        return (made if isinstance(made, tuple) else (made,)), kwargs
    if not (isinstance(made, tuple) and len(made) == 2):
        raise RuntimeError(
            f"[{type(module).__name__}] a forward pre-hook with kwargs gives None or (args, kwargs), not "
            f"{type(made).__name__}"
        )
    return made


def _after(module: Module, hook: Hook, args: Any, kwargs: Any, output: Any) -> Any:
    return hook.fn(module, args, kwargs, output) if hook.with_kwargs else hook.fn(module, args, output)


# ---- Derivatives -------------------------------------------------------------------------------------------


class _Derivatives:
    """The hooks of one call's derivatives: two units around it, whose derivative rules call them."""

    def __init__(self, module: Module, before: Sequence[Hook], after: Sequence[Hook]) -> None:
        self.module, self.before, self.after = module, before, after
        self.places: list[int] = []  # of the arguments that need a gradient
        self.n_args = 0
        self.grad_output: tuple[Tensor | None, ...] | None = None

    @classmethod
    def of(cls, module: Module) -> _Derivatives | None:
        """Give those of a call, if there are hooks and derivatives are recorded."""
        before = [hook for _, hook in _all(module, "backward_pre")]
        after = [hook for _, hook in _all(module, "backward")]
        return cls(module, before, after) if (before or after) and _core.is_grad_enabled() else None

    def of_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Give the arguments, through a unit where some need a gradient."""
        self.n_args = len(args)
        self.places = [i for i, x in enumerate(args) if isinstance(x, Tensor) and x.requires_grad]
        if not self.places or not self.after:
            return args
        made = list(args)
        for i, x in zip(self.places, _through(self._inputs, [args[i] for i in self.places]), strict=True):
            made[i] = x
        return tuple(made)

    def of_outputs(self, output: Any) -> Any:
        """Give the outputs through a unit."""
        outputs = list(output) if isinstance(output, (tuple, list)) else [output]
        places = [i for i, y in enumerate(outputs) if isinstance(y, Tensor) and y.requires_grad]
        if not places:
            return output

        def rule(grads: Sequence[Tensor | None], *_: Any) -> list[Tensor | None]:
            full: list[Tensor | None] = [None] * len(outputs)
            for i, g in zip(places, grads, strict=True):
                full[i] = g
            given = self._outputs(tuple(full))
            return [given[i] for i in places]

        for i, y in zip(places, _through(rule, [outputs[i] for i in places]), strict=True):
            outputs[i] = y
        if not isinstance(output, (tuple, list)):
            return outputs[0]
        return type(output)(*outputs) if hasattr(output, "_fields") else type(output)(outputs)

    def _outputs(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        for hook in self.before:
            grads = self._replaced("pre-hook", grads, hook.fn(self.module, grads))
        self.grad_output = grads
        if not self.places:  # no sweep comes by the inputs
            for hook in self.after:
                made = hook.fn(self.module, (None,) * self.n_args, grads)
                if made is not None and any(g is not None for g in made):
                    raise RuntimeError(
                        f"[{type(self.module).__name__}] a backward hook gave gradients of inputs that need "
                        "none"
                    )
        return grads

    def _inputs(self, grads: Sequence[Tensor | None], *_: Any) -> list[Tensor | None]:
        if self.grad_output is None:  # the sweep has not come by the outputs
            return list(grads)
        full: list[Tensor | None] = [None] * self.n_args
        for i, g in zip(self.places, grads, strict=True):
            full[i] = g
        given = tuple(full)
        for hook in self.after:
            given = self._replaced("hook", given, hook.fn(self.module, given, self.grad_output))
        self.grad_output = None
        return [given[i] for i in self.places]

    def _replaced(self, what: str, given: tuple[Any, ...], made: Any) -> tuple[Any, ...]:
        if made is None:
            return given
        new: tuple[Any, ...] = made if isinstance(made, tuple) else (made,)
        if len(new) != len(given):
            raise RuntimeError(
                f"[{type(self.module).__name__}] a backward {what} gave {len(new)} gradients, there are "
                f"{len(given)}"
            )
        return new


def _through(rule: Callable[..., Any], tensors: list[Tensor]) -> list[Tensor]:
    """Give the same values, with a derivative rule of ours."""
    return _core.custom(rule, tensors, [x.detach() for x in tensors], "BackwardHook")
