"""Scaling of losses for gradients of 16 bits, which are not computed: `GradScaler` hands everything on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from backsweep._arguments import flag, number, whole
from backsweep._device import device as as_device
from backsweep.amp.autocast_mode import without_gpu

__all__ = ["GradScaler"]

T = TypeVar("T")


class GradScaler:
    """What in PyTorch keeps small gradients of 16 bits from vanishing. Here it is as one that is disabled.

    Gradients are float32 or float64: `scale` gives the loss, `step` calls the optimizer's, also where a
    gradient is infinite (PyTorch leaves such steps out), and the scale is 1.

    Parameters
    ----------
    device : str, default "cuda"
    init_scale, growth_factor, backoff_factor, growth_interval
        PyTorch's: checked, and kept to be asked for.
    enabled : bool, default True
        False takes back the warning that nothing is scaled, which comes where `device` is a GPU.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        op = "GradScaler"
        self._device = as_device(device).type
        number(op, "init_scale", init_scale)
        self._growth = number(op, "growth_factor", growth_factor)
        self._backoff = number(op, "backoff_factor", backoff_factor)
        self._interval = whole(op, "growth_interval", growth_interval)
        if flag(op, "enabled", enabled) and self._device != "cpu":
            without_gpu(op)

    def scale(self, outputs: T) -> T:
        """Give the outputs, a tensor or an iterable of them, as they are."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Divide the optimizer's gradients by the scale, 1: nothing happens."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the optimizer's `step` with these arguments, and give what it gives."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Choose the next scale: it stays 1."""

    def get_scale(self) -> float:
        """Give 1."""
        return 1.0

    def get_growth_factor(self) -> float:
        """Give the factor that the scale would grow by."""
        return self._growth

    def set_growth_factor(self, new_factor: float) -> None:
        """Set the factor that the scale would grow by."""
        self._growth = number("GradScaler", "new_factor", new_factor)

    def get_backoff_factor(self) -> float:
        """Give the factor that the scale would shrink by."""
        return self._backoff

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set the factor that the scale would shrink by."""
        self._backoff = number("GradScaler", "new_factor", new_factor)

    def get_growth_interval(self) -> int:
        """Give the number of steps after which the scale would grow."""
        return self._interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set the number of steps after which the scale would grow."""
        self._interval = whole("GradScaler", "new_interval", new_interval)

    def is_enabled(self) -> bool:
        """Give False."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Give an empty dict, as PyTorch's where it is disabled."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take a state of a scaler, of which nothing is needed."""
