"""Names and order of the parameters of every function that PyTorch has, too, from its documentation."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep._core import OpFunction
from backsweep.nn import functional as F
from driver import REGISTRY

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers
Names = tuple[list[str], list[str]]  # by position, by name only

OPS = [name for name, op in REGISTRY.items() if op["visibility"] != "hidden"]
OWN = {"cast", "index_rows", "uniform"}  # PyTorch has none
# What PyTorch has for memory and devices, or no longer uses.
LEFT_OUT = {"out", "memory_format", "layout", "device", "out_dtype", "size_average", "_stacklevel"}
DIFFERENT: dict[str, Names] = {
    # Documented with other words than names, or in forms of which the op is one.
    "aminmax": (["input"], ["dim", "keepdim"]),
    "broadcast_to": (["input", "size"], []),
    "cdist": (["x1", "x2", "p", "compute_mode"], []),
    "cummax": (["input", "dim"], []),
    "cummin": (["input", "dim"], []),
    "expand_as": (["input", "other"], []),
    "frexp": (["input"], []),
    "max": (["input"], []),
    "median": (["input"], []),
    "min": (["input"], []),
    "mode": (["input", "dim", "keepdim"], []),
    "nanmedian": (["input"], []),
    "repeat": (["input", "repeats"], []),
    "reshape_as": (["input", "other"], []),
    "rot90": (["input", "k", "dims"], []),
    "std_mean": (["input", "dim"], ["correction", "keepdim"]),
    "unfold": (["input", "dimension", "size", "step"], []),  # the method; the function is of images
    "var_mean": (["input", "dim"], ["correction", "keepdim"]),
    "view_as": (["input", "other"], []),
    # Documented as methods, or not in full.
    "index_fill": (["input", "dim", "index", "value"], []),
    "index_reduce": (["input", "dim", "index", "source", "reduce"], ["include_self"]),
    "kthvalue": (["input", "k", "dim", "keepdim"], []),
    "masked_fill": (["input", "mask", "value"], []),
    "masked_scatter": (["input", "mask", "source"], []),
    "put": (["input", "index", "source", "accumulate"], []),
    "scatter": (["input", "dim", "index", "src"], ["reduce"]),
    "scatter_reduce": (["input", "dim", "index", "src", "reduce"], ["include_self"]),
    "sort": (["input", "dim", "descending"], ["stable"]),
    "topk": (["input", "k", "dim", "largest", "sorted"], []),
    # By position too: it is a tensor.
    "searchsorted": (["sorted_sequence", "input", "sorter"], ["out_int32", "right", "side"]),
    "detach": (["input"], []),  # documented without its argument
    "relu": (["input"], []),
    "gelu": (["input"], []),  # the op; `functional.gelu` takes all
    "softplus": (["input"], []),
    "softmax": (["input", "dim", "dtype"], []),  # PyTorch takes dtype by position, too
    "log_softmax": (["input", "dim", "dtype"], []),  # documented as a function of nn.functional
    "contiguous": (["input"], []),  # a method alone
    "bernoulli": (["input", "p"], ["generator"]),  # p is in the text alone
    "poisson": (["input"], ["generator"]),  # PyTorch takes it by position, too
    "view": (["input", "size"], []),  # documented with a star, and takes size=
    "expand": (["input", "size"], []),
    # Not documented.
    "celu": (["input", "alpha"], []),
    "clamp_max": (["input", "max"], []),
    "clamp_min": (["input", "min"], []),
    "rsub": (["input", "other"], ["alpha"]),
    "selu": (["input"], []),
    "threshold": (["input", "threshold", "value"], []),
    "functional.upsample": (["input", "size", "scale_factor", "mode", "align_corners"], []),
    "functional.upsample_bilinear": (["input", "size", "scale_factor"], []),
    "functional.upsample_nearest": (["input", "size", "scale_factor"], []),
    "functional.conv_tbc": (["input", "weight", "bias", "pad"], []),
    "functional.logsigmoid": (["input"], []),
    "functional.triplet_margin_with_distance_loss": (
        ["anchor", "positive", "negative"],
        ["distance_function", "margin", "swap", "reduction"],
    ),
}
MORE = {"cumprod": {"reverse"}, "cumsum": {"reverse"}}  # by name only


def kept(positional: list[str], by_name: list[str]) -> Names:
    """Without what is left out; `reduce` beside `size_average` is that of losses."""
    out = LEFT_OUT | ({"reduce"} if "size_average" in positional + by_name else set())
    return [n for n in positional if n not in out], [n for n in by_name if n not in out]


def ours(fn: Callable[..., Any]) -> Names:
    op = getattr(fn, "__func__", fn)
    if isinstance(op, OpFunction):  # without second names, and of the first of several ops
        parameters = ast.parse(f"def {str(op)[4:-1]}: pass").body[0].args  # type: ignore[attr-defined]
        positional = [p.arg for p in parameters.args][op is not fn :]
        by_name = [p.arg for p in parameters.kwonlyargs]
    else:
        shown = inspect.signature(fn).parameters.values()
        by_name = [p.name for p in shown if p.kind is p.KEYWORD_ONLY]
        positional = [p.name for p in shown if p.name not in by_name]
    return kept(positional, by_name)


def documented(fn: Callable[..., Any]) -> Names:
    """The longest call in PyTorch's docstring, or its signature."""
    name = fn.__name__
    calls = re.findall(rf"^(?:\s*|\.\. function:: ){name}\((.*)\)(?: ->|$)", fn.__doc__ or "", re.MULTILINE)
    if not calls:
        calls = [str(inspect.signature(fn)).rpartition(" -> ")[0].strip("()")]
    made: Names = ([], [])
    for call in calls:
        call = re.sub(r"\[[^\]]*\]", "", call)  # types
        parts = [part.split("=")[0].split(":")[0].strip() for part in call.split(",")]
        star = parts.index("*") if "*" in parts else len(parts)
        names = kept(parts[:star], parts[star + 1 :])
        made = max(made, names, key=lambda n: len(n[0]) + len(n[1]))
    return made


