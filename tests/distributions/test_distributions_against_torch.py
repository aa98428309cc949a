"""Distributions beside PyTorch's: arguments, values, derivatives, divergences, constraints."""

from __future__ import annotations

import importlib
import inspect
import warnings
from typing import Any

import numpy as np
import pytest

import backsweep as bs
from backsweep import distributions as D
from backsweep.distributions.kl import RULES
from distributions.families import SHAPED, UNIVARIATE, WITHOUT_ENTROPY

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers
TD = torch.distributions
close = np.testing.assert_allclose

WITHOUT_CDF = {"student", "gamma", "chi2", "beta", "inverse_gamma", "fisher"}

CLASSES = [
    name
    for name in D.__all__
    if isinstance(getattr(D, name), type) and issubclass(getattr(D, name), (D.Distribution, D.Transform))
]


@pytest.mark.parametrize("name", CLASSES)
def test_names_and_arguments(name: str) -> None:
    ours, theirs = getattr(D, name), getattr(TD, name, None) or getattr(TD.transforms, name)

    def arguments(kind: Any) -> list[tuple[str, Any]]:
        found = inspect.signature(kind.__init__).parameters.values()
        return [(p.name, () if p.default == torch.Size() else p.default) for p in found]

    assert arguments(ours) == arguments(theirs)
    public = {n for n in dir(theirs) if not n.startswith("_")}
    assert not public - set(dir(ours)) - {"total_count"}
    module = theirs.__module__.rpartition(".")[2]
    assert getattr(importlib.import_module(f"backsweep.distributions.{module}"), name) is ours
    if issubclass(ours, D.Distribution):
        for flag in ("has_rsample", "has_enumerate_support"):
            if isinstance(getattr(theirs, flag), bool):
                assert getattr(ours, flag) == getattr(theirs, flag)
        if isinstance(theirs.arg_constraints, dict):
            mine = {n: repr(c) for n, c in ours.arg_constraints.items() if not D.constraints.is_dependent(c)}
            other = {
                n: repr(c) for n, c in theirs.arg_constraints.items() if not TD.constraints.is_dependent(c)
            }
            if name != "Chi2":
                assert mine == other


@pytest.mark.parametrize(
    "name", sorted(UNIVARIATE.keys() - {"generalized_pareto"})
)  # theirs knows no float64
def test_values_and_derivatives(name: str) -> None:
    family = UNIVARIATE[name]
    mine = family.tensors()
    given = {k: torch.tensor(v.numpy()) for k, v in mine.items()}
    for k in mine.keys() - {"total_count"}:
        mine[k].requires_grad_()
        given[k].requires_grad_()
    ours, theirs = family.kind(**mine), getattr(TD, family.kind.__name__)(**given)
    values = family.values[1:] if name == "gumbel" else family.values  # theirs loses all digits at -9
    results = {"log_prob": (ours.log_prob(bs.tensor(values)), theirs.log_prob(torch.tensor(values)))}
    for attribute in ("mean", "variance", "stddev", "mode"):
        results[attribute] = (getattr(ours, attribute), getattr(theirs, attribute))
    if name not in WITHOUT_ENTROPY:
        results["entropy"] = (ours.entropy(), theirs.entropy())
    if not family.discrete and name not in WITHOUT_CDF:
        results["cdf"] = (ours.cdf(bs.tensor(values)), theirs.cdf(torch.tensor(values)))
        p = np.array([[0.02], [0.5], [0.9]])
        results["icdf"] = (ours.icdf(bs.tensor(p)), theirs.icdf(torch.tensor(p)))
    # Theirs is NaN where the density is highest at an end.
    known = {("beta", "mode"), ("weibull", "mode"), ("fisher", "mode")}
    for what, (a, b) in results.items():
        if (name, what) in known:
            continue
        close(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-10, err_msg=what)
        if not (a.requires_grad and b.requires_grad) or bool(a.detach().isfinite().all()) is False:
            continue
        names = [k for k, x in mine.items() if x.requires_grad]
        found = bs.autograd.grad(a.sum(), [mine[k] for k in names], retain_graph=True, allow_unused=True)
        expected = torch.autograd.grad(
            b.sum(), [given[k] for k in names], retain_graph=True, allow_unused=True
        )
        for k, x, y in zip(names, found, expected, strict=True):
            x, y = (np.zeros(3) if g is None else g.numpy() for g in (x, y))
            close(x, y, rtol=1e-7, atol=1e-9, err_msg=f"{what} by {k}")


