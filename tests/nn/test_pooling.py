"""Pooling and what moves pixels: eager, compiled, batched, on threads; what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn import functional as F

rng = np.random.default_rng(0)
NAN, INF = np.nan, np.inf


def planes(*shape: int) -> bs.Tensor:
    return bs.tensor(rng.standard_normal(shape))


FUNCTIONS: dict[str, tuple[tuple[int, ...], Callable[[bs.Tensor], bs.Tensor]]] = {
    "max_pool1d": ((2, 3, 9), lambda x: F.max_pool1d(x, 3, 2, 1)),
    "max_pool2d": ((2, 3, 6, 8), lambda x: F.max_pool2d(x, 2)),
    "max_pool2d_3x3": ((2, 3, 7, 9), lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True)),
    "max_pool2d_places": (
        (2, 3, 7, 9),
        lambda x: (lambda y, at: y * (at + 1))(*F.max_pool2d(x, 3, 2, 1, 2, return_indices=True)),
    ),
    "max_pool3d": ((2, 2, 4, 5, 6), lambda x: F.max_pool3d(x, 2, 1)),
    "avg_pool1d": ((2, 3, 9), lambda x: F.avg_pool1d(x, 4, 3, 2, True)),
    "avg_pool2d": ((2, 3, 6, 8), lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)),
    "avg_pool3d": ((2, 2, 4, 5, 6), lambda x: F.avg_pool3d(x, 2, divisor_override=5)),
    "adaptive_avg_pool2d": ((2, 3, 7, 8), lambda x: F.adaptive_avg_pool2d(x, (3, None))),
    "adaptive_avg_pool2d_1": ((2, 3, 7, 8), lambda x: F.adaptive_avg_pool2d(x, 1)),
    "adaptive_max_pool2d": ((2, 3, 7, 8), lambda x: F.adaptive_max_pool2d(x, (3, 4))),
    "adaptive_max_pool2d_1": ((2, 3, 7, 8), lambda x: F.adaptive_max_pool2d(x, 1)),
    "lp_pool2d": ((2, 3, 6, 8), lambda x: F.lp_pool2d(x.abs(), 3, 2, 1)),
    "lp_pool1d": ((2, 3, 8), lambda x: F.lp_pool1d(x, INF, 3)),
    "max_unpool2d": (
        (2, 3, 6, 8),
        lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
    ),
    "unfold": ((2, 3, 6, 8), lambda x: F.unfold(x, (2, 3), 2, 1, (1, 2))),
    "fold": ((2, 12, 35), lambda x: F.fold(x, (6, 8), 2)),
    "fold_padded": ((12, 21), lambda x: F.fold(x, (6, 7), (3, 2), (1, 2), 1, (2, 1))),
    "pixel_shuffle": ((2, 8, 3, 2), lambda x: F.pixel_shuffle(x, 2)),
    "pixel_unshuffle": ((3, 4, 6), lambda x: F.pixel_unshuffle(x, 2)),
    "channel_shuffle": ((2, 6, 3), lambda x: F.channel_shuffle(x, 3)),
}  # fmt: skip


def both(f: Callable[[bs.Tensor], bs.Tensor], x: bs.Tensor) -> list[np.ndarray]:
    """Values and derivatives, of first and second order."""
    x = x.clone().requires_grad_()
    y = f(x)
    w = bs.tensor(np.cos(np.arange(y.numel())).reshape(y.shape))
    (g,) = bs.autograd.grad((y * y * w).sum(), [x], create_graph=True)
    (h,) = bs.autograd.grad((g * g).sum(), [x])
    return [t.detach().numpy() for t in (y, g, h)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled_equals_eager(name: str) -> None:
    shape, f = FUNCTIONS[name]
    x = planes(*shape)
    want = both(f, x)
    got = both(bs.compile(f), x)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives(name: str) -> None:
    shape, f = FUNCTIONS[name]
    x = bs.tensor(rng.permutation(np.prod(shape)).reshape(shape) / 10.0 + 1.0).requires_grad_()
    assert bs.autograd.gradcheck(f, (x,))
    assert bs.autograd.gradgradcheck(f, (x,))


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n != "fold_padded"])
def test_vmap_equals_samples(name: str) -> None:
    shape, f = FUNCTIONS[name]
    x = planes(3, *shape)
    got = bs.vmap(f)(x).numpy()
    np.testing.assert_allclose(got, np.stack([f(row).numpy() for row in x]), rtol=1e-13)
    sweep = bs.func.grad(lambda one: f(one).square().sum())
    np.testing.assert_allclose(
        bs.vmap(sweep)(x).numpy(), np.stack([sweep(row).numpy() for row in x]), rtol=1e-13
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: F.max_pool2d(x, 3, 2, 1),
        lambda x: F.max_pool2d(x, 2),
        lambda x: F.avg_pool2d(x, 3, 2, 1),
        lambda x: F.adaptive_avg_pool2d(x, 7),
        lambda x: F.adaptive_avg_pool2d(x, 1),
        lambda x: F.adaptive_max_pool2d(x, 5),
    ],
)
def test_threads_change_no_bit(f: Callable[[bs.Tensor], bs.Tensor], dtype: str) -> None:
    x = bs.tensor(rng.standard_normal((32, 8, 24, 24)).astype(dtype))
    before = bs.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3, 7):
            bs.set_num_threads(threads)
            for g in (f, bs.compile(f)):
                leaf = x.clone().requires_grad_()
                y = g(leaf)
                (y * y).sum().backward()
                results.append((y.detach().numpy().tobytes(), leaf.grad.numpy().tobytes()))
    finally:
        bs.set_num_threads(before)
    assert len(set(results)) == 1


def test_samples_do_not_depend_on_the_batch() -> None:
    x = planes(32, 3, 9, 9)
    for f in (lambda x: F.max_pool2d(x, 3, 2, 1), lambda x: F.avg_pool2d(x, 3, 2, 1)):
        whole = f(x).numpy()
        for n in (1, 7):
            np.testing.assert_array_equal(f(x[:n]).numpy(), whole[:n])
        np.testing.assert_array_equal(f(x[3]).numpy(), whole[3])


def test_first_of_equal_ones_and_the_last_nan() -> None:
    row = [[1.0, 3.0, 3.0, NAN, 2.0, NAN], [-INF, -INF, -INF, 0.0, 0.0, 0.0]]
    y, at = F.max_pool1d(bs.tensor(row), 3, return_indices=True)
    np.testing.assert_array_equal(y.numpy(), [[3.0, NAN], [-INF, 0.0]])
    np.testing.assert_array_equal(at.numpy(), [[1, 5], [0, 3]])
    y, at = F.max_pool2d(bs.tensor([[[2.0, 5.0], [5.0, 5.0]]]), 2, return_indices=True)
    assert at.item() == 1, "row by row"
    y, at = F.max_pool2d(bs.full((1, 3, 3), -INF), 3, 2, 1, return_indices=True)
    np.testing.assert_array_equal(at.numpy(), [[[0, 1], [3, 4]]], "never in the padding")
    x = bs.tensor([[1.0, 1.0, 1.0]]).requires_grad_()
    F.max_pool1d(x, 2, 1).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[1.0, 1.0, 0.0]])


def test_unpooling_undoes() -> None:
    x = planes(2, 3, 7, 9)
    y, at = F.max_pool2d(x, 3, 2, return_indices=True)
    back = F.max_unpool2d(y, at, 3, 2, output_size=x.shape)
    assert back.shape == x.shape
    np.testing.assert_array_equal(F.max_pool2d(back.abs(), 3, 2).numpy(), y.abs().numpy())
    module = nn.MaxUnpool2d(3, 2)
    np.testing.assert_array_equal(module(y, at, output_size=[7, 9]).numpy(), back.numpy())
    assert F.max_unpool1d(*F.max_pool1d(x[0], 2, return_indices=True), 2).shape == (3, 7, 8)


def test_shuffles_undo_each_other() -> None:
    x = planes(2, 3, 8, 4, 6)
    np.testing.assert_array_equal(F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2).numpy(), x.numpy())
    assert F.pixel_shuffle(x, 2).shape == (2, 3, 2, 8, 12)
    x = planes(2, 6, 3)
    np.testing.assert_array_equal(F.channel_shuffle(F.channel_shuffle(x, 2), 3).numpy(), x.numpy())


def test_fold_is_the_transpose_of_unfold() -> None:
    x, options = planes(2, 3, 7, 6), ((3, 2), (1, 2), (1, 0), (2, 1))
    columns = F.unfold(x, *options)
    y = planes(*columns.shape)
    np.testing.assert_allclose((columns * y).sum().item(), (x * F.fold(y, (7, 6), *options)).sum().item())


def test_empty_batches() -> None:
    x = bs.zeros(0, 3, 6, 6, requires_grad=True)
    for f in (
        lambda x: F.max_pool2d(x, 2),
        lambda x: F.avg_pool2d(x, 2),
        lambda x: F.adaptive_avg_pool2d(x, 3),
        lambda x: F.adaptive_max_pool2d(x, 1),
    ):
        y = f(x)
        assert y.shape[:2] == (0, 3)
        y.sum().backward()
        assert x.grad.shape == x.shape
    assert F.adaptive_avg_pool2d(bs.zeros(2, 3, 6, 6), (0, 2)).shape == (2, 3, 0, 2)


X = bs.zeros(2, 3, 4, 5)
WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: F.max_pool2d(X, 6), bs.ShapeError, r"\[max_pool\].*\(2, 3, 4, 5\).*window of 6"),
    (lambda: F.max_pool2d(X, 2, padding=2), ValueError, r"\[max_pool\].*padding is 2.*half"),
    (lambda: F.avg_pool2d(X, 2, padding=2), ValueError, r"\[avg_pool\].*padding is 2.*half"),
    (lambda: F.max_pool2d(X, 2, padding=-1), ValueError, r"\[max_pool2d\] padding is -1"),
    (lambda: F.max_pool2d(X, -2), ValueError, r"\[max_pool2d\] kernel_size is -2"),
    (lambda: F.max_pool2d(X, 0), ValueError, r"kernel_size, stride and dilation must be at least 1"),
    (lambda: F.max_pool2d(X, 2, 0), ValueError, r"at least 1"),
    (lambda: F.max_pool2d(X, 2, dilation=0), ValueError, r"at least 1"),
    (lambda: F.max_pool2d(X, (2, 2, 2)), ValueError, r"\[max_pool2d\] kernel_size is \(2, 2, 2\).*2"),
    (lambda: F.max_pool2d(X, "2"), TypeError, r"\[max_pool2d\] kernel_size is '2'"),
    (lambda: F.max_pool2d(X[0, 0], 2), bs.ShapeError, r"\[max_pool2d\] input is \(4, 5\)"),
    (lambda: F.max_pool2d(bs.zeros(2, 0, 4, 4), 2), bs.ShapeError, r"only N is 0"),
    (lambda: F.max_pool2d(bs.zeros(2, 3, 0, 4), 2), bs.ShapeError, r"only N is 0"),
    (lambda: F.max_pool2d(bs.zeros(1, 2, 4, 4).long(), 2), bs.DTypeError, r"\[max_pool2d\].*int64.*float32"),
    (lambda: F.avg_pool2d(X, 2, divisor_override=0), ValueError, r"divisor_override is 0"),
    (lambda: F.adaptive_avg_pool2d(X, (1, 2, 3)), ValueError, r"\[adaptive_avg_pool2d\] output_size"),
    (lambda: F.adaptive_avg_pool2d(X, -1), ValueError, r"output_size is -1"),
    (lambda: F.lp_pool2d(X, 2, 6), bs.ShapeError, r"window of 6"),
    (lambda: F.lp_pool2d(X, 0, 2), ValueError, r"norm_type is 0"),
    (lambda: F.max_unpool2d(X, X, 2), bs.DTypeError, r"\[max_unpool2d\].*int64"),
    (lambda: F.max_unpool2d(X, X[:, :2].long(), 2), bs.ShapeError, r"one shape"),
    (lambda: F.max_unpool2d(X, X.long() + 80, 2), IndexError, r"80"),
    (lambda: F.max_unpool2d(X, X.long(), 2, output_size=(4, 4)), ValueError, r"output_size is \(4, 4\)"),
    (lambda: F.unfold(X, 6), bs.ShapeError, r"\[unfold\].*\(4, 5\).*\(6, 6\)"),
    (lambda: F.unfold(X, 2, stride=0), ValueError, r"at least 1"),
    (lambda: F.fold(bs.zeros(2, 12, 34), (6, 8), 2), bs.ShapeError, r"\[fold\].*34.*35"),
    (lambda: F.fold(bs.zeros(2, 11, 35), (6, 8), 2), bs.ShapeError, r"\[fold\].*11"),
    (lambda: F.pixel_shuffle(X, 2), bs.ShapeError, r"3 channels.*2"),
    (lambda: F.pixel_unshuffle(X, 2), bs.ShapeError, r"5 columns"),
    (lambda: F.channel_shuffle(X, 2), bs.ShapeError, r"divisible by 2"),
    (lambda: nn.MaxPool2d((1, 2, 3)), ValueError, r"\[MaxPool2d\] kernel_size"),
    (lambda: nn.ZeroPad2d((1, 2)), ValueError, r"\[ZeroPad2d\] padding is \(1, 2\)"),
    (lambda: nn.CircularPad1d(1)(X), bs.ShapeError, r"\[CircularPad1d\] input is \(2, 3, 4, 5\)"),
    (lambda: nn.ReflectionPad1d(9)(X[0]), bs.ShapeError, r"\[pad\]"),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[2][:40])
def test_errors(case: Any) -> None:
    call, error, text = case
    with pytest.raises(error, match=text):
        call()


LAYERS: list[tuple[nn.Module, tuple[int, ...], Callable[[bs.Tensor], bs.Tensor], str]] = [
    (nn.MaxPool1d(2), (3, 8), lambda x: F.max_pool1d(x, 2),
     "MaxPool1d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"),
    (nn.MaxPool2d((3, 2), 1, 1, ceil_mode=True), (3, 8, 8), lambda x: F.max_pool2d(x, (3, 2), 1, 1, 1, True),
     "MaxPool2d(kernel_size=(3, 2), stride=1, padding=1, dilation=1, ceil_mode=True)"),
    (nn.MaxPool3d(2), (3, 4, 4, 4), lambda x: F.max_pool3d(x, 2),
     "MaxPool3d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"),
    (nn.AvgPool1d(2), (3, 8), lambda x: F.avg_pool1d(x, 2),
     "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))"),
    (nn.AvgPool2d(3, 2, 1, False, False), (3, 8, 8), lambda x: F.avg_pool2d(x, 3, 2, 1, False, False),
     "AvgPool2d(kernel_size=3, stride=2, padding=1)"),
    (nn.AvgPool3d(2, divisor_override=3), (3, 4, 4, 4), lambda x: F.avg_pool3d(x, 2, divisor_override=3),
     "AvgPool3d(kernel_size=2, stride=2, padding=0)"),
    (nn.AdaptiveAvgPool1d(3), (3, 8), lambda x: F.adaptive_avg_pool1d(x, 3),
     "AdaptiveAvgPool1d(output_size=3)"),
    (nn.AdaptiveAvgPool2d((3, None)), (3, 8, 8), lambda x: F.adaptive_avg_pool2d(x, (3, None)),
     "AdaptiveAvgPool2d(output_size=(3, None))"),
    (nn.AdaptiveAvgPool3d(1), (3, 4, 4, 4), lambda x: F.adaptive_avg_pool3d(x, 1),
     "AdaptiveAvgPool3d(output_size=1)"),
    (nn.AdaptiveMaxPool1d(3), (3, 8), lambda x: F.adaptive_max_pool1d(x, 3),
     "AdaptiveMaxPool1d(output_size=3)"),
    (nn.AdaptiveMaxPool2d(3), (3, 8, 8), lambda x: F.adaptive_max_pool2d(x, 3),
     "AdaptiveMaxPool2d(output_size=3)"),
    (nn.AdaptiveMaxPool3d(2), (3, 4, 4, 4), lambda x: F.adaptive_max_pool3d(x, 2),
     "AdaptiveMaxPool3d(output_size=2)"),
    (nn.LPPool1d(2, 3), (3, 8), lambda x: F.lp_pool1d(x, 2, 3),
     "LPPool1d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False)"),
    (nn.LPPool2d(2, 3, 2), (3, 8, 8), lambda x: F.lp_pool2d(x, 2, 3, 2),
     "LPPool2d(norm_type=2, kernel_size=3, stride=2, ceil_mode=False)"),
    (nn.LPPool3d(2, 2), (3, 4, 4, 4), lambda x: F.lp_pool3d(x, 2, 2),
     "LPPool3d(norm_type=2, kernel_size=2, stride=None, ceil_mode=False)"),
    (nn.Unfold(2, stride=2), (3, 8, 8), lambda x: F.unfold(x, 2, 1, 0, 2),
     "Unfold(kernel_size=2, dilation=1, padding=0, stride=2)"),
    (nn.Fold((4, 4), 2), (12, 9), lambda x: F.fold(x, 4, 2),
     "Fold(output_size=(4, 4), kernel_size=2, dilation=1, padding=0, stride=1)"),
    (nn.PixelShuffle(2), (8, 3, 3), lambda x: F.pixel_shuffle(x, 2), "PixelShuffle(upscale_factor=2)"),
    (nn.PixelUnshuffle(2), (3, 4, 4), lambda x: F.pixel_unshuffle(x, 2),
     "PixelUnshuffle(downscale_factor=2)"),
    (nn.ChannelShuffle(2), (4, 4, 4), lambda x: F.channel_shuffle(x, 2), "ChannelShuffle(groups=2)"),
    (nn.ZeroPad1d(1), (3, 8), lambda x: F.pad(x, (1, 1)), "ZeroPad1d((1, 1))"),
    (nn.ZeroPad2d((1, 0, 2, -1)), (3, 8, 8), lambda x: F.pad(x, (1, 0, 2, -1)), "ZeroPad2d((1, 0, 2, -1))"),
    (nn.ZeroPad3d(1), (3, 4, 4, 4), lambda x: F.pad(x, (1,) * 6), "ZeroPad3d((1, 1, 1, 1, 1, 1))"),
    (nn.ConstantPad1d(1, 7.5), (3, 8), lambda x: F.pad(x, (1, 1), "constant", 7.5),
     "ConstantPad1d(padding=(1, 1), value=7.5)"),
    (nn.ConstantPad2d(1, 2), (3, 8, 8), lambda x: F.pad(x, (1,) * 4, "constant", 2.0),
     "ConstantPad2d(padding=(1, 1, 1, 1), value=2)"),
    (nn.ConstantPad3d(1, 2), (3, 4, 4, 4), lambda x: F.pad(x, (1,) * 6, "constant", 2.0),
     "ConstantPad3d(padding=(1, 1, 1, 1, 1, 1), value=2)"),
    (nn.ReflectionPad1d((2, 1)), (3, 8), lambda x: F.pad(x, (2, 1), "reflect"), "ReflectionPad1d((2, 1))"),
    (nn.ReflectionPad2d(2), (3, 8, 8), lambda x: F.pad(x, (2,) * 4, "reflect"),
     "ReflectionPad2d((2, 2, 2, 2))"),
    (nn.ReflectionPad3d(1), (3, 4, 4, 4), lambda x: F.pad(x, (1,) * 6, "reflect"),
     "ReflectionPad3d((1, 1, 1, 1, 1, 1))"),
    (nn.ReplicationPad1d(2), (3, 8), lambda x: F.pad(x, (2, 2), "replicate"), "ReplicationPad1d((2, 2))"),
    (nn.ReplicationPad2d(2), (3, 8, 8), lambda x: F.pad(x, (2,) * 4, "replicate"),
     "ReplicationPad2d((2, 2, 2, 2))"),
    (nn.ReplicationPad3d(1), (3, 4, 4, 4), lambda x: F.pad(x, (1,) * 6, "replicate"),
     "ReplicationPad3d((1, 1, 1, 1, 1, 1))"),
    (nn.CircularPad1d(2), (3, 8), lambda x: F.pad(x, (2, 2), "circular"), "CircularPad1d((2, 2))"),
    (nn.CircularPad2d(2), (3, 8, 8), lambda x: F.pad(x, (2,) * 4, "circular"), "CircularPad2d((2, 2, 2, 2))"),
    (nn.CircularPad3d(1), (3, 4, 4, 4), lambda x: F.pad(x, (1,) * 6, "circular"),
     "CircularPad3d((1, 1, 1, 1, 1, 1))"),
]  # fmt: skip


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: type(case[0]).__name__)
def test_layers(case: Any) -> None:
    layer, shape, function, text = case
    assert repr(layer) == text
    assert not layer.state_dict()
    for lead in ((2,), ()):
        x = planes(*lead, *shape)
        want = function(x).numpy()
        np.testing.assert_array_equal(layer(x).numpy(), want)
        np.testing.assert_array_equal(bs.compile(layer)(x).numpy(), want)


def test_names_of_the_package() -> None:
    x = planes(2, 4, 6)
    np.testing.assert_array_equal(bs.max_pool1d(x, 2).numpy(), F.max_pool1d(x, 2).numpy())
    np.testing.assert_array_equal(bs.avg_pool1d(x, 2).numpy(), F.avg_pool1d(x, 2).numpy())
    np.testing.assert_array_equal(bs.adaptive_avg_pool1d(x, 2).numpy(), F.adaptive_avg_pool1d(x, 2).numpy())
    values, at = bs.adaptive_max_pool1d(x, 2)
    np.testing.assert_array_equal(values.numpy(), x.numpy().reshape(2, 4, 2, 3).max(-1))
    np.testing.assert_array_equal(bs.max_pool1d_with_indices(x, 3)[1].numpy(), at.numpy())
    np.testing.assert_array_equal(bs.max_pool2d(x, 2).numpy(), F.max_pool2d_with_indices(x, 2)[0].numpy())
    assert bs.max_pool3d(x[None], 2).shape == (1, 1, 2, 3)
    assert bs.pixel_shuffle(x[None], 1).shape == (1, 2, 4, 6)
    assert bs.pixel_unshuffle(x, 2).shape == (8, 2, 3)
    assert bs.channel_shuffle(x, 2).shape == bs.native_channel_shuffle(x, 2).shape == x.shape


def test_other_sizes_need_no_new_capture() -> None:
    f = bs.compile(lambda x: F.adaptive_avg_pool2d(F.max_pool2d(x, 3, 2, 1), (2, 2)).sum((2, 3)))
    for n, side in ((2, 8), (3, 8), (2, 13)):
        x = planes(n, 3, side, side)
        want = F.adaptive_avg_pool2d(F.max_pool2d(x, 3, 2, 1), (2, 2)).sum((2, 3))
        np.testing.assert_allclose(f(x).numpy(), want.numpy(), rtol=1e-14)


def test_half_precision() -> None:
    x = planes(2, 3, 8, 8).half()
    for f in (lambda x: F.max_pool2d(x, 2), lambda x: F.avg_pool2d(x, 2)):
        assert f(x).dtype == bs.float16
        np.testing.assert_allclose(f(x).float().numpy(), f(x.float()).numpy(), rtol=1e-3)
