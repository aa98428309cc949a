"""bs.compile: the same bits as eager calls, functions of all kinds, threads that share one, memory."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections import deque

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core, nn
from backsweep.nn import functional as F
from driver import OPS, array, bits
from oracles import ORACLES
from programs import batch, equal, everything, model_and_optimizer, text, training_step
from random_programs import RandomProgram

# ---- The same bits as eager --------------------------------------------------------------------------------


def random_program(seed: int) -> RandomProgram:
    dtype = "float64" if seed % 5 == 0 else "float32"
    return RandomProgram(seed, n=5 + seed % 9, length=6 + seed % 60, dtype=dtype, second=seed % 4 == 0)


@pytest.mark.parametrize("block", range(12))
def test_random_functions(block: int) -> None:
    wrong, missed = [], {name for name in OPS if not ORACLES[name].integers}
    for seed in range(200 * block, 200 * (block + 1)):
        program = random_program(seed)
        # Compiled first: memory that eager calls have freed may hold their results.
        got = program.run(bs.compile(program.__call__), 2)
        if got != program.run(program, 2):
            wrong.append(seed)
        missed -= program.called
    assert wrong == []
    assert not missed, f"no random function calls {sorted(missed)}"


def test_training_equals_eager() -> None:
    runs = []
    for compiled in (False, True):
        model, optimizer = model_and_optimizer(p=0.3)
        step = training_step(model, optimizer)
        step = bs.compile(step) if compiled else step
        bs.manual_seed(5)
        losses = [bits(step(*batch(seed=i))) for i in range(10)]
        runs.append((losses, everything(model, optimizer)))
    assert runs[0] == runs[1]


def test_the_first_momentum_step_equals_eager() -> None:
    for nesterov in (False, True):
        made = []
        for compiled in (False, True):
            p = nn.Parameter(bs.tensor([1.0, 2.0]))
            optimizer = bs.optim.SGD([p], lr=0.1, momentum=0.9, nesterov=nesterov, weight_decay=0.01)

            def step(p: nn.Parameter = p, optimizer: bs.optim.SGD = optimizer) -> None:
                optimizer.zero_grad()
                p.square().sum().backward()
                optimizer.step()

            (bs.compile(step) if compiled else step)()
            made.append(bits(p))
        assert made[0] == made[1]


def test_random_numbers_are_those_of_eager_calls() -> None:
    x = bs.ones(100)

    def draw(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
        return F.dropout(x), F.dropout(x), bs.uniform((7,))

    compiled = bs.compile(draw)
    bs.manual_seed(3)
    want = [bits(t) for _ in range(3) for t in draw(x)]
    state = bits(_core.default_generator)
    bs.manual_seed(3)
    assert [bits(t) for _ in range(3) for t in compiled(x)] == want
    assert bits(_core.default_generator) == state
    assert len(set(want)) == 9  # each call draws anew
    bs.manual_seed(3)
    mixed = [bits(t) for fn in (compiled, draw, compiled) for t in fn(x)]
    assert mixed == want


# ---- Functions of all kinds --------------------------------------------------------------------------------


def test_a_compiled_function_inside_another() -> None:
    inner_calls: deque[int] = deque()

    @bs.compile
    def inner(x: bs.Tensor) -> bs.Tensor:
        inner_calls.append(1)
        return bs.exp(x)

    @bs.compile
    def outer(x: bs.Tensor) -> bs.Tensor:
        return inner(x) + inner(x)

    x = bs.ones(2)
    equal(outer(x), bs.exp(x) + bs.exp(x))
    assert len(outer.programs) == 1 and len(inner.programs) == 0
    assert len(inner_calls) == 2
    assert "exp" in text(outer)
    outer(x)
    assert len(inner_calls) == 2
    equal(inner(x), bs.exp(x))


def test_methods_and_decorators() -> None:
    class Counter:
        def __init__(self, by: float) -> None:
            self.by = by
            self.value = nn.Buffer(bs.tensor(0.0))

        @bs.compile
        def add(self, x: bs.Tensor) -> bs.Tensor:
            """Adds."""
            self.value.assign(self.value + x * self.by)
            return self.value.detach()

    a, b = Counter(1.0), Counter(10.0)
    assert [float(c.add(bs.tensor(2.0))) for c in (a, b, a, b)] == [2.0, 20.0, 4.0, 40.0]
    assert Counter.add.__name__ == "add" and Counter.add.__doc__ == "Adds."
    with pytest.raises(TypeError, match=r"^\[compile\]"):
        bs.compile(3)


def test_functions_through_call_backs() -> None:
    """A bs.Function on NumPy arrays runs at each call of the program, in order."""
    seen: list[float] = []

    class Seen(bs.Function):
        numpy = True

        def forward(self, x: np.ndarray) -> np.ndarray:
            seen.append(float(x.sum()))
            return x * 2

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        Seen()(x * 10.0)  # its result is not used, but it may do something
        return Seen()(x) + 1.0

    for i in (1.0, 2.0):
        assert array(f(bs.tensor([i]))).tolist() == [2 * i + 1]
    assert seen == [10.0, 1.0, 20.0, 2.0]


CALLS_ITSELF = """
import numpy as np, backsweep as bs

