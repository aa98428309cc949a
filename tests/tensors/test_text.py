"""The text of tensors: PyTorch's, and cheap for large ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import backsweep as bs

rng = np.random.default_rng(0)

ARRAYS: dict[str, Any] = {
    "whole": np.array([1.0, 2.0, 3.0], np.float32),
    "parts": np.array([[1.5, -2.25], [0.1, 100.0]], np.float32),
    "far apart": np.array([1e-5, 1.0, 1e5], np.float32),
    "whole and far apart": np.array([1.0, 2e8], np.float32),
    "large": np.array([1e10, 2e10], np.float32),
    "small": np.array([1e-6, 2e-6], np.float32),
    "zeros": np.zeros((2, 2), np.float32),
    "special": np.array([np.nan, np.inf, -np.inf, 0.0], np.float32),
    "special and parts": np.array([np.nan, np.inf, 0.5], np.float32),
    "special and whole": np.array([np.nan, -np.inf, 5.0], np.float32),
    "minus zero": np.array([-0.0, 0.0], np.float32),
    "float64": rng.standard_normal((3, 4)),
    "float16": rng.standard_normal(5).astype(np.float16),
    "int64": np.arange(24).reshape(2, 3, 4),
    "int32": np.array([1, -200], np.int32),
    "uint8": np.array([[1], [200]], np.uint8),
    "bool": np.array([[True, False], [False, True]]),
    "number": np.float32(2.5).reshape(()),
    "whole number": np.int64(7).reshape(()),
    "empty": np.zeros((0,), np.float32),
    "empty rows": np.zeros((0, 3), np.float32),
    "empty int": np.zeros((2, 0), np.int64),
    "a long line": np.arange(60.0, dtype=np.float32),
    "long lines": rng.standard_normal((2, 50)).astype(np.float32),
    "summary": np.arange(1001),
    "summary of rows": rng.standard_normal((100, 30)).astype(np.float32),
    "summary of planes": rng.standard_normal((3, 40, 20)).astype(np.float32),
    "summary, thin": rng.standard_normal((400, 3)),
    "four axes": rng.standard_normal((2, 1, 2, 2)).astype(np.float32),
}


@pytest.fixture(autouse=True)
def options_put_back() -> Iterator[None]:
    yield
    bs.set_printoptions(profile="default")


@pytest.mark.peers
@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize(
    "options", [{}, {"precision": 2, "edgeitems": 2, "linewidth": 60}, {"threshold": 5}, {"sci_mode": True}]
)
def test_text_is_pytorchs(name: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    torch.set_printoptions(**options)
    bs.set_printoptions(**options)
    try:
        ours, theirs = bs.tensor(ARRAYS[name]), torch.tensor(ARRAYS[name])
        assert repr(ours).replace("bs.bool_", "bs.bool") == repr(theirs).replace("torch.", "bs.")
    finally:
        torch.set_printoptions(profile="default")


def test_text() -> None:
    assert repr(bs.tensor([1.0, 2.5])) == "tensor([1.0000, 2.5000])"
    assert repr(bs.tensor([[1, 2], [3, 4]])) == "tensor([[1, 2],\n        [3, 4]])"
    assert repr(bs.tensor([1.0], dtype=bs.float64)) == "tensor([1.], dtype=bs.float64)"
    assert repr(bs.tensor([1.0], dtype=bs.bfloat16)) == "tensor([1.], dtype=bs.bfloat16)"
    assert repr(bs.tensor([1.0], requires_grad=True)) == "tensor([1.], requires_grad=True)"
    assert repr(bs.Parameter(bs.ones(2))) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert repr(bs.Buffer(bs.ones(2))) == "tensor([1., 1.])"
    assert str(bs.zeros(0, 3)) == "tensor([], size=(0, 3))"
    assert f"{bs.tensor(1.5)}" == "1.5"

    class Own(bs.Tensor):
        pass

    assert repr(Own([1.0])) == "Own([1.])"


def test_large_tensors_are_cheap() -> None:
    for dtype in (bs.float32, bs.bfloat16, bs.int64):
        x = bs.zeros(4000, 4000, dtype=dtype)
        repr(x[:2])
        begin = time.perf_counter()
        made = repr(x)
        assert time.perf_counter() - begin < 0.02
        assert made.count("...") == 7
    assert "..." in repr(bs.zeros(4000, 4000).T)


def test_options() -> None:
    assert bs.get_printoptions()["precision"] == 4
    bs.set_printoptions(precision=1)
    assert repr(bs.tensor([0.25, 1.0])) == "tensor([0.2, 1.0])"
    bs.set_printoptions(profile="full")
    assert "..." not in repr(bs.zeros(2000))
    bs.set_printoptions(profile="short")
    assert repr(bs.arange(1001)) == "tensor([   0,    1,  ...,  999, 1000])"
    with pytest.raises(ValueError, match="profile"):
        bs.set_printoptions(profile="long")
