"""PyTorch's own samples of its operators (op_db), run here and there."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import backsweep as bs

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

SAMPLES = 12  # of an entry and a dtype: spread over those that there are
DERIVATIVES = 4  # of these, at most so many are differentiated
LARGEST = 20_000  # elements of a sample's tensors
NAMES = torch.overrides.get_testing_overrides()  # functions with the names of their arguments

# Different bits by intent: dtype and shape are compared.
DRAWN = {
    *("bernoulli", "cauchy", "empty", "empty_like", "exponential", "geometric", "log_normal", "multinomial"),
    *("new_empty", "nn.functional.alpha_dropout", "nn.functional.dropout", "normal", "rand_like", "randint"),
    *("randint_like", "randn", "randn_like", "uniform", "nn.functional.feature_alpha_dropout"),
    *("nn.functional.dropout2d", "nn.functional.dropout3d", "nn.functional.rrelu", "empty_strided"),
    *("new_empty_strided", "empty_permuted"),
}
# Of what these give, others are as right (signs, bases, orders): derivatives of sums over them differ.
NOT_UNIQUE = {"linalg.eigh", "linalg.svd", "svd", "pca_lowrank", "svd_lowrank", "linalg.lstsq"}


class Skip(Exception):
    """The sample asks for what does not exist here: complex numbers, sparse or quantized layouts."""


def entry_name(entry: Any) -> str:
    return entry.name + (f"[{entry.variant_test_name}]" if entry.variant_test_name else "")


def function_of(name: str) -> Callable[..., Any] | None:
    """The function of that name here, or the method."""
    here: Any = bs
    for part in name.split("."):
        here = getattr(here, part, None)
        if here is None:
            break
    if callable(here):
        return here
    return method_of(name)


def method_of(name: str) -> Callable[..., Any] | None:
    found = getattr(bs.Tensor, name, None)
    if found is None:
        found = getattr(bs.Tensor, f"{name}_", None)
    if found is None or callable(found):
        return found
    return lambda x: getattr(x, name)


DTYPES = {
    getattr(torch, name): getattr(bs, name)
    for name in (
        "float32",
        "float64",
        "float16",
        "bfloat16",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "bool",
    )
}


def convert(o: Any, leaves: list[tuple[Any, Any]] | None = None) -> Any:
    """What stands here for an object of PyTorch; tensors that require a gradient go into `leaves`."""
    if isinstance(o, torch.Tensor):
        if o.layout != torch.strided or o.dtype not in DTYPES or o.is_quantized:
            raise Skip
        if o.numel() > LARGEST:
            raise Skip
        value = o.detach()
        mine = bs.tensor(value.float().numpy() if o.dtype == torch.bfloat16 else value.numpy()).to(
            DTYPES[o.dtype]
        )
        if o.requires_grad:
            mine = mine.detach().requires_grad_()
            if leaves is not None:
                leaves.append((mine, o))
        return mine
    if isinstance(o, torch.dtype):
        if o not in DTYPES:
            raise Skip
        return DTYPES[o]
    if isinstance(o, torch.device):
        return str(o)
    if isinstance(o, (torch.layout, torch.memory_format, torch.Generator, torch.nn.Module, complex)):
        raise Skip
    if isinstance(o, torch.Size):
        return tuple(o)
    if isinstance(o, dict):
        return {key: convert(value, leaves) for key, value in o.items()}
    if isinstance(o, (list, tuple)):
        made = [convert(value, leaves) for value in o]
        return made if isinstance(o, list) else tuple(made)
    return o


def tensors(o: Any) -> list[Any]:
    if isinstance(o, (bs.Tensor, torch.Tensor)):
        return [o]
    if isinstance(o, dict):
        o = list(o.values())
    return list(itertools.chain.from_iterable(map(tensors, o))) if isinstance(o, (list, tuple)) else []


def array(t: Any) -> Any:
    if isinstance(t, bs.Tensor):
        return np.asarray((t.float() if t.dtype == bs.bfloat16 else t).detach().numpy())
    return (
        (t.float() if t.dtype == torch.bfloat16 else t)
        .detach()
        .resolve_conj()
        .resolve_neg()
        .numpy(force=True)
    )


def dtype_name(t: Any) -> str:
    return t.dtype.name if isinstance(t, bs.Tensor) else str(t.dtype).removeprefix("torch.")


def compare(mine: Any, theirs: Any, what: str, values: bool = True, loose: float = 1.0) -> None:
    """Results of a call, or a ValueError that says what differs."""
    if not isinstance(theirs, (torch.Tensor, list, tuple)):
        wanted = convert(theirs)
        close = (
            isinstance(wanted, float)
            and not isinstance(mine, bs.Tensor)
            and math.isclose(mine, wanted, rel_tol=1e-5)
        )
        if not (mine == wanted or close or wanted != wanted or not values):
            raise ValueError(f"{what}: {mine!r}, PyTorch {wanted!r}")
        return
    ours, wanted = tensors(mine), tensors(theirs)
    if len(ours) != len(wanted):
        raise ValueError(f"{what}: {len(ours)} results, PyTorch {len(wanted)}")
    if isinstance(theirs, tuple) and hasattr(theirs, "n_fields") and not hasattr(mine, "_fields"):
        raise ValueError(f"{what}: no named tuple")
    for a, b in zip(ours, wanted, strict=True):
        if b.is_complex() or b.layout != torch.strided:
            raise Skip
        if dtype_name(a) != dtype_name(b) or tuple(a.shape) != tuple(b.shape):
            raise ValueError(
                f"{what}: {dtype_name(a)}{tuple(a.shape)}, PyTorch {dtype_name(b)}{tuple(b.shape)}"
            )
        if not values:
            continue
        x, y = array(a), array(b)
        if y.dtype.kind != "f":
            if not np.array_equal(x, y):
                raise ValueError(f"{what}: {x.ravel()[:6]}, PyTorch {y.ravel()[:6]}")
            continue
        rtol = loose * {"float64": 1e-7, "float32": 2e-5, "float16": 2e-3, "bfloat16": 2e-2}[dtype_name(b)]
        scale = float(np.max(np.abs(y), where=np.isfinite(y), initial=0.0))
        if not np.allclose(x, y, rtol=rtol, atol=rtol * max(scale, 1.0), equal_nan=True):
            at = np.argmax(~np.isclose(x, y, rtol=rtol, atol=rtol, equal_nan=True).ravel())
            raise ValueError(f"{what}: {x.ravel()[at]} at {at}, PyTorch {y.ravel()[at]}")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Given(NamedTuple):
    input: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def given_of(sample: Any, leaves: list[tuple[Any, Any]] | None = None) -> Given:
    return Given(convert(sample.input, leaves), convert(sample.args, leaves), convert(sample.kwargs, leaves))


def spread(samples: list[Any], n: int) -> list[Any]:
    step = max(1, len(samples) / n)
    return [samples[int(i * step)] for i in range(min(n, len(samples)))]


def samples_of(entry: Any, dtype: Any, requires_grad: bool) -> list[Any]:
    torch.manual_seed(0)
    with quiet():
        return spread(list(itertools.islice(entry.sample_inputs("cpu", dtype, requires_grad), 400)), SAMPLES)


def calls_of(entry: Any, given: Given) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The ways to call it: by position, by PyTorch's names, as a method."""
    if entry_name(entry) in WRITTEN:
        fill = method_of(entry.name.removesuffix("_"))
        assert fill is not None
        yield "method", lambda: fill(given.input.clone(), *given.args, **given.kwargs)
        return
    fn = function_of(entry.name)
    assert fn is not None
    if entry.name in REORDERED:
        positional = REORDERED[entry.name](given)
    elif entry.name in NO_INPUT and given.input is None:
        positional = given.args
    elif entry.name in VARIADIC and isinstance(given.input, (tuple, list)) and not given.args:
        positional = tuple(given.input)
    else:
        positional = (given.input, *given.args)
    yield "positional", lambda: fn(*positional, **given.kwargs)
    method = getattr(bs.Tensor, entry.name, None)
    if entry.method_variant is not None and callable(method) and isinstance(given.input, bs.Tensor):
        yield "method", lambda: method(given.input, *given.args, **given.kwargs)


