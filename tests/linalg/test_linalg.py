"""bs.linalg: values by what factors are for, derivatives by differences, errors, compiled programs."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import linalg
from driver import array

pytest.importorskip("scipy")

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]


def drawn(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def regular(*shape: int) -> Array:
    return drawn(*shape) + 3 * np.eye(shape[-1])


def positive(*shape: int) -> Array:
    x = drawn(*shape)
    return x @ np.swapaxes(x, -1, -2) + np.eye(shape[-1])


def symmetric(x: bs.Tensor) -> bs.Tensor:
    return (x + x.transpose(-1, -2)) / 2


SQUARES = [(4, 4), (2, 3, 3)]
# Of vectors, whose signs are free, squares.
CASES: dict[str, tuple[Function, list[Array]]] = {
    "inv": (linalg.inv, [regular(2, 3, 3)]),
    "solve": (linalg.solve, [regular(2, 3, 3), drawn(2, 3, 2)]),
    "solve_broadcast": (linalg.solve, [regular(3, 3), drawn(2, 3, 2)]),
    "solve_vector": (linalg.solve, [regular(3, 3), drawn(3)]),
    "solve_right": (lambda a, b: linalg.solve(a, b, left=False), [regular(3, 3), drawn(2, 3)]),
    "solve_ex": (lambda a, b: linalg.solve_ex(a, b).result, [regular(3, 3), drawn(3, 2)]),
    "triangular": (lambda a, b: linalg.solve_triangular(a, b, upper=True), [regular(3, 3), drawn(3, 2)]),
    "triangular_unit": (
        lambda a, b: linalg.solve_triangular(a, b, upper=False, left=False, unitriangular=True),
        [regular(3, 3), drawn(2, 3)],
    ),
    "cholesky": (lambda a: linalg.cholesky(symmetric(a)), [positive(2, 3, 3)]),
    "cholesky_upper": (lambda a: linalg.cholesky(symmetric(a), upper=True), [positive(3, 3)]),
    "cholesky_solve": (bs.cholesky_solve, [drawn(3, 2), regular(3, 3)]),
    "cholesky_inverse": (lambda a: bs.cholesky_inverse(a, True), [regular(3, 3)]),
    "qr": (linalg.qr, [drawn(2, 4, 3)]),
    "qr_wide": (linalg.qr, [drawn(3, 5)]),
    "lu": (lambda a: linalg.lu(a)[1:], [drawn(4, 4)]),
    "lu_tall": (lambda a: linalg.lu(a)[1:], [drawn(5, 3)]),
    "lu_wide": (lambda a: linalg.lu(a)[1:], [drawn(2, 3, 5)]),
    "lu_solve": (lambda a, b: linalg.lu_solve(*linalg.lu_factor(a), b), [drawn(3, 3), drawn(3, 2)]),
    "lu_solve_adjoint": (
        lambda a, b: linalg.lu_solve(*linalg.lu_factor(a), b, left=False, adjoint=True),
        [drawn(3, 3), drawn(2, 3)],
    ),
    "eigh": (lambda a: [t * t for t in linalg.eigh(symmetric(a))], [positive(2, 3, 3)]),
    "eigvalsh": (lambda a: linalg.eigvalsh(symmetric(a)), [positive(3, 3)]),
    "svd": (lambda a: [t * t for t in linalg.svd(a, False)], [drawn(3, 3)]),
    "svd_tall": (lambda a: [t * t for t in linalg.svd(a, False)], [drawn(2, 4, 2)]),
    "svd_wide": (lambda a: [t * t for t in bs.svd(a)], [drawn(2, 4)]),
    "svdvals": (linalg.svdvals, [drawn(3, 4)]),
    "det": (linalg.det, [drawn(2, 3, 3)]),
    "det_singular": (linalg.det, [np.arange(9.0).reshape(3, 3)]),
    "slogdet": (lambda a: linalg.slogdet(a).logabsdet, [drawn(2, 3, 3)]),
    "logdet": (bs.logdet, [positive(3, 3)]),
    "pinv": (linalg.pinv, [drawn(2, 4, 3)]),
    "pinv_wide": (linalg.pinv, [drawn(2, 4)]),
    "lstsq": (lambda a, b: linalg.lstsq(a, b).solution, [drawn(4, 2), drawn(4, 3)]),
    "matrix_exp": (linalg.matrix_exp, [drawn(2, 3, 3)]),
    "matrix_power": (lambda a: linalg.matrix_power(a, 5), [drawn(3, 3)]),
    "matrix_power_negative": (lambda a: linalg.matrix_power(a, -2), [regular(3, 3)]),
    "multi_dot": (
        lambda *t: linalg.multi_dot(t),
        [drawn(3), drawn(3, 4, seed=1), drawn(4, 2, seed=2), drawn(2, seed=3)],
    ),
    "householder_product": (linalg.householder_product, [drawn(4, 3), drawn(3)]),
    "tensorinv": (linalg.tensorinv, [drawn(2, 3, 3, 2)]),
    "tensorsolve": (linalg.tensorsolve, [drawn(2, 3, 6), drawn(2, 3)]),
    "vander": (linalg.vander, [drawn(2, 3)]),
    "diagonal": (lambda a: linalg.diagonal(a, offset=1), [drawn(2, 3, 4)]),
    "vecdot": (lambda x, y: linalg.vecdot(x, y, dim=0), [drawn(3, 2), drawn(3, 2)]),
    "vector_norm": (lambda x: linalg.vector_norm(x, 3, dim=0), [drawn(3, 2)]),
    "vector_norm_inf": (lambda x: linalg.vector_norm(x, float("inf")), [drawn(3, 2)]),
    "matrix_norm": (linalg.matrix_norm, [drawn(2, 3, 4)]),
    "matrix_norm_nuc": (lambda a: linalg.matrix_norm(a, "nuc", (0, 2)), [drawn(2, 3, 4)]),
    "matrix_norm_1": (lambda a: linalg.norm(a, 1, keepdim=True), [drawn(3, 4)]),
    "cond": (lambda a: linalg.cond(a, "fro"), [regular(3, 3)]),
    "cond_2": (linalg.cond, [drawn(4, 3)]),
    "cross": (linalg.cross, [drawn(2, 3), drawn(2, 3)]),
}


def total(fn: Function, at: list[bs.Tensor]) -> bs.Tensor:
    """A sum of all outputs with different weights."""
    made = fn(*at)
    outputs = [made] if isinstance(made, bs.Tensor) else made
    terms = [
        (bs.tensor(np.cos(np.arange(y.numel())).reshape(y.shape)) * y).sum()
        for y in outputs
        if y.dtype == bs.float64
    ]
    return sum(terms[1:], terms[0])


def slope(fn: Function, inputs: list[Array], create_graph: bool = False) -> tuple[bs.Tensor, list[bs.Tensor]]:
    at = [bs.tensor(x).requires_grad_() for x in inputs]
    total(fn, at).backward(create_graph=create_graph)
    grads = [x.grad for x in at]
    terms = [(g * np.sin(1 + np.arange(g.numel())).reshape(g.shape)).sum() for g in grads if g is not None]
    return sum(terms[1:], terms[0]), at


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name: str) -> None:
    """The first derivative by differences of values, the second by differences of the first."""
    fn, inputs = CASES[name]
    rng = np.random.default_rng(5)
    direction = [rng.normal(size=x.shape) for x in inputs]
    step = 1e-6

    def moved(by: float) -> list[Array]:
        return [x + by * d for x, d in zip(inputs, direction, strict=True)]

    def value(by: float) -> float:
        return float(total(fn, [bs.tensor(x) for x in moved(by)]))

    at = [bs.tensor(x).requires_grad_() for x in inputs]
    total(fn, at).backward()
    exact = sum(float((x.grad * bs.tensor(d)).sum()) for x, d in zip(at, direction, strict=True))
    np.testing.assert_allclose(exact, (value(step) - value(-step)) / (2 * step), 1e-5, 1e-5)

    first, at = slope(fn, inputs, create_graph=True)
    if not first.requires_grad:
        return  # linear
    for x in at:
        x.grad = None
    first.backward()
    exact = sum(
        float((x.grad * bs.tensor(d)).sum()) for x, d in zip(at, direction, strict=True) if x.grad is not None
    )
    difference = (float(slope(fn, moved(step))[0]) - float(slope(fn, moved(-step))[0])) / (2 * step)
    np.testing.assert_allclose(exact, difference, 1e-4, 1e-4)


@pytest.mark.parametrize("name", CASES)
def test_compiled(name: str) -> None:
    """Values and gradients of a program, run twice, are those of eager calls."""
    fn, inputs = CASES[name]

    def run(*given: bs.Tensor) -> list[bs.Tensor]:
        at = [t.detach().requires_grad_() for t in given]
        y = total(fn, at)
        y.backward()
        return [y, *(x.grad for x in at)]

    compiled = bs.compile(run)
    tensors = [bs.tensor(x) for x in inputs]
    for _ in range(2):
        for got, want in zip(compiled(*tensors), run(*tensors), strict=True):
            np.testing.assert_allclose(array(got), array(want), 1e-12, 1e-12)
    assert len(compiled.programs) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_factors_give_the_matrix(dtype: str) -> None:
    close = 1e-5 if dtype == "float32" else 1e-12
    for shape in [(4, 4), (2, 5, 3), (3, 5)]:
        a = drawn(*shape).astype(dtype)
        t = bs.tensor(a)
        q, r = linalg.qr(t)
        u, s, vh = linalg.svd(t, full_matrices=False)
        p, low, up = linalg.lu(t)
        for made in (q @ r, (u * s[..., None, :]) @ vh, p @ low @ up, t @ linalg.pinv(t) @ t):
            assert made.dtype == t.dtype
            np.testing.assert_allclose(array(made), a, close, close)
    full = linalg.svd(t)
    assert full.U.shape == (3, 3) and full.Vh.shape == (5, 5)
    assert linalg.qr(t.transpose(0, 1), mode="complete").Q.shape == (5, 5)
    assert linalg.qr(t, mode="r").Q.shape == (0,)
    a = positive(2, 3, 3).astype(dtype)
    values, vectors = linalg.eigh(bs.tensor(a))
    np.testing.assert_allclose(
        array((vectors * values[..., None, :]) @ vectors.transpose(-1, -2)), a, close, close
    )
    low = linalg.cholesky(bs.tensor(a))
    np.testing.assert_allclose(array(low @ low.transpose(-1, -2)), a, close, close)
    assert linalg.cholesky(bs.tensor(a), upper=True).tolist() == low.transpose(-1, -2).tolist()


def test_ranks() -> None:
    a = np.diag([3.0, 1e-3, 0.0])
    assert linalg.matrix_rank(a).tolist() == 2
    assert linalg.matrix_rank(a, tol=0.1).tolist() == 1
    assert linalg.matrix_rank(a, rtol=1e-2).tolist() == 1
    assert linalg.matrix_rank(bs.tensor(np.stack([a, 0 * a])), hermitian=True).tolist() == [2, 0]
    assert linalg.lstsq(bs.tensor(a), bs.ones(3, 1, dtype=bs.float64)).rank.tolist() == 2


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_norms_of_matrices_are_numpys(ord: Any) -> None:
    a = drawn(3, 4)
    want = np.linalg.norm(a, ord)
    np.testing.assert_allclose(float(linalg.norm(bs.tensor(a), ord)), want, 1e-12)
    if ord is not None:
        turned = np.stack([a, 2 * a], 1)
        got = linalg.matrix_norm(bs.tensor(turned), ord, (0, 2), keepdim=True)
        assert got.shape == (1, 2, 1)
        np.testing.assert_allclose(array(got).ravel(), [want, 2 * want], 1e-12)
    square = regular(3, 3)
    np.testing.assert_allclose(float(linalg.cond(bs.tensor(square), ord)), np.linalg.cond(square, ord), 1e-9)


def test_norms_of_vectors() -> None:
    x = drawn(3, 4)
    for ord in (0, 1, 2, 3, -1, 0.5, np.inf, -np.inf):
        want = np.linalg.norm(x, ord, axis=1)
        np.testing.assert_allclose(array(linalg.vector_norm(bs.tensor(x), ord, 1)), want, 1e-12)
        np.testing.assert_allclose(array(linalg.norm(bs.tensor(x), ord, 1)), want, 1e-12)
        np.testing.assert_allclose(float(linalg.vector_norm(x, ord)), np.linalg.norm(x.ravel(), ord), 1e-12)
    zeros = bs.zeros(3).requires_grad_()
    linalg.vector_norm(zeros).backward()
    assert zeros.grad.tolist() == [0, 0, 0]
    assert float(linalg.cond(bs.ones(2, 2), 1)) == float("inf")
    assert linalg.vector_norm(bs.ones(2), dtype=bs.float64).dtype == bs.float64
    with pytest.raises(ValueError, match="ord"):
        linalg.matrix_norm(bs.eye(2), 3)


def test_errors_say_which_matrix() -> None:
    both = bs.tensor(np.stack([np.eye(2), np.ones((2, 2))]))
    for call in (linalg.inv, lambda a: linalg.solve(a, bs.ones(2, 1, dtype=bs.float64)), linalg.lu_factor):
        with pytest.raises(linalg.LinAlgError, match=r"^\[linalg\.\w+\] \(Batch element 1\)"):
            call(both)
    with pytest.raises(linalg.LinAlgError, match=r"^\[linalg.cholesky\] the matrix is not positive definite"):
        linalg.cholesky(bs.tensor(-np.eye(2)))
    assert issubclass(linalg.LinAlgError, RuntimeError)
    inverse, info = linalg.inv_ex(both)
    assert info.tolist() == [0, 2] and inverse[0].tolist() == [[1, 0], [0, 1]]
    assert linalg.cholesky_ex(bs.tensor(np.diag([1.0, -1.0]))).info.tolist() == 2
    result, info = linalg.solve_ex(both, bs.ones(2, 1, dtype=bs.float64))
    assert info.tolist() == [0, 2] and bool((result[1] != result[1]).sum() == 2)
    with pytest.raises(linalg.LinAlgError):
        linalg.inv_ex(both, check_errors=True)


def test_errors_in_programs() -> None:
    """Also at a later call, whose values are others."""
    f = bs.compile(linalg.inv)
    f(bs.eye(2))
    with pytest.raises(linalg.LinAlgError):
        f(bs.ones(2, 2))
    assert f(bs.eye(2)).tolist() == [[1, 0], [0, 1]]


def test_cofactors_of_a_batch_that_is_partly_singular() -> None:
    a = np.stack([np.eye(3) + np.arange(9.0).reshape(3, 3), np.arange(9.0).reshape(3, 3)])
    x = bs.tensor(a, requires_grad=True)
    linalg.det(x).sum().backward()
    minors = [[[np.delete(np.delete(m, i, 0), j, 1) for j in range(3)] for i in range(3)] for m in a]
    want = np.linalg.det(minors) * (-1.0) ** np.add.outer(range(3), range(3))
    np.testing.assert_allclose(x.grad.numpy(), want, atol=1e-12)
    regular = bs.tensor(a[0], requires_grad=True)
    linalg.det(regular).backward()
    np.testing.assert_allclose(regular.grad.numpy(), want[0], rtol=1e-12)


def test_determinants_beyond_float32_are_infinite_without_a_warning() -> None:
    x = bs.tensor(np.eye(40, dtype=np.float32) * 1e3, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = linalg.det(x)
        y.backward()
    assert y.item() == np.inf and np.isinf(np.diagonal(x.grad.numpy())).all()


def test_wrong_arguments() -> None:
    with pytest.raises(bs.ShapeError, match=r"^\[linalg.inv\] A is \(2, 3\)"):
        linalg.inv(bs.ones(2, 3))
    with pytest.raises(bs.ShapeError, match=r"^\[linalg.solve\].*\(3, 3\).*\(2, 1\)"):
        linalg.solve(bs.eye(3), bs.ones(2, 1))
    with pytest.raises(bs.DTypeError, match=r"^\[linalg.det\] A is .*int64"):
        linalg.det(bs.ones(2, 2, dtype=bs.int64))
    with pytest.raises(bs.DTypeError, match=r"^\[linalg.solve\]"):
        linalg.solve(bs.eye(2), bs.ones(2, 1, dtype=bs.float64))
    for call in (linalg.eig, linalg.eigvals):
        with pytest.raises(bs.DTypeError, match=r"complex.*bs.linalg.eig"):
            call(bs.eye(2))
    with pytest.raises(ValueError, match="mode"):
        linalg.qr(bs.eye(2), "full")
    with pytest.raises(bs.GraphError, match="complete"):
        linalg.qr(bs.ones(3, 2).requires_grad_(), "complete").R.sum().backward()


def test_without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What NumPy has goes on; the rest names the extra."""
    monkeypatch.setitem(sys.modules, "scipy.linalg", None)
    assert linalg.inv(bs.eye(2)).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(ImportError, match=r"^\[linalg.lu\] SciPy is needed.*backsweep\[linalg\]"):
        linalg.lu(bs.eye(2))


