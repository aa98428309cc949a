"""Functions in Python that are methods of Tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pytest

import backsweep as bs
from backsweep import _core
from backsweep._methods import method
from backsweep._stubs.render import render

EXPECTED = '''\
    def of_a_test(
        self,
        dim: _int | None = None,
        *sizes: _int,
        how: Literal["sum", "none"] = "sum",
        many: Sequence[Tensor] = (),
        **rest: Any,
    ) -> tuple[Tensor, _int]:
        """Give x and dim."""
'''


def of_a_test(
    input: _core.Tensor,
    dim: int | None = None,
    *sizes: int,
    how: Literal["sum", "none"] = "sum",
    many: Sequence[_core.Tensor] = (),
    **rest: Any,
) -> tuple[_core.Tensor, int]:
    """Give x and dim."""
    return input, 0 if dim is None else dim


def test_a_function_becomes_a_method_that_the_stubs_know() -> None:
    assert method(of_a_test) is of_a_test
    try:
        for x in (bs.ones(2), bs.Parameter(bs.ones(2)), bs.Buffer(bs.ones(2))):
            value, dim = x.of_a_test(3)  # type: ignore[attr-defined]
            assert value is x
            assert dim == 3
        assert EXPECTED in render().replace("_core.", "")
    finally:
        del bs.Tensor.of_a_test  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["exp", "backward", "shape"])
def test_no_second_method_of_a_name(name: str) -> None:
    def again(x: _core.Tensor) -> _core.Tensor:
        return x

    again.__name__ = name
    with pytest.raises(TypeError, match=f"Tensor.{name} is there already"):
        method(again)
