"""How the tests call ops of the registry: cases as tensors, in memory layouts, and their derivatives."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

import backsweep as bs
from backsweep import _core
from oracles import ORACLES, Array, Case, Draw

REGISTRY: dict[str, dict[str, Any]] = {op["name"]: op for op in _core.registry()}
OPS = [name for name in REGISTRY if name in ORACLES]
COMPOSED = [name for name in OPS if REGISTRY[name]["has_compose"]]
DIFFERENTIABLE = [name for name in OPS if REGISTRY[name]["differentiable"] and not ORACLES[name].flat]
ELEMENTWISE = [name for name in OPS if REGISTRY[name]["interval"]]

SHAPES = ((), (0,), (1,), (7,), (17,), (1000,), (3, 5), (0, 4), (33, 31), (2, 3, 4, 5))
# Of two or three operands; the third takes the first's shape unless stated.
BROADCAST = (
    ((), (6,)),
    ((1,), (300,)),
    ((5, 1), (1, 7)),
    ((4, 1, 5), (3, 1)),
    ((0, 3), (1, 3)),
    ((2, 3), (3,), (2, 1)),
    ((40, 1), (40, 60)),
)
LARGE = (((600, 501), (600, 501)), ((700, 1), (1, 403)), ((300_001,), ()))


def elementwise_cases(name: str, d: Draw) -> list[Case]:
    op = REGISTRY[name]
    low, high = op["interval"]
    n = len(op["inputs"])
    sets = [(shape,) * n for shape in SHAPES]
    if n > 1:
        sets += [(pair + pair[:1])[:n] for pair in BROADCAST]
        sets += [tuple(reversed(shapes)) for shapes in sets[-len(BROADCAST) :]]
    large = [(pair + pair[:1])[:n] for pair in LARGE]
    made = []
    for shapes in sets + large:
        inputs = [
            d.index(*shape, below=2).astype(bool)
            if i in ORACLES[name].bools
            else d.index(*shape, below=8)
            if ORACLES[name].integers
            else d(*shape, low=low, high=high)
            for i, shape in enumerate(shapes)
        ]
        if REGISTRY[name]["interval"] and n == 2 and inputs[0].shape == inputs[1].shape:
            inputs[1].reshape(-1)[::5] = inputs[0].reshape(-1)[::5]  # equal, for comparisons and maximum
        made.append(Case(tuple(inputs), large=shapes in large, smooth=n == 1))
        if n > 1 and made[-1].inputs[0].size < 1000 and not ORACLES[name].integers:
            # Without equal elements, where a maximum has no derivative.
            made.append(
                Case(tuple(x if x.dtype == bool else d(*x.shape, low=low, high=high) for x in inputs))
            )
    return made


@cache
def cases(name: str) -> tuple[Case, ...]:
    """All cases of an op, the same in each run."""
    d = Draw(np.random.default_rng(zlib.crc32(name.encode())))
    oracle = ORACLES[name]
    return tuple(elementwise_cases(name, d) if oracle.cases is None else oracle.cases(d))


def small(name: str) -> list[Case]:
    return [case for case in cases(name) if not case.large]


def smooth(name: str) -> list[Case]:
    """Cases for differences: few elements."""
    return [c for c in cases(name) if not c.large and c.smooth and sum(x.size for x in c.inputs) <= 700]


def as_dtype(array: Array, dtype: str) -> Array:
    """Floats as another dtype; indices, keys and conditions stay."""
    if array.dtype != np.float64:
        return array
    return (np.rint(array) if dtype[0] in "ib" else array).astype(dtype)


def inputs_of(case: Case, dtype: str) -> list[Array]:
    return [as_dtype(x, dtype) for x in case.inputs]


def arguments(name: str, inputs: Sequence[Any], attrs: dict[str, Any]) -> dict[str, Any]:
    """Inputs by their names in the schema, and attributes."""
    schemas = REGISTRY[name]["inputs"]
    if schemas[0]["many"]:
        return {schemas[0]["name"]: list(inputs)} | attrs
    return dict(zip([schema["name"] for schema in schemas], inputs, strict=False)) | attrs


def call(name: str, inputs: Sequence[Any], attrs: dict[str, Any]) -> tuple[bs.Tensor, ...]:
    """The outputs of an op."""
    made = getattr(_core.ops, name)(**arguments(name, inputs, attrs))
    return made if isinstance(made, tuple) else (made,)


def compose(name: str, inputs: Sequence[Any], attrs: dict[str, Any]) -> tuple[bs.Tensor, ...]:
    """The same outputs in simpler ops."""
    return getattr(_core.ops, name).compose(**arguments(name, inputs, attrs))


def value(name: str, inputs: Sequence[Array], attrs: dict[str, Any]) -> tuple[Array, ...]:
    """What the oracle says."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the mean of nothing
        made = ORACLES[name].value(*inputs, **attrs)
    return tuple(np.asarray(m) for m in (made if isinstance(made, tuple) else (made,)))


def array(tensor: bs.Tensor) -> Array:
    return np.array(tensor.detach())


