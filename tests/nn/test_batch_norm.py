"""Batch and instance norm: formula, running statistics, eager, compiled and in fit, threads, errors."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn import functional as F

rng = np.random.default_rng(0)
LAYERS: dict[int, Any] = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
SHAPES = [(6, 3), (4, 3, 5), (2, 3, 4, 4), (2, 3, 2, 3, 2)]


def images(*shape: int) -> bs.Tensor:
    return bs.tensor(rng.normal(2.0, 3.0, shape))


def axes(x: Any) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_formula_and_running_statistics(shape: tuple[int, ...]) -> None:
    layer = LAYERS[len(shape)](shape[1], dtype=bs.float64)
    names = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert list(layer.state_dict()) == names
    with bs.no_grad():
        layer.weight.copy_(bs.tensor([0.5, -1.0, 2.0]))
        layer.bias.copy_(bs.tensor([0.1, 0.2, 0.3]))
    each = (1, 3) + (1,) * (len(shape) - 2)
    weight, bias = (np.asarray(p.detach()).reshape(each) for p in (layer.weight, layer.bias))
    mean, var = np.zeros(3), np.ones(3)
    for batch in range(1, 4):
        x = np.asarray(images(*shape))
        found, spread = x.mean(axes(x), keepdims=True), x.var(axes(x), keepdims=True)
        want = (x - found) / np.sqrt(spread + 1e-5) * weight + bias
        np.testing.assert_allclose(layer(bs.tensor(x)).detach().numpy(), want, 1e-12, 1e-12)
        mean = 0.9 * mean + 0.1 * found.ravel()
        var = 0.9 * var + 0.1 * x.var(axes(x), ddof=1)
        np.testing.assert_allclose(layer.running_mean.numpy(), mean, 1e-13)
        np.testing.assert_allclose(layer.running_var.numpy(), var, 1e-13)
        assert int(layer.num_batches_tracked) == batch
    layer.eval()
    x = np.asarray(images(*shape))
    want = (x - mean.reshape(each)) / np.sqrt(var.reshape(each) + 1e-5) * weight + bias
    np.testing.assert_allclose(layer(bs.tensor(x)).detach().numpy(), want, 1e-12, 1e-12)
    assert int(layer.num_batches_tracked) == 3


def test_mean_of_all_batches() -> None:
    layer: Any = nn.BatchNorm1d(3, momentum=None, dtype=bs.float64)
    compiled = copy.deepcopy(layer)
    step = bs.compile(compiled)
    batches = [images(7, 3) for _ in range(4)]
    for x in batches:
        layer(x)
        step(x)
    want = np.mean([np.asarray(x).mean(0) for x in batches], 0)
    np.testing.assert_allclose(layer.running_mean.numpy(), want, 1e-12)
    np.testing.assert_array_equal(compiled.running_mean.numpy(), layer.running_mean.numpy())
    np.testing.assert_array_equal(compiled.running_var.numpy(), layer.running_var.numpy())


def test_without_statistics_and_without_weights() -> None:
    x = images(5, 3, 2, 2)
    layer = nn.BatchNorm2d(3, affine=False, track_running_stats=False).eval()
    assert not layer.state_dict()
    np.testing.assert_allclose(layer(x).numpy().mean((0, 2, 3)), np.zeros(3), atol=1e-12)
    kept: Any = nn.BatchNorm2d(3, dtype=bs.float64)
    kept.track_running_stats = False  # as PyTorch: while training they rest, after eval they serve
    kept(x)
    assert kept.running_mean.tolist() == [0.0, 0.0, 0.0]
    np.testing.assert_allclose(kept.eval()(x).detach().numpy(), np.asarray(x) / np.sqrt(1 + 1e-5), 1e-12)


def test_large_means_cost_no_digits() -> None:
    x = (rng.standard_normal((16, 3, 9, 9)) + np.array([0.0, 1e3, 1e5]).reshape(3, 1, 1)).astype(np.float32)
    _, mean, var = bs._core.ops.batch_norm(bs.tensor(x))
    wide = x.astype(np.float64)
    np.testing.assert_allclose(mean.numpy(), wide.mean((0, 2, 3)), 2e-7, 1e-7)
    np.testing.assert_allclose(var.numpy(), wide.var((0, 2, 3)), 2e-6)


@pytest.mark.parametrize("shape", [(5, 3), (3, 2, 4), (2, 2, 2, 3)], ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_derivatives(shape: tuple[int, ...], training: bool) -> None:
    c = shape[1]
    given = [images(*shape), images(c), images(c)]
    for t in given:
        t.requires_grad_()
    mean, var = bs.tensor(rng.standard_normal(c)), bs.tensor(rng.uniform(0.5, 2.0, c))

    def fn(x: bs.Tensor, w: bs.Tensor, b: bs.Tensor) -> bs.Tensor:
        kept = (mean.clone(), var.clone()) if training else (mean, var)
        return F.batch_norm(x, *kept, w, b, training, eps=0.1)

    assert bs.autograd.gradcheck(fn, given)
    assert bs.autograd.gradgradcheck(fn, given)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.norm, self.last = nn.BatchNorm1d(4), nn.Linear(4, 1)

    def forward(self, x: bs.Tensor) -> bs.Tensor:
        y = F.relu(self.first(x))
        y = F.relu(self.second(y) + x)
        made: bs.Tensor = self.last(self.norm(y.mean((2, 3))))
        return made


def test_eager_compiled_and_fit_are_one() -> None:
    x = rng.normal(1.0, 2.0, (24, 4, 6, 5)).astype(np.float32)
    y = rng.standard_normal((24, 1)).astype(np.float32)
    bs.manual_seed(3)
    nets = [Net()]
    nets += [copy.deepcopy(nets[0]) for _ in range(2)]
    for i, net in enumerate(nets):
        optimizer = bs.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        if i == 2:
            bs.fit(net, x, y, loss=F.mse_loss, optimizer=optimizer, epochs=3, batch_size=8, shuffle=False)
            continue

        def step(a: bs.Tensor, b: bs.Tensor, net: Any = net, optimizer: Any = optimizer) -> None:
            optimizer.zero_grad()
            F.mse_loss(net(a), b).backward()
            optimizer.step()

        run = bs.compile(step) if i else step
        for at in 3 * [0, 8, 16]:
            run(bs.tensor(x[at : at + 8]), bs.tensor(y[at : at + 8]))
    states = [net.state_dict() for net in nets]
    assert int(states[2]["norm.num_batches_tracked"]) == 9
    for name, value in states[0].items():
        for other in states[1:]:
            np.testing.assert_array_equal(value.numpy(), other[name].numpy(), name)
    assert not np.allclose(states[0]["first.running_var"].numpy(), 1.0)


@pytest.mark.parametrize("shape", [(64, 40), (16, 8, 33, 31), (3, 5, 120, 100), (40, 3, 2)], ids=str)
def test_threads_change_no_bit(shape: tuple[int, ...]) -> None:
    x, g = (bs.tensor(rng.standard_normal(shape).astype(np.float32)) for _ in range(2))
    layer = LAYERS[len(shape)](shape[1])
    seen = set()
    before = bs.get_num_threads()
    try:
        for compiled in (False, True):
            for n in (1, 2, 3, 7):
                bs.set_num_threads(n)
                layer.reset_running_stats()

                def step(t: bs.Tensor) -> tuple[bs.Tensor, ...]:
                    t = t.detach().requires_grad_()
                    y = layer(t)
                    return (y.detach(), *bs.grad((F.relu(y) * g).sum(), [t, layer.weight, layer.bias]))

                made = (bs.compile(step) if compiled else step)(x)
                held = (*made, layer.running_mean, layer.running_var)
                seen.add(b"".join(t.detach().numpy().tobytes() for t in held))
    finally:
        bs.set_num_threads(before)
    assert len(seen) == 1


def test_program_joins_what_comes_after() -> None:
    layer = nn.BatchNorm2d(4).requires_grad_(False)
    step = bs.compile(lambda x, r: F.relu(layer(x) + r))
    text = step.program(bs.ones(8, 4, 6, 6), bs.ones(8, 4, 6, 6)).text
    assert sum("(8, 4, 6, 6) = " in line for line in text.splitlines()) == 1


def test_states_of_old_files_and_functional_calls() -> None:
    layer: Any = nn.BatchNorm1d(3)
    other: Any = nn.BatchNorm1d(3)
    layer(bs.randn(8, 3))
    state: Any = layer.state_dict()
    assert state._metadata[""]["version"] == 2
    del state["num_batches_tracked"]
    state._metadata[""]["version"] = 1
    other.load_state_dict(state)
    np.testing.assert_array_equal(other.running_var.numpy(), layer.running_var.numpy())
    state._metadata[""]["version"] = 2
    with pytest.raises(RuntimeError, match="num_batches_tracked"):
        other.load_state_dict(state)

    held = {name: t.detach().clone() for name, t in nn.BatchNorm1d(3).state_dict().items()}
    x = bs.randn(8, 3)
    before = layer.running_mean.tolist()
    np.testing.assert_array_equal(
        bs.func.functional_call(layer, held, (x,)).numpy(), nn.BatchNorm1d(3)(x).detach().numpy()
    )
    assert layer.running_mean.tolist() == before


def test_batches_of_functions() -> None:
    x, w = images(4, 5, 3, 2), images(3)
    each = bs.func.vmap(lambda t: F.batch_norm(t, None, None, w, None, True))(x)
    for i in range(4):
        want = F.batch_norm(x[i], None, None, w, None, True)
        np.testing.assert_allclose(each[i].numpy(), want.numpy(), 1e-12, 1e-12)


def test_lazy_layers() -> None:
    layers: Any = (
        (nn.LazyBatchNorm1d, nn.BatchNorm1d, (4, 3)),
        (nn.LazyBatchNorm2d, nn.BatchNorm2d, (4, 3, 2, 2)),
        (nn.LazyBatchNorm3d, nn.BatchNorm3d, (4, 3, 2, 2, 1)),
        (nn.LazyInstanceNorm1d, nn.InstanceNorm1d, (3, 6)),
        (nn.LazyInstanceNorm2d, nn.InstanceNorm2d, (4, 3, 2, 2)),
        (nn.LazyInstanceNorm3d, nn.InstanceNorm3d, (4, 3, 2, 2, 1)),
    )
    for lazy, kind, shape in layers:
        layer = lazy(dtype=bs.float64)
        assert isinstance(layer.running_mean, nn.UninitializedBuffer)
        assert next(iter(layer.state_dict())) == "weight"
        layer(images(*shape))
        assert type(layer) is kind and layer.num_features == 3
        assert layer.weight.tolist() == [1.0] * 3 and layer.running_var.shape == (3,)
        fresh = lazy()
        fresh.load_state_dict(layer.state_dict())
        assert fresh.running_var.shape == (3,)
    with pytest.raises(AttributeError, match=r"^\[UninitializedBuffer\] a buffer without a shape"):
        nn.LazyBatchNorm1d().running_mean.numpy()


def test_instance_norm() -> None:
    x = images(2, 3, 4, 5)
    wide = np.asarray(x)
    mean, var = wide.mean((2, 3), keepdims=True), wide.var((2, 3), keepdims=True)
    want = (wide - mean) / np.sqrt(var + 1e-5)
    np.testing.assert_allclose(F.instance_norm(x).numpy(), want, 1e-12, 1e-12)
    layer: Any = nn.InstanceNorm2d(3, affine=True, track_running_stats=True, dtype=bs.float64)
    np.testing.assert_allclose(layer(x).detach().numpy(), want, 1e-12, 1e-12)
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * mean.mean((0, 2, 3)), 1e-12)
    spread = wide.var((2, 3), ddof=1).mean(0)
    np.testing.assert_allclose(layer.running_var.numpy(), 0.9 + 0.1 * spread, 1e-12)
    np.testing.assert_allclose(layer(x[0]).detach().numpy(), want[0], 1e-12, 1e-12)
    step = bs.compile(layer)
    before = layer.running_mean.clone()
    made = step(x)
    assert not np.array_equal(before.numpy(), layer.running_mean.numpy())
    np.testing.assert_array_equal(made.detach().numpy(), layer(x).detach().numpy())
    with pytest.warns(UserWarning, match=r"^\[InstanceNorm2d\].*num_features is 7"):
        nn.InstanceNorm2d(7)(x)

    given = [images(2, 3, 4).requires_grad_(), images(3).requires_grad_(), images(3).requires_grad_()]
    fn = lambda t, w, b: F.instance_norm(t, weight=w, bias=b, eps=0.1)  # noqa: E731
    assert bs.autograd.gradcheck(fn, given) and bs.autograd.gradgradcheck(fn, given)


def test_local_response_norm() -> None:
    x = images(2, 7, 3)
    wide = np.asarray(x)
    for size in (1, 2, 5):
        want = np.empty_like(wide)
        for c in range(7):
            near = wide[:, max(0, c - size // 2) : c + (size - 1) // 2 + 1] ** 2
            want[:, c] = wide[:, c] / (2.0 + 0.3 / size * near.sum(1)) ** 0.75
        np.testing.assert_allclose(nn.LocalResponseNorm(size, 0.3, k=2.0)(x).numpy(), want, 1e-12)
    image = images(2, 7, 3, 1)
    want = nn.LocalResponseNorm(5)(image).numpy()
    np.testing.assert_allclose(nn.CrossMapLRN2d(5)(image).numpy(), want, 1e-14)
    with pytest.raises(bs.ShapeError, match=r"^\[local_response_norm\] input is \(2, 3\)"):
        F.local_response_norm(images(2, 3), 2)


def test_layers_of_one_process() -> None:
    net: Any = nn.Sequential(nn.BatchNorm1d(3), nn.Sequential(nn.BatchNorm2d(2, affine=False)))
    weight = net[0].weight
    assert isinstance(net[0], nn.modules.batchnorm._BatchNorm)
    made: Any = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    assert made is net and type(net[0]) is nn.SyncBatchNorm and type(net[1][0]) is nn.SyncBatchNorm
    assert net[0].weight is weight and net[1][0].weight is None
    x = images(4, 3).float()
    np.testing.assert_array_equal(net[0](x).detach().numpy(), nn.BatchNorm1d(3)(x).detach().numpy())


def test_errors() -> None:
    x = images(2, 3, 4, 4)
    for call, says in (
        (lambda: nn.BatchNorm1d(3)(x), r"^\[BatchNorm1d\] input is \(2, 3, 4, 4\); it must be \(N, C\) or"),
        (lambda: nn.BatchNorm2d(3)(x[0]), r"^\[BatchNorm2d\]"),
        (lambda: nn.BatchNorm2d(4, dtype=bs.float64)(x), r"running_mean is \(4,\), input is \(2, 3, 4, 4\)"),
        (lambda: nn.BatchNorm1d(3)(bs.ones(1, 3)), "one value per channel"),
        (lambda: F.batch_norm(bs.ones(3), None, None, training=True), r"\(N, C, ...\)"),
        (lambda: F.batch_norm(x, None, None), "running_mean and running_var must be given"),
        (lambda: F.batch_norm(x, None, None, training=True, eps=0.0), "eps is 0.0; it must be above 0"),
        (lambda: F.batch_norm(x, None, None, training=True, eps=-1.0), "eps is -1.0"),
        (lambda: F.instance_norm(bs.ones(2, 3, 1)), "one value per channel of a sample"),
        (lambda: nn.InstanceNorm1d(3)(x), r"^\[InstanceNorm1d\] .* it must be \(N, C, L\) or \(C, L\)"),
        (lambda: nn.InstanceNorm2d(4, affine=True)(x), "of 3 channels; num_features is 4"),
    ):
        with pytest.raises(ValueError, match=says):
            call()
    for layer in (nn.BatchNorm2d(3), nn.BatchNorm2d(3, affine=False), nn.BatchNorm2d(3, affine=False).eval()):
        with pytest.raises(bs.DTypeError, match=r"^\[batch_norm\] input is float64, running_mean is float32"):
            layer(x)
        assert layer.running_mean is not None
        assert (layer.running_mean == 0).all()
    assert F.batch_norm(bs.ones(0, 3), bs.zeros(3), bs.ones(3), training=True).shape == (0, 3)
