"""Files of `torch.save`: what their pickles may name, and the tensors made of it.

Source of both forms: torch/serialization.py and torch/_utils.py of PyTorch, whose functions the pickles name.
"""

from __future__ import annotations

import math
import re
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from backsweep import _core
from backsweep._core import DType, Parameter, Tensor
from backsweep._device import device
from backsweep.interop._archives import Legacy, Source, Zip
from backsweep.interop._layouts import DTYPES, Refused, as_tensor, itemsize, strided
from backsweep.interop._pickle import Name, Pickle, plain_key

__all__ = ["reader"]

_MAGIC = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")  # the first pickle of the older form is this number
_PROTOCOL = 1001
_ROOM = 8  # what may be copied, by the file's size: an expanded tensor has more elements than bytes
_SAVE = "in PyTorch, torch.save(model.state_dict(), path) writes what can be loaded"

# Kinds of elements, by PyTorch's storages and dtypes, in the words of the safetensors format.
_KINDS = {
    "Double": "F64",
    "Float": "F32",
    "Half": "F16",
    "BFloat16": "BF16",
    "Long": "I64",
    "Int": "I32",
    "Short": "I16",
    "Char": "I8",
    "Byte": "U8",
    "Bool": "BOOL",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
    **{name: name for name in ("QUInt8", "QInt8", "QInt32", "QUInt4x2", "QUInt2x4")},
}
_OTHER_DTYPES = {
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
    **{name: name for name in ("complex32", "complex64", "complex128", "float4_e2m1fn_x2")},
}
_OF_DTYPES = {dtype.name: kind for kind, dtype in DTYPES.items()} | _OTHER_DTYPES
_OTHER_TENSORS = {
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor: save x.to_dense()",
    "torch._utils._rebuild_qtensor": "a quantized tensor: save x.dequantize()",
    "torch._utils._rebuild_nested_tensor": "a nested tensor: save x.unbind()",
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor without values, of the device meta",
}
_BUILTINS: dict[str, Callable[..., Any]] = {
    "set": set,
    "frozenset": frozenset,
    "bytearray": bytearray,
    "complex": complex,
    "list": list,
    "dict": dict,
    "tuple": tuple,
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "bytes": bytes,
}


def reader(start: bytes) -> Callable[[IO[bytes], int], Any] | None:
    """Give what reads a file that begins so, if PyTorch has written it. It raises Refused and DTypeError."""
    if start[:4] == b"PK\x03\x04":
        return _read_zip
    if start[:1] == b"\x80":
        return _read_legacy if _MAGIC in start[:24] else _refuse_pickle
    return _refuse_tar if start[257:262] == b"ustar" else None


def _refuse_pickle(file: IO[bytes], size: int) -> Any:
    raise Refused(f"is a pickle of Python and no file of torch.save; what is in it is not run: {_SAVE}")


def _refuse_tar(file: IO[bytes], size: int) -> Any:
    raise Refused(
        "is a tar archive, as PyTorch wrote them before version 0.1.10: load it there with "
        "torch.load(path, weights_only=False) and save it anew"
    )


def _read_zip(file: IO[bytes], size: int) -> Any:
    source = Zip(file, size)
    return _checked(_Reader(source, size).pickle(source.pickle, 0).read())


def _read_legacy(file: IO[bytes], size: int) -> Any:
    data = file.read()
    at = 0
    head = []
    for _ in range(3):  # the magic number, the form's version, sizes of the machine that wrote it
        part = _Reader().pickle(data, at)
        head.append(part.read())
        at = part.at
    if head[1] != _PROTOCOL:
        raise Refused(f"has the form {head[1]!r} and not {_PROTOCOL}")
    # Storages come after the pickle that needs them. So it is read twice: first for their sizes.
    first = _Reader()
    part = first.pickle(data, at)
    part.read()
    rest = _Reader().pickle(data, part.at)
    keys = rest.read()
    return _checked(_Reader(Legacy(data, rest.at, keys, first.sizes), size).pickle(data, at).read())


def _checked(value: Any) -> Any:
    """Give a value if all in it is plain."""
    rest, seen = [value], set()
    while rest:
        value_in = rest.pop()
        if isinstance(value_in, (Name, _Storage)):
            raise Refused(f"holds {value_in.text} by itself, which backsweep does not have: {_SAVE}")
        if isinstance(value_in, (dict, list, tuple, set, frozenset)) and id(value_in) not in seen:
            seen.add(id(value_in))
            rest += value_in.values() if isinstance(value_in, dict) else value_in
    return value


