"""The base of all distributions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any, NoReturn, TypeVar

from backsweep import _core
from backsweep._arguments import flag, tensor
from backsweep._core import Tensor
from backsweep.distributions import constraints

__all__ = ["Distribution"]

Shape = tuple[int, ...]
D = TypeVar("D", bound="Distribution")


class Distribution:
    """A distribution of probability, or a batch of independent ones.

    Samples have the shape sample_shape + batch_shape + event_shape: how many are drawn, how many
    distributions there are, what one value is.

    Parameters
    ----------
    batch_shape, event_shape : sequence of int
    validate_args : bool, optional
        Whether parameters, and values given to `log_prob` and the like, are checked; by default as
        `set_default_validate_args` says, at first True unless Python runs with -O. Inside `bs.compile`
        nothing that the program computes is checked: it has no value yet.

    Attributes
    ----------
    arg_constraints : mapping
        The region of each parameter.
    support : Constraint
        The region of the values.
    has_rsample : bool
        Whether samples have derivatives by the parameters.
    has_enumerate_support : bool
        Whether `enumerate_support` gives all values.
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    arg_constraints: Mapping[str, Any] = {}
    support: Any = constraints.dependent
    _validate_args: Any = __debug__
    _compared = True  # captures rely on what attributes hold (_watch.py)

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Say whether distributions made from now on check their arguments."""
        Distribution._validate_args = flag("set_default_validate_args", "value", value)

    def __init__(
        self,
        batch_shape: Sequence[int] = (),
        event_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        self._batch_shape: Shape = tuple(batch_shape)
        self._event_shape: Shape = tuple(event_shape)
        if validate_args is not None:
            self._validate_args = flag(type(self).__name__, "validate_args", validate_args)
        if self._validate_args:
            self._validate_parameters()

    @property
    def batch_shape(self) -> Shape:
        """How many distributions there are, as a shape."""
        return self._batch_shape

    @property
    def event_shape(self) -> Shape:
        """The shape of one value."""
        return self._event_shape

    # ---- What a distribution states ------------------------------------------------------------------------

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        self._lacks("mean")

    @property
    def mode(self) -> Tensor:
        """The value of the highest density."""
        self._lacks("mode")

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean."""
        self._lacks("variance")

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples with derivatives by the parameters."""
        self._lacks("rsample")

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw samples, without derivatives, from the generator that `bs.manual_seed` seeds."""
        with _core.no_grad():
            return self.rsample(sample_shape)

    def sample_n(self, n: int) -> Tensor:
        """Draw n samples: PyTorch's abandoned word for ``sample((n,))``."""
        warnings.warn("sample_n(n) will be deprecated. Use .sample((n,)) instead", UserWarning, stacklevel=2)
        return self.sample((n,))

    def log_prob(self, value: Any) -> Tensor:
        """Give the logarithm of the density, or probability, of each value."""
        self._lacks("log_prob")

    def cdf(self, value: Any) -> Tensor:
        """Give the probability of values up to each value."""
        self._lacks("cdf")

    def icdf(self, value: Any) -> Tensor:
        """Give the quantile of each probability: the inverse of `cdf`."""
        self._lacks("icdf")

    def entropy(self) -> Tensor:
        """Give the expected value of -log_prob, in nats."""
        self._lacks("entropy")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Give all values along a new first axis, over the batch too if `expand`."""
        self._lacks("enumerate_support")

    def perplexity(self) -> Tensor:
        """Give the exponential of the entropy."""
        return self.entropy().exp()

    def expand(self: D, batch_shape: Sequence[int], _instance: Any = None) -> D:
        """Give the distribution with parameters expanded to another batch_shape, which repeat no memory."""
        shape = tuple(batch_shape)
        made = self._like(shape)
        for name, constraint in self.arg_constraints.items():
            value = vars(made).get(name)
            if isinstance(value, Tensor):
                vars(made)[name] = value.expand(shape + value.shape[value.ndim - constraint.event_dim :])
        return made

    def __repr__(self) -> str:
        text = ", ".join(f"{name}: {_short(value)}" for name, value in self._parameters())
        return f"{type(self).__name__}({text})"

    # ---- For subclasses ------------------------------------------------------------------------------------

    def _lacks(self, what: str) -> NoReturn:
        raise NotImplementedError(
            f"[{type(self).__name__}] has no {what}: it is not defined, or has no closed form"
        )

    def _parameters(self) -> Iterator[tuple[str, Any]]:
        """Give the parameters that are there, but for those that are made of others when they are read."""
        for name in self.arg_constraints:
            if name in vars(self) or isinstance(getattr(type(self), name, None), property):
                yield name, getattr(self, name)

    def _like(self: D, batch_shape: Shape) -> D:
        """Give a copy with the same attributes and another batch_shape."""
        made = object.__new__(type(self))
        vars(made).update(vars(self), _batch_shape=batch_shape)
        return made

    def _extended_shape(self, sample_shape: Sequence[int] = ()) -> Shape:
        """Give the shape of samples."""
        if isinstance(sample_shape, Integral):
            raise TypeError(
                f"[{type(self).__name__}] sample_shape is {sample_shape}; it must be a sequence of sizes, "
                f"as in sample(({sample_shape},))"
            )
        return tuple(sample_shape) + self._batch_shape + self._event_shape

    def _validate_parameters(self) -> None:
        for name, value in self._parameters():
            constraint = self.arg_constraints[name]
            if not constraints.is_dependent(constraint):
                self._check_parameter(name, value, constraint)

    def _check_parameter(self, name: str, value: Any, constraint: Any) -> None:
        """Raise where a parameter lies outside of its region."""
        if isinstance(value, Tensor) and not _holds(constraint, value):
            raise ValueError(
                f"Expected parameter {name} (Tensor of shape {value.shape}) of distribution {self!r} "
                f"to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
            )

    def _validate_sample(self, value: Tensor) -> None:
        """Raise where a value has not the distribution's shape, or lies outside its support."""
        shape = self._batch_shape + self._event_shape
        events = value.ndim - len(self._event_shape)
        if events < 0 or value.shape[events:] != self._event_shape:
            raise ValueError(
                f"[{type(self).__name__}] value is {value.shape}; its last axes must be those of one event, "
                f"{self._event_shape}"
            )
        for have, want in zip(reversed(value.shape), reversed(shape), strict=False):
            if have != 1 and want != 1 and have != want:
                raise ValueError(
                    f"[{type(self).__name__}] value is {value.shape}, which does not broadcast with "
                    f"batch_shape + event_shape = {shape}"
                )
        support = self.support
        if not constraints.is_dependent(support) and not _holds(support, value):
            raise ValueError(
                f"Expected value argument (Tensor of shape {value.shape}) to be within the support "
                f"({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def _value(self, value: Any) -> Tensor:
        """Give what `log_prob` and the like are called with as a tensor, checked if that was asked for."""
        given = tensor(type(self).__name__, "value", value)
        if self._validate_args:
            self._validate_sample(given)
        return given


def _holds(constraint: Any, value: Tensor) -> bool:
    """Whether all values lie in a region, as far as they are known: what a capture computes is not."""
    if value.is_symbolic:
        return True
    valid = constraint.check(value)
    return valid.is_symbolic or bool(valid.all())


def _short(value: Any) -> str:
    return str(value.shape) if isinstance(value, Tensor) and value.numel() != 1 else f"{value}"


def one_of_two(distribution: Distribution, first: str, a: Any, second: str, b: Any) -> None:
    """Raise unless exactly one of two parameters was given."""
    if (a is None) == (b is None):
        raise ValueError(
            f"[{type(distribution).__name__}] Either `{first}` or `{second}` must be specified, but not both."
        )
