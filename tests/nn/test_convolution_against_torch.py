"""Convolutions beside PyTorch's: options that are drawn, layers, refusals, what a state holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import backsweep as bs
from backsweep.nn import functional as F

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers
TF = torch.nn.functional


@st.composite
def options(
    draw: st.DrawFn, transposed: bool
) -> tuple[int, tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    """The number of axes, shapes of input and weight, and arguments."""
    axes = draw(st.integers(1, 3))

    def numbers(low: int, high: int) -> Any:
        """One for all axes, or one for each."""
        one = st.integers(low, high)
        return draw(one | st.tuples(*[one] * axes))

    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    first, second = (groups * draw(st.integers(1, 3)) for _ in range(2))
    kernel = [draw(st.integers(1, 4)) for _ in range(axes)]
    image = [draw(st.integers(1, 7)) for _ in range(axes)]
    given: dict[str, Any] = {"groups": groups, "stride": numbers(1, 3), "dilation": numbers(1, 2)}
    given["padding"] = numbers(0, 2)
    if transposed:
        given["output_padding"] = numbers(0, 2)
        weight = (first, second // groups, *kernel)
    else:
        if draw(st.booleans()):
            given["padding"] = draw(st.sampled_from(["same", "valid"]))
        weight = (second, first // groups, *kernel)
    batch = draw(st.sampled_from([(), (0,), (1,), (2,), (3,)]))
    return axes, (*batch, first, *image), weight, given


def compare(name: str, shapes: list[tuple[int, ...]], given: dict[str, Any]) -> None:
    """Results, or that both refuse; first and second derivatives."""
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    ours = [bs.tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    try:
        want = getattr(TF, name)(*theirs, **given)
    except RuntimeError:
        with pytest.raises((bs.ShapeError, ValueError)):
            getattr(F, name)(*ours, **given)
        return
    y = getattr(F, name)(*ours, **given)
    pairs = [(y, want)]
    direction = rng.standard_normal(tuple(want.shape))
    first = bs.autograd.grad((y * bs.tensor(direction)).sum(), ours, create_graph=True)
    want_first = torch.autograd.grad((want * torch.tensor(direction)).sum(), theirs, create_graph=True)
    pairs += zip(first, want_first, strict=True)
    if want.numel():  # else PyTorch's graph ends before
        second = bs.autograd.grad(sum(g.square().sum() for g in first), ours[:2])
        want_second = torch.autograd.grad(sum(g.square().sum() for g in want_first), theirs[:2])
        pairs += zip(second, want_second, strict=True)
    for a, b in pairs:
        assert a.shape == tuple(b.shape)
        mine, other = a.detach().numpy(), b.detach().numpy()
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-9 * np.abs(other).max(initial=1.0))


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@settings(max_examples=150)
@given(options(transposed=False), st.booleans())
def test_convolutions(drawn: Any, bias: bool) -> None:
    axes, x, w, given = drawn
    compare(f"conv{axes}d", [x, w, *([w[:1]] if bias else [])], given)


@settings(max_examples=150)
@given(options(transposed=True), st.booleans())
def test_transposes(drawn: Any, bias: bool) -> None:
    axes, x, w, given = drawn
    # Of an empty batch PyTorch takes what it refuses of others.
    assume(x[0] > 0 or len(x) == axes + 1)
    compare(f"conv_transpose{axes}d", [x, w, *([(w[1] * given["groups"],)] if bias else [])], given)


def test_other_functions() -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.standard_normal((6, 2, 3)), rng.standard_normal((2, 3, 4)), rng.standard_normal(4)
    made = bs.conv_tbc(*map(bs.tensor, (x, w, b)), 1)
    np.testing.assert_allclose(made.numpy(), torch.conv_tbc(*map(torch.tensor, (x, w, b)), 1).numpy(), 1e-12)
    x, w = rng.standard_normal((2, 4, 5, 5)), rng.standard_normal((4, 3, 3, 3))
    for transposed, extra in ((True, (1, 1)), (False, (0, 0))):
        weight = w if transposed else w.transpose(1, 0, 2, 3)
        arguments = (None, (2, 2), (1, 1), (1, 1), transposed, extra, 1)
        got = bs.convolution(bs.tensor(x), bs.tensor(weight.copy()), *arguments)
        want = torch.convolution(torch.tensor(x), torch.tensor(weight.copy()), *arguments)
        np.testing.assert_allclose(got.numpy(), want.numpy(), 1e-12)


@pytest.mark.parametrize("name", ["LazyConv1d", "LazyConv2d", "LazyConv3d", "LazyConvTranspose2d"])
def test_lazy_layers(name: str) -> None:
    axes = int(name[-2])
    x = np.random.default_rng(0).standard_normal((2, 4, *[5] * axes)).astype(np.float32)
    mine, theirs = (getattr(lib.nn, name)(6, 3, stride=2, bias=False) for lib in (bs, torch))
    mine(bs.tensor(x))
    theirs(torch.tensor(x))
    assert repr(mine) == repr(theirs)
    state = {key: value.numpy() for key, value in theirs.state_dict().items()}
    mine.load_state_dict(state)
    np.testing.assert_allclose(
        mine(bs.tensor(x)).detach().numpy(), theirs(torch.tensor(x)).detach().numpy(), 1e-5, 1e-6
    )


def test_first_values_are_of_the_same_distribution() -> None:
    bs.manual_seed(0)
    torch.manual_seed(0)
    for name in ("Conv2d", "ConvTranspose2d"):
        mine, theirs = (getattr(lib.nn, name)(32, 64, 3, groups=4) for lib in (bs, torch))
        for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
            a, b = p.detach().numpy(), q.detach().numpy()
            assert a.shape == b.shape
            np.testing.assert_allclose([a.min(), a.max()], [b.min(), b.max()], 0.1)
    for weight in ((8, 3, 5), (8, 3, 5, 2), (8, 3, 2, 2, 2)):
        ours = bs.nn.init._calculate_fan_in_and_fan_out(bs.zeros(weight))
        assert ours == torch.nn.init._calculate_fan_in_and_fan_out(torch.zeros(weight))
