"""Files that PyTorch itself has written, of all dtypes, shapes and layouts."""

from __future__ import annotations

import io
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

FORMS: list[dict[str, Any]] = [
    {},
    {"pickle_protocol": 3},
    {"pickle_protocol": 5},
    {"_use_new_zipfile_serialization": False},
    {"_use_new_zipfile_serialization": False, "pickle_protocol": 4},
]
DTYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
DTYPES += ["uint16", "uint32", "uint64"]
BYTES = ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"]


def again(value: Any, form: dict[str, Any]) -> Any:
    file = io.BytesIO()
    torch.save(value, file, **form)
    file.seek(0)
    return bs.load(file)


def same(ours: Any, theirs: Any) -> None:
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert ours.requires_grad == theirs.requires_grad
    name = str(theirs.dtype).removeprefix("torch.")
    wide = {"uint16": "int32", "uint32": "int64", "uint64": "int64"} | dict.fromkeys(BYTES, "float32")
    assert ours.dtype.name == wide.get(name, name)
    theirs = theirs.detach().to(getattr(torch, wide.get(name, name)))
    np.testing.assert_array_equal(np.array(ours.detach().tolist()), np.array(theirs.tolist()))


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_tensors(form: dict[str, Any]) -> None:
    shapes: list[tuple[int, ...]] = [(), (0,), (7,), (3, 1), (2, 0, 3), (2, 3, 4)]
    tensors = {}
    for dtype in DTYPES:
        for shape in shapes:
            tensors[f"{dtype} {shape}"] = torch.randint(0, 100, shape).to(getattr(torch, dtype))
    for dtype in BYTES:
        tensors[dtype] = torch.arange(256, dtype=torch.uint8).view(getattr(torch, dtype))
    base = torch.arange(48.0).view(4, 12)
    tensors |= {
        "base": base,
        "turned": base.t(),
        "steps": base[1::2, 3::4],
        "diagonal": base.diagonal(),
        "expanded": base[:, :1].expand(4, 5),
        "windows": base.view(-1).unfold(0, 5, 2),
        "leaf": torch.ones(3, requires_grad=True),
        "computed": torch.ones(3, requires_grad=True) * 2,
        "parameter": torch.nn.Parameter(base),
        "frozen": torch.nn.Parameter(torch.arange(3), requires_grad=False),
        "permuted": torch.arange(24).view(2, 3, 4).permute(2, 0, 1),
    }
    found = again(tensors, form)
    assert list(found) == list(tensors)
    for name, tensor in tensors.items():
        same(found[name], tensor)
        assert isinstance(found[name], nn.Parameter) == isinstance(tensor, torch.nn.Parameter)
    found["base"].zero_()
    assert not any(found[name].any() for name in ("turned", "steps", "diagonal", "expanded", "windows"))


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_plain_values(form: dict[str, Any]) -> None:
    values: dict[Any, Any] = {
        "numbers": [1, -1, 255, 65536, 2**40, -(2**70), 0.1, float("inf"), True, None, 1 - 2j],
        "texts": ["", "ä", "x" * 300, b"", b"\xff\x00", bytearray(b"ab")],
        "containers": [(), (1,), (1, 2, 3, 4), {1, "a"}, frozenset({2}), OrderedDict(a=1), Counter("aab")],
        "default": defaultdict(list, a=[1]),
        (1, ("a",)): {2: "int key", None: 1},
        "numpy": [np.float64(0.5), np.int32(7), np.bool_(True)],
        "size": torch.Size([2, 3]),
    }
    found = again(values, form)
    assert found == values
    assert [type(v) for v in found["containers"]] == [type(v) for v in values["containers"]]
    assert [type(v) for v in found["numpy"]] == [np.float64, np.int32, np.bool_]
    for array in (
        np.arange(6.0).reshape(2, 3).T,
        np.arange(3, dtype=">i4"),
        np.zeros((0, 2), bool),
        np.array(1.5),
    ):
        got = again(array, form)
        assert type(got) is np.ndarray
        assert got.dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(got, array)
    assert again([torch.float16, torch.device("cuda:1")], form) == [bs.float16, bs.device("cuda:1")]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_checkpoint_goes_on_here(form: dict[str, Any], tmp_path: Path) -> None:
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4), torch.nn.Linear(4, 1))
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.1)
    x = torch.randn(8, 3)

    def step(model: Any, by: Any, x: Any) -> float:
        by.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        by.step()
        return float(loss.detach())

    step(theirs, optimizer, x)
    state = {"epoch": 1, "model": theirs.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, tmp_path / "run.pth", **form)
    found = bs.load(tmp_path / "run.pth", map_location=lambda storage, place: storage)
    ours = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1))
    ours.load_state_dict(found["model"])
    adam = bs.optim.Adam(ours.parameters())
    adam.load_state_dict(found["optimizer"])
    for _ in range(3):
        assert step(ours, adam, bs.tensor(x.numpy())) == pytest.approx(step(theirs, optimizer, x), rel=1e-4)
    with pytest.raises(ValueError, match=r"holds torch\.nn\.modules.*state_dict"):
        again(theirs, form)
    for other in (torch.eye(2).to_sparse(), torch.ones(1, dtype=torch.complex64)):
        with pytest.raises((ValueError, bs.DTypeError), match="holds a"):
            again(other, form)


def test_files_without_checksums_and_of_torchscript() -> None:
    torch.serialization.set_crc32_options(False)
    try:
        assert again({"x": torch.arange(3)}, {})["x"].tolist() == [0, 1, 2]
    finally:
        torch.serialization.set_crc32_options(True)
    file = io.BytesIO()
    torch.save({"x": torch.arange(100)}, file)
    data = bytearray(file.getvalue())
    data[data.index(bytes(torch.arange(100).numpy().data)) + 9] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        bs.load(io.BytesIO(data))
