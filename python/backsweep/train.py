"""Training and using a model: the loops that need no code of your own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from backsweep import _core
from backsweep._arguments import flag, shown, whole
from backsweep._core import CompiledFunction, ShapeError, Tensor
from backsweep._loop import LoopTrainer, are_batches, batches_of, is_batch, learned, length, pairs
from backsweep._samples import (
    IGNORED,
    Array,
    Loss,
    as_data,
    check_finite,
    check_model,
    dtype_of,
    function_of,
    loss_value,
    samples,
    without_ignored,
)
from backsweep._steps import Steps, Transform, compiled_forward, compiled_steps, prepared, steps_of
from backsweep.data import Batches
from backsweep.nn import Module
from backsweep.nn.parameter import is_lazy
from backsweep.optim import SGD, Optimizer

__all__ = ["History", "evaluate", "fit", "predict"]

Callback: TypeAlias = Callable[[int, Mapping[str, float]], object]

# Whether a model's output predicts the target, for losses where it is right or wrong; NaN is wrong.
_CORRECT: dict[str, Callable[[npt.NDArray[Any], npt.NDArray[Any]], npt.NDArray[np.bool_]]] = {
    "cross_entropy": lambda z, y: (z.argmax(1) == y) & ~np.isnan(z).any(1),
    "binary_cross_entropy_with_logits": lambda z, y: ((z > 0) == (y > 0.5)) & ~np.isnan(z),
    "logistic_loss": lambda z, y: ((z > 0) == (y > 0)) & ~np.isnan(z),
}
_SECONDS_BETWEEN_LOOKS = 0.1  # for the progress bar and Ctrl-C

# Makes the trainer of an epoch, of the functions of a step and into how many leaves a batch is cut.
_Source: TypeAlias = Callable[[Steps, int], "_core.Trainer | LoopTrainer"]
_HeldOut: TypeAlias = tuple[Tensor, Tensor] | Iterable[Any]


class History(dict[str, list[float]]):
    """What `fit` has seen, one number per epoch.

    "loss" and "seconds", and with validation data "val_loss" and "val_accuracy", each a list.
    """

    def append(self, record: Mapping[str, float]) -> None:
        """Add one epoch."""
        for name, value in record.items():
            self.setdefault(name, []).append(value)


def fit(
    model: Module,
    X: Array | Iterable[Any],
    y: Array | None = None,
    *,
    loss: Loss = "cross_entropy",
    optimizer: Optimizer | None = None,
    epochs: int = 1,
    batch_size: int | None = None,
    leaves: int = 1,
    validation: tuple[Array, Array] | Iterable[Any] | None = None,
    transform: Transform | None = None,
    validation_transform: Transform | None = None,
    shuffle: bool | None = None,
    drop_last: bool | None = None,
    progress: bool = True,
    callbacks: Sequence[Callback] = (),
    compile: bool = True,
) -> History:
    """Train a model on arrays, or on the batches of a loader.

    The epochs over arrays run in C++: shuffle, gather, forward, backward, update. Over a loader each step is
    one call from Python.

    Parameters
    ----------
    model : Module
        Trained in place, in training mode; its modes are restored at the end.
    X : Tensor or array_like, shape (n, ...), or DataLoader, or iterable of pairs
        The samples, cast to the dtype of the model's parameters. Or, without y, what gives batches (X, y) in
        each loop over it: a `utils.data.DataLoader`, `bs.Batches`, a list. Of these tensors of int64 and
        int32 stay such, as embeddings take them.
    y : Tensor or array_like, shape (n, ...), optional
        The targets: class numbers for "cross_entropy", else numbers of the model's dtype. Samples whose class
        number is -100 (or `CrossEntropyLoss`'s ignore_index) are left out.
    loss : str or callable, default "cross_entropy"
        The name of a loss in `backsweep.nn.functional`, or a function of (output, target) that gives the mean
        loss.
    optimizer : Optimizer, optional
        ``SGD(model.parameters(), lr=0.01, momentum=0.9)`` if left out.
    epochs : int, default 1
    batch_size : int, optional
        32 by default; a loader has its own, as it has its own `shuffle` and `drop_last`.
    leaves : int, default 1
        Into how many parts each batch is cut. The gradients of the parts are computed one by one, which takes
        memory for one part, and added in a fixed tree: the result depends on this number, and on nothing
        that a machine has. The loss is the mean over the parts, by their samples.
    validation : (X, y), or DataLoader, or iterable of pairs, optional
        Evaluated after each epoch. A tuple is a pair of arrays; a list is one of batches, unless it holds
        two arrays.
    transform : callable, optional
        What each batch of arrays X goes through before the model, for augmentation (`bs.transforms`) and
        scaling. X stays in its own dtype, as uint8, until then; what it gives is cast to the model's. It is
        part of the step, and so compiled with it.
    validation_transform : callable, optional
        The same for a pair of arrays as `validation`, which does not go through `transform`.
    shuffle : bool, optional
        Whether each epoch takes the samples in a new order, drawn from the default generator
        (`bs.manual_seed`): True by default.
    drop_last : bool, optional
        Whether to leave out a last batch that is not full: False by default.
    progress : bool, default True
        Whether to show a progress bar on standard error.
    callbacks : sequence of callable
        Each is called after each epoch with (epoch, record), the record as in `History`. If one gives True
        (and not just something that counts as true), training ends.
    compile : bool, default True
        Whether steps run as compiled programs. Without, they run op by op and to the same bits, and Python
        code that a capture cannot take (docs/compile.md) runs at each step.

    Returns
    -------
    History
        Per epoch: "loss" (the mean over its samples, while training), "seconds", "val_loss", "val_accuracy".

    Raises
    ------
    ShapeError
        If X and y differ in length, are empty, or do not fit the model or the loss.
    TypeError
        If an argument has the wrong type.
    ValueError
        If an argument or a label is out of range, the optimizer has none of the model's parameters, or X (or
        y, for a named loss) holds NaN or infinite numbers; the text says where. If what gives batches gives
        none, as an iterator that is used up.
    KeyboardInterrupt
        On Ctrl-C, between two steps: the parameters are those after the last whole step.
    """
    epochs, leaves = whole("fit", "epochs", epochs, 0), whole("fit", "leaves", leaves)
    progress, compile = flag("fit", "progress", progress), flag("fit", "compile", compile)
    callbacks = _functions(callbacks)
    given = {"batch_size": batch_size, "shuffle": shuffle, "drop_last": drop_last}
    if y is None:
        source = _loader(model, X, loss, given | {"transform": transform}, epochs)
        size = 256
    else:
        source, size = _table(model, X, y, loss, transform is not None, **given)
    held_out = _held_out(model, validation, loss, validation_transform)
    if any(map(is_lazy, model.parameters())):
        raise ValueError(
            "[fit] the model has lazy layers, whose parameters its first call makes: call it once before, as "
            "in model(X[:1])"
        )
    if optimizer is None:
        optimizer = SGD(model.parameters(), lr=0.01, momentum=0.9)
    _check_optimizer(model, optimizer)
    # What a step of one's own changes besides, programs that run many steps at once would leave as it is.
    make = compiled_steps if compile and optimizer.in_slots else steps_of
    steps = make(model, loss, optimizer, transform)
    history = History()
    modes = [(module, module.training) for module in model.modules()]
    bar = None
    try:
        for epoch in range(epochs):
            model.train()
            start = time.perf_counter()
            # Made anew for each epoch, as what a callback has changed may need another program.
            trainer = source(steps, leaves)
            if progress and bar is None:
                bar = _bar(None if trainer.steps_total is None else epochs * trainer.steps_total)
            done, before = False, 0 if bar is None else bar.n
            while not done:
                done = trainer.run(_SECONDS_BETWEEN_LOOKS)
                if bar is not None:
                    bar.set_postfix(_shown(epoch, epochs, {"loss": trainer.loss}, history), refresh=False)
                    bar.update(before + trainer.steps_done - bar.n)
            record = {"loss": trainer.loss, "seconds": time.perf_counter() - start}
            if held_out is not None:
                result = _evaluated(model, held_out, loss, max(size, 256), validation_transform, compile)
                record |= {f"val_{name}": value for name, value in result.items()}
            history.append(record)
            if bar is not None:
                bar.set_postfix(_shown(epoch, epochs, record, history), refresh=False)
            stops = [callback(epoch, record) for callback in callbacks]
            if any(isinstance(stop, (bool, np.bool_)) and stop for stop in stops):
                break
    finally:
        for module, mode in modes:
            if module.training != mode:
                module.training = mode
        if bar is not None:
            bar.close()
    return history


def predict(
    model: Module,
    X: Array,
    batch_size: int = 256,
    *,
    transform: Transform | None = None,
    compile: bool = True,
) -> npt.NDArray[Any]:
    """Give the model's output for each sample, in evaluation mode.

    Parameters
    ----------
    model : Module
        Its modes are restored at the end.
    X : Tensor or array_like, shape (n, ...)
        The samples, cast to the dtype of the model's parameters.
    batch_size : int, default 256
        How many samples run at once; it changes no bit of the result.
    transform : callable, optional
        What each batch of X, in its own dtype, goes through before the model.
    compile : bool, default True
        As in `fit`.

    Returns
    -------
    numpy.ndarray, shape (n, ...)
        The outputs (for a classifier the scores, not the classes).

    Raises
    ------
    ShapeError
        If X is empty or does not fit the model, or the output is no tensor with a row for each sample.
    """
    batch_size, compile = whole("predict", "batch_size", batch_size), flag("predict", "compile", compile)
    check_model("predict", model)
    x = samples("predict", "X", X, None if transform is not None else dtype_of(model))
    if not x.shape or x.shape[0] == 0:
        raise ShapeError(f"[predict] X is {x.shape}: it needs at least one sample")
    try:
        parts = (x[i : i + batch_size] for i in range(0, x.shape[0], batch_size))
        return _outputs(model, (prepared("predict", transform, part, model) for part in parts), compile)
    except ShapeError as error:
        if x.ndim > 1:
            raise
        fix = f"X is {x.shape}: one sample goes in as X[None], samples of one number each as X[:, None]"
        raise ShapeError(f"{error}; {fix}") from None


def evaluate(
    model: Module,
    X: Array | Iterable[Any],
    y: Array | None = None,
    *,
    loss: Loss = "cross_entropy",
    batch_size: int | None = None,
    transform: Transform | None = None,
    compile: bool = True,
) -> dict[str, float]:
    """Give the loss over samples in evaluation mode and, for losses of classes, the accuracy.

    Parameters
    ----------
    model, X, y, loss, compile
        As in `fit`.
    batch_size : int, optional
        How many samples run at once, 256 by default; a loader has its own.
    transform : callable, optional
        What each batch of arrays X, in its own dtype, goes through before the model.

    Returns
    -------
    dict of str to float
        "loss", and "accuracy" from 0 to 1 for the named losses except "mse_loss". Samples that cross_entropy
        ignores (class -100) count in neither.

    Raises
    ------
    ShapeError
        If X and y differ in length, are empty, or do not fit the model or the loss.
    """
    if y is None:
        held_out: _HeldOut = batches_of("evaluate", X, {"batch_size": batch_size, "transform": transform})
    else:
        held_out = as_data("evaluate", model, cast("Array", X), y, loss, as_is=transform is not None)
    batch_size = 256 if batch_size is None else whole("evaluate", "batch_size", batch_size)
    return _evaluated(model, held_out, loss, batch_size, transform, flag("evaluate", "compile", compile))


def _evaluated(
    model: Module,
    held_out: _HeldOut,
    loss: Loss,
    size: int,
    transform: Transform | None,
    compile: bool,
) -> dict[str, float]:
    """Give the results over arrays, which are a pair, or over batches."""
    if isinstance(held_out, tuple):
        output = predict(model, held_out[0], size, transform=transform, compile=compile)
        target = held_out[1]
    else:
        targets: list[Tensor] = []

        def inputs() -> Iterator[Tensor]:
            for x, y in pairs("evaluate", model, held_out, loss):
                targets.append(y)
                yield x

        output = _outputs(model, inputs(), compile)
        target = _core.cat(targets)
    with _core.no_grad():
        value = loss_value("evaluate", function_of("evaluate", loss)(_core.from_numpy(output), target))
        result = {"loss": float(value)}
    if isinstance(loss, str) and loss in _CORRECT:
        labels = np.asarray(target)
        right = _CORRECT[loss](output, labels)
        if loss == "cross_entropy":
            right = right[labels != IGNORED]
        result["accuracy"] = float(right.mean()) if right.size else float("nan")
    return result


def _outputs(model: Module, inputs: Iterable[Tensor], compile: bool) -> npt.NDArray[Any]:
    forward: Callable[[Tensor], Any] = compiled_forward(model) if compile else model
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with _core.no_grad():
            parts = [_rows(forward, x) for x in inputs]
    finally:
        for module, mode in modes:
            module.training = mode
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) > 1:
        several = " and ".join(map(str, sorted(shapes)))
        raise ShapeError(f"[predict] the model gives samples of shapes {several}: all must be of one shape")
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


# ---- Arguments ---------------------------------------------------------------------------------------------


def _check_optimizer(model: Module, optimizer: object) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"[fit] optimizer is {type(optimizer).__name__}; it must be a bs.optim.Optimizer")
    own = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not any(id(p) in own for p in model.parameters()):
        raise ValueError("[fit] the optimizer has none of the model's parameters: was it made for another?")


def _training_data(model: Module, X: Array, y: Array, loss: Loss, as_is: bool) -> tuple[Tensor, Tensor]:
    x, target = as_data("fit", model, X, y, loss, as_is=as_is)
    check_finite("fit", "X", x, X)
    if isinstance(loss, str):  # a function may know what to do with NaN
        check_finite("fit", "y", target, y)
    return without_ignored(x, target, loss)


def _loader(model: Module, X: Any, loss: Loss, given: Mapping[str, Any], epochs: int) -> _Source:
    """Give what makes the trainer of an epoch over batches."""
    check_model("fit", model)
    function_of("fit", loss)
    batches = batches_of("fit", X, given)
    if isinstance(batches, Iterator) and epochs > 1:
        raise ValueError(
            f"[fit] an iterator is used up by one epoch, and epochs is {epochs}: give what can be looped "
            "over again, as a DataLoader or a list"
        )

    def begin(steps: Steps, leaves: int) -> LoopTrainer:
        taken = learned(model, batches, loss)
        return LoopTrainer(steps.whole, taken, length(batches), leaves, steps.gradient, steps.update)

    return begin


def _table(
    model: Module, X: Any, y: Array, loss: Loss, as_is: bool, batch_size: Any, shuffle: Any, drop_last: Any
) -> tuple[_Source, int]:
    """Give what makes the trainer of an epoch over arrays, and how many rows a batch has."""
    size = 32 if batch_size is None else whole("fit", "batch_size", batch_size)
    shuffle = True if shuffle is None else flag("fit", "shuffle", shuffle)
    drop_last = False if drop_last is None else flag("fit", "drop_last", drop_last)
    arrays = _training_data(model, X, y, loss, as_is)
    n = arrays[0].shape[0]
    if drop_last and size > n:
        raise ValueError(f"[fit] drop_last leaves no batch: {n} samples, batch_size {size}")
    size = min(size, n)

    def begin(steps: Steps, leaves: int) -> _core.Trainer | LoopTrainer:
        if isinstance(steps.whole, CompiledFunction):
            step = steps.whole if leaves == 1 else steps.gradient
            trainer = _core.Trainer(step, list(arrays), size, shuffle, drop_last, leaves, steps.update)
            trainer.begin_epoch()
            return trainer
        batches = Batches(*arrays, batch_size=size, shuffle=shuffle, drop_last=drop_last)
        return LoopTrainer(steps.whole, iter(batches), len(batches), leaves, steps.gradient, steps.update)

    return begin, size


def _held_out(model: Module, validation: Any, loss: Loss, transform: Transform | None) -> _HeldOut | None:
    if validation is None:
        return None
    arrays = isinstance(validation, (tuple, list)) and len(validation) == 2
    if arrays and not (isinstance(validation, list) and all(map(is_batch, validation))):
        return as_data("fit", model, validation[0], validation[1], loss, as_is=transform is not None)
    if transform is not None:
        raise ValueError("[fit] validation_transform is for a pair of arrays: what gives batches has its own")
    if isinstance(validation, tuple) or not are_batches(validation):
        raise ValueError("[fit] validation must be a pair (X, y), or a loader of such batches")
    if isinstance(validation, Iterator):
        raise ValueError(
            "[fit] validation is an iterator, which the first epoch uses up: give a DataLoader, or (X, y)"
        )
    batches: Iterable[Any] = validation
    return batches


def _functions(callbacks: Any) -> list[Callback]:
    given: list[Any] = list(callbacks) if isinstance(callbacks, Iterable) else [None]
    if not all(map(callable, given)):
        raise TypeError(
            f"[fit] callbacks is {shown(callbacks)}; it must be a list of functions (epoch, record)"
        )
    return given


def _rows(forward: Callable[[Tensor], Any], x: Tensor) -> npt.NDArray[Any]:
    output, n = forward(x), x.shape[0]
    if not isinstance(output, Tensor):
        raise ShapeError(f"[predict] the model gives {type(output).__name__}: it must give one tensor")
    if output.shape[:1] != (n,):
        raise ShapeError(f"[predict] the model gives {output.shape} for {n} samples: it must give {n} rows")
    return np.asarray(output)


# ---- The progress bar --------------------------------------------------------------------------------------


def _bar(steps: int | None) -> Any:
    from tqdm import tqdm

    return tqdm(total=steps, unit="step", dynamic_ncols=True)


def _shown(epoch: int, epochs: int, record: Mapping[str, float], history: History) -> dict[str, str]:
    shown = {"epoch": f"{epoch + 1}/{epochs}", "loss": f"{record['loss']:.4f}"}
    for name in ("val_loss", "val_accuracy"):
        value = record.get(name, history[name][-1] if name in history else None)
        if value is not None:
            shown[name] = f"{value:.4f}"
    return shown
