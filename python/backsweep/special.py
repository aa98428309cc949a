"""Special functions, under the names of `torch.special`."""

from __future__ import annotations

from typing import Any

from backsweep import _core
from backsweep._arguments import whole
from backsweep._core import Tensor
from backsweep._formula import formula

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammaln",
    "log1p",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
]

_ops = _core.ops

digamma = psi = _core.digamma
erf, erfc, erfinv = _core.erf, _core.erfc, _core.erfinv
exp2, expm1, log1p = _core.exp2, _core.expm1, _core.log1p
expit, logit = _core.sigmoid, _core.logit
gammaln, multigammaln = _core.lgamma, _core.mvlgamma
log_softmax, logsumexp, softmax = _core.log_softmax, _core.logsumexp, _core.softmax
round, sinc, xlogy = _core.round, _core.sinc, _core.xlogy


@formula(_ops.special_entr)
def entr(input: Tensor) -> Tensor:
    """Give the entropy of each probability x."""
    return _ops.special_entr(input)


@formula(_ops.special_ndtr)
def ndtr(input: Tensor) -> Tensor:
    """Give the probability that a standard normal number is below x."""
    return _ops.special_ndtr(input)


@formula(_ops.special_xlog1py)
def xlog1py(input: Tensor | float, other: Tensor | float) -> Tensor:
    """Multiply by the logarithm of 1 + `other`; the operands broadcast."""
    return _ops.special_xlog1py(input, other)


@formula(_ops.special_polygamma)
def polygamma(n: int, input: Any) -> Tensor:
    """Give a derivative of `digamma`.

    Parameters
    ----------
    n : int
        Which one; 0 is `digamma` itself.
    input : Tensor

    Raises
    ------
    ValueError
        If n is negative.
    """
    return _ops.special_polygamma(input, whole("polygamma", "n", n, 0))
