"""bs.compile for functions, methods and modules, and copies of what it makes."""

from __future__ import annotations

import copy
import copyreg
import sys
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar, overload
from weakref import WeakKeyDictionary, ref

import numpy as np

from backsweep import _core
from backsweep._arguments import flag, whole
from backsweep._code import of_library
from backsweep._core import CompiledFunction
from backsweep._recompute import Recomputing, chosen
from backsweep._structure import Structure

if TYPE_CHECKING:
    from backsweep.nn.module import Module

__all__ = ["CacheInfo", "compile", "compile_in_place", "compiled_copy"]

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound="Module")


class CacheInfo(NamedTuple):
    """What a compiled function has done so far; see its `cache_info`."""

    hits: int
    misses: int
    reshaped: int
    maxsize: int
    currsize: int


@overload
def compile(
    fn: M,
    *,
    keep_grads: bool = ...,
    cache_size: int = ...,
    fallback: bool = ...,
    recompute: Any = ...,
    **other: Any,
) -> M: ...
@overload
def compile(
    fn: Callable[P, R],
    *,
    keep_grads: bool = ...,
    cache_size: int = ...,
    fallback: bool = ...,
    recompute: Any = ...,
    **other: Any,
) -> CompiledFunction[P, R]: ...
@overload
def compile(
    fn: None = None,
    *,
    keep_grads: bool = ...,
    cache_size: int = ...,
    fallback: bool = ...,
    recompute: Any = ...,
    **other: Any,
) -> Callable[[Callable[P, R]], CompiledFunction[P, R]]: ...
def compile(
    fn: Any = None,
    *,
    keep_grads: bool = False,
    cache_size: int = 64,
    fallback: bool = False,
    recompute: Any = (),
    **other: Any,
) -> Any:
    """Compile a function of tensors, a method or a module.

    The first call with new shapes captures the ops that it uses, forward, backward and update, as one
    program, which later calls run without Python. Tensors and NumPy arrays among the arguments, also in
    tuples, lists and dicts, are inputs; other arguments are part of the signature. What the function reads
    from elsewhere is read anew (parameters, buffers, hyperparameters) or compared at each call:
    docs/compile.md says what can be seen. Reading a value inside is an error that names the line.

    Parameters
    ----------
    fn : callable or Module
        Left out, this gives a decorator. A module gives a module of the same class that shares its parameters
        and all other attributes, and whose calls are compiled; `Module.compile` does so in place.
    keep_grads : bool, default False
        Whether `.grad` can be read after a call that has computed it.
    cache_size : int, default 64
        How many programs are kept, one per signature; the one that was used least recently goes.
        `cache_info()` of what is made counts them.
    fallback : bool, default False
        Whether a call that cannot be captured, as it reads a value, runs op by op instead, from the start,
        with the generators as they were. A warning names the line: what comes before it has run twice, once
        on symbols. Calls with such arguments go on so.
    recompute : int, or Module, class of modules, or sequence of them, optional
        Memory for time; results are the same to the bit. Modules: their calls are checkpoints
        (`utils.checkpoint`), so what lies inside them is not kept for the derivative but computed again. An
        integer: the bytes that a program may need (`program(*args).memory.peak`). What is cheapest to
        compute again is, until it needs no more, for as many threads as there are when it is planned; a
        ValueError says what it needs at least if it always does.
    fullgraph, dynamic, mode, options, backend
        PyTorch's, for the sake of its programs. A capture is always whole, sizes need no mark, and there is
        one compiler: `backend` may be None or "inductor".
    disable : bool, default False
        Whether to give `fn` back as it is.

    Returns
    -------
    CompiledFunction or Module
        Can be copied, and pickled where `fn` can; programs are not carried.

    Examples
    --------
    >>> @bs.compile
    ... def step(x, y):
    ...     loss = nn.functional.cross_entropy(model(x), y)
    ...     optimizer.zero_grad()
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    """
    if _disabled(other):
        return (lambda f: f) if fn is None else fn
    options = {
        "keep_grads": flag("compile", "keep_grads", keep_grads),
        "cache_size": whole("compile", "cache_size", cache_size),
        "fallback": flag("compile", "fallback", fallback),
        "recompute": chosen(recompute),
    }
    return (lambda f: _compiled(f, options)) if fn is None else _compiled(fn, options)


def _disabled(other: dict[str, Any]) -> bool:
    """Whether PyTorch's arguments say so; TypeError and ValueError for what means nothing here."""
    unknown = other.keys() - {"fullgraph", "dynamic", "mode", "options", "backend", "disable"}
    if unknown:
        raise TypeError(f"[compile] there is no argument {sorted(unknown)[0]!r}")
    if other.get("backend") not in (None, "inductor"):
        raise ValueError(f"[compile] backend is {other['backend']!r}: there is one compiler, leave it out")
    return bool(other.get("disable"))


def _compiled(fn: Any, options: dict[str, Any]) -> Any:
    if isinstance(fn, (staticmethod, classmethod)):
        return type(fn)(_compiled(fn.__func__, options))
    if isinstance(getattr(fn, "_structure", None), Structure):
        return _compiled_module(fn, options)
    fn = _original(fn)
    if isinstance(fn, type):
        raise TypeError(f"[compile] {fn.__name__} is a class: compile its objects or its methods")
    core = dict(options)
    again = core.pop("recompute", ())
    if isinstance(again, int):
        made = _core.compiled(fn, **core, budget=again)
    else:
        made = _core.compiled(Recomputing(fn, again) if again else fn, **core)
    made.options = options
    return made