def by_name(entry: Any, sample: Any) -> tuple[Any, dict[str, Any]] | None:
    """PyTorch's result with all arguments by name, and these; None where it does not take them so."""
    scope, _, name = entry.name.rpartition(".")
    theirs = getattr(torch.nn.functional if scope == "nn.functional" else torch, name, None)
    if entry.variant_test_name or entry.name in REORDERED or scope not in ("", "nn.functional"):
        return None
    if theirs not in NAMES:
        return None
    names = list(inspect.signature(NAMES[theirs]).parameters)
    named = dict(zip(names, (sample.input, *sample.args), strict=False)) | sample.kwargs
    if len(named) != 1 + len(sample.args) + len(sample.kwargs):
        return None
    try:
        with quiet():
            return theirs(**named), named
    except TypeError:
        return None


VARIADIC = {"broadcast_tensors", "cartesian_prod", "block_diag"}
NO_INPUT = {"arange"}
# Entries of another order of arguments.
REORDERED: dict[str, Callable[[Given], tuple[Any, ...]]] = {
    "where": lambda g: (g.args[0], g.input, *g.args[1:]),
    "einsum": lambda g: (g.args[0], *g.input),
    "polygamma": lambda g: (g.args[0], g.input),
    "special.polygamma": lambda g: (g.args[0], g.input),
    "nn.functional.embedding": lambda g: (g.args[0], g.input),
    "nn.functional.embedding_bag": lambda g: (g.args[0], g.input, *g.args[1:]),
}
# What PyTorch tests is another function, made of the one of that name; or complex numbers alone.
LEFT_OUT = {"linalg.pinv[singular]", "linalg.lstsq[grad_oriented]", "linalg.eig", "linalg.eigvals"}
WRITTEN = {"fill", "zero_", "uniform", "cauchy", "exponential", "geometric", "log_normal", "normal[in_place]"}


