"""The reverse sweep: any node by any node, to any order, in linear time and memory; gradients of leaves."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core, nn
from driver import DIFFERENTIABLE, REGISTRY, about, array, call, cases, is_float
from oracles import Case


def leaf(*values: float) -> bs.Tensor:
    return bs.tensor(np.array(values), requires_grad=True)


keep = functools.partial(bs.grad, retain_graph=True)


def numbers(tensor: bs.Tensor | None) -> list[float]:
    assert tensor is not None
    return array(tensor).tolist()


# ---- Any node by any node ----------------------------------------------------------------------------------


def test_by_intermediate_nodes() -> None:
    x = leaf(2.0, 3.0)
    a = x * x
    b = bs.exp(a * 0.1)
    c = (a * b).sum()
    # By a: through the product, and through b.
    e = np.exp(0.1 * np.array([4.0, 9.0]))
    at = np.array([4.0, 9.0])
    np.testing.assert_allclose(array(keep(c, a)), e + at * e * 0.1)
    np.testing.assert_allclose(array(keep(c, b)), at)
    np.testing.assert_allclose(array(keep(b.sum(), a)), 0.1 * e)
    np.testing.assert_allclose(array(keep(c, x)), (e + at * e * 0.1) * 2 * np.array([2.0, 3.0]))
    # Together, in any order, some twice.
    many = keep(c, [x, b, a, x, c])
    for got, want in zip(many, [keep(c, t) for t in (x, b, a, x, c)], strict=True):
        np.testing.assert_array_equal(array(got), array(want))
    assert numbers(keep(c, c)) == 1.0


def test_an_intermediate_node_does_not_cut_the_path_to_others() -> None:
    x = leaf(3.0)
    y = x * x
    z = (y * y).sum()
    by_y, by_x = bs.grad(z, [y, x])
    assert numbers(by_y) == [18.0]
    assert numbers(by_x) == [108.0]


def test_several_outputs_are_summed_with_weights() -> None:
    x = leaf(1.0, 2.0)
    y, z = x * 3.0, x * x
    ones = bs.ones(2, dtype=bs.float64)
    assert numbers(keep([y, z], x, [ones, ones * 10.0])) == [23.0, 43.0]
    assert numbers(keep([y.sum(), z.sum()], x)) == [5.0, 7.0]
    assert numbers(keep([y, z.sum()], x, [ones, None])) == [5.0, 7.0]
    # One of them depends on another.
    w = y * y
    assert numbers(keep([w, y], x, [ones, ones])) == [21.0, 39.0]
    assert numbers(keep([w, y], y, [ones, ones])) == [7.0, 13.0]
    assert numbers(keep([y, y], x, [ones, ones])) == [6.0, 6.0]


def test_diamonds_and_repeated_use() -> None:
    x = leaf(1.5)
    assert numbers(bs.grad((x * x).sum(), x)) == [3.0]
    assert numbers(bs.grad((x + x + x).sum(), x)) == [3.0]
    y = x
    for _ in range(30):
        y = y + y  # 2^30 paths
    assert numbers(bs.grad(y.sum(), x)) == [2.0**30]
    a, b = x * 2.0, x * 3.0
    assert numbers(bs.grad((a * b + a).sum(), x)) == [12 * 1.5 + 2]
    # One tensor as several operands of one op with a composed derivative.
    v = leaf(1.0, -2.0, 0.5)
    out = (
        _core.ops.layer_norm(v, v, v)[1].sum()
        + (_core.ops.layer_norm(v, v, v)[0] * leaf(1.0, 2.0, 3.0)).sum()
    )
    separate = [v.detach().requires_grad_() for _ in range(3)]
    same = _core.ops.layer_norm(*separate)
    parts = bs.grad(same[1].sum() + (same[0] * leaf(1.0, 2.0, 3.0)).sum(), separate)
    np.testing.assert_allclose(array(bs.grad(out, v)), sum(array(p) for p in parts), rtol=1e-12)


def test_outputs_beyond_the_first() -> None:
    """Where only the second or third output of an op has a gradient."""
    rng = np.random.default_rng(0)
    x = leaf(*rng.normal(size=4))
    weight, bias = leaf(*rng.normal(size=4)), leaf(*rng.normal(size=4))
    y, mean, rstd = _core.ops.layer_norm(x, weight, bias, eps=0.0)
    np.testing.assert_allclose(array(keep(mean.sum(), x)), 0.25)
    values = array(x)
    centred = values - values.mean()
    np.testing.assert_allclose(array(keep(rstd.sum(), x)), -centred / (4 * values.std() ** 3))
    assert keep(mean.sum(), weight, allow_unused=True) is None or not array(keep(mean.sum(), weight)).any()
    # All three together equal the sum of the parts.
    together = keep(y.sum() + 2.0 * mean.sum() + 3.0 * rstd.sum(), x)
    parts = [keep(t, x) for t in (y.sum(), 2.0 * mean.sum(), 3.0 * rstd.sum())]
    np.testing.assert_allclose(array(together), sum(array(p) for p in parts), atol=1e-12)
    # By an output other than the first, as an intermediate node.
    by_mean, by_rstd = keep((mean * mean * rstd).sum(), [mean, rstd])
    np.testing.assert_allclose(array(by_mean), 2 * array(mean) * array(rstd))
    np.testing.assert_allclose(array(by_rstd), array(mean) ** 2)


def test_unused_inputs() -> None:
    x, y = leaf(1.0), leaf(2.0)
    z = (x * 2.0).sum()
    with pytest.raises(bs.GraphError, match=r"^\[grad\] inputs\[1\]"):
        keep(z, [x, y])
    gx, gy = keep(z, [x, y], allow_unused=True)
    assert numbers(gx) == [2.0]
    assert gy is None
    later = x * 3.0  # made from x, but z does not depend on it
    assert keep(z, later, allow_unused=True) is None


def test_third_order() -> None:
    x = leaf(0.7, -1.2)
    y = bs.exp(x * x).sum()
    values = array(x)
    e = np.exp(values**2)
    want = [
        2 * values * e,
        (2 + 4 * values**2) * e,
        (12 * values + 8 * values**3) * e,
        (12 + 48 * values**2 + 16 * values**4) * e,
    ]
    for w in want:
        y = bs.grad(y, x, create_graph=True)
        np.testing.assert_allclose(array(y), w, rtol=1e-12)
        y = y.sum()


def test_hessian_is_symmetric() -> None:
    rng = np.random.default_rng(0)
    x = bs.tensor(rng.normal(size=(5, 4)))
    w = bs.tensor(rng.normal(size=(3, 4)), requires_grad=True)
    target = bs.tensor(rng.integers(0, 3, 5))
    loss = nn.functional.cross_entropy(_core.linear(x, w), target)
    first = keep(loss, w, create_graph=True).reshape(-1)
    hessian = np.stack([array(keep(first[i], w)).ravel() for i in range(12)])
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-15)
    assert np.linalg.eigvalsh(hessian).min() > -1e-12  # cross entropy is convex in the weights of one layer


def test_gradient_of_a_gradient_norm() -> None:
    """First derivatives inside a loss, whose own derivative needs second ones (a gradient penalty)."""
    x = leaf(1.0, 2.0)
    y = (x * x * x).sum()
    penalty = (bs.grad(y, x, create_graph=True).square()).sum()
    penalty.backward()
    np.testing.assert_allclose(array(x.grad), 2 * 3 * array(x) ** 2 * 6 * array(x))


def test_without_create_graph_nothing_is_recorded() -> None:
    x = leaf(1.0)
    first = bs.grad((x * x).sum(), x)
    assert not first.requires_grad
    with pytest.raises(bs.GraphError, match=r"^\[grad\]"):
        bs.grad(first.sum(), x)


def test_a_graph_may_be_swept_again() -> None:
    x = leaf(1.0, 2.0)
    y = bs.exp(x).sum()
    assert numbers(keep(y, x)) == numbers(keep(y, x))
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(array(x.grad), 2 * np.exp([1.0, 2.0]))


# ---- Leaves ------------------------------------------------------------------------------------------------


def test_gradients_add_up_in_leaves() -> None:
    x = leaf(1.0, 2.0)
    assert x.grad is None
    (x * 2.0).sum().backward()
    first = x.grad
    (x * x).sum().backward()
    assert numbers(x.grad) == [4.0, 6.0]
    assert numbers(first) == [4.0, 6.0]  # a name of the gradient, as long as the leaf has this one
    assert first is x.grad
    x.grad = None
    assert x.grad is None
    assert numbers(first) == [4.0, 6.0]
    (x * 3.0).backward(bs.tensor(np.array([1.0, 10.0])))
    assert numbers(x.grad) == [3.0, 30.0]


def test_backward_reaches_parameters_only_where_they_are_used() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    frozen = model[0].weight
    frozen.requires_grad = False
    model(bs.ones(2, 3)).sum().backward()
    assert frozen.grad is None
    assert all(p.grad is not None and p.grad.shape == p.shape for p in model.parameters() if p is not frozen)


def test_backward_keeps_no_graph_of_gradients() -> None:
    x = leaf(1.0)
    (x * x * x).sum().backward()
    assert not x.grad.requires_grad
    x.grad = None
    (x * x * x).sum().backward(create_graph=True)
    assert numbers(bs.grad(x.grad.sum(), x)) == [6.0]


def test_no_grad_and_detach() -> None:
    x = leaf(2.0)
    with bs.no_grad():
        y = x * x
        assert not bs.is_grad_enabled()
        with bs.enable_grad():
            z = x * x
    assert bs.is_grad_enabled()
    assert not y.requires_grad and z.requires_grad
    assert numbers(bs.grad((x * x.detach()).sum(), x)) == [2.0]

    @bs.no_grad()
    def plain(t: bs.Tensor) -> bs.Tensor:
        return t * t

    assert not plain(x).requires_grad
    with pytest.raises(ZeroDivisionError), bs.no_grad():
        raise ZeroDivisionError
    assert bs.is_grad_enabled()


def test_integers_and_conditions_carry_no_gradient() -> None:
    x = leaf(1.5, -0.5)
    assert not (x > 0.0).requires_grad
    assert not x.to(bs.int64).requires_grad
    assert numbers(bs.grad((x * (x > 0.0)).sum(), x)) == [1.0, 0.0]
    with pytest.raises(bs.DTypeError):
        bs.tensor([1, 2], requires_grad=True)


@pytest.mark.parametrize(
    ("act", "error", "says"),
    [
        (lambda x: bs.grad(x * 2.0, x), bs.GraphError, r"^\[grad\] output 0 is \(2,\).*sum or mean"),
        (lambda x: (x * 2.0).backward(), bs.GraphError, r"^\[backward\] output 0 is \(2,\)"),
        (lambda x: x.detach().sum().backward(), bs.GraphError, r"^\[backward\].*no history"),
        (lambda x: bs.grad(x.detach().sum(), x), bs.GraphError, r"^\[grad\].*no history"),
        (lambda x: bs.grad(x.sum(), bs.ones(2)), bs.GraphError, r"^\[grad\] inputs\[0\].*not used"),
        (lambda x: bs.grad(x * 2.0, x, bs.ones(3)), bs.ShapeError, r"^\[grad\] output 0 is \(2,\).*\(3,\)"),
        (lambda x: bs.grad([x.sum()], x, [None, None]), ValueError, r"^\[grad\].*1 outputs and 2"),
        (lambda x: bs.grad(x.sum(), "x"), TypeError, r"^\[grad\] inputs"),
        (lambda x: bs.grad(x.sum(), [x, 3]), TypeError, r"^\[grad\] inputs.*int"),
        (lambda x: bs.grad(3.0, x), TypeError, r"^\[grad\] outputs"),
    ],
)
def test_errors(act: Callable[[bs.Tensor], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        act(leaf(1.0, 2.0))


# ---- The lecture's example ---------------------------------------------------------------------------------


def test_xor_against_the_chain_rule() -> None:
    """A network of two layers on XOR: every derivative against the rule written out in NumPy."""
    rng = np.random.default_rng(3)
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([[-1.0], [1.0], [1.0], [-1.0]])
    w1, b1, w2, b2 = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=(1, 3)), rng.normal(size=1)

    parameters = [bs.tensor(p, requires_grad=True) for p in (w1, b1, w2, b2)]
    inputs = bs.tensor(x, requires_grad=True)
    hidden = bs.sigmoid(_core.linear(inputs, parameters[0], parameters[1]))
    score = _core.linear(hidden, parameters[2], parameters[3])
    loss = nn.functional.logistic_loss(score, bs.tensor(y), reduction="sum")

    h = 1 / (1 + np.exp(-(x @ w1.T + b1)))
    z = h @ w2.T + b2
    assert float(loss) == pytest.approx(np.log1p(np.exp(-y * z)).sum(), rel=1e-14)
    dz = -y / (1 + np.exp(y * z))  # the lecture's formula, with its sign
    dh = dz @ w2
    da = dh * h * (1 - h)
    want = {"w1": da.T @ x, "b1": da.sum(0), "w2": dz.T @ h, "b2": dz.sum(0), "x": da @ w1, "h": dh, "z": dz}
    got = bs.grad(loss, [*parameters, inputs, hidden, score])
    for (name, w), g in zip(want.items(), got, strict=True):
        np.testing.assert_allclose(array(g), w, rtol=1e-12, atol=1e-15, err_msg=name)


# ---- Long graphs -------------------------------------------------------------------------------------------


def chain(x: bs.Tensor, n: int) -> bs.Tensor:
    for _ in range(n):
        x = -x
    return x


def diamonds(x: bs.Tensor, n: int) -> bs.Tensor:
    for _ in range(n // 2):
        x = (-x) - x  # -2 x: two paths each
    return x


def seconds(build: Callable[[bs.Tensor, int], bs.Tensor], n: int) -> float:
    """Of building, sweeping and freeing n nodes."""
    nodes = _core.live_nodes()
    x = bs.tensor(0.0, requires_grad=True)
    start = time.perf_counter()
    y = build(x, n)
    assert _core.live_nodes() - nodes == n + 1
    g = bs.grad(y, x)
    assert _core.live_nodes() - nodes == n + 2  # the sweep keeps nothing but its result
    assert abs(float(g)) == (1.0 if build is chain else np.inf)  # 2^500,000
    del y
    assert _core.live_nodes() - nodes == 2
    return time.perf_counter() - start


@pytest.mark.parametrize("build", [chain, diamonds])
def test_a_million_nodes(
    build: Callable[[bs.Tensor, int], bs.Tensor], capsys: pytest.CaptureFixture[str]
) -> None:
    """Built, swept and freed without recursion. The ratio of times is printed: linear would be 10."""
    nodes = _core.live_nodes()
    ratio = 1 / seconds(build, 100_000) * seconds(build, 1_000_000)
    assert _core.live_nodes() == nodes
    with capsys.disabled():
        print(
            f"\n{build.__name__}: 10^6 nodes take {ratio:.1f} times 10^5; {_core.node_bytes(1, 1)} bytes each"
        )


def test_a_chain_through_second_derivatives() -> None:
    """Sweeps of sweeps are walked without recursion too."""
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    first = bs.grad((y * y).sum(), x, create_graph=True)
    assert numbers(bs.grad(first.sum(), x)) == [2.0]


def test_compositions_do_not_walk_the_history_of_other_operands() -> None:
    """The derivative of a backward op goes through its composition, here by x alone.

    Each weight's history is as long as there are layers before it.
    """

    def seconds(n: int) -> float:
        x, weight = bs.ones(4, 8).requires_grad_(), bs.ones(8).requires_grad_()
        total = bs.zeros(())
        for _ in range(n):
            weight = weight * 1.0
            total = total + _core.ops.layer_norm(x, weight)[0].square().sum()
        first = bs.grad(total, x, create_graph=True)
        start = time.process_time()
        bs.grad(first.square().sum(), x)
        return time.process_time() - start

    short, long = (min(seconds(n) for _ in range(2)) for n in (250, 2000))
    assert long < 2.5 * 8 * short, (short, long)


def test_operands_that_a_composition_is_not_asked_for_still_count_later() -> None:
    """Of the second derivative by x, the third by the weight."""
    rng = np.random.default_rng(0)
    x, w = (bs.tensor(rng.normal(size=s), requires_grad=True) for s in ((2, 3), (3,)))
    weights = bs.tensor(rng.normal(size=(2, 3)))

    def second(w: bs.Tensor) -> bs.Tensor:
        y = (_core.ops.layer_norm(x, w.exp())[0] * weights).square().sum()
        first = bs.grad(y, x, create_graph=True)
        return bs.grad((first * weights).sum(), x, create_graph=True).square().sum()

    (third,) = bs.grad(second(w), [w])
    direction, h = rng.normal(size=3), 1e-5
    up, down = (float(second(bs.tensor(array(w) + s * h * direction, requires_grad=True))) for s in (1, -1))
    np.testing.assert_allclose((array(third) * direction).sum(), (up - down) / (2 * h), rtol=1e-6)


# ---- What a graph keeps ------------------------------------------------------------------------------------

# Ops without a node of their own: their parts keep what these read, which is nothing.
AS_COMPOSED = {"cat", "mean", "narrow", "reshape", "stack"}
SLACK = 40_000  # of nodes, and of small buffers
VIEWS_OF_LARGE: dict[str, dict[str, object]] = {
    "reshape": {"shape": (400, 300)},
    "permute": {"dims": (1, 0)},
    "transpose": {"dim0": 0, "dim1": 1},
    "expand": {"shape": (2, 300, 400)},
    "as_strided": {"size": (400, 300), "stride": (1, 400)},
    "slice": {"dim": 0, "step": 2},
    "split": {"split_size_or_sections": 100},
    "chunk": {"chunks": 3},
    "unbind": {"dim": 1},
    "select": {"dim": 0, "index": 7},
    "narrow": {"dim": 1, "start": 3, "length": 300},
}


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in DIFFERENTIABLE
        if n in VIEWS_OF_LARGE
        or (
            (REGISTRY[n]["has_forward"] or REGISTRY[n]["view"] or n in AS_COMPOSED)
            and any(case.large for case in cases(n))
        )
    ],
)
def test_a_graph_keeps_only_what_its_derivatives_read(name: str) -> None:
    """Without handles, the buffers of an op's inputs and outputs live only if `reads` names them (or
    `compose` needs the inputs); and what lives is enough for the derivative."""
    op = REGISTRY[name]
    if name in VIEWS_OF_LARGE:
        case = Case((np.ones((300, 400)),), VIEWS_OF_LARGE[name])
    else:
        case = next(c for c in cases(name) if c.large)
    sources = [bs.tensor(x, requires_grad=x.dtype.kind == "f") for x in case.inputs]
    by = [t for t in sources if is_float(t)]

    def build() -> tuple[list[bs.Tensor], tuple[bs.Tensor, ...], list[bs.Tensor]]:
        # Copies, so that the inputs are intermediate values with buffers of their own.
        inputs = [bs.contiguous(t) if is_float(t) else t for t in sources]
        outputs = call(name, inputs, case.attrs)
        # Ends that hold the node and read none of its outputs.
        ends = [bs.sum(y.reshape(1, -1), 1) for y in outputs if y.requires_grad]
        return inputs, outputs, ends

    inputs, outputs, ends = build()
    ones = [bs.ones_like(y) for y in ends]
    want = bs.grad(ends, by, ones, allow_unused=True)
    read = [x for i, x in enumerate(inputs) if is_float(x) and (i in op["reads_inputs"] or op["has_compose"])]
    read += [y for k, y in enumerate(outputs) if k in op["reads_outputs"]]
    kept = 0 if name in AS_COMPOSED else sum(array(t).nbytes for t in read)
    del inputs, outputs, ends, read
    before = _core.allocated_bytes()
    ends = build()[2]
    now = _core.allocated_bytes() - before
    assert kept - SLACK <= now <= 1.3 * kept + SLACK + 1000 * len(ends), (
        f"{about(name, case)}: {now} bytes, {kept} are read"
    )
    for g, w in zip(bs.grad(ends, by, ones, allow_unused=True), want, strict=True):
        assert (g is None) == (w is None)
        if g is not None:
            np.testing.assert_array_equal(array(g), array(w))


def test_buffers_go_with_their_last_reader() -> None:
    """A chain of sums keeps no intermediate buffer; a chain of products keeps one per factor."""
    n = 100_000
    x = bs.zeros(n, requires_grad=True)
    before = _core.allocated_bytes()
    y = x
    for _ in range(50):
        y = y + 1.0
    assert _core.allocated_bytes() - before < 4 * n * 2
    y = x
    for _ in range(50):
        y = bs.exp(y)
    assert 50 * 4 * n <= _core.allocated_bytes() - before < 1.3 * 52 * 4 * n
    del y
    assert _core.allocated_bytes() - before < 100_000
