"""What a process does around the library: it ends, is interrupted, has several interpreters."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import backsweep as bs

ENV = {**os.environ, "PYTHONPATH": str(Path(bs.__file__).parents[1])}


def run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", code, *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=ENV)


BUSY = """
import signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
import numpy as np
import backsweep as bs
from backsweep import nn

bs.set_num_threads(int(sys.argv[2]))
x = bs.ones(700, 700)
w = bs.ones(700, 700, requires_grad=True)
model = nn.Linear(300, 300)
optimizer = bs.optim.SGD(model.parameters(), lr=0.1)
X, y = np.ones((2000, 300), np.float32), np.zeros(2000, np.int64)

class Square(bs.Function):
    numpy = True
    def forward(self, x):
        return sum(x * x for _ in range(100))
    def backward(self, grad, x, y):
        return 2 * grad * x

product = bs.compile(lambda x: bs.matmul(x, x).sum())
call_back = bs.compile(lambda x: Square()(bs.matmul(x, x)).sum())
work = {
    "eager": lambda: bs.matmul(x, x),
    "compiled": lambda: product(x),
    "call_back": lambda: call_back(x),
    "sweep": lambda: bs.grad(bs.matmul(w, w).sum(), w),
    "fit": lambda: bs.fit(model, X, y, optimizer=optimizer, epochs=1000, batch_size=200, progress=False),
}[sys.argv[1]]
"""


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("work", ["eager", "compiled", "call_back", "sweep", "fit"])
def test_the_process_ends_while_daemon_threads_work(work: str, threads: str) -> None:
    code = """
started = threading.Semaphore(0)
def forever():
    work() if sys.argv[1] != "fit" else None
    started.release()
    while True:
        work()
for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
for _ in range(3):
    started.acquire()
time.sleep(0.05)
print("end")
"""
    for _ in range(2):
        done = run(BUSY + code, work, threads)
        assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("work", ["eager", "compiled", "call_back", "fit"])
def test_an_interrupt_is_raised_and_the_process_works_on(work: str, threads: str) -> None:
    code = """
print("ready", flush=True)
try:
    while True:
        work()
except KeyboardInterrupt:
    print(float(product(bs.ones(700, 700))) > 0, flush=True)
"""
    command = [sys.executable, "-c", BUSY + code, work, threads]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENV) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "True\n"
        assert process.wait(30) == 0


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the size of the process there")
@pytest.mark.parametrize("stacks", [0, 1, 3, 5, 9])
def test_where_no_more_threads_are_to_be_had_fewer_do_the_work(stacks: int) -> None:
    """OpenMP would end the process."""
    code = """
import resource, sys
import backsweep as bs
x = bs.ones(700, 700)
def work():
    return float(bs.matmul(x, x).sum())
bs.set_num_threads(1)
want = work()
bs.set_num_threads(6)
with open("/proc/self/statm") as f:
    size = int(f.read().split()[0]) * resource.getpagesize()
stack = resource.getrlimit(resource.RLIMIT_STACK)[0]
stack = 8 << 20 if stack == resource.RLIM_INFINITY else stack
limit = size + int(sys.argv[1]) * (stack + 8192) + (1 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
assert all(work() == want for _ in range(20))
bs.set_num_threads(12)
assert all(work() == want for _ in range(20))
print("done")
"""
    done = run(code, str(stacks))
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_another_interpreter_gets_an_import_error() -> None:
    code = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
if sys.argv[1] == "second":
    import backsweep
made = interpreters.create()
code = '''
try:
    import backsweep
except ImportError as e:
    print("ImportError:", e)
'''
failed = interpreters.run_string(made, code)
assert not failed, failed
import backsweep as bs
print(float(bs.ones(3).sum()))
"""
    for order in ("first", "second"):
        done = run(code, order)
        assert done.returncode == 0, done.stderr
        first, last = done.stdout.splitlines()
        assert first.startswith("ImportError:")
        assert last == "3.0"
