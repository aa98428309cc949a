"""Every function on ten thousand elements, eager, beside PyTorch's: none should take three times as long.

usage: python bench/expressions.py [--backward] [--seconds S] [--all] [name ...]

An expression of EXPRESSIONS is evaluated with `L` (backsweep or torch), `F` (its nn.functional) and the
tensors of `operands`. Prints those of a ratio above 1.5 (with --all: all), slowest last, and how many are
above 3. With --backward the sum of its float results is differentiated too. One thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from steps import installed, measure, pin

UNARY = (
    "abs acos acosh asin asinh atan atanh ceil cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 "
    "floor frac isfinite isinf isnan lgamma log log10 log1p log2 logical_not logit nan_to_num neg "
    "rad2deg reciprocal round rsqrt sigmoid sign signbit sin sinc sinh sqrt square tan tanh trunc"
)
BINARY = (
    "add atan2 copysign div eq floor_divide fmax fmin fmod ge gt heaviside hypot isclose le logaddexp "
    "logaddexp2 logical_and logical_or logical_xor lt maximum minimum mul ne pow remainder sub xlogy"
)
REDUCTIONS = (
    "all any amax amin argmax argmin count_nonzero cumsum logcumsumexp cumprod logsumexp max mean "
    "median min norm prod std sum var nansum"
)
ACTIVATIONS = (
    "celu elu gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu logsigmoid mish relu relu6 selu "
    "silu softplus softshrink softsign tanhshrink"
)
SPECIAL = (
    "bessel_j0 bessel_j1 bessel_y0 bessel_y1 entr erfcx i0 i0e i1 i1e log_ndtr modified_bessel_k0 "
    "modified_bessel_k1 ndtr ndtri scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0"
)
EXPRESSIONS: dict[str, str] = {
    **{name: f"L.{name}(u)" for name in UNARY.split()},
    "acosh": "L.acosh(u + 1)",
    **{name: f"L.{name}(u, v)" for name in BINARY.split()},
    **{f"{name}(1)": f"L.{name}(x, 1)" for name in REDUCTIONS.split() if name not in ("norm", "median")},
    **{f"{name}(0)": f"L.{name}(x, 0)" for name in REDUCTIONS.split() if name not in ("norm", "median")},
    **{
        name: f"L.{name}(x)"
        for name in ["all", "any", "max", "mean", "median", "min", "norm", "prod", "std", "sum", "var"]
    },
    "median(1)": "L.median(x, 1)",
    **{f"F.{name}": f"F.{name}(x)" for name in ACTIVATIONS.split()},
    "F.softmax": "F.softmax(x, 1)",
    "F.log_softmax": "F.log_softmax(x, 1)",
    "F.normalize": "F.normalize(x)",
    "F.glu": "F.glu(x)",
    "F.cosine_similarity": "F.cosine_similarity(x, y)",
    "F.pairwise_distance": "F.pairwise_distance(x, y)",
    "F.layer_norm": "F.layer_norm(x, (100,))",
    "F.one_hot": "F.one_hot(k, 100)",
    "F.embedding": "F.embedding(k, x)",
    "F.dropout": "F.dropout(x, 0.5)",
    "F.pad": "F.pad(x, (1, 2, 3, 4))",
    "F.pad reflect": "F.pad(x[None], (1, 2), mode='reflect')",
    "F.mse_loss": "F.mse_loss(x, y)",
    "F.l1_loss": "F.l1_loss(x, y)",
    "F.smooth_l1_loss": "F.smooth_l1_loss(x, y)",
    "F.huber_loss": "F.huber_loss(x, y)",
    "F.binary_cross_entropy": "F.binary_cross_entropy(u, v)",
    "F.binary_cross_entropy_with_logits": "F.binary_cross_entropy_with_logits(x, v)",
    "F.cross_entropy": "F.cross_entropy(x, k[:100])",
    "F.nll_loss": "F.nll_loss(x, k[:100])",
    "F.kl_div": "F.kl_div(x, v, reduction='sum')",
    "F.cosine_embedding_loss": "F.cosine_embedding_loss(x, y, sign)",
    "F.margin_ranking_loss": "F.margin_ranking_loss(x[0], y[0], sign)",
    "F.triplet_margin_loss": "F.triplet_margin_loss(x, y, u)",
    "F.gaussian_nll_loss": "F.gaussian_nll_loss(x, y, u)",
    "F.poisson_nll_loss": "F.poisson_nll_loss(x, u)",
    "F.soft_margin_loss": "F.soft_margin_loss(x, y)",
    **{f"special.{name}": f"L.special.{name}(u)" for name in SPECIAL.split()},
    "special.zeta": "L.special.zeta(u + 2, v)",
    "igamma": "L.igamma(u, v)",
    "igammac": "L.igammac(u, v)",
    "frexp": "L.frexp(x)",
    "quantile(1)": "L.quantile(x, 0.3, 1)",
    "nanquantile(1)": "L.nanquantile(x, 0.3, 1)",
    "histogram": "L.histogram(f.detach(), 50)",
    "cumulative_trapezoid": "L.cumulative_trapezoid(x)",
    "combinations": "L.combinations(f[:50], 2)",
    "angle": "L.angle(x)",
    "addmm": "L.addmm(x, x, y)",
    "mm": "L.mm(x, y)",
    "bmm": "L.bmm(x.reshape(10, 10, 100), y.reshape(10, 100, 10))",
    "mv": "L.mv(x, x[0])",
    "dot": "L.dot(f, g)",
    "outer": "L.outer(x[0], y[0])",
    "einsum mm": "L.einsum('ij,jk->ik', x, y)",
    "einsum batch": "L.einsum('bij,bjk->bik', x.reshape(10, 10, 100), y.reshape(10, 100, 10))",
    "einsum trace": "L.einsum('ii->', x)",
    "tensordot": "L.tensordot(x, y, 1)",
    "kron": "L.kron(x[:10, :10], y[:10, :10])",
    "cross": "L.cross(x[:, :3], y[:, :3], dim=1)",
    "trace": "L.trace(x)",
    "cdist": "L.cdist(x, y)",
    "addcmul": "L.addcmul(x, y, u, value=0.5)",
    "addcdiv": "L.addcdiv(x, y, u, value=0.5)",
    "lerp": "L.lerp(x, y, 0.3)",
    "clamp": "L.clamp(x, -0.5, 0.5)",
    "where": "L.where(mask, x, y)",
    "masked_fill": "x.masked_fill(mask, 0.0)",
    "cat": "L.cat([x, y])",
    "stack": "L.stack([x, y])",
    "chunk": "L.chunk(x, 4)",
    "flip": "L.flip(x, [0])",
    "roll": "L.roll(x, 3, 1)",
    "rot90": "L.rot90(x)",
    "repeat": "x.repeat(2, 2)",
    "tile": "L.tile(x, (2, 2))",
    "repeat_interleave": "L.repeat_interleave(x, 3, 0)",
    "tril": "L.tril(x)",
    "triu": "L.triu(x)",
    "diag_embed": "L.diag_embed(f[:100])",
    "diagonal": "L.diagonal(x)",
    "meshgrid": "L.meshgrid(x[0], y[0], indexing='ij')",
    "unfold": "x.unfold(1, 10, 5)",
    "squeeze": "L.squeeze(x)",
    "flatten": "L.flatten(x)",
    "movedim": "L.movedim(x, 0, 1)",
    "diff": "L.diff(x)",
    "quantile": "L.quantile(f, 0.3)",
    "cummax": "L.cummax(x, 1)",
    "kthvalue": "L.kthvalue(x, 5, 1)",
    "sort": "L.sort(x, 1)",
    "sort flat": "L.sort(f)",
    "argsort": "L.argsort(x, 1)",
    "topk": "L.topk(x, 5, 1)",
    "unique": "L.unique(k)",
    "gather": "L.gather(x, 1, ij)",
    "scatter": "x.scatter(1, ij, y)",
    "scatter_add": "x.scatter_add(1, ij, y)",
    "scatter_reduce": "x.scatter_reduce(1, ij, y, 'amax')",
    "index_select": "L.index_select(x, 0, k[:100])",
    "index_add": "x.index_add(0, k[:100], y)",
    "index_copy": "x.index_copy(0, k[:100], y)",
    "index_fill": "x.index_fill(0, k[:100], 0.0)",
    "index_put": "x.index_put((k[:100], k[100:200]), f[:100])",
    "masked_select": "L.masked_select(x, mask)",
    "nonzero": "L.nonzero(mask)",
    "take": "L.take(x, k)",
    "take_along_dim": "L.take_along_dim(x, ij, 1)",
    "searchsorted": "L.searchsorted(ascending, f)",
    "bucketize": "L.bucketize(f, ascending)",
    "bincount": "L.bincount(k)",
    "histc": "L.histc(f, 50)",
    "isin": "L.isin(k, k[:50])",
    "x[mask]": "x[mask]",
    "x[k]": "x[k[:100]]",
    "x[k, k]": "x[k[:100], k[100:200]]",
    "x[:, k]": "x[:, k[:100]]",
    "x[1:3, None, ..., ::2]": "x[1:3, None, ..., ::2]",
    "x[mask] = 0": "write(x, mask, 0.0)",
    "x[3] = y": "write(x, 3, y[3])",
    "x[k] = y": "write(x, k[:100], y)",
    "x.add_": "x.add_(0.0)",
    "x.mul_": "x.mul_(1.0)",
    "x.clamp_": "x.clamp_(-9.0, 9.0)",
    "x.copy_": "x.copy_(y)",
    "x.zero_": "z.zero_()",
    "x.normal_": "z.normal_()",
    "x.uniform_": "z.uniform_()",
    "randn": "L.randn(100, 100)",
    "rand": "L.rand(100, 100)",
    "randint": "L.randint(0, 10, (100, 100))",
    "randperm": "L.randperm(10000)",
    "bernoulli": "L.bernoulli(u)",
    "multinomial": "L.multinomial(u, 5)",
    "normal": "L.normal(x, u)",
    "linspace": "L.linspace(0, 1, 10000)",
    "linalg.norm": "L.linalg.norm(x)",
    "linalg.inv": "L.linalg.inv(a)",
    "linalg.solve": "L.linalg.solve(a, y)",
    "linalg.cholesky": "L.linalg.cholesky(a)",
    "linalg.qr": "L.linalg.qr(x)",
    "linalg.det": "L.linalg.det(a)",
    "linalg.svd": "L.linalg.svd(x)",
    "linalg.eigh": "L.linalg.eigh(a)",
    "float64": "x.double()",
    "clone": "x.clone()",
}
ONCE = ("write(", "_(")  # they write to their operands: without a derivative


def operands(library: Any, backward: bool) -> dict[str, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 100, 100)).astype(np.float32)
    u, v = rng.uniform(0.05, 0.95, (2, 100, 100)).astype(np.float32)
    spd = (x @ x.T / 100 + np.eye(100)).astype(np.float32)
    k, ij = rng.integers(0, 100, 10000), rng.integers(0, 100, (100, 100))
    t = library.tensor
    floats = {"x": x, "y": y, "u": u, "v": v, "a": spd, "f": x.ravel(), "g": y.ravel()}
    made = {name: t(a) for name, a in floats.items()}
    for a in made.values() if backward else ():
        a.requires_grad_()
    made |= {
        "k": t(k),
        "ij": t(ij),
        "mask": t(x > 0),
        "ascending": t(np.sort(rng.standard_normal(1000)).astype(np.float32)),
    }
    made |= {"sign": t(np.sign(x[0])), "z": t(x.copy())}
    return made


def write(x: Any, key: Any, value: Any) -> None:
    x[key] = value


def call(library: Any, text: str, backward: bool) -> Callable[[], Any]:
    functional = __import__(f"{library.__name__}.nn.functional", fromlist=["x"])
    names = {"L": library, "F": functional, "write": write, **operands(library, backward)}
    run = eval(f"lambda: {text}", names)

    def differentiated() -> None:
        made = run()
        made = made if isinstance(made, (tuple, list)) else [made]
        sum(t.sum() for t in made if t.requires_grad).backward()

    made = run()  # what cannot be called says so here
    made = made if isinstance(made, (tuple, list)) else [made]
    return differentiated if backward and any(getattr(t, "requires_grad", False) for t in made) else run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="name", help="of EXPRESSIONS; all")
    parser.add_argument("--backward", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seconds", type=float, default=0.05, help="for each expression and package")
    options = parser.parse_args()
    if unknown := set(options.names) - set(EXPRESSIONS):
        parser.error(f"no expression {', '.join(sorted(unknown))}")
    if not installed("torch"):
        parser.error("needs PyTorch")
    pin(1)
    import torch

    import backsweep as bs

    bs.set_num_threads(1)
    torch.set_num_threads(1)
    lines, missing = [], []
    for name in options.names or EXPRESSIONS:
        text = EXPRESSIONS[name]
        if options.backward and any(part in text for part in ONCE):
            continue
        try:
            ours = call(bs, text, options.backward)
        except (AttributeError, NotImplementedError, TypeError, RuntimeError) as error:
            missing.append(f"{name}: {str(error)[:120]}")
            continue
        try:
            times = measure(
                {"ours": (ours, 1), "torch": (call(torch, text, options.backward), 1)}, options.seconds, 20
            )
        except RuntimeError as error:  # a derivative that one of both does not have
            missing.append(f"{name}: {str(error)[:120]}")
            continue
        lines.append(
            (times["ours"].least / times["torch"].least, times["ours"].least, times["torch"].least, name)
        )
    lines.sort()
    print(f"{'microseconds':36}{'backsweep':>11}{'PyTorch':>11}{'ratio':>8}")
    for ratio, mine, peer, name in lines:
        if options.all or options.names or ratio > 1.5:
            print(f"{name:36}{mine * 1e6:11.2f}{peer * 1e6:11.2f}{ratio:8.2f}")
    above = sum(ratio > 3 for ratio, *_ in lines)
    print(f"{len(lines)} expressions, {above} take three times as long as PyTorch's or more")
    for text in missing:
        print(f"not run: {text}")


if __name__ == "__main__":
    main()
