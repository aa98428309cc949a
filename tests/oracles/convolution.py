"""Convolutions, tap by tap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z

Ints = Sequence[int]


def taps(
    kernel: Ints, size: Ints, stride: Ints, dilation: Ints
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Each tap of the filters, with what lies under it of an image that has its border."""
    for tap in product(*map(range, kernel)):
        under = (
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, n, s, d in zip(tap, size, stride, dilation, strict=True)
        )
        yield tap, tuple(under)


def bordered(shape: Ints, kernel: Ints, size: Ints, attrs: dict[str, Any]) -> tuple[int, ...]:
    """The size of an image with its border, and with what y needs at the end."""
    each = zip(shape, kernel, size, attrs["stride"], attrs["padding"], attrs["dilation"], strict=True)
    return tuple(max(n + p, (y - 1) * s + (k - 1) * d + 1) for n, k, y, s, p, d in each)


def grouped(a: Array, axes: int, groups: int) -> Array:
    """(N, C, ...) or (C, ...) as (N, groups, C / groups, ...)."""
    a = a if a.ndim > axes + 1 else a[None]
    return a.reshape(a.shape[0], groups, a.shape[1] // groups, *a.shape[2:])


def within(image: Array, size: Ints, padding: Ints) -> Array:
    """An image in zeros."""
    axes = len(size)
    made = np.zeros((*image.shape[:-axes], *size))
    made[(..., *(slice(p, p + n) for p, n in zip(padding, image.shape[-axes:], strict=True)))] = image
    return made


def as_given(made: Array, like: Array, axes: int, bias: Array | None) -> Array:
    made = made.reshape(made.shape[0], made.shape[1] * made.shape[2], *made.shape[3:])
    if bias is not None:
        made = made + bias.reshape(-1, *[1] * axes)
    return made if like.ndim > axes + 1 else made[0]


def convolution(
    x: Array, w: Array, bias: Array | None = None, size: Ints | None = None, **attrs: Any
) -> Array:
    axes, groups, kernel = w.ndim - 2, attrs["groups"], w.shape[2:]
    if size is None:
        each = zip(x.shape[-axes:], kernel, attrs["stride"], attrs["padding"], attrs["dilation"], strict=True)
        size = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in each]
    images = grouped(x, axes, groups)
    inside = within(images, bordered(x.shape[-axes:], kernel, size, attrs), attrs["padding"])
    filters = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    y = np.zeros((images.shape[0], groups, filters.shape[1], *size))
    for tap, under in taps(kernel, size, attrs["stride"], attrs["dilation"]):
        y += np.einsum("ngc...,goc->ngo...", inside[(..., *under)], filters[(..., *tap)])
    return as_given(y, x, axes, bias)


def convolution_input(y: Array, w: Array, bias: Array | None = None, *, size: Ints, **attrs: Any) -> Array:
    axes, groups, kernel = w.ndim - 2, attrs["groups"], w.shape[2:]
    images = grouped(y, axes, groups)
    filters = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    whole = bordered(size, kernel, y.shape[-axes:], attrs)
    x = np.zeros((images.shape[0], groups, w.shape[1], *whole))
    for tap, under in taps(kernel, y.shape[-axes:], attrs["stride"], attrs["dilation"]):
        x[(..., *under)] += np.einsum("ngo...,goc->ngc...", images, filters[(..., *tap)])
    inside = (slice(p, p + n) for p, n in zip(attrs["padding"], size, strict=True))
    return as_given(x[(..., *inside)], y, axes, bias)


def convolution_weight(x: Array, g: Array, *, kernel_size: Ints, **attrs: Any) -> Array:
    axes, groups = len(kernel_size), attrs["groups"]
    size = g.shape[-axes:]
    images, slopes = grouped(x, axes, groups), grouped(g, axes, groups)
    inside = within(images, bordered(x.shape[-axes:], kernel_size, size, attrs), attrs["padding"])
    w = np.zeros((groups, slopes.shape[2], images.shape[2], *kernel_size))
    for tap, under in taps(kernel_size, size, attrs["stride"], attrs["dilation"]):
        at = "xyz"[:axes]
        w[(..., *tap)] = np.einsum(f"ngc{at},ngo{at}->goc", inside[(..., *under)], slopes)
    return w.reshape(w.shape[0] * w.shape[1], *w.shape[2:])


def setting(axes: int, **given: Any) -> dict[str, Any]:
    """Attributes with one number for each axis."""
    usual = {"stride": 1, "padding": 0, "dilation": 1} | given
    made = {k: [v] * axes if isinstance(v, int) and k != "groups" else v for k, v in usual.items()}
    return {"groups": 1} | made


