"""What `bs.save` takes beside named tensors: modules, checkpoints that nest, open files. Files of PyTorch."""

from __future__ import annotations

import io
import pickle
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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"model": nn.Linear}, "'model' is a .*code is not saved"),
        ({"a": [1, {2, 3}]}, r"'a'\[1\] is a builtins.set"),
        ({"a": {(1, 2): bs.ones(1)}}, "keys are strings or numbers"),
        (lambda: 1, "takes a Module"),
        (3, "takes a Module"),
    ],
)
def test_what_cannot_be_saved(value: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=text):
        bs.save(value, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_files_of_pytorch_and_other_ones(tmp_path: Path) -> None:
    for start in (b"PK\x03\x04abc", b"\x80\x02}q\x00."):
        (tmp_path / "x.pth").write_bytes(start * 10)
        for f in (tmp_path / "x.pth", io.BytesIO(start * 10)):
            with pytest.raises(ValueError, match=r"torch\.save.*save_file"):
                bs.load(f)
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        bs.load(io.BytesIO(b"12345"))
    with pytest.raises(TypeError, match="or a binary file"):
        bs.load(3)
    with pytest.raises(TypeError, match="or a binary file"):
        bs.save({"a": bs.ones(1)}, 3)
    bs.save({"a": bs.ones(1)}, tmp_path / "a")
    with pytest.raises(RuntimeError, match="only"):
        bs.load(tmp_path / "a", map_location="cuda")
