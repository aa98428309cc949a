"""Every op of the registry, all tested alike: values, derivatives, layouts, dtypes, compiled programs."""

from __future__ import annotations

import numpy as np
import pytest

import backsweep as bs
from driver import (
    COMPOSED,
    DIFFERENTIABLE,
    ELEMENTWISE,
    LAYOUTS,
    OPS,
    REGISTRY,
    about,
    array,
    bits,
    call,
    compose,
    gradients,
    inputs_of,
    is_float,
    laid_out,
    leaves,
    outputs_and_gradients,
    small,
    smooth,
    value,
    weighted,
)
from oracles import ORACLES, TESTED_ELSEWHERE, Array, Case

FLOATS = ("float32", "float64")
STEP = 1e-5  # of differences: its square and 2^-53 over it are both below the tolerance
TOLERANCE = 1e-6


def test_every_op_has_an_oracle() -> None:
    missing = set(REGISTRY) - set(ORACLES) - set(TESTED_ELSEWHERE)
    assert not missing, f"tests/oracles has no row for {', '.join(sorted(missing))}"
    assert not set(ORACLES) - set(REGISTRY), "rows of ops that do not exist"
    assert {name for name in OPS if ORACLES[name].cases is None} == set(ELEMENTWISE)


# ---- Values ------------------------------------------------------------------------------------------------


def check(name: str, got: Array, want: Array, text: str) -> None:
    assert got.shape == want.shape, text
    if got.dtype.kind != "f":
        np.testing.assert_array_equal(got, want.astype(got.dtype), text)
        return
    with np.errstate(over="ignore", invalid="ignore"):
        wide, want = got.astype(np.float64), want.astype(np.float64)
        scale = np.abs(want)
        if name not in ELEMENTWISE and want.size:
            scale = np.where(np.isfinite(want), np.fmax.reduce(np.abs(want), axis=None), want)
        allowed = ORACLES[name].ulp * np.finfo(got.dtype).eps * scale + np.finfo(got.dtype).smallest_subnormal
        wrong = ~((np.abs(wide - want) <= allowed) | (wide == want) | (np.isnan(wide) & np.isnan(want)))
    assert not wrong.any(), f"{text}: {wide[wrong][:5]} should be {want[wrong][:5]}"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", OPS)
def test_value(name: str, dtype: str) -> None:
    for case in small(name):
        inputs = inputs_of(case, dtype)
        want = value(name, [x.astype(np.float64) if x.dtype.kind == "f" else x for x in inputs], case.attrs)
        got = call(name, [bs.tensor(x) for x in inputs], case.attrs)
        assert len(got) == len(want)
        assert REGISTRY[name]["counts_outputs"] or len(got) == len(REGISTRY[name]["outputs"])
        for y, w in zip(got, want, strict=True):
            check(name, array(y), w, f"{about(name, case)} {dtype}")
            if name == "cast":
                assert array(y).dtype.name == case.attrs["dtype"]
            elif w.dtype.kind == "f":
                assert array(y).dtype == {
                    "uniform": "float32",
                    "gaussian": "float32",
                    "sum_squares": "float64",
                    "float_power": "float64",
                }.get(name, dtype)


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool"])
@pytest.mark.parametrize("name", OPS)
def test_integers(name: str, dtype: str) -> None:
    """Integers and bools become what the oracle's row says, or are refused by name."""
    oracle = ORACLES[name]
    float_cases = [c for c in small(name) if any(x.dtype.kind == "f" for x in c.inputs)]
    if not float_cases:
        pytest.skip("takes no numbers")
    for case in float_cases:
        inputs = inputs_of(case, dtype)
        tensors = [bs.tensor(x) for x in inputs]
        becomes = (dtype == "bool" and oracle.of_bools) or oracle.ints
        if becomes == "refuse":
            with pytest.raises(bs.DTypeError, match=rf"^\[{name}\].*{dtype}"):
                call(name, tensors, case.attrs)
            continue
        if becomes == "float":
            inputs = [x.astype(np.float64) for x in inputs]
        expected = {"float": "float32", "same": dtype}.get(becomes, becomes)
        made = zip(call(name, tensors, case.attrs), value(name, inputs, case.attrs), strict=True)
        for k, (got, want) in enumerate(made):
            check(name, array(got), want, about(name, case))
            becomes = "int64" if REGISTRY[name]["outputs"][k : k + 1] == ["indices"] else expected
            assert name == "cast" or array(got).dtype.name == becomes, about(name, case)


