"""Norms of channels and images at other sizes beside PyTorch's, over options that hypothesis draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backsweep as bs
from backsweep import nn
from backsweep.nn import functional as F

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers
BIT = st.booleans()
SHAPES = st.integers(2, 5).flatmap(lambda n: st.tuples(*[st.integers(2, 5)] * n))


def close(mine: Any, theirs: Any) -> None:
    np.testing.assert_allclose(mine.detach().numpy(), theirs.detach().numpy(), 1e-8, 1e-9)


def same_derivatives(mine: Any, theirs: Any, leaves: list[Any], others: list[Any], rng: Any) -> None:
    close(mine, theirs)
    g = rng.standard_normal(tuple(theirs.shape))
    got = bs.autograd.grad((mine * bs.tensor(g)).sum(), leaves)
    for a, b in zip(got, torch.autograd.grad(theirs, others, torch.tensor(g)), strict=True):
        close(a, b)


def both(values: Any) -> tuple[Any, Any]:
    return bs.tensor(values).requires_grad_(), torch.tensor(values).requires_grad_()


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.sampled_from([0.1, 0.7, None]), BIT, BIT, BIT, BIT, st.integers(0, 999))
def test_layers_of_batches(
    shape: tuple[int, ...], momentum: Any, affine: bool, bias: bool, tracks: bool, instance: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    axes = max(1, len(shape) - 2)
    kind = f"InstanceNorm{axes}d" if instance and len(shape) > 2 else f"BatchNorm{axes}d"
    options = {"momentum": momentum, "affine": affine, "bias": bias, "track_running_stats": tracks}
    a = getattr(nn, kind)(shape[1], **options).double()
    b = getattr(torch.nn, kind)(shape[1], **options).double()
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        value = rng.uniform(0.5, 1.5, shape[1])
        p.data.copy_(bs.tensor(value))
        q.data.copy_(torch.tensor(value))
    for training in (True, True, False):
        x, t = both(rng.normal(2.0, 3.0, shape))
        made, want = a.train(training)(x), b.train(training)(t)
        same_derivatives(made, want, [x, *a.parameters()], [t, *b.parameters()], rng)
    assert list(a.state_dict()) == list(b.state_dict())
    for name, value in b.state_dict().items():
        close(a.state_dict()[name], value)


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.integers(1, 3), BIT, st.integers(0, 999))
def test_groups(shape: tuple[int, ...], groups: int, affine: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (shape[0], 2 * shape[1] * groups, *shape[2:])
    made = [both(rng.standard_normal(s)) for s in (shape, shape[1:2], shape[1:2])][: 3 if affine else 1]
    leaves, others = [list(side) for side in zip(*made, strict=True)]
    mine, theirs = (
        library.group_norm(side[0], groups, *side[1:])
        for library, side in ((F, leaves), (torch.nn.functional, others))
    )
    same_derivatives(mine, theirs, leaves, others, rng)


MODES = {
    3: ["nearest", "nearest-exact", "linear", "area"],
    5: ["nearest", "nearest-exact", "trilinear", "area"],
}
MODES[4] = ["nearest", "nearest-exact", "bilinear", "bicubic", "area"]


@settings(max_examples=80, deadline=None)
@given(st.integers(3, 5), st.data(), st.integers(0, 999))
def test_sizes(axes: int, data: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (2, 1, *data.draw(st.tuples(*[st.integers(2, 9)] * (axes - 2))))
    mode = data.draw(st.sampled_from(MODES[axes]))
    options: dict[str, Any] = {"mode": mode}
    if "linear" in mode or "cubic" in mode:
        options["align_corners"] = data.draw(st.sampled_from([None, True, False]))
    if mode in ("bilinear", "bicubic"):
        options["antialias"] = data.draw(BIT)
    if data.draw(BIT):
        options["size"] = data.draw(st.integers(1, 14))
    else:
        options["scale_factor"] = data.draw(st.sampled_from([0.5, 0.6, 1.5, 1.7, 2.0, 2.6]))
        options["recompute_scale_factor"] = data.draw(BIT)
    x, t = both(rng.standard_normal(shape))
    same_derivatives(
        F.interpolate(x, **options), torch.nn.functional.interpolate(t, **options), [x], [t], rng
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 3),
    st.sampled_from(["bilinear", "nearest", "bicubic"]),
    st.sampled_from(["zeros", "border", "reflection"]),
    BIT,
    st.integers(0, 999),
)
def test_places(axes: int, mode: Any, padding: Any, corners: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    if axes == 3 and mode == "bicubic":
        mode = "bilinear"
    x, t = both(rng.standard_normal((2, 3, *rng.integers(1, 6, axes))))
    g, h = both(rng.uniform(-1.8, 1.8, (2, *rng.integers(1, 5, axes), axes)))
    mine = F.grid_sample(x, g, mode, padding, corners)
    theirs = torch.nn.functional.grid_sample(t, h, mode, padding, corners)
    leaves, others = ([x], [t]) if mode == "nearest" else ([x, g], [t, h])
    same_derivatives(mine, theirs, leaves, others, rng)
