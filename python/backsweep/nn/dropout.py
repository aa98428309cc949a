"""Dropout of elements and of channels."""

from __future__ import annotations

from backsweep._arguments import flag
from backsweep._core import Tensor
from backsweep._formula import formula
from backsweep.nn import functional as F
from backsweep.nn._dropouts import probability
from backsweep.nn.module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        name = type(self).__name__
        probability(name, p)
        self.p, self.inplace = p, flag(name, "inplace", inplace)

    def extra_repr(self) -> str:
        """Give the arguments."""
        return f"p={self.p}, inplace={self.inplace}"


@formula(F.dropout)
class Dropout(_Dropout):
    """While training, sets each element to 0 with probability p.

    Parameters
    ----------
    p : float, default 0.5
        The probability, from 0 to 1.
    inplace : bool, default False
        The input becomes the result.

    Raises
    ------
    ValueError
        If p is not between 0 and 1.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the input with elements dropped, or as it is after `eval`."""
        return F.dropout(input, self.p, True, self.inplace) if self.training else input


@formula(F.dropout1d)
class Dropout1d(_Dropout):
    """While training, drops channels of (N, C, L) or (C, L): `functional.dropout1d`.

    Its parameters and errors are those of `Dropout`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the input with channels dropped, or as it is after `eval`."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


@formula(F.dropout2d)
class Dropout2d(_Dropout):
    """While training, drops channels of (N, C, H, W) or (N, C, L): `functional.dropout2d`.

    Its parameters and errors are those of `Dropout`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the input with channels dropped, or as it is after `eval`."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


@formula(F.dropout3d)
class Dropout3d(_Dropout):
    """While training, drops channels of (N, C, D, H, W) or (C, D, H, W): `functional.dropout3d`.

    Its parameters and errors are those of `Dropout`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the input with channels dropped, or as it is after `eval`."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


@formula(F.alpha_dropout)
class AlphaDropout(_Dropout):
    """While training, drops elements to what `SELU` tends to, keeping mean and variance.

    It is `functional.alpha_dropout`; its parameters and errors are those of `Dropout`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the input with elements dropped, or as it is after `eval`."""
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


@formula(F.feature_alpha_dropout)
class FeatureAlphaDropout(_Dropout):
    """While training, drops whole channels (axis 1) as `AlphaDropout` drops elements.

    It is `functional.feature_alpha_dropout`; its parameters and errors are those of `Dropout`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Give the input with channels dropped, or as it is after `eval`."""
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)
