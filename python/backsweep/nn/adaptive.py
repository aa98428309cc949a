"""Losses with the linear layer that makes their scores, for very many classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import NamedTuple

from backsweep import _core
from backsweep._arguments import flag, floats, kept, number, tensor, whole
from backsweep._core import DType, ShapeError, Tensor
from backsweep._device import DeviceLike
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn._reduction import Reduction
from backsweep.nn.container import ModuleList, Sequential
from backsweep.nn.linear import Linear
from backsweep.nn.loss import WeightedLoss
from backsweep.nn.module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss"]


class _Result(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """The logarithm of a softmax over classes in clusters, of which only those that occur are computed.

    log p(c) is that of c among the head, which has the frequent classes and one entry for each cluster of
    rare ones; for a rare class that of its cluster there plus that of c in the cluster. Source: Grave et al.
    (2017), Efficient softmax approximation for GPUs, arXiv:1609.04309.

    Parameters
    ----------
    in_features : int
        Size of the input's last axis.
    n_classes : int
        Classes, the frequent ones first.
    cutoffs : sequence of int
        Where clusters begin, ascending, between 0 and `n_classes`.
    div_value : float, default 4
        Cluster i works on in_features / div_value^(i + 1) features.
    head_bias : bool, default False
        Whether the head has a bias.
    device : device, optional
        The CPU.
    dtype : DType, optional
        float32 or float64.

    Raises
    ------
    ValueError
        If the cutoffs are not ascending, or out of range.

    Notes
    -----
    Which clusters occur is read from the targets: inside `bs.compile` the call is refused, and `log_prob`
    with `nll_loss` does the same there.
    """

    head: Linear
    tail: ModuleList

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: DeviceLike = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        name = "AdaptiveLogSoftmaxWithLoss"
        self.in_features = whole(name, "in_features", in_features)
        self.n_classes = whole(name, "n_classes", n_classes)
        ends = [whole(name, "cutoffs", cutoff) for cutoff in cutoffs]
        if not ends or any(b <= a for a, b in pairwise([*ends, self.n_classes])):
            raise ValueError(
                f"[{name}] cutoffs is {ends}; they must ascend, each between 1 and {self.n_classes - 1}"
            )
        self.cutoffs = [*ends, self.n_classes]
        self.div_value = kept(name, "div_value", div_value)
        self.head_bias = flag(name, "head_bias", head_bias)
        self.shortlist_size, self.n_clusters = ends[0], len(ends)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(self.in_features, self.head_size, self.head_bias, device, dtype)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            width = int(self.in_features // self.div_value ** (i + 1))
            narrow = Linear(self.in_features, width, False, device, dtype)
            self.tail.append(Sequential(narrow, Linear(width, high - low, False, device, dtype)))

    def reset_parameters(self) -> None:
        """Draw new first values."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _Result:
        """Give the logarithms of the probabilities of the targets, (N,), and their mean's negative.

        Parameters
        ----------
        input_ : Tensor, floats, shape (N, in_features) or (in_features,)
        target_ : Tensor, int64, shape (N,) or ()

        Returns
        -------
        (output, loss) : named tuple of Tensor

        Raises
        ------
        ShapeError
            If the shapes do not go together.
        IndexError
            If a target is no class.
        """
        op = "AdaptiveLogSoftmaxWithLoss"
        input, target = floats(op, "input", input_), tensor(op, "target", target_)
        if input.ndim not in (1, 2) or target.shape != input.shape[:-1]:
            raise ShapeError(
                f"[{op}] input is {input.shape}, target is {target.shape}: they are (N, in_features) and "
                "(N,), or (in_features,) and ()"
            )
        if input.ndim == 1:
            output, loss = self.forward(input.unsqueeze(0), target.unsqueeze(0))
            return _Result(output.squeeze(0), loss)
        if not bool(_core.all((target >= 0) & (target < self.n_classes))):
            raise IndexError(f"[{op}] a target is not among the {self.n_classes} classes")
        cluster = _core.sum(target.unsqueeze(1) >= _core.tensor(self.cutoffs[:-1]), 1)
        entry = _core.where(cluster > 0, self.shortlist_size + cluster - 1, target)
        head = _core.log_softmax(self.head(input), 1)
        output = _core.squeeze(_core.gather(head, 1, entry.unsqueeze(1)), 1)
        for i, (low, _) in enumerate(pairwise(self.cutoffs)):
            rows = _core.squeeze(_core.argwhere(cluster == i + 1), 1)
            if rows.shape[0]:
                scores = _core.log_softmax(self.tail[i](_core.index_rows(input, rows)), 1)
                found = _core.gather(scores, 1, (_core.index_rows(target, rows) - low).unsqueeze(1))
                output = _core.index_add(output, 0, rows, _core.squeeze(found, 1))
        return _Result(output, -_core.mean(output))

    def log_prob(self, input: Tensor) -> Tensor:
        """Give the logarithms of the probabilities of all classes, (N, n_classes)."""
        head = _core.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            entry = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(_core.log_softmax(cluster(input), 1) + entry)
        return _core.cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """Give the most probable class of each row, (N,)."""
        return _core.argmax(self.log_prob(input), 1)


