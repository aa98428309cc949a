"""Loads the C++ core, with OpenMP told how long its idle threads may spin."""

import os

# libgomp reads its settings once, when it is loaded; by default its idle threads then spin for about a
# millisecond, which slows whatever else runs. 10,000 rounds are about 30 us: long enough for steps that
# follow each other at once (784-512-512-10 takes 1,059 us on two cores, with the default 1,313), and sleeping
# at once ("passive") costs fifty residual layers of 64 a fifth.
_SPINS = "10000"

if "GOMP_SPINCOUNT" in os.environ or "OMP_WAIT_POLICY" in os.environ:
    from backsweep import _core
else:
    os.environ["GOMP_SPINCOUNT"] = _SPINS
    try:
        from backsweep import _core
    finally:
        del os.environ["GOMP_SPINCOUNT"]  # only ours: child processes choose for themselves

__all__ = ["_core"]
