"""Wrong arguments of the public API: the error names function and argument, and no text of Python leaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn, optim
from backsweep.nn import functional as F
from backsweep.nn import utils


class Stranger:
    """No number, no array."""


x, v = bs.tensor(np.ones((5, 3), np.float32)), bs.tensor([1.0, 2.0])
y = bs.tensor([0, 1, 0, 1, 1])
X, Y = np.ones((5, 3), np.float32), np.array([0, 1, 0, 1, 1])


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


NOT_A_TENSOR: tuple[Any, ...] = (None, "2", {}, Stranger(), nn.MSELoss, ["a"], 1j)
NOT_A_NUMBER: tuple[Any, ...] = (None, "2", [1, 2], {}, Stranger(), nn.MSELoss, np.ones(2), 1j)
NOT_WHOLE: tuple[Any, ...] = (*NOT_A_NUMBER, 2.5, float("nan"))
NOT_A_FLAG: tuple[Any, ...] = ("yes", 2, [], Stranger(), np.ones(2))
NOT_A_WORD: tuple[Any, ...] = (None, "average", 1, nn.MSELoss, np.ones(2))

HUGE: tuple[Any, ...] = (10**400, -(10**400), 10**5000)  # beyond a float; the last beyond printing

w = bs.Parameter(np.ones(2, np.float32))


def fit(**changes: Any) -> Any:
    return bs.fit(**{"model": net(), "X": X, "y": Y, "progress": False, **changes})


CASES: list[tuple[str, Callable[[Any], Any], tuple[Any, ...]]] = [
    ("set_num_threads", bs.set_num_threads, (*NOT_WHOLE, 0, -1, 2**70)),
    ("manual_seed", bs.manual_seed, NOT_WHOLE),
    ("eye", bs.eye, NOT_WHOLE),
    ("eye", lambda m: bs.eye(2, m), NOT_WHOLE[1:]),
    ("arange", bs.arange, (*NOT_A_NUMBER, float("nan"))),
    ("full", lambda a: bs.full((2,), a), NOT_A_NUMBER),
    ("full_like", lambda a: bs.full_like(v, a), NOT_A_NUMBER),
    ("tensor", lambda a: bs.tensor([1.0], requires_grad=a), (None, *NOT_A_FLAG)),
    ("zeros", lambda a: bs.zeros(2, requires_grad=a), (None, *NOT_A_FLAG)),
    ("ones_like", lambda a: bs.ones_like(v, requires_grad=a), (None, *NOT_A_FLAG)),
    ("sum", lambda a: bs.sum(v, dtype=a), ("float31", 3, [], Stranger())),
    ("add", lambda a: bs.add(v, v, alpha=a), NOT_A_NUMBER[1:]),
    ("backward", lambda a: (w * w).sum().backward(retain_graph=a), NOT_A_FLAG),
    ("backward", lambda a: (w * w).sum().backward(None, None, a), NOT_A_FLAG),
    ("grad", lambda a: bs.grad((w * w).sum(), w, retain_graph=a), NOT_A_FLAG),
    ("grad", lambda a: bs.grad((w * w).sum(), w, create_graph=a), NOT_A_FLAG),
    ("grad", lambda a: bs.grad((w * w).sum(), w, allow_unused=a), NOT_A_FLAG),
    ("requires_grad_", lambda a: v.detach().requires_grad_(a), (None, *NOT_A_FLAG)),
    ("Tensor", lambda a: bs.Tensor(v, requires_grad=a), (None, *NOT_A_FLAG)),
    ("Parameter", lambda a: bs.Parameter(v, a), (None, *NOT_A_FLAG)),
    ("train", lambda a: net().train(a), (None, *NOT_A_FLAG)),
    ("no_grad", bs.no_grad, (None, 3, v)),
    ("no_grad", lambda a: bs.no_grad()(a), (None, 3, v)),
    ("enable_grad", bs.enable_grad, (None, 3, v)),
    ("enable_grad", lambda a: bs.enable_grad()(a), (None, 3, v)),
    ("copy_", lambda a: bs.Buffer(v).copy_(a), NOT_A_TENSOR),
    ("getitem", lambda a: v[::a], (0, "a", 1.5, Stranger())),
    ("getitem", lambda a: v[a:], ("a", 1.5, Stranger())),
    ("__array_ufunc__", lambda a: v.__array_ufunc__(np.add, a, v), (None, 5)),
    ("__array_ufunc__", lambda a: v.__array_ufunc__(a, "__call__", v), (None, Stranger())),
    ("add", lambda a: v + a, HUGE),
    ("mul", lambda a: y * a, (*HUGE, 2**63, -(2**63) - 1)),
    ("add", lambda a: bs.add(v, v, alpha=a), HUGE),
    ("full", lambda a: bs.full(2, a), HUGE),
    ("fill_", lambda a: bs.Buffer(v).fill_(a), HUGE),
    ("pow", lambda a: v**a, HUGE),
    ("pow", lambda a: bs.pow(v, exponent=a), HUGE),
    ("arange", bs.arange, HUGE),
    ("dropout", lambda a: bs._core.ops.dropout(v, a), HUGE),
    ("dropout", lambda a: F.dropout(v, a), HUGE),
    ("elu", lambda a: F.elu(v, a), HUGE),
    ("Linear", lambda a: nn.Linear(a, 1), (-1, -(10**5000))),
    ("train", lambda a: net().train(a), HUGE),
    ("GELU", nn.GELU, HUGE),
    ("cross_entropy", lambda a: F.cross_entropy(a, y), NOT_A_TENSOR),
    ("cross_entropy", lambda a: F.cross_entropy(bs.ones(5, 2), a), NOT_A_TENSOR),
    ("cross_entropy", lambda a: F.cross_entropy(bs.ones(5, 2), y, a), NOT_A_TENSOR[1:]),
    ("cross_entropy", lambda a: F.cross_entropy(bs.ones(5, 2), y, reduction=a), NOT_A_WORD),
    ("cross_entropy", lambda a: F.cross_entropy(bs.ones(5, 2), y, label_smoothing=a), (*NOT_A_NUMBER, 1.5)),
    ("cross_entropy", lambda a: F.cross_entropy(bs.ones(5, 2), y, ignore_index=a), NOT_WHOLE),
    ("cross_entropy", lambda a: nn.CrossEntropyLoss()(a, y), NOT_A_TENSOR),
    ("mse_loss", lambda a: F.mse_loss(a, v), NOT_A_TENSOR),
    ("mse_loss", lambda a: F.mse_loss(v, a), NOT_A_TENSOR),
    ("mse_loss", lambda a: F.mse_loss(v, v, reduction=a), NOT_A_WORD),
    ("logistic_loss", lambda a: F.logistic_loss(v, a), NOT_A_TENSOR),
    ("binary_cross_entropy_with_logits", lambda a: F.binary_cross_entropy_with_logits(a, v), NOT_A_TENSOR),
    ("layer_norm", lambda a: F.layer_norm(a, 3), NOT_A_TENSOR),
    ("layer_norm", lambda a: F.layer_norm(x, a), (*NOT_WHOLE[:2], *NOT_WHOLE[3:])),
    ("layer_norm", lambda a: F.layer_norm(x, 3, a), NOT_A_TENSOR[1:]),
    ("dropout", lambda a: F.dropout(x, a), (*NOT_A_NUMBER, 1.5, -1, float("nan"))),
    ("softplus", lambda a: F.softplus(x, a), NOT_A_NUMBER),
    ("softplus", lambda a: F.softplus(x, threshold=a), NOT_A_NUMBER),
    ("gelu", lambda a: F.gelu(x, a), NOT_A_WORD),
    ("elu", F.elu, NOT_A_TENSOR),
    ("elu", lambda a: F.elu(x, a), NOT_A_NUMBER),
    ("leaky_relu", F.leaky_relu, NOT_A_TENSOR),
    ("leaky_relu", lambda a: F.leaky_relu(x, a), NOT_A_NUMBER),
    ("silu", F.silu, NOT_A_TENSOR),
    ("softmax", lambda a: F.softmax(x, a), tuple(a for a in NOT_WHOLE if a is not None)),
    ("Linear", lambda a: nn.Linear(a, 2), (*NOT_WHOLE, -1)),
    ("Linear", lambda a: nn.Linear(2, a), (*NOT_WHOLE, -1)),
    ("Linear", lambda a: nn.Linear(2, 3, a), (None, *NOT_A_FLAG)),
    ("LayerNorm", nn.LayerNorm, (*NOT_WHOLE[:2], *NOT_WHOLE[3:])),
    ("LayerNorm", lambda a: nn.LayerNorm(3, a), NOT_A_NUMBER),
    ("Dropout", nn.Dropout, NOT_A_NUMBER),
    ("Softmax", nn.Softmax, tuple(dim for dim in NOT_WHOLE if dim is not None)),
    ("Flatten", nn.Flatten, NOT_WHOLE),
    ("ELU", nn.ELU, NOT_A_NUMBER),
    ("LeakyReLU", nn.LeakyReLU, NOT_A_NUMBER),
    ("Softplus", nn.Softplus, NOT_A_NUMBER),
    ("GELU", nn.GELU, NOT_A_WORD),
    ("MSELoss", lambda a: nn.MSELoss(reduction=a), NOT_A_WORD),
    ("CrossEntropyLoss", lambda a: nn.CrossEntropyLoss(reduction=a), NOT_A_WORD),
    ("CrossEntropyLoss", nn.CrossEntropyLoss, NOT_A_TENSOR[1:]),
    ("CrossEntropyLoss", lambda a: nn.CrossEntropyLoss(ignore_index=a), NOT_WHOLE),
    ("BCEWithLogitsLoss", nn.BCEWithLogitsLoss, NOT_A_TENSOR[1:]),
    ("register_module", lambda a: nn.Sequential(a), (None, "x", 2, nn.ReLU, Stranger())[1:]),
    ("ModuleList", nn.ModuleList, (2, Stranger(), nn.ReLU)),
    ("ModuleDict", nn.ModuleDict, ([nn.ReLU()], 2, Stranger(), nn.ReLU)),
    ("fit", lambda a: fit(model=a), (None, "net", nn.Linear, np.ones(2))),
    ("fit", lambda a: fit(X=a), (None, "X", Stranger(), nn.Linear, ["a"] * 5, [[1.0], [1.0, 2.0]])),
    ("fit", lambda a: fit(y=a), (None, "y", Stranger(), ["a"] * 5, np.ones(5), np.ones(4, int))),
    ("fit", lambda a: fit(loss=a), (None, "mse", nn.CrossEntropyLoss, 2.0, lambda p, t: 1.0, lambda p, t: p)),
    ("fit", lambda a: fit(optimizer=a), ("adam", optim.SGD, 0.1)),
    ("fit", lambda a: fit(epochs=a), (*NOT_WHOLE, -1)),
    ("fit", lambda a: fit(batch_size=a), (*NOT_WHOLE[1:], 0)),
    ("fit", lambda a: fit(shuffle=a), NOT_A_FLAG),
    ("fit", lambda a: fit(drop_last=a), NOT_A_FLAG),
    ("fit", lambda a: fit(callbacks=a), (None, print, [None], "ab", 2)),
    ("fit", lambda a: fit(validation=a), (X, 2, "ab", (X, Y, Y))),
    ("predict", lambda a: bs.predict(a, X), (None, nn.Linear, X)),
    ("predict", lambda a: bs.predict(net(), a), (None, "X", Stranger(), ["a"], 1.0)),
    ("predict", lambda a: bs.predict(net(), X, a), (*NOT_WHOLE, 0)),
    ("evaluate", lambda a: bs.evaluate(net(), X, Y, loss=a), ("mse", nn.MSELoss, lambda p, t: 1.0)),
    ("Batches", lambda a: bs.Batches(X, batch_size=a), (*NOT_WHOLE, 0)),
    ("Batches", lambda a: bs.Batches(X, shuffle=a), (None, *NOT_A_FLAG)),
    ("save", lambda a: bs.save({"a": a}, "/none/x"), (Stranger(), nn.ReLU, lambda: 1)),
    ("clip_grad_norm_", lambda a: utils.clip_grad_norm_(a, 1.0), (None, net(), "p", 2, ["p"])),
    ("clip_grad_norm_", lambda a: utils.clip_grad_norm_([], a), NOT_A_NUMBER),
]


@pytest.mark.parametrize(("name", "call", "wrong"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)])
def test_wrong(name: str, call: Callable[[Any], Any], wrong: tuple[Any, ...]) -> None:
    for value in wrong:
        with pytest.raises((TypeError, ValueError, OverflowError)) as caught:
            call(value)
        text = str(caught.value)
        assert text.startswith(f"[{name}] ") and "incompatible" not in text, (value, text)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: fit(loss=nn.CrossEntropyLoss), "an instance, as in CrossEntropyLoss()"),
        (lambda: fit(model=nn.Linear), "an instance, as in Linear(...)"),
        (lambda: fit(loss=lambda p, t: 1.0), "the loss gives float; it must give a tensor"),
        (lambda: fit(loss=lambda p, t: p), "one number, as .mean()"),
        (lambda: bs.predict(net(), X[0]), "one sample goes in as X[None]"),
        (lambda: bs.predict(nn.Linear(1, 1), np.ones(4)), "as X[:, None]"),
        (lambda: bs.arange(3, 0), "give step < 0"),
        (lambda: bs.sum(v, out=v), "[sum] the result has shape ()"),
        (lambda: bs.sum(v, **{"\ud800": 1}), "no argument '\\ud800' in (input, dim=None"),
        (
            lambda: np.maximum.reduce(v),
            "[np.maximum.reduce] NumPy's function does not take a tensor: give it x.numpy()",
        ),
        (lambda: np.add(v, v, dtype="f8"), "use y = bs.add(...)"),
        (lambda: x @ x, "[matmul] input is (5, 3), other is (5, 3)"),
        (lambda: F.linear(x.long(), x), "[linear] input is int64"),
        (lambda: F.linear(x, bs.tensor([[1, 2, 3]])), "cast weight with .to(bs.float32)"),
        (lambda: F.layer_norm(x, 3, bs.tensor([1, 2, 3])), "cast weight with .to(bs.float32)"),
        (lambda: F.softmax(y, 0), "[softmax] input is int64"),
        (lambda: v[::0], "the step of a slice is not 0"),
        (lambda: bs.Buffer(v).copy_("2"), "[copy_] src is"),  # type: ignore[arg-type]
        (lambda: y + 10**5000, "an int of 16610 bits does not fit int64"),
        (lambda: bs.tensor([True]) - 1, "a ^ b"),
        (lambda: bs.cov(x, fweights=bs.tensor([1, 2, -1])), "[cov] fweights has negative elements"),
        (lambda: bs.cov(x, aweights=bs.tensor([1.0, -2.0, 1.0])), "[cov] aweights has negative elements"),
        (lambda: F.pdist(x, p=-1), "[pdist] p is -1; it must not be negative"),
        (lambda: bs.tril_indices(-1, 2), "[tril_indices] row is -1; it must be at least 0"),
        (lambda: bs.triu_indices(1, -2), "[triu_indices] col is -2; it must be at least 0"),
        (lambda: F.gelu(bs.tensor([1])), "x.to(bs.float32)"),
        (lambda: F.silu(bs.tensor([True])), "x.to(bs.float32)"),
        (lambda: F.cross_entropy(bs.ones(2, 3), bs.tensor([0, 1]).int()), "target.to(bs.int64)"),
    ],
)
def test_errors_name_the_fix(call: Callable[[], Any], says: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert says in str(caught.value)


def test_numpy_functions_that_call_methods() -> None:
    """np.mean(x) calls x.mean(axis=None, dtype=None, out=None)."""
    assert float(np.mean(v)) == 1.5
    assert float(np.sum(v)) == 3.0
    assert np.argmax(v) == 1
    np.testing.assert_array_equal(np.asarray(np.sum(x, axis=0)), 5)


def test_keywords_of_pytorch() -> None:
    ints = bs.tensor([2**30, 2**30]).int()
    assert bs.sum(ints).dtype == bs.int64 and int(bs.sum(ints)) == 2**31
    assert bs.sum(ints, dtype=bs.float64).dtype == bs.float64
    assert float(bs.mean(bs.tensor([1, 2]), dtype=bs.float32)) == 1.5
    assert F.softmax(bs.tensor([1, 2]), 0, dtype=bs.float64).dtype == bs.float64
    leaf = bs.tensor([1.0, 2.0], requires_grad=True)
    bs.sum(leaf, dtype=bs.float64).backward()
    assert leaf.grad is not None and leaf.grad.dtype == bs.float32
    np.testing.assert_array_equal(bs.add(v, v, alpha=2).numpy(), [3, 6])
    np.testing.assert_array_equal(v.sub(1, alpha=3).numpy(), [-2, -1])
    np.testing.assert_array_equal(bs.add(bs.tensor([1, 2]), 2, alpha=3).numpy(), [7, 8])
    with pytest.raises(bs.DTypeError, match=r"^\[add\] alpha is a float"):
        bs.add(bs.tensor([1]), bs.tensor([1]), alpha=1.5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: bs.zeros(2, place="cpu"), "[zeros] there is no argument 'place' in (*size, dtype=None, "),
        (lambda: bs.tensor(), "[tensor] missing argument 'data'"),
        (lambda: bs.eye(), "[eye] missing argument 'n'"),
        (lambda: bs.manual_seed(1, 2), "manual_seed() takes 1 positional argument"),
        (lambda: bs.grad(), "[grad] these arguments do not fit"),
    ],
)
def test_missing_and_unknown_arguments(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value).startswith(text), caught.value
