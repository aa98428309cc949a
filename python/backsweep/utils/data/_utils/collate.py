"""From the samples of a batch to one batch of tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._core import Tensor

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

# A type, or several, and what makes a batch of samples of it: function(batch, *, collate_fn_map).
CollateMap = dict[Any, Callable[..., Any]]


def default_convert(data: Any) -> Any:
    """Give a sample with its arrays and NumPy's numbers as tensors, in the same nesting.

    A tuple becomes a list, unless it has names; strings, Python's numbers and all else stay as they are.
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SUO" else _core.as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) or _is_sequence(data):
        return _like_sequence(data, [default_convert(value) for value in data])
    return data


def collate(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Give one batch of samples: nested alike, and each leaf by the function that the map has for its type.

    Parameters
    ----------
    batch : sequence
        The samples.
    collate_fn_map : dict, optional
        From a type, or a tuple of types, to a function ``f(batch, *, collate_fn_map)`` of the samples. The
        type itself counts first, then the first of which the first sample is an instance.

    Raises
    ------
    ValueError
        If sequences differ in length.
    TypeError
        If a leaf is of a type that nobody knows.
    """
    first = batch[0]
    functions = collate_fn_map or {}
    function = functions.get(type(first)) or next(
        (f for types, f in functions.items() if isinstance(first, types)), None
    )
    if function is not None:
        return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        columns = {key: [sample[key] for sample in batch] for key in first}
        made = {key: collate(column, collate_fn_map=collate_fn_map) for key, column in columns.items()}
        return _like_mapping(first, made)
    if isinstance(first, tuple) or _is_sequence(first):
        lengths = set(map(len, batch))
        if len(lengths) != 1:
            raise ValueError(
                f"[default_collate] samples are sequences of {sorted(lengths)} elements: of as many each, or "
                "give the loader a collate_fn that pads them"
            )
        parts = zip(*batch, strict=True)
        return _like_sequence(first, [collate(part, collate_fn_map=collate_fn_map) for part in parts])
    raise TypeError(
        f"[default_collate] a sample holds {type(first).__name__}; it may hold tensors, arrays, numbers, "
        "strings, and lists, tuples and dicts of them: give the loader a collate_fn for others"
    )


def default_collate(batch: Any) -> Any:
    """Give one batch of samples, stacked along a new first axis.

    Tensors and arrays keep their dtype, ints become int64, bools bool, floats float64; strings and bytes stay
    as they are. Dicts and lists stay such, tuples become lists, unless they have names.

    Parameters
    ----------
    batch : sequence
        The samples, all of one nesting.

    Raises
    ------
    ShapeError
        If tensors or arrays differ in shape.
    ValueError
        If sequences differ in length.
    TypeError
        If a sample holds anything else.

    Examples
    --------
    >>> default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
    {'x': tensor([1, 2]), 'name': ['a', 'b']}
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def _is_sequence(data: Any) -> bool:
    return isinstance(data, Sequence) and not isinstance(data, (str, bytes))


def _like_mapping(data: Any, values: dict[Any, Any]) -> Any:
    try:
        if not isinstance(data, MutableMapping):
            return type(data)(values)
        made = copy.copy(data)  # which may have more to it than its items
        made.update(values)
    except TypeError:  # of a type with a constructor of its own
        return values
    return made


def _like_sequence(data: Any, values: list[Any]) -> Any:
    if isinstance(data, tuple):
        return type(data)(*values) if hasattr(data, "_fields") else values
    try:
        if not isinstance(data, MutableSequence):
            return type(data)(values)
        made = copy.copy(data)
        for i, value in enumerate(values):
            made[i] = value
    except TypeError:  # as of a range
        return values
    return made


# ---- Leaves ------------------------------------------------------------------------------------------------


def _tensors(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    return _core.stack(batch)


def _arrays(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    kind = batch[0].dtype
    if kind.kind in "SUO":
        raise TypeError(
            f"[default_collate] a sample holds an array of NumPy's dtype {kind}: it may hold numbers, or "
            "strings in a list"
        )
    return collate([_core.as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def _numbers(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    return _core.tensor(batch)


def _floats(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    return _core.tensor(batch, dtype=_core.float64)


def _as_is(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    return batch


default_collate_fn_map: CollateMap = {
    Tensor: _tensors,
    np.ndarray: _arrays,
    (np.bool_, np.number): _numbers,
    float: _floats,
    int: _numbers,
    str: _as_is,
    bytes: _as_is,
}
