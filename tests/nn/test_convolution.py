"""Convolutions: borders in words, layers, bits that follow from neither batch nor threads, programs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.datasets.digits import load_digits
from backsweep.nn import functional as F
from driver import bits
from programs import steps

RNG = np.random.default_rng(0)
CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
LAYERS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSES = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
LAZY = {1: nn.LazyConv1d, 2: nn.LazyConv2d, 3: nn.LazyConv3d}
LAZY_TRANSPOSES = {1: nn.LazyConvTranspose1d, 2: nn.LazyConvTranspose2d, 3: nn.LazyConvTranspose3d}


def draw(*shape: int, dtype: Any = np.float64) -> bs.Tensor:
    return bs.tensor(RNG.standard_normal(shape).astype(dtype))


def values(t: bs.Tensor) -> np.ndarray:
    return t.detach().numpy()


# ---- Functions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_borders_in_words(axes: int) -> None:
    x, conv = draw(2, 3, *(7, 6, 5)[:axes]), CONVOLUTIONS[axes]
    for kernel, dilation in product((1, 2, 3, 4), (1, 2)):
        w = draw(4, 3, *[kernel] * axes)
        y = conv(x, w, padding="same", dilation=dilation)
        assert y.shape == (2, 4, *x.shape[2:])
        total = dilation * (kernel - 1)
        bordered = F.pad(x, [total // 2, total - total // 2] * axes)
        np.testing.assert_array_equal(values(y), values(conv(bordered, w, dilation=dilation)))
    w = draw(4, 3, *[3] * axes)
    np.testing.assert_array_equal(values(conv(x, w, padding="valid")), values(conv(x, w)))
    with pytest.raises(ValueError, match=rf'^\[conv{axes}d\] padding is "same" and stride \(2,'):
        conv(x, w, padding="same", stride=2)
    with pytest.raises(ValueError, match=rf"^\[conv{axes}d\] padding is 'full'; it must be"):
        conv(x, w, padding="full")  # type: ignore[arg-type]


def test_other_names() -> None:
    x, w, b = draw(2, 3, 8), draw(4, 3, 3), draw(4)
    y = F.conv1d(x, w, b, padding=1)
    np.testing.assert_array_equal(values(bs.convolution(x, w, b, 1, [1], (1,), False, 0, 1)), values(y))
    back = bs.convolution(y, w, None, (1,), (1,), (1,), True, (0,), 1)
    np.testing.assert_array_equal(values(back), values(F.conv_transpose1d(y, w, padding=1)))
    made = F.conv_tbc(x.permute(2, 0, 1), w.permute(2, 1, 0), b, 1)
    np.testing.assert_array_equal(values(made.permute(1, 2, 0)), values(y))
    assert bs.conv1d is F.conv1d and bs.conv_transpose3d is F.conv_transpose3d
    with pytest.raises(bs.ShapeError, match=r"^\[convolution\] weight is \(4, 3\)"):
        bs.convolution(x, w[:, :, 0], None, 1, 0, 1, False, 0, 1)
    with pytest.raises(bs.ShapeError, match=r"^\[conv_tbc\] input is \(2, 3\)"):
        F.conv_tbc(x[:, :, 0], w, b)


def test_errors_say_what_to_do() -> None:
    x, w = bs.zeros(2, 3, 8, 8), bs.zeros(4, 3, 3, 3)
    for call, said in (
        (lambda: F.conv2d(bs.zeros(8, 8, 3), w), r"input has 8 channels, weight is for 3$"),
        (lambda: F.conv2d(bs.zeros(3, 4, 8, 8).permute(0, 2, 3, 1), w), r"8 channels"),
        (lambda: F.conv2d(bs.zeros(8, 8), w), r"4 axes, \(N, C, ...\), or 3 without a batch$"),
        (lambda: F.conv2d(x, bs.zeros(4, 3, 9, 3)), r"kernel, \(9, 3\), is larger .* give more padding"),
        (lambda: F.conv2d(x, w, groups=3), r"groups, 3, must divide axis 0 of weight"),
        (lambda: F.conv2d(x, w, groups=2**62), r"must divide axis 0 of weight"),
        (lambda: F.conv2d(x, w, bs.zeros(3)), r"bias is \(3,\): bias must be \(4,\)$"),
        (lambda: F.conv2d(x, w, padding=-1), r"padding is -1; it must be at least 0"),
        (lambda: F.conv2d(x, w, padding=2**62), r"padding is 4611686018427387904; .* below 2\^31"),
        (lambda: F.conv2d(x, w, stride=(1, 0)), r"stride is 0; it must be at least 1"),
        (lambda: F.conv2d(x.double(), w), r"input is float64, weight is float32"),
        (lambda: F.conv2d(x.half(), w.half()), r"input is float16.*cast it first"),
        (lambda: F.conv2d(x.long(), w.long()), r"input is int64"),
        (lambda: F.conv2d(x[..., 0], w[..., 0]), r"weight must have 4 axes, not 3"),
    ):  # fmt: skip
        with pytest.raises((bs.ShapeError, bs.DTypeError, ValueError), match=rf"^\[conv2d\] .*{said}"):
            call()
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    with pytest.raises(bs.ShapeError, match=r"^\[conv2d\] 0: input is \(2, 1, 8, 8\)"):
        net(bs.zeros(2, 1, 8, 8))
    with pytest.raises(bs.ShapeError, match=r"would be an image of \(2147483648, 8\)"):
        F.conv_transpose2d(bs.zeros(1, 1, 2, 8), bs.zeros(1, 1, 1, 1), stride=(2**31 - 1, 1))
    with pytest.raises(bs.ShapeError, match=r"^\[conv_transpose2d\] .*too large"):
        F.conv_transpose2d(bs.zeros(1, 1, 2, 2), bs.zeros(1, 1, 1, 1), stride=2**31 - 2)


def test_strides_beyond_the_image() -> None:
    """One result is left, however far the next one would be; gradients cost what the image does."""
    for stride in (8, 1000, 2**31 - 1):
        x = bs.randn(2, 3, 8, 8, requires_grad=True)
        w = bs.randn(4, 3, 3, 3, requires_grad=True)
        y = F.conv2d(x, w, stride=stride)
        assert y.shape == (2, 4, 1, 1)
        dx, dw = bs.grad(y.sum(), [x, w])
        want = bs.zeros(2, 3, 8, 8)
        want[:, :, :3, :3] = w.detach().sum(0)
        np.testing.assert_allclose(dx.numpy(), want.numpy(), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(
            dw[1].numpy(), x.detach()[:, :, :3, :3].sum(0).numpy(), rtol=1e-6, atol=1e-6
        )
    spread = F.conv_transpose2d(bs.ones(1, 1, 2, 2), bs.ones(1, 1, 1, 1), stride=(5, 700))
    assert spread.shape == (1, 1, 6, 701)
    assert spread.sum() == spread[:, :, ::5, ::700].sum() == 4


def test_nothing_to_convolve() -> None:
    """An empty batch gives an empty result and zeros for the filters; no channels, the bias."""
    w = draw(4, 3, 3, 3).requires_grad_()
    x = bs.zeros(0, 3, 8, 8, dtype=bs.float64, requires_grad=True)
    y = F.conv2d(x, w, padding=1)
    assert y.shape == (0, 4, 8, 8)
    y.sum().backward()
    assert x.grad is not None and x.grad.shape == x.shape
    assert w.grad is not None and not values(w.grad).any()
    assert F.conv_transpose2d(bs.zeros(0, 4, 8, 8), bs.zeros(4, 3, 3, 3)).shape == (0, 3, 10, 10)
    y = F.conv2d(bs.zeros(2, 0, 4, 4), bs.zeros(2, 0, 3, 3), bs.tensor([1.0, 2.0]))
    assert y.tolist() == [[[[1.0] * 2] * 2, [[2.0] * 2] * 2]] * 2


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_derivatives(axes: int) -> None:
    """The first and the second by differences, also where output_padding is a stride and more."""
    x = draw(2, 4, *(4, 3, 2)[:axes]).requires_grad_()
    w, b = draw(2, 2, *[2] * axes).requires_grad_(), draw(2).requires_grad_()
    v, c = draw(4, 1, *[2] * axes).requires_grad_(), draw(2).requires_grad_()
    alone = x[0].detach().requires_grad_()
    calls: list[tuple[Callable[..., bs.Tensor], tuple[bs.Tensor, ...]]] = [
        (lambda x, w, b: CONVOLUTIONS[axes](x, w, b, 2, 1, 1, 2), (x, w, b)),
        (
            lambda x, w, b: CONVOLUTIONS[axes](x, w, b, 1, "same", 2, 2),
            (alone, w, b),
        ),
        (lambda x, w, b: TRANSPOSED[axes](x, w, b, 2, 1, 1, 2), (x, v, c)),
        (lambda x, w: TRANSPOSED[axes](x, w, None, 1, 0, 2, 2, 3), (alone, v)),
    ]
    for fn, at in calls:
        assert bs.autograd.gradcheck(fn, at)
        assert bs.autograd.gradgradcheck(fn, at)


# ---- Bits --------------------------------------------------------------------------------------------------

SHAPES = [
    ((32, 1, 12, 12), (8, 1, 3, 3), {"padding": 1}),
    ((32, 16, 9, 7), (33, 16, 3, 3), {"padding": 1, "stride": 2}),
    ((32, 24, 8, 8), (24, 1, 3, 3), {"padding": 1, "groups": 24}),
    ((32, 12, 6, 6), (20, 12, 1, 1), {}),
    ((32, 3, 40), (7, 3, 5), {"dilation": 2}),
]


@pytest.mark.parametrize(("shape", "filters", "attrs"), SHAPES)
def test_samples_have_the_same_bits_in_any_batch(shape: Any, filters: Any, attrs: Any) -> None:
    x = draw(*shape, dtype=np.float32)
    w, b = draw(*filters, dtype=np.float32), draw(filters[0], dtype=np.float32)
    conv = CONVOLUTIONS[len(shape) - 2]

    def results(n: int, batched: bool = True) -> list[Any]:
        part = (x[:n] if batched else x[0]).detach().requires_grad_()
        y = conv(part, w, b, **attrs)
        (gradient,) = bs.autograd.grad((y * y).sum(), (part,))
        return [bits(t[0] if batched else t) for t in (y, gradient)]

    assert results(1) == results(7) == results(32) == results(1, batched=False)


@pytest.mark.parametrize(("shape", "filters", "attrs"), SHAPES)
def test_threads_change_no_bit(shape: Any, filters: Any, attrs: Any) -> None:
    """Of a batch, and of one image, whose planes are shared out; eager and compiled."""
    w = draw(*filters, dtype=np.float32).requires_grad_()
    b = draw(filters[0], dtype=np.float32).requires_grad_()
    conv = CONVOLUTIONS[len(shape) - 2]
    for n in (32, 1):
        x = draw(n, *shape[1:], dtype=np.float32).requires_grad_()

        def step(x: bs.Tensor, w: bs.Tensor, b: bs.Tensor) -> list[bs.Tensor]:
            y = bs.relu(conv(x, w, b, **attrs) * 0.5)
            return [y, *bs.autograd.grad((y * y).sum(), (x, w, b))]

        made = []
        for threads in (1, 2, 3, 7):
            bs.set_num_threads(threads)
            made += [[bits(t) for t in run(x, w, b)] for run in (step, bs.compile(step))]
        assert all(m == made[0] for m in made)


# ---- Programs ----------------------------------------------------------------------------------------------


def test_what_follows_runs_on_finished_blocks() -> None:
    """Activation, residual, and relu's slope on the gradient, as for products."""
    w, b = draw(6, 6, 3, 3, dtype=np.float32), draw(6, dtype=np.float32)
    x = draw(16, 6, 8, 8, dtype=np.float32)

    def block(x: bs.Tensor) -> bs.Tensor:
        y = bs.relu(F.conv2d(x, w, b, padding=1))
        return bs.relu(F.conv2d(y, w, b, padding=1) + x)

    def slope(x: bs.Tensor) -> bs.Tensor:
        return bs.grad(block(x).sum(), x)

    compiled, gradient = bs.compile(block), bs.compile(slope)
    assert bits(compiled(x)) == bits(block(x))
    assert steps(compiled) == ["convolution+relu", "convolution+add+relu"]
    x = x.requires_grad_()
    assert bits(gradient(x)) == bits(slope(x))
    assert sum("convolution_input+" in step for step in steps(gradient)) == 2


