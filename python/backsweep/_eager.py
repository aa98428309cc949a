"""Epochs of a step that is not compiled: what `_core.Trainer` does, op by op and to the same bits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from backsweep import _core
from backsweep._core import Tensor
from backsweep.data import Batches

__all__ = ["EagerTrainer"]


class EagerTrainer:
    """Epochs over batches; see `Trainer` in the core and csrc/train/leaves.h."""

    def __init__(
        self,
        step: Callable[..., Tensor],
        batches: Batches,
        leaves: int,
        gradient: Callable[..., tuple[Tensor, ...]],
        update: Callable[..., None],
    ) -> None:
        self._step, self._batches, self._leaves = step, batches, leaves
        self._gradient, self._update = gradient, update
        self._left: Iterator[tuple[Tensor, ...]] = iter(())
        self.steps_total = len(batches)
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Draw the order of the samples when the first batch is taken."""
        self._left = iter(self._batches)
        self.steps_done = self._samples = 0
        self._sum = 0.0

    @property
    def loss(self) -> float:
        """The mean over the samples seen in this epoch."""
        return self._sum / self._samples if self._samples else float("nan")

    def run(self, seconds: float) -> bool:
        """Run steps until the time is over or the epoch is; True if it is."""
        end = time.perf_counter() + seconds
        for batch in self._left:
            rows = batch[0].shape[0]
            loss = float(self._step(*batch)) if self._leaves == 1 else self._by_leaves(batch, rows)
            self._sum += loss * rows
            self._samples += rows
            self.steps_done += 1
            if time.perf_counter() >= end:
                break
        return self.steps_done == self.steps_total

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