@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if len(REGISTRY[name]["inputs"]) > 1])
def test_promotion(name: str) -> None:
    """Of two dtypes the higher kind counts, then the wider; one without axes only if its kind is higher."""
    oracle = ORACLES[name]
    kinds = {"float64": 2, "float32": 2, "int64": 1, "int32": 1, "bool": 0}
    head = [bs.tensor([True, False])] * (len(REGISTRY[name]["inputs"]) - 2 if oracle.bools else 0)
    for a in kinds:
        for b in kinds:
            for flat in (False, True):
                if kinds[a] == kinds[b] and not flat:
                    want = max(a, b, key=lambda t: np.dtype(t).itemsize)
                else:
                    want = b if kinds[b] > kinds[a] else a
                if oracle.ints == "float" and kinds[want] < 2:
                    want = "float32"
                if oracle.ints == "bool":
                    want = "bool"
                x, y = bs.tensor(np.ones(2, a)), bs.tensor(np.ones(() if flat else 2, b))
                tail = [x] * (len(REGISTRY[name]["inputs"]) - len(head) - 2)
                refused = oracle.of_bools == "refuse" and (
                    want == "bool" or ("bool" in (a, b) and name == "sub")
                )
                refused |= oracle.of_floats == "refuse" and kinds[want] == 2
                if refused or (oracle.ints == "refuse" and kinds[want] < 2):
                    with pytest.raises(bs.DTypeError, match=rf"^\[{name}\]"):
                        call(name, [*head, x, y, *tail], {})
                    continue
                (got,) = call(name, [*head, x, y, *tail], {})
                assert array(got).dtype.name == want, (a, b, flat)


# ---- Derivatives -------------------------------------------------------------------------------------------


def weights_for(name: str, case: Case, rng: np.random.Generator) -> list[list[Array | None]]:
    """Weights of outputs: of each float output alone, and of all."""
    outputs = call(name, [bs.tensor(x) for x in case.inputs], case.attrs)
    full = [np.asarray(rng.uniform(0.5, 1.5, y.shape)) if is_float(y) else None for y in outputs]
    made = [
        [w if i == k else None for i, w in enumerate(full)] for k in range(len(full)) if full[k] is not None
    ]
    return [*made, full] if len(made) > 1 else made


def compare(exact: float, difference: float, scale: float, text: str) -> None:
    assert abs(exact - difference) <= TOLERANCE * max(1.0, scale), (
        f"{text}: {exact}, by differences {difference}"
    )


def along(gradient: list[bs.Tensor | None], direction: list[Array]) -> tuple[float, float]:
    """The derivative along a direction, and the sum of the absolute values of its terms."""
    terms = [(array(g) * v).ravel() for g, v in zip(gradient, direction, strict=True) if g is not None]
    flat = np.concatenate([*terms, np.zeros(1)])
    return float(flat.sum()), float(np.abs(flat).sum())


def moved(inputs: list[Array], direction: list[Array], by: float) -> list[Array]:
    return [
        np.asarray(x + by * v) if x.dtype.kind == "f" else x for x, v in zip(inputs, direction, strict=True)
    ]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_first_derivative(name: str) -> None:
    rng = np.random.default_rng(1)
    tried = 0
    for case in smooth(name):
        for weights in weights_for(name, case, rng):
            direction = [rng.uniform(-1, 1, x.shape) for x in case.inputs]

            def total(inputs: list[Array], case: Case = case, weights: list[Array | None] = weights) -> float:
                tensors = [bs.tensor(x) for x in inputs]
                return float(weighted(call(name, tensors, case.attrs), weights))

            at = leaves(list(case.inputs))
            made = gradients(weighted(call(name, at, case.attrs), weights), at)
            for x, g in zip(at, made, strict=True):
                assert g is None or (g.shape == x.shape and g.dtype == x.dtype), about(name, case)
            exact, scale = along(made, direction)
            up = total(moved(list(case.inputs), direction, STEP))
            down = total(moved(list(case.inputs), direction, -STEP))
            compare(exact, (up - down) / (2 * STEP), scale, about(name, case))
            tried += any(g is not None and g.numel() > 0 for g in made)
    assert tried > 0


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_second_derivative(name: str) -> None:
    """Differences of the first derivative, by the inputs and by the weights of the outputs."""
    rng = np.random.default_rng(2)
    tried = 0
    for case in smooth(name):
        for weights in weights_for(name, case, rng):
            start = [*case.inputs, *(w for w in weights if w is not None)]
            direction = [rng.uniform(-1, 1, x.shape) for x in start]
            inner = [rng.uniform(-1, 1, x.shape) for x in case.inputs]

            def first(
                values: list[Array],
                create_graph: bool,
                case: Case = case,
                weights: list[Array | None] = weights,
                inner: list[Array] = inner,
            ) -> tuple[bs.Tensor, list[bs.Tensor]]:
                """The first derivative along `inner`."""
                at = leaves(values)
                given = iter(at[len(case.inputs) :])
                outputs = call(name, at[: len(case.inputs)], case.attrs)
                total = weighted(outputs, [None if w is None else next(given) for w in weights])
                made = gradients(total, at[: len(case.inputs)], create_graph)
                return weighted(
                    [g for g in made if g is not None],
                    [v for g, v in zip(made, inner, strict=True) if g is not None],
                ), at

            slope, at = first(start, True)
            made = gradients(slope, at)
            exact, scale = along(made, direction)
            up, _ = first(moved(start, direction, STEP), False)
            down, _ = first(moved(start, direction, -STEP), False)
            compare(exact, (float(up) - float(down)) / (2 * STEP), scale, about(name, case))
            tried += any(g is not None and g.numel() > 0 for g in made)
    assert tried > 0


