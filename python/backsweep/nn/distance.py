"""Distances as modules."""

from __future__ import annotations

from backsweep._arguments import flag, kept, whole
from backsweep._core import Tensor
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn.module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


@formula(F.cosine_similarity)
class CosineSimilarity(Module):
    """The cosine of the angle between vectors: `functional.cosine_similarity`.

    Parameters
    ----------
    dim : int, default 1
        The axis of the vectors.
    eps : float, default 1e-8
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = whole("CosineSimilarity", "dim", dim, None)
        self.eps = kept("CosineSimilarity", "eps", eps)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Give the cosine for each pair of vectors."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


@formula(F.pairwise_distance)
class PairwiseDistance(Module):
    """The distance of vectors along the last axis: `functional.pairwise_distance`.

    Parameters
    ----------
    p : float, default 2
    eps : float, default 1e-6
    keepdim : bool, default False
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = kept("PairwiseDistance", "p", p)
        self.eps = kept("PairwiseDistance", "eps", eps)
        self.keepdim = flag("PairwiseDistance", "keepdim", keepdim)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Give the distance of each pair of vectors."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
