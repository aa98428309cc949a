"""Docstrings whose formula stands elsewhere: in the registry, or at the function that a layer calls."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from textwrap import fill
from typing import Any, TypeVar

from backsweep import _core

__all__ = ["formula"]

F = TypeVar("F", bound=Callable[..., Any])


def formula(source: Callable[..., Any]) -> Callable[[F], F]:
    """Put the formula of an op, or of a function, behind the first paragraph of a docstring.

    An op's docstring, which the registry has, is its formula. A function's is what this has put there, else
    the first paragraph.
    """

    def documented(target: F) -> F:
        if target.__doc__ and source.__doc__:  # with -OO there are none
            text = _formula_of(source, cleandoc(source.__doc__))
            head, gap, rest = cleandoc(target.__doc__).partition("\n\n")
            target.__doc__ = f"{head}\n\n{text}{gap}{rest}"
            target.__formula__ = text  # type: ignore[attr-defined]
        return target

    return documented


def _formula_of(source: Callable[..., Any], doc: str) -> str:
    if isinstance(source, _core.OpFunction):
        return fill(doc, 100)
    return getattr(source, "__formula__", doc.partition("\n\n")[0])
