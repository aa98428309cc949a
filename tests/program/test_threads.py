"""One hash: threads change no bit, nor does the choice between instruction sets with fma; forks work."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import datasets, nn
from backsweep.nn import functional as F
from driver import OPS, REGISTRY, about, array, bits, cases, inputs_of, leaves, outputs_and_gradients
from programs import training_step
from random_programs import RandomProgram

THREADS = (1, 2, 3, 7)
TESTS = Path(__file__).resolve().parents[1]


def digest(tensors: Any) -> str:
    h = hashlib.sha256()
    for t in tensors:
        h.update(np.ascontiguousarray(array(t)).tobytes())
    return h.hexdigest()[:16]


# ---- Training ----------------------------------------------------------------------------------------------

# Layers and batch. The first is the network of the command line; the second is wide enough to occupy threads.
NETWORKS = {"mlp": ((64, 128, 10), 32), "wide": ((64, 512, 512, 10), 256)}


def train(network: str, epochs: int = 3) -> str:
    """The hash of all parameters and momenta after some epochs of digits."""
    sizes, batch = NETWORKS[network]
    bs.manual_seed(0)
    layers: list[nn.Module] = []
    for i, o in pairwise(sizes[:-1]):
        layers += [nn.Linear(i, o), nn.LayerNorm(o), nn.ReLU(), nn.Dropout(0.1)]
    model = nn.Sequential(*layers, nn.Linear(*sizes[-2:]))
    X, y = digits()
    optimizer = bs.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    history = bs.fit(model, X, y, optimizer=optimizer, epochs=epochs, batch_size=batch, progress=False)
    assert epochs == 1 or history["loss"][-1] < history["loss"][0]
    state = [b for s in optimizer.state.values() for b in s.values()]
    return digest([*model.parameters(), *state, bs.tensor(history["loss"], dtype=bs.float64)])


def digits() -> tuple[np.ndarray, np.ndarray]:
    X, y = datasets.load_digits()[:2]
    return np.asarray(X, np.float32).reshape(len(X), -1) / 16, np.asarray(y, np.int64)


@pytest.mark.parametrize("network", NETWORKS)
def test_one_hash(network: str) -> None:
    hashes = {}
    for n in THREADS:
        bs.set_num_threads(n)
        assert bs.get_num_threads() == n
        hashes[n] = train(network)
    assert len(set(hashes.values())) == 1, hashes


def test_the_wide_network_uses_threads() -> None:
    """Else the test above would show nothing."""
    model = nn.Sequential(nn.Linear(64, 512), nn.LayerNorm(512), nn.ReLU(), nn.Linear(512, 10))
    optimizer = bs.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    step = bs.compile(training_step(model, optimizer))
    step(bs.ones(256, 64), bs.zeros(256, dtype=bs.int64))
    assert "all threads" in step.programs[0].text


def test_eager_and_compiled_training_agree_on_any_threads() -> None:
    X, y = digits()
    results = set()
    for n in THREADS:
        bs.set_num_threads(n)
        for compiled in (False, True):
            bs.manual_seed(0)
            model = nn.Sequential(
                nn.Linear(64, 300), nn.LayerNorm(300), nn.ReLU(), nn.Dropout(0.2), nn.Linear(300, 10)
            )
            optimizer = bs.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

            def step(
                x: bs.Tensor, t: bs.Tensor, model: nn.Module = model, optimizer: bs.optim.SGD = optimizer
            ) -> bs.Tensor:
                loss = F.cross_entropy(model(x), t)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                return loss

            run = bs.compile(step) if compiled else step
            losses = [run(bs.tensor(X[i : i + 300]), bs.tensor(y[i : i + 300])) for i in range(0, 1500, 300)]
            results.add(digest([*losses, *model.parameters()]))
    assert len(results) == 1


# ---- Ops and programs --------------------------------------------------------------------------------------


def large_hashes(name: str, dtype: str) -> list[str]:
    """Of an op's outputs and gradients on inputs that are worth several threads."""
    made = []
    for case in cases(name):
        if case.large:
            tensors = outputs_and_gradients(name, leaves(inputs_of(case, dtype)), case.attrs)
            made.append(f"{about(name, case)}: {digest(tensors)}")
    return made


def without_large_cases(name: str) -> bool:
    return not any(case.large for case in cases(name))


def test_every_op_that_moves_data_has_large_cases() -> None:
    """All but one loop's, element by element (`_each`), and those whose rows tests/tensors compares."""
    by_rows = {"bernoulli", "index_of", "multinomial", "poisson", "random_integers", "search_sorted"}
    cut = {name for name in OPS if REGISTRY[name]["is_cut"] and not name.endswith("_each")}
    assert {name for name in cut if without_large_cases(name)} == by_rows


@pytest.mark.parametrize("name", [name for name in OPS if not without_large_cases(name)])
def test_ops_on_any_number_of_threads(name: str) -> None:
    for dtype in ("float32", "float64"):
        made = []
        for n in THREADS:
            bs.set_num_threads(n)
            made.append(large_hashes(name, dtype))
        assert all(m == made[0] for m in made)


@pytest.mark.parametrize("seed", range(24))
def test_random_programs_on_any_number_of_threads(seed: int) -> None:
    """Large enough to be cut; eager and compiled."""
    n = (97, 130, 256)[seed % 3]
    program = RandomProgram(seed, n, length=4 + seed, second=seed % 4 == 0, large=True)
    made = {}
    for compiled in (True, False):
        for n in THREADS:
            bs.set_num_threads(n)
            made[compiled, n] = program.run(bs.compile(program.__call__) if compiled else program, 2)
    assert [key for key, m in made.items() if m != made[False, 1]] == []


