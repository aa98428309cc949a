"""Random numbers: their distributions, their bits, their keys."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs

N = 200_000

Draw = Callable[[Any], bs.Tensor]

DRAWS: dict[str, Draw] = {
    "rand": lambda g: bs.rand(701, 3, generator=g),
    "rand64": lambda g: bs.rand(70001, generator=g, dtype=bs.float64),
    "rand16": lambda g: bs.rand(701, generator=g, dtype=bs.float16),
    "randn": lambda g: bs.randn(40001, generator=g),
    "randn64": lambda g: bs.randn(3, 7, generator=g, dtype=bs.float64),
    "randint": lambda g: bs.randint(-5, 1000, (50001,), generator=g),
    "randperm": lambda g: bs.randperm(1001, generator=g),
    "normal": lambda g: bs.normal(1.0, 2.0, (31, 7), generator=g),
    "bernoulli": lambda g: bs.bernoulli(bs.full((50001,), 0.3), generator=g),
    "poisson": lambda g: bs.poisson(bs.full((20001,), 12.0), generator=g),
    "multinomial": lambda g: bs.multinomial(bs.ones(701, 9), 4, generator=g),
    "multinomial_again": lambda g: bs.multinomial(bs.ones(701, 9), 40, replacement=True, generator=g),
    "dropout": lambda g: bs._core.ops.dropout(bs.ones(40001), 0.3, generator=g),
    "normal_": lambda g: bs.empty(33).normal_(generator=g),
    "uniform_": lambda g: bs.empty(33).uniform_(-1, 1, generator=g),
    "random_": lambda g: bs.empty(33, dtype=bs.int64).random_(generator=g),
    "exponential_": lambda g: bs.empty(33).exponential_(generator=g),
    "cauchy_": lambda g: bs.empty(33).cauchy_(generator=g),
    "log_normal_": lambda g: bs.empty(33).log_normal_(generator=g),
    "geometric_": lambda g: bs.empty(33).geometric_(0.2, generator=g),
    "bernoulli_": lambda g: bs.empty(33).bernoulli_(0.2, generator=g),
}


def bits(t: bs.Tensor) -> bytes:
    return t.numpy().tobytes()


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_bits_on_any_number_of_threads_eager_and_compiled(name: str) -> None:
    g = bs.Generator()

    def two() -> tuple[bs.Tensor, bs.Tensor]:
        return DRAWS[name](g), DRAWS[name](g)

    made = set()
    # What a capture writes in place is not known of plain tensors yet.
    compiled = two if name.endswith("_") else bs.compile(two)
    for threads in (1, 2, 3):
        bs.set_num_threads(threads)
        for run in (two, compiled):
            g.manual_seed(5)
            first, second = run()
            made.add((bits(first), bits(second)))
    assert len(made) == 1
    first, second = made.pop()
    assert first != second


def test_default_generator_and_its_states() -> None:
    bs.manual_seed(3)
    assert bs.initial_seed() == 3
    state = bs.get_rng_state()
    first = bs.rand(4), bs.randn(4)
    bs.set_rng_state(state)
    assert [bits(t) for t in (bs.rand(4), bs.randn(4))] == [bits(t) for t in first]
    assert bs.manual_seed(3) is bs.default_generator
    assert bits(bs.rand(4)) == bits(first[0])
    with bs.random.fork_rng():
        bs.rand(9)
    assert bits(bs.randn(4)) == bits(first[1])
    assert bs.seed() == bs.initial_seed()


def test_generators_are_their_own() -> None:
    bs.manual_seed(1)
    g, h = bs.Generator().manual_seed(1), bs.Generator("cpu")
    assert h.initial_seed() == bs.Generator().initial_seed()
    assert bits(bs.rand(5, generator=g)) == bits(bs.rand(5))
    twin = copy.deepcopy(g)
    third = pickle.loads(pickle.dumps(g))
    state = g.get_state()
    expected = bits(bs.rand(3, generator=g))
    for other in (twin, third):
        assert bits(bs.rand(3, generator=other)) == expected
    h.set_state(state)
    assert bits(bs.rand(3, generator=h)) == expected
    assert "seed 1" in repr(g)
    assert str(g.device) == "cpu"
    for wrong in (3, "cpu", bs.rand(2)):
        with pytest.raises((TypeError, ValueError), match=r"generator|key"):
            bs.rand(2, generator=wrong)
    with pytest.raises(bs.ShapeError, match="new_state"):
        g.set_state(bs.zeros(3, dtype=bs.int64))


def test_each_process_begins_with_a_seed_of_its_own_and_the_command_line_with_its() -> None:
    code = "import backsweep as bs; print(bs.initial_seed())"
    seeds = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in "12"
    }
    assert len(seeds) == 2


def moments(t: bs.Tensor) -> tuple[float, float]:
    a = t.numpy().astype(np.float64)
    return float(a.mean()), float(a.std())


@pytest.mark.parametrize(
    ("draw", "mean", "deviation"),
    [
        (lambda: bs.rand(N), 0.5, math.sqrt(1 / 12)),
        (lambda: bs.rand(N, dtype=bs.float64), 0.5, math.sqrt(1 / 12)),
        (lambda: bs.rand(N, dtype=bs.float16), 0.5, math.sqrt(1 / 12)),
        (lambda: bs.randn(N), 0, 1),
        (lambda: bs.randn(N, dtype=bs.float64), 0, 1),
        (lambda: bs.normal(3.0, 0.5, (N,)), 3, 0.5),
        (lambda: bs.normal(bs.full((N,), -1.0), 2.0), -1, 2),
        (lambda: bs.randint(0, 7, (N,)), 3, 2),
        (lambda: bs.bernoulli(bs.full((N,), 0.25)), 0.25, math.sqrt(3) / 4),
        (lambda: bs.zeros(N).bernoulli(0.25), 0.25, math.sqrt(3) / 4),
        (lambda: bs.poisson(bs.full((N,), 0.7)), 0.7, math.sqrt(0.7)),
        (lambda: bs.poisson(bs.full((N,), 9.5)), 9.5, math.sqrt(9.5)),
        (lambda: bs.poisson(bs.full((N,), 30.0)), 30, math.sqrt(30)),
        (lambda: bs.poisson(bs.full((N,), 4000.0, dtype=bs.float64)), 4000, math.sqrt(4000)),
        (lambda: bs.empty(N).normal_(2, 3), 2, 3),
        (lambda: bs.empty(N).uniform_(-1, 3), 1, 4 / math.sqrt(12)),
        (lambda: bs.empty(N).exponential_(0.5), 2, 2),
        (
            lambda: bs.empty(N).log_normal_(0, 0.5),
            math.exp(0.125),
            math.exp(0.125) * math.sqrt(math.exp(0.25) - 1),
        ),
        (lambda: bs.empty(N).geometric_(0.25), 4, math.sqrt(12)),
        (lambda: bs.empty(N, dtype=bs.int32).random_(10), 4.5, math.sqrt(99 / 12)),
        (lambda: bs.empty(N, dtype=bs.bool_).random_(), 0.5, 0.5),
        (lambda: bs.empty(N).cauchy_(1, 2).numpy().clip(-9, 11) * bs.ones(1), 1, None),
    ],
)
def test_means_and_deviations(draw: Callable[[], bs.Tensor], mean: float, deviation: float | None) -> None:
    found, spread = moments(draw())
    expected = spread if deviation is None else deviation
    assert abs(found - mean) < 5 * expected / math.sqrt(N)
    if deviation is not None:
        assert abs(spread - deviation) < 0.02 * deviation


def test_the_normal_distribution_up_to_its_tails() -> None:
    z = np.sort(bs.randn(N).numpy().astype(np.float64))
    expected = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in z[:: N // 1000]])
    found = (np.arange(N)[:: N // 1000] + 0.5) / N
    assert np.abs(found - expected).max() < 1.95 / math.sqrt(N)  # Kolmogorov and Smirnov, 0.1 %
    assert z[-1] > 4
    pairs = bs.randn(N).numpy()
    assert abs(np.corrcoef(pairs[: N // 2], pairs[N // 2 :])[0, 1]) < 0.02


@pytest.mark.parametrize("replacement", [True, False])
def test_multinomial_draws_by_weight(replacement: bool) -> None:
    weights = np.array([0.0, 1.0, 3.0, 0.0, 6.0, 0.0])
    rows = bs.multinomial(bs.tensor(np.tile(weights, (20000, 1))), 2, replacement=replacement).numpy()
    share = weights / weights.sum()
    counts = np.bincount(rows[:, 0], minlength=6) / 20000
    assert np.abs(counts - share).max() < 0.02
    pairs = np.zeros((6, 6))
    np.add.at(pairs, (rows[:, 0], rows[:, 1]), 1 / 20000)
    expected = np.outer(share, share)
    if not replacement:
        assert (rows[:, 0] != rows[:, 1]).all()
        with np.errstate(invalid="ignore"):
            rest = np.where(np.eye(6, dtype=bool), 0, share[None, :] / (1 - share[:, None]))
        expected = share[:, None] * rest
    assert np.abs(pairs - expected).max() < 0.02


def test_multinomial_of_many_categories() -> None:
    weights = bs.rand(1000) + 0.01
    all_of_them = bs.multinomial(weights, 1000)
    assert sorted(all_of_them.tolist()) == list(range(1000))
    assert all_of_them.dtype == bs.int64
    assert bs.multinomial(bs.ones(3, 4), 2).shape == (3, 2)
    assert bs.ones(4).multinomial(2, True).shape == (2,)


def test_permutations_are_all_as_likely() -> None:
    bs.manual_seed(0)
    seen: dict[tuple[int, ...], int] = {}
    for _ in range(6000):
        order = tuple(bs.randperm(3).tolist())
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 6
    assert all(abs(count - 1000) < 150 for count in seen.values())
    assert sorted(bs.randperm(1000, dtype=bs.int32).tolist()) == list(range(1000))
    assert bs.randperm(0).shape == (0,)
    assert bs.randperm(1).tolist() == [0]


def test_shapes_dtypes_and_forms() -> None:
    assert (
        bs.rand(2, 3).shape
        == bs.rand((2, 3)).shape
        == bs.rand([2, 3]).shape
        == bs.rand(size=(2, 3)).shape
        == (2, 3)
    )
    assert bs.randn(()).shape == bs.randn().shape == ()
    assert bs.randn(0, 3).shape == (0, 3)
    assert bs.randn(5).dtype == bs.float32
    assert bs.randn(2, requires_grad=True).requires_grad
    assert bs.randn(2, device="cpu", layout=bs.strided, pin_memory=False).is_leaf
    assert bs.randint(3, (2, 2)).dtype == bs.int64
    assert bs.randint(high=3, size=(2,)).amax() < 3
    assert bs.randint(2, 3, [4]).tolist() == [2, 2, 2, 2]
    assert bs.randint(2, 3, size=(4,), dtype=bs.float32).dtype == bs.float32
    assert bs.rand_like(bs.ones(2, 3, dtype=bs.float64)).dtype == bs.float64
    assert bs.randn_like(bs.ones(2, 3), dtype=bs.float16).dtype == bs.float16
    assert bs.randint_like(bs.ones(2, 3), 5).dtype == bs.float32
    assert bs.randint_like(bs.ones(2, 3), 4, 5).tolist() == [[4] * 3] * 2
    out = bs.zeros(2, 3)
    assert bs.rand(2, 3, out=out) is out
    assert float(out.sum()) > 0
    big = bs.empty(1000, dtype=bs.int64).random_()
    assert int(big.amax()) > 2**62
    assert int(big.amin()) >= 0
    low = bs.randint(-(2**63), 2**63 - 1, (1000,))
    assert int(low.amin()) < -(2**61)
    assert bs.bernoulli(bs.tensor([0.0, 1.0])).tolist() == [0, 1]
    assert bs.empty(2).bernoulli_(bs.tensor([0.0, 1.0])).tolist() == [0, 1]


def test_a_negative_deviation_that_is_computed_gives_nan() -> None:
    drawn = bs.compile(bs.normal)(bs.zeros(3), bs.tensor([1.0, -1.0, 0.0])).numpy()
    assert np.isnan(drawn).tolist() == [False, True, False]


def test_shapes_follow_the_sizes_of_a_compiled_call() -> None:
    @bs.compile
    def noise(x: bs.Tensor) -> bs.Tensor:
        return x + bs.randn(x.shape[0], 3) + bs.rand_like(x) + bs.rand(x.size(0), 1)

    for rows in (2, 5, 9):
        assert noise(bs.zeros(rows, 3)).shape == (rows, 3)
    assert noise.cache_info().misses <= 3


def test_no_derivative_goes_through_samples() -> None:
    mean = bs.zeros(3, requires_grad=True)
    assert not bs.normal(mean, 1.0).requires_grad
    x = bs.ones(3, requires_grad=True)
    y = x * 2
    y.normal_()
    (y * x).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())
    with pytest.raises(bs.GraphError, match="leaf"):
        x.normal_()
    with bs.no_grad():
        x.uniform_(2, 3)
    assert float(x.detach().amin()) >= 2


@pytest.mark.parametrize("draw", [bs.bernoulli, bs.poisson])
def test_steps_have_derivative_zero(draw: Callable[[bs.Tensor], bs.Tensor]) -> None:
    x = bs.full((3,), 0.5, requires_grad=True)
    draw(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: bs.rand(2, dtype=bs.int64), TypeError, "no dtype int64"),
        (lambda: bs.randn(-1), ValueError, "negative"),
        (lambda: bs.rand(2, size=(2,)), TypeError, "two values"),
        (lambda: bs.randint(3, 3, (2,)), ValueError, "below"),
        (lambda: bs.randint(3), TypeError, "size"),
        (lambda: bs.randperm(-1), ValueError, "negative"),
        (lambda: bs.normal(0.0, -1.0, (2,)), ValueError, "std"),
        (lambda: bs.normal(bs.zeros(2), bs.tensor([1.0, -1.0])), ValueError, "negative"),
        (lambda: bs.empty(2).normal_(0, -1), ValueError, "std"),
        (lambda: bs.empty(2).log_normal_(0, 0), ValueError, "above 0"),
        (lambda: bs.normal(0.0, 1.0), TypeError, "size"),
        (lambda: bs.bernoulli(bs.tensor([0.5, 1.5])), ValueError, "element 1"),
        (lambda: bs.bernoulli(bs.tensor([0.5]), 1.5), ValueError, r"\[0, 1\]"),
        (lambda: bs.bernoulli(bs.tensor([1])), TypeError, "int64"),
        (lambda: bs.poisson(bs.tensor([1.0, -1.0])), ValueError, "element 1"),
        (lambda: bs.multinomial(bs.ones(3), 4), ValueError, "replacement"),
        (lambda: bs.multinomial(bs.ones(3), 0), ValueError, "above 0"),
        (lambda: bs.multinomial(bs.ones(2, 2, 2), 1), ValueError, "must be"),
        (lambda: bs.multinomial(bs.tensor([[1.0, 1.0], [1.0, -1.0]]), 1), ValueError, "row 1"),
        (lambda: bs.multinomial(bs.zeros(3), 1), ValueError, "row 0"),
        (lambda: bs.multinomial(bs.tensor([1.0, 0.0]), 2), ValueError, "row 0"),
        (lambda: bs.multinomial(bs.tensor([math.inf, 1.0]), 1), ValueError, "row 0"),
        (lambda: bs.zeros(2).exponential_(0), ValueError, "lambd"),
        (lambda: bs.zeros(2).geometric_(1), ValueError, "p is"),
        (lambda: bs.zeros(2).bernoulli_(2), ValueError, "p is"),
        (lambda: bs.zeros(2, dtype=bs.int64).normal_(), TypeError, "int64"),
        (lambda: bs.rand(2, device="cuda"), RuntimeError, "only"),
    ],
)
def test_wrong_arguments(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
