"""The old forms of weight_norm and spectral_norm, whose weights a hook computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn.utils import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm

WEIGHT: npt.NDArray[Any] = np.random.default_rng(0).normal(size=(5, 3)).astype("f")
X: npt.NDArray[Any] = np.random.default_rng(1).normal(size=(4, 3)).astype("f")


def linear(lib: Any = bs) -> Any:
    model = lib.nn.Linear(3, 5)
    model.load_state_dict({"weight": lib.tensor(WEIGHT), "bias": lib.ones(5)})
    return model


def steps(lib: Any, make: Any, compiled: bool = False) -> list[float]:
    model = make(linear(lib))
    for buffer in model.buffers():
        buffer.copy_(lib.full(tuple(buffer.shape), len(buffer) ** -0.5))
    opt = lib.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x: Any) -> Any:
        loss = (model(x) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss.detach()

    run = bs.compile(step) if compiled else step
    losses = [float(run(lib.tensor(X))) for _ in range(4)]
    model.eval()
    model(lib.tensor(X))
    return [*losses, *model.weight.detach().numpy().ravel().tolist()]


MAKERS = {
    "weight_norm": lambda lib: lib.nn.utils.weight_norm,
    "weight_norm of all": lambda lib: lambda model: lib.nn.utils.weight_norm(model, dim=None),
    "spectral_norm": lambda lib: lambda model: lib.nn.utils.spectral_norm(model, n_power_iterations=2),
}


@pytest.mark.parametrize("name", MAKERS)
def test_compiled_steps_are_the_eager_ones(name: str) -> None:
    make = MAKERS[name](bs)
    np.testing.assert_allclose(steps(bs, make), steps(bs, make, compiled=True), rtol=1e-5, atol=1e-6)


@pytest.mark.peers
@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_as_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = (steps(lib, MAKERS[name](lib)) for lib in (bs, torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_weight_norm_is_removed() -> None:
    model = linear()
    weight = model.weight
    assert weight_norm(model) is model
    assert list(model.state_dict()) == ["bias", "weight_g", "weight_v"]
    assert model.weight_v is weight
    assert model.weight_g.shape == (5, 1)
    np.testing.assert_allclose(model.weight.detach(), WEIGHT, rtol=1e-6)
    with bs.no_grad():
        model.weight_g *= 2.0
    np.testing.assert_allclose(model.weight.detach(), WEIGHT, rtol=1e-6)  # until the next call
    model(bs.tensor(X))
    np.testing.assert_allclose(model.weight.detach(), 2.0 * WEIGHT, rtol=1e-6)
    with pytest.raises(RuntimeError, match="has one already"):
        weight_norm(model)
    assert remove_weight_norm(model) is model
    assert sorted(model.state_dict()) == ["bias", "weight"]
    assert isinstance(model.weight, nn.Parameter)
    np.testing.assert_allclose(model.weight.detach(), 2.0 * WEIGHT, rtol=1e-6)
    with pytest.raises(ValueError, match="no weight_norm of 'weight'"):
        remove_weight_norm(model)


def test_states_of_the_old_form_fit_the_new_one() -> None:
    old = nn.Sequential(weight_norm(linear()))
    new = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 5)))
    new.load_state_dict(old.state_dict())
    np.testing.assert_array_equal(new(bs.tensor(X)).detach(), old(bs.tensor(X)).detach())


def test_spectral_norm_is_removed() -> None:
    model = spectral_norm(linear(), n_power_iterations=30)
    assert sorted(model.state_dict()) == ["bias", "weight_orig", "weight_u", "weight_v"]
    model(bs.tensor(X))
    assert np.linalg.norm(model.weight.detach().numpy(), 2) == pytest.approx(1.0, rel=1e-4)
    model.eval()
    before = model.weight_u.numpy().copy()
    model(bs.tensor(X))
    np.testing.assert_array_equal(model.weight_u, before)
    remove_spectral_norm(model)
    assert sorted(model.state_dict()) == ["bias", "weight"]
    assert np.linalg.norm(model.weight.detach().numpy(), 2) == pytest.approx(1.0, rel=1e-4)
    with pytest.raises(ValueError, match="no spectral_norm of 'weight'"):
        remove_spectral_norm(model)


def test_wrong_weights() -> None:
    for make in (weight_norm, spectral_norm):
        with pytest.raises(ValueError, match="no parameter 'w'"):
            make(linear(), "w")
        with pytest.raises(bs.ShapeError, match="dim is 4"):
            make(linear(), dim=4)
    with pytest.raises(ValueError, match="n_power_iterations is 0"):
        spectral_norm(linear(), n_power_iterations=0)
