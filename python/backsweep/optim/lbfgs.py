"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from backsweep import _core
from backsweep._arguments import shown
from backsweep._core import GraphError, Tensor
from backsweep.optim._line_search import Point, strong_wolfe
from backsweep.optim.optimizer import Optimizer, Params

__all__ = ["LBFGS"]

_LEAST_CURVATURE = 1e-10  # y s of a pair that is remembered


class LBFGS(Optimizer):
    """L-BFGS: a quasi-Newton method by the last steps and what they did to the gradient.

    One `step(closure)` makes up to `max_iter` iterations, with gradient g of all parameters together::

        d = -H g                                (H by the last `history_size` pairs s = t d and y = g' - g)
        p = p + t d

    t is lr, in the very first iteration min(1, 1 / sum |g|) lr, or the line search goes on from there.

    Parameters
    ----------
    params : iterable of Parameter, of (name, Parameter), or of one dict
        What to optimize: one parameter group.
    lr : float, default 1
    max_iter : int, default 20
        Iterations of a step.
    max_eval : int, optional
        Calls of the closure in a step; by default 5/4 `max_iter`.
    tolerance_grad : float, default 1e-7
        A step ends where no element of the gradient is larger.
    tolerance_change : float, default 1e-9
        A step ends where no parameter, or the loss, changes by more.
    history_size : int, default 100
    line_search_fn : {None, "strong_wolfe"}, default None

    Raises
    ------
    ValueError
        If lr is negative, there are several groups, or the line search is unknown.
    TypeError
        If `step` gets no closure.
    GraphError
        If `step` is called in a compiled function: it decides by values. The closure may call compiled ones.

    Notes
    -----
    State, with PyTorch's names, is that of the first parameter: `func_evals`, `n_iter`, `d`, `t`, `old_dirs`
    (y), `old_stps` (s), `ro` (1 / y s), `H_diag`, `prev_flat_grad`, `prev_loss`. Source: Liu & Nocedal
    (1989), On the limited memory BFGS method for large scale optimization, Mathematical Programming 45.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Take the one parameter group that there is."""
        if self.param_groups:
            raise ValueError("[LBFGS] there is one parameter group for all parameters: give a list of these")
        super().add_param_group(param_group)
        self._params = self.param_groups[0]["params"]

    def _check(self, values: Mapping[str, Any]) -> None:
        if not float(values["lr"]) >= 0.0:
            raise ValueError(f"[LBFGS] lr is {values['lr']}; it must be a number, not negative")
        if values["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(
                f'[LBFGS] line_search_fn is {shown(values["line_search_fn"])}; it must be "strong_wolfe" '
                "or None"
            )

    def _gradient(self) -> Tensor:
        flat = [
            _core.zeros(p.numel(), dtype=p.dtype) if p.grad is None else p.grad.view(-1) for p in self._params
        ]
        return _core.ops.cat(flat)

    def _move(self, t: float, d: Tensor) -> None:
        begin = 0
        for p in self._params:
            p.add_(d[begin : begin + p.numel()].view(p.shape), alpha=t)
            begin += p.numel()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make up to `max_iter` iterations.

        Parameters
        ----------
        closure : callable
            Clears the gradients, computes the loss and its gradients, and gives the loss.

        Returns
        -------
        Tensor
            The loss before the step.
        """
        if closure is None:
            raise TypeError(
                "[LBFGS] step needs a closure that clears the gradients, computes the loss, calls backward() "
                "and gives the loss"
            )
        if _core.is_capturing():
            raise GraphError(
                "[LBFGS] a step decides by values, which a compiled function does not have: call it outside, "
                "with a closure that calls compiled functions"
            )
        with _core.no_grad():
            return self._iterate(closure)

    def _iterate(self, closure: Callable[[], Any]) -> Any:
        group, state = self.param_groups[0], self.state[self._params[0]]
        lr = float(group["lr"])
        for name in ("func_evals", "n_iter"):
            state.setdefault(name, 0)

        def evaluate() -> tuple[Any, float, Tensor]:
            with _core.enable_grad():
                result = closure()
            return result, float(result), self._gradient()

        first_loss, loss, g = evaluate()
        evaluations = 1
        state["func_evals"] += 1
        if float(g.abs().max()) <= group["tolerance_grad"]:
            return first_loss
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            d = self._direction(state, g, group["history_size"])
            state["prev_flat_grad"], state["prev_loss"] = g, loss
            t = min(1.0, 1.0 / float(g.abs().sum())) * lr if state["n_iter"] == 1 else lr
            state["t"] = t
            slope = float(g.dot(d))
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if group["line_search_fn"] is not None:
                begin = [p.clone() for p in self._params]

                def at(length: float, begin: list[Tensor] = begin, d: Tensor = d) -> Point:
                    self._move(length, d)
                    _, loss, g = evaluate()
                    for p, value in zip(self._params, begin, strict=True):
                        p.copy_(value)
                    return Point(length, loss, g, float(g.dot(d)))

                end, used = strong_wolfe(
                    at,
                    Point(0.0, loss, g, slope),
                    t,
                    float(d.abs().max()),
                    group["tolerance_change"],
                    group["max_eval"] - evaluations,
                )
                t, loss, g, _ = end
                state["t"] = t
                self._move(t, d)
            else:
                self._move(t, d)
                if iteration != group["max_iter"]:
                    _, loss, g = evaluate()
                    used = 1
            evaluations += used
            state["func_evals"] += used
            if (
                evaluations >= group["max_eval"]
                or float(g.abs().max()) <= group["tolerance_grad"]
                or float((d * t).abs().max()) <= group["tolerance_change"]
                or abs(loss - state["prev_loss"]) < group["tolerance_change"]
            ):
                break
        return first_loss

    def _direction(self, state: Any, g: Tensor, history: int) -> Tensor:
        """Give -H g, after the pair of the last iteration has come into the history."""
        if state["n_iter"] == 1:
            state["old_dirs"], state["old_stps"], state["ro"], state["H_diag"] = [], [], [], 1
            state["d"] = -g
            return -g
        changes, steps, inverses = state["old_dirs"], state["old_stps"], state["ro"]
        y, s = g - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = y.dot(s)
        if float(curvature) > _LEAST_CURVATURE:
            if len(changes) == history:
                for kept in (changes, steps, inverses):
                    del kept[0]
            changes.append(y)
            steps.append(s)
            inverses.append(1.0 / curvature)
            state["H_diag"] = curvature / y.dot(y)
        pairs = list(zip(changes, steps, inverses, strict=True))
        q, weights = -g, []
        for y, s, inverse in reversed(pairs):
            weights.append(s.dot(q) * inverse)
            q = q - weights[-1] * y
        r: Tensor = q * state["H_diag"]
        for (y, s, inverse), weight in zip(pairs, reversed(weights), strict=True):
            r = r + (weight - y.dot(r) * inverse) * s
        state["d"] = r
        return r