@pytest.mark.parametrize("name", [n for n in OPS if not REGISTRY[n]["differentiable"]])
def test_ops_without_derivative_record_nothing(name: str) -> None:
    for case in small(name)[:3]:
        assert not any(y.requires_grad for y in call(name, leaves(list(case.inputs)), case.attrs))


@pytest.mark.parametrize(
    "name", [n for n in ELEMENTWISE if len(REGISTRY[n]["inputs"]) > 1 and n in DIFFERENTIABLE]
)
def test_gradients_have_the_dtype_and_shape_of_their_inputs(name: str) -> None:
    oracle = ORACLES[name]
    x, y = (
        bs.tensor(np.ones((3, 1), "float32"), requires_grad=True),
        bs.tensor(np.ones(4), requires_grad=True),
    )
    head = [bs.tensor([True])] if oracle.bools else []
    tail = [x] * (len(REGISTRY[name]["inputs"]) - len(head) - 2)
    (z,) = call(name, [*head, x, y, *tail], {})
    assert z.shape == (3, 4) and z.dtype == bs.float64
    for leaf, g in zip((x, y), gradients(z.sum(), [x, y]), strict=True):
        assert g is None or (g.shape == leaf.shape and g.dtype == leaf.dtype)


# ---- Compiled against eager --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", OPS)
def test_compiled_equals_eager(name: str, dtype: str) -> None:
    """To the bit, outputs and gradients, on the very inputs and on views of them made inside."""
    for number, case in enumerate(small(name)):
        layout = [None, *LAYOUTS][number % (len(LAYOUTS) + 1)]
        if layout is None:
            bases, views = inputs_of(case, dtype), [lambda t: t] * len(case.inputs)
        else:
            _, bases, views = laid_out(case, layout, dtype)

        def run(*given: bs.Tensor, case: Case = case, views: list = views) -> list[bs.Tensor]:
            return outputs_and_gradients(name, [v(t) for v, t in zip(views, given, strict=True)], case.attrs)

        compiled = bs.compile(run)
        # Compiled first: memory that eager calls have freed may hold their results.
        got = [[bits(t) for t in compiled(*leaves(bases))] for _ in range(2)]
        want = [bits(t) for t in run(*leaves(bases))]
        assert got == [want, want], f"{about(name, case)} {layout}"
        assert len(compiled.programs) == 1


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_fused_equals_eager(name: str) -> None:
    """Among other elementwise ops, which the compiler joins into one list."""
    for case in small(name):

        def run(*given: bs.Tensor) -> bs.Tensor:
            inputs = [t * 1.5 - 0.25 if is_float(t) else t for t in given]
            (y,) = call(name, [abs_(t) if is_float(t) else t for t in inputs], {})
            return y.to(bs.float32) * 0.5 + y.to(bs.float32)

        def abs_(t: bs.Tensor) -> bs.Tensor:
            return bs.maximum(t, -t)

        inputs = [bs.tensor(x) for x in inputs_of(case, "float32")]
        assert bits(bs.compile(run)(*inputs)) == bits(run(*inputs)), about(name, case)


# ---- Fused against composed --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", COMPOSED)
def test_fused_equals_composed(name: str, dtype: str) -> None:
    """Outputs and derivatives: of the first output, where a rule of the op's own applies, and of all."""
    tolerance = 200 * np.finfo(dtype).eps
    rng = np.random.default_rng(3)
    for case in small(name):
        inputs = inputs_of(case, dtype)
        fused_at, composed_at = leaves(inputs), leaves(inputs)
        fused, composed = call(name, fused_at, case.attrs), compose(name, composed_at, case.attrs)
        for y, z in zip(fused, composed, strict=True):
            assert (y.dtype, y.shape) == (z.dtype, z.shape), about(name, case)
            np.testing.assert_allclose(array(y), array(z), tolerance, tolerance, err_msg=about(name, case))
        if not case.smooth:
            continue
        weights = [bs.tensor(np.asarray(rng.uniform(0.5, 1.5, y.shape), dtype)) for y in fused]
        for some in ([weights[0], *[None] * len(weights[1:])], weights):
            made, want = (
                gradients(weighted(outputs, some), at)
                for outputs, at in ((fused, fused_at), (composed, composed_at))
            )
            for g, h in zip(made, want, strict=True):
                if h is not None:
                    close = 10 * tolerance
                    np.testing.assert_allclose(array(g), array(h), close, close, err_msg=about(name, case))


def test_ops_without_a_composition_say_so() -> None:
    with pytest.raises(bs.GraphError, match=r"^\[add\] is not composed"):
        compose("add", [bs.ones(2), bs.ones(2)], {})
