"""Derivatives of densities and entropies by every parameter, and of samples, beside differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import special

import backsweep as bs
from backsweep import distributions as D
from backsweep.distributions._gamma import log_standard_gamma, slope
from distributions.families import UNIVARIATE, WITHOUT_ENTROPY

close = np.testing.assert_allclose
WHOLE = {"total_count"}


def differentiable(name: str) -> tuple[list[str], list[bs.Tensor], dict[str, Any]]:
    tensors = UNIVARIATE[name].tensors()
    names = [n for n in tensors if n not in WHOLE]
    return names, [tensors[n].requires_grad_() for n in names], tensors


@pytest.mark.parametrize("name", UNIVARIATE)
def test_densities_by_parameters_and_values(name: str) -> None:
    family = UNIVARIATE[name]
    names, given, tensors = differentiable(name)
    inside = family.values.clip(0.01, 0.99) if name == "beta" else family.values  # room for differences
    values = bs.tensor(inside).requires_grad_(not family.discrete)

    def density(*parameters: bs.Tensor) -> bs.Tensor:
        *parameters, x = parameters
        made = family.kind(**(tensors | dict(zip(names, parameters, strict=True))), validate_args=False)
        return made.log_prob(x)

    assert bs.autograd.gradcheck(density, (*given, values), rtol=1e-4)


@pytest.mark.parametrize("name", sorted(UNIVARIATE.keys() - WITHOUT_ENTROPY))
def test_entropies_by_parameters(name: str) -> None:
    names, given, tensors = differentiable(name)

    def entropy(*parameters: bs.Tensor) -> bs.Tensor:
        return UNIVARIATE[name].kind(**(tensors | dict(zip(names, parameters, strict=True)))).entropy()

    assert bs.autograd.gradcheck(entropy, given, rtol=1e-4)


EYE = bs.eye(3, dtype=bs.float64)


def seeded(draw: Any) -> bs.Tensor:
    bs.manual_seed(4)
    return draw()


@pytest.mark.parametrize(
    "make",
    [
        lambda x: D.Categorical(logits=x).log_prob(bs.tensor([0, 2])),
        lambda x: D.Categorical(probs=x.exp()).log_prob(bs.tensor([0, 2])),
        lambda x: D.Categorical(logits=x).entropy(),
        lambda x: D.Binomial(6, logits=x).entropy(),
        lambda x: D.Binomial(6, probs=x.sigmoid()).entropy(),
        lambda x: D.Multinomial(4, logits=x).entropy(),
        lambda x: seeded(lambda: D.RelaxedOneHotCategorical(x[0, 0].exp(), logits=x).rsample((2,))),
        lambda x: seeded(lambda: D.RelaxedBernoulli(0.5, logits=x).rsample((2,))),
        lambda x: D.Multinomial(3, logits=x).log_prob(bs.tensor([1.0, 0.0, 2.0])),
        lambda x: D.Dirichlet(x.exp()).log_prob(bs.tensor([0.2, 0.3, 0.5], dtype=bs.float64)),
        lambda x: D.Dirichlet(x.exp()).entropy(),
        lambda x: D.MultivariateNormal(
            x, bs.eye(3, dtype=bs.float64) + x[0].outer(x[0]), validate_args=False
        ).log_prob(bs.ones(3, dtype=bs.float64)),
        lambda x: D.MultivariateNormal(
            x[0], scale_tril=x[1].exp().diag() + x[0].diag(-1)[:3, :3].tril(-1)
        ).entropy(),
        lambda x: D.Kumaraswamy(x.exp(), 2.0 + x).log_prob(bs.tensor(0.3, dtype=bs.float64)),
        lambda x: D.Kumaraswamy(x.exp(), 2.0 + x).entropy(),
        lambda x: seeded(lambda: D.Kumaraswamy(x.exp(), 2.0 + x).rsample((3,))),
        lambda x: D.ContinuousBernoulli(logits=x).log_prob(bs.tensor(0.3, dtype=bs.float64)),
        lambda x: D.ContinuousBernoulli(logits=0.002 * x).log_prob(bs.tensor(0.3, dtype=bs.float64)),
        lambda x: D.ContinuousBernoulli(probs=x.sigmoid()).entropy(),
        lambda x: D.ContinuousBernoulli(logits=x).variance,
        lambda x: seeded(lambda: D.ContinuousBernoulli(logits=x).rsample((3,))),
        lambda x: seeded(lambda: D.ContinuousBernoulli(logits=0.002 * x).rsample((3,))),
        lambda x: D.VonMises(x, x.exp()).log_prob(bs.tensor(0.7, dtype=bs.float64)),
        lambda x: D.VonMises(x, x.exp()).variance,
        lambda x: D.GeneralizedPareto(0.0, 1.0, 0.0 * x).log_prob(bs.tensor(0.7, dtype=bs.float64)),
        lambda x: D.LogisticNormal(x, x.exp()).log_prob(bs.tensor([0.2, 0.3, 0.1, 0.4], dtype=bs.float64)),
        lambda x: seeded(lambda: D.LogisticNormal(x, x.exp()).rsample((2,))),
        lambda x: D.LowRankMultivariateNormal(x, x[:, :, None], x.exp()).log_prob(
            bs.ones(3, dtype=bs.float64)
        ),
        lambda x: seeded(lambda: D.LowRankMultivariateNormal(x, x[:, :, None], x.exp()).rsample((2,))),
        lambda x: D.Wishart(4.5 + x[0], covariance_matrix=EYE + x[1].outer(x[1])).log_prob(EYE),
        lambda x: D.Wishart(4.5 + x[0], scale_tril=x[1].exp().diag_embed()).entropy(),
        lambda x: D.LKJCholesky(3, x.exp()).log_prob(D.CorrCholeskyTransform()(x[0])),
        lambda x: D.MixtureSameFamily(D.Categorical(logits=x), D.Normal(x.sin(), x.exp())).log_prob(0.3),
        lambda x: D.TransformedDistribution(
            D.Normal(x, x.exp()), [D.TanhTransform(), D.AffineTransform(0.1, x.cos())]
        ).log_prob(bs.tensor([0.2, 0.05, 0.3], dtype=bs.float64)),
    ],
)
def test_of_categories_and_vectors(make: Any) -> None:
    x = bs.tensor([[0.3, -1.0, 0.8], [0.1, 0.2, -0.5]], dtype=bs.float64).requires_grad_()
    assert bs.autograd.gradcheck(make, (x,), rtol=1e-4)


DIRECT = sorted(
    name for name, f in UNIVARIATE.items() if not f.discrete and "concentration" not in str(f.parameters)
)


@pytest.mark.parametrize("name", [n for n in DIRECT if n not in ("chi2", "student", "fisher")])
def test_samples_that_are_functions_of_given_numbers(name: str) -> None:
    names, given, tensors = differentiable(name)

    def drawn(*parameters: bs.Tensor) -> bs.Tensor:
        bs.manual_seed(9)
        return UNIVARIATE[name].kind(**(tensors | dict(zip(names, parameters, strict=True)))).rsample((3,))

    assert bs.autograd.gradcheck(drawn, given, rtol=1e-4)


QUANTILES = [1e-6, 1e-3, 0.1, 0.4, 0.5, 0.6, 0.9, 0.999, 1 - 1e-6]


@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.5, 0.9, 1.0, 1.5, 2.0, 3.0, 8.0, 50.0, 1e3, 1e5])
def test_gamma_quantiles_by_their_shape(alpha: float) -> None:
    p = np.array(QUANTILES)
    x = special.gammaincinv(alpha, p)
    p, x = p[x > 1e-200], x[x > 1e-200]
    if alpha < 1:  # SciPy's quantiles next to 1 are of p, which is rounded
        p, x = p[p < 0.9999], x[p < 0.9999]
    h = 1e-4 * alpha
    ends = [np.log(special.gammaincinv(alpha + k * h, p)) for k in (-2, -1, 1, 2)]
    expected = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * h)
    found = slope(bs.full(x.shape, alpha, dtype=bs.float64), bs.tensor(np.log(x))).numpy()
    close(found, expected, rtol=1e-6)


def test_gamma_slopes_where_little_is_left() -> None:
    """Next to the ends, against limits: of small x log x = (log p + log Γ(α + 1)) / α."""
    alpha = bs.tensor([1e-3, 0.05, 0.7], dtype=bs.float64)
    log_x = bs.tensor([-1e5, -900.0, -60.0], dtype=bs.float64)
    expected = (special.digamma(1 + alpha.numpy()) - log_x.numpy()) / alpha.numpy()
    close(slope(alpha, log_x).numpy(), expected, rtol=1e-10)
    far = slope(
        bs.tensor([1e-3, 1.0, 40.0], dtype=bs.float64), bs.tensor([200.0, 1e3, 1e4], dtype=bs.float64).log()
    )
    assert bool((far > 0).all()) and bool(far.isfinite().all())


def test_gamma_samples() -> None:
    alpha = bs.tensor([0.3, 1.0, 4.0, 90.0], dtype=bs.float64).requires_grad_()
    rate = bs.tensor([2.0, 1.0, 0.5, 3.0], dtype=bs.float64).requires_grad_()
    bs.manual_seed(1)
    x = D.Gamma(alpha, rate).rsample((50,))
    by_alpha, by_rate = bs.autograd.grad(x.sum(), (alpha, rate))
    close(by_rate.numpy(), (-x / rate).sum(0).detach().numpy(), rtol=1e-12)
    a, g = alpha.detach().numpy(), (x * rate).detach().numpy()
    p, h = special.gammainc(a, g), 1e-4 * a
    slopes = (special.gammaincinv(a + h, p) - special.gammaincinv(a - h, p)) / (2 * h) / rate.detach().numpy()
    close(by_alpha.numpy(), slopes.sum(0), rtol=1e-5)


def test_gamma_samples_twice() -> None:
    """The second derivative of the quantile, by differences of its slope along it."""
    start = [0.4, 1.2, 6.0]
    alpha = bs.tensor(start, dtype=bs.float64).requires_grad_()
    bs.manual_seed(2)
    log_x = log_standard_gamma(alpha)
    (first,) = bs.autograd.grad(log_x.sum(), alpha, create_graph=True)
    (second,) = bs.autograd.grad(first.sum(), alpha)
    a = np.array(start)
    p, h = special.gammainc(a, np.exp(log_x.detach().numpy())), 1e-4
    ends = [np.log(special.gammaincinv(a + k * h, p)) for k in (-1, 0, 1)]
    close(second.numpy(), (ends[0] - 2 * ends[1] + ends[2]) / h**2, rtol=1e-3)


@pytest.mark.parametrize("kind", ["beta", "dirichlet", "student", "chi2", "fisher"])
def test_samples_made_of_gamma_draws_in_the_mean(kind: str) -> None:
    """The derivative of E f(x) is the mean derivative of f at samples, within four standard errors."""
    n = 40_000
    bs.manual_seed(6)
    a = bs.tensor([0.7, 2.5], dtype=bs.float64).requires_grad_()
    b = bs.tensor(1.5, dtype=bs.float64)
    each = a.expand((n, 2))  # the derivative of each sample by its own parameter
    if kind == "beta":
        x = D.Beta(each, b).rsample().square()
        total = a + b
        mean = a * (a + 1) / (total * (total + 1))
    elif kind == "dirichlet":
        x = (D.Dirichlet(each).rsample()[:, 0] ** 2)[:, None]
        mean = a[:1] * (a[:1] + 1) / (a.sum() * (a.sum() + 1))
    elif kind == "fisher":
        x = D.FisherSnedecor(3.0, each + 6).rsample()
        mean = (a + 6) / (a + 4)
    elif kind == "student":
        each = each + 4
        x = D.StudentT(each, 1.0, 2.0).rsample().abs()
        x = (x - 1).square()
        mean = None
    else:
        x = D.Chi2(each).rsample().square()
        mean = a * (a + 2)
    (slopes,) = bs.autograd.grad(x.sum(), each)
    found = slopes.numpy()
    if mean is None:
        x = D.StudentT(each, 1.0, 2.0).rsample()
        (found,) = (s.numpy() for s in bs.autograd.grad((x - 1).square().sum(), each))
        nu = a.detach().numpy() + 4
        expected = -8 / (nu - 2) ** 2  # E (x - μ)² = σ² ν / (ν - 2)
    else:
        (expected,) = (s.numpy() for s in bs.autograd.grad(mean.sum(), a))
    error = found.std(0) / math.sqrt(n)
    assert (np.abs(found.mean(0) - expected) < 4 * error).all(), (found.mean(0), expected, error)
    assert (error < 0.1 * np.abs(expected) + 0.02).all()


def test_straight_through() -> None:
    logits = bs.tensor([0.1, 0.4, -1.0]).requires_grad_()
    made = D.OneHotCategoricalStraightThrough(logits=logits)
    x = made.rsample()
    assert sorted(x.round().tolist()) == [0, 0, 1]
    (grad,) = bs.autograd.grad(x @ bs.arange(3.0), logits)
    (expected,) = bs.autograd.grad(logits.softmax(-1) @ bs.arange(3.0), logits)
    close(grad.numpy(), expected.numpy(), rtol=1e-5)


def test_samples_carry_no_history_but_rsamples_do() -> None:
    loc = bs.zeros(2).requires_grad_()
    made = D.Normal(loc, 1.0)
    assert not made.sample().requires_grad and made.rsample().requires_grad
    assert not D.Categorical(logits=loc).sample().requires_grad
    probs = D.Bernoulli(logits=loc)
    with bs.no_grad():
        probs.probs  # noqa: B018
    assert probs.probs.requires_grad
