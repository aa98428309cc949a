"""What introspection does not show: types of what is no op, by name."""

from __future__ import annotations

HEAD = '''\
"""The C++ core. Generated: `python -m backsweep._stubs` writes this file anew."""

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Generic, Literal, NamedTuple, NoReturn, ParamSpec, TypeAlias, TypeVar, overload

import numpy as np
import numpy.typing as npt

from backsweep import _device
from backsweep.linalg import _types

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
Self = TypeVar("Self", bound="Tensor")

TensorLike: TypeAlias = Tensor | npt.ArrayLike
DTypeLike: TypeAlias = DType | npt.DTypeLike
Size: TypeAlias = int | Sequence[int]
DeviceLike: TypeAlias = _device.DeviceLike
_int: TypeAlias = int
_float: TypeAlias = float
_bool: TypeAlias = bool
'''

# What introspection does not show. A name that it finds and nobody describes here is an error: see `missing`.
CLASSES = {
    "DType": """\
class DType:
    @property
    def name(self) -> str: ...
    @property
    def itemsize(self) -> int: ...
    @property
    def is_floating_point(self) -> bool: ...
    @property
    def is_complex(self) -> bool: ...
    @property
    def is_signed(self) -> bool: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...""",
    "CompiledFunction": """\
class CompiledFunction(Generic[P, R]):
    __name__: str
    @property
    def __wrapped__(self) -> Callable[P, R]: ...
    @property
    def programs(self) -> list[Program]: ...
    def program(self, *args: P.args, **kwargs: P.kwargs) -> Program: ...
    def cache_info(self) -> Any: ...
    def cache_clear(self) -> None: ...
    options: dict[str, Any]
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...""",
    "Program": """\
class Program:
    @property
    def text(self) -> str: ...
    @property
    def memory(self) -> ProgramMemory: ...
    @property
    def nanoseconds(self) -> float: ...
    @property
    def phases(self) -> list[ProgramPhase]: ...""",
    "ProgramMemory": """\
class ProgramMemory:
    @property
    def peak(self) -> int: ...
    @property
    def arena(self) -> int: ...
    @property
    def scratch(self) -> int: ...
    @property
    def arguments(self) -> int: ...
    @property
    def slots(self) -> int: ...
    @property
    def new_values(self) -> int: ...
    @property
    def outputs(self) -> int: ...
    @property
    def constants(self) -> int: ...
    @property
    def steps(self) -> int: ...""",
    "ProgramPhase": """\
class ProgramPhase:
    @property
    def steps(self) -> int: ...
    @property
    def parallel(self) -> bool: ...
    @property
    def nanoseconds(self) -> float: ...""",
    "OpFunction": """\
class OpFunction:
    __formula__: str
    __name__: str
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def compose(self, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]: ...""",
    "no_grad": """\
class no_grad:
    @overload
    def __new__(cls) -> no_grad: ...
    @overload
    def __new__(cls, fn: F, /) -> F: ...  # type: ignore[misc]
    def __enter__(self) -> no_grad: ...
    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None: ...
    def __call__(self, fn: F, /) -> F: ...""",
}
CLASSES["Node"] = """\
class Node:
    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]: ...
    @property
    def variable(self) -> Tensor: ...
    def name(self) -> str: ..."""
CLASSES["RemovableHandle"] = """\
class RemovableHandle:
    @property
    def id(self) -> int: ...
    def remove(self) -> None: ...
    def __enter__(self) -> RemovableHandle: ...
    def __exit__(self, *error: Any) -> None: ..."""
CLASSES["enable_grad"] = CLASSES["no_grad"].replace("no_grad", "enable_grad")
BASES = {"ShapeError": "ValueError", "DTypeError": "TypeError", "GraphError": "RuntimeError"}

