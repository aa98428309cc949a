"""Functions that are computed number by number, as SciPy has them; tests/ops/test_special.py has the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from oracles.base import Array, Case, Oracle, Wrong, Z
from oracles.pointwise import of_one


def both(name: str, hidden: str, value: Callable[..., Any], low: float, high: float) -> dict[str, Oracle]:
    """The public form, which takes integers, and the op under it."""
    return {
        name: of_one(value, low, high, ints="float", ulp=16),
        hidden: of_one(value, low, high, ulp=16, large=True),
    }


def frexp(x: Array) -> tuple[Array, Array]:
    mantissa, exponent = np.frexp(x)
    return mantissa, exponent.astype(np.int32)


ORACLES = {
    **both("i0", "i0_each", special.i0, -3, 3),
    **both("special_i0e", "i0e_each", special.i0e, 0.2, 3),
    **both("special_i1", "i1_each", special.i1, -3, 3),
    **both("special_i1e", "i1e_each", special.i1e, 0.2, 3),
    **both("special_modified_bessel_k0", "k0_each", special.k0, 0.2, 3),
    **both("special_scaled_modified_bessel_k0", "k0e_each", special.k0e, 0.2, 3),
    **both("special_modified_bessel_k1", "k1_each", special.k1, 0.2, 3),
    **both("special_scaled_modified_bessel_k1", "k1e_each", special.k1e, 0.2, 3),
    **both("special_bessel_j0", "j0_each", special.j0, -2, 2),
    **both("special_bessel_j1", "j1_each", special.j1, 0.2, 3),
    **both("special_bessel_y0", "y0_each", special.y0, 1, 3),
    **both("special_bessel_y1", "y1_each", special.y1, 0.2, 2),
    **both("special_erfcx", "erfcx_each", special.erfcx, -2, 3),
    **both("special_log_ndtr", "log_ndtr_each", special.log_ndtr, -3, 1),
    **both("special_ndtri", "ndtri_each", special.ndtri, 0.02, 0.48),
    "special_spherical_bessel_j0": of_one(lambda x: np.sinc(x / np.pi), 0.2, 3, ints="float", ulp=16),
    "frexp": Oracle(
        frexp,
        lambda d: [*(Case((d(*s),)) for s in ((), (0,), (7,), (3, 5))), Case((d(70_001),), large=True)],
        ulp=0,
        wrong=[Wrong((Z(2, np.int64),), {}, "DTypeError", ("int64",))],
    ),
}