class Again(bs.Function):
    numpy = True
    def forward(self, x):
        return np.asarray(f(bs.tensor(x * 0))) if x[0] > 0 else x

f = bs.compile(lambda x: Again()(x) + 1.0)
f(bs.zeros(3))
try:
    print(np.asarray(f(bs.ones(3))))
except bs.GraphError as error:
    assert str(error).startswith("["), error
    print(error)
"""


def test_a_call_back_that_calls_its_own_program() -> None:
    """It gives the result, or says that it cannot; it does not wait for itself."""
    done = subprocess.run([sys.executable, "-c", CALLS_ITSELF], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


# ---- Threads -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [4, 200])
def test_threads_may_call_one_program(size: int) -> None:
    """Results are each thread's own; writes to a slot are never lost."""
    counter = nn.Buffer(bs.tensor(0.0))

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        counter.assign(counter + 1.0)
        return bs.matmul(x, x) + 1.0

    calls = 60
    failures: list[int] = []
    f(bs.zeros(size, size))

    def work(k: int) -> None:
        x = bs.eye(size) * float(k)
        want = array(bs.eye(size) * float(k * k) + 1.0)
        failures.extend(k for _ in range(calls) if not np.array_equal(array(f(x)), want))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    assert float(counter) == 1 + 5 * calls
    assert len(f.programs) == 1


def test_threads_may_capture_at_once() -> None:
    """Captures of several threads do not see each other."""
    barrier = threading.Barrier(4)
    failures: list[object] = []

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        y = x
        for _ in range(50):
            y = y + x
        return y

    def work(n: int) -> None:
        x = bs.ones(n)
        barrier.wait()
        for _ in range(20):
            y = x + x  # eager, while others capture
            if array(f(x)).tolist() != [51.0] * n or array(y).tolist() != [2.0] * n:
                failures.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2, 3, 4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


# ---- Memory ------------------------------------------------------------------------------------------------


def resident() -> int:
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_memory_stays_flat() -> None:
    """20,000 compiled steps and 2,000 eager ones, with dropout, add no node and no byte."""
    model, optimizer = model_and_optimizer(p=0.1)
    eager = training_step(model, optimizer)
    step = bs.compile(eager)
    x, y = batch()
    for fn, n in ((step, 20_000), (eager, 2_000)):
        for _ in range(300):
            fn(x, y)
        gc.collect()
        nodes, used, rss = _core.live_nodes(), _core.allocated_bytes(), resident()
        for _ in range(n):
            fn(x, y)
        assert _core.live_nodes() == nodes
        assert _core.allocated_bytes() == used
        # AddressSanitizer keeps for a while what is freed.
        assert "libasan" in os.environ.get("LD_PRELOAD", "") or resident() - rss < 2 << 20


def test_programs_go_with_their_function() -> None:
    gc.collect()
    nodes, used = _core.live_nodes(), _core.allocated_bytes()
    for _ in range(20):
        model, optimizer = model_and_optimizer()
        step = bs.compile(training_step(model, optimizer))
        step(*batch())
        del model, optimizer, step
    gc.collect()
    assert _core.live_nodes() <= nodes + 2
    assert _core.allocated_bytes() <= used + 4096
