"""How decompositions are made: LAPACK computes on the host, derivatives are written in ops.

NumPy's LAPACK does what it can for whole batches, SciPy's the rest, one matrix at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._arguments import tensor
from backsweep._core import DType, DTypeError, ShapeError, Tensor

Array = np.ndarray[Any, Any]
Rule = Callable[[Sequence[Any], Sequence[Tensor], Sequence[Tensor]], Sequence[Tensor | None]]
Shape = tuple[int, ...]


class LinAlgError(RuntimeError):
    """A matrix does not have what was asked for: it is singular, or not positive definite."""


LinAlgError.__module__ = "backsweep.linalg"


def unit(
    forward: Callable[..., Sequence[Array]],
    rule: Rule | None,
    inputs: Sequence[Tensor],
    outputs: Sequence[tuple[Shape, DType]],
) -> list[Tensor]:
    """Call `forward` on arrays, in compiled programs at each run; differentiate by `rule`.

    The rule is given the gradients of the outputs (None where nothing depends on one), the inputs and the
    outputs, and gives those of the inputs in ops: so it can be differentiated in its turn.
    """
    with _core.no_grad():
        made = _core.host_call(forward, list(inputs), [list(s) for s, _ in outputs], [t for _, t in outputs])
    if rule is None or not _core.is_grad_enabled():
        return made

    def backward(
        grads: Sequence[Any], given: Sequence[Tensor], results: Sequence[Tensor]
    ) -> list[Tensor | None]:
        if _core.is_grad_enabled():
            # For second derivatives the results must depend on what is given, not just have the same values.
            results = _core.custom(backward, list(given), list(results))
        return list(rule(grads, given, results))

    return _core.custom(backward, list(inputs), made)


def scipy_linalg(function: str) -> Any:
    """Give the module scipy.linalg."""
    try:
        import scipy.linalg
    except ImportError as e:
        raise ImportError(
            f"[{function}] SciPy is needed, which has LAPACK: pip install 'backsweep[linalg]'"
        ) from e
    return scipy.linalg


def each(fn: Callable[..., Any], arrays: Sequence[Array], axes: Sequence[int]) -> list[Array]:
    """Give fn(...) at each place of a batch, stacked; `axes` says how many axes fn takes of each array."""
    batch = arrays[0].shape[: arrays[0].ndim - axes[0]]
    results = [fn(*(a[i] for a in arrays)) for i in np.ndindex(*batch)]
    return [np.stack(made).reshape(batch + np.shape(made[0])) for made in zip(*results, strict=True)]


def attempt(function: str, what: str, fn: Callable[..., Any], *arrays: Array) -> Any:
    """Call NumPy's fn; where a matrix of the batch is not what it takes, say `what`, and which."""
    try:
        return fn(*arrays)
    except np.linalg.LinAlgError:
        batch = arrays[0].shape[:-2]
        first = next(i for i in np.ndindex(*batch) if fails(fn, *(a[i] for a in arrays)))
        where = f"(Batch element {', '.join(map(str, first))}): " if batch else ""
        raise LinAlgError(f"[{function}] {where}{what}") from None


def fails(fn: Callable[..., Any], *arrays: Array) -> bool:
    """Whether NumPy's fn refuses."""
    try:
        fn(*arrays)
    except np.linalg.LinAlgError:
        return True
    return False


# ---- What arguments are ------------------------------------------------------------------------------------


def matrices(function: str, name: str, x: Any, square: bool = False) -> Tensor:
    """Give x as a tensor of float matrices (..., m, n)."""
    t = tensor(function, name, x)
    if t.ndim < 2 or (square and t.shape[-1] != t.shape[-2]):
        raise ShapeError(
            f"[{function}] {name} is {t.shape}: it must be (..., {'n, n' if square else 'm, n'})"
        )
    return floats(function, name, t)


def floats(function: str, name: str, t: Tensor) -> Tensor:
    """Refuse what is not float32 or float64."""
    if t.dtype not in (_core.float32, _core.float64):
        raise DTypeError(f"[{function}] {name} is {t.dtype}: cast it first, as in {name}.to(bs.float32)")
    return t


def one_dtype(function: str, a: Tensor, b: Tensor) -> None:
    """Refuse two dtypes."""
    if a.dtype != b.dtype:
        raise DTypeError(f"[{function}] one is {a.dtype}, the other {b.dtype}: cast one")


def broadcast(function: str, *tensors: Tensor) -> list[Tensor]:
    """Expand all axes but the last two to one shape."""
    try:
        batch = np.broadcast_shapes(*(tuple(int(n) for n in t.shape[:-2]) for t in tensors))
    except ValueError:
        shapes = ", ".join(str(t.shape) for t in tensors)
        raise ShapeError(f"[{function}] {shapes}: the leading axes do not broadcast") from None
    return [t if t.shape[:-2] == batch else t.expand(*batch, *t.shape[-2:]) for t in tensors]


# ---- Parts of matrices, in ops -----------------------------------------------------------------------------


def turned(x: Tensor) -> Tensor:
    """Exchange the last two axes."""
    return x.transpose(-2, -1)


def identity(like: Tensor, n: int) -> Tensor:
    """Give the (n, n) identity of the dtype of `like`."""
    return _core.eye(n, dtype=like.dtype)


def copied_down(x: Tensor) -> Tensor:
    """Give the symmetric matrices with x's lower triangle."""
    return x.tril() + turned(x.tril(-1))


def sum_of(*terms: Tensor | None) -> Tensor | None:
    """Add what is there."""
    total: Tensor | None = None
    for t in terms:
        total = t if total is None else total if t is None else total + t
    return total
