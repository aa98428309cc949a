"""vmap against a loop over the batch, and against torch.func."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.func import grad, jacrev, vmap

DRAW = np.random.default_rng(0)
F = nn.functional


def normal(*shape: int) -> bs.Tensor:
    return bs.tensor(DRAW.standard_normal(shape))


def close(a: bs.Tensor, b: bs.Tensor, rtol: float = 1e-12) -> None:
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    np.testing.assert_allclose(np.asarray(a.detach()), np.asarray(b.detach()), rtol=rtol, atol=1e-13)


def loop(f: Any, *args: bs.Tensor) -> Any:
    return bs.stack([f(*(x[i] for x in args)) for i in range(args[0].shape[0])])


W, V, T = normal(3, 4), normal(4), bs.tensor(np.array([1, 0, 3]))
TABLE = normal(6, 2)
P = bs.tensor(np.array([[0, 2, 1, 0], [1, 1, 0, 2], [2, 0, 0, 1]]))
# Of one sample x (3, 4) and y (4,), with what all samples share.
FUNCTIONS: dict[str, Any] = {
    "elementwise of two ranks": lambda x, y: x * y + V * x.exp() - y.sum(),
    "numbers of other kinds": lambda x, y: (x * y.sum()) * bs.tensor(2) + bs.where(x > 0, x, y[0]),
    "0-d with wider": lambda x, y: y.sum().float() * x + y[0].float() * bs.tensor(1.5, dtype=bs.float64),
    "sum": lambda x, y: x.sum() + x.sum(-1).sum(0) + y.sum(0, keepdim=True),
    "sum of 0-d": lambda x, y: y.sum().sum(0) + y.sum().sum(-1) + y.sum().sum(),
    "mean, amax": lambda x, y: x.mean(0) + x.amax(0) + x.amax((0, 1)) + y.amin(),
    "argmax": lambda x, y: x.argmax() + x.argmax(-1).sum() + y.argmax(0),
    "matmul": lambda x, y: x @ y,
    "matmul, shared matrix": lambda x, y: W @ y,
    "matmul, shared row": lambda x, y: V @ y + x @ V,
    "matmul of shared": lambda x, y: x @ W.transpose(0, 1),
    "matmul, shared left": lambda x, y: W.transpose(0, 1) @ x,
    "matmul of two": lambda x, y: x.transpose(0, 1) @ x,
    "matmul of batches": lambda x, y: (x.reshape(3, 2, 2) @ x.reshape(3, 2, 2)).sum(0),
    "matmul, shared batches": lambda x, y: x @ W.transpose(0, 1).expand((2, 4, 3)),
    "linear": lambda x, y: F.linear(x, W, W[:, 0]) + F.linear(y, W),
    "linear with weights of samples": lambda x, y: F.linear(y, x) + F.linear(W, x, x[:, 0]).sum(0),
    "shapes": lambda x, y: x.reshape(2, 6).permute(1, 0).transpose(0, 1).reshape(12)[1:9:2].reshape(2, 2),
    "parts": lambda x, y: bs.cat([x[0], y, x[:, 1]]) + bs.stack([x[i % 3, i % 4] for i in range(11)]),
    "split": lambda x, y: sum(p.sum() * k for k, p in enumerate(x.split(2, -1))) + x.unbind(0)[1],
    "expand": lambda x, y: y.expand((3, 4)) * x + y.sum().expand((4,)),
    "softmax": lambda x, y: x.softmax(0) + x.softmax(-1) + y.log_softmax(0),
    "logsumexp": lambda x, y: x.logsumexp(0) + x.logsumexp((0, 1)),
    "cumsum": lambda x, y: x.cumsum(0) + y.cumsum(-1),
    "layer norm": lambda x, y: F.layer_norm(x, 4) + F.layer_norm(x, 4, y, y),
    "cross entropy": lambda x, y: F.cross_entropy(x, T) + F.cross_entropy(x, T, reduction="none").sum() * y,
    "rows": lambda x, y: TABLE[T].sum() + x.index_rows(bs.tensor(np.array([2, 0, 0]))) * y,
    "gather": lambda x, y: x.gather(0, P) * y + x.gather(1, x.argsort(1)) + y.sum().gather(0, P[0, 0]),
    "scatter": lambda x, y: x.scatter(0, P, x * x) + x.scatter(1, x.argsort(1)[:, :2], y[:2].expand(3, 2)),
    "scatter, added": lambda x, y: x.scatter_add(0, P, x * y) + x.index_add(1, P[0], x) + y[P[1]].sum(),
    "scatter, reduced": lambda x, y: (
        x.scatter_reduce(0, P, x * y, "prod") + x.scatter_reduce(1, P, x, "amax", include_self=False)
    ),
    "sort": lambda x, y: x.sort(0)[0] * y + x.topk(4, 1)[0] + y.sort(descending=True)[0] + y.sum().sort()[0],
    "search": lambda x, y: bs.searchsorted(y.sort()[0], x) * y + bs.bucketize(x, V.sort()[0]) * x,
    "x[i, j]": lambda x, y: x[P[0], x.argsort(1)[0]] * y + x[P[:, 0], P[:, 1]].sum(),
    "casts": lambda x, y: x.float().double() * y + (x > 0).double(),
    "detached": lambda x, y: x.detach() * y,
    "shared result": lambda x, y: V * 2,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_a_loop(name: str) -> None:
    f = FUNCTIONS[name]
    x, y = normal(5, 3, 4), normal(5, 4)
    close(vmap(f)(x, y), loop(f, x, y))
    close(vmap(lambda x: f(x, y[0]))(x), loop(lambda x: f(x, y[0]), x))
    close(vmap(lambda y: f(x[0], y))(y), loop(lambda y: f(x[0], y), y))


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n not in ("argmax", "shared result")])
def test_derivatives_from_outside(name: str) -> None:
    f = FUNCTIONS[name]

    def slopes(apply: Any) -> list[bs.Tensor]:
        x, y = x0.detach().requires_grad_(), y0.detach().requires_grad_()
        made = apply(x, y)
        first = bs.grad((made * made).sum(), [x, y], create_graph=True, allow_unused=True)
        found = [g for g in first if g is not None]
        second = (
            bs.grad(sum((g * g).sum() for g in found), [x, y], create_graph=True, allow_unused=True)
            if any(g.requires_grad for g in found)
            else []
        )
        return [*found, *(g for g in second if g is not None)]

    x0, y0 = normal(3, 3, 4), normal(3, 4)
    want, got = slopes(lambda x, y: loop(f, x, y)), slopes(vmap(f))
    assert len(want) == len(got)
    for a, b in zip(got, want, strict=True):
        close(a, b, 1e-5 if "wider" in name else 1e-10)


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n not in ("argmax", "shared result")])
def test_derivatives_inside(name: str) -> None:
    f = FUNCTIONS[name]
    x, y = normal(3, 3, 4), normal(3, 4)

    def slope(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        return grad(lambda x: (f(x, y) ** 2).sum())(x)

    close(vmap(slope)(x, y), loop(slope, x, y), 1e-10)
    close(bs.compile(vmap(slope))(x, y), vmap(slope)(x, y))


def test_gradients_of_samples_of_a_network() -> None:
    from backsweep.func import functional_call

    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 3)).double()
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    x, y = normal(6, 4), bs.tensor(np.array([0, 1, 2, 0, 1, 2]))

    def loss(parameters: Any, x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        out = functional_call(model, parameters, (x.reshape(1, -1),))
        return F.cross_entropy(out, y.reshape(1))

    found = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, x, y)
    for i in range(6):
        model.zero_grad()
        F.cross_entropy(model(x[i : i + 1]), y[i : i + 1]).backward()
        for name, p in model.named_parameters():
            assert p.grad is not None
            close(found[name][i], p.grad, 1e-9)


def test_axes() -> None:
    x, y = normal(3, 5), normal(5, 2)
    close(vmap(lambda a, b: a.sum() * b, in_dims=(1, 0))(x, y), x.sum(0).reshape(5, 1) * y)
    close(vmap(lambda a: a * 2, in_dims=-1, out_dims=1)(x), x * 2)
    close(vmap(lambda a: a * 2, in_dims=1, out_dims=-1)(x), x * 2)
    made = vmap(
        lambda d, s: {"a": d["x"] * s, "b": (d["y"].sum(), s * 2)}, in_dims=({"x": 1, "y": None}, None)
    )
    out = made({"x": x, "y": y}, bs.tensor(2.0, dtype=bs.float64))
    close(out["a"], x.transpose(0, 1) * 2)
    close(out["b"][0], y.sum().expand((5,)))
    one, two = vmap(lambda a: (a, a.sum()), in_dims=1, out_dims=(1, 0))(x)
    close(one, x)
    close(two, x.sum(0))
    assert vmap(lambda a: bs.tensor([1.0, 2.0]), out_dims=None)(x).shape == (2,)
    close(vmap(lambda a, *, k: a * k)(x, k=3.0), x * 3)
    assert vmap(lambda a: a * 2)(normal(0, 3)).shape == (0, 3)


def test_chunks() -> None:
    x = normal(7, 3)
    for chunk in (1, 2, 7, 9):
        close(vmap(lambda a: (a * a).sum(), chunk_size=chunk)(x), (x * x).sum(1))


def test_nested() -> None:
    x, y = normal(3, 4), normal(5, 4)
    close(vmap(vmap(lambda a, b: (a * b).sum(), (None, 0)), (0, None))(x, y), x @ y.transpose(0, 1), 1e-10)
    cube = normal(2, 3, 4)
    close(vmap(vmap(lambda a: a.softmax(0)))(cube), cube.softmax(-1))
    hessians = vmap(jacrev(jacrev(lambda a: (a**3).sum())))(x)
    for i in range(3):
        close(hessians[i], bs.tensor(np.diag(6 * np.asarray(x[i]))), 1e-12)


def test_a_rule_that_is_missing_is_a_loop() -> None:
    class Cube(bs.Function):
        numpy = True

        def forward(self, x: Any) -> Any:
            return x**3

        def backward(self, grad: Any, x: Any, y: Any) -> Any:
            return 3 * x**2 * grad

    x = normal(4, 3).requires_grad_()
    y = vmap(Cube())(x)
    close(y, x * x * x)
    close(vmap(grad(lambda a: Cube()(a).sum()))(x), 3 * x * x)
    close(bs.grad(y.sum(), x), 3 * x.detach() * x.detach())


def test_functions_with_derivatives_of_their_own() -> None:
    class Scaled(bs.Function):
        @staticmethod
        def forward(ctx: Any, x: bs.Tensor, w: bs.Tensor) -> bs.Tensor:
            ctx.save_for_backward(x, w)
            return x * w

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            x, w = ctx.saved_tensors
            return 10.0 * grads[0] * w, 10.0 * (grads[0] * x)

    x, w = normal(4, 3).requires_grad_(), normal(3).requires_grad_()
    gx, gw = bs.grad(vmap(Scaled.apply, (0, None))(x, w).sum(), [x, w], create_graph=True)
    close(gx, 10 * w.expand((4, 3)))
    close(gw, 10 * x.sum(0))
    close(bs.grad(gx.sum(), w), bs.full((3,), 40.0, dtype=bs.float64))
    close(vmap(grad(lambda a: Scaled.apply(a, w).sum()))(x), 10 * w.expand((4, 3)))


def test_random_numbers() -> None:
    x = bs.ones((8, 64))
    f = lambda a: F.dropout(a, 0.5)  # noqa: E731
    with pytest.raises(bs.GraphError, match="randomness error mode"):
        vmap(f)(x)
    same = np.asarray(vmap(f, randomness="same")(x))
    assert (same == same[0]).all()
    assert set(np.unique(same)) == {0, 2}
    different = np.asarray(vmap(f, randomness="different")(x))
    assert len({row.tobytes() for row in different}) == 8
    again = np.asarray(vmap(f, randomness="different")(x))
    assert (again != different).any()
    with pytest.raises(RuntimeError, match="randomness"):
        vmap(f, randomness="any")


def test_a_compiled_function_inside() -> None:
    x = normal(4, 3)
    inner = bs.compile(lambda a: (a * a).sum())
    close(vmap(inner)(x), (x * x).sum(1))
    close(bs.compile(vmap(lambda a: inner(a) * 2))(x), 2 * (x * x).sum(1))


def test_writing_inside() -> None:
    def fill(a: bs.Tensor) -> bs.Tensor:
        out = bs.zeros(4, dtype=bs.float64)
        out = out + a.sum()
        out += a[0]
        return out

    x = normal(3, 2)
    close(vmap(fill)(x), (x.sum(1) + x[:, 0]).reshape(3, 1).expand((3, 4)))


def test_what_is_refused() -> None:
    x = normal(3, 2)
    parameter = nn.Parameter(bs.zeros(2, dtype=bs.float64))
    for f, what in [
        (lambda a: a * float(a[0]), "value"),
        (lambda a: a if a[0] > 0 else -a, "value"),
        (lambda a: parameter.copy_(a), "one sample"),
        (lambda a: (a * parameter).sum().backward() or a, "one sample"),
    ]:
        with pytest.raises(bs.GraphError, match=what):
            vmap(f)(x)
    assert parameter.tolist() == [0, 0]
    assert parameter.grad is None
    for call, match in [
        (lambda: vmap(lambda a: 3)(x), "must only return Tensors"),
        (lambda: vmap(lambda a: a, in_dims=None)(x), "in_dims"),
        (lambda: vmap(lambda a: a, in_dims=2)(x), "range"),
        (lambda: vmap(lambda a: a)(bs.tensor(1.0)), "dimensionality 0"),
        (lambda: vmap(lambda a, b: a)(x, normal(2, 2)), "same size"),
        (lambda: vmap(lambda a, b: a, in_dims=(0,))(x, x), "structure of inputs"),
        (lambda: vmap(lambda a, b: a, in_dims=(None, None))(x, x), "at least one"),
        (lambda: vmap(lambda a, b: a, in_dims=(0, 0))(x, 3), "non-Tensor"),
        (lambda: vmap(lambda a: (a, a), out_dims=(0, 0, 0))(x), "structure of the outputs"),
        (lambda: vmap(lambda a: a, chunk_size=0), "chunk_size"),
    ]:
        with pytest.raises(ValueError, match=match):
            call()
    kept = []
    vmap(lambda a: kept.append(a) or a)(x)
    with pytest.raises(bs.GraphError):
        kept[0].numpy()


def test_nothing_stays() -> None:
    x = normal(4, 3)
    f = vmap(grad(lambda a: (a.exp() * a).sum()))
    f(x)
    before = bs._core.live_nodes()
    f(x)
    assert bs._core.live_nodes() == before