@formula(F.linear_cross_entropy)
class LinearCrossEntropyLoss(WeightedLoss):
    """Softmax cross entropy of the scores of a linear layer: `functional.linear_cross_entropy`.

    Parameters
    ----------
    in_features : int
        Size of the input's last axis.
    num_classes : int
        C, the classes.
    out_features : tuple of int, default ()
        d1, ..., dk: as many losses for each sample.
    bias : bool, default False
        Whether the layer has a bias.
    device : device, optional
        The CPU.
    dtype : DType, optional
        float32 or float64.
    reduction : {"mean", "sum", "none"}, default "mean"
    weight : Tensor, shape (C,), optional
        Multiplies the loss of the samples of each class.
    ignore_index : int, optional
        Samples with this target count as none; by default -100.
    label_smoothing : float, default 0
        How much of each sample's probability is spread evenly over all classes.
    options : None
        PyTorch's way to compute parts of the batch one after another, which is not here.

    Attributes
    ----------
    linear : Linear
        From `in_features` to C d1 ... dk.

    Raises
    ------
    ShapeError
        If `weight` is not of shape (C,).
    ValueError
        If `label_smoothing` is not between 0 and 1.
    """

    linear: Linear

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: DeviceLike = None,
        dtype: DType | None = None,
        reduction: Reduction = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: None = None,
    ) -> None:
        name = "LinearCrossEntropyLoss"
        super().__init__(weight, None, None, reduction)
        self.num_classes = whole(name, "num_classes", num_classes)
        self.out_features = tuple(whole(name, "out_features", n) for n in out_features)
        if weight is not None and weight.shape != (self.num_classes,):
            raise ShapeError(f"[{name}] weight is {weight.shape}; it must be {(self.num_classes,)}")
        self.ignore_index = None if ignore_index is None else whole(name, "ignore_index", ignore_index, None)
        self.label_smoothing = number(name, "label_smoothing", label_smoothing)
        if not 0.0 <= self.label_smoothing <= 1.0:
            raise ValueError(f"[{name}] label_smoothing is {label_smoothing}; it must be between 0 and 1")
        outputs = self.num_classes * prod(self.out_features)
        self.linear = Linear(whole(name, "in_features", in_features), outputs, bias, device, dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of inputs (N, in) against class numbers (N,), or probabilities (N, C)."""
        outputs, bias = (self.num_classes, *self.out_features), self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape((*outputs, self.linear.in_features)),
            target,
            linear_bias=None if bias is None else bias.reshape(outputs),
            weight=self._buffers["weight"],
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        """Give what printing shows."""
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
