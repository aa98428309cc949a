"""The von Mises distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi
from typing import Any

from backsweep import _core, special
from backsweep._core import Tensor
from backsweep._draws import rand
from backsweep.distributions import constraints
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.utils import broadcast_all

__all__ = ["VonMises"]

# A proposal is refused with probability 0.34 at most: the first one of all is taken, if none else is, with
# probability 3e-8.
ROUNDS = 16


class VonMises(Distribution):
    """The von Mises distribution of angles: density exp(κ cos(x - μ)) / (2 π I0(κ)).

    Parameters
    ----------
    loc : float or Tensor
        μ, in radians.
    concentration : float or Tensor
        κ; both broadcast.
    validate_args : bool, optional

    Raises
    ------
    ValueError
        If κ is not positive.
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}  # noqa: RUF012
    support = constraints.real
    has_rsample = False

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """μ."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """μ."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """1 - I1(κ) / I0(κ), the variance of a direction."""
        return 1 - special.i1e(self.concentration) / special.i0e(self.concentration)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw angles from -π to π.

        Proposals of a wrapped Cauchy distribution are taken or refused. Source: Best and Fisher (1979),
        Efficient Simulation of the von Mises Distribution, Applied Statistics 28 (2).
        """
        shape = self._extended_shape(sample_shape)
        with _core.no_grad():
            kappa = self.concentration.to(_core.float64).expand(shape)
            root = (1 + (2 * kappa).square()).sqrt()
            other = (1 + root).sqrt()
            rho = 2 * kappa * other / ((1 + root) * (other + 2**0.5))
            near = (1 - rho).square() / (2 * rho)  # r - 1, r = (1 + ρ²) / (2 ρ)
            # All rounds at once, so that a compiled program draws the same.
            z, u, side = (rand((ROUNDS, *shape), dtype=_core.float64) for _ in range(3))
            drop = 2 * (0.5 * pi * z).sin().square()  # 1 - cos(π z)
            away = near * drop / (near + 2 - drop)  # 1 - f, f being the cosine that is proposed
            c = kappa * (near + away)
            taken = (c * (2 - c) > u) | (c.log() - u.log() + 1 - c >= 0)
            first = taken.to(_core.int64).argmax(0, keepdim=True)
            away, side = (t.gather(0, first).squeeze(0) for t in (away, side))
            angle = 2 * (0.5 * away).sqrt().clamp_max(1.0).asin() * (side - 0.5).sign()
            turned = angle.to(self.loc.dtype) + self.loc
            return (turned + pi) % (2 * pi) - pi

    def log_prob(self, value: Any) -> Tensor:
        """Give κ cos(x - μ) - log(2 π I0(κ))."""
        half = (0.5 * (self._value(value) - self.loc)).sin()
        kappa = self.concentration
        return -2 * kappa * half.square() - special.i0e(kappa).log() - log(2 * pi)
