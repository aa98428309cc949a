"""Connectionist temporal classification; `backsweep.nn.functional` has it among its names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from backsweep import _core
from backsweep._arguments import flag, floats, whole
from backsweep._core import ShapeError, Tensor
from backsweep.nn._reduction import Reduction, reduced, word

__all__ = ["ctc_loss"]

Lengths = Tensor | Sequence[int]
Integers = npt.NDArray[np.int64]


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Negative log-likelihood of label sequences over all ways to align them with longer inputs.

    Parameters
    ----------
    log_probs : Tensor, floats, shape (T, N, C) or (T, C)
        Logarithms of the probabilities of C classes at each time.
    targets : Tensor, integers, shape (N, S), or the sequences one after the other
        Labels, none of them blank.
    input_lengths, target_lengths : Tensor or sequence of int, shape (N,)
        How much of the input and of the targets counts.
    blank : int, default 0
        The class of no label.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides each loss by the length of its target first.
    zero_infinity : bool, default False
        Count losses of targets that do not fit their input, which are infinite, as 0.

    Returns
    -------
    Tensor
        A scalar, or shape (N,) with "none".

    Raises
    ------
    ShapeError
        If the shapes do not go together.
    ValueError
        If a length or a label is out of range.

    Notes
    -----
    The sum over alignments goes forward in time, in logarithms. Targets and lengths are read: under
    `bs.compile` they must be constants. Source: Graves et al. (2006), ICML.
    """
    op = "ctc_loss"
    how, zero = word(op, None, None, reduction), flag(op, "zero_infinity", zero_infinity)
    log_probs, blank = floats(op, "log_probs", log_probs), whole(op, "blank", blank, 0)
    single = log_probs.ndim == 2
    if single:
        log_probs = _core.reshape(log_probs, (log_probs.shape[0], 1, log_probs.shape[1]))
    if log_probs.ndim != 3 or blank >= log_probs.shape[2]:
        raise ShapeError(f"[{op}] log_probs is {log_probs.shape}; it must be (T, N, C), with class {blank}")
    times, n, classes = log_probs.shape
    steps, sizes = (
        _lengths(op, name, given, n)
        for name, given in (("input_lengths", input_lengths), ("target_lengths", target_lengths))
    )
    if n and (steps.max() > times or steps.min() < 0 or sizes.min() < 0):
        raise ValueError(
            f"[{op}] lengths are 0 or more, input_lengths at most {times}, the size of log_probs"
        )
    labels = _padded(op, np.asarray(targets), sizes, blank)
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(f"[{op}] a label is not among the {classes} classes")
    loss = -_likelihood(log_probs, labels, steps, sizes, blank)
    if zero:
        loss = _core.where(_core.isinf(loss), 0.0, loss)
    if how == "mean":
        loss = loss / _core.tensor(np.maximum(sizes, 1).astype(loss.dtype.name))
    return _core.reshape(loss, ()) if single and how == "none" else reduced(loss, how)


def _lengths(op: str, name: str, given: Any, n: int) -> Integers:
    made = np.asarray(given, np.int64).reshape(-1)
    if made.shape != (n,):
        raise ShapeError(f"[{op}] {name} is {made.shape}; there are {n} sequences")
    return made


def _padded(op: str, targets: npt.NDArray[Any], sizes: Integers, blank: int) -> Integers:
    """Give the labels of each sequence, (N, S), filled with blanks."""
    most = int(sizes.max(initial=0))
    places = np.arange(most) < sizes[:, None]
    made = np.full(places.shape, blank, np.int64)
    rows = targets.ndim == 2
    if targets.size < sizes.sum() or (rows and (len(targets) != len(sizes) or targets.shape[1] < most)):
        raise ShapeError(
            f"[{op}] targets is {targets.shape}, target_lengths are up to {most}: too few labels"
        )
    made[places] = targets[:, :most][places] if rows else targets.reshape(-1)[: sizes.sum()]
    return made


def _likelihood(log_probs: Tensor, labels: Integers, steps: Integers, sizes: Integers, blank: int) -> Tensor:
    """Give the logarithm of the probability of each sequence, (N,)."""
    times, n, classes = log_probs.shape
    # The path's states: blank, label, blank, label, ..., blank.
    states = np.full((n, 2 * labels.shape[1] + 1), blank, np.int64)
    states[:, 1::2] = labels
    width = states.shape[1]
    # A label may follow another one directly if they differ.
    jumps = np.zeros((n, width), bool)
    jumps[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    at = (np.arange(times)[:, None, None] * n + np.arange(n)[:, None]) * classes + states
    flat = _core.reshape(log_probs, (times * n * classes,))
    emitted = _core.index_rows(flat, _core.tensor(at))  # (T, N, states)
    outside = _core.full((n, 2), -np.inf, dtype=log_probs.dtype)
    begin = np.broadcast_to(np.arange(width) < 2, (n, width))
    may_jump = _core.tensor(jumps)
    alpha = _core.where(_core.tensor(begin.copy()), emitted[0], -np.inf)
    for t in range(1, times):
        before = _core.cat([outside, alpha], 1)
        one, two = before[:, 1 : width + 1], _core.where(may_jump, before[:, :width], -np.inf)
        moved = _core.logaddexp(_core.logaddexp(alpha, one), two) + emitted[t]
        ended = t >= steps
        alpha = _core.where(_core.tensor(ended[:, None]), alpha, moved) if ended.any() else moved
    # The last label or the blank after it; where both are impossible no derivative is NaN.
    ends = [
        _core.sum(_core.where(_core.tensor(np.arange(width) == place[:, None]), alpha, 0.0), 1)
        for place in (2 * sizes, 2 * sizes - 1)
    ]
    if (sizes == 0).any():
        ends[1] = _core.where(_core.tensor(sizes == 0), -np.inf, ends[1])
    made = _core.logaddexp(ends[0], ends[1])
    # Nothing is read: only an empty target is possible.
    nothing = np.where(sizes == 0, 0.0, -np.inf).astype(log_probs.dtype.name)
    return _core.where(_core.tensor(steps == 0), _core.tensor(nothing), made) if (steps == 0).any() else made