def test_derivatives_of_gamma_draws() -> None:
    """Theirs is right to about 5e-4, as their own tests ask of it."""
    alpha = np.concatenate([np.geomspace(0.02, 300, 40)] * 25).reshape(25, 40)
    a = bs.tensor(alpha).requires_grad_()
    bs.manual_seed(0)
    x = D.Gamma(a, bs.ones(40, dtype=bs.float64)).rsample()
    (found,) = bs.autograd.grad(x.sum(), a)
    expected = torch._standard_gamma_grad(torch.tensor(alpha), torch.tensor(x.detach().numpy())).numpy()
    close(found.numpy(), expected, rtol=1.5e-3)


def test_dirichlet_draws_in_the_mean() -> None:
    """Their derivatives of one sample are of its marginal distributions, ours of its gamma draws."""
    alpha = np.array([0.6, 2.0, 5.0])
    n = 40_000
    a = bs.tensor(alpha).requires_grad_()
    bs.manual_seed(1)
    x = D.Dirichlet(a.expand((n, 3))).rsample()
    weights = np.array([1.0, -2.0, 0.5])
    (found,) = bs.autograd.grad((x.square() @ bs.tensor(weights)).sum() / n, a)
    b = torch.tensor(alpha, requires_grad=True)
    torch.manual_seed(1)
    y = TD.Dirichlet(b.expand(n, 3)).rsample()
    (expected,) = torch.autograd.grad((y.square() @ torch.tensor(weights)).sum() / n, b)
    close(found.numpy(), expected.numpy(), atol=0.01)


def test_divergences() -> None:
    known = {(p.__name__, q.__name__) for p, q in RULES}
    theirs = {(p.__name__, q.__name__): fn for (p, q), fn in TD.kl._KL_REGISTRY.items()}
    have = set(CLASSES)
    assert known == {pair for pair in theirs if set(pair) <= have}
    from distributions.test_divergences import FIRST, SECOND

    def turned(d: Any) -> Any:
        parameters = {
            k: torch.tensor(getattr(d, k).numpy())
            for k in d.arg_constraints
            if k in vars(d) or k in ("loc", "scale", "concentration1", "concentration0")
        }
        if "probs" in parameters:
            parameters.pop("logits", None)
        return getattr(TD, type(d).__name__)(**parameters)

    for p, q in RULES:
        if p in FIRST and q in SECOND:
            found = D.kl_divergence(FIRST[p], SECOND[q]).item()
            close(
                found,
                TD.kl_divergence(turned(FIRST[p]), turned(SECOND[q])).item(),
                rtol=1e-6,
                err_msg=f"{p} {q}",
            )


def test_errors_begin_alike() -> None:
    for make in (
        lambda m: m.distributions.Normal(m.tensor([0.0, 1.0]), m.tensor([-1.0, 1.0])),
        lambda m: m.distributions.Gamma(m.tensor(1.0), m.tensor(-1.0)),
        lambda m: m.distributions.Bernoulli(m.tensor([2.0])),
    ):
        texts = []
        for library in (bs, torch):
            with pytest.raises(ValueError) as caught:
                make(library)
            texts.append(
                str(caught.value)
                .partition(" of distribution")[0]
                .replace("torch.Size", "")
                .replace("([", "([")
                .replace("([2])", "(2,)")
                .replace("([])", "()")
                .replace("([1])", "(1,)")
            )
        assert texts[0] == texts[1]


BESIDE: dict[str, dict[str, Any]] = {
    "Kumaraswamy": {"concentration1": [0.7, 2.0, 3.0], "concentration0": [1.5, 0.6, 4.0]},
    "ContinuousBernoulli": {"probs": [0.1, 0.4995, 0.9]},
    "LogisticNormal": {"loc": [0.3, -1.0, 0.5], "scale": [0.5, 1.0, 2.0]},
    "LowRankMultivariateNormal": {
        "loc": [0.3, -1.0, 0.5],
        "cov_factor": [[0.4, 1.0], [-1.0, 0.3], [0.2, 0.2]],
        "cov_diag": [0.5, 1.0, 2.0],
    },
    "Wishart": {"df": 4.5, "covariance_matrix": [[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.7]]},
    "VonMises": {"loc": [0.3, -1.0, 0.5], "concentration": [0.2, 3.0, 20.0]},
}


