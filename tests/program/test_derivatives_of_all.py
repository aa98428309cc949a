"""Derivatives through compiled calls: of every op of the registry, and of random programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from driver import OPS, about, array, bits, call, gradients, inputs_of, is_float, leaves, small
from oracles import Array
from random_programs import RandomProgram


def total(tensors: Sequence[bs.Tensor | None]) -> bs.Tensor:
    """A number that depends on all floats among them, and not linearly."""
    made = bs.zeros((), dtype=bs.float64)
    for t in tensors:
        if t is not None and is_float(t):
            made = made + bs.tanh(t * 0.5).square().sum().to(bs.float64)
    return made


def two_orders(
    f: Callable[..., Sequence[bs.Tensor]], inputs: Sequence[Array]
) -> tuple[list[bs.Tensor], list[bs.Tensor]]:
    """The outputs and their first derivatives; second ones."""
    given = leaves(inputs)
    outputs = f(*given)
    first = gradients(total(outputs), given, create_graph=True)
    second = gradients(total(first), given)
    return [*outputs, *(g for g in first if g is not None)], [g for g in second if g is not None]


@pytest.mark.parametrize("name", OPS)
def test_every_op(name: str) -> None:
    """First derivatives to the bit. Of second ones, what meets inside an eager graph meets at its inputs."""
    for number, case in enumerate(small(name)):
        dtype = ("float32", "float64")[number % 2]
        inputs = inputs_of(case, dtype)

        def run(*given: bs.Tensor, case: Any = case) -> tuple[bs.Tensor, ...]:
            return call(name, given, case.attrs)

        f = bs.compile(run)
        first, second = two_orders(run, inputs)
        rtol = 1e-4 if dtype == "float32" else 1e-11
        for _ in range(2):
            got = two_orders(f, inputs)
            assert [bits(t) for t in got[0]] == [bits(t) for t in first], about(name, case)
            for g, w in zip(got[1], second, strict=True):
                largest = np.abs(array(w), where=np.isfinite(array(w)), out=np.zeros(w.shape)).max(
                    initial=1e-30
                )
                np.testing.assert_allclose(
                    array(g), array(w), rtol=rtol, atol=rtol * largest, err_msg=about(name, case)
                )


def differ(got: Sequence[Any], want: Sequence[Any], n_first: int, rtol: float) -> bool:
    """Of bits, those behind the first `n_first` being of second derivatives."""
    if got[:n_first] != want[:n_first] or [x[:2] for x in got] != [x[:2] for x in want]:
        return True
    for (dtype, _, a), (_, _, b) in zip(got[n_first:], want[n_first:], strict=True):
        second, other = np.frombuffer(a, dtype), np.frombuffer(b, dtype)
        largest = np.abs(other, where=np.isfinite(other), out=np.zeros(other.shape)).max(initial=1e-30)
        if not np.allclose(second, other, rtol=rtol, atol=rtol * largest, equal_nan=True):
            return True
    return False


@pytest.mark.parametrize("block", range(6))
def test_random_programs(block: int) -> None:
    """Eager, and a compiled forward pass in an eager sweep: bits; of second derivatives as above."""
    wrong = []
    for seed in range(100 * block, 100 * (block + 1)):
        dtype = "float64" if seed % 5 == 0 else "float32"
        program = RandomProgram(seed, 5 + seed % 9, 4 + seed % 60, dtype, second=seed % 2 == 0)
        forward = bs.compile(program.forward)
        got = program.run(lambda *x: program.sweep(forward(*x), *x), 3)  # noqa: B023
        want = program.run(program, 3)
        rtol = 1e-4 if dtype == "float32" else 1e-11
        if any(differ(g, w, program.n_first, rtol) for g, w in zip(got, want, strict=True)):
            wrong.append(seed)
    assert wrong == []
