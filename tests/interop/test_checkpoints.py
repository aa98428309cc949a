"""What `bs.save` takes beside named tensors: modules, checkpoints that nest, open files. Files of PyTorch."""

from __future__ import annotations

import io
import pickle
from collections import Counter, OrderedDict, defaultdict, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn


def test_a_checkpoint_of_a_run(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    optimizer = bs.optim.Adam(model.parameters(), lr=0.1)
    model(bs.ones(4, 3)).sum().backward()
    optimizer.step()
    file = tmp_path / "run.pt"
    bs.save(
        {"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "best": None}, file
    )
    found = bs.load(file, map_location=bs.device("cpu"), weights_only=True)
    assert found["epoch"] == 3
    assert found["best"] is None
    twin = nn.Linear(3, 2)
    twin.load_state_dict(found["model"])
    assert twin.weight.tolist() == model.weight.tolist()
    other = bs.optim.Adam(twin.parameters())
    other.load_state_dict(found["optimizer"])
    for m, o in ((model, optimizer), (twin, other)):
        o.zero_grad()
        m(bs.ones(4, 3)).sum().backward()
        o.step()
    assert twin.weight.tolist() == model.weight.tolist()


@pytest.mark.parametrize(
    "value",
    [
        [bs.ones(2), {"a": (1, 2.5, "b", None, True), 3: bs.zeros(0, 2)}],
        (bs.tensor(1.5), float("inf")),
        {"a": {"b": bs.ones(1)}, "a.b": bs.zeros(1)},
        {"": bs.ones(2, dtype=bs.bfloat16), "__metadata__": {"__metadata__": bs.ones(1)}},
        {"loss": np.float64(0.5), "x": bs.ones(1), "n": 2**80},
        bs.arange(3),
    ],
)
def test_what_nests_comes_back(value: Any, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    bs.save(value, buffer)
    bs.save(value, tmp_path / "x.safetensors")
    buffer.seek(0)

    def plain(v: Any) -> Any:
        if isinstance(v, bs.Tensor):
            return v.dtype.name, v.tolist()
        if isinstance(v, dict):
            return {k: plain(x) for k, x in v.items()}
        if isinstance(v, (list, tuple)):
            return type(v)(plain(x) for x in v)
        return v

    assert plain(bs.load(buffer)) == plain(bs.load(tmp_path / "x.safetensors")) == plain(value)


def test_the_state_of_a_module_says_that_it_is_no_module(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    bs.save(model, tmp_path / "model.safetensors", metadata={"note": "a"})
    state = bs.load(tmp_path / "model.safetensors")
    assert isinstance(state, dict)
    assert bs.interop.read_metadata(tmp_path / "model.safetensors") == {"note": "a"}
    model.load_state_dict(state)
    for name in ("eval", "parameters", "to"):
        with pytest.raises(AttributeError, match=r"state of a Sequential, not the module.*load_state_dict"):
            getattr(state, name)
    assert dict(pickle.loads(pickle.dumps(state))).keys() == state.keys()


def test_other_programs_read_the_tensors(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    bs.save({"model": {"w": bs.ones(2)}, "epoch": 1}, tmp_path / "x.safetensors")
    assert load_file(tmp_path / "x.safetensors")["model.w"].tolist() == [1, 1]


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"model": nn.Linear}, "'model' is a .*code is not saved"),
        ({"a": [1, object()]}, r"'a'\[1\] is a builtins.object"),
        ({"a": {frozenset(): bs.ones(1)}}, "keys, and what is in sets, are strings or numbers"),
        ({"a": {bs.ones(1)}}, "keys, and what is in sets, are strings or numbers"),
        ({"a": Point(1, 2)}, r"'a' is a Point, a class.*_asdict"),
        ({"a": defaultdict(lambda: 1)}, "defaultdict of"),
        (lambda: 1, "what is saved is a builtins.function.*code is not saved"),
        ({"a": np.datetime64("2020-01-01")}, "'a' is a datetime.date"),
    ],
)
def test_what_cannot_be_saved(value: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=text):
        bs.save(value, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_what_holds_itself(tmp_path: Path) -> None:
    around: list[Any] = [1]
    around.append({"a": around})
    deep: list[Any] = []
    for _ in range(10000):
        deep = [deep]
    for value, text in ((around, "holds itself"), (deep, "too deeply")):
        with pytest.raises(ValueError, match=text):
            bs.save(value, tmp_path / "x")
    twice = [1]
    assert again([twice, twice]) == [[1], [1]]


def again(value: Any) -> Any:
    buffer = io.BytesIO()
    bs.save(value, buffer)
    buffer.seek(0)
    return bs.load(buffer)


@pytest.mark.parametrize(
    "value",
    [
        3,
        None,
        "ä\ud800",
        {1, 2.5, "a", (1, b"b")},
        frozenset({True}),
        {(1, ("a", None)): b"\xff", b"k": bytearray(b"ab"), bs.float32: 1 - 2j},
        OrderedDict(b=1, a=2),
        Counter("aab"),
        [bs.float16, bs.device("cuda:1"), -0.0],
        {"epoch": np.int64(3), "best": np.float32(0.5), "done": np.bool_(True)},
    ],
)
def test_plain_values(value: Any) -> None:
    found = again(value)
    assert found == value
    assert type(found) is type(value)
    if isinstance(value, dict):
        assert list(found) == list(value)


def test_defaults_of_a_dict() -> None:
    found = again({"seen": defaultdict(list, a=[1]), "none": defaultdict(None)})
    assert found["seen"]["new"] == [] and found["seen"]["a"] == [1]
    assert found["none"].default_factory is None


def test_arrays_come_back_as_arrays() -> None:
    given = {
        "x": np.arange(3, dtype=">u2"),
        "n": {"y": np.eye(2)[:, ::-1], "u": np.array(2**64 - 1, np.uint64)},
    }
    found = again(given)
    for array, want in ((found["x"], given["x"]), *((found["n"][k], given["n"][k]) for k in "yu")):
        assert type(array) is np.ndarray
        assert array.dtype == want.dtype.newbyteorder("=")
        np.testing.assert_array_equal(array, want)
        array += 1  # of its own


def test_parameters_leaves_and_order() -> None:
    """What requires a gradient does again; tensors come in the order in which they were given."""
    weight = nn.Parameter(bs.ones(2))
    given = {
        "z": weight,
        "frozen": nn.Parameter(bs.ones(1), requires_grad=False),
        "b": bs.ones(3).requires_grad_(),
    }
    given |= {"a": bs.zeros(1, dtype=bs.float64), "again": weight, "computed": weight * 2}
    found = again(given)
    assert list(found) == list(given)
    assert [type(v) for v in found.values()] == [type(v) for v in given.values()]
    assert [v.requires_grad for v in found.values()] == [True, False, True, False, True, True]
    assert found["z"] is found["again"]
    assert found["computed"].is_leaf
    state = again(nn.Linear(3, 2).double().state_dict())
    assert list(state) == ["weight", "bias"]


def test_tensors_share_their_memory_again(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    base = bs.arange(12.0).view(3, 4)
    half = bs.arange(4).bfloat16()
    given = {"row": base[1], "base": base, "turned": base.t(), "steps": base[:, ::2], "copy": base.clone()}
    given |= {"half": half, "part": half[1:3], "wide": base[0, :1].expand(3)}
    bs.save(given, tmp_path / "x")
    found = bs.load(tmp_path / "x")
    for name, tensor in given.items():
        assert found[name].tolist() == tensor.tolist(), name
    found["base"].zero_()
    assert [name for name in ("row", "turned", "steps", "copy", "wide") if not found[name].any()] == [
        "row",
        "turned",
        "steps",
        "wide",
    ]
    found["half"][1] = 9
    assert found["part"].tolist() == [9, 2]
    bs.save({"base": base, "turned": base.t()}, tmp_path / "x")
    assert load_file(tmp_path / "x")["turned"].tolist() == base.t().tolist()  # other readers find them all


def test_notes_that_save_has_not_written(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    for note in (
        "{",
        "[",
        '["list"]',
        '["call", [1]]',
        '["tensor", "b"]',
        '["dict", [[["dict", []], 1]]]',
        "[" * 9999,
    ):
        save_file({"a": np.ones(2)}, tmp_path / "x", metadata={"backsweep.structure": note})
        with pytest.raises(ValueError, match=r"^\[load\] .*x has a note 'backsweep.structure'"):
            bs.load(tmp_path / "x")
    for shared in ("{", '{"a": ["b", 0, [1]]}', '{"a": ["a", 1, [1]]}', '{"a": ["a", 0, [-1]]}', '{"a": 1}'):
        save_file({"a": np.ones(2)}, tmp_path / "x", metadata={"backsweep.shared": shared})
        with pytest.raises(ValueError, match=r"^\[load\] .*x has a "):
            bs.load(tmp_path / "x")
