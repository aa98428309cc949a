"""States: what state_dict gives, what load_state_dict takes, and their hooks."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn.parameter import UninitializedParameter, is_lazy


def test_arguments_of_state_dict() -> None:
    net = nn.Sequential(nn.Linear(2, 1))
    kept = net.state_dict(keep_vars=True)
    assert kept["0.weight"] is net[0].weight
    into: dict[str, Any] = {"more": 1}
    assert net.state_dict(destination=into, prefix="net.") is into
    assert list(into) == ["more", "net.0.weight", "net.0.bias"]
    assert dict(net.state_dict()._metadata) == {"": {"version": 1}, "0": {"version": 1}}
    with pytest.warns(FutureWarning, match="by position"):
        assert list(net.state_dict({}, "p.")) == ["p.0.weight", "p.0.bias"]


def test_assign() -> None:
    net = nn.Sequential(nn.Linear(2, 1), nn.PReLU())
    net[0].register_buffer("seen", bs.zeros(1))
    net[0].weight.requires_grad = False
    before = net[0].weight
    state = {key: value.double() for key, value in net.state_dict().items()}
    net.load_state_dict(state, assign=True)
    assert net[0].weight is not before and not net[0].weight.requires_grad
    assert {p.dtype for p in net.parameters()} == {net[0].seen.dtype} == {bs.float64}
    assert isinstance(net[0].seen, nn.Buffer)


def test_state_of_ones_own() -> None:
    class Counts(nn.Module):
        _version = 3

        def __init__(self) -> None:
            super().__init__()
            self.n, self.loaded = 0, None

        def get_extra_state(self) -> Any:
            return {"n": self.n}

        def set_extra_state(self, state: Any) -> None:
            self.n = state["n"]

        def _load_from_state_dict(self, state_dict: Any, prefix: str, local: Any, *others: Any) -> None:
            self.loaded = local.get("version")
            super()._load_from_state_dict(state_dict, prefix, local, *others)

    a, b = nn.Sequential(Counts(), nn.Linear(1, 1)), nn.Sequential(Counts(), nn.Linear(1, 1))
    a[0].n = 5
    state = a.state_dict()
    assert list(state) == ["0._extra_state", "1.weight", "1.bias"]
    b.load_state_dict(state)
    assert b[0].n == 5 and b[0].loaded == 3
    with pytest.raises(RuntimeError, match=r"missing keys \['0._extra_state'\]"):
        b.load_state_dict({key: state[key] for key in ("1.weight", "1.bias")})
    for method in (nn.Module().get_extra_state, lambda: nn.Module().set_extra_state(1)):
        with pytest.raises(RuntimeError, match="extra_state"):
            method()


def test_hooks_of_states() -> None:
    net, seen = nn.Sequential(nn.Linear(2, 1)), []
    layer = net[0]
    layer.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append((m is layer, prefix, keep)))
    layer.register_state_dict_post_hook(lambda m, state, prefix, local: state.pop(prefix + "bias") and None)
    assert list(net.state_dict()) == ["0.weight"] and seen == [(True, "0.", False)]

    def rename(module: Any, state: Any, prefix: str, *others: Any) -> None:
        if prefix + "w" in state:
            state[prefix + "weight"] = state.pop(prefix + "w")

    layer.register_load_state_dict_pre_hook(rename)
    layer._register_load_state_dict_pre_hook(lambda state, prefix, *others: seen.append(prefix))
    given = {"0.w": bs.ones(1, 2), "0.bias": bs.ones(1)}
    net.load_state_dict(given)
    assert layer.weight.tolist() == [[1.0, 1.0]] and seen[-1] == "0." and list(given) == ["0.w", "0.bias"]

    def forgive(module: Any, keys: Any) -> None:
        seen.append(layer.weight.tolist())
        keys.missing_keys.clear()

    handle = net.register_load_state_dict_post_hook(forgive)
    assert net.load_state_dict({"0.weight": bs.zeros(1, 2)}) == ([], [])
    assert seen[-1] == [[0.0, 0.0]]
    handle.remove()
    with pytest.raises(RuntimeError, match="missing"):
        net.load_state_dict({"0.weight": bs.zeros(1, 2)})
    net.register_load_state_dict_pre_hook(lambda *args: args[-1].append("not this one"))
    with pytest.raises(RuntimeError, match="not this one"):
        net.load_state_dict(given)
    with pytest.raises(TypeError, match="dict of tensors"):
        net.load_state_dict([1])  # type: ignore[arg-type]


def test_wrong_state_changes_nothing_below() -> None:
    net = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1))
    before = net.state_dict()
    state = {key: value + 1 for key, value in before.items()}
    state["1.bias"] = bs.ones(7)
    with pytest.raises(bs.ShapeError, match=r"1.bias is \(7,\)"):
        net.load_state_dict(state)
    del state["1.bias"]
    state["1.more.bias"] = state["other"] = bs.ones(7)
    with pytest.raises(RuntimeError, match=r"\['1.bias'\] and unexpected keys \['other', '1.more.bias'\]"):
        net.load_state_dict(state)
    assert all(bs.equal(value, before[key]) for key, value in net.state_dict().items())


def test_paths() -> None:
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 1)))
    net[0].register_buffer("seen", bs.zeros(1))
    assert net.get_parameter("0.0.weight") is net[0][0].weight
    assert net.get_buffer("0.seen") is net[0].seen
    for missing in ("0.seen", "0.0.nothing", "7.weight"):
        with pytest.raises(AttributeError, match="has no"):
            net.get_parameter(missing)
    net.set_submodule("0.0", nn.Tanh())
    assert isinstance(net[0][0], nn.Tanh)
    with pytest.raises(AttributeError, match=r"0\.9"):
        net.set_submodule("0.9", nn.Tanh(), strict=True)
    with pytest.raises(ValueError, match="target"):
        net.set_submodule("", nn.Tanh())


def test_dtypes_of_all() -> None:
    net = nn.Sequential(nn.Linear(2, 1))
    net.register_buffer("count", bs.zeros((), dtype=bs.int64))
    assert net.half()[0].weight.dtype == bs.float16
    assert net.bfloat16()[0].weight.dtype == bs.bfloat16
    assert net.type(bs.DoubleTensor)[0].weight.dtype == bs.float64
    assert net.count.dtype == bs.int64
    assert net._apply(lambda t: t * 0)[0].weight.tolist() == [[0.0, 0.0]]
    assert net.to_empty(device="cpu") is net
    with pytest.raises(RuntimeError, match="cuda"):
        net.to_empty(device="cuda")


# ---- Lazy layers -------------------------------------------------------------------------------------------


def test_lazy_linear() -> None:
    net = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(2, bias=False))
    assert repr(net[0]) == "LazyLinear(in_features=0, out_features=4, bias=True)"
    assert all(map(is_lazy, net.parameters())) and net[0].has_uninitialized_params()
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight"]
    net.double().requires_grad_(True).zero_grad(set_to_none=False)
    with pytest.raises(TypeError):
        bs.optim.SGD(net.parameters(), lr=0.1)
    with pytest.raises(AttributeError, match="call the network once"):
        net[0].weight.shape  # noqa: B018
    with pytest.raises(bs.GraphError, match="call the network once"):
        bs.compile(net)(bs.ones(5, 3))
    twin = copy.deepcopy(net)
    assert net(bs.ones(5, 3, dtype=bs.float64)).shape == (5, 2)
    assert type(net[0]) is type(net[2]) is nn.Linear
    assert repr(net[0]) == "Linear(in_features=3, out_features=4, bias=True)"
    bound = 1 / np.sqrt(3)
    assert 0 < np.abs(net[0].weight.detach().numpy()).max() <= bound
    assert net[0].weight.dtype == bs.float64
    assert twin.load_state_dict(net.state_dict()) == ([], [])
    x = bs.randn(5, 3, dtype=bs.float64)
    assert bs.equal(twin(x).detach(), net(x).detach())
    assert type(twin[0]) is nn.Linear and twin[0].in_features == 3
    assert bs.equal(bs.compile(twin)(x).detach(), net(x).detach())


def test_lazy_layers_of_ones_own() -> None:
    class Scale(nn.lazy.LazyModuleMixin):
        def __init__(self) -> None:
            super().__init__()
            self.by: Any = UninitializedParameter()

        def initialize_parameters(self, x: bs.Tensor) -> None:
            self.materialize("by", x.shape[1:])

        def forward(self, x: bs.Tensor) -> Any:
            return x * self.by

    scale = Scale()
    assert repr(scale.by) == "<UninitializedParameter>"
    assert scale(bs.ones(2, 3)).tolist() == [[0.0] * 3] * 2
    assert scale(bs.ones(2, 3)).shape == (2, 3) and scale.by.shape == (3,)
    with pytest.raises(NotImplementedError, match="initialize_parameters"):
        nn.lazy.LazyModuleMixin()(bs.ones(1))


# ---- Other layers with states ------------------------------------------------------------------------------


def test_bilinear() -> None:
    layer = nn.Bilinear(3, 2, 4, dtype=bs.float64)
    assert repr(layer) == "Bilinear(in1_features=3, in2_features=2, out_features=4, bias=True)"
    x, y = np.random.default_rng(0).standard_normal((5, 3)), np.random.default_rng(1).standard_normal((5, 2))
    weight, bias = (p.detach().numpy() for p in layer.parameters())
    want = np.einsum("ni,oij,nj->no", x, weight, y) + bias
    for run in (layer, bs.compile(layer)):
        np.testing.assert_allclose(run(bs.tensor(x), bs.tensor(y)).detach().numpy(), want, 1e-10)
    assert np.abs(weight).max() <= 1 / np.sqrt(3)
    assert nn.Bilinear(3, 2, 4, bias=False).bias is None


def test_adaptive_log_softmax() -> None:
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 12], div_value=2.0, head_bias=True, dtype=bs.float64)
    x = bs.randn(30, 8, dtype=bs.float64, requires_grad=True)
    target = bs.tensor(np.random.default_rng(0).integers(0, 20, 30))
    whole = layer.log_prob(x)
    np.testing.assert_allclose(whole.detach().exp().sum(1).numpy(), 1.0)
    output, loss = layer(x, target)
    want = whole.gather(1, target.unsqueeze(1)).squeeze(1)
    np.testing.assert_allclose(output.detach().numpy(), want.detach().numpy())
    assert float(loss) == pytest.approx(-float(want.mean()))
    np.testing.assert_allclose(
        bs.grad(loss, x).numpy(), bs.grad(-want.mean(), x).numpy(), rtol=1e-9, atol=1e-12
    )
    assert bs.equal(layer.predict(x), whole.argmax(1))
    assert float(layer(x[0], target[0]).output) == pytest.approx(float(want[0]))
    before = layer.head.weight.detach().clone()
    layer.reset_parameters()
    assert not bs.equal(layer.head.weight.detach(), before)
    with pytest.raises(IndexError, match="20 classes"):
        layer(x, target + 20)
    with pytest.raises(bs.ShapeError, match="in_features"):
        layer(x, target[:3])
    with pytest.raises(bs.GraphError):
        bs.compile(layer)(x.detach(), target)
    for cutoffs in ([], [5, 5], [25]):
        with pytest.raises(ValueError, match="cutoffs"):
            nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs)
