"""Random programs of views, writes and modes, run by PyTorch and here: the generator."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

__all__ = ["Step", "make", "run"]

Step = tuple[str, dict[str, Any]]

VIEWS: dict[str, Callable[..., Any]] = {
    "row": lambda x, k: x[k % x.shape[0]],
    "column": lambda x, k: x[..., k % x.shape[-1]],
    "part": lambda x, k: x[k % 2 :],
    "steps": lambda x, k: x[:: 1 + k % 2],
    "turned": lambda x, k: x.transpose(0, x.ndim - 1),
    "flat": lambda x, k: x.view(-1) if x.is_contiguous() else x.transpose(0, x.ndim - 1),
    "new axis": lambda x, k: x[None],
    "same": lambda x, k: x[...],
    "half": lambda x, k: x.chunk(2, 0)[k % len(x.chunk(2, 0))],
    "one of": lambda x, k: x.unbind(0)[k % x.shape[0]],
    "narrow": lambda x, k: x.narrow(0, 0, 1 + k % x.shape[0]),
    "reshaped": lambda x, k: x.reshape(-1),
    "repeated": lambda x, k: x[None].expand(2, *x.shape),
    "detach": lambda x, k: x.detach(),
    "data": lambda x, k: x.data,
}


def _set(x: Any, k: int, v: Any) -> None:
    x[k % x.shape[0]] = v


def _set_column(x: Any, k: int, v: Any) -> None:
    x[..., k % x.shape[-1]] = v


def _set_steps(x: Any, k: int, v: Any) -> None:
    x[k % 2 :: 2] = v


def _iadd(x: Any, k: int, v: Any) -> None:
    x += v


def _imul(x: Any, k: int, v: Any) -> None:
    x *= v


WRITES: dict[str, Callable[..., Any]] = {
    "add_": lambda x, k, v: x.add_(v),
    "sub_ alpha": lambda x, k, v: x.sub_(v, alpha=2),
    "mul_": lambda x, k, v: x.mul_(v),
    "iadd": _iadd,
    "imul": _imul,
    "copy_": lambda x, k, v: x.copy_(v),
    "fill_": lambda x, k, v: x.fill_(k - 1.5),
    "zero_": lambda x, k, v: x.zero_(),
    "tanh_": lambda x, k, v: x.tanh_(),
    "x[k] = v": _set,
    "x[..., k] = v": _set_column,
    "x[k::2] = v": _set_steps,
}
VALUES: dict[str, Callable[..., Any]] = {
    "number": lambda T, w, other: 1.5,
    "constant": lambda T, w, other: T.tensor(0.5, dtype=T.float64),
    "parameter": lambda T, w, other: w[0] * 2,
    "squared": lambda T, w, other: (w * w).sum(),
    "other": lambda T, w, other: other.sum() * 0.125,
}


def make(seed: int) -> list[Step]:
    """Give a program: what each step does, and to which of the names there are so far."""
    r = random.Random(seed)
    start = r.choice(["plain", "leaf", "computed", "view of computed"])
    steps: list[Step] = [(start, {})]
    for _ in range(r.randint(3, 10)):
        kind = r.choices(["view", "write", "read"], [4, 5, 2])[0]
        step = {
            "of": r.randrange(100),
            "k": r.randrange(6),
            "no_grad": r.random() < 0.25,
            "how": r.choice(sorted(VIEWS if kind == "view" else WRITES)),
            "value": r.choice(sorted(VALUES)),
            "other": r.randrange(100),
        }
        steps.append((kind, step))
    return steps


def body(
    T: Any, steps: list[Step], w: Any, base: Any, skipped: set[int], strict: bool
) -> tuple[list[Any], Any]:
    """Run the steps but for those skipped; give all names and what was read. Add refused ones, or raise."""
    start = steps[0][0]
    names = [base]
    if start == "computed":
        names = [base * w[1]]
    elif start == "view of computed":
        names = [(base * w[1]).transpose(0, 1)]
    total = w.sum() * 0
    for number, (kind, step) in enumerate(steps[1:]):
        if number in skipped:
            continue
        x = names[step["of"] % len(names)]
        try:
            if kind == "read":
                total = total + (x.clone() ** 2).sum() + x.sum() * w[2]
                continue
            # PyTorch itself calls it ambiguous what a view is that no_grad() has made.
            with T.no_grad() if step["no_grad"] and kind == "write" else T.enable_grad():
                if kind == "view":
                    if x.ndim > 0 and x.ndim < 5 and 0 not in x.shape:
                        names.append(VIEWS[step["how"]](x, step["k"]))
                    continue
                if (x.ndim == 0 or 0 in x.shape) and "[" in step["how"]:
                    continue
                shared = any(n > 1 and s == 0 for n, s in zip(x.shape, x.stride(), strict=True))
                if step["how"] in ("zero_", "fill_") and shared:  # refused here
                    continue
                value = VALUES[step["value"]](T, w, names[step["other"] % len(names)])
                WRITES[step["how"]](x, step["k"], value)
        except (RuntimeError, IndexError, ValueError):
            if strict:
                raise
            skipped.add(number)
    return names, total


def run(
    T: Any,
    grad: Callable[..., Any],
    steps: list[Step],
    refused: set[int] | None = None,
    compiled: Callable[..., Any] = lambda f: f,
) -> tuple[list[Any], set[int]]:
    """Run a program with PyTorch's functions as T has them; leave out the steps that have been refused.

    Gives the values of all names, whether they require gradients, and the derivative of what was read, or
    the error where there is none; and which steps were refused. The steps may be compiled.
    """
    skipped = set(refused or ())
    w = T.tensor([0.5, -1.0, 2.0], dtype=T.float64).requires_grad_()
    base = T.tensor([[float(4 * i + j) / 4 - 1 for j in range(4)] for i in range(3)], dtype=T.float64)
    leaf = steps[0][0] == "leaf"
    if leaf:
        base.requires_grad_()
    names, total = compiled(lambda w, base: body(T, steps, w, base, skipped, refused is not None))(w, base)
    seen: list[Any] = []
    for x in names:
        seen.append(x.detach().tolist())
        seen.append(bool(x.requires_grad))
    try:
        grads = grad(total, [w, base] if leaf else [w], allow_unused=True)
        seen += [[0.0] if g is None else g.tolist() for g in grads]
    except RuntimeError as error:
        seen.append(str(error))
    return seen, skipped