FUNCTIONS = {
    "compiled": [
        "(fn: Callable[P, R], *, keep_grads: bool = False, cache_size: int = 64, fallback: bool = False,"
        " budget: int | None = None) -> CompiledFunction[P, R]",
    ],
    "anomaly": ["() -> tuple[bool, bool]"],
    "backward": [
        "(tensors: Tensor | Sequence[Tensor], grad_tensors: Tensor | Sequence[Tensor | None] | None = None, "
        "retain_graph: bool | None = None, create_graph: bool = False, "
        "inputs: Tensor | Sequence[Tensor] | None = None) -> None"
    ],
    "batch": [
        "(function: Callable[[list[Tensor]], Sequence[Tensor | None]], tensors: Sequence[Tensor], size: int, "
        "randomness: str) -> list[Any]"
    ],
    "call_with": [
        "(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], slots: list[Any], "
        "values: list[Tensor]) -> Any"
    ],
    "decorate": ["(make: Callable[[], Any], fn: F) -> F"],
    "depends_on_others": ["(outputs: Sequence[Tensor], leaves: Sequence[Tensor]) -> bool"],
    "set_anomaly": ["(on: bool, check_nan: bool) -> None"],
    "set_recording": ["(on: bool) -> None"],
    "snapshot": ["(tensors: Sequence[Tensor]) -> list[Tensor]"],
    "grad": [
        f"(outputs: Tensor | Sequence[Tensor], inputs: {inputs}, "
        "grad_outputs: Tensor | Sequence[Tensor | None] | None = None, "
        "retain_graph: bool | None = None, create_graph: bool = False, "
        f"allow_unused: {unused}) -> {result}"
        for inputs, unused, result in (
            ("Tensor", "Literal[False] = False", "Tensor"),
            ("Sequence[Tensor]", "Literal[False] = False", "tuple[Tensor, ...]"),
            ("Tensor | Sequence[Tensor]", "bool = False", "Any"),
        )
    ],
}

