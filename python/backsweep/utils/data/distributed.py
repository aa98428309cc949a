"""The part of a data set that one of several processes takes."""

from __future__ import annotations

from collections.abc import Sized

from backsweep import _core
from backsweep._arguments import whole
from backsweep._core import Tensor
from backsweep._draws import randperm
from backsweep.random import Generator
from backsweep.utils.data.sampler import DrawnSampler

__all__ = ["DistributedSampler"]


class DistributedSampler(DrawnSampler):
    """Every `num_replicas`-th index of an order that all processes draw alike.

    Parameters
    ----------
    dataset : Dataset
        With a length.
    num_replicas, rank : int
        How many processes there are, and which one this is.
    shuffle : bool, default True
        Whether the order is drawn, from ``seed + epoch``: call `set_epoch` before each epoch.
    seed : int, default 0
        The same in all processes.
    drop_last : bool, default False
        Whether to leave out what does not divide evenly; else the first indices come again at the end.

    Raises
    ------
    RuntimeError
        If `num_replicas` or `rank` is missing: there is no process group to ask.
    ValueError
        If `rank` is not from 0 to ``num_replicas - 1``.
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise RuntimeError(
                "[DistributedSampler] num_replicas or rank is missing, and there is no process group to ask: "
                "give both"
            )
        self.num_replicas = whole("DistributedSampler", "num_replicas", num_replicas)
        self.rank = whole("DistributedSampler", "rank", rank, 0)
        if self.rank >= self.num_replicas:
            raise ValueError(
                f"[DistributedSampler] rank is {rank} of {num_replicas} processes: 0 to {num_replicas - 1}"
            )
        self.dataset = dataset
        self.shuffle, self.seed, self.drop_last = shuffle, seed, drop_last
        self.epoch = 0
        n = len(dataset)
        self.num_samples = n // self.num_replicas if drop_last else -(-n // self.num_replicas)
        self.total_size = self.num_samples * self.num_replicas

    def _order(self) -> Tensor:
        n, total = len(self.dataset), self.total_size
        order = _core.arange(n)
        if self.shuffle:
            order = randperm(n, generator=Generator().manual_seed(self.seed + self.epoch))
        if total > n > 0:
            order = _core.cat([order] * -(-total // n))
        return order[:total][self.rank :: self.num_replicas]

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which the order depends on with the seed."""
        self.epoch = epoch
