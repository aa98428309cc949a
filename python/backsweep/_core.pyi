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

class DTypeError(TypeError): ...
class GraphError(RuntimeError): ...
class ShapeError(ValueError): ...

class Buffer(Tensor):
    def __init__(self, data: TensorLike) -> None: ...

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
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

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
    def __hash__(self) -> int: ...

class Node:
    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]: ...
    @property
    def variable(self) -> Tensor: ...
    def name(self) -> str: ...

class OpFunction:
    __formula__: str
    __name__: str
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def compose(self, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]: ...

class Parameter(Tensor):
    def __init__(self, data: TensorLike, requires_grad: _bool = True) -> None: ...

class Program:
    @property
    def text(self) -> str: ...
    @property
    def memory(self) -> ProgramMemory: ...
    @property
    def nanoseconds(self) -> float: ...
    @property
    def phases(self) -> list[ProgramPhase]: ...

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
    def steps(self) -> int: ...

class ProgramPhase:
    @property
    def steps(self) -> int: ...
    @property
    def parallel(self) -> bool: ...
    @property
    def nanoseconds(self) -> float: ...

class RemovableHandle:
    @property
    def id(self) -> int: ...
    def remove(self) -> None: ...
    def __enter__(self) -> RemovableHandle: ...
    def __exit__(self, *error: Any) -> None: ...

