"""Function: a unit with a derivative of your own, as the lecture states it or in PyTorch's form."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from backsweep import _core
from backsweep._arguments import tensor
from backsweep._core import GraphError, Tensor

__all__ = ["Function", "FunctionCtx", "once_differentiable"]

Shape = tuple[int, ...]


class Function:
    """A unit: an output for its inputs, and the derivatives of that output.

    A subclass states `forward(self, *inputs)`, which gives a tensor or a tuple of tensors, and
    `backward(self, *grads, *inputs, *outputs)`, which gives the gradient of each input: the derivatives of
    the outputs by the inputs, applied to `grads`, the gradients of the outputs. Both are written in bs ops,
    so they run eagerly or are traced into a compiled program, and `backward` can be differentiated again.
    With one input `backward` may give a tensor instead of a tuple; None stands for a zero gradient.

    With the class attribute ``numpy = True`` both get and return NumPy arrays instead. They run as
    call-backs, in compiled programs too, and there is no second derivative. Such a class also states
    `shapes(self, *input_shapes)`: the shape of the output, or a list of shapes; by default that of the first
    input. The dtype is that of the first input.

    Inputs are tensors; pass settings to `__init__`.

    In PyTorch's form `forward` and `backward` are static methods, ``forward(ctx, *args)`` and
    ``backward(ctx, *grads)``, called by `apply`: what backward needs goes through `FunctionCtx`. Arguments
    may be anything; backward gives a gradient or None for each of them. Where the class has
    ``setup_context(ctx, inputs, output)``, forward is without ctx.

    Examples
    --------
    >>> class Square(Function):
    ...     def forward(self, x):
    ...         return x * x
    ...
    ...     def backward(self, grad, x, y):
    ...         return 2 * x * grad
    >>> y = Square()(x)  # or Square.apply(x)
    """

    numpy: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Refuse PyTorch's form without its static methods: they would be given other arguments."""
        super().__init_subclass__()
        for method in ("forward", "backward"):
            code = getattr(cls.__dict__.get(method), "__code__", None)
            if code is not None and code.co_varnames[: code.co_argcount][:1] == ("ctx",):
                raise TypeError(
                    f"[{cls.__name__}] {method}(ctx, ...) is PyTorch's form, whose methods are static: put "
                    "@staticmethod before it"
                )

    def forward(self, *inputs: Any) -> Any:
        """Compute the output or the outputs."""
        raise NotImplementedError(f"[{type(self).__name__}] has no forward method")

    def backward(self, *args: Any) -> Any:
        """Give the gradients of the inputs for `*grads, *inputs, *outputs`."""
        raise GraphError(f"[{type(self).__name__}] is not differentiable: it has no backward method")

    def shapes(self, *input_shapes: Shape) -> Shape | list[Shape]:
        """Give the shape of the output (or a list of shapes) of a function that works on NumPy arrays."""
        return input_shapes[0]

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call it: `Square.apply(x)` is `Square()(x)`, or in PyTorch's form runs `forward` with a new ctx."""
        if isinstance(inspect.getattr_static(cls, "forward"), staticmethod):
            return _apply_static(cls, args, kwargs)
        return cls()(*args, **kwargs)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Any, ...], output: Any) -> None:
        """Leave for backward, in PyTorch's form, what a `forward` without ctx cannot."""
        raise NotImplementedError("[Function] setup_context is for a class of PyTorch's form to state")

    def __call__(self, *inputs: Any) -> Any:
        """Compute the outputs, with `backward` as their derivative."""
        if isinstance(inspect.getattr_static(type(self), "forward"), staticmethod):
            raise GraphError(
                f"[{type(self).__name__}] has static methods, as PyTorch's functions: call "
                f"{type(self).__name__}.apply(...)"
            )
        tensors = [tensor(type(self).__name__, "an input", x) for x in inputs]
        if not tensors:
            raise TypeError(f"[{type(self).__name__}] needs at least one input")
        with _core.no_grad():
            made = self._call_numpy(tensors) if self.numpy else self.forward(*tensors)
        single = isinstance(made, Tensor)
        outputs: list[Any] = [made] if single else list(made)
        for output in outputs:
            if not isinstance(output, Tensor):
                raise TypeError(f"[{type(self).__name__}] forward gave {type(output).__name__}, not Tensor")
        if _core.is_grad_enabled():
            outputs = _core.custom(self._backward, tensors, outputs, type(self).__name__)
        return outputs[0] if single else tuple(outputs)

    # ---- What the core calls -------------------------------------------------------------------------------

    def _backward(
        self, grads: Sequence[Tensor | None], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> list[Tensor | None]:
        full = [
            _core.zeros(y.shape, dtype=y.dtype) if g is None else g
            for g, y in zip(grads, outputs, strict=True)
        ]
        if _core.is_grad_enabled():
            # For second derivatives `outputs` must depend on `inputs`, not just have the same values.
            outputs = _core.custom(self._backward, list(inputs), list(outputs), type(self).__name__)
        if self.numpy:
            return self._backward_numpy(full, inputs, outputs)
        return self._one_each(self.backward(*full, *inputs, *outputs), len(inputs))

    def _call_numpy(self, inputs: list[Tensor]) -> Tensor | list[Tensor]:
        shapes = self.shapes(*(x.shape for x in inputs))
        single = not isinstance(shapes, list)
        wanted: list[Shape] = [shapes] if not isinstance(shapes, list) else shapes

        def forward(*arrays: Any) -> list[Any]:
            made = self.forward(*arrays)
            return [made] if single else list(made)

        made = _core.host_call(forward, inputs, wanted, [inputs[0].dtype] * len(wanted))
        return made[0] if single else made

    def _backward_numpy(
        self, grads: Sequence[Tensor], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> list[Tensor | None]:
        wanted = [i for i, x in enumerate(inputs) if x.dtype.is_floating_point]

        def backward(*arrays: Any) -> list[Any]:
            made = self._one_each(self.backward(*arrays), len(inputs))
            given = arrays[len(grads) :]
            return [np.zeros_like(given[i]) if made[i] is None else made[i] for i in wanted]

        made = _core.host_call(
            backward,
            [*grads, *inputs, *outputs],
            [inputs[i].shape for i in wanted],
            [inputs[i].dtype for i in wanted],
        )
        gradients: list[Tensor | None] = [None] * len(inputs)
        for i, gradient in zip(wanted, made, strict=True):
            gradients[i] = gradient
        return gradients

    def _one_each(self, made: Any, n: int) -> list[Any]:
        gradients = list(made) if isinstance(made, (tuple, list)) else [made]
        if len(gradients) != n:
            raise GraphError(
                f"[{type(self).__name__}] backward gave {len(gradients)} gradients for {n} inputs"
            )
        return gradients


# ---- PyTorch's form ------------------------------------------------------------------------------------


class FunctionCtx:
    """What `forward` of a `Function` in PyTorch's form leaves for `backward`; takes any attribute.

    Attributes
    ----------
    needs_input_grad : tuple of bool
        Of each argument, whether its gradient is asked for.
    saved_tensors : tuple of Tensor
        In `backward`, what was given to `save_for_backward`: inputs and outputs with their history.
    """

    needs_input_grad: tuple[bool, ...]

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self.materialize_grads = True
        self.to_save: tuple[Tensor | None, ...] = ()
        self.non_differentiable: tuple[Tensor, ...] = ()
        self.dirty_tensors: tuple[Tensor, ...] = ()
        self._saved: tuple[Tensor | None, ...] | None = None

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for backward. They are freed with the graph."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"[save_for_backward] save_for_backward can only save variables, but argument is of type "
                    f"{type(t).__name__}"
                )
        self.to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Do nothing: forward derivatives are made of backward ones here."""

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Say which outputs have no derivative."""
        self.non_differentiable = args

    def mark_dirty(self, *args: Tensor) -> None:
        """Say which inputs `forward` has written in place, and gives as outputs."""
        self.dirty_tensors = args

    def set_materialize_grads(self, value: bool) -> None:
        """Set whether backward gets zeros (the start) or None for outputs that nothing depends on."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """In backward, what was saved."""
        return self.to_save if self._saved is None else self._saved

    saved_variables = saved_tensors


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Make a `backward` that is not differentiated itself: a second derivative is refused, not wrong."""

    @functools.wraps(fn)
    def backward(ctx: FunctionCtx, *grads: Any) -> Any:
        with _core.no_grad():
            made = fn(ctx, *grads)
        known = [t for t in (*grads, *ctx.saved_tensors) if isinstance(t, Tensor) and t.requires_grad]
        if not _core.is_grad_enabled() or not known:
            return made

        def refuse(*_: Any) -> Any:
            raise GraphError(
                "[once_differentiable] trying to differentiate twice a function that was marked with "
                "@once_differentiable"
            )

        given = list(made) if isinstance(made, tuple) else [made]
        places = [k for k, g in enumerate(given) if isinstance(g, Tensor)]
        refusing = _core.custom(refuse, known, [given[k] for k in places], "Error")
        for k, g in zip(places, refusing, strict=True):
            given[k] = g
        return tuple(given) if isinstance(made, tuple) else given[0]

    return backward


def _bound(
    cls: type[Function], forward: Callable[..., Any], skip: int, args: Any, kwargs: Any
) -> tuple[Any, ...]:
    """Give all arguments by position, defaults among them."""
    if not kwargs:
        return tuple(args)
    parameters = list(inspect.signature(forward).parameters.values())[skip:]
    bound = inspect.Signature(parameters).bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(f"[{cls.__name__}] arguments of forward that are by name only have no gradients")
    return bound.args


def _place(tensor: Tensor, among: Sequence[Any]) -> int | None:
    return next((k for k, other in enumerate(among) if other is tensor), None)


def _apply_static(cls: type[Function], args: Any, kwargs: Any) -> Any:
    forward: Callable[..., Any] = cls.forward
    backward: Callable[..., Any] = cls.backward
    own_context = cls.setup_context is not Function.setup_context
    args = _bound(cls, forward, 0 if own_context else 1, args, kwargs)
    recording = _core.is_grad_enabled()
    ctx = FunctionCtx(tuple(recording and isinstance(a, Tensor) and a.requires_grad for a in args))
    places = [k for k, a in enumerate(args) if isinstance(a, Tensor)]
    inputs = _core.snapshot([args[k] for k in places])  # forward may write into its arguments
    with _core.no_grad():
        if own_context:
            output = forward(*args)
            cls.setup_context(ctx, args, output)
        else:
            output = forward(ctx, *args)
    single = not isinstance(output, tuple)
    outputs = [output] if single else list(output)
    if not any(ctx.needs_input_grad):
        return output
    live = [
        k
        for k, y in enumerate(outputs)
        if isinstance(y, Tensor) and y.dtype.is_floating_point and _place(y, ctx.non_differentiable) is None
    ]
    if not live:
        return output
    # What is saved is an operand of the node: one of its inputs, one of its outputs, or a further input.
    raw = [outputs[k] for k in live]
    saved: list[tuple[bool, int] | None] = []  # whether it is an output, and which
    for t in ctx.to_save:
        if t is None:
            saved.append(None)
        elif (k := _place(t, raw)) is not None and (
            _place(t, args) is None or _place(t, ctx.dirty_tensors) is not None
        ):
            saved.append((True, k))
        elif (k := _place(t, [args[i] for i in places])) is not None:
            saved.append((False, k))
        else:
            saved.append((False, len(inputs)))
            inputs.append(t.detach())
    ctx.to_save = ()
    dirty = [_place(y, ctx.dirty_tensors) is not None for y in raw]
    templates = [
        (y.shape, y.dtype) if isinstance(y, Tensor) and y.dtype.is_floating_point else None for y in outputs
    ]

    def rule(
        grads: Sequence[Tensor | None], given: Sequence[Tensor], results: Sequence[Tensor]
    ) -> list[Tensor | None]:
        if _core.is_grad_enabled() and any(s is not None and s[0] for s in saved):
            # For second derivatives `results` must depend on `given`, not just have the same values.
            results = _core.custom(rule, list(given), list(results), cls.__name__)
        full: list[Tensor | None] = [None] * len(outputs_kinds)
        for k, g in zip(live, grads, strict=True):
            full[k] = g
        if ctx.materialize_grads:
            for k, kind in enumerate(outputs_kinds):
                if full[k] is None and kind is not None:
                    full[k] = _core.zeros(kind[0], dtype=kind[1])
        ctx._saved = tuple(None if s is None else (results if s[0] else given)[s[1]] for s in saved)
        try:
            made = backward(ctx, *full)
        finally:
            ctx._saved = ()
        return _gradients(cls, made, places, n_args, given)

    outputs_kinds, n_args = templates, len(args)
    made = _core.custom(rule, inputs, raw, cls.__name__)
    for k, y, is_dirty in zip(live, made, dirty, strict=True):
        outputs[k] = outputs[k].copy_(y) if is_dirty else y
    return outputs[0] if single else tuple(outputs)


def _gradients(
    cls: type[Function], made: Any, places: Sequence[int], n_args: int, given: Sequence[Tensor]
) -> list[Tensor | None]:
    """Give the gradients of the tensors among the arguments, and none of what was saved besides."""
    gradients = list(made) if isinstance(made, (tuple, list)) else [made]
    while len(gradients) > n_args and gradients[-1] is None:
        gradients.pop()
    if len(gradients) != n_args:
        raise GraphError(
            f"[{cls.__name__}] function {cls.__name__}Backward returned an incorrect number of gradients "
            f"(expected {n_args}, got {len(gradients)})"
        )
    for k, g in enumerate(gradients):
        if g is not None and k not in places:
            raise GraphError(
                f"[{cls.__name__}] function {cls.__name__}Backward returned a gradient different than None "
                f"at position {k + 1}, but the corresponding forward input was not a Variable"
            )
        if g is not None and not isinstance(g, Tensor):
            raise TypeError(
                f"[{cls.__name__}] function {cls.__name__}Backward gave {type(g).__name__} as gradient "
                f"{k + 1}: it must be a tensor or None"
            )
    result: list[Tensor | None] = []
    for x, k in zip(given, places):  # noqa: B905  (`given` goes on with what was saved)
        g = gradients[k]
        result.append(g if g is None or g.dtype == x.dtype else g.to(x.dtype))
    return result + [None] * (len(given) - len(places))