class _Storage:
    """A storage that a pickle names, or a part of one."""

    text = "a storage"

    def __init__(self, key: str, kind: str | None, begin: int, count: int) -> None:
        self.key, self.kind, self.begin, self.count = key, kind, begin, count


class _Reader:
    """Answers what a pickle of PyTorch asks. Without a source tensors stand for themselves, and are empty."""

    def __init__(self, source: Source | None = None, size: int = 0) -> None:
        self.sizes: dict[str, int] = {}  # bytes of an element, by storage
        self._source = source
        self._room = _ROOM * size
        self._flat: dict[tuple[str, str], Tensor] = {}
        self._names: dict[str, Any] = {
            "torch._utils._rebuild_tensor": self._tensor,
            "torch._utils._rebuild_tensor_v2": self._tensor,
            "torch._utils._rebuild_tensor_v3": self._tensor_of_dtype,
            "torch._utils._rebuild_parameter": self._parameter,
            "torch._utils._rebuild_parameter_with_state": self._parameter,
            "torch._utils._rebuild_device_tensor_from_numpy": self._from_numpy,
            "torch._utils._rebuild_xla_tensor": self._from_numpy,
            "torch._utils._rebuild_device_tensor_from_cpu_tensor": self._from_tensor,
            "torch._tensor._rebuild_from_type": self._of_type,
            "torch._tensor._rebuild_from_type_v2": self._of_type,
            "torch.nn.parameter.Parameter": self._parameter,
            "torch.nn.parameter.Buffer": self._same,
            "torch.Tensor": self._same,
            "torch.Size": tuple,
            "torch.device": device,
            "torch.serialization._get_layout": self._layout,
            "collections.OrderedDict": self._ordered,
            "collections.Counter": self._counter,
            "collections.defaultdict": self._default,
            "_codecs.encode": self._bytes,
            "numpy.ndarray": None,
            "numpy.dtype": self._dtype,
        }
        for module in ("numpy.core", "numpy._core"):
            self._names[f"{module}.multiarray._reconstruct"] = self._array
            self._names[f"{module}.multiarray.scalar"] = self._scalar
            self._names[f"{module}.numeric._frombuffer"] = self._array_of_bytes
        for module in ("builtins", "__builtin__"):
            self._names |= {f"{module}.{name}": self._builtin(kind) for name, kind in _BUILTINS.items()}

    def pickle(self, data: bytes, at: int) -> Pickle:
        return Pickle(data, at, self._find, self._persistent, self._build)

    def _find(self, text: str) -> Any:
        if text in self._names:
            return Name(text, self._names[text])
        module, _, name = text.rpartition(".")
        if module in ("torch", "torch.storage", "torch.cuda") and name.removesuffix("Storage") in _KINDS:
            return Name(text)
        if text in ("torch.UntypedStorage", "torch.storage.UntypedStorage"):
            return Name(text)
        if module == "torch" and name in _OF_DTYPES:
            kind = _OF_DTYPES[name]
            return DTYPES[kind] if kind in DTYPES else Name(text)
        if text in _OTHER_TENSORS:
            raise Refused(f"holds {_OTHER_TENSORS[text]}")
        raise Refused(
            f"holds {text[:100]}, which is code and not run: tensors, numbers, strings and plain containers "
            f"are read. Of a whole module take the state: {_SAVE}"
        )

    def _persistent(self, given: Any) -> Any:
        if not isinstance(given, tuple) or len(given) not in (5, 6) or given[0] != "storage":
            raise Refused("is broken: it names a storage in no form of PyTorch's")
        storage, key, _, count = given[1:5]
        view = given[5] if len(given) == 6 else None
        if not (isinstance(storage, Name) and isinstance(key, str) and type(count) is int and count >= 0):
            raise Refused("is broken: it names a storage in no form of PyTorch's")
        kind = _KINDS.get(storage.text.rpartition(".")[2].removesuffix("Storage"))
        if kind is None and not storage.text.endswith("UntypedStorage"):
            raise Refused("is broken: it names a storage in no form of PyTorch's")
        size = self.sizes.setdefault(key, itemsize(kind) if kind else 1)
        if self._source is not None:
            self._source.check(key, count * (itemsize(kind) if kind else 1))
        begin = 0
        if view is not None:  # of versions before 0.4: (its own key, the first element, their number)
            _, begin, part = view
            if type(begin) is not int or type(part) is not int or not 0 <= begin <= begin + part <= count:
                raise Refused("is broken: it has a part of a storage that leaves it")
            count = part
        return _Storage(key, kind, begin * size, count * size)

    def _values(self, storage: Any, kind: str | None) -> Tensor:
        """Give the elements of a storage, of which all tensors in it are views."""
        if not isinstance(storage, _Storage) or kind is None:
            raise Refused("is broken: it has a tensor without a storage or a dtype")
        size = itemsize(kind)
        if self._source is None:
            return _core.zeros(0)
        if (storage.key, kind) not in self._flat:
            raw = self._source.read(storage.key)
            if raw.size % size:
                raise Refused(f"is broken: storage {storage.key} has a part of an element")
            self._flat[storage.key, kind] = as_tensor(raw, kind, self._source.order)
        flat = self._flat[storage.key, kind]
        return (
            flat
            if not storage.begin and storage.count == flat.numel() * size
            else (flat[storage.begin // size : (storage.begin + storage.count) // size])
        )

    def _tensor(
        self,
        storage: Any,
        offset: int,
        shape: Any,
        strides: Any,
        requires_grad: bool = False,
        hooks: Any = None,
        metadata: Any = None,
    ) -> Tensor:
        return self._view(storage, storage.kind, offset, shape, strides, requires_grad, metadata)

    def _tensor_of_dtype(
        self,
        storage: Any,
        offset: int,
        shape: Any,
        strides: Any,
        requires_grad: bool,
        hooks: Any,
        dtype: Any,
        metadata: Any = None,
    ) -> Tensor:
        return self._view(storage, self._kind(dtype), offset, shape, strides, requires_grad, metadata)

    def _view(
        self,
        storage: Any,
        kind: Any,
        offset: int,
        shape: Any,
        strides: Any,
        requires_grad: Any,
        metadata: Any,
    ) -> Tensor:
        flat = self._values(storage, kind)
        if metadata:
            raise Refused("holds a tensor that is negated or conjugated when read: save x.resolve_neg()")
        if self._source is None:
            return flat
        if not isinstance(shape, tuple) or not isinstance(strides, tuple) or len(shape) > 64:
            raise Refused("is broken: it has a tensor whose shape is none")
        made = strided(flat, offset, shape, strides)
        return made.requires_grad_() if requires_grad is True else made

    def _kind(self, dtype: Any) -> str | None:
        name: str = dtype.name if isinstance(dtype, DType) else dtype.text.removeprefix("torch.")
        return _OF_DTYPES.get(name)

    def _parameter(
        self, data: Any, requires_grad: bool = True, hooks: Any = None, state: Any = None
    ) -> Parameter:
        if not isinstance(data, Tensor):
            raise Refused("is broken: it has a parameter of no tensor")
        return Parameter(self._copied(data).detach(), requires_grad=requires_grad is True)

    def _copied(self, data: Tensor) -> Tensor:
        """Give a tensor whose elements will be copied."""
        self._room -= data.nbytes
        if self._room < 0:
            raise Refused(f"is broken: its parameters take more than {_ROOM} times the file")
        return data

    def _of_type(self, function: Any, kind: Any, arguments: Any, state: Any) -> Any:
        """Make a tensor with attributes of its own, which are left out."""
        if function.text not in self._names or not function.text.startswith("torch._utils._rebuild"):
            raise Refused(f"is broken: it makes a tensor by {function.text}")
        made = self._names[function.text](*arguments)
        return self._parameter(made) if kind.text.endswith("Parameter") else made

    def _same(self, data: Any, *state: Any) -> Tensor:
        if not isinstance(data, Tensor):
            raise Refused("is broken: it has a tensor of no tensor")
        return data

    def _from_numpy(self, data: Any, dtype: Any, place: Any, requires_grad: bool) -> Tensor:
        return self._from_tensor(_core.from_numpy(data.copy()), dtype, place, requires_grad)

    def _from_tensor(self, data: Any, dtype: Any, place: Any, requires_grad: bool) -> Tensor:
        made = self._copied(self._same(data)).to(dtype)
        return made.detach().requires_grad_() if requires_grad is True else made

    def _layout(self, name: Any) -> Any:
        if name != "torch.strided":
            raise Refused(f"holds a tensor of the layout {str(name)[:40]}: save x.to_dense()")
        from backsweep._device import strided as word

        return word

    def _ordered(self, items: Any = ()) -> OrderedDict[Any, Any]:
        return OrderedDict(self._pairs(items))

    def _counter(self, items: Any = ()) -> Counter[Any]:
        return Counter(self._pairs(items))

    def _pairs(self, items: Any) -> dict[Any, Any]:
        """Check what a mapping is made of, as those of Python 2 are."""
        if isinstance(items, dict):
            return items
        made = dict[Any, Any]()
        for key, value in items:
            if not plain_key(key):
                raise Refused("is broken: it has a key that is none")
            made[key] = value
        return made

    def _default(self, factory: Any = None) -> defaultdict[Any, Any]:
        return defaultdict(None if factory is None else _BUILTINS[factory.text.rpartition(".")[2]])

    def _builtin(self, kind: Callable[..., Any]) -> Callable[..., Any]:
        """Give a type as what may be called: on nothing, numbers, or items that may be in it."""

        def make(*arguments: Any) -> Any:
            if kind is complex:
                return complex(*map(float, arguments))
            if len(arguments) > 1 and kind is bytearray:  # of Python 2's form: text, and its encoding
                return bytearray(self._bytes(*arguments))
            if not arguments:
                return kind()
            (items,) = arguments
            if not isinstance(items, (list, tuple, set, frozenset, bytes, bytearray)):
                raise Refused(f"is broken: it makes a {kind.__name__} of {type(items).__name__}")
            if kind in (set, frozenset) and not all(map(plain_key, items)):
                raise Refused("is broken: it has a set of what has no place in it")
            if kind in (set, frozenset, list, tuple, bytes, bytearray):
                return kind(items)
            raise Refused(f"is broken: it calls {kind.__name__}")

        return make

    def _bytes(self, text: Any, encoding: Any = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise Refused("is broken: it has bytes in another encoding than latin1")
        return text.encode("latin1")

    def _dtype(self, code: Any, align: Any = False, copy: Any = True) -> np.dtype[Any]:
        """Give a dtype of numbers, one of its own since it is told its byte order later."""
        if not isinstance(code, str) or not re.fullmatch(r"[<>|=]?(\?|[biufc]\d{1,2})", code):
            raise Refused(f"holds a NumPy array of {str(code)[:40]}: arrays of numbers are read")
        return np.dtype(code, False, True)

    def _scalar(self, dtype: Any, raw: Any) -> Any:
        if not isinstance(dtype, np.dtype) or not isinstance(raw, bytes) or len(raw) != dtype.itemsize:
            raise Refused("is broken: it has a NumPy number that is none")
        return np.frombuffer(raw, dtype)[0]

    def _array(self, kind: Any, shape: Any, code: Any) -> npt.NDArray[Any]:
        return np.empty(0)

    def _array_of_bytes(self, raw: Any, dtype: Any, shape: Any, order: Any) -> npt.NDArray[Any]:
        if not isinstance(raw, (bytes, bytearray)) or not isinstance(dtype, np.dtype):
            raise Refused("is broken: it has a NumPy array that is none")
        array = np.frombuffer(raw, dtype).reshape(shape, order=order)
        made: npt.NDArray[Any] = array.astype(dtype.newbyteorder("="), copy=True)
        return made

    def _build(self, target: Any, state: Any) -> int:
        """Give an object its state; give the bytes that it takes."""
        if isinstance(target, OrderedDict) and isinstance(state, dict) and state.keys() <= {"_metadata"}:
            return 0  # versions of modules' states, which modules here do not have
        if isinstance(target, np.dtype) and isinstance(state, tuple) and len(state) in (8, 9):
            if state[2:5] != (None, None, None) or state[1] not in ("<", ">", "|", "="):
                raise Refused("holds a NumPy array of records: arrays of numbers are read")
            target.__setstate__((3, state[1], None, None, None, -1, -1, 0))  # type: ignore[attr-defined]
            return 0
        if isinstance(target, np.ndarray) and isinstance(state, tuple) and len(state) == 5:
            _, shape, dtype, columns, raw = state
            right = isinstance(dtype, np.dtype) and isinstance(shape, tuple) and isinstance(raw, bytes)
            if not right or any(type(n) is not int or n < 0 for n in shape) or type(columns) is not bool:
                raise Refused("is broken: it has a NumPy array that is none")
            if len(raw) != math.prod(shape) * dtype.itemsize:
                raise Refused("is broken: it has a NumPy array of another size than its bytes")
            target.__setstate__((1, shape, dtype, columns, raw))  # type: ignore[arg-type]
            return len(raw)
        raise Refused(f"is broken, or holds code: it gives {type(target).__name__} a state")