class Tensor:
    def __init__(self, *data: Any, device: DeviceLike = None, requires_grad: _bool = False) -> None: ...
    @property
    def H(self) -> Tensor: ...
    @property
    def T(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __add__(self, other: TensorLike, /) -> Tensor: ...
    def __and__(self, other: TensorLike, /) -> Tensor: ...
    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: _bool | None = None
    ) -> npt.NDArray[Any]: ...
    def __bool__(self) -> _bool: ...
    def __deepcopy__(self: Self, memo: dict[_int, Any], /) -> Self: ...
    def __dlpack__(
        self,
        *,
        stream: None = None,
        max_version: tuple[_int, _int] | None = None,
        dl_device: tuple[_int, _int] | None = None,
        copy: _bool | None = None,
    ) -> Any: ...
    def __dlpack_device__(self) -> tuple[_int, _int]: ...
    def __eq__(self, other: object, /) -> Tensor: ...  # type: ignore[override]
    def __float__(self) -> _float: ...
    def __floordiv__(self, other: TensorLike, /) -> Tensor: ...
    def __format__(self, format_spec: str, /) -> str: ...
    def __ge__(self, other: TensorLike, /) -> Tensor: ...
    def __getitem__(self, key: Any, /) -> Tensor: ...
    def __gt__(self, other: TensorLike, /) -> Tensor: ...
    def __hash__(self) -> _int: ...
    def __iadd__(self: Self, other: TensorLike, /) -> Self: ...
    def __iand__(self: Self, other: TensorLike, /) -> Self: ...
    def __ifloordiv__(self: Self, other: TensorLike, /) -> Self: ...
    def __ilshift__(self: Self, other: TensorLike, /) -> Self: ...
    def __imod__(self: Self, other: TensorLike, /) -> Self: ...
    def __imul__(self: Self, other: TensorLike, /) -> Self: ...
    def __index__(self) -> _int: ...
    def __int__(self) -> _int: ...
    def __invert__(self) -> Tensor: ...
    def __ior__(self: Self, other: TensorLike, /) -> Self: ...
    def __ipow__(self: Self, other: TensorLike, /) -> Self: ...
    def __irshift__(self: Self, other: TensorLike, /) -> Self: ...
    def __isub__(self: Self, other: TensorLike, /) -> Self: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __itruediv__(self: Self, other: TensorLike, /) -> Self: ...
    def __ixor__(self: Self, other: TensorLike, /) -> Self: ...
    def __le__(self, other: TensorLike, /) -> Tensor: ...
    def __len__(self) -> _int: ...
    def __lshift__(self, other: TensorLike, /) -> Tensor: ...
    def __lt__(self, other: TensorLike, /) -> Tensor: ...
    def __matmul__(self, other: TensorLike, /) -> Tensor: ...
    def __mod__(self, other: TensorLike, /) -> Tensor: ...
    def __mul__(self, other: TensorLike, /) -> Tensor: ...
    def __ne__(self, other: object, /) -> Tensor: ...  # type: ignore[override]
    def __neg__(self) -> Tensor: ...
    def __or__(self, other: TensorLike, /) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __pow__(self, other: TensorLike, /) -> Tensor: ...
    def __radd__(self, other: TensorLike, /) -> Tensor: ...
    def __rand__(self, other: TensorLike, /) -> Tensor: ...
    def __rfloordiv__(self, other: TensorLike, /) -> Tensor: ...
    def __rlshift__(self, other: TensorLike, /) -> Tensor: ...
    def __rmatmul__(self, other: TensorLike, /) -> Tensor: ...
    def __rmod__(self, other: TensorLike, /) -> Tensor: ...
    def __rmul__(self, other: TensorLike, /) -> Tensor: ...
    def __ror__(self, other: TensorLike, /) -> Tensor: ...
    def __rpow__(self, other: TensorLike, /) -> Tensor: ...
    def __rrshift__(self, other: TensorLike, /) -> Tensor: ...
    def __rshift__(self, other: TensorLike, /) -> Tensor: ...
    def __rsub__(self, other: TensorLike, /) -> Tensor: ...
    def __rtruediv__(self, other: TensorLike, /) -> Tensor: ...
    def __rxor__(self, other: TensorLike, /) -> Tensor: ...
    def __setitem__(self, key: Any, value: TensorLike, /) -> None: ...
    def __sub__(self, other: TensorLike, /) -> Tensor: ...
    def __truediv__(self, other: TensorLike, /) -> Tensor: ...
    def __xor__(self, other: TensorLike, /) -> Tensor: ...
    @property
    def _grad(self) -> Tensor | None: ...
    @_grad.setter
    def _grad(self, value: Tensor | None) -> None: ...
    def _replace(self: Self, value: TensorLike, /) -> Self: ...
    def _snapshot(self) -> Tensor: ...
    def abs(self) -> Tensor:
        """|x|; derivative 0 at x = 0 and NaN"""

    def abs_(self: Self) -> Self:
        """|x|; derivative 0 at x = 0 and NaN

        In place: the result becomes the value of the tensor, which is returned.
        """

    def absolute(self) -> Tensor:
        """|x|; derivative 0 at x = 0 and NaN"""

    def absolute_(self: Self) -> Self:
        """|x|; derivative 0 at x = 0 and NaN

        In place: the result becomes the value of the tensor, which is returned.
        """

    def acos(self) -> Tensor:
        """the angle in [0, pi] whose cosine is x"""

    def acos_(self: Self) -> Self:
        """the angle in [0, pi] whose cosine is x

        In place: the result becomes the value of the tensor, which is returned.
        """

    def acosh(self) -> Tensor:
        """ln(x + (x^2 - 1)^(1/2)), NaN below 1"""

    def acosh_(self: Self) -> Self:
        """ln(x + (x^2 - 1)^(1/2)), NaN below 1

        In place: the result becomes the value of the tensor, which is returned.
        """

    def add(self, other: TensorLike, *, alpha: _float = 1) -> Tensor:
        """input + other; of bools, whether any is true"""

    def add_(self: Self, other: TensorLike, *, alpha: _float = 1) -> Self:
        """input + other; of bools, whether any is true

        In place: the result becomes the value of the tensor, which is returned.
        """

    def addbmm(
        self,
        batch1: TensorLike,
        batch2: TensorLike,
        *,
        beta: _float = 1.0,
        alpha: _float = 1.0,
    ) -> Tensor:
        """beta input + alpha sum_b batch1_b batch2_b of stacks (b, m, k) and (b, k, n); the input broadcasts to (m, n), and does not count where beta is 0."""

    def addbmm_(
        self: Self,
        batch1: TensorLike,
        batch2: TensorLike,
        *,
        beta: _float = 1.0,
        alpha: _float = 1.0,
    ) -> Self:
        """beta input + alpha sum_b batch1_b batch2_b of stacks (b, m, k) and (b, k, n); the input broadcasts to (m, n), and does not count where beta is 0.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def addcdiv(self, tensor1: TensorLike, tensor2: TensorLike, *, value: _float = 1.0) -> Tensor:
        """input + value tensor1 / tensor2"""

    def addcdiv_(self: Self, tensor1: TensorLike, tensor2: TensorLike, *, value: _float = 1.0) -> Self:
        """input + value tensor1 / tensor2

        In place: the result becomes the value of the tensor, which is returned.
        """

    def addcmul(self, tensor1: TensorLike, tensor2: TensorLike, *, value: _float = 1.0) -> Tensor:
        """input + value tensor1 tensor2"""

    def addcmul_(self: Self, tensor1: TensorLike, tensor2: TensorLike, *, value: _float = 1.0) -> Self:
        """input + value tensor1 tensor2

        In place: the result becomes the value of the tensor, which is returned.
        """

    def addmm(self, mat1: TensorLike, mat2: TensorLike, *, beta: _float = 1.0, alpha: _float = 1.0) -> Tensor:
        """beta input + alpha mat1 mat2 of matrices (m, k) and (k, n); the input broadcasts to (m, n), and does not count where beta is 0."""

    def addmm_(
        self: Self,
        mat1: TensorLike,
        mat2: TensorLike,
        *,
        beta: _float = 1.0,
        alpha: _float = 1.0,
    ) -> Self:
        """beta input + alpha mat1 mat2 of matrices (m, k) and (k, n); the input broadcasts to (m, n), and does not count where beta is 0.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def addmv(self, mat: TensorLike, vec: TensorLike, *, beta: _float = 1.0, alpha: _float = 1.0) -> Tensor:
        """beta input + alpha mat vec of a matrix (m, k) and a vector (k,); the input broadcasts to (m,), and does not count where beta is 0."""

    def addmv_(
        self: Self,
        mat: TensorLike,
        vec: TensorLike,
        *,
        beta: _float = 1.0,
        alpha: _float = 1.0,
    ) -> Self:
        """beta input + alpha mat vec of a matrix (m, k) and a vector (k,); the input broadcasts to (m,), and does not count where beta is 0.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def addr(self, vec1: TensorLike, vec2: TensorLike, *, beta: _float = 1.0, alpha: _float = 1.0) -> Tensor:
        """beta input_ij + alpha vec1_i vec2_j; the input broadcasts to (n, m), and does not count where beta is 0."""

    def addr_(
        self: Self,
        vec1: TensorLike,
        vec2: TensorLike,
        *,
        beta: _float = 1.0,
        alpha: _float = 1.0,
    ) -> Self:
        """beta input_ij + alpha vec1_i vec2_j; the input broadcasts to (n, m), and does not count where beta is 0.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def adjoint(self) -> Tensor:
        """The last two axes exchanged: there are no complex numbers. A view."""

    def all(
        self,
        dim: Size | None = None,
        keepdim: _bool = False,
        *,
        axis: Size | None = ...,
        keepdims: _bool = ...,
    ) -> Tensor:
        """Whether all elements along the axes dim (None: all) are not 0; of nothing, True. Of uint8, as 0 or 1 in uint8."""

    def allclose(
        self, other: Tensor, rtol: _float = 1e-05, atol: _float = 1e-08, equal_nan: _bool = False
    ) -> _bool:
        """Say whether all elements are close: |a - b| <= atol + rtol |b|, or a = b.

        Parameters
        ----------
        input, other : Tensor, one dtype
            They broadcast.
        rtol, atol : float
        equal_nan : bool, default False
            Whether NaN is close to NaN.

        Raises
        ------
        DTypeError
            If the dtypes differ.
        ShapeError
            If the shapes do not broadcast.
        """

    def amax(
        self,
        dim: Size | None = None,
        keepdim: _bool = False,
        *,
        axis: Size | None = ...,
        keepdims: _bool = ...,
    ) -> Tensor:
        """The maximum over the axes dim (None: all), NaN if any is, and then so is the derivative; equal maxima share it."""

    def amin(
        self,
        dim: Size | None = None,
        keepdim: _bool = False,
        *,
        axis: Size | None = ...,
        keepdims: _bool = ...,
    ) -> Tensor:
        """The minimum over the axes dim (None: all), NaN if any is, and then so is the derivative; equal minima share it."""

    def aminmax(
        self,
        *,
        dim: Size | None = None,
        axis: Size | None = ...,
        keepdim: _bool = False,
        keepdims: _bool = ...,
    ) -> return_types.aminmax:
        """(min, max) along the axis dim (None: of all), NaN if any is; equal ones share the derivative."""

    def angle(self) -> Tensor:
        """Give the angle of each number: pi where it is below 0, 0 elsewhere, NaN of NaN."""

    def any(
        self,
        dim: Size | None = None,
        keepdim: _bool = False,
        *,
        axis: Size | None = ...,
        keepdims: _bool = ...,
    ) -> Tensor:
        """Whether any element along the axes dim (None: all) is not 0; of nothing, False. Of uint8, as 0 or 1 in uint8."""

    def arccos(self) -> Tensor:
        """the angle in [0, pi] whose cosine is x"""

    def arccos_(self: Self) -> Self:
        """the angle in [0, pi] whose cosine is x

        In place: the result becomes the value of the tensor, which is returned.
        """

    def arccosh(self) -> Tensor:
        """ln(x + (x^2 - 1)^(1/2)), NaN below 1"""

    def arccosh_(self: Self) -> Self:
        """ln(x + (x^2 - 1)^(1/2)), NaN below 1

        In place: the result becomes the value of the tensor, which is returned.
        """

    def arcsin(self) -> Tensor:
        """the angle in [-pi/2, pi/2] whose sine is x"""

    def arcsin_(self: Self) -> Self:
        """the angle in [-pi/2, pi/2] whose sine is x

        In place: the result becomes the value of the tensor, which is returned.
        """

    def arcsinh(self) -> Tensor:
        """ln(x + (x^2 + 1)^(1/2))"""

    def arcsinh_(self: Self) -> Self:
        """ln(x + (x^2 + 1)^(1/2))

        In place: the result becomes the value of the tensor, which is returned.
        """

    def arctan(self) -> Tensor:
        """the angle in [-pi/2, pi/2] whose tangent is x"""

    def arctan2(self, other: TensorLike) -> Tensor:
        """the angle of the point (other, input), in [-pi, pi]; derivative 0 at the origin"""

    def arctan2_(self: Self, other: TensorLike) -> Self:
        """the angle of the point (other, input), in [-pi, pi]; derivative 0 at the origin

        In place: the result becomes the value of the tensor, which is returned.
        """

    def arctan_(self: Self) -> Self:
        """the angle in [-pi/2, pi/2] whose tangent is x

        In place: the result becomes the value of the tensor, which is returned.
        """

    def arctanh(self) -> Tensor:
        """ln((1 + x) / (1 - x)) / 2"""

    def arctanh_(self: Self) -> Self:
        """ln((1 + x) / (1 - x)) / 2

        In place: the result becomes the value of the tensor, which is returned.
        """

    def argmax(
        self,
        dim: _int | None = None,
        keepdim: _bool = False,
        *,
        axis: _int | None = ...,
        keepdims: _bool = ...,
    ) -> Tensor:
        """The first position of the maximum along the axis dim, int64; None: in x flattened. NaN counts as the largest. Not differentiable."""

    def argmin(
        self,
        dim: _int | None = None,
        keepdim: _bool = False,
        *,
        axis: _int | None = ...,
        keepdims: _bool = ...,
    ) -> Tensor:
        """The first position of the minimum along the axis dim, int64; None: in x flattened. NaN counts as the least. Not differentiable."""

    def argsort(
        self,
        dim: _int = -1,
        descending: _bool = False,
        *,
        axis: _int = ...,
        stable: _bool = False,
    ) -> Tensor:
        """The numbers along dim of the elements in ascending or descending order: sort(input, ..).indices."""

    def argwhere(self) -> Tensor:
        """The places of all elements that are not 0, in row-major order: an int64 matrix with a row for each. Not in a capture."""

    def as_strided(
        self, size: Sequence[_int], stride: Sequence[_int], storage_offset: _int | None = None
    ) -> Tensor:
        """Show the elements of a tensor, counted in row-major order, that lie `stride` apart along each axis.

        A view: what is written to it is seen in the input. Gradients of an element that it shows more than once
        add up.

        Parameters
        ----------
        input : Tensor
            Contiguous.
        size, stride : sequence of int
            Those of the result.
        storage_offset : int, default 0
            Which element comes first.

        Raises
        ------
        ShapeError
            If the input is not contiguous, or an element would lie outside of it.
        """

    def asin(self) -> Tensor:
        """the angle in [-pi/2, pi/2] whose sine is x"""

    def asin_(self: Self) -> Self:
        """the angle in [-pi/2, pi/2] whose sine is x

        In place: the result becomes the value of the tensor, which is returned.
        """

    def asinh(self) -> Tensor:
        """ln(x + (x^2 + 1)^(1/2))"""

    def asinh_(self: Self) -> Self:
        """ln(x + (x^2 + 1)^(1/2))

        In place: the result becomes the value of the tensor, which is returned.
        """

    def assign(self: Self, source: TensorLike) -> Self:
        """Of a parameter or buffer: source, of the same shape and dtype, becomes its value."""

    def atan(self) -> Tensor:
        """the angle in [-pi/2, pi/2] whose tangent is x"""

    def atan2(self, other: TensorLike) -> Tensor:
        """the angle of the point (other, input), in [-pi, pi]; derivative 0 at the origin"""

    def atan2_(self: Self, other: TensorLike) -> Self:
        """the angle of the point (other, input), in [-pi, pi]; derivative 0 at the origin

        In place: the result becomes the value of the tensor, which is returned.
        """

    def atan_(self: Self) -> Self:
        """the angle in [-pi/2, pi/2] whose tangent is x

        In place: the result becomes the value of the tensor, which is returned.
        """

    def atanh(self) -> Tensor:
        """ln((1 + x) / (1 - x)) / 2"""

    def atanh_(self: Self) -> Self:
        """ln((1 + x) / (1 - x)) / 2

        In place: the result becomes the value of the tensor, which is returned.
        """

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: _bool | None = None,
        create_graph: _bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Adds the derivatives of this tensor, weighted by gradient, to .grad of the leaves it was computed from, or of `inputs` alone.

        A single number needs no gradient. Without retain_graph (by default as create_graph) the graph gives up the values that its derivatives read, and cannot be differentiated again.
        """

    def baddbmm(
        self,
        batch1: TensorLike,
        batch2: TensorLike,
        *,
        beta: _float = 1.0,
        alpha: _float = 1.0,
    ) -> Tensor:
        """beta input + alpha batch1_b batch2_b of stacks (b, m, k) and (b, k, n); the input broadcasts to (b, m, n), and does not count where beta is 0."""

    def baddbmm_(
        self: Self,
        batch1: TensorLike,
        batch2: TensorLike,
        *,
        beta: _float = 1.0,
        alpha: _float = 1.0,
    ) -> Self:
        """beta input + alpha batch1_b batch2_b of stacks (b, m, k) and (b, k, n); the input broadcasts to (b, m, n), and does not count where beta is 0.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def bernoulli(self, p: _float | None = None, *, generator: Any = None) -> Tensor:
        """1 with the probability that the element is, or that p is, else 0; of input's shape and dtype. ValueError where a probability is not in [0, 1]."""

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Tensor:
        """Fill with 1 at the probability p, a number or a tensor of them, else 0."""

    def bfloat16(self) -> Tensor:
        """As bfloat16."""

    def bincount(self, weights: TensorLike | None = None, minlength: _int = 0) -> Tensor:
        """How often each of 0, 1, .. is in the vector input, up to its largest number and at least to minlength - 1; with weights, the sums of those of each. Not in a capture."""

    def bitwise_and(self, other: TensorLike) -> Tensor:
        """the bits that both have; of bools, whether both are true"""

    def bitwise_and_(self: Self, other: TensorLike) -> Self:
        """the bits that both have; of bools, whether both are true

        In place: the result becomes the value of the tensor, which is returned.
        """

    def bitwise_left_shift(self, other: TensorLike) -> Tensor:
        """input times 2^other, of integers; 0 if no bit is left or other is negative"""

    def bitwise_left_shift_(self: Self, other: TensorLike) -> Self:
        """input times 2^other, of integers; 0 if no bit is left or other is negative

        In place: the result becomes the value of the tensor, which is returned.
        """

    def bitwise_not(self) -> Tensor:
        """each bit of x turned; of bools, logical_not"""

    def bitwise_not_(self: Self) -> Self:
        """each bit of x turned; of bools, logical_not

        In place: the result becomes the value of the tensor, which is returned.
        """

    def bitwise_or(self, other: TensorLike) -> Tensor:
        """the bits that any has; of bools, whether any is true"""

    def bitwise_or_(self: Self, other: TensorLike) -> Self:
        """the bits that any has; of bools, whether any is true

        In place: the result becomes the value of the tensor, which is returned.
        """

    def bitwise_right_shift(self, other: TensorLike) -> Tensor:
        """input / 2^other rounded down, of integers; the sign alone where no bit is left or other is negative"""

    def bitwise_right_shift_(self: Self, other: TensorLike) -> Self:
        """input / 2^other rounded down, of integers; the sign alone where no bit is left or other is negative

        In place: the result becomes the value of the tensor, which is returned.
        """

    def bitwise_xor(self, other: TensorLike) -> Tensor:
        """the bits in which they differ; of bools, whether they differ"""

    def bitwise_xor_(self: Self, other: TensorLike) -> Self:
        """the bits in which they differ; of bools, whether they differ

        In place: the result becomes the value of the tensor, which is returned.
        """

    def bmm(self, mat2: TensorLike) -> Tensor:
        """x_b y_b of two stacks of as many matrices, (b, m, k) by (b, k, n). Nothing is broadcast."""

    def bool(self) -> Tensor:
        """As bool: whether each element is not 0."""

    def broadcast_to(self, size: Size = ..., *, shape: Size = ...) -> Tensor:
        """The tensor repeated to a shape that it broadcasts to; -1 keeps a size. A view."""

    def byte(self) -> Tensor:
        """As uint8."""

    def cast(self, dtype: DTypeLike) -> Tensor:
        """Another dtype: to bool, whether each element is not 0; floats to integers are cut towards zero, and give the least one where none fits."""

    def cauchy_(self, median: _float = 0.0, sigma: _float = 1.0, *, generator: Any = None) -> Tensor:
        """Fill with random numbers of the Cauchy distribution: median + sigma tan(pi (u - 1/2)), u uniform."""

    def ceil(self) -> Tensor:
        """the least whole number >= x; derivative 0"""

    def ceil_(self: Self) -> Self:
        """the least whole number >= x; derivative 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def char(self) -> Tensor:
        """As int8."""

    def cholesky(self, upper: _bool = False) -> Tensor:
        """Factor: `linalg.cholesky`."""

    def cholesky_inverse(self, upper: _bool = False) -> Tensor:
        """Invert A = L Lᵀ (or Lᵀ L, if `upper`), given by its triangular factor."""

    def cholesky_solve(self, input2: Any, upper: _bool = False) -> Tensor:
        """Solve A X = input, where input2 is the factor: A = L Lᵀ (or Lᵀ L, if `upper`).

        Raises
        ------
        ShapeError
            If input is not (..., n, k).
        """

    def chunk(self, chunks: _int, dim: _int = 0, *, axis: _int = ...) -> tuple[Tensor, ...]:
        """At most `chunks` parts of the axis dim, all of one size (the last may be smaller). Views."""

    def clamp(self, min: TensorLike | None = None, max: TensorLike | None = None) -> Tensor:
        """input, but min where it is below and max where it is above; numbers or tensors. At a bound the derivative is 1"""

    def clamp_(self: Self, min: TensorLike | None = None, max: TensorLike | None = None) -> Self:
        """input, but min where it is below and max where it is above; numbers or tensors. At a bound the derivative is 1

        In place: the result becomes the value of the tensor, which is returned.
        """

    def clamp_max(self, max: TensorLike) -> Tensor:
        """min(input, max)"""

    def clamp_max_(self: Self, max: TensorLike) -> Self:
        """min(input, max)

        In place: the result becomes the value of the tensor, which is returned.
        """

    def clamp_min(self, min: TensorLike) -> Tensor:
        """max(input, min)"""

    def clamp_min_(self: Self, min: TensorLike) -> Self:
        """max(input, min)

        In place: the result becomes the value of the tensor, which is returned.
        """

    def clip(self, min: TensorLike | None = None, max: TensorLike | None = None) -> Tensor:
        """input, but min where it is below and max where it is above; numbers or tensors. At a bound the derivative is 1"""

    def clip_(self: Self, min: TensorLike | None = None, max: TensorLike | None = None) -> Self:
        """input, but min where it is below and max where it is above; numbers or tensors. At a bound the derivative is 1

        In place: the result becomes the value of the tensor, which is returned.
        """

    def clone(self, *, memory_format: _device.Word | None = None) -> Tensor:
        """A copy with the history, row-major or, with bs.channels_last, with axis 1 innermost."""

    def conj(self) -> Tensor:
        """Give the tensor itself: no number is complex."""

    def conj_physical(self) -> Tensor:
        """Give the tensor itself: no number is complex."""

    def contiguous(self, memory_format: _device.Word | None = None) -> Tensor:
        """The tensor itself where its elements lie in row-major order, else a copy that does. With bs.channels_last (or channels_last_3d) axis 1 lies innermost; results of ops are row-major all the same."""

    def copy_(self: Self, src: TensorLike, non_blocking: _bool = False) -> Self:
        """src, broadcast to the shape and cast to the dtype, becomes the value."""

    def copysign(self, other: TensorLike) -> Tensor:
        """|input| with the sign of other"""

    def copysign_(self: Self, other: TensorLike) -> Self:
        """|input| with the sign of other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def corrcoef(self) -> Tensor:
        """Give the correlations of variables (rows): covariances over the deviations of both."""

    def cos(self) -> Tensor:
        """cos x"""

    def cos_(self: Self) -> Self:
        """cos x

        In place: the result becomes the value of the tensor, which is returned.
        """

    def cosh(self) -> Tensor:
        """(e^x + e^-x) / 2"""

    def cosh_(self: Self) -> Self:
        """(e^x + e^-x) / 2

        In place: the result becomes the value of the tensor, which is returned.
        """

    def count_nonzero(self, dim: Size | None = None, *, axis: Size | None = ...) -> Tensor:
        """How many elements along the axes dim (None: all) are not 0, int64."""

    def cov(
        self,
        *,
        correction: _int = 1,
        fweights: Tensor | None = None,
        aweights: Tensor | None = None,
    ) -> Tensor:
        """Estimate the covariances of variables (rows) from observations (columns).

        Parameters
        ----------
        input : Tensor, shape (variables, observations), or (observations,), or ()
        correction : int
            Taken from the number of observations: sum (x - mean) (y - mean) / (n - correction).
        fweights : Tensor of ints, shape (observations,), optional
            How often each was seen.
        aweights : Tensor, shape (observations,), optional
            What each counts.

        Returns
        -------
        Tensor, shape (variables, variables), or () of one variable

        Raises
        ------
        ShapeError
            If input has more than two axes, or there is not one weight for each observation.
        ValueError
            If a weight is negative.
        """

    def cpu(self, memory_format: Any = None) -> Tensor:
        """Give the tensor itself: it is on the CPU."""

    def cross(self, other: TensorLike, dim: _int | None = None, *, axis: _int | None = ...) -> Tensor:
        """The vector product along the axis dim of size 3 (None: the first such); other axes broadcast."""

    def cuda(self, device: Any = None, non_blocking: _bool = False, memory_format: Any = None) -> NoReturn:
        """Raise RuntimeError: there is no GPU."""

    def cummax(self, dim: _int = ..., *, axis: _int = ...) -> return_types.cummax:
        """values: the largest of x[0], ..., x[k] for each k along the axis dim, NaN from the first NaN on; indices: where it is (int64), the last of equal ones, which gets the derivative."""

    def cummin(self, dim: _int = ..., *, axis: _int = ...) -> return_types.cummin:
        """values: the least of x[0], ..., x[k] for each k along the axis dim, NaN from the first NaN on; indices: where it is (int64), the last of equal ones, which gets the derivative."""

    def cumprod(
        self,
        dim: _int = ...,
        *,
        axis: _int = ...,
        reverse: _bool = False,
        dtype: DTypeLike | None = None,
    ) -> Tensor:
        """The products of x[0], ..., x[k] for each k along the axis dim, or with reverse those of x[k] and all that follow. Integers and bools are multiplied in int64."""

    def cumprod_(
        self: Self,
        dim: _int = ...,
        *,
        axis: _int = ...,
        reverse: _bool = False,
        dtype: DTypeLike | None = None,
    ) -> Self:
        """The products of x[0], ..., x[k] for each k along the axis dim, or with reverse those of x[k] and all that follow. Integers and bools are multiplied in int64.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def cumsum(
        self,
        dim: _int = ...,
        *,
        axis: _int = ...,
        reverse: _bool = False,
        dtype: DTypeLike | None = None,
    ) -> Tensor:
        """The sums of x[0], ..., x[k] for each k along the axis dim, or with reverse those of x[k] and all that follow. Integers and bools are summed in int64."""

    def cumsum_(
        self: Self,
        dim: _int = ...,
        *,
        axis: _int = ...,
        reverse: _bool = False,
        dtype: DTypeLike | None = None,
    ) -> Self:
        """The sums of x[0], ..., x[k] for each k along the axis dim, or with reverse those of x[k] and all that follow. Integers and bools are summed in int64.

        In place: the result becomes the value of the tensor, which is returned.
        """

    @property
    def data(self) -> Tensor: ...
    @data.setter
    def data(self, value: Tensor) -> None: ...
    def deg2rad(self) -> Tensor:
        """input pi / 180"""

    def deg2rad_(self: Self) -> Self:
        """input pi / 180

        In place: the result becomes the value of the tensor, which is returned.
        """

    def det(self) -> Tensor:
        """Give determinants: `linalg.det`."""

    def detach(self) -> Tensor:
        """The same value without a history. Shares memory."""

    @property
    def device(self) -> _device.device: ...
    def diag(self, diagonal: _int = 0) -> Tensor:
        """Of a vector the matrix with it on the diagonal, of a matrix its diagonal, copied."""

    def diag_embed(self, offset: _int = 0, dim1: _int = -2, dim2: _int = -1) -> Tensor:
        """Matrices, at the axes dim1 and dim2 of the result, that hold the last axis of input on the diagonal (see diagonal) and zeros elsewhere."""

    def diagflat(self, offset: _int = 0) -> Tensor:
        """The matrix with all elements, in row-major order, on the diagonal."""

    def diagonal(self, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> Tensor:
        """The diagonal of the axes dim1 and dim2, as the last axis: offset columns to the right of the main one, or -offset rows below. A view."""

    def diagonal_scatter(self, src: Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> Tensor:
        """Give input with src in place of `input.diagonal(offset, dim1, dim2)`, whose shape it has."""

    def diff(
        self, n: _int = 1, dim: _int = -1, prepend: Tensor | None = None, append: Tensor | None = None
    ) -> Tensor:
        """Give the differences x[k + 1] - x[k] along an axis, n times over.

        Parameters
        ----------
        input : Tensor
            Of bools: whether neighbours differ.
        n : int
        dim : int
        prepend, append : Tensor, optional
            Put before and after along the axis first.

        Returns
        -------
        Tensor
            n positions shorter.

        Raises
        ------
        ShapeError
            If input has no axes.
        """

    def digamma(self) -> Tensor:
        """the derivative of ln Gamma(x); NaN at negative whole numbers"""

    def digamma_(self: Self) -> Self:
        """the derivative of ln Gamma(x); NaN at negative whole numbers

        In place: the result becomes the value of the tensor, which is returned.
        """

    def dim(self) -> _int:
        """The number of axes."""

    def dist(self, other: TensorLike, p: _float = 2.0) -> Tensor:
        """The p-norm of input - other."""

    def div(self, other: TensorLike, *, rounding_mode: Literal["floor", "trunc"] | None = None) -> Tensor:
        """input / other. rounding_mode rounds it: 'floor' down, 'trunc' towards 0; of integers it is then an integer"""

    def div_(
        self: Self,
        other: TensorLike,
        *,
        rounding_mode: Literal["floor", "trunc"] | None = None,
    ) -> Self:
        """input / other. rounding_mode rounds it: 'floor' down, 'trunc' towards 0; of integers it is then an integer

        In place: the result becomes the value of the tensor, which is returned.
        """

    def divide(self, other: TensorLike, *, rounding_mode: Literal["floor", "trunc"] | None = None) -> Tensor:
        """input / other. rounding_mode rounds it: 'floor' down, 'trunc' towards 0; of integers it is then an integer"""

    def divide_(
        self: Self,
        other: TensorLike,
        *,
        rounding_mode: Literal["floor", "trunc"] | None = None,
    ) -> Self:
        """input / other. rounding_mode rounds it: 'floor' down, 'trunc' towards 0; of integers it is then an integer

        In place: the result becomes the value of the tensor, which is returned.
        """

    def dot(self, tensor: TensorLike) -> Tensor:
        """sum_i x_i y_i of two vectors, 0-d."""

    def double(self) -> Tensor:
        """As float64."""

    def dsplit(self, indices_or_sections: _int | Sequence[_int] | Tensor) -> tuple[Tensor, ...]:
        """Take axis 2 apart as `tensor_split`, but only into equal parts. Views."""

    @property
    def dtype(self) -> DType: ...
    def element_size(self) -> _int:
        """Give the bytes per element."""

    def eq(self, other: TensorLike) -> Tensor:
        """input == other"""

    def eq_(self: Self, other: TensorLike) -> Self:
        """input == other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def equal(self, other: Tensor) -> _bool:
        """Say whether two tensors have one shape and the same elements; NaN equals nothing.

        Raises
        ------
        TypeError
            If one of them is no tensor.
        """

    def erf(self) -> Tensor:
        """2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x"""

    def erf_(self: Self) -> Self:
        """2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x

        In place: the result becomes the value of the tensor, which is returned.
        """

    def erfc(self) -> Tensor:
        """1 - erf(x), also where that is small"""

    def erfc_(self: Self) -> Self:
        """1 - erf(x), also where that is small

        In place: the result becomes the value of the tensor, which is returned.
        """

    def erfinv(self) -> Tensor:
        """y for x = erf(y)"""

    def erfinv_(self: Self) -> Self:
        """y for x = erf(y)

        In place: the result becomes the value of the tensor, which is returned.
        """

    def exp(self) -> Tensor:
        """e^x"""

    def exp2(self) -> Tensor:
        """2^x"""

    def exp2_(self: Self) -> Self:
        """2^x

        In place: the result becomes the value of the tensor, which is returned.
        """

    def exp_(self: Self) -> Self:
        """e^x

        In place: the result becomes the value of the tensor, which is returned.
        """

    @overload
    def expand(self, size: Size) -> Tensor: ...
    @overload
    def expand(self, *size: _int) -> Tensor:
        """The tensor repeated to a shape that it broadcasts to; -1 keeps a size. A view."""

    def expand_as(self, other: TensorLike) -> Tensor:
        """Repeated to the shape of other. A view."""

    def expm1(self) -> Tensor:
        """e^x - 1, also where x is small"""

    def expm1_(self: Self) -> Self:
        """e^x - 1, also where x is small

        In place: the result becomes the value of the tensor, which is returned.
        """

    def exponential_(self, lambd: _float = 1.0, *, generator: Any = None) -> Tensor:
        """Fill with numbers of the exponential distribution: -log(u) / lambd, u uniform in (0, 1]."""

    def fill_(self: Self, value: _float | Tensor) -> Self:
        """Every element becomes the number, or the value of a 0-d tensor."""

    def fill_diagonal_(self, fill_value: _float, wrap: _bool = False) -> Tensor:
        """Write a number to all [i, i, ...]; in tall matrices with `wrap` again from each (n + 2)-th row on."""

    def fix(self) -> Tensor:
        """x without its fraction; derivative 0"""

    def fix_(self: Self) -> Self:
        """x without its fraction; derivative 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def flatten(self, start_dim: _int = 0, end_dim: _int = -1) -> Tensor:
        """The axes start_dim to end_dim, both included, as one; a 0-d tensor becomes (1,). A view where the strides allow it, else a copy."""

    @overload
    def flip(self, dims: Size) -> Tensor: ...
    @overload
    def flip(self, *dims: _int) -> Tensor:
        """The axes dims backwards. A copy."""

    def fliplr(self) -> Tensor:
        """The columns (axis 1) backwards. A copy."""

    def flipud(self) -> Tensor:
        """The rows (axis 0) backwards. A copy."""

    def float(self) -> Tensor:
        """As float32."""

    def float_power(self, exponent: TensorLike) -> Tensor:
        """input^exponent in float64"""

    def float_power_(self: Self, exponent: TensorLike) -> Self:
        """input^exponent in float64

        In place: the result becomes the value of the tensor, which is returned.
        """

    def floor(self) -> Tensor:
        """the largest whole number <= x; derivative 0"""

    def floor_(self: Self) -> Self:
        """the largest whole number <= x; derivative 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def floor_divide(self, other: TensorLike) -> Tensor:
        """input / other rounded down, as (input - fmod(input, other)) / other: 1 // 0.1 is 9. ValueError for integers by 0"""

    def floor_divide_(self: Self, other: TensorLike) -> Self:
        """input / other rounded down, as (input - fmod(input, other)) / other: 1 // 0.1 is 9. ValueError for integers by 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def fmax(self, other: TensorLike) -> Tensor:
        """max(input, other); of a number and NaN the number"""

    def fmin(self, other: TensorLike) -> Tensor:
        """min(input, other); of a number and NaN the number"""

    def fmod(self, other: TensorLike) -> Tensor:
        """what is left of input / other rounded towards 0, with the sign of input; exact. ValueError for integers by 0"""

    def fmod_(self: Self, other: TensorLike) -> Self:
        """what is left of input / other rounded towards 0, with the sign of input; exact. ValueError for integers by 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def frac(self) -> Tensor:
        """x - trunc(x)"""

    def frac_(self: Self) -> Self:
        """x - trunc(x)

        In place: the result becomes the value of the tensor, which is returned.
        """

    def frexp(self) -> return_types.frexp:
        """mantissa: m, |m| in [0.5, 1), and exponent: e, int32, of each element m 2^e; of 0, infinite ones and NaN themselves and 0."""

    def gather(
        self,
        dim: _int = ...,
        index: TensorLike = ...,
        *,
        axis: _int = ...,
        sparse_grad: _bool = False,
    ) -> Tensor:
        """out[i, j, ..] is input at i, j, .. with the number index[i, j, ..] in place of that along dim. index has as many axes as input and the shape of the result; its elements are 0 to input.shape[dim] - 1."""

    def gcd(self, other: TensorLike) -> Tensor:
        """the greatest common divisor of integers"""

    def gcd_(self: Self, other: TensorLike) -> Self:
        """the greatest common divisor of integers

        In place: the result becomes the value of the tensor, which is returned.
        """

    def ge(self, other: TensorLike) -> Tensor:
        """input >= other"""

    def ge_(self: Self, other: TensorLike) -> Self:
        """input >= other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def gelu(self) -> Tensor:
        """x Phi(x) = x / 2 (1 + erf(x / sqrt(2))). Source: Hendrycks and Gimpel (2016), Gaussian Error Linear Units, arXiv:1606.08415"""

    def gelu_(self: Self) -> Self:
        """x Phi(x) = x / 2 (1 + erf(x / sqrt(2))). Source: Hendrycks and Gimpel (2016), Gaussian Error Linear Units, arXiv:1606.08415

        In place: the result becomes the value of the tensor, which is returned.
        """

    def geometric_(self, p: _float, *, generator: Any = None) -> Tensor:
        """Fill with how many trials of probability p the first success takes: 1 + floor(log(u) / log(1 - p))."""

    def geqrf(self) -> _types.geqrf:
        """Give the vectors, R above them, and factors tau from which `orgqr` makes the Q of `qr`.

        Not differentiable. Needs SciPy.
        """

    def ger(self, vec2: TensorLike) -> Tensor:
        """x_i y_j of two vectors: (n,) and (m,) give (n, m)."""

    def get_device(self) -> _int:
        """Give -1, the number of the CPU."""

    @property
    def grad(self) -> Tensor | None: ...
    @grad.setter
    def grad(self, value: Tensor | None) -> None: ...
    @property
    def grad_fn(self) -> Node | None: ...
    def greater(self, other: TensorLike) -> Tensor:
        """input > other"""

    def greater_(self: Self, other: TensorLike) -> Self:
        """input > other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def greater_equal(self, other: TensorLike) -> Tensor:
        """input >= other"""

    def greater_equal_(self: Self, other: TensorLike) -> Self:
        """input >= other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def gt(self, other: TensorLike) -> Tensor:
        """input > other"""

    def gt_(self: Self, other: TensorLike) -> Self:
        """input > other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def half(self) -> Tensor:
        """As float16."""

    def hardshrink(self, lambd: _float = 0.5) -> Tensor:
        """x where |x| > lambd, else 0"""

    def heaviside(self, values: TensorLike) -> Tensor:
        """0 below 0, 1 above, values at 0"""

    def heaviside_(self: Self, values: TensorLike) -> Self:
        """0 below 0, 1 above, values at 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def histc(self, bins: _int = 100, min: _float = 0.0, max: _float = 0.0) -> Tensor:
        """How many elements lie in each of `bins` intervals of one length from min to max, which is in the last one; where both are 0, from the least to the largest element. Not differentiable."""

    def histogram(
        self,
        bins: _int | Tensor,
        *,
        range: Sequence[_float] | None = None,
        weight: Tensor | None = None,
        density: _bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Count elements by intervals.

        Parameters
        ----------
        input : Tensor
            float32 or float64.
        bins : int, or Tensor, shape (n + 1,)
            How many intervals of equal size; or their edges, ascending. All but the last are half open.
        range : (float, float), optional
            Where intervals of equal size begin and end; else at the least and the largest element.
        weight : Tensor, optional
            What each element counts, of input's shape and dtype; else 1.
        density : bool, default False
            Divide by the sum of all and the size of the interval, so that the integral is 1.

        Returns
        -------
        hist : Tensor, shape (n,)
        bin_edges : Tensor, shape (n + 1,)
            Both of input's dtype, as a named tuple.

        Raises
        ------
        ValueError
            If the range, or without one an element, is not finite, or the range's size is not.
        """

    def hsplit(self, indices_or_sections: _int | Sequence[_int] | Tensor) -> tuple[Tensor, ...]:
        """Take axis 1 apart, of a vector axis 0, as `tensor_split`, but only into equal parts. Views."""

    def hypot(self, other: TensorLike) -> Tensor:
        """(input^2 + other^2)^(1/2); no square overflows; derivative 0 at 0"""

    def hypot_(self: Self, other: TensorLike) -> Self:
        """(input^2 + other^2)^(1/2); no square overflows; derivative 0 at 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def i0(self) -> Tensor:
        """I0(x), the modified Bessel function of the first kind of order 0"""

    def i0_(self: Self) -> Self:
        """I0(x), the modified Bessel function of the first kind of order 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def igamma(self, other: TensorLike) -> Tensor:
        """P(input, other), the integral of t^(input - 1) e^-t from 0 to other over Gamma(input); the derivative by input is refused"""

    def igamma_(self: Self, other: TensorLike) -> Self:
        """P(input, other), the integral of t^(input - 1) e^-t from 0 to other over Gamma(input); the derivative by input is refused

        In place: the result becomes the value of the tensor, which is returned.
        """

    def igammac(self, other: TensorLike) -> Tensor:
        """1 - P(input, other), computed as such; see igamma"""

    def igammac_(self: Self, other: TensorLike) -> Self:
        """1 - P(input, other), computed as such; see igamma

        In place: the result becomes the value of the tensor, which is returned.
        """

    def index_add(
        self,
        dim: _int = ...,
        index: TensorLike = ...,
        source: TensorLike = ...,
        *,
        axis: _int = ...,
        alpha: _float = 1,
    ) -> Tensor:
        """input with the rows of source (times alpha) added to its rows (positions along dim) that index names, in the order of index."""

    def index_add_(
        self: Self,
        dim: _int = ...,
        index: TensorLike = ...,
        source: TensorLike = ...,
        *,
        axis: _int = ...,
        alpha: _float = 1,
    ) -> Self:
        """input with the rows of source (times alpha) added to its rows (positions along dim) that index names, in the order of index.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def index_copy(
        self,
        dim: _int = ...,
        index: TensorLike = ...,
        source: TensorLike = ...,
        *,
        axis: _int = ...,
    ) -> Tensor:
        """input with its rows (positions along dim) that index names replaced by the rows of source."""

    def index_copy_(
        self: Self,
        dim: _int = ...,
        index: TensorLike = ...,
        source: TensorLike = ...,
        *,
        axis: _int = ...,
    ) -> Self:
        """input with its rows (positions along dim) that index names replaced by the rows of source.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def index_fill(
        self,
        dim: _int = ...,
        index: TensorLike = ...,
        value: TensorLike = ...,
        *,
        axis: _int = ...,
    ) -> Tensor:
        """input with its rows (positions along dim) that index names filled with a number, or a tensor without axes."""

    def index_fill_(
        self: Self,
        dim: _int = ...,
        index: TensorLike = ...,
        value: TensorLike = ...,
        *,
        axis: _int = ...,
    ) -> Self:
        """input with its rows (positions along dim) that index names filled with a number, or a tensor without axes.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def index_put(self, indices: Sequence[Tensor], values: Tensor, accumulate: _bool = False) -> Tensor:
        """Give input with values at indices: what `input[indices] = values` leaves.

        Parameters
        ----------
        input : Tensor
        indices : sequence of Tensor
            Integers (int64, int32), which broadcast together, or masks (bool), for the first axes.
        values : Tensor
            Of input's dtype; broadcasts to `input[indices]`.
        accumulate : bool, default False
            Add to what is there, in the order of indices, also where positions repeat. Else the last one stays.

        Returns
        -------
        Tensor

        Raises
        ------
        IndexError
            If an index is outside its axis, or a mask does not fit.
        ShapeError, DTypeError
            If values do not fit.
        """

    def index_put_(self, indices: Sequence[Tensor], values: Tensor, accumulate: _bool = False) -> Tensor:
        """Write values at indices, as index_put; gives the tensor."""

    def index_reduce(
        self,
        dim: _int = ...,
        index: TensorLike = ...,
        source: TensorLike = ...,
        reduce: Literal["prod", "mean", "amax", "amin"] = ...,
        *,
        axis: _int = ...,
        include_self: _bool = True,
    ) -> Tensor:
        """scatter_reduce of whole rows: those of source to the rows (positions along dim) that index names."""

    def index_reduce_(
        self: Self,
        dim: _int = ...,
        index: TensorLike = ...,
        source: TensorLike = ...,
        reduce: Literal["prod", "mean", "amax", "amin"] = ...,
        *,
        axis: _int = ...,
        include_self: _bool = True,
    ) -> Self:
        """scatter_reduce of whole rows: those of source to the rows (positions along dim) that index names.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def index_rows(self, index: TensorLike) -> Tensor:
        """x[index]: the rows of x (r, ...) at index (...), which are 0 to r - 1; the result is index.shape + x.shape[1:]."""

    def index_select(self, dim: _int = ..., index: TensorLike = ..., *, axis: _int = ...) -> Tensor:
        """The rows (positions along dim) of input that the vector index names."""

    def inner(self, other: TensorLike) -> Tensor:
        """The sum of products over the last axis of both: (..., k) and (*, k) give (..., *); a 0-d side multiplies."""

    def int(self) -> Tensor:
        """As int32."""

    def inverse(self) -> Tensor:
        """Invert matrices: `linalg.inv`."""

    def is_complex(self) -> _bool:
        """Say whether the elements are complex numbers: never."""

    def is_conj(self) -> _bool:
        """Give False: no number is complex."""

    def is_contiguous(self, memory_format: _device.Word | None = None) -> _bool:
        """Whether the elements lie in row-major order, or that of the format, without gaps."""

    @property
    def is_cpu(self) -> _bool: ...
    @property
    def is_cuda(self) -> _bool: ...
    def is_floating_point(self) -> _bool:
        """Say whether the elements are floating-point numbers."""

    def is_inference(self) -> _bool:
        """False: inference_mode is no_grad here."""

    @property
    def is_leaf(self) -> _bool: ...
    @property
    def is_mps(self) -> _bool: ...
    def is_neg(self) -> _bool:
        """Give False: no negation is put off."""

    def is_nonzero(self) -> _bool:
        """Say whether the only element is not 0. RuntimeError unless there is exactly one."""

    def is_pinned(self, device: Any = None) -> _bool:
        """Give False."""

    @property
    def is_quantized(self) -> _bool: ...
    def is_same_size(self, other: Tensor) -> _bool:
        """Say whether the shapes are the same."""

    def is_shared(self) -> _bool:
        """Give False: processes share no memory."""

    def is_signed(self) -> _bool:
        """Say whether the dtype has negative numbers."""

    @property
    def is_sparse(self) -> _bool: ...
    @property
    def is_symbolic(self) -> _bool: ...
    def isclose(
        self, other: TensorLike, rtol: _float = 1e-05, atol: _float = 1e-08, equal_nan: _bool = False
    ) -> Tensor:
        """whether |input - other| <= atol + rtol |other|, or both are equal, or with equal_nan both NaN"""

    def isfinite(self) -> Tensor:
        """whether input is neither infinite nor NaN"""

    def isinf(self) -> Tensor:
        """whether input is inf or -inf"""

    def isnan(self) -> Tensor:
        """whether input is NaN"""

    def isneginf(self) -> Tensor:
        """whether input is -inf"""

    def isposinf(self) -> Tensor:
        """whether input is inf"""

    def isreal(self) -> Tensor:
        """Give True for each element: no number is complex."""

    def item(self) -> Any:
        """The only element, as a Python number."""

    @property
    def itemsize(self) -> _int: ...
    def kron(self, other: TensorLike) -> Tensor:
        """Kronecker's product: the blocks x_i y, in blocks along each axis; axes that one side lacks have size 1."""

    def kthvalue(
        self,
        k: _int,
        dim: _int = -1,
        keepdim: _bool = False,
        *,
        axis: _int = ...,
        keepdims: _bool = ...,
    ) -> return_types.kthvalue:
        """The k-th smallest element along dim, counted from 1, and its number there. NaN is above all."""

    @property
    def layout(self) -> _device.Word: ...
    def lcm(self, other: TensorLike) -> Tensor:
        """the least common multiple of integers"""

    def lcm_(self: Self, other: TensorLike) -> Self:
        """the least common multiple of integers

        In place: the result becomes the value of the tensor, which is returned.
        """

    def ldexp(self, other: TensorLike) -> Tensor:
        """input 2^other"""

    def ldexp_(self: Self, other: TensorLike) -> Self:
        """input 2^other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def le(self, other: TensorLike) -> Tensor:
        """input <= other"""

    def le_(self: Self, other: TensorLike) -> Self:
        """input <= other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def lerp(self, end: TensorLike, weight: TensorLike) -> Tensor:
        """input + weight (end - input), exact for weights 0 and 1"""

    def lerp_(self: Self, end: TensorLike, weight: TensorLike) -> Self:
        """input + weight (end - input), exact for weights 0 and 1

        In place: the result becomes the value of the tensor, which is returned.
        """

    def less(self, other: TensorLike) -> Tensor:
        """input < other"""

    def less_(self: Self, other: TensorLike) -> Self:
        """input < other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def less_equal(self, other: TensorLike) -> Tensor:
        """input <= other"""

    def less_equal_(self: Self, other: TensorLike) -> Self:
        """input <= other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def lgamma(self) -> Tensor:
        """ln |Gamma(x)|"""

    def lgamma_(self: Self) -> Self:
        """ln |Gamma(x)|

        In place: the result becomes the value of the tensor, which is returned.
        """

    def log(self) -> Tensor:
        """ln x; a zero gradient stays zero at x = 0"""

    def log10(self) -> Tensor:
        """ln x / ln 10, whole numbers of powers of 10"""

    def log10_(self: Self) -> Self:
        """ln x / ln 10, whole numbers of powers of 10

        In place: the result becomes the value of the tensor, which is returned.
        """

    def log1p(self) -> Tensor:
        """ln(1 + x), also where x is small; a zero gradient stays zero at x = -1"""

    def log1p_(self: Self) -> Self:
        """ln(1 + x), also where x is small; a zero gradient stays zero at x = -1

        In place: the result becomes the value of the tensor, which is returned.
        """

    def log2(self) -> Tensor:
        """ln x / ln 2, whole numbers of powers of 2"""

    def log2_(self: Self) -> Self:
        """ln x / ln 2, whole numbers of powers of 2

        In place: the result becomes the value of the tensor, which is returned.
        """

    def log_(self: Self) -> Self:
        """ln x; a zero gradient stays zero at x = 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def log_normal_(self, mean: _float = 1.0, std: _float = 2.0, *, generator: Any = None) -> Tensor:
        """Fill with exp(z), z of the normal distribution."""

    def log_softmax(self, dim: _int = ..., dtype: DTypeLike | None = None, *, axis: _int = ...) -> Tensor:
        """x - ln sum exp(x) along the axis dim. No finite x overflows."""

    def logaddexp(self, other: TensorLike) -> Tensor:
        """ln(e^input + e^other); nothing overflows"""

    def logaddexp2(self, other: TensorLike) -> Tensor:
        """log2(2^input + 2^other); nothing overflows"""

    def logcumsumexp(self, dim: _int = ..., *, axis: _int = ...) -> Tensor:
        """ln sum exp of x[0], ..., x[k] for each k along the axis dim, of integers in float32. No finite x overflows."""

    def logdet(self) -> Tensor:
        """Give ln det of matrices (..., n, n): -inf of a determinant 0, NaN of a negative one.

        The derivative is A⁻ᵀ (Giles 2008).
        """

    def logical_and(self, other: TensorLike) -> Tensor:
        """whether neither is 0"""

    def logical_and_(self: Self, other: TensorLike) -> Self:
        """whether neither is 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def logical_not(self) -> Tensor:
        """whether x is 0"""

    def logical_not_(self: Self) -> Self:
        """whether x is 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def logical_or(self, other: TensorLike) -> Tensor:
        """whether any is not 0"""

    def logical_or_(self: Self, other: TensorLike) -> Self:
        """whether any is not 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def logical_xor(self, other: TensorLike) -> Tensor:
        """whether one of them alone is 0"""

    def logical_xor_(self: Self, other: TensorLike) -> Self:
        """whether one of them alone is 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def logit(self, eps: _float | None = None) -> Tensor:
        """ln(x / (1 - x)); with eps of x kept in [eps, 1 - eps]"""

    def logit_(self: Self, eps: _float | None = None) -> Self:
        """ln(x / (1 - x)); with eps of x kept in [eps, 1 - eps]

        In place: the result becomes the value of the tensor, which is returned.
        """

    def logsumexp(
        self,
        dim: Size | None = None,
        keepdim: _bool = False,
        *,
        axis: Size | None = ...,
        keepdims: _bool = ...,
    ) -> Tensor:
        """ln sum exp(x) over the axes dim (() or None: all), of integers in float32. No finite x overflows; of nothing, or nothing but -inf, -inf."""

    def long(self) -> Tensor:
        """As int64."""

    def lt(self, other: TensorLike) -> Tensor:
        """input < other"""

    def lt_(self: Self, other: TensorLike) -> Self:
        """input < other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def lu(self, pivot: _bool = True, get_infos: _bool = False) -> tuple[Tensor, ...]:
        """Give `linalg.lu_factor` as a tuple; with `get_infos` `linalg.lu_factor_ex`."""

    def lu_solve(self, LU_data: Any, LU_pivots: Any) -> Tensor:
        """Solve A X = b: `linalg.lu_solve`."""

    @property
    def mH(self) -> Tensor: ...
    @property
    def mT(self) -> Tensor: ...
    def masked_fill(self, mask: TensorLike, value: TensorLike) -> Tensor:
        """value, a number or a tensor without axes, where mask is true, else input; of input's dtype."""

    def masked_fill_(self: Self, mask: TensorLike, value: TensorLike) -> Self:
        """value, a number or a tensor without axes, where mask is true, else input; of input's dtype.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def masked_scatter(self, mask: TensorLike, source: TensorLike) -> Tensor:
        """input, broadcast with mask, with the elements of source, in order, where mask is true. ValueError where source has too few."""

    def masked_scatter_(self: Self, mask: TensorLike, source: TensorLike) -> Self:
        """input, broadcast with mask, with the elements of source, in order, where mask is true. ValueError where source has too few.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def masked_select(self, mask: TensorLike) -> Tensor:
        """The elements of input where mask, which broadcasts with it, is true, in row-major order. Not in a capture."""

    def matmul(self, other: TensorLike) -> Tensor:
        """x y: (..., m, k) by (..., k, n) gives (..., m, n), leading axes broadcast; a 1-d x is a row, a 1-d y a column. Each element is a chain of fused multiply-adds over k ascending, in parts of 4096; in 16 lanes where there is one column. Integers wrap around."""

    def matrix_exp(self) -> Tensor:
        """Give Σ Aⁿ / n!: `linalg.matrix_exp`."""

    def matrix_power(self, n: _int) -> Tensor:
        """Give Aⁿ: `linalg.matrix_power`."""

    @overload
    def max(self) -> Tensor: ...
    @overload
    def max(
        self,
        dim: _int = ...,
        keepdim: _bool = False,
        *,
        axis: _int = ...,
        keepdims: _bool = ...,
    ) -> return_types.max_dim: ...
    @overload
    def max(self, other: TensorLike) -> Tensor:
        """The largest of all elements, NaN if any is; equal ones share the derivative. max(input, dim, keepdim): (values, indices) along the axis dim, the first of equal ones, which gets the derivative. max(input, other): maximum."""

    def maximum(self, other: TensorLike) -> Tensor:
        """max(input, other), NaN if either is; where equal, each gets half of the derivative, where NaN, all of it"""

    def maximum_(self: Self, other: TensorLike) -> Self:
        """max(input, other), NaN if either is; where equal, each gets half of the derivative, where NaN, all of it

        In place: the result becomes the value of the tensor, which is returned.
        """

    def mean(
        self,
        dim: Size | None = None,
        keepdim: _bool = False,
        *,
        axis: Size | None = ...,
        keepdims: _bool = ...,
        dtype: DTypeLike | None = None,
    ) -> Tensor:
        """The mean over the axes dim (None: all); of nothing, NaN."""

    @overload
    def median(self) -> Tensor: ...
    @overload
    def median(
        self,
        dim: _int = ...,
        keepdim: _bool = False,
        *,
        axis: _int = ...,
        keepdims: _bool = ...,
    ) -> return_types.median_dim:
        """The lower median of all elements, NaN if any is; equal ones share the derivative. median(input, dim=-1, keepdim): (values, indices) along the axis dim, the derivative goes to the index."""

    @overload
    def min(self) -> Tensor: ...
    @overload
    def min(
        self,
        dim: _int = ...,
        keepdim: _bool = False,
        *,
        axis: _int = ...,
        keepdims: _bool = ...,
    ) -> return_types.min_dim: ...
    @overload
    def min(self, other: TensorLike) -> Tensor:
        """The least of all elements, NaN if any is; equal ones share the derivative. min(input, dim, keepdim): (values, indices) along the axis dim, the first of equal ones, which gets the derivative. min(input, other): minimum."""

    def minimum(self, other: TensorLike) -> Tensor:
        """min(input, other), NaN if either is; where equal, each gets half of the derivative, where NaN, all of it"""

    def minimum_(self: Self, other: TensorLike) -> Self:
        """min(input, other), NaN if either is; where equal, each gets half of the derivative, where NaN, all of it

        In place: the result becomes the value of the tensor, which is returned.
        """

    def mm(self, mat2: TensorLike) -> Tensor:
        """x y of two matrices, (m, k) by (k, n)."""

    def mode(
        self,
        dim: _int = -1,
        keepdim: _bool = False,
        *,
        axis: _int = ...,
        keepdims: _bool = ...,
    ) -> return_types.mode:
        """(values, indices): the most frequent number along the axis dim, of several the least, where it is last."""

    def moveaxis(self, source: Size, destination: Size) -> Tensor:
        """The axes source at the positions destination, the others in their order. A view."""

    def movedim(self, source: Size, destination: Size) -> Tensor:
        """The axes source at the positions destination, the others in their order. A view."""

    def msort(self) -> Tensor:
        """The elements along the first axis in ascending order."""

    def mul(self, other: TensorLike) -> Tensor:
        """input times other; of bools, whether both are true"""

    def mul_(self: Self, other: TensorLike) -> Self:
        """input times other; of bools, whether both are true

        In place: the result becomes the value of the tensor, which is returned.
        """

    def multinomial(self, num_samples: _int, replacement: _bool = False, *, generator: Any = None) -> Tensor:
        """For each row of weights, (n,) or (m, n), num_samples positions of it, each as likely as its share of what may still be drawn; without replacement none twice. int64. ValueError where weights are negative, not finite, or too few are above 0."""

    def multiply(self, other: TensorLike) -> Tensor:
        """input times other; of bools, whether both are true"""

    def multiply_(self: Self, other: TensorLike) -> Self:
        """input times other; of bools, whether both are true

        In place: the result becomes the value of the tensor, which is returned.
        """

    def mv(self, vec: TensorLike) -> Tensor:
        """x v of a matrix (m, k) and a vector (k,)."""

    def mvlgamma(self, p: _int) -> Tensor:
        """ln of the multivariate gamma function: p (p - 1) / 4 ln pi + sum over j < p of ln Gamma(input - j / 2)"""

    def mvlgamma_(self: Self, p: _int) -> Self:
        """ln of the multivariate gamma function: p (p - 1) / 4 ln pi + sum over j < p of ln Gamma(input - j / 2)

        In place: the result becomes the value of the tensor, which is returned.
        """

    def nan_to_num(
        self, nan: _float | None = None, posinf: _float | None = None, neginf: _float | None = None
    ) -> Tensor:
        """input with NaN, inf and -inf replaced: by `nan`, `posinf` and `neginf`, or the largest and least numbers"""

    def nan_to_num_(
        self: Self, nan: _float | None = None, posinf: _float | None = None, neginf: _float | None = None
    ) -> Self:
        """input with NaN, inf and -inf replaced: by `nan`, `posinf` and `neginf`, or the largest and least numbers

        In place: the result becomes the value of the tensor, which is returned.
        """

    def nanmean(
        self,
        dim: Size | None = None,
        keepdim: _bool = False,
        *,
        axis: Size | None = ...,
        keepdims: _bool = ...,
        dtype: DTypeLike | None = None,
    ) -> Tensor:
        """The mean over the axes dim (None: all) of what is not NaN."""

    @overload
    def nanmedian(self) -> Tensor: ...
    @overload
    def nanmedian(
        self,
        dim: _int = ...,
        keepdim: _bool = False,
        *,
        axis: _int = ...,
        keepdims: _bool = ...,
    ) -> return_types.nanmedian_dim:
        """The lower median of all elements that are not NaN; equal ones share the derivative. nanmedian(input, dim=-1, keepdim): (values, indices) along the axis dim, the derivative goes to the index."""

    def nanquantile(
        self,
        q: TensorLike,
        dim: _int | None = None,
        keepdim: _bool = False,
        *,
        axis: _int | None = ...,
        keepdims: _bool = ...,
        interpolation: Literal["linear", "lower", "higher", "midpoint", "nearest"] = "linear",
    ) -> Tensor:
        """As quantile, of what is not NaN; of NaN alone, NaN."""

    def nansum(
        self,
        dim: Size | None = None,
        keepdim: _bool = False,
        *,
        axis: Size | None = ...,
        keepdims: _bool = ...,
        dtype: DTypeLike | None = None,
    ) -> Tensor:
        """The sum over the axes dim (None: all), in which NaN counts as 0."""

    def narrow(self, dim: _int = ..., start: _int = ..., length: _int = ..., *, axis: _int = ...) -> Tensor:
        """x[start:start + length] on axis dim, which must be there. A view."""

    def narrow_copy(self, dim: _int, start: _int, length: _int) -> Tensor:
        """Give a copy of `input.narrow(dim, start, length)`."""

    @property
    def nbytes(self) -> _int: ...
    @property
    def ndim(self) -> _int: ...
    def ndimension(self) -> _int:
        """Give the number of axes."""

    def ne(self, other: TensorLike) -> Tensor:
        """input != other"""

    def ne_(self: Self, other: TensorLike) -> Self:
        """input != other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def neg(self) -> Tensor:
        """-x"""

    def neg_(self: Self) -> Self:
        """-x

        In place: the result becomes the value of the tensor, which is returned.
        """

    def negative(self) -> Tensor:
        """-x"""

    def negative_(self: Self) -> Self:
        """-x

        In place: the result becomes the value of the tensor, which is returned.
        """

    def nelement(self) -> _int:
        """Give the number of elements."""

    def new(self, *data: Any, device: DeviceLike = None) -> Tensor:
        """Give what `Tensor(*data)` gives, with the tensor's dtype."""

    def new_empty(
        self,
        *size: Any,
        dtype: Any = None,
        device: DeviceLike = None,
        requires_grad: _bool = False,
        layout: Any = None,
        pin_memory: _bool = False,
    ) -> Tensor:
        """Give a tensor of a shape, to be written; until then it holds zeros."""

    def new_full(
        self,
        size: Any,
        fill_value: Any,
        *,
        dtype: Any = None,
        device: DeviceLike = None,
        requires_grad: _bool = False,
        layout: Any = None,
        pin_memory: _bool = False,
    ) -> Tensor:
        """Give a tensor of one number."""

    def new_ones(
        self,
        *size: Any,
        dtype: Any = None,
        device: DeviceLike = None,
        requires_grad: _bool = False,
        layout: Any = None,
        pin_memory: _bool = False,
    ) -> Tensor:
        """Give ones of a shape."""

    def new_tensor(
        self,
        data: Any,
        *,
        dtype: Any = None,
        device: DeviceLike = None,
        requires_grad: _bool = False,
        layout: Any = None,
        pin_memory: _bool = False,
    ) -> Tensor:
        """Give a tensor with a copy of data."""

    def new_zeros(
        self,
        *size: Any,
        dtype: Any = None,
        device: DeviceLike = None,
        requires_grad: _bool = False,
        layout: Any = None,
        pin_memory: _bool = False,
    ) -> Tensor:
        """Give zeros of a shape."""

    def nextafter(self, other: TensorLike) -> Tensor:
        """the number next to input towards other"""

    def nextafter_(self: Self, other: TensorLike) -> Self:
        """the number next to input towards other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def nonzero(self, *, as_tuple: _bool = False) -> Tensor | tuple[Tensor, ...]:
        """Find the elements that are not 0.

        Parameters
        ----------
        input : Tensor
        as_tuple : bool, default False
            Give a vector for each axis, as `input[...]` takes them, instead of one matrix.

        Returns
        -------
        Tensor, shape (n, axes), int64, or a tuple of Tensor, shape (n,), int64
            Positions in row-major order.

        Raises
        ------
        GraphError
            In a capture, where n is not known.
        """

    def norm(
        self,
        p: _float | str | None = "fro",
        dim: _int | Sequence[_int] | None = None,
        keepdim: _bool = False,
        out: Tensor | None = None,
        dtype: DType | None = None,
        *,
        axis: _int | Sequence[_int] | None = None,
        keepdims: _bool = False,
    ) -> Tensor:
        """Give (Σ |x|^p)^(1/p) over the axes dim (None: all), of all elements of several axes as of one vector.

        Parameters
        ----------
        input : Tensor
            Floats; squares are summed in float64.
        p : float, 'fro' or 'nuc'
            inf, -inf: the largest, the least |x|; 0: how many are not 0. 'fro', None: 2. 'nuc': the sum of the
            singular values of the matrices that two axes make (`linalg.matrix_norm`).
        dim : int or tuple of int, optional
        keepdim : bool
        out : Tensor, optional
            Where the result goes.
        dtype : dtype, optional
            The input is cast to it before.
        axis, keepdims
            Other names of `dim` and `keepdim`.

        Raises
        ------
        ShapeError
            If 'nuc' is given for other than two axes.
        """

    def normal_(self, mean: _float = 0.0, std: _float = 1.0, *, generator: Any = None) -> Tensor:
        """Fill with random numbers of the normal distribution."""

    def not_equal(self, other: TensorLike) -> Tensor:
        """input != other"""

    def not_equal_(self: Self, other: TensorLike) -> Self:
        """input != other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def numel(self) -> _int:
        """The number of elements."""

    def numpy(self) -> npt.NDArray[Any]:
        """A read-only NumPy view. Its values stay, whatever happens to the tensor or parameter."""

    def orgqr(self, tau: Any) -> Tensor:
        """Give Q: `linalg.householder_product`."""

    def ormqr(self, input2: Any, input3: Any, left: _bool = True, transpose: _bool = False) -> Tensor:
        """Multiply input3 by the whole (m, m) Q of `geqrf`: from the left or the right, Qᵀ if `transpose`."""

    def outer(self, vec2: TensorLike) -> Tensor:
        """x_i y_j of two vectors: (n,) and (m,) give (n, m)."""

    @overload
    def permute(self, dims: Size) -> Tensor: ...
    @overload
    def permute(self, *dims: _int) -> Tensor:
        """The axes in the order dims. A view."""

    def pin_memory(self, device: Any = None) -> Tensor:
        """Give the tensor itself: there is no GPU to copy it to."""

    def pinverse(self, rcond: _float = 1e-15) -> Tensor:
        """Give pseudo-inverses: `linalg.pinv`."""

    def positive(self) -> Tensor:
        """input as it is"""

    def pow(self, exponent: TensorLike) -> Tensor:
        """input^exponent as C's pow; of integers an integer. At input 0 the derivative by exponents >= 0 is 0"""

    def pow_(self: Self, exponent: TensorLike) -> Self:
        """input^exponent as C's pow; of integers an integer. At input 0 the derivative by exponents >= 0 is 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def prelu(self, weight: TensorLike) -> Tensor:
        """x above 0, weight x below: one weight, or one per channel (axis 1). Source: He et al. (2015), arXiv:1502.01852"""

    def prod(
        self,
        dim: _int | None = None,
        keepdim: _bool = False,
        *,
        axis: _int | None = ...,
        keepdims: _bool = ...,
        dtype: DTypeLike | None = None,
    ) -> Tensor:
        """The product along the axis dim (None: of all elements); integers and bools are multiplied in int64. Of nothing, 1."""

    def put(self, index: TensorLike, source: TensorLike, accumulate: _bool = False) -> Tensor:
        """input with source's elements at the positions index in row-major order, or added there with accumulate."""

    def put_(self: Self, index: TensorLike, source: TensorLike, accumulate: _bool = False) -> Self:
        """input with source's elements at the positions index in row-major order, or added there with accumulate.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def qr(self, some: _bool = True) -> _types.qr:
        """Factor: `linalg.qr`, reduced if `some`, else complete."""

    def quantile(
        self,
        q: TensorLike,
        dim: _int | None = None,
        keepdim: _bool = False,
        *,
        axis: _int | None = ...,
        keepdims: _bool = ...,
        interpolation: Literal["linear", "lower", "higher", "midpoint", "nearest"] = "linear",
    ) -> Tensor:
        """The quantiles q, in [0, 1], of the elements along the axis dim (None: of all). In ascending order x[0], ..., x[n-1] the one of q is x at q (n - 1); between two elements x[i] + f (x[i+1] - x[i]), f being the fraction (or the lower, the higher, the nearest one, f = 0.5). For a vector q of k numbers the first axis of the result has size k. NaN where there is one."""

    def rad2deg(self) -> Tensor:
        """input 180 / pi"""

    def rad2deg_(self: Self) -> Self:
        """input 180 / pi

        In place: the result becomes the value of the tensor, which is returned.
        """

    def random_(self, from_: Any = None, to: Any = None, *, generator: Any = None) -> Tensor:
        """Fill with whole numbers below `to`, from `from_` or 0 on; by default with all that the dtype holds."""

    def ravel(self) -> Tensor:
        """All elements in row-major order, along one axis. A view where the strides allow it, else a copy."""

    @property
    def real(self) -> Tensor: ...
    def reciprocal(self) -> Tensor:
        """1 / x"""

    def reciprocal_(self: Self) -> Self:
        """1 / x

        In place: the result becomes the value of the tensor, which is returned.
        """

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Calls hook(gradient) whenever a sweep has this tensor's gradient; what it gives, unless None, takes the gradient's place.

        Returns a handle, whose remove() ends that. Inside bs.compile the hook is recorded, as all else is.
        """

    def relu(self) -> Tensor:
        """max(x, 0), NaN stays; derivative 0 at x = 0, 1 at NaN"""

    def relu_(self: Self) -> Self:
        """max(x, 0), NaN stays; derivative 0 at x = 0, 1 at NaN

        In place: the result becomes the value of the tensor, which is returned.
        """

    def remainder(self, other: TensorLike) -> Tensor:
        """what is left of input / other rounded down, with the sign of other. ValueError for integers by 0"""

    def remainder_(self: Self, other: TensorLike) -> Self:
        """what is left of input / other rounded down, with the sign of other. ValueError for integers by 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def renorm(self, p: _float, dim: _int, maxnorm: _float) -> Tensor:
        """Shrink each part at a position of an axis whose p-norm is above `maxnorm` to that norm.

        Parameters
        ----------
        input : Tensor
            float32 or float64, of two axes or more.
        p : float
            Above 0.
        dim : int
        maxnorm : float

        Returns
        -------
        Tensor
            A part x with ‖x‖ > maxnorm as x maxnorm / (‖x‖ + 1e-7).

        Raises
        ------
        ShapeError
            The input has fewer than two axes.
        ValueError
            `p` is not above 0, or `maxnorm` below it.
        """

    @overload
    def repeat(self, repeats: Size) -> Tensor: ...
    @overload
    def repeat(self, *repeats: _int) -> Tensor:
        """Each axis repeated as often as sizes says, as a copy; new axes come first."""

    def repeat_interleave(
        self,
        repeats: _int | Tensor,
        dim: _int | None = None,
        *,
        output_size: _int | None = None,
    ) -> Tensor:
        """Repeat each element along an axis, one after the other.

        Parameters
        ----------
        input : Tensor
        repeats : int, or Tensor of ints, shape () or (n,)
            How often, for all or for each position. A tensor's values are read: not inside `bs.compile`.
        dim : int, optional
            The axis; of all elements in a row if it is left out.
        output_size : int, optional
            The size that the axis gets; checked.

        Returns
        -------
        Tensor

        Raises
        ------
        ShapeError
            If there is neither one repeat nor one for each element of the axis.
        ValueError
            If a repeat is negative.
        """

    @property
    def requires_grad(self) -> _bool: ...
    @requires_grad.setter
    def requires_grad(self, value: _bool) -> None: ...
    def requires_grad_(self: Self, requires_grad: _bool = True) -> Self:
        """Sets whether gradients by this leaf are recorded; returns it."""

    @overload
    def reshape(self, shape: Size) -> Tensor: ...
    @overload
    def reshape(self, *shape: _int) -> Tensor:
        """The elements in row-major order under another shape; one size may be -1. A view where the strides allow it, else a copy."""

    def reshape_as(self, other: TensorLike) -> Tensor:
        """The elements in row-major order under the shape of other. A view where the strides allow it, else a copy."""

    def resize_(self, *size: Any, memory_format: Any = None) -> Tensor:
        """Give the tensor another size: its elements in row-major order as far as they go, then zeros.

        What has as many elements stays a view of what it was one of; else the value is one of its own, which no
        view shows. RuntimeError for a tensor that requires a gradient.
        """

    def resize_as_(self, the_template: Tensor, memory_format: Any = None) -> Tensor:
        """Give the tensor the size of another, as `resize_`."""

    def resolve_conj(self) -> Tensor:
        """Give the tensor itself: no number is complex."""

    def resolve_neg(self) -> Tensor:
        """Give the tensor itself: no negation is put off."""

    def retain_grad(self) -> None:
        """This result keeps its gradient in .grad, as leaves do."""

    @property
    def retains_grad(self) -> _bool: ...
    def roll(self, shifts: Size, dims: Size = ()) -> Tensor:
        """Each axis of dims moved on by its shift; what leaves at the end comes in at the beginning. dims=(): of all elements in row-major order."""

    def rot90(self, k: _int = 1, dims: Size = (0, 1)) -> Tensor:
        """The plane of two axes turned by k times 90 degrees, from the first axis towards the second. A copy."""

    def round(self, *, decimals: _int = 0) -> Tensor:
        """the nearest whole number, of two the even one; derivative 0. decimals: the nearest multiple of 10^-decimals, of floats"""

    def round_(self: Self, *, decimals: _int = 0) -> Self:
        """the nearest whole number, of two the even one; derivative 0. decimals: the nearest multiple of 10^-decimals, of floats

        In place: the result becomes the value of the tensor, which is returned.
        """

    def rsqrt(self) -> Tensor:
        """x^(-1/2)"""

    def rsqrt_(self: Self) -> Self:
        """x^(-1/2)

        In place: the result becomes the value of the tensor, which is returned.
        """

    @overload
    def scatter(
        self,
        dim: _int = ...,
        index: TensorLike = ...,
        src: TensorLike = ...,
        *,
        axis: _int = ...,
        reduce: Literal["add", "multiply"] | None = None,
    ) -> Tensor: ...
    @overload
    def scatter(
        self,
        dim: _int = ...,
        index: TensorLike = ...,
        value: TensorLike = ...,
        *,
        axis: _int = ...,
        reduce: Literal["add", "multiply"] | None = None,
    ) -> Tensor:
        """input with src[i, j, ..], or a number, at i, j, .. with index[i, j, ..] in place of the number along dim, for all elements of index; of several at one place the last one. reduce: added, or multiplied, in their order. src is as large as index or larger."""

    @overload
    def scatter_(
        self: Self,
        dim: _int = ...,
        index: TensorLike = ...,
        src: TensorLike = ...,
        *,
        axis: _int = ...,
        reduce: Literal["add", "multiply"] | None = None,
    ) -> Self: ...
    @overload
    def scatter_(
        self: Self,
        dim: _int = ...,
        index: TensorLike = ...,
        value: TensorLike = ...,
        *,
        axis: _int = ...,
        reduce: Literal["add", "multiply"] | None = None,
    ) -> Self:
        """input with src[i, j, ..], or a number, at i, j, .. with index[i, j, ..] in place of the number along dim, for all elements of index; of several at one place the last one. reduce: added, or multiplied, in their order. src is as large as index or larger.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def scatter_add(
        self,
        dim: _int = ...,
        index: TensorLike = ...,
        src: TensorLike = ...,
        *,
        axis: _int = ...,
    ) -> Tensor:
        """scatter with what comes added to what is there, in the order of index."""

    def scatter_add_(
        self: Self,
        dim: _int = ...,
        index: TensorLike = ...,
        src: TensorLike = ...,
        *,
        axis: _int = ...,
    ) -> Self:
        """scatter with what comes added to what is there, in the order of index.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def scatter_reduce(
        self,
        dim: _int = ...,
        index: TensorLike = ...,
        src: TensorLike = ...,
        reduce: Literal["sum", "prod", "mean", "amax", "amin"] = ...,
        *,
        axis: _int = ...,
        include_self: _bool = True,
    ) -> Tensor:
        """scatter with all that comes to one place reduced with what is there (with include_self=False only what comes): their sum, prod, mean, amax or amin. The derivative of equal extremes is shared among them."""

    def scatter_reduce_(
        self: Self,
        dim: _int = ...,
        index: TensorLike = ...,
        src: TensorLike = ...,
        reduce: Literal["sum", "prod", "mean", "amax", "amin"] = ...,
        *,
        axis: _int = ...,
        include_self: _bool = True,
    ) -> Self:
        """scatter with all that comes to one place reduced with what is there (with include_self=False only what comes): their sum, prod, mean, amax or amin. The derivative of equal extremes is shared among them.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def select(self, dim: _int = ..., index: _int = ..., *, axis: _int = ...) -> Tensor:
        """x[index] on axis dim, which is gone in the result; a negative index counts from the end. A view."""

    def select_scatter(self, src: Tensor, dim: _int, index: _int) -> Tensor:
        """Give input with src in place of `input.select(dim, index)`, whose shape it has."""

    def sgn(self) -> Tensor:
        """-1, 0 or 1, as sign"""

    def sgn_(self: Self) -> Self:
        """-1, 0 or 1, as sign

        In place: the result becomes the value of the tensor, which is returned.
        """

    @property
    def shape(self) -> tuple[_int, ...]: ...
    def share_memory_(self) -> NoReturn:
        """Raise RuntimeError: processes share no memory."""

    def short(self) -> Tensor:
        """As int16."""

    def sigmoid(self) -> Tensor:
        """1 / (1 + e^-x)"""

    def sigmoid_(self: Self) -> Self:
        """1 / (1 + e^-x)

        In place: the result becomes the value of the tensor, which is returned.
        """

    def sign(self) -> Tensor:
        """-1, 0 or 1 as x is below, at or above 0; 0 for NaN"""

    def sign_(self: Self) -> Self:
        """-1, 0 or 1 as x is below, at or above 0; 0 for NaN

        In place: the result becomes the value of the tensor, which is returned.
        """

    def signbit(self) -> Tensor:
        """whether input has a minus sign, as -0 has"""

    def sin(self) -> Tensor:
        """sin x"""

    def sin_(self: Self) -> Self:
        """sin x

        In place: the result becomes the value of the tensor, which is returned.
        """

    def sinc(self) -> Tensor:
        """sin(pi x) / (pi x), 1 at 0"""

    def sinc_(self: Self) -> Self:
        """sin(pi x) / (pi x), 1 at 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def sinh(self) -> Tensor:
        """(e^x - e^-x) / 2"""

    def sinh_(self: Self) -> Self:
        """(e^x - e^-x) / 2

        In place: the result becomes the value of the tensor, which is returned.
        """

    def size(self, dim: _int | None = None) -> Any:
        """The shape, or the size of one axis."""

    def slice_scatter(
        self, src: Tensor, dim: _int = 0, start: _int | None = None, end: _int | None = None, step: _int = 1
    ) -> Tensor:
        """Give input with src in place of `input[start:end:step]` along dim, whose shape it has."""

    def slogdet(self) -> _types.slogdet:
        """Give signs and logarithms of determinants: `linalg.slogdet`."""

    def softmax(self, dim: _int = ..., dtype: DTypeLike | None = None, *, axis: _int = ...) -> Tensor:
        """exp(x) / sum exp(x) along the axis dim. No finite x overflows; -inf gives 0, nothing but -inf NaN."""

    def softplus(self) -> Tensor:
        """ln(1 + e^x), written so that nothing overflows"""

    def softplus_(self: Self) -> Self:
        """ln(1 + e^x), written so that nothing overflows

        In place: the result becomes the value of the tensor, which is returned.
        """

    def sort(
        self,
        dim: _int = -1,
        descending: _bool = False,
        *,
        axis: _int = ...,
        stable: _bool = False,
    ) -> return_types.sort:
        """The elements along dim in ascending or descending order, and their numbers there before. NaN is above all. Equal ones always stay in their order, as with stable=True."""

    def split(
        self,
        split_size_or_sections: Size = ...,
        dim: _int = 0,
        *,
        split_size: Size = ...,
        axis: _int = ...,
    ) -> tuple[Tensor, ...]:
        """Parts of the axis dim, in order: all of one size (the last may be smaller), or of the sizes of a list, which sum to that of the axis. Views."""

    def split_with_sizes(self, split_sizes: Sequence[_int], dim: _int = 0) -> tuple[Tensor, ...]:
        """Take an axis apart into parts of the given sizes. Views, as of `split`."""

    def sqrt(self) -> Tensor:
        """x^(1/2); a zero gradient stays zero at x = 0"""

    def sqrt_(self: Self) -> Self:
        """x^(1/2); a zero gradient stays zero at x = 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def square(self) -> Tensor:
        """x^2"""

    def square_(self: Self) -> Self:
        """x^2

        In place: the result becomes the value of the tensor, which is returned.
        """

    def squeeze(self, dim: Size | None = None, *, axis: Size | None = ...) -> Tensor:
        """Without the axes of size 1 among dim (None: all). A view."""

    def squeeze_(self: Self, dim: Size | None = None, *, axis: Size | None = ...) -> Self:
        """Without the axes of size 1 among dim (None: all). A view.

        In place: the result becomes the value of the tensor, which is returned.
        """

    @overload
    def std(
        self,
        dim: Size | None = None,
        *,
        axis: Size | None = ...,
        correction: _float | None = None,
        keepdim: _bool = False,
        keepdims: _bool = ...,
    ) -> Tensor: ...
    @overload
    def std(
        self,
        dim: Size | None = None,
        unbiased: _bool = True,
        keepdim: _bool = False,
        *,
        axis: Size | None = ...,
        keepdims: _bool = ...,
    ) -> Tensor: ...
    @overload
    def std(self, unbiased: _bool) -> Tensor:
        """The root of the variance sum (x - mean)^2 / (n - correction) over the axes dim (None: all); derivative 0 where it is 0. unbiased=False, also the positional argument after dim, means correction=0."""

    @overload
    def std_mean(
        self,
        dim: Size | None = None,
        *,
        axis: Size | None = ...,
        correction: _float | None = None,
        keepdim: _bool = False,
        keepdims: _bool = ...,
    ) -> tuple[Tensor, Tensor]: ...
    @overload
    def std_mean(
        self,
        dim: Size | None = None,
        unbiased: _bool = True,
        keepdim: _bool = False,
        *,
        axis: Size | None = ...,
        keepdims: _bool = ...,
    ) -> tuple[Tensor, Tensor]: ...
    @overload
    def std_mean(self, unbiased: _bool) -> tuple[Tensor, Tensor]:
        """(std, mean), with the arguments of std."""

    def stride(self, dim: _int | None = None) -> Any:
        """Elements of memory from one position to the next, along each axis or one."""

    def sub(self, other: TensorLike, *, alpha: _float = 1) -> Tensor:
        """input - other"""

    def sub_(self: Self, other: TensorLike, *, alpha: _float = 1) -> Self:
        """input - other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def subtract(self, other: TensorLike, *, alpha: _float = 1) -> Tensor:
        """input - other"""

    def subtract_(self: Self, other: TensorLike, *, alpha: _float = 1) -> Self:
        """input - other

        In place: the result becomes the value of the tensor, which is returned.
        """

    def sum(
        self,
        dim: Size | None = None,
        keepdim: _bool = False,
        *,
        axis: Size | None = ...,
        keepdims: _bool = ...,
        dtype: DTypeLike | None = None,
    ) -> Tensor:
        """The sum over the axes dim (None: all); integers and bools are summed in int64. Float sums run in fixed blocks: the same bits on any number of threads."""

    def sum_to_size(self, *size: _int | Sequence[_int]) -> Tensor:
        """Add up what broadcasting a tensor of that size to input's shape would repeat."""

    def svd(self, some: _bool = True, compute_uv: _bool = True) -> _types.svd:
        """Give singular values and vectors, A = U diag(S) Vᵀ: `linalg.svd`, but V and not Vh.

        Without `compute_uv` U and V are zeros.
        """

    def swapaxes(self, dim0: _int = ..., dim1: _int = ..., *, axis0: _int = ..., axis1: _int = ...) -> Tensor:
        """The axes dim0 and dim1 exchanged. A view."""

    def swapaxes_(
        self: Self,
        dim0: _int = ...,
        dim1: _int = ...,
        *,
        axis0: _int = ...,
        axis1: _int = ...,
    ) -> Self:
        """The axes dim0 and dim1 exchanged. A view.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def swapdims(self, dim0: _int = ..., dim1: _int = ..., *, axis0: _int = ..., axis1: _int = ...) -> Tensor:
        """The axes dim0 and dim1 exchanged. A view."""

    def swapdims_(
        self: Self,
        dim0: _int = ...,
        dim1: _int = ...,
        *,
        axis0: _int = ...,
        axis1: _int = ...,
    ) -> Self:
        """The axes dim0 and dim1 exchanged. A view.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def t(self) -> Tensor:
        """A matrix transposed; of fewer axes, the tensor. A view."""

    def t_(self: Self) -> Self:
        """A matrix transposed; of fewer axes, the tensor. A view.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def take(self, index: TensorLike) -> Tensor:
        """The elements of input, in row-major order, at the positions index; those below 0 count from the end."""

    def take_along_dim(
        self,
        indices: TensorLike,
        dim: _int | None = None,
        *,
        axis: _int | None = ...,
    ) -> Tensor:
        """gather whose input and indices broadcast but for axis dim; without dim, of input in row-major order. Indices below 0 count from the end."""

    def tan(self) -> Tensor:
        """sin x / cos x"""

    def tan_(self: Self) -> Self:
        """sin x / cos x

        In place: the result becomes the value of the tensor, which is returned.
        """

    def tanh(self) -> Tensor:
        """(e^x - e^-x) / (e^x + e^-x)"""

    def tanh_(self: Self) -> Self:
        """(e^x - e^-x) / (e^x + e^-x)

        In place: the result becomes the value of the tensor, which is returned.
        """

    def tensor_split(
        self, indices_or_sections: _int | Sequence[_int] | Tensor, dim: _int = 0
    ) -> tuple[Tensor, ...]:
        """Take an axis apart into equal parts, the first ones one longer, or before the given positions. Views.

        Parameters
        ----------
        input : Tensor
        indices_or_sections : int, or ints
            How many parts, or the positions (negative ones from the end) where they begin after the first.
        dim : int

        Returns
        -------
        tuple of Tensor

        Raises
        ------
        ShapeError
            If input has no axes.
        """

    @overload
    def tile(self, dims: Size) -> Tensor: ...
    @overload
    def tile(self, *dims: _int) -> Tensor:
        """Each axis repeated as often as dims says, from the last one on; what dims has no number for stays."""

    def to(
        self,
        device: DeviceLike | DTypeLike | Tensor = None,
        dtype: DTypeLike | _bool | None = None,
        non_blocking: _bool = False,
        copy: _bool | None = False,
        *,
        memory_format: _device.Word | None = None,
    ) -> Tensor:
        """With another element type; the tensor itself where it has it, unless copy is set. Also to(dtype, ...) and to(other, ...). The only device is the CPU."""

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""

    def topk(
        self,
        k: _int,
        dim: _int = -1,
        largest: _bool = True,
        sorted: _bool = True,
        *,
        axis: _int = ...,
    ) -> return_types.topk:
        """The k largest elements along dim (smallest with largest=False), in order, and their numbers there. Of equal ones the first. NaN is above all."""

    def trace(self) -> Tensor:
        """sum_i x_ii of a matrix; of integers int64."""

    def transpose(
        self,
        dim0: _int = ...,
        dim1: _int = ...,
        *,
        axis0: _int = ...,
        axis1: _int = ...,
    ) -> Tensor:
        """The axes dim0 and dim1 exchanged. A view."""

    def transpose_(
        self: Self,
        dim0: _int = ...,
        dim1: _int = ...,
        *,
        axis0: _int = ...,
        axis1: _int = ...,
    ) -> Self:
        """The axes dim0 and dim1 exchanged. A view.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def triangular_solve(
        self, A: Any, upper: _bool = True, transpose: _bool = False, unitriangular: _bool = False
    ) -> _types.triangular_solve:
        """Solve A X = input (Aᵀ X = input if `transpose`): `linalg.solve_triangular`. Also gives A."""

    def tril(self, diagonal: _int = 0) -> Tensor:
        """Of matrices (the last two axes) the elements on the diagonal and below it, zeros above; the diagonal is as many columns to the right of the main one."""

    def tril_(self: Self, diagonal: _int = 0) -> Self:
        """Of matrices (the last two axes) the elements on the diagonal and below it, zeros above; the diagonal is as many columns to the right of the main one.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def triu(self, diagonal: _int = 0) -> Tensor:
        """Of matrices (the last two axes) the elements on the diagonal and above it, zeros below; the diagonal is as many columns to the right of the main one."""

    def triu_(self: Self, diagonal: _int = 0) -> Self:
        """Of matrices (the last two axes) the elements on the diagonal and above it, zeros below; the diagonal is as many columns to the right of the main one.

        In place: the result becomes the value of the tensor, which is returned.
        """

    def true_divide(
        self,
        other: TensorLike,
        *,
        rounding_mode: Literal["floor", "trunc"] | None = None,
    ) -> Tensor:
        """input / other. rounding_mode rounds it: 'floor' down, 'trunc' towards 0; of integers it is then an integer"""

    def true_divide_(
        self: Self,
        other: TensorLike,
        *,
        rounding_mode: Literal["floor", "trunc"] | None = None,
    ) -> Self:
        """input / other. rounding_mode rounds it: 'floor' down, 'trunc' towards 0; of integers it is then an integer

        In place: the result becomes the value of the tensor, which is returned.
        """

    def trunc(self) -> Tensor:
        """x without its fraction; derivative 0"""

    def trunc_(self: Self) -> Self:
        """x without its fraction; derivative 0

        In place: the result becomes the value of the tensor, which is returned.
        """

    def type(self, dtype: Any = None, non_blocking: _bool = False) -> Any:
        """Give the name of the type, 'torch.FloatTensor' as in PyTorch; with dtype, the tensor as that.

        dtype is a dtype, FloatTensor or its like, or such a name.
        """

    def type_as(self, other: TensorLike) -> Tensor:
        """With the element type of other."""

    def unbind(self, dim: _int = 0, *, axis: _int = ...) -> tuple[Tensor, ...]:
        """All positions of the axis dim, which is gone in the results. Views."""

    def unflatten(self, dim: _int = ..., sizes: Size = ..., *, axis: _int = ...) -> Tensor:
        """The axis dim as several of the given sizes, one of which may be -1. A view."""

    def unfold(self, dimension: _int, size: _int, step: _int) -> Tensor:
        """All windows of `size` positions of the axis dimension, `step` apart; their positions are the last axis. A view."""

    def uniform_(self, from_: _float = 0.0, to: _float = 1.0, *, generator: Any = None) -> Tensor:
        """Fill with random numbers, uniform in [from_, to)."""

    def unique(
        self,
        sorted: _bool = True,
        return_inverse: _bool = False,
        return_counts: _bool = False,
        dim: _int | None = None,
    ) -> Tensor | tuple[Tensor, ...]:
        """Find the distinct elements, ascending; NaN is equal to nothing.

        Parameters
        ----------
        input : Tensor
        sorted : bool, default True
            Taken for PyTorch's sake: the result is sorted in any case.
        return_inverse, return_counts : bool, default False
            Also give, for each element, which of the distinct ones it is, and how often each of these occurs.
        dim : int, optional
            Compare the rows along this axis instead of elements.

        Returns
        -------
        Tensor, or a tuple of Tensor
            The distinct elements, and what else was asked for (int64).

        Raises
        ------
        GraphError
            In a capture, where the size of the result is not known.
        """

    def unique_consecutive(
        self, return_inverse: _bool = False, return_counts: _bool = False, dim: _int | None = None
    ) -> Tensor | tuple[Tensor, ...]:
        """Leave out elements that are equal to the one before them.

        Parameters
        ----------
        input : Tensor
        return_inverse, return_counts : bool, default False
            Also give, for each element, the number of the one that stands for it, and for how many each stands.
        dim : int, optional
            Compare the rows along this axis instead of elements.

        Returns
        -------
        Tensor, or a tuple of Tensor
            The elements that stay, and what else was asked for (int64).

        Raises
        ------
        GraphError
            In a capture, where the size of the result is not known.
        """

    def unsqueeze(self, dim: _int = ..., *, axis: _int = ...) -> Tensor:
        """With an axis of size 1 at position dim of the result. A view."""

    def unsqueeze_(self: Self, dim: _int = ..., *, axis: _int = ...) -> Self:
        """With an axis of size 1 at position dim of the result. A view.

        In place: the result becomes the value of the tensor, which is returned.
        """

    @overload
    def var(
        self,
        dim: Size | None = None,
        *,
        axis: Size | None = ...,
        correction: _float | None = None,
        keepdim: _bool = False,
        keepdims: _bool = ...,
    ) -> Tensor: ...
    @overload
    def var(
        self,
        dim: Size | None = None,
        unbiased: _bool = True,
        keepdim: _bool = False,
        *,
        axis: Size | None = ...,
        keepdims: _bool = ...,
    ) -> Tensor: ...
    @overload
    def var(self, unbiased: _bool) -> Tensor:
        """The variance sum (x - mean)^2 / (n - correction) over the axes dim (None: all), squares summed in float64; correction None is 1. Where n <= correction, inf or NaN. unbiased=False, also the positional argument after dim, means correction=0."""

    @overload
    def var_mean(
        self,
        dim: Size | None = None,
        *,
        axis: Size | None = ...,
        correction: _float | None = None,
        keepdim: _bool = False,
        keepdims: _bool = ...,
    ) -> tuple[Tensor, Tensor]: ...
    @overload
    def var_mean(
        self,
        dim: Size | None = None,
        unbiased: _bool = True,
        keepdim: _bool = False,
        *,
        axis: Size | None = ...,
        keepdims: _bool = ...,
    ) -> tuple[Tensor, Tensor]: ...
    @overload
    def var_mean(self, unbiased: _bool) -> tuple[Tensor, Tensor]:
        """(var, mean), with the arguments of var."""

    def vdot(self, other: TensorLike) -> Tensor:
        """sum_i x_i y_i of two vectors, 0-d."""

    @overload
    def view(self, size: Size) -> Tensor: ...
    @overload
    def view(self, *size: _int) -> Tensor: ...
    @overload
    def view(self, dtype: DTypeLike) -> Tensor:
        """The elements in row-major order under another shape, without a copy; one size may be -1. ShapeError where the strides do not allow it: reshape copies there."""

    def view_as(self, other: TensorLike) -> Tensor:
        """The elements in row-major order under the shape of other. A view; ShapeError where the strides forbid it."""

    def vsplit(self, indices_or_sections: _int | Sequence[_int] | Tensor) -> tuple[Tensor, ...]:
        """Take axis 0 apart as `tensor_split`, but only into equal parts. Views."""

    @overload
    def where(self, condition: TensorLike, other: TensorLike) -> Tensor: ...
    @overload
    def where(self) -> tuple[Tensor, ...]:
        """input where condition is true, else other"""

    def xlogy(self, other: TensorLike) -> Tensor:
        """input ln other; 0 where input is 0, unless other is NaN"""

    def xlogy_(self: Self, other: TensorLike) -> Self:
        """input ln other; 0 where input is 0, unless other is NaN

        In place: the result becomes the value of the tensor, which is returned.
        """

    def zero_(self: Self) -> Self:
        """Every element becomes 0."""

class Trainer:
    def __init__(
        self,
        step: CompiledFunction[..., Any],
        arrays: Sequence[Tensor],
        batch_size: _int,
        shuffle: _bool = True,
        drop_last: _bool = False,
        leaves: _int = 1,
        update: CompiledFunction[..., Any] | None = None,
    ) -> None: ...
    def begin_epoch(self) -> None:
        """Draw the order of the samples."""

    @property
    def loss(self) -> _float: ...
    def run(self, seconds: _float) -> _bool:
        """Run steps until the time is over or the epoch is; True if it is."""

    @property
    def steps_done(self) -> _int: ...
    @property
    def steps_total(self) -> _int: ...

class enable_grad:
    @overload
    def __new__(cls) -> enable_grad: ...
    @overload
    def __new__(cls, fn: F, /) -> F: ...  # type: ignore[misc]
    def __enter__(self) -> enable_grad: ...
    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None: ...
    def __call__(self, fn: F, /) -> F: ...

class no_grad:
    @overload
    def __new__(cls) -> no_grad: ...
    @overload
    def __new__(cls, fn: F, /) -> F: ...  # type: ignore[misc]
    def __enter__(self) -> no_grad: ...
    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None: ...
    def __call__(self, fn: F, /) -> F: ...

class return_types:
    class aminmax(NamedTuple):
        min: Tensor
        max: Tensor
    class cummax(NamedTuple):
        values: Tensor
        indices: Tensor
    class cummin(NamedTuple):
        values: Tensor
        indices: Tensor
    class frexp(NamedTuple):
        mantissa: Tensor
        exponent: Tensor
    class kthvalue(NamedTuple):
        values: Tensor
        indices: Tensor
    class max_dim(NamedTuple):
        values: Tensor
        indices: Tensor
    class median_dim(NamedTuple):
        values: Tensor
        indices: Tensor
    class min_dim(NamedTuple):
        values: Tensor
        indices: Tensor
    class mode(NamedTuple):
        values: Tensor
        indices: Tensor
    class nanmedian_dim(NamedTuple):
        values: Tensor
        indices: Tensor
    class sort(NamedTuple):
        values: Tensor
        indices: Tensor
    class topk(NamedTuple):
        values: Tensor
        indices: Tensor

class ops:
    @staticmethod
    def above(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def abs(input: TensorLike) -> Tensor: ...
    @staticmethod
    def acos(input: TensorLike) -> Tensor: ...
    @staticmethod
    def acosh(input: TensorLike) -> Tensor: ...
    @staticmethod
    def adadelta(
        p: TensorLike,
        grad: TensorLike,
        square_avg: TensorLike,
        acc_delta: TensorLike,
        step: TensorLike,
        lr: TensorLike,
        rho: TensorLike,
        eps: TensorLike,
        weight_decay: TensorLike,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]: ...
    @staticmethod
    def adagrad(
        p: TensorLike,
        grad: TensorLike,
        sum: TensorLike,
        step: TensorLike,
        lr: TensorLike,
        lr_decay: TensorLike,
        weight_decay: TensorLike,
        initial: TensorLike,
        eps: TensorLike,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor]: ...
    @staticmethod
    def adam(
        p: TensorLike,
        grad: TensorLike,
        exp_avg: TensorLike,
        exp_avg_sq: TensorLike,
        step: TensorLike,
        lr: TensorLike,
        beta1: TensorLike,
        beta2: TensorLike,
        eps: TensorLike,
        weight_decay: TensorLike,
        decoupled: bool = False,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]: ...
    @staticmethod
    def adamax(
        p: TensorLike,
        grad: TensorLike,
        exp_avg: TensorLike,
        exp_inf: TensorLike,
        step: TensorLike,
        lr: TensorLike,
        beta1: TensorLike,
        beta2: TensorLike,
        eps: TensorLike,
        weight_decay: TensorLike,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]: ...
    @staticmethod
    def add(input: TensorLike, other: TensorLike, *, alpha: float = 1) -> Tensor: ...
    @staticmethod
    def add_slices(tensors: Sequence[Tensor], shape: Size, slices: Sequence[int]) -> Tensor: ...
    @staticmethod
    def add_strided(tensors: Sequence[Tensor], parts: Sequence[int]) -> Tensor: ...
    @staticmethod
    def addbmm(
        input: TensorLike,
        batch1: TensorLike,
        batch2: TensorLike,
        *,
        beta: float = 1.0,
        alpha: float = 1.0,
    ) -> Tensor: ...
    @staticmethod
    def addcdiv(
        input: TensorLike,
        tensor1: TensorLike,
        tensor2: TensorLike,
        *,
        value: float = 1.0,
    ) -> Tensor: ...
    @staticmethod
    def addcmul(
        input: TensorLike,
        tensor1: TensorLike,
        tensor2: TensorLike,
        *,
        value: float = 1.0,
    ) -> Tensor: ...
    @staticmethod
    def addmm(
        input: TensorLike,
        mat1: TensorLike,
        mat2: TensorLike,
        *,
        beta: float = 1.0,
        alpha: float = 1.0,
    ) -> Tensor: ...
    @staticmethod
    def addmv(
        input: TensorLike,
        mat: TensorLike,
        vec: TensorLike,
        *,
        beta: float = 1.0,
        alpha: float = 1.0,
    ) -> Tensor: ...
    @staticmethod
    def addr(
        input: TensorLike,
        vec1: TensorLike,
        vec2: TensorLike,
        *,
        beta: float = 1.0,
        alpha: float = 1.0,
    ) -> Tensor: ...
    @staticmethod
    def adjoint(input: TensorLike) -> Tensor: ...
    @staticmethod
    def advance_key(key: TensorLike) -> Tensor: ...
    @staticmethod
    def all(
        input: TensorLike,
        dim: Size | None = None,
        keepdim: bool = False,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
    ) -> Tensor: ...
    @staticmethod
    def amax(
        input: TensorLike,
        dim: Size | None = None,
        keepdim: bool = False,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
    ) -> Tensor: ...
    @staticmethod
    def amin(
        input: TensorLike,
        dim: Size | None = None,
        keepdim: bool = False,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
    ) -> Tensor: ...
    @staticmethod
    def aminmax(
        input: TensorLike,
        *,
        dim: Size | None = None,
        axis: Size | None = ...,
        keepdim: bool = False,
        keepdims: bool = ...,
    ) -> return_types.aminmax: ...
    @staticmethod
    def amsgrad(
        p: TensorLike,
        grad: TensorLike,
        exp_avg: TensorLike,
        exp_avg_sq: TensorLike,
        step: TensorLike,
        lr: TensorLike,
        beta1: TensorLike,
        beta2: TensorLike,
        eps: TensorLike,
        weight_decay: TensorLike,
        max_exp_avg_sq: TensorLike,
        decoupled: bool = False,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]: ...
    @staticmethod
    def any(
        input: TensorLike,
        dim: Size | None = None,
        keepdim: bool = False,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
    ) -> Tensor: ...
    @staticmethod
    def argmax(
        input: TensorLike,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        axis: int | None = ...,
        keepdims: bool = ...,
    ) -> Tensor: ...
    @staticmethod
    def argmin(
        input: TensorLike,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        axis: int | None = ...,
        keepdims: bool = ...,
    ) -> Tensor: ...
    @staticmethod
    def argsort(
        input: TensorLike,
        dim: int = -1,
        descending: bool = False,
        *,
        axis: int = ...,
        stable: bool = False,
    ) -> Tensor: ...
    @staticmethod
    def argwhere(input: TensorLike) -> Tensor: ...
    @staticmethod
    def as_strided(
        input: TensorLike, size: Size, stride: Size, storage_offset: int | None = None
    ) -> Tensor: ...
    @staticmethod
    def asgd(
        p: TensorLike,
        grad: TensorLike,
        ax: TensorLike,
        step: TensorLike,
        eta: TensorLike,
        mu: TensorLike,
        lr: TensorLike,
        lambd: TensorLike,
        alpha: TensorLike,
        t0: TensorLike,
        weight_decay: TensorLike,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]: ...
    @staticmethod
    def asin(input: TensorLike) -> Tensor: ...
    @staticmethod
    def asinh(input: TensorLike) -> Tensor: ...
    @staticmethod
    def at_least(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def at_most(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def atan(input: TensorLike) -> Tensor: ...
    @staticmethod
    def atan2(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def atanh(input: TensorLike) -> Tensor: ...
    @staticmethod
    def avg_pool(
        input: TensorLike,
        kernel_size: Size | None = None,
        stride: Size | None = None,
        padding: Size | None = None,
        output_size: Size | None = None,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Tensor: ...
    @staticmethod
    def avg_pool_backward(
        g: TensorLike,
        kernel_size: Size | None = None,
        stride: Size | None = None,
        padding: Size | None = None,
        output_size: Size | None = None,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
        input_size: Size = ...,
    ) -> Tensor: ...
    @staticmethod
    def baddbmm(
        input: TensorLike,
        batch1: TensorLike,
        batch2: TensorLike,
        *,
        beta: float = 1.0,
        alpha: float = 1.0,
    ) -> Tensor: ...
    @staticmethod
    def batch_norm(
        input: TensorLike,
        weight: TensorLike | None = None,
        bias: TensorLike | None = None,
        eps: float = 1e-05,
    ) -> tuple[Tensor, Tensor, Tensor]: ...
    @staticmethod
    def batch_norm_backward(
        g: TensorLike,
        input: TensorLike,
        mean: TensorLike,
        slope: TensorLike,
        level: TensorLike,
        scale: TensorLike,
    ) -> Tensor: ...
    @staticmethod
    def below(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def bernoulli(input: TensorLike, p: float | None = None, *, generator: Any = None) -> Tensor: ...
    @staticmethod
    def bilinear(
        input1: TensorLike, input2: TensorLike, weight: TensorLike, bias: TensorLike | None = None
    ) -> Tensor: ...
    @staticmethod
    def bincount(input: TensorLike, weights: TensorLike | None = None, minlength: int = 0) -> Tensor: ...
    @staticmethod
    def bitcast(input: TensorLike, dtype: DTypeLike) -> Tensor: ...
    @staticmethod
    def bitwise_and(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def bitwise_left_shift(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def bitwise_not(input: TensorLike) -> Tensor: ...
    @staticmethod
    def bitwise_or(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def bitwise_right_shift(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def bitwise_xor(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def bmm(input: TensorLike, mat2: TensorLike) -> Tensor: ...
    @staticmethod
    def broadcast_to(input: TensorLike, size: Size = ..., *, shape: Size = ...) -> Tensor: ...
    @staticmethod
    def bucketize(
        input: TensorLike,
        boundaries: TensorLike,
        *,
        out_int32: bool = False,
        right: bool = False,
    ) -> Tensor: ...
    @staticmethod
    def cast(input: TensorLike, dtype: DTypeLike) -> Tensor: ...
    @staticmethod
    def cat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int = ...) -> Tensor: ...
    @staticmethod
    def cdist(
        x1: TensorLike,
        x2: TensorLike,
        p: float = 2.0,
        compute_mode: Literal["use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"] = "use_mm_for_euclid_dist_if_necessary",
    ) -> Tensor: ...
    @staticmethod
    def ceil(input: TensorLike) -> Tensor: ...
    @staticmethod
    def celu(input: TensorLike, alpha: float = 1.0) -> Tensor: ...
    @staticmethod
    def channel_moments(input: TensorLike) -> tuple[Tensor, Tensor]: ...
    @staticmethod
    def channel_products(
        g: TensorLike, input: TensorLike, mean: TensorLike | None = None
    ) -> tuple[Tensor, Tensor]: ...
    @staticmethod
    def chunk(input: TensorLike, chunks: int, dim: int = 0, *, axis: int = ...) -> tuple[Tensor, ...]: ...
    @staticmethod
    def clamp(input: TensorLike, min: TensorLike | None = None, max: TensorLike | None = None) -> Tensor: ...
    @staticmethod
    def clamp_max(input: TensorLike, max: TensorLike) -> Tensor: ...
    @staticmethod
    def clamp_min(input: TensorLike, min: TensorLike) -> Tensor: ...
    @staticmethod
    def contiguous(input: TensorLike) -> Tensor: ...
    @staticmethod
    def conv1d(
        input: TensorLike,
        weight: TensorLike,
        bias: TensorLike | None = None,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        same: bool = False,
    ) -> Tensor: ...
    @staticmethod
    def conv2d(
        input: TensorLike,
        weight: TensorLike,
        bias: TensorLike | None = None,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        same: bool = False,
    ) -> Tensor: ...
    @staticmethod
    def conv3d(
        input: TensorLike,
        weight: TensorLike,
        bias: TensorLike | None = None,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        same: bool = False,
    ) -> Tensor: ...
    @staticmethod
    def conv_transpose1d(
        input: TensorLike,
        weight: TensorLike,
        bias: TensorLike | None = None,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        dilation: Size = 1,
    ) -> Tensor: ...
    @staticmethod
    def conv_transpose2d(
        input: TensorLike,
        weight: TensorLike,
        bias: TensorLike | None = None,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        dilation: Size = 1,
    ) -> Tensor: ...
    @staticmethod
    def conv_transpose3d(
        input: TensorLike,
        weight: TensorLike,
        bias: TensorLike | None = None,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        dilation: Size = 1,
    ) -> Tensor: ...
    @staticmethod
    def convolution(
        input: TensorLike,
        weight: TensorLike,
        bias: TensorLike | None = None,
        stride: Sequence[int] = ...,
        padding: Sequence[int] = ...,
        dilation: Sequence[int] = ...,
        groups: int = ...,
        size: Sequence[int] | None = None,
    ) -> Tensor: ...
    @staticmethod
    def convolution_input(
        input: TensorLike,
        weight: TensorLike,
        bias: TensorLike | None = None,
        stride: Sequence[int] = ...,
        padding: Sequence[int] = ...,
        dilation: Sequence[int] = ...,
        groups: int = ...,
        size: Sequence[int] = ...,
    ) -> Tensor: ...
    @staticmethod
    def convolution_weight(
        input: TensorLike,
        g: TensorLike,
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        groups: int,
        kernel_size: Sequence[int],
    ) -> Tensor: ...
    @staticmethod
    def copysign(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def cos(input: TensorLike) -> Tensor: ...
    @staticmethod
    def cosh(input: TensorLike) -> Tensor: ...
    @staticmethod
    def count_nonzero(input: TensorLike, dim: Size | None = None, *, axis: Size | None = ...) -> Tensor: ...
    @staticmethod
    def cross(
        input: TensorLike,
        other: TensorLike,
        dim: int | None = None,
        *,
        axis: int | None = ...,
    ) -> Tensor: ...
    @staticmethod
    def cross_entropy(
        input: TensorLike,
        target: TensorLike,
        *,
        ignore_index: int = -100,
        reduction: Literal["none", "mean", "sum"] = "mean",
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]: ...
    @staticmethod
    def cross_entropy_backward(
        g: TensorLike,
        input: TensorLike,
        target: TensorLike,
        top: TensorLike,
        log_sum: TensorLike,
        count: TensorLike,
        *,
        ignore_index: int = -100,
        reduction: Literal["none", "mean", "sum"] = "mean",
    ) -> Tensor: ...
    @staticmethod
    def cummax(input: TensorLike, dim: int = ..., *, axis: int = ...) -> return_types.cummax: ...
    @staticmethod
    def cummax_index(input: TensorLike, dim: int = ..., *, axis: int = ...) -> Tensor: ...
    @staticmethod
    def cummin(input: TensorLike, dim: int = ..., *, axis: int = ...) -> return_types.cummin: ...
    @staticmethod
    def cummin_index(input: TensorLike, dim: int = ..., *, axis: int = ...) -> Tensor: ...
    @staticmethod
    def cumprod(
        input: TensorLike,
        dim: int = ...,
        *,
        axis: int = ...,
        reverse: bool = False,
        dtype: DTypeLike | None = None,
    ) -> Tensor: ...
    @staticmethod
    def cumsum(
        input: TensorLike,
        dim: int = ...,
        *,
        axis: int = ...,
        reverse: bool = False,
        dtype: DTypeLike | None = None,
    ) -> Tensor: ...
    @staticmethod
    def deg2rad(input: TensorLike) -> Tensor: ...
    @staticmethod
    def detach(input: TensorLike) -> Tensor: ...
    @staticmethod
    def diag(input: TensorLike, diagonal: int = 0) -> Tensor: ...
    @staticmethod
    def diag_embed(input: TensorLike, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor: ...
    @staticmethod
    def diagflat(input: TensorLike, offset: int = 0) -> Tensor: ...
    @staticmethod
    def diagonal(input: TensorLike, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor: ...
    @staticmethod
    def digamma(input: TensorLike) -> Tensor: ...
    @staticmethod
    def digamma_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def dist(input: TensorLike, other: TensorLike, p: float = 2.0) -> Tensor: ...
    @staticmethod
    def div(
        input: TensorLike,
        other: TensorLike,
        *,
        rounding_mode: Literal["floor", "trunc"] | None = None,
    ) -> Tensor: ...
    @staticmethod
    def dot(input: TensorLike, tensor: TensorLike) -> Tensor: ...
    @staticmethod
    def dropout(input: TensorLike, p: float = 0.5, *, generator: Any = None) -> Tensor: ...
    @staticmethod
    def einsum(operands: Sequence[Tensor], labels: Sequence[int], out: Sequence[int]) -> Tensor: ...
    @staticmethod
    def elu(input: TensorLike, alpha: float = 1.0) -> Tensor: ...
    @staticmethod
    def eq(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def erf(input: TensorLike) -> Tensor: ...
    @staticmethod
    def erfc(input: TensorLike) -> Tensor: ...
    @staticmethod
    def erfcx_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def erfinv(input: TensorLike) -> Tensor: ...
    @staticmethod
    def exp(input: TensorLike) -> Tensor: ...
    @staticmethod
    def exp2(input: TensorLike) -> Tensor: ...
    @overload
    @staticmethod
    def expand(input: TensorLike, size: Size) -> Tensor: ...
    @overload
    @staticmethod
    def expand(input: TensorLike, *size: int) -> Tensor: ...
    @staticmethod
    def expand_as(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def expm1(input: TensorLike) -> Tensor: ...
    @staticmethod
    def finite_norm(x: TensorLike) -> Tensor: ...
    @staticmethod
    def flatten(input: TensorLike, start_dim: int = 0, end_dim: int = -1) -> Tensor: ...
    @overload
    @staticmethod
    def flip(input: TensorLike, dims: Size) -> Tensor: ...
    @overload
    @staticmethod
    def flip(input: TensorLike, *dims: int) -> Tensor: ...
    @staticmethod
    def fliplr(input: TensorLike) -> Tensor: ...
    @staticmethod
    def flipud(input: TensorLike) -> Tensor: ...
    @staticmethod
    def float_power(input: TensorLike, exponent: TensorLike) -> Tensor: ...
    @staticmethod
    def floor(input: TensorLike) -> Tensor: ...
    @staticmethod
    def floor_divide(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def fmax(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def fmin(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def fmod(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def frac(input: TensorLike) -> Tensor: ...
    @staticmethod
    def frexp(input: TensorLike) -> return_types.frexp: ...
    @staticmethod
    def gather(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        *,
        axis: int = ...,
        sparse_grad: bool = False,
    ) -> Tensor: ...
    @staticmethod
    def gather_axis(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def gaussian(shape: Size, dtype: DTypeLike = ..., *, generator: Any = None) -> Tensor: ...
    @staticmethod
    def gcd(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def gcd_each(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def ge(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def gelu(input: TensorLike) -> Tensor: ...
    @staticmethod
    def gelu_slope(input: TensorLike) -> Tensor: ...
    @staticmethod
    def gelu_tanh(input: TensorLike) -> Tensor: ...
    @staticmethod
    def glu(input: TensorLike, dim: int = -1, *, axis: int = ...) -> Tensor: ...
    @staticmethod
    def grid_sample(
        input: TensorLike,
        grid: TensorLike,
        mode: Literal["bilinear", "nearest", "bicubic"] = "bilinear",
        padding_mode: Literal["zeros", "border", "reflection"] = "zeros",
        align_corners: bool = False,
    ) -> Tensor: ...
    @staticmethod
    def grid_sample_grid(
        g: TensorLike,
        x: TensorLike,
        grid: TensorLike,
        mode: Literal["bilinear", "nearest", "bicubic"] = "bilinear",
        padding_mode: Literal["zeros", "border", "reflection"] = "zeros",
        align_corners: bool = False,
    ) -> Tensor: ...
    @staticmethod
    def grid_sample_input(
        g: TensorLike,
        grid: TensorLike,
        mode: Literal["bilinear", "nearest", "bicubic"] = "bilinear",
        padding_mode: Literal["zeros", "border", "reflection"] = "zeros",
        align_corners: bool = False,
        input_size: Size = ...,
    ) -> Tensor: ...
    @staticmethod
    def group_norm(
        input: TensorLike,
        weight: TensorLike | None = None,
        bias: TensorLike | None = None,
        num_groups: int = ...,
        eps: float = 1e-05,
    ) -> tuple[Tensor, Tensor, Tensor]: ...
    @staticmethod
    def gt(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def hardshrink(input: TensorLike, lambd: float = 0.5) -> Tensor: ...
    @staticmethod
    def hardsigmoid(input: TensorLike) -> Tensor: ...
    @staticmethod
    def hardswish(input: TensorLike) -> Tensor: ...
    @staticmethod
    def hardtanh(input: TensorLike, min_val: float = -1.0, max_val: float = 1.0) -> Tensor: ...
    @staticmethod
    def heaviside(input: TensorLike, values: TensorLike) -> Tensor: ...
    @staticmethod
    def histc(input: TensorLike, bins: int = 100, min: float = 0.0, max: float = 0.0) -> Tensor: ...
    @staticmethod
    def histogram_range(low: TensorLike, high: TensorLike) -> tuple[Tensor, Tensor]: ...
    @staticmethod
    def hypot(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def i0(input: TensorLike) -> Tensor: ...
    @staticmethod
    def i0_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def i0e_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def i1_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def i1e_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def igamma(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def igamma_each(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def igammac(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def igammac_each(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def index_add(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        source: TensorLike = ...,
        *,
        axis: int = ...,
        alpha: float = 1,
    ) -> Tensor: ...
    @staticmethod
    def index_copy(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        source: TensorLike = ...,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def index_fill(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        value: TensorLike = ...,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def index_of(tensors: Sequence[Tensor], sizes: Sequence[int], axis: int = 0) -> Tensor: ...
    @staticmethod
    def index_reduce(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        source: TensorLike = ...,
        reduce: Literal["prod", "mean", "amax", "amin"] = ...,
        *,
        axis: int = ...,
        include_self: bool = True,
    ) -> Tensor: ...
    @staticmethod
    def index_rows(input: TensorLike, index: TensorLike) -> Tensor: ...
    @staticmethod
    def index_rows_backward(g: TensorLike, index: TensorLike, rows: int) -> Tensor: ...
    @staticmethod
    def index_select(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def inner(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def isclose(
        input: TensorLike,
        other: TensorLike,
        rtol: float = 1e-05,
        atol: float = 1e-08,
        equal_nan: bool = False,
    ) -> Tensor: ...
    @staticmethod
    def isfinite(input: TensorLike) -> Tensor: ...
    @staticmethod
    def isin(
        elements: TensorLike,
        test_elements: TensorLike,
        *,
        assume_unique: bool = False,
        invert: bool = False,
    ) -> Tensor: ...
    @staticmethod
    def isinf(input: TensorLike) -> Tensor: ...
    @staticmethod
    def isnan(input: TensorLike) -> Tensor: ...
    @staticmethod
    def isneginf(input: TensorLike) -> Tensor: ...
    @staticmethod
    def isposinf(input: TensorLike) -> Tensor: ...
    @staticmethod
    def j0_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def j1_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def join(
        tensors: Sequence[Tensor],
        dim: int = ...,
        stacked: bool = ...,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def k0_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def k0e_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def k1_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def k1e_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def kron(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def kthvalue(
        input: TensorLike,
        k: int,
        dim: int = -1,
        keepdim: bool = False,
        *,
        axis: int = ...,
        keepdims: bool = ...,
    ) -> return_types.kthvalue: ...
    @staticmethod
    def layer_norm(
        input: TensorLike,
        weight: TensorLike | None = None,
        bias: TensorLike | None = None,
        eps: float = 1e-05,
    ) -> tuple[Tensor, Tensor, Tensor]: ...
    @staticmethod
    def layer_norm_backward(
        g: TensorLike, x: TensorLike, mean: TensorLike, rstd: TensorLike, weight: TensorLike | None = None
    ) -> Tensor: ...
    @staticmethod
    def layer_norm_backward_params(
        g: TensorLike, x: TensorLike, mean: TensorLike, rstd: TensorLike
    ) -> tuple[Tensor, Tensor]: ...
    @staticmethod
    def lcm(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def lcm_each(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def ldexp(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def le(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def leaky_relu(input: TensorLike, negative_slope: float = 0.01) -> Tensor: ...
    @staticmethod
    def lerp(input: TensorLike, end: TensorLike, weight: TensorLike) -> Tensor: ...
    @staticmethod
    def lgamma(input: TensorLike) -> Tensor: ...
    @staticmethod
    def lgamma_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def linear(input: TensorLike, weight: TensorLike, bias: TensorLike | None = None) -> Tensor: ...
    @staticmethod
    def lion(
        p: TensorLike,
        grad: TensorLike,
        exp_avg: TensorLike,
        lr: TensorLike,
        beta1: TensorLike,
        beta2: TensorLike,
        weight_decay: TensorLike,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor]: ...
    @staticmethod
    def log(input: TensorLike) -> Tensor: ...
    @staticmethod
    def log10(input: TensorLike) -> Tensor: ...
    @staticmethod
    def log1p(input: TensorLike) -> Tensor: ...
    @staticmethod
    def log2(input: TensorLike) -> Tensor: ...
    @staticmethod
    def log_ndtr_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def log_softmax(
        input: TensorLike,
        dim: int = ...,
        dtype: DTypeLike | None = None,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def log_softmax_rows(x: TensorLike) -> Tensor: ...
    @staticmethod
    def log_softmax_rows_backward(g: TensorLike, y: TensorLike) -> Tensor: ...
    @staticmethod
    def logaddexp(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def logaddexp2(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def logcumsumexp(input: TensorLike, dim: int = ..., *, axis: int = ...) -> Tensor: ...
    @staticmethod
    def logical_and(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def logical_not(input: TensorLike) -> Tensor: ...
    @staticmethod
    def logical_or(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def logical_xor(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def logit(input: TensorLike, eps: float | None = None) -> Tensor: ...
    @staticmethod
    def logsigmoid(input: TensorLike) -> Tensor: ...
    @staticmethod
    def logsumexp(
        input: TensorLike,
        dim: Size | None = None,
        keepdim: bool = False,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
    ) -> Tensor: ...
    @staticmethod
    def lt(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def masked_fill(input: TensorLike, mask: TensorLike, value: TensorLike) -> Tensor: ...
    @staticmethod
    def masked_put(input: TensorLike, mask: TensorLike, source: TensorLike) -> Tensor: ...
    @staticmethod
    def masked_scatter(input: TensorLike, mask: TensorLike, source: TensorLike) -> Tensor: ...
    @staticmethod
    def masked_select(input: TensorLike, mask: TensorLike) -> Tensor: ...
    @staticmethod
    def masked_take(input: TensorLike, mask: TensorLike, shape: Size) -> Tensor: ...
    @staticmethod
    def matmul(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def max(input: TensorLike) -> Tensor: ...
    @staticmethod
    def max_dim(
        input: TensorLike,
        dim: int = ...,
        keepdim: bool = False,
        *,
        axis: int = ...,
        keepdims: bool = ...,
    ) -> return_types.max_dim: ...
    @staticmethod
    def max_pool(
        input: TensorLike,
        kernel_size: Size | None = None,
        stride: Size | None = None,
        padding: Size | None = None,
        output_size: Size | None = None,
        ceil_mode: bool = False,
        dilation: Size | None = None,
    ) -> Tensor: ...
    @staticmethod
    def max_pool_backward(
        g: TensorLike,
        x: TensorLike,
        kernel_size: Size | None = None,
        stride: Size | None = None,
        padding: Size | None = None,
        output_size: Size | None = None,
        ceil_mode: bool = False,
        dilation: Size | None = None,
    ) -> Tensor: ...
    @staticmethod
    def max_pool_places(
        input: TensorLike,
        kernel_size: Size | None = None,
        stride: Size | None = None,
        padding: Size | None = None,
        output_size: Size | None = None,
        ceil_mode: bool = False,
        dilation: Size | None = None,
    ) -> tuple[Tensor, Tensor]: ...
    @staticmethod
    def maximum(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def mean(
        input: TensorLike,
        dim: Size | None = None,
        keepdim: bool = False,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
        dtype: DTypeLike | None = None,
    ) -> Tensor: ...
    @staticmethod
    def median(input: TensorLike) -> Tensor: ...
    @staticmethod
    def median_dim(
        input: TensorLike,
        dim: int = ...,
        keepdim: bool = False,
        *,
        axis: int = ...,
        keepdims: bool = ...,
    ) -> return_types.median_dim: ...
    @staticmethod
    def min(input: TensorLike) -> Tensor: ...
    @staticmethod
    def min_dim(
        input: TensorLike,
        dim: int = ...,
        keepdim: bool = False,
        *,
        axis: int = ...,
        keepdims: bool = ...,
    ) -> return_types.min_dim: ...
    @staticmethod
    def minimum(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def mish(input: TensorLike) -> Tensor: ...
    @staticmethod
    def mm(input: TensorLike, mat2: TensorLike) -> Tensor: ...
    @staticmethod
    def mode(
        input: TensorLike,
        dim: int = -1,
        keepdim: bool = False,
        *,
        axis: int = ...,
        keepdims: bool = ...,
    ) -> return_types.mode: ...
    @staticmethod
    def movedim(input: TensorLike, source: Size, destination: Size) -> Tensor: ...
    @staticmethod
    def msort(input: TensorLike) -> Tensor: ...
    @staticmethod
    def mul(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def mul_mask(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def mul_zero(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def multinomial(
        input: TensorLike,
        num_samples: int,
        replacement: bool = False,
        *,
        generator: Any = None,
    ) -> Tensor: ...
    @staticmethod
    def mv(input: TensorLike, vec: TensorLike) -> Tensor: ...
    @staticmethod
    def mvlgamma(input: TensorLike, p: int) -> Tensor: ...
    @staticmethod
    def nadam(
        p: TensorLike,
        grad: TensorLike,
        exp_avg: TensorLike,
        exp_avg_sq: TensorLike,
        step: TensorLike,
        mu_product: TensorLike,
        lr: TensorLike,
        beta1: TensorLike,
        beta2: TensorLike,
        eps: TensorLike,
        weight_decay: TensorLike,
        momentum_decay: TensorLike,
        decoupled: bool = False,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]: ...
    @staticmethod
    def nan_to_num(
        input: TensorLike, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
    ) -> Tensor: ...
    @staticmethod
    def nanmean(
        input: TensorLike,
        dim: Size | None = None,
        keepdim: bool = False,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
        dtype: DTypeLike | None = None,
    ) -> Tensor: ...
    @staticmethod
    def nanmedian(input: TensorLike) -> Tensor: ...
    @staticmethod
    def nanmedian_dim(
        input: TensorLike,
        dim: int = ...,
        keepdim: bool = False,
        *,
        axis: int = ...,
        keepdims: bool = ...,
    ) -> return_types.nanmedian_dim: ...
    @staticmethod
    def nanquantile(
        input: TensorLike,
        q: TensorLike,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        axis: int | None = ...,
        keepdims: bool = ...,
        interpolation: Literal["linear", "lower", "higher", "midpoint", "nearest"] = "linear",
    ) -> Tensor: ...
    @staticmethod
    def nansum(
        input: TensorLike,
        dim: Size | None = None,
        keepdim: bool = False,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
        dtype: DTypeLike | None = None,
    ) -> Tensor: ...
    @staticmethod
    def narrow(
        input: TensorLike,
        dim: int = ...,
        start: int = ...,
        length: int = ...,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def ndtri_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def ne(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def neg(input: TensorLike) -> Tensor: ...
    @staticmethod
    def nextafter(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def nextafter_each(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def norm(
        input: TensorLike,
        p: Literal["fro"] = "fro",
        dim: Size | None = None,
        keepdim: bool = False,
        dtype: DTypeLike | None = None,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
    ) -> Tensor: ...
    @staticmethod
    def norm_p(
        input: TensorLike,
        p: float,
        dim: Size | None = None,
        keepdim: bool = False,
        dtype: DTypeLike | None = None,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
    ) -> Tensor: ...
    @staticmethod
    def one_hot(input: TensorLike, num_classes: int) -> Tensor: ...
    @staticmethod
    def outer(input: TensorLike, vec2: TensorLike) -> Tensor: ...
    @staticmethod
    def pad(
        input: TensorLike,
        pad: Sequence[int],
        mode: Literal["constant", "reflect", "replicate", "circular"] = "constant",
        value: float | None = None,
    ) -> Tensor: ...
    @overload
    @staticmethod
    def permute(input: TensorLike, dims: Size) -> Tensor: ...
    @overload
    @staticmethod
    def permute(input: TensorLike, *dims: int) -> Tensor: ...
    @staticmethod
    def place_of_rank(
        input: TensorLike,
        dim: int = ...,
        rank: Literal["median", "nanmedian", "mode"] = ...,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def poisson(input: TensorLike, *, generator: Any = None) -> Tensor: ...
    @staticmethod
    def positive(input: TensorLike) -> Tensor: ...
    @staticmethod
    def pow(input: TensorLike, exponent: TensorLike) -> Tensor: ...
    @staticmethod
    def prelu(input: TensorLike, weight: TensorLike) -> Tensor: ...
    @staticmethod
    def prod(
        input: TensorLike,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        axis: int | None = ...,
        keepdims: bool = ...,
        dtype: DTypeLike | None = None,
    ) -> Tensor: ...
    @staticmethod
    def put(input: TensorLike, index: TensorLike, source: TensorLike, accumulate: bool = False) -> Tensor: ...
    @staticmethod
    def quantile(
        input: TensorLike,
        q: TensorLike,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        axis: int | None = ...,
        keepdims: bool = ...,
        interpolation: Literal["linear", "lower", "higher", "midpoint", "nearest"] = "linear",
    ) -> Tensor: ...
    @staticmethod
    def rad2deg(input: TensorLike) -> Tensor: ...
    @staticmethod
    def radam(
        p: TensorLike,
        grad: TensorLike,
        exp_avg: TensorLike,
        exp_avg_sq: TensorLike,
        step: TensorLike,
        lr: TensorLike,
        beta1: TensorLike,
        beta2: TensorLike,
        eps: TensorLike,
        weight_decay: TensorLike,
        decoupled: bool = False,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]: ...
    @staticmethod
    def random_integers(shape: Size, low: int, high: int, *, generator: Any = None) -> Tensor: ...
    @staticmethod
    def random_order(n: int, *, generator: Any = None) -> Tensor: ...
    @staticmethod
    def ravel(input: TensorLike) -> Tensor: ...
    @staticmethod
    def reciprocal(input: TensorLike) -> Tensor: ...
    @staticmethod
    def relu(input: TensorLike) -> Tensor: ...
    @staticmethod
    def remainder(input: TensorLike, other: TensorLike) -> Tensor: ...
    @overload
    @staticmethod
    def repeat(input: TensorLike, repeats: Size) -> Tensor: ...
    @overload
    @staticmethod
    def repeat(input: TensorLike, *repeats: int) -> Tensor: ...
    @staticmethod
    def resample(
        input: TensorLike,
        dim: int = ...,
        mode: Literal["nearest", "nearest-exact", "linear", "cubic", "area", "smooth-linear", "smooth-cubic", "smooth-lanczos"] = ...,
        from_size: int = ...,
        to_size: int = ...,
        step: float = ...,
        align_corners: bool = False,
        transposed: bool = False,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @overload
    @staticmethod
    def reshape(input: TensorLike, shape: Size) -> Tensor: ...
    @overload
    @staticmethod
    def reshape(input: TensorLike, *shape: int) -> Tensor: ...
    @staticmethod
    def reshape_as(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def resplit(input: TensorLike, dtype: DTypeLike) -> Tensor: ...
    @staticmethod
    def rmsprop(
        p: TensorLike,
        grad: TensorLike,
        square_avg: TensorLike,
        step: TensorLike,
        lr: TensorLike,
        alpha: TensorLike,
        eps: TensorLike,
        weight_decay: TensorLike,
        momentum: TensorLike,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor]: ...
    @staticmethod
    def rmsprop_centered(
        p: TensorLike,
        grad: TensorLike,
        square_avg: TensorLike,
        grad_avg: TensorLike,
        step: TensorLike,
        lr: TensorLike,
        alpha: TensorLike,
        eps: TensorLike,
        weight_decay: TensorLike,
        momentum: TensorLike,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]: ...
    @staticmethod
    def rmsprop_centered_momentum(
        p: TensorLike,
        grad: TensorLike,
        square_avg: TensorLike,
        momentum_buffer: TensorLike,
        grad_avg: TensorLike,
        step: TensorLike,
        lr: TensorLike,
        alpha: TensorLike,
        eps: TensorLike,
        weight_decay: TensorLike,
        momentum: TensorLike,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]: ...
    @staticmethod
    def rmsprop_momentum(
        p: TensorLike,
        grad: TensorLike,
        square_avg: TensorLike,
        momentum_buffer: TensorLike,
        step: TensorLike,
        lr: TensorLike,
        alpha: TensorLike,
        eps: TensorLike,
        weight_decay: TensorLike,
        momentum: TensorLike,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]: ...
    @staticmethod
    def roll(input: TensorLike, shifts: Size, dims: Size = ()) -> Tensor: ...
    @staticmethod
    def rot90(input: TensorLike, k: int = 1, dims: Size = (0, 1)) -> Tensor: ...
    @staticmethod
    def round(input: TensorLike, *, decimals: int = 0) -> Tensor: ...
    @staticmethod
    def rprop(
        p: TensorLike,
        grad: TensorLike,
        prev: TensorLike,
        step_size: TensorLike,
        step: TensorLike,
        lr: TensorLike,
        etaminus: TensorLike,
        etaplus: TensorLike,
        least: TensorLike,
        most: TensorLike,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]: ...
    @staticmethod
    def rsqrt(input: TensorLike) -> Tensor: ...
    @staticmethod
    def rsub(input: TensorLike, other: TensorLike, *, alpha: float = 1.0) -> Tensor: ...
    @staticmethod
    def scale_channels(
        input: TensorLike,
        mean: TensorLike | None = None,
        rstd: TensorLike | None = None,
        weight: TensorLike | None = None,
        bias: TensorLike | None = None,
    ) -> Tensor: ...
    @staticmethod
    def scan(
        a: TensorLike,
        b: TensorLike,
        dim: int = ...,
        reverse: bool = ...,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def scatter(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        src: TensorLike = ...,
        *,
        axis: int = ...,
        reduce: Literal["add", "multiply"] | None = None,
    ) -> Tensor: ...
    @staticmethod
    def scatter_add(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        src: TensorLike = ...,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def scatter_max(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        src: TensorLike = ...,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def scatter_min(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        src: TensorLike = ...,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def scatter_mul(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        src: TensorLike = ...,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def scatter_reduce(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        src: TensorLike = ...,
        reduce: Literal["sum", "prod", "mean", "amax", "amin"] = ...,
        *,
        axis: int = ...,
        include_self: bool = True,
    ) -> Tensor: ...
    @staticmethod
    def scatter_set(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        src: TensorLike = ...,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def scatter_sum(
        input: TensorLike | None = None,
        dim: int = ...,
        index: TensorLike | None = None,
        src: TensorLike | None = None,
        shape: Size | None = None,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def scatter_value(
        input: TensorLike,
        dim: int = ...,
        index: TensorLike = ...,
        value: TensorLike = ...,
        *,
        axis: int = ...,
        reduce: Literal["add", "multiply"] | None = None,
    ) -> Tensor: ...
    @staticmethod
    def search_sorted(sorted_sequence: TensorLike, input: TensorLike, right: bool) -> Tensor: ...
    @staticmethod
    def searchsorted(
        sorted_sequence: TensorLike,
        input: TensorLike,
        sorter: TensorLike | None = None,
        *,
        out_int32: bool = False,
        right: bool = False,
        side: Literal["left", "right"] | None = None,
    ) -> Tensor: ...
    @staticmethod
    def select(input: TensorLike, dim: int = ..., index: int = ..., *, axis: int = ...) -> Tensor: ...
    @staticmethod
    def selu(input: TensorLike) -> Tensor: ...
    @staticmethod
    def sgd(
        p: TensorLike, grad: TensorLike, lr: TensorLike, weight_decay: TensorLike, maximize: bool = False
    ) -> Tensor: ...
    @staticmethod
    def sgd_momentum(
        p: TensorLike,
        grad: TensorLike,
        buffer: TensorLike,
        lr: TensorLike,
        weight_decay: TensorLike,
        momentum: TensorLike,
        dampening: TensorLike,
        started: TensorLike | None = None,
        nesterov: bool = False,
        maximize: bool = False,
    ) -> tuple[Tensor, Tensor]: ...
    @staticmethod
    def sgd_rows(
        p: TensorLike,
        g: TensorLike,
        index: TensorLike,
        lr: TensorLike,
        weight_decay: TensorLike,
        maximize: bool = False,
    ) -> Tensor: ...
    @staticmethod
    def sgn(input: TensorLike) -> Tensor: ...
    @staticmethod
    def share_max(g: TensorLike, input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def sigmoid(input: TensorLike) -> Tensor: ...
    @staticmethod
    def sign(input: TensorLike) -> Tensor: ...
    @staticmethod
    def signbit(input: TensorLike) -> Tensor: ...
    @staticmethod
    def silu(input: TensorLike) -> Tensor: ...
    @staticmethod
    def sin(input: TensorLike) -> Tensor: ...
    @staticmethod
    def sinc(input: TensorLike) -> Tensor: ...
    @staticmethod
    def sinh(input: TensorLike) -> Tensor: ...
    @staticmethod
    def slice(
        input: TensorLike,
        dim: int = ...,
        start: int | None = None,
        stop: int | None = None,
        step: int = 1,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def softmax(
        input: TensorLike,
        dim: int = ...,
        dtype: DTypeLike | None = None,
        *,
        axis: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def softmax_rows(x: TensorLike) -> Tensor: ...
    @staticmethod
    def softmax_rows_backward(g: TensorLike, y: TensorLike) -> Tensor: ...
    @staticmethod
    def softplus(input: TensorLike) -> Tensor: ...
    @staticmethod
    def softshrink(input: TensorLike, lambd: float = 0.5) -> Tensor: ...
    @staticmethod
    def softsign(input: TensorLike) -> Tensor: ...
    @staticmethod
    def sort(
        input: TensorLike,
        dim: int = -1,
        descending: bool = False,
        *,
        axis: int = ...,
        stable: bool = False,
    ) -> return_types.sort: ...
    @staticmethod
    def special_bessel_j0(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_bessel_j1(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_bessel_y0(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_bessel_y1(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_entr(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_erfcx(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_i0e(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_i1(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_i1e(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_log_ndtr(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_modified_bessel_k0(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_modified_bessel_k1(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_ndtr(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_ndtri(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_polygamma(input: TensorLike, n: int) -> Tensor: ...
    @staticmethod
    def special_scaled_modified_bessel_k0(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_scaled_modified_bessel_k1(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_spherical_bessel_j0(input: TensorLike) -> Tensor: ...
    @staticmethod
    def special_xlog1py(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def special_zeta(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def split(
        tensor: TensorLike,
        split_size_or_sections: Size = ...,
        dim: int = 0,
        *,
        split_size: Size = ...,
        axis: int = ...,
    ) -> tuple[Tensor, ...]: ...
    @staticmethod
    def sqrt(input: TensorLike) -> Tensor: ...
    @staticmethod
    def square(input: TensorLike) -> Tensor: ...
    @staticmethod
    def squeeze(input: TensorLike, dim: Size | None = None, *, axis: Size | None = ...) -> Tensor: ...
    @staticmethod
    def stack(tensors: Sequence[Tensor], dim: int = 0, *, axis: int = ...) -> Tensor: ...
    @staticmethod
    def std(
        input: TensorLike,
        dim: Size | None = None,
        *,
        axis: Size | None = ...,
        correction: float | None = None,
        keepdim: bool = False,
        keepdims: bool = ...,
    ) -> Tensor: ...
    @staticmethod
    def std_mean(
        input: TensorLike,
        dim: Size | None = None,
        *,
        axis: Size | None = ...,
        correction: float | None = None,
        keepdim: bool = False,
        keepdims: bool = ...,
    ) -> tuple[Tensor, Tensor]: ...
    @staticmethod
    def std_mean_of_all(input: TensorLike, unbiased: bool) -> tuple[Tensor, Tensor]: ...
    @staticmethod
    def std_mean_unbiased(
        input: TensorLike,
        dim: Size | None = None,
        unbiased: bool = True,
        keepdim: bool = False,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
    ) -> tuple[Tensor, Tensor]: ...
    @staticmethod
    def std_of_all(input: TensorLike, unbiased: bool) -> Tensor: ...
    @staticmethod
    def std_unbiased(
        input: TensorLike,
        dim: Size | None = None,
        unbiased: bool = True,
        keepdim: bool = False,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
    ) -> Tensor: ...
    @staticmethod
    def sub(input: TensorLike, other: TensorLike, *, alpha: float = 1) -> Tensor: ...
    @staticmethod
    def sum(
        input: TensorLike,
        dim: Size | None = None,
        keepdim: bool = False,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
        dtype: DTypeLike | None = None,
    ) -> Tensor: ...
    @staticmethod
    def sum_squares(
        input: TensorLike,
        dim: Size | None = None,
        keepdim: bool = False,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
    ) -> Tensor: ...
    @staticmethod
    def t(input: TensorLike) -> Tensor: ...
    @staticmethod
    def take(input: TensorLike, index: TensorLike) -> Tensor: ...
    @staticmethod
    def take_along_dim(
        input: TensorLike,
        indices: TensorLike,
        dim: int | None = None,
        *,
        axis: int | None = ...,
    ) -> Tensor: ...
    @staticmethod
    def tan(input: TensorLike) -> Tensor: ...
    @staticmethod
    def tanh(input: TensorLike) -> Tensor: ...
    @staticmethod
    def tanhshrink(input: TensorLike) -> Tensor: ...
    @staticmethod
    def threshold(input: TensorLike, threshold: float, value: float) -> Tensor: ...
    @overload
    @staticmethod
    def tile(input: TensorLike, dims: Size) -> Tensor: ...
    @overload
    @staticmethod
    def tile(input: TensorLike, *dims: int) -> Tensor: ...
    @staticmethod
    def topk(
        input: TensorLike,
        k: int,
        dim: int = -1,
        largest: bool = True,
        sorted: bool = True,
        *,
        axis: int = ...,
    ) -> return_types.topk: ...
    @staticmethod
    def trace(input: TensorLike) -> Tensor: ...
    @staticmethod
    def transpose(
        input: TensorLike,
        dim0: int = ...,
        dim1: int = ...,
        *,
        axis0: int = ...,
        axis1: int = ...,
    ) -> Tensor: ...
    @staticmethod
    def tril(input: TensorLike, diagonal: int = 0) -> Tensor: ...
    @staticmethod
    def triu(input: TensorLike, diagonal: int = 0) -> Tensor: ...
    @staticmethod
    def trunc(input: TensorLike) -> Tensor: ...
    @staticmethod
    def trunc_divide(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def unbind(input: TensorLike, dim: int = 0, *, axis: int = ...) -> tuple[Tensor, ...]: ...
    @staticmethod
    def unflatten(input: TensorLike, dim: int = ..., sizes: Size = ..., *, axis: int = ...) -> Tensor: ...
    @staticmethod
    def unfold(input: TensorLike, dimension: int, size: int, step: int) -> Tensor: ...
    @staticmethod
    def uniform(
        shape: Size,
        low: float = 0.0,
        high: float = 1.0,
        dtype: DTypeLike = ...,
        *,
        generator: Any = None,
    ) -> Tensor: ...
    @staticmethod
    def unique_parts(
        input: TensorLike,
        dim: int | None = None,
        consecutive: bool = False,
        *,
        axis: int | None = ...,
    ) -> tuple[Tensor, Tensor, Tensor]: ...
    @staticmethod
    def unsqueeze(input: TensorLike, dim: int = ..., *, axis: int = ...) -> Tensor: ...
    @staticmethod
    def valid_rows(index: TensorLike, rows: int) -> Tensor: ...
    @staticmethod
    def var(
        input: TensorLike,
        dim: Size | None = None,
        *,
        axis: Size | None = ...,
        correction: float | None = None,
        keepdim: bool = False,
        keepdims: bool = ...,
    ) -> Tensor: ...
    @staticmethod
    def var_mean(
        input: TensorLike,
        dim: Size | None = None,
        *,
        axis: Size | None = ...,
        correction: float | None = None,
        keepdim: bool = False,
        keepdims: bool = ...,
    ) -> tuple[Tensor, Tensor]: ...
    @staticmethod
    def var_mean_of_all(input: TensorLike, unbiased: bool) -> tuple[Tensor, Tensor]: ...
    @staticmethod
    def var_mean_unbiased(
        input: TensorLike,
        dim: Size | None = None,
        unbiased: bool = True,
        keepdim: bool = False,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
    ) -> tuple[Tensor, Tensor]: ...
    @staticmethod
    def var_of_all(input: TensorLike, unbiased: bool) -> Tensor: ...
    @staticmethod
    def var_unbiased(
        input: TensorLike,
        dim: Size | None = None,
        unbiased: bool = True,
        keepdim: bool = False,
        *,
        axis: Size | None = ...,
        keepdims: bool = ...,
    ) -> Tensor: ...
    @staticmethod
    def vdot(input: TensorLike, other: TensorLike) -> Tensor: ...
    @overload
    @staticmethod
    def view(input: TensorLike, size: Size) -> Tensor: ...
    @overload
    @staticmethod
    def view(input: TensorLike, *size: int) -> Tensor: ...
    @staticmethod
    def view_as(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def view_dtype(input: TensorLike, dtype: DTypeLike) -> Tensor: ...
    @staticmethod
    def where(condition: TensorLike, input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def where_true(condition: TensorLike) -> tuple[Tensor, ...]: ...
    @staticmethod
    def write_strided(input: TensorLike, src: TensorLike, stride: Size, storage_offset: int) -> Tensor: ...
    @staticmethod
    def xlogy(input: TensorLike, other: TensorLike) -> Tensor: ...
    @staticmethod
    def y0_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def y1_each(input: TensorLike) -> Tensor: ...
    @staticmethod
    def zeta_each(input: TensorLike, other: TensorLike) -> Tensor: ...

bfloat16: DType
bool_: DType
default_generator: Buffer
float16: DType
float32: DType
float64: DType
int16: DType
int32: DType
int64: DType
int8: DType
uint8: DType

def abs(input: TensorLike) -> Tensor:
    """|x|; derivative 0 at x = 0 and NaN"""

def absolute(input: TensorLike) -> Tensor:
    """|x|; derivative 0 at x = 0 and NaN"""

def acos(input: TensorLike) -> Tensor:
    """the angle in [0, pi] whose cosine is x"""

def acosh(input: TensorLike) -> Tensor:
    """ln(x + (x^2 - 1)^(1/2)), NaN below 1"""

def add(input: TensorLike, other: TensorLike, *, alpha: float = 1) -> Tensor:
    """input + other; of bools, whether any is true"""

def addbmm(
    input: TensorLike,
    batch1: TensorLike,
    batch2: TensorLike,
    *,
    beta: float = 1.0,
    alpha: float = 1.0,
) -> Tensor:
    """beta input + alpha sum_b batch1_b batch2_b of stacks (b, m, k) and (b, k, n); the input broadcasts to (m, n), and does not count where beta is 0."""

def addcdiv(input: TensorLike, tensor1: TensorLike, tensor2: TensorLike, *, value: float = 1.0) -> Tensor:
    """input + value tensor1 / tensor2"""

def addcmul(input: TensorLike, tensor1: TensorLike, tensor2: TensorLike, *, value: float = 1.0) -> Tensor:
    """input + value tensor1 tensor2"""

def addmm(
    input: TensorLike,
    mat1: TensorLike,
    mat2: TensorLike,
    *,
    beta: float = 1.0,
    alpha: float = 1.0,
) -> Tensor:
    """beta input + alpha mat1 mat2 of matrices (m, k) and (k, n); the input broadcasts to (m, n), and does not count where beta is 0."""

def addmv(
    input: TensorLike,
    mat: TensorLike,
    vec: TensorLike,
    *,
    beta: float = 1.0,
    alpha: float = 1.0,
) -> Tensor:
    """beta input + alpha mat vec of a matrix (m, k) and a vector (k,); the input broadcasts to (m,), and does not count where beta is 0."""

def addr(
    input: TensorLike,
    vec1: TensorLike,
    vec2: TensorLike,
    *,
    beta: float = 1.0,
    alpha: float = 1.0,
) -> Tensor:
    """beta input_ij + alpha vec1_i vec2_j; the input broadcasts to (n, m), and does not count where beta is 0."""

def adjoint(input: TensorLike) -> Tensor:
    """The last two axes exchanged: there are no complex numbers. A view."""

def all(
    input: TensorLike,
    dim: Size | None = None,
    keepdim: bool = False,
    *,
    axis: Size | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """Whether all elements along the axes dim (None: all) are not 0; of nothing, True. Of uint8, as 0 or 1 in uint8."""

def allocated_bytes() -> int:
    """Bytes of tensor and node memory in use now."""

def amax(
    input: TensorLike,
    dim: Size | None = None,
    keepdim: bool = False,
    *,
    axis: Size | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The maximum over the axes dim (None: all), NaN if any is, and then so is the derivative; equal maxima share it."""

