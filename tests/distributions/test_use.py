"""Arguments, checks and errors; constraints and transforms; distributions of one's own."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import distributions as D
from backsweep.distributions import constraints as C

close = np.testing.assert_allclose


def test_imported_when_first_used() -> None:
    code = (
        "import sys, backsweep as bs\n"
        "assert 'backsweep.distributions' not in sys.modules\n"
        "assert repr(bs.distributions.Normal(0.0, 1.0)) == 'Normal(loc: 0.0, scale: 1.0)'\n"
        "from backsweep.distributions.categorical import Categorical\n"
        "try: bs.nothing\n"
        "except AttributeError as e: assert \"'backsweep' has no attribute 'nothing'\" in str(e)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("make", "name", "constraint"),
    [
        (lambda: D.Normal(0.0, -1.0), "scale", "GreaterThan(lower_bound=0.0)"),
        (lambda: D.Normal(bs.tensor([0.0, np.nan]), 1.0), "loc", "Real()"),
        (lambda: D.Bernoulli(1.5), "probs", "Interval(lower_bound=0.0, upper_bound=1.0)"),
        (lambda: D.Bernoulli(logits=bs.tensor(np.nan)), "logits", "Real()"),
        (lambda: D.Geometric(0.0), "probs", "GreaterThan(lower_bound=0.0)"),
        (lambda: D.Categorical(bs.tensor([0.5, -0.5, 1.0])), "probs", "Simplex()"),
        (
            lambda: D.OneHotCategorical(logits=bs.tensor([0.5, np.nan])),
            "logits",
            "IndependentConstraint(Real(), 1)",
        ),
        (lambda: D.Gamma(0.0, 1.0), "concentration", "GreaterThan(lower_bound=0.0)"),
        (lambda: D.Chi2(-1.0), "df", "GreaterThan(lower_bound=0.0)"),
        (lambda: D.Beta(1.0, bs.tensor([1.0, 0.0])), "concentration0", "GreaterThan(lower_bound=0.0)"),
        (lambda: D.Dirichlet(bs.tensor([1.0, -1.0])), "concentration", "IndependentConstraint("),
        (lambda: D.HalfNormal(-1.0), "scale", "GreaterThan(lower_bound=0.0)"),
        (lambda: D.LogNormal(0.0, 0.0), "scale", "GreaterThan(lower_bound=0.0)"),
        (lambda: D.Poisson(-0.1), "rate", "GreaterThanEq(lower_bound=0.0)"),
        (lambda: D.Binomial(1.5, 0.5), "total_count", "IntegerGreaterThan(lower_bound=0)"),
        (lambda: D.StudentT(0.0), "df", "GreaterThan(lower_bound=0.0)"),
        (lambda: D.MultivariateNormal(bs.zeros(2), -bs.eye(2)), "covariance_matrix", "PositiveDefinite()"),
        (
            lambda: D.MultivariateNormal(bs.zeros(2), bs.ones(2, 2).tril()),
            "covariance_matrix",
            "PositiveDefinite()",
        ),
        (
            lambda: D.MultivariateNormal(bs.zeros(2), scale_tril=bs.ones(2, 2)),
            "scale_tril",
            "LowerCholesky()",
        ),
    ],
)
def test_bad_parameters_are_named_with_their_constraint(make: Any, name: str, constraint: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    text = str(caught.value)
    assert text.startswith(f"Expected parameter {name} (Tensor of shape (") and constraint in text
    assert "of distribution " in text and "but found invalid values:\n" in text


def test_other_wrong_arguments() -> None:
    for kind in (D.Categorical, D.Bernoulli, D.Geometric, D.Binomial, D.Multinomial, D.OneHotCategorical):
        with pytest.raises(ValueError, match="Either `probs` or `logits` must be specified, but not both"):
            kind()
        with pytest.raises(ValueError, match="Either `probs` or `logits`"):
            kind(probs=bs.ones(2) / 2, logits=bs.zeros(2))
    with pytest.raises(ValueError, match=r"\[Uniform\] is not defined when low >= high"):
        D.Uniform(1.0, 1.0)
    with pytest.raises(bs.ShapeError, match=r"\[Categorical\] logits is \(\); it must have an axis"):
        D.Categorical(logits=bs.tensor(1.0))
    for wrong in ("a", None, {}):
        with pytest.raises(TypeError, match=r"a parameter is (str|NoneType|None|dict); it must be a tensor"):
            D.Normal(wrong, 1.0)
    with pytest.raises(bs.ShapeError, match="do not go together"):
        D.Normal(bs.zeros(2), bs.ones(3))
    with pytest.raises(ValueError, match="Exactly one of covariance_matrix"):
        D.MultivariateNormal(bs.zeros(2))
    with pytest.raises(bs.ShapeError, match="covariance_matrix is"):
        D.MultivariateNormal(bs.zeros(2), bs.ones(2))
    with pytest.raises(bs.ShapeError, match=r"reinterpreted_batch_ndims is 2, but batch_shape is \(3,\)"):
        D.Independent(D.Normal(bs.zeros(3), 1.0), 2)
    with pytest.raises(TypeError, match="total_count"):
        D.Multinomial(2.5, bs.ones(2))
    with pytest.raises(TypeError, match="mixture_distribution is Normal"):
        D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(0.0, 1.0))
    with pytest.raises(bs.ShapeError, match="weights"):
        D.MixtureSameFamily(D.Categorical(bs.ones(3)), D.Normal(bs.zeros(2), 1.0))
    with pytest.raises(
        TypeError, match=r"sample_shape is 3; it must be a sequence of sizes, as in sample\(\(3,\)\)"
    ):
        D.Normal(0.0, 1.0).sample(3)
    with pytest.raises(TypeError, match="validate_args is 'yes'"):
        D.Normal(0.0, 1.0, validate_args="yes")
    with pytest.raises(NotImplementedError, match=r"\[Cauchy\] has no enumerate_support"):
        D.Cauchy(0.0, 1.0).enumerate_support()
    with pytest.raises(NotImplementedError, match=r"\[Categorical\] has no rsample"):
        D.Categorical(bs.ones(2)).rsample()
    with pytest.raises(NotImplementedError, match="total_count is the same for all"):
        D.Binomial(bs.tensor([1.0, 2.0]), 0.5).enumerate_support()


def test_abandoned_words() -> None:
    with pytest.warns(UserWarning, match=r"Use .sample\(\(n,\)\) instead"):
        assert D.Normal(0.0, 1.0).sample_n(3).shape == (3,)


def test_values_are_checked() -> None:
    for made, value, text in (
        (D.Exponential(1.0), -1.0, "within the support (GreaterThanEq(lower_bound=0.0))"),
        (D.Normal(bs.zeros(2), 1.0), bs.tensor([np.nan, 0.0]), "within the support (Real())"),
        (D.Categorical(bs.ones(3)), 3, "IntegerInterval(lower_bound=0, upper_bound=2)"),
        (D.Categorical(bs.ones(3)), 0.5, "IntegerInterval"),
        (D.Bernoulli(0.5), 0.5, "Boolean()"),
        (D.OneHotCategorical(bs.ones(3)), bs.tensor([1.0, 1.0, 0.0]), "OneHot()"),
        (D.Dirichlet(bs.ones(2)), bs.tensor([0.5, 0.6]), "Simplex()"),
        (D.Binomial(bs.tensor(3.0), 0.5), 4.0, "IntegerInterval(lower_bound=0, upper_bound=3.0)"),
        (D.Uniform(0.0, 1.0), 1.5, "Interval(lower_bound=0.0, upper_bound=1.0)"),
        (D.Independent(D.Bernoulli(bs.full((2,), 0.5)), 1), bs.tensor([0.0, 2.0]), "Boolean()"),
        (D.Poisson(1.0), 1.5, "IntegerGreaterThan(lower_bound=0)"),
    ):
        with pytest.raises(ValueError) as caught:
            made.log_prob(value)
        assert str(caught.value).startswith("Expected value argument (Tensor of shape ")
        assert text in str(caught.value)
    with pytest.raises(ValueError, match="does not broadcast with"):
        D.Normal(bs.zeros(3), 1.0).log_prob(bs.zeros(2))
    with pytest.raises(ValueError, match="last axes must be those of one event"):
        D.Dirichlet(bs.ones(3)).log_prob(bs.ones(2) / 2)


def test_checks_can_be_left_out() -> None:
    assert bool(D.Normal(0.0, -1.0, validate_args=False).log_prob(1.0).isnan())
    assert D.Uniform(0.0, 1.0, validate_args=False).log_prob(bs.tensor([-1.0, 0.5])).tolist() == [-np.inf, 0]
    D.Distribution.set_default_validate_args(False)
    try:
        D.Gamma(-1.0, 1.0)
        with pytest.raises(ValueError, match="concentration"):
            D.Gamma(-1.0, 1.0, validate_args=True)
    finally:
        D.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="concentration"):
        D.Gamma(-1.0, 1.0)


def test_parameters_broadcast_and_keep_their_dtype() -> None:
    made = D.Normal(bs.zeros(3, 1, dtype=bs.float64), bs.ones(2, dtype=bs.float64))
    assert made.batch_shape == (3, 2) and made.loc.shape == made.scale.shape == (3, 2)
    assert D.Normal(bs.zeros(2, dtype=bs.float64), 1).scale.dtype == bs.float64
    assert D.Normal(0, 1).loc.dtype == bs.float32 and D.Normal(0, 1).batch_shape == ()
    assert D.Binomial(3, bs.tensor([0.5, 0.1])).total_count.tolist() == [3, 3]
    assert D.Categorical(bs.ones(4, 3)).expand((2, 4)).probs.shape == (2, 4, 3)
    assert repr(D.Normal(bs.zeros(2), 1.0)) == "Normal(loc: (2,), scale: (2,))"
    assert repr(D.Chi2(3.0)) == "Chi2(df: 3.0)" and repr(D.HalfNormal(2.0)) == "HalfNormal(scale: 2.0)"
    assert repr(D.Beta(1.0, 2.0)) == "Beta(concentration1: 1.0, concentration0: 2.0)"


def test_lists_and_arrays_are_parameters() -> None:
    assert D.Normal([0.0, 1.0], 1.0).loc.tolist() == [0, 1]
    assert D.Normal(np.zeros(2), 1.0).scale.dtype == bs.float64
    assert D.Categorical([1.0, 3.0]).probs.tolist() == [0.25, 0.75]
    assert D.Categorical(bs.tensor([1, 3])).probs.tolist() == [0.25, 0.75]
    assert D.Dirichlet([1.0, 2.0]).event_shape == (2,)
    assert D.MultivariateNormal([0.0, 1.0], np.eye(2, dtype=np.float32)).sample((3,)).shape == (3, 2)


def test_new_sizes_need_no_new_capture() -> None:
    def log_prob(x: bs.Tensor) -> bs.Tensor:
        calls.append(1)
        policy = D.Categorical(logits=x)
        squashed = D.Independent(D.Normal(x, 2.0), 1)
        drawn = squashed.rsample()
        return policy.log_prob(policy.sample()) + squashed.log_prob(drawn) + policy.entropy()

    calls: deque[int] = deque()
    compiled = bs.compile(log_prob)
    for n in (3, 5, 8):
        assert compiled(bs.zeros(n, 4)).shape == (n,)
    assert len(calls) == 1


def test_parameters_that_are_trained() -> None:
    loc = bs.nn.Parameter(bs.zeros(()))
    optimizer = bs.optim.SGD([loc], lr=0.1)
    for _ in range(40):
        optimizer.zero_grad()
        (-D.Normal(loc, 1.0).log_prob(2.0)).backward()
        optimizer.step()
    assert abs(loc.item() - 2) < 0.05


def test_what_is_computed_in_a_program_is_not_kept_outside() -> None:
    """A distribution of outside whose probs are first read while a program is captured."""
    made = D.Categorical(logits=bs.tensor([0.0, 1.0]))
    read = bs.compile(lambda x: made.probs * x)
    close(read(bs.ones(2)).numpy(), read(bs.ones(2)).numpy())
    close(made.probs.numpy(), [0.26894143, 0.7310586], rtol=1e-6)


def test_a_program_sees_what_becomes_of_a_distribution_of_outside() -> None:
    def run(compiled: Any) -> None:
        close(compiled().numpy(), made.log_prob(x).numpy(), rtol=1e-6)

    x = bs.ones(2)
    made: D.Distribution = D.Normal(bs.zeros(2), 1.0)
    compiled = bs.compile(lambda: made.log_prob(x))
    run(compiled)
    made.loc.fill_(3.0)
    run(compiled)
    made.loc = bs.ones(2)
    run(compiled)
    made = D.Independent(D.Normal(bs.zeros(2), 2.0), 1)
    run(compiled)
    made.base_dist.scale = bs.full((2,), 0.1)
    run(compiled)
    loc = bs.nn.Parameter(bs.zeros(2))
    tanh = D.TanhTransform(cache_size=1)
    x = bs.full((2,), 0.3)
    made = D.TransformedDistribution(D.Normal(loc, 1.0), [tanh, D.AffineTransform(bs.zeros(2), 2.0)])
    compiled = bs.compile(lambda: made.log_prob(x))
    for _ in range(3):
        run(compiled)
        tanh(bs.zeros(2))
        with bs.no_grad():
            loc += 1
    programs = len(compiled.programs)
    made.transforms[1].loc.fill_(0.1)
    run(compiled)
    assert programs == 1


def test_counts_that_a_program_computes_are_refused() -> None:
    with pytest.raises(bs.GraphError, match=r"\[Binomial\] total_count is computed inside bs.compile"):
        bs.compile(lambda n: D.Binomial(n, 0.5).sample())(bs.tensor(3.0))


def test_a_distribution_of_ones_own() -> None:
    class Triangle(D.Distribution):
        arg_constraints = {"width": C.positive}  # noqa: RUF012
        has_rsample = True

        def __init__(self, width: Any, validate_args: bool | None = None) -> None:
            self.width = width
            super().__init__(width.shape, validate_args=validate_args)

        @C.dependent_property(is_discrete=False, event_dim=0)
        def support(self) -> Any:
            return C.interval(-self.width, self.width)

        def rsample(self, sample_shape: Any = ()) -> bs.Tensor:
            shape = self._extended_shape(sample_shape)
            return self.width * (bs.rand(*shape) - bs.rand(*shape))

        def log_prob(self, value: Any) -> bs.Tensor:
            if self._validate_args:
                self._validate_sample(value)
            return ((self.width - value.abs()) / self.width.square()).log()

    made = Triangle(bs.tensor([1.0, 3.0]))
    assert made.sample((5,)).shape == (5, 2) and made.expand((4, 2)).sample().shape == (4, 2)
    assert C.is_dependent(Triangle.support) and not C.is_dependent(made.support)
    assert made.log_prob(made.sample()).shape == (2,)
    with pytest.raises(ValueError, match="within the support"):
        made.log_prob(bs.tensor([2.0, 2.0]))
    with pytest.raises(ValueError, match="Expected parameter width"):
        Triangle(bs.tensor([-1.0]))
    with pytest.raises(NotImplementedError, match=r"\[Triangle\] has no entropy"):
        made.entropy()


# ---- Constraints -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constraint", "inside", "outside"),
    [
        (C.real, -3.0, np.nan),
        (C.boolean, 1.0, 2.0),
        (C.positive, 1e-30, 0.0),
        (C.nonnegative, 0.0, -1e-30),
        (C.less_than(2.0), 1.9, 2.0),
        (C.greater_than_eq(2.0), 2.0, 1.9),
        (C.unit_interval, 1.0, 1.1),
        (C.half_open_interval(0.0, 1.0), 0.0, 1.0),
        (C.integer_interval(1, 3), 3.0, 2.5),
        (C.nonnegative_integer, 0.0, -1.0),
        (C.positive_integer, 1.0, 0.0),
        (C.real_vector, [1.0, 2.0], [1.0, np.nan]),
        (C.simplex, [0.25, 0.75], [0.5, 0.6]),
        (C.one_hot, [0.0, 1.0], [0.0, 0.0]),
        (C.multinomial(3), [1.0, 2.0], [1.0, 3.0]),
        (C.lower_triangular, [[-1.0, 0.0], [2.0, 1.0]], [[1.0, 1.0], [0.0, 1.0]]),
        (C.lower_cholesky, [[1.0, 0.0], [2.0, 1.0]], [[-1.0, 0.0], [2.0, 1.0]]),
        (C.square, [[1.0, 2.0], [0.0, 1.0]], [[1.0, 2.0]]),
        (C.symmetric, [[1.0, 2.0], [2.0, 1.0]], [[1.0, 2.0], [0.0, 1.0]]),
        (C.positive_semidefinite, [[1.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]),
        (C.positive_definite, [[2.0, 1.0], [1.0, 2.0]], [[1.0, 2.0], [2.0, 1.0]]),
        (C.cat([C.positive, C.real], lengths=[1, 2]), [1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]),
        (C.stack([C.positive, C.real]), [1.0, -1.0], [-1.0, 1.0]),
    ],
)
def test_constraints(constraint: Any, inside: Any, outside: Any) -> None:
    for value, holds in ((inside, True), (outside, False)):
        valid = constraint.check(bs.tensor(value))
        assert valid.dtype == bs.bool_ and bool(valid.all()) == holds
    if not isinstance(constraint, (C.cat, C.stack)):
        assert constraint.check(bs.tensor(inside)).ndim == np.ndim(inside) - constraint.event_dim
    assert repr(constraint)[0].isupper()


def test_constraints_that_depend_on_the_distribution() -> None:
    assert C.is_dependent(C.dependent) and C.is_dependent(D.Uniform.support)
    assert D.Uniform.arg_constraints["low"].event_dim == 0
    assert C.dependent(event_dim=2).event_dim == 2
    with pytest.raises(NotImplementedError, match="is_discrete"):
        C.dependent.is_discrete  # noqa: B018
    with pytest.raises(ValueError, match="depends on the distribution"):
        C.dependent.check(bs.zeros(2))
    assert D.Categorical(bs.ones(3)).support.is_discrete
    mixed = D.MixtureSameFamily(D.Categorical(bs.ones(3)), D.Exponential(bs.ones(3)))
    assert mixed.support.check(bs.tensor([-1.0, 1.0])).tolist() == [False, True]


# ---- Transforms --------------------------------------------------------------------------------------------

TRANSFORMS = [
    D.ExpTransform(),
    D.SigmoidTransform(),
    D.SoftplusTransform(),
    D.TanhTransform(),
    D.AffineTransform(0.5, -3.0),
    D.AffineTransform(bs.tensor(0.5, dtype=bs.float64), bs.tensor(2.0, dtype=bs.float64)),
    D.ComposeTransform([D.AffineTransform(1.0, 0.3), D.SigmoidTransform(), D.PowerTransform(2.0)]),
    D.ExpTransform().inv.inv,
    D.ComposeTransform([D.ExpTransform(), D.PowerTransform(-0.5), D.ExpTransform().inv]),
]


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_transforms(transform: D.Transform) -> None:
    x = bs.linspace(-2, 2, 9, dtype=bs.float64).requires_grad_()
    y = transform(x)
    assert bool(transform.codomain.check(y).all()) and transform.bijective
    close(transform.inv(y).detach().numpy(), x.detach().numpy(), rtol=1e-9, atol=1e-12)
    (slope,) = bs.autograd.grad(y.sum(), x)
    close(
        transform.log_abs_det_jacobian(x, y).detach().numpy(),
        np.log(np.abs(slope.numpy())),
        rtol=1e-9,
        atol=1e-12,
    )
    back = transform.inv.log_abs_det_jacobian(y, x).detach().numpy()
    close(back, -np.log(np.abs(slope.numpy())), rtol=1e-9, atol=1e-12)
    assert bool((slope.sign() == transform.sign).all())
    assert transform.inv.inv == transform and transform.forward_shape((9,)) == (9,)
    assert transform == transform.with_cache(0) or isinstance(transform, D.AffineTransform)


def test_transforms_of_events() -> None:
    x = bs.randn(4, 3)
    whole = D.IndependentTransform(D.ExpTransform(), 1)
    assert whole.event_dim == 1 and whole.log_abs_det_jacobian(x, whole(x)).shape == (4,)
    mixed = D.ComposeTransform([whole, D.AffineTransform(0.0, bs.tensor([1.0, 2.0, 3.0]))])
    assert mixed.domain.event_dim == 1
    expected = x.sum(-1) + bs.tensor([1.0, 2.0, 3.0]).log().sum()
    close(mixed.log_abs_det_jacobian(x, mixed(x)).numpy(), expected.numpy(), rtol=1e-5)
    made = D.TransformedDistribution(D.Normal(bs.zeros(4, 3), 1.0), mixed)
    assert (
        made.batch_shape == (4,) and made.event_shape == (3,) and made.log_prob(made.sample()).shape == (4,)
    )
    wide = D.TransformedDistribution(D.Normal(0.0, 1.0), D.AffineTransform(bs.zeros(2, 1), bs.ones(3)))
    assert wide.batch_shape == (2, 3) and wide.sample((5,)).shape == (5, 2, 3)
    assert D.identity_transform(x) is x and D.ComposeTransform([]) == D.identity_transform


def test_cached_inverses() -> None:
    x = bs.tensor([30.0, 1.0])
    assert D.TanhTransform().inv(D.TanhTransform()(x))[0].item() == np.inf
    cached = D.TanhTransform(cache_size=1)
    y = cached(x)
    assert cached.inv(y) is x and cached(x) is y
    both = D.ComposeTransform([D.TanhTransform(), D.AffineTransform(1.0, 2.0)], cache_size=1)
    assert both.inv(both(x)) is x
    with pytest.raises(ValueError, match="cache_size is 2"):
        D.ExpTransform(cache_size=2)
    assert D.AbsTransform().inv(bs.tensor(2.0)).item() == 2
    with pytest.raises(NotImplementedError, match="AbsTransform"):
        D.AbsTransform().sign  # noqa: B018


def test_transformed_distributions() -> None:
    base = D.Normal(bs.tensor([0.5, -1.0], dtype=bs.float64), 2.0)
    made = D.TransformedDistribution(base, [D.AffineTransform(1.0, -0.5), D.ExpTransform()])
    same = D.LogNormal(1 - 0.5 * base.loc, 0.5 * base.scale)
    x = bs.tensor([[0.3, 0.3], [2.0, 5.0]], dtype=bs.float64)
    for f in ("log_prob", "cdf"):
        close(getattr(made, f)(x).numpy(), getattr(same, f)(x).numpy(), rtol=1e-10)
    p = bs.tensor([[0.1], [0.7]], dtype=bs.float64)
    close(made.icdf(p).numpy(), same.icdf(p).numpy(), rtol=1e-9)
    assert made.has_rsample and repr(made.support) == "GreaterThan(lower_bound=0.0)"
    assert "TransformedDistribution(Normal(" in repr(made)
    with pytest.raises(bs.ShapeError, match="transforms take 1 axes"):
        D.TransformedDistribution(D.Normal(0.0, 1.0), D.IndependentTransform(D.ExpTransform(), 1))
    with pytest.raises(TypeError, match="transforms are Transforms, not str"):
        D.TransformedDistribution(base, ["exp"])
