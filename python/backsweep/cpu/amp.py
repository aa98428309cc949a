"""`torch.cpu.amp`. See `bs.amp`."""

from __future__ import annotations

from backsweep import _core
from backsweep._core import DType
from backsweep.amp import autocast_mode, grad_scaler

__all__ = ["GradScaler", "autocast"]


class autocast(autocast_mode.autocast):
    """`bs.amp.autocast("cpu", ...)`, which changes nothing.

    Parameters
    ----------
    enabled, dtype, cache_enabled
        As there.
    """

    def __init__(
        self, enabled: bool = True, dtype: DType = _core.bfloat16, cache_enabled: bool = True
    ) -> None:
        super().__init__("cpu", dtype, enabled, cache_enabled)


class GradScaler(grad_scaler.GradScaler):
    """`bs.amp.GradScaler("cpu", ...)`, which hands everything on.

    Parameters
    ----------
    init_scale, growth_factor, backoff_factor, growth_interval, enabled
        As there.
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
