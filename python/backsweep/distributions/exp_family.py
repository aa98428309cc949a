"""The base of exponential families of one's own."""

from __future__ import annotations

from typing import Any

from backsweep import _core
from backsweep._core import Tensor
from backsweep.autograd import grad
from backsweep.distributions.distribution import Distribution
from backsweep.distributions.independent import sum_last

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Densities exp(t(x) · θ - F(θ) + k(x)), t being statistics of a value.

    A subclass states `_natural_params`, a tuple of the tensors θ, `_log_normalizer`, which gives F of them,
    and `_mean_carrier_measure`, the expected value of k. Entropy and divergence follow by derivatives of F.

    Source: Nielsen and Nock (2010), Entropies and Cross-entropies of Exponential Families.
    """

    _mean_carrier_measure: Any = 0.0

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        self._lacks("_natural_params")

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        self._lacks("_log_normalizer")

    def entropy(self) -> Tensor:
        """Give F(θ) - θ · F'(θ) - E k."""
        theta, value, slopes = self._at_natural_params()
        result: Tensor = value - self._mean_carrier_measure
        for parameter, slope in zip(theta, slopes, strict=True):
            result = result - sum_last(parameter * slope, parameter.ndim - len(self._batch_shape))
        return result

    def _at_natural_params(self) -> tuple[tuple[Tensor, ...], Tensor, tuple[Tensor, ...]]:
        """Give θ, F(θ) and its derivatives, all with their histories."""
        with _core.enable_grad():
            given = self._natural_params
            theta = tuple(p if p.requires_grad else p.detach().requires_grad_() for p in given)
            value = self._log_normalizer(*theta)
            slopes: Any = grad(value.sum(), theta, create_graph=True)
        if not any(p.requires_grad for p in given):
            theta, value, slopes = given, value.detach(), tuple(slope.detach() for slope in slopes)
        return theta, value, slopes