def run_theirs(entry: Any, sample: Any) -> Any:
    with quiet():
        return entry.op(sample.input, *sample.args, **sample.kwargs)


def check_values(entry: Any, sample: Any) -> None:
    given = given_of(sample)
    theirs = run_theirs(entry, sample)
    values = entry.name not in DRAWN
    for way, call in calls_of(entry, given):
        with quiet():
            mine = call()
        if entry.name in NOT_UNIQUE:
            compare(mine, theirs, way, values=False)
            return
        compare(mine, theirs, way, values)
    named = by_name(entry, sample)
    fn = function_of(entry.name)
    if named is not None and fn is not None:
        with quiet():
            compare(fn(**convert(named[1])), named[0], "by name", values)


def floats(o: Any) -> list[Any]:
    return [t for t in tensors(o) if t.requires_grad]


def check_derivatives(entry: Any, sample: Any) -> None:
    """First and second derivatives of a weighted sum of the results."""
    leaves: list[tuple[Any, Any]] = []
    given = given_of(sample, leaves)
    if not leaves or entry.name in DRAWN:
        raise Skip
    with quiet():
        theirs = sample.output_process_fn_grad(run_theirs(entry, sample))
        wanted = floats(theirs)
        if not wanted:
            raise Skip
        _, call = next(calls_of(entry, given))
        mine = floats(sample.output_process_fn_grad(call()))
    if len(mine) != len(wanted):
        raise ValueError(f"{len(mine)} results require a gradient, PyTorch {len(wanted)}")
    rng = np.random.default_rng(0)
    weights = [np.asarray(rng.uniform(0.5, 1.5, tuple(t.shape))) for t in wanted]
    x, y = [a for a, _ in leaves], [b for _, b in leaves]

    def total(results: list[Any], library: Any, kept: list[Any]) -> Any:
        return sum((r * library.tensor(w)).sum() for r, w in zip(results, kept, strict=True))

    with quiet():
        theirs_first = torch.autograd.grad(
            total(wanted, torch, weights), y, create_graph=True, allow_unused=True
        )
        first = bs.autograd.grad(total(mine, bs, weights), x, create_graph=True, allow_unused=True)
    pairs = [(a, b) for a, b in zip(first, theirs_first, strict=True) if b is not None]
    for a, b in pairs:
        if a is None:
            if bool((b == 0).all()):
                continue
            raise ValueError("a derivative is missing")
        compare(a, b, "first derivative")
    pairs = [(a, b) for a, b in pairs if a is not None and b.requires_grad]
    if not pairs or not entry.supports_gradgrad or entry.name in NOT_UNIQUE:
        return None
    weights = [np.asarray(rng.uniform(0.5, 1.5, tuple(b.shape))) for _, b in pairs]
    with quiet():
        theirs_second = torch.autograd.grad(
            total([b for _, b in pairs], torch, weights), y, allow_unused=True
        )
        ours = [a for a, _ in pairs]
        zero = not any(a.requires_grad for a in ours)
        second = [None] * len(x) if zero else bs.autograd.grad(total(ours, bs, weights), x, allow_unused=True)
    for a, b in zip(second, theirs_second, strict=True):
        if b is None:
            b = torch.zeros(()) if a is None else torch.zeros(tuple(a.shape), dtype=torch.float64)
        compare(
            bs.zeros(tuple(b.shape), dtype=DTYPES[b.dtype]) if a is None else a,
            b,
            "second derivative",
            loose=10,
        )
    return True


