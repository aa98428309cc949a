"""Entries of PyTorch's op_db that differ here, and why; how many of an entry's wrong calls are taken."""

from __future__ import annotations

KNOWN: dict[str, str] = {}
ACCEPTED: dict[str, int] = {}
