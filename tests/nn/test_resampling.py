"""Images at other sizes and places: what must hold, eager and compiled, derivatives, errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn import functional as F

rng = np.random.default_rng(0)


def images(*shape: int) -> bs.Tensor:
    return bs.tensor(rng.standard_normal(shape))


MODES: list[tuple[int, dict[str, Any]]] = [
    (3, {"mode": "nearest"}),
    (3, {"mode": "linear", "align_corners": True}),
    (4, {"mode": "nearest-exact"}),
    (4, {"mode": "bilinear"}),
    (4, {"mode": "bilinear", "antialias": True}),
    (4, {"mode": "bicubic", "align_corners": True}),
    (4, {"mode": "bicubic", "antialias": True}),
    (4, {"mode": "lanczos", "antialias": True}),
    (4, {"mode": "area"}),
    (5, {"mode": "trilinear"}),
]


@pytest.mark.parametrize(("axes", "options"), MODES, ids=str)
def test_sizes(axes: int, options: dict[str, Any]) -> None:
    shape = (1, 2, 4, 6, 5)[:axes]
    x = images(*shape).requires_grad_()
    for given in ({"size": 7}, {"scale_factor": 0.6}, {"scale_factor": [2.0, 1.5, 0.5][: axes - 2]}):

        def fn(t: bs.Tensor, given: Any = given) -> bs.Tensor:
            return F.interpolate(t, **given, **options)

        made = fn(x)
        factor = given.get("scale_factor", 1)
        each = factor if isinstance(factor, list) else [factor] * (axes - 2)
        want = (
            [7] * (axes - 2)
            if "size" in given
            else [int(n * f) for n, f in zip(shape[2:], each, strict=True)]
        )
        assert list(made.shape) == [1, 2, *want]
        np.testing.assert_array_equal(bs.compile(fn)(x).detach().numpy(), made.detach().numpy())
        # Weights sum to 1.
        ones = F.interpolate(bs.ones(shape, dtype=bs.float64), **given, **options)
        np.testing.assert_allclose(ones.numpy(), 1.0, 1e-12)
    small = images(1, 1, 2, 4, 2).requires_grad_() if axes == 5 else x
    assert bs.autograd.gradcheck(fn, [small]) and bs.autograd.gradgradcheck(fn, [small])
    same = F.interpolate(x, size=shape[2:], **options)
    np.testing.assert_allclose(same.detach().numpy(), x.detach().numpy(), 1e-12)


def test_known_values() -> None:
    x = bs.tensor([[[1.0, 2.0, 4.0]]])
    assert F.interpolate(x, scale_factor=2).tolist() == [[[1, 1, 2, 2, 4, 4]]]
    assert F.interpolate(x, 5, mode="linear", align_corners=True).tolist() == [[[1, 1.5, 2, 3, 4]]]
    assert F.interpolate(x, 6, mode="linear").tolist() == [[[1, 1.25, 1.75, 2.5, 3.5, 4]]]
    assert F.interpolate(x, 2, mode="area").tolist() == [[[1.5, 3.0]]]
    labels = bs.tensor([[[3, 1], [0, 2]]])
    made = F.interpolate(labels[:, None], scale_factor=2)
    assert made.dtype == bs.int64 and made[0, 0, 0].tolist() == [3, 3, 1, 1]
    # What is not near does not count, not even a NaN.
    spoiled = F.interpolate(bs.tensor([[[float("nan"), 0.0, 1.0, 2.0]]]), 8, mode="linear")
    assert np.isnan(spoiled.numpy()).sum() == 3


def test_layers() -> None:
    x = images(1, 2, 3, 4)
    for layer, text, options in (
        (nn.Upsample(scale_factor=2), "Upsample(scale_factor=2.0, mode='nearest')", {}),
        (
            nn.Upsample((5, 6), mode="bicubic", align_corners=False),
            "Upsample(size=(5, 6), mode='bicubic')",
            {"mode": "bicubic"},
        ),
        (nn.UpsamplingNearest2d(7), "UpsamplingNearest2d(size=7, mode='nearest')", {}),
        (
            nn.UpsamplingBilinear2d(scale_factor=2),
            "UpsamplingBilinear2d(scale_factor=2.0, mode='bilinear')",
            {"mode": "bilinear", "align_corners": True},
        ),
    ):
        assert repr(layer) == text
        want = F.interpolate(x, layer.size, layer.scale_factor, **options)
        np.testing.assert_array_equal(layer(x).numpy(), want.numpy())
    with pytest.warns(UserWarning, match="deprecated"):
        assert F.upsample_bilinear(x, 5).shape == (1, 2, 5, 5)
    with pytest.warns(UserWarning, match="deprecated"):
        assert F.upsample_nearest(x, 5).shape == F.upsample(x, 5).shape


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_grids(mode: Any, padding: Any) -> None:
    x, grid = (
        images(2, 3, 4, 5).requires_grad_(),
        bs.tensor(rng.uniform(-1.7, 1.7, (2, 3, 2, 2))).requires_grad_(),
    )
    for corners in (False, True):
        fn: Any = lambda t, g, corners=corners: F.grid_sample(t, g, mode, padding, corners)  # noqa: E731
        np.testing.assert_allclose(
            bs.compile(fn)(x, grid).detach().numpy(), fn(x, grid).detach().numpy(), 1e-12, 1e-14
        )
        given = [x] if mode == "nearest" else [x, grid]
        check: Any = (lambda t, fn=fn: fn(t, grid.detach())) if mode == "nearest" else fn
        assert bs.autograd.gradcheck(check, given) and bs.autograd.gradgradcheck(check, given)
        # The identity gives the image, with any border.
        theta = bs.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]] * 2, dtype=bs.float64)
        same = F.grid_sample(x, F.affine_grid(theta, (2, 3, 4, 5), corners), mode, padding, corners)
        np.testing.assert_allclose(same.detach().numpy(), x.detach().numpy(), 1e-12, 1e-12)


def test_grids_of_volumes() -> None:
    x = images(1, 2, 3, 4, 5)
    leaves = [x.clone().requires_grad_(), bs.tensor(rng.uniform(-1.3, 1.3, (1, 1, 2, 2, 3))).requires_grad_()]
    for padding in ("zeros", "reflection"):
        fn: Any = lambda t, g, padding=padding: F.grid_sample(t, g, padding_mode=padding)  # noqa: E731
        assert bs.autograd.gradcheck(fn, leaves) and bs.autograd.gradgradcheck(fn, leaves)
    theta = bs.tensor(
        [[[0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]], dtype=bs.float64
    )  # x and z exchanged
    grid = F.affine_grid(theta, (1, 2, 5, 4, 3), True)
    made = F.grid_sample(x, grid, align_corners=True)
    np.testing.assert_allclose(made.numpy(), x.numpy().transpose(0, 1, 4, 3, 2), 1e-12)


def test_grids_of_batches() -> None:
    x, grid = images(3, 2, 1, 4, 5), bs.tensor(rng.uniform(-1.2, 1.2, (3, 2, 2, 3, 2)))
    each = bs.vmap(F.grid_sample)(x, grid)
    by_grid = bs.vmap(bs.func.grad(lambda g, t: (F.grid_sample(t, g) ** 2).sum()), (0, None))(grid, x[0])
    for i in range(3):
        np.testing.assert_array_equal(each[i].numpy(), F.grid_sample(x[i], grid[i]).numpy())
        g = grid[i].clone().requires_grad_()
        (want,) = bs.grad((F.grid_sample(x[0], g) ** 2).sum(), [g])
        np.testing.assert_allclose(by_grid[i].numpy(), want.numpy(), 1e-12, 1e-12)


def test_what_is_outside_does_not_count() -> None:
    x = bs.full((1, 1, 2, 2), math.inf)
    far = bs.tensor([[[[5.0, 0.0], [-9.0, 1e30]]]])
    assert F.grid_sample(x, far).tolist() == [[[[0.0, 0.0]]]]
    assert (
        F.grid_sample(bs.ones(1, 1, 2, 2), bs.full((1, 1, 1, 2), math.nan), padding_mode="border").item() == 1
    )


def test_threads_change_no_bit() -> None:
    x = images(4, 8, 60, 70).float().requires_grad_()
    grid = bs.tensor(rng.uniform(-1.2, 1.2, (4, 50, 50, 2)).astype(np.float32)).requires_grad_()
    seen, before = set(), bs.get_num_threads()
    try:
        for n in (1, 2, 3, 7):
            bs.set_num_threads(n)
            up = F.interpolate(x, scale_factor=1.7, mode="bilinear")
            at = F.grid_sample(x, grid, align_corners=False)
            made = (up, at, *bs.grad((up * up).sum() + (at * at).sum(), [x, grid]))
            seen.add(b"".join(t.detach().numpy().tobytes() for t in made))
    finally:
        bs.set_num_threads(before)
    assert len(seen) == 1


def test_errors() -> None:
    x = images(1, 2, 3, 4)
    calls: list[tuple[Callable[[], Any], str]] = [
        (lambda: F.interpolate(x), "give one of size and scale_factor"),
        (lambda: F.interpolate(x, 3, 2.0), "give one of size and scale_factor"),
        (lambda: F.interpolate(x, 3, mode="linear"), 'mode="linear" takes 3 axes'),
        (lambda: F.interpolate(x[0, 0], 3), r"input is \(3, 4\)"),
        (lambda: F.interpolate(x, (3, 4, 5)), "one for each of 2 axes"),
        (lambda: F.interpolate(x, 0), "at least 1"),
        (lambda: F.interpolate(x, scale_factor=0.1), "the new size"),
        (lambda: F.interpolate(x, scale_factor=math.nan), r"\[interpolate\] scale_factor is nan"),
        (lambda: F.interpolate(x, scale_factor=(2.0, math.inf)), "must be finite"),
        (lambda: F.interpolate(x, 3, align_corners=True), "leave it out"),
        (lambda: F.interpolate(x, 3, antialias=True), "antialias is True"),
        (lambda: F.interpolate(x, 3, mode="lanczos"), "needs True"),
        (lambda: F.interpolate(x, 3, mode="cubic"), "mode"),  # type: ignore[arg-type]
        (lambda: F.interpolate(x, 3, recompute_scale_factor=True), "size is given"),
        (lambda: F.grid_sample(x, images(1, 2, 2, 3)), r"grid is \(1, 2, 2, 3\)"),
        (lambda: F.grid_sample(x, images(2, 2, 2, 2)), "grid is"),
        (lambda: F.grid_sample(x, images(1, 2, 2, 2), "cubic"), "mode"),  # type: ignore[arg-type]
        (lambda: F.affine_grid(images(1, 2, 2), (1, 1, 3, 3)), "theta is"),
    ]
    for call, says in calls:
        with pytest.raises(ValueError, match=says):
            call()
    with pytest.raises(bs.DTypeError, match=r"grid is float64: cast grid with .to\(bs.float32\)"):
        F.grid_sample(x.float(), images(1, 2, 2, 2))
    with pytest.raises(ValueError, match=r"bicubic.* is for images"):
        F.grid_sample(images(1, 1, 2, 2, 2), images(1, 2, 2, 2, 3), "bicubic")
    with pytest.raises(bs.DTypeError, match="int64"):
        F.interpolate(bs.ones(1, 1, 3, dtype=bs.int64), 2, mode="linear")
