"""Transforms of vectors, matrices and parts; transforms to the regions of constraints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import distributions as D
from backsweep.distributions import constraints
from backsweep.distributions.constraint_registry import ConstraintRegistry

close = np.testing.assert_allclose
X = bs.tensor(np.random.default_rng(0).normal(size=(2, 3)))
SQUARE = bs.tensor(np.random.default_rng(1).normal(size=(2, 3, 3)))

BIJECTIVE: dict[str, tuple[D.Transform, bs.Tensor]] = {
    "stick": (D.StickBreakingTransform(), X),
    "corr": (D.CorrCholeskyTransform(), X),
    "reshape": (D.ReshapeTransform((3,), (3, 1)), X),
    "cat": (D.CatTransform([D.ExpTransform(), D.AffineTransform(1.0, -2.0)], dim=-1, lengths=[1, 2]), X),
    "cat_of_rows": (D.CatTransform([D.ExpTransform(), D.identity_transform], dim=0), X),
    "cat_of_vectors": (
        D.CatTransform([D.StickBreakingTransform(), D.StickBreakingTransform()], dim=0, lengths=[1, 1]),
        X,
    ),
    "stack": (D.StackTransform([D.ExpTransform(), D.TanhTransform(), D.SigmoidTransform()], dim=-1), X),
    "cdf": (D.CumulativeDistributionTransform(D.Normal(bs.tensor(0.2, dtype=bs.float64), 1.5)), X),
}


@pytest.mark.parametrize("name", BIJECTIVE)
def test_inverses_regions_and_shapes(name: str) -> None:
    transform, x = BIJECTIVE[name]
    y = transform(x)
    assert transform.bijective and bool(transform.codomain.check(y).all())
    close(transform.inv(y).numpy(), x.numpy(), rtol=1e-9, atol=1e-12)
    close(bs.compile(lambda x: transform.inv(transform(x)))(x).numpy(), x.numpy(), rtol=1e-9, atol=1e-12)
    if not name.startswith(("cat", "stack")):
        assert transform.forward_shape(x.shape) == y.shape and transform.inverse_shape(y.shape) == x.shape
    cached = transform.with_cache()
    z = cached(x)
    assert cached is not transform and bs.equal(z, y)
    assert cached.with_cache() is cached


def flat(name: str, y: bs.Tensor) -> bs.Tensor:
    """The coordinates of one y that are free."""
    if name == "stick":
        return y[..., :-1]
    return D.utils.tril_matrix_to_vec(y, diag=-1) if name == "corr" else y.flatten()


@pytest.mark.parametrize("name", ["stick", "corr", "reshape", "cat", "stack", "cdf"])
def test_jacobians(name: str) -> None:
    transform, x = BIJECTIVE[name]
    found = transform.log_abs_det_jacobian(x, transform(x))
    for i, row in enumerate(x):
        jacobian = bs.autograd.functional.jacobian(lambda v: flat(name, transform(v)), row)
        want = bs.linalg.slogdet(jacobian).logabsdet.item()
        got = found[i].sum().item() if name in ("cat", "stack", "cdf") else found[i].item()
        assert got == pytest.approx(want, rel=1e-9, abs=1e-12)


def test_jacobians_of_parts() -> None:
    """As PyTorch's: those of parts along the axis of a batch, or their sum along that of an event."""
    rows = BIJECTIVE["cat_of_vectors"][0]
    assert rows.log_abs_det_jacobian(X, rows(X)).shape == (2,)
    single = D.CatTransform([D.StickBreakingTransform(), D.StickBreakingTransform()], -1, [2, 1])
    y = bs.cat([D.StickBreakingTransform()(X[:, :2]), D.StickBreakingTransform()(X[:, 2:])], -1)
    with pytest.raises(bs.ShapeError, match=r"CatTransform.*\(2, 5\).*3 elements"):
        single.inv(y)
    with pytest.raises(bs.ShapeError, match=r"StackTransform.*axis 0 it must have 3"):
        BIJECTIVE["stack"][0].__class__([D.ExpTransform()] * 3, dim=0)(X)
    with pytest.raises(ValueError, match="2 transforms and 1 lengths"):
        D.CatTransform([D.ExpTransform()] * 2, lengths=[3])
    with pytest.raises(TypeError, match="tseq is of Transforms"):
        D.StackTransform([abs])  # type: ignore[list-item]


