"""Weights with a property by construction: given lengths, a spectral norm of 1, orthogonal columns."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, TypeVar

from backsweep import _core, linalg
from backsweep._arguments import flag, number, one_of, whole
from backsweep._core import Buffer, ShapeError, Tensor
from backsweep._dtypes import finfo
from backsweep.linalg._names import geqrf, matrix_exp
from backsweep.nn import functional as F
from backsweep.nn.module import Module
from backsweep.nn.utils._norms import axis_of, matrix_of, norm_except, rows_axis
from backsweep.nn.utils.parametrize import is_parametrized, register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

M = TypeVar("M", bound=Module)
OrthogonalMap = Literal["matrix_exp", "cayley", "householder"]


def weight_of(op: str, module: Module, name: str) -> Tensor:
    """Give the weight of a module that is to be computed, or raise."""
    weight: Any = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"[{op}] {type(module).__name__} has no parameter or buffer {name!r} with a value")
    return weight


# ---- Weight norm -------------------------------------------------------------------------------------------


class _WeightNorm(Module):
    """v g / |v|, the lengths taken over all axes but one."""

    def __init__(self, axis: int | None) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        """Give the weight of lengths g and directions v."""
        return v * (g / norm_except(v, self.axis))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Give lengths and directions of a weight."""
        return norm_except(weight, self.axis), weight


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Train the lengths and the directions of a weight apart: w = g v / |v|.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
    dim : int or None, default 0
        The axis that g keeps: |v| is the 2-norm over all others. None: one length of the whole weight.

    Returns
    -------
    Module
        The module itself. `parametrizations.weight.original0` is g, with axes of size 1 but for `dim` (0-d
        for None), `parametrizations.weight.original1` is v, which starts as w. `load_state_dict` takes the
        keys of `nn.utils.weight_norm` too.

    Raises
    ------
    ValueError
        If the module has no such parameter.
    ShapeError
        If the weight has no such axis.

    Notes
    -----
    Source: Salimans and Kingma (2016), Weight normalization: a simple reparameterization to accelerate
    training of deep neural networks, NeurIPS.
    """
    op = "weight_norm"
    weight = weight_of(op, module, name)
    # -1 is PyTorch's other word for None here.
    axis = None if dim is None or dim == -1 else axis_of(op, weight, whole(op, "dim", dim, None))
    register_parametrization(module, name, _WeightNorm(axis), unsafe=True)
    module.register_load_state_dict_pre_hook(partial(_take_old_keys, name))
    return module


def _take_old_keys(name: str, module: Module, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
    """Rename what `nn.utils.weight_norm` has saved."""
    if is_parametrized(module, name):
        for old, new in (("_g", "original0"), ("_v", "original1")):
            if prefix + name + old in state_dict:
                state_dict[f"{prefix}parametrizations.{name}.{new}"] = state_dict.pop(prefix + name + old)


# ---- Spectral norm -----------------------------------------------------------------------------------------


class _SpectralNorm(Module):
    """w / s, s the largest singular value of w as a matrix, by power iterations on kept vectors."""

    _u: Buffer
    _v: Buffer

    def __init__(self, weight: Tensor, n_power_iterations: int, axis: int, eps: float) -> None:
        super().__init__()
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, axis, eps
        if weight.ndim > 1:
            matrix = matrix_of(weight.detach(), axis)
            for name, size in (("_u", matrix.shape[0]), ("_v", matrix.shape[1])):
                start = _core.zeros(size, dtype=weight.dtype).normal_()
                self.register_buffer(name, F.normalize(start, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _iterate(self, matrix: Tensor, times: int) -> None:
        with _core.no_grad():
            u, v = self._u.detach(), self._v.detach()
            for _ in range(times):
                u = F.normalize(_core.mv(matrix, v), dim=0, eps=self.eps)
                v = F.normalize(_core.mv(matrix.t(), u), dim=0, eps=self.eps)
            self._u.copy_(u)
            self._v.copy_(v)

    def forward(self, weight: Tensor) -> Tensor:
        """Give the weight divided; in training mode the vectors are improved first."""
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = matrix_of(weight, self.dim)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        # Snapshots: the derivative of this reading is by these vectors, whatever a later one makes of them.
        u, v = self._u._snapshot(), self._v._snapshot()
        return weight / _core.dot(u, _core.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """Give value: it is not required to have norm 1."""
        return value


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divide a weight by its largest singular value s, which is estimated as training goes on.

    With vectors u and v that are kept, each reading in training mode takes ``u = W v / |W v|`` and
    ``v = W^T u / |W^T u|`` some times, and gives ``W / (u^T W v)``; the derivative takes u and v as given.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
    n_power_iterations : int, default 1
        Per reading; 15 are done at the start.
    eps : float, default 1e-12
        Stands for lengths below it.
    dim : int, optional
        The axis along which the rows of the matrix W go; 0 if left out (1 for transposed convolutions).

    Returns
    -------
    Module
        The module itself, with `parametrizations.weight.original`, and the buffers
        `parametrizations.weight.0._u` and `_v`.

    Raises
    ------
    ValueError
        If the module has no such parameter, or n_power_iterations is below 1.
    ShapeError
        If the weight has no such axis.

    Notes
    -----
    A weight of one axis is divided by its length. Source: Miyato et al. (2018), Spectral normalization for
    generative adversarial networks, ICLR.
    """
    op = "spectral_norm"
    weight = weight_of(op, module, name)
    axis = axis_of(op, weight, rows_axis(op, module, dim))
    times, least = whole(op, "n_power_iterations", n_power_iterations), number(op, "eps", eps)
    return register_parametrization(module, name, _SpectralNorm(weight, times, axis, least))