# Shapes of x and w, attributes.
PLACES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 7), (4, 3, 3), {}),
    ((3, 9), (2, 3, 4), {"stride": 2, "padding": 1}),
    ((2, 2, 5, 6), (3, 2, 3, 3), {"padding": 1}),
    ((1, 3, 6, 5), (2, 3, 2, 3), {"stride": [2, 1], "padding": [0, 2], "dilation": [1, 2]}),
    ((2, 4, 5, 5), (6, 2, 3, 2), {"groups": 2, "stride": 2, "padding": 1}),
    ((2, 3, 4, 4), (6, 1, 3, 3), {"groups": 3, "padding": 1}),
    ((3, 5, 4), (2, 3, 1, 1), {}),
    ((2, 2, 3, 4, 3), (3, 2, 2, 2, 2), {"padding": 1, "stride": [1, 2, 1]}),
    ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    ((2, 2, 6, 6), (2, 2, 2, 2), {"stride": 3}),  # what lies between the filters
    ((1, 2, 4, 4), (2, 2, 3, 3), {"dilation": 3, "padding": 3, "stride": 2}),
    ((0, 2, 4, 4), (3, 2, 3, 3), {}),
    ((2, 0, 4, 4), (3, 0, 3, 3), {}),
]
LARGE = [
    ((9, 20, 17, 19), (33, 20, 3, 3), {"padding": 1}),
    ((1, 33, 30, 31), (70, 33, 3, 3), {"padding": 1, "stride": 2}),
    ((3, 40, 21, 20), (40, 1, 3, 3), {"padding": 1, "groups": 40}),
]


def sizes(x: tuple[int, ...], w: tuple[int, ...], attrs: dict[str, Any]) -> list[int]:
    return list(convolution(np.zeros(x), np.zeros(w), **attrs).shape[2 - len(w) :])


def of(kind: str) -> Callable[[Draw], list[Case]]:
    """Cases of one of the three: by the shapes of all."""

    def cases(d: Draw) -> list[Case]:
        made = []
        for x, w, given in PLACES + LARGE:
            axes = len(w) - 2
            attrs = setting(axes, **given)
            y = (*x[: len(x) - axes - 1], w[0], *sizes(x, w, attrs))
            large = (x, w, given) in LARGE
            if kind == "forward":
                inputs, more = (d(*x), d(*w), d(w[0])), {}
            elif kind == "input":
                inputs, more = (d(*y), d(*w), d(w[1] * attrs["groups"])), {"size": list(x[-axes:])}
            else:
                inputs, more = (d(*x), d(*y)), {"kernel_size": list(w[2:])}
            made.append(Case(inputs, attrs | more, large=large))
            if kind != "weight" and not large:
                made.append(Case(inputs[:2], attrs | more))
        if kind == "forward":  # of more than the filters lie within, and of less
            made += [Case((d(1, 2, 4, 5), d(2, 2, 2, 2)), setting(2, size=s)) for s in ([5, 4], [2, 1])]
        return made

    return cases