def test_the_number_of_threads_may_change_between_calls() -> None:
    program = RandomProgram(3, n=128, length=20)
    compiled = bs.compile(program.__call__)
    program.reset()
    bs.set_num_threads(1)
    want = [[bits(t) for t in program(*program.inputs())] for _ in range(8)]
    program.reset()
    got = []
    for n in (1, 4, 2, 1, 7, 3, 2, 5):
        bs.set_num_threads(n)
        got.append([bits(t) for t in compiled(*program.inputs())])
    assert got == want


def test_set_num_threads_refuses() -> None:
    for bad in (0, -1, 2000):
        with pytest.raises(ValueError, match=r"^\[set_num_threads\]"):
            bs.set_num_threads(bad)
    with pytest.raises(TypeError):
        bs.set_num_threads("two")


# ---- Instruction sets --------------------------------------------------------------------------------------


def report() -> dict[str, Any]:
    """Hashes of everything above, for comparing processes."""
    bs.set_num_threads(int(os.environ["BACKSWEEP_TEST_THREADS"]))
    made: dict[str, Any] = {"isa": bs.info()["isa"]}
    for network in NETWORKS:
        made[network] = train(network)
    for name in OPS:
        if not without_large_cases(name):
            for dtype in ("float32", "float64"):
                made[f"{name} {dtype}"] = large_hashes(name, dtype)
    for seed in range(8):
        program = RandomProgram(seed, n=97, length=20)
        made[f"program {seed}"] = hashlib.sha256(
            repr(program.run(bs.compile(program.__call__))).encode()
        ).hexdigest()
    return made


def in_process(isa: str, threads: int) -> dict[str, Any]:
    paths = [str(TESTS / "program"), str(TESTS), str(Path(bs.__file__).parents[1])]
    code = (
        f"import sys, json; sys.path[:0] = {paths!r}; import test_threads as t; print(json.dumps(t.report()))"
    )
    env = {**os.environ, "BACKSWEEP_ISA": isa, "BACKSWEEP_TEST_THREADS": str(threads)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made.pop("isa") == isa
    return made


def differences(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    return [key for key in a if a[key] != b[key]]


@pytest.mark.sweep
def test_instruction_sets_and_threads() -> None:
    """v3 and v4 agree to the bit; v2 has no fma and may differ from them, but not across threads."""
    available = bs.info()["available_isas"]
    of_isa = {}
    for isa in available:
        runs = {n: in_process(isa, n) for n in THREADS}
        for n in THREADS:
            assert not differences(runs[1], runs[n]), (isa, n)
        of_isa[isa] = runs[1]
    fma = [isa for isa in available if isa != "v2"]
    for isa in fma:
        assert not differences(of_isa[fma[0]], of_isa[isa]), isa


def test_instruction_sets_with_fma_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smaller part of the sweep, in this process, that every run can afford."""
    available = bs.info()["available_isas"]
    now = bs.info()["isa"]
    made = {}
    try:
        for isa in available:
            bs._core._use_isa(isa)
            program = RandomProgram(1, n=33, length=30)
            made[isa] = program.run(bs.compile(program.__call__)), train("mlp", 1)
    finally:
        bs._core._use_isa(now)
    fma = [made[isa] for isa in available if isa != "v2"]
    assert all(m == fma[0] for m in fma)
    with pytest.raises(ValueError, match=r"^\[_use_isa\]"):
        bs._core._use_isa("v9")


def test_an_unknown_instruction_set_is_an_error_by_name() -> None:
    env = {**os.environ, "BACKSWEEP_ISA": "v9"}
    done = subprocess.run(
        [sys.executable, "-c", "import backsweep; backsweep.ones(3) + 1; print(backsweep.info()['isa'])"],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    assert "v9" in done.stderr, (done.returncode, done.stdout, done.stderr)


# ---- Forks -------------------------------------------------------------------------------------------------


def work() -> str:
    """Eager and compiled, large enough for threads."""
    x = bs.tensor(np.linspace(-1, 1, 300 * 300, dtype=np.float32).reshape(300, 300), requires_grad=True)
    f = bs.compile(lambda t: bs.sigmoid(bs.matmul(t, t)).sum(0))
    loss = bs.exp(bs.matmul(x, x)).sum()
    return digest([f(x), bs.grad(loss, x)])


def child(queue: Any) -> None:
    queue.put((work(), bs.get_num_threads()))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Python 3.12: that is what we test
def test_a_forked_child_works() -> None:
    bs.set_num_threads(3)
    want = work()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [context.Process(target=child, args=(queue,)) for _ in range(2)]
    for p in processes:
        p.start()
    results = [queue.get(timeout=60) for _ in processes]
    for p in processes:
        p.join(60)
    assert [p.exitcode for p in processes] == [0, 0]
    assert results == [(want, 1)] * 2
    assert work() == want  # the parent goes on in parallel
    assert bs.get_num_threads() == 3


def test_a_child_forked_while_nothing_has_run() -> None:
    code = """
import os, sys, numpy as np, backsweep as bs
model = bs.nn.Linear(300, 300)
step = bs.compile(lambda x: model(x).sum())
if sys.argv[1] == "after":
    bs.set_num_threads(4)
    step(bs.ones(300, 300))
pid = os.fork()
value = float(step(bs.ones(300, 300)))
if pid == 0:
    os._exit(0 if np.isfinite(value) else 1)
_, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status))
"""
    for when in ("before", "after"):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, when],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout.strip() == "0", done.stderr
