"""Special functions, under the names of `torch.special`."""

from __future__ import annotations

from typing import Any

from backsweep import _core
from backsweep._arguments import whole
from backsweep._core import Tensor
from backsweep._formula import formula

__all__ = [
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "sinc",
    "softmax",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]

_ops = _core.ops

bessel_j0, bessel_j1 = _ops.special_bessel_j0, _ops.special_bessel_j1
bessel_y0, bessel_y1 = _ops.special_bessel_y0, _ops.special_bessel_y1
digamma = psi = _core.digamma
entr = _ops.special_entr
erf, erfc, erfcx, erfinv = _core.erf, _core.erfc, _ops.special_erfcx, _core.erfinv
exp2, expm1, log1p = _core.exp2, _core.expm1, _core.log1p
expit, logit = _core.sigmoid, _core.logit
gammainc, gammaincc = _core.igamma, _core.igammac
gammaln, multigammaln = _core.lgamma, _core.mvlgamma
i0 = modified_bessel_i0 = _core.i0
i1 = modified_bessel_i1 = _ops.special_i1
i0e, i1e = _ops.special_i0e, _ops.special_i1e
log_softmax, logsumexp, softmax = _core.log_softmax, _core.logsumexp, _core.softmax
modified_bessel_k0, modified_bessel_k1 = _ops.special_modified_bessel_k0, _ops.special_modified_bessel_k1
scaled_modified_bessel_k0 = _ops.special_scaled_modified_bessel_k0
scaled_modified_bessel_k1 = _ops.special_scaled_modified_bessel_k1
ndtr, ndtri, log_ndtr = _ops.special_ndtr, _ops.special_ndtri, _ops.special_log_ndtr
round, sinc, xlogy = _core.round, _core.sinc, _core.xlogy
spherical_bessel_j0 = _ops.special_spherical_bessel_j0
xlog1py, zeta = _ops.special_xlog1py, _ops.special_zeta


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
