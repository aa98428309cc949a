"""What distributions share: parameters of one shape, probabilities, values made when first read."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from numbers import Number
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._arguments import tensor
from backsweep._core import Tensor
from backsweep._dtypes import finfo
from backsweep._shapes import broadcast_tensors

__all__ = [
    "OfProbability",
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Give numbers and tensors as tensors of one shape; numbers take the dtype of the tensors.

    Without tensors they have the default dtype. Arrays and lists become tensors.
    """
    given: list[Any] = [
        value if isinstance(value, Number) else tensor("broadcast_all", "a parameter", value)
        for value in values
    ]
    tensors = [value for value in given if isinstance(value, Tensor)]
    dtype = tensors[0].dtype if tensors else _core.get_default_dtype()
    made = [value if isinstance(value, Tensor) else _core.tensor(value, dtype=dtype) for value in given]
    largest = max(made, key=lambda t: t.ndim)
    if all(t is largest or t.ndim == 0 or t.shape == largest.shape for t in made):
        return tuple(t if t.ndim == largest.ndim else t.expand_as(largest) for t in made)
    return broadcast_tensors(*made)


def clamp_probs(probs: Tensor) -> Tensor:
    """Keep probabilities off 0 and 1 by the epsilon of their dtype."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Give probabilities: sigmoid of each logit if `is_binary`, else softmax along the last axis."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Give logits: log p - log(1 - p) if `is_binary`, else log p."""
    clamped = clamp_probs(probs)
    return clamped.log() - (-clamped).log1p() if is_binary else clamped.log()


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """Give the lower triangles of matrices, row by row as vectors, up to a diagonal that they must have."""
    n = mat.shape[-1]
    if not -n < diag < n:
        raise ValueError(f"[tril_matrix_to_vec] diag is {diag}; it must lie between -{n} and {n}")
    rows, columns = np.tril_indices(n, diag)
    return mat.flatten(-2).index_select(-1, _core.tensor(rows * n + columns))


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """Give the matrices of which `tril_matrix_to_vec` gives these vectors, 0 above the diagonal.

    Vectors must have as many elements as a triangle.
    """
    count = vec.shape[-1]
    if diag > 0:
        n = (isqrt((1 + 2 * diag) ** 2 + 4 * (2 * count + diag * (diag + 1))) - 1 - 2 * diag) // 2
    else:
        n = (isqrt(8 * count + 1) - 1) // 2 - diag
    rows, columns = np.tril_indices(n, diag)
    if len(rows) != count:
        raise ValueError(f"[vec_to_tril_matrix] {count} elements fill no triangle up to diagonal {diag}")
    places = np.full((n, n), count)  # of a zero, which stands behind the elements
    places[rows, columns] = np.arange(count)
    filled = _core.ops.pad(vec, (0, 1)).index_select(-1, _core.tensor(places.ravel()))
    return filled.reshape((*vec.shape[:-1], n, n))


class _LazyProperty:
    """What a method gives, kept in the object: an attribute of that name is found there first."""

    def __init__(self, fn: Callable[[Any], Tensor]) -> None:
        self._fn = fn
        self._name = fn.__name__
        self.__doc__ = fn.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        with _core.enable_grad():
            value = self._fn(instance)
        if not value.is_symbolic:  # what a capture made is of that program alone
            vars(instance)[self._name] = value
        return value


def lazy_property(fn: Callable[[Any], Tensor]) -> Tensor:
    """Make a method an attribute, which is computed when it is first read."""
    made: Any = _LazyProperty(fn)
    return made  # type: ignore[no-any-return]


class OfProbability:
    """What distributions share that are given a probability or its logit: each makes the other."""

    @lazy_property
    def logits(self) -> Tensor:
        """Give the logit, log p - log(1 - p)."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """Give the probability p."""
        return logits_to_probs(self.logits, is_binary=True)
