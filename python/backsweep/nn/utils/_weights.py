"""Weights that a hook computes before each call: the old forms of `weight_norm` and `spectral_norm`."""

from __future__ import annotations

from typing import Any, TypeVar

from backsweep import _core
from backsweep._arguments import number, whole
from backsweep._core import Buffer, Parameter, Tensor
from backsweep.nn import functional as F
from backsweep.nn.module import Module
from backsweep.nn.utils._norms import axis_of, matrix_of, norm_except, rows_axis

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


class Computed:
    """A hook that sets the attribute `name` of a module."""

    op: str

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: Module, args: Any) -> None:
        setattr(module, self.name, self.weight(module, module.training))

    def weight(self, module: Any, training: bool) -> Tensor:
        """Compute the weight from what the module has instead."""
        raise NotImplementedError

    def take(self, module: Module) -> Parameter:
        """Take the parameter from the module, which computes it from now on, or raise."""
        for hook in module._hooks_of("forward_pre"):
            if isinstance(hook, type(self)) and hook.name == self.name:
                raise RuntimeError(
                    f"[{self.op}] `{self.name}` of this {type(module).__name__} has one already"
                )
        weight = module._parameters.get(self.name)
        if weight is None:
            raise ValueError(
                f"[{self.op}] {type(module).__name__} has no parameter {self.name!r} with a value"
            )
        delattr(module, self.name)
        return weight

    def begin(self, module: Module) -> None:
        """Set the attribute, and set it anew before each call."""
        setattr(module, self.name, self.weight(module, False))
        module.register_forward_pre_hook(self)


def _removed(module: M, cls: type[Computed], name: str, instead: tuple[str, ...]) -> M:
    """Make a computed weight a parameter again, in place of what it was computed from."""
    for key, entry in module._forward_pre_hooks.items():
        hook = entry.fn
        if isinstance(hook, cls) and hook.name == name:
            with _core.no_grad():
                weight = hook.weight(module, False).detach()
            for attribute in (name, *(name + suffix for suffix in instead)):
                delattr(module, attribute)
            module.register_parameter(name, Parameter(weight))
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"[remove_{cls.op}] {type(module).__name__} has no {cls.op} of {name!r}")


# ---- Weight norm -------------------------------------------------------------------------------------------


class WeightNorm(Computed):
    """w = g v / |v|."""

    op = "weight_norm"

    def __init__(self, name: str, axis: int | None) -> None:
        super().__init__(name)
        self.axis = axis

    def weight(self, module: Any, training: bool) -> Tensor:
        """Compute the weight from lengths and directions."""
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return v * (g / norm_except(v, self.axis))  # type: ignore[no-any-return]


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Train the lengths and the directions of a weight apart: w = g v / |v|, computed before each call.

    The form with a hook, whose keys are weight_g and weight_v. `parametrizations.weight_norm` is newer: its
    weight is computed when it is read.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
    dim : int or None, default 0
        The axis that g keeps; None: one length of the whole weight.

    Returns
    -------
    Module
        The module itself, with the parameters weight_g and weight_v in place of weight.

    Raises
    ------
    RuntimeError
        If the weight has a weight norm already.
    ValueError
        If the module has no such parameter.
    ShapeError
        If the weight has no such axis.
    """
    op, axis = "weight_norm", None
    weight = module._parameters.get(name)
    if weight is not None and dim is not None and dim != -1:  # -1 is PyTorch's other word for None here
        axis = axis_of(op, weight, whole(op, "dim", dim, None))
    hook = WeightNorm(name, axis)
    v = hook.take(module)
    with _core.no_grad():
        lengths = norm_except(v.detach(), hook.axis)
    module.register_parameter(name + "_g", Parameter(lengths))
    module.register_parameter(name + "_v", v)
    hook.begin(module)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Make a weight with a weight norm a parameter again, with the value that it has.

    Parameters
    ----------
    module : Module
    name : str, default "weight"

    Raises
    ------
    ValueError
        If the weight has none.
    """
    return _removed(module, WeightNorm, name, ("_g", "_v"))


# ---- Spectral norm -----------------------------------------------------------------------------------------


class SpectralNorm(Computed):
    """w / s, s the largest singular value."""

    op = "spectral_norm"

    def __init__(self, name: str, times: int, axis: int, eps: float) -> None:
        super().__init__(name)
        self.n_power_iterations, self.dim, self.eps = times, axis, eps

    def weight(self, module: Any, training: bool) -> Tensor:
        """Compute the weight; in training mode the vectors are improved first."""
        weight: Tensor = getattr(module, self.name + "_orig")
        u: Buffer = getattr(module, self.name + "_u")
        v: Buffer = getattr(module, self.name + "_v")
        matrix = matrix_of(weight, self.dim)
        if training:
            with _core.no_grad():
                fixed, new_u, new_v = matrix.detach(), u.detach(), v.detach()
                for _ in range(self.n_power_iterations):
                    new_v = F.normalize(_core.mv(fixed.t(), new_u), dim=0, eps=self.eps)
                    new_u = F.normalize(_core.mv(fixed, new_v), dim=0, eps=self.eps)
                u.copy_(new_u)
                v.copy_(new_v)
        return weight / _core.dot(u._snapshot(), _core.mv(matrix, v._snapshot()))


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divide a weight by its largest singular value, estimated as training goes on, before each call.

    The form with a hook, whose keys are weight_orig, weight_u and weight_v.
    `parametrizations.spectral_norm` is newer, and says how the value is estimated.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
    n_power_iterations : int, default 1
        Per call in training mode.
    eps : float, default 1e-12
        Stands for lengths below it.
    dim : int, optional
        The axis along which the rows of the matrix go; 0 if left out (1 for transposed convolutions).

    Returns
    -------
    Module
        The module itself, with the parameter weight_orig and the buffers weight_u and weight_v.

    Raises
    ------
    RuntimeError
        If the weight has a spectral norm already.
    ValueError
        If the module has no such parameter, or n_power_iterations is below 1.
    ShapeError
        If the weight has no such axis.
    """
    op = "spectral_norm"
    times, least = whole(op, "n_power_iterations", n_power_iterations), number(op, "eps", eps)
    given = module._parameters.get(name)
    axis = rows_axis(op, module, dim)
    hook = SpectralNorm(name, times, axis if given is None else axis_of(op, given, axis), least)
    weight = hook.take(module)
    rows, columns = matrix_of(weight.detach(), hook.dim).shape
    module.register_parameter(name + "_orig", weight)
    for suffix, size in (("_u", rows), ("_v", columns)):
        start = _core.zeros(size, dtype=weight.dtype).normal_()
        module.register_buffer(name + suffix, F.normalize(start, dim=0, eps=least))
    hook.begin(module)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Make a weight with a spectral norm a parameter again, with the value that it has.

    Parameters
    ----------
    module : Module
    name : str, default "weight"

    Raises
    ------
    ValueError
        If the weight has none.
    """
    return _removed(module, SpectralNorm, name, ("_u", "_v", "_orig"))
