"""float64 oracles in NumPy: one row per op of the registry, from which every test of ops is driven.

A file for each family holds, above its rows, the functions that they name (unless NumPy has them) and the
generators of their cases. An elementwise op needs its function and nothing else: the tests draw inputs of
many shapes from the registry's interval. Another op also gives cases: inputs and attributes.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from oracles.base import Array, Case, Draw, Oracle, Wrong

__all__ = ["ORACLES", "TESTED_ELSEWHERE", "Array", "Case", "Draw", "Oracle", "Wrong"]

ORACLES: dict[str, Oracle] = {}
for family in iter_modules(__path__, f"{__name__}."):
    rows = getattr(import_module(family.name), "ORACLES", {})
    assert not ORACLES.keys() & rows.keys(), f"{family.name} has rows of another family"
    ORACLES |= rows

# custom and host_call need a Python function: tests/test_function.py and tests/program/test_compile.py. view
# refuses most layouts of memory, as view_dtype: tests/ops/test_views.py, and every test of reshape, which is
# composed of view.
# Sizes of what these give depend on values: tests/ops/test_selection.py.
DEPENDENT = ("argwhere", "bincount", "masked_select", "unique_parts", "where_true")
# The derivative by one operand is refused: tests/ops/test_special.py.
HALF = ("igamma", "igamma_each", "igammac", "igammac_each", "special_zeta", "zeta_each")
TESTED_ELSEWHERE = ("custom", "host_call", "view", "view_dtype", *DEPENDENT, *HALF)
assert not ORACLES.keys() & set(TESTED_ELSEWHERE)
