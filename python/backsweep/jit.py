"""What programs ask of `torch.jit`: words around scripts are taken, scripts themselves are `bs.compile`'s."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

__all__ = [
    "annotate",
    "export",
    "ignore",
    "is_scripting",
    "is_tracing",
    "load",
    "save",
    "script",
    "script_method",
    "trace",
    "unused",
]

T = TypeVar("T")


def is_scripting() -> bool:
    """Give False."""
    return False


def is_tracing() -> bool:
    """Give False."""
    return False


def annotate(the_type: Any, the_value: T) -> T:
    """Give the value: its type is its own."""
    return the_value


def export(fn: T) -> T:
    """Give fn as it is."""
    return fn


def unused(fn: T) -> T:
    """Give fn as it is."""
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Give the function as it is, or a decorator that does."""
    return drop if callable(drop) else (lambda fn: fn)


def _refuse(name: str) -> NoReturn:
    raise RuntimeError(
        f"[jit.{name}] there are no scripts: bs.compile(fn) makes a program of a function or a module, as a "
        "decorator too; or leave it out, the results are the same"
    )


def script(obj: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Raise RuntimeError: see `bs.compile`."""
    _refuse("script")


def script_method(fn: Any) -> NoReturn:
    """Raise RuntimeError: see `bs.compile`."""
    _refuse("script_method")


def trace(func: Any, example_inputs: Any = None, *args: Any, **kwargs: Any) -> NoReturn:
    """Raise RuntimeError: see `bs.compile`."""
    _refuse("trace")


def _no_files(name: str) -> NoReturn:
    raise RuntimeError(
        f"[jit.{name}] files hold values, not code: bs.save(model.state_dict(), path) in the program that "
        "has the model, model.load_state_dict(bs.load(path)) in the one that makes it again"
    )


def save(m: Any, f: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Raise RuntimeError: see `bs.save`."""
    _no_files("save")


def load(f: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """Raise RuntimeError: see `bs.load`."""
    _no_files("load")