def test_matrices_and_softmax() -> None:
    lower = D.LowerCholeskyTransform()(SQUARE)
    close(
        lower.diagonal(dim1=-2, dim2=-1).log().numpy(), SQUARE.diagonal(dim1=-2, dim2=-1).numpy(), rtol=1e-12
    )
    assert bool(constraints.lower_cholesky.check(lower).all())
    close(D.LowerCholeskyTransform().inv(lower).numpy(), SQUARE.tril().numpy(), rtol=1e-12)
    definite = D.PositiveDefiniteTransform()(SQUARE)
    close(definite.numpy(), (lower @ lower.mT).numpy(), rtol=1e-12)
    close(D.PositiveDefiniteTransform().inv(definite).numpy(), SQUARE.tril().numpy(), rtol=1e-6, atol=1e-9)
    shares = D.SoftmaxTransform()(X)
    close(shares.numpy(), X.softmax(-1).numpy())
    close(D.SoftmaxTransform().inv(shares).softmax(-1).numpy(), shares.numpy(), rtol=1e-12)
    assert D.SoftmaxTransform() == D.SoftmaxTransform() != D.StickBreakingTransform()
    assert D.PowerTransform(2.0) == D.PowerTransform(bs.tensor(2.0)) != D.PowerTransform(3.0)
    line = D.AffineTransform(1.0, bs.tensor([2.0, 3.0]))
    assert line == D.AffineTransform(bs.tensor(1.0), bs.tensor([2.0, 3.0])) != D.AffineTransform(1.0, 2.0)
    assert D.ComposeTransform([D.ExpTransform(), line]) == D.ComposeTransform([D.ExpTransform(), line])
    assert len({line, D.AffineTransform(1.0, bs.tensor([2.0, 3.0])), D.AffineTransform(0.0, 1.0)}) == 2
    with pytest.raises(bs.ShapeError, match=r"D \(D - 1\) / 2"):
        D.CorrCholeskyTransform().forward_shape((4,))
    with pytest.raises(bs.ShapeError, match="different numbers of elements"):
        D.ReshapeTransform((2, 3), (5,))
    with pytest.raises(bs.ShapeError, match=r"last axes must be \(4,\)"):
        D.ReshapeTransform((4,), (2, 2))(X)


def test_equal_shares_of_sticks_far_out() -> None:
    assert D.StickBreakingTransform()(bs.zeros(4)).tolist() == pytest.approx([0.2] * 5, rel=1e-6)
    far = bs.tensor([30.0, -30.0, 5.0], dtype=bs.float64)
    y = D.StickBreakingTransform()(far)
    close(D.StickBreakingTransform().inv(y).numpy(), far.numpy(), rtol=1e-3)


@pytest.mark.parametrize("diag", [-2, -1, 0, 1, 2])
def test_triangles_as_vectors(diag: int) -> None:
    matrix = bs.arange(1.0, 33.0).reshape(2, 4, 4)
    vector = D.utils.tril_matrix_to_vec(matrix, diag)
    assert vector.numpy().tolist() == [m[np.tril_indices(4, diag)].tolist() for m in matrix.numpy()]
    assert bs.equal(D.utils.vec_to_tril_matrix(vector, diag), matrix.tril(diag))
    with pytest.raises(ValueError, match="fill no triangle"):
        D.utils.vec_to_tril_matrix(bs.ones(vector.shape[-1] + 1), diag)


REGIONS: list[Any] = [
    constraints.real,
    constraints.real_vector,
    constraints.positive,
    constraints.nonnegative,
    constraints.greater_than(bs.tensor([1.0, 2.0, -3.0])),
    constraints.greater_than_eq(2.0),
    constraints.less_than(-0.5),
    constraints.unit_interval,
    constraints.interval(-2.0, bs.tensor([1.0, 2.0, 3.0])),
    constraints.half_open_interval(-1.0, 4.0),
    constraints.simplex,
    constraints.corr_cholesky,
    constraints.independent(constraints.positive, 1),
    constraints.cat([constraints.positive, constraints.unit_interval], dim=-1, lengths=[1, 2]),
    constraints.stack([constraints.positive, constraints.real, constraints.less_than(0.0)], dim=-1),
]


@pytest.mark.parametrize("region", REGIONS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("registry", [D.biject_to, D.transform_to])
def test_regions_are_reached(registry: ConstraintRegistry, region: Any) -> None:
    transform = registry(region)
    free = X.detach().clone().requires_grad_()
    made = transform(free)
    assert bool(region.check(made).all())
    grad = bs.grad(made.square().sum(), free)
    assert bool(grad.isfinite().all())
    if registry is D.biject_to:
        assert transform.bijective
        close(transform.inv(made).detach().numpy(), X.numpy(), rtol=1e-6, atol=1e-9)


def test_regions_of_matrices() -> None:
    for region in (
        constraints.lower_cholesky,
        constraints.positive_definite,
        constraints.positive_semidefinite,
    ):
        assert bool(region.check(D.transform_to(region)(SQUARE)).all())
        with pytest.raises(NotImplementedError, match="no transform is registered"):
            D.biject_to(region)


def test_registries_of_ones_own() -> None:
    class Even(constraints.Constraint):
        pass

    mine = ConstraintRegistry()

    @mine.register(Even)
    def made(constraint: Even) -> D.Transform:
        return D.AffineTransform(0.0, 2.0)

    assert isinstance(mine(Even()), D.AffineTransform)
    with pytest.raises(NotImplementedError, match="Even"):
        D.biject_to(Even())
    with pytest.raises(TypeError, match="it must be a constraint"):
        mine.register(3, lambda c: D.ExpTransform())


def test_a_posterior_found_by_free_parameters() -> None:
    """The use that the registry is there for: fit a scale by descent over all numbers, compiled."""
    data = bs.tensor(np.random.default_rng(3).normal(0.5, 2.0, 400), dtype=bs.float32)
    free = bs.nn.Parameter(bs.zeros(2))
    optimizer = bs.optim.Adam([free], lr=0.1)
    to_scale = D.transform_to(D.Normal.arg_constraints["scale"])

    @bs.compile
    def step() -> bs.Tensor:
        optimizer.zero_grad()
        loss = -D.Normal(free[0], to_scale(free[1])).log_prob(data).mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    for _ in range(200):
        step()
    assert to_scale(free[1]).item() == pytest.approx(data.std(unbiased=False).item(), rel=1e-2)