@pytest.mark.parametrize("name", sorted(set(OPS) - OWN))
def test_functions(name: str) -> None:
    theirs = getattr(torch, name, None) or getattr(torch.nn.functional, name, None)
    assert theirs or hasattr(torch.Tensor, name)
    want = DIFFERENT.get(name) or documented(theirs)
    positional, keywords = ours(getattr(bs, name))
    assert (positional, [n for n in keywords if n not in MORE.get(name, ())]) == want


def test_other_names() -> None:
    """What an op is called besides is PyTorch's name too, of what takes the same operands."""
    for name, op in REGISTRY.items():
        for other in op["also"]:
            assert getattr(bs, other) is getattr(bs, name)
            by_position = len(documented(getattr(torch, other))[0])
            assert by_position in (0, len(ours(getattr(bs, name))[0]))  # 0: not documented


@pytest.mark.parametrize("name", [n for n in F.__all__ if hasattr(torch.nn.functional, n)])
def test_functional(name: str) -> None:
    theirs = getattr(torch.nn.functional, name)
    want = DIFFERENT.get(f"functional.{name}") or documented(theirs)
    if name in ("sigmoid", "tanh"):
        want = (["input"], [])
    assert ours(getattr(F, name)) == want


@pytest.mark.parametrize(
    "name", [n for n in OPS if REGISTRY[n]["visibility"] == "method" and hasattr(torch.Tensor, n)]
)
def test_methods_take_the_arguments_of_functions(name: str) -> None:
    op = REGISTRY[name]
    everything = ours(getattr(bs, name))
    rest = [n for n in everything[0] if n != op["inputs"][op["self"]]["name"]]
    assert ours(getattr(bs.ones(2), name)) == (rest, everything[1])


def test_calls_by_name() -> None:
    """The same calls, where names matter."""
    a, b, mask = [[1.0, -2.0], [3.0, 4.0]], [[2.0, 2.0], [0.5, -1.0]], [[True, False], [False, True]]
    calls: list[tuple[str, dict[str, Any]]] = [
        ("add", {"input": a, "other": b, "alpha": 2}),
        ("sub", {"input": a, "other": b, "alpha": 0.5}),
        ("mul", {"x1": a, "x2": b}),
        ("maximum", {"other": b, "input": a}),
        ("pow", {"input": b, "exponent": 2}),
        ("pow", {"exponent": b, "input": b}),
        ("where", {"condition": mask, "input": a, "other": b}),
        ("matmul", {"input": a, "other": b}),
        ("sum", {"input": a, "dim": 0, "keepdim": True, "dtype": "float64"}),
        ("sum", {"a": a, "axis": 1, "keepdims": True}),
        ("mean", {"x": a, "axis": (0, 1)}),
        ("amax", {"input": a, "dim": (0,), "keepdim": False}),
        ("argmax", {"input": a, "axis": 1}),
        ("softmax", {"input": a, "axis": 1, "dtype": "float64"}),
        ("log_softmax", {"input": a, "dim": 1}),
        ("logsumexp", {"input": a, "dim": 1, "keepdim": True}),
        ("reshape", {"input": a, "shape": (4,)}),
        ("permute", {"input": a, "dims": (1, 0)}),
        ("transpose", {"input": a, "dim0": 0, "dim1": 1}),
        ("narrow", {"input": a, "dim": 0, "start": 1, "length": 1}),
        ("select", {"input": a, "dim": 1, "index": 0}),
        ("split", {"tensor": a, "split_size_or_sections": [1, 1], "dim": 1}),
        ("chunk", {"input": a, "chunks": 2}),
        ("unbind", {"input": a, "dim": 1}),
    ]
    tensors = {"input", "other", "x", "a", "x1", "x2", "exponent", "condition", "tensor"}

    def call(library: Any, name: str, given: dict[str, Any]) -> list[Any]:
        arguments = {
            k: library.tensor(v)
            if k in tensors and isinstance(v, list)
            else getattr(library, v)
            if k == "dtype"
            else v
            for k, v in given.items()
        }
        made = getattr(library, name)(**arguments)
        return [t.tolist() for t in (made if isinstance(made, tuple) else (made,))]

    for name, given in calls:
        for mine, want in zip(call(bs, name, given), call(torch, name, given), strict=True):
            np.testing.assert_allclose(mine, want, 1e-6, err_msg=name)
    x, t = bs.tensor(a), torch.tensor(a)
    assert x.view(size=(4,)).tolist() == t.view(size=(4,)).tolist()
    assert x.expand(size=(1, 2, 2)).tolist() == t.expand(size=(1, 2, 2)).tolist()
    assert [p.tolist() for p in x.split(split_size=1)] == [p.tolist() for p in t.split(split_size=1)]
    assert (
        x.where(condition=bs.tensor(mask), other=0).tolist()
        == t.where(condition=torch.tensor(mask), other=torch.tensor(0.0)).tolist()
    )
    assert bs.softmax(x, 0, bs.float64).dtype == bs.float64
    assert torch.softmax(t, 0, torch.float64).dtype == torch.float64