def test_nothing() -> None:
    """Matrices, and batches, without elements."""
    for shape in ((0, 0), (0, 3, 3)):
        a = bs.zeros(*shape)
        assert linalg.inv(a).shape == shape and linalg.cholesky(a).shape == shape
        assert linalg.eigh(a).eigenvectors.shape == shape and linalg.matrix_exp(a).shape == shape
        assert linalg.det(a).shape == shape[:-2] and linalg.lu_factor(a).LU.shape == shape
        assert linalg.solve_triangular(a, a, upper=True).shape == shape
    assert linalg.svd(bs.zeros(0, 3)).Vh.shape == (3, 3)
    assert linalg.pinv(bs.zeros(0, 3)).shape == (3, 0)
    assert linalg.matrix_power(bs.ones(2, 2), 0).tolist() == [[1, 0], [0, 1]]


def test_methods_and_old_names() -> None:
    a = bs.tensor(positive(3, 3))
    assert a.inverse().tolist() == linalg.inv(a).tolist()
    assert a.det().tolist() == linalg.det(a).tolist() and a.logdet().tolist() == bs.logdet(a).tolist()
    assert a.slogdet().sign.tolist() == 1
    assert a.cholesky(upper=True).tolist() == linalg.cholesky(a, upper=True).tolist()
    u, s, v = a.svd()
    np.testing.assert_allclose(array((u * s) @ v.transpose(0, 1)), array(a), 1e-12)
    assert bs.svd(a, compute_uv=False).U.tolist() == np.zeros((3, 3)).tolist()
    assert [t.shape for t in a.qr()] == [(3, 3), (3, 3)]
    np.testing.assert_allclose(array(a.pinverse()), array(a.inverse()), 1e-9)
    np.testing.assert_allclose(array(a.matrix_power(2)), array(a @ a), 1e-12)
    np.testing.assert_allclose(array(bs.lu_solve(a[:, :1], *a.lu())), array(bs.eye(3)[:, :1]), 1e-9, 1e-12)
    b = bs.tensor(drawn(3, 2))
    solution, _ = b.triangular_solve(a, upper=False)
    np.testing.assert_allclose(array(solution), array(linalg.solve_triangular(a, b, upper=False)), 1e-12)
    p, low, up = bs.lu_unpack(*bs.lu(a))
    np.testing.assert_allclose(array(p @ low @ up), array(a), 1e-12)
    wide = bs.tensor(drawn(4, 2))
    packed, tau = wide.geqrf()
    q = packed.orgqr(tau)
    np.testing.assert_allclose(array(q.transpose(0, 1) @ q), np.eye(2), 1e-12, 1e-12)
    np.testing.assert_allclose(array(bs.ormqr(packed, tau, wide, transpose=True))[2:], 0, atol=1e-12)
    assert type(linalg.qr(a)).__name__ == "linalg_qr" and bs._core.return_types.linalg_qr is type(
        linalg.qr(a)
    )


