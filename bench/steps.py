"""Time one training step (forward path, reverse sweep, update) of backsweep and of its peers, side by side.

usage: python bench/steps.py [--threads N] [--only ROW,..] [--least] [--compile] [--json FILE] [--keep]

Every engine runs the same mathematics in float32 on the same shapes: backsweep compiled, op by op and
inside `bs.fit`; PyTorch op by op (with --compile also torch.compile); jax.jit with donated buffers, and the
same step inside lax.scan. Engines take turns within a row, and the median of the rounds counts, or with
--least the shortest: on a machine that others use, only ratios within one run mean anything. Peers that are
not installed are left out. --keep writes the table into bench/results, for this processor.

A new row is one entry of ROWS; a new kind of network is one class of networks.py.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from networks import Cnn, Mlp, Network, ResMlp, ResNet
from run import commit_now, keep_results, kept_results

LR, ADAM_LR = 0.01, 0.001
LOOP_STEPS = 200  # of engines that do not return to Python between steps
Call = Callable[[], Any]


# ---- Rows ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    network: Network
    batch: int
    inputs: int | tuple[int, ...]  # features; or the shape of an image
    classes: int = 10  # 0: one score, labels 0 and 1; below: minus the number of outputs, squared errors
    infer: bool = False  # a forward pass instead of a step
    loop: bool = False  # also inside bs.fit and lax.scan
    adam: bool = False  # instead of SGD
    clip: float = 0  # the largest norm of all gradients

    def data(self, batches: int = 1) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        n = self.batch * batches
        shape = self.inputs if isinstance(self.inputs, tuple) else (self.inputs,)
        x = (0.1 * rng.standard_normal((n, *shape))).astype(np.float32)
        if self.classes < 0:
            return x, (0.1 * rng.standard_normal((n, -self.classes))).astype(np.float32)
        if self.classes:
            return x, rng.integers(0, self.classes, n)
        return x, rng.integers(0, 2, (n, 1)).astype(np.float32)


ROWS = {
    "logreg_30_b1": Row(Mlp((30, 1)), 1, 30, classes=0, loop=True),
    "xor_2_8_1_b4": Row(Mlp((2, 8, 1), "sigmoid"), 4, 2, classes=0, loop=True),
    "mlp_64_128_10_b32": Row(Mlp((64, 128, 10)), 32, 64, loop=True),
    "infer_mlp_64_128_10_b1": Row(Mlp((64, 128, 10)), 1, 64, infer=True),
    "mlp_784_512_512_10_b128": Row(Mlp((784, 512, 512, 10)), 128, 784),
    "mlp_2048x4_b256": Row(Mlp((2048, 2048, 2048, 2048, 10)), 256, 2048),
    "resmlp_64x50_b64": Row(ResMlp(64, 50, 10), 64, 64),
    "lenet_28_b64": Row(Cnn(), 64, (1, 28, 28)),
    "resnet8_32_b32": Row(ResNet(), 32, (3, 32, 32)),
    # The matrix exponential of SimpleChains.jl's example; the actor of PPO on CartPole.
    "expm_4_32_16_4_b10000": Row(Mlp((4, 32, 16, 4), "tanh"), 10_000, 4, classes=-4, adam=True),
    "ppo_4_64_64_2_b64": Row(Mlp((4, 64, 64, 2), "tanh"), 64, 4, classes=2, adam=True, clip=0.5),
}


# ---- Engines: each gives a call and the number of steps that it makes ------------------------------------


def module_loss(row: Row, functional: Any) -> Callable[[Any, Any], Any]:
    if row.classes < 0:
        return functional.mse_loss  # type: ignore[no-any-return]
    return functional.cross_entropy if row.classes else functional.binary_cross_entropy_with_logits  # type: ignore[no-any-return]


def optimizer_of(row: Row, optim: Any, parameters: Any, **options: Any) -> Any:
    return optim.Adam(parameters, lr=ADAM_LR, **options) if row.adam else optim.SGD(parameters, lr=LR)


def backsweep_step(row: Row, how: str, threads: int) -> tuple[Call, int]:
    import backsweep as bs
    from backsweep import nn

    bs.set_num_threads(threads)
    bs.manual_seed(0)
    model = row.network.module(nn, nn.functional)
    optimizer = optimizer_of(row, bs.optim, model.parameters())
    if how == "fit":
        loss_name: Any = "cross_entropy" if row.classes else "binary_cross_entropy_with_logits"
        X, Y = row.data(LOOP_STEPS)
        return lambda: bs.fit(
            model, X, Y, loss=loss_name, optimizer=optimizer, batch_size=row.batch, progress=False
        ), LOOP_STEPS
    x, y = (bs.tensor(a) for a in row.data())
    if row.infer:
        model.eval()
        forward = bs.compile(model) if how == "compiled" else model

        def infer() -> Any:
            with bs.no_grad():
                return forward(x)

        return infer, 1
    loss_of = module_loss(row, nn.functional)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        if row.clip:
            nn.utils.clip_grad_norm_(model.parameters(), row.clip)
        optimizer.step()
        return loss

    return functools.partial(bs.compile(step) if how == "compiled" else step, x, y), 1


def torch_step(row: Row, how: str, threads: int) -> tuple[Call, int]:
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = row.network.module(nn, nn.functional)
    x, y = (torch.from_numpy(a) for a in row.data())
    if x.ndim == 4:  # its faster layout of images
        model, x = (a.to(memory_format=torch.channels_last) for a in (model, x))
    if row.infer:
        model.eval()
        forward = torch.compile(model) if how == "compiled" else model

        def infer() -> Any:
            with torch.inference_mode():
                return forward(x)

        return infer, 1
    optimizer = optimizer_of(row, torch.optim, model.parameters(), fused=True)
    loss_of = module_loss(row, nn.functional)

    def forward_loss(x: Any, y: Any) -> Any:
        return loss_of(model(x), y)

    forward_loss = torch.compile(forward_loss) if how == "compiled" else forward_loss

    def step() -> Any:
        optimizer.zero_grad()
        loss = forward_loss(x, y)
        loss.backward()
        if row.clip:
            nn.utils.clip_grad_norm_(model.parameters(), row.clip)
        optimizer.step()
        return loss

    return step, 1


def jax_step(row: Row, how: str, threads: int) -> tuple[Call, int]:
    import jax
    import jax.numpy as jnp

    parameters, apply = row.network.function(jax, np.random.default_rng(1))
    parameters = jax.tree.map(jnp.asarray, parameters)
    if row.infer:
        x = jnp.asarray(row.data()[0])
        forward = jax.jit(apply)
        return lambda: forward(parameters, x).block_until_ready(), 1

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        scores = apply(parameters, x)
        if row.classes < 0:
            return ((scores - y) ** 2).mean()
        if not row.classes:
            return (jax.nn.softplus(scores) - scores * y).mean()
        logs = jax.nn.log_softmax(scores)
        return -jnp.take_along_axis(logs, y[:, None], 1).mean()

    tree = jax.tree.map

    def step(state: Any, batch: Any) -> Any:
        parameters, first, second, count = state
        value, gradients = jax.value_and_grad(loss)(parameters, *batch)
        if row.clip:
            norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(gradients)))
            gradients = tree(lambda g: g * jnp.minimum(1.0, row.clip / (norm + 1e-6)), gradients)
        if not row.adam:
            return (tree(lambda p, g: p - LR * g, parameters, gradients), first, second, count), value
        count = count + 1
        first = tree(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = tree(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
        rate, scale = ADAM_LR / (1 - 0.9**count), 1 / (1 - 0.999**count)
        parameters = tree(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v * scale) + 1e-8), parameters, first, second
        )
        return (parameters, first, second, count), value

    steps = LOOP_STEPS if how == "scan" else 1
    batch = tuple(map(jnp.asarray, row.data(steps)))
    if how == "scan":
        batch = tuple(a.reshape(steps, row.batch, *a.shape[1:]) for a in batch)
        run = jax.jit(lambda s, batches: jax.lax.scan(step, s, batches), donate_argnums=0)
    else:
        run = jax.jit(step, donate_argnums=0)
    moments = [tree(jnp.zeros_like, parameters) for _ in range(2)] if row.adam else [(), ()]
    state: list[Any] = [(parameters, *moments, jnp.float32(0))]

    def call() -> Any:
        state[0], value = run(state[0], batch)
        return value.block_until_ready()

    return call, steps


@dataclass(frozen=True)
class Engine:
    title: str
    package: str
    make: Callable[[Row, str, int], tuple[Call, int]]
    how: str
    loop: bool = False

    @property
    def ours(self) -> bool:
        return self.package == "backsweep"


ENGINES = {
    "compiled": Engine("compiled", "backsweep", backsweep_step, "compiled"),
    "eager": Engine("eager", "backsweep", backsweep_step, "eager"),
    "fit": Engine("in fit", "backsweep", backsweep_step, "fit", loop=True),
    "torch": Engine("PyTorch", "torch", torch_step, "eager"),
    "torch.compile": Engine("torch.compile", "torch", torch_step, "compiled"),
    "jax": Engine("jax.jit", "jax", jax_step, "jit"),
    "scan": Engine("lax.scan", "jax", jax_step, "scan", loop=True),
}


# ---- Measuring -------------------------------------------------------------------------------------------


@dataclass
class Time:
    """Seconds: the median and the least per step, and the first call."""

    median: float
    least: float
    first: float


def measure(calls: dict[str, tuple[Call, int]], seconds: float, rounds: int) -> dict[str, Time]:
    """Time the calls in turn, each for `seconds` altogether."""
    first, repeats = {}, {}
    for name, (call, _) in calls.items():
        start = time.perf_counter()
        call()
        first[name] = time.perf_counter() - start
        call()
        start = time.perf_counter()
        call()
        once = time.perf_counter() - start
        repeats[name] = min(20_000, max(1, round(seconds / rounds / max(once, 1e-7))))
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, (call, steps) in calls.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            samples[name].append((time.perf_counter() - start) / repeats[name] / steps)
    return {name: Time(statistics.median(s), min(s), first[name]) for name, s in samples.items()}


def installed(package: str) -> str | None:
    """Give the version of a package, None where it cannot be imported."""
    try:
        return str(__import__(package).__version__)
    except ImportError:
        return None


def pin(threads: int) -> None:
    """Keep the process, and the pools of all engines, on as many CPUs as threads."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def micro(seconds: float) -> str:
    value = seconds * 1e6
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"


