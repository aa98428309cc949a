"""Parameters that are computed from others: `register_parametrization` and what belongs to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from backsweep import _core
from backsweep._arguments import shown
from backsweep._core import Buffer, DTypeError, Parameter, ShapeError, Tensor
from backsweep.nn.container import ModuleDict, ModuleList
from backsweep.nn.module import Module

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "type_before_parametrizations",
]

M = TypeVar("M", bound=Module)

_blocks = 0  # of cached() that are open
_cache: dict[tuple[int, str], Tensor] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once inside this block, however often it is read.

    What is read there shows no later writes to the originals, nor by assignment to the tensor.
    """
    global _blocks
    _blocks += 1
    try:
        yield
    finally:
        _blocks -= 1
        if not _blocks:
            _cache.clear()


class ParametrizationList(ModuleList):
    """The modules that compute one tensor of a module, in order, and what they compute it from.

    Parameters
    ----------
    modules : sequence of Module
        The first takes the original (or the originals), each of the others what the one before gives.
    original : Tensor
        A Parameter or Buffer.
    unsafe : bool, default False
        Whether the result may differ from the original in shape or dtype.

    Attributes
    ----------
    original : Parameter or Buffer
        What the tensor is computed from. `original0`, `original1`, ... where the first module's
        `right_inverse` gives several.

    Raises
    ------
    ValueError
        If there are no modules.
    DTypeError
        If `right_inverse` gives another dtype.
    """

    original: Parameter | Buffer
    unsafe: bool

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("[ParametrizationList] there are no modules: it needs one at least")
        super().__init__(modules)
        self.unsafe = unsafe
        with _core.no_grad():
            start = original.detach()
            value = self._inverse(start, strict=False)
        if isinstance(value, Tensor):
            if value.dtype != original.dtype:
                raise DTypeError(
                    f"[register_parametrization] the tensor is {original.dtype.name}, right_inverse gives "
                    f"{value.dtype.name}: if it gives one tensor, that must have the same dtype"
                )
            self.is_tensor, self.ntensors = True, 1
            self._keep("original", original if value is start else _slot_of(original, value))
        else:
            parts = _parts(value)
            self.is_tensor, self.ntensors = False, len(parts)
            for i, part in enumerate(parts):
                self._keep(f"original{i}", _slot_like(original, part))
        if not unsafe:
            self._check(original)

    def _keep(self, name: str, slot: Tensor) -> None:
        if isinstance(slot, Parameter):
            self.register_parameter(name, slot)
        else:
            self.register_buffer(name, slot)

    def _originals(self) -> list[Tensor]:
        return (
            [self.original]
            if self.is_tensor
            else [getattr(self, f"original{i}") for i in range(self.ntensors)]
        )

    def _check(self, original: Tensor) -> None:
        with _core.no_grad():
            made = self()
        where = "[register_parametrization]"
        fix = "pass unsafe=True if that is meant"
        if not isinstance(made, Tensor):
            raise ValueError(f"{where} the parametrization gives {type(made).__name__}, not a tensor")
        if made.dtype != original.dtype:
            raise DTypeError(
                f"{where} the tensor is {original.dtype.name}, the parametrization gives "
                f"{made.dtype.name}; {fix}"
            )
        if made.shape != original.shape:
            raise ShapeError(
                f"{where} the tensor is {tuple(original.shape)}, the parametrization gives "
                f"{tuple(made.shape)}; {fix}"
            )

    def _inverse(self, value: Any, strict: bool) -> Any:
        """Give what the modules compute `value` from; those without an inverse are passed over or raise."""
        for module in reversed(self._items()):
            if hasattr(module, "right_inverse"):
                try:
                    value = module.right_inverse(value)
                except NotImplementedError:
                    if strict:
                        raise
            elif strict:
                raise RuntimeError(
                    f"[parametrize] {type(module).__name__} has no right_inverse method, so its tensor "
                    "cannot be set: write one, or set the original"
                )
        return value

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that they give `value`, as far as the modules' `right_inverse` do.

        Parameters
        ----------
        value : Tensor

        Raises
        ------
        RuntimeError
            If a module has no `right_inverse`.
        ValueError
            If it gives another number of tensors than before.
        """
        with _core.no_grad():
            made = self._inverse(value, strict=True)
            parts = [made] if self.is_tensor and isinstance(made, Tensor) else _parts(made)
            if len(parts) != self.ntensors:
                raise ValueError(
                    f"[parametrize] right_inverse gives {len(parts)} tensors; it gave {self.ntensors} "
                    "when the parametrization was registered"
                )
            for slot, part in zip(self._originals(), parts, strict=True):
                slot.data = part

    def forward(self) -> Any:
        """Compute the tensor."""
        first, *others = self._items()
        value = first(*self._originals())
        for module in others:
            value = module(value)
        return value


def _parts(value: Any) -> list[Tensor]:
    if isinstance(value, (tuple, list)) and all(isinstance(part, Tensor) for part in value):
        return list(value)
    raise ValueError(f"[parametrize] right_inverse gives {shown(value)}: it must give tensors")


def _slot_like(original: Tensor, value: Tensor) -> Tensor:
    """Give a slot of the original's kind for another value."""
    if isinstance(original, Parameter):
        return Parameter(value.detach(), original.requires_grad)
    return Buffer(value.detach())