ATTRIBUTES = {  # of tensors and the trainer; True: can be set
    "shape": ("tuple[int, ...]", False),
    "dtype": ("DType", False),
    "ndim": ("int", False),
    "requires_grad": ("bool", True),
    "is_leaf": ("bool", False),
    "is_symbolic": ("bool", False),
    "grad": ("Tensor | None", True),
    "_grad": ("Tensor | None", True),
    "grad_fn": ("Node | None", False),
    "retains_grad": ("bool", False),
    "T": ("Tensor", False),
    "data": ("Tensor", True),
    "steps_done": ("int", False),
    "steps_total": ("int", False),
    "loss": ("float", False),
}
# By "function.argument", else by "argument".
ARGUMENTS = {
    "data": "TensorLike",
    "obj": "TensorLike",
    "device": "DeviceLike",
    "to.device": "DeviceLike | DTypeLike | Tensor",
    "to.dtype": "DTypeLike | bool | None",
    "layout": "_device.Word | None",
    "memory_format": "_device.Word | None",
    "pin_memory": "bool",
    "out": "Tensor | None",
    "steps": "int",
    "base": "float",
    "d": "DTypeLike",
    "state": "Buffer | None",
    "ext_tensor": "Any",
    "dtype": "DTypeLike | None",
    "requires_grad": "bool",
    "size": "Size",
    "fill_value": "float",
    "input": "Tensor",
    "x": "Tensor",
    "ndarray": "npt.NDArray[Any]",
    "n": "int",
    "m": "int | None",
    "start": "float",
    "end": "float | None",
    "step": "float",
    "Trainer.step": "CompiledFunction[..., Any]",
    "Trainer.update": "CompiledFunction[..., Any] | None",
    "leaves": "int",
    "arrays": "Sequence[Tensor]",
    "batch_size": "int",
    "shuffle": "bool",
    "drop_last": "bool",
    "seconds": "float",
    "seed": "int",
    "n_inputs": "int",
    "n_outputs": "int",
    "args": "tuple[Any, ...]",
    "kwargs": "dict[str, Any]",
    "object": "object",
    "name": "str",
    "backward": "Callable[..., Any]",
    "function": "Callable[..., Any]",
    "inputs": "Sequence[Tensor]",
    "outputs": "Sequence[Tensor]",
    "shapes": "Sequence[Sequence[int]]",
    "dtypes": "Sequence[DType]",
    "dim": "int | None",
    "gradient": "Tensor | None",
    "backward.inputs": "Tensor | Sequence[Tensor] | None",
    "hook": "Callable[[Tensor], Tensor | None]",
    "retain_graph": "bool | None",
    "create_graph": "bool",
    "condition": "Tensor",
    "other": "TensorLike",
    "alpha": "float",
    "source": "TensorLike",
    "src": "TensorLike",
    "value": "float | Tensor",
    "shape": "Size",
    "copy": "bool | None",
    "non_blocking": "bool",
}
RETURNS = {
    "dim": "int",
    "is_contiguous": "bool",
    "numel": "int",
    "size": "Any",
    "stride": "Any",
    "item": "Any",
    "tolist": "Any",
    "numpy": "npt.NDArray[Any]",
    "backward": "None",
    "manual_seed": "None",
    "get_default_dtype": "DType",
    "set_default_dtype": "None",
    "is_grad_enabled": "bool",
    "is_inference": "bool",
    "register_hook": "RemovableHandle",
    "retain_grad": "None",
    "is_capturing": "bool",
    "info": "dict[str, Any]",
    "registry": "list[dict[str, Any]]",
    "set_num_threads": "None",
    "get_num_threads": "int",
    "live_nodes": "int",
    "allocated_bytes": "int",
    "release_cached": "None",
    "node_bytes": "int",
    "structure_epoch": "int",
    "bump_structure_epoch": "None",
    "guard": "None",
    "custom": "list[Tensor]",
    "host_call": "list[Tensor]",
    "checkpoint": "Any",
    "begin_epoch": "None",
    "run": "bool",
    "requires_grad_": "Self",
}
RETURNS |= dict.fromkeys(("copy_", "assign", "fill_", "zero_"), "Self")
CONSTRUCTORS = {
    "Tensor": "(self, *data: Any, device: DeviceLike = None, requires_grad: bool = False) -> None",
    "Parameter": "(self, data: TensorLike, requires_grad: bool = True) -> None",
    "Buffer": "(self, data: TensorLike) -> None",
}
OPERATORS = {
    "__float__": "(self) -> float",
    "__int__": "(self) -> int",
    "__index__": "(self) -> int",
    "__bool__": "(self) -> bool",
    "__len__": "(self) -> int",
    "__iter__": "(self) -> Iterator[Tensor]",
    "__format__": "(self, format_spec: str, /) -> str",
    "__getitem__": "(self, key: Any, /) -> Tensor",
    "__setitem__": "(self, key: Any, value: TensorLike, /) -> None",
    "__hash__": "(self) -> int",
    "__array__": "(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]",
    "__dlpack__": "(self, *, stream: None = None, max_version: tuple[int, int] | None = None,"
    " dl_device: tuple[int, int] | None = None, copy: bool | None = None) -> Any",
    "__dlpack_device__": "(self) -> tuple[int, int]",
    "__deepcopy__": "(self: Self, memo: dict[int, Any], /) -> Self",
    "_replace": "(self: Self, value: TensorLike, /) -> Self",
    "_snapshot": "(self) -> Tensor",
}
OPERATORS |= dict.fromkeys(("__neg__", "__pos__", "__abs__", "__invert__"), "(self) -> Tensor")
OPERATORS |= {
    f"__{r}{name}__": "(self, other: TensorLike, /) -> Tensor"
    for name in (
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "matmul",
        "pow",
        "and",
        "or",
        "xor",
        "lshift",
        "rshift",
    )
    for r in ("", "r")
} | {f"__{name}__": "(self, other: TensorLike, /) -> Tensor" for name in ("lt", "le", "gt", "ge")}
OPERATORS |= {
    f"__i{name}__": "(self: Self, other: TensorLike, /) -> Self"
    for name in (
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "and",
        "or",
        "xor",
        "lshift",
        "rshift",
    )
}
# Their result in object is bool.
OPERATORS |= dict.fromkeys(("__eq__", "__ne__"), "(self, other: object, /) -> Tensor")
OVERRIDES = {OPERATORS["__eq__"]}
SKIPPED = {  # what every class has, or what only the interpreter and copy, pickle and NumPy use
    *(
        "__new__",
        "__init__",
        "__doc__",
        "__module__",
        "__reduce__",
        "__repr__",
        "__dict__",
        "__weakref__",
        "__text_signature__",
    ),
    *("__delitem__", "__array_ufunc__", "__array_priority__", "__getattribute__", "__weaklistoffset__"),
    *("__setattr__", "__delattr__", "__dictoffset__"),
}
