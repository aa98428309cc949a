"""Epochs over batches that Python takes one by one: of a step that is not compiled, or of a loader."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from backsweep import _core
from backsweep._arguments import shown
from backsweep._core import Tensor
from backsweep._samples import Loss, as_data, check_finite, labelled
from backsweep.nn import Module

__all__ = ["LoopTrainer", "are_batches", "batches_of", "is_batch", "learned", "length", "pairs"]


def length(batches: Any) -> int | None:
    """Give the number of batches, where it is known."""
    try:
        return len(batches)
    except (NotImplementedError, TypeError):
        return None


def are_batches(value: Any) -> bool:
    """Whether something may give batches, and is no array."""
    return (
        isinstance(value, Iterable)
        and not isinstance(value, (str, bytes))
        and not hasattr(value, "__array__")
    )


def is_batch(value: Any) -> bool:
    """Whether something is a pair of arrays, as a loader gives it."""
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(getattr(x, "ndim", 0) for x in value)


def batches_of(op: str, batches: Any, given: Mapping[str, Any]) -> Iterable[Any]:
    """Give what shall give batches, or raise; of what is said of arrays besides, nothing may be given."""
    if (
        isinstance(batches, (Tensor, str))
        or hasattr(batches, "__array__")
        or not isinstance(batches, Iterable)
    ):
        raise TypeError(
            f"[{op}] y is missing: give arrays X and y, or what gives batches of both, as does "
            "DataLoader(dataset)"
        )
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"[{op}] {name} is for arrays X and y: what gives batches has its own")
    return batches


def pairs(op: str, model: Module, batches: Iterable[Any], loss: Loss) -> Iterator[tuple[Tensor, Tensor]]:
    """Give the batches of a loader, or of another iterable, as tensors that go together, or raise."""
    place = -1
    for place, batch in enumerate(batches):
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            many = f"{type(batch).__name__} of {len(batch)}" if isinstance(batch, (tuple, list)) else ""
            raise TypeError(
                f"[{op}] batch {place} is {many or shown(batch)}; it must be a pair (X, y): for others write "
                "the loop, with the step in a compiled function"
            )
        yield as_data(op, model, batch[0], batch[1], loss, integers=True)
    if place < 0:
        raise ValueError(f"[{op}] there is no batch: what gives them is empty, or used up by a loop before")


def learned(model: Module, batches: Iterable[Any], loss: Loss) -> Iterator[tuple[Tensor, Tensor]]:
    """Give the pairs that `fit` learns from: finite, and without samples whose labels are ignored."""
    given = False
    for place, (x, y) in enumerate(pairs("fit", model, batches, loss)):
        check_finite("fit", f"X of batch {place}", x, x)
        if isinstance(loss, str):
            check_finite("fit", f"y of batch {place}", y, y)
        rows = labelled(y, loss)
        if rows is None or rows.size:
            given = True
            yield (x, y) if rows is None else (x[rows], y[rows])
    if not given:
        raise ValueError("[fit] cross_entropy ignores all labels of all batches: nothing is left to learn")


class LoopTrainer:
    """An epoch over batches, as `Trainer` in the core has over arrays; see csrc/train/leaves.h.

    Of arrays it gives the same bits.
    """

    def __init__(
        self,
        step: Callable[..., Tensor],
        batches: Iterator[tuple[Tensor, ...]],
        steps_total: int | None,
        leaves: int,
        gradient: Callable[..., tuple[Tensor, ...]],
        update: Callable[..., None],
    ) -> None:
        self._step, self._batches, self._leaves = step, batches, leaves
        self._gradient, self._update = gradient, update
        self.steps_total = steps_total
        self.steps_done = self._samples = 0
        self._sum = 0.0

    @property
    def loss(self) -> float:
        """The mean over the samples seen in this epoch."""
        return self._sum / self._samples if self._samples else float("nan")

    def run(self, seconds: float) -> bool:
        """Run steps until the time is over or the epoch is; True if it is."""
        end = time.perf_counter() + seconds
        for batch in self._batches:
            rows = batch[0].shape[0]
            loss = float(self._step(*batch)) if self._leaves == 1 else self._by_leaves(batch, rows)
            self._sum += loss * rows
            self._samples += rows
            self.steps_done += 1
            if time.perf_counter() >= end:
                return False
        return True

    def _by_leaves(self, batch: tuple[Tensor, ...], rows: int) -> float:
        n = min(rows, self._leaves)
        loss = 0.0
        trees: list[tuple[int, list[Tensor]]] = []  # of neighbouring leaves: how many, and their gradients

        def join_last() -> None:
            (a, left), (b, right) = trees[-2:]
            trees[-2:] = [(a + b, [x + y for x, y in zip(left, right, strict=True)])]

        for i in range(n):
            first, last = i * rows // n, (i + 1) * rows // n
            weight = (last - first) / rows
            part = [array[first:last] for array in batch]
            value, *gradients = self._gradient(_core.tensor(weight, dtype=_core.float64), *part)
            loss += weight * float(value)
            trees.append((1, gradients))
            while len(trees) > 1 and trees[-2][0] == trees[-1][0]:
                join_last()
        while len(trees) > 1:
            join_last()
        self._update(*trees[0][1])
        return loss
