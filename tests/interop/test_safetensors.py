"""save and load: round trips, atomic writing, broken files."""

from __future__ import annotations

import errno
import io
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from backsweep.interop import read_metadata


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    bs.save(model, path, metadata={"note": "ä"})
    assert read_metadata(path) == {"note": "ä"}
    state = bs.load(path)
    assert set(state) == {"0.weight", "0.bias", "1.weight", "1.bias"}
    twin = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    twin.load_state_dict(state)
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_all_dtypes_and_layouts(tmp_path: Path) -> None:
    path = str(tmp_path / "x.safetensors")
    base = np.arange(6).reshape(2, 3)
    tensors = {
        "f32": bs.tensor(base.astype(np.float32)),
        "f64": bs.tensor(base.astype(np.float64)),
        "i32": bs.tensor(base.astype(np.int32)),
        "i64": bs.tensor(base),
        "bool": bs.tensor(base > 2),
        "f16": bs.tensor(base.astype(np.float16)),
        "i16": bs.tensor(base.astype(np.int16)),
        "i8": bs.tensor(base.astype(np.int8)),
        "u8": bs.tensor(base.astype(np.uint8)),
        "scalar": bs.tensor(np.float32(3)),
        "empty": bs.zeros((0, 2)),
        "turned": bs.tensor(base).transpose(0, 1),
        "numpy": base.T,
    }
    bs.save(tensors, path)
    loaded = bs.load(path)
    for name, tensor in tensors.items():
        want = np.asarray(tensor)
        got = np.asarray(loaded[name])
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
        assert got.shape == want.shape


def test_bfloat16(tmp_path: Path) -> None:
    """NumPy does not have it, nor has the package's NumPy part."""
    path = tmp_path / "x.safetensors"
    x = bs.tensor([[1.5, -2.0, 3e38]]).bfloat16()
    bs.save({"x": x, "n": bs.tensor(7), "empty": bs.zeros(0, 3, dtype=bs.bfloat16)}, path)
    loaded = bs.load(path)
    assert loaded["x"].dtype == loaded["empty"].dtype == bs.bfloat16
    assert loaded["x"].tolist() == x.tolist()
    assert loaded["empty"].shape == (0, 3)
    assert loaded["n"].item() == 7
    model = nn.Linear(3, 1)
    model.load_state_dict({"weight": x, "bias": bs.zeros(1, dtype=bs.bfloat16)})
    assert model.weight.tolist() == x.float().tolist()


def test_the_package_reads_what_is_written(tmp_path: Path) -> None:
    """Offsets, order and alignment as the format wants them."""
    from safetensors.numpy import load_file

    path = tmp_path / "x.safetensors"
    arrays = {
        "b": np.array([True]),
        "ä": np.arange(3.0),
        "h": np.float16([1, 2, 3]).reshape(3, 1),
        "z": np.array(5),
        "big": np.arange(4, dtype=">i4"),
        "none": np.zeros((0, 4), np.uint8),
    }
    bs.save(arrays, path, metadata={"k": "v"})
    found = load_file(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].shape == np.shape(array)
    assert int.from_bytes(path.read_bytes()[:8], "little") % 8 == 0


