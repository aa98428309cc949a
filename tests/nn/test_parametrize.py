"""Computed parameters: nn.utils.parametrize, and the ready ones of nn.utils.parametrizations."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.nn.utils import parametrizations, parametrize, skip_init

Array = npt.NDArray[Any]
TALL: Array = np.random.default_rng(0).normal(size=(5, 3)).astype("f")
SQUARE: Array = np.random.default_rng(1).normal(size=(4, 4)).astype("f")
SHAPES = [TALL, SQUARE, TALL.T.copy()]


class Symmetric(nn.Module):
    def forward(self, x: bs.Tensor) -> bs.Tensor:
        return x.triu() + x.triu(1).T

    def right_inverse(self, a: bs.Tensor) -> bs.Tensor:
        return a.triu()


class Double(nn.Module):
    def forward(self, x: bs.Tensor) -> bs.Tensor:
        return 2.0 * x


def linear(weight: Array, lib: Any = bs) -> Any:
    model = lib.nn.Linear(weight.shape[1], weight.shape[0])
    bias = np.linspace(-1.0, 1.0, len(weight), dtype="f")
    model.load_state_dict({"weight": lib.tensor(weight), "bias": lib.tensor(bias)})
    return model


def values(*tensors: Any) -> list[Array]:
    return [t.detach().numpy().copy() for t in tensors]


# ---- parametrize -------------------------------------------------------------------------------------------


def test_weight_is_computed_from_the_original() -> None:
    model = linear(SQUARE)
    weight = model.weight
    assert parametrize.register_parametrization(model, "weight", Symmetric()) is model
    assert repr(type(model)).endswith("ParametrizedLinear'>")
    assert isinstance(model, nn.Linear)
    assert list(model.state_dict()) == ["bias", "parametrizations.weight.original"]
    assert model.parametrizations.weight.original is weight, "optimizers know it"
    np.testing.assert_array_equal(model.weight.detach(), np.triu(SQUARE) + np.triu(SQUARE, 1).T)
    model(bs.ones((2, 4))).sum().backward()
    np.testing.assert_array_equal(
        weight.grad, np.triu(np.full((4, 4), 2.0)) + np.triu(np.full((4, 4), 2.0), 1)
    )
    new = SQUARE + SQUARE.T
    model.weight = bs.tensor(new)
    np.testing.assert_array_equal(weight.detach(), np.triu(new))
    np.testing.assert_array_equal(model.weight.detach(), new)


def test_registered_twice_and_removed() -> None:
    model = linear(SQUARE)
    weight = model.weight
    parametrize.register_parametrization(model, "weight", Symmetric())
    parametrize.register_parametrization(model, "weight", Double())
    symmetric = np.triu(SQUARE) + np.triu(SQUARE, 1).T
    np.testing.assert_array_equal(model.weight.detach(), 2.0 * symmetric)
    with pytest.raises(RuntimeError, match="Double has no right_inverse"):
        model.weight = bs.tensor(SQUARE)
    assert parametrize.is_parametrized(model)
    assert parametrize.is_parametrized(model, "weight")
    assert not parametrize.is_parametrized(model, "bias")
    assert parametrize.type_before_parametrizations(model) is nn.Linear
    parametrize.remove_parametrizations(model, "weight")
    assert type(model) is nn.Linear
    assert model.weight is weight
    assert sorted(model.state_dict()) == ["bias", "weight"]
    np.testing.assert_array_equal(weight.detach(), 2.0 * symmetric)
    assert not parametrize.is_parametrized(model)


def test_a_second_one_takes_what_the_first_gives() -> None:
    class Scale(nn.Module):
        def __init__(self, by: float) -> None:
            super().__init__()
            self.by = by

        def forward(self, x: bs.Tensor) -> bs.Tensor:
            return x * self.by

        def right_inverse(self, x: bs.Tensor) -> bs.Tensor:
            return x / self.by

    # As in PyTorch, the value that the tensor has is kept at the first registration and not at others.
    model = linear(SQUARE)
    parametrize.register_parametrization(model, "weight", Scale(2.0))
    np.testing.assert_allclose(model.weight.detach(), SQUARE, rtol=1e-6)
    parametrize.register_parametrization(model, "weight", Scale(4.0))
    np.testing.assert_allclose(model.weight.detach(), 4.0 * SQUARE, rtol=1e-6)
    model.weight = bs.tensor(SQUARE)
    np.testing.assert_allclose(model.weight.detach(), SQUARE, rtol=1e-6)


def test_original_is_left() -> None:
    model = linear(SQUARE)
    parametrize.register_parametrization(model, "weight", Double())
    parametrize.register_parametrization(model, "bias", Double())
    parametrize.remove_parametrizations(model, "weight", leave_parametrized=False)
    np.testing.assert_array_equal(model.weight.detach(), SQUARE)
    assert parametrize.is_parametrized(model, "bias")
    with pytest.raises(ValueError, match="no parametrization of 'weight'"):
        parametrize.remove_parametrizations(model, "weight")
    several = parametrizations.weight_norm(linear(TALL))
    with pytest.raises(ValueError, match="computed from 2 tensors"):
        parametrize.remove_parametrizations(several, "weight", leave_parametrized=False)


def test_buffers_are_computed() -> None:
    model: Any = nn.Module()
    model.register_buffer("scale", bs.ones(3))
    parametrize.register_parametrization(model, "scale", Double())
    assert list(model.state_dict()) == ["parametrizations.scale.original"]
    np.testing.assert_array_equal(model.scale, [2.0] * 3)
    parametrize.remove_parametrizations(model, "scale")
    assert [name for name, _ in model.named_buffers()] == ["scale"]
    np.testing.assert_array_equal(model.scale, [2.0] * 3)


def test_cached() -> None:
    model = parametrize.register_parametrization(linear(SQUARE), "weight", Symmetric())
    assert model.weight is not model.weight
    with parametrize.cached():
        first = model.weight
        with parametrize.cached():
            assert model.weight is first
        assert model.weight is first
    assert model.weight is not first


def test_copies_and_pickles() -> None:
    model = parametrizations.weight_norm(linear(TALL))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert type(other) is type(model)
        np.testing.assert_array_equal(other.weight.detach(), model.weight.detach())
        parametrize.remove_parametrizations(other, "weight")
        assert type(other) is nn.Linear
    assert parametrize.is_parametrized(model, "weight")


def test_wrong_parametrizations() -> None:
    class Sum(nn.Module):
        def forward(self, x: bs.Tensor) -> bs.Tensor:
            return x.sum(0)

    class Wide(nn.Module):
        def forward(self, x: bs.Tensor) -> bs.Tensor:
            return x.double()

    model = linear(SQUARE)
    with pytest.raises(bs.ShapeError, match=r"is \(4, 4\), the parametrization gives \(4,\); pass unsafe"):
        parametrize.register_parametrization(model, "weight", Sum())
    with pytest.raises(bs.DTypeError, match="float32, the parametrization gives float64"):
        parametrize.register_parametrization(model, "weight", Wide())
    with pytest.raises(ValueError, match="no parameter or buffer 'weigh'"):
        parametrize.register_parametrization(model, "weigh", Double())
    with pytest.raises(TypeError, match="the class Double; it must be a Module"):
        parametrize.register_parametrization(model, "weight", Double)  # type: ignore[arg-type]
    assert type(model) is nn.Linear
    parametrize.register_parametrization(model, "weight", Double())
    with pytest.raises(ValueError, match="gives something else"):
        parametrize.register_parametrization(model, "weight", Sum())
    with pytest.raises(KeyError, match="attribute of the class"):
        model.weight = nn.Parameter(bs.ones((4, 4)))
    assert parametrize.register_parametrization(model, "weight", Sum(), unsafe=True).weight.shape == (4,)


# ---- Ready ones --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm(dim: int | None) -> None:
    model = parametrizations.weight_norm(linear(TALL), dim=dim)
    names = ["bias", "parametrizations.weight.original0", "parametrizations.weight.original1"]
    assert list(model.state_dict()) == names
    g, v = model.parametrizations.weight.original0, model.parametrizations.weight.original1
    axes = None if dim is None else 1 - dim
    lengths = np.linalg.norm(TALL.astype("d"), axis=axes, keepdims=dim is not None)
    assert g.shape == lengths.shape
    np.testing.assert_allclose(g.detach(), lengths, rtol=1e-6)
    np.testing.assert_allclose(model.weight.detach(), TALL, rtol=1e-6)
    with bs.no_grad():
        v *= 3.0
        g *= 2.0
    np.testing.assert_allclose(model.weight.detach(), 2.0 * TALL, rtol=1e-6)


def test_spectral_norm() -> None:
    model = parametrizations.spectral_norm(linear(TALL), n_power_iterations=5)
    assert "parametrizations.weight.0._u" in model.state_dict()
    for _ in range(20):
        model(bs.ones((1, 3)))
    assert np.linalg.norm(np.array(model.weight.detach()), 2) == pytest.approx(1.0, abs=1e-4)
    model.eval()
    before = values(*model.buffers())
    model(bs.ones((1, 3)))
    assert all(map(np.array_equal, before, values(*model.buffers())))
    model.weight = bs.tensor(7.0 * TALL)  # no inverse: the original is what is given
    np.testing.assert_array_equal(model.parametrizations.weight.original.detach(), 7.0 * TALL)
    of_bias = parametrizations.spectral_norm(linear(TALL), "bias")
    assert np.linalg.norm(np.array(of_bias.bias.detach())) == pytest.approx(1.0)


@pytest.mark.parametrize("weight", SHAPES, ids=["tall", "square", "wide"])
@pytest.mark.parametrize("trivialize", [True, False])
@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
def test_orthogonal(weight: Array, trivialize: bool, kind: Any) -> None:
    pytest.importorskip("scipy")
    model = linear(weight)
    parametrizations.orthogonal(model, orthogonal_map=kind, use_trivialization=trivialize)
    opt = bs.optim.SGD(model.parameters(), lr=0.1)
    wanted, _ = np.linalg.qr(
        np.random.default_rng(2).normal(size=weight.shape[:: 1 if len(weight) > 3 else -1])
    )
    goal = bs.tensor((wanted if wanted.shape == weight.shape else wanted.T).astype("f"))
    losses = []
    for _ in range(3):
        q = np.array(model.weight.detach())
        product = q.T @ q if len(q) >= q.shape[1] else q @ q.T
        np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-5)
        loss = (model.weight - goal).square().sum()
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(float(loss))
    assert losses[2] < losses[0]
    if trivialize or kind == "householder":
        model.weight = goal
        np.testing.assert_allclose(model.weight.detach(), goal, atol=1e-5)
    else:
        with pytest.raises(NotImplementedError, match="use_trivialization=True"):
            model.weight = goal


def test_wrong_weights() -> None:
    for make in (parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal):
        with pytest.raises(ValueError, match="no parameter or buffer 'w'"):
            make(linear(TALL), "w")
    with pytest.raises(bs.ShapeError, match=r"\[weight_norm\] dim is 2"):
        parametrizations.weight_norm(linear(TALL), dim=2)
    with pytest.raises(ValueError, match="n_power_iterations is 0"):
        parametrizations.spectral_norm(linear(TALL), n_power_iterations=0)
    with pytest.raises(ValueError, match="must be a matrix"):
        parametrizations.orthogonal(linear(TALL), "bias")
    with pytest.raises(ValueError, match="orthogonal_map"):
        parametrizations.orthogonal(linear(TALL), orthogonal_map="qr")  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [parametrizations.weight_norm, parametrizations.spectral_norm])
def test_compiled_steps_are_the_eager_ones(make: Any) -> None:
    ends = []
    for compiled in (False, True):
        bs.manual_seed(0)
        model = make(linear(TALL))
        opt = bs.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def step(x: bs.Tensor, model: Any = model, opt: Any = opt) -> bs.Tensor:
            loss = model(x).square().mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            return loss.detach()  # type: ignore[no-any-return]

        run = bs.compile(step) if compiled else step
        x = bs.tensor(SQUARE[:, :3].copy())
        losses = [float(run(x)) for _ in range(4)]
        assert losses[3] < losses[0]
        ends.append(losses)
        # Registering anew is seen.
        parametrize.register_parametrization(model, "weight", Double(), unsafe=True)
        ends[-1].append(float(run(x)))
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-6)


@pytest.mark.peers
@pytest.mark.parametrize("weight", SHAPES, ids=["tall", "square", "wide"])
def test_as_pytorch(weight: Array) -> None:
    torch = pytest.importorskip("torch")

    def run(lib: Any, kind: str, **options: Any) -> tuple[list[str], list[Array]]:
        model = linear(weight, lib)
        getattr(lib.nn.utils.parametrizations, kind)(model, **options)
        if kind == "spectral_norm":
            with lib.no_grad():
                for vector in model.buffers():
                    vector.copy_(lib.full(tuple(vector.shape), len(vector) ** -0.5))
        y = model(lib.tensor(SQUARE[:, [0] * weight.shape[1]]))
        (y * y * y).sum().backward()
        grads = [p.grad for p in model.parameters()]
        return list(model.state_dict()), values(y, model.weight, *grads)

    cases: list[tuple[str, dict[str, Any]]] = [("spectral_norm", {"n_power_iterations": 2})]
    cases += [("weight_norm", {"dim": dim}) for dim in (0, 1, -1, None)]
    cases += [
        ("orthogonal", {"orthogonal_map": kind, "use_trivialization": on})
        for kind in ("matrix_exp", "cayley", "householder")
        for on in (False, True)
        if not on or len(set(weight.shape)) == 1  # else the base is drawn
    ]
    for kind, options in cases:
        (names, ours), (their_names, theirs) = run(bs, kind, **options), run(torch, kind, **options)
        assert names == their_names
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-4, atol=2e-5, err_msg=f"{kind} {options}")


# ---- Vectors of parameters, modules without first values ---------------------------------------------------


def test_vectors_of_parameters() -> None:
    model = linear(TALL)
    vector = nn.utils.parameters_to_vector(model.parameters())
    np.testing.assert_array_equal(
        vector.detach(), np.concatenate([TALL.ravel(), np.array(model.bias.detach())])
    )
    (vector * vector).sum().backward()
    np.testing.assert_array_equal(model.weight.grad, 2.0 * TALL)
    weight = model.weight
    nn.utils.vector_to_parameters(bs.arange(21.0), model.parameters())
    assert model.weight is weight
    np.testing.assert_array_equal(weight.detach(), np.arange(15.0).reshape(5, 3))
    np.testing.assert_array_equal(model.bias.detach(), np.arange(15.0, 20.0))
    with pytest.raises(bs.ShapeError, match=r"vec is \(19,\): the parameters have 20 elements"):
        nn.utils.vector_to_parameters(bs.zeros(19), model.parameters())
    with pytest.raises(TypeError, match="vec is of type ndarray"):
        nn.utils.vector_to_parameters(np.zeros(20), model.parameters())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="there are no parameters"):
        nn.utils.parameters_to_vector([])
    np.testing.assert_array_equal(weight.detach(), np.arange(15.0).reshape(5, 3))


def test_skip_init() -> None:
    state = bs.get_rng_state()
    model = skip_init(nn.Linear, 3, 2, bias=False)
    assert bool((state == bs.get_rng_state()).all())
    assert isinstance(model, nn.Linear)
    assert model.bias is None
    np.testing.assert_array_equal(model.weight.detach(), np.zeros((2, 3)))
    with pytest.raises(TypeError, match="must be a class of modules"):
        skip_init(model)  # type: ignore[type-var]
