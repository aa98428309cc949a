"""What a `DataLoader` is made of."""

from backsweep.utils.data._utils import collate, fetch, worker

__all__ = ["collate", "fetch", "worker"]
