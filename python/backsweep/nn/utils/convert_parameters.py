"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from backsweep import _core
from backsweep._arguments import shown
from backsweep._core import ShapeError, Tensor
from backsweep.nn.utils.clip_grad import tensors_of

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Give the elements of all parameters, one after the other, as one vector.

    Parameters
    ----------
    parameters : iterable of Parameter
        Of one dtype and any shapes; at least one.

    Returns
    -------
    Tensor, shape (total number of elements,)
        With its history: the derivative by each parameter is that by its part of the vector.

    Raises
    ------
    TypeError
        If something is no Tensor.
    ValueError
        If there are none.
    """
    op = "parameters_to_vector"
    given = tensors_of(op, "parameters", parameters)
    if not given:
        raise ValueError(f"[{op}] there are no parameters, and so no dtype: was the iterator used up before?")
    return _core.cat([_core.reshape(p, (-1,)) for p in given])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the parts of a vector into the parameters, in the order of `parameters_to_vector`.

    Parameters
    ----------
    vec : Tensor, shape (n,)
        What is left over beyond the parameters' elements is not read, as in PyTorch.
    parameters : iterable of Parameter

    Raises
    ------
    TypeError
        If something is no Tensor.
    ShapeError
        If vec is no vector, or shorter than all parameters together; nothing is then written.
    """
    op = "vector_to_parameters"
    given: Any = vec
    if not isinstance(given, Tensor):
        raise TypeError(f"[{op}] vec is {shown(given)}; it must be a Tensor")
    own = tensors_of(op, "parameters", parameters)
    n = sum(p.numel() for p in own)
    if vec.ndim != 1 or vec.numel() < n:
        raise ShapeError(f"[{op}] vec is {tuple(vec.shape)}: the parameters have {n} elements together")
    at = 0
    for p in own:
        p.data = _core.reshape(vec[at : at + p.numel()], p.shape)
        at += p.numel()
