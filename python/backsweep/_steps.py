"""The functions of a training step and of a forward path, compiled once for a model and its optimizer."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary, ref

from backsweep import _core
from backsweep._arguments import shown
from backsweep._core import CompiledFunction, Tensor
from backsweep._samples import WHOLE, Loss, dtype_of, function_of, loss_value
from backsweep.nn import Module
from backsweep.optim import Optimizer

__all__ = ["Steps", "Transform", "compiled_forward", "compiled_steps", "prepared", "steps_of"]

Transform: TypeAlias = Callable[[Tensor], Tensor]


class Steps(NamedTuple):
    """A training step as one function, and the same as two where a batch has several leaves."""

    whole: Any
    gradient: Any
    update: Any


# So that a second call of fit or predict starts at once. Neither refers to its key.
_steps: WeakKeyDictionary[Optimizer, tuple[ref[Module], Loss, Transform | None, Steps]] = WeakKeyDictionary()
_forwards: WeakKeyDictionary[Module, CompiledFunction[..., Any]] = WeakKeyDictionary()


def prepared(op: str, transform: Transform | None, x: Tensor, model: Module) -> Tensor:
    """Give a batch as the model takes it: transformed, and in its dtype, but for whole numbers."""
    if transform is None:
        return x
    made: object = transform(x)
    if not isinstance(made, Tensor):
        raise TypeError(f"[{op}] transform gives {shown(made)}; it must give a tensor for a batch of X")
    return made if made.dtype in WHOLE else made.to(dtype_of(model))


def compiled_steps(model: Module, loss: Loss, optimizer: Optimizer, transform: Transform | None) -> Steps:
    """Give the functions of a step, compiled."""
    known = _steps.get(optimizer)
    if known is not None and known[0]() is model and known[1] == loss and known[2] is transform:
        return known[3]
    made = Steps(*map(_core.compiled, steps_of(model, loss, optimizer, transform)))
    _steps[optimizer] = (ref(model), loss, transform, made)
    return made


def steps_of(model: Module, loss: Loss, optimizer: Optimizer, transform: Transform | None) -> Steps:
    """Give the functions of a step, which keep neither model nor optimizer alive."""
    function, weak_model, weak_optimizer = function_of("fit", loss), ref(model), ref(optimizer)

    def held() -> tuple[Module, Optimizer]:
        net, opt = weak_model(), weak_optimizer()
        assert net is not None  # fit holds both
        assert opt is not None
        return net, opt

    def whole(x: Tensor, y: Tensor) -> Tensor:
        net, opt = held()
        value = loss_value("fit", function(net(prepared("fit", transform, x, net)), y))
        opt.zero_grad()
        value.backward()
        opt.step()
        return value

    reached = SimpleNamespace(params=(), key=())  # by gradients, and so what the update takes

    def gradient(weight: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        net, opt = held()
        value = loss_value("fit", function(net(prepared("fit", transform, x, net)), y))
        opt.zero_grad()
        value.backward(weight)
        every = [p for group in opt.param_groups for p in group.values_now.params]
        reached.params = tuple(p for p in every if p.grad is not None)
        reached.key = tuple(map(id, reached.params))
        if _core.is_capturing():
            _core.bump_structure_epoch()  # programs look at their guards again
            _core.guard(reached, "key")
        return value, *(p.grad for p in reached.params)

    def update(*gradients: Tensor) -> None:
        _, opt = held()
        if _core.is_capturing():
            _core.guard(reached, "key")
        opt.zero_grad()
        for p, grad in zip(reached.params, gradients, strict=True):
            p.grad = grad
        opt.step()

    return Steps(whole, gradient, update)


def compiled_forward(model: Module) -> CompiledFunction[..., Any]:
    """Give the forward path, compiled."""
    known = _forwards.get(model)
    if known is not None:
        return known
    weak = ref(model)

    def forward(x: Tensor) -> Any:
        module = weak()
        assert module is not None  # predict holds it
        return module(x)

    made: CompiledFunction[..., Any] = _core.compiled(forward)
    _forwards[model] = made
    return made
