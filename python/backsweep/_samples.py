"""What `fit`, `predict` and `evaluate` take: a loss, and samples and targets as tensors, checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from backsweep import _core
from backsweep._arguments import shown
from backsweep._core import DType, DTypeError, ShapeError, Tensor
from backsweep.nn import CrossEntropyLoss, Module
from backsweep.nn import functional as F

__all__ = [
    "Array",
    "Loss",
    "check_model",
    "dtype_of",
    "function_of",
    "labelled",
    "loss_value",
    "samples",
    "without_ignored",
]
__all__ += ["IGNORED", "WHOLE", "as_data", "check_finite"]

Array: TypeAlias = Tensor | npt.ArrayLike
Loss: TypeAlias = (
    Literal["cross_entropy", "binary_cross_entropy_with_logits", "logistic_loss", "mse_loss"]
    | Callable[[Any, Tensor], Tensor]
)

_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": F.cross_entropy,
    "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
    "logistic_loss": F.logistic_loss,
    "mse_loss": F.mse_loss,
}
WHOLE = (_core.int64, _core.int32)  # dtypes of what embeddings look up, which no model's dtype replaces
IGNORED = -100  # the default ignore_index of cross_entropy


# ---- The model and the loss --------------------------------------------------------------------------------


def check_model(op: str, model: object) -> None:
    """Raise unless the model is a module."""
    if isinstance(model, type):
        raise TypeError(f"[{op}] model is {shown(model)}; give an instance, as in {model.__name__}(...)")
    if not isinstance(model, Module):
        raise TypeError(f"[{op}] model is {type(model).__name__}; it must be a bs.nn.Module")


def dtype_of(model: Module) -> DType:
    """Give the dtype that a model computes in."""
    return next((p.dtype for p in model.parameters()), _core.float32)


def function_of(op: str, loss: Any) -> Callable[[Any, Tensor], Tensor]:
    """Give the loss as a function, or raise."""
    if isinstance(loss, type):
        raise TypeError(f"[{op}] loss is {shown(loss)}; give an instance, as in {loss.__name__}()")
    if callable(loss):
        return cast("Callable[[Any, Tensor], Tensor]", loss)
    if not isinstance(loss, str) or loss not in _LOSSES:
        raise ValueError(f"[{op}] loss is {shown(loss)}; it must be a function or one of {list(_LOSSES)}")
    return _LOSSES[loss]


def loss_value(op: str, value: Any) -> Tensor:
    """Give what a loss has given, or raise if that is no number that gradients reach."""
    if not isinstance(value, Tensor):
        fix = "return the tensor that bs functions give, without .item(), float() or NumPy"
        raise TypeError(
            f"[{op}] the loss gives {type(value).__name__}; it must give a tensor of one element: {fix}"
        )
    if value.numel() != 1:
        raise ShapeError(
            f"[{op}] the loss gives a tensor of shape {value.shape}; it must give one number, as .mean() does"
        )
    return value


# ---- Data --------------------------------------------------------------------------------------------------


def samples(op: str, name: str, data: Any, dtype: DType | None) -> Tensor:
    """Give data as a tensor of a dtype, or of its own; a data frame's columns side by side."""
    if isinstance(data, Tensor):
        return data.detach() if dtype in (None, data.dtype) else _core.cast(data.detach(), dtype)
    array = _array(op, name, data)
    if dtype is not None and array.dtype != dtype.name:
        with np.errstate(over="ignore"):  # check_finite says what does not fit
            array = array.astype(dtype.name)
    return _core.from_numpy(np.asarray(array, order="C"))


def _array(op: str, name: str, data: Any) -> npt.NDArray[Any]:
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ShapeError(f"[{op}] the rows of {name} have different lengths (NumPy: {error})") from None
    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind != "O" or array.size == 0 or array.ndim == 0:
        raise DTypeError(f"[{op}] {name} is {_what(data, array)}; it must be numbers")
    # Numbers of several kinds, as bools beside floats: one by one.
    flat = [_number(value) for value in array.ravel()]
    if None in flat:
        at = flat.index(None)
        wrong = array.ravel()[at]
        where = _place(name, np.unravel_index(at, array.shape), data)
        fix = (
            "fill or leave out what is missing"
            if _missing(wrong)
            else "encode it as numbers, or leave it out"
        )
        raise DTypeError(f"[{op}] {where} is {wrong!r} ({type(wrong).__name__}), no number: {fix}")
    return np.array(flat, np.float64).reshape(array.shape)


def _number(value: Any) -> float | None:
    if isinstance(value, (bool, int, float, np.bool_, np.number)) and not isinstance(
        value, np.complexfloating
    ):
        return float(value)
    return None


def _missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _what(data: Any, array: npt.NDArray[Any]) -> str:
    if array.ndim:
        return f"of NumPy's dtype {array.dtype}"
    return shown(data) + ", which gives batches of X and y by itself" * isinstance(data, Iterable)