def amin(
    input: TensorLike,
    dim: Size | None = None,
    keepdim: bool = False,
    *,
    axis: Size | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The minimum over the axes dim (None: all), NaN if any is, and then so is the derivative; equal minima share it."""

def aminmax(
    input: TensorLike,
    *,
    dim: Size | None = None,
    axis: Size | None = ...,
    keepdim: bool = False,
    keepdims: bool = ...,
) -> return_types.aminmax:
    """(min, max) along the axis dim (None: of all), NaN if any is; equal ones share the derivative."""

def anomaly() -> tuple[bool, bool]:
    """What set_anomaly has set: whether it is on, and check_nan."""

def any(
    input: TensorLike,
    dim: Size | None = None,
    keepdim: bool = False,
    *,
    axis: Size | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """Whether any element along the axes dim (None: all) is not 0; of nothing, False. Of uint8, as 0 or 1 in uint8."""

def arange(
    start: float = 0,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: DTypeLike | None = None,
    layout: _device.Word | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """start, start + step, ... below end; arange(n) counts from 0. int64 for ints, float32 for floats."""

def arccos(input: TensorLike) -> Tensor:
    """the angle in [0, pi] whose cosine is x"""

def arccosh(input: TensorLike) -> Tensor:
    """ln(x + (x^2 - 1)^(1/2)), NaN below 1"""

def arcsin(input: TensorLike) -> Tensor:
    """the angle in [-pi/2, pi/2] whose sine is x"""

def arcsinh(input: TensorLike) -> Tensor:
    """ln(x + (x^2 + 1)^(1/2))"""

def arctan(input: TensorLike) -> Tensor:
    """the angle in [-pi/2, pi/2] whose tangent is x"""

def arctan2(input: TensorLike, other: TensorLike) -> Tensor:
    """the angle of the point (other, input), in [-pi, pi]; derivative 0 at the origin"""

def arctanh(input: TensorLike) -> Tensor:
    """ln((1 + x) / (1 - x)) / 2"""

def argmax(
    input: TensorLike,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The first position of the maximum along the axis dim, int64; None: in x flattened. NaN counts as the largest. Not differentiable."""

def argmin(
    input: TensorLike,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """The first position of the minimum along the axis dim, int64; None: in x flattened. NaN counts as the least. Not differentiable."""

def argsort(
    input: TensorLike,
    dim: int = -1,
    descending: bool = False,
    *,
    axis: int = ...,
    stable: bool = False,
) -> Tensor:
    """The numbers along dim of the elements in ascending or descending order: sort(input, ..).indices."""

def argwhere(input: TensorLike) -> Tensor:
    """The places of all elements that are not 0, in row-major order: an int64 matrix with a row for each. Not in a capture."""

def as_tensor(data: TensorLike, dtype: DTypeLike | None = None, device: DeviceLike = None) -> Tensor:
    """A tensor on the memory of a NumPy array, without a copy where it is contiguous, aligned and of a known dtype; a tensor itself.

    The array must not be written to any more: what was computed from the tensor may still read it for derivatives. bs.tensor copies and has no such condition.
    """

def asarray(
    obj: TensorLike,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor on the memory of a NumPy array, without a copy where it is contiguous, aligned and of a known dtype; a tensor itself.

    The array must not be written to any more: what was computed from the tensor may still read it for derivatives. bs.tensor copies and has no such condition.
    """

def asin(input: TensorLike) -> Tensor:
    """the angle in [-pi/2, pi/2] whose sine is x"""

def asinh(input: TensorLike) -> Tensor:
    """ln(x + (x^2 + 1)^(1/2))"""

def atan(input: TensorLike) -> Tensor:
    """the angle in [-pi/2, pi/2] whose tangent is x"""

def atan2(input: TensorLike, other: TensorLike) -> Tensor:
    """the angle of the point (other, input), in [-pi, pi]; derivative 0 at the origin"""

def atanh(input: TensorLike) -> Tensor:
    """ln((1 + x) / (1 - x)) / 2"""

def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Adds the derivatives of sum_k <tensors[k], grad_tensors[k]> to .grad of the leaves, or of `inputs` alone."""

def baddbmm(
    input: TensorLike,
    batch1: TensorLike,
    batch2: TensorLike,
    *,
    beta: float = 1.0,
    alpha: float = 1.0,
) -> Tensor:
    """beta input + alpha batch1_b batch2_b of stacks (b, m, k) and (b, k, n); the input broadcasts to (b, m, n), and does not count where beta is 0."""

def batch(
    function: Callable[[list[Tensor]], Sequence[Tensor | None]],
    tensors: Sequence[Tensor],
    size: int,
    randomness: str,
) -> list[Any]:
    """function(tensors of one sample) -> tensors, for all samples at once: axis 0 of each tensor is the batch."""

def bernoulli(input: TensorLike, p: float | None = None, *, generator: Any = None) -> Tensor:
    """1 with the probability that the element is, or that p is, else 0; of input's shape and dtype. ValueError where a probability is not in [0, 1]."""

def bilinear(
    input1: TensorLike, input2: TensorLike, weight: TensorLike, bias: TensorLike | None = None
) -> Tensor:
    """y_o = sum_ij input1_i weight_oij input2_j + bias_o: inputs are (..., m) and (..., n), weight (out, m, n), bias (out,) or None."""

def bincount(input: TensorLike, weights: TensorLike | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, .. is in the vector input, up to its largest number and at least to minlength - 1; with weights, the sums of those of each. Not in a capture."""

def bitwise_and(input: TensorLike, other: TensorLike) -> Tensor:
    """the bits that both have; of bools, whether both are true"""

def bitwise_left_shift(input: TensorLike, other: TensorLike) -> Tensor:
    """input times 2^other, of integers; 0 if no bit is left or other is negative"""

def bitwise_not(input: TensorLike) -> Tensor:
    """each bit of x turned; of bools, logical_not"""

def bitwise_or(input: TensorLike, other: TensorLike) -> Tensor:
    """the bits that any has; of bools, whether any is true"""

def bitwise_right_shift(input: TensorLike, other: TensorLike) -> Tensor:
    """input / 2^other rounded down, of integers; the sign alone where no bit is left or other is negative"""

def bitwise_xor(input: TensorLike, other: TensorLike) -> Tensor:
    """the bits in which they differ; of bools, whether they differ"""

def bmm(input: TensorLike, mat2: TensorLike) -> Tensor:
    """x_b y_b of two stacks of as many matrices, (b, m, k) by (b, k, n). Nothing is broadcast."""

def broadcast_to(input: TensorLike, size: Size = ..., *, shape: Size = ...) -> Tensor:
    """The tensor repeated to a shape that it broadcasts to; -1 keeps a size. A view."""

def bucketize(
    input: TensorLike,
    boundaries: TensorLike,
    *,
    out_int32: bool = False,
    right: bool = False,
) -> Tensor:
    """How many of the ascending numbers boundaries are below each of input; with right, not above."""

def bump_structure_epoch() -> None:
    """Says that modules, parameter groups or slots' flags have changed."""

def call_with(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    slots: list[Any],
    values: list[Tensor],
) -> Any:
    """function(*args, **kwargs), in which some parameters and buffers read as other tensors."""

def cast(input: TensorLike, dtype: DTypeLike) -> Tensor:
    """Another dtype: to bool, whether each element is not 0; floats to integers are cut towards zero, and give the least one where none fits."""

def cat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int = ...) -> Tensor:
    """The tensors one after another along the axis dim, in the dtype that they promote to. Sizes of the other axes are equal; vectors of size 0 are left out."""

def cdist(
    x1: TensorLike,
    x2: TensorLike,
    p: float = 2.0,
    compute_mode: Literal["use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"] = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:
    """The p-norms of all differences of a row of x1 (..., m, k) and one of x2 (..., n, k): (..., m, n). Euclidean ones by a product of matrices where more than 25 rows meet, unless compute_mode says otherwise."""

def ceil(input: TensorLike) -> Tensor:
    """the least whole number >= x; derivative 0"""

def celu(input: TensorLike, alpha: float = 1.0) -> Tensor:
    """x above 0, alpha (e^(x / alpha) - 1) below. Source: Barron (2017), arXiv:1704.07483"""

def checkpoint(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """function(*args, **kwargs), whose derivative runs it again."""

def chunk(input: TensorLike, chunks: int, dim: int = 0, *, axis: int = ...) -> tuple[Tensor, ...]:
    """At most `chunks` parts of the axis dim, all of one size (the last may be smaller). Views."""

def clamp(input: TensorLike, min: TensorLike | None = None, max: TensorLike | None = None) -> Tensor:
    """input, but min where it is below and max where it is above; numbers or tensors. At a bound the derivative is 1"""

def clamp_max(input: TensorLike, max: TensorLike) -> Tensor:
    """min(input, max)"""

def clamp_min(input: TensorLike, min: TensorLike) -> Tensor:
    """max(input, min)"""

def clip(input: TensorLike, min: TensorLike | None = None, max: TensorLike | None = None) -> Tensor:
    """input, but min where it is below and max where it is above; numbers or tensors. At a bound the derivative is 1"""

def compiled(
    fn: Callable[P, R],
    *,
    keep_grads: bool = False,
    cache_size: int = 64,
    fallback: bool = False,
    budget: int | None = None,
) -> CompiledFunction[P, R]:
    """The compiled form of a callable; bs.compile says what it is."""

def concat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int = ...) -> Tensor:
    """The tensors one after another along the axis dim, in the dtype that they promote to. Sizes of the other axes are equal; vectors of size 0 are left out."""

def concatenate(tensors: Sequence[Tensor], dim: int = 0, *, axis: int = ...) -> Tensor:
    """The tensors one after another along the axis dim, in the dtype that they promote to. Sizes of the other axes are equal; vectors of size 0 are left out."""

def contiguous(input: TensorLike) -> Tensor:
    """A copy whose elements lie in row-major order."""

def copysign(input: TensorLike, other: TensorLike) -> Tensor:
    """|input| with the sign of other"""

def cos(input: TensorLike) -> Tensor:
    """cos x"""

def cosh(input: TensorLike) -> Tensor:
    """(e^x + e^-x) / 2"""

def count_nonzero(input: TensorLike, dim: Size | None = None, *, axis: Size | None = ...) -> Tensor:
    """How many elements along the axes dim (None: all) are not 0, int64."""

def cross(input: TensorLike, other: TensorLike, dim: int | None = None, *, axis: int | None = ...) -> Tensor:
    """The vector product along the axis dim of size 3 (None: the first such); other axes broadcast."""

def cummax(input: TensorLike, dim: int = ..., *, axis: int = ...) -> return_types.cummax:
    """values: the largest of x[0], ..., x[k] for each k along the axis dim, NaN from the first NaN on; indices: where it is (int64), the last of equal ones, which gets the derivative."""

def cummin(input: TensorLike, dim: int = ..., *, axis: int = ...) -> return_types.cummin:
    """values: the least of x[0], ..., x[k] for each k along the axis dim, NaN from the first NaN on; indices: where it is (int64), the last of equal ones, which gets the derivative."""

def cumprod(
    input: TensorLike,
    dim: int = ...,
    *,
    axis: int = ...,
    reverse: bool = False,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """The products of x[0], ..., x[k] for each k along the axis dim, or with reverse those of x[k] and all that follow. Integers and bools are multiplied in int64."""

def cumsum(
    input: TensorLike,
    dim: int = ...,
    *,
    axis: int = ...,
    reverse: bool = False,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """The sums of x[0], ..., x[k] for each k along the axis dim, or with reverse those of x[k] and all that follow. Integers and bools are summed in int64."""

def custom(
    backward: Callable[..., Any], inputs: Sequence[Tensor], outputs: Sequence[Tensor], name: str = 'Custom'
) -> list[Tensor]:
    """The outputs as given, with backward(grads, inputs, outputs) -> gradients as their derivative by the inputs."""

def decorate(make: Callable[[], Any], fn: F) -> F:
    """fn, inside a context that make() gives at each call."""

def deg2rad(input: TensorLike) -> Tensor:
    """input pi / 180"""

def depends_on_others(outputs: Sequence[Tensor], leaves: Sequence[Tensor]) -> bool:
    """Whether outputs depend on something that requires a gradient besides leaves."""

def detach(input: TensorLike) -> Tensor:
    """The same value without its history: no derivative flows through."""

def diag(input: TensorLike, diagonal: int = 0) -> Tensor:
    """Of a vector the matrix with it on the diagonal, of a matrix its diagonal, copied."""

def diag_embed(input: TensorLike, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices, at the axes dim1 and dim2 of the result, that hold the last axis of input on the diagonal (see diagonal) and zeros elsewhere."""

def diagflat(input: TensorLike, offset: int = 0) -> Tensor:
    """The matrix with all elements, in row-major order, on the diagonal."""

def diagonal(input: TensorLike, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of the axes dim1 and dim2, as the last axis: offset columns to the right of the main one, or -offset rows below. A view."""

def digamma(input: TensorLike) -> Tensor:
    """the derivative of ln Gamma(x); NaN at negative whole numbers"""

def dist(input: TensorLike, other: TensorLike, p: float = 2.0) -> Tensor:
    """The p-norm of input - other."""

def div(
    input: TensorLike,
    other: TensorLike,
    *,
    rounding_mode: Literal["floor", "trunc"] | None = None,
) -> Tensor:
    """input / other. rounding_mode rounds it: 'floor' down, 'trunc' towards 0; of integers it is then an integer"""

def divide(
    input: TensorLike,
    other: TensorLike,
    *,
    rounding_mode: Literal["floor", "trunc"] | None = None,
) -> Tensor:
    """input / other. rounding_mode rounds it: 'floor' down, 'trunc' towards 0; of integers it is then an integer"""

def dot(input: TensorLike, tensor: TensorLike) -> Tensor:
    """sum_i x_i y_i of two vectors, 0-d."""

def empty(
    *size: Size,
    dtype: DTypeLike | None = None,
    layout: _device.Word | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Tensor | None = None,
    memory_format: _device.Word | None = None,
) -> Tensor:
    """A tensor to be written; until then it holds zeros, so that runs can be repeated."""

def empty_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    layout: _device.Word | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: _device.Word | None = None,
) -> Tensor:
    """A tensor of the shape, and by default the dtype, of x, to be written; until then it holds zeros."""

def eq(input: TensorLike, other: TensorLike) -> Tensor:
    """input == other"""

def erf(input: TensorLike) -> Tensor:
    """2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x"""

def erfc(input: TensorLike) -> Tensor:
    """1 - erf(x), also where that is small"""

def erfinv(input: TensorLike) -> Tensor:
    """y for x = erf(y)"""

def exp(input: TensorLike) -> Tensor:
    """e^x"""

def exp2(input: TensorLike) -> Tensor:
    """2^x"""

@overload
def expand(input: TensorLike, size: Size) -> Tensor: ...
@overload
def expand(input: TensorLike, *size: int) -> Tensor:
    """The tensor repeated to a shape that it broadcasts to; -1 keeps a size. A view."""

def expand_as(input: TensorLike, other: TensorLike) -> Tensor:
    """Repeated to the shape of other. A view."""

def expm1(input: TensorLike) -> Tensor:
    """e^x - 1, also where x is small"""

def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DTypeLike | None = None,
    layout: _device.Word | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Ones on the diagonal of n rows and m columns, zeros elsewhere."""

def fix(input: TensorLike) -> Tensor:
    """x without its fraction; derivative 0"""

def flatten(input: TensorLike, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The axes start_dim to end_dim, both included, as one; a 0-d tensor becomes (1,). A view where the strides allow it, else a copy."""

@overload
def flip(input: TensorLike, dims: Size) -> Tensor: ...
@overload
def flip(input: TensorLike, *dims: int) -> Tensor:
    """The axes dims backwards. A copy."""

def fliplr(input: TensorLike) -> Tensor:
    """The columns (axis 1) backwards. A copy."""

def flipud(input: TensorLike) -> Tensor:
    """The rows (axis 0) backwards. A copy."""

def float_power(input: TensorLike, exponent: TensorLike) -> Tensor:
    """input^exponent in float64"""

def floor(input: TensorLike) -> Tensor:
    """the largest whole number <= x; derivative 0"""

def floor_divide(input: TensorLike, other: TensorLike) -> Tensor:
    """input / other rounded down, as (input - fmod(input, other)) / other: 1 // 0.1 is 9. ValueError for integers by 0"""

def fmax(input: TensorLike, other: TensorLike) -> Tensor:
    """max(input, other); of a number and NaN the number"""

def fmin(input: TensorLike, other: TensorLike) -> Tensor:
    """min(input, other); of a number and NaN the number"""

def fmod(input: TensorLike, other: TensorLike) -> Tensor:
    """what is left of input / other rounded towards 0, with the sign of input; exact. ValueError for integers by 0"""

def frac(input: TensorLike) -> Tensor:
    """x - trunc(x)"""

def frexp(input: TensorLike) -> return_types.frexp:
    """mantissa: m, |m| in [0.5, 1), and exponent: e, int32, of each element m 2^e; of 0, infinite ones and NaN themselves and 0."""

def from_dlpack(ext_tensor: Any, *, device: DeviceLike = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of another library's, or of a capsule that its to_dlpack() gave. It must not be written to any more, unless copy is True."""

def from_numpy(ndarray: npt.NDArray[Any]) -> Tensor:
    """A tensor on the memory of a NumPy array, without a copy where it is contiguous, aligned and of a known dtype; a tensor itself.

    The array must not be written to any more: what was computed from the tensor may still read it for derivatives. bs.tensor copies and has no such condition.
    """

def full(
    size: Size,
    fill_value: float,
    *,
    dtype: DTypeLike | None = None,
    layout: _device.Word | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """A tensor of one number; its dtype is by default that of bs.tensor(fill_value)."""

def full_like(
    input: Tensor,
    fill_value: float,
    *,
    dtype: DTypeLike | None = None,
    layout: _device.Word | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: _device.Word | None = None,
) -> Tensor:
    """A tensor of one number, with the shape, and by default the dtype, of x."""

def gather(
    input: TensorLike,
    dim: int = ...,
    index: TensorLike = ...,
    *,
    axis: int = ...,
    sparse_grad: bool = False,
) -> Tensor:
    """out[i, j, ..] is input at i, j, .. with the number index[i, j, ..] in place of that along dim. index has as many axes as input and the shape of the result; its elements are 0 to input.shape[dim] - 1."""

def gcd(input: TensorLike, other: TensorLike) -> Tensor:
    """the greatest common divisor of integers"""

def ge(input: TensorLike, other: TensorLike) -> Tensor:
    """input >= other"""

def gelu(input: TensorLike) -> Tensor:
    """x Phi(x) = x / 2 (1 + erf(x / sqrt(2))). Source: Hendrycks and Gimpel (2016), Gaussian Error Linear Units, arXiv:1606.08415"""

def ger(input: TensorLike, vec2: TensorLike) -> Tensor:
    """x_i y_j of two vectors: (n,) and (m,) give (n, m)."""

def get_default_dtype() -> DType:
    """What Python's floats become, and what tensors are made of unless something else is asked for."""

def get_num_threads() -> int:
    """Threads that parallel work uses."""

@overload
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor,
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: Literal[False] = False,
) -> Tensor: ...
@overload
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: Literal[False] = False,
) -> tuple[Tensor, ...]: ...
@overload
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> Any:
    """The derivatives of outputs by inputs, any node by any node: a tuple, or one tensor where inputs is one.

    Several outputs are summed, each weighted by its grad_outputs (ones where None). create_graph records the sweep, so
    that the result can be differentiated again. GraphError where an input is not used, unless allow_unused. Without retain_graph (by default as create_graph) the graph gives up the values that derivatives read: it cannot be differentiated again.
    """

def greater(input: TensorLike, other: TensorLike) -> Tensor:
    """input > other"""

def greater_equal(input: TensorLike, other: TensorLike) -> Tensor:
    """input >= other"""

def gt(input: TensorLike, other: TensorLike) -> Tensor:
    """input > other"""

def guard(object: object, name: str) -> None:
    """While a function is captured: its program may be reused only as long as object.name compares equal to its value now."""

def hardshrink(input: TensorLike, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, else 0"""

def heaviside(input: TensorLike, values: TensorLike) -> Tensor:
    """0 below 0, 1 above, values at 0"""

def histc(input: TensorLike, bins: int = 100, min: float = 0.0, max: float = 0.0) -> Tensor:
    """How many elements lie in each of `bins` intervals of one length from min to max, which is in the last one; where both are 0, from the least to the largest element. Not differentiable."""

def host_call(
    function: Callable[..., Any],
    inputs: Sequence[Tensor],
    shapes: Sequence[Sequence[int]],
    dtypes: Sequence[DType],
) -> list[Tensor]:
    """function(*arrays) -> arrays of these shapes and dtypes; inside a program it is called at each run."""

def hypot(input: TensorLike, other: TensorLike) -> Tensor:
    """(input^2 + other^2)^(1/2); no square overflows; derivative 0 at 0"""

def i0(input: TensorLike) -> Tensor:
    """I0(x), the modified Bessel function of the first kind of order 0"""

def igamma(input: TensorLike, other: TensorLike) -> Tensor:
    """P(input, other), the integral of t^(input - 1) e^-t from 0 to other over Gamma(input); the derivative by input is refused"""

def igammac(input: TensorLike, other: TensorLike) -> Tensor:
    """1 - P(input, other), computed as such; see igamma"""

def index_add(
    input: TensorLike,
    dim: int = ...,
    index: TensorLike = ...,
    source: TensorLike = ...,
    *,
    axis: int = ...,
    alpha: float = 1,
) -> Tensor:
    """input with the rows of source (times alpha) added to its rows (positions along dim) that index names, in the order of index."""

def index_copy(
    input: TensorLike,
    dim: int = ...,
    index: TensorLike = ...,
    source: TensorLike = ...,
    *,
    axis: int = ...,
) -> Tensor:
    """input with its rows (positions along dim) that index names replaced by the rows of source."""

def index_fill(
    input: TensorLike,
    dim: int = ...,
    index: TensorLike = ...,
    value: TensorLike = ...,
    *,
    axis: int = ...,
) -> Tensor:
    """input with its rows (positions along dim) that index names filled with a number, or a tensor without axes."""

def index_reduce(
    input: TensorLike,
    dim: int = ...,
    index: TensorLike = ...,
    source: TensorLike = ...,
    reduce: Literal["prod", "mean", "amax", "amin"] = ...,
    *,
    axis: int = ...,
    include_self: bool = True,
) -> Tensor:
    """scatter_reduce of whole rows: those of source to the rows (positions along dim) that index names."""

def index_rows(input: TensorLike, index: TensorLike) -> Tensor:
    """x[index]: the rows of x (r, ...) at index (...), which are 0 to r - 1; the result is index.shape + x.shape[1:]."""

def index_select(input: TensorLike, dim: int = ..., index: TensorLike = ..., *, axis: int = ...) -> Tensor:
    """The rows (positions along dim) of input that the vector index names."""

def info() -> dict[str, Any]:
    """Version, instruction sets, threads and compiler of this build on this machine."""

def inner(input: TensorLike, other: TensorLike) -> Tensor:
    """The sum of products over the last axis of both: (..., k) and (*, k) give (..., *); a 0-d side multiplies."""

def is_capturing() -> bool:
    """Whether bs.compile records on this thread."""

def is_grad_enabled() -> bool:
    """Whether operations are recorded for derivatives on this thread."""

def isclose(
    input: TensorLike, other: TensorLike, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """whether |input - other| <= atol + rtol |other|, or both are equal, or with equal_nan both NaN"""

def isfinite(input: TensorLike) -> Tensor:
    """whether input is neither infinite nor NaN"""

def isin(
    elements: TensorLike,
    test_elements: TensorLike,
    *,
    assume_unique: bool = False,
    invert: bool = False,
) -> Tensor:
    """Whether each of elements is among test_elements; with invert, whether not. NaN is equal to nothing."""

def isinf(input: TensorLike) -> Tensor:
    """whether input is inf or -inf"""

def isnan(input: TensorLike) -> Tensor:
    """whether input is NaN"""

def isneginf(input: TensorLike) -> Tensor:
    """whether input is -inf"""

def isposinf(input: TensorLike) -> Tensor:
    """whether input is inf"""

def kron(input: TensorLike, other: TensorLike) -> Tensor:
    """Kronecker's product: the blocks x_i y, in blocks along each axis; axes that one side lacks have size 1."""

def kthvalue(
    input: TensorLike,
    k: int,
    dim: int = -1,
    keepdim: bool = False,
    *,
    axis: int = ...,
    keepdims: bool = ...,
) -> return_types.kthvalue:
    """The k-th smallest element along dim, counted from 1, and its number there. NaN is above all."""

def lcm(input: TensorLike, other: TensorLike) -> Tensor:
    """the least common multiple of integers"""

def ldexp(input: TensorLike, other: TensorLike) -> Tensor:
    """input 2^other"""

def le(input: TensorLike, other: TensorLike) -> Tensor:
    """input <= other"""

def lerp(input: TensorLike, end: TensorLike, weight: TensorLike) -> Tensor:
    """input + weight (end - input), exact for weights 0 and 1"""

def less(input: TensorLike, other: TensorLike) -> Tensor:
    """input < other"""

def less_equal(input: TensorLike, other: TensorLike) -> Tensor:
    """input <= other"""

def lgamma(input: TensorLike) -> Tensor:
    """ln |Gamma(x)|"""

def linear(input: TensorLike, weight: TensorLike, bias: TensorLike | None = None) -> Tensor:
    """x W^T + b: x is (..., in), weight (out, in), bias (out,) or None; the result is (..., out)."""

def linspace(
    start: float,
    end: float | None,
    steps: int,
    *,
    dtype: DTypeLike | None = None,
    layout: _device.Word | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """`steps` numbers from start to end, at equal distances."""

def live_nodes() -> int:
    """Graph nodes that exist now."""

def log(input: TensorLike) -> Tensor:
    """ln x; a zero gradient stays zero at x = 0"""

def log10(input: TensorLike) -> Tensor:
    """ln x / ln 10, whole numbers of powers of 10"""

def log1p(input: TensorLike) -> Tensor:
    """ln(1 + x), also where x is small; a zero gradient stays zero at x = -1"""

def log2(input: TensorLike) -> Tensor:
    """ln x / ln 2, whole numbers of powers of 2"""

def log_softmax(
    input: TensorLike,
    dim: int = ...,
    dtype: DTypeLike | None = None,
    *,
    axis: int = ...,
) -> Tensor:
    """x - ln sum exp(x) along the axis dim. No finite x overflows."""

def logaddexp(input: TensorLike, other: TensorLike) -> Tensor:
    """ln(e^input + e^other); nothing overflows"""

def logaddexp2(input: TensorLike, other: TensorLike) -> Tensor:
    """log2(2^input + 2^other); nothing overflows"""

def logcumsumexp(input: TensorLike, dim: int = ..., *, axis: int = ...) -> Tensor:
    """ln sum exp of x[0], ..., x[k] for each k along the axis dim, of integers in float32. No finite x overflows."""

def logical_and(input: TensorLike, other: TensorLike) -> Tensor:
    """whether neither is 0"""

def logical_not(input: TensorLike) -> Tensor:
    """whether x is 0"""

def logical_or(input: TensorLike, other: TensorLike) -> Tensor:
    """whether any is not 0"""

def logical_xor(input: TensorLike, other: TensorLike) -> Tensor:
    """whether one of them alone is 0"""

def logit(input: TensorLike, eps: float | None = None) -> Tensor:
    """ln(x / (1 - x)); with eps of x kept in [eps, 1 - eps]"""

def logspace(
    start: float,
    end: float | None,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DTypeLike | None = None,
    layout: _device.Word | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """base ** x for `steps` numbers x from start to end, at equal distances."""

def logsumexp(
    input: TensorLike,
    dim: Size | None = None,
    keepdim: bool = False,
    *,
    axis: Size | None = ...,
    keepdims: bool = ...,
) -> Tensor:
    """ln sum exp(x) over the axes dim (() or None: all), of integers in float32. No finite x overflows; of nothing, or nothing but -inf, -inf."""

def lt(input: TensorLike, other: TensorLike) -> Tensor:
    """input < other"""

def manual_seed(seed: int, state: Buffer | None = None) -> None:
    """Sets the seed of a generator, by default that of the process, and starts its draws again from 0."""

def masked_fill(input: TensorLike, mask: TensorLike, value: TensorLike) -> Tensor:
    """value, a number or a tensor without axes, where mask is true, else input; of input's dtype."""

def masked_scatter(input: TensorLike, mask: TensorLike, source: TensorLike) -> Tensor:
    """input, broadcast with mask, with the elements of source, in order, where mask is true. ValueError where source has too few."""

def masked_select(input: TensorLike, mask: TensorLike) -> Tensor:
    """The elements of input where mask, which broadcasts with it, is true, in row-major order. Not in a capture."""

def matmul(input: TensorLike, other: TensorLike) -> Tensor:
    """x y: (..., m, k) by (..., k, n) gives (..., m, n), leading axes broadcast; a 1-d x is a row, a 1-d y a column. Each element is a chain of fused multiply-adds over k ascending, in parts of 4096; in 16 lanes where there is one column. Integers wrap around."""

@overload
def max(input: TensorLike) -> Tensor: ...
@overload
def max(
    input: TensorLike,
    dim: int = ...,
    keepdim: bool = False,
    *,
    axis: int = ...,
    keepdims: bool = ...,
) -> return_types.max_dim: ...
@overload
def max(input: TensorLike, other: TensorLike) -> Tensor:
    """The largest of all elements, NaN if any is; equal ones share the derivative. max(input, dim, keepdim): (values, indices) along the axis dim, the first of equal ones, which gets the derivative. max(input, other): maximum."""

def maximum(input: TensorLike, other: TensorLike) -> Tensor:
    """max(input, other), NaN if either is; where equal, each gets half of the derivative, where NaN, all of it"""

def mean(
    input: TensorLike,
    dim: Size | None = None,
    keepdim: bool = False,
    *,
    axis: Size | None = ...,
    keepdims: bool = ...,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """The mean over the axes dim (None: all); of nothing, NaN."""

@overload
def median(input: TensorLike) -> Tensor: ...
@overload
def median(
    input: TensorLike,
    dim: int = ...,
    keepdim: bool = False,
    *,
    axis: int = ...,
    keepdims: bool = ...,
) -> return_types.median_dim:
    """The lower median of all elements, NaN if any is; equal ones share the derivative. median(input, dim=-1, keepdim): (values, indices) along the axis dim, the derivative goes to the index."""

@overload
def min(input: TensorLike) -> Tensor: ...
@overload
def min(
    input: TensorLike,
    dim: int = ...,
    keepdim: bool = False,
    *,
    axis: int = ...,
    keepdims: bool = ...,
) -> return_types.min_dim: ...
@overload
def min(input: TensorLike, other: TensorLike) -> Tensor:
    """The least of all elements, NaN if any is; equal ones share the derivative. min(input, dim, keepdim): (values, indices) along the axis dim, the first of equal ones, which gets the derivative. min(input, other): minimum."""

def minimum(input: TensorLike, other: TensorLike) -> Tensor:
    """min(input, other), NaN if either is; where equal, each gets half of the derivative, where NaN, all of it"""

def mm(input: TensorLike, mat2: TensorLike) -> Tensor:
    """x y of two matrices, (m, k) by (k, n)."""

def mode(
    input: TensorLike,
    dim: int = -1,
    keepdim: bool = False,
    *,
    axis: int = ...,
    keepdims: bool = ...,
) -> return_types.mode:
    """(values, indices): the most frequent number along the axis dim, of several the least, where it is last."""

def moveaxis(input: TensorLike, source: Size, destination: Size) -> Tensor:
    """The axes source at the positions destination, the others in their order. A view."""

def movedim(input: TensorLike, source: Size, destination: Size) -> Tensor:
    """The axes source at the positions destination, the others in their order. A view."""

def msort(input: TensorLike) -> Tensor:
    """The elements along the first axis in ascending order."""

def mul(input: TensorLike, other: TensorLike) -> Tensor:
    """input times other; of bools, whether both are true"""

def multinomial(
    input: TensorLike,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Any = None,
) -> Tensor:
    """For each row of weights, (n,) or (m, n), num_samples positions of it, each as likely as its share of what may still be drawn; without replacement none twice. int64. ValueError where weights are negative, not finite, or too few are above 0."""

def multiply(input: TensorLike, other: TensorLike) -> Tensor:
    """input times other; of bools, whether both are true"""

def mv(input: TensorLike, vec: TensorLike) -> Tensor:
    """x v of a matrix (m, k) and a vector (k,)."""

def mvlgamma(input: TensorLike, p: int) -> Tensor:
    """ln of the multivariate gamma function: p (p - 1) / 4 ln pi + sum over j < p of ln Gamma(input - j / 2)"""

def nan_to_num(
    input: TensorLike, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """input with NaN, inf and -inf replaced: by `nan`, `posinf` and `neginf`, or the largest and least numbers"""

def nanmean(
    input: TensorLike,
    dim: Size | None = None,
    keepdim: bool = False,
    *,
    axis: Size | None = ...,
    keepdims: bool = ...,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """The mean over the axes dim (None: all) of what is not NaN."""

@overload
def nanmedian(input: TensorLike) -> Tensor: ...
@overload
def nanmedian(
    input: TensorLike,
    dim: int = ...,
    keepdim: bool = False,
    *,
    axis: int = ...,
    keepdims: bool = ...,
) -> return_types.nanmedian_dim:
    """The lower median of all elements that are not NaN; equal ones share the derivative. nanmedian(input, dim=-1, keepdim): (values, indices) along the axis dim, the derivative goes to the index."""

def nanquantile(
    input: TensorLike,
    q: TensorLike,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = ...,
    keepdims: bool = ...,
    interpolation: Literal["linear", "lower", "higher", "midpoint", "nearest"] = "linear",
) -> Tensor:
    """As quantile, of what is not NaN; of NaN alone, NaN."""

def nansum(
    input: TensorLike,
    dim: Size | None = None,
    keepdim: bool = False,
    *,
    axis: Size | None = ...,
    keepdims: bool = ...,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """The sum over the axes dim (None: all), in which NaN counts as 0."""

def narrow(
    input: TensorLike,
    dim: int = ...,
    start: int = ...,
    length: int = ...,
    *,
    axis: int = ...,
) -> Tensor:
    """x[start:start + length] on axis dim, which must be there. A view."""

def ne(input: TensorLike, other: TensorLike) -> Tensor:
    """input != other"""

def neg(input: TensorLike) -> Tensor:
    """-x"""

def negative(input: TensorLike) -> Tensor:
    """-x"""

def nextafter(input: TensorLike, other: TensorLike) -> Tensor:
    """the number next to input towards other"""

def node_bytes(n_inputs: int, n_outputs: int) -> int:
    """Bytes of one graph node, buffers apart."""

def not_equal(input: TensorLike, other: TensorLike) -> Tensor:
    """input != other"""

def ones(
    *size: Size,
    dtype: DTypeLike | None = None,
    layout: _device.Word | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Ones, float32 by default."""

def ones_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    layout: _device.Word | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: _device.Word | None = None,
) -> Tensor:
    """Ones of the shape, and by default the dtype, of x."""

def outer(input: TensorLike, vec2: TensorLike) -> Tensor:
    """x_i y_j of two vectors: (n,) and (m,) give (n, m)."""

@overload
def permute(input: TensorLike, dims: Size) -> Tensor: ...
@overload
def permute(input: TensorLike, *dims: int) -> Tensor:
    """The axes in the order dims. A view."""

def poisson(input: TensorLike, *, generator: Any = None) -> Tensor:
    """Counts of the Poisson distribution whose rate the element is, of input's shape and dtype. ValueError where a rate is negative or not finite."""

def positive(input: TensorLike) -> Tensor:
    """input as it is"""

def pow(input: TensorLike, exponent: TensorLike) -> Tensor:
    """input^exponent as C's pow; of integers an integer. At input 0 the derivative by exponents >= 0 is 0"""

def prelu(input: TensorLike, weight: TensorLike) -> Tensor:
    """x above 0, weight x below: one weight, or one per channel (axis 1). Source: He et al. (2015), arXiv:1502.01852"""

def prod(
    input: TensorLike,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = ...,
    keepdims: bool = ...,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """The product along the axis dim (None: of all elements); integers and bools are multiplied in int64. Of nothing, 1."""

def put(input: TensorLike, index: TensorLike, source: TensorLike, accumulate: bool = False) -> Tensor:
    """input with source's elements at the positions index in row-major order, or added there with accumulate."""

def quantile(
    input: TensorLike,
    q: TensorLike,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = ...,
    keepdims: bool = ...,
    interpolation: Literal["linear", "lower", "higher", "midpoint", "nearest"] = "linear",
) -> Tensor:
    """The quantiles q, in [0, 1], of the elements along the axis dim (None: of all). In ascending order x[0], ..., x[n-1] the one of q is x at q (n - 1); between two elements x[i] + f (x[i+1] - x[i]), f being the fraction (or the lower, the higher, the nearest one, f = 0.5). For a vector q of k numbers the first axis of the result has size k. NaN where there is one."""

def rad2deg(input: TensorLike) -> Tensor:
    """input 180 / pi"""

def ravel(input: TensorLike) -> Tensor:
    """All elements in row-major order, along one axis. A view where the strides allow it, else a copy."""

def reciprocal(input: TensorLike) -> Tensor:
    """1 / x"""

def registry() -> list[dict[str, Any]]:
    """Every op, described: what stubs and tests are made from."""

def release_cached() -> None:
    """Gives memory kept for reuse back to the system."""

def relu(input: TensorLike) -> Tensor:
    """max(x, 0), NaN stays; derivative 0 at x = 0, 1 at NaN"""

def remainder(input: TensorLike, other: TensorLike) -> Tensor:
    """what is left of input / other rounded down, with the sign of other. ValueError for integers by 0"""

@overload
def repeat(input: TensorLike, repeats: Size) -> Tensor: ...
@overload
def repeat(input: TensorLike, *repeats: int) -> Tensor:
    """Each axis repeated as often as sizes says, as a copy; new axes come first."""

@overload
def reshape(input: TensorLike, shape: Size) -> Tensor: ...
@overload
def reshape(input: TensorLike, *shape: int) -> Tensor:
    """The elements in row-major order under another shape; one size may be -1. A view where the strides allow it, else a copy."""

def reshape_as(input: TensorLike, other: TensorLike) -> Tensor:
    """The elements in row-major order under the shape of other. A view where the strides allow it, else a copy."""

def roll(input: TensorLike, shifts: Size, dims: Size = ()) -> Tensor:
    """Each axis of dims moved on by its shift; what leaves at the end comes in at the beginning. dims=(): of all elements in row-major order."""

def rot90(input: TensorLike, k: int = 1, dims: Size = (0, 1)) -> Tensor:
    """The plane of two axes turned by k times 90 degrees, from the first axis towards the second. A copy."""

def round(input: TensorLike, *, decimals: int = 0) -> Tensor:
    """the nearest whole number, of two the even one; derivative 0. decimals: the nearest multiple of 10^-decimals, of floats"""

def rsqrt(input: TensorLike) -> Tensor:
    """x^(-1/2)"""

def rsub(input: TensorLike, other: TensorLike, *, alpha: float = 1.0) -> Tensor:
    """other - alpha input"""

@overload
def scatter(
    input: TensorLike,
    dim: int = ...,
    index: TensorLike = ...,
    src: TensorLike = ...,
    *,
    axis: int = ...,
    reduce: Literal["add", "multiply"] | None = None,
) -> Tensor: ...
@overload
def scatter(
    input: TensorLike,
    dim: int = ...,
    index: TensorLike = ...,
    value: TensorLike = ...,
    *,
    axis: int = ...,
    reduce: Literal["add", "multiply"] | None = None,
) -> Tensor:
    """input with src[i, j, ..], or a number, at i, j, .. with index[i, j, ..] in place of the number along dim, for all elements of index; of several at one place the last one. reduce: added, or multiplied, in their order. src is as large as index or larger."""

def scatter_add(
    input: TensorLike,
    dim: int = ...,
    index: TensorLike = ...,
    src: TensorLike = ...,
    *,
    axis: int = ...,
) -> Tensor:
    """scatter with what comes added to what is there, in the order of index."""

def scatter_reduce(
    input: TensorLike,
    dim: int = ...,
    index: TensorLike = ...,
    src: TensorLike = ...,
    reduce: Literal["sum", "prod", "mean", "amax", "amin"] = ...,
    *,
    axis: int = ...,
    include_self: bool = True,
) -> Tensor:
    """scatter with all that comes to one place reduced with what is there (with include_self=False only what comes): their sum, prod, mean, amax or amin. The derivative of equal extremes is shared among them."""

def searchsorted(
    sorted_sequence: TensorLike,
    input: TensorLike,
    sorter: TensorLike | None = None,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: Literal["left", "right"] | None = None,
) -> Tensor:
    """How many numbers of sorted_sequence, ascending along its last axis, are below each of input; with right or side='right' not above. sorted_sequence is a vector, or has input's sizes but for the last axis. sorter orders it first. NaN is above all."""

def select(input: TensorLike, dim: int = ..., index: int = ..., *, axis: int = ...) -> Tensor:
    """x[index] on axis dim, which is gone in the result; a negative index counts from the end. A view."""

def selu(input: TensorLike) -> Tensor:
    """scale (x above 0, alpha (e^x - 1) below) with alpha = 1.6733 and scale = 1.0507, which keep mean 0 and variance 1. Source: Klambauer et al. (2017), arXiv:1706.02515"""

def set_anomaly(on: bool, check_nan: bool) -> None:
    """Whether recorded ops note their lines, and sweeps look for NaN."""

def set_default_dtype(d: DTypeLike) -> None:
    """Sets what get_default_dtype() gives: float32 or float64.

    Compiled functions keep what it was when they were captured; quotients of integers stay float32.
    """

def set_num_threads(n: int) -> None:
    """Threads that parallel work uses, 1 to 1024. No result depends on it."""

def set_recording(on: bool) -> None:
    """Whether operations are recorded from here on, on this thread."""

def sgn(input: TensorLike) -> Tensor:
    """-1, 0 or 1, as sign"""

def shuffled(n: int) -> Tensor:
    """An order of n samples, drawn from the default generator as a Trainer draws it."""

def sigmoid(input: TensorLike) -> Tensor:
    """1 / (1 + e^-x)"""

def sign(input: TensorLike) -> Tensor:
    """-1, 0 or 1 as x is below, at or above 0; 0 for NaN"""

def signbit(input: TensorLike) -> Tensor:
    """whether input has a minus sign, as -0 has"""

def sin(input: TensorLike) -> Tensor:
    """sin x"""

def sinc(input: TensorLike) -> Tensor:
    """sin(pi x) / (pi x), 1 at 0"""

def sinh(input: TensorLike) -> Tensor:
    """(e^x - e^-x) / 2"""

def snapshot(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The values that the tensors have now, with their histories, as tensors of their own."""

def softmax(input: TensorLike, dim: int = ..., dtype: DTypeLike | None = None, *, axis: int = ...) -> Tensor:
    """exp(x) / sum exp(x) along the axis dim. No finite x overflows; -inf gives 0, nothing but -inf NaN."""

def softplus(input: TensorLike) -> Tensor:
    """ln(1 + e^x), written so that nothing overflows"""

def sort(
    input: TensorLike,
    dim: int = -1,
    descending: bool = False,
    *,
    axis: int = ...,
    stable: bool = False,
) -> return_types.sort:
    """The elements along dim in ascending or descending order, and their numbers there before. NaN is above all. Equal ones always stay in their order, as with stable=True."""

def split(
    tensor: TensorLike,
    split_size_or_sections: Size = ...,
    dim: int = 0,
    *,
    split_size: Size = ...,
    axis: int = ...,
) -> tuple[Tensor, ...]:
    """Parts of the axis dim, in order: all of one size (the last may be smaller), or of the sizes of a list, which sum to that of the axis. Views."""

def sqrt(input: TensorLike) -> Tensor:
    """x^(1/2); a zero gradient stays zero at x = 0"""

def square(input: TensorLike) -> Tensor:
    """x^2"""

def squeeze(input: TensorLike, dim: Size | None = None, *, axis: Size | None = ...) -> Tensor:
    """Without the axes of size 1 among dim (None: all). A view."""

def stack(tensors: Sequence[Tensor], dim: int = 0, *, axis: int = ...) -> Tensor:
    """Tensors of one shape side by side along a new axis dim, in the dtype that they promote to."""

@overload
def std(
    input: TensorLike,
    dim: Size | None = None,
    *,
    axis: Size | None = ...,
    correction: float | None = None,
    keepdim: bool = False,
    keepdims: bool = ...,
) -> Tensor: ...
@overload
def std(
    input: TensorLike,
    dim: Size | None = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    axis: Size | None = ...,
    keepdims: bool = ...,
) -> Tensor: ...
@overload
def std(input: TensorLike, unbiased: bool) -> Tensor:
    """The root of the variance sum (x - mean)^2 / (n - correction) over the axes dim (None: all); derivative 0 where it is 0. unbiased=False, also the positional argument after dim, means correction=0."""

@overload
def std_mean(
    input: TensorLike,
    dim: Size | None = None,
    *,
    axis: Size | None = ...,
    correction: float | None = None,
    keepdim: bool = False,
    keepdims: bool = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def std_mean(
    input: TensorLike,
    dim: Size | None = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    axis: Size | None = ...,
    keepdims: bool = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def std_mean(input: TensorLike, unbiased: bool) -> tuple[Tensor, Tensor]:
    """(std, mean), with the arguments of std."""

def structure_epoch() -> int:
    """What compiled functions compare to see that modules have changed."""

def sub(input: TensorLike, other: TensorLike, *, alpha: float = 1) -> Tensor:
    """input - other"""

def subtract(input: TensorLike, other: TensorLike, *, alpha: float = 1) -> Tensor:
    """input - other"""

def sum(
    input: TensorLike,
    dim: Size | None = None,
    keepdim: bool = False,
    *,
    axis: Size | None = ...,
    keepdims: bool = ...,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """The sum over the axes dim (None: all); integers and bools are summed in int64. Float sums run in fixed blocks: the same bits on any number of threads."""

def swapaxes(
    input: TensorLike,
    dim0: int = ...,
    dim1: int = ...,
    *,
    axis0: int = ...,
    axis1: int = ...,
) -> Tensor:
    """The axes dim0 and dim1 exchanged. A view."""

def swapdims(
    input: TensorLike,
    dim0: int = ...,
    dim1: int = ...,
    *,
    axis0: int = ...,
    axis1: int = ...,
) -> Tensor:
    """The axes dim0 and dim1 exchanged. A view."""

def t(input: TensorLike) -> Tensor:
    """A matrix transposed; of fewer axes, the tensor. A view."""

def take(input: TensorLike, index: TensorLike) -> Tensor:
    """The elements of input, in row-major order, at the positions index; those below 0 count from the end."""

def take_along_dim(
    input: TensorLike,
    indices: TensorLike,
    dim: int | None = None,
    *,
    axis: int | None = ...,
) -> Tensor:
    """gather whose input and indices broadcast but for axis dim; without dim, of input in row-major order. Indices below 0 count from the end."""

def tan(input: TensorLike) -> Tensor:
    """sin x / cos x"""

def tanh(input: TensorLike) -> Tensor:
    """(e^x - e^-x) / (e^x + e^-x)"""

def tensor(
    data: TensorLike,
    dtype: DTypeLike | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor with a copy of data: a NumPy array (keeps its dtype), a number or a nested sequence.

    Python floats become float32, ints int64, bools bool_; beside NumPy's numbers, what PyTorch makes of them.
    """

def threshold(input: TensorLike, threshold: float, value: float) -> Tensor:
    """x above threshold, else value"""

@overload
def tile(input: TensorLike, dims: Size) -> Tensor: ...
@overload
def tile(input: TensorLike, *dims: int) -> Tensor:
    """Each axis repeated as often as dims says, from the last one on; what dims has no number for stays."""

def topk(
    input: TensorLike,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
    *,
    axis: int = ...,
) -> return_types.topk:
    """The k largest elements along dim (smallest with largest=False), in order, and their numbers there. Of equal ones the first. NaN is above all."""

def trace(input: TensorLike) -> Tensor:
    """sum_i x_ii of a matrix; of integers int64."""

def transpose(
    input: TensorLike,
    dim0: int = ...,
    dim1: int = ...,
    *,
    axis0: int = ...,
    axis1: int = ...,
) -> Tensor:
    """The axes dim0 and dim1 exchanged. A view."""

def tril(input: TensorLike, diagonal: int = 0) -> Tensor:
    """Of matrices (the last two axes) the elements on the diagonal and below it, zeros above; the diagonal is as many columns to the right of the main one."""

def triu(input: TensorLike, diagonal: int = 0) -> Tensor:
    """Of matrices (the last two axes) the elements on the diagonal and above it, zeros below; the diagonal is as many columns to the right of the main one."""

def true_divide(
    input: TensorLike,
    other: TensorLike,
    *,
    rounding_mode: Literal["floor", "trunc"] | None = None,
) -> Tensor:
    """input / other. rounding_mode rounds it: 'floor' down, 'trunc' towards 0; of integers it is then an integer"""

def trunc(input: TensorLike) -> Tensor:
    """x without its fraction; derivative 0"""

def unbind(input: TensorLike, dim: int = 0, *, axis: int = ...) -> tuple[Tensor, ...]:
    """All positions of the axis dim, which is gone in the results. Views."""

def unflatten(input: TensorLike, dim: int = ..., sizes: Size = ..., *, axis: int = ...) -> Tensor:
    """The axis dim as several of the given sizes, one of which may be -1. A view."""

def unfold(input: TensorLike, dimension: int, size: int, step: int) -> Tensor:
    """All windows of `size` positions of the axis dimension, `step` apart; their positions are the last axis. A view."""

def uniform(
    shape: Size,
    low: float = 0.0,
    high: float = 1.0,
    dtype: DTypeLike = ...,
    *,
    generator: Any = None,
) -> Tensor:
    """Numbers of float32 or float64, uniform in [low, high), of a shape."""

def unsqueeze(input: TensorLike, dim: int = ..., *, axis: int = ...) -> Tensor:
    """With an axis of size 1 at position dim of the result. A view."""

@overload
def var(
    input: TensorLike,
    dim: Size | None = None,
    *,
    axis: Size | None = ...,
    correction: float | None = None,
    keepdim: bool = False,
    keepdims: bool = ...,
) -> Tensor: ...
@overload
def var(
    input: TensorLike,
    dim: Size | None = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    axis: Size | None = ...,
    keepdims: bool = ...,
) -> Tensor: ...
@overload
def var(input: TensorLike, unbiased: bool) -> Tensor:
    """The variance sum (x - mean)^2 / (n - correction) over the axes dim (None: all), squares summed in float64; correction None is 1. Where n <= correction, inf or NaN. unbiased=False, also the positional argument after dim, means correction=0."""

@overload
def var_mean(
    input: TensorLike,
    dim: Size | None = None,
    *,
    axis: Size | None = ...,
    correction: float | None = None,
    keepdim: bool = False,
    keepdims: bool = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def var_mean(
    input: TensorLike,
    dim: Size | None = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    axis: Size | None = ...,
    keepdims: bool = ...,
) -> tuple[Tensor, Tensor]: ...
@overload
def var_mean(input: TensorLike, unbiased: bool) -> tuple[Tensor, Tensor]:
    """(var, mean), with the arguments of var."""

def vdot(input: TensorLike, other: TensorLike) -> Tensor:
    """sum_i x_i y_i of two vectors, 0-d."""

@overload
def view(input: TensorLike, size: Size) -> Tensor: ...
@overload
def view(input: TensorLike, *size: int) -> Tensor: ...
@overload
def view(input: TensorLike, dtype: DTypeLike) -> Tensor:
    """The elements in row-major order under another shape, without a copy; one size may be -1. ShapeError where the strides do not allow it: reshape copies there."""

def view_as(input: TensorLike, other: TensorLike) -> Tensor:
    """The elements in row-major order under the shape of other. A view; ShapeError where the strides forbid it."""

@overload
def where(condition: TensorLike, input: TensorLike, other: TensorLike) -> Tensor: ...
@overload
def where(condition: TensorLike) -> tuple[Tensor, ...]:
    """input where condition is true, else other"""

def xlogy(input: TensorLike, other: TensorLike) -> Tensor:
    """input ln other; 0 where input is 0, unless other is NaN"""

def zeros(
    *size: Size,
    dtype: DTypeLike | None = None,
    layout: _device.Word | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Zeros, float32 by default."""

def zeros_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    layout: _device.Word | None = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    memory_format: _device.Word | None = None,
) -> Tensor:
    """Zeros of the shape, and by default the dtype, of x."""

__all__ = [
    "Buffer",
    "CompiledFunction",
    "DType",
    "DTypeError",
    "GraphError",
    "Node",
    "OpFunction",
    "Parameter",
    "Program",
    "ProgramMemory",
    "ProgramPhase",
    "RemovableHandle",
    "ShapeError",
    "Tensor",
    "Trainer",
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "addbmm",
    "addcdiv",
    "addcmul",
    "addmm",
    "addmv",
    "addr",
    "adjoint",
    "all",
    "allocated_bytes",
    "amax",
    "amin",
    "aminmax",
    "anomaly",
    "any",
    "arange",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argsort",
    "argwhere",
    "as_tensor",
    "asarray",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "backward",
    "baddbmm",
    "batch",
    "bernoulli",
    "bfloat16",
    "bilinear",
    "bincount",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "bmm",
    "bool_",
    "broadcast_to",
    "bucketize",
    "bump_structure_epoch",
    "call_with",
    "cast",
    "cat",
    "cdist",
    "ceil",
    "celu",
    "checkpoint",
    "chunk",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "compiled",
    "concat",
    "concatenate",
    "contiguous",
    "copysign",
    "cos",
    "cosh",
    "count_nonzero",
    "cross",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "custom",
    "decorate",
    "default_generator",
    "deg2rad",
    "depends_on_others",
    "detach",
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "digamma",
    "dist",
    "div",
    "divide",
    "dot",
    "empty",
    "empty_like",
    "enable_grad",
    "eq",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expand",
    "expand_as",
    "expm1",
    "eye",
    "fix",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "float16",
    "float32",
    "float64",
    "float_power",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "frac",
    "frexp",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "gather",
    "gcd",
    "ge",
    "gelu",
    "ger",
    "get_default_dtype",
    "get_num_threads",
    "grad",
    "greater",
    "greater_equal",
    "gt",
    "guard",
    "hardshrink",
    "heaviside",
    "histc",
    "host_call",
    "hypot",
    "i0",
    "igamma",
    "igammac",
    "index_add",
    "index_copy",
    "index_fill",
    "index_reduce",
    "index_rows",
    "index_select",
    "info",
    "inner",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_capturing",
    "is_grad_enabled",
    "isclose",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "kron",
    "kthvalue",
    "lcm",
    "ldexp",
    "le",
    "lerp",
    "less",
    "less_equal",
    "lgamma",
    "linear",
    "linspace",
    "live_nodes",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logaddexp",
    "logaddexp2",
    "logcumsumexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logit",
    "logspace",
    "logsumexp",
    "lt",
    "manual_seed",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "matmul",
    "max",
    "maximum",
    "mean",
    "median",
    "min",
    "minimum",
    "mm",
    "mode",
    "moveaxis",
    "movedim",
    "msort",
    "mul",
    "multinomial",
    "multiply",
    "mv",
    "mvlgamma",
    "nan_to_num",
    "nanmean",
    "nanmedian",
    "nanquantile",
    "nansum",
    "narrow",
    "ne",
    "neg",
    "negative",
    "nextafter",
    "no_grad",
    "node_bytes",
    "not_equal",
    "ones",
    "ones_like",
    "ops",
    "outer",
    "permute",
    "poisson",
    "positive",
    "pow",
    "prelu",
    "prod",
    "put",
    "quantile",
    "rad2deg",
    "ravel",
    "reciprocal",
    "registry",
    "release_cached",
    "relu",
    "remainder",
    "repeat",
    "reshape",
    "reshape_as",
    "return_types",
    "roll",
    "rot90",
    "round",
    "rsqrt",
    "rsub",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "searchsorted",
    "select",
    "selu",
    "set_anomaly",
    "set_default_dtype",
    "set_num_threads",
    "set_recording",
    "sgn",
    "shuffled",
    "sigmoid",
    "sign",
    "signbit",
    "sin",
    "sinc",
    "sinh",
    "snapshot",
    "softmax",
    "softplus",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "std_mean",
    "structure_epoch",
    "sub",
    "subtract",
    "sum",
    "swapaxes",
    "swapdims",
    "t",
    "take",
    "take_along_dim",
    "tan",
    "tanh",
    "tensor",
    "threshold",
    "tile",
    "topk",
    "trace",
    "transpose",
    "tril",
    "triu",
    "true_divide",
    "trunc",
    "uint8",
    "unbind",
    "unflatten",
    "unfold",
    "uniform",
    "unsqueeze",
    "var",
    "var_mean",
    "vdot",
    "view",
    "view_as",
    "where",
    "xlogy",
    "zeros",
    "zeros_like",
]
