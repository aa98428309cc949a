"""PyTorch's own samples of its operators give the same here, and its wrong calls are refused."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("expecttest")

from peers.known import ACCEPTED, KNOWN
from peers.op_db import ENTRIES, entry_name, refused_of, run_entry

pytestmark = pytest.mark.peers
SEEN = {"samples": 0, "differentiated": 0, "wrong": 0, "refused": 0}


@pytest.mark.parametrize("entry", ENTRIES, ids=entry_name)
def test_samples(entry) -> None:
    name = entry_name(entry)
    outcome = run_entry(entry)
    SEEN["samples"] += outcome.samples
    SEEN["differentiated"] += outcome.differentiated
    if name in KNOWN:
        assert outcome.problem, f"{name} agrees now: take it out of KNOWN"
        pytest.xfail(KNOWN[name])
    assert not outcome.problem, f"{name}: {outcome.problem}"


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.error_inputs_func], ids=entry_name)
def test_wrong_calls(entry) -> None:
    name = entry_name(entry)
    n, passed = refused_of(entry)
    SEEN["wrong"] += n
    SEEN["refused"] += n - len(passed)
    assert len(passed) <= ACCEPTED.get(name, 0), f"{name} takes what PyTorch refuses: {passed}"


def test_there_are_enough() -> None:
    """Of all entries, where the others have run in this process."""
    if SEEN["samples"] == 0:
        pytest.skip("the tests above have not run here")
    assert len(KNOWN) <= 0.05 * len(ENTRIES), f"{len(KNOWN)} of {len(ENTRIES)} entries differ"
    assert SEEN["samples"] >= 1000
    assert SEEN["refused"] >= 0.9 * SEEN["wrong"], SEEN
