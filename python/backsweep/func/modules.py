"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backsweep import _core
from backsweep._core import ShapeError, Tensor

if TYPE_CHECKING:
    from backsweep.nn import Module

__all__ = ["functional_call", "stack_module_state"]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Give module(*args, **kwargs) with other tensors in the place of its parameters and buffers.

    The module stays as it is: what it writes into a buffer that has been replaced is gone afterwards.

    Parameters
    ----------
    module : Module
        What is called.
    parameter_and_buffer_dicts : mapping of str to Tensor, or a sequence of these
        By the names of `named_parameters` and `named_buffers`. What is not named keeps its value.
    args : tuple or any, optional
        Positional arguments, or a single one.
    kwargs : dict, optional
        Arguments by name.
    tie_weights : bool, default True
        PyTorch's: a parameter that has several names is one here, whatever this says.
    strict : bool, default False
        Whether all names of the module must be there, and no others.

    Raises
    ------
    ShapeError
        If a tensor has not the shape of what it replaces.
    """
    del tie_weights
    dicts = (
        [parameter_and_buffer_dicts]
        if isinstance(parameter_and_buffer_dicts, Mapping)
        else list(parameter_and_buffer_dicts)
    )
    given: dict[str, Tensor] = {}
    for some in dicts:
        for name, value in some.items():
            if name in given:
                raise ValueError(
                    f"[functional_call] {name!r} appeared in multiple dictionaries; behavior of functional "
                    f"call is ambiguous"
                )
            given[name] = value
    slots: dict[str, Any] = dict(module.named_parameters(remove_duplicate=False))
    slots.update(module.named_buffers(remove_duplicate=False))
    if strict and slots.keys() != given.keys():
        missing, unexpected = sorted(slots.keys() - given.keys()), sorted(given.keys() - slots.keys())
        raise RuntimeError(
            f"[functional_call] Error(s) in loading state_dict for {type(module).__name__}: missing keys "
            f"{missing}, unexpected keys {unexpected}"
        )
    replaced, values = [], []
    for name, value in given.items():
        if name not in slots:
            continue
        if value.shape != slots[name].shape:
            raise ShapeError(
                f"[functional_call] {name} is {tuple(value.shape)}, in the module {tuple(slots[name].shape)}"
            )
        replaced.append(slots[name])
        values.append(value)
    positional = () if args is None else args if isinstance(args, tuple) else (args,)
    return _core.call_with(module, positional, kwargs or {}, replaced, values)


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Give the parameters and the buffers of models of one kind, each side by side along a new axis 0.

    What it gives are leaves of its own, for `vmap` over `functional_call`.

    Raises
    ------
    RuntimeError
        If there is no model, or they differ in class or mode.
    """
    if not models:
        raise RuntimeError("[stack_module_state] Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError("[stack_module_state] Expected all models to have the same training/eval mode.")
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("[stack_module_state] Expected all models to be of the same class.")

    def stacked(of: list[dict[str, Any]]) -> dict[str, Tensor]:
        made = {}
        for name, first in of[0].items():
            together = _core.stack([state[name].detach() for state in of])
            made[name] = together.requires_grad_() if first.requires_grad else together
        return made

    return (
        stacked([dict(m.named_parameters()) for m in models]),
        stacked([dict(m.named_buffers()) for m in models]),
    )
