"""What helps around training: functions that are computed again instead of kept."""

from backsweep.utils import checkpoint

__all__ = ["checkpoint"]
