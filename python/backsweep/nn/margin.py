"""Losses of margins and pairs as modules; `backsweep.nn.functional` has their formulas."""

from __future__ import annotations

from collections.abc import Callable

from backsweep._arguments import flag, number, whole
from backsweep._core import Tensor
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn._reduction import Reduction
from backsweep.nn.loss import Loss, WeightedLoss

__all__ = [
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


@formula(F.hinge_embedding_loss)
class HingeEmbeddingLoss(Loss):
    """Distances against labels 1 and -1: `functional.hinge_embedding_loss`.

    Parameters
    ----------
    margin : float, default 1
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = number("HingeEmbeddingLoss", "margin", margin)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of distances against labels."""
        return F.hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)


@formula(F.margin_ranking_loss)
class MarginRankingLoss(Loss):
    """Which of two scores ranks higher: `functional.margin_ranking_loss`.

    Parameters
    ----------
    margin : float, default 0
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = number("MarginRankingLoss", "margin", margin)

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Give the loss of two scores against labels 1 and -1."""
        return F.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


@formula(F.cosine_embedding_loss)
class CosineEmbeddingLoss(Loss):
    """Cosines of pairs against labels 1 and -1: `functional.cosine_embedding_loss`.

    Parameters
    ----------
    margin : float, default 0
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = number("CosineEmbeddingLoss", "margin", margin)

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Give the loss of pairs of vectors against labels."""
        return F.cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction)


@formula(F.soft_margin_loss)
class SoftMarginLoss(Loss):
    """Logistic loss for labels -1 and +1: `functional.soft_margin_loss`.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of scores against labels of the same shape."""
        return F.soft_margin_loss(input, target, reduction=self.reduction)


@formula(F.multilabel_margin_loss)
class MultiLabelMarginLoss(Loss):
    """Hinge loss for samples of several classes: `functional.multilabel_margin_loss`.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of scores (N, C) against class numbers (N, C), up to the first -1."""
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


@formula(F.multilabel_soft_margin_loss)
class MultiLabelSoftMarginLoss(WeightedLoss):
    """Cross entropy for samples of several classes: `functional.multilabel_soft_margin_loss`.

    Parameters
    ----------
    weight : Tensor, shape (C,), optional
        Multiplies the loss of each class.
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of scores (N, C) against labels 0 and 1 (N, C)."""
        weight = self._buffers["weight"]
        return F.multilabel_soft_margin_loss(input, target, weight, reduction=self.reduction)


@formula(F.multi_margin_loss)
class MultiMarginLoss(WeightedLoss):
    """Hinge loss for several classes: `functional.multi_margin_loss`.

    Parameters
    ----------
    p : {1, 2}, default 1
        The power of the hinge.
    margin : float, default 1
    weight : Tensor, shape (C,), optional
        Multiplies the loss of each class.
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"

    Raises
    ------
    ValueError
        If p is neither 1 nor 2.
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.p = whole("MultiMarginLoss", "p", p)
        if self.p > 2:
            raise ValueError(f"[MultiMarginLoss] p is {self.p}; it must be 1 or 2")
        self.margin = number("MultiMarginLoss", "margin", margin)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Give the loss of scores (N, C) against class numbers (N,)."""
        return F.multi_margin_loss(
            input,
            target,
            self.p,
            self.margin,
            self._buffers["weight"],
            reduction=self.reduction,
        )


@formula(F.triplet_margin_loss)
class TripletMarginLoss(Loss):
    """Distances to a like and an unlike vector: `functional.triplet_margin_loss`.

    Parameters
    ----------
    margin : float, default 1
    p : float, default 2
        Of the norm that measures distances.
    eps : float, default 1e-6
    swap : bool, default False
        Also count the distance between the like and the unlike one.
    size_average, reduce : bool, optional
        PyTorch's abandoned words for `reduction`.
    reduction : {"mean", "sum", "none"}, default "mean"

    Raises
    ------
    ValueError
        If margin is not above 0.
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        name = "TripletMarginLoss"
        self.margin, self.p = number(name, "margin", margin), number(name, "p", p)
        self.eps, self.swap = number(name, "eps", eps), flag(name, "swap", swap)
        if not self.margin > 0:
            raise ValueError(f"[{name}] margin is {margin}; it must be above 0")

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Give the loss of vectors, like ones and unlike ones."""
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            self.margin,
            self.p,
            self.eps,
            self.swap,
            reduction=self.reduction,
        )


@formula(F.triplet_margin_with_distance_loss)
class TripletMarginWithDistanceLoss(Loss):
    """The same with a distance of one's own: `functional.triplet_margin_with_distance_loss`.

    Parameters
    ----------
    distance_function : callable, optional
        Gives the distances of two tensors; `functional.pairwise_distance` if left out.
    margin : float, default 1
    swap : bool, default False
        Also count the distance between the like and the unlike one.
    reduction : {"mean", "sum", "none"}, default "mean"

    Raises
    ------
    ValueError
        If margin is not above 0.
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        name = "TripletMarginWithDistanceLoss"
        self.distance_function = F.pairwise_distance if distance_function is None else distance_function
        self.margin, self.swap = number(name, "margin", margin), flag(name, "swap", swap)
        if not self.margin > 0:
            raise ValueError(f"[{name}] margin is {margin}; it must be above 0")

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Give the loss of vectors, like ones and unlike ones."""
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
