"""Statistics of channels and what scales by them."""

from __future__ import annotations

import numpy as np

from oracles.base import Array, Case, Draw, Oracle, Wrong, Z


def axes_of(x: Array) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def beside(t: Array | float, x: Array) -> Array:
    return np.reshape(t, (-1, *[1] * (x.ndim - 2)))


def channel_moments(x: Array) -> tuple[Array, Array]:
    return x.mean(axes_of(x)), x.var(axes_of(x))


def channel_products(g: Array, x: Array, mean: Array | None = None) -> tuple[Array, Array]:
    d = x if mean is None else x - beside(mean, x)
    return (g * d).sum(axes_of(x)), g.sum(axes_of(x))


def scale_channels(
    x: Array,
    mean: Array | None = None,
    rstd: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
) -> Array:
    y = x if mean is None else x - beside(mean, x)
    for factor in (rstd, weight):
        y = y if factor is None else y * beside(factor, x)
    return y if bias is None else y + beside(bias, x)


def batch_norm_backward(g: Array, x: Array, mean: Array, slope: Array, level: Array, scale: Array) -> Array:
    along = (x - beside(mean, x)) * beside(slope, x) + beside(level, x)
    return np.asarray(g * beside(scale, x) - along)


def batch_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    mean, var = channel_moments(x)
    return scale_channels(x, mean, 1 / np.sqrt(var + eps), weight, bias), mean, var


def group_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, num_groups: int = 1, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    split = x.reshape(x.shape[0], num_groups, -1)
    mean, var = split.mean(2), split.var(2)
    y = ((split - mean[..., None]) / np.sqrt(var + eps)[..., None]).reshape(x.shape)
    return scale_channels(y, None, None, weight, bias), mean, var


IMAGES = ((3, 4), (2, 3, 5), (4, 2, 3, 3), (9, 17, 2), (1, 3, 2, 2, 5), (33, 2, 1, 1), (300, 3))
LARGE = ((8, 16, 33, 41), (1100, 301), (2, 3, 70, 90))


def images(d: Draw) -> list[tuple[Array, bool]]:
    return [(d(*shape), False) for shape in IMAGES] + [(d(*shape), True) for shape in LARGE]


def channel_moments_cases(d: Draw) -> list[Case]:
    return [Case((x,), large=large) for x, large in images(d)]


def channel_products_cases(d: Draw) -> list[Case]:
    made = []
    for x, large in images(d):
        inputs = (d(*x.shape), x, d(x.shape[1]))
        made += [Case(inputs[:n], large=large) for n in (2, 3)]
    return made


def scale_channels_cases(d: Draw) -> list[Case]:
    made = []
    for x, large in images(d):
        inputs = (x, d(x.shape[1]), d(x.shape[1], low=0.5), d(x.shape[1]), d(x.shape[1]))
        made += [Case(inputs[:n], large=large) for n in (2, 3, 5)]
    return made


def batch_norm_backward_cases(d: Draw) -> list[Case]:
    return [Case((d(*x.shape), x, *(d(x.shape[1]) for _ in range(4))), large=large) for x, large in images(d)]


def batch_norm_cases(d: Draw) -> list[Case]:
    made = []
    for x, large in images(d):
        inputs = (x, d(x.shape[1]), d(x.shape[1]))
        made += [Case(inputs[:n], {"eps": e}, large=large) for n, e in ((1, 1e-5), (2, 1e-3), (3, 0.1))]
    return made


def group_norm_cases(d: Draw) -> list[Case]:
    made = []
    for shape, groups in (
        ((2, 6), 3),
        ((3, 4, 5), 2),
        ((2, 3, 3, 4), 1),
        ((1, 5, 2, 2, 2), 5),
        ((9, 8, 41, 33), 4),
    ):
        inputs = (d(*shape), d(shape[1]), d(shape[1]))
        large = shape[0] == 9
        made += [Case(inputs[:n], {"num_groups": groups, "eps": 0.1}, large=large) for n in (1, 2, 3)]
    return made


ORACLES: dict[str, Oracle] = {
    "channel_moments": Oracle(
        channel_moments,
        channel_moments_cases,
        ulp=64,
        wrong=[Wrong((Z(3),), {}, "ShapeError", ("(3,)", "channels"))],
    ),
    "channel_products": Oracle(
        channel_products,
        channel_products_cases,
        ulp=64,
        wrong=[
            Wrong((Z((2, 4)), Z((2, 3))), {}, "ShapeError", ("(2, 4)", "(2, 3)")),
            Wrong((Z((2, 3)), Z((2, 3)), Z(2)), {}, "ShapeError", ("(2,)", "(2, 3)")),
            Wrong((Z((2, 3), np.float32), Z((2, 3))), {}, "DTypeError", ("float32", "float64")),
        ],
    ),
    "scale_channels": Oracle(
        scale_channels,
        scale_channels_cases,
        ulp=64,
        wrong=[
            Wrong((Z(3),), {}, "ShapeError", ("(3,)", "channels")),
            Wrong((Z((2, 3)), Z(2)), {}, "ShapeError", ("mean is (2,)", "(2, 3)")),
            Wrong((Z((2, 3)), Z(3, np.float32)), {}, "DTypeError", ("float32", "float64")),
        ],
    ),
    "batch_norm_backward": Oracle(
        batch_norm_backward,
        batch_norm_backward_cases,
        ulp=64,
        wrong=[
            Wrong((Z((2, 4)), Z((2, 3)), *[Z(3)] * 4), {}, "ShapeError", ("(2, 4)", "(2, 3)")),
            Wrong((Z((2, 3)), Z((2, 3)), Z(3), Z(2), Z(3), Z(3)), {}, "ShapeError", ("slope is (2,)",)),
        ],
    ),
    "batch_norm": Oracle(
        batch_norm,
        batch_norm_cases,
        ulp=64,
        wrong=[
            Wrong((Z(3),), {}, "ShapeError", ("(3,)", "channels")),
            Wrong((Z((2, 3)), Z(2)), {}, "ShapeError", ("weight is (2,)", "(2, 3)")),
            Wrong((Z((2, 3)), Z(3), Z(4)), {}, "ShapeError", ("bias is (4,)", "(2, 3)")),
            Wrong((Z((2, 3)), Z(3, np.float32)), {}, "DTypeError", ("float64", "float32")),
        ],
    ),
    "group_norm": Oracle(
        group_norm,
        group_norm_cases,
        ulp=64,
        wrong=[
            Wrong((Z((2, 3)),), {"num_groups": 2}, "ShapeError", ("(2, 3)", "2 groups")),
            Wrong((Z((2, 4)),), {"num_groups": 0}, "ShapeError", ("0 groups",)),
            Wrong((Z((2, 4)), Z(2)), {"num_groups": 2}, "ShapeError", ("weight is (2,)",)),
        ],
    ),
}