# ---- Orthogonal matrices -----------------------------------------------------------------------------------


class _Orthogonal(Module):
    """A matrix with orthonormal columns (rows, where it is wide), by one of three maps."""

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: OrthogonalMap, trivialize: bool) -> None:
        super().__init__()
        self.orthogonal_map, self.shape = orthogonal_map, tuple(weight.shape)
        self.trivialize = trivialize
        if trivialize:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        """Give the matrix of a free one."""
        wide = self.shape[-2] < self.shape[-1]
        x = x.mT if wide else x
        n, k = x.shape[-2:]
        q = self._by_reflections(x) if self.orthogonal_map == "householder" else self._by_skew(x, n, k)
        if self.trivialize and self.base is not None:
            q = _core.matmul(self.base, q)
        return q.mT if wide else q

    def _by_skew(self, x: Tensor, n: int, k: int) -> Tensor:
        lower = _core.tril(x)
        if n != k:
            rest = _core.zeros((*x.shape[:-1], n - k), dtype=x.dtype)
            lower = _core.cat([lower, rest], -1)
        skew = lower - lower.mT
        if self.orthogonal_map == "matrix_exp":
            q = matrix_exp(skew)
        else:
            eye = _core.eye(n, dtype=x.dtype)
            q = linalg.solve(eye - 0.5 * skew, eye + 0.5 * skew)
        return q[..., :k] if n != k else q

    def _by_reflections(self, x: Tensor) -> Tensor:
        lower = _core.tril(x, -1)
        tau = 2.0 / (1.0 + (lower * lower).sum(-2))
        signs = _core.trunc(x.detach().diagonal(0, -2, -1))  # 1 and -1, as right_inverse leaves them
        return linalg.householder_product(lower, tau) * signs.unsqueeze(-2)

    def right_inverse(self, q: Tensor) -> Tensor:
        """Give the free matrix of an orthogonal one; with a base, one near to the identity."""
        if tuple(q.shape) != self.shape:
            raise ShapeError(f"[orthogonal] the value is {tuple(q.shape)}; it must be {self.shape}")
        wide = self.shape[-2] < self.shape[-1]
        tall = q.mT if wide else q
        n, k = tall.shape[-2:]
        if not self.trivialize:
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    f'[orthogonal] what is computed by "{self.orthogonal_map}" can be assigned to with '
                    "use_trivialization=True alone"
                )
            lower, tau = geqrf(tall)
            signs = _core.where(lower.diagonal(0, -2, -1) >= 0, 1.0, -1.0)
            signs = _core.where(tau == 0.0, -signs, signs)
            kept = _core.tril(lower, -1) + _core.triu(lower, 1) + _with_diagonal(signs.to(q.dtype), n, k)
            return kept.mT if wide else kept
        if n != k:
            more = _core.zeros((*tall.shape[:-1], n - k), dtype=q.dtype).normal_()
            tall = _core.cat([tall, more], -1)
            base = _made_orthogonal(tall)
        else:
            base = tall.clone() if _is_orthogonal(tall) else _made_orthogonal(tall)
        if self.base is None:
            self.register_buffer("base", base)
        else:
            self.base = base
        # The maps give the base itself there.
        return _core.zeros(self.shape, dtype=q.dtype) - _core.eye(*self.shape[-2:], dtype=q.dtype)


