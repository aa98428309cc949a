"""More in-place idioms."""

from __future__ import annotations

from typing import Any

from names.idioms import idiom


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
