"""Losses as modules; `backsweep.nn.functional` has their formulas."""

from __future__ import annotations

from backsweep._arguments import floats, number, one_of, whole
from backsweep._core import Tensor
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn.functional import Reduction
from backsweep.nn.module import Module

__all__ = ["BCEWithLogitsLoss", "CrossEntropyLoss", "LogisticLoss", "MSELoss"]


class _Loss(Module):
    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction = one_of(type(self).__name__, "reduction", reduction, ("mean", "sum", "none"))


@formula(F.cross_entropy)
class CrossEntropyLoss(_Loss):
    """Softmax cross entropy: `functional.cross_entropy`.

    Parameters
    ----------
    weight : Tensor, shape (C,), optional
        Multiplies the loss of the samples of each class.
    ignore_index : int, default -100
        Samples with this target count as none.
    reduction : {"mean", "sum", "none"}, default "mean"
    label_smoothing : float, default 0
        How much of each sample's probability is spread evenly over all classes.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction=reduction)
        self.register_buffer(
            "weight", None if weight is None else floats("CrossEntropyLoss", "weight", weight)
        )
        self.ignore_index = whole("CrossEntropyLoss", "ignore_index", ignore_index, None)
        self.label_smoothing = number("CrossEntropyLoss", "label_smoothing", label_smoothing)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of scores (N, C) against class numbers (N,), or probabilities (N, C)."""
        return F.cross_entropy(
            input,
            target,
            self._buffers["weight"],
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


@formula(F.binary_cross_entropy_with_logits)
class BCEWithLogitsLoss(_Loss):
    """Cross entropy for labels from 0 to 1: `functional.binary_cross_entropy_with_logits`.

    Parameters
    ----------
    weight : Tensor, optional
        Multiplies the loss of each element.
    reduction : {"mean", "sum", "none"}, default "mean"
    pos_weight : Tensor, optional
        Multiplies the part of label 1.
    """

    def __init__(
        self, weight: Tensor | None = None, *, reduction: Reduction = "mean", pos_weight: Tensor | None = None
    ) -> None:
        super().__init__(reduction=reduction)
        for name, given in (("weight", weight), ("pos_weight", pos_weight)):
            value = None if given is None else floats("BCEWithLogitsLoss", name, given)
            self.register_buffer(name, value)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of scores against labels of the same shape."""
        weight, pos_weight = self._buffers["weight"], self._buffers["pos_weight"]
        return F.binary_cross_entropy_with_logits(
            input, target, weight, reduction=self.reduction, pos_weight=pos_weight
        )


@formula(F.logistic_loss)
class LogisticLoss(_Loss):
    """The loss for labels -1 and +1: `functional.logistic_loss`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of scores against labels of the same shape."""
        return F.logistic_loss(input, target, reduction=self.reduction)


@formula(F.mse_loss)
class MSELoss(_Loss):
    """Squared error: `functional.mse_loss`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of predictions against targets of the same shape."""
        return F.mse_loss(input, target, reduction=self.reduction)
