"""Module: registration, walks, state, modes, paths in errors, copies."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(bs.ones(3))
        self.register_buffer("seen", bs.zeros(2))
        self.register_buffer("scratch", bs.zeros(2), persistent=False)
        self.net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        self.register_parameter("offset", None)

    def forward(self, x: bs.Tensor) -> Any:
        return self.net(x)


def test_registration_order_and_names() -> None:
    net = Net()
    names = ["scale", "net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias"]
    assert [name for name, _ in net.named_parameters()] == names
    assert [name for name, _ in net.named_buffers()] == ["seen", "scratch"]
    assert [name for name, _ in net.named_modules()] == ["", "net", "net.0", "net.1", "net.2"]
    assert list(map(id, net.modules())) == [id(module) for _, module in net.named_modules()]
    assert list(map(id, net.parameters())) == [id(p) for _, p in net.named_parameters()]
    assert [name for name, _ in net.named_children()] == ["net"]
    assert len(list(nn.Sequential(net.net, net.net).modules(remove_duplicate=False))) == 9
    assert list(net.state_dict()) == ["scale", "seen", *names[1:]]
    assert net.offset is None
    assert net.get_submodule("net.2") is net.net[2]
    with pytest.raises(AttributeError, match="net"):
        net.get_submodule("net.7")


def test_shared_parameters_come_once() -> None:
    a, b = nn.Linear(3, 3), nn.Linear(3, 3)
    b.weight = a.weight
    both = nn.Sequential(a, b)
    assert [name for name, _ in both.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert list(map(id, both.parameters())) == [id(a.weight), id(a.bias), id(b.bias)]
    assert list(map(id, nn.Sequential(a, both).modules()))[1:] == [id(a), id(both), id(b)]
    assert list(both.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert copy.deepcopy(both)[0].weight is not a.weight
    twice = copy.deepcopy(both)
    assert twice[0].weight is twice[1].weight


def test_set_and_delete() -> None:
    net = Net()
    with pytest.raises(TypeError, match="scale"):
        net.scale = bs.zeros(3)
    net.seen = bs.tensor([1.0, 2.0])  # a tensor for a buffer is written into it
    assert isinstance(net.seen, nn.Buffer)
    assert net.seen.tolist() == [1.0, 2.0]
    net.scale = None
    assert "scale" not in dict(net.named_parameters())
    del net.net
    assert list(net.parameters()) == []
    with pytest.raises(AttributeError):
        _ = net.net
    with pytest.raises(ValueError, match="dots"):
        net.register_buffer("a.b", bs.zeros(1))
    with pytest.raises(TypeError):
        net.register_parameter("p", bs.zeros(1))  # type: ignore[arg-type]


def test_needs_super_init() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        Broken()


def test_no_forward() -> None:
    with pytest.raises(NotImplementedError, match="Module"):
        nn.Module()(bs.zeros(1))


def test_train_and_eval() -> None:
    net = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.Dropout(0.5)))
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.train()
    assert all(module.training for module in net.modules())


def key(module: nn.Module) -> object:
    return module._structure.key


def test_structure_key() -> None:
    net = Net()
    before = key(net)
    net.eval()
    assert key(net) != before
    net.train()
    assert key(net) == before
    net.plain = 3
    assert key(net) == before
    net.extra = nn.Linear(1, 1)
    assert key(net) != before
    copied = copy.deepcopy(net)
    before = key(net)
    copied.more = nn.Linear(1, 1)
    assert key(net) == before


def test_state_dict_is_a_snapshot_and_loads() -> None:
    bs.manual_seed(0)
    a, b = Net(), Net()
    state = a.state_dict()
    weight = np.array(a.net[0].weight)
    assert b.load_state_dict(state) == ([], [])
    x = bs.ones((2, 4))
    np.testing.assert_array_equal(np.asarray(a(x).detach()), np.asarray(b(x).detach()))
    a.net[0].weight.fill_(0.0)
    np.testing.assert_array_equal(np.asarray(state["net.0.weight"]), weight)
    np.testing.assert_array_equal(np.asarray(b.net[0].weight), weight)


def test_load_state_dict_takes_numpy_and_casts() -> None:
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1.0, 2.0]]), "bias": np.zeros(1)})
    assert layer.weight.dtype == bs.float32
    assert layer.weight.tolist() == [[1.0, 2.0]]


def test_load_state_dict_errors_change_nothing() -> None:
    layer = nn.Linear(2, 1)
    before = layer.state_dict()
    with pytest.raises(RuntimeError, match=r"missing keys \['bias'\] and unexpected keys \['more'\]"):
        layer.load_state_dict({"weight": bs.zeros((1, 2)), "more": bs.zeros(1)})
    with pytest.raises(bs.ShapeError, match=r"bias is \(2,\), the model has \(1,\)"):
        layer.load_state_dict({"weight": bs.zeros((1, 2)), "bias": bs.zeros(2)})
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(np.asarray(value), np.asarray(before[name]))
    keys = layer.load_state_dict({"weight": bs.zeros((1, 2)), "more": bs.zeros(1)}, strict=False)
    assert keys.missing_keys == ["bias"]
    assert keys.unexpected_keys == ["more"]
    assert str(keys) == "_IncompatibleKeys(missing_keys=['bias'], unexpected_keys=['more'])"
    assert str(layer.load_state_dict(layer.state_dict())) == "<All keys matched successfully>"
    assert layer.weight.tolist() == [[0.0, 0.0]]


def test_error_names_the_path() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.Linear(5, 2))])

        def forward(self, x: bs.Tensor) -> Any:
            return self.blocks[0](x)

    with pytest.raises(bs.ShapeError, match=r"^\[linear\] input is \(3, 4\)"):
        nn.Linear(5, 2)(bs.zeros((3, 4)))
    with pytest.raises(
        bs.ShapeError, match=r"^\[linear\] blocks\.0\.1: input is \(3, 4\), weight is \(2, 5\)"
    ):
        Outer()(bs.zeros((3, 4)))
    with pytest.raises(bs.ShapeError, match=r"^\[linear\] 0\.blocks\.0\.1: input is"):
        nn.Sequential(Outer())(bs.zeros((3, 4)))


def test_zero_grad_and_requires_grad() -> None:
    layer = nn.Linear(2, 1)
    layer(bs.ones((3, 2))).sum().backward()
    assert layer.weight.grad is not None
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0.0, 0.0]]
    layer.zero_grad()
    assert layer.weight.grad is None
    layer.requires_grad_(False)
    assert not any(p.requires_grad for p in layer.parameters())


def test_apply_goes_children_first() -> None:
    seen: list[str] = []
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["Linear", "ReLU", "Sequential", "Sequential"]


def test_to_dtype() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)).double()
    assert {p.dtype for p in net.parameters()} == {bs.float64}
    assert net(bs.zeros((1, 2), dtype=bs.float64)).dtype == bs.float64
    assert net.float()[0].weight.dtype == bs.float32
    slots = [*net.parameters(), *net.buffers()]
    assert all(a is b for a, b in zip(slots, [*net.double().parameters(), *net.buffers()], strict=True))
    shared = nn.Sequential(net[0], net[0]).float()
    assert shared[1].weight is net[0].weight


def test_deepcopy_and_pickle() -> None:
    net = Net().eval()
    x = bs.ones((2, 4))
    want = np.asarray(net(x).detach())
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert not twin.training
        assert twin.net[0].weight is not net.net[0].weight
        assert twin.net[0].weight is dict(twin.named_parameters())["net.0.weight"]
        np.testing.assert_array_equal(np.asarray(twin(x).detach()), want)
        twin.train()
        assert not net.training
        twin.net[0].weight.fill_(0.0)
    np.testing.assert_array_equal(np.asarray(net(x).detach()), want)


def test_repr() -> None:
    text = repr(nn.Sequential(nn.Linear(64, 10), nn.Sequential(nn.Dropout(0.1))))
    assert text == (
        "Sequential(\n"
        "  (0): Linear(in_features=64, out_features=10, bias=True)\n"
        "  (1): Sequential(\n"
        "    (0): Dropout(p=0.1, inplace=False)\n"
        "  )\n"
        ")"
    )
    assert repr(nn.ReLU()) == "ReLU()"


@pytest.mark.parametrize("name", ["forward", "training", "parameters", "_modules", "_structure"])
def test_names_of_the_class_are_refused(name: str) -> None:
    net = Net()
    for register, value in (
        (net.register_parameter, nn.Parameter(bs.ones(1))),
        (net.register_buffer, bs.ones(1)),
        (net.register_module, nn.ReLU()),
        (lambda name, value: setattr(net, name, value), nn.ReLU()),
        (lambda name, value: setattr(net, name, value), nn.Parameter(bs.ones(1))),
    ):
        with pytest.raises(KeyError, match=name):
            register(name, value)  # type: ignore[operator]
    assert net(bs.ones((1, 4))).shape == (1, 2)
    assert net.training
