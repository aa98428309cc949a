"""Every function beside PyTorch's: dtype, shape, value or refusal, and derivatives at the ends of numbers.

What is left out here is what docs/differences.md lists.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep.nn import functional as F
from driver import REGISTRY, array

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers
TF = torch.nn.functional
DTYPES = ("float32", "float64", "int32", "int64", "bool")
ENDS = [0.0, -0.0, 1e-30, 1.5, -2.5, 20.0, 30.0, 1000.0, -1000.0, 1.0, -1.0, 0.5, np.nan, np.inf, -np.inf]
VALUES: dict[str, list[Any]] = {
    "float32": ENDS,
    "float64": ENDS,
    "int32": [0, 1, -1, 2, -3, 7, 2**31 - 1, -(2**31)],
    "int64": [0, 1, -1, 2, -3, 7, 2**62, -(2**63)],
    "bool": [True, False],
}


def both(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return getattr(bs, name), getattr(torch, name)


def functional(name: str, *args: Any, **kwargs: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return (lambda x: getattr(F, name)(x, *args, **kwargs)), (lambda x: getattr(TF, name)(x, *args, **kwargs))


def same(fn: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return fn, fn


def elementwise(n_inputs: int) -> list[str]:
    """The elementwise functions that both have."""
    return [
        name
        for name, op in REGISTRY.items()
        if op["interval"]
        and op["visibility"] != "hidden"
        and len(op["inputs"]) == n_inputs
        and hasattr(torch, name)
    ]


UNARY = {name: both(name) for name in elementwise(1)}
UNARY |= {name: functional(name) for name in ["relu", "gelu", "softplus", "silu", "leaky_relu", "elu"]}
UNARY |= {"softmax": functional("softmax", -1), "log_softmax": functional("log_softmax", -1)}
UNARY |= {
    "softplus(2, 3)": functional("softplus", 2.0, 3.0),
    "gelu(tanh)": functional("gelu", approximate="tanh"),
    "elu(.5)": functional("elu", 0.5),
    "-x": same(lambda x: -x),
    "+x": same(lambda x: +x),
    "where": (lambda x: bs.where(x != 0, x, 2.5), lambda x: torch.where(x != 0, x, 2.5)),
    "square sum": same(lambda x: (x * x).sum()),
    "bool": same(lambda x: x.bool()),
    "long": same(lambda x: x.long()),
}
UNARY |= {f"x ** {n!r}": same(lambda x, n=n: x**n) for n in (0, 1, 2, 3, -1, -2, 0.5, 2.0, 0.0, 1.0, 4)}
UNARY |= {f"{n!r} ** x": same(lambda x, n=n: n**x) for n in (2, 2.5)}
UNARY |= {
    f"x {sign} {n!r}": same(eval(f"lambda x: x {sign} {n!r}"))
    for sign in "+-*/"
    for n in (2, 2.0, True)
    if (sign, n) != ("-", True) or n is not True
}
for reduction in ("sum", "mean", "amax", "amin", "argmax", "argmin", "logsumexp"):
    for dim in (0, -1):
        UNARY[f"{reduction}({dim})"] = same(lambda x, r=reduction, d=dim: getattr(x, r)(d))
        UNARY[f"{reduction}({dim}, keepdim)"] = same(lambda x, r=reduction, d=dim: getattr(x, r)(d, True))
    if reduction != "logsumexp":
        UNARY[f"{reduction}()"] = same(lambda x, r=reduction: getattr(x, r)())
for dim in (0, -1):
    UNARY[f"cumsum({dim})"] = same(lambda x, d=dim: x.cumsum(d))
for dtype in ("float64", "int64", "float32"):
    UNARY[f"sum(dtype={dtype})"] = (
        lambda x, d=dtype: bs.sum(x, dtype=getattr(bs, d)),
        lambda x, d=dtype: torch.sum(x, dtype=getattr(torch, d)),
    )

# Derivatives that docs/differences.md lists.
OTHER_SLOPES = {"elu", "elu(.5)", "expm1"}
OTHER_SLOPES |= {name for name in UNARY if "dtype=int" in name}  # PyTorch fails


def result(fn: Callable[..., Any], *operands: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return fn(*operands)
        except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError) as error:
            return error


def check(ours: Any, theirs: Any, text: str) -> None:
    if isinstance(ours, Exception) or isinstance(theirs, Exception):
        assert isinstance(ours, Exception) == isinstance(theirs, Exception), f"{text}: {ours!r}, {theirs!r}"
        return
    mine, want = array(ours), theirs.detach().numpy()
    assert (mine.dtype, mine.shape) == (want.dtype, want.shape), f"{text}: {mine.dtype}{mine.shape}"
    if want.dtype.kind != "f":
        np.testing.assert_array_equal(mine, want, text)
        return
    rtol = 2e-6 if want.dtype == np.float32 else 1e-11 if "softmax" in text else 1e-14
    np.testing.assert_allclose(mine, want, rtol=rtol, atol=np.finfo(want.dtype).tiny, err_msg=text)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_tensor(name: str, dtype: str) -> None:
    ours, theirs = UNARY[name]
    given = np.array(VALUES[dtype], dtype)
    shapes = [given, given[-1].reshape(()), given[: len(given) // 2 * 2].reshape(2, -1), given[1:2]]
    if not ("softmax" in name and "float" not in dtype):
        shapes += [given[:0], np.zeros((0, 3), dtype), np.zeros((2, 0), dtype)]
    for x in shapes:
        if name.startswith("gelu"):
            x = np.where(np.isinf(x), 0, x).astype(dtype) if x.dtype.kind == "f" else x
        check(result(ours, bs.tensor(x)), result(theirs, torch.tensor(x)), f"{name} of {dtype}{x.shape}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(set(UNARY) - OTHER_SLOPES))
def test_derivatives_of_functions_of_one_tensor(name: str, dtype: str) -> None:
    ours, theirs = UNARY[name]
    given = np.array(VALUES[dtype], dtype)
    if name.startswith("gelu"):
        given = given[np.isfinite(given)]
    x, t = bs.tensor(given, requires_grad=True), torch.tensor(given, requires_grad=True)
    y, z = result(ours, x), result(theirs, t)
    if not getattr(z, "requires_grad", False):
        assert isinstance(y, Exception) == isinstance(z, Exception)
        assert not getattr(y, "requires_grad", False)
        return
    y.backward(bs.ones_like(y))
    z.backward(torch.ones_like(z))
    assert x.grad is not None
    check(x.grad, t.grad, name)


BINARY = {name: both(name) for name in elementwise(2)}
BINARY["where"] = (lambda x, y: bs.where(x.bool(), x, y), lambda x, y: torch.where(x.bool(), x, y))
BINARY["add(alpha=2)"] = (lambda x, y: bs.add(x, y, alpha=2), lambda x, y: torch.add(x, y, alpha=2))
BINARY["sub(alpha=3)"] = (lambda x, y: bs.sub(x, y, alpha=3), lambda x, y: torch.sub(x, y, alpha=3))


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_tensors(name: str) -> None:
    ours, theirs = BINARY[name]
    small = [1, 2, 0, 3]
    for a in DTYPES:
        for b in DTYPES[:4] if "alpha" in name else DTYPES:
            x, y = np.array(small).astype(a), np.array([2, 1, 3, 0]).astype(b)
            for p, q in ((x, y), (x[0], y), (x, y[0]), (x[0], y[0]), (x[:0], y[0]), (x[:, None], y)):
                operands = [np.asarray(p), np.asarray(q)]
                check(
                    result(ours, *map(bs.tensor, operands)),
                    result(theirs, *map(torch.tensor, operands)),
                    f"{name} of {a}{operands[0].shape}, {b}{operands[1].shape}",
                )


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "maximum", "minimum", "where", "add(alpha=2)"])
def test_derivatives_of_functions_of_two_tensors(name: str) -> None:
    ours, theirs = BINARY[name]
    ends = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.0, 0.5])
    x, y = (a.ravel() for a in np.meshgrid(ends, ends))
    leaves = [bs.tensor(x, requires_grad=True), bs.tensor(y, requires_grad=True)]
    others = [torch.tensor(x, requires_grad=True), torch.tensor(y, requires_grad=True)]
    ours(*leaves).backward(bs.ones(len(x), dtype=bs.float64))
    theirs(*others).backward(torch.ones(len(x), dtype=torch.float64))
    for a, b in zip(leaves, others, strict=True):
        assert a.grad is not None
        check(a.grad, b.grad, name)


# ---- Storage types -----------------------------------------------------------------------------------------

STORAGE = {
    "uint8": [0, 1, 2, 7, 100, 255],
    "int8": [0, 1, -1, 7, -128, 127],
    "int16": [0, 1, -1, 300, -(2**15), 2**15 - 1],
    "float16": ENDS,
    "bfloat16": ENDS,
}
# docs/differences.md: refused, or of dtypes of their own. The composition rounds between its ops.
NOT_STORED = {"softmax", "log_softmax", "gelu(tanh)"} | {name for name in UNARY if "dtype=" in name}


def stored(library: Any, values: list[Any], dtype: str) -> Any:
    return library.tensor(values).to(getattr(library, dtype))


def check_stored(ours: Any, theirs: Any, text: str) -> None:
    if isinstance(ours, Exception) or isinstance(theirs, Exception):
        assert isinstance(ours, Exception) == isinstance(theirs, Exception), f"{text}: {ours!r}, {theirs!r}"
        return
    dtype = str(theirs.dtype).removeprefix("torch.")
    assert (ours.dtype.name, ours.shape) == (dtype, tuple(theirs.shape)), text
    rtol = {"float16": 2.0**-10, "bfloat16": 2.0**-7}.get(dtype, 2e-6)
    np.testing.assert_allclose(array(ours.double()), theirs.double().numpy(), rtol, 1e-7, err_msg=text)


@pytest.mark.parametrize("dtype", STORAGE)
@pytest.mark.parametrize("name", sorted(set(UNARY) - NOT_STORED))
def test_functions_of_storage_types(name: str, dtype: str) -> None:
    ours, theirs = UNARY[name]
    refused = {"gelu": np.isinf, "x ** 0.5": np.isneginf}.get(name, lambda v: False)  # docs/differences.md
    values = [v for v in STORAGE[dtype] if not refused(v)]
    check_stored(
        result(ours, stored(bs, values, dtype)),
        result(theirs, stored(torch, values, dtype)),
        f"{name} of {dtype}",
    )


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_storage_types(name: str) -> None:
    ours, theirs = BINARY[name]
    for a in STORAGE:
        for b in (*STORAGE, "int32", "float32", *(() if "alpha" in name else ("bool",))):
            x, y = [1, 2, 0, 3], [2, 1, 3, 0]
            for p, q in ((x, y), (x[0], y), (x, y[1]), (x[1], y[1])):
                made = [
                    result(f, stored(lib, p, a), stored(lib, q, b))
                    for f, lib in ((ours, bs), (theirs, torch))
                ]
                check_stored(*made, f"{name} of {a}{np.shape(p)}, {b}{np.shape(q)}")
