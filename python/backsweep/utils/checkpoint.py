"""Checkpoints, memory for time: a function's values are not kept for its derivative but computed again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from backsweep import _core

__all__ = ["checkpoint", "checkpoint_sequential"]

R = TypeVar("R")


def checkpoint(
    function: Callable[..., R],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> R:
    """Call `function(*args, **kwargs)` and keep none of what lies between its arguments and results.

    Derivatives run the function again, with parameters, buffers and generators as they were, and sweep
    through that: they are those of the function, of any order, whatever is written meanwhile. They are so to
    the bit, but where a tensor is used inside and outside as well, as a shared weight is, or is reached in
    several ways by a second derivative: then what comes from inside is added up first.
    What the second run writes is dropped, so running statistics count once. Parameters and tensors that the
    function finds elsewhere than in its arguments get their gradients as well.

    The same holds inside `bs.compile`. A function that is compiled runs eagerly in an eager checkpoint.

    Parameters
    ----------
    function : callable
        Gives a tensor, or tensors in nested tuples, lists and dicts; what else holds tensors is kept. It must
        compute the same each time.
    use_reentrant : bool, optional
        PyTorch's; both kinds are this one.
    preserve_rng_state : bool, default=True
        PyTorch's; random draws are always repeated, which costs nothing here.

    Raises
    ------
    GraphError
        During the sweep, where the function gives other results when it runs again.

    Notes
    -----
    Source: Chen et al. (2016), Training Deep Nets with Sublinear Memory Cost, arXiv:1604.06174.

    Examples
    --------
    >>> y = checkpoint(block, x)
    """
    del use_reentrant, preserve_rng_state
    result: R = _core.checkpoint(function, args, kwargs)
    return result


def checkpoint_sequential(
    functions: Iterable[Callable[..., Any]],
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """Call functions one after the other, in `segments` of equal number, all but the last as checkpoints.

    Parameters
    ----------
    functions : iterable of callables
        Say a `Sequential`. Each takes what the one before it gives.
    segments : int
        How many; the last one has what is left over.
    input : Tensor
        What the first function takes.
    use_reentrant, preserve_rng_state : bool
        As in `checkpoint`.

    Raises
    ------
    ValueError
        If there are fewer functions than segments.
    """
    steps = list(functions)
    if not 1 <= segments <= max(len(steps), 1):
        raise ValueError(f"[checkpoint_sequential] {len(steps)} functions do not make {segments} segments")
    each = len(steps) // segments

    def run(first: int, last: int) -> Callable[[Any], Any]:
        def forward(x: Any) -> Any:
            for step in steps[first:last]:
                x = step(x)
            return x

        return forward

    for begin in range(0, each * (segments - 1), each):
        input = checkpoint(run(begin, begin + each), input)
    return run(each * (segments - 1), len(steps))(input)
