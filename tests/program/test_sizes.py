"""Calls with new sizes: as the function itself to the bit, and when they need Python."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import Tensor, _core, nn
from backsweep.nn import functional as F

D = 6
WEIGHT = np.random.default_rng(7).standard_normal((4, D)).astype(np.float32)
TABLE = bs.Parameter(np.random.default_rng(8).standard_normal((40, D)).astype(np.float32))
NET = nn.Sequential(nn.Flatten(), nn.Linear(2 * D, 8), nn.ReLU(), nn.Linear(8, 3))
SIZES = (4, 6, 10)


def floats(*shape: int) -> Tensor:
    return bs.tensor(np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32))


def labels(n: int) -> Tensor:
    return bs.tensor(np.random.default_rng(n).integers(0, 3, n))


def rows(n: int) -> tuple[Tensor, ...]:
    return (floats(n, D),)


def images(n: int) -> tuple[Tensor, ...]:
    return (floats(n, 2, D),)


def sentences(n: int) -> tuple[Tensor, ...]:
    return (floats(2, n, D),)


def classes(n: int) -> tuple[Tensor, ...]:
    return floats(n, 2, D), labels(n)


def attention(x: Tensor) -> Tensor:
    t = x.shape[1]
    scores = x @ x.transpose(1, 2) / math.sqrt(x.shape[-1])
    past = bs.arange(t).reshape(t, 1) >= bs.arange(t)
    return bs.softmax(bs.where(past, scores, -1e9), -1) @ x


def padded(x: Tensor) -> Tensor:
    missing = 16 - x.shape[0]
    return bs.cat([x, bs.zeros(missing, x.shape[1])], 0)


def recurrent(x: Tensor) -> Tensor:
    h = bs.zeros(x.shape[0], 4)
    weight = bs.tensor(WEIGHT)
    for t in range(x.shape[1]):
        h = bs.tanh(bs.linear(x[:, t], weight) + h)
    return h


def gradients(x: Tensor) -> Any:
    weight = bs.tensor(WEIGHT, requires_grad=True)
    loss = bs.square(bs.linear(x, weight)).mean()
    (first,) = bs.grad(loss, [weight], create_graph=True)
    return first, bs.grad(bs.square(first).sum(), weight)


def by_number(x: Tensor) -> Tensor:
    return {4: x, 6: -x}.get(x.shape[0], x * 2.0)


def refused(x: Tensor) -> Tensor:
    try:
        return x.reshape(8, -1)
    except bs.ShapeError:
        return x


def broadcast_or_not(x: Tensor) -> Tensor:
    return x + bs.ones(x.shape[0] if x.shape[0] % 4 else 1, 1)


# name: (function, its arguments for a size, captures for the three sizes)
PROGRAMS: dict[str, tuple[Callable[..., Any], Callable[[int], tuple[Tensor, ...]], int]] = {
    "view(n, -1)": (lambda x: x.view(x.size(0), -1), images, 1),
    "reshape(-1, d)": (lambda x: x.reshape(-1, D), images, 1),
    "reshape to a product": (lambda x: x.reshape(x.shape[0] * x.shape[1], x.shape[2]), images, 1),
    "flatten": (NET[0], images, 1),
    "sum / n": (lambda x: bs.sum(x) / x.size(0), rows, 1),
    "n * sum": (lambda x: x.shape[0] * bs.sum(x) - len(x.shape), rows, 1),
    "sum / numel": (lambda x: bs.sum(x) / x.numel(), rows, 1),
    "1 / sqrt(n)": (lambda x: x / math.sqrt(x.shape[0]), rows, 3),
    "float(n)": (lambda x: x * float(x.shape[0]), rows, 3),
    "n ** 2": (lambda x: x * x.shape[0] ** 2, rows, 3),
    "mean": (lambda x: x.mean(), rows, 1),
    "mean over an axis": (lambda x: x.mean(0) + x.mean(1).sum(), rows, 1),
    "a loop over time": (recurrent, images, 1),
    "a loop over rows": (lambda x: sum(x[i] * float(i) for i in range(x.shape[0])), rows, 3),
    "iteration": (lambda x: [row * 2.0 for row in x], rows, 3),
    "len": (lambda x: x / len(x), rows, 3),
    "half of it": (lambda x: x[:, : x.shape[1] // 2], sentences, 1),
    "the last half": (lambda x: x[:, -(x.shape[1] // 2) :] + x[:, x.shape[1] // 2 :], sentences, 1),
    "the last row": (lambda x: x[x.shape[0] - 1] + x[-1], rows, 1),
    "every other row": (lambda x: x[::2] + x[1::2], rows, 1),
    "zeros(shape)": (lambda x: bs.zeros(x.shape) - x, rows, 1),
    "ones(n, 1)": (lambda x: bs.ones(x.shape[0], 1) + x, rows, 1),
    "full": (lambda x: bs.full((x.shape[0], 2), 0.5).sum() + x, rows, 1),
    "zeros_like": (lambda x: bs.zeros_like(x) + bs.ones_like(x) * x, rows, 1),
    "expand": (lambda x: x.mean(0).reshape(1, -1).expand(x.shape[0], -1) + x, rows, 1),
    "arange": (lambda x: x * bs.arange(x.shape[0]).reshape(-1, 1), rows, 1),
    "NumPy's arange": (lambda x: x * np.arange(x.shape[0], dtype=np.float32)[:, None], rows, 3),
    "a causal mask": (attention, sentences, 1),
    "positions": (lambda x: x + TABLE[: x.shape[1]], sentences, 1),
    "padding": (padded, rows, 1),
    "chunk": (lambda x: bs.chunk(x, 2, 0), rows, 1),
    "split": (lambda x: bs.split(x, x.shape[0] // 2), rows, 1),
    "split in as many as there are": (lambda x: bs.split(x, 2), rows, 3),
    "unbind": (lambda x: bs.unbind(x, 0), rows, 3),
    "if n > 5": (lambda x: x * 2.0 if x.size(0) > 5 else x * 3.0, rows, 2),
    "if n": (lambda x: x if x.shape[0] else bs.zeros(1), rows, 1),
    "equal shapes": (lambda x, y: x + y if x.shape == y.shape else x, lambda n: rows(n) * 2, 1),
    "min and max": (lambda x: x[: min(x.shape[0], 5)] * max(x.shape[0], 3), rows, 2),
    "f-string": (lambda x: {f"rows {x.shape[0]}": x}, rows, 3),
    "key of a dict": (by_number, rows, 3),
    "a size is returned": (lambda x: (x, x.shape, {"n": x.shape[0] // 2}), rows, 3),
    "a size is unpacked": (lambda x: (lambda n, d: x.sum(1))(*x.shape), rows, 1),
    "an error is caught": (refused, rows, 3),
    "divisible by 4": (broadcast_or_not, rows, 2),
    "strides": (lambda x: x * float(x.transpose(0, 1).stride(1)), sentences, 3),
    "text of the shape": (lambda x: x * float(len(str(x.shape))), rows, 3),
    "gradients": (gradients, rows, 1),
    "cross entropy": (lambda x, y: F.cross_entropy(NET(x), y), classes, 1),
    "cross entropy, smoothed": (lambda x, y: F.cross_entropy(NET(x), y, label_smoothing=0.1), classes, 1),
    "mean squared error": (lambda x: F.mse_loss(NET(x), bs.zeros(x.shape[0], 3)), images, 1),
    "layer norm": (lambda x: F.layer_norm(x, (2, D)), images, 1),
    "dropout": (lambda x: F.dropout(x, 0.5), rows, 1),
}


def leaves(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [leaf for item in value for leaf in leaves(item)]
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in [key, *leaves(item)]]
    return [(value.shape, value.dtype, value.numpy().tobytes()) if isinstance(value, Tensor) else value]


def counted(fn: Callable[..., Any]) -> tuple[Callable[..., Any], deque[None]]:
    """The function compiled, and what grows with each capture: no list, a change of which is seen."""
    captures: deque[None] = deque()

    def run(*args: Any) -> Any:
        captures.append(None)
        return fn(*args)

    return bs.compile(run), captures


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_use_sizes(name: str) -> None:
    """Each gives what it gives eager; with no condition on a size, only the first call runs Python."""
    fn, arguments, captures = PROGRAMS[name]
    compiled, seen = counted(fn)
    for n in (*SIZES, *SIZES):
        args = arguments(n)
        bs.manual_seed(n)
        want = leaves(fn(*args))
        bs.manual_seed(n)
        got = leaves(compiled(*args))
        assert got == want
        assert [type(x) for x in got] == [type(x) for x in want]
    assert len(seen) == captures


def test_there_are_enough_programs() -> None:
    assert len(PROGRAMS) >= 40


# ---- Training ----------------------------------------------------------------------------------------------


def trained(compiled: bool, optimizer: str) -> tuple[list[Any], int]:
    """Losses and parameters of steps on batches of many sizes."""
    bs.manual_seed(3)
    net = nn.Sequential(nn.Flatten(), nn.Linear(2 * D, 8), nn.ReLU(), nn.Dropout(0.25), nn.Linear(8, 3))
    optim = getattr(bs.optim, optimizer)(net.parameters(), lr=0.05)

    def step(x: Tensor, y: Tensor) -> Tensor:
        optim.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optim.step()
        return loss

    run, captures = counted(step)
    losses = [(run if compiled else step)(*classes(n)) for n in (5, 2, 9, 5, 4, 1, 7)]
    return leaves([losses, [p.detach() for p in net.parameters()]]), len(captures)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW"])
def test_training_on_batches_of_many_sizes(optimizer: str) -> None:
    want, _ = trained(False, optimizer)
    got, captures = trained(True, optimizer)
    assert got == want
    assert captures == 1


def test_derivatives_of_replayed_programs() -> None:
    """Around them, first and second: those of a program captured for this size."""

    def penalty(fn: Callable[[Tensor], Tensor], n: int) -> list[Any]:
        x = floats(n, D).requires_grad_()
        (g,) = bs.grad(bs.square(fn(x)).sum(), [x], create_graph=True)
        (bs.square(g).sum() + x.sum()).backward()
        return leaves([g.detach(), x.grad, TABLE.grad])

    def fn(x: Tensor) -> Tensor:
        return bs.tanh(x @ TABLE[:D].T) / x.shape[0]

    compiled, captures = counted(fn)
    for n in (3, 8, 5, 3):
        TABLE.grad = None
        want = penalty(bs.compile(fn), n)
        TABLE.grad = None
        assert penalty(compiled, n) == want
    TABLE.grad = None
    assert len(captures) == 1


# ---- What is not replayed, or asks anew --------------------------------------------------------------------


def test_other_dtypes_ranks_and_constants_are_captured() -> None:
    compiled, captures = counted(lambda x, scale: x * scale)
    for x, scale in [(floats(3), 2.0), (floats(4), 2.0), (floats(4), 3.0), (floats(2, 2), 3.0)]:
        assert leaves(compiled(x, scale)) == leaves(x * scale)
    assert len(captures) == 3
    compiled(floats(5).to(bs.float64), 3.0)
    assert len(captures) == 4


def test_errors_of_other_sizes_are_those_of_the_function() -> None:
    compiled, captures = counted(lambda x, y: bs.relu(x) @ y)
    assert compiled(floats(2, 3), floats(3, 2)).shape == (2, 2)
    with pytest.raises(bs.ShapeError, match="matmul"):
        compiled(floats(2, 3), floats(4, 2))
    assert compiled(floats(5, 4), floats(4, 2)).shape == (5, 2)
    assert len(captures) == 2


def test_guards_hold_for_other_sizes_too() -> None:
    net = nn.Sequential(nn.Linear(D, 3), nn.Dropout(0.5))
    compiled, captures = counted(lambda x: net(x))
    for n, training in [(2, True), (3, True), (4, False), (5, False), (6, True)]:
        net.train(training)
        x = floats(n, D)
        bs.manual_seed(n)
        want = leaves(net(x))
        bs.manual_seed(n)
        assert leaves(compiled(x)) == want
    assert len(captures) == 2


def test_call_backs_into_python_are_captured() -> None:
    class Twice(bs.Function):
        numpy = True

        def shapes(self, *inputs: tuple[int, ...]) -> tuple[int, ...]:
            return inputs[0]

        def forward(self, x: Any) -> Any:
            return 2 * x

        def backward(self, g: Any, x: Any, y: Any) -> Any:
            return 2 * g

    compiled, captures = counted(lambda x: Twice()(x) + 1.0)
    for n in (2, 3, 4):
        assert leaves(compiled(floats(n))) == leaves(floats(n) * 2.0 + 1.0)
    assert len(captures) == 3


def test_a_value_written_to_a_buffer_fits_it_or_raises() -> None:
    mean = bs.Buffer(np.zeros(4, np.float32))

    def fn(x: Tensor) -> Tensor:
        mean.copy_(x.sum(1))
        return mean * 2.0

    compiled, captures = counted(fn)
    assert compiled(floats(4, 2)).shape == (4,)
    assert leaves(compiled(floats(4, 3))) == leaves(floats(4, 3).sum(1) * 2.0)
    with pytest.raises(bs.ShapeError, match="broadcast"):
        compiled(floats(5, 2))
    assert compiled(floats(1, 2)).shape == (4,)  # broadcast: another way through copy_
    assert len(captures) == 3


# ---- Size --------------------------------------------------------------------------------------------------

EXPRESSIONS = """
n + 3; 3 + n; n - 3; 3 - n; n * 3; n // 3; n % 3; -n // 3; -n % 3; n // -3; n % -3; 20 // n; n / 3; 3 / n
divmod(n, 3); n**2; 2**n; pow(n, 2, 5); n << 1; n >> 1; n & 3; n | 8; n ^ 1; ~n; +n; abs(-n)
n < 7; n <= 7; 7 > n; n != 7; n == 7.0; n == "7"; n in (1, 7); bool(n); int(n); float(n); complex(n); hash(n)
str(n); repr(n); f"{n:03d}"; "%d" % n; "{}".format(n); [0] * n; "ab" * n; list(range(n)); list(range(10))[n]
round(n); math.sqrt(n); math.trunc(n); math.floor(n); math.ceil(n); math.gcd(n, 14); math.prod((n, n, 2))
sum((n, n)); max(n, 3); sorted([n, 9, 1]); {7: "a"}.get(n); n.bit_length(); n.real; n * 1.5; n + True
n * 10**30; (n * 2**40) * (n * 2**40); np.zeros((n, 2)).shape; np.float64(2) * n; np.asarray(n).dtype.name
(np.ones(2, "f4") * n).dtype.name; (n - np.ones(2, "f4")).tolist(); np.add.reduce([n, n]); np.float32(2) * n
np.where(np.ones(2) > 0, np.ones(2, "f4"), n).dtype.name; np.clip(np.ones(2, "f4"), 0, n).dtype.name
"""


@pytest.mark.parametrize("text", [e.strip() for e in EXPRESSIONS.strip().replace("\n", ";").split(";")])
def test_sizes_give_what_ints_give(text: str) -> None:
    """The value, and for another size that one's."""

    def fn(n: int) -> Any:
        return eval(text, {"n": n, "math": math, "np": np})

    compiled = bs.compile(lambda x: (x, fn(x.shape[0])))
    for n in (7, 5, 7):
        want, got = fn(n), compiled(floats(n))[1]
        assert got == want
        assert type(got) is type(want)


