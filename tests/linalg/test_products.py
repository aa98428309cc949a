"""einsum, tensordot, chain_matmul; what ops do beyond their oracles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backsweep as bs
from driver import array

Shapes = list[tuple[int, ...]]


def drawn(shapes: Shapes) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=s) for s in shapes]


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(3, 4), (4, 5)]),
        ("bij,bjk", [(2, 3, 4), (2, 4, 5)]),
        ("...ij,...jk->...ik", [(2, 3, 4), (4, 5)]),
        ("i...,i...->...", [(3, 2, 1), (3, 4)]),
        ("...", [(2, 3)]),
        ("ii", [(3, 3)]),
        ("ii->i", [(3, 3)]),
        ("iji->j", [(3, 2, 3)]),
        ("ba", [(2, 3)]),
        ("Ab,bA -> ", [(2, 3), (3, 2)]),
        (" i , j -> i j ", [(3,), (4,)]),
        ("bn,anm,bm->ba", [(2, 5), (3, 5, 4), (2, 4)]),
        ("ij,ij->i", [(3, 4), (1, 4)]),
        ("a,ab,abc,bd->cd", [(2,), (2, 3), (2, 3, 4), (3, 5)]),
    ],
)
def test_einsum_is_numpys(equation: str, shapes: Shapes) -> None:
    given = drawn(shapes)
    # NumPy takes no axes of size 1 for a letter.
    wide = [np.broadcast_to(x, (3, 4)) if x.shape == (1, 4) else x for x in given]
    want = np.einsum(equation.replace(" ", ""), *wide)
    tensors = [bs.tensor(x) for x in given]
    for got in (bs.einsum(equation, *tensors), bs.einsum(equation, tensors)):
        assert got.shape == want.shape
        np.testing.assert_allclose(array(got), want, 1e-12, 1e-12)


def test_einsum_sums_over_dots_that_the_result_lacks() -> None:
    (x,) = drawn([(2, 3, 4)])
    np.testing.assert_allclose(array(bs.einsum("b...->b", bs.tensor(x))), x.sum((1, 2)), 1e-12)


def test_einsum_by_lists() -> None:
    x, y = drawn([(2, 3, 4), (4, 5)])
    a, b = bs.tensor(x), bs.tensor(y)
    np.testing.assert_allclose(array(bs.einsum(a, [0, 1, 2], b, [2, 3])), np.einsum("ijk,kl", x, y), 1e-12)
    made = bs.einsum(a, [..., 2], b, [2, 3], [3, ...])
    np.testing.assert_allclose(array(made), np.einsum("...k,kl->l...", x, y), 1e-12)


@pytest.mark.parametrize(
    ("equation", "says"),
    [
        ("ij", "names 1 operands, 2 are given"),
        ("ij,jk,kl", "names 3 operands"),
        ("i1,jk->ik", 'has "1"'),
        ("i.j,jk", r'has "\."'),
        ("ijk,jk", "operand 0 has 2 axes, 3 are named"),
        ("i,jk", "operand 0 has 2 axes, 1 are named"),
        ("......,jk", r"\.\.\. more than once"),
        ("ij,jk->im", "in no operand"),
        ("ij,jk->ii", "twice"),
    ],
)
def test_einsum_refuses(equation: str, says: str) -> None:
    with pytest.raises(ValueError, match=rf"^\[einsum\].*{says}"):
        bs.einsum(equation, bs.ones(2, 3), bs.ones(3, 4))


def test_einsum_refuses_sizes_that_differ() -> None:
    with pytest.raises(bs.ShapeError, match=r"^\[einsum\] operand 1 is \(4, 5\).*size 3"):
        bs.einsum("ij,jk", bs.ones(2, 3), bs.ones(4, 5))


def test_a_pair_is_one_product() -> None:
    """Without a batch, of any order of axes."""

    @bs.compile
    def f(x: bs.Tensor, y: bs.Tensor) -> bs.Tensor:
        return bs.einsum("ijk,kl->lij", x, y)

    f(bs.ones(2, 3, 4), bs.ones(4, 5))
    assert f.programs[0].text.count("matmul") == 1


def test_einsum_compiled_for_other_sizes() -> None:
    f = bs.compile(lambda x, y: bs.einsum("bij,bjk->bik", x, y))
    for n in (2, 3, 5):
        x, y = drawn([(n, 3, 4), (n, 4, n)])
        np.testing.assert_allclose(array(f(bs.tensor(x), bs.tensor(y))), x @ y, 1e-12)


def test_tensordot() -> None:
    x, y = drawn([(3, 4, 5), (4, 5, 2)])
    np.testing.assert_allclose(array(bs.tensordot(x, y)), np.tensordot(x, y), 1e-12)
    np.testing.assert_allclose(array(bs.tensordot(x, x[0, 0], 1)), np.tensordot(x, x[0, 0], 1), 1e-12)
    dims = ([2, 1], [1, 0])
    np.testing.assert_allclose(array(bs.tensordot(x, y, dims)), np.tensordot(x, y, dims), 1e-12)
    assert bs.tensordot(x, y, 0).shape == (3, 4, 5, 4, 5, 2)
    with pytest.raises(bs.ShapeError, match=r"^\[tensordot\].*sizes 5 and 4"):
        bs.tensordot(x, y, 1)
    with pytest.raises(ValueError, match="as many axes"):
        bs.tensordot(x, y, ([1, 2], [0]))


def test_products_of_integers() -> None:
    """Of any layout, and where sums wrap around."""
    x, y = np.arange(12).reshape(3, 4) - 5, np.arange(20).reshape(5, 4)
    for dtype in (np.int32, np.int64):
        a, b = bs.tensor(x.astype(dtype)), bs.tensor(y.astype(dtype))
        assert (a @ b.transpose(0, 1)).tolist() == (x @ y.T).tolist()
        assert (a[0] @ b[1]).tolist() == int(x[0] @ y[1])
        assert bs.mv(a, b[2]).tolist() == (x @ y[2]).tolist()
    big = bs.tensor(np.array([2**31 - 1, 2], np.int32))
    assert (big @ big).tolist() == ((2**31 - 1) ** 2 + 4 + 2**31) % 2**32 - 2**31


def test_addmm_with_beta_0_reads_no_input() -> None:
    x = bs.full((2, 2), float("nan"))
    made = bs.addmm(x, bs.ones(2, 3), bs.ones(3, 2), beta=0, alpha=2)
    assert made.tolist() == [[6.0, 6.0], [6.0, 6.0]]
    x = bs.ones(2)
    x.addmv_(bs.ones(2, 3), bs.ones(3), beta=2)
    assert x.tolist() == [5.0, 5.0]


def test_chain_matmul_takes_the_cheap_order() -> None:
    sizes = [(30, 2), (2, 40), (40, 3), (3, 20)]
    x = drawn(sizes)

    @bs.compile
    def f(*given: bs.Tensor) -> bs.Tensor:
        return bs.chain_matmul(*given)

    np.testing.assert_allclose(array(f(*map(bs.tensor, x))), x[0] @ x[1] @ x[2] @ x[3], 1e-12)
    assert "(2, 20) = matmul" in f.programs[0].text
