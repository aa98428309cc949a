"""Tables whose rows are looked up."""

from __future__ import annotations

from typing import Any, TypeVar

from backsweep import _core
from backsweep._arguments import flag, floats, kept, one_of, whole
from backsweep._core import DType, Parameter, ShapeError, Tensor
from backsweep._device import DeviceLike
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn import init
from backsweep.nn._embeddings import Mode, padding_row
from backsweep.nn.module import Module

__all__ = ["Embedding", "EmbeddingBag"]

T = TypeVar("T", bound="_Table")


class _Table(Module):
    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None,
        max_norm: float | None,
        norm_type: float,
        scale_grad_by_freq: bool,
        sparse: bool,
        weight: Tensor | None,
        freeze: bool,
        device: DeviceLike,
        dtype: DType | None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        rows = self.num_embeddings = whole(name, "num_embeddings", num_embeddings, 0)
        self.embedding_dim = whole(name, "embedding_dim", embedding_dim, 0)
        self.padding_idx = None if padding_idx is None else padding_row(name, padding_idx, rows)
        self.max_norm = None if max_norm is None else kept(name, "max_norm", max_norm)
        self.norm_type = kept(name, "norm_type", norm_type)
        self.scale_grad_by_freq = flag(name, "scale_grad_by_freq", scale_grad_by_freq)
        self.sparse = flag(name, "sparse", sparse)
        shape = (rows, self.embedding_dim)
        if weight is None:
            self.weight = Parameter(_core.zeros(shape, device=device, dtype=dtype), requires_grad=not freeze)
            self.reset_parameters()
            return
        weight = floats(name, "weight", weight)
        if weight.shape != shape:
            raise ShapeError(f"[{name}] weight is {weight.shape}, the table {shape}: must be equal")
        self.weight = weight if isinstance(weight, Parameter) else Parameter(weight)
        self.weight.requires_grad = not freeze

    def reset_parameters(self) -> None:
        """Draw new first values; the padding row becomes 0."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            rows = _core.reshape(_core.arange(self.num_embeddings), (-1, 1))
            self.weight.copy_(_core.where(rows == self.padding_idx, 0.0, self.weight.detach()))

    def _of_norms(self) -> str:
        text = "" if self.max_norm is None else f", max_norm={self.max_norm}"
        text += "" if self.norm_type == 2 else f", norm_type={self.norm_type}"
        return text + f", scale_grad_by_freq={self.scale_grad_by_freq}" * self.scale_grad_by_freq

    def _of_padding(self) -> str:
        return "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"

    @classmethod
    def _from_pretrained(cls: type[T], embeddings: Tensor, **options: Any) -> T:
        embeddings = floats(cls.__name__, "embeddings", embeddings)
        if embeddings.ndim != 2:
            raise ShapeError(f"[{cls.__name__}] embeddings is {embeddings.shape}; it must be (rows, D)")
        make: Any = cls  # which takes its own arguments
        made: T = make(*embeddings.shape, _weight=embeddings, **options)
        return made


@formula(F.embedding)
class Embedding(_Table):
    """A table of vectors, looked up by their numbers: `functional.embedding`.

    Parameters
    ----------
    num_embeddings : int
        The rows of the table.
    embedding_dim : int
        Their size.
    padding_idx : int, optional
        A row that starts as 0 and whose gradient is 0.
    max_norm : float, optional
        Rows that are looked up and longer are made so short first, in place.
    norm_type : float, default 2
        The p of that norm.
    scale_grad_by_freq : bool, default False
        Divide the gradient of each row by how often it is looked up.
    sparse : bool, default False
        Taken for PyTorch's sake: gradients are dense, see `functional.embedding`.
    device : device, optional
        The CPU.
    dtype : DType, optional
        float32 or float64.

    Attributes
    ----------
    weight : Parameter, shape (num_embeddings, embedding_dim)
        It starts from the standard normal distribution.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: DeviceLike = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            num_embeddings,
            embedding_dim,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight,
            _freeze,
            device,
            dtype,
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """Make one of a table that is there, which `freeze` keeps from being trained."""
        return cls._from_pretrained(
            embeddings,
            _freeze=freeze,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
        )

    def forward(self, input: Tensor) -> Tensor:
        """Give the rows at the input's numbers, input.shape + (embedding_dim,)."""
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq
        )

    def extra_repr(self) -> str:
        """Give the arguments."""
        text = f"{self.num_embeddings}, {self.embedding_dim}{self._of_padding()}{self._of_norms()}"
        return text + ", sparse=True" * self.sparse


@formula(F.embedding_bag)
class EmbeddingBag(_Table):
    """Sums, means or maxima of bags of rows of a table: `functional.embedding_bag`.

    Parameters
    ----------
    num_embeddings, embedding_dim, max_norm, norm_type, scale_grad_by_freq, sparse, device, dtype
        As those of `Embedding`.
    mode : {"mean", "sum", "max"}, default "mean"
    include_last_offset : bool, default False
        Whether offsets end with the end of the last bag.
    padding_idx : int, optional
        A row that starts as 0, that no bag counts, and whose gradient is 0.

    Attributes
    ----------
    weight : Parameter, shape (num_embeddings, embedding_dim)
        It starts from the standard normal distribution.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: Mode = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: DeviceLike = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            num_embeddings,
            embedding_dim,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight,
            False,
            device,
            dtype,
        )
        self.mode = one_of("EmbeddingBag", "mode", mode, ("sum", "mean", "max"))
        self.include_last_offset = flag("EmbeddingBag", "include_last_offset", include_last_offset)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: Mode = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """Make one of a table that is there, which `freeze` keeps from being trained."""
        made = cls._from_pretrained(
            embeddings,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        made.weight.requires_grad = not freeze
        return made

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        """Give one vector for each bag, (B, embedding_dim)."""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            False,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        """Give the arguments."""
        head = f"{self.num_embeddings}, {self.embedding_dim}{self._of_norms()}"
        return f"{head}, mode={self.mode!r}{self._of_padding()}"
