"""Derivatives of functions, as `torch.autograd.functional`; `bs.func` has the newer forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.autograd.sweep import grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = Tensor | Sequence[Tensor]


class _Call:
    """A function at inputs of its own, joined to the given ones if its derivatives have a history."""

    def __init__(
        self, name: str, func: Callable[..., Any], inputs: Any, create_graph: bool, strict: bool = False
    ) -> None:
        self.name, self.create, self.strict = name, create_graph, strict
        self.single = isinstance(inputs, Tensor)
        given = [inputs] if self.single else list(inputs)
        for x in given:
            if not isinstance(x, Tensor):
                raise TypeError(
                    f"[{name}] The inputs given to {name} must be either a Tensor or a tuple of Tensors but "
                    f"one is {type(x).__name__}"
                )
        with _core.enable_grad():
            self.inputs = [
                x.reshape(x.shape) if create_graph and x.requires_grad else x.detach().requires_grad_()
                for x in given
            ]
            made = func(*self.inputs)
        self.single_output = isinstance(made, Tensor)
        self.outputs = [made] if self.single_output else list(made)
        for y in self.outputs:
            if not isinstance(y, Tensor):
                raise TypeError(
                    f"[{name}] The outputs of the user-provided function given to {name} must be either a "
                    f"Tensor or a tuple of Tensors but one is {type(y).__name__}"
                )
            if strict and not y.requires_grad:
                raise RuntimeError(
                    f"[{name}] Output of the user-provided function is independent of the inputs. This is "
                    "not allowed in strict mode."
                )

    def need_number(self) -> None:
        if len(self.outputs) != 1 or self.outputs[0].numel() != 1:
            raise RuntimeError(
                f"[{self.name}] The Tensor returned by the function given to {self.name} should contain a "
                f"single element"
            )

    def back(
        self, outputs: Sequence[Tensor], by: Sequence[Tensor], v: Sequence[Tensor], create: bool
    ) -> list[Tensor]:
        pairs = [(y, w) for y, w in zip(outputs, v, strict=True) if y.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(by)
        if pairs:
            with _core.enable_grad():
                found = grad(
                    [y for y, _ in pairs],
                    by,
                    [w for _, w in pairs],
                    retain_graph=True,
                    create_graph=create,
                    allow_unused=True,
                )
        if self.strict and any(g is None for g in found):
            raise RuntimeError(
                f"[{self.name}] The output of the user-provided function is independent of an input. This is "
                "not allowed in strict mode."
            )
        return [_core.zeros_like(x) if g is None else g for x, g in zip(by, found, strict=True)]

    def like(self, v: Any, of: Sequence[Tensor], what: str) -> list[Tensor]:
        """Give v as a list that fits `of`; ones of a single number where it is None."""
        if v is None:
            if len(of) != 1 or of[0].numel() != 1:
                raise RuntimeError(
                    f"[{self.name}] The vector v can only be None if {what} is a single Tensor with a "
                    f"single element"
                )
            return [_core.ones_like(of[0])]
        given = [v] if isinstance(v, Tensor) else list(v)
        if len(given) != len(of) or any(g.shape != x.shape for g, x in zip(given, of, strict=True)):
            raise RuntimeError(f"[{self.name}] v has invalid size: should be like {what}")
        return given if self.create else [g.detach() for g in given]

    def value(self) -> Any:
        made = self.outputs if self.create else [y.detach() for y in self.outputs]
        return made[0] if self.single_output else tuple(made)

    def packed(self, tensors: Sequence[Tensor], single: bool) -> Any:
        made = list(tensors) if self.create else [t.detach() for t in tensors]
        return made[0] if single else tuple(made)


def vjp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Give func(*inputs) and v^T J, of the form of `inputs`.

    Parameters
    ----------
    func : callable
        Of tensors; gives a tensor or a tuple of them.
    inputs : Tensor or tuple of Tensor
        Where.
    v : Tensor or tuple of Tensor, optional
        Of the form of the output; 1 where that is a single number.
    create_graph : bool, default False
        Whether what is given can be differentiated.
    strict : bool, default False
        Whether an output that does not depend on an input is refused.
    """
    call = _Call("vjp", func, inputs, create_graph, strict)
    weights = call.like(v, call.outputs, "the output of the user-provided function")
    return call.value(), call.packed(call.back(call.outputs, call.inputs, weights, create_graph), call.single)


