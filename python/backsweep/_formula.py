"""Docstrings whose formula stands elsewhere: in the registry, or at the function that a layer calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["formula"]

F = TypeVar("F", bound=Callable[..., Any])
WIDTH = 100


def formula(source: Callable[..., Any]) -> Callable[[F], F]:
    """Put the formula of an op, or of a function, behind the first paragraph of a docstring.

    Of an op it is the first paragraph of the registry's docstring; of a function what this has put there,
    else the first paragraph.
    """

    def documented(target: F) -> F:
        text = getattr(source, "__formula__", None) or source.__doc__
        if target.__doc__ and text:  # with -OO there are none
            text = text.partition("\n\n")[0].removesuffix(".") + "."
            head, gap, rest = target.__doc__.partition("\n\n")
            indent = rest[: len(rest) - len(rest.lstrip(" "))]
            target.__doc__ = f"{head}\n\n{_wrapped(text, indent)}{gap}{rest}"
            target.__formula__ = text  # type: ignore[attr-defined]
        return target

    return documented


def _wrapped(text: str, indent: str) -> str:
    """Give text in lines; textwrap takes a third of a millisecond for what is done at each import."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > WIDTH:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else f"{indent}{word}"
    return "\n".join(lines)
