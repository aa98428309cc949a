"""Draws of the gamma distribution, with derivatives by its shape."""

from __future__ import annotations

from functools import cache

import numpy as np

from backsweep import _core
from backsweep._core import Tensor
from backsweep._draws import rand, randn
from backsweep.autograd.function import Function

__all__ = ["log_standard_gamma"]

# A proposal is refused with probability 0.049 at shape 1, less above: the last one is taken as it is with
# probability 1e-8.
ROUNDS = 6
# The integrand is cut off where it has fallen by e^26. With that, slopes are right to 1e-9 (mpmath, shapes
# 1e-3 to 1e3, quantiles 1e-6 to 1 - 1e-9).
NODES = 24
FALL = 26.0
TERMS = 18


def log_standard_gamma(concentration: Tensor) -> Tensor:
    """Give log g, g drawn with density g^(α-1) e^-g / Γ(α) for each α, float64; differentiable by α.

    Draws are Marsaglia and Tsang's (2000, A Simple Method for Generating Gamma Variables), whose rejection
    takes a fixed number of rounds, so that a compiled program draws the same; below shape 1 they are those
    of α + 1 times u^(1/α), as a logarithm, since g itself underflows there.
    """
    made: Tensor = _LogGamma()(concentration)
    return made


class _LogGamma(Function):
    def forward(self, alpha: Tensor) -> Tensor:
        small = alpha < 1
        d = _core.where(small, alpha + 1, alpha) - 1 / 3
        c = (9 * d).rsqrt()
        v, found = _core.ones_like(alpha), _core.zeros_like(alpha, dtype=_core.bool_)
        for _ in range(ROUNDS):
            if not found.is_symbolic and bool(found.all()):
                randn(0)  # the generator goes on as in a program, which takes all rounds
                rand(0)
                continue
            z, u = randn(alpha.shape, dtype=alpha.dtype), 1 - rand(alpha.shape, dtype=alpha.dtype)
            root = 1 + c * z
            fresh = root > 0
            proposed = _core.where(fresh, root * root * root, 1.0)
            v = _core.where(fresh & ~found, proposed, v)
            found = found | (fresh & (u.log() < 0.5 * z * z + d * (1 - proposed + proposed.log())))
        lowered = (1 - rand(alpha.shape, dtype=alpha.dtype)).log() / alpha
        return d.log() + v.log() + _core.where(small, lowered, 0.0)

    def backward(self, grad: Tensor, alpha: Tensor, made: Tensor) -> Tensor:
        return grad * slope(alpha, made)


def slope(alpha: Tensor, log_x: Tensor) -> Tensor:
    """Give d log x / dα of the quantile x at a fixed probability: -(∂F/∂α) / (x f).

    Source: Figurnov, Mohamed and Mnih (2018), Implicit Reparameterization Gradients. ∂F/∂α is the integral
    of (log t - ψ(α)) f(t) up to x, or its negative above x. The side whose integrand has one sign is taken,
    in s = |log t - log x|, by Gauss and Legendre; for x <= 1, as a power series.
    """
    x = log_x.exp()
    return _core.where(x <= 1, _series(alpha, log_x, x.clamp_max(1.0)), _integral(alpha, log_x))


def _series(alpha: Tensor, log_x: Tensor, x: Tensor) -> Tensor:
    # γ(α, x) is x^α Σ (-x)^n / (n! (α + n)); the terms in 1/α², which would cancel, have been left out.
    term, total, rest = _core.ones_like(x), 1 / alpha, _core.zeros_like(x)
    for n in range(1, TERMS):
        term = term * (x / -n)
        total = total + term / (alpha + n)
        rest = rest + term * n / (alpha + n).square()
    return -x.exp() * ((log_x - (1 + alpha).digamma()) * total + rest / alpha)


def _integral(alpha: Tensor, log_x: Tensor) -> Tensor:
    log_x = log_x.clamp_min(0.0)
    x = log_x.exp()
    gap = log_x - alpha.digamma()
    above = gap > 0
    side = _core.where(above, 1.0, -1.0).to(x.dtype)
    # How far to go: bounds of where side (x - alpha) s + x (e^±s - 1 ∓ s) reaches FALL.
    off = side * (x - alpha)
    up = (2 * FALL / (off + (off.square() + 2 * FALL * x).sqrt())).minimum(((FALL + alpha) / x).log1p())
    rest = FALL - 2 * off
    down = (rest + (rest.square() + 8 * FALL * alpha).sqrt()) / (2 * alpha)
    end = _core.where(above, up, down)
    total = _core.zeros_like(x)
    for node, weight in zip(*_rule(), strict=True):
        s = end * (0.5 + 0.5 * node)
        t = side * s
        total = total + 0.5 * weight * (gap.abs() + s) * (alpha * t - x * t.expm1()).exp()
    return total * end


@cache
def _rule() -> tuple[list[float], list[float]]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return nodes.tolist(), weights.tolist()