def jvp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Give func(*inputs) and J v, of the form of the output.

    Arguments are those of `vjp`; v has the form of `inputs`.
    """
    call = _Call("jvp", func, inputs, create_graph, strict)
    along = call.like(v, call.inputs, "the input to the user-provided function")
    with _core.enable_grad():
        us = [_core.ones_like(y).requires_grad_() for y in call.outputs]
    found = call.back(call.outputs, call.inputs, us, True)
    strict, call.strict = call.strict, False
    made = call.back(found, us, along, create_graph)
    call.strict = strict
    return call.value(), call.packed(made, call.single_output)


def jacobian(
    func: Callable[..., Any],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Give the Jacobian of `func`: of shape output.shape + input.shape.

    Of several inputs there is a tuple, of several outputs a tuple of these.

    Parameters
    ----------
    func : callable
        Of tensors; gives a tensor or a tuple of them.
    inputs : Tensor or tuple of Tensor
        Where.
    create_graph : bool, default False
        Whether what is given can be differentiated.
    strict : bool, default False
        Whether an output that does not depend on an input is refused.
    vectorize : bool, default False
        Whether all rows are made together, by `vmap`.
    strategy : {'reverse-mode', 'forward-mode'}
        Whether rows or columns are made.
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise ValueError(
            f"[jacobian] Expected strategy to be either 'forward-mode' or 'reverse-mode', got {strategy!r}"
        )
    if strategy == "forward-mode" and (create_graph or strict):
        raise NotImplementedError(
            "[jacobian] forward-mode is for create_graph=False and strict=False: use reverse-mode"
        )
    call = _Call("jacobian", func, inputs, create_graph, strict)
    if strategy == "forward-mode":
        from backsweep.func import jacfwd

        made = jacfwd(func, tuple(range(len(call.inputs))))(*(x.detach() for x in call.inputs))
        rows = [list(row) for row in ((made,) if call.single_output else made)]
    else:
        rows = [_jacobian_of(call, y, vectorize) for y in call.outputs]
    packed = [call.packed(row, call.single) for row in rows]
    return packed[0] if call.single_output else tuple(packed)


def _jacobian_of(call: _Call, y: Tensor, vectorize: bool) -> list[Tensor]:
    n = y.numel()
    units = _core.eye(n, dtype=y.dtype).reshape((n, *y.shape))
    if vectorize and y.requires_grad:
        found: Sequence[Tensor | None]
        with _core.enable_grad():
            found = grad(
                y,
                call.inputs,
                units,
                retain_graph=True,
                create_graph=call.create,
                allow_unused=True,
                is_grads_batched=True,
            )
        return [
            (_core.zeros((n, *x.shape), dtype=x.dtype) if g is None else g).reshape((*y.shape, *x.shape))
            for x, g in zip(call.inputs, found, strict=True)
        ]
    rows = [call.back([y], call.inputs, [units[k]], call.create) for k in range(n)]
    if not rows:
        return [_core.zeros((*y.shape, *x.shape), dtype=x.dtype) for x in call.inputs]
    with _core.enable_grad():
        return [
            _core.stack(list(parts)).reshape((*y.shape, *x.shape))
            for x, parts in zip(call.inputs, zip(*rows, strict=True), strict=True)
        ]


def hessian(
    func: Callable[..., Any],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Give the second derivatives of `func`, which gives a single number: input.shape + input.shape.

    Of several inputs there is a tuple of tuples. Arguments are those of `jacobian`.

    Raises
    ------
    ValueError
        If the strategy is none of "forward-mode" and "reverse-mode".
    """
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise ValueError(
            "[hessian] Expected strategy to be either 'forward-mode' or 'reverse-mode', got "
            f"{outer_jacobian_strategy!r}"
        )
    single = isinstance(inputs, Tensor)

    def gradients(*at: Tensor) -> Any:
        call = _Call("hessian", func, at, True, strict)
        call.need_number()
        return tuple(call.back(call.outputs, call.inputs, [_core.ones_like(call.outputs[0])], True))

    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    made = jacobian(gradients, given, create_graph, strict, vectorize)
    return made[0][0] if single else made


def vhp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Give func(*inputs), a single number, and v^T H, of the form of `inputs`; arguments as in `vjp`."""
    return _with_hessian("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Give func(*inputs), a single number, and H v: the same as `vhp`, as H is symmetric, and at its cost."""
    return _with_hessian("hvp", func, inputs, v, create_graph, strict)


def _with_hessian(
    name: str, func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    call = _Call(name, func, inputs, create_graph, strict)
    call.need_number()
    along = call.like(v, call.inputs, "the input to the user-provided function")
    first = call.back(call.outputs, call.inputs, [_core.ones_like(call.outputs[0])], True)
    return call.value(), call.packed(call.back(first, call.inputs, along, create_graph), call.single)