def named(axes: int) -> Oracle:
    def value(x: Array, w: Array, bias: Array | None = None, same: bool = False, **given: Any) -> Array:
        attrs = setting(axes, **given)
        size = None
        if same:
            border = zip(w.shape[2:], attrs["dilation"], strict=True)
            attrs["padding"] = [d * (k - 1) // 2 for k, d in border]
            size = x.shape[-axes:]
        return convolution(x, w, bias, size, **attrs)

    def cases(d: Draw) -> list[Case]:
        x, w = (2, 4, *(5, 4, 3)[:axes]), (6, 2, *(3, 2, 2)[:axes])
        return [
            Case((d(*x), d(*w), d(6)), {"groups": 2, "padding": 1}),
            Case((d(*x[1:]), d(*w)), {"groups": 2, "stride": [1] * axes, "same": True, "dilation": 2}),
        ]

    wrong = [
        *(Wrong((Z((2, 4, *[5] * axes)), Z((4, 4, *[3] * axes))), *rest) for rest in WRONG_NUMBERS),
        Wrong((Z((2, 4, *[5] * axes)), Z((4, 4, *[3] * (axes + 1)))), {}, "ShapeError", ("axes",)),
        Wrong((Z((2, 4, *[2] * axes)), Z((4, 4, *[3] * axes))), {}, "ShapeError", ("kernel", "padding")),
        Wrong(
            (Z((2, 4, *[5] * axes)), Z((4, 4, *[3] * axes))),
            {"same": True, "stride": 2},
            "ValueError",
            ('"same"', "stride"),
        ),
    ]
    return Oracle(value, cases, ulp=64, wrong=wrong)


def transposed(axes: int) -> Oracle:
    def value(y: Array, w: Array, bias: Array | None = None, **given: Any) -> Array:
        attrs = setting(axes, **({"output_padding": 0} | given))
        extra = attrs.pop("output_padding")
        each = zip(
            y.shape[-axes:],
            w.shape[2:],
            attrs["stride"],
            attrs["padding"],
            attrs["dilation"],
            extra,
            strict=True,
        )
        size = [(n - 1) * s - 2 * p + d * (k - 1) + more + 1 for n, k, s, p, d, more in each]
        return convolution_input(y, w, bias, size=size, **attrs)

    def cases(d: Draw) -> list[Case]:
        y, w = (2, 4, *(3, 4, 2)[:axes]), (4, 3, *(3, 2, 2)[:axes])
        return [
            Case((d(*y), d(*w), d(6)), {"groups": 2, "padding": 1, "stride": 2, "output_padding": 1}),
            Case((d(*y[1:]), d(*w)), {"stride": [1] * axes, "dilation": 3, "output_padding": 2}),
            Case((d(0, *y[1:]), d(*w))),
        ]

    wrong = [
        *(Wrong((Z((2, 4, *[5] * axes)), Z((4, 4, *[3] * axes))), *rest) for rest in WRONG_NUMBERS),
        Wrong(
            (Z((2, 4, *[5] * axes)), Z((4, 4, *[3] * axes))),
            {"output_padding": 1},
            "ValueError",
            ("output_padding", "below"),
        ),
        Wrong((Z((2, 4, *[1] * axes)), Z((4, 4, *[3] * axes))), {"padding": 2}, "ShapeError", ("padding",)),
        Wrong((Z((2, 3, *[5] * axes)), Z((4, 4, *[3] * axes))), {}, "ShapeError", ("3 channels", "4")),
    ]
    return Oracle(value, cases, ulp=64, wrong=wrong)


WRONG_NUMBERS: list[tuple[dict[str, Any], str, tuple[str, ...]]] = [
    ({"stride": 0}, "ValueError", ("stride", "0")),
    ({"padding": -1}, "ValueError", ("padding", "-1")),
    ({"dilation": 0}, "ValueError", ("dilation", "0")),
    ({"dilation": 2**31}, "ValueError", ("dilation", "2^31")),
    ({"groups": 0}, "ValueError", ("groups", "0")),
    ({"groups": 3}, "ShapeError", ("3", "divide")),
    ({"stride": [1, 1, 1, 1]}, "ValueError", ("stride", "number")),
]
BASE = setting(2)
X, W = Z((2, 4, 5, 5)), Z((6, 4, 3, 3))
ORACLES: dict[str, Oracle] = {
    "convolution": Oracle(
        convolution,
        of("forward"),
        ulp=64,
        wrong=[
            Wrong((X, Z((6, 3, 3, 3))), BASE, "ShapeError", ("4 channels", "3", "(6, 3, 3, 3)")),
            Wrong((X, Z((6, 4))), BASE, "ShapeError", ("three to five",)),
            Wrong((X, Z((6, 4, 0, 3))), BASE, "ShapeError", ("(0, 3)",)),
            Wrong((X, Z((0, 4, 3, 3))), BASE, "ShapeError", ("at least 1",)),
            Wrong((Z((5, 5)), W), BASE, "ShapeError", ("4 axes", "without a batch")),
            Wrong((Z((2, 4, 0, 5)), W), BASE, "ShapeError", ("(0, 5)",)),
            Wrong((X, W, Z(4)), BASE, "ShapeError", ("(6,)",)),
            Wrong((X, W, Z((6, 1))), BASE, "ShapeError", ("(6,)",)),
            Wrong((X, Z((6, 4, 3, 3), np.float32)), BASE, "DTypeError", ("float64", "float32")),
            Wrong((X, W), BASE | {"stride": [1]}, "ValueError", ("stride", "2")),
            Wrong((X, W), BASE | {"size": [0, 3]}, "ValueError", ("size",)),
            Wrong((X, Z((6, 4, 7, 3))), BASE, "ShapeError", ("(7, 3)", "(5, 5)")),
        ],
    ),
    "convolution_input": Oracle(
        convolution_input,
        of("input"),
        ulp=64,
        wrong=[
            Wrong((X, W), BASE | {"size": [7, 7]}, "ShapeError", ("4 channels", "6")),
            Wrong((Z((2, 6, 5, 5)), W), BASE | {"size": [7, 0]}, "ValueError", ("size",)),
            Wrong((Z((2, 6, 5, 5)), W, Z(6)), BASE | {"size": [7, 7]}, "ShapeError", ("(4,)",)),
        ],
    ),
    "convolution_weight": Oracle(
        convolution_weight,
        of("weight"),
        ulp=64,
        wrong=[
            Wrong((X, Z((1, 6, 3, 3))), BASE | {"kernel_size": [3, 3]}, "ShapeError", ("batch",)),
            Wrong((X, Z((6, 3, 3))), BASE | {"kernel_size": [3, 3]}, "ShapeError", ("batch",)),
            Wrong((X, Z((2, 6, 3))), BASE | {"kernel_size": [3, 3]}, "ShapeError", ("batch",)),
            Wrong(
                (X, Z((2, 6, 3, 3))),
                BASE | {"kernel_size": [3, 3], "groups": 4},
                "ShapeError",
                ("4", "6", "divide"),
            ),
            Wrong((X, Z((2, 6, 3, 3))), BASE | {"kernel_size": []}, "ValueError", ("kernel_size",)),
        ],
    ),
    **{f"conv{axes}d": named(axes) for axes in (1, 2, 3)},
    **{f"conv_transpose{axes}d": transposed(axes) for axes in (1, 2, 3)},
}
