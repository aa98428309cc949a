"""Files of PyTorch: what is in them, by files made by hand in the forms of all versions."""

from __future__ import annotations

import io
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import nn
from interop.torch_files import STATE, call, legacy, named, parts, pickled, put, tensor, zipped


def load(content: bytes) -> Any:
    return bs.load(io.BytesIO(content))


def of(opcodes: Any, **storages: Any) -> Any:
    """Read a value in both forms."""
    text = pickled(opcodes)
    found = load(zipped(pickle=text, storages=storages))
    if not storages:
        assert repr(load(legacy(pickle=text))) == repr(found)
    return found


@pytest.mark.parametrize(
    "content",
    [
        zipped(),
        zipped(order=None, version="2"),
        zipped(order="big"),
        legacy(),
    ],
    ids=["2.x", "1.6", "big-endian", "0.4 to 1.5"],
)
def test_a_state_dict_of_each_form(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    for found in (bs.load(path), bs.load(str(path), map_location="cpu"), load(content)):
        assert type(found) is OrderedDict
        assert list(found) == list(STATE)
        for name, array in STATE.items():
            assert found[name].dtype.name == array.dtype.name
            assert found[name].tolist() == array.tolist()
    with open(path, "rb") as file:
        model = nn.Linear(3, 2, bias=False)
        model.load_state_dict({"weight": bs.load(file)["weight"]})
    assert model.weight.tolist() == STATE["weight"].tolist()


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "b1"])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 0, 3), (2, 3, 4)])
def test_dtypes_and_shapes(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    for content in (zipped({"x": array}), zipped({"x": array}, order="big"), legacy({"x": array})):
        found = load(content)["x"]
        assert found.shape == shape
        assert found.dtype.name == array.dtype.name
        assert found.tolist() == array.tolist()


def test_bfloat16_and_booleans_of_other_bytes() -> None:
    bits = np.array([0x3F80, 0xC000], np.uint16)
    for order in ("little", "big"):
        text = pickled(tensor("BFloat16Storage", "0", 2, (2,), (1,)))
        found = load(zipped(pickle=text, order=order, storages={"0": bits}))
        assert found.dtype == bs.bfloat16
        assert found.tolist() == [1, -2]
    found = load(
        zipped(pickle=pickled(tensor("BoolStorage", "0", 3, (3,), (1,))), storages={"0": np.uint8([0, 1, 7])})
    )
    assert found.tolist() == [False, True, True]
    assert found.sum().item() == 2


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((4, 6), (6, 1), 0),
        ((6, 4), (1, 6), 0),
        ((4, 3), (6, 2), 1),
        ((2, 3), (6, 1), 7),
        ((4,), (7,), 0),
        ((5, 3), (0, 1), 2),
        ((3, 4, 2), (1, 6, 3), 0),
        ((20, 4), (1, 1), 0),
        ((1, 1, 4), (99, 0, 1), 3),
        ((), (), 23),
        ((3, 0), (1, 1), 0),
    ],
)
def test_strides(shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> None:
    base = np.arange(24.0)
    want = np.lib.stride_tricks.as_strided(base[offset:], shape, [8 * s for s in strides])
    both = [
        tensor("DoubleStorage", "0", 24, (24,), (1,)),
        tensor("DoubleStorage", "0", 24, shape, strides, offset),
    ]
    whole, part = of(both, **{"0": base})
    np.testing.assert_array_equal(part.numpy(), want)
    whole.zero_()  # they share the storage
    assert part.sum().item() == 0


def test_parameters_and_gradients() -> None:
    plain = tensor("FloatStorage", "0", 2, (2,), (1,))
    leaf = tensor("FloatStorage", "0", 2, (2,), (1,), requires_grad=True)
    parameter = call(
        named("torch._utils", "_rebuild_parameter"), plain, True, call(named("collections", "OrderedDict"))
    )
    pair = "FloatStorage", "0", 2, (2,), (1,)
    old = call(named("torch._utils", "_rebuild_tensor"), *parts(*pair)[:4])
    function = named("torch._utils", "_rebuild_tensor_v2")
    marked = call(
        named("torch._tensor", "_rebuild_from_type_v2"),
        function,
        named("torch", "Tensor"),
        parts(*pair),
        {"tag": 1},
    )
    found = of([plain, leaf, parameter, old, marked], **{"0": np.float32([1, 2])})
    assert [type(x).__name__ for x in found] == ["Tensor", "Tensor", "Parameter", "Tensor", "Tensor"]
    assert [x.requires_grad for x in found] == [False, True, True, False, False]
    assert all(x.tolist() == [1, 2] for x in found)
    found[2].sum().backward()
    assert found[2].grad.tolist() == [1, 1]


def test_dtypes_that_are_none_here() -> None:
    """Unsigned integers and floats of one byte come in the next dtype that holds them."""

    def rebuilt(dtype: str, count: int, size: int) -> bytes:
        given = parts("UntypedStorage", "0", count * size, (count,), (1,))
        return call(named("torch._utils", "_rebuild_tensor_v3"), *given, named("torch", dtype))

    for dtype, wide in (("uint16", "int32"), ("uint32", "int64"), ("uint64", "int64")):
        array = np.array([0, 1, 2**15 + 3], dtype)
        found = of(rebuilt(dtype, 3, array.itemsize), **{"0": array.view(np.uint8)})
        assert found.dtype.name == wide
        assert found.tolist() == array.tolist()
    with pytest.raises(ValueError, match="beyond the largest int64"):
        of(rebuilt("uint64", 1, 8), **{"0": np.uint8([255] * 8)})
    codes = np.uint8([0, 0x38, 0xB8, 0x7E, 1])
    assert of(rebuilt("float8_e4m3fn", 5, 1), **{"0": codes}).tolist() == [0, 1, -1, 448, 2**-9]
    with pytest.raises(bs.DTypeError, match="complex64, which backsweep does not have"):
        of(tensor("ComplexFloatStorage", "0", 1, (1,), (1,)), **{"0": np.zeros(1)})


def test_plain_values() -> None:
    values = {"a": [1, -1, 2**70, 0.5, None, True, "ä"], 3: (1, (2,)), (1, "b"): {"c": {}}}
    assert of(values) == values
    ordered, counter = named("collections", "OrderedDict"), named("collections", "Counter")
    assert of(call(ordered, [["k", 1]])) == OrderedDict(k=1)
    assert of(call(counter, {"k": 2})) == Counter(k=2)
    made = of(
        call(named("collections", "defaultdict"), named("__builtin__", "list")) + b"X\x01\0\0\0a](K\x01es"
    )
    assert isinstance(made, defaultdict)
    assert made["none"] == [] and made["a"] == [1]
    assert of(call(named("__builtin__", "set"), [1, 2])) == {1, 2}
    assert of(call(named("__builtin__", "complex"), 1.0, 2.0)) == 1 + 2j
    assert of(call(named("_codecs", "encode"), "\xffa", "latin1")) == b"\xffa"
    assert of(call(named("torch", "Size"), (2, 3))) == (2, 3)
    assert of(call(named("torch", "device"), "cuda", 1)) == bs.device("cuda:1")
    assert of(named("torch", "float16")) == bs.float16
    assert of(b"U\x02ab") == "ab"  # a string of Python 2


def test_numbers_and_arrays_of_numpy() -> None:
    multiarray = "numpy.core.multiarray"
    f8 = (
        call(named("numpy", "dtype"), "f8", False, True)
        + b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    number = call(
        named(multiarray, "scalar"), f8, call(named("_codecs", "encode"), "\0\0\0\0\0\0\xf8?", "latin1")
    )
    assert of(number) == 1.5
    empty = call(
        named(multiarray, "_reconstruct"),
        named("numpy", "ndarray"),
        (0,),
        call(named("_codecs", "encode"), "b"),
    )
    raw = call(named("_codecs", "encode"), np.arange(4.0).tobytes().decode("latin1"), "latin1")
    array = of(empty + b"(K\x01K\x02K\x02\x86" + f8 + b"\x89" + raw + b"tb")
    assert isinstance(array, np.ndarray)
    assert array.tolist() == [[0, 1], [2, 3]]
    text = call(named("numpy", "dtype"), "O8", False, True)
    with pytest.raises(ValueError, match="arrays of numbers are read"):
        of(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            call(named("torch.nn.modules.linear", "Linear")),
            r"torch.nn.modules.linear.Linear, which is code.*state_dict",
        ),
        (call(named("torch._utils", "_rebuild_sparse_tensor"), 1, 2), "sparse tensor.*to_dense"),
        (call(named("torch._utils", "_rebuild_qtensor"), 1, 2), "quantized tensor.*dequantize"),
        ([named("torch", "FloatStorage")], "torch.FloatStorage by itself"),
        ([named("torch", "uint16")], "torch.uint16 by itself"),
    ],
)
def test_what_is_refused_by_name(value: Any, text: str, tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(zipped(pickle=pickled(value)))
    with pytest.raises(ValueError, match=rf"^\[load\] {tmp_path}/x.pt .*{text}"):
        bs.load(tmp_path / "x.pt")
    with pytest.raises(ValueError, match=text):
        load(legacy(pickle=pickled(value)))


def test_other_archives() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "a")
    with pytest.raises(ValueError, match=r"not one of torch\.save"):
        load(file.getvalue())
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("m/data.pkl", pickled(1))
        archive.writestr("m/constants.pkl", pickled(()))
    with pytest.raises(ValueError, match=r"TorchScript.*state_dict"):
        load(file.getvalue())
    with pytest.raises(ValueError, match="pickle of Python"):
        load(pickled({"a": 1}))
    with pytest.raises(ValueError, match=r"before version 0\.1\.10"):
        load(b"storages".ljust(257, b"\0") + b"ustar".ljust(300, b"\0"))
    with pytest.raises(ValueError, match="compressed"):
        load(zipped(compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(ValueError, match="the form 1002"):
        load(legacy(protocol=1002))


def test_where_tensors_shall_go() -> None:
    """All come to the CPU, as what most programs ask for does."""
    content = zipped()
    for place in (None, "cpu", bs.device("cpu"), lambda storage, place: storage, {"cuda:0": "cpu"}):
        assert bs.load(io.BytesIO(content), map_location=place, weights_only=False)["steps"].tolist() == [
            3,
            -1,
        ]
    for place in ("cuda", {"cuda:1": "cuda:0"}):
        with pytest.raises(RuntimeError, match="only"):
            bs.load(io.BytesIO(content), map_location=place)
    with pytest.raises(TypeError, match="map_location"):
        bs.load(io.BytesIO(content), map_location=3.5)


def test_parts_of_storages_and_of_a_gpu() -> None:
    """Before version 0.4 a storage might be a part of another; a tensor of a GPU comes to the CPU."""

    def part(begin: int, count: int) -> bytes:
        of = ("storage", named("torch.cuda", "FloatStorage"), "7", "cuda:0", 6, ("8", begin, count))
        hooks = call(named("collections", "OrderedDict"))
        return call(named("torch._utils", "_rebuild_tensor_v2"), put(of) + b"Q", 1, (2,), (1,), False, hooks)

    base = {"7": np.arange(6, dtype=np.float32)}
    assert load(legacy(pickle=pickled(part(2, 3)), storages=base)).tolist() == [3, 4]
    for begin, count in ((2, 2), (4, 3), (-1, 3)):
        with pytest.raises(ValueError, match=r"is broken|needs"):
            load(legacy(pickle=pickled(part(begin, count)), storages=base))
