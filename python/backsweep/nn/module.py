"""Module: the base class of networks and layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from backsweep import _core
from backsweep._arguments import flag
from backsweep._compile import compile_in_place, compiled_copy
from backsweep._core import Buffer, DTypeError, GraphError, Parameter, ShapeError, Tensor
from backsweep._device import check_device, check_layout, no_cuda, no_sharing
from backsweep._recompute import recompute_calls_of
from backsweep._structure import ABSENT, Structure
from backsweep._watch import watch_modules
from backsweep.nn._hooks import EVERYWHERE, call_with_hooks
from backsweep.nn._state import Stateful
from backsweep.nn._walks import Walks
from backsweep.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

__all__ = ["Buffer", "Module", "Parameter"]

M = TypeVar("M", bound="Module")

_TABLES = ("_parameters", "_buffers", "_modules")
_RESERVED = {"training", "_transient", "_structure", "_hooks", *_TABLES}


class Module(Walks, Stateful):
    """A network or a layer: parameters, buffers and child modules under names, and a `forward`.

    Parameters, buffers and modules register themselves when they are set as attributes. The names, the keys
    of `state_dict` and the results are those of PyTorch's `torch.nn.Module`.

    Attributes
    ----------
    training : bool
        Whether `train` (the start) or `eval` was called last; Dropout reads it.

    Notes
    -----
    A compiled program is captured anew when an attribute that its code has read changes, be it a number, a
    layer, a method, or the training flag; docs/compile.md says what cannot be seen.
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Buffer | None]
    _modules: dict[str, Module | None]
    _transient: set[str]  # buffers that state_dict leaves out
    _structure: Structure

    def __init__(self) -> None:
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _modules={},
            _transient=set(),
            _structure=Structure(),
            _hooks=None,
        )

    if TYPE_CHECKING:  # what register_parameter, register_buffer and register_module add

        def __getattr__(self, name: str) -> Any: ...

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; each subclass states its own."""
        raise NotImplementedError(f"[{type(self).__name__}] has no forward method")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Give what `forward` gives, hooks around it; errors in it name this module's path."""
        try:
            if self._hooks is None and not EVERYWHERE:
                return self.forward(*args, **kwargs)
            return call_with_hooks(self, args, kwargs)
        except (ShapeError, DTypeError, GraphError) as error:
            _add_path(error, self)
            raise

    # ---- Registration: values stand in __dict__ too, so that reading an attribute costs little --------

    def __setattr__(self, name: str, value: Any) -> None:
        if "_modules" not in self.__dict__:
            raise AttributeError(f"[{type(self).__name__}] call super().__init__() before setting `{name}`")
        if isinstance(value, Parameter) or type(value) is UninitializedParameter:
            self._register("_parameters", name, value)
        elif isinstance(value, Module):
            self._register("_modules", name, value)
        elif isinstance(value, (Buffer, UninitializedBuffer)):
            self._register("_buffers", name, value)
        elif (table := self._table_of(name)) is not None:
            old = self.__dict__[table][name]
            if value is None:
                self._register(table, name, None)
            elif isinstance(old, Buffer) and isinstance(value, Tensor):
                old.copy_(value)
            else:
                kind = table[1:-1] if table != "_parameters" else "bs.nn.Parameter"
                raise TypeError(
                    f"[{type(self).__name__}] `{name}` takes a {kind} or None, not {type(value).__name__}"
                )
        elif name == "training":
            self._structure.train(bool(value))
            self.__dict__[name] = bool(value)
        else:
            super().__setattr__(name, value)
            self._structure.note(name, self.__dict__.get(name, ABSENT))

    def __delattr__(self, name: str) -> None:
        table = self._table_of(name)
        super().__delattr__(name)
        if table is not None:
            del self.__dict__[table][name]
            self._transient.discard(name)
            self._structure.changed()
        self._structure.note(name)

    def _table_of(self, name: str) -> str | None:
        return next((table for table in _TABLES if name in self.__dict__[table]), None)

    def _register(self, table: str, name: str, value: Any) -> None:
        if not name or "." in name:
            raise ValueError(
                f"[{type(self).__name__}] {name!r} is no name for a {table[1:-1]}: it must have no dots"
            )
        if name in _RESERVED or hasattr(type(self), name):
            raise KeyError(
                f"[{type(self).__name__}] {name!r} is an attribute of the class: take another name"
            )
        if isinstance(value, Module) and any(module is self for module in value.modules()):
            raise ValueError(
                f"[{type(self).__name__}] `{name}` is or holds this module: it cannot hold itself"
            )
        before = self._table_of(name)
        if before == table and self.__dict__[table][name] is value:
            return
        if before is not None and before != table:
            del self.__dict__[before][name]
        self.__dict__[table][name] = value
        self.__dict__[name] = value
        self._structure.note(name, value)
        self._structure.changed()

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under a name; None keeps the name without a value."""
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"[register_parameter] `{name}` must be a Parameter, not {type(param).__name__}")
        self._register("_parameters", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not trained.

        Parameters
        ----------
        name : str
            The attribute's name.
        tensor : Tensor or None
            The first value, of any dtype. Later assignments of tensors to the attribute write into the same
            buffer.
        persistent : bool, default True
            Whether `state_dict` holds it.
        """
        if tensor is not None and not isinstance(tensor, Buffer):
            tensor = Buffer(tensor)
        self._register("_buffers", name, tensor)
        (self._transient.discard if persistent else self._transient.add)(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a child module under a name; None keeps the name without a value."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"[register_module] `{name}` must be a Module, not {type(module).__name__}")
        self._register("_modules", name, module)

    add_module = register_module

    # ---- Dtypes ----------------------------------------------------------------------------------------

    def to(self: M, *args: Any, **kwargs: Any) -> M:
        """Give all floating parameters and buffers another dtype: to(dtype), to(device, dtype), to(tensor).

        They stay the same objects, so an optimizer made before goes on training them; gradients are cleared.
        The only device is the CPU. A memory_format is taken and changes nothing: parameters are row-major.
        """
        if "memory_format" in kwargs:
            check_layout("to", None, kwargs.pop("memory_format"))
            if not args and not kwargs:
                return self
        kinds = {_core.zeros(0, dtype=t).to(*args, **kwargs).dtype for t in (_core.float32, _core.float64)}
        if len(kinds) == 2:  # no dtype is asked for
            return self
        dtype = kinds.pop()
        if not dtype.is_floating_point:
            raise DTypeError(f"[to] a module can become floating-point, not {dtype.name}")
        return self._apply(lambda slot: _core.cast(slot, dtype) if slot.dtype.is_floating_point else slot)

    def _apply(self: M, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> M:
        """Give each parameter and buffer what `fn` gives for it; a new dtype clears the gradient."""
        for child in self.children() if recurse else ():
            child._apply(fn)
        held: tuple[Any, ...] = (*self._parameters.values(), *self._buffers.values())
        for slot in held:
            if is_lazy(slot):
                slot.dtype = fn(_core.zeros(0, dtype=slot.dtype)).dtype
            elif slot is not None:
                value = fn(slot.detach())
                if value.dtype != slot.dtype:
                    slot._replace(value)
                    self._structure.changed()
                elif value is not slot:
                    slot.copy_(value)
        return self

    def to_empty(self: M, *, device: Any, recurse: bool = True) -> M:
        """Give the module: its only device is the CPU, and its memory is there."""
        check_device("to_empty", device)
        return self

    def cpu(self: M) -> M:
        """Give the module: it is on the CPU."""
        return self

    def cuda(self: M, device: Any = None) -> M:
        """Raise RuntimeError: there is no GPU."""
        no_cuda("cuda")

    def share_memory(self: M) -> M:
        """Raise RuntimeError: processes share no memory."""
        no_sharing("share_memory")

    def float(self: M) -> M:
        """Make all floating parameters and buffers float32."""
        return self.to(_core.float32)

    def double(self: M) -> M:
        """Make all floating parameters and buffers float64."""
        return self.to(_core.float64)

    def half(self: M) -> M:
        """Make all floating parameters and buffers float16, which layers do not compute in."""
        return self.to(_core.float16)

    def bfloat16(self: M) -> M:
        """Make all floating parameters and buffers bfloat16, which layers do not compute in."""
        return self.to(_core.bfloat16)

    def type(self: M, dst_type: Any) -> M:
        """Give all floating parameters and buffers another dtype, a dtype or FloatTensor and its like."""
        return self.to(_core.zeros(0).type(dst_type).dtype)

    # ---- Modes ---------------------------------------------------------------------------------------------

    def train(self: M, mode: bool = True) -> M:
        """Set the training flag of this module and all below it."""
        mode = flag("train", "mode", mode)
        for module in self.modules():
            if module.training != mode:
                module.training = mode
        return self

    def eval(self: M) -> M:
        """Clear the training flag of this module and all below it."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Say for all parameters whether they collect gradients."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters: to None, or to zeros (frozen ones: to None)."""
        for p in self.parameters():
            if not is_lazy(p):
                p.grad = None if set_to_none or not p.requires_grad else _core.zeros_like(p)

    def apply(self: M, fn: Callable[[Module], object]) -> M:
        """Call `fn` with every module below this one and last with this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def __copy__(self: M) -> M:
        made = type(self).__new__(type(self))
        own: dict[str, Any] = {table: dict(self.__dict__[table]) for table in _TABLES}
        own |= {"_transient": set(self._transient), "_structure": Structure(self.training)}
        own["_hooks"] = None if self._hooks is None else {k: dict(h) for k, h in self._hooks.items()}
        made.__dict__.update(self.__dict__, **own)
        if "forward" in made.__dict__:  # compiled in place, or replaced
            made.__dict__["forward"] = compiled_copy(made.__dict__["forward"], made)
        return made

    # ---- Compiling ----------------------------------------------------------------------------------------

    def compile(self, **options: Any) -> None:
        """Compile what calls of this module run, in place; `options` are those of `bs.compile`."""
        compile_in_place(self, options)

    # ---- Text ----------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Give what `repr` shows inside the brackets."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        name, extra = self._get_name(), self.extra_repr()
        children = [f"({key}): {module!r}" for key, module in self._modules.items()]
        if not children and "\n" not in extra:
            return f"{name}({extra})"
        lines = [*extra.split("\n")] if extra else []
        return in_brackets(name, [*lines, *children])

    def __dir__(self) -> list[str]:
        return sorted(name for name in super().__dir__() if not name[0].isdigit())


def in_brackets(name: str, lines: list[str]) -> str:
    """Give what `repr` shows of a module in several lines."""
    return "\n  ".join([f"{name}(", *(line.replace("\n", "\n  ") for line in lines)]) + "\n)"


watch_modules(Module)
recompute_calls_of(Module)


def _add_path(error: Exception, module: Module) -> None:
    """Put the module's path into the error's text: `[linear] net.3: input is ...`.

    Each module that the error passes on its way up adds the name under which it knows the one before.
    """
    state = error.__dict__
    text, path, inner = state.get("_module_path", (str(error), "", module))
    if inner is not module:
        name = next((name for name, child in module.named_modules() if child is inner), "")
        path = f"{name}.{path}" if name and path else name or path
    state["_module_path"] = (text, path, module)
    if path:
        op, bracket, rest = text.partition("] ") if text.startswith("[") else ("", "", text)
        error.args = (f"{op}{bracket}{path}: {rest}",)