def test_sizes_are_integral_numbers_inside_and_ints_outside() -> None:
    import copy
    import numbers
    import pickle

    kept: deque[int] = deque()

    @bs.compile
    def fn(x: Tensor) -> Tensor:
        kept.append(x.shape[0])
        n: Any = x.shape[0]
        assert issubclass(type(n), numbers.Integral)
        assert not issubclass(type(n), int)
        with pytest.raises(ZeroDivisionError):
            n // 0
        with pytest.raises(TypeError):
            n + "a"
        with pytest.raises(AttributeError, match="nothing"):
            _ = n.nothing
        return x

    fn(floats(3))
    assert (kept[0], kept[0] + 1, str(kept[0]), copy.deepcopy(kept[0])) == (3, 4, "3", 3)
    assert type(pickle.loads(pickle.dumps(kept[0]))) is int
    assert type(floats(3).shape[0]) is int
    assert leaves(floats(3) * kept[0]) == leaves(floats(3) * 3)
    assert leaves(bs.mul(labels(4), kept[0])) == leaves(labels(4) * 3)
    assert bs.zeros(kept[0], 2).shape == (3, 2)


class Grows(nn.Module):
    """Keeps the largest size that it has met, and what it has made for that."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self.scales = bs.zeros(0)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] > self.most:
            self.most = x.shape[0]
            self.scales = bs.arange(self.most) + self.most
        return x * self.scales[: x.shape[0]].reshape(-1, 1) + self.most


class First(nn.Module):
    """Keeps the first size that it has met, in a list that it changes itself."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        if not self.sizes:
            self.sizes.append(x.shape[0])
        first = self.sizes[0]
        sign = 1.0 if x.shape[0] >= first else -1.0
        return x[:first].sum() * sign + x * first - (first - x.shape[0])