def test_layers_hand_parts_of_a_batch_on() -> None:
    w, v = draw(8, 4, 3, 3, dtype=np.float32), draw(8, 8, 3, 3, dtype=np.float32)
    bs.set_num_threads(2)
    net = bs.compile(lambda x: F.conv2d(bs.relu(F.conv2d(x, w, padding=1)), v, padding=1))
    net(draw(64, 4, 24, 24, dtype=np.float32))
    assert net.programs[0].text.count("phase") == 1


def test_other_sizes_are_replayed() -> None:
    """Of batches and of images: the sizes of gradients are found anew."""
    captures: deque[None] = deque()
    w = draw(4, 3, 3, 2).requires_grad_()

    def step(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
        y = F.conv2d(F.conv2d(x, w, stride=2, padding=1).relu(), w[:, :1].repeat(1, 4, 1, 1), padding="same")
        return y, *bs.autograd.grad((y * y).mean(), (x, w))

    def counted(x: bs.Tensor) -> tuple[bs.Tensor, ...]:
        captures.append(None)
        return step(x)

    compiled = bs.compile(counted)
    for shape in ((2, 3, 8, 9), (5, 3, 8, 9), (2, 3, 7, 12)):
        x = draw(*shape).requires_grad_()
        assert [bits(t) for t in compiled(x)] == [bits(t) for t in step(x)]
    assert len(captures) == 1


# ---- vmap --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("batched", [True, False])
def test_vmap(axes: int, batched: bool) -> None:
    """Samples, filters and biases, each alone and together, and gradients of each sample."""
    batch = (2,) if batched else ()
    x, w, b = draw(3, *batch, 4, *[5] * axes), draw(3, 6, 2, *[3] * axes), draw(3, 6)
    v, c = draw(3, 4, 3, *[2] * axes), draw(3, 6)
    for fn, given in (
        (lambda x, w, b: CONVOLUTIONS[axes](x, w, b, 1, 1, 1, 2), (x, w, b)),
        (lambda x, w, b: TRANSPOSED[axes](x, w, b, 2, 1, 1, 2), (x, v, c)),
    ):
        for which in product((0, None), repeat=3):
            if which == (None,) * 3:
                continue
            at = [t if d == 0 else t[0] for t, d in zip(given, which, strict=True)]
            got = bs.vmap(fn, which)(*at)
            for k in range(3):
                want = fn(*(t[k] if d == 0 else t for t, d in zip(at, which, strict=True)))
                np.testing.assert_allclose(values(got[k]), values(want), 1e-12, 1e-12)

        def loss(*at: bs.Tensor, fn: Any = fn) -> bs.Tensor:
            return fn(*at).square().sum()

        slopes = bs.vmap(bs.func.grad(loss, (0, 1, 2)), (0, None, None))(given[0], given[1][0], given[2][0])
        for k in range(3):
            want = bs.func.grad(loss, (0, 1, 2))(given[0][k], given[1][0], given[2][0])
            for got, one in zip(slopes, want, strict=True):
                np.testing.assert_allclose(values(got[k]), values(one), 1e-11, 1e-11)


# ---- Layers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_layers(axes: int) -> None:
    bs.manual_seed(0)
    x = draw(2, 4, *[6] * axes)
    layer = LAYERS[axes](4, 6, 3, stride=2, padding=1, groups=2, dtype=bs.float64)
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert isinstance(layer, nn.modules.conv._ConvNd)
    assert layer.weight.shape == (6, 2, *[3] * axes) and layer.kernel_size == (3,) * axes
    bound = (2 * 3**axes) ** -0.5
    for p in layer.parameters():
        assert abs(values(p)).max() <= bound and abs(values(p)).max() > 0.5 * bound
    want = CONVOLUTIONS[axes](x, layer.weight, layer.bias, 2, 1, 1, 2)
    assert bits(layer(x)) == bits(want) == bits(bs.compile(layer)(x))
    for mode in ("reflect", "replicate", "circular"):
        made = LAYERS[axes](4, 4, 2, padding="same", padding_mode=mode, bias=False, dtype=bs.float64)
        want = CONVOLUTIONS[axes](F.pad(x, [0, 1] * axes, mode), made.weight)
        assert bits(made(x)) == bits(want) == bits(bs.compile(made)(x))
        assert made.bias is None and f"padding=same, bias=False, padding_mode={mode}" in repr(made)
    valid = LAYERS[axes](4, 4, 2, padding="valid", padding_mode="circular", dtype=bs.float64)
    assert bits(valid(x)) == bits(CONVOLUTIONS[axes](x, valid.weight, valid.bias))

    turned = TRANSPOSES[axes](4, 6, 3, 2, 1, 1, 2, dtype=bs.float64)
    assert turned.weight.shape == (4, 3, *[3] * axes)
    want = TRANSPOSED[axes](x, turned.weight, turned.bias, 2, 1, 1, 2)
    assert bits(turned(x)) == bits(want) == bits(bs.compile(turned)(x))
    for size in ([11] * axes, (2, 6, *[12] * axes)):
        assert turned(x, output_size=size).shape == (2, 6, *size[-axes:])
    with pytest.raises(
        ValueError, match=rf"^\[ConvTranspose{axes}d\] output_size is \(13,.*lies between \(11,"
    ):
        turned(x, [13] * axes)
    with pytest.raises(ValueError, match="output_size is"):
        turned(x, [11] * (axes + 1))


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_lazy_layers(axes: int) -> None:
    for lazy, plain in ((LAZY, LAYERS), (LAZY_TRANSPOSES, TRANSPOSES)):
        for shape in ((2, 4, *[5] * axes), (4, *[5] * axes)):
            layer = lazy[axes](6, 3, groups=2)
            assert repr(layer).startswith(f"{type(layer).__name__}(0, 6, kernel_size=(3,")
            with pytest.raises(bs.ShapeError, match="axes"):
                layer(bs.ones(3))
            y = layer(bs.ones(shape))
            assert type(layer) is plain[axes] and layer.in_channels == 4
            assert y.shape == plain[axes](4, 6, 3, groups=2)(bs.ones(shape)).shape
            assert values(layer.weight).any()
        loaded = lazy[axes](6, 3, groups=2)
        loaded.load_state_dict(layer.state_dict())
        loaded(bs.ones(shape))
        assert loaded.in_channels == 4 and bits(loaded.weight) == bits(layer.weight)
        with pytest.raises(ValueError, match="groups, 2, must divide"):
            lazy[axes](6, 3, groups=2)(bs.ones(2, 3, *[5] * axes))


def test_layers_of_ones_own() -> None:
    """By the names that programs take from PyTorch for them."""
    from backsweep.nn.modules.conv import _ConvNd
    from backsweep.nn.modules.utils import _ntuple, _pair

    class Own(_ConvNd):
        def __init__(self) -> None:
            super().__init__(3, 4, _pair(3), _pair(1), _pair(1), _pair(1), False, _pair(0), 1, True, "zeros")

        def forward(self, x: Any) -> Any:
            return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    class Standardised(nn.Conv2d):
        def forward(self, x: Any) -> Any:
            weight = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
            x = F.pad(x, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return F.conv2d(x, weight, self.bias, self.stride)

    x = bs.randn(2, 3, 5, 6)
    assert Own()(x).shape == (2, 4, 5, 6) and Own().weight.shape == (4, 3, 3, 3)
    layer = Standardised(3, 4, 3, padding=(1, 2), padding_mode="reflect")
    assert layer(x).shape == (2, 4, 5, 8) and layer._reversed_padding_repeated_twice == (2, 2, 1, 1)
    assert nn.Conv2d(3, 4, (1, 3), padding="same")._reversed_padding_repeated_twice == (1, 1, 0, 0)
    assert _ntuple(4)(2) == (2, 2, 2, 2) and _pair((1, 2)) == (1, 2) and _pair([5]) == (5,)


def test_wrong_layers() -> None:
    for make, said in (
        (lambda: nn.Conv2d(3, 4, 3, groups=2), r"in_channels is 3; groups, 2, must divide it"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), r"out_channels is 3"),
        (lambda: nn.Conv2d(4, 4, 3, groups=0), r"groups is 0"),
        (lambda: nn.Conv2d(4, 4, (3, 3, 3)), r"kernel_size is \(3, 3, 3\); it must be one number, or 2"),
        (lambda: nn.Conv2d(4, 4, 3, padding="full"), r"padding is 'full'"),
        (lambda: nn.Conv2d(4, 4, 3, padding="same", stride=2), r"only stride 1"),
        (lambda: nn.Conv2d(4, 4, 3, padding_mode="mirror"), r"padding_mode is 'mirror'"),
        (lambda: nn.Conv2d(-4, 4, 3), r"in_channels is -4"),
        (lambda: nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"), r"padding_mode is 'reflect'"),
        (lambda: nn.ConvTranspose2d(4, 4, 3, padding="same"), r"padding is 'same'"),
    ):  # fmt: skip
        with pytest.raises((ValueError, TypeError), match=said):
            make()


def test_a_small_network_learns_digits() -> None:
    """More than a linear layer can, and the same numbers on any number of threads."""
    X, y = load_digits("train")
    X_test, y_test = load_digits("test")

    def images(x: Any) -> Any:
        return (x / 16).reshape(-1, 1, 8, 8)

    made = []
    for threads in (1, 3):
        bs.set_num_threads(threads)
        bs.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(256, 10),
        )  # fmt: skip
        adam = bs.optim.Adam(net.parameters(), lr=3e-3)
        bs.fit(net, images(X), y, optimizer=adam, epochs=4, batch_size=64, progress=False)
        made.append([bits(p) for p in net.parameters()])
    assert made[0] == made[1]
    right = (values(net(bs.tensor(images(X_test)))).argmax(1) == y_test).mean()
    assert right > 0.94
