"""Losses as modules; `backsweep.nn.functional` has their formulas, margin.py those of margins and pairs."""

from __future__ import annotations

import warnings
from typing import Any, Literal

from backsweep._arguments import flag, floats, number, whole
from backsweep._core import Tensor
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn._reduction import Reduction, word
from backsweep.nn.module import Module

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "LogisticLoss",
    "MSELoss",
    "NLLLoss",
    "NLLLoss2d",
    "PoissonNLLLoss",
    "SmoothL1Loss",
]


class Loss(Module):
    """What has a reduction."""

    reduction: Any  # one of the words that its function knows

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        self.reduction = word(type(self).__name__, size_average, reduce, reduction)


class WeightedLoss(Loss):
    """What has a buffer of weights besides, in its state where it is given."""

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer(
            "weight", None if weight is None else floats(type(self).__name__, "weight", weight)
        )


# ---- Classes and probabilities -----------------------------------------------------------------------------


@formula(F.cross_entropy)
class CrossEntropyLoss(WeightedLoss):
    """Softmax cross entropy: `functional.cross_entropy`.

    Parameters
    ----------
    weight : Tensor, shape (C,), optional
        Multiplies the loss of the samples of each class.
    ignore_index : int, default -100
        Samples with this target count as none.
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
    label_smoothing : float, default 0
        How much of each sample's probability is spread evenly over all classes.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
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


@formula(F.nll_loss)
class NLLLoss(WeightedLoss):
    """Negative log-likelihood of classes: `functional.nll_loss`.

    Parameters
    ----------
    weight : Tensor, shape (C,), optional
        Multiplies the loss of the samples of each class.
    ignore_index : int, default -100
        Samples with this target count as none.
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = whole(type(self).__name__, "ignore_index", ignore_index, None)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of logarithms of probabilities (N, C) against class numbers (N,)."""
        return F.nll_loss(
            input,
            target,
            self._buffers["weight"],
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class NLLLoss2d(NLLLoss):
    """PyTorch's abandoned name of `NLLLoss`, with its parameters."""

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        warnings.warn("[NLLLoss2d] is deprecated: say NLLLoss", FutureWarning, stacklevel=2)
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


@formula(F.kl_div)
class KLDivLoss(Loss):
    """Kullback-Leibler divergence of distributions: `functional.kl_div`.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "batchmean", "sum", "none"}, default "mean"
        "batchmean" divides the sum by the first size: the divergence as it is defined.
    log_target : bool, default False
        Whether targets are logarithms too.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Literal["none", "batchmean", "mean", "sum"] = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, "sum" if reduction == "batchmean" else reduction)
        if reduction == "batchmean" and size_average is None and reduce is None:
            self.reduction = reduction
        self.log_target = flag("KLDivLoss", "log_target", log_target)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the divergence of the input, logarithms of probabilities, from the target."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


@formula(F.binary_cross_entropy)
class BCELoss(WeightedLoss):
    """Cross entropy of probabilities against labels from 0 to 1: `functional.binary_cross_entropy`.

    Parameters
    ----------
    weight : Tensor, optional
        Multiplies the loss of each element.
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of probabilities against labels of the same shape."""
        return F.binary_cross_entropy(input, target, self._buffers["weight"], reduction=self.reduction)


@formula(F.binary_cross_entropy_with_logits)
class BCEWithLogitsLoss(WeightedLoss):
    """Cross entropy for labels from 0 to 1: `functional.binary_cross_entropy_with_logits`.

    Parameters
    ----------
    weight : Tensor, optional
        Multiplies the loss of each element.
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
    pos_weight : Tensor, optional
        Multiplies the part of label 1.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        name = "pos_weight"
        self.register_buffer(
            name, None if pos_weight is None else floats("BCEWithLogitsLoss", name, pos_weight)
        )

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of scores against labels of the same shape."""
        weight, pos_weight = self._buffers["weight"], self._buffers["pos_weight"]
        return F.binary_cross_entropy_with_logits(
            input, target, weight, reduction=self.reduction, pos_weight=pos_weight
        )


@formula(F.logistic_loss)
class LogisticLoss(Loss):
    """The loss for labels -1 and +1: `functional.logistic_loss`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of scores against labels of the same shape."""
        return F.logistic_loss(input, target, reduction=self.reduction)


@formula(F.ctc_loss)
class CTCLoss(Loss):
    """Negative log-likelihood of label sequences over all alignments: `functional.ctc_loss`.

    Parameters
    ----------
    blank : int, default 0
        The class of no label.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides each loss by the length of its target first.
    zero_infinity : bool, default False
        Count losses of targets that do not fit their input, which are infinite, as 0.
    """

    def __init__(self, blank: int = 0, reduction: Reduction = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank = whole("CTCLoss", "blank", blank, 0)
        self.zero_infinity = flag("CTCLoss", "zero_infinity", zero_infinity)

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any) -> Tensor:
        """Give the loss of logarithms of probabilities (T, N, C) against label sequences."""
        return F.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )


# ---- Numbers -----------------------------------------------------------------------------------------------


@formula(F.mse_loss)
class MSELoss(Loss):
    """Squared error: `functional.mse_loss`.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of predictions against targets of the same shape."""
        return F.mse_loss(input, target, reduction=self.reduction)


@formula(F.l1_loss)
class L1Loss(Loss):
    """Absolute error: `functional.l1_loss`.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of predictions against targets of the same shape."""
        return F.l1_loss(input, target, reduction=self.reduction)


@formula(F.smooth_l1_loss)
class SmoothL1Loss(Loss):
    """Absolute error, rounded off near 0: `functional.smooth_l1_loss`.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
    beta : float, default 1
        Where the square ends.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = number("SmoothL1Loss", "beta", beta)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of predictions against targets of the same shape."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


@formula(F.huber_loss)
class HuberLoss(Loss):
    """Squared error near 0, absolute error beyond: `functional.huber_loss`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
    delta : float, default 1
        Where the square ends.
    """

    def __init__(self, reduction: Reduction = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = number("HuberLoss", "delta", delta)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of predictions against targets of the same shape."""
        return F.huber_loss(input, target, self.reduction, self.delta)


@formula(F.poisson_nll_loss)
class PoissonNLLLoss(Loss):
    """Negative log-likelihood of counts: `functional.poisson_nll_loss`.

    Parameters
    ----------
    log_input : bool, default True
        Whether predictions are logarithms of expected counts.
    full : bool, default False
        Add Stirling's approximation of log(y!).
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    eps : float, default 1e-8
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = flag("PoissonNLLLoss", "log_input", log_input)
        self.full = flag("PoissonNLLLoss", "full", full)
        self.eps = number("PoissonNLLLoss", "eps", eps)

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of expected counts, or their logarithms, against counts."""
        return F.poisson_nll_loss(
            log_input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )


@formula(F.gaussian_nll_loss)
class GaussianNLLLoss(Loss):
    """Negative log-likelihood under normal distributions: `functional.gaussian_nll_loss`.

    Parameters
    ----------
    full : bool, default False
        Add log(2 pi) / 2.
    eps : float, default 1e-6
        The least variance that is counted.
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = flag("GaussianNLLLoss", "full", full)
        self.eps = number("GaussianNLLLoss", "eps", eps)

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """Give the loss of expected values and variances against targets."""
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)