def test_the_nuclear_norm() -> None:
    x = drawn(2, 3, 4)
    t = bs.tensor(x)
    want = np.linalg.norm(x, "nuc", axis=(0, 2))
    made = [bs.norm(t, "nuc", (0, 2)), t.norm(p="nuc", axis=(0, 2)), bs.linalg.norm(t, "nuc", axis=(0, 2))]
    for m in [*made, bs.compile(lambda t: t.norm("nuc", (0, 2)))(t)]:
        np.testing.assert_allclose(array(m), want, 1e-12)
    kept = [bs.norm(t, "nuc", (0, 2), True), t.norm("nuc", (0, 2), keepdims=True)]
    kept.append(bs.linalg.matrix_norm(t, "nuc", axis=(0, 2), keepdims=True))
    assert [tuple(m.shape) for m in kept] == 3 * [(1, 3, 1)]
    out = bs.zeros(3, dtype=bs.float64)
    assert bs.norm(t, "nuc", (0, 2), out=out) is out
    np.testing.assert_allclose(array(out), want, 1e-12)
    np.testing.assert_allclose(float(t[0].norm("nuc")), np.linalg.norm(x[0], "nuc"), 1e-12)
    assert t[0].float().norm("nuc", dtype=bs.float64).dtype == bs.float64
    with pytest.raises(bs.ShapeError, match=r"\[norm\] input is \(2, 3, 4\), dim is None"):
        t.norm("nuc")
    leaf = bs.tensor(x[0], requires_grad=True)
    assert bs.autograd.gradcheck(lambda t: t.norm("nuc"), (leaf,))
    assert bs.autograd.gradgradcheck(lambda t: t.norm("nuc"), (leaf,))


