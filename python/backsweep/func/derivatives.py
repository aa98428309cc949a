"""Derivatives of functions: by sweeping back, and forward by sweeping twice."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from backsweep import _core
from backsweep._core import GraphError, Tensor
from backsweep._tree import flatten, map_tree
from backsweep.func.vmap import vmap

__all__ = [
    "grad",
    "grad_and_value",
    "hessian",
    "hvp",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "value_and_grad",
    "vjp",
]

Axes = int | tuple[int, ...]


# ---- What all of them are made of: a function's values, by leaves of its own ---------------------------


class Traced:
    """A call of a function, with leaves of its own in the place of some of its tensors.

    Where an outer derivative passes through the tensors, the leaves are joined to them. What is computed of
    the
    call keeps a history if they are, or if the function uses others that require a gradient.
    """

    def __init__(self, name: str, func: Callable[..., Any], given: Any, has_aux: bool) -> None:
        self.name = name
        self.joined = False

        def leaf(x: Any) -> Tensor:
            if not isinstance(x, Tensor):
                raise TypeError(f"[{name}] takes tensors in lists, tuples and dicts, not {type(x).__name__}")
            if not x.dtype.is_floating_point:
                raise GraphError(f"[{name}] derivatives are by float tensors, one given is {x.dtype}")
            outer = recording and x.requires_grad
            self.joined |= outer
            return x.reshape(x.shape) if outer else x.detach().requires_grad_()

        recording = _core.is_grad_enabled()
        with _core.enable_grad():
            values, self.build = flatten(given)
            self.leaves = [leaf(x) for x in values]
            self.aux: Any = None
            made = func(self.build(self.leaves))
            if has_aux:
                if not (isinstance(made, tuple) and len(made) == 2):
                    raise RuntimeError(
                        f"[{name}] Expected output of f(*args) to be a tuple (output, aux) if has_aux is True"
                    )
                made, self.aux = made
        self.outputs, self.build_outputs = flatten(made)
        for y in self.outputs:
            if not isinstance(y, Tensor):
                raise RuntimeError(
                    f"[{name}] Expected f(*args) to return only tensors, got unsupported type {type(y)}"
                )
        self.keeps = recording and (self.joined or _core.depends_on_others(self.outputs, self.leaves))

    def free(self, tree: Any) -> Any:
        """Give what is computed without the leaves' history, unless something outside needs it."""
        if self.keeps:
            return tree
        return map_tree(lambda x: x.detach() if isinstance(x, Tensor) else x, tree)

    def back(
        self, cotangents: Sequence[Tensor | None], retain: bool = False, create: bool | None = None
    ) -> list[Tensor]:
        """Give the gradients by the leaves; zeros where nothing depends on one."""
        with _core.enable_grad():
            pairs = [
                (y, c)
                for y, c in zip(self.outputs, cotangents, strict=True)
                if y.requires_grad and c is not None
            ]
            found: Sequence[Tensor | None] = [None] * len(self.leaves)
            create = self.keeps if create is None else create
            if pairs:
                found = _core.grad(
                    [y for y, _ in pairs],
                    self.leaves,
                    [c for _, c in pairs],
                    retain_graph=retain or create,
                    create_graph=create,
                    allow_unused=True,
                )
            return [_core.zeros_like(x) if g is None else g for x, g in zip(self.leaves, found, strict=True)]


