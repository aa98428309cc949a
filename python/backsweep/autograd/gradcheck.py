"""Derivatives held against central differences."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backsweep import _core
from backsweep._core import Tensor
from backsweep.autograd.sweep import grad

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

Values = np.ndarray[Any, Any]


class GradcheckError(RuntimeError):
    """A derivative is not what differences say."""


def _outputs(func: Callable[..., Any], inputs: Sequence[Any]) -> list[Tensor]:
    made = func(*inputs)
    every = made if isinstance(made, (tuple, list)) else (made,)
    return [y for y in every if isinstance(y, Tensor) and y.dtype.is_floating_point]


def _values(t: Tensor) -> Values:
    return np.array(t.detach().numpy(), dtype=np.float64)


def _numerical(func: Callable[..., Any], inputs: Sequence[Any], k: int, eps: float) -> list[Values]:
    """Give d output_j / d input_k as (input elements, output elements), by central differences."""
    x = inputs[k]
    base = _values(x)
    columns: list[list[Values]] = []
    for i in range(base.size):
        ends = []
        for step in (eps, -eps):
            moved = base.copy()
            moved.flat[i] += step
            given = list(inputs)
            given[k] = _core.tensor(moved, dtype=x.dtype).requires_grad_()
            ends.append([_values(y).ravel() for y in _outputs(func, given)])
        columns.append([(a - b) / (2 * eps) for a, b in zip(*ends, strict=True)])
    return [np.stack(column) if column else np.zeros((0, 0)) for column in zip(*columns, strict=True)]


def _analytical(y: Tensor, x: Tensor, check_dtypes: bool) -> Values:
    """Give dy/dx as (input elements, output elements), by one sweep for each element of y."""
    rows = np.zeros((x.numel(), y.numel()))
    for j in range(y.numel()):
        unit = np.zeros(y.numel())
        unit[j] = 1
        seed = _core.tensor(unit, dtype=y.dtype).reshape(y.shape)
        (g,) = grad(y, x, seed, retain_graph=True, allow_unused=True)
        if g is None:
            continue
        if g.shape != x.shape or (check_dtypes and g.dtype != x.dtype):
            raise GradcheckError(
                f"[gradcheck] the gradient is {g.dtype} {tuple(g.shape)}, its input {x.dtype} "
                f"{tuple(x.shape)}"
            )
        rows[:, j] = _values(g).ravel()
    return rows


def _sizes(name: str, inputs: Sequence[Any]) -> list[int]:
    places = [k for k, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    if not places:
        raise ValueError(
            f"[{name}] gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    return places


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Hold the derivatives of `func` against central differences, of each output by each input.

    They agree if |a - n| <= atol + rtol |n| in each element.

    Parameters
    ----------
    func : callable
        Gives a tensor or a tuple of them.
    inputs : Tensor or sequence
        Arguments; checked by those that require a gradient, which should be float64.
    eps : float, default 1e-6
        The step of the differences.
    atol, rtol : float
        What is close.
    raise_exception : bool, default True
        Whether GradcheckError says what is not; else False is given.
    nondet_tol : float, default 0.0
        By how much a second sweep may differ from the first.
    check_undefined_grad : bool, default True
        Whether outputs without a gradient are tried as well: they count as zero.
    check_grad_dtypes : bool, default False
        Whether gradients must have the dtype of their inputs.
    check_batched_grad : bool, default False
        Whether a batch of gradients is tried as well, by `vmap`.
    check_forward_ad : bool, default False
        Whether J v, by `bs.func.jvp`, is tried as well.
    check_backward_ad : bool, default True
        Whether sweeps are tried.
    check_batched_forward_grad, fast_mode, masked : bool
        PyTorch's; everything is checked in full.

    Returns
    -------
    bool
        Whether all agree.
    """
    del check_batched_forward_grad, fast_mode, masked
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    places = _sizes("gradcheck", given)
    try:
        # Whatever made them, they are leaves here.
        given = [x.detach().requires_grad_() if k in places else x for k, x in enumerate(given)]
        outputs = _outputs(func, given)
        for k in places:
            numerical = _numerical(func, given, k, eps)
            for j, y in enumerate(outputs):
                n = numerical[j] if numerical else np.zeros((0, y.numel()))
                found = {}
                if check_backward_ad:
                    found["Backward"] = (
                        _analytical(y, given[k], check_grad_dtypes) if y.requires_grad else np.zeros_like(n)
                    )
                if check_forward_ad:
                    found["Forward"] = _forward(func, given, k, j)
                for mode, a in found.items():
                    if not np.allclose(a, n, rtol=rtol, atol=atol, equal_nan=True):
                        raise GradcheckError(
                            f"[gradcheck] Jacobian mismatch for output {j} with respect to input {k},\n"
                            f"numerical:{n}\nanalytical:{a}\n({mode}; rows are elements of the input)"
                        )
                if check_backward_ad and y.requires_grad:
                    again = _analytical(y, given[k], check_grad_dtypes)
                    if np.any(np.abs(again - found["Backward"]) > nondet_tol):
                        raise GradcheckError(
                            "[gradcheck] Backward is not reentrant, i.e., running backward with same input "
                            "and grad_output multiple times gives different values"
                        )
        live = [y for y in outputs if y.requires_grad]
        by = [given[k] for k in places]
        if check_undefined_grad and check_backward_ad:
            _check_undefined(live, by)
        if check_batched_grad and check_backward_ad:
            _check_batched(live, by)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _forward(func: Callable[..., Any], inputs: Sequence[Any], k: int, j: int) -> Values:
    from backsweep.func import jvp

    def of_one(x: Tensor) -> Tensor:
        given = list(inputs)
        given[k] = x
        return _outputs(func, given)[j]

    x = inputs[k]
    rows = []
    for unit in np.eye(x.numel()):
        tangent = _core.tensor(unit, dtype=x.dtype).reshape(x.shape)
        rows.append(_values(jvp(of_one, (x.detach(),), (tangent,))[1]).ravel())
    return np.stack(rows) if rows else np.zeros((0, 0))


