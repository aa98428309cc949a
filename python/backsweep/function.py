"""Function: a unit with a derivative of your own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from backsweep import _core
from backsweep._core import GraphError, Tensor

__all__ = ["Function"]

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
    def apply(cls, *inputs: Any) -> Any:
        """Call a new instance: `Square.apply(x)` is `Square()(x)`."""
        return cls()(*inputs)

    def __call__(self, *inputs: Any) -> Any:
        """Compute the outputs, with `backward` as their derivative."""
        tensors = [x if isinstance(x, Tensor) else _core.tensor(x) for x in inputs]
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
            outputs = _core.custom(self._backward, tensors, outputs)
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
            outputs = _core.custom(self._backward, list(inputs), list(outputs))
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
