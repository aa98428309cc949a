"""Every public op on every dtype, as a function and in place: a result or an error."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import _core

DTYPES = ("bool_", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")
OPS = [op for op in _core.registry() if op["visibility"] != "hidden"]
REQUIRED: dict[str, Any] = {
    "int": (0, 7),
    "float": (0.5,),
    "bool": (False,),
    "dims": ((0,),),
    "sizes": ((2,),),
    "word": ("",),
}


def attributes(op: dict[str, Any]) -> list[dict[str, Any]]:
    """Some choices of those that the op requires; none where one is no number or word."""
    required = [a for a in op["attrs"] if a["required"]]
    choices = [a["words"][:1] or REQUIRED.get(a["type"], ()) for a in required]
    return [
        dict(zip((a["name"] for a in required), values, strict=True))
        for values in itertools.product(*choices)
    ]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_result_or_an_error(dtype: str) -> None:
    results = 0
    for shape, other, op in itertools.product(((), (2, 3), (0, 3)), (dtype, "int64", "float32"), OPS):
        for named in attributes(op):
            x, y = (_core.tensor(np.ones(shape, bool)).to(getattr(_core, name)) for name in (dtype, other))
            inputs = [i for i in op["inputs"] if not i["drawn"]]
            given = [[x, y] if i["many"] else y if k else x for k, i in enumerate(inputs)]
            calls = [lambda: getattr(_core.ops, op["name"])(*given, **named)]  # noqa: B023
            if op["underscored"]:
                calls += [lambda: getattr(x.clone(), op["name"] + "_")(*given[1:], **named)]  # noqa: B023
            for call in calls:
                try:
                    made = call()
                except (TypeError, ValueError, IndexError, RuntimeError):
                    continue
                assert isinstance(made, (bs.Tensor, tuple, bool)), op["name"]
                results += 1
    assert results > 300
