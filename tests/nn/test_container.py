"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict, Residual."""

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
    del net[1]
    assert [name for name, _ in net.named_children()] == ["0", "1"]
    assert isinstance(net[1], nn.Identity)
    net.insert(1, nn.Tanh()).extend([nn.ReLU()])
    assert [type(module).__name__ for module in net] == ["Linear", "Tanh", "Identity", "ReLU"]
    assert isinstance(net.pop(-1), nn.ReLU) and len(net.pop(slice(1, 3))) == 2
    assert len(net + nn.Sequential(nn.ReLU())) == 2
    assert len(net * 3) == len(2 * net) + 1 == 3
    net *= 2
    net += nn.Sequential(nn.ReLU())
    assert [type(module).__name__ for module in net] == ["Linear", "Linear", "ReLU"]
    assert net[0] is net[1] and not {"0", "1"} & set(dir(net))
    with pytest.raises(ValueError, match="another Sequential"):
        net.__add__([nn.ReLU()])  # type: ignore[operator]
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
    assert repr(layers) == (
        "ModuleList(\n  (0-1): 2 x Linear(in_features=1, out_features=1, bias=True)\n  (2): ReLU()\n)"
    )
    layers.insert(0, nn.Tanh())
    layers += [nn.Sigmoid()]
    assert isinstance(layers.pop(0), nn.Tanh)
    del layers[:2]
    assert [type(layer).__name__ for layer in layers + nn.ModuleList([nn.ELU()])] == [
        "ReLU",
        "Sigmoid",
        "ELU",
    ]
    assert repr(layers[:0]) == "ModuleList()"
    with pytest.raises(TypeError, match="list of modules"):
        layers.extend(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be a Module"):
        layers.insert(0, 3)  # type: ignore[arg-type]


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
    heads.update([("c", nn.Tanh()), ("d", nn.ELU())])
    heads.update(nn.ModuleDict({"e": nn.SELU()}))
    assert isinstance(heads.pop("c"), nn.Tanh)
    assert list(heads) == ["b", "d", "e"]
    heads.clear()
    assert len(heads) == 0 and not list(heads.items())
    with pytest.raises(TypeError, match="must be a dict"):
        heads.update(3)  # type: ignore[arg-type]


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


def test_parameter_list() -> None:
    held = nn.ParameterList([nn.Parameter(bs.ones(2, 3)), bs.ones(3)])
    held.append("text").extend([bs.zeros(1)])
    held += [nn.Parameter(bs.zeros(2))]
    assert len(held) == 5 and list(held.state_dict()) == ["0", "1", "3", "4"]
    assert all(isinstance(held[i], nn.Parameter) for i in (0, 1, 3, -1))
    assert held[2] == "text" and len(held[1:3]) == 2 and held[1:3][0] is held[1]
    assert repr(held[:3]) == (
        "ParameterList(\n    (0): Parameter containing: [bs.float32 of size 2x3]\n"
        "    (1): Parameter containing: [bs.float32 of size 3]\n    (2): Object of type: str\n)"
    )
    held[0] = bs.zeros(1)
    assert held[0].shape == (1,) and len(list(held.parameters())) == 4
    assert [p is held[i] for i, p in enumerate(held)] == [True] * 5
    with pytest.raises(IndexError, match="out of range"):
        held[5]
    with pytest.raises(TypeError, match="list of parameters"):
        held.extend(bs.ones(2))


def test_parameter_dict() -> None:
    held = nn.ParameterDict({"b": bs.ones(2), "a": nn.Parameter(bs.ones(3))})
    assert list(held.keys()) == ["a", "b"]  # a plain dict is sorted, as in PyTorch
    held["c"] = "text"
    assert list(held.state_dict()) == ["a", "b"] and "c" in held and len(held) == 3
    assert held.get("d") is None and held.setdefault("d", bs.zeros(1)) is held["d"]
    assert list(reversed(held)) == ["d", "c", "b", "a"]
    assert repr(held) == (
        "ParameterDict(\n    (a): Parameter containing: [torch.FloatTensor of size 3]\n"
        "    (b): Parameter containing: [torch.FloatTensor of size 2]\n    (c): Object of type: str\n"
        "    (d): Parameter containing: [torch.FloatTensor of size 1]\n)"
    )
    twin = held.copy()
    assert twin["a"] is held["a"] and [k for k, _ in held.items()] == list(held)
    assert held.pop("c") == "text" and held.popitem()[0] == "d"
    both = held | nn.ParameterDict([("z", bs.ones(1))])
    both |= nn.ParameterDict({"y": bs.ones(1)})
    assert list(both) == ["a", "b", "z", "y"] and len(list(both.values())) == 4
    del both["a"]
    assert list(held.fromkeys(["p", "q"], 1).items()) == [("p", 1), ("q", 1)]
    held.clear()
    assert not list(held.parameters())
    with pytest.raises(KeyError):
        held["a"]
    with pytest.raises(TypeError, match="must be a str"):
        held[3] = bs.ones(1)  # type: ignore[index]
    with pytest.raises(TypeError, match="must be a dict"):
        held.update(3)  # type: ignore[arg-type]


def test_residual() -> None:
    block = nn.Residual(nn.Linear(3, 3))
    x = bs.randn(2, 3, requires_grad=True)
    for run in (block, bs.compile(block)):
        assert bs.equal(run(x).detach(), (x + block.module(x)).detach())
    assert list(block.state_dict()) == ["module.weight", "module.bias"]
    block.module.weight.fill_(0.0)
    assert bs.grad(block(x).sum(), x).tolist() == [[1.0] * 3] * 2
