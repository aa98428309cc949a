"""Wrong calls of every op: documented errors whose text begins with the op; nothing kills the process."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backsweep as bs
from backsweep import _core
from driver import ELEMENTWISE, OPS, REGISTRY, arguments, array, call, gradients, is_float, small
from oracles import ORACLES, Wrong

# MemoryError: a size that fits an int64 but not this machine.
DOCUMENTED = (bs.ShapeError, bs.DTypeError, bs.GraphError, IndexError, ValueError, TypeError, MemoryError)
EXACT = {bs.ShapeError, bs.DTypeError, bs.GraphError, IndexError, ValueError, TypeError, MemoryError}
WRONG = [(name, i, wrong) for name in OPS for i, wrong in enumerate(ORACLES[name].wrong)]


def error_class(name: str) -> type[Exception]:
    return getattr(bs, name, None) or getattr(__import__("builtins"), name)


def example(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A good call: tensors by name, and attributes."""
    case = max(small(name)[:12], key=lambda c: min(x.ndim for x in c.inputs))
    return arguments(name, [bs.tensor(x) for x in case.inputs], {}), dict(case.attrs)


@pytest.mark.parametrize(("name", "number", "wrong"), WRONG, ids=[f"{name}-{i}" for name, i, _ in WRONG])
def test_wrong(name: str, number: int, wrong: Wrong) -> None:
    with pytest.raises(error_class(wrong.error)) as caught:
        call(name, [bs.tensor(x) for x in wrong.inputs], wrong.attrs)
    assert type(caught.value) is error_class(wrong.error)
    text = str(caught.value)
    assert text.startswith(f"[{name}] "), text
    for part in wrong.says:
        assert part in text, text


@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if len(REGISTRY[name]["inputs"]) > 1])
def test_shapes_that_do_not_broadcast(name: str) -> None:
    bools = ORACLES[name].bools
    for shapes in (((3,), (4,)), ((2, 3), (2,)), ((2, 3), (3, 2)), ((0,), (2,)), ((1, 3, 1), (2, 2, 1))):
        shapes = (shapes + shapes[:1])[: len(REGISTRY[name]["inputs"])]
        kind = int if ORACLES[name].integers else float
        inputs = [bs.tensor(np.zeros(s, bool if i in bools else kind)) for i, s in enumerate(shapes)]
        with pytest.raises(bs.ShapeError, match=rf"^\[{name}\] ") as caught:
            call(name, inputs, {})
        assert all(str(s) in str(caught.value) for s in shapes)


@pytest.mark.parametrize("name", OPS)
def test_arguments(name: str) -> None:
    op = getattr(_core.ops, name)
    begins = rf"^\[{name}\] "
    tensors, attrs = example(name)
    op(**tensors, **attrs)
    with pytest.raises(TypeError, match=begins + ".*nonsense"):
        op(**tensors, **attrs, nonsense=1)
    with pytest.raises(TypeError, match=begins):
        op(*[None] * 20)
    for schema in REGISTRY[name]["inputs"]:
        n = schema["name"]
        if n not in tensors:
            continue
        for bad in ("text", object(), {}, 1j):
            with pytest.raises(DOCUMENTED, match=begins):
                op(**{**tensors, n: bad}, **attrs)
        if not schema["optional"] and not schema["drawn"]:
            with pytest.raises(TypeError, match=begins + f".*{n}"):
                op(**{k: v for k, v in tensors.items() if k != n}, **attrs)
    for schema in REGISTRY[name]["attrs"]:
        n = schema["name"]
        for bad in ("text", object(), {}, 1j, [[1]], bs.tensor([1.5, 2.5])):
            with pytest.raises(DOCUMENTED, match=begins):
                op(**tensors, **{**attrs, n: bad})
        if schema["required"]:
            with pytest.raises(TypeError, match=begins + f".*{n}"):
                op(**tensors, **{k: v for k, v in attrs.items() if k != n})


@pytest.mark.parametrize("name", ["cast", "sum", "reshape"])
def test_too_many_axes(name: str) -> None:
    with pytest.raises(bs.ShapeError, match=r"^\["):
        call(
            name, [np.zeros((1,) * 9)], {"cast": {"dtype": "int32"}, "reshape": {"shape": (1,)}}.get(name, {})
        )


# ---- Any call at all ---------------------------------------------------------------------------------------

