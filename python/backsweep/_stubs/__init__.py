"""Writes `_core.pyi`, the types of the C++ core: `python -m backsweep._stubs`."""