def bits(tensor: bs.Tensor) -> tuple[Any, ...]:
    """To be compared. Any NaN is NaN: its sign and payload say which operand it came from, not what it is."""
    a = array(tensor)
    if a.dtype.kind == "f":
        a = np.where(np.isnan(a), np.array(np.nan, a.dtype), a)
    return a.dtype.name, a.shape, a.tobytes()


def about(name: str, case: Case) -> str:
    return f"{name}({', '.join(str(x.shape) for x in case.inputs)}, {case.attrs})"


# ---- Memory layouts ----------------------------------------------------------------------------------------

# Each gives an array and what to do with its tensor to get the values of `a` in another layout.
Layout = Callable[[Array], tuple[Array, Callable[[bs.Tensor], bs.Tensor]]]


def _transposed(a: Array) -> tuple[Array, Callable[[bs.Tensor], bs.Tensor]]:
    return np.ascontiguousarray(a.T).reshape(a.T.shape), lambda t: _core.permute(
        t, tuple(range(a.ndim))[::-1]
    )


def _channels_last(a: Array) -> tuple[Array, Callable[[bs.Tensor], bs.Tensor]]:
    """Axis 1 innermost, as NHWC has it; other axes in their order."""
    if a.ndim < 3:
        return _transposed(a)
    order = (0, a.ndim - 1, *range(1, a.ndim - 1))
    return np.moveaxis(a, 1, -1).copy(), lambda t: _core.permute(t, order)


def _strided(a: Array) -> tuple[Array, Callable[[bs.Tensor], bs.Tensor]]:
    base = np.ones((*a.shape[:-1], 2 * a.shape[-1]), dtype=a.dtype)
    base[..., ::2] = a
    return base, lambda t: _core.ops.slice(t, dim=-1, step=2)


def _reversed(a: Array) -> tuple[Array, Callable[[bs.Tensor], bs.Tensor]]:
    return a[..., ::-1].copy(), lambda t: _core.ops.slice(t, dim=-1, step=-1)


def _offset(a: Array) -> tuple[Array, Callable[[bs.Tensor], bs.Tensor]]:
    base = np.ones((a.shape[0] + 5, *a.shape[1:]), dtype=a.dtype)
    base[3 : 3 + a.shape[0]] = a
    return base, lambda t: _core.ops.slice(t, dim=0, start=3, stop=3 + a.shape[0])


def _expanded(a: Array) -> tuple[Array, Callable[[bs.Tensor], bs.Tensor]]:
    """Needs equal rows."""
    return a[:1].copy(), lambda t: _core.expand(t, a.shape)


LAYOUTS: dict[str, Layout] = {
    "transposed": _transposed,
    "channels_last": _channels_last,
    "strided": _strided,
    "reversed": _reversed,
    "offset": _offset,
    "expanded": _expanded,
}


def laid_out(
    case: Case, layout: str, dtype: str
) -> tuple[list[Array], list[Array], list[Callable[..., Any]]]:
    """The inputs of a case, and bases and views that give the same; equal rows where a layout needs them."""
    inputs, bases, views = [], [], []
    for a in inputs_of(case, dtype):
        if layout == "expanded" and a.ndim and a.shape[0] and a.shape[0] > 1 and a.dtype != np.int64:
            a = np.broadcast_to(a[:1], a.shape).copy()
        unfit = a.ndim == 0 or (layout == "expanded" and (a.shape[0] < 2 or a.dtype == np.int64))
        base, view = (a, lambda t: t) if unfit else LAYOUTS[layout](a)
        inputs.append(a)
        bases.append(base)
        views.append(view)
    return inputs, bases, views


# ---- Derivatives -------------------------------------------------------------------------------------------


def is_float(tensor: bs.Tensor) -> bool:
    return tensor.dtype.is_floating_point


def leaves(inputs: Sequence[Array]) -> list[bs.Tensor]:
    """Tensors that collect gradients where they can."""
    return [bs.tensor(np.asarray(x), requires_grad=x.dtype.kind == "f") for x in inputs]


def weighted(outputs: Sequence[bs.Tensor], weights: Sequence[Any]) -> bs.Tensor:
    """The sum of all elements of the float outputs, each weighted."""
    total = bs.zeros((), dtype=bs.float64)
    for y, w in zip(outputs, weights, strict=True):
        if w is not None:
            total = total + (y * w).sum()
    return total


def gradients(
    total: bs.Tensor, by: Sequence[bs.Tensor], create_graph: bool = False
) -> list[bs.Tensor | None]:
    """Of a number by each tensor; None where it does not depend on it."""
    if not total.requires_grad:
        return [None] * len(by)
    wanted = [t for t in by if t.requires_grad]
    made = iter(bs.grad(total, wanted, create_graph=create_graph, allow_unused=True, retain_graph=True))
    return [next(made) if t.requires_grad else None for t in by]


def outputs_and_gradients(name: str, inputs: Sequence[bs.Tensor], attrs: dict[str, Any]) -> list[bs.Tensor]:
    """For comparing bits: the outputs of an op and the gradients of the sum of their squares."""
    made = list(call(name, inputs, attrs))
    if not REGISTRY[name]["differentiable"]:
        return made
    total = None
    for y in made:
        if is_float(y):
            part = (y * y).sum()
            total = part if total is None else total + part
    if total is not None:
        made += [g for g in gradients(total, inputs) if g is not None]
    return made
