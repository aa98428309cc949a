"""Reading a value while a function is captured, or a symbol after it: errors that name the line."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core, nn


@pytest.mark.parametrize(
    "read",
    [
        lambda x: float(x.sum()),
        lambda x: int(x.sum()),
        lambda x: x.sum().item(),
        lambda x: x.numpy(),
        lambda x: np.asarray(x),
        lambda x: x.tolist(),
        lambda x: 1 if x.sum() > 0.0 else 2,
        lambda x: np.sin(np.array(x)),
        lambda x: bs.tensor([float(x[0]), 1.0]),
        lambda x: f"{float(x[0]):.2f}",
        lambda x: [1, 2][int(x[0])],
    ],
)
def test_reading_a_value_names_this_line(read: Callable[[bs.Tensor], object]) -> None:
    line = inspect.getsourcelines(read)[1]

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        read(x)
        return x

    with pytest.raises(bs.GraphError) as caught:
        f(bs.ones(3))
    assert str(caught.value).startswith("[compile] ")
    assert f"{__file__}:{line}" in str(caught.value)
    assert "bs.where" in str(caught.value) or "return" in str(caught.value)
    assert not _core.is_capturing()


def test_reading_a_parameter_or_a_gradient_is_an_error_too() -> None:
    p = nn.Parameter(bs.ones(()))

    @bs.compile
    def by_parameter() -> bs.Tensor:
        return p * 2.0 if p > 0.0 else p

    @bs.compile
    def by_gradient() -> bs.Tensor:
        p.grad = None
        (p * p).backward()
        return p * float(p.grad)

    for f in (by_parameter, by_gradient):
        with pytest.raises(bs.GraphError, match=r"test_capture_errors\.py"):
            f()


def test_shapes_and_printing_are_allowed() -> None:
    seen = []

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        seen.append((x.shape, x.ndim, x.numel(), x.dtype, len(x), repr(x)))
        return x.reshape(x.shape[1], -1)

    f(bs.ones(2, 3))
    assert seen[0][:5] == ((2, 3), 2, 6, bs.float32, 2)
    assert "symbolic" in seen[0][5]


def test_symbols_do_not_leave_the_function() -> None:
    kept: deque[bs.Tensor] = deque()  # where no change is seen

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        kept.append(x * 2.0)
        return x

    f(bs.ones(2))
    p = nn.Parameter(bs.ones(2))
    acts: list[Callable[[], object]] = [
        lambda: float(kept[0].sum()),
        lambda: np.asarray(kept[0]),
        lambda: f(kept[0]),
        lambda: bs.compile(lambda x: x + kept[0])(bs.ones(2)),
        lambda: p.assign(kept[0]),
        lambda: p.copy_(kept[0]),
        lambda: nn.Parameter(kept[0]),
        lambda: setattr(p, "grad", kept[0]),
    ]
    for number, act in enumerate(acts):
        try:
            act()
        except bs.GraphError as error:
            raised = str(error)
        else:
            raised = f"act {number} raises nothing"
        assert raised.startswith("["), raised
