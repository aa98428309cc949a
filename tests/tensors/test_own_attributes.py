"""Attributes that users set on tensors and parameters."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any
from weakref import ref

import pytest

import backsweep as bs
from backsweep import nn


def kinds() -> list[Any]:
    return [bs.ones(3), nn.Parameter(bs.ones(3)), nn.Buffer(bs.ones(3)), bs.ones(3, requires_grad=True) * 2.0]


def test_set_read_and_deleted() -> None:
    for t in kinds():
        t.tag = 1
        t.step_count = t.tag + 1
        assert (t.tag, t.step_count) == (1, 2)
        assert vars(t) == {"tag": 1, "step_count": 2}
        del t.tag
        assert not hasattr(t, "tag")
        with pytest.raises(AttributeError, match="tag"):
            del t.tag
        t.__dict__ = {"other": 3}
        assert t.other == 3
        assert not hasattr(bs.ones(3), "other"), "each object has its own"


def test_what_tensors_have_is_not_hidden() -> None:
    for t in kinds():
        with pytest.raises(AttributeError):
            t.shape = (4,)
        with pytest.raises(AttributeError):
            t.ndim = 1
        assert vars(t) == {}
    p = nn.Parameter(bs.ones(3))
    p.requires_grad = False
    assert vars(p) == {}


def test_they_stay_with_the_object() -> None:
    model: Any = nn.Linear(3, 2)
    for p in model.parameters():
        p.no_decay = p.ndim < 2
    opt = bs.optim.SGD(model.parameters(), lr=0.1)
    model(bs.ones((1, 3))).sum().backward()
    opt.step()
    assert [p.no_decay for p in model.parameters()] == [False, True]
    grad = model.weight.grad
    grad.scale = 2.0
    assert model.weight.grad.scale == 2.0, "as long as somebody holds it"
    model.double()
    assert model.bias.no_decay
    model.bias.mul_(2.0)
    assert model.bias.no_decay
    assert not hasattr(model.bias.detach(), "no_decay")


def test_copies_and_pickles() -> None:
    for t in kinds()[:3]:
        t.tags = ["a"]
        for other in (copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
            assert other.tags == ["a"]
            assert other.tags is not t.tags
        plain = copy.deepcopy(bs.ones(3))
        assert vars(plain) == {}


def test_cycles_are_collected() -> None:
    class Holder:
        pass

    gc.collect()
    for t in kinds():
        holder: Any = Holder()
        gone = ref(holder)
        t.holder, holder.tensor = holder, t
        t.me = t
        del holder, t
    gc.collect()
    assert gone() is None
    for how in ("dict", "update"):
        t = bs.ones(3)
        tensor_gone = ref(t)
        if how == "dict":
            t.__dict__ = {"me": t}
        else:
            vars(t).update(me=t)
        del t
        gc.collect()
        assert tensor_gone() is None


def test_the_collector_is_told_of_those_with_attributes_alone() -> None:
    plain, p = bs.ones(3), nn.Parameter(bs.ones(3))
    assert not gc.is_tracked(plain)
    assert not gc.is_tracked(p)
    p.tag = 1  # type: ignore[attr-defined]
    assert gc.is_tracked(p)
    # Memory that is used again comes without the dict.
    for _ in range(3):
        t: Any = bs.ones(3)
        assert not gc.is_tracked(t)
        t.tag = 1
        del t
    assert not hasattr(bs.ones(3), "tag")


def test_long_chains_end() -> None:
    head: Any = bs.ones(1)
    for _ in range(100_000):
        t: Any = bs.ones(1)
        t.before = head
        head = t
    del head, t


def test_subclasses() -> None:
    class Tagged(bs.Tensor):
        pass

    class Slotted(bs.Tensor):
        __slots__ = ("kind",)

    for cls in (Tagged, Slotted):
        t: Any = cls([1.0, 2.0])
        t.kind, t.me = "a", t
        assert t.kind == "a"
        assert copy.deepcopy(t).me is not t
        gone = ref(t)
        del t
        gc.collect()
        assert gone() is None


def test_inside_compiled_functions() -> None:
    model: Any = nn.Linear(3, 2)
    model.weight.factor = 2.0

    @bs.compile
    def f(x: bs.Tensor) -> bs.Tensor:
        y: Any = model(x) * model.weight.factor
        y.note = "symbols take them too"
        assert y.note
        return y  # type: ignore[no-any-return]

    x = bs.ones((1, 3))
    for _ in range(2):
        assert float(f(x).sum()) == pytest.approx(float((model(x) * 2.0).sum()), rel=1e-6)


def test_a_gradient_that_goes_is_not_found() -> None:
    """What runs while an object is freed may read `.grad`, which then makes another."""
    p = bs.Parameter(bs.ones(3))
    (p * 2.0).sum().backward()
    got: list[Any] = []

    class Reads:
        def __del__(self) -> None:
            got.append(p.grad)

    gradient = p.grad
    gradient.tag = Reads()
    del gradient
    others = [bs.zeros(2) for _ in range(3)]
    assert got[0].tolist() == [2.0, 2.0, 2.0]
    assert all(x is not got[0] for x in others)


def test_bits_as_another_dtype_follow_recorded_writes() -> None:
    x = bs.zeros(3)
    bits = x.view(bs.int32)
    x.copy_(bs.ones(3, requires_grad=True) * 2.0)
    assert bits.dtype == (bits + 0).dtype == bs.int32
    assert bits.tolist() == [1073741824] * 3


def test_shapes_in_place_lose_no_derivative() -> None:
    w = bs.zeros(2, 3, requires_grad=True)
    with bs.no_grad(), pytest.raises(bs.GraphError, match=r"\[t_\] under no_grad"):
        w.t_()
    assert w.requires_grad
    outside = bs.zeros(2, 3)

    @bs.compile
    def turned(y: bs.Tensor) -> bs.Tensor:
        outside.t_()
        return y + outside.sum()

    with pytest.raises(bs.GraphError, match=r"\[t_\] the tensor is of outside"):
        turned(bs.zeros(1))
    assert outside.shape == (2, 3)