class Outcome(NamedTuple):
    samples: int
    differentiated: int
    problem: str  # of the first sample that differs, or ""


def run_entry(entry: Any) -> Outcome:
    """Run samples until one differs."""
    n = differentiated = 0
    for dtype in (torch.float64, torch.float32):
        if dtype not in entry.supported_dtypes("cpu"):
            continue
        for sample in samples_of(entry, dtype, requires_grad=False):
            problem = attempt(dtype, check_values, entry, sample)
            if problem:
                return Outcome(n, 0, problem)
            n += problem is not None
    if entry.supports_autograd and torch.float64 in entry.supported_dtypes("cpu"):
        for sample in samples_of(entry, torch.float64, requires_grad=True)[: 2 * DERIVATIVES]:
            problem = attempt("derivative", check_derivatives, entry, sample)
            if problem:
                return Outcome(n, differentiated, problem)
            differentiated += problem is not None
    return Outcome(n, differentiated, "")


def attempt(what: Any, check: Callable[[Any, Any], None], entry: Any, sample: Any) -> str | None:
    """What differs, "" if nothing does, None if there is nothing to compare."""
    try:
        check(entry, sample)
    except Skip:
        return None
    except Exception as e:  # of any kind: it is what differs
        return f"{what} {describe(sample)}: {type(e).__name__}: {str(e)[:300]}"
    return ""


def describe(sample: Any) -> str:
    def show(o: Any) -> str:
        if isinstance(o, torch.Tensor):
            return f"{dtype_name(o)}{list(o.shape)}"
        if isinstance(o, (list, tuple)):
            return f"({', '.join(map(show, o))})"
        return repr(o)

    return ", ".join(
        [show(sample.input), *map(show, sample.args), *(f"{k}={show(v)}" for k, v in sample.kwargs.items())]
    )


def refused_there(entry: Any, sample: Any) -> bool:
    try:
        return run_theirs(entry, sample) is NotImplemented
    except Exception:  # of any kind, as its errors are
        return True


def refused_of(entry: Any) -> tuple[int, list[str]]:
    """How many of the entry's wrong calls are refused, and those that are not."""
    n, passed = 0, []
    if entry.error_inputs_func is None:
        return 0, []
    with quiet():
        wrong = list(itertools.islice(entry.error_inputs("cpu"), 40))
    for error in wrong:
        sample = error.sample_input
        try:
            given = given_of(sample)
        except (Skip, ValueError):  # NumPy has fewer axes
            continue
        if not refused_there(entry, sample):
            continue  # clamp_max(x, 2) is listed, and works
        n += 1
        try:
            with quiet():
                next(calls_of(entry, given))[1]()
        except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
            continue
        passed.append(describe(sample))
    return n, passed


def is_here(entry: Any) -> bool:
    private = entry.name.startswith(("_", "torch.")) and not entry.name.startswith("__")
    left_out = private or entry_name(entry) in LEFT_OUT
    return not left_out and function_of(entry.name) is not None


ENTRIES = [e for e in op_db if is_here(e)]
MISSING = sorted({e.name for e in op_db} - {e.name for e in ENTRIES})