class Last(nn.Module):
    """Compares a size with one that an earlier call has left."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def forward(self, x: Tensor) -> Tensor:
        same, self.size = self.size == x.shape[0], x.shape[0]
        return x * 2.0 if same else x * 3.0


@pytest.mark.parametrize("of", [Grows, First, Last])
def test_sizes_that_earlier_calls_have_kept(of: Callable[[], nn.Module]) -> None:
    """They are numbers: those of the calls that kept them, whatever is played again."""
    eager, compiled = of(), bs.compile(of())
    for n in (4, 2, 7, 7, 5, 9, 4):
        assert leaves(compiled(floats(n, D))) == leaves(eager(floats(n, D)))


def test_sizes_that_grow_in_a_loop_become_numbers() -> None:
    def fn(x: Tensor) -> Tensor:
        n = x.shape[0]
        for _ in range(100):
            n = (n + n) % 1001
        return x * n

    compiled, captures = counted(fn)
    for n in (3, 4):
        assert leaves(compiled(floats(n))) == leaves(fn(floats(n)))
    assert len(captures) == 2


# ---- Memory ------------------------------------------------------------------------------------------------


def test_a_stream_of_sizes_is_played_again_in_bounded_memory() -> None:
    """Programs of 3 MiB each: at most 64 MiB of arenas, and 64 programs, whatever the number of sizes."""

    @bs.compile
    def fn(x: Tensor) -> Tensor:
        return bs.sum(bs.softmax(bs.exp(x) @ bs.exp(x).T, 1))

    def held(sizes: range) -> int:
        for n in sizes:
            fn(bs.ones(n, 8))
        return int(_core.allocated_bytes())

    first = held(range(800, 850))
    assert held(range(850, 950)) < first + (24 << 20)
    want = fn.cache_info()
    assert (want.misses, want.reshaped, want.currsize) == (1, 149, 64)
    # An arena that was given up is laid out anew.
    assert leaves(fn(bs.ones(887, 8))) == leaves(bs.compile(fn.__wrapped__)(bs.ones(887, 8)))
    assert fn.cache_info().hits == 1
