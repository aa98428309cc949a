"""`torch.version`: backsweep's own, and what it was built with besides: nothing."""

from __future__ import annotations

from backsweep._version import __version__

__all__ = ["__version__", "cuda", "debug", "git_version", "hip"]

debug = False
cuda = None
hip = None
git_version = "unknown"
