"""Definitions as text, as ruff formats them."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["overloads", "split", "unhidden", "wrapped"]

WIDTH = 110


def unhidden(types: str) -> str:
    """Name types that methods of Tensor hide: int, float and bool."""
    return re.sub(r"\b(int|float|bool)\b", r"_\1", types)


def overloads(
    name: str, signatures: list[str], indent: str, doc: str | None, *, static: bool = False
) -> list[str]:
    lines = []
    for signature in signatures:
        if len(signatures) > 1:
            lines.append(f"{indent}@overload")
        if static:
            lines.append(f"{indent}@staticmethod")
        head = f"{indent}def {name}{unhidden(signature) if indent and not static else signature}:"
        if doc and signature is signatures[-1]:
            lines += [*wrapped(head, indent), *docstring(doc, indent + "    "), ""]
        else:
            lines += wrapped(head + " ...", indent)
    return lines


def docstring(doc: str, indent: str) -> list[str]:
    doc = doc.replace("\\", "\\\\").replace('"', "'")
    lines = [f"{indent}{line}".rstrip() for line in f'"""{doc}'.splitlines()]
    if len(lines) == 1:
        return [f'{lines[0]}"""']
    return [*lines, f'{indent}"""']


def wrapped(line: str, indent: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    head, _, rest = line.partition("(")
    end = next(i for i, depth in enumerate(depths(rest)) if depth < 0)
    inside, tail, inner = rest[:end], rest[end + 1 :], indent + "    "
    if len(inner + inside) <= WIDTH and "*" not in split(inside):
        return [f"{head}(", inner + inside, f"{indent}){tail}"]
    return [f"{head}(", *(f"{inner}{part}," for part in split(inside)), f"{indent}){tail}"]


def depths(text: str) -> Iterator[int]:
    depth = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        yield depth


def split(text: str) -> list[str]:
    """Split at the commas outside of brackets."""
    commas = [i for i, depth in enumerate(depths(text)) if depth == 0 and text[i] == ","]
    return [text[a + 1 : b].strip() for a, b in zip([-1, *commas], [*commas, len(text)], strict=True)]
