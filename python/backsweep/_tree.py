"""Nested lists, tuples and dicts of tensors: taken apart into their leaves, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["flatten", "leaves", "map_tree"]


def map_tree(f: Callable[[Any], Any], tree: Any) -> Any:
    """Give the same nesting with f(leaf) in the place of each leaf, in order."""
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):  # a named one
        return type(tree)(*(map_tree(f, part) for part in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(map_tree(f, part) for part in tree)
    if isinstance(tree, dict):
        made = [(name, map_tree(f, part)) for name, part in tree.items()]
        return dict(made) if type(tree) is dict else type(tree)(made)
    return f(tree)


def leaves(tree: Any) -> list[Any]:
    """Give what is no list, tuple or dict, in order."""
    found: list[Any] = []
    _collect(tree, found)
    return found


def _collect(tree: Any, found: list[Any]) -> None:
    if isinstance(tree, (list, tuple)):
        for part in tree:
            _collect(part, found)
    elif isinstance(tree, dict):
        for part in tree.values():
            _collect(part, found)
    else:
        found.append(tree)


def flatten(tree: Any) -> tuple[list[Any], Callable[[Any], Any]]:
    """Give the leaves, and what makes the same nesting of as many others."""

    def build(others: Any) -> Any:
        each: Iterator[Any] = iter(others)
        return map_tree(lambda _: next(each), tree)

    return leaves(tree), build