def _slot_of(original: Tensor, value: Tensor) -> Tensor:
    """Give the original itself, which optimizers know, with the value if that fits."""
    if original.shape != value.shape or original.dtype != value.dtype:
        return _slot_like(original, value)
    original.data = value
    return original


# ---- Classes of modules whose tensors are computed ---------------------------------------------------------

_classes: WeakValueDictionary[tuple[type, frozenset[str]], type] = WeakValueDictionary()


def _class_of(cls: type, names: frozenset[str]) -> type:
    """Give the subclass whose attributes of these names are computed: one for all modules of a kind."""
    if not names:
        return cls
    made = _classes.get((cls, names))
    if made is None:
        members: dict[str, Any] = {name: _computed(name) for name in sorted(names)}
        members |= {"__module__": cls.__module__, "__doc__": cls.__doc__, "_parametrized": (cls, names)}
        members |= {"__reduce_ex__": _reduce}
        made = type(cls)(f"Parametrized{cls.__name__}", (cls,), members)
        _classes[cls, names] = made
    return made


def _computed(name: str) -> property:
    def read(module: Any) -> Tensor:
        if not _blocks or _core.is_capturing():  # a program computes it once anyway
            return module.parametrizations[name]()  # type: ignore[no-any-return]
        key = id(module), name
        if key not in _cache:
            _cache[key] = module.parametrizations[name]()
        return _cache[key]

    def write(module: Any, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"[parametrize] `{name}` takes a tensor, not {type(value).__name__}")
        module.parametrizations[name].right_inverse(value)

    return property(read, write)


def _reduce(module: Module, protocol: Any) -> tuple[Any, ...]:
    return _rebuilt, _kind(module), module.__dict__


def _rebuilt(cls: type, names: frozenset[str]) -> Any:
    return object.__new__(_class_of(cls, names))


def _kind(module: Module) -> tuple[type, frozenset[str]]:
    """Give the class that the module had, and the names of what is computed."""
    return getattr(type(module), "_parametrized", (type(module), frozenset()))


# ---- What programs call ------------------------------------------------------------------------------------


