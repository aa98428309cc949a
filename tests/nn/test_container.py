"""Sequential, ModuleList, ModuleDict."""

from __future__ import annotations

import pytest

import backsweep as bs
from backsweep import nn


def test_sequential() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    assert len(net) == 2
    assert isinstance(net[-1], nn.ReLU)
    assert isinstance(net[:1], nn.Sequential)
    assert net[:1][0] is net[0]
    assert [type(module).__name__ for module in net] == ["Linear", "ReLU"]
    assert net.append(nn.Identity()) is net
    assert net(bs.ones((4, 3))).shape == (4, 2)
    net[1] = nn.Sigmoid()
    assert isinstance(net[1], nn.Sigmoid)
    with pytest.raises(IndexError, match="out of range"):
        net[3]
    with pytest.raises(TypeError, match="Module"):
        nn.Sequential(3)  # type: ignore[arg-type]


def test_sequential_of_names() -> None:
    net = nn.Sequential({"first": nn.Linear(3, 2), "then": nn.ReLU()})
    assert [name for name, _ in net.named_children()] == ["first", "then"]
    assert net.first is net[0]  # type: ignore[attr-defined]


def test_module_list() -> None:
    layers = nn.ModuleList([nn.Linear(1, 1) for _ in range(2)])
    layers.extend([nn.ReLU()])
    assert len(layers) == 3
    assert [name for name, _ in layers.named_parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert isinstance(layers[1:], nn.ModuleList)
    assert len(layers[1:]) == 2


def test_module_dict() -> None:
    heads = nn.ModuleDict({"a": nn.Linear(1, 1)})
    heads["b"] = nn.ReLU()
    assert list(heads) == list(heads.keys()) == ["a", "b"]
    assert "a" in heads
    assert [type(module).__name__ for module in heads.values()] == ["Linear", "ReLU"]
    del heads["a"]
    assert len(heads) == 1
    with pytest.raises(KeyError):
        del heads["a"]
    with pytest.raises(KeyError, match="attribute of the class"):
        heads["keys"] = nn.ReLU()


def test_no_module_holds_itself_or_hides_an_attribute() -> None:
    net = nn.Sequential(nn.Sequential(nn.ReLU()))
    for inner in (net, net[0]):
        with pytest.raises(ValueError, match="cannot hold itself"):
            inner.append(net)
    assert len(list(net.modules())) == 3
    with pytest.raises(KeyError, match="forward"):
        nn.Sequential({"forward": nn.ReLU()})
    with pytest.raises(KeyError, match="training"):
        nn.ModuleDict({"training": nn.ReLU()})
