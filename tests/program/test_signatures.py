"""What makes a signature, so that a function is captured anew, and what does not."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from driver import array, bits
from programs import batch, equal, everything, model_and_optimizer, training_step


def test_shapes_dtypes_and_gradients_make_signatures() -> None:
    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        return x + 1.0

    made = [
        bs.ones(2),
        bs.ones(3),
        bs.ones(2, 1),
        bs.ones(()),
        bs.ones(2, dtype=bs.float64),
        bs.tensor([1, 2]),
    ]
    made.append(bs.ones(2, requires_grad=True))
    for _ in range(3):
        for x in made:
            equal(f(x), x + 1.0)
    assert len(f.programs) == len(made)
    f(bs.ones(2, 2).T)  # memory order is no part of it
    f(bs.ones(2, 2))
    assert len(f.programs) == len(made) + 1


def test_static_arguments() -> None:
    calls: deque[Any] = deque()

    @bs.compile
    def f(x: bs.Tensor, k: Any) -> bs.Tensor:
        calls.append(k)
        return x * (2.0 if k is True else 3.0 if k == 1 else 5.0)

    x = bs.ones(1)
    statics = [1, True, 1.0, "1", None, (1, 2), (1, 3), [1, 2], {"a": 1}, {"b": 1}, {"a": 2}, 2**70, -0.5]
    for _ in range(2):
        for k in statics:
            equal(f(x, k), f.__wrapped__(x, k))
    assert len(f.programs) == len(statics)
    f(x, (1, True))
    f(x, (1.0, 2))
    assert len(f.programs) == len(statics) + 2


def test_keyword_arguments_and_defaults() -> None:
    @bs.compile
    def f(x: bs.Tensor, y: bs.Tensor | None = None, *, scale: float = 1.0, **rest: Any) -> bs.Tensor:
        z = x if y is None else x + y
        for value in rest.values():
            z = z * value
        return z * scale

    x, y = bs.tensor([1.0]), bs.tensor([10.0])
    assert array(f(x)).tolist() == [1.0]
    assert array(f(x, y)).tolist() == [11.0]
    assert array(f(x, y=y)).tolist() == [11.0]
    assert array(f(y=x, x=y, scale=2.0)).tolist() == [22.0]
    assert array(f(x, scale=3.0, k=bs.tensor([4.0]))).tolist() == [12.0]
    assert array(f(x, scale=3.0, k=bs.tensor([5.0]))).tolist() == [15.0]
    n = len(f.programs)
    f(x, scale=3.0, k=bs.tensor([6.0]))
    assert len(f.programs) == n
    with pytest.raises(TypeError):
        f()


def test_nested_arguments_and_results() -> None:
    @bs.compile
    def f(data: dict[str, Any]) -> dict[str, Any]:
        a, (b, n) = data["a"], data["pair"]
        return {
            "sum": a + b,
            "list": [a, (b * float(n),)],
            "number": 7,
            "none": None,
            "text": "t",
            "twice": a + b,
        }

    data = {"a": bs.tensor([1.0]), "pair": (bs.tensor([2.0]), 3)}
    for _ in range(2):
        made = f(data)
        assert list(made) == ["sum", "list", "number", "none", "text", "twice"]
        assert array(made["sum"]).tolist() == array(made["twice"]).tolist() == [3.0]
        assert array(made["list"][0]).tolist() == [1.0]
        assert isinstance(made["list"][1], tuple) and array(made["list"][1][0]).tolist() == [6.0]
        assert (made["number"], made["none"], made["text"]) == (7, None, "t")
        made["list"].append("mine")  # a result is the caller's own
    assert bs.compile(lambda: None)() is None
    assert bs.compile(lambda x: ())(bs.ones(1)) == ()


def test_numpy_arguments() -> None:
    @bs.compile
    def f(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        assert isinstance(x, bs.Tensor)
        return x * 2.0 + y

    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    for x in (a, np.asfortranarray(a), a[:, ::-1], a[::-1], np.broadcast_to(a[:1], (2, 3))):
        np.testing.assert_array_equal(array(f(x, a)), x * 2 + a)
        np.testing.assert_array_equal(array(f(x, bs.tensor(a))), x * 2 + a)
    assert len(f.programs) == 1
    np.testing.assert_array_equal(array(f(a.astype(np.float64), a)), a * 3.0)
    with pytest.raises(TypeError, match=r"^\["):
        f(np.array(["text"]), a)


def test_no_grad_is_part_of_the_signature() -> None:
    p = nn.Parameter(bs.ones(2))

    @bs.compile
    def f(x: bs.Tensor) -> list[bool]:
        return [(p * x).requires_grad]

    x = bs.ones(2)
    assert f(x) == [True]
    with bs.no_grad():
        assert f(x) == [False]
        assert f(x) == [False]
    assert f(x) == [True]
    assert len(f.programs) == 2


def test_train_and_eval() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    f = bs.compile(lambda x: model(x))
    x = bs.ones(3, 4)
    for _ in range(2):
        model.train()
        bs.manual_seed(0)
        got = f(x)
        bs.manual_seed(0)
        equal(got, model(x))
        model.eval()
        equal(f(x), model(x))
    assert len(f.programs) == 2
    model[1].train()  # a part of it alone
    bs.manual_seed(0)
    got = f(x)
    bs.manual_seed(0)
    equal(got, model(x))


def test_changes_of_structure() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    f = bs.compile(lambda x: model(x))
    x = bs.ones(3, 4)
    f(x)
    model[0] = nn.Linear(4, 4)
    equal(f(x), model(x))
    model[2].weight = nn.Parameter(bs.ones(2, 4))
    equal(f(x), model(x))
    model[2].bias = None
    equal(f(x), model(x))
    model.append(nn.Sigmoid())
    equal(f(x), model(x))
    n = len(f.programs)
    model[0].weight.copy_(bs.zeros(4, 4))  # a value is no structure
    equal(f(x), model(x))
    assert len(f.programs) == n


def test_freezing_a_parameter() -> None:
    model, optimizer = model_and_optimizer(momentum=0.0)
    step = bs.compile(training_step(model, optimizer))
    x, y = batch()
    step(x, y)
    frozen = model[0].weight
    frozen.requires_grad_(False)
    before, other = bits(frozen), bits(model[0].bias)
    step(x, y)
    assert bits(frozen) == before
    assert bits(model[0].bias) != other
    frozen.requires_grad_(True)
    step(x, y)
    assert bits(frozen) != before


def test_learning_rate_reaches_programs() -> None:
    runs = []
    for compiled in (False, True):
        model, optimizer = model_and_optimizer()
        step = training_step(model, optimizer)
        step = bs.compile(step) if compiled else step
        for lr, momentum in ((0.1, 0.9), (0.01, 0.9), (0.5, 0.5), (0.0, 0.1)):
            optimizer.param_groups[0]["lr"] = lr
            optimizer.param_groups[0]["momentum"] = momentum
            step(*batch())
        runs.append(everything(model, optimizer))
        if compiled:
            assert len(step.programs) == 1
    assert runs[0] == runs[1]


def test_a_call_of_many_signatures_stays_right() -> None:
    """More than are kept."""
    f = bs.compile(lambda x: (x * 2.0).sum())
    for _ in range(2):
        for n in range(150):
            assert float(f(bs.ones(n))) == 2.0 * n


def test_constants_are_told_apart_by_their_bits() -> None:
    @bs.compile
    def f(x: bs.Tensor, n: float) -> bs.Tensor:
        return x / n

    one = bs.tensor([1.0])
    assert [float(array(f(one, n))[0]) for n in (0.0, -0.0)] == [np.inf, -np.inf]
    for _ in range(3):
        f(one, float("nan"))
    assert len(f.programs) == 3


@pytest.mark.parametrize("what", [{1, 2}, bytearray(b"x"), type("Pair", (tuple,), {})((1, 2))])
def test_arguments_that_may_change_are_refused(what: Any) -> None:
    f = bs.compile(lambda x, n: x)
    with pytest.raises(TypeError, match=r"^\[compile\] an argument is a"):
        f(bs.ones(1), what)


def test_endless_arguments_are_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        bs.compile(lambda x: x)(endless)
    with pytest.raises((ValueError, TypeError, RecursionError)):
        bs.tensor(endless)


def test_a_plan_that_does_not_fit_memory_fails_again() -> None:
    f = bs.compile(lambda x: (x.expand(2**46) * 1.0).sum())
    for _ in range(2):
        with pytest.raises(MemoryError):
            f(bs.ones(1))
