"""Files that are damaged or made to harm: an error or a load, nothing run, and little memory."""

from __future__ import annotations

import io
import json
import os
import random
import struct
import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from interop.torch_files import call, legacy, named, parts, pickled, put, tensor, zipped


def checkpoint() -> dict[str, Any]:
    weight = bs.arange(40.0).view(5, 8)
    state = {"weight": weight, "turned": weight.t(), "n": bs.tensor(3), "half": bs.ones(3).bfloat16()}
    return {"epoch": 3, "model": state, "seen": {"a", "b"}, "rates": [0.1, 0.2], "array": np.eye(3)}


def originals() -> dict[str, bytes]:
    file = io.BytesIO()
    bs.save(checkpoint(), file)
    plain = {"x": np.arange(40, dtype=np.float32).reshape(5, 8).T, "n": np.array(3)}
    return {"safetensors": file.getvalue(), "zip": zipped(plain), "legacy": legacy(plain)}


def mutated(content: bytes, r: random.Random) -> bytes:
    """Flip, cut, insert and repeat bytes, and write sizes that are wrong."""
    data = bytearray(content)
    for _ in range(r.choice([1, 1, 1, 2, 5])):
        at = r.randrange(len(data) or 1)
        kind = r.randrange(6)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << r.randrange(8)
        elif kind == 1:
            data[at : at + 1] = bytes([r.randrange(256)])
        elif kind == 2:
            del data[at : at + r.choice([1, 2, 8, 100, len(data)])]
        elif kind == 3:
            data[at:at] = r.choice([bytes([r.randrange(256)]), r.randbytes(9), data[at : at + 50]])
        elif kind == 4:
            form, most = r.choice([("<B", 2**8), ("<H", 2**16), ("<I", 2**32), ("<q", 2**63), ("<Q", 2**64)])
            value = r.choice([0, 1, most - 1, most // 2 - 1, most // 3])
            data[at : at + struct.calcsize(form)] = struct.pack(form, value)
        else:
            there = r.randrange(len(data) or 1)
            length = r.randrange(1, 40)
            data[at : at + length] = data[there : there + length]
    return bytes(data)


EVENTS: list[str] = []


def watch(event: str, arguments: Any) -> None:
    if event in (
        "exec",
        "compile",
        "os.system",
        "subprocess.Popen",
        "import",
        "os.exec",
        "open",
        "pickle.find_class",
    ):
        EVENTS.append(f"{event} {arguments}")


def outcome(content: bytes) -> str:
    """Load what may be broken; give how that ended. Anything but these errors is a fault."""
    try:
        bs.load(io.BytesIO(content))
    except (ValueError, TypeError) as error:
        if not str(error).startswith("[load] the file"):
            raise
        return type(error).__name__
    return "loaded"


def mutate_all(count: int, seed: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    for form, content in originals().items():
        assert outcome(content) == "loaded"
        for number in range(count):
            data = mutated(content, random.Random(f"{seed} {form} {number}"))
            tracemalloc.start()
            try:
                result = outcome(data)
            except Exception as error:
                error.add_note(f"{form}, seed {seed}, number {number}") if hasattr(
                    error, "add_note"
                ) else None
                raise
            finally:
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
            assert peak < 64 * len(content) + 2**18, (form, number, peak)
            counts[f"{form} {result}"] = counts.get(f"{form} {result}", 0) + 1
    return counts


PROGRAM = """
import json, resource, sys
from interop import test_hostile_files as hostile
hostile.outcome(b""), [hostile.outcome(c) for c in hostile.originals().values()]
size = resource.getpagesize() * int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (size + 2**27, size + 2**27))
sys.addaudithook(hostile.watch)
hostile.EVENTS.clear()
counts = hostile.mutate_all(int(sys.argv[1]), int(sys.argv[2]))
print(json.dumps([counts, hostile.EVENTS]))
"""


def in_a_child(count: int, seed: int) -> dict[str, int]:
    """Load damaged files in a process that cannot have much more memory, and that says what it runs."""
    path = os.pathsep.join([os.path.dirname(os.path.dirname(__file__)), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(count), str(seed)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    counts, events = json.loads(done.stdout)
    assert events == []
    return dict(counts)


def test_damaged_files() -> None:
    counts = in_a_child(100, 0)
    assert {"safetensors ValueError", "zip ValueError", "legacy ValueError"} <= counts.keys()


@pytest.mark.sweep
def test_many_damaged_files() -> None:
    print(in_a_child(4000, 1))


RUN = """
os system, posix system, builtins eval, __builtin__ eval, builtins getattr, builtins __import__, builtins map,
builtins type, builtins object, subprocess Popen, copyreg _reconstructor, copy_reg _reconstructor, torch load,
operator attrgetter, functools partial, importlib import_module, torch.storage _load_from_bytes, numpy load,
torch.hub load, backsweep load
"""
FUNCTIONS = [named(*text.split()) for text in RUN.split(",")]
ORDERED = call(named("collections", "OrderedDict"))
PLAIN = tensor("FloatStorage", "0", 2, (2,), (1,))
F8 = call(named("numpy", "dtype"), "f8", False, True)
HUGE = tensor("FloatStorage", "0", 2, (10**6, 10**6), (0, 0))
EMPTY = call(named("numpy.core.multiarray", "_reconstruct"), named("numpy", "ndarray"), (0,), "b")


def assembled(module: str, name: str) -> bytes:
    return put(module) + put(name) + b"\x93"


HOSTILE = {
    **{f"call {function[1:-1].decode()!r}": call(function, "touch ran") for function in FUNCTIONS},
    **{f"name {function[1:-1].decode()!r}": function for function in FUNCTIONS},
    "a name from the stack": call(assembled("os", "system"), "touch ran"),
    "a name that is put together": call(b"X\x02\0\0\0os" + b"X\x06\0\0\0system" + b"\x93", "touch ran"),
    "a name with dots": call(assembled("collections", "OrderedDict.__init__.__globals__"), "a"),
    "a name of a type": call(assembled("torch", "device.__class__"), "a"),
    "a name that is no text": put(1) + put(2) + b"\x93",
    "the old instance": b"(" + put("touch ran") + b"ios\nsystem\n",
    "the old object": b"(" + named("os", "system") + put("touch ran") + b"o",
    "an object with keywords": named("collections", "OrderedDict") + b")}\x92",
    "an extension": b"\x82\x01",
    "a buffer": b"\x97",
    "state of a dict": b"}" + put({"__class__": 1}) + b"b",
    "state of an OrderedDict": ORDERED + put({"__class__": 1}) + b"b",
    "state with slots": ORDERED + put((None, {"items": 1})) + b"b",
    "state of a tensor": PLAIN + put({"grad": 1}) + b"b",
    "state of a function": named("torch._utils", "_rebuild_tensor_v2") + put({"call": 1}) + b"b",
    "state of a dtype": F8 + put((3, "|", None, ("a",), {}, 8, 8, 0)) + b"b",
    "a dtype of objects": call(named("numpy", "dtype"), "O", False, True),
    "a dtype of records": call(named("numpy", "dtype"), "f8,i4", False, True),
    "a call of a call": call(PLAIN, 1),
    "a call without a tuple": named("collections", "OrderedDict") + put([1]) + b"R",
    "a call of a type": call(named("__builtin__", "list"), 3),
    "a string as a list": call(named("__builtin__", "list"), "abc"),
    "bytes by a number": call(named("__builtin__", "bytearray"), 10**12),
    "a codec": call(named("_codecs", "encode"), "abc", "rot13"),
    "a tensor by another function": call(
        named("torch._tensor", "_rebuild_from_type_v2"),
        named("collections", "OrderedDict"),
        named("torch", "Tensor"),
        (),
        {},
    ),
    "no storage": b"(" + put("module") + put(1) + b"tQ",
    "an identifier that is none": put(3) + b"Q",
    "a storage that is not there": tensor("FloatStorage", "7", 2, (2,), (1,)),
    "a storage by a path": tensor("FloatStorage", "../version", 2, (2,), (1,)),
    "a storage of more": tensor("FloatStorage", "0", 10**12, (2,), (1,)),
    "a storage of less than nothing": tensor("FloatStorage", "0", -2, (2,), (1,)),
    "a storage of another dtype": tensor("DoubleStorage", "0", 2, (2,), (1,)),
    "a tensor beyond its storage": tensor("FloatStorage", "0", 2, (3,), (1,)),
    "a tensor before its storage": tensor("FloatStorage", "0", 2, (1,), (1,), -1),
    "a negative size": tensor("FloatStorage", "0", 2, (-1,), (1,)),
    "a negative stride": tensor("FloatStorage", "0", 2, (2,), (-1,), 1),
    "sizes that overflow": tensor("FloatStorage", "0", 2, (2**62, 2**62), (0, 0)),
    "strides that overflow": tensor("FloatStorage", "0", 2, (2, 2), (2**63, 2**63)),
    "too many sizes": tensor("FloatStorage", "0", 2, (1,) * 10000, (1,) * 10000),
    "fewer strides than sizes": tensor("FloatStorage", "0", 2, (1, 1), (1,)),
    "a parameter as large as no file": call(named("torch._utils", "_rebuild_parameter"), HUGE, True, ORDERED),
    "a cast as large as no file": call(
        named("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"),
        HUGE,
        named("torch", "int8"),
        "cpu",
        False,
    ),
    "a parameter of a number": call(named("torch._utils", "_rebuild_parameter"), 1, True, ORDERED),
    "text longer than the file": b"X\xff\xff\xff\x7fabc",
    "text far longer than the file": b"\x8d" + b"\xff" * 7 + b"\x7fabc",
    "bytes far longer than the file": b"\x8e" + b"\xff" * 7 + b"\x7fabc",
    "an array of bytes, too": b"\x96" + b"\xff" * 7 + b"\x7fabc",
    "a long integer": b"\x8b\xff\xff\xff\x7fabc",
    "an integer of many digits": b"I" + b"9" * 3000 + b"\n",
    "nothing to take": b"0",
    "nothing behind a mark": b"(0",
    "no mark": b"t",
    "a memo that is not there": b"h\x07",
    "a list as a key": b"}](K\x01eK\x01s",
    "an item without a value": b"}(K\x01u",
    "items of a number": b"K\x01(K\x01e",
    "a list of a tensor": PLAIN + b"(K\x01e",
    "an array of other bytes": EMPTY + b"(K\x01K\x09\x85" + F8 + b"\x89C\x01atb",
    "text that is no text": b"X\x02\0\0\0\xff\xff",
    "no end": b"K\x01",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    storages = {"0": np.float32([1, 2])}
    text = pickled(HOSTILE[name])
    if name == "no end":
        text = text[:-1]
    for content in (zipped(pickle=text, storages=storages), legacy(pickle=text, storages=storages)):
        (tmp_path / "x.pt").write_bytes(content)
        with pytest.raises((ValueError, bs.DTypeError), match=rf"^\[load\] {tmp_path}/x\.pt (holds|has|is) "):
            bs.load(tmp_path / "x.pt", weights_only=False)
    assert os.listdir(tmp_path) == ["x.pt"]


def peak(content: bytes) -> float:
    """Give what loading takes at most, by the file's size."""
    outcome(content)
    tracemalloc.start()
    outcome(content)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / len(content)


MANY = 30000
ONES = b"B" + (1000).to_bytes(4, "little") + b"\1" * 1000  # 1000 bytes
LIST = named("__builtin__", "list")
ENCODE = named("_codecs", "encode")
BOMBS = {
    "empty dicts": b"(" + b"}" * MANY + b"t",
    "empty sets": b"(" + b"\x8f" * MANY + b"t",
    "tuples of tuples": b")" + b"\x85" * MANY,
    "lists in lists": b"]" * MANY + b"a" * (MANY - 1),
    "marks": b"(" * MANY,
    "tuples that double": b"K\x01\x85" + b"2\x86" * 60,
    "a list again and again": b"](K\x01eq\0(" + b"h\0" * MANY + b"t",
    "copies of a text": put("a" * 10000) + b"q\0(" + call(ENCODE, b"h\0") * 3000 + b"t",
    "copies of a list": b"](" + b"K\x01" * 1000 + b"eq\0(" + call(LIST, b"h\0") * 1000 + b"t",
    "memo": b"N" + b"".join(b"r" + (i * 7).to_bytes(4, "little") for i in range(MANY)),
    "sets of numbers": b"\x8f(" + b"".join(b"M" + i.to_bytes(2, "little") for i in range(MANY)) + b"\x90",
    "keys": b"}(" + b"".join(b"M" + i.to_bytes(2, "little") + b"N" for i in range(MANY)) + b"u",
    "wide text": put("a" * 40000 + "😀"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_pickles_that_grow(name: str) -> None:
    assert peak(zipped(pickle=pickled(BOMBS[name]))) < 64


def test_deep_keys_do_not_overflow_the_stack() -> None:
    for depth, text in ((600, "as a key"), (200000, "more than 32 times")):
        content = zipped(pickle=pickled(b"})" + b"\x85" * depth + b"K\x01s"))
        with pytest.raises(ValueError, match=text):
            bs.load(io.BytesIO(content))


def test_wide_keys_do_not_take_for_ever() -> None:
    """A tuple of tuples of tuples, each 400 times the same: 400^4 items to hash."""
    begin = b"(" + b"K\x01" * 400 + b"tq\x000"
    deeper = [b"(" + bytes([ord("h"), i]) * 400 + b"t" + bytes([ord("q"), i + 1]) + b"0" for i in range(3)]
    content = zipped(pickle=pickled(begin + b"".join(deeper) + b"}h\x03Ns"))
    with pytest.raises(ValueError, match="has tuple as a key"):
        bs.load(io.BytesIO(content))


def test_entries_upon_each_other() -> None:
    """A zip archive whose entries are all the same bytes is no larger when read."""
    size, count = 50_000, 200
    tensors = [tensor("ByteStorage", str(i), size, (size,), (1,)) for i in range(count)]
    raw = {str(i): np.zeros(size if i == 0 else 1, np.uint8) for i in range(count)}
    content = bytearray(zipped(pickle=pickled(tensors), storages=raw))
    entry = content.index(b"PK\x01\x02")  # of the directory: checksum, sizes, lengths, ..., place
    first = None
    while content[entry : entry + 4] == b"PK\x01\x02":
        name, extra, comment = struct.unpack("<HHH", content[entry + 28 : entry + 34])
        if b"/data/" in content[entry + 46 : entry + 46 + name]:
            first = first or content[entry + 42 : entry + 46]
            content[entry + 16 : entry + 28] = struct.pack("<III", 0, size, size)
            content[entry + 42 : entry + 46] = first
        entry += 46 + name + extra + comment
    with pytest.raises(ValueError, match="leaves the file"):
        bs.load(io.BytesIO(content))
    assert peak(bytes(content)) < 12


def test_copies_are_counted() -> None:
    """A storage as many dtypes, and an array's bytes in many arrays."""
    dtypes = [
        "float8_e5m2",
        "float8_e4m3fn",
        "float8_e5m2fnuz",
        "float8_e4m3fnuz",
        "uint16",
        "uint32",
        "int64",
    ]
    given = parts("UntypedStorage", "0", 2**16, (9,), (1,))
    rebuild = named("torch._utils", "_rebuild_tensor_v3")
    tensors = [call(rebuild, *given, named("torch", dtype)) for dtype in dtypes]
    assert peak(zipped(pickle=pickled(tensors), storages={"0": np.zeros(2**16, np.uint8)})) < 12
    state = (
        b"(K\x01M\xe8\x03\x85" + call(named("numpy", "dtype"), "u1", False, True) + b"\x89" + ONES + b"tq\1b"
    )
    many = b"(" + EMPTY + state + (EMPTY + b"h\1b") * 5000 + b"t"
    assert peak(zipped(pickle=pickled(many))) < 64
