"""PyTorch's own samples of its modules (module_db), run here and there."""

from __future__ import annotations

import re
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from peers.op_db import Skip, array, compare, convert, floats, quiet

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_modules import module_db

SAMPLES = 24  # of a module and a mode: spread over those that there are


def module_name(entry: Any) -> str:
    return str(entry.module_cls.__name__)


ENTRIES = [entry for entry in module_db if hasattr(nn, module_name(entry))]


class Outcome(NamedTuple):
    samples: int
    differentiated: int
    problem: str  # of the first sample that differs, or ""


def samples_of(entry: Any, training: bool) -> list[Any]:
    torch.manual_seed(0)
    with quiet():
        made = entry.module_inputs_func(
            entry, device="cpu", dtype=torch.float64, requires_grad=True, training=training
        )
    made = [sample for sample in made if sample.forward_input is not None]
    step = max(1, len(made) / SAMPLES)
    return [made[int(i * step)] for i in range(min(SAMPLES, len(made)))]


def run_entry(entry: Any) -> Outcome:
    """Run samples in both modes until one differs."""
    n = differentiated = 0
    for training in (True, False):
        for sample in samples_of(entry, training):
            try:
                differentiated += check(entry, sample, training)
            except Skip:
                continue
            except Exception as e:  # of any kind: it is what differs
                what = f"{describe(sample.constructor_input)}, of {describe(sample.forward_input)}"
                text = f"{what}, training={training}: {type(e).__name__}: {str(e)[:300]}"
                return Outcome(n, differentiated, text)
            n += 1
    return Outcome(n, differentiated, "")


def check(entry: Any, sample: Any, training: bool) -> bool:
    """Text, state, values and derivatives by inputs and parameters; whether there were derivatives."""
    made = sample.constructor_input
    with quiet():
        theirs = entry.module_cls(*made.args, **made.kwargs).to(torch.float64).train(training)
        here = getattr(nn, module_name(entry))
        mine = here(*convert(made.args), **convert(made.kwargs)).double().train(training)
    if text(mine) != text(theirs):
        raise ValueError(f"repr is {mine!r}, PyTorch {theirs!r}")
    if hasattr(theirs, "has_uninitialized_params"):  # the first call makes the parameters
        with quiet():
            theirs(*sample.forward_input.args)
            mine(*convert(sample.forward_input.args))
        if text(mine) != text(theirs):
            raise ValueError(f"repr is {mine!r} after a call, PyTorch {theirs!r}")
    state = theirs.state_dict()
    if list(mine.state_dict()) != list(state):
        raise ValueError(f"state is {list(mine.state_dict())}, PyTorch {list(state)}")
    mine.load_state_dict({key: array(value) for key, value in state.items()})
    leaves: list[tuple[Any, Any]] = []
    given = apart(sample.forward_input.args), apart(sample.forward_input.kwargs)
    args, kwargs = convert(given[0], leaves), convert(given[1], leaves)
    leaves += zip(mine.parameters(), theirs.parameters(), strict=True)
    with quiet():
        wanted = theirs(*given[0], **given[1])
        got = mine(*args, **kwargs)
    compare(got, wanted, "values")
    return derivatives(got, wanted, leaves)


def apart(o: Any) -> Any:
    """Tensors as leaves: some samples are made of one another."""
    if isinstance(o, torch.Tensor):
        return o.detach().requires_grad_(o.requires_grad)
    if isinstance(o, dict):
        return {key: apart(value) for key, value in o.items()}
    return type(o)(map(apart, o)) if isinstance(o, (list, tuple)) else o


def text(module: Any) -> str:
    """What repr shows, but for the names of dtypes."""
    return re.sub(r"\b(bs|torch)\.(?=[a-z])", "", repr(module))


def derivatives(got: Any, wanted: Any, leaves: list[tuple[Any, Any]]) -> bool:
    ours, results = floats(got), floats(wanted)
    if len(ours) != len(results):
        raise ValueError(f"{len(ours)} results require a gradient, PyTorch {len(results)}")
    leaves = [(a, b) for a, b in leaves if b.requires_grad]
    if not results or not leaves:
        return False
    rng = np.random.default_rng(0)
    weights = [np.asarray(rng.uniform(0.5, 1.5, tuple(t.shape))) for t in results]
    with quiet():
        theirs = torch.autograd.grad(
            sum((r * torch.tensor(w)).sum() for r, w in zip(results, weights, strict=True)),
            [b for _, b in leaves],
            allow_unused=True,
        )
        mine = bs.autograd.grad(
            sum((r * bs.tensor(w)).sum() for r, w in zip(ours, weights, strict=True)),
            [a for a, _ in leaves],
            allow_unused=True,
        )
    for a, b in zip(mine, theirs, strict=True):
        if b is not None and not (a is None and not bool((b != 0).any())):
            compare(a, b, "derivative")
    return True


def describe(given: Any) -> str:
    def show(o: Any) -> str:
        return f"{list(o.shape)}" if isinstance(o, torch.Tensor) else repr(o)

    parts = [show(o) for o in given.args] + [f"{k}={show(v)}" for k, v in given.kwargs.items()]
    return f"({', '.join(parts)})"
