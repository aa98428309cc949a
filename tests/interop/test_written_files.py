"""Files that PyTorch 1.13 has written (files/README.md): both forms, compared with what went into them."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn

FILES = Path(__file__).parent / "files"
FORMS = ["", "-legacy"]


def numbers(*shape: int, start: int = 0) -> Any:
    """Give the numbers of write_torch_files.py once more."""
    return ((np.arange(start, start + int(np.prod(shape))) % 13 - 6) / 4).astype(np.float32).reshape(shape)


def same(found: Any, want: Any) -> None:
    assert type(found) is bs.Tensor
    assert found.shape == np.shape(want)
    np.testing.assert_array_equal(found.tolist(), np.asarray(want).tolist())


@pytest.mark.parametrize("name", ["state", "state-legacy", "state-protocol4"])
def test_a_state_dict(name: str) -> None:
    shapes: dict[str, tuple[int, ...]] = {
        "first.weight": (4, 3),
        "first.bias": (4,),
        "norm.weight": (4,),
        "norm.bias": (4,),
        "last.weight": (1, 4),
        "last.bias": (1,),
        "norm.running_mean": (4,),
        "norm.running_var": (4,),
    }
    found = bs.load(FILES / f"{name}.pt")
    assert type(found) is OrderedDict
    assert set(found) == {*shapes, "norm.num_batches_tracked"}
    for place, (key, shape) in enumerate(shapes.items()):
        same(found[key], numbers(*shape, start=place))
    tracked = found["norm.num_batches_tracked"]
    assert (tracked.dtype, tracked.item()) == (bs.int64, 8)
    layer = nn.Linear(3, 4)
    layer.load_state_dict({key: found[f"first.{key}"] for key in ("weight", "bias")})
    same(layer(bs.ones(1, 3)).detach()[0], numbers(4, 3).sum(1) + numbers(4, start=1))


@pytest.mark.parametrize("form", FORMS)
def test_a_checkpoint_goes_on(form: str) -> None:
    """Three steps of Adam were taken there: a fourth one here gives what four in NumPy give."""
    found = bs.load(FILES / f"checkpoint{form}.pt")
    model = nn.Linear(3, 1)
    optimizer = bs.optim.Adam([{"params": [model.weight]}, {"params": [model.bias]}])
    schedule = bs.optim.lr_scheduler.StepLR(optimizer, 5)
    model.load_state_dict(found["model"])
    optimizer.load_state_dict(found["optimizer"])
    schedule.load_state_dict(found["schedule"])
    for p in model.parameters():
        p.grad = bs.tensor(numbers(*p.shape, start=3))
    optimizer.step()
    schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == schedule.get_last_lr() == [0.0625, 0.125]
    for start, (p, lr) in enumerate(zip(model.parameters(), (0.25, 0.5), strict=True)):
        value, mean, square = numbers(*p.shape, start=start).astype(np.float64), 0.0, 0.0
        for step in range(4):
            grad = numbers(*p.shape, start=step) + 0.125 * value
            mean, square = 0.9 * mean + 0.1 * grad, 0.999 * square + 0.001 * grad**2
            by = np.sqrt(square / (1 - 0.999 ** (step + 1))) + 1e-8
            value -= lr * 0.5 ** (step // 2) * mean / (1 - 0.9 ** (step + 1)) / by
        np.testing.assert_allclose(p.tolist(), value, rtol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_what_else_checkpoints_hold(form: str) -> None:
    found = bs.load(FILES / f"checkpoint{form}.pt")
    want = {
        "epoch": 3,
        "best": 0.1,
        "losses": [1.5, float("inf")],
        "options": {"name": "ä", "sizes": (3, 2), "flags": {"a", "b"}, "none": None, "yes": True},
        "seen": Counter("aab"),
        "rows": defaultdict(list, a=[1]),
        "numpy": np.float64(0.5),
        "shape": (2, 3),
        "dtype": bs.float16,
        "device": bs.device("cpu"),
    }
    assert {key: found[key] for key in want} == want
    assert all(type(found[key]) is type(value) for key, value in want.items())
    np.testing.assert_array_equal(found["order"], np.arange(6).reshape(2, 3).T)
    same(found["rng"], [0, 1, 2, 3, 4])
    assert found["rng"].dtype == bs.uint8


@pytest.mark.parametrize("form", FORMS)
def test_dtypes(form: str) -> None:
    found = bs.load(FILES / f"dtypes{form}.pt")
    floats = ["float64", "float32", "float16", "bfloat16"]
    assert list(found) == [*floats, "int64", "int32", "int16", "int8", "uint8", "bool"]
    for name, tensor in found.items():
        assert tensor.dtype.name == name
        whole = np.arange(5) if name != "bool" else np.arange(5) > 0
        same(tensor, numbers(5) if name in floats else whole)


@pytest.mark.parametrize("form", FORMS)
def test_layouts_and_kinds(form: str) -> None:
    found = bs.load(FILES / f"layouts{form}.pt")
    base = numbers(4, 6)
    want = {
        "base": base,
        "turned": base.T,
        "steps": base[1::2, 1::3],
        "diagonal": base.diagonal(),
        "expanded": np.broadcast_to(base[:, :1], (4, 3)),
        "row": base[2],
        "element": base[3, 5],
        "permuted": numbers(2, 3, 4).transpose(2, 0, 1),
        "scalar": 2.5,
        "empty": np.zeros(0),
        "hollow": np.zeros((2, 0, 3)),
    }
    for name, array in want.items():
        same(found[name], array)
    assert found["leaf"].is_leaf
    assert found["leaf"].requires_grad and found["computed"].requires_grad
    same(found["computed"].detach(), numbers(3) * 2)
    assert isinstance(found["parameter"], nn.Parameter) and isinstance(found["frozen"], nn.Parameter)
    same(found["parameter"].detach(), base)
    assert found["parameter"].requires_grad and not found["frozen"].requires_grad
    assert found["tied"][0] is found["tied"][1]
    found["base"].zero_()  # one storage, and views of it
    assert not any(
        found[name].any() for name in ("turned", "steps", "diagonal", "expanded", "row", "element")
    )
    assert not found["tied"][0].any()
