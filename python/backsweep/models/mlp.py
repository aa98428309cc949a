"""Dense networks."""

from __future__ import annotations

from collections.abc import Sequence

from backsweep._arguments import sizes
from backsweep._core import Tensor
from backsweep.nn import Dropout, Flatten, Linear, Module, ReLU, Sequential

__all__ = ["MLP"]


class MLP(Module):
    """Linear layers with ReLU, and dropout, between them; images are taken as rows of numbers.

    Parameters
    ----------
    in_features : int
        Of images channels · height · width.
    hidden_sizes : sequence of int
        The sizes of the layers between.
    out_features : int
        The number of classes.
    dropout : float, default 0
        The probability of dropout before each layer but the first.

    Examples
    --------
    >>> MLP(784, [512, 512], 10)
    """

    def __init__(
        self, in_features: int, hidden_sizes: Sequence[int], out_features: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        layers: list[Module] = [Flatten()]
        size = in_features
        for hidden in sizes("MLP", "hidden_sizes", hidden_sizes):
            layers += [Linear(size, hidden), ReLU()]
            if dropout:
                layers.append(Dropout(dropout))
            size = hidden
        layers.append(Linear(size, out_features))
        self.layers = Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Give the scores (N, out_features) of (N, ...)."""
        scores: Tensor = self.layers(x)
        return scores
