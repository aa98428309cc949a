"""`torch.cuda.amp`: mixed precision on GPUs, which are not there. See `bs.amp`."""

from __future__ import annotations

from backsweep import _core
from backsweep._core import DType
from backsweep.amp import autocast_mode, grad_scaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]

custom_fwd, custom_bwd = autocast_mode.custom_fwd, autocast_mode.custom_bwd


class autocast(autocast_mode.autocast):
    """`bs.amp.autocast("cuda", ...)`, which changes nothing and says so in a warning unless enabled=False.

    Parameters
    ----------
    enabled, dtype, cache_enabled
        As there.
    """

    def __init__(
        self, enabled: bool = True, dtype: DType = _core.float16, cache_enabled: bool = True
    ) -> None:
        super().__init__("cuda", dtype, False, cache_enabled)
        if enabled:
            autocast_mode.without_gpu("autocast")


class GradScaler(grad_scaler.GradScaler):
    """`bs.amp.GradScaler("cuda", ...)`, which hands everything on, and says so unless enabled=False.

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
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, False)
        if enabled:
            autocast_mode.without_gpu("GradScaler")
