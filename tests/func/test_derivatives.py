"""bs.func and bs.autograd.functional: against formulas, float64 differences, and PyTorch (peers)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import autograd, func, nn
from backsweep.autograd import functional, gradcheck, gradgradcheck
from backsweep.autograd.gradcheck import GradcheckError

DRAW = np.random.default_rng(1)


def normal(*shape: int) -> bs.Tensor:
    return bs.tensor(DRAW.standard_normal(shape))


def array(t: Any) -> Any:
    return np.asarray(t.detach())


def f(x: Any) -> Any:
    """(3,) -> (2,)."""
    return (x[:2] ** 2 * x[2]).exp() * 0.1 + x[1:] ** 3


def jacobian_by_differences(f: Any, x: bs.Tensor, eps: float = 1e-6) -> Any:
    base, columns = np.array(array(x)), []
    for i in range(base.size):
        ends = []
        for step in (eps, -eps):
            moved = base.copy()
            moved.flat[i] += step
            ends.append(array(f(bs.tensor(moved))))
        columns.append((ends[0] - ends[1]) / (2 * eps))
    return np.stack(columns, -1).reshape(*ends[0].shape, *base.shape)


# ---- bs.func -------------------------------------------------------------------------------------------


def test_jacobians() -> None:
    x = normal(3)
    want = jacobian_by_differences(f, x)
    for made in (func.jacrev(f)(x), func.jacfwd(f)(x), func.jacrev(f, chunk_size=1)(x)):
        np.testing.assert_allclose(array(made), want, rtol=1e-6, atol=1e-8)
        assert not made.requires_grad
    matrix = normal(2, 3)
    g = lambda m: (m @ m.transpose(0, 1)).exp()  # noqa: E731
    np.testing.assert_allclose(
        array(func.jacrev(g)(matrix)), jacobian_by_differences(g, matrix), rtol=1e-5, atol=1e-7
    )
    np.testing.assert_allclose(array(func.jacfwd(g)(matrix)), array(func.jacrev(g)(matrix)), rtol=1e-12)


def test_jacobians_of_several() -> None:
    x, y = normal(2), normal(3)

    def g(x: Any, y: Any) -> Any:
        return {"a": x.sum() * y, "b": (x, bs.ones(1, dtype=bs.float64))}

    for transform in (func.jacrev, func.jacfwd):
        made = transform(g, argnums=(0, 1))(x, y)
        np.testing.assert_allclose(array(made["a"][0]), np.repeat(array(y)[:, None], 2, 1))
        np.testing.assert_allclose(array(made["a"][1]), array(x).sum() * np.eye(3))
        np.testing.assert_allclose(array(made["b"][0][0]), np.eye(2))
        assert not array(made["b"][0][1]).any()
        assert made["b"][1][1].shape == (1, 3)
        alone, aux = transform(lambda x: (x * 2, "aux"), has_aux=True)(x)
        assert aux == "aux"
        np.testing.assert_allclose(array(alone), 2 * np.eye(2))


def test_vjp_and_jvp() -> None:
    x, v, u = normal(3), normal(3), normal(2)
    jacobian = array(func.jacrev(f)(x))
    y, back = func.vjp(f, x)
    np.testing.assert_allclose(array(y), array(f(x)))
    for _ in range(2):
        np.testing.assert_allclose(array(back(u)[0]), array(u) @ jacobian, rtol=1e-12)
    y, along = func.jvp(f, (x,), (v,))
    np.testing.assert_allclose(array(y), array(f(x)))
    np.testing.assert_allclose(array(along), jacobian @ array(v), rtol=1e-12)
    y, forward = func.linearize(f, x)
    np.testing.assert_allclose(array(forward(v)), jacobian @ array(v), rtol=1e-12)
    _, back, aux = func.vjp(lambda x, y: ((x * y, x), 3), x, v, has_aux=True)
    gx, gy = back((x, v))
    np.testing.assert_allclose(array(gx), array(x * v + v))
    np.testing.assert_allclose(array(gy), array(x * x))
    assert aux == 3
    _, tangents = func.jvp(lambda x, y: (x * y, y.sum(), bs.ones(2)), (x, v), (v, x))
    np.testing.assert_allclose(array(tangents[0]), array(v * v + x * x))
    np.testing.assert_allclose(array(tangents[1]), array(x.sum()))
    assert tangents[2].tolist() == [0, 0]


@pytest.mark.parametrize(
    "g",
    [
        lambda x: x.sqrt() + x.log(),
        lambda x: x**1.5 / x.sum(),
        lambda x: x.softmax(0),
        lambda x: (x * x).sum().sqrt() * x.tanh(),
        lambda x: nn.functional.layer_norm(x, 3),
        lambda x: bs.where(x > 0.5, x.exp(), 1 / x),
        lambda x: bs.cat([x, x[1:]]).cumsum(0),
    ],
)
def test_forward_is_what_backward_is(g: Any) -> None:
    x = normal(3).abs() + 0.1
    np.testing.assert_allclose(array(func.jacfwd(g)(x)), array(func.jacrev(g)(x)), rtol=1e-12, atol=1e-14)


def test_hessians() -> None:
    x = normal(3)
    g = lambda x: (f(x) ** 2).sum()  # noqa: E731
    want = jacobian_by_differences(func.grad(g), x)
    for made in (func.hessian(g)(x), func.jacfwd(func.jacrev(g))(x), func.jacrev(func.jacfwd(g))(x)):
        np.testing.assert_allclose(array(made), want, rtol=1e-5, atol=1e-6)
    v = normal(3)
    np.testing.assert_allclose(
        array(func.hvp(g, (x,), (v,))), array(func.hessian(g)(x)) @ array(v), rtol=1e-10
    )
    mixed = func.hessian(lambda x, y: (x * x * y).sum(), argnums=(0, 1))(x, v)
    np.testing.assert_allclose(array(mixed[0][1]), np.diag(2 * array(x)), rtol=1e-12)


def test_grad() -> None:
    x, w = normal(3), normal(3)
    g = lambda p, x: (p["w"] * x).sum() ** 2 + p["b"][0].sum()  # noqa: E731
    p = {"w": w, "b": [bs.ones(2, dtype=bs.float64), x]}
    found, value = func.grad_and_value(g)(p, x)
    np.testing.assert_allclose(array(value), array(g(p, x)))
    np.testing.assert_allclose(array(found["w"]), 2 * array((w * x).sum()) * array(x))
    assert found["b"][0].tolist() == [1, 1]
    assert found["b"][1].tolist() == [0, 0, 0]
    assert not value.requires_grad
    third = func.grad(func.grad(func.grad(lambda t: t**4)))
    assert third(bs.tensor(2.0)).item() == 48
    by_two = func.grad(lambda a, b: (a * b).sum(), argnums=(1, 0))(x, w)
    np.testing.assert_allclose(array(by_two[0]), array(x))
    assert func.grad(lambda a: (a.sum(), a * 2), has_aux=True)(x)[1].tolist() == (x * 2).tolist()
    _, (value, aux) = func.grad_and_value(lambda a: (a.sum(), "aux"), has_aux=True)(x)
    assert aux == "aux"
    for call, match in [
        (lambda: func.grad(lambda a: a)(x), "scalar tensor, got tensor with 1 dims"),
        (lambda: func.grad(lambda a: a.sum(), argnums=1)(x), "argnum=1"),
        (lambda: func.grad(lambda a: a.sum(), has_aux=True)(x), "has_aux"),
        (lambda: func.jvp(f, x, x), "tuples"),
        (lambda: func.jvp(f, (x,), (x, x)), "structure"),
        (lambda: func.vjp(f, x)[1](x, x, x), "structure"),
    ]:
        with pytest.raises(RuntimeError, match=match):
            call()


def test_what_surrounds_is_differentiated() -> None:
    x, w = normal(3).requires_grad_(), normal(3).requires_grad_()
    g = lambda t: (t**3 * w).sum()  # noqa: E731  (w comes from outside)
    slope = func.grad(g)(x.detach())
    np.testing.assert_allclose(array(bs.grad(slope.sum(), w)), 3 * array(x) ** 2)
    slope = func.grad(g)(x)
    gx, gw = bs.grad(slope.sum(), [x, w])
    np.testing.assert_allclose(array(gx), array(6 * x * w))
    np.testing.assert_allclose(array(gw), array(3 * x * x))
    _, along = func.jvp(lambda t: t**2 * w, (x,), (bs.ones_like(x),))
    np.testing.assert_allclose(array(bs.grad(along.sum(), w)), 2 * array(x))
    rows = func.jacrev(lambda t: t**2 * w)(x.detach())
    np.testing.assert_allclose(array(bs.grad(rows.sum(), w)), 2 * array(x))
    with bs.no_grad():
        assert not func.grad(g)(x).requires_grad
    assert not func.grad(lambda t: (t**2).sum())(x.detach()).requires_grad


def test_compiled() -> None:
    x, v = normal(3), normal(3)
    g = lambda x: (f(x) ** 2).sum()  # noqa: E731
    for h in (
        func.jacrev(f),
        func.jacfwd(f),
        func.hessian(g),
        lambda x: func.hvp(g, (x,), (v,)),
        lambda x: func.jvp(f, (x,), (v,))[1],
        lambda x: func.vjp(f, x)[1](v[:2])[0],
        lambda x: functional.jacobian(f, x),
        func.grad(g),
    ):
        np.testing.assert_allclose(array(bs.compile(h)(x)), array(h(x)), rtol=1e-12)


def test_modules_as_functions() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    x = bs.tensor(DRAW.standard_normal((5, 3)).astype(np.float32))
    other = {name: p.detach() * 2 for name, p in model.named_parameters()}
    before = model(x)
    made = func.functional_call(model, other, (x,))
    want = nn.functional.linear(
        nn.functional.linear(x, other["0.weight"], other["0.bias"]).tanh(), other["2.weight"], other["2.bias"]
    )
    np.testing.assert_array_equal(array(made), array(want))
    np.testing.assert_array_equal(array(model(x)), array(before))
    some = func.functional_call(model, [{"0.weight": other["0.weight"]}, {"2.bias": other["2.bias"]}], x)
    assert some.tolist() != made.tolist()
    compiled = bs.compile(lambda p, x: func.functional_call(model, p, (x,)))
    np.testing.assert_allclose(array(compiled(other, x)), array(made), rtol=1e-6)
    leaves = {name: p.detach().requires_grad_() for name, p in model.named_parameters()}
    func.functional_call(model, leaves, (x,)).sum().backward()
    model(x).sum().backward()
    for name, p in model.named_parameters():
        np.testing.assert_allclose(array(leaves[name].grad), array(p.grad), rtol=1e-6)
    dropout = nn.Dropout(0.5)
    draws = {array(func.functional_call(dropout, {}, (bs.ones(64),))).tobytes() for _ in range(3)}
    assert len(draws) == 3
    with pytest.raises(bs.ShapeError, match="functional_call"):
        func.functional_call(model, {"0.weight": bs.ones((1, 1))}, x)
    with pytest.raises(RuntimeError, match="missing keys"):
        func.functional_call(model, {"0.weight": other["0.weight"]}, x, strict=True)
    with pytest.raises(ValueError, match="multiple dictionaries"):
        func.functional_call(model, [other, other], x)


def test_ensembles() -> None:
    models = [nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)) for _ in range(3)]
    parameters, buffers = func.stack_module_state(models)
    assert parameters["0.weight"].shape == (3, 4, 3)
    assert parameters["0.weight"].is_leaf
    assert parameters["0.weight"].requires_grad
    assert buffers == {}
    x = bs.tensor(DRAW.standard_normal((5, 3)).astype(np.float32))
    call = lambda p, x: func.functional_call(models[0], p, (x,))  # noqa: E731
    made = func.vmap(call, in_dims=(0, None))(parameters, x)
    for k, model in enumerate(models):
        np.testing.assert_allclose(array(made[k]), array(model(x)), rtol=1e-5, atol=1e-6)
    made.sum().backward()
    models[1](x).sum().backward()
    assert parameters["0.weight"].grad is not None
    np.testing.assert_allclose(
        array(parameters["0.weight"].grad[1]), array(models[1][0].weight.grad), rtol=1e-5, atol=1e-6
    )
    with pytest.raises(RuntimeError, match="at least one model"):
        func.stack_module_state([])


# ---- dual numbers, checks ------------------------------------------------------------------------------


def test_dual_numbers() -> None:
    x, v = normal(3), normal(3)
    with autograd.forward_ad.dual_level():
        dual = autograd.forward_ad.make_dual(x, v)
        out = autograd.forward_ad.unpack_dual(f(dual))
        assert autograd.forward_ad.unpack_dual(x).tangent is None
        np.testing.assert_allclose(array(autograd.forward_ad.unpack_dual(dual).tangent), array(v))
    np.testing.assert_allclose(array(out.primal), array(f(x)))
    np.testing.assert_allclose(array(out.tangent), array(func.jacrev(f)(x)) @ array(v), rtol=1e-12)
    with pytest.raises(RuntimeError, match="no level exists"):
        autograd.forward_ad.make_dual(x, v)


def test_gradcheck() -> None:
    class Wrong(bs.Function):
        def forward(self, x: Any) -> Any:
            return x * x

        def backward(self, grad: Any, x: Any, y: Any) -> Any:
            return grad * x

    x, w = normal(3).requires_grad_(), normal(2, 3).requires_grad_()
    assert gradcheck(f, x)
    assert gradcheck(lambda x, w: (w @ x, x.exp()), (x, w), check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(lambda x, w: (w @ x).exp(), (x, w))
    assert not gradcheck(Wrong(), x, raise_exception=False)
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradcheck(Wrong(), x)
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(f, x.detach())


# ---- bs.autograd.functional ----------------------------------------------------------------------------


def test_functional() -> None:
    x, v, u = normal(3), normal(3), normal(2)
    jacobian = array(func.jacrev(f)(x))
    for options in ({}, {"vectorize": True}, {"create_graph": True}, {"strategy": "forward-mode"}):
        np.testing.assert_allclose(array(functional.jacobian(f, x, **options)), jacobian, rtol=1e-12)
    np.testing.assert_allclose(array(functional.vjp(f, x, u)[1]), array(u) @ jacobian, rtol=1e-12)
    np.testing.assert_allclose(array(functional.jvp(f, x, v)[1]), jacobian @ array(v), rtol=1e-12)
    g = lambda x: (f(x) ** 2).sum()  # noqa: E731
    second = array(func.hessian(g)(x))
    for vectorize in (False, True):
        np.testing.assert_allclose(array(functional.hessian(g, x, vectorize=vectorize)), second, rtol=1e-10)
    for product in (functional.hvp, functional.vhp):
        value, made = product(g, x, v)
        np.testing.assert_allclose(array(value), array(g(x)))
        np.testing.assert_allclose(array(made), second @ array(v), rtol=1e-10)
    two = functional.jacobian(lambda x, y: (x * y, y.sum()), (x, v))
    assert [[tuple(t.shape) for t in row] for row in two] == [[(3, 3), (3, 3)], [(3,), (3,)]]
    live = x.detach().requires_grad_()
    made = functional.jacobian(lambda t: t**3, live, create_graph=True)
    np.testing.assert_allclose(array(bs.grad(made.sum(), live)), 6 * array(x), rtol=1e-12)
    assert not functional.jacobian(lambda t: t**3, live).requires_grad
    for call, match in [
        (lambda: functional.vjp(f, x), "v can only be None"),
        (lambda: functional.jvp(f, x, u), "invalid size"),
        (lambda: functional.hessian(f, x), "single element"),
        (lambda: functional.jacobian(lambda t: bs.ones(2), x, strict=True), "independent"),
    ]:
        with pytest.raises(RuntimeError, match=match):
            call()


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")  # what PyTorch says as it loads its rules
def test_as_in_pytorch() -> None:
    import torch

    values, along, weights = (DRAW.standard_normal(n) for n in (3, 3, 2))

    def g(x: Any) -> Any:
        return (x[:2] ** 2 * x[2]).exp() * 0.1 + x[1:] ** 3

    def h(x: Any, y: Any) -> Any:
        return (x * y).sum() ** 2 + (x**3).sum()

    found = []
    for lib in (bs, torch):
        x, v, u = (lib.tensor(a, dtype=lib.float64) for a in (values, along, weights))
        fun, old = lib.func, lib.autograd.functional
        made: list[Any] = [
            fun.grad(h, argnums=(0, 1))(x, v),
            fun.grad_and_value(h)(x, v),
            fun.vjp(g, x)[1](u),
            fun.vjp(g, x)[0],
            fun.jvp(g, (x,), (v,)),
            fun.linearize(g, x)[1](v),
            fun.jacrev(g)(x),
            fun.jacfwd(g)(x),
            fun.jacrev(h, argnums=(0, 1))(x, v),
            fun.jacrev(lambda t: {"a": t * 2, "b": [t.sum()]})(x),
            fun.hessian(h)(x, v),
            fun.hessian(h, argnums=(0, 1))(x, v),
            fun.vmap(fun.grad(h), in_dims=(0, None))(lib.stack([x, v]), v),
            fun.vmap(fun.jacrev(g))(lib.stack([x, v])),
            lib.vmap(lambda a, b: {"s": a @ b, "o": (a, b)}, in_dims=(1, 0), out_dims=-1)(
                lib.stack([x, v]), lib.stack([u, u, u])
            ),
            old.jacobian(g, x),
            old.jacobian(h, (x, v), vectorize=True),
            old.hessian(h, (x, v)),
            old.vjp(g, x, u),
            old.jvp(g, x, v),
            old.hvp(lambda t, v=v: h(t, v), x, v),
            old.vhp(lambda t, v=v: h(t, v), x, v),
            old.vjp(h, (x, v)),
        ]
        flat: list[Any] = []

        def walk(tree: Any, out: list[Any]) -> None:
            if isinstance(tree, dict):
                for name in tree:
                    out.append(name)
                    walk(tree[name], out)
            elif isinstance(tree, (list, tuple)):
                out.append((type(tree).__name__, len(tree)))
                for part in tree:
                    walk(part, out)
            else:
                out.append(
                    (np.asarray(tree.detach()), str(tree.dtype).rpartition(".")[2], tree.requires_grad)
                )

        walk(made, flat)
        found.append(flat)
    assert len(found[0]) == len(found[1])
    for a, b in zip(*found, strict=True):
        if isinstance(a, tuple) and len(a) == 3:
            np.testing.assert_allclose(a[0], b[0], rtol=1e-10, atol=1e-12)
            assert a[0].shape == b[0].shape
            assert a[1:] == b[1:]
        else:
            assert a == b
