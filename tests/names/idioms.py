"""In-place idioms of PyTorch programs: each is run here and, where PyTorch is there, by it.

`EXPECTED` holds what PyTorch 2.13 gives: values, or the first words of what it raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["EXPECTED", "IDIOMS", "run"]

IDIOMS: dict[str, Callable[[Any], Any]] = {}


def idiom(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    IDIOMS[f.__name__] = f
    return f


@idiom
def setrow(T: Any) -> Any:
    x = T.zeros(3, 2)
    x[1] = 5.0
    return x


@idiom
def view_of_view(T: Any) -> Any:
    x = T.zeros(3, 4)
    x[1][2] = 7.0
    x[0][1:3].fill_(2.0)
    return x


@idiom
def viewflat(T: Any) -> Any:
    x = T.zeros(2, 3)
    y = x.view(-1)
    y += 1
    y[4] = 9.0
    return x, y


@idiom
def t_write(T: Any) -> Any:
    x = T.zeros(2, 3)
    x.T[2] = 1.0
    x.t()[0, 1] = 3.0
    return x


@idiom
def base_then_view(T: Any) -> Any:
    x = T.zeros(4)
    v = x[1:3]
    x += 1
    a = v.clone()
    x[2] = 5.0
    return a, v, x


@idiom
def alias(T: Any) -> Any:
    x = T.ones(3)
    y = x
    y *= 2
    return x


@idiom
def container(T: Any) -> Any:
    d = {"a": T.zeros(2)}
    listed = [d["a"]]
    listed[0].add_(1)
    return d["a"]


@idiom
def detach_write(T: Any) -> Any:
    w = T.tensor([1.0, 2.0], requires_grad=True)
    y = w * 2
    y.detach().zero_()
    y.sum().backward()
    return y.detach(), w.grad


@idiom
def detach_write2(T: Any) -> Any:
    w = T.tensor([1.0, 2.0], requires_grad=True)
    y = w * 2
    d = y.detach()
    d[0] = 9.0
    z = (y * y).sum()
    z.backward()
    return y.detach(), d, w.grad


@idiom
def nograd_nonleaf(T: Any) -> Any:
    w = T.tensor([1.0, 2.0], requires_grad=True)
    y = w * 2
    with T.no_grad():
        y.mul_(3)
    (y * 2).sum().backward()
    return y.detach(), w.grad


@idiom
def leaf_by_hand(T: Any) -> Any:
    w = T.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        (w * w).sum().backward()
        with T.no_grad():
            w -= 0.1 * w.grad
        w.grad.zero_()
    return w.detach(), w.grad, w.is_leaf


@idiom
def leaf_data(T: Any) -> Any:
    w = T.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(3):
        (w * w).sum().backward()
        w.data -= 0.1 * w.grad.data
        w.grad = None
    return w.detach()


@idiom
def recorded_rows(T: Any) -> Any:
    w = T.tensor([1.0, 2.0], requires_grad=True)
    out = T.zeros(3, 2)
    for t in range(3):
        out[t] = w * (t + 1)
    (out * out).sum().backward()
    return out.detach(), w.grad, out.requires_grad


@idiom
def recorded_rows_prev(T: Any) -> Any:
    w = T.tensor([1.0, 2.0], requires_grad=True)
    out = T.zeros(4, 2)
    out[0] = w
    for t in range(1, 4):
        out[t] = out[t - 1] * 0.5 + w
    (out[3]).sum().backward()
    return out.detach(), w.grad


@idiom
def view_sees_recorded(T: Any) -> Any:
    w = T.tensor([1.0, 2.0], requires_grad=True)
    out = T.zeros(2, 2)
    v = out[1]
    out[1] = w * 3
    (v * v).sum().backward()
    return v.detach(), w.grad, v.requires_grad


@idiom
def inplace_between(T: Any) -> Any:
    w = T.tensor([1.0, 2.0], requires_grad=True)
    y = w * 2
    z = y * 2
    y.add_(1)
    (y + z).sum().backward()
    return y.detach(), w.grad


@idiom
def inplace_mul(T: Any) -> Any:
    w = T.tensor([1.0, 2.0], requires_grad=True)
    y = w + 0
    y *= w.detach()
    y.sum().backward()
    return y.detach(), w.grad


@idiom
def relu_inpl(T: Any) -> Any:
    w = T.tensor([-1.0, 2.0], requires_grad=True)
    y = w * 3
    y.relu_()
    y.sum().backward()
    return y.detach(), w.grad


@idiom
def zero_hist(T: Any) -> Any:
    w = T.tensor([-1.0, 2.0], requires_grad=True)
    y = w * 3
    y.zero_()
    r = y.requires_grad
    y.sum().backward()
    return y.detach(), w.grad, r


@idiom
def zero_part(T: Any) -> Any:
    w = T.tensor([-1.0, 2.0], requires_grad=True)
    y = w * 3
    y[0] = 0.0
    y.sum().backward()
    return y.detach(), w.grad


@idiom
def param_views(T: Any) -> Any:
    p = T.nn.Parameter(T.zeros(2, 2))
    with T.no_grad():
        p[0] = 1.0
        p.view(-1)[3] = 4.0
        p.data.mul_(2)
        p.add_(1)
    return p.detach()


@idiom
def param_data_alias(T: Any) -> Any:
    p = T.nn.Parameter(T.zeros(2))
    d = p.data
    d += 1
    a = d.clone()
    with T.no_grad():
        p += 5
    return a, d, p.detach()


@idiom
def buffer_run(T: Any) -> Any:
    m = T.nn.Module()
    m.register_buffer("b", T.zeros(2))
    m.b[0] = 1.0
    m.b.mul_(2).add_(3)
    return m.b


@idiom
def swaprows(T: Any) -> Any:
    x = T.arange(6.0).view(3, 2)
    t = x[0].clone()
    x[0] = x[1]
    x[1] = t
    return x


@idiom
def expand_read(T: Any) -> Any:
    x = T.zeros(1, 2)
    e = x.expand(3, 2)
    x += 2
    return e


@idiom
def expand_write_err(T: Any) -> Any:
    x = T.zeros(1, 2)
    e = x.expand(3, 2)
    e += 2
    return e


@idiom
def leaf_err(T: Any) -> Any:
    w = T.zeros(2, requires_grad=True)
    w += 1


@idiom
def leaf_view_err(T: Any) -> Any:
    w = T.zeros(2, requires_grad=True)
    w[0] = 1.0


@idiom
def leaf_view_err2(T: Any) -> Any:
    w = T.zeros(2, requires_grad=True)
    v = w.view(2, 1)
    v.mul_(2)


@idiom
def int_float(T: Any) -> Any:
    x = T.zeros(2, dtype=T.int64)
    x[0] = 1.7
    x.fill_(2)
    return x


@idiom
def int_float_err(T: Any) -> Any:
    x = T.zeros(2, dtype=T.int64)
    x += 0.5


@idiom
def int_div_err(T: Any) -> Any:
    x = T.ones(2, dtype=T.int64)
    x /= 2


@idiom
def bool_ops(T: Any) -> Any:
    x = T.zeros(3, dtype=T.bool)
    x[1] = True
    x |= T.tensor([True, False, False])
    return x


@idiom
def iter_rows(T: Any) -> Any:
    x = T.zeros(3, 2)
    for i, r in enumerate(x):
        r.fill_(float(i))
    return x


@idiom
def unbind_w(T: Any) -> Any:
    x = T.zeros(2, 2)
    a, b = x.unbind(0)
    a += 1
    b -= 1
    return x


@idiom
def chunk_w(T: Any) -> Any:
    x = T.zeros(4)
    a, b = x.chunk(2)
    a += 1
    b[1] = 7.0
    return x


@idiom
def split_w(T: Any) -> Any:
    x = T.zeros(4, 2)
    a, b = x.split(2, 1)[0], x.split([1, 3])[1]
    a += 1
    b *= 2.0
    return x


@idiom
def unsq(T: Any) -> Any:
    x = T.zeros(2)
    x.unsqueeze(0)[0, 1] = 3.0
    x[None].add_(1)
    return x


@idiom
def squeeze(T: Any) -> Any:
    x = T.zeros(1, 2)
    x.squeeze(0)[1] = 3.0
    return x


@idiom
def narrow(T: Any) -> Any:
    x = T.zeros(4)
    x.narrow(0, 1, 2).fill_(3.0)
    return x


@idiom
def permute(T: Any) -> Any:
    x = T.zeros(2, 3)
    x.permute(1, 0)[2].fill_(3.0)
    x.transpose(0, 1)[0, 0] = 1.0
    return x


@idiom
def reshape_alias(T: Any) -> Any:
    x = T.zeros(2, 3)
    x.reshape(3, 2)[0] = 1.0
    x.flatten()[5] = 9.0
    return x


@idiom
def reshape_copy(T: Any) -> Any:
    x = T.zeros(2, 3)
    x.t().reshape(-1)[0] = 1.0
    return x


@idiom
def copy_(T: Any) -> Any:
    x = T.zeros(2, 3)
    x.copy_(T.ones(3))
    x[0].copy_(T.arange(3))
    return x


@idiom
def data_set(T: Any) -> Any:
    w = T.zeros(2, requires_grad=True)
    w.data = T.ones(2)
    (w * w).sum().backward()
    return w.detach(), w.grad


@idiom
def data_set_shares(T: Any) -> Any:
    w = T.zeros(2)
    y = T.ones(2)
    w.data = y
    y += 1
    return w


@idiom
def grad_same(T: Any) -> Any:
    w = T.zeros(2, requires_grad=True)
    (w * 2).sum().backward()
    return w.grad is w.grad


@idiom
def grad_zero(T: Any) -> Any:
    w = T.zeros(2, requires_grad=True)
    (w * 2).sum().backward()
    w.grad.zero_()
    a = w.grad.clone()
    (w * 3).sum().backward()
    g = w.grad
    g *= 2
    return a, w.grad


@idiom
def grad_alias(T: Any) -> Any:
    w = T.zeros(2, requires_grad=True)
    (w * 2).sum().backward()
    g = w.grad
    (w * 3).sum().backward()
    a = g.clone()
    w.grad = None
    (w * 1).sum().backward()
    return a, g, w.grad


@idiom
def grad_data(T: Any) -> Any:
    w = T.zeros(2, requires_grad=True)
    (w * 2).sum().backward()
    w.grad.data.mul_(0.5)
    w.grad.data.clamp_(max=0.7)
    return w.grad


@idiom
def grad_set(T: Any) -> Any:
    w = T.zeros(2, requires_grad=True)
    g = T.ones(2)
    w.grad = g
    g += 1
    return w.grad, w.grad is g


@idiom
def clone_indep(T: Any) -> Any:
    x = T.zeros(2)
    y = x.clone()
    y += 1
    return x, y


@idiom
def contiguous_same(T: Any) -> Any:
    x = T.zeros(2)
    y = x.contiguous()
    y += 1
    return x, y


@idiom
def saved_value(T: Any) -> Any:
    w = T.tensor([1.0, 2.0], requires_grad=True)
    y = w * 2
    z = y.exp()
    square = y * y
    y = y + 1
    (square + z).sum().backward()
    return y.detach(), w.grad


@idiom
def requires_after(T: Any) -> Any:
    x = T.zeros(2)
    v = x[0]
    w = T.ones(1, requires_grad=True)
    x[1:] = w
    return x.requires_grad, v.requires_grad, x.is_leaf, v.is_leaf


@idiom
def out_add(T: Any) -> Any:
    o = T.empty(2)
    r = T.add(T.ones(2), T.ones(2), out=o)
    return o, r is o


@idiom
def detached_flat(T: Any) -> Any:
    x = T.zeros(3)
    d = x.detach()
    v = d[1:]
    v += 1
    x[0] = 5.0
    return x, d, v


@idiom
def mul_by_view(T: Any) -> Any:
    x = T.arange(1.0, 5.0)
    x *= x[1]
    return x


@idiom
def add_self(T: Any) -> Any:
    x = T.arange(1.0, 5.0)
    x += x
    x[1:] += x[:-1].clone()
    return x


@idiom
def double_grad(T: Any) -> Any:
    w = T.tensor([1.0, 2.0], requires_grad=True)
    out = T.zeros(2, 2)
    out[0] = w * w
    out[1] = out[0] * w
    f = T.autograd.grad if hasattr(T, "autograd") else T.grad
    g = f(out.sum(), [w], create_graph=True)[0]
    h = f(g.sum(), [w])[0]
    return g.detach(), h


@idiom
def nograd_view(T: Any) -> Any:
    w = T.tensor([1.0, 2.0], requires_grad=True)
    with T.no_grad():
        v = w[0]
        v.mul_(5)
    return w.detach(), v


@idiom
def inplace_leaf_graph(T: Any) -> Any:
    w = T.tensor([1.0, 2.0], requires_grad=True)
    y = (w * 3).sum()
    with T.no_grad():
        w.mul_(2)
    y.backward()
    return w.detach(), w.grad


@idiom
def chain(T: Any) -> Any:
    w = T.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = w * 1
    y[0] *= 2
    y[:, 1] += y[:, 0]
    y.t()[0].mul_(3)
    y.view(-1)[2:].sub_(1)
    (y * y).sum().backward()
    return y.detach(), w.grad


@idiom
def setitem_broadcast(T: Any) -> Any:
    x = T.zeros(2, 3)
    x[0] = T.ones(1, 3)
    x[:, 1] = T.tensor([5.0, 6.0])
    x[..., 2] = 8.0
    x[None, 0] = T.ones(1, 1, 3)
    return x


@idiom
def mask(T: Any) -> Any:
    x = T.arange(4.0)
    x[x > 1] = 0.0
    return x


@idiom
def listidx(T: Any) -> Any:
    x = T.zeros(4)
    x[[0, 2]] = 5.0
    x[T.tensor([1])] = 3.0
    return x


@idiom
def mask_view(T: Any) -> Any:
    x = T.arange(6.0).view(2, 3)
    x[0][x[0] > 1] = -1.0
    return x


@idiom
def set_none(T: Any) -> Any:
    x = T.zeros(3, 2)
    x[:] = 1.0
    x[...] = 2.0
    x[()] = 3.0
    return x


@idiom
def zero_d(T: Any) -> Any:
    x = T.tensor(1.0)
    x += 1
    x[...] = 5.0
    x.fill_(T.tensor(3.0))
    return x


def plain(value: Any) -> Any:
    """Give a result as JSON holds it."""
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    return value.tolist() if hasattr(value, "tolist") else value


def run(T: Any, name: str) -> Any:
    """Give what the idiom gives with these functions: its values, or that it is refused."""
    try:
        return plain(IDIOMS[name](T))
    except (RuntimeError, TypeError, ValueError, IndexError):
        return "refused"


EXPECTED: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text())
