"""What programs are made of, and how it grows with a network's length: counts, and the work of planning."""

from __future__ import annotations

import time

import pytest

import backsweep as bs
from programs import bench_phases, steps

LENGTHS = (16, 32, 64)


bench = bench_phases()


def test_what_is_asked_of_phases() -> None:
    """At most so many phases, so much of the cost in parallel ones, so much from the second thread."""
    assert bench.TARGETS == {"gpt block": (8, 0.95, 1.6), "lstm, 64 steps": (40, 0.95, 1.6)}
    assert bench.TARGETS.keys() == bench.NETWORKS.keys()


@pytest.mark.parametrize("name", bench.NETWORKS)
def test_networks_are_planned_in_few_phases(name: str) -> None:
    bs.set_num_threads(2)
    model, data = bench.NETWORKS[name]()
    step = bench.training(model)
    step(*data)
    most, least, _ = bench.TARGETS[name]
    phases = step.programs[0].phases
    assert len(phases) <= most, step.programs[0].text
    assert bench.parallel_part(phases) >= least


@pytest.mark.parametrize("name", bench.NETWORKS)
def test_a_second_thread_needs_little_memory(name: str) -> None:
    model, data = bench.NETWORKS[name]()
    step = bench.training(model)
    arena = []
    for threads in (1, 2):
        bs.set_num_threads(threads)
        step(*data)
        arena.append(step.programs[0].memory.arena)
    assert arena[1] <= bench.MEMORY * arena[0]


@pytest.mark.parametrize("name", bench.NETWORKS)
def test_networks_are_the_same_on_any_number_of_threads(name: str) -> None:
    want = bench.trained(name, 1)
    for threads in (2, 3, 7):
        assert bench.trained(name, threads) == want, f"{threads} threads"


def counts(gates: int, length: int) -> dict[str, int]:
    step, data = bench.training(bench.Recurrent(gates, 8)), bench.batch(2, length)
    step(*data)
    return {"steps": len(steps(step)), "phases": len(step.programs[0].phases)}


@pytest.mark.parametrize("gates", [1, 4])
def test_programs_grow_as_their_networks(gates: int) -> None:
    """Twice the length adds twice what half of it added: no step and no phase for each pair of time steps."""
    bs.set_num_threads(1)
    small, middle, large = (counts(gates, n) for n in LENGTHS)
    for what in small:
        first, second = middle[what] - small[what], large[what] - middle[what]
        assert second <= 2.2 * first + 8, f"{what}: {small[what]}, {middle[what]}, {large[what]}"


@pytest.mark.parametrize("gates", [1, 4])
def test_planning_takes_linear_time(gates: int) -> None:
    """Four times the length takes well under 16 times the processor's time; a linear plan about 4 times."""

    def seconds(length: int) -> float:
        step, data = bench.training(bench.Recurrent(gates, 8)), bench.batch(2, length)
        begin = time.process_time()
        step(*data)
        return time.process_time() - begin

    best = min(seconds(240) / min(seconds(60) for _ in range(2)) for _ in range(2))
    assert best < 9


def test_many_nodes_are_planned_at_once() -> None:
    """A chain of 100,000 nodes, tried again and again by fusing, takes four times what a quarter takes."""

    def seconds(n: int) -> float:
        @bs.compile
        def chain(x: bs.Tensor) -> bs.Tensor:
            for _ in range(n):
                x = x * 1.001 + 0.5
            return x

        begin = time.process_time()
        chain(bs.ones(8))
        return time.process_time() - begin

    assert seconds(50_000) < 8 * seconds(12_500)