def _original(fn: Any) -> Any:
    """Give the function that was given to bs.compile, or what is no compiled function."""
    while isinstance(fn, (CompiledFunction, Recomputing)):
        fn = fn.__wrapped__
    return fn


# ---- What the core calls -----------------------------------------------------------------------------------


def keep_generators() -> Callable[[], None]:
    """Give what puts Python's and NumPy's generators back to where they are now."""
    import random

    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002

    def restore() -> None:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002

    return restore


def warn_of_fallback(fn: Any, error: Exception, trace: TracebackType | None) -> None:
    """Say, once per line, that a call runs op by op from now on."""
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if not of_library(code.co_filename):
            place = f"{code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    if place in _warned:
        return
    _warned.add(place)
    name = getattr(fn, "__name__", repr(fn))
    warnings.warn(
        f"[compile] {name} runs op by op for these arguments, as {place} cannot be captured; what comes "
        f"before it ran twice, once on symbols. ({error})",
        RuntimeWarning,
        stacklevel=2,
    )


_warned: set[str] = set()


# ---- Copies ------------------------------------------------------------------------------------------------


def _reduce(fn: CompiledFunction[..., Any]) -> Any:
    """Say how copy and pickle make it again: by its name, as functions, or from its function."""
    name = getattr(fn, "__qualname__", "")
    found: Any = sys.modules.get(getattr(fn, "__module__", ""))
    for part in name.split("."):
        found = getattr(found, part, None)
    return name if found is fn else (_compiled, (_original(fn), getattr(fn, "options", {})))


copyreg.pickle(CompiledFunction, _reduce)


# ---- Modules, in place ------------------------------------------------------------------------------------


class _Forward:
    """What the class of a module has as `forward`, for a module that it does not keep alive."""

    def __init__(self, module: Module) -> None:
        self.module = ref(module)
        self.__name__ = f"{type(module).__name__}.forward"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        module = self.module()
        assert module is not None  # whoever calls it holds it
        return type(module).forward(module, *args, **kwargs)

    def __reduce__(self) -> Any:
        return _Forward, (self.module(),)


def compile_in_place(module: Module, options: dict[str, Any]) -> None:
    """Compile what calls of a module run: its `forward`, as an attribute of its own."""
    forward = module.__dict__.get("forward", None)
    made = compile(_Forward(module) if forward is None else forward, **options)
    if isinstance(made, CompiledFunction):
        module.forward = made  # type: ignore[method-assign]


def compiled_copy(forward: Any, module: Module) -> Any:
    """Give what a copy of a module that was compiled in place has as `forward`."""
    if isinstance(_original(forward), _Forward):
        return _compiled(_Forward(module), getattr(forward, "options", {}))
    return forward


# ---- Modules, beside the one that stays as it is -----------------------------------------------------------

_Compiled: Any = _core._CompiledModule  # type: ignore[attr-defined]  # calls the function in `_compiled`
_classes: WeakKeyDictionary[type, ref[type]] = WeakKeyDictionary()


def _compiled_module(module: Module, options: dict[str, Any]) -> Module:
    if isinstance(module, _Compiled):
        module = _original_module(module)
    cls = _class_of(type(module))
    made: Any = _Compiled.__new__(cls)
    object.__setattr__(made, "__dict__", module.__dict__)
    object.__setattr__(made, "_compiled", _compiled(module.__call__, options))
    return made  # type: ignore[no-any-return]


def _original_module(made: Any) -> Any:
    return _original(made._compiled).__self__


def _class_of(cls: type) -> type:
    """Give the subclass whose objects call a compiled function, beside another's attributes."""
    known = _classes.get(cls)
    made = None if known is None else known()
    if made is None:
        names: dict[str, Any] = {
            "__module__": cls.__module__,
            "__qualname__": cls.__qualname__,
            "__doc__": cls.__doc__,
        }
        names |= {"__slots__": (), "__getattr__": _compiled_attribute(getattr(cls, "__getattr__", None))}
        names |= {"__reduce_ex__": _reduce_module, "__copy__": _copy_module, "__deepcopy__": _deepcopy_module}
        made = type(cls)(cls.__name__, (_Compiled, cls), names)
        _classes[cls] = ref(made)
    return made


def _compiled_attribute(before: Callable[[Any, str], Any] | None) -> Callable[[Any, str], Any]:
    def __getattr__(self: Any, name: str) -> Any:
        if name in ("program", "programs", "options", "cache_info", "cache_clear"):
            return getattr(self._compiled, name)
        if before is not None:
            return before(self, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    return __getattr__


def _reduce_module(self: Any, protocol: Any) -> tuple[Any, ...]:
    return _compiled, (_original_module(self), self._compiled.options)


def _copy_module(self: Any) -> Any:
    return _compiled(copy.copy(_original_module(self)), self._compiled.options)


def _deepcopy_module(self: Any, memo: dict[int, Any]) -> Any:
    made = copy.deepcopy(_original_module(self), memo)
    return _compiled(made, copy.deepcopy(self._compiled.options, memo))
