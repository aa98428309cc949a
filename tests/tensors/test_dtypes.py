"""What dtypes hold and become: as PyTorch says."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import backsweep as bs

NAMES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")


def ours(name: str) -> bs.DType:
    dtype: bs.DType = getattr(bs, name)
    return dtype


@pytest.mark.peers
def test_promotion_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    for a, b in itertools.product(NAMES, NAMES):
        theirs = torch.promote_types(getattr(torch, a), getattr(torch, b))
        assert bs.promote_types(ours(a), ours(b)).name == str(theirs).removeprefix("torch."), (a, b)
        assert bs.can_cast(ours(a), ours(b)) == torch.can_cast(getattr(torch, a), getattr(torch, b)), (a, b)
        for m, n in itertools.product((0, 1), (0, 1)):
            mine = bs.result_type(bs.ones((2,) * m, dtype=ours(a)), bs.ones((2,) * n, dtype=ours(b)))
            x, y = (torch.ones((2,) * k, dtype=getattr(torch, t)) for k, t in ((m, a), (n, b)))
            assert mine.name == str(torch.result_type(x, y)).removeprefix("torch."), (a, b, m, n)
    for a, number, n in itertools.product(NAMES, (True, 2, 2.5), (0, 1)):
        mine = bs.result_type(bs.ones((2,) * n, dtype=ours(a)), number)
        theirs = torch.result_type(torch.ones((2,) * n, dtype=getattr(torch, a)), number)
        assert mine.name == str(theirs).removeprefix("torch."), (a, number, n)


@pytest.mark.peers
@pytest.mark.parametrize("name", NAMES[:9])
def test_limits_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    dtype, theirs = ours(name), getattr(torch, name)
    if dtype.is_floating_point:
        mine, peer = bs.finfo(dtype), torch.finfo(theirs)
        fields = ["bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"]
    else:
        mine, peer = bs.iinfo(dtype), torch.iinfo(theirs)
        fields = ["bits", "max", "min", "dtype"]
    assert [getattr(mine, f) for f in fields] == [getattr(peer, f) for f in fields]
    assert repr(mine) == repr(peer)
    assert dtype.is_signed == theirs.is_signed
    assert dtype.is_complex == theirs.is_complex


def test_limits() -> None:
    assert bs.finfo(bs.float32).eps == 2.0**-23
    assert bs.finfo().dtype == "float32"
    assert bs.iinfo(bs.uint8).max == 255
    assert bs.iinfo(bs.int64).min == -(2**63)
    wrong: Any
    for wrong in (lambda: bs.finfo(bs.int64), lambda: bs.iinfo(bs.float32), lambda: bs.iinfo(3)):
        with pytest.raises(TypeError, match="dtype"):
            wrong()
    assert bs.promote_types(bs.int8, bs.uint8) == bs.int16
    assert bs.result_type(bs.ones(1, dtype=bs.int32), 1.5) == bs.float32
    assert not bs.can_cast(bs.float32, bs.int64)
    with pytest.raises(TypeError, match="operand"):
        bs.result_type("a", 1)