@pytest.mark.parametrize("name", [*BESIDE, "LKJCholesky"])
def test_densities_with_derivatives(name: str) -> None:
    parameters = BESIDE.get(name, {"concentration": 1.7})
    dim = {"dim": 3} if name == "LKJCholesky" else {}
    mine = {k: bs.tensor(v, dtype=bs.float64).requires_grad_() for k, v in parameters.items()}
    given = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in parameters.items()}
    ours, theirs = getattr(D, name)(**dim, **mine), getattr(TD, name)(**dim, **given)
    assert repr(ours.support) == repr(theirs.support)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the first samples of a Wishart distribution are said to be singular
        x = theirs.sample((5,))
    results = {"log_prob": (ours.log_prob(bs.tensor(x.numpy())), theirs.log_prob(x))}
    for what in ("mean", "variance", "mode", "entropy", "covariance_matrix", "precision_matrix"):
        if (name, what) == ("Kumaraswamy", "mode"):
            continue  # theirs is NaN where b > 1
        try:
            expected = getattr(theirs, what)
            expected = expected() if what == "entropy" else expected
        except (NotImplementedError, AttributeError):
            continue
        found = getattr(ours, what)
        results[what] = (found() if what == "entropy" else found, expected)
    for what, (a, b) in results.items():
        # Theirs takes Bessel functions of single precision.
        rtol = 2e-5 if name == "VonMises" else 1e-7
        close(a.detach().numpy(), b.detach().numpy(), rtol=rtol, atol=1e-9, err_msg=what)
        if not bool(a.detach().isfinite().all()):
            continue
        found = bs.autograd.grad(a.sum(), list(mine.values()), retain_graph=True, allow_unused=True)
        expected = torch.autograd.grad(b.sum(), list(given.values()), retain_graph=True, allow_unused=True)
        for k, g, h in zip(mine, found, expected, strict=True):
            if g is None or h is None:
                assert (g is None or not g.numpy().any()) and (h is None or not h.any())
                continue
            close(g.numpy(), h.numpy(), rtol=1e-6, atol=1e-6, err_msg=f"{what} by {k}")


def test_registries() -> None:
    for name in ("biject_to", "transform_to"):
        ours, theirs = (getattr(module, name)._registry for module in (D, TD))
        assert {kind.__name__ for kind in ours} == {kind.__name__ for kind in theirs}
    x = np.random.default_rng(0).normal(size=(2, 3))
    for name in ("simplex", "corr_cholesky", "positive", "unit_interval"):
        for registry in ("biject_to", "transform_to"):
            ours = getattr(D, registry)(getattr(D.constraints, name))
            theirs = getattr(TD, registry)(getattr(TD.constraints, name))
            y = theirs(torch.tensor(x))
            close(ours(bs.tensor(x)).numpy(), y.numpy(), rtol=1e-10)
            close(ours.inv(bs.tensor(y.numpy())).numpy(), theirs.inv(y).numpy(), rtol=1e-6)
            if theirs.bijective:
                found = ours.log_abs_det_jacobian(bs.tensor(x), ours(bs.tensor(x)))
                close(found.numpy(), theirs.log_abs_det_jacobian(torch.tensor(x), y).numpy(), rtol=1e-8)


@pytest.mark.parametrize("name", ["categorical", "one_hot", "multinomial", "dirichlet"])
def test_vectors(name: str) -> None:
    ours = SHAPED[name]()
    given = {
        k: torch.tensor(getattr(ours, k).numpy()) for k in ("probs", "concentration") if hasattr(ours, k)
    }
    if name == "multinomial":
        given["total_count"] = 7
    theirs = getattr(TD, type(ours).__name__)(**given)
    bs.manual_seed(0)
    x = ours.sample((4,))
    close(ours.log_prob(x).numpy(), theirs.log_prob(torch.tensor(x.numpy())).numpy(), rtol=1e-4, atol=1e-5)
    close(ours.entropy().numpy(), theirs.entropy().numpy(), rtol=1e-4)
    close(ours.mean.numpy(), theirs.mean.numpy(), rtol=1e-5)
    close(ours.variance.numpy(), theirs.variance.numpy(), rtol=1e-5)
    if name != "multinomial":
        first = 1 if name == "dirichlet" else 0  # where all α are below 1, theirs is always the first corner
        close(ours.mode[first:].numpy(), theirs.mode[first:].numpy(), rtol=1e-5)


@pytest.mark.parametrize("name", ["RelaxedOneHotCategorical", "RelaxedBernoulli"])
def test_relaxed(name: str) -> None:
    p = np.array([0.2, 0.3, 0.5])
    a, b = bs.tensor(p).requires_grad_(), torch.tensor(p, requires_grad=True)
    ours = getattr(D, name)(bs.tensor(0.7, dtype=bs.float64), a)
    theirs = getattr(TD, name)(torch.tensor(0.7, dtype=torch.float64), b)
    bs.manual_seed(0)
    x = ours.sample((50,))
    found, expected = ours.log_prob(x), theirs.log_prob(torch.tensor(x.numpy()))
    close(found.detach().numpy(), expected.detach().numpy(), rtol=1e-7)
    grad = bs.autograd.grad(found.sum(), a)[0].numpy()
    close(grad, torch.autograd.grad(expected.sum(), b)[0].numpy(), rtol=1e-6, atol=1e-8)
