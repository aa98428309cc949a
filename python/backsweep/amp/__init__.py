"""Mixed precision, which programs for GPUs ask for: here everything is computed in the dtype that it has."""

from backsweep.amp import autocast_mode, grad_scaler
from backsweep.amp.autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from backsweep.amp.grad_scaler import GradScaler

__all__ = [
    "GradScaler",
    "autocast",
    "autocast_mode",
    "custom_bwd",
    "custom_fwd",
    "grad_scaler",
    "is_autocast_available",
]