def _check_undefined(live: Sequence[Tensor], by: Sequence[Tensor]) -> None:
    """Try outputs that get no gradient among others that do: they count as those that get zeros."""
    if len(live) < 2:
        return
    for left_out in range(len(live)):
        rest = [y for k, y in enumerate(live) if k != left_out]
        seeds = [_core.ones_like(y) for y in rest]
        zero = [*seeds[:left_out], _core.zeros_like(live[left_out]), *seeds[left_out:]]
        without = grad(rest, by, seeds, retain_graph=True, materialize_grads=True)
        with_zero = grad(list(live), by, zero, retain_graph=True, materialize_grads=True)
        for a, b in zip(without, with_zero, strict=True):
            if a is None or b is None or not np.allclose(_values(a), _values(b), equal_nan=True):
                raise GradcheckError(
                    "[gradcheck] Expected backward function to handle undefined output grads"
                )


def _check_batched(live: Sequence[Tensor], by: Sequence[Tensor]) -> None:
    for y in live:
        seeds = [_core.full(y.shape, float(s), dtype=y.dtype) for s in (1, 2)]
        together = grad(
            y, by, _core.stack(seeds), retain_graph=True, is_grads_batched=True, materialize_grads=True
        )
        for s, seed in enumerate(seeds):
            alone = grad(y, by, seed, retain_graph=True, materialize_grads=True)
            for a, b in zip(together, alone, strict=True):
                if (
                    a is None
                    or b is None
                    or not np.allclose(_values(a[s] if a.ndim > b.ndim else a), _values(b))
                ):
                    raise GradcheckError("[gradcheck] a batch of gradients is not what they are one by one")


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Hold second derivatives of `func` against central differences of first ones.

    Parameters
    ----------
    grad_outputs : Tensor or sequence of Tensor, optional
        What the first derivatives are of: random by default.
    gen_non_contig_grad_outputs, check_fwd_over_rev, check_rev_over_rev : bool
        PyTorch's.

    Notes
    -----
    The other arguments, and what is given, are those of `gradcheck`.
    """
    del gen_non_contig_grad_outputs
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    places = _sizes("gradgradcheck", given)
    outputs = [y for y in _outputs(func, given) if y.requires_grad]
    if grad_outputs is None:
        draw = np.random.default_rng(0)
        seeds = [
            _core.tensor(draw.standard_normal(tuple(y.shape)), dtype=y.dtype).requires_grad_()
            for y in outputs
        ]
    else:
        every = [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)
        seeds = [g.detach().requires_grad_() for g in every]

    def first(*arguments: Any) -> tuple[Tensor, ...]:
        own, weights = arguments[: len(given)], arguments[len(given) :]
        # Arguments that a difference moves are leaves again.
        live = [own[k] if own[k].requires_grad else own[k].detach().requires_grad_() for k in places]
        called = list(own)
        for k, x in zip(places, live, strict=True):
            called[k] = x
        with _core.enable_grad():
            made = [y for y in _outputs(func, called) if y.requires_grad]
            found = grad(made, live, list(weights), create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        first,
        list(itertools.chain(given, seeds)),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )
