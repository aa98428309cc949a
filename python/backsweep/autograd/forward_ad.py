"""Dual numbers, as `torch.autograd.forward_ad`: derivatives along a tangent that is carried by a tensor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from backsweep import _core
from backsweep._core import Tensor

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]

_levels: list[list[tuple[Tensor, Tensor]]] = []  # of each the dual numbers: a tensor and its tangent


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` gives."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Begin a level; gives its number.

    Raises
    ------
    RuntimeError
        If a level has begun already.
    """
    if _levels:
        raise RuntimeError("[forward_ad] Nested forward mode AD is not supported at the moment")
    _levels.append([])
    return len(_levels) - 1


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level: its dual numbers have no tangents any more.

    Raises
    ------
    RuntimeError
        If the level is not the last one.
    """
    if not _levels or (level is not None and level != len(_levels) - 1):
        raise RuntimeError("[forward_ad] Trying to exit a forward AD level that was not the last one")
    _levels.pop()


@contextmanager
def dual_level() -> Iterator[int]:
    """Have a level inside."""
    level = enter_dual_level()
    try:
        yield level
    finally:
        exit_dual_level(level=level)


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """Give a tensor of the same value that carries a tangent, of its shape and dtype, in the level.

    Raises
    ------
    RuntimeError
        If no level has begun.
    ValueError
        If the two are not floating-point tensors of one dtype and shape.
    """
    del level
    if not _levels:
        raise RuntimeError(
            "[make_dual] Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    if not tensor.dtype.is_floating_point or tensor.dtype != tangent.dtype or tensor.shape != tangent.shape:
        raise ValueError(
            f"[make_dual] Expected primal and tangent to be floating point, of one dtype and shape, not "
            f"{tensor.dtype} "
            f"{tuple(tensor.shape)} and {tangent.dtype} {tuple(tangent.shape)}"
        )
    with _core.enable_grad():
        dual = tensor.reshape(tensor.shape) if tensor.requires_grad else tensor.detach().requires_grad_()
    _levels[-1].append((dual, tangent))
    return dual


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """Give the value, and the tangent: the derivative along those of the dual numbers, or None."""
    del level
    if not _levels or not tensor.requires_grad:
        return UnpackedDualTensor(tensor, None)
    duals = _levels[-1]
    again = any(t.requires_grad for _, t in duals)
    with _core.enable_grad():
        u = _core.ones_like(tensor).requires_grad_()
        found = _core.grad(tensor, [d for d, _ in duals], u, create_graph=True, allow_unused=True)
        pairs = [(g, t) for g, (_, t) in zip(found, duals, strict=True) if g is not None]
        if not pairs:
            return UnpackedDualTensor(tensor, None)
        live = [(g, t) for g, t in pairs if g.requires_grad]
        (tangent,) = _core.grad(
            [g for g, _ in live],
            [u],
            [t for _, t in live],
            retain_graph=True,
            create_graph=again,
            allow_unused=True,
        )
    return UnpackedDualTensor(tensor.detach(), _core.zeros_like(tensor) if tangent is None else tangent)
