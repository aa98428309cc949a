"""Looking for the op whose derivative is NaN."""

from __future__ import annotations

from backsweep import _core

__all__ = ["detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled", "set_detect_anomaly"]


class set_detect_anomaly:
    """Switch on or off what `detect_anomaly` does; as a context manager, for what is inside.

    Parameters
    ----------
    mode : bool
        Whether recorded ops note the lines that call them.
    check_nan : bool, default True
        Whether sweeps look for NaN.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.prev, self.prev_check_nan = _core.anomaly()
        _core.set_anomaly(bool(mode), bool(check_nan))

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        _core.set_anomaly(self.prev, self.prev_check_nan)


class detect_anomaly:
    """Inside, a sweep that meets a NaN raises GraphError, naming the op and the line that called it.

    Holds for all threads, and for values only: what `bs.compile` records has none. It costs a look at the
    line for
    each recorded op, and one pass over each gradient.

    Parameters
    ----------
    check_nan : bool, default True
        Whether sweeps look for NaN.

    Examples
    --------
    >>> with bs.autograd.detect_anomaly():
    ...     loss(x).backward()
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self.prev, self.prev_check_nan = _core.anomaly()

    def __enter__(self) -> None:
        self.prev, self.prev_check_nan = _core.anomaly()
        _core.set_anomaly(True, self.check_nan)

    def __exit__(self, *_: object) -> None:
        _core.set_anomaly(self.prev, self.prev_check_nan)


def is_anomaly_enabled() -> bool:
    """Say whether `detect_anomaly` is on."""
    on: bool = _core.anomaly()[0]
    return on


def is_anomaly_check_nan_enabled() -> bool:
    """Say whether sweeps would look for NaN."""
    check: bool = _core.anomaly()[1]
    return check
