"""Layers of images on sizes at the edge: nothing, too much, kernels that do not fit. Errors say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn import functional as F


def zeros(*shape: int) -> bs.Tensor:
    return bs.zeros(shape)


HUGE = 1 << 31
WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: F.conv2d(zeros(1, 1, 2, 2), zeros(1, 1, 3, 3)), bs.ShapeError, "larger than the image"),
    (lambda: F.conv2d(zeros(1, 3, 4, 4), zeros(3, 2, 3, 3)), bs.ShapeError, "weight is for 2"),
    (lambda: F.conv2d(zeros(1, 3, 4, 4), zeros(3, 1, 3, 3), groups=2), bs.ShapeError, "must divide"),
    (lambda: F.conv2d(zeros(1, 1, 4, 4), zeros(1, 1, 3, 3), padding=-1), ValueError, "padding is -1"),
    (lambda: F.conv2d(zeros(1, 1, 4, 4), zeros(1, 1, 1, 1), padding=HUGE), ValueError, r"below 2\^31"),
    (lambda: F.conv_transpose2d(zeros(1, 3, 4, 4), zeros(2, 1, 3, 3)), bs.ShapeError, "weight is for 2"),
    (lambda: F.conv_transpose2d(zeros(1, 1, 4, 4), zeros(1, 1, 3, 3), None, 1, -1), ValueError, "padding is"),
    (lambda: F.conv_transpose2d(zeros(1, 1, 2, 2), zeros(1, 1, 3, 3), None, 1, 4), ValueError, "takes away"),
    (lambda: F.max_pool2d(zeros(1, 1, 2, 2), 3), bs.ShapeError, "shorter than a window"),
    (lambda: F.avg_pool2d(zeros(1, 1, 4, 4), 2, padding=-1), ValueError, "-1"),
    (lambda: F.interpolate(zeros(1, 1, 2, 2), (HUGE, 1)), bs.ShapeError, r"below 2\^31"),
    (lambda: F.batch_norm(zeros(2, 3, 4, 4), zeros(2), zeros(2)), bs.ShapeError, r"must be \(3,\)"),
    (lambda: F.group_norm(zeros(2, 3, 4, 4), 2), bs.ShapeError, "divisible into 2 groups"),
    (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "groups"),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[2])
def test_what_does_not_fit_is_named(case: Any) -> None:
    call, error, says = case
    with pytest.raises(error, match=rf"^\[.*{says}"):
        call()


NONE = zeros(0, 4, 6, 6)
LAYERS = [
    nn.Conv2d(4, 6, 3), nn.Conv2d(4, 4, 3, 2, 1, groups=4), nn.ConvTranspose2d(4, 2, 3, 2), nn.MaxPool2d(2),
    nn.AvgPool2d(3, 1, 1), nn.AdaptiveAvgPool2d(2), nn.LPPool2d(2, 2), nn.BatchNorm2d(4), nn.GroupNorm(2, 4),
    nn.InstanceNorm2d(4), nn.LocalResponseNorm(2), nn.Upsample(scale_factor=2, mode="bilinear"),
    nn.PixelShuffle(2), nn.Unfold(2), nn.ZeroPad2d(1), nn.Dropout2d(),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_no_images_give_none(layer: nn.Module) -> None:
    one = layer(zeros(2, 4, 6, 6))
    made = layer(NONE.clone().requires_grad_())
    assert made.shape == (0, *one.shape[1:])
    made.sum().backward()
    for parameter in layer.parameters():
        assert parameter.grad is not None and float(parameter.grad.abs().sum()) == 0
