"""Optimizers whose update is one op on state, counters and numbers, in that order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

from backsweep import _core
from backsweep._core import Buffer, Parameter, Tensor
from backsweep.optim.groups import ParamGroup
from backsweep.optim.one_pass import OnePass, as_dtype

__all__ = ["OneOp"]


class OneOp(OnePass):
    """What such optimizers share. A subclass names its `op`, state of the parameter's shape in `arrays`.

    Numbers that are state are `counters`, of which the first counts the steps; the op begins all of them
    where that is 0. Ops take `switches`, a part of `flags`, last.
    """

    op: ClassVar[str]
    arrays: ClassVar[tuple[str, ...]] = ()
    switches: ClassVar[tuple[str, ...]] = ("maximize",)

    def _op_and_arrays(self, values: SimpleNamespace) -> tuple[str, tuple[str, ...]]:
        """Give the op of a group, and the state that it has."""
        return self.op, self.arrays

    def _prepare(self, group: ParamGroup) -> None:
        """Make the state, and the list of what `_update` reads for each parameter."""
        name, arrays = self._op_and_arrays(group.values_now)
        op = getattr(_core.ops, name)
        rows: list[tuple[Any, ...]] = []
        for p in group.values_now.params:
            state = self._buffers.setdefault(p, {})
            for counter in self.counters:
                if counter not in state:
                    # float32 counts to 2^24; as PyTorch keeps it.
                    state[counter] = Buffer(_core.tensor(0.0, dtype=_core.float32))
            for array in arrays:
                if array not in state:
                    state[array] = Buffer(_core.zeros(p.shape, dtype=p.dtype))
            rows.append((p, op, [state[n] for n in arrays], [state[n] for n in self.counters]))
        group.rows = rows

    def _update(self, group: ParamGroup) -> None:
        numbers = group.slots()
        switches = [getattr(group.values_now, name) for name in self.switches]
        p: Parameter | Tensor
        for p, op, arrays, counters in group.rows:
            g = p._grad
            if g is None:
                continue
            made = op(p, g, *(as_dtype(a, p) for a in arrays), *counters, *numbers, *switches)
            p.copy_(made[0])
            for buffer, value in zip(arrays, made[1:], strict=False):
                buffer.copy_(value)
            for buffer, value in zip(counters, made[1 + len(arrays) :], strict=True):
                buffer.assign(value)
