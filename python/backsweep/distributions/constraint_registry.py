"""Which transform reaches a region from all numbers: for parameters that an optimizer moves freely."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backsweep.distributions import constraints
from backsweep.distributions.transforms import (
    AffineTransform,
    CatTransform,
    ComposeTransform,
    CorrCholeskyTransform,
    ExpTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    SigmoidTransform,
    SoftmaxTransform,
    StackTransform,
    StickBreakingTransform,
    Transform,
    identity_transform,
)

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]

Factory = Callable[[Any], Transform]


class ConstraintRegistry:
    """Transforms by classes of constraints; called with a constraint it gives the transform to its region.

    Examples
    --------
    >>> free = bs.zeros(3, requires_grad=True)
    >>> scale = transform_to(constraints.positive)(free)
    """

    def __init__(self) -> None:
        self._registry: dict[type, Factory] = {}

    def register(self, constraint: Any, factory: Factory | None = None) -> Any:
        """Make a function of a constraint the one that gives its transform; also as a decorator.

        Parameters
        ----------
        constraint : Constraint, or a class of constraints
            Its class alone counts, without those that inherit.
        factory : callable, optional
            Left out, a decorator is given.
        """
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        kind = type(constraint) if isinstance(constraint, constraints.Constraint) else constraint
        if not (isinstance(kind, type) and issubclass(kind, constraints.Constraint)):
            raise TypeError(
                f"[register] constraint is {constraint!r}; it must be a constraint, or a class of such"
            )
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint: Any) -> Transform:
        """Give the transform to the region of a constraint.

        Raises
        ------
        NotImplementedError
            If none is registered.
        """
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(
                f"[constraint_registry] no transform is registered for {type(constraint).__name__}: "
                "register one"
            )
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _to_interval(constraint: Any) -> Transform:
    low, high = constraint.lower_bound, constraint.upper_bound
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and (low, high) == (0, 1):
        return SigmoidTransform()
    return ComposeTransform([SigmoidTransform(), AffineTransform(low, high - low)])


def _above(constraint: Any) -> Transform:
    low = constraint.lower_bound
    if isinstance(low, (int, float)) and low == 0:
        return ExpTransform()
    return ComposeTransform([ExpTransform(), AffineTransform(low, 1)])


def _register_all(to: ConstraintRegistry) -> None:
    """Register what is the same in both."""
    rules: dict[Any, Factory] = {
        type(constraints.real): lambda c: identity_transform,
        constraints.independent: lambda c: IndependentTransform(
            to(c.base_constraint), c.reinterpreted_batch_ndims
        ),
        constraints.greater_than: _above,
        constraints.greater_than_eq: _above,
        constraints.less_than: lambda c: ComposeTransform(
            [ExpTransform(), AffineTransform(c.upper_bound, -1)]
        ),
        constraints.interval: _to_interval,
        constraints.half_open_interval: _to_interval,
        type(constraints.corr_cholesky): lambda c: CorrCholeskyTransform(),
        constraints.cat: lambda c: CatTransform([to(part) for part in c.cseq], c.dim, c.lengths),
        constraints.stack: lambda c: StackTransform([to(part) for part in c.cseq], c.dim),
    }
    for kind, factory in rules.items():
        to.register(kind, factory)


_register_all(biject_to)
_register_all(transform_to)
biject_to.register(constraints.simplex, lambda c: StickBreakingTransform())
transform_to.register(constraints.simplex, lambda c: SoftmaxTransform())
# Their diagonals are bijective, the triangle that is left out is not.
transform_to.register(constraints.lower_cholesky, lambda c: LowerCholeskyTransform())
transform_to.register(constraints.positive_definite, lambda c: PositiveDefiniteTransform())
transform_to.register(constraints.positive_semidefinite, lambda c: PositiveDefiniteTransform())
