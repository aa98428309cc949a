"""Norms of gradients: values, PyTorch's, limits, compiled steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn.utils import clip_grad_norm_, clip_grad_value_, get_total_norm

SHAPES: list[tuple[int, ...]] = [(), (0,), (1,), (17,), (33, 31), (20_000,), (3, 7_000)]
NORMS = [1.0, 2.0, 2, 3.0, 0.5, math.inf]

Array = np.ndarray[Any, Any]


def arrays(shapes: list[tuple[int, ...]] = SHAPES, dtype: str = "float64") -> list[Array]:
    rng = np.random.default_rng(0)
    return [np.asarray(rng.standard_normal(s)).astype(dtype) for s in shapes]


def norm_of(given: list[Array], p: float) -> float:
    flat = np.concatenate([a.ravel() for a in given]).astype(np.float64)
    return float(np.abs(flat).max() if p == math.inf else (np.abs(flat) ** p).sum() ** (1 / p))


def parameters(given: list[Array]) -> list[nn.Parameter]:
    made = []
    for a in given:
        p = nn.Parameter(bs.zeros(a.shape, dtype=str(a.dtype)))
        p.grad = bs.tensor(a)
        made.append(p)
    return made


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-6), ("float64", 1e-13)])
def test_norm(p: float, dtype: str, tolerance: float) -> None:
    given = arrays(dtype=dtype)
    if dtype == "float32" and p == 0.5:
        tolerance = 1e-5  # (e^(ln s / p)) of a sum of 50,000
    for n in range(1, len(given) + 1):
        norm = get_total_norm([bs.tensor(a) for a in given[:n]], p)
        assert norm.shape == ()
        want = norm_of(given[:n], p)
        assert float(norm) == pytest.approx(want, rel=tolerance)
    assert float(get_total_norm(bs.tensor(given[4]), p)) == pytest.approx(
        norm_of(given[4:5], p), rel=tolerance
    )


@pytest.mark.parametrize("p", NORMS)
def test_derivative_of_a_norm_at_zero(p: float) -> None:
    """Of all zeros it is 0, not NaN; zeros beside others change nothing."""
    x, y = bs.zeros(3, requires_grad=True), bs.zeros(2, 2, requires_grad=True)
    for d in bs.grad(get_total_norm([x, y], p), [x, y]):
        np.testing.assert_array_equal(d.numpy(), 0)
    x = bs.tensor([0.0, 3.0, -4.0], requires_grad=True)
    d = bs.grad(get_total_norm([x, y], 2.0), x)
    np.testing.assert_allclose(d.numpy(), [0, 0.6, -0.8], rtol=1e-6)


@pytest.mark.parametrize("p", NORMS)
def test_gradients_of_zero_stay_zero(p: float) -> None:
    made = parameters([np.zeros(3), np.zeros((2, 2))])
    assert float(clip_grad_norm_(made, 1.0, p)) == 0.0
    for q in made:
        np.testing.assert_array_equal(q.grad.numpy(), 0)


def test_norm_of_nothing() -> None:
    assert float(get_total_norm([])) == 0.0
    assert float(get_total_norm([bs.zeros(0)], math.inf)) == 0.0
    assert float(clip_grad_norm_([nn.Parameter(bs.ones(2))], 1.0)) == 0.0


@pytest.mark.parametrize("p", NORMS)
@pytest.mark.parametrize("limit", [0.5, 1e12])
def test_clip_by_norm(p: float, limit: float) -> None:
    given = arrays()
    ps = [*parameters(given), nn.Parameter(bs.ones(2))]
    norm = clip_grad_norm_(iter(ps), limit, norm_type=p)
    want = norm_of(given, p)
    assert float(norm) == pytest.approx(want)
    scale = min(1.0, limit / (want + 1e-6))
    for q, a in zip(ps, given, strict=False):
        assert q.grad is not None
        np.testing.assert_allclose(np.asarray(q.grad), a * scale, rtol=1e-12)
        if limit == 1e12:
            np.testing.assert_array_equal(np.asarray(q.grad), a)
    assert ps[-1].grad is None


def test_clip_by_value() -> None:
    ps = parameters([np.array([-3.0, -0.5, 0.0, 0.5, 3.0, np.nan, np.inf])])
    clip_grad_value_(ps, 1)
    assert ps[0].grad is not None
    np.testing.assert_array_equal(np.asarray(ps[0].grad), [-1.0, -0.5, 0.0, 0.5, 1.0, np.nan, 1.0])
    clip_grad_value_(ps[0], 0.25)
    np.testing.assert_array_equal(np.asarray(ps[0].grad), [-0.25, -0.25, 0.0, 0.25, 0.25, np.nan, 0.25])


@pytest.mark.peers
@pytest.mark.parametrize("p", NORMS)
def test_clip_is_pytorchs(p: float) -> None:
    torch = pytest.importorskip("torch")
    given = arrays()
    ours = parameters(given)
    theirs = [torch.nn.Parameter(torch.zeros(a.shape, dtype=torch.float64)) for a in given]
    for q, a in zip(theirs, given, strict=True):
        q.grad = torch.tensor(a)
    if p == math.inf:  # of nothing, PyTorch's fails
        del ours[1], theirs[1]
    want = torch.nn.utils.clip_grad_norm_(theirs, 0.7, norm_type=p)
    assert float(clip_grad_norm_(ours, 0.7, norm_type=p)) == pytest.approx(float(want), rel=1e-12)
    torch.nn.utils.clip_grad_value_(theirs, 1e-4)
    clip_grad_value_(ours, 1e-4)
    for q, t in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(q.grad), t.grad.numpy(), rtol=1e-12)


def test_not_finite() -> None:
    for bad in (np.nan, np.inf):
        ps = parameters([np.ones(3), np.array([1.0, bad])])
        with pytest.raises(RuntimeError, match="total norm"):
            clip_grad_norm_(ps, 1.0, error_if_nonfinite=True)
        np.testing.assert_array_equal(np.asarray(ps[0].grad), 1.0)
        norm = clip_grad_norm_(ps, 1.0)
        assert not np.isfinite(float(norm))
        # As in PyTorch: all become NaN by a norm of NaN, 0 by an infinite one.
        np.testing.assert_array_equal(np.asarray(ps[0].grad), np.nan if np.isnan(bad) else 0.0)


def test_wrong_norms() -> None:
    for p in (0.0, -1.0, math.nan, -math.inf):
        with pytest.raises(ValueError, match=r"^\[clip_grad_norm_\] norm_type"):
            clip_grad_norm_(parameters([np.ones(3)]), 1.0, norm_type=p)
        with pytest.raises(ValueError, match=r"^\[get_total_norm\] norm_type"):
            get_total_norm([bs.ones(3)], p)


def test_wrong_arguments() -> None:
    model: Any = nn.Linear(2, 1)
    ps: Any = parameters([np.ones(3)])
    for wrong in (model, nn.Sequential(model), 3, None, [model], ["weight"]):
        with pytest.raises(TypeError, match=r"^\[clip_grad_norm_\] parameters.*pass model.parameters\(\)"):
            clip_grad_norm_(wrong, 1.0)
        with pytest.raises(TypeError, match=r"^\[clip_grad_value_\] parameters.*pass model.parameters\(\)"):
            clip_grad_value_(wrong, 1.0)
        with pytest.raises(TypeError, match=r"^\[get_total_norm\] tensors.*pass a list of tensors"):
            get_total_norm(wrong)
    arrays_only: Any = [np.ones(2)]
    with pytest.raises(TypeError, match=r"^\[get_total_norm\] tensors\[0\] is ndarray, not a Tensor"):
        get_total_norm(arrays_only)
    no_number: Any
    for no_number in ("1", None, [1.0, 2.0]):
        with pytest.raises(TypeError, match=r"^\[clip_grad_norm_\] max_norm.*must be a number"):
            clip_grad_norm_(ps, no_number)
        with pytest.raises(TypeError, match=r"^\[clip_grad_norm_\] norm_type.*must be a number"):
            clip_grad_norm_(ps, 1.0, no_number)
        with pytest.raises(TypeError, match=r"^\[clip_grad_value_\] clip_value.*must be a number"):
            clip_grad_value_(ps, no_number)


def test_foreach_is_without_effect() -> None:
    for foreach in (None, False, True):
        ps = parameters([np.array([3.0, 4.0])])
        assert float(clip_grad_norm_(ps, 1.0, foreach=foreach)) == pytest.approx(5.0)
        clip_grad_value_(ps, 0.5, foreach=foreach)
        assert ps[0].grad is not None
        assert float(get_total_norm([ps[0].grad], foreach=foreach)) == pytest.approx(0.5 * 2**0.5)


def test_other_names() -> None:
    ps = parameters([np.array([3.0, 4.0])])
    with pytest.warns(FutureWarning, match="clip_grad_norm_, with an underscore"):
        assert float(nn.utils.clip_grad_norm(ps, 1.0)) == pytest.approx(5.0)
    assert ps[0].grad is not None
    np.testing.assert_allclose(np.asarray(ps[0].grad), [0.6, 0.8], rtol=1e-5)
    nn.utils.clip_grads_with_norm_(ps, 1.0, get_total_norm([ps[0].grad]) * 2.0)
    np.testing.assert_allclose(np.asarray(ps[0].grad), [0.3, 0.4], rtol=1e-5)


# ---- Compiled ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [2.0, math.inf])
def test_compiled_and_threads_change_no_bit(p: float) -> None:
    # Large enough that a team of threads works on them.
    given = [bs.tensor(a) for a in arrays([*SHAPES, (1000, 1003), (300_001,)], dtype="float32")]

    def clipped(*gradients: bs.Tensor) -> tuple[bs.Tensor, ...]:
        ps = captured or [nn.Parameter(bs.zeros(g.shape)) for g in given]
        for q, g in zip(ps, gradients, strict=True):
            q.grad = g
        norm = clip_grad_norm_(ps, 0.5, norm_type=p)
        made = tuple(q.grad for q in ps if q.grad is not None)
        for q in ps:
            q.grad = None
        return (norm, *made)

    captured: list[nn.Parameter] = []
    want = [np.array(t) for t in clipped(*given)]
    captured = [nn.Parameter(bs.zeros(g.shape)) for g in given]
    before = bs.get_num_threads()
    try:
        for n in (1, 2, 3):
            bs.set_num_threads(n)
            compiled = bs.compile(clipped)
            for function in (clipped, compiled):
                for got, expected in zip(function(*given), want, strict=True):
                    np.testing.assert_array_equal(np.asarray(got), expected)
            assert compiled.programs[0].nanoseconds > 100e3  # where teams begin
    finally:
        bs.set_num_threads(before)


def test_a_step_whose_norm_is_not_finite_changes_nothing() -> None:
    bs.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = bs.optim.AdamW(model.parameters())

    @bs.compile
    def step(x: bs.Tensor) -> bs.Tensor:
        optimizer.zero_grad()
        loss = model(x).sum()
        loss.backward()
        norm = clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)
        optimizer.step()
        return norm

    def everything() -> list[bytes]:
        state = [b for buffers in optimizer.state.values() for b in buffers.values()]
        return [np.asarray(t).tobytes() for t in (*model.parameters(), *state)]

    assert float(step(bs.ones((2, 3)))) > 0
    before = everything()
    with pytest.raises(RuntimeError, match="total norm"):
        step(bs.full((2, 3), math.nan))
    assert everything() == before
    step(bs.ones((2, 3)))
    assert everything() != before


@pytest.mark.parametrize("size", [1e20, 3e38, 1e-30, 1e-44])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, math.inf])
def test_norms_of_large_and_small_gradients(size: float, p: float) -> None:
    """Squares of float32 beyond 1e19 overflow, below 1e-23 they vanish; the norm is right."""
    given = [np.full(3, size, np.float32), np.full((2, 2), -size, np.float32)]
    exact = np.linalg.norm(np.concatenate([a.ravel().astype(float) for a in given]), p)
    ps = [bs.Parameter(np.zeros_like(a)) for a in given]
    for q, a in zip(ps, given, strict=True):
        q.grad = bs.tensor(a)
    norm = clip_grad_norm_(ps, 1.0, norm_type=p)
    assert norm.dtype == bs.float32
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(float(norm), np.float32(exact), rtol=1e-6)
    want = np.float64(given[0][0]) * min(1.0, 1.0 / (exact + 1e-6))
    if want > 1e-37:
        for q in ps:
            np.testing.assert_allclose(np.abs(np.asarray(q.grad)), want, rtol=1e-5)
    clipped = [np.asarray(q.grad) for q in ps]
    assert all(np.isfinite(a).all() for a in clipped) and (size < 1e-40 or all(a.all() for a in clipped))


def test_norm_of_zeros_written_out() -> None:
    """sqrt(sum x²) has derivative 0 at 0, however the square is written; elsewhere x / norm."""
    for square in (bs.square, lambda x: x * x, lambda x: x**2, lambda x: x.pow(2)):
        for given in (np.zeros(3), np.array([0.0, 3.0, 4.0])):
            leaf = bs.tensor(given, requires_grad=True)
            norm = bs.sqrt(bs.sum(square(leaf)))
            norm.backward()
            assert leaf.grad is not None
            np.testing.assert_allclose(np.asarray(leaf.grad), given / max(float(norm), 1.0), rtol=1e-15)