def register_parametrization(
    module: M, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> M:
    """Compute a parameter or buffer of a module, from now on, from one that is kept instead.

    ``module.weight`` is then ``parametrization(original)`` at each reading, with its derivative, and
    ``module.parametrizations.weight.original`` the Parameter that is trained: the same object as before,
    so that an optimizer that has it goes on. A second parametrization takes what the first gives; it does
    not change the original.

    If the parametrization has a method `right_inverse`, it is called with the value that the tensor has, and
    what it gives becomes the original; a tuple of tensors becomes `original0`, `original1`, .... It is called
    again when the tensor is assigned to.

    Parameters
    ----------
    module : Module
        Its class becomes a subclass, ``Parametrized...``; `remove_parametrizations` gives it back.
    tensor_name : str
        The name of a parameter or buffer.
    parametrization : Module
    unsafe : bool, default False
        Whether it may change shape or dtype.

    Returns
    -------
    Module
        The module itself.

    Raises
    ------
    ValueError
        If the module has no parameter or buffer of this name, or the parametrization gives no tensor.
    ShapeError, DTypeError
        If the parametrization changes shape or dtype, and not `unsafe`.
    """
    op = "register_parametrization"
    given: Any = parametrization
    if not isinstance(given, Module):
        raise TypeError(f"[{op}] parametrization is {shown(given)}; it must be a Module")
    if is_parametrized(module, tensor_name):
        _append(module, tensor_name, parametrization, unsafe)
        return module
    original = module._parameters.get(tensor_name, module._buffers.get(tensor_name))
    if original is None:
        raise ValueError(
            f"[{op}] {type(module).__name__} has no parameter or buffer {tensor_name!r} with a value"
        )
    # Made, and checked, before the module changes.
    made = ParametrizationList([parametrization], original, unsafe)
    cls, names = _kind(module)
    delattr(module, tensor_name)
    if not names:
        module.register_module("parametrizations", ModuleDict())
    module.parametrizations[tensor_name] = made
    module.__class__ = _class_of(cls, names | {tensor_name})
    return module


def _append(module: Module, name: str, parametrization: Module, unsafe: bool) -> None:
    before = module.parametrizations[name]
    with _core.no_grad():
        value = getattr(module, name)
        if not unsafe:
            made = parametrization(value)
            if not isinstance(made, Tensor) or made.shape != value.shape or made.dtype != value.dtype:
                raise ValueError(
                    f"[register_parametrization] `{name}` is {tuple(value.shape)} {value.dtype.name}, and "
                    "the parametrization gives something else; pass unsafe=True if that is meant"
                )
    before.append(parametrization)
    before.unsafe = before.unsafe or unsafe


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Say whether a module has parametrizations, or one of this tensor.

    Parameters
    ----------
    module : Module
    tensor_name : str, optional
    """
    names = _kind(module)[1]
    return bool(names) if tensor_name is None else tensor_name in names


def remove_parametrizations(module: M, tensor_name: str, leave_parametrized: bool = True) -> M:
    """Make a computed tensor a parameter or buffer again.

    Parameters
    ----------
    module : Module
    tensor_name : str
    leave_parametrized : bool, default True
        Whether its value is the computed one, or that of the original.

    Returns
    -------
    Module
        The module itself.

    Raises
    ------
    ValueError
        If the tensor has no parametrization, or is computed from several, and not `leave_parametrized`.
    """
    op = "remove_parametrizations"
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"[{op}] {type(module).__name__} has no parametrization of {tensor_name!r}")
    table: Any = module.parametrizations
    made: ParametrizationList = table[tensor_name]
    if not leave_parametrized and not made.is_tensor:
        raise ValueError(
            f"[{op}] `{tensor_name}` is computed from {made.ntensors} tensors, and "
            "leave_parametrized=False needs one"
        )
    original: Tensor = made._originals()[0]
    with _core.no_grad():
        value: Tensor = getattr(module, tensor_name).detach() if leave_parametrized else original
        kept = _slot_of(original, value) if made.is_tensor else _slot_like(original, value)
    cls, names = _kind(module)
    module.__class__ = _class_of(cls, names - {tensor_name})
    del table[tensor_name]
    if not len(table):
        del module.parametrizations
    setattr(module, tensor_name, kept)
    return module


def type_before_parametrizations(module: Module) -> type:
    """Give the class that a module had before its first parametrization, or has."""
    return _kind(module)[0]
