"""Rows of tables: how `Batches` and `utils.data` make batches of arrays that lie in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from backsweep import _core
from backsweep._core import Tensor

__all__ = ["table"]


def table(array: Any) -> Tensor:
    """Give an array as a tensor whose rows `table[index]` gathers at once; it shares the array's memory."""
    return array if isinstance(array, Tensor) else _core.from_numpy(np.asarray(array))
