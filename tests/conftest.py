"""What all tests share: fixed seeds, and the number of threads put back."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import numpy as np
import pytest

import backsweep as bs

# Asserts in helper modules say what they compared, as those in tests do.
pytest.register_assert_rewrite("driver", "oracles", "programs", "random_programs")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without-compositions",
        action="store_true",
        help="leave out ops that are made of others: for sanitizers, which have seen those",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--without-compositions"):
        return
    made = {op["name"] for op in bs._core.registry() if not op["has_forward"] and not op["view"]}
    out = [i for i in items if hasattr(i, "callspec") and made & set(map(str, i.callspec.params.values()))]
    config.hook.pytest_deselected(items=out)
    gone = set(map(id, out))
    items[:] = [i for i in items if id(i) not in gone]


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