def _place(name: str, index: tuple[Any, ...], data: Any) -> str:
    """Give a position as an error shows it, with the name of a data frame's column."""
    place = f"{name}[{', '.join(str(int(i)) for i in index)}]"
    columns = getattr(data, "columns", None)
    if columns is not None and len(index) == 2:
        place += f" (row {int(index[0])}, column {columns[int(index[1])]!r})"
    return place


def check_finite(op: str, name: str, x: Tensor, data: Any) -> None:
    """Raise ValueError that says where NaN or an infinite number is: the loss would be NaN, too."""
    if not x.dtype.is_floating_point or math.isfinite(float(_core.sum(x))):  # one pass, on all threads
        return
    array = np.asarray(x)
    wrong = ~np.isfinite(array)
    if not wrong.any():
        return
    index = tuple(np.argwhere(wrong)[0])
    n = int(wrong.sum())
    more = f", and so are {n - 1} others" if n > 1 else ""
    raise ValueError(
        f"[{op}] {_place(name, index, data)} is {array[index]} as {x.dtype.name}{more}: the loss would be "
        "nan; fill such values or leave them out"
    )


def as_data(
    op: str,
    model: Module,
    X: Array,
    y: Array,
    loss: Loss,
    *,
    integers: bool = False,
    as_is: bool = False,
) -> tuple[Tensor, Tensor]:
    """Give samples and targets as tensors that go together, or raise.

    Samples get the model's dtype; they may stay `integers`, int64 or int32, or `as_is`, in any dtype.
    """
    check_model(op, model)
    function_of(op, loss)
    dtype = dtype_of(model)
    if not isinstance(y, Tensor):
        y = _array(op, "y", y)
    whole = not y.dtype.is_floating_point if isinstance(y, Tensor) else y.dtype.kind in "biu"
    classes = loss == "cross_entropy" or (callable(loss) and whole)
    if loss == "cross_entropy" and not whole:
        fix = "use y.astype(int) if they are such" if not isinstance(y, Tensor) else "use y.to(bs.int64)"
        raise DTypeError(f"[{op}] y is {y.dtype}: cross_entropy takes class numbers, so integers; {fix}")
    if integers and isinstance(X, Tensor) and X.dtype in WHOLE:
        x = X.detach()
    else:
        x = samples(op, "X", X, None if as_is else dtype)
    target = samples(op, "y", y, _core.int64 if classes else dtype)
    if not x.shape or not target.shape or x.shape[0] != target.shape[0]:
        raise ShapeError(
            f"[{op}] X is {x.shape}, y is {target.shape}: the first sizes, the samples, must be equal"
        )
    if x.shape[0] == 0:
        raise ShapeError(f"[{op}] X is {x.shape}: it needs at least one sample")
    _check_labels(op, target, loss)
    return x, target


def _check_labels(op: str, y: Tensor, loss: Loss) -> None:
    if loss == "logistic_loss" and not (np.abs(np.asarray(y)) == 1).all():
        fix = "; labels 0 and 1 become so by 2 * y - 1, or take binary_cross_entropy_with_logits"
        raise ValueError(f"[{op}] logistic_loss takes labels -1 and +1 in y{fix}")
    if loss == "binary_cross_entropy_with_logits" and not (
        float(_core.amin(y)) >= 0 and float(_core.amax(y)) <= 1  # else, or NaN
    ):
        fix = "; labels -1 and +1 become so by (y + 1) / 2, or take logistic_loss"
        raise ValueError(f"[{op}] binary_cross_entropy_with_logits takes labels from 0 to 1 in y{fix}")


def without_ignored(x: Tensor, y: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
    """Leave out samples of which cross_entropy ignores all labels: a batch of them has no mean loss."""
    rows = labelled(y, loss)
    if rows is None:
        return x, y
    if not rows.size:
        ignored = loss.ignore_index if isinstance(loss, CrossEntropyLoss) else IGNORED
        raise ValueError(
            f"[fit] all labels in y are {ignored}, which cross_entropy ignores: nothing is left to learn"
        )
    return x[rows], y[rows]


def labelled(y: Tensor, loss: Loss) -> npt.NDArray[np.intp] | None:
    """Give the rows of which cross_entropy does not ignore all labels; None if these are all."""
    module = isinstance(loss, CrossEntropyLoss)
    if y.dtype.is_floating_point or not (module or loss in ("cross_entropy", F.cross_entropy)):
        return None
    ignored = loss.ignore_index if isinstance(loss, CrossEntropyLoss) else IGNORED
    labels = np.asarray(y)
    counts = (labels != ignored).reshape(len(labels), -1).any(axis=1)
    return None if counts.all() else np.flatnonzero(counts)