def _with_diagonal(values: Tensor, n: int, k: int) -> Tensor:
    """Give n x k matrices with these k numbers on the diagonal."""
    return _core.eye(n, k, dtype=values.dtype) * values.unsqueeze(-2)


def _made_orthogonal(matrix: Tensor) -> Tensor:
    """Give Q of QR, with the signs that make R's diagonal positive: the matrix itself if it is orthogonal."""
    lower, tau = geqrf(matrix)
    q = linalg.householder_product(lower, tau)
    return q * _core.sign(lower.diagonal(0, -2, -1)).unsqueeze(-2)


def _is_orthogonal(q: Tensor) -> bool:
    k = q.shape[-1]
    eye = _core.eye(k, dtype=q.dtype)
    limit = 10.0 * k * finfo(q.dtype).eps
    return bool((_core.abs(_core.matmul(q.mT, q) - eye) <= limit).all())


def orthogonal(
    module: M,
    name: str = "weight",
    orthogonal_map: OrthogonalMap | None = None,
    *,
    use_trivialization: bool = True,
) -> M:
    """Keep a matrix orthogonal: its columns, or its rows where it is wide, are orthonormal.

    With a free matrix X, its lower triangle L and A = L - L^T, the matrix is (``"matrix_exp"``) e^A,
    (``"cayley"``) ``(1 - A/2)^-1 (1 + A/2)``, or (``"householder"``) the product of the reflections that the
    columns of L name. The first columns of it, where it is tall.

    Parameters
    ----------
    module : Module
    name : str, default "weight"
        Of two axes or more; the last two are the matrices.
    orthogonal_map : "matrix_exp", "cayley" or "householder", optional
        "matrix_exp" if left out for square matrices, else "householder".
    use_trivialization : bool, default True
        Whether the result is multiplied by a kept orthogonal matrix B, `parametrizations.weight.0.base`.
        Then any value can be assigned: B becomes the orthogonal matrix next to it by QR.

    Returns
    -------
    Module
        The module itself.

    Raises
    ------
    ValueError
        If the module has no such parameter, it has fewer than two axes, or the map is unknown.

    Notes
    -----
    LAPACK through SciPy (the extra `linalg`). Source: Lezcano Casado (2019), Trivializations for
    gradient-based optimization on manifolds, NeurIPS.
    """
    op = "orthogonal"
    weight = weight_of(op, module, name)
    if weight.ndim < 2:
        raise ValueError(f"[{op}] `{name}` is {tuple(weight.shape)}: it must be a matrix or a batch of them")
    chosen = orthogonal_map
    if chosen is None:
        chosen = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    words: tuple[OrthogonalMap, ...] = ("matrix_exp", "cayley", "householder")
    one_of(op, "orthogonal_map", chosen, words)
    trivialize = flag(op, "use_trivialization", use_trivialization)
    return register_parametrization(module, name, _Orthogonal(weight, chosen, trivialize), unsafe=True)
