"""LeNet: two convolutions, each with pooling, and dense layers."""

from __future__ import annotations

from backsweep._core import ShapeError, Tensor
from backsweep.nn import Conv2d, Dropout, Flatten, Identity, Linear, MaxPool2d, Module, ReLU, Sequential

__all__ = ["LeNet"]


class LeNet(Module):
    """A small convolutional network for small images, as MNIST's.

    Two 5 x 5 convolutions, each with ReLU and 2 x 2 max pooling, then two dense layers with ReLU and the
    scores. Below 16 pixels on a side convolutions are 3 x 3, and only the second is pooled.

    Parameters
    ----------
    num_classes : int, default 10
    in_channels : int, default 1
    size : int, default 28
        Height and width of the images, from 4 on.
    width : int, default 32
        Channels of the first convolution; the second has twice as many.
    dropout : float, default 0
        The probability of dropout before the first two dense layers.

    Raises
    ------
    ShapeError
        If `size` is below 4.

    Notes
    -----
    After Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998), Gradient-Based Learning Applied to Document
    Recognition, with the ReLU and max pooling of today.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        size: int = 28,
        width: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if size < 4:
            raise ShapeError(f"[LeNet] size is {size}; images must have 4 pixels on a side or more")
        small = size < 16
        kernel = 3 if small else 5
        self.features = Sequential(
            Conv2d(in_channels, width, kernel, padding=kernel // 2),
            ReLU(),
            Identity() if small else MaxPool2d(2),
            Conv2d(width, 2 * width, kernel, padding=kernel // 2),
            ReLU(),
            MaxPool2d(2),
        )
        self.classifier = Sequential(
            Flatten(),
            Dropout(dropout),
            Linear(2 * width * (size // (2 if small else 4)) ** 2, 120),
            ReLU(),
            Dropout(dropout),
            Linear(120, 84),
            ReLU(),
            Linear(84, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Give the scores (N, num_classes) of images (N, in_channels, size, size)."""
        scores: Tensor = self.classifier(self.features(x))
        return scores