def _split(name: str, argnums: Axes, args: tuple[Any, ...]) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Give the arguments that are differentiated by, and what puts others in their place."""
    single = isinstance(argnums, int)
    places = []
    for k in (argnums,) if isinstance(argnums, int) else argnums:
        if not -len(args) <= k < len(args):
            raise RuntimeError(f"[{name}] Got argnum={k}, but only {len(args)} positional inputs")
        places.append(k % len(args))
    if len(set(places)) < len(places):
        raise RuntimeError(f"[{name}] argnums elements must be unique, got {argnums}")

    def put(values: Any) -> tuple[Any, ...]:
        made = list(args)
        for k, value in zip(places, (values,) if single else values, strict=True):
            made[k] = value
        return tuple(made)

    return (args[places[0]] if single else tuple(args[k] for k in places)), put


# ---- Gradients -----------------------------------------------------------------------------------------


def grad_and_value(func: Callable[..., Any], argnums: Axes = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Give a function that computes the gradient of `func` and its value.

    Parameters
    ----------
    func : callable
        Gives a tensor of one element.
    argnums : int or tuple of ints, default 0
        Which positional arguments the gradient is by: each a tensor, or tensors in nested lists, tuples and
        dicts. The gradient has the same nesting; zeros where nothing depends on a tensor.
    has_aux : bool, default False
        Whether `func` gives a pair, of the value and something that is handed on.

    Returns
    -------
    callable
        Gives ``(gradient, value)``, or ``(gradient, (value, aux))``.
    """
    return gradient_and_value("grad", func, argnums, has_aux)