def test_a_failing_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.safetensors"
    bs.save({"a": bs.ones(2)}, path)

    def fail(*args: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        bs.save({"a": bs.zeros(2)}, path)
    monkeypatch.undo()
    assert bs.load(path)["a"].tolist() == [1.0, 1.0]
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.safetensors").touch()
    link = tmp_path / "link.safetensors"
    link.symlink_to("real.safetensors")
    bs.save({"a": bs.ones(2)}, link)
    assert link.is_symlink()
    assert bs.load(tmp_path / "real.safetensors")["a"].tolist() == [1.0, 1.0]


def test_wrong_arguments(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(TypeError, match="'a'"):
        bs.save({"a": {3.0: object()}}, path)
    with pytest.raises(TypeError, match="metadata"):
        bs.save({"a": bs.ones(1)}, path, metadata={"n": 3})  # type: ignore[dict-item]
    with pytest.raises(FileNotFoundError, match="no folder"):
        bs.save({"a": bs.ones(1)}, tmp_path / "none" / "x.safetensors")
    with pytest.raises(IsADirectoryError):
        bs.save({"a": bs.ones(1)}, tmp_path)
    assert not path.exists()


def test_broken_files(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(FileNotFoundError, match="safetensors"):
        bs.load(path)
    path.write_bytes(b"not a model")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        bs.load(path)
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        bs.load(io.BytesIO(b"12345"))
    bs.save({"a": bs.ones(100)}, path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        bs.load(path)


def with_dtype(kind: str, data: bytes, shape: tuple[int, ...]) -> bytes:
    header = json.dumps({"x": {"dtype": kind, "shape": shape, "data_offsets": (0, len(data))}}).encode()
    return len(header).to_bytes(8, "little") + header + data


def test_dtypes_that_are_none_here(tmp_path: Path) -> None:
    """Other integers and floats of one byte come in the next dtype that holds them."""
    for kind, wide in (("U16", "int32"), ("U32", "int64"), ("U64", "int64")):
        array = np.arange(6, dtype=f"<u{int(kind[1:]) // 8}").reshape(2, 3) * 9000
        for f in (tmp_path / "x", io.BytesIO()):
            content = with_dtype(kind, array.tobytes(), (2, 3))
            if isinstance(f, Path):
                f.write_bytes(content)
            else:
                f = io.BytesIO(content)
            found = bs.load(f)["x"]
            assert found.dtype.name == wide
            assert found.tolist() == array.tolist()
    for kind, codes, values in (
        ("F8_E4M3", (0x38, 0x7E, 0x01, 0xB8), (1, 448, 2**-9, -1)),
        ("F8_E5M2", (0x3C, 0x7B, 0x7C, 0x81), (1, 57344, math.inf, -(2**-16))),
        ("F8_E8M0", (127, 0, 254), (1, 2**-127, 2.0**127)),
    ):
        found = bs.load(io.BytesIO(with_dtype(kind, bytes(codes), (len(codes),))))["x"]
        assert found.dtype == bs.float32
        assert found.tolist() == list(values)
    (tmp_path / "x").write_bytes(with_dtype("U64", b"\xff" * 8, (1,)))
    with pytest.raises(ValueError, match="holds x, which has a uint64 beyond the largest int64"):
        bs.load(tmp_path / "x")
    with pytest.raises(bs.DTypeError, match="x is C64, which backsweep does not have"):
        bs.load(io.BytesIO(with_dtype("C64", bytes(8), (1,))))


@pytest.mark.peers
def test_pytorch_reads_and_writes_the_same(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    path = tmp_path / "x.safetensors"
    ours = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.LayerNorm(2))
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.LayerNorm(2))
    bs.save(ours, path)
    theirs.load_state_dict(load_file(path))
    x = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    want = theirs(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(bs.predict(ours, x), want, rtol=1e-5, atol=1e-6)
    torch.nn.init.ones_(theirs[0].weight)
    save_file(theirs.state_dict(), path)
    ours.load_state_dict(bs.load(path))
    assert ours[0].weight.tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize("kind", ["fifo", "link to fifo", "loop"])
def test_only_regular_files_are_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.safetensors"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link to fifo":
        os.mkfifo(tmp_path / "fifo")
        path.symlink_to("fifo")
    else:
        path.symlink_to(path.name)
    before = os.lstat(path)
    with pytest.raises(OSError, match=r"\[save\] .* is not a regular file"):
        bs.save({"a": bs.ones(1)}, path)
    assert os.lstat(path) == before
    if kind != "loop":
        with pytest.raises(OSError, match=r"\[load\] .* is not a regular file"):
            bs.load(path)


@pytest.mark.parametrize("dtype", ["complex64", "object", "U3", "M8[s]"])
def test_what_load_would_refuse_is_not_saved(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(TypeError, match=r"\[save\] 'a' is"):
        bs.save({"a": np.zeros(2, dtype)}, path)
    assert os.listdir(tmp_path) == []


def test_errors_of_writing_are_os_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match=r"\[save\].*cannot be written"):
        bs.save({"a": bs.ones(1)}, tmp_path / ("x" * 300))
    bs.save({"a": bs.ones(1)}, tmp_path / ("x" * 250))  # the draft's name is short
    assert len(os.listdir(tmp_path)) == 1

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(bs.interop.safetensors, "_write", full)
    with pytest.raises(OSError, match=r"\[save\] .*x cannot be written: no space left"):
        bs.save({"a": bs.ones(1)}, tmp_path / "x")
    assert len(os.listdir(tmp_path)) == 1


def test_paths(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path / "x.safetensors")
    bs.save({"a": bs.ones(1)}, path, metadata={"n": "1"})
    assert bs.load(path)["a"].tolist() == [1.0]
    assert read_metadata(path) == {"n": "1"}
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        bs.load(tmp_path)
    with pytest.raises(TypeError, match="PathLike"):
        bs.load(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="PathLike"):
        bs.save({"a": bs.ones(1)}, 3)  # type: ignore[arg-type]
