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