def gradient_and_value(
    name: str, func: Callable[..., Any], argnums: Axes = 0, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """Give what `grad_and_value` gives, with errors in the name of who asks."""

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        by, put = _split(name, argnums, args)
        call = Traced(name, lambda values: func(*put(values), **kwargs), by, has_aux)
        if len(call.outputs) != 1 or call.outputs[0].ndim != 0:
            what = (
                f"tensor with {call.outputs[0].ndim} dims. Maybe you wanted to use the vjp or jacrev APIs "
                f"instead?"
                if len(call.outputs) == 1
                else f"{len(call.outputs)} tensors"
            )
            raise RuntimeError(f"[{name}] Expected f(*args) to return a scalar tensor, got {what}")
        y = call.outputs[0]
        gradients = call.build(call.back([_core.ones_like(y)]))
        value = call.free(call.build_outputs(call.outputs))
        return gradients, ((value, call.free(call.aux)) if has_aux else value)

    return both


def grad(func: Callable[..., Any], argnums: Axes = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Give a function that computes the gradient of `func`, whose arguments are those of `grad_and_value`.

    It nests: ``grad(grad(f))`` is the second derivative. With `has_aux` it gives ``(gradient, aux)``.
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        gradients, value = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


# ---- Products with Jacobians ---------------------------------------------------------------------------


def value_and_grad(f: Callable[..., Tensor]) -> Callable[..., tuple[Tensor, Any]]:
    """Give a function that computes f and the gradients by its first argument.

    The first argument is a tensor, or tensors in nested lists, tuples and dicts; the gradients come in the
    same nesting, zeros where f does not depend on a tensor. They can be differentiated again by what the
    argument was computed from. Works inside `bs.compile` too.

    Examples
    --------
    >>> loss, slopes = bs.value_and_grad(lambda w: (w["a"] * w["b"]).sum())({"a": a, "b": b})
    """
    both = gradient_and_value("value_and_grad", f)

    @functools.wraps(f)
    def swapped(*args: Any, **kwargs: Any) -> tuple[Tensor, Any]:
        gradients, value = both(*args, **kwargs)
        return value, gradients

    return swapped


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Give func(*primals), and a function of cotangents v (nested as the output) that gives v^T J.

    Returns
    -------
    tuple
        ``(output, vjp_fn)``, with `has_aux` ``(output, vjp_fn, aux)``. `vjp_fn` gives a tuple, one part for
        each of `primals`, and may be called often.

    Raises
    ------
    RuntimeError
        If cotangents are not nested as the output.
    """
    call = Traced("vjp", lambda values: func(*values), primals, has_aux)

    def vjp_fn(*cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        tree = cotangents[0] if len(cotangents) == 1 else cotangents
        given, _ = flatten(tree)
        if len(given) != len(call.outputs):
            raise RuntimeError(
                "[vjp] Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function: there are {len(given)} and {len(call.outputs)} tensors"
            )
        again = call.keeps or (_core.is_grad_enabled() and any(v.requires_grad for v in given))
        return call.build(call.back(given, retain=retain_graph, create=again))

    output = call.free(call.build_outputs(call.outputs))
    return (output, vjp_fn, call.free(call.aux)) if has_aux else (output, vjp_fn)


class Forward:
    """J v of a traced call, for any v: the derivative of u^T J, which is linear in u, by u."""

    def __init__(self, call: Traced, create: bool) -> None:
        self.call, self.create = call, create
        with _core.enable_grad():
            self.us = [_core.ones_like(y).requires_grad_() if y.requires_grad else None for y in call.outputs]
            self.found = call.back(self.us, create=True)

    def __call__(self, tangents: Sequence[Tensor]) -> list[Tensor]:
        pairs = [(g, t) for g, t in zip(self.found, tangents, strict=True) if g.requires_grad]
        us = [u for u in self.us if u is not None]
        made: list[Tensor | None] = [None] * len(us)
        if pairs and us:
            with _core.enable_grad():
                made = list(
                    _core.grad(
                        [g for g, _ in pairs],
                        us,
                        [t for _, t in pairs],
                        retain_graph=True,
                        create_graph=self.create,
                        allow_unused=True,
                    )
                )
        each = iter(made)
        results = [None if u is None else next(each) for u in self.us]
        return [
            _core.zeros_like(y) if r is None else r for y, r in zip(self.call.outputs, results, strict=True)
        ]


def _tangents(name: str, primals: Any, tangents: Any) -> list[Tensor]:
    given, wanted = flatten(tangents)[0], flatten(primals)[0]
    if len(given) != len(wanted):
        raise RuntimeError(
            f"[{name}] Expected primals and tangents to have the same python structure: there are "
            f"{len(wanted)} and {len(given)} tensors"
        )
    for t, x in zip(given, wanted, strict=True):
        if t.shape != x.shape:
            raise RuntimeError(f"[{name}] a tangent is {tuple(t.shape)}, its primal {tuple(x.shape)}")
    return given


def jvp(
    func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> tuple[Any, ...]:
    """Give func(*primals) and J v, the derivative along the tangents v.

    J v is the derivative of u^T J by u: two sweeps, and no rules of its own. Compiled, only what forward
    mode would
    compute is left of them.

    Parameters
    ----------
    func : callable
        Of tensors.
    primals, tangents : tuple
        Of one shape and nesting.
    strict : bool, default False
        Whether an output that depends on none of `primals` is refused.
    has_aux : bool, default False
        Whether `func` gives a pair, of the output and something that is handed on.

    Returns
    -------
    tuple
        ``(output, jvp)``, with `has_aux` ``(output, jvp, aux)``.

    Notes
    -----
    Source: Townsend (2017), A new trick for calculating Jacobian vector products.
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError("[jvp] Expected primals and tangents to be tuples, as in jvp(f, (x,), (v,))")
    along = _tangents("jvp", primals, tangents)
    call = Traced("jvp", lambda values: func(*values), primals, has_aux)
    if strict and not all(y.requires_grad for y in call.outputs):
        raise RuntimeError("[jvp] an output does not depend on the primals, and strict=True")
    outer = _core.is_grad_enabled() and (call.keeps or any(t.requires_grad for t in along))
    made = call.build_outputs(Forward(call, outer)(along))
    output = call.free(call.build_outputs(call.outputs))
    made = made if outer else map_tree(Tensor.detach, made)
    return (output, made, call.free(call.aux)) if has_aux else (output, made)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Give func(*primals), and a function of tangents that gives J v there, without running `func` again."""
    call = Traced("linearize", lambda values: func(*values), primals, False)
    forward = Forward(call, call.keeps)

    def jvp_fn(*tangents: Any) -> Any:
        made = call.build_outputs(forward(_tangents("linearize", primals, tangents)))
        return made if call.keeps else map_tree(Tensor.detach, made)

    return call.free(call.build_outputs(call.outputs)), jvp_fn


# ---- Jacobians -----------------------------------------------------------------------------------------


def _basis(of: Sequence[Tensor]) -> list[Tensor]:
    """Of tensors with n elements together the n unit vectors, cut to their shapes: a batch of n for each."""
    total = sum(x.numel() for x in of)
    made, first = [], 0
    for x in of:
        n = x.numel()
        part = _core.eye(total, dtype=x.dtype)[:, first : first + n]
        made.append(part.reshape((total, *x.shape)))
        first += n
    return made


def _rows(
    back: Callable[..., list[Tensor]], of: Sequence[Tensor], chunk_size: int | None, randomness: str = "same"
) -> list[list[Tensor]]:
    """Give back(unit vector) for all unit vectors: [k][j] for tensors k of `of` and j of what it gives."""
    every = vmap(lambda *units: tuple(back(units)), chunk_size=chunk_size, randomness=randomness)(*_basis(of))
    made, first = [], 0
    for x in of:
        n = x.numel()
        made.append([rows[first : first + n].reshape((*x.shape, *rows.shape[1:])) for rows in every])
        first += n
    return made


def jacrev(
    func: Callable[..., Any],
    argnums: Axes = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """Give a function that computes the Jacobian of `func`, by one sweep back for all elements of the output.

    Parameters
    ----------
    func : callable
        Gives tensors.
    argnums : int or tuple of ints, default 0
        Which positional arguments the Jacobian is by.
    has_aux : bool, default False
        Whether `func` gives a pair, of the output and something that is handed on.
    chunk_size : int, optional
        At most so many rows at a time.

    Returns
    -------
    callable
        Gives, in the nesting of the output and inside of that in the nesting of the argument, tensors of
        shape
        output.shape + argument.shape; with `has_aux` a pair of that and aux.
    """
    del _preallocate_and_copy

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        by, put = _split("jacrev", argnums, args)
        call = Traced("jacrev", lambda values: func(*put(values), **kwargs), by, has_aux)
        rows = _rows(lambda units: call.back(units, retain=True), call.outputs, chunk_size)
        made = call.build_outputs(call.build(row) for row in rows)
        return (made, call.free(call.aux)) if has_aux else made

    return jacobian


def jacfwd(
    func: Callable[..., Any], argnums: Axes = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """Give a function that computes the Jacobian of `func` forward, for more outputs than inputs.

    Arguments and results are those of `jacrev`. `randomness` is accepted: random numbers inside `func` are
    drawn once here.

    Raises
    ------
    RuntimeError
        If `randomness` is another word.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            f"[jacfwd] Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        by, put = _split("jacfwd", argnums, args)
        call = Traced("jacfwd", lambda values: func(*put(values), **kwargs), by, has_aux)
        forward = Forward(call, call.keeps)
        columns = _rows(forward, call.leaves, None)  # [argument][output], argument.shape first
        made = []
        for k, y in enumerate(call.outputs):
            row = []
            for x, column in zip(call.leaves, columns, strict=True):
                first, last = x.ndim, y.ndim
                row.append(column[k].permute((*range(first, first + last), *range(first))))
            made.append(call.build(call.free(row)))
        result = call.build_outputs(made)
        return (result, call.free(call.aux)) if has_aux else result

    return jacobian


def hessian(func: Callable[..., Any], argnums: Axes = 0) -> Callable[..., Any]:
    """Give a function that computes the second derivatives of `func`: the Jacobian of its Jacobian.

    Of a tensor argument and an output of shape s they have the shape s + argument.shape + argument.shape; of
    several arguments there is a tuple of tuples.
    """
    return jacrev(jacrev(func, argnums), argnums)


def hvp(func: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """Give H v: the derivative of the gradient of `func`, which gives one element, along the tangents v.

    Two sweeps back, whatever the number of elements: no Hessian is formed.

    Raises
    ------
    RuntimeError
        If primals and tangents are no tuples of the same form.
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError("[hvp] Expected primals and tangents to be tuples, as in hvp(f, (x,), (v,))")
    along = _tangents("hvp", primals, tangents)
    gradient = grad(func, tuple(range(len(primals))))
    call = Traced("hvp", lambda values: gradient(*values), primals, False)
    made = call.build(call.back(along))
    return made[0] if len(primals) == 1 else made
