"""Updates of the optimizers of one op."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from oracles.base import Array, Case, Draw, I, Oracle, Wrong, Z


def decayed(
    p: Array, grad: Array, lr: Array, decay: Array, decoupled: bool, maximize: bool
) -> tuple[Array, Array]:
    g = -grad if maximize else grad
    return (p * (1 - lr * decay), g) if decoupled else (p, g + decay * p)


def nadam(
    p: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    step: Array,
    mu_product: Array,
    lr: Array,
    beta1: Array,
    beta2: Array,
    eps: Array,
    weight_decay: Array,
    momentum_decay: Array,
    decoupled: bool = False,
    maximize: bool = False,
) -> tuple[Array, ...]:
    p, g = decayed(p, grad, lr, weight_decay, decoupled, maximize)
    t = step + 1
    m, v = beta1 * exp_avg + (1 - beta1) * g, beta2 * exp_avg_sq + (1 - beta2) * g * g
    mu, following = (beta1 * (1 - 0.5 * 0.96 ** (s * momentum_decay)) for s in (t, t + 1))
    product = (mu_product if step else 1.0) * mu
    h = following * m / (1 - product * following) + (1 - mu) * g / (1 - product)
    return p - lr * h / (np.sqrt(v / (1 - beta2**t)) + eps), m, v, t, product


def radam(
    p: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    step: Array,
    lr: Array,
    beta1: Array,
    beta2: Array,
    eps: Array,
    weight_decay: Array,
    decoupled: bool = False,
    maximize: bool = False,
) -> tuple[Array, ...]:
    p, g = decayed(p, grad, lr, weight_decay, decoupled, maximize)
    t, most = step + 1, 2 / (1 - beta2) - 1
    m, v = beta1 * exp_avg + (1 - beta1) * g, beta2 * exp_avg_sq + (1 - beta2) * g * g
    r, h = most - 2 * t * beta2**t / (1 - beta2**t), m / (1 - beta1**t)
    if r > 5:
        h = h * np.sqrt((r - 4) * (r - 2) * most / ((most - 4) * (most - 2) * r))
        h = h * np.sqrt(1 - beta2**t) / (np.sqrt(v) + eps)
    return p - lr * h, m, v, t


def rmsprop(centered: bool, momentum: bool) -> Callable[..., tuple[Array, ...]]:
    def value(
        p: Array, grad: Array, square: Array, *rest: Array, maximize: bool = False
    ) -> tuple[Array, ...]:
        *arrays, step, lr, alpha, eps, weight_decay, rate = rest
        p, g = decayed(p, grad, lr, weight_decay, False, maximize)
        v = alpha * square + (1 - alpha) * g * g
        a = alpha * arrays[-1] + (1 - alpha) * g if centered else np.zeros_like(g)
        b = g / (np.sqrt(v - a * a) + eps)
        if momentum:
            b = b + rate * arrays[0]
        state = [*([b] if momentum else []), *([a] if centered else [])]
        return (p - lr * b, v, *state, step + 1)

    return value


def rprop(
    p: Array,
    grad: Array,
    prev: Array,
    step_size: Array,
    step: Array,
    lr: Array,
    etaminus: Array,
    etaplus: Array,
    least: Array,
    most: Array,
    maximize: bool = False,
) -> tuple[Array, ...]:
    g = -grad if maximize else grad
    turn = np.sign(g * prev)
    s = step_size if step else np.full_like(p, lr)
    s = np.clip(s * np.where(turn > 0, etaplus, np.where(turn < 0, etaminus, 1.0)), least, most)
    g = np.where(turn < 0, 0.0, g)
    return p - np.sign(g) * s, g, s, step + 1


def adagrad(
    p: Array,
    grad: Array,
    sum: Array,
    step: Array,
    lr: Array,
    lr_decay: Array,
    weight_decay: Array,
    initial: Array,
    eps: Array,
    maximize: bool = False,
) -> tuple[Array, ...]:
    p, g = decayed(p, grad, lr, weight_decay, False, maximize)
    s = (sum if step else np.full_like(p, initial)) + g * g
    return p - lr / (1 + step * lr_decay) * g / (np.sqrt(s) + eps), s, step + 1


def adadelta(
    p: Array,
    grad: Array,
    square_avg: Array,
    acc_delta: Array,
    step: Array,
    lr: Array,
    rho: Array,
    eps: Array,
    weight_decay: Array,
    maximize: bool = False,
) -> tuple[Array, ...]:
    p, g = decayed(p, grad, lr, weight_decay, False, maximize)
    v = rho * square_avg + (1 - rho) * g * g
    d = np.sqrt(acc_delta + eps) / np.sqrt(v + eps) * g
    return p - lr * d, v, rho * acc_delta + (1 - rho) * d * d, step + 1


def adamax(
    p: Array,
    grad: Array,
    exp_avg: Array,
    exp_inf: Array,
    step: Array,
    lr: Array,
    beta1: Array,
    beta2: Array,
    eps: Array,
    weight_decay: Array,
    maximize: bool = False,
) -> tuple[Array, ...]:
    p, g = decayed(p, grad, lr, weight_decay, False, maximize)
    m, u = beta1 * exp_avg + (1 - beta1) * g, np.maximum(beta2 * exp_inf, np.abs(g) + eps)
    return p - lr / (1 - beta1 ** (step + 1)) * m / u, m, u, step + 1


def asgd(
    p: Array,
    grad: Array,
    ax: Array,
    step: Array,
    eta: Array,
    mu: Array,
    lr: Array,
    lambd: Array,
    alpha: Array,
    t0: Array,
    weight_decay: Array,
    maximize: bool = False,
) -> tuple[Array, ...]:
    p, g = decayed(p, grad, lr, weight_decay, False, maximize)
    t = step + 1
    eta, mu = (eta, mu) if step else (lr, np.array(1.0))
    new = p * (1 - lambd * eta) - eta * g
    return new, ax + mu * (new - ax), t, lr / (1 + lambd * lr * t) ** alpha, 1 / np.maximum(1.0, t - t0)


def lion(
    p: Array,
    grad: Array,
    exp_avg: Array,
    lr: Array,
    beta1: Array,
    beta2: Array,
    weight_decay: Array,
    maximize: bool = False,
) -> tuple[Array, Array]:
    p, g = decayed(p, grad, lr, weight_decay, True, maximize)
    return p - lr * np.sign(beta1 * exp_avg + (1 - beta1) * g), beta2 * exp_avg + (1 - beta2) * g


def cases(arrays: str, *numbers: Sequence[float], flags: int = 1) -> Callable[[Draw], list[Case]]:
    """`arrays`: of the state, "a" any numbers, "+" above 0, "s" small ones. Each of `numbers` in turn."""

    def made(d: Draw) -> list[Case]:
        every = []
        limits = {"a": (-2.0, 2.0), "+": (0.1, 2.0), "s": (-0.1, 0.1)}
        for i, shape in enumerate([(), (0,), (1,), (17,), (3, 5), (33, 31), (600, 701)]):
            drawn = [d(*shape, low=limits[kind][0], high=limits[kind][1]) for kind in "aa" + arrays]
            inputs = (*drawn, *(np.array(x) for x in numbers[i % len(numbers)]))
            attrs = dict(
                zip(("decoupled", "maximize")[2 - flags :], (bool(i & 2), bool(i & 1)), strict=False)
            )
            every.append(Case(inputs, attrs, large=i == 6))
        return every

    return made


def wrong(arrays: int, numbers: int, array: str, number: str) -> list[Wrong]:
    """A last array of another shape, a first number that is none."""
    good = [Z(2)] * (2 + arrays)
    return [
        Wrong((*good[:-1], Z(3), *[Z(())] * numbers), {}, "ShapeError", (array, "(3,)", "(2,)")),
        Wrong((*good, Z(2), *[Z(())] * (numbers - 1)), {}, "ShapeError", (number, "(2,)", "()")),
        Wrong((*good, Z((), I), *[Z(())] * (numbers - 1)), {}, "DTypeError", (number, "int64")),
    ]


def row(
    value: Callable[..., tuple[Array, ...]], arrays: str, last: str, *numbers: Sequence[float], flags: int = 1
) -> Oracle:
    first = "lr" if value is lion else "step"
    return Oracle(
        value,
        cases(arrays, *numbers, flags=flags),
        ulp=64,
        wrong=wrong(len(arrays), len(numbers[0]), last, first),
    )


RMSPROP = ((0.0, 0.1, 0.9, 1e-3, 0.3, 0.5), (7.0, 0.1, 0.5, 0.1, 0.0, 0.9))
ORACLES: dict[str, Oracle] = {
    "nadam": row(
        nadam,
        "a+",
        "exp_avg_sq",
        (0.0, 0.0, 0.1, 0.9, 0.99, 1e-3, 0.3, 0.004),
        (4.0, 0.1, 0.1, 0.8, 0.9, 1e-3, 0.0, 0.5),
        flags=2,
    ),
    "radam": row(
        radam,
        "a+",
        "exp_avg_sq",
        (0.0, 0.1, 0.9, 0.99, 1e-3, 0.3),
        (4.0, 0.1, 0.9, 0.99, 1e-3, 0.0),
        (9.0, 0.1, 0.5, 0.9, 1e-3, 0.3),
        flags=2,
    ),
    "rmsprop": row(rmsprop(False, False), "+", "square_avg", *RMSPROP),
    "rmsprop_momentum": row(rmsprop(False, True), "+a", "momentum_buffer", *RMSPROP),
    "rmsprop_centered": row(rmsprop(True, False), "+s", "grad_avg", *RMSPROP),
    "rmsprop_centered_momentum": row(rmsprop(True, True), "+as", "grad_avg", *RMSPROP),
    "rprop": row(rprop, "a+", "step_size", (0.0, 0.1, 0.5, 1.2, 1e-6, 50.0), (3.0, 0.1, 0.3, 1.5, 0.2, 1.0)),
    "adagrad": row(adagrad, "+", "sum", (0.0, 0.1, 0.1, 0.3, 0.5, 1e-3), (4.0, 0.1, 0.5, 0.0, 0.0, 0.1)),
    "adadelta": row(adadelta, "++", "acc_delta", (0.0, 1.0, 0.9, 1e-3, 0.3), (4.0, 0.1, 0.5, 0.1, 0.0)),
    "adamax": row(adamax, "a+", "exp_inf", (0.0, 0.1, 0.9, 0.99, 1e-3, 0.3), (4.0, 0.1, 0.5, 0.6, 0.1, 0.0)),
    "asgd": row(
        asgd,
        "a",
        "ax",
        (0.0, 0.0, 0.0, 0.1, 1e-2, 0.75, 1e6, 0.3),
        (4.0, 0.2, 0.5, 0.1, 0.5, 0.3, 2.0, 0.0),
    ),
    "lion": row(lion, "a", "exp_avg", (0.1, 0.9, 0.99, 0.3), (0.1, 0.5, 0.6, 0.0)),
}