def test_norms_take_axes_by_either_name() -> None:
    x = drawn(2, 3, 4)
    t = bs.tensor(x)
    np.testing.assert_allclose(array(t.norm(None, axis=0)), np.sqrt((x * x).sum(0)), 1e-12)
    assert bs.linalg.vector_norm(t, 1, axis=(0, 1), keepdims=True).shape == (1, 1, 4)
    assert t.float().norm(1, dtype=bs.float64).dtype == bs.float64
    for wrong in (
        lambda: t.norm(2, 0, axis=1),
        lambda: bs.linalg.norm(t, 2, 0, axis=1),
        lambda: bs.linalg.vector_norm(t, 2, 0, axis=1),
        lambda: bs.linalg.matrix_norm(t, "fro", (0, 1), axis=(1, 2)),
    ):
        with pytest.raises(TypeError, match="got two values for 'dim'"):
            wrong()


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_symmetric_factors(n: int) -> None:
    a = drawn(4, n, n)
    a = a + a.swapaxes(1, 2)
    a[:2, range(n), range(n)] = 0  # then blocks have two rows
    a[0] += n == 1
    a[1] += n == 1
    b = drawn(3, 4, n, 2)
    for dtype, tolerance in ((bs.float64, 1e-9), (bs.float32, 1e-2)):
        t, right = bs.tensor(a, dtype=dtype), bs.tensor(b, dtype=dtype)
        ld, pivots, info = linalg.ldl_factor_ex(t)
        assert pivots.dtype == info.dtype == bs.int32 and not int(info.sum())
        assert n < 3 or bool((pivots[:2] < 0).any())
        x = linalg.ldl_solve(ld, pivots, right)
        np.testing.assert_allclose(a @ array(x), b, tolerance, tolerance * float(abs(x).max()))
        again = bs.compile(lambda a, b: linalg.ldl_solve(*linalg.ldl_factor(a), b))(t, right)
        assert bs.equal(again, x)