DTYPES = ("float32", "float64", "int32", "int64", "bool")
SMALL = st.integers(-4, 6)
# No size between what a machine has and what none has: 2^40 bytes might be lent and then taken away.
HUGE = st.sampled_from([2**60, 2**62, 2**63 - 1, -(2**63), -(2**62), 2**63, 2**64, -(2**64)])
ATTRIBUTES: dict[str, st.SearchStrategy[Any]] = {
    "int": st.one_of(SMALL, SMALL, HUGE, st.none(), st.booleans(), st.floats(-3, 3)),
    "float": st.one_of(
        st.floats(0, 1),
        st.sampled_from([math.nan, math.inf, -math.inf, -1.0, 1e308, 5e-324, -0.0]),
        SMALL,
        HUGE,
    ),
    "bool": st.one_of(st.booleans(), SMALL, st.none()),
    "dims": st.one_of(
        st.none(),
        SMALL,
        HUGE,
        st.lists(SMALL, max_size=4),
        st.lists(SMALL, max_size=10),
        st.lists(HUGE, max_size=3),
    ),
    "ints": st.one_of(st.none(), SMALL, st.lists(st.one_of(SMALL, HUGE), max_size=12)),
    "sizes": st.one_of(st.none(), SMALL, HUGE, st.lists(st.one_of(SMALL, HUGE), max_size=12)),
    "word": st.sampled_from(["none", "mean", "sum", "max", "", None, 0, b"sum"]),
    "dtype": st.sampled_from(
        [*DTYPES, "float16", "complex64", bs.float32, np.float64, np.dtype("int8"), None, 3, float]
    ),
}


@st.composite
def tensors(draw: st.DrawFn, like: list[tuple[int, ...]]) -> bs.Tensor:
    """Small numbers in a random shape, often one that has come before."""
    shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
    shape = draw(st.one_of(st.sampled_from(like), shapes) if like else shapes)
    like += [shape, shape[:-1], shape[-1:], shape[::-1]]
    n = int(np.prod(shape, dtype=int))
    values = np.arange(draw(st.integers(-3, 1)), n - 3 + draw(st.integers(3, 4)))[:n]
    values = np.resize(values % 5 - draw(st.integers(0, 2)), shape)
    dtype = draw(st.sampled_from(DTYPES))
    made = bs.tensor(np.asarray(values, dtype=dtype))
    if is_float(made) and draw(st.booleans()):
        made.requires_grad_()
    if len(shape) > 1 and draw(st.booleans()):
        return bs.permute(made, tuple(range(len(shape)))[::-1])
    return made


def attempt(name: str, act: Any) -> Any:
    """What it gives; None where it fails as it should."""
    try:
        return act()
    except DOCUMENTED as error:
        as_documented = type(error) in EXACT and re.match(rf"\[{name}\] ", str(error))
        if not as_documented and not isinstance(error, MemoryError):
            raise AssertionError(repr(error)) from error
        return None


@pytest.mark.parametrize("name", OPS)
@settings(max_examples=50)
@given(data=st.data())
def test_any_call(name: str, data: st.DataObject) -> None:
    op = REGISTRY[name]
    shapes: list[tuple[int, ...]] = []
    given_ = [data.draw(tensors(shapes), schema["name"]) for schema in op["inputs"]]
    if op["inputs"][0]["many"]:
        given_ += [data.draw(tensors(shapes)) for _ in range(data.draw(st.integers(0, 3)))]
    if op["inputs"][-1]["optional"]:
        given_ = given_[: data.draw(st.integers(1, len(given_)))]
    attrs = {
        schema["name"]: data.draw(ATTRIBUTES[schema["type"]], schema["name"])
        for schema in op["attrs"]
        if schema["required"] or data.draw(st.booleans())
    }
    made = attempt(name, lambda: call(name, given_, attrs))
    if made is None:
        return
    if any(y.numel() > 10**6 for y in made):
        return  # a view that repeats itself
    for y in made:
        array(y)
    total = sum((y * y).sum() for y in made if is_float(y) and y.requires_grad)
    if isinstance(total, bs.Tensor):
        for g in gradients(total, given_):
            if g is not None:
                array(g)


def test_any_reading_of_rows() -> None:
    """Indices far outside never read memory."""
    for bad in (-1, 3, 2**31, -(2**31), 2**62, -(2**63), 2**63 - 1):
        for n in (1, 7, 20_000):
            index = np.zeros(n, np.int64)
            index[-1] = bad
            with pytest.raises(IndexError, match=r"^\[index_rows\]"):
                bs.index_rows(bs.zeros(3, 2), bs.tensor(index))
            with pytest.raises(IndexError, match=r"^\[cross_entropy\]"):
                bs.nn.functional.cross_entropy(bs.zeros(n, 3), bs.tensor(index))
            with pytest.raises(IndexError, match=r"^\[index_rows_backward\]"):
                _core.ops.index_rows_backward(bs.zeros(n, 2), bs.tensor(index), rows=3)


def test_memory_that_is_not_there() -> None:
    for ask in (lambda: bs.zeros(2**46), lambda: bs.ones(1).expand(2**46) + 1):
        with pytest.raises(MemoryError, match=r"^no memory for [23].*e.05 GiB: take smaller"):
            ask()
