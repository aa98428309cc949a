"""Tensors in einops (`rearrange(x, "b c -> c b")`): its backend, made when einops is imported, if it ever is.

einops finds backends among the subclasses of its AbstractBackend whose package is loaded. Neither package
imports the other, so the class is made as soon as both are there.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import backsweep._core as _core
from backsweep._core import Tensor

__all__: list[str] = []

_MODULE = "einops._backends"


def _make_backend(einops: ModuleType) -> None:
    class BacksweepBackend(einops.AbstractBackend):  # type: ignore[name-defined, misc]
        framework_name = "backsweep"

        def is_appropriate_type(self, tensor: Any) -> bool:
            return isinstance(tensor, Tensor)

        def from_numpy(self, x: Any) -> Tensor:
            return _core.tensor(x)

        def to_numpy(self, x: Tensor) -> Any:
            return x.numpy()

        def arange(self, start: int, stop: int) -> Tensor:
            return _core.arange(start, stop)

        def reduce(self, x: Tensor, operation: str, axes: Sequence[int]) -> Tensor:
            name = {"min": "amin", "max": "amax"}.get(operation, operation)
            if name in ("amin", "amax", "sum", "mean"):
                return getattr(x, name)(dim=tuple(axes))  # type: ignore[no-any-return]
            for axis in sorted(axes, reverse=True):  # any, all, prod
                x = getattr(x, name)(dim=axis)
            return x

        def transpose(self, x: Tensor, axes: Sequence[int]) -> Tensor:
            return x.permute(tuple(axes))

        def stack_on_zeroth_dimension(self, tensors: list[Tensor]) -> Tensor:
            return _core.stack(tensors)

        def add_axis(self, x: Tensor, new_position: int) -> Tensor:
            return x[(slice(None),) * new_position + (None,)]

        def add_axes(self, x: Tensor, n_axes: int, pos2len: dict[int, int]) -> Tensor:
            sizes = [-1] * n_axes
            for position, length in pos2len.items():
                x = self.add_axis(x, position)
                sizes[position] = length
            return x.expand(sizes)

        def tile(self, x: Tensor, repeats: Sequence[int]) -> Tensor:
            made: Tensor = x.repeat(tuple(repeats))  # type: ignore[attr-defined, unused-ignore]
            return made

        def concat(self, tensors: list[Tensor], axis: int) -> Tensor:
            return _core.cat(tensors, dim=axis)

        def is_float_type(self, x: Tensor) -> bool:
            return x.dtype.is_floating_point

        def einsum(self, pattern: str, *x: Tensor) -> Tensor:
            import backsweep

            made: Tensor = backsweep.einsum(pattern, *x)  # type: ignore[attr-defined, unused-ignore]
            return made

    vars(einops)["BacksweepBackend"] = BacksweepBackend  # which keeps it alive


# Without the base classes of importlib.abc: its import alone takes 6 ms.


class _Then:
    """A loader that makes the backend when the module has run."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _make_backend(module)


class _Watch:
    """Waits for einops to be imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != _MODULE:
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Then(spec.loader)  # type: ignore[assignment]
        return spec


if _MODULE in sys.modules:
    _make_backend(sys.modules[_MODULE])
else:
    sys.meta_path.insert(0, _Watch())