def test_symmetric_factors_that_do_not_solve() -> None:
    zero = bs.zeros(2, 2, 2, dtype=bs.float64)
    zero[0] = bs.eye(2)
    assert linalg.ldl_factor_ex(zero).info.tolist() == [0, 1]
    with pytest.raises(linalg.LinAlgError, match=r"Batch element 1.*D\[1, 1\] is zero"):
        linalg.ldl_factor(zero)
    assert not bool(
        linalg.ldl_solve(*linalg.ldl_factor_ex(zero)[:2], bs.ones(2, 2, 1).double())[1].isfinite().any()
    )
    eye, one = bs.eye(2), bs.ones(2, 1)
    for wrong in ([3, 2], [0, 1], [1, -2], [-2, -1]):
        with pytest.raises(ValueError, match="are none of ldl_factor"):
            linalg.ldl_solve(eye, bs.tensor(wrong, dtype=bs.int32), one)
    with pytest.raises(bs.ShapeError, match=r"pivots is \(3,\)"):
        linalg.ldl_solve(eye, bs.ones(3, dtype=bs.int32), one)
    with pytest.raises(bs.DTypeError, match="it must be int32"):
        linalg.ldl_solve(eye, bs.ones(2), one)
    assert linalg.ldl_factor(bs.zeros(2, 0, 0)).LD.shape == (2, 0, 0)