def ratio(times: dict[str, float], loop: bool) -> float | None:
    """Best peer over our best: above 1 we are faster."""
    same = {name: t for name, t in times.items() if ENGINES[name].loop == loop and name != "eager"}
    ours = [t for name, t in same.items() if ENGINES[name].ours]
    peers = [t for name, t in same.items() if not ENGINES[name].ours]
    return min(peers) / min(ours) if ours and peers else None


def keep(record: dict[str, Any]) -> None:
    """Write median and least microseconds per step into this processor's file in bench/results."""
    path, kept = kept_results()
    rows = {
        row: {name: [round(t["median"] * 1e6, 2), round(t["least"] * 1e6, 2)] for name, t in times.items()}
        for row, times in record["rows"].items()
    }
    section = {"commit": commit_now(), "versions": record["versions"], "median, least": rows}
    kept.setdefault("steps", {})[f"{record['threads']} threads"] = section
    keep_results(path, kept)
    print(f"kept in {path}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", metavar="ROW,..", help=", ".join(ROWS))
    parser.add_argument("--compile", action="store_true", help="also torch.compile, which needs a compiler")
    parser.add_argument("--seconds", type=float, default=1.5, help="per engine and row (default 1.5)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--least", action="store_true", help="show the shortest round, not the median")
    parser.add_argument("--json", default="", metavar="FILE")
    parser.add_argument("--keep", action="store_true", help="write the table into bench/results")
    args = parser.parse_args()
    row_names = args.only.split(",") if args.only else list(ROWS)
    if unknown := set(row_names) - set(ROWS):
        parser.error(f"no row {', '.join(sorted(unknown))}: there are {', '.join(ROWS)}")
    pin(args.threads)

    versions = {package: installed(package) for package in ("backsweep", "torch", "jax")}
    engines = {
        name: engine
        for name, engine in ENGINES.items()
        if versions[engine.package] and (args.compile or name != "torch.compile")
    }
    known = ", ".join(f"{package} {version or '(not installed)'}" for package, version in versions.items())
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{known}; {platform.machine()}, threads {args.threads}{load}")
    shown = "least" if args.least else "median"
    print(f"Microseconds per step, {shown} of {args.rounds} rounds. Ratio: best peer over backsweep.\n")
    titles = [engine.title for engine in engines.values()]
    print(f"| workload | {' | '.join(titles)} | ratio | ratio in loops | first call: ours / jax, ms |")
    print("|---|" + "---:|" * (len(engines) + 3))

    record: dict[str, Any] = {"versions": versions, "threads": args.threads, "rows": {}}
    for row_name in row_names:
        row = ROWS[row_name]
        calls = {
            name: engine.make(row, engine.how, args.threads)
            for name, engine in engines.items()
            if row.loop or not engine.loop
        }
        times = measure(calls, args.seconds, args.rounds)
        steps: dict[str, float] = {name: getattr(t, shown) for name, t in times.items()}
        cells = [micro(steps[name]) if name in times else "" for name in engines]
        ratios = [ratio(steps, loop) for loop in (False, True)]
        cells += [f"**{r:.2f}**" if r else "" for r in ratios]
        firsts = [f"{times[k].first * 1e3:.0f}" if k in times else "–" for k in ("compiled", "jax")]
        print(f"| {row_name} | {' | '.join(cells)} | {' / '.join(firsts)} |", flush=True)
        record["rows"][row_name] = {name: vars(t) for name, t in times.items()}
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
    if args.keep:
        keep(record)


if __name__ == "__main__":
    main()
