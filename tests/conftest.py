"""What all tests share: fixed seeds, and the number of threads put back."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import numpy as np
import pytest

import backsweep as bs

# Asserts in helper modules say what they compared, as those in tests do.
pytest.register_assert_rewrite("driver", "oracles", "programs", "random_programs")

# The same examples in every run; no deadline, since machines are slow at times.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("fixed")


@pytest.fixture(autouse=True)
def fixed_seeds() -> Iterator[None]:
    threads = bs.get_num_threads()
    np.random.seed(0)  # noqa: NPY002  (for libraries that use it)
    bs.manual_seed(0)
    yield
    bs.set_num_threads(threads)
